"""Values with which rules are written: operators turn them into conditions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import attrs

from userops.errors import InvalidDefinitionError
from userops.rules.anniversary import Anniversary
from userops.rules.comparisons import Compare, CompareTerms
from userops.rules.conditions import Between, IsIn, IsKnown, Text
from userops.rules.literals import Constant
from userops.rules.locales import Locale
from userops.rules.node import Rule, Scope, Term
from userops.rules.ranking import Percentile, TopN
from userops.rules.windows import Duration

__all__ = ["Attr", "Prop", "Ratio", "Value"]


@attrs.frozen(eq=False)
class Value(Term):
    """A value that conditions are built from.

    `==`, `!=`, `<`, `<=`, `>` and `>=` compare with a constant or with another value. To ask
    whether two values say the same, use `same_as`.
    """

    def _compare(self, how: Any, other: Any) -> Rule:
        if isinstance(other, Term):
            return CompareTerms(self, how, other)
        return Compare(self, how, other)

    def __eq__(self, other: object) -> Rule:  # type: ignore[override]
        """Build the condition that it is equal to a constant or a value."""
        return self._compare("==", other)

    def __ne__(self, other: object) -> Rule:  # type: ignore[override]
        """Build the condition that it is known and differs from a constant or a value."""
        return self._compare("!=", other)

    def __lt__(self, other: Any) -> Rule:  # type: ignore[override]
        """Build the condition that it lies below."""
        return self._compare("<", other)

    def __le__(self, other: Any) -> Rule:  # type: ignore[override]
        """Build the condition that it lies below, or is equal."""
        return self._compare("<=", other)

    def __gt__(self, other: Any) -> Rule:  # type: ignore[override]
        """Build the condition that it lies above."""
        return self._compare(">", other)

    def __ge__(self, other: Any) -> Rule:  # type: ignore[override]
        """Build the condition that it lies above, or is equal."""
        return self._compare(">=", other)

    def __hash__(self) -> int:
        """Hash by identity; see `Term`."""
        return id(self)

    def __truediv__(self, other: Any) -> Ratio:
        """Return the ratio of two values of the customer."""
        return Ratio(self, other)

    def between(self, low: Constant, high: Constant) -> Rule:
        """Return the condition that it lies within two constants, both included."""
        return Between(self, low, high)

    def is_in(self, options: Iterable[Constant]) -> Rule:
        """Return the condition that it is one of several constants."""
        return IsIn(self, options)

    def contains(self, part: str) -> Rule:
        """Return the condition that the text contains another."""
        return Text(self, "contains", part)

    def starts_with(self, part: str) -> Rule:
        """Return the condition that the text starts with another."""
        return Text(self, "starts_with", part)

    def ends_with(self, part: str) -> Rule:
        """Return the condition that the text ends with another."""
        return Text(self, "ends_with", part)

    def is_known(self) -> Rule:
        """Return the condition that it is not missing."""
        return IsKnown(self)

    def anniversary_within(
        self, duration: Duration, *, leap_day: Literal["feb28", "mar1"] = "feb28"
    ) -> Rule:
        """Return the condition that its day comes round within the next days, today included."""
        return Anniversary(self, duration, leap_day)

    def in_percentile(self, low: float, high: float) -> Rule:
        """Return the condition that it lies above the `low` and up to the `high` percentile.

        It is relative to a population, so the rule has to be fitted; see `Percentile`.
        """
        return Percentile(self, low, high)

    def in_top(self, customers: int) -> Rule:
        """Return the condition that it is among the n highest; to be fitted, see `TopN`."""
        return TopN(self, customers)


def _check_name(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidDefinitionError(
            attribute.name, "must be a name", got=repr(value), allowed="text"
        )


@attrs.frozen(eq=False, repr=False)
class Attr(Value):
    """An attribute of the customer, as it was known at `as_of`: `Attr("city") == "杭州"`."""

    name: str = attrs.field(validator=_check_name)

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    def _said(self, locale: Locale) -> str:
        return self.name

    def __repr__(self) -> str:
        """Return how it is written."""
        return f"Attr({self.name!r})"


@attrs.frozen(eq=False, repr=False)
class Prop(Value):
    """A property of one event, order or order line: `Prop("category") == "母婴"`.

    The names are the roles that the table maps (`category`, `channel`, `amount`, `quantity` …) and
    its further `properties`. `amount` is in major units.
    """

    name: str = attrs.field(validator=_check_name)

    @property
    def scope(self) -> Scope:
        """It is about one event."""
        return "event"

    def _said(self, locale: Locale) -> str:
        return self.name

    def __repr__(self) -> str:
        """Return how it is written."""
        return f"Prop({self.name!r})"


def _check_number(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Term) or value.scope == "event":
        raise InvalidDefinitionError(
            attribute.name, "is not a value of the customer", got=repr(value),
            allowed="Attr('…'), or a number taken over events such as Did('order').count()",
        )  # fmt: skip
    if value.kind in ("text", "flag", "day", "instant"):
        raise InvalidDefinitionError(
            attribute.name, "is not a number", got=f"{value} ({value.kind})"
        )


@attrs.frozen(eq=False)
class Ratio(Value):
    """One number over another; missing where the second is zero or one of them is missing.

    Money over a count is in major units, money over money a plain number.
    """

    over: Term = attrs.field(validator=_check_number)
    under: Term = attrs.field(validator=_check_number)

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    @property
    def kind(self) -> Literal["number"]:
        """It is a number."""
        return "number"

    def _said(self, locale: Locale) -> str:
        over, under = self.over._said(locale), self.under._said(locale)
        return f"{over} per {under}" if locale == "en" else f"{over}与{under}之比"
