"""Pareto/NBD: purchases by a Poisson process, dropout at any time by a rate of its own.

Schmittlein, Morrison & Colombo (1987), Counting your customers: who are they and what will they do
next?, Management Science 33(1), 1-24; Fader & Hardie (2005), A note on deriving the Pareto/NBD
model and related expressions. Rates of purchase are gamma distributed (shape r, rate alpha), and so
are rates of dropout (shape s, rate beta); see `gone_integral` for how the likelihood is found.
"""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.value.gone_integral import log_likelihood, probability_alive
from userops.value.newton import Derivatives
from userops.value.purchase_counts import counts_until_dropout, purchase_times, with_the_gone
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_model import TransactionModel

__all__ = ["ParetoNBD"]

Floats = NDArray[np.float64]


@attrs.frozen
class ParetoNBD(TransactionModel):
    """The Pareto/NBD model, with the parameters r, alpha, s and beta."""

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    takes_many_horizons: ClassVar[bool] = True

    def starts(self, rows: SummaryRows) -> Floats:
        """Begin with one purchase rate for all, and lives about as long as the observation."""
        return np.array([1.0, 1.0 / rows.mean_rate, 1.0, max(rows.mean_age, 1e-3)])

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Return the log-likelihood over all rows, with its derivatives."""
        r, alpha, s, beta = parameters.tolist()
        return log_likelihood(r, alpha, ParetoLives(s, beta), rows)

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer has not dropped out."""
        r, alpha, s, beta = parameters.tolist()
        return probability_alive(r, alpha, ParetoLives(s, beta), rows)

    def expected_purchases(self, parameters: Floats, horizon: Any, rows: SummaryRows) -> Floats:
        """Return what sections 4 and 6 of Fader & Hardie's note expect."""
        r, alpha, s, beta = parameters
        at_end = beta + rows.age
        log_share = np.log(at_end / (at_end + horizon))
        # (1 - q**(s - 1)) / (s - 1), whose limit at s = 1 is -log(q).
        time = -np.expm1((s - 1) * log_share) / (s - 1) if s != 1 else -log_share
        rate = (r + rows.repeat_count) / (alpha + rows.age)
        expected: Floats = rate * at_end * time * self.p_alive(parameters, rows)
        return expected

    def purchase_probabilities(
        self, parameters: Floats, horizon: float, rows: SummaryRows, most: int
    ) -> Floats:
        """Return the mixture over when, within the horizon, the customer drops out."""
        r, alpha, s, beta = parameters.tolist()
        lives = ParetoLives(s, beta)
        found = counts_until_dropout((alpha, r + rows.repeat_count), lives, rows.age, horizon, most)
        return with_the_gone(found, self.p_alive(parameters, rows))

    def simulated(
        self, parameters: Floats, ages: Floats, rng: np.random.Generator
    ) -> tuple[NDArray[np.intp], Floats]:
        """Draw rates of purchase and of dropout, and lives of the latter."""
        r, alpha, s, beta = parameters
        rates = rng.gamma(r, 1 / alpha, len(ages))
        lives = rng.exponential(size=len(ages)) / np.maximum(
            rng.gamma(s, 1 / beta, len(ages)), 1e-300
        )
        return purchase_times(rates, np.minimum(ages, lives), rng)


@attrs.frozen
class ParetoLives:
    """Exponential lives of gamma distributed rates: S = (1 + y/beta)^-s, h = s/(beta + y)."""

    s: float
    beta: float

    @property
    def parameters(self) -> tuple[float, float]:
        """Shape s and rate beta of the rates of dropout."""
        return self.s, self.beta

    def at(self, age: Floats) -> _ParetoLivesAt:
        """Return the lives at ages."""
        return _ParetoLivesAt(self.s, self.beta, age)

    def distance(self, begin: Floats, end: Floats) -> Floats:
        """Return how far the singularity at -beta is from intervals of ages."""
        return self.beta + begin


class _ParetoLivesAt:
    def __init__(self, s: float, beta: float, age: Floats) -> None:
        self._s, self._beta, self._age = s, beta, age
        self._grown = np.log1p(age / beta)
        self.log_survival = -s * self._grown
        self.log_hazard = np.log(s / beta) - self._grown

    def first(self, density: bool) -> list[Floats]:
        share, power = self._age / (self._beta + self._age), self._s + density
        return [self.log_survival + density, power * share - density]

    def second(self, density: bool) -> list[Floats | None]:
        share, power = self._age / (self._beta + self._age), self._s + density
        return [self.log_survival, self._s * share, power * share * (share - 1)]
