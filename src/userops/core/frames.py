"""Dataframes of every engine behind one face: the only module that names a dataframe engine.

Contract:

* Anything that narwhals reads comes in through `read`; inside the library it is a
  `narwhals.stable.v2.LazyFrame`; `Source.give_back` hands out the type that came in.
* pandas frames are computed on as Arrow tables. numpy-backed pandas has no null for integers,
  text or booleans, and its group-by is several times slower than Arrow's; columns that Arrow
  already backs are shared, not copied.
* Instants are int64 microseconds since 1970-01-01 UTC inside the library: the one form of time
  whose arithmetic is the same on every engine. `with_epoch_us` and `with_datetime` convert.
* What narwhals cannot say in every dialect is said here, once per engine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import attrs
import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    MissingExtraError,
    UnsupportedFrameError,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Frame = nw.LazyFrame[Any]

__all__ = [
    "BACKENDS",
    "Engine",
    "Source",
    "backend_of",
    "concat_rows",
    "counted_by",
    "from_arrow",
    "read",
    "sorted_rows",
    "to_arrow",
    "to_rows",
    "values_at_ranks",
    "with_datetime",
    "with_epoch_us",
    "with_running",
        "with_sticky_hash",
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
_EXTRA_OF = {"polars": "polars", "duckdb": "duckdb", "ibis": "ibis", "pyspark": "spark"}


@attrs.frozen(eq=False)
class Source:
    """A frame as the host gave it, and how to give frames like it back.

    Attributes:
        engine: Which engine holds the data.
        native: The frame that came in.
        frame: The same data as a narwhals LazyFrame; nothing has been computed.
        numpy_backed: Whether a pandas frame came with numpy dtypes, so that it leaves with them.
    """

    engine: Engine
    native: Any
    frame: Frame
    numpy_backed: bool = False

    @property
    def is_in_process(self) -> bool:
        """Whether the data can be read into this process at no more than the cost of a copy."""
        return self.engine not in ("pyspark", "ibis")

    def give_back(self, frame: Frame) -> Any:
        """Return `frame` as the type that came in: eager stays eager, lazy stays lazy."""
        native = frame.to_native()
        if self.engine == "pandas":
            return _arrow_to_pandas(native, numpy_backed=self.numpy_backed)
        if self.engine == "polars":
            return native.collect() if hasattr(native, "collect") else native
        return native

    def give_rows(self, table: pa.Table) -> Any:
        """Return a small Arrow table as a frame of the engine that came in."""
        if self.engine == "pandas":
            return _arrow_to_pandas(table, numpy_backed=self.numpy_backed)
        if self.engine == "duckdb":
            # A relation can only meet relations of its own connection, so the table is read there.
            return self.native.query("userops_source", "SELECT * FROM table")
        if self.engine == "pyspark":
            return self.native.sparkSession.createDataFrame(table)
        return from_arrow(table, self.engine)

    def materialise(self, frame: Frame) -> Frame:
        """Compute `frame` once where its engine holds data; later uses read the result.

        SQL engines share no common sub-expressions, so a frame used twice is computed twice.
        """
        native = frame.to_native()
        if self.engine in ("polars", "polars-lazy"):
            native = native.collect().lazy() if hasattr(native, "collect") else native.lazy()
        elif self.engine == "duckdb":
            native = native.materialize()
        elif self.engine == "pyspark":
            native = native.persist()
        elif self.engine == "ibis":
            native = _ibis_cached(native)
        return nw.from_native(native).lazy()


def backend_of(native: Any) -> Engine:
    """Name the engine of a native frame.

    Raises:
        UnsupportedFrameError: If narwhals does not read it, or userops does not support it.
    """
    try:
        frame = nw.from_native(native)
    except TypeError as error:
        raise UnsupportedFrameError(
            "this is not a dataframe that can be read",
            got=type(native).__name__,
            allowed="a pandas, Polars (eager or lazy), PyArrow, DuckDB, PySpark or Ibis frame",
            hint="wrap a list of dicts with pyarrow.Table.from_pylist or pandas.DataFrame",
        ) from error
    implementation = frame.implementation
    if implementation.is_pandas():
        return "pandas"
    if implementation.is_polars():
        return "polars-lazy" if isinstance(frame, nw.LazyFrame) else "polars"
    if implementation.is_pyarrow():
        return "pyarrow"
    if implementation.is_duckdb():
        return "duckdb"
    if implementation.is_ibis():
        return "ibis"
    if implementation.is_pyspark() or implementation.is_pyspark_connect():
        return "pyspark"
    raise UnsupportedFrameError(
        "this dataframe engine is not supported",
        got=str(implementation),
        allowed=", ".join(BACKENDS),
        hint="convert it to PyArrow first",
    )


def read(native: Any) -> Source:
    """Take any supported frame in, without computing anything but a pandas conversion.

    Raises:
        UnsupportedFrameError: If it is not a frame of a supported engine.
        ColumnTypeError: If a pandas column mixes types that Arrow cannot hold in one column.
    """
    engine = backend_of(native)
    if engine == "pandas":
        return Source(
            engine=engine,
            native=native,
            frame=nw.from_native(_pandas_to_arrow(native)).lazy(),
            numpy_backed=not any(hasattr(t, "pyarrow_dtype") for t in native.dtypes),
        )
    return Source(engine=engine, native=native, frame=nw.from_native(native).lazy())


def to_arrow(frame: Frame) -> pa.Table:
    """Compute a frame and return its rows as an Arrow table."""
    return frame.collect("pyarrow").to_native()


def to_rows(frame: Frame) -> list[dict[str, Any]]:
    """Compute a small frame and return its rows as dicts."""
    return to_arrow(frame).to_pylist()


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


def concat_rows(frames: Iterable[Frame]) -> Frame:
    """Stack frames of the same columns."""
    return nw.concat(list(frames), how="vertical")


def counted_by(frame: Frame, keys: Sequence[str]) -> Frame:
    """Return one row a combination of the keys, with the number of its `rows`."""
    return frame.group_by(*keys).agg(nw.len().alias("rows"))


def with_epoch_us(source: Source, frame: Frame, column: str, name: str) -> Frame:
    """Add `name`: a date or datetime column as int64 microseconds since 1970-01-01.

    An aware time becomes its instant; a naive one is counted as if its clock stood in UTC.
    """
    dtype = frame.collect_schema()[column]
    is_date = dtype == nw.Date
    is_naive = is_date or getattr(dtype, "time_zone", None) is None
    native = frame.to_native()
    if source.engine == "duckdb":
        quoted = _quoted(column)
        value = f"{quoted}::TIMESTAMP" if is_date else quoted
        native = native.project(f"*, epoch_us({value}) AS {_quoted(name)}")
    elif source.engine == "pyspark":
        from pyspark.sql import functions as F

        quoted = f"`{column.replace('`', '``')}`"
        if is_date:
            text = f"unix_date({quoted}) * 86400000000L"
        elif is_naive:
            epoch = "TIMESTAMP_NTZ'1970-01-01 00:00:00'"
            text = f"timestampdiff(MICROSECOND, {epoch}, {quoted})"
        else:
            text = f"unix_micros({quoted})"
        native = native.withColumn(name, F.expr(text))
    elif source.engine == "ibis":
        value = native[column].cast("timestamp") if is_date else native[column]
        whole = value.truncate("s").epoch_seconds().cast("int64") * 1_000_000
        native = native.mutate(**{name: whole + value.microsecond().cast("int64")})
    else:
        value = nw.col(column)
        if is_date:
            value = value.cast(nw.Datetime("us"))
        return frame.with_columns(value.dt.timestamp("us").cast(nw.Int64).alias(name))
    return nw.from_native(native).lazy()


def with_datetime(source: Source, frame: Frame, column: str) -> Frame:
    """Replace int64 microseconds by the engine's own datetime in UTC, in place."""
    native = frame.to_native()
    if source.engine == "duckdb":
        quoted = _quoted(column)
        native = native.project(f"* REPLACE (make_timestamptz({quoted}) AS {quoted})")
    elif source.engine == "pyspark":
        from pyspark.sql import functions as F

        native = native.withColumn(column, F.timestamp_micros(F.col(f"`{column}`")))
    elif source.engine == "ibis":
        value = native[column]
        second = (value // 1_000_000).cast("int64").as_timestamp("s")
        fraction = (value % 1_000_000).cast("int64").as_interval("us")
        native = native.mutate(**{column: (second + fraction).cast("timestamp('UTC')")})
    else:
        return frame.with_columns(nw.col(column).cast(nw.Datetime("us", "UTC")))
    return nw.from_native(native).lazy()


def with_sticky_hash(source: Source, frame: Frame, column: str, name: str) -> Frame:
    """Add `name`: the 63-bit sticky hash of a text column (see `userops.core.sticky`)."""
    native = frame.to_native()
    if source.engine == "duckdb":
        text = f"md5({_quoted(column)}::VARCHAR)"
        high, low = (f"('0x' || {text}[{a}:{a + 7}])::BIGINT" for a in (1, 9))
        native = native.project(f"*, {high} * 2147483648 + ({low} >> 1) AS {_quoted(name)}")
    elif source.engine == "pyspark":
        from pyspark.sql import functions as F

        text = f"md5(cast(`{column}` AS STRING))"
        high, low = (f"cast(conv(substr({text}, {a}, 8), 16, 10) AS BIGINT)" for a in (1, 9))
        native = native.withColumn(name, F.expr(f"{high} * 2147483648L + shiftright({low}, 1)"))
    elif source.engine == "ibis":
        text = native[column].cast("string").hexdigest("md5")
        high, low = (
            _ibis_hex_to_int(text.substr(start, 8)) for start in (0, 8)
        )
        native = native.mutate(**{name: high * 2147483648 + low.cast("int64") // 2})
    else:
        return frame.with_columns(
            nw.col(column).cast(nw.String).map_batches(_hash_series, return_dtype=nw.Int64).alias(name)
        )
    return nw.from_native(native).lazy()


def with_running(
    source: Source,
    frame: Frame,
    keys: Sequence[str],
    order_by: Sequence[str],
    running: Mapping[str, tuple[str, Literal["sum", "min"]]],
) -> Frame:
    """Add running sums or minima of integer columns within the rows of a key.

    Args:
        source: Where the frame comes from.
        frame: Holds the keys (a null is a key like any other) and, without nulls, the rest.
        keys: Columns that together are one key.
        order_by: Columns that put the rows of one key into a total order.
        running: Name of a column to add, to the column and the operation it comes from.
    """
    if source.engine not in ("pandas", "pyarrow"):
        return frame.with_columns(
            (nw.col(column).cum_sum() if operation == "sum" else nw.col(column).cum_min())
            .over(*keys, order_by=order_by)
            .cast(nw.Int64)
            .alias(name)
            for name, (column, operation) in running.items()
        )
    table = to_arrow(frame)  # Arrow has no windows
    rows, starts = _rows_by_key(table, keys, order_by)
    for name, (column, operation) in running.items():
        values = table[column].to_numpy()[rows]
        result = np.empty(len(rows), dtype=np.int64)
        result[rows] = _running_within(values, starts, operation)
        table = table.append_column(name, pa.array(result))
    return nw.from_native(table).lazy()


def _rows_by_key(
    table: pa.Table, keys: Sequence[str], order_by: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the row numbers sorted by key and order, and where each key starts among them."""
    codes = np.zeros(len(table), dtype=np.int64)
    for key in keys:
        encoded = pc.dictionary_encode(table[key], null_encoding="encode").combine_chunks()
        pair = codes * (len(encoded.dictionary) + 1) + encoded.indices.to_numpy()
        codes = np.unique(pair, return_inverse=True)[1]
    ranked = table.select(list(order_by)).append_column("userops__code", pa.array(codes))
    by = [(name, "ascending") for name in ("userops__code", *order_by)]
    rows = pc.sort_indices(ranked, by).to_numpy().astype(np.int64)
    return rows, np.diff(codes[rows], prepend=-1) != 0


def _running_within(
    values: NDArray[np.int64], starts: NDArray[np.bool_], operation: str
) -> NDArray[np.int64]:
    if not len(values):
        return values
    if operation == "sum":
        total = np.cumsum(values)
        return total - (total - values)[starts][np.cumsum(starts) - 1]
    # Each key is moved below the one before, so that the minimum begins anew.
    drop = np.cumsum(starts) * (int(np.ptp(values)) + 1)
    return np.minimum.accumulate(values - drop) + drop


def values_at_ranks(
    source: Source, frame: Frame, column: str, ranks: Sequence[int]
) -> tuple[int, ...]:
    """Return the values at zero-based ranks of an integer column, ascending: order statistics.

    In process the column is partitioned by numpy; elsewhere distinct values are counted and
    accumulated by the engine, and only the asked ranks travel.

    Args:
        source: Where the frame comes from.
        frame: Holds `column` without nulls.
        column: An integer column.
        ranks: Ranks in [0, rows).
    """
    wanted = sorted(set(ranks))
    if not wanted:
        return ()
    if source.is_in_process:
        values = column_values(frame, column)
        at = dict(zip(wanted, np.partition(values, wanted)[wanted].tolist(), strict=True))
        return tuple(at[rank] for rank in ranks)
    counts = frame.group_by(column).agg(nw.len().cast(nw.Int64).alias("_rows"))
    upto = counts.with_columns(nw.col("_rows").cum_sum().over(order_by=column).alias("_upto"))
    hit = [(nw.col("_upto") > k) & (nw.col("_upto") - nw.col("_rows") <= k) for k in wanted]
    rows = to_rows(upto.filter(nw.any_horizontal(*hit, ignore_nulls=False)).sort(column))
    at = {}
    for rank in wanted:
        at[rank] = next(int(row[column]) for row in rows if row["_upto"] > rank)
    return tuple(at[rank] for rank in ranks)


def sorted_rows(values: Any) -> pa.Array:
    """Return the row numbers that sort an Arrow column ascending; text by code point."""
    return pc.sort_indices(values)


def column_values(frame: Frame, column: str) -> NDArray[np.int64]:
    """Compute one integer column without nulls as a numpy array."""
    return to_arrow(frame.select(column)).column(0).combine_chunks().to_numpy(zero_copy_only=False)


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _hash_series(series: nw.Series[Any]) -> nw.Series[Any]:
    md5 = hashlib.md5
    hashes = [
        None
        if text is None
        else int.from_bytes(md5(text.encode(), usedforsecurity=False).digest()[:8], "big") >> 1
        for text in series.to_list()
    ]
    return nw.new_series(series.name, hashes, nw.Int64, backend=series.implementation)


def _ibis_hex_to_int(text: Any) -> Any:
    value = 0
    digits = "0123456789abcdef"
    import ibis

    for position in range(8):
        value = value * 16 + ibis.literal(digits).find(text.substr(position, 1)).cast("int64")
    return value


def _ibis_cached(native: Any) -> Any:
    import ibis

    if native.get_backend().name == "duckdb":
        # Its cache cannot be dropped again by ibis 12 on DuckDB 2; in process a copy is as good.
        return ibis.memtable(native.to_pyarrow())
    return native.cache()


def _pandas_to_arrow(native: Any) -> pa.Table:
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
    columns = {}
    for name in native.columns:
        try:
            columns[name] = pa.Array.from_pandas(native[name])
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            kinds = sorted({type(v).__name__ for v in native[name].dropna().head(10_000)})
            raise ColumnTypeError(
                name,
                "mixes types and cannot become one column",
                got=" and ".join(kinds),
                allowed="one type in a column",
                hint=f"df[{name!r}] = df[{name!r}].astype('str') for ids and text, or "
                "pandas.to_numeric for numbers",
            ) from error
    return pa.table(columns)


def _arrow_to_pandas(table: pa.Table, *, numpy_backed: bool) -> Any:
    import pandas as pd

    if numpy_backed:
        return _numpy_backed(table)
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def _numpy_backed(table: pa.Table) -> Any:
    """Convert to pandas without turning integers that have nulls into floats."""
    import pandas as pd

    nullable = {pa.int64(): pd.Int64Dtype(), pa.int32(): pd.Int32Dtype(), pa.bool_(): pd.BooleanDtype()}
    holed = {f.name for f, c in zip(table.schema, table.columns, strict=True) if c.null_count}
    plain = table.drop_columns(sorted(holed)).to_pandas()
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

    return SparkSession.builder.getOrCreate().createDataFrame(table)


_FROM_ARROW: dict[str, Callable[[pa.Table], Any]] = {
    "pandas": _numpy_backed,
    "polars": _to_polars,
    "polars-lazy": lambda table: _to_polars(table).lazy(),
    "pyarrow": lambda table: table,
    "duckdb": _to_duckdb,
    "ibis": _to_ibis,
    "pyspark": _to_spark,
}
