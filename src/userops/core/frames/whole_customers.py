"""A function of whole customers, applied where the rows are: all rows of one meet in one call.

In this process there is one call for everybody. On Spark the rows are repartitioned by customer,
and each partition is one call in a Python worker; never one a customer, whose fixed price is a
thousand times that of its rows.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import attrs
import narwhals.stable.v2 as nw
import pyarrow as pa
from pyarrow import parquet

from userops.core.frames.dialects import quoted
from userops.core.frames.sources import as_frame, to_arrow
from userops.errors import UnsupportedFrameError

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = ["Kind", "by_whole_customers", "kind_type"]

Kind: TypeAlias = Literal["int", "float", "flag"]
_TYPES = {"int": pa.int64(), "float": pa.float64(), "flag": pa.bool_()}
# Ibis back ends whose rows lie in this process.
_IBIS_IN_PROCESS = ("duckdb",)


def kind_type(kind: Kind) -> pa.DataType:
    """Return the Arrow type of a column that a function of whole customers returns."""
    return _TYPES[kind]


def by_whole_customers(
    source: Source,
    frame: Frame,
    *,
    key: str,
    columns: Sequence[str],
    function: Callable[[pa.Table], pa.Table],
    kinds: Mapping[str, Kind],
    shards: int = 1,
) -> Frame:
    """Apply a function to the rows of customers, all rows of each of them in one call.

    A lazy Polars frame and a Spark frame stay lazy: nothing runs before the result is asked for.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        key: The column of customer ids.
        columns: The columns that the function needs, `key` among them.
        function: Takes the rows of some customers, any number and none too; returns a table of
            `key`, typed as it came, and of the columns of `kinds`. Spark pickles it.
        kinds: The columns that the function adds.
        shards: In how many shards of customers rows of DuckDB are read.

    Raises:
        UnsupportedFrameError: If the rows are held by a database behind Ibis.
    """
    columns = list(dict.fromkeys(columns))
    if source.engine == "pyspark":
        return _on_spark(frame, key, columns, function, kinds)
    if source.engine == "ibis":
        _check_in_process(frame)
    frame = frame.select(nw.col(*columns))
    if source.engine == "polars-lazy":
        return _on_lazy_polars(frame, key, function, kinds)
    if source.engine == "duckdb" and shards > 1:
        table = _in_shards(frame, key, function, shards)
    else:
        table = function(to_arrow(frame))
    if source.is_arrow:
        return as_frame(table)
    return as_frame(source.give_rows(table))


def _in_shards(
    frame: Frame, key: str, function: Callable[[pa.Table], pa.Table], shards: int
) -> pa.Table:
    """Let DuckDB spread the rows over files by a hash of the customer, and apply file by file."""
    native = frame.to_native()
    rows = native.project(f"*, hash({quoted(key)}) % {shards} AS userops_shard")
    with tempfile.TemporaryDirectory(prefix="userops-shards-") as folder:
        rows.write_parquet(folder, partition_by=["userops_shard"], overwrite=True)
        held = sorted(path for path in Path(folder).iterdir() if path.is_dir())
        done = [function(parquet.read_table(path, partitioning=None)) for path in held]
    return pa.concat_tables(done) if done else function(to_arrow(frame))


@attrs.frozen
class _OfPartition:
    """The function over the record batches of a Spark partition."""

    function: Callable[[pa.Table], pa.Table]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        held = list(batches)
        if held:
            yield from self.function(pa.Table.from_batches(held)).to_batches()


def _on_spark(
    frame: Frame,
    key: str,
    columns: Sequence[str],
    function: Callable[[pa.Table], pa.Table],
    kinds: Mapping[str, Kind],
) -> Frame:
    from pyspark.sql import functions, types

    native = frame.to_native()
    spark_types = {"int": types.LongType, "float": types.DoubleType, "flag": types.BooleanType}
    fields = [types.StructField(key, native.schema[key].dataType)]
    fields += [types.StructField(name, spark_types[kind]()) for name, kind in kinds.items()]
    rows = native.select(*columns).repartition(functions.col(key))
    done = rows.mapInArrow(_OfPartition(function), types.StructType(fields))
    return as_frame(done)


def _on_lazy_polars(
    frame: Frame,
    key: str,
    function: Callable[[pa.Table], pa.Table],
    kinds: Mapping[str, Kind],
) -> Frame:
    import polars as pl

    native = frame.to_native()
    polars_types = {"int": pl.Int64(), "float": pl.Float64(), "flag": pl.Boolean()}
    added = {name: polars_types[kind] for name, kind in kinds.items()}
    schema = pl.Schema({key: native.collect_schema()[key], **added})

    def applied(rows: pl.DataFrame) -> pl.DataFrame:
        done = pl.from_arrow(function(rows.to_arrow()))
        assert isinstance(done, pl.DataFrame)
        return done.cast(schema)

    # Neither a condition on the result nor its first rows may move in front of the function.
    return as_frame(
        native.map_batches(
            applied,
            predicate_pushdown=False,
            projection_pushdown=False,
            slice_pushdown=False,
            schema=schema,
        )
    )


def _check_in_process(frame: Frame) -> None:
    name = frame.to_native().get_backend().name
    if name not in _IBIS_IN_PROCESS:
        raise UnsupportedFrameError(
            "what needs the rows of a customer in order cannot run inside this Ibis back end",
            got=name,
            allowed=", ".join(_IBIS_IN_PROCESS),
            hint="move the rows here first (table.to_pyarrow()), or compute the columns there "
            "beforehand and pass them in",
        )
