"""One customer in memory: read, extended and asked like the tables that he comes from."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pyarrow as pa
import pytest

from userops.customers import Customer, History, Totals
from userops.errors import (
    ColumnNotFoundError,
    InvalidArgumentError,
    MoneyScaleError,
)
from userops.events import EventColumns, Events, OrderColumns, Orders

ORDERS = OrderColumns(
    customer_id="who", order_id="no", ordered_at="at", amount="paid", time_format="epoch_us",
    channel="web",
)  # fmt: skip
SCANS = EventColumns(
    customer_id="who", occurred_at="at", time_format="epoch_us", properties=("page",)
)
COLUMNS = {"order": ORDERS, "scan": SCANS}


def order(no: str, at: int, paid: float, who: str | None = "a") -> dict[str, Any]:
    """Return one order line as the host holds it."""
    return {"who": who, "no": no, "at": at, "paid": paid, "web": None}


def test_a_customer_is_read_from_rows() -> None:
    """Rows are normalised and sorted; those that cannot count are kept aside with their reason."""
    rows = [order("2", 9, 5.0), order("1", 3, 1.5), order("3", 4, 1.0) | {"at": None}]
    customer = Customer.from_rows("a", {"order": rows}, COLUMNS)

    assert [row.instant_us for row in customer.rows["order"]] == [3, 9]
    assert [row.reason for row in customer.quarantine] == ["no_time"]
    assert repr(customer) == "Customer('a', order=2, quarantined=1)"
    assert customer.totals("order", 10) == Totals(9, 2, 650)
    assert customer.zone.name == "UTC"


def test_an_event_without_rows_has_no_totals() -> None:
    """A mapped event that never happened has no totals; one that is not mapped is refused."""
    customer = Customer.from_rows("a", {"order": [order("1", 3, 1.5)]}, COLUMNS)

    assert customer.totals("scan", 100) is None
    assert customer.totals("order", 3) is None
    with pytest.raises(InvalidArgumentError, match="did you mean 'scan'"):
        customer.totals("scans", 100)


def test_with_event_returns_another_customer() -> None:
    """`with_event` leaves the customer alone; the new one has the event in its place in time."""
    before = Customer.from_rows("a", {"order": [order("1", 3, 1.5)]}, COLUMNS)
    after = before.with_event("order", order("2", 2, 8.5)).with_event(
        "scan", {"who": "a", "at": 7, "page": "x"}
    )

    assert before.totals("order", 10) == Totals(3, 1, 150)
    assert after.totals("order", 10) == Totals(3, 2, 1000)
    assert after.totals("order", 3) == Totals(2, 1, 850)
    assert after.totals("scan", 10) == Totals(7, 1)
    assert "scan" not in before.rows
    assert after.with_event("order", order("9", 1, 0.0) | {"at": None}).quarantine


@pytest.mark.parametrize("policy", ["net", "separate", "ignore"])
def test_events_added_one_by_one_equal_the_table(policy: Any) -> None:
    """A customer who gets his rows one by one, in any order, is the one that the table holds."""
    rng = random.Random(8)
    lines = [
        order(str(rng.randrange(6)), rng.randrange(20), rng.choice([5.0, 2.5, -5.0, 0.0]))
        for _ in range(40)
    ]
    table = pa.Table.from_pylist(lines, schema=pa.schema([
        ("who", pa.string()), ("no", pa.string()), ("at", pa.int64()), ("paid", pa.float64()),
        ("web", pa.string()),
    ]))  # fmt: skip
    held = History(Orders(table, ORDERS), returns=policy).customer("a")
    grown = Customer.from_rows("a", {}, {"order": ORDERS}, returns=policy)
    for line in rng.sample(lines, len(lines)):
        grown = grown.with_event("order", line)

    for before in range(-1, 22):
        assert grown.totals("order", before) == held.totals("order", before)


def test_rows_of_somebody_else_are_refused() -> None:
    """A row that carries another id is refused, also one of another type."""
    for who in ("b", 1):
        with pytest.raises(InvalidArgumentError, match="belongs to another customer"):
            Customer.from_rows("a", {"order": [order("1", 3, 1.5) | {"who": who}]}, COLUMNS)
    customer = Customer.from_rows("a", {}, COLUMNS)
    with pytest.raises(InvalidArgumentError, match="another customer"):
        customer.with_event("order", order("1", 3, 1.5, who="b"))


def test_a_row_of_nobody_does_not_count() -> None:
    """A row without a customer is quarantined, not given to whom it is read for."""
    customer = Customer.from_rows("a", {"order": [order("1", 3, 1.5, who=None)]}, COLUMNS)

    assert customer.totals("order", 10) is None
    assert [row.reason for row in customer.quarantine] == ["no_customer"]


def test_an_unknown_event_is_refused() -> None:
    """Rows of an event without a mapping are refused with the nearest."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'order'"):
        Customer.from_rows("a", {"orders": [order("1", 3, 1.5)]}, COLUMNS)
    with pytest.raises(InvalidArgumentError, match="did you mean 'scan'"):
        Customer.from_rows("a", {}, COLUMNS).with_event("scann", {"who": "a", "at": 1})


def test_what_a_table_refuses_a_customer_refuses() -> None:
    """Money that does not fit, and a column that is missing, are errors for one row as well."""
    with pytest.raises(MoneyScaleError):
        Customer.from_rows("a", {"order": [order("1", 3, 1.234)]}, COLUMNS)
    with pytest.raises(ColumnNotFoundError):
        Customer.from_rows("a", {"order": [{"who": "a"}]}, COLUMNS)


def test_carried_columns_reach_the_customer() -> None:
    """Roles and properties that are carried along stand in the rows, from a table too."""
    line = order("1", 3, 1.5) | {"web": "app"}
    scan = {"who": "a", "at": 7, "page": "首页"}
    read = Customer.from_rows("a", {"order": [line], "scan": [scan]}, COLUMNS)
    held = History({
        "order": Orders(pa.Table.from_pylist([line]), ORDERS),
        "scan": Events(pa.Table.from_pylist([scan]), SCANS),
    }).customer("a")  # fmt: skip

    for customer in (read, held):
        assert customer.rows["order"][0].carried == {"channel": "app"}
        assert customer.rows["scan"][0].carried == {"page": "首页"}
    assert read.rows == held.rows


def test_a_customer_is_frozen() -> None:
    """A customer cannot be changed."""
    customer = Customer.from_rows("a", {}, COLUMNS)

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        customer.customer_id = "b"  # type: ignore[misc]
