"""What customers are worth: a model of purchases and one of spend, put together.

CLV is what the purchases that are expected within a horizon come to, at the customer's expected
spend and a margin, discounted by when they are expected: period by period, as Fader, Hardie & Lee
(2005), RFM and CLV, Journal of Marketing Research 42(4), section 2, do with the discounted expected
residual transactions. Spend and frequency are taken to be independent; `frequency_correlation` of
the fitted model of spend says whether they are.
"""

from __future__ import annotations

import html
import math
from typing import Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.definitions import Definition
from userops.core.time import AsOf
from userops.customers.history import History
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.events.table import Orders
from userops.value.bg_nbd import BGNBD
from userops.value.fitted_transactions import FittedTransactionModel
from userops.value.gamma_gamma import FittedGammaGamma, GammaGamma
from userops.value.summaries import transaction_summary
from userops.value.summary_rows import (
    AGE,
    LAST_PURCHASE_AGE,
    MEAN_SPEND,
    REPEAT_COUNT,
    SummaryRows,
)
from userops.value.transaction_model import TransactionModel

__all__ = ["CustomerValue", "CustomerWorth", "FittedCustomerValue"]

Floats = NDArray[np.float64]
_WEEKS_A_YEAR = 365.25 / 7
# Correlations beyond this one are no noise, and the model says so.
_TOO_CORRELATED = 0.2


@attrs.frozen(kw_only=True)
class CustomerValue(Definition):
    """How customers are valued.

    Attributes:
        transactions: The model of purchases.
        spend: The model of spend.
        horizon_weeks: How far is looked ahead, above zero.
        annual_discount: The rate of discount a year, above -1; 0.1 is ten per cent.
        margin: The share of revenue that is earned, above 0 up to 1.
    """

    transactions: TransactionModel = attrs.field(factory=BGNBD)
    spend: GammaGamma = attrs.field(factory=GammaGamma)
    horizon_weeks: int = 52
    annual_discount: float = 0.1
    margin: float = 1.0

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidDefinitionError: Names the field and what is allowed.
        """
        if type(self.horizon_weeks) is not int or self.horizon_weeks < 1:
            raise InvalidDefinitionError(
                "horizon_weeks", "must be a whole number from 1 on", got=self.horizon_weeks
            )
        if not (math.isfinite(self.annual_discount) and self.annual_discount > -1):
            raise InvalidDefinitionError(
                "annual_discount", "must be above -1", got=self.annual_discount,
                allowed="0.1 for ten per cent a year",
            )  # fmt: skip
        if not 0 < self.margin <= 1:
            raise InvalidDefinitionError(
                "margin", "must be a share of revenue", got=self.margin, allowed="above 0, up to 1"
            )

    def fit(self, data: Any, as_of: AsOf | None = None) -> FittedCustomerValue:
        """Fit both models.

        Args:
            data: `Orders` or a `History`, with `as_of`; or what `transaction_summary` returns.
            as_of: Exclusive end of the history.

        Raises:
            InvalidArgumentError: If orders come without `as_of`.
            DataError: If the summary has rows that no customer can have, or nobody bought again.
        """
        summary = _summary(data, as_of)
        return FittedCustomerValue(
            self, self.transactions.fit(summary, unit="weeks"), self.spend.fit(summary)
        )


@attrs.frozen
class CustomerWorth:
    """What one customer is worth.

    Attributes:
        p_alive: The probability that he still buys.
        expected_purchases: Within the horizon.
        expected_spend: A purchase, in major units.
        clv: Discounted, in major units.
    """

    p_alive: float
    expected_purchases: float
    expected_spend: float
    clv: float


@attrs.frozen(eq=False, repr=False)
class FittedCustomerValue:
    """Customers can be valued now.

    Attributes:
        definition: How.
        transactions: The fitted model of purchases.
        spend: The fitted model of spend.
    """

    definition: CustomerValue
    transactions: FittedTransactionModel
    spend: FittedGammaGamma

    def score(self, data: Any, as_of: AsOf | None = None) -> Any:
        """Value every customer.

        Each distinct row of purchases is valued once, and joined where the summary is: on a cluster
        nothing else is collected.

        Args:
            data: `Orders` or a `History`, with `as_of`; or what `transaction_summary` returns.
            as_of: Exclusive end of the history.

        Returns:
            The host's frame type: `customer_id`, `p_alive`, `expected_purchases` (within the
            horizon), `expected_spend` (a purchase, major units), `clv` (major units).
        """
        source = frames.read(_summary(data, as_of))
        rows = SummaryRows.of(source.frame.to_native(), unit_days=7.0)
        worth = self._of_rows(rows)
        table = frames.number_table({
            REPEAT_COUNT: rows.repeat_count.astype(np.int64),
            LAST_PURCHASE_AGE: np.round(rows.last_purchase_age * 7).astype(np.int64),
            AGE: np.round(rows.age * 7).astype(np.int64),
            **worth,
        })  # fmt: skip
        valued = frames.read(source.give_rows(table)).frame
        keys = [REPEAT_COUNT, LAST_PURCHASE_AGE, AGE]
        joined = source.frame.join(valued, on=keys, how="inner")
        p, q, gamma = self.spend.parameters.values()
        spent = (nw.col(MEAN_SPEND) > 0).fill_null(False) & (nw.col(REPEAT_COUNT) > 0)
        count: Any = nw.when(spent).then(nw.col(REPEAT_COUNT)).otherwise(nw.lit(0))
        total: Any = nw.when(spent).then(nw.col(MEAN_SPEND) * nw.col(REPEAT_COUNT))
        below = count * p + (q - 1)
        spend = (total.otherwise(nw.lit(0.0)) + gamma) * p / below
        spend = nw.when(below > 0).then(spend).otherwise(nw.lit(math.inf))
        found = joined.with_columns(spend.alias("expected_spend"))
        clv = nw.col("discounted_purchases") * nw.col("expected_spend") * self.definition.margin
        return source.give_back(
            found.select(
                CUSTOMER_ID, "p_alive", "expected_purchases", "expected_spend", clv.alias("clv")
            )
        )

    def score_one(
        self, repeat_count: int, last_purchase_age_days: float, age_days: float,
        mean_spend: float | None,
    ) -> CustomerWorth:  # fmt: skip
        """Value one customer by his summary.

        Raises:
            DataError: If it is one that no customer can have.
        """
        rows = SummaryRows.one(repeat_count, last_purchase_age_days / 7, age_days / 7)
        worth = {name: float(values[0]) for name, values in self._of_rows(rows).items()}
        spent = math.nan if mean_spend is None else mean_spend
        spend = float(self.spend.expected_spend([repeat_count], [spent])[0])
        clv = worth["discounted_purchases"] * spend * self.definition.margin
        return CustomerWorth(worth["p_alive"], worth["expected_purchases"], spend, clv)

    def _of_rows(self, rows: SummaryRows) -> dict[str, Floats]:
        """Return what distinct rows of purchases come to."""
        weeks = self.definition.horizon_weeks
        keep = (1 + self.definition.annual_discount) ** (-1 / _WEEKS_A_YEAR)
        before, discounted = np.zeros(len(rows)), np.zeros(len(rows))
        for week in range(1, weeks + 1):
            expected = self.transactions.expected_purchases(float(week), rows)
            # What is bought during a week is paid for in the middle of it.
            discounted += (expected - before) * keep ** (week - 0.5)
            before = expected
        return {
            "p_alive": self.transactions.p_alive(rows),
            "expected_purchases": before,
            "discounted_purchases": discounted,
        }

    @property
    def warnings(self) -> tuple[str, ...]:
        """What has to be known before the figures are used; empty where there is nothing."""
        found = [
            f"{type(fitted.model).__name__}: {fitted.status}"
            for fitted in (self.transactions, self.spend)
            if fitted.status != "converged"
        ]
        correlation = self.spend.frequency_correlation
        if correlation is not None and abs(correlation) > _TOO_CORRELATED:
            found.append(
                f"spend goes with frequency (correlation {correlation:.2f}), which the model of "
                "spend takes for independent"
            )
        return tuple(found)

    def __repr__(self) -> str:
        """Return both models, and what has to be known."""
        lines = [
            f"CustomerValue over {self.definition.horizon_weeks} weeks at "
            f"{self.definition.annual_discount:.0%} a year",
            repr(self.transactions),
            repr(self.spend),
        ]
        return "\n".join([*lines, *(f"warning: {each}" for each in self.warnings)])

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def _summary(data: Any, as_of: AsOf | None) -> Any:
    if not isinstance(data, Orders | History):
        return data
    if as_of is None:
        raise InvalidArgumentError(
            "as_of", "is needed with orders", hint="fit(orders, as_of='2024-04-01')"
        )
    return transaction_summary(data, as_of)
