"""Who: customers and their history, with returns counted as the user chooses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.customers.arguments import ReturnsPolicy
    from userops.customers.customer import Customer, Totals
    from userops.customers.history import History

__all__ = ["Customer", "History", "ReturnsPolicy", "Totals"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {"arguments": ("ReturnsPolicy",), "customer": ("Customer", "Totals"), "history": ("History",)},
)
