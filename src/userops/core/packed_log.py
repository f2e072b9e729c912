"""Rows sorted as one number each, for folds that take no notice of the order within a tie.

Where customers, instants and all that is carried along are small enough, nothing has to be looked
up once the numbers are sorted. They are packed from the pieces in which the rows lie, and unpacked
in place: memory that is touched for the first time costs as much as the sorting.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.digits import KEY_BITS, Digits, Ints, most_bits, pieces, starts_of
from userops.core.frames.places import joined_up, numbered

__all__ = ["packed_rows"]


class _Packed(NamedTuple):
    customer_ids: pa.Array
    offsets: Ints
    instants_us: Ints
    columns: Mapping[str, NDArray[Any]]


def packed_rows(table: pa.Table, key: str, instant: str, columns: Sequence[str]) -> _Packed | None:
    """Return rows in order of customer and time, as a `CustomerLog` holds them.

    None where a column that is carried along holds no whole numbers, or a row is more than one
    number holds.

    Args:
        table: The rows.
        key: Column of customers, integers or text. Integers that lie close together stand for
            themselves; else customers are numbered in order of first appearance.
        instant: Column of int64 microseconds.
        columns: What is carried along.
    """
    names = [key, instant, *columns]
    if not len(table) or len(set(names)) < len(names):
        return None
    if not all(pa.types.is_integer(table.schema.field(name).type) for name in names[1:]):
        return None
    table = table.select(names)
    ids = None
    if not pa.types.is_int64(table[key].type) or _spread(table[key]).bits > most_bits(len(table)):
        numbers, ids = numbered(joined_up(table[key]))
        table = table.set_column(0, key, pa.array(numbers))
    batches = table.to_batches()
    parts = {name: _spread(table[name]) for name in names}
    if sum(part.bits for part in parts.values()) > KEY_BITS:
        parts[instant] = parts[instant].in_fewest_bits([b[instant].to_numpy() for b in batches])
    if sum(part.bits for part in parts.values()) > KEY_BITS:
        return None
    packed = np.empty(len(table), dtype=np.uint64)
    begin = 0
    for batch in batches:
        _pack(packed[begin : begin + len(batch)], batch, parts)
        begin += len(batch)
    packed.sort()
    dtypes = {name: batches[0][name].to_numpy().dtype for name in names}
    found = _unpacked(packed, key, instant, dtypes, parts)
    return found if ids is None else found._replace(customer_ids=ids.take(found.customer_ids))


def _spread(column: pa.ChunkedArray) -> Digits:
    """Return the digits that a column needs, without its values."""
    reach = pc.min_max(column)
    low, high = reach["min"].as_py(), reach["max"].as_py()
    return Digits(np.empty(0, dtype=np.int64), low, (high - low).bit_length())


def _pack(packed: NDArray[np.uint64], batch: pa.RecordBatch, parts: Mapping[str, Digits]) -> None:
    """Write the rows of a batch as numbers: the first part highest."""
    columns = {n: attrs.evolve(part, values=batch[n].to_numpy()) for n, part in parts.items()}
    for rows in pieces(len(batch)):
        piece = packed[rows]
        piece[:] = 0
        for column in columns.values():
            piece <<= np.uint64(column.bits)
            piece |= column.piece(rows)


def _unpacked(
    packed: NDArray[np.uint64],
    key: str,
    instant: str,
    dtypes: Mapping[str, np.dtype[Any]],
    parts: Mapping[str, Digits],
) -> _Packed:
    carried = {name: part for name, part in parts.items() if name != key}
    shift = sum(part.bits for part in carried.values())
    starts = starts_of(packed, shift=shift)
    ids = (packed[starts] >> np.uint64(shift)) + np.uint64(parts[key].low % 2**64)
    found = {n: np.empty(len(packed), dtypes[n]) for n in carried if n != instant}
    found[instant] = packed.view(np.int64)  # each number is read before it becomes an instant
    for rows in pieces(len(packed)):
        piece = packed[rows].copy()
        for name, part in reversed(carried.items()):
            digits = piece & np.uint64(2**part.bits - 1)
            piece >>= np.uint64(part.bits)
            digits *= np.uint64(part.unit)
            digits += np.uint64(part.low % 2**64)
            found[name][rows] = digits.astype(found[name].dtype)
    instants = found.pop(instant)
    return _Packed(pa.array(ids.view(np.int64)), np.append(starts, len(packed)), instants, found)
