"""Tags: named values that rules give to customers.

    Tag             one value, while a rule holds
    TagGroup        several values, each with its rule: the first that holds, or all that hold
    PreferenceTag   what a customer's events speak for most: by count, by spend, or by TF-IDF
    PercentileTag   bands of percentiles of a number, fitted to a population

A decision by hand outranks the rule: whoever was given a value has it, whoever it was taken from
has not, until the decision runs out or another one is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules import (
    Aggregate,
    AnyOf,
    Attr,
    Compare,
    Did,
    Duration,
    Not,
    Percentile,
    Prop,
    Rule,
    Term,
    WeightedTop,
)

__all__ = [
    "DECISION",
    "AnyTag",
    "PercentileTag",
    "PreferenceTag",
    "Tag",
    "TagGroup",
    "TagValue",
    "decision_of",
]

# Name of the attribute that holds the latest decision by hand.
DECISION = "tag decision: "
ASSIGN, REMOVE = "assign:", "remove"


def decision_of(tag: str, value: str | None = None) -> str:
    """Return the name of the attribute that holds a decision about a tag, or one of its values."""
    return f"{DECISION}{tag}" + ("" if value is None else f" = {value}")


def _check_name(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value.strip():
        raise InvalidDefinitionError(
            attribute.name, "must be a name", got=repr(value), allowed="text"
        )


def _content(term: Term | None) -> str | None:
    """Return what makes two terms equal; `==` on a term builds a condition instead."""
    return None if term is None else term.key


def _check_rule(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Rule):
        raise InvalidDefinitionError(
            attribute.name, "is not a rule", got=repr(value),
            allowed="Did('order').count() >= 2 and the like",
        )  # fmt: skip
    if value.scope == "event":
        raise InvalidDefinitionError(
            attribute.name, "is about one event, not about the customer", got=str(value),
            hint="ask for customers with such an event: Did('order').where(…)",
        )  # fmt: skip


def _check_duration(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Duration):
        raise InvalidDefinitionError(
            attribute.name, "is not a duration", got=repr(value), allowed="days(30)"
        )


def _unknown_value(tag: str, value: str, known: tuple[str, ...]) -> InvalidArgumentError:
    error = InvalidArgumentError.unknown("value", value, known)
    return InvalidArgumentError(
        "value", f"tag {tag!r} has no value {value!r}", allowed=error.allowed, hint=error.hint
    )


@attrs.frozen(kw_only=True)
class _Tag(Definition):
    """What all tags share.

    Attributes:
        name: What the tag is called, unique in its set.
        valid_for: How long the tag stays after the last refresh at which its rule held; None ends
            it with the rule.
    """

    name: str = attrs.field(validator=_check_name, kw_only=False)
    valid_for: Duration | None = attrs.field(default=None, validator=_check_duration)

    @property
    def has_several(self) -> bool:
        """Whether a customer may have several values of it at once."""
        return False

    @property
    def rules(self) -> dict[str, Rule]:
        """Value to the rule that gives it, exclusive where only one may hold."""
        return {}

    @property
    def term(self) -> Term | None:
        """The value itself, where it is looked up instead of decided."""
        return None

    def decided_rules(self) -> dict[str, Rule]:
        """Value to the rule that gives it, decisions by hand included."""
        decision = Attr(decision_of(self.name))
        free = Not(decision.is_known())
        return {
            value: (decision == f"{ASSIGN}{value}") | (free & rule)
            for value, rule in self.rules.items()
        }

    def as_rule(self, value: str | None = None, *, decided: bool = False) -> Rule:
        """Return the rule that a customer has the tag, or one value of it.

        Args:
            value: The value; None is any.
            decided: Whether decisions by hand count.

        Raises:
            InvalidArgumentError: If the tag has no such value.
        """
        rules = self.decided_rules() if decided else self.rules
        if value is None:
            found = tuple(rules.values())
            return found[0] if len(found) == 1 else AnyOf(found)
        if value not in rules:
            raise _unknown_value(self.name, value, tuple(rules))
        return rules[value]


@attrs.frozen(kw_only=True)
class Tag(_Tag):
    """A tag with one value, which a customer has while a rule holds.

    Attributes:
        when: The rule.
        value: What the tag says, `"true"` unless told otherwise.

    Example:
        >>> from userops.rules import Did, days
        >>> Tag("lapsing", ~Did("order").within(days(90))).value
        'true'
    """

    when: Rule = attrs.field(validator=_check_rule, kw_only=False)
    value: str = attrs.field(default="true", validator=_check_name)

    @property
    def rules(self) -> dict[str, Rule]:
        """The value and its rule."""
        return {self.value: self.when}


@attrs.frozen
class TagValue(Definition):
    """A value of a group, and the rule that gives it.

    Attributes:
        value: What the tag says.
        when: The rule.
        priority: Higher values are looked at first; equal ones in the order of the group.
    """

    value: str = attrs.field(validator=_check_name)
    when: Rule = attrs.field(validator=_check_rule)
    priority: int = 0


def _values(values: Any) -> tuple[TagValue, ...]:
    if isinstance(values, Mapping):
        values = [TagValue(value, when) for value, when in values.items()]
    found = tuple(values)
    for number, value in enumerate(found):
        if not isinstance(value, TagValue):
            raise InvalidDefinitionError(
                f"values[{number}]", "is no value with a rule", got=repr(value),
                allowed="{'gold': rule, …}, or [TagValue('gold', rule), …]",
            )  # fmt: skip
    return found


@attrs.frozen(kw_only=True)
class TagGroup(_Tag):
    """A tag with several values, each with a rule of its own.

    Attributes:
        values: The values in the order in which they are looked at, as `TagValue` or as a mapping
            of value to rule.
        pick: `first` gives the first value whose rule holds, so that values exclude each other;
            `all` gives each value whose rule holds.
        otherwise: The value of those for whom no rule holds; None gives them none.

    Example:
        >>> from userops.rules import Did
        >>> spent = Did("order").sum("amount")
        >>> TagGroup("level", {"gold": spent >= 1000, "silver": spent >= 100}).pick
        'first'
    """

    values: tuple[TagValue, ...] = attrs.field(converter=_values, kw_only=False)
    pick: Literal["first", "all"] = "first"
    otherwise: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(_check_name)
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a group without values, or with a value twice."""
        names = [value.value for value in self.values]
        if self.otherwise is not None:
            names.append(self.otherwise)
        if not self.values:
            raise InvalidDefinitionError("values", "are none")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InvalidDefinitionError("values", "occur twice", got=", ".join(twice))
        if self.pick not in ("first", "all"):
            raise InvalidDefinitionError(
                "pick", "is not known", got=repr(self.pick), allowed="'first', 'all'"
            )

    @property
    def has_several(self) -> bool:
        """Whether all values are given whose rules hold."""
        return self.pick == "all"

    @property
    def rules(self) -> dict[str, Rule]:
        """Value to rule; of those that are looked at first, each excludes what comes later."""
        ordered = sorted(self.values, key=lambda value: -value.priority)
        found = {}
        before: list[Rule] = []
        for value in ordered:
            excluded = before if self.pick == "first" else []
            found[value.value] = _unless(value.when, excluded)
            before.append(value.when)
        if self.otherwise is not None:
            found[self.otherwise] = Not(before[0] if len(before) == 1 else AnyOf(tuple(before)))
        # In the order in which the group was written.
        written = [value.value for value in self.values]
        return {name: found[name] for name in (*written, *found)}

    def decided_rules(self) -> dict[str, Rule]:
        """Value to rule, decisions by hand included: about each value, where all are given."""
        if self.pick == "first":
            return super().decided_rules()
        found = {}
        for value, rule in self.rules.items():
            decision = Attr(decision_of(self.name, value))
            found[value] = (decision == f"{ASSIGN}{value}") | (Not(decision.is_known()) & rule)
        return found


def _unless(rule: Rule, excluded: list[Rule]) -> Rule:
    if not excluded:
        return rule
    return rule & Not(excluded[0] if len(excluded) == 1 else AnyOf(tuple(excluded)))


def _orders() -> Did:
    return Did("order")


def _events(value: Any) -> Any:
    return Did(value) if isinstance(value, str) else value


@attrs.frozen(kw_only=True)
class PreferenceTag(_Tag):
    """What a customer prefers: the value of a property for which his events speak most.

    Of equal ones the smallest value, by code point.

    Attributes:
        of: The property, for example `category`; text.
        events: Which events, a name or `Did("order").within(days(180))`.
        by: `count` counts rows; the name of a property adds it up, for example `amount`; `tfidf`
            counts a row the more, the fewer customers have such rows: term frequency times inverse
            document frequency, ln((1 + n) / (1 + df)) + 1 in millionths, with n customers of whom
            df have the value (Salton & Buckley 1988; the smoothing is that of scikit-learn).
            It has to be fitted.
        at_least: Customers with fewer rows that know the property have no preference.
    """

    of: str = attrs.field(validator=_check_name, kw_only=False)
    events: Did = attrs.field(factory=_orders, converter=_events)
    by: str = attrs.field(default="count", validator=_check_name)
    at_least: int = attrs.field(default=1)
    weights: WeightedTop | None = attrs.field(default=None, eq=_content)

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be counted."""
        if not isinstance(self.events, Did):
            raise InvalidDefinitionError("events", "are no events", got=repr(self.events))
        if type(self.at_least) is not int or self.at_least < 1:
            raise InvalidDefinitionError(
                "at_least", "must be a whole number", got=repr(self.at_least), allowed="1 or more"
            )

    @property
    def needs_weights(self) -> bool:
        """Whether it has to be fitted and is not."""
        return self.by == "tfidf" and self.weights is None

    @property
    def term(self) -> Term:
        """The preferred value."""
        if self.by == "tfidf":
            assert self.weights is not None  # it is fitted before it is asked
            return self.weights
        return Aggregate(self.events, "top", self.of, None if self.by == "count" else self.by)

    @property
    def enough(self) -> Rule | None:
        """The rule that there are enough rows; None where one will do."""
        if self.at_least == 1:
            return None
        known = self.events.where(_known(self.of))
        return known.count() >= self.at_least

    def as_rule(self, value: str | None = None, *, decided: bool = False) -> Rule:
        """Return the rule that a customer has a preference, or this one."""
        term: Any = self.term
        rule: Rule = term.is_known() if value is None else Compare(term, "==", value)
        if self.enough is not None:
            rule = rule & self.enough
        if not decided:
            return rule
        decision = Attr(decision_of(self.name))
        given = decision.starts_with(ASSIGN) if value is None else decision == f"{ASSIGN}{value}"
        return given | (Not(decision.is_known()) & rule)


def _known(of: str) -> Rule:
    return Prop(of).is_known()


def _bands(bands: Any) -> tuple[tuple[str, float, float], ...]:
    if isinstance(bands, Mapping):
        bands = [(name, *edges) for name, edges in bands.items()]
    return tuple((name, low, high) for name, low, high in bands)


@attrs.frozen(kw_only=True)
class PercentileTag(_Tag):
    """Bands of percentiles of a number; it has to be fitted.

    Attributes:
        value: The number, for example `Did("order").sum("amount")`.
        bands: What a band is called, to where it begins and ends (0 to 1, the highest is 1); the
            first that holds counts.

    Example:
        >>> from userops.rules import Did
        >>> spent = Did("order").sum("amount")
        >>> PercentileTag("spender", spent, {"top": (0.9, 1), "middle": (0.5, 0.9)}).name
        'spender'
    """

    value: Term = attrs.field(kw_only=False, eq=_content)
    bands: tuple[tuple[str, float, float], ...] = attrs.field(kw_only=False, converter=_bands)

    def group(self) -> TagGroup:
        """Return the same as a group of rules, still to be fitted."""
        return TagGroup(
            self.name,
            {name: Percentile(self.value, low, high) for name, low, high in self.bands},
            valid_for=self.valid_for,
        )

    def __attrs_post_init__(self) -> None:
        """Refuse bands that are none."""
        self.group()

    @property
    def rules(self) -> dict[str, Rule]:
        """Band to rule."""
        return self.group().rules


AnyTag: TypeAlias = Tag | TagGroup | PreferenceTag | PercentileTag
