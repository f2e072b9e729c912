"""What the orders and events of a history come to: totals of customers, orders, and returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.customers.returns import linked_returns
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
)
from userops.events.table import Events, Orders

if TYPE_CHECKING:
    from userops.customers.arguments import ReturnsPolicy

__all__ = [
    "FIRST_US",
    "FREQUENCY",
    "LAST_US",
    "MONETARY",
    "ORDER",
    "RETURNED",
    "RETURN_ROWS",
    "event_totals",
    "order_table",
    "order_totals",
    "returns_table",
]

ORDER = "order"
# Before every instant; what is read up to it has no rows.
_NEVER_US = -(2**63)
LAST_US = "last_us"
FIRST_US = "first_us"
FREQUENCY = "frequency"
MONETARY = "monetary_minor_units"
RETURNED = "returned_minor_units"
RETURN_ROWS = "return_rows"


def order_totals(orders: Orders, returns: ReturnsPolicy, before_us: int) -> frames.Frame:
    """Return one row a customer with a purchase before an instant; see `History.order_totals`."""
    is_return = nw.col(IS_RETURN)
    has_returns = orders.audit.returns > 0 and returns != "ignore"
    rows = (
        orders.counted(before_us=before_us)
        if has_returns
        else orders.purchases(before_us=before_us)
    )
    bought_at: Any = nw.when(~is_return).then(nw.col(INSTANT_US))
    amount = nw.col(AMOUNT_MINOR_UNITS)
    if returns == "separate":
        back = nw.when(is_return)
        rows = rows.with_columns(
            back.then(amount).otherwise(nw.lit(0)).alias(RETURNED),
            back.then(nw.lit(1)).otherwise(nw.lit(0)).alias(RETURN_ROWS),
            back.then(nw.lit(0)).otherwise(amount).alias(AMOUNT_MINOR_UNITS),
        )
    bought_at = bought_at if has_returns else nw.col(INSTANT_US)
    rows = rows.with_columns(bought_at.alias(FIRST_US))
    sums = [AMOUNT_MINOR_UNITS]
    if returns == "separate":
        sums += [RETURNED, RETURN_ROWS]
    if not orders.has_order_rows:
        # An order of several lines was made at its first line.
        rows = rows.group_by(CUSTOMER_ID, ORDER_ID).agg(nw.col(FIRST_US).min(), nw.col(*sums).sum())
    taken: dict[str, tuple[str, frames.Aggregate]] = {
        LAST_US: (FIRST_US, "max"),
        FREQUENCY: (FIRST_US, "count"),
    }
    taken |= {name: (name, "sum") for name in sums}
    totals = frames.totals_by_key(orders.source, rows, CUSTOMER_ID, taken)
    return totals.rename({AMOUNT_MINOR_UNITS: MONETARY}).filter(nw.col(FREQUENCY) > 0)


def event_totals(table: Orders | Events, returns: ReturnsPolicy, before_us: int) -> frames.Frame:
    """Return one row a customer with the event; see `History.event_totals`."""
    if isinstance(table, Orders):
        return order_totals(table, returns, before_us).select(CUSTOMER_ID, LAST_US, FREQUENCY)
    return frames.totals_by_key(
        table.source,
        table.counted(before_us=before_us),
        CUSTOMER_ID,
        {LAST_US: (INSTANT_US, "max"), FREQUENCY: (INSTANT_US, "count")},
    )


def returns_table(orders: Orders, before_us: int) -> Any:
    """Return one row a return; see `History.linked_returns`."""
    linked = linked_returns(orders, before_us)
    linked = linked.rename({INSTANT_US: "returned_at"}).with_columns(
        money.major_expr(nw.col(AMOUNT_MINOR_UNITS), orders.scale).alias("amount")
    )
    linked = frames.with_datetime(orders.source, linked, "returned_at")
    return orders.source.give_back(linked.drop(AMOUNT_MINOR_UNITS))


def order_table(orders: Orders, returns: ReturnsPolicy, before_us: int) -> Any:
    """Return one row an order; see `History.order_table`."""
    back = linked_returns(orders, before_us if returns != "ignore" else _NEVER_US)
    bought = orders.purchases(before_us=before_us)
    bought = bought.group_by(CUSTOMER_ID, ORDER_ID).agg(
        nw.col(INSTANT_US).min(), nw.col(AMOUNT_MINOR_UNITS).sum()
    )
    back = back.filter(~nw.col("linked_order_id").is_null())
    back = back.group_by(CUSTOMER_ID, "linked_order_id").agg(
        nw.col(AMOUNT_MINOR_UNITS).sum().alias(RETURNED)
    )
    table = bought.join(
        back,
        how="left",
        left_on=[CUSTOMER_ID, ORDER_ID],
        right_on=[CUSTOMER_ID, "linked_order_id"],
    ).with_columns(
        nw.col(AMOUNT_MINOR_UNITS).cast(nw.Int64),
        nw.col(RETURNED).cast(nw.Int64).fill_null(0),
    )
    amount, returned = nw.col(AMOUNT_MINOR_UNITS), nw.col(RETURNED)
    table = table.select(
        CUSTOMER_ID,
        ORDER_ID,
        nw.col(INSTANT_US).alias("ordered_at"),
        money.major_expr(amount, orders.scale).alias("amount"),
        money.major_expr(returned, orders.scale).alias("returned_amount"),
        money.major_expr(amount + returned, orders.scale).alias("net_amount"),
        ((returned < 0) & (amount + returned <= 0)).alias("is_fully_returned"),
    )
    table = frames.with_datetime(orders.source, table, "ordered_at")
    return orders.source.give_back(table)
