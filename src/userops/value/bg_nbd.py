"""BG/NBD: purchases by a Poisson process, dropout by a coin after each of them.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2), 275-284. Rates of purchase are gamma distributed (shape
r, rate alpha), probabilities of dropout beta distributed (a, b). A customer cannot drop out before
his first repeat purchase, so that one without repeats is alive for certain: that is the model, and
a reason to look at others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, psi

from userops.value.coin_expectation import purchases_while_heads
from userops.value.newton import Derivatives, maximised, of_logs
from userops.value.purchase_counts import negative_binomial, purchase_times, with_the_gone
from userops.value.special import trigamma
from userops.value.summary_rows import RowPiece, SummaryRows
from userops.value.transaction_model import TransactionModel

__all__ = ["BGNBD"]

Floats = NDArray[np.float64]
# The logarithm of numbers that are as good as infinite beside any other here.
_LARGEST = 600.0
_SAMPLE_ROWS = 1 << 12


@attrs.frozen
class BGNBD(TransactionModel):
    """The BG/NBD model, with the parameters r, alpha, a and b.

    Example:
        >>> rows = SummaryRows.one(2, 30.43, 38.86)
        >>> published = np.array([0.2425945, 4.4136019, 0.7929199, 2.4258881])
        >>> BGNBD().expected_purchases(published, 39.0, rows).round(3).tolist()
        [1.226]
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    takes_many_horizons: ClassVar[bool] = True
    dropout_parameter: ClassVar[tuple[str, int]] = ("a", 1)
    # How many coins are tossed before the first repeat purchase.
    coins: ClassVar[int] = 0

    def starts(self, rows: SummaryRows) -> Floats:
        """Begin with one purchase rate for all, and an even coin; or with the fit of a sample.

        That is for many rows: from there two or three steps over all rows are left.
        """
        begin = np.array([1.0, 1.0 / rows.mean_rate, 1.0, 2.0])
        if len(rows) < 4 * _SAMPLE_ROWS:
            return begin
        few = rows.every(len(rows) // _SAMPLE_ROWS)
        found = maximised(of_logs(self, few), np.log(begin))
        return np.exp(found.logs) if found.status == "converged" else begin

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Return equation (6) of the paper over all rows, with its derivatives."""
        r, alpha, a, b = parameters.tolist()
        counts, weights = rows.of_counts()
        tables = _of_counts(counts, r, a, b, self.coins)
        tables |= _of_each_time(alpha, rows)
        customers, log_alpha = rows.customers, math.log(alpha)
        by_ab = weights @ tables["by_ab"]
        value = weights @ tables["value"] + customers * r * log_alpha
        gradient = np.array([
            weights @ tables["by_r"] + customers * log_alpha, customers * r / alpha,
            weights @ tables["by_a"], weights @ tables["by_b"],
        ])  # fmt: skip
        hessian = np.array([
            [weights @ tables["by_rr"], customers / alpha, 0.0, 0.0],
            [customers / alpha, -customers * r / alpha**2, 0.0, 0.0],
            [0.0, 0.0, by_ab, by_ab],
            [0.0, 0.0, by_ab, weights @ tables["by_bb"]],
        ])  # fmt: skip
        for part in rows.pieces():
            mine = _of_times((r, a), part, tables)
            value += mine.value
            gradient += mine.gradient
            hessian += mine.hessian
        return Derivatives(float(value), gradient, hessian)

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer has not dropped out; 1 without repeats."""
        r, alpha, a, b = parameters.tolist()
        x, last, age = rows.columns_or_numbers()
        tosses = x + self.coins
        # A request waits for one customer, and of numbers Python's functions are the quicker ones.
        is_one = isinstance(x, float)
        if is_one and not tosses > 0:
            return np.ones(1)
        of, least = (math, min) if is_one else (np, np.minimum)
        log_odds = (r + x) * of.log((alpha + age) / (alpha + last))
        odds = of.exp(least(log_odds, _LARGEST)) * a
        heads = b - 1 + tosses
        alive = heads / (heads + odds)
        return np.array([alive]) if is_one else np.where(tosses > 0, alive, 1.0)

    def expected_purchases(self, parameters: Floats, horizon: Any, rows: SummaryRows) -> Floats:
        """Return equations (9) and (10) of the paper."""
        r, alpha, a, b = parameters.tolist()
        x, _, age = rows.columns_or_numbers()
        found = purchases_while_heads(r + x, alpha + age, (a, x + (b + self.coins)), horizon)
        return found * self.p_alive(parameters, rows)

    def purchase_probabilities(
        self, parameters: Floats, horizon: float, rows: SummaryRows, most: int
    ) -> Floats:
        """Return equation (7) of the paper, of the rates and coins that the history leaves.

        After n purchases he is alive and has not bought again, or dropped out with the n-th.
        """
        r, alpha, a, b = parameters
        n = np.arange(most + 1.0)
        rate = (r + rows.repeat_count)[:, None]
        heads = (b + rows.repeat_count + self.coins)[:, None]
        bought = negative_binomial(n, rate, (alpha + rows.age)[:, None], horizon)
        fewer = np.cumsum(bought, axis=1) - bought
        alive = np.exp(betaln(a, heads + n) - betaln(a, heads))
        left = np.exp(betaln(a + 1, heads + np.maximum(n, 1) - 1) - betaln(a, heads))
        found = alive * bought + np.where(n > 0, left * np.maximum(1 - fewer, 0.0), 0.0)
        return with_the_gone(found, self.p_alive(parameters, rows))

    def simulated(
        self, parameters: Floats, ages: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw rates and coins, and toss after each purchase."""
        r, alpha, a, b = parameters
        rates = rng.gamma(r, 1 / alpha, len(ages))
        coin = np.maximum(rng.beta(a, b, len(ages)), 1e-12)
        places, at = purchase_times(rates, ages, rng)
        number = np.arange(len(places)) - np.searchsorted(places, places)
        kept = number < (rng.geometric(coin) - self.coins)[places]
        return places[kept], at[kept]


def _of_times(
    shapes: tuple[float, float], rows: RowPiece, tables: Mapping[str, Floats]
) -> Derivatives:
    """Return what depends on the times as well, for r and a."""
    r, a = shapes
    weight, places = rows.weight, rows.place
    power = rows.repeat_count + r
    log_end, by_end = tables["log_end"].take(rows.end_place), tables["by_end"].take(rows.end_place)
    by_last = tables["by_last"].take(rows.last_place)
    log_ratio = log_end - tables["log_last"].take(rows.last_place)
    log_odds = power * log_ratio
    log_odds += tables["log_toss"].take(places)
    small = np.exp(-np.abs(log_odds))
    more = small + 1.0
    # How much of the likelihood is that he dropped out right after his last purchase.
    gone = np.where(log_odds > 0, 1.0, small)
    gone /= more
    left, mixed = weight * power, weight * gone
    value = weight @ np.maximum(log_odds, 0.0) + weight @ np.log(more) - left @ log_end
    # Derivatives of the log-odds: log_ratio by r, -steep by alpha, 1 / a by a, and toss by b.
    late = by_last - by_end
    steep, toss = power * late, tables["by_toss"].take(places)
    spread = mixed - mixed * gone
    by_r, by_alpha, by_b = spread * log_ratio, spread * steep, spread * toss
    by_toss, by_steep, any_gone = mixed * toss, mixed @ steep, weight @ gone
    gradient = np.array([
        mixed @ log_ratio - weight @ log_end, -by_steep - left @ by_end,
        any_gone / a, mixed @ toss,
    ])  # fmt: skip
    # The steepness by alpha falls by both ends: power / at_last**2 less power / at_end**2.
    left *= by_end
    by_last += by_end
    r_alpha = -(by_r @ steep) - weight @ by_end - mixed @ late
    alphas = by_alpha @ steep + left @ by_end + (mixed * steep) @ by_last
    r_a, r_b = spread @ log_ratio / a, by_r @ toss
    alpha_a, alpha_b = -(spread @ steep) / a, -(by_alpha @ toss)
    a_a, a_b = -(mixed @ gone) / a**2, spread @ toss / a
    hessian = np.array(
        [
            [by_r @ log_ratio, r_alpha, r_a, r_b],
            [r_alpha, alphas, alpha_a, alpha_b],
            [r_a, alpha_a, a_a, a_b],
            [r_b, alpha_b, a_b, by_b @ toss + by_toss @ toss],
        ]
    )
    return Derivatives(float(value), gradient, hessian)


def _of_each_time(alpha: float, rows: SummaryRows) -> dict[str, Floats]:
    """Return what depends on a time alone: the gamma distribution's scale after it."""
    last, end = alpha + rows.last_times.values, alpha + rows.end_times.values
    return {
        "log_last": np.log(last),
        "log_end": np.log(end),
        "by_last": 1 / last,
        "by_end": 1 / end,
    }


def _of_counts(x: Floats, r: float, a: float, b: float, coins: int) -> dict[str, Floats]:
    """Return what depends on the count alone, with derivatives by r, a and b."""
    kept = x + coins
    tosses = np.where(kept > 0, b + kept - 1, 1.0)
    # Each in one call, which costs more than what it computes for some twenty counts.
    ends = np.concatenate([r + x, b + kept, (a + b) + kept, [r, b, a + b]])
    by_r, by_heads, by_both = _gains(psi(ends))
    by_rr, by_heads_twice, by_both_twice = _gains(trigamma(ends))
    return {
        "value": gammaln(r + x) - gammaln(r) + betaln(a, b + kept) - betaln(a, b),
        "by_r": by_r,
        "by_rr": by_rr,
        "by_a": -by_both,
        "by_b": by_heads - by_both,
        "by_ab": -by_both_twice,
        "by_bb": by_heads_twice - by_both_twice,
        "log_toss": np.where(kept > 0, math.log(a) - np.log(tosses), -np.inf),
        "by_toss": np.where(kept > 0, -1 / tosses, 0.0),
    }


def _gains(values: Floats) -> Floats:
    """Return three rows of values, less what each begins with; these three are the last ones."""
    rows, begins = values[:-3].reshape(3, -1), values[-3:, None]
    return rows - begins
