"""BG/BB: what its paper prints, its likelihood and predictions against other ways to get them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import betaln, hyp2f1

from userops import Orders
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.testing import check_transaction_model
from userops.value import (
    BGBB,
    Prior,
    SummaryRows,
    compare,
    predictive_checks,
    simulated_orders,
    validate,
)
from userops.value.beta_geometric import expected_periods

Floats = NDArray[np.float64]
_DONORS = Path(__file__).parents[3] / "shared" / "data" / "donations" / "donations.csv"
PUBLISHED = np.array([1.204, 0.750, 0.657, 2.783])
NEW = SummaryRows.one(0, 0.0, 0.0)
GRID = [[1.2, 0.75, 0.66, 2.8], [0.05, 30.0, 5.0, 0.2], [20.0, 3.0, 0.01, 1.0], [0.6, 9, 1.0, 40]]


@pytest.fixture(scope="module")
def donors() -> SummaryRows:
    """Return the 11,104 donors of the paper's table 2, by cells."""
    if not _DONORS.exists():
        pytest.skip(f"needs {_DONORS.name} beside the project")
    cells = np.loadtxt(_DONORS, delimiter=",", skiprows=1)
    return SummaryRows(*cells.T.copy())


def rows_of(*rows: tuple[int, int, int]) -> SummaryRows:
    """Return rows of (x, t_x, n), a customer each."""
    x, last, age = np.array(rows, dtype=np.float64).T
    return SummaryRows(x, last, age, np.ones(len(rows)))


def drawn(parameters: list[float], ages: Floats, seed: int) -> SummaryRows:
    """Return what customers of a seed did."""
    places, at = BGBB().simulated(np.array(parameters), ages, np.random.default_rng(seed))
    last = np.zeros(len(ages))
    np.maximum.at(last, places, at)
    count = np.bincount(places, minlength=len(ages)).astype(np.float64)
    return SummaryRows(count, last, ages, np.ones(len(ages)))


def likelihood(parameters: Any, x: int, last: int, n: int) -> float:
    """Return equation (5) of the paper, term by term."""
    alpha, beta, gamma, delta = parameters
    found = betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n)
    for t in range(last, n):
        term = betaln(alpha + x, beta + t - x) + betaln(gamma + 1, delta + t)
        found = np.logaddexp(found, term)
    return float(found - betaln(alpha, beta) - betaln(gamma, delta))


def test_the_donors_of_the_paper(donors: SummaryRows) -> None:
    """Fader, Hardie & Shang (2010): parameters, fitted cells, P(alive) and the five years held."""
    fitted = BGBB().fit(donors)
    assert fitted.status == "converged"
    assert fitted.unit == "opportunities"
    assert [round(value, 3) for value in fitted.parameters.values()] == [1.204, 0.75, 0.657, 2.783]
    assert fitted.log_likelihood == pytest.approx(-33_225.58, abs=5e-3)
    total = donors.weight @ fitted.expected_purchases(5, donors)
    assert round(float(total), 1) == 12_884.2
    cells = 11_104 * fitted.purchase_probabilities(6, most=6)[0]
    assert [round(float(cells[x]), 1) for x in (0, 6)] == [3_454.9, 1_253.1]
    alive = fitted.p_alive(rows_of((0, 0, 6), (2, 4, 6), (6, 6, 6)))
    assert alive.round(2).tolist() == [0.11, 0.59, 0.93]


def test_standard_errors_are_those_of_finite_differences(donors: SummaryRows) -> None:
    """The observed information, differenced from the log-likelihood alone."""
    model = BGBB()
    fitted = model.fit(donors)
    values, information = fitted.values, np.zeros((4, 4))
    steps = 1e-3 * values

    def height(*moves: tuple[int, int]) -> float:
        at = values.copy()
        for k, sign in moves:
            at[k] += sign * steps[k]
        return model.derivatives(at, donors).value

    for k, m in product(range(4), repeat=2):
        corners = [p * q * height((k, p), (m, q)) for p in (1, -1) for q in (1, -1)]
        information[k, m] = -sum(corners) / (4 * steps[k] * steps[m])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    assert fitted.standard_errors is not None
    assert list(fitted.standard_errors.values()) == pytest.approx(errors.tolist(), rel=1e-3)


@pytest.mark.parametrize("parameters", GRID)
def test_the_likelihood_is_the_sum_of_the_paper(parameters: list[float]) -> None:
    """Row by row, from one opportunity to five thousand, against the terms one by one."""
    rows = [(0, 0, 0), (0, 0, 1), (1, 1, 1), (0, 0, 9), (2, 5, 9), (3, 9, 9), (40, 60, 400),
            (3, 3, 5_000), (2_500, 2_600, 5_000), (5_000, 5_000, 5_000)]  # fmt: skip
    at = np.array(parameters)
    for row in rows:
        found = BGBB().derivatives(at, rows_of(row)).value
        assert found == pytest.approx(likelihood(parameters, *row), rel=1e-9, abs=1e-9)
    together = BGBB().derivatives(at, rows_of(*rows)).value
    assert together == pytest.approx(sum(likelihood(parameters, *row) for row in rows), rel=1e-9)


@pytest.mark.parametrize("parameters", GRID)
def test_derivatives_are_those_of_finite_differences(parameters: list[float]) -> None:
    """Gradient and Hessian by the logarithms agree with central differences to 1e-6."""
    ages = np.random.default_rng(1).integers(0, 40, 60).astype(np.float64)
    rows, logs, step = drawn([1.2, 0.75, 0.66, 2.8], ages, 1), np.log(parameters), 1e-5
    at = BGBB().of_coordinates(logs, rows)
    gradient, hessian = np.zeros(4), np.zeros((4, 4))
    for k in range(4):
        ends = [BGBB().of_coordinates(logs + sign * step * np.eye(4)[k], rows) for sign in (1, -1)]
        gradient[k] = (ends[0].value - ends[1].value) / (2 * step)
        hessian[k] = (ends[0].gradient - ends[1].gradient) / (2 * step)
    scale = max(1.0, float(np.abs(at.hessian).max()))
    assert np.abs(at.gradient - gradient).max() < 1e-6 * max(scale, abs(at.value))
    assert np.abs(at.hessian - hessian).max() < 1e-6 * scale
    assert np.allclose(at.hessian, at.hessian.T)


@pytest.mark.parametrize("parameters", GRID)
def test_probabilities_of_all_histories_add_up_to_one(parameters: list[float]) -> None:
    """Every sequence of seven opportunities, by the likelihood of its x and t_x."""
    total = 0.0
    for bought in product((0, 1), repeat=7):
        last = max((n + 1 for n, one in enumerate(bought) if one), default=0)
        row = rows_of((sum(bought), last, 7))
        total += float(np.exp(BGBB().derivatives(np.array(parameters), row).value))
    assert total == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("parameters", GRID)
def test_counts_of_purchases_are_a_distribution_with_the_expected_mean(
    parameters: list[float],
) -> None:
    """They add up to one, and their mean is equation (13); of nobody are there more than m."""
    at, rows = np.array(parameters), rows_of((0, 0, 0), (0, 0, 9), (2, 5, 9), (6, 8, 9), (9, 9, 9))
    for horizon in (1, 5, 30):
        found = BGBB().purchase_probabilities(at, horizon, rows, horizon + 2)
        assert found.sum(axis=1) == pytest.approx(np.ones(5), rel=1e-10)
        assert np.abs(found[:, horizon + 1 :]).max() == 0
        mean = found @ np.arange(horizon + 3.0)
        assert mean == pytest.approx(BGBB().expected_purchases(at, horizon, rows), rel=1e-9)


@pytest.mark.parametrize("parameters", GRID)
def test_the_future_is_the_ratio_of_likelihoods(parameters: list[float]) -> None:
    """P(alive) and the next purchase follow from likelihoods of one more opportunity."""
    at = np.array(parameters)
    for x, last, n in ((0, 0, 0), (0, 0, 6), (2, 4, 6), (5, 30, 36)):
        row, now = rows_of((x, last, n)), likelihood(parameters, x, last, n)
        buys = np.exp(likelihood(parameters, x + 1, n + 1, n + 1) - now)
        assert BGBB().expected_purchases(at, 1, row)[0] == pytest.approx(buys, rel=1e-9)
        share = (at[0] + x) / (at[0] + at[1] + n)
        assert BGBB().p_alive(at, row)[0] == pytest.approx(buys / share, rel=1e-9)


@pytest.mark.parametrize("parameters", [[1.2, 0.75, 0.66, 2.8], [0.6, 9.0, 1.0, 40.0]])
def test_the_hooks_belong_together(parameters: list[float]) -> None:
    """By the contract of every model; also with covariates, and with a prior."""
    check_transaction_model(BGBB(), parameters)
    check_transaction_model(
        BGBB(
            purchase_covariates=["is_member"], dropout_covariates=["is_member", "distance"],
            priors=[Prior("gamma", 1.0, 0.5)],
        ),
        parameters,
    )  # fmt: skip


def test_effects_move_the_odds_of_the_coins() -> None:
    """Members who buy and leave more easily are told apart within three standard errors."""
    ages = np.full(8_000, 12.0)
    plain = drawn([1.2, 1.5, 0.8, 6.0], ages, 7)
    members = drawn([1.2 * 2.0, 1.5, 0.8 / 2.0, 6.0], ages, 8)
    both = [np.concatenate(pair) for pair in (
        (plain.repeat_count, members.repeat_count),
        (plain.last_purchase_age, members.last_purchase_age),
        (plain.age, members.age), (plain.weight, members.weight),
    )]  # fmt: skip
    known = np.repeat([0.0, 1.0], 8_000)[:, None]
    model = BGBB(purchase_covariates=["is_member"], dropout_covariates=["is_member"])
    fitted = model.fit(SummaryRows(*both, known))
    errors = fitted.standard_errors
    assert errors is not None
    for name, true in (("purchase.is_member", np.log(2)), ("dropout.is_member", -np.log(2))):
        assert abs(fitted.effects[name] - true) < 3 * errors[name]


def test_what_is_discounted_is_the_series() -> None:
    """Equation (14) is the sum of what each opportunity adds; without discount it is (13)."""
    rows = rows_of((0, 0, 6), (2, 4, 6), (6, 6, 6))
    model, sums = BGBB(), np.zeros(3)
    until = [model.expected_purchases(PUBLISHED, m, rows) for m in range(401)]
    for k in range(400):
        sums += (until[k + 1] - until[k]) / 1.1 ** (k + 1)
    assert model.discounted_residual_purchases(PUBLISHED, 0.1, rows) == pytest.approx(sums)
    alpha, beta, gamma, delta = PUBLISHED
    closed = np.exp(
        betaln(alpha + 7, beta) - betaln(alpha, beta) + betaln(gamma, delta + 7)
        - betaln(gamma, delta) - likelihood(PUBLISHED, 6, 6, 6)
    ) * hyp2f1(1, delta + 7, gamma + delta + 7, 1 / 1.1) / 1.1  # fmt: skip
    found = model.discounted_residual_purchases(PUBLISHED, 0.1, rows)[2]
    assert found == pytest.approx(float(closed), rel=1e-10)
    same = model.discounted_residual_purchases(PUBLISHED, 0.0, rows, horizon=5)
    assert same == pytest.approx(model.expected_purchases(PUBLISHED, 5, rows))
    assert np.isinf(model.discounted_residual_purchases(PUBLISHED, 0.0, rows)).all()


@pytest.mark.parametrize("a", [1e-5, 0.4, 0.95, 1.0, 1 + 1e-9, 1.04, 3.0, 800.0])
@pytest.mark.parametrize("discount", [0.0, 1e-4, 0.02, 1.0])
def test_periods_are_the_sum_term_by_term(a: float, discount: float) -> None:
    """Closed forms and the fraction of Gauss, also where hypergeometric series overflow."""
    b = np.array([0.01, 2.7, 90.0, 5_000.0])
    for horizon in (0, 1, 700, 1_500, 20_000):
        j = np.arange(float(horizon))[:, None]
        terms = (np.log((b + j) / (a + b + j)) - np.log1p(discount)).cumsum(axis=0)
        sums = np.exp(terms).sum(axis=0)
        assert expected_periods(a, b, discount, horizon) == pytest.approx(sums, rel=1e-8, abs=0)


def test_customers_who_are_drawn_give_their_parameters_back() -> None:
    """Within three standard errors, with ages that differ."""
    rng = np.random.default_rng(5)
    truth = [0.9, 2.0, 0.8, 6.0]
    rows = drawn(truth, rng.integers(1, 30, 20_000).astype(np.float64), 6)
    fitted = BGBB().fit(rows)
    errors = fitted.standard_errors
    assert errors is not None
    for value, error, true in zip(fitted.values, errors.values(), truth, strict=True):
        assert abs(value - true) < 3 * error


histories = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.integers(0, 60)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=25)
@given(histories)
@example([(0.0, 1.0, 1)])
def test_no_fit_is_silent_or_nan(drawn_rows: list[tuple[float, float, int]]) -> None:
    """Any summary gives a status, finite numbers, probabilities, and expectations in bounds."""
    rows = []
    for share, part, age in drawn_rows:
        last = round(part * age)
        x = min(round(share * last), last)
        x = max(x, 1) if last else 0
        rows.append((x, last, age))
    given_rows = rows_of(*rows)
    fitted = BGBB().fit(given_rows)
    assert fitted.status in ("converged", "boundary", "not_identified", "failed")
    assert np.isfinite(fitted.log_likelihood)
    assert np.isfinite(fitted.values).all()
    alive = fitted.p_alive(given_rows)
    assert ((alive >= 0) & (alive <= 1)).all()
    for horizon in (1, 12, 3_000):
        expected = fitted.expected_purchases(horizon, given_rows)
        assert ((expected >= 0) & (expected <= horizon * (1 + 1e-9))).all()
    residual = BGBB().discounted_residual_purchases(fitted.values, 0.01, given_rows)
    assert ((residual >= 0) & (residual <= 100 * (1 + 1e-9))).all()
    found = fitted.model.purchase_probabilities(fitted.values, 3, given_rows, 3)
    assert ((found >= 0) & (found <= 1 + 1e-9)).all()


def test_five_thousand_opportunities_are_fitted() -> None:
    """Histories at which gamma functions overflow and probabilities vanish."""
    rows = rows_of((1, 1, 3_000), (5, 4_000, 5_000), (4_999, 5_000, 5_000), (2_500, 2_600, 5_000))
    fitted = BGBB().fit(rows)
    assert fitted.status in ("converged", "not_identified")
    assert np.isfinite(fitted.log_likelihood)
    alive = fitted.p_alive(rows)
    assert ((alive >= 0) & (alive <= 1)).all()
    assert alive[2] > 0.9
    expected = fitted.expected_purchases(5_000, rows)
    assert ((expected > 0) & (expected < 5_000)).all()


def test_who_never_buys_again_teaches_nothing_of_dropout() -> None:
    """The status says so, and names what is not known."""
    fitted = BGBB().fit(SummaryRows(np.zeros(9), np.zeros(9), np.full(9, 8.0), np.full(9, 50.0)))
    assert fitted.status in ("boundary", "not_identified")
    assert fitted.loose


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ((1, 2.5, 4), "whole opportunities"), ((1, 2, 4.5), "whole opportunities"),
        ((3, 2, 4), "more purchases than opportunities"), ((1, 5, 4), "beyond their age"),
    ],
)  # fmt: skip
def test_rows_of_no_opportunities_are_refused(row: tuple[float, ...], problem: str) -> None:
    """When a model is fitted, and when it predicts."""
    with pytest.raises(DataError, match=problem):
        BGBB().fit(SummaryRows(*(np.array([float(v)]) for v in (*row, 1))))
    with pytest.raises(DataError, match=problem):
        BGBB().p_alive(PUBLISHED, SummaryRows(*(np.array([float(v)]) for v in (*row, 1))))


def test_arguments_are_checked(cdnow: Any, cdnow_log: Any) -> None:
    """Horizons, discounts, ages and units that are none, and summaries in days."""
    model = BGBB()
    for horizon in (1.5, -1, np.inf):
        with pytest.raises(InvalidArgumentError, match="whole number of opportunities"):
            model.expected_purchases(PUBLISHED, horizon, NEW)
    with pytest.raises(InvalidArgumentError, match="negative"):
        model.discounted_residual_purchases(PUBLISHED, -0.1, NEW)
    fitted = model.fit(rows_of((0, 0, 6), (2, 4, 6), (6, 6, 6), (1, 2, 6)))
    with pytest.raises(InvalidArgumentError, match="discounted_residual_purchases"):
        fitted.discounted_purchases(0.1)
    with pytest.raises(InvalidArgumentError, match="ages"):
        model.simulated(PUBLISHED, np.array([1.5]), np.random.default_rng(0))
    with pytest.raises(ColumnNotFoundError, match="last_purchase_age"):
        model.fit(cdnow)
    with pytest.raises(InvalidArgumentError, match="opportunities"):
        model.fit(cdnow, unit="weeks")


def test_the_wait_counts_opportunities(donors: SummaryRows) -> None:
    """It is the mean number of the opportunity that is taken first, if one of five is."""
    fitted = BGBB().fit(donors)
    silent = [1.0, *(fitted.no_purchase_probability(k, NEW)[0] for k in range(1, 6))]
    first = -np.diff(silent)
    expected = first @ np.arange(1, 6) / first.sum()
    assert fitted.expected_wait(5, NEW)[0] == pytest.approx(expected, rel=1e-12)
    assert fitted.expected_wait(1, NEW)[0] == pytest.approx(1.0)


def test_what_needs_days_is_refused_in_discrete_time(donors: SummaryRows) -> None:
    """A holdout and orders say that opportunities have no length."""
    fitted = BGBB().fit(donors)
    orders = Orders(
        pa.table(
            {"customer_id": [1, 1], "ordered_at": ["2024-01-01", "2024-02-01"], "amount": [1, 1]}
        )
    )
    dates = {"as_of": "2024-03-01", "calibration_end": "2024-02-15"}
    for refused in (
        lambda: validate(BGBB(), orders, **dates),
        lambda: validate(fitted, orders, **dates),
        lambda: compare([BGBB()], orders, **dates),
        lambda: simulated_orders(fitted, customers=3, start="2024-01-01", until="2024-03-01"),
    ):
        with pytest.raises(InvalidArgumentError, match="continuous time"):
            refused()


def test_a_frame_of_opportunities_is_read_wherever_a_fit_is_checked() -> None:
    """It is what the model was fitted to; its columns are not those of days."""
    frame = pa.table({
        "customer_id": list(range(60)), "repeat_count": [0, 1, 2] * 20,
        "last_purchase_age": [0, 1, 5] * 20, "age": [6, 6, 6] * 20,
    })  # fmt: skip
    fitted = BGBB().fit(frame)
    checks = predictive_checks(fitted, frame, draws=20)
    assert checks["share without repeats"].actual == pytest.approx(1 / 3)
