"""Likelihoods of customers who buy at a gamma distributed rate until they drop out at any time.

With lives of survival S and hazard h, and A(y) = (1 + y/alpha)^-(r+x) S(y), a row (x, t_x, T) has

    L = Gamma(r+x)/Gamma(r) alpha^-x (int_{t_x}^{T} A(y) h(y) dy + A(T)),

the form in which Schmittlein, Morrison & Colombo (1987) derive the Pareto/NBD before they turn to
hypergeometric functions, and Bemmaor & Glady (2012) the Gamma-Gompertz/NBD. It has no case alpha =
beta and no overflow. Integrals of all rows are taken at once: between neighbours of the distinct
ends (`RowEnds`), then added up from the last end backwards,

    Q(t) = int_t A h dy / A(t),   Q(t_k) = I_k + A(t_{k+1})/A(t_k) Q(t_{k+1}),

so that a row is A(t_x) (Q(t_x) + A(T)/A(t_x) (1 - Q(T))). Nothing cancels: what is gone after T is
never more than who is alive at T, so every term is in [0, 1] and none is negative.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from userops.value.lives import Lives
from userops.value.newton import Derivatives
from userops.value.panels import Panels, panels
from userops.value.row_ends import RowEnds
from userops.value.special import trigamma
from userops.value.summary_rows import SummaryRows

__all__ = ["log_likelihood", "probability_alive"]

Floats = NDArray[np.float64]
# Products of pieces so small stay in a core's cache, and OpenBLAS calls no second thread for them,
# which would take more time to wait than to work.
_ROWS_AT_ONCE = 1 << 12
_BLOCK = 64
_TINY = np.finfo(np.float64).tiny


class _Alive(NamedTuple):
    """Purchases and lives together: A(y), and A(y) h(y), by the logarithms of the parameters."""

    r: float
    alpha: float
    lives: Lives

    @property
    def size(self) -> int:
        return 2 + len(self.lives.parameters)

    def logs(self, count: Floats, age: Floats) -> Floats:
        """Return ln A and ln h."""
        now = self.lives.at(age)
        log_alive = now.log_survival - (self.r + count) * np.log1p(age / self.alpha)
        return np.stack([log_alive, now.log_hazard])

    def distance(self, begin: Floats, end: Floats) -> Floats:
        found: Floats = np.minimum(self.alpha + begin, self.lives.distance(begin, end))
        return found

    def moments(
        self, count: Floats, age: Floats, density: bool
    ) -> tuple[Floats, list[Floats], list[tuple[int, int, Floats]]]:
        """Return ln A h, or ln A, with first derivatives, and the second ones that are not zero."""
        grown, share, now = np.log1p(age / self.alpha), age / (self.alpha + age), self.lives.at(age)
        power = self.r + count
        log = now.log_survival - power * grown
        if density:
            log = log + now.log_hazard
        by_r, by_alpha = -self.r * grown, power * share
        first = [by_r, by_alpha, *now.first(density)]
        second = [(0, 0, by_r), (0, 1, self.r * share), (1, 1, by_alpha * (share - 1))]
        second += [
            (i + 2, j + 2, values)
            for (i, j), values in zip(_pairs(self.size - 2), now.second(density), strict=True)
            if values is not None
        ]
        return log, first, second


class _Table(NamedTuple):
    """What all rows look up, by ends.

    Attributes:
        log_alive: ln A.
        kept: A at the next end over A at this one; 0 at the last end of a count.
        gone: Q, and its derivatives times A; shape (1 + parameters, ends).
        curved: Second derivatives of the integrals up to the next end over A, the upper half.
    """

    log_alive: Floats
    kept: Floats
    gone: Floats
    curved: Floats


def probability_alive(r: float, alpha: float, lives: Lives, rows: SummaryRows) -> Floats:
    """Return the probability that a customer has not dropped out, one value a row."""
    ends = rows.ends
    table = _table(_Alive(r, alpha, lives), ends, derivatives=False)
    gone, left = table.gone[0], 1 - table.gone[0]
    found = np.empty(len(rows))
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        here = slice(begin, begin + _ROWS_AT_ONCE)
        i, j = ends.begins[here], ends.stops[here]
        alive = np.exp(table.log_alive[j] - table.log_alive[i])
        found[here] = alive / np.maximum(gone[i] + alive * left[j], _TINY)
    return np.clip(found, 0.0, 1.0, out=found)


def log_likelihood(r: float, alpha: float, lives: Lives, rows: SummaryRows) -> Derivatives:
    """Return the log-likelihood over all rows, with its derivatives by the parameters.

    Args:
        r: Shape of the purchase rates.
        alpha: Their rate.
        lives: The lives, whose parameters come after these two.
        rows: Distinct rows with their weights.
    """
    alive, ends = _Alive(r, alpha, lives), rows.ends
    counts, weights = rows.of_counts()
    bought = float((weights * counts).sum())
    table = _table(alive, ends, derivatives=True)
    _, first, _ = now = alive.moments(ends.count, ends.age, False)
    value, gradient, hessian, begun, stopped = _over_rows(table, np.stack(first), rows)
    value += float(weights @ (gammaln(r + counts) - gammaln(r))) - bought * np.log(alpha)
    hessian += _curved(now, stopped)
    # How much of the likelihood of all rows an integral between neighbours carries.
    carried = _accumulated((begun - stopped)[None], np.append(0.0, table.kept[:-1]))[0]
    hessian[np.triu_indices(alive.size)] += np.einsum("kn,n->k", table.curved, carried)
    by_r = r * float(weights @ (psi(r + counts) - psi(r)))
    gradient[0] += by_r
    gradient[1] -= bought
    hessian[0, 0] += by_r + r * r * float(weights @ (trigamma(r + counts) - trigamma(r)))
    hessian += np.triu(hessian, 1).T
    parameters = np.array([r, alpha, *lives.parameters])
    by_parameters = (hessian - np.diag(gradient)) / np.outer(parameters, parameters)
    return Derivatives(float(value), gradient / parameters, by_parameters)


def _over_rows(
    table: _Table, at_ends: Floats, rows: SummaryRows
) -> tuple[float, Floats, Floats, Floats, Floats]:
    """Add up the rows.

    Returns:
        The sum of what depends on t_x and T, its gradient, what of the Hessian is no sum over ends
        (the upper half), and the weights of integrals from, and of who is alive at, each end.
    """
    ends, size = rows.ends, len(at_ends)
    gone, by_gone = table.gone[0], table.gone[1:]
    left, by_left = 1 - gone, at_ends - by_gone
    value, products = 0.0, np.zeros((size + 1, size + 1))
    begun, stopped = np.empty(len(rows)), np.empty(len(rows))
    for begin in range(0, len(rows), _ROWS_AT_ONCE):
        here = slice(begin, begin + _ROWS_AT_ONCE)
        i, j, weight = ends.begins[here], ends.stops[here], rows.weight[here]
        top = table.log_alive[i]
        alive = np.exp(table.log_alive[j] - top)
        total = np.maximum(gone[i] + alive * left[j], _TINY)
        value += float(weight @ (top + np.log(total)))
        share = 1 / total
        stays = alive * share
        slopes = np.ones((size + 1, len(i)))
        for n in range(size):
            slopes[n] = share * by_gone[n][i]
            slopes[n] += stays * by_left[n][j]
        products += (slopes * weight) @ slopes.T
        begun[here], stopped[here] = weight * share, weight * stays
    return (
        value, products[:size, size], np.triu(-products[:size, :size]),
        _by_place(ends.begins, begun, len(gone)), _by_place(ends.stops, stopped, len(gone)),
    )  # fmt: skip


def _by_place(places: NDArray[np.intp], weight: Floats, size: int) -> Floats:
    return np.asarray(np.bincount(places, weight, minlength=size), dtype=np.float64)


def _pairs(size: int) -> list[tuple[int, int]]:
    """Return the places of the upper half of a matrix, row by row."""
    return [(i, j) for i in range(size) for j in range(i, size)]


def _curved(
    now: tuple[Floats, list[Floats], list[tuple[int, int, Floats]]], weight: Floats
) -> Floats:
    """Return the upper half of the weighted second derivatives of A over A."""
    _, first, second = now
    each = np.stack(first)
    hessian = np.zeros((len(each), len(each)))
    for begin in range(0, len(weight), _ROWS_AT_ONCE):
        here = slice(begin, begin + _ROWS_AT_ONCE)
        hessian += (each[:, here] * weight[here]) @ each[:, here].T
    for i, j, values in second:
        hessian[i, j] += (values * weight).sum()
    return np.triu(hessian)


def _table(alive: _Alive, ends: RowEnds, *, derivatives: bool) -> _Table:
    logs = alive.logs(ends.count, ends.age)
    follows = np.append(ends.age[1:], ends.age[-1])
    end = np.where(ends.is_last, ends.age, follows)
    logs_end = np.where(ends.is_last, logs, np.append(logs[:, 1:], logs[:, -1:], axis=1))
    kept = np.where(ends.is_last, 0.0, np.exp(logs_end[0] - logs[0]))
    found = panels(
        ends.age, end, (logs, logs_end),
        lambda age, place: alive.logs(ends.count[place], age), alive.distance,
    )  # fmt: skip
    firsts = alive.size if derivatives else 0
    sums = np.zeros((1 + firsts + firsts * (firsts + 1) // 2, len(end)))
    for part in (piece for ruled in found for piece in ruled.pieces()):
        part.added_to(sums, _integrated(alive, ends.count[part.owner], logs[0], part, derivatives))
    gone = _accumulated(sums[: 1 + firsts, ::-1], kept[::-1])[:, ::-1]
    return _Table(logs[0], kept, np.ascontiguousarray(gone), sums[1 + firsts :])


def _integrated(
    alive: _Alive, count: Floats, log_alive: Floats, part: Panels, derivatives: bool
) -> Floats:
    """Return the integrals of A h and of its derivatives over panels, over A of their owners."""
    age = part.begin + part.length * part.rule.nodes
    weight = part.rule.weights * part.length
    if not derivatives:
        logs = alive.logs(count, age)
        mass = weight * np.exp(logs[0] + logs[1] - log_alive[part.owner])
        alone: Floats = mass.sum(axis=0)[None]
        return alone
    log, first, second = alive.moments(count, age, True)
    mass = weight * np.exp(log - log_alive[part.owner])
    size = alive.size
    sums = np.empty((1 + size + size * (size + 1) // 2, len(count)))
    sums[0] = mass.sum(axis=0)
    place = {pair: 1 + size + n for n, pair in enumerate(_pairs(size))}
    for i in range(size):
        slope = mass * first[i]
        sums[1 + i] = slope.sum(axis=0)
        for j in range(i, size):
            sums[place[i, j]] = (slope * first[j]).sum(axis=0)
    for i, j, values in second:
        sums[place[i, j]] += (mass * values).sum(axis=0)
    return sums


def _accumulated(added: Floats, kept: Floats) -> Floats:
    """Return y_k = added_k + kept_k y_{k-1}, along the last axis of `added`.

    It goes block by block, all blocks at once: the time is that of a few passes over the data.
    """
    many, size = added.shape
    width = min(_BLOCK, int(np.ceil(np.sqrt(size))))
    blocks = -(-size // width)
    y, factor = np.zeros((many, blocks * width)), np.zeros(blocks * width)
    y[:, :size], factor[:size] = added, kept
    y = np.ascontiguousarray(y.reshape(many, blocks, width).transpose(2, 0, 1))
    factor = np.ascontiguousarray(factor.reshape(blocks, width).T)
    for n in range(1, width):
        y[n] += factor[n] * y[n - 1]
        factor[n] *= factor[n - 1]
    if blocks > 1:
        carried = np.zeros((many, blocks))
        carried[:, 1:] = _accumulated(y[-1], factor[-1])[:, :-1]
        y += factor[:, None, :] * carried
    return y.transpose(1, 2, 0).reshape(many, -1)[:, :size]
