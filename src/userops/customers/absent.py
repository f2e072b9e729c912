"""Why there is no such customer: what the error says to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.customers.agreement import kind_of_ids
from userops.events.columns import CUSTOMER_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

    from userops.customers.attribute_tables import AttributeTables
    from userops.customers.resolved import Resolved
    from userops.events.table import EventTable

__all__ = ["hint_among_persons", "hint_of_type"]


def hint_of_type(
    customer_id: str | int, tables: Mapping[str, EventTable], attributes: AttributeTables
) -> str | None:
    """Return that the same id is a customer as a number, or as text; None where it is not.

    Args:
        customer_id: The id that nobody has.
        tables: Event name to table.
        attributes: The tables of attributes.
    """
    other: str | int
    if isinstance(customer_id, str):
        if not (customer_id.isascii() and customer_id.removeprefix("-").isdigit()):
            return None
        other, kind = int(customer_id), "whole numbers"
    else:
        other, kind = str(customer_id), "text"
    if not -(2**63) <= int(other) < 2**63:
        return None
    is_there = attributes.of_customer(other, attributes.reach_of(other)) is not None or any(
        _has(table, other) for table in tables.values() if kind_of_ids(table) == kind
    )
    if not is_there:
        return None
    return f"ids are {kind} here, and {other!r} is a customer"


def _has(table: EventTable, customer_id: str | int) -> bool:
    counted = table.counted().select(CUSTOMER_ID)
    wanted = frames.constant(counted, CUSTOMER_ID, customer_id)
    found = counted.filter(nw.col(CUSTOMER_ID) == wanted).select(n=nw.len())
    return bool(frames.to_rows(found)[0]["n"])


def hint_among_persons(found: Resolved, customer_id: str) -> str | None:
    """Return who was meant, or why nothing is his, in a history with identities.

    Args:
        found: Who is who.
        customer_id: What was asked for.
    """
    current = found.current_id(customer_id)
    if current is not None:
        return (
            f"{current} is known, but no row is his: a row with a customer id is that customer's, "
            "any other its first known identifier's by priority"
        )
    for kind in found.kinds:
        if kind.name != CUSTOMER_ID and found.customer_id(kind.name, customer_id) is not None:
            return f"did you mean '{kind.name}:{customer_id}'?"
    return None
