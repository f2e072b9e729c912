"""One rule, and two hundred, on one customer inside a request; and the same rule in two engines.

json-logic 0.6.3 was written for Python 2: here it gets `functools.reduce`, and takes the first key
of a dict by `next(iter(…))`; nothing else of it is changed. It has no loop over a list, so it is
asked about plain facts alone; rule-engine is asked about facts, and about lists of events. The
rules are read once, before anything is measured.
"""

from __future__ import annotations

import datetime as dt
import functools
import random
import time
from collections.abc import Callable, Mapping
from importlib.metadata import distribution
from statistics import median
from timeit import repeat
from typing import TYPE_CHECKING, Any

from benchmarks.child import Options, Prepared
from benchmarks.data import AS_OF, TIME_ZONE
from benchmarks.event_data import CATEGORIES, CHANNELS, CITIES, ROWS_PER_CUSTOMER
from benchmarks.many_rules import asked

if TYPE_CHECKING:
    from userops.customers import Customer

__all__ = ["prepare"]

_CALLS, _REPEATS = 50, 101
_EVENTS = 200
_END = dt.datetime(2024, 12, 31, tzinfo=dt.UTC)
FACTS: Mapping[str, Any] = {
    "city": "Shanghai", "level": "gold", "age": 33, "newsletter": True, "points": 120,
    "source": "app", "plan": "pro", "children": 2, "score": 0.7, "channel": "web",
}  # fmt: skip
# Ten conditions, all true, so that each of them is looked at.
_TESTS = (
    ("==", "city", "Shanghai"), ("==", "level", "gold"), (">=", "age", 18),
    ("==", "newsletter", True), (">", "points", 100), ("!=", "source", "web"),
    ("in", "plan", ("pro", "max")), ("<", "children", 5), (">=", "score", 0.5),
    ("==", "channel", "web"),
)  # fmt: skip
_OF_EVENTS = """
    [o for o in order if o.category == 'baby' and o.days <= 300].length >= 2
    and $sum([o.amount for o in order if o.days <= 180]) > 100
    and [v for v in view if v.category == 'books'].length >= 2
    and [v for v in view if v.days <= 90].length >= 5
"""


def prepare(options: Options) -> Prepared:
    """Read the rules, and a customer with two hundred events."""
    import rule_engine

    rows = _rows()
    customer = _read(rows)
    rule, rule_of_one, many = _rule(len(_TESTS)), _rule(1), asked()
    events_rule = _events_rule()
    json_logic, tests = _json_logic(), _json_rule()
    engine_rule, engine_events = rule_engine.Rule(_engine_rule()), rule_engine.Rule(_OF_EVENTS)
    facts, lists = dict(FACTS), _lists(rows)

    def first(question: Any) -> Callable[[], Any]:
        def ask() -> Any:
            customer.kept.clear()  # what was found out about him before
            return question.answer_one(customer, AS_OF)

        return ask

    answers = (
        rule.answer_one(customer, AS_OF), json_logic(tests, facts), engine_rule.matches(facts),
        events_rule.answer_one(customer, AS_OF), engine_events.matches(lists),
    )  # fmt: skip
    if not all(answer is True for answer in answers):
        raise ValueError(f"the rules differ: {answers}")

    def run() -> dict[str, float]:
        ten = _us(lambda: rule.answer_one(customer, AS_OF))
        one = _us(lambda: rule_of_one.answer_one(customer, AS_OF))
        return {
            "rule": ten,
            "leaf": (ten - one) / (len(_TESTS) - 1),
            "json_logic": _us(lambda: json_logic(tests, facts)),
            "rule_engine": _us(lambda: engine_rule.matches(facts)),
            "events": _us(first(events_rule)),
            "rule_engine_events": _us(lambda: engine_events.matches(lists), calls=1, repeats=11),
            "many_first": _us(first(many), calls=5),
            "many_again": _us(lambda: many.answer_one(customer, AS_OF), calls=5),
            "read": _us(lambda: _read(rows), calls=5),
        }

    return Prepared(run, numbers=lambda measured: measured)


def _rule(leaves: int) -> Any:
    """Return the first conditions as a rule of userops."""
    from userops.rules import Attr

    make: dict[str, Callable[[Any, Any], Any]] = {
        "==": lambda term, value: term == value,
        "!=": lambda term, value: term != value,
        ">": lambda term, value: term > value,
        ">=": lambda term, value: term >= value,
        "<": lambda term, value: term < value,
        "in": lambda term, value: term.is_in(value),
    }
    rules = [make[how](Attr(name), value) for how, name, value in _TESTS[:leaves]]
    return functools.reduce(lambda a, b: a & b, rules)


def _events_rule() -> Any:
    from userops.rules import Did, Prop, days

    baby, books = Prop("category") == "baby", Prop("category") == "books"
    return (
        (Did("order").where(baby).within(days(300)).count() >= 2)
        & (Did("order").within(days(180)).sum("amount") > 100)
        & (Did("view").where(books).count() >= 2)
        & (Did("view").within(days(90)).count() >= 5)
    )


def _json_rule() -> dict[str, Any]:
    return {
        "and": [
            {how: [{"var": name}, list(value) if how == "in" else value]}
            for how, name, value in _TESTS
        ]
    }


def _engine_rule() -> str:
    def said(value: Any) -> str:
        if isinstance(value, tuple):
            return "[" + ", ".join(map(said, value)) + "]"
        return str(value).lower() if isinstance(value, bool) else repr(value)

    return " and ".join(f"{name} {how} {said(value)}" for how, name, value in _TESTS)


def _json_logic() -> Callable[[Any, Any], Any]:
    """Return json-logic with what Python 3 needs."""
    (file,) = (
        found for found in distribution("json-logic").files or ()
        if found.as_posix() == "json_logic/__init__.py"
    )  # fmt: skip
    source = file.read_text().replace("tests.keys()[0]", "next(iter(tests))")
    names: dict[str, Any] = {"reduce": functools.reduce}
    exec(compile(source, str(file), "exec"), names)
    found: Callable[[Any, Any], Any] = names["jsonLogic"]
    return found


def _rows() -> dict[str, list[dict[str, Any]]]:
    rng = random.Random(20_250_101)
    share = _EVENTS / sum(ROWS_PER_CUSTOMER.values())

    def at() -> dt.datetime:
        return _END - dt.timedelta(seconds=rng.randrange(400 * 86_400))

    def times(event: str) -> range:
        return range(round(ROWS_PER_CUSTOMER[event] * share))

    who = {"customer_id": 1}
    return {
        "order": [
            who | {"order_id": n, "ordered_at": at(), "amount": rng.randrange(100, 30_000) / 100,
                   "category": rng.choice(CATEGORIES), "channel": rng.choice(CHANNELS)}
            for n in times("order")
        ],
        "view": [
            who | {"occurred_at": at(), "category": rng.choice(CATEGORIES),
                   "channel": rng.choice(CHANNELS), "seconds": rng.randrange(90)}
            for _ in times("view")
        ],
        "cart": [
            who | {"occurred_at": at(), "category": rng.choice(CATEGORIES),
                   "quantity": rng.randrange(1, 6)}
            for _ in times("cart")
        ],
        "scan": [
            who | {"occurred_at": at(), "city": rng.choice(CITIES), "points": rng.randrange(1, 20)}
            for _ in times("scan")
        ],
    }  # fmt: skip


def _read(rows: Mapping[str, list[dict[str, Any]]]) -> Customer:
    from userops.customers import Customer

    return Customer.from_rows(1, rows, _columns(), attributes=FACTS)


@functools.cache
def _columns() -> dict[str, Any]:
    from userops.events import EventColumns, OrderColumns

    carried = {
        "view": ("category", "seconds"),
        "cart": ("category", "quantity"),
        "scan": ("city", "points"),
    }
    columns: dict[str, Any] = {
        "order": OrderColumns(
            customer_id="customer_id",
            order_id="order_id",
            ordered_at="ordered_at",
            amount="amount",
            category="category",
            channel="channel",
            time_zone=TIME_ZONE,
        )
    }
    for event, names in carried.items():
        columns[event] = EventColumns(
            customer_id="customer_id",
            occurred_at="occurred_at",
            channel="channel" if event == "view" else None,
            properties=names,
            time_zone=TIME_ZONE,
        )
    return columns


def _lists(rows: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the events as rule-engine reads them: their age in days is worked out for it."""

    def days(row: dict[str, Any]) -> float:
        at = row.get("ordered_at") or row["occurred_at"]
        return (_END + dt.timedelta(days=1) - at) / dt.timedelta(days=1)

    return {
        event: [{"days": days(row), "category": row.get("category"), "amount": row.get("amount")}
                for row in mine]
        for event, mine in rows.items()
    }  # fmt: skip


def _us(call: Callable[[], Any], calls: int = _CALLS, repeats: int = _REPEATS) -> float:
    """Return the median over loops of microseconds of CPU a call."""
    loops = repeat(call, number=calls, repeat=repeats, timer=time.process_time)
    return median(loops) / calls * 1e6
