"""The value of a property with the largest weight: rows count more where a value is rare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from userops.errors import InvalidDefinitionError
from userops.rules.features import Aggregate, How
from userops.rules.locales import Locale

__all__ = ["WeightedTop"]


def _pairs(weights: Any) -> tuple[tuple[str, int], ...]:
    items = weights.items() if isinstance(weights, Mapping) else weights
    return tuple((value, weight) for value, weight in items)


@attrs.frozen(eq=False, repr=False)
class WeightedTop(Aggregate):
    """The text that a customer's rows speak for most, each row counting the weight of its text.

    Attributes:
        weights: Text to a positive whole number.
        unseen: The weight of every other text.
    """

    how: How = attrs.field(default="top", init=False)
    weights: tuple[tuple[str, int], ...] = attrs.field(default=(), converter=_pairs)
    unseen: int = 1

    def __attrs_post_init__(self) -> None:
        """Refuse weights that are none."""
        super().__attrs_post_init__()
        weights: tuple[tuple[Any, Any], ...] = (*self.weights, ("unseen", self.unseen))
        for value, weight in weights:
            good = isinstance(value, str) and type(weight) is int and 0 < weight < 2**40
            if not good:
                raise InvalidDefinitionError(
                    f"weights[{value!r}]", "is no weight", got=repr(weight),
                    allowed="whole numbers above 0",
                )  # fmt: skip

    def __repr__(self) -> str:
        """Return how it is written."""
        given = f"of={self.of!r}, weights={dict(self.weights)!r}, unseen={self.unseen}"
        return f"WeightedTop({self.events!r}, {given})"

    def _said(self, locale: Locale) -> str:
        events = self.events._events_said(locale)
        if locale == "en":
            return f"most typical {self.of} of {events}"
        return f"{events}最具特征的{self.of}"
