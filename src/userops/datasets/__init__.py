"""Data to start with: a bundled real shop, and a seeded synthetic one of any size."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from userops.datasets.online_retail import load_online_retail
    from userops.datasets.shop import SyntheticShop, synthetic_shop
    from userops.datasets.synthetic.dirt import Dirt

__all__ = ["Dirt", "SyntheticShop", "load_online_retail", "synthetic_shop"]

_HOMES = {
    "Dirt": "userops.datasets.synthetic.dirt",
    "SyntheticShop": "userops.datasets.shop",
    "load_online_retail": "userops.datasets.online_retail",
    "synthetic_shop": "userops.datasets.shop",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
