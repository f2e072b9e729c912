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
from numbers import Integral
from typing import Any, Literal, cast

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core.blanks import strip, strip_expr
from userops.core.digits import pieces
from userops.core.patterns import END, compiled
from userops.core.time import is_missing
from userops.errors import InvalidDefinitionError

__all__ = [
    "EXACT_FLOAT",
    "MAX_SCALE",
    "Rounding",
    "as_float",
    "check_rounding",
    "check_scale",
    "fits_expr",
    "is_exact_expr",
    "major_expr",
    "major_float",
    "minor_expr",
    "minor_of",
    "number_of",
    "parse_number_expr",
    "plain_units",
    "scales_back_expr",
    "whole_expr",
    "within_noise_expr",
]

Rounding = Literal["half_even", "half_up"]
MAX_SCALE = 9
# Above this one float stands for several amounts of minor units, so none of them is meant.
EXACT_FLOAT = 2**51
# With the float below one half, the floor of the sum is the nearest integer for every float below
# 2**53; one half itself would lift the odd ones above 2**52.
_HALF = math.nextafter(0.5, 0.0)
_NOISE_UNITS = 1e-4
_NOISE_SHARE = 2.0**-40
_NUMBER_PATTERN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?" + END
_NUMBER = compiled(_NUMBER_PATTERN)


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
    readable = bare.str.contains(_NUMBER_PATTERN).fill_null(False)
    return nw.when(readable).then(bare).otherwise(nw.lit(None, nw.String)).cast(nw.Float64)


def as_float(whole: nw.Expr) -> nw.Expr:
    """Return integers as floats; Arrow refuses to cast those above 2**53, and divides them."""
    return whole / 1


def is_exact_expr(scaled: nw.Expr) -> nw.Expr:
    """Return whether floats in minor units are numbers in the range that floats hold exactly."""
    return (scaled.abs() <= float(EXACT_FLOAT)).fill_null(False)


def whole_expr(scaled: nw.Expr, is_exact: nw.Expr) -> nw.Expr:
    """Return the nearest whole numbers of floats in minor units; null for those not exact.

    Those would fail or wrap in a cast. Some engines floor to integers at once, others to floats.
    """
    return (nw.when(is_exact).then(scaled) + _HALF).floor()


def within_noise_expr(gap: nw.Expr, scaled: nw.Expr) -> nw.Expr:
    """Return whether the gap between a float and a count of units is arithmetic noise."""
    return (gap <= _NOISE_UNITS) & (gap <= scaled.abs() * _NOISE_SHARE)


def plain_units(amounts: NDArray[np.float64], scale: int) -> NDArray[np.int64] | None:
    """Return amounts in minor units, where each lies within noise of a whole number of them.

    None where any does not, or is no number: then the expressions say what is wrong with it.
    """
    units = np.empty(len(amounts), dtype=np.int64)
    factor = float(10**scale)
    for rows in pieces(len(amounts)):
        some = amounts[rows]
        with np.errstate(over="ignore", invalid="ignore"):  # no amount is infinite and plain
            scaled = some * factor
            whole = np.rint(scaled)
            is_plain = whole / factor == some
            if not is_plain.all():
                gap, size = np.abs(scaled - whole), np.abs(scaled)
                is_plain = gap <= np.minimum(size * _NOISE_SHARE, _NOISE_UNITS)
        if not is_plain.all() or np.abs(whole, out=scaled).max() > EXACT_FLOAT:
            return None
        units[rows] = whole
    return units


def scales_back_expr(whole: nw.Expr, amount: nw.Expr, scale: int) -> nw.Expr:
    """Return whether an amount is the float nearest to its count of units."""
    return _quotient(whole, scale) == amount


def fits_expr(amount: nw.Expr, scale: int) -> nw.Expr:
    """Return whether float amounts fit the scale; False for null and for those too large.

    An eager engine computes a sub-expression again at each mention; over many rows the parts are
    better made columns, one by one.
    """
    scaled = amount * float(10**scale)
    whole = whole_expr(scaled, is_exact_expr(scaled))
    fits = within_noise_expr((scaled - whole).abs(), scaled)
    return (fits | scales_back_expr(whole, amount, scale)).fill_null(False)


def minor_expr(amount: nw.Expr, scale: int, rounding: Rounding | None = None) -> nw.Expr:
    """Return float amounts as int64 minor units; meaningful where they fit or are rounded."""
    scaled = amount * float(10**scale)
    is_exact = is_exact_expr(scaled)
    near = whole_expr(scaled, is_exact).cast(nw.Int64)
    if rounding is None:
        return near
    size: nw.Expr = nw.when(is_exact).then(scaled.abs())
    half = size + 0.5
    away = (half + _HALF).floor()
    is_tie = within_noise_expr((half - away).abs(), size)
    away = away.cast(nw.Int64)
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
    """Return a column of minor units in major units as floats, the same on every engine."""
    return _quotient(as_float(minor), scale)


def _quotient(units: nw.Expr, scale: int) -> nw.Expr:
    """Divide units of a whole value by their number in a major unit.

    The divisor is made a column: Polars divides a column by a constant by multiplying with its
    reciprocal, which is off in the last bit (170700 / 1000 gives 170.70000000000002).
    """
    return units / (units * 0.0 + float(10**scale))
