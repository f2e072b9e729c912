"""Customers of whom nothing that is asked about is known, but who are there."""

from __future__ import annotations

from collections.abc import Set
from typing import TYPE_CHECKING

from userops.core import frames
from userops.customers.agreement import kind_of_ids
from userops.customers.attribute_tables import distinct_ids
from userops.customers.current_attributes import Customers
from userops.events.columns import CUSTOMER_ID

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["other_customers"]


def other_customers(
    history: History, events: Set[str], attributes: Set[str], before_us: int
) -> list[frames.Frame]:
    """Return the distinct `customer_id` of tables, none or one frame.

    Args:
        history: The history.
        events: Events of which all customers are known already.
        attributes: Attributes that were asked for: all customers of a `Customers` that holds one
            are known already.
        before_us: The instant before which customers count.
    """
    tables = [table for name, table in history.events.items() if name not in events]
    # A column of nulls alone has no type to stand beside the others.
    parts = [
        table.counted(before_us=before_us).select(CUSTOMER_ID)
        for table in tables
        if kind_of_ids(table) is not None
    ]
    parts += [
        table.customer_ids(before_us)
        for table in history.attributes.tables.values()
        if kind_of_ids(table) is not None
        and not (isinstance(table, Customers) and attributes & set(table.names))
    ]
    return [distinct_ids(parts)] if parts else []
