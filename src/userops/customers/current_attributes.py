"""What is known about customers now: one row a customer, a column an attribute."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.copies import copied
from userops.core.values import Kind, kinds_of, with_values
from userops.customers.attribute_rows import DatedValue
from userops.customers.attribute_table import AttributeTable, classed, only
from userops.customers.dates import check_dates, unreadable_dates, with_days
from userops.customers.merged_attributes import merged
from userops.errors import DataError, DataWarning, InvalidArgumentError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.events.normalise import (
    check_columns,
    check_id,
    id_expr,
)
from userops.events.working_columns import PREFIX, own

__all__ = ["Customers"]


class Customers(AttributeTable):
    """A table with one row a customer, whose columns are current attributes.

    Current means: true for every `as_of`, also before the value came to be. Use `Attributes` where
    a decision is replayed and the value may have been another.

    Args:
        frame: One row a customer; any frame that `userops.events.Orders` takes.
        customer_id: Column of the customer; text or integers. Rows without one do not count.
        attributes: Columns that are attributes; all others by default.
        dates: Those of them that are days, such as a birthday: dates, ISO text, or times, of which
            the local day counts. pandas knows times alone, and a time is an instant, which is shown
            in UTC. Text that is no date counts as missing, with a warning.
        time_zone: IANA zone in which naive times are read; by default the one of the history, and
            UTC without one.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If ids are floats, a column is of no kind that values have, or one of
            dates can hold none.
        InvalidArgumentError: If a date is no attribute; names the nearest.
        InvalidDefinitionError: If an attribute occurs twice, or is called `customer_id`.

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table({"customer_id": ["a", "b"], "city": ["上海", None]})
        >>> customers = Customers(table)
        >>> customers.kinds
        {'city': 'text'}
    """

    def __init__(
        self,
        frame: Any,
        *,
        customer_id: str = CUSTOMER_ID,
        attributes: Sequence[str] | None = None,
        dates: Sequence[str] = (),
        time_zone: str | None = None,
    ) -> None:
        super().__init__(frame, customer_id, time_zone)
        schema = self.source.frame.collect_schema()
        self.has_named_attributes = attributes is not None
        for field, given in (("attributes", attributes), ("dates", dates)):
            if isinstance(given, str):
                raise InvalidDefinitionError(
                    field, "must be several names", got=repr(given), allowed=f"({given!r},)"
                )
        chosen = schema.names() if attributes is None else attributes
        self._names = tuple(n for n in chosen if attributes is not None or n != customer_id)
        check_columns(self.source, {"customer_id": customer_id})
        check_id(customer_id, schema[customer_id])
        check_columns(self.source, {f"attributes[{n!r}]": n for n in self._names})
        odd = [n for n in self._names if self._names.count(n) > 1 or n.lower() == CUSTOMER_ID]
        if odd:
            raise InvalidDefinitionError(
                "attributes", "has names that occur twice or mean something else",
                got=sorted(set(odd)), hint="rename the column, or leave it out: attributes=(…)",
            )  # fmt: skip
        for name in dates:
            if name not in self._names:
                raise InvalidArgumentError.unknown("dates", str(name), self._names)
        check_dates(self.source, dates)
        self._dates = tuple(dates)
        self._kinds = kinds_of(self.source, self.source.frame, {n: n for n in self._names})
        self._kinds |= {n: "day" for n in dates if self._kinds[n] is not None}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes: columns of the table."""
        return self._names

    @property
    def kinds(self) -> dict[str, Kind | None]:
        """Attribute to kind of value; None where a column holds nothing but nulls by its type."""
        return dict(self._kinds)

    def in_zone(self, time_zone: str) -> Self:
        """Return the table with its naive times read in a zone, unless it names one itself."""
        if self.has_own_zone:
            return self
        more = type(self)(
            self.source, customer_id=self.customer_id, attributes=self._names, dates=self._dates,
            time_zone=time_zone,
        )  # fmt: skip
        more.has_named_attributes = self.has_named_attributes
        return more

    def keeping(self, names: Sequence[str]) -> Self:
        """Return the table with some of its attributes alone, for customers as the host knows."""
        kinds = {name: kind for name, kind in self._kinds.items() if name in names}
        dates = tuple(name for name in self._dates if name in kinds)
        return copied(self, _names=tuple(kinds), _kinds=kinds, _dates=dates, _with_current=None)

    @cached_property
    def _rows(self) -> frames.Frame:
        values = {PREFIX + n: n for n in self._names if n not in self._dates}
        frame = self.source.frame
        if values:
            frame, _ = with_values(self.source, frame, values, self.zone)
        frame = with_days(self.source, frame, self._dates, self.zone)
        dtype = self.source.frame.collect_schema()[self.customer_id]
        frame = frame.select(
            id_expr(self.customer_id, dtype).alias(PREFIX + CUSTOMER_ID),
            *(own(name) for name in self._names),
        )
        frame = frame.rename({PREFIX + name: name for name in (CUSTOMER_ID, *self._names)})
        return frame.filter(~nw.col(CUSTOMER_ID).is_null())

    @cached_property
    def _checked(self) -> frames.Frame:
        """The rows, after one aggregate that finds customers who occur twice."""
        counts = frames.counted_by(self._rows.select(CUSTOMER_ID), [CUSTOMER_ID])
        twice = counts.filter(nw.col("rows") > 1)
        found = frames.to_rows(twice.select(n=nw.len(), rows=nw.col("rows").sum()))[0]
        if found["n"]:
            raise DataError(
                f"{int(found['n']):,} customers have several rows, {int(found['rows']):,} in all",
                allowed="one row a customer",
                hint="keep one row of each; or, if the rows say what held when, give them as "
                "Attributes: one row an attribute and a change, with its valid_from",
            )
        for name, bad in unreadable_dates(self.source, self._dates, self.zone).items():
            warnings.warn(
                f"column {name!r}: {bad:,} texts are no dates, and count as missing; dates are "
                "written as in 2024-01-31",
                DataWarning,
                stacklevel=2,
            )
        if self._with_current is None:
            return self._rows
        return merged(self._rows, self._names, self._kinds, self._with_current)

    def check(self) -> Self:
        """Look for customers who occur twice, and return self.

        Raises:
            DataError: If there are some; says how many.
        """
        self._checked  # noqa: B018 - computed once, for its check
        return self

    def _values_before(self, before_us: int, names: list[str]) -> frames.Frame:
        return self._checked.select(CUSTOMER_ID, *names)

    def customer_ids(self, before_us: int) -> frames.Frame:
        """Return the distinct `customer_id` of the table, whatever the instant."""
        return self._checked.select(CUSTOMER_ID)

    def of_customer(self, customer_id: str | int) -> tuple[DatedValue, ...] | None:
        """Return what the table says about one customer; None where it does not know him."""
        rows = frames.to_rows(only(self._checked, customer_id))
        given = {name: rows[0][name] for name in self._names} if rows else None
        return None if given is None else tuple(
            DatedValue(name, classed(value, self._kinds[name]))
            for name, value in given.items() if value is not None
        )  # fmt: skip

    def __repr__(self) -> str:
        """Return the engine and the attributes; computes nothing."""
        said = ", ".join(map(repr, self._names))
        return f"Customers(<{self.source.engine}>, customer_id={self.customer_id!r}, {said})"
