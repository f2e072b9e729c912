"""A row of one customer given to the person whom its identifiers name; `identified` in columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from userops.core.time import is_missing
from userops.customers.resolved import Resolved
from userops.events.columns import COUNTED, REASONS, EventColumns, OrderColumns
from userops.events.rows import Row

__all__ = ["with_person"]


def with_person(
    row: Row, raw: Mapping[str, Any], columns: OrderColumns | EventColumns, found: Resolved
) -> Row:
    """Return a row with the person as its customer, and its status anew.

    Args:
        row: The row as it was read.
        raw: The row as the host holds it.
        columns: The mapping that read it.
        found: Who is who.
    """
    person = None
    if row.customer_id is not None:
        person = found.current_id(row.customer_id) or str(row.customer_id)
    priority = {kind.name: kind.priority for kind in found.kinds}
    for kind in sorted(columns.identifiers, key=lambda name: -priority[name]):
        value = raw.get(columns.identifiers[kind])
        if person is None and not is_missing(value):
            person = found.customer_id(kind, value)
    if row.reason not in (REASONS[COUNTED], "unresolved"):
        return attrs.evolve(row, customer_id=person)
    reason = "unresolved" if person is None else REASONS[COUNTED]
    return attrs.evolve(row, customer_id=person, reason=reason)
