"""Taking one link away: what the identities would be without it, from its component alone."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.customers.identity_nodes import Nodes, Pairs
from userops.customers.linking import TAKEN_AWAY, Linked, linked
from userops.customers.resolved import Resolved, edges_of, guards_of, named_by
from userops.errors import InvalidArgumentError

__all__ = ["without_link"]

Ints = NDArray[np.int64]
R = TypeVar("R", bound=Resolved)


def without_link(known: R, left: tuple[str, Any], right: tuple[str, Any]) -> R:
    """Resolve the component of a link anew, without it; see `Identities.without_link`."""
    place = _place_of(known, left, right)
    group = known.made.group
    inside = np.flatnonzero(group == group[known.pairs.a[place]])
    links = np.flatnonzero(group[known.pairs.a] == group[inside[0]])
    links = links[(known.made.reason[links] != TAKEN_AWAY) & (links != place)]
    part_nodes = _Part(known.nodes, inside)
    pairs = _part(known.pairs, links, inside)
    done = linked(
        part_nodes.kind, part_nodes.first_us, edges_of(part_nodes, pairs),
        guards_of(known.kinds), part_nodes.apart(known.apart), order_of=part_nodes.ranks,
    )  # fmt: skip
    made = _put_back(known, done, inside, links)
    made.reason[place] = TAKEN_AWAY
    found = attrs.evolve(known, made=made)
    # Only these persons may be called otherwise; the others keep their numbers and names.
    new = named_by(part_nodes, done.person)
    names = np.concatenate((known.named_by, inside[new]))
    found.__dict__["named_by"] = names
    return found


def _place_of(known: Resolved, left: tuple[str, Any], right: tuple[str, Any]) -> int:
    ends = sorted(known.node_of(*side) for side in (left, right))
    places = np.flatnonzero((known.pairs.a == ends[0]) & (known.pairs.b == ends[1]))
    if ends[0] < 0 or not len(places) or known.made.reason[places[0]] == TAKEN_AWAY:
        raise InvalidArgumentError(
            "left, right", "were never seen together",
            got=f"{left[0]}:{left[1]} and {right[0]}:{right[1]}",
            hint="evidence(customer_id) lists the links of a person",
        )  # fmt: skip
    return int(places[0])


class _Part:
    """Some nodes, counted anew from zero; with what `edges_of` and `named_by` ask of nodes."""

    def __init__(self, nodes: Nodes, inside: Ints) -> None:
        self._nodes, self._inside = nodes, inside
        self.kinds = nodes.kinds
        self.kind, self.first_us = nodes.kind[inside], nodes.first_us[inside]

    def __len__(self) -> int:
        return len(self._inside)

    def ranks(self, places: Ints) -> Ints:
        """Return the order of some of them by kind and value."""
        return self._nodes.ranks(self._inside[places])

    def apart(self, pairs: tuple[tuple[int, int], ...]) -> list[tuple[int, int]]:
        """Return those pairs that are kept apart of which both are here."""
        number = {node: place for place, node in enumerate(self._inside.tolist())}
        return [(number[a], number[b]) for a, b in pairs if a in number and b in number]


def _part(pairs: Pairs, links: Ints, inside: Ints) -> Pairs:
    """Return some links between the nodes of a part."""
    return Pairs(
        np.searchsorted(inside, pairs.a[links]), np.searchsorted(inside, pairs.b[links]),
        pairs.first_us[links], pairs.last_us[links], pairs.rows[links], pairs.strength[links],
        pairs.is_certain[links], pairs.by_hand[links],
    )  # fmt: skip


def _put_back(known: Resolved, done: Linked, inside: Ints, links: Ints) -> Linked:
    """Return the labels of all nodes; those of the part count on from the ones that there were."""
    before = known.made
    group, person, reason = before.group.copy(), before.person.copy(), before.reason.copy()
    group[inside] = done.group + (int(group.max()) + 1)
    person[inside] = done.person + len(known.named_by)
    reason[links] = done.reason
    return Linked(group, person, reason)
