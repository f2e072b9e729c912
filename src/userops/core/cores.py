"""Work on all cores: numpy and Arrow let go of Python's lock while they compute."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.core.digits import pieces

__all__ = ["by_pieces", "core_count", "on_all_cores", "shares", "sort_in_place"]

One = TypeVar("One")
Other = TypeVar("Other")
# Each holds intermediate arrays of its own.
_MOST_THREADS = 8
# With fewer rows one core is done before the others have begun.
_FEWEST_ROWS = 1 << 18


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


def shares(rows: int) -> list[slice]:
    """Return a share of the rows for each core; few rows are one share, and no share is empty."""
    count = min(rows, core_count() if rows >= _FEWEST_ROWS else 1)
    edges = [rows * share // count for share in range(count + 1)] if count else []
    return [slice(*pair) for pair in itertools.pairwise(edges)]


def by_pieces(rows: int, work: Callable[[slice], None]) -> None:
    """Do something for all rows, a piece at a time, whose arrays stay in a core's cache."""

    def work_off(share: slice) -> None:
        for piece in pieces(share):
            work(piece)

    on_all_cores(work_off, shares(rows))


def sort_in_place(numbers: NDArray[np.uint64]) -> None:
    """Sort numbers ascending, which lie in memory of their own.

    They are parted at their median, and so on, until each core has a part to sort. To part is a
    tenth of the work of sorting, and the first time it is one core's.
    """
    parts = [numbers]
    while len(parts) < core_count() and len(numbers) >= _FEWEST_ROWS:
        on_all_cores(lambda part: part.partition(len(part) // 2), parts)
        parts = [half for part in parts for half in np.split(part, [len(part) // 2])]
    on_all_cores(lambda part: part.sort(), parts)
