"""Which stretch of time counts: durations, and windows that end with the history.

Contract: a window is half-open, `[start, end)`, in instants. `days(n)` is n times 24 hours before
`as_of`; calendar windows count whole days, weeks (from Monday), months, quarters or years of a time
zone, of which the current one holds the last observed day (the day of the last microsecond before
`as_of`). No window reaches beyond `as_of`.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, TypeAlias

import attrs

from userops.core.definitions import Definition
from userops.core.time import DAY_US, EPOCH_DAY, Zone, instant_of, is_missing, zone
from userops.errors import InvalidDefinitionError
from userops.rules.literals import as_python, exact_moment
from userops.rules.locales import Locale
from userops.rules.node import Node, Scope, Term

__all__ = [
    "Calendar",
    "Duration",
    "Last",
    "Since",
    "Span",
    "Window",
    "as_window",
    "calendar_days",
    "calendar_months",
    "calendar_quarters",
    "calendar_weeks",
    "calendar_years",
    "date_of",
    "days",
    "hours",
    "minutes",
    "weeks",
]

_UNIT_US = {"minute": 60_000_000, "hour": 3_600_000_000, "day": DAY_US, "week": 7 * DAY_US}
_ZH = {"minute": "分钟", "hour": "小时", "day": "天", "week": "周", "month": "个月",
       "quarter": "个季度", "year": "年"}  # fmt: skip
_ZH_CURRENT = {"day": "当天", "week": "本周", "month": "本月", "quarter": "本季度", "year": "今年"}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_MOST = 200_000
Bounds: TypeAlias = tuple[int, int]


def _whole(lowest: int) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        good = isinstance(value, int) and not isinstance(value, bool)
        if not good or not lowest <= value <= _MOST:  # type: ignore[operator]
            raise InvalidDefinitionError(
                attribute.name, "must be a whole number", got=repr(value),
                allowed=f"{lowest} to {_MOST:,}",
            )  # fmt: skip

    return check


def _one_of(allowed: Any) -> Any:
    def check(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
        if value not in tuple(allowed):
            raise InvalidDefinitionError(
                attribute.name, "is not known", got=repr(value), allowed=", ".join(allowed)
            )

    return check


@attrs.frozen
class Duration(Definition):
    """A length of time; `days(90)`, `hours(16)` and so on build it.

    Attributes:
        amount: How many units, >= 1.
        unit: `minute`, `hour`, `day` (24 hours) or `week` (7 days).
    """

    amount: int = attrs.field(converter=as_python, validator=_whole(1))
    unit: Literal["minute", "hour", "day", "week"] = attrs.field(
        default="day", validator=_one_of(_UNIT_US)
    )

    @property
    def us(self) -> int:
        """The length in microseconds."""
        return self.amount * _UNIT_US[self.unit]

    def said(self, locale: Locale) -> str:
        """Say it in words."""
        if locale == "zh":
            return f"{self.amount}{_ZH[self.unit]}"
        return f"{self.amount:,} {self.unit}{'' if self.amount == 1 else 's'}"

    def __str__(self) -> str:
        """Return it in English."""
        return self.said("en")


def minutes(amount: int) -> Duration:
    """Return a duration of minutes."""
    return Duration(amount, "minute")


def hours(amount: int) -> Duration:
    """Return a duration of hours."""
    return Duration(amount, "hour")


def days(amount: int) -> Duration:
    """Return a duration of 24-hour days; `calendar_days` counts those of the calendar."""
    return Duration(amount, "day")


def weeks(amount: int) -> Duration:
    """Return a duration of seven 24-hour days each."""
    return Duration(amount, "week")


def check_duration(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no duration, as a validator of attrs."""
    if not isinstance(value, Duration):
        raise InvalidDefinitionError(
            attribute.alias or attribute.name, "is not a duration", got=repr(value),
            allowed="days(90), hours(16), minutes(30), weeks(2)",
        )  # fmt: skip


@attrs.frozen(eq=False)
class Window(Node):
    """A stretch of time relative to `as_of`."""

    def __eq__(self, other: object) -> bool:
        """Whether another window says the same."""
        return self.same_as(other) if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.key)

    @property
    def scope(self) -> Scope | None:
        """A window stands in either scope."""
        return None

    def bounds_us(self, as_of_us: int, where: Zone) -> Bounds:
        """Return the first instant that counts and the first that does not any more."""
        raise NotImplementedError


@attrs.frozen(eq=False)
class Last(Window):
    """The last n hours or days before `as_of`."""

    duration: Duration = attrs.field(validator=check_duration)

    def bounds_us(self, as_of_us: int, where: Zone) -> Bounds:
        """Return `[as_of - duration, as_of)`."""
        return as_of_us - self.duration.us, as_of_us

    def _said(self, locale: Locale) -> str:
        said = self.duration.said(locale)
        return f"in the last {said}" if locale == "en" else f"最近{said}内"


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            is_date = len(value) == len("2024-01-31")
            return dt.date.fromisoformat(value) if is_date else dt.datetime.fromisoformat(value)
        except ValueError:
            return value
    return exact_moment(value) if isinstance(value, dt.date) and not is_missing(value) else value


def _check_moment(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and (not isinstance(value, dt.date) or is_missing(value)):
        raise InvalidDefinitionError(
            attribute.name, "is not a point in time", got=repr(value),
            allowed="a date, a datetime, or ISO 8601 text",
        )  # fmt: skip


@attrs.frozen(eq=False)
class Span(Window):
    """Between two fixed instants.

    Attributes:
        start: First instant that counts; a date is the start of that day in the zone of the data.
        end: First instant that does not count any more; None is `as_of`.
    """

    start: dt.date = attrs.field(converter=_moment, validator=_check_moment)
    end: dt.date | None = attrs.field(default=None, converter=_moment, validator=_check_moment)

    def __attrs_post_init__(self) -> None:
        """Refuse a span that ends before it starts."""
        if self.start is None:
            raise InvalidDefinitionError("start", "is needed")
        if self.end is None:
            return
        start, end = (_comparable(value) for value in (self.start, self.end))
        if (start.tzinfo is None) == (end.tzinfo is None) and start >= end:
            raise InvalidDefinitionError(
                "end", "must lie after start", got=f"{self.start} to {self.end}"
            )

    def bounds_us(self, as_of_us: int, where: Zone) -> Bounds:
        """Return the two instants, the second not after `as_of`."""
        end = as_of_us if self.end is None else min(instant_of(self.end, where), as_of_us)
        return instant_of(self.start, where), end

    def _said(self, locale: Locale) -> str:
        if self.end is None:
            return f"since {self.start}" if locale == "en" else f"自{self.start}起"
        if locale == "en":
            return f"from {self.start} to before {self.end}"
        return f"{self.start}至{self.end}（不含）"


def _comparable(value: dt.date) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001 - compared alone


def _zone_name(name: str) -> str:
    return zone(name).name


@attrs.frozen(eq=False)
class Calendar(Window):
    """Whole units of the calendar; `calendar_months(1)` and so on build it.

    Attributes:
        count: How many units, >= 1; the last of them ends the window.
        unit: `day`, `week` (from Monday), `month`, `quarter` or `year`.
        ago: How many units the window ends before the current one; 0 holds the current one, as far
            as it has been observed.
        time_zone: IANA zone; None is the zone of the data.
    """

    count: int = attrs.field(converter=as_python, validator=_whole(1))
    unit: Literal["day", "week", "month", "quarter", "year"] = attrs.field(
        validator=_one_of(("day", "week", "month", "quarter", "year"))
    )
    ago: int = attrs.field(default=0, converter=as_python, validator=_whole(0))
    time_zone: str | None = attrs.field(
        default=None, converter=attrs.converters.optional(_zone_name)
    )

    def bounds_us(self, as_of_us: int, where: Zone) -> Bounds:
        """Return the start of the first unit, and the end of the last one or `as_of`."""
        there = where if self.time_zone is None else zone(self.time_zone)
        today = date_of(there.day(as_of_us - 1))
        first = _unit_start(today, self.unit, self.ago + self.count - 1)
        last = _unit_start(today, self.unit, self.ago - 1) if self.ago else None
        end = as_of_us if last is None else min(instant_of(last, there), as_of_us)
        return instant_of(first, there), end

    def _said(self, locale: Locale) -> str:
        plural = "" if self.count == 1 else "s"
        if locale == "en":
            if self.ago == 0:
                number = "" if self.count == 1 else f" and the {self.count - 1} before it"
                said = f"in the current calendar {self.unit}{number}"
            elif self.ago == 1:
                number = "" if self.count == 1 else f"{self.count} "
                said = f"in the previous {number}calendar {self.unit}{plural}"
            else:
                said = f"in {self.count} calendar {self.unit}{plural} ending {self.ago} before now"
            return said + (f" ({self.time_zone})" if self.time_zone else "")
        unit = _ZH[self.unit]
        if self.ago == 0:
            said = f"{_ZH_CURRENT[self.unit]}" + (
                f"及之前{self.count - 1}{unit}" if self.count > 1 else ""
            )
        else:
            said = f"往前第{self.ago}{unit}起的{self.count}个自然{unit.removeprefix('个')}"
        return said + (f"（{self.time_zone}）" if self.time_zone else "")


def date_of(day: int) -> dt.date:
    """Return the date of a day since 1970-01-01; the first or last that Python has beyond them."""
    return dt.date.fromordinal(min(max(EPOCH_DAY + day, 1), dt.date.max.toordinal()))


def _unit_start(day: dt.date, unit: str, back: int) -> dt.date:
    """Return the first day of the unit that lies `back` units before the one of a day."""
    if unit in ("day", "week"):
        monday = day.weekday() if unit == "week" else 0
        ordinal = day.toordinal() - monday - back * (7 if unit == "week" else 1)
        return dt.date.fromordinal(max(ordinal, 1))
    size = _MONTHS[unit]
    month = (day.year * 12 + day.month - 1) // size * size - back * size
    return dt.date(max(month // 12, 1), month % 12 + 1, 1)


def calendar_days(count: int = 1, *, ago: int = 0, time_zone: str | None = None) -> Calendar:
    """Return the last observed day and the `count - 1` days before it, `ago` days earlier."""
    return Calendar(count, "day", ago, time_zone)


def calendar_weeks(count: int = 1, *, ago: int = 0, time_zone: str | None = None) -> Calendar:
    """Return calendar weeks from Monday; `ago=1` ends with the last complete week."""
    return Calendar(count, "week", ago, time_zone)


def calendar_months(count: int = 1, *, ago: int = 0, time_zone: str | None = None) -> Calendar:
    """Return calendar months; `calendar_months()` is this month, `ago=1` the previous one."""
    return Calendar(count, "month", ago, time_zone)


def calendar_quarters(count: int = 1, *, ago: int = 0, time_zone: str | None = None) -> Calendar:
    """Return calendar quarters; see `calendar_months`."""
    return Calendar(count, "quarter", ago, time_zone)


def calendar_years(count: int = 1, *, ago: int = 0, time_zone: str | None = None) -> Calendar:
    """Return calendar years; see `calendar_months`."""
    return Calendar(count, "year", ago, time_zone)


def _check_instant(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Term) or value.kind not in ("instant", None):
        raise InvalidDefinitionError(
            attribute.name, "is not an instant", got=str(value),
            allowed="Did(…).first(), Did(…).last(), or an attribute that holds a time",
        )  # fmt: skip
    if value.scope == "event":
        raise InvalidDefinitionError(
            attribute.name, "is about one event, not about the customer", got=str(value)
        )


@attrs.frozen(eq=False)
class Since(Window):
    """From an instant that differs from customer to customer; of a missing one, nothing counts.

    Attributes:
        start: The first instant that counts.
        lasting: How long; None is up to `as_of`.
    """

    start: Term = attrs.field(validator=_check_instant)
    lasting: Duration | None = attrs.field(
        default=None, validator=attrs.validators.optional(check_duration)
    )

    def bounds_us(self, as_of_us: int, where: Zone) -> Bounds:
        """Not the same for all customers."""
        raise NotImplementedError

    def _said(self, locale: Locale) -> str:
        start = self.start._said(locale)
        if self.lasting is None:
            return f"since {start}" if locale == "en" else f"自{start}起"
        lasting = self.lasting.said(locale)
        return f"within {lasting} from {start}" if locale == "en" else f"自{start}起{lasting}内"


def as_window(value: Any) -> Window:
    """Return the window that a duration or a window stands for.

    Raises:
        InvalidDefinitionError: If it is neither.
    """
    if isinstance(value, Duration):
        return Last(value)
    if isinstance(value, Window):
        return value
    raise InvalidDefinitionError(
        "within", "is not a window", got=repr(value),
        allowed="days(90), hours(16), calendar_months(1), or another window of userops.rules",
    )  # fmt: skip
