"""What the rows of each customer come to by local days, where rows are at hand.

Customer, day and value of a row are sorted as one number (see `packed_log`), so that the days of a
customer stand side by side, and one pass over them says how many there are and what they hold.
Each core has a share of the customers.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.core.cores import on_all_cores, shares, sort_in_place
from userops.core.digits import KEY_BITS, Digits, pieces
from userops.core.frames.sources import as_frame, to_arrow
from userops.core.log import CustomerLog
from userops.core.packed_log import NearNumbers, packed_batch, spread
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
_PIECE_ROWS = 1 << 17
# Where a clock is put back, a later instant may have an earlier day: offsets lie within 26 hours.
_DAYS_BACK = 2

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


class _Days(NamedTuple):
    """What the days of some customers hold, in order of customer and day: one row for each.

    Attributes:
        keys: The number of the customer, less `low_key`.
        days: The day, less `low_day`.
        sums: The sum of the values.
        low_key: Added to what is told of a customer, instead of to each row of his.
        low_day: The same of days.
    """

    keys: Ints
    days: Ints
    sums: Ints
    low_key: int
    low_day: int


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
    near = NearNumbers.of(table[key])
    table = pa.table({_KEY: near.numbers, _DAY: table[instant], _VALUE: table[value]})
    parts = {_KEY: near.digits, _DAY: _spread_days(table[_DAY], zone)}
    parts[_VALUE] = spread(table[_VALUE])
    if sum(part.bits for part in parts.values()) > KEY_BITS:
        found = [_of_known(_logged(table, zone), last_day)]
    else:
        packed = _packed(table, zone, parts)
        sort_in_place(packed)
        shift = parts[_DAY].bits + parts[_VALUE].bits
        customers = _customer_shares(packed, shift)
        found = on_all_cores(lambda share: _of_known(_days_of(share, parts), last_day), customers)
    keys, *columns = zip(*found, strict=True)
    named = {n: pa.chunked_array(column) for n, column in zip(_NAMES, columns, strict=True)}
    return as_frame(pa.table({key: near.keys_of(np.concatenate(keys)), **named}))


def _packed(table: pa.Table, zone: Zone, parts: Mapping[str, Digits]) -> Words:
    """Return the rows as numbers, in their order."""
    packed = np.empty(len(table), dtype=np.uint64)
    batches = [batch for batch in table.to_batches(max_chunksize=_BATCH_ROWS) if len(batch)]
    ends = np.cumsum([len(batch) for batch in batches]).tolist()

    def fill(number: int) -> None:
        batch, end = batches[number], ends[number]
        packed_batch(_with_days(batch, zone), parts, packed[end - len(batch) : end])

    on_all_cores(fill, range(len(batches)))
    return packed


def _customer_shares(packed: Words, shift: int) -> list[Words]:
    """Return sorted rows in a share for each core, whose customers are in no other.

    Args:
        packed: The rows, which hold the customer above some bits.
        shift: How many bits.
    """
    ends = [_begin_of_next(packed, share.stop - 1, shift) for share in shares(len(packed))]
    return np.split(packed, ends[:-1])


def _begin_of_next(packed: Words, row: int, shift: int) -> int:
    """Return where the customer of a row has no more rows."""
    beyond = ((int(packed[row]) >> shift) + 1) << shift
    return int(np.searchsorted(packed, np.uint64(beyond)))


def _days_of(packed: Words, parts: Mapping[str, Digits]) -> Iterator[_Days]:
    """Yield the days of sorted rows, a piece of the customers at a time."""
    (_, key), (_, day), (_, value) = parts.items()
    begin = 0
    while begin < len(packed):
        last = min(begin + _PIECE_ROWS, len(packed)) - 1
        end = _begin_of_next(packed, last, day.bits + value.bits)
        rows = packed[begin:end]
        begin = end
        heads = rows >> np.uint64(value.bits)
        sums = (rows & np.uint64(2**value.bits - 1)).view(np.int64)
        if value.low:
            sums += value.low
        is_new = _differs(heads)
        if not is_new.all():
            starts = np.flatnonzero(is_new)
            sums, heads = np.add.reduceat(sums, starts), heads[starts]
        days = (heads & np.uint64(2**day.bits - 1)).view(np.int64)
        heads >>= np.uint64(day.bits)
        yield _Days(heads.view(np.int64), days, sums, key.low, day.low)


def _logged(table: pa.Table, zone: Zone) -> Iterator[_Days]:
    """Yield the days where rows are too wide for one number."""
    batches = table.to_batches(max_chunksize=_BATCH_ROWS)
    whole = pa.Table.from_batches([_with_days(batch, zone) for batch in batches if len(batch)])
    log = CustomerLog.build(whole, key=_KEY, instant=_DAY, columns=[_VALUE], keeps_ties=False)
    each = log.customer_ids.to_numpy()
    for customers, rows in log.pieces():
        sizes = np.diff(log.offsets[customers.start : customers.stop + 1])
        keys, days = np.repeat(each[customers], sizes), log.instants_us[rows]
        starts = np.flatnonzero(_differs(keys, days))
        sums = np.add.reduceat(log.columns[_VALUE][rows], starts)
        yield _Days(keys[starts], days[starts], sums, 0, 0)


def _spread_days(instants: pa.ChunkedArray, zone: Zone) -> Digits:
    reach = spread(instants)
    high = reach.low + 2**reach.bits
    low_day, high_day = zone.day(reach.low) - _DAYS_BACK, zone.day(high) + _DAYS_BACK
    return Digits(np.empty(0, dtype=np.int64), low_day, (high_day - low_day).bit_length())


def _with_days(batch: pa.RecordBatch, zone: Zone) -> pa.RecordBatch:
    """Return rows with local days in the place of instants; there is at least one."""
    days = pa.array(_local_days(batch[_DAY].to_numpy(), zone))
    return batch.set_column(batch.schema.names.index(_DAY), _DAY, days)


def _local_days(instants_us: Ints, zone: Zone) -> Ints:
    """Return the local day of each instant, as `Zone.day` does; there is at least one."""
    if not zone.changes_us:
        return (instants_us + zone.offsets_us[0]) // DAY_US
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


def _of_known(found: Iterable[_Days], last_day: int) -> list[Ints]:
    """Return the keys and the totals of customers who have a row up to a day."""
    parts = [[np.empty(0, dtype=np.int64)] * (len(_NAMES) + 1)]
    for days in found:
        columns = _totals(days, last_day)
        is_known = columns[1] <= last_day
        parts.append(columns if is_known.all() else [column[is_known] for column in columns])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _totals(found: _Days, last_day: int) -> list[Ints]:
    """Return customers and their totals, in the order of the names; see `day_totals`.

    Of a customer whose first day is a later one they mean nothing.
    """
    keys, days, sums, low_key, low_day = found
    starts = np.flatnonzero(_differs(keys))
    ends = np.append(starts[1:], len(keys))
    first, last, sum_repeat = days[starts], days[ends - 1], np.add.reduceat(sums, starts)
    sum_repeat -= sums[starts]
    repeats = ends - starts - 1
    later, sum_later = np.zeros_like(first), np.zeros_like(first)
    if last.max() > last_day - low_day:
        is_later = days > last_day - low_day
        later = np.add.reduceat(is_later, starts, dtype=np.int64)
        sum_later = np.add.reduceat(sums * is_later, starts)
        repeats -= later
        sum_repeat -= sum_later
        last = days[starts + np.maximum(repeats, 0)]
    first += low_day
    return [keys[starts] + low_key, first, last + low_day, repeats, sum_repeat, later, sum_later]


def _differs(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Return whether rows differ from the one before; there is at least one."""
    is_new = np.ones(len(columns[0]), dtype=np.bool_)
    np.not_equal(columns[0][1:], columns[0][:-1], out=is_new[1:])
    for column in columns[1:]:
        is_new[1:] |= column[1:] != column[:-1]
    return is_new
