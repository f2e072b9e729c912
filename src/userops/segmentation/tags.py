"""Tags: named values that rules give to customers.

    Tag             one value, while a rule holds
    TagGroup        several values, each with its rule: the first that holds, or all that hold
    PreferenceTag   what a customer's events speak for most: by count, by spend, or by TF-IDF
    PercentileTag   bands of percentiles of a number, fitted to a population

A decision by hand outranks the rule: whoever was given a value has it, whoever it was taken from
has not, until the decision runs out or another one is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError, NotFittedError
from userops.rules import (
    Aggregate,
    AnyOf,
    Attr,
    Did,
    Not,
    Percentile,
    Prop,
    Rule,
    Term,
    WeightedTop,
    WrittenAs,
)
from userops.segmentation.tag_base import (
    ASSIGN,
    BaseTag,
    Decided,
    check_name,
    check_rule,
    content,
    decision_of,
    is_decided,
    unless,
)

__all__ = [
    "AnyTag",
    "PercentileTag",
    "PreferenceTag",
    "Tag",
    "TagGroup",
    "TagValue",
]


@attrs.frozen(kw_only=True)
class Tag(BaseTag):
    """A tag with one value, which a customer has while a rule holds.

    Attributes:
        when: The rule.
        value: What the tag says, `"true"` unless told otherwise.

    Example:
        >>> from userops.rules import Did, days
        >>> Tag("lapsing", ~Did("order").within(days(90))).value
        'true'
    """

    when: Rule = attrs.field(validator=check_rule, kw_only=False)
    value: str = attrs.field(default="true", validator=check_name)

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

    value: str = attrs.field(validator=check_name)
    when: Rule = attrs.field(validator=check_rule)
    priority: int = attrs.field(default=0)

    @priority.validator
    def _check_priority(self, _: object, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise InvalidDefinitionError(
                "priority", "must be a whole number", got=repr(value), allowed="0, 10, -1 …"
            )


def _values(values: Any) -> tuple[TagValue, ...]:
    if isinstance(values, Mapping):
        values = [TagValue(value, when) for value, when in values.items()]
    found = tuple(values) if isinstance(values, Iterable) else (values,)
    for number, value in enumerate(found):
        if not isinstance(value, TagValue):
            raise InvalidDefinitionError(
                f"values[{number}]", "is no value with a rule", got=repr(value),
                allowed="{'gold': rule, …}, or [TagValue('gold', rule), …]",
            )  # fmt: skip
    return found


@attrs.frozen(kw_only=True)
class TagGroup(BaseTag):
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
        default=None, validator=attrs.validators.optional(check_name)
    )

    def __attrs_post_init__(self) -> None:
        """Refuse a group without values, or with a value twice."""
        names = [value.value for value in self.values]
        if self.otherwise is not None:
            names.append(self.otherwise)
        if not self.values:
            raise InvalidDefinitionError(
                "values", "are none", allowed="{'gold': rule, …}, at least one"
            )
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
        found = {}
        before: list[Rule] = []
        for value, rule in self.rules_in_order.items():
            found[value] = rule if value == self.otherwise else unless(rule, before)
            if self.pick == "first":
                before.append(rule)
        return {name: found[name] for name in self.value_names}

    @property
    def value_names(self) -> tuple[str, ...]:
        """The values in the order in which the group was written, last what is given otherwise."""
        names = tuple(value.value for value in self.values)
        return names if self.otherwise is None else (*names, self.otherwise)

    @property
    def rules_in_order(self) -> dict[str, Rule]:
        """Value to its own rule, the highest priority first, and last what is given otherwise."""
        ordered = sorted(self.values, key=lambda value: -value.priority)
        found = {value.value: value.when for value in ordered}
        if self.otherwise is not None:
            rules = tuple(found.values())
            found[self.otherwise] = Not(rules[0] if len(rules) == 1 else AnyOf(rules))
        return found


def _orders() -> Did:
    return Did("order")


def _events(value: Any) -> Any:
    return Did(value) if isinstance(value, str) else value


@attrs.frozen(kw_only=True)
class PreferenceTag(BaseTag):
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
        at_least: Customers with fewer such orders (or events) that know the property have no
            preference.

    Example:
        >>> PreferenceTag("favourite category", "category", by="amount", at_least=2).at_least
        2
    """

    of: str = attrs.field(validator=check_name, kw_only=False)
    events: Did = attrs.field(factory=_orders, converter=_events)
    by: str = attrs.field(default="count", validator=check_name)
    at_least: int = attrs.field(default=1)
    weights: WeightedTop | None = attrs.field(default=None, eq=content)

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be counted."""
        if not isinstance(self.events, Did):
            raise InvalidDefinitionError(
                "events", "are no events", got=repr(self.events),
                allowed="'order', or Did('order').within(days(180))",
            )  # fmt: skip
        if self.weights is not None and (
            self.by != "tfidf" or not isinstance(self.weights, WeightedTop)
        ):
            raise InvalidDefinitionError(
                "weights", "are found by fit, and only by='tfidf' has them", got=repr(self.weights)
            )
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
            if self.weights is None:
                raise NotFittedError(
                    f"tag {self.name!r} is relative to a population",
                    hint="fit it first, in a set: TagSet([tag]).fit(history, as_of)",
                )
            return self.weights
        return Aggregate(self.events, "top", self.of, None if self.by == "count" else self.by)

    @property
    def enough(self) -> Rule | None:
        """The rule that there are enough rows; None where one will do."""
        if self.at_least == 1:
            return None
        known = self.events.where(_known(self.of))
        return known.count() >= self.at_least

    def as_rule(self, value: str | None = None, *, decided: Decided = False) -> Rule:
        """Return the rule that a customer has a preference, or this one."""
        term: Any = self.term
        rule: Rule = term.is_known() if value is None else WrittenAs(term, value)
        if self.enough is not None:
            rule = rule & self.enough
        name = decision_of(self.name)
        if not is_decided(decided, name):
            return rule
        decision = Attr(name)
        given = decision.starts_with(ASSIGN) if value is None else decision == f"{ASSIGN}{value}"
        return given | (Not(decision.is_known()) & rule)

    def said(self, locale: Any) -> dict[str, str]:
        """Return what is looked up; which values there are, only data can tell."""
        term = WeightedTop(self.events, of=self.of) if self.needs_weights else self.term
        enough = "" if self.enough is None else self.enough.describe(locale)
        if enough:
            enough = f"（{enough}）" if locale == "zh" else f" ({enough})"
        return {"": f"{term.describe(locale)}{enough}"}


def _known(of: str) -> Rule:
    return Prop(of).is_known()


def _bands(bands: Any) -> tuple[tuple[str, float, float], ...]:
    if isinstance(bands, Mapping):
        bands = [(name, *_edges(name, edges)) for name, edges in bands.items()]
    if isinstance(bands, str) or not isinstance(bands, Iterable):
        raise _no_bands("bands", bands)
    return tuple((band[0], *_edges(band[0], band[1:])) for band in map(_as_tuple, bands))


def _as_tuple(band: Any) -> tuple[Any, ...]:
    found = tuple(band) if isinstance(band, Iterable) and not isinstance(band, str) else ()
    if not found:
        raise _no_bands("bands", band)
    return found


def _edges(name: Any, edges: Any) -> tuple[float, float]:
    found = tuple(edges) if isinstance(edges, Iterable) and not isinstance(edges, str) else ()
    if len(found) != 2:
        raise _no_bands(f"bands[{name!r}]", edges)
    return found


def _no_bands(field: str, got: Any) -> InvalidDefinitionError:
    return InvalidDefinitionError(
        field, "must say where each band begins and ends", got=repr(got),
        allowed="{'top': (0.9, 1), 'middle': (0.5, 0.9)}",
    )  # fmt: skip


@attrs.frozen(kw_only=True)
class PercentileTag(BaseTag):
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

    value: Term = attrs.field(kw_only=False, eq=content)
    bands: tuple[tuple[str, float, float], ...] = attrs.field(kw_only=False, converter=_bands)

    def group(self) -> TagGroup:
        """Return the same as a group of rules, still to be fitted."""
        values = [TagValue(n, Percentile(self.value, low, high)) for n, low, high in self.bands]
        return TagGroup(self.name, values, valid_for=self.valid_for)

    def __attrs_post_init__(self) -> None:
        """Refuse bands that are none, or have no name."""
        if not isinstance(self.value, Term):
            raise InvalidDefinitionError(
                "value", "is no number of the customer", got=repr(self.value),
                allowed="Did('order').sum('amount') and the like",
            )  # fmt: skip
        if not self.bands:
            raise _no_bands("bands", {})
        names = [name for name, _, _ in self.bands]
        twice = sorted({str(name) for name in names if names.count(name) > 1})
        if twice:
            raise InvalidDefinitionError("bands", "occur twice", got=", ".join(twice))
        for name, low, high in self.bands:
            try:
                TagValue(name, Percentile(self.value, low, high))
            except InvalidDefinitionError as error:
                raise InvalidDefinitionError(
                    f"bands[{name!r}]", error.problem.partition(": ")[2], got=error.got,
                    allowed=error.allowed, hint=error.hint,
                ) from error  # fmt: skip

    @property
    def rules(self) -> dict[str, Rule]:
        """Band to rule."""
        return self.group().rules

    @property
    def value_names(self) -> tuple[str, ...]:
        """The bands."""
        return tuple(name for name, _, _ in self.bands)

    @property
    def rules_in_order(self) -> dict[str, Rule]:
        """Band to its own rule."""
        return self.group().rules_in_order


AnyTag: TypeAlias = Tag | TagGroup | PreferenceTag | PercentileTag
