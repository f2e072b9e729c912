"""Tables of orders and events: naming columns, what comes out, reports, and wrong mappings."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import attrs
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from userops.core import frames
from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    InvalidArgumentError,
    InvalidDefinitionError,
    UnsupportedFrameError,
    UserOpsError,
)
from userops.events import (
    ByColumn,
    ByOrderId,
    BySign,
    EventColumns,
    Events,
    OrderColumns,
    Orders,
    Quality,
)

TABLE = pa.table({
    "CustomerID": ["a", "b", None], "InvoiceNo": [1, 2, 3],
    "InvoiceDate": ["2024-01-05", "2024-02-30", "2024-03-01"], "Amount": [9.99, 5.0, 1.0],
})  # fmt: skip
NAMED: dict[str, Any] = {
    "customer_id": "CustomerID", "order_id": "InvoiceNo", "ordered_at": "InvoiceDate",
    "amount": "Amount",
}  # fmt: skip


# --- naming columns -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "column", "near"),
    [
        ("customer_id", "CustomerId", "CustomerID"),
        ("order_id", "invoice_no", "InvoiceNo"),
        ("ordered_at", "Invoicedate", "InvoiceDate"),
        ("amount", "amount", "Amount"),
        ("channel", "Amounts", "Amount"),
        ("event_id", "InvoiceNr", "InvoiceNo"),
        ("product_id", "CustomerIDs", "CustomerID"),
    ],
)
def test_a_column_that_is_missing_names_the_nearest(role: str, column: str, near: str) -> None:
    """A mapped column that does not exist is refused, with those there are and the nearest."""
    with pytest.raises(ColumnNotFoundError, match=f"did you mean '{near}'") as caught:
        Orders(TABLE, **(NAMED | {role: column}))
    assert caught.value.column == column
    assert caught.value.existing == tuple(TABLE.column_names)
    assert isinstance(caught.value, LookupError)


@pytest.mark.parametrize(
    ("mapping", "column"),
    [
        ({"identifiers": {"openid": "wx_openid"}}, "wx_openid"),
        ({"returns_by": ByColumn("is_refund")}, "is_refund"),
    ],
)
def test_other_missing_columns_are_named_too(mapping: dict[str, Any], column: str) -> None:
    """Columns of identifiers and of the mark of returns are looked for as well."""
    with pytest.raises(ColumnNotFoundError) as caught:
        Orders(TABLE, **(NAMED | mapping))
    assert caught.value.column == column


def test_columns_of_any_name_are_read(engine: str, host: Any) -> None:
    """Columns may be Chinese, spaced, quoted, dotted, or a word of SQL."""
    names = ["客户", "Order No", 'the "time"', "select", "a.b", "ID"]
    values = [["a"], ["1"], [dt.date(2024, 1, 5)], [1.5], ["x"], ["p"]]
    table = pa.table(dict(zip(names, values, strict=True)))
    orders = Orders(
        host(table, engine), customer_id="客户", order_id="Order No", ordered_at='the "time"',
        amount="select", channel="a.b", product_id="ID",
    )  # fmt: skip

    (row,) = frames.to_rows(orders.counted())
    assert (row["customer_id"], row["order_id"], row["amount_minor_units"]) == ("a", "1", 150)
    assert (row["channel"], row["product_id"]) == ("x", "p")
    assert orders.audit.counted == 1


@pytest.mark.parametrize("name", ["a.b", "客户", 'the "name"', "select", "Customer ID"])
def test_duplicates_are_counted_beside_columns_of_any_name(
    kernel: str, name: str, host: Any, request: pytest.FixtureRequest
) -> None:
    """The report of quality counts duplicates whatever the host's columns are called."""
    table = pa.table({"who": ["a"] * 2, "at": pa.array([1, 1], pa.date32()), name: [1, 1]})
    orders = Orders(host(table, kernel), customer_id="who", ordered_at="at", amount=name)

    assert orders.quality.duplicate_lines == 1


def test_columns_that_carry_the_names_of_roles_need_no_naming() -> None:
    """Without any column named, those that are called like their roles are taken."""
    table = pa.table({
        "customer_id": ["a"], "ordered_at": ["2024-01-05"], "order_id": ["1"], "amount": [2.5],
        "unit_price": [99.0], "quantity": [1], "channel": ["web"], "scale": [9], "note": ["x"],
    })  # fmt: skip
    orders = Orders(table)

    assert orders.columns == OrderColumns(
        customer_id="customer_id", ordered_at="ordered_at", order_id="order_id", amount="amount",
        quantity="quantity", channel="channel",
    )  # fmt: skip
    assert Orders(table, scale=1).columns.scale == 1
    events = Events(table.rename_columns(["customer_id", "occurred_at", *table.column_names[2:]]))
    assert events.columns == EventColumns(
        customer_id="customer_id", occurred_at="occurred_at", channel="channel"
    )


def test_a_price_is_taken_where_there_is_no_amount() -> None:
    """Without an amount, quantity and unit price of those names are taken."""
    table = pa.table({
        "customer_id": ["a"], "ordered_at": ["2024-01-05"], "unit_price": [2.5], "quantity": [3],
    })  # fmt: skip

    assert frames.to_rows(Orders(table).counted())[0]["amount_minor_units"] == 750


@pytest.mark.parametrize(
    ("columns", "match"),
    [
        (["customer_id", "amount"], "ordered_at"),
        (["customer_id", "ordered_at"], "amount"),
        (["ordered_at", "amount"], "customer_id"),
    ],
)
def test_a_role_that_nothing_carries_is_asked_for(columns: list[str], match: str) -> None:
    """Where a needed role is carried by no column, the error says which to name."""
    table = pa.table({name: ["1"] for name in columns})

    with pytest.raises((InvalidArgumentError, InvalidDefinitionError), match=match):
        Orders(table)


@pytest.mark.parametrize(
    ("role", "near"), [("custmer_id", "customer_id"), ("amonut", "amount"), ("orderid", "order_id")]
)
def test_an_unknown_role_names_the_nearest(role: str, near: str) -> None:
    """A keyword that is no role is refused with the nearest."""
    with pytest.raises(InvalidArgumentError, match=f"did you mean '{near}'"):
        Orders(TABLE, **NAMED, **{role: "Amount"})


def test_a_mapping_is_given_once() -> None:
    """A mapping as an object reads like keywords, and cannot be mixed with them."""
    columns = OrderColumns(**NAMED)

    assert Orders(TABLE, columns).columns is columns
    assert Orders(TABLE, columns).audit == Orders(TABLE, **NAMED).audit
    with pytest.raises(InvalidArgumentError, match="together"):
        Orders(TABLE, columns, scale=3)


@pytest.mark.parametrize("columns", [EventColumns(customer_id="a", occurred_at="b"), "x", {"a": 1}])
def test_a_mapping_of_another_kind_is_refused(columns: Any) -> None:
    """Orders take no mapping of events, and nothing that is no mapping."""
    table = pa.table({"a": ["x"], "b": ["2024-01-01"]})

    with pytest.raises(UserOpsError):
        Orders(table, columns)


@pytest.mark.parametrize("thing", [[{"a": 1}], {"a": [1]}, None, "orders.csv", 5])
def test_what_is_no_frame_is_refused(thing: Any) -> None:
    """Lists, dicts and names of files are no frames."""
    with pytest.raises(UnsupportedFrameError):
        Orders(thing, **NAMED)


# --- types of columns -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["customer_id", "order_id", "event_id", "product_id", "return_of"])
def test_trap_06_float_ids_are_refused_with_the_remedy(role: str) -> None:
    """An id column of floats is refused with how to read it instead, in any role."""
    frame = pd.DataFrame({
        "CustomerID": ["a", "b"], "InvoiceDate": ["2024-01-01"] * 2, "Amount": [1, 2],
        "id": [17850.0, None],
    })  # fmt: skip
    named = {k: v for k, v in NAMED.items() if k != "order_id"} | {role: "id"}

    with pytest.raises(ColumnTypeError, match="cannot be ids") as caught:
        Orders(frame, **named)
    assert caught.value.column == "id"
    assert "Int64" in str(caught.value)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    "values",
    [pa.array([True]), pa.array([dt.date(2024, 1, 1)]), pa.array([Decimal("1.5")]),
     pa.array([b"x"]), pa.array([[1]]), pa.array([{"a": 1}])],
    ids=lambda array: str(array.type),
)  # fmt: skip
def test_an_id_of_another_type_is_refused(values: pa.Array) -> None:
    """Booleans, dates, decimals, bytes and nested values are no ids."""
    table = pa.table({"CustomerID": values, "InvoiceDate": ["2024-01-01"], "Amount": [1]})

    with pytest.raises(ColumnTypeError, match="cannot be an id"):
        Orders(table, customer_id="CustomerID", ordered_at="InvoiceDate", amount="Amount")


@pytest.mark.parametrize("role", ["amount", "quantity", "unit_price"])
@pytest.mark.parametrize(
    "values", [pa.array([True]), pa.array([dt.date(2024, 1, 1)]), pa.array([[1.5]])]
)
def test_a_number_of_another_type_is_refused(role: str, values: pa.Array) -> None:
    """Booleans, dates and lists are no amounts, quantities or prices."""
    table = pa.table({"who": ["a"], "at": ["2024-01-01"], "bad": values, "good": [1]})
    named = {"amount": {"amount": "bad"}, "quantity": {"quantity": "bad", "unit_price": "good"},
             "unit_price": {"quantity": "good", "unit_price": "bad"}}[role]  # fmt: skip

    with pytest.raises(ColumnTypeError, match="cannot be read as a number") as caught:
        Orders(table, customer_id="who", ordered_at="at", **named)
    assert caught.value.column == "bad"


def test_a_mark_of_returns_of_another_type_is_refused() -> None:
    """Floats cannot say what a return is."""
    table = pa.table({"who": ["a"], "at": ["2024-01-01"], "paid": [1], "back": [0.5]})

    with pytest.raises(ColumnTypeError, match="cannot say what a return is"):
        Orders(
            table, customer_id="who", ordered_at="at", amount="paid", returns_by=ByColumn("back")
        )


@pytest.mark.parametrize("role", ["who", "at", "paid"])
def test_a_type_that_nobody_knows_is_refused(role: str) -> None:
    """A column of periods is refused by name, not taken for a column of nulls."""
    good = {"who": ["a"], "at": ["2024-01-01"], "paid": [1]}
    frame = pd.DataFrame(good | {role: pd.period_range("2024", periods=1, freq="D")})

    with pytest.raises(ColumnTypeError, match=role):
        Orders(frame, customer_id="who", ordered_at="at", amount="paid")


def test_categories_are_ids(kernel: str, host: Any) -> None:
    """Categories, also with gaps, are text."""
    who = pa.array(["a", None, " ", "b"]).dictionary_encode()
    table = pa.table({"who": who, "at": pa.array([1] * 4, pa.date32()), "paid": [1] * 4})
    orders = Orders(host(table, kernel), customer_id="who", ordered_at="at", amount="paid")

    assert sorted(row["customer_id"] for row in frames.to_rows(orders.counted())) == ["a", "b"]
    assert orders.quality.quarantined == {"no_customer": 2}


@pytest.mark.parametrize("ids", [["18446744073709551617", "客户-1"], [2**63, 2**64 - 1]])
def test_trap_06_ids_above_int64_keep_every_digit(engine: str, ids: list[Any], host: Any) -> None:
    """Ids above 2**63, as text and as unsigned numbers, come out as they went in."""
    dtype = pa.uint64() if isinstance(ids[0], int) else pa.string()
    day = pa.array([1, 1], pa.date32())
    table = pa.table({"who": pa.array(ids, dtype), "at": day, "paid": [1, 2]})
    orders = Orders(host(table, engine), customer_id="who", ordered_at="at", amount="paid")

    found = {row["customer_id"] for row in frames.to_rows(orders.counted())}
    assert {type(ids[0])(value) for value in found} == set(ids)
    clean = frames.to_rows(frames.read(orders.clean()).frame)
    assert {type(ids[0])(row["customer_id"]) for row in clean} == set(ids)


# --- what comes out -------------------------------------------------------------------------------


def test_clean_has_the_normalised_columns(engine: str, host: Any) -> None:
    """`clean` gives the counted rows with ids, a time in UTC, exact money and the mapped roles."""
    table = pa.table({
        "who": ["a", None], "no": ["1", "2"],
        "at": pa.array([dt.datetime.fromisoformat("2024-01-05T08:00"), None], pa.timestamp("us")),
        "paid": [-9.99, 1.0], "q": [1, 1], "web": ["app", "web"], "note": ["x", "y"],
    })  # fmt: skip
    native = host(table, engine)
    orders = Orders(
        native, customer_id="who", order_id="no", ordered_at="at", amount="paid", quantity="q",
        channel="web", time_zone="Asia/Shanghai",
    )  # fmt: skip
    clean = orders.clean()
    (row,) = frames.to_rows(frames.read(clean).frame)

    assert type(clean) is type(native)
    assert row.pop("ordered_at").timestamp() == dt.datetime(2024, 1, 5, tzinfo=dt.UTC).timestamp()
    assert row == {
        "customer_id": "a", "order_id": "1", "amount_minor_units": -999, "is_return": True,
        "quantity": -1, "channel": "app",
    }  # fmt: skip


def test_the_quarantine_shows_rows_as_they_came(engine: str, host: Any) -> None:
    """The quarantine is of the host's type, with the host's columns unchanged, and the reason."""
    table = pa.table({
        "who": [None, "b"], "at": [dt.date(2024, 1, 5)] * 2, "paid": ["1", " ?"],
        "note": ["中文", None], "flag": [True, None],
    })  # fmt: skip
    native = host(table, engine)
    orders = Orders(native, customer_id="who", ordered_at="at", amount="paid")
    rows = frames.to_rows(frames.read(orders.quarantine).frame.sort("flag", nulls_last=True))

    assert type(orders.quarantine) is type(native)
    assert rows == [
        {"who": None, "at": dt.date(2024, 1, 5), "paid": "1", "note": "中文", "flag": True,
         "reason": "no_customer"},
        {"who": "b", "at": dt.date(2024, 1, 5), "paid": " ?", "note": None, "flag": None,
         "reason": "unreadable_amount"},
    ]  # fmt: skip


def test_the_quarantine_of_a_host_with_reasons_of_its_own(kernel: str, host: Any) -> None:
    """A host's own column `reason`, such as that of a return, does not break the quarantine."""
    day = pa.array([1], pa.date32())
    table = pa.table({"who": [None], "at": day, "paid": [1], "reason": ["too small"]})
    orders = Orders(host(table, kernel), customer_id="who", ordered_at="at", amount="paid")

    (row,) = frames.to_rows(frames.read(orders.quarantine).frame)
    assert row["reason"] in ("too small", "no_customer")


def test_events_carry_their_properties(kernel: str, host: Any) -> None:
    """Events carry actor, channel, source and the named properties, and no money."""
    table = pa.table({
        "who": ["a"], "at": pa.array([19_727], pa.date32()), "guide": ["g1"],
        "from": ["offline/lift-2/poster"],
        "score": [4.5], "tags": ["x"],
    })  # fmt: skip
    events = Events(
        host(table, kernel), customer_id="who", occurred_at="at", actor="guide", source="from",
        properties=["score", "tags"],
    )  # fmt: skip

    assert frames.to_rows(events.counted()) == [
        {"customer_id": "a", "instant_us": 1_704_412_800_000_000, "source": "offline/lift-2/poster",
         "actor": "g1", "score": 4.5, "tags": "x"}
    ]  # fmt: skip
    assert events.scale == 0
    assert [row["day"] for row in events.by_day()] == [19_727]
    assert set(events.by_day()[0]) == {"day", "rows", "quarantined", "orders"}


def test_a_single_property_is_not_spelt_out() -> None:
    """One property given as text is that property, or refused; not one a letter."""
    table = pa.table({"who": ["a"], "at": ["2024-01-05"], "score": [1]})

    try:
        events = Events(table, customer_id="who", occurred_at="at", properties="score")  # type: ignore[arg-type]
    except InvalidDefinitionError:
        return
    assert events.columns.properties == ("score",)


def test_a_property_may_be_called_like_the_time() -> None:
    """A property under the name of the time's role does not break `clean`."""
    table = pa.table({"who": ["a"], "occurred_at": ["2024-01-05"]})
    events = Events(
        table, customer_id="who", occurred_at="occurred_at", properties=("occurred_at",)
    )

    assert frames.to_rows(frames.read(events.clean()).frame)


def test_the_inputs_are_left_alone() -> None:
    """Reading, checking and cleaning change nothing in the host's frame."""
    frame = TABLE.to_pandas()
    before = frame.copy(deep=True)
    orders = Orders(frame, **NAMED)
    assert orders.quality.rows == 3
    assert len(orders.clean()) == 1

    pd.testing.assert_frame_equal(frame, before)


def test_only_rows_before_an_instant_are_counted(kernel: str, host: Any) -> None:
    """`counted` and `purchases` end before an instant; without one they hold everything."""
    table = pa.table({"who": ["a"] * 4, "at": [-5, 0, 5, 5], "paid": [1, -1, 2, 3]})
    orders = Orders(
        host(table, kernel), customer_id="who", ordered_at="at", amount="paid",
        time_format="epoch_us",
    )  # fmt: skip
    for before, counted, bought in ((None, 4, 3), (6, 4, 3), (5, 2, 1), (0, 1, 1), (-5, 0, 0)):
        assert len(frames.to_rows(orders.counted(before_us=before))) == counted
        assert len(frames.to_rows(orders.purchases(before_us=before))) == bought


def test_orders_of_one_row_are_known(kernel: str, host: Any) -> None:
    """Whether each purchase row is an order of its own is never claimed wrongly."""
    day = pa.array([0, 1, 2], pa.date32())
    for ids, paid, is_single in (
        (["1", "2", "3"], [1, 1, 1], True),
        (["1", "2", "1"], [1, 1, 1], False),
        (["1", "2", "1"], [1, 1, -1], True),
    ):
        table = pa.table({"who": ["a"] * 3, "no": ids, "at": day, "paid": paid})
        orders = Orders(
            host(table, kernel), customer_id="who", order_id="no", ordered_at="at", amount="paid"
        )
        assert orders.has_order_rows is (is_single and orders.source.is_in_process)
    assert Orders(table, customer_id="who", ordered_at="at", amount="paid").has_order_rows


def test_polars_stays_as_it_came() -> None:
    """An eager frame of Polars gives eager results, a lazy one lazy results."""
    eager = pl.from_arrow(TABLE)
    assert isinstance(eager, pl.DataFrame)

    assert isinstance(Orders(eager, **NAMED).clean(), pl.DataFrame)
    assert isinstance(Orders(eager.lazy(), **NAMED).clean(), pl.LazyFrame)
    assert isinstance(Orders(eager.lazy(), **NAMED).quarantine, pl.LazyFrame)


# --- reports --------------------------------------------------------------------------------------


def test_a_report_of_quality_reads_well() -> None:
    """The report says how many rows count, why others do not, when, and how much, in lines."""
    orders = Orders(TABLE, **NAMED, currency="CNY")
    text = str(orders.quality)

    assert text.splitlines()[0].split() == ["rows", "3"]
    assert "1 (33.3%)" in text
    assert "a time that cannot be read" in text
    assert "no customer and no identifier" in text
    assert "9.99 CNY" in text
    assert "2024-01-05 00:00 UTC" in text
    assert len({len(line) for line in text.splitlines()}) == 1, "the lines are aligned"


def test_a_report_in_a_notebook_is_escaped() -> None:
    """The report for a notebook is a table, in which a currency cannot be markup."""
    markup = Orders(TABLE, **NAMED, currency="<b>").quality._repr_html_()

    assert markup.startswith("<table>")
    assert "&lt;b&gt;" in markup
    assert "<b>" not in markup


def test_a_report_of_events_has_no_money() -> None:
    """The report of events without money says nothing about money."""
    events = Events(TABLE, customer_id="CustomerID", occurred_at="InvoiceDate")

    assert events.quality.purchased_minor_units is None
    assert "purchased" not in str(events.quality)


def test_a_report_says_what_is_unusual() -> None:
    """Unresolved rows, duplicates, purchases of nothing and far times are said."""
    table = pa.table({
        "who": ["a", "a", None, "b"], "wx": [None, None, "o", None], "at": [1, 1, 2, 2**42],
        "paid": [0, 0, 5, -3],
    })  # fmt: skip
    orders = Orders(
        table, customer_id="who", ordered_at="at", amount="paid", time_format="epoch_s",
        identifiers={"openid": "wx"},
    )  # fmt: skip
    text = str(orders.quality)

    for words in ("unresolved", "exact duplicate rows", "purchases of 0", "beyond the year 9999",
                  "-3.00 in 1 rows"):  # fmt: skip
        assert words in text
    assert orders.quality.last_at is None
    assert orders.quality.first_at == dt.datetime(1970, 1, 1, 0, 0, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize("reason", ["no_customer", "duplicate_line", "unreadable_quantity"])
def test_every_reason_is_said_in_words(reason: str) -> None:
    """No line of a report shows the code of a reason."""
    quality = Quality(rows=1, counted=0, unresolved=0, quarantined={reason: 1})

    assert reason not in str(quality)


def test_a_table_is_described_without_computing() -> None:
    """The representation names the engine and what is mapped, and nothing that is default."""
    assert repr(Orders(TABLE, **NAMED, scale=3, time_zone="Asia/Shanghai")) == (
        "Orders(<pyarrow>, customer_id='CustomerID', time_zone='Asia/Shanghai', "
        "ordered_at='InvoiceDate', order_id='InvoiceNo', amount='Amount', scale=3)"
    )


# --- wrong mappings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"customer_id": None}, "customer_id"),
        ({"customer_id": ""}, "customer_id"),
        ({"customer_id": 5}, "customer_id"),
        ({"ordered_at": ""}, "ordered_at"),
        ({"amount": None}, "amount"),
        ({"amount": None, "quantity": "q"}, "amount"),
        ({"unit_price": "p"}, "unit_price"),
        ({"scale": 10}, "scale"),
        ({"scale": -1}, "scale"),
        ({"scale": 2.0}, "scale"),
        ({"rounding": "up"}, "rounding"),
        ({"returns_by": "sign"}, "returns_by"),
        ({"returns_by": BySign}, "returns_by"),
        ({"order_id": None, "returns_by": ByOrderId("^C")}, "returns_by"),
        ({"duplicate_lines": "drop"}, "duplicate_lines"),
        ({"identifiers": None}, "identifiers"),
        ({"identifiers": {"openid": 5}}, "identifiers"),
        ({"identifiers": ["openid"]}, "identifiers"),
        ({"channel": ""}, "channel"),
        ({"time_format": "%Q"}, "time_format"),
    ],
)
def test_a_wrong_mapping_of_orders_is_refused(change: dict[str, Any], field: str) -> None:
    """A mapping that does not say who, when or how much, or has a wrong value, names the field."""
    with pytest.raises(InvalidDefinitionError) as caught:
        OrderColumns(**(NAMED | change))
    assert caught.value.field == field


@pytest.mark.parametrize("pattern", ["(", "[a", "*", None, 5])
def test_a_pattern_that_is_none_is_refused(pattern: Any) -> None:
    """A pattern that is no regular expression is refused when it is written."""
    with pytest.raises(InvalidDefinitionError, match="pattern"):
        ByOrderId(pattern)


def test_events_need_a_person_or_an_identifier() -> None:
    """Events may know only an identifier, but must know one or the other."""
    anonymous = EventColumns(occurred_at="at", identifiers={"openid": "wx"})
    table = pa.table({"at": ["2024-01-01", "2024-01-02"], "wx": ["o1", None]})
    quality = Events(table, anonymous).quality

    assert (quality.counted, quality.unresolved, quality.quarantined) == (0, 1, {"no_customer": 1})
    with pytest.raises(InvalidDefinitionError, match="customer_id"):
        EventColumns(occurred_at="at")


def test_a_mapping_is_frozen_and_compares_by_value() -> None:
    """Mappings are values: equal ones are equal, and none can be changed."""
    assert OrderColumns(**NAMED) == OrderColumns(**NAMED)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        OrderColumns(**NAMED).scale = 3  # type: ignore[misc]
