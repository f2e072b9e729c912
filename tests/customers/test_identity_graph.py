"""The identity graph: random links against a loop, order, limits, decisions and bad input."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.customers.identity_model import (
    DAY,
    GRAPH,
    START,
    Link,
    decisions_of,
    links_of,
    resolved_by_hand,
)

from userops.customers import (
    Email,
    IdentifierKind,
    Identities,
    IdentityDecisions,
    IdentityGraph,
    Links,
    MergeEvent,
    Normaliser,
    Phone,
    Trimmed,
    UnmergeEvent,
)
from userops.errors import DataError, InvalidArgumentError, InvalidDefinitionError

KINDS = ("phone", "openid", "mail", "device", "cookie", "customer_id")
ends = st.tuples(st.sampled_from(KINDS), st.integers(0, 4)).map(
    lambda end: (end[0], f"{end[0][0]}{end[1]}")
)
links = st.builds(Link, ends, ends, st.integers(0, 12), st.sampled_from([1.0]))
guesses = st.builds(Link, ends, ends, st.integers(0, 12), st.sampled_from([0.5, 0.7, 0.9]))
pairs = st.tuples(ends, ends).filter(lambda pair: pair[0] != pair[1])


def as_of(day: int) -> Any:
    """Return an instant."""
    return START + day * DAY


def groups(found: Identities) -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    """Return each identifier with all those of its person."""
    names = found.nodes.pairs(np.arange(len(found.nodes)))
    by_person: dict[int, set[tuple[str, str]]] = {}
    for name, person in zip(names, found.made.person.tolist(), strict=True):
        by_person.setdefault(person, set()).add(name)
    return {name: frozenset(mine) for mine in by_person.values() for name in mine}


def resolve(
    seen: Sequence[Link],
    guessed: Sequence[Link] = (),
    *,
    before: int = 10,
    decisions: IdentityDecisions | None = None,
) -> Identities:
    """Resolve links on the graph of the model."""
    sources = [links_of(seen)] + ([links_of(guessed, guessed=True)] if guessed else [])
    return GRAPH.resolve(sources, as_of(before), decisions=decisions)


def _consistent(bound: list[Any], apart: list[Any]) -> tuple[list[Any], list[Any]]:
    """Leave out decisions that contradict others, or name what is nobody's."""
    bound = [pair for pair in bound if all(end[1] != "p0" for end in pair)]
    person: dict[Any, frozenset[Any]] = {}
    for one, other in bound:
        both = person.get(one, frozenset([one])) | person.get(other, frozenset([other]))
        person |= dict.fromkeys(both, both)
    return bound, [
        (one, other) for one, other in apart if other not in person.get(one, frozenset([one]))
    ]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(links, max_size=25), st.lists(guesses, max_size=6), st.integers(0, 13),
    st.lists(pairs, max_size=2), st.lists(pairs, max_size=3),
)  # fmt: skip
def test_persons_are_those_of_a_loop_over_links(
    seen: list[Link], guessed: list[Link], before: int, bound: list[Any], apart: list[Any]
) -> None:
    """Components with guards where they go wrong give what taking each link in turn gives."""
    bound, apart = _consistent(bound, apart)
    if before == 0:
        bound, apart = [], []  # decisions are of the first day
    found = resolve(seen, guessed, before=before, decisions=decisions_of(bound, apart))
    expected = resolved_by_hand(seen, guessed, before=before, bound=bound, apart=apart)
    assert groups(found) == expected


@settings(deadline=None, max_examples=100)
@given(st.lists(links, max_size=25), st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(seen: list[Link], rng: random.Random) -> None:
    """Links in another order, in several tables, or with sides exchanged give the same ids."""
    before = resolve(seen)
    turned = [link._replace(left=link.right, right=link.left) for link in seen]
    shuffled = rng.sample(turned, len(turned))
    half = len(shuffled) // 2
    parts = [links_of(part) for part in (shuffled[:half], shuffled[half:]) if part]
    after = GRAPH.resolve(parts, as_of(10)) if parts else resolve([])
    for name in groups(before):
        assert before.customer_id(*name) == after.customer_id(*name)
    assert groups(before) == groups(after)


@settings(deadline=None, max_examples=100)
@given(st.lists(links, max_size=30), st.lists(pairs, max_size=3))
def test_limits_are_never_broken(seen: list[Link], apart: list[Any]) -> None:
    """Nobody has more ids of a kind than a person can have, nor two ids that are kept apart."""
    found = resolve(seen, decisions=decisions_of([], apart))
    for mine in groups(found).values():
        assert sum(kind == "phone" for kind, _ in mine) <= 1
        assert sum(kind == "openid" for kind, _ in mine) <= 2
        assert not any(one in mine and other in mine for one, other in apart)
        assert ("phone", "p0") not in mine


@settings(deadline=None, max_examples=100)
@given(st.lists(links, max_size=25), st.integers(0, 12))
def test_no_later_link_is_used(seen: list[Link], before: int) -> None:
    """As of an instant, all links give what the links before it give."""
    cut = [link for link in seen if link.day < before]
    assert groups(resolve(seen, before=before)) == groups(resolve(cut, before=99))


def ids(found: Identities) -> dict[tuple[str, str], str | None]:
    """Return each identifier that is known with the id of its person."""
    return {name: found.customer_id(*name) for name in groups(found)}


@settings(deadline=None, max_examples=200)
@given(st.lists(links, min_size=1, max_size=25), st.data())
def test_taking_a_link_away_is_resolving_without_it(seen: list[Link], data: Any) -> None:
    """Links taken away one by one, from their component alone, give what is left, ids included."""
    check_taking_away(seen, data)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@settings(deadline=None, max_examples=5_000)
@given(st.lists(links, min_size=1, max_size=40), st.data())
def test_five_thousand_times_taking_a_link_away_is_resolving_without_it(
    seen: list[Link], data: Any
) -> None:
    """The same, many times, with longer sequences."""
    check_taking_away(seen, data)


def check_taking_away(seen: list[Link], data: Any) -> None:
    """Take some links away, and compare each time with a resolution of those that are left."""
    found, left = resolve(seen, before=99), list(seen)
    for _ in range(data.draw(st.integers(1, 3))):
        able = [
            link for link in left
            if link.left != link.right and "p0" not in (link.left[1], link.right[1])
        ]  # fmt: skip
        if not able:
            return
        gone = data.draw(st.sampled_from(able))
        ends = {gone.left, gone.right}
        split = [link for link in left if {link.left, link.right} == ends]
        left = [link for link in left if {link.left, link.right} != ends]
        # Each of the two was seen all the same: a link with itself says no more.
        left += [Link(end, end, link.day) for link in split for end in (link.left, link.right)]
        before, found = found, found.without_link(gone.left, gone.right)
        assert ids(found) == ids(resolve(left, before=99))
        assert found.persons == resolve(left, before=99).persons
        for event in found.changes_since(before).events:
            if isinstance(event, MergeEvent):
                assert found.current_id(event.merged) == event.kept
            else:
                assert {found.customer_id(*i) for i in event.identifiers} == {event.split_off}
    with pytest.raises(InvalidArgumentError, match="never seen together"):
        found.without_link(gone.left, gone.right)


@settings(deadline=None, max_examples=60)
@given(st.lists(links, max_size=25), st.randoms(use_true_random=False))
def test_batches_in_any_order_give_what_one_gives(seen: list[Link], rng: random.Random) -> None:
    """Day by day or shuffled, the last resolution is the same, and every old id leads to it."""
    whole = resolve(seen, before=99)
    batches, sofar, given_out = rng.sample(seen, len(seen)), [], set()
    before = resolve([], before=99)
    for batch in (batches[i : i + 5] for i in range(0, len(batches), 5)):
        sofar += batch
        now = resolve(sofar, before=99)
        changes = now.changes_since(before)
        for event in changes.events:
            if isinstance(event, MergeEvent):
                assert now.current_id(event.merged) == event.kept
        given_out |= {(name, customer) for name, customer in ids(now).items()}
        before = now
    assert ids(before) == ids(whole)
    for _, customer in given_out:
        assert whole.current_id(customer) in set(ids(whole).values())


def test_an_id_whose_only_link_is_taken_away_stays_known() -> None:
    """It is a person of its own from then on, as it is after `unbind`, and the change is told."""
    seen = [
        Link(("customer_id", "m1"), ("openid", "o1"), 1),
        Link(("mail", "tb"), ("openid", "o1"), 2),
    ]
    before = resolve(seen)
    after = before.without_link(("openid", "o1"), ("mail", "tb"))
    assert after.customer_id("mail", "tb") == after.current_id("mail:tb") == "mail:tb"
    assert after.persons == 2
    (event,) = after.changes_since(before).events
    assert event == UnmergeEvent(after.before_us, "m1", "mail:tb", (("mail", "tb"),))  # type: ignore[arg-type]
    assert after.identifiers("mail:tb") == [("mail", "tb")]
    assert after.channels().persons == {"customer_id": 1, "openid": 1, "mail": 1}
    unbound = resolve(seen, decisions=decisions_of([], [(("openid", "o1"), ("mail", "tb"))]))
    assert ids(after) == ids(unbound)


def test_changes_are_told_and_stored() -> None:
    """A merge and a split reach what follows them, and become rows of a log."""
    seen = [
        Link(("customer_id", "1"), ("openid", "o1"), 1),
        Link(("customer_id", "2"), ("openid", "o2"), 2),
        Link(("openid", "o1"), ("openid", "o2"), 3),
    ]
    before, after = resolve(seen, before=3), resolve(seen, before=4)
    merged = after.changes_since(before)
    assert merged.events == (MergeEvent(after.before_us, "1", "2"),)
    apart = after.without_link(("openid", "o2"), ("openid", "o1")).changes_since(after)
    (event,) = apart.events
    assert isinstance(event, UnmergeEvent)
    assert (event.customer_id, event.split_off) == ("1", "2")
    assert event.identifiers == (("customer_id", "2"), ("openid", "o2"))

    class Follower:
        def __init__(self) -> None:
            self.told: list[Any] = []

        def merge(self, event: MergeEvent) -> None:
            self.told.append(event)

        def unmerge(self, event: UnmergeEvent) -> None:
            self.told.append(event)

    follower = Follower()
    merged.tell([follower])
    apart.tell([follower])
    assert follower.told == [*merged.events, event]
    rows = [*merged.table(pa.table({"x": [1]})).to_pylist(), *apart.table(pa.table({})).to_pylist()]
    assert [(r["event"], r["customer_id"], r["other_id"], r["identifiers"]) for r in rows] == [
        ("merge", "1", "2", 0), ("unmerge", "1", "2", 2),
    ]  # fmt: skip
    assert "2 is 1 now" in repr(merged)
    assert "customer_id:2, openid:o2 of 1 are 2's now" in repr(apart)


def test_the_id_is_that_of_the_account_first_seen() -> None:
    """A person is called by the host's own customer id, else by the identifier first seen."""
    seen = [
        Link(("openid", "o1"), ("cookie", "c1"), 1),
        Link(("customer_id", "7"), ("openid", "o1"), 3),
        Link(("customer_id", "3"), ("openid", "o1"), 5),
    ]
    assert resolve(seen, before=2).customer_id("cookie", "c1") == "cookie:c1"
    assert resolve(seen, before=4).customer_id("cookie", "c1") == "7"
    later = resolve(seen, before=9)
    assert later.customer_id("cookie", "c1") == later.customer_id("customer_id", 3) == "7"
    assert later.current_id("cookie:c1") == later.current_id(3) == later.current_id("7") == "7"
    assert later.identifiers(3) == [
        ("cookie", "c1"), ("customer_id", "3"), ("customer_id", "7"), ("openid", "o1"),
    ]  # fmt: skip
    assert later.current_id("nobody") is None


def test_refused_links_say_why() -> None:
    """Each link that was not made has its reason, and persons can be explained."""
    seen = [
        Link(("openid", "o1"), ("phone", "p1"), 1),
        Link(("openid", "o1"), ("phone", "p1"), 2),
        Link(("openid", "o1"), ("phone", "p2"), 1),
        Link(("customer_id", "1"), ("device", "d1"), 1),
        Link(("customer_id", "2"), ("device", "d1"), 2),
        Link(("cookie", "x"), ("cookie", "y"), 1),
        Link(("cookie", "x"), ("cookie", "x"), 1),
    ]
    log = decisions_of([], [(("cookie", "x"), ("cookie", "y"))])
    found = resolve(seen, decisions=log)
    refused = {str(link.left): link.reason for link in found.evidence_at(found.refused)}
    said = sorted(link.reason for link in found.evidence_at(found.refused))
    assert said == [
        "kept apart by hand", "more than 1 phone of one person",
        "through a kind that may not merge persons",
    ], refused  # fmt: skip
    assert found.pairs.itself == 1
    (link,) = found.explain(("openid", "o1"), ("phone", "p1"))
    assert str(link) == "phone:p1 - openid:o1, seen from 2024-01-02, 2 times"
    assert found.explain(("openid", "o1"), ("phone", "p2")) == []
    with pytest.raises(InvalidArgumentError, match="was never seen"):
        found.explain(("openid", "o1"), ("phone", "p9"))
    assert "7 links" not in repr(found)
    assert "3 refused" in repr(found)
    assert "<table>" in found._repr_html_()


def test_values_are_read_in_one_way() -> None:
    """Phones in any writing and mails in any case are one; what cannot be read is put aside."""

    class Broken(Normaliser):
        """Fails on one value."""

        code_version = "1"

        def normalise(self, value: str) -> str | None:
            if value == "boom":
                raise ValueError("no such id")
            return value

    graph = IdentityGraph(
        [
            IdentifierKind("phone", normaliser=Phone("CN"), blocked=["13800138000"]),
            IdentifierKind("mail", normaliser=Email(), blocked_patterns="^test@"),
            IdentifierKind("x", normaliser=Broken()),
        ]
    )
    table = pa.table(
        {
            "left_kind": ["phone", "phone", "phone", "phone", "mail", "x", "phone"],
            "left_value": ["138 0013 8001", "+86-138-0013-8001", "13800138000", "12", "A@B.cn",
                           "boom", "\uff11\uff13\uff18 0013 8001"],
            "right_kind": ["mail"] * 7,
            "right_value": ["a@b.CN ", "c@d.cn", "e@f.cn", "e@f.cn", "test@b.cn", "no mail", None],
            "seen_at": ["2024-01-01"] * 7,
        }
    )  # fmt: skip
    found = graph.resolve(Links(table), "2024-02-01")
    assert found.customer_id("phone", "13800138001") == found.customer_id("mail", "C@D.cn")
    assert found.customer_id("phone", "13800138000") is None
    assert found.customer_id("mail", "test@b.cn") is None
    faults = {
        kind.name: {spelling.texts.at_one(place): why for place, why in spelling.faults.items()}
        for kind, spelling in zip(graph.kinds, found.nodes.spellings, strict=True)
    }
    assert faults["phone"] == {
        "13800138000": "blocked",
        "12": "unreadable: too short for a phone number of its country",
    }
    assert faults["mail"] == {"test@b.cn": "blocked", "no mail": "unreadable"}
    assert faults["x"] == {"boom": "unreadable: ValueError: no such id"}


def test_decisions_by_hand_win() -> None:
    """What is bound outranks limits, what is unbound any link; the latest about a pair counts."""
    one, other = ("phone", "p1"), ("phone", "p2")
    seen = [Link(("openid", "o1"), one, 1), Link(("openid", "o2"), other, 1)]
    said: Any = {"author": "li", "reason": "asked", "decided_at": as_of(3)}
    bound = IdentityDecisions().bind(one, other, **said)
    assert resolve(seen).customer_id(*one) != resolve(seen).customer_id(*other)
    together = resolve(seen, decisions=bound)
    assert together.customer_id("openid", "o1") == together.customer_id("openid", "o2")
    assert resolve(seen, before=3, decisions=bound).customer_id(*one) != resolve(
        seen, before=3, decisions=bound
    ).customer_id(*other)
    undone = bound.unbind(one, other, **{**said, "decided_at": as_of(4)})
    assert groups(resolve(seen, decisions=undone)) == groups(resolve(seen))
    (link,) = together.explain(one, other)
    assert link.origin == "by hand"
    assert bound.table(pa.table({"x": [1]})).num_rows == 1
    again = IdentityDecisions(undone.table(pa.table({"x": [1]})))
    assert again.decisions == undone.decisions


def test_contradicting_decisions_are_refused() -> None:
    """Two of one instant, a chain that binds what is unbound, and a pair of one id are named."""
    a, b, c = ("cookie", "a"), ("cookie", "b"), ("cookie", "c")
    said: Any = {"author": "li", "reason": "asked", "decided_at": as_of(3)}
    log = IdentityDecisions().bind(a, b, **said)
    with pytest.raises(DataError, match="two of one instant contradict"):
        resolve([], decisions=log.unbind(b, a, **said))
    with pytest.raises(DataError, match=r"bound: cookie:a - cookie:b - cookie:c"):
        resolve([], decisions=log.bind(b, c, **said).unbind(a, c, **said))
    with pytest.raises(DataError, match="an identifier and itself"):
        resolve([], decisions=log.bind(a, ("cookie", " a "), **said))
    with pytest.raises(DataError, match="has no author"):
        log.bind(a, c, author=" ", reason="x", decided_at=as_of(1))
    with pytest.raises(DataError, match="no readable decided_at"):
        log.bind(a, c, author="li", reason="x", decided_at="soon")
    with pytest.raises(InvalidArgumentError, match="is no identifier"):
        log.bind("a", c, **said)  # type: ignore[arg-type]


def test_a_bind_of_what_is_nobodys_is_refused() -> None:
    """To bind a blocked or unreadable value would come to nothing: the decision is named."""
    graph = IdentityGraph([IdentifierKind("phone", normaliser=Phone("CN"), blocked="13800138000")])
    said: Any = {"author": "li", "reason": "asked", "decided_at": as_of(3)}
    account = ("customer_id", "a")
    for value, why in (("138 0013 8000", "blocked"), ("12", "unreadable")):
        log = IdentityDecisions().bind(account, ("phone", value), **said)
        with pytest.raises(DataError, match=f"is {why}.*customer_id:a and phone:{value} by li"):
            graph.resolve([], as_of(9), decisions=log)
        graph.resolve([], as_of(3), decisions=log)
        undone = log.unbind(account, ("phone", value), **{**said, "decided_at": as_of(4)})
        assert graph.resolve([], as_of(9), decisions=undone).persons == 0


def test_a_subclass_of_trimmed_is_asked() -> None:
    """What a subclass makes of a value holds for all values at once as for one."""

    class Lower(Trimmed):
        """In lower case."""

        code_version = "1"

        def normalise(self, value: str) -> str | None:
            return value.lower()

    graph = IdentityGraph([IdentifierKind("openid", normaliser=Lower()), IdentifierKind("cookie")])
    seen = [
        Link(("openid", "OA"), ("cookie", "x"), 1),
        Link(("openid", " oa"), ("cookie", "y"), 1),
    ]
    found = graph.resolve(links_of(seen), as_of(9))
    assert found.persons == 1
    assert found.customer_id("openid", "Oa") == found.customer_id("cookie", "y") is not None


def test_a_lookup_reads_a_value_as_a_resolution_does() -> None:
    """Numpy's numbers are digits, and the blanks taken away are those of a column."""
    seen = [
        Link(("openid", "10"), ("cookie", "x"), 1),
        Link(("openid", "\u2003"), ("cookie", "\u30007\u00a0"), 1),
    ]
    found = resolve(seen)
    known = found.customer_id("cookie", "x")
    assert known is not None
    for value in (10, np.int64(10), np.uint8(10), np.str_(" 10 ")):
        assert found.customer_id("openid", value) == known
        assert GRAPH.identifier("openid", value) == ("openid", "10")
    assert found.customer_id("openid", "\u2003") == found.customer_id("cookie", np.int32(7))
    assert found.customer_id("cookie", 7) is not None
    for value in (True, 10.0, None, b"10", "\u3000", "\ud800"):
        assert found.customer_id("openid", value) is None
        with pytest.raises(InvalidArgumentError, match="is no openid: unreadable"):
            GRAPH.identifier("openid", value)


def test_blocked_values_are_read_once() -> None:
    """However many values are held to them: a normaliser may be slow."""
    asked: list[str] = []

    class Slow(Normaliser):
        """Notes what it is asked."""

        code_version = "1"

        def normalise(self, value: str) -> str | None:
            asked.append(value)
            return value

    kind = IdentifierKind("x", normaliser=Slow(), blocked=["b"], blocked_patterns=["^z"])
    assert [kind.is_blocked(value) for value in ("a", "b", "za", "c")] == [False, True, True, False]
    assert asked == ["b"]


@pytest.mark.parametrize("bad", [95.0, 0.0, -0.1, float("nan"), None])
def test_a_strength_that_is_no_share_is_refused(bad: float | None, engine: str, host: Any) -> None:
    """Also where another row of the pair has one; from its instant on, as all that links say."""
    seen = [Link(("phone", "p1"), ("openid", "o1"), 1, 0.9)] * 2
    rows = links_of([*seen, *seen], guessed=True).source.native
    at = pa.array([START + day * DAY for day in (1, 1, 1, 3)], pa.timestamp("us", "UTC"))
    table = rows.set_column(rows.column_names.index("seen_at"), "seen_at", at)
    strength = pa.array([0.9, 1.0, 0.01, bad], pa.float64())
    table = table.set_column(rows.column_names.index("strength"), "strength", strength)
    guesses = Links(host(table, engine), strength="strength")
    (link,) = GRAPH.resolve(guesses, as_of(3)).explain(("phone", "p1"), ("openid", "o1"))
    assert (link.strength, link.rows) == (1.0, 3)
    with pytest.raises(DataError, match=r"'strength' of 1 links is no share.*'p1' and 'o1'"):
        GRAPH.resolve(guesses, as_of(4))


def test_wrong_definitions_are_refused_when_written() -> None:
    """Fields out of range, kinds twice, and blocked values that are no text are named."""
    cases: list[tuple[Any, str]] = [
        (lambda: IdentifierKind("a:b"), "name: cannot name a kind"),
        (lambda: IdentifierKind("a", most_per_person=0), "most_per_person: must be"),
        (lambda: IdentifierKind("a", within_days=3), "within_days: needs most_per_person"),
        (lambda: IdentifierKind("a", priority=2.5), "priority: must be"),  # type: ignore[arg-type]
        (lambda: IdentifierKind("a", normaliser="phone"), "normaliser: is no normaliser"),  # type: ignore[arg-type]
        (lambda: IdentifierKind("a", normaliser=Phone("CN"), blocked=[5]), "blocked: holds"),  # type: ignore[list-item]
        (lambda: IdentifierKind("a", blocked_patterns=["(?i)x"]), "pattern"),
        (lambda: Phone("China"), "region: is no region"),
        (lambda: IdentityGraph([IdentifierKind("a"), IdentifierKind("a")]), "kinds: occur twice"),
        (lambda: IdentityGraph(["phone"]), r"kinds\[0\]: is no kind"),
    ]
    for build, message in cases:
        with pytest.raises(InvalidDefinitionError, match=message):
            build()


def test_an_undeclared_kind_is_refused_with_the_nearest() -> None:
    """In links, in questions and in decisions."""
    table = links_of([Link(("fone", "1"), ("cookie", "x"), 1)])
    with pytest.raises(InvalidArgumentError, match="did you mean 'phone'"):
        GRAPH.resolve(table, as_of(3))
    with pytest.raises(InvalidArgumentError, match="did you mean 'cookie'"):
        resolve([]).customer_id("cooky", "x")
    log = decisions_of([(("fone", "1"), ("cookie", "x"))], [])
    with pytest.raises(InvalidArgumentError, match="did you mean 'phone'"):
        resolve([], decisions=log)


def test_customer_ids_that_look_like_identifiers_are_refused() -> None:
    """A person without an account is called kind:value, which no account may be called."""
    seen = [Link(("customer_id", "phone:1"), ("cookie", "x"), 1)]
    with pytest.raises(DataError, match="look like identifiers"):
        resolve(seen)


def test_a_graph_is_a_document() -> None:
    """To a dictionary and back, with a version of its content."""
    graph = IdentityGraph(
        [IdentifierKind("phone", normaliser=Phone("CN"), blocked=["13800138000"], priority=3)]
    )
    assert IdentityGraph.from_dict(graph.to_dict()).version == graph.version
