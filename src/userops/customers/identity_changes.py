"""What became of customer ids between two resolutions: merges and what was taken apart.

Contract. Nothing that hangs on a customer id is lost when ids merge: an id is the name of an
identifier, and `Identities.current_id` finds the person whom it is now. Attributes, decisions and
assignments are looked up by it with their own dates; an experiment keeps the key under which it
assigned somebody. What keeps accounts of its own, such as a ledger, follows the events here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import attrs
import numpy as np

from userops.core.time import UTC, Zone
from userops.customers.identifiers import Identifier
from userops.customers.resolved import Resolved
from userops.customers.result_tables import result_table

__all__ = [
    "FollowsIdentity",
    "IdentityChanges",
    "MergeEvent",
    "UnmergeEvent",
    "changes_between",
    "names_of_both",
]

_SHOWN, _SHOWN_OF_ONE = 20, 3
_KINDS: dict[str, Any] = {
    "event": "text", "customer_id": "text", "other_id": "text", "at": "int", "identifiers": "int",
}  # fmt: skip


@attrs.frozen
class MergeEvent:
    """An id that is another person's now.

    Attributes:
        at_us: Exclusive instant of the resolution that found it.
        kept: The id that goes on.
        merged: The id that leads to it from now on.
    """

    at_us: int
    kept: str
    merged: str


@attrs.frozen
class UnmergeEvent:
    """Identifiers that are somebody else's now.

    Attributes:
        at_us: Exclusive instant of the resolution that found it.
        customer_id: The id whose person they were.
        split_off: The id of the person whose they are now.
        identifiers: Which, by kind and value.
    """

    at_us: int
    customer_id: str
    split_off: str
    identifiers: tuple[Identifier, ...]


class FollowsIdentity(Protocol):
    """What keeps accounts by customer id, and follows merges: a ledger, a life cycle, a CRM."""

    def merge(self, event: MergeEvent) -> None:
        """Move what hangs on `event.merged` to `event.kept`."""
        ...

    def unmerge(self, event: UnmergeEvent) -> None:
        """Give back to `event.split_off` what came from its identifiers."""
        ...


@attrs.frozen(repr=False)
class IdentityChanges:
    """The merges and splits between two resolutions; an entry of the host's append-only log.

    Attributes:
        events: The events, merges first, by id.
        zone: The zone in which their days are shown.
    """

    events: tuple[MergeEvent | UnmergeEvent, ...]
    zone: Zone = UTC

    def tell(self, followers: Iterable[FollowsIdentity]) -> None:
        """Tell each follower of each event, in order."""
        for follower in followers:
            for event in self.events:
                if isinstance(event, MergeEvent):
                    follower.merge(event)
                else:
                    follower.unmerge(event)

    def table(self, like: Any) -> Any:
        """Return the events as rows to append to a log, of the type of another frame.

        Columns: `event` (`merge`, `unmerge`), `customer_id` (that goes on; whose they were),
        `other_id` (that leads to it; whose they are now), `at` (UTC), and `identifiers` (how many
        moved, 0 for a merge).
        """
        rows = [
            {"event": "merge", "customer_id": e.kept, "other_id": e.merged, "at": e.at_us,
             "identifiers": 0}
            if isinstance(e, MergeEvent)
            else {"event": "unmerge", "customer_id": e.customer_id, "other_id": e.split_off,
                  "at": e.at_us, "identifiers": len(e.identifiers)}
            for e in self.events
        ]  # fmt: skip
        return result_table(like, rows, _KINDS, instants=("at",))

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        """Return the events, a line each, the first twenty."""
        lines = [f"IdentityChanges of {len(self)}"]
        for event in self.events[:_SHOWN]:
            day = self.zone.day_said(event.at_us)
            if isinstance(event, MergeEvent):
                lines.append(f"  {day} {event.merged} is {event.kept} now")
            else:
                few = [str(one) for one in event.identifiers[:_SHOWN_OF_ONE]]
                more = len(event.identifiers) - len(few)
                moved = ", ".join(few) + (f" … and {more:,} more" if more else "")
                lines.append(f"  {day} {moved} of {event.customer_id} are {event.split_off}'s now")
        if len(self) > _SHOWN:
            lines.append(f"  … and {len(self) - _SHOWN:,} more")
        return "\n".join(lines)


def changes_between(before: Resolved, after: Resolved) -> IdentityChanges:
    """Compare two resolutions of one graph; see `Identities.changes_since`."""
    old, new, nodes = _persons_of_both(before, after)
    olds, news = np.unique(np.stack((old, new)), axis=1)
    old_names = before.names_at(olds)
    new_names = after.names_at(news)
    events: list[MergeEvent | UnmergeEvent] = []
    differ = {o for o, n in zip(old_names, new_names, strict=True) if o != n}
    goes_on = {name: after.current_id(name) for name in differ}
    for one, other, name, now in zip(
        olds.tolist(), news.tolist(), old_names, new_names, strict=True
    ):
        if name == now:
            continue
        if goes_on[name] == now:
            events.append(MergeEvent(after.before_us, now, name))
        else:
            moved = nodes[(old == one) & (new == other)]
            ids = tuple(sorted(Identifier(*pair) for pair in after.nodes.pairs(moved)))
            events.append(UnmergeEvent(after.before_us, name, now, ids))
    events.sort(key=lambda e: (isinstance(e, UnmergeEvent), str(e)))
    return IdentityChanges(tuple(events), after.zone)


def names_of_both(before: Resolved, after: Resolved) -> set[tuple[str, str]]:
    """Return what persons were called before and after, by each identifier that both know."""
    old, new, _ = _persons_of_both(before, after)
    olds, news = np.unique(np.stack((old, new)), axis=1)
    return set(zip(before.names_at(olds), after.names_at(news), strict=True))


def _persons_of_both(before: Resolved, after: Resolved) -> tuple[Any, Any, Any]:
    """Return old person, new person and new node of each identifier that both know."""
    if before.nodes.texts is after.nodes.texts:  # a link was taken away: the nodes are the same
        known = np.flatnonzero(before.made.person != after.made.person)
        return before.made.person[known], after.made.person[known], known
    olds, news, nodes = [], [], []
    for number in range(len(after.nodes.kinds)):
        places = after.nodes.texts[number].places_in(before.nodes.texts[number])
        mine = np.flatnonzero(places >= 0)
        node = mine + after.nodes.offsets[number]
        old = places[mine] + before.nodes.offsets[number]
        olds.append(before.made.person[old])
        news.append(after.made.person[node])
        nodes.append(node)
    return np.concatenate(olds), np.concatenate(news), np.concatenate(nodes)
