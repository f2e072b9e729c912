"""Totals by key where Arrow holds the rows: keys are places in arrays, and numpy adds up there.

Integer ids that a database counted up lie close together: the id minus the lowest one is the place.
Other keys are encoded once, however many totals are asked for. A total reads the rows that satisfy
its condition; totals of one condition share that choice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.sources import as_frame, to_arrow
from userops.core.frames.totals import Asked, Distinct, First, Top, Total

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from userops.core.frames.sources import Frame

__all__ = ["answered", "places_of"]

_MOST_PLACES_PER_ROW = 2
# A table of bits for each pair of place and value, up to 32 MB; beyond, pairs are sorted.
_MOST_PAIRS = 1 << 28
_LOWEST = np.iinfo(np.int64).min
_HIGHEST = np.iinfo(np.int64).max


def places_of(keys: pa.ChunkedArray) -> tuple[NDArray[np.int64], pa.Array]:
    """Return the place of each row's key, and the key of each place (null where there is none)."""
    if pa.types.is_int64(keys.type) and len(keys):
        reach = pc.min_max(keys)
        low, high = reach["min"].as_py(), reach["max"].as_py()
        places = high - low + 1
        if places <= _MOST_PLACES_PER_ROW * len(keys):
            at = _numpy(keys) - low
            is_key = np.zeros(places, dtype=bool)
            is_key[at] = True
            return at, pa.array(np.arange(low, high + 1), mask=~is_key)
    # Encoding a chunk at a time is an order of magnitude slower.
    encoded = pc.dictionary_encode(keys.combine_chunks())
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary


def answered(frame: Frame, key: str, conditions: Mapping[str, nw.Expr], asked: Asked) -> Frame:
    """Return one row a key that occurs, with a column for each name asked."""
    rows = _Rows(frame, key, conditions)
    columns: dict[str, Any] = {}
    by_condition: dict[str | None, list[str]] = {}
    for name, wanted in asked.items():
        by_condition.setdefault(wanted.when, []).append(name)
    for when, names in by_condition.items():
        rows.choose(when)
        for name in names:
            columns[name] = rows.take(asked[name])
    table = pa.table({key: rows.keys, **{name: columns[name] for name in asked}})
    return as_frame(table.filter(pc.is_valid(rows.keys)) if rows.keys.null_count else table)


class _Rows:
    """Rows with their places, of which some are chosen."""

    def __init__(self, frame: Frame, key: str, conditions: Mapping[str, nw.Expr]) -> None:
        self.frame, self.conditions = frame, conditions
        self.table = to_arrow(frame)
        self.every, self.keys = places_of(self.table[key])
        self.n = len(self.keys)
        self.values: dict[str, Any] = {}
        self.codes: dict[str, tuple[NDArray[np.int64], pa.Array]] = {}
        self.at = self.every
        self.chosen: NDArray[np.bool_] | None = None

    def choose(self, when: str | None) -> None:
        """Choose the rows that satisfy a condition."""
        self.chosen = None
        self.at = self.every
        if when is not None:
            column = to_arrow(self.frame.select(holds=self.conditions[when]))["holds"]
            self.chosen = _numpy(column).astype(bool)
            self.at = self.every[self.chosen]

    def take(self, wanted: Total | Distinct | Top | First) -> pa.Array:
        """Return a total, one value a place."""
        if isinstance(wanted, Total):
            return self._total(wanted)
        if isinstance(wanted, Distinct):
            return self._distinct(wanted)
        return self._top(wanted) if isinstance(wanted, Top) else self._first(wanted)

    def _known(self, column: str) -> tuple[NDArray[np.int64], pa.Array]:
        """Return the places and values of the chosen rows in which a column is known."""
        values = self.table[column]
        at = self.at
        if self.chosen is not None:
            values = values.filter(pa.array(self.chosen))
        if values.null_count:
            known = _numpy(values.is_valid()).astype(bool)
            return at[known], values.drop_null()
        return at, values

    def _total(self, wanted: Total) -> pa.Array:
        if wanted.value is None:
            return pa.array(np.bincount(self.at, minlength=self.n))
        at, values = self._known(wanted.value)
        if wanted.how == "count":
            return pa.array(np.bincount(at, minlength=self.n))
        if wanted.how == "sum":
            total = np.zeros(self.n, dtype=np.int64)
            np.add.at(total, at, _numpy(values))
            return pa.array(total)
        if pa.types.is_int64(values.type):
            least = wanted.how == "min"
            best = np.full(self.n, _HIGHEST if least else _LOWEST, dtype=np.int64)
            (np.minimum if least else np.maximum).at(best, at, _numpy(values))
            return pa.array(best, mask=np.bincount(at, minlength=self.n) == 0)
        return self._grouped(at, values, wanted.how)

    def _grouped(self, at: NDArray[np.int64], values: pa.ChunkedArray, how: str) -> pa.Array:
        """Return the smallest or largest value of other types, by Arrow's own grouping."""
        found = pa.table({"at": at, "v": values}).group_by("at").aggregate([("v", how)])
        place = np.full(self.n, -1, dtype=np.int64)
        place[_numpy(found["at"])] = np.arange(len(found))
        return found[f"v_{how}"].combine_chunks().take(pa.array(place, mask=place < 0))

    def _coded(self, column: str) -> tuple[NDArray[np.int64], pa.Array]:
        """Return a column as positions among its sorted values, -1 for a missing one."""
        if column not in self.codes:
            encoded = pc.dictionary_encode(self.table[column].combine_chunks())
            if isinstance(encoded, pa.ChunkedArray):
                encoded = encoded.combine_chunks()
            order = pc.sort_indices(encoded.dictionary)
            rank = np.empty(len(order) + 1, dtype=np.int64)
            rank[_numpy(order)] = np.arange(len(order))
            rank[-1] = -1  # a missing value
            codes = encoded.indices.fill_null(len(order)).to_numpy()
            self.codes[column] = rank[codes], encoded.dictionary.take(order)
        return self.codes[column]

    def _pairs(self, column: str) -> tuple[NDArray[np.int64], NDArray[np.int64], pa.Array]:
        codes, values = self._coded(column)
        if self.chosen is not None:
            codes = codes[self.chosen]
        known = codes >= 0
        if known.all():
            return self.at, codes, values
        return self.at[known], codes[known], values

    def _distinct(self, wanted: Distinct) -> pa.Array:
        at, codes, values = self._pairs(wanted.value)
        width = len(values)
        pairs = at * width + codes
        if self.n * width <= _MOST_PAIRS:
            seen = np.zeros(self.n * width, dtype=bool)
            seen[pairs] = True
            pairs = np.flatnonzero(seen)
        else:
            pairs = np.sort(pairs)
            pairs = pairs[np.diff(pairs, prepend=-1) != 0]
        return pa.array(np.bincount(pairs // max(width, 1), minlength=self.n))

    def _top(self, wanted: Top) -> pa.Array:
        at, codes, values = self._pairs(wanted.value)
        pairs, weights = self._weights(at * len(values) + codes, wanted, len(values))
        owner, code = pairs // max(len(values), 1), pairs % max(len(values), 1)
        most = np.full(self.n, _LOWEST, dtype=np.int64)
        np.maximum.at(most, owner, weights)
        best = weights == most[owner]
        place = np.full(self.n, len(values), dtype=np.int64)
        np.minimum.at(place, owner[best], code[best])
        return values.take(pa.array(place, mask=place == len(values)))

    def _weights(
        self, pairs: NDArray[np.int64], wanted: Top, width: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return each pair that occurs, and the number of its rows or its sum."""
        added = None
        if wanted.weight is not None:
            weight = _numpy(self.table[wanted.weight].fill_null(0))
            if self.chosen is not None:
                weight = weight[self.chosen]
            codes = self._coded(wanted.value)[0]
            codes = codes if self.chosen is None else codes[self.chosen]
            added = weight[codes >= 0]
        if self.n * width <= _MOST_PAIRS // 8:
            rows = np.bincount(pairs, minlength=self.n * width)
            found = np.flatnonzero(rows)
            if added is None:
                return found, rows[found]
            total = np.zeros(self.n * width, dtype=np.int64)
            np.add.at(total, pairs, added)
            return found, total[found]
        order = np.argsort(pairs, kind="stable")
        ordered = pairs[order]
        starts = np.flatnonzero(np.diff(ordered, prepend=-1) != 0)
        if added is None:
            return ordered[starts], np.diff(np.append(starts, len(ordered)))
        if not len(starts):
            return ordered, added
        return ordered[starts], np.add.reduceat(added[order], starts)

    def _first(self, wanted: First) -> pa.Array:
        at, codes, values = self._pairs(wanted.value)
        every = self._coded(wanted.value)[0]
        known = (every if self.chosen is None else every[self.chosen]) >= 0
        order = _numpy(self.table[wanted.order])
        order = (order if self.chosen is None else order[self.chosen])[known]
        edge = np.full(self.n, _LOWEST if wanted.last else _HIGHEST, dtype=np.int64)
        (np.maximum if wanted.last else np.minimum).at(edge, at, order)
        there = order == edge[at]
        place = np.full(self.n, len(values), dtype=np.int64)
        np.minimum.at(place, at[there], codes[there])
        return values.take(pa.array(place, mask=place == len(values)))


def _numpy(column: pa.ChunkedArray | pa.Array) -> NDArray[Any]:
    values: NDArray[Any] = column.to_numpy() if isinstance(column, pa.ChunkedArray) else (
        column.to_numpy(zero_copy_only=False)
    )  # fmt: skip
    return values
