"""What tables of current and of dated attributes have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.copies import copied
from userops.core.time import Zone, zone
from userops.core.values import CLASS_OF, Kind
from userops.customers.attribute_rows import DatedValue
from userops.errors import DataError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID

if TYPE_CHECKING:
    from userops.customers.identified import Persons

__all__ = ["AttributeTable", "classed", "only"]


class AttributeTable:
    """What `Customers` and `Attributes` share; use one of these.

    Attributes:
        source: The host's frame.
        customer_id: Column of the customer; empty where there is none.
    """

    source: frames.Source
    customer_id: str
    # Whether somebody named them, or they are merely what the rows hold.
    has_named_attributes = False
    _with_current: Callable[[frames.Frame, str], frames.Frame] | None = None

    def __init__(self, frame: Any, customer_id: str, time_zone: str | None) -> None:
        self.source = frame if isinstance(frame, frames.Source) else frames.read(frame)
        self.customer_id = customer_id
        self.has_own_zone = time_zone is not None
        self.zone: Zone = zone(time_zone or "UTC")

    def with_persons(self, persons: Persons) -> Self:
        """Return the table with persons as customers, whose ids are text."""
        return copied(self, _with_current=persons.with_called)

    def with_rows(self, frame: Any) -> Self:
        """Return the table over other rows of the same columns, for customers as the host knows."""
        return copied(self, source=frames.read(frame), _with_current=None)

    def keeping(self, names: Sequence[str]) -> Self:
        """Return the table with some of its attributes alone, for customers as the host knows."""
        raise NotImplementedError

    @property
    def has_persons(self) -> bool:
        """Whether its customers are persons, whose ids are text."""
        return self._with_current is not None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes."""
        raise NotImplementedError

    @property
    def kinds(self) -> dict[str, Kind | None]:
        """Attribute to kind of value; None where a column holds nothing but nulls by its type."""
        raise NotImplementedError

    def values_before(self, before_us: int, names: Sequence[str]) -> frames.Frame:
        """Return what attributes are as of an instant, one row a customer; nothing is collected.

        Args:
            before_us: The instant; rows from then on do not count.
            names: Which attributes.

        Returns:
            `customer_id`, and one column an attribute, normalised by
            `userops.core.values.with_values`. Customers without any of them may be absent.

        Raises:
            InvalidArgumentError: If an attribute is not known; names the nearest.
            DataError: If names differ by case alone, which SQL engines cannot tell apart.
        """
        for name in names:
            if name not in self.names:
                raise InvalidArgumentError.unknown("attribute", name, self.names)
        _check_output(names)
        return self._values_before(before_us, list(dict.fromkeys(names)))

    def _values_before(self, before_us: int, names: list[str]) -> frames.Frame:
        raise NotImplementedError

    def customer_ids(self, before_us: int) -> frames.Frame:
        """Return the distinct `customer_id` that the table knows before an instant."""
        raise NotImplementedError

    def of_customer(self, customer_id: str | int) -> tuple[DatedValue, ...] | None:
        """Return what the table says about one customer; None where it does not know him."""
        raise NotImplementedError

    def in_zone(self, time_zone: str) -> Self:
        """Return the table with its naive times read in a zone, unless it names one itself."""
        raise NotImplementedError

    def check(self) -> Self:
        """Look at the data once and return self.

        Raises:
            DataError: If it cannot be used.
        """
        raise NotImplementedError


def only(frame: frames.Frame, customer_id: str | int) -> frames.Frame:
    """Return the rows of one customer."""
    wanted = frames.constant(frame, CUSTOMER_ID, customer_id)
    return frame.filter(nw.col(CUSTOMER_ID) == wanted)


def classed(value: Any, kind: Kind | None) -> Any:
    """Return a normalised value out of a frame as the class of its kind."""
    return None if value is None or kind is None else CLASS_OF[kind](value)


def _check_output(names: Sequence[str]) -> None:
    """Refuse names that cannot be columns of one frame."""
    folded: dict[str, str] = {CUSTOMER_ID: CUSTOMER_ID}
    for name in names:
        other = folded.setdefault(name.lower(), name)
        if other != name or name == CUSTOMER_ID:
            raise DataError(
                f"attribute {name!r} cannot stand beside {other!r}", got=list(names),
                hint="rename one of them; SQL engines do not tell upper from lower case in names",
            )  # fmt: skip
