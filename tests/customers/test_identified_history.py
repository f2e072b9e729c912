"""A history whose rows are given to persons: one person in several channels, on every engine."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tests.by_engine import instants

from userops import RFM, Customer, Events, History, Orders
from userops.core import frames
from userops.customers import (
    IdentifierKind,
    IdentityDecisions,
    IdentityGraph,
    Links,
    Phone,
)
from userops.errors import InvalidArgumentError
from userops.rules import Attr, Did, Prop, RuleSet
from userops.segmentation import Tag, TagSet
from userops.testing import Engines, rows_of, to_engine

ORDERS = pa.table(
    {
        "customer_id": pa.array(["m1", None, None, "m2", None, None], pa.string()),
        "openid": pa.array(["oA", None, None, None, None, None], pa.string()),
        "buyer": pa.array([None, "t1", "t1", None, "t9", None], pa.string()),
        "tel": pa.array(
            ["13800138001", "+86 138 0013 8001", None, "13900139000", None, "no phone"], pa.string()
        ),
        "no": ["1", "2", "3", "4", "5", "6"],
        "ordered_at": instants(
            "2024-02-01", "2024-02-05", "2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04",
        ),
        "amount": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
    }
)  # fmt: skip
SCANS = pa.table(
    {
        "openid": ["oA", "oZ"],
        "at": instants("2024-01-01", "2024-01-02"),
        "poster": ["lift-1", "lift-2"],
    }
)
PEOPLE = pa.table({"customer_id": ["m1", "m2"], "city": ["杭州", None], "is_vip": [None, True]})
GRAPH = IdentityGraph(
    [
        IdentifierKind("phone", normaliser=Phone("CN"), priority=3, most_per_person=2),
        IdentifierKind("openid", priority=2),
        IdentifierKind("taobao", priority=1),
    ]
)
AS_OF = "2024-04-01"
TAGS = TagSet(
    [
        Tag("comes back", Did("order").count() >= 2),
        Tag("from lift 1", Did("scan").where(Prop("source") == "lift-1")),
        Tag("local", Attr("city") == "杭州"),
        Tag("vip", Attr("is_vip") == True),  # noqa: E712
    ]
)


def shop(engine: str = "pyarrow", **more: Any) -> History:
    """Return orders of a shop and of Taobao, and scans of posters, with identities."""
    orders = Orders(
        to_engine(ORDERS, engine), customer_id="customer_id", order_id="no",
        ordered_at="ordered_at", amount="amount",
        identifiers={"openid": "openid", "taobao": "buyer", "phone": "tel"},
    )  # fmt: skip
    scans = Events(
        to_engine(SCANS, engine),
        occurred_at="at",
        source="poster",
        identifiers={"openid": "openid"},
    )
    history = History({"order": orders, "scan": scans}, customers=to_engine(PEOPLE, engine))
    return history.with_identities(GRAPH, **more)


def totals(history: History, as_of: str = AS_OF) -> dict[str, tuple[int, int]]:
    """Return orders and money of each customer."""
    return {
        row["customer_id"]: (row["frequency"], row["monetary_minor_units"])
        for row in frames.to_rows(history.order_totals(as_of))
    }


def answers(customer: Customer) -> tuple[str | int, int, int]:
    """Return the id, the orders and the money of one customer."""
    asked = RuleSet({"orders": Did("order").count(), "cents": Did("order").sum("amount")})
    said = asked.answer_one(customer, AS_OF)
    return customer.customer_id, said["orders"], round(said["cents"] * 100)


def test_orders_of_two_channels_are_one_row(engines: Engines) -> None:
    """RFM gives one row a person on every engine, and tags see what he did before sign-up."""
    expected = {"m1": (3, 6000), "m2": (1, 4000), "taobao:t9": (1, 5000)}
    rows: set[Any] = set()
    for engine in engines.names:
        history = shop(engine)
        assert totals(history) == expected, engine
        scores = RFM(segments=None).fit(history, as_of=AS_OF).score()
        assert {row[0] for row in rows_of(scores)} == set(expected), engine
        rows.add(tuple(rows_of(TAGS.assign(history, AS_OF))))
    assert rows == {
        (
            ("m1", "comes back", "true"), ("m1", "from lift 1", "true"), ("m1", "local", "true"),
            ("m2", "vip", "true"),
        )
    }  # fmt: skip


def test_nothing_is_known_before_it_was_seen() -> None:
    """As of an earlier instant a person is what was known then; unbound rows stay unresolved."""
    history = shop()
    assert totals(history, "2024-02-03") == {"m1": (1, 1000)}
    assert history.identities("2024-01-15").customer_id("openid", "oA") == "openid:oA"
    scans = history.identities("2024-02-03").customer_id("openid", "oA")
    assert scans == "m1"
    orders = history.at(2**62).events["order"]
    assert (orders.audit.counted, orders.audit.unresolved) == (5, 1)
    assert history.events["order"].audit.unresolved == 4


def test_one_customer_is_the_person(fast_engines: Engines) -> None:
    """A customer read by any of his ids answers as the frames do."""
    for engine in fast_engines.names:
        history = shop(engine)
        customer = history.customer("openid:oA", AS_OF)
        assert customer.customer_id == "m1"
        assert TAGS.assign_one(customer, AS_OF) == {
            "comes back": "true", "from lift 1": "true", "local": "true",
        }  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="as_of: is needed"):
        shop().customer("m1")


def test_merged_accounts_share_what_is_known(fast_engines: Engines) -> None:
    """Of current attributes each is the first that is known, of the account that goes on first."""
    said: Any = {"author": "li", "reason": "asked", "decided_at": "2024-03-10"}
    log = IdentityDecisions().bind(("customer_id", "m1"), ("customer_id", "m2"), **said)
    for engine in fast_engines.names:
        history = shop(engine, decisions=log)
        known = RuleSet({"city": Attr("city"), "vip": Attr("is_vip")}).answer(history, AS_OF)
        assert ("m1", "杭州", True) in rows_of(known)
        assert totals(history) == {"m1": (4, 10000), "taobao:t9": (1, 5000)}
        found = {row[0]: row[1:] for row in rows_of(TAGS.assign(history, AS_OF, form="wide"))}
        assert found["m1"] == ("true", "true", "true", "true")
        assert "m2" not in found
        assert totals(history, "2024-03-05")["m2"] == (1, 4000)


def test_links_of_their_own_tables_count() -> None:
    """A table of links joins what events never saw together."""
    links = pa.table({"left_kind": ["taobao"], "left_value": ["t9"], "right_kind": ["customer_id"],
                      "right_value": ["m2"], "seen_at": ["2024-03-20"]})  # fmt: skip
    for given in (links, Links(links), [Links(links)]):
        history = shop(links=given)
        assert totals(history)["m2"] == (2, 9000)
        assert totals(history, "2024-03-10")["taobao:t9"] == (1, 5000)


def test_whole_numbers_as_ids_become_text() -> None:
    """Ids of persons are text, whatever the host's are."""
    orders = Orders(
        pa.table({"who": [7, None], "tel": ["13800138001"] * 2, "at": ["2024-01-01"] * 2,
                  "paid": [1, 2]}),
        customer_id="who", ordered_at="at", amount="paid", identifiers={"phone": "tel"},
    )  # fmt: skip
    history = History(orders).with_identities(GRAPH)
    assert totals(history) == {"7": (2, 300)}
    assert answers(history.customer(7, AS_OF)) == ("7", 2, 300)


def test_returns_are_linked_across_channels() -> None:
    """What was bought in one channel and brought back in another is one order."""
    table = pa.table(
        {
            "who": ["m1", None],
            "tel": ["13800138001", "138 0013 8001"],
            "no": ["1", "2"],
            "item": ["cup", "cup"],
            "units": [1, -1],
            "paid": [10, -10],
            "at": ["2024-01-01", "2024-01-05"],
        }
    )
    orders = Orders(
        table, customer_id="who", order_id="no", ordered_at="at", amount="paid", quantity="units",
        product_id="item", identifiers={"phone": "tel"},
    )  # fmt: skip
    history = History(orders).with_identities(GRAPH)
    (linked,) = frames.to_rows(frames.read(history.linked_returns(AS_OF)).frame)
    assert (linked["customer_id"], linked["linked_order_id"], linked["link"]) == (
        "m1",
        "1",
        "match",
    )


def test_a_refresh_follows_ids_that_merged() -> None:
    """Who had a tag under an id that is another now has not left: his assignments follow him."""
    links = pa.table({"left_kind": ["taobao"], "left_value": ["t9"], "right_kind": ["customer_id"],
                      "right_value": ["m2"], "seen_at": ["2024-03-20"]})  # fmt: skip
    history = shop(links=links)
    tags = TagSet([Tag("bought", Did("order"))])
    first = tags.refresh(None, history, "2024-03-10")
    then = tags.refresh(first.assignments, history, AS_OF)
    assert {row[0] for row in rows_of(first.assignments)} == {"m1", "m2", "taobao:t9"}
    assert {row[0] for row in rows_of(then.assignments)} == {"m1", "m2"}
    assert rows_of(then.left) == []
    assert rows_of(then.entered) == []


def test_what_is_wrong_is_refused() -> None:
    """A kind that is not declared, and identities that were never given, are named."""
    scans = History({"scan": Events(SCANS, occurred_at="at", identifiers={"open_id": "openid"})})
    with pytest.raises(InvalidArgumentError, match="did you mean 'openid'"):
        scans.with_identities(GRAPH)
    with pytest.raises(InvalidArgumentError, match="has no identities"):
        scans.identities(AS_OF)
    assert shop().identities(AS_OF).customer_id("openid", "oA") == "m1"
    assert answers(shop().customer("openid:oA", AS_OF)) == ("m1", 3, 6000)
    assert "order: customer_id, openid, taobao, phone" in repr(shop().links())


def test_one_customer_is_read_from_rows_of_every_channel() -> None:
    """Rows with any id of his, or an identifier alone, count as they do in frames."""
    history = shop()
    people = history.identities(AS_OF)
    columns = {name: table.columns for name, table in history.events.items()}
    rows = {"order": ORDERS.to_pylist(), "scan": SCANS.to_pylist()}
    mine = {
        "order": [row for row in rows["order"] if row["no"] in "123"],
        "scan": [row for row in rows["scan"] if row["openid"] == "oA"],
    }
    alone = Customer.from_rows("taobao:t1", mine, columns, identities=people)
    framed = history.customer("m1", AS_OF)
    before_us = people.before_us
    assert alone.customer_id == framed.customer_id == "m1"
    for event in ("order", "scan"):
        assert alone.totals(event, before_us) == framed.totals(event, before_us)
    assert TAGS.assign_one(alone, AS_OF).keys() == {"comes back", "from lift 1"}
    with pytest.raises(InvalidArgumentError, match="belongs to another customer"):
        Customer.from_rows("m1", rows, columns, identities=people)
    unbound = Customer.from_rows("m1", {"order": [rows["order"][5]]}, columns, identities=people)
    assert [row.reason for row in unbound.quarantine] == ["unresolved"]
