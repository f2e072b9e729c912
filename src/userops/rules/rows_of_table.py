"""The rows of one event table as rules see them: properties, conditions, and windows of time."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.values import Kind, reach_of, with_values
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
    OrderColumns,
)
from userops.rules.custom import CustomRule, said_in_columns
from userops.rules.events_of_one import DECIMALS
from userops.rules.literals import kind_said
from userops.rules.node import Rule, Term, walked
from userops.rules.reading import Column
from userops.rules.selection import Selection
from userops.rules.tables import Which, check_property, is_money
from userops.rules.value import Prop
from userops.rules.windows import Since

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["PROPERTY", "TableRows"]

# Hosts name properties as they like, so columns that come of one have a prefix of their own each:
# with a suffix, a property `price_units` would be taken for the units of `price`.
PROPERTY = "userops__p_"
_UNITS = "userops__u_"


class TableRows:
    """The rows of a table, to which properties are added as rules ask for them."""

    def __init__(self, history: History, name: str, before_us: int) -> None:
        self.zone = history.zone
        self._name, self._before_us = name, before_us
        self._table = history.events[name]
        self._columns = self._table.columns
        self._source = self._table.source
        self._is_orders = isinstance(self._columns, OrderColumns)
        self._rows = self._table.counted(before_us=before_us)
        self._kept: frames.Frame | None = None  # what sequences read of them, once it is read
        self._kinds: dict[str, Any] = {}
        self._scale = self._table.scale
        self._summed: list[str] = []
        self._starts: dict[str, frames.Frame] = {}
        self._conditions: dict[str, tuple[Which, Selection]] = {}
        self._gave_all_rows = False

    def _property(self, name: str) -> str:
        """Return the column of a property, which is read when it is first asked for."""
        check_property(name, self._name, self._columns)
        column = f"{PROPERTY}{name}"
        if column not in self._kinds:
            if is_money(name, self._columns):
                self._rows = self._rows.with_columns(nw.col(AMOUNT_MINOR_UNITS).alias(column))
                self._kinds[column] = "money"
            else:
                self._rows, kinds = with_values(self._source, self._rows, {column: name}, self.zone)
                self._kinds |= kinds
        return column

    def _units(self, name: str) -> tuple[str | None, int]:
        """Return a column of whole units of a number, and its decimals; None where it has none."""
        column = self._property(name)
        kind = self._kinds[column]
        if kind is None:
            return None, 0
        if kind in ("whole", "money"):
            if kind == "whole" and column not in self._summed:
                self._summed.append(column)
            return column, 0
        if kind != "number":
            raise ColumnTypeError(name, f"holds {kind_said(kind)}, which cannot be added up")
        units = f"{_UNITS}{name}"
        if units not in self._kinds:
            value = money.minor_expr(nw.col(column), DECIMALS, "half_even")
            self._rows = self._rows.with_columns(value.alias(units))
            self._kinds[units] = "whole"
            self._summed.append(column)
        return units, DECIMALS

    def _condition(self, selection: Selection, which: Which) -> str | None:
        """Name the condition that a row belongs to a selection; None where every row does."""
        if selection.condition is not None:
            for node in _props(selection.condition):
                self._property(node.name)
        bare = selection.condition is None and selection.window is None
        if bare and (which in ("all", "both") or (which == "made" and not self._has_returns)):
            return None
        name = f"{which} {selection.key}"
        self._conditions[name] = (which, selection)
        return name

    @staticmethod
    def _columns_of(selection: Selection) -> set[str]:
        """Return the columns of the properties that a selection looks at."""
        condition = selection.condition
        return set() if condition is None else {f"{PROPERTY}{n.name}" for n in _props(condition)}

    @property
    def _has_returns(self) -> bool:
        return self._is_orders and bool(self._table.audit.returns)

    def start(self, window: Since, starts: frames.Frame) -> None:
        """Take in where a window starts for each customer: a frame of `customer_id` and `start`."""
        self._starts[window.start.key] = starts

    def _scale_of(self, kind: Kind | Any) -> int:
        return self._scale if kind == "money" else 0

    def reach(self, of: str | None) -> tuple[int, int]:
        """Return between which instants the rows, or a property of them, lie."""
        return self._reach if of is None else reach_of(self._rows, self._property(of))

    @property
    def _reach(self) -> tuple[int, int]:
        earliest = self._table.audit.first_us
        first = self._before_us if earliest is None else min(earliest, self._before_us)
        return first, self._before_us

    def rows_of(self, selections: dict[int, tuple[Selection, Which]]) -> frames.Frame:
        """Return the events of several selections: `customer_id`, `instant_us`, and a bit each.

        Args:
            selections: Bit to selection.

        Returns:
            The events that belong to any of them, with the int64 column `mask`. Several lines of
            an order are one event, at the instant of its first line.
        """
        holds = {bit: self._row_holds(*given) for bit, given in selections.items()}
        if self._has_lines({which for _, which in selections.values()}):
            return self._orders_of(holds)
        mask: Any = nw.lit(0, nw.Int64)
        for bit, condition in holds.items():
            # Powers of two add up without meeting each other.
            mask = mask + nw.when(condition).then(nw.lit(1 << bit, nw.Int64)).otherwise(
                nw.lit(0, nw.Int64)
            )
        rows = self._rows if self._kept is None else self._kept
        rows = rows.select(CUSTOMER_ID, INSTANT_US, mask.cast(nw.Int64).alias("mask"))
        if any(self._condition(*given) is None for given in selections.values()):
            self._gave_all_rows = True
            return rows
        return rows.filter(nw.col("mask") > 0)

    def _has_lines(self, which: set[Which]) -> bool:
        """Whether several rows may be one event."""
        if not self._is_orders or self._columns.order_id is None:  # type: ignore[union-attr]
            return False
        return which != {"made"} or not self._table.has_order_rows

    def _orders_of(self, holds: dict[int, Any]) -> frames.Frame:
        bits = {f"userops__bit_{bit}": 1 << bit for bit in holds}
        flags = zip(bits, holds.values(), strict=True)
        rows = self._rows if self._kept is None else self._kept
        rows = rows.select(
            CUSTOMER_ID,
            ORDER_ID,
            IS_RETURN,
            INSTANT_US,
            *(holds.cast(nw.Int64).alias(name) for name, holds in flags),
        )
        orders = rows.group_by(CUSTOMER_ID, ORDER_ID, IS_RETURN).agg(
            nw.col(INSTANT_US).min(), nw.col(*bits).max()
        )
        mask = reduce(add, (nw.col(name) * value for name, value in bits.items()))
        orders = orders.select(CUSTOMER_ID, INSTANT_US, mask.cast(nw.Int64).alias("mask"))
        return orders.filter(nw.col("mask") > 0)

    def pairs(self, selection: Selection, which: Which, of: str) -> frames.Frame:
        """Return the distinct pairs of `customer_id` and `value`, the text of a property."""
        column = self._property(of)
        if self._kinds[column] not in ("text", None):
            raise ColumnTypeError(of, f"holds {kind_said(self._kinds[column])}, and no text")
        rows = self._rows.filter(self._row_holds(selection, which) & ~nw.col(column).is_null())
        pairs = rows.select(CUSTOMER_ID, nw.col(column).alias("value"))
        return frames.counted_by(pairs, [CUSTOMER_ID, "value"]).select(CUSTOMER_ID, "value")

    def _row_holds(self, selection: Selection, which: Which) -> Any:
        name = self._condition(selection, which)
        return nw.lit(True) if name is None else self._holding(which, selection).expr()

    def _with_starts(self, rows: frames.Frame) -> frames.Frame:
        for number, starts in enumerate(self._starts.values()):
            named = starts.rename({"start": f"userops__start_{number}"})
            rows = rows.join(named, on=CUSTOMER_ID, how="left")
        return rows

    def _holding(self, which: Which, selection: Selection) -> frames.Condition:
        """Return what must be true of a row, apart from the window that all rows share."""
        parts: list[Any] = []
        names: list[str] = []
        of: str | None = None
        if selection.condition is not None:
            parts.append(selection.condition.column(_EventColumns(self)))
            names.append(selection.condition.key)
            props = {node.name for node in _props(selection.condition)}
            of = f"{PROPERTY}{min(props)}" if len(props) == 1 else None
        if which in ("made", "back") and (self._has_returns or which == "back"):
            parts.append(nw.col(IS_RETURN) if which == "back" else ~nw.col(IS_RETURN))
            names.append(which)
            of = None
        window = selection.window
        if isinstance(window, Since):
            parts += self._since(window)
            names.append(window.key)
            of = None
        holds = reduce(lambda a, b: a & b, parts) if parts else None
        name = " ".join(names) if names else None
        if window is None or isinstance(window, Since):
            return frames.Condition(holds, name, of)
        start, end = window.bounds_us(self._before_us, self.zone)
        return frames.Condition(
            holds, name, of, INSTANT_US, start, end if end < self._before_us else None
        )

    def _since(self, window: Since) -> list[nw.Expr]:
        start = nw.col(f"userops__start_{list(self._starts).index(window.start.key)}")
        parts = [(nw.col(INSTANT_US) >= start).fill_null(False)]
        if window.lasting is not None:
            parts.append((nw.col(INSTANT_US) - start < window.lasting.us).fill_null(False))
        return parts

    def _day(self) -> str:
        column = "userops__day"
        if column not in self._kinds:
            day = self.zone.day_expr(nw.col(INSTANT_US), between_us=self._reach)
            self._rows = self._rows.with_columns(day.cast(nw.Int64).alias(column))
            self._kinds[column] = "day"
        return column

    def property_column(self, name: str) -> Column:
        """Return a property as a column of the rows."""
        column = f"{PROPERTY}{name}"
        kind = self._kinds[column]
        return Column(nw.col(column), kind, self._scale_of(kind))


def _props(rule: Rule) -> list[Prop]:
    return [node for node in walked(rule) if isinstance(node, Prop)]


class _EventColumns:
    """Compiles rules of scope `event` for the rows of a table."""

    def __init__(self, facts: TableRows) -> None:
        self._facts = facts
        self.zone = facts.zone

    def term(self, term: Term) -> Column:
        if not isinstance(term, Prop):
            raise InvalidDefinitionError("where", "is not about one event", got=str(term))
        return self._facts.property_column(term.name)

    def rule(self, rule: Rule) -> nw.Expr:
        return rule.column(self)

    def custom(self, rule: CustomRule) -> nw.Expr:
        if rule.is_python_alone:
            raise InvalidDefinitionError(
                type(rule).__name__, "is decided by Python alone, and is asked of single rows",
                hint="write expression(…) as well",
            )  # fmt: skip
        return said_in_columns(rule, self)
