"""The events of one customer, indexed as they are asked for, and kept with the customer.

Rows stand in time order, so that a window is two binary searches, and sums are differences of
running sums. What has been looked for once (the rows that satisfy a condition, the values of a
property) is not looked for again, whichever rule asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain
from typing import Any, NamedTuple

from userops.core import money
from userops.core.time import Zone
from userops.core.values import CLASS_OF, Instant, value_of
from userops.customers.customer import Customer
from userops.errors import ColumnTypeError, MoneyOverflowError
from userops.events.columns import ORDER_ID, QUANTITY, OrderColumns
from userops.events.rows import Row
from userops.rules.features import AMOUNT
from userops.rules.literals import kind_said
from userops.rules.tables import Rows

__all__ = ["DECIMALS", "EventIndex", "Matches", "index_of"]

# Numbers that are not money are added up in millionths, so that the order does not matter.
DECIMALS = 6
_LOWEST, _HIGHEST = -(2**63), 2**63 - 1
# Values of these classes need no reading.
_AS_THEY_ARE = {str, bool}
_MOST_KEPT = 256
_WHOLE = {int, type(None)}
_TEXT = {str, type(None)}


class EventIndex:
    """Rows of one kind, of one customer."""

    __slots__ = (
        "_first_lines",
        "_groups",
        "_matches",
        "_values",
        "instants",
        "orders",
        "rows",
        "scale",
        "zone",
    )

    def __init__(self, rows: Sequence[Row], scale: int, zone: Zone, *, has_orders: bool) -> None:
        self.rows = rows
        self.instants: list[Any] = [row.instant_us for row in rows]
        self.scale = scale
        self.zone = zone
        orders = [row.order_id for row in rows] if has_orders else None
        # Where each row is an order of its own, rows are counted.
        self.orders = None if orders is None or len(set(orders)) == len(orders) else orders
        self._first_lines: Sequence[int] | None = None
        self._matches: dict[str | None, Matches] = {}
        self._values: dict[str, list[Any]] = {}
        self._groups: dict[str, _Groups] = {}

    @property
    def first_lines(self) -> Sequence[int]:
        """The position of the first line of each row's order; its own, where each is an order."""
        if self._first_lines is None:
            if self.orders is None:
                self._first_lines = range(len(self.rows))
            else:
                first: dict[Any, int] = {}
                self._first_lines = [first.setdefault(o, i) for i, o in enumerate(self.orders)]
        return self._first_lines

    def values(self, name: str) -> list[Any]:
        """Return a property of each row; money in minor units."""
        found = self._values.get(name)
        if found is None:
            raw: list[Any] = [row.carried.get(name) for row in self.rows]
            classes = set(map(type, raw))
            # As `value_of` would say of each, after a look at what else it could be.
            is_whole = classes == {int} and min(raw) >= _LOWEST and max(raw) <= _HIGHEST
            if not is_whole and not classes <= _AS_THEY_ARE:
                raw = [self._value(row, name) for row in self.rows]
            found = self._values[name] = raw
        return found

    def _value(self, row: Row, name: str) -> Any:
        if name in row.carried:
            return value_of(row.carried[name], self.zone, name=name)
        if name == AMOUNT:
            return row.amount_minor_units
        if name == QUANTITY:
            return value_of(row.quantity, self.zone, name=name)
        return row.order_id if name == ORDER_ID else None

    def _by_value(self, name: str) -> _Groups:
        found = self._groups.get(name)
        if found is None:
            values = self.values(name)
            is_text = set(map(type, values)) <= _TEXT
            rows: dict[Any, list[int]] = {}
            # 1, 1.0 and True are equal, but of different kinds.
            keys = values if is_text else zip(map(type, values), values, strict=True)
            for i, key in enumerate(keys):
                if key in rows:
                    rows[key].append(i)
                else:
                    rows[key] = [i]
            found = self._groups[name] = _Groups(rows, is_text)
        return found

    def matching(
        self,
        key: str | None,
        names: Sequence[str],
        holds: Callable[..., bool],
        text: str | None = None,
    ) -> Matches:
        """Return the rows that satisfy a condition, found once.

        Args:
            key: What the condition is called; None where there is none.
            names: The properties that it looks at, in the order in which it expects them.
            holds: Called with the tuple of their values.
            text: Where the condition is that the only property is a text, that text.
        """
        found = self._matches.get(key)
        if found is None:
            positions: Sequence[int]
            if key is None:
                positions = range(len(self.rows))
            elif len(names) == 1:
                groups = self._by_value(names[0])
                if text is not None and groups.is_text:
                    positions = groups.rows.get(text, ())
                else:
                    # Each different value is judged once.
                    good = [rows for value, rows in groups.items() if holds((value,))]
                    positions = good[0] if len(good) == 1 else sorted(chain(*good))
            else:
                seen = zip(*(self.values(name) for name in names), strict=True)
                positions = [i for i, values in enumerate(seen) if holds(values)]
            if len(self._matches) >= _MOST_KEPT:  # hosts that make new rules as they go
                self._matches.clear()
            found = self._matches[key] = Matches(self, positions)
        return found


class _Groups(NamedTuple):
    """The rows of each value of a property.

    Attributes:
        rows: The value, or its class and itself where not all are text, to its rows' positions.
        is_text: Whether all values are text or missing.
    """

    rows: dict[Any, list[int]]
    is_text: bool

    def items(self) -> Iterable[tuple[Any, list[int]]]:
        """Return the values with the positions of their rows."""
        if self.is_text:
            return self.rows.items()
        return [(value, rows) for (_, value), rows in self.rows.items()]


class Matches:
    """The rows of an index that satisfy a condition."""

    __slots__ = ("_days", "_known", "_sums", "at", "index", "positions")

    def __init__(self, index: EventIndex, positions: Sequence[int]) -> None:
        self.index = index
        self.positions = positions
        every = len(positions) == len(index.instants)
        self.at: list[Any] = index.instants if every else [index.instants[i] for i in positions]
        self._sums: dict[str, tuple[list[int], Sequence[int], int]] = {}
        self._known: dict[str, list[Any]] = {}
        self._days: list[int] | None = None

    def values(self, name: str) -> list[Any]:
        """Return a property of each matching row."""
        found = self._known.get(name)
        if found is None:
            values = self.index.values(name)
            is_every = self.at is self.index.instants
            found = values if is_every else [values[i] for i in self.positions]
            self._known[name] = found
        return found

    def days(self) -> list[int]:
        """Return the local day of each matching row."""
        if self._days is None:
            self._days = [self.index.zone.day(instant) for instant in self.at]
        return self._days

    def sums(self, name: str) -> tuple[list[int], Sequence[int], int]:
        """Return running sums of a property, running counts of known values, and the decimals.

        Both lists are one longer than the rows. Whole numbers and money have no further decimals;
        other numbers count millionths.
        """
        found = self._sums.get(name)
        if found is None:
            values = self.values(name)
            classes = set(map(type, values))
            whole = classes <= _WHOLE
            units = values if whole else [_millionths(value, name) for value in values]
            known: Sequence[int] = range(len(values) + 1)
            if type(None) in classes:
                known = [0, *accumulate(int(value is not None) for value in values)]
                units = [unit or 0 for unit in units]
            sums = list(accumulate(units, initial=0))
            found = self._sums[name] = (sums, known, 0 if whole else DECIMALS)
        return found


def _millionths(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if value.__class__ is not float and value.__class__ is not int:
        kind = next(kind for kind, cls in CLASS_OF.items() if cls is value.__class__)
        raise ColumnTypeError(name, f"holds {kind_said(kind)}, which cannot be added up")
    units = money.minor_of(value, DECIMALS, "half_even")
    if units is None:
        raise MoneyOverflowError(
            f"{name!r} is too large to be added up exactly", got=value,
            allowed=f"up to 2**51 / 10**{DECIMALS}",
        )  # fmt: skip
    return units


def index_of(customer: Customer, rows: Rows) -> EventIndex:
    """Return the index of a customer's rows, built once and kept with the customer."""
    kept = customer.kept
    found = kept.get(rows)
    if found is None:
        columns = customer.columns[rows.table]
        mine = customer.rows.get(rows.table, ())
        if rows.which in ("made", "back"):
            mine = tuple(row for row in mine if row.is_return == (rows.which == "back"))
        found = kept[rows] = EventIndex(
            mine,
            columns.scale if isinstance(columns, OrderColumns) else 0,
            customer.zone,
            has_orders=isinstance(columns, OrderColumns) and columns.order_id is not None,
        )
    return found


def first_of(matches: Matches, name: str, start: int, end: int, step: int) -> Any:
    """Return the property of the first (or, with step -1, the last) row that knows it.

    Of several rows at that instant, the smallest value.
    """
    values, at = matches.values(name), matches.at
    places = range(start, end) if step > 0 else range(end - 1, start - 1, -1)
    best: Any = None
    instant: Any = None
    for i in places:
        value = values[i]
        if best is not None and at[i] != instant:
            break
        if value is not None and (best is None or value < best):
            best, instant = value, at[i]
    return best


def instant_at(matches: Matches, i: int) -> Instant:
    """Return the instant of a matching row."""
    return Instant(matches.at[i])
