"""What tells apart the classes of nodes that are not the library's own."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["numbers_of_own"]

# An address is given to another class once the first one is gone; a number never is.
_NUMBERS: WeakKeyDictionary[type, int] = WeakKeyDictionary()
_NEXT = count()


def numbers_of_own(nodes: Iterable[Any]) -> list[str]:
    """Return, in order, the name and the number of the user's own class of each node of such."""
    classes = (type(node) for node in nodes)
    return [
        f"{cls.__module__}.{cls.__qualname__}#{_number(cls)}"
        for cls in classes
        if cls.__module__.split(".")[0] != "userops"
    ]


def _number(cls: type) -> int:
    found = _NUMBERS.get(cls)
    return _NUMBERS.setdefault(cls, next(_NEXT)) if found is None else found
