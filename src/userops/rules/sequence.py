"""`Sequence("cart", "order", within=days(7))`: one event after another, and none between."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.errors import InvalidDefinitionError
from userops.rules.did import Did
from userops.rules.locales import Locale
from userops.rules.node import Rule, Scope
from userops.rules.reading import ColumnReader, Holds, RowReader
from userops.rules.selection import Selection
from userops.rules.windows import Duration, check_duration

__all__ = ["Sequence"]

_MOST_STEPS = 16


def _selection(value: Any) -> Any:
    return Did(value) if isinstance(value, str) else value


def _selections(values: Any) -> tuple[Any, ...]:
    if isinstance(values, str | Selection) or not isinstance(values, Iterable):
        values = (values,)
    return tuple(_selection(value) for value in values)


def _check_selections(_: Any, attribute: attrs.Attribute[Any], values: tuple[Any, ...]) -> None:
    name = attribute.alias or attribute.name
    for number, value in enumerate(values):
        if not isinstance(value, Selection):
            raise InvalidDefinitionError(
                f"{name}[{number}]", "is no event", got=repr(value),
                allowed="the name of an event, or Did('order').where(…)",
            )  # fmt: skip
        if value.depends_on_customer:
            raise InvalidDefinitionError(
                f"{name}[{number}]", "starts at an instant of the customer's own", got=str(value),
                allowed="windows that are the same for all customers",
            )  # fmt: skip


@attrs.frozen(eq=False, repr=False, init=False)
class Sequence(Rule):
    """A customer did several things in order, within a stretch of time.

    Each step is an event of its own: an order counts once, at its first line, however many lines it
    has. Of events at one instant the earlier step comes first. The
    whole sequence, from its first step to its last, takes at most `within`, the end included.

    Args:
        *steps: Names of events, or `Did("order").where(…)`; two or more.
        within: The longest time from the first step to the last; None is any.
        without: Events of which none may happen strictly between the first step and the last.

    Example:
        >>> from userops.rules import Sequence, days
        >>> print(Sequence("cart", "order", within=days(7), without="return"))
        did cart, then order within 7 days, without return between
    """

    steps: tuple[Selection, ...] = attrs.field(converter=_selections, validator=_check_selections)
    within: Duration | None = attrs.field(
        default=None, validator=attrs.validators.optional(check_duration)
    )
    without: tuple[Selection, ...] = attrs.field(
        default=(), converter=_selections, validator=_check_selections
    )

    def __init__(
        self,
        *steps: str | Selection,
        within: Duration | None = None,
        without: Any = (),
        **given: Any,
    ) -> None:
        # A document names its steps.
        if set(given) - {"steps"}:
            raise InvalidDefinitionError(
                sorted(set(given) - {"steps"})[0], "is not known", allowed="within, without"
            )
        self.__attrs_init__(steps=given.get("steps", steps), within=within, without=without)

    def __attrs_post_init__(self) -> None:
        """Refuse too few steps."""
        if not 2 <= len(self.steps) <= _MOST_STEPS:
            raise InvalidDefinitionError(
                "steps", "are too few or too many", got=len(self.steps),
                allowed=f"2 to {_MOST_STEPS}",
            )  # fmt: skip

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function."""
        return reader.sequence(self)  # type: ignore[attr-defined, no-any-return]

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the rule as a column."""
        return reader.sequence(self)  # type: ignore[attr-defined, no-any-return]

    def _said(self, locale: Locale) -> str:
        steps = [step._events_said(locale) for step in self.steps]
        none = [event._events_said(locale) for event in self.without]
        if locale == "en":
            said = "did " + ", then ".join(steps)
            said += f" within {self.within.said(locale)}" if self.within is not None else ""
            return said + (f", without {' or '.join(none)} between" if none else "")
        said = (f"在{self.within.said(locale)}内" if self.within is not None else "") + "先后"
        said += "、".join(f"有{step}" for step in steps)
        return said + (f"，其间没有{'或'.join(none)}" if none else "")

    def __repr__(self) -> str:
        """Return how it is written."""
        return f"Sequence({', '.join(map(repr, self.steps))}, within={self.within!r})"
