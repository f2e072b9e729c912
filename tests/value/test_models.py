"""Properties of the models: derivatives, starts, weights, and what is said of odd data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln

from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.value import (
    BGNBD,
    MBGNBD,
    GammaGamma,
    GGompertzNBD,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    TransactionModel,
)

FOUR: list[TransactionModel] = [BGNBD(), MBGNBD(), ParetoNBD()]
MODELS: list[TransactionModel] = [*FOUR, GGompertzNBD()]
SETS_OF_FOUR = [
    [0.24, 4.4, 0.79, 2.4], [0.55, 10.6, 0.61, 11.7], [2.0, 0.5, 3.0, 0.5], [0.05, 90, 0.2, 0.1],
]  # fmt: skip
SETS_OF_FIVE = [
    [0.55, 10.6, 0.0002, 0.6, 0.0026], [0.8, 5.0, 0.1, 0.5, 50.0], [2.0, 0.5, 3.0, 0.5, 0.5],
    [0.5, 10.0, 0.1, 1.0, 1.0], [0.05, 90, 30.0, 0.02, 1e5],
]  # fmt: skip


def drawn(customers: int, seed: int = 1) -> SummaryRows:
    """Draw customers who buy at rates of their own until they drop out."""
    rng = np.random.default_rng(seed)
    rate, gone = rng.gamma(0.6, 1 / 8, customers), rng.gamma(0.7, 1 / 12, customers)
    life = rng.exponential(1 / np.maximum(gone, 1e-9))
    age = rng.integers(20, 80, customers).astype(float)
    count, last = np.zeros(customers), np.zeros(customers)
    for n in range(customers):
        at = np.cumsum(rng.exponential(1 / max(rate[n], 1e-9), 400))
        kept = at[at < min(life[n], age[n])]
        count[n] = len(kept)
        last[n] = kept[-1] if len(kept) else 0.0
    return SummaryRows(count, last, age, np.ones(customers))


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        *((model, parameters) for model in FOUR for parameters in SETS_OF_FOUR),
        *((GGompertzNBD(), parameters) for parameters in SETS_OF_FIVE),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, TransactionModel) else str(value),
)
def test_derivatives_are_those_of_finite_differences(
    model: TransactionModel, parameters: list[float]
) -> None:
    """Gradient and Hessian by the logarithms agree with central differences to 1e-6."""
    rows, logs = drawn(80), np.log(parameters)
    at, scale = model.of_coordinates(logs, rows), 0.0
    size, step = len(logs), 1e-5
    gradient, hessian = np.zeros(size), np.zeros((size, size))
    for k in range(size):
        ends = [
            model.of_coordinates(logs + sign * step * np.eye(size)[k], rows) for sign in (1, -1)
        ]
        gradient[k] = (ends[0].value - ends[1].value) / (2 * step)
        hessian[k] = (ends[0].gradient - ends[1].gradient) / (2 * step)
    scale = max(1.0, float(np.abs(at.hessian).max()))
    assert np.abs(at.gradient - gradient).max() < 1e-6 * max(scale, abs(at.value))
    assert np.abs(at.hessian - hessian).max() < 1e-6 * scale
    assert np.allclose(at.hessian, at.hessian.T)


def test_spend_derivatives_are_those_of_finite_differences() -> None:
    """The same of Gamma-Gamma."""
    rng = np.random.default_rng(2)
    rows = SpendRows(rng.integers(1, 9, 60).astype(float), rng.gamma(3, 12, 60))
    model, values, step = GammaGamma(), np.array([6.0, 3.5, 15.0]), 1e-5
    at = model.derivatives(values, rows)
    for k in range(3):
        ends = [model.derivatives(values + sign * step * np.eye(3)[k], rows) for sign in (1, -1)]
        slope = (ends[0].value - ends[1].value) / (2 * step)
        assert at.gradient[k] == pytest.approx(slope, rel=1e-5, abs=1e-5)
        curve = (ends[0].gradient - ends[1].gradient) / (2 * step)
        assert at.hessian[k] == pytest.approx(curve, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("ratio", [1.0, 1e-6, 1e6])
def test_the_likelihood_of_pareto_nbd_is_the_integral(ratio: float) -> None:
    """Whatever alpha over beta is, against adaptive quadrature over the time of dropout."""
    r, alpha, s = 0.6, 10.0, 0.7
    beta = alpha / ratio
    for x, last, age in ((0, 0.0, 30.0), (3, 12.0, 38.0), (40, 37.5, 38.0)):
        rows = SummaryRows.one(x, last, age)
        found = ParetoNBD().derivatives(np.array([r, alpha, s, beta]), rows).value

        def gone(v: float, x: int = x, last: float = last) -> float:
            y = last + np.expm1(v)
            log = -(r + x) * np.log1p((y - last) / (alpha + last)) - (s + 1) * np.log1p(
                (y - last) / (beta + last)
            )
            return float(np.exp(log + v))

        inside, _ = quad(gone, 0, np.log1p(age - last), limit=2_000, epsabs=0, epsrel=1e-12)
        log_gone = (
            np.log(s * inside) - (r + x) * np.log(alpha + last) - (s + 1) * np.log(beta + last)
        )
        alive = -(r + x) * np.log(alpha + age) - s * np.log(beta + age)
        expected = (
            gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
            + np.logaddexp(alive, log_gone)
        )  # fmt: skip
        assert found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("model", FOUR, ids=lambda m: type(m).__name__)
def test_every_start_ends_at_the_same_height(model: TransactionModel, cdnow: Any) -> None:
    """A hundred random starts reach one log-likelihood to 1e-8."""
    rng = np.random.default_rng(3)
    heights = []
    for _ in range(100):
        fitted = model.fit(cdnow, start=np.exp(rng.uniform(-3, 4, 4)))
        assert fitted.status == "converged"
        heights.append(fitted.log_likelihood)
    assert max(heights) - min(heights) < 1e-8 * abs(max(heights))


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_densities_add_up_to_one_of_a_new_customer(model: TransactionModel) -> None:
    """The expected purchases grow with the horizon, and of nobody are there fewer than none."""
    five = isinstance(model, GGompertzNBD)
    parameters, rows = np.array((SETS_OF_FIVE if five else SETS_OF_FOUR)[1]), drawn(50)
    before = np.zeros(len(rows))
    for horizon in (0.1, 1.0, 10.0, 100.0):
        expected = model.expected_purchases(parameters, horizon, rows)
        assert (expected > before).all()
        before = expected
    alive = model.p_alive(parameters, rows)
    assert ((alive >= 0) & (alive <= 1)).all()


rows_of_anybody = st.lists(
    st.tuples(st.integers(0, 5_000), st.floats(0, 1), st.integers(0, 3_000)),
    min_size=1,
    max_size=12,
)


@settings(deadline=None, max_examples=100)
@given(rows_of_anybody, st.sampled_from(MODELS))
def test_no_fit_is_silent_or_nan(drawn_rows: list[Any], model: TransactionModel) -> None:
    """Any summary gives a fit with a status, finite numbers, and probabilities."""
    x, t, age = [], [], []
    for count, share, days in drawn_rows:
        last = share * days
        x.append(float(count) if last > 0 else 0.0)
        t.append(last if count else 0.0)
        age.append(float(days))
    rows = SummaryRows(np.array(x), np.array(t), np.array(age), np.ones(len(x)))
    fitted = model.fit(rows)
    assert fitted.status in ("converged", "boundary", "not_identified", "failed")
    assert np.isfinite(fitted.log_likelihood)
    assert np.isfinite(fitted.values).all()
    alive = fitted.p_alive(rows)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert (fitted.covariance is None) == (fitted.status != "converged")
    assert fitted.status == "converged" or fitted.meaning in repr(fitted)


def test_weights_stand_for_customers() -> None:
    """A row of weight two is two rows."""
    rows = drawn(300)
    twice = SummaryRows(*(np.concatenate([v, v]) for v in (
        rows.repeat_count, rows.last_purchase_age, rows.age, rows.weight
    )))  # fmt: skip
    heavy = SummaryRows(rows.repeat_count, rows.last_purchase_age, rows.age, 2 * rows.weight)
    for model in MODELS:
        one, other = model.fit(twice), model.fit(heavy)
        assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-10)


def test_weights_of_spend_stand_for_customers() -> None:
    """A row of weight three is three rows: height, errors, and the correlation with frequency."""
    rng = np.random.default_rng(2)
    count, spend = rng.integers(1, 9, 60).astype(float), rng.gamma(3, 12, 60)
    thrice = GammaGamma().fit(SpendRows(np.tile(count, 3), np.tile(spend, 3)))
    heavy = GammaGamma().fit(SpendRows(count, spend, np.full(60, 3.0)))
    assert heavy.log_likelihood == pytest.approx(thrice.log_likelihood, rel=1e-12)
    assert heavy.customers == thrice.customers == 180
    assert heavy.frequency_correlation == pytest.approx(thrice.frequency_correlation)
    assert heavy.standard_errors == pytest.approx(thrice.standard_errors, rel=1e-6)
    with pytest.raises(DataError, match="weight"):
        SpendRows(count, spend, np.zeros(60))


def test_who_buys_once_teaches_nothing_of_dropout() -> None:
    """Without any repeat purchase the status says so, and names what is not known."""
    rows = SummaryRows(np.zeros(50), np.zeros(50), np.full(50, 30.0), np.ones(50))
    for model in MODELS:
        fitted = model.fit(rows)
        assert fitted.status in ("boundary", "not_identified")
        assert fitted.loose


@pytest.mark.parametrize(
    ("x", "t", "age", "problem"),
    [
        (-1, 0, 5, "negative"), (1, 6, 5, "beyond their age"), (0, 2, 5, "no repeat purchase"),
        (2, 0, 5, "age of zero"), (1.5, 2, 5, "whole number"), (np.nan, 2, 5, "not finite"),
    ],
)  # fmt: skip
def test_rows_that_nobody_can_have_are_refused(
    x: float, t: float, age: float, problem: str
) -> None:
    """Each says what is wrong, how many rows, and shows one."""
    with pytest.raises(DataError, match=problem):
        SummaryRows(*(np.array([float(v)]) for v in (x, t, age, 1)))


def test_arguments_are_checked(cdnow: Any) -> None:
    """Units, horizons, and columns that are not there."""
    with pytest.raises(InvalidArgumentError, match="weeks"):
        BGNBD().fit(cdnow, unit="week")
    with pytest.raises(InvalidArgumentError, match="horizon"):
        BGNBD().fit(cdnow).expected_purchases(0)
    with pytest.raises(ColumnNotFoundError, match="age_days"):
        BGNBD().fit(cdnow.drop_columns(["age_days"]))
    with pytest.raises(DataError, match="no repeat purchase"):
        SpendRows(np.array([0.0]), np.array([5.0]))


@pytest.mark.parametrize("model", MODELS)
def test_one_row_is_a_row_among_many(model: TransactionModel) -> None:
    """Which is computed by itself, and must not come out otherwise."""
    at = np.array((SETS_OF_FIVE if len(model.parameter_names) == 5 else SETS_OF_FOUR)[0])
    many = SummaryRows(
        np.array([0.0, 1.0, 2.0, 40.0]), np.array([0.0, 3.0, 30.43, 38.0]), np.full(4, 38.86)
    )
    alive, expected = model.p_alive(at, many), model.expected_purchases(at, 39.0, many)
    for place in range(len(many)):
        one = many.part(slice(place, place + 1))
        assert model.p_alive(at, one) == pytest.approx(alive[[place]], rel=1e-14)
        found = model.expected_purchases(at, 39.0, one)
        assert found == pytest.approx(expected[[place]], rel=1e-12)
