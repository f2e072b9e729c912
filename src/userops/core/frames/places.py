"""Keys as places in arrays: what is added up by key is added up there."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.frames.first_rows import first_rows

__all__ = ["Numbered", "codes_of", "encoded", "joined_up", "numbered", "numbers_of", "places_of"]

_MOST_PLACES_PER_ROW = 2
# Arrow counts the bytes of a text column in 32 bits.
_MOST_TEXT_BYTES = 2**31 - 1


class Numbered(NamedTuple):
    """Keys as numbers.

    Attributes:
        numbers: One a row, equal where keys are, ascending in order of first appearance.
        ids: At the place of each number that occurs, its key.
    """

    numbers: NDArray[np.int64]
    ids: pa.Array


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
    return codes_of(joined_up(keys))


def codes_of(keys: pa.Array) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the place of each row's key, in order of first appearance, and the key of each."""
    found = numbered(keys)
    first = found.numbers
    if found.ids is not keys:  # dense already
        return found
    is_new = first == np.arange(len(first))
    return (np.cumsum(is_new) - 1)[first], keys.take(pa.array(np.flatnonzero(is_new)))


def numbered(keys: pa.Array) -> Numbered:
    """Return a number for each row's key, in order of first appearance, and where keys stand."""
    first = first_rows(keys)
    if first is not None:
        return Numbered(first, keys)
    if pa.types.is_dictionary(keys.type):
        keys = keys.cast(keys.type.value_type)  # two entries of a dictionary may be equal
    coded = keys.dictionary_encode()
    return Numbered(coded.indices.to_numpy().astype(np.int64), coded.dictionary)


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
