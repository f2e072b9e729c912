"""Segments: the customers for whom a rule holds, by name, and what sets do with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules import Rule

if TYPE_CHECKING:
    from userops.core.time import AsOf
    from userops.customers import Customer, History
    from userops.rules.locales import Locale

__all__ = ["Segment"]


@attrs.frozen
class Segment(Definition):
    """The set of customers for whom a rule holds.

    Segments are combined like sets: `a & b`, `a | b`, `a - b`, `~a`; the result has a name made of
    theirs, and `named` gives it another.

    Attributes:
        name: What the segment is called; `InSegment` names it in other rules.
        when: The rule, of scope `customer`.

    Example:
        >>> from userops.rules import Attr, Did, days
        >>> lapsed = Segment("lapsed", ~Did("order").within(days(90)))
        >>> local = Segment("local", Attr("city") == "杭州")
        >>> (lapsed - local).name
        'lapsed - local'
    """

    name: str = attrs.field()
    when: Rule = attrs.field()

    def __attrs_post_init__(self) -> None:
        """Refuse what is no rule about customers."""
        name: object = self.name
        if not isinstance(name, str) or not name.strip():
            raise InvalidDefinitionError("name", "must be a name", got=repr(name), allowed="text")
        rule: object = self.when
        if not isinstance(rule, Rule) or rule.scope == "event":
            raise InvalidDefinitionError(
                "when", "is not a rule about customers", got=repr(rule),
                allowed="Did('order').count() >= 2 and the like",
            )  # fmt: skip

    def as_rule(self, value: str | None = None) -> Rule:
        """Return the rule; a segment has no values."""
        if value is not None:
            raise InvalidArgumentError("value", f"segment {self.name!r} has none", got=value)
        return self.when

    def fit(self, history: History, as_of: AsOf, **names: Any) -> Segment:
        """Return the segment with cut-points in the place of percentiles; see `Rule.fit`."""
        return attrs.evolve(self, when=self.when.fit(history, as_of, **names))

    def named(self, name: str) -> Segment:
        """Return the same segment under another name."""
        return attrs.evolve(self, name=name)

    def __and__(self, other: Segment) -> Segment:
        """Return those who are in both."""
        if not isinstance(other, Segment):
            return NotImplemented
        return Segment(f"{_part(self)} & {_part(other)}", self.when & other.when)

    def __or__(self, other: Segment) -> Segment:
        """Return those who are in one of them."""
        if not isinstance(other, Segment):
            return NotImplemented
        return Segment(f"{_part(self)} | {_part(other)}", self.when | other.when)

    def __sub__(self, other: Segment) -> Segment:
        """Return those who are in this one and not in the other."""
        if not isinstance(other, Segment):
            return NotImplemented
        return Segment(f"{_part(self)} - {_part(other)}", self.when & ~other.when)

    def __invert__(self) -> Segment:
        """Return those who are not in it."""
        return Segment(f"~{_part(self)}", ~self.when)

    def customers(self, history: History, as_of: AsOf, **names: Any) -> Any:
        """Return who is in it: `customer_id`, in the host's frame type; see `Rule.customers`."""
        return self.when.customers(history, as_of, **names)

    def holds(self, customer: Customer, as_of: AsOf, **names: Any) -> bool:
        """Whether one customer in memory is in it; see `Rule.answer_one`."""
        return bool(self.when.answer_one(customer, as_of, **names))

    def explain(self, customer: Customer, as_of: AsOf, **names: Any) -> Any:
        """Say why a customer is in it or not; see `Rule.explain`."""
        return self.when.explain(customer, as_of, **names)

    def describe(self, locale: Locale = "en") -> str:
        """Say the segment as a sentence, in English (`en`) or Chinese (`zh`)."""
        colon = "：" if locale == "zh" else ": "
        return f"{self.name}{colon}{self.when.describe(locale)}"

    def __str__(self) -> str:
        """Return the name and the rule in words."""
        return self.describe()


def _part(segment: Segment) -> str:
    return f"({segment.name})" if any(sign in segment.name for sign in " &|-~") else segment.name
