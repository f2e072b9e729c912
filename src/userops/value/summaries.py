"""From orders to what models of value eat: how often, how long ago, for how long, and how much.

The rules. Purchases of one local day are one transaction. A return is never a purchase, and takes
no money off. Ages are whole days, counted to the last day that was observed, the one before
`as_of`: CDNOW's first buyers of 1997-01-01 are 272 days old at the end of 1997-09-30. `mean_spend`
is the mean of the days after the first one, because the first purchase is what made somebody a
customer.
Who bought first after the end is not there.
"""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.time import AsOf, as_of_us
from userops.customers.history import History
from userops.errors import InvalidArgumentError
from userops.events.columns import AMOUNT_MINOR_UNITS, CUSTOMER_ID, INSTANT_US
from userops.events.table import Orders
from userops.value.summary_rows import AGE, LAST_PURCHASE_AGE, MEAN_SPEND, REPEAT_COUNT

__all__ = ["history_of", "purchase_days", "transaction_summary"]

_DAY, _AMOUNT, _FIRST, _LAST = (
    f"userops__{name}" for name in ("day", "amount", "first_day", "last_day")
)


def transaction_summary(data: Any, as_of: AsOf, *, calibration_end: AsOf | None = None) -> Any:
    """Return one row a customer who bought before `as_of`; nothing is collected on a cluster.

    Args:
        data: `Orders`, or a `History` that has some; with identities, persons are the customers.
        as_of: Exclusive end of the history.
        calibration_end: Where given, the summary is as of this instant, and what came between it
            and `as_of` stands in `holdout_days`, `holdout_count` (purchase days) and
            `holdout_spend` (their sum).

    Returns:
        The host's frame type with `customer_id`, `repeat_count` (whole number), `age_days` and
        `last_purchase_age_days` (whole days), `mean_spend` (major units a repeat day; null without
        repeats).

    Raises:
        InvalidArgumentError: If the data hold no orders, or the calibration does not end before
            `as_of`.

    Example:
        >>> import pyarrow as pa
        >>> orders = Orders(
        ...     pa.table(
        ...         {
        ...             "customer_id": ["a", "a", "a", "b"],
        ...             "ordered_at": ["2024-01-01", "2024-01-05", "2024-01-05", "2024-01-08"],
        ...             "amount": [5, 7, 3, 1],
        ...         }
        ...     )
        ... )
        >>> summary = transaction_summary(orders, "2024-01-11").sort_by("customer_id")
        >>> list(summary.to_pylist()[0].values())
        ['a', 1, 4, 9, 10.0]
    """
    history = history_of(data)
    end_us = as_of_us(as_of, history.zone)
    cut_us = end_us if calibration_end is None else as_of_us(calibration_end, history.zone)
    if cut_us > end_us:
        raise InvalidArgumentError(
            "calibration_end", "is after the end of the history", got=calibration_end,
            allowed=f"before {as_of}",
        )  # fmt: skip
    orders = history.at(end_us).orders
    days, last_day = purchase_days(orders, end_us), history.zone.day(cut_us - 1)
    known = days if calibration_end is None else days.filter(nw.col(_DAY) <= last_day)
    totals, columns = _totals(known), _columns(last_day, orders.scale)
    if calibration_end is not None:
        later = days.filter(nw.col(_DAY) > last_day).group_by(CUSTOMER_ID)
        held = later.agg(nw.len().alias("holdout_count"), nw.col(_AMOUNT).sum().alias(_DAY))
        totals = totals.join(held, on=CUSTOMER_ID, how="left")
        spent = money.as_float(nw.col(_DAY).fill_null(0)) / float(10**orders.scale)
        columns |= {
            "holdout_days": nw.lit(history.zone.day(end_us - 1) - last_day, nw.Int64),
            "holdout_count": nw.col("holdout_count").fill_null(0).cast(nw.Int64),
            "holdout_spend": spent,
        }
    found = totals.select(CUSTOMER_ID, *(value.alias(name) for name, value in columns.items()))
    return orders.source.give_back(found)


def _totals(days: frames.Frame) -> frames.Frame:
    """Return one row a customer: first and last day, and days and money after the first."""
    first = days.group_by(CUSTOMER_ID).agg(nw.col(_DAY).min().alias(_FIRST))
    days = days.join(first, on=CUSTOMER_ID, how="inner")
    is_repeat = nw.col(_DAY) > nw.col(_FIRST)
    days = days.with_columns(
        is_repeat.cast(nw.Int64).alias(REPEAT_COUNT),
        nw.when(is_repeat).then(nw.col(_AMOUNT)).otherwise(nw.lit(0, nw.Int64)).alias(_AMOUNT),
    )
    return days.group_by(CUSTOMER_ID).agg(
        nw.col(_FIRST).min(), nw.col(_DAY).max().alias(_LAST),
        nw.col(REPEAT_COUNT).sum(), nw.col(_AMOUNT).sum(),
    )  # fmt: skip


def _columns(last_day: int, scale: int) -> dict[str, nw.Expr]:
    """Return the columns of a summary, of what `_totals` returns."""
    some: Any = nw.when(nw.col(REPEAT_COUNT) > 0).then(nw.col(REPEAT_COUNT))
    return {
        REPEAT_COUNT: nw.col(REPEAT_COUNT).cast(nw.Int64),
        LAST_PURCHASE_AGE: (nw.col(_LAST) - nw.col(_FIRST)).cast(nw.Int64),
        AGE: (last_day - nw.col(_FIRST)).cast(nw.Int64),
        MEAN_SPEND: money.as_float(nw.col(_AMOUNT)) / money.as_float(some * 10**scale),
    }


def history_of(data: Any) -> History:
    """Return a history as it is, and one of orders.

    Raises:
        InvalidArgumentError: If there are no orders.
    """
    if isinstance(data, History):
        return data
    if isinstance(data, Orders):
        return History(data)
    raise InvalidArgumentError(
        "data", "has no orders", got=type(data).__name__, allowed="Orders(…), or a History",
        hint="name the columns of a frame: Orders(df, customer_id=…, ordered_at=…, amount=…)",
    )  # fmt: skip


def purchase_days(orders: Orders, end_us: int) -> frames.Frame:
    """Return one row a customer and local day with a purchase; nothing is collected.

    Args:
        orders: The orders, of persons where there are identities.
        end_us: Exclusive end, microseconds since 1970-01-01 UTC.

    Returns:
        `customer_id`, `userops__day` (days since 1970-01-01 in the orders' zone) and
        `userops__amount` (the sum of its money, minor units).
    """
    earliest = orders.audit.first_us
    reach = (end_us if earliest is None else min(end_us, earliest), end_us)
    day = orders.columns.zone.day_expr(nw.col(INSTANT_US), between_us=reach)
    rows = orders.purchases(before_us=end_us).select(
        CUSTOMER_ID, day.cast(nw.Int64).alias(_DAY), nw.col(AMOUNT_MINOR_UNITS).alias(_AMOUNT)
    )
    return rows.group_by(CUSTOMER_ID, _DAY).agg(nw.col(_AMOUNT).sum())
