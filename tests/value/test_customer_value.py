"""Customers valued: models put together, in a frame and alone."""

from __future__ import annotations

import json
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pytest

from userops import Orders
from userops.core import frames
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.testing import Engines, to_engine
from userops.value import (
    BGNBD,
    CustomerValue,
    FittedCustomerValue,
    GammaGamma,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    validate,
)


def test_a_frame_is_what_each_customer_is_worth(cdnow: Any, engines: Engines) -> None:
    """Every engine gives the figures of one customer alone, and none of them is missing."""
    fitted = CustomerValue().fit(cdnow)
    few = cdnow.slice(0, 40)
    for engine in engines.names:
        frame = frames.read(fitted.score(to_engine(few, engine))).frame
        found = {row["customer_id"]: row for row in frames.to_rows(frame)}
        assert len(found) == 40, engine
        bands = frames.read(fitted.segments(to_engine(few, engine))).frame
        ranked = sorted(frames.to_rows(bands), key=lambda row: -row["clv"])
        # A band ends where its last customer does; who is worth the same is in it as well.
        ends = {"high": ranked[7]["clv"], "middle": ranked[19]["clv"], "low": 0.0}
        for row in ranked:
            said = next(name for name, end in ends.items() if row["clv"] >= end)
            assert row["value_band"] == said, engine
        for row in few.to_pylist():
            alone = fitted.score_one(
                row["repeat_count"], row["last_purchase_age_days"], row["age_days"],
                row["mean_spend"],
            )  # fmt: skip
            mine = found[row["customer_id"]]
            for name in ("p_alive", "expected_purchases", "expected_spend", "clv"):
                assert mine[name] == pytest.approx(getattr(alone, name), rel=1e-12), engine


def test_without_a_discount_value_is_purchases_times_spend(cdnow: Any) -> None:
    """What is expected, at what is spent; a margin is a share of it, a discount makes it less."""
    plain = CustomerValue(annual_discount=0.0, horizon_weeks=39)
    fitted = plain.fit(cdnow)
    rows = SummaryRows.of(cdnow, unit_days=7)
    worth = fitted.score(cdnow).to_pydict()
    assert sum(worth["expected_purchases"]) == pytest.approx(1653.4, abs=0.05)
    assert rows.customers == len(worth["clv"])
    for purchases, spend, clv in zip(
        worth["expected_purchases"], worth["expected_spend"], worth["clv"], strict=True
    ):
        assert clv == pytest.approx(purchases * spend)
    one = fitted.score_one(2, 213, 272, 22.345)
    half = CustomerValue(annual_discount=0.0, horizon_weeks=39, margin=0.5).fit(cdnow)
    assert half.score_one(2, 213, 272, 22.345).clv == pytest.approx(one.clv / 2)
    later = CustomerValue(annual_discount=0.3, horizon_weeks=39).fit(cdnow)
    assert 0.8 * one.clv < later.score_one(2, 213, 272, 22.345).clv < one.clv


def test_what_has_to_be_known_is_said(cdnow: Any) -> None:
    """The repr shows both models; a correlation of spend and frequency is a warning."""
    fitted = CustomerValue(transactions=ParetoNBD()).fit(cdnow)
    assert "ParetoNBD of 2,357 customers, in weeks: converged" in repr(fitted)
    assert "GammaGamma of 946 customers: converged" in repr(fitted)
    assert fitted.warnings == ()
    bound = cdnow.set_column(
        cdnow.column_names.index("mean_spend"),
        "mean_spend",
        pa.array([10.0 * n + 1 for n in cdnow["repeat_count"].to_pylist()]),
    )
    (warning,) = [w for w in CustomerValue().fit(bound).warnings if "frequency" in w]
    assert "independent" in warning


def test_an_interval_holds_what_drawn_customers_bring(cdnow: Any) -> None:
    """Of 20,000 futures of one customer, the shares beyond both ends are those that are said."""
    value = CustomerValue(horizon_weeks=39, annual_discount=0.0)
    fitted = value.fit(cdnow)
    worth = fitted.score_one(6, 200, 260, 30.0, level=0.8)
    assert worth.clv_interval is not None
    assert worth.purchases_interval is not None
    rng, many = np.random.default_rng(8), 20_000
    rows = SummaryRows.one(6, 200 / 7, 260 / 7)
    chances = fitted.transactions.purchase_probabilities(39, rows, most=100)[0]
    counts = rng.choice(101, size=many, p=chances / chances.sum())
    shape, rate = fitted.spend.posterior([6], [30.0])
    rates = rng.gamma(shape[0], 1 / rate[0], many)
    sums = rng.gamma(np.maximum(fitted.spend.parameters["p"] * counts, 1e-9), 1 / rates)
    sums = np.where(counts > 0, sums, 0.0)
    low, high = worth.clv_interval
    assert np.mean(sums > high) == pytest.approx(0.1, abs=0.01)
    assert np.mean(sums < low) <= 0.1
    assert sums.mean() == pytest.approx(worth.clv, rel=0.03)
    assert worth.purchases_interval == tuple(np.quantile(counts, [0.1, 0.9]))


def test_intervals_of_a_frame_are_those_of_each_customer(cdnow: Any) -> None:
    """With a level there are four more columns, and the value lies where most of it may."""
    fitted = CustomerValue(horizon_weeks=26).fit(cdnow)
    few = cdnow.slice(0, 30)
    found = fitted.score(few, level=0.9).to_pylist()
    for row, summary in zip(found, few.to_pylist(), strict=True):
        alone = fitted.score_one(
            summary["repeat_count"], summary["last_purchase_age_days"], summary["age_days"],
            summary["mean_spend"], level=0.9,
        )  # fmt: skip
        assert (row["purchases_low"], row["purchases_high"]) == alone.purchases_interval
        assert (row["clv_low"], row["clv_high"]) == pytest.approx(alone.clv_interval, rel=1e-9)
        assert row["clv_low"] <= row["clv"]


def test_equity_is_the_sum_of_all_values(cdnow: Any) -> None:
    """Its interval holds it, and is that of fits to customers drawn again."""
    fitted = CustomerValue(horizon_weeks=39, margin=0.3).fit(cdnow)
    equity = fitted.equity(cdnow)
    assert equity.value == pytest.approx(sum(fitted.score(cdnow)["clv"].to_pylist()), rel=1e-9)
    assert equity.low < equity.value < equity.high
    # Half the width is about two standard errors: parameters drawn anew scatter the sum so.
    rng, sums = np.random.default_rng(2), []
    for _ in range(100):
        at = [
            rng.multivariate_normal(fit.coordinates, np.array(fit.coordinate_covariance))
            for fit in (fitted.transactions, fitted.spend)
        ]
        again = attrs.evolve(
            fitted, transactions=fitted.transactions.moved_to(at[0]),
            spend=fitted.spend.moved_to(at[1]),
        )  # fmt: skip
        sums.append(float(again.equity(cdnow, level=0.5).value))
    spread = float(np.std(np.log(sums))) * 1.96
    assert np.log(equity.high / equity.value) == pytest.approx(spread, rel=0.25)


def test_equity_counts_the_customers_that_rows_stand_for(cdnow: Any) -> None:
    """A summary of weighted rows comes to what one row a customer does."""
    fitted = CustomerValue(horizon_weeks=39).fit(cdnow)
    columns = ["repeat_count", "last_purchase_age_days", "age_days", "mean_spend"]
    grouped = cdnow.group_by(columns).aggregate([("customer_id", "count")])
    assert grouped.num_rows < cdnow.num_rows
    weighted = fitted.equity(grouped, weight="customer_id_count")
    assert weighted.value == pytest.approx(fitted.equity(cdnow).value, rel=1e-9)


def test_spend_that_is_not_a_number_is_not_known(cdnow: Any) -> None:
    """Engines in which it is above all numbers give the figures of a missing one."""
    import duckdb
    import polars as pl

    fitted = CustomerValue(horizon_weeks=39).fit(cdnow)
    missing = cdnow.slice(0, 60)
    nan = pl.from_arrow(missing).with_columns(pl.col("mean_spend").fill_null(np.nan))
    assert nan["mean_spend"].is_nan().any()
    expected = fitted.equity(missing).value
    for frame in (nan, nan.lazy(), nan.to_arrow(), duckdb.sql("select * from nan")):
        assert fitted.equity(frame).value == pytest.approx(expected, rel=1e-12)
        assert len(SpendRows.of(frame)) == len(SpendRows.of(missing))


def test_for_ever_is_more_than_any_horizon(cdnow: Any) -> None:
    """Discounted, it is finite; how many purchases it is then not said."""
    ever = CustomerValue(horizon_weeks=None, annual_discount=0.15).fit(cdnow)
    long = CustomerValue(horizon_weeks=520, annual_discount=0.15).fit(cdnow)
    found = ever.score(cdnow)
    assert "expected_purchases" not in found.column_names
    assert ever.score_one(2, 213, 272, 22.3).expected_purchases is None
    assert (found["clv"].to_numpy() > long.score(cdnow)["clv"].to_numpy()).all()
    assert ever.score_one(2, 213, 272, 22.3).clv > long.score_one(2, 213, 272, 22.3).clv
    with pytest.raises(InvalidArgumentError, match="horizon"):
        ever.score(cdnow, level=0.9)
    with pytest.raises(InvalidDefinitionError, match="annual_discount"):
        CustomerValue(horizon_weeks=None, annual_discount=0.0)


def test_a_value_explains_itself(cdnow: Any) -> None:
    """Each figure of it, and whose spend is taken."""
    fitted = CustomerValue(horizon_weeks=39, margin=0.3).fit(cdnow)
    said = fitted.explain(2, 213, 272, 22.345)
    worth = fitted.score_one(2, 213, 272, 22.345)
    for figure in (
        f"{worth.p_alive:.1%}", f"{worth.expected_purchases:.2f} purchases",
        f"{worth.expected_spend:,.2f} is expected", f"worth {worth.clv:,.2f} within 39 weeks",
        "his own 2 at 22.34", "with probability 80% he buys 0 to 3 times",
    ):  # fmt: skip
        assert figure in said
    assert "nothing is known of his own" in fitted.explain(0, 0, 30, None)


def test_money_of_two_currencies_is_not_mixed(cdnow_log: Any) -> None:
    """Models that know dollars value no yuan; a summary has no currency to check."""
    dollars, yuan = (
        Orders(cdnow_log, time_format="%Y%m%d", currency=currency) for currency in ("USD", "CNY")
    )
    fitted = CustomerValue().fit(dollars, "1997-10-01")
    assert fitted.currency == "USD"
    with pytest.raises(InvalidArgumentError, match="another currency"):
        fitted.score(yuan, "1997-10-01")
    with pytest.raises(InvalidArgumentError, match="another currency"):
        fitted.equity(yuan, "1997-10-01")
    with pytest.raises(InvalidArgumentError, match="another currency"):
        validate(fitted, yuan, as_of="1998-07-01", calibration_end="1997-10-01")
    assert fitted.score(dollars, "1997-10-01").num_rows == 2_357


def test_bands_are_checked(cdnow: Any) -> None:
    """Shares that come to more than all, and a name that occurs twice."""
    fitted = CustomerValue().fit(cdnow)
    for shares in ({}, {"a": 0.6, "b": 0.5}, {"a": -0.1}, {"low": 0.2}):
        with pytest.raises(InvalidArgumentError, match="shares"):
            fitted.segments(cdnow, shares=shares)
    tied = cdnow.slice(0, 1).take([0] * 10)
    assert set(fitted.segments(tied)["value_band"].to_pylist()) == {"high"}


def test_a_definition_is_a_document() -> None:
    """It turns into JSON and back, with its models."""
    value = CustomerValue(transactions=ParetoNBD(), horizon_weeks=26)
    document = value.to_dict()
    again = CustomerValue.from_dict(document, types=[ParetoNBD, BGNBD, GammaGamma])
    assert again == value
    assert again.version == value.version


def test_a_fit_is_a_document_too(cdnow: Any) -> None:
    """What was fitted in a notebook scores in a service."""
    fitted = CustomerValue(transactions=ParetoNBD()).fit(cdnow)
    again = FittedCustomerValue.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted
    assert again.score_one(2, 213, 272, 22.3) == fitted.score_one(2, 213, 272, 22.3)
    assert again.transactions.standard_errors == fitted.transactions.standard_errors


@pytest.mark.parametrize(
    ("field", "bad"),
    [("horizon_weeks", 0), ("annual_discount", -1.0), ("margin", 0.0), ("margin", 1.5)],
)
def test_impossible_definitions_are_refused(field: str, bad: float) -> None:
    """Each names its field."""
    with pytest.raises(InvalidDefinitionError, match=field):
        CustomerValue.from_dict({"type": "CustomerValue", field: bad})


def test_orders_need_an_instant() -> None:
    """The clock is never read."""
    table = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})
    with pytest.raises(InvalidArgumentError, match="as_of"):
        CustomerValue().fit(Orders(table))
