"""Columns of a frame as numpy arrays: ids, numbers, flags, and texts as codes.

The frame's columns are computed by its engine and read into this process as Arrow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core import frames
from userops.errors import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError

__all__ = ["Amounts", "Columns", "Ids", "Kind"]

Kind = Literal["number", "flag", "text", "other"]
Codes = NDArray[np.int64]
_INT64_DIGITS = 18
# Numbers are addressed directly where they spread over at most so many places a row.
_DENSE = 4


@attrs.frozen(eq=False)
class Ids:
    """Distinct ids in ascending order; an id's position stands for it.

    Attributes:
        array: The ids as Arrow int64 or text, without nulls.
    """

    array: Any = attrs.field(repr=False)

    @classmethod
    def of_values(cls, values: Iterable[Any], *, argument: str) -> Ids:
        """Take ids from any Python or numpy sequence; None is left out.

        Raises:
            InvalidArgumentError: If they are neither whole numbers nor texts, or mix both.
        """
        listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
        try:
            array = pa.array(listed)
            column = _ids(pa.chunked_array([array]), argument)
        except (pa.ArrowException, OverflowError, ColumnTypeError) as error:
            raise InvalidArgumentError(
                argument, "does not hold ids", got=f"{listed[:3]!r}",
                allowed="whole numbers, or texts",
            ) from error  # fmt: skip
        return cls(_sorted(column.drop_null().unique()))

    def __len__(self) -> int:
        return len(self.array)

    @property
    def kind(self) -> str:
        """`int` or `text`; `none` where there is no id."""
        if not len(self):
            return "none"
        return "int" if pa.types.is_integer(self.array.type) else "text"

    def at(self, positions: NDArray[np.integer] | NDArray[np.bool_]) -> list[Any]:
        """Return the ids at positions, or where flags are true."""
        if positions.dtype == np.bool_:
            positions = np.flatnonzero(positions)
        found: list[Any] = self.array.take(pa.array(positions, pa.int64())).to_pylist()
        return found

    def taken(self, flags: NDArray[np.bool_]) -> Ids:
        """Return the ids where flags are true."""
        return Ids(self.array.filter(pa.array(flags)))

    def positions_of(self, ids: Ids) -> Codes:
        """Return where each of some ids stands here; -1 for those that are not here.

        Raises:
            InvalidArgumentError: If one side has whole numbers and the other texts.
        """
        if "none" in (self.kind, ids.kind):
            return np.full(len(ids), -1, dtype=np.int64)
        if self.kind != ids.kind:
            raise InvalidArgumentError(
                "customer_id", "has another type on each side", got=f"{self.kind} and {ids.kind}",
                hint="ids have one type across a history; cast one of the two",
            )  # fmt: skip
        found = pc.fill_null(pc.index_in(ids.array, value_set=self.array), -1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)


@attrs.frozen(eq=False)
class Amounts:
    """Numbers of a column, with what is needed to sum them exactly.

    Attributes:
        values: Integers in units of `10**-scale`, or floats where `scale` is None.
        scale: Decimals of the unit; None for floats.
        is_known: Where there is a number; `values` is 0 elsewhere.
    """

    values: NDArray[Any]
    scale: int | None
    is_known: NDArray[np.bool_]


@attrs.frozen(eq=False)
class Columns:
    """Some columns of a frame, read into this process.

    Attributes:
        source: The frame as it came.
        table: The columns as Arrow.
    """

    source: frames.Source = attrs.field(repr=False)
    table: Any = attrs.field(repr=False)

    @classmethod
    def read(cls, native: Any, names: Sequence[str] | None = None) -> Columns:
        """Read columns of a native frame.

        Args:
            native: Any supported frame, or a `Source` that was read from one.
            names: Which columns; None for all.

        Raises:
            ColumnNotFoundError: If a column is missing.
            UnsupportedFrameError: If it is no frame.
        """
        source = native if isinstance(native, frames.Source) else frames.read(native)
        existing = source.frame.collect_schema().names()
        for name in names or []:
            if name not in existing:
                raise ColumnNotFoundError(name, existing)
        kept = source.frame if names is None else source.frame.select(*dict.fromkeys(names))
        return cls(source, frames.to_arrow(kept))

    @property
    def names(self) -> list[str]:
        """The columns in order."""
        return list(self.table.column_names)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def kind(self, name: str) -> Kind:
        """Return what a column holds."""
        dtype = _value_type(self.table.schema.field(name).type)
        if pa.types.is_boolean(dtype):
            return "flag"
        if pa.types.is_integer(dtype) or pa.types.is_floating(dtype) or pa.types.is_decimal(dtype):
            return "number"
        return "text" if _is_text(dtype) else "other"

    def ids(self, name: str) -> tuple[Ids, Codes]:
        """Return the distinct ids of a column, and the position of each row's; -1 for null.

        Raises:
            ColumnTypeError: If the column holds neither whole numbers nor texts.
        """
        column = _ids(self.table.column(name), name)
        dense = _dense(column) if pa.types.is_integer(column.type) else None
        if dense is not None:
            return Ids(dense[1]), dense[0]
        codes, distinct = _encoded(column)
        order = np.asarray(pc.array_sort_indices(distinct).to_numpy(zero_copy_only=False))
        if (order[1:] > order[:-1]).all():
            return Ids(distinct), codes
        # The last place is that of nulls, whose code is -1.
        rank = np.full(len(order) + 1, -1, dtype=np.int64)
        rank[order] = np.arange(len(order))
        return Ids(distinct.take(pa.array(order))), rank[codes]

    def texts(self, name: str) -> tuple[Codes, list[str]]:
        """Return a column as codes of its distinct values written as text; -1 for null.

        Args:
            name: A column of text, flags (`true`, `false`) or numbers.

        Raises:
            ColumnTypeError: If its values cannot be written as text.
        """
        column = self.table.column(name)
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), None, column)
        try:
            codes, distinct = _encoded(column)
            return codes, distinct.cast(pa.string()).to_pylist()
        except pa.ArrowException as error:
            raise ColumnTypeError(
                name, "cannot be written as text", got=str(column.type), allowed="text or numbers"
            ) from error

    def flags(self, name: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return a boolean column, False where null, and where it is known."""
        column = self.table.column(name)
        known = np.asarray(column.is_valid().to_numpy(), dtype=np.bool_)
        return np.asarray(pc.fill_null(column, False).to_numpy(), dtype=np.bool_), known

    def amounts(self, name: str) -> Amounts:
        """Return a numeric column for exact sums; NaN and null are not known.

        Raises:
            ColumnTypeError: If it holds no numbers, or one that is infinite or beyond int64.
        """
        column = self.table.column(name)
        if self.kind(name) != "number":
            raise ColumnTypeError(
                name, "does not hold numbers", got=str(column.type),
                allowed="whole numbers, decimals or floats",
            )  # fmt: skip
        known = np.asarray(column.is_valid().to_numpy(), dtype=np.bool_)
        if pa.types.is_floating(column.type):
            floats = np.asarray(pc.fill_null(column.cast(pa.float64()), np.nan).to_numpy())
            if np.isinf(floats).any():
                raise ColumnTypeError(name, "holds an infinite number")
            known = ~np.isnan(floats)
            return Amounts(np.where(known, floats, 0.0), None, known)
        scale = column.type.scale if pa.types.is_decimal(column.type) else 0
        try:
            whole = _unscaled(column, scale) if pa.types.is_decimal(column.type) else column
            values = pc.fill_null(whole.cast(pa.int64()), 0).to_numpy()
        except pa.ArrowException as error:
            raise ColumnTypeError(
                name, "holds a number beyond 64-bit integers", got=str(column.type)
            ) from error
        return Amounts(np.asarray(values, dtype=np.int64), scale, known)

    def numbers(self, name: str) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Return a numeric column as floats, and where it is known."""
        amounts = self.amounts(name)
        unit = float(10 ** (amounts.scale or 0))
        return amounts.values.astype(np.float64) / unit, amounts.is_known


def _value_type(dtype: Any) -> Any:
    return dtype.value_type if pa.types.is_dictionary(dtype) else dtype


def _is_text(dtype: Any) -> bool:
    return bool(pa.types.is_string(dtype) or pa.types.is_large_string(dtype))


def _ids(column: Any, name: str) -> Any:
    """Return an id column as int64 or as text."""
    dtype = _value_type(column.type)
    if pa.types.is_null(dtype):
        return column.cast(pa.int64())
    if pa.types.is_integer(dtype) or (pa.types.is_decimal(dtype) and dtype.scale == 0):
        try:
            return column.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise ColumnTypeError(
                name, "holds ids beyond 64-bit integers", got=str(dtype),
                allowed="-2**63 to 2**63 - 1", hint="cast the ids to text",
            ) from error  # fmt: skip
    if not _is_text(dtype):
        raise ColumnTypeError(
            name, "cannot be read as ids", got=str(dtype), allowed="whole numbers, or text",
            hint="a float id may already be rounded; read it as text",
        )  # fmt: skip
    return column.cast(pa.large_string())


def _encoded(column: Any) -> tuple[Codes, Any]:
    """Return codes in order of appearance, -1 for null, and the distinct values."""
    encoded = column.dictionary_encode().unify_dictionaries()
    if not encoded.num_chunks:
        return np.empty(0, dtype=np.int64), pa.array([], column.type)
    pieces = [
        pc.fill_null(chunk.indices, -1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks
    ]
    return np.concatenate(pieces).astype(np.int64), encoded.chunk(0).dictionary


def _dense(column: Any) -> tuple[Codes, Any] | None:
    """Return what `Columns.ids` does for whole numbers that lie close together; None for others."""
    limits = pc.min_max(column).as_py()
    low, high = limits["min"], limits["max"]
    if low is None or high - low > _DENSE * len(column):
        return None
    present = np.zeros(high - low + 2, dtype=np.bool_)
    # Nulls fall on the last place, which stands for no id.
    places = pc.fill_null(pc.subtract(column, low), high - low + 1).to_numpy()
    present[places] = True
    present[-1] = False
    ranks = np.cumsum(present, dtype=np.int64) - 1
    ranks[-1] = -1
    return ranks[places], pa.array(np.flatnonzero(present) + low, pa.int64())


def _sorted(array: Any) -> Any:
    combined = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return combined.take(pc.array_sort_indices(combined))


def _unscaled(column: Any, scale: int) -> Any:
    """Return decimals times `10**scale`, as decimals without places."""
    digits = _INT64_DIGITS + 1
    narrow = column.cast(pa.decimal128(max(min(column.type.precision, 38 - scale), 1), scale))
    factor = pa.scalar(10**scale, pa.int64()).cast(pa.decimal128(digits, 0))
    return pc.multiply(narrow.cast(pa.decimal256(38, scale)), factor).cast(pa.decimal256(38, 0))
