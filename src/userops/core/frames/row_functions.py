"""A Python function of single rows as a column: the slow way, for what only Python can decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw
import pyarrow as pa

from userops.core.frames.sources import as_frame, to_arrow

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = ["with_decided"]


def with_decided(
    source: Source,
    frame: Frame,
    inputs: Mapping[str, nw.Expr],
    function: Callable[[Mapping[str, Any]], bool],
    name: str,
) -> Frame:
    """Add `name`: what a function says of each row, given the values of the inputs.

    On Spark the function runs in the Python workers, which pickle it; on other engines the rows
    come into this process and go back.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        inputs: What the function calls a value, to a column.
        function: Takes a mapping of these, None for a missing value; returns true or false.
        name: The flag to add.
    """
    columns = {argument: f"{name}_{i}" for i, argument in enumerate(inputs)}
    frame = frame.with_columns(expr.alias(columns[argument]) for argument, expr in inputs.items())
    decide = _Decided(columns, function, name)
    if source.engine == "pyspark":
        from pyspark.sql import types

        native = frame.to_native()
        schema = types.StructType([*native.schema.fields])
        schema = schema.add(name, types.BooleanType())
        done = as_frame(native.mapInArrow(_Batches(decide), schema))
    else:
        table = decide(to_arrow(frame))
        done = as_frame(table if source.is_arrow else source.give_rows(table))
    return done.drop(*columns.values())


@attrs.frozen
class _Decided:
    columns: Mapping[str, str]
    function: Callable[[Mapping[str, Any]], bool]
    name: str

    def __call__(self, rows: Any) -> Any:
        values = [rows[column].to_pylist() for column in self.columns.values()]
        # Without any input there is nothing to zip, and still an answer for each row.
        each = zip(*values, strict=True) if values else [()] * len(rows)
        flags = [bool(self.function(dict(zip(self.columns, row, strict=True)))) for row in each]
        return rows.append_column(self.name, pa.array(flags, pa.bool_()))


@attrs.frozen
class _Batches:
    decide: _Decided

    def __call__(self, batches: Iterator[Any]) -> Iterator[Any]:
        for batch in batches:
            yield from self.decide(pa.Table.from_batches([batch])).to_batches()
