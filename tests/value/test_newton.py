"""Steps of the search: whichever way they are computed, and where there is no plain one."""

from __future__ import annotations

import numpy as np
import pytest

from userops.value.newton import Derivatives, _solved, _step, maximised

FREE = np.ones(2, dtype=np.bool_)
GRADIENT = np.array([1.0, -2.0])


def at(information: list[list[float]]) -> Derivatives:
    """Make a place with a slope, which bends so."""
    return Derivatives(0.0, GRADIENT, -np.array(information))


def test_a_plain_step_is_newtons() -> None:
    """Cholesky's factor gives what solving gives, and half the squared distance."""
    information = [[4.0, 1.0], [1.0, 3.0]]
    step, decrement = _step(at(information), FREE, 0.0)
    expected = np.linalg.solve(np.array(information), GRADIENT)
    assert step == pytest.approx(expected, rel=1e-14)
    assert decrement == pytest.approx(0.5 * GRADIENT @ expected, rel=1e-14)


@pytest.mark.parametrize(
    "information",
    [
        [[1.0, 1.0], [1.0, 1.0 + 1e-11]],
        [[1.0, 0.0], [0.0, -1.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[np.nan, 0.0], [0.0, 1.0]],
    ],
)
def test_a_ridge_has_no_plain_step(information: list[list[float]]) -> None:
    """Nearly singular, bent the wrong way, flat, and no number at all."""
    assert _solved(np.array(information), GRADIENT) is None


@pytest.mark.parametrize(
    "information", [[[1.0, 1.0], [1.0, 1.0 + 1e-11]], [[1.0, 0.0], [0.0, -1.0]]]
)
def test_a_step_from_a_ridge_goes_uphill_and_not_far(information: list[list[float]]) -> None:
    """By eigenvalues: along the gradient, and cut to its longest."""
    step, decrement = _step(at(information), FREE, 0.0)
    assert step @ GRADIENT > 0
    assert decrement > 0
    assert np.abs(step).max() <= 2


def test_a_damped_step_is_not_small_enough() -> None:
    """Where no step leads uphill, damping shortens them all, which is no sign of the top."""

    def nowhere_higher(logs: np.ndarray) -> Derivatives:
        return Derivatives(-float(logs.any()), GRADIENT / 20, -np.array([[4.0, 1.0], [1.0, 3.0]]))

    assert maximised(nowhere_higher, np.zeros(2), enough_decrement=1e-5).status == "failed"
