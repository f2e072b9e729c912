"""What the rows of each customer come to by local days, where rows are at hand.

Customer, day and value of a row are sorted as one number (see `packed_log`), so that the days of a
customer stand side by side, and one pass over them says how many there are and what they hold.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.core.digits import KEY_BITS, Digits, pieces, starts_of, whole_groups
from userops.core.frames.sources import as_frame, to_arrow
from userops.core.log import CustomerLog
from userops.core.packed_log import digits_of, near_numbers, packed_in_order, spread
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
_KEY, _DAY, _VALUE = "key", "day", "value"
# So many rows are given days at a time.
_BATCH_ROWS = 1 << 17
# Where a clock is put back, a later instant may have an earlier day: offsets lie within 26 hours.
_DAYS_BACK = 2

Ints = NDArray[np.int64]


class _Piece(NamedTuple):
    """The rows of some customers, in order of customer and day.

    Attributes:
        keys: The number of each customer.
        offsets: Where the rows of each begin, and where those of the last one end.
        days: One a row.
        values: One a row.
    """

    keys: Ints
    offsets: Ints
    days: Ints
    values: Ints


def day_totals(
    frame: Frame, key: str, instant: str, value: str, *, zone: Zone, last_day: int
) -> Frame:
    """Return one row a customer who has a row up to a day, in Arrow.

    Args:
        frame: The rows; none of the three columns holds a null, and no sum of values leaves int64.
        key: Column of customers, integers or text.
        instant: Column of int64 microseconds since 1970-01-01 UTC.
        value: Column of int64.
        zone: Whose days are counted.
        last_day: The day, counted from 1970-01-01.

    Returns:
        `key`, and int64: `FIRST_DAY`; up to the day, `LAST_DAY`, `REPEAT_DAYS` (days with rows
        after the first one) and `SUM_REPEAT` (the sum of their values); after it, `DAYS_LATER` and
        `SUM_LATER`.
    """
    table = to_arrow(frame.select(key, instant, value))
    if not len(table):
        nothing = pa.array([], pa.int64())
        return as_frame(pa.table({key: table[key], **dict.fromkeys(_NAMES, nothing)}))
    numbers, ids_of = near_numbers(table[key])
    table = pa.table({_KEY: numbers, _DAY: table[instant], _VALUE: table[value]})
    found: dict[str, list[Ints]] = {name: [] for name in (key, *_NAMES)}
    for piece in _sorted_pieces(table, zone):
        totals = dict(zip((key, *_NAMES), (piece.keys, *_totals(piece, last_day)), strict=True))
        is_known = totals[FIRST_DAY] <= last_day
        for name, values in totals.items():
            found[name].append(values if is_known.all() else values[is_known])
    columns = {name: np.concatenate(parts) for name, parts in found.items()}
    ids = ids_of(columns.pop(key))
    return as_frame(pa.table({key: ids, **{name: pa.array(v) for name, v in columns.items()}}))


def _sorted_pieces(table: pa.Table, zone: Zone) -> Iterator[_Piece]:
    """Yield all rows of a table of keys, instants and values."""
    parts = {_KEY: spread(table[_KEY]), _DAY: _spread_days(table[_DAY], zone)}
    parts[_VALUE] = spread(table[_VALUE])
    if sum(part.bits for part in parts.values()) > KEY_BITS:
        yield from _logged(table, zone)
        return
    packed = packed_in_order(_with_days(table, zone), len(table), parts)
    del table
    number, carried = parts[_KEY], {name: parts[name] for name in (_DAY, _VALUE)}
    shift = sum(part.bits for part in carried.values())
    offsets = np.append(starts_of(packed, shift=shift), len(packed))
    for customers, rows in whole_groups(offsets):
        begins = offsets[customers.start : customers.stop + 1]
        keys = packed[begins[:-1]] >> np.uint64(shift)
        keys += np.uint64(number.low % 2**64)
        digits = digits_of(packed[rows], carried)
        yield _Piece(keys.view(np.int64), begins - rows.start, digits[_DAY], digits[_VALUE])


def _logged(table: pa.Table, zone: Zone) -> Iterator[_Piece]:
    """Yield the rows where they are too wide for one number."""
    whole = pa.Table.from_batches(list(_with_days(table, zone)))
    log = CustomerLog.build(whole, key=_KEY, instant=_DAY, columns=[_VALUE], keeps_ties=False)
    keys = log.customer_ids.to_numpy()
    for customers, rows in log.pieces():
        offsets = log.offsets[customers.start : customers.stop + 1] - rows.start
        yield _Piece(keys[customers], offsets, log.instants_us[rows], log.columns[_VALUE][rows])


def _spread_days(instants: pa.ChunkedArray, zone: Zone) -> Digits:
    reach = spread(instants)
    high = reach.low + 2**reach.bits
    low_day, high_day = zone.day(reach.low) - _DAYS_BACK, zone.day(high) + _DAYS_BACK
    return Digits(np.empty(0, dtype=np.int64), low_day, (high_day - low_day).bit_length())


def _with_days(table: pa.Table, zone: Zone) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a table with local days in the place of instants."""
    at = table.column_names.index(_DAY)
    for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
        if len(batch):
            days = _local_days(batch[_DAY].to_numpy(), zone)
            yield batch.set_column(at, _DAY, pa.array(days))


def _local_days(instants_us: Ints, zone: Zone) -> Ints:
    """Return the local day of each instant, as `Zone.day` does; there is at least one."""
    low, high = int(instants_us.min()), int(instants_us.max())
    begin, end = (bisect.bisect_right(zone.changes_us, edge) for edge in (low, high))
    changes = np.array(zone.changes_us[begin:end], dtype=np.int64)
    offsets = np.array(zone.offsets_us[begin : end + 1], dtype=np.int64)
    days = np.empty(len(instants_us), dtype=np.int64)
    for rows in pieces(len(days)):
        some = instants_us[rows]
        at = np.searchsorted(changes, some, side="right") if len(changes) else 0
        days[rows] = (some + offsets[at]) // DAY_US
    return days


def _totals(piece: _Piece, last_day: int) -> tuple[Ints, ...]:
    """Return the totals of customers, in the order of their names; see `day_totals`.

    Of a customer whose first day is a later one they mean nothing.
    """
    days, values = piece.days, piece.values
    starts = piece.offsets[:-1]
    sizes: Ints = np.diff(piece.offsets)
    first = days[starts]
    is_new = np.empty(len(days), dtype=np.bool_)
    is_new[1:] = days[1:] != days[:-1]
    is_new[starts] = True
    is_repeat = days > np.repeat(first, sizes)
    new_days = _sums(is_new, starts)
    is_later = days > last_day
    if not is_later.any():
        last, nothing = days[starts + sizes - 1], np.zeros_like(first)
        sum_repeat = np.add.reduceat(values * is_repeat, starts)
        return first, last, new_days - 1, sum_repeat, nothing, nothing
    known = sizes - _sums(is_later, starts)
    days_later = _sums(is_new & is_later, starts)
    sum_repeat = np.add.reduceat(values * (is_repeat & ~is_later), starts)
    sum_later = np.add.reduceat(values * is_later, starts)
    last = days[starts + np.maximum(known, 1) - 1]
    return first, last, new_days - days_later - 1, sum_repeat, days_later, sum_later


def _sums(flags: NDArray[Any], starts: Ints) -> Ints:
    """Return how many flags are up from each start to the next one."""
    total: Ints = np.add.reduceat(flags, starts, dtype=np.int64)
    return total
