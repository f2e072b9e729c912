"""How sure one can be of a fit: intervals by the delta method, and by the profile.

Cox & Hinkley (1974), Theoretical Statistics, chapter 9: observed information, likelihood ratios and
profiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import chi2, norm

from userops.errors import InvalidArgumentError
from userops.value.newton import Derivatives, Maximum, maximised

__all__ = ["Interval", "LikelihoodRatio", "Scale", "by_delta", "checked_level", "profiled"]

Floats = NDArray[np.float64]
Scale = Literal["plain", "log", "logit"]
_STEP = 1e-4
# How far, in logarithms, a profile is followed before the interval is said to be open.
_FARTHEST = 12.0


@attrs.frozen(eq=False, repr=False)
class Interval:
    """An estimate with where the truth lies, at a level.

    Attributes:
        value: The estimate.
        low: The lower end.
        high: The upper end.
        level: Of confidence, such as 0.95.
    """

    value: Floats
    low: Floats
    high: Floats
    level: float

    def __repr__(self) -> str:
        """Return the estimate with its ends; of many the first three."""
        rows = list(zip(*(np.ravel(v) for v in (self.value, self.low, self.high)), strict=True))
        said = [
            f"{_said(value)} ({_said(low)} to {_said(high)})" if np.isfinite(low)
            else f"{_said(value)} (no ends: a fit did not converge, see its status)"
            for value, low, high in rows[:3]
        ]  # fmt: skip
        more = f", and {len(rows) - 3:,} more" if len(rows) > 3 else ""
        return f"Interval at {self.level:.0%}: {'; '.join(said)}{more}"


def _said(value: float) -> str:
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:,.4g}"


@attrs.frozen
class LikelihoodRatio:
    """A test of a model against a larger one that holds it.

    Attributes:
        statistic: Twice the difference of the log-likelihoods.
        degrees: How many parameters the larger model has more.
        p_value: How often chance alone makes it so large, where the smaller model is true.
    """

    statistic: float
    degrees: int
    p_value: float

    @classmethod
    def of(cls, smaller: float, larger: float, degrees: int) -> LikelihoodRatio:
        """Compare two log-likelihoods (Wilks 1938)."""
        statistic = max(2 * (larger - smaller), 0.0)
        return cls(statistic, degrees, float(chi2.sf(statistic, degrees)))


def checked_level(level: float) -> float:
    """Return a level of confidence.

    Raises:
        InvalidArgumentError: If it is not between 0 and 1.
    """
    if not 0 < level < 1:
        raise InvalidArgumentError(
            "level", "must be between 0 and 1", got=level, allowed="0.95 for 95 %"
        )
    return float(level)


def by_delta(
    of: Callable[[Floats], Floats], at: Floats, covariance: Floats, level: float, scale: Scale
) -> Interval:
    """Return an interval of what follows from coordinates, by the delta method.

    Args:
        of: What is estimated, of the coordinates of a fit.
        at: The coordinates.
        covariance: Of the coordinates.
        level: Of confidence.
        scale: Where the estimate is taken for normal: `log` keeps it above zero, `logit` between 0
            and 1.

    Returns:
        The interval, whose ends are not a number where what follows from coordinates nearby is not.

    Raises:
        InvalidArgumentError: If the scale is not known, or the estimate is not on it.
    """
    value = np.asarray(of(at), dtype=np.float64)
    there, back = _scales(scale)
    if (scale != "plain" and (value < 0).any()) or (scale == "logit" and (value > 1).any()):
        raise InvalidArgumentError(
            "scale", f"{scale!r} does not hold the estimate", got=value.ravel()[:3].tolist(),
            allowed="plain for what may be below zero, logit for probabilities alone",
        )  # fmt: skip
    middle = there(value)
    slopes = []
    for unit, error in zip(np.eye(len(at)), np.sqrt(np.diag(covariance)), strict=True):
        step = _STEP * max(float(error), 1e-8)
        ends = [np.asarray(of(at + sign * step * unit), dtype=np.float64) for sign in (1, -1)]
        with np.errstate(invalid="ignore"):
            # Certain where the scale ends, as at P(alive) = 1.
            found = np.nan_to_num((there(ends[0]) - there(ends[1])) / (2 * step))
        slopes.append(np.where(np.isnan(ends[0]) | np.isnan(ends[1]), np.nan, found))
    with np.errstate(invalid="ignore"):
        slope = np.stack(slopes)
        error = np.sqrt(np.einsum("k...,kl,l...->...", slope, covariance, slope))
        far = float(norm.ppf(0.5 + level / 2)) * error
        low, high = (np.where(far == 0, value, back(middle + sign * far)) for sign in (-1, 1))
    return Interval(value, low, high, level)


def _scales(scale: Scale) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    if scale == "plain":
        return (lambda v: v), (lambda v: v)
    if scale == "log":
        tiny = np.finfo(np.float64).tiny
        return (lambda v: np.log(np.maximum(v, tiny))), np.exp
    if scale == "logit":
        return logit, expit
    raise InvalidArgumentError.unknown("scale", scale, ("plain", "log", "logit"))


def profiled(
    function: Callable[[Floats], Derivatives], found: Maximum, place: int, level: float
) -> tuple[float, float]:
    """Return the interval in which the profile of the log-likelihood stays high enough.

    Args:
        function: The log-likelihood at coordinates.
        found: Its maximum.
        place: Which coordinate.
        level: Of confidence.

    Returns:
        Both ends; infinite where the likelihood never falls so low.
    """
    needed = found.at.value - 0.5 * float(chi2.ppf(level, 1))
    others = np.arange(len(found.logs)) != place
    start = found.logs[others]

    def height(value: float) -> float:
        nonlocal start

        def held(some: Floats) -> Derivatives:
            at = np.insert(some, place, value)
            whole = function(at)
            return Derivatives(
                whole.value, whole.gradient[others], whole.hessian[np.ix_(others, others)]
            )

        best = maximised(held, start) if len(start) else None
        if best is not None:
            start = best.logs
        return (held(start).value if best is None else best.at.value) - needed

    middle = float(found.logs[place])
    curve = -float(found.at.hessian[place, place])
    first = 1 / math.sqrt(curve) if curve > 0 else 0.5
    ends = []
    for sign in (-1.0, 1.0):
        start, far = found.logs[others], min(first, 1.0)
        while height(middle + sign * far) > 0 and far < _FARTHEST:
            far *= 1.7
        if far >= _FARTHEST:
            ends.append(sign * math.inf)
            continue
        start = found.logs[others]
        ends.append(brentq(height, middle, middle + sign * far, xtol=1e-7))
    return ends[0], ends[1]
