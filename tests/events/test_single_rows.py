"""One row in a request: what is read of it, and what is wrong with it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from userops.errors import ColumnNotFoundError, ColumnTypeError, MoneyScaleError, UserOpsError
from userops.events import EventColumns, OrderColumns, read_row

NAMED: dict[str, Any] = {
    "customer_id": "who",
    "order_id": "no",
    "ordered_at": "at",
    "amount": "paid",
}
COLUMNS = OrderColumns(**NAMED)
GOOD = {"who": "a", "no": "1", "at": "2024-01-05", "paid": 9.99}


def test_a_good_row_is_read_in_full() -> None:
    """A good row has its person, order, instant and exact money, and counts."""
    columns = OrderColumns(**NAMED, event_id="id", channel="web", quantity="q", return_of="back")
    row = read_row(GOOD | {"id": 7, "web": "app", "q": 2, "back": None, "more": "x"}, columns)

    assert row.is_counted
    assert (row.customer_id, row.order_id, row.event_id) == ("a", "1", 7)
    assert (row.instant_us, row.amount_minor_units, row.quantity) == (1_704_412_800_000_000, 999, 2)
    assert row.carried == {"channel": "app", "return_of": None}
    assert not row.is_return


@pytest.mark.parametrize("column", ["who", "no", "at", "paid"])
def test_a_row_without_a_mapped_column_is_an_error(column: str) -> None:
    """A column that is missing from the row is an error, as it is in a frame."""
    row = {k: v for k, v in GOOD.items() if k != column} | {column.upper(): "x"}

    with pytest.raises(ColumnNotFoundError, match=f"did you mean '{column.upper()}'"):
        read_row(row, COLUMNS)


@pytest.mark.parametrize("missing", [None, "", "  ", math.nan, np.nan, pd.NA, pd.NaT], ids=repr)
@pytest.mark.parametrize(
    ("column", "reason"),
    [("who", "no_customer"), ("no", "no_order_id"), ("at", "no_time"), ("paid", "no_amount")],
)
def test_missing_in_any_form_is_missing(column: str, reason: str, missing: object) -> None:
    """None, blanks, NaN, NaT and pandas' NA are missing in every role."""
    assert read_row(GOOD | {column: missing}, COLUMNS).reason == reason


@pytest.mark.parametrize("value", [1.0, 17850.5, True, b"x", Decimal(1), [1], np.float64(1)])
def test_an_id_of_another_type_is_refused(value: object) -> None:
    """Floats, booleans, bytes and lists are no ids in a row either."""
    with pytest.raises(ColumnTypeError, match="cannot be an id") as caught:
        read_row(GOOD | {"who": value}, COLUMNS)
    assert caught.value.column == "who"


@pytest.mark.parametrize("value", [17850, np.int64(17850), np.uint64(2**63), 2**70, "客户", " a "])
def test_ids_are_kept_as_they_are(value: Any) -> None:
    """Whole numbers of any width become ints, text keeps its blanks and its script."""
    row = read_row(GOOD | {"who": value}, COLUMNS)

    assert row.customer_id == value
    assert type(row.customer_id) is (str if isinstance(value, str) else int)


def test_numbers_of_numpy_are_numbers() -> None:
    """Values of numpy, as a row of pandas holds them, are decided as those of Python are."""
    columns = OrderColumns(
        customer_id="who", ordered_at="at", quantity="q", unit_price="p", time_format="epoch_s"
    )
    plain = {"who": 1, "at": 5, "q": 1000, "p": 0.25}
    of_numpy = {
        "who": np.int64(1), "at": np.int64(5), "q": np.int32(1000), "p": np.float64(0.25)
    }  # fmt: skip
    assert read_row(of_numpy, columns) == read_row(plain, columns)

    misfit = {"p": 0.333}
    for row in (plain | misfit, of_numpy | misfit):
        with pytest.raises(MoneyScaleError):
            read_row(row, columns)


@pytest.mark.parametrize("value", [b"1", [1], 1j, {}], ids=repr)
def test_an_amount_of_another_type_is_refused(value: object) -> None:
    """Bytes, lists and complex numbers are refused by name, as columns of them are."""
    with pytest.raises(UserOpsError, match="paid"):
        read_row(GOOD | {"paid": value}, COLUMNS)


def test_a_row_of_an_identifier_is_unresolved() -> None:
    """A row that knows an identifier but no person is unresolved, not quarantined."""
    columns = EventColumns(
        customer_id="who", occurred_at="at", identifiers={"openid": "wx", "phone": "tel"}
    )
    row = {"who": None, "at": "2024-01-05", "wx": None, "tel": "138"}

    assert read_row(row, columns).reason == "unresolved"
    assert not read_row(row, columns).is_counted
    assert read_row(row | {"tel": " "}, columns).reason == "no_customer"
    assert read_row(row | {"who": "a"}, columns).is_counted


def test_a_row_is_not_changed() -> None:
    """Reading a row leaves the host's mapping alone."""
    row = dict(GOOD)
    read_row(row, COLUMNS)

    assert row == GOOD
