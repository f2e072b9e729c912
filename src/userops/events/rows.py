"""The one normaliser, row by row: what `normalise.py` says in columns, for one row in a request.

Both take every decision in the same order and with the same primitives; the conformance tests hold
them equal. Duplicates are the exception: they can only be seen in a population.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from numbers import Integral
from typing import Any

import attrs

from userops.core import money
from userops.core.blanks import strip
from userops.core.patterns import compiled, portable
from userops.core.time import instant_of, is_missing
from userops.core.timetext import time_text
from userops.errors import ColumnNotFoundError, ColumnTypeError, MoneyOverflowError, MoneyScaleError
from userops.events.columns import (
    COUNTED,
    EPOCH_PATTERN,
    REASONS,
    TEXT_FLAGS,
    ByColumn,
    ByOrderId,
    EventColumns,
    OrderColumns,
)

__all__ = ["Row", "read_row"]

_LIMIT = 2**62


@attrs.frozen(kw_only=True)
class Row:
    """One normalised row.

    Attributes:
        customer_id: The customer, or None.
        order_id: The order, or None.
        event_id: The row's own id, or None.
        instant_us: Microseconds since 1970-01-01 UTC, or None where it has none.
        amount_minor_units: Exact money, negative on returns, or None for events.
        quantity: Units, negative on returns, or None.
        is_return: Whether the row is a return.
        reason: `counted`, `unresolved`, or why the row is quarantined.
        carried: The optional columns, by role.
    """

    customer_id: str | int | None
    order_id: str | int | None = None
    event_id: str | int | None = None
    instant_us: int | None = None
    amount_minor_units: int | None = None
    quantity: int | float | None = None
    is_return: bool = False
    reason: str = "counted"
    carried: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def is_counted(self) -> bool:
        """Whether the row counts for a known customer."""
        return self.reason == REASONS[COUNTED]


def read_row(row: Mapping[str, Any], columns: OrderColumns | EventColumns) -> Row:
    """Normalise one row of the host.

    Args:
        row: Column name to value, as the host's table would hold it.
        columns: The same mapping that reads the table.

    Raises:
        ColumnNotFoundError: If a mapped column is not in the row.
        ColumnTypeError: If an id is a float, or the time is of an unusable type.
        MoneyScaleError: If the amount does not fit the scale.
        MoneyOverflowError: If the amount leaves exact integers.
    """
    customer = _id(row, columns.customer_id)
    people = [customer, *(_id(row, column) for column in columns.identifiers.values())]
    reason = None if any(p is not None for p in people) else "no_customer"
    found: dict[str, Any] = {"customer_id": customer, "event_id": _id(row, columns.event_id)}
    if isinstance(columns, OrderColumns) and columns.order_id is not None:
        found["order_id"] = _id(row, columns.order_id)
        if found["order_id"] is None:
            reason = reason or "no_order_id"
    found["instant_us"], problem = _instant(_value(row, columns.time_column), columns)
    reason = reason or problem
    if isinstance(columns, OrderColumns):
        paid, problem = _money(row, columns, found.get("order_id"))
        found |= paid
        reason = reason or problem
        if reason is None:
            _check_money(found, columns)
        found.pop("misfit")
    if reason is None:
        reason = REASONS[COUNTED] if customer is not None else "unresolved"
    carried = {role: _value(row, column) for role, column in columns.carried().items()}
    return Row(reason=reason, carried=carried, **found)


def _value(row: Mapping[str, Any], column: str) -> Any:
    try:
        return row[column]
    except KeyError:
        raise ColumnNotFoundError(column, [str(k) for k in row]) from None


def _id(row: Mapping[str, Any], column: str | None) -> str | int | None:
    if column is None:
        return None
    value = _value(row, column)
    if is_missing(value) or (isinstance(value, str) and not strip(value)):
        return None
    if isinstance(value, str):
        return value
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return int(value)
    raise ColumnTypeError(
        column,
        "cannot be an id",
        got=f"{value!r} ({type(value).__name__})",
        allowed="text or whole numbers",
        hint="a float id may already be rounded; read it as text",
    )


def _instant(value: Any, columns: OrderColumns | EventColumns) -> tuple[int | None, str | None]:
    if is_missing(value):
        return None, "no_time"
    if isinstance(value, dt.date) and columns.time_format is None:
        return instant_of(value, columns.zone), None
    unit = columns.epoch_unit_us
    if isinstance(value, str) and unit is not None:
        if not strip(value):
            return None, "no_time"
        if not compiled(EPOCH_PATTERN).match(strip(value)):
            return None, "unreadable_time"
        value = int(value)
    if isinstance(value, Integral) and unit is not None:
        count = int(value)
        good = -(2**62 // unit) < count < 2**62 // unit
        return (count * unit, None) if good else (None, "unreadable_time")
    is_digits = isinstance(value, Integral) and columns.time_format is not None
    if (isinstance(value, str) or is_digits) and unit is None:
        text = str(value)
        if not strip(text):
            return None, "no_time"
        read = time_text(columns.time_format).read(text)
        if read is None:
            return None, "unreadable_time"
        clock, offset = read
        return (columns.zone.instant(clock) if offset is None else clock - offset), None
    raise ColumnTypeError(
        columns.time_column,
        "cannot be read as a time",
        got=f"{value!r} with time_format={columns.time_format!r}",
        allowed="a datetime, a date, or text",
    )


def _money(
    row: Mapping[str, Any], columns: OrderColumns, order_id: str | int | None
) -> tuple[dict[str, Any], str | None]:
    priced = columns.amount is None
    price_column = columns.unit_price if priced else columns.amount
    assert price_column is not None  # the definition's own check
    price = _number(row, price_column)
    quantity: int | float | None = None
    if columns.quantity is not None:
        quantity = _number(row, columns.quantity)
    problem = None
    if price is None or (priced and quantity is None):
        problem = "no_amount"
    elif not math.isfinite(price):
        problem = "unreadable_amount"
    elif quantity is not None and not _are_units(quantity):
        problem = "unreadable_quantity"
    elif priced and quantity is not None and price < 0 and quantity < 0:
        problem = "contradictory_sign"
    is_return = _is_return(row, columns, order_id, price, quantity)
    if is_return is None:
        problem, is_return = problem or "unreadable_return", False
    found = {"is_return": is_return, "amount_minor_units": None, "quantity": quantity}
    if problem is not None:
        return found | {"misfit": None}, problem
    assert price is not None  # a missing price is a problem
    units = quantity if priced else None
    if units is not None and not isinstance(units, int):
        # 1.5 kg at 2.00: only the product has to fit the scale.
        price, units = float(price) * units, None
    minor = money.minor_of(price, columns.scale, columns.rounding)
    found["misfit"] = price if minor is None else None
    if minor is not None and units is not None:
        minor *= units
    if minor is not None and is_return:
        minor = -abs(minor)
    if quantity is not None and is_return:
        found["quantity"] = -abs(quantity)
    return found | {"amount_minor_units": minor}, None


def _are_units(quantity: float) -> bool:
    """Whether a quantity is a number that a column of units can hold."""
    return abs(quantity) < (2**63 if isinstance(quantity, int) else math.inf)


def _number(row: Mapping[str, Any], column: str) -> int | float | None:
    value = _value(row, column)
    try:
        return money.number_of(value)
    except (TypeError, ValueError) as error:
        raise ColumnTypeError(
            column, "cannot be read as a number", got=repr(value),
            allowed="numbers, or text of numbers",
        ) from error  # fmt: skip


def _is_return(
    row: Mapping[str, Any],
    columns: OrderColumns,
    order_id: str | int | None,
    price: float | None,
    quantity: float | None,
) -> bool | None:
    by = columns.returns_by
    if isinstance(by, ByOrderId):
        return order_id is not None and bool(portable(by.pattern).python.search(str(order_id)))
    if isinstance(by, ByColumn):
        return _flag(_value(row, by.column))
    return (price is not None and price < 0) or (quantity is not None and quantity < 0)


def _flag(value: Any) -> bool | None:
    """Read a return flag: a missing one is down, None where it cannot be read."""
    if is_missing(value):
        return False
    if not isinstance(value, str):
        return bool(value)
    said = strip(value).lower()
    if said in TEXT_FLAGS[True]:
        return True
    return False if not said or said in TEXT_FLAGS[False] else None


def _check_money(found: dict[str, Any], columns: OrderColumns) -> None:
    misfit = found["misfit"]
    if misfit is None:
        if abs(found["amount_minor_units"]) <= _LIMIT:
            return
        raise MoneyOverflowError(
            "an amount leaves exact 64-bit integers", got=found["amount_minor_units"],
            allowed=f"up to 2**62 minor units at scale={columns.scale}",
        )  # fmt: skip
    if abs(misfit) * 10**columns.scale > money.EXACT_FLOAT:
        raise MoneyOverflowError(
            "a float amount is too large to be exact", got=misfit,
            allowed=f"up to 2**51 minor units at scale={columns.scale}",
        )  # fmt: skip
    wider = range(columns.scale + 1, money.MAX_SCALE + 1)
    raise MoneyScaleError(
        "an amount has more decimals than the declared scale",
        scale=columns.scale,
        needed_scale=next((s for s in wider if money.minor_of(misfit, s) is not None), None),
        got=misfit,
    )
