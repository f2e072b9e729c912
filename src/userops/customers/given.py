"""What callers may pass where a history is needed."""

from __future__ import annotations

from typing import Any

from userops.customers.history import History
from userops.errors import InvalidArgumentError
from userops.events.table import Orders

__all__ = ["as_history"]


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
