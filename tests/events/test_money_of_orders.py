"""Money of orders: scales, limits, returns by sign, pattern and column, quantity times price."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.errors import MoneyOverflowError, MoneyScaleError, UserOpsError
from userops.events import ByColumn, ByOrderId, OrderColumns, Orders, read_row

WHO = {"customer_id": "who", "ordered_at": "day"}


def orders_of(host: Any, engine: str, /, columns: dict[str, Any], **named: Any) -> Orders:
    """Return orders of one customer on one day with further columns."""
    rows = len(next(iter(columns.values())))
    days = pa.array([19_782] * rows, pa.date32())
    table = pa.table({"who": ["a"] * rows, "day": days, **columns})
    return Orders(host(table, engine), **WHO, **named)


def minor_units(orders: Orders) -> list[tuple[int, bool]]:
    """Return money and whether it is a return, sorted."""
    rows = frames.to_rows(orders.counted())
    return sorted((row["amount_minor_units"], row["is_return"]) for row in rows)


# --- scale and limits -----------------------------------------------------------------------------


def test_amounts_become_exact_units(engine: str, host: Any) -> None:
    """Amounts, noise of arithmetic included, become whole minor units on every engine."""
    paid = [9.99, 0.1 + 0.2, 3 * 2.55, -0.0, 1e9, -19.9]
    orders = orders_of(host, engine, {"paid": paid}, amount="paid")

    assert minor_units(orders) == [
        (-1990, True), (0, False), (30, False), (765, False), (999, False),
        (100_000_000_000, False),
    ]  # fmt: skip
    assert orders.quality.purchased_minor_units == 100_000_001_794
    assert orders.quality.returned_minor_units == -1990
    assert orders.quality.zero_amounts == 1


@pytest.mark.parametrize("scale", range(10))
def test_each_scale_counts_its_own_units(scale: int, host: Any) -> None:
    """The same seven coins are seven units at every scale."""
    orders = orders_of(host, "pyarrow", {"paid": [7 / 10**scale]}, amount="paid", scale=scale)

    assert minor_units(orders) == [(7, False)]
    assert orders.scale == scale


@pytest.mark.parametrize(
    ("paid", "scale", "needed"),
    [
        ([1.234], 2, 3),
        ([1.5, 0.00001], 2, 5),
        ([0.5], 0, 1),
        ([1e-12], 2, None),
        ([2.5, 1 / 3], 2, None),
    ],
)
def test_a_scale_error_names_the_scale_that_fits(
    paid: list[float], scale: int, needed: int | None, host: Any
) -> None:
    """Amounts that do not fit name the smallest scale that fits all of them, or that none does."""
    orders = orders_of(host, "pyarrow", {"paid": paid}, amount="paid", scale=scale)

    with pytest.raises(MoneyScaleError, match="column 'paid'") as caught:
        orders.check()
    assert caught.value.scale == scale
    assert caught.value.needed_scale == needed
    said = f"declare scale={needed}" if needed else "no scale up to 9 fits"
    assert said in str(caught.value)


def test_a_scale_error_is_raised_on_every_engine(kernel: str, host: Any) -> None:
    """Every engine counts the misfits and names the same scale."""
    orders = orders_of(host, kernel, {"paid": [1.25, 1.234, 0.0007, None]}, amount="paid")

    with pytest.raises(MoneyScaleError, match="declared scale: 2") as caught:
        orders.counted()
    assert caught.value.needed_scale == 4


def test_a_misfit_that_does_not_count_is_no_error(host: Any) -> None:
    """An amount that does not fit is no error in a row that is quarantined anyway."""
    table = pa.table({"who": [None, "a"], "day": ["2024-01-01"] * 2, "paid": [1.234, 1.0]})
    orders = Orders(table, **WHO, amount="paid")

    assert orders.quality.quarantined == {"no_customer": 1}
    assert host(table, "pyarrow") is table


def test_the_scale_error_of_one_row_names_the_same_scale() -> None:
    """A row alone names the scale that its amount, or its product, needs."""
    by_amount = OrderColumns(**WHO, amount="paid")
    by_weight = OrderColumns(**WHO, quantity="kg", unit_price="price")
    row = {"who": "a", "day": "2024-01-01"}

    with pytest.raises(MoneyScaleError) as caught:
        read_row(row | {"paid": 1.234}, by_amount)
    assert caught.value.needed_scale == 3

    with pytest.raises(MoneyScaleError) as caught:
        read_row(row | {"kg": 1.5, "price": 0.333}, by_weight)
    assert caught.value.needed_scale == 4


def test_rounding_on_purpose_takes_every_amount(kernel: str, host: Any) -> None:
    """With a rounding named, further decimals are rounded alike on every engine."""
    paid = [1.005, -1.005, 2.675, 0.125, 1.0]
    even = orders_of(host, kernel, {"paid": paid}, amount="paid", rounding="half_even")
    up = orders_of(host, kernel, {"paid": paid}, amount="paid", rounding="half_up")

    assert [n for n, _ in minor_units(even)] == [-100, 12, 100, 100, 268]
    assert [n for n, _ in minor_units(up)] == [-101, 13, 100, 101, 268]


@pytest.mark.parametrize("rounding", [None, "half_up"])
@pytest.mark.parametrize("paid", [1e16, -1e17, 1.7e308])
def test_a_float_too_large_to_be_exact_is_refused(
    kernel: str, paid: float, rounding: Any, host: Any
) -> None:
    """A float of too many minor units is refused as such on every engine, rounding or not."""
    orders = orders_of(host, kernel, {"paid": [1.0, paid]}, amount="paid", rounding=rounding)

    with pytest.raises(MoneyOverflowError, match="amounts too large to be exact: 1") as caught:
        orders.check()
    assert isinstance(caught.value, OverflowError)


@pytest.fixture
def wide_engine(engine: str, request: pytest.FixtureRequest) -> str:
    """Return an engine; Arrow is known to refuse integers above 2**53."""
    return engine


@pytest.mark.parametrize("columns", [{"paid": [2**62]}, {"q": [-(2**61)], "p": [1]}])
def test_a_whole_number_that_leaves_int64_is_refused(
    wide_engine: str, columns: dict[str, list[int]], host: Any
) -> None:
    """Whole amounts and products beyond 2**62 units are refused on every engine."""
    named: dict[str, Any] = (
        {"amount": "paid"} if "paid" in columns else {"quantity": "q", "unit_price": "p"}
    )
    with pytest.raises(MoneyOverflowError):
        orders_of(host, wide_engine, columns, **named).check()


@pytest.mark.parametrize(
    "columns",
    [{"q": [2**40], "p": [2**20]}, {"q": [-(2**52)], "p": [11]}, {"q": [2**53], "p": [2**10]}],
)
def test_a_product_that_leaves_int64_is_refused(columns: dict[str, list[int]], host: Any) -> None:
    """Products beyond 2**62 units of factors that do fit are refused, in a frame and alone."""
    named: dict[str, Any] = {"quantity": "q", "unit_price": "p"}
    orders = orders_of(host, "pyarrow", columns, **named)

    with pytest.raises(MoneyOverflowError):
        orders.check()
    row = {"who": "a", "day": "2024-01-01"} | {k: v[0] for k, v in columns.items()}
    with pytest.raises(MoneyOverflowError):
        read_row(row, OrderColumns(**WHO, **named))


def test_an_overflow_of_one_row_is_one_alone_too() -> None:
    """A product of floats that leaves exact floats is an overflow, not a matter of the scale."""
    row = {"who": "a", "day": "2024-01-01", "kg": 1e10, "price": 1e10}

    with pytest.raises(MoneyOverflowError):
        read_row(row, OrderColumns(**WHO, quantity="kg", unit_price="price"))


def test_a_sum_that_could_leave_int64_is_refused(wide_engine: str, host: Any) -> None:
    """Amounts that fit one by one, but whose sum would wrap in silence, are refused."""
    large = 2**60 // 100
    paid = pa.array([large, -large] * 4)
    orders = orders_of(host, wide_engine, {"paid": paid}, amount="paid")

    with pytest.raises(MoneyOverflowError, match="sum of all amounts"):
        orders.check()


def test_the_largest_sum_that_is_safe_is_exact(wide_engine: str, host: Any) -> None:
    """A sum just below 2**62 units is exact to the last unit, as an int, on every engine."""
    large = 2**60
    orders = orders_of(
        host,
        wide_engine,
        {"paid": pa.array([large, large, large, large - 4096])},
        amount="paid",
        scale=0,
    )

    assert orders.quality.purchased_minor_units == 4 * large - 4096
    assert type(orders.quality.purchased_minor_units) is int


def test_an_unsigned_amount_above_int64_is_refused(kernel: str, host: Any) -> None:
    """An unsigned amount above 2**63 is refused as too large, not with an engine's own error."""
    orders = orders_of(host, kernel, {"paid": pa.array([2**63 + 1], pa.uint64())}, amount="paid")

    with pytest.raises(UserOpsError):
        orders.check()


@pytest.mark.parametrize(
    ("values", "units"),
    [
        (pa.array([Decimal("1.10"), Decimal("-2.25"), None]), [-225, 110]),
        (pa.array([Decimal("1.10"), Decimal("-2.25"), None], pa.decimal128(38, 9)), [-225, 110]),
        (pa.array([1, -2, None], pa.int8()), [-200, 100]),
        (pa.array([1, 2, None], pa.uint32()), [100, 200]),
        (pa.array([1.5, -2.25, None], pa.float32()), [-225, 150]),
        (pa.array(["1.10", "-2.25", None]), [-225, 110]),
    ],
    ids=["decimal", "wide decimal", "int8", "uint32", "float32", "text"],
)
def test_money_of_any_type_of_number(
    engine: str, values: pa.Array, units: list[int], host: Any
) -> None:
    """Decimals, integers of any width, floats and text hold money; null is no amount."""
    orders = orders_of(host, engine, {"paid": values}, amount="paid")

    assert [n for n, _ in minor_units(orders)] == units
    assert orders.quality.quarantined == {"no_amount": 1}


# --- quantity and price ---------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-1000, 1000), st.integers(0, 10**6)), min_size=1, max_size=30)
)
def test_units_times_price_is_exact(host: Any, lines: list[tuple[int, int]]) -> None:
    """Whole units at a price of cents are worth exactly their product."""
    columns = {"q": [q for q, _ in lines], "p": [cents / 100 for _, cents in lines]}
    orders = orders_of(host, "pyarrow", columns, quantity="q", unit_price="p")

    assert [n for n, _ in minor_units(orders)] == sorted(q * cents for q, cents in lines)


def test_a_fraction_of_a_unit_needs_only_the_product_to_fit(kernel: str, host: Any) -> None:
    """1.5 kg at 0.333 would not fit, 1.5 kg at 2.02 do, and so do 0.5 at 0.02."""
    fits = {"q": [1.5, 0.5, -2.5], "p": [2.02, 0.02, 2.0]}
    orders = orders_of(host, kernel, fits, quantity="q", unit_price="p")
    assert minor_units(orders) == [(-500, True), (1, False), (303, False)]

    misfit = orders_of(host, kernel, {"q": [1.5], "p": [0.333]}, quantity="q", unit_price="p")
    with pytest.raises(MoneyScaleError) as caught:
        misfit.check()
    assert caught.value.needed_scale == 4


def test_whole_units_at_a_price_that_does_not_fit_are_refused(host: Any) -> None:
    """1,000 units at 0.333 are refused although the product would fit: the price is money too."""
    orders = orders_of(host, "pyarrow", {"q": [1000], "p": [0.333]}, quantity="q", unit_price="p")

    with pytest.raises(MoneyScaleError, match="column 'p'"):
        orders.check()


def test_a_quantity_beside_an_amount_does_not_multiply(kernel: str, host: Any) -> None:
    """With an amount named, the quantity is carried, and its sign makes a return."""
    columns = {"paid": [10.0, 5.0, -3.0], "q": pa.array([4, -1, None])}
    orders = orders_of(host, kernel, columns, amount="paid", quantity="q")

    assert minor_units(orders) == [(-500, True), (-300, True), (1000, False)]
    rows = sorted(frames.to_rows(orders.counted()), key=lambda r: r["amount_minor_units"])
    assert [row["quantity"] for row in rows] == [-1, None, 4]


def test_minus_times_minus_is_quarantined(kernel: str, host: Any) -> None:
    """A negative quantity at a negative price is a contradiction, not a purchase."""
    columns = {"q": [-2, -2, 2], "p": [-1.5, 1.5, -1.5]}
    orders = orders_of(host, kernel, columns, quantity="q", unit_price="p")

    assert minor_units(orders) == [(-300, True), (-300, True)]
    assert orders.quality.quarantined == {"contradictory_sign": 1}


# --- what a return is -----------------------------------------------------------------------------


def test_returns_by_sign_are_negative(kernel: str, host: Any) -> None:
    """By sign, a negative amount is a return; nothing, and minus nothing, is a purchase of 0."""
    orders = orders_of(host, kernel, {"paid": [5.0, -5.0, 0.0, -0.0]}, amount="paid")

    assert minor_units(orders) == [(-500, True), (0, False), (0, False), (500, False)]
    assert orders.quality.returns == 1
    assert orders.quality.zero_amounts == 2


def test_returns_by_order_id_take_the_sign_of_a_return(kernel: str, host: Any) -> None:
    """By order id, what matches is a return whatever its sign, and nothing else is."""
    columns = {"paid": [5.0, 5.0, -5.0, -7.0], "no": ["C1", "1", "C2", "2"]}
    orders = orders_of(
        host, kernel, columns, amount="paid", order_id="no", returns_by=ByOrderId("^C")
    )

    assert minor_units(orders) == [(-700, False), (-500, True), (-500, True), (500, False)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("^C", ["C1"]), ("1$", ["C1", "1", "退1"]), ("退", ["退1"]), ("[Cc]", ["C1", "c2"]),
     ("^[0-9]+$", ["1"]), ("x|退", ["退1"]), (r"\.", ["3.0"])],
)  # fmt: skip
def test_patterns_mean_the_same_on_every_engine(
    kernel: str, pattern: str, found: list[str], host: Any
) -> None:
    """A pattern finds the same order ids in a frame of any engine as alone."""
    ids = ["C1", "1", "退1", "c2", "3.0"]
    named: dict[str, Any] = {"amount": "paid", "order_id": "no", "returns_by": ByOrderId(pattern)}
    orders = orders_of(host, kernel, {"paid": [1.0] * 5, "no": ids}, **named)
    rows = frames.to_rows(orders.counted())

    assert sorted(row["order_id"] for row in rows if row["is_return"]) == sorted(found)
    columns = OrderColumns(**WHO, **named)
    for no in ids:
        row = read_row({"who": "a", "day": "2024-01-01", "paid": 1, "no": no}, columns)
        assert row.is_return is (no in found)


@pytest.mark.parametrize("pattern", ["^(?=C)", "(?<!x)C", r"(C)\1", "(?P<x>C)(?P=x)"])
def test_a_pattern_that_no_engine_knows_is_refused_when_written(pattern: str) -> None:
    """Look-arounds and back-references, which engines lack, are refused when they are written."""
    with pytest.raises(UserOpsError):
        ByOrderId(pattern)


@pytest.mark.parametrize("pattern", [r"^\d+$", r"^\w+$", "1$", "^C{,3}1", "[0-9&&3-9]"])
def test_a_pattern_means_the_same_alone_or_is_refused(pattern: str, host: Any) -> None:
    """Classes, ends and counts that engines understand otherwise are refused, or translated."""
    ids = ["1", "\uff11", "C1\n", "退1"]
    named: dict[str, Any] = {"amount": "paid", "order_id": "no"}
    try:
        named["returns_by"] = ByOrderId(pattern)
    except UserOpsError:
        return
    columns = OrderColumns(**WHO, **named)
    rows = [{"who": "a", "day": "2024-01-01", "paid": 1, "no": no} for no in ids]
    alone = [row["no"] for row in rows if read_row(row, columns).is_return]

    for engine in ("pyarrow", "polars"):
        orders = orders_of(host, engine, {"paid": [1.0] * 4, "no": ids}, **named)
        found = frames.to_rows(orders.counted())
        assert sorted(row["order_id"] for row in found if row["is_return"]) == sorted(alone)


@pytest.mark.parametrize("pattern", ["a++b", r"C\Z", r"\u9000"])
def test_a_pattern_that_only_python_knows_is_refused_when_written(pattern: str) -> None:
    """Possessive counts, and escapes that engines lack, are refused when they are written."""
    with pytest.raises(UserOpsError):
        ByOrderId(pattern)


@pytest.mark.parametrize("pattern", [r"^\(?C", r"\\1", "[(?]"])
def test_a_pattern_that_every_engine_knows_is_taken(pattern: str) -> None:
    """An escaped bracket, an escaped backslash, and a set of marks are no groups or references."""
    assert ByOrderId(pattern).pattern == pattern


def test_unsigned_units_are_whole_units(host: Any) -> None:
    """Units in an unsigned column are whole: the price has to fit, in a frame as in a row."""
    columns = {"q": pa.array([1000], pa.uint64()), "p": [0.333]}
    orders = orders_of(host, "pyarrow", columns, quantity="q", unit_price="p")

    with pytest.raises(MoneyScaleError):
        orders.check()


@pytest.mark.parametrize(
    "values",
    [pa.array([True, False, None]), pa.array([1, 0, None]), pa.array([2, 0, 0], pa.int8())],
    ids=["bool", "int", "int8"],
)
def test_returns_by_a_column(kernel: str, values: pa.Array, host: Any) -> None:
    """By a column of booleans or of 0 and 1, missing is no return."""
    orders = orders_of(
        host, kernel, {"paid": [5.0, -6.0, 7.0], "back": values}, amount="paid",
        returns_by=ByColumn("back"),
    )  # fmt: skip

    assert minor_units(orders) == [(-600, False), (-500, True), (700, False)]


@pytest.mark.parametrize("missing", [None, math.nan])
def test_a_missing_mark_of_return_is_no_return_in_a_row(missing: object) -> None:
    """In a row alone, a missing mark of return, NaN included, is no return."""
    columns = OrderColumns(**WHO, amount="paid", returns_by=ByColumn("back"))
    row = {"who": "a", "day": "2024-01-01", "paid": 1}

    assert not read_row(row | {"back": missing}, columns).is_return
    assert read_row(row | {"back": True}, columns).is_return


def test_a_mark_of_return_may_be_text(kernel: str, host: Any) -> None:
    """Text such as yes and false marks returns, alone as in a frame; other text is quarantined."""
    marks = ["false", " Yes ", "否", None, "", "maybe"]
    named = {"amount": "paid", "returns_by": ByColumn("back")}
    orders = orders_of(host, kernel, {"paid": [5.0] * 6, "back": marks}, **named)

    assert dict(orders.quality.quarantined) == {"unreadable_return": 1}
    assert [back for _, back in minor_units(orders)] == [True, False, False, False, False]
    rows = [{"who": "a", "day": "2024-01-01", "paid": 5.0, "back": mark} for mark in marks]
    read = [read_row(row, OrderColumns(**WHO, **named)) for row in rows]
    assert [row.is_return for row in read] == [False, True, False, False, False, False]
    assert read[-1].reason == "unreadable_return"


def test_trap_04_sums_are_integers_of_python(kernel: str, host: Any) -> None:
    """Sums come back as ints, although DuckDB sums integers to decimals."""
    orders = orders_of(host, kernel, {"paid": [1, 2, -3]}, amount="paid")
    quality = orders.quality
    (day,) = orders.by_day()

    assert (quality.purchased_minor_units, quality.returned_minor_units) == (300, -300)
    assert {type(v) for v in day.values()} == {int}
    assert day["net_minor_units"] == 0


def test_trap_01_the_condition_of_a_sum_is_heeded(engine: str, host: Any) -> None:
    """Quarantined and returned money is left out of the sum of purchases on every engine.

    pandas and PyArrow ignore a condition inside an aggregation in silence.
    """
    table = pa.table({
        "who": ["a", None, "a", "b"], "day": pa.array([1, 1, 1, 2], pa.date32()),
        "paid": [1.0, 50.0, -0.5, 2.0],
    })  # fmt: skip
    orders = Orders(host(table, engine), **WHO, amount="paid")

    assert orders.quality.purchased_minor_units == 300
    assert orders.quality.returned_minor_units == -50
    assert [(d["net_minor_units"], d["quarantined"], d["orders"]) for d in orders.by_day()] == [
        (50, 1, 1),
        (200, 0, 1),
    ]
