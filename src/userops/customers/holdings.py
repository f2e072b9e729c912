"""What every table of a history holds about one person, row by row, whatever becomes of the rows.

A row is his by the same rule that gives it to him in every answer: his customer id, or an
identifier that is his. So rows count that are in quarantine, or that came before he had an account.
A link that names him is his, whoever stands on its other side. Other rows are another's, and may
hold an identifier of his beside: `blanks` tells where.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, reduce
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.customers.arguments import customer_key
from userops.customers.attribute_table import AttributeTable
from userops.customers.identified import Persons
from userops.customers.identified_history import IdentifiedHistory
from userops.customers.identities import Identities, LinkEvidence
from userops.customers.identity_decisions import IdentityDecision
from userops.customers.links import SIDES, Links
from userops.customers.reach import Reach
from userops.customers.reach_states import KIND, OWNER, VALUE
from userops.errors import EmptyHistoryError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID, REASONS, STATUS
from userops.events.normalise import id_expr
from userops.events.table import EventTable
from userops.events.working_columns import PREFIX, own

__all__ = ["REASON", "Holding", "Holdings", "never"]

_KEY, _SHARED = PREFIX + "key", PREFIX + "shared"
_LEFT_OWNER, _RIGHT_OWNER = PREFIX + "left_owner", PREFIX + "right_owner"
REASON = PREFIX + "reason"


@attrs.frozen(eq=False, slots=False)
class Holding:
    """The rows of one table, each with whether it is his.

    Attributes:
        title: What the table is called: `events['order']`, `customers`, `reach`, `links[0]`.
        source: The host's frame.
        rows: The host's columns, and others of ours.
        is_his: Whether a row is his, never null.
        order: The host's column of times by which rows are read, or None.
        blanks: The host's columns that may hold an id of his in the row of another, and whether
            they do, never null.
    """

    title: str
    source: frames.Source
    rows: frames.Frame
    is_his: nw.Expr = attrs.field(repr=False)
    order: str | None = None
    blanks: Mapping[str, nw.Expr] = attrs.field(factory=dict, repr=False)

    @property
    def his(self) -> frames.Frame:
        """His rows."""
        return self.rows.filter(self.is_his)

    @cached_property
    def count(self) -> int:
        """How many rows are his; counted once."""
        return int(frames.to_rows(self.his.select(rows=nw.len()))[0]["rows"])

    @cached_property
    def blanked(self) -> int:
        """How many rows of others hold an id of his; counted once."""
        if not self.blanks:
            return 0
        holds_any = reduce(lambda one, other: one | other, self.blanks.values())
        rows = self.rows.filter(~self.is_his & holds_any).select(rows=nw.len())
        return int(frames.to_rows(rows)[0]["rows"])

    def left(self) -> Any:
        """Return the rows of everybody else, without his ids, as the host's frame type."""
        names = self.source.frame.collect_schema().names()
        rows = self.rows.filter(~self.is_his)
        if self.blanked:
            rows = rows.with_columns(
                nw.when(~is_it).then(nw.col(column)).alias(column)
                for column, is_it in self.blanks.items()
            )
        return self.source.give_back(rows.select(*names))


def never(value: nw.Expr) -> nw.Expr:
    """Return a flag that holds in no row; engines filter by columns, not by constants."""
    nowhere: nw.Expr = value.is_null() & ~value.is_null()
    return nowhere


class Holdings:
    """What a history holds about one person.

    Args:
        history: The history, with identities or without.
        customer_id: Any id that he has or had.

    Attributes:
        customer_id: The id that he has now.
        identities: Who is who as of the end, or None without identities.
        spellings: Every writing of every identifier of his: kind to values.
        tables: The tables.

    Raises:
        InvalidArgumentError: If the id is no id, or links come from a source that cannot be
            searched.
    """

    def __init__(self, history: IdentifiedHistory, customer_id: str | int) -> None:
        self._history = history
        self.identities: Identities | None = None
        self._here = history
        self.customer_id = customer_key(customer_id)
        self.spellings: Mapping[str, Sequence[str]] = {CUSTOMER_ID: [str(self.customer_id)]}
        if history.identification is not None:
            self.identities, self._here = history.resolved_whole()
            self.customer_id = self.identities.called([str(self.customer_id)])[0]
            spelled = self.identities.spellings(self.customer_id)
            self.spellings = spelled or {CUSTOMER_ID: [self.customer_id]}
        self.tables = [*self._events(), *self._attributes(), *self._links()]

    def __bool__(self) -> bool:
        """Whether anything is held about him."""
        return any(table.count or table.blanked for table in self.tables) or bool(self.decisions)

    def check_some(self) -> None:
        """Refuse somebody who is not there.

        Raises:
            EmptyHistoryError: If no table holds anything about him.
        """
        if not self:
            raise EmptyHistoryError(
                f"there is nobody called {self.customer_id!r} in any table",
                hint="ids have one type: 17850 and '17850' are two customers",
            )

    @property
    def shared(self) -> list[LinkEvidence]:
        """The links that were refused between an identifier of his and another person's."""
        found = self.identities
        if found is None:
            return []
        person = found.person_of(self.customer_id)
        sides = [found.made.person[nodes] == person for nodes in (found.pairs.a, found.pairs.b)]
        refused = found.refused
        return found.evidence_at(refused[(sides[0] != sides[1])[refused]])

    @property
    def decisions(self) -> list[IdentityDecision]:
        """The decisions by hand about an identifier of his."""
        identification, found = self._history.identification, self.identities
        if identification is None or found is None or identification.decisions is None:
            return []
        return [
            decision
            for decision in identification.decisions.decisions
            if any(
                found.customer_id(*side) == self.customer_id
                for side in (decision.left, decision.right)
            )
        ]

    # The tables

    def names_him(self, customer_id: nw.Expr) -> nw.Expr:
        """Return whether ids of customers are his, in any writing or as `kind:value`; not null."""
        written = list(self.spellings.get(CUSTOMER_ID, ()))
        if self.identities is not None:
            written += [f"{kind}:{raw}" for kind, raws in self.spellings.items() for raw in raws]
        is_it: nw.Expr = customer_id.cast(nw.String).is_in(written).fill_null(False)
        return is_it

    def is_identifier(self, kind: str, value: nw.Expr) -> nw.Expr:
        """Return whether identifiers of a kind are his in any writing; not null."""
        written = list(self.spellings.get(kind, ()))
        if not written:
            return never(value)
        is_it: nw.Expr = value.cast(nw.String).is_in(written).fill_null(False)
        return is_it

    def _is(self, rows: frames.Frame, column: str) -> nw.Expr:
        wanted = frames.constant(rows, column, self.customer_id)
        is_his: nw.Expr = (nw.col(column) == wanted).fill_null(False)
        return is_his

    def _holding(
        self,
        title: str,
        source: frames.Source,
        rows: frames.Frame,
        order: str | None = None,
        blanks: Mapping[str, nw.Expr] | None = None,
    ) -> Holding:
        dtype = rows.collect_schema()[OWNER]
        if (dtype == nw.String) != isinstance(self.customer_id, str):
            return Holding(title, source, rows, never(nw.col(OWNER)), order)
        is_his = self._is(rows, OWNER)
        found = {column: is_it & ~is_his for column, is_it in (blanks or {}).items()}
        return Holding(title, source, rows, is_his, order, found)

    def _events(self) -> list[Holding]:
        found = []
        for name, table in self._here.events.items():
            names = table.source.frame.collect_schema().names()
            reason: Any = nw.lit("")
            for code, said in enumerate(REASONS):
                reason = nw.when(own(STATUS) == code).then(nw.lit(said)).otherwise(reason)
            kinds = table.columns.identifiers if self.identities is not None else {}
            rows = table.normalised.select(
                *names, own(CUSTOMER_ID).alias(OWNER), reason.alias(REASON), PREFIX + STATUS,
                *(f"{PREFIX}identifier_{kind}" for kind in kinds),
            )  # fmt: skip
            blanks: dict[str, nw.Expr] = {}
            for kind, column in kinds.items():
                is_it = self.is_identifier(kind, own(f"identifier_{kind}"))
                # What a row is told apart by, or belongs to, is not taken out of it.
                if column not in _told_apart_by(table):
                    blanks[column] = blanks[column] | is_it if column in blanks else is_it
            title, order = f"events[{name!r}]", table.columns.time_column
            found.append(self._holding(title, table.source, rows, order, blanks))
        return found

    def _attributes(self) -> list[Holding]:
        return [
            self._reached(title, table)
            if isinstance(table, Reach)
            else self._holding(title, table.source, self._owned(table))
            for title, table in self._here.attributes.tables.items()
        ]

    def _owned(self, table: AttributeTable) -> frames.Frame:
        frame = table.source.frame
        owner = id_expr(table.customer_id, frame.collect_schema()[table.customer_id])
        rows = frame.with_columns(owner.alias(OWNER))
        persons = self._here.persons
        return rows if persons is None else persons.with_called(rows, OWNER)

    def _reached(self, title: str, table: Reach) -> Holding:
        """Return the rows of a log of reach.

        A status belongs to the identifier. So a row with the identifier of another is the other's,
        and without identities one with an identifier that another has as well: an opt-out of a
        phone that two have holds for the one who stays.
        """
        rows = table.owned()
        if not table.customer_id:
            return self._holding(title, table.source, rows)
        if self._here.persons is not None:
            owner = nw.col(table.customer_id).cast(nw.String)
            names_him = {table.customer_id: self.names_him(owner)}
            return self._holding(title, table.source, rows, blanks=names_him)
        mine = self._holding(title, table.source, rows)
        key = nw.concat_str(nw.col(KIND), nw.lit(":"), nw.col(VALUE))
        rows = rows.with_columns(key.alias(_KEY))
        others = rows.filter(~mine.is_his & ~nw.col(OWNER).is_null() & ~nw.col(_KEY).is_null())
        others = frames.counted_by(others, [_KEY]).select(_KEY, nw.col(_KEY).alias(_SHARED))
        rows = frames.with_matches(rows, others, _KEY)
        is_shared = ~nw.col(_SHARED).is_null()
        blanks = {table.customer_id: mine.is_his & is_shared}
        return Holding(title, table.source, rows, mine.is_his & ~is_shared, None, blanks)

    def _links(self) -> list[Holding]:
        identification, persons = self._history.identification, self._here.persons
        if identification is None or persons is None:
            return []
        return [
            self._linked(f"links[{n}]", one, persons) for n, one in enumerate(identification.links)
        ]

    def _linked(self, title: str, links: Any, persons: Persons) -> Holding:
        if not isinstance(links, Links):
            raise InvalidArgumentError(
                title, "cannot be searched for a person", got=type(links).__name__,
                allowed="Links(frame, …)", hint="take him out of this source yourself, and give "
                "the history the links without it",
            )  # fmt: skip
        rows = links.sides()
        for (kind, value), owner in zip(SIDES, (_LEFT_OWNER, _RIGHT_OWNER), strict=True):
            rows = persons.with_owner(rows, nw.col(kind), nw.col(value), owner)
        left, right = (self._is(rows, column) for column in (_LEFT_OWNER, _RIGHT_OWNER))
        return Holding(title, links.source, rows, left | right)


def _told_apart_by(table: EventTable) -> set[str]:
    """Return the columns without which a row would be another, or another's."""
    columns = table.columns
    roles = ("customer_id", "order_id", "event_id", "amount", "quantity", "unit_price")
    named = {getattr(columns, role, None) for role in roles} | {columns.time_column}
    return {name for name in named if name is not None}
