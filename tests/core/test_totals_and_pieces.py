"""Totals by key, plans run piece by piece, and the first of several conditions."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.core import frames
from userops.core.frames import grouping, morsels
from userops.testing import to_engine

TOTALS: dict[str, Any] = {"last": ("at", "max"), "n": ("at", "count"), "spent": ("cents", "sum")}
EXTREME = 2**63 - 1


def totals_of(table: pa.Table, engine: str) -> dict[Any, tuple[Any, ...]]:
    """Return last, n and spent of each key."""
    source = frames.read(to_engine(table, engine))
    rows = frames.to_rows(frames.totals_by_key(source, source.frame, "who", TOTALS))
    assert len({row["who"] for row in rows}) == len(rows)
    return {row["who"]: (row["last"], row["n"], row["spent"]) for row in rows}


def plain_totals(rows: list[tuple[Any, Any, Any]]) -> dict[Any, tuple[Any, ...]]:
    """Say the same with a loop."""
    found: dict[Any, list[Any]] = {}
    for who, at, cents in rows:
        mine = found.setdefault(who, [None, 0, 0])
        if at is not None:
            mine[0] = at if mine[0] is None else max(mine[0], at)
            mine[1] += 1
        mine[2] += cents or 0
    return {who: tuple(mine) for who, mine in found.items()}


def table_of(rows: list[tuple[Any, Any, Any]], who: pa.DataType) -> pa.Table:
    """Put rows into Arrow."""
    columns = list(zip(*rows, strict=True)) or [[], [], []]
    kinds = (who, pa.int64(), pa.int64())
    return pa.table(
        {n: pa.array(c, k) for n, c, k in zip(("who", "at", "cents"), columns, kinds, strict=True)}
    )


number = st.integers(-9, 9) | st.none()


@given(
    rows=st.lists(st.tuples(st.integers(-6, 20), number, number), max_size=40),
    offset=st.sampled_from([0, 1, 10**9, -(10**9), 2**62, -(2**62)]),
)
def test_totals_of_dense_ids_equal_a_loop(rows: list[Any], offset: int) -> None:
    """Ids that lie close together are added up by place, wherever they begin."""
    moved = [(who + offset, at, cents) for who, at, cents in rows]
    assert totals_of(table_of(moved, pa.int64()), "pyarrow") == plain_totals(moved)


@pytest.mark.parametrize("ids", [(0, EXTREME), (-EXTREME - 1, EXTREME), (5, 10**12)])
def test_ids_far_apart_are_grouped(ids: tuple[int, int]) -> None:
    """Ids that would need too many places are left to the engine, up to the ends of int64."""
    rows = [(ids[0], 1, 5), (ids[1], 2, -5), (ids[0], 3, None)]
    assert totals_of(table_of(rows, pa.int64()), "pyarrow") == plain_totals(rows)


@pytest.mark.parametrize("who", [pa.string(), pa.int64(), pa.int32(), pa.uint64()])
def test_totals_are_the_same_on_every_engine(kernel: str, who: pa.DataType) -> None:
    """Text, narrow and unsigned ids; values that are missing; values of money near the limit."""
    rows = [(1, 3, 2**61), (2, None, 5), (1, 4, 2**61 - 1), (2, None, None), (3, -7, -(2**62))]
    named = [(str(key) if who == pa.string() else key, at, cents) for key, at, cents in rows]
    assert totals_of(table_of(named, who), kernel) == plain_totals(named)


def test_no_rows_have_no_totals(kernel: str) -> None:
    """An empty table gives none, in typed columns."""
    assert totals_of(table_of([], pa.int64()), kernel) == {}


def test_dense_ids_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids counted up by a database are not grouped by a hash table."""
    calls = []
    real = grouping._added_up
    monkeypatch.setattr(grouping, "_added_up", lambda *a: (calls.append(1), real(*a))[1])
    totals_of(table_of([(i, i, i) for i in range(1_000, 1_100)], pa.int64()), "pandas-numpy")
    assert calls


@given(rows=st.integers(1, 50), piece=st.integers(1, 9), cores=st.integers(1, 4))
def test_pieces_are_all_rows_in_order(rows: int, piece: int, cores: int) -> None:
    """A plan sees every row once, however the rows are cut, and the rows keep their order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(morsels, "_ROWS", piece)
        patch.setattr(pa, "cpu_count", lambda: cores)
        table = pa.table({"x": list(range(rows))})
        source = frames.read(table)
        done = frames.by_morsel(source, source.frame, lambda f: f.with_columns(y=nw.col("x") * 2))
        sums = frames.by_morsel(source, source.frame, lambda f: f.select(nw.col("x").sum()))
        assert frames.to_arrow(done).to_pylist() == [{"x": i, "y": 2 * i} for i in range(rows)]
        assert sum(frames.to_arrow(sums)["x"].to_pylist()) == rows * (rows - 1) // 2
        assert (len(frames.to_arrow(sums)) > 1) is (rows > piece and cores * piece < rows) or (
            rows > piece and cores > 1
        )


def test_the_first_condition_that_holds(kernel: str) -> None:
    """Of several conditions the first that holds counts; a null does not hold."""
    table = pa.table({"x": [1, 5, 9, None, -1]})
    source = frames.read(to_engine(table, kernel))
    x = nw.col("x")
    cases = [(x > 8, 3), (x > 4, 2), (x > 0, 1), (x.is_null(), -1)]
    frame = frames.with_first_true(source, source.frame, "case", cases, otherwise=0)

    assert {(r["x"], r["case"]) for r in frames.to_rows(frame)} == {
        (1, 1), (5, 2), (9, 3), (None, -1), (-1, 0),
    }  # fmt: skip


def test_whether_a_condition_may_hold(kernel: str) -> None:
    """Where rows are at hand the answer is exact; a plan is not run for it."""
    source = frames.read(to_engine(pa.table({"x": [1, None]}), kernel))
    assert frames.may_hold(source.frame, nw.col("x") == 1)
    assert frames.may_hold(source.frame, nw.col("x") == 2) is not source.is_arrow


@pytest.mark.parametrize("value", [2**63, 2**64 - 1, 2**63 - 1, 7])
def test_constants_above_int64(value: int) -> None:
    """An unsigned id is found by its value on the engines that know unsigned integers."""
    table = pa.table({"id": pa.array([7, 2**63 - 1, 2**63, 2**64 - 1], pa.uint64())})
    for engine in ("pyarrow", "pandas-numpy", "polars", "duckdb"):
        frame = frames.read(to_engine(table, engine)).frame
        found = frames.to_rows(frame.filter(nw.col("id") == frames.constant(frame, "id", value)))
        assert [int(row["id"]) for row in found] == [value]


@pytest.mark.parametrize("value", [-1, 2**64, -(2**70)])
def test_constants_that_a_column_cannot_hold(value: int, kernel: str) -> None:
    """No row equals a number that its column cannot hold; no engine's own error gets through."""
    for dtype in (pa.uint64(), pa.int64()):
        table = pa.table({"id": pa.array([7, 8], dtype)})
        frame = frames.read(to_engine(table, kernel)).frame
        assert not frames.to_rows(frame.filter(nw.col("id") == frames.constant(frame, "id", value)))
