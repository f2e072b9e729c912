"""Keys as places in arrays: what is added up by key is added up there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.frames.first_rows import first_rows

__all__ = ["Numbered", "encoded", "joined_up", "numbered", "numbers_of", "places_of", "taken"]

_MOST_PLACES_PER_ROW = 2
# Each chunk costs some steps.
_MOST_CHUNKS = 256
# Arrow counts the bytes of a text column in 32 bits.
_MOST_TEXT_BYTES = 2**31 - 1


class Numbered(NamedTuple):
    """Keys as numbers.

    Attributes:
        numbers: One a row, equal where keys are, ascending in order of first appearance.
        ids: At the place of each number that occurs, its key.
        are_dense: Whether each place of `ids` is that of a number.
    """

    numbers: NDArray[np.int64]
    ids: pa.ChunkedArray
    are_dense: bool


def places_of(keys: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the place of each row's key, and the key of each place."""
    if pa.types.is_int64(keys.type) and len(keys):
        reach = pc.min_max(keys)
        low, high = reach["min"].as_py(), reach["max"].as_py()
        places = high - low + 1
        if places <= _MOST_PLACES_PER_ROW * len(keys):
            at = numbers_of(keys) - low
            is_key = np.zeros(places, dtype=bool)
            is_key[at] = True
            found = np.flatnonzero(is_key)
            if len(found) < places:  # to close gaps here is cheaper than in each total
                at = (np.cumsum(is_key) - 1)[at]
            return at, pa.array(found + low)
    numbers, ids, are_dense = numbered(keys)
    if are_dense:
        return numbers, joined_up(ids)
    is_new = numbers == np.arange(len(numbers))
    return (np.cumsum(is_new) - 1)[numbers], taken(ids, np.flatnonzero(is_new))


def numbered(keys: pa.ChunkedArray) -> Numbered:
    """Number the keys of rows, none of which is null."""
    if pa.types.is_string_view(keys.type):  # Arrow picks no rows out of views
        keys = keys.cast(pa.large_string())
    if keys.num_chunks > _MOST_CHUNKS:
        keys = pa.chunked_array([joined_up(keys)])
    first = first_rows(keys)
    if first is not None:
        return Numbered(first, keys, are_dense=False)
    if pa.types.is_dictionary(keys.type):
        keys = keys.cast(keys.type.value_type)  # two entries of a dictionary may be equal
    coded = encoded(keys)
    numbers = coded.indices.to_numpy().astype(np.int64)
    return Numbered(numbers, pa.chunked_array([coded.dictionary]), are_dense=True)


def taken(column: pa.ChunkedArray, places: NDArray[np.int64]) -> pa.Array:
    """Return the values at ascending places: chunk by chunk, without joining these."""
    parts, begin = [], 0
    for chunk in column.chunks:
        low, high = np.searchsorted(places, (begin, begin + len(chunk)))
        parts.append(chunk.take(pa.array(places[low:high] - begin)))
        begin += len(chunk)
    return pa.chunked_array(parts, column.type).combine_chunks()


def encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return a column as its distinct values and where each row's is among them."""
    found = pc.dictionary_encode(joined_up(column))
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def numbers_of(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    """Return a column of numbers or flags without nulls, where possible without a copy."""
    values: NDArray[Any] = column.to_numpy() if isinstance(column, pa.ChunkedArray) else (
        column.to_numpy(zero_copy_only=False)
    )  # fmt: skip
    return values


def joined_up(column: pa.ChunkedArray) -> pa.Array:
    """Return a column in one piece: coding many small ones takes ten times as long."""
    is_long = column.type == pa.string() and column.nbytes > _MOST_TEXT_BYTES
    if is_long or column.type == pa.string_view():  # Arrow picks no rows out of views
        column = column.cast(pa.large_string())
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks()
