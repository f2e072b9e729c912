"""What purchases to come are worth today.

Discounting is continuous: what is expected at time t counts exp(-rate t). By parts, the discounted
purchases within a horizon h are exp(-rate h) E(h) + rate int_0^h exp(-rate t) E(t) dt, so that any
model that says E, the expected purchases, says these too. Fader, Hardie & Lee (2005), RFM and CLV,
Journal of Marketing Research 42(4), call them discounted expected residual transactions (DERT).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

from userops.errors import InvalidArgumentError

__all__ = ["discount_nodes", "discounted", "rate_of_discount"]

Floats = NDArray[np.float64]
_DAYS_A_YEAR = 365.25
# Nodes, and up to how many powers of e of discount they give eight digits; beyond all of these the
# horizon is as good as for ever.
_TIERS = tuple(
    (tuple(values.astype(np.float64) for values in roots_legendre(nodes)), most)
    for nodes, most in ((12, 1.5), (64, 40.0))
)
# Step of the trapezoid rule, and how far it goes: beyond, exp(-t) or t is below 1e-17.
_STEP, _LOWEST, _HIGHEST = 0.125, -3.9, 3.9


def rate_of_discount(annual_discount: float, unit_days: float) -> float:
    """Return the continuous rate a unit of time, given the discount of a year.

    Args:
        annual_discount: 0.1 is ten per cent a year; above -1.
        unit_days: Days of one unit of time.

    Raises:
        InvalidArgumentError: If the discount is not above -1.
    """
    if not (math.isfinite(annual_discount) and annual_discount > -1):
        raise InvalidArgumentError(
            "annual_discount", "must be above -1", got=annual_discount,
            allowed="0.1 for ten per cent a year",
        )  # fmt: skip
    return math.log1p(annual_discount) * unit_days / _DAYS_A_YEAR


def discounted(expected: Callable[[float], Floats], rate: float, horizon: float) -> Floats:
    """Return the discounted purchases within a horizon.

    Args:
        expected: The expected purchases within a time, one value a customer.
        rate: Of discount, continuous, a unit of time.
        horizon: Above zero; infinite where the rate is above zero.

    Raises:
        InvalidArgumentError: If the horizon is infinite, and the rate not above zero.
    """
    times, weights = discount_nodes(rate, horizon)
    total: Floats | float = 0.0
    for time, weight in zip(times.tolist(), weights.tolist(), strict=True):
        total = total + weight * expected(time)
    return np.asarray(total)


@lru_cache(maxsize=64)
def discount_nodes(rate: float, horizon: float) -> tuple[Floats, Floats]:
    """Return times and weights: the expected purchases within these, so weighted, are discounted.

    Args:
        rate: Of discount, continuous, a unit of time.
        horizon: Above zero; infinite where the rate is above zero. Where it is finite, it is the
            last of the times.

    Raises:
        InvalidArgumentError: If the horizon is infinite, and the rate not above zero.
    """
    if math.isinf(horizon):
        if rate <= 0:
            raise InvalidArgumentError(
                "horizon", "is infinite, and nothing is discounted", got=horizon,
                hint="give a finite horizon, or annual_discount above zero",
            )  # fmt: skip
        return _for_ever(rate)
    if rate == 0:
        return np.array([horizon]), np.ones(1)
    fallen = abs(rate * horizon)
    ruled = next((rule for rule, most in _TIERS if fallen <= most), None)
    if ruled is None and rate > 0:
        times, weights = _for_ever(rate)
        return np.append(times, horizon), np.append(weights, 0.0)
    nodes, weights = ruled or _TIERS[-1][0]
    # In steps of the square root there are more nodes early, where purchases come fastest.
    shares = ((nodes + 1) / 2) ** 2
    times = np.append(horizon * shares, horizon)
    inner = rate * horizon * weights * np.sqrt(shares)
    return times, np.append(inner, 1.0) * np.exp(-rate * times)


def _for_ever(rate: float) -> tuple[Floats, Floats]:
    """Integrate over all time by the double exponential rule of Takahasi & Mori (1974).

    With u = exp(v - exp(-v)) the integrand exp(-u) E(u / rate) falls doubly exponentially at both
    ends, and equal steps of v converge exponentially, whatever scale of time E has.
    """
    v = np.arange(_LOWEST, _HIGHEST, _STEP)
    grown = np.exp(-v)
    u = np.exp(v - grown)
    weights = _STEP * u * (1 + grown) * np.exp(-u)
    counts = weights > 0
    return u[counts] / rate, weights[counts]
