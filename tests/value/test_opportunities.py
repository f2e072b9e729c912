"""Opportunities: whole calendar periods, the same on every engine."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.by_engine import instants

from userops import Orders
from userops.core import frames
from userops.core.time import month_number
from userops.errors import InvalidArgumentError
from userops.testing import Engines, installed_engines, to_engine
from userops.value import BGBB, opportunity_summary

# In Shanghai: a buys on 31 December (a Sunday), 1 January, twice on 29 February, and returns; b on
# 1 January alone; c in the month that has not ended.
ORDERS = pa.table(
    {
        "customer_id": ["a", "a", "a", "a", "a", "b", "c"],
        "ordered_at": instants(
            "2023-12-31 15:59:59", "2023-12-31 16:00", "2024-02-28 16:00", "2024-02-29 15:00",
            "2024-03-02 01:00", "2024-01-01 01:00", "2024-04-02 01:00",
        ),
        "amount": [5.0, 6.0, 7.0, 3.0, -5.0, 1.5, 9.0],
    }
)  # fmt: skip
EXPECTED = {
    # Day: 31 Dec is day 0; 1 Jan is 1, 29 Feb is 60, 2 April is 93. Weeks begin on Monday.
    "day": {"a": (2, 60, 93), "b": (0, 0, 92), "c": (0, 0, 0)},
    "week": {"a": (2, 9, 13), "b": (0, 0, 12)},
    "month": {"a": (2, 2, 3), "b": (0, 0, 2)},
    "quarter": {"a": (1, 1, 1), "b": (0, 0, 0)},
    "year": {"a": (0, 0, 0)},
}


def summaries(engine: str, period: str, as_of: Any = "2024-04-03") -> dict[str, Any]:
    """Return the summary by customer."""
    orders = Orders(to_engine(ORDERS, engine), time_zone="Asia/Shanghai")
    frame = frames.read(opportunity_summary(orders, as_of, period=period)).frame
    return {row.pop("customer_id"): tuple(row.values()) for row in frames.to_rows(frame)}


@pytest.mark.parametrize("period", EXPECTED)
def test_periods_are_those_of_the_calendar(period: str, fast_engines: Engines) -> None:
    """Days are local, a period counts once, a return is none, and the running period is none."""
    for engine in fast_engines.names:
        assert summaries(engine, period) == EXPECTED[period], engine


def test_every_engine_counts_months(engines: Engines) -> None:
    """The same on a cluster."""
    for engine in engines.names:
        assert summaries(engine, "month") == EXPECTED["month"], engine


def test_a_period_counts_from_the_instant_of_its_end() -> None:
    """At the start of April March has ended; a microsecond before it has not."""
    assert summaries("pyarrow", "month", "2024-04-01")["a"] == (2, 2, 3)
    before = dt.datetime(2024, 3, 31, 23, 59, 59, 999_999)  # noqa: DTZ001 - in the orders' zone
    assert summaries("pyarrow", "month", before)["a"] == (2, 2, 2)


@given(st.dates())
def test_months_are_numbered(day: dt.date) -> None:
    """From January of the year 0, one after the other."""
    since = day.toordinal() - dt.date(1970, 1, 1).toordinal()
    assert month_number(since) == day.year * 12 + day.month - 1


@pytest.mark.parametrize("engine", installed_engines(with_spark=False))
def test_a_summary_is_fitted(engine: str) -> None:
    """What comes out goes into BG/BB, of each frame type; the distinct rows are collected."""
    orders = Orders(to_engine(ORDERS, engine), time_zone="Asia/Shanghai")
    fitted = BGBB().fit(opportunity_summary(orders, "2024-04-03", period="month"))
    assert fitted.customers == 2
    assert fitted.status in ("boundary", "not_identified", "converged")


def test_what_is_no_period_is_refused() -> None:
    """The nearest name is offered; orders have to be summed up first."""
    orders = Orders(ORDERS, time_zone="Asia/Shanghai")
    with pytest.raises(InvalidArgumentError, match="'month'"):
        opportunity_summary(orders, "2024-04-03", period="months")
    with pytest.raises(InvalidArgumentError, match="has no orders"):
        opportunity_summary(ORDERS, "2024-04-03", period="month")
    with pytest.raises(InvalidArgumentError, match="opportunity_summary"):
        BGBB().fit(orders, "2024-04-03")
