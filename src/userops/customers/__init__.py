"""Who: customers, what is known about them, and their history, with returns as the user chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.customers.arguments import ReturnsPolicy
    from userops.customers.attribute_rows import DatedValue
    from userops.customers.attributes import Attributes, Customers
    from userops.customers.customer import Customer, Totals
    from userops.customers.history import History

__all__ = [
    "Attributes",
    "Customer",
    "Customers",
    "DatedValue",
    "History",
    "ReturnsPolicy",
    "Totals",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "arguments": ("ReturnsPolicy",),
        "attribute_rows": ("DatedValue",),
        "attributes": ("Attributes", "Customers"),
        "customer": ("Customer", "Totals"),
        "history": ("History",),
    },
)
