"""Which events count: by name, by what is true of each, and by a window of time."""

from __future__ import annotations

import attrs
import narwhals.stable.v2 as nw

from userops.errors import InvalidDefinitionError
from userops.rules.locales import Locale
from userops.rules.node import Rule, Scope
from userops.rules.reading import ColumnReader, Holds, RowReader
from userops.rules.windows import Since, Window, as_window

__all__ = ["RETURN", "Selection"]

ORDER, RETURN = "order", "return"


@attrs.frozen(eq=False, repr=False)
class Selection(Rule):
    """Events of one name that satisfy a condition within a window.

    As a rule it says that there is at least one.
    """

    event: str = attrs.field()
    _where: Rule | None = attrs.field(default=None)
    _within: Window | None = attrs.field(
        default=None, converter=attrs.converters.optional(as_window)
    )

    @event.validator
    def _check_event(self, _: object, value: object) -> None:
        if not isinstance(value, str) or not value:
            raise InvalidDefinitionError(
                "event", "must be the name of an event", got=repr(value), allowed="text"
            )

    @_where.validator
    def _check_where(self, _: object, value: object) -> None:
        if value is None:
            return
        if not isinstance(value, Rule):
            raise InvalidDefinitionError(
                "where", "is not a rule", got=repr(value), allowed="Prop('category') == '母婴'"
            )
        if value.scope != "event":
            raise InvalidDefinitionError(
                "where", "is about the customer, not about one event", got=str(value),
                hint="a property of the event is Prop('…'); conditions on the customer are "
                "combined outside: Did('order') & (Attr('city') == '杭州')",
            )  # fmt: skip

    @property
    def condition(self) -> Rule | None:
        """What is true of each event; None where every one counts."""
        return self._where

    @property
    def window(self) -> Window | None:
        """When it happened; None where any time before `as_of` counts."""
        return self._within

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    @property
    def depends_on_customer(self) -> bool:
        """Whether the window starts at an instant of the customer's own."""
        return isinstance(self._within, Since)

    def _events_said(self, locale: Locale) -> str:
        """Say the events: `order where category is “母婴” in the last 90 days`."""
        parts = [self.event]
        if locale == "zh":
            said = self.event
            if self._where is not None:
                said = f"满足{self._where._said(locale)}的{said}"
            return said if self._within is None else f"{self._within._said(locale)}{said}"
        if self._where is not None:
            parts.append(f"where {self._where._said(locale)}")
        if self._within is not None:
            parts.append(self._within._said(locale))
        return " ".join(parts)

    def _said(self, locale: Locale) -> str:
        said = self._events_said(locale)
        return f"did {said}" if locale == "en" else f"有{said}"

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function."""
        return reader.events(self)  # type: ignore[attr-defined, no-any-return]

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the rule as a column."""
        return reader.events(self)  # type: ignore[attr-defined, no-any-return]
