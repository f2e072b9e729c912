"""What the charts are given, checked: names, numbers, and that their lengths agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

import numpy as np
from numpy.typing import NDArray

from userops.charts.labels import MISSING
from userops.errors import InvalidArgumentError

__all__ = ["Floats", "Values", "check_length", "names_of", "numbers_of", "series_of"]

Values = Sequence[SupportsFloat | None] | NDArray[Any]
"""Numbers, with None or NaN where there is none."""

Floats = NDArray[np.float64]


def names_of(argument: str, names: Sequence[object]) -> list[str]:
    """Return names as text; None becomes a dash.

    Raises:
        InvalidArgumentError: If a single text was given instead of a sequence.
    """
    if isinstance(names, str):
        raise InvalidArgumentError(
            argument, "is one text", got=repr(names), allowed="a sequence of names"
        )
    return [MISSING if name is None else str(name) for name in names]


def numbers_of(argument: str, values: Values) -> Floats:
    """Return numbers as floats; None becomes NaN.

    Raises:
        InvalidArgumentError: If one of them is not a number.
    """
    numbers = np.full(len(values), np.nan)
    for position, value in enumerate(values):
        if value is None:
            continue
        try:
            numbers[position] = float(value)
        except (TypeError, ValueError):
            raise InvalidArgumentError(
                f"{argument}[{position}]",
                "is not a number",
                got=repr(value),
                allowed="a number, or None where there is none",
            ) from None
    return numbers


def check_length(argument: str, got: int, *, expected: int, of: str) -> None:
    """Refuse a sequence whose length differs from that of another.

    Raises:
        InvalidArgumentError: With both lengths.
    """
    if got != expected:
        raise InvalidArgumentError(
            argument,
            f"has the length {got}, but {of} has the length {expected}",
            allowed="equal lengths",
        )


def series_of(series: Mapping[str, Values], *, expected: int, of: str) -> dict[str, Floats]:
    """Return each series as floats.

    Args:
        series: Values by name.
        expected: The length that each must have.
        of: What that length is the length of.

    Returns:
        The series in the given order.

    Raises:
        InvalidArgumentError: If there is none, or a length differs, or a value is no number.
    """
    if not series:
        raise InvalidArgumentError("series", "holds nothing to draw", allowed="values by name")
    checked: dict[str, Floats] = {}
    for name, values in series.items():
        argument = f"series[{name!r}]"
        check_length(argument, len(values), expected=expected, of=of)
        checked[str(name)] = numbers_of(argument, values)
    return checked
