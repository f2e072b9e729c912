"""Transaction summaries: the rules, by hand, on every engine."""

from __future__ import annotations

import datetime as dt
from typing import Any
from unittest import mock

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.by_engine import instants

from userops import Events, History, Orders
from userops.core import cores, day_totals, frames
from userops.customers import IdentifierKind, IdentityGraph
from userops.errors import InvalidArgumentError, MoneyOverflowError
from userops.testing import Engines, to_engine
from userops.value import SummaryRows, transaction_summary
from userops.value import summaries as module

# a: a first day of two orders, one return, a repeat day of two orders, and one held out.
ORDERS = pa.table(
    {
        "customer_id": ["a", "a", "a", "a", "a", "a", "b", "c"],
        "ordered_at": instants(
            "2024-01-01 01:00", "2024-01-01 12:00", "2024-01-02 01:00", "2024-01-05 15:00",
            "2024-01-05 23:00", "2024-02-10 01:00", "2024-01-03 01:00", "2024-02-15 01:00",
        ),
        "amount": [5.0, 6.0, -5.0, 7.0, 3.0, 20.0, 1.5, 9.0],
    }
)  # fmt: skip


def summaries(engine: str, *args: Any, **named: Any) -> dict[str, tuple[Any, ...]]:
    """Return the summary by customer."""
    orders = Orders(to_engine(ORDERS, engine), time_zone="Asia/Shanghai")
    frame = frames.read(transaction_summary(orders, *args, **named)).frame
    return {row.pop("customer_id"): tuple(row.values()) for row in frames.to_rows(frame)}


def test_the_rules_hold_on_every_engine(engines: Engines) -> None:
    """Days are local, a day is one purchase, a return is none, and ages end with the last day."""
    for engine in engines.names:
        assert summaries(engine, "2024-02-01") == {
            # 15:00 and 23:00 UTC are two days in Shanghai, the 5th and the 6th.
            "a": (2, 5, 30, 5.0),
            "b": (0, 0, 28, None),
        }, engine
        held = summaries(engine, "2024-03-01", calibration_end="2024-02-01")
        assert held == {
            "a": (2, 5, 30, 5.0, 29, 1, 20.0),
            "b": (0, 0, 28, None, 29, 0, 0.0),
        }, engine


def test_a_cluster_gives_its_distinct_rows_alone(engines: Engines) -> None:
    """What models are fitted to is counted where the summary is."""
    for engine in engines.names:
        orders = Orders(to_engine(ORDERS, engine), time_zone="Asia/Shanghai")
        rows = SummaryRows.of(transaction_summary(orders, "2024-02-01"), unit_days=7)
        assert rows.repeat_count.tolist() == [0.0, 2.0], engine
        assert rows.age.tolist() == pytest.approx([4.0, 30 / 7])
        assert rows.customers == 2


def test_persons_of_several_channels_are_customers() -> None:
    """With identities, purchases of two channels are one customer's."""
    table = pa.table(
        {
            "customer_id": pa.array(["m1", None], pa.string()),
            "openid": ["o1", "o1"],
            "ordered_at": instants("2024-01-01", "2024-01-11"),
            "amount": [1.0, 2.0],
        }
    )
    orders = Orders(
        table, customer_id="customer_id", ordered_at="ordered_at", amount="amount",
        identifiers={"openid": "openid"},
    )  # fmt: skip
    history = History(orders).with_identities(IdentityGraph([IdentifierKind("openid")]))
    assert transaction_summary(history, "2024-01-21").to_pylist() == [
        {"customer_id": "m1", "repeat_count": 1, "last_purchase_age_days": 10, "age_days": 19,
         "mean_spend": 2.0}
    ]  # fmt: skip


def test_what_has_no_orders_is_refused() -> None:
    """Events, frames, and a calibration that ends too late."""
    events = Events(ORDERS, customer_id="customer_id", occurred_at="ordered_at")
    for data in (ORDERS, events):
        with pytest.raises(InvalidArgumentError, match="has no orders"):
            transaction_summary(data, "2024-02-01")
    with pytest.raises(InvalidArgumentError, match="after the end"):
        summaries("pyarrow", "2024-02-01", calibration_end="2024-03-01")


EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Around a change of clocks in both zones, before 1970, and at the edges of days.
TIMES = [
    "1969-12-31 23:59:59.999999", "1970-01-01 00:00:00", "1941-05-04 00:30:00",
    "2024-03-31 00:59:59.999999", "2024-03-31 01:00:00", "2024-10-26 23:30:00",
    "2024-10-27 00:59:59", "2024-10-27 23:59:59.999999", "2024-11-03 03:59:59",
    "2024-11-03 04:30:00", "2024-11-03 05:30:00", "2024-11-04 04:59:59", "2024-11-04 05:00:00",
]  # fmt: skip
instants_us = st.sampled_from(TIMES).map(
    lambda text: (
        (dt.datetime.fromisoformat(text + "+00:00") - EPOCH) // dt.timedelta(microseconds=1)
    )
) | st.integers(-(10**15), 2 * 10**15)
keys = {
    pa.int64(): st.integers(-3, 3) | st.sampled_from([-(2**63), 2**63 - 1]),
    pa.uint64(): st.sampled_from([0, 1, 2**63, 2**64 - 1]),
    pa.string(): st.sampled_from(["a", "b", "c0000001", "客户", "a "]),
}
# Money of a cent, and of so many that a row no longer fits one number.
money = st.integers(-300, 5_000) | st.sampled_from([0, 2**45])
dates = st.sampled_from(["1969-12-31", "1970-01-02", "2024-03-31", "2024-11-03", "2024-11-04"])
ends = dates | st.sampled_from(["2024-11-03T00:30", "2024-11-03T23:00", "2025-06-01"])
ZONES = st.sampled_from(["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu"])


@st.composite
def order_tables(draw: st.DrawFn) -> pa.Table:
    """Draw orders of a few customers, unsorted, with duplicates and ties, in one chunk or two."""
    kind = draw(st.sampled_from(list(keys)))
    rows = draw(st.lists(st.tuples(keys[kind], instants_us, money), max_size=30))
    rows += rows[: draw(st.integers(0, 3))]
    table = pa.table(
        {
            "customer_id": pa.array([row[0] for row in rows], kind),
            "ordered_at": pa.array([row[1] for row in rows], pa.int64()),
            "amount": pa.array([row[2] for row in rows], pa.int64()),
        }
    )
    cut = draw(st.integers(0, len(rows)))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)])


def as_lists(summary: Any) -> dict[str, list[Any]]:
    """Return the columns of a summary, in order of customers."""
    table = frames.to_arrow(frames.read(summary).frame).sort_by("customer_id")
    found: dict[str, list[Any]] = table.to_pydict()
    return found


def both_ways(table: pa.Table, engine: str, zone: str, *args: Any, **named: Any) -> None:
    """Check that rows at hand come to what the engine's plan comes to."""
    mapping: dict[str, Any] = {"time_format": "epoch_us", "time_zone": zone, "scale": 0}
    orders = Orders(
        to_engine(table, engine), customer_id="customer_id", ordered_at="ordered_at",
        amount="amount", **mapping,
    )  # fmt: skip
    fast = transaction_summary(orders, *args, **named)
    with mock.patch.object(frames.Source, "is_in_process", new=property(lambda _: False)):
        planned = transaction_summary(orders, *args, **named)
    assert type(fast) is type(planned)
    schemas = [frames.read(summary).frame.collect_schema() for summary in (fast, planned)]
    assert schemas[0] == schemas[1]
    assert as_lists(fast) == as_lists(planned)


@settings(deadline=None, max_examples=150)
@given(order_tables(), ZONES, ends, dates | st.none())
def test_rows_at_hand_come_to_what_a_plan_comes_to(
    table: pa.Table, zone: str, as_of: str, calibration_end: str | None
) -> None:
    """Every column of every customer is equal to the last bit, whichever way it was computed."""
    if calibration_end is not None and calibration_end > as_of:
        as_of, calibration_end = calibration_end, as_of[:10]
    both_ways(table, "pyarrow", zone, as_of, calibration_end=calibration_end)


@settings(deadline=None, max_examples=60)
@given(order_tables(), ZONES, ends, st.integers(2, 5))
def test_cores_share_the_customers(table: pa.Table, zone: str, as_of: str, count: int) -> None:
    """However many cores there are, and however few customers, nobody is lost or counted twice."""
    with (
        mock.patch.multiple(cores, core_count=lambda: count, _FEWEST_ROWS=1),
        mock.patch.multiple(day_totals, _PIECE_ROWS=2, _BATCH_ROWS=3),
        mock.patch.object(module, "_MORSEL_ROWS", 2),
    ):
        both_ways(table, "pyarrow", zone, as_of)


@settings(deadline=None, max_examples=12)
@given(order_tables(), st.sampled_from(["pandas-numpy", "polars", "polars-lazy", "duckdb"]))
def test_hosts_get_the_types_of_a_plan(table: pa.Table, engine: str) -> None:
    """The same on engines that plan for themselves, with a calibration; frames and types too."""
    both_ways(table, engine, "Europe/London", "2024-11-04", calibration_end="2024-03-31")


def test_nobody_and_one_order() -> None:
    """A table without rows, none before the end, and one customer with one order."""
    for kind in (pa.int64(), pa.string()):
        one = pa.table(
            {
                "customer_id": pa.array([7]).cast(kind),
                "ordered_at": [1_700_000_000_000_000],
                "amount": [5],
            }
        )
        for end in ("2024-01-01", "2023-01-01"):
            both_ways(one, "pyarrow", "UTC", end, calibration_end="2023-01-01")
            both_ways(one.slice(0, 0), "pyarrow", "UTC", end)


def test_many_customers_on_both_ways() -> None:
    """So many rows that they are cut into pieces and read in batches."""
    rows = 1 << 18
    number = [(n * 2_654_435_761) % 2**32 for n in range(rows)]
    for kind in (pa.int64(), pa.string()):
        table = pa.table(
            {
                "customer_id": pa.array([n % 20_011 for n in number]).cast(kind),
                "ordered_at": pa.array([n * 20_000 * 1_000 for n in number]),
                "amount": pa.array([n % 9_973 for n in number]),
            }
        )
        both_ways(table, "pyarrow", "Europe/London", "1972-01-01", calibration_end="1971-03-01")


def test_sums_that_would_leave_exact_integers_are_refused() -> None:
    """Nothing wraps around: the error comes before anything is added up."""
    table = pa.table(
        {
            "customer_id": ["a"] * 4,
            "ordered_at": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"],
            "amount": [2**61] * 4,
        }
    )
    orders = Orders(
        table, customer_id="customer_id", ordered_at="ordered_at", amount="amount", scale=0
    )
    with pytest.raises(MoneyOverflowError):
        transaction_summary(orders, "2024-02-01")
