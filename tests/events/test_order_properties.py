"""Orders carry further columns under their own names, in frames and in rows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from userops.core import frames
from userops.customers import Customer, History
from userops.errors import ColumnNotFoundError, InvalidDefinitionError
from userops.events import OrderColumns, Orders, read_row
from userops.testing import Engines, rows_of, to_engine

COLUMNS: dict[str, Any] = {
    "customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "paid",
    "product_id": "sku", "quantity": "units", "properties": ("Country", "score"),
}  # fmt: skip
ROWS: list[dict[str, Any]] = [
    {"who": "a", "no": "1", "at": "2024-01-05", "paid": 9.99, "sku": "x", "units": 2,
     "Country": "中国", "score": 0.5},
    {"who": "a", "no": "2", "at": "2024-01-06", "paid": 5.0, "sku": "y", "units": 1,
     "Country": None, "score": None},
    {"who": "b", "no": "3", "at": "2024-01-07", "paid": -5.0, "sku": "y", "units": -1,
     "Country": "", "score": -1.0},
    {"who": None, "no": "4", "at": "2024-01-08", "paid": 1.0, "sku": "y", "units": 1,
     "Country": "lost", "score": 2.0},
]  # fmt: skip


def test_counted_rows_bring_the_properties(fast_engines: Engines) -> None:
    """The counted rows of every engine hold each property under its own name, as it came."""
    found = fast_engines.check(
        lambda native: (
            Orders(native, **COLUMNS).counted().select("order_id", "Country", "score").to_native()
        ),
        pa.Table.from_pylist(ROWS),
    )
    assert found == [("1", "中国", 0.5), ("2", None, None), ("3", "", -1.0)]


def test_a_row_carries_the_properties() -> None:
    """One row carries what the frame carries; a row without the column is refused by name."""
    row = read_row(ROWS[0], OrderColumns(**COLUMNS))
    assert row.carried == {"product_id": "x", "Country": "中国", "score": 0.5}
    with pytest.raises(ColumnNotFoundError, match="'score'"):
        read_row({k: v for k, v in ROWS[0].items() if k != "score"}, OrderColumns(**COLUMNS))
    with pytest.raises(ColumnNotFoundError, match="'Country'"):
        Orders(pa.table({"who": ["a"], "at": ["2024-01-01"], "paid": [1], "country": ["x"]}),
               customer_id="who", ordered_at="at", amount="paid",
               properties=("Country",))  # fmt: skip


def test_a_customer_of_a_table_has_the_properties_of_his_rows() -> None:
    """A customer out of a history carries the same properties as one out of rows."""
    history = History(Orders(pa.Table.from_pylist(ROWS), **COLUMNS))
    of_rows = Customer.from_rows("a", {"order": ROWS[:2]}, {"order": OrderColumns(**COLUMNS)})
    carried = [dict(row.carried) for row in history.customer("a").rows["order"]]
    assert carried == [dict(row.carried) for row in of_rows.rows["order"]]
    assert carried[1] == {"product_id": "y", "Country": None, "score": None}


@pytest.mark.parametrize(
    "name",
    ["customer_id", "order_id", "amount", "amount_minor_units", "is_return", "quantity", "status",
     "instant_us", "ordered_at", "product_id", "event_id", "Quantity", "source", "actor"],
)  # fmt: skip
def test_names_that_mean_something_else_are_refused(name: str) -> None:
    """A property cannot be called like a role or a normalised column, in any case of letters."""
    with pytest.raises(InvalidDefinitionError, match="map it to its role") as caught:
        OrderColumns(**COLUMNS | {"properties": (name,)})
    assert caught.value.field == "properties"


@pytest.mark.parametrize("properties", ["Country", (1,), ("",)])
def test_properties_are_names(properties: Any) -> None:
    """One bare text, and what is no name, are refused."""
    with pytest.raises(InvalidDefinitionError, match="must be"):
        OrderColumns(**COLUMNS | {"properties": properties})


@pytest.mark.parametrize("held_by", ["pyarrow", "duckdb"])
def test_properties_change_no_number(held_by: str) -> None:
    """Totals and linked returns are the same with properties, whatever these are called."""
    names = ("one", "level", "first_us", "link", "row_of_customer", "returned_minor_units")
    table = pa.Table.from_pylist([row | dict.fromkeys(names, "odd") for row in ROWS])
    found = []
    for properties in ((), names):
        orders = Orders(to_engine(table, held_by), **COLUMNS | {"properties": properties})
        history = History(orders, returns="separate")
        found.append((
            rows_of(history.order_totals("2025-01-01").to_native()),
            rows_of(history.linked_returns("2025-01-01")),
            rows_of(history.order_table("2025-01-01")),
        ))  # fmt: skip
    assert found[0] == found[1]


def test_a_mapping_without_roles_takes_properties() -> None:
    """Where columns carry the names of the roles, properties may still be named."""
    table = pa.table({"customer_id": [1], "ordered_at": ["2024-01-01"], "amount": [1], "shop": [7]})
    rows = frames.to_rows(Orders(table, properties=("shop",)).counted())
    assert [row["shop"] for row in rows] == [7]
    assert "properties=('shop',)" in repr(Orders(table, properties=("shop",)))
