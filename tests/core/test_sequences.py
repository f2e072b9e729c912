"""Sequences: three ways to compute them agree, and known answers hold."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core.log import CustomerLog
from userops.core.sequences import (
    Steps,
    completes,
    completes_one,
    completion_instants,
    first_completion_one,
)
from userops.errors import InvalidArgumentError

MINUTE = 60_000_000
A, B, C, D = 1, 2, 4, 8
Row = tuple[int, int]


def brute_force(rows: Sequence[Row], steps: Steps) -> tuple[int, int] | None:
    """Try every chain of rows; return the start and end of the one that ends first."""

    def tie(row: Row) -> tuple[int, tuple[int, int], int]:
        can = [k for k, bit in enumerate(steps.bits) if row[1] >> bit & 1]
        return row[0], (can[0], can[-1]) if can else (99, 99), sum(2**k for k in can)

    ordered = sorted(rows, key=tie)
    excluded = [at for at, mask in rows if any(mask >> bit & 1 for bit in steps.without_bits)]
    found: list[tuple[int, int, int]] = []
    for chain in itertools.combinations(range(len(ordered)), len(steps.bits)):
        pairs = zip(chain, steps.bits, strict=True)
        first, last = ordered[chain[0]][0], ordered[chain[-1]][0]
        if (
            all(ordered[row][1] >> bit & 1 for row, bit in pairs)
            and (steps.within_us is None or last - first <= steps.within_us)
            and not any(first < at < last for at in excluded)
        ):
            found.append((chain[-1], -first, last))
    return (-min(found)[1], min(found)[2]) if found else None


def log_of(customers: Sequence[Sequence[Row]]) -> CustomerLog:
    """Put each customer's rows into a log; every customer has some."""
    rows = [(who, at, mask) for who, mine in enumerate(customers) for at, mask in mine]
    columns = [pa.array([row[i] for row in rows], pa.int64()) for i in range(3)]
    table = pa.table(columns, names=["who", "at", "mask"])
    return CustomerLog.build(table, key="who", instant="at", columns=["mask"])


def holds(rows: Sequence[Row], steps: Steps) -> bool:
    """Answer for one customer in every way, and check that all agree."""
    ordered = sorted(rows, key=lambda row: row[0])
    instants, masks = [at for at, _ in ordered], [mask for _, mask in ordered]
    answer = completes_one(instants, masks, steps)
    log = log_of([[(0, 0)], rows, [(0, A | B | C)]] if rows else [[(0, 0)]])
    if rows:
        assert completes(log, log.columns["mask"], steps)[1] == answer
    assert (brute_force(rows, steps) is not None) == answer
    return answer


def spelled(word: str) -> list[Row]:
    """Return one row a letter, one minute apart."""
    return [(i * MINUTE, 1 << "abcd".index(letter)) for i, letter in enumerate(word)]


steps_strategy = st.builds(
    Steps,
    bits=st.lists(st.integers(0, 2), min_size=1, max_size=4).map(tuple),
    without_bits=st.lists(st.integers(0, 3), max_size=2).map(tuple),
    within_us=st.none() | st.integers(0, 6),
)
customer_strategy = st.lists(
    st.tuples(st.integers(-3, 6), st.integers(0, 15)), min_size=1, max_size=7
)


@settings(max_examples=1500, deadline=None)
@given(customers=st.lists(customer_strategy, min_size=1, max_size=6), steps=steps_strategy)
def test_three_ways_agree(customers: list[list[Row]], steps: Steps) -> None:
    """Arrays, one customer, and every chain tried: overlapping masks, ties, exclusions, windows."""
    log = log_of(customers)
    mask = log.columns["mask"]
    started, completed = completion_instants(log, mask, steps)
    flags = completes(log, mask, steps)
    assert flags.dtype == np.bool_
    for who, rows in enumerate(customers):
        expected = brute_force(rows, steps)
        ordered = sorted(rows, key=lambda row: row[0])
        instants, masks = [at for at, _ in ordered], [m for _, m in ordered]
        chain = first_completion_one(instants, masks, steps)

        assert completes_one(instants, masks, steps) == bool(flags[who]) == (expected is not None)
        if expected is None:
            assert chain is None
            assert started.mask[who]
            assert completed.mask[who]
        else:
            assert chain is not None
            assert len(chain) == len(steps.bits)
            assert list(chain) == sorted(chain)
            assert (chain[0], chain[-1]) == (started[who], completed[who]) == expected


@settings(max_examples=300, deadline=None)
@given(rows=customer_strategy, steps=steps_strategy, seed=st.integers(0, 99))
def test_the_answer_does_not_depend_on_the_order_of_ties(
    rows: list[Row], steps: Steps, seed: int
) -> None:
    """Rows of one instant may lie in any order."""
    moved = [rows[i] for i in np.random.default_rng(seed).permutation(len(rows))]
    assert holds(rows, steps) == holds(moved, steps)


def test_pieces_of_a_log_are_put_together() -> None:
    """Many customers in several pieces, one longer than a piece: as one customer after another."""
    rng = np.random.default_rng(3)
    who = np.append(rng.integers(0, 9_000, 90_000), np.full(70_000, 4_500))
    rng.shuffle(who)
    at, mask = rng.integers(0, 500, len(who)), rng.integers(0, 16, len(who)) & rng.integers(0, 16)
    log = CustomerLog.build(
        pa.table({"who": who, "at": at, "mask": mask}), key="who", instant="at", columns=["mask"]
    )
    steps = Steps(bits=(0, 1, 2), without_bits=(3,), within_us=20)
    flags = completes(log, log.columns["mask"], steps)
    bounds = list(itertools.pairwise(log.offsets.tolist()))
    expected = [
        completes_one(log.instants_us[a:b].tolist(), log.columns["mask"][a:b].tolist(), steps)
        for a, b in bounds
    ]
    assert flags.tolist() == expected
    assert len(list(log.pieces())) > 2


def test_the_window_is_inclusive() -> None:
    """An event exactly five minutes later counts; one a microsecond later does not."""
    steps = Steps(bits=(0, 1), within_us=5 * MINUTE)
    assert holds([(0, A), (5 * MINUTE, B)], steps)
    assert not holds([(0, A), (5 * MINUTE + 1, B)], steps)


def test_the_best_entry_counts() -> None:
    """A 13:00, A 13:30, B 13:45, C 14:15 within an hour: the second A makes it."""
    rows = [(0, A), (30 * MINUTE, A), (45 * MINUTE, B), (75 * MINUTE, C)]
    steps = Steps(bits=(0, 1, 2), within_us=60 * MINUTE)
    assert holds(rows, steps)
    assert not holds([rows[0], *rows[2:]], steps)
    assert first_completion_one(*zip(*rows, strict=True), steps) == (
        30 * MINUTE,
        45 * MINUTE,
        75 * MINUTE,
    )


@pytest.mark.parametrize("masks", list(itertools.permutations([A, B, C])))
def test_trap_29_equal_instants_are_read_in_step_order(masks: tuple[int, ...]) -> None:
    """Three steps at one instant hold, however the rows lie."""
    assert holds([(7, mask) for mask in masks], Steps(bits=(0, 1, 2), within_us=0))


@pytest.mark.parametrize("instants", [(0, 0, 0), (0, 0, 1), (0, 1, 2)])
def test_one_event_fills_one_step(instants: tuple[int, ...]) -> None:
    """Three equal steps need three events: one does not do, nor do two."""
    steps = Steps(bits=(0, 0, 0), within_us=10)
    rows = [(at, A) for at in instants]
    assert holds(rows, steps)
    assert not holds(rows[:2], steps)
    assert not holds(rows[:1], steps)


def test_a_row_of_several_steps_fills_one_of_them() -> None:
    """A row that satisfies A and B needs another row for the other step."""
    steps = Steps(bits=(0, 1))
    assert not holds([(0, A | B)], steps)
    assert holds([(0, A | B), (0, A)], steps)
    assert holds([(0, A | B), (0, B)], steps)
    assert not holds([(0, B), (1, A | B)], steps)


@pytest.mark.parametrize(
    ("word", "ordered", "without_d"),
    [
        ("abc", True, True),
        ("adbc", True, False),
        ("aabbcc", True, True),
        ("aabbdcc", True, False),
        ("ccbbaa", False, False),
    ],
)
def test_words_of_events(word: str, *, ordered: bool, without_d: bool) -> None:
    """Steps a, b, c over words: in order, and in order with no d between."""
    assert holds(spelled(word), Steps(bits=(0, 1, 2))) is ordered
    assert holds(spelled(word), Steps(bits=(0, 1, 2), without_bits=(3,))) is without_d


def test_an_excluded_row_counts_only_strictly_between() -> None:
    """At the instant of the first or of the last step, or outside, an excluded row does no harm."""
    steps = Steps(bits=(0, 1), without_bits=(3,))
    for at, expected in ((-1, True), (0, True), (1, False), (9, False), (10, True), (11, True)):
        assert holds([(0, A), (10, B), (at, D)], steps) is expected
    assert holds([(0, A | D), (10, B | D)], steps)
    assert not holds([(0, A), (5, B | D), (10, C)], Steps(bits=(0, 1, 2), without_bits=(3,)))
    assert holds([(0, A), (1, D), (2, A), (3, B)], steps)


def test_no_rows_and_no_customers() -> None:
    """Nobody completes nothing; a log without rows gives empty arrays."""
    steps = Steps(bits=(0, 1), without_bits=(2,), within_us=1)
    assert not completes_one([], [], steps)
    empty = CustomerLog.build(
        pa.table({"who": pa.array([], pa.string()), "at": pa.array([], pa.int64())}),
        key="who", instant="at", columns=[],
    )  # fmt: skip
    assert completes(empty, np.empty(0, np.int64), steps).tolist() == []
    assert all(not len(part) for part in completion_instants(empty, np.empty(0, np.int64), steps))


def test_the_highest_bit() -> None:
    """Bit 62 works as any other; a mask may come narrow."""
    steps = Steps(bits=(62, 0))
    assert holds([(0, 1 << 62), (1, 1)], steps)
    log = log_of([[(0, A), (1, B)]])
    assert completes(log, log.columns["mask"].astype(np.int8), Steps(bits=(0, 1))).tolist() == [
        True
    ]


def test_steps_travel() -> None:
    """Steps are equal after pickling, also once they were used."""
    steps = Steps(bits=(0, 1), without_bits=(2,), within_us=5)
    assert completes_one([0, 1], [1, 2], steps)
    again = pickle.loads(pickle.dumps(steps))
    assert again == steps
    assert hash(again) == hash(steps)
    assert completes_one([0, 1], [1, 2], again)


@pytest.mark.parametrize(
    ("fields", "argument"),
    [
        ({"bits": ()}, "bits"),
        ({"bits": (0, 63)}, "bits"),
        ({"bits": (-1,)}, "bits"),
        ({"bits": (0,), "without_bits": (64,)}, "without_bits"),
        ({"bits": (0,), "within_us": -1}, "within_us"),
    ],
)
def test_impossible_steps_are_refused(fields: dict[str, object], argument: str) -> None:
    """No step, bits that int64 does not have, and negative windows name the argument."""
    with pytest.raises(InvalidArgumentError) as caught:
        Steps(**fields)  # type: ignore[arg-type]
    assert caught.value.argument == argument
