"""What customers are worth: a model of purchases and one of spend, put together."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import attrs
import numpy as np

from userops.core.definitions import Definition
from userops.core.time import AsOf
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.value.bg_nbd import BGNBD
from userops.value.fitted_transactions import FittedTransactionModel
from userops.value.gamma_gamma import FittedGammaGamma, GammaGamma
from userops.value.inference import Interval, checked_level
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_model import TransactionModel, currency_of, summary_of
from userops.value.valuation import Valuation
from userops.value.value_bands import banded
from userops.value.value_scores import equity_of, scored

__all__ = ["CustomerValue", "CustomerWorth", "FittedCustomerValue"]

# Correlations beyond this one are no noise, and the model says so.
_TOO_CORRELATED = 0.2
_BANDS = MappingProxyType({"high": 0.2, "middle": 0.3})


@attrs.frozen(kw_only=True)
class CustomerValue(Definition):
    """How customers are valued.

    Attributes:
        transactions: The model of purchases.
        spend: The model of spend.
        horizon_weeks: How far is looked ahead, above zero; None for ever.
        annual_discount: The rate of discount a year, above -1; 0.1 is ten per cent.
        margin: The share of revenue that is earned, above 0 up to 1.
    """

    transactions: TransactionModel = attrs.field(factory=BGNBD)
    spend: GammaGamma = attrs.field(factory=GammaGamma)
    horizon_weeks: float | None = 52
    annual_discount: float = 0.1
    margin: float = 1.0

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidDefinitionError: Names the field and what is allowed.
        """
        for name, base in (("transactions", TransactionModel), ("spend", GammaGamma)):
            if not isinstance(getattr(self, name), base):
                raise InvalidDefinitionError(
                    name, f"is no {base.__name__}", got=repr(getattr(self, name)),
                    allowed="a model, such as BGNBD() or GammaGamma()",
                )  # fmt: skip
        for name in ("horizon_weeks", "annual_discount", "margin"):
            value = getattr(self, name)
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not (is_number or (name == "horizon_weeks" and value is None)):
                raise InvalidDefinitionError(name, "is no number", got=repr(value))
        if "weeks" not in self.transactions.units:
            raise InvalidDefinitionError(
                "transactions", "counts no weeks, and value is money in time",
                got=type(self.transactions).__name__, allowed="a model in continuous time",
                hint="BGBB says what its opportunities come to: discounted_residual_purchases",
            )  # fmt: skip
        weeks = self.horizon_weeks
        if weeks is not None and not (math.isfinite(weeks) and weeks > 0):
            raise InvalidDefinitionError(
                "horizon_weeks", "must be above zero", got=weeks,
                allowed="weeks, such as 52; None for ever",
            )  # fmt: skip
        if not (math.isfinite(self.annual_discount) and self.annual_discount > -1):
            raise InvalidDefinitionError(
                "annual_discount", "must be above -1", got=self.annual_discount,
                allowed="0.1 for ten per cent a year",
            )  # fmt: skip
        if weeks is None and self.annual_discount <= 0:
            raise InvalidDefinitionError(
                "annual_discount", "must be above zero where the horizon is for ever",
                got=self.annual_discount, hint="give horizon_weeks, or discount",
            )  # fmt: skip
        if not 0 < self.margin <= 1:
            raise InvalidDefinitionError(
                "margin", "must be a share of revenue", got=self.margin, allowed="above 0, up to 1"
            )

    def fit(
        self, data: Any, as_of: AsOf | None = None, *, weight: str | None = None
    ) -> FittedCustomerValue:
        """Fit both models.

        Args:
            data: `Orders` or a `History`, with `as_of`; or what `transaction_summary` returns.
            as_of: Exclusive end of the history.
            weight: A column of the summary that says how many customers a row stands for.

        Raises:
            InvalidArgumentError: If orders come without `as_of`.
            DataError: If the summary has rows that no customer can have, or nobody bought again.
        """
        summary = summary_of(data, as_of)
        return FittedCustomerValue(
            self, self.transactions.fit(summary, unit="weeks", weight=weight),
            self.spend.fit(summary, weight=weight),
            currency_of(data),
        )  # fmt: skip


@attrs.frozen
class CustomerWorth:
    """What one customer is worth.

    Attributes:
        p_alive: The probability that he still buys.
        expected_purchases: Within the horizon; None for ever.
        expected_spend: A purchase, in major units.
        clv: Discounted, times the margin, in major units.
        purchases_interval: Where his purchases within the horizon will lie, at the level that was
            asked for; None without one, or for ever.
        clv_interval: Where what he brings will lie.
    """

    p_alive: float
    expected_purchases: float | None
    expected_spend: float
    clv: float
    purchases_interval: tuple[float, float] | None = None
    clv_interval: tuple[float, float] | None = None


@attrs.frozen(repr=False)
class FittedCustomerValue(Definition):
    """Customers can be valued now.

    Attributes:
        definition: How.
        transactions: The fitted model of purchases, in weeks.
        spend: The fitted model of spend.
        currency: Of the orders that it was fitted to; None where that is not known.
    """

    definition: CustomerValue
    transactions: FittedTransactionModel
    spend: FittedGammaGamma
    currency: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse fits of other models, or in another unit.

        Raises:
            InvalidDefinitionError: Names the fit, and what it must be.
        """
        wanted, model = self.definition.transactions, self.transactions.model
        if type(model) is not type(wanted):
            raise InvalidDefinitionError(
                "transactions", "is a fit of another model than the definition's",
                got=type(model).__name__, allowed=type(wanted).__name__,
                hint=f"CustomerValue(transactions={type(model).__name__}(), …)",
            )  # fmt: skip
        if self.transactions.unit != "weeks":
            raise InvalidDefinitionError(
                "transactions", "is not in weeks, in which value is counted",
                got=self.transactions.unit, allowed="weeks",
                hint="fit(summary, unit='weeks'); a fit that came in days gives its start: "
                "CustomerValue(…).fit(summary)",
            )  # fmt: skip

    def score(self, data: Any, as_of: AsOf | None = None, *, level: float | None = None) -> Any:
        """Value every customer.

        Each distinct row of purchases is valued once. On a cluster only these are collected, and
        joined where the summary is.

        Args:
            data: `Orders` or a `History`, with `as_of`; or what `transaction_summary` returns.
            as_of: Exclusive end of the history.
            level: Where each customer's purchases and value will lie with this probability is
                added: how chance scatters them, at the fitted parameters. Not on a cluster.

        Returns:
            The host's frame type: `customer_id`, `p_alive`, `expected_purchases` (within the
            horizon; none for ever), `expected_spend` (a purchase, major units), `clv` (major
            units); with a level `purchases_low`, `purchases_high`, `clv_low` and `clv_high`.

        Raises:
            ColumnNotFoundError: If the summary lacks a column.
            DataError: If a row is none that a customer can have.
            InvalidArgumentError: If a level is asked for on a cluster, or is none; or orders are
                in another currency.
        """
        return scored(self.valuation, self._summary(data, as_of), level)

    def score_one(
        self, repeat_count: int, last_purchase_age_days: float, age_days: float,
        mean_spend: float | None, covariates: Sequence[float] = (), *, level: float | None = None,
    ) -> CustomerWorth:  # fmt: skip
        """Value one customer by his summary.

        Args:
            repeat_count: Purchases after the first one.
            last_purchase_age_days: From the first purchase to the last.
            age_days: From the first purchase to now.
            mean_spend: Of the purchases after the first one, major units; None without any.
            covariates: In the order of the model's.
            level: As in `score`.

        Raises:
            DataError: If it is a summary that no customer can have.
        """
        rows = SummaryRows.one(
            repeat_count, last_purchase_age_days / 7, age_days / 7, tuple(covariates)
        )
        if level is not None:
            return self._with_interval(rows, mean_spend, level)
        worth = self.valuation.of_rows(rows)
        spend = self.spend.expected_spend_of_one(repeat_count, mean_spend)
        within = worth.get("expected_purchases")
        purchases = None if within is None else within.item()
        clv = worth["discounted_purchases"].item() * spend * self.definition.margin
        return CustomerWorth(worth["p_alive"].item(), purchases, spend, clv)

    def _with_interval(
        self, rows: SummaryRows, mean_spend: float | None, level: float
    ) -> CustomerWorth:
        spent = np.array([math.nan if mean_spend is None else mean_spend])
        valued = self.valuation.of_customers(rows, spent, level)
        worth = {name: float(values[0]) for name, values in valued.items()}
        purchases, clv = (
            (worth[f"{name}_low"], worth[f"{name}_high"]) for name in ("purchases", "clv")
        )
        return CustomerWorth(
            worth["p_alive"], worth["expected_purchases"], worth["expected_spend"], worth["clv"],
            purchases, clv,
        )  # fmt: skip

    @cached_property
    def valuation(self) -> Valuation:
        """Both models with the horizon, the discount and the margin."""
        mine = self.definition
        return Valuation(
            self.transactions, self.spend, mine.horizon_weeks, mine.annual_discount, mine.margin
        )

    def equity(
        self, data: Any, as_of: AsOf | None = None, *, level: float = 0.95,
        weight: str | None = None,
    ) -> Interval:  # fmt: skip
        """Return what all customers together are worth, and how sure the parameters make it.

        Args:
            data: `Orders` or a `History`, with `as_of`; or what `transaction_summary` returns.
            as_of: Exclusive end of the history.
            level: Of confidence. Both models are fitted apart, so that their errors are taken for
                independent.
            weight: A column of the summary that says how many customers a row stands for.

        Returns:
            The sum of `clv`, in major units; without ends where a model did not converge.
        """
        summary = self._summary(data, as_of)
        return equity_of(self.valuation, summary, checked_level(level), weight)

    def segments(
        self, data: Any, as_of: AsOf | None = None, *, shares: Mapping[str, float] = _BANDS,
        rest: str = "low",
    ) -> Any:  # fmt: skip
        """Return which band of value each customer is in.

        A band begins at a value, so that equal values are in one band: the upper one.

        Args:
            data: `Orders` or a `History`, with `as_of`; or what `transaction_summary` returns.
            as_of: Exclusive end of the history.
            shares: Name of a band to the share of customers in it, the best first.
            rest: Name of the band of all others.

        Returns:
            The host's frame type: `customer_id`, `clv` and `value_band`.

        Raises:
            InvalidArgumentError: If the shares are not above 0 with a sum below 1, or a name
                occurs twice.
        """
        return banded(self.score(data, as_of), shares, rest)

    def explain(
        self, repeat_count: int, last_purchase_age_days: float, age_days: float,
        mean_spend: float | None, covariates: Sequence[float] = (), *, level: float = 0.8,
    ) -> str:  # fmt: skip
        """Say in words how one customer's value comes about.

        Args:
            repeat_count: Purchases after the first one.
            last_purchase_age_days: From the first purchase to the last.
            age_days: From the first purchase to now.
            mean_spend: Of the purchases after the first one, major units; None without any.
            covariates: In the order of the model's.
            level: Of the interval that is given.
        """
        weeks, margin = self.definition.horizon_weeks, self.definition.margin
        worth = self.score_one(
            repeat_count, last_purchase_age_days, age_days, mean_spend, covariates,
            level=None if weeks is None else level,
        )  # fmt: skip
        silent = age_days - last_purchase_age_days
        until = "for ever" if weeks is None else f"within {weeks:g} weeks"
        known = (
            f"his own {repeat_count} at {mean_spend:,.2f}, drawn towards the mean of all"
            if repeat_count and mean_spend is not None and 0 < mean_spend < math.inf
            else "the mean of all, because nothing is known of his own"
        )
        lines = [
            f"{repeat_count} purchases after the first in {age_days:g} days, the last "
            f"{silent:g} days ago: he still buys with probability {worth.p_alive:.1%} "
            f"({type(self.transactions.model).__name__})"
        ]
        if worth.expected_purchases is not None:
            lines.append(f"{worth.expected_purchases:.2f} purchases are expected {until}")
        lines.append(f"{worth.expected_spend:,.2f} is expected a purchase: {known}")
        lines.append(
            f"worth {worth.clv:,.2f} {until}, at a margin of {margin:.0%} and a discount of "
            f"{self.definition.annual_discount:.0%} a year"
        )
        if worth.purchases_interval and worth.clv_interval:
            low, high = worth.purchases_interval
            lines.append(
                f"with probability {level:.0%} he buys {low:g} to {high:g} times, and brings "
                f"{worth.clv_interval[0]:,.2f} to {worth.clv_interval[1]:,.2f}"
            )
        return "\n".join(lines)

    def check_currency(self, data: Any) -> None:
        """Refuse orders in another currency than that of the models.

        Raises:
            InvalidArgumentError: Names both.
        """
        mine, theirs = self.currency, currency_of(data)
        if mine is not None and theirs is not None and mine != theirs:
            raise InvalidArgumentError(
                "data", "is in another currency than the models were fitted in", got=theirs,
                allowed=mine, hint="fit a model for each currency, or convert the amounts",
            )  # fmt: skip

    def _summary(self, data: Any, as_of: AsOf | None) -> Any:
        """Return the summary of orders in the currency that the models know."""
        self.check_currency(data)
        return summary_of(data, as_of)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has to be known before the figures are used; empty where there is nothing."""
        found = [
            f"{type(fitted.model).__name__}: {fitted.status}: {fitted.meaning}"
            for fitted in (self.transactions, self.spend)
            if fitted.status != "converged"
        ]
        correlation = self.spend.frequency_correlation
        if correlation is not None and abs(correlation) > _TOO_CORRELATED:
            found.append(
                f"spend goes with frequency (correlation {correlation:.2f}), which the model of "
                "spend takes for independent"
            )
        if self.spend.parameters["q"] <= 1:
            found.append(
                "the mean spend of the population is infinite (q is not above 1): the value of "
                "customers without repeat purchases is not known"
            )
        return tuple(found)

    def __repr__(self) -> str:
        """Return both models, and what has to be known."""
        weeks = self.definition.horizon_weeks
        lines = [
            f"CustomerValue {'for ever' if weeks is None else f'over {weeks:g} weeks'} at "
            f"{self.definition.annual_discount:.0%} a year",
            repr(self.transactions),
            repr(self.spend),
        ]
        return "\n".join([*lines, *(f"warning: {each}" for each in self.warnings)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"
