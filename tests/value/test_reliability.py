"""Searches end where they should, whatever they begin with, and intervals hold the truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.value.shops import drawn_rows

from userops import Orders
from userops.datasets import load_online_retail
from userops.value import (
    BGNBD,
    MBGNBD,
    GammaGamma,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    TransactionModel,
    transaction_summary,
)

MODELS: list[TransactionModel] = [BGNBD(), MBGNBD(), ParetoNBD()]
# Rates and dropout from the slow and loyal to the frequent and fickle.
SHOPS = (
    ("BGNBD", [0.24, 4.4, 0.8, 2.4]), ("BGNBD", [1.5, 3.0, 0.3, 6.0]),
    ("BGNBD", [0.8, 20.0, 2.0, 2.0]), ("MBGNBD", [0.5, 6.2, 0.9, 1.6]),
    ("MBGNBD", [2.0, 10.0, 0.2, 0.3]), ("MBGNBD", [0.3, 1.0, 3.0, 9.0]),
    ("ParetoNBD", [0.55, 10.6, 0.6, 11.7]), ("ParetoNBD", [1.0, 2.0, 2.0, 60.0]),
    ("ParetoNBD", [0.3, 4.0, 0.3, 2.0]), ("ParetoNBD", [3.0, 30.0, 1.0, 10.0]),
)  # fmt: skip
BY_NAME = {type(model).__name__: model for model in MODELS}


def heights(model: TransactionModel, rows: SummaryRows, starts: int) -> list[float]:
    """Fit from random starts, from e**-3 to e**4 in each parameter."""
    rng = np.random.default_rng(3)
    return [
        model.fit(rows, start=np.exp(rng.uniform(-3, 4, 4))).log_likelihood for _ in range(starts)
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("number", [0, 4, 8])
def test_a_few_starts_end_at_one_height(model: TransactionModel, number: int) -> None:
    """In three shops, for models that are true of them and models that are not."""
    name, parameters = SHOPS[number]
    rows = drawn_rows(BY_NAME[name], parameters, 400, np.random.default_rng(number))
    found = heights(model, rows, 4)
    assert max(found) - min(found) < 1e-8 * abs(max(found))


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("number", range(len(SHOPS)))
def test_a_hundred_starts_end_at_one_height_in_ten_shops(
    model: TransactionModel, number: int
) -> None:
    """A hundred of a hundred, to 1e-8 of the log-likelihood."""
    name, parameters = SHOPS[number]
    rows = drawn_rows(BY_NAME[name], parameters, 1_000, np.random.default_rng(number))
    found = heights(model, rows, 100)
    assert max(found) - min(found) < 1e-8 * abs(max(found))


@pytest.fixture(scope="module")
def retail() -> Any:
    """Return the summary of the bundled shop, whose customers show no sign of leaving."""
    orders = Orders(
        load_online_retail(backend="pyarrow"), customer_id="CustomerID", order_id="InvoiceNo",
        ordered_at="InvoiceDate", quantity="Quantity", unit_price="UnitPrice", scale=3,
        time_zone="Europe/London",
    )  # fmt: skip
    return transaction_summary(orders, "2011-12-10")


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_hundred_starts_end_at_one_height_in_a_real_shop(
    model: TransactionModel, retail: Any
) -> None:
    """Where dropout is not identified, too."""
    found = heights(model, SummaryRows.of(retail, unit_days=7), 100)
    assert max(found) - min(found) < 1e-8 * abs(max(found))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_shop_that_nobody_leaves_says_so(model: TransactionModel, retail: Any) -> None:
    """A plateau, on which an early stop would look like an optimum."""
    fitted = model.fit(retail)
    assert fitted.status in ("not_identified", "boundary")
    assert set(fitted.loose) <= set(model.parameter_names[2:])
    away = model.fit(retail, start=[0.8, 10.0, 1e-3, 1e4])
    assert away.log_likelihood == pytest.approx(fitted.log_likelihood, rel=1e-8)


@pytest.mark.parametrize(
    "parameters",
    [[0.3, 2.0, 0.1, 0.2], [0.05, 0.5, 0.3, 0.4], [5.0, 1.0, 0.5, 30.0]],
)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_extreme_customers_are_fitted_without_nan(
    model: TransactionModel, parameters: list[float]
) -> None:
    """A + b < 1, hardly any rates alike, hundreds of purchases."""
    rows = drawn_rows(MBGNBD(), parameters, 300, np.random.default_rng(5))
    fitted = model.fit(rows)
    assert np.isfinite(fitted.log_likelihood)
    assert np.isfinite(fitted.values).all()
    for horizon in (0.01, 52.0, 5_000.0):
        assert np.isfinite(fitted.expected_purchases(horizon, rows)).all()


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@pytest.mark.parametrize("customers", [1, 10])
def test_customers_who_are_all_alike_teach_little(model: TransactionModel, customers: int) -> None:
    """One customer, and ten that are one; the status names it, and predictions are numbers."""
    rows = SummaryRows(*(np.full(customers, value) for value in (3.0, 20.0, 30.0)))
    fitted = model.fit(rows)
    assert fitted.status != "converged"
    assert fitted.loose
    assert np.isfinite(fitted.expected_purchases(10, rows)).all()


def coverage(model: TransactionModel, parameters: list[float], draws: int) -> dict[str, float]:
    """Return how often 95 % intervals of parameters and of a prediction hold the truth."""
    rng, true = np.random.default_rng(11), np.array(parameters)
    expected = model.expected_purchases(true, 39.0, SummaryRows.one(0, 0.0, 0.0))[0]
    hits = dict.fromkeys((*model.parameter_names, "expected"), 0)
    for _ in range(draws):
        fitted = model.fit(drawn_rows(model, parameters, 3_000, rng))
        assert fitted.status == "converged"
        ends = fitted.parameter_intervals()
        for name, value in zip(model.parameter_names, parameters, strict=True):
            hits[name] += ends[name][0] <= value <= ends[name][1]
        found = fitted.interval(lambda fit: fit.expected_purchases(39))
        hits["expected"] += bool(found.low[0] <= expected <= found.high[0])
    return {name: count / draws for name, count in hits.items()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (BGNBD(), [0.6, 6.0, 0.8, 2.4]), (MBGNBD(), [0.6, 6.0, 0.8, 1.6]),
        (ParetoNBD(), [0.6, 6.0, 0.8, 10.0]),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_intervals_hold_the_truth_as_often_as_they_say(
    model: TransactionModel, parameters: list[float]
) -> None:
    """Of 500 simulations 92 to 98 in a hundred, for 95 %."""
    for name, share in coverage(model, parameters, 500).items():
        assert 0.92 <= share <= 0.98, name


@pytest.mark.slow
def test_intervals_of_spend_hold_the_truth() -> None:
    """The same of Gamma-Gamma."""
    rng, true = np.random.default_rng(12), {"p": 6.25, "q": 3.74, "gamma": 15.44}
    hits = dict.fromkeys(true, 0)
    for _ in range(500):
        count = rng.integers(1, 8, 2_000).astype(float)
        rate = rng.gamma(true["q"], 1 / true["gamma"], 2_000)
        rows = SpendRows(count, rng.gamma(true["p"] * count, 1 / rate) / count)
        ends = GammaGamma().fit(rows).parameter_intervals()
        for name, value in true.items():
            hits[name] += ends[name][0] <= value <= ends[name][1]
    for name, count_ in hits.items():
        assert 0.92 <= count_ / 500 <= 0.98, name


@pytest.mark.parametrize("shape", [0.5, 0.9, 1.5])
def test_spend_without_a_mean_is_fitted(shape: float) -> None:
    """Q < 1: the mean of the population is infinite, that of a customer is not."""
    rng = np.random.default_rng(6)
    count = rng.integers(1, 9, 3_000).astype(float)
    spend = rng.gamma(4.0 * count, 1 / rng.gamma(shape, 1 / 20.0, 3_000)) / count
    fitted = GammaGamma().fit(SpendRows(count, spend))
    assert fitted.status == "converged"
    assert fitted.parameters["q"] == pytest.approx(shape, rel=0.15)
    known = fitted.expected_spend(count, spend)
    assert np.isfinite(known).all()
    assert np.isinf(fitted.expected_spend([0], [np.nan])).all() == (fitted.parameters["q"] <= 1)
