"""Distinct rows of a few columns of integers, by sorting each row as one number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from userops.core.digits import Digits, pieces

__all__ = ["CountedRows", "counted_rows"]

Ints = NDArray[np.int64]
_WORD_BITS = 64


class CountedRows(NamedTuple):
    """Rows that differ.

    Attributes:
        columns: The columns of the distinct rows, which ascend by the first column, then by the
            next one, and so on.
        counts: How many rows are equal to each.
        places: For each row, which of the distinct rows it is; None where it was not asked for.
    """

    columns: list[Ints]
    counts: Ints
    places: NDArray[np.intp] | None


def counted_rows(columns: Sequence[NDArray[Any]], *, with_places: bool = False) -> CountedRows:
    """Return the distinct rows of columns of integers of one length, at least one.

    Args:
        columns: Arrays of integers that fit int64.
        with_places: Whether to say which of them each row is.
    """
    parts = [Digits.of(column) for column in columns]
    rows = len(columns[0])
    bits, row_bits = sum(part.bits for part in parts), max(rows - 1, 0).bit_length()
    if bits + row_bits * with_places > _WORD_BITS:
        return _of_wide_rows(columns, with_places=with_places)
    # Half the bytes are sorted in half the time.
    is_short = bits <= _WORD_BITS // 2 and not with_places
    keys: NDArray[Any] = np.empty(rows, dtype=np.uint32 if is_short else np.uint64)
    for some in pieces(rows):
        piece = parts[0].piece(some)
        for part in parts[1:]:
            piece <<= np.uint64(part.bits)
            piece |= part.piece(some)
        if with_places:
            piece <<= np.uint64(row_bits)
            piece |= np.arange(some.start, some.stop, dtype=np.uint64)
        keys[some] = piece
    keys.sort()
    if not with_places:
        starts = _starts(keys, 0)
        return CountedRows(_unpacked(keys[starts], parts), np.diff(np.append(starts, rows)), None)
    starts = _starts(keys, row_bits)
    counts = np.diff(np.append(starts, rows))
    found = _unpacked(keys[starts] >> np.uint64(row_bits), parts)
    places = np.empty(rows, dtype=np.intp)
    keys &= np.uint64(2**row_bits - 1)
    places[keys.view(np.int64)] = np.repeat(np.arange(len(starts), dtype=np.intp), counts)
    return CountedRows(found, counts, places)


def _starts(keys: NDArray[Any], shift: int) -> Ints:
    """Return where each distinct number begins among ascending ones, above some low bits."""
    starts = [np.zeros(1, dtype=np.int64)]
    for some in pieces(len(keys), overlap=1):
        piece = keys[some] >> np.uint64(shift) if shift else keys[some]
        starts.append(np.flatnonzero(piece[1:] != piece[:-1]) + (some.start + 1))
    return np.concatenate(starts)


def _unpacked(keys: NDArray[Any], parts: Sequence[Digits]) -> list[Ints]:
    left, found = keys.astype(np.uint64), []
    for part in reversed(parts):
        digits = left & np.uint64(2**part.bits - 1)
        digits += np.uint64(part.low % 2**_WORD_BITS)
        found.append(digits.view(np.int64))
        left >>= np.uint64(part.bits % _WORD_BITS)
    return found[::-1]


def _of_wide_rows(columns: Sequence[NDArray[Any]], *, with_places: bool) -> CountedRows:
    """Return the same of rows that no number holds."""
    order = np.lexsort(tuple(reversed(columns)))
    ordered = [column[order] for column in columns]
    is_new = np.append(True, np.zeros(len(order) - 1, dtype=np.bool_))
    for column in ordered:
        is_new[1:] |= column[1:] != column[:-1]
    starts = np.flatnonzero(is_new)
    places = None
    if with_places:
        places = np.empty(len(order), dtype=np.intp)
        places[order] = np.cumsum(is_new) - 1
    counts = np.diff(np.append(starts, len(order)))
    return CountedRows([column[starts] for column in ordered], counts, places)
