"""Rows that come twice: event ids, and exact duplicates; the same one stays on every engine."""

from __future__ import annotations

import itertools
import math
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.events import Events, Orders

EVENTS: dict[str, Any] = {
    "customer_id": "who", "occurred_at": "at", "time_format": "epoch_us", "event_id": "id",
}  # fmt: skip
ORDERS: dict[str, Any] = {
    "customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "paid", "scale": 0,
    "time_format": "epoch_us",
}  # fmt: skip

ARROW = ("pyarrow", "pandas-numpy", "pandas-arrow")


def events_table(rows: list[tuple[Any, Any, Any]]) -> pa.Table:
    """Return events as (id, customer, instant)."""
    ids, who, at = ([row[i] for row in rows] for i in range(3))
    return pa.table({
        "id": pa.array(ids, pa.string()), "who": pa.array(who, pa.string()),
        "at": pa.array(at, pa.int64()), "row": pa.array(range(len(rows)), pa.int64()),
    })  # fmt: skip


def kept_rows(events: Events) -> list[int]:
    """Return the numbers of the rows that count."""
    return sorted(row["row"] for row in frames.to_rows(events.counted()))


def test_the_first_in_time_of_an_event_id_stays(engine: str, host: Any) -> None:
    """Of rows with one event id the first in time counts, wherever it stands in the table."""
    rows = [("e1", "a", 9), ("e1", "a", 3), ("e2", "b", 5), ("e1", "z", 4), (None, "a", 1),
            (None, "a", 1), (" ", "c", 2), ("e2", "b", 5)]  # fmt: skip
    events = Events(host(events_table(rows), engine), **EVENTS, properties=("row",))

    assert kept_rows(events)[:3] == [1, 2, 4]
    assert events.quality.counted == 5
    assert events.quality.quarantined == {"duplicate_event_id": 3}
    reasons = frames.to_rows(frames.read(events.quarantine).frame)
    assert {(row["id"], row["reason"]) for row in reasons} == {
        ("e1", "duplicate_event_id"),
        ("e2", "duplicate_event_id"),
    }


def test_a_row_that_does_not_count_is_no_first(kernel: str, host: Any) -> None:
    """An earlier row that is quarantined for itself does not displace the one that counts."""
    rows = [("e1", None, 1), ("e1", "a", 2), ("e2", "b", None), ("e2", "b", 7), ("e2", "c", 8)]
    events = Events(host(events_table(rows), kernel), **EVENTS, properties=("row",))

    assert kept_rows(events) == [1, 3]
    assert events.quality.quarantined == {
        "duplicate_event_id": 1,
        "no_customer": 1,
        "no_time": 1,
    }


def test_an_unresolved_row_may_be_the_first(kernel: str, host: Any) -> None:
    """An anonymous row with the same event id counts as the first: it will have a person later."""
    table = pa.table({
        "id": ["e1", "e1", "e2"], "who": pa.array([None, "a", None]), "wx": ["o1", "o1", None],
        "at": [1, 2, 3],
    })  # fmt: skip
    events = Events(host(table, kernel), **EVENTS, identifiers={"openid": "wx"})
    quality = events.quality

    assert (quality.counted, quality.unresolved) == (0, 1)
    assert quality.quarantined == {"duplicate_event_id": 1, "no_customer": 1}


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["e1", "e2", "e3", None]),
            st.sampled_from(["a", "b", None]),
            st.integers(0, 3) | st.none(),
        ),
        max_size=25,
    )
)
def test_one_row_an_event_id_counts_and_none_is_lost(rows: list[tuple[Any, Any, Any]]) -> None:
    """Whatever the rows, each event id counts once at its first instant, and the sums hold."""
    events = Events(events_table(rows), **EVENTS, properties=("row",))
    good = [(i, row) for i, row in enumerate(rows) if row[1] is not None and row[2] is not None]
    ids = {row[0] for _, row in good if row[0] is not None}
    quality = events.quality

    assert quality.counted == len(ids) + sum(row[0] is None for _, row in good)
    assert quality.rows == len(rows) == quality.counted + sum(quality.quarantined.values())
    for number in kept_rows(events):
        event, _, instant = rows[number]
        if event is not None:
            assert instant == min(row[2] for _, row in good if row[0] == event)


DRAWS = [
    {"who": "a", "no": "1", "at": 0, "paid": 5, "q": 1, "channel": "web"},
    {"who": "b", "no": "1", "at": 0, "paid": 5, "q": 1, "channel": "web"},
    {"who": "a", "no": "2", "at": 0, "paid": 5, "q": 1, "channel": "web"},
    {"who": "a", "no": "1", "at": 0, "paid": 7, "q": 1, "channel": "web"},
    {"who": "a", "no": "1", "at": 0, "paid": 5, "q": 1, "channel": None},
    {"who": "a", "no": "1", "at": 0, "paid": 5, "q": 1, "channel": "app"},
]


@pytest.mark.parametrize("pair", list(itertools.combinations(range(len(DRAWS)), 2)), ids=str)
def test_the_same_repeat_stays_in_any_order(pair: tuple[int, int], host: Any) -> None:
    """Of repeats at one instant the same stays however the table is sorted, and on each engine."""
    rows = [DRAWS[i] | {"id": "e"} for i in pair]
    kept = set()
    for engine, order in itertools.product(("pyarrow", "polars"), (rows, rows[::-1])):
        orders = Orders(
            host(pa.Table.from_pylist(order), engine), **ORDERS, event_id="id", quantity="q",
            channel="channel",
        )  # fmt: skip
        (row,) = frames.to_rows(orders.counted())
        kept.add(tuple(sorted((k, str(v)) for k, v in row.items())))

    assert len(kept) == 1


def test_the_same_quantity_stays_in_any_order() -> None:
    """Of repeats that differ in the quantity alone the same stays however the table is sorted."""
    rows = [DRAWS[0] | {"id": "e", "q": quantity} for quantity in (1, 2)]
    kept = set()
    for order in (rows, rows[::-1]):
        orders = Orders(pa.Table.from_pylist(order), **ORDERS, event_id="id", quantity="q")
        kept.add(frames.to_rows(orders.counted())[0]["quantity"])

    assert len(kept) == 1


def test_duplicate_lines_are_kept_unless_asked(kernel: str, host: Any) -> None:
    """Exact duplicates are counted and reported, or, where asked for, quarantined but for one."""
    rows = [{"who": "a", "no": "1", "at": 0, "paid": 5, "note": None}] * 3
    rows += [rows[0] | {"note": "x"}, rows[0] | {"paid": 6}]
    table = pa.Table.from_pylist(rows)

    keep = Orders(host(table, kernel), **ORDERS).quality
    drop = Orders(host(table, kernel), **ORDERS, duplicate_lines="quarantine").quality

    assert (keep.counted, keep.duplicate_lines, keep.quarantined) == (5, 2, {})
    assert (drop.counted, drop.duplicate_lines, drop.quarantined) == (3, 2, {"duplicate_line": 2})
    assert keep.purchased_minor_units == 26
    assert drop.purchased_minor_units == 16


@pytest.mark.parametrize(
    "extra",
    [
        pa.array(["x", "x", None, None]).dictionary_encode(),
        pa.array([[1], [1], None, None]),
        pa.array([b"x", b"x", None, None]),
        pa.array([True, True, None, None]),
        pa.array([1.5, 1.5, None, None]),
        pa.array([0, 0, None, None], pa.timestamp("ns", "UTC")),
        pa.array([None] * 4, pa.null()),
    ],
    ids=lambda array: str(array.type),
)
def test_duplicates_are_found_beside_columns_of_any_type(
    kernel: str, extra: pa.Array, host: Any, request: pytest.FixtureRequest
) -> None:
    """Two pairs of duplicates are found whatever else the host's table holds."""
    n = len(extra)
    table = pa.table(
        {"who": ["a"] * n, "no": ["1"] * n, "at": [0] * n, "paid": [1] * n, "x": extra}
    )
    orders = Orders(host(table, kernel), **ORDERS, duplicate_lines="quarantine")
    distinct = 1 if extra.null_count == n else 2

    assert orders.quality.quarantined == {"duplicate_line": 4 - distinct}
    assert orders.quality.duplicate_lines == 4 - distinct


@pytest.mark.parametrize("pair", [(0.0, -0.0), (math.nan, math.nan)], ids=str)
def test_equal_floats_are_equal(
    engine: str, pair: tuple[float, float], host: Any, request: pytest.FixtureRequest
) -> None:
    """Rows that differ in the sign of a zero, or hold NaN, are duplicates on every engine."""
    table = pa.table({"who": ["a"] * 2, "no": ["1"] * 2, "at": [0] * 2, "paid": [1] * 2, "x": pair})
    orders = Orders(host(table, engine), **ORDERS, duplicate_lines="quarantine")

    assert orders.quality.quarantined == {"duplicate_line": 1}
    assert orders.quality.duplicate_lines == 1


def test_an_event_id_goes_before_a_duplicate_line() -> None:
    """A row that repeats an event id and a whole row is quarantined for the event id, once."""
    rows = [{"who": "a", "no": "1", "at": 0, "paid": 5, "id": "e"}] * 3
    orders = Orders(
        pa.Table.from_pylist(rows), **ORDERS, event_id="id", duplicate_lines="quarantine"
    )

    assert orders.quality.quarantined == {"duplicate_event_id": 2}
    assert orders.quality.counted == 1


# --- a cheap proof that nothing repeats -----------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=30))
def test_text_that_repeats_is_never_proven_unique(texts: list[str]) -> None:
    """The proof never calls a column unique in which a text occurs twice."""
    source = frames.read(pa.table({"x": pa.array(texts, pa.string())}))
    is_unique = len(set(texts)) == len(texts)

    proven = frames.proves_unique(source, source.frame, "x", rows=len(texts))

    assert proven is is_unique  # that no two of thirty texts share 64 bits is a safe bet


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2), max_size=30))
def test_numbers_that_repeat_are_never_proven_unique(numbers: list[int]) -> None:
    """The proof of numbers is exact."""
    source = frames.read(pa.table({"x": pa.array(numbers, pa.int64())}))

    assert frames.proves_unique(source, source.frame, "x", rows=len(numbers)) is (
        len(set(numbers)) == len(numbers)
    )


def test_the_proof_looks_beyond_its_sample(kernel: str, host: Any) -> None:
    """A repeat far apart is found on every engine, and long equal beginnings do not matter."""
    rng = random.Random(2)
    texts = [f"order-of-the-year-2024-number-{i}" for i in range(30_000)]
    for values, is_unique in (
        (texts, True),
        ([*texts, texts[0]], False),
        ([*rng.sample(texts, 100), "x"], True),
    ):
        source = frames.read(host(pa.table({"x": values}), kernel))
        proven = frames.proves_unique(source, source.frame, "x", rows=len(values))

        assert proven is (is_unique and source.is_in_process)


def test_too_many_rows_are_not_looked_at() -> None:
    """A column of too many rows is not proven, which costs time but no wrong answer."""
    source = frames.read(pa.table({"x": [1, 2]}))

    assert frames.proves_unique(source, source.frame, "x", rows=2)
    assert not frames.proves_unique(source, source.frame, "x", rows=10**9)
