"""Transaction summaries as models read them: checked, and each distinct row once.

A likelihood depends on a customer through three numbers, and many customers share them; so models
are fitted to the distinct rows, weighted by how many customers have each.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.errors import ColumnNotFoundError, DataError

__all__ = ["AGE", "LAST_PURCHASE_AGE", "MEAN_SPEND", "REPEAT_COUNT", "RowPiece", "SummaryRows"]

Floats = NDArray[np.float64]
REPEAT_COUNT = "repeat_count"
LAST_PURCHASE_AGE = "last_purchase_age_days"
AGE = "age_days"
MEAN_SPEND = "mean_spend"
_COUNT = "userops__count"
_PIECE_ROWS = 1 << 13


class RowPiece(NamedTuple):
    """Some rows of a summary; see `SummaryRows`.

    Attributes:
        repeat_count: x.
        last_purchase_age: t_x.
        age: T.
        weight: How many customers each row stands for.
        place: Which of the distinct counts each row has.
    """

    repeat_count: Floats
    last_purchase_age: Floats
    age: Floats
    weight: Floats
    place: NDArray[np.intp]


@attrs.frozen(eq=False, slots=False)
class SummaryRows:
    """Distinct rows of transaction summaries.

    Attributes:
        repeat_count: x, purchases after the first one.
        last_purchase_age: t_x, from the first purchase to the last one, in units of time.
        age: T, from the first purchase to the end of the observation, in the same units.
        weight: How many customers each row stands for.
    """

    repeat_count: Floats
    last_purchase_age: Floats
    age: Floats
    weight: Floats = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse rows that no customer can have.

        Raises:
            DataError: Says how many, and shows the first.
        """
        x, t, age = self.repeat_count, self.last_purchase_age, self.age
        known = np.isfinite(x) & np.isfinite(t) & np.isfinite(age) & np.isfinite(self.weight)
        for wrong, problem, hint in (
            (~known, "are missing or not finite", "leave these customers out, or find out why"),
            ((x < 0) | (t < 0) | (age < 0), "are negative", "counts and ages begin at zero"),
            (x != np.floor(x), "have a count that is no whole number", "repeat_count counts days"),
            (t > age, "have a last purchase beyond their age",
             "both are counted from the first purchase, up to one end for all"),
            ((x == 0) & (t > 0), "have no repeat purchase, and a last one after the first",
             "without repeats last_purchase_age_days is 0"),
            ((x > 0) & (t == 0), "have repeat purchases at the age of zero",
             "several purchases of a day are one: see transaction_summary"),
            (self.weight <= 0, "have no weight", "weights are above zero"),
        ):  # fmt: skip
            if wrong.any():
                first = int(np.flatnonzero(wrong)[0])
                raise DataError(
                    f"{int(wrong.sum()):,} rows of the summary {problem}",
                    got=f"repeat_count {x[first]:g}, last_purchase_age {t[first]:g}, "
                    f"age {age[first]:g}",
                    hint=hint,
                )  # fmt: skip

    @classmethod
    def of(cls, summary: Any, *, unit_days: float = 1.0) -> SummaryRows:
        """Read the distinct rows of a summary; they alone are collected.

        Args:
            summary: What `transaction_summary` returns, or any frame with its columns.
            unit_days: Days of one unit of time.

        Raises:
            ColumnNotFoundError: If a column is missing; names the nearest.
            DataError: If there is no row, or one that no customer can have.
        """
        source = frames.read(summary)
        names = source.frame.collect_schema().names()
        columns = (REPEAT_COUNT, LAST_PURCHASE_AGE, AGE)
        for column in columns:
            if column not in names:
                raise ColumnNotFoundError(column, names)
        counts = source.frame.group_by(*columns).agg(nw.len().alias(_COUNT))
        table = frames.to_arrow(counts)
        if not table.num_rows:
            raise DataError("the summary has no row", hint="nobody bought before its end")
        x, t, age, weight = (
            np.asarray(table.column(name).to_numpy(), dtype=np.float64)
            for name in (*columns, _COUNT)
        )
        order = np.lexsort((age, t, x))
        return cls(x[order], t[order] / unit_days, age[order] / unit_days, weight[order])

    @classmethod
    def one(cls, repeat_count: int, last_purchase_age: float, age: float) -> SummaryRows:
        """Return the row of one customer."""
        x, last, end = (np.array([float(v)]) for v in (repeat_count, last_purchase_age, age))
        return cls(x, last, end, np.ones(1))

    @property
    def customers(self) -> float:
        """How many customers the rows stand for."""
        return float(self.weight.sum())

    def part(self, begin: int, end: int) -> SummaryRows:
        """Return some of the rows."""
        here = slice(begin, end)
        return SummaryRows(
            self.repeat_count[here], self.last_purchase_age[here], self.age[here], self.weight[here]
        )

    def of_counts(self) -> tuple[Floats, Floats]:
        """Return the distinct counts, ascending, and how many customers have each."""
        return self._counts[0], self._counts[2]

    @cached_property
    def _counts(self) -> tuple[Floats, NDArray[np.intp], Floats]:
        counts, places = np.unique(self.repeat_count, return_inverse=True)
        weights: Floats = np.bincount(places, self.weight, minlength=len(counts)).astype(np.float64)
        return counts, places, weights

    def pieces(self) -> Iterator[RowPiece]:
        """Cut the rows into pieces whose arrays stay in a core's cache."""
        for begin in range(0, len(self), _PIECE_ROWS):
            here = slice(begin, begin + _PIECE_ROWS)
            yield RowPiece(
                self.repeat_count[here], self.last_purchase_age[here], self.age[here],
                self.weight[here], self._counts[1][here],
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self.repeat_count)
