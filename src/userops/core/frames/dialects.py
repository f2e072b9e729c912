"""What narwhals cannot say in every dialect, said once per engine: times and hashes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.sources import as_frame, to_arrow
from userops.core.sticky import sticky_hash
from userops.errors import ColumnTypeError

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = [
    "constant",
    "heaviest",
    "quoted",
    "unpivoted",
    "with_date",
    "with_datetime",
    "with_epoch_us",
    "with_first_true",
    "with_sticky_hash",
]


def constant(frame: Frame, column: str, value: str | int) -> nw.Expr:
    """Return a text or an integer to compare a column with; null where it can hold no such one."""
    if isinstance(value, str):
        return nw.lit(value)
    if frame.collect_schema()[column] != nw.UInt64:
        return nw.lit(value if -(2**63) <= value < 2**63 else None, nw.Int64)
    # Arrow reads Python's integers as signed ones, and cannot compare these with unsigned ones.
    return nw.lit(str(value) if 0 <= value < 2**64 else None, nw.String).cast(nw.UInt64)


def unpivoted(
    source: Source, frame: Frame, columns: Sequence[str], *, index: str, name: str, value: str
) -> Frame:
    """Return a row for each row and column: `index`, `name` of the column, `value`; no nulls."""
    if source.engine != "duckdb":
        rows = frame.unpivot(list(columns), index=index, variable_name=name, value_name=value)
        return rows.filter(~nw.col(value).is_null())
    # narwhals asks the default connection, which cannot see the relations of another one.
    listed = ", ".join(quoted(column) for column in columns)
    into = f"INTO NAME {quoted(name)} VALUE {quoted(value)}"
    native = frame.select(index, *columns).to_native()
    return as_frame(native.query("userops_wide", f"UNPIVOT userops_wide ON {listed} {into}"))


def with_first_true(
    source: Source, frame: Frame, name: str, cases: Sequence[tuple[nw.Expr, int]], *, otherwise: int
) -> Frame:
    """Add `name`: the number of the first condition that holds in a row, as int8.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        name: The column to add.
        cases: Conditions and their numbers; a null does not hold.
        otherwise: The number where none holds.
    """
    if source.is_arrow:
        # narwhals writes out every constant as a column, which costs more than the choice.
        conditions = {f"c{i}": condition for i, (condition, _) in enumerate(cases)}
        holds = pc.make_struct(*to_arrow(frame.select(**conditions)).columns)
        numbers = [pa.scalar(number, pa.int8()) for _, number in (*cases, (None, otherwise))]
        return as_frame(to_arrow(frame).append_column(name, pc.case_when(holds, *numbers)))
    value: nw.Expr = nw.lit(otherwise)
    for condition, number in reversed(cases):
        value = nw.when(condition).then(nw.lit(number)).otherwise(value)
    return frame.with_columns(value.cast(nw.Int8).alias(name))


def heaviest(source: Source, frame: Frame, key: str, value: str, weight: str) -> Frame:
    """Return one row a key with its value of the largest weight; of equals the smallest value.

    Args:
        source: Where the frame comes from.
        frame: One row a pair of key and value, none of them null.
        key: The column of keys.
        value: The column of values.
        weight: The column of their weights.
    """
    if source.engine == "duckdb":
        order = f"{quoted(weight)} DESC, {quoted(value)}"
        first = f"first({quoted(value)} ORDER BY {order}) AS {quoted(value)}"
        return as_frame(frame.to_native().aggregate(f"{quoted(key)}, {first}", quoted(key)))
    if source.engine in ("polars", "polars-lazy"):
        # It computes once what a plan uses twice, and joins faster than it fills windows.
        most = frame.group_by(key).agg(nw.col(weight).max())
        best = frame.join(most, on=[key, weight], how="semi")
    else:
        ranked = frame.with_columns(nw.col(weight).max().over(key).alias("userops__most"))
        best = ranked.filter(nw.col(weight) == nw.col("userops__most"))
    return best.group_by(key).agg(nw.col(value).min())


def with_epoch_us(source: Source, frame: Frame, column: str, name: str) -> Frame:
    """Add `name`: a date or datetime column as int64 microseconds since 1970-01-01.

    An aware time becomes its instant; a naive one is counted as if its clock stood in UTC. What is
    finer than a microsecond is cut off.

    Raises:
        ColumnTypeError: If the engine cannot do that.
    """
    dtype = frame.collect_schema()[column]
    is_date = dtype == nw.Date
    is_naive = is_date or getattr(dtype, "time_zone", None) is None
    native = frame.to_native()
    if source.engine == "duckdb":
        value = f"{quoted(column)}::TIMESTAMP" if is_date else quoted(column)
        count = f"epoch_us({value})"
        if not is_date and getattr(dtype, "time_unit", "us") == "ns":
            # It would round; // cuts towards zero, so what is left over is taken off before.
            left = f"((epoch_ns({value}) % 1000 + 1000) % 1000)"
            count = f"((epoch_ns({value}) - {left}) // 1000)"
        native = native.project(f"*, {count} AS {quoted(name)}")
    elif source.engine == "pyspark":
        from pyspark.sql import functions

        value = f"`{column.replace('`', '``')}`"
        if is_date:
            text = f"unix_date({value}) * 86400000000L"
        elif is_naive:
            epoch = "TIMESTAMP_NTZ'1970-01-01 00:00:00'"
            text = f"timestampdiff(MICROSECOND, {epoch}, {value})"
        else:
            text = f"unix_micros({value})"
        native = native.withColumn(name, functions.expr(text))
    elif source.engine == "ibis":
        if getattr(dtype, "time_unit", "us") == "ns":
            raise ColumnTypeError(
                column, "has nanoseconds, which Ibis rounds", got=dtype,
                hint=f"cut them first: table.mutate({column}=table[{column!r}].truncate('us'))",
            )  # fmt: skip
        moment = native[column].cast("timestamp") if is_date else native[column]
        whole = moment.truncate("s").epoch_seconds().cast("int64") * 1_000_000
        native = native.mutate(**{name: whole + moment.microsecond().cast("int64")})
    else:
        clock = nw.col(column)
        if is_date:
            clock = clock.cast(nw.Datetime("us"))
        return frame.with_columns(clock.dt.timestamp("us").cast(nw.Int64).alias(name))
    return as_frame(native)


def with_date(source: Source, frame: Frame, column: str) -> Frame:
    """Replace int64 days since 1970-01-01 by the engine's own date, in place."""
    native = frame.to_native()
    if source.engine == "duckdb":
        name = quoted(column)
        native = native.project(f"* REPLACE (DATE '1970-01-01' + {name}::INTEGER AS {name})")
    elif source.engine == "pyspark":
        from pyspark.sql import functions

        days = functions.col(f"`{column}`").cast("int")
        native = native.withColumn(column, functions.date_from_unix_date(days))
    elif source.engine == "ibis":
        import ibis

        day = ibis.date("1970-01-01") + native[column].cast("int32").as_interval("D")
        native = native.mutate(**{column: day.cast("date")})
    else:  # Arrow makes dates of 32 bits alone
        return frame.with_columns(nw.col(column).cast(nw.Int32).cast(nw.Date))
    return as_frame(native)


def with_datetime(source: Source, frame: Frame, column: str) -> Frame:
    """Replace int64 microseconds by the engine's own datetime in UTC, in place."""
    native = frame.to_native()
    if source.engine == "duckdb":
        name = quoted(column)
        native = native.project(f"* REPLACE (make_timestamptz({name}) AS {name})")
    elif source.engine == "pyspark":
        from pyspark.sql import functions

        native = native.withColumn(column, functions.timestamp_micros(functions.col(f"`{column}`")))
    elif source.engine == "ibis":
        value = native[column]
        fraction = ((value % 1_000_000 + 1_000_000) % 1_000_000).cast("int64")
        # A multiple of a million over a million, up to the noise of a double.
        second = ((value - fraction) / 1_000_000 + 0.5).floor().cast("int64").as_timestamp("s")
        moment = (second + fraction.as_interval("us")).cast("timestamp('UTC')")
        native = native.mutate(**{column: moment})
    else:
        return frame.with_columns(nw.col(column).cast(nw.Datetime("us", "UTC")))
    return as_frame(native)


def with_sticky_hash(source: Source, frame: Frame, column: str, name: str) -> Frame:
    """Add `name`: the 63-bit sticky hash of a text column (see `userops.core.sticky`)."""
    native = frame.to_native()
    if source.engine == "duckdb":
        text = f"md5({quoted(column)}::VARCHAR)"
        high, low = (f"('0x' || {text}[{a}:{a + 7}])::BIGINT" for a in (1, 9))
        native = native.project(f"*, {high} * 2147483648 + ({low} >> 1) AS {quoted(name)}")
    elif source.engine == "pyspark":
        from pyspark.sql import functions

        text = f"md5(cast(`{column}` AS STRING))"
        high, low = (f"cast(conv(substr({text}, {a}, 8), 16, 10) AS BIGINT)" for a in (1, 9))
        native = native.withColumn(
            name, functions.expr(f"{high} * 2147483648L + shiftright({low}, 1)")
        )
    elif source.engine == "ibis":
        text = native[column].cast("string").hexdigest("md5")
        high, low = (_ibis_hex_to_int(text.substr(start, 8)) for start in (0, 8))
        native = native.mutate(**{name: high * 2147483648 + low.cast("int64") // 2})
    elif source.engine in ("polars", "polars-lazy"):
        import polars as pl

        def hashed(texts: pl.Series) -> pl.Series:
            return pl.Series([_hash(text) for text in texts], dtype=pl.Int64)

        texts = pl.col(column).cast(pl.String)
        native = native.with_columns(texts.map_batches(hashed, return_dtype=pl.Int64).alias(name))
    else:
        values = pc.cast(native[column], pa.string()).to_pylist()
        native = native.append_column(name, pa.array([_hash(v) for v in values], pa.int64()))
    return as_frame(native)


def quoted(column: str) -> str:
    """Return a column's name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def _hash(text: str | None) -> int | None:
    return None if text is None else sticky_hash(text)


def _ibis_hex_to_int(text: Any) -> Any:
    value = 0
    digits = "0123456789abcdef"
    import ibis

    for position in range(8):
        value = value * 16 + ibis.literal(digits).find(text.substr(position, 1)).cast("int64")
    return value
