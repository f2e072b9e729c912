"""Totals by each returns policy, links of returns, and no leak, against plain Python."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.customers import Customer, History
from userops.errors import (
    DataWarning,
    EmptyHistoryError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.events import Events, Orders
from userops.testing import Engines, rows_of

START = dt.datetime(2024, 3, 30, tzinfo=dt.UTC)
POLICIES = ("net", "separate", "ignore")

row = st.fixed_dictionaries({
    "customer_id": st.sampled_from(["a", "b", "客户", None]),
    "order_id": st.sampled_from([f"o{i}" for i in range(8)]),
    "ordered_at": st.integers(0, 12).map(lambda h: START + dt.timedelta(hours=h * 4)),
    "amount": st.sampled_from([-20.02, -10.01, 0.0, 10.01, 20.02]),
    "product_id": st.sampled_from(["p", "q", None]),
    "quantity": st.sampled_from([1, 2]),
})  # fmt: skip
SCHEMA = pa.schema({
    "customer_id": pa.string(), "order_id": pa.string(),
    "ordered_at": pa.timestamp("us", "UTC"), "amount": pa.float64(), "product_id": pa.string(),
    "quantity": pa.int64(),
})  # fmt: skip


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Put rows into Arrow; a row with a negative amount has a negative quantity."""
    signed = [r | {"quantity": -r["quantity"] if r["amount"] < 0 else r["quantity"]} for r in rows]
    return pa.Table.from_pylist(signed, schema=SCHEMA)


def plain_totals(rows: list[dict[str, Any]], policy: str, before: dt.datetime) -> set[tuple]:
    """Say what `order_totals` should be, one row at a time."""
    found: dict[str, dict[str, Any]] = {}
    for r in rows:
        if r["customer_id"] is None or r["ordered_at"] >= before:
            continue
        mine = found.setdefault(r["customer_id"], {"orders": {}, "bought": 0, "back": 0, "n": 0})
        cents = round(r["amount"] * 100)
        if cents < 0:
            mine["back"] += cents
            mine["n"] += 1
            continue
        mine["bought"] += cents
        at = mine["orders"].get(r["order_id"], r["ordered_at"])
        mine["orders"][r["order_id"]] = min(at, r["ordered_at"])
    result = set()
    for who, mine in found.items():
        if mine["orders"]:
            last = int(max(mine["orders"].values()).timestamp() * 1_000_000)
            money = mine["bought"] + (mine["back"] if policy == "net" else 0)
            extra = (mine["back"], mine["n"]) if policy == "separate" else ()
            result.add((who, last, len(mine["orders"]), money, *extra))
    return result


def plain_links(rows: list[dict[str, Any]]) -> dict[tuple, list[str | None]]:
    """Match returns to purchases with a stack for each customer, product and quantity."""
    stacks: dict[tuple, list[str]] = {}
    links: dict[tuple, list[str | None]] = {}
    known = [r for r in rows if r["customer_id"] is not None]
    order = sorted(
        known,
        key=lambda r: (r["ordered_at"], r["amount"] < 0, r["order_id"], r["product_id"] or "",
                       -r["quantity"] if r["amount"] < 0 else r["quantity"],
                       round(r["amount"] * 100)),
    )  # fmt: skip
    for r in order:
        key = (r["customer_id"], r["product_id"], r["quantity"])
        if r["amount"] >= 0:
            if r["product_id"] is not None:
                stacks.setdefault(key, []).append(r["order_id"])
            continue
        stack = stacks.get(key, []) if r["product_id"] is not None else []
        links.setdefault(key, []).append(stack.pop() if stack else None)
    return {key: sorted(found, key=str) for key, found in links.items()}


@settings(max_examples=12, deadline=None)
@given(rows=st.lists(row, min_size=1, max_size=30), hour=st.integers(0, 13))
def test_totals_equal_plain_python(
    fast_engines: Engines, rows: list[dict[str, Any]], hour: int
) -> None:
    """Every engine's totals are those of a loop over the rows, for each policy and instant."""
    before = START + dt.timedelta(hours=hour * 4)
    for name in fast_engines.names:
        if name in {"ibis", "pandas-arrow", "polars-lazy"}:
            continue  # the same plans as their siblings; the conformance tests hold them equal
        native = fast_engines_native(name, rows)
        for policy in POLICIES:
            history = History(Orders(native), returns=policy)  # type: ignore[arg-type]
            got = {tuple(r.values()) for r in frames.to_rows(history.order_totals(before))}
            assert got == plain_totals(rows, policy, before), (name, policy)


def fast_engines_native(name: str, rows: list[dict[str, Any]]) -> Any:
    """Put rows into an engine."""
    from userops.testing import to_engine

    return to_engine(table_of(rows), name)


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(row, min_size=1, max_size=40))
def test_links_close_brackets(rows: list[dict[str, Any]]) -> None:
    """A return takes back the latest open purchase of its key, as a stack would."""
    links = History(Orders(table_of(rows))).linked_returns(START + dt.timedelta(days=9))
    got: dict[tuple, list[str | None]] = {}
    for r in links.to_pylist():
        key = (r["customer_id"], r["product_id"], abs(r["quantity"]))
        got.setdefault(key, []).append(r["linked_order_id"])
        assert (r["link"] == "match") == (r["linked_order_id"] is not None)
    assert {k: sorted(v, key=str) for k, v in got.items()} == plain_links(rows)


@settings(max_examples=15, deadline=None)
@given(rows=st.lists(row, min_size=1, max_size=30), hour=st.integers(1, 13))
def test_nothing_leaks_from_the_future(rows: list[dict[str, Any]], hour: int) -> None:
    """Totals, links and orders at an instant are those of the history cut there."""
    before = START + dt.timedelta(hours=hour * 4)
    cut = [r for r in rows if r["ordered_at"] < before]
    for policy in POLICIES:
        full = History(Orders(table_of(rows)), returns=policy)  # type: ignore[arg-type]
        past = History(Orders(table_of(cut)), returns=policy)  # type: ignore[arg-type]
        assert rows_of(full.order_totals(before).to_native()) == rows_of(
            past.order_totals(before).to_native()
        )
        assert rows_of(full.linked_returns(before)) == rows_of(past.linked_returns(before))
        assert rows_of(full.order_table(before)) == rows_of(past.order_table(before))


@settings(max_examples=25, deadline=None)
@given(rows=st.lists(row, min_size=1, max_size=30), hour=st.integers(0, 13))
def test_one_customer_equals_the_frame(rows: list[dict[str, Any]], hour: int) -> None:
    """A customer read from raw rows comes to the same totals as in the frame."""
    before = START + dt.timedelta(hours=hour * 4)
    before_us = int(before.timestamp()) * 1_000_000
    orders = Orders(table_of(rows))
    for policy in POLICIES:
        history = History(orders, returns=policy)  # type: ignore[arg-type]
        frame = {r["customer_id"]: r for r in frames.to_rows(history.order_totals(before))}
        for who in ("a", "b", "客户"):
            raw = [r for r in table_of(rows).to_pylist() if r["customer_id"] == who]
            alone = Customer.from_rows(
                who, {"order": raw}, {"order": orders.columns}, returns=policy
            )  # type: ignore[arg-type]
            totals = alone.totals("order", before_us)
            if who not in frame:
                assert totals is None
                continue
            assert totals is not None
            expected = tuple(frame[who].values())[1:]
            assert tuple(totals)[: len(expected)] == expected


def test_a_return_is_linked_by_the_order_it_names(fast_engines: Engines) -> None:
    """`return_of` outranks a match, must name an earlier order, and uses up that order's line."""
    at = [START + dt.timedelta(hours=h) for h in range(5)]
    table = pa.table({
        "customer_id": ["a"] * 5, "order_id": ["1", "2", "r1", "r2", "r3"], "ordered_at": at,
        "amount": [5.0, 5.0, -5.0, -5.0, -5.0], "product_id": ["p"] * 5,
        "quantity": [1, 1, -1, -1, -1], "return_of": [None, None, "2", "9", None],
    })  # fmt: skip

    def links(native: Any) -> Any:
        return History(Orders(native)).linked_returns(START + dt.timedelta(days=1))

    rows = [(r[1], r[5], r[6]) for r in fast_engines.check(links, table)]
    # Order 2 is taken by name; r2 names an order that is not there and takes 1; nothing is left.
    assert rows == [("r1", "2", "id"), ("r2", "1", "match"), ("r3", None, "none")]


def test_orders_net_of_their_returns(fast_engines: Engines) -> None:
    """An order knows what came back of it from the instant of the return, and not before."""
    table = pa.table({
        "customer_id": ["a", "a", "a"], "order_id": ["1", "1", "r"],
        "ordered_at": [START, START + dt.timedelta(hours=1), START + dt.timedelta(days=1)],
        "amount": [5.0, 7.0, -5.0], "product_id": ["p", "q", "p"], "quantity": [1, 1, -1],
    })  # fmt: skip

    def net(native: Any) -> Any:
        return History(Orders(native)).order_table(START + dt.timedelta(days=2))

    def early(native: Any) -> Any:
        return History(Orders(native)).order_table(START + dt.timedelta(days=1))

    start = START.timestamp()
    both = fast_engines.check_all({"net": net, "early": early}, table)
    assert both["net"] == [("a", "1", start, 12.0, -5.0, 7.0, False)]
    assert both["early"] == [("a", "1", start, 12.0, 0.0, 12.0, False)]


def test_links_without_a_way_to_link_warn() -> None:
    """Returns that cannot be linked by anything are not passed off as unlinked in silence."""
    bought = {"customer_id": "a", "order_id": "o1", "ordered_at": START, "amount": 10.01,
              "product_id": "p", "quantity": 1}  # fmt: skip
    back = bought | {"order_id": "o2", "amount": -10.01}
    table = table_of([bought, back]).select(["customer_id", "order_id", "ordered_at", "amount"])
    with pytest.warns(DataWarning, match="map return_of, or product_id and quantity"):
        History(Orders(table)).linked_returns("2024-04-01")


def test_a_history_refuses_tables_that_disagree() -> None:
    """Zones, id types, names and policies that cannot go together are named."""
    orders = Orders(table_of([]))
    scans = pa.table({"customer_id": [1], "occurred_at": [START]})
    with pytest.raises(InvalidDefinitionError, match="type of customer ids"):
        History({"order": orders, "scan": Events(scans)})
    with pytest.raises(InvalidDefinitionError, match="different zones"):
        History({"order": orders, "scan": Events(scans, time_zone="Asia/Shanghai")})
    with pytest.raises(InvalidDefinitionError, match="must be Events"):
        History({"scan": orders})
    with pytest.raises(InvalidDefinitionError, match="'net', 'separate', 'ignore'"):
        History(orders, returns="gross")  # type: ignore[arg-type]
    with pytest.raises(InvalidDefinitionError, match="must map names"):
        History({})
    with pytest.raises(InvalidArgumentError, match="has no orders"):
        History({"scan": scans}).orders  # noqa: B018
    with pytest.raises(InvalidArgumentError, match="did you mean 'order'"):
        History(orders).table("orders")


def test_a_customer_belongs_to_himself() -> None:
    """Rows of somebody else, unknown events and unknown customers are refused."""
    orders = Orders(table_of([]))
    columns = {"order": orders.columns}
    stranger = {"customer_id": "b", "order_id": "1", "ordered_at": START, "amount": 1.0,
                "product_id": None, "quantity": 1}  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="belongs to another customer"):
        Customer.from_rows("a", {"order": [stranger]}, columns)
    with pytest.raises(InvalidArgumentError, match="did you mean 'order'"):
        Customer.from_rows("a", {"orders": []}, columns)
    with pytest.raises(EmptyHistoryError, match="there is no customer 17850"):
        History(orders).customer(17850)
    assert Customer.from_rows("a", {"order": []}, columns).totals("order", 10**18) is None


def test_with_event_leaves_the_customer_as_he_was() -> None:
    """Context for one request makes a new customer; quarantined rows are kept with a reason."""
    columns = {"order": Orders(table_of([])).columns}
    base = {"customer_id": "a", "order_id": "1", "ordered_at": START, "amount": 1.0,
            "product_id": None, "quantity": 1}  # fmt: skip
    customer = Customer.from_rows("a", {"order": [base]}, columns)
    more = customer.with_event("order", base | {"order_id": "2", "amount": 2.5})
    worse = more.with_event("order", base | {"amount": None})
    assert [c.totals("order", 10**18).frequency for c in (customer, more, worse)] == [1, 2, 2]
    assert more.totals("order", 10**18).monetary_minor_units == 350
    assert [r.reason for r in worse.quarantine] == ["no_amount"]
    assert repr(worse) == "Customer('a', order=2, quarantined=1)"
