"""Everything about one person taken out of a history, with the proof that nothing is left.

Contract. His rows go from every table; in the rows of others his identifiers are blanked. So what
is left holds no id of his, and of others the same links as before: whoever they were, they are,
with all that they did. Where the rows that go were the first to show an identifier of another,
that alone is kept, as a table of links. Where others would be changed all the same, nothing is
taken out, and the error says who would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, Self, TypeVar

import attrs
import narwhals.stable.v2 as nw
import numpy as np

from userops.core import frames
from userops.core.copies import copied
from userops.customers.holdings import Holdings, never
from userops.customers.identified_history import IdentifiedHistory
from userops.customers.identities import Identities, LinkEvidence
from userops.customers.identity_changes import names_of_both
from userops.customers.links import SIDES, Links
from userops.customers.reach import Reach
from userops.customers.reach_states import KIND, VALUE
from userops.customers.result_tables import result_table
from userops.errors import DataError, listed
from userops.events.columns import COUNTED, CUSTOMER_ID, STATUS
from userops.events.normalise import id_expr, possible_reasons
from userops.events.table import EventTable
from userops.events.working_columns import own

__all__ = ["Erasure"]

H = TypeVar("H", bound=IdentifiedHistory)
_REPEATS = {"duplicate_event_id", "duplicate_line"}


@attrs.frozen(eq=False, repr=False, slots=False)
class Erasure(Generic[H]):
    """What was taken out of a history, and the history without it.

    Made by `History.erase`. The host's own tables are not touched: `tables` are what to write back.

    Attributes:
        customer_id: Who was erased.
        history: The history without him.
        removed: Title of each table to how many of its rows were his.
        blanked: Title of each table to in how many rows of others an id of his was blanked; those
            tables alone that have some.
        tables: Title of each table to what is left of it, all columns, as the host's frame type;
            of the decisions by hand the log without those about him. It may hold one table of
            links more than there were: when identifiers of others were first seen, where without
            him nothing would say so. It is one of the history's links from then on.
        spellings: His identifiers, each as it was written: kind to values.
        shared: Refused links between an identifier of his and another person: whose row holds it.
    """

    customer_id: str | int
    history: H
    removed: Mapping[str, int]
    blanked: Mapping[str, int]
    tables: Mapping[str, Any]
    spellings: Mapping[str, tuple[str, ...]]
    shared: tuple[LinkEvidence, ...]
    _held: Holdings

    @classmethod
    def of(cls, history: H, customer_id: str | int) -> Erasure[H]:
        """Take a person out of a history; see `History.erase`."""
        held = Holdings(history, customer_id)
        held.check_some()
        removed = {table.title: table.count for table in held.tables}
        blanked = {table.title: table.blanked for table in held.tables if table.blanked}
        tables = {table.title: table.left() for table in held.tables}
        identification = history.identification
        if identification is not None and identification.decisions is not None:
            decided = held.decisions
            removed["decisions"] = len(decided)
            tables["decisions"] = identification.decisions.without(decided)
        without = _without(history, tables)
        if held.identities is not None:
            without = _with_others_unchanged(history, held, tables, without)
        _check_repeats(held, without)
        spelled = {kind: tuple(values) for kind, values in held.spellings.items()}
        shared = tuple(held.shared)
        done = cls(held.customer_id, without, removed, blanked, tables, spelled, shared, held)
        done.check()
        return done

    def check(self) -> Self:
        """Look for him once more in every table, by every writing of every id, and return self.

        Raises:
            DataError: If anything is left; names the tables.
        """
        left = {}
        for name, table in self.history.events.items():
            left[f"events[{name!r}]"] = self._in_events(table)
        for title, known in self.history.attributes.tables.items():
            left[title] = self._in_attributes(known)
        identification = self.history.identification
        if identification is not None:
            for number, links in enumerate(identification.links):
                if isinstance(links, Links):
                    left[f"links[{number}]"] = self._in_links(links)
            log = identification.decisions
            sides = [] if log is None else [(d.left, d.right) for d in log.decisions]
            left["decisions"] = sum(any(map(self._is_side, pair)) for pair in sides)
        found = {title: rows for title, rows in left.items() if rows}
        if found:
            raise DataError(
                f"something is left of {self.customer_id!r}",
                got=", ".join(f"{rows:,} rows of {title}" for title, rows in found.items()),
                hint="rows that changed while they were read: erase him again; or a column of "
                "identifiers that is the order id, event id or customer id of another as well: "
                "give the identifiers a column of their own",
            )
        return self

    def _in_events(self, table: EventTable) -> int:
        columns = table.columns
        found = self._held.names_him(own(CUSTOMER_ID))
        if self._held.identities is not None:
            for kind in columns.identifiers:
                found = found | self._held.is_identifier(kind, own(f"identifier_{kind}"))
        return _count(table.normalised, found)

    def _in_attributes(self, table: Any) -> int:
        rows, found = (
            table.source.frame,
            never(nw.col(table.source.frame.collect_schema().names()[0])),
        )
        if table.customer_id:
            owner = id_expr(table.customer_id, rows.collect_schema()[table.customer_id])
            found = self._held.names_him(owner)
        if isinstance(table, Reach) and self._held.identities is not None:
            rows = table.owned()
            for kind in self.spellings:
                is_it = self._held.is_identifier(kind, nw.col(VALUE))
                found = found | (is_it & (nw.col(KIND) == kind).fill_null(False))
        return _count(rows, found)

    def _in_links(self, links: Links) -> int:
        found = never(nw.col(SIDES[0][1]))
        for kind, value in SIDES:
            for mine in self.spellings:
                is_it = self._held.is_identifier(mine, nw.col(value))
                found = found | (is_it & (nw.col(kind) == mine).fill_null(False))
        return _count(links.sides(), found)

    def _is_side(self, side: tuple[str, str]) -> bool:
        found = self._held.identities
        return found is not None and found.customer_id(*side) == self.customer_id

    def __repr__(self) -> str:
        """Return what was removed, table by table, and what was blanked in rows of others."""
        lines = [f"Erasure of {self.customer_id!r}: {sum(self.removed.values()):,} rows, none left"]
        lines += [f"  {title}: {rows:,}" for title, rows in self.removed.items()]
        lines += [
            f"  {title}: his ids blanked in {n:,} {'row' if n == 1 else 'rows'} of others"
            for title, n in self.blanked.items()
        ]
        lines += [f"  was shared: {link}" for link in self.shared]
        return "\n".join(lines)


def _without(history: H, tables: Mapping[str, Any]) -> H:
    """Return a history over what is left of its tables."""
    without = copied(history, events={
        name: table.with_rows(tables[f"events[{name!r}]"])
        for name, table in history.events.items()
    })  # fmt: skip
    without.attributes = history.attributes.with_rows(tables)
    without.forget()
    identification = history.identification
    if identification is None:
        return without
    links = [
        one.with_rows(tables[f"links[{n}]"])
        for n, one in enumerate(identification.links)
        if isinstance(one, Links)  # others were refused
    ]
    more = f"links[{len(links)}]"
    links += [Links(tables[more])] if more in tables else []
    return without.with_identities(
        identification.graph, links=links, decisions=tables.get("decisions")
    )


def _with_others_unchanged(history: H, held: Holdings, tables: dict[str, Any], without: H) -> H:
    """Return the history in which all others are who they were; adds to the tables what that takes.

    Raises:
        DataError: If somebody would be another; names them.
    """
    assert held.identities is not None
    if not _changed(held, without):
        return without
    number = sum(title.startswith("links[") for title in tables)
    tables[f"links[{number}]"] = _first_seen(history, held, without.resolved_whole()[0])
    without = _without(history, tables)
    changed = _changed(held, without)
    if changed:
        raise DataError(
            f"without {held.customer_id!r} others would not be who they are",
            got=listed([f"{old} would be {new}" for old, new in sorted(changed)]),
            hint="an id of his is what keeps them apart, or together, in rows of theirs; decide "
            "it by hand before: IdentityDecisions.unbind or bind",
        )  # fmt: skip
    return without


def _changed(held: Holdings, without: IdentifiedHistory) -> set[tuple[str, str]]:
    """Return what others are called with him and without him, where it differs."""
    assert held.identities is not None
    pairs = names_of_both(held.identities, without.resolved_whole()[0])
    return {(old, new) for old, new in pairs if old not in (new, held.customer_id)}


def _first_seen(history: IdentifiedHistory, held: Holdings, after: Identities) -> Any:
    """Return links of identifiers of others with themselves, that say when they were first seen."""
    before = held.identities
    assert before is not None
    person = before.person_of(held.customer_id)
    a, b = before.pairs.a, before.pairs.b
    is_his = before.made.person == person
    nodes = np.unique(np.concatenate((a[is_his[b] & ~is_his[a]], b[is_his[a] & ~is_his[b]])))
    rows = []
    for node, (kind, value) in zip(nodes.tolist(), before.nodes.pairs(nodes), strict=True):
        now = after.node_of(kind, value)
        if now < 0 or after.nodes.first_us[now] > before.nodes.first_us[node]:
            at = int(before.nodes.first_us[node])
            rows.append({"left_kind": kind, "left_value": value, "right_kind": kind,
                         "right_value": value, "seen_at": at})  # fmt: skip
    kinds: dict[str, Any] = dict.fromkeys(
        ("left_kind", "left_value", "right_kind", "right_value"), "text"
    )
    like = next(iter(history.events.values())).source
    return result_table(like, rows, kinds | {"seen_at": "int"}, instants=("seen_at",))


def _check_repeats(held: Holdings, without: IdentifiedHistory) -> None:
    """Refuse to let rows count that were left out because they repeat one of his.

    Raises:
        DataError: Names the table.
    """
    for name, table in without.events.items():
        if not _REPEATS & set(possible_reasons(table.columns)):
            continue
        title = f"events[{name!r}]"
        (holding,) = (one for one in held.tables if one.title == title)
        good = own(STATUS) <= COUNTED
        before = _count(holding.rows, good & ~holding.is_his)
        after = _count(table.normalised, good)
        if before != after:
            raise DataError(
                f"without {held.customer_id!r} other rows of {title} would count than do",
                got=f"{after:,} instead of {before:,}",
                hint="rows of others repeat an event of his, and are in quarantine for that: take "
                "these out of the table, or give them an event id of their own, before",
            )  # fmt: skip


def _count(rows: frames.Frame, found: nw.Expr) -> int:
    return int(frames.to_rows(rows.filter(found).select(rows=nw.len()))[0]["rows"])
