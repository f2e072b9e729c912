"""The columns that the normaliser adds beside the host's own, and how they are called."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

__all__ = ["MISFIT", "PREFIX", "TOO_LARGE", "null", "own"]

PREFIX = "userops__"
MISFIT = "misfit"
TOO_LARGE = "too_large"


def own(name: str) -> nw.Expr:
    """Return a column that the normaliser added."""
    return nw.col(PREFIX + name)


def null(dtype: Any) -> nw.Expr:
    """Return a typed null."""
    return nw.lit(None, dtype)
