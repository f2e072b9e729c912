"""The data of the benchmarks: drawn once from a seed, kept as Parquet in a cache.

Only a child process draws or reads rows; the module itself loads nothing, so that the process
that starts the children stays small (a child's peak memory begins with that of its parent).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["AS_OF", "SIZES", "TIME_ZONE", "Size", "build", "write_table"]

CACHE = Path(__file__).parent / ".cache"
AS_OF = "2025-01-01"
TIME_ZONE = "Asia/Shanghai"
_START, _END = dt.date(2023, 1, 1), dt.date(2025, 1, 1)
_SEED = 20_250_101
# A change of what is drawn changes the folder, so that no stale file is read.
_VERSION = 1
# Share of rows in which a column is missing; of the missing amounts every second one is NaN.
_MISSING = {"customer_id": 0.005, "order_id": 0.001, "ordered_at": 0.001, "amount": 0.002}
_FIRST_RETURN_ID = 1_000_000_000


@dataclass(frozen=True)
class Size:
    """How much data, and how often each job is repeated.

    Attributes:
        name: `small` or `full`.
        customers: Customers who sign up.
        orders_per_customer: Mean over the two years.
        repeats: Measured runs of each side; the first, checked one is not among them.
        ids: Types of id that are measured.
        has_bars: Whether the bars are for this size.
    """

    name: str
    customers: int
    orders_per_customer: float
    repeats: int
    ids: tuple[str, ...]
    has_bars: bool

    @property
    def folder(self) -> Path:
        """Where the files of this size lie."""
        return CACHE / f"{self.name}-{_VERSION}"

    def orders(self, ids: str) -> Path:
        """The file of orders and returns, its ids `int` or `text`."""
        return self.folder / f"orders-{ids}.parquet"

    def shop(self, table: str) -> Path:
        """The file of a table of the rules' shop: an event, or `customers`."""
        return self.folder / f"shop-{table}.parquet"

    @property
    def daily(self) -> Path:
        """The file of clean orders, one at most of a customer on a day."""
        return self.folder / "daily.parquet"


SIZES = {
    "small": Size("small", 50_000, 10.0, 3, ("int",), has_bars=False),
    "full": Size("full", 1_000_000, 10.0, 3, ("int", "text"), has_bars=True),
}


def build(size: Size) -> None:
    """Draw and write the files of a size, unless they are there."""
    from benchmarks.event_data import drawn, write_missing
    from userops.datasets import synthetic_shop

    size.folder.mkdir(parents=True, exist_ok=True)
    write_missing(size.shop, drawn(size.customers, _SEED, _START, _END))
    files = [*(size.orders(ids) for ids in ("int", "text")), size.daily]
    if all(file.exists() for file in files):
        return
    shop = synthetic_shop(
        customers=size.customers,
        seed=_SEED,
        start=_START,
        end=_END,
        orders_per_customer=size.orders_per_customer,
        tables=("orders", "returns"),
        backend="pyarrow",
    )
    write_table(_daily(shop.orders), size.daily)
    text = _with_gaps(_in_time(_bought_and_returned(shop)))
    write_table(text, size.orders("text"))
    write_table(_with_integer_ids(text), size.orders("int"))


def write_table(table: pa.Table, file: Path) -> None:
    """Write a file that is there only once it is whole."""
    import pyarrow.parquet as pq

    partial = file.with_suffix(".partial")
    pq.write_table(table, partial)
    partial.rename(file)


def _bought_and_returned(shop: Any) -> pa.Table:
    """Stack orders and returns; a return is a row of its own with a negative amount."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = ["order_id", "customer_id", "ordered_at", "amount", "channel"]
    back = shop.returns
    returned = pa.table(
        {
            "order_id": back["return_id"],
            "customer_id": back["customer_id"],
            "ordered_at": back["returned_at"],
            "amount": pc.negate(back["amount"]),
            "channel": pa.nulls(len(back), pa.string()),
        }
    )
    return pa.concat_tables([shop.orders.select(names), returned])


def _in_time(table: pa.Table) -> pa.Table:
    import numpy as np

    times = table["ordered_at"].cast("int64").to_numpy()
    return table.take(np.argsort(times, kind="stable")).combine_chunks()


def _with_gaps(table: pa.Table) -> pa.Table:
    """Take values away at random, as exports lack them."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rng = np.random.default_rng(_SEED)
    for name, share in _MISSING.items():
        gap = rng.random(len(table)) < share
        column = pc.if_else(pa.array(gap), pa.scalar(None, table[name].type), table[name])
        if name == "amount":
            odd = gap & (np.arange(len(table)) % 2 == 1)
            column = pc.if_else(pa.array(odd), pa.scalar(float("nan")), column)
        table = table.set_column(table.column_names.index(name), name, column)
    return table


def _with_integer_ids(table: pa.Table) -> pa.Table:
    """Turn `c0000123` into 123; the ids of returns come after all others."""
    import pyarrow.compute as pc

    for name in ("order_id", "customer_id"):
        number = _number(table[name])
        if name == "order_id":
            is_return = pc.starts_with(table[name], "r")
            number = pc.if_else(is_return, pc.add(number, _FIRST_RETURN_ID), number)
        table = table.set_column(table.column_names.index(name), name, number)
    return table


def _number(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow.compute as pc

    return pc.utf8_slice_codeunits(ids, 1).cast("int64")


def _daily(orders: pa.Table) -> pa.Table:
    """Keep the first order of each customer and local day, its time as a clock without a zone."""
    import numpy as np
    import pyarrow as pa

    customer = _number(orders["customer_id"]).to_numpy()
    clock = orders["ordered_at"].cast("int64").to_numpy() + 8 * 3_600_000_000
    kept = _first_of_each(customer * 100_000 + clock // 86_400_000_000)
    return pa.table(
        {
            "customer_id": customer[kept],
            "ordered_at": clock[kept].view("datetime64[us]"),
            "amount": np.asarray(orders["amount"])[kept],
        }
    )


def _first_of_each(keys: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, Any]:
    import numpy as np

    return np.sort(np.unique(keys, return_index=True)[1])
