"""Persons and identifiers that a human should look at, with what is odd about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.customers.linking import MADE, TAKEN_AWAY, components
from userops.customers.resolved import Resolved
from userops.errors import InvalidArgumentError

__all__ = ["Suspicion", "suspicions_of"]

# In the simulation of benchmarks/identity.py, with 1 % family phones and 0.3 % accounts opened with
# the number of a shop, 99.9 % of persons have at most two identifiers of a kind, and an identifier
# of a household is refused to one other person.
_MANY_IDENTIFIERS = 5
_MANY_PERSONS = 3


@attrs.frozen
class Suspicion:
    """What is odd about a person, or about an identifier.

    Attributes:
        reason: `many_identifiers` (of one kind of one person), `many_persons` (whom links of one
            identifier would join, and were refused), or `guesses` (parts of a person that nothing
            but guesses holds together).
        customer_id: The person; of an identifier, whose it is.
        identifier: The kind, or kind and value of the identifier.
        count: How many identifiers, persons, or parts.
        links: How many links stand behind it.
    """

    reason: str
    customer_id: str
    identifier: str
    count: int
    links: int

    def __str__(self) -> str:
        """Return it in words."""
        said = {
            "many_identifiers": f"has {self.count:,} {self.identifier}",
            "many_persons": f"{self.identifier} was refused to {self.count:,} other persons",
            "guesses": f"{self.count:,} parts held together by {self.links:,} guesses alone",
        }
        return f"{self.customer_id}: {said[self.reason]}"


def suspicions_of(
    found: Resolved, many_identifiers: int | Mapping[str, int], many_persons: int
) -> list[Suspicion]:
    """Return what is odd; see `Identities.suspicious`."""
    given = many_identifiers if isinstance(many_identifiers, Mapping) else {}
    names = [kind.name for kind in found.kinds]
    for name in given:
        if name not in names:
            raise InvalidArgumentError.unknown("many_identifiers", name, names)
    for argument, value in (
        *((f"many_identifiers[{name!r}]", value) for name, value in given.items()),
        *(() if given else (("many_identifiers", many_identifiers),)),
        ("many_persons", many_persons),
    ):
        if type(value) is not int or value < 1:
            raise InvalidArgumentError(argument, "must be a whole number from 1 on", got=value)
    limits = [
        given.get(name, _MANY_IDENTIFIERS) if given else int(many_identifiers)  # type: ignore[arg-type]
        for name in names
    ]
    every = [
        *_with_many_identifiers(found, limits),
        *_refused_to_many(found, many_persons),
        *_guessed(found),
    ]
    return sorted(every, key=lambda one: (one.reason, -one.count, one.customer_id, one.identifier))


def _links_of(found: Resolved) -> NDArray[np.int64]:
    """Return how many links each person has that were made."""
    made = found.made.reason == MADE
    count = int(found.made.person.max()) + 1 if len(found.nodes) else 0
    return np.bincount(found.made.person[found.pairs.a[made]], minlength=count)


def _with_many_identifiers(found: Resolved, limits: list[int]) -> Iterator[Suspicion]:
    links = _links_of(found)
    for number, kind in enumerate(found.kinds):
        counts = np.bincount(found.made.person[found.nodes.kind == number])
        many = np.flatnonzero(counts >= limits[number])
        for person, name in zip(many.tolist(), found.names_at(many), strict=True):
            yield Suspicion(
                "many_identifiers", name, kind.name, int(counts[person]), int(links[person])
            )


def _refused_to_many(found: Resolved, many_persons: int) -> Iterator[Suspicion]:
    reason = found.made.reason
    refused = np.flatnonzero((reason != MADE) & (reason != TAKEN_AWAY))
    ends = found.pairs.a[refused], found.pairs.b[refused]
    nodes = np.concatenate(ends)
    others = found.made.person[np.concatenate(ends[::-1])]
    keep = found.made.person[nodes] != others
    pairs, rows = np.unique(
        np.stack((nodes[keep], others[keep].astype(np.int64))), axis=1, return_counts=True
    )
    hot, starts, counts = np.unique(pairs[0], return_index=True, return_counts=True)
    many = np.flatnonzero(counts >= many_persons)
    names = found.names_at(found.made.person[hot[many]])
    values = found.nodes.pairs(hot[many])
    for place, name, (kind, value) in zip(many.tolist(), names, values, strict=True):
        begin, end = int(starts[place]), int(starts[place] + counts[place])
        yield Suspicion(
            "many_persons", name, f"{kind}:{value}", int(counts[place]), int(rows[begin:end].sum())
        )


def _guessed(found: Resolved) -> Iterator[Suspicion]:
    made = found.made.reason == MADE
    guesses = np.flatnonzero(made & ~found.pairs.is_certain)
    if not len(guesses):
        return
    certain = np.flatnonzero(made & found.pairs.is_certain)
    parts = components(len(found.nodes), found.pairs.a[certain], found.pairs.b[certain])
    persons, links = np.unique(found.made.person[found.pairs.a[guesses]], return_counts=True)
    of_persons = np.flatnonzero(np.isin(found.made.person, persons))
    pairs = np.unique(np.stack((found.made.person[of_persons], parts[of_persons])), axis=1)
    of, counts = np.unique(pairs[0], return_counts=True)
    for name, parts_of, guessed in zip(
        found.names_at(of), counts.tolist(), links.tolist(), strict=True
    ):
        yield Suspicion("guesses", name, "", parts_of, guessed)
