"""A history under pseudonyms: who is who can be told only with the key; all else is answered alike.

What names a person is replaced: customer ids, identifiers of every kind, order and event ids,
actors. Other columns are kept only where they have a role, or are named as properties or
attributes; attributes that nobody has named are refused. This is pseudonymisation in the sense of
GDPR art. 4(5) and PIPL art. 73(3), and not anonymisation: instants, amounts and attributes stay,
and may tell who somebody is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.copies import copied
from userops.core.pseudonyms import check_key, pseudonym
from userops.customers.attribute_table import AttributeTable
from userops.customers.attributes import Attributes
from userops.customers.identified import Identification, Persons
from userops.customers.identified_history import IdentifiedHistory
from userops.customers.identifiers import Trimmed
from userops.customers.identity_decisions import IdentityDecisions
from userops.customers.identity_graph import IdentityGraph
from userops.customers.links import Links
from userops.customers.reach import Reach
from userops.errors import InvalidArgumentError
from userops.events.columns import CUSTOMER_ID, IS_RETURN, ByColumn, ByOrderId, OrderColumns
from userops.events.table import EventTable
from userops.events.working_columns import PREFIX, own

__all__ = ["pseudonymise"]

H = TypeVar("H", bound=IdentifiedHistory)
# Unlike the working columns of a normalised table, beside which they stand.
_TEXT, _NOBODY = PREFIX + "named", PREFIX + "nobody"
# What is nobody's has a pseudonym that begins so, by which the graph of the result blocks it.
_BLOCKED = "!"


def pseudonymise(history: H, key: bytes, *, attributes: Sequence[str] | None = None) -> H:
    """Return a history in which everything that names a person is a pseudonym.

    The same value has the same pseudonym in every table, so joins, links and decisions hold, and
    answers are alike but for names. With identities, identifiers are written as the graph writes
    them before, so that two writings of a phone meet; what is nobody's stays nobody's. Ties that
    are decided by the text of an identifier may fall otherwise. `userops.core.pseudonyms.pseudonym`
    finds somebody again, for whoever holds the key, which is kept nowhere in the result: its rows
    are computed at once.

    Args:
        history: The history.
        key: At least 32 bytes, for example `secrets.token_bytes(32)`, kept apart from the data.
        attributes: Which attributes stay, current and dated ones, as they are; all others are left
            out. By default those that `Customers(attributes=…)` names.

    Returns:
        The history under pseudonyms, on the same engine; ids are text of 32 hexadecimal digits.

    Raises:
        InvalidArgumentError: If the key is too short, links come from a source that cannot be
            rewritten, an attribute is not known, or there are attributes that nobody has named.

    Example:
        >>> import pyarrow as pa
        >>> from userops.core.pseudonyms import pseudonym
        >>> from userops.customers import History
        >>> from userops.events import Orders
        >>> table = pa.table({"customer_id": ["li"], "ordered_at": ["2024-01-05"], "amount": [10]})
        >>> key = bytes(range(32))
        >>> hidden = pseudonymise(History(Orders(table)), key)
        >>> hidden.customer(pseudonym(key, "customer_id", "li"))
        Customer('d83a7212cc62ba591aba3cd823c1076a', order=1)
    """
    check_key(key)
    kept = history.attributes.keeping(attributes)
    identification, persons = history.identification, None
    if identification is not None:
        persons = history.resolved_whole()[1].persons
    make = _Maker(key, persons)
    hidden = copied(
        history, events={name: make.events(table) for name, table in history.events.items()}
    )
    hidden.attributes = kept.with_rows(
        {title: make.attributes(table) for title, table in kept.tables.items()}
    )
    hidden.forget()
    if identification is None:
        return hidden
    return hidden.with_identities(
        _graph(identification.graph),
        links=[make.links(n, one) for n, one in enumerate(identification.links)],
        decisions=make.decisions(identification),
    )


def _graph(graph: IdentityGraph) -> IdentityGraph:
    """Return the graph for identifiers that are written already, and blocked by their mark."""
    return IdentityGraph([
        attrs.evolve(
            kind, normaliser=Trimmed(), blocked=(), blocked_patterns=(f"^{_BLOCKED}",)
        )
        for kind in graph.kinds
    ])  # fmt: skip


@attrs.frozen(repr=False)
class _Maker:
    """Replaces what names a person, table by table."""

    key: bytes
    persons: Persons | None

    def _replaced(
        self, source: frames.Source, rows: frames.Frame, column: str, text: nw.Expr
    ) -> frames.Frame:
        """Put pseudonyms of a text with its namespace into a column."""
        order = rows.collect_schema().names()
        rows = rows.with_columns(text.alias(_TEXT))
        if self.persons is not None:
            rows = self.persons.with_any_written(rows, _TEXT, _NOBODY)
        rows = frames.with_pseudonyms(source, rows, _TEXT, self.key)
        found: Any = nw.col(_TEXT)
        if self.persons is not None:
            marked = nw.concat_str(nw.lit(_BLOCKED), nw.col(_TEXT))
            found = nw.when(nw.col(_NOBODY)).then(marked).otherwise(nw.col(_TEXT))
        names = [_NOBODY] if self.persons is not None else []
        return rows.with_columns(found.alias(column)).drop(_TEXT, *names).select(*order)

    def _plain(
        self, source: frames.Source, rows: frames.Frame, columns: Mapping[str, tuple[str, nw.Expr]]
    ) -> frames.Frame:
        """Put pseudonyms into columns: each with its namespace and what is in it."""
        for column, (namespace, value) in columns.items():
            text = nw.concat_str(nw.lit(f"{namespace}:"), value.cast(nw.String))
            rows = rows.with_columns(text.alias(column))
            rows = frames.with_pseudonyms(source, rows, column, self.key)
        return rows

    def _settled(self, source: frames.Source, rows: frames.Frame) -> Any:
        """Compute the rows, so that no plan holds the key."""
        return source.give_back(frames.settled(source, rows))

    def events(self, table: EventTable) -> Any:
        """Return a table of events under pseudonyms, of the columns that have a role."""
        columns, source = table.columns, table.source
        named = {columns.time_column, *columns.carried().values()}
        people = {CUSTOMER_ID: columns.customer_id, **columns.identifiers}
        named |= {name for name in people.values() if name is not None}
        for role in ("order_id", "event_id", "amount", "quantity", "unit_price"):
            column = getattr(columns, role, None)
            named |= set() if column is None else {column}
        changes: dict[str, Any] = {}
        rows = table.with_rows(source.frame.to_native()).normalised
        if isinstance(columns, OrderColumns):
            if isinstance(columns.returns_by, ByColumn):
                named.add(columns.returns_by.column)
            elif isinstance(columns.returns_by, ByOrderId):  # the ids will not match any more
                flag = _free("is_return", source)
                rows = rows.with_columns(own(IS_RETURN).alias(flag))
                named.add(flag)
                changes["returns_by"] = ByColumn(flag)
        done: set[str | None] = set()
        for kind, column in people.items():
            if column is not None and column not in done:
                role = CUSTOMER_ID if kind == CUSTOMER_ID else f"identifier_{kind}"
                text = nw.concat_str(nw.lit(f"{kind}:"), own(role).cast(nw.String))
                rows = self._replaced(source, rows, column, text)
                done.add(column)
        others = {"order_id": "order_id", "return_of": "order_id", "event_id": "event_id",
                  "actor": "actor"}  # fmt: skip
        plain = {
            column: (namespace, nw.col(column))
            for role, namespace in others.items()
            if (column := getattr(columns, role, None)) is not None and column not in done
        }
        rows = self._plain(source, rows, plain).select(*sorted(named))
        frame = self._settled(source, rows)
        return table.with_rows(frame, attrs.evolve(columns, **changes))

    def attributes(self, table: AttributeTable) -> Any:
        """Return the rows of a table of attributes, or of reach, under pseudonyms."""
        source, rows = table.source, table.source.frame
        if isinstance(table, Reach):
            rows = rows.select(*table.columns_used)
            said = nw.concat_str(
                nw.col(table.kind_column).cast(nw.String), nw.lit(":"),
                nw.col(table.value_column).cast(nw.String),
            )  # fmt: skip
            rows = self._replaced(source, rows, table.value_column, said)
        elif isinstance(table, Attributes):
            rows = rows.select(*table.columns_used)
        else:
            rows = rows.select(table.customer_id, *table.names)
        if table.customer_id:
            text = nw.concat_str(
                nw.lit(f"{CUSTOMER_ID}:"), nw.col(table.customer_id).cast(nw.String)
            )
            rows = self._replaced(source, rows, table.customer_id, text)
        return self._settled(source, rows)

    def links(self, number: int, links: Any) -> Links:
        """Return links under pseudonyms."""
        if not isinstance(links, Links):
            raise InvalidArgumentError(
                f"links[{number}]", "cannot be put under pseudonyms", got=type(links).__name__,
                allowed="Links(frame, …)",
            )  # fmt: skip
        rows = links.sides()
        for column, text in links.named_sides().items():
            rows = self._replaced(links.source, rows, column, text)
        return links.with_rows(self._settled(links.source, rows.select(*links.columns_used)))

    def decisions(self, identification: Identification) -> IdentityDecisions | None:
        """Return the log under pseudonyms; reasons may name somebody, and are withheld."""
        log = identification.decisions
        if log is None:
            return None
        return log.changed(
            lambda decision: decision._replace(
                left=self._side(identification.graph, decision.left),
                right=self._side(identification.graph, decision.right),
                author=pseudonym(self.key, "actor", decision.author),
                reason="withheld",
            )
        )

    def _side(self, graph: IdentityGraph, side: tuple[str, str]) -> tuple[str, str]:
        kind = graph.kind(side[0])
        written, _ = kind.written(side[1])
        if written is None:
            return kind.name, _BLOCKED + pseudonym(self.key, kind.name, side[1])
        return kind.name, pseudonym(self.key, kind.name, written)


def _free(name: str, source: frames.Source) -> str:
    """Return a name that no column has."""
    taken = {each.lower() for each in source.frame.collect_schema().names()}
    while name in taken:
        name += "_"
    return name
