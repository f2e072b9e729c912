"""A history under pseudonyms: nobody's name is left, and every answer is the same but for names."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.customers.test_privacy import DATED, GRAPH, LINKS, ORDERS, PEOPLE, REACH, SCANS, shop

from userops import History, Orders
from userops.core import frames
from userops.core.pseudonyms import pseudonym
from userops.customers import Customers, pseudonymise
from userops.datasets import load_online_retail
from userops.errors import InvalidArgumentError
from userops.events import ByOrderId
from userops.rules import Attr, Did, RuleSet
from userops.testing import Engines, to_engine

KEY = bytes(range(40))
KEPT = ("city", "level")
AS_OF = "2024-04-01"
RULES = RuleSet(
    {
        "orders": Did("order").count(),
        "spent": Did("order").sum("amount"),
        "scanned": Did("scan"),
        "city": Attr("city"),
        "level": Attr("level"),
        "by mini program": Attr("reachable_by_openid"),
    }
)


def answers(history: History) -> dict[str, tuple[Any, ...]]:
    """Return the answers of the rules for each customer."""
    rows = frames.to_rows(frames.read(RULES.answer(history, AS_OF)).frame)
    return {row.pop("customer_id"): tuple(map(str, row.values())) for row in rows}


def hidden(customer_id: str) -> str:
    """Return the pseudonym of a person's id."""
    kind, colon, value = customer_id.rpartition(":")
    return f"{kind}{colon}{pseudonym(KEY, kind or 'customer_id', value)}"


def names() -> set[str]:
    """Return all that names somebody in the tables."""
    found = {"Li", "Wang", "wu", "called"}
    for table, columns in (
        (ORDERS, ("member", "buyer", "tel", "no")), (SCANS, ("openid",)),
        (PEOPLE, ("customer_id",)), (DATED, ("customer_id",)), (LINKS, ("left", "right")),
        (REACH, ("customer_id", "identifier_value")),
    ):  # fmt: skip
        for column in columns:
            found |= set(table[column].to_pylist())
    return {text for text in found if text and len(text) > 1}


def test_answers_are_the_same_on_every_engine(engines: Engines) -> None:
    """Spellings meet before they are hashed, limits hold, and joins of all tables are kept."""
    for engine in engines.names:
        history = shop(engine)
        under = pseudonymise(history, KEY, attributes=KEPT)
        expected = {hidden(who): said for who, said in answers(history).items()}
        assert answers(under) == expected, engine
        assert len(expected) == 3
        assert len(under.identities(AS_OF).refused) == 1


def test_no_name_is_left() -> None:
    """Neither in a row, nor in a link, a decision, the name of a person, or a text of the whole."""
    under = pseudonymise(shop(), KEY, attributes=KEPT)
    said = [repr(under), repr(under.identities(AS_OF))]
    tables = (*under.events.values(), *under.attributes.tables.values())
    said += [str(frames.to_rows(table.source.frame)) for table in tables]
    identification = under.identification
    assert identification is not None
    said += [str(frames.to_rows(links.source.frame)) for links in identification.links[:1]]
    said.append(str(identification.decisions))
    said.append(str(under.export(pseudonym(KEY, "customer_id", "m1"))))
    text = " ".join(said)
    # As whole words: two letters of a name may well occur among hexadecimal digits.
    assert not [name for name in names() if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    assert "note" not in text
    assert KEY.hex() not in text


def test_the_key_is_in_no_plan(engines: Engines) -> None:
    """What a lazy engine would show of its plan does not hold the key."""
    for engine in engines.names:
        source = pseudonymise(shop(engine), KEY, attributes=KEPT).events["order"].source
        native = source.frame.to_native()
        if hasattr(native, "_jdf"):
            shown = native._jdf.queryExecution().toString()
        else:
            shown = native.sql_query() if hasattr(native, "sql_query") else str(native)
        assert KEY.hex()[:16] not in shown.lower(), engine
        assert bytes(b ^ 0x36 for b in KEY).hex()[:16] not in shown.lower(), engine


def test_returns_told_by_order_ids_stay_returns() -> None:
    """The pattern matches no pseudonym, so what it said goes into a column."""
    retail = load_online_retail()
    orders = Orders(
        retail, customer_id="CustomerID", order_id="InvoiceNo", ordered_at="InvoiceDate",
        quantity="Quantity", unit_price="UnitPrice", product_id="StockCode", scale=3,
        returns_by=ByOrderId("^C"),
    )  # fmt: skip
    as_of = dt.datetime(2011, 12, 10, tzinfo=dt.UTC)
    history = History(orders)
    under = pseudonymise(history, KEY)
    assert "Description" not in under.events["order"].source.frame.collect_schema().names()

    def totals(of: History) -> dict[str, tuple[Any, ...]]:
        return {
            str(row.pop("customer_id")): tuple(row.values())
            for row in frames.to_rows(of.order_totals(as_of))
        }

    expected = {pseudonym(KEY, "customer_id", who): said for who, said in totals(history).items()}
    assert totals(under) == expected
    assert len(expected) > 4_000


def test_one_value_in_two_kinds_has_two_pseudonyms() -> None:
    """Nobody can tell that a phone is an order number as well; blocked values stay nobody's."""
    assert pseudonym(KEY, "phone", "1") != pseudonym(KEY, "order_id", "1")
    table = pa.table({"customer_id": ["a", "b"], "tel": ["no phone", "no phone"],
                      "ordered_at": ["2024-01-01"] * 2, "amount": [1, 2]})  # fmt: skip
    orders = Orders(
        table, customer_id="customer_id", ordered_at="ordered_at", amount="amount",
        identifiers={"phone": "tel"},
    )  # fmt: skip
    history = History(orders).with_identities(GRAPH)
    found = pseudonymise(history, KEY).identities(AS_OF)
    assert found.persons == history.identities(AS_OF).persons == 2


def test_weak_keys_and_unknown_sources_are_refused() -> None:
    """Before any row is read."""
    with pytest.raises(InvalidArgumentError, match="too short"):
        pseudonymise(shop(), b"short")
    table = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})

    class Elsewhere:
        def seen_before(self, before_us: int) -> list[Any]:
            return []

    history = History(Orders(to_engine(table, "pyarrow")))
    with pytest.raises(InvalidArgumentError, match="Elsewhere"):
        pseudonymise(history.with_identities(GRAPH, links=Elsewhere()), KEY)


def test_who_is_known_by_an_attribute_alone_keeps_his_pseudonym(engine: str) -> None:
    """Whoever was in no event, or in quarantine alone, is somebody all the same."""
    people = pa.table({"customer_id": ["m1", "m7"], "city": ["杭州", "广州"]})
    orders = Orders(
        to_engine(ORDERS, engine), customer_id="member", order_id="no", ordered_at="at",
        amount="amount", identifiers={"phone": "tel"},
    )  # fmt: skip
    history = History(orders, customers=to_engine(people, engine)).with_identities(GRAPH)
    rules = RuleSet({"city": Attr("city")})

    def cities(of: History) -> dict[str, str]:
        rows = frames.to_rows(frames.read(rules.answer(of, AS_OF)).frame)
        return {row["customer_id"]: row["city"] for row in rows if row["city"] is not None}

    assert cities(history) == {"m1": "杭州", "m7": "广州"}
    under = pseudonymise(history, KEY, attributes=["city"])
    assert cities(under) == {hidden("m1"): "杭州", hidden("m7"): "广州"}


MEMBERS = pa.table(
    {
        "customer_id": ["m1", "m2"],
        "city": ["杭州", "上海"],
        "mobile": ["13800138001", "13900139000"],
    }
)


def texts_of(under: History) -> str:
    """Return all that the tables of a history hold, as one text."""
    tables = (*under.events.values(), *under.attributes.tables.values())
    held = [str(frames.to_rows(table.source.frame)) for table in tables]
    return " ".join([*held, repr(under), repr(under.identities(AS_OF))])


def test_attributes_that_nobody_named_are_refused(kernel: str) -> None:
    """A phone in an export of members does not slip through, nor one in a row of an attribute."""
    orders = Orders(
        to_engine(ORDERS, kernel), customer_id="member", order_id="no", ordered_at="at",
        amount="amount", identifiers={"phone": "tel"},
    )  # fmt: skip
    members = to_engine(MEMBERS, kernel)
    dated = pa.table(
        {
            "customer_id": ["m1", "m1"], "name": ["level", "tel"], "value": ["gold", "13700137000"],
            "valid_from": ["2024-01-01"] * 2,
        }
    )  # fmt: skip
    whole = History(orders, customers=members).with_identities(GRAPH)
    with pytest.raises(InvalidArgumentError, match="Got: city, mobile") as refused:
        pseudonymise(whole, KEY)
    assert "Customers(frame, attributes=[…])" in str(refused.value)
    city = Customers(members, attributes=["city"])
    both = History(orders, customers=city, attributes=to_engine(dated, kernel))
    both = both.with_identities(GRAPH)
    with pytest.raises(InvalidArgumentError, match="Got: level, tel"):
        pseudonymise(both, KEY)
    with pytest.raises(InvalidArgumentError, match="did you mean 'level'"):
        pseudonymise(both, KEY, attributes=["city", "lewel"])
    for kept in (["level"], ["city", "level"], []):
        under = pseudonymise(both, KEY, attributes=kept)
        assert under.attribute_names == tuple(kept)
        assert "13700137000" not in texts_of(under)
    named = History(orders, customers=Customers(members, attributes=["city"], time_zone="UTC"))
    for history in (named, History(orders, customers=Customers(members, attributes=["city"]))):
        under = pseudonymise(history.with_identities(GRAPH), KEY)
        assert under.attribute_names == ("city",)
        assert "13900139000" not in texts_of(under)


PHONES = ("13800138001", "+86 138 0013 8001", "13900139000", "182****3266", "00000000000")
ROWS = st.lists(
    st.tuples(
        st.sampled_from([None, "mem_a", "mem_b", "mem_c"]),
        st.sampled_from([None, *PHONES]),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=8,
)  # fmt: skip
HELD = st.dictionaries(
    st.sampled_from(["mem_a", "mem_b", "mem_z"]),
    st.tuples(st.sampled_from([None, "杭州", "上海"]), st.sampled_from(PHONES)),
)


@settings(max_examples=12, deadline=None)
@given(ROWS, HELD)
def test_pseudonyms_answer_alike_and_tell_no_id(
    rows: list[tuple[str | None, str | None, int]],
    held: dict[str, tuple[str | None, str]],
) -> None:
    """Whatever the rows, each person's answers are his, and no id or phone is left in a table."""
    text = pa.string()
    orders = Orders(
        pa.table(
            {
                "who": pa.array([row[0] for row in rows], text),
                "tel": pa.array([row[1] for row in rows], text),
                "no": [f"no_{n}" for n in range(len(rows))],
                "at": [f"2024-01-{n + 1:02}" for n in range(len(rows))],
                "paid": [row[2] for row in rows],
            }
        ),
        customer_id="who", order_id="no", ordered_at="at", amount="paid",
        identifiers={"phone": "tel"},
    )  # fmt: skip
    members = pa.table(
        {
            "customer_id": pa.array(held, text),
            "city": pa.array([city for city, _ in held.values()], text),
            "mobile": pa.array([phone for _, phone in held.values()], text),
        }
    )
    named = Customers(members, attributes=["city"])
    history = History(orders, customers=named).with_identities(GRAPH)
    under = pseudonymise(history, KEY)
    rules = RuleSet(
        {"orders": Did("order").count(), "spent": Did("order").sum("amount"), "city": Attr("city")}
    )

    def said(of: History) -> dict[str, tuple[Any, ...]]:
        found = frames.to_rows(frames.read(rules.answer(of, AS_OF)).frame)
        return {row.pop("customer_id"): tuple(map(str, row.values())) for row in found}

    assert said(under) == {hidden(who): answer for who, answer in said(history).items()}
    left = texts_of(under)
    digits = {phone.replace(" ", "")[-11:] for phone in PHONES}
    assert not [name for name in {"mem_", "no_", *PHONES, *digits} if name in left]
