"""A history with attributes: one frame a table, one customer, and tables that must agree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from userops.core import frames
from userops.core.values import Day
from userops.customers import Attributes, Customer, Customers, History
from userops.errors import (
    DataError,
    EmptyHistoryError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.events import Events, OrderColumns, Orders
from userops.testing import installed_engines, rows_of, to_engine


def times(texts: list[str | None]) -> pa.Array:
    """Return naive times; PySpark takes minutes to plan a query that reads them from text."""
    return pa.array(texts, pa.string()).cast(pa.timestamp("us"))


ORDERS = pa.table({
    "customer_id": ["a", "a", "b"],
    "ordered_at": times(["2024-01-05", "2024-02-05", "2024-02-06"]),
    "amount": [10, 5, 5],
})  # fmt: skip
SCANS = pa.table({"customer_id": ["d"], "occurred_at": times(["2024-03-01"])})
CUSTOMERS = pa.table({
    "customer_id": ["a", "c"], "city": ["上海", None], "vip": [True, False],
})  # fmt: skip
TEXTS = pa.table({
    "customer_id": ["a", "a", "b", "", "e"],
    "name": ["stage", "stage", "stage", "stage", "guide"],
    "value": ["new", "loyal", "new", "lost", "Li"],
    "valid_from": times(["2024-01-05", "2024-02-05", "2024-02-06", "2024-01-01", "2024-01-01"]),
})  # fmt: skip
NUMBERS = pa.table({
    "customer_id": ["a", "b"], "name": ["score", "score"], "value": [0.5, -1.0],
    "valid_from": times(["2024-02-01", "2024-02-10"]), "valid_until": times(["2024-02-20", None]),
})  # fmt: skip
DAY = 86_400_000_000
FEBRUARY_5 = 19_758 * DAY
FEBRUARY_6 = FEBRUARY_5 + DAY
MARCH = 19_783 * DAY
NAMES = ["city", "vip", "stage", "score"]


def history_of(engine: str) -> History:
    """Return the whole history with its tables in one engine."""
    held = {
        name: to_engine(table, engine)
        for name, table in (
            ("order", ORDERS), ("scan", SCANS), ("customers", CUSTOMERS), ("texts", TEXTS),
            ("numbers", NUMBERS),
        )
    }  # fmt: skip
    return History(
        {"order": held["order"], "scan": held["scan"]},
        customers=held["customers"],
        attributes=[held["texts"], Attributes(held["numbers"], valid_until="valid_until")],
    )


def values(history: History, names: list[str], before_us: int) -> dict[str, dict[str, Any]]:
    """Return customer to the attributes that he has, out of the frames of a history."""
    found: dict[str, dict[str, Any]] = {}
    for frame in history.attributes_before(names, before_us):
        for row in frames.to_rows(frame):
            mine = {k: v for k, v in row.items() if k != "customer_id" and v is not None}
            found.setdefault(row["customer_id"], {}).update(mine)
    return {who: mine for who, mine in found.items() if mine}


# PySpark runs here what the other tests run on the engines in this process.
@pytest.mark.parametrize("held_by", installed_engines())
def test_a_history_has_the_attributes_of_its_tables(held_by: str) -> None:
    """On every engine the tables say together what was true as of the instant, and who was."""
    history = history_of(held_by)

    assert history.attribute_names == ("city", "vip", "guide", "stage", "score")
    assert history.attribute_kinds == {
        "city": "text", "vip": "flag", "guide": "text", "stage": "text", "score": "number",
    }  # fmt: skip
    assert values(history, NAMES, MARCH) == {
        "a": {"city": "上海", "vip": True, "stage": "loyal"},
        "c": {"vip": False},
        "b": {"stage": "new", "score": -1.0},
    }
    assert values(history, ["stage", "score"], FEBRUARY_5) == {"a": {"stage": "new", "score": 0.5}}
    assert rows_of(history.customer_ids(FEBRUARY_6).to_native()) == [("a",), ("c",), ("e",)]
    assert rows_of(history.customer_ids(MARCH + 1).to_native()) == [(w,) for w in "abcde"]
    assert len(history.attributes_before(["score"], MARCH)) == 1
    assert len(rows_of(history.attributes.tables["attributes[0]"].quarantine)) == 1  # type: ignore[attr-defined]
    assert dict(history.customer("a").attributes_before(MARCH))["stage"] == "loyal"


def test_one_customer_equals_the_frames() -> None:
    """A customer of a history has, as of every instant, the attributes that the frames say."""
    history = history_of("pyarrow")
    names = list(history.attribute_names)
    for who in "abcde":
        customer = history.customer(who)
        for before in (0, FEBRUARY_5, FEBRUARY_5 + 1, FEBRUARY_6, MARCH - 9 * DAY, MARCH):
            said = values(history, names, before).get(who, {})
            assert dict(customer.attributes_before(before)) == said
    assert history.customer("c").totals("order", MARCH) is None
    with pytest.raises(EmptyHistoryError):
        history.customer("z")
    with pytest.raises(EmptyHistoryError):
        history.customer(1)


def test_a_history_without_attributes_has_none() -> None:
    """Attributes are optional; asking for one of none is an error."""
    history = History({"order": ORDERS})

    assert history.attribute_names == ()
    assert history.attribute_kinds == {}
    assert history.attributes_before([], MARCH) == []
    assert not history.customer("a").attributes
    assert rows_of(history.customer_ids(FEBRUARY_6).to_native()) == [("a",)]
    with pytest.raises(InvalidArgumentError, match="'city' is not known"):
        history.attributes_before(["city"], MARCH)
    with pytest.raises(InvalidArgumentError, match="several names"):
        history.attributes_before("city", MARCH)


def test_tables_take_the_zone_of_the_history() -> None:
    """A table that names no zone reads its naive times in the history's; another is refused."""
    columns = OrderColumns(
        customer_id="customer_id", ordered_at="ordered_at", amount="amount",
        time_zone="Asia/Shanghai",
    )  # fmt: skip
    orders = Orders(ORDERS, columns)
    for table in (TEXTS, Attributes(TEXTS), Attributes(TEXTS, time_zone="Asia/Shanghai")):
        history = History(orders, attributes=table)
        starts = [v.valid_from_us for v in history.customer("a").attributes]
        assert starts[1] == FEBRUARY_5 - 8 * DAY // 24
    with pytest.raises(InvalidDefinitionError, match="different zones"):
        History(orders, attributes=Attributes(TEXTS, time_zone="UTC"))
    with pytest.raises(InvalidDefinitionError, match="different zones"):
        History(orders, customers=Customers(CUSTOMERS, time_zone="Europe/London"))


def test_a_name_in_two_tables_is_refused() -> None:
    """Two tables that hold an attribute of one name would contradict each other."""
    twice = History(ORDERS_ALONE, attributes={"crm": TEXTS, "till": TEXTS})
    for ask in (
        lambda: twice.attribute_names,
        lambda: twice.attributes_before(["stage"], MARCH),
        lambda: twice.customer("a"),
        twice.check,
    ):
        with pytest.raises(InvalidDefinitionError, match="'guide'") as caught:
            ask()
        assert caught.value.field == "attributes['till']"
    wide = CUSTOMERS.rename_columns(["customer_id", "stage", "vip"])
    with pytest.raises(InvalidDefinitionError, match="'stage'"):
        History(ORDERS_ALONE, customers=wide, attributes=TEXTS).attribute_kinds  # noqa: B018
    chosen = Customers(wide, attributes=("vip",))
    history = History(ORDERS_ALONE, customers=chosen, attributes=TEXTS).check()
    assert history.attribute_names == ("vip", "guide", "stage")


ORDERS_ALONE: Mapping[str, Any] = {"order": ORDERS}


def test_tables_of_different_engines_are_refused() -> None:
    """Tables are computed where they are, so all must be there; the error names each engine."""
    polars = to_engine(TEXTS, "polars")
    with pytest.raises(InvalidDefinitionError, match="different engines") as caught:
        History(ORDERS_ALONE, attributes=polars)
    assert caught.value.got == {"order": "pyarrow", "attributes": "polars"}
    with pytest.raises(InvalidDefinitionError, match="different engines"):
        History({"order": ORDERS, "scan": to_engine(SCANS, "duckdb")})
    # These are computed on in one way.
    lazy = History({"order": to_engine(ORDERS, "polars-lazy")}, attributes=polars)
    assert len(lazy.attributes_before(["stage"], MARCH)) == 1


def test_ids_of_another_type_are_refused() -> None:
    """Ids have one type across all tables of a history."""
    numbers = pa.table({"customer_id": [1], "city": ["x"]})
    with pytest.raises(InvalidDefinitionError, match="type of customer ids") as caught:
        History(ORDERS_ALONE, customers=numbers)
    assert caught.value.got == {"order": "text", "customers": "whole numbers"}


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ({"customers": Attributes(TEXTS)}, "customers"),
        ({"attributes": Customers(CUSTOMERS)}, "attributes"),
        ({"attributes": [TEXTS, Events(SCANS)]}, "attributes[1]"),
    ],
)
def test_a_table_in_the_wrong_place_is_refused(named: Any, field: str) -> None:
    """Wide tables are customers and long ones attributes; a table of the other kind is refused."""
    with pytest.raises(InvalidDefinitionError, match="a column an attribute") as caught:
        History(ORDERS_ALONE, **named)
    assert caught.value.field == field


def test_check_finds_customers_with_two_rows() -> None:
    """`check` looks at the attribute tables as well."""
    twice = pa.concat_tables([CUSTOMERS, CUSTOMERS])
    history = History(ORDERS_ALONE, customers=twice)
    with pytest.raises(DataError, match="2 customers have several rows, 4 in all"):
        history.check()
    assert "Customers(<pyarrow>" in repr(history)


def test_integer_ids_with_and_without_a_sign_meet() -> None:
    """Whole numbers of both kinds are one type of ids."""
    orders = ORDERS.set_column(0, "customer_id", pa.array([1, 1, 2], pa.uint64()))
    people = CUSTOMERS.set_column(0, "customer_id", pa.array([2, 3], pa.int32()))
    history = History({"order": orders}, customers=people)
    assert rows_of(history.customer_ids(MARCH).to_native()) == [(1,), (2,), (3,)]


def test_a_history_of_nobody_has_no_customers() -> None:
    """A column of ids that holds nothing but nulls gives no customers, and no error."""
    orders = ORDERS.set_column(0, "customer_id", pa.nulls(3))
    assert rows_of(History({"order": orders}).customer_ids(MARCH).to_native()) == []


def test_events_are_added_to_a_customer_with_attributes() -> None:
    """`with_event` keeps the attributes, and days keep their class."""
    born = pa.table({"customer_id": ["a"], "born": pa.array([7306], pa.date32())})
    customer = History(ORDERS_ALONE, customers=born).customer("a")
    row = {"customer_id": "a", "ordered_at": "2024-03-01", "amount": 1}
    later: Customer = customer.with_event("order", row)

    assert later.attributes == customer.attributes
    assert type(later.attributes_before(0)["born"]) is Day
    assert repr(later) == "Customer('a', order=3, attributes=1)"
