"""Between Arrow and the engines, without turning integers that have nulls into floats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from userops.errors import (
    InvalidArgumentError,
    MissingExtraError,
    UnsupportedFrameError,
)

__all__ = [
    "BACKENDS",
    "Engine",
    "arrow_to_pandas",
    "check_labels",
    "from_arrow",
    "pandas_to_arrow",
    "spark_frame",
]

Engine = Literal["pandas", "polars", "polars-lazy", "pyarrow", "duckdb", "ibis", "pyspark"]
BACKENDS: tuple[Engine, ...] = (
    "pandas",
    "polars",
    "polars-lazy",
    "pyarrow",
    "duckdb",
    "ibis",
    "pyspark",
)
_WORD_BYTES = 8
# What numpy holds for a time that is missing: the lowest number, so that the minimum finds it.
_NOT_A_TIME = np.iinfo(np.int64).min
_EXTRA_OF = {"polars": "polars", "duckdb": "duckdb", "ibis": "ibis", "pyspark": "spark"}


def from_arrow(table: pa.Table, backend: str = "pandas") -> Any:
    """Turn an Arrow table into a frame of the chosen engine.

    Args:
        table: The rows.
        backend: One of `BACKENDS`. pandas comes with numpy dtypes, nullable where they must be.

    Raises:
        InvalidArgumentError: If the backend is not known.
        MissingExtraError: If its package is not installed.
    """
    if backend not in BACKENDS:
        raise InvalidArgumentError.unknown("backend", str(backend), BACKENDS)
    try:
        return _FROM_ARROW[backend](table)
    except ModuleNotFoundError as error:
        package = (error.name or backend).split(".")[0]
        raise MissingExtraError(_EXTRA_OF.get(package, package), package) from error


def pandas_to_arrow(native: Any) -> tuple[pa.Table, dict[str, str]]:
    """Turn a pandas frame into Arrow; NaN becomes null.

    Returns:
        The table, and the columns that mix types, with what they mix; these become text.
    """
    columns, mixed = {}, {}
    for name in native.columns:
        try:
            plain = _without_gaps(native[name])
            columns[name] = pa.Array.from_pandas(native[name]) if plain is None else plain
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            known = native[name].notna()
            kinds = {type(value).__name__ for value in native[name][known].head(10_000)}
            mixed[name] = " and ".join(sorted(kinds))
            pairs = zip(native[name], known, strict=True)
            texts = [_as_text(value) if is_known else None for value, is_known in pairs]
            columns[name] = pa.array(texts, pa.string())
    return pa.table(columns), mixed


def _without_gaps(column: Any) -> pa.Array | None:
    """Return a column of floats or times in which none is missing; None where it is no such one.

    It shares the memory, where Arrow's own way looks for gaps value by value.
    """
    kind = column.dtype
    if not isinstance(kind, np.dtype) or kind.kind not in "fM" or kind.itemsize != _WORD_BYTES:
        return None
    values = column.to_numpy()
    if kind.kind == "f":
        with np.errstate(all="ignore"):
            return None if np.isnan(values.sum()) else pa.array(values)
    unit, count = np.datetime_data(kind)
    counts = values.view(np.int64)
    if count != 1 or unit not in ("s", "ms", "us", "ns"):
        return None
    if counts.min(initial=0) == _NOT_A_TIME:
        return None
    return pa.array(counts).view(pa.timestamp(unit))


def _as_text(value: object) -> str:
    # Half a character, as a broken decoder leaves it, cannot be stored.
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def check_labels(native: Any) -> None:
    """Refuse pandas labels that cannot name columns.

    Raises:
        UnsupportedFrameError: If column labels are not text, or occur twice.
    """
    for name in native.columns:
        if not isinstance(name, str):
            raise UnsupportedFrameError(
                f"pandas column label {name!r} is not text",
                hint="rename the columns: df.columns = df.columns.astype(str)",
            )
    if not native.columns.is_unique:
        twice = sorted(set(native.columns[native.columns.duplicated()]))
        raise UnsupportedFrameError(
            f"these columns occur twice: {', '.join(twice)}", hint="rename or drop one of each"
        )


def arrow_to_pandas(table: pa.Table, *, numpy_backed: bool) -> Any:
    """Turn an Arrow table into pandas, with numpy or with Arrow dtypes."""
    import pandas as pd

    if numpy_backed:
        return _numpy_backed(table)
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def _numpy_backed(table: pa.Table) -> Any:
    """Convert to pandas without turning integers that have nulls into floats."""
    import pandas as pd

    widths = (8, 16, 32, 64)
    nullable: dict[Any, Any] = {pa.bool_(): pd.BooleanDtype()}
    nullable |= {getattr(pa, f"int{w}")(): getattr(pd, f"Int{w}Dtype")() for w in widths}
    nullable |= {getattr(pa, f"uint{w}")(): getattr(pd, f"UInt{w}Dtype")() for w in widths}
    columns = zip(table.schema, table.columns, strict=True)
    holed = {field.name for field, c in columns if c.null_count and field.type in nullable}
    if not holed:
        return table.to_pandas(ignore_metadata=True)
    plain = table.drop_columns(sorted(holed)).to_pandas(ignore_metadata=True)
    frame = {
        name: (
            table.select([name]).to_pandas(types_mapper=nullable.get)[name]
            if name in holed
            else plain[name]
        )
        for name in table.column_names
    }
    return pd.DataFrame(frame, columns=table.column_names)


def _to_polars(table: pa.Table) -> Any:
    import polars as pl

    return pl.from_arrow(table)


def _to_duckdb(table: pa.Table) -> Any:
    import duckdb

    return duckdb.from_arrow(table)


def _to_ibis(table: pa.Table) -> Any:
    import ibis

    return ibis.memtable(table)


def _to_spark(table: pa.Table) -> Any:
    from pyspark.sql import SparkSession

    return spark_frame(SparkSession.builder.getOrCreate(), table)


def spark_frame(session: Any, table: pa.Table) -> Any:
    """Create a Spark frame in which a naive time stays naive, instead of one in Spark's zone."""
    from pyspark.sql.pandas.types import from_arrow_schema

    schema = from_arrow_schema(table.schema, prefer_timestamp_ntz=True)
    return session.createDataFrame(table, schema=schema)


_FROM_ARROW: dict[str, Callable[[pa.Table], Any]] = {
    "pandas": _numpy_backed,
    "polars": _to_polars,
    "polars-lazy": lambda table: _to_polars(table).lazy(),
    "pyarrow": lambda table: table,
    "duckdb": _to_duckdb,
    "ibis": _to_ibis,
    "pyspark": _to_spark,
}
