"""RFM on data that is wrong, odd or too large: a clear error, or a stated rule; never a crash."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest
from tests.segmentation.data import METHODS, POLICIES, model

from userops import RFM, Customer, History, Orders
from userops.core.frames import from_arrow
from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataError,
    EmptyHistoryError,
    InvalidArgumentError,
    MoneyOverflowError,
    MoneyScaleError,
    UnsupportedFrameError,
    UserOpsError,
)
from userops.events import ByColumn, OrderColumns
from userops.segmentation import NTile
from userops.testing import Engines, rows_of

AS_OF = "2024-06-01"
NAMES: dict[str, Any] = {
    "customer_id": "customer_id", "ordered_at": "ordered_at", "amount": "amount",
}  # fmt: skip


def table(**columns: Any) -> pa.Table:
    """Return three orders of two customers, with some columns replaced."""
    usual = {
        "customer_id": ["a", "a", "b"],
        "ordered_at": [dt.date(2024, 1, 5), dt.date(2024, 2, 5), dt.date(2024, 2, 6)],
        "amount": [10.0, 20.0, 5.0],
    }
    return pa.table(usual | columns)


def fit(data: Any, **other: Any) -> Any:
    """Fit the usual model, with the columns named."""
    return RFM(**other).fit(Orders(data, **NAMES), as_of=AS_OF)


def test_a_missing_column_names_those_that_exist_and_the_nearest() -> None:
    """A mapped column that does not exist is named with its role, beside those that do."""
    with pytest.raises(ColumnNotFoundError) as caught:
        fit(table().rename_columns(["customer_id", "ordered_at", "ammount"]))

    assert caught.value.column == "amount"
    assert caught.value.existing == ("customer_id", "ordered_at", "ammount")
    assert "did you mean 'ammount'?" in str(caught.value)


def test_text_amounts_are_read_and_unreadable_ones_set_aside() -> None:
    """Amounts as text count; one that is no number is quarantined, never taken as zero."""
    orders = Orders(table(amount=["10.0", "1e1", "ten"]), **NAMES)
    rows = RFM().fit(orders, as_of=AS_OF).score().to_pylist()

    assert [(row["customer_id"], row["monetary"]) for row in rows] == [("a", 20.0)]
    assert dict(orders.quality.quarantined) == {"unreadable_amount": 1}
    with pytest.raises(EmptyHistoryError, match="unreadable_amount"):
        fit(table(amount=["x", "1,50", "1.2.3"]))


def test_unparsable_dates_are_set_aside() -> None:
    """A time that names no day is quarantined; where all are, the error says how many and why."""
    orders = Orders(table(ordered_at=["2024-01-05", "2023-02-29", "soon"]), **NAMES)
    assert RFM().fit(orders, as_of=AS_OF).customers == 1
    assert dict(orders.quality.quarantined) == {"unreadable_time": 2}

    with pytest.raises(EmptyHistoryError, match="3 unreadable_time"):
        fit(table(ordered_at=["05.01.2024"] * 3))
    with pytest.raises(ColumnTypeError, match="cannot be read as a time"):
        fit(table(ordered_at=[1.5, 2.5, 3.5]))


def test_float_ids_are_refused_with_the_remedy() -> None:
    """Ids that pandas made floats may be rounded already, so they are refused."""
    with pytest.raises(ColumnTypeError, match="floats, which cannot be ids") as caught:
        fit(table(customer_id=[1.0, 2.0, None]).to_pandas())
    assert "astype('Int64')" in str(caught.value)


@pytest.mark.parametrize("engine", ["pandas", "polars", "polars-lazy", "pyarrow", "duckdb", "ibis"])
def test_an_empty_frame_says_that_it_is_empty(engine: str) -> None:
    """No rows are no customers, on every engine."""
    with pytest.raises(EmptyHistoryError, match="is empty"):
        fit(from_arrow(table().slice(0, 0), engine))


def test_a_frame_of_nothing_is_no_crash() -> None:
    """Pandas frames without rows have columns without a type; they are empty all the same."""
    import pandas as pd

    with pytest.raises(EmptyHistoryError, match="is empty"):
        fit(pd.DataFrame(columns=["customer_id", "ordered_at", "amount"]))
    with pytest.raises(ColumnNotFoundError):
        fit(pd.DataFrame())


@pytest.mark.parametrize("policy", POLICIES)
def test_only_returns_are_nobody_who_bought(policy: Any) -> None:
    """Where all rows are returns there is no customer, and the error says so."""
    history = History(Orders(table(amount=[-1.0, -2.0, -3.0]), **NAMES), returns=policy)
    with pytest.raises(EmptyHistoryError, match="all counted rows of 'order' are returns"):
        RFM().fit(history, as_of=AS_OF)


def test_who_only_returned_has_no_row() -> None:
    """A customer with returns alone has no recency, so he is not scored; others are."""
    orders = Orders(table(amount=[-10.0, -20.0, 5.0]), **NAMES)
    history = History(orders)
    fitted = RFM().fit(history, as_of=AS_OF)

    assert fitted.score()["customer_id"].to_pylist() == ["b"]
    assert fitted.score_one(history.customer("a")) is None


@pytest.mark.parametrize("method", METHODS)
def test_one_customer_is_a_population(method: str) -> None:
    """One customer with one order is scored, named and explained."""
    fitted = model(method).fit(Orders(table().slice(0, 1), **NAMES), as_of=AS_OF)

    assert [(r["rfm"], r["segment"]) for r in fitted.score().to_pylist()] == [
        ("511", "New customers")
    ]
    assert fitted.segments().to_pylist()[3]["customer_share"] == 1
    assert "not above the first cut-point" in str(fitted.explain("a"))


def test_equal_amounts_are_no_error() -> None:
    """Where all spend the same on the same day, all have the same linear scores."""
    same = table(
        ordered_at=[dt.date(2024, 1, 5)] * 3, customer_id=["a", "b", "c"], amount=[5.0] * 3
    )
    fitted = fit(same)

    assert {row["rfm"] for row in fitted.score().to_pylist()} == {"511"}
    assert all(cuts.said() == [cuts.said()[0]] * 4 for cuts in fitted.grid.cuts.values())


def test_as_of_before_all_data_says_when_data_begins() -> None:
    """The error names the first counted instant and that as_of is exclusive."""
    for as_of in ("2024-01-05", "1990-01-01"):
        with pytest.raises(EmptyHistoryError, match="the first at 2024-01-05 00:00 UTC") as caught:
            RFM().fit(Orders(table(), **NAMES), as_of=as_of)
        assert "as_of is exclusive" in str(caught.value)


@pytest.mark.parametrize("as_of", ["yesterday", "2024-02-30", 20240101, None, 1.5, [1]])
def test_as_of_that_is_no_time_is_refused(as_of: Any) -> None:
    """Only dates, datetimes and ISO text are points in time."""
    with pytest.raises(InvalidArgumentError) as caught:
        RFM().fit(Orders(table(), **NAMES), as_of=as_of)
    assert caught.value.argument == "as_of"


def test_as_of_in_the_repeated_hour_is_told_apart() -> None:
    """The two instants at which a clock shows 01:30 in autumn are two different as_of."""
    from zoneinfo import ZoneInfo

    there = ZoneInfo("America/New_York")
    first, second = (dt.datetime(2024, 11, 3, 1, 30, tzinfo=there, fold=fold) for fold in (0, 1))
    orders = Orders(
        table(ordered_at=["2024-11-01T00:00Z", "2024-11-01T00:00Z", "2024-11-03T06:00:00Z"]),
        **NAMES, time_zone="America/New_York",
    )  # fmt: skip

    assert RFM().fit(orders, as_of=first).customers == 1
    assert RFM().fit(orders, as_of=second).customers == 2


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow", "duckdb", "ibis"])
@pytest.mark.parametrize(
    "amounts",
    [
        [2**62, 1, 1],  # at two decimals
        [10.0**15, 1.0, 1.0],
        ["1e16", "1", "1"],
        [2**55, 2**55, 2**55],  # each is exact, their sum need not be
    ],
    ids=["int", "float", "text", "sum"],
)
def test_money_that_would_leave_exact_integers_is_refused(amounts: Any, engine: str) -> None:
    """An amount, or a sum, that could wrap around is refused with what would fit."""
    with pytest.raises(MoneyOverflowError) as caught:
        fit(from_arrow(table(amount=amounts), engine))
    assert "2**62" in str(caught.value)


def test_sums_beyond_exact_floats_are_exact(fast_engines: Engines) -> None:
    """Totals above 2**53 minor units are exact on every engine, and equal for one customer."""
    amounts = pa.array([99_019_957_313_975_017, 1, 5], pa.int64())
    names = NAMES | {"scale": 0}

    def case(native: Any) -> Any:
        fitted = RFM(monetary=[99_019_957_313_975_017]).fit(Orders(native, **names), as_of=AS_OF)
        return fitted.score()

    rows = fast_engines.check(case, table(amount=amounts))
    assert [(row[0], row[3], row[6]) for row in rows] == [
        ("a", 99_019_957_313_975_018.0, 2),
        ("b", 5.0, 1),
    ]


@pytest.mark.parametrize(
    ("units", "scale"), [(2_687_714_665_926_964_390, 1), (744_109_651_312_008_529, 3)]
)
def test_money_above_what_a_float_holds_is_one_figure_everywhere(
    units: int, scale: int, fast_engines: Engines
) -> None:
    """A total above 2**53 minor units is exact inside; its float is the same on every engine."""
    data = table().drop_columns(["amount"])
    data = data.append_column("n", pa.array([units - 1, 1, 1], pa.int64()))
    data = data.append_column("price", pa.array([float(f"1e-{scale}")] * 3))
    names: dict[str, Any] = {
        "customer_id": "customer_id", "ordered_at": "ordered_at", "quantity": "n",
        "unit_price": "price", "scale": scale,
    }  # fmt: skip

    rows = fast_engines.check(
        lambda native: RFM().fit(Orders(native, **names), as_of=AS_OF).score(), data
    )
    exact = float(Fraction(units, 10**scale))
    assert abs(rows[0][3] - exact) <= math.ulp(exact)
    history = History(Orders(data, **names))
    score = RFM().fit(history, as_of=AS_OF).score_one(history.customer("a"))
    assert score is not None
    assert score.monetary == rows[0][3]


@pytest.mark.parametrize("amount", ["8702307680.689", "9896737084.050", "17517188430.962"])
def test_a_large_amount_is_read_as_it_was_written(amount: str, fast_engines: Engines) -> None:
    """A float of up to fifteen digits is the decimal that it was written as, however large."""
    names = NAMES | {"scale": 3}
    data = table(amount=[float(amount), 0.0, 1.0])

    rows = fast_engines.check(
        lambda native: RFM().fit(Orders(native, **names), as_of=AS_OF).score(), data
    )
    assert rows[0][3] == float(amount)
    columns = {"order": OrderColumns(**names)}
    raw = {"customer_id": "a", "ordered_at": "2024-01-05", "amount": float(amount)}
    customer = Customer.from_rows("a", {"order": [raw]}, columns)
    assert customer.rows["order"][0].amount_minor_units == int(Decimal(amount) * 1000)


def test_amounts_with_more_decimals_than_the_scale_name_the_scale_that_fits() -> None:
    """Three decimals at a scale of two are refused with scale=3, or rounded on purpose."""
    data = table(amount=[0.125, 1.0, 2.0])
    with pytest.raises(MoneyScaleError, match="declare scale=3") as caught:
        fit(data)
    assert (caught.value.scale, caught.value.needed_scale) == (2, 3)

    rounded = RFM().fit(Orders(data, **NAMES, rounding="half_up"), as_of=AS_OF)
    assert [r["monetary"] for r in rounded.score().sort_by("customer_id").to_pylist()] == [1.13, 2]
    exact = RFM().fit(Orders(data, **NAMES, scale=3), as_of=AS_OF)
    assert [r["monetary"] for r in exact.score().sort_by("customer_id").to_pylist()] == [1.125, 2.0]


def test_ids_above_int64_are_parted_in_ties(fast_engines: Engines) -> None:
    """Customers whose ids need 64 unsigned bits are cut by NTILE in the order of their ids."""
    from userops.core.frames import BACKENDS

    ids = pa.array([2**63 + i for i in (7, 5, 6)], pa.uint64())
    data = table(customer_id=ids, amount=[1.0] * 3, ordered_at=[dt.date(2024, 1, 1)] * 3)
    cut = NTile(3)
    ran = 0
    for engine in fast_engines.names:
        if engine not in BACKENDS:
            continue
        history = History(Orders(from_arrow(data, engine), **NAMES))
        fitted = RFM(recency=cut, frequency=cut, monetary=cut, segments=None).fit(
            history, as_of=AS_OF
        )
        rows = rows_of(fitted.score())
        assert [(int(row[0]) - 2**63, row[4:7]) for row in rows] == [
            (5, (3, 1, 1)), (6, (2, 2, 2)), (7, (1, 3, 3)),
        ]  # fmt: skip
        score = fitted.score_one(history.customer(2**63 + 6))
        assert score is not None
        assert score.rfm == "222"
        ran += 1
    assert ran >= 4


def test_a_column_named_twice_is_refused() -> None:
    """A frame in which a name occurs twice is ambiguous; the error names it."""
    twice = pa.Table.from_arrays(
        [*table().columns, pa.array([1.0, 2.0, 3.0])],
        names=["customer_id", "ordered_at", "amount", "amount"],
    )
    for native in (twice, twice.to_pandas()):
        with pytest.raises(UnsupportedFrameError, match="amount"):
            Orders(native, **NAMES)


@pytest.mark.parametrize("native", [None, 7, "orders.csv", [{"a": 1}], {"a": [1]}, object()])
def test_what_is_no_frame_is_refused(native: Any) -> None:
    """Anything but a dataframe is refused with the frames that are read; a path with its reader."""
    said = "from_file" if native == "orders.csv" else "PyArrow"
    with pytest.raises(UnsupportedFrameError, match=said):
        Orders(native, **NAMES)


def test_flags_of_returns_are_read_as_they_are() -> None:
    """A column of booleans with gaps says what a return is; a gap is no return."""
    data = table(amount=[10.0, 20.0, 5.0], back=[None, True, False])
    orders = Orders(data, **NAMES, returns_by=ByColumn("back"))
    rows = RFM().fit(orders, as_of=AS_OF).score().sort_by("customer_id").to_pylist()

    assert [(row["customer_id"], row["frequency"], row["monetary"]) for row in rows] == [
        ("a", 1, -10.0),
        ("b", 1, 5.0),
    ]


def test_every_refusal_is_one_of_the_librarys_errors() -> None:
    """What data can do wrong is caught by one class, and says what was got."""
    wrong: list[Any] = [
        table(amount=[10**17, 1, 1]),
        table().drop_columns(["amount"]),
        table(customer_id=[1.5, 2.5, 3.5]),
        table(amount=[[1], [2], [3]]),
        table(ordered_at=[True, False, True]),
        table().slice(0, 0),
    ]
    for data in wrong:
        with pytest.raises(UserOpsError) as caught:
            fit(data)
        assert isinstance(caught.value, DataError)
        assert str(caught.value).endswith((".", "?"))
