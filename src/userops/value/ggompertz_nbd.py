"""Gamma-Gompertz/NBD: purchases by a Poisson process, dropout by a hazard that grows or falls.

Bemmaor & Glady (2012), Modeling purchasing behavior with sudden "death": a flexible customer
lifetime model, Management Science 58(5), 1012-1021. Rates of purchase are gamma distributed (shape
r, rate alpha). Lives are Gompertz with the slope b, of a scale that is gamma distributed (shape s,
rate beta), so that those who are alive at y are (1 + (e^(b y) - 1)/beta)^-s. See `gone_integral`
for how the likelihood is found.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.value.gone_integral import log_likelihood, probability_alive
from userops.value.lives import time_alive
from userops.value.newton import Derivatives
from userops.value.purchase_counts import counts_until_dropout, purchase_times, with_the_gone
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_model import TransactionModel

__all__ = ["GGompertzNBD"]

Floats = NDArray[np.float64]
# Below it e**x is a number.
_LARGEST_POWER = 600.0


@attrs.frozen
class GGompertzNBD(TransactionModel):
    """The Gamma-Gompertz/NBD model, with the parameters r, alpha, b, s and beta.

    The hazard of the customers who are left, s b e^(b y) / (beta - 1 + e^(b y)), grows with the age
    where beta > 1, is constant where beta = 1, and falls where beta < 1. As b and beta go to zero
    together it becomes the Pareto/NBD with beta / b for its beta: where the data show nothing
    beyond that, the fit says `boundary` or `not_identified`, and `ParetoNBD` is the model to use.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "b", "s", "beta")

    def starts(self, rows: SummaryRows) -> Floats:
        """Begin with one purchase rate, and lives about as long as the observation, for all."""
        return np.array([1.0, 1.0 / rows.mean_rate, 1.0 / max(rows.mean_age, 1e-3), 1.0, 1.0])

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Return the log-likelihood over all rows, with its derivatives."""
        r, alpha, b, s, beta = parameters.tolist()
        return log_likelihood(r, alpha, GGompertzLives(b, s, beta), rows)

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer has not dropped out."""
        r, alpha, b, s, beta = parameters.tolist()
        return probability_alive(r, alpha, GGompertzLives(b, s, beta), rows)

    def expected_purchases(self, parameters: Floats, horizon: float, rows: SummaryRows) -> Floats:
        """Return who is alive, times his rate, times how long he will be so, by quadrature."""
        r, alpha, b, s, beta = parameters.tolist()
        rate = (r + rows.repeat_count) / (alpha + rows.age)
        time = time_alive(GGompertzLives(b, s, beta), rows.age, horizon)
        expected: Floats = rate * time * self.p_alive(parameters, rows)
        return expected

    def purchase_probabilities(
        self, parameters: Floats, horizon: float, rows: SummaryRows, most: int
    ) -> Floats:
        """Return the mixture over when, within the horizon, the customer drops out."""
        r, alpha, b, s, beta = parameters.tolist()
        lives = GGompertzLives(b, s, beta)
        found = counts_until_dropout((alpha, r + rows.repeat_count), lives, rows.age, horizon, most)
        return with_the_gone(found, self.p_alive(parameters, rows))

    def simulated(
        self, parameters: Floats, ages: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw rates of purchase and scales of lives, and lives of the latter."""
        r, alpha, b, s, beta = parameters
        rates = rng.gamma(r, 1 / alpha, len(ages))
        scales = np.maximum(rng.gamma(s, 1 / beta, len(ages)), 1e-300)
        lives = np.log1p(rng.exponential(size=len(ages)) / scales) / b
        return purchase_times(rates, np.minimum(ages, lives), rng)


@attrs.frozen
class GGompertzLives:
    """Gompertz lives of gamma distributed scale: S = (1 + (e^(b y) - 1)/beta)^-s."""

    b: float
    s: float
    beta: float

    @property
    def parameters(self) -> tuple[float, ...]:
        """Slope b of the hazard, shape s and rate beta of the scales."""
        return self.b, self.s, self.beta

    def at(self, age: Floats) -> _GGompertzLivesAt:
        """Return the lives at ages."""
        return _GGompertzLivesAt(self, age)

    def distance(self, begin: Floats, end: Floats) -> Floats:
        """Return how far ages are from where e^(b y) = 1 - beta, in the complex plane."""
        beside = np.pi / self.b if self.beta > 1 else 0.0
        if self.beta == 1:
            return np.full_like(begin, np.inf)
        where = np.log(abs(self.beta - 1)) / self.b
        found: Floats = np.hypot(np.maximum(np.maximum(begin - where, where - end), 0.0), beside)
        return found


class _GGompertzLivesAt:
    """Everything by m = e^(-b y) and d = 1 - m + beta m, which neither overflow nor cancel."""

    def __init__(self, lives: GGompertzLives, age: Floats) -> None:
        b, s, beta = lives.parameters
        self._lives, self._power = lives, b * age
        self._left = np.exp(-self._power)
        gone = -np.expm1(-self._power)
        self._divisor = gone + beta * self._left
        self._share = gone / self._divisor
        log_divisor = np.log(self._divisor)
        grown = np.where(
            self._power < _LARGEST_POWER,
            np.log1p(np.expm1(np.minimum(self._power, _LARGEST_POWER)) / beta),
            self._power + log_divisor - np.log(beta),
        )
        self.log_survival = -s * grown
        self.log_hazard = np.log(s * b) - log_divisor

    def first(self, density: bool) -> list[Floats]:
        s, beta = self._lives.s, self._lives.beta
        by_b = self._power / self._divisor
        # b y - by_b, without the difference.
        rest = by_b * (beta - 1) * self._left
        return [
            density * (1 + rest) - s * by_b,
            self.log_survival + density,
            (s + density) * self._share - density,
        ]

    def second(self, density: bool) -> list[Floats | None]:
        s, beta = self._lives.s, self._lives.beta
        by_b = self._power / self._divisor
        rest = by_b * (beta - 1) * self._left
        left = beta * self._left / self._divisor
        return [
            density * rest * (1 - by_b) - s * by_b * (1 + rest),
            -s * by_b,
            (s + density) * by_b * left,
            self.log_survival,
            s * self._share,
            -(s + density) * self._share * left,
        ]
