"""Rules as functions of one customer: what is answered inside a request.

A plan is made once for the mappings with which customers are read, and asked for each customer and
instant. Values over events are taken when a rule first asks for them, and once for all rules.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, TypeAlias

from userops.core.sequences import Steps, completes_one
from userops.core.time import Zone
from userops.customers.customer import Customer
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.events.columns import EventColumns, OrderColumns
from userops.rules.comparisons import Compare
from userops.rules.events_of_one import Matches, index_of
from userops.rules.features import Aggregate
from userops.rules.node import Rule, Term
from userops.rules.one_feature import taking
from userops.rules.reading import Column, Holds, Reading, Write
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence
from userops.rules.tables import Rows, check_property, is_money, rows_of
from userops.rules.value import Attr, Prop, Ratio
from userops.rules.windows import Since, Window

__all__ = ["CustomerPlan", "EventReader", "View", "plan_of"]

_UNSET: Any = object()
_NO_BOUNDS: list[Any] = []
_ALWAYS_US = -(2**63)
_KEEPS_MONEY = ("sum", "min", "max", "first", "last", "top")
Columns = Mapping[str, OrderColumns | EventColumns]
Read = Callable[[Any], Any]
Bounds: TypeAlias = tuple[int, int]
# Events that match, and the slice of them that lies within a window.
Picked: TypeAlias = tuple[Matches, int, int]


class View:
    """A customer as of an instant, as compiled rules see him."""

    __slots__ = ("attributes", "before_us", "bounds", "cache", "customer", "customer_id")

    def __init__(self, customer: Customer, before_us: int, plan: CustomerPlan) -> None:
        self.customer = customer
        self.customer_id = customer.customer_id
        self.before_us = before_us
        kept = customer.kept.get(View)
        if kept is None or kept[0] != before_us:
            # A dict of one's own is read faster than the read-only view that the customer gives.
            kept = (before_us, dict(customer.attributes_before(before_us)))
            customer.kept[View] = kept
        self.attributes: dict[str, Any] = kept[1]
        self.cache = [_UNSET] * plan.size
        self.bounds = plan.bounds(before_us) if plan.windows else _NO_BOUNDS


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
        place = self.names.index(term.name)
        read = itemgetter(place)
        write: Write = lambda _: f"seen[{place}]"  # noqa: E731
        if is_money(term.name, self._columns):
            return Reading(read, "money", getattr(self._columns, "scale", 0), write)
        return Reading(read, write=write)

    def rule(self, rule: Rule) -> Holds:
        """Return the function that decides a rule."""
        return rule.row(self)


class CustomerPlan:
    """Compiles rules and terms of scope `customer` for the mappings of a host.

    Attributes:
        zone: The zone of the data.
        size: How many places the functions keep what they have found out in.
        windows: The windows whose bounds depend on the instant alone; None is all of the history.
    """

    def __init__(
        self, columns: Columns, zone: Zone, *, nets: bool, attributes: frozenset[str] | None = None
    ) -> None:
        self.zone = zone
        self._attributes = attributes
        self._columns = dict(columns)
        self._nets = nets
        self.size = 0
        self.windows: list[Window | None] = []
        self._places: dict[Any, Any] = {}
        self._bounds_at: tuple[int, list[Any]] = (_ALWAYS_US, [])

    def bounds(self, before_us: int) -> list[Any]:
        """Return the start and the end of each window as of an instant."""
        at, bounds = self._bounds_at
        if at != before_us or len(bounds) != len(self.windows):
            bounds = [
                (_ALWAYS_US, before_us) if w is None else w.bounds_us(before_us, self.zone)
                for w in self.windows
            ]
            self._bounds_at = (before_us, bounds)
        return bounds

    def rule(self, rule: Rule) -> Holds:
        """Return the function that decides a rule."""
        return rule.row(self)

    def term(self, term: Term) -> Reading:
        """Return the function that reads a term."""
        if isinstance(term, Attr):
            name = term.name
            if self._attributes is not None and name not in self._attributes:
                raise InvalidArgumentError.unknown("attribute", name, sorted(self._attributes))
            return Reading(
                lambda view: view.attributes.get(name),
                write=lambda names: f"seen.attributes.get({names(name)})",
            )
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
        place = self._place()

        def read(view: View) -> Any:
            found = view.cache[place]
            if found is _UNSET:
                found = view.cache[place] = compute(view)
            return found

        return read

    def _place(self) -> int:
        self.size += 1
        return self.size - 1

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

        place = self._place()

        def read(view: View) -> Any:  # as `_cached`, without a call in between
            found = view.cache[place]
            if found is _UNSET:
                matches, i, j = pick(view)
                found = view.cache[place] = take(matches, i, j, view.before_us - 1)
            return found

        kind: Any = term.kind
        if is_money(term.of, columns) and term.how in _KEEPS_MONEY:
            return Reading(read, "money", scale)
        return Reading(read, None if term.how == "sum" else kind)

    def _picking(self, events: Selection, rows: Rows) -> Callable[[View], Picked]:
        """Return the function that picks events; those of equal selections are picked once."""
        found = self._places.get((rows, events.key))
        if found is not None:
            return found  # type: ignore[no-any-return]
        find, place_of_matches = self._matching(events, rows)
        since, window = self._bounding(events.window)
        place = self._place()

        def pick(view: View) -> Picked:
            cache = view.cache
            found = cache[place]
            if found is _UNSET:
                matches = cache[place_of_matches]
                if matches is _UNSET:
                    matches = cache[place_of_matches] = find(view)
                start, end = view.bounds[window] if since is None else since(view)
                at = matches.at
                first = bisect_left(at, start)
                # A window that begins after the instant holds nothing, not less than nothing.
                found = cache[place] = matches, first, bisect_left(at, end, first)
            return found  # type: ignore[no-any-return]

        self._places[rows, events.key] = pick
        return pick

    def _matching(self, events: Selection, rows: Rows) -> tuple[Callable[[View], Matches], int]:
        """Return what finds the events of a condition, whatever the window, and their place."""
        where = events.condition
        key = None if where is None else where.key
        found = self._places.get((rows, "where", key))
        if found is not None:
            return found  # type: ignore[no-any-return]
        reader = EventReader(events.event, self._columns[rows.table])
        holds = None if where is None else reader.rule(where)
        names = tuple(reader.names)
        is_text = type(where) is Compare and where.how == "==" and isinstance(where.to, str)
        text: Any = where.to if is_text else None  # type: ignore[union-attr]

        def find(view: View) -> Matches:
            return index_of(view.customer, rows).matching(key, names, holds, text)  # type: ignore[arg-type]

        found = self._places[rows, "where", key] = find, self._place()
        return found

    def _bounding(self, window: Window | None) -> tuple[Callable[[View], Bounds] | None, int]:
        """Return what finds the bounds of a window, or None and their place in `View.bounds`."""
        if not isinstance(window, Since):
            self.windows.append(window)
            return None, len(self.windows) - 1
        start, lasting = self.term(window.start), window.lasting
        read, lasting_us = start.read, None if lasting is None else lasting.us

        def bounds(view: View) -> Bounds:
            first = since_instant(window, read(view))
            if first is None:
                return view.before_us, view.before_us
            end = view.before_us if lasting_us is None else first + lasting_us
            return first, min(end, view.before_us)

        return bounds, 0

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
        picks, bases = [], {}  # type: ignore[var-annotated]
        for selection in (*rule.steps, *rule.without):
            rows = rows_of(selection, self._columns)
            # Rows are told apart by a number, of which the upper half says of which index.
            base = bases.setdefault(rows, len(bases) << 32)
            picks.append((base, self._picking(selection, rows)))
        n = len(rule.steps)
        steps = Steps(
            bits=tuple(range(n)),
            without_bits=tuple(range(n, len(picks))),
            within_us=None if rule.within is None else rule.within.us,
        )

        def holds(view: View) -> bool:
            masks: dict[int, int] = {}
            instants: dict[int, int] = {}
            for bit, (base, pick) in enumerate(picks):
                matches, i, j = pick(view)
                if j <= i and bit < n:
                    return False
                at, first_lines, flag = matches.index.instants, matches.index.first_lines, 1 << bit
                for position in matches.positions[i:j]:
                    # Several lines of an order are one event, at the instant of its first line.
                    first = first_lines[position]
                    row = base + first
                    masks[row] = masks.get(row, 0) | flag
                    instants[row] = at[first]
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
    return CustomerPlan(
        customer.columns, customer.zone, nets=customer.returns == "net",
        attributes=customer.attribute_names,
    )  # fmt: skip
