"""What a rule alone is asked: who it holds of, and whether one event satisfies it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.customers.given import as_history
from userops.errors import InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID, EventColumns, OrderColumns
from userops.events.rows import read_row
from userops.rules.custom import expanded
from userops.rules.events_of_one import EventIndex
from userops.rules.node import Rule
from userops.rules.one_customer import EventReader
from userops.rules.rule_set import RuleSet

if TYPE_CHECKING:
    from userops.core.time import AsOf
    from userops.customers.history import History
    from userops.rules.answering import Names

__all__ = ["customers_of", "matches_event"]


def customers_of(
    rule: Rule,
    history: History,
    as_of: AsOf,
    *,
    tags: Names | None = None,
    segments: Names | None = None,
    allow_python: bool = False,
) -> Any:
    """Return the customers of whom a rule holds; see `Rule.customers`."""
    history = as_history(history)
    asked = RuleSet({"holds": rule}, tags=tags, segments=segments)
    frame = asked.columns(
        history, as_of,
        everybody=asked.can_hold_of_nobody(history), allow_python=allow_python,
    )  # fmt: skip
    found = frame.filter(nw.col("holds")).select(CUSTOMER_ID)
    return history.source.give_back(found)


def matches_event(
    rule: Rule, row: Mapping[str, Any], columns: OrderColumns | EventColumns, event: str = "order"
) -> bool:
    """Return whether a row that counts satisfies a rule of scope `event`; see `Rule.matches`."""
    rule = expanded(rule)
    if rule.scope == "customer":
        raise InvalidDefinitionError(
            "rule", "is about the customer, not about one event", got=str(rule)
        )
    read = read_row(row, columns)
    if read.reason not in ("counted", "unresolved"):
        return False
    reader = EventReader(event, columns)
    holds = reader.rule(rule)
    index = EventIndex([read], getattr(columns, "scale", 0), columns.zone, has_orders=False)
    return bool(holds(tuple(index.values(name)[0] for name in reader.names)))
