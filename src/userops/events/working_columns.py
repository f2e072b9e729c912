"""The columns that the normaliser adds beside the host's own, and how they are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import narwhals.stable.v2 as nw

from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    EVENT_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
    QUANTITY,
    STATUS,
)

__all__ = ["MISFIT", "PREFIX", "TOO_LARGE", "lasting", "null", "own", "status_code"]

PREFIX = "userops__"
MISFIT = "misfit"
TOO_LARGE = "too_large"
_LASTING = {
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    EVENT_ID,
    INSTANT_US,
    IS_RETURN,
    MISFIT,
    ORDER_ID,
    QUANTITY,
    STATUS,
    TOO_LARGE,
}


def own(name: str) -> nw.Expr:
    """Return a column that the normaliser added."""
    return nw.col(PREFIX + name)


def null(dtype: Any) -> nw.Expr:
    """Return a typed null."""
    return nw.lit(None, dtype)


def status_code(code: int) -> nw.Expr:
    """Return the code of a status in the type of the column.

    Arrow would widen the column to compare it with another number, which counts where all rows are
    looked at.
    """
    return nw.lit(code, nw.Int8)


def lasting(names: Iterable[str]) -> list[str]:
    """Return what is kept of columns, ours in one order for all pieces: their rows are stacked."""
    bare = {name: name.removeprefix(PREFIX) for name in names}
    ours = {n for n, b in bare.items() if b in _LASTING or b.startswith("identifier_")}
    host = [name for name, b in bare.items() if name == b]
    return host + sorted(ours.difference(host))
