"""Instants, days and zones: against zoneinfo for one value, and one value against every engine."""

from __future__ import annotations

import ast
import bisect
import datetime as dt
import math
import random
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import userops
from userops.core.time import (
    DAY_US,
    Zone,
    as_of_us,
    datetime_of,
    day_number,
    epoch_us_of_parts,
    floor_div,
    instant_of,
    is_missing,
    zone,
)
from userops.errors import InvalidArgumentError

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND_US = 1_000_000
ZONES = (
    "Asia/Shanghai",
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",  # daylight saving of 30 minutes
    "Africa/Casablanca",  # daylight saving ends for Ramadan
    "Pacific/Apia",  # had no 30 December 2011
    "Asia/Kolkata",
    "UTC",
)


def us_of(value: dt.datetime) -> int:
    """Return the instant of an aware datetime without floating point."""
    return (value - EPOCH) // dt.timedelta(microseconds=1)


def clock_of(us: int) -> dt.datetime:
    """Return a clock reading in microseconds as a naive datetime."""
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=us)  # noqa: DTZ001


FIRST_US = us_of(dt.datetime(1900, 1, 1, tzinfo=dt.UTC))
LAST_US = us_of(dt.datetime(2199, 12, 25, tzinfo=dt.UTC))
instants = st.integers(FIRST_US, LAST_US)


def offset_by_zoneinfo(name: str, instant: int) -> int:
    """Return the offset that the standard library knows."""
    offset = (EPOCH + dt.timedelta(microseconds=instant)).astimezone(ZoneInfo(name)).utcoffset()
    assert offset is not None
    return offset // dt.timedelta(microseconds=1)


def instant_by_zoneinfo(name: str, clock: int) -> int:
    """Return the instant of a clock reading that the standard library knows."""
    return us_of(clock_of(clock).replace(tzinfo=ZoneInfo(name)).astimezone(dt.UTC))


def around_changes(where: Zone) -> list[int]:
    """Return instants at, just before and just after each change, and clock readings alike."""
    found = []
    changes = zip(where.changes_us, where.offsets_us, where.offsets_us[1:], strict=False)
    for change, old, new in changes:
        for shift in (0, old, new, (old + new) // 2):
            found += [change + shift + step for step in (-SECOND_US, -1, 0, 1)]
    return [v for v in found if FIRST_US < v < LAST_US]


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=25, deadline=None)
@given(values=st.lists(instants, min_size=20, max_size=60))
def test_offset_and_day_equal_zoneinfo(name: str, values: list[int]) -> None:
    """The offset and the local day of any instant from 1900 to 2199 are those of zoneinfo."""
    where = zone(name)
    for instant in values:
        local = (EPOCH + dt.timedelta(microseconds=instant)).astimezone(ZoneInfo(name))

        assert where.offset_us(instant) == offset_by_zoneinfo(name, instant)
        assert where.day(instant) == local.date().toordinal() - EPOCH.toordinal()


@pytest.mark.parametrize("name", ZONES)
def test_every_change_of_offset_is_exact_to_the_microsecond(name: str) -> None:
    """Around each change of offset the zone agrees with zoneinfo to the microsecond."""
    where = zone(name)
    for value in around_changes(where):
        assert where.offset_us(value) == offset_by_zoneinfo(name, value)


@pytest.mark.parametrize("name", ZONES)
def test_clock_readings_in_gaps_and_folds_follow_pep_495(name: str) -> None:
    """A clock reading in a gap or a fold means what PEP 495 says of fold=0."""
    where = zone(name)
    for value in around_changes(where):
        assert where.instant(value) == instant_by_zoneinfo(name, value)


@pytest.mark.parametrize("name", ZONES)
@settings(max_examples=25, deadline=None)
@given(values=st.lists(instants, min_size=20, max_size=60))
def test_instant_of_any_clock_reading_equals_zoneinfo(name: str, values: list[int]) -> None:
    """Any clock reading from 1900 to 2199 becomes the instant that zoneinfo gives."""
    for clock in values:
        assert zone(name).instant(clock) == instant_by_zoneinfo(name, clock)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(ZONES), instants)
def test_a_clock_reading_and_its_instant_round_trip(name: str, instant: int) -> None:
    """An instant survives the way to a clock and back, but for the second pass of a fold."""
    where = zone(name)
    back = where.instant(instant + where.offset_us(instant))

    assert back + where.offset_us(back) == instant + where.offset_us(instant)
    assert back <= instant


def test_known_days_of_difficult_zones() -> None:
    """A skipped day, a shift of 30 minutes and a shift for Ramadan fall where history put them."""
    apia, howe, rabat = zone("Pacific/Apia"), zone("Australia/Lord_Howe"), zone("Africa/Casablanca")
    before = us_of(dt.datetime(2011, 12, 30, 9, 59, 59, tzinfo=dt.UTC))
    assert apia.day(before + SECOND_US) - apia.day(before) == 2

    summer = us_of(dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
    winter = us_of(dt.datetime(2024, 7, 1, tzinfo=dt.UTC))
    assert howe.offset_us(summer) - howe.offset_us(winter) == 30 * 60 * SECOND_US

    ramadan = us_of(dt.datetime(2024, 3, 20, tzinfo=dt.UTC))
    assert rabat.offset_us(summer) - rabat.offset_us(ramadan) == 3600 * SECOND_US


def test_rules_hold_on_beyond_their_range() -> None:
    """Before 1900 and after 2199 the first and the last offset hold, in any year."""
    where = zone("America/New_York")
    far = 2**62

    assert where.offset_us(-far) == where.offsets_us[0]
    assert where.offset_us(far) == where.offsets_us[-1]
    assert where.instant(far) == far - where.offsets_us[-1]
    assert where.day(-far) == (-far + where.offsets_us[0]) // DAY_US


def test_a_zone_is_compiled_once_and_utc_has_no_rules() -> None:
    """A zone is the same object each time, and UTC in any spelling has no changes."""
    assert zone("Asia/Shanghai") is zone("Asia/Shanghai")
    assert zone("utc").changes_us == ()
    assert zone("Etc/UTC").offsets_us == (0,)


@pytest.mark.parametrize("name", ["", "Europe", "../etc/passwd", "Asia/Shanghia", "UTC+8", "x\0y"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    """A name that is no zone is refused, naming the argument."""
    with pytest.raises(InvalidArgumentError, match="not an IANA time zone") as caught:
        zone(name)
    assert caught.value.argument == "time_zone"


def test_an_unknown_zone_offers_the_nearest() -> None:
    """A misspelt zone is answered with the nearest one."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'Asia/Shanghai'"):
        zone("Asia/Shanghia")


@pytest.mark.parametrize("name", [None, 8, b"UTC", ["UTC"], dt.UTC])
def test_a_zone_that_is_no_text_is_refused(name: Any) -> None:
    """A zone that is not named by text is refused as a wrong argument."""
    with pytest.raises(InvalidArgumentError, match="time_zone"):
        zone(name)


def sample_of(where: Zone) -> list[int | None]:
    """Return changes, edges of days, negative and far instants, and a null."""
    rng = random.Random(20240229)
    some = rng.sample(around_changes(where), 60) if where.changes_us else []
    edges = [day * DAY_US + step for day in (-25_568, -1, 0, 1, 19_782) for step in (-1, 0, 1)]
    leap = us_of(dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC))
    anywhere = [rng.randrange(FIRST_US, LAST_US) for _ in range(60)]
    values = [*some, *edges, leap, *anywhere, 2**60, -(2**60)]
    if len(where.changes_us) > 200:  # a plan of every change takes seconds on some engines
        values = [v for v in values if abs(v - leap) < 30 * 365 * DAY_US]
    return [*values, None]


@pytest.mark.parametrize("name", ["Australia/Lord_Howe", "Pacific/Apia", "UTC"])
def test_column_expressions_equal_the_scalar(engine: str, name: str, computed: Any) -> None:
    """`day_expr` and `instant_expr` equal `day` and `instant` on every engine, nulls kept.

    The values are changes of the rules, edges of days, negative and far instants.
    """
    where = zone(name)
    values = sample_of(where)
    known = [v for v in values if v is not None]
    between = min(known), max(known)
    x = nw.col("x")

    days = computed(engine, where.day_expr(x, between_us=between), values, pa.int64())
    back = computed(engine, where.instant_expr(x, between_us=between), values, pa.int64())

    assert days == [None if v is None else where.day(v) for v in values]
    assert back == [None if v is None else where.instant(v) for v in values]


@pytest.mark.parametrize("name", ["America/New_York", "Australia/Lord_Howe"])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_the_range_of_the_data_may_begin_and_end_at_a_change(
    name: str, computed: Any, data: st.DataObject
) -> None:
    """Between any two instants, exact changes included, the columns equal the scalar."""
    where = zone(name)
    edge = st.sampled_from(around_changes(where))
    low = data.draw(edge)
    high = data.draw(st.sampled_from([low, low + 1, *where.changes_us[:1]]) | edge)
    low, high = min(low, high), max(low, min(high, low + 9 * 365 * DAY_US))
    inner = data.draw(st.lists(st.integers(low, high), max_size=5))
    values = [low, high, *inner]
    x = nw.col("x")

    days = computed("pyarrow", where.day_expr(x, between_us=(low, high)), values, pa.int64())
    back = computed("polars", where.instant_expr(x, between_us=(low, high)), values, pa.int64())

    assert days == [where.day(v) for v in values]
    assert back == [where.instant(v) for v in values]


def test_three_centuries_of_daylight_saving_do_not_nest_too_deep(computed: Any) -> None:
    """One row of 1900 beside one of 2199 is computed, although hundreds of changes lie between."""
    where = zone("America/New_York")
    assert len(where.changes_us) > 400
    expr = where.day_expr(nw.col("x"), between_us=(FIRST_US, LAST_US))

    assert computed("pyarrow", expr, [FIRST_US, LAST_US], pa.int64()) == [
        where.day(FIRST_US),
        where.day(LAST_US),
    ]


def test_a_narrow_range_costs_one_offset() -> None:
    """Where no rule changes within the data, the expression adds a constant."""
    where = zone("America/New_York")
    low, high = where.changes_us[100] + 1, where.changes_us[101] - 1
    wide = str(where.day_expr(nw.col("x"), between_us=(FIRST_US, LAST_US)))
    narrow = str(where.day_expr(nw.col("x"), between_us=(low, high)))

    assert "when" in wide
    assert "when" not in narrow
    assert bisect.bisect_right(where.changes_us, low) == 101
    assert len(narrow) < len(wide)


@pytest.mark.parametrize("divisor", [DAY_US, 3600 * SECOND_US, SECOND_US, 86_400, 4096])
def test_floor_div_is_exact_over_int64(engine: str, divisor: int, computed: Any) -> None:
    """`floor_div` equals Python's floor division wherever the quotient is below 2**52."""
    rng = random.Random(divisor)
    top = min(2**63 - 1, 2**52 * divisor - 1)
    bottom = max(-(2**63) + divisor, -(2**52) * divisor)
    near = [k * divisor + step for k in (-3, -1, 0, 1, 7) for step in (-1, 0, 1)]
    beyond = [2**53 + step for step in (-1, 0, 1)] + [-(2**53) + step for step in (-1, 0, 1)]
    large = [rng.randrange(bottom, top) for _ in range(200)]
    multiples = [v - v % divisor + step for v in large[:60] for step in (-1, 0, 1)]
    values = [*near, *beyond, top, bottom, *large, *(v for v in multiples if bottom <= v <= top)]

    found = computed(engine, floor_div(nw.col("x"), divisor), [*values, None], pa.int64())

    assert found == [*(v // divisor for v in values), None]


@settings(max_examples=100, deadline=None)
@given(st.integers(-(2**52), 2**52), st.integers(1, 10**6))
def test_floor_div_takes_small_divisors(computed: Any, value: int, divisor: int) -> None:
    """`floor_div` is exact for every divisor from 1, the sign of the value notwithstanding."""
    quotient = computed("pyarrow", floor_div(nw.col("x"), divisor), [value], pa.int64())

    assert quotient == [value // divisor]


@settings(max_examples=200, deadline=None)
@given(st.dates())
def test_day_number_equals_the_calendar(day: dt.date) -> None:
    """`day_number` counts the days of the proleptic Gregorian calendar, years 1 to 9999."""
    found = day_number(day.year, day.month, day.day, floor=lambda a, b: a // b)

    assert found == day.toordinal() - EPOCH.toordinal()


def test_epoch_of_parts_keeps_the_last_microsecond_of_a_leap_day() -> None:
    """The parts of 23:59:59.999999 on a 29 February become its microseconds."""
    parts = {"Y": 2024, "m": 2, "d": 29, "H": 23, "M": 59, "S": 59, "f": 999_999}
    moment = dt.datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=dt.UTC)

    assert epoch_us_of_parts(parts, floor=lambda a, b: a // b) == us_of(moment)


SHANGHAI = zone("Asia/Shanghai")
LONDON = zone("Europe/London")
TOKYO = dt.timezone(dt.timedelta(hours=9))
START = us_of(dt.datetime(2024, 1, 30, 16, tzinfo=dt.UTC))  # 31 January begins in Shanghai


@pytest.mark.parametrize(
    ("as_of", "expected"),
    [
        (dt.date(2024, 1, 31), START),
        ("2024-01-31", START),
        ("20240131", START),
        (dt.datetime(2024, 1, 31), START),  # noqa: DTZ001 - naive: in the zone of the data
        ("2024-01-31 00:00", START),
        ("2024-01-31T00:00:00.000001", START + 1),
        (dt.datetime(2024, 1, 31, 1, tzinfo=TOKYO), START),
        ("2024-01-31T01:00:00+09:00", START),
        ("2024-01-30T16:00:00Z", START),
        (pd.Timestamp("2024-01-31"), START),
        (pd.Timestamp("2024-01-31 01:00", tz="Asia/Tokyo"), START),
        (pd.Timestamp("2024-01-31 00:00:00.000000999"), START),
    ],
)
def test_as_of_reads_dates_times_and_text(as_of: Any, expected: int) -> None:
    """A date is the start of its day in the zone, a naive time is in the zone, an aware one is not.

    ISO 8601 text and pandas' Timestamp mean the same as the objects.
    """
    assert as_of_us(as_of, SHANGHAI) == expected


@pytest.mark.parametrize("year", [1, 9999])
def test_as_of_takes_the_first_and_the_last_year(year: int) -> None:
    """The earliest and the latest date that Python knows are points in time like any other."""
    day = dt.date(year, 1, 1)

    assert as_of_us(day, zone("UTC")) == (day.toordinal() - EPOCH.toordinal()) * DAY_US
    assert as_of_us(day, SHANGHAI) == SHANGHAI.instant(as_of_us(day, zone("UTC")))


def test_as_of_in_a_gap_is_the_moment_after_it() -> None:
    """A day that begins in a gap, or a clock reading within one, follows PEP 495."""
    beirut = zone("Asia/Beirut")  # 2024-03-31 began at 01:00
    expected = instant_by_zoneinfo(
        "Asia/Beirut", (dt.date(2024, 3, 31).toordinal() - EPOCH.toordinal()) * DAY_US
    )

    assert as_of_us("2024-03-31", beirut) == expected
    assert beirut.day(expected) == beirut.day(expected - 1) + 1


def test_as_of_tells_the_two_passes_of_a_fold_apart() -> None:
    """Two aware times that differ in `fold` alone are an hour apart, whichever is asked first."""
    first = dt.datetime(2023, 10, 29, 1, 30, tzinfo=ZoneInfo("Europe/London"))
    second = first.replace(fold=1)
    assert first == second, "Python holds them equal, so a cache keyed by the value alone is wrong"

    assert as_of_us(second, LONDON) - as_of_us(first, LONDON) == 3600 * SECOND_US
    assert as_of_us(second, LONDON) == us_of(second.astimezone(dt.UTC))


@pytest.mark.parametrize(
    "as_of",
    [
        None,
        20240131,
        1.5,
        True,
        dt.time(1),
        dt.timedelta(1),
        np.datetime64("2024-01-31"),
        pd.NaT,
        pd.NA,
        [dt.date(2024, 1, 31)],
        {},
    ],
    ids=repr,
)
def test_as_of_that_is_no_point_in_time_is_refused(as_of: Any) -> None:
    """Anything but a date, a datetime or text is refused, unhashable values included."""
    with pytest.raises(InvalidArgumentError, match="must be a point in time") as caught:
        as_of_us(as_of, SHANGHAI)
    assert caught.value.argument == "as_of"


@pytest.mark.parametrize(
    "as_of",
    ["", "yesterday", "-16 hours", "2024-02-30", "2024-01-31T25:00", "31/01/2024", "2024-01-31 24",
     "\uff12\uff10\uff12\uff14-01-31"],
)  # fmt: skip
def test_as_of_text_that_is_no_date_is_refused(as_of: str) -> None:
    """Text that does not name a day or time that exists is refused."""
    with pytest.raises(InvalidArgumentError, match="is not a date or time"):
        as_of_us(as_of, SHANGHAI)


def test_trap_16_a_relative_date_is_refused() -> None:
    """A relative date such as "-16 hours" or "30 days ago" is refused, never guessed.

    A date read off by one day in another zone would be the other half of the trap: the same date
    begins at another instant in each zone.
    """
    for text in ("-16 hours", "30 days ago", "-30d", "now", "today"):
        with pytest.raises(InvalidArgumentError):
            as_of_us(text, SHANGHAI)
    assert as_of_us("2024-01-31", LONDON) - as_of_us("2024-01-31", SHANGHAI) == 8 * 3600 * SECOND_US


def test_instant_of_reads_what_as_of_reads() -> None:
    """`instant_of` gives a date its start of day and an aware time its own instant."""
    assert instant_of(dt.date(2024, 1, 31), SHANGHAI) == START
    assert instant_of(dt.datetime(2024, 1, 31, 1, tzinfo=TOKYO), SHANGHAI) == START
    assert instant_of(clock_of(253_402_300_799_999_999), zone("UTC")) == 253_402_300_799_999_999


@settings(max_examples=100, deadline=None)
@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_datetime_of_is_the_inverse_of_instant_of(moment: dt.datetime) -> None:
    """An instant within the years 1 to 9999 turns into the datetime that it came from."""
    assert datetime_of(instant_of(moment, zone("UTC"))) == moment


@pytest.mark.parametrize("instant", [2**62, -(2**62), 253_402_300_800_000_000])
def test_datetime_of_the_year_10000_is_none(instant: int) -> None:
    """An instant that no datetime holds is None, not an error."""
    assert datetime_of(instant) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, True),
        (math.nan, True),
        (np.float64("nan"), True),
        (np.float32("nan"), True),
        (pd.NaT, True),
        (pd.NA, True),
        (0, False),
        (False, False),
        (True, False),
        ("", False),
        (0.0, False),
        (dt.date(2024, 1, 1), False),
        (np.int64(3), False),
    ],
)
def test_is_missing_knows_every_kind_of_nothing(value: object, expected: bool) -> None:
    """None, NaN in any width, NaT and pandas' NA are missing; zero and empty text are not."""
    assert is_missing(value) is expected


CLOCKS = {
    "now", "utcnow", "today", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime",
    "current_timestamp", "current_date",
}  # fmt: skip


def test_no_function_reads_the_clock() -> None:
    """No module of the library calls a function that reads the clock: time is an argument."""
    root = Path(userops.__file__).parent
    offenders = []
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            owner = node.func.value
            is_module_time = isinstance(owner, ast.Name) and owner.id == "time"
            if node.func.attr in CLOCKS or (node.func.attr == "time" and is_module_time):
                offenders.append(f"{path.relative_to(root)}:{node.lineno} {node.func.attr}")

    assert not offenders
