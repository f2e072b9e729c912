"""Transaction summaries as models read them: checked, and each distinct row once.

A likelihood depends on a customer through three numbers, and many customers share them; so models
are fitted to the distinct rows, weighted by how many customers have each.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.counted_rows import CountedRows, counted_rows
from userops.errors import DataError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.value.row_ends import RowEnds
from userops.value.row_times import RowTimes, WholeDays, whole_days
from userops.value.summary_columns import (
    AGE,
    LAST_PURCHASE_AGE,
    MEAN_SPEND,
    REPEAT_COUNT,
    check_columns,
    wrong_weight,
    wrong_weights,
)

__all__ = ["AGE", "LAST_PURCHASE_AGE", "MEAN_SPEND", "REPEAT_COUNT", "RowPiece", "SummaryRows"]

Floats = NDArray[np.float64]
_COUNT, _WRONG = "userops__count", "userops__wrong"
_COLUMNS = ("repeat_count", "last_purchase_age", "age", "weight", "covariates")
_PIECE_ROWS = 1 << 13
# Of one customer of whom nothing else is known: shared by all requests, so that nobody may write.
_ONE, _NOTHING_KNOWN = np.ones(1), np.empty((1, 0))
_ONE.flags.writeable = False


class RowPiece(NamedTuple):
    """Some rows of a summary; see `SummaryRows`.

    Attributes:
        repeat_count: x.
        last_purchase_age: t_x.
        age: T.
        weight: How many customers each row stands for.
        place: Which of the distinct counts each row has.
        last_place: Which of the distinct times t_x is.
        end_place: Which of them T is.
    """

    repeat_count: Floats
    last_purchase_age: Floats
    age: Floats
    weight: Floats
    place: NDArray[np.intp]
    last_place: NDArray[np.intp]
    end_place: NDArray[np.intp]


@attrs.frozen(eq=False, slots=False)
class SummaryRows:
    """Distinct rows of transaction summaries.

    Attributes:
        repeat_count: x, purchases after the first one.
        last_purchase_age: t_x, from the first purchase to the last one, in units of time.
        age: T, from the first purchase to the end of the observation, in the same units.
        weight: How many customers each row stands for; one by default.
        covariates: Shape (rows, covariates): what else is known of these customers.
        unit_days: Days of a unit of time, where that is known: then a fit in another unit refuses
            the rows.
    """

    repeat_count: Floats
    last_purchase_age: Floats
    age: Floats
    weight: Floats = attrs.field(repr=False)
    covariates: Floats = attrs.field(repr=False)
    unit_days: float | None = attrs.field(default=None, kw_only=True)

    @weight.default
    def _each_is_one(self) -> Floats:
        return np.ones(len(self.repeat_count))

    @covariates.default
    def _without_covariates(self) -> Floats:
        return np.empty((len(self.repeat_count), 0))

    def __attrs_post_init__(self) -> None:
        """Refuse rows that no customer can have.

        Raises:
            DataError: Says how many, and shows the first.
        """
        x, t, age = self.repeat_count, self.last_purchase_age, self.age
        known = np.isfinite(x) & np.isfinite(t) & np.isfinite(age) & np.isfinite(self.weight)
        known &= np.isfinite(self.covariates).all(axis=1)
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
    def of(
        cls, summary: Any, *, unit_days: float = 1.0, covariates: Sequence[str] = (),
        weight: str | None = None, ages: tuple[str, str] = (LAST_PURCHASE_AGE, AGE),
    ) -> SummaryRows:  # fmt: skip
        """Read the distinct rows of a summary; they alone are collected.

        Args:
            summary: What `transaction_summary` returns, or any frame with its columns.
            unit_days: Days of one unit of time: 7 for a fit in weeks. Rows do not know their unit,
                and no fit can tell that they are in another.
            covariates: Columns of numbers or of true and false, that rows are told apart by too.
            weight: A column that says how many customers a row stands for; one by default.
            ages: Columns of the age at the last purchase, and of the age.

        Raises:
            ColumnNotFoundError: If a column is missing; names the nearest.
            ColumnTypeError: If a covariate is neither a number nor true or false.
            DataError: If there is no row, or one that no customer can have.
        """
        columns = (REPEAT_COUNT, *ages, *covariates)
        source = frames.read_columns(summary, (*columns, *([weight] if weight else [])))
        check_columns(source, columns, covariates, weight)
        frame = source.frame
        if source.is_in_process and not covariates and weight is None:
            frame, whole = frames.whole_numbers(frame, columns)
            if whole is not None and len(whole[0]):
                return cls._of_counted(counted_rows(whole), unit_days)
        count = nw.len() if weight is None else nw.col(weight).sum()
        groups = frame.with_columns(wrong_weight(weight).alias(_WRONG)).group_by(*columns)
        table = frames.to_arrow(groups.agg(count.alias(_COUNT), nw.col(_WRONG).sum()))
        if not table.num_rows:
            raise DataError("the summary has no row", hint="nobody bought before its end")
        if wrong := int(table[_WRONG].to_numpy().sum()):
            raise wrong_weights(wrong)
        table = table.drop_columns([_WRONG])
        x, t, age, *others, number = (
            np.asarray(table.column(name).to_numpy(), dtype=np.float64)
            for name in (*columns, _COUNT)
        )
        order = np.lexsort((age, t, x))
        known = np.stack(others, axis=1)[order] if others else np.empty((len(x), 0))
        return cls(
            x[order], t[order] / unit_days, age[order] / unit_days, number[order], known,
            unit_days=unit_days,
        )  # fmt: skip

    @classmethod
    def _of_counted(cls, found: CountedRows, unit_days: float) -> SummaryRows:
        x, t, age = found.columns
        rows = cls(
            x.astype(np.float64), t / unit_days, age / unit_days, found.counts.astype(float),
            unit_days=unit_days,
        )  # fmt: skip
        for name, days in (("last_times", t), ("end_times", age)):
            rows.__dict__[name] = RowTimes.of_days(WholeDays(days, unit_days))
        return rows

    @classmethod
    def each(
        cls, source: frames.Source, *, covariates: Sequence[str] = ()
    ) -> tuple[SummaryRows, Floats, Any]:
        """Read one row a customer, in days and in the order of the frame.

        Returns:
            The rows; `mean_spend`, not a number where there is none; and `customer_id` as a table.
        """
        columns = (REPEAT_COUNT, LAST_PURCHASE_AGE, AGE, *covariates)
        check_columns(source, (*columns, MEAN_SPEND), covariates, None)
        table = frames.to_arrow(source.frame.select(CUSTOMER_ID, *columns, MEAN_SPEND))
        x, t, age, *others, spent = (
            np.asarray(table.column(name).to_numpy(), dtype=np.float64)
            for name in (*columns, MEAN_SPEND)
        )
        known = np.stack(others, axis=1) if others else np.empty((len(x), 0))
        rows = cls(x, t, age, np.ones(len(x)), known, unit_days=1.0)
        return rows, spent, table.select([CUSTOMER_ID])

    @classmethod
    def one(
        cls, repeat_count: float, last_purchase_age: float, age: float,
        covariates: Sequence[float] = (),
    ) -> SummaryRows:  # fmt: skip
        """Return the row of one customer.

        Raises:
            DataError: If it is one that no customer can have.
        """
        x, last, end = float(repeat_count), float(last_purchase_age), float(age)
        columns = np.array([x]), np.array([last]), np.array([end])
        # A request waits for this: what is plainly right is not checked column by column.
        is_right = x.is_integer() and 0 <= last <= end < math.inf and (x > 0) == (last > 0)
        if x < 0 or not is_right or covariates:
            return cls(*columns, covariates=np.array([covariates], dtype=np.float64))
        return cls._unchecked(*columns, _ONE, _NOTHING_KNOWN)

    @classmethod
    def _unchecked(cls, *columns: Floats, unit_days: float | None = None) -> SummaryRows:
        found = object.__new__(cls)
        found.__dict__.update(zip(_COLUMNS, columns, strict=True), unit_days=unit_days)
        return found

    def columns_or_numbers(self) -> tuple[Floats | float, Floats | float, Floats | float]:
        """Return x, t_x and T; of one row as numbers, which are quicker than arrays of one."""
        if len(self.age) != 1:
            return self.repeat_count, self.last_purchase_age, self.age
        return self.repeat_count.item(), self.last_purchase_age.item(), self.age.item()

    @property
    def customers(self) -> float:
        """How many customers the rows stand for."""
        return float(self.weight.sum())

    def total(self, values: Floats) -> float:
        """Return the sum of values over all customers.

        A product of vectors by `@` would wake OpenBLAS's threads, which then spin for longer than a
        whole fit takes.
        """
        return float((self.weight * values).sum())

    @property
    def mean_rate(self) -> float:
        """Purchases a unit of time of all customers; above zero, to begin a search with."""
        return max(self.total(self.repeat_count), 0.5) / max(self.total(self.age), 1e-6)

    @property
    def mean_age(self) -> float:
        """The mean age of the customers, in units of time."""
        return self.total(self.age) / self.customers

    def part(self, here: slice | NDArray[Any]) -> SummaryRows:
        """Return some of the rows; those of a draw again may have no weight."""
        return self._unchecked(
            self.repeat_count[here], self.last_purchase_age[here], self.age[here],
            self.weight[here], self.covariates[here], unit_days=self.unit_days,
        )  # fmt: skip

    def check_unit(self, unit_days: float, unit: str) -> None:
        """Refuse to be taken for rows in another unit of time.

        Raises:
            InvalidArgumentError: If the unit of the rows is known, and another one.
        """
        if self.unit_days is not None and self.unit_days != unit_days:
            raise InvalidArgumentError(
                "rows", f"are not in {unit}", got=f"units of {self.unit_days:g} days",
                allowed=f"units of {unit_days:g} days",
                hint=f"SummaryRows.of(summary, unit_days={unit_days:g})",
            )  # fmt: skip

    def with_last_purchases(self, last_purchase_age: Floats) -> SummaryRows:
        """Return the same rows with other ages at the last purchase, which are not checked."""
        return self._unchecked(
            self.repeat_count, last_purchase_age, self.age, self.weight, self.covariates
        )

    def in_units(self, unit_days: float) -> SummaryRows:
        """Return the same rows, whose times are in days, in units of so many days."""
        return attrs.evolve(
            self, last_purchase_age=self.last_purchase_age / unit_days, age=self.age / unit_days,
            unit_days=unit_days,
        )  # fmt: skip

    def distinct(self) -> tuple[SummaryRows, NDArray[np.intp]]:
        """Return the distinct rows, and the place of each row among them."""
        near = self._near_distinct()
        if near is not None:
            return near
        columns = (*self.covariates.T, self.age, self.last_purchase_age, self.repeat_count)
        order = np.lexsort(columns)
        differs = np.zeros(len(order), dtype=np.bool_)
        for column in columns:
            ordered = column[order]
            differs[1:] |= ordered[1:] != ordered[:-1]
        number = np.cumsum(differs)
        places = np.empty(len(order), dtype=np.intp)
        places[order] = number
        first = order[np.flatnonzero(np.concatenate([[True], differs[1:]]))]
        weight = np.bincount(places, self.weight).astype(np.float64)
        return attrs.evolve(self.part(first), weight=weight), places

    def _near_distinct(self) -> tuple[SummaryRows, NDArray[np.intp]] | None:
        """Return the distinct rows where times are whole days, in days or in weeks."""
        last, age = whole_days(self.last_purchase_age), whole_days(self.age)
        if self.covariates.shape[1] or not len(self) or last is None or age is None:
            return None
        x = self.repeat_count.astype(np.int64)
        found = counted_rows([x, last.whole, age.whole], with_places=True)
        assert found.places is not None
        x, t, end = found.columns
        weight = np.bincount(found.places, self.weight).astype(np.float64)
        rows = SummaryRows(
            x.astype(np.float64), t / last.unit, end / age.unit, weight, unit_days=self.unit_days
        )
        return rows, found.places

    def weighted(self, weight: Floats) -> SummaryRows:
        """Return the same rows for other numbers of customers; zero is one of them."""
        found = copy.copy(self)
        counts, places, _ = self._counts
        object.__setattr__(found, "weight", weight)
        weights: Floats = np.bincount(places, weight, minlength=len(counts)).astype(np.float64)
        found.__dict__["_counts"] = (counts, places, weights)
        found.__dict__.pop("_alike", None)
        return found

    def alike(self) -> list[tuple[Floats, NDArray[np.intp], SummaryRows]]:
        """Return groups of equal covariates: these, the places of the rows, and the rows."""
        return self._alike

    @cached_property
    def _alike(self) -> list[tuple[Floats, NDArray[np.intp], SummaryRows]]:
        values, group = np.unique(self.covariates, axis=0, return_inverse=True)
        order = np.argsort(group.reshape(-1), kind="stable")
        ends = np.cumsum(np.bincount(group.reshape(-1), minlength=len(values)))
        places = np.split(order, ends[:-1])
        return [(each, here, self.part(here)) for each, here in zip(values, places, strict=True)]

    def every(self, step: int) -> SummaryRows:
        """Return one row of so many each: a sample, as rows stand in order of their values."""
        some = np.arange(0, len(self), step)
        return self.part(some[self.weight[some] > 0])

    def of_counts(self) -> tuple[Floats, Floats]:
        """Return the distinct counts, ascending, and how many customers have each."""
        return self._counts[0], self._counts[2]

    @cached_property
    def _counts(self) -> tuple[Floats, NDArray[np.intp], Floats]:
        x = self.repeat_count
        if (x[1:] >= x[:-1]).all():  # as `of` reads them
            starts = np.flatnonzero(np.append(True, x[1:] != x[:-1])[: len(x)])
            counts = x[starts]
            places = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(x))))
        else:
            counts, places = np.unique(x, return_inverse=True)
        weights: Floats = np.bincount(places, self.weight, minlength=len(counts)).astype(np.float64)
        return counts, places, weights

    @cached_property
    def last_times(self) -> RowTimes:
        """The distinct ages at the last purchase."""
        return RowTimes.of(self.last_purchase_age)

    @cached_property
    def end_times(self) -> RowTimes:
        """The distinct ages."""
        return RowTimes.of(self.age)

    @cached_property
    def ends(self) -> RowEnds:
        """The distinct pairs of a count and an age between which integrals over rows run."""
        counts, places, _ = self._counts
        return RowEnds.of((counts, places), self.last_times, self.end_times)

    def pieces(self) -> Iterator[RowPiece]:
        """Cut the rows into pieces whose arrays stay in a core's cache."""
        for begin in range(0, len(self), _PIECE_ROWS):
            here = slice(begin, begin + _PIECE_ROWS)
            yield RowPiece(
                self.repeat_count[here], self.last_purchase_age[here], self.age[here],
                self.weight[here], self._counts[1][here], self.last_times.places[here],
                self.end_times.places[here],
            )  # fmt: skip

    def __len__(self) -> int:
        return len(self.repeat_count)
