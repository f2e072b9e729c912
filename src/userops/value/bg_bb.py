"""BG/BB: purchases by a coin at each opportunity, dropout by another coin before it.

Fader, Hardie & Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
Marketing Science 29(6), 1086-1108. At each opportunity a customer who is alive first drops out for
good with probability theta, and else buys with probability p; p is beta distributed (alpha, beta)
among customers, and so is theta (gamma, delta), independently of p.

The row of zeros is a customer who has just bought for the first time; his next opportunity may be
one too many already, so that not even he is alive for certain.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from userops.core.time import AsOf
from userops.customers.history import History
from userops.errors import DataError, InvalidArgumentError
from userops.events.table import Orders
from userops.value.beta_geometric import expected_periods
from userops.value.bg_bb_likelihood import log_likelihood, was_alive
from userops.value.newton import Derivatives
from userops.value.opportunities import AGE, LAST_PURCHASE_AGE
from userops.value.purchase_counts import with_the_gone
from userops.value.special import log_rising
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_model import TransactionModel

__all__ = ["BGBB"]

Floats = NDArray[np.float64]
_ALLOWED = "whole numbers, repeat_count <= last_purchase_age <= age"


@attrs.frozen(kw_only=True)
class BGBB(TransactionModel):
    """The BG/BB model, with the parameters alpha, beta, gamma and delta.

    Time is counted in opportunities: rows are those of `opportunity_summary`, and horizons are
    whole numbers.

    Example:
        >>> published = np.array([1.204, 0.750, 0.657, 2.783])
        >>> rows = SummaryRows.one(6, 6, 6)
        >>> BGBB().p_alive(published, rows).round(2).tolist()
        [0.93]
        >>> BGBB().expected_purchases(published, 5, rows).round(2).tolist()
        [3.75]
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")
    units: ClassVar[Mapping[str, float]] = {"opportunities": 1.0}
    # Effects of covariates move the odds of the coins, whose means are alpha / beta, gamma / delta.
    purchase_parameter: ClassVar[tuple[str, int]] = ("alpha", 1)
    dropout_parameter: ClassVar[tuple[str, int]] = ("gamma", 1)

    def rows_of(self, data: Any, as_of: AsOf | None, unit: str, weight: str | None) -> SummaryRows:
        """Read what `opportunity_summary` returns.

        Raises:
            InvalidArgumentError: If orders are given: how long an opportunity is is not said.
        """
        if isinstance(data, Orders | History):
            raise InvalidArgumentError(
                "data", "does not say what an opportunity is", got=type(data).__name__,
                allowed="what opportunity_summary returns, or SummaryRows",
                hint="fit(opportunity_summary(orders, as_of, period='month'))",
            )  # fmt: skip
        return SummaryRows.of(
            data, covariates=self.covariates, weight=weight, ages=(LAST_PURCHASE_AGE, AGE)
        )

    def starts(self, rows: SummaryRows) -> Floats:
        """Begin with one coin for all purchases, and lives of about the observation.

        Raises:
            DataError: If a row is none that a customer can have.
        """
        _checked(rows)
        bought, chances = rows.total(rows.repeat_count), rows.total(rows.age)
        share = min(max(bought / max(chances, 1.0), 0.01), 0.99)
        return np.array([2 * share, 2 * (1 - share), 1.0, max(rows.mean_age, 1.0)])

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Return equation (5) of the paper over all rows, with its derivatives."""
        return log_likelihood(parameters, _checked(rows))

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer is alive at the next opportunity.

        Equation (11) of the paper.
        """
        gamma, delta = parameters[2:]
        stays = (delta + rows.age) / (gamma + delta + rows.age)
        found: Floats = was_alive(parameters, _checked(rows)) * stays
        return found

    def expected_purchases(self, parameters: Floats, horizon: float, rows: SummaryRows) -> Floats:
        """Return equation (13) of the paper.

        Args:
            parameters: In the order of `parameter_names`.
            horizon: Opportunities, a whole number.
            rows: Customers.

        Raises:
            InvalidArgumentError: If the horizon is no whole number.
        """
        until = _whole(horizon)
        # Beyond a thousand opportunities closed forms have eight digits, and may exceed the most.
        return np.minimum(self._purchases(parameters, rows, 0.0, until), until)

    def discounted_residual_purchases(
        self, parameters: Floats, discount: float, rows: SummaryRows, horizon: float | None = None
    ) -> Floats:
        """Return the discounted expected residual transactions: equation (14) of the paper.

        A purchase at the k-th opportunity from now counts 1 / (1 + d)^k. Time is discrete, so that
        this is no integral over a rate of discount in continuous time.

        Args:
            parameters: In the order of `parameter_names`.
            discount: d an opportunity, 0 or more: 0.1 is ten per cent.
            rows: Customers.
            horizon: Opportunities, a whole number; None looks ahead without end.

        Raises:
            InvalidArgumentError: If the discount is negative, or the horizon is no whole number.
        """
        if not (np.isfinite(discount) and discount >= 0):
            raise InvalidArgumentError(
                "discount", "must not be negative", got=discount, allowed="0.1 for ten per cent"
            )
        ahead = np.inf if horizon is None else _whole(horizon)
        return self._purchases(parameters, rows, discount, ahead)

    def purchase_probabilities(
        self, parameters: Floats, horizon: float, rows: SummaryRows, most: int
    ) -> Floats:
        """Return equation (7) of the paper, of the coins that the history leaves."""
        alpha, beta, gamma, delta = parameters
        end, n = int(_whole(horizon)), np.arange(most + 1.0)
        heads, tails = (alpha + rows.repeat_count)[:, None], beta + rows.age - rows.repeat_count
        tails, kept = tails[:, None], delta + rows.age
        found, lasts = np.zeros((len(rows), most + 1)), np.ones(len(rows))
        for alive in range(end + 1):
            leaves = gamma / (gamma + kept + alive)
            ends_here = lasts if alive == end else lasts * leaves
            lasts = lasts * (1 - leaves)
            bought, some = np.minimum(n, alive), n <= alive
            # The beta-binomial distribution of purchases at so many opportunities.
            log = (
                gammaln(alive + 1) - gammaln(bought + 1) - gammaln(alive - bought + 1)
                + log_rising(heads, bought) + log_rising(tails, alive - bought)
                - log_rising(heads + tails, alive)
            )  # fmt: skip
            found += np.where(some, np.exp(log), 0.0) * ends_here[:, None]
        return with_the_gone(found, was_alive(parameters, _checked(rows)))

    def simulated(
        self, parameters: Floats, ages: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw both coins of each customer, how long he is alive, and whether he buys each time.

        Raises:
            InvalidArgumentError: If an age is no whole number.
        """
        alpha, beta, gamma, delta = parameters
        ends = np.asarray(ages, dtype=np.float64)
        if not (np.isfinite(ends) & (ends >= 0) & (ends == np.floor(ends))).all():
            raise InvalidArgumentError(
                "ages", "must be whole numbers of opportunities", allowed="0, 1, 2 …"
            )
        coin, leaves = rng.beta(alpha, beta, len(ends)), rng.beta(gamma, delta, len(ends))
        with np.errstate(divide="ignore"):
            lives = rng.exponential(size=len(ends)) / -np.log1p(-leaves)
        lengths = np.floor(np.minimum(lives, ends)).astype(np.intp)
        places = np.repeat(np.arange(len(ends)), lengths)
        begins = np.cumsum(lengths) - lengths
        at = np.arange(len(places)) - begins[places] + 1.0
        bought = rng.random(len(places)) < coin[places]
        return places[bought], at[bought]

    def _purchases(
        self, parameters: Floats, rows: SummaryRows, discount: float, horizon: float
    ) -> Floats:
        alpha, beta, gamma, delta = parameters
        alive = was_alive(parameters, _checked(rows))
        share = (alpha + rows.repeat_count) / (alpha + beta + rows.age)
        found: Floats = alive * share * expected_periods(
            gamma, delta + rows.age, discount, horizon
        )  # fmt: skip
        return found


def _whole(horizon: float) -> float:
    if not (np.isfinite(horizon) and horizon >= 0 and horizon == np.floor(horizon)):
        raise InvalidArgumentError(
            "horizon", "must be a whole number of opportunities", got=horizon, allowed="such as 5"
        )
    return float(horizon)


def _checked(rows: SummaryRows) -> SummaryRows:
    """Refuse rows that no customer can have at whole opportunities."""
    x, last, age = rows.repeat_count, rows.last_purchase_age, rows.age
    for wrong, problem, hint in (
        ((last != np.floor(last)) | (age != np.floor(age)), "are not of whole opportunities",
         "opportunity_summary counts them; weeks and days are read by models in continuous time"),
        (x > last, "have more purchases than opportunities up to the last of them",
         "several purchases at one opportunity are one"),
    ):  # fmt: skip
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{int(wrong.sum()):,} rows {problem}",
                got=f"repeat_count {x[first]:g}, last_purchase_age {last[first]:g}, "
                f"age {age[first]:g}",
                allowed=_ALLOWED, hint=hint,
            )  # fmt: skip
    return rows
