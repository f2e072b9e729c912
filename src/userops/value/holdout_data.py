"""What validation reads from orders: distinct customers with what they did later, and weeks.

Only aggregates leave the engine: one row for each distinct customer before and after the end of
calibration, and one count a week.
"""

from __future__ import annotations

from typing import Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.time import AsOf, as_of_us, floor_div
from userops.customers.history import History
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.value.summaries import purchase_days, transaction_summary
from userops.value.summary_rows import (
    AGE,
    LAST_PURCHASE_AGE,
    MEAN_SPEND,
    REPEAT_COUNT,
    SummaryRows,
)

__all__ = ["HoldoutData"]

Floats = NDArray[np.float64]
_DAY, _FIRST, _WEEK, _ROWS = (f"userops__{name}" for name in ("day", "first", "week", "rows"))
_COUNT, _SPEND = "holdout_count", "holdout_spend"
_LONG_AGO = 1_000_000  # weeks


@attrs.frozen(eq=False)
class HoldoutData:
    """Customers of the calibration, and what they bought in the holdout.

    Attributes:
        summary: The transaction summary with its holdout columns, in the host's frame type.
        source: The same as it is read here.
        last_day: The last day of the calibration, days since 1970-01-01.
        holdout_days: How many days come after it.
        rows: Distinct customers, in days, weighted by how many there are, with their covariates.
        covariates: The names of these.
        mean_spend: Of a repeat purchase in the calibration, one value a row; 0 where not known, and
            everywhere where spend was not asked for.
        holdout_count: Purchases in the holdout, one value a row.
        holdout_spend: Their money, one value a row; 0 where spend was not asked for.
        weekly: Repeat purchases by week; week 0 begins with the holdout.
    """

    summary: Any
    source: frames.Source
    last_day: int
    holdout_days: int
    rows: SummaryRows
    covariates: tuple[str, ...]
    mean_spend: Floats
    holdout_count: Floats
    holdout_spend: Floats
    weekly: dict[int, int]

    @classmethod
    def read(
        cls, data: Any, as_of: AsOf, calibration_end: AsOf, *, with_spend: bool,
        covariates: tuple[str, ...] = (), known: Any = None,
    ) -> HoldoutData:  # fmt: skip
        """Read orders once.

        Args:
            data: `Orders`, or a `History` that has some.
            as_of: Exclusive end of the holdout.
            calibration_end: Exclusive end of the calibration.
            with_spend: Whether money is asked for.
            covariates: Columns of `known` that models read.
            known: A frame with `customer_id` and these columns, one row a customer.

        Raises:
            InvalidArgumentError: If the data hold no orders, no day is held out, or covariates are
                asked for and not given.
            ColumnNotFoundError: If a covariate is missing; names the nearest.
            DataError: If nobody bought before the end of calibration, or a customer has two rows
                of covariates, or none.
        """
        summary = transaction_summary(data, as_of, calibration_end=calibration_end)
        history = data if isinstance(data, History) else History(data)
        end_us, cut_us = (as_of_us(end, history.zone) for end in (as_of, calibration_end))
        last_day = history.zone.day(cut_us - 1)
        holdout_days = history.zone.day(end_us - 1) - last_day
        if holdout_days < 1:
            raise InvalidArgumentError(
                "calibration_end", "leaves no day to hold out", got=calibration_end,
                allowed=f"at least a day before {as_of}",
                hint="hold out as long as is predicted later on, such as a quarter or half a year",
            )  # fmt: skip
        source = frames.read(summary)
        frame = _with_covariates(source.frame, covariates, known) if covariates else source.frame
        source = attrs.evolve(source, frame=source.materialise(frame))
        columns = _distinct(source.frame, covariates, with_spend=with_spend)
        besides = [columns[name] for name in covariates]
        rows = SummaryRows(
            columns[REPEAT_COUNT], columns[LAST_PURCHASE_AGE], columns[AGE], columns[_ROWS],
            np.stack(besides, axis=1) if besides else np.empty((len(columns[AGE]), 0)),
        )  # fmt: skip
        return cls(
            source.give_back(source.frame), source, last_day, holdout_days, rows, covariates,
            columns[MEAN_SPEND], columns[_COUNT], columns[_SPEND],
            _weekly(history, end_us, last_day),
        )  # fmt: skip

    @property
    def first_day(self) -> int:
        """The day of the earliest first purchase, days since 1970-01-01."""
        return self.last_day - int(self.rows.age.max())

    def rows_with(self, covariates: tuple[str, ...]) -> SummaryRows:
        """Return the customers, in days, with some of the covariates."""
        here = [self.covariates.index(name) for name in covariates]
        return attrs.evolve(self.rows, covariates=self.rows.covariates[:, here])


def _with_covariates(
    summary: frames.Frame, covariates: tuple[str, ...], known: Any
) -> frames.Frame:
    """Return a summary with the columns that models read besides."""
    if known is None:
        raise InvalidArgumentError(
            "covariates", "are read by the model, and not given", allowed=", ".join(covariates),
            hint="pass a frame with customer_id and these columns",
        )  # fmt: skip
    frame = frames.read(known).frame
    names = frame.collect_schema().names()
    for column in (CUSTOMER_ID, *covariates):
        if column not in names:
            raise ColumnNotFoundError(column, names)
    frame = frame.select(CUSTOMER_ID, *covariates)
    if frames.to_rows(frames.counted_by(frame, [CUSTOMER_ID]).filter(nw.col("rows") > 1).head(1)):
        raise DataError(
            "a customer has several rows of covariates", allowed="one row a customer",
            hint="take what was known at the end of calibration",
        )  # fmt: skip
    mine, theirs = frames.alike([summary, frame])
    return mine.join(theirs, on=CUSTOMER_ID, how="left")


def _distinct(
    summary: frames.Frame, covariates: tuple[str, ...], *, with_spend: bool
) -> dict[str, Floats]:
    """Return the distinct rows of a summary as arrays, with how many there are of each."""
    zero = nw.lit(0.0)
    spend = nw.col(MEAN_SPEND).fill_null(0.0) if with_spend else zero
    later = nw.col(_SPEND).fill_null(0.0) if with_spend else zero
    known = [nw.col(name).cast(nw.Float64) for name in covariates]
    keys = [REPEAT_COUNT, LAST_PURCHASE_AGE, AGE, _COUNT, MEAN_SPEND, _SPEND, *covariates]
    chosen = summary.select(*keys[:4], spend.alias(MEAN_SPEND), later.alias(_SPEND), *known)
    table = frames.to_arrow(chosen.group_by(*keys).agg(nw.len().alias(_ROWS)))
    if not table.num_rows:
        raise DataError("nobody bought before the end of calibration", hint="end it later")
    arrays = {
        name: np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in [*keys, _ROWS]
    }
    # One order on every engine, so that sums have the same last digit.
    order = np.lexsort([arrays[name] for name in reversed(keys)])
    return {name: values[order] for name, values in arrays.items()}


def _weekly(history: History, end_us: int, last_day: int) -> dict[int, int]:
    """Count repeat purchases by week, of who became a customer in the calibration."""
    days = purchase_days(history.at(end_us).orders, end_us)
    first = days.group_by(CUSTOMER_ID).agg(nw.col(_DAY).min().alias(_FIRST))
    repeats = days.join(first, on=CUSTOMER_ID, how="inner").filter(
        (nw.col(_FIRST) <= last_day) & (nw.col(_DAY) > nw.col(_FIRST))
    )
    # Counted from long ago, because engines differ in the remainder of a negative number.
    week = floor_div(nw.col(_DAY) - (last_day + 1 - 7 * _LONG_AGO), 7).alias(_WEEK)
    counted = frames.counted_by(repeats.select(week), [_WEEK])
    return {int(row[_WEEK]) - _LONG_AGO: int(row["rows"]) for row in frames.to_rows(counted)}
