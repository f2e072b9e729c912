"""Numbers and values taken over many events of a customer.

Contract, for the events that a selection picks before `as_of` (of orders: purchases, not returns):

    count              orders that are distinct, or events
    sum                of money and units of orders, net of returns where the history nets them;
                       of nothing 0; of other numbers in steps of a millionth
    mean, min, max     over the matching rows that know the property
    n_unique           distinct known values of a property
    first, last        the instant; or the property, of the first or last row that knows it (of rows
                       of one instant, the smallest value)
    top                the property's value with the most rows, or the largest sum; of equal ones
                       the smallest value
    days_since_first,  whole days from the local day of the first or last event to the last
    days_since_last    observed day; what RFM calls recency
    active_days        local days with an event
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs

from userops.core.values import Kind
from userops.errors import InvalidDefinitionError
from userops.rules.locales import Locale
from userops.rules.node import Scope
from userops.rules.selection import Selection
from userops.rules.value import Value

__all__ = ["AMOUNT", "Aggregate", "How"]

How: TypeAlias = Literal[
    "count", "sum", "mean", "min", "max", "n_unique", "first", "last", "top",
    "days_since_first", "days_since_last", "active_days",
]  # fmt: skip
AMOUNT = "amount"
_OF = {"sum": True, "mean": True, "min": True, "max": True, "n_unique": True, "top": True,
       "first": None, "last": None, "count": False, "days_since_first": False,
       "days_since_last": False, "active_days": False}  # fmt: skip
_EN = {"count": "number of {e}", "sum": "total {p} of {e}", "mean": "mean {p} of {e}",
       "min": "lowest {p} of {e}", "max": "highest {p} of {e}", "n_unique": "different {p} of {e}",
       "first": "first {p} of {e}", "last": "last {p} of {e}",
       "days_since_first": "days since the first {e}",
       "days_since_last": "days since the last {e}", "active_days": "days with {e}",
       "top": "most frequent {p} of {e}", "top by": "{p} with the highest {b} of {e}"}  # fmt: skip
_ZH = {"count": "{e}次数", "sum": "{e}的{p}合计", "mean": "{e}的平均{p}", "min": "{e}的最低{p}",
       "max": "{e}的最高{p}", "n_unique": "{e}的不同{p}数", "first": "首次{e}的{p}",
       "last": "最近一次{e}的{p}", "days_since_first": "距首次{e}天数",
       "days_since_last": "距最近一次{e}天数", "active_days": "有{e}的天数",
       "top": "{e}次数最多的{p}", "top by": "{e}的{b}最高的{p}"}  # fmt: skip


@attrs.frozen(eq=False, repr=False)
class Aggregate(Value):
    """A value taken over the events of a selection; the methods of `Did` build it.

    Attributes:
        events: Which events.
        how: What is taken; see the module.
        of: The property, where one is needed.
        by: For `top`, the property whose sum decides; None counts rows.
    """

    events: Selection = attrs.field()
    how: How = attrs.field()
    of: str | None = None
    by: str | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be taken."""
        if not isinstance(self.events, Selection):
            raise InvalidDefinitionError("events", "is no selection", got=repr(self.events))
        if self.how not in tuple(_OF):
            raise InvalidDefinitionError(
                "how", "is not known", got=repr(self.how), allowed=", ".join(_OF)
            )
        for field in ("of", "by"):
            value = getattr(self, field)
            if value is not None and (not isinstance(value, str) or not value):
                raise InvalidDefinitionError(
                    field, "must be the name of a property", got=repr(value), allowed="text"
                )
        if _OF[self.how] is not None and _OF[self.how] != (self.of is not None):
            needs = "needs a property" if self.of is None else "takes no property"
            raise InvalidDefinitionError("of", f"{self.how} {needs}", got=self.of)
        if self.by is not None and self.how != "top":
            raise InvalidDefinitionError("by", f"{self.how} takes none", got=self.by)

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    @property
    def kind(self) -> Kind | Literal["money"] | None:
        """What the value is, where it does not depend on the property's type."""
        if self.how in ("count", "n_unique", "active_days", "days_since_first", "days_since_last"):
            return "whole"
        if self.how in ("sum", "mean"):
            return "number"
        return "instant" if self.how in ("first", "last") and self.of is None else None

    def _said(self, locale: Locale) -> str:
        words = _EN if locale == "en" else _ZH
        of = self.of or {"en": "time", "zh": "时间"}[locale]
        said = words["top by" if self.by is not None else self.how]
        return said.format(e=self.events._events_said(locale), p=of, b=self.by)

    def __repr__(self) -> str:
        """Return how it is written."""
        given = [] if self.of is None else [repr(self.of)]
        given += [] if self.by is None else [f"by={self.by!r}"]
        return f"{self.events!r}.{self.how}({', '.join(given)})"
