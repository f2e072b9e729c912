"""Pareto/NBD: purchases by a Poisson process, dropout at any time by a rate of its own.

Schmittlein, Morrison & Colombo (1987), Counting your customers: who are they and what will they do
next?, Management Science 33(1), 1-24; Fader & Hardie (2005), A note on deriving the Pareto/NBD
model and related expressions. Rates of purchase are gamma distributed (shape r, rate alpha), and so
are rates of dropout (shape s, rate beta).

The likelihood is written with J = int_{t_x}^{T} (alpha+y)^-(r+x) (beta+y)^-(s+1) dy, which is what
being gone after t_x comes to, instead of hypergeometric functions: no case alpha = beta, no
overflow. The integrand falls like a power of y, so it is taken over the logarithm of the smaller of
alpha + y and beta + y, as far as anything is left of it, by Gauss and Legendre.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, polygamma, psi, roots_legendre

from userops.value.newton import Derivatives
from userops.value.purchase_counts import counts_until_dropout, purchase_times, with_the_gone
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_model import TransactionModel

__all__ = ["ParetoNBD"]

Floats = NDArray[np.float64]
_NODES, _WEIGHTS = (values.astype(np.float64) for values in roots_legendre(64))
# Beyond this power of e nothing is left of the integrand.
_DEEPEST = 45.0
_PIECE_ROWS = 1 << 14


class _Gone(NamedTuple):
    """The logarithm of s J in each row, with derivatives by r, alpha, s and beta."""

    log: Floats
    first: Floats
    second: Floats


@attrs.frozen
class ParetoNBD(TransactionModel):
    """The Pareto/NBD model, with the parameters r, alpha, s and beta."""

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    takes_many_horizons: ClassVar[bool] = True

    def starts(self, rows: SummaryRows) -> Floats:
        """Begin with one purchase rate for all, and lives about as long as the observation."""
        count = float(rows.weight @ rows.repeat_count)
        time = float(rows.weight @ rows.age)
        rate = max(count, 0.5) / max(time, 1e-6)
        return np.array([1.0, 1.0 / rate, 1.0, max(time / rows.customers, 1e-3)])

    def derivatives(self, parameters: Floats, rows: SummaryRows) -> Derivatives:
        """Return the log-likelihood over all rows, with its derivatives."""
        r = parameters[0]
        counts, weights = rows.of_counts()
        value = float(weights @ (gammaln(r + counts) - gammaln(r)))
        gradient, hessian = np.zeros(4), np.zeros((4, 4))
        gradient[0] = weights @ (psi(r + counts) - psi(r))
        hessian[0, 0] = weights @ (polygamma(1, r + counts) - polygamma(1, r))
        for begin in range(0, len(rows), _PIECE_ROWS):
            part = rows.part(slice(begin, begin + _PIECE_ROWS))
            mine = _derivatives(parameters, part)
            value += mine.value
            gradient += mine.gradient
            hessian += mine.hessian
        return Derivatives(value, gradient, hessian)

    def p_alive(self, parameters: Floats, rows: SummaryRows) -> Floats:
        """Return the probability that a customer has not dropped out."""
        alive = _log_alive(parameters, rows)
        found = np.empty(len(rows))
        for begin in range(0, len(rows), _PIECE_ROWS):
            here = slice(begin, begin + _PIECE_ROWS)
            log = _gone(parameters, rows.part(slice(begin, begin + _PIECE_ROWS)), orders=0).log
            found[here] = 1 / (1 + np.exp(np.minimum(log - alive[here], 700.0)))
        return found

    def expected_purchases(self, parameters: Floats, horizon: Any, rows: SummaryRows) -> Floats:
        """Return equations (17) and (22) of Fader & Hardie's note."""
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
        r, alpha, s, beta = parameters
        late = beta + rows.age

        def survival(t: Floats) -> Floats:
            found: Floats = (late / (late + t)) ** s
            return found

        def density(t: Floats) -> Floats:
            found: Floats = s / (late + t) * survival(t)
            return found

        purchases = r + rows.repeat_count, alpha + rows.age
        found = counts_until_dropout(purchases, (survival, density), horizon, most)
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


def _log_alive(parameters: Floats, rows: SummaryRows) -> Floats:
    r, alpha, s, beta = parameters
    found: Floats = -(r + rows.repeat_count) * np.log(alpha + rows.age) - s * np.log(
        beta + rows.age
    )
    return found


def _derivatives(parameters: Floats, rows: SummaryRows) -> Derivatives:
    r, alpha, s, beta = parameters
    x, weight = rows.repeat_count, rows.weight
    alive, gone = _log_alive(parameters, rows), _gone(parameters, rows, orders=2)
    at, late = alpha + rows.age, beta + rows.age
    first = np.stack([-np.log(at), -(r + x) / at, -np.log(late), -s / late])
    second = np.zeros((4, 4, len(x)))
    second[0, 1] = second[1, 0] = -1 / at
    second[1, 1] = (r + x) / at**2
    second[2, 3] = second[3, 2] = -1 / late
    second[3, 3] = s / late**2
    share = 1 / (1 + np.exp(np.minimum(alive - gone.log, 700.0)))
    value = weight @ (r * np.log(alpha) + s * np.log(beta) + np.logaddexp(alive, gone.log))
    differ = gone.first - first
    gradient = first @ weight + differ @ (weight * share)
    hessian = second @ weight + (gone.second - second) @ (weight * share)
    hessian += (differ * (weight * share * (1 - share))) @ differ.T
    total = float(weight.sum())
    gradient += [
        total * np.log(alpha), total * r / alpha,
        total * np.log(beta), total * s / beta,
    ]  # fmt: skip
    hessian[1, 1] -= total * r / alpha**2
    hessian[3, 3] -= total * s / beta**2
    hessian[[0, 1], [1, 0]] += total / alpha
    hessian[[2, 3], [3, 2]] += total / beta
    return Derivatives(float(value), gradient, hessian)


def _gone(parameters: Floats, rows: SummaryRows, *, orders: int) -> _Gone:
    """Integrate over the instants at which a customer may have dropped out."""
    r, alpha, s, beta = parameters
    begin, end, power = rows.last_purchase_age, rows.age, r + rows.repeat_count
    least = min(alpha, beta)
    near = least + begin
    # How fast the integrand falls by the logarithm where it begins; further on it falls faster.
    rate = power * near / (alpha + begin) + (s + 1) * near / (beta + begin) - 1
    reach = np.minimum(np.log((least + end) / near), _DEEPEST / np.maximum(rate, 1e-9))
    logs = 0.5 * reach[:, None] * (_NODES + 1)
    y = near[:, None] * np.exp(logs) - least
    from_alpha, from_beta = alpha + y, beta + y
    log_alpha, log_beta = np.log(from_alpha), np.log(from_beta)
    falls = -power[:, None] * log_alpha - (s + 1) * log_beta + logs
    top = falls.max(axis=1)
    mass = np.exp(falls - top[:, None]) * _WEIGHTS
    total = mass.sum(axis=1)
    with np.errstate(divide="ignore"):
        log = np.log(s) + top + np.log(total * 0.5 * reach * near)
    if not orders:
        return _Gone(log, np.empty(0), np.empty(0))
    mass /= total[:, None]
    each = np.stack([-log_alpha, -power[:, None] / from_alpha, -log_beta, -(s + 1) / from_beta])
    first = np.einsum("knm,nm->kn", each, mass)
    centred = each - first[:, :, None]
    second = np.einsum("knm,lnm,nm->kln", centred, centred, mass, optimize=True)
    second[0, 1] -= (mass / from_alpha).sum(axis=1)
    second[1, 0] = second[0, 1]
    second[1, 1] += (mass * power[:, None] / from_alpha**2).sum(axis=1)
    second[2, 3] -= (mass / from_beta).sum(axis=1)
    second[3, 2] = second[2, 3]
    second[3, 3] += (mass * (s + 1) / from_beta**2).sum(axis=1)
    second[2, 2] -= 1 / s**2
    first[2] += 1 / s
    return _Gone(log, first, second)
