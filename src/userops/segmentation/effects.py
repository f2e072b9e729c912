"""Sizes of effects between two groups: how different they are, whatever their numbers.

References:
    Cohen, J. (1988), Statistical power analysis for the behavioral sciences, 2nd ed.: d in
    section 2.5, h in section 6.2.
    Hedges, L. V. (1981), Distribution theory for Glass's estimator of effect size and related
    estimators, Journal of Educational Statistics 6(2), 107-128: the exact correction by gamma
    functions.
    Mann, H. B. and Whitney, D. R. (1947), On a test of whether one of two random variables is
    stochastically larger than the other, Annals of Mathematical Statistics 18(1), 50-60.
    Vargha, A. and Delaney, H. D. (2000), A critique and improvement of the CL common language
    effect size statistics of McGraw and Wong, Journal of Educational and Behavioral Statistics
    25(2), 101-132: A.
    Cliff, N. (1993), Dominance statistics: ordinal analyses to answer ordinal questions,
    Psychological Bulletin 114(3), 494-509: delta = 2 A - 1.
    Welch, B. L. (1938), The significance of the difference between two means when the population
    variances are unequal, Biometrika 29(3/4), 350-362.
    Cramér, H. (1946), Mathematical methods of statistics, section 21.9: V.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "NORMAL_975",
    "cohens_d",
    "cohens_h",
    "cramers_v",
    "hedges_g",
    "superiority",
    "welch_interval",
]

Floats = NDArray[np.float64]

# The quantile of the standard normal distribution that 97.5 % lie below.
NORMAL_975 = 1.959963984540054


def cohens_d(a: Floats, b: Floats) -> float | None:
    """Return the difference of means in pooled standard deviations.

    Args:
        a: Values of the first group.
        b: Values of the second group.

    Returns:
        Positive where `a` is larger; None where a group is empty or there are fewer than three
        values together. Where neither group varies it is 0 or infinite.
    """
    freedom = len(a) + len(b) - 2
    if not len(a) or not len(b) or freedom < 1:
        return None
    squares = _squares(a) + _squares(b)
    difference = float(a.mean() - b.mean())
    if squares == 0:
        return math.copysign(math.inf, difference) if difference else 0.0
    return difference / math.sqrt(squares / freedom)


def hedges_g(a: Floats, b: Floats) -> float | None:
    """Return Cohen's d without its upward bias in small groups; the exact correction.

    Args:
        a: Values of the first group.
        b: Values of the second group.
    """
    d, freedom = cohens_d(a, b), len(a) + len(b) - 2
    if d is None or freedom < 2:
        return None
    log_ratio = math.lgamma(freedom / 2) - math.lgamma((freedom - 1) / 2)
    return d * math.exp(log_ratio) / math.sqrt(freedom / 2)


def superiority(a: Floats, b: Floats) -> float | None:
    """Return the probability that one of `a` exceeds one of `b`, ties counted half.

    It is the area under the ROC curve, Vargha and Delaney's A, and Mann and Whitney's U divided
    by the number of pairs. Cliff's delta is twice it minus one.

    Args:
        a: Values of the first group in ascending order.
        b: Values of the second group in ascending order.

    Returns:
        0 to 1; None where a group is empty.
    """
    if not len(a) or not len(b):
        return None
    below, up_to = np.searchsorted(b, a, side="left"), np.searchsorted(b, a, side="right")
    return (int(below.sum()) + int(up_to.sum())) / (2 * len(a) * len(b))


def welch_interval(a: Floats, b: Floats) -> tuple[float, float] | None:
    """Return the 95 % interval of the difference of means, for groups of unequal variance.

    It takes the quantile of the normal distribution, not of Student's t, and so is somewhat too
    narrow for groups below about thirty.

    Args:
        a: Values of the first group.
        b: Values of the second group.

    Returns:
        The lower and the upper end; None where a group has fewer than two values.
    """
    if len(a) < 2 or len(b) < 2:
        return None
    variances = (_squares(x) / (len(x) - 1) / len(x) for x in (a, b))
    half = NORMAL_975 * math.sqrt(sum(variances))
    difference = float(a.mean() - b.mean())
    return difference - half, difference + half


def cohens_h(p: float, q: float) -> float:
    """Return the difference of two shares on the scale on which their variance is the same.

    Args:
        p: A share of the first group, 0 to 1.
        q: The same share of the second.

    Returns:
        From -pi to pi, positive where `p` is larger.
    """
    return 2 * math.asin(math.sqrt(p)) - 2 * math.asin(math.sqrt(q))


def cramers_v(a: NDArray[np.int64], b: NDArray[np.int64]) -> float | None:
    """Return how closely a value is tied to the group, not corrected for bias.

    Args:
        a: Customers of the first group by value.
        b: Customers of the second group by value, in the same order.

    Returns:
        0 to 1; None where a group is empty or there are fewer than two values.
    """
    seen = (a + b) > 0
    table = np.array([a[seen], b[seen]], dtype=np.float64)
    of_group, of_value = table.sum(axis=1), table.sum(axis=0)
    if table.shape[1] < 2 or not of_group.all():
        return None
    expected = np.outer(of_group, of_value) / of_group.sum()
    # Two groups: the smaller side of the table has one degree of freedom.
    return min(1.0, math.sqrt(((table - expected) ** 2 / expected).sum() / of_group.sum()))


def _squares(values: Floats) -> float:
    return float(((values - values.mean()) ** 2).sum())
