"""Anniversaries: which days come round, over years, leap days and zones."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.rules.small_shop import answered, one, rows_of_answer, shop

from userops.core.time import as_of_us, month_and_day, zone
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.events import OrderColumns
from userops.rules import Anniversary, Attr, Did, Prop, days, hours

NEW_YORK = "America/New_York"
EPOCH = dt.date(1970, 1, 1)


def comes_round(born: dt.date, today: dt.date, length: int, leap_day: str) -> bool:
    """Say it plainly: one of the days from today on is kept as the day of birth."""
    for n in range(length):
        day = today + dt.timedelta(n)
        kept = (born.month, born.day)
        if kept == (2, 29) and not calendar.isleap(day.year):
            kept = (2, 28) if leap_day == "feb28" else (3, 1)
        if (day.month, day.day) == kept:
            return True
    return False


LEAP_YEAR = [dt.date(2024, 1, 1) + dt.timedelta(n) for n in range(366)]


@pytest.mark.parametrize("leap_day", ["feb28", "mar1"])
@pytest.mark.parametrize("length", [1, 7, 365])
def test_every_birthday_of_a_year_is_kept_on_its_day(
    leap_day: Literal["feb28", "mar1"], length: int
) -> None:
    """For each day of birth and around each odd day of several years, brute force says the same."""
    rule = Anniversary(Attr("birthday"), days(length), leap_day)
    utc = zone("UTC")
    odd = [(1, 1), (2, 22), (2, 27), (2, 28), (3, 1), (6, 15), (12, 25), (12, 31)]
    for year in (1900, 2023, 2024):
        todays = [dt.date(year, month, day) for month, day in odd]
        todays += [dt.date(year, 2, 29)] if calendar.isleap(year) else []
        for today in todays:
            found = rule.days_of_year(as_of_us(today, utc), utc)
            wanted = {
                born.month * 100 + born.day
                for born in LEAP_YEAR
                if comes_round(born, today, length, leap_day)
            }
            assert found == wanted, today


@given(st.dates(dt.date(1890, 1, 1), dt.date(2200, 12, 31)))
def test_month_and_day_are_those_of_the_calendar(day: dt.date) -> None:
    """The arithmetic on day numbers, which columns share, agrees with the calendar."""
    assert month_and_day((day - EPOCH).days) == day.month * 100 + day.day


BORN = [
    dt.date(2000, 2, 29), dt.date(1996, 2, 28), dt.date(1996, 3, 1), dt.date(1969, 12, 31),
    dt.date(1990, 1, 1), dt.date(1935, 1, 5), dt.date(2004, 2, 29), dt.date(1987, 12, 25), None,
]  # fmt: skip


@pytest.mark.parametrize(
    ("as_of", "today"),
    [("2023-02-28", dt.date(2023, 2, 28)), ("2024-12-30", dt.date(2024, 12, 30))],
)
def test_columns_and_customers_keep_the_same_days(as_of: str, today: dt.date) -> None:
    """Dates and datetimes, across the end of a year, on each engine and for one customer."""
    ids = [f"c{n}" for n in range(len(BORN))]
    late = dt.time(23, 59, 59)
    clocks = [None if b is None else dt.datetime.combine(b, late) for b in BORN]

    def build(engine: str) -> Any:
        return shop(
            [(who, "2020-02-29T23:59:59", 1) for who in ids], engine, zone=NEW_YORK,
            customers={"customer_id": ids, "day": BORN, "clock": clocks},
        )  # fmt: skip

    lengths: tuple[tuple[int, Literal["feb28", "mar1"]], ...]
    lengths = ((1, "feb28"), (1, "mar1"), (2, "mar1"), (7, "feb28"), (366, "mar1"))
    members = {
        f"{name} {n} {leap_day}": Attr(name).anniversary_within(days(n), leap_day=leap_day)
        for name in ("day", "clock")
        for n, leap_day in lengths[: None if name == "day" else 2]
    }
    members["first order"] = Did("order").first().anniversary_within(days(2), leap_day="mar1")

    found = answered(members, build, as_of)

    for who, born in zip(ids, BORN, strict=True):
        for n, leap_day in lengths:
            wanted = born is not None and comes_round(born, today, n, leap_day)
            assert found[who][f"day {n} {leap_day}"] is wanted, (who, n, leap_day)
            assert found[who].get(f"clock {n} {leap_day}", wanted) is wanted, (who, n, leap_day)
    assert {row["first order"] for row in found.values()} == {
        comes_round(dt.date(2020, 2, 29), today, 2, "mar1")
    }


def test_today_is_the_local_day_of_as_of() -> None:
    """At an instant it is already tomorrow in Shanghai, and there the birthday is over."""
    columns = {
        name: OrderColumns(customer_id="who", ordered_at="at", amount="paid", time_zone=name)
        for name in ("Asia/Shanghai", NEW_YORK, "UTC")
    }
    at = dt.datetime(2024, 3, 10, 18, tzinfo=dt.UTC)
    born = {"birthday": dt.date(1990, 3, 10)}
    rule = Attr("birthday").anniversary_within(days(1))

    found = {
        name: rule.answer_one(one(columns=mapping, attributes=born), at)
        for name, mapping in columns.items()
    }

    assert found == {"Asia/Shanghai": False, NEW_YORK: True, "UTC": True}


def test_a_time_counts_by_its_local_day() -> None:
    """An instant of the 11th in UTC is the 10th in New York, by the offset of its own season."""
    here = OrderColumns(customer_id="who", ordered_at="at", amount="paid", time_zone=NEW_YORK)
    for clock, is_tenth in (("2000-03-11T04:59", True), ("2000-03-11T05:00", False),
                            ("2007-07-11T03:59", False)):  # fmt: skip
        born = dt.datetime.fromisoformat(clock).replace(tzinfo=dt.UTC)
        local = born.astimezone(ZoneInfo(NEW_YORK)).date()
        customer = one(columns=here, attributes={"born": born})
        rule = Attr("born").anniversary_within(days(1))
        assert rule.answer_one(customer, "2024-03-10T09:00") is is_tenth
        assert rule.answer_one(customer, dt.date(2024, local.month, local.day)) is True


def test_nothing_comes_round_where_the_value_is_missing() -> None:
    """Missing is false, alone and in a column of nothing but nulls; its negation is true."""
    rule = Attr("birthday").anniversary_within(days(366))
    history = shop([("a", "2024-01-01", 1)], customers={"customer_id": ["a"], "birthday": [None]})

    assert rows_of_answer({"r": rule, "not": ~rule}, history, "2024-02-01") == {
        "a": {"r": False, "not": True}
    }
    assert rule.answer_one(history.customer("a"), "2024-02-01") is False


def test_a_customer_who_is_asked_on_another_day_has_another_answer() -> None:
    """What was worked out for one day is not kept for the next."""
    customer = one(attributes={"birthday": dt.date(1990, 3, 10)})
    rule = Attr("birthday").anniversary_within(days(2))

    found = [rule.answer_one(customer, f"2024-03-{day:02d}") for day in (8, 9, 10, 11, 9, 8)]

    assert found == [False, True, True, False, True, False]


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Anniversary(Attr("b"), days(367)), "duration: must be whole days"),
        (lambda: Anniversary(Attr("b"), hours(36)), "duration: must be whole days"),
        (lambda: Anniversary(Attr("b"), 7), "duration: is not a duration"),
        (lambda: Anniversary(Attr("b"), days(7), "feb29"), "leap_day: is not known"),
        (lambda: Anniversary(Prop("b"), days(7)), "value: is about one event"),
        (lambda: Anniversary(Did("order").count(), days(7)), "value: is no date"),
        (lambda: Anniversary("b", days(7)), "value: is not a term"),
    ],
)  # fmt: skip
def test_what_has_no_day_of_the_year_is_refused(make: Any, problem: str) -> None:
    """Durations that are not whole days, and values that are no dates, are refused when written."""
    with pytest.raises(InvalidDefinitionError, match=problem):
        make()


def test_an_attribute_that_is_no_date_is_refused_when_it_meets_data() -> None:
    """The column is named, for one customer and for all."""
    rule = Attr("city").anniversary_within(days(7))
    history = shop([("a", "2024-01-01", 1)], customers={"customer_id": ["a"], "city": ["x"]})

    with pytest.raises(ColumnTypeError, match="'city' is no date"):
        rule.answer(history, "2024-02-01")
    with pytest.raises(ColumnTypeError, match="'city' is no date"):
        rule.answer_one(history.customer("a"), "2024-02-01")
    assert hours(48).us == days(2).us
    assert Anniversary(Attr("b"), hours(48)).duration == hours(48)
