"""The contract of one's own models of purchases: that all they say belongs together."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from userops.value import SummaryRows, TransactionModel

__all__ = ["check_transaction_model"]

Floats = NDArray[np.float64]
_STEP = 1e-5
_AGES = (4.0, 30.0, 52.0, 80.0)
# Customers of every kind: silent, steady, frequent, and just back.
_ROWS = (
    (0, 0, 1), (0, 0, 40), (1, 2, 40), (1, 40, 40), (2, 20, 30), (5, 11, 52), (9, 51, 52),
    (30, 60, 80), (30, 79, 80),
)  # fmt: skip


def check_transaction_model(
    model: TransactionModel, parameters: Iterable[float], *, horizon: float = 13.0, seed: int = 1
) -> None:
    """Check that a model's hooks belong together.

    The gradient is that of finite differences of the log-likelihood, and the Hessian that of the
    gradient, to 1e-6. Probabilities of counts are none below zero, add up to one, and have the mean
    that is expected. P(alive) is a probability, and falls in silence. Expected purchases grow with
    the horizon. Drawn customers buy as is expected of a new one, and the likelihood of their
    summaries is highest near the parameters that they were drawn from. The document comes back as
    the same model.

    Args:
        model: With or without covariates and priors, whose effects are taken for zero.
        parameters: Positive, in the order of `parameter_names`; such as customers really have.
        horizon: For predictions, in units of time: whole where time goes in steps.
        seed: Of the draws.

    Raises:
        AssertionError: Says which of these does not hold, with both figures.
    """
    at = np.array([float(value) for value in parameters])
    names = model.parameter_names
    assert len(at) == len(names), f"{len(at)} parameters given, and the model has {names}"
    again = type(model).from_dict(model.to_dict(), types=[type(model)])
    assert again == model, f"{model!r} does not come back from its own document"
    x, last, age = np.array(_ROWS, dtype=np.float64).T
    many = len(model.covariates)
    rows = SummaryRows(x, last, age, np.arange(1.0, len(x) + 1), np.zeros((len(x), many)))
    _check_derivatives(model, np.concatenate([np.log(at), np.zeros(len(model.effect_names))]), rows)
    _check_predictions(model, at, rows, horizon)
    _check_draws(model, at, seed)


def _check_derivatives(model: TransactionModel, at: Floats, rows: SummaryRows) -> None:
    here = model.of_coordinates(at, rows)
    names = (*model.parameter_names, *model.effect_names)
    steep = max(1.0, float(np.abs(here.hessian).max()))
    for number, name in enumerate(names):
        unit = np.eye(len(at))[number] * _STEP
        up, down = model.of_coordinates(at + unit, rows), model.of_coordinates(at - unit, rows)
        slope = (up.value - down.value) / (2 * _STEP)
        far = abs(here.gradient[number] - slope) / max(steep, abs(here.value))
        assert far < 1e-6, (
            f"the gradient by {name} (its logarithm) is {here.gradient[number]:.8g}, and finite "
            f"differences give {slope:.8g}"
        )
        curve = (up.gradient - down.gradient) / (2 * _STEP)
        for other, mine, found in zip(names, here.hessian[number], curve, strict=True):
            assert abs(mine - found) / steep < 1e-6, (
                f"the second derivative by {name} and {other} is {mine:.8g}, and finite "
                f"differences give {found:.8g}"
            )


def _check_predictions(
    model: TransactionModel, at: Floats, rows: SummaryRows, horizon: float
) -> None:
    alive = model.p_alive(at, rows)
    assert ((alive >= 0) & (alive <= 1)).all(), f"P(alive) is no probability: {alive}"
    silent = SummaryRows(np.full(4, 3.0), np.full(4, 3.0), np.array([3.0, 10.0, 30.0, 90.0]))
    path = model.p_alive(at, silent)
    assert (np.diff(path) <= 1e-12).all(), f"P(alive) does not fall in silence: {path}"
    before = np.zeros(len(rows))
    for steps in (1, 2, 5):
        expected = model.expected_purchases(at, horizon * steps, rows)
        assert (expected >= before).all(), "expected purchases do not grow with the horizon"
        before = expected
    expected = model.expected_purchases(at, horizon, rows)
    most = math.ceil(float(expected.max())) * 12 + 60
    counts = model.purchase_probabilities(at, horizon, rows, most)
    assert counts.shape == (len(rows), most + 1), f"counts have the shape {counts.shape}"
    assert counts.min() >= 0, f"a count has the probability {counts.min():.3g}"
    total, mean = counts.sum(axis=1), counts @ np.arange(most + 1)
    worst = int(np.abs(total - 1).argmax())
    assert abs(total[worst] - 1) < 1e-6, (
        f"the probabilities of 0 to {most} purchases add up to {total[worst]:.8g}"
    )
    worst = int(np.abs(mean / expected - 1).argmax())
    assert abs(mean[worst] / expected[worst] - 1) < 1e-4, (
        f"{expected[worst]:.8g} purchases are expected, and the mean of their probabilities is "
        f"{mean[worst]:.8g}"
    )


def _check_draws(model: TransactionModel, at: Floats, seed: int) -> None:
    rng, customers = np.random.default_rng(seed), 20_000
    ages = np.resize(np.array(_AGES), customers)
    places, times = model.simulated(at, ages, rng)
    assert (np.diff(places) >= 0).all(), "drawn purchases are not in the order of customers"
    assert ((times > 0) & (times <= ages[places])).all(), "a purchase is drawn beyond the age"
    counts = np.bincount(places, minlength=customers).astype(np.float64)
    new = SummaryRows.one(0, 0.0, 0.0)
    for age in _AGES:
        drawn = counts[ages == age]
        expected = float(model.expected_purchases(at, age, new)[0])
        error = max(float(drawn.std()), 1e-3) / math.sqrt(len(drawn))
        assert abs(drawn.mean() - expected) < 5 * error, (
            f"within {age:g} a new customer is drawn {drawn.mean():.4g} purchases, and "
            f"{expected:.4g} are expected"
        )
    last = np.zeros(customers)
    np.maximum.at(last, places, times)
    rows, _ = SummaryRows(counts, last, ages).distinct()
    here = model.derivatives(at, rows)
    # At the truth the gradient scatters as the information says (Cox & Hinkley 1974, 4.8).
    spread = np.sqrt(np.maximum(-np.diag(here.hessian), 0.0))
    for name, slope, width in zip(model.parameter_names, here.gradient, spread, strict=True):
        assert abs(slope) < 6 * width or width == 0, (
            f"the likelihood of drawn customers is not highest where they were drawn: its slope by "
            f"{name} is {slope:.4g}, and chance makes it {width:.4g}"
        )
