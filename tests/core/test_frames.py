"""Frames of every engine behind one face: in and out, order statistics, running values, times."""

from __future__ import annotations

import datetime as dt
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import duckdb
import ibis
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    MissingExtraError,
    UnsupportedFrameError,
    UserOpsError,
)
from userops.events import Orders
from userops.testing import Engines, installed_engines, to_engine

NATIVE = {
    "pyarrow": pa.Table,
    "pandas-numpy": pd.DataFrame,
    "pandas-arrow": pd.DataFrame,
    "polars": pl.DataFrame,
    "polars-lazy": pl.LazyFrame,
    "duckdb": duckdb.DuckDBPyRelation,
    "ibis": ibis.expr.types.Table,
}


def source_of(engine: str, **columns: Any) -> frames.Source:
    """Return the source of a table on an engine."""
    return frames.read(to_engine(pa.table(columns), engine))


# --- in and out -----------------------------------------------------------------------------------


def test_every_engine_of_the_tests_is_known() -> None:
    """The types that are expected here cover every engine of this process."""
    assert set(NATIVE) == set(installed_engines(with_spark=False))


def test_what_comes_in_goes_out(engine: str) -> None:
    """A frame leaves as the type that came in: eager stays eager, and lazy stays lazy."""
    source = source_of(engine, x=[1, 2, 3], t=["a", "b", None])
    back = source.give_back(source.frame.filter(nw.col("x") > 1))

    assert type(back) is type(source.native)
    assert isinstance(back, NATIVE[engine])
    assert sorted(frames.to_rows(frames.read(back).frame), key=lambda r: r["x"]) == [
        {"x": 2, "t": "b"},
        {"x": 3, "t": None},
    ]


@pytest.mark.parametrize("lazy_engine", ["polars-lazy", "duckdb", "ibis"])
def test_trap_10_reading_computes_nothing(lazy_engine: str) -> None:
    """A lazy frame that would fail when computed is read, described and given back unharmed."""
    source = source_of(lazy_engine, x=["1", "no number"])
    cast = source.frame.with_columns(y=nw.col("x").cast(nw.Int64))
    again = frames.read(source.give_back(cast))

    assert again.frame.collect_schema()["y"] == nw.Int64
    with pytest.raises(Exception, match="no number"):
        frames.to_rows(again.frame)


def test_small_rows_become_a_frame_of_the_engine(engine: str) -> None:
    """A small result comes back as the engine's own type, ready to be joined to its data."""
    source = source_of(engine, x=[1, 2])
    small = source.give_rows(pa.table({"x": [2], "name": ["two"]}))

    assert type(small) is type(source.native)
    joined = source.frame.join(frames.read(small).frame, on="x")
    assert frames.to_rows(joined) == [{"x": 2, "name": "two"}]


def test_what_is_materialised_stays_lazy_and_equal(engine: str) -> None:
    """A materialised frame holds the same rows, and is of a kind that its engine joins."""
    source = source_of(engine, x=[3, 1, 2])
    doubled = source.materialise(source.frame.with_columns(y=nw.col("x") * 2))

    assert isinstance(doubled, nw.LazyFrame)
    joined = doubled.join(source.frame, on="x").sort("x")
    assert [row["y"] for row in frames.to_rows(joined)] == [2, 4, 6]


def test_numpy_backed_pandas_keeps_integers_that_have_gaps() -> None:
    """A numpy-backed frame leaves with numpy dtypes, and whole numbers with gaps stay whole."""
    table = pa.table({
        "plain": [1, 2], "holed": pa.array([2**53 + 1, None]), "flag": pa.array([True, None]),
        "text": ["a", None], "share": [0.5, None], "small": pa.array([7, None], pa.int32()),
    })  # fmt: skip
    source = frames.read(frames.from_arrow(table, "pandas"))
    back = source.give_back(source.frame)

    assert source.numpy_backed
    assert back["plain"].dtype == np.dtype("int64")
    assert back["holed"].dtype == pd.Int64Dtype()
    assert back["holed"][0] == 2**53 + 1
    assert back["flag"].dtype == pd.BooleanDtype()
    assert back["small"].dtype == pd.Int32Dtype()
    assert back["share"].dtype == np.dtype("float64")
    assert back["text"][0] == "a"
    assert back["text"].isna().tolist() == [False, True]


@pytest.mark.parametrize("dtype", [pa.uint64(), pa.int16(), pa.uint32(), pa.int8()], ids=str)
def test_trap_06_no_width_of_integer_with_gaps_becomes_float(dtype: pa.DataType) -> None:
    """Whole numbers of any width stay whole where there are gaps, ids above 2**63 above all."""
    top = 2**63 + 5 if dtype == pa.uint64() else 100
    table = pa.table({"x": pa.array([top, None], dtype)})

    assert int(frames.from_arrow(table, "pandas")["x"][0]) == top
    assert pd.api.types.is_integer_dtype(frames.from_arrow(table, "pandas")["x"].dtype)


def test_arrow_backed_pandas_stays_arrow_backed() -> None:
    """A frame with Arrow dtypes leaves with Arrow dtypes in every column."""
    source = source_of("pandas-arrow", x=pa.array([1, None]), t=["a", None])
    back = source.give_back(source.frame)

    assert not source.numpy_backed
    assert [str(t) for t in back.dtypes] == ["int64[pyarrow]", "string[pyarrow]"]
    assert back["x"].isna().tolist() == [False, True]


def test_trap_06_nan_of_pandas_becomes_null() -> None:
    """NaN, NaT and NA of a pandas frame are nulls inside, in any kind of column."""
    frame = pd.DataFrame({
        "number": [1.0, np.nan], "text": ["a", np.nan],
        "time": [pd.Timestamp("2024-01-01"), pd.NaT],
        "whole": pd.array([1, pd.NA], dtype="Int64"), "flag": pd.array([True, pd.NA], "boolean"),
    })  # fmt: skip
    inside = frames.to_arrow(frames.read(frame).frame)

    assert [inside[name].null_count for name in inside.column_names] == [1] * 5


_COLUMNS = [
    np.array([1.5, -0.0, np.inf, -np.inf]), np.array([1.5, np.nan]), np.array([]),
    np.array([1e308, 1e308]), np.array([1.5, 2.5], ">f8"), np.array([1.5, 2.5], "f4"),
    np.arange(6.0)[::2],
    *(np.array(["2024-01-01", "1969-12-31T23:59"], f"M8[{u}]") for u in ("s", "ms", "us", "ns")),
    np.array(["2024-01-01", "NaT"], "M8[us]"), np.array([], "M8[ns]"), np.array([5], "m8[us]"),
]  # fmt: skip


@pytest.mark.parametrize("values", _COLUMNS, ids=lambda values: f"{values.dtype}-{len(values)}")
def test_a_column_without_gaps_is_what_arrow_reads(values: np.ndarray) -> None:
    """Whether its memory is shared or looked through, a column is the same."""
    column = pd.Series(values)
    try:
        expected = pa.Array.from_pandas(column)
    except pa.ArrowException:  # an order of bytes that Arrow does not read
        expected = None
    found = frames.to_arrow(frames.read(pd.DataFrame({"x": column})).frame)["x"]

    if expected is None:
        assert found.to_pylist() == [str(value) for value in values]
    else:
        assert found.type == expected.type
        assert found.combine_chunks().equals(expected)


def test_the_input_is_not_changed() -> None:
    """Reading and giving back leaves the host's own frame as it was."""
    frame = pd.DataFrame({"x": [3, 1], "t": ["a", None]}, index=[7, 7])
    before = frame.copy(deep=True)
    source = frames.read(frame)
    source.give_back(source.frame.with_columns(x=nw.col("x") + 1))

    pd.testing.assert_frame_equal(frame, before)


# --- what cannot be read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "thing",
    [[], [{"a": 1}], {"a": [1]}, np.zeros((2, 2)), None, pd.Series([1]), pl.Series([1]), "x", 5,
     pa.array([1]), pd.DataFrame],
    ids=lambda thing: type(thing).__name__,
)  # fmt: skip
def test_what_is_no_frame_is_refused(thing: Any) -> None:
    """Lists, dicts, arrays and series are refused, saying what would be read."""
    with pytest.raises(UnsupportedFrameError, match="a pandas, Polars") as caught:
        frames.read(thing)
    assert isinstance(caught.value, TypeError)
    assert caught.value.got == type(thing).__name__


@pytest.mark.parametrize(
    "labels", [[0, 1], ["a", 1], [("a", "b"), ("a", "c")], [None, "a"], [dt.date(2024, 1, 1), "x"]]
)
def test_pandas_labels_that_are_no_text_are_refused(labels: list[Any]) -> None:
    """Column labels that are not text are refused with the remedy."""
    frame = pd.DataFrame([[1, 2]])
    frame.columns = pd.Index(labels)

    with pytest.raises(UnsupportedFrameError, match="is not text") as caught:
        frames.read(frame)
    assert "astype(str)" in str(caught.value)


def test_pandas_labels_that_occur_twice_are_refused() -> None:
    """Column labels that occur twice are refused, naming them."""
    with pytest.raises(UnsupportedFrameError, match="occur twice: a"):
        frames.read(pd.DataFrame([[1, 2]], columns=["a", "a"]))


@pytest.mark.parametrize(
    "values",
    [[1, "a"], ["a", 1.5], [object(), None], [dt.date(2024, 1, 1), "x"], [{"a": 1}, "x"]],
    ids=["number and text", "text and number", "object", "date and text", "mapping and text"],
)
def test_a_column_of_mixed_types_becomes_text_and_is_marked(values: list[Any]) -> None:
    """A pandas column that mixes types is carried as text; whoever maps it is refused."""
    frame = pd.DataFrame({"ok": [1, 2], "客户": pd.Series(values, dtype=object)})
    source = frames.read(frame)
    assert set(source.mixed) == {"客户"}
    texts = frames.to_arrow(source.frame)["客户"].to_pylist()
    assert texts == [None if value is None else str(value) for value in values]
    with pytest.raises(ColumnTypeError, match="mixes types") as caught:
        Orders(frame, customer_id="客户", ordered_at="ok", amount="ok", time_format="epoch_s")
    assert caught.value.column == "客户"
    assert "astype('string')" in str(caught.value)


@pytest.mark.parametrize(
    "values",
    [
        pd.Series([2**64, 1], dtype=object),
        pd.Series([2**63 + 5, None], dtype=object),
        pd.Series([2**63 + 5, -1], dtype=object),
        pd.Series([1j, 2j]),
        pd.Series(["\ud800", "x"], dtype=object),
    ],
    ids=["above 2**64", "above 2**63", "both sides", "complex", "half a character"],
)
def test_a_column_that_arrow_cannot_hold_is_refused(values: Any) -> None:
    """A pandas column of integers beyond 64 bits, or of complex numbers, is refused by name."""
    frame = pd.DataFrame({"x": values, "ok": [1, 2]})
    assert set(frames.read(frame).mixed) == {"x"}
    with pytest.raises(UserOpsError) as caught:
        Orders(frame, customer_id="x", ordered_at="ok", amount="ok", time_format="epoch_s")
    assert "'x'" in str(caught.value)


@pytest.mark.parametrize("backend", ["sqlite", "", "Pandas", "polar"])
def test_an_unknown_backend_is_refused(backend: str) -> None:
    """A backend that is not known is refused with the known ones."""
    with pytest.raises(InvalidArgumentError, match="polars-lazy"):
        frames.from_arrow(pa.table({"x": [1]}), backend)


@pytest.mark.parametrize(
    ("backend", "package"), [("polars", "polars"), ("duckdb", "duckdb"), ("ibis", "ibis")]
)
def test_a_backend_that_is_not_installed_names_its_extra(
    backend: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the package of a backend is missing, the error says what to install."""
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(MissingExtraError, match=rf"pip install 'userops\[{package}\]'"):
        frames.from_arrow(pa.table({"x": [1]}), backend)


# --- order statistics -----------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.integers(-5, 5) | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=60
    ).flatmap(lambda v: st.tuples(st.just(v), st.lists(st.integers(0, len(v) - 1), max_size=8)))
)
def test_values_at_ranks_are_order_statistics(case: tuple[list[int], list[int]]) -> None:
    """The value at a rank is the one that sorting puts there: ties, negatives and repeats."""
    values, ranks = case
    source = source_of("pyarrow", x=pa.array(values, pa.int64()))
    by_numpy = np.sort(np.array(values, dtype=np.int64))

    places = frames.values_at_ranks(source, source.frame, "x", ranks)
    found = tuple(place.value for place in places)

    assert found == tuple(int(by_numpy[rank]) for rank in ranks)
    assert all(type(v) is int for v in found)


def test_every_engine_has_the_same_order_statistics(engine: str) -> None:
    """Ranks in any order, repeated, at both ends and within ties give the same everywhere."""
    rng = random.Random(4)
    values = [rng.randrange(-20, 20) for _ in range(300)] + [2**62, -(2**62), 2**53 + 1]
    ranks = [302, 0, 150, 150, 1, 301, 77, 200, 300, 0]
    source = source_of(engine, x=pa.array(values, pa.int64()))

    places = frames.values_at_ranks(source, source.frame, "x", ranks)
    found = tuple(place.value for place in places)

    assert found == tuple(sorted(values)[rank] for rank in ranks)
    assert frames.values_at_ranks(source, source.frame, "x", []) == ()


# --- running values -------------------------------------------------------------------------------

Row = dict[str, Any]


def running_by_loop(
    rows: Sequence[Row], keys: Sequence[str], order_by: Sequence[str], column: str, operation: str
) -> dict[int, int]:
    """Return row number to running value, by a loop over the sorted rows."""
    state: dict[Any, int] = {}
    found = {}
    for row in sorted(rows, key=lambda r: tuple(r[name] for name in order_by)):
        key = tuple(row[name] for name in keys)
        value = row[column]
        if key not in state:
            state[key] = value
        elif operation == "sum":
            state[key] += value
        else:
            state[key] = min(state[key], value)
        found[row["row"]] = state[key]
    return found


RUNNING = {"total": ("v", "sum"), "lowest": ("v", "min")}


def check_running(engine: str, table: pa.Table, keys: list[str], order_by: list[str]) -> None:
    """Compare running values of an engine with those of the loop."""
    native = frames.from_arrow(table, "pandas") if engine == "pandas-numpy" else None
    source = frames.read(to_engine(table, engine) if native is None else native)
    result = frames.with_running(source, source.frame, keys, order_by, RUNNING)  # type: ignore[arg-type]
    rows = frames.to_rows(result)
    expected = table.to_pylist()

    assert len(rows) == len(expected)
    for name, (column, operation) in RUNNING.items():
        known = running_by_loop(expected, keys, order_by, column, operation)
        assert {row["row"]: row[name] for row in rows} == known
        assert all(type(row[name]) is int for row in rows)


@st.composite
def tables_to_run(draw: st.DrawFn) -> pa.Table:
    """Draw a table of two nullable keys, a value, and an order that is total."""
    size = draw(st.integers(0, 40))
    key = st.sampled_from([None, "a", "b", "", "中"])
    number = st.sampled_from([None, 0, 1, -1, 2**53 + 1])
    of = lambda each: draw(st.lists(each, min_size=size, max_size=size))  # noqa: E731
    return pa.table({
        "row": pa.array(draw(st.permutations(range(size))), pa.int64()),
        "k": pa.array(of(key), pa.string()),
        "n": pa.array(of(number), pa.int64()),
        "at": pa.array(of(st.integers(0, 4)), pa.int64()),
        "v": pa.array(of(st.integers(-(10**12), 10**12)), pa.int64()),
    })  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(tables_to_run(), st.sampled_from([["k"], ["n"], ["k", "n"]]))
def test_running_values_equal_a_loop(table: pa.Table, keys: list[str]) -> None:
    """Running sums and minima within any key, nulls among them, equal a loop over sorted rows."""
    for engine in ("pyarrow", "polars-lazy"):
        check_running(engine, table, keys, ["at", "row"])


def test_running_values_are_the_same_on_every_engine(engine: str) -> None:
    """Each engine has the running values of the loop: null keys, negatives, unsorted rows."""
    rng = random.Random(11)
    size = 400
    table = pa.table({
        "row": pa.array(rng.sample(range(size), size)),
        "k": pa.array([rng.choice([None, "a", "b", "", "中"]) for _ in range(size)], pa.string()),
        "n": pa.array([rng.choice([None, 0, -1, 2**53 + 1]) for _ in range(size)], pa.int64()),
        "at": pa.array([rng.randrange(30) for _ in range(size)]),
        "v": pa.array([rng.randrange(-1000, 1000) for _ in range(size)]),
    })  # fmt: skip

    check_running(engine, table, ["k", "n"], ["at", "row"])


def test_trap_07_equal_times_are_numbered_one_by_one(engine: str) -> None:
    """Rows that are equal in every column still count 1, 2, 3: peers do not share a number."""
    source = source_of(engine, k=["a"] * 4 + ["b"] * 2, at=[5] * 6, one=[1] * 6)
    numbered = frames.with_running(source, source.frame, ["k"], ["at"], {"nth": ("one", "sum")})
    found = defaultdict(list)
    for row in frames.to_rows(numbered):
        found[row["k"]].append(row["nth"])

    assert {k: sorted(v) for k, v in found.items()} == {"a": [1, 2, 3, 4], "b": [1, 2]}


def test_running_values_of_no_rows(engine: str) -> None:
    """No rows have no running values, and the columns are there."""
    empty = pa.schema([("k", pa.string()), ("at", pa.int64()), ("one", pa.int64())]).empty_table()
    source = frames.read(to_engine(empty, engine))
    numbered = frames.with_running(source, source.frame, ["k"], ["at"], {"nth": ("one", "sum")})

    assert frames.to_arrow(numbered).column_names == ["k", "at", "one", "nth"]
    assert frames.to_rows(numbered) == []


@pytest.mark.parametrize(
    "keys",
    [pa.array(["a", "a", None, None]).dictionary_encode(), pa.array([[1], [1], None, None])],
    ids=["category", "list"],
)
def test_running_values_take_keys_of_any_type(keys: pa.Array) -> None:
    """Categories with gaps and lists are keys like any other, in process as on SQL engines."""
    for engine in ("polars", "pyarrow"):
        source = source_of(engine, k=keys, at=[0, 1, 2, 3], one=[1] * 4)
        found = frames.with_running(source, source.frame, ["k"], ["at"], {"nth": ("one", "sum")})

        assert [r["nth"] for r in frames.to_rows(found.sort("at"))] == [1, 2, 1, 2], engine


def test_trap_11_minus_zero_is_the_key_zero() -> None:
    """0.0 and -0.0 are one key on every engine."""
    for engine in ("polars", "duckdb", "pyarrow"):
        source = source_of(engine, k=[0.0, -0.0], at=[0, 1], one=[1, 1])
        found = frames.with_running(source, source.frame, ["k"], ["at"], {"nth": ("one", "sum")})

        assert [r["nth"] for r in frames.to_rows(found.sort("at"))] == [1, 2], engine


def test_running_minima_of_values_far_apart() -> None:
    """Running minima are exact over the whole int64 range."""
    source = source_of("pyarrow", k=["a", "a", "b"], at=[0, 1, 2], v=[2**62, -(2**62) - 1, 2**62])
    found = frames.with_running(source, source.frame, ["k"], ["at"], {"low": ("v", "min")})

    assert [r["low"] for r in frames.to_rows(found.sort("at"))] == [2**62, -(2**62) - 1, 2**62]


# --- times ----------------------------------------------------------------------------------------

MOMENTS = [0, 1, -1, -999_999, -1_000_001, 253_402_300_799_999_999, -62_135_596_800_000_000,
           1_709_251_199_999_999, 2**53 + 1, None]  # fmt: skip


@pytest.mark.parametrize("unit", ["s", "ms", "us"])
@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Shanghai"])
def test_datetimes_become_microseconds(engine: str, unit: str, zone: str | None) -> None:
    """Datetimes of any unit and zone become exact microseconds, years 1 to 9999, null kept."""
    factor = {"s": 10**6, "ms": 10**3, "us": 1}[unit]
    ticks = [None if us is None else us // factor for us in MOMENTS]
    source = source_of(engine, row=range(len(ticks)), x=pa.array(ticks, pa.timestamp(unit, zone)))
    frame = frames.with_epoch_us(source, source.frame, "x", "us").select("row", "us").sort("row")

    expected = [None if tick is None else tick * factor for tick in ticks]
    assert frames.to_arrow(frame)["us"].to_pylist() == expected


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_nanoseconds_are_cut_and_not_rounded(engine: str, zone: str | None) -> None:
    """A datetime of nanoseconds becomes the microsecond that it lies in, before 1970 as well."""
    ticks = [0, 999, -1, 1_706_659_200_123_456_999, -1_000_000_001]
    source = source_of(engine, row=range(5), x=pa.array(ticks, pa.timestamp("ns", zone)))
    if engine == "ibis":
        with pytest.raises(ColumnTypeError, match="nanoseconds"):
            frames.with_epoch_us(source, source.frame, "x", "us")
        return
    if engine == "duckdb" and zone is not None:
        assert source.frame.collect_schema()["x"] == nw.Unknown, "it can be read by now"
        assert not frames.is_null_column(source, "x"), "so it is refused and not taken for nulls"
        return
    frame = frames.with_epoch_us(source, source.frame, "x", "us").select("row", "us").sort("row")

    assert frames.to_arrow(frame)["us"].to_pylist() == [tick // 1000 for tick in ticks]


def test_dates_become_microseconds(engine: str) -> None:
    """A date becomes the microseconds of its midnight, years 1 to 9999."""
    days = [0, -1, 19_782, 2_932_896, -719_162, None]
    source = source_of(engine, row=range(6), **{'the "day"': pa.array(days, pa.date32())})
    frame = frames.with_epoch_us(source, source.frame, 'the "day"', "us").select("row", "us")

    found = frames.to_arrow(frame.sort("row"))["us"].to_pylist()
    assert found == [None if day is None else day * 86_400_000_000 for day in days]


def test_microseconds_become_datetimes(engine: str) -> None:
    """Microseconds become the engine's own datetimes in UTC, and back, to the microsecond."""
    known = MOMENTS[:-1]
    source = source_of(engine, row=range(len(known)), x=pa.array(known, pa.int64()))
    frame = frames.with_datetime(source, source.frame, "x").sort("row")

    dtype = frame.collect_schema()["x"]
    assert dtype == nw.Datetime
    assert getattr(dtype, "time_zone", None) is not None
    assert frames.to_arrow(frame)["x"].cast(pa.timestamp("us", "UTC")).cast(
        pa.int64()
    ).to_pylist() == (known)


# --- the small ones -------------------------------------------------------------------------------


def test_a_small_table_is_typed_without_rows() -> None:
    """A table of no rows still has its types."""
    schema = frames.small_table([], {"a": "text", "b": "int", "c": "float"}).schema

    assert schema.types == [pa.string(), pa.int64(), pa.float64()]


def test_rows_are_counted_by_keys(engine: str) -> None:
    """Rows are counted by each combination of keys, a null being a key like any other."""
    source = source_of(engine, a=["x", "x", None, None], b=[1, 1, 1, None])
    found = {
        (row["a"], row["b"]): row["rows"]
        for row in frames.to_rows(frames.counted_by(source.frame, ["a", "b"]))
    }
    assert {(a, b if b == b else None): n for (a, b), n in found.items()} == {  # noqa: PLR0124
        ("x", 1): 2,
        (None, 1): 1,
        (None, None): 1,
    }


def test_frames_are_stacked(engine: str) -> None:
    """Frames of the same columns are stacked, doubles kept."""
    source = source_of(engine, x=[1, 2])
    stacked = frames.concat_rows([source.frame, source.frame.filter(nw.col("x") == 2)])

    assert sorted(row["x"] for row in frames.to_rows(stacked)) == [1, 2, 2]


def test_pandas_columns_of_arrow_text_views_are_read() -> None:
    """A column of the type string_view becomes text, as in an Arrow table."""
    frame = pd.DataFrame({"x": pd.Series(["a", None, "b"], dtype=pd.ArrowDtype(pa.string_view()))})
    source = frames.read(frame)
    assert source.frame.collect_schema()["x"] == nw.String
    kept = frames.to_rows(source.frame.filter(nw.col("x") == "b"))
    assert kept == [{"x": "b"}]


@pytest.mark.parametrize("name", ["x.y", "x`y"])
def test_names_that_spark_reads_as_something_else_are_refused(name: str, engines: Engines) -> None:
    """A dot or a backtick in a column is named with the remedy where the engine is Spark."""
    for engine in engines.names:
        held = to_engine(pa.table({name: ["a"], "b": ["c"]}), engine)
        if engine == "pyspark":
            with pytest.raises(UnsupportedFrameError, match=r"cannot be named to Spark.*rename it"):
                frames.read(held)
        else:
            assert frames.to_rows(frames.read(held).frame)[0][name] == "a"
