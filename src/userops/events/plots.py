"""Charts of what happened."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Literal

from userops.charts import timeline
from userops.core.money import major_float
from userops.core.time import EPOCH_DAY
from userops.errors import InvalidArgumentError
from userops.events.table import EventTable, Orders

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_orders"]

# A line of more points than this is hard to read; the next coarser period is taken.
_MOST_POINTS = 120
_WORDS = {
    "en": {
        "revenue": "Net revenue",
        "orders": "Orders",
        "share": "Quarantined rows",
        "day": "a day",
        "week": "a week",
        "month": "a month",
    },
    "zh": {
        "revenue": "净销售额",
        "orders": "订单数",
        "share": "隔离行占比",
        "day": "每日",
        "week": "每周",
        "month": "每月",
    },
}


def plot_orders(
    orders: Orders,
    *,
    measure: Literal["revenue", "orders"] = "revenue",
    every: Literal["day", "week", "month"] | None = None,
    locale: Literal["en", "zh"] = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw net revenue, or the number of orders, over time, with the share of quarantined rows.

    Args:
        orders: The orders; rows without a readable time have no place on the axis.
        measure: `revenue` (net, major units) or `orders` (at their first line).
        every: Period of one point, in the orders' zone; weeks begin on Monday. None takes the
            finest that stays readable.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes of the measure.

    Raises:
        InvalidArgumentError: If an argument is not known.
        MissingExtraError: If matplotlib is not installed.
    """
    if not isinstance(orders, EventTable):
        raise InvalidArgumentError(
            "orders", "is not Orders", got=type(orders).__name__,
            hint="name the columns of a frame: Orders(df, customer_id=…, ordered_at=…, amount=…)",
        )  # fmt: skip
    for argument, value, allowed in (
        ("measure", measure, ("revenue", "orders")),
        ("locale", locale, tuple(_WORDS)),
        ("every", every or "day", ("day", "week", "month")),
    ):
        if value not in allowed:
            raise InvalidArgumentError.unknown(argument, str(value), allowed)
    days = [
        row for row in orders.by_day() if 1 <= row["day"] + EPOCH_DAY <= dt.date.max.toordinal()
    ]
    every = every or _readable_period([row["day"] for row in days])
    totals: dict[dt.date, list[int]] = {}
    for day in range(days[0]["day"], days[-1]["day"] + 1) if days else ():
        totals.setdefault(_begin(day, every), [0, 0, 0])  # nothing happened, or nothing is known
    for row in days:
        total = totals[_begin(row["day"], every)]
        total[0] += row["orders"] if measure == "orders" else row["net_minor_units"]
        total[1] += row["quarantined"]
        total[2] += row["rows"]
    words = _WORDS[locale]
    scale = 0 if measure == "orders" else orders.scale
    title = f"{words[measure]} {words[every]}" if locale == "en" else words[every] + words[measure]
    return timeline(
        list(totals),
        series={words[measure]: [major_float(t[0], scale) for t in totals.values()]},
        share=[t[1] / t[2] if t[2] else None for t in totals.values()],
        share_label=words["share"],
        share_kind="bars",
        title=title,
        y_label=orders.columns.currency or "" if measure == "revenue" else "",
        language=locale,
        ax=ax,
    )


def _readable_period(days: list[int]) -> Literal["day", "week", "month"]:
    span = days[-1] - days[0] + 1 if days else 0
    if span <= _MOST_POINTS:
        return "day"
    return "week" if span <= _MOST_POINTS * 7 else "month"


def _begin(day: int, every: str) -> dt.date:
    date = dt.date.fromordinal(day + EPOCH_DAY)
    if every == "week":
        return dt.date.fromordinal(max(1, date.toordinal() - date.weekday()))
    return date.replace(day=1) if every == "month" else date
