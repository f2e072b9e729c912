"""Rows sorted as one number each, for folds that take no notice of the order within a tie.

Where customers, instants and all that is carried along are small enough, nothing has to be looked
up once the numbers are sorted. They are packed from the pieces in which the rows lie, and unpacked
in place: memory that is touched for the first time costs as much as the sorting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.cores import on_all_cores, shares, sort_in_place
from userops.core.digits import KEY_BITS, Digits, Ints, most_bits, pieces, starts_of
from userops.core.frames.places import numbered, taken

__all__ = ["NearNumbers", "digits_of", "packed_batch", "packed_rows", "spread"]


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
    near = NearNumbers.of(table[key])
    table = table.select(names).set_column(0, key, near.numbers)
    parts = {key: near.digits, **{name: spread(table[name]) for name in names[1:]}}
    if sum(part.bits for part in parts.values()) > KEY_BITS:
        columns_of_instants = [chunk.to_numpy() for chunk in table[instant].chunks]
        parts[instant] = parts[instant].in_fewest_bits(columns_of_instants)
    if sum(part.bits for part in parts.values()) > KEY_BITS:
        return None
    batches = table.to_batches()
    packed = _packed_in_order(batches, len(table), parts)
    dtypes = {name: batches[0][name].to_numpy().dtype for name in names}
    found = _unpacked(packed, key, instant, dtypes, parts)
    return found._replace(customer_ids=near.keys_of(found.customer_ids.to_numpy()))


class NearNumbers(NamedTuple):
    """Keys as int64 numbers that lie close together.

    Attributes:
        numbers: One a row.
        digits: What they need.
        keys_of: Takes some of them, ascending, and returns their keys.
    """

    numbers: pa.ChunkedArray
    digits: Digits
    keys_of: Callable[[Ints], pa.Array]

    @classmethod
    def of(cls, keys: pa.ChunkedArray) -> NearNumbers:
        """Number keys as they appear; those that are such numbers stand for themselves."""
        if pa.types.is_int64(keys.type):
            digits = spread(keys)
            if digits.bits <= most_bits(len(keys)):
                return cls(keys, digits, pa.array)
        found = numbered(keys)
        numbers = pa.chunked_array([found.numbers])
        return cls(numbers, spread(numbers), lambda some: taken(found.ids, some))


def spread(column: pa.ChunkedArray) -> Digits:
    """Return the digits that a column needs, without its values: at least one, and no nulls."""
    reach = on_all_cores(lambda share: pc.min_max(column[share]), shares(len(column)))
    low = min(share["min"].as_py() for share in reach)
    high = max(share["max"].as_py() for share in reach)
    return Digits(np.empty(0, dtype=np.int64), low, (high - low).bit_length())


def _packed_in_order(
    batches: Iterable[pa.RecordBatch], rows: int, parts: Mapping[str, Digits]
) -> NDArray[np.uint64]:
    """Return the rows of batches as numbers, ascending: the first part highest.

    Args:
        batches: One by one, so that what is made for them need not all be kept.
        rows: How many rows they have together.
        parts: Column to its digits; all of them fit a number.
    """
    found = np.empty(rows, dtype=np.uint64)
    begin = 0
    for batch in batches:
        packed_batch(batch, parts, found[begin : begin + len(batch)])
        begin += len(batch)
    sort_in_place(found)
    return found


def packed_batch(
    batch: pa.RecordBatch, parts: Mapping[str, Digits], into: NDArray[np.uint64] | None = None
) -> NDArray[np.uint64]:
    """Return the rows of a batch as numbers, in their order: the first part highest."""
    found = np.empty(len(batch), dtype=np.uint64) if into is None else into
    first, *others = (attrs.evolve(p, values=batch[name].to_numpy()) for name, p in parts.items())
    for some in pieces(len(batch)):
        piece = found[some]
        piece[:] = first.piece(some)
        for column in others:
            piece <<= np.uint64(column.bits)
            piece |= column.piece(some)
    return found


def digits_of(packed: NDArray[np.uint64], parts: Mapping[str, Digits]) -> dict[str, Ints]:
    """Return the parts of packed rows."""
    left, found = packed.copy(), {}
    for name, part in reversed(list(parts.items())):
        digits = left & np.uint64(2**part.bits - 1)
        left >>= np.uint64(part.bits)
        digits *= np.uint64(part.unit)
        digits += np.uint64(part.low % 2**64)
        found[name] = digits.view(np.int64)
    return found


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
        for name, digits in digits_of(packed[rows], carried).items():
            found[name][rows] = digits.astype(found[name].dtype)
    instants = found.pop(instant)
    return _Packed(pa.array(ids.view(np.int64)), np.append(starts, len(packed)), instants, found)
