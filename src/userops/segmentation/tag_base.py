"""What all tags share, and how a decision by hand about one of them is called."""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules import AnyOf, Attr, Duration, Not, Rule, Term

__all__ = [
    "ASSIGN",
    "DECISION",
    "REMOVE",
    "BaseTag",
    "Decided",
    "check_name",
    "check_rule",
    "content",
    "decision_of",
    "is_decided",
    "unless",
    "value_column",
    "with_decision",
]

# Begins the name of the attribute that holds the latest decision by hand.
DECISION = "tag decision: "
ASSIGN, REMOVE = "assign:", "remove"
# Names of the decisions that there are; True allows for any, False for none.
Decided: TypeAlias = bool | frozenset[str]


def value_column(tag: str, value: str) -> str:
    """Return what a value of a group that gives all its values is called, where it stands alone."""
    return f"{tag}={value}"


def decision_of(tag: str, value: str | None = None) -> str:
    """Return the name of the attribute that holds a decision about a tag, or one of its values."""
    return DECISION + (tag if value is None else value_column(tag, value))


def is_decided(decided: Decided, name: str) -> bool:
    """Whether there may be a decision of a name."""
    return decided if isinstance(decided, bool) else name in decided


def with_decision(name: str, value: str, rule: Rule) -> Rule:
    """Return a rule that the latest decision by hand outranks."""
    decision = Attr(name)
    return (decision == f"{ASSIGN}{value}") | (Not(decision.is_known()) & rule)


def check_name(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no name, as a validator of attrs."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidDefinitionError(
            attribute.name, "must be a name", got=repr(value), allowed="text"
        )


def check_rule(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no rule about customers, as a validator of attrs."""
    if not isinstance(value, Rule):
        raise InvalidDefinitionError(
            attribute.name, "is not a rule", got=repr(value),
            allowed="Did('order').count() >= 2 and the like",
            hint="a value becomes a rule by a comparison, or by is_known()"
            if isinstance(value, Term) else None,
        )  # fmt: skip
    if value.scope == "event":
        raise InvalidDefinitionError(
            attribute.name, "is about one event, not about the customer", got=str(value),
            hint="ask for customers with such an event: Did('order').where(…)",
        )  # fmt: skip


def _check_duration(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Duration):
        raise InvalidDefinitionError(
            attribute.name, "is not a duration", got=repr(value), allowed="days(30), weeks(2)"
        )


def content(term: Term | None) -> str | None:
    """Return what makes two terms equal; `==` on a term builds a condition instead."""
    return term.key if isinstance(term, Term) else None


def unless(rule: Rule, excluded: list[Rule]) -> Rule:
    """Return a rule that holds where none of several others does."""
    if not excluded:
        return rule
    return rule & Not(excluded[0] if len(excluded) == 1 else AnyOf(tuple(excluded)))


@attrs.frozen(kw_only=True)
class BaseTag(Definition):
    """What all tags share.

    Attributes:
        name: What the tag is called, unique in its set.
        valid_for: How long the tag stays after the last refresh at which its rule held; None ends
            it with the rule. A tag that is kept in this way is told by `refresh` alone: `assign`
            and rules that name the tag (`HasTag`) ask whether its rule holds.
    """

    name: str = attrs.field(validator=check_name, kw_only=False)
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
    def rules_in_order(self) -> dict[str, Rule]:
        """Value to rule in the order in which they are looked at; the first that holds counts."""
        return self.rules

    @property
    def value_names(self) -> tuple[str, ...]:
        """The values that rules give, in order; none where values are looked up."""
        return tuple(self.rules)

    def decided_rules(self, decided: Decided, *, in_order: bool = False) -> dict[str, Rule]:
        """Return value to rule, with the decisions by hand that there are."""
        rules = self.rules_in_order if in_order else self.rules
        found = {}
        for value, rule in rules.items():
            name = decision_of(self.name, value if self.has_several else None)
            found[value] = with_decision(name, value, rule) if is_decided(decided, name) else rule
        return found

    def as_rule(self, value: str | None = None, *, decided: Decided = False) -> Rule:
        """Return the rule that a customer has the tag, or one value of it.

        Args:
            value: The value; None is any.
            decided: Whether decisions by hand count, or the names of those that there are.

        Raises:
            InvalidArgumentError: If the tag has no such value; names the nearest.
        """
        rules = self.decided_rules(decided)
        if value is None:
            found = tuple(rules.values())
            return found[0] if len(found) == 1 else AnyOf(found)
        if value not in rules:
            error = InvalidArgumentError.unknown("value", value, rules)
            raise InvalidArgumentError(
                "value", f"tag {self.name!r} has no value {value!r}", allowed=error.allowed,
                hint=error.hint,
            )  # fmt: skip
        return rules[value]

    def said(self, locale: Any) -> dict[str, str]:
        """Return value to the sentence that says when it is given."""
        return {value: rule.describe(locale) for value, rule in self.rules.items()}
