"""Safeguarded Newton in the logarithms of positive parameters, and what became of it.

Each step solves with the observed information, damped until it is positive definite (Levenberg and
Marquardt), and is halved until the log-likelihood grows. What it ends with is said and never passed
over: an optimum, a parameter that runs away, or a ridge on which the data cannot tell parameters
apart.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dpocon, dposv

from userops.errors import InvalidArgumentError

__all__ = [
    "MEANING",
    "OTHER_STARTS",
    "Derivatives",
    "Likelihood",
    "Maximum",
    "Status",
    "checked_start",
    "maximised",
    "of_logs",
]

Floats = NDArray[np.float64]
Status = Literal["converged", "boundary", "not_identified", "failed"]
MEANING: Mapping[Status, str] = {
    "converged": "the likelihood has its highest point here",
    "boundary": "a parameter runs to zero or to infinity: the data show no sign of what it stands "
    "for; predictions hold, the parameters by themselves say nothing; use a longer history, or a "
    "prior",
    "not_identified": "parameters move together without changing the fit: predictions hold, the "
    "parameters by themselves say nothing; use a longer history, or a prior",
    "failed": "no highest point was found: do not use this fit; look at the summary for odd rows",
}

# Beyond e**±14 a parameter of any of the models is zero or infinite for all that data can say.
_BOUND = 14.0
_LOWEST, _HIGHEST = -_BOUND, _BOUND
_MOST_STEPS, _MOST_HALVINGS = 200, 40
_LARGEST_STEP = 2.0
# A decrement is half the square of the distance to the optimum in standard errors.
_SMALLEST_DECREMENT = 1e-12
# Sums of many logarithms differ by so much of themselves from one order of adding to another.
_NOISE = 1e-12
_SURE_DECREMENT, _SURE_STEP = 1e-8, 1e-6
# Where the reciprocal condition (of the 1-norm, by LAPACK's dpocon) is less, so that a step by
# Cholesky's factor may have lost half of its digits, it is taken by eigenvalues.
_LEAST_RCOND = 1e-8
_LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e3
# Of standard errors in logarithms above this one nothing is known but an order of magnitude or so.
_LARGEST_ERROR = 3.0
# Of a flat direction, how much of a parameter makes it one of those that cannot be told apart.
_LARGE_SHARE = 0.1
# In standard errors, how far from the top a search may end that calls itself converged.
_LARGEST_REST = 1e-3
# Where a search ends on a plateau, others begin so far, in logarithms, from a model's own start.
OTHER_STARTS = (0.0, 1.5, -1.5)


class Derivatives(NamedTuple):
    """A log-likelihood with its derivatives: by the parameters, or by their logarithms.

    Attributes:
        value: The log-likelihood.
        gradient: Its first derivatives.
        hessian: Its second derivatives.
    """

    value: float
    gradient: Floats
    hessian: Floats


class Likelihood(Protocol):
    """A model whose parameters are positive."""

    def derivatives(self, parameters: Floats, rows: Any) -> Derivatives:
        """Return the log-likelihood of rows with its derivatives by the parameters themselves."""


def of_logs(model: Likelihood, rows: Any) -> Callable[[Floats], Derivatives]:
    """Return the log-likelihood of rows as a function of the logarithms of the parameters."""

    def found(logs: Floats) -> Derivatives:
        parameters = np.exp(logs)
        at = model.derivatives(parameters, rows)
        gradient = at.gradient * parameters
        hessian = at.hessian * (parameters[:, None] * parameters)
        hessian.flat[:: len(parameters) + 1] += gradient
        return Derivatives(at.value, gradient, hessian)

    return found


def checked_start(start: Any, names: tuple[str, ...]) -> Floats:
    """Return parameters to begin a search with.

    Raises:
        InvalidArgumentError: If they are not one positive number for each parameter.
    """
    begin = np.atleast_1d(np.asarray(start, dtype=np.float64))
    if begin.shape != (len(names),) or not (np.isfinite(begin) & (begin > 0)).all():
        raise InvalidArgumentError(
            "start", "must have a positive number for each parameter", got=begin.tolist(),
            allowed=names,
        )  # fmt: skip
    return begin


@attrs.frozen(eq=False)
class Maximum:
    """Where the search ended.

    Attributes:
        logs: Logarithms of the parameters.
        at: The log-likelihood there, with its derivatives; where a last step was too small to be
            looked at, those before it.
        status: `converged`; `boundary` where a parameter ran to zero or to infinity;
            `not_identified` where the data cannot tell parameters apart; `failed` where no step
            improves and the gradient is not zero.
        loose: Which parameters ran away, or are not known to an order of magnitude.
        steps: How many steps were taken.
    """

    logs: Floats
    at: Derivatives
    status: Status
    loose: tuple[int, ...]
    steps: int


def maximised(
    function: Callable[[Floats], Derivatives], start: Floats, *, enough_decrement: float = 0.0
) -> Maximum:
    """Return the maximum that is reached from a start.

    Args:
        function: The log-likelihood at the logarithms of the parameters.
        start: Logarithms to begin with.
        enough_decrement: Half the square, in standard errors, of a step that is the last one, and
            where it leads is not looked at: for who asks for the parameters alone. Of 1e-5, a step
            of 1/220 standard error, less than 1e-4 of one was left in every model tried.
    """
    logs = _within(np.asarray(start, dtype=np.float64))
    here, damping = function(logs), 0.0
    for steps in range(_MOST_STEPS):
        if not math.isfinite(here.value):
            return Maximum(logs, here, "failed", tuple(range(len(logs))), steps)
        free = _free(logs, here.gradient)
        step, decrement = _step(here, free, damping)
        noise = _NOISE * max(1.0, abs(here.value))
        if not damping and decrement <= enough_decrement and _is_sure(here, free):
            return Maximum(_within(logs + step), here, "converged", (), steps)
        if decrement <= max(_SMALLEST_DECREMENT, noise):
            is_small = decrement <= _SURE_DECREMENT and np.abs(step).max() <= _SURE_STEP
            if is_small and _is_sure(here, free):
                logs = _within(logs + step)
            else:
                logs, here = _last(function, logs, here, step, noise)
            return _ended(logs, here, free, steps)
        there, logs_there = _improved(function, logs, here, step)
        if there is not None:
            logs, here, damping = logs_there, there, 0.0
        elif damping >= _MOST_DAMPING:
            return _ended(logs, here, free, steps)
        else:
            damping = max(10 * damping, _LEAST_DAMPING)
    return Maximum(logs, here, "failed", (), _MOST_STEPS)


def _within(logs: Floats) -> Floats:
    # np.clip takes five times as long for four numbers.
    return np.minimum(np.maximum(logs, _LOWEST), _HIGHEST)


def _free(logs: Floats, gradient: Floats) -> NDArray[np.bool_]:
    """Return which parameters are not held at a bound that they push against."""
    held = ((logs <= _LOWEST) & (gradient < 0)) | ((logs >= _HIGHEST) & (gradient > 0))
    free: NDArray[np.bool_] = ~held
    return free


def _step(here: Derivatives, free: NDArray[np.bool_], damping: float) -> tuple[Floats, float]:
    """Return a step uphill, and how much it promises."""
    step, information, gradient = np.zeros(len(free)), -here.hessian, here.gradient
    if not free.all():
        information, gradient = information[np.ix_(free, free)], gradient[free]
    if not len(gradient):
        return step, 0.0
    solved = None if damping else _solved(information, gradient)
    if solved is None:
        values, vectors = np.linalg.eigh(information)
        least = max(float(values.max()), 1.0) * max(damping, 1e-10)
        # On a ridge, or where the curve bends the wrong way, the step follows the gradient instead.
        solved = vectors @ ((vectors.T @ gradient) / np.maximum(np.abs(values), least))
    decrement = 0.5 * float(gradient @ solved)
    size = float(np.abs(solved).max())
    step[free] = solved * min(1.0, _LARGEST_STEP / size) if size else solved
    return step, decrement


def _solved(information: Floats, gradient: Floats) -> Floats | None:
    """Return Newton's step where the information is positive definite and far from singular.

    By Cholesky's factor, in half the time of eigenvalues. What is not a number has no condition.
    """
    factor, solved, failed = dposv(information, gradient)
    if failed:
        return None
    rcond, _ = dpocon(factor, float(np.abs(information).sum(axis=0).max()))
    found: Floats | None = solved if rcond > _LEAST_RCOND else None
    return found


def _is_sure(here: Derivatives, free: NDArray[np.bool_]) -> bool:
    """Whether each parameter is known, so that a small step changes nothing but last digits."""
    return bool(free.all() and np.linalg.eigvalsh(-here.hessian)[0] > 1 / _LARGEST_ERROR**2)


def _last(
    function: Callable[[Floats], Derivatives], logs: Floats, here: Derivatives, step: Floats,
    noise: float,
) -> tuple[Floats, Derivatives]:  # fmt: skip
    """Take a step whose gain is lost in rounding: of parameters it still wins digits."""
    if not step.any():
        return logs, here
    tried = _within(logs + step)
    there = function(tried)
    is_good = math.isfinite(there.value) and there.value >= here.value - noise
    return (tried, there) if is_good else (logs, here)


def _improved(
    function: Callable[[Floats], Derivatives], logs: Floats, here: Derivatives, step: Floats
) -> tuple[Derivatives | None, Floats]:
    length = 1.0
    if np.abs(logs + step).max() > _BOUND:
        # A bound cuts a step as a whole: on a ridge, one parameter by itself leads away from it.
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(step < 0, _LOWEST - logs, _HIGHEST - logs) / step
        length = float(room[room > 0].min(initial=1.0))
    for _ in range(_MOST_HALVINGS):
        tried = _within(logs + length * step)
        there = function(tried)
        if math.isfinite(there.value) and there.value > here.value:
            return there, tried
        length /= 2
    return None, logs


def _ended(logs: Floats, here: Derivatives, free: NDArray[np.bool_], steps: int) -> Maximum:
    """Return the end of a search with what it means."""
    loose = np.flatnonzero(~free)
    information = -here.hessian[np.ix_(free, free)]
    values, vectors = np.linalg.eigh(information)
    flat = values < 1 / _LARGEST_ERROR**2
    if flat.any():
        weight = np.abs(vectors[:, flat]).max(axis=1)
        loose = np.union1d(loose, np.flatnonzero(free)[weight > _LARGE_SHARE])
    status: Status = "converged" if free.all() else "boundary"
    if len(loose):
        status = status if status == "boundary" else "not_identified"
    elif np.sqrt(here.gradient @ np.linalg.solve(information, here.gradient)) >= _LARGEST_REST:
        status = "failed"
    return Maximum(logs, here, status, tuple(loose.tolist()), steps)
