"""Rules decided by plain Python over the host's own rows, written from the documents alone.

Nothing here imports how rules are compiled: nodes are read by their public fields, times by
`zoneinfo`, money by `Fraction`. It is slow, and that is all it may be.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

US = dt.timedelta(microseconds=1)
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
HOW: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip
SCALE = 1000


class Money(Fraction):
    """An exact amount in major units."""


def exact(value: Any) -> Any:
    """Return the decimal that a number was written as; infinities as they are."""
    if isinstance(value, float) and math.isinf(value):
        return value
    return Fraction(repr(value))


class Oracle:
    """Answers rules about the trap history.

    Args:
        tables: What `trap_tables` gives.
        as_of: A clock reading in the zone.
        zone: Name of the zone.
        tags: What `HasTag` names.
        segments: What `InSegment` names.
    """

    def __init__(
        self,
        tables: Mapping[str, pa.Table],
        as_of: str,
        zone: str,
        *,
        tags: Mapping[str, Any] | None = None,
        segments: Mapping[str, Any] | None = None,
    ) -> None:
        self.zone = ZoneInfo(zone)
        self.as_of = self.instant(dt.datetime.fromisoformat(as_of))
        self.names = {"HasTag": tags or {}, "InSegment": segments or {}}
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for event in ("order", "view", "cart", "scan"):
            self.rows[event] = [self._row(event, n, r) for n, r in
                                enumerate(tables[event].to_pylist())]  # fmt: skip
        self.rows["return"] = [r for r in self.rows["order"] if r["back"]]
        self.current = {row["who"]: row for row in tables["customers"].to_pylist()}
        self.dated = [*tables["texts"].to_pylist(), *tables["numbers"].to_pylist()]
        self.of: dict[Any, dict[str, list[dict[str, Any]]]] = {}
        for event, rows in self.rows.items():
            for row in rows:
                self.of.setdefault(row["who"], {}).setdefault(event, []).append(row)
        self._population: list[Any] | None = None
        self._known: dict[Any, Any] = {}

    # Reading

    def instant(self, value: dt.date) -> dt.datetime:
        """Return an instant in UTC: of a clock reading here, or the start of a day here."""
        if not isinstance(value, dt.datetime):
            value = dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001
        if value.tzinfo is None:
            value = value.replace(tzinfo=self.zone, fold=0)
        return value.astimezone(dt.UTC)

    def plain(self, value: Any) -> Any:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        return self.instant(value) if isinstance(value, dt.datetime) else value

    def day(self, instant: dt.datetime) -> dt.date:
        return instant.astimezone(self.zone).date()

    def _row(self, event: str, number: int, raw: dict[str, Any]) -> dict[str, Any]:
        row = {"who": raw["who"], "at": self.instant(raw["at"]), "row": (event, number)}
        row["props"] = {k: self.plain(v) for k, v in raw.items() if k not in ("who", "at")}
        row["back"] = False
        if event == "order":
            props = row["props"]
            row["back"] = raw["paid"] < 0 or raw["units"] < 0
            sign = -1 if row["back"] else 1
            props["amount"] = Money(sign * abs(exact(props.pop("paid"))))
            props["quantity"] = sign * abs(props.pop("units"))
            props["order_id"] = props.pop("no")
            props["product_id"] = props.pop("product")
        return row

    @property
    def population(self) -> list[Any]:
        """Everybody of whom anything is known before the instant."""
        if self._population is None:
            found = set(self.current)
            found |= {r["who"] for rows in self.rows.values() for r in rows if r["at"] < self.as_of}
            found |= {r["who"] for r in self.dated if self.instant(r["valid_from"]) < self.as_of}
            self._population = sorted(found)
        return self._population

    # Windows

    def bounds(self, window: Any, who: Any) -> tuple[dt.datetime, dt.datetime] | None:
        kind = type(window).__name__
        if kind == "Last":
            return self.as_of - window.duration.us * US, self.as_of
        if kind == "Span":
            end = self.as_of if window.end is None else self.instant(window.end)
            return self.instant(window.start), min(end, self.as_of)
        if kind == "Since":
            start = self.term(window.start, who)
            if start is None:
                return None
            end = self.as_of
            if window.lasting is not None:
                end = min(end, start + window.lasting.us * US)
            return start, end
        zone = self.zone if window.time_zone is None else ZoneInfo(window.time_zone)
        day = (self.as_of - US).astimezone(zone).date()
        starts = [_unit_of(day, window.unit)]
        while len(starts) < window.ago + window.count:
            starts.append(_unit_of(starts[-1] - dt.timedelta(days=1), window.unit))
        first, end = starts[-1], starts[window.ago - 1] if window.ago else None
        there = [
            None if d is None
            else dt.datetime(d.year, d.month, d.day, tzinfo=zone).astimezone(dt.UTC)
            for d in (first, end)
        ]  # fmt: skip
        assert there[0] is not None
        return there[0], self.as_of if there[1] is None else min(there[1], self.as_of)

    def selected(self, events: Any, who: Any, *, both: bool = False) -> list[dict[str, Any]]:
        """Return the rows of a selection, in time order."""
        mine = self.of.get(who, {}).get(events.event, [])
        if events.event == "order" and not both:
            mine = [row for row in mine if not row["back"]]
        found = [row for row in mine if row["at"] < self.as_of]
        if events.window is not None:
            bounds = self.bounds(events.window, who)
            found = [r for r in found if bounds is not None and bounds[0] <= r["at"] < bounds[1]]
        if events.condition is not None:
            found = [r for r in found if self.rule(events.condition, r["props"])]
        return sorted(found, key=lambda row: row["at"])

    # Values

    def term(self, term: Any, who: Any) -> Any:
        """Return a value of a customer; of an event's property where `who` is that event."""
        kind = type(term).__name__
        if kind == "Prop":
            return who[term.name]
        key = (term.key, who)
        if key not in self._known:
            self._known[key] = self._term(kind, term, who)
        return self._known[key]

    def _term(self, kind: str, term: Any, who: Any) -> Any:
        if kind == "Attr":
            return self._attribute(term.name, who)
        if kind == "Ratio":
            over, under = self.term(term.over, who), self.term(term.under, who)
            return None if over is None or not under else _ratio(over, under)
        return self._aggregate(term, who)

    def _attribute(self, name: str, who: Any) -> Any:
        if name in ("city", "level", "rating", "share"):
            rows = [r for r in self.dated if r["who"] == who and r["name"] == name]
            rows = [r for r in rows if self.instant(r["valid_from"]) < self.as_of]
            if not rows:
                return None
            last = max(self.instant(r["valid_from"]) for r in rows)
            values = [self.plain(r["value"]) for r in rows if self.instant(r["valid_from"]) == last]
            return max((v for v in values if v is not None), default=None)
        return self.plain(self.current.get(who, {}).get(name))

    def _aggregate(self, term: Any, who: Any) -> Any:
        how, of = term.how, term.of
        nets = how == "sum" and of in ("amount", "quantity") and term.events.event == "order"
        rows = self.selected(term.events, who, both=nets)
        if how == "count":
            is_order = term.events.event in ("order", "return")
            return len({r["props"]["order_id"] for r in rows}) if is_order else len(rows)
        if how == "active_days":
            return len({self.day(r["at"]) for r in rows})
        if how.startswith("days_since"):
            if not rows:
                return None
            at = rows[0 if how == "days_since_first" else -1]["at"]
            return (self.day(self.as_of - US) - self.day(at)).days
        if how in ("first", "last") and of is None:
            return rows[0 if how == "first" else -1]["at"] if rows else None
        known = [(r["at"], r["props"][of], r) for r in rows if r["props"][of] is not None]
        values = [value for _, value, _ in known]
        if how in ("sum", "mean"):
            return _added(values, mean=how == "mean")
        if how in ("min", "max"):
            return None if not values else (min if how == "min" else max)(values)
        if how == "n_unique":
            return len(set(values))
        if how in ("first", "last"):
            if not known:
                return None
            edge = known[0 if how == "first" else -1][0]
            return min(value for at, value, _ in known if at == edge)
        weights: dict[Any, Any] = {}
        given = dict(getattr(term, "weights", ()))
        for _, value, row in known:
            if type(term).__name__ == "WeightedTop":
                weight: Any = given.get(value, term.unseen)
            elif term.by is None:
                weight = 1
            else:
                weight = _units(row["props"][term.by])
            weights[value] = weights.get(value, 0) + weight
        return min((v for v, w in weights.items() if w == max(weights.values())), default=None)

    # Rules

    def rule(self, rule: Any, who: Any) -> bool:
        """Decide a rule of a customer, or of an event's properties."""
        found = getattr(self, f"_{type(rule).__name__.lower()}")(rule, who)
        assert isinstance(found, bool)
        return found

    def _all(self, rule: Any, who: Any) -> bool:
        return all(self.rule(part, who) for part in rule.rules)

    def _anyof(self, rule: Any, who: Any) -> bool:
        return any(self.rule(part, who) for part in rule.rules)

    def _not(self, rule: Any, who: Any) -> bool:
        return not self.rule(rule.rule, who)

    def _isknown(self, rule: Any, who: Any) -> bool:
        return self.term(rule.value, who) is not None

    def _compares(self, value: Any, how: str, to: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, Money):
            return HOW[how](Fraction(value), exact(to))
        if isinstance(value, dt.datetime):
            if not isinstance(to, dt.datetime):
                value = self.day(value)
            else:
                to = self.instant(to)
        return HOW[how](value, to)

    def _compare(self, rule: Any, who: Any) -> bool:
        return self._compares(self.term(rule.value, who), rule.how, rule.to)

    def _between(self, rule: Any, who: Any) -> bool:
        value = self.term(rule.value, who)
        return self._compares(value, ">=", rule.low) and self._compares(value, "<=", rule.high)

    def _isin(self, rule: Any, who: Any) -> bool:
        value = self.term(rule.value, who)
        return any(self._compares(value, "==", option) for option in rule.options)

    def _text(self, rule: Any, who: Any) -> bool:
        value = self.term(rule.value, who)
        if value is None:
            return False
        n = len(rule.part)
        places = {"starts_with": [0], "ends_with": [len(value) - n],
                  "contains": range(len(value) - n + 1)}  # fmt: skip
        return any(i >= 0 and value[i : i + n] == rule.part for i in places[rule.how])

    def _compareterms(self, rule: Any, who: Any) -> bool:
        one, other = self.term(rule.value, who), self.term(rule.to, who)
        if one is None or other is None:
            return False
        if isinstance(one, float) or isinstance(other, float):
            one, other = float(one), float(other)
        return HOW[rule.how](one, other)

    def _anniversary(self, rule: Any, who: Any) -> bool:
        value = self.term(rule.value, who)
        if value is None:
            return False
        born = self.day(value) if isinstance(value, dt.datetime) else value
        today = self.day(self.as_of)
        coming = [today + dt.timedelta(days=n) for n in range(rule.duration.us // 86_400_000_000)]
        return any(_kept(born, day.year, rule.leap_day) == day for day in coming)

    def _pilot(self, rule: Any, who: Any) -> bool:
        digest = hashlib.md5(f"{rule.name}:{who}".encode(), usedforsecurity=False).digest()
        place = (int.from_bytes(digest[:8], "big") >> 1) % 10_000
        start = Fraction(repr(rule.start)) * 10_000
        return bool(start <= place < start + Fraction(repr(rule.share)) * 10_000)

    def _did(self, rule: Any, who: Any) -> bool:
        return bool(self.selected(rule, who))

    def _insegment(self, rule: Any, who: Any) -> bool:
        return self.rule(self.names["InSegment"][rule.name], who)

    def _hastag(self, rule: Any, who: Any) -> bool:
        named = self.names["HasTag"][rule.name]
        found = named.as_rule(rule.value) if hasattr(named, "as_rule") else named
        return self.rule(found, who)

    def _percentile(self, rule: Any, who: Any) -> bool:
        value = self.term(rule.value, who)
        values = [self.term(rule.value, other) for other in self.population]
        ranked = sorted(v for v in values if v is not None)
        if value is None or not ranked:
            return False
        low, high = (
            None if share in (0, 1)
            else ranked[max(math.ceil(Fraction(repr(share)) * len(ranked)), 1) - 1]
            for share in (rule.low, rule.high)
        )  # fmt: skip
        return (low is None or value > low) and (high is None or value <= high)

    def _topn(self, rule: Any, who: Any) -> bool:
        values = {other: self.term(rule.value, other) for other in self.population}
        ids = sorted(other for other, value in values.items() if value is not None)
        return who in sorted(ids, key=lambda other: values[other], reverse=True)[: rule.n]

    def _event(self, row: dict[str, Any]) -> tuple[Any, dt.datetime]:
        """Return what a row is a part of, and when that was: an order is at its first line."""
        if row["row"][0] != "order":
            return row["row"], row["at"]
        number = row["props"]["order_id"]
        lines = [
            r for r in self.of[row["who"]]["order"]
            if r["props"]["order_id"] == number and r["back"] == row["back"]
        ]  # fmt: skip
        return ("order", number, row["back"]), min(r["at"] for r in lines)

    def _sequence(self, rule: Any, who: Any) -> bool:
        chosen = [[self._event(r) for r in self.selected(s, who)] for s in rule.steps]
        steps = [{event for event, _ in step} for step in chosen]
        without = [self._event(r)[1] for s in rule.without for r in self.selected(s, who)]
        rows = {event: at for step in chosen for event, at in step}
        within = None if rule.within is None else rule.within.us * US

        def place(row: Any) -> Any:
            fills = [k for k, step in enumerate(steps) if row in step]
            return rows[row], fills[0], fills[-1], sum(1 << k for k in fills)

        order = {place(row): [] for row in rows}  # type: ignore[var-annotated]
        for row in rows:
            order[place(row)].append(row)
        ordered = [row for _, group in sorted(order.items()) for row in group]
        return _follows(ordered, rows, steps, within, without)


def _follows(
    ordered: Sequence[Any], at: Mapping[Any, dt.datetime], steps: Sequence[set[Any]],
    within: dt.timedelta | None, without: Sequence[dt.datetime],
) -> bool:  # fmt: skip
    """Try every start, every end, and every way to fill the steps between, in order."""

    def fills(begin: int, step: int, first: dt.datetime) -> bool:
        for i in range(begin, len(ordered)):
            row = ordered[i]
            if row not in steps[step]:
                continue
            if step < len(steps) - 1:
                if fills(i + 1, step + 1, first):
                    return True
                continue
            if within is not None and at[row] - first > within:
                continue
            if not any(first < moment < at[row] for moment in without):
                return True
        return False

    return any(fills(i + 1, 1, at[row]) for i, row in enumerate(ordered) if row in steps[0])


def _unit_of(day: dt.date, unit: str) -> dt.date:
    """Return the first day of a unit of the calendar, found by walking back."""
    first = {
        "day": lambda d: True, "week": lambda d: d.isoweekday() == 1, "month": lambda d: d.day == 1,
        "quarter": lambda d: d.day == 1 and d.month in (1, 4, 7, 10),
        "year": lambda d: (d.month, d.day) == (1, 1),
    }[unit]  # fmt: skip
    while not first(day):
        day -= dt.timedelta(days=1)
    return day


def _kept(born: dt.date, year: int, leap_day: str) -> dt.date:
    """Return the day on which a birthday is kept in a year."""
    try:
        return born.replace(year=year)
    except ValueError:
        return dt.date(year, 2, 28) if leap_day == "feb28" else dt.date(year, 3, 1)


def _units(value: Any) -> Fraction:
    """Return what a number adds to a sum: floats in steps of a millionth, ties to even."""
    if value is None:
        return Fraction(0)
    if isinstance(value, float):
        return Fraction(round(exact(value) * 10**6), 10**6)
    return Fraction(value)


def _added(values: Sequence[Any], *, mean: bool) -> Any:
    total = sum((_units(v) for v in values), Fraction(0))
    if mean:
        units = 10**6 if values and isinstance(values[0], float) else SCALE
        # Exact as a sum, and divided once, as floats.
        units = 1 if values and type(values[0]) is int else units
        return float(total * units) / float(len(values) * units) if values else None
    if values and isinstance(values[0], Money):
        return Money(total)
    return float(total) if values and isinstance(values[0], float) else total


def _ratio(over: Any, under: Any) -> float | None:
    """Divide floats; money counts whole minor units, and the other number is multiplied."""
    of_money = [isinstance(v, Money) for v in (over, under)]
    above, below = (float(v * SCALE) if isinstance(v, Money) else float(v) for v in (over, under))
    if of_money == [True, False]:
        below *= SCALE
    elif of_money == [False, True]:
        above *= SCALE
    found = above / below
    return None if math.isnan(found) else found


__all__ = ["Money", "Oracle"]
