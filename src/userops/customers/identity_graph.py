"""The identity graph: which kinds of identifier there are, and what links through them may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from userops.core.definitions import Definition
from userops.core.texts import column_of
from userops.core.time import UTC, AsOf, Zone, as_of_us, zone
from userops.customers.identifiers import Identifier, IdentifierKind, kind_named
from userops.customers.identities import Identities
from userops.customers.identity_decisions import IdentityDecision, IdentityDecisions
from userops.customers.identity_nodes import pairs_of, read_nodes
from userops.customers.links import LinkSource, Seen, as_link_sources
from userops.errors import DataError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID

__all__ = ["IdentityGraph"]

_ACCOUNT_PRIORITY = 1_000


def _kinds(value: Any) -> tuple[IdentifierKind, ...]:
    given = (value,) if isinstance(value, IdentifierKind) else tuple(value)
    for number, kind in enumerate(given):
        if not isinstance(kind, IdentifierKind):
            raise InvalidDefinitionError(
                f"kinds[{number}]", "is no kind of identifier", got=repr(kind),
                allowed="IdentifierKind('phone', …)",
            )  # fmt: skip
    names = [kind.name for kind in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDefinitionError("kinds", "occur twice", got=", ".join(twice))
    if CUSTOMER_ID in names:
        return given
    return (IdentifierKind(CUSTOMER_ID, priority=_ACCOUNT_PRIORITY), *given)


@attrs.frozen
class IdentityGraph(Definition):
    """The kinds of identifier of a company, and how persons are made of them.

    Links that were seen join identifiers to persons, the stronger ones first, as long as nobody
    gets more ids of a kind than a person can have. What is refused goes to a review queue with its
    reason. Decisions by hand outrank everything.

    Attributes:
        kinds: The kinds. The host's own customer ids are a kind as well, `customer_id`; it is added
            with the highest priority and without a limit, unless it is declared.

    Example:
        >>> import pyarrow as pa
        >>> from userops.customers import Email, IdentifierKind, IdentityGraph, Links
        >>> graph = IdentityGraph(
        ...     [
        ...         IdentifierKind("email", normaliser=Email(), priority=2),
        ...         IdentifierKind("openid", most_per_person=1, priority=1),
        ...     ]
        ... )
        >>> table = pa.table(
        ...     {
        ...         "customer_id": ["c1", "c2", "c2"],
        ...         "kind": ["email", "email", "openid"],
        ...         "value": ["Li@x.cn", "li@x.cn", "oA"],
        ...         "at": ["2024-01-05", "2024-02-05", "2024-03-01"],
        ...     }
        ... )
        >>> links = Links(
        ...     table,
        ...     left="customer_id",
        ...     left_kind="customer_id",
        ...     right="value",
        ...     right_kind_column="kind",
        ...     seen_at="at",
        ... )
        >>> graph.resolve(links, "2024-02-01").customer_id("openid", "oA") is None
        True
        >>> graph.resolve(links, "2024-04-01").customer_id("openid", "oA")
        'c1'
    """

    kinds: tuple[IdentifierKind, ...] = attrs.field(converter=_kinds)

    def kind(self, name: str) -> IdentifierKind:
        """Return a kind by its name.

        Raises:
            InvalidArgumentError: If it is not declared; names the nearest.
        """
        return kind_named(self.kinds, name)

    def identifier(self, kind: str, value: Any) -> Identifier:
        """Return an identifier with its value as it is written.

        Raises:
            InvalidArgumentError: If the kind is not declared, or the value cannot be read.
        """
        return Identifier(kind, self.kind(kind).read(value))

    def resolve(
        self,
        links: Any,
        as_of: AsOf,
        *,
        decisions: IdentityDecisions | None = None,
        time_zone: str = "UTC",
    ) -> Identities:
        """Find out which identifiers are one person's.

        The outcome depends on which links there are before `as_of`, and on nothing else: not on
        their order, nor on what was resolved before. So taking a link away is resolving without it.

        Args:
            links: `Links`, `history.links()`, a frame for `Links`, or several of them.
            as_of: Exclusive instant; links and decisions from then on do not count.
            decisions: The log of decisions by hand.
            time_zone: The zone in which a date begins, a naive time is read, and times are shown.

        Returns:
            The persons; their ids are text: the host's own customer id of the account first seen,
            else `kind:value` of the identifier first seen. Ties go to the smaller kind and value.

        Raises:
            InvalidArgumentError: If a kind is not declared; names the nearest.
            DataError: If decisions contradict each other or bind what is nobody's, or a customer
                id looks like an identifier.
        """
        return self.resolve_before(
            as_link_sources(links, time_zone),
            as_of_us(as_of, zone(time_zone)),
            decisions=decisions,
            where=zone(time_zone),
        )

    def resolve_before(
        self,
        sources: Sequence[LinkSource],
        before_us: int,
        *,
        decisions: IdentityDecisions | None = None,
        where: Zone = UTC,
    ) -> Identities:
        """Do what `resolve` does, as of an instant in microseconds since 1970-01-01 UTC."""
        standing = _standing(decisions, before_us, self)
        seen = [one for source in sources for one in source.seen_before(before_us)]
        seen += [_bound(d) for d in standing if d.action == "bind"]
        nodes, columns = read_nodes(self.kinds, seen)
        pairs = pairs_of(nodes, seen, columns)
        apart = []
        for decision in standing:
            if decision.action == "unbind":
                ends = [self._node(nodes, side) for side in (decision.left, decision.right)]
                if min(ends) >= 0:
                    apart.append((ends[0], ends[1]))
        self._check_accounts(nodes)
        return Identities.resolved(
            nodes, pairs, apart=apart, before_us=before_us, decisions=standing, where=where
        )

    def _node(self, nodes: Any, side: tuple[str, str]) -> int:
        number = self.kinds.index(self.kind(side[0]))
        value, _ = self.kinds[number].written(side[1])
        return -1 if value is None else int(nodes.node(number, value))

    def _check_accounts(self, nodes: Any) -> None:
        """Refuse customer ids that would be taken for the id of somebody without an account."""
        accounts = nodes.texts[[kind.name for kind in self.kinds].index(CUSTOMER_ID)]
        for kind in self.kinds:
            odd = accounts.starting_with(f"{kind.name}:")
            if len(odd):
                raise DataError(
                    f"{len(odd):,} customer ids look like identifiers",
                    got=accounts.at(odd[:3]), allowed=f"ids that do not begin with '{kind.name}:'",
                    hint="a person without a customer id is called kind:value, and could not be "
                    "told from these; rename the kind",
                )  # fmt: skip


def _standing(
    decisions: IdentityDecisions | None, before_us: int, graph: IdentityGraph
) -> list[IdentityDecision]:
    """Return the decisions that count before an instant: of each pair the latest.

    Raises:
        DataError: If two of one pair and instant differ, or what is bound is nobody's, or is kept
            apart as well.
    """
    latest: dict[frozenset[Identifier], IdentityDecision] = {}
    for decision in () if decisions is None else decisions.decisions:
        if decision.decided_us >= before_us:
            continue
        pair = frozenset(_written(graph, side) for side in (decision.left, decision.right))
        if len(pair) == 1:
            raise DataError(
                "identity decisions: one is about an identifier and itself",
                got=str(next(iter(pair))), hint="both sides are written alike by the normaliser",
            )  # fmt: skip
        known = latest.get(pair)
        if known is not None and known.decided_us == decision.decided_us:
            if known.action != decision.action:
                raise DataError(
                    "identity decisions: two of one instant contradict each other",
                    got=" and ".join(f"{d.action} by {d.author}" for d in (known, decision))
                    + f" of {' and '.join(sorted(map(str, pair)))}",
                    hint="the latest decision about a pair counts: decide again",
                )  # fmt: skip
        elif known is None or known.decided_us < decision.decided_us:
            latest[pair] = decision
    for decision in latest.values():
        if decision.action == "bind":
            _check_somebodys(decision, graph)
    _check_consistent(latest)
    return list(latest.values())


def _check_somebodys(decision: IdentityDecision, graph: IdentityGraph) -> None:
    """Refuse to bind a value that is nobody's: nothing would come of it, and nobody would know."""
    for side in (decision.left, decision.right):
        value, why = graph.kind(side[0]).written(side[1])
        if value is None:
            raise DataError(
                f"identity decisions: a value that is bound is {why}",
                got=f"bind of {':'.join(decision.left)} and {':'.join(decision.right)} by "
                f"{decision.author}: {':'.join(side)}",
                allowed="values that the normaliser reads, and that are not blocked",
                hint="unbind the pair, or let the kind take the value",
            )  # fmt: skip


def _written(graph: IdentityGraph, side: tuple[str, str]) -> Identifier:
    kind = graph.kind(side[0])
    value, _ = kind.written(side[1])
    return Identifier(kind.name, side[1] if value is None else value)


def _check_consistent(latest: dict[frozenset[Identifier], IdentityDecision]) -> None:
    """Refuse a pair that is kept apart and bound through others at once; names the chain."""
    near: dict[Identifier, list[Identifier]] = {}
    for pair, decision in latest.items():
        if decision.action == "bind":
            one, other = pair
            near.setdefault(one, []).append(other)
            near.setdefault(other, []).append(one)
    for pair, decision in latest.items():
        if decision.action == "unbind":
            one, other = sorted(pair)
            chain = _chain(near, one, other)
            if chain is not None:
                raise DataError(
                    "identity decisions: what is kept apart is bound by others",
                    got=f"unbind of {one} and {other}, but bound: {' - '.join(map(str, chain))}",
                    hint="unbind one of these pairs as well",
                )  # fmt: skip


def _chain(
    near: dict[Identifier, list[Identifier]], one: Identifier, other: Identifier
) -> list[Identifier] | None:
    """Return a chain of bound identifiers from one to another, or None."""
    came_from: dict[Identifier, Identifier] = {one: one}
    waiting = [one]
    for here in waiting:
        for there in near.get(here, ()):
            if there not in came_from:
                came_from[there] = here
                waiting.append(there)
    if other not in came_from:
        return None
    chain = [other]
    while chain[-1] != one:
        chain.append(came_from[chain[-1]])
    return chain[::-1]


def _bound(decision: IdentityDecision) -> Seen:
    """Return a pair that was bound by hand as something that was seen."""
    at = np.array([decision.decided_us], dtype=np.int64)
    one = np.ones(1, dtype=np.int64)
    values = tuple(column_of([side[1]]) for side in (decision.left, decision.right))
    kinds = decision.left[0], decision.right[0]
    return Seen(kinds, values, at, at, one, np.ones(1), by_hand=True)
