"""Totals by key where Arrow holds the rows: keys are places in arrays, and numpy adds up there.

Integer ids that a database counted up lie close together: the id minus the lowest one is the place.
Other keys are encoded once, however many totals are asked for. A total reads the rows that satisfy
its condition, and no others (`chosen_rows`), and of nested windows each row once (`place_totals`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.place_totals import PlaceTotals, Windows
from userops.core.frames.places import numbers_of, places_of
from userops.core.frames.sources import as_frame, to_arrow
from userops.core.frames.totals import Asked, Condition, Distinct

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

    from userops.core.frames.sources import Frame

__all__ = ["answered", "side_by_side", "with_nobody"]

_PIECE_ROWS = 1 << 18
_SMALL = (pa.int8(), pa.int16(), pa.int32())


def answered(
    frame: Frame, key: str, conditions: Mapping[str, Condition], asked: Asked, *, small: bool
) -> Frame:
    """Return one row a key that occurs, with a column for each name asked.

    Args:
        frame: The rows.
        key: The column of keys.
        conditions: Name to condition.
        asked: Name of a column to what it holds.
        small: Whether whole numbers may have smaller types than int64; see `with_nobody`.
    """
    by_condition: dict[str | None, list[str]] = {}
    windows: Windows = {}
    for name, wanted in asked.items():
        by_condition.setdefault(wanted.when, []).append(name)
        if isinstance(wanted, Distinct):
            held, window = _held_in(conditions, wanted.when)
            windows.setdefault((held, wanted.value), set()).add(window)
    rows = PlaceTotals(frame, key, windows)
    found: dict[str, Any] = {}
    for when in sorted(by_condition, key=lambda when: _turn(*_held_in(conditions, when))):
        rows.choose(None if when is None else conditions[when])
        for name in by_condition[when]:
            column = rows.take(asked[name])
            found[name] = _small(column) if small else column
    return as_frame(pa.table({key: rows.keys, **{name: found[name] for name in asked}}))


def _held_in(
    conditions: Mapping[str, Condition], when: str | None
) -> tuple[str | None, tuple[str, int] | None]:
    """Return what is true of the rows of a condition, and where its window begins."""
    if when is None:
        return None, None
    condition = conditions[when]
    return condition.name, None if condition.order is None else (condition.order, condition.start)


def _turn(held: str | None, window: tuple[str, int] | None) -> tuple[str, bool, int]:
    """Return what conditions are sorted by.

    Those that differ by the window alone stand together, so that their rows are found once; narrow
    windows come first, so that wide ones can go on from there.
    """
    return held or "", window is None, 0 if window is None else -window[1]


def side_by_side(parts: Sequence[Frame], key: str, absent: Mapping[str, Any]) -> Frame:
    """Join frames of one row a key on all keys that occur in any of them; see `joined`."""
    tables = [to_arrow(part) for part in parts]
    every = pa.chunked_array(
        [chunk for table in tables for chunk in table[key].chunks], tables[0][key].type
    )
    places, keys = places_of(every)
    columns: dict[str, Any] = {key: keys}
    begin = 0
    for table in tables:
        place = places[begin : begin + len(table)]
        begin += len(table)
        row = np.full(len(keys), -1, dtype=np.int64)
        row[place] = np.arange(len(table))
        at = pa.array(row, mask=row < 0)
        for name in table.column_names:
            if name == key:
                continue
            column = table[name].combine_chunks()
            if pa.types.is_boolean(column.type) and name in absent and not column.null_count:
                # Arrow takes flags one by one, several times slower.
                flags = np.full(len(keys), absent[name], dtype=bool)
                flags[place] = numbers_of(column)
                columns[name] = pa.array(flags)
            else:
                columns[name] = column.take(at)
                if name in absent:
                    columns[name] = columns[name].fill_null(absent[name])
    return as_frame(pa.table(columns))


def with_nobody(
    frame: Frame, key: str, columns: Mapping[str, nw.Expr]
) -> tuple[Frame, dict[str, Any]]:
    """Compute columns of an Arrow frame, and what each is where every other column is null.

    Args:
        frame: One row a key. Whole numbers may be of small types: columns see them as int64.
        key: The column of keys, which is kept.
        columns: Name to column.
    """
    table = to_arrow(frame)
    whole = pa.schema([(field.name, _whole(field.type)) for field in table.schema])
    nothing = pa.table([pa.nulls(1, kind) for kind in whole.types], schema=whole)
    (nobody,) = to_arrow(as_frame(nothing).select(**columns)).to_pylist()
    # Piece by piece, so that what is computed on the way stays small.
    pieces = [
        to_arrow(as_frame(table.slice(row, _PIECE_ROWS).cast(whole)).select(key, **columns))
        for row in range(0, max(len(table), 1), _PIECE_ROWS)
    ]
    return as_frame(pa.concat_tables(pieces)), nobody


def _whole(kind: pa.DataType) -> pa.DataType:
    return pa.int64() if kind in _SMALL else kind


def _small(column: pa.Array) -> pa.Array:
    """Return whole numbers in the smallest type that holds them: mostly an eighth."""
    if not pa.types.is_int64(column.type):
        return column
    reach = pc.min_max(column)
    low, high = reach["min"].as_py() or 0, reach["max"].as_py() or 0
    for kind, bits in zip(_SMALL, (7, 15, 31), strict=True):
        if -(2**bits) <= low and high < 2**bits:
            return column.cast(kind, safe=False)
    return column
