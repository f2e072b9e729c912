"""Integers as parts of a sort key: customer, time and whatever else finds room in one number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["KEY_BITS", "PIECE_ROWS", "Digits", "most_bits", "pieces", "starts_of", "whole_groups"]

Ints: TypeAlias = NDArray[np.int64]

KEY_BITS = 63
# What is computed for so many rows stays in a core's cache.
PIECE_ROWS = 1 << 15
# Places without a customer widen the sort key, and nothing else.
_MOST_PLACES_PER_ROW = 16
# Instants that are whole days, seconds or milliseconds need fewer bits.
_UNITS_US = (86_400_000_000, 1_000_000, 1_000)


@attrs.frozen(eq=False)
class Digits:
    """Integers as a part of a sort key: how many units they are above `low`, which fits `bits`."""

    values: NDArray[Any]
    low: int
    bits: int
    unit: int = 1

    @classmethod
    def of(cls, values: NDArray[Any]) -> Digits:
        """Return integers above the lowest of them."""
        low = int(values.min()) if len(values) else 0
        return cls(values, low, (int(values.max()) - low).bit_length() if len(values) else 0)

    def in_fewest_bits(self, parts: Sequence[NDArray[Any]] = ()) -> Digits:
        """Count in the largest unit that all values are a whole number of above the lowest.

        Args:
            parts: The values, where this has none of its own.
        """
        every = [attrs.evolve(self, values=part) for part in parts or [self.values] if len(part)]
        for unit in _UNITS_US:
            if not any(one.has_rest(unit) for one in every):
                highest = max(int(one.values.max()) for one in every) - self.low
                return attrs.evolve(self, bits=(highest // unit).bit_length(), unit=unit)
        return self

    def has_rest(self, unit: int) -> bool:
        """Return whether any value is no whole number of units above the lowest."""
        rows = pieces(len(self.values))
        return any((self.piece(some) % np.uint64(unit)).any() for some in rows)

    def piece(self, rows: slice) -> NDArray[np.uint64]:
        """Return the digits of some rows; differences beyond int64 come out right by wrapping."""
        values = self.values[rows]
        values = values.view(np.uint64) if values.dtype == np.int64 else values.astype(np.uint64)
        digits: NDArray[np.uint64] = values - np.uint64(self.low % 2**64)
        if self.unit != 1:
            digits //= np.uint64(self.unit)
        return digits


def starts_of(groups: NDArray[Any], *, shift: int) -> Ints:
    """Return where each group starts in sorted keys that hold it above `shift` bits."""
    starts = [np.zeros(min(len(groups), 1), dtype=np.int64)]
    for rows in pieces(len(groups), overlap=1):
        piece = groups[rows] >> np.uint64(shift) if shift else groups[rows]
        starts.append(np.flatnonzero(piece[1:] != piece[:-1]) + (rows.start + 1))
    return np.concatenate(starts)


def pieces(rows: int | slice, *, overlap: int = 0) -> Iterator[slice]:
    """Cut rows into slices; with an overlap, each begins so many rows before the last one's end."""
    share = slice(0, rows) if isinstance(rows, int) else rows
    for begin in range(share.start, share.stop, PIECE_ROWS):
        yield slice(max(begin - overlap, share.start), min(begin + PIECE_ROWS, share.stop))


def whole_groups(offsets: Ints, rows: int = PIECE_ROWS) -> Iterator[tuple[slice, slice]]:
    """Cut rows between groups, so that a kernel's arrays stay in a core's cache.

    Args:
        offsets: Where each group starts, and the number of rows.
        rows: About how many rows of a piece; a group that has more is a piece of its own.

    Yields:
        The places of the groups of a piece, and its rows.
    """
    marks = np.arange(0, int(offsets[-1]), rows)
    begins = np.unique(np.searchsorted(offsets[:-1], marks)).tolist()
    for begin, end in itertools.pairwise((*begins, len(offsets) - 1)):
        if begin < end:
            yield slice(begin, end), slice(int(offsets[begin]), int(offsets[end]))


def most_bits(rows: int) -> int:
    """Return how many bits ids of customers may take that count as lying close together."""
    return (_MOST_PLACES_PER_ROW * rows).bit_length()
