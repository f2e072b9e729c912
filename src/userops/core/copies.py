"""A copy of an object that has computed nothing yet."""

from __future__ import annotations

import copy
from functools import cached_property
from typing import Any, TypeVar

__all__ = ["copied"]

T = TypeVar("T")


def copied(thing: T, **changes: Any) -> T:
    """Return a copy with some fields replaced, and without what its cached properties found.

    Args:
        thing: The object; its class has no slots.
        **changes: Field to value.
    """
    more = copy.copy(thing)
    kept = more.__dict__
    for name in [n for n in kept if isinstance(getattr(type(thing), n, None), cached_property)]:
        del kept[name]
    kept.update(changes)
    return more
