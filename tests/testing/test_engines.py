"""The conformance harness: it finds differences, and says where."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest

from userops.errors import InvalidArgumentError
from userops.testing import (
    ENGINE_NAMES,
    Engines,
    check_same_rows,
    installed_engines,
    rows_of,
    to_engine,
)

TABLE = pa.table({
    "id": pa.array([3, 1, None, 2], pa.int64()),
    "text": ["b", "a", None, "客户"],
    "price": [1.5, float("nan"), None, -0.0],
    "at": pa.array([0, None, 1, 2], pa.timestamp("us")),
    "instant": pa.array([0, None, 1, 2], pa.timestamp("us", "UTC")),
})  # fmt: skip


def doubled(native: Any) -> Any:
    """Return the frame with a column more."""
    return nw.from_native(native).with_columns(twice=nw.col("id") * 2).to_native()


def test_every_named_engine_is_one_that_installs() -> None:
    """The engines of the harness are known by name, the reference first, Spark only if asked."""
    names = installed_engines()
    assert names[0] == "pyarrow"
    assert set(names) <= set(ENGINE_NAMES)
    assert installed_engines(with_spark=False) == tuple(n for n in names if n != "pyspark")


def test_engines_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Polars, Ibis or PySpark the harness runs on what there is."""
    import importlib.util

    found = importlib.util.find_spec
    missing = {"polars", "ibis", "pyspark"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else found(name)
    )
    assert not {"polars", "polars-lazy", "ibis", "pyspark"} & set(installed_engines())


def test_an_engine_that_nobody_knows_is_refused() -> None:
    """The name of an engine is checked, and the nearest one offered."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'polars'"):
        to_engine(TABLE, "polers")


def test_a_case_that_agrees_returns_its_rows(fast_engines: Engines) -> None:
    """Equal rows on every engine come back sorted, with NaN as None."""
    rows = fast_engines.check(doubled, TABLE.drop_columns(["at", "instant"]))

    assert rows == [
        (None, None, None, None),
        (1, "a", None, 2),
        (2, "客户", -0.0, 4),
        (3, "b", 1.5, 6),
    ]


def test_times_compare_across_engines(fast_engines: Engines) -> None:
    """Naive times compare as clocks, aware ones as instants, whatever zone an engine shows."""
    rows = fast_engines.check(lambda native: native, TABLE.select(["at", "instant"]))

    clock = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - a clock without a zone
    assert rows[0] == (None, None)
    assert rows[1:] == [(clock + dt.timedelta(microseconds=n), n / 1_000_000) for n in range(3)]


def test_a_difference_names_the_engine_and_the_rows() -> None:
    """An engine that gives other rows is named, with the rows that only one side has."""

    def broken(native: Any) -> Any:
        return TABLE.slice(0, 2) if isinstance(native, pa.Table) else native

    with pytest.raises(AssertionError) as caught:
        check_same_rows(broken, TABLE.select(["id", "text"]), engines=["pyarrow", "polars"])

    said = str(caught.value)
    assert "polars differs from pyarrow: 4 rows against 2" in said
    assert "(2, '客户')" in said
    assert "(None, None)" in said


def test_one_value_that_differs_is_found() -> None:
    """A difference in the last bit of a float is a difference."""

    def nearly(native: Any) -> Any:
        return pa.table({"x": [0.1 + 0.2 if isinstance(native, pa.Table) else 0.3]})

    with pytest.raises(AssertionError, match=r"0\.30000000000000004"):
        check_same_rows(nearly, TABLE, engines=["pyarrow", "polars"])


def test_a_row_too_many_is_found() -> None:
    """Rows are compared with how often they occur."""

    def twice(native: Any) -> Any:
        one = pa.table({"x": [1]})
        return one if isinstance(native, pa.Table) else pa.concat_tables([one, one])

    with pytest.raises(AssertionError, match="2 rows against 1"):
        check_same_rows(twice, TABLE, engines=["pyarrow", "polars"])


def test_check_all_loads_each_engine_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several cases share one frame an engine, and the case that differs is named."""
    from userops.testing import engines as module

    loads: list[str] = []
    real = module.to_engine

    def counting(table: pa.Table, engine: str) -> Any:
        loads.append(engine)
        return real(table, engine)

    monkeypatch.setattr(module, "to_engine", counting)
    some = Engines(("pyarrow", "polars"))
    table = TABLE.select(["id", "text"])
    found = some.check_all({"same": lambda native: native, "doubled": doubled}, table)
    assert loads == ["pyarrow", "polars"]
    assert [len(rows) for rows in found.values()] == [4, 4]

    wrong = {
        "same": lambda native: native,
        "other": lambda native: native if isinstance(native, pa.Table) else doubled(native),
    }
    with pytest.raises(AssertionError, match="case 'other': polars differs from pyarrow"):
        some.check_all(wrong, table)


def test_numbers_of_another_kind_are_equal_rows() -> None:
    """A whole number that an engine holds as a decimal is the same number."""
    from decimal import Decimal

    decimals = pa.table({"n": pa.array([Decimal(2), Decimal(1)], pa.decimal128(38, 0))})
    assert rows_of(decimals) == rows_of(pa.table({"n": [1, 2]}))


def test_columns_of_other_names_or_order_are_found() -> None:
    """Equal values under another name, or in another order, are a difference."""

    def renamed(native: Any) -> Any:
        return pa.table({"a" if isinstance(native, pa.Table) else "b": [1]})

    with pytest.raises(AssertionError, match="polars"):
        check_same_rows(renamed, TABLE, engines=["pyarrow", "polars"])
