"""The rows that a total is taken of, found once for each thing that is true of them.

A condition on a text is judged once for each distinct text; and in rows that stand in order of time
a window is a slice of them. So totals over nested windows add only the rows that are new.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.places import encoded, numbers_of, places_of
from userops.core.frames.sources import as_frame, to_arrow
from userops.core.frames.totals import Condition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from userops.core.frames.sources import Frame

__all__ = ["Chosen", "ChosenRows"]

# Texts of which a column holds so many or fewer are judged once each, and not in every row.
_MOST_TEXTS = 1 << 15
_HIGHEST = np.iinfo(np.int64).max
_PIECE_ROWS = 1 << 18
Codes: TypeAlias = "NDArray[np.signedinteger[Any]]"


class Chosen(NamedTuple):
    """Rows, and the place of each."""

    rows: NDArray[np.int64] | slice
    at: NDArray[np.int64]

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The number of each row in the table."""
        rows = self.rows
        return np.arange(rows.start, rows.stop) if isinstance(rows, slice) else rows

    def pieces(self) -> Iterator[Chosen]:
        """Cut the rows into pieces, so that what is computed of them stays small."""
        for begin in range(0, len(self.at), _PIECE_ROWS):
            yield self.part(begin, begin + _PIECE_ROWS)

    def part(self, low: int, high: int) -> Chosen:
        """Return the rows from one position to another."""
        if isinstance(self.rows, slice):
            begin, end = self.rows.start, self.rows.stop
            rows: Any = slice(min(begin + low, end), min(begin + high, end))
        else:
            rows = self.rows[low:high]
        return Chosen(rows, self.at[low:high])

    def only(self, wanted: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Chosen:
        """Return some of the rows, by their positions among these, or a flag each."""
        return Chosen(self.numbers[wanted], self.at[wanted])


class ChosenRows:
    """Rows with their places, of which some are chosen.

    Attributes:
        table: All rows.
        keys: The key of each place.
        n: How many places there are.
        chosen: The rows that satisfy the condition.
        span: Where they begin and end among the rows of which the same is true whatever the window;
            None where they are no slice of them.
        kept: What was found out about rows of which the same is true.
    """

    def __init__(self, frame: Frame, key: str) -> None:
        self.frame = frame
        self.table = to_arrow(frame)
        every, self.keys = places_of(self.table[key])
        self.n = len(self.keys)
        self.chosen = self._found = self._all = Chosen(slice(0, len(self.table)), every)
        self.span: tuple[int, int] | None = (0, len(self.table))
        self.kept: dict[Any, Any] = {}
        self.name: str | None = None
        self._numbers: dict[str, NDArray[Any]] = {}
        self._codes: dict[str, tuple[Codes, pa.Array]] = {}
        self._ascending: dict[str, bool] = {}
        self._order: str | None = None
        self._instants: NDArray[np.int64] | None = None  # of the rows found, for windows

    # Which rows

    def choose(self, condition: Condition | None) -> None:
        """Choose the rows that satisfy a condition; None chooses all."""
        name = None if condition is None else condition.name
        if name != self.name:
            self.name, self.kept, self._instants = name, {}, None
            self._found = self._all
            if condition is not None and condition.holds is not None:
                self._found = self._holding(condition)
        self.chosen, self.span = self._found, (0, len(self._found.at))
        if condition is not None and condition.order is not None:
            self._narrow(condition, condition.order)

    def _narrow(self, condition: Condition, order: str) -> None:
        """Choose, of the rows found, those within the window."""
        end = _HIGHEST if condition.end is None else condition.end
        if self._is_ascending(order):
            low, high = (self.position(order, bound) for bound in (condition.start, end))
            self.span = low, max(low, high)
            self.chosen = self._found.part(*self.span)
            return
        if self._instants is None or order != self._order:
            self._order, self._instants = order, self.number(order)[self._found.rows]
        within = (self._instants >= condition.start) & (self._instants < end)
        self.span, self.chosen = None, self._found.only(np.flatnonzero(within))

    def _is_ascending(self, order: str) -> bool:
        if order not in self._ascending:
            every = self.number(order)
            self._ascending[order] = bool((every[1:] >= every[:-1]).all())
        return self._ascending[order]

    def position(self, order: str, start: int) -> int:
        """Return where, among the rows found, those begin whose ascending order is `start` up."""
        row = int(np.searchsorted(self.number(order), start))
        rows = self._found.rows
        return row if isinstance(rows, slice) else int(np.searchsorted(rows, row))

    def between(self, low: int, high: int) -> Chosen:
        """Return the rows from one position to another among those of which the same is true."""
        return self._found.part(low, high)

    def new(self, key: Any) -> tuple[Any, Chosen]:
        """Return what was kept of some of the chosen rows, or None, and the rows besides them."""
        if self.span is not None and key in self.kept:
            (low, high), value = self.kept[key]
            if high == self.span[1] and self.span[0] <= low:
                return value, self.between(self.span[0], low)
        return None, self.chosen

    def keep(self, key: Any, value: Any) -> None:
        """Keep what was found out about the chosen rows."""
        if self.span is not None:
            self.kept[key] = self.span, value

    def _holding(self, condition: Condition) -> Chosen:
        """Return the rows in which a condition holds, in their order."""
        column = condition.of
        if column is not None and _is_text(self.table[column].type):
            values = self.coded(column)[1]
            if len(values) <= _MOST_TEXTS:
                said = pa.chunked_array([values, pa.nulls(1, values.type)])
                texts = as_frame(pa.table({column: said}))
                rows = self._rows_of_codes(column, np.flatnonzero(_holds(texts, condition)))
                return Chosen(rows, self._all.at[rows])
        rows = np.flatnonzero(_holds(self.frame, condition))
        return Chosen(rows, self._all.at[rows])

    def _rows_of_codes(self, column: str, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of some codes; the code after the last one is that of missing values."""
        codes, values = self.coded(column)
        if len(wanted) == 1:
            code = wanted[0] if wanted[0] < len(values) else -1
            return np.flatnonzero(codes == code)
        # A missing value, -1, is at the end as well.
        is_wanted = np.zeros(len(values) + 1, dtype=np.bool_)
        is_wanted[wanted] = True
        return np.flatnonzero(is_wanted[codes])

    # Columns

    def number(self, column: str) -> NDArray[Any]:
        """Return a column of numbers; what stands for a missing one is not said."""
        if column not in self._numbers:
            values = self.table[column]
            self._numbers[column] = numbers_of(values.fill_null(0) if values.null_count else values)
        return self._numbers[column]

    def known(self, column: str, chosen: Chosen) -> Chosen:
        """Return those of some rows in which a column is known."""
        if not self.table[column].null_count:
            return chosen
        name = f"{column} is known"
        if name not in self._numbers:
            self._numbers[name] = numbers_of(self.table[column].is_valid()).astype(bool)
        return chosen.only(self._numbers[name][chosen.rows])

    def coded(self, column: str) -> tuple[Codes, pa.Array]:
        """Return a column as positions among its sorted values, -1 for a missing one."""
        if column not in self._codes:
            near = self._codes_of_near_numbers(column)
            if near is not None:
                self._codes[column] = near
                return near
            found = encoded(self.table[column])
            order = pc.sort_indices(found.dictionary)
            few = len(order) < _MOST_TEXTS
            rank = np.empty(len(order) + 1, dtype=np.int16 if few else np.int32)
            rank[numbers_of(order)] = np.arange(len(order))
            rank[-1] = -1  # a missing value
            codes = found.indices.fill_null(len(order)).to_numpy()
            self._codes[column] = rank[codes], found.dictionary.take(order)
        return self._codes[column]

    def _codes_of_near_numbers(self, column: str) -> tuple[Codes, pa.Array] | None:
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
        codes = (self.number(column) - low).astype(np.int16)
        return codes, pa.array(np.arange(low, high + 1))


def _holds(frame: Frame, condition: Condition) -> NDArray[np.bool_]:
    assert condition.holds is not None
    return numbers_of(to_arrow(frame.select(holds=condition.holds))["holds"]).astype(bool)


def _is_text(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))
