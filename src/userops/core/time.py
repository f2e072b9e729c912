"""Instants, days and zones, with the same arithmetic for one value and for a column.

Contract: an instant is an int, microseconds since 1970-01-01 UTC; a day is an int, days since
1970-01-01 in some zone. No function reads the clock.

Zone rules are compiled from the offset transitions of the tz database into comparisons with
constants, because zone conversion is missing or session-dependent on several SQL engines. Rules
apply from 1900 to 2199; outside, the first and last offset of that range hold.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import attrs
import narwhals.stable.v2 as nw

from userops.errors import InvalidArgumentError, InvalidDefinitionError

__all__ = [
    "DAY_US",
    "EPOCH_DAY",
    "UTC",
    "AsOf",
    "Zone",
    "as_of_us",
    "check_us",
    "datetime_of",
    "day_number",
    "epoch_us_of_parts",
    "floor_div",
    "instant_of",
    "is_missing",
    "month_and_day",
    "month_and_day_steps",
    "month_number",
    "month_number_steps",
    "zone",
]

DAY_US = 86_400_000_000
# What Python calls the first day of those that count from 1970.
EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
_SECOND_US = 1_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_FIRST_RULE_S = int((dt.datetime(1900, 1, 1, tzinfo=dt.UTC) - _EPOCH).total_seconds())
_LAST_RULE_S = int((dt.datetime(2200, 1, 1, tzinfo=dt.UTC) - _EPOCH).total_seconds())
# Two changes of offset lie farther apart in the tz database: the closest are six days and 23 hours.
_PROBE_S = 3 * 86_400

AsOf = dt.date | dt.datetime | str


@attrs.frozen
class Zone:
    """A time zone as a table of offset changes.

    Attributes:
        name: IANA name, for example `Asia/Shanghai`.
        changes_us: Instants at which the offset changes, ascending.
        offsets_us: Offset from UTC before the first change and from each change on; one longer.
    """

    name: str
    changes_us: tuple[int, ...] = attrs.field(repr=False)
    offsets_us: tuple[int, ...] = attrs.field(repr=False)
    _local_changes_us: tuple[int, ...] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Derive the clock readings from which each offset holds.

        PEP 495 with fold=0: in a gap the offset before the change counts, in a fold the first of
        the two instants is meant. Both say: the new offset holds from change + max(old, new).
        """
        pairs = zip(self.changes_us, self.offsets_us, self.offsets_us[1:], strict=False)
        local = tuple(change + max(old, new) for change, old, new in pairs)
        object.__setattr__(self, "_local_changes_us", local)

    def offset_us(self, instant_us: int) -> int:
        """Return the offset from UTC that holds at an instant."""
        return self.offsets_us[bisect.bisect_right(self.changes_us, instant_us)]

    def day(self, instant_us: int) -> int:
        """Return the local day of an instant."""
        return (instant_us + self.offset_us(instant_us)) // DAY_US

    def said(self, instant_us: int) -> str:
        """Return an instant as a clock in this zone shows it, with the name of the zone."""
        clock = datetime_of(instant_us + self.offset_us(instant_us))
        return "?" if clock is None else f"{clock:%Y-%m-%d %H:%M} {self.name}"

    def day_said(self, instant_us: int) -> str:
        """Return the local day of an instant as ISO text."""
        return self.said(instant_us).partition(" ")[0]

    def instant(self, clock_us: int) -> int:
        """Return the instant at which a clock in this zone shows `clock_us`."""
        return clock_us - self.offsets_us[bisect.bisect_right(self._local_changes_us, clock_us)]

    def day_expr(self, instant: nw.Expr, *, between_us: tuple[int, int]) -> nw.Expr:
        """Return the local day of a column of instants that lie within `between_us`."""
        offset = _steps(instant, self.changes_us, self.offsets_us, between_us)
        return floor_div(instant + offset, DAY_US)

    def instant_expr(self, clock: nw.Expr, *, between_us: tuple[int, int]) -> nw.Expr:
        """Return the instants of a column of clock readings that lie within `between_us`."""
        if self.offsets_us == (0,):
            return clock
        instant: nw.Expr = clock - _steps(
            clock, self._local_changes_us, self.offsets_us, between_us
        )
        return instant


def floor_div(value: nw.Expr, divisor: int) -> nw.Expr:
    """Divide a column of integers by a positive one, rounding down, exactly.

    `//` goes through a double on Spark, which is off by one near multiples above 2**53. A multiple
    of the divisor has a quotient that a double holds, up to noise that the half removes: quotients
    below 2**52 are exact. The lowest `divisor` integers would leave int64.
    """
    quotient: nw.Expr = (value - value % divisor) / divisor
    return (quotient + 0.5).floor().cast(nw.Int64)


def _steps(
    value: nw.Expr,
    changes: Sequence[int],
    offsets: Sequence[int],
    between_us: tuple[int, int],
) -> Any:
    low, high = between_us
    first, last = bisect.bisect_right(changes, low), bisect.bisect_right(changes, high)
    return _chosen(value, changes, offsets, first, last)


def _chosen(
    value: nw.Expr, changes: Sequence[int], offsets: Sequence[int], first: int, last: int
) -> Any:
    """Return the offset of a value that lies after `first` to `last` of the changes.

    Halving keeps the expression shallow: a century of daylight saving is 200 changes, which no
    engine nests into each other.
    """
    if first >= last:
        return nw.lit(offsets[first], dtype=nw.Int64)
    middle = (first + last) // 2
    later = _chosen(value, changes, offsets, middle + 1, last)
    earlier = _chosen(value, changes, offsets, first, middle)
    return nw.when(value >= changes[middle]).then(later).otherwise(earlier)


UTC = Zone(name="UTC", changes_us=(), offsets_us=(0,))


def zone(name: str) -> Zone:
    """Compile a zone by its IANA name.

    Raises:
        InvalidArgumentError: If there is no such zone; names the nearest.
    """
    if not isinstance(name, str):
        raise InvalidArgumentError("time_zone", "must be text", got=repr(name))
    return _compiled_zone(name)


@lru_cache(maxsize=64)
def _compiled_zone(name: str) -> Zone:
    if name.upper() == "UTC":
        return UTC
    try:
        info = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        known = InvalidArgumentError.unknown("time_zone", name, available_timezones())
        raise InvalidArgumentError(
            "time_zone",
            f"{name!r} is not an IANA time zone",
            allowed="names such as 'UTC', 'Asia/Shanghai', 'Europe/London'",
            hint=known.hint,
        ) from error
    changes: list[int] = []
    offsets = [_offset_s(info, _FIRST_RULE_S)]
    for start in range(_FIRST_RULE_S, _LAST_RULE_S, _PROBE_S):
        before, after = start, start + _PROBE_S
        wanted = _offset_s(info, after)
        if wanted == offsets[-1]:
            continue
        while after - before > 1:
            middle = (before + after) // 2
            if _offset_s(info, middle) == offsets[-1]:
                before = middle
            else:
                after = middle
        changes.append(after)
        offsets.append(wanted)
    return Zone(
        name=name,
        changes_us=tuple(c * _SECOND_US for c in changes),
        offsets_us=tuple(o * _SECOND_US for o in offsets),
    )


def _offset_s(info: ZoneInfo, instant_s: int) -> int:
    offset = (_EPOCH + dt.timedelta(seconds=instant_s)).astimezone(info).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def instant_of(value: dt.date | dt.datetime, where: Zone) -> int:
    """Return the instant of an aware datetime, of a naive one in `where`, or of a day's start."""
    if not isinstance(value, dt.datetime):
        return where.instant((value.toordinal() - _EPOCH.toordinal()) * DAY_US)
    if value.tzinfo is None:
        return where.instant(_us(value.replace(tzinfo=dt.UTC)))
    return _us(value)


def _us(value: dt.datetime) -> int:
    gap = value - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * _SECOND_US + gap.microseconds


def is_missing(value: object) -> bool:
    """Whether a value is None, NaN, or pandas' NaT or NA, of which none equals itself."""
    if value is None or isinstance(value, bool):
        return value is None
    unlike: object = value != value  # noqa: PLR0124
    return unlike is value or bool(unlike)


def check_us(_: Any, attribute: Any, value: Any) -> None:
    """Refuse what counts no microseconds; a validator of attrs.

    Raises:
        InvalidDefinitionError: Names the field.
    """
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise InvalidDefinitionError(
            attribute.name, "is no instant", got=repr(value),
            allowed="a whole number of microseconds since 1970-01-01 UTC",
        )  # fmt: skip


def as_of_us(as_of: AsOf, where: Zone) -> int:
    """Read `as_of`: the exclusive instant up to which history counts.

    Args:
        as_of: A date (the start of that day in `where`), a datetime (naive: in `where`), or either
            as ISO 8601 text.
        where: The zone of the data.

    Raises:
        InvalidArgumentError: If it is none of these.
    """
    given: object = as_of
    if not isinstance(given, str | dt.date) or is_missing(given):
        raise InvalidArgumentError(
            "as_of",
            "must be a point in time",
            got=repr(as_of),
            allowed="a date, a datetime, or ISO 8601 text",
        )
    # Times that differ in `fold` alone are equal, so it is a part of the key.
    return _as_of_us(as_of, getattr(as_of, "fold", 0), where)


@lru_cache(maxsize=1024)
def _as_of_us(as_of: AsOf, fold: int, where: Zone) -> int:
    value = as_of
    if isinstance(value, str):
        try:
            is_date = len(value) == len("2024-01-31")
            value = dt.date.fromisoformat(value) if is_date else dt.datetime.fromisoformat(value)
        except ValueError as error:
            raise InvalidArgumentError(
                "as_of", f"{as_of!r} is not a date or time", allowed="ISO 8601, such as 2024-01-31"
            ) from error
    return instant_of(value, where)


def datetime_of(instant_us: int) -> dt.datetime | None:
    """Return an instant as an aware datetime, or None outside the years 1 to 9999."""
    try:
        return _EPOCH + dt.timedelta(microseconds=instant_us)
    except OverflowError:
        return None


def day_number(year: Any, month: Any, day: Any, *, floor: Any) -> Any:
    """Return days since 1970-01-01 of a proleptic Gregorian date, for ints or columns alike.

    `floor(a, n)` divides rounding down. Source: H. Hinnant, chrono-Compatible Low-Level Date
    Algorithms (2021), days_from_civil, with March as the first month written as arithmetic.
    """
    shifted = floor(month + 9, 12)  # 0 for January and February, 1 from March on
    y = year - 1 + shifted
    month_from_march = month + 9 - 12 * shifted
    century = floor(y, 400)
    year_of_era = y - century * 400
    day_of_year = floor(153 * month_from_march + 2, 5) + day - 1
    day_of_era = year_of_era * 365 + floor(year_of_era, 4) - floor(year_of_era, 100) + day_of_year
    return century * 146_097 + day_of_era - 719_468


def month_and_day(day: int) -> int:
    """Return month times 100 plus day of a day since 1970-01-01."""
    return _settled(month_and_day_steps(day, floor=lambda a, n: a // n))


def month_number(day: int) -> int:
    """Return the months from January of the year 0 to that of a day since 1970-01-01."""
    return _settled(month_number_steps(day, floor=lambda a, n: a // n))


def _settled(steps: Generator[Any, Any, Any]) -> int:
    """Return the result of steps over ints, which take back what they yield."""
    value = next(steps)
    while True:
        try:
            value = steps.send(value)
        except StopIteration as done:
            return int(done.value)


def month_and_day_steps(day: Any, *, floor: Any) -> Generator[Any, Any, Any]:
    """Work out month times 100 plus day of a day since 1970-01-01, for ints or columns alike.

    Yields what is used several times, and takes it back: a column is stored under a name there,
    because written out in full the expression would hold thousands of copies of the day. The
    result is returned. `floor(a, n)` divides rounding down.
    """
    _, month, day_of_month = yield from _calendar_steps(day, floor=floor)
    return month * 100 + day_of_month


def month_number_steps(day: Any, *, floor: Any) -> Generator[Any, Any, Any]:
    """Work out the months from January of the year 0 to that of a day since 1970-01-01.

    Yields and returns as `month_and_day_steps` does.
    """
    number, _, _ = yield from _calendar_steps(day, floor=floor)
    return number


def _calendar_steps(day: Any, *, floor: Any) -> Generator[Any, Any, tuple[Any, Any, Any]]:
    """Work out the number of the month since the year 0, the month, and the day of the month.

    Source: H. Hinnant, chrono-Compatible Low-Level Date Algorithms (2021), civil_from_days.
    """
    shifted = yield day + 719_468
    era = floor(shifted, 146_097)
    day_of_era = yield shifted - era * 146_097
    leap_days = floor(day_of_era, 1_460) - floor(day_of_era, 36_524) + floor(day_of_era, 146_096)
    year_of_era = yield floor(day_of_era - leap_days, 365)
    day_of_year = yield day_of_era - (
        365 * year_of_era + floor(year_of_era, 4) - floor(year_of_era, 100)
    )
    month_from_march = yield floor(5 * day_of_year + 2, 153)
    day_of_month = day_of_year - floor(153 * month_from_march + 2, 5) + 1
    # March is the first month of this calendar: 10 and 11 are January and February.
    month = month_from_march + 3 - 12 * floor(month_from_march, 10)
    return (year_of_era + 400 * era) * 12 + month_from_march + 2, month, day_of_month


def epoch_us_of_parts(parts: dict[str, Any], *, floor: Any) -> Any:
    """Return microseconds since 1970-01-01 from Y, m, d, H, M, S and f, for ints or columns."""
    day = day_number(parts["Y"], parts["m"], parts["d"], floor=floor)
    seconds = parts["H"] * 3600 + parts["M"] * 60 + parts["S"]
    return day * DAY_US + seconds * _SECOND_US + parts["f"]
