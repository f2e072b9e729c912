"""A host's frame, read as it is and given back as it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import attrs
import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray

from userops.core.frames.conversions import (
    BACKENDS,
    Engine,
    arrow_to_pandas,
    check_labels,
    from_arrow,
    pandas_to_arrow,
    spark_frame,
)
from userops.errors import UnsupportedFrameError

__all__ = [
    "Frame",
    "Source",
    "alike",
    "as_frame",
    "backend_of",
    "concat_rows",
    "counted_by",
    "differing",
    "in_one_piece",
    "is_null_column",
    "native_type",
    "nearby",
    "number_table",
    "read",
    "scattered",
    "small_table",
    "text_table",
    "to_arrow",
    "to_rows",
]

Frame: TypeAlias = nw.LazyFrame[Any]
# With an id and three integers, about a hundred megabytes.
_NEARBY_ROWS = 2_000_000
_KINDS = {"text": pa.string(), "int": pa.int64(), "float": pa.float64()}


@attrs.frozen(eq=False)
class Source:
    """A frame as the host gave it, and how to give frames like it back.

    Attributes:
        engine: Which engine holds the data.
        native: The frame that came in.
        frame: The same data as a narwhals LazyFrame; nothing has been computed.
        numpy_backed: Whether a pandas frame came with numpy dtypes, so that it leaves with them.
        mixed: Columns of a pandas frame that mix types, with what they mix; here they are text.
    """

    engine: Engine
    native: Any
    frame: Frame
    numpy_backed: bool = False
    mixed: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def is_arrow(self) -> bool:
        """Whether frames are Arrow tables, computed step by step; others are planned as a whole."""
        return self.engine in ("pandas", "pyarrow")

    @property
    def family(self) -> str:
        """What its frames are computed on in; tables of one family can be joined."""
        return {"pandas": "pyarrow", "polars-lazy": "polars"}.get(self.engine, self.engine)

    @property
    def is_in_process(self) -> bool:
        """Whether the data can be read into this process at no more than the cost of a copy."""
        return self.engine not in ("pyspark", "ibis")

    @property
    def is_sql(self) -> bool:
        """Whether a frame used twice is computed twice; see `materialise`."""
        return self.engine in ("duckdb", "ibis", "pyspark")

    def optional(self, column: str) -> str | None:
        """Return the name of a column where there is one, else None."""
        return column if column in self.frame.collect_schema().names() else None

    def give_back(self, frame: Frame) -> Any:
        """Return `frame` as the type that came in: eager stays eager, lazy stays lazy."""
        native = frame.to_native()
        if self.engine == "pandas":
            return arrow_to_pandas(native, numpy_backed=self.numpy_backed)
        if self.engine == "polars":
            return native.collect() if hasattr(native, "collect") else native
        return native

    def give_rows(self, table: pa.Table, *, once: bool = False) -> Any:
        """Return an Arrow table as a frame of the engine that came in.

        Args:
            table: The rows.
            once: Whether they will mostly be read once, so that no engine need store them.
        """
        if self.engine == "pandas":
            return arrow_to_pandas(table, numpy_backed=self.numpy_backed)
        if self.engine == "duckdb":
            # A relation can only meet relations of its own connection, so the rows are read there:
            # DuckDB finds this function's variable by its name.
            userops_rows = table
            rows = self.native.query("userops_source", "SELECT * FROM userops_rows")
            del userops_rows
            return rows if once else rows.materialize()
        if self.engine == "pyspark":
            return spark_frame(self.native.sparkSession, table)
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
        return as_frame(native)


def nearby(source: Source, frame: Frame, *, rows: int) -> tuple[Source, Frame]:
    """Bring a frame of another process here where it is small; give others as they are.

    A cluster takes longer to plan a question about a million rows than to hand them over.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        rows: How many there are.
    """
    if source.is_in_process or rows > _NEARBY_ROWS:
        return source, frame
    here = read(to_arrow(frame))
    return here, here.frame


def backend_of(native: Any) -> Engine:
    """Name the engine of a native frame.

    Raises:
        UnsupportedFrameError: If narwhals does not read it, userops does not support it, or a name
            occurs twice.
    """
    try:
        frame = nw.from_native(native)
        frame.collect_schema()
    except DuplicateError as error:
        raise UnsupportedFrameError(
            f"columns occur twice: {error}", hint="rename or drop one of each"
        ) from error
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
        UnsupportedFrameError: If it is not a frame of a supported engine, a name occurs twice, or
            one of a Spark frame holds a dot or a backtick.
    """
    if type(native).__module__.startswith("pandas") and hasattr(native, "columns"):
        check_labels(native)  # before narwhals, whose word on them is about something else
    engine = backend_of(native)
    if engine == "pandas":
        # Arrow may share memory with the frame. From pandas 3 on, a frame that has a copy copies
        # what is changed in it, so that ours stays as it is.
        native = native.copy(deep=False)
        table, mixed = pandas_to_arrow(native)
        return Source(
            engine=engine,
            native=native,
            frame=as_frame(_with_known_types(table)),
            mixed=mixed,
            numpy_backed=not any(hasattr(t, "pyarrow_dtype") for t in native.dtypes),
        )
    if engine == "pyspark":
        _check_spark_names(native.columns)
    known = _with_known_types(native) if engine == "pyarrow" else native
    return Source(engine=engine, native=native, frame=as_frame(known))


def _check_spark_names(names: Sequence[str]) -> None:
    # narwhals names columns to Spark as they are, and Spark reads a dot as a field of a struct.
    for name in names:
        if "." in name or "`" in name:
            raise UnsupportedFrameError(
                f"column {name!r} cannot be named to Spark", got=name,
                allowed="names without dots and backticks",
                hint=f"rename it: df.withColumnsRenamed({{{name!r}: …}})",
            )  # fmt: skip


def _with_known_types(table: pa.Table) -> pa.Table:
    """Turn the types that Arrow has no arithmetic or text functions for into their siblings."""
    siblings = {
        pa.string_view(): pa.string(),
        pa.binary_view(): pa.binary(),
        pa.float16(): pa.float32(),
    }
    return _with_types(table, siblings)


def _with_types(table: pa.Table, siblings: Mapping[pa.DataType, pa.DataType]) -> pa.Table:
    fields = [field.with_type(siblings.get(field.type, field.type)) for field in table.schema]
    schema = pa.schema(fields)
    return table if schema == table.schema else table.cast(schema)


def as_frame(native: Any) -> Frame:
    """Wrap a native frame that the library made itself."""
    frame: Frame = nw.from_native(native).lazy()
    return frame


def to_arrow(frame: Frame) -> pa.Table:
    """Compute a frame and return its rows as an Arrow table."""
    return frame.collect("pyarrow").to_native()


def in_one_piece(frame: Frame, names: Iterable[str]) -> Frame:
    """Return rows in Arrow with some columns in a piece of their own each.

    They can be kept when the others are let go: a database gives rows in batches, whose columns
    share their memory.
    """
    table = to_arrow(frame)
    for name in names:
        place = table.column_names.index(name)
        table = table.set_column(place, name, table[name].combine_chunks())
    return as_frame(table)


def to_rows(frame: Frame) -> list[dict[str, Any]]:
    """Compute a small frame and return its rows as dicts."""
    rows: list[dict[str, Any]] = to_arrow(frame).to_pylist()
    return rows


def small_table(
    rows: Sequence[Mapping[str, Any]], kinds: Mapping[str, Literal["text", "int", "float"]]
) -> pa.Table:
    """Build an Arrow table of a few rows, its columns typed even where there are none."""
    schema = pa.schema([(name, _KINDS[kind]) for name, kind in kinds.items()])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def number_table(columns: Mapping[str, NDArray[Any]]) -> pa.Table:
    """Return arrays of numbers as an Arrow table."""
    return pa.table({name: pa.array(values) for name, values in columns.items()})


def text_table(columns: Mapping[str, Any]) -> pa.Table:
    """Return Arrow columns of text as a table to join with others, whose text is of this type."""
    return pa.table({name: column.cast(pa.string()) for name, column in columns.items()})


def scattered(length: int, parts: Sequence[tuple[Any, pa.Array]]) -> pa.Array:
    """Return one column of texts from parts and the places of each part, which fill it."""
    values = (
        pa.concat_arrays([part for _, part in parts]) if parts else pa.array([], pa.large_string())
    )
    order = np.empty(length, dtype=np.int64)
    begin = 0
    for places, part in parts:
        order[places] = np.arange(begin, begin + len(part))
        begin += len(part)
    return values.take(pa.array(order))


def differing(
    name: str, ones: Sequence[pa.Array], other: str, others: Sequence[pa.Array]
) -> dict[str, pa.Array]:
    """Return two columns of texts where they differ; each part has its partner."""
    columns = {name: pa.concat_arrays(ones), other: pa.concat_arrays(others)}
    keep = pc.not_equal(columns[name], columns[other])
    return {n: column.filter(keep) for n, column in columns.items()}


def concat_rows(frames: Iterable[Frame]) -> Frame:
    """Stack frames of the same columns."""
    return nw.concat(alike(list(frames)), how="vertical")


def alike(frames: list[Frame]) -> list[Frame]:
    """Return frames that can be stacked or joined: Arrow has two types of text, pandas both."""
    if not frames[0].implementation.is_pyarrow():
        return frames
    tables = [to_arrow(frame) for frame in frames]
    types = {t for table in tables for t in table.schema.types}
    if not {pa.string(), pa.large_string()} <= types:
        return frames
    return [as_frame(_with_types(table, {pa.large_string(): pa.string()})) for table in tables]


def native_type(source: Source, column: str) -> str:
    """Return the name of a column's type in the engine's own words."""
    native = source.frame.to_native()
    if source.is_arrow:
        dtype = native.schema.field(column).type
    elif source.engine == "duckdb":
        dtype = native.types[native.columns.index(column)]
    elif source.engine == "pyspark":
        dtype = native.schema[column].dataType.typeName()
    elif source.engine == "ibis":
        dtype = native.schema()[column]
    else:
        dtype = native.collect_schema()[column]
    return str(dtype).strip('"')


def is_null_column(source: Source, column: str) -> bool:
    """Whether a column of a type that narwhals does not know is one of nulls alone."""
    return native_type(source, column).lower() in ("null", "void")


def counted_by(frame: Frame, keys: Sequence[str]) -> Frame:
    """Return one row a combination of the keys, with the number of its `rows`."""
    return frame.group_by(*keys).agg(nw.len().alias("rows"))


def _ibis_cached(native: Any) -> Any:
    import ibis

    if native.get_backend().name == "duckdb":
        # Its cache cannot be dropped again by ibis 12 on DuckDB 2; in process a copy is as good.
        return ibis.memtable(native.to_pyarrow())
    return native.cache()
