"""From orders to opportunities: what models of purchases in discrete time eat.

The rules. An opportunity is a whole calendar period of the orders' zone: a day, a week (from
Monday), a month, a quarter or a year. Several purchases of one period are one; a return is none.
The period of the first purchase made a customer of somebody and is no opportunity; the next one is
the first. A period that has not ended by `as_of` is none yet, and purchases in it do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, as_of_us, floor_div, month_number, month_number_steps
from userops.errors import InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.value.summaries import history_of, purchase_days
from userops.value.summary_rows import REPEAT_COUNT

__all__ = ["AGE", "LAST_PURCHASE_AGE", "PERIODS", "opportunity_summary"]

LAST_PURCHASE_AGE = "last_purchase_age"
AGE = "age"
# Months of each period; days and weeks have none.
PERIODS: Mapping[str, int] = {"day": 0, "week": 0, "month": 1, "quarter": 3, "year": 12}
# The day of what `purchase_days` returns.
_DAY = "userops__day"
_PERIOD, _FIRST, _LAST = (f"userops__{name}" for name in ("period", "first", "last"))


def opportunity_summary(data: Any, as_of: AsOf, *, period: str) -> Any:
    """Return one row a customer whose first purchase lies in a period that has ended.

    Args:
        data: `Orders`, or a `History` that has some; with identities, persons are the customers.
        as_of: Exclusive end of the history.
        period: `day`, `week` (from Monday), `month`, `quarter` or `year`, of the orders' zone.

    Returns:
        The host's frame type with `customer_id`, and as whole numbers of periods `repeat_count`
        (with a purchase, after the first one), `last_purchase_age` (from the first to the last of
        them) and `age` (from the first one to the last that has ended).

    Raises:
        InvalidArgumentError: If the period is not known, or the data hold no orders.

    Example:
        >>> import pyarrow as pa
        >>> from userops import Orders
        >>> orders = Orders(
        ...     pa.table(
        ...         {
        ...             "customer_id": ["a", "a", "a", "b"],
        ...             "ordered_at": ["2024-01-31", "2024-02-01", "2024-04-30", "2024-05-01"],
        ...             "amount": [5, 7, 3, 1],
        ...         }
        ...     )
        ... )
        >>> opportunity_summary(orders, "2024-05-15", period="month").to_pylist()
        [{'customer_id': 'a', 'repeat_count': 2, 'last_purchase_age': 3, 'age': 3}]
    """
    if period not in PERIODS:
        raise InvalidArgumentError.unknown("period", period, PERIODS)
    history = history_of(data)
    end_us = as_of_us(as_of, history.zone)
    orders = history.at(end_us).orders
    days = purchase_days(orders, end_us).select(CUSTOMER_ID, _DAY)
    frame = _with_period(days, period).select(CUSTOMER_ID, _PERIOD).unique()
    running = _period_of(history.zone.day(end_us), period)
    ended = frame.filter(nw.col(_PERIOD) < running)
    totals = ended.group_by(CUSTOMER_ID).agg(
        nw.col(_PERIOD).min().alias(_FIRST), nw.col(_PERIOD).max().alias(_LAST),
        nw.len().alias(REPEAT_COUNT),
    )  # fmt: skip
    found = totals.select(
        CUSTOMER_ID,
        (nw.col(REPEAT_COUNT).cast(nw.Int64) - 1).alias(REPEAT_COUNT),
        (nw.col(_LAST) - nw.col(_FIRST)).cast(nw.Int64).alias(LAST_PURCHASE_AGE),
        (running - 1 - nw.col(_FIRST)).cast(nw.Int64).alias(AGE),
    )
    return orders.source.give_back(found)


def _with_period(days: frames.Frame, period: str) -> frames.Frame:
    """Add the number of the period that each day lies in; each step is stored under a name."""
    if not PERIODS[period]:
        return days.with_columns(_of_day(nw.col(_DAY), period, floor_div).alias(_PERIOD))
    steps, number = month_number_steps(nw.col(_DAY), floor=floor_div), 0
    value = next(steps)
    while True:
        title = f"{_PERIOD}_{number}"
        days, number = days.with_columns(value.alias(title)), number + 1
        try:
            value = steps.send(nw.col(title))
        except StopIteration as done:
            months = days.with_columns(done.value.alias(_PERIOD))
            return months.with_columns(floor_div(nw.col(_PERIOD), PERIODS[period]).alias(_PERIOD))


def _period_of(day: int, period: str) -> int:
    """Return the number of the period that a day lies in."""
    if not PERIODS[period]:
        return int(_of_day(day, period, lambda a, n: a // n))
    return month_number(day) // PERIODS[period]


def _of_day(day: Any, period: str, floor: Any) -> Any:
    # 1970-01-01 was a Thursday: three days after a Monday.
    return day if period == "day" else floor(day + 3, 7)
