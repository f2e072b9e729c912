"""Work on all cores: numpy and Arrow let go of Python's lock while they compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pyarrow as pa

__all__ = ["core_count", "on_all_cores"]

One = TypeVar("One")
Other = TypeVar("Other")
# Each holds intermediate arrays of its own.
_MOST_THREADS = 8


def core_count() -> int:
    """Return how many cores are used; `pyarrow.set_cpu_count` sets fewer."""
    return min(int(pa.cpu_count()), _MOST_THREADS)


def on_all_cores(work: Callable[[One], Other], items: Sequence[One]) -> list[Other]:
    """Return what becomes of each item, in order; a single one is worked on right here."""
    threads = min(core_count(), len(items))
    if threads <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, items))
