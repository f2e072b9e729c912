"""What every part of a rule is: a frozen node with a scope, a key, and a sentence.

Rules are trees of two kinds of node. A *term* is a value: an attribute, a property of one event, a
number taken over many events. A *rule* is true or false. Rules combine with `&`, `|` and `~`;
`and`, `or` and `not` cannot be redefined in Python, so they are refused with the remedy.

Contract of truth: a rule is true or false, never unknown. A comparison with a missing value is
false, and `~` is the plain negation of that; `is_known()` asks explicitly.

Scopes: a rule of scope `customer` is about one customer as of an instant; a rule of scope `event`
is about one event, order or order line (`Prop`). They do not mix.
"""

from __future__ import annotations

import abc
import json
from collections.abc import Callable, Iterator
from functools import cached_property
from operator import and_, or_
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn, TypeAlias

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError
from userops.rules.answering import Answerable, Decidable, Names, rules_package
from userops.rules.locales import Locale, check_locale
from userops.rules.own_classes import numbers_of_own
from userops.rules.reading import ColumnReader, Holds, RowReader, balanced
from userops.rules.writing import combined, negated

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

    from userops.core.time import AsOf
    from userops.core.values import Kind
    from userops.customers.history import History

__all__ = [
    "All",
    "AnyOf",
    "Node",
    "Not",
    "Rule",
    "Scope",
    "Term",
    "transformed",
    "walked",
]

Scope: TypeAlias = Literal["customer", "event"]
# Compiling takes five calls a level, and Python allows a thousand, the caller's own among them.
_DEEPEST = 100
_TO_A_RULE = "a value becomes a rule by a comparison, a flag by `== True`; or by is_known()"


@attrs.frozen(eq=False)
class Node(Answerable, Definition):
    """A part of a rule."""

    def __attrs_post_init__(self) -> None:
        """Refuse what Python and the engines could not follow to the end.

        Classes with checks of their own leave this out: whatever nests goes through one without.
        """
        if self.depth > _DEEPEST:
            raise InvalidDefinitionError(
                type(self).__name__, "has too many levels inside each other", got=self.depth,
                allowed=f"up to {_DEEPEST}",
                hint="All([…]) and AnyOf([…]) hold any number of rules on one level",
            )  # fmt: skip

    @property
    @abc.abstractmethod
    def scope(self) -> Scope | None:
        """What it is about; None for what may stand in both scopes."""

    @abc.abstractmethod
    def _said(self, locale: Locale) -> str:
        """Say it in words."""

    def describe(self, locale: Locale = "en") -> str:
        """Say the node as a sentence, in English (`en`) or Chinese (`zh`)."""
        return self._said(check_locale(locale))

    @cached_property
    def key(self) -> str:
        """What tells apart nodes that differ: the document, and one's own classes in it."""
        own = numbers_of_own(walked(self))
        document = self.to_dict() | ({"own": own} if own else {})
        return json.dumps(document, ensure_ascii=False, sort_keys=True)

    def same_as(self, other: object) -> bool:
        """Whether another node says the same; `==` on a term builds a comparison instead."""
        return isinstance(other, Node) and self.key == other.key

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes directly below this one."""
        fields = (getattr(self, field.name) for field in attrs.fields(type(self)) if field.init)
        return tuple(node for value in fields for node in _nodes_in(value))

    @cached_property
    def depth(self) -> int:
        """How many nodes lie inside each other, this one included."""
        return 1 + max((node.depth for node in self.nodes()), default=0)

    @cached_property
    def _asked(self) -> Any:
        return rules_package().RuleSet({"answer": self})

    def __str__(self) -> str:
        """Return the sentence in English."""
        return self.describe()

    def __bool__(self) -> bool:
        """Refuse to be a truth value: only data can tell."""
        raise TypeError(
            f"a rule is true or false of a customer, not in itself: {self}. "
            "Combine rules with & | ~ instead of `and`, `or`, `not`, put comparisons in "
            "parentheses, and write a chain as .between(low, high)."
        )


def _nodes_in(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _nodes_in(item)


def walked(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it, each before what is below it."""
    yield node
    for child in node.nodes():
        yield from walked(child)


def transformed(node: Any, change: Callable[[Any], Any]) -> Any:
    """Return the tree with `change` applied to each node, from the leaves up; unchanged where same.

    Args:
        node: A node, or a tuple of such.
        change: Returns the node itself or what stands in its place.
    """
    if isinstance(node, tuple):
        items = tuple(transformed(item, change) for item in node)
        return items if any(a is not b for a, b in zip(items, node, strict=True)) else node
    if not isinstance(node, Node):
        return node
    changes = {}
    for field in attrs.fields(type(node)):
        value = getattr(node, field.name)
        if field.init and isinstance(value, Node | tuple):
            new = transformed(value, change)
            if new is not value:
                changes[field.alias] = new
    return change(attrs.evolve(node, **changes) if changes else node)


@attrs.frozen(eq=False)
class Term(Node):
    """A value of a customer or of one event; see `userops.rules.value.Value` for its operators."""

    @property
    def kind(self) -> Kind | Literal["money"] | None:
        """What the value is, as far as that is known without data."""
        return None

    def __and__(self, other: object) -> NoReturn:
        """Refuse: a value is no rule."""
        raise not_a_rule("&", self)

    __rand__ = __and__

    def __or__(self, other: object) -> NoReturn:
        """Refuse: a value is no rule."""
        raise not_a_rule("|", self)

    __ror__ = __or__

    def __invert__(self) -> NoReturn:
        """Refuse: a value is no rule."""
        raise not_a_rule("~", self)

    def __hash__(self) -> int:
        """Hash by identity: `==` builds a comparison, so terms are looked up by `key`."""
        return id(self)


@attrs.frozen(eq=False)
class Rule(Decidable, Node):
    """A condition: true or false of one customer as of an instant, or of one event.

    Subclass `CustomRule` for a rule of your own.
    """

    needs_population: ClassVar[bool] = False

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function of one customer or event."""
        raise NotImplementedError(type(self).__name__)

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the rule as a column of true and false, never null."""
        raise NotImplementedError(type(self).__name__)

    def fit(
        self,
        history: History,
        as_of: AsOf,
        *,
        tags: Names | None = None,
        segments: Names | None = None,
    ) -> Rule:
        """Return the rule with cut-points in the place of what is relative to a population.

        A rule without percentiles and top n comes back as it is, its references resolved.
        """
        found: Rule = rules_package().fitted_rules(
            {"": self}, history, as_of, tags=tags, segments=segments
        )[""]
        return found

    def __and__(self, other: Rule) -> Rule:
        """Both hold."""
        if not isinstance(other, Rule):
            return NotImplemented
        return All(_flat(self, All) + _flat(other, All))

    def __or__(self, other: Rule) -> Rule:
        """At least one holds."""
        if not isinstance(other, Rule):
            return NotImplemented
        return AnyOf(_flat(self, AnyOf) + _flat(other, AnyOf))

    def __invert__(self) -> Rule:
        """It does not hold."""
        return Not(self)

    def __eq__(self, other: object) -> bool:
        """Whether another rule says the same."""
        return self.same_as(other) if isinstance(other, Node) else NotImplemented

    def __hash__(self) -> int:
        """Hash by content."""
        return hash(self.key)

    def _inner(self, locale: Locale) -> str:
        """Say the rule as part of another one."""
        return self._said(locale)


def not_a_rule(sign: str, term: Term) -> InvalidDefinitionError:
    """Return the error for a value where a rule is needed."""
    return InvalidDefinitionError(
        sign, f"{term} is a value, and no rule", hint=_TO_A_RULE, allowed="rules"
    )


def _flat(rule: Rule, kind: type[All] | type[AnyOf]) -> tuple[Rule, ...]:
    return rule.rules if type(rule) is kind else (rule,)


def _as_rules(rules: Any) -> tuple[Any, ...]:
    return tuple(rules) if isinstance(rules, tuple | list) else (rules,)


def _check_rules(node: Node, attribute: attrs.Attribute[Any], rules: tuple[Any, ...]) -> None:
    if not rules:
        raise InvalidDefinitionError(
            attribute.alias or attribute.name, "is empty", allowed="at least one rule"
        )
    scopes = set()
    for number, rule in enumerate(rules):
        if not isinstance(rule, Rule):
            raise InvalidDefinitionError(
                f"{attribute.alias}[{number}]", "is not a rule", got=f"{rule!r}",
                hint=_TO_A_RULE if isinstance(rule, Term) else None,
            )  # fmt: skip
        scopes |= {rule.scope} - {None}
    if len(scopes) > 1:
        raise InvalidDefinitionError(
            attribute.alias or attribute.name,
            "mixes a condition on one event with conditions on the customer",
            got="; ".join(f"{rule} ({rule.scope})" for rule in rules),
            hint="conditions on an event go into Did(…).where(…)",
        )


@attrs.frozen(eq=False)
class _Combined(Rule):
    @property
    def rules(self) -> tuple[Rule, ...]:
        raise NotImplementedError

    @cached_property
    def scope(self) -> Scope | None:
        """The scope of its parts."""
        scopes = (rule.scope for rule in self.rules)
        return next((scope for scope in scopes if scope is not None), None)

    def _inner(self, locale: Locale) -> str:
        return f"({self._said(locale)})" if locale == "en" else f"（{self._said(locale)}）"


@attrs.frozen(eq=False)
class All(_Combined):
    """Every one of several rules holds; `a & b` builds it."""

    rules: tuple[Rule, ...] = attrs.field(alias="all", converter=_as_rules, validator=_check_rules)

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function that stops at the first part that does not hold."""
        return combined("and", [reader.rule(rule) for rule in self.rules])

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the conjunction of the parts."""
        return balanced(and_, [reader.rule(rule) for rule in self.rules])  # type: ignore[no-any-return]

    def _said(self, locale: Locale) -> str:
        return (" and " if locale == "en" else "，并且").join(r._inner(locale) for r in self.rules)


@attrs.frozen(eq=False)
class AnyOf(_Combined):
    """At least one of several rules holds; `a | b` builds it."""

    rules: tuple[Rule, ...] = attrs.field(alias="any", converter=_as_rules, validator=_check_rules)

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function that stops at the first part that holds."""
        return combined("or", [reader.rule(rule) for rule in self.rules])

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the disjunction of the parts."""
        return balanced(or_, [reader.rule(rule) for rule in self.rules])  # type: ignore[no-any-return]

    def _said(self, locale: Locale) -> str:
        return (" or " if locale == "en" else "，或者").join(r._inner(locale) for r in self.rules)


def _check_rule(_: Node, attribute: attrs.Attribute[Any], rule: object) -> None:
    if not isinstance(rule, Rule):
        raise InvalidDefinitionError(attribute.name, "is not a rule", got=f"{rule!r}")


@attrs.frozen(eq=False)
class Not(Rule):
    """A rule does not hold; `~a` builds it. It is the plain negation: of missing values too."""

    rule: Rule = attrs.field(validator=_check_rule)

    @property
    def scope(self) -> Scope | None:
        """The scope of what is negated."""
        return self.rule.scope

    def row(self, reader: RowReader) -> Holds:
        """Return the negation as a function."""
        return negated(reader.rule(self.rule))

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the negation as a column."""
        return ~reader.rule(self.rule)

    def __invert__(self) -> Rule:
        """Return what is negated."""
        return self.rule

    def _said(self, locale: Locale) -> str:
        said = self.rule._inner(locale)
        return f"not {said}" if locale == "en" else f"并非{said}"
