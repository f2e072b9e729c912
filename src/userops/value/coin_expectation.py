"""How many purchases are expected of who tosses a coin after each of them.

Equation (10) of Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing
Science 24(2), is the mean, over the beta distribution of the coin p, of (1 - (1 + p t / alpha)^-r)
/ p: what a process of rate lambda brings until time t or the first tail. The mean is taken by Gauss
and Jacobi, whose nodes depend on the coin alone, so that customers with as many purchases share
them. That is ten times faster than the hypergeometric function which it also is, and knows no case
a = 1.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, hyp2f1, roots_jacobi

from userops.value.special import log_rising

__all__ = ["purchases_while_heads"]

Floats = NDArray[np.float64]
# Nodes, up to which horizon in units of alpha, and up to how many purchases by the mean rate. The
# integrand has a pole at p = -alpha / t and falls like exp(-r t / alpha p): both set how many nodes
# give twelve digits.
_TIERS = ((20, 4.0, 8.0), (48, 30.0, 60.0), (160, 400.0, 400.0))
# A sum ends where its last term is nothing beside it.
_NOTHING, _MOST_TERMS = 1e-16, 1 << 22
_PIECE = 1 << 11
_NO_TAILS = float(np.finfo(np.float64).eps)
# So near to 1 the series is a difference of nearly equal numbers.
_NEAR_ONE = 1e-4


def purchases_while_heads(
    shape: Floats | float, rate: Floats | float, coin: tuple[float, Floats | float], horizon: Any
) -> Floats:
    """Return the expected purchases of customers who are alive.

    Args:
        shape: Of the gamma distribution of each customer's purchase rate; a number of one alone.
        rate: Of the same.
        coin: Of the beta distribution of dropout: a, and each customer's b.
        horizon: Above zero; several are taken with one customer.
    """
    # A coin that never shows tails: smaller numbers would be lost beside 1.
    a, heads = max(coin[0], _NO_TAILS), coin[1]
    far = horizon / rate
    if isinstance(shape, float):
        far = far if isinstance(far, np.ndarray) else np.array([far])
        quick = _of_one(shape, far, a, float(heads))
        if quick is not None:
            return quick
    shape, heads, far = np.broadcast_arrays(shape, heads, far)
    coin = a, heads
    found = np.full(len(shape), np.nan)
    left = np.ones(len(shape), dtype=np.bool_)
    for nodes, farthest, most in _TIERS:
        here = left & (far <= farthest) & (shape * far <= most)
        if here.any():
            places = slice(None) if here.all() else np.flatnonzero(here)
            found[places] = _by_nodes(shape[places], far[places], (a, heads[places]), nodes)
            left &= ~here
            if not left.any():
                break
    found = np.where(left, _by_series(shape, far, coin), found)
    left = ~np.isfinite(found)
    for place in np.flatnonzero(left).tolist():
        found[place] = _summed(float(shape[place]), float(far[place]), a, float(heads[place]))
    return found


def _by_series(shape: Floats, far: Floats, coin: tuple[float, Floats]) -> Floats:
    """Return the same by the hypergeometric function; not a number where that is none."""
    a, heads = coin
    if abs(a - 1) < _NEAR_ONE:
        return np.full(len(shape), np.nan)
    share = far / (1 + far)
    with np.errstate(all="ignore"):
        kept = np.exp(-shape * np.log1p(far)) * hyp2f1(shape, heads, a + heads - 1, share)
        found: Floats = (a + heads - 1) / (a - 1) * (1 - kept)
    return found


def _of_one(shape: float, far: Floats, a: float, heads: float) -> Floats | None:
    """Return the same of one customer, with the nodes of the farthest horizon, if these do."""
    farthest = max(far.tolist())
    for nodes, up_to, most in _TIERS:
        if farthest <= up_to and shape * farthest <= most:
            found = _of_a_coin(shape, far, _coin(a, heads, nodes))
            return found if math.isfinite(found.item(0)) else None
    return None


def _by_nodes(shape: Floats, far: Floats, coin: tuple[float, Floats], nodes: int) -> Floats:
    a, heads = coin
    if len(shape) <= _PIECE and (heads == heads[0]).all():
        return _of_a_coin(shape, far, _coin(a, float(heads[0]), nodes))
    found = np.empty(len(shape))
    order = np.argsort(heads, kind="stable")
    starts = np.flatnonzero(np.diff(heads[order], prepend=-1.0))
    for begin, end in zip(starts, [*starts[1:], len(order)], strict=True):
        some = _coin(a, float(heads[order[begin]]), nodes)
        for first in range(begin, end, _PIECE):
            here = order[first : min(first + _PIECE, end)]
            found[here] = _of_a_coin(shape[here], far[here], some)
    return found


def _of_a_coin(shape: Floats | float, far: Floats, coin: tuple[Floats, Floats]) -> Floats:
    p, weights = coin
    silent = far[:, None] * p
    np.log1p(silent, out=silent)
    silent *= -shape if isinstance(shape, float) else -shape[:, None]
    found: Floats = -(np.expm1(silent, out=silent) @ weights)
    return found


@lru_cache(maxsize=4096)
def _coin(a: float, b: float, nodes: int) -> tuple[Floats, Floats]:
    """Return nodes of the beta distribution, and weights over these nodes."""
    with np.errstate(all="ignore"):
        at, weights = roots_jacobi(nodes, b - 1, a - 1)
        p = (1 + at) / 2
        weights = weights / weights.sum() / p
    return p.astype(np.float64), weights.astype(np.float64)


def _summed(shape: float, far: float, a: float, b: float) -> float:
    """Return the same as a sum of positive terms, which nothing overflows.

    He makes a k-th purchase if the process gets so far, which is an incomplete beta function, and
    no coin before it fell.
    """
    found, begin, many, share = 0.0, 0, 256, far / (1 + far)
    while begin < _MOST_TERMS:
        k = np.arange(begin, begin + many) + 1.0
        stays = log_rising(b, k - 1) - log_rising(a + b, k - 1)
        terms: Any = betainc(k, shape, share) * np.exp(stays)
        found += float(terms.sum())
        # Said so that a sum that is not a number ends as well.
        if not terms[-1] * (begin + many) > _NOTHING * found:
            break
        begin, many = begin + many, 2 * many
    return found
