"""Models of how often customers buy and whether they still do, and how one is fitted."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.time import AsOf
from userops.customers.history import History
from userops.errors import InvalidArgumentError
from userops.events.table import Orders
from userops.value.covariate_scale import CovariateScale
from userops.value.fitted_transactions import FittedTransactionModel
from userops.value.newton import OTHER_STARTS, Maximum, checked_start
from userops.value.summaries import transaction_summary
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_process import TransactionProcess

__all__ = ["TransactionModel"]

Floats = NDArray[np.float64]
_ENGINES = ("userops", "lifetimes")


@attrs.frozen(kw_only=True)
class TransactionModel(TransactionProcess):
    """Base of the models of purchases; a subclass says its likelihood and what follows from it.

    A subclass implements `derivatives`, `starts`, `p_alive`, `expected_purchases`,
    `purchase_probabilities` and `simulated`, and names its parameters in `parameter_names`.
    `userops.testing.check_transaction_model` checks that they belong together.
    """

    def fit(
        self, data: Any, as_of: AsOf | None = None, *, unit: str | None = None,
        weight: str | None = None, start: Any = None, engine: str = "userops",
    ) -> FittedTransactionModel:  # fmt: skip
        """Fit the model by maximum likelihood, or to the posterior mode where there are priors.

        Args:
            data: What `transaction_summary` returns, with the columns of the covariates where the
                model has some; or `Orders` or a `History`, with `as_of`; or `SummaryRows`, whose
                ages are taken to be in `unit`.
            as_of: Exclusive end of the history, for orders.
            unit: What rates and horizons are counted in: `weeks`, the default, or `days`; in
                discrete time `opportunities`.
            weight: A column of the summary that says how many customers a row stands for.
            start: Parameters to begin the search with; the model's own by default.
            engine: `userops`, or `lifetimes` for a search by that package, on the same rows and
                judged by our likelihood: `fit_with_lifetimes`.

        Raises:
            InvalidArgumentError: If the unit or the engine is not known, orders come without
                `as_of`, the start is not positive, or lifetimes has no such model.
            MissingExtraError: If lifetimes is asked for, and not installed.
            ColumnNotFoundError: If the summary lacks a column; names the nearest.
            DataError: If a row of the summary is none that a customer can have.
        """
        unit = next(iter(self.units)) if unit is None else unit
        if unit not in self.units:
            raise InvalidArgumentError.unknown("unit", unit, self.units)
        if engine not in _ENGINES:
            raise InvalidArgumentError.unknown("engine", engine, _ENGINES)
        if not isinstance(data, SummaryRows):
            rows = self.rows_of(data, as_of, unit, weight)
        else:
            rows = data
            rows.check_unit(self.units[unit], unit)
            if weight is not None:
                raise InvalidArgumentError(
                    "weight", "is a column of a summary, and rows have weights of their own",
                    got=weight, allowed="None",
                )  # fmt: skip
        begin = checked_start(self.starts(rows) if start is None else start, self.parameter_names)
        search = self._searched if engine == "userops" else self._searched_by_lifetimes
        return FittedTransactionModel.at(self, search(begin, rows), rows, unit)

    def rows_of(self, data: Any, as_of: AsOf | None, unit: str, weight: str | None) -> SummaryRows:
        """Read what `fit` was given, in a unit of time; see there."""
        return SummaryRows.of(
            summary_of(data, as_of), unit_days=self.units[unit], covariates=self.covariates,
            weight=weight,
        )  # fmt: skip

    def _searched_by_lifetimes(self, begin: Floats, rows: SummaryRows) -> Maximum:
        from userops.value.lifetimes_search import found_by_lifetimes

        return found_by_lifetimes(self, rows, begin)

    def _searched(self, begin: Floats, rows: SummaryRows) -> Maximum:
        """Search from a start; where it ends on a plateau, from the model's own starts as well.

        Where nothing is learnt of dropout the likelihood is flat over all parameters that stand for
        none, and a search that comes there stays, a little below the top.
        """
        effects = np.zeros(len(self.effect_names))
        scaled = CovariateScale.of(self, rows)

        def search(start: Floats) -> Maximum:
            at = np.concatenate([np.log(start), effects])
            return scaled.searched(lambda place: self.of_coordinates(place, rows), at)

        found = search(begin)
        if found.status == "converged":
            return found
        own = self.starts(rows)
        others = [search(own * np.exp(far)) for far in OTHER_STARTS if not (
            far == 0 and np.array_equal(own, begin)
        )]  # fmt: skip
        return max([found, *others], key=_height)


def _height(found: Maximum) -> float:
    return found.at.value if math.isfinite(found.at.value) else -math.inf


def summary_of(data: Any, as_of: AsOf | None) -> Any:
    """Return the summary of orders; what is none of these is one already.

    Raises:
        InvalidArgumentError: If orders come without `as_of`.
    """
    if not isinstance(data, Orders | History):
        return data
    if as_of is None:
        raise InvalidArgumentError(
            "as_of", "is needed with orders", hint="fit(orders, as_of='2024-04-01')"
        )
    return transaction_summary(data, as_of)


def currency_of(data: Any) -> str | None:
    """Return the currency of orders; None where it is not known, as that of a summary is not."""
    if not isinstance(data, Orders | History):
        return None
    return (data if isinstance(data, Orders) else data.orders).columns.currency
