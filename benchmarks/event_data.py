"""The shop of the rules: orders, three kinds of event and attributes, twenty rows a customer.

Drawn by numpy in one go: customers differ a hundredfold in how much they do, but when they do what
follows no model. Rows stand in order of time, as exports do, and a few lack their customer, time or
amount.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "CATEGORIES",
    "CHANNELS",
    "CITIES",
    "LEVELS",
    "ROWS_PER_CUSTOMER",
    "drawn",
    "write_missing",
]

CATEGORIES = (
    "baby", "beauty", "books", "drinks", "fashion", "fresh", "garden", "home", "mobile", "pets",
    "sports", "toys",
)  # fmt: skip
CHANNELS = ("app", "mini program", "shop", "web")
CITIES = tuple(f"city {n:02d}" for n in range(40))
LEVELS = ("bronze", "gold", "none", "silver")
ROWS_PER_CUSTOMER = {"order": 5, "view": 8, "cart": 4, "scan": 3}
_US = 1_000_000
_DAY_US = 86_400 * _US
_FIRST_ID = 10_000
# How busy a customer is does not come from a table's own stream, so that tables agree about it.
_BUSY_SEED = 7
# Shares of rows in which an export lacks a column.
_NOBODY, _NO_TIME, _NO_AMOUNT = 0.005, 0.001, 0.002


def drawn(
    customers: int, seed: int, start: dt.date, end: dt.date
) -> Mapping[str, Callable[[], pa.Table]]:
    """Return the tables by name, each drawn when it is asked for.

    Args:
        customers: How many there are.
        seed: Of all tables; each has a stream of its own.
        start: First day, in UTC.
        end: The day after the last.
    """
    return {
        name: lambda name=name, number=number: _TABLES[name](  # type: ignore[misc]
            _Draw(customers, [seed, number], start, end)
        )
        for number, name in enumerate(_TABLES)
    }


class _Draw:
    """What the tables are drawn with."""

    def __init__(self, customers: int, seed: Sequence[int], start: dt.date, end: dt.date) -> None:
        import numpy as np

        self.rng = np.random.default_rng(seed)
        self.customers = customers
        first = (start - dt.date(1970, 1, 1)).days * _DAY_US
        self.first_us, self.last_us = first, first + (end - start).days * _DAY_US

    def who(self, rows: int) -> np.ndarray[Any, Any]:
        """Return a customer a row; the same ones are busy in every table."""
        import numpy as np

        weights = np.random.default_rng(_BUSY_SEED).gamma(0.7, size=self.customers) + 0.02
        upto = np.cumsum(weights)
        return np.searchsorted(upto, self.rng.random(rows) * upto[-1]).astype(np.int64)

    def when(self, rows: int) -> np.ndarray[Any, Any]:
        """Return ascending instants, all the more the later."""
        import numpy as np

        share = np.sqrt(self.rng.random(rows))
        span = self.last_us - self.first_us
        at = self.first_us + (share * span).astype(np.int64)
        at.sort()
        return at // 1_000 * 1_000

    def one_of(self, options: Sequence[str], rows: int, missing: float = 0.0) -> pa.Array:
        """Return one of some texts a row, the first ones more often."""
        import numpy as np
        import pyarrow as pa

        weights = 1 / np.arange(2, len(options) + 2)
        codes = self.rng.choice(len(options), rows, p=weights / weights.sum()).astype(np.int32)
        mask = self.rng.random(rows) < missing if missing else None
        return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), list(options)).cast(
            pa.string()
        )

    def with_gaps(self, values: Any, share: float) -> pa.Array:
        """Return values of which some are missing."""
        import pyarrow as pa

        return pa.array(values, mask=self.rng.random(len(values)) < share)

    def people(self, who: np.ndarray[Any, Any]) -> pa.Array:
        """Return ids, as a database counted them up."""
        return self.with_gaps(who + _FIRST_ID, _NOBODY)

    def times(self, at: np.ndarray[Any, Any]) -> pa.Array:
        """Return instants in UTC."""
        import pyarrow as pa

        return self.with_gaps(at, _NO_TIME).cast(pa.timestamp("us", "UTC"))


def _orders(draw: _Draw) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rows = draw.customers * ROWS_PER_CUSTOMER["order"]
    who, at = draw.who(rows), draw.when(rows)
    cents = np.maximum((draw.rng.lognormal(4.0, 0.8, rows) * 100).astype(np.int64), 1)
    return pa.table(
        {
            "customer_id": draw.people(who),
            "order_id": np.arange(rows) + 5_000_000,
            "ordered_at": draw.times(at),
            "amount": draw.with_gaps(cents / 100, _NO_AMOUNT),
            "category": draw.one_of(CATEGORIES, rows),
            "channel": draw.one_of(CHANNELS, rows, missing=0.01),
        }
    )


def _views(draw: _Draw) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rows = draw.customers * ROWS_PER_CUSTOMER["view"]
    who, at = draw.who(rows), draw.when(rows)
    return pa.table(
        {
            "customer_id": draw.people(who),
            "occurred_at": draw.times(at),
            "category": draw.one_of(CATEGORIES, rows, missing=0.02),
            "channel": draw.one_of(CHANNELS, rows),
            "seconds": draw.rng.exponential(40.0, rows).astype(np.int64),
        }
    )


def _carts(draw: _Draw) -> pa.Table:
    import pyarrow as pa

    rows = draw.customers * ROWS_PER_CUSTOMER["cart"]
    who, at = draw.who(rows), draw.when(rows)
    return pa.table(
        {
            "customer_id": draw.people(who),
            "occurred_at": draw.times(at),
            "category": draw.one_of(CATEGORIES, rows),
            "quantity": draw.rng.integers(1, 6, rows),
        }
    )


def _scans(draw: _Draw) -> pa.Table:
    import pyarrow as pa

    rows = draw.customers * ROWS_PER_CUSTOMER["scan"]
    who, at = draw.who(rows), draw.when(rows)
    return pa.table(
        {
            "customer_id": draw.people(who),
            "occurred_at": draw.times(at),
            "city": draw.one_of(CITIES, rows),
            "points": draw.rng.integers(1, 20, rows),
        }
    )


def _customers(draw: _Draw) -> pa.Table:
    import numpy as np
    import pyarrow as pa

    rows = draw.customers
    return pa.table(
        {
            "customer_id": np.arange(rows) + _FIRST_ID,
            "city": draw.one_of(CITIES, rows),
            "level": draw.one_of(LEVELS, rows),
            "age": draw.with_gaps(draw.rng.integers(16, 80, rows), 0.1),
            "newsletter": draw.rng.random(rows) < 0.4,
        }
    )


_TABLES: Mapping[str, Callable[[_Draw], Any]] = {
    "order": _orders,
    "view": _views,
    "cart": _carts,
    "scan": _scans,
    "customers": _customers,
}


def write_missing(
    file_of: Callable[[str], Path], tables: Mapping[str, Callable[[], pa.Table]]
) -> None:
    """Write each table that has no file yet."""
    from benchmarks.data import write_table

    for name, table in tables.items():
        if not file_of(name).exists():
            write_table(table(), file_of(name))
