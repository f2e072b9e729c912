"""Pseudonyms of a column on every engine: see `userops.core.pseudonyms`."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.dialects import quoted
from userops.core.frames.sources import as_frame, read, to_arrow
from userops.core.pseudonyms import DIGITS, padded_keys

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = ["with_pseudonyms"]


def with_pseudonyms(source: Source, frame: Frame, column: str, key: bytes) -> Frame:
    """Replace a column of text by pseudonyms; null stays null.

    The key is a part of the plan on DuckDB and Spark until the rows are computed: settle the frame
    before it is handed out.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        column: The column, which holds the namespace as well.
        key: At least 32 bytes.
    """
    native = frame.to_native()
    if source.engine == "duckdb":
        inner, outer = (f"unhex('{part.hex()}')" for part in padded_keys(key))
        text = f"sha256({inner} || encode({quoted(column)}))"
        hashed = f"sha256({outer} || unhex({text}))[1:{DIGITS}]"
        return as_frame(native.project(f"* REPLACE ({hashed} AS {quoted(column)})"))
    if source.engine == "pyspark":
        from pyspark.sql import functions

        inner, outer = (f"X'{part.hex()}'" for part in padded_keys(key))
        text = f"sha2(concat({inner}, encode(`{column}`, 'UTF-8')), 256)"
        hashed = f"substr(sha2(concat({outer}, unhex({text})), 256), 1, {DIGITS})"
        return as_frame(native.withColumn(column, functions.expr(hashed)))
    if source.engine == "ibis":
        return _by_distinct_values(source, frame, column, key)
    if source.engine in ("polars", "polars-lazy"):
        import polars as pl

        def hashed_series(texts: pl.Series) -> pl.Series:
            found = pl.from_arrow(_hashed(texts.to_arrow(), key))
            assert isinstance(found, pl.Series)
            return found.cast(pl.String).alias(column)

        texts = pl.col(column).map_batches(hashed_series, return_dtype=pl.String)
        return as_frame(native.with_columns(texts))
    table = to_arrow(frame)
    place = table.column_names.index(column)
    found = _hashed(table[column].combine_chunks(), key)
    return as_frame(table.set_column(place, column, found))


def _hashed(texts: Any, key: bytes) -> Any:
    """Hash each distinct text once."""
    encoded = pc.dictionary_encode(texts.cast(pa.large_string()))
    state = hmac.new(key, digestmod=hashlib.sha256)
    names = []
    for text in encoded.dictionary.to_pylist():
        one = state.copy()
        one.update(text.encode())
        names.append(one.hexdigest()[:DIGITS])
    return pa.array(names, pa.string()).take(encoded.indices)


def _by_distinct_values(source: Source, frame: Frame, column: str, key: bytes) -> Frame:
    """Join with a table of the distinct values: Ibis has no bytes to compose an HMAC of."""
    distinct = to_arrow(frame.select(column).group_by(column).agg())[column].drop_null()
    texts = distinct.combine_chunks()
    name = f"{column}_pseudonym"
    given = pa.table({column: texts.cast(pa.string()), name: _hashed(texts, key)})
    pairs = read(source.give_rows(given)).frame
    order = frame.collect_schema().names()
    joined = frame.join(pairs, on=column, how="left").drop(column).rename({name: column})
    return joined.select(*order)
