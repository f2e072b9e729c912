"""From orders to what models of value eat: how often, how long ago, for how long, and how much.

The rules. Purchases of one local day are one transaction. A return is never a purchase, and takes
no money off. Ages are whole days, counted to the last day that was observed, the one before
`as_of`: CDNOW's first buyers of 1997-01-01 are 272 days old at the end of 1997-09-30. `mean_spend`
is the mean of the days after the first one, because the first purchase is what made somebody a
customer.
Who bought first after the end is not there.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.day_totals import (
    DAYS_LATER,
    FIRST_DAY,
    LAST_DAY,
    REPEAT_DAYS,
    SUM_LATER,
    SUM_REPEAT,
    day_totals,
)
from userops.core.time import AsOf, Zone, as_of_us
from userops.customers.customer import Customer
from userops.customers.history import History
from userops.errors import InvalidArgumentError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    INSTANT_US,
    OrderColumns,
)
from userops.events.table import Orders
from userops.value.summary_rows import AGE, LAST_PURCHASE_AGE, MEAN_SPEND, REPEAT_COUNT

__all__ = ["CustomerSummary", "history_of", "purchase_days", "transaction_summary"]

_ORDER = "order"
# The last step has a dozen kernels, which are soon worth a core of their own.
_MORSEL_ROWS = 1 << 18
_DAY, _AMOUNT = "userops__day", "userops__amount"


def transaction_summary(data: Any, as_of: AsOf, *, calibration_end: AsOf | None = None) -> Any:
    """Return one row a customer who bought before `as_of`; nothing is collected on a cluster.

    Args:
        data: `Orders`, or a `History` that has some; with identities, persons are the customers.
        as_of: Exclusive end of the history.
        calibration_end: The beginning of a day. The summary is as of it, and what came between it
            and `as_of` stands in `holdout_days`, `holdout_count` (purchase days) and
            `holdout_spend` (their sum).

    Returns:
        The host's frame type with `customer_id`, `repeat_count` (whole number), `age_days` and
        `last_purchase_age_days` (whole days), `mean_spend` (major units a repeat day; null without
        repeats).

    Raises:
        InvalidArgumentError: If the data hold no orders, or the calibration ends after `as_of` or
            in the middle of a day.

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
            allowed=f"{as_of} or before",
        )  # fmt: skip
    if calibration_end is not None and cut_us < end_us:
        _check_day_begins(calibration_end, cut_us, history.zone)
    orders = history.at(end_us).orders
    last_day = history.zone.day(cut_us - 1)
    held_days = None if calibration_end is None else history.zone.day(end_us - 1) - last_day
    totals = _totals(orders, end_us, last_day, is_held=held_days is not None)
    columns = _columns(last_day, held_days, orders.scale)
    found = frames.by_morsel(
        orders.source, totals,
        lambda rows: rows.select(CUSTOMER_ID, *(v.alias(name) for name, v in columns.items())),
        most_rows=_MORSEL_ROWS,
    )  # fmt: skip
    if orders.source.family != "pyarrow" and found.implementation.is_pyarrow():
        return orders.source.give_rows(frames.to_arrow(found))
    return orders.source.give_back(found)


class CustomerSummary(NamedTuple):
    """The summary of one customer in memory, as `score_one` and `explain` take it.

    Attributes:
        repeat_count: Days with a purchase after the first one.
        last_purchase_age_days: From the first to the last of them.
        age_days: From the first purchase to the last observed day.
        mean_spend: Of a repeat day, major units; None without any.
    """

    repeat_count: int
    last_purchase_age_days: int
    age_days: int
    mean_spend: float | None

    @classmethod
    def of(cls, customer: Customer, as_of: AsOf) -> CustomerSummary:
        """Summarise a customer as `transaction_summary` does.

        Args:
            customer: The customer, with orders.
            as_of: Exclusive end of his history.

        Raises:
            InvalidArgumentError: If he has no orders, or bought nothing before `as_of`.

        Example:
            >>> from userops.events import OrderColumns
            >>> columns = OrderColumns(customer_id="who", ordered_at="at", amount="paid")
            >>> days = "2024-01-01", "2024-01-05", "2024-01-05"
            >>> rows = [{"who": "a", "at": day, "paid": 5} for day in days]
            >>> customer = Customer.from_rows("a", {"order": rows}, {"order": columns})
            >>> tuple(CustomerSummary.of(customer, "2024-01-11"))
            (1, 4, 9, 10.0)
        """
        columns = customer.columns.get(_ORDER)
        if not isinstance(columns, OrderColumns):
            raise InvalidArgumentError(
                "customer", "has no orders", got=", ".join(customer.columns) or "nothing",
                allowed=f"a Customer with {_ORDER!r}",
            )  # fmt: skip
        end_us = as_of_us(as_of, customer.zone)
        days: dict[int, int] = {}
        for row in customer.rows[_ORDER]:
            at_us, paid = row.instant_us, row.amount_minor_units
            assert at_us is not None and paid is not None  # or it would not count  # noqa: PT018
            if at_us < end_us and not row.is_return:
                day = customer.zone.day(at_us)
                days[day] = days.get(day, 0) + paid
        if not days:
            raise InvalidArgumentError("customer", f"bought nothing before {as_of}")
        first, last, repeats = min(days), max(days), len(days) - 1
        spent = float(sum(days.values()) - days[first])
        mean = spent / float(repeats * 10**columns.scale) if repeats else None
        return cls(repeats, last - first, customer.zone.day(end_us - 1) - first, mean)


def _check_day_begins(calibration_end: AsOf, cut_us: int, zone: Zone) -> None:
    if zone.day(cut_us - 1) == zone.day(cut_us):
        raise InvalidArgumentError(
            "calibration_end", "is in the middle of a day, whose purchases are one transaction",
            got=calibration_end, allowed="the beginning of a day, such as '2024-04-01'",
        )  # fmt: skip


def _totals(orders: Orders, end_us: int, last_day: int, *, is_held: bool) -> frames.Frame:
    """Return one row a customer who bought up to a day; see `day_totals` for the columns.

    Rows in this process are sorted as numbers and added up by numpy, several times faster than any
    engine groups them; what another process holds is grouped there.
    """
    if not orders.source.is_in_process:
        return _planned_totals(orders, end_us, last_day, is_held=is_held)
    return day_totals(
        orders.purchases(before_us=end_us), CUSTOMER_ID, INSTANT_US, AMOUNT_MINOR_UNITS,
        zone=orders.columns.zone, last_day=last_day,
    )  # fmt: skip


def _planned_totals(orders: Orders, end_us: int, last_day: int, *, is_held: bool) -> frames.Frame:
    """Return the same as a plan of the engine."""
    days = purchase_days(orders, end_us)
    known = days.filter(nw.col(_DAY) <= last_day) if is_held else days
    first = known.group_by(CUSTOMER_ID).agg(nw.col(_DAY).min().alias(FIRST_DAY))
    known = known.join(first, on=CUSTOMER_ID, how="inner")
    is_repeat = nw.col(_DAY) > nw.col(FIRST_DAY)
    known = known.with_columns(
        is_repeat.cast(nw.Int64).alias(REPEAT_DAYS),
        nw.when(is_repeat).then(nw.col(_AMOUNT)).otherwise(nw.lit(0, nw.Int64)).alias(SUM_REPEAT),
    )
    totals = known.group_by(CUSTOMER_ID).agg(
        nw.col(FIRST_DAY).min(), nw.col(_DAY).max().alias(LAST_DAY),
        nw.col(REPEAT_DAYS).sum(), nw.col(SUM_REPEAT).sum(),
    )  # fmt: skip
    if not is_held:
        return totals
    later = days.filter(nw.col(_DAY) > last_day).group_by(CUSTOMER_ID)
    held = later.agg(nw.len().alias(DAYS_LATER), nw.col(_AMOUNT).sum().alias(SUM_LATER))
    totals = totals.join(held, on=CUSTOMER_ID, how="left")
    return totals.with_columns(nw.col(DAYS_LATER, SUM_LATER).fill_null(0))


def _columns(last_day: int, held_days: int | None, scale: int) -> dict[str, nw.Expr]:
    """Return the columns of a summary, of what `_totals` returns."""
    some: Any = nw.when(nw.col(REPEAT_DAYS) > 0).then(nw.col(REPEAT_DAYS))
    columns = {
        REPEAT_COUNT: nw.col(REPEAT_DAYS).cast(nw.Int64),
        LAST_PURCHASE_AGE: (nw.col(LAST_DAY) - nw.col(FIRST_DAY)).cast(nw.Int64),
        AGE: (last_day - nw.col(FIRST_DAY)).cast(nw.Int64),
        MEAN_SPEND: money.as_float(nw.col(SUM_REPEAT)) / money.as_float(some * 10**scale),
    }
    if held_days is not None:
        columns |= {
            "holdout_days": nw.lit(held_days, nw.Int64),
            "holdout_count": nw.col(DAYS_LATER).cast(nw.Int64),
            "holdout_spend": money.major_expr(nw.col(SUM_LATER), scale),
        }
    return columns


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
