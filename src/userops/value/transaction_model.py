"""Models of how often customers buy and whether they still do, and what fitting them gives."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.definitions import Definition
from userops.core.time import AsOf
from userops.customers.history import History
from userops.errors import InvalidArgumentError
from userops.events.table import Orders
from userops.value.newton import Derivatives, Maximum, Status, by_logs, maximised
from userops.value.summaries import transaction_summary
from userops.value.summary_rows import SummaryRows

__all__ = ["FittedTransactionModel", "TransactionModel"]

Floats = NDArray[np.float64]
_DAYS = {"days": 1.0, "weeks": 7.0}
_MEANING = {
    "converged": "the likelihood has its highest point here",
    "boundary": "a parameter runs to zero or to infinity: the data show no sign of what it stands "
    "for; use a simpler model, or a longer history",
    "not_identified": "parameters move together without changing the fit: predictions hold, the "
    "parameters by themselves say nothing; use a longer history or a prior",
    "failed": "no highest point was found: do not use this fit; look at the summary for odd rows",
}


@attrs.frozen
class TransactionModel(Definition):
    """Base of the models of purchases; a subclass says its likelihood.

    Parameters are positive. Time has the unit that the summary was read with.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()

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
    def expected_purchases(self, parameters: Floats, horizon: float, rows: SummaryRows) -> Floats:
        """Return the purchases that are expected within a horizon from now, one value a row.

        Args:
            parameters: In the order of `parameter_names`.
            horizon: Units of time.
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

    def fit(
        self, data: Any, as_of: AsOf | None = None, *, unit: str = "weeks", start: Any = None
    ) -> FittedTransactionModel:
        """Fit the model by maximum likelihood.

        Args:
            data: What `transaction_summary` returns; or `Orders` or a `History`, with `as_of`.
            as_of: Exclusive end of the history, for orders.
            unit: `days` or `weeks`: what rates and horizons are counted in.
            start: Parameters to begin the search with; the model's own by default.

        Raises:
            InvalidArgumentError: If the unit is not known, or orders come without `as_of`.
            DataError: If a row of the summary is none that a customer can have.
        """
        if unit not in _DAYS:
            raise InvalidArgumentError.unknown("unit", unit, _DAYS)
        if isinstance(data, Orders | History):
            if as_of is None:
                raise InvalidArgumentError(
                    "as_of", "is needed with orders", hint="fit(orders, as_of='2024-04-01')"
                )
            data = transaction_summary(data, as_of)
        given = data if isinstance(data, SummaryRows) else SummaryRows.of(
            data, unit_days=_DAYS[unit]
        )  # fmt: skip
        begin = self.starts(given) if start is None else np.asarray(start, dtype=np.float64)
        found = maximised(lambda logs: self.of_logs(logs, given), np.log(begin))
        return FittedTransactionModel.at(self, found, given, unit)

    def of_logs(self, logs: Floats, rows: SummaryRows) -> Derivatives:
        """Return the derivatives by the logarithms of the parameters."""
        parameters = np.exp(logs)
        return by_logs(self.derivatives(parameters, rows), parameters)


@attrs.frozen(eq=False, repr=False)
class FittedTransactionModel:
    """A model with its parameters, and how far they can be trusted.

    Attributes:
        model: The definition.
        parameters: Name to value.
        log_likelihood: At these.
        status: `converged`, `boundary`, `not_identified` or `failed`; see `meaning`.
        loose: Parameters that ran away, or cannot be told apart.
        covariance: Of the parameters, by the observed information; None unless converged.
        customers: How many customers it was fitted to.
        unit: `days` or `weeks`.
    """

    model: TransactionModel
    parameters: dict[str, float]
    log_likelihood: float
    status: Status
    loose: tuple[str, ...]
    covariance: Floats | None
    customers: float
    unit: str

    @classmethod
    def at(
        cls, model: TransactionModel, found: Maximum, rows: SummaryRows, unit: str
    ) -> FittedTransactionModel:
        """Make a fit of where a search ended."""
        values, names = np.exp(found.logs), model.parameter_names
        covariance = None
        if found.status == "converged":
            covariance = np.linalg.inv(-found.at.hessian) * np.outer(values, values)
        return cls(
            model, dict(zip(names, values.tolist(), strict=True)), found.at.value, found.status,
            tuple(names[n] for n in found.loose), covariance, rows.customers, unit,
        )  # fmt: skip

    @property
    def meaning(self) -> str:
        """What the status means, and what to do about it."""
        return _MEANING[self.status]

    @property
    def standard_errors(self) -> dict[str, float] | None:
        """Name to standard error; None unless converged."""
        if self.covariance is None:
            return None
        errors = np.sqrt(np.diag(self.covariance)).tolist()
        return dict(zip(self.parameters, errors, strict=True))

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2k - 2 ln L."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion: k ln n - 2 ln L."""
        return len(self.parameters) * math.log(self.customers) - 2 * self.log_likelihood

    @property
    def values(self) -> Floats:
        """The parameters in the order of their names."""
        return np.array(list(self.parameters.values()))

    def p_alive(self, rows: SummaryRows) -> Floats:
        """Return the probability that a customer still buys, one value a row."""
        return self.model.p_alive(self.values, rows)

    def expected_purchases(self, horizon: float, rows: SummaryRows | None = None) -> Floats:
        """Return the purchases that are expected within a horizon from now.

        Args:
            horizon: Above zero, in units of time.
            rows: Customers; None for one who has just bought for the first time.

        Raises:
            InvalidArgumentError: If the horizon is not above zero.
        """
        if not (math.isfinite(horizon) and horizon > 0):
            raise InvalidArgumentError(
                "horizon", "must be above zero", got=horizon, allowed=f"{self.unit}, such as 39"
            )
        given = SummaryRows.one(0, 0.0, 0.0) if rows is None else rows
        return self.model.expected_purchases(self.values, horizon, given)

    def __repr__(self) -> str:
        """Return the parameters with their errors, and the status."""
        errors = self.standard_errors or {}
        lines = [
            f"{type(self.model).__name__} of {self.customers:,.0f} customers, in {self.unit}: "
            f"{self.status}, log-likelihood {self.log_likelihood:,.3f}"
        ]
        for name, value in self.parameters.items():
            error = f" (standard error {errors[name]:.4g})" if name in errors else ""
            loose = ", not known" if name in self.loose else ""
            lines.append(f"  {name} {value:.6g}{error}{loose}")
        return "\n".join(lines if self.status == "converged" else [*lines, f"  {self.meaning}"])
