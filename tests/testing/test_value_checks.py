"""The checks of models of purchases find what is wrong with one."""

from __future__ import annotations

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from userops.testing import check_transaction_model
from userops.value import (
    BGNBD,
    MBGNBD,
    GGompertzNBD,
    ParetoNBD,
    Prior,
    SummaryRows,
    TransactionModel,
)
from userops.value.newton import Derivatives

Floats = NDArray[np.float64]


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (BGNBD(), (0.24, 4.4, 0.8, 2.4)), (MBGNBD(), (0.52, 6.2, 0.9, 1.6)),
        (ParetoNBD(), (0.55, 10.6, 0.6, 11.7)), (ParetoNBD(), (2.0, 5.0, 1.0, 5.0)),
        (GGompertzNBD(), (0.8, 5.0, 0.1, 0.5, 50.0)), (GGompertzNBD(), (1.5, 5.0, 0.2, 0.3, 0.5)),
        (BGNBD(purchase_covariates=("z",), priors=(Prior("a", 1, 1),)), (0.3, 5, 0.7, 3.0)),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_the_librarys_own_models_hold(model: TransactionModel, parameters: Floats) -> None:
    """Each of them, with covariates and priors too."""
    check_transaction_model(model, parameters)


@attrs.frozen(kw_only=True)
class WrongGradient(BGNBD):
    """Forgets a term."""

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Leave out how r moves the likelihood of silent customers."""
        found = super().derivatives(parameters, rows)
        return Derivatives(found.value, found.gradient + np.array([1.0, 0, 0, 0]), found.hessian)


@attrs.frozen(kw_only=True)
class WrongHessian(BGNBD):
    """Forgets a second derivative."""

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Leave out a mixed one."""
        found = super().derivatives(parameters, rows)
        wrong = found.hessian.copy()
        wrong[0, 1] = wrong[1, 0] = 0.0
        return Derivatives(found.value, found.gradient, wrong)


@attrs.frozen(kw_only=True)
class WrongAlive(ParetoNBD):
    """Wakes customers up."""

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Grow with silence."""
        found: Floats = 1 - super().p_alive(parameters, rows)
        return found


@attrs.frozen(kw_only=True)
class WrongCounts(ParetoNBD):
    """Forgets who is gone."""

    def purchase_probabilities(
        self, parameters: Floats, horizon: float, rows: SummaryRows, most: int
    ) -> Floats:
        """Lose a hundredth."""
        return 0.99 * super().purchase_probabilities(parameters, horizon, rows, most)


@attrs.frozen(kw_only=True)
class WrongExpectation(BGNBD):
    """Expects too much."""

    def expected_purchases(self, parameters: Floats, horizon: float, rows: SummaryRows) -> Floats:
        """Add a tenth."""
        return 1.1 * super().expected_purchases(parameters, horizon, rows)


@attrs.frozen(kw_only=True)
class WrongDraws(BGNBD):
    """Draws others than it says."""

    def simulated(
        self, parameters: Floats, ages: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw customers that buy half as often again."""
        return super().simulated(parameters * np.array([1.5, 1, 1, 1]), ages, rng)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (WrongGradient(), "gradient by r"), (WrongHessian(), "second derivative by r and alpha"),
        (WrongAlive(), "does not fall in silence"), (WrongCounts(), "add up to 0.99"),
        (WrongExpectation(), "the mean of their probabilities"), (WrongDraws(), "is drawn"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_is_wrong_is_found(wrong: TransactionModel, said: str) -> None:
    """One fault each, named with both figures."""
    with pytest.raises(AssertionError, match=said):
        check_transaction_model(wrong, (0.5, 6.0, 0.8, 2.4))
