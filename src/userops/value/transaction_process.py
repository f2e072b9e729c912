"""What a model of purchases says, given its parameters: the hooks of every such model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError, nearest
from userops.value.newton import Derivatives, of_logs
from userops.value.priors import Prior
from userops.value.summary_rows import SummaryRows

__all__ = ["TransactionProcess"]

Floats = NDArray[np.float64]


def _columns(given: Iterable[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _priors(given: Iterable[Prior]) -> tuple[Prior, ...]:
    return tuple(given)


@attrs.frozen(kw_only=True)
class TransactionProcess(Definition):
    """How customers buy and leave, given parameters.

    Parameters are positive. Time has the unit that the summary was read with.

    A covariate works on the logarithm of one parameter, as in Fader & Hardie (2007), Incorporating
    time-invariant covariates into the Pareto/NBD and BG/NBD models: an effect of 0.7 on purchase
    doubles the rate of purchase; on dropout it doubles the rate of dropout, or its odds where
    dropout is a coin.

    Attributes:
        purchase_covariates: Columns of the summary that the rate of purchase depends on.
        dropout_covariates: Columns of the summary that dropout depends on.
        priors: What is believed of parameters, or of effects, before the data speak.
    """

    purchase_covariates: tuple[str, ...] = attrs.field(default=(), converter=_columns)
    dropout_covariates: tuple[str, ...] = attrs.field(default=(), converter=_columns)
    priors: tuple[Prior, ...] = attrs.field(default=(), converter=_priors)

    parameter_names: ClassVar[tuple[str, ...]] = ()
    # Units of time, the first of which is the default, with their days.
    units: ClassVar[Mapping[str, float]] = {"weeks": 7.0, "days": 1.0}
    # The parameter that grows, or falls, in proportion with the rate; 1 or -1.
    purchase_parameter: ClassVar[tuple[str, int]] = ("alpha", -1)
    dropout_parameter: ClassVar[tuple[str, int]] = ("beta", -1)
    # Whether `expected_purchases` takes several horizons with one customer, and gives one value
    # for each.
    takes_many_horizons: ClassVar[bool] = False

    def __attrs_post_init__(self) -> None:
        """Refuse a model that lacks a method, a covariate named twice, and priors of nothing.

        Raises:
            InvalidDefinitionError: Names the method or the covariate; or the prior and what there
                is.
        """
        missing = [
            name for name in ("derivatives", "starts", "p_alive", "expected_purchases",
                              "purchase_probabilities", "simulated")
            if getattr(getattr(type(self), name), "__isabstractmethod__", False)
        ]  # fmt: skip
        if missing:
            raise InvalidDefinitionError(
                type(self).__name__, f"has no {', '.join(missing)}",
                hint="a model of one's own implements the methods of TransactionModel",
            )  # fmt: skip
        for field in ("purchase_covariates", "dropout_covariates"):
            columns = getattr(self, field)
            if len(set(columns)) < len(columns):
                raise InvalidDefinitionError(
                    field, "names a column twice", got=columns,
                    hint="its two effects could not be told apart",
                )  # fmt: skip
        allowed = (*self.parameter_names, *self.effect_names)
        for number, prior in enumerate(self.priors):
            if prior.of not in allowed:
                close = nearest(prior.of, allowed)
                raise InvalidDefinitionError(
                    f"priors[{number}].of", f"{prior.of!r} is not known", allowed=allowed,
                    hint=f"did you mean {close!r}?" if close else None,
                )  # fmt: skip
            if prior.of in self.parameter_names and prior.center <= 0:
                raise InvalidDefinitionError(
                    f"priors[{number}].center", "must be above zero", got=prior.center,
                    hint="it is the median of a parameter, which is positive",
                )  # fmt: skip

    @abstractmethod
    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Return the weighted log-likelihood with its derivatives by the parameters themselves.

        Args:
            parameters: In the order of `parameter_names`.
            rows: Distinct rows with their weights.
        """

    @abstractmethod
    def starts(self, rows: SummaryRows) -> Floats:
        """Return positive parameters to begin the search with."""

    @abstractmethod
    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer still buys, one value a row."""

    @abstractmethod
    def expected_purchases(self, parameters: Floats, horizon: Any, rows: SummaryRows) -> Floats:
        """Return the purchases that are expected within a horizon from now, one value a row.

        Args:
            parameters: In the order of `parameter_names`.
            horizon: Units of time; several, with one row, where the model `takes_many_horizons`.
            rows: Customers; the row of zeros is one who has just bought for the first time.
        """

    @abstractmethod
    def purchase_probabilities(
        self, parameters: Floats, horizon: float, rows: SummaryRows, most: int
    ) -> Floats:
        """Return the probabilities of 0, 1 ... `most` purchases within a horizon from now.

        Args:
            parameters: In the order of `parameter_names`.
            horizon: Units of time.
            rows: Customers.
            most: The highest number of purchases that is asked for.

        Returns:
            Shape (rows, most + 1).
        """

    @abstractmethod
    def simulated(
        self, parameters: Floats, ages: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw the repeat purchases of new customers.

        Args:
            parameters: In the order of `parameter_names`.
            ages: How long each customer is observed after the first purchase.
            rng: Where the draws come from.

        Returns:
            For each purchase the place of its customer in `ages`, and its age; ascending by both.
        """

    @property
    def covariates(self) -> tuple[str, ...]:
        """The columns of the summary that the model reads besides."""
        return tuple(dict.fromkeys((*self.purchase_covariates, *self.dropout_covariates)))

    @property
    def effect_names(self) -> tuple[str, ...]:
        """The effects of covariates, such as `purchase.is_member`."""
        return (
            *(f"purchase.{name}" for name in self.purchase_covariates),
            *(f"dropout.{name}" for name in self.dropout_covariates),
        )

    def effect_matrix(self, values: Floats) -> Floats:
        """Return by how much each effect moves the logarithm of each parameter.

        Args:
            values: Of the covariates, of one group of customers.

        Returns:
            Shape (parameters, effects).
        """
        names, moved = self.parameter_names, np.zeros((len(self.parameter_names), 0))
        for (parameter, sign), columns in (
            (self.purchase_parameter, self.purchase_covariates),
            (self.dropout_parameter, self.dropout_covariates),
        ):
            some = np.zeros((len(names), len(columns)))
            if columns:
                here = [self.covariates.index(name) for name in columns]
                some[names.index(parameter)] = sign * values[here]
            moved = np.concatenate([moved, some], axis=1)
        return moved

    def of_coordinates(self, at: Floats, rows: SummaryRows) -> Derivatives:
        """Return `likelihood_at` with the logarithms of the priors, up to a constant."""
        return self._with_priors(at, self.likelihood_at(at, rows))

    def likelihood_at(self, at: Floats, rows: SummaryRows) -> Derivatives:
        """Return the log-likelihood with its derivatives by the coordinates.

        Args:
            at: Logarithms of the parameters, and then the effects.
            rows: Distinct rows with their weights, and their covariates.
        """
        if not self.covariates:
            return of_logs(self, rows)(at)
        many = len(self.parameter_names)
        value, gradient, hessian = 0.0, np.zeros(len(at)), np.zeros((len(at), len(at)))
        for values, _, part in rows.alike():
            moved = self.effect_matrix(values)
            mine = of_logs(self, part)(at[:many] + moved @ at[many:])
            jacobian = np.concatenate([np.eye(many), moved], axis=1)
            value += mine.value
            gradient += jacobian.T @ mine.gradient
            hessian += jacobian.T @ mine.hessian @ jacobian
        return Derivatives(value, gradient, hessian)

    def _with_priors(self, at: Floats, found: Derivatives) -> Derivatives:
        if not self.priors:
            return found
        value, gradient, hessian = found.value, found.gradient.copy(), found.hessian.copy()
        names = (*self.parameter_names, *self.effect_names)
        for prior in self.priors:
            place = names.index(prior.of)
            is_log = place < len(self.parameter_names)
            center = np.log(prior.center) if is_log else prior.center
            far = (at[place] - center) / prior.spread
            value -= 0.5 * far**2
            gradient[place] -= far / prior.spread
            hessian[place, place] -= 1 / prior.spread**2
        return Derivatives(float(value), gradient, hessian)
