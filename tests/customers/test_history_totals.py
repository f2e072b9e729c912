"""Totals of customers: against a plain loop, for three policies, without a look at the future."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.customers import Customer, History
from userops.errors import EmptyHistoryError, InvalidArgumentError, InvalidDefinitionError
from userops.events import EventColumns, Events, OrderColumns, Orders

POLICIES = ("net", "separate", "ignore")
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SCHEMA = pa.schema([
    ("who", pa.string()), ("no", pa.string()), ("at", pa.int64()), ("cents", pa.int64()),
])  # fmt: skip
NAMED: dict[str, Any] = {
    "customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "cents", "scale": 0,
    "time_format": "epoch_us",
}  # fmt: skip
Line = tuple[str, str, int, int]

lines_of_orders = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "客户"]),
        st.sampled_from(["1", "2", "3", "4"]),
        st.integers(-3, 12),
        st.integers(-5, 5),
    ),
    max_size=25,
)
instants = st.integers(-4, 13)


def at(us: int) -> dt.datetime:
    """Return an instant as a point in time."""
    return EPOCH + dt.timedelta(microseconds=us)


def table_of(lines: Sequence[Line]) -> pa.Table:
    """Return order lines as a table."""
    rows = [dict(zip(SCHEMA.names, line, strict=True)) for line in lines]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def totals_by_loop(
    lines: Sequence[Line], before: int, policy: str, *, order_rows: bool = False
) -> dict[str, tuple[int, ...]]:
    """Return customer to (last, frequency, money[, returned, rows of returns]), by a plain loop."""
    found: dict[str, tuple[int, ...]] = {}
    for who in {line[0] for line in lines}:
        mine = [(i, *line) for i, line in enumerate(lines) if line[0] == who and line[2] < before]
        bought = [line for line in mine if line[4] >= 0]
        back = [line for line in mine if line[4] < 0]
        made: dict[object, int] = {}
        for number, _, no, moment, _ in bought:
            key = number if order_rows else no
            made[key] = min(moment, made.get(key, moment))
        if not made:
            continue
        gross, returned = sum(line[4] for line in bought), sum(line[4] for line in back)
        money = gross + returned if policy == "net" else gross
        found[who] = (max(made.values()), len(made), money)
        if policy == "separate":
            found[who] += (returned, len(back))
    return found


def totals_by_frame(history: History, before: int) -> dict[str, tuple[int, ...]]:
    """Return what the frame says, in the form of the loop."""
    rows = frames.to_rows(history.order_totals(at(before)))
    assert len({row["customer_id"] for row in rows}) == len(rows)
    assert all(type(v) is int for row in rows for k, v in row.items() if k != "customer_id")
    return {row.pop("customer_id"): tuple(row.values()) for row in rows}


def drawn_lines(size: int, seed: int, *, customers: int = 8, orders: int = 30) -> list[Line]:
    """Draw lines with ties in time, returns, zeros, and a customer who only returns."""
    rng = random.Random(seed)
    lines = [
        (
            f"c{rng.randrange(customers)}",
            str(rng.randrange(orders)),
            rng.randrange(40),
            rng.choice([0, 100, 250, 999, -100, -40]),
        )
        for _ in range(size)
    ]
    return [*lines, ("only returns", "1", 5, -10)]


@pytest.mark.parametrize("policy", POLICIES)
def test_totals_equal_a_loop_on_every_engine(engine: str, policy: Any, host: Any) -> None:
    """Recency, frequency and money of each customer are those of the loop, at several instants."""
    lines = drawn_lines(200, seed=5)
    history = History(Orders(host(table_of(lines), engine), **NAMED), returns=policy)

    for before in (0, 17, 41):
        assert totals_by_frame(history, before) == totals_by_loop(lines, before, policy)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=20, deadline=None)
@given(lines=lines_of_orders, before=instants)
def test_totals_of_any_lines_equal_a_loop(policy: Any, lines: list[Line], before: int) -> None:
    """Whatever the lines are, the totals are those of the loop; so they are for one customer.

    The customer is built from the table's rows, and from the host's own rows.
    """
    history = History(Orders(table_of(lines), **NAMED), returns=policy)
    expected = totals_by_loop(lines, before, policy)
    assert totals_by_frame(history, before) == expected

    width = 5 if policy == "separate" else 3
    columns = {"order": OrderColumns(**NAMED)}
    for who in {line[0] for line in lines}:
        raw = [dict(zip(SCHEMA.names, line, strict=True)) for line in lines if line[0] == who]
        for customer in (
            history.customer(who),
            Customer.from_rows(who, {"order": raw}, columns, returns=policy),
        ):
            totals = customer.totals("order", before)
            assert (None if totals is None else tuple(totals)[:width]) == expected.get(who)


@settings(max_examples=25, deadline=None)
@given(lines=lines_of_orders, before=instants)
def test_each_row_is_an_order_where_no_order_id_is_mapped(lines: list[Line], before: int) -> None:
    """Without an order id each purchase row counts as an order, in a frame and for a customer."""
    named = {k: v for k, v in NAMED.items() if k != "order_id"}
    history = History(Orders(table_of(lines), **named))
    expected = totals_by_loop(lines, before, "net", order_rows=True)

    assert totals_by_frame(history, before) == expected
    for who in {line[0] for line in lines}:
        totals = history.customer(who).totals("order", before)
        assert (None if totals is None else tuple(totals)[:3]) == expected.get(who)


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=10, deadline=None)
@given(lines=lines_of_orders, before=instants)
def test_totals_do_not_see_the_future(policy: Any, lines: list[Line], before: int) -> None:
    """Totals as of an instant are the same whether or not later rows are in the table."""
    full = History(Orders(table_of(lines), **NAMED), returns=policy)
    known = [line for line in lines if line[2] < before]
    cut = History(Orders(table_of(known), **NAMED), returns=policy)

    assert totals_by_frame(full, before) == totals_by_frame(cut, before)
    assert totals_by_frame(cut, before) == totals_by_frame(cut, 1000)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_return_counts_from_its_own_instant(policy: Any) -> None:
    """Before a return the money is whole; from its instant on the policy applies; orders stay."""
    lines = [("a", "1", 0, 100), ("a", "1", 10, -100)]
    history = History(Orders(table_of(lines), **NAMED), returns=policy)
    customer = history.customer("a")

    for before, money in ((10, 100), (11, 0 if policy == "net" else 100)):
        for found in (
            totals_by_frame(history, before)["a"],
            tuple(customer.totals("order", before) or ()),
        ):
            assert found[:3] == (0, 1, money)
    separate = customer.totals("order", 11)
    assert separate is not None
    assert (separate.returned_minor_units, separate.return_rows) == (
        (-100, 1) if policy == "separate" else (0, 0)
    )


def test_trap_01_conditional_sum_in_group_by(engine: str, host: Any) -> None:
    """Purchases and returns are told apart within one grouping on every engine.

    pandas and PyArrow ignore a condition inside an aggregation in silence.
    """
    lines = [("a", "1", 0, 100), ("a", "1", 1, -30), ("a", "2", 2, 5), ("b", "3", 3, 7)]
    history = History(Orders(host(table_of(lines), engine), **NAMED), returns="separate")

    assert totals_by_frame(history, 10) == {"a": (2, 2, 105, -30, 1), "b": (3, 1, 7, 0, 0)}


def test_trap_13_returns_alone_zeros_and_same_instants(kernel: str, host: Any) -> None:
    """Who only returned has no totals, an order of 0 counts, and equal instants are all counted."""
    lines = [
        ("only back", "1", 0, -5),
        ("free", "2", 0, 0),
        ("busy", "3", 7, 1),
        ("busy", "4", 7, 1),
    ]
    history = History(Orders(host(table_of(lines), kernel), **NAMED))

    assert totals_by_frame(history, 100) == {"free": (0, 1, 0), "busy": (7, 2, 2)}
    assert totals_by_frame(history, -1) == {}


def test_order_ids_are_of_their_customer(kernel: str, host: Any) -> None:
    """Two customers may have an order of the same id; it is two orders."""
    lines = [("a", "1", 0, 1), ("b", "1", 5, 1), ("a", "1", 3, 1)]
    history = History(Orders(host(table_of(lines), kernel), **NAMED))

    assert totals_by_frame(history, 100) == {"a": (0, 1, 2), "b": (5, 1, 1)}


def test_totals_are_lazy_and_of_the_engine(kernel: str, host: Any) -> None:
    """Totals come as a frame of the kernel, with the columns that are promised, in their order."""
    native = host(table_of(drawn_lines(10, seed=1)), kernel)
    for policy, more in (("net", []), ("separate", ["returned_minor_units", "return_rows"])):
        totals = History(Orders(native, **NAMED), returns=policy).order_totals("2024-01-01")

        assert totals.collect_schema().names() == [
            "customer_id", "last_us", "frequency", "monetary_minor_units", *more,
        ]  # fmt: skip


# --- events without money -------------------------------------------------------------------------


def scans_of(host: Any, engine: str, rows: list[tuple[str, int]]) -> Events:
    """Return scans, as (customer, instant)."""
    table = pa.table({
        "who": pa.array([who for who, _ in rows], pa.string()),
        "at": pa.array([us for _, us in rows], pa.int64()),
    })  # fmt: skip
    return Events(host(table, engine), customer_id="who", occurred_at="at", time_format="epoch_us")


def test_events_are_counted_on_every_engine(engine: str, host: Any) -> None:
    """The totals of an event are its latest instant and how often it was, before the instant."""
    rows = [("a", 0), ("a", 5), ("a", 5), ("b", 7), ("b", 8)]
    history = History({"scan": scans_of(host, engine, rows)})

    for before, expected in ((8, {"a": (5, 3), "b": (7, 1)}), (5, {"a": (0, 1)}), (0, {})):
        found = frames.to_rows(history.event_totals("scan", at(before)))
        assert {r["customer_id"]: (r["last_us"], r["frequency"]) for r in found} == expected
        for who in ("a", "b"):
            totals = history.customer(who).totals("scan", before)
            pair = None if totals is None else (totals.last_us, totals.frequency)
            assert pair == expected.get(who)


def test_event_totals_of_orders_leave_money_out(host: Any) -> None:
    """Asked for as an event, orders give recency and frequency, their returns not counted."""
    lines = [("a", "1", 0, 100), ("a", "1", 9, -100), ("b", "2", 3, -1)]
    history = History(Orders(table_of(lines), **NAMED))
    found = frames.to_rows(history.event_totals("order", at(100)))

    assert found == [{"customer_id": "a", "last_us": 0, "frequency": 1}]
    assert host(table_of(lines), "pyarrow").num_rows == 3


# --- a whole history ------------------------------------------------------------------------------


def test_a_history_of_several_tables(host: Any) -> None:
    """A history names its tables, hands them out, checks them, and reads a customer from each."""
    orders = Orders(table_of([("a", "1", 0, 100), ("b", "2", 0, 5)]), **NAMED)
    scans = scans_of(host, "pyarrow", [("a", 3), ("c", 4)])
    history = History({"order": orders, "scan": scans})

    assert history.orders is orders
    assert history.table("scan") is scans
    assert history.check() is history
    assert {name: q.rows for name, q in history.quality.items()} == {"order": 2, "scan": 2}
    assert "scan" in repr(history)
    assert "net" in repr(history)
    assert repr(history.customer("a")) == "Customer('a', order=1, scan=1)"
    assert repr(history.customer("c")) == "Customer('c', order=0, scan=1)"
    assert history.customer("c").totals("order", 100) is None


def test_a_frame_of_the_names_of_roles_is_enough() -> None:
    """A plain frame whose columns carry the names of the roles becomes a table of a history."""
    orders = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-05"], "amount": [9.5]})
    scans = pa.table({"customer_id": ["a"], "occurred_at": ["2024-01-06"]})
    history = History({"order": orders, "scan": scans})

    assert frames.to_rows(history.order_totals("2024-02-01"))[0]["monetary_minor_units"] == 950
    assert frames.to_rows(history.event_totals("scan", "2024-02-01"))[0]["frequency"] == 1


ORDERS = Orders(table_of([("a", "1", 0, 100)]), **NAMED)
SCANS = Events(
    pa.table({"who": ["a"], "at": [1]}), customer_id="who", occurred_at="at", time_format="epoch_us"
)


@pytest.mark.parametrize(
    ("events", "field"),
    [
        ({}, "events"),
        (None, "events"),
        ([ORDERS], "events"),
        (5, "events"),
        (SCANS, "events['order']"),
        ({"order": SCANS}, "events['order']"),
        ({"scan": ORDERS}, "events['scan']"),
    ],
)
def test_tables_that_do_not_fit_their_names_are_refused(events: Any, field: str) -> None:
    """A history that is no mapping, or in which a table stands under a wrong name, is refused."""
    with pytest.raises(InvalidDefinitionError) as caught:
        History(events)
    assert caught.value.field == field


@pytest.mark.parametrize("policy", ["nett", "", None, ["net"], True])
def test_an_unknown_policy_is_refused(policy: Any) -> None:
    """A returns policy that is not known is refused with the known ones."""
    with pytest.raises(InvalidDefinitionError, match="'separate'") as caught:
        History(ORDERS, returns=policy)
    assert caught.value.field == "returns"


def test_tables_of_different_zones_are_refused() -> None:
    """Tables that count days in different zones are refused, naming both."""
    elsewhere = Events(
        pa.table({"who": ["a"], "at": [1]}), customer_id="who", occurred_at="at",
        time_format="epoch_us", time_zone="Asia/Shanghai",
    )  # fmt: skip
    with pytest.raises(InvalidDefinitionError, match="Asia/Shanghai") as caught:
        History({"order": ORDERS, "scan": elsewhere})
    assert "time_zone" in str(caught.value)


def test_tables_of_different_types_of_id_are_refused() -> None:
    """Tables that disagree whether ids are text or whole numbers are refused."""
    numbered = Events(
        pa.table({"who": [1], "at": [1]}), customer_id="who", occurred_at="at",
        time_format="epoch_us",
    )  # fmt: skip
    with pytest.raises(InvalidDefinitionError, match="whole numbers"):
        History({"order": ORDERS, "scan": numbered})


def test_a_history_without_orders_says_so() -> None:
    """What needs orders says which events there are instead."""
    history = History({"scan": SCANS})

    for ask in (
        lambda: history.orders,
        lambda: history.order_totals("2024-01-01"),
        lambda: history.linked_returns("2024-01-01"),
        lambda: history.order_table("2024-01-01"),
    ):
        with pytest.raises(InvalidArgumentError, match="scan"):
            ask()


def test_an_unknown_event_names_the_nearest() -> None:
    """An event that the history does not have is answered with the nearest."""
    history = History({"order": ORDERS, "scan": SCANS})

    with pytest.raises(InvalidArgumentError, match="did you mean 'scan'"):
        history.event_totals("scam", "2024-01-01")
    with pytest.raises(InvalidArgumentError, match="did you mean 'scan'"):
        history.customer("a").totals("scam", 0)


@pytest.mark.parametrize("as_of", [None, 20240101, "last week", "2024-02-30", float("nan")])
def test_an_instant_that_is_none_is_refused(as_of: Any) -> None:
    """What is no point in time is refused wherever an instant is asked for."""
    history = History(ORDERS)
    for ask in (history.order_totals, history.linked_returns, history.order_table):
        with pytest.raises(InvalidArgumentError, match="as_of"):
            ask(as_of)


def test_as_of_a_date_is_the_start_of_the_day_in_the_zone(kernel: str, host: Any) -> None:
    """A bare date ends the history at local midnight: an order at that instant is not in it."""
    midnight = (dt.datetime(2024, 1, 30, 16, tzinfo=dt.UTC) - EPOCH) // dt.timedelta(microseconds=1)
    lines = [("a", "1", midnight - 1, 1), ("b", "2", midnight, 1)]
    history = History(Orders(host(table_of(lines), kernel), **NAMED, time_zone="Asia/Shanghai"))

    found = frames.to_rows(history.order_totals("2024-01-31"))
    assert [row["customer_id"] for row in found] == ["a"]


def test_a_customer_that_is_not_there_is_an_error(kernel: str, host: Any) -> None:
    """A customer whom no table knows is an error that reminds of the type of ids."""
    history = History(Orders(host(table_of([("a", "1", 0, 1)]), kernel), **NAMED))

    with pytest.raises(EmptyHistoryError, match="'z'"):
        history.customer("z")


@pytest.mark.parametrize("ids", [["1", "2"], [1, 2]], ids=["text", "numbers"])
def test_an_id_of_another_type_is_another_customer(engine: str, ids: list[Any], host: Any) -> None:
    """17850 and "17850" are two customers: asking with the wrong type finds nobody."""
    table = pa.table({"who": ids, "at": [1, 2], "cents": [1, 1]})
    named = {k: v for k, v in NAMED.items() if k != "order_id"}
    history = History(Orders(host(table, engine), **named))
    wrong = int(ids[0]) if isinstance(ids[0], str) else str(ids[0])

    with pytest.raises(EmptyHistoryError):
        history.customer(wrong)


def test_ids_above_int64_are_customers_like_others(engine: str, host: Any) -> None:
    """Ids above 2**63 as text, and as unsigned numbers, keep every digit."""
    for top in ("18446744073709551617", 2**64 - 1):
        ids = pa.array([top, top], pa.uint64() if isinstance(top, int) else pa.string())
        table = pa.table({"who": ids, "at": [1, 2], "cents": [1, 1]})
        named = {k: v for k, v in NAMED.items() if k != "order_id"}
        history = History(Orders(host(table, engine), **named))

        found = frames.to_rows(history.order_totals("2024-01-01"))
        assert [(int(r["customer_id"]), r["frequency"]) for r in found] == [(int(top), 2)]


def test_unresolved_and_quarantined_rows_have_no_customer() -> None:
    """Rows without a customer yet, or quarantined, are in no total."""
    table = pa.table({
        "who": ["a", None, None], "wx": ["x", "o1", None], "at": [1, 1, 1], "cents": [5, 6, 7],
    })  # fmt: skip
    columns = EventColumns(customer_id="who", occurred_at="at", time_format="epoch_us")
    orders = Orders(
        table, customer_id="who", ordered_at="at", amount="cents", scale=0,
        time_format="epoch_us", identifiers={"openid": "wx"},
    )  # fmt: skip
    history = History(orders)

    assert totals_by_frame(history, 10) == {"a": (1, 1, 5)}
    assert (orders.audit.unresolved, orders.audit.quarantined) == (1, {"no_customer": 1})
    assert History({"scan": Events(table, columns)}).customer("a").totals("scan", 10) is not None
