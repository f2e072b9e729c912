"""Tags, decisions by hand and refreshes in plain Python: a second opinion, and worlds to ask about.

Nothing here uses the library's code but to write the tags down: rules are decided by loops over
orders, the log of decisions is read row by row, and a refresh is a dict.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from userops.rules import Did, HasTag, InSegment, Prop, days
from userops.segmentation import PreferenceTag, Segment, Tag, TagGroup, TagSet, TagValue

DAY = dt.timedelta(days=1)
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
CATEGORIES = ("x", "y", "中文")
PEOPLE = ("a", "b", "c", "d", "客户")
# Of whom only decisions may speak.
STRANGER = "stranger"
VALID = {"active": 4 * DAY, "level": 3 * DAY, "likes": 2 * DAY, "top": 2 * DAY}
VALUES: Mapping[str, tuple[str, ...]] = {
    "active": ("true",), "level": ("silver", "gold"), "likes": CATEGORIES[:2],
    "state": ("fresh", "none"), "top": CATEGORIES, "vip": ("yes",),
}  # fmt: skip
SEVERAL = ("likes",)

Key = tuple[str, str, str]


class Order(NamedTuple):
    who: str
    at: dt.datetime
    amount: int
    category: str | None


class Decision(NamedTuple):
    who: str
    tag: str
    value: str | None
    action: str
    at: dt.datetime
    until: dt.datetime | None

    def row(self) -> dict[str, Any]:
        return {
            "tag": self.tag, "value": self.value, "action": self.action, "author": "li",
            "reason": "because", "decided_at": self.at, "expires_at": self.until,
        }  # fmt: skip


class State(NamedTuple):
    """One assignment: how it came, from when on, until when."""

    source: str
    since: dt.datetime
    until: dt.datetime | None


class World(NamedTuple):
    orders: tuple[Order, ...]
    decisions: tuple[Decision, ...]
    days: tuple[dt.datetime, ...]

    def order_table(self) -> pa.Table:
        return pa.Table.from_pylist(
            [
                {
                    "customer_id": o.who, "ordered_at": o.at, "amount": o.amount,
                    "category": o.category,
                }
                for o in self.orders
            ],
            schema=pa.schema([
                ("customer_id", pa.string()), ("ordered_at", pa.timestamp("us", "UTC")),
                ("amount", pa.int64()), ("category", pa.string()),
            ]),
        )  # fmt: skip

    def decision_table(self) -> pa.Table:
        text, instant = pa.string(), pa.timestamp("us", "UTC")
        kinds = {"customer_id": text, "tag": text, "value": text, "action": text, "author": text,
                 "reason": text, "decided_at": instant, "expires_at": instant}  # fmt: skip
        rows = [{"customer_id": d.who, **d.row()} for d in self.decisions]
        return pa.Table.from_pylist(rows, schema=pa.schema(list(kinds.items())))


def tag_set() -> TagSet:
    """The tags that the model knows."""
    order = Did("order")
    spent = order.within(days(10)).sum("amount")
    likes = {c: order.where(Prop("category") == c).within(days(6)) for c in VALUES["likes"]}
    return TagSet(
        [
            Tag("active", order.within(days(5)), valid_for=days(4)),
            TagGroup(
                "level",
                [TagValue("silver", spent >= 20), TagValue("gold", spent >= 60, priority=1)],
                valid_for=days(3),
            ),
            TagGroup("likes", likes, pick="all", valid_for=days(2)),
            TagGroup("state", {"fresh": InSegment("fresh")}, otherwise="none"),
            PreferenceTag("top", "category", at_least=2, valid_for=days(2)),
            Tag("vip", HasTag("level", "gold") & ~HasTag("active"), value="yes"),
        ],
        segments=[Segment("fresh", order.within(days(2)))],
    )


def random_world(seed: int, *, customers: int = 5, orders: int = 30, refreshes: int = 5) -> World:
    """Orders, decisions and days of refreshes on a grid of six hours, so that instants meet."""
    rng = np.random.default_rng(seed)
    people = PEOPLE[:customers]

    def pick(values: Sequence[Any]) -> Any:
        return values[int(rng.integers(len(values)))]

    def instant() -> dt.datetime:
        tick = (
            dt.timedelta(microseconds=int(rng.integers(-1, 2))) if rng.random() < 0.2 else 0 * DAY
        )
        return START + int(rng.integers(0, 120)) * DAY / 4 + tick

    bought = [
        Order(pick(people), instant(), int(rng.integers(0, 40)), pick((*CATEGORIES, None)))
        for _ in range(orders)
    ]
    decided = []
    for _ in range(int(rng.integers(0, 16))):
        tag, at = pick([t for t in VALUES if t != "state"]), instant()
        value = pick(VALUES[tag])
        action = pick(("assign", "assign", "remove"))
        if len(VALUES[tag]) == 1 and rng.random() < 0.5:
            value = None
        until = at + int(rng.integers(0, 30)) * DAY / 4 if rng.random() < 0.6 else None
        decided.append(Decision(pick((*people, STRANGER)), tag, value, action, at, until))
    found = {START + int(rng.integers(4, 120)) * DAY / 4 for _ in range(refreshes)}
    return World(tuple(bought), tuple(decided), tuple(sorted(found)))


def decided(world: World, who: str, tag: str, value: str | None, as_of: dt.datetime) -> str | None:
    """What the decision by hand says that counts: a value, an empty text (taken), or None."""
    rows = []
    for d in world.decisions:
        if d.who != who or d.tag != tag or d.at >= as_of:
            continue
        named = d.value or VALUES[tag][0]
        if value is not None and named != value:
            continue
        until = d.until or dt.datetime.max.replace(tzinfo=dt.UTC)
        rows.append((d.at, f"assign:{named}" if d.action == "assign" else "remove", until, named))
    if not rows:
        return None
    _, said, until, named = max(rows)
    if until < as_of:
        return None
    return named if said.startswith("assign") else ""


def rule_values(world: World, who: str, as_of: dt.datetime, tags: Mapping[str, set[str]]) -> dict:
    """Which values the rules alone give."""
    mine = [o for o in world.orders if o.who == who and o.at < as_of]
    spent = sum(o.amount for o in mine if o.at >= as_of - 10 * DAY)
    recent = [o for o in mine if o.at >= as_of - 6 * DAY]
    counts = {c: sum(o.category == c for o in mine) for c in CATEGORIES}
    known = sum(counts.values())
    best = min(c for c in CATEGORIES if counts[c] == max(counts.values()))
    found: dict[str, set[str]] = {
        "active": {"true"} if any(o.at >= as_of - 5 * DAY for o in mine) else set(),
        "level": {"gold"} if spent >= 60 else {"silver"} if spent >= 20 else set(),
        "likes": {o.category for o in recent if o.category in VALUES["likes"]},
        "state": {"fresh" if any(o.at >= as_of - 2 * DAY for o in mine) else "none"},
        "top": {best} if known >= 2 else set(),
    }
    found["vip"] = {"yes"} if "gold" in tags.get("level", ()) and not tags.get("active") else set()
    return found


def tags_of(world: World, who: str, as_of: dt.datetime) -> dict[str, dict[str, str]]:
    """Tag to value to how the customer came to it: `rule`, `hand`; the value "": taken by hand."""
    found: dict[str, dict[str, str]] = {}
    effective: dict[str, set[str]] = {}
    for tag in VALUES:  # vip, which names others, is the last
        by_rule = rule_values(world, who, as_of, effective)[tag]
        if tag in SEVERAL:
            said: dict[str, str] = {}
            for value in VALUES[tag]:
                hand = decided(world, who, tag, value, as_of)
                if hand:
                    said[value] = "hand"
                elif hand is None and value in by_rule:
                    said[value] = "rule"
        else:
            hand = decided(world, who, tag, None, as_of)
            said = dict.fromkeys(by_rule, "rule") if hand is None else {hand: "hand"}
        found[tag] = said
        effective[tag] = {value for value in said if value}
    return found


def population(world: World, as_of: dt.datetime) -> list[str]:
    """Everybody of whom anything is known before an instant."""
    known = {o.who for o in world.orders if o.at < as_of}
    return sorted(known | {d.who for d in world.decisions if d.at < as_of})


def assigned(world: World, as_of: dt.datetime) -> set[Key]:
    """The assignments as of an instant."""
    return {
        (who, tag, value)
        for who in population(world, as_of)
        for tag, values in tags_of(world, who, as_of).items()
        for value in values
        if value
    }


class Refreshed(NamedTuple):
    state: dict[Key, State]
    entered: set[tuple[str, str, str, str]]
    left: set[tuple[str, str, str, str]]


def refreshed(world: World, before: Mapping[Key, State], as_of: dt.datetime) -> Refreshed:
    """One refresh: the new state, who entered and who left, and why."""
    people = {*population(world, as_of), *(who for who, _, _ in before)}
    state: dict[Key, State] = {}
    said_of: dict[tuple[str, str], dict[str, str]] = {}
    for who in people:
        is_known = who in population(world, as_of)
        for tag, said in (tags_of(world, who, as_of) if is_known else {}).items():
            said_of[who, tag] = said
            for value, source in said.items():
                if value:
                    since = before[who, tag, value].since if (who, tag, value) in before else as_of
                    lasts = tag in VALID and source == "rule"
                    until = as_of + VALID[tag] if lasts else None
                    state[who, tag, value] = State(source, since, until)
    for (who, tag, value), was in before.items():
        lasts = was.until is not None and was.until > as_of
        if lasts and _about(world, said_of, (who, tag, value), as_of) is None:
            state[who, tag, value] = State("kept", was.since, was.until)
    entered = {(*key, now.source) for key, now in state.items() if key not in before}
    left = {
        (*key, _why(_about(world, said_of, key, as_of), was, as_of))
        for key, was in before.items()
        if key not in state
    }
    return Refreshed(state, entered, left)


def _about(
    world: World, said_of: Mapping[Any, Mapping[str, str]], key: Key, as_of: dt.datetime
) -> str | None:
    """How something is said of the place of a tag now: `rule`, `hand`, or nothing."""
    who, tag, value = key
    said = said_of.get((who, tag), {})
    if tag not in SEVERAL:
        return next(iter(said.values()), None)
    if value in said:
        return said[value]
    return "hand" if decided(world, who, tag, value, as_of) == "" else None


def _why(about: str | None, was: State, as_of: dt.datetime) -> str:
    if about == "hand":
        return "hand"
    if was.source == "hand":
        return "hand ended"
    if about == "rule":
        return "replaced"
    has_ended = was.until is not None and was.until <= as_of
    return "lapsed" if was.source == "kept" or has_ended else "rule"


def as_keys(rows: Iterable[Mapping[str, Any]], *columns: str) -> set[tuple[Any, ...]]:
    """Rows as a set of tuples; a row that occurs twice is an error."""
    found = [tuple(row[c] for c in columns) for row in rows]
    assert len(found) == len(set(found))
    return set(found)
