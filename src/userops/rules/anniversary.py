"""Anniversaries: a day of the year that comes round within the next days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import DAY_US, Zone, floor_div, month_and_day, month_and_day_steps
from userops.core.values import Day, Instant
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.rules.comparisons import Condition, check_of_customer
from userops.rules.literals import kind_said
from userops.rules.locales import Locale
from userops.rules.reading import Column, ColumnReader, Holds, RowReader, Seen
from userops.rules.windows import Duration, check_duration, date_of

__all__ = ["Anniversary", "with_days_of_year"]


@attrs.frozen(eq=False)
class Anniversary(Condition):
    """A date comes round within the next days, counted from the local day of `as_of`.

    `days(1)` is today alone, `days(7)` today and the six days after it.

    Attributes:
        value: A date or a time; of a time, its local day counts.
        duration: Whole days, at most 366.
        leap_day: When 29 February is kept in years without one: `feb28` or `mar1`.
    """

    duration: Duration = attrs.field(validator=check_duration)
    leap_day: Literal["feb28", "mar1"] = attrs.field(default="feb28")

    def __attrs_post_init__(self) -> None:
        """Refuse what has no day of the year."""
        if self.duration.us % DAY_US or self.duration.us > 366 * DAY_US:
            raise InvalidDefinitionError(
                "duration", "must be whole days", got=str(self.duration), allowed="1 to 366 days"
            )
        if self.leap_day not in ("feb28", "mar1"):
            raise InvalidDefinitionError(
                "leap_day", "is not known", got=repr(self.leap_day), allowed="'feb28', 'mar1'"
            )
        check_of_customer(self.value)
        if self.value.kind not in (None, "day", "instant"):
            raise InvalidDefinitionError("value", "is no date", got=str(self.value))

    def days_of_year(self, as_of_us: int, where: Zone) -> frozenset[int]:
        """Return the days of the year that come round, as month times 100 plus day."""
        first = where.day(as_of_us)
        found = set()
        for day in map(date_of, range(first, first + self.duration.us // DAY_US)):
            found.add(day.month * 100 + day.day)
            is_leap = day.year % 4 == 0 and (day.year % 100 != 0 or day.year % 400 == 0)
            kept = {"feb28": (2, 28), "mar1": (3, 1)}[self.leap_day]
            if not is_leap and (day.month, day.day) == kept:
                found.add(229)
        return frozenset(found)

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        read, where, term = reader.term(self.value).read, reader.zone, self.value
        at: dict[int, frozenset[int]] = {}

        def holds(seen: Seen) -> bool:
            found: Any = read(seen)
            if found is None:
                return False
            if found.__class__ is Instant:
                found = where.day(found)
            elif found.__class__ is not Day:
                raise _no_date(term, repr(found))
            days = at.get(seen.before_us)
            if days is None:
                at.clear()
                days = at[seen.before_us] = self.days_of_year(seen.before_us, where)
            return month_and_day(found) in days

        return holds

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        if column.kind not in ("day", "instant", None):
            raise _no_date(self.value, kind_said(column.kind))
        if column.kind is None:
            return column.expr.is_null() & nw.lit(False)
        days = sorted(self.days_of_year(reader.as_of_us, reader.zone))  # type: ignore[attr-defined]
        known: nw.Expr = ~column.expr.is_null()
        code = reader.day_of_year(self.value)  # type: ignore[attr-defined]
        answer: nw.Expr = known & code.is_in(days)
        return answer

    def _said(self, locale: Locale) -> str:
        value, next_days = self.value._said(locale), self.duration.said(locale)
        if locale == "en":
            said = f"{value} comes round within {next_days} from today"
            return said + ("" if self.leap_day == "feb28" else ", 29 February on 1 March")
        said = f"从今天起{next_days}内逢{value}"
        return said + ("" if self.leap_day == "feb28" else "（2月29日按3月1日）")


def _no_date(term: object, got: str) -> ColumnTypeError:
    return ColumnTypeError(
        str(term), "is no date", got=got, allowed="dates or times",
        hint="Customers(frame, dates=[…]) reads a column of ISO text as dates; a value of one "
        "customer is a datetime.date",
    )  # fmt: skip


def with_days_of_year(
    frame: frames.Frame, dates: Mapping[str, tuple[Column, tuple[int, int]]], where: Zone
) -> frames.Frame:
    """Add the days of the year of dates and times, as month times 100 plus day.

    All columns take each step together: a step a column would be many plans inside each other.

    Args:
        frame: The rows.
        dates: Name of a column to add, to the column of kind `day` or `instant` that it reads, and
            to the first and the last instant in that, microseconds since 1970-01-01 UTC.
        where: The zone of the data.
    """
    values: dict[str, Any] = {}
    for name, (column, between_us) in dates.items():
        value = column.expr.fill_null(0)
        is_day = column.kind == "day"
        values[name] = value if is_day else where.day_expr(value, between_us=between_us)
    frame = frame.with_columns(**values)
    steps = {name: month_and_day_steps(nw.col(name), floor=floor_div) for name in dates}
    values = {name: next(step) for name, step in steps.items()}
    kept: list[str] = []
    while True:
        titles = {name: f"{name}_{len(kept) + n}" for n, name in enumerate(dates)}
        kept += titles.values()
        frame = frame.with_columns(**{titles[name]: value for name, value in values.items()})
        values, results = {}, {}
        for name, step in steps.items():
            try:
                values[name] = step.send(nw.col(titles[name]))
            except StopIteration as done:
                results[name] = done.value
        if results:
            return frame.with_columns(**results).drop(*kept)
