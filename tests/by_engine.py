"""What the tests of several packages share: one run an engine, and tables as a host holds them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from userops.core import frames
from userops.testing import installed_engines, to_engine


def instants(*times: str) -> pa.Array:
    """Return instants in UTC; times as text would make Spark plan for minutes."""
    parsed = [dt.datetime.fromisoformat(time).replace(tzinfo=dt.UTC) for time in times]
    return pa.array(parsed, pa.timestamp("us", "UTC"))


Host = Callable[[pa.Table, str], Any]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `engine` on each engine, for `kernel` on each way to compute.

    pandas is computed on as Arrow, and Ibis as DuckDB: they differ in what comes in and goes out.
    """
    if "engine" in metafunc.fixturenames:
        metafunc.parametrize("engine", installed_engines(with_spark=False))
    elif "kernel" in metafunc.fixturenames:
        metafunc.parametrize("kernel", ["pyarrow", "polars-lazy", "duckdb"])


@pytest.fixture(scope="session")
def host() -> Host:
    """Return a function that puts an Arrow table into an engine, as a careful host would."""

    def put(table: pa.Table, engine: str) -> Any:
        # Arrow's own way to pandas turns integers that have nulls into floats.
        if engine == "pandas-numpy":
            return frames.from_arrow(table, "pandas")
        return to_engine(table, engine)

    return put
