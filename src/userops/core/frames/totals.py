"""What can be asked of the rows of each key: see `answers_by_key`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Literal, NamedTuple

import narwhals.stable.v2 as nw

__all__ = ["Asked", "Condition", "Distinct", "First", "Top", "Total"]


class Condition(NamedTuple):
    """Which rows count: those of which something is true, within a window.

    Attributes:
        holds: What is true of a row, never null; None where only the window matters.
        name: What `holds` is called, so that it is found out once; None where there is none.
        of: The one column that `holds` looks at, where it is one.
        order: The int64 column that the window is about; None where there is none.
        start: The first value within the window.
        end: The first value after it; None where no row lies there.
    """

    holds: nw.Expr | None
    name: str | None
    of: str | None = None
    order: str | None = None
    start: int = 0
    end: int | None = None

    def expr(self) -> nw.Expr:
        """Return the condition as a column that is never null."""
        parts = [] if self.holds is None else [self.holds]
        if self.order is not None:
            parts.append(nw.col(self.order) >= nw.lit(self.start, nw.Int64))
            if self.end is not None:
                parts.append(nw.col(self.order) < nw.lit(self.end, nw.Int64))
        return reduce(lambda a, b: a & b, parts) if parts else nw.lit(True)


class Total(NamedTuple):
    """A number of rows, or a sum, a smallest or a largest value of a column.

    Attributes:
        how: `count`, `sum` (int64; 0 of nothing), `min` or `max` (null of nothing).
        when: Name of the condition; None takes all rows.
        value: The column; null values are left out. None for `count`, or the known values count.
    """

    how: Literal["count", "sum", "min", "max"]
    when: str | None = None
    value: str | None = None


class Distinct(NamedTuple):
    """The number of different known values of a column, in the rows that satisfy a condition."""

    value: str
    when: str | None = None


class Top(NamedTuple):
    """The value with the most rows, or the largest sum of an int64 column; of equals the smallest.

    Null values are left out; null weights count 0.
    """

    value: str
    when: str | None = None
    weight: str | None = None


class First(NamedTuple):
    """The known value of a column in the first or last row; at one instant the smallest value."""

    value: str
    order: str
    when: str | None = None
    last: bool = False


Asked = Mapping[str, Total | Distinct | Top | First]
