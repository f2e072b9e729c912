"""Totals by key: many of them, each over rows of its own."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.core.frames import (
    Condition,
    Distinct,
    First,
    Top,
    Total,
    by_place,
    chosen_rows,
    place_totals,
)
from userops.testing import to_engine

Rows = list[dict[str, Any]]
_TYPES = pa.schema(
    [
        ("who", pa.int64()), ("at", pa.int64()), ("n", pa.int64()), ("x", pa.float64()),
        ("kind", pa.string()), ("good", pa.bool_()),
    ]
)  # fmt: skip
_A = (nw.col("kind") == "a").fill_null(False)
_BIG = (nw.col("n") > 0).fill_null(False) & _A
CONDITIONS = {
    "a": Condition(_A, "a", "kind"),
    "not a": Condition(~_A, "not a", "kind"),
    "a, late": Condition(_A, "a", "kind", "at", 5),
    "a, then": Condition(_A, "a", "kind", "at", 3, 8),
    "big": Condition(_BIG, "big"),
    "big, late": Condition(_BIG, "big", None, "at", 4),
    "late": Condition(None, None, None, "at", 6),
    "then": Condition(None, None, None, "at", 2, 6),
    "never": Condition(None, None, None, "at", 9, 2),
}
_HOLDS: dict[str | None, Callable[[dict[str, Any]], bool]] = {
    None: lambda row: True,
    "a": lambda row: row["kind"] == "a",
    "not a": lambda row: row["kind"] != "a",
    "a, late": lambda row: row["kind"] == "a" and row["at"] >= 5,
    "a, then": lambda row: row["kind"] == "a" and 3 <= row["at"] < 8,
    "big": lambda row: row["kind"] == "a" and (row["n"] or 0) > 0,
    "big, late": lambda row: row["kind"] == "a" and (row["n"] or 0) > 0 and row["at"] >= 4,
    "late": lambda row: row["at"] >= 6,
    "then": lambda row: 2 <= row["at"] < 6,
    "never": lambda row: False,
}
ASKED: dict[str, Any] = {}
for _when in _HOLDS:
    for _wanted in (
        Total("count", _when), Total("count", _when, "n"), Total("sum", _when, "n"),
        Total("min", _when, "n"), Total("max", _when, "at"), Total("min", _when, "x"),
        Total("max", _when, "kind"), Total("min", _when, "good"), Distinct("kind", _when),
        Distinct("n", _when), Distinct("x", _when), Top("kind", _when), Top("kind", _when, "n"),
        Top("n", _when), First("kind", "at", _when), First("x", "at", _when, last=True),
    ):  # fmt: skip
        ASKED[f"c{len(ASKED)}"] = _wanted

rows = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.sampled_from([1, 2, 3, 5, 90]),
            "at": st.integers(0, 9),
            "n": st.none() | st.integers(-3, 3),
            "x": st.none() | st.sampled_from([-1.5, 0.0, 2.5]),
            "kind": st.none() | st.sampled_from(["a", "b", "Ä", ""]),
            "good": st.none() | st.booleans(),
        }
    ),
    max_size=25,
)


def _by_hand(mine: Rows, wanted: Any) -> Any:
    mine = [row for row in mine if _HOLDS[wanted.when](row)]
    if isinstance(wanted, Total):
        values = [1 if wanted.value is None else row[wanted.value] for row in mine]
        values = [value for value in values if value is not None]
        if wanted.how in ("count", "sum"):
            return len(values) if wanted.how == "count" else sum(values)
        return (min if wanted.how == "min" else max)(values, default=None)
    mine = [row for row in mine if row[wanted.value] is not None]
    if isinstance(wanted, Distinct):
        return len({row[wanted.value] for row in mine})
    if isinstance(wanted, Top):
        weights: Counter[Any] = Counter()
        for row in mine:
            weights[row[wanted.value]] += 1 if wanted.weight is None else row[wanted.weight] or 0
        most = max(weights.values(), default=0)
        return min((value for value, weight in weights.items() if weight == most), default=None)
    edges = [row[wanted.order] for row in mine]
    edge = (max if wanted.last else min)(edges, default=None)
    return min((row[wanted.value] for row in mine if row[wanted.order] == edge), default=None)


def _answers(given_rows: Rows, kernel: str, key: Callable[[int], Any] = int) -> dict[Any, Any]:
    table = pa.Table.from_pylist(given_rows, _TYPES)
    who = pa.array([key(row["who"]) for row in given_rows], None if given_rows else pa.int64())
    source = frames.read(to_engine(table.set_column(0, "who", who), kernel))
    found = frames.answers_by_key(source, source.frame, "who", CONDITIONS, ASKED)
    return {row.pop("who"): row for row in frames.to_rows(found)}


def _expected(given_rows: Rows, key: Callable[[int], Any] = int) -> dict[Any, Any]:
    return {
        key(who): {
            name: _by_hand([row for row in given_rows if row["who"] == who], wanted)
            for name, wanted in ASKED.items()
        }
        for who in {row["who"] for row in given_rows}
    }


@settings(deadline=None)
@given(rows, st.booleans(), st.booleans())
def test_totals_in_arrow_equal_a_loop(given_rows: Rows, in_order: bool, is_large: bool) -> None:
    """Every total over every choice of rows is what a loop finds, in any order of the rows."""
    if in_order:
        given_rows = sorted(given_rows, key=lambda row: row["at"])
    with pytest.MonkeyPatch.context() as patch:
        if is_large:  # what large tables are too large for
            patch.setattr(place_totals, "_MOST_PAIRS", 0)
            patch.setattr(place_totals, "_MOST_NUMBERS", 0)
            patch.setattr(chosen_rows, "_MOST_TEXTS", 0)
        assert _answers(given_rows, "pyarrow") == _expected(given_rows)
        assert _answers(given_rows, "pyarrow", str) == _expected(given_rows, str)


@pytest.mark.parametrize("wanted", [Distinct("kind"), Top("kind")])
def test_many_pairs_of_key_and_value_take_no_table(wanted: Distinct | Top) -> None:
    """What is kept while values are counted grows with the rows, not with keys times values."""
    numbers = np.arange(300_000)
    table = pa.table({"who": numbers, "kind": numbers * 7_919 % 1_000})
    tracemalloc.start()
    try:
        frames.to_rows(
            frames.answers_by_key(
                frames.read(table), frames.read(table).frame, "who", {}, {"n": wanted}
            ).head(1)
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 2**20  # 300 million pairs


def test_totals_are_the_same_on_every_engine(kernel: str) -> None:
    """Engines that plan for themselves find what a loop finds."""
    kinds, signs, numbers = ("a", "b", "Ä", "", None), (True, False, None), (-1.5, 0.0, 2.5, None)
    given_rows = [
        {
            "who": (n * n) % 7 + 1, "at": n % 10, "n": None if n % 6 == 5 else n % 7 - 3,
            "x": numbers[n % 4], "kind": kinds[(n * 3 + n // 7) % 5], "good": signs[n % 3],
        }
        for n in range(120)
    ]  # fmt: skip
    assert _answers(given_rows, kernel) == _expected(given_rows)


@pytest.mark.parametrize("key", [int, str])
def test_frames_are_joined_on_all_their_keys(kernel: str, key: Callable[[int], Any]) -> None:
    """A key that a frame does not have gets what is said to be absent, or null."""
    parts = [
        {"who": [3, 1], "n": [30, 10], "is_a": [True, False]},
        {"who": [2, 3, 9], "m": [20, None, 90], "is_b": [True, True, False]},
        {"who": [1], "text": ["one"]},
    ]
    tables = [pa.table(part | {"who": [key(who) for who in part["who"]]}) for part in parts]
    read = [frames.read(to_engine(table, kernel)).frame for table in tables]
    joined = frames.joined(read, "who", {"is_a": False, "is_b": True, "n": 7})
    found = sorted(frames.to_rows(joined), key=lambda row: row["who"])
    assert [{k: row[k] for k in ("who", "n", "m", "is_a", "is_b", "text")} for row in found] == [
        {"who": key(1), "n": 10, "m": None, "is_a": False, "is_b": True, "text": "one"},
        {"who": key(2), "n": 7, "m": 20, "is_a": False, "is_b": True, "text": None},
        {"who": key(3), "n": 30, "m": None, "is_a": True, "is_b": True, "text": None},
        {"who": key(9), "n": 7, "m": 90, "is_a": False, "is_b": False, "text": None},
    ]


def test_what_nobody_is_known_of_is_said_once() -> None:
    """Columns of a frame come with their values where everything but the key is null."""
    frame = frames.read(pa.table({"who": [1, 2], "n": [5, None]})).frame
    columns = {"some": nw.col("n").fill_null(0) > 0, "n": nw.col("n")}
    found, nobody = frames.with_nobody(frame, "who", columns)
    assert nobody == {"some": False, "n": None}
    assert frames.to_rows(found) == [
        {"who": 1, "some": True, "n": 5},
        {"who": 2, "some": False, "n": None},
    ]


@pytest.mark.parametrize("kinds", [254, 255, 256, 257])
def test_missing_texts_are_counted_however_many_texts_there_are(kinds: int) -> None:
    """Rows without a text satisfy a negation, also where texts fill their codes to the last one."""
    table = pa.table(
        {
            "who": pa.array([1, 2] * kinds, pa.int64()),
            "kind": [kind for n in range(kinds) for kind in (f"k{n}", None)],
        }
    )
    frame = frames.read(table).frame
    condition = Condition(~(nw.col("kind") == "k0").fill_null(False), "not k0", "kind")
    found = by_place.answered(
        frame, "who", {"not k0": condition}, {"n": Total("count", "not k0")}, small=False
    )
    assert {row["who"]: row["n"] for row in frames.to_rows(found)} == {1: kinds - 1, 2: kinds}
