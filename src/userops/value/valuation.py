"""The value of customers, of a fitted model of purchases and one of spend.

CLV is what the purchases that are expected within a horizon come to, at the customer's expected
spend and a margin, each discounted to now; Fader, Hardie & Lee (2005), RFM and CLV: using iso-value
curves for customer base analysis, Journal of Marketing Research 42(4). Spend and frequency are
taken to be independent.
"""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.errors import InvalidArgumentError
from userops.value.discounting import discount_nodes, rate_of_discount
from userops.value.fitted_transactions import UNIT_DAYS, FittedTransactionModel
from userops.value.gamma_gamma import FittedGammaGamma
from userops.value.inference import checked_level
from userops.value.revenue import revenue_quantiles
from userops.value.summary_rows import SummaryRows

__all__ = ["Valuation"]

Floats = NDArray[np.float64]


@attrs.frozen(eq=False)
class Valuation:
    """How customers are valued by fitted models.

    Attributes:
        transactions: The fitted model of purchases, in weeks.
        spend: The fitted model of spend.
        horizon_weeks: How far is looked ahead; None for ever.
        annual_discount: The rate of discount a year.
        margin: The share of revenue that is earned.
    """

    transactions: FittedTransactionModel
    spend: FittedGammaGamma
    horizon_weeks: float | None
    annual_discount: float
    margin: float

    def of_rows(self, rows: SummaryRows) -> dict[str, Floats]:
        """Return what rows of purchases come to: one value a row, by name."""
        weeks, found = self.horizon_weeks, {"p_alive": self.transactions.p_alive(rows)}
        rate = rate_of_discount(self.annual_discount, UNIT_DAYS["weeks"])
        until = math.inf if weeks is None else float(weeks)
        if len(rows) == 1:
            times, weights = discount_nodes(rate, until)
            expected = self.transactions.expected_by(times, rows)
            if weeks is not None:
                found["expected_purchases"] = expected[-1:]
            found["discounted_purchases"] = np.array([weights @ expected])
            return found
        if weeks is not None:
            found["expected_purchases"] = self.transactions.expected_purchases(weeks, rows)
        found["discounted_purchases"] = self.transactions.discounted_purchases(
            self.annual_discount, rows, horizon=until
        )
        return found

    def of_customers(
        self, rows: SummaryRows, mean_spend: Floats, level: float | None = None
    ) -> dict[str, Floats]:
        """Return what customers are worth: one value each, by the names of `score`.

        Args:
            rows: One row a customer, in weeks.
            mean_spend: Major units; not a number without repeat purchases.
            level: As in `score`.
        """
        if not len(rows):
            names = ["p_alive", *(["expected_purchases"] if self.horizon_weeks else [])]
            names += ["expected_spend", "clv"]
            if level is not None:
                names += ["purchases_low", "clv_low", "purchases_high", "clv_high"]
            return {name: np.empty(0) for name in names}
        is_one = len(rows) == 1
        distinct, places = (rows, np.zeros(1, dtype=np.intp)) if is_one else rows.distinct()
        worth = self.of_rows(distinct)
        found = {name: values[places] for name, values in worth.items()}
        found["expected_spend"] = self.spend.expected_spend(rows.repeat_count, mean_spend)
        discounted = found.pop("discounted_purchases")
        found["clv"] = discounted * found["expected_spend"] * self.margin
        if level is None:
            return found
        weeks = self.horizon_weeks
        if weeks is None:
            raise InvalidArgumentError(
                "level", "needs a horizon, and this value is for ever", got=level,
                hint="CustomerValue(horizon_weeks=52)",
            )  # fmt: skip
        shares = (1 - checked_level(level)) / 2, (1 + level) / 2
        ends = [self.transactions.purchase_quantile(share, weeks, distinct) for share in shares]
        counts = self.transactions.purchase_probabilities(
            weeks, distinct, most=int(4 * ends[1].max()) + 8
        )
        posterior = self.spend.posterior(rows.repeat_count, mean_spend)
        # What a purchase counts today, on the average of those that are expected.
        today = self.margin * np.divide(
            worth["discounted_purchases"], worth["expected_purchases"],
            out=np.ones(len(distinct)), where=worth["expected_purchases"] > 0,
        )  # fmt: skip
        for name, share, end in zip(("low", "high"), shares, ends, strict=True):
            found[f"purchases_{name}"] = end[places]
            found[f"clv_{name}"] = today[places] * revenue_quantiles(
                counts, places, self.spend.parameters["p"], posterior, share
            )
        return found
