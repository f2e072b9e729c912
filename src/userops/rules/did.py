"""`Did("order").where(…).within(days(90)).count() >= 2`: what a customer did, as a sentence."""

from __future__ import annotations

import datetime as dt
from typing import Literal

import attrs

from userops.errors import InvalidDefinitionError
from userops.rules.features import Aggregate
from userops.rules.node import Rule, Term
from userops.rules.selection import Selection
from userops.rules.windows import Duration, Since, Span, Window

__all__ = ["Did"]


@attrs.frozen(eq=False, repr=False)
class Did(Selection):
    """Events of one name; as a rule, that there is at least one.

    `Did("order")` counts purchases, and `Did("return")` the returns among the orders, where the
    history has no event of that name.

    Args:
        event: Name of the event in the history.

    Example:
        >>> from userops.rules import Did, Prop, days
        >>> nappies = Did("order").where(Prop("category") == "母婴").within(days(90))
        >>> print(nappies.count() >= 2)
        number of order where category is “母婴” in the last 90 days is at least 2
    """

    def where(self, *conditions: Rule) -> Did:
        """Return the events of which the conditions hold as well."""
        found = self._where
        for condition in conditions:
            attrs.evolve(self, where=condition)  # refuses what is no condition on one event
            found = condition if found is None else found & condition
        return attrs.evolve(self, where=found)

    def within(self, window: Duration | Window) -> Did:
        """Return the events within the last days or hours, or a window of the calendar."""
        if self._within is not None:
            raise InvalidDefinitionError(
                "within", "is there already", got=f"{self._within} and {window}",
                hint="a window that starts at an event and ends: since(…, lasting=days(30))",
            )  # fmt: skip
        return attrs.evolve(self, within=window)

    def between(self, start: dt.date | dt.datetime | str, end: dt.date | dt.datetime | str) -> Did:
        """Return the events from an instant to before another one."""
        return self.within(Span(start, end))

    def since(
        self, start: Term | dt.date | dt.datetime | str, *, lasting: Duration | None = None
    ) -> Did:
        """Return the events from a fixed instant, or from one of the customer's own, on."""
        if isinstance(start, Term):
            return self.within(Since(start, lasting))
        if lasting is not None:
            raise InvalidDefinitionError(
                "lasting", "is for an instant of the customer's own", hint="use between(start, end)"
            )
        return self.within(Span(start))

    def count(self) -> Aggregate:
        """Return how many: distinct orders, or events."""
        return Aggregate(self, "count")

    def sum(self, of: str) -> Aggregate:
        """Return the sum of a property; `amount` is money in major units."""
        return Aggregate(self, "sum", of)

    def mean(self, of: str) -> Aggregate:
        """Return the mean of a property over the rows that know it."""
        return Aggregate(self, "mean", of)

    def min(self, of: str) -> Aggregate:
        """Return the smallest value of a property."""
        return Aggregate(self, "min", of)

    def max(self, of: str) -> Aggregate:
        """Return the largest value of a property."""
        return Aggregate(self, "max", of)

    def n_unique(self, of: str) -> Aggregate:
        """Return how many different values a property has."""
        return Aggregate(self, "n_unique", of)

    def first(self, of: str | None = None) -> Aggregate:
        """Return the instant of the first one, or its property."""
        return Aggregate(self, "first", of)

    def last(self, of: str | None = None) -> Aggregate:
        """Return the instant of the last one, or its property."""
        return Aggregate(self, "last", of)

    def days_since_first(self) -> Aggregate:
        """Return the whole days from the first one to the last observed day."""
        return Aggregate(self, "days_since_first")

    def days_since_last(self) -> Aggregate:
        """Return the whole days from the last one to the last observed day."""
        return Aggregate(self, "days_since_last")

    def active_days(self) -> Aggregate:
        """Return on how many local days there is one."""
        return Aggregate(self, "active_days")

    def top(self, of: str, *, by: str | Literal["count"] = "count") -> Aggregate:
        """Return the value of a property with the most rows, or the largest sum of another one."""
        return Aggregate(self, "top", of, None if by == "count" else by)

    def __repr__(self) -> str:
        """Return how it is written."""
        said = f"Did({self.event!r})"
        said += f".where({self._where!r})" if self._where is not None else ""
        return said + (f".within({self._within!r})" if self._within is not None else "")
