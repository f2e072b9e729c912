"""The scored RFM table with userops: from Parquet to a row for every customer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from benchmarks.child import Answer, Options, Prepared
from benchmarks.data import AS_OF, TIME_ZONE

if TYPE_CHECKING:
    from userops.events import Orders, Quality

__all__ = [
    "load_everything",
    "prepare_duckdb",
    "prepare_pandas",
    "prepare_polars",
    "quality_facts",
]

_COLUMNS = ("customer_id", "order_id", "ordered_at", "amount")
_TOTALS = ("rows", "counted", "returns", "first_us", "last_us")


def prepare_polars(options: Options) -> Prepared:
    """Scan lazily, and collect the scores."""
    import polars as pl

    load_everything(pl.LazyFrame({"n": [1]}))
    path = options.size.orders(options.ids)
    return _prepared(lambda: pl.scan_parquet(path), lambda frame: frame.collect())


def prepare_duckdb(options: Options) -> Prepared:
    """Read as a relation, and fetch the scores as Arrow."""
    import duckdb

    connection = duckdb.connect(config={"threads": options.threads})
    load_everything(connection.sql("SELECT 1 AS n"))
    path = str(options.size.orders(options.ids))
    return _prepared(lambda: connection.read_parquet(path), lambda frame: frame.to_arrow_table())


def prepare_pandas(options: Options) -> Prepared:
    """Read the four columns; integer ids with gaps as pandas' own nullable integers."""
    import pandas as pd

    load_everything(pd.DataFrame({"n": [1]}))
    path = options.size.orders(options.ids)
    dtypes: dict[str, Any] = {"dtype_backend": "numpy_nullable"} if options.ids == "int" else {}
    return _prepared(
        lambda: pd.read_parquet(path, columns=list(_COLUMNS), **dtypes), lambda frame: frame
    )


def _prepared(read: Callable[[], Any], rows: Callable[[Any], Any]) -> Prepared:
    from userops.events import OrderColumns, Orders
    from userops.segmentation import RFM

    columns = OrderColumns(
        customer_id="customer_id",
        order_id="order_id",
        ordered_at="ordered_at",
        amount="amount",
        time_zone=TIME_ZONE,
    )

    def run() -> tuple[Orders, Any]:
        orders = Orders(read(), columns)
        return orders, rows(RFM().fit(orders, as_of=AS_OF).score())

    return Prepared(run, answer=_answer)


def load_everything(sample: Any) -> None:
    """Import what userops and narwhals load at the first use of an engine's frame."""
    import pyarrow as pa
    import pyarrow.compute

    from userops.core import frames

    pa.array([1]).to_numpy()  # Arrow imports pandas for this, even where there is none of it

    for name in frames.__all__:
        getattr(frames, name)
    frames.to_rows(frames.read(sample).frame)


def _answer(result: tuple[Orders, Any]) -> Answer:
    import narwhals as nw

    orders, scores = result
    return Answer(nw.from_native(scores).to_arrow(), quality_facts(orders.audit))


def quality_facts(audit: Quality, names: Sequence[str] = _TOTALS) -> dict[str, int]:
    """Return what became of the rows of a table."""
    facts = {f"quarantined {reason}": n for reason, n in audit.quarantined.items()}
    return facts | {name: int(getattr(audit, name)) for name in names}
