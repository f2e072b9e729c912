"""Why a rule holds of a customer, or does not: the rule as a tree, with values and verdicts."""

from __future__ import annotations

import datetime as dt
import html
from typing import TYPE_CHECKING, Any

import attrs

from userops.rules.literals import said_constant
from userops.rules.locales import Locale

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WORDS", "Reason", "RuleExplanation"]

WORDS = {
    "en": {"all": "all of these hold", "any": "at least one of these holds",
           "not": "this does not hold", "missing": "missing", True: "yes", False: "no",
           "head": "Customer {id} as of {when}: {verdict}"},
    "zh": {"all": "以下全部满足", "any": "以下至少满足一项", "not": "以下不满足", "missing": "缺失",
           True: "是", False: "否", "head": "客户 {id}，截至 {when}：{verdict}"},
}  # fmt: skip
_SIGNS = {True: "✓", False: "✗"}


@attrs.frozen
class Reason:
    """One part of a rule, decided for a customer.

    Attributes:
        said: What the part says.
        holds: Whether it holds.
        values: What was looked at, by what it is called; None is missing.
        parts: The parts below.
    """

    said: str
    holds: bool
    values: Mapping[str, Any] = attrs.field(factory=dict)
    parts: tuple[Reason, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types, times as ISO text."""
        values = {
            name: value.isoformat() if isinstance(value, dt.date) else value
            for name, value in self.values.items()
        }
        document: dict[str, Any] = {"said": self.said, "holds": self.holds}
        document |= {"values": values} if values else {}
        return document | ({"parts": [p.to_dict() for p in self.parts]} if self.parts else {})


@attrs.frozen
class RuleExplanation:
    """Why a rule holds of a customer as of an instant, or does not.

    Attributes:
        customer_id: Who.
        when: The instant, as text.
        reason: The whole rule, decided.
        locale: Language of the words.
    """

    customer_id: str | int
    when: str
    reason: Reason
    locale: Locale = "en"

    @property
    def holds(self) -> bool:
        """Whether the rule holds."""
        return self.reason.holds

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return {"customer_id": self.customer_id, "as_of": self.when, **self.reason.to_dict()}

    def __str__(self) -> str:
        """Return the tree, a line a part."""
        words = WORDS[self.locale]
        head = words["head"].format(id=self.customer_id, when=self.when, verdict=words[self.holds])
        return "\n".join([head, *_lines(self.reason, self.locale, 1)])

    def _repr_html_(self) -> str:
        lines = str(self).splitlines()
        rows = "".join(f"<div>{html.escape(line).replace('  ', '&emsp;')}</div>" for line in lines)
        return f"<div>{rows}</div>"


def _lines(reason: Reason, locale: Locale, depth: int) -> list[str]:
    indent, sign = "  " * depth, _SIGNS[reason.holds]
    shown = [_said_value(value, locale) for value in reason.values.values()]
    names = list(reason.values)
    if len(shown) == 1:
        values = f" [{shown[0]}]"
    else:
        both = zip(names, shown, strict=True)
        values = f" [{'; '.join(f'{n}: {v}' for n, v in both)}]" if shown else ""
    lines = [f"{indent}{sign} {reason.said}{values}"]
    for part in reason.parts:
        lines += _lines(part, locale, depth + 1)
    return lines


def _said_value(value: Any, locale: Locale) -> str:
    if value is None:
        return str(WORDS[locale]["missing"])
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    if isinstance(value, float):
        return f"{value:,.10g}"
    return said_constant(value, locale)
