"""The likelihood of who may drop out at any time: every row of a table, and by itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import gammaln, roots_legendre

from userops.value import GGompertzNBD, ParetoNBD, SummaryRows, TransactionModel
from userops.value.panels import Panels, panels

Floats = NDArray[np.float64]
NODES, WEIGHTS = roots_legendre(20)
PARETO: list[list[float]] = [
    [0.55, 10.6, 0.61, 11.7], [0.5, 1e-6, 0.7, 1e6], [0.5, 1e6, 0.7, 1e-6], [2.0, 1e-6, 0.1, 1e-6],
    [20.0, 1e6, 3.0, 1e6], [0.01, 3.0, 30.0, 0.4],
]  # fmt: skip
GGOMPERTZ: list[list[float]] = [
    [0.55, 10.6, 2e-4, 0.6, 2.6e-3], [0.8, 5.0, 0.1, 0.5, 50.0], [0.5, 1e-6, 30.0, 0.1, 1e6],
    [0.5, 1e6, 1e-6, 3.0, 1e-6], [2.0, 0.1, 0.5, 1.0, 1.0],
]  # fmt: skip
HISTORIES = [
    (0, 0.0, 0.0), (0, 0.0, 38.86), (1, 38.86, 38.86), (3, 12.0, 38.0), (40, 37.5, 38.0),
    (1, 0.01, 3_000.0), (700, 2_999.999, 3_000.0), (5_000, 30.0, 3_000.0),
]  # fmt: skip
CASES: list[tuple[TransactionModel, list[float]]] = [
    *((ParetoNBD(), parameters) for parameters in PARETO),
    *((GGompertzNBD(), parameters) for parameters in GGOMPERTZ),
]


def log_lives(parameters: list[float], age: Floats) -> tuple[Floats, Floats]:
    """Return the logarithms of survival and hazard, from their formulas."""
    if len(parameters) == 4:
        _, _, s, beta = parameters
        return -s * np.log1p(age / beta), np.log(s) - np.log(beta + age)
    _, _, b, s, beta = parameters
    # e^(b y) - 1 + beta, by its logarithm.
    log_sum = np.where(
        b * age < 30,
        np.log(beta + np.expm1(np.minimum(b * age, 30))),
        b * age + np.log1p((beta - 1) * np.exp(-b * age)),
    )
    return -s * (log_sum - np.log(beta)), np.log(s * b) + b * age - log_sum


def log_likelihood(parameters: list[float], x: int, last: float, age: float) -> float:
    """Return the log-likelihood by twenty nodes on each of very many panels."""
    r, alpha = parameters[:2]

    def log_alive(y: Floats) -> Floats:
        return log_lives(parameters, y)[0] - (r + x) * np.log(alpha + y)

    # Panels grow from the smallest scale that there is, and are short beside 1 / b.
    shortest = min(1e-9, age - last) if age > last else 0.0
    edges = [np.array([last, age])]
    if shortest:
        edges.append(last + np.geomspace(shortest, age - last, 20_000))
        edges.append(np.linspace(last, age, 20_000))
    begin = np.unique(np.clip(np.concatenate(edges), last, age))
    half = np.diff(begin)[:, None] / 2
    y = begin[:-1, None] + half * (NODES + 1)
    top = log_alive(np.array([last]))[0]
    inside = np.exp(log_alive(y) + log_lives(parameters, y)[1] - top) * half * WEIGHTS
    stays = np.exp(log_alive(np.array([age]))[0] - top)
    found = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + top + np.log(inside.sum() + stays)
    return float(found)


@pytest.mark.parametrize(("model", "parameters"), CASES, ids=str)
def test_a_row_is_the_integral(model: TransactionModel, parameters: list[float]) -> None:
    """Alone, each row agrees to 1e-8 with quadrature on forty thousand panels."""
    for x, last, age in HISTORIES:
        found = model.derivatives(np.array(parameters), SummaryRows.one(x, last, age)).value
        expected = log_likelihood(parameters, x, last, age)
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-12), (x, last, age)


def shop(customers: int, *, seed: int = 5, whole_days: bool = True) -> SummaryRows:
    """Return histories of all sorts: rare buyers and frequent ones, short ages and long ones."""
    rng = np.random.default_rng(seed)
    age = rng.integers(0, 400, customers) / 7
    if not whole_days:
        age = age + rng.random(customers)
    count = np.where(age > 0, rng.integers(0, 4, customers) ** 3, 0).astype(float)
    share = rng.choice([0.0, 1e-9, 1.0], customers) * rng.random(customers)
    last = np.where(whole_days, np.ceil(7 * age * (1 - share)) / 7, age * (1 - share))
    last = np.where(count > 0, np.minimum(last, age), 0.0)
    return SummaryRows(count, last, age, rng.integers(1, 5, customers).astype(float))


@pytest.mark.parametrize("whole_days", [True, False])
@pytest.mark.parametrize(("model", "parameters"), CASES, ids=str)
def test_rows_together_are_rows_alone(
    model: TransactionModel, parameters: list[float], whole_days: bool
) -> None:
    """What rows share changes nothing: sums over rows one by one agree to 1e-11."""
    rows, values = shop(150, whole_days=whole_days), np.array(parameters)
    together = model.of_coordinates(np.log(values), rows)
    alive = model.p_alive(values, rows)
    value, gradient, hessian = 0.0, np.zeros(len(values)), np.zeros((len(values), len(values)))
    for n in range(len(rows)):
        alone = rows.part(slice(n, n + 1))
        mine = model.of_coordinates(np.log(values), alone)
        value += mine.value
        gradient += mine.gradient
        hessian += mine.hessian
        assert model.p_alive(values, alone)[0] == pytest.approx(alive[n], rel=1e-11, abs=1e-13)
    assert together.value == pytest.approx(value, rel=1e-11)
    scale = max(np.abs(gradient).max(), np.abs(hessian).max())
    assert np.abs(together.gradient - gradient).max() < 1e-11 * scale
    assert np.abs(together.hessian - hessian).max() < 1e-11 * scale


@pytest.mark.parametrize(("model", "parameters"), CASES, ids=str)
def test_derivatives_hold_at_extreme_parameters(
    model: TransactionModel, parameters: list[float]
) -> None:
    """Gradient and Hessian agree with central differences to 1e-6."""
    rows, logs, step = shop(60), np.log(parameters), 1e-5
    at = model.of_coordinates(logs, rows)
    scale = max(1.0, float(np.abs(at.hessian).max()), float(np.abs(at.gradient).max()))
    for k in range(len(logs)):
        there, here = (
            model.of_coordinates(logs + sign * step * np.eye(len(logs))[k], rows)
            for sign in (1, -1)
        )
        slope = (there.value - here.value) / (2 * step)
        assert abs(at.gradient[k] - slope) < 1e-6 * max(scale, abs(at.value))
        curve = (there.gradient - here.gradient) / (2 * step)
        assert np.abs(at.hessian[k] - curve).max() < 1e-6 * scale


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.floats(-6, 6), min_size=2, max_size=2),
    st.lists(st.floats(-3, 3), min_size=2, max_size=2),
    st.lists(
        st.tuples(st.integers(0, 5_000), st.floats(0, 1), st.floats(0, 3_000)),
        min_size=1, max_size=8,
    ),
    st.one_of(st.none(), st.floats(-6, 3)),
)  # fmt: skip
@example([-6.0, 6.0], [3.0, 3.0], [(5_000, 1.0, 3_000.0)], 3.0)
def test_no_parameters_give_nan(
    scales: list[float],
    shapes: list[float],
    histories: list[tuple[int, float, float]],
    slope: float | None,
) -> None:
    """Everything is finite and every probability one, whatever the parameters and the rows."""
    alpha, beta = 10.0 ** np.array(scales)
    r, s = 10.0 ** np.array(shapes)
    model: TransactionModel = ParetoNBD()
    parameters = np.array([r, alpha, s, beta])
    if slope is not None:
        model, parameters = GGompertzNBD(), np.array([r, alpha, 10.0**slope, s, beta])
    last = np.array([share * age if x else 0.0 for x, share, age in histories])
    count = np.where(last > 0, [float(x) for x, _, _ in histories], 0.0)
    rows = SummaryRows(count, last, np.array([h[2] for h in histories]), np.ones(len(last)))
    at = model.of_coordinates(np.log(parameters), rows)
    assert np.isfinite(at.value)
    assert np.isfinite(at.gradient).all()
    assert np.isfinite(at.hessian).all()
    alive = model.p_alive(parameters, rows)
    assert ((alive >= 0) & (alive <= 1)).all()
    expected = model.expected_purchases(parameters, 39.0, rows)
    assert (np.isfinite(expected) & (expected >= 0)).all()
    counts = model.purchase_probabilities(parameters, 39.0, rows, 5)
    # A life of a millionth of the age is known to as many digits as are left of the age.
    assert ((counts >= 0) & (counts <= 1 + 1e-6)).all()
    assert (counts.sum(axis=1) <= 1 + 1e-6).all()


def summed(found: list[Panels], function: Callable[[Floats, Floats], Floats], size: int) -> Floats:
    """Integrate over panels."""
    sums = np.zeros((1, size))
    for part in (piece for ruled in found for piece in ruled.pieces()):
        at = part.begin + part.length * part.rule.nodes
        values = function(at, part.owner) * part.rule.weights * part.length
        part.added_to(sums, values.sum(axis=0)[None])
    return sums[0]


@pytest.mark.parametrize("power", [0.01, 0.5, 3.0, 60.0, 5_000.0])
def test_panels_integrate_powers(power: float) -> None:
    """(d + y)^-p over short, long and empty intervals at once agrees to 1e-11 with the formula."""
    begin = np.tile([0.0, 1e-6, 1.0, 29.9], 5)
    end = begin + np.repeat([0.0, 1e-9, 1e-3, 1.0, 3_000.0], 4)
    near = 1e-4

    def logs(at: Floats, _: Floats | None = None) -> Floats:
        return -power * np.log(near + at)[None]

    top = logs(begin)[0]
    found = summed(
        panels(begin, end, (logs(begin), logs(end)), logs, lambda start, _: near + start),
        lambda at, place: np.exp(logs(at)[0] - top[place]), len(begin),
    )  # fmt: skip
    grown = np.log1p((end - begin) / (near + begin))
    expected = (near + begin) * np.expm1((1 - power) * grown) / (1 - power)
    assert found == pytest.approx(expected, rel=1e-11)


def test_other_weights_are_other_customers() -> None:
    """Rows weighted anew give what rows made with these weights give."""
    rows, parameters = shop(80), np.array([0.55, 10.6, 0.61, 11.7])
    before = ParetoNBD().derivatives(parameters, rows)
    weight = np.random.default_rng(8).integers(0, 4, len(rows)).astype(float)
    mine = ParetoNBD().derivatives(parameters, rows.weighted(weight))
    kept = weight > 0
    made = SummaryRows(
        rows.repeat_count[kept], rows.last_purchase_age[kept], rows.age[kept], weight[kept]
    )
    other = ParetoNBD().derivatives(parameters, made)
    assert mine.value == pytest.approx(other.value, rel=1e-12)
    assert mine.gradient == pytest.approx(other.gradient, rel=1e-9)
    assert mine.hessian == pytest.approx(other.hessian, rel=1e-9)
    assert ParetoNBD().derivatives(parameters, rows).value == before.value
