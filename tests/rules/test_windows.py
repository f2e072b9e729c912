"""Windows: which instants count, in which zone, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.small_shop import answered, one, shop

from userops.core.time import DAY_US, as_of_us, datetime_of, instant_of, zone
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules import (
    Attr,
    Calendar,
    Did,
    Duration,
    Last,
    Prop,
    Since,
    Span,
    calendar_days,
    calendar_months,
    calendar_quarters,
    calendar_weeks,
    calendar_years,
    days,
    hours,
    minutes,
    weeks,
)
from userops.rules.windows import Window

HOUR_US = 3_600_000_000
NEW_YORK = "America/New_York"


def bounds(window: Window, as_of: str, time_zone: str = "UTC") -> tuple[str, str]:
    """Return the bounds as clock readings of the zone."""
    where = zone(time_zone)
    found = window.bounds_us(instant_of(dt.datetime.fromisoformat(as_of), where), where)
    clocks = [datetime_of(us).astimezone(ZoneInfo(time_zone)) for us in found]
    first, end = (clock.replace(tzinfo=None).isoformat(" ", "minutes") for clock in clocks)
    return first, end


@pytest.mark.parametrize(
    ("duration", "us"),
    [(minutes(30), HOUR_US // 2), (hours(16), 16 * HOUR_US), (days(90), 90 * DAY_US),
     (weeks(2), 14 * DAY_US), (days(200_000), 200_000 * DAY_US)],
)  # fmt: skip
def test_a_last_window_ends_with_as_of_and_is_as_long_as_its_duration(
    duration: Duration, us: int
) -> None:
    """`Last` is `[as_of - duration, as_of)`, a day being 24 hours."""
    assert duration.us == us
    assert Last(duration).bounds_us(1_000, zone(NEW_YORK)) == (1_000 - us, 1_000)


def test_a_day_is_24_hours_where_the_clock_changes() -> None:
    """Across the change to summer time, one day before 09:30 was 08:30 by the clock."""
    assert bounds(Last(days(1)), "2024-03-11 00:30", NEW_YORK)[0] == "2024-03-09 23:30"
    assert bounds(Last(hours(24)), "2024-11-04 00:30", NEW_YORK)[0] == "2024-11-03 01:30"


EDGES = [
    ("before", "2024-03-08T11:59:59.999999"), ("start", "2024-03-08T12:00:00"),
    ("inside", "2024-03-09T12:00:00"), ("last", "2024-03-10T11:59:59.999999"),
    ("as_of", "2024-03-10T12:00:00"),
]  # fmt: skip


def test_windows_are_half_open_on_every_engine_alike() -> None:
    """The first instant counts, the last does not; what happens at `as_of` is not known yet."""
    members = {
        "two days": Did("order").within(days(2)),
        "span": Did("order").between("2024-03-08T12:00", "2024-03-10T11:59:59.999999"),
        "open": Did("order").since("2024-03-09T12:00:00"),
        "any": Did("order"),
    }

    found = answered(
        members, lambda engine: shop([(*e, 1) for e in EDGES], engine), "2024-03-10T12:00:00"
    )

    said = {
        name: [who for who, _ in EDGES if who in found and found[who][name]] for name in members
    }
    assert said == {
        "two days": ["start", "inside", "last"],
        "span": ["start", "inside"],
        "open": ["inside", "last"],
        "any": ["before", "start", "inside", "last"],
    }


def test_dates_of_a_span_are_days_of_the_zone_of_the_data() -> None:
    """A date is the start of that day where the shop is, and a naive time its clock there."""
    span = Span("2024-06-01", dt.date(2024, 6, 2))
    shanghai = zone("Asia/Shanghai")
    first, end = span.bounds_us(instant_of(dt.date(2025, 1, 1), shanghai), shanghai)

    assert (end - first) == DAY_US
    assert datetime_of(first) == dt.datetime(2024, 5, 31, 16, tzinfo=dt.UTC)
    naive = Span("2024-06-01T08:00:00").bounds_us(end, shanghai)
    assert datetime_of(naive[0]) == dt.datetime(2024, 6, 1, tzinfo=dt.UTC)
    aware = Span("2024-06-01T08:00:00+00:00").bounds_us(end, shanghai)
    assert datetime_of(aware[0]) == dt.datetime(2024, 6, 1, 8, tzinfo=dt.UTC)


def test_a_span_does_not_reach_beyond_as_of() -> None:
    """The end of a span is `as_of` where that comes earlier, even before the start."""
    assert bounds(Span("2024-01-01", "2024-12-31"), "2024-06-01") == (
        "2024-01-01 00:00", "2024-06-01 00:00",
    )  # fmt: skip
    later = Did("order").between("2030-01-01", "2031-01-01")
    customer = one([{"at": "2024-01-05", "paid": 1}])
    assert later.answer_one(customer, "2024-06-01") is False
    assert later.count().answer_one(customer, "2024-06-01") == 0


@pytest.mark.parametrize(
    ("window", "as_of", "first", "end"),
    [
        # The clock sprang forward on 10 March: that day has 23 hours, and starts at midnight.
        (calendar_days(1), "2024-03-10 09:30", "2024-03-10 00:00", "2024-03-10 09:30"),
        (calendar_days(2), "2024-03-11 09:30", "2024-03-10 00:00", "2024-03-11 09:30"),
        (calendar_days(1, ago=1), "2024-03-11 09:30", "2024-03-10 00:00", "2024-03-11 00:00"),
        (calendar_days(1, ago=1), "2024-11-04 09:30", "2024-11-03 00:00", "2024-11-04 00:00"),
        # At midnight the last observed day is the one that ended.
        (calendar_days(1), "2024-03-11 00:00", "2024-03-10 00:00", "2024-03-11 00:00"),
        (calendar_months(1), "2024-03-01 00:00", "2024-02-01 00:00", "2024-03-01 00:00"),
        (calendar_years(1), "2024-01-01 00:00", "2023-01-01 00:00", "2024-01-01 00:00"),
        # Weeks begin on Monday: 2024-03-11 is one.
        (calendar_weeks(1), "2024-03-11 00:01", "2024-03-11 00:00", "2024-03-11 00:01"),
        (calendar_weeks(1), "2024-03-11 00:00", "2024-03-04 00:00", "2024-03-11 00:00"),
        (calendar_weeks(2, ago=1), "2024-01-03 12:00", "2023-12-18 00:00", "2024-01-01 00:00"),
        # Over the end of a year, and leap days.
        (calendar_months(3), "2024-01-15 12:00", "2023-11-01 00:00", "2024-01-15 12:00"),
        (calendar_months(1, ago=1), "2024-03-15 12:00", "2024-02-01 00:00", "2024-03-01 00:00"),
        (calendar_days(2), "2024-03-01 12:00", "2024-02-29 00:00", "2024-03-01 12:00"),
        (calendar_days(2), "2023-03-01 12:00", "2023-02-28 00:00", "2023-03-01 12:00"),
        (calendar_months(13, ago=0), "2024-02-29 12:00", "2023-02-01 00:00", "2024-02-29 12:00"),
        (calendar_quarters(1), "2024-05-31 12:00", "2024-04-01 00:00", "2024-05-31 12:00"),
        (calendar_quarters(2, ago=1), "2024-02-10 12:00", "2023-07-01 00:00", "2024-01-01 00:00"),
        (calendar_years(2, ago=3), "2024-02-29 12:00", "2020-01-01 00:00", "2022-01-01 00:00"),
    ],
)  # fmt: skip
def test_calendar_windows_hold_whole_units(
    window: Calendar, as_of: str, first: str, end: str
) -> None:
    """The current unit holds the last observed day; `ago` ends before it."""
    assert bounds(window, as_of, NEW_YORK) == (first, end)


def test_a_calendar_window_may_count_in_another_zone() -> None:
    """With a zone of its own, the unit is that of the other place."""
    there = calendar_days(1, time_zone="Asia/Shanghai")
    # 20:00 in New York on the 1st is 09:00 in Shanghai on the 2nd.
    assert bounds(there, "2024-03-01 20:00", NEW_YORK)[0] == "2024-03-01 11:00"
    assert there.time_zone == "Asia/Shanghai"


STEP = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}


@given(
    st.datetimes(dt.datetime.fromisoformat("1971-01-01T00:00"),
                 dt.datetime.fromisoformat("2100-01-01T00:00")),
    st.sampled_from(sorted(STEP)), st.integers(1, 40), st.integers(0, 40),
    st.sampled_from(["UTC", NEW_YORK, "Asia/Shanghai", "Europe/London", "Australia/Lord_Howe"]),
)  # fmt: skip
def test_calendar_windows_follow_each_other_without_gap(
    as_of: dt.datetime, unit: Any, count: int, ago: int, time_zone: str
) -> None:
    """A window that ends earlier ends where the next one starts, at a midnight, before `as_of`."""
    where = zone(time_zone)
    at = instant_of(as_of, where)
    first, end = Calendar(count, unit, ago).bounds_us(at, where)
    before = Calendar(count, unit, ago + count).bounds_us(at, where)

    assert before[1] == first < end <= at
    day = dt.date(1970, 1, 1) + dt.timedelta(days=where.day(first))
    assert instant_of(day, where) == first
    assert where.day(first) <= where.day(at - 1) - (count + ago - 1) * STEP[unit]
    if unit == "week":
        assert day.weekday() == 0
    elif unit != "day":
        assert day.day == 1
        assert (day.month - 1) % {"month": 1, "quarter": 3, "year": 12}[unit] == 0


def test_a_window_may_start_at_an_instant_of_the_customers_own() -> None:
    """The start counts, the end of `lasting` does not, and of a missing start nothing counts."""
    joined = [("a", "2024-01-01T10:00:00"), ("b", "2024-01-01T10:00:00"), ("d", "2024-05-01")]
    orders = [
        ("a", "2024-01-01T10:00:00", 1), ("a", "2024-01-03T09:59:59.999999", 1),
        ("b", "2024-01-03T10:00:00", 1), ("b", "2024-01-01T09:59:59.999999", 1),
        ("c", "2024-01-02T00:00:00", 1), ("d", "2024-04-01T00:00:00", 1),
    ]  # fmt: skip
    first = Did("join").first()
    members = {
        "two days": Did("order").since(first, lasting=days(2)).count(),
        "ever": Did("order").since(first).count(),
        "before": Did("order").within(Since(Did("order").first(), hours(1))).count(),
        "joined": first.is_known(),
    }

    found = answered(
        members, lambda engine: shop(orders, engine, events={"join": joined}), "2024-04-01"
    )

    assert {who: list(row.values()) for who, row in found.items()} == {
        "a": [2, 2, 1, True], "b": [0, 1, 1, True], "c": [0, 0, 1, False],
    }  # fmt: skip


def test_an_attribute_may_say_where_a_window_starts() -> None:
    """A datetime of the customer is read in the zone of the data."""
    build = lambda engine: shop(  # noqa: E731
        [("a", "2024-01-01T10:00", 1), ("b", "2024-01-01T10:00", 1)], engine, zone=NEW_YORK,
        customers={"customer_id": ["a", "b"],
                   "since": [dt.datetime.fromisoformat("2024-01-01T10:00"), None]},
    )  # fmt: skip
    rule = Did("order").since(Attr("since"), lasting=minutes(1))

    found = answered({"rule": rule, "not": ~rule}, build, "2024-04-01")

    assert found == {"a": {"rule": True, "not": False}, "b": {"rule": False, "not": True}}


def test_a_date_is_no_instant_to_start_at() -> None:
    """An attribute that holds dates, or text, is refused where a window starts, naming it."""
    history = shop(
        [("a", "2024-01-01", 1)],
        customers={"customer_id": ["a"], "day": [dt.date(2024, 1, 1)], "city": ["x"]},
    )
    for name in ("day", "city"):
        rule = Did("order").since(Attr(name))
        for ask in (
            lambda rule=rule: rule.answer(history, "2024-04-01"),
            lambda rule=rule: rule.answer_one(history.customer("a"), "2024-04-01"),
        ):
            with pytest.raises(InvalidDefinitionError, match=f"{name} is no instant"):
                ask()


@pytest.mark.parametrize("amount", [0, -1, 1.0, 0.5, True, "3", None, 200_001])
def test_a_duration_is_a_whole_number_above_zero(amount: Any) -> None:
    """Zero, negative, fractional and boolean amounts are refused, naming the field."""
    with pytest.raises(InvalidDefinitionError, match="amount: must be a whole number") as caught:
        days(amount)
    assert caught.value.field == "amount"
    assert caught.value.allowed == "1 to 200,000"


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Duration(1, "fortnight"), "unit: is not known"),
        (lambda: calendar_months(0), "count: must be a whole number"),
        (lambda: calendar_months(1, ago=-1), "ago: must be a whole number"),
        (lambda: Calendar(1, "hour"), "unit: is not known"),
        (lambda: Span("2024-06-02", "2024-06-01"), "end: must lie after start"),
        (lambda: Span("2024-06-01", "2024-06-01"), "end: must lie after start"),
        (lambda: Span("2024-06-01T00:00", dt.date(2024, 6, 1)), "end: must lie after start"),
        (lambda: Span("06/01/2024"), "start: is not a point in time"),
        (lambda: Span(None), "start: is needed"),
        (lambda: Last(30), "duration: is not a duration"),
        (lambda: Did("order").within(30), "within: is not a window"),
        (lambda: Did("order").within(dt.timedelta(30)), "within: is not a window"),
        (lambda: Did("order").within(days(3)).since("2024-01-01"), "within: is there already"),
        (lambda: Did("order").since("2024-01-01", lasting=days(3)), "use between"),
        (lambda: Since(Did("order").count()), "start: is not an instant"),
        (lambda: Since("2024-01-01"), "start: is not an instant"),
        (lambda: Since(Prop("at")), "start: is about one event"),
        (lambda: Since(Attr("x"), 30), "lasting: is not a duration"),
    ],
)  # fmt: skip
def test_windows_that_make_no_sense_are_refused(make: Any, problem: str) -> None:
    """What no window can be is refused where it is written."""
    with pytest.raises(InvalidDefinitionError, match=problem):
        make()


def test_a_zone_that_does_not_exist_is_refused_with_the_nearest() -> None:
    """A calendar window checks its zone when it is written."""
    with pytest.raises(InvalidArgumentError, match="Asia/Shanghai"):
        calendar_days(1, time_zone="Asia/Shangai")


def test_the_calendar_ends_where_that_of_python_does() -> None:
    """As of the first and the last day that there is, windows hold the days that exist."""
    for window in (calendar_days(2), calendar_weeks(1, ago=1), calendar_months(), calendar_years()):
        first, end = window.bounds_us(as_of_us("0001-01-01", zone("UTC")), zone("UTC"))
        assert end <= first
    last = as_of_us("9999-12-31", zone("UTC"))
    for where in ("UTC", "Asia/Shanghai", "America/New_York"):
        first, end = calendar_days(1).bounds_us(last + DAY_US, zone(where))
        assert first < end == last + DAY_US
        found = Attr("born").anniversary_within(days(2)).days_of_year(last, zone(where))
        assert 1231 in found
        early = as_of_us("0001-01-01", zone("UTC"))
        assert 101 in Attr("born").anniversary_within(days(2)).days_of_year(early, zone(where))


@pytest.mark.parametrize("number", [np.int64(3), np.int8(3), np.uint16(3), np.array(3)])
def test_numbers_of_numpy_are_numbers(number: Any) -> None:
    """A duration, a count or a share may come out of a computation."""
    assert days(number) == days(3)
    assert calendar_days(number, ago=number) == calendar_days(3, ago=3)
    assert Attr("x").in_top(number) == Attr("x").in_top(3)
    assert Attr("x").in_percentile(np.float32(0.5), number / 3) == Attr("x").in_percentile(0.5, 1.0)
    assert type(days(number).amount) is int
    for wrong in (np.float64(3.0), np.bool_(True), np.array([3]), "3"):
        with pytest.raises(InvalidDefinitionError, match="must be a whole number"):
            days(wrong)


def test_durations_are_values() -> None:
    """Durations compare by content, and cannot be changed."""
    assert days(7) == Duration(7)
    assert days(7) != weeks(1)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        days(7).amount = 8
