"""A pilot: a fixed share of customers, the same ones each time, independent of other pilots."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core.sticky import sticky_hash
from userops.errors import InvalidDefinitionError
from userops.rules.literals import as_python
from userops.rules.locales import Locale
from userops.rules.node import Rule, Scope
from userops.rules.reading import ColumnReader, Holds, RowReader, Seen

__all__ = ["Pilot"]

_BUCKETS = 10_000


@attrs.frozen(eq=False)
class Pilot(Rule):
    """A customer falls into a share of all, told by a sticky hash of the name and his id.

    The same customer is in or out today and next year, on every engine; pilots of other names draw
    independently. `start` lets two arms share one name: the first has `share=0.05`, the second
    `share=0.05, start=0.05`.

    Attributes:
        name: What the pilot is called, for example `spring-2025`.
        share: Share of customers, above 0 and up to 1, in steps of 1/10,000.
        start: Where the share begins, 0 to 1.
    """

    name: str = attrs.field()
    share: float = attrs.field(converter=as_python)
    start: float = attrs.field(default=0.0, converter=as_python)

    def __attrs_post_init__(self) -> None:
        """Refuse what is no share."""
        name: object = self.name
        if not isinstance(name, str) or not name:
            raise InvalidDefinitionError("name", "must be a name", got=repr(self.name))
        for field in ("share", "start"):
            value: Any = getattr(self, field)
            good = isinstance(value, int | float) and not isinstance(value, bool)
            if not good or not 0 <= value <= 1 or Fraction(repr(value)) * _BUCKETS % 1:
                raise InvalidDefinitionError(
                    field, "is no share", got=repr(value),
                    allowed=f"0 to 1 in steps of 1/{_BUCKETS:,}",
                )  # fmt: skip
        if not self.share or self.start + self.share > 1 + 1e-9:
            raise InvalidDefinitionError(
                "share", "leaves nobody, or more than there are", got=f"{self.start} + {self.share}"
            )

    @property
    def scope(self) -> Scope:
        """It is about the customer."""
        return "customer"

    @property
    def _bounds(self) -> tuple[int, int]:
        first = round(self.start * _BUCKETS)
        return first, first + round(self.share * _BUCKETS)

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function."""
        low, high = self._bounds
        salt = f"{self.name}:"

        def holds(seen: Seen) -> bool:
            return low <= sticky_hash(f"{salt}{seen.customer_id}") % _BUCKETS < high

        return holds

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the rule as a column."""
        low, high = self._bounds
        bucket = reader.hashed_ids(f"{self.name}:") % _BUCKETS  # type: ignore[attr-defined]
        return (bucket >= low) & (bucket < high)  # type: ignore[no-any-return]

    def _said(self, locale: Locale) -> str:
        percent = f"{self.share * 100:.10g}"
        if locale == "en":
            return f"is in the {percent} % of pilot “{self.name}”"
        return f"属于试点“{self.name}”的{percent}%"
