"""Builds the data in a child, so that the process that starts the children stays small."""

from __future__ import annotations

from benchmarks.child import Options, Prepared
from benchmarks.data import build
from benchmarks.event_data import ROWS_PER_CUSTOMER

__all__ = ["prepare"]


def prepare(options: Options) -> Prepared:
    """Build what is missing, and count the rows."""

    def rows() -> dict[str, int]:
        import pyarrow.parquet as pq

        build(options.size)
        files = {"orders": options.size.orders("int"), "daily": options.size.daily}
        counted = {name: pq.read_metadata(file).num_rows for name, file in files.items()}
        shop = [options.size.shop(event) for event in ROWS_PER_CUSTOMER]
        return counted | {"events": sum(pq.read_metadata(file).num_rows for file in shop)}

    return Prepared(rows, numbers=lambda counted: counted)
