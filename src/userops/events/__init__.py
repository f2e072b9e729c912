"""What happened: orders, order lines and events, read from the host's own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.events.columns import (
        ByColumn,
        ByOrderId,
        BySign,
        EventColumns,
        OrderColumns,
        ReturnsBy,
    )
    from userops.events.plots import plot_orders
    from userops.events.quality import Quality
    from userops.events.rows import Row, read_row
    from userops.events.table import Events, EventTable, Orders

__all__ = [
    "ByColumn",
    "ByOrderId",
    "BySign",
    "EventColumns",
    "EventTable",
    "Events",
    "OrderColumns",
    "Orders",
    "Quality",
    "ReturnsBy",
    "Row",
    "plot_orders",
    "read_row",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "columns": ("ByColumn", "ByOrderId", "BySign", "EventColumns", "OrderColumns", "ReturnsBy"),
        "plots": ("plot_orders",),
        "quality": ("Quality",),
        "rows": ("Row", "read_row"),
        "table": ("EventTable", "Events", "Orders"),
    },
)
