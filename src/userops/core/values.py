"""Values of properties and attributes, with the same reading for one value and for a column.

Contract: a value is missing (None, null), or one of six kinds:

    kind     one value   a column   what it is
    text     str         String     text; the empty text is a value
    whole    int         Int64      a whole number
    number   float       Float64    a finite or infinite number; NaN is missing, -0.0 is 0.0
    flag     bool        Boolean    true or false
    day      Day         Int64      days since 1970-01-01
    instant  Instant     Int64      microseconds since 1970-01-01 UTC

`value_of` reads one value, `with_values` columns; tests hold them equal on every engine.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from numbers import Integral
from typing import Any, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import DAY_US, EPOCH_DAY, Zone, floor_div, instant_of, is_missing
from userops.errors import ColumnNotFoundError, ColumnTypeError

__all__ = [
    "CLASS_OF",
    "Day",
    "Instant",
    "Kind",
    "kinds_of",
    "local_instants",
    "reach_of",
    "value_of",
    "with_values",
]

Kind = Literal["text", "whole", "number", "flag", "day", "instant"]

_ALLOWED = "text, whole numbers of 64 bits, numbers, booleans, dates, datetimes"
_CLOCK = "userops__clock_"


class Day(int):
    """A calendar day: days since 1970-01-01, as a whole number that knows what it is.

    Example:
        >>> from userops.core.time import zone
        >>> value_of(dt.date(1970, 2, 1), zone("UTC")) == Day(31)
        True
    """

    __slots__ = ()


class Instant(int):
    """A point in time: microseconds since 1970-01-01 UTC."""

    __slots__ = ()


CLASS_OF: dict[Kind, type] = {
    "text": str,
    "whole": int,
    "number": float,
    "flag": bool,
    "day": Day,
    "instant": Instant,
}


def value_of(
    value: Any, where: Zone, *, name: str = "value"
) -> str | int | float | bool | Day | Instant | None:
    """Read one value as `with_values` reads a column of such.

    Args:
        value: Anything that a host's row may hold; scalars of numpy and pandas too.
        where: The zone in which a naive time is read.
        name: What the value is called, for the error.

    Returns:
        None for what is missing (None, NaN, NaT, NA), else one of `CLASS_OF`.

    Raises:
        ColumnTypeError: If it is none of these, or a whole number that leaves int64.

    Example:
        >>> from decimal import Decimal
        >>> from userops.core.time import zone
        >>> shanghai = zone("Asia/Shanghai")
        >>> [value_of(v, shanghai) for v in ("", -0.0, Decimal("1.5"), float("nan"))]
        ['', 0.0, 1.5, None]
        >>> value_of(dt.datetime(1970, 1, 1, 8), shanghai)
        0
    """
    exact = type(value)
    if exact is str or exact is bool or exact is Day or exact is Instant or value is None:
        return value  # type: ignore[no-any-return]
    if isinstance(value, str):
        return str.__str__(value)
    if hasattr(value, "dtype") and hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return _value_of_numpy(value, where, name)
    if isinstance(value, Integral):
        whole = int(value)
        if -(2**63) <= whole < 2**63:
            return whole
        raise ColumnTypeError(
            name, "holds a whole number that leaves 64 bits", got=whole,
            allowed="-2**63 to 2**63 - 1", hint="cast it to text",
        )  # fmt: skip
    if isinstance(value, float):
        return None if value != value else value + 0.0  # noqa: PLR0124
    if isinstance(value, Decimal):
        return None if value.is_nan() else float(value) + 0.0
    if not hasattr(value, "__len__") and is_missing(value):
        return None
    if isinstance(value, dt.datetime):
        return Instant(instant_of(value, where))
    if isinstance(value, dt.date):
        return Day(value.toordinal() - EPOCH_DAY)
    raise ColumnTypeError(
        name, "has a value that cannot be used", got=f"{value!r} ({type(value).__name__})",
        allowed=_ALLOWED, hint="convert it to text",
    )  # fmt: skip


def _value_of_numpy(
    value: Any, where: Zone, name: str
) -> str | int | float | bool | Day | Instant | None:
    """Read a scalar of numpy; its times may lie outside the years of Python's."""
    kind = value.dtype.kind
    if kind == "M":
        if is_missing(value):
            return None
        if value.dtype.str.endswith(("[D]", "[W]", "[M]", "[Y]")):
            return Day(int(value.astype("M8[D]").astype("i8")))
        return Instant(where.instant(int(value.astype("M8[us]").astype("i8"))))
    if kind == "f":
        return value_of(float(value), where, name=name)
    plain = value.item()
    if type(plain) is type(value) or kind not in "biuU":
        raise ColumnTypeError(
            name, "has a value that cannot be used", got=f"{value!r} ({type(value).__name__})",
            allowed=_ALLOWED, hint="convert it to text",
        )  # fmt: skip
    return value_of(plain, where, name=name)


def with_values(
    source: frames.Source, frame: frames.Frame, columns: Mapping[str, str], where: Zone
) -> tuple[frames.Frame, dict[str, Kind | None]]:
    """Add columns of values, read as `value_of` reads each; nothing is collected.

    Only naive times in a zone whose offset changes cost a look: at the first and the last of them.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        columns: Name of a column to add (it may replace one), to the column that it reads.
        where: The zone in which naive times are read.

    Returns:
        The frame, and the kind of each added column; None where a column holds nothing but nulls
        by its type, which then is a text column of nulls.

    Raises:
        ColumnNotFoundError: If a column does not exist.
        ColumnTypeError: If a column holds anything else than the six kinds, or integers that may
            leave int64.
    """
    schema = frame.collect_schema()
    kinds = kinds_of(source, frame, columns)
    clocks: dict[str, str] = {}
    for column in sorted({c for name, c in columns.items() if kinds[name] in ("day", "instant")}):
        clocks[column] = f"{_CLOCK}{len(clocks)}"
        frame = frames.with_epoch_us(source, frame, column, clocks[column])
        if schema[column] == nw.Datetime and getattr(schema[column], "time_zone", None) is None:
            instants = local_instants(frame, clocks[column], where)
            frame = frame.with_columns(instants.alias(clocks[column]))
    values = {
        name: _value_expr(column, schema[column], kinds[name], clocks.get(column))
        for name, column in columns.items()
    }
    frame = frame.with_columns(*(value.alias(name) for name, value in values.items()))
    return (frame.drop(*clocks.values()) if clocks else frame), kinds


def kinds_of(
    source: frames.Source, frame: frames.Frame, columns: Mapping[str, str]
) -> dict[str, Kind | None]:
    """Return the kinds that `with_values` will find, from the types of the columns alone.

    Raises:
        ColumnNotFoundError: If a column does not exist.
        ColumnTypeError: If a column holds anything else than the six kinds.
    """
    schema = frame.collect_schema()
    kinds: dict[str, Kind | None] = {}
    for name, column in columns.items():
        if column not in schema:
            raise ColumnNotFoundError(column, schema.names(), role=name)
        kinds[name] = _kind(source, frame, column, schema[column])
    return kinds


def local_instants(frame: frames.Frame, clock: str, where: Zone) -> nw.Expr:
    """Return clock readings as instants; looks at the data's range only where rules change.

    Args:
        frame: Holds the readings.
        clock: Column of int64 microseconds since 1970-01-01 as the clock showed them, or null.
        where: The zone of the clock.
    """
    reading = nw.col(clock)
    if not where.changes_us:
        return where.instant_expr(reading, between_us=(0, 0))
    return where.instant_expr(reading, between_us=reach_of(frame, clock))


def reach_of(frame: frames.Frame, column: str) -> tuple[int, int]:
    """Look at a column of integers, and return its lowest and highest; zeros where it has none."""
    ends = nw.col(column).min().cast(nw.Int64), nw.col(column).max().cast(nw.Int64)
    found = frames.to_rows(frame.select(low=ends[0], high=ends[1]))[0]
    return found["low"] or 0, found["high"] or 0


def _kind(source: frames.Source, frame: frames.Frame, column: str, dtype: Any) -> Kind | None:
    if column in source.mixed and frame is source.frame:  # a later frame has names of its own
        raise ColumnTypeError(
            column, "mixes types and cannot become one column", got=source.mixed[column],
            allowed="one type in a column",
            hint=f"df[{column!r}] = df[{column!r}].astype('string'), or pandas.to_numeric",
        )  # fmt: skip
    here = attrs.evolve(source, frame=frame)
    kind = _KINDS.get(type(dtype))
    if kind is not None and not (dtype == nw.Categorical and _encodes_no_text(here, column)):
        return kind
    if dtype.is_integer():
        raise ColumnTypeError(
            column, "holds whole numbers that may leave 64 bits", got=dtype,
            allowed="whole numbers of 64 bits with a sign",
            hint="cast the column to a 64-bit integer, or to text",
        )  # fmt: skip
    if dtype.is_decimal():
        return "number"
    if dtype == nw.Unknown and frames.is_null_column(here, column):
        return None
    got = frames.native_type(here, column)
    raise ColumnTypeError(
        column, "has a type that cannot be used", got=got, allowed=_ALLOWED,
        hint="cast the column to text or to a number first",
    )  # fmt: skip


def _encodes_no_text(source: frames.Source, column: str) -> bool:
    """Whether a column of Arrow's or pandas' categories holds other things than text."""
    return source.is_arrow and "string" not in frames.native_type(source, column)


_KINDS: dict[type, Kind] = {
    **dict.fromkeys((nw.String, nw.Categorical, nw.Enum), "text"),
    **dict.fromkeys((nw.Int8, nw.Int16, nw.Int32, nw.Int64), "whole"),
    **dict.fromkeys((nw.UInt8, nw.UInt16, nw.UInt32), "whole"),
    **dict.fromkeys((nw.Float32, nw.Float64), "number"),
    nw.Boolean: "flag",
    nw.Date: "day",
    nw.Datetime: "instant",
}


def _value_expr(column: str, dtype: Any, kind: Kind | None, clock: str | None) -> nw.Expr:
    value = nw.col(column)
    if kind is None:
        return nw.lit(None, nw.String)
    if kind == "text":
        return value if dtype == nw.String else value.cast(nw.String)
    if kind == "whole":
        return value.cast(nw.Int64)
    if kind == "number":
        # Decimals by way of text, which is read to the nearest float; Arrow's own cast is off by a
        # last bit.
        number = value.cast(nw.String) if dtype.is_decimal() else value
        number = number.cast(nw.Float64)
        known = nw.when(~number.is_nan().fill_null(True)).then(number)
        # Zero has two signs, which some engines write and group apart; adding 0.0 would unite
        # them, but Polars' planner leaves that out.
        return nw.when(number == 0.0).then(nw.lit(0.0)).otherwise(known)
    if kind == "flag":
        return value
    assert clock is not None  # days and instants have one
    return floor_div(nw.col(clock), DAY_US) if kind == "day" else nw.col(clock)
