"""Money as an exact int64 count of minor units, for one value and for a column.

Contract: an amount `x` in major units at scale `s` becomes the integer `n = x * 10**s`. A binary
float stands for the decimal that it was written as: it fits when `x * 10**s` lies within
arithmetic noise of an integer, at most 1e-4 minor units and 2**-40 of itself, or when it is the
float nearest to that count of units. The first bound
catches every further decimal of an ordinary amount, the second every tiny one. What does not fit
is refused unless a rounding is named; what lies within the same noise of a half counts as a half.
Only IEEE multiplications, additions and comparisons are used, whose results are the same on every
engine.
"""

from __future__ import annotations

import math
import re
from numbers import Integral
from typing import Any, Literal, cast

import narwhals.stable.v2 as nw

from userops.core.blanks import strip, strip_expr
from userops.core.time import is_missing
from userops.errors import InvalidDefinitionError

__all__ = [
    "MAX_SCALE",
    "Rounding",
    "as_float",
    "check_rounding",
    "check_scale",
    "fits_expr",
    "major_expr",
    "major_float",
    "minor_expr",
    "minor_of",
    "nearest_expr",
    "number_of",
    "parse_number_expr",
]

Rounding = Literal["half_even", "half_up"]
MAX_SCALE = 9
INT64_MAX = 2**63 - 1
# Above this one float stands for several amounts of minor units, so none of them is meant.
EXACT_FLOAT = 2**51
# With the float below one half, the floor of the sum is the nearest integer for every float below
# 2**53; one half itself would lift the odd ones above 2**52.
_HALF = math.nextafter(0.5, 0.0)
_NOISE_UNITS = 1e-4
_NOISE_SHARE = 2.0**-40
NUMBER_PATTERN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?$"
_NUMBER = re.compile(NUMBER_PATTERN)


def check_scale(scale: object) -> int:
    """Return a valid scale, the number of decimals of the minor unit.

    Raises:
        InvalidDefinitionError: If it is not a whole number from 0 to 9.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or not 0 <= scale <= MAX_SCALE:
        raise InvalidDefinitionError(
            "scale", "must be a whole number", got=scale, allowed=f"0 to {MAX_SCALE}"
        )
    return scale


def check_rounding(rounding: object) -> Rounding | None:
    """Return a valid rounding name, or None for no rounding.

    Raises:
        InvalidDefinitionError: If the name is not known.
    """
    if rounding is None:
        return None
    if isinstance(rounding, str) and rounding in {"half_even", "half_up"}:
        return cast("Rounding", rounding)
    raise InvalidDefinitionError(
        "rounding", "is not known", got=rounding, allowed="None, 'half_even', 'half_up'"
    )


def number_of(value: Any) -> int | float | None:
    """Read one number the way a column is read: None for missing, NaN for unreadable."""
    if is_missing(value):
        return None
    if isinstance(value, bool):
        return math.nan
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, str):
        text = strip(value)
        if not text:
            return None
        return float(text) if _NUMBER.fullmatch(text) else math.nan
    if isinstance(value, bytes | bytearray):
        raise TypeError("bytes are no number")  # float() would read them as text
    return float(value)


def minor_of(value: int | float, scale: int, rounding: Rounding | None = None) -> int | None:
    """Return the exact minor units of one amount, or None where it does not fit the scale."""
    factor: int = 10**scale
    if isinstance(value, int):
        return value * factor
    scaled = value * factor
    if not abs(scaled) <= EXACT_FLOAT:
        return None
    near = math.floor(scaled + _HALF)
    noise = min(_NOISE_UNITS, abs(scaled) * _NOISE_SHARE)
    if abs(scaled - near) <= noise or near / factor == value:
        return near
    if rounding is None:
        return None
    half = abs(scaled) + 0.5
    away = math.floor(half + _HALF)
    is_tie = abs(half - away) <= noise
    if not is_tie:
        away = math.floor(half)
    elif rounding == "half_even" and away % 2 == 1:
        away -= 1
    return away if scaled >= 0 else -away


def parse_number_expr(text: nw.Expr) -> nw.Expr:
    """Return a text column as floats; null where it is blank or does not read as a number."""
    bare = strip_expr(text)
    readable = bare.str.contains(NUMBER_PATTERN).fill_null(False)
    return nw.when(readable).then(bare).otherwise(nw.lit(None, nw.String)).cast(nw.Float64)


def as_float(whole: nw.Expr) -> nw.Expr:
    """Return integers as floats; Arrow refuses to cast those above 2**53, and divides them."""
    return whole / 1


def nearest_expr(scaled: nw.Expr) -> nw.Expr:
    """Return the nearest integers of floats in minor units; 0 where these are out of range."""
    # Out-of-range values would fail or wrap in the cast, so they are zeroed; `fits` excludes them.
    safe = nw.when(scaled.abs() <= float(EXACT_FLOAT)).then(scaled).otherwise(nw.lit(0.0))
    return (safe + _HALF).floor().cast(nw.Int64)


def fits_expr(
    amount: nw.Expr, scale: int, *, scaled: nw.Expr | None = None, near: nw.Expr | None = None
) -> nw.Expr:
    """Return whether float amounts fit the scale; False for null and out of range.

    Args:
        amount: Major units.
        scale: Decimals of the minor unit.
        scaled: `amount * 10**scale` where a frame holds it already; eager engines would compute
            it again at each mention.
        near: `nearest_expr(scaled)` where a frame holds it already.
    """
    scaled = amount * float(10**scale) if scaled is None else scaled
    near = nearest_expr(scaled) if near is None else near
    gap = (scaled - as_float(near)).abs()
    in_range = scaled.abs() <= float(EXACT_FLOAT)
    is_noise = (gap <= _NOISE_UNITS) & (gap <= scaled.abs() * _NOISE_SHARE)
    return (in_range & (is_noise | (major_expr(near, scale) == amount))).fill_null(False)


def minor_expr(amount: nw.Expr, scale: int, rounding: Rounding | None = None) -> nw.Expr:
    """Return float amounts as int64 minor units; meaningful where they fit or are rounded."""
    scaled = amount * float(10**scale)
    near = nearest_expr(scaled)
    if rounding is None:
        return near
    # Some engines floor to integers at once, so what is out of range is zeroed before.
    size = scaled.abs()
    size = nw.when(size <= float(EXACT_FLOAT)).then(size).otherwise(nw.lit(0.0))
    half = size + 0.5
    away = nearest_expr(half)
    gap = (half - away.cast(nw.Float64)).abs()
    is_tie = (gap <= _NOISE_UNITS) & (gap <= size * _NOISE_SHARE)
    if rounding == "half_even":
        tied = nw.when(away % 2 == 1).then(away - 1).otherwise(away)
    else:
        tied = away
    away = nw.when(is_tie).then(tied).otherwise(half.floor().cast(nw.Int64))
    signed = nw.when(scaled >= 0).then(away).otherwise(-away)
    return nw.when(fits_expr(amount, scale)).then(near).otherwise(signed)


def major_float(minor: int, scale: int) -> float:
    """Return minor units in major units as a float, as `major_expr` does."""
    return float(minor) / float(10**scale)


def major_expr(minor: nw.Expr, scale: int) -> nw.Expr:
    """Return a column of minor units in major units as floats, the same on every engine.

    The divisor is made a column: Polars divides a column by a constant by multiplying with its
    reciprocal, which is off in the last bit (170700 / 1000 gives 170.70000000000002).
    """
    units = as_float(minor)
    return units / (units * 0.0 + float(10**scale))
