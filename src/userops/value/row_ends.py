"""The distinct ends of the intervals in which customers may have dropped out.

An interval runs from the last purchase to the end of the observation. Integrals over it depend on
the count as well, so an end is a pair of a count and an age. Days are whole, so a million customers
have some ten thousand ends, and what is integrated between neighbours serves all of them.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.value.row_times import RowTimes

__all__ = ["RowEnds"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
# A table of flags is quicker than sorting as long as it is not much larger than what it holds.
_FLAGS_PER_END = 8


@attrs.frozen(eq=False)
class RowEnds:
    """Distinct pairs of a count and an age, ascending by both.

    Attributes:
        count: x of each end.
        age: t of each end, in units of time.
        is_last: Whether no later end has the same count.
        begins: For each row of the summary the place of (x, t_x).
        stops: For each row the place of (x, T).
    """

    count: Floats
    age: Floats
    is_last: NDArray[np.bool_]
    begins: Places
    stops: Places

    @classmethod
    def of(cls, counts: tuple[Floats, Places], last: RowTimes, age: RowTimes) -> RowEnds:
        """Find the ends of rows.

        Args:
            counts: The distinct counts, ascending, and which of them each row has.
            last: t_x of each row.
            age: T of each row.
        """
        distinct, places = counts
        times = np.union1d(last.values, age.values)
        first = places * len(times)
        begins, stops = (
            first + np.searchsorted(times, each.values)[each.places] for each in (last, age)
        )
        possible = len(distinct) * len(times)
        if possible <= _FLAGS_PER_END * len(places):
            flags = np.zeros(possible, dtype=bool)
            flags[begins] = flags[stops] = True
            keys, place = np.flatnonzero(flags), np.cumsum(flags) - 1
            begins, stops = place[begins], place[stops]
        else:
            keys, place = np.unique(np.concatenate([begins, stops]), return_inverse=True)
            begins, stops = place[: len(places)], place[len(places) :]
        group = keys // len(times)
        return cls(
            distinct[group], times[keys % len(times)], np.append(np.diff(group) > 0, True),
            begins, stops,
        )  # fmt: skip
