from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest
from tests.by_engine import pytest_generate_tests

from userops.core import frames
from userops.testing import to_engine

__all__ = ["pytest_generate_tests"]

Computed = Callable[[str, nw.Expr, Sequence[Any], pa.DataType], list[Any]]


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
