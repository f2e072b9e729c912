"""Shifted beta-geometric: what its papers print, its forms of data, and odd cohorts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, hyp2f1

from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataError,
    InvalidArgumentError,
)
from userops.testing import installed_engines, to_engine
from userops.value import FittedShiftedBetaGeometric, RenewalRows, ShiftedBetaGeometric
from userops.value.newton import of_logs

# Fader & Hardie (2007), table 1: of 1,000 customers of each segment, those left after each year.
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]
# Fader & Hardie (2010): five cohorts of 10,000, acquired a year apart.
COHORT = [10_000, 8_000, 6_480, 5_307, 4_391]


def of_cohorts() -> pa.Table:
    """Return the active customers of each cohort by period."""
    rows = [
        {"cohort": 2003 + c, "period": p, "customers": n}
        for c in range(5)
        for p, n in enumerate(COHORT[: 5 - c])
    ]
    return pa.Table.from_pylist(rows)


def contracts_of(survivors: list[int]) -> pa.Table:
    """Return a contract a row, of one cohort."""
    last = len(survivors) - 1
    ages = [a for a in range(last) for _ in range(survivors[a] - survivors[a + 1])]
    ended = [True] * len(ages) + [False] * survivors[-1]
    ages += [last] * survivors[-1]
    return pa.table({"customer_id": list(range(len(ages))), "age": ages, "ended": ended})


@pytest.mark.parametrize(
    ("survivors", "published", "log_likelihood"),
    [(HIGH_END, (0.668, 3.806), -1611.16), (REGULAR, (0.704, 1.182), -1680.27)],
)
def test_the_two_segments_of_the_paper(
    survivors: list[int], published: tuple[float, ...], log_likelihood: float
) -> None:
    """Parameters to the printed digits; survival fits the seven years."""
    fitted = ShiftedBetaGeometric().fit(survivors)
    assert fitted.status == "converged"
    assert fitted.periods == 7
    assert fitted.customers == 1000
    assert tuple(round(value, 3) for value in fitted.values.tolist()) == published
    assert fitted.log_likelihood == pytest.approx(log_likelihood, abs=5e-3)
    shares = np.array(survivors) / 1000
    assert np.abs(fitted.survival(range(8)) - shares).max() < 0.02


def test_the_high_end_segment_is_projected() -> None:
    """Survival of the years 8 to 12, and the residual lifetime after seven renewals."""
    fitted = ShiftedBetaGeometric().fit(HIGH_END)
    assert fitted.survival(range(8, 13)).round(3).tolist() == [0.46, 0.436, 0.414, 0.395, 0.378]
    found = fitted.discounted_expected_residual_lifetime(0.1, 7)[0]
    assert round(float(found), 3) == 7.53
    alpha, beta = fitted.values
    # Equation (6) of the 2010 paper at n = 8 periods, which are seven renewals.
    closed = (beta + 7) / (alpha + beta + 7) * hyp2f1(1, beta + 8, alpha + beta + 8, 1 / 1.1)
    assert found == pytest.approx(float(closed), rel=1e-12)


def test_five_cohorts_of_the_second_paper() -> None:
    """Cohorts of different ages are one likelihood."""
    fitted = ShiftedBetaGeometric().fit(of_cohorts())
    assert fitted.status == "converged"
    assert [round(value, 2) for value in fitted.values.tolist()] == [3.8, 15.19]
    assert fitted.customers == 50_000
    # Retention of a customer who has just been acquired, and of one of four years.
    assert fitted.retention_rate([1, 5]).round(3).tolist() == [0.8, 0.835]


@pytest.mark.parametrize("engine", installed_engines(with_spark=False))
def test_forms_of_data_say_the_same(engine: str) -> None:
    """A mapping, a sequence, a frame of survivors and one of contracts, of every engine."""
    expected = ShiftedBetaGeometric().fit(REGULAR)
    survivors = pa.table({"period": list(range(8))[::-1], "customers": REGULAR[::-1]})
    for data in (
        dict(enumerate(REGULAR)), np.array(REGULAR), to_engine(survivors, engine),
        to_engine(contracts_of(REGULAR), engine), RenewalRows.of(REGULAR),
    ):  # fmt: skip
        fitted = ShiftedBetaGeometric().fit(data)
        assert fitted.parameters == expected.parameters
        assert (fitted.customers, fitted.periods) == (1000, 7)


def test_the_likelihood_is_that_of_the_paper() -> None:
    """Losses by equation (5), those who are left by equation (6)."""
    alpha, beta = 0.7, 3.2
    losses = -np.diff(HIGH_END)
    t = np.arange(1.0, 8.0)
    expected = losses @ (betaln(alpha + 1, beta + t - 1) - betaln(alpha, beta))
    expected += HIGH_END[-1] * (betaln(alpha, beta + 7) - betaln(alpha, beta))
    rows = RenewalRows.of(HIGH_END)
    found = ShiftedBetaGeometric().derivatives(np.array([alpha, beta]), rows).value
    assert found == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("parameters", [[0.7, 3.8], [3.8, 15.2], [0.01, 90.0], [40.0, 0.1]])
def test_derivatives_are_those_of_finite_differences(parameters: list[float]) -> None:
    """Gradient and Hessian by the logarithms agree with central differences to 1e-6."""
    model, rows = ShiftedBetaGeometric(), RenewalRows.of(HIGH_END)
    logs, step = np.log(parameters), 1e-5
    by_logs = of_logs(model, rows)
    at = by_logs(logs)
    scale = max(1.0, float(np.abs(at.hessian).max()), abs(at.value))
    for k in range(2):
        ends = [by_logs(logs + sign * step * np.eye(2)[k]) for sign in (1, -1)]
        slope = (ends[0].value - ends[1].value) / (2 * step)
        curve = (ends[0].gradient - ends[1].gradient) / (2 * step)
        assert abs(at.gradient[k] - slope) < 1e-6 * scale
        assert np.abs(at.hessian[k] - curve).max() < 1e-6 * scale


@pytest.mark.parametrize("parameters", [(0.668, 3.806), (3.8, 15.2), (1.0, 2.0)])
def test_lifetimes_are_integrals_over_the_coin(parameters: tuple[float, float]) -> None:
    """Survival, retention and residual lifetimes, by quadrature over theta."""
    alpha, beta = parameters
    fitted = at_parameters(alpha, beta)

    def mean(of: Any, n: int) -> float:
        def density(theta: float) -> float:
            log = (alpha - 1) * np.log(theta) + (beta + n - 1) * np.log1p(-theta)
            return float(of(theta) * np.exp(log - betaln(alpha, beta + n)))

        low, _ = quad(density, 0, 1e-3, limit=500, epsabs=0, epsrel=1e-11)
        high, _ = quad(density, 1e-3, 1, limit=500, epsabs=0, epsrel=1e-11)
        return low + high

    for n in (0, 3, 20):
        stays = mean(lambda theta: 1 - theta, n)
        assert fitted.retention_rate(n + 1)[0] == pytest.approx(stays, rel=1e-7)
        derl = mean(lambda theta: (1 - theta) / (1 - (1 - theta) / 1.1), n)
        found = fitted.discounted_expected_residual_lifetime(0.1, n)[0]
        assert found == pytest.approx(derl, rel=1e-7)
        within = mean(lambda theta: sum((1 - theta) ** j for j in range(1, 7)), n)
        assert fitted.expected_remaining_periods(n, 6)[0] == pytest.approx(within, rel=1e-7)
    survival = mean(lambda theta: (1 - theta) ** 9, 0)
    assert fitted.survival(9)[0] == pytest.approx(survival, rel=1e-7)
    new = mean(lambda theta: 1 / (1 - (1 - theta) / 1.1), 0)
    assert fitted.discounted_expected_lifetime(0.1) == pytest.approx(new, rel=1e-7)


def at_parameters(alpha: float, beta: float) -> FittedShiftedBetaGeometric:
    """Return a fit with these parameters."""
    return ShiftedBetaGeometric().fit(HIGH_END).moved_to(np.log([alpha, beta]))


def test_lifetimes_without_end() -> None:
    """Undiscounted they are finite above alpha = 1 alone; discounted always."""
    assert at_parameters(3.0, 8.0).expected_remaining_periods(2)[0] == pytest.approx(10 / 2)
    assert np.isinf(at_parameters(0.7, 3.8).expected_remaining_periods(0)).all()
    assert at_parameters(0.7, 3.8).discounted_expected_residual_lifetime(1e-6, 0)[0] < 1e6
    long = at_parameters(0.7, 3.8).discounted_expected_lifetime(0.1, horizon=500)
    assert long == pytest.approx(at_parameters(0.7, 3.8).discounted_expected_lifetime(0.1))
    assert at_parameters(0.7, 3.8).discounted_expected_lifetime(0.1, horizon=0) == 1.0


def test_customers_who_are_drawn_give_their_parameters_back() -> None:
    """Within three standard errors; lifetimes are whole periods from one on."""
    fitted = at_parameters(0.8, 2.5)
    left_at = fitted.simulated(40_000, np.random.default_rng(3))
    assert left_at.min() == 1
    survivors = [int((left_at > t).sum()) for t in range(12)]
    again = ShiftedBetaGeometric().fit(survivors)
    errors = again.standard_errors
    assert errors is not None
    for value, error, true in zip(again.values, errors.values(), (0.8, 2.5), strict=True):
        assert abs(value - true) < 3 * error


@pytest.mark.parametrize(
    ("survivors", "status"),
    [
        ([1000, 900], "not_identified"),  # one renewal tells the mean alone
        ([100, 100, 100], "boundary"),  # all renew
        ([100, 0], "boundary"),  # all leave
        ([1000, 900, 800, 690, 570], "boundary"),  # retention falls with age
        ([1000, 800, 640, 512], "not_identified"),  # all alike
    ],
)
def test_what_cannot_be_learnt_is_said(survivors: list[int], status: str) -> None:
    """Neither parameter is known then; what was observed is still fitted."""
    fitted = ShiftedBetaGeometric().fit(survivors)
    assert fitted.status == status
    assert fitted.loose == ("alpha", "beta")
    assert fitted.standard_errors is None
    assert fitted.meaning in repr(fitted)
    shares = np.array(survivors) / survivors[0]
    assert np.abs(fitted.survival(range(len(survivors))) - shares).max() < 0.04


cohorts = st.lists(
    st.lists(st.integers(0, 10**7), min_size=1, max_size=15).map(lambda n: sorted(n, reverse=True)),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(cohorts)
def test_no_fit_is_silent_or_nan(given_cohorts: list[list[int]]) -> None:
    """Any cohorts give a fit with a status and finite numbers, or an error that says why."""
    rows = [
        {"cohort": c, "period": p, "customers": n}
        for c, each in enumerate(given_cohorts)
        for p, n in enumerate(each)
    ]
    table = pa.Table.from_pylist(rows)
    if any(each[0] == 0 for each in given_cohorts) or all(len(each) == 1 for each in given_cohorts):
        with pytest.raises(DataError, match=r"no customer|nobody has come"):
            ShiftedBetaGeometric().fit(table)
        return
    fitted = ShiftedBetaGeometric().fit(table)
    assert fitted.status in ("converged", "boundary", "not_identified", "failed")
    assert np.isfinite([fitted.log_likelihood, *fitted.values]).all()
    survival = fitted.survival(range(40))
    assert ((survival >= 0) & (survival <= 1)).all()
    assert (np.diff(survival) <= 1e-12).all()
    lifetimes = fitted.discounted_expected_residual_lifetime(0.05, range(40))
    assert ((lifetimes >= 0) & (lifetimes <= 21 * (1 + 1e-9))).all()
    assert not np.isnan(fitted.expected_remaining_periods(range(40))).any()
    assert (fitted.covariance is None) == (fitted.status != "converged")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ([1000, 869, 900], "rise in period 2"), ([1000], "nobody has come to a renewal"),
        ([0, 0], "no customer"), ([], "no customer"), ([1.0, 0.869], "not counts"),
        ({0: 10, 2: 5}, "each once"), ({1: 10, 2: 5}, "each once"), ({0: "many"}, "not numbers"),
        ([10, float("nan")], "not counts"), ([10, -1], "not counts"),
        (pa.table({"cohort": ["x", "x"], "period": [0, 1], "customers": [5, 6]}), "'x' rise"),
        (pa.table({"cohort": ["x", "x"], "period": [1, 1], "customers": [5, 5]}), "each once"),
        (pa.table({"customer_id": [1], "age": [1.5], "ended": [True]}), "whole renewals"),
        (pa.table({"customer_id": [1], "age": [1], "ended": pa.array([None], pa.bool_())}),
         "do not say"),
        (pa.table({"customer_id": [1], "age": [0], "ended": [False]}), "come to a renewal"),
    ],
)  # fmt: skip
def test_cohorts_that_cannot_be_are_refused(data: Any, problem: str) -> None:
    """Each says what is wrong, and where."""
    with pytest.raises(DataError, match=problem):
        ShiftedBetaGeometric().fit(data)


def test_arguments_are_checked() -> None:
    """Columns that are not there, periods that are none, and a negative discount."""
    fitted = ShiftedBetaGeometric().fit(HIGH_END)
    with pytest.raises(ColumnNotFoundError, match="customers"):
        ShiftedBetaGeometric().fit(pa.table({"period": [0, 1], "customer": [5, 4]}))
    with pytest.raises(ColumnTypeError, match="ended"):
        ShiftedBetaGeometric().fit(pa.table({"age": [1], "ended": ["yes"]}))
    with pytest.raises(InvalidArgumentError, match="whole numbers"):
        fitted.survival([0.5])
    with pytest.raises(InvalidArgumentError, match="to 1,000,000"):
        fitted.survival(1_000_001)
    with pytest.raises(InvalidArgumentError, match="from 1 on"):
        fitted.retention_rate(0)
    with pytest.raises(InvalidArgumentError, match="discount"):
        fitted.discounted_expected_lifetime(-0.1)
    with pytest.raises(DataError, match="as many of them"):
        RenewalRows(np.ones(2), np.ones(1), 5.0)


def test_the_definition_is_a_document() -> None:
    """It turns into a document and back, and the fit says itself."""
    model = ShiftedBetaGeometric()
    assert ShiftedBetaGeometric.from_dict(model.to_dict()) == model
    fitted = model.fit(HIGH_END)
    again = FittedShiftedBetaGeometric.from_dict(fitted.to_dict())
    assert again == fitted
    interval = fitted.interval(lambda fit: fit.survival(12), scale="logit")
    assert interval.low[0] < fitted.survival(12)[0] < interval.high[0]
    assert repr(fitted).splitlines()[1].startswith("  alpha 0.668088 (standard error 0.1037")
    assert fitted.aic == pytest.approx(4 - 2 * fitted.log_likelihood)
    assert fitted.bic == pytest.approx(2 * np.log(1000) - 2 * fitted.log_likelihood)


@pytest.mark.parametrize("start", [[-1, 2], [1, 2, 3], [float("nan"), 1], 1])
def test_a_search_begins_with_positive_parameters(start: Any) -> None:
    """One for each; what it got instead is said."""
    with pytest.raises(InvalidArgumentError, match="start"):
        ShiftedBetaGeometric().fit(HIGH_END, start=start)
