from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest

from userops.core import frames
from userops.testing import installed_engines, to_engine

Computed = Callable[[str, nw.Expr, Sequence[Any], pa.DataType], list[Any]]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `engine` on each engine, for `kernel` on each way to compute.

    pandas is computed on as Arrow, and Ibis as DuckDB: they differ in what comes in and goes out.
    """
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", installed_engines(with_spark=False))
    elif "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", ["pyarrow", "polars-lazy", "duckdb"])


@pytest.fixture(scope="session")
def computed() -> Computed:
    """Return a function that evaluates an expression over a column `x`, rows in order."""

    def compute(engine: str, expr: nw.Expr, values: Sequence[Any], dtype: pa.DataType) -> list[Any]:
        table = pa.table({"row": range(len(values)), "x": pa.array(values, dtype)})
        # Arrow's own way to pandas turns integers that have nulls into floats.
        is_numpy = engine == "pandas-numpy"
        native = frames.from_arrow(table, "pandas") if is_numpy else to_engine(table, engine)
        frame = frames.read(native).frame
        result = frames.to_arrow(frame.select("row", expr.alias("y")))
        return result.sort_by("row")["y"].to_pylist()

    return compute
