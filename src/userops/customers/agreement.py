"""What the tables of one history must agree about: their engine, zone, and type of ids."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import narwhals.stable.v2 as nw

from userops.customers.attribute_table import AttributeTable
from userops.errors import InvalidDefinitionError
from userops.events.table import EventTable

__all__ = ["check_agreement", "kind_of_ids"]


def check_agreement(
    tables: Mapping[str, EventTable | AttributeTable], field: str, *, ids: bool = True
) -> None:
    """Refuse tables that cannot be read together.

    Args:
        tables: What each is called, to the table.
        field: What the error names.
        ids: Whether their ids must be of one type; those of persons become text anyway.

    Raises:
        InvalidDefinitionError: Names each table and what it holds.
    """
    _check_same(
        tables, field, lambda table: table.source.family,
        "are held by different engines",
        "a history is computed where its data is: bring all tables into one engine, for example "
        "the small ones into that of the largest",
        shown=lambda table: table.source.engine,
    )  # fmt: skip
    _check_same(
        tables, field, _zone_of, "count days in different zones",
        "give every table the same time_zone, the one in which the business counts days; "
        "aware times keep their instant",
    )  # fmt: skip
    if ids:
        _check_same(
        tables, field, kind_of_ids, "disagree about the type of customer ids",
        "cast the ids to text in every table",
    )  # fmt: skip


def kind_of_ids(table: EventTable | AttributeTable) -> str | None:
    """Return whether customer ids are text or whole numbers; None where nothing is known."""
    if table.has_persons:
        return "text"
    if isinstance(table, AttributeTable):
        column = table.customer_id or None
    else:
        column = table.columns.customer_id
    dtype = None if column is None else table.source.frame.collect_schema()[column]
    if dtype is None or dtype == nw.Unknown:
        return None
    return "whole numbers" if dtype.is_integer() else "text"


def _zone_of(table: EventTable | AttributeTable) -> str:
    return table.zone.name if isinstance(table, AttributeTable) else table.columns.time_zone


def _check_same(
    tables: Mapping[str, EventTable | AttributeTable],
    field: str,
    what: Callable[[Any], str | None],
    problem: str,
    hint: str,
    *,
    shown: Callable[[Any], str | None] | None = None,
) -> None:
    found = {name: what(table) for name, table in tables.items()}
    known = {name: said for name, said in found.items() if said is not None}
    if len(set(known.values())) > 1:
        got = known if shown is None else {name: shown(tables[name]) for name in known}
        raise InvalidDefinitionError(field, problem, got=got, hint=hint)
