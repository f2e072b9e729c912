"""A history in which each row belongs to the person whom its identifiers name, as of an instant.

Contract. A row with a customer id belongs to the person of that id; any other to the person of its
first identifier, in the order of priority of their kinds, that was bound before the instant. Ids of
persons are text. A row whose identifiers are nobody's stays unresolved. Nothing is collected: the
host's tables are joined with a table of identifiers, in the engine that holds them.

Of current attributes of merged customers each is what the account that goes on says, else what the
others say, by their ids. Dated attributes follow with their own dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np

from userops.core import frames
from userops.core.blanks import is_padded_expr
from userops.core.texts import coded, column_of
from userops.customers.identifiers import is_trimmed, undeclared
from userops.customers.identities import Identities
from userops.customers.identity_decisions import IdentityDecisions
from userops.customers.links import FIRST, LAST, ROWS, LinkSource, Seen
from userops.events.columns import COUNTED, CUSTOMER_ID, INSTANT_US, STATUS, UNRESOLVED
from userops.events.table import EventTable
from userops.events.working_columns import PREFIX, own

if TYPE_CHECKING:
    from userops.customers.identity_graph import IdentityGraph

__all__ = ["ALL_US", "HistoryLinks", "Identification", "Persons", "check_kinds"]

# After every instant.
ALL_US = 2**61
_RAW, _PERSON = PREFIX + "raw", PREFIX + "person"
_WRITTEN, _PERSON_OF = PREFIX + "written", PREFIX + "person_of"
_NOBODY = PREFIX + "is_nobodys"


@attrs.frozen(eq=False)
class HistoryLinks:
    """The links that event tables carry: rows with several identifiers of one person.

    Attributes:
        tables: Event name to table.
    """

    tables: Mapping[str, EventTable]

    def seen_before(self, before_us: int) -> list[Seen]:
        """Return each combination of identifiers, and when it was seen before an instant."""
        return [seen for table in self.tables.values() for seen in self._of_table(table, before_us)]

    def _of_table(self, table: EventTable, before_us: int) -> list[Seen]:
        columns = table.columns
        kinds = {kind: f"identifier_{kind}" for kind in columns.identifiers}
        if columns.customer_id is not None:
            kinds = {CUSTOMER_ID: CUSTOMER_ID, **kinds}
        good = (own(STATUS) <= COUNTED) & (own(INSTANT_US) < before_us)
        names = {kind: f"{PREFIX}k{n}" for n, kind in enumerate(kinds)}
        rows = table.normalised.filter(good.fill_null(False)).select(
            *(own(name).cast(nw.String).alias(names[kind]) for kind, name in kinds.items()),
            own(INSTANT_US).alias(FIRST),
        )
        combinations = rows.group_by(*names.values()).agg(
            nw.col(FIRST).min(), nw.col(FIRST).max().alias(LAST), nw.len().alias(ROWS)
        )
        found = frames.to_arrow(combinations)
        return [Seen.of_table(found, names)] if found.num_rows else []

    def __repr__(self) -> str:
        """Return the tables and the kinds that they carry."""
        said = []
        for name, table in self.tables.items():
            own_id = [CUSTOMER_ID] if table.columns.customer_id is not None else []
            said.append(f"{name}: {', '.join([*own_id, *table.columns.identifiers])}")
        return f"HistoryLinks({'; '.join(said)})"


@attrs.frozen(eq=False)
class Identification:
    """How the rows of a history find their persons.

    Attributes:
        graph: The kinds of identifier and their guards.
        links: Links beside those of the history itself.
        decisions: The log of decisions by hand.
        reach: The log of consent and delivery of the history, whose rows are links as well.
    """

    graph: IdentityGraph
    links: tuple[LinkSource, ...]
    decisions: IdentityDecisions | None
    reach: LinkSource | None = None

    def identities(
        self, tables: Mapping[str, EventTable], before_us: int, more: Sequence[LinkSource] = ()
    ) -> Identities:
        """Resolve the links of a history, and perhaps more, before an instant."""
        sources = [HistoryLinks(tables), *self.links, *more]
        sources += [] if self.reach is None else [self.reach]
        where = next(iter(tables.values())).columns.zone
        return self.graph.resolve_before(sources, before_us, decisions=self.decisions, where=where)


class Persons:
    """The persons of identifiers as tables to join with, in the engine of a history.

    Args:
        identities: Who is who.
        source: Where the tables of the history come from.
    """

    def __init__(self, identities: Identities, source: frames.Source) -> None:
        self.identities = identities
        self._source = source

    @cached_property
    def _names(self) -> Any:
        """The id of each person, by number."""
        found = self.identities
        nodes, texts = found.named_by, []
        kinds = found.nodes.kind[nodes]
        for number, kind in enumerate(found.kinds):
            mine = np.flatnonzero(kinds == number)
            prefix = "" if kind.name == CUSTOMER_ID else f"{kind.name}:"
            places = nodes[mine] - found.nodes.offsets[number]
            texts.append((mine, found.nodes.texts[number].prefixed(prefix, places)))
        return frames.scattered(len(nodes), texts)

    def of_kind(self, kind: str) -> frames.Frame:
        """Return `raw`, each writing of an identifier of a kind, and its `person`."""
        _, known, raws = self._spelled(kind)
        persons = self.identities.made.person[known]
        return self._table({_RAW: raws, _PERSON: self._names.take(persons)})

    def with_written(self, rows: frames.Frame, kind: str, value: str, owner: str) -> frames.Frame:
        """Return rows of identifiers of one kind as these are written, and whose they are.

        An identifier that is nobody's stays as it came, and its owner is who he is now.

        Args:
            rows: The rows.
            kind: Of the identifiers.
            value: Column of the identifiers, text.
            owner: Column of the ids of customers.
        """
        number, known, raws = self._spelled(kind)
        nodes = self.identities.nodes
        written = nodes.texts[number].prefixed("", known - nodes.offsets[number])
        persons = self._names.take(self.identities.made.person[known])
        table = self._table({_RAW: raws, _WRITTEN: written, _PERSON_OF: persons})
        rows = self.with_current(rows, owner).with_columns(nw.col(value).alias(_RAW))
        rows = frames.with_matches(rows, table, _RAW)
        return rows.with_columns(
            nw.coalesce(_WRITTEN, value).alias(value), nw.coalesce(_PERSON_OF, owner).alias(owner)
        ).drop(_RAW, _WRITTEN, _PERSON_OF)

    def with_any_written(self, rows: frames.Frame, column: str, nobody: str) -> frames.Frame:
        """Return rows with identifiers as they are written; those that never were, as they came.

        Args:
            rows: The rows.
            column: Column of identifiers of any kind behind their kind, text.
            nobody: The flag to add: whether an identifier cannot be read, or is blocked.
        """
        rows = rows.with_columns(nw.col(column).alias(_RAW))
        for table in (self._of_any, self._nobodys):
            rows = frames.with_matches(rows, table, _RAW)
        return rows.with_columns(
            nw.coalesce(_WRITTEN, _RAW).alias(column), (~nw.col(_NOBODY).is_null()).alias(nobody)
        ).drop(_RAW, _WRITTEN, _PERSON, _NOBODY)

    @cached_property
    def _nobodys(self) -> frames.Frame:
        """`raw`, each writing that is nobody's behind its kind, twice."""
        raws, begin = [], 0
        for kind, spelling in zip(
            self.identities.kinds, self.identities.nodes.spellings, strict=True
        ):
            places = np.flatnonzero(spelling.nodes < 0)
            texts = spelling.texts.prefixed(f"{kind.name}:", places)
            raws.append((np.arange(begin, begin + len(places)), texts))
            begin += len(places)
        texts = frames.scattered(begin, raws)
        return self._table({_RAW: texts, _NOBODY: texts})

    @cached_property
    def _of_any(self) -> frames.Frame:
        """Each writing of an identifier, `raw` and `written`, behind its kind, and its `person`."""
        nodes, raws, written, everyone, begin = self.identities.nodes, [], [], [], 0
        for kind in self.identities.kinds:
            number, known, raw = self._spelled(kind.name, f"{kind.name}:")
            places = np.arange(begin, begin + len(known))
            begin += len(known)
            texts = nodes.texts[number].prefixed(f"{kind.name}:", known - nodes.offsets[number])
            raws.append((places, raw))
            written.append((places, texts))
            everyone.append(self.identities.made.person[known])
        persons = self._names.take(np.concatenate(everyone))
        columns = {_RAW: frames.scattered(begin, raws), _WRITTEN: frames.scattered(begin, written)}
        return self._table({**columns, _PERSON: persons})

    def with_owner(
        self, rows: frames.Frame, kind: nw.Expr, value: nw.Expr, name: str
    ) -> frames.Frame:
        """Return rows with the person of an identifier of any kind; null where it is nobody's.

        Args:
            rows: The rows.
            kind: The kind of the identifier in each.
            value: Its value, text.
            name: The column to add.
        """
        raw = nw.concat_str(kind, nw.lit(":"), value)
        rows = frames.with_matches(rows.with_columns(raw.alias(_RAW)), self._of_any, _RAW)
        return rows.rename({_PERSON: name}).drop(_RAW, _WRITTEN)

    def _spelled(self, kind: str, prefix: str = "") -> tuple[int, Any, Any]:
        """Return the place of a kind, the nodes of its writings, and these behind a text."""
        number = [k.name for k in self.identities.kinds].index(kind)
        spelling = self.identities.nodes.spellings[number]
        places = np.flatnonzero(spelling.nodes >= 0)
        return number, spelling.nodes[places], spelling.texts.prefixed(prefix, places)

    @cached_property
    def renamed(self) -> frames.Frame:
        """`raw`, each id that is called otherwise now, and its `person`: mostly few.

        An id in every writing that was seen, and as its kind writes it, which perhaps no event did.
        """
        found, raws, persons = self.identities, [], []
        for number, kind in enumerate(found.kinds):
            spelling, texts = found.nodes.spellings[number], found.nodes.texts[number]
            known = np.flatnonzero(spelling.nodes >= 0)
            prefix = "" if kind.name == CUSTOMER_ID else f"{kind.name}:"
            raws.append(spelling.texts.prefixed(prefix, known))
            persons.append(self._names.take(found.made.person[spelling.nodes[known]]))
            if texts is not spelling.texts:
                unseen = np.flatnonzero(texts.places_in(spelling.texts) < 0)
                raws.append(texts.prefixed(prefix, unseen))
                nodes = unseen + found.nodes.offsets[number]
                persons.append(self._names.take(found.made.person[nodes]))
        return self._table(frames.differing(_RAW, raws, _PERSON, persons))

    def _table(self, columns: Mapping[str, Any]) -> frames.Frame:
        table = frames.text_table(columns)
        # pandas would give the text back as another type of Arrow's.
        return frames.read(table if self._source.is_arrow else self._source.give_rows(table)).frame

    def of_rows(self, table: EventTable, rows: frames.Frame) -> frames.Frame:
        """Return normalised rows with the persons as `customer_id`, and their status anew."""
        priority = {kind.name: kind.priority for kind in self.identities.kinds}
        identifiers = sorted(table.columns.identifiers, key=lambda kind: -priority[kind])
        person: nw.Expr | None = None
        rows = self.with_current(rows, PREFIX + CUSTOMER_ID)
        if identifiers:
            found = []
            for n, kind in enumerate(identifiers):
                named = self.of_kind(kind).rename({_PERSON: f"{_PERSON}_{n}"})
                raw = own(f"identifier_{kind}").cast(nw.String).alias(_RAW)
                rows = frames.with_matches(rows.with_columns(raw), named, _RAW).drop(_RAW)
                found.append(f"{_PERSON}_{n}")
            person = nw.coalesce(PREFIX + CUSTOMER_ID, *found)
            rows = rows.with_columns(person.alias(PREFIX + CUSTOMER_ID)).drop(*found)
        is_good = own(STATUS) <= COUNTED
        counted = nw.when(own(CUSTOMER_ID).is_null()).then(nw.lit(UNRESOLVED))
        counted = counted.otherwise(nw.lit(COUNTED))  # type: ignore[assignment]
        status = nw.when(is_good).then(counted).otherwise(own(STATUS)).cast(nw.Int8)
        return rows.with_columns(status.alias(PREFIX + STATUS))

    def with_called(self, rows: frames.Frame, column: str) -> frames.Frame:
        """Do what `with_current` does, of ids that no event may hold, in any writing.

        Those that may be written otherwise are read once: of ids that are only trimmed, the few
        with blanks around them or the name of a kind before them.
        """
        ids = rows.select(nw.col(column).cast(nw.String).alias(_RAW))
        account = next(kind for kind in self.identities.kinds if kind.name == CUSTOMER_ID)
        if is_trimmed(account.normaliser):
            odd = is_padded_expr(nw.col(_RAW))
            for kind in self.identities.kinds:
                odd = odd | nw.col(_RAW).str.starts_with(f"{kind.name}:")
            ids = ids.filter(odd.fill_null(False))
        ids = frames.counted_by(ids.filter(~nw.col(_RAW).is_null()), [_RAW]).select(_RAW)
        _, texts = coded([frames.to_arrow(ids).column(_RAW)])
        # What an event holds is known in every writing.
        seen = self.identities.nodes.spellings[self.identities.kinds.index(account)].texts
        raws = texts.at(np.flatnonzero(texts.places_in(seen) < 0))
        pairs = zip(raws, self.identities.called(raws), strict=True)
        written = {raw: name for raw, name in pairs if raw != name}
        if not written:
            return self.with_current(rows, column)
        columns = {_RAW: column_of(written), _PERSON: column_of(written.values())}
        rows = rows.with_columns(nw.col(column).cast(nw.String).alias(_RAW))
        rows = frames.with_matches(rows, self._table(columns), _RAW)
        rows = rows.with_columns(nw.coalesce(_PERSON, _RAW).alias(column)).drop(_RAW, _PERSON)
        return self.with_current(rows, column)

    def with_current(self, rows: frames.Frame, column: str) -> frames.Frame:
        """Return rows with the ids that persons have now in a column of ids, as text."""
        rows = rows.with_columns(nw.col(column).cast(nw.String).alias(_RAW))
        rows = frames.with_matches(rows, self.renamed, _RAW)
        return rows.with_columns(nw.coalesce(_PERSON, _RAW).alias(column)).drop(_RAW, _PERSON)


def check_kinds(graph: IdentityGraph, tables: Mapping[str, EventTable]) -> None:
    """Refuse tables that carry identifiers of a kind that is not declared.

    Raises:
        InvalidArgumentError: Names the nearest.
    """
    names = [kind.name for kind in graph.kinds]
    for table in tables.values():
        for kind in table.columns.identifiers:
            if kind not in names:
                raise undeclared(kind, names)
