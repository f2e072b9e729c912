"""What callers pass: ids from frames, policies, zones, and names that mean something else."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from userops import RFM, Customer, Events, History, Orders
from userops.errors import DataWarning, EmptyHistoryError, InvalidArgumentError, UserOpsError
from userops.events import OrderColumns
from userops.events.columns import EventColumns

DAY = dt.datetime.fromisoformat("2024-01-05")
NAMES: dict[str, Any] = {"customer_id": "who", "ordered_at": "at", "amount": "paid"}


def orders_of(ids: Any, **other: Any) -> Orders:
    """Return one order of ten for each id."""
    frame = pd.DataFrame({"who": ids, "at": [DAY] * len(ids), "paid": [10.0] * len(ids)})
    return Orders(frame, **(NAMES | other))


@pytest.mark.parametrize("ids", [[1, 2, 3], ["a", "b", "c"]])
def test_an_id_out_of_a_frame_is_an_id(ids: list[Any]) -> None:
    """Numpy's integers and texts, as pandas hands them out, find their customer."""
    orders = orders_of(ids)
    model = RFM(segments=None).fit(orders, as_of="2024-02-01")
    for who in np.array(ids):
        customer = History(orders).customer(who)
        assert customer.customer_id == who
        assert type(customer.customer_id) in (int, str)
        assert model.score_one(customer) == model.explain(who).score
        rows = [{"who": who, "at": DAY, "paid": 10.0}]
        assert Customer.from_rows(who, {"order": rows}, {"order": OrderColumns(**NAMES)}).totals(
            "order", 2**60
        )


@pytest.mark.parametrize("who", [1.0, None, True, float("nan"), (1,), "\ud800"])
def test_what_is_no_id_is_refused_by_name(who: Any) -> None:
    """A float, a missing value or a boolean is no id; the error says what is."""
    orders = orders_of(["a"])
    model = RFM(segments=None).fit(orders, as_of="2024-02-01")
    with pytest.raises(InvalidArgumentError, match="text or a whole number"):
        History(orders).customer(who)
    with pytest.raises(InvalidArgumentError, match="text or a whole number"):
        model.explain(who)
    with pytest.raises(InvalidArgumentError, match="is not a Customer"):
        model.score_one(who)


def test_an_id_of_the_other_type_is_nobody() -> None:
    """17850 and '17850' are two customers."""
    with pytest.raises(EmptyHistoryError, match="ids are whole numbers here, and 1 is a customer"):
        History(orders_of([1])).customer("1")


def test_explaining_an_id_as_of_another_instant_says_how() -> None:
    """The fitted customers stand as of the fit; for another instant a customer is needed."""
    model = RFM(segments=None).fit(orders_of([1]), as_of="2024-02-01")
    assert model.explain(1, as_of="2024-02-01").score.frequency == 1
    with pytest.raises(InvalidArgumentError, match=r"history\.customer") as caught:
        model.explain(1, as_of="2024-03-01")
    assert caught.value.argument == "as_of"


def test_an_unknown_policy_is_refused_for_one_customer_too() -> None:
    """A misspelt policy would net in silence."""
    with pytest.raises(UserOpsError, match="'net', 'separate', 'ignore'"):
        Customer.from_rows("a", {}, {"order": OrderColumns(**NAMES)}, returns="nett")  # type: ignore[arg-type]


def test_a_zone_has_one_name() -> None:
    """Utc and UTC are one zone, for a history and for a model."""
    orders = orders_of([1], time_zone="utc")
    model = RFM(segments=None).fit(orders, as_of="2024-02-01")
    assert model.score_one(History(orders).customer(1)) is not None
    scans = Events(pd.DataFrame({"who": [1], "at": [DAY]}), customer_id="who", occurred_at="at")
    assert History({"order": orders, "scan": scans}).zone.name == "UTC"


def test_properties_of_events_may_be_called_like_columns_of_orders() -> None:
    """A property `is_return` of an event is no return of an order."""
    table = pa.table(
        {"who": [1, 1], "at": [DAY] * 2, "is_return": [True, False], "order_id": [7, 8]}
    )
    columns = EventColumns(
        customer_id="who", occurred_at="at", properties=("is_return", "order_id")
    )
    history = History({"scan": Events(table, columns)})
    customer = history.customer(1)
    rows = Customer.from_rows(1, {"scan": table.to_pylist()}, {"scan": columns})

    assert customer.totals("scan", 2**60) == rows.totals("scan", 2**60)
    assert [dict(row.carried) for row in customer.rows["scan"]] == [
        {"is_return": True, "order_id": 7}, {"is_return": False, "order_id": 8},
    ]  # fmt: skip
    with pytest.raises(UserOpsError, match="mean something else"):
        EventColumns(customer_id="who", occurred_at="at", properties=("customer_id",))


def test_an_order_id_that_is_not_mapped_is_mentioned() -> None:
    """A column called order_id that is not mapped changes what an order is, so it is said."""
    frame = pd.DataFrame({"who": [1], "at": [DAY], "paid": [1.0], "order_id": [1]})
    with pytest.warns(DataWarning, match="order_id=None if that is meant"):
        Orders(frame, **NAMES)
    Orders(frame, **NAMES, order_id=None)
    Orders(frame, **NAMES, order_id="order_id")


@pytest.mark.parametrize(
    ("events", "columns"),
    [
        ([{}], {"order": OrderColumns(**NAMES)}),
        ({"order": {}}, {"order": OrderColumns(**NAMES)}),
        ({"order": pd.DataFrame()}, {"order": OrderColumns(**NAMES)}),
        ({"order": ["row"]}, {"order": OrderColumns(**NAMES)}),
        ({"order": []}, OrderColumns(**NAMES)),
        ({"order": []}, {"order": dict(NAMES)}),
    ],
)
def test_rows_of_another_shape_are_refused(events: Any, columns: Any) -> None:
    """One row, a frame, or a bare mapping in place of rows and columns is refused by name."""
    with pytest.raises(InvalidArgumentError, match="Allowed: "):
        Customer.from_rows("a", events, columns)
