"""Totals by key where Arrow holds the rows: keys are places in arrays, and numpy adds up there.

Integer ids that a database counted up lie close together: the id minus the lowest one is the place.
Other keys are encoded once, however many totals are asked for. A total reads the rows that satisfy
its condition, and no others: rows are found once for each thing that is true of them, from the
distinct values where that is a text; and in rows that stand in order of time a window is a slice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.sources import as_frame, to_arrow
from userops.core.frames.totals import Asked, Condition, Distinct, First, Top, Total

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    from numpy.typing import NDArray

    from userops.core.frames.sources import Frame

__all__ = ["answered", "places_of", "side_by_side", "with_nobody"]

_MOST_PLACES_PER_ROW = 2
# A flag of one byte for each pair of place and value, up to 32 MB; beyond, pairs are sorted.
_MOST_PAIRS = 1 << 25
# The same for numbers of eight bytes.
_MOST_NUMBERS = _MOST_PAIRS // 8
# Texts of which a column holds so many or fewer are judged once each, and not in every row.
_MOST_TEXTS = 1 << 15
_LOWEST = np.iinfo(np.int64).min
_HIGHEST = np.iinfo(np.int64).max


def places_of(keys: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the place of each row's key, and the key of each place."""
    if pa.types.is_int64(keys.type) and len(keys):
        reach = pc.min_max(keys)
        low, high = reach["min"].as_py(), reach["max"].as_py()
        places = high - low + 1
        if places <= _MOST_PLACES_PER_ROW * len(keys):
            at = _numpy(keys) - low
            is_key = np.zeros(places, dtype=bool)
            is_key[at] = True
            found = np.flatnonzero(is_key)
            if len(found) < places:  # to close gaps here is cheaper than in each total
                at = (np.cumsum(is_key) - 1)[at]
            return at, pa.array(found + low)
    encoded = _encoded(keys)
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def answered(frame: Frame, key: str, conditions: Mapping[str, Condition], asked: Asked) -> Frame:
    """Return one row a key that occurs, with a column for each name asked."""
    rows = _Rows(frame, key)
    found: dict[str, Any] = {}
    by_condition: dict[str | None, list[str]] = {}
    for name, wanted in asked.items():
        by_condition.setdefault(wanted.when, []).append(name)
    # Conditions that differ by the window alone stand together, so that their rows are found once.
    order = {when: "" if when is None else conditions[when].name or "" for when in by_condition}
    for when in sorted(by_condition, key=order.__getitem__):
        rows.choose(None if when is None else conditions[when])
        for name in by_condition[when]:
            found[name] = rows.take(asked[name])
    return as_frame(pa.table({key: rows.keys, **{name: found[name] for name in asked}}))


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
                flags[place] = _numpy(column)
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
        frame: One row a key.
        key: The column of keys, which is kept.
        columns: Name to column.
    """
    table = to_arrow(frame)
    nothing = pa.table([pa.nulls(1, kind) for kind in table.schema.types], table.column_names)
    (nobody,) = to_arrow(as_frame(nothing).select(**columns)).to_pylist()
    return frame.select(key, **columns), nobody


class _Found(NamedTuple):
    """Rows of which something is true, whatever the window."""

    name: str | None
    rows: NDArray[np.int64] | slice
    at: NDArray[np.int64]


class _Rows:
    """Rows with their places, of which some are chosen."""

    def __init__(self, frame: Frame, key: str) -> None:
        self.frame = frame
        self.table = to_arrow(frame)
        self.every, self.keys = places_of(self.table[key])
        self.n = len(self.keys)
        self.numbers: dict[str, NDArray[Any]] = {}
        self.codes: dict[str, tuple[NDArray[np.int32], pa.Array]] = {}
        self.by_code: dict[str, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self.ascending: dict[str, bool] = {}
        self.found = self.all = _Found(None, slice(0, len(self.table)), self.every)
        self.rows, self.at = self.all.rows, self.all.at
        # The rows found, and the values by which a window narrows them.
        self.within: tuple[Any, NDArray[Any]] = ("", self.every)

    # Which rows

    def choose(self, condition: Condition | None) -> None:
        """Choose the rows that satisfy a condition."""
        if condition is None:
            self.rows, self.at = self.all.rows, self.all.at
            return
        if condition.name != self.found.name:
            self.found = self.all if condition.holds is None else self._holding(condition)
        self.rows, self.at = self.found.rows, self.found.at
        if condition.order is not None:
            self._narrow(condition)

    def _narrow(self, condition: Condition) -> None:
        """Choose, of the rows found, those within the window."""
        assert condition.order is not None
        every = self._number(condition.order)
        if condition.order not in self.ascending:
            self.ascending[condition.order] = bool((every[1:] >= every[:-1]).all())
        if self.found.name != self.within[0]:
            self.within = (self.found.name, every[self.rows])
        instants = self.within[1]
        end = _HIGHEST if condition.end is None else condition.end
        if self.ascending[condition.order]:
            low, high = np.searchsorted(instants, [condition.start, end]).tolist()
            part: Any = slice(low, max(low, high))
        else:
            part = np.flatnonzero((instants >= condition.start) & (instants < end))
        # The rows found are an array, or all: a part of all is the part itself.
        self.rows = part if isinstance(self.rows, slice) else self.rows[part]
        self.at = self.at[part]

    def _holding(self, condition: Condition) -> _Found:
        """Return the rows in which a condition holds, in their order."""
        column = condition.of
        if column is not None and _is_text(self.table[column].type):
            values = self._coded(column)[1]
            if len(values) <= _MOST_TEXTS:
                said = pa.chunked_array([values, pa.nulls(1, values.type)])
                texts = as_frame(pa.table({column: said}))
                rows = self._rows_of_codes(column, np.flatnonzero(_holds(texts, condition)))
                return _Found(condition.name, rows, self.every[rows])
        rows = np.flatnonzero(_holds(self.frame, condition))
        return _Found(condition.name, rows, self.every[rows])

    def _rows_of_codes(self, column: str, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of some codes; the code after the last one is that of missing values."""
        if column not in self.by_code:
            codes, values = self._coded(column)
            # A missing value, -1, becomes the largest code; sorting so few bits compares nothing.
            bits = 8 if len(values) < 2**8 else 16
            small = codes.astype(f"u{bits // 8}")
            order = np.argsort(small, kind="stable")
            counts = np.bincount(small, minlength=2**bits)
            # Its rows are said to be of the code after the last one, which may be the largest too.
            missing, counts[-1] = counts[-1], 0
            counts[len(values)] = missing
            self.by_code[column] = order, np.concatenate(([0], np.cumsum(counts)))
        order, starts = self.by_code[column]
        parts = [order[starts[code] : starts[code + 1]] for code in wanted]
        if len(parts) == 1:
            return parts[0]
        return np.sort(np.concatenate(parts)) if parts else np.empty(0, dtype=np.int64)

    # What is taken of them

    def take(self, wanted: Total | Distinct | Top | First) -> pa.Array:
        """Return a total, one value a place."""
        if isinstance(wanted, Total):
            return self._total(wanted)
        if isinstance(wanted, Distinct):
            return self._distinct(wanted)
        return self._top(wanted) if isinstance(wanted, Top) else self._first(wanted)

    def _number(self, column: str) -> NDArray[Any]:
        """Return a column of numbers; what stands for a missing one is not said."""
        if column not in self.numbers:
            values = self.table[column]
            self.numbers[column] = _numpy(values.fill_null(0) if values.null_count else values)
        return self.numbers[column]

    def _known(self, column: str, values: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the places and values of the chosen rows in which a column is known."""
        if not self.table[column].null_count:
            return self.at, values[self.rows]
        name = f"{column} is known"
        if name not in self.numbers:
            self.numbers[name] = _numpy(self.table[column].is_valid()).astype(bool)
        known = self.numbers[name][self.rows]
        return self.at[known], values[self.rows][known]

    def _total(self, wanted: Total) -> pa.Array:
        if wanted.value is None:
            return pa.array(np.bincount(self.at, minlength=self.n))
        if wanted.how == "count":
            known = self._known(wanted.value, self.every)[0]
            return pa.array(np.bincount(known, minlength=self.n))
        dtype = self.table[wanted.value].type
        if not (pa.types.is_int64(dtype) or pa.types.is_float64(dtype)):
            return self._extreme(wanted)
        at, values = self._known(wanted.value, self._number(wanted.value))
        if wanted.how == "sum":
            total = np.zeros(self.n, dtype=values.dtype)
            np.add.at(total, at, values)
            return pa.array(total)
        bounds = (_LOWEST, _HIGHEST) if pa.types.is_int64(dtype) else (-np.inf, np.inf)
        best = np.full(self.n, bounds[wanted.how == "min"], dtype=values.dtype)
        (np.minimum if wanted.how == "min" else np.maximum).at(best, at, values)
        return pa.array(best, mask=np.bincount(at, minlength=self.n) == 0)

    def _extreme(self, wanted: Total) -> pa.Array:
        """Return the smallest or largest value of other types than numbers."""
        assert wanted.value is not None
        at, codes, values = self._pairs(wanted.value)
        best = np.full(self.n, len(values) if wanted.how == "min" else -1, dtype=np.int64)
        (np.minimum if wanted.how == "min" else np.maximum).at(best, at, codes)
        return values.take(pa.array(best, mask=(best < 0) | (best == len(values))))

    def _coded(self, column: str) -> tuple[NDArray[np.int32], pa.Array]:
        """Return a column as positions among its sorted values, -1 for a missing one."""
        if column not in self.codes:
            near = self._codes_of_near_numbers(column)
            if near is not None:
                self.codes[column] = near
                return near
            encoded = _encoded(self.table[column])
            order = pc.sort_indices(encoded.dictionary)
            rank = np.empty(len(order) + 1, dtype=np.int32)
            rank[_numpy(order)] = np.arange(len(order))
            rank[-1] = -1  # a missing value
            codes = encoded.indices.fill_null(len(order)).to_numpy()
            self.codes[column] = rank[codes], encoded.dictionary.take(order)
        return self.codes[column]

    def _codes_of_near_numbers(self, column: str) -> tuple[NDArray[np.int32], pa.Array] | None:
        """Return numbers that lie close together, such as days, as what they are above the lowest.

        Not each of the values need occur. None where they are no whole numbers, or lie far apart.
        """
        values = self.table[column]
        if not pa.types.is_int64(values.type) or values.null_count or not len(values):
            return None
        reach = pc.min_max(values)
        low, high = reach["min"].as_py(), reach["max"].as_py()
        if high - low >= _MOST_TEXTS:
            return None
        codes = (self._number(column) - low).astype(np.int32)
        return codes, pa.array(np.arange(low, high + 1))

    def _pairs(self, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array]:
        """Return the places, the codes and the values of a column, where it is known."""
        codes, values = self._coded(column)
        at, known = self._known(column, codes)
        return at, known.astype(np.int64), values

    def _distinct(self, wanted: Distinct) -> pa.Array:
        at, codes, values = self._pairs(wanted.value)
        width = len(values)
        if width <= 127 and self.n * width <= _MOST_PAIRS:
            # A row of flags for each value: adding up whole rows is what numpy does fastest.
            flags = np.zeros((width, self.n), dtype=np.int8)
            flags.reshape(-1)[codes * self.n + at] = 1
            return pa.array(flags.sum(axis=0, dtype=np.int8).astype(np.int64))
        pairs = at * width + codes
        if self.n * width <= _MOST_PAIRS:
            seen = np.zeros(self.n * width, dtype=bool)
            seen[pairs] = True
            pairs = np.flatnonzero(seen)
        else:
            pairs = self._sorted(pairs, width)
            is_new = np.ones(len(pairs), dtype=bool)
            is_new[1:] = pairs[1:] != pairs[:-1]
            pairs = pairs[is_new]
        return pa.array(np.bincount(pairs // max(width, 1), minlength=self.n))

    def _sorted(self, pairs: NDArray[np.int64], width: int) -> NDArray[Any]:
        # Half the bytes are sorted in half the time.
        return np.sort(pairs.astype(np.uint32) if self.n * width < 2**32 else pairs)

    def _top(self, wanted: Top) -> pa.Array:
        at, codes, values = self._pairs(wanted.value)
        weight = None
        if wanted.weight is not None:  # a missing one is 0 among the numbers
            weight = self._known(wanted.value, self._number(wanted.weight))[1]
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
        at, codes, values = self._pairs(wanted.value)
        order = self._known(wanted.value, self._number(wanted.order))[1]
        edge = np.full(self.n, _LOWEST if wanted.last else _HIGHEST, dtype=np.int64)
        (np.maximum if wanted.last else np.minimum).at(edge, at, order)
        there = order == edge[at]
        place = np.full(self.n, len(values), dtype=np.int64)
        np.minimum.at(place, at[there], codes[there])
        return values.take(pa.array(place, mask=place == len(values)))


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    # Encoding a chunk at a time is an order of magnitude slower.
    encoded = pc.dictionary_encode(column.combine_chunks())
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded


def _holds(frame: Frame, condition: Condition) -> NDArray[np.bool_]:
    assert condition.holds is not None
    return _numpy(to_arrow(frame.select(holds=condition.holds))["holds"]).astype(bool)


def _is_text(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def _numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy() if isinstance(column, pa.ChunkedArray) else (
        column.to_numpy(zero_copy_only=False)
    )  # fmt: skip
    return values
