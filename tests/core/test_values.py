"""One reading of values: each is the same alone and in a column of any engine."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.core import frames
from userops.core.time import Zone, zone
from userops.core.values import CLASS_OF, Day, Instant, Kind, kinds_of, value_of, with_values
from userops.errors import ColumnNotFoundError, ColumnTypeError
from userops.testing import Engines, to_engine

NEW_YORK = zone("America/New_York")
UTC = zone("UTC")


def at(text: str) -> dt.datetime:
    """Return a time from ISO text."""
    return dt.datetime.fromisoformat(text)


COLUMNS: dict[str, tuple[list[Any], pa.DataType, Kind | None]] = {
    "text": (["", "中文", " ", None, "Zoë\n"], pa.string(), "text"),
    "label": (["b", "a", None, "b", ""], pa.dictionary(pa.int32(), pa.string()), "text"),
    "whole": ([2**53 + 1, -(2**63), 2**63 - 1, None, 0], pa.int64(), "whole"),
    "small": ([1, -(2**15), 0, None, 3], pa.int16(), "whole"),
    "number": ([math.nan, math.inf, -0.0, None, 0.1], pa.float64(), "number"),
    "single": ([-math.inf, math.nan, -0.0, None, 0.5], pa.float32(), "number"),
    "exact": (
        [Decimal("0.10"), Decimal("-1234567890123.45"), Decimal("0.00"), None, Decimal("8.05")],
        pa.decimal128(18, 2),
        "number",
    ),
    "flag": ([True, False, None, None, True], pa.bool_(), "flag"),
    "day": (
        [dt.date(2024, 2, 29), dt.date(1969, 12, 31), dt.date(1900, 1, 1), None, dt.date.max],
        pa.date32(),
        "day",
    ),
    # A gap, a fold, the last microsecond of a leap day, and of the day before 1970.
    "naive": (
        [at("2024-03-10T02:30"), at("2024-11-03T01:30"), at("2024-02-29T23:59:59.999999"), None,
         at("1969-12-31T23:59:59.999999")],
        pa.timestamp("us"),
        "instant",
    ),
    "aware": (
        [at("2024-03-10T02:30Z"), at("1960-11-03T01:30:00.000001Z"), None, None,
         at("2024-02-29T23:59:59.999999Z")],
        pa.timestamp("us", "UTC"),
        "instant",
    ),
    "nothing": ([None] * 5, pa.null(), None),
}  # fmt: skip


def table_of(columns: dict[str, tuple[list[Any], pa.DataType, Kind | None]]) -> pa.Table:
    """Return the columns as a table, with a column that numbers the rows."""
    arrays = {name: pa.array(values, dtype) for name, (values, dtype, _) in columns.items()}
    return pa.table({"row": range(5), **arrays})


def put(table: pa.Table, engine: str) -> Any:
    """Put a table into an engine; Arrow's own way to pandas turns integers with gaps to floats."""
    is_numpy = engine == "pandas-numpy"
    return frames.from_arrow(table, "pandas") if is_numpy else to_engine(table, engine)


def read_column(native: Any, columns: list[str], where: Zone) -> tuple[list[tuple[Any, ...]], Any]:
    """Return the rows of the columns as `with_values` reads them, and the kinds."""
    source = frames.read(native)
    frame, kinds = with_values(source, source.frame, {f"v_{c}": c for c in columns}, where)
    rows = frames.to_rows(frame.select("row", *(f"v_{c}" for c in columns)))
    rows.sort(key=lambda row: row["row"])
    return [tuple(row[f"v_{c}"] for c in columns) for row in rows], kinds


def test_a_value_alone_is_the_value_in_a_column(engines: Engines) -> None:
    """Every trap reads alike in each engine and alone, to the sign of a zero and the last bit."""
    table, names = table_of(COLUMNS), list(COLUMNS)
    expected = [tuple(value_of(row[n], NEW_YORK) for n in names) for row in table.to_pylist()]
    for engine in engines.names:
        found, kinds = read_column(put(table, engine), names, NEW_YORK)
        assert repr(found) == repr(expected), engine
        assert kinds == {f"v_{n}": kind for n, (_, _, kind) in COLUMNS.items()}, engine


def test_a_single_value_has_the_class_of_its_kind() -> None:
    """A value that is there has the class that its column's kind names."""
    for values, _, kind in COLUMNS.values():
        for value in values:
            read = value_of(value, NEW_YORK)
            assert read is None or (kind is not None and type(read) is CLASS_OF[kind])


def test_a_column_may_take_the_place_of_the_one_it_reads(fast_engines: Engines) -> None:
    """A value column may be called like a host's, and several may read one column."""
    table = table_of({"naive": COLUMNS["naive"], "text": COLUMNS["text"]})
    for engine in fast_engines.names:
        source = frames.read(put(table, engine))
        columns = {"naive": "naive", "again": "naive", "text": "text"}
        frame, _ = with_values(source, source.frame, columns, UTC)
        assert set(frame.collect_schema().names()) == {"row", "naive", "again", "text"}
        rows = sorted(frames.to_rows(frame), key=lambda row: row["row"])
        assert [r["naive"] for r in rows] == [r["again"] for r in rows]
        assert rows[4]["naive"] == -1


def test_whole_numbers_without_a_sign_are_read_where_they_fit(fast_engines: Engines) -> None:
    """32 bits without a sign fit; 64 bits without a sign are refused with the remedy."""
    table = pa.table({
        "row": range(2),
        "fits": pa.array([2**32 - 1, 0], pa.uint32()),
        "leaves": pa.array([2**64 - 1, 0], pa.uint64()),
    })  # fmt: skip
    for engine in fast_engines.names:
        native = to_engine(table, engine)
        assert read_column(native, ["fits"], UTC)[0] == [(2**32 - 1,), (0,)]
        with pytest.raises(ColumnTypeError, match="text") as caught:
            read_column(native, ["leaves"], UTC)
        assert caught.value.column == "leaves"


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1], [2]]),
        pa.array([b"a", b"b"]),
        pa.array([dt.timedelta(1), None]),
        pa.array([1, 2]).dictionary_encode(),
        pa.array([{"a": 1}, {"a": 2}]),
    ],
)
def test_columns_of_other_types_are_refused(values: pa.Array) -> None:
    """Lists, bytes, durations, structs and categories of numbers are no values."""
    source = frames.read(pa.table({"x": values}))
    with pytest.raises(ColumnTypeError, match="cast") as caught:
        kinds_of(source, source.frame, {"x": "x"})
    assert caught.value.column == "x"


def test_a_mixed_or_missing_column_is_refused() -> None:
    """A column of pandas that mixes types, and one that does not exist, are refused by name."""
    source = frames.read(pd.DataFrame({"city": [1, "two"]}))
    with pytest.raises(ColumnTypeError, match="int and str"):
        kinds_of(source, source.frame, {"city": "city"})
    with pytest.raises(ColumnNotFoundError, match="did you mean 'city'"):
        with_values(source, source.frame, {"city": "ctiy"}, UTC)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, None), (math.nan, None), (pd.NaT, None), (pd.NA, None), (Decimal("NaN"), None),
        (np.float32("nan"), None), (np.datetime64("NaT"), None),
        (np.bool_(True), True), (np.int64(7), 7), (np.uint64(7), 7), (np.str_("a"), "a"),
        (np.float64(-0.0), 0.0), (np.float32(0.5), 0.5), (Decimal("-0"), 0.0),
        (Decimal("0.1"), 0.1), (pd.Timestamp("1970-01-02"), Instant(86_400_000_000)),
        (pd.Timestamp("1970-01-01T00:00:00.000001999"), Instant(1)),
        (pd.Timestamp("1969-12-31T23:59:59.999999001"), Instant(-1)),
        (np.datetime64("1970-01-03"), Day(2)),
        (np.datetime64("1970-01-01T00:00:01"), Instant(10**6)),
        (np.datetime64(-1, "ns"), Instant(-1)), (dt.date(1970, 1, 3), Day(2)),
        (Day(5), Day(5)), (Instant(5), Instant(5)), (2**63 - 1, 2**63 - 1), (True, True),
    ],
)  # fmt: skip
def test_scalars_of_every_library_are_read(value: Any, read: Any) -> None:
    """Scalars of numpy, pandas and decimal are read as Python's own; what is missing is None."""
    found = value_of(value, UTC)
    assert type(found) is type(read)
    assert repr(found) == repr(read)


@pytest.mark.parametrize(
    "value", [2**63, -(2**63) - 1, np.uint64(2**63), [1], b"x", dt.timedelta(1), {}, object(),
              np.array([1, 2]), np.timedelta64(1, "s"), 1j, dt.time(1)],
)  # fmt: skip
def test_other_values_are_refused(value: Any) -> None:
    """What is no value, or leaves 64 bits, is refused with the name and the remedy."""
    with pytest.raises(ColumnTypeError, match="text") as caught:
        value_of(value, UTC, name="age")
    assert caught.value.column == "age"


@given(st.datetimes(min_value=at("1900-01-02"), max_value=at("2199-12-30")))
def test_a_naive_time_is_what_the_standard_library_says(moment: dt.datetime) -> None:
    """A naive time is the instant at which the zone's clock shows it, by zoneinfo's rules."""
    aware = moment.replace(tzinfo=ZoneInfo("America/New_York"))
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    expected = (aware.astimezone(dt.UTC) - epoch) // dt.timedelta(microseconds=1)
    assert value_of(moment, NEW_YORK) == expected
