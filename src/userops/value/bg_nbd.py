"""BG/NBD: purchases by a Poisson process, dropout by a coin after each of them.

Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way: An Alternative to the
Pareto/NBD Model, Marketing Science 24(2), 275-284. Rates of purchase are gamma distributed (shape
r, rate alpha), probabilities of dropout beta distributed (a, b). A customer cannot drop out before
his first repeat purchase, so that one without repeats is alive for certain: that is the model, and
a reason to look at others.
"""

from __future__ import annotations

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
        r, alpha, a, b = parameters
        counts, weights = rows.of_counts()
        tables = _of_counts(counts, r, a, b, self.coins)
        tables |= _of_each_time(alpha, rows)
        value = weights @ tables["value"] + rows.customers * r * np.log(alpha)
        gradient = np.array([
            weights @ tables["by_r"] + rows.customers * np.log(alpha), rows.customers * r / alpha,
            weights @ tables["by_a"], weights @ tables["by_b"],
        ])  # fmt: skip
        hessian = np.zeros((4, 4))
        hessian[0, 0] = weights @ tables["by_rr"]
        hessian[0, 1] = rows.customers / alpha
        hessian[1, 1] = -rows.customers * r / alpha**2
        hessian[2, 2] = hessian[2, 3] = weights @ tables["by_ab"]
        hessian[3, 3] = weights @ tables["by_bb"]
        for part in rows.pieces():
            mine = _of_times(parameters, part, tables)
            value += mine.value
            gradient += mine.gradient
            hessian += mine.hessian
        return Derivatives(float(value), gradient, hessian + np.triu(hessian, 1).T)

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer has not dropped out; 1 without repeats."""
        r, alpha, a, b = parameters.tolist()  # a request waits, and Python's floats are quicker
        tosses = rows.repeat_count + self.coins
        log_ratio = np.log((alpha + rows.age) / (alpha + rows.last_purchase_age))
        odds = np.exp(np.minimum((r + rows.repeat_count) * log_ratio, _LARGEST)) * a
        heads = b - 1 + tosses
        alive: Floats = heads / (heads + odds)
        return alive if self.coins else np.where(tosses > 0, alive, 1.0)

    def expected_purchases(self, parameters: Floats, horizon: Any, rows: SummaryRows) -> Floats:
        """Return equations (9) and (10) of the paper."""
        r, alpha, a, b = parameters.tolist()
        x = rows.repeat_count
        found = purchases_while_heads(r + x, alpha + rows.age, (a, x + (b + self.coins)), horizon)
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


def _of_times(parameters: Floats, rows: RowPiece, tables: Mapping[str, Floats]) -> Derivatives:
    """Return what depends on the times as well; of the Hessian the upper half."""
    r, _, a, _ = parameters
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
    by_toss, by_steep, any_gone, any_spread = mixed * toss, mixed @ steep, mixed.sum(), spread.sum()
    gradient = np.array([
        mixed @ log_ratio - weight @ log_end, -by_steep - left @ by_end,
        any_gone / a, by_toss.sum(),
    ])  # fmt: skip
    hessian = np.zeros((4, 4))
    hessian[0] = by_r @ log_ratio, -(by_r @ steep), by_r.sum() / a, by_r @ toss
    hessian[1, 1:] = by_alpha @ steep, -by_alpha.sum() / a, -(by_alpha @ toss)
    hessian[2, 2:] = (any_spread - any_gone) / a**2, by_b.sum() / a
    hessian[3, 3] = by_b @ toss + by_toss @ toss
    hessian[0, 1] -= weight @ by_end + mixed @ late
    # The steepness by alpha falls by both ends: power / at_last**2 less power / at_end**2.
    left *= by_end
    by_last += by_end
    hessian[1, 1] += left @ by_end + (mixed * steep) @ by_last
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
    both = psi(a + b) - psi(a + b + kept)
    curved = trigamma(a + b) - trigamma(a + b + kept)
    return {
        "value": gammaln(r + x) - gammaln(r) + betaln(a, b + kept) - betaln(a, b),
        "by_r": psi(r + x) - psi(r),
        "by_rr": trigamma(r + x) - trigamma(r),
        "by_a": both,
        "by_b": both + psi(b + kept) - psi(b),
        "by_ab": curved,
        "by_bb": curved + trigamma(b + kept) - trigamma(b),
        "log_toss": np.where(kept > 0, np.log(a) - np.log(tosses), -np.inf),
        "by_toss": np.where(kept > 0, -1 / tosses, 0.0),
    }
