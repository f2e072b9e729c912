"""A history under pseudonyms: who is who can be told only with the key; all else is answered alike.

What names a person is replaced: customer ids, identifiers of every kind, order and event ids,
actors. Other columns are kept only where they have a role, or are named as properties or
attributes; attributes that nobody has named are refused. This is pseudonymisation in the sense of
GDPR art. 4(5) and PIPL art. 73(3), and not anonymisation: instants, amounts and attributes stay,
and may tell who somebody is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import is_blank_expr
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
from userops.customers.reach_states import KIND, OWNER, VALUE
from userops.errors import InvalidArgumentError
from userops.events.columns import CUSTOMER_ID, IS_RETURN, ByColumn, ByOrderId, OrderColumns
from userops.events.normalise import id_expr
from userops.events.table import EventTable
from userops.events.working_columns import PREFIX, own

__all__ = ["pseudonymise"]

H = TypeVar("H", bound=IdentifiedHistory)
# Unlike the working columns of a normalised table, beside which they stand.
_TEXT, _NOBODY, _BEFORE = PREFIX + "named", PREFIX + "nobody", PREFIX + "before"
# What is nobody's has a pseudonym that begins so, by which the graph of the result blocks it.
_BLOCKED = "!"
# What tells rows and actors apart, and the namespace of each.
_ROLES = {"order_id": "order_id", "return_of": "order_id", "event_id": "event_id", "actor": "actor"}


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
    hidden.attributes = copied(
        kept, tables={title: make.attributes(table) for title, table in kept.tables.items()}
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


@attrs.frozen
class _Name:
    """A column to put pseudonyms into.

    Attributes:
        column: The host's column, or a new one.
        text: What is hidden, behind its namespace; null stays null.
        is_person: Whether it is an identifier, of a kind that the graph writes.
        is_customer: Whether it is the id of a customer, which may be `kind:value`.
    """

    column: str
    text: nw.Expr
    is_person: bool = True
    is_customer: bool = False


class _Columns:
    """Which columns of a table are taken: one that has two roles becomes two columns."""

    def __init__(self, source: frames.Source) -> None:
        self._taken = {name.lower() for name in source.frame.collect_schema().names()}
        self._of: dict[str, str] = {}

    def named(self, column: str, namespace: str) -> str:
        """Return the column for ids of a namespace: the host's, unless it holds others already."""
        if self._of.setdefault(column, namespace) == namespace:
            return column
        return self.free(f"{column}_{namespace}")

    def free(self, name: str) -> str:
        """Return a name that no column has."""
        while name.lower() in self._taken:
            name += "_"
        self._taken.add(name.lower())
        return name


@attrs.frozen(repr=False)
class _Maker:
    """Replaces what names a person, table by table."""

    key: bytes
    persons: Persons | None

    def _hidden(
        self, source: frames.Source, rows: frames.Frame, names: Sequence[_Name], kept: Sequence[str]
    ) -> Any:
        """Put pseudonyms into columns, and compute these and others, so that no plan holds the key.

        Args:
            source: Where the rows come from.
            rows: The rows.
            names: What to hide; each is read before any is replaced.
            kept: The other columns that stay.
        """
        texts = [f"{PREFIX}text_{n}" for n, _ in enumerate(names)]
        rows = rows.with_columns(
            name.text.alias(text) for name, text in zip(names, texts, strict=True)
        )
        for name, text in zip(names, texts, strict=True):
            rows = self._replaced(source, rows, name, nw.col(text))
        columns = sorted({*kept, *(name.column for name in names)})
        return source.give_back(frames.settled(source, rows.select(*columns)))

    def _replaced(
        self, source: frames.Source, rows: frames.Frame, name: _Name, text: nw.Expr
    ) -> frames.Frame:
        """Put pseudonyms of a text with its namespace into a column."""
        if not name.is_person or self.persons is None:
            rows = frames.with_pseudonyms(
                source, rows.with_columns(text.alias(_TEXT)), _TEXT, self.key
            )
            found = nw.col(_TEXT)
            if not name.is_person and name.column in rows.collect_schema().names():
                # Only what is blank has none: it stays, and is read as it was.
                found = nw.coalesce(_TEXT, nw.col(name.column).cast(nw.String))
            return rows.with_columns(found.alias(name.column)).drop(_TEXT)
        before: Any = nw.lit("")
        if name.is_customer:
            for kind in self.persons.identities.kinds:
                if kind.name != CUSTOMER_ID:
                    said = nw.lit(f"{kind.name}:")
                    is_of = text.str.starts_with(f"{kind.name}:")
                    before = nw.when(is_of).then(said).otherwise(before)
        rows = rows.with_columns(text.alias(_TEXT), before.alias(_BEFORE))
        rows = self.persons.with_any_written(rows, _TEXT, _NOBODY)
        rows = frames.with_pseudonyms(source, rows, _TEXT, self.key)
        mark: Any = nw.when(nw.col(_NOBODY)).then(nw.lit(_BLOCKED)).otherwise(nw.lit(""))
        found = nw.concat_str(nw.col(_BEFORE), mark, nw.col(_TEXT))
        rows = rows.with_columns(found.alias(name.column))
        return rows.drop(_TEXT, _BEFORE, _NOBODY)

    def _customer(self, value: nw.Expr) -> nw.Expr:
        """Return ids of customers behind their kind, which they may say themselves."""
        value = value.cast(nw.String)
        text: Any = nw.concat_str(nw.lit(f"{CUSTOMER_ID}:"), value)
        for kind in () if self.persons is None else self.persons.identities.kinds:
            text = nw.when(value.str.starts_with(f"{kind.name}:")).then(value).otherwise(text)
        found: nw.Expr = text
        return found

    def events(self, table: EventTable) -> EventTable:
        """Return a table of events under pseudonyms, of the columns that have a role."""
        columns, source = table.columns, table.source
        free = _Columns(source)
        kept = {columns.time_column, *columns.carried().values()}
        for role in ("amount", "quantity", "unit_price"):
            column = getattr(columns, role, None)
            kept |= set() if column is None else {column}
        changes: dict[str, Any] = {}
        rows = table.with_rows(source.frame.to_native()).normalised
        if isinstance(columns, OrderColumns):
            if isinstance(columns.returns_by, ByColumn):
                kept.add(columns.returns_by.column)
            elif isinstance(columns.returns_by, ByOrderId):  # the ids will not match any more
                flag = free.free("is_return")
                rows = rows.with_columns(own(IS_RETURN).alias(flag))
                kept.add(flag)
                changes["returns_by"] = ByColumn(flag)
        names = []
        if columns.customer_id is not None:
            free.named(columns.customer_id, CUSTOMER_ID)
            text = self._customer(own(CUSTOMER_ID))
            names.append(_Name(columns.customer_id, text, is_customer=True))
        changes["identifiers"] = identifiers = {}
        for kind, column in columns.identifiers.items():
            identifiers[kind] = free.named(column, kind)
            value = own(f"identifier_{kind}").cast(nw.String)
            text = nw.concat_str(nw.lit(f"{kind}:"), value)
            names.append(_Name(identifiers[kind], text))
        for role, namespace in _ROLES.items():
            column = getattr(columns, role, None)
            if column is not None:
                changes[role] = free.named(column, namespace)
                value = nw.col(column).cast(nw.String)
                said = nw.concat_str(nw.lit(f"{namespace}:"), value)
                text = nw.when(~is_blank_expr(value)).then(said)
                names.append(_Name(changes[role], text, is_person=False))
        frame = self._hidden(source, rows, names, sorted(kept))
        return table.with_rows(frame, attrs.evolve(columns, **changes))

    def attributes(self, table: AttributeTable) -> AttributeTable:
        """Return a table of attributes, or of reach, under pseudonyms."""
        if isinstance(table, Reach):
            return self._reach(table)
        source, frame = table.source, table.source.frame
        kept = table.columns_used if isinstance(table, Attributes) else table.names
        owner = id_expr(table.customer_id, frame.collect_schema()[table.customer_id])
        names = [_Name(table.customer_id, self._customer(owner), is_customer=True)]
        return table.with_rows(self._hidden(source, frame, names, kept))

    def _reach(self, table: Reach) -> Reach:
        rows, free = table.owned(), _Columns(table.source)
        text = nw.concat_str(nw.col(KIND), nw.lit(":"), nw.col(VALUE))
        names = [_Name(free.named(table.value_column, "value"), text)]
        owner = None
        if table.customer_id:
            owner = free.named(table.customer_id, CUSTOMER_ID)
            names.append(_Name(owner, self._customer(nw.col(OWNER)), is_customer=True))
        hidden = self._hidden(table.source, rows, names, table.columns_used)
        return table.with_rows(hidden, owner)

    def links(self, number: int, links: Any) -> Links:
        """Return links under pseudonyms."""
        if not isinstance(links, Links):
            raise InvalidArgumentError(
                f"links[{number}]", "cannot be put under pseudonyms", got=type(links).__name__,
                allowed="Links(frame, …)",
            )  # fmt: skip
        free = _Columns(links.source)
        sides = [
            _Name(free.named(column, side), text)
            for side, (column, text) in zip(("left", "right"), links.named_sides(), strict=True)
        ]
        hidden = self._hidden(links.source, links.sides(), sides, links.columns_used)
        return links.with_rows(hidden, (sides[0].column, sides[1].column))

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
