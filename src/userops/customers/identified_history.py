"""The part of a history that knows persons: whose a row is depends on when it is asked."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Self

from userops.core.time import AsOf, Zone, as_of_us
from userops.customers.attribute_tables import AttributeTables
from userops.customers.identified import (
    ALL_US,
    HistoryLinks,
    Identification,
    Persons,
    check_kinds,
)
from userops.customers.links import LinkSource, as_link_sources
from userops.customers.reach_quality import check_declared
from userops.customers.resolution import Every, Resolution, resolution_of
from userops.customers.sightings import Sightings
from userops.errors import InvalidArgumentError
from userops.events.table import Events, Orders

if TYPE_CHECKING:
    from userops.customers.identities import Identities
    from userops.customers.identity_decisions import IdentityDecisions
    from userops.customers.identity_graph import IdentityGraph

__all__ = ["IdentifiedHistory"]

_MOST_RESOLVED = 4  # resolutions of one history that are kept


class IdentifiedHistory:
    """What a `History` has to do with identities; use `History`."""

    events: dict[str, Orders | Events]
    attributes: AttributeTables
    identification: Identification | None = None
    persons: Persons | None = None

    def __init__(self) -> None:
        self._resolved: dict[tuple[int, bool], tuple[Identities, Self]] = {}

    def forget(self) -> None:
        """Let go of who was who; its tables are others now."""
        self._resolved = {}

    @property
    def zone(self) -> Zone:
        """The zone in which days are counted."""
        return next(iter(self.events.values())).columns.zone

    def links(self) -> HistoryLinks:
        """Return the links that the event tables carry: rows with several identifiers.

        A source of links for `IdentityGraph.resolve`; nothing is read before it is resolved.
        """
        return HistoryLinks(self.events)

    def with_identities(
        self,
        graph: IdentityGraph,
        *,
        links: Any = None,
        decisions: IdentityDecisions | None = None,
    ) -> Self:
        """Return the history with its rows given to the persons whom their identifiers name.

        Whatever is asked as of an instant sees the persons as they were known before it: orders of
        several channels are one customer's from when the link was seen, and what he did before he
        was known is his from then on. Ids of customers are text. Until something is asked nothing
        is read.

        Args:
            graph: The kinds of identifier.
            links: Links beside those of the event tables: `Links`, a frame for it, or several.
            decisions: The log of decisions by hand.

        Raises:
            InvalidArgumentError: If a table has identifiers of a kind that is not declared, or
                such a kind needs no consent.
        """
        check_kinds(graph, self.events)
        more = copy.copy(self)
        sources = as_link_sources(links, self.zone.name)
        reach = self.attributes.reach
        if reach is not None:
            check_declared(reach.without_consent, [kind.name for kind in graph.kinds])
        more.identification = Identification(graph, sources, decisions, reach)
        more._resolved = {}
        return more

    def identities(self, as_of: AsOf) -> Identities:
        """Return who each identifier is, as of an instant.

        Raises:
            InvalidArgumentError: If the history was given no graph.
        """
        return self.resolved(as_of_us(as_of, self.zone))[0]

    def resolution(self, as_of: AsOf, *, every: Every = "month") -> Resolution:
        """Return how many rows without a customer id belong to somebody, over time.

        Args:
            as_of: Exclusive instant; who is who is read as of then, and later rows do not count.
            every: `day`, `week` (from Monday) or `month`, in the zone of the history.

        Raises:
            InvalidArgumentError: If the history was given no graph, or the period is none.
        """
        before_us = as_of_us(as_of, self.zone)
        found, here = self.resolved(before_us)
        kinds = tuple(f"{kind.name}:" for kind in found.kinds)
        return resolution_of(here.events, kinds, before_us, every)

    def at(self, before_us: int) -> Self:
        """Return the history with persons as customers as they were known before an instant.

        Without a graph it is the history itself.
        """
        return self if self.identification is None else self.resolved(before_us)[1]

    def resolved(self, before_us: int) -> tuple[Identities, Self]:
        """Return who is who before an instant, and the history with persons as customers.

        Raises:
            InvalidArgumentError: If the history was given no graph.
        """
        return self._kept(self._identified(), before_us, ())

    def resolved_whole(self) -> tuple[Identities, Self]:
        """Return who is who in all that is held, and the history with persons as customers.

        Ids are known here also where no row that counts holds them; see `Sightings`.

        Raises:
            InvalidArgumentError: If the history was given no graph.
        """
        identification = self._identified()
        kinds = tuple(kind.name for kind in identification.graph.kinds)
        more = Sightings(self.events, self.attributes.tables, identification.links, kinds)
        return self._kept(identification, ALL_US, (more,))

    def _identified(self) -> Identification:
        if self.identification is None:
            hint = "history.with_identities(IdentityGraph([…]))"
            raise InvalidArgumentError("history", "has no identities", hint=hint)
        return self.identification

    def _kept(
        self, identification: Identification, before_us: int, more: tuple[LinkSource, ...]
    ) -> tuple[Identities, Self]:
        """Return a resolution, which is kept; `more` is what is seen beside the links."""
        key = before_us, bool(more)
        if key not in self._resolved:
            found = identification.identities(self.events, before_us, more)
            persons = Persons(found, next(iter(self.events.values())).source)
            here = copy.copy(self)
            here.identification = None
            here.persons = persons
            here.events = {n: t.with_persons(persons.of_rows) for n, t in self.events.items()}
            here.attributes = self.attributes.with_persons(persons)
            while len(self._resolved) >= _MOST_RESOLVED:
                del self._resolved[next(iter(self._resolved))]
            self._resolved[key] = found, here
        return self._resolved[key]
