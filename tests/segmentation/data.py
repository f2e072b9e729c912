"""Data that the tests of segmentation share: mappings, and orders full of traps."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa

from userops.events import ByOrderId
from userops.segmentation import RFM, Linear, NTile

POLICIES = ("net", "separate", "ignore")
METHODS = ("linear", "ntile")
RETAIL_AS_OF = "2011-12-10"
RETAIL: dict[str, Any] = {
    "customer_id": "CustomerID",
    "order_id": "InvoiceNo",
    "ordered_at": "InvoiceDate",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
    "time_zone": "Europe/London",
    "scale": 3,
    "returns_by": ByOrderId("^C"),
}
# Names that need quoting in SQL, and are not ASCII.
TRAPS: dict[str, Any] = {
    "customer_id": "客户 id",
    "order_id": "the order's",
    "ordered_at": "下单时间",
    "quantity": 'the "n"',
    "unit_price": "select",
    "time_zone": "America/New_York",
    "scale": 3,
}
TRAPS_AS_OF = "2025-01-01"
TRAP_SCHEMA = pa.schema([
    ("客户 id", pa.string()),
    ("the order's", pa.string()),
    ("下单时间", pa.string()),
    ('the "n"', pa.int64()),
    ("select", pa.float64()),
    ("event", pa.string()),
])  # fmt: skip

PEOPLE = (
    "a", "A", "b", "客户一", "客户二", "é", "é", "18446744073709551616",
    "18446744073709551617", "007", "7", "😀", "O'Brien", "", " ", None,
)  # fmt: skip
TIMES = (
    "2024-01-05", "2024-02-29", "2024-02-29 23:59:59.999999", "2024-03-01T00:00:00",
    # In New York the clock skips 02:00 to 03:00, and shows 01:00 to 02:00 twice.
    "2024-03-10 01:59:59", "2024-03-10 02:30", "2024-03-10 03:00", "2024-11-03 00:59:59.5",
    "2024-11-03 01:30", "2024-11-03 02:00:00", "2024-11-03T05:30:00Z", "2024-11-03T06:30:00Z",
    "2024-06-01T12:00:00+08:00", "2024-06-01 00:00:00-0400", "2000-02-29", "1969-12-31 23:00",
    "2024-12-31 23:59:59.999999", "2025-01-01", "2025-01-01T04:59:59.999999Z",
    "2025-01-01T05:00:00Z", "9999-12-31", "9999-12-31 23:59:59.999999",
    "2023-02-29", "2024-13-01", "2024-01-05 24:00", "soon", "", " ", None,
)  # fmt: skip
PRICES = (
    0.0, -0.0, 0.001, 0.1, 0.2, 0.3, 1.005, 2.675, 9.999, 10.0, 19.99, 170.7, 11062.06, -1.5,
    -0.001, 1e6 + 0.001, float("nan"), float("inf"), None,
)  # fmt: skip
QUANTITIES = (1, 1, 1, 2, 3, 7, 12, 95, -1, -2, -12, 0, None)


def model(method: str, **other: Any) -> RFM:
    """Return RFM with five bins a dimension, by `linear` or `ntile`."""
    cut = {"linear": Linear(5), "ntile": NTile(5)}[method]
    return RFM(recency=cut, frequency=cut, monetary=cut, **other)


def trap_row(  # noqa: PLR0917
    who: Any, order: Any, at: Any, n: Any, price: Any, event: Any
) -> dict[str, Any]:
    """Return one row of a table of traps."""
    return dict(zip(TRAP_SCHEMA.names, (who, order, at, n, price, event), strict=True))


def trap_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table of traps."""
    return pa.Table.from_pylist(rows, schema=TRAP_SCHEMA)


def clock_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table of traps whose times are naive timestamps; others become null."""
    clocks = []
    for row in rows:
        try:
            clock = dt.datetime.fromisoformat((row["下单时间"] or "").strip())
        except ValueError:
            clock = None
        clocks.append(None if clock is None or clock.tzinfo is not None else clock)
    table = trap_table(rows)
    return table.set_column(2, "下单时间", pa.array(clocks, pa.timestamp("us")))


def many_trap_rows(count: int, *, seed: int) -> list[dict[str, Any]]:
    """Return rows that combine every person, time, price and quantity, for a heavier run."""
    rng = np.random.default_rng(seed)
    people = [*PEOPLE, *(f"客{i}" for i in range(40)), *(str(2**64 + i) for i in range(40))]
    start = dt.datetime.fromisoformat("2023-06-01")

    def one_of(values: Any) -> Any:
        return values[int(rng.integers(len(values)))]

    rows = []
    for number in range(count):
        minutes = int(rng.integers(800 * 24 * 60))
        usual = f"{start + dt.timedelta(minutes=minutes):%Y-%m-%d %H:%M}"
        rows.append(
            trap_row(
                one_of(people),
                None if rng.random() < 0.02 else f"o{int(rng.integers(count // 2))}",
                one_of(TIMES) if rng.random() < 0.3 else usual,
                one_of(QUANTITIES),
                one_of(PRICES) if rng.random() < 0.5 else int(rng.integers(1, 200_000)) / 1000,
                None if rng.random() < 0.2 else f"e{number - int(rng.random() < 0.1)}",
            )
        )
    return rows
