"""How many purchases a time brings: what the models of purchases share.

A rate that is gamma distributed makes counts negative binomial: Ehrenberg (1959), The pattern of
consumer purchases, Applied Statistics 8(1), 26-41.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, roots_legendre

__all__ = [
    "counts_until_dropout",
    "negative_binomial",
    "purchase_times",
    "quantile_of_counts",
    "with_the_gone",
]

Floats = NDArray[np.float64]
# Nobody buys more often within a horizon that somebody plans for.
_MOST_COUNTED = 1 << 16
_NODES, _WEIGHTS = (values.astype(np.float64) for values in roots_legendre(64))


def negative_binomial(n: Floats, shape: Floats, rate: Floats, time: Floats | float) -> Floats:
    """Return the probabilities of n purchases within a time, for a gamma distributed rate.

    Args:
        n: Counts.
        shape: Of the gamma distribution.
        rate: Of the gamma distribution, in units of time.
        time: Above zero.
    """
    found: Floats = np.exp(
        gammaln(shape + n) - gammaln(shape) - gammaln(n + 1)
        + shape * np.log(rate / (rate + time)) + n * np.log(time / (rate + time))
    )  # fmt: skip
    return found


def counts_until_dropout(
    purchases: tuple[Floats, Floats],
    dropout: tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]],
    horizon: float,
    most: int,
) -> Floats:
    """Return the probabilities of 0 ... `most` purchases of who may drop out at any time.

    Args:
        purchases: Shape and rate of the gamma distribution of each customer's purchase rate.
        dropout: Survival to a time from now, and the density of dropout there, given that the
            customer is alive: functions of one time a customer.
        horizon: Above zero.
        most: The highest count.

    Returns:
        Shape (customers, most + 1).
    """
    survival, density = dropout
    n = np.arange(most + 1.0)
    shape, rate = (values[:, None] for values in purchases)
    end = np.full(len(purchases[0]), float(horizon))
    found = negative_binomial(n, shape, rate, horizon) * survival(end)[:, None]
    # Equal steps of the logarithm, because both the counts and the lives change by powers of time.
    scale = purchases[1]
    reach = np.log1p(end / scale)
    for node, weight in zip((_NODES + 1) / 2, _WEIGHTS / 2, strict=True):
        grown = np.exp(reach * node)
        time = np.maximum(scale * np.expm1(reach * node), np.finfo(np.float64).tiny)
        lost = density(time) * weight * reach * scale * grown
        found += negative_binomial(n, shape, rate, time[:, None]) * lost[:, None]
    return found


def with_the_gone(found: Floats, alive: Floats) -> Floats:
    """Return counts of anybody, given those of who is alive: the others buy nothing."""
    found = found * alive[:, None]
    found[:, 0] += 1 - alive
    return found


def quantile_of_counts(probabilities: Callable[[int], Floats], share: float) -> Floats:
    """Return the smallest counts that are not exceeded with a probability, one a customer.

    Args:
        probabilities: Of 0 ... `most`, given `most`; shape (customers, most + 1).
        share: The probability, between 0 and 1.
    """
    most = 16
    while True:
        # Rounding must not push a sum of probabilities, which is 1 at most, past the share.
        reached = np.cumsum(probabilities(most), axis=1) >= share - 1e-12
        if reached[:, -1].all() or most >= _MOST_COUNTED:
            found: Floats = np.where(reached[:, -1], reached.argmax(axis=1), np.inf)
            return found
        most *= 4


def purchase_times(
    rates: Floats, ends: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Floats]:
    """Draw Poisson processes up to an end each.

    Returns:
        For each event the place of its process, and its time; ascending by both.
    """
    counts = rng.poisson(rates * ends)
    places = np.repeat(np.arange(len(rates)), counts)
    at = rng.random(len(places)) * ends[places]
    order = np.lexsort((at, places))
    return places, at[order]
