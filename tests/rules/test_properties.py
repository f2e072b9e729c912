"""Properties of events, whatever a host calls them and in whichever type it keeps them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from tests.rules.small_shop import FAST, answered

from userops import History, Orders
from userops.rules import Did, WeightedTop
from userops.testing import to_engine

D = Did("order")


def build(engine: str, **properties: Any) -> History:
    """Return one customer's orders, with further properties."""
    rows = len(next(iter(properties.values())))
    table = pa.table({
        "who": ["a"] * rows,
        "no": [f"o{n}" for n in range(rows)],
        "at": [dt.datetime(2024, 1, 1 + n, tzinfo=dt.UTC) for n in range(rows)],
        "paid": [1.0] * rows,
        **properties,
    })  # fmt: skip
    return History(Orders(
        to_engine(table, engine), customer_id="who", order_id="no", ordered_at="at",
        amount="paid", properties=tuple(properties),
    ))  # fmt: skip


def test_a_property_may_be_called_as_what_is_made_of_another() -> None:
    """The units of `price` and the weights of `cat` are kept apart from properties so called."""
    given = {
        "price": [1.5, 2.5], "price_units": [7, 8], "cat": ["x", "y"], "cat_weight_1": [3, 4],
        "cat_weight_2": [5, 6], "cat_weight_3": [5, 6], "cat_weight_4": [5, 6],
    }  # fmt: skip
    members = {
        "price": D.sum("price"), "units": D.sum("price_units"), "mean": D.mean("price"),
        "top": WeightedTop(D, of="cat", weights={"x": 2, "y": 9}),
        **{name: D.sum(name) for name in given if name.startswith("cat_")},
    }  # fmt: skip

    found = answered(members, lambda engine: build(engine, **given), "2024-02-01", FAST)

    assert found["a"] == {
        "price": 4.0, "units": 15, "mean": 2.0, "top": "y", "cat_weight_1": 7, "cat_weight_2": 11,
        "cat_weight_3": 11, "cat_weight_4": 11,
    }  # fmt: skip
