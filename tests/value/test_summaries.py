"""Transaction summaries: the rules, by hand, on every engine."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tests.by_engine import instants

from userops import Events, History, Orders
from userops.core import frames
from userops.customers import IdentifierKind, IdentityGraph
from userops.errors import InvalidArgumentError
from userops.testing import Engines, to_engine
from userops.value import SummaryRows, transaction_summary

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
