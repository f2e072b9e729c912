"""How many purchases a time brings: what the models of purchases share.

A rate that is gamma distributed makes counts negative binomial: Ehrenberg (1959), The pattern of
consumer purchases, Applied Statistics 8(1), 26-41.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from userops.value.lives import Lives
from userops.value.panels import panels
from userops.value.special import log_rising

__all__ = [
    "MOST_COUNT",
    "counts_until_dropout",
    "negative_binomial",
    "purchase_times",
    "quantile_of_counts",
    "with_the_gone",
]

Floats = NDArray[np.float64]
# Tables show counts up to this one, and those above together, as the papers do.
MOST_COUNT = 7
# Nobody buys more often within a horizon that somebody plans for.
_MOST_COUNTED = 1 << 16
_RUN_OF_ROOT = 2.8


def negative_binomial(n: Floats, shape: Floats, rate: Floats, time: Floats | float) -> Floats:
    """Return the probabilities of n purchases within a time, for a gamma distributed rate.

    Args:
        n: Counts.
        shape: Of the gamma distribution.
        rate: Of the gamma distribution, in units of time.
        time: Above zero.
    """
    found: Floats = np.exp(
        log_rising(shape, n) - gammaln(n + 1)
        + shape * np.log(rate / (rate + time)) + n * np.log(time / (rate + time))
    )  # fmt: skip
    return found


def counts_until_dropout(
    purchases: tuple[float, Floats], lives: Lives, age: Floats, horizon: float, most: int
) -> Floats:
    """Return the probabilities of 0 ... `most` purchases of who may drop out at any time.

    Args:
        purchases: alpha, and the shape of the gamma distribution of each customer's purchase rate,
            whose rate is alpha and the age.
        lives: How long customers stay.
        age: Of each customer, who is alive.
        horizon: Above zero.
        most: The highest count.

    Returns:
        Shape (customers, most + 1).
    """
    alpha, shape = purchases
    n = np.arange(most + 1.0)
    rate, now = alpha + age, lives.at(age).log_survival

    def logs(at: Floats, place: NDArray[np.intp]) -> Floats:
        then = lives.at(at)
        # The probability of a count peaks where the root of the expected count is its root, and
        # falls there like a normal density of variance 1/4: three nodes or so for each unit.
        root = np.sqrt(shape[place] / rate[place] * (at - age[place]))
        return np.stack([then.log_survival, then.log_hazard, _RUN_OF_ROOT * root])

    def distance(begin: Floats, end: Floats) -> Floats:
        found: Floats = np.minimum(alpha + begin, lives.distance(begin, end))
        return found

    everybody, end = np.arange(len(age)), age + horizon
    found = panels(age, end, (logs(age, everybody), logs(end, everybody)), logs, distance)
    ways = log_rising(shape[:, None], n) - gammaln(n + 1)
    sums = np.zeros((most + 1, len(age)))
    for part in (piece for ruled in found for piece in ruled.pieces()):
        place = part.owner
        values = np.zeros((most + 1, len(place)))
        for node, weight in zip(part.rule.nodes[:, 0], part.rule.weights[:, 0], strict=True):
            at = part.begin + part.length * node
            then = lives.at(at)
            lost = np.exp(then.log_survival + then.log_hazard - now[place]) * weight * part.length
            time = np.maximum(at - age[place], np.finfo(np.float64).tiny)
            values += (lost[:, None] * _counted(ways[place], shape[place], rate[place], time, n)).T
        part.added_to(sums, values)
    stays = np.exp(lives.at(end).log_survival - now)
    time = np.full(len(age), float(horizon))
    return sums.T + _counted(ways, shape, rate, time, n) * stays[:, None]


def _counted(ways: Floats, shape: Floats, rate: Floats, time: Floats, n: Floats) -> Floats:
    """Return negative binomial probabilities, given the logarithms of their coefficients."""
    kept, used = shape * np.log(rate / (rate + time)), np.log(time / (rate + time))
    found: Floats = np.exp(ways + kept[:, None] + n * used[:, None])
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
