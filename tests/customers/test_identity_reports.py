"""Reports of identities: channels, resolution over time, what is odd, and what waits for review."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.by_engine import instants

from userops import Events, History
from userops.core import frames
from userops.customers import IdentifierKind, Identities, IdentityGraph, Links, Phone
from userops.errors import InvalidArgumentError
from userops.testing import Engines, to_engine

KINDS = ("phone", "openid", "taobao")
AS_OF = "2024-04-01"


Row = tuple[str, str, str, str]


def resolved(rows: list[Row], graph: IdentityGraph, **more: Any) -> Identities:
    """Resolve links of one day each: kind and value of both sides."""
    table = pa.table(
        {
            "left_kind": [row[0] for row in rows],
            "left_value": [row[1] for row in rows],
            "right_kind": [row[2] for row in rows],
            "right_value": [row[3] for row in rows],
            "seen_at": [f"2024-01-{n % 28 + 1:02}" for n, _ in enumerate(rows)],
            **{name: [value] * len(rows) for name, value in more.items()},
        }
    )
    strength = {"strength": "strength"} if "strength" in more else {}
    return graph.resolve(Links(table, **strength), AS_OF)


GRAPH = IdentityGraph([IdentifierKind(kind) for kind in KINDS])
FOUR = [
    ("customer_id", "m1", "phone", "1"),
    ("customer_id", "m1", "openid", "a"),
    ("customer_id", "m2", "phone", "2"),
    ("customer_id", "m3", "phone", "3"),
    ("openid", "z", "taobao", "t"),
]


def test_persons_are_counted_by_their_channels() -> None:
    """Every person is in one combination; kinds that nobody has are in none."""
    channels = resolved(FOUR, GRAPH).channels()
    assert dict(channels.combinations) == {
        ("customer_id", "phone"): 2,
        ("customer_id", "phone", "openid"): 1,
        ("openid", "taobao"): 1,
    }
    assert channels.total == 4
    assert dict(channels.persons) == {"customer_id": 3, "phone": 3, "openid": 2, "taobao": 1}
    assert channels.shared("phone", "openid") == 1
    assert channels.shared("openid") == 2
    table = channels.table(pa.table({"x": [1]})).to_pydict()
    assert table["kinds"][0] == "customer_id + phone"
    assert table["share"][0] == 0.5
    assert "customer_id + phone alone: 2" in repr(channels)
    assert "50.0%" in channels._repr_html_()
    ax = channels.plot()
    assert [text.get_text() for text in ax.texts if text.get_text() == "2"]


links = st.lists(
    st.tuples(
        st.sampled_from(KINDS), st.sampled_from("1234"), st.sampled_from(KINDS),
        st.sampled_from("1234"),
    ),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(links)
def test_channels_are_those_of_a_loop(rows: list[Row]) -> None:
    """Without guards, persons are the components of the links."""
    person: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for left_kind, left, right_kind, right in rows:
        one, other = (left_kind, left), (right_kind, right)
        both = person.setdefault(one, {one}) | person.setdefault(other, {other})
        person.update(dict.fromkeys(both, both))
    groups = {id(group): group for group in person.values()}.values()
    expected = Counter(
        tuple(kind for kind in KINDS if kind in {each[0] for each in group}) for group in groups
    )
    assert dict(resolved(rows, GRAPH).channels().combinations) == dict(expected)


def scans(engine: str) -> History:
    """Return scans before and after somebody signed up, and of strangers."""
    table = pa.table(
        {
            "member": pa.array([None, "m1", None, None, None], pa.string()),
            "openid": ["a", "a", "a", "b", None],
            "at": instants("2024-01-05", "2024-02-01", "2024-02-03", "2024-02-04", "2024-02-05"),
        }
    )
    events = Events(
        to_engine(table, engine), customer_id="member", occurred_at="at",
        identifiers={"openid": "openid"}, time_zone="Asia/Shanghai",
    )  # fmt: skip
    return History({"scan": events}).with_identities(GRAPH)


def test_anonymous_rows_are_counted_over_time(engines: Engines) -> None:
    """As of when nobody had signed up nothing is resolved; a row of nobody at all is no row."""
    for engine in engines.names:
        history = scans(engine)
        found = history.resolution(AS_OF)
        assert [tuple(row) for row in found.rows] == [
            ("scan", dt.date(2024, 1, 1), 1, 1, 1, 1),
            ("scan", dt.date(2024, 2, 1), 3, 2, 1, 2),
        ], engine
        assert found.rate() == pytest.approx(2 / 3)
        assert history.resolution("2024-01-20").rate("scan") == 0.0
    assert "scan: 4 rows, 66.7% of 3 anonymous" in repr(found)
    days = scans("pyarrow").resolution(AS_OF, every="week").rows
    assert [row.period for row in days] == [dt.date(2024, 1, 1), dt.date(2024, 1, 29)]
    assert found.table(pa.table({"x": [1]})).to_pydict()["period"] == ["2024-01-01", "2024-02-01"]
    assert len(found.plot().lines) >= 1
    assert scans("pyarrow").resolution("1999-01-01").plot().texts[0].get_text() == "No data"
    with pytest.raises(InvalidArgumentError, match="month"):
        scans("pyarrow").resolution(AS_OF, every="moth")  # type: ignore[arg-type]


def test_what_is_odd_is_said() -> None:
    """A person with many accounts, a number of a shop, and parts that only guesses join."""
    graph = IdentityGraph(
        [
            IdentifierKind("customer_id", most_per_person=1, priority=9),
            IdentifierKind("phone", priority=2),
            IdentifierKind("openid", priority=1),
        ]
    )
    rows = [("customer_id", f"m{n}", "phone", "000") for n in range(5)]
    rows += [("customer_id", "m9", "openid", letter) for letter in "abcdef"]
    found = resolved(rows, graph)
    assert [str(one) for one in found.suspicious()] == [
        "m9: has 6 openid",
        "m0: phone:000 was refused to 4 other persons",
    ]
    assert found.suspicious()[1].links == 4
    assert [one.reason for one in found.suspicious(many_persons=5)] == ["many_identifiers"]
    assert found.suspicious(many_identifiers={"openid": 7}, many_persons=5) == []
    guessed = resolved(
        [("customer_id", "c1", "customer_id", "c2")], IdentityGraph([]), strength=0.97
    )
    (one,) = guessed.suspicious()
    assert (one.reason, one.count, one.links) == ("guesses", 2, 1)
    with pytest.raises(InvalidArgumentError, match="phone"):
        found.suspicious(many_identifiers={"phon": 3})
    with pytest.raises(InvalidArgumentError, match="from 1 on"):
        found.suspicious(many_persons=0)


def test_what_was_refused_is_a_frame(engine: str) -> None:
    """The review queue and the values that are nobody's, in the host's type."""
    graph = IdentityGraph(
        [
            IdentifierKind("customer_id", most_per_person=1, priority=9),
            IdentifierKind("phone", normaliser=Phone("CN"), blocked=("13800000000",)),
        ]
    )
    found = resolved(
        [
            ("customer_id", "m1", "phone", "13800138001"),
            ("customer_id", "m2", "phone", "138-0013-8001"),
            ("customer_id", "m3", "phone", "nothing"),
            ("customer_id", "m4", "phone", "13800000000"),
        ],
        graph,
    )
    like = to_engine(pa.table({"x": [1]}), engine)
    (row,) = frames.to_rows(frames.read(found.review(like)).frame)
    assert (row["left_customer_id"], row["left_value"]) == ("m2", "m2")
    assert (row["right_customer_id"], row["right_value"]) == ("m1", "+8613800138001")
    assert row["reason"] == "more than 1 customer_id of one person"
    assert row["first_seen_at"].date() == dt.date(2024, 1, 2)
    rows = frames.to_rows(frames.read(found.nobodys(like)).frame)
    assert {row["value"]: row["reason"] for row in rows}.keys() == {"nothing", "13800000000"}


def test_a_link_that_was_taken_away_is_not_refused() -> None:
    """It was never there: the report, the queue and the suspicions are those of a rebuild."""
    graph = IdentityGraph([IdentifierKind("phone"), IdentifierKind("openid", most_per_person=1)])
    rows = [
        ("customer_id", "m1", "phone", "1"), ("phone", "1", "openid", "a"),
        ("phone", "1", "openid", "b"), ("phone", "1", "openid", "c"),
        ("customer_id", "m2", "openid", "b"), ("customer_id", "m3", "openid", "c"),
        ("customer_id", "m4", "openid", "a"),
    ]  # fmt: skip
    found = resolved(rows, graph)
    for gone in (1, 2):
        left = [row for row in rows if row != rows[gone]]
        seen = [n for n, row in enumerate(rows) if row != rows[gone]]
        table = pa.table(
            {
                "left_kind": [row[0] for row in left],
                "left_value": [row[1] for row in left],
                "right_kind": [row[2] for row in left],
                "right_value": [row[3] for row in left],
                "seen_at": [f"2024-01-{n + 1:02}" for n in seen],
            }
        )
        rebuilt = graph.resolve(Links(table), AS_OF)
        without = found.without_link(rows[gone][:2], rows[gone][2:])
        assert repr(without) == repr(rebuilt)
        assert without._repr_html_() == rebuilt._repr_html_()
        assert frames.to_rows(frames.read(without.review(table)).frame) == frames.to_rows(
            frames.read(rebuilt.review(table)).frame
        )
        assert without.suspicious(many_persons=1) == rebuilt.suspicious(many_persons=1)


def test_more_kinds_than_a_word_has_bits() -> None:
    """Channels are counted for any number of kinds."""
    kinds = [f"k{n:03}" for n in range(130)]
    graph = IdentityGraph([IdentifierKind(kind) for kind in kinds])
    rows = [("customer_id", f"m{n % 3}", kind, "x") for n, kind in enumerate(kinds)]
    channels = resolved(rows, graph).channels()
    assert channels.total == 3
    assert dict(channels.combinations) == {
        ("customer_id", *kinds[start::3]): 1 for start in range(3)
    }
    assert channels.persons["customer_id"] == 3
    assert channels.shared("k000", "k129") == 1
    assert channels.shared("k000", "k128") == 0
