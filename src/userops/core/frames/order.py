"""Order within a column or within the rows of a key: order statistics and running values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.sources import as_frame, to_arrow, to_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from userops.core.frames.sources import Frame, Source

__all__ = [
    "AtRank",
    "column_values",
    "distinct_rows",
    "keys_at_ranks",
    "values_at_ranks",
    "with_running",
]


def with_running(
    source: Source,
    frame: Frame,
    keys: Sequence[str],
    order_by: Sequence[str],
    running: Mapping[str, tuple[str, Literal["sum", "min"]]],
) -> Frame:
    """Add running sums or minima of integer columns within the rows of a key.

    Args:
        source: Where the frame comes from.
        frame: Holds the keys (a null is a key like any other) and, without nulls, the rest.
        keys: Columns that together are one key.
        order_by: Columns that put the rows of one key into a total order.
        running: Name of a column to add, to the column and the operation it comes from.
    """
    if not source.is_arrow:
        return frame.with_columns(
            (nw.col(column).cum_sum() if operation == "sum" else nw.col(column).cum_min())
            .over(*keys, order_by=order_by)
            .cast(nw.Int64)
            .alias(name)
            for name, (column, operation) in running.items()
        )
    table = to_arrow(frame)  # Arrow has no windows
    if not len(table):
        nothing = pa.array([], pa.int64())
        for name in running:
            table = table.append_column(name, nothing)
        return as_frame(table)
    rows, starts = _rows_by_key(table, keys, order_by)
    for name, (column, operation) in running.items():
        values = table[column].to_numpy()[rows]
        result = np.empty(len(rows), dtype=np.int64)
        result[rows] = _running_within(values, starts, operation)
        table = table.append_column(name, pa.array(result))
    return as_frame(table)


def _rows_by_key(
    table: pa.Table, keys: Sequence[str], order_by: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the row numbers sorted by key and order, and where each key starts among them."""
    codes = np.zeros(len(table), dtype=np.int64)
    for key in keys:
        encoded = pc.dictionary_encode(_plain_key(table[key]), null_encoding="encode")
        encoded = encoded.combine_chunks()
        pair = codes * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy()
        codes = np.unique(pair, return_inverse=True)[1]
    ranked = table.select(list(order_by)).append_column("userops__code", pa.array(codes))
    by = [(name, "ascending") for name in ("userops__code", *order_by)]
    rows = pc.sort_indices(ranked, by).to_numpy().astype(np.int64)
    return rows, np.diff(codes[rows], prepend=-1) != 0


def _plain_key(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a key that Arrow can encode, in which equal values have equal bits."""
    if pa.types.is_dictionary(column.type):
        return column.cast(column.type.value_type)
    if pa.types.is_nested(column.type):
        said = [None if value is None else repr(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(said, pa.string())])
    if pa.types.is_floating(column.type):
        return pc.add(column, pa.scalar(0.0, column.type))  # -0.0 becomes 0.0
    return column


def _running_within(
    values: NDArray[np.int64], starts: NDArray[np.bool_], operation: str
) -> NDArray[np.int64]:
    if not len(values):
        return values
    if operation == "sum":
        total = np.cumsum(values)
        before: NDArray[np.int64] = (total - values)[starts][np.cumsum(starts) - 1]
        since: NDArray[np.int64] = total - before
        return since
    spread = int(values.max()) - int(values.min()) + 1
    if spread * int(starts.sum()) > 2**61 or abs(int(values.min())) > 2**61:
        bounds = np.flatnonzero(starts)[1:]
        return np.concatenate([np.minimum.accumulate(v) for v in np.split(values, bounds)])
    # Each key is moved below the one before, so that the minimum begins anew.
    drop = np.cumsum(starts) * spread
    lowest: NDArray[np.int64] = np.minimum.accumulate(values - drop) + drop
    return lowest


def distinct_rows(source: Source, frame: Frame) -> int:
    """Count the rows that differ from each other in some column."""
    names = frame.collect_schema().names()
    # Numbered, because a dotted name means a column of a table to some engines.
    keys = [f"k{i}" for i, _ in enumerate(names)]
    frame = frame.select(nw.col(name).alias(key) for name, key in zip(names, keys, strict=True))
    if source.is_arrow:
        table = to_arrow(frame)
        frame = as_frame(pa.table({key: _plain_key(table[key]) for key in keys}))
    groups = frame.group_by(keys).agg(nw.len().alias("rows"))
    return int(to_rows(groups.select(n=nw.len()))[0]["n"])


class AtRank(NamedTuple):
    """What stands at a rank of a column in ascending order.

    Attributes:
        value: The value, a whole number or a float as the column holds it.
        below: How many rows are smaller.
    """

    value: Any
    below: int


def values_at_ranks(
    source: Source, frame: Frame, column: str, ranks: Sequence[int]
) -> tuple[AtRank, ...]:
    """Return what stands at zero-based ranks of a column of numbers, ascending: order statistics.

    In process the column is partitioned by numpy; elsewhere distinct values are counted and
    accumulated by the engine, and only the asked ranks travel.

    Args:
        source: Where the frame comes from.
        frame: Holds `column` without nulls.
        column: A column of integers, or of floats without NaN.
        ranks: Ranks in [0, rows).
    """
    wanted = sorted(set(ranks))
    if not wanted:
        return ()
    found = {}
    if source.is_in_process:
        values = column_values(frame, column)
        at = np.partition(values, wanted)[wanted]
        below = {v.item(): int((values < v).sum()) for v in np.unique(at)}
        found = {k: AtRank(v.item(), below[v.item()]) for k, v in zip(wanted, at, strict=True)}
        return tuple(found[rank] for rank in ranks)
    counts = frame.group_by(column).agg(nw.len().cast(nw.Int64).alias("_rows"))
    upto = counts.with_columns(nw.col("_rows").cum_sum().over(order_by=column).alias("_upto"))
    hit = [(nw.col("_upto") > k) & (nw.col("_upto") - nw.col("_rows") <= k) for k in wanted]
    rows = to_rows(upto.filter(nw.any_horizontal(*hit, ignore_nulls=False)).sort(column))
    for rank in wanted:
        row = next(row for row in rows if row["_upto"] > rank)
        found[rank] = AtRank(row[column], int(row["_upto"] - row["_rows"]))
    return tuple(found[rank] for rank in ranks)


def keys_at_ranks(
    source: Source, frame: Frame, column: str, key: str, ranks: Sequence[int]
) -> tuple[tuple[int, Any], ...]:
    """Return value and key at zero-based ranks of the rows in (value, key) order.

    Args:
        source: Where the frame comes from.
        frame: Holds `column` and `key` without nulls.
        column: A column of integers, or of floats without NaN.
        key: A column that is unique among rows of one value; text sorts by code point.
        ranks: Ranks in [0, rows).
    """
    places = values_at_ranks(source, frame, column, ranks)
    nth = {(p.value, r - p.below) for p, r in zip(places, ranks, strict=True)}
    tied = frame.filter(nw.col(column).is_in(sorted({value for value, _ in nth})))
    found: dict[tuple[Any, int], Any] = {}
    if source.is_in_process:
        table = to_arrow(tied.select(column, key))
        for value in {value for value, _ in nth}:
            keys = table.filter(pc.equal(table[column], value))[key]
            order = pc.sort_indices(keys)
            for index in (n for v, n in nth if v == value):
                found[value, index] = keys[order[index].as_py()].as_py()
    else:
        ones = tied.select(column, key, nw.lit(1, nw.Int64).alias("_one"))
        numbered = with_running(source, ones, [column], [key], {"_nth": ("_one", "sum")})
        hit = [(nw.col(column) == v) & (nw.col("_nth") == n + 1) for v, n in sorted(nth)]
        for row in to_rows(numbered.filter(nw.any_horizontal(*hit, ignore_nulls=False))):
            found[row[column], int(row["_nth"]) - 1] = row[key]
    return tuple((p.value, found[p.value, r - p.below]) for p, r in zip(places, ranks, strict=True))


def column_values(frame: Frame, column: str) -> NDArray[Any]:
    """Compute one column of numbers without nulls as a numpy array."""
    array = to_arrow(frame.select(column)).column(0).combine_chunks()
    values: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return values
