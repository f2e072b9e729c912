"""Which rows of which table an event of a rule means, said once for customers and for columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

from userops.errors import InvalidArgumentError
from userops.events.columns import (
    ORDER_ID,
    QUANTITY,
    EventColumns,
    OrderColumns,
)
from userops.rules.features import AMOUNT
from userops.rules.selection import ORDER, RETURN, Selection

__all__ = ["Rows", "Which", "check_property", "is_money", "properties_of", "rows_of"]

# Purchases, returns, both (where sums are net of returns), or all rows of an event.
Which: TypeAlias = Literal["made", "back", "both", "all"]


class Rows(NamedTuple):
    """Rows of a table.

    Attributes:
        table: Name of the table in the history.
        which: Which of its rows.
    """

    table: str
    which: Which


def rows_of(
    selection: Selection,
    columns: Mapping[str, OrderColumns | EventColumns],
    *,
    summed: str | None = None,
    nets: bool = False,
) -> Rows:
    """Return the rows that a selection chooses from.

    Args:
        selection: The events.
        columns: Event name to mapping.
        summed: The property of which a sum is taken.
        nets: Whether sums of money and units are net of returns.

    Raises:
        InvalidArgumentError: If there is no such event; names the nearest.
    """
    name = selection.event
    if name in columns:
        if not isinstance(columns[name], OrderColumns):
            return Rows(name, "all")
        return Rows(name, "both" if nets and summed in (AMOUNT, QUANTITY) else "made")
    if name == RETURN and isinstance(columns.get(ORDER), OrderColumns):
        return Rows(ORDER, "back")
    known = [*columns, *([RETURN] if ORDER in columns and RETURN not in columns else [])]
    raise InvalidArgumentError.unknown("event", name, known)


def is_money(name: str | None, columns: OrderColumns | EventColumns) -> bool:
    """Whether a property is money: the amount of orders; events may have an `amount` of theirs."""
    return name == AMOUNT and isinstance(columns, OrderColumns)


def properties_of(columns: OrderColumns | EventColumns) -> tuple[str, ...]:
    """Return the names that `Prop` knows of a table."""
    names = list(columns.carried())
    if isinstance(columns, OrderColumns):
        names += [AMOUNT]
        names += [QUANTITY] if columns.quantity is not None else []
        names += [ORDER_ID] if columns.order_id is not None else []
    return tuple(names)


def _columns_of(columns: OrderColumns | EventColumns) -> dict[str, str]:
    """Return role to column of what `Prop` may name by its role."""
    named = {role: getattr(columns, role, None) for role in (AMOUNT, QUANTITY, ORDER_ID)}
    return columns.carried() | {role: name for role, name in named.items() if name is not None}


def check_property(name: str, event: str, columns: OrderColumns | EventColumns) -> None:
    """Refuse a property that a table does not carry.

    Raises:
        InvalidArgumentError: Names the nearest, and how to carry one along.
    """
    known = properties_of(columns)
    if name in known:
        return
    role = next((role for role, column in _columns_of(columns).items() if column == name), None)
    if role in known:
        raise InvalidArgumentError(
            "property", f"{name!r} is not known of {event!r}", allowed=", ".join(known),
            hint=f"that column is {role!r} here, because it is mapped so",
        )  # fmt: skip
    error = InvalidArgumentError.unknown("property", name, known)
    raise InvalidArgumentError(
        "property", f"{name!r} is not known of {event!r}", allowed=", ".join(known) or "none",
        hint=error.hint or f"carry the column along: properties=({name!r},)",
    )  # fmt: skip
