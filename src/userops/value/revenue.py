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
from scipy.special import betainc, betaln, expit, logit

__all__ = ["revenue_quantiles"]

Floats = NDArray[np.float64]
_MOST_STEPS = 100
_NEAR = 1e-12
# The longest count of a piece sets the pace for all of it.
_PIECE = 1 << 8


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
    chances = counts[some]
    # Counts beyond this one happen to none of these customers.
    most = int(np.flatnonzero((chances > 1e-13).any(axis=0))[-1])
    needed = share - chances[:, 0]
    part = _solved(chances[:, 1 : most + 1], shape * np.arange(1.0, most + 1), q[some], needed)
    with np.errstate(divide="ignore"):
        found[some] = gamma[some] * part / (1 - part)
    return found


def _solved(chances: Floats, shapes: Floats, q: Floats, needed: Floats) -> Floats:
    """Return where mixtures of beta distributions reach a probability.

    Newton's steps in the log-odds, halving the bracket wherever one would leave it.
    """
    found, left = np.empty(len(needed)), np.arange(len(needed))
    logs = betaln(shapes, q[:, None])
    low, high = np.zeros(len(needed)), np.ones(len(needed))
    middle = np.full(len(needed), 0.5)
    for _ in range(_MOST_STEPS):
        at = middle[:, None]
        over = (chances * betainc(shapes, q[:, None], at)).sum(axis=1) - needed
        high, low = np.where(over >= 0, middle, high), np.where(over >= 0, low, middle)
        with np.errstate(all="ignore"):
            density = np.exp(shapes * np.log(at) + q[:, None] * np.log1p(-at) - logs)
            stepped = expit(logit(middle) - over / (chances * density).sum(axis=1))
        is_inside = (stepped > low) & (stepped < high)
        following = np.where(is_inside, stepped, (low + high) / 2)
        is_done = (np.abs(following - middle) <= _NEAR * middle) | (high - low <= _NEAR * high)
        found[left[is_done]] = following[is_done]
        if is_done.all():
            return found
        more = ~is_done
        left, middle, low, high = left[more], following[more], low[more], high[more]
        chances, q, needed, logs = chances[more], q[more], needed[more], logs[more]
    found[left] = middle
    return found
