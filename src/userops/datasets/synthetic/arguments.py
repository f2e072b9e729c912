"""Checks of the arguments that describe a synthetic shop."""

from __future__ import annotations

import datetime as dt
import operator
from collections.abc import Iterable
from typing import Any

from userops.datasets.synthetic.dirt import Dirt
from userops.datasets.synthetic.workshop import TABLES
from userops.errors import InvalidArgumentError, nearest

__all__ = ["chosen_dirt", "chosen_tables", "mean_orders", "period", "whole_number"]

_EARLIEST, _LATEST = dt.date(2000, 1, 1), dt.date(2100, 1, 1)


def whole_number(argument: str, value: Any, *, at_least: int, at_most: int | None) -> int:
    """Return an argument as an int, or refuse it."""
    allowed = f"an integer >= {at_least}" + (f" and <= {at_most:,}" if at_most else "")
    try:
        # operator.index takes numpy's integers and refuses floats.
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or number < at_least or (at_most is not None and number > at_most):
        raise InvalidArgumentError(
            argument, "this number cannot be used", got=repr(value), allowed=allowed
        )
    return number


def mean_orders(value: Any) -> float:
    """Return the mean number of orders per customer, or refuse it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 100_000:
        raise InvalidArgumentError(
            "orders_per_customer",
            "this mean cannot be used",
            got=repr(value),
            allowed="a number > 0 and <= 100,000",
        )
    return float(value)


def period(start: Any, end: Any) -> tuple[dt.date, dt.date]:
    """Return the first day and the day after the last one, or refuse them."""
    for argument, day in (("start", start), ("end", end)):
        # A datetime is a date to isinstance, but its time of day would be lost.
        if isinstance(day, dt.datetime) or not isinstance(day, dt.date):
            raise InvalidArgumentError(
                argument,
                "this is not a date",
                got=repr(day),
                allowed="a datetime.date",
                hint="write date(2023, 1, 1); for a datetime take its .date()",
            )
        if not _EARLIEST <= day <= _LATEST:
            raise InvalidArgumentError(
                argument,
                "the day is out of range",
                got=day.isoformat(),
                allowed=f"{_EARLIEST} to {_LATEST}",
            )
    if end <= start:
        raise InvalidArgumentError(
            "end",
            "the shop would have no day, because end does not lie after start",
            got=f"start {start}, end {end}",
            allowed="a date after start",
            hint="end is exclusive: the day after the last one",
        )
    return start, end


def chosen_dirt(dirt: Any) -> Dirt | None:
    """Return the shares of dirt, None for a clean shop, or refuse what says neither."""
    if isinstance(dirt, Dirt):
        return dirt
    if isinstance(dirt, bool):
        return Dirt() if dirt else None
    raise InvalidArgumentError(
        "dirt", "this says no shares", got=repr(dirt), allowed="True, False or Dirt(…)"
    )


def chosen_tables(tables: Iterable[str] | None) -> tuple[str, ...]:
    """Return the wanted tables in the library's order, each once."""
    if tables is None:
        return TABLES
    if isinstance(tables, str):
        close = nearest(tables, TABLES) or "orders"
        raise InvalidArgumentError(
            "tables",
            "a single text is not a collection of names",
            got=repr(tables),
            allowed="a tuple of names",
            hint=f"write tables=({close!r},)",
        )
    names = list(tables)
    for name in names:
        if name not in TABLES:
            raise InvalidArgumentError.unknown("tables", str(name), TABLES)
    if not names:
        raise InvalidArgumentError(
            "tables", "no table is asked for", allowed=", ".join(TABLES), hint="None builds all"
        )
    return tuple(name for name in TABLES if name in names)
