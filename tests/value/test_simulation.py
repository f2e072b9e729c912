"""Drawn customers: orders that can be read, in agreement with the models, and fits held to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from userops import Orders
from userops.core import frames
from userops.errors import DataError, InvalidArgumentError
from userops.testing import Engines, to_engine
from userops.value import (
    BGNBD,
    MBGNBD,
    CustomerValue,
    FittedTransactionModel,
    GammaGamma,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    TransactionModel,
    predictive_checks,
    simulated_orders,
    transaction_summary,
)

NEW = SummaryRows.one(0, 0.0, 0.0)
AT = {
    BGNBD: [0.2425945, 4.4136019, 0.7929199, 2.4258881],
    MBGNBD: [0.525, 6.183, 0.891, 1.614],
    ParetoNBD: [0.55315, 10.57633, 0.60625, 11.67150],
}


def drawn(model: TransactionModel, at: list[float] | None = None) -> SummaryRows:
    """Draw customers of several ages, at the published parameters unless others are given."""
    rng, customers = np.random.default_rng(1), 4_000
    ages = rng.integers(20, 40, customers).astype(float)
    places, when = model.simulated(np.array(at or AT[type(model)]), ages, rng)
    last = np.zeros(customers)
    last[places] = when
    count = np.bincount(places, minlength=customers).astype(float)
    return SummaryRows(count, last, ages, np.ones(customers))


def fitted_to(model: TransactionModel) -> FittedTransactionModel:
    """Fit a model to customers drawn from it."""
    return model.fit(drawn(model))


@pytest.mark.parametrize("model", [BGNBD(), MBGNBD(), ParetoNBD()], ids=lambda m: type(m).__name__)
def test_new_customers_buy_as_expected(model: TransactionModel) -> None:
    """The mean of 20,000 customers is E[X(t)], and shares of counts are the probabilities."""
    fitted, customers = fitted_to(model), 20_000
    table = simulated_orders(
        fitted, customers=customers, start="2024-01-01", until="2025-01-01", backend="pyarrow"
    )
    repeats = np.bincount(table["customer_id"].to_numpy(), minlength=customers + 1)[1:] - 1
    weeks = 365 / 7
    expected = fitted.expected_purchases(weeks)[0]
    error = repeats.std() / np.sqrt(customers)
    assert repeats.mean() == pytest.approx(expected, abs=4 * error)
    probabilities = model.purchase_probabilities(fitted.values, weeks, NEW, 5)[0]
    for n, p in enumerate(probabilities):
        assert (repeats == n).mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / customers))


def test_orders_of_drawn_customers_can_be_read() -> None:
    """A pipeline takes them as they are; the summary counts what was drawn, day by day."""
    fitted = fitted_to(BGNBD())
    frame = simulated_orders(
        fitted, customers=500, start="2024-01-01", until="2024-07-01", acquisition_days=60
    )
    assert list(frame.columns) == ["customer_id", "ordered_at", "amount"]
    assert (frame["amount"] == 1).all()
    first = frame.groupby("customer_id")["ordered_at"].min()
    assert first.dt.date.min().isoformat() == "2024-01-01"
    assert first.dt.date.max().isoformat() <= "2024-02-29"
    assert first.dt.date.nunique() > 50
    assert frame["ordered_at"].max().isoformat() < "2024-07-01"
    assert (frame.sort_values(["customer_id", "ordered_at"]).index == frame.index).all()
    summary = transaction_summary(Orders(frame), "2024-07-01")
    assert len(summary) == 500
    days = frame.assign(day=frame["ordered_at"].dt.date).drop_duplicates(["customer_id", "day"])
    assert summary["repeat_count"].sum() == len(days) - 500


def test_seeds_replay() -> None:
    """One seed, one set of orders; a generator goes on."""
    fitted = fitted_to(ParetoNBD())
    named: dict[str, Any] = {
        "customers": 50, "start": "2024-01-01", "until": "2024-07-01", "backend": "pyarrow",
    }  # fmt: skip
    assert simulated_orders(fitted, seed=7, **named) == simulated_orders(fitted, seed=7, **named)
    rng = np.random.default_rng(7)
    one, other = (simulated_orders(fitted, seed=rng, **named) for _ in range(2))
    assert one != other


def test_a_summary_gives_the_ages(engines: Engines) -> None:
    """The drawn customers are as old as those of the summary, in the frame type of the summary."""
    fitted = fitted_to(BGNBD())
    summary = pa.table(
        {
            "customer_id": [1, 2, 3, 4],
            "repeat_count": [0, 2, 0, 1],
            "last_purchase_age_days": [0, 60, 0, 3],
            "age_days": [200, 120, 200, 0 + 5],
            "mean_spend": pa.array([None, 5.0, None, 2.0]),
        }
    )
    first: list[dict[str, Any]] = []
    for engine in engines.names:
        native = to_engine(summary, engine)
        orders = simulated_orders(fitted, customers=native, until="2024-12-31")
        source = frames.read(orders)
        assert source.engine == frames.read(native).engine, engine
        drawn_here = frames.to_rows(source.frame)
        assert len({row["customer_id"] for row in drawn_here}) == 4, engine
        first = first or drawn_here
        assert drawn_here == first, engine
    found = transaction_summary(
        Orders(frames.from_arrow(pa.Table.from_pylist(first))), "2024-12-31"
    )
    assert sorted(found["age_days"]) == [5, 120, 200, 200]


def test_amounts_follow_the_model_of_spend() -> None:
    """Fitting them again finds the parameters, and amounts are whole minor units above zero."""
    rng = np.random.default_rng(4)
    x = rng.integers(1, 8, 3_000).astype(float)
    mean = rng.gamma(6.25 * x, 1 / (x * rng.gamma(3.74, 1 / 15.44, 3_000)))
    spend = GammaGamma().fit(SpendRows(x, mean))
    table = simulated_orders(
        fitted_to(BGNBD()), customers=30_000, start="2024-01-01", until="2025-07-01", spend=spend,
        backend="pyarrow",
    )  # fmt: skip
    amount = table["amount"].to_numpy()
    assert amount.min() >= 0.01
    assert np.allclose(np.round(amount * 100), amount * 100)
    who = table["customer_id"].to_numpy()
    counts = np.bincount(who)
    kept = counts > 0
    means = np.bincount(who, amount)[kept] / counts[kept]
    again = GammaGamma().fit(SpendRows(counts[kept].astype(float), means))
    assert again.standard_errors is not None
    errors = np.array(list(again.standard_errors.values()))
    gaps = np.array(list(again.parameters.values())) - list(spend.parameters.values())
    assert (np.abs(gaps) < 4 * errors).all()


def test_a_customer_value_brings_its_spend(cdnow: pa.Table) -> None:
    """Purchases and amounts of one fitted object; its holdout columns do not disturb."""
    fitted = CustomerValue().fit(cdnow)
    orders = simulated_orders(fitted, customers=cdnow, until="1997-10-01", seed=3)
    summary = transaction_summary(Orders(orders), "1997-10-01")
    assert summary.num_rows == 2357
    again = CustomerValue().fit(summary)
    assert sorted(summary["age_days"].to_pylist()) == sorted(cdnow["age_days"].to_pylist())
    assert again.transactions.parameters["r"] == pytest.approx(0.2426, abs=4 * 0.0126)
    assert again.spend.expected_spend([0], [0.0])[0] == pytest.approx(35.17, rel=0.15)


@pytest.mark.parametrize(
    ("named", "problem"),
    [
        ({"customers": 0, "start": "2024-01-01"}, "1 or more"),
        ({"customers": 5}, "is needed"),
        ({"customers": 5, "start": "2024-09-01"}, "not before the end"),
        ({"customers": 5, "start": "2024-01-01", "acquisition_days": 0}, "between start and end"),
        ({"customers": NEW, "start": "2024-01-01"}, "not needed"),
    ],
)
def test_impossible_draws_are_refused(named: dict[str, Any], problem: str) -> None:
    """Each names its argument."""
    with pytest.raises(InvalidArgumentError, match=problem):
        simulated_orders(fitted_to(BGNBD()), until="2024-08-01", **named)


def test_nobody_is_drawn_in_part() -> None:
    """A weight of a half is refused, and so is what is no fit."""
    half = SummaryRows(np.zeros(1), np.zeros(1), np.full(1, 9.0), np.full(1, 0.5))
    fitted = fitted_to(BGNBD())
    with pytest.raises(DataError, match="part of a customer"):
        simulated_orders(fitted, customers=half, until="2024-08-01")
    with pytest.raises(DataError, match="part of a customer"):
        predictive_checks(fitted, half)
    with pytest.raises(InvalidArgumentError, match="not a fitted model"):
        simulated_orders(BGNBD(), customers=half, until="2024-08-01")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="too few"):
        predictive_checks(fitted, drawn(BGNBD()), draws=5)


def test_a_fit_makes_data_like_its_own() -> None:
    """Customers drawn from the model itself lie inside; all statistics are as defined."""
    rows = drawn(BGNBD())
    checks = predictive_checks(BGNBD().fit(rows), rows, draws=100)
    assert len(checks.outside) <= 1
    count, last, age = rows.repeat_count, rows.last_purchase_age, rows.age
    actual = {check.statistic: check.actual for check in checks.checks}
    assert actual["share without repeats"] == pytest.approx((count == 0).mean())
    assert actual["share with 1 repeat"] == pytest.approx((count == 1).mean())
    assert actual["share with 7+ repeats"] == pytest.approx((count >= 7).mean())
    assert actual["mean repeats"] == pytest.approx(count.mean())
    assert actual["variance of repeats"] == pytest.approx(count.var())
    assert actual["mean last purchase age"] == pytest.approx(last[count > 0].mean())
    assert actual["share silent"] == pytest.approx((last <= 0.75 * age).mean())
    assert sum(v for name, v in actual.items() if name.startswith("share with")) == pytest.approx(1)


def test_a_fit_that_does_not_belong_is_found_out() -> None:
    """Customers of other parameters lie outside, and table and sentence say so."""
    fitted = fitted_to(BGNBD())
    often = drawn(BGNBD(), at=[0.5, 4.4, 0.8, 2.4])
    checks = predictive_checks(fitted, often, draws=50)
    assert "share without repeats" in checks.outside
    assert checks["share without repeats"].position == 0
    assert "outside" in repr(checks)
    assert "share without repeats" in checks.describe()
    assert checks._repr_html_().count("<tr>") == len(checks.checks) + 1
    assert checks.table().num_rows == 12
    with pytest.raises(InvalidArgumentError, match="mean repeats"):
        checks["mean repeat"]


def test_checks_of_cdnow(cdnow: pa.Table) -> None:
    """BG/NBD makes data like CDNOW; Pareto/NBD has too few customers with one repeat."""
    bg = predictive_checks(BGNBD().fit(cdnow), cdnow)
    assert bg.customers == 2357
    assert len(bg.outside) <= 1
    pareto = predictive_checks(ParetoNBD().fit(cdnow), cdnow)
    assert pareto["share with 1 repeat"].position > 0.97
    assert bg == predictive_checks(BGNBD().fit(cdnow), cdnow)
