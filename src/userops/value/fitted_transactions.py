"""A fitted model of purchases: its parameters, how sure they are, and what they predict."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.errors import DataError, InvalidArgumentError, InvalidDefinitionError
from userops.value.bootstrap import Bootstrap, redrawn
from userops.value.discounting import discounted, rate_of_discount
from userops.value.fitted_parameters import FittedParameters
from userops.value.inference import LikelihoodRatio, checked_level, profiled
from userops.value.newton import Maximum
from userops.value.purchase_counts import quantile_of_counts
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_process import TransactionProcess

__all__ = ["UNIT_DAYS", "FittedTransactionModel", "days_of"]

Floats = NDArray[np.float64]
UNIT_DAYS = {"days": 1.0, "weeks": 7.0}
_LEAST_CHANCE = 1e-6  # below it, what is left of a chance is rounded away
_WAIT_NODES, _WAIT_WEIGHTS = (v.astype(np.float64) for v in np.polynomial.legendre.leggauss(32))
# Of a purchase that is less probable, differences of probabilities of silence say nothing.
_LEAST_BOUGHT = 1e-9


def days_of(fitted: FittedTransactionModel) -> float:
    """Return the days of a unit of time.

    Raises:
        InvalidArgumentError: If time has steps without a length, such as opportunities.
    """
    if fitted.unit not in UNIT_DAYS:
        raise InvalidArgumentError(
            "fitted", f"counts {fitted.unit}, which have no length in days",
            got=type(fitted.model).__name__, allowed="a model in continuous time, such as BGNBD",
        )  # fmt: skip
    return UNIT_DAYS[fitted.unit]


@attrs.frozen(repr=False, kw_only=True)
class FittedTransactionModel(FittedParameters):
    """A model with its parameters, how far they can be trusted, and what they predict.

    Attributes:
        model: The definition.
        unit: `weeks`, `days`, or `opportunities` of a model in discrete time.
    """

    model: TransactionProcess
    unit: str

    def __attrs_post_init__(self) -> None:
        """Refuse what no fit can be.

        Raises:
            InvalidDefinitionError: Names the field, and what is allowed.
        """
        super().__attrs_post_init__()
        if self.unit not in self.model.units:
            raise InvalidDefinitionError(
                "unit", "is none of the model's", got=self.unit, allowed=", ".join(self.model.units)
            )

    @classmethod
    def at(cls, model: TransactionProcess, found: Maximum, rows: SummaryRows, unit: str) -> Self:
        """Make a fit of where a search ended."""
        height = found.at.value
        if model.priors:  # which may be so strong that a difference would tell nothing
            height = model.likelihood_at(found.logs, rows).value
        return cls(
            model=model, unit=unit, customers=rows.customers, log_likelihood=height,
            **cls.found(found, model.parameter_names, model.effect_names),
        )  # fmt: skip

    def profile_interval(
        self, name: str, rows: SummaryRows, level: float = 0.95
    ) -> tuple[float, float]:
        """Return the interval of a parameter by the profile of the likelihood.

        It needs no quadratic shape, and says where there is no end: 0 or infinity for a parameter.

        Args:
            name: A parameter, or an effect.
            rows: What the model was fitted to.
            level: Of confidence.

        Raises:
            InvalidArgumentError: If there is no such parameter, no such level, or the rows are
                others, such as in another unit.
        """
        if name not in self.names:
            raise InvalidArgumentError.unknown("name", name, self.names)
        at = self.coordinates
        height = self.model.likelihood_at(at, rows).value
        if not math.isclose(height, self.log_likelihood, rel_tol=1e-6):
            raise InvalidArgumentError(
                "rows", "are not those that the model was fitted to",
                got=f"a log-likelihood of {height:,.3f}", allowed=f"{self.log_likelihood:,.3f}",
                hint=f"in {self.unit}: SummaryRows.of(summary, unit_days=…)",
            )  # fmt: skip
        maximum = Maximum(at, self.model.of_coordinates(at, rows), self.status, (), 0)
        low, high = profiled(
            lambda coordinates: self.model.of_coordinates(coordinates, rows), maximum,
            self.names.index(name), checked_level(level),
        )  # fmt: skip
        return (math.exp(low), math.exp(high)) if name in self.parameters else (low, high)

    def bootstrap(self, rows: SummaryRows, draws: int = 1_000, *, seed: int = 0) -> Bootstrap:
        """Fit again to customers that are drawn with replacement.

        Args:
            rows: What the model was fitted to.
            draws: How often, 1 or more.
            seed: Of the draws.

        Raises:
            InvalidArgumentError: If there is not a draw.
        """
        likelihood = partial(_likelihood, self.model)
        found = redrawn(likelihood, self.coordinates, rows, draws=draws, seed=seed)
        values = np.stack([each.logs for each in found])
        values[:, : len(self.parameters)] = np.exp(values[:, : len(self.parameters)])
        converged = sum(each.status == "converged" for each in found)
        return Bootstrap(self.names, values, converged)

    def likelihood_ratio(self, larger: FittedTransactionModel) -> LikelihoodRatio:
        """Test this fit against one of the same model with more covariates.

        Args:
            larger: Fitted to the same customers, with the same priors.

        Raises:
            InvalidArgumentError: If the larger model does not hold this one.
        """
        mine, theirs = set(self.names), set(larger.names)
        nested = type(self.model) is type(larger.model) and mine < theirs
        nested &= self.model.priors == larger.model.priors
        if not nested or self.customers != larger.customers or self.unit != larger.unit:
            raise InvalidArgumentError(
                "larger", "does not hold this model", got=", ".join(larger.names),
                allowed="the same model of the same customers and priors, with more covariates",
                hint="compare models that are not nested by aic or bic",
            )  # fmt: skip
        degrees = len(theirs) - len(mine)
        return LikelihoodRatio.of(self.log_likelihood, larger.log_likelihood, degrees)

    # What it predicts.

    def p_alive(self, rows: SummaryRows) -> Floats:
        """Return the probability that a customer still buys, one value a row."""
        return self._each(rows, self.model.p_alive)

    def expected_purchases(self, horizon: float, rows: SummaryRows | None = None) -> Floats:
        """Return the purchases that are expected within a horizon from now.

        Args:
            horizon: Above zero, in units of time.
            rows: Customers; None for one who has just bought for the first time.

        Raises:
            InvalidArgumentError: If the horizon is not above zero.
        """
        until = self._horizon(horizon)
        return self._each(rows, lambda values, some: self.model.expected_purchases(
            values, until, some
        ))  # fmt: skip

    def expected_by(self, horizons: Floats, one: SummaryRows) -> Floats:
        """Return the purchases that are expected of one customer, one value a horizon.

        Args:
            horizons: Each above zero, in units of time.
            one: The customer.
        """
        if not self.model.takes_many_horizons:
            return np.array([self.expected_purchases(h, one)[0] for h in horizons.tolist()])
        return self.model.expected_purchases(self.values_of(one.covariates[0]), horizons, one)

    def purchase_probabilities(
        self, horizon: float, rows: SummaryRows | None = None, *, most: int = 10
    ) -> Floats:
        """Return the probabilities of 0, 1 ... `most` purchases within a horizon from now.

        Args:
            horizon: Above zero, in units of time.
            rows: Customers; None for one who has just bought for the first time.
            most: The highest number of purchases.

        Returns:
            Shape (rows, most + 1).

        Raises:
            InvalidArgumentError: If the horizon is not above zero, or `most` is negative.
        """
        until = self._horizon(horizon)
        if most < 0:
            raise InvalidArgumentError("most", "must be 0 or more", got=most)
        return self._each(rows, lambda values, some: self.model.purchase_probabilities(
            values, until, some, most
        ))  # fmt: skip

    def no_purchase_probability(self, horizon: float, rows: SummaryRows | None = None) -> Floats:
        """Return the probability that nothing is bought within a horizon from now."""
        found: Floats = self.purchase_probabilities(horizon, rows, most=0)[:, 0]
        return found

    def purchase_quantile(
        self, share: float, horizon: float, rows: SummaryRows | None = None
    ) -> Floats:
        """Return the smallest number of purchases that is not exceeded with a probability.

        Args:
            share: The probability, between 0 and 1.
            horizon: Above zero, in units of time.
            rows: Customers; None for one who has just bought for the first time.
        """
        return quantile_of_counts(
            lambda most: self.purchase_probabilities(horizon, rows, most=most), checked_level(share)
        )

    def expected_wait(self, horizon: float, rows: SummaryRows | None = None) -> Floats:
        """Return the expected time to the next purchase, if there is one within a horizon.

        Without the condition it is infinite, because a customer may never buy again.

        Args:
            horizon: Above zero, in units of time.
            rows: Customers; None for one who has just bought for the first time.

        Returns:
            One value a customer; not a number where a purchase is less probable than 1e-9 even of
            who has not left.
        """
        last = self.no_purchase_probability(horizon, rows)
        if rows is not None and (last > 1 - _LEAST_CHANCE).any():
            # Who buys again has not left, and then it does not matter when the last purchase was.
            ages = np.where(last > 1 - _LEAST_CHANCE, rows.age, rows.last_purchase_age)
            rows = rows.with_last_purchases(ages)
            last = self.no_purchase_probability(horizon, rows)
        bought = 1 - last
        if self.unit in UNIT_DAYS:
            # Squares put more nodes early, where most purchases are.
            shares = ((_WAIT_NODES + 1) / 2) ** 2
            times, weights = horizon * shares, horizon * _WAIT_WEIGHTS * np.sqrt(shares)
            total = np.zeros_like(last)
        else:
            # Time goes in steps of one, and before the first of them nobody has bought.
            times = np.arange(1.0, horizon)
            weights, total = np.ones(len(times)), bought.copy()
        for time, weight in zip(times.tolist(), weights.tolist(), strict=True):
            total += weight * (self.no_purchase_probability(time, rows) - last)
        is_known = bought > _LEAST_BOUGHT
        return np.divide(total, bought, out=np.full_like(last, np.nan), where=is_known)

    def discounted_purchases(
        self, annual_discount: float, rows: SummaryRows | None = None, *,
        horizon: float = math.inf,
    ) -> Floats:  # fmt: skip
        """Return the expected purchases to come, each discounted to now.

        Args:
            annual_discount: 0.1 is ten per cent a year; above -1.
            rows: Customers; None for one who has just bought for the first time.
            horizon: Above zero, in units of time; by default for ever (DERT).

        Raises:
            InvalidArgumentError: If the horizon is not above zero, or infinite without a discount.
        """
        if horizon != math.inf:
            self._horizon(horizon)
        if self.unit not in UNIT_DAYS:
            raise InvalidArgumentError(
                "annual_discount", f"needs a unit with a length, and {self.unit} have none",
                hint="model.discounted_residual_purchases takes a discount an opportunity",
            )  # fmt: skip
        rate = rate_of_discount(annual_discount, UNIT_DAYS[self.unit])
        return self._each(rows, lambda values, some: discounted(
            lambda time: self.model.expected_purchases(values, time, some), rate, horizon
        ))  # fmt: skip

    def alive_path(
        self, purchase_ages: Iterable[float], ages: Iterable[float], covariates: Any = ()
    ) -> Floats:
        """Return the probability that one customer still buys, as it was at several ages.

        Args:
            purchase_ages: When he bought, in units of time since the first purchase, which may be
                among them as 0.
            ages: When to look, in the same units.
            covariates: Of this customer, in the order of the model's.
        """
        bought = np.unique(np.asarray(list(purchase_ages), dtype=np.float64))
        bought = bought[bought > 0]
        at = np.asarray(list(ages), dtype=np.float64)
        counts = np.searchsorted(bought, at, side="right")
        last = np.concatenate([[0.0], bought])[counts]
        known = np.tile(np.asarray(covariates, dtype=np.float64), (len(at), 1))
        return self.p_alive(
            SummaryRows(counts.astype(np.float64), last, at, np.ones(len(at)), known)
        )

    def _each(
        self, rows: SummaryRows | None, function: Callable[[Floats, SummaryRows], Floats]
    ) -> Floats:
        """Apply a function to rows, with the parameters that their covariates make."""
        given = rows
        if given is None:
            given = attrs.evolve(
                SummaryRows.one(0, 0.0, 0.0), covariates=np.zeros((1, len(self.model.covariates)))
            )
        if not isinstance(given, SummaryRows):
            raise InvalidArgumentError(
                "rows", "are none that a model reads", got=type(given).__name__,
                allowed="SummaryRows, or None for a new customer",
                hint=f"SummaryRows.of(summary, unit_days={self.model.units[self.unit]:g})",
            )  # fmt: skip
        if given.covariates.shape[1] != len(self.model.covariates):
            raise DataError(
                "the rows lack covariates of the model", got=given.covariates.shape[1],
                allowed=", ".join(self.model.covariates) or "none",
                hint="SummaryRows.of(summary, covariates=model.covariates)",
            )  # fmt: skip
        given.check_unit(self.model.units[self.unit], self.unit)
        if not self.effects:
            return function(self._values, given)
        found = np.empty(0)
        for values, places, part in given.alike():
            mine = function(self.values_of(values), part)
            if not len(found):
                found = np.empty((len(given), *mine.shape[1:]))
            found[places] = mine
        return found

    def values_of(self, covariates: Floats) -> Floats:
        """Return the parameters of customers of whom so much is known.

        Args:
            covariates: One value for each covariate of the model.
        """
        if not self.effects:
            return self._values
        effects = np.array(list(self.effects.values()))
        found: Floats = self._values * np.exp(self.model.effect_matrix(covariates) @ effects)
        return found

    @cached_property
    def _values(self) -> Floats:
        return self.values

    def _horizon(self, horizon: float) -> float:
        if not (math.isfinite(horizon) and horizon > 0):
            raise InvalidArgumentError(
                "horizon", "must be above zero", got=horizon, allowed=f"{self.unit}, such as 39"
            )
        return float(horizon)

    def __repr__(self) -> str:
        """Return the parameters with their errors, and the status."""
        return self._lines(
            f"{type(self.model).__name__} of {self.customers:,.0f} customers, in {self.unit}: "
            f"{self.status}, log-likelihood {self.log_likelihood:,.3f}"
        )


def _likelihood(model: TransactionProcess, rows: SummaryRows) -> Callable[[Floats], Any]:
    return lambda coordinates: model.of_coordinates(coordinates, rows)
