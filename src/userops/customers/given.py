"""What callers may pass where a history is needed."""

from __future__ import annotations

from typing import Any

from userops.customers.customer import Customer
from userops.customers.history import History
from userops.errors import InvalidArgumentError
from userops.events.table import Orders

__all__ = ["as_customer", "as_history"]


def as_customer(given: Any) -> Customer:
    """Return a customer who is one.

    Raises:
        InvalidArgumentError: If it is none, such as the id of one.
    """
    if isinstance(given, Customer):
        return given
    is_id = isinstance(given, str | int)
    raise InvalidArgumentError(
        "customer", "is no Customer", got=repr(given) if is_id else type(given).__name__,
        allowed="a Customer",
        hint=f"history.customer({given!r}, as_of)" if is_id else "history.customer(id, as_of)",
    )  # fmt: skip


def as_history(given: Any) -> History:
    """Return a history; orders alone are one.

    Raises:
        InvalidArgumentError: If it is neither.
    """
    if isinstance(given, History):
        return given
    if isinstance(given, Orders):
        return History(given)
    raise InvalidArgumentError(
        "history", "is no history", got=type(given).__name__,
        allowed="a History, or Orders alone",
        hint="name the columns of a frame: History({'order': Orders(df, …), 'scan': Events(…)})",
    )  # fmt: skip
