"""Whatever a history holds: who is erased is in no table, and all others are as they were."""

from __future__ import annotations

import datetime as dt
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

from userops import History, Orders
from userops.core import frames
from userops.customers import (
    Attributes,
    Customers,
    Erasure,
    IdentifierKind,
    IdentityDecisions,
    IdentityGraph,
    Links,
    Reach,
)
from userops.errors import DataError, EmptyHistoryError
from userops.rules import Attr, Did, RuleSet
from userops.segmentation import RFM, Linear
from userops.testing import to_engine

pytestmark = pytest.mark.filterwarnings("ignore:.*their status is not known")
AS_OF = "2024-12-01"
MEMBERS = ["m1", "m1 ", "m2", "m3", "m4"]
PHONES = ["p1", " p1", "p2", "p3"]
OPENIDS = ["o1", "o2", "o3"]
VALUES = {"customer_id": MEMBERS, "phone": PHONES, "openid": OPENIDS}


def some(values: list[str]) -> st.SearchStrategy[str | None]:
    """Return one of some values, or none."""
    return st.sampled_from([None, *values])


SIDES = st.sampled_from(sorted(VALUES)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.sampled_from(VALUES[kind]))
)
PAIRS = st.tuples(SIDES, SIDES).filter(lambda pair: pair[0][1].strip() != pair[1][1].strip())
LIMITS = st.sampled_from([None, 1, 2])


@attrs.frozen
class Case:
    """What a history is made of."""

    orders: list[tuple[str | None, str | None, str | None, bool, int]]
    events: list[str]
    links: list[tuple[tuple[str, str], tuple[str, str]]]
    reach: list[tuple[str | None, str, str]]
    cities: dict[str, str]
    levels: dict[str, str]
    decisions: list[tuple[bool, tuple[tuple[str, str], tuple[str, str]]]]
    limits: tuple[int | None, int | None, int | None]
    priorities: tuple[int, int]
    window: int | None
    engine: str


CASES = st.builds(
    Case,
    orders=st.lists(
        st.tuples(
            some(MEMBERS), some(PHONES), some(OPENIDS),
            st.sampled_from([True, True, True, False]), st.integers(1, 9),
        ),
        min_size=2, max_size=9,
    ),
    events=st.lists(st.sampled_from(["a", "b", "c"]), min_size=9, max_size=9) | st.just([]),
    links=st.lists(PAIRS, max_size=3),
    reach=st.lists(
        st.tuples(
            some(MEMBERS),
            st.sampled_from(PHONES),
            st.sampled_from(["opted_in", "opted_out", "unreachable", "?"]),
        ),
        max_size=4,
    ),
    cities=st.dictionaries(
        st.sampled_from([*MEMBERS, "phone:p2", "openid:o1"]), st.sampled_from("xy"), max_size=3
    ),
    levels=st.dictionaries(st.sampled_from(MEMBERS), st.sampled_from(["x", "y"]), max_size=2),
    decisions=st.lists(st.tuples(st.booleans(), PAIRS), max_size=3),
    limits=st.tuples(LIMITS, LIMITS, LIMITS),
    priorities=st.sampled_from([(9, 2), (9, 2), (1, 0), (0, 0), (0, 9)]),
    window=st.sampled_from([None, None, 3]),
    engine=st.sampled_from(["pyarrow", "pyarrow", "polars", "pandas-numpy"]),
)  # fmt: skip


def texts(values: Any) -> Any:
    """Return a column of text, however few there are."""
    return pa.array(list(values), pa.string())


def days(count: int, month: int) -> list[dt.datetime]:
    """Return one instant a day."""
    return [dt.datetime(2024, month, n + 1, tzinfo=dt.UTC) for n in range(count)]


def history_of(case: Case) -> History:
    """Return the history of a case, with a graph."""
    orders, reach = case.orders, case.reach
    at = [day if row[3] else None for row, day in zip(orders, days(len(orders), 1), strict=True)]
    columns: dict[str, Any] = {
        "who": texts(row[0] for row in orders), "tel": texts(row[1] for row in orders),
        "open": texts(row[2] for row in orders), "no": [f"n{n}" for n in range(len(orders))],
        "at": pa.array(at, pa.timestamp("us", "UTC")), "paid": [row[4] for row in orders],
    }  # fmt: skip
    named: dict[str, Any] = {}
    if case.events:
        columns["event"] = case.events[: len(orders)]
        named = {"event_id": "event"}
    log = {
        "customer_id": texts(row[0] for row in reach), "identifier_kind": ["phone"] * len(reach),
        "identifier_value": texts(row[1] for row in reach), "status": texts(r[2] for r in reach),
        "occurred_at": pa.array(days(len(reach), 2), pa.timestamp("us", "UTC")),
    }  # fmt: skip
    log["identifier_kind"] = texts(log["identifier_kind"])
    levels = {
        "customer_id": texts(case.levels), "name": texts(["level"] * len(case.levels)),
        "value": texts(case.levels.values()),
        "valid_from": pa.array(days(len(case.levels), 3), pa.timestamp("us", "UTC")),
    }  # fmt: skip
    cities = {"customer_id": texts(case.cities), "city": texts(case.cities.values())}
    engine = case.engine
    return History(
        Orders(
            to_engine(pa.table(columns), engine), customer_id="who", order_id="no",
            ordered_at="at", amount="paid", identifiers={"phone": "tel", "openid": "open"},
            **named,
        ),
        customers=Customers(to_engine(pa.table(cities), engine), attributes=["city"]),
        attributes=Attributes(to_engine(pa.table(levels), engine), names=["level"]),
        reach=Reach(to_engine(pa.table(log), engine)),
    )  # fmt: skip


def identified(case: Case, history: History) -> History:
    """Return it with a graph, links and decisions."""
    first, second = case.priorities
    window = case.window if case.limits[1] else None
    graph = IdentityGraph([
        IdentifierKind("customer_id", most_per_person=case.limits[0], priority=first),
        IdentifierKind("phone", most_per_person=case.limits[1], within_days=window,
                       priority=second),
        IdentifierKind("openid", most_per_person=case.limits[2]),
    ])  # fmt: skip
    pairs = {
        "left_kind": texts(left[0] for left, _ in case.links),
        "left_value": texts(left[1] for left, _ in case.links),
        "right_kind": texts(right[0] for _, right in case.links),
        "right_value": texts(right[1] for _, right in case.links),
        "seen_at": pa.array(days(len(case.links), 1), pa.timestamp("us", "UTC")),
    }
    log = IdentityDecisions()
    for is_bind, (left, right) in case.decisions:
        decide = log.bind if is_bind else log.unbind
        log = decide(left, right, author="li", reason="x", decided_at="2024-04-01")
    links = Links(to_engine(pa.table(pairs), case.engine))
    return history.with_identities(graph, links=links, decisions=log)


def said(history: History, rfm: Any) -> dict[str, list[Any]]:
    """Return all that can be said of each customer: orders, totals, answers, scores."""
    rules = {"n": Did("order").count(), "spent": Did("order").sum("amount")}
    rules |= {name: Attr(name) for name in history.attribute_names}  # type: ignore[misc]
    answers = RuleSet(rules).answer(history, AS_OF)
    tables = [history.order_table(AS_OF), answers]
    if rfm is not None:
        tables.append(rfm.score(history, as_of=AS_OF))
    found: dict[str, list[Any]] = {}
    for number, table in enumerate(tables):
        rows = frames.to_rows(frames.read(table).frame)
        for row in sorted(rows, key=str):
            found.setdefault(row.pop("customer_id"), []).append((number, str(row)))
    return found


def check_gone(erasure: Erasure[History]) -> None:
    """Check that no cell of a table, no link and no decision holds an id of his."""
    his = {text for spelled in erasure.spellings.values() for text in spelled}
    his |= {f"{kind}:{text}" for kind, spelled in erasure.spellings.items() for text in spelled}
    for title, table in erasure.tables.items():
        if isinstance(table, IdentityDecisions):
            held = {v for d in table.decisions for side in (d.left, d.right) for v in side}
        else:
            rows = frames.to_rows(frames.read(table).frame)
            held = {value for row in rows for value in row.values()}
        assert not his & held, title
    with pytest.raises(EmptyHistoryError):
        erasure.history.export(erasure.customer_id)


def check_erasing(history: History, who: str) -> bool:
    """Erase somebody, and check what is promised; return False where it was refused."""
    try:
        rfm = RFM(recency=Linear(), frequency=Linear(), monetary=Linear()).fit(history, as_of=AS_OF)
    except EmptyHistoryError:
        rfm = None
    before = said(history, rfm)
    try:
        erasure = history.erase(who)
    except EmptyHistoryError:
        raise
    except DataError:
        return False
    check_gone(erasure)
    before.pop(str(erasure.customer_id), None)
    assert said(erasure.history, rfm) == before
    return True


@settings(max_examples=30, deadline=None)
@given(CASES, st.integers(0, 99))
def test_the_erased_is_nowhere_and_others_are_as_they_were(case: Case, chosen: int) -> None:
    """With limits, windows, priorities, links, decisions, reach, attributes and quarantine."""
    history = identified(case, history_of(case))
    try:
        found, _ = history.resolved_whole()
    except DataError:  # decisions that contradict each other
        assume(False)
    persons = sorted(set(found.names_at(found.made.person)))
    assume(persons)
    if check_erasing(history, persons[chosen % len(persons)]):
        return
    event("refused")
    # Refused is only what cannot be otherwise: repeats, or an account that a channel outranks.
    assert case.events or case.priorities in ((0, 9), (0, 0))


@settings(max_examples=15, deadline=None)
@given(CASES, st.sampled_from(["m1", "m1 ", "m2", "m3"]))
def test_the_erased_is_nowhere_without_identities(case: Case, who: str) -> None:
    """Ids are as they came; a phone of the log of reach may be another's as well."""
    history = history_of(case)
    try:
        if not check_erasing(history, who):
            assert case.events
    except EmptyHistoryError:
        named = {row[0] for row in (*case.orders, *case.reach)}
        assert who not in named | set(case.cities) | set(case.levels)
