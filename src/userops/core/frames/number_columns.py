"""A few columns of a host's frame, and columns of whole numbers as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

from userops.core.frames.conversions import check_labels
from userops.core.frames.sources import as_frame, backend_of, read, to_arrow
from userops.errors import ColumnNotFoundError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from userops.core.frames.sources import Frame, Source

__all__ = ["read_columns", "whole_numbers", "with_floats_read"]

# Above this one float stands for several whole numbers.
_LARGEST_WHOLE = 2.0**53


def read_columns(native: Any, names: Sequence[str]) -> Source:
    """Take columns of any supported frame in; the others of a pandas frame are not converted.

    Raises:
        UnsupportedFrameError: See `read`.
        ColumnNotFoundError: If a column is missing; names the nearest.
    """
    if type(native).__module__.startswith("pandas") and hasattr(native, "columns"):
        check_labels(native)  # as `read` does
    if backend_of(native) != "pandas":
        source = read(native)
        _check(names, source.frame.collect_schema().names())
        return source
    frame = nw.from_native(native)
    _check(names, frame.columns)
    return read(frame.select(*dict.fromkeys(names)).to_native())


def _check(names: Sequence[str], existing: Sequence[str]) -> None:
    for name in names:
        if name not in existing:
            raise ColumnNotFoundError(name, list(existing))


def whole_numbers(frame: Frame, names: Sequence[str]) -> tuple[Frame, list[NDArray[Any]] | None]:
    """Compute columns once.

    Args:
        frame: The rows.
        names: Which columns.

    Returns:
        The columns in Arrow; and as arrays of integers, or None where a value is missing or not a
        whole number.
    """
    table = to_arrow(frame.select(*names))
    arrays: list[NDArray[Any]] = []
    for name in names:
        found = _whole(table[name])
        if found is None:
            return as_frame(table), None
        arrays.append(found)
    return as_frame(table), arrays


def with_floats_read(
    frame: Frame, column: str, name: str, read: Callable[[NDArray[np.float64]], NDArray[Any] | None]
) -> Frame | None:
    """Add what numpy makes of a column of floats, several times faster than an expression does.

    Returns:
        The rows with the column `name`. None where rows are not at hand or the column has nulls,
        is of another type, or `read` returns None: the caller then has an expression.
    """
    if not frame.implementation.is_pyarrow():
        return None
    table = to_arrow(frame)
    values = table[column]
    if values.type != pa.float64() or values.null_count:
        return None
    found = read(values.to_numpy())
    return None if found is None else as_frame(table.append_column(name, pa.array(found)))


def _whole(column: pa.ChunkedArray) -> NDArray[Any] | None:
    is_float = pa.types.is_floating(column.type)
    is_signed = pa.types.is_signed_integer(column.type)
    if column.null_count or not (is_float or is_signed):
        return None
    values: NDArray[Any] = column.to_numpy()
    if not is_float:
        return values
    if not (np.abs(values) < _LARGEST_WHOLE).all():  # nor where it is not a number
        return None
    whole = values.astype(np.int64)
    return whole if (whole == values).all() else None
