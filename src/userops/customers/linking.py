"""Which identifiers are one person's: connected components, and guards where these go wrong.

Contract. Links are taken one after the other, and a link joins the persons of its two ends unless
a guard forbids it. In this order:

1. what was bound by hand, which no guard forbids;
2. links of which both kinds may merge, then the others;
3. what was seen before what was guessed; by priority, by strength, by how often, by who came first,
   and at last by the names of the ends.

A guard forbids a link that would put two ids together that a hand decision keeps apart; give a
person more ids of a kind than he can have; or, through a kind that may not merge, make one person
of two. Which links there are decides the outcome, not the order in which they came.

Taking all links one by one would be slow. But where all the links of a connected component together
break no guard, none of its parts does: so components come first, and only those that break a guard
are taken apart link by link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

__all__ = [
    "APART",
    "MADE",
    "NO_MERGE",
    "TAKEN_AWAY",
    "Edges",
    "Guards",
    "Linked",
    "components",
    "linked",
]

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Labels = NDArray[np.int32]
Kinds = NDArray[np.integer[Any]]
# Counts of ids by kind stand side by side in one integer, so that one addition adds them all.
_BITS = 32
_MASK = (1 << _BITS) - 1
# Why a link was not made, where it is no number of a kind.
APART, NO_MERGE, MADE, TAKEN_AWAY = -1, -2, -3, -4


@attrs.frozen(eq=False)
class Guards:
    """What no link may bring about.

    Attributes:
        most: For each kind, how many ids of it a person can have; 0 for any number.
        within_us: For each kind, the window in which they are counted; 0 for all time.
        can_merge: For each kind, whether a link through it may make one person of two.
    """

    most: tuple[int, ...]
    within_us: tuple[int, ...]
    can_merge: tuple[bool, ...]


@attrs.frozen(eq=False)
class Edges:
    """Links between nodes, in the order in which they are taken.

    Attributes:
        a: One end of each.
        b: The other.
        merges: Whether the kinds of both ends may merge.
        ranks: Returns, for some links by place, what comes first in each class, ascending; ties go
            by the order of `a`, then `b`. Asked of those links alone whose order matters.
        by_hand: Whether it was bound by hand.
    """

    a: Ints
    b: Ints
    merges: Flags
    ranks: Callable[[Ints], tuple[NDArray[Any], ...]]
    by_hand: Flags

    def __len__(self) -> int:
        return len(self.a)


@attrs.frozen(eq=False)
class Linked:
    """What became of nodes and links.

    Attributes:
        group: For each node, the number of the component that all links make.
        person: For each node, the number of its person.
        reason: For each link, `MADE` where it was made or changes nothing; else why it was not: the
            kind of which a person would have too many, `NO_MERGE`, `APART`, or `TAKEN_AWAY`.
    """

    group: Labels
    person: Labels
    reason: NDArray[np.int16]


def linked(
    kind: Kinds,
    first_us: Ints,
    edges: Edges,
    guards: Guards,
    apart: Sequence[tuple[int, int]] = (),
    *,
    order_of: Callable[[Ints], Ints] | None = None,
) -> Linked:
    """Group nodes into persons.

    Args:
        kind: The kind of each node.
        first_us: When each node was first seen.
        edges: The links.
        guards: What no link may bring about.
        apart: Pairs of nodes that are two persons by hand.
        order_of: Returns a rank by name for an array of nodes; called for those alone whose order
            matters. Without it nodes are ordered by number.
    """
    nodes = len(kind)
    group = components(nodes, edges.a, edges.b)
    suspicious = _suspicious(group, kind, first_us, guards, apart)
    if not edges.merges.all():
        suspicious |= _merging_too_much(group, kind, edges, guards)
    reason = np.full(len(edges), MADE, dtype=np.int16)
    if not suspicious.any():
        return Linked(group, group, reason)
    places = np.flatnonzero(suspicious[group[edges.a]])
    a, b = edges.a[places], edges.b[places]
    order = _in_order(edges, places, order_of)
    taken = _Persons(kind, first_us, guards, apart)
    links = zip(
        *(column[order].tolist() for column in (a, b, edges.merges[places], edges.by_hand[places])),
        strict=True,
    )
    why = np.empty(len(places), dtype=np.int16)
    why[order] = [
        taken.join(one, other, merges=merges, by_hand=by_hand)
        for one, other, merges, by_hand in links
    ]
    person = _divided(group, np.flatnonzero(suspicious[group]), a[why == MADE], b[why == MADE])
    # Where both ends came together by other links in the end, nothing was refused.
    why[person[a] == person[b]] = MADE
    reason[places] = why
    return Linked(group, person, reason)


def components(nodes: int, a: Ints, b: Ints) -> Labels:
    """Return the number of the connected component of each node."""
    if len(a) and (a[1:] < a[:-1]).any():
        order = np.argsort(a)
        a, b = a[order], b[order]
    starts = np.zeros(nodes + 1, dtype=np.int32)
    np.cumsum(np.bincount(a, minlength=nodes), out=starts[1:])
    # In the very types that scipy would bring a matrix to.
    entries = np.ones(len(a)), b.astype(np.int32), starts
    matrix = csr_array(entries, shape=(nodes, nodes))
    return np.asarray(connected_components(matrix, directed=False)[1], dtype=np.int32)


def _divided(group: Labels, inside: Ints, a: Ints, b: Ints) -> Labels:
    """Return the persons, where some components are divided by the links that were made.

    Args:
        group: The component of each node.
        inside: The nodes of the components that are divided, ascending.
        a: One end of each link that was made between them.
        b: The other.

    Returns:
        The first part of a component keeps its number, the others count on from the last: so each
        number from 0 on is a person.
    """
    part = components(len(inside), np.searchsorted(inside, a), np.searchsorted(inside, b))
    _, first = np.unique(part, return_index=True)
    number = group[inside[first]]
    is_further = np.ones(len(number), dtype=np.bool_)
    is_further[np.unique(number, return_index=True)[1]] = False
    number[is_further] = int(group.max()) + 1 + np.arange(int(is_further.sum()))
    person = group.copy()
    person[inside] = number[part]
    return person


def _suspicious(
    group: Labels, kind: Kinds, first_us: Ints, guards: Guards, apart: Sequence[tuple[int, int]]
) -> Flags:
    """Return which components break a guard if all of their links are made."""
    count = int(group.max()) + 1 if len(group) else 0
    found = np.zeros(count, dtype=np.bool_)
    for number, (most, within) in enumerate(zip(guards.most, guards.within_us, strict=True)):
        if not most:
            continue
        mine = np.flatnonzero(kind == number)
        if not within:
            found |= np.bincount(group[mine], minlength=count) > most
            continue
        order = mine[np.lexsort((first_us[mine], group[mine]))]
        ahead, behind = order[most:], order[:-most]
        near = (group[ahead] == group[behind]) & (first_us[ahead] - first_us[behind] < within)
        found[group[ahead[near]]] = True
    for one, other in apart:
        if group[one] == group[other]:
            found[group[one]] = True
    return found


def _merging_too_much(group: Labels, kind: Kinds, edges: Edges, guards: Guards) -> Flags:
    """Return in which components a kind that may not merge would make one person of two."""
    count = int(group.max()) + 1 if len(group) else 0
    of_merging = np.array(guards.can_merge)[kind]
    sub = np.flatnonzero(edges.merges | edges.by_hand)
    person = components(len(group), edges.a[sub], edges.b[sub])
    pairs = np.unique(np.stack((group[of_merging], person[of_merging])), axis=1)
    return np.bincount(pairs[0], minlength=count) > 1


def _in_order(edges: Edges, places: Ints, order_of: Callable[[Ints], Ints] | None) -> Ints:
    """Return the order in which some links are taken; see the module."""
    sides = edges.a[places], edges.b[places]
    ends = np.unique(np.concatenate(sides))
    by_name = ends if order_of is None else order_of(ends)
    a, b = (by_name[np.searchsorted(ends, side)] for side in sides)
    low, high = np.minimum(a, b), np.maximum(a, b)
    classes = ~edges.merges[places], ~edges.by_hand[places]
    return np.lexsort((high, low, *reversed(edges.ranks(places)), *classes))


class _Persons:
    """Persons that grow link by link, each known by one of its nodes."""

    def __init__(
        self,
        kind: Kinds,
        first_us: Ints,
        guards: Guards,
        apart: Sequence[tuple[int, int]],
    ) -> None:
        self._kind, self._first_us, self._guards = kind, first_us, guards
        self._parent: dict[int, int] = {}
        self._counts: dict[int, int] = {}
        self._has_merging: dict[int, bool] = {}
        self._instants: dict[int, dict[int, list[int]]] = {}
        self._marks: dict[int, set[int]] = {}
        self._apart: dict[int, set[int]] = {}
        for one, other in apart:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)
        kinds = range(len(guards.most))
        self._high = sum(1 << (_BITS * (k + 1) - 1) for k in kinds if guards.most[k])
        # Added to the counts, the highest bit of a kind says that there are too many.
        self._bias = sum(
            ((1 << (_BITS - 1)) - 1 - guards.most[k]) << (_BITS * k)
            for k in kinds
            if guards.most[k]
        )

    def _root(self, node: int) -> int:
        parent = self._parent
        if node not in parent:
            kind = int(self._kind[node])
            parent[node] = node
            self._counts[node] = 1 << (_BITS * kind)
            self._has_merging[node] = self._guards.can_merge[kind]
            if self._guards.within_us[kind]:
                self._instants[node] = {kind: [int(self._first_us[node])]}
            if node in self._apart:
                self._marks[node] = {node}
            return node
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    def join(self, a: int, b: int, *, merges: bool, by_hand: bool) -> int:
        """Make a link, or return why not."""
        one, other = self._root(a), self._root(b)
        if one == other:
            return MADE
        counts = self._counts[one] + self._counts[other]
        if not by_hand:
            if self._marks and self._are_apart(one, other):
                return APART
            over = (counts + self._bias) & self._high
            if over:
                kind = self._too_many(one, other, over)
                if kind is not None:
                    return kind
            if not merges and self._has_merging[one] and self._has_merging[other]:
                return NO_MERGE
        self._parent[other] = one
        self._counts[one] = counts
        self._has_merging[one] |= self._has_merging[other]
        if other in self._marks:
            self._marks.setdefault(one, set()).update(self._marks.pop(other))
        for kind, instants in self._instants.pop(other, {}).items():
            mine = self._instants.setdefault(one, {})
            mine[kind] = sorted([*mine.get(kind, ()), *instants])
        return MADE

    def _are_apart(self, one: int, other: int) -> bool:
        theirs = self._marks.get(other)
        if not theirs or one not in self._marks:
            return False
        return any(self._apart[node] & theirs for node in self._marks[one])

    def _too_many(self, one: int, other: int, over: int) -> int | None:
        """Return the first kind of which both would have too many together, or None.

        What was bound by hand may have too many already; then no more of them come to it.

        Args:
            one: A person.
            other: Another.
            over: The highest bit of each kind of which the counts add up to more than `most`.
        """
        while over:
            bit = over & -over
            over ^= bit
            kind = bit.bit_length() // _BITS - 1
            mask = _MASK << (_BITS * kind)
            if not (self._counts[one] & mask and self._counts[other] & mask):
                continue
            within = self._guards.within_us[kind]
            if not within:
                return kind
            most = self._guards.most[kind]
            instants = sorted(self._instants[one][kind] + self._instants[other][kind])
            pairs = zip(instants, instants[most:], strict=False)
            if any(late - early < within for early, late in pairs):
                return kind
        return None
