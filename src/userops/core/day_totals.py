"""What the rows of each customer come to by local days, where rows are at hand: a fold over a log.

Customer, day and value of a row are sorted as one number (see `packed_log`), so that days of a
customer stand side by side, and one pass over them says how many there are and what they hold.
"""

from __future__ import annotations

import bisect
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.core.digits import pieces
from userops.core.frames.places import numbers_of
from userops.core.frames.sources import as_frame, to_arrow
from userops.core.log import CustomerLog
from userops.core.time import DAY_US

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame
    from userops.core.time import Zone

__all__ = [
    "DAYS_LATER",
    "FIRST_DAY",
    "LAST_DAY",
    "REPEAT_DAYS",
    "SUM_LATER",
    "SUM_REPEAT",
    "day_totals",
]

FIRST_DAY, LAST_DAY, REPEAT_DAYS, SUM_REPEAT, DAYS_LATER, SUM_LATER = _NAMES = tuple(
    f"userops__{name}"
    for name in ("first_day", "last_day", "repeat_days", "sum_repeat", "days_later", "sum_later")
)

Ints = NDArray[np.int64]


def day_totals(
    frame: Frame, key: str, instant: str, value: str, *, zone: Zone, last_day: int
) -> Frame:
    """Return one row a customer who has a row up to a day, in Arrow.

    Args:
        frame: The rows; none of the three columns is null, and no sum of values leaves int64.
        key: Column of customers.
        instant: Column of int64 microseconds since 1970-01-01 UTC.
        value: Column of int64.
        zone: Whose days are counted.
        last_day: The day, counted from 1970-01-01.

    Returns:
        `key`, and int64: `FIRST_DAY`; up to the day, `LAST_DAY`, `REPEAT_DAYS` (days with rows
        after the first one) and `SUM_REPEAT` (the sum of their values); after it `DAYS_LATER` and
        `SUM_LATER`.
    """
    table = to_arrow(frame.select(key, instant, value))
    days = [pa.array(_local_days(numbers_of(part), zone)) for part in table[instant].chunks]
    table = table.set_column(1, instant, pa.chunked_array(days, pa.int64()))
    log = CustomerLog.build(table, key=key, instant=instant, columns=[value], keeps_ties=False)
    del table
    found = {name: np.empty(log.customers, dtype=np.int64) for name in _NAMES}
    is_there = np.empty(log.customers, dtype=np.bool_)
    for customers, rows in log.pieces():
        offsets = log.offsets[customers.start : customers.stop + 1] - rows.start
        totals = _of_piece(offsets, log.instants_us[rows], log.columns[value][rows], last_day)
        is_there[customers] = totals.pop("is_there")
        for name, values in totals.items():
            found[name][customers] = values
    columns = {key: log.customer_ids, **{name: pa.array(v) for name, v in found.items()}}
    totals_table = pa.table(columns)
    return as_frame(totals_table if is_there.all() else totals_table.filter(pa.array(is_there)))


def _local_days(instants_us: Ints, where: Zone) -> Ints:
    """Return the local day of each instant, as `Zone.day` does."""
    if not len(instants_us):
        return instants_us
    low, high = int(instants_us.min()), int(instants_us.max())
    begin, end = (bisect.bisect_right(where.changes_us, edge) for edge in (low, high))
    changes = np.array(where.changes_us[begin:end], dtype=np.int64)
    offsets = np.array(where.offsets_us[begin : end + 1], dtype=np.int64)
    days = np.empty(len(instants_us), dtype=np.int64)
    for rows in pieces(len(days)):
        some = instants_us[rows]
        at = np.searchsorted(changes, some, side="right") if len(changes) else 0
        days[rows] = (some + offsets[at]) // DAY_US
    return days


def _of_piece(offsets: Ints, days: Ints, values: Ints, last_day: int) -> dict[str, NDArray[Any]]:
    """Return the totals of some customers whose rows stand in order of customer and day."""
    starts, ends = offsets[:-1], offsets[1:]
    sizes = ends - starts
    first = days[starts]
    is_new = np.empty(len(days), dtype=np.int64)
    is_new[1:] = days[1:] != days[:-1]
    is_new[starts] = 1
    is_later = days > last_day
    has_later = bool(is_later.any())
    known = sizes - np.add.reduceat(is_later, starts, dtype=np.int64) if has_later else sizes
    is_repeat = days > np.repeat(first, sizes)
    later = is_new * is_later if has_later else None
    days_later = np.add.reduceat(later, starts) if later is not None else np.zeros_like(first)
    sum_later = days_later
    if has_later:
        sum_later = np.add.reduceat(values * is_later, starts)
        is_repeat &= ~is_later
    return {
        "is_there": known > 0,
        FIRST_DAY: first,
        LAST_DAY: days[starts + np.maximum(known, 1) - 1],
        REPEAT_DAYS: np.add.reduceat(is_new, starts) - days_later - 1,
        SUM_REPEAT: np.add.reduceat(values * is_repeat, starts),
        DAYS_LATER: days_later,
        SUM_LATER: sum_later,
    }
