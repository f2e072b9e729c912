"""Columns that Arrow joins nothing with: nulls alone, lists, structures; mapped or not."""

from __future__ import annotations

from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from userops import Events, History, Orders
from userops.core import frames
from userops.customers import Customers, IdentifierKind, IdentityGraph, Phone, pseudonymise
from userops.rules import Attr, Did, Prop, RuleSet

AS_OF = "2024-04-01"
GRAPH = IdentityGraph(
    [
        IdentifierKind("phone", normaliser=Phone("CN")),
        IdentifierKind("tb"),
        IdentifierKind("openid"),
    ]
)
EMPTY = ("category", "coupon", "channel", "source", "product_id", "return_of", "quantity", "cost")
ROWS = [
    {"m": None, "o": "ox", "t": None, "n": "A", "d": "2024-02-01", "a": 1.0, "l": [1]},
    {"m": "m1", "o": "ox", "t": None, "n": "B", "d": "2024-03-02", "a": 2.0, "l": [2]},
    {"m": "m1", "o": None, "t": None, "n": "C", "d": "2024-03-03", "a": -0.5, "l": None},
]
SCANS = [{"customer_id": "m1", "occurred_at": "2024-01-01", "poster": None, "tags": {"a": 1}}]
PEOPLE = [{"customer_id": "m1", "name": None, "city": "杭州"}]


def frame_of(rows: list[dict[str, Any]], kind: str) -> Any:
    """Return rows as a host holds them who knows no types."""
    if kind == "pandas":
        return pd.DataFrame(rows)
    table = pa.Table.from_pylist(rows)
    return pl.from_arrow(table) if kind == "polars" else table


@pytest.mark.filterwarnings("ignore:no return can be linked")
@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "polars"])
@pytest.mark.parametrize("is_mapped", [False, True])
def test_a_column_of_nulls_alone_does_not_stop_a_history(kind: str, is_mapped: bool) -> None:
    """An export has empty columns; persons, returns, rules and pseudonyms come out all the same."""
    rows = [{**row, **dict.fromkeys(EMPTY)} for row in ROWS]
    more: dict[str, Any] = {name: name for name in EMPTY} if is_mapped else {}
    orders = Orders(
        frame_of(rows, kind), customer_id="m", order_id="n", ordered_at="d", amount="a",
        identifiers={"openid": "o", **({"tb": "t"} if is_mapped else {})}, **more,
    )  # fmt: skip
    scans = Events(
        frame_of(SCANS, kind), customer_id="customer_id", occurred_at="occurred_at",
        source="poster" if is_mapped else None,
    )  # fmt: skip
    people = Customers(frame_of(PEOPLE, kind), attributes=["name", "city"])
    history = History({"order": orders, "scan": scans}, customers=people).with_identities(GRAPH)
    table = frames.to_rows(frames.read(history.order_table(AS_OF)).frame)
    assert {row["order_id"]: row["customer_id"] for row in table} == {"A": "m1", "B": "m1"}
    assert frames.read(history.linked_returns(AS_OF)).frame.collect().shape[0] == 1
    rules = RuleSet(
        {
            "orders": Did("order").count(),
            "scans": Did("scan").where(Prop("source") == "lift-1").count(),
            "name": Attr("name"),
            "city": Attr("city"),
        }
        if is_mapped
        else {"orders": Did("order").count(), "name": Attr("name")}
    )
    (answer,) = frames.to_rows(frames.read(rules.answer(history, AS_OF)).frame)
    assert answer["orders"] == 2
    assert answer["name"] is None
    assert repr(history.customer("m1", AS_OF)) == "Customer('m1', order=3, scan=1, attributes=1)"
    assert history.erase("m1").removed["events['order']"] == 3
    under = pseudonymise(history, b"k" * 32).order_table(AS_OF)
    assert len(frames.to_rows(frames.read(under).frame)) == 2


@pytest.mark.parametrize("kind", ["pandas", "pyarrow", "polars"])
def test_returns_beside_a_column_of_nulls_alone(kind: str) -> None:
    """Without identities, too: an empty category does not stop the netting of returns."""
    rows = [{**row, "m": "m1", "category": None} for row in ROWS]
    orders = Orders(
        frame_of(rows, kind), customer_id="m", order_id="n", ordered_at="d", amount="a",
        category="category", return_of="t",
    )  # fmt: skip
    table = frames.to_rows(frames.read(History(orders).order_table(AS_OF)).frame)
    assert [row["net_amount"] for row in sorted(table, key=lambda r: r["order_id"])] == [1.0, 2.0]
