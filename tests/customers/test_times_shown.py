"""Instants are shown as the clocks of the history's zone show them."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from userops import Events, History
from userops.core.time import as_of_us, zone
from userops.customers import IdentifierKind, IdentityGraph, Links, Reach
from userops.errors import InvalidArgumentError
from userops.rules import Did
from userops.segmentation import Tag, TagSet

SHANGHAI = "Asia/Shanghai"
GRAPH = IdentityGraph([IdentifierKind("phone"), IdentifierKind("tb")])
SCANS = pa.table(
    {
        "customer_id": ["m1", None, None],
        "tel": ["1", "1", None],
        "buyer": [None, "t1", "t1"],
        # The day before in UTC.
        "occurred_at": ["2024-03-01 02:00", "2024-03-05 02:00", "2024-03-06 02:00"],
    }
)
REACH = pa.table(
    {
        "customer_id": ["m1"], "identifier_kind": ["phone"], "identifier_value": ["1"],
        "status": ["opted_out"], "occurred_at": ["2024-03-02 01:00"],
    }
)  # fmt: skip


def shop() -> History:
    """Return a shop in Shanghai."""
    scans = Events(
        SCANS, customer_id="customer_id", occurred_at="occurred_at", time_zone=SHANGHAI,
        identifiers={"phone": "tel", "tb": "buyer"},
    )  # fmt: skip
    return History({"scan": scans}, reach=Reach(REACH)).with_identities(GRAPH)


def test_identities_their_links_and_changes_are_shown_in_the_zone() -> None:
    """A date means its start of day in the shop, and is shown so; the day before would mislead."""
    history = shop()
    now, before = history.identities("2024-04-01"), history.identities("2024-03-04")
    assert repr(now).startswith("Identities as of 2024-04-01 00:00 Asia/Shanghai: ")
    assert "2024-04-01 00:00 Asia/Shanghai" in now._repr_html_()
    (first, second) = now.explain(("tb", "t1"), ("customer_id", "m1"))
    assert "seen from 2024-03-05" in str(first)
    assert "seen from 2024-03-01" in str(second)
    taken = now.without_link(("phone", "1"), ("tb", "t1"))
    assert "  2024-04-01 tb:t1 of m1 are tb:t1's now" in repr(taken.changes_since(now))
    assert now.changes_since(before).zone == zone(SHANGHAI)
    alone = GRAPH.resolve(history.links(), "2024-04-01", time_zone=SHANGHAI)
    assert repr(alone).splitlines()[0].startswith("Identities as of 2024-04-01 00:00 Asia/Shanghai")


def test_why_somebody_is_not_reachable_is_told_in_the_zone() -> None:
    """He opted out after midnight."""
    (state,) = shop().customer("m1", "2024-04-01").reach_states("2024-04-01")
    assert state.why == "opted out on 2024-03-02"


def test_a_refresh_of_tags_is_shown_in_the_zone() -> None:
    """The instant of a refresh, and of one that comes too late."""
    tags = TagSet([Tag("scans", Did("scan"))])
    refresh = tags.refresh(None, shop(), "2024-04-01")
    assert str(refresh).splitlines()[0] == "Tags as of 2024-04-01 00:00 Asia/Shanghai"
    said = "2024-03-31 00:00 Asia/Shanghai. Allowed: 2024-04-01 00:00 Asia/Shanghai or later"
    for previous in (refresh, refresh.assignments):
        with pytest.raises(InvalidArgumentError, match=said):
            tags.refresh(previous, shop(), "2024-03-31")


def test_an_instant_out_of_reach_is_a_question_mark() -> None:
    """Nothing fails where it is only shown."""
    assert zone("UTC").said(2**62) == zone("UTC").day_said(2**62) == "?"
    assert (
        zone(SHANGHAI).said(as_of_us("2024-04-01", zone(SHANGHAI))).startswith("2024-04-01 00:00")
    )


def test_links_without_a_zone_are_read_in_that_of_the_history() -> None:
    """A link of the first hour of a day counts for that day, as an attribute of it would."""
    table = pa.table({"left": ["m1"], "right": ["t1"], "seen_at": ["2024-02-01 00:30"]})
    named: Any = {"left": "left", "left_kind": "customer_id", "right": "right", "right_kind": "tb"}
    links = Links(table, **named)
    scans = Events(SCANS, customer_id="customer_id", occurred_at="occurred_at", time_zone=SHANGHAI)
    for given, zoned in ((links, True), (Links(table, **named, time_zone="UTC"), False)):
        history = History({"scan": scans}).with_identities(GRAPH, links=given)
        at = "2024-02-01 01:00"
        assert (history.identities(at).customer_id("tb", "t1") == "m1") is zoned
        found = GRAPH.resolve(given, at, time_zone=SHANGHAI)
        assert (found.customer_id("tb", "t1") == "m1") is zoned
    assert GRAPH.resolve(links, "2024-02-01 01:00").customer_id("tb", "t1") == "m1"
