"""Builds the data in a child, so that the process that starts the children stays small."""

from __future__ import annotations

from benchmarks.child import Options, Prepared
from benchmarks.data import build

__all__ = ["prepare"]


def prepare(options: Options) -> Prepared:
    """Build what is missing, and count the rows."""

    def rows() -> dict[str, int]:
        import pyarrow.parquet as pq

        build(options.size)
        files = {"orders": options.size.orders("int"), "daily": options.size.daily}
        return {name: pq.read_metadata(file).num_rows for name, file in files.items()}

    return Prepared(rows, numbers=lambda counted: counted)
