"""The likelihood of BG/BB, and its derivatives: equation (5) of the model's paper.

Fader, Hardie & Shang (2010), Customer-Base Analysis in a Discrete-Time Noncontractual Setting,
Marketing Science 29(6), 1086-1108. With f(t) the probability of a history in which the customer
was alive for the last time at opportunity t, it is the sum of f over t from that of his last
purchase to n, the last one of all, at which he may be alive still.

The sum is built from its end, each time relative to its newest term, which is the largest: an
earlier t asks for one miss less. So nothing overflows or vanishes, and what has been built at t is
the sum of everybody of the same x and n whose last purchase was there. All gamma functions are of a
parameter plus a whole number, and looked up in tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from userops.value.newton import Derivatives
from userops.value.summary_rows import SummaryRows

__all__ = ["log_likelihood", "was_alive"]

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
# The sums of so many pairs of x and n stay in a core's cache.
_MOST_PAIRS = 1 << 12


class _Tables(NamedTuple):
    """log (Gamma(a + k) / Gamma(a)) for k = 0, 1 ... n, and two derivatives by a: shape (3, n + 1).

    They are sums over k, so that nothing cancels however large or small a is.

    Attributes:
        heads: a = alpha.
        tails: a = beta.
        tosses: a = alpha + beta.
        kept: a = delta.
        coins: a = gamma + delta.
    """

    heads: Floats
    tails: Floats
    tosses: Floats
    kept: Floats
    coins: Floats

    @classmethod
    def of(cls, parameters: Floats, most: int) -> _Tables:
        alpha, beta, gamma, delta = parameters
        return cls(*(
            _rising(a, most + 1) for a in (alpha, beta, alpha + beta, delta, gamma + delta)
        ))  # fmt: skip


def _rising(a: float, most: int) -> Floats:
    factors = a + np.arange(float(most))
    found = np.zeros((3, most + 1))
    np.cumsum([np.log(factors), 1 / factors, -1 / factors**2], axis=1, out=found[:, 1:])
    return found


class _Counts(NamedTuple):
    """Rows as whole numbers: x, t_x and n."""

    x: Places
    last: Places
    age: Places

    @classmethod
    def of(cls, rows: SummaryRows) -> _Counts:
        columns = (rows.repeat_count, rows.last_purchase_age, rows.age)
        return cls(*(column.astype(np.intp) for column in columns))

    def at(self, rows: Places) -> _Counts:
        return _Counts(self.x[rows], self.last[rows], self.age[rows])


class _Block(NamedTuple):
    """Pairs of x and n, and the rows that have them.

    Attributes:
        x: Of each pair.
        age: n of each pair.
        lengths: How many terms the longest sum of each pair has; descending.
        rows: Places of the rows, by the number of their terms.
        pairs: Which pair each row has.
        terms: How many terms each row has, ascending, 1 or more.
    """

    x: Places
    age: Places
    lengths: Places
    rows: Places
    pairs: Places
    terms: Places


class _Sums(NamedTuple):
    """Sums of f over the opportunities before n, of some rows.

    Attributes:
        log: Their logarithms.
        first: Derivatives of these by the parameters, shape (4, rows).
        second: Shape (4, 4, rows).
    """

    log: Floats
    first: Floats
    second: Floats


def log_likelihood(parameters: Floats, rows: SummaryRows) -> Derivatives:
    """Return the weighted log-likelihood of all rows, with derivatives by the parameters.

    Args:
        parameters: alpha, beta, gamma and delta.
        rows: Of whole numbers, with repeat_count <= last_purchase_age.
    """
    counts, weight = _Counts.of(rows), rows.weight
    tables = _Tables.of(parameters, int(counts.age.max(initial=0)))
    alive, first = _alive(tables, counts), _first_alive(tables, counts)
    value, gradient = float(weight @ alive), first @ weight
    # How much of each row's likelihood is that he was alive no more at n.
    share, hessian = np.zeros(len(rows)), np.zeros((4, 4))
    for block in _blocks(counts):
        here = block.rows
        sums = _gone(parameters, tables, block, orders=2)
        odds = sums.log - alive[here]
        gone = 1 / (1 + np.exp(np.minimum(-odds, 700.0)))
        heavy = weight[here] * gone
        value += float(weight[here] @ np.logaddexp(0.0, odds))
        differ = sums.first - first[:, here]
        gradient = gradient + differ @ heavy
        hessian += sums.second @ heavy + (differ * (heavy * (1 - gone))) @ differ.T
        share[here] = gone
    hessian += _second_alive(tables, counts, weight * (1 - share))
    return Derivatives(value, gradient, hessian)


def was_alive(parameters: Floats, rows: SummaryRows) -> Floats:
    """Return the probability that a customer was alive at the last opportunity, one value a row.

    Args:
        parameters: alpha, beta, gamma and delta.
        rows: Of whole numbers, with repeat_count <= last_purchase_age.
    """
    counts, found = _Counts.of(rows), np.ones(len(rows))
    tables = _Tables.of(parameters, int(counts.age.max(initial=0)))
    alive = _alive(tables, counts)
    for block in _blocks(counts):
        odds = _gone(parameters, tables, block, orders=0).log - alive[block.rows]
        found[block.rows] = 1 / (1 + np.exp(np.minimum(odds, 700.0)))
    return found


def _blocks(counts: _Counts) -> Iterator[_Block]:
    """Put rows of the same x and n together, and cut them into blocks."""
    rows = np.flatnonzero(counts.age > counts.last)
    x, last, age = counts.at(rows)
    _, firsts, places = np.unique(x * (age.max(initial=0) + 1) + age, True, True)
    lengths = np.zeros(len(firsts), dtype=np.intp)
    np.maximum.at(lengths, places, age - last)
    order = np.argsort(-lengths, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    pairs, terms, firsts = rank[places], age - last, firsts[order]
    by_block = np.lexsort((terms, pairs // _MOST_PAIRS))
    for begin in range(0, len(order), _MOST_PAIRS):
        end = min(begin + _MOST_PAIRS, len(order))
        low, high = np.searchsorted(
            pairs[by_block] // _MOST_PAIRS, [begin // _MOST_PAIRS, begin // _MOST_PAIRS + 1]
        )
        mine = by_block[low:high]
        yield _Block(
            x[firsts[begin:end]], age[firsts[begin:end]], lengths[order[begin:end]],
            rows[mine], pairs[mine] - begin, terms[mine],
        )  # fmt: skip


def _alive(tables: _Tables, counts: _Counts) -> Floats:
    """Return the logarithm of f(n): alive to the end."""
    x, _, age = counts
    found: Floats = (
        tables.heads[0, x] + tables.tails[0, age - x] - tables.tosses[0, age]
        + tables.kept[0, age] - tables.coins[0, age]
    )  # fmt: skip
    return found


def _first_alive(tables: _Tables, counts: _Counts) -> Floats:
    """Return its derivatives, shape (4, rows)."""
    heads, tails, tosses, kept, coins = tables
    x, _, n = counts
    return np.stack([
        heads[1, x] - tosses[1, n], tails[1, n - x] - tosses[1, n],
        -coins[1, n], kept[1, n] - coins[1, n],
    ])  # fmt: skip


def _second_alive(tables: _Tables, counts: _Counts, weight: Floats) -> Floats:
    """Return its second derivatives, summed with weights."""
    heads, tails, tosses, kept, coins = tables
    x, _, n = counts
    found = np.diag([
        float(weight @ heads[2, x]), float(weight @ tails[2, n - x]),
        0.0, float(weight @ kept[2, n]),
    ])  # fmt: skip
    found[:2, :2] -= weight @ tosses[2, n]
    found[2:, 2:] -= weight @ coins[2, n]
    return found


def _gone(parameters: Floats, tables: _Tables, block: _Block, *, orders: int) -> _Sums:
    """Return the sums over t < n, of which f(t) is gamma (..) / (gamma + delta + t) as B says."""
    alpha, beta, gamma, delta = parameters
    heads, tails, tosses, kept, coins = tables
    size, found = len(block.x), len(block.rows)
    total, mean, curve = np.zeros(size), np.zeros((4, size)), np.zeros((4, 4, size))
    log = np.empty(found)
    first, second = np.empty((4, found)), np.empty((4, 4, found))
    if not orders:
        mean, curve, first, second = (array[..., :0] for array in (mean, curve, first, second))
    steps = np.arange(block.lengths[0] + 1)
    active = np.searchsorted(-block.lengths, -steps[:-1], side="left")
    ends = np.searchsorted(block.terms, steps, side="right")
    for step, k in enumerate(active.tolist()):
        t = block.age[:k] - (1 + step)
        misses = t - block.x[:k]
        # f(t + 1) / f(t), which is below 1.
        fall = (beta + misses) * (delta + t) / ((alpha + beta + t) * (gamma + delta + t + 1))
        total[:k] = 1 + fall * total[:k]
        if orders:
            share = 1 / total[:k]
            _add_term(tables, (t, misses), share, mean[:, :k], curve[:, :, :k])
        here = slice(ends[step], ends[step + 1])
        if here.start == here.stop:
            continue
        of = block.pairs[here]
        x, at = block.x[of], t[of]
        log[here] = (
            heads[0, x] + tails[0, at - x] - tosses[0, at] + kept[0, at] - coins[0, at + 1]
            + np.log(gamma * total[of])
        )  # fmt: skip
        if orders:
            first[:, here], second[:, :, here] = mean[:, of], curve[:, :, of]
    if orders:
        x = block.x[block.pairs]
        first[0] += heads[1, x]
        second[0, 0] += heads[2, x]
        first[2] += 1 / gamma
        second[2, 2] -= 1 / gamma**2
    return _Sums(log, first, second)


def _add_term(
    tables: _Tables, at: tuple[Places, Places], share: Floats, mean: Floats, curve: Floats
) -> None:
    """Bring one more term into the derivatives of sums, of which it is a share.

    Of log (S + f), with s = f / (S + f) and d the difference of the first derivatives of log f and
    log S: the first ones move by s d, and the second ones are the mean of both plus s (1 - s) d d'.
    """
    t, misses = at
    tosses, coins = tables.tosses[1, t], tables.coins[1, t + 1]
    differ = -mean
    differ[0] -= tosses
    differ[1] += tables.tails[1, misses] - tosses
    differ[2] -= coins
    differ[3] += tables.kept[1, t] - coins
    moved = share * differ
    mean += moved
    curve += moved[:, None] * differ
    curve *= 1 - share
    curve[:2, :2] -= share * tables.tosses[2, t]
    curve[2:, 2:] -= share * tables.coins[2, t + 1]
    curve[1, 1] += share * tables.tails[2, misses]
    curve[3, 3] += share * tables.kept[2, t]
