"""Fits by the package lifetimes, which leave the process as it was, judged by our own likelihood.

`lifetimes` 0.11.3 is archived. On import it silences every `FutureWarning` and sets the pandas
option `mode.chained_assignment`; `dill`, which it imports, enters its types into the registry of
`pickle`; each evaluation of a likelihood silences `FutureWarning` once more. All of that is undone
here. Its Pareto/NBD starts at random and never asks whether the search succeeded, so that every fit
is compared with the highest point that our Newton finds.
"""

from __future__ import annotations

import contextlib
import io
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.errors import InvalidArgumentError, MissingExtraError
from userops.value.newton import (
    OTHER_STARTS,
    Derivatives,
    Likelihood,
    Maximum,
    maximised,
    of_logs,
)

__all__ = [
    "FITTER_OF_MODEL",
    "MEANINGLESS",
    "Penalty",
    "found_by_lifetimes",
    "judged",
    "lifetimes_package",
    "quiet",
    "weight_of",
]

Floats = NDArray[np.float64]

FITTER_OF_MODEL: Mapping[str, str] = MappingProxyType(
    {
        "BGNBD": "BetaGeoFitter",
        "MBGNBD": "ModifiedBetaGeoFitter",
        "ParetoNBD": "ParetoNBDFitter",
        "GammaGamma": "GammaGammaFitter",
    }
)
"""Name of our model to name of the fitter that fits the same."""

# Half of this distance squared is what stopping so many standard errors short costs in
# log-likelihood. A twentieth of a standard error changes no conclusion.
_FARTHEST_ERRORS = 0.05
MEANINGLESS = 0.5 * _FARTHEST_ERRORS**2
"""A log-likelihood that is lower by no more than this is as good as the highest."""


@attrs.frozen(kw_only=True)
class Penalty:
    """What lifetimes takes off for large parameters: coefficient times the sum of their squares.

    Attributes:
        weight: The coefficient, in units of our log-likelihood. lifetimes divides its own by the
            customers, or, of Pareto/NBD, by the mean weight of a row.
        scales: By what lifetimes multiplies each parameter: it counts time in units of the largest
            age.
    """

    weight: float
    scales: Floats

    def by_logs(self, logs: Floats) -> Derivatives:
        """Return it, and its derivatives by the logarithms of the parameters."""
        squares = (np.exp(logs) * self.scales) ** 2
        return Derivatives(
            self.weight * float(squares.sum()), 2 * self.weight * squares,
            np.diag(4 * self.weight * squares),
        )  # fmt: skip

    @classmethod
    def of(cls, model: str, coefficient: float, weight: Floats, largest_age: float) -> Penalty:
        """Return the penalty of a fit.

        Args:
            model: Name of our model.
            coefficient: `penalizer_coef`, 0 or more.
            weight: How many customers each row stands for.
            largest_age: Units of time; Gamma-Gamma has none, and ignores it.
        """
        per = float(weight.mean() if model == "ParetoNBD" else weight.sum())
        timed = {
            "BGNBD": [1], "MBGNBD": [1], "ParetoNBD": [1, 3], "GammaGamma": [],
        }[model]  # fmt: skip
        scales = np.ones(3 if model == "GammaGamma" else 4)
        scales[timed] = 1 / largest_age if timed else 1.0
        return cls(weight=coefficient * per, scales=scales)


def lifetimes_package() -> Any:
    """Import lifetimes and put back what its import changes.

    Raises:
        MissingExtraError: If it is not installed.
    """
    loaded = sys.modules.get("lifetimes")
    if loaded is not None:
        return loaded
    had_dill = "dill" in sys.modules
    try:
        # First what it imports: filters that these set for warnings of their own have to stay.
        import autograd.numpy
        import autograd.scipy.special  # noqa: F401
        import dill
        import pandas as pd
        import scipy.optimize
        import scipy.stats  # noqa: F401

        with quiet():
            before = pd.get_option("mode.chained_assignment")
            import lifetimes

            pd.set_option("mode.chained_assignment", before)
    except ImportError as error:
        raise MissingExtraError("lifetimes", "lifetimes") from error
    if not had_dill:
        # Its own `dump`, by which fitters are saved, keeps its types.
        dill.extend(use_dill=False)
    return lifetimes


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Run code of lifetimes without a word, and with the filters of warnings as they were."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def found_by_lifetimes(
    model: Likelihood, rows: Any, starts: Floats, *, penalizer_coef: float = 0.0
) -> Maximum:
    """Return where lifetimes ends, as a search of our own would have said it.

    Pareto/NBD begins at ones, the mean of what lifetimes draws from the global generator.

    Args:
        model: One of `FITTER_OF_MODEL`, without options.
        rows: `SummaryRows`, which lifetimes gets with their weights; or `SpendRows`.
        starts: Positive parameters from which the highest point is looked for as well.
        penalizer_coef: Of lifetimes, 0 or more.

    Returns:
        `failed` where lifetimes raised an error or ended lower than the highest point; with
        parameters of NaN where it left none.

    Raises:
        MissingExtraError: If lifetimes is not installed.
        InvalidArgumentError: If lifetimes has no such model, or the penalizer is below zero.
    """
    name = _name_of(model)
    if not (np.isfinite(penalizer_coef) and penalizer_coef >= 0):
        raise InvalidArgumentError(
            "penalizer_coef", "must be 0 or more", got=penalizer_coef, allowed="such as 0.001"
        )
    fitter = getattr(lifetimes_package(), FITTER_OF_MODEL[name])(penalizer_coef=penalizer_coef)
    _fit(fitter, name, rows)
    found = getattr(fitter, "params_", None)
    values = np.full(len(starts), np.nan) if found is None else found.to_numpy(dtype=np.float64)
    age = 1.0 if name == "GammaGamma" else float(rows.age.max())
    penalty = None
    if penalizer_coef and age:
        penalty = Penalty.of(name, penalizer_coef, weight_of(rows), age)
    return judged(model, rows, values, starts, penalty)


def weight_of(rows: Any) -> Floats:
    """Return how many customers each row of `SummaryRows` or of `SpendRows` stands for."""
    weight: Floats = np.ones(len(rows)) if rows.weight is None else rows.weight
    return weight


def judged(
    model: Likelihood, rows: Any, values: Floats, starts: Floats, penalty: Penalty | None = None
) -> Maximum:
    """Return parameters that somebody else found, with what they are worth.

    The highest point is looked for from them and from `starts`. Where they are lower than it by no
    more than `MEANINGLESS`, its status is theirs; otherwise they have `failed`.

    Args:
        model: What they are parameters of.
        rows: What they were fitted to.
        values: The parameters.
        starts: Positive parameters to begin another search with.
        penalty: What was taken off while they were looked for; the highest point is the one of the
            likelihood less this, and so is the curvature that standard errors come from. The
            log-likelihood is always without it.
    """
    every = tuple(range(len(values)))
    if not (np.isfinite(values).all() and (values > 0).all()):
        lost = Derivatives(
            np.nan, np.full(len(values), np.nan), np.full((len(values),) * 2, np.nan)
        )
        return Maximum(np.full(len(values), np.nan), lost, "failed", every, 0)

    plain = of_logs(model, rows)
    height = plain if penalty is None else _less(plain, penalty)
    logs = np.log(values)
    here = height(logs)
    at = Derivatives(plain(logs).value, here.gradient, here.hessian)
    if not np.isfinite(here.value):
        return Maximum(logs, at, "failed", every, 0)
    own = np.log(starts)
    best = _highest(height, (logs, *(own + far for far in OTHER_STARTS)))
    if best.at.value - here.value > MEANINGLESS:
        return Maximum(logs, at, "failed", (), best.steps)
    return Maximum(logs, at, best.status, best.loose, best.steps)


def _less(
    plain: Callable[[Floats], Derivatives], penalty: Penalty
) -> Callable[[Floats], Derivatives]:
    def height(logs: Floats) -> Derivatives:
        at, off = plain(logs), penalty.by_logs(logs)
        return Derivatives(
            at.value - off.value, at.gradient - off.gradient, at.hessian - off.hessian
        )

    return height


def _highest(height: Callable[[Floats], Derivatives], starts: Sequence[Floats]) -> Maximum:
    found = [maximised(height, start) for start in starts]
    return max(found, key=lambda each: -np.inf if np.isnan(each.at.value) else each.at.value)


def _name_of(model: object) -> str:
    """Return the name of a model that lifetimes has."""
    name = type(model).__name__
    if name not in FITTER_OF_MODEL or not type(model).__module__.startswith("userops.value."):
        raise InvalidArgumentError(
            "model", "is none that lifetimes has", got=name, allowed=", ".join(FITTER_OF_MODEL)
        )
    if model != type(model)():
        raise InvalidArgumentError(
            "model", "has options that lifetimes does not know", got=model, allowed=f"{name}()"
        )
    return name


def _fit(fitter: Any, name: str, rows: Any) -> None:
    """Fit, as far as it goes; what it prints about a failure is not printed."""
    arguments: dict[str, Any]
    if name == "GammaGamma":
        arguments = {"frequency": rows.repeat_count, "monetary_value": rows.mean_spend}
    else:
        arguments = {
            "frequency": rows.repeat_count, "recency": rows.last_purchase_age, "T": rows.age,
        }  # fmt: skip
    arguments["weights"] = weight_of(rows)
    if name == "ParetoNBD":
        arguments["initial_params"] = np.ones(4)
    # A search that did not converge is a ConvergenceError, which is a ValueError.
    with (
        quiet(),
        contextlib.redirect_stdout(io.StringIO()),
        contextlib.suppress(ValueError, ArithmeticError, np.linalg.LinAlgError),
    ):
        fitter.fit(**arguments)
