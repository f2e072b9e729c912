"""Special functions against sums, and against scipy's own under other names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import polygamma

from userops.value.special import log_rising, trigamma


@given(st.floats(1e-300, 1e12) | st.floats(0.1, 5e3), st.integers(0, 5_000))
@example(1.2e6, 3)
@example(1000.5, 1)
@example(1e12, 5_000)
def test_rising_factorials_keep_their_digits(base: float, steps: int) -> None:
    """Also where the base is so large that log-gammas differ by less than they are rounded by."""
    exact = math.fsum(math.log(base + step) for step in range(steps))
    # Up to a thousand log-gammas themselves are subtracted, which loses three of their digits.
    lost = 0.0 if base > 1e3 else 2e-11
    assert float(log_rising(base, steps)) == pytest.approx(exact, rel=6e-16, abs=lost)


def test_a_rising_factorial_of_no_size_is_a_number() -> None:
    """Where cubes of the base would overflow."""
    assert float(log_rising(1e300, 3)) == pytest.approx(3 * math.log(1e300))


@given(st.floats(1e-6, 1e8))
def test_trigamma_is_the_second_derivative(x: float) -> None:
    """Over all that parameters and counts come to."""
    assert float(trigamma(np.float64(x))) == pytest.approx(float(polygamma(1, x)), rel=1e-13)
