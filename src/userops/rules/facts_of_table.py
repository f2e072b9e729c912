"""What rules ask of one event table, answered for every customer by one look at its rows.

Conditions (which rows, what is true of each, which window) and properties are named once, however
many values need them; `core.frames.by_key` turns them into as few passes as the engine can do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.frames import Distinct, First, Top, Total
from userops.errors import ColumnTypeError, MoneyOverflowError
from userops.events.columns import (
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
)
from userops.rules.events_of_one import DECIMALS
from userops.rules.features import Aggregate
from userops.rules.reading import Column
from userops.rules.rows_of_table import PROPERTY, TableRows
from userops.rules.selection import Selection
from userops.rules.tables import Which
from userops.rules.weighted import WeightedTop
from userops.rules.windows import Since

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["TableFacts"]

_LIMIT = 2**62
_WEIGHT = "userops__w_"
_NOTHING = "userops__nothing"


class TableFacts(TableRows):
    """Collects what rules ask of a table, and answers all of it at once."""

    def __init__(self, history: History, name: str, before_us: int) -> None:
        super().__init__(history, name, before_us)
        self._asked: dict[str, Any] = {}
        self._names: dict[Any, str] = {}
        self._prefix = f"userops__t{list(history.events).index(name)}_"
        self._folded: set[str] = set()

    # What is asked

    def _ask(self, wanted: Any) -> str:
        name = self._names.get(wanted)
        if name is None:
            name = self._names[wanted] = f"{self._prefix}{len(self._names)}"
            self._asked[name] = wanted
        return name

    def fold(self, selection: Selection, which: Which) -> None:
        """Take in that a sequence will read the rows of a selection; see `rows_of`."""
        self._condition(selection, which)
        self._folded |= {CUSTOMER_ID, INSTANT_US, *self._columns_of(selection)}
        if self._is_orders:
            self._folded |= {IS_RETURN, ORDER_ID} if self._has_lines({which}) else {IS_RETURN}

    def exists(self, selection: Selection, which: Which) -> Column:
        """Ask whether there is an event of a selection."""
        name = self._ask(Total("count", self._condition(selection, which)))
        counted = nw.col(name).fill_null(0) > 0
        return Column(counted, "flag", is_counted=True)

    def aggregate(self, term: Aggregate, which: Which) -> Column:
        """Ask for a value over events."""
        when = self._condition(term.events, which)
        if term.how == "count":
            return self._count(when, which)
        if term.how in ("sum", "mean"):
            return self._added(term, when)
        if term.how == "active_days":
            return self._whole(Distinct(self._day(), when))
        if term.of is None:
            return self._instant(term, when)
        column = self._property(term.of)
        kind = self._kinds[column]
        if term.how == "n_unique":
            return self._whole(Distinct(column, when))
        wanted: Any
        if term.how in ("min", "max"):
            wanted = Total(term.how, when, column)
        elif term.how == "top":
            weight = self._weight(term, column)
            wanted = Top(column, when, weight)
        else:
            wanted = First(column, INSTANT_US, when, term.how == "last")
        name = self._ask(wanted)
        return Column(nw.col(name), kind, self._scale_of(kind))

    def _weight(self, term: Aggregate, column: str) -> str | None:
        """Return the column of whole weights that decides what is on top; None counts rows."""
        if not isinstance(term, WeightedTop):
            return None if term.by is None else self._units_or_nothing(term.by)
        if self._kinds[column] not in ("text", None):
            raise ColumnTypeError(str(term.of), "is no text, which alone has weights")
        name = f"{_WEIGHT}{len(self._kinds)}"
        table = frames.small_table(
            [{column: value, name: weight} for value, weight in term.weights],
            {column: "text", name: "int"},
        )
        weights = frames.read(self._source.give_rows(table)).frame
        rows, weights = frames.alike([self._rows, weights])
        self._rows = rows.join(weights, on=column, how="left").with_columns(
            nw.col(name).fill_null(term.unseen)
        )
        self._kinds[name] = "whole"
        return name

    def _units_or_nothing(self, name: str) -> str:
        """Return the column of units of a number; of one that no row knows, a column of zeros."""
        units, _ = self._units(name)
        if units is None:
            units = _NOTHING
            self._rows = self._rows.with_columns(nw.lit(0, nw.Int64).alias(units))
            self._kinds[units] = "whole"
        return units

    def _whole(self, wanted: Any) -> Column:
        name = self._ask(wanted)
        return Column(nw.col(name).fill_null(0), "whole", is_counted=True)

    def _count(self, when: str | None, which: Which) -> Column:
        if not self._is_orders or self._columns.order_id is None:  # type: ignore[union-attr]
            return self._whole(Total("count", when))
        if which == "made" and self._table.has_order_rows:
            return self._whole(Total("count", when))
        return self._whole(Distinct(ORDER_ID, when))

    def _added(self, term: Aggregate, when: str | None) -> Column:
        assert term.of is not None  # the definition's own check
        column, decimals = self._units(term.of)
        if column is None:
            nothing = nw.lit(0, nw.Int64) if term.how == "sum" else nw.lit(None, nw.Float64)
            kind: Any = "whole" if term.how == "sum" else "number"
            return Column(nothing, kind, is_counted=term.how == "sum")
        added = self._ask(Total("sum", when, column))
        total = nw.col(added).fill_null(0)
        is_money = self._kinds[column] == "money"
        if term.how == "sum":
            if decimals:
                major = money.major_expr(total, decimals)
                return Column(major, "number", is_counted=True)
            kind = "money" if is_money else "whole"
            return Column(total, kind, self._scale_of(kind), is_counted=True)
        counted = self._ask(Total("count", when, column))
        known = nw.col(counted).fill_null(0)
        units = 10 ** (self._scale if is_money else decimals)
        some: Any = nw.when(known > 0).then(known * units)
        mean = money.as_float(total) / money.as_float(some)
        return Column(mean, "number")

    def _instant(self, term: Aggregate, when: str | None) -> Column:
        is_first = term.how in ("first", "days_since_first")
        name = self._ask(Total("min" if is_first else "max", when, INSTANT_US))
        if term.how in ("first", "last"):
            return Column(nw.col(name), "instant")
        observed = self.zone.day(self._before_us - 1)
        at = self.zone.day_expr(nw.col(name), between_us=self._reach)
        return Column((observed - at).cast(nw.Int64), "whole")

    # The answer

    @property
    def is_asked(self) -> bool:
        """Whether anything but the rows of sequences is asked for."""
        return bool(self._asked)

    @property
    def tells_everybody(self) -> bool:
        """Whether what was returned with `everybody` holds every customer of the table."""
        return self.is_asked or self._gave_all_rows

    @property
    def values_asked(self) -> int:
        """How many values are asked for."""
        return len(self._asked)

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return self._table.audit.rows

    def answer(
        self, *, everybody: bool = True, in_arrow: bool = False, small: bool = False
    ) -> frames.Frame:
        """Return one row a customer of the table, with the columns that were asked for.

        Args:
            everybody: Whether customers must be there of whom every value is missing or zero.
            in_arrow: Whether the rows are read into this process, and the answer is Arrow.
            small: Whether whole numbers may be of small types; see `frames.answers_by_key`.
        """
        rows = self._rows.select(*self._needed())
        if not everybody and not self._folded:
            rows = self._without_idle(rows)
        rows = self._with_starts(rows)
        if in_arrow:
            # A sequence reads the same rows, of which what it ignores is not kept.
            kept = [name for name in rows.collect_schema().names() if name in self._folded]
            rows = frames.in_one_piece(rows, kept)
            if kept:
                self._kept = rows.select(*kept)
        self._check_sums(rows if in_arrow else self._rows)
        conditions = {name: self._holding(*given) for name, given in self._conditions.items()}
        return frames.answers_by_key(
            self._source, rows, CUSTOMER_ID, conditions, self._asked, small=small
        )

    def _needed(self) -> list[str]:
        needed = {CUSTOMER_ID, INSTANT_US, *self._kinds}
        if self._is_orders:
            needed |= {IS_RETURN}
            needed |= {ORDER_ID} if ORDER_ID in self._folded or any(
                isinstance(w, Distinct) and w.value == ORDER_ID for w in self._asked.values()
            ) else set()  # fmt: skip
        return [name for name in self._rows.collect_schema().names() if name in needed]

    def _without_idle(self, rows: frames.Frame) -> frames.Frame:
        """Leave out rows before every window, where all that is asked for has one."""
        starts = []
        for wanted in self._asked.values():
            _, selection = self._conditions.get(wanted.when, (None, None))
            window = None if selection is None else selection.window
            if window is None or isinstance(window, Since):
                return rows
            starts.append(window.bounds_us(self._before_us, self.zone)[0])
        return rows.filter(nw.col(INSTANT_US) >= nw.lit(min(starts), nw.Int64))

    def _check_sums(self, rows: frames.Frame) -> None:
        """Refuse a property whose sum could leave int64, which engines do not notice."""
        if not self._summed:
            return
        extremes = {}
        for number, column in enumerate(self._summed):
            extremes[f"low_{number}"] = nw.col(column).min()
            extremes[f"high_{number}"] = nw.col(column).max()
        found = frames.to_rows(rows.select(**extremes))[0]
        for number, column in enumerate(self._summed):
            bounds = [found[f"{end}_{number}"] for end in ("low", "high")]
            size = max((abs(bound) for bound in bounds if bound is not None), default=0)
            is_number = self._kinds[column] == "number"
            units = size * 10**DECIMALS if is_number else size
            if (is_number and not units <= money.EXACT_FLOAT) or (
                units * max(self._table.audit.rows, 1) >= _LIMIT
            ):
                raise MoneyOverflowError(
                    f"{column.removeprefix(PROPERTY)!r} is too large to be added up exactly",
                    got=size, allowed=f"up to 2**51 / 10**{DECIMALS}" if is_number else None,
                )  # fmt: skip
