"""What a fit says of itself, and what it predicts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.integrate import quad

from userops.errors import DataError, InvalidArgumentError
from userops.value import BGNBD, MBGNBD, FittedTransactionModel, ParetoNBD, SummaryRows
from userops.value.discounting import discounted

MODELS = {"BGNBD": BGNBD(), "MBGNBD": MBGNBD(), "ParetoNBD": ParetoNBD()}
ROWS = SummaryRows(
    np.array([0.0, 2.0, 7.0, 26.0]), np.array([0.0, 30.43, 35.0, 30.86]),
    np.array([38.86, 38.86, 38.0, 31.0]),
)  # fmt: skip


@pytest.fixture(scope="module", params=MODELS)
def fitted(request: Any, cdnow: Any) -> FittedTransactionModel:
    """Return each model, fitted to CDNOW."""
    return MODELS[request.param].fit(cdnow)


@pytest.mark.parametrize("horizon", [1e-3, 39.0, 300.0])
def test_counts_are_a_distribution_with_the_expected_mean(
    fitted: FittedTransactionModel, horizon: float
) -> None:
    """Probabilities add up to one, and their mean is what is expected by another formula."""
    found = fitted.purchase_probabilities(horizon, ROWS, most=2_000)
    assert found.min() >= 0
    assert found.sum(axis=1) == pytest.approx(np.ones(4), abs=1e-10)
    expected = fitted.expected_purchases(horizon, ROWS)
    assert found @ np.arange(2_001) == pytest.approx(expected, rel=1e-7)


def test_drawn_customers_buy_as_the_model_says(fitted: FittedTransactionModel) -> None:
    """Mean and distribution of 50,000 drawn customers, within five standard errors."""
    many, horizon = 50_000, 39.0
    places, at = fitted.model.simulated(
        fitted.values, np.full(many, horizon), np.random.default_rng(4)
    )
    assert (np.diff(places) >= 0).all()
    assert ((at > 0) & (at <= horizon)).all()
    counts = np.bincount(places, minlength=many)
    error = counts.std() / math.sqrt(many)
    assert abs(counts.mean() - fitted.expected_purchases(horizon)[0]) < 5 * error
    shares = np.bincount(counts, minlength=8)[:8] / many
    said = fitted.purchase_probabilities(horizon, most=7)[0]
    assert (np.abs(shares - said) < 5 * np.sqrt(said * (1 - said) / many)).all()


def test_quantiles_are_those_of_the_counts(fitted: FittedTransactionModel) -> None:
    """The smallest count whose probability of not being exceeded reaches the share."""
    reached = np.cumsum(fitted.purchase_probabilities(39, ROWS, most=200), axis=1)
    for share in (0.05, 0.5, 0.975):
        found = fitted.purchase_quantile(share, 39, ROWS).astype(int)
        for row, count in enumerate(found):
            assert reached[row, count] >= share
            assert count == 0 or reached[row, count - 1] < share


def test_the_wait_is_the_mean_time_to_the_next_purchase(fitted: FittedTransactionModel) -> None:
    """By adaptive quadrature over the probability of silence."""
    wait = fitted.expected_wait(52, ROWS)
    for row in range(len(ROWS)):
        one = ROWS.part(slice(row, row + 1))
        last = fitted.no_purchase_probability(52, one)[0]
        total, _ = quad(
            lambda t, one=one, last=last: fitted.no_purchase_probability(t, one)[0] - last,
            1e-12, 52, epsrel=1e-9,
        )  # fmt: skip
        assert wait[row] == pytest.approx(total / (1 - last), rel=1e-5)


def test_the_wait_of_who_left_is_that_of_who_comes_back(fitted: FittedTransactionModel) -> None:
    """However improbable a purchase is: if there is one, he has not left."""
    wait = fitted.expected_wait(39, SummaryRows.one(200, 10, 39))
    assert 0.2 < wait[0] < 0.25  # (alpha + 39) / (r + 199), or so


@pytest.mark.parametrize("horizon", [1.0, 52.0, 520.0])
def test_discounting_is_an_integral(fitted: FittedTransactionModel, horizon: float) -> None:
    """Of the rate at which purchases are expected; and without a discount it is their number."""
    rate = math.log(1.15) * 7 / 365.25
    found = fitted.discounted_purchases(0.15, ROWS, horizon=horizon)
    for row in range(len(ROWS)):
        one = ROWS.part(slice(row, row + 1))
        inner, _ = quad(
            lambda t, one=one: math.exp(-rate * t) * fitted.expected_purchases(t, one)[0],
            1e-12, horizon, epsrel=1e-11, limit=200,
        )  # fmt: skip
        whole = math.exp(-rate * horizon) * fitted.expected_purchases(horizon, one)[0]
        assert found[row] == pytest.approx(whole + rate * inner, rel=1e-8)
    plain = fitted.discounted_purchases(0.0, ROWS, horizon=horizon)
    assert plain == pytest.approx(fitted.expected_purchases(horizon, ROWS))
    assert (fitted.discounted_purchases(0.15, ROWS) > found).all()


@pytest.mark.parametrize("annual_discount", [0.1, 1.0, 10.0])
def test_a_long_horizon_comes_up_to_for_ever(annual_discount: float) -> None:
    """However much is discounted, what is further away adds to it, and less and less."""
    parameters = np.array([0.2425945, 4.4136019, 0.7929199, 2.4258881])
    rate = math.log1p(annual_discount) * 7 / 365.25

    def found(horizon: float) -> float:
        return float(discounted(
            lambda t: BGNBD().expected_purchases(parameters, t, ROWS), rate, horizon
        ).sum())  # fmt: skip

    horizons = [52, 104, 520, 1_040, 2_600, 5_200, 20_000]
    assert (np.diff([found(h) for h in horizons]) >= -1e-9).all()
    assert found(20_000) == pytest.approx(found(math.inf), rel=1e-9)


def test_dert_is_what_is_published_by_others() -> None:
    """The closed form of Fader, Hardie & Lee (2005), evaluated with mpmath."""
    parameters = np.array([0.5629966, 12.559037, 0.4081095, 10.5148048])
    rows = SummaryRows(np.array([7.0, 1.0]), np.array([35.0, 30.0]), np.full(2, 77.86))
    found = discounted(
        lambda t: ParetoNBD().expected_purchases(parameters, t, rows), 0.0027, math.inf
    )
    assert found[0] == pytest.approx(1.8641833, abs=5e-8)
    assert found[1] == pytest.approx(2.19916, abs=1e-5)


def test_p_alive_over_time_falls_until_the_next_purchase(fitted: FittedTransactionModel) -> None:
    """Silence lowers it, a purchase lifts it; at the end it is that of the whole history."""
    ages = np.array([1.0, 2.9, 3.0, 9.9, 10.0, 11.0, 20.0, 38.86])
    path = fitted.alive_path([0.0, 3.0, 10.0], ages)
    assert path[2] > path[1] or path[1] == 1
    assert path[4] > path[3]
    assert (np.diff(path[4:]) < 0).all()
    alone = fitted.p_alive(SummaryRows.one(2, 10.0, 38.86))[0]
    assert path[-1] == pytest.approx(alone, rel=1e-12)


def test_intervals_are_near_each_other(cdnow: Any) -> None:
    """By standard errors, by the profile and by redrawing, each around the estimate."""
    rows = SummaryRows.of(cdnow, unit_days=7)
    fitted = BGNBD().fit(rows)
    redrawn = fitted.bootstrap(rows, 200, seed=3)
    assert redrawn.converged == 200
    for name, (low, high) in fitted.parameter_intervals().items():
        value, width = fitted.parameters[name], math.log(high / low)
        for ends in (fitted.profile_interval(name, rows), redrawn.interval(name)):
            assert ends[0] < value < ends[1]
            assert math.log(ends[1] / ends[0]) == pytest.approx(width, rel=0.25)
    again = fitted.bootstrap(rows, 5, seed=3)
    assert (again.values == redrawn.values[:5]).all()


def test_the_profile_falls_by_half_a_quantile_of_chi_square(cdnow: Any) -> None:
    """At its ends the likelihood, over all else, is 1.92 lower."""
    rows = SummaryRows.of(cdnow, unit_days=7)
    fitted = BGNBD().fit(rows)
    for end in fitted.profile_interval("r", rows):
        best = max(
            BGNBD().derivatives(np.array([end, alpha, a, b]), rows).value
            for alpha in (fitted.parameters["alpha"] * end / fitted.parameters["r"],)
            for a in (fitted.parameters["a"],)
            for b in (fitted.parameters["b"],)
        )
        assert best <= fitted.log_likelihood - 1.9207 + 1e-4


def test_intervals_of_predictions(fitted: FittedTransactionModel) -> None:
    """They hold the estimate, grow with the level, and stay where probabilities can be."""
    for level in (0.5, 0.95):
        found = fitted.interval(lambda fit: fit.expected_purchases(39, ROWS), level=level)
        assert (found.low < found.value).all()
        assert (found.value < found.high).all()
    wide = found.high - found.low
    narrow = fitted.interval(lambda fit: fit.expected_purchases(39, ROWS), level=0.5)
    assert (narrow.high - narrow.low < wide).all()
    alive = fitted.interval(lambda fit: fit.p_alive(ROWS), scale="logit")
    assert ((alive.low >= 0) & (alive.high <= 1)).all()
    assert (alive.low <= alive.value).all()
    assert (alive.value <= alive.high).all()


def test_an_interval_is_on_its_scale(cdnow: Any) -> None:
    """What is below zero has none on a logarithm, and what may be no number none at all."""
    fitted = BGNBD().fit(cdnow)
    a = fitted.parameters["a"]
    for scale in ("log", "logit"):
        with pytest.raises(InvalidArgumentError, match="does not hold the estimate"):
            fitted.interval(lambda fit: -fit.parameters["a"], scale=scale)
    plain = fitted.interval(lambda fit: -fit.parameters["a"], scale="plain")
    assert plain.low < -a < plain.high
    broken = fitted.interval(lambda fit: np.where(fit.parameters["a"] > a, np.nan, a))
    assert np.isnan([broken.low, broken.high]).all()


def test_an_interval_is_readable(cdnow: Any) -> None:
    """The estimate with its ends, and how many more there are."""
    fitted = BGNBD().fit(cdnow)
    assert repr(fitted.interval(lambda fit: fit.expected_purchases(52))) == (
        "Interval at 95%: 1.444 (1.313 to 1.588)"
    )
    said = repr(fitted.interval(lambda fit: fit.expected_purchases(52, ROWS), level=0.8))
    assert said.startswith("Interval at 80%: ")
    assert said.endswith("and 1 more")


def test_what_is_not_known_has_no_interval() -> None:
    """A fit that did not converge says why, and the profile where an end is open."""
    rows = SummaryRows(np.zeros(50), np.zeros(50), np.full(50, 30.0))
    fitted = BGNBD().fit(rows)
    with pytest.raises(DataError, match=fitted.status):
        fitted.parameter_intervals()
    assert fitted.standard_errors is None


def test_questions_are_checked(fitted: FittedTransactionModel) -> None:
    """Horizons, shares, levels, discounts, names."""
    asked = (
        lambda: fitted.expected_purchases(-1, ROWS),
        lambda: fitted.purchase_probabilities(0, ROWS),
        lambda: fitted.purchase_probabilities(1, ROWS, most=-1),
        lambda: fitted.purchase_quantile(1.0, 39, ROWS),
        lambda: fitted.interval(lambda fit: fit.values, level=95),
        lambda: fitted.discounted_purchases(-1, ROWS),
        lambda: fitted.discounted_purchases(0, ROWS),
        lambda: fitted.profile_interval("rr", ROWS),
        lambda: fitted.bootstrap(ROWS, 0),
        lambda: fitted.p_alive(pa.table({"repeat_count": [1]})),  # type: ignore[arg-type]
    )
    for question in asked:
        with pytest.raises(InvalidArgumentError):
            question()
