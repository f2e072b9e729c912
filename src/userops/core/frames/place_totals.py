"""Totals at places: numpy adds up what is asked of the rows of each key.

Of several windows with one end over the same rows, the narrowest is added up first, and each wider
one goes on from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from userops.core.frames.chosen_rows import Chosen, ChosenRows
from userops.core.frames.totals import Distinct, First, Top, Total

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from userops.core.frames.sources import Frame

__all__ = ["PlaceTotals", "Windows"]

# A flag of one byte for each pair of place and value, up to 32 MB; beyond, pairs are sorted.
_MOST_PAIRS = 1 << 25
# The same for numbers of eight bytes.
_MOST_NUMBERS = _MOST_PAIRS // 8
_LOWEST = np.iinfo(np.int64).min
_HIGHEST = np.iinfo(np.int64).max


# By what is true of rows, and a column: the orders and the starts of the windows in which values of
# the column are counted; None among them stands for no window.
Windows = dict[tuple[str | None, str], set[tuple[str, int] | None]]


class PlaceTotals(ChosenRows):
    """What is asked of the rows of each key, over the rows chosen.

    Args:
        frame: The rows.
        key: The column of keys.
        windows: In which windows different values will be counted.
    """

    def __init__(self, frame: Frame, key: str, windows: Windows) -> None:
        super().__init__(frame, key)
        self._windows = windows

    def take(self, wanted: Total | Distinct | Top | First) -> pa.Array:
        """Return a total, one value a place."""
        if isinstance(wanted, Total):
            return self._total(wanted)
        if isinstance(wanted, Distinct):
            return self._distinct(wanted)
        return self._top(wanted) if isinstance(wanted, Top) else self._first(wanted)

    def _total(self, wanted: Total) -> pa.Array:
        if wanted.how == "count":
            return pa.array(self._count(wanted.value))
        assert wanted.value is not None
        dtype = self.table[wanted.value].type
        if not (pa.types.is_int64(dtype) or pa.types.is_float64(dtype)):
            return self._extreme(wanted)
        key = (wanted.how, wanted.value)
        before, new = self.new(key)
        new = self.known(wanted.value, new)
        values = self.number(wanted.value)
        if wanted.how == "sum":
            total = np.zeros(self.n, dtype=values.dtype) if before is None else before.copy()
            np.add.at(total, new.at, values[new.rows])
            self.keep(key, total)
            return pa.array(total)
        if before is None:
            bounds = (_LOWEST, _HIGHEST) if pa.types.is_int64(dtype) else (-np.inf, np.inf)
            best = np.full(self.n, bounds[wanted.how == "min"], dtype=values.dtype)
        else:
            best = before.copy()
        (np.minimum if wanted.how == "min" else np.maximum).at(best, new.at, values[new.rows])
        self.keep(key, best)
        return pa.array(best, mask=self._count(wanted.value) == 0)

    def _count(self, column: str | None) -> NDArray[np.int64]:
        """Return the number of rows at each place, or of those in which a column is known."""
        if column is not None and not self.table[column].null_count:
            column = None
        before, new = self.new(("count", column))
        if column is not None:
            new = self.known(column, new)
        counts = np.bincount(new.at, minlength=self.n)
        if before is not None:
            counts += before
        self.keep(("count", column), counts)
        return counts

    def _extreme(self, wanted: Total) -> pa.Array:
        """Return the smallest or largest value of other types than numbers."""
        assert wanted.value is not None
        at, codes, values = self._pairs(wanted.value, self.chosen)
        best = np.full(self.n, len(values) if wanted.how == "min" else -1, dtype=np.int64)
        (np.minimum if wanted.how == "min" else np.maximum).at(best, at, codes)
        return values.take(pa.array(best, mask=(best < 0) | (best == len(values))))

    def _pairs(
        self, column: str, chosen: Chosen
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array]:
        """Return the places, the codes and the values of a column, where it is known."""
        codes, values = self.coded(column)
        known = self.known(column, chosen)
        return known.at, codes[known.rows].astype(np.int64), values

    def _distinct(self, wanted: Distinct) -> pa.Array:
        width = len(self.coded(wanted.value)[1])
        if self.n * width > _MOST_PAIRS:
            return pa.array(self._distinct_of_many(wanted.value, width))
        seen, new = self.new(("distinct", wanted.value))
        new = self.known(wanted.value, new)
        # A row of flags for each value: adding up whole rows is what numpy does fastest.
        if seen is None:
            seen = np.zeros((width, self.n), dtype=np.int8)
        codes = self.coded(wanted.value)[0]
        for piece in new.pieces():
            seen[codes[piece.rows], piece.at] = 1
        self.keep(("distinct", wanted.value), seen)
        return pa.array(
            seen.sum(axis=0, dtype=np.int8 if width <= 127 else np.int64).astype(np.int64)
        )

    def _distinct_of_many(self, column: str, width: int) -> NDArray[np.int64]:
        """Count different values of which there are too many for a flag each."""
        if self.span is None:
            at, codes, _ = self._pairs(column, self.chosen)
            pairs = self._sorted(at * width + codes, width)
            return np.bincount(pairs[_is_last(pairs)] // max(width, 1), minlength=self.n)
        low, high = self.span
        kept = self.kept.get(("last", column))
        if kept is None or kept[0] > low or kept[1] != high:
            begin = min(low, self._widest(column))
            kept = begin, high, *self._last_rows(column, self.between(begin, high), width)
            self.kept["last", column] = kept
        *_, owner, last = kept
        # A value is within the window where its last row is.
        first = self.chosen.numbers[:1]
        owner = owner[last >= first] if len(first) else owner[:0]
        return np.bincount(owner, minlength=self.n)

    def _widest(self, column: str) -> int:
        """Return where the widest window begins in which values of a column are counted."""
        windows = self._windows[self.name, column]
        return min(0 if window is None else self.position(*window) for window in windows)

    def _last_rows(
        self, column: str, chosen: Chosen, width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the place of each pair of place and value that occurs, and its last row."""
        chosen = self.known(column, chosen)
        rows, codes = chosen.numbers, self.coded(column)[0][chosen.rows]
        bits = len(self.table).bit_length()
        if self.n * width >= 2 ** (63 - bits):
            pairs = chosen.at * width + codes
            order = np.argsort(pairs, kind="stable")
            pairs = pairs[order]
            is_last = _is_last(pairs)
            return pairs[is_last] // max(width, 1), rows[order][is_last]
        # Place, value and row in one number, which is what numpy sorts fastest.
        packed = chosen.at * width
        packed += codes
        packed <<= bits
        packed |= rows
        packed.sort()
        is_last = np.ones(len(packed), dtype=np.bool_)
        is_last[:-1] = (packed[1:] ^ packed[:-1]) >> bits != 0
        packed = packed[is_last]
        rows = packed & (2**bits - 1)
        packed >>= bits
        packed //= max(width, 1)
        return packed, rows

    def _sorted(self, pairs: NDArray[np.int64], width: int) -> NDArray[Any]:
        # Half the bytes are sorted in half the time.
        return np.sort(pairs.astype(np.uint32) if self.n * width < 2**32 else pairs)

    def _of_known(self, column: str, values: NDArray[Any]) -> NDArray[Any]:
        """Return values of the chosen rows in which a column is known."""
        return values[self.known(column, self.chosen).rows]

    def _top(self, wanted: Top) -> pa.Array:
        at, codes, values = self._pairs(wanted.value, self.chosen)
        weight = None
        if wanted.weight is not None:  # a missing one is 0 among the numbers
            weight = self._of_known(wanted.value, self.number(wanted.weight))
        pairs, weights = self._weights(at * len(values) + codes, weight, len(values))
        owner, code = pairs // max(len(values), 1), pairs % max(len(values), 1)
        most = np.full(self.n, _LOWEST, dtype=np.int64)
        np.maximum.at(most, owner, weights)
        best = weights == most[owner]
        place = np.full(self.n, len(values), dtype=np.int64)
        np.minimum.at(place, owner[best], code[best])
        return values.take(pa.array(place, mask=place == len(values)))

    def _weights(
        self, pairs: NDArray[np.int64], added: NDArray[np.int64] | None, width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each pair that occurs, and the number of its rows or its sum."""
        if self.n * width <= _MOST_NUMBERS:
            rows = np.bincount(pairs, minlength=self.n * width)
            found = np.flatnonzero(rows)
            if added is None:
                return found, rows[found]
            total = np.zeros(self.n * width, dtype=np.int64)
            np.add.at(total, pairs, added)
            return found, total[found]
        order = None if added is None else np.argsort(pairs, kind="stable")
        ordered = self._sorted(pairs, width) if order is None else pairs[order]
        is_new = np.ones(len(ordered), dtype=bool)
        is_new[1:] = ordered[1:] != ordered[:-1]
        starts = np.flatnonzero(is_new)
        if added is None:
            return ordered[starts].astype(np.int64), np.diff(np.append(starts, len(ordered)))
        if not len(starts):
            return ordered, added
        return ordered[starts], np.add.reduceat(added[order], starts)

    def _first(self, wanted: First) -> pa.Array:
        at, codes, values = self._pairs(wanted.value, self.chosen)
        order = self._of_known(wanted.value, self.number(wanted.order))
        edge = np.full(self.n, _LOWEST if wanted.last else _HIGHEST, dtype=np.int64)
        (np.maximum if wanted.last else np.minimum).at(edge, at, order)
        there = order == edge[at]
        place = np.full(self.n, len(values), dtype=np.int64)
        np.minimum.at(place, at[there], codes[there])
        return values.take(pa.array(place, mask=place == len(values)))


def _is_last(ordered: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether each of some ordered numbers is the last of its equals."""
    is_last = np.ones(len(ordered), dtype=np.bool_)
    is_last[:-1] = ordered[1:] != ordered[:-1]
    return is_last
