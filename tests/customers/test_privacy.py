"""Access and erasure: all that any table holds about a person, given out or taken out."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.by_engine import instants

from userops import History, Orders
from userops.core import frames
from userops.customers import (
    Attributes,
    IdentifierKind,
    IdentityDecisions,
    IdentityGraph,
    Links,
    Phone,
    Reach,
)
from userops.errors import DataError, EmptyHistoryError, InvalidArgumentError
from userops.events import Events
from userops.testing import Engines, to_engine

# m1 is li, with a phone in two writings; m2 is his wife, who ordered once with his phone.
ORDERS = pa.table(
    {
        "member": pa.array(["m1", None, None, "m2", None, None], pa.string()),
        "buyer": pa.array([None, "t1", "t1", None, "t9", "t1"], pa.string()),
        "tel": ["13800138001", "+86 138 0013 8001", None, "138-0013-8001", None, None],
        "no": ["1", "2", "3", "4", "5", "6"],
        "at": pa.array(
            [*instants("2024-02-01", "2024-02-05", "2024-03-01", "2024-03-02", "2024-03-03"), None],
            pa.timestamp("us", "UTC"),
        ),
        "amount": [10.0, 20.0, 30.0, 40.0, 50.0, 60.0],
        "note": ["for Li", "", "", "for Wang", "", ""],
    }
)
SCANS = pa.table({"openid": ["oA", "oZ"], "at": instants("2024-01-01", "2024-01-02")})
PEOPLE = pa.table({"customer_id": ["m1", "m2"], "city": ["杭州", "上海"]})
DATED = pa.table(
    {
        "customer_id": ["m1", "m2"],
        "name": ["level", "level"],
        "value": ["gold", "silver"],
        "valid_from": instants("2024-01-01", "2024-01-01"),
    }
)
LINKS = pa.table(
    {"left": ["m1", "m2"], "right": ["oA", "oB"], "seen_at": instants(*["2024-01-09"] * 2)}
)
REACH = pa.table(
    {
        "customer_id": pa.array(["m1", None, "m2"], pa.string()),
        "identifier_kind": ["openid", "taobao", "openid"],
        "identifier_value": ["oA", "t1", "oB"],
        "status": ["opted_in"] * 3,
        "occurred_at": instants(*["2024-01-09"] * 3),
    }
)
GRAPH = IdentityGraph(
    [
        IdentifierKind("customer_id", most_per_person=1, priority=9),
        IdentifierKind("phone", normaliser=Phone("CN"), priority=3),
        IdentifierKind("openid", priority=2),
        IdentifierKind("taobao", priority=1),
    ]
)


def shop(engine: str = "pyarrow") -> History:
    """Return two persons in every sort of table."""
    orders = Orders(
        to_engine(ORDERS, engine), customer_id="member", order_id="no", ordered_at="at",
        amount="amount", identifiers={"taobao": "buyer", "phone": "tel"},
    )  # fmt: skip
    scans = Events(to_engine(SCANS, engine), occurred_at="at", identifiers={"openid": "openid"})
    links = Links(
        to_engine(LINKS, engine), left="left", left_kind="customer_id", right="right",
        right_kind="openid", seen_at="seen_at",
    )  # fmt: skip
    log = IdentityDecisions()
    for buyer, member in (("t1", "m1"), ("t9", "m2")):
        log = log.bind(
            ("taobao", buyer), ("customer_id", member), author="wu", reason="called us",
            decided_at="2024-01-10",
        )  # fmt: skip
    return History(
        {"order": orders, "scan": scans},
        customers=to_engine(PEOPLE, engine),
        attributes=Attributes(to_engine(DATED, engine)),
        reach=Reach(to_engine(REACH, engine)),
    ).with_identities(GRAPH, links=links, decisions=log)


def test_everything_is_taken_out_on_every_engine(engines: Engines) -> None:
    """Rows by any id of his go, quarantined ones too; his wife's stay, without his phone."""
    for engine in engines.names:
        history = shop(engine)
        before = {r["customer_id"]: r for r in frames.to_rows(history.order_totals("2024-04-01"))}
        assert {who: row["frequency"] for who, row in before.items()} == {"m1": 3, "m2": 2}
        erasure = history.erase("taobao:t1")
        assert erasure.customer_id == "m1"
        assert erasure.removed == {
            "events['order']": 4, "events['scan']": 1, "customers": 1, "attributes": 1, "reach": 2,
            "links[0]": 1, "decisions": 1,
        }, engine  # fmt: skip
        assert [(str(link.left), str(link.right)) for link in erasure.shared] == [
            ("customer_id:m2", "phone:+8613800138001")
        ]
        after = {
            r["customer_id"]: r for r in frames.to_rows(erasure.history.order_totals("2024-04-01"))
        }
        assert after == {"m2": before["m2"]}, engine
        kept = frames.read(erasure.tables["events['order']"]).frame
        assert kept.collect_schema().names() == ORDERS.column_names
        assert sorted(row["no"] for row in frames.to_rows(kept)) == ["4", "5"]
        with pytest.raises(EmptyHistoryError, match="nobody called 'm1'"):
            erasure.history.export("m1")
        (wife,) = (row for row in frames.to_rows(kept) if row["no"] == "4")
        assert (wife["member"], wife["tel"]) == ("m2", None)
        assert erasure.blanked == {"events['order']": 1}
    assert "was shared: customer_id:m2 - phone:+8613800138001" in repr(erasure)


def test_the_document_holds_all_there_is(engines: Engines) -> None:
    """Ids in every writing, links, decisions, and rows of all tables with all their columns."""
    documents = set()
    for engine in engines.names:
        document = shop(engine).export("m1")
        documents.add(json.dumps(document, ensure_ascii=False, sort_keys=True))
        assert [row["no"] for row in document["tables"]["events['order']"]] == ["1", "2", "3", "6"]
    (only,) = documents
    document = json.loads(only)
    assert document["identifiers"] == [
        {"kind": "customer_id", "value": "m1", "written": ["m1"]},
        {"kind": "openid", "value": "oA", "written": ["oA"]},
        {
            "kind": "phone",
            "value": "+8613800138001",
            "written": ["+86 138 0013 8001", "138-0013-8001", "13800138001"],
        },
        {"kind": "taobao", "value": "t1", "written": ["t1"]},
    ]
    orders = {row["no"]: row for row in document["tables"]["events['order']"]}
    assert orders["1"]["note"] == "for Li"
    assert orders["1"]["at"] == "2024-02-01T00:00:00+00:00"
    assert orders["6"]["reason"] == "no_time"
    assert document["tables"]["customers"] == [{"customer_id": "m1", "city": "杭州"}]
    assert [link["refused"] for link in document["links"] if link["refused"]] == [
        "more than 1 customer_id of one person"
    ]
    assert document["decisions"][0]["reason"] == "called us"


@pytest.mark.parametrize("as_text", [False, True])
def test_rows_are_put_in_order_by_time_as_numbers(as_text: bool) -> None:
    """Seconds since 1970 have more digits one day than the day before; what has none comes last."""
    seconds = [10_000_000, None, 9_000_000, 1_000_000]
    times = [None if s is None else str(s) for s in seconds] if as_text else seconds
    table = pa.table({"customer_id": ["a"] * 4, "ordered_at": times, "amount": [1, 2, 3, 4]})
    document = History(Orders(table, time_format="epoch_s")).export("a")
    amounts = [row["amount"] for row in document["tables"]["events['order']"]]
    assert amounts == [4, 3, 1, 2]


def test_a_history_without_identities_is_searched_by_customer_id(engine: str) -> None:
    """Whole numbers are ids as they are; nobody is nobody."""
    table = pa.table(
        {"customer_id": [1, 1, 2], "ordered_at": instants(*["2024-01-05"] * 3), "amount": [1, 2, 3]}
    )
    history = History(Orders(to_engine(table, engine)))
    erasure = history.erase(1)
    assert erasure.removed == {"events['order']": 2}
    assert len(history.export(2)["tables"]["events['order']"]) == 1
    assert frames.to_rows(erasure.history.order_totals("2024-04-01"))[0]["customer_id"] == 2
    for nobody in (7, "1"):
        with pytest.raises(EmptyHistoryError, match="nobody called"):
            history.erase(nobody)


class _Elsewhere:
    def seen_before(self, before_us: int) -> list[Any]:
        return []


def test_what_cannot_be_searched_is_named() -> None:
    """A source of links of one's own cannot be searched, and is not passed over."""
    history = History(Orders(ORDERS, customer_id="member", ordered_at="at", amount="amount"))
    with pytest.raises(InvalidArgumentError, match="_Elsewhere"):
        history.with_identities(GRAPH, links=_Elsewhere()).erase("m1")


def test_the_proof_finds_what_is_left() -> None:
    """A table that still holds a row of his fails the check, by any writing of any id."""
    erasure = shop().erase("m1")
    orders = erasure.history.events["order"]
    rows = frames.to_arrow(orders.source.frame)
    back = ORDERS.slice(2, 1).cast(rows.schema)
    erasure.history.events["order"] = orders.with_rows(pa.concat_tables([rows, back]))
    with pytest.raises(DataError, match=r"1 rows of events\['order'\]"):
        erasure.check()


_CHANNELS = st.tuples(
    st.sampled_from([None, None, "mA", "mB", "mC"]),
    st.sampled_from([None, "o1", "o2", "o3"]),
    st.sampled_from([None, "13800138001", "138 0013 8001", "13900139000"]),
    st.integers(1, 9),
)


def _totals(history: History) -> dict[str, tuple[int, ...]]:
    return {
        row.pop("customer_id"): tuple(row.values())
        for row in frames.to_rows(history.order_totals("2024-04-01"))
    }


@settings(deadline=None, max_examples=25)
@given(
    st.lists(_CHANNELS, min_size=1, max_size=10),
    st.sampled_from(["pyarrow", "polars", "pandas-arrow"]),
    st.integers(0, 9),
)
# An openid that is his was seen with another person's phone in a row that is that person's.
@example(
    [
        ("mA", None, "13800138001", 1), ("mB", None, "13900139000", 1),
        (None, "o2", "138 0013 8001", 1), (None, "o2", "13900139000", 1),
    ],
    "pyarrow",
    0,
)  # fmt: skip
def test_whoever_is_erased_is_gone_and_nobody_else_is(
    rows: list[tuple[Any, ...]], engine: str, chosen: int
) -> None:
    """No table holds an id that was his alone, and the totals of all others stay what they were."""
    table = pa.table(
        {
            "member": pa.array([row[0] for row in rows], pa.string()),
            "openid": pa.array([row[1] for row in rows], pa.string()),
            "tel": pa.array([row[2] for row in rows], pa.string()),
            "at": instants(*(f"2024-01-{n + 1:02}" for n in range(len(rows)))),
            "amount": [row[3] for row in rows],
        }
    )
    orders = Orders(
        to_engine(table, engine), customer_id="member", ordered_at="at", amount="amount",
        identifiers={"openid": "openid", "phone": "tel"},
    )  # fmt: skip
    known = sorted({row[0] for row in rows if row[0] is not None})
    people = pa.table(
        {
            "customer_id": pa.array(known, pa.string()),
            "city": pa.array(["x"] * len(known), pa.string()),
        }
    )
    history = History(
        orders,
        customers=to_engine(people, engine),
        reach=Reach(to_engine(REACH.slice(0, 0), engine)),
    ).with_identities(GRAPH)
    before = _totals(history)
    if not before:
        return
    who = sorted(before)[chosen % len(before)]
    others = {name: totals for name, totals in before.items() if name != who}
    ids = set(history.identities("2024-04-01").identifiers(who))
    erasure = history.erase(who)
    assert _totals(erasure.history) == others
    with pytest.raises(EmptyHistoryError):
        erasure.history.export(who)
    shared = {side for link in erasure.shared for side in (link.left, link.right)}
    spelled = {
        text
        for kind, texts in erasure.spellings.items()
        for text in texts
        if GRAPH.identifier(kind, text) not in shared
    }
    left = [
        value
        for title in erasure.tables
        for row in frames.to_rows(frames.read(erasure.tables[title]).frame)
        for value in row.values()
    ]
    assert not spelled & set(left)
    after = erasure.history.identities("2024-04-01")
    assert not [each for each in ids - shared if after.customer_id(*each) is not None]
