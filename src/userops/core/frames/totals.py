"""What can be asked of the rows of each key: see `answers_by_key`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

__all__ = ["Asked", "Distinct", "First", "Top", "Total"]


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
