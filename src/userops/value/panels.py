"""Intervals cut into panels on each of which few Gauss and Legendre nodes are enough.

How well a rule of n nodes does on a panel is told by two things: how long the panel is beside its
distance to the nearest singularity of the integrand, and how far the logarithm of the integrand
runs on it. Panels for which the largest rule is too small are halved. What lies so deep that
nothing is left of the integrand is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

__all__ = ["Panels", "Rule", "panels"]

Floats = NDArray[np.float64]
# Beyond this power of e nothing is left, even where few were lost before.
_DEEPEST = 80.0
_MOST_HALVINGS = 60
# Panels whose nodes stay in a core's cache.
_NODES_AT_ONCE = 1 << 13


class Rule(NamedTuple):
    """Nodes and weights on [0, 1], and on which panels they err by no more than rounding.

    Attributes:
        nodes: Shape (n, 1).
        weights: Shape (n, 1).
        longest: Length over distance to the nearest singularity.
        steepest: How far the logarithm of the integrand runs.
    """

    nodes: Floats
    weights: Floats
    longest: float
    steepest: float

    @classmethod
    def of(cls, n: int, longest: float, steepest: float) -> Rule:
        """Return the rule of n nodes."""
        nodes, weights = (values.astype(np.float64)[:, None] for values in roots_legendre(n))
        return cls((nodes + 1) / 2, weights / 2, longest, steepest)


# On (1 + y/d)^-p, p from 0.02 to 1,000, each rule errs by 2e-16 at its bounds: by so little that a
# row gives one answer, whichever rows it shares panels with.
_RULES = (Rule.of(4, 0.026, 0.11), Rule.of(6, 0.14, 0.69), Rule.of(10, 0.7, 3.5))


class Panels(NamedTuple):
    """Panels that one rule serves.

    Attributes:
        rule: The rule.
        owner: The interval of which each panel is a part, ascending.
        begin: Where it begins.
        length: How long it is.
    """

    rule: Rule
    owner: NDArray[np.intp]
    begin: Floats
    length: Floats

    def pieces(self) -> Iterator[Panels]:
        """Cut into pieces of so few panels that their nodes stay in a core's cache."""
        step = _NODES_AT_ONCE // len(self.rule.nodes)
        for begin in range(0, len(self.owner), step):
            here = slice(begin, begin + step)
            yield Panels(self.rule, self.owner[here], self.begin[here], self.length[here])

    def added_to(self, sums: Floats, values: Floats) -> None:
        """Add values of panels to the sums of the intervals.

        Args:
            sums: Shape (values, intervals).
            values: Shape (values, panels).
        """
        if not len(self.owner):
            return
        starts = np.flatnonzero(np.append(True, self.owner[1:] != self.owner[:-1]))
        if len(starts) < len(self.owner):
            values = np.add.reduceat(values, starts, axis=1)
        sums[:, self.owner[starts]] += values


class _Open(NamedTuple):
    """Panels that are not sorted yet, with the logarithms at both ends."""

    owner: NDArray[np.intp]
    begin: Floats
    end: Floats
    logs_begin: Floats
    logs_end: Floats

    def where(self, kept: NDArray[np.bool_]) -> _Open:
        return _Open(
            self.owner[kept], self.begin[kept], self.end[kept],
            self.logs_begin[:, kept], self.logs_end[:, kept],
        )  # fmt: skip


def panels(
    begin: Floats,
    end: Floats,
    logs: tuple[Floats, Floats],
    logs_at: Callable[[Floats, NDArray[np.intp]], Floats],
    distance: Callable[[Floats, Floats], Floats],
) -> list[Panels]:
    """Cut intervals into panels.

    Args:
        begin: Where each interval begins.
        end: Where it ends.
        logs: The logarithms of monotone factors of the integrand at both ends, each of shape
            (factors, intervals); the first factor falls, and bounds the integrand.
        logs_at: The same at ages within intervals, given by their places.
        distance: How far the nearest singularity is from each of the intervals [begin, end].
    """
    top = logs[0][0]
    left = _Open(np.arange(len(begin)), begin, end, *logs)
    left = left.where(end > begin)
    found: list[list[_Open]] = [[] for _ in _RULES]
    for halvings in range(_MOST_HALVINGS + 1):
        long = (left.end - left.begin) / distance(left.begin, left.end)
        steep = np.abs(left.logs_end - left.logs_begin).sum(axis=0)
        undecided = np.ones(len(long), dtype=bool)
        for rule, mine in zip(_RULES, found, strict=True):
            served = undecided & (long <= rule.longest) & (steep <= rule.steepest)
            mine.append(left.where(served))
            undecided &= ~served
        if halvings == _MOST_HALVINGS:
            found[-1].append(left.where(undecided))
        if not undecided.any():
            break
        left = _halved(left.where(undecided), top, logs_at)
    return [_joined(rule, mine) for rule, mine in zip(_RULES, found, strict=True)]


def _halved(
    left: _Open, top: Floats, logs_at: Callable[[Floats, NDArray[np.intp]], Floats]
) -> _Open:
    """Return both halves, without those that begin where nothing is left."""
    middle = 0.5 * (left.begin + left.end)
    logs = logs_at(middle, left.owner)
    halves = _Open(
        np.concatenate([left.owner, left.owner]),
        np.concatenate([left.begin, middle]), np.concatenate([middle, left.end]),
        np.concatenate([left.logs_begin, logs], axis=1),
        np.concatenate([logs, left.logs_end], axis=1),
    )  # fmt: skip
    return halves.where(halves.logs_begin[0] > top[halves.owner] - _DEEPEST)


def _joined(rule: Rule, found: list[_Open]) -> Panels:
    owner = np.concatenate([part.owner for part in found])
    begin = np.concatenate([part.begin for part in found])
    length = np.concatenate([part.end - part.begin for part in found])
    if (owner[1:] < owner[:-1]).any():
        order = np.argsort(owner, kind="stable")
        owner, begin, length = owner[order], begin[order], length[order]
    return Panels(rule, owner, begin, length)
