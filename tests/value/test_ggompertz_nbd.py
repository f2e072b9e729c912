"""Gamma-Gompertz/NBD: known answers, its limit, data of its own, and what it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from userops.value import GGompertzNBD, ParetoNBD, SummaryRows

# Hazards that fall, that are constant, that grow at once, and that set in after 23 weeks.
SETS = [
    [0.55, 10.6, 2e-4, 0.6, 2.6e-3], [0.8, 5.0, 0.1, 1.0, 1.0], [0.8, 5.0, 0.1, 0.5, 50.0],
    [2.0, 4.0, 0.6, 0.1, 1e6],
]  # fmt: skip
HISTORIES = SummaryRows(
    np.array([0.0, 2.0, 10.0]), np.array([0.0, 30.0, 37.0]), np.array([0.0, 40.0, 38.0]), np.ones(3)
)


def simulated(parameters: list[float], customers: int, seed: int) -> SummaryRows:
    """Return the summary of customers drawn from the model, observed for 30 to 100 weeks."""
    rng = np.random.default_rng(seed)
    ages = rng.integers(30, 100, customers).astype(float)
    places, at = GGompertzNBD().simulated(np.array(parameters), ages, rng)
    last = np.zeros(customers)
    np.maximum.at(last, places, at)
    count = np.bincount(places, minlength=customers).astype(float)
    return SummaryRows(count, last, ages, np.ones(customers))


def test_cdnow(cdnow: Any) -> None:
    """The log-likelihood is the published one, and the status says that Pareto/NBD is enough."""
    fitted = GGompertzNBD().fit(cdnow)
    assert fitted.log_likelihood == pytest.approx(-9594.9762, abs=1e-3)
    assert fitted.status in ("boundary", "not_identified")
    assert "b" in fitted.loose
    values = fitted.parameters
    assert values["r"] == pytest.approx(0.553, abs=1e-3)
    assert values["alpha"] == pytest.approx(10.578, abs=1e-2)
    assert values["s"] == pytest.approx(0.603, abs=5e-3)
    pareto = ParetoNBD().fit(cdnow)
    assert values["beta"] / values["b"] == pytest.approx(pareto.parameters["beta"], rel=1e-3)
    rows = SummaryRows.of(cdnow, unit_days=7)
    assert fitted.p_alive(rows) == pytest.approx(pareto.p_alive(rows), abs=1e-4)
    mine = fitted.expected_purchases(39, rows)
    assert mine == pytest.approx(pareto.expected_purchases(39, rows), rel=1e-3)


def test_it_becomes_pareto_nbd() -> None:
    """With b and beta near zero it gives the likelihood and the hooks of Pareto/NBD."""
    rows, b = simulated([0.8, 5.0, 0.1, 0.5, 50.0], 300, 2), 1e-7
    limit, pareto = np.array([0.55, 10.6, b, 0.6, 11.7 * b]), np.array([0.55, 10.6, 0.6, 11.7])
    mine, other = GGompertzNBD().derivatives(limit, rows), ParetoNBD().derivatives(pareto, rows)
    assert mine.value == pytest.approx(other.value, rel=1e-6)
    assert mine.gradient[[0, 1, 3]] == pytest.approx(other.gradient[:3], rel=1e-3)
    alive = GGompertzNBD().p_alive(limit, rows)
    assert alive == pytest.approx(ParetoNBD().p_alive(pareto, rows), abs=1e-5)
    expected = GGompertzNBD().expected_purchases(limit, 39.0, rows)
    assert expected == pytest.approx(ParetoNBD().expected_purchases(pareto, 39.0, rows), rel=1e-4)
    counts = GGompertzNBD().purchase_probabilities(limit, 39.0, rows, 9)
    assert counts == pytest.approx(
        ParetoNBD().purchase_probabilities(pareto, 39.0, rows, 9), abs=1e-5
    )


@pytest.mark.parametrize(
    "truth", [[1.5, 5.0, 0.08, 1.0, 20.0], [1.5, 5.0, 0.2, 0.3, 0.5], [0.8, 5.0, 0.1, 0.5, 50.0]]
)
def test_parameters_come_back(truth: list[float]) -> None:
    """From customers of the model itself, within three standard errors."""
    fitted = GGompertzNBD().fit(simulated(truth, 8_000, 3))
    assert fitted.status == "converged"
    assert fitted.standard_errors is not None
    errors = np.array(list(fitted.standard_errors.values()))
    assert (np.abs(fitted.values - truth) < 3 * errors).all()


@pytest.mark.parametrize("parameters", SETS)
def test_a_new_customer_buys_as_simulated(parameters: list[float]) -> None:
    """Expected purchases and the distribution of counts are those of many draws."""
    rng, customers, horizon = np.random.default_rng(4), 200_000, 40.0
    places, _ = GGompertzNBD().simulated(np.array(parameters), np.full(customers, horizon), rng)
    counts = np.bincount(places, minlength=customers)
    new = SummaryRows.one(0, 0.0, 0.0)
    expected = GGompertzNBD().expected_purchases(np.array(parameters), horizon, new)[0]
    error = counts.std() / np.sqrt(customers)
    assert counts.mean() == pytest.approx(expected, abs=4 * error)
    shares = np.bincount(counts, minlength=11)[:11] / customers
    found = GGompertzNBD().purchase_probabilities(np.array(parameters), horizon, new, 10)[0]
    assert shares == pytest.approx(found, abs=4 * np.sqrt(0.25 / customers))


@pytest.mark.parametrize("horizon", [0.01, 1.0, 30.0, 300.0])
@pytest.mark.parametrize("parameters", SETS)
def test_counts_add_up(parameters: list[float], horizon: float) -> None:
    """Probabilities sum to one, and their mean is what is expected by another integral."""
    values = np.array(parameters)
    found = GGompertzNBD().purchase_probabilities(values, horizon, HISTORIES, 2_000)
    assert found.sum(axis=1) == pytest.approx(1, abs=1e-9)
    expected = GGompertzNBD().expected_purchases(values, horizon, HISTORIES)
    assert found @ np.arange(2_001.0) == pytest.approx(expected, rel=1e-7)


def test_who_was_seen_lately_is_alive_as_simulated() -> None:
    """Of the customers with some count and last purchase, the share that is alive comes out."""
    parameters, rng = [2.0, 4.0, 0.15, 0.5, 20.0], np.random.default_rng(6)
    r, alpha, b, s, beta = parameters
    customers, age = 400_000, 40.0
    rates = rng.gamma(r, 1 / alpha, customers)
    lives = np.log1p(rng.exponential(size=customers) / rng.gamma(s, 1 / beta, customers)) / b
    counts = rng.poisson(rates * np.minimum(lives, age))
    # The last of n uniform instants in [0, end] is end times the n-th root of a uniform draw.
    last = np.minimum(lives, age) * rng.random(customers) ** (1 / np.maximum(counts, 1))
    like = (counts == 8) & (last > 20) & (last < 22)
    found = GGompertzNBD().p_alive(np.array(parameters), SummaryRows.one(8, 21.0, age))[0]
    share = (lives[like] > age).mean()
    assert share == pytest.approx(found, abs=4 * np.sqrt(0.25 / like.sum()) + 0.01)
    silent = counts == 0
    found = GGompertzNBD().p_alive(np.array(parameters), SummaryRows.one(0, 0.0, age))[0]
    assert (lives[silent] > age).mean() == pytest.approx(
        found, abs=4 * np.sqrt(0.25 / silent.sum())
    )
