"""What a customer will spend within a horizon, as a distribution.

Given how many purchases there will be, n, and what he spent so far, their sum over the sum and
gamma' is beta distributed with p n and q': purchases are gamma distributed around a mean of his own
(Fader & Hardie 2013, The Gamma-Gamma model of monetary value, whose posterior has q' = p x + q and
gamma' = gamma + x z), and a gamma distribution mixed by a gamma distributed rate is a beta of the
second kind. The number of purchases mixes these.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

__all__ = ["revenue_quantiles"]

Floats = NDArray[np.float64]
_HALVINGS = 60
_PIECE = 1 << 12


def revenue_quantiles(
    counts: Floats, places: NDArray[np.intp], shape: float, posterior: tuple[Floats, Floats],
    share: float,
) -> Floats:  # fmt: skip
    """Return the revenue that is not exceeded with a probability, one value a customer.

    Args:
        counts: Probabilities of 0, 1 ... purchases, shape (rows, most + 1).
        places: Which of these rows each customer has.
        shape: p of the model of spend.
        posterior: q' and gamma' of each customer.
        share: The probability, between 0 and 1.
    """
    found = np.zeros(len(places))
    # Customers who buy about as often are taken together, because the longest counts set the pace.
    order = np.argsort((counts @ np.arange(counts.shape[1]))[places], kind="stable")
    for begin in range(0, len(order), _PIECE):
        here = order[begin : begin + _PIECE]
        found[here] = _quantiles(
            counts[places[here]], shape, posterior[0][here], posterior[1][here], share
        )
    return found


def _quantiles(counts: Floats, shape: float, q: Floats, gamma: Floats, share: float) -> Floats:
    found = np.zeros(len(counts))
    some = np.flatnonzero(counts[:, 0] < share)
    if not len(some):
        return found
    chances, q, gamma = counts[some], q[some][:, None], gamma[some]
    # Counts beyond this one happen to none of these customers.
    most = int(np.flatnonzero((chances > 1e-13).any(axis=0))[-1])
    chances, n = chances[:, : most + 1], np.arange(1.0, most + 1)
    needed = share - chances[:, 0]
    low, high = np.zeros(len(some)), np.ones(len(some))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        reached = (chances[:, 1:] * betainc(shape * n, q, middle[:, None])).sum(axis=1) >= needed
        high, low = np.where(reached, middle, high), np.where(reached, low, middle)
        if (high - low <= 1e-12 * high).all():
            break
    with np.errstate(divide="ignore"):
        found[some] = gamma * high / (1 - high)
    return found
