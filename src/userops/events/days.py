"""The rows of a table by local day, for timelines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    COUNTED,
    CUSTOMER_ID,
    INSTANT_US,
    ORDER_ID,
    STATUS,
    EventColumns,
    OrderColumns,
)
from userops.events.working_columns import PREFIX

__all__ = ["rows_by_day"]


def rows_by_day(
    rows: frames.Frame, columns: OrderColumns | EventColumns, purchases: Callable[[], frames.Frame]
) -> list[dict[str, Any]]:
    """Count the rows of each local day.

    Args:
        rows: The normalised rows of a table.
        columns: Its mapping.
        purchases: Returns the rows of orders that count and are no returns.

    Returns:
        One dict a day, ascending: `day` (days since 1970-01-01), `rows`, `quarantined` (rows),
        and for orders `orders` (by their first line) and `net_minor_units`. Rows without a
        readable time have no day and are left out.
    """
    instant, status = nw.col(PREFIX + INSTANT_US), nw.col(PREFIX + STATUS)
    timed = rows.filter(~instant.is_null())
    reach = frames.to_rows(timed.select(low=instant.min(), high=instant.max()))[0]
    if reach["low"] is None:
        return []
    between = int(reach["low"]), int(reach["high"])
    measured = {"quarantined": (status > COUNTED).cast(nw.Int64)}
    if isinstance(columns, OrderColumns):
        amount = nw.col(PREFIX + AMOUNT_MINOR_UNITS)
        measured["net_minor_units"] = nw.when(status == COUNTED).then(amount).otherwise(nw.lit(0))
    by_day = timed.select(
        columns.zone.day_expr(instant, between_us=between).alias("day"),
        *(value.alias(name) for name, value in measured.items()),
    )
    grouped = by_day.group_by("day").agg(nw.len().alias("rows"), nw.col(*measured).sum())
    days = {row["day"]: row | {"orders": 0} for row in frames.to_rows(grouped)}
    for row in (
        _orders_by_day(purchases(), columns, between) if "net_minor_units" in measured else ()
    ):
        days[row["day"]]["orders"] = row["orders"]
    return [{k: int(v) for k, v in days[day].items()} for day in sorted(days)]


def _orders_by_day(
    made: frames.Frame, columns: OrderColumns | EventColumns, between_us: tuple[int, int]
) -> list[dict[str, Any]]:
    if ORDER_ID in made.collect_schema():
        made = made.group_by(CUSTOMER_ID, ORDER_ID).agg(nw.col(INSTANT_US).min())
    day = columns.zone.day_expr(nw.col(INSTANT_US), between_us=between_us)
    counts = made.select(day.alias("day")).group_by("day").agg(nw.len().alias("orders"))
    return frames.to_rows(counts)
