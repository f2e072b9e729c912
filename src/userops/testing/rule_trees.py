"""Random rules over a vocabulary, of every node there is: what conformance is tested with.

Rules draw their leaves from a pool of values, so that thousands of trees ask a history for no more
than the pool holds. Everything comes from the generator that is passed: the same seed, the same
rules.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import attrs
import numpy as np

from userops.rules.anniversary import Anniversary
from userops.rules.comparisons import CompareTerms
from userops.rules.did import Did
from userops.rules.features import Aggregate
from userops.rules.literals import OPERATORS
from userops.rules.node import All, AnyOf, Rule
from userops.rules.pilot import Pilot
from userops.rules.ranking import Percentile, TopN
from userops.rules.references import HasTag, InSegment
from userops.rules.sequence import Sequence as Steps
from userops.rules.value import Attr, Prop, Ratio, Value
from userops.rules.weighted import WeightedTop
from userops.rules.windows import (
    Calendar,
    Duration,
    Last,
    Since,
    Span,
    Window,
    days,
    hours,
)
from userops.testing.trap_history import TRAP_VOCABULARY, Asked, Vocabulary

__all__ = ["RuleTrees"]

_NUMERIC = ("whole", "number")
_ORDERED = ("whole", "number", "money", "day", "instant")
_UNITS = ("day", "week", "month", "quarter", "year")


@attrs.frozen
class _Leaf:
    """A value of the customer, and constants that are worth comparing it with."""

    term: Value
    kind: str
    samples: tuple[Any, ...]


class _Tag:
    """A tag with values, as a reference may name it."""

    def __init__(self, rules: dict[str, Rule]) -> None:
        self._rules = rules

    def as_rule(self, value: str | None = None) -> Rule:
        """Return the rule of a value, or of any."""
        return AnyOf(tuple(self._rules.values())) if value is None else self._rules[value]


class RuleTrees:
    """Makes random rules of scope `customer`.

    Args:
        rng: Where all choices come from.
        vocabulary: What rules may ask of the history; the one of the trap history by default.
        features: How many values over events are in the pool: 13 are one of each way to take one,
            60 are one of each way and kind of value.
        selections: How many selections of each event they are taken over.
        sequences: How many sequences are in the pool.
        ranked: How many conditions relative to a population are in the pool.

    Attributes:
        tags: What `HasTag` of these rules names.
        segments: What `InSegment` of these rules names.

    Example:
        >>> import numpy as np
        >>> trees = RuleTrees(np.random.default_rng(1))
        >>> trees.rule() == RuleTrees(np.random.default_rng(1)).rule()
        True
    """

    def __init__(
        self,
        rng: np.random.Generator,
        vocabulary: Vocabulary = TRAP_VOCABULARY,
        *,
        features: int = 80,
        selections: int = 3,
        sequences: int = 8,
        ranked: int = 4,
    ) -> None:
        self.rng, self.vocabulary = rng, vocabulary
        self._starts = self._all_starts()
        self._selections = [
            self._selection(event) for event in vocabulary.events for _ in range(selections)
        ]
        self.leaves = [*self._attributes(), *self._features(features)]
        self.leaves += [self._ratio() for _ in range(4)]
        self.sequences = [self._sequence() for _ in range(sequences)]
        self.ranked = [self._ranked(number) for number in range(ranked)]
        self.pilots = [Pilot("spring", 0.5), Pilot("spring", 0.25, 0.5), Pilot("客户", 0.3333)]
        self.segments: dict[str, Any] = {}
        self.tags: dict[str, Any] = {}
        inner = [self._condition() for _ in range(6)]
        self.segments = {"dormant": inner[0], "沉睡": inner[1] | InSegment("dormant")}
        self.tags = {"vip": inner[2], "level": _Tag({"gold": inner[3], "银": ~inner[4]})}
        self._references = [
            InSegment("dormant"), InSegment("沉睡"), HasTag("vip"), HasTag("level"),
            HasTag("level", "gold"), HasTag("level", "银"),
        ]  # fmt: skip

    # What is drawn

    def _one(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def _chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def rule(self, depth: int = 3) -> Rule:
        """Return a rule of at most so many levels, perhaps to be fitted, and with references."""
        if depth <= 0 or self._chance(0.25):
            return self._leaf_rule()
        if self._chance(0.25):
            return ~self.rule(depth - 1)
        parts = tuple(self.rule(depth - 1) for _ in range(int(self.rng.integers(2, 5))))
        return All(parts) if self._chance(0.5) else AnyOf(parts)

    def _leaf_rule(self) -> Rule:
        drawn = self.rng.random()
        if drawn < 0.7:
            return self._condition()
        if drawn < 0.8:
            return self._one(self._selections)  # type: ignore[no-any-return]
        others = (self.sequences, self.pilots, self._references, self.ranked)
        return self._one(self._one([some for some in others if some]))  # type: ignore[no-any-return]

    def _condition(self) -> Rule:
        leaf = self._one(self.leaves)
        if leaf.kind in ("day", "instant") and self._chance(0.3):
            length = days(int(self._one((1, 3, 30, 366))))
            return Anniversary(leaf.term, length, self._one(("feb28", "mar1")))
        if self._chance(0.2):
            found = self._two_values(leaf, self.leaves)
            if found is not None:
                return found
        return self._about(leaf)

    def _two_values(self, leaf: _Leaf, others: Sequence[_Leaf]) -> Rule | None:
        """Compare a value with another one of its kind, if there is one."""

        def family(kind: str) -> str:
            return "numbers" if kind in _NUMERIC else kind

        same = [x for x in others if family(x.kind) == family(leaf.kind) and x is not leaf]
        if not same:
            return None
        how = self._one(("==", "!=") if leaf.kind == "flag" else tuple(OPERATORS))
        return CompareTerms(leaf.term, how, self._one(same).term)

    def _about(self, leaf: _Leaf) -> Rule:
        """Compare a value with constants, in every way that its kind permits."""
        term, sample = leaf.term, self._one(leaf.samples)
        ways: list[Callable[[], Rule]] = [
            lambda: term._compare(self._one(("==", "!=")), sample),
            lambda: term.is_in([self._one(leaf.samples) for _ in range(3)]),
            term.is_known,
        ]
        if leaf.kind in ("day", "instant"):
            ways[1] = lambda: term.is_in([s for s in leaf.samples if type(s) is type(sample)][:3])
        if leaf.kind != "flag":
            ways += [lambda: term._compare(self._one(("<", "<=", ">", ">=")), sample)] * 3
        if leaf.kind in ("whole", "number", "money"):
            ways.append(lambda: term.between(*sorted((sample, self._one(leaf.samples)))))
        if leaf.kind == "text":
            part = sample[: int(self.rng.integers(1, 4))] or "t"
            how = self._one(("contains", "starts_with", "ends_with"))
            ways += [lambda: getattr(term, how)(part)] * 2
        return self._one(ways)()  # type: ignore[no-any-return]

    # Conditions on one event

    def event_rule(self, event: str, depth: int = 1) -> Rule:
        """Return a rule about one event of a name."""
        if depth > 0 and self._chance(0.4):
            parts = tuple(self.event_rule(event, depth - 1) for _ in "12")
            return self._one((All(parts), AnyOf(parts), ~parts[0]))  # type: ignore[no-any-return]
        asked = self.vocabulary.events[event]
        leaves = [_Leaf(Prop(name), a.kind, a.samples) for name, a in asked.items()]
        leaf = self._one(leaves)
        found = self._two_values(leaf, leaves) if self._chance(0.1) else None
        return self._about(leaf) if found is None else found

    # The pool

    def _all_starts(self) -> list[Value]:
        starts: list[Value] = []
        starts += [Did(event).first() for event in list(self.vocabulary.events)[:2]]
        for event, asked in self.vocabulary.events.items():
            starts += [Did(event).last(n) for n, a in asked.items() if a.kind == "instant"][:1]
        return starts[:3] + [
            Attr(n) for n, a in self.vocabulary.attributes.items() if a.kind == "instant"
        ]

    def _window(self) -> Duration | Window:
        here = dt.datetime(2024, 1, 1)  # noqa: DTZ001 - a clock reading
        length = self._one((days(1), days(7), days(30), days(90), days(365), hours(24), hours(2)))
        zone = self._one((None, None, "Asia/Shanghai"))
        windows: tuple[Duration | Window, ...] = (
            length,
            Last(length),
            Span(dt.date(2024, 1, 1)),
            Span(dt.date(2023, 3, 1), here),
            Span(dt.datetime(2023, 11, 5, 5, 30, tzinfo=dt.UTC), dt.date(2024, 3, 11)),
            Span(dt.date(2024, 4, 1), dt.date(2024, 5, 1)),
            Calendar(int(self.rng.integers(1, 4)), self._one(_UNITS), 0, zone),
            Calendar(int(self.rng.integers(1, 4)), self._one(_UNITS), 1, zone),
            Calendar(1, self._one(_UNITS), int(self.rng.integers(0, 4)), zone),
            Since(self._one(self._starts)),
            Since(self._one(self._starts), length),
        )
        found: Duration | Window = self._one(windows)
        return found

    def _selection(self, event: str | None = None, *, is_step: bool = False) -> Did:
        found = Did(self._one(tuple(self.vocabulary.events)) if event is None else event)
        if self._chance(0.5):
            found = found.where(self.event_rule(found.event))
        if self._chance(0.6):
            window = self._window()
            if not (is_step and isinstance(window, Since)):
                found = found.within(window)
        return found

    def _attributes(self) -> list[_Leaf]:
        asked = self.vocabulary.attributes.items()
        return [_Leaf(Attr(name), a.kind, a.samples) for name, a in asked]

    def _features(self, wanted: int) -> list[_Leaf]:
        """Return values over events: one of each way, then of each way and kind, then others."""
        found = [
            (how, self._feature(event, how, name))
            for event, asked in self.vocabulary.events.items()
            for how, name in _ways(asked)
        ]
        order = self.rng.permutation(len(found))
        seen: set[Any] = set()
        sorted_out: tuple[list[_Leaf], ...] = [], [], []
        for how, leaf in (found[place] for place in order.tolist()):
            rank = 0 if how not in seen else 1 if (how, leaf.kind) not in seen else 2
            sorted_out[rank].append(leaf)
            seen |= {how, (how, leaf.kind)}
        return [leaf for leaves in sorted_out for leaf in leaves][:wanted]

    def _feature(self, event: str, how: str, name: str | None) -> _Leaf:
        events = self._one([s for s in self._selections if s.event == event])
        asked = self.vocabulary.events[event]
        if how == "weighted":
            weights = {str(v): n + 1 for n, v in enumerate(asked[name or ""].samples[:4])}
            return _Leaf(
                WeightedTop(events, name, weights=weights, unseen=2), "text",
                asked[name or ""].samples,
            )  # fmt: skip
        by = None
        if how == "top" and self._chance(0.5):
            by = self._one([None, *(n for n, a in asked.items() if a.can_be_added)])
        term = Aggregate(events, how, name, by)  # type: ignore[arg-type]
        if how in ("count", "n_unique", "active_days"):
            return _Leaf(term, "whole", (0, 1, 2, 3, 5, 1.5, -1))
        if how in ("days_since_first", "days_since_last"):
            return _Leaf(term, "whole", (0, 1, 7, 30, 70, 365, 29.5))
        if name is None:
            return _Leaf(term, "instant", self._instants)
        kind = asked[name].kind
        if how == "mean":
            return _Leaf(term, "number", (0, 1, 0.1, 10.5, 2.5, -1))
        if how == "sum":
            numbers = (0, 1, 2.5, 10.0, 0.3, 30.03, -1.5, 2**54)
            return _Leaf(term, kind, numbers)
        return _Leaf(term, kind, asked[name].samples)

    @property
    def _instants(self) -> tuple[Any, ...]:
        return tuple(
            sample
            for asked in self.vocabulary.events.values()
            for a in asked.values()
            if a.kind == "instant"
            for sample in a.samples
        ) or (dt.date(2024, 1, 1),)

    def _ratio(self) -> _Leaf:
        numbers = [x for x in self.leaves if x.kind in ("whole", "number", "money")]
        term = Ratio(self._one(numbers).term, self._one(numbers).term)
        return _Leaf(term, "number", (0, 1, 0.5, 2, 0.1, 100.0, -1.5))

    def _sequence(self) -> Steps:
        steps = [self._selection(is_step=True) for _ in range(int(self.rng.integers(2, 4)))]
        if self._chance(0.3):
            steps[-1] = steps[0]
        without = (self._selection(is_step=True),) if self._chance(0.5) else ()
        within = self._one((None, days(1), days(30), hours(1), days(400)))
        return Steps(*steps, within=within, without=without)

    def _ranked(self, number: int) -> Rule:
        leaf = self._one([x for x in self.leaves if x.kind in _ORDERED])
        if number % 2:
            return TopN(leaf.term, int(self._one((1, 5, 20))))
        low, high = self._one(((0.0, 0.2), (0.5, 1.0), (0.3, 0.7), (0.9, 1.0)))
        return Percentile(leaf.term, low, high)


def _ways(asked: dict[str, Asked] | Any) -> list[tuple[str, str | None]]:
    """Return how each value over an event may be taken, with the property."""
    ways: list[tuple[str, str | None]] = [
        (how, None)
        for how in ("count", "first", "last", "days_since_first", "days_since_last", "active_days")
    ]
    for name, a in asked.items():
        ways += [(how, name) for how in ("min", "max", "n_unique", "first", "last", "top")]
        ways += [(how, name) for how in ("sum", "mean") if a.can_be_added]
        ways += [("weighted", name)] if a.kind == "text" else []
    return ways
