"""Everything about one person taken out of a history, with the proof that nothing is left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any, Generic, Self, TypeVar

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.copies import copied
from userops.customers.attribute_table import AttributeTable
from userops.customers.holdings import Holdings, never
from userops.customers.identified_history import IdentifiedHistory
from userops.customers.identities import LinkEvidence
from userops.customers.links import SIDES, Links
from userops.customers.reach import Reach
from userops.customers.reach_states import KIND, VALUE
from userops.errors import DataError
from userops.events.columns import CUSTOMER_ID
from userops.events.table import EventTable
from userops.events.working_columns import own

__all__ = ["Erasure"]

H = TypeVar("H", bound=IdentifiedHistory)


@attrs.frozen(eq=False, repr=False, slots=False)
class Erasure(Generic[H]):
    """What was taken out of a history, and the history without it.

    Made by `History.erase`. The host's own tables are not touched: `tables` are what to write back.

    Attributes:
        customer_id: Who was erased.
        history: The history without him.
        removed: Title of each table to how many of its rows were his.
        tables: Title of each table to its other rows, all columns, as the host's frame type; of
            the decisions by hand the log without those about him.
        spellings: His identifiers, each as it was written: kind to values.
        shared: Refused links between an identifier of his and another person: that identifier is
            in rows of the other person, which stay.
    """

    customer_id: str | int
    history: H
    removed: Mapping[str, int]
    tables: Mapping[str, Any]
    spellings: Mapping[str, tuple[str, ...]]
    shared: tuple[LinkEvidence, ...]

    @classmethod
    def of(cls, history: H, customer_id: str | int) -> Erasure[H]:
        """Take a person out of a history; see `History.erase`."""
        held = Holdings(history, customer_id)
        held.check_some()
        removed = {table.title: table.count for table in held.tables}
        tables = {table.title: table.left() for table in held.tables}
        without = copied(history, events={
            name: table.with_rows(tables[f"events[{name!r}]"])
            for name, table in history.events.items()
        })  # fmt: skip
        without.attributes = history.attributes.with_rows(tables)
        without.forget()
        identification = history.identification
        if identification is not None:
            log, decided = identification.decisions, held.decisions
            if log is not None:
                log = log.without(decided)
                removed["decisions"], tables["decisions"] = len(decided), log
            links = [
                one.with_rows(tables[f"links[{n}]"])
                for n, one in enumerate(identification.links)
                if isinstance(one, Links)  # others were refused
            ]
            without = without.with_identities(identification.graph, links=links, decisions=log)
        spelled = {kind: tuple(values) for kind, values in held.spellings.items()}
        done = cls(held.customer_id, without, removed, tables, spelled, tuple(held.shared))
        done.check()
        return done

    @cached_property
    def _of_others(self) -> set[tuple[str, str]]:
        """His identifiers that another person has as well, as they are written."""
        return {(s.kind, s.value) for link in self.shared for s in (link.left, link.right)}

    def check(self) -> Self:
        """Look for him once more in every table, by every writing of every id, and return self.

        Identifiers that another person has too, `shared`, are looked for only where nothing that
        goes before them names anybody else: such a row is the other person's.

        Raises:
            DataError: If anything is left; names the tables.
        """
        left = {}
        for name, table in self.history.events.items():
            left[f"events[{name!r}]"] = self._in_events(table)
        for title, known in self.history.attributes.tables.items():
            left[title] = self._in_attributes(known)
        if self.history.identification is not None:
            for number, links in enumerate(self.history.identification.links):
                if isinstance(links, Links):
                    left[f"links[{number}]"] = self._in_links(links)
        found = {title: rows for title, rows in left.items() if rows}
        if found:
            raise DataError(
                f"something is left of {self.customer_id!r}",
                got=", ".join(f"{rows:,} rows of {title}" for title, rows in found.items()),
                hint="rows that changed while they were read; erase him again",
            )
        return self

    def _is_his(self, kind: str, value: nw.Expr, *, alone: bool = True) -> nw.Expr:
        """Return whether a column holds any writing of an identifier of his."""
        written = [
            spelled for spelled in self.spellings.get(kind, ())
            if alone or (kind, self._written(kind, spelled)) not in self._of_others
        ]  # fmt: skip
        if not written:
            return never(value)
        is_it: nw.Expr = value.cast(nw.String).is_in(written).fill_null(False)
        return is_it

    def _written(self, kind: str, spelled: str) -> str:
        identification = self.history.identification
        if identification is None:
            return spelled
        return identification.graph.kind(kind).normaliser.read(spelled)[0] or spelled

    def _in_events(self, table: EventTable) -> int:
        columns = table.columns
        found = self._is_his(CUSTOMER_ID, own(CUSTOMER_ID))
        nobody_else = own(CUSTOMER_ID).is_null()
        for kind in self._by_priority(columns.identifiers):
            value = own(f"identifier_{kind}")
            is_his = self._is_his(kind, value)
            found = found | (is_his & nobody_else) | self._is_his(kind, value, alone=False)
            nobody_else = nobody_else & (value.is_null() | is_his)
        return _count(table.normalised, found)

    def _by_priority(self, kinds: Iterable[str]) -> list[str]:
        """Return kinds in the order in which they say whose a row is."""
        identification = self.history.identification
        if identification is None:
            return list(kinds)
        return sorted(kinds, key=lambda kind: -identification.graph.kind(kind).priority)

    def _in_attributes(self, table: AttributeTable) -> int:
        if isinstance(table, Reach):
            rows, found = table.owned(), never(nw.col(VALUE))
            for kind in self.spellings:
                is_it = self._is_his(kind, nw.col(VALUE), alone=False)
                found = found | (is_it & (nw.col(KIND) == kind).fill_null(False))
            return _count(rows, found)
        rows = table.source.frame
        return _count(rows, self._is_his(CUSTOMER_ID, nw.col(table.customer_id)))

    def _in_links(self, links: Links) -> int:
        found = never(nw.col(SIDES[0][1]))
        for kind, value in SIDES:
            for mine in self.spellings:
                is_it = self._is_his(mine, nw.col(value), alone=False)
                found = found | (is_it & (nw.col(kind) == mine).fill_null(False))
        return _count(links.sides(), found)

    def __repr__(self) -> str:
        """Return what was removed, table by table, and what stays."""
        lines = [f"Erasure of {self.customer_id!r}: {sum(self.removed.values()):,} rows, none left"]
        lines += [f"  {title}: {rows:,}" for title, rows in self.removed.items()]
        lines += [f"  stays with another person: {link}" for link in self.shared]
        return "\n".join(lines)


def _count(rows: frames.Frame, found: nw.Expr) -> int:
    return int(frames.to_rows(rows.filter(found).select(rows=nw.len()))[0]["rows"])
