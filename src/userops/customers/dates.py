"""Columns of dates, however the host holds them: dates, times, or ISO text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import Zone
from userops.core.values import reach_of
from userops.errors import ColumnTypeError
from userops.events.columns import INSTANT_US, EventColumns
from userops.events.normalise import with_instant
from userops.events.working_columns import PREFIX, own

__all__ = ["check_dates", "unreadable_dates", "with_days"]

_READ = (nw.String, nw.Categorical, nw.Enum, nw.Date, nw.Datetime, nw.Unknown)


def check_dates(source: frames.Source, names: Sequence[str]) -> None:
    """Refuse columns that no date can be read from.

    Raises:
        ColumnTypeError: Names the column and its type.
    """
    schema = source.frame.collect_schema()
    for name in names:
        if schema[name] not in _READ:
            raise ColumnTypeError(
                name, "holds no dates", got=frames.native_type(source, name),
                allowed="dates, datetimes, or ISO text such as 2024-01-31",
            )  # fmt: skip


def with_days(
    source: frames.Source, frame: frames.Frame, names: Sequence[str], where: Zone
) -> frames.Frame:
    """Add the days of columns of dates under `PREFIX`, as days since 1970-01-01.

    Of a time its local day counts, of a naive one the day that it names. Text that is no ISO date
    or time is null. Looks once at the reach of each column.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        names: The columns.
        where: The zone in which days are counted.
    """
    for name in names:
        columns = EventColumns(customer_id=name, occurred_at=name, time_zone=where.name)
        frame = with_instant(source, frame, columns)
        between_us = reach_of(frame, PREFIX + INSTANT_US) if where.changes_us else (0, 0)
        day: Any = where.day_expr(own(INSTANT_US), between_us=between_us)
        frame = frame.with_columns(day.alias(PREFIX + name))
    return frame


def unreadable_dates(source: frames.Source, names: Sequence[str], where: Zone) -> dict[str, int]:
    """Count the texts that are no dates, of each column that holds some; one look at the data."""
    schema = source.frame.collect_schema()
    texts = [name for name in names if schema[name] not in (nw.Date, nw.Datetime, nw.Unknown)]
    found = {}
    for name in texts:
        columns = EventColumns(customer_id=name, occurred_at=name, time_zone=where.name)
        frame = with_instant(source, source.frame, columns)
        bad = frame.filter(own(INSTANT_US).is_null() & ~own("no_time").fill_null(True))
        found[name] = int(frames.to_rows(bad.select(n=nw.len()))[0]["n"])
    return {name: n for name, n in found.items() if n}
