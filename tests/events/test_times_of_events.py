"""When it happened: text, digits, epochs, dates and datetimes, naive and aware, on every engine."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest

from userops.core import frames
from userops.errors import ColumnTypeError, InvalidArgumentError, InvalidDefinitionError
from userops.events import EventColumns, Events, read_row

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HOUR_US = 3_600_000_000


def us_of(text: str, zone: str = "UTC") -> int:
    """Return the instant of a clock reading in a zone, as the standard library has it."""
    moment = dt.datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))
    return (moment.astimezone(dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)


def instants(host: Any, engine: str, times: pa.Array, **named: Any) -> list[int]:
    """Return the counted instants of events at some times, in order of the rows."""
    table = pa.table({"who": ["a"] * len(times), "at": times, "n": range(len(times))})
    events = Events(
        host(table, engine), customer_id="who", occurred_at="at", properties=("n",), **named
    )
    return [
        row["instant_us"]
        for row in sorted(frames.to_rows(events.counted()), key=lambda row: row["n"])
    ]


NAIVE = [
    "2024-03-31T00:59:59.999999", "2024-03-31T01:00", "2024-03-31T01:30", "2024-03-31T02:00",
    "2024-10-27T00:59", "2024-10-27T01:00", "2024-10-27T01:30", "2024-10-27T02:00", "2024-02-29",
    "1969-12-31T23:59:59.999999", "1900-01-01T00:00",
]  # fmt: skip


def test_trap_11_naive_times_are_read_in_the_zone(engine: str, host: Any) -> None:
    """A naive time is a clock reading in the named zone, in gap and fold as PEP 495 says."""
    clocks = [dt.datetime.fromisoformat(text) for text in NAIVE]
    times = pa.array(clocks, pa.timestamp("us"))

    found = instants(host, engine, times, time_zone="Europe/London")

    assert found == [us_of(text, "Europe/London") for text in NAIVE]


def test_trap_11_text_without_an_offset_is_read_in_the_zone(kernel: str, host: Any) -> None:
    """Text without an offset is a clock reading in the zone, in gap and fold as PEP 495 says."""
    found = instants(host, kernel, pa.array(NAIVE), time_zone="Europe/London")

    assert found == [us_of(text, "Europe/London") for text in NAIVE]


def test_a_day_that_never_was_is_read_as_pep_495_says(host: Any) -> None:
    """30 December 2011, which Apia skipped, is read with the offset before the gap."""
    times = pa.array([dt.date(2011, 12, 29), dt.date(2011, 12, 30), dt.date(2011, 12, 31)])
    found = instants(host, "pyarrow", times, time_zone="Pacific/Apia")

    assert found == [us_of(f"2011-12-{day}", "Pacific/Apia") for day in (29, 30, 31)]
    assert found[1] == found[2]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_aware_times_keep_their_instant(kernel: str, zone: str, host: Any) -> None:
    """An aware time is the same instant whatever the zone of the data."""
    known = ["2024-03-31T01:30:00+00:00", "1969-12-31T23:59:59.999999+00:00"]
    moments = [dt.datetime.fromisoformat(text) for text in known]
    times = pa.array(moments, pa.timestamp("us", "America/New_York"))

    assert instants(host, kernel, times, time_zone=zone) == [us_of(text) for text in known]


def test_text_with_an_offset_keeps_its_instant(host: Any) -> None:
    """Text with an offset is an instant, text without one a clock reading in the zone."""
    texts = ["2024-01-31T08:30:00+08:00", "2024-01-31T00:30Z", "2024-01-31 08:30"]
    found = instants(host, "pyarrow", pa.array(texts), time_zone="Asia/Shanghai")

    assert found == [us_of("2024-01-31T00:30+00:00")] * 3


def test_dates_begin_at_local_midnight(kernel: str, host: Any) -> None:
    """A date is the start of its day in the zone of the data."""
    days = [dt.date(2024, 2, 29), dt.date(2024, 7, 1), dt.date(1969, 12, 31)]

    found = instants(host, kernel, pa.array(days), time_zone="America/New_York")

    assert found == [us_of(str(day), "America/New_York") for day in days]


@pytest.mark.parametrize(
    ("time_format", "unit"), [("epoch_s", 10**6), ("epoch_ms", 10**3), ("epoch_us", 1)]
)
def test_epochs_are_instants(kernel: str, time_format: str, unit: int, host: Any) -> None:
    """Seconds, milliseconds or microseconds since 1970 are instants in any zone, negative too."""
    values = [0, 1, -1, 1_709_251_199_999_999 // unit, -2_208_988_800_000_000 // unit]
    named = {"time_format": time_format, "time_zone": "Asia/Shanghai"}

    assert instants(host, kernel, pa.array(values), **named) == [v * unit for v in values]


def test_an_epoch_beyond_the_calendar_is_read_or_quarantined(kernel: str, host: Any) -> None:
    """An epoch after the year 9999 is an instant; one that would leave int64 is unreadable."""
    values = [253_402_300_800, 2**42 - 1, 2**42, 2**62, -(2**63), 2**63 - 1]
    table = pa.table({"who": ["a"] * 6, "at": pa.array(values, pa.int64())})
    events = Events(host(table, kernel), customer_id="who", occurred_at="at", time_format="epoch_s")
    alone = [read_row({"who": "a", "at": value}, events.columns).reason for value in values]

    assert alone == ["counted"] * 3 + ["unreadable_time"] * 3
    assert events.quality.quarantined == {"unreadable_time": alone.count("unreadable_time")}
    assert events.quality.last_at is None
    assert "beyond the year 9999" in str(events.quality)


def test_dates_written_as_digits(kernel: str, host: Any) -> None:
    """20240229 as a number is a day; 20240230 and 202402 are unreadable."""
    values = [20240229, 20240230, 202402, 19691231, None]
    table = pa.table({"who": ["a"] * 5, "at": pa.array(values, pa.int64())})
    events = Events(host(table, kernel), customer_id="who", occurred_at="at", time_format="%Y%m%d")

    assert events.quality.counted == 2
    assert events.quality.quarantined == {"unreadable_time": 2, "no_time": 1}
    assert events.quality.first_us == us_of("1969-12-31")


def test_trap_30_the_day_is_that_of_the_zone(engine: str, host: Any) -> None:
    """The same instants fall on other days in other zones, and on the same days on each engine."""
    moments = [us_of("2024-03-30T23:30+00:00"), us_of("2024-03-31T15:59:59.999999+00:00"),
               us_of("2024-03-31T16:00+00:00"), us_of("2024-03-31T22:59:59+00:00")]  # fmt: skip
    table = pa.table({"who": ["a"] * 4, "at": moments})
    found = {}
    for zone in ("UTC", "Asia/Shanghai", "Europe/London"):
        events = Events(
            host(table, engine), customer_id="who", occurred_at="at", time_format="epoch_us",
            time_zone=zone,
        )  # fmt: skip
        days = {row["day"]: row["rows"] for row in events.by_day()}
        found[zone] = {str(dt.date(1970, 1, 1) + dt.timedelta(day)): n for day, n in days.items()}

    assert found["UTC"] == {"2024-03-30": 1, "2024-03-31": 3}
    assert found["Asia/Shanghai"] == {"2024-03-31": 2, "2024-04-01": 2}
    assert found["Europe/London"] == {"2024-03-30": 1, "2024-03-31": 3}


@pytest.mark.parametrize(
    ("times", "named"),
    [
        (pa.array([1.5]), {}),
        (pa.array([20240229]), {}),
        (pa.array([True]), {}),
        (pa.array([dt.time(8)]), {}),
        (pa.array([dt.timedelta(1)]), {}),
        (pa.array([dt.date(2024, 1, 1)]), {"time_format": "%Y-%m-%d"}),
        (pa.array([1.5]), {"time_format": "epoch_s"}),
        (pa.array([[1]]), {}),
    ],
    ids=str,
)
def test_a_column_that_is_no_time_is_refused(
    times: pa.Array, named: dict[str, Any], host: Any
) -> None:
    """Numbers without a format, floats, booleans and hours are refused with what is allowed."""
    with pytest.raises(ColumnTypeError, match="cannot be read as a time") as caught:
        instants(host, "pyarrow", times, **named)
    assert caught.value.column == "at"
    assert "epoch_s" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "time_format"),
    [(1.5, None), (20240229, None), (True, None), (b"2024-01-01", None), (dt.time(8), None),
     (dt.date(2024, 1, 1), "%Y-%m-%d"), ([1], None)],
)  # fmt: skip
def test_a_value_that_is_no_time_is_refused(value: object, time_format: str | None) -> None:
    """A single value of a type that a column could not have is refused as the column is."""
    columns = EventColumns(customer_id="who", occurred_at="at", time_format=time_format)

    with pytest.raises(ColumnTypeError, match="cannot be read as a time"):
        read_row({"who": "a", "at": value}, columns)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (pd.Timestamp("2024-02-29 08:00:00.000000999"), "2024-02-29T00:00+00:00"),
        (pd.Timestamp("2024-02-29 08:00", tz="Asia/Tokyo"), "2024-02-28T23:00+00:00"),
        (dt.datetime.fromisoformat("2024-02-29T08:00"), "2024-02-29T00:00+00:00"),
        (dt.datetime.fromisoformat("2024-02-29T08:00+00:00"), "2024-02-29T08:00+00:00"),
        (dt.date(2024, 2, 29), "2024-02-28T16:00+00:00"),
        ("2024-02-29", "2024-02-28T16:00+00:00"),
    ],
    ids=repr,
)
def test_a_single_time_is_read_in_the_zone(value: object, expected: str) -> None:
    """Datetimes, dates, pandas' Timestamp and text alone mean what they mean in a column."""
    columns = EventColumns(customer_id="who", occurred_at="at", time_zone="Asia/Shanghai")

    assert read_row({"who": "a", "at": value}, columns).instant_us == us_of(expected)


@pytest.mark.parametrize("missing", [None, pd.NaT, pd.NA, float("nan"), "", "  "], ids=repr)
def test_a_missing_time_is_no_time(missing: object) -> None:
    """A missing time in any form is quarantined as no time."""
    columns = EventColumns(customer_id="who", occurred_at="at")

    assert read_row({"who": "a", "at": missing}, columns).reason == "no_time"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", None, 8])
def test_a_zone_that_is_none_is_refused_when_written(zone: Any) -> None:
    """A zone that does not exist is refused when the mapping is written."""
    with pytest.raises(InvalidArgumentError, match="time_zone"):
        EventColumns(customer_id="who", occurred_at="at", time_zone=zone)


@pytest.mark.parametrize("time_format", ["%H:%M", "%Y-%q", "epoch_ns", "iso", 5, ""])
def test_a_time_format_that_is_none_is_refused_when_written(time_format: Any) -> None:
    """A format that cannot be read is refused when the mapping is written."""
    with pytest.raises(InvalidDefinitionError) as caught:
        EventColumns(customer_id="who", occurred_at="at", time_format=time_format)
    assert caught.value.field == "time_format"
