"""Rules as functions of one customer: what is answered inside a request.

A plan is made once for the mappings with which customers are read, and asked for each customer and
instant. Values over events are taken when a rule first asks for them, and once for all rules.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from userops.core.sequences import Steps, completes_one
from userops.core.time import Zone
from userops.customers.customer import Customer
from userops.errors import InvalidDefinitionError
from userops.events.columns import EventColumns, OrderColumns
from userops.rules.comparisons import Compare
from userops.rules.events_of_one import Matches, index_of
from userops.rules.features import Aggregate
from userops.rules.node import Rule, Term
from userops.rules.one_feature import taking
from userops.rules.reading import Column, Holds, Reading
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence
from userops.rules.tables import check_property, is_money, rows_of
from userops.rules.value import Attr, Prop, Ratio
from userops.rules.windows import Since, Window

__all__ = ["CustomerPlan", "EventReader", "View", "plan_of"]

_UNSET: Any = object()
_ALWAYS_US = -(2**63)
_KEEPS_MONEY = ("sum", "min", "max", "first", "last", "top")
Columns = Mapping[str, OrderColumns | EventColumns]
Read = Callable[[Any], Any]


class View:
    """A customer as of an instant, as compiled rules see him."""

    __slots__ = ("attributes", "before_us", "bounds", "cache", "customer", "customer_id")

    def __init__(self, customer: Customer, before_us: int, size: int, bounds: list[Any]) -> None:
        self.customer = customer
        self.customer_id = customer.customer_id
        self.before_us = before_us
        kept = customer.kept.get(View)
        if kept is None or kept[0] != before_us:
            # A dict of one's own is read faster than the read-only view that the customer gives.
            kept = (before_us, dict(customer.attributes_before(before_us)))
            customer.kept[View] = kept
        self.attributes: dict[str, Any] = kept[1]
        self.cache = [_UNSET] * size
        self.bounds = bounds


class EventReader:
    """Compiles rules of scope `event`: functions of the tuple of the properties they look at.

    Attributes:
        zone: The zone of the data.
        names: The properties, in the order in which the functions expect them.
    """

    def __init__(self, event: str, columns: OrderColumns | EventColumns) -> None:
        self.zone = columns.zone
        self.names: list[str] = []
        self._event, self._columns = event, columns

    def term(self, term: Term) -> Reading:
        """Return the function that reads a property."""
        if not isinstance(term, Prop):
            raise InvalidDefinitionError("where", "is not about one event", got=str(term))
        check_property(term.name, self._event, self._columns)
        if term.name not in self.names:
            self.names.append(term.name)
        read = itemgetter(self.names.index(term.name))
        if is_money(term.name, self._columns):
            return Reading(read, "money", getattr(self._columns, "scale", 0))
        return Reading(read)

    def rule(self, rule: Rule) -> Holds:
        """Return the function that decides a rule."""
        return rule.row(self)


class CustomerPlan:
    """Compiles rules and terms of scope `customer` for the mappings of a host.

    Attributes:
        zone: The zone of the data.
    """

    def __init__(self, columns: Columns, zone: Zone, *, nets: bool) -> None:
        self.zone = zone
        self._columns = dict(columns)
        self._nets = nets
        self._size = 0
        self._windows: list[Window] = []
        self._places: dict[str, Any] = {}
        self._bounds_at: tuple[int, list[Any]] = (_ALWAYS_US, [])

    def view(self, customer: Customer, before_us: int) -> View:
        """Return a customer as of an instant, for the functions of this plan."""
        at, bounds = self._bounds_at
        if at != before_us or len(bounds) != len(self._windows):
            bounds = [window.bounds_us(before_us, self.zone) for window in self._windows]
            self._bounds_at = (before_us, bounds)
        return View(customer, before_us, self._size, bounds)

    def rule(self, rule: Rule) -> Holds:
        """Return the function that decides a rule."""
        return rule.row(self)

    def term(self, term: Term) -> Reading:
        """Return the function that reads a term."""
        if isinstance(term, Attr):
            name = term.name
            return Reading(lambda view: view.attributes.get(name), attribute=name)
        found = self._places.get(term.key)
        if found is None:
            if isinstance(term, Aggregate):
                found = self._aggregate(term)
            elif isinstance(term, Ratio):
                found = self._ratio(term)
            else:
                raise InvalidDefinitionError(
                    "value", "is not a value of the customer", got=str(term)
                )
            self._places[term.key] = found
        return found

    def _cached(self, compute: Read) -> Read:
        place = self._size
        self._size += 1

        def read(view: View) -> Any:
            found = view.cache[place]
            if found is _UNSET:
                found = view.cache[place] = compute(view)
            return found

        return read

    def _ratio(self, term: Ratio) -> Reading:
        over, under = self.term(term.over), self.term(term.under)
        read_over, read_under = over.read, under.read
        above, below = ratio_units(over, under)

        def compute(view: View) -> float | None:
            a, b = read_over(view), read_under(view)
            if a is None or b is None:
                return None
            a, b = number_of_term(term, a) * above, number_of_term(term, b) * below
            found = a / b if b else math.nan
            return None if math.isnan(found) else found + 0.0  # 0 over -5 is -0.0

        return Reading(self._cached(compute), "number")

    def _aggregate(self, term: Aggregate) -> Reading:
        rows = rows_of(
            term.events, self._columns,
            summed=term.of if term.how == "sum" else None, nets=self._nets,
        )  # fmt: skip
        columns = self._columns[rows.table]
        for name in (term.of, term.by):
            if name is not None:
                check_property(name, term.events.event, columns)
        scale = getattr(columns, "scale", 0)
        pick = self._picking(term.events, rows)
        take = taking(term, self.zone, scale if is_money(term.of, columns) else 0)

        def compute(view: View) -> Any:
            matches, i, j = pick(view)
            return take(matches, i, j, view.before_us - 1)

        kind: Any = term.kind
        if is_money(term.of, columns) and term.how in _KEEPS_MONEY:
            return Reading(self._cached(compute), "money", scale)
        return Reading(self._cached(compute), None if term.how == "sum" else kind)

    def _picking(self, events: Selection, rows: Any) -> Callable[[View], tuple[Matches, int, int]]:
        reader = EventReader(events.event, self._columns[rows.table])
        where = events.condition
        holds = None if where is None else reader.rule(where)
        key = None if where is None else where.key
        names = tuple(reader.names)
        is_text = type(where) is Compare and where.how == "==" and isinstance(where.to, str)
        text: Any = where.to if is_text else None  # type: ignore[union-attr]
        bounds = self._bounding(events.window)
        place = self._size
        self._size += 1

        def pick(view: View) -> tuple[Matches, int, int]:
            matches = view.cache[place]
            if matches is _UNSET:
                index = index_of(view.customer, rows)
                matches = view.cache[place] = index.matching(key, names, holds, text)  # type: ignore[arg-type]
            start, end = bounds(view)
            at = matches.at
            first = bisect_left(at, start)
            # A window that begins after the instant holds nothing, not less than nothing.
            return matches, first, max(first, bisect_left(at, end))

        return pick

    def _bounding(self, window: Window | None) -> Callable[[View], tuple[int, int]]:
        if window is None:
            return lambda view: (_ALWAYS_US, view.before_us)
        if isinstance(window, Since):
            start, lasting = self.term(window.start), window.lasting
            read, lasting_us = start.read, None if lasting is None else lasting.us

            def bounds(view: View) -> tuple[int, int]:
                first = since_instant(window, read(view))
                if first is None:
                    return view.before_us, view.before_us
                end = view.before_us if lasting_us is None else first + lasting_us
                return first, min(end, view.before_us)

            return bounds
        place = len(self._windows)
        self._windows.append(window)
        return lambda view: view.bounds[place]

    def events(self, selection: Selection) -> Holds:
        """Return the function that says whether there is an event of a selection."""
        found = self._places.get(selection.key)
        if found is None:
            pick = self._picking(selection, rows_of(selection, self._columns))

            def holds(view: View) -> bool:
                _, i, j = pick(view)
                return j > i

            found = self._places[selection.key] = self._cached(holds)
        return found

    def sequence(self, rule: Sequence) -> Holds:
        """Return the function that says whether a sequence was completed."""
        found = self._places.get(rule.key)
        if found is not None:
            return found  # type: ignore[no-any-return]
        picks = []
        for selection in (*rule.steps, *rule.without):
            rows = rows_of(selection, self._columns)
            picks.append((rows, self._picking(selection, rows)))
        n = len(rule.steps)
        steps = Steps(
            bits=tuple(range(n)),
            without_bits=tuple(range(n, len(picks))),
            within_us=None if rule.within is None else rule.within.us,
        )

        def holds(view: View) -> bool:
            masks: dict[Any, int] = {}
            instants: dict[Any, int] = {}
            for bit, (rows, pick) in enumerate(picks):
                matches, i, j = pick(view)
                if j <= i and bit < n:
                    return False
                index = matches.index
                for place in range(i, j):
                    # Several lines of an order are one event, at the instant of its first line.
                    position = index.first_lines[matches.positions[place]]
                    row = rows, position
                    masks[row] = masks.get(row, 0) | 1 << bit
                    instants[row] = index.instants[position]
            order = sorted(masks, key=instants.__getitem__)
            return completes_one([instants[r] for r in order], [masks[r] for r in order], steps)

        found = self._places[rule.key] = self._cached(holds)
        return found


def since_instant(window: Since, value: Any) -> int | None:
    """Return the instant from which a window counts; refuses what is none."""
    if value is None:
        return None
    from userops.core.values import Instant

    if value.__class__ is not Instant:
        raise InvalidDefinitionError(
            "since", f"{window.start} is no instant", got=repr(value), allowed="a datetime"
        )
    return int(value)


def ratio_units(over: Reading | Column, under: Reading | Column) -> tuple[float, float]:
    """Return what the numbers of a ratio are multiplied by, so that money is in major units."""
    scales = [read.scale if read.kind == "money" else 0 for read in (over, under)]
    # Whole numbers that floats hold exactly: a tenth of the other one would be off in a last bit.
    return float(10 ** max(scales[1] - scales[0], 0)), float(10 ** max(scales[0] - scales[1], 0))


def number_of_term(term: Term, value: Any) -> float:
    """Return a number as a float; refuses what is none."""
    if value.__class__ is not int and value.__class__ is not float:
        raise InvalidDefinitionError(str(term), "is no ratio of numbers", got=repr(value))
    return float(value)


def plan_of(customer: Customer) -> CustomerPlan:
    """Return a plan for customers that are read as this one."""
    return CustomerPlan(customer.columns, customer.zone, nets=customer.returns == "net")
