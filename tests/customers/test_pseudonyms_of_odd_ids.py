"""Pseudonyms of ids that are blank, repeated, in two roles at once, or written in an odd place."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.by_engine import instants

from userops import History, Orders
from userops.core import frames
from userops.core.pseudonyms import pseudonym
from userops.customers import (
    Customers,
    Email,
    IdentifierKind,
    IdentityGraph,
    Links,
    Reach,
    pseudonymise,
)
from userops.events import Events
from userops.rules import Attr, Did, Prop, RuleSet
from userops.testing import to_engine

KEY = bytes(range(32))
AS_OF = "2024-12-01"


def answers(rules: RuleSet, history: History) -> list[tuple[str, ...]]:
    """Return what the rules answer, without the names of the customers."""
    rows = frames.to_rows(frames.read(rules.answer(history, AS_OF)).frame)
    return sorted(tuple(str(v) for name, v in row.items() if name != "customer_id") for row in rows)


def check_alike(rules: RuleSet, history: History, **named: Any) -> History:
    """Check that a history under pseudonyms answers alike, and return it."""
    under = pseudonymise(history, KEY, **named)
    assert answers(rules, under) == answers(rules, history)
    return under


def test_a_blank_order_id_stays_none(kernel: str) -> None:
    """A row without an order id cannot count: it does not begin to because blanks have a hash."""
    table = pa.table(
        {
            "c": ["a", "a", "a"], "o": ["1", "", " "], "m": [5.0, -5.0, -2.0],
            "t": instants("2024-01-01", "2024-01-03", "2024-01-04"),
        }
    )  # fmt: skip
    orders = Orders(
        to_engine(table, kernel), customer_id="c", order_id="o", ordered_at="t", amount="m"
    )
    rules = RuleSet({"spent": Did("order").sum("amount")})
    assert answers(rules, History(orders)) == [("5.0",)]
    under = check_alike(rules, History(orders))
    assert under.orders.audit.quarantined == {"no_order_id": 2}


def test_blank_event_ids_are_not_one_event(kernel: str) -> None:
    """Two scans without an id are two; an actor without a name is none."""
    table = pa.table(
        {
            "c": ["a"] * 4, "e": ["", "", "x", "x"], "who": ["", "wu", "wu", "li"],
            "t": instants("2024-01-01", "2024-01-03", "2024-01-04", "2024-01-05"),
        }
    )  # fmt: skip
    scans = Events(
        to_engine(table, kernel), customer_id="c", event_id="e", occurred_at="t", actor="who"
    )
    rules = RuleSet({
        "n": Did("scan").count(), "unnamed": Did("scan").where(Prop("actor") == "").count(),
    })  # fmt: skip
    assert answers(rules, History({"scan": scans})) == [("3", "1")]
    check_alike(rules, History({"scan": scans}))


def test_one_column_in_two_roles_keeps_its_links(kernel: str) -> None:
    """A customer id that is an identifier as well has a pseudonym as each of the two."""
    orders = pa.table(
        {
            "c": ["m1", "m2"], "t": instants("2024-01-01", "2024-01-02"), "m": [1.0, 2.0],
        }
    )  # fmt: skip
    scans = pa.table({"x": ["o1", "o2"], "t": instants("2024-01-05", "2024-01-06")})
    links = pa.table(
        {
            "left_kind": ["member"], "left_value": ["m1"], "right_kind": ["openid"],
            "right_value": ["o1"], "seen_at": instants("2024-01-03"),
        }
    )  # fmt: skip
    history = History(
        {
            "order": Orders(
                to_engine(orders, kernel), customer_id="c", ordered_at="t", amount="m",
                identifiers={"member": "c"},
            ),
            "scan": Events(to_engine(scans, kernel), occurred_at="t", identifiers={"openid": "x"}),
        }
    ).with_identities(
        IdentityGraph([IdentifierKind("member"), IdentifierKind("openid")]),
        links=Links(to_engine(links, kernel)),
    )  # fmt: skip
    rules = RuleSet({"orders": Did("order").count(), "scans": Did("scan").count()})
    assert answers(rules, history) == [("0", "1"), ("1", "0"), ("1", "1")]
    under = check_alike(rules, history)
    assert under.identities(AS_OF).customer_id("member", pseudonym(KEY, "member", "m1")) == (
        pseudonym(KEY, "customer_id", "m1")
    )


def test_one_column_on_both_sides_of_a_link(kernel: str) -> None:
    """A table that says that members are customers, by one column, goes on to say so."""
    orders = pa.table(
        {
            "c": ["m1", None], "x": [None, "m1"], "t": instants("2024-01-01", "2024-01-02"),
            "m": [1.0, 2.0],
        }
    )  # fmt: skip
    same = pa.table({"id": ["m1"], "seen_at": instants("2024-01-03")})
    history = History(
        Orders(
            to_engine(orders, kernel), customer_id="c", ordered_at="t", amount="m",
            identifiers={"member": "x"},
        )
    ).with_identities(
        IdentityGraph([IdentifierKind("member")]),
        links=Links(
            to_engine(same, kernel), left="id", left_kind="customer_id", right="id",
            right_kind="member",
        ),
    )  # fmt: skip
    rules = RuleSet({"orders": Did("order").count()})
    assert answers(rules, history) == [("2",)]
    check_alike(rules, history)


def test_an_order_number_that_is_an_event_id_links_its_return(kernel: str) -> None:
    """What a return names is the order id, in whatever role the column stands beside."""
    table = pa.table(
        {
            "c": ["a"] * 3, "o": ["1", "2", "3"], "r": [None, None, "1"], "m": [5.0, 7.0, -5.0],
            "t": instants("2024-01-01", "2024-01-02", "2024-01-03"),
        }
    )  # fmt: skip
    orders = Orders(
        to_engine(table, kernel), customer_id="c", order_id="o", event_id="o", return_of="r",
        ordered_at="t", amount="m",
    )  # fmt: skip
    history = History(orders)

    def links(of: History) -> list[tuple[Any, ...]]:
        rows = frames.to_rows(frames.read(of.linked_returns(AS_OF)).frame)
        return [(row["link"], row["linked_order_id"]) for row in rows]

    assert links(history) == [("id", "1")]
    assert links(pseudonymise(history, KEY)) == [("id", pseudonym(KEY, "order_id", "1"))]


def test_a_log_of_reach_whose_customers_are_phones(kernel: str) -> None:
    """One column is the customer and his phone, the kind has blanks, and a value may be blank."""
    orders = pa.table({"c": ["P1"], "t": instants("2024-01-01"), "m": [1.0]})
    log = pa.table(
        {
            "tel": ["P1", "", "P1"], "kind": [" phone", "phone", "phone "],
            "status": ["opted_in"] * 3, "at": instants(*["2024-02-01"] * 3),
        }
    )  # fmt: skip
    whole = History(
        Orders(to_engine(orders, kernel), customer_id="c", ordered_at="t", amount="m"),
        reach=Reach(
            to_engine(log, kernel), customer_id="tel", identifier_kind="kind",
            identifier_value="tel", occurred_at="at",
        ),
    )  # fmt: skip
    rules = RuleSet({"can": Attr("reachable_by_phone"), "n": Did("order").count()})
    for history in (whole, whole.with_identities(IdentityGraph([IdentifierKind("phone")]))):
        assert answers(rules, history) == [("True", "1")]
        check_alike(rules, history)


def test_attributes_of_a_person_without_an_account_stay_his(kernel: str) -> None:
    """He is called kind:value in a table of attributes, in any writing; and blank is nobody."""
    graph = IdentityGraph([IdentifierKind("mail", normaliser=Email())])
    orders = pa.table({"mail": ["li@x.cn"], "t": instants("2024-01-01"), "m": [1.0]})
    cities = pa.table(
        {"customer_id": ["mail:LI@x.cn", "m7", "", None], "city": ["杭州", "上海", "a", "b"]}
    )
    history = History(
        Orders(to_engine(orders, kernel), ordered_at="t", amount="m", identifiers={"mail": "mail"}),
        customers=Customers(to_engine(cities, kernel), attributes=["city"]),
    ).with_identities(graph)
    rules = RuleSet({"n": Did("order").count(), "city": Attr("city")})
    assert answers(rules, history) == [("0", "上海"), ("1", "杭州")]
    under = check_alike(rules, history)
    text = str(frames.to_rows(under.attributes.tables["customers"].source.frame))
    assert "x.cn" not in text.lower()
    assert "m7" not in text


_IDS = [None, "", " ", "a", "b"]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "", "m1", "m1 ", "m2", "blocked"]),
            st.sampled_from([None, "", "p1", " p1", "p2", "blocked"]),
            st.sampled_from(_IDS), st.sampled_from(_IDS), st.sampled_from(_IDS),
            st.integers(-9, 9).filter(bool),
        ),
        min_size=1, max_size=7,
    ),
    st.dictionaries(
        st.sampled_from(["m1", "m2 ", "m9", "phone:p1", "phone:p9"]), st.sampled_from(["x", "y"])
    ),
    st.sampled_from(["pyarrow", "polars", "pandas-numpy"]),
    st.booleans(),
)  # fmt: skip
def test_odd_ids_answer_alike_under_pseudonyms(
    rows: list[tuple[Any, ...]], held: dict[str, str], engine: str, is_member: bool
) -> None:
    """Blank and repeated ids, nobody's values, two writings, and one column in two roles."""
    names = ("who", "tel", "no", "event", "back")
    columns = {n: pa.array([row[i] for row in rows], pa.string()) for i, n in enumerate(names)}
    table = pa.table(
        {
            **columns,
            "at": instants(*(f"2024-01-{n + 1:02}" for n in range(len(rows)))),
            # No two are alike, so that no tie falls by the text of an id.
            "paid": [row[5] * 100 + n for n, row in enumerate(rows)],
        }
    )
    identifiers = {"phone": "tel", **({"member": "who"} if is_member else {})}
    orders = Orders(
        to_engine(table, engine), customer_id="who", order_id="no", event_id="event",
        return_of="back", ordered_at="at", amount="paid", identifiers=identifiers,
    )  # fmt: skip
    cities = pa.table(
        {
            "customer_id": pa.array(held, pa.string()),
            "city": pa.array(held.values(), pa.string()),
        }
    )
    people = Customers(to_engine(cities, engine), attributes=["city"])
    graph = IdentityGraph([
        IdentifierKind("customer_id", most_per_person=1, priority=9),
        IdentifierKind("phone", blocked="blocked"), IdentifierKind("member", blocked="blocked"),
    ])  # fmt: skip
    whole = History(orders, customers=people)
    rules = RuleSet({
        "n": Did("order").count(), "spent": Did("order").sum("amount"), "city": Attr("city"),
    })  # fmt: skip
    for history in (whole, whole.with_identities(graph)):
        under = check_alike(rules, history)
        assert under.orders.audit.quarantined == history.orders.audit.quarantined
        tables = (under.orders, under.attributes.tables["customers"])
        left = {v for t in tables for row in frames.to_rows(t.source.frame) for v in row.values()}
        assert not left & {"m1", "m1 ", "m2", "p1", " p1", "p2", "blocked", "a", "b", *held}
