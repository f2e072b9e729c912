"""Identities as of an instant: who each identifier is, why, and what was refused."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.time import UTC, Zone
from userops.customers.channels import Channels, channels_of
from userops.customers.identifiers import Identifier
from userops.customers.identity_changes import IdentityChanges, changes_between
from userops.customers.identity_nodes import Pairs
from userops.customers.linking import APART, MADE, NO_MERGE, TAKEN_AWAY
from userops.customers.resolved import Resolved
from userops.customers.result_tables import result_table
from userops.customers.suspicion import Suspicion, suspicions_of
from userops.customers.unlinking import without_link
from userops.errors import InvalidArgumentError

__all__ = ["Identities", "LinkEvidence"]

Ints = NDArray[np.int64]
_SHOWN = 5
_REVIEW: dict[str, Any] = {
    **dict.fromkeys(("left_kind", "left_value", "left_customer_id"), "text"),
    **dict.fromkeys(("right_kind", "right_value", "right_customer_id", "reason"), "text"),
    **dict.fromkeys(("first_seen_at", "last_seen_at", "rows"), "int"),
    "strength": "float",
    "origin": "text",
}


@attrs.frozen(kw_only=True)
class LinkEvidence:
    """A link, and what became of it.

    Attributes:
        left: One identifier.
        right: The other.
        first_us: When they were first seen together, microseconds since 1970-01-01 UTC.
        last_us: When last.
        rows: How often.
        strength: How sure it is, 0 to 1; 1 where they were seen together.
        origin: `seen`, `guessed` or `by hand`.
        reason: Why it was not made; empty where it was.
        zone: The zone in which its day is shown.
    """

    left: Identifier
    right: Identifier
    first_us: int
    last_us: int
    rows: int
    strength: float
    origin: str
    reason: str = ""
    zone: Zone = attrs.field(default=UTC, repr=False)

    def __str__(self) -> str:
        """Return the link in words."""
        often = f", {self.rows:,} times" if self.rows > 1 else ""
        sure = f" ({self.strength:.0%})" if self.origin == "guessed" else ""
        why = f": {self.reason}" if self.reason else ""
        day = self.zone.day_said(self.first_us)
        return f"{self.left} - {self.right}, {self.origin}{sure} from {day}{often}{why}"


@attrs.frozen(eq=False, repr=False, slots=False)
class Identities(Resolved):
    """Which identifiers are one person's, as of an instant.

    Made by `IdentityGraph.resolve`, never by hand.

    Attributes:
        before_us: The exclusive instant, microseconds since 1970-01-01 UTC.
        decisions: The decisions by hand that count.
    """

    def without_link(self, left: tuple[str, Any], right: tuple[str, Any]) -> Identities:
        """Return the identities as they would be had two identifiers never been seen together.

        What a resolution gives of the same rows, each of the two standing in a row of its own
        wherever they stood together, found by looking at their component alone. Both stay known,
        as persons of their own where nothing else links them. To keep two identifiers apart
        whatever else links them, decide so: `IdentityDecisions.unbind`.

        Args:
            left: Kind and value.
            right: Kind and value.

        Raises:
            InvalidArgumentError: If there is no such link.
        """
        return without_link(self, left, right)

    def changes_since(self, before: Identities) -> IdentityChanges:
        """Return who was merged and who was taken apart since an earlier resolution."""
        return changes_between(before, self)

    # Why

    def explain(self, left: tuple[str, Any], right: tuple[str, Any]) -> list[LinkEvidence]:
        """Return the links that make two identifiers one person's, from one to the other.

        Args:
            left: Kind and value.
            right: Kind and value.

        Returns:
            The shortest chain of links that were made; empty where they are not one person's.

        Raises:
            InvalidArgumentError: If a kind is not declared, or an identifier was never seen.
        """
        ends = []
        for name, (kind, value) in (("left", left), ("right", right)):
            node = self.node_of(kind, value)
            if node < 0:
                raise InvalidArgumentError(name, "was never seen", got=f"{kind}:{value}")
            ends.append(node)
        if self.made.person[ends[0]] != self.made.person[ends[1]]:
            return []
        inside = self.made.person[self.pairs.a] == self.made.person[ends[0]]
        places = np.flatnonzero(inside & (self.made.reason == MADE))
        return self.evidence_at(self._path(places, ends[0], ends[1]))

    def evidence(self, customer_id: str | int) -> list[LinkEvidence]:
        """Return all links of a person, those that were made first, then those refused."""
        person = self.person_of(customer_id)
        if person is None:
            return []
        sides = self.made.person[self.pairs.a], self.made.person[self.pairs.b]
        places = np.flatnonzero((sides[0] == person) | (sides[1] == person))
        order = np.argsort(self.made.reason[places] != MADE, kind="stable")
        return self.evidence_at(places[order])

    def evidence_at(self, places: Ints) -> list[LinkEvidence]:
        """Return some links as users see them."""
        pairs = self.pairs
        lefts, rights = self.nodes.pairs(pairs.a[places]), self.nodes.pairs(pairs.b[places])
        return [
            LinkEvidence(
                left=Identifier(*left), right=Identifier(*right),
                first_us=int(pairs.first_us[i]), last_us=int(pairs.last_us[i]),
                rows=int(pairs.rows[i]), strength=float(pairs.strength[i]),
                origin=_origin(pairs, i), reason=self.reason_said(int(self.made.reason[i])),
                zone=self.zone,
            )
            for i, left, right in zip(places.tolist(), lefts, rights, strict=True)
        ]  # fmt: skip

    def reason_said(self, reason: int) -> str:
        """Return why a link was not made, in words."""
        if reason == MADE:
            return ""
        if reason == APART:
            return "kept apart by hand"
        if reason == TAKEN_AWAY:
            return "taken away"
        if reason == NO_MERGE:
            return "through a kind that may not merge persons"
        kind = self.kinds[reason]
        within = "" if kind.within_days is None else f" within {kind.within_days:,} days"
        return f"more than {kind.most_per_person:,} {kind.name} of one person{within}"

    def _path(self, places: Ints, start: int, end: int) -> Ints:
        near: dict[int, list[tuple[int, int]]] = {}
        for place in places.tolist():
            a, b = int(self.pairs.a[place]), int(self.pairs.b[place])
            near.setdefault(a, []).append((b, place))
            near.setdefault(b, []).append((a, place))
        came: dict[int, tuple[int, int]] = {start: (start, -1)}
        waiting = [start]
        for here in waiting:
            for there, place in near.get(here, ()):
                if there not in came:
                    came[there] = here, place
                    waiting.append(there)
        steps, here = [], end
        while here != start:
            here, place = came[here]
            steps.append(place)
        return np.array(steps[::-1], dtype=np.int64)

    @property
    def refused(self) -> Ints:
        """The places of the links that were not made; without those that were taken away."""
        return np.flatnonzero((self.made.reason != MADE) & ~self._is_taken_away)

    @property
    def _is_taken_away(self) -> NDArray[np.bool_]:
        return np.equal(self.made.reason, TAKEN_AWAY)

    # Reports

    def channels(self) -> Channels:
        """Return how many persons have which kinds of identifier, alone and together."""
        return channels_of(self)

    def suspicious(
        self, *, many_identifiers: int | Mapping[str, int] = 5, many_persons: int = 3
    ) -> list[Suspicion]:
        """Return persons and identifiers that a human should look at.

        Args:
            many_identifiers: From how many identifiers of one kind on a person is odd; or kind to
                how many.
            many_persons: From how many other persons on an identifier is odd whose links to them
                were refused.

        Returns:
            By reason, the largest first.

        Raises:
            InvalidArgumentError: If a kind is not declared, or a number is below 1.
        """
        return suspicions_of(self, many_identifiers, many_persons)

    def review(self, like: Any) -> Any:
        """Return the links that were not made as a frame to work through.

        Args:
            like: A frame of yours, whatever it holds: the result is of its type, pandas for pandas.

        Returns:
            `left_kind`, `left_value` and `left_customer_id`, the same of `right`, `reason`,
            `first_seen_at`, `last_seen_at`, `rows`, `strength`, `origin`.
        """
        refused = self.refused
        sides = [self.names_at(self.made.person[n[refused]]) for n in (self.pairs.a, self.pairs.b)]
        rows = [
            {
                "left_kind": link.left.kind, "left_value": link.left.value,
                "left_customer_id": left, "right_kind": link.right.kind,
                "right_value": link.right.value, "right_customer_id": right,
                "reason": link.reason, "first_seen_at": link.first_us,
                "last_seen_at": link.last_us, "rows": link.rows, "strength": link.strength,
                "origin": link.origin,
            }
            for link, left, right in zip(self.evidence_at(refused), *sides, strict=True)
        ]  # fmt: skip
        return result_table(like, rows, _REVIEW, instants=("first_seen_at", "last_seen_at"))

    def nobodys(self, like: Any) -> Any:
        """Return the values that are nobody's, each with why: `kind`, `value` as it came, `reason`.

        Args:
            like: A frame of yours, whatever it holds: the result is of its type, pandas for pandas.
        """
        rows = [
            {"kind": kind.name, "value": spelling.texts.at_one(place), "reason": why}
            for kind, spelling in zip(self.kinds, self.nodes.spellings, strict=True)
            for place, why in sorted(spelling.faults.items())
        ]
        return result_table(like, rows, dict.fromkeys(("kind", "value", "reason"), "text"))

    # What it comes to

    @cached_property
    def persons(self) -> int:
        """How many persons there are."""
        return len(np.unique(self.made.person))

    def _lines(self) -> list[tuple[str, int, int, int]]:
        """Return kind, identifiers, persons that have one, and values that are nobody's."""
        lines = []
        for number, kind in enumerate(self.kinds):
            mine = self.nodes.kind == number
            persons = len(np.unique(self.made.person[mine]))
            bad = len(self.nodes.spellings[number].faults)
            if mine.any() or bad:
                lines.append((kind.name, int(mine.sum()), persons, bad))
        return lines

    def _head(self) -> str:
        when = self.zone.said(self.before_us)
        return (
            f"Identities as of {when}: "
            f"{len(self.nodes):,} identifiers of {self.persons:,} persons, "
            f"{len(self.pairs) - self._is_taken_away.sum():,} links, {len(self.refused):,} refused"
        )

    def __repr__(self) -> str:
        """Return how many identifiers and persons there are of each kind."""
        lines = [self._head()]
        for kind, ids, persons, bad in self._lines():
            nobody = f", {bad:,} nobody's" if bad else ""
            lines.append(f"  {kind}: {ids:,} of {persons:,} persons{nobody}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left'>{html.escape(kind)}</td>"
            + "".join(f"<td>{n:,}</td>" for n in numbers)
            + "</tr>"
            for kind, *numbers in self._lines()
        )
        titles = "".join(
            f"<th>{t}</th>" for t in ("kind", "identifiers", "persons", "nobody's values")
        )
        head = html.escape(self._head())
        return f"<table><caption>{head}</caption><tr>{titles}</tr>{cells}</table>"


def _origin(pairs: Pairs, place: int) -> str:
    if pairs.by_hand[place]:
        return "by hand"
    return "seen" if pairs.is_certain[place] else "guessed"
