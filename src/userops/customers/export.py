"""Everything that is held about one person as one document: what a request for access asks for."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import Any

from userops.core import frames
from userops.core.time import datetime_of, is_missing
from userops.customers.holdings import REASON, Holding, Holdings
from userops.customers.identified_history import IdentifiedHistory
from userops.customers.identities import LinkEvidence

__all__ = ["exported"]


def exported(history: IdentifiedHistory, customer_id: str | int) -> dict[str, Any]:
    """Return the document; see `History.export`."""
    held = Holdings(history, customer_id)
    held.check_some()
    document: dict[str, Any] = {"customer_id": held.customer_id}
    if held.identities is not None:
        known = held.identities.identifiers(held.customer_id)
        links = held.identities.evidence(held.customer_id)
        document["identifiers"] = [
            {"kind": each.kind, "value": each.value, "written": [
                text for text in held.spellings[each.kind]
                if held.identities.node_of(each.kind, text)
                == held.identities.node_of(each.kind, each.value)
            ]}
            for each in known
        ]  # fmt: skip
        document["links"] = [_link(link) for link in links]
        document["decisions"] = [
            {
                "action": decision.action,
                "left": ":".join(decision.left),
                "right": ":".join(decision.right),
                "author": decision.author,
                "reason": decision.reason,
                "decided_at": _plain(datetime_of(decision.decided_us)),
            }
            for decision in held.decisions
        ]
    document["tables"] = {table.title: _rows(table) for table in held.tables}
    return document


def _link(link: LinkEvidence) -> dict[str, Any]:
    return {
        "left": str(link.left),
        "right": str(link.right),
        "first_seen_at": _plain(datetime_of(link.first_us)),
        "last_seen_at": _plain(datetime_of(link.last_us)),
        "rows": link.rows,
        "strength": link.strength,
        "origin": link.origin,
        "refused": link.reason or None,
    }


def _rows(table: Holding) -> list[dict[str, Any]]:
    names = table.source.frame.collect_schema().names()
    is_event = REASON in table.rows.collect_schema().names()
    taken = [*names, REASON] if is_event else names
    found = []
    for row in frames.to_rows(table.his.select(*taken)):
        reason = row.pop(REASON, "counted")
        said = {name: _plain(value) for name, value in row.items()}
        found.append(said if reason in ("counted", "unresolved") else said | {"reason": reason})
    return sorted(found, key=lambda row: _place(row, table.order))


def _place(row: dict[str, Any], order: str | None) -> tuple[bool, float, list[str]]:
    """Return what rows are put in order by: the time, where there is one, then all they say.

    Times that count from 1970, as numbers or as text of digits, are put in order as numbers.
    """
    time = None if order is None else row[order]
    try:
        count = int(time or 0)
    except ValueError:
        count = 0
    return order is not None and time is None, count, [str(time), *map(str, row.values())]


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it."""
    if is_missing(value):
        return None
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return {"type": "number", "value": str(value)}  # as documents of definitions hold it
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    return value
