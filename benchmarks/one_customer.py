"""One customer with twenty orders inside a request: reading his rows, and scoring him."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from statistics import median
from timeit import repeat
from typing import Any

from benchmarks.child import Options, Prepared
from benchmarks.data import AS_OF, TIME_ZONE

__all__ = ["prepare"]

_ORDERS = 20
_CALLS, _REPEATS = 20, 101


def prepare(options: Options) -> Prepared:
    """Fit a model to a small shop, and hold the rows of one customer as a host would."""
    from userops.customers import Customer
    from userops.datasets import synthetic_shop
    from userops.events import OrderColumns, Orders
    from userops.segmentation import RFM

    shop = synthetic_shop(customers=2_000, tables=("orders",), backend="pyarrow")
    columns = OrderColumns(
        customer_id="customer_id",
        order_id="order_id",
        ordered_at="ordered_at",
        amount="amount",
        time_zone=TIME_ZONE,
    )
    orders = Orders(shop.orders, columns)
    fitted = RFM().fit(orders, as_of=AS_OF)
    rows = _rows()

    def read() -> Customer:
        return Customer.from_rows("c1", {"order": rows}, {"order": columns})

    customer = read()

    def run() -> dict[str, float]:
        return {
            "from_rows": _us(read),
            "score_one": _us(lambda: fitted.score_one(customer)),
            "both": _us(lambda: fitted.score_one(read())),
        }

    return Prepared(run, numbers=lambda measured: measured)


def _rows() -> list[dict[str, Any]]:
    first = dt.datetime(2023, 3, 1, 20, 15, tzinfo=dt.UTC)
    return [
        {
            "customer_id": "c1",
            "order_id": f"o{n}",
            "ordered_at": first + dt.timedelta(days=30 * n, minutes=7 * n),
            "amount": 19.9 + n,
        }
        for n in range(_ORDERS)
    ]


def _us(call: Callable[[], Any]) -> float:
    """Return the median over loops of microseconds a call."""
    return median(repeat(call, number=_CALLS, repeat=_REPEATS)) / _CALLS * 1e6
