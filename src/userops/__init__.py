"""User operations for Python services and analysts: who, what, where, worth, and did it work.

The names below load their package on first use; `import userops` alone loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.customers import Customer, History
    from userops.events import Events, Orders
    from userops.segmentation import RFM

__version__ = "0.1.0"

__all__ = ["RFM", "Customer", "Events", "History", "Orders", "__version__"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "customers": ("Customer", "History"),
        "events": ("Events", "Orders"),
        "segmentation": ("RFM",),
    },
)
