"""Erasing one person: nothing of him is left, and everybody else is who he was, to the last row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.by_engine import instants

from userops import History, Orders
from userops.core import frames
from userops.customers import (
    Erasure,
    IdentifierKind,
    IdentityDecisions,
    IdentityGraph,
    Links,
    Reach,
)
from userops.errors import DataError, EmptyHistoryError, InvalidArgumentError
from userops.rules import Attr, Did, RuleSet
from userops.testing import to_engine

AS_OF = "2024-12-01"
Row = tuple[str | None, str | None, str | None, str]
LINK = ("left_kind", "left_value", "right_kind", "right_value")
OPENID = IdentifierKind("openid")


def orders_of(
    rows: list[Row], engine: str = "pyarrow", events: list[str] | None = None, **named: Any
) -> Orders:
    """Return orders: customer, phone, openid, number; each a day later, paid twice as much."""
    columns = {
        name: pa.array([row[n] for row in rows], pa.string())
        for n, name in enumerate(("who", "tel", "open", "no"))
    }
    columns["at"] = instants(*(f"2024-01-{n + 1:02}" for n in range(len(rows))))
    columns["paid"] = pa.array([2**n for n in range(len(rows))])
    if events is not None:
        columns["event"] = pa.array(events, pa.string())
    return Orders(
        to_engine(pa.table(columns), engine), customer_id="who", order_id="no", ordered_at="at",
        amount="paid", identifiers={"phone": "tel", "openid": "open"}, **named,
    )  # fmt: skip


def log_of(rows: list[tuple[str | None, str, str, str]], engine: str = "pyarrow") -> Reach:
    """Return a log of reach: customer, kind, value and status, each a day later."""
    names = ("customer_id", "identifier_kind", "identifier_value", "status")
    columns = {n: pa.array([row[i] for row in rows], pa.string()) for i, n in enumerate(names)}
    columns["occurred_at"] = instants(*(f"2024-02-{n + 1:02}" for n in range(len(rows))))
    return Reach(to_engine(pa.table(columns), engine))


def order_rows(history: History) -> list[tuple[Any, ...]]:
    """Return the rows of the order table."""
    rows = frames.to_rows(frames.read(history.order_table(AS_OF)).frame)
    return sorted((r["customer_id"], r["order_id"], r["net_amount"]) for r in rows)


def check_others(history: History, erasure: Erasure[History], gone: str) -> None:
    """Check that the orders of all others are theirs as before, and that he is not found."""
    assert order_rows(erasure.history) == [row for row in order_rows(history) if row[0] != gone]
    with pytest.raises(EmptyHistoryError, match="nobody called"):
        erasure.history.export(gone)


def test_a_row_of_reach_with_the_phone_of_another_does_not_name_him_any_more(kernel: str) -> None:
    """The opt-in belongs to the phone, which was refused to him, and so to its own person."""
    graph = IdentityGraph([IdentifierKind("phone", most_per_person=1), OPENID])
    rows: list[Row] = [("m1", "P2", None, "1"), (None, "P1", None, "2")]
    log = log_of([("m1", "phone", "P1", "opted_in")], kernel)
    history = History(orders_of(rows, kernel), reach=log).with_identities(graph)
    erasure = history.erase("m1")
    assert erasure.removed == {"events['order']": 1, "reach": 0}
    assert erasure.blanked == {"reach": 1}
    (left,) = frames.to_rows(frames.read(erasure.tables["reach"]).frame)
    assert (left["customer_id"], left["identifier_value"]) == (None, "P1")
    check_others(history, erasure, "m1")
    rule = Attr("reachable_by_phone")
    assert rule.answer_one(erasure.history.customer("phone:P1", AS_OF), AS_OF) is True


def test_a_refused_link_that_names_him_goes(kernel: str) -> None:
    """It is about him, whoever stands on its other side."""
    graph = IdentityGraph([IdentifierKind("phone", most_per_person=1), OPENID])
    table = pa.table({
        **{n: [v] for n, v in zip(LINK, ("customer_id", "m1", "phone", "P1"), strict=True)},
        "seen_at": instants("2024-02-01"),
    })  # fmt: skip
    rows: list[Row] = [("m1", "P2", None, "1"), (None, "P1", None, "2")]
    history = History(orders_of(rows, kernel)).with_identities(
        graph, links=Links(to_engine(table, kernel))
    )
    assert len(history.export("m1")["tables"]["links[0]"]) == 1
    erasure = history.erase("m1")
    assert erasure.removed == {"events['order']": 1, "links[0]": 1}
    check_others(history, erasure, "m1")


def test_two_whom_hand_decisions_kept_from_his_phone_stay_two(kernel: str) -> None:
    """Neither a decision nor a row with his phone is left, so nothing makes them one."""
    rows: list[Row] = [("m1", "P", None, "1"), ("m2", "P", None, "3"), ("m3", "P", None, "4")]
    log = IdentityDecisions()
    for member in ("m2", "m3"):
        log = log.unbind(
            ("phone", "P"), ("customer_id", member), author="li", reason="x",
            decided_at="2024-01-10",
        )  # fmt: skip
    graph = IdentityGraph([IdentifierKind("phone"), OPENID])
    history = History(orders_of(rows, kernel)).with_identities(graph, decisions=log)
    erasure = history.erase("m1")
    assert erasure.removed == {"events['order']": 1, "decisions": 2}
    assert erasure.blanked == {"events['order']": 2}
    assert len(erasure.tables["decisions"]) == 0
    check_others(history, erasure, "m1")
    assert "his ids blanked in 2 rows of others" in repr(erasure)
    assert "was shared: customer_id:m2 - phone:P" in repr(erasure)


def test_a_limit_that_he_filled_joins_nobody_when_he_is_gone(kernel: str) -> None:
    """Four accounts with one phone, two of a person: the other two do not become one."""
    kinds = [IdentifierKind("customer_id", most_per_person=2), IdentifierKind("phone"), OPENID]
    rows: list[Row] = [(m, "P", None, str(n)) for n, m in enumerate(("m1", "m4", "m2", "m3"))]
    history = History(orders_of(rows, kernel)).with_identities(IdentityGraph(kinds))
    assert {row[0] for row in order_rows(history)} == {"m1", "m2", "m3"}
    check_others(history, history.erase("m4"), "m1")


def test_his_openid_in_a_row_that_is_anothers_by_its_phone_is_blanked(kernel: str) -> None:
    """A row without a customer id that holds ids of two persons does not stop an erasure."""
    graph = IdentityGraph([
        IdentifierKind("customer_id", most_per_person=1, priority=9),
        IdentifierKind("phone", priority=2), OPENID,
    ])  # fmt: skip
    rows: list[Row] = [("m1", None, "oB", "1"), ("m2", "P1", None, "2"), (None, "P1", "oB", "3")]
    history = History(orders_of(rows, kernel)).with_identities(graph)
    erasure = history.erase("m1")
    assert erasure.blanked == {"events['order']": 1}
    kept = frames.to_rows(frames.read(erasure.tables["events['order']"]).frame)
    assert {(r["no"], r["tel"], r["open"]) for r in kept} == {("2", "P1", None), ("3", "P1", None)}
    check_others(history, erasure, "m1")


def test_only_an_id_erases_somebody(engine: str) -> None:
    """True and 1.0 are no customer 1; what is no id is refused before it is compared."""
    table = pa.table(
        {"customer_id": [1, 2], "ordered_at": instants(*["2024-01-05"] * 2), "amount": [1, 2]}
    )
    history = History(Orders(to_engine(table, engine)))
    odds: list[Any] = [True, 1.0, None, [1], np.bool_(True)]
    for odd in odds:
        for ask in (history.erase, history.export, history.customer):
            with pytest.raises(InvalidArgumentError, match="cannot be an id"):
                ask(odd)
    one: Any = np.int64(1)
    assert history.erase(one).customer_id == 1


def test_who_was_first_seen_in_his_rows_keeps_his_name(kernel: str) -> None:
    """That, and no more, is kept as a table of links: a name is the identifier first seen."""
    graph = IdentityGraph([
        IdentifierKind("customer_id", most_per_person=1, priority=9),
        IdentifierKind("phone", priority=2), IdentifierKind("openid", most_per_person=1),
    ])  # fmt: skip
    rows: list[Row] = [("m1", None, "oA", "1"), ("m1", None, "oB", "2"), (None, "P1", None, "3"),
                       (None, "P1", "oB", "4")]  # fmt: skip
    history = History(orders_of(rows, kernel)).with_identities(graph)
    assert {row[0] for row in order_rows(history)} == {"m1", "openid:oB"}
    erasure = history.erase("m1")
    (seen,) = frames.to_rows(frames.read(erasure.tables["links[0]"]).frame)
    assert [seen[name] for name in LINK] == ["openid", "oB"] * 2
    assert str(seen["seen_at"].date()) == "2024-01-02"
    check_others(history, erasure, "m1")
    again = History(orders_of(rows, kernel)).with_identities(graph).erase("openid:oB")
    assert again.tables.keys() == {"events['order']"}


def test_an_erasure_that_would_change_others_is_refused() -> None:
    """His phone stood between two ids of a row, because it outranks them; the error says so."""
    graph = IdentityGraph([
        IdentifierKind("phone", priority=9), IdentifierKind("customer_id", most_per_person=1),
        OPENID,
    ])  # fmt: skip
    rows: list[Row] = [("m1", "P", None, "1"), ("m1", "P", None, "2"), (None, None, "oB", "3"),
                       ("m2", "P", "oB", "4")]  # fmt: skip
    log = IdentityDecisions().unbind(
        ("phone", "P"), ("openid", "oB"), author="li", reason="x", decided_at="2024-01-10"
    )
    history = History(orders_of(rows)).with_identities(graph, decisions=log)
    assert {row[0] for row in order_rows(history)} == {"m1", "m2", "openid:oB"}
    with pytest.raises(DataError, match="openid:oB would be m2") as refused:
        history.erase("m1")
    assert "IdentityDecisions.unbind" in str(refused.value)
    apart = log.unbind(
        ("customer_id", "m2"), ("openid", "oB"), author="li", reason="x", decided_at="2024-01-10"
    )
    history = history.with_identities(graph, decisions=apart)
    check_others(history, history.erase("m1"), "m1")


def test_a_repeat_of_his_event_does_not_begin_to_count() -> None:
    """Which row of two with one event id counts is told by both: the other is looked at first."""
    graph = IdentityGraph([IdentifierKind("phone"), OPENID])
    rows: list[Row] = [("m1", None, None, "1"), ("m2", None, None, "2"), ("m2", None, None, "3")]
    for events, is_refused in ((["a", "a", "b"], True), (["a", "b", "b"], False)):
        whole = History(orders_of(rows, events=events, event_id="event"))
        for history in (whole, whole.with_identities(graph)):
            if is_refused:
                with pytest.raises(DataError, match=r"2 instead of 1.*repeat an event of his"):
                    history.erase("m1")
            else:
                check_others(history, history.erase("m1"), "m1")


def test_an_opt_out_of_a_shared_phone_stays_without_identities(kernel: str) -> None:
    """Who shares a phone with him is not written to because he was forgotten."""
    log = log_of(
        [("m2", "phone", "P", "opted_in"), ("m1", "phone", "P", "opted_out"),
         ("m1", "phone", "Q", "opted_in")], kernel,
    )  # fmt: skip
    history = History(
        orders_of([("m1", None, None, "1"), ("m2", None, None, "2")], kernel), reach=log
    )
    rules = RuleSet({"can": Attr("reachable_by_phone"), "n": Did("order").count()})

    def said(of: History) -> dict[str, tuple[Any, ...]]:
        rows = frames.to_rows(frames.read(rules.answer(of, AS_OF)).frame)
        return {row["customer_id"]: (row["can"], row["n"]) for row in rows}

    assert said(history) == {"m1": (True, 1), "m2": (False, 1)}
    erasure = history.erase("m1")
    assert erasure.removed["reach"] == erasure.blanked["reach"] == 1
    assert said(erasure.history) == {"m2": (False, 1)}
    assert rules.answer_one(erasure.history.customer("m2"), AS_OF)["can"] is False
    check_others(history, erasure, "m1")


def test_a_column_that_tells_rows_apart_is_not_blanked() -> None:
    """An openid that is the order number as well is named by the proof, and nothing is removed."""
    graph = IdentityGraph([
        IdentifierKind("customer_id", most_per_person=1, priority=9), OPENID,
    ])  # fmt: skip
    table = pa.table({
        "who": ["m1", "m1", "m2"], "no": ["oA", "oA", "oA"],
        "at": instants("2024-01-01", "2024-01-02", "2024-01-03"), "paid": [1, 2, 4],
    })  # fmt: skip
    orders = Orders(
        table, customer_id="who", order_id="no", ordered_at="at", amount="paid",
        identifiers={"openid": "no"},
    )  # fmt: skip
    with pytest.raises(DataError, match="a column of their own"):
        History(orders).with_identities(graph).erase("m1")
