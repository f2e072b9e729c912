"""The attribute tables of one history: one of current values, and any number of dated ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.copies import copied
from userops.core.values import Kind
from userops.customers.agreement import kind_of_ids
from userops.customers.attribute_rows import DatedValue
from userops.customers.attribute_table import AttributeTable
from userops.customers.attributes import Attributes
from userops.customers.current_attributes import Customers
from userops.customers.reach import Reach
from userops.customers.reach_rows import ReachRow, dated_flags
from userops.errors import InvalidArgumentError, InvalidDefinitionError, listed
from userops.events.columns import CUSTOMER_ID
from userops.events.table import EventTable

if TYPE_CHECKING:
    from userops.customers.identified import Persons

__all__ = ["AttributeTables", "distinct_ids"]

_DECISIONS = "decisions"


class AttributeTables:
    """The tables that say what is known about customers.

    Args:
        customers: A `Customers`, a frame for one, or None.
        attributes: An `Attributes`, a frame for one, several of them as a sequence or under names,
            or None.
        reach: A `Reach`, a frame for one, or None.
        time_zone: The zone in which tables that name none read their naive times.

    Attributes:
        tables: What each table is called in errors, to the table.

    Raises:
        InvalidDefinitionError: If a table is of another kind than its place asks for.
    """

    def __init__(
        self, customers: Any, attributes: Any, *, time_zone: str, reach: Any = None
    ) -> None:
        tables: dict[str, AttributeTable] = {}
        if customers is not None:
            tables["customers"] = _wrapped("customers", customers, Customers)
        for name, table in _named(attributes):
            tables[name] = _wrapped(name, table, Attributes)
        if reach is not None:
            tables["reach"] = _wrapped("reach", reach, Reach)
        self.tables = {name: table.in_zone(time_zone) for name, table in tables.items()}

    @property
    def reach(self) -> Reach | None:
        """The log of consent and delivery, or None."""
        table = self.tables.get("reach")
        return table if isinstance(table, Reach) else None

    def with_table(self, title: str | None, table: Any, *, time_zone: str) -> AttributeTables:
        """Return these tables and one more of dated attributes; see `History.with_attributes`."""
        more = AttributeTables(None, None if title is None else {title: table}, time_zone=time_zone)
        if title is None:  # what a host calls its tables is never bare
            more.tables = {_DECISIONS: _wrapped(_DECISIONS, table, Attributes).in_zone(time_zone)}
        for taken in more.tables.keys() & self.tables.keys():
            raise InvalidArgumentError(
                "title", "another table has it", got=taken, hint="give each table its own title"
            )
        more.tables = self.tables | more.tables
        return more

    def with_persons(self, persons: Persons) -> AttributeTables:
        """Return the tables with persons as customers; see `AttributeTable.with_persons`."""
        more = AttributeTables(None, None, time_zone="UTC")
        more.tables = {name: t.with_persons(persons) for name, t in self.tables.items()}
        return more

    def keeping(self, names: Sequence[str] | None) -> AttributeTables:
        """Return the tables with some attributes alone, those of reach beside them.

        Args:
            names: Which; None for all, where somebody has named all.

        Raises:
            InvalidArgumentError: If an attribute is not known, or none are named and there are some
                that nobody has named; lists them.
        """
        said = {n: table for n, table in self.tables.items() if not isinstance(table, Reach)}
        if names is None:
            unnamed = [n for t in said.values() if not t.has_named_attributes for n in t.names]
            if not unnamed:
                return self
            raise InvalidArgumentError(
                "attributes", "would stay as they are, and nobody has named them",
                got=listed(unnamed), allowed="attributes that tell nothing of a person",
                hint="name those in Customers(frame, attributes=[…]), or here, which keeps these "
                "alone: attributes=[…]; attributes=[] keeps none",
            )  # fmt: skip
        known = {name: title for title, table in said.items() for name in table.names}
        wanted: dict[str, list[str]] = {title: [] for title in said}
        for name in _several(names):
            if name not in known:
                raise InvalidArgumentError.unknown("attributes", str(name), known)
            wanted[known[name]].append(name)
        return copied(
            self,
            tables={n: t.keeping(wanted[n]) if n in wanted else t for n, t in self.tables.items()},
        )

    def with_rows(self, frames_by_title: Mapping[str, Any]) -> AttributeTables:
        """Return the tables over other rows of the same columns."""
        return copied(
            self, tables={n: t.with_rows(frames_by_title[n]) for n, t in self.tables.items()}
        )

    @cached_property
    def by_name(self) -> dict[str, AttributeTable]:
        """Attribute to the table that holds it; asks dated tables for their names once.

        Raises:
            InvalidDefinitionError: If two tables hold an attribute of one name.
        """
        found: dict[str, str] = {}
        for title, table in self.tables.items():
            for name in table.names:
                if name in found:
                    raise InvalidDefinitionError(
                        title, f"has an attribute {name!r} that another table has as well",
                        got=[found[name], title],
                        hint="rename one of them, or leave it out of customers: "
                        "Customers(…, attributes=(…))",
                    )  # fmt: skip
                found[name] = title
        return {name: self.tables[title] for name, title in found.items()}

    @property
    def kinds(self) -> dict[str, Kind | None]:
        """Attribute to kind of value."""
        return {name: table.kinds[name] for name, table in self.by_name.items()}

    @cached_property
    def every_name(self) -> frozenset[str]:
        """The names of all attributes, whether or not two tables hold one of them."""
        return frozenset(name for table in self.tables.values() for name in table.names)

    def values_before(self, names: Sequence[str], before_us: int) -> list[frames.Frame]:
        """Return a frame for each table that holds any of the names; see `History`."""
        wanted: dict[int, list[str]] = {}
        for name in _several(names):
            if name not in self.by_name:
                raise InvalidArgumentError.unknown("attribute", name, self.by_name)
            wanted.setdefault(id(self.by_name[name]), []).append(name)
        return [
            table.values_before(before_us, wanted[id(table)])
            for table in self.tables.values()
            if id(table) in wanted
        ]

    def customer_ids(self, before_us: int) -> list[frames.Frame]:
        """Return the `customer_id` of each table before an instant."""
        known = (table for table in self.tables.values() if kind_of_ids(table) is not None)
        return [table.customer_ids(before_us) for table in known]

    def reach_of(self, customer_id: str | int) -> tuple[ReachRow, ...]:
        """Return what the log of reach says about one customer; see `Reach.rows_of`."""
        kind = "text" if isinstance(customer_id, str) else "whole numbers"
        has_reach = self.reach is not None and kind_of_ids(self.reach) == kind
        return self.reach.rows_of(customer_id) if self.reach is not None and has_reach else ()

    def of_customer(
        self, customer_id: str | int, reach: Sequence[ReachRow]
    ) -> tuple[DatedValue, ...] | None:
        """Return what the tables say about one customer; None where no table knows him.

        Args:
            customer_id: His id.
            reach: What `reach_of` returns of him: it is read once.
        """
        kind = "text" if isinstance(customer_id, str) else "whole numbers"
        said = [
            dated_flags(reach, table.without_consent) or None
            if isinstance(table, Reach)
            else table.of_customer(customer_id)
            for table in self.tables.values()
            if kind_of_ids(table) == kind
        ]
        known = [values for values in said if values is not None]
        if known and len(self.tables) > 1:
            self.by_name  # noqa: B018 - two tables of one name would contradict each other
        return tuple(value for values in known for value in values) if known else None

    def check(self) -> None:
        """Check every table, and that no two hold an attribute of one name."""
        for table in self.tables.values():
            table.check()
        self.by_name  # noqa: B018 - computed once, for its check


def _several(names: Sequence[str]) -> Sequence[str]:
    if isinstance(names, str):
        raise InvalidArgumentError(
            "names", "must be several names", got=repr(names), allowed=f"({names!r},)"
        )
    return names


def distinct_ids(parts: Sequence[frames.Frame]) -> frames.Frame:
    """Return the distinct `customer_id` of several frames of nothing else."""
    types = {part.collect_schema()[CUSTOMER_ID] for part in parts}
    if len(types) > 1:  # ids without a sign stand beside others
        parts = [part.with_columns(nw.col(CUSTOMER_ID).cast(nw.Int64)) for part in parts]
    rows = parts[0] if len(parts) == 1 else frames.concat_rows(parts)
    return frames.counted_by(rows, [CUSTOMER_ID]).select(CUSTOMER_ID)


def _named(attributes: Any) -> Iterable[tuple[str, Any]]:
    if attributes is None:
        return []
    if isinstance(attributes, Mapping):
        return [(f"attributes[{name!r}]", table) for name, table in attributes.items()]
    if isinstance(attributes, list | tuple):
        return [(f"attributes[{i}]", table) for i, table in enumerate(attributes)]
    return [("attributes", attributes)]


def _wrapped(name: str, table: Any, wanted: type[AttributeTable]) -> AttributeTable:
    if isinstance(table, wanted):
        return table
    if isinstance(table, AttributeTable | EventTable):
        raise InvalidDefinitionError(
            name, f"must be {wanted.__name__}", got=type(table).__name__,
            hint="a column an attribute makes Customers, a row an attribute makes Attributes, "
            "a row a consent makes Reach",
        )  # fmt: skip
    return wanted(table)  # type: ignore[call-arg]
