"""The distinct times of the rows of a summary: what depends on a time alone is computed once each.

Days are whole, so a million customers have some hundred ages, and a table of their logarithms is
read several times faster than logarithms are computed.
"""

from __future__ import annotations

from typing import NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["RowTimes", "WholeDays", "whole_days"]

Floats = NDArray[np.float64]
_LARGEST_DAYS = 2.0**52
# Days on which nothing happened cost little, as long as they are not many more than the rows.
_MOST_DAYS_PER_ROW = 2


class WholeDays(NamedTuple):
    """Times as whole numbers of which `unit` make one of theirs."""

    whole: NDArray[np.int64]
    unit: float


def whole_days(times: Floats) -> WholeDays | None:
    """Return times in days or in weeks as whole days; None where they are none."""
    for unit in (1.0, 7.0):
        whole = np.rint(times * unit)
        if (whole / unit == times).all() and (whole < _LARGEST_DAYS).all():
            return WholeDays(whole.astype(np.int64), unit)
    return None


@attrs.frozen(eq=False)
class RowTimes:
    """Times of rows.

    Attributes:
        values: Ascending, all those that occur and maybe others.
        places: For each row, where its time is among them.
    """

    values: Floats
    places: NDArray[np.intp]

    @classmethod
    def of(cls, times: Floats) -> RowTimes:
        """Find the distinct times, of which there is at least one."""
        found = whole_days(times)
        if found is not None:
            return cls.of_days(found)
        values, places = np.unique(times, return_inverse=True)
        return cls(values, places)

    @classmethod
    def of_days(cls, days: WholeDays) -> RowTimes:
        """Return the times of whole days."""
        low, high = int(days.whole.min()), int(days.whole.max())
        if high - low >= _MOST_DAYS_PER_ROW * len(days.whole) + 1:
            values, places = np.unique(days.whole, return_inverse=True)
            return cls(values / days.unit, places)
        return cls(np.arange(low, high + 1) / days.unit, days.whole - low if low else days.whole)
