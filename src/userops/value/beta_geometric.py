"""Lives that end by a coin tossed once a period, whose probability is beta distributed.

What the shifted beta-geometric model and BG/BB share. Of a coin theta ~ Beta(a, b) a life lasts
through j tosses with probability

    S(j) = B(a, b + j) / B(a, b) = prod_{i < j} (b + i) / (a + b + i),

Fader & Hardie (2007), How to project customer retention, Journal of Interactive Marketing 21(1),
76-90, equation (6). Who has lasted through n tosses has a coin from Beta(a, b + n).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import psi, roots_legendre

from userops.value.special import log_rising

__all__ = ["expected_periods", "lasting"]

Floats = NDArray[np.float64]
_NODES, _WEIGHTS = (values.astype(np.float64) for values in roots_legendre(16))
# So many periods are added up one by one; the rest has closed forms, less exact where they cancel.
_MOST_ADDED = 1_024
_MOST_FRACTIONS = 1_000_000
_SMALLEST_CHANGE = 4e-16


def lasting(a: float, b: float, most: int) -> Floats:
    """Return S(0), S(1) ... S(most).

    Args:
        a: Of the beta distribution, above zero.
        b: Of the beta distribution, above zero.
        most: The last j.
    """
    found = np.zeros(most + 1)
    np.cumsum(-np.log1p(a / (b + np.arange(float(most)))), out=found[1:])
    return np.exp(found)


def expected_periods(a: float, b: Floats, discount: float, horizon: float) -> Floats:
    """Return sum_{j=1}^{m} S(j) / (1 + d)^j: how many periods are lasted through, discounted.

    Args:
        a: Of the beta distribution, above zero.
        b: Of the beta distribution, one value a life.
        discount: d a period, 0 or more.
        horizon: m, a whole number, or infinity.

    Returns:
        One value a life; infinite where nothing is discounted, nothing ends it, and a is not
        above 1.
    """
    different, places = np.unique(np.asarray(b, dtype=np.float64), return_inverse=True)
    if horizon <= _MOST_ADDED:
        found = _added(a, different, discount, int(horizon))
    elif discount == 0:
        found = _undiscounted(a, different, horizon)
    else:
        found = _endless(a, different, discount)
        if np.isfinite(horizon):
            log_left = _log_lasting(a, different, horizon) - horizon * np.log1p(discount)
            found = found - np.exp(log_left) * _endless(a, different + horizon, discount)
    every: Floats = found[places.reshape(np.shape(b))]
    return every


def _added(a: float, b: Floats, discount: float, most: int) -> Floats:
    left, total = np.ones(len(b)), np.zeros(len(b))
    for j in range(most):
        left = left * ((b + j) / ((a + b + j) * (1 + discount)))
        total += left
    return total


def _log_lasting(a: float, b: Floats, tosses: float) -> Floats:
    """Return the logarithm of S(j)."""
    return log_rising(b, tosses) - log_rising(a + b, tosses)


def _undiscounted(a: float, b: Floats, horizon: float) -> Floats:
    """Return the sum by its closed form, the bracket of equation (13) of BG/BB's paper."""
    if not np.isfinite(horizon):
        return b / (a - 1) if a > 1 else np.full(len(b), np.inf)
    if abs(a - 1) > 0.1:
        log_ratio = _log_lasting(a - 1, 1 + b, horizon)
        found: Floats = b * -np.expm1(log_ratio) / (a - 1)
        return found
    # Near a = 1 zero is divided by zero: with e = a - 1, (1 - ratio^e) / e is an integral over e.
    total = np.zeros(len(b))
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
        total += weight * _slope((a - 1) * node, 1 + b, horizon)
    return b * total


def _slope(e: float, b: Floats, horizon: float) -> Floats:
    """Return minus the derivative of S(m) of Beta(e, b) by e."""
    late: Floats = psi(e + b + horizon) - psi(e + b)
    return np.exp(_log_lasting(e, b, horizon)) * late


def _endless(a: float, b: Floats, discount: float) -> Floats:
    """Return the sum without end: z b / (a + b) 2F1(1, b + 1; a + b + 1; z), z = 1 / (1 + d).

    That is equation (6) of Fader & Hardie (2010), Customer-base valuation in a contractual setting,
    Marketing Science 29(1), 85-93. The function is the fraction of Gauss (DLMF 15.7), evaluated
    from its head by Lentz's method: series and transformations lose all digits where b is large.
    """
    z, top, bottom = 1 / (1 + discount), b + 1, a + b + 1
    found, c, d = np.ones(len(b)), np.ones(len(b)), np.zeros(len(b))
    for n in range(1, _MOST_FRACTIONS):
        i = n // 2
        if n == 1:
            share = top / bottom
        elif n % 2:
            share = (top + i) * (bottom - 1 + i) / ((bottom + 2 * i - 1) * (bottom + 2 * i))
        else:
            share = i * (bottom - top + i - 1) / ((bottom + 2 * i - 2) * (bottom + 2 * i - 1))
        d = 1 / (1 - share * z * d)
        c = 1 - share * z / c
        found = found * (c * d)
        if np.abs(c * d - 1).max() <= _SMALLEST_CHANGE:
            break
    ends: Floats = z * b / (a + b) / found
    return ends
