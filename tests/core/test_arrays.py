from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from userops.core.arrays import Columns, Ids
from userops.errors import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError
from userops.testing import to_engine


def _column(values: Any, dtype: Any = None) -> Columns:
    return Columns.read(pa.table({"x": pa.array(values, dtype)}))


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([7, 3, None, 7], pa.int64()),
        ([7, 3, None, 7], pa.uint8()),
        ([10**17, -5, None, 10**17], pa.int64()),
        (["b", "a", None, "b"], pa.string()),
        (["b", "a", None, "b"], pa.dictionary(pa.int32(), pa.string())),
        ([Decimal(8), Decimal(2), None, Decimal(8)], pa.decimal128(38, 0)),
    ],
)
def test_ids_are_distinct_and_in_order(values: list[Any], dtype: Any) -> None:
    """Ids are distinct and ascending whatever their type, and each row has its place; null -1."""
    ids, rows = _column(values, dtype).ids("x")
    assert ids.at(np.arange(len(ids))) == [values[1], values[0]]
    assert rows.tolist() == [1, 0, -1, 1]


def test_ids_of_every_engine(engine: str) -> None:
    """Ids and places are the same from each engine."""
    # pandas without Arrow has no whole numbers with gaps.
    gap = 5 if engine == "pandas-numpy" else None
    table = pa.table({"n": [5, 3, gap, 5], "t": ["é", "a", None, "é"]})
    columns = Columns.read(to_engine(table, engine))
    for name, expected, third in (("n", [3, 5], 1 if gap else -1), ("t", ["a", "é"], -1)):
        ids, rows = columns.ids(name)
        assert ids.at(np.arange(2)) == expected
        assert rows.tolist() == [1, 0, third, 1]


@pytest.mark.parametrize("values", [[1.5], [True], [dt.date(2024, 1, 1)], [b"x"]])
def test_what_is_no_id_is_refused(values: list[Any]) -> None:
    """Floats, flags, dates and bytes are no ids."""
    with pytest.raises(ColumnTypeError, match="cannot be read as ids"):
        _column(values).ids("x")
    with pytest.raises(InvalidArgumentError, match="a: does not hold ids"):
        Ids.of_values(values, argument="a")


def test_ids_of_python_values() -> None:
    """Ids come from lists, sets and numpy arrays; mixed ones are refused."""
    assert Ids.of_values([3, None, 1, 3], argument="a").at(np.arange(2)) == [1, 3]
    assert Ids.of_values({"b", "a"}, argument="a").at(np.arange(2)) == ["a", "b"]
    assert Ids.of_values(np.array([3, 1]), argument="a").at(np.arange(2)) == [1, 3]
    assert len(Ids.of_values([], argument="a")) == 0
    with pytest.raises(InvalidArgumentError, match="a: does not hold ids"):
        Ids.of_values([1, "x"], argument="a")


def test_places_of_other_ids() -> None:
    """Each id is found at its place, -1 where it is unknown; types must agree."""
    ids = Ids.of_values([10, 20, 30], argument="a")
    assert ids.positions_of(Ids.of_values([5, 20, 30], argument="b")).tolist() == [-1, 1, 2]
    assert ids.positions_of(Ids.of_values([], argument="b")).tolist() == []
    assert Ids.of_values([], argument="b").positions_of(ids).tolist() == [-1] * 3
    with pytest.raises(InvalidArgumentError, match="another type on each side"):
        ids.positions_of(Ids.of_values(["x"], argument="b"))


@pytest.mark.parametrize(
    ("values", "dtype", "expected", "scale"),
    [
        ([3, None], pa.int64(), [3, 0], 0),
        ([2**63 - 1, None], pa.uint64(), [2**63 - 1, 0], 0),
        ([1.5, None, float("nan")], pa.float32(), [1.5, 0, 0], None),
        ([Decimal("1.25"), None], pa.decimal128(10, 2), [125, 0], 2),
        ([Decimal("-1.25"), None], pa.decimal128(38, 4), [-12500, 0], 4),
        ([Decimal(2**60), None], pa.decimal128(38, 0), [2**60, 0], 0),
    ],
)
def test_amounts_are_exact(values: Any, dtype: Any, expected: list[Any], scale: int | None) -> None:
    """Whole numbers and decimals become exact integers of their unit; unknown ones are 0."""
    amounts = _column(values, dtype).amounts("x")
    assert amounts.values.tolist() == expected
    assert amounts.scale == scale
    assert amounts.is_known.tolist() == [True] + [False] * (len(values) - 1)


def test_amounts_that_cannot_be_summed_are_refused() -> None:
    """Infinite numbers, text and numbers beyond 64 bits are refused, naming the column."""
    with pytest.raises(ColumnTypeError, match="'x' holds an infinite number"):
        _column([float("inf")]).amounts("x")
    with pytest.raises(ColumnTypeError, match="'x' does not hold numbers"):
        _column(["1"]).amounts("x")
    with pytest.raises(ColumnTypeError, match="beyond 64-bit"):
        _column([2**64 - 1], pa.uint64()).amounts("x")
    with pytest.raises(ColumnTypeError, match="beyond 64-bit"):
        _column([Decimal("1e20")], pa.decimal128(38, 2)).amounts("x")


def test_texts_are_codes() -> None:
    """Values become codes of their texts; null and NaN have -1."""
    codes, texts = _column(["b", None, "a", "b"]).texts("x")
    assert [texts[c] if c >= 0 else None for c in codes] == ["b", None, "a", "b"]
    codes, texts = _column([True, None, False]).texts("x")
    assert [texts[c] if c >= 0 else None for c in codes] == ["true", None, "false"]
    codes, texts = _column([2.5, float("nan")]).texts("x")
    assert (codes.tolist(), texts) == ([0, -1], ["2.5"])
    with pytest.raises(ColumnTypeError, match="cannot be written as text"):
        _column([[1]]).texts("x")


def test_kinds() -> None:
    """A column holds numbers, flags, text, or something else."""
    table = pa.table(
        {"n": [1], "f": [True], "t": ["x"], "d": [dt.date(2024, 1, 1)], "m": [Decimal("1.5")]}
    )
    columns = Columns.read(table)
    assert [columns.kind(n) for n in columns.names] == ["number", "flag", "text", "other", "number"]
    with pytest.raises(ColumnNotFoundError, match="did you mean 'n'"):
        Columns.read(table, ["nn"])


def test_empty_columns() -> None:
    """A table without rows has no ids and no texts."""
    columns = Columns.read(
        pa.table({"i": pa.array([], pa.int64()), "t": pa.array([], pa.string())})
    )
    assert len(columns) == 0
    assert [len(part) for part in columns.ids("i")] == [0, 0]
    assert [len(part) for part in columns.texts("t")] == [0, 0]
    everything_null = Columns.read(pa.table({"i": pa.nulls(2), "t": pa.nulls(2, pa.string())}))
    assert everything_null.ids("i")[1].tolist() == [-1, -1]
    assert everything_null.texts("t")[0].tolist() == [-1, -1]
