"""Shifted beta-geometric: how long contracts last, from who has renewed so far.

Fader & Hardie (2007), How to project customer retention, Journal of Interactive Marketing 21(1),
76-90; Fader & Hardie (2010), Customer-Base Valuation in a Contractual Setting: The Perils of
Ignoring Heterogeneity, Marketing Science 29(1), 85-93. At each renewal a customer leaves with a
probability of his own, the same each time, which is beta distributed (alpha, beta) among customers.
Retention rises with age, because those who leave easily have left: no customer changes.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.definitions import Definition
from userops.errors import InvalidArgumentError
from userops.value.beta_geometric import expected_periods, lasting
from userops.value.fitted_parameters import FittedParameters
from userops.value.newton import Derivatives, Maximum, checked_start, maximised, of_logs
from userops.value.renewal_rows import RenewalRows

__all__ = ["FittedShiftedBetaGeometric", "ShiftedBetaGeometric"]

Floats = NDArray[np.float64]
_MOST_RENEWALS = 1_000_000
_MEANING = {
    "converged": "the likelihood has its highest point here",
    "boundary": "a parameter runs to zero or to infinity: everybody renewed, everybody left, or "
    "retention does not rise with age; predictions within the observed periods hold, how customers "
    "differ is not known",
    "not_identified": "alpha and beta move together without changing the fit: one renewal tells "
    "the mean rate alone, and customers who are all alike have no other; wait for more renewals",
    "failed": "no highest point was found: do not use this fit; look at the survivors for odd "
    "counts",
}


@attrs.frozen
class ShiftedBetaGeometric(Definition):
    """The shifted beta-geometric model, with the parameters alpha and beta.

    Example:
        >>> fitted = ShiftedBetaGeometric().fit([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> [round(value, 3) for value in fitted.parameters.values()]
        [0.668, 3.806]
        >>> fitted.survival([8, 9, 10, 11, 12]).round(3).tolist()
        [0.46, 0.436, 0.414, 0.395, 0.378]
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    def fit(self, data: Any, *, start: Any = None) -> FittedShiftedBetaGeometric:
        """Fit the model by maximum likelihood.

        Args:
            data: Survivors of one cohort or of several, or contracts: see `RenewalRows.of`.
            start: Parameters to begin the search with; even odds by default.

        Raises:
            DataError: If a cohort grows, starts with nobody or lacks a period, or nobody has come
                to a renewal.
            InvalidArgumentError: If the start is not positive.
        """
        rows = RenewalRows.of(data)
        begin = checked_start(np.ones(2) if start is None else start, self.parameter_names)
        found = maximised(of_logs(self, rows), np.log(begin))
        return FittedShiftedBetaGeometric.at(self, found, rows)

    def derivatives(self, parameters: Floats, rows: RenewalRows) -> Derivatives:
        """Return the log-likelihood with its derivatives by the parameters themselves.

        Equations (5) and (6) of the 2007 paper are products of the retention rates of equation (8);
        taken renewal by renewal, nothing is left of the beta functions.
        """
        alpha, beta = parameters
        renewed, lost = rows.renewed, rows.lost
        came = renewed + lost
        stays = beta + np.arange(len(renewed))
        both = alpha + stays
        gone = float(lost.sum())
        value = gone * np.log(alpha) + renewed @ np.log(stays) - came @ np.log(both)
        by_both, curve = came @ (1 / both), came @ (1 / both**2)
        gradient = np.array([gone / alpha - by_both, renewed @ (1 / stays) - by_both])
        hessian = np.full((2, 2), curve)
        hessian[0, 0] -= gone / alpha**2
        hessian[1, 1] -= renewed @ (1 / stays**2)
        return Derivatives(float(value), gradient, hessian)

    def simulated(self, parameters: Floats, customers: int, rng: np.random.Generator) -> Floats:
        """Draw how long new customers stay.

        Args:
            parameters: alpha and beta.
            customers: How many.
            rng: Where the draws come from.

        Returns:
            The number of the renewal at which each leaves: 1, 2 ...; infinite for who stays beyond
            what a number holds.
        """
        alpha, beta = parameters
        leaves = rng.beta(alpha, beta, customers)
        with np.errstate(divide="ignore"):
            lasts = rng.exponential(size=customers) / -np.log1p(-leaves)
        return np.maximum(np.ceil(lasts), 1.0)


@attrs.frozen(repr=False, kw_only=True)
class FittedShiftedBetaGeometric(FittedParameters):
    """The model with its parameters, and how far they can be trusted.

    Attributes:
        model: The definition.
        periods: How many renewals were observed.
    """

    model: ShiftedBetaGeometric
    periods: int

    @classmethod
    def at(cls, model: ShiftedBetaGeometric, found: Maximum, rows: RenewalRows) -> Self:
        """Make a fit of where a search ended."""
        given = cls.found(found, model.parameter_names, ())
        if found.status != "converged":
            # Where one of the two runs away, the other is known relative to it alone.
            given["loose"] = model.parameter_names
        return cls(
            model=model, periods=rows.periods, customers=rows.customers,
            log_likelihood=found.at.value, **given,
        )  # fmt: skip

    @property
    def meaning(self) -> str:
        """What the status means, and what to do about it."""
        return _MEANING[self.status]

    def survival(self, renewals: Any) -> Floats:
        """Return the share of a new cohort that is still there: equation (6) of the 2007 paper.

        Args:
            renewals: How many renewals have passed, whole numbers from 0 to a million.

        Returns:
            One value each.
        """
        alpha, beta = self.values
        t = _whole("renewals", renewals, 0, _MOST_RENEWALS).astype(np.intp)
        return lasting(alpha, beta, int(t.max(initial=0)))[t]

    def retention_rate(self, renewals: Any) -> Floats:
        """Return the share of those who come to a renewal and stay: equation (8) of that paper.

        Args:
            renewals: The number of the renewal, whole numbers from 1 on.

        Returns:
            One value each.
        """
        alpha, beta = self.values
        stays = beta + _whole("renewals", renewals, 1) - 1
        rate: Floats = stays / (alpha + stays)
        return rate

    def expected_remaining_periods(self, renewals: Any = 0, horizon: float | None = None) -> Floats:
        """Return how many more periods a customer is expected to stay, beyond the one paid for.

        Args:
            renewals: How many times he has renewed, whole numbers from 0 on.
            horizon: How many periods are looked ahead, a whole number; None: without end.

        Returns:
            One value each; infinite without end where alpha is not above 1, because then enough
            customers hardly ever leave.
        """
        return self.discounted_expected_residual_lifetime(0.0, renewals, horizon)

    def discounted_expected_lifetime(self, discount: float, horizon: float | None = None) -> float:
        """Return the DEL of a new customer: sum_{t=0} S(t) / (1 + d)^t.

        He pays at once, and at each renewal. Times what a period earns, it is what he is worth.

        Args:
            discount: d a period, 0 or more: 0.1 is ten per cent.
            horizon: How many renewals are looked ahead, a whole number; None: without end.
        """
        later = self.discounted_expected_residual_lifetime(discount, 0, horizon)
        return 1.0 + float(later[0]) / (1.0 + discount)

    def discounted_expected_residual_lifetime(
        self, discount: float, renewals: Any, horizon: float | None = None
    ) -> Floats:
        """Return the DERL of a customer whose next renewal is due: equation (6) of the 2010 paper.

        The sum over t = n + 1, n + 2 ... of S(t) / S(n) / (1 + d)^(t - n - 1), n being the renewals
        so far (the paper's n counts periods, one more). The coming renewal is not discounted,
        because it is due now; and not certain.

        Args:
            discount: d a period, 0 or more: 0.1 is ten per cent.
            renewals: n, whole numbers from 0 on.
            horizon: How many renewals are looked ahead, a whole number; None: without end.

        Returns:
            One value each; infinite without end and discount where alpha is not above 1.
        """
        if not (math.isfinite(discount) and discount >= 0):
            raise InvalidArgumentError(
                "discount", "must not be negative", got=discount,
                allowed="a rate a period, such as 0.1 for ten per cent",
            )  # fmt: skip
        alpha, beta = self.values
        ahead = math.inf if horizon is None else float(_whole("horizon", horizon, 0)[0])
        n = _whole("renewals", renewals, 0)
        return (1 + discount) * expected_periods(alpha, beta + n, discount, ahead)

    def simulated(self, customers: int, rng: np.random.Generator) -> Floats:
        """Draw the renewals at which new customers leave; see `ShiftedBetaGeometric.simulated`."""
        return self.model.simulated(self.values, customers, rng)

    def __repr__(self) -> str:
        """Return the parameters with their errors, and the status."""
        renewals = f"{self.periods} renewal{'s' if self.periods != 1 else ''}"
        return self._lines(
            f"ShiftedBetaGeometric of {self.customers:,.0f} customers and {renewals}: "
            f"{self.status}, log-likelihood {self.log_likelihood:,.3f}"
        )


def _whole(argument: str, values: Any, least: int, most: float = math.inf) -> Floats:
    """Read whole numbers, one or several."""
    try:
        found = np.atleast_1d(np.asarray(values, dtype=np.float64))
    except (TypeError, ValueError):
        found = np.array([np.nan])
    wrong = ~(np.isfinite(found) & (found >= least) & (found == np.floor(found)))
    if wrong.any() or (found > most).any():
        until = f" to {most:,}" if math.isfinite(most) else " on"
        raise InvalidArgumentError(
            argument, "must be whole numbers", got=values, allowed=f"from {least}{until}"
        )
    return found
