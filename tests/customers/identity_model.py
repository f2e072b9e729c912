"""Identity resolution as a loop over links, in plain Python: what the kernel is held to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from userops.customers import IdentifierKind, IdentityDecisions, IdentityGraph, Links

DAY = dt.timedelta(days=1)
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


class Link(NamedTuple):
    """One link: kind and value of both sides, the day it was seen, and how sure it is."""

    left: tuple[str, str]
    right: tuple[str, str]
    day: int
    strength: float = 1.0


GRAPH = IdentityGraph(
    [
        IdentifierKind("phone", most_per_person=1, priority=30, blocked="p0"),
        IdentifierKind("openid", most_per_person=2, priority=20),
        IdentifierKind("mail", most_per_person=1, within_days=5, priority=20),
        IdentifierKind("device", can_merge=False, priority=10),
        IdentifierKind("cookie"),
    ]
)


def links_of(links: Sequence[Link], *, guessed: bool = False) -> Links:
    """Return links as a table."""
    table = pa.table(
        {
            "left_kind": pa.array([link.left[0] for link in links], pa.string()),
            "left_value": pa.array([link.left[1] for link in links], pa.string()),
            "right_kind": pa.array([link.right[0] for link in links], pa.string()),
            "right_value": pa.array([link.right[1] for link in links], pa.string()),
            "seen_at": pa.array(
                [START + link.day * DAY for link in links], pa.timestamp("us", "UTC")
            ),
            "strength": pa.array([link.strength for link in links], pa.float64()),
        }
    )
    return Links(table, strength="strength" if guessed else None)


def resolved_by_hand(
    links: Sequence[Link],
    guesses: Sequence[Link] = (),
    *,
    before: int,
    bound: Sequence[tuple[Any, Any]] = (),
    apart: Sequence[tuple[Any, Any]] = (),
) -> dict[tuple[str, str], frozenset[tuple[str, str]]]:
    """Return each identifier with all those of its person."""
    kinds = {kind.name: kind for kind in GRAPH.kinds}
    first: dict[tuple[str, str], int] = {}
    pairs: dict[tuple[Any, Any], list[Any]] = {}
    for is_guess, several in ((False, links), (True, guesses)):
        for link in several:
            if link.day >= before:
                continue
            ends = [end for end in (link.left, link.right) if end[1] != "p0"]
            for end in ends:
                first[end] = min(first.get(end, link.day), link.day)
            if len(ends) == 2 and ends[0] != ends[1]:
                pair = (min(ends), max(ends))
                known = pairs.setdefault(pair, [True, 0.0, 0, link.day])
                known[0] = known[0] and is_guess
                known[1] = max(known[1], link.strength)
                known[2] += 1
                known[3] = min(known[3], link.day)
    person = {end: frozenset([end]) for end in first}
    for one, other in bound:
        for end in (one, other):
            person.setdefault(end, frozenset([end]))
            first[end] = min(first.get(end, 0), 0)
        _join(person, one, other)

    def place(item: Any) -> Any:
        (one, other), (is_guess, strength, rows, day) = item
        merges = kinds[one[0]].can_merge and kinds[other[0]].can_merge
        priority = min(kinds[one[0]].priority, kinds[other[0]].priority)
        return (not merges, is_guess, -priority, -strength, -rows, day, one, other)

    for (one, other), _ in sorted(pairs.items(), key=place):
        if person[one] is person[other]:
            continue
        merges = kinds[one[0]].can_merge and kinds[other[0]].can_merge
        sides = person[one], person[other]
        if _is_good(sides, first, apart) and (merges or not _both_merge(sides)):
            _join(person, one, other)
    return person


def _join(person: dict[Any, frozenset[Any]], one: Any, other: Any) -> None:
    both = person[one] | person[other]
    for end in both:
        person[end] = both


def _both_merge(sides: Sequence[frozenset[Any]]) -> bool:
    return all(any(GRAPH.kind(kind).can_merge for kind, _ in side) for side in sides)


def _is_good(sides: Sequence[frozenset[Any]], first: Any, apart: Sequence[Any]) -> bool:
    one, other = sides
    both = one | other
    for x, y in apart:
        if x in both and y in both and not ({x, y} <= one or {x, y} <= other):
            return False
    for kind in GRAPH.kinds:
        mine = [end for end in both if end[0] == kind.name]
        is_in_both = any(end in one for end in mine) and any(end in other for end in mine)
        if kind.most_per_person is None or not is_in_both:
            continue
        days = sorted(first[end] for end in mine)
        within = 10**9 if kind.within_days is None else kind.within_days
        most = kind.most_per_person
        if any(late - early < within for early, late in zip(days, days[most:], strict=False)):
            return False
    return True


def decisions_of(bound: Sequence[Any], apart: Sequence[Any]) -> IdentityDecisions:
    """Return decisions of the first day."""
    log = IdentityDecisions()
    said = {"author": "li", "reason": "asked", "decided_at": START}
    for one, other in bound:
        log = log.bind(one, other, **said)
    for one, other in apart:
        log = log.unbind(one, other, **said)
    return log
