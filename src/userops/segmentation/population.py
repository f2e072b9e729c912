"""The customers that are scored, with their exact totals as of an instant."""

from __future__ import annotations

from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, as_of_us
from userops.customers.arguments import ReturnsPolicy
from userops.customers.history import History
from userops.customers.order_tables import (
    FREQUENCY,
    LAST_US,
    MONETARY,
    ORDER,
    RETURN_ROWS,
    RETURNED,
)
from userops.errors import InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.events.table import Events, Orders

__all__ = ["RECENCY_DAYS", "Population", "history_of", "population_of"]

RECENCY_DAYS = "recency_days"


@attrs.frozen(eq=False)
class Population:
    """The customers that a model was fitted to, with their exact totals.

    Attributes:
        source: The host's frame, whose type is given back.
        frame: One row a customer, materialised: `customer_id`, `recency_days`, `frequency` and,
            with money, `monetary_minor_units`.
        rows: Number of customers.
        as_of_us: Exclusive end of the history.
        has_money: Whether there is a monetary dimension.
        scale: Decimals of the minor unit.
    """

    source: frames.Source
    frame: frames.Frame
    rows: int
    as_of_us: int
    has_money: bool
    scale: int


def history_of(data: Any, event: str, *, returns: ReturnsPolicy = "net") -> History:
    """Return the history of what a user may pass; a table alone is read with one policy.

    Raises:
        InvalidArgumentError: If it is nothing that can be scored.
    """
    if isinstance(data, History):
        return data
    if isinstance(data, Orders) and event == ORDER:
        return History(data, returns=returns)
    if isinstance(data, Events) and event != ORDER:
        return History({event: data}, returns=returns)
    raise InvalidArgumentError(
        "data",
        "is not something that RFM reads",
        got=type(data).__name__,
        allowed="a History, Orders, or Events with RFM(event='their name')",
        hint="name the columns of a frame: Orders(df, customer_id=…, ordered_at=…, amount=…)",
    )


def population_of(history: History, event: str, as_of: AsOf) -> Population:
    """Compute, once, each customer's `recency_days`, `frequency` and exact money."""
    before = as_of_us(as_of, history.zone)
    history = history.at(before)
    table = history.table(event)
    has_money = isinstance(table, Orders)
    totals = history.order_totals(as_of) if has_money else history.event_totals(event, as_of)
    earliest = table.audit.first_us
    zone = history.zone
    reach = (before if earliest is None else min(before, earliest), before)
    recency = zone.day(before - 1) - zone.day_expr(nw.col(LAST_US), between_us=reach)
    extra = [RETURNED, RETURN_ROWS] if has_money and history.returns == "separate" else []
    totals = totals.select(
        nw.col(CUSTOMER_ID),
        recency.cast(nw.Int64).alias(RECENCY_DAYS),
        nw.col(FREQUENCY),
        *(nw.col(name) for name in ([MONETARY] if has_money else []) + extra),
    )
    frame = table.source.materialise(totals)
    rows = int(frames.to_rows(frame.select(n=nw.len()))[0]["n"])
    return Population(table.source, frame, rows, before, has_money, table.scale)
