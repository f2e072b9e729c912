"""Why a customer has a tag or not: the decision by hand that counts, and the rule."""

from __future__ import annotations

import datetime as dt
from typing import Any

import attrs

from userops.core.time import AsOf, as_of_us
from userops.rules import Reason, RuleExplanation
from userops.rules.locales import Locale, check_locale
from userops.segmentation.tag_base import decision_of
from userops.segmentation.tag_decisions import DecidedCustomer
from userops.segmentation.tags import AnyTag

__all__ = ["explained_tag"]

_WORDS: dict[str, dict[str, Any]] = {
    "en": {"head": "a decision by hand, which outranks the rule",
           "assign": "given by {author} on {at}{value}: {reason}",
           "remove": "taken by {author} on {at}{value}: {reason}",
           "value": " = “{value}”", "until": " (until {until})"},
    "zh": {"head": "人工决定，优先于规则",
           "assign": "由{author}于{at}赋予{value}：{reason}",
           "remove": "由{author}于{at}移除{value}：{reason}",
           "value": "“{value}”", "until": "（有效期至{until}）"},
}  # fmt: skip


def explained_tag(
    tag: AnyTag,
    value: str | None,
    decided: DecidedCustomer,
    as_of: AsOf,
    *,
    names: dict[str, Any],
    locale: Locale,
) -> RuleExplanation:
    """Say why a customer has a tag, or one value of it, or not.

    Args:
        tag: The tag.
        value: The value; None is any.
        decided: The customer, and the decisions about him.
        as_of: Exclusive end of his history.
        names: What rules may name: `tags` and `segments`.
        locale: `en` or `zh`.

    Raises:
        InvalidArgumentError: If the tag has no such value.
    """
    check_locale(locale)
    before_us = as_of_us(as_of, decided.customer.zone)
    rule = tag.as_rule(value)
    explanation: RuleExplanation = rule.explain(decided.customer, as_of, locale=locale, **names)
    if not tag.has_several:
        found = decided.latest(decision_of(tag.name), before_us)
        return explanation if found is None else _outranked(explanation, found, value, locale)
    if value is not None:
        found = decided.latest(decision_of(tag.name, value), before_us)
        return explanation if found is None else _outranked(explanation, found, value, locale)
    by_value = [decided.latest(decision_of(tag.name, v), before_us) for v in tag.rules]
    if not any(by_value):
        return explanation
    parts = [
        explained_tag(tag, v, decided, as_of, names=names, locale=locale).reason for v in tag.rules
    ]
    any_of = attrs.evolve(
        explanation.reason, holds=any(part.holds for part in parts), parts=tuple(parts)
    )
    return attrs.evolve(explanation, reason=any_of)


def _outranked(
    explanation: RuleExplanation, decision: Any, value: str | None, locale: Locale
) -> RuleExplanation:
    words = _WORDS[locale]
    given = decision["action"] == "assign"
    named = decision.get("value")
    known = isinstance(named, str) and named
    said = words[decision["action"]].format(
        author=decision["author"],
        at=_said_time(decision["decided_at"]),
        value=words["value"].format(value=named) if known else "",
        reason=decision["reason"],
    )
    until = decision.get("expires_at")
    if isinstance(until, str | dt.date) and until == until:  # noqa: PLR0124 - NaT is a datetime
        said += words["until"].format(until=_said_time(until))
    # Where only one value can be given, it need not be named.
    holds = given and (value is None or not known or named == value)
    parts = (Reason(said, holds), explanation.reason)
    return attrs.evolve(explanation, reason=Reason(words["head"], holds, parts=parts))


def _said_time(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)
