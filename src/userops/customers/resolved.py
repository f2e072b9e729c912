"""Identifiers grouped to persons: what a resolution comes to, and who each identifier is."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.time import UTC, Zone
from userops.customers.identifiers import Identifier, IdentifierKind, kind_named
from userops.customers.identity_decisions import IdentityDecision
from userops.customers.identity_nodes import Nodes, Numbered, Pairs
from userops.customers.linking import Edges, Guards, Labels, Linked, linked
from userops.events.columns import CUSTOMER_ID

__all__ = ["Resolved", "edges_of", "guards_of", "named_by"]

Ints = NDArray[np.int64]


@attrs.frozen(eq=False, repr=False, slots=False)
class Resolved:
    """Identifiers grouped to persons, as of an instant.

    Attributes:
        before_us: The exclusive instant, microseconds since 1970-01-01 UTC.
        decisions: The decisions by hand that count.
        nodes: The identifiers.
        pairs: The links.
        apart: Pairs of nodes that are kept apart by hand.
        made: Which links were made, and whose each identifier is.
        zone: The zone in which instants are shown.
    """

    before_us: int
    decisions: tuple[IdentityDecision, ...]
    nodes: Nodes
    pairs: Pairs
    apart: tuple[tuple[int, int], ...]
    made: Linked
    zone: Zone = UTC

    @classmethod
    def resolved(
        cls,
        nodes: Nodes,
        pairs: Pairs,
        *,
        apart: Sequence[tuple[int, int]],
        before_us: int,
        decisions: Sequence[IdentityDecision],
        where: Zone,
    ) -> Self:
        """Group nodes to persons."""
        made = linked(
            nodes.kind, nodes.first_us, edges_of(nodes, pairs), guards_of(nodes.kinds),
            tuple(apart), order_of=nodes.ranks,
        )  # fmt: skip
        return cls(before_us, tuple(decisions), nodes, pairs, tuple(apart), made, where)

    @property
    def kinds(self) -> tuple[IdentifierKind, ...]:
        """The declared kinds."""
        return self.nodes.kinds

    # Who is who

    def customer_id(self, kind: str, value: Any) -> str | None:
        """Return the id of the person an identifier belongs to; None where it was never seen.

        Args:
            kind: A declared kind.
            value: The value, written in any way that its normaliser reads.

        Raises:
            InvalidArgumentError: If the kind is not declared; names the nearest.
        """
        node = self.node_of(kind, value)
        return None if node < 0 else self.names_at(self.made.person[[node]])[0]

    def current_id(self, customer_id: str | int) -> str | None:
        """Return the id that a person has now who had an id before; None where nobody had it.

        An id is the name of an identifier, so it stays resolvable whatever merges and is
        taken apart again.
        """
        kind, value = self._split(str(customer_id))
        return self.customer_id(kind, value)

    def called(self, customer_ids: Sequence[str]) -> list[str]:
        """Return the ids that customers have now, of ids in any writing.

        Whoever no link knows is called by his id as its kind writes it, and a value that is
        nobody's as it came: a table of attributes may hold others than the events.
        """
        found, known = list(customer_ids), []
        numbers = {kind.name: number for number, kind in enumerate(self.kinds)}
        for place, text in enumerate(customer_ids):
            kind, value = self._split(text)
            written, _ = self.kinds[numbers[kind]].written(value)
            if written is None:
                continue
            found[place] = written if kind == CUSTOMER_ID else f"{kind}:{written}"
            node = self.nodes.node(numbers[kind], written)
            if node >= 0:
                known.append((place, node))
        places, nodes = zip(*known, strict=True) if known else ((), ())
        persons = self.made.person[np.array(nodes, dtype=np.int64)]
        for place, name in zip(places, self.names_at(persons), strict=True):
            found[place] = name
        return found

    def identifiers(self, customer_id: str | int) -> list[Identifier]:
        """Return all identifiers of a person, by kind and value; empty where there is none."""
        person = self.person_of(customer_id)
        if person is None:
            return []
        nodes = np.flatnonzero(self.made.person == person)
        return sorted(Identifier(*pair) for pair in self.nodes.pairs(nodes))

    def spellings(self, customer_id: str | int) -> dict[str, list[str]]:
        """Return every writing of every identifier of a person: kind to values as they came."""
        person = self.person_of(customer_id)
        found = {}
        for kind, spelling in zip(self.kinds, self.nodes.spellings, strict=True):
            known = np.flatnonzero(spelling.nodes >= 0)
            mine = known[self.made.person[spelling.nodes[known]] == person]
            if person is not None and len(mine):
                found[kind.name] = sorted(spelling.texts.at(mine))
        return found

    def _split(self, customer_id: str) -> tuple[str, str]:
        kind, colon, value = customer_id.partition(":")
        if colon and any(kind == known.name for known in self.kinds):
            return kind, value
        return CUSTOMER_ID, customer_id

    def node_of(self, kind: str, value: Any) -> int:
        """Return the node of an identifier in any writing; -1 where it was never seen."""
        declared = kind_named(self.kinds, kind)
        written, _ = declared.written(value)
        if written is None:
            return -1
        return self.nodes.node(self.kinds.index(declared), written)

    def person_of(self, customer_id: str | int) -> int | None:
        """Return the number of a person by any id that he has or had; None where there is none."""
        node = self.node_of(*self._split(str(customer_id)))
        return None if node < 0 else int(self.made.person[node])

    @cached_property
    def named_by(self) -> Ints:
        """For each person, the node that names him."""
        return named_by(self.nodes, self.made.person)

    def names_at(self, persons: NDArray[np.integer[Any]]) -> list[str]:
        """Return the ids of some persons."""
        pairs = self.nodes.pairs(self.named_by[persons])
        return [v if kind == CUSTOMER_ID else f"{kind}:{v}" for kind, v in pairs]


def guards_of(kinds: Sequence[IdentifierKind]) -> Guards:
    """Return what the kinds of a graph forbid."""
    return Guards(
        tuple(kind.most_per_person or 0 for kind in kinds),
        tuple(kind.within_us or 0 for kind in kinds),
        tuple(kind.can_merge for kind in kinds),
    )


def edges_of(nodes: Numbered, pairs: Pairs) -> Edges:
    """Return links in the order in which they are taken; see `linking`."""
    priority = np.array([kind.priority for kind in nodes.kinds], dtype=np.int64)
    can_merge = np.array([kind.can_merge for kind in nodes.kinds], dtype=np.bool_)

    def ranks(places: Ints) -> tuple[NDArray[Any], ...]:
        weaker = np.minimum(*(priority[nodes.kind[side[places]]] for side in (pairs.a, pairs.b)))
        return (
            ~pairs.is_certain[places], -weaker, -pairs.strength[places], -pairs.rows[places],
            pairs.first_us[places],
        )  # fmt: skip

    merges = np.ones(len(pairs), dtype=np.bool_)
    if not can_merge.all():
        merges = can_merge[nodes.kind[pairs.a]] & can_merge[nodes.kind[pairs.b]]
    return Edges(pairs.a, pairs.b, merges, ranks, pairs.by_hand)


def named_by(nodes: Numbered, person: Labels) -> Ints:
    """Return for each person the account first seen, else the identifier first seen."""
    count = int(person.max()) + 1 if len(person) else 0
    names = [kind.name for kind in nodes.kinds]
    account = nodes.kind == names.index(CUSTOMER_ID)
    has_account = np.zeros(count, dtype=np.bool_)
    has_account[person[account]] = True
    left = np.flatnonzero(account | ~has_account[person])
    left = _least(left, nodes.first_us, person, count)
    by_name = np.argsort(np.argsort(names)).astype(np.int64)[nodes.kind]
    left = _least(left, by_name, person, count)
    twice = np.flatnonzero(np.bincount(person[left], minlength=count) > 1)
    if len(twice):
        tied = left[np.isin(person[left], twice)]
        ranks = np.full(len(nodes), -1, dtype=np.int64)
        ranks[tied] = nodes.ranks(tied)
        left = _least(left, ranks, person, count)
    found = np.empty(count, dtype=np.int64)
    found[person[left]] = left
    return found


def _least(left: Ints, key: Ints, person: Labels, count: int) -> Ints:
    """Return those nodes of each person that have the least key."""
    least = np.full(count, np.iinfo(np.int64).max, dtype=np.int64)
    np.minimum.at(least, person[left], key[left])
    found: Ints = left[key[left] == least[person[left]]]
    return found
