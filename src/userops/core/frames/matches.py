"""A table of distinct keys looked up for each row of another, whatever else the rows hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from userops.core.frames.sources import as_frame, to_arrow

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame

__all__ = ["with_matches"]


def with_matches(rows: Frame, table: Frame, key: str) -> Frame:
    """Return rows with the other columns of a table; null where it does not hold the key.

    Arrow joins no rows that hold a column of nulls alone, of lists or of structures, whether or not
    these are asked for; so there the keys are looked up, and the rows stay in their order.

    Args:
        rows: The rows; they have none of the other columns.
        table: One row a key, of text.
        key: The column of keys, text in both.
    """
    if not rows.implementation.is_pyarrow():
        return rows.join(table, on=key, how="left")
    left, right = to_arrow(rows), to_arrow(table)
    keys = right[key].cast(pa.large_string()).combine_chunks()
    places = pc.index_in(left[key].cast(pa.large_string()), value_set=keys)
    for name in right.column_names:
        if name != key:
            left = left.append_column(name, right[name].combine_chunks().take(places))
    return as_frame(left)
