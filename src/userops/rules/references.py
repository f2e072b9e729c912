"""Rules that name others, a segment or a tag, which a mapping resolves when they are compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import attrs

from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules.answering import Names, SetOfTags
from userops.rules.custom import expanded
from userops.rules.locales import Locale
from userops.rules.node import Node, Rule, Scope, transformed, walked

__all__ = ["HasTag", "InSegment", "Referenced", "names_of", "resolved"]


@runtime_checkable
class Referenced(Protocol):
    """What a name may stand for, besides a rule: something that gives one."""

    def as_rule(self, value: str | None = None) -> Rule:
        """Return the rule for a value of it, or for any value."""
        ...


def _check_text(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidDefinitionError(
            attribute.name, "must be a name", got=repr(value), allowed="text"
        )


@attrs.frozen(eq=False)
class _Reference(Rule):
    name: str = attrs.field(validator=_check_text)

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    def row(self, reader: Any) -> Any:
        """Refuse: the name has not been resolved."""
        raise self._unresolved()

    def column(self, reader: Any) -> Any:
        """Refuse: the name has not been resolved."""
        raise self._unresolved()

    def _unresolved(self) -> InvalidArgumentError:
        word = "segments" if isinstance(self, InSegment) else "tags"
        return InvalidArgumentError(
            word, f"{self.name!r} has to be resolved", hint=f"pass {word}={{{self.name!r}: …}}"
        )


@attrs.frozen(eq=False)
class InSegment(_Reference):
    """The customer is in a segment, by its name."""

    def _said(self, locale: Locale) -> str:
        return f"is in segment “{self.name}”" if locale == "en" else f"属于分群“{self.name}”"


@attrs.frozen(eq=False)
class HasTag(_Reference):
    """The customer has a tag, by its name; with a value, that one."""

    value: str | None = attrs.field(default=None, validator=attrs.validators.optional(_check_text))

    def _said(self, locale: Locale) -> str:
        value = "" if self.value is None else f" = “{self.value}”"
        return f"has tag “{self.name}”{value}" if locale == "en" else f"有标签“{self.name}”{value}"


def resolved(rule: Any, *, tags: Names | None = None, segments: Names | None = None) -> Any:
    """Return a rule in which no name is left.

    Args:
        rule: A rule, or a term.
        tags: Name to a rule or a tag.
        segments: Name to a rule or a segment.

    Raises:
        InvalidArgumentError: If a name is not known (names the nearest), or names itself, directly
            or through others.
    """
    return _resolved(rule, names_of(tags, segments), ())


def names_of(tags: Any, segments: Any) -> dict[str, Mapping[str, Any]]:
    """Return what references may name, by `tags` and `segments`.

    Args:
        tags: Name to a rule or a tag; or a set of tags, which brings its segments along.
        segments: Name to a rule or a segment; or several segments.

    Raises:
        InvalidArgumentError: If it is neither.
    """
    if isinstance(tags, SetOfTags):
        segments = tags.segments if segments is None else segments
        tags = tags.by_name
    return {"tags": _named("tags", tags), "segments": _named("segments", segments)}


def _named(word: str, given: Any) -> Mapping[str, Any]:
    if given is None or isinstance(given, Mapping):
        return given or {}
    several = given if isinstance(given, list | tuple) else (given,)
    if all(isinstance(one, Referenced) and hasattr(one, "name") for one in several):
        return {one.name: one for one in several}
    raise InvalidArgumentError(
        word, "says no names", got=type(given).__name__,
        allowed=f"{{'name': …}}, several {word}" + (", or a TagSet" if word == "tags" else ""),
    )  # fmt: skip


def _resolved(rule: Any, names: Mapping[str, Mapping[str, Any]], path: tuple[str, ...]) -> Any:
    if not any(isinstance(node, _Reference) for node in walked(rule)):
        return rule

    def change(node: Node) -> Node:
        if not isinstance(node, _Reference):
            return node
        word = "segments" if isinstance(node, InSegment) else "tags"
        said = f"{word[:-1]} {node.name!r}"
        if said in path:
            raise InvalidArgumentError(
                word, "name each other in a circle", got=" → ".join((*path, said)),
                hint="take one of these references out",
            )  # fmt: skip
        if not names[word]:
            raise node._unresolved()
        if node.name not in names[word]:
            raise InvalidArgumentError.unknown(word[:-1], node.name, names[word])
        named = expanded(_rule_of(names[word][node.name], node))
        found: Node = _resolved(named, names, (*path, said))
        return found

    return transformed(rule, change)


def _rule_of(named: Any, node: _Reference) -> Rule:
    value = getattr(node, "value", None)
    if isinstance(named, Rule):
        if value is not None:
            raise InvalidArgumentError(
                "tags", f"{node.name!r} is a rule, which has no values", got=value
            )
        return named
    if isinstance(named, Referenced):
        return named.as_rule(value)
    raise InvalidArgumentError(
        "tags" if isinstance(node, HasTag) else "segments",
        f"{node.name!r} stands for nothing that can be asked", got=type(named).__name__,
        allowed="a rule, a tag or a segment",
    )  # fmt: skip
