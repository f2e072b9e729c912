"""Identifiers as numbers: each that was seen is a node, and what was seen together an edge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.cores import on_all_cores
from userops.core.texts import Texts, coded
from userops.customers.identifiers import (
    BLOCKED,
    UNREADABLE,
    IdentifierKind,
    is_trimmed,
    undeclared,
)
from userops.customers.links import Seen

__all__ = ["Nodes", "Numbered", "Pairs", "Spelling", "pairs_of", "read_nodes"]

Ints = NDArray[np.int64]
# Later than every instant.
_NEVER_US = int(np.iinfo(np.int64).max)


@attrs.frozen(eq=False)
class Spelling:
    """How the values of one kind were written, and which nodes they are.

    Attributes:
        texts: The values as they came.
        nodes: The node of each; -1 where it is nobody's.
        faults: Place to why it is nobody's.
    """

    texts: Texts
    nodes: Ints
    faults: dict[int, str]


@attrs.frozen(eq=False)
class Nodes:
    """The identifiers that were seen, by number.

    Attributes:
        kinds: The declared kinds; a kind's place stands for it.
        texts: For each kind, its normalised values; nodes count on from kind to kind.
        offsets: For each kind, its first node; at last how many nodes there are.
        spellings: For each kind, how its values were written.
        kind: The kind of each node.
        first_us: When each was first seen, with another or alone.
    """

    kinds: tuple[IdentifierKind, ...]
    texts: tuple[Texts, ...]
    offsets: tuple[int, ...]
    spellings: tuple[Spelling, ...]
    kind: NDArray[np.int16]
    first_us: Ints

    def __len__(self) -> int:
        return self.offsets[-1]

    def node(self, kind: int, value: str) -> int:
        """Return the node of a normalised value, or -1."""
        place = self.texts[kind].place(value)
        return -1 if place < 0 else place + self.offsets[kind]

    def pairs(self, nodes: Ints) -> list[tuple[str, str]]:
        """Return kind and value of some nodes, in their order."""
        found: list[tuple[str, str]] = [("", "")] * len(nodes)
        for number, kind in enumerate(self.kinds):
            mine = np.flatnonzero(self.kind[nodes] == number)
            values = self.texts[number].at(nodes[mine] - self.offsets[number])
            for place, value in zip(mine.tolist(), values, strict=True):
                found[place] = (kind.name, value)
        return found

    def ranks(self, nodes: Ints) -> Ints:
        """Return the order of some nodes by kind and value."""
        pairs = self.pairs(nodes)
        ranks = np.empty(len(nodes), dtype=np.int64)
        ranks[sorted(range(len(pairs)), key=pairs.__getitem__)] = np.arange(len(pairs))
        return ranks


class Numbered(Protocol):
    """Nodes, or a part of them counted anew, as links and names look at them."""

    @property
    def kinds(self) -> tuple[IdentifierKind, ...]:
        """The declared kinds."""
        ...

    @property
    def kind(self) -> NDArray[np.int16]:
        """The kind of each node."""
        ...

    @property
    def first_us(self) -> Ints:
        """When each was first seen."""
        ...

    def __len__(self) -> int: ...

    def ranks(self, nodes: Ints, /) -> Ints:
        """Return the order of some nodes by kind and value."""
        ...


@attrs.frozen(eq=False)
class Pairs:
    """Two nodes that were seen together; each pair once.

    Attributes:
        a: The node of the lower number.
        b: The other.
        first_us: When they were first seen together.
        last_us: When last.
        rows: How often.
        strength: How sure it is, 0 to 1.
        is_certain: Whether they were seen together, and not only guessed.
        by_hand: Whether they were bound by hand.
        itself: How many links were of an identifier with itself.
    """

    a: Ints
    b: Ints
    first_us: Ints
    last_us: Ints
    rows: Ints
    strength: NDArray[np.float64]
    is_certain: NDArray[np.bool_]
    by_hand: NDArray[np.bool_]
    itself: int = 0

    def __len__(self) -> int:
        return len(self.a)


def read_nodes(
    kinds: Sequence[IdentifierKind], seen: Sequence[Seen]
) -> tuple[Nodes, list[list[Ints]]]:
    """Number the identifiers that were seen.

    Args:
        kinds: The declared kinds.
        seen: What was seen.

    Returns:
        The nodes, and for each of `seen` and each of its kinds the node of each row; -1 where there
        is none, or nobody's.

    Raises:
        InvalidArgumentError: If a kind is not declared; names the nearest.
    """
    names = [kind.name for kind in kinds]
    slots: list[list[tuple[int, int]]] = [[] for _ in kinds]
    for i, one in enumerate(seen):
        for j, name in enumerate(one.kinds):
            if name not in names:
                raise undeclared(name, names)
            slots[names.index(name)].append((i, j))

    def read(number: int) -> tuple[Texts, Spelling, list[Ints]]:
        columns, raws = coded([seen[i].values[j] for i, j in slots[number]])
        texts, places, faults = _written(kinds[number], raws)
        # The last place is that of nulls, whose code is -1.
        node_of = np.append(places, -1)
        return texts, Spelling(raws, places, faults), [node_of[column] for column in columns]

    parts = on_all_cores(read, range(len(kinds)))
    offsets = np.cumsum([0, *(len(texts) for texts, _, _ in parts)])
    found: list[list[Ints]] = [[np.empty(0, np.int64)] * len(one.kinds) for one in seen]
    spellings = []
    for number, (_, spelling, columns) in enumerate(parts):
        spellings.append(
            attrs.evolve(spelling, nodes=_shifted(spelling.nodes, int(offsets[number])))
        )
        for (i, j), column in zip(slots[number], columns, strict=True):
            found[i][j] = _shifted(column, int(offsets[number]))
    first = np.full(int(offsets[-1]), _NEVER_US, dtype=np.int64)
    for one, columns in zip(seen, found, strict=True):
        for column in columns:
            known = column >= 0
            if known.all():
                np.minimum.at(first, column, one.first_us)
            else:
                np.minimum.at(first, column[known], one.first_us[known])
    kind = np.repeat(np.arange(len(kinds), dtype=np.int16), np.diff(offsets))
    nodes = Nodes(
        tuple(kinds), tuple(t for t, _, _ in parts), tuple(offsets.tolist()), tuple(spellings),
        kind, first,
    )  # fmt: skip
    return nodes, found


def _shifted(places: Ints, by: int) -> Ints:
    return np.where(places >= 0, places + by, -1) if by else places


def _written(kind: IdentifierKind, raws: Texts) -> tuple[Texts, Ints, dict[int, str]]:
    """Return the values of a kind as they are written, the place of each raw one, and faults."""
    faults: dict[int, str] = {}
    if is_trimmed(kind.normaliser):
        texts, places = raws.trimmed()
    else:
        said: list[str] = []

        def normalise(value: str) -> str | None:
            found, why = kind.normaliser.read(value)
            said.append(why)
            return found

        texts, places = raws.changed(normalise)
        faults = {place: why for place, why in enumerate(said) if why}
    for place in np.flatnonzero(places < 0).tolist():
        faults.setdefault(place, UNREADABLE)
    blocked = texts.is_in(kind.blocked_values)
    if kind.blocked_patterns:
        blocked |= texts.flags(kind.has_blocked_pattern)
    if blocked.any():
        kept = np.flatnonzero(~blocked)
        new = np.full(len(texts) + 1, -1, dtype=np.int64)
        new[kept] = np.arange(len(kept))
        is_blocked = (places >= 0) & np.append(blocked, False)[places]
        faults |= dict.fromkeys(np.flatnonzero(is_blocked).tolist(), BLOCKED)
        texts, places = texts.taken(kept), new[places]
    return texts, places, faults


def pairs_of(nodes: Nodes, seen: Sequence[Seen], columns: Sequence[Sequence[Ints]]) -> Pairs:
    """Return each pair of nodes that were seen together.

    Of more than two in one row the one of the highest priority is seen with each of the others:
    where it turns out to be shared, nothing else holds them together.
    """
    priority = [kind.priority for kind in nodes.kinds]
    names = [kind.name for kind in nodes.kinds]
    parts: list[list[NDArray[Any]]] = []
    for one, mine in zip(seen, columns, strict=True):
        order = sorted(range(len(mine)), key=lambda j: (-priority[names.index(one.kinds[j])], j))
        centre = mine[order[0]]
        for j in order[1:]:
            is_both = (centre >= 0) & (mine[j] >= 0)
            together = slice(None) if is_both.all() else np.flatnonzero(is_both)
            a = centre[together]
            parts.append([
                a, mine[j][together], one.first_us[together], one.last_us[together],
                one.rows[together], one.strength[together],
                np.full(len(a), one.is_certain), np.full(len(a), one.by_hand),
            ])  # fmt: skip
            centre = np.where(centre >= 0, centre, mine[j])
    if not parts:
        none = np.empty(0, dtype=np.int64)
        flags = np.empty(0, dtype=np.bool_)
        return Pairs(none, none, none, none, none, np.empty(0), flags, flags)
    return _distinct(len(nodes), [np.concatenate(column) for column in zip(*parts, strict=True)])


def _distinct(nodes: int, columns: list[NDArray[Any]]) -> Pairs:
    """Add up what is said of each pair."""
    a, b, *said = columns
    low, high = np.minimum(a, b), np.maximum(a, b)
    key = low * nodes + high
    order = np.argsort(key)  # in any order within a pair: all that is added up is the same
    key = key[order]
    is_new = np.ones(len(key), dtype=np.bool_)
    is_new[1:] = key[1:] != key[:-1]
    is_itself = low == high
    starts = np.flatnonzero(is_new)
    kept = ~is_itself[order[starts]]
    place = order[starts[kept]]
    if len(starts) == len(key):  # each pair once, as in a table of links that a host has prepared
        found = [_at(column, place) for column in said]
    else:
        how = (np.minimum, np.maximum, np.add, np.maximum, np.logical_or, np.logical_or)
        found = [
            function.reduceat(column[order], starts)[kept]
            for function, column in zip(how, said, strict=True)
        ]
    first, last, rows, strength, certain, by_hand = found
    itself = int(is_itself.sum())
    return Pairs(low[place], high[place], first, last, rows, strength, certain, by_hand, itself)


def _at(column: NDArray[Any], places: Ints) -> NDArray[Any]:
    """Return values at different places, of a column that often says the same everywhere."""
    if (column == column[:1]).all():
        return column[: len(places)]
    return column[places]
