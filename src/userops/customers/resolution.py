"""How many of the rows that came without a customer belong to somebody who is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import attrs
import narwhals.stable.v2 as nw

from userops.charts import format_percent, timeline
from userops.core import frames
from userops.core.time import EPOCH_DAY
from userops.customers.result_tables import result_table
from userops.errors import InvalidArgumentError
from userops.events.columns import COUNTED, CUSTOMER_ID, INSTANT_US, STATUS
from userops.events.normalise import id_expr
from userops.events.table import EventTable
from userops.events.working_columns import own

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from userops.charts import Language

__all__ = ["Every", "Resolution", "ResolutionRow", "resolution_of"]

Every = Literal["day", "week", "month"]
_EVERY: tuple[Every, ...] = ("day", "week", "month")
_SHOWN = 6
_WORDS = {
    "en": ("Rows without a customer id that belong to a person", "share"),
    "zh": ("匿名事件的识别率", "占比"),
}


class ResolutionRow(NamedTuple):
    """One table in one period.

    Attributes:
        event: Name of the table.
        period: Its first day.
        rows: Rows that could count, with a customer or an identifier.
        anonymous: Those that came without a customer id.
        resolved: Of these, those that belong to somebody with a customer id of the host's.
        bound: Of these, those that belong to somebody, if only to his identifier.
    """

    event: str
    period: dt.date
    rows: int
    anonymous: int
    resolved: int
    bound: int


@attrs.frozen(eq=False, repr=False)
class Resolution:
    """The resolution of anonymous rows over time.

    Attributes:
        rows: By event and period.
        every: Length of a period.
        events: The tables, also those without rows.
    """

    rows: tuple[ResolutionRow, ...]
    every: Every
    events: tuple[str, ...]

    def rate(self, event: str | None = None) -> float | None:
        """Return which share of anonymous rows is resolved; None where there are none.

        Args:
            event: Of one table; None for all.

        Raises:
            InvalidArgumentError: If there is no such table; names the nearest.
        """
        if event is not None and event not in self.events:
            raise InvalidArgumentError.unknown("event", event, self.events)
        mine = [row for row in self.rows if event in (None, row.event)]
        anonymous = sum(row.anonymous for row in mine)
        return sum(row.resolved for row in mine) / anonymous if anonymous else None

    def table(self, like: Any) -> Any:
        """Return the rows as a frame of the type of another; `period` is ISO text."""
        rows = [row._asdict() | {"period": row.period.isoformat()} for row in self.rows]
        kinds: dict[str, Any] = dict.fromkeys(ResolutionRow._fields, "int")
        return result_table(like, rows, kinds | {"event": "text", "period": "text"})

    def plot(self, *, locale: Language = "en", ax: Axes | None = None) -> Axes:
        """Draw the share of anonymous rows that is resolved, a line for each table.

        Args:
            locale: `en` or `zh`.
            ax: Where to draw; None makes a new figure.
        """
        periods = sorted({row.period for row in self.rows})
        shares: dict[str, dict[dt.date, float]] = {}
        for row in self.rows:
            if row.anonymous:
                shares.setdefault(row.event, {})[row.period] = row.resolved / row.anonymous
        shares = shares or {event: {} for event in dict.fromkeys(row.event for row in self.rows)}
        title, label = _WORDS.get(locale, _WORDS["en"])
        return timeline(
            periods,
            series={n: [s.get(p) for p in periods] for n, s in (shares or {"": {}}).items()},
            title=title, y_label=label, values_format=format_percent, language=locale, ax=ax,
        )  # fmt: skip

    def __repr__(self) -> str:
        """Return the rate of each table, and of its latest periods."""
        lines = [f"Resolution by {self.every}"]
        for event in dict.fromkeys(row.event for row in self.rows):
            mine = [row for row in self.rows if row.event == event]
            lines.append(f"  {event}: {_said(mine)}")
            left = len(mine) - _SHOWN
            lines += [f"    … {left:,} earlier"] if left > 0 else []
            lines += [f"    {row.period}: {_said([row])}" for row in mine[-_SHOWN:]]
        return "\n".join(lines)


def _said(rows: Sequence[ResolutionRow]) -> str:
    anonymous = sum(row.anonymous for row in rows)
    rate = sum(row.resolved for row in rows) / anonymous if anonymous else None
    share = "none anonymous" if rate is None else f"{rate:.1%} of {anonymous:,} anonymous"
    return f"{sum(row.rows for row in rows):,} rows, {share}"


def resolution_of(
    tables: Mapping[str, EventTable], prefixes: tuple[str, ...], before_us: int, every: Every
) -> Resolution:
    """Count rows by table and period; one aggregate a table, nothing else is collected.

    Args:
        tables: Name to table, with persons as customers.
        prefixes: What the id of a person without an account begins with.
        before_us: The instant; rows from then on do not count.
        every: Length of a period; weeks begin on Monday.

    Raises:
        InvalidArgumentError: If the period is none.
    """
    if every not in _EVERY:
        raise InvalidArgumentError.unknown("every", str(every), _EVERY)
    found = []
    for event, table in tables.items():
        counts: dict[dt.date, list[int]] = {}
        for row in _by_day(table, prefixes, before_us):
            period = _start(dt.date.fromordinal(row["day"] + EPOCH_DAY), every)
            mine = counts.setdefault(period, [0, 0, 0, 0])
            for n, name in enumerate(("rows", "anonymous", "resolved", "bound")):
                mine[n] += int(row[name] or 0)
        found += [ResolutionRow(event, period, *counts[period]) for period in sorted(counts)]
    return Resolution(tuple(found), every, tuple(tables))


def _by_day(table: EventTable, prefixes: tuple[str, ...], before_us: int) -> list[dict[str, Any]]:
    columns, frame = table.columns, table.normalised
    instant, person = own(INSTANT_US), own(CUSTOMER_ID)
    good = ((own(STATUS) <= COUNTED) & (instant < before_us)).fill_null(False)
    anonymous: Any = nw.lit(1, nw.Int64)
    if columns.customer_id is not None:
        raw = id_expr(columns.customer_id, frame.collect_schema()[columns.customer_id])
        anonymous = raw.is_null().cast(nw.Int64)
    is_bound = ~person.is_null()
    has_account = is_bound
    for prefix in prefixes:
        has_account = has_account & ~person.str.starts_with(prefix).fill_null(False)
    rows = frame.filter(good)
    reach = frames.to_rows(rows.select(low=instant.min(), high=instant.max()))[0]
    if reach["low"] is None:
        return []
    between = int(reach["low"]), int(reach["high"])
    by_day = rows.select(
        columns.zone.day_expr(instant, between_us=between).alias("day"),
        anonymous.alias("anonymous"),
        (anonymous * has_account.cast(nw.Int64)).alias("resolved"),
        (anonymous * is_bound.cast(nw.Int64)).alias("bound"),
    )
    counts = by_day.group_by("day").agg(
        nw.len().alias("rows"), nw.col("anonymous", "resolved", "bound").sum()
    )
    return frames.to_rows(counts)


def _start(day: dt.date, every: Every) -> dt.date:
    if every == "month":
        return day.replace(day=1)
    return day - dt.timedelta(days=day.weekday()) if every == "week" else day
