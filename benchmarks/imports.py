"""How long an import takes in a process that has loaded nothing yet."""

from __future__ import annotations

from importlib import import_module

from benchmarks.child import Options, Prepared

__all__ = ["prepare_pandas", "prepare_userops"]


def prepare_userops(options: Options) -> Prepared:
    """Import userops."""
    return Prepared(lambda: import_module("userops"))


def prepare_pandas(options: Options) -> Prepared:
    """Import pandas, which an analyst waits for anyway."""
    return Prepared(lambda: import_module("pandas"))
