"""What is known about customers besides their events: current values, and dated ones.

Contract, as of an instant: an attribute is what its latest row with `valid_from < as_of` says, and
is missing where that row says nothing or has ended (`valid_until < as_of`). So a row holds for
`valid_from < as_of <= valid_until`. Of rows with the same instant the greatest value counts (text
by code point, null as the lowest), and of equal ones the one that lasts longest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from types import EllipsisType
from typing import Any, Self

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import is_blank_expr, strip
from userops.core.copies import copied
from userops.core.time import is_missing
from userops.core.values import Kind, kinds_of, with_values
from userops.customers.attribute_rows import NO_NAME, UNREADABLE_END, DatedValue
from userops.customers.attribute_table import AttributeTable, classed, only
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID, INSTANT_US, STATUS, EventColumns, reason_code
from userops.events.normalise import (
    check_columns,
    check_schema,
    is_counted,
    normalised,
    with_instant,
)
from userops.events.working_columns import PREFIX, own

__all__ = ["Attributes"]

_NAME, _VALUE, _COUNTED = PREFIX + "name", PREFIX + "value", PREFIX + "counted"
_FROM, _UNTIL = PREFIX + "from_us", PREFIX + "until_us"
_FOREVER_US = 2**63 - 1


class Attributes(AttributeTable):
    """A long table of dated attributes: one row an attribute of a customer and a change of it.

    All values of one table have one type; a history takes several tables, such as one of text and
    one of numbers. What a row means as of an instant is said at the top of the module.

    Args:
        frame: The rows; any frame that `userops.events.Events` takes.
        customer_id: Column of the customer; text or integers.
        name: Column of the name of the attribute; text.
        value: Column of the value; null says that from then on the attribute is missing.
        names: Attributes that are known even where no row holds them, as after the last one of
            them was erased, or before the first one came. Those of the rows are known anyway.
        valid_from: Column of the instant after which the value holds.
        valid_until: Column of the last instant as of which it holds; null for no end. By default
            the column `valid_until`, where there is one; None says that no row ends.
        time_zone: IANA zone in which naive times are read; by default the one of the history, and
            UTC without one.
        time_format: Of `valid_from` and `valid_until`; as in `userops.events.EventColumns`.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If a column has a type that its role cannot use.

    Example:
        >>> import pyarrow as pa
        >>> from userops.core.time import as_of_us, zone
        >>> table = pa.table(
        ...     {
        ...         "customer_id": ["a", "a"],
        ...         "name": ["city", "city"],
        ...         "value": ["上海", "北京"],
        ...         "valid_from": ["2024-01-01", "2024-03-01"],
        ...     }
        ... )
        >>> in_february = as_of_us("2024-02-01", zone("UTC"))
        >>> Attributes(table).values_before(in_february, ["city"]).collect().rows()
        [('a', '上海')]
    """

    def __init__(
        self,
        frame: Any,
        *,
        customer_id: str = CUSTOMER_ID,
        name: str = "name",
        value: str = "value",
        names: Iterable[str] = (),
        valid_from: str = "valid_from",
        valid_until: str | EllipsisType | None = ...,
        time_zone: str | None = None,
        time_format: str | None = None,
    ) -> None:
        super().__init__(frame, customer_id, time_zone)
        if valid_until is ...:
            valid_until = self.source.optional("valid_until")
        self._declared = _checked_names(names)
        self._roles: dict[str, Any] = {"name": name, "value": value, "valid_from": valid_from}
        self._roles |= {} if valid_until is None else {"valid_until": valid_until}
        self._columns = EventColumns(
            customer_id=customer_id,
            occurred_at=valid_from,
            time_zone=self.zone.name,
            time_format=time_format,
        )
        check_columns(self.source, {"customer_id": customer_id, **self._roles})
        check_schema(self.source, self._columns)
        if valid_until is not None:
            check_schema(self.source, attrs.evolve(self._columns, occurred_at=valid_until))
        schema = self.source.frame.collect_schema()
        if schema[name] not in (nw.String, nw.Categorical, nw.Enum, nw.Unknown):
            raise ColumnTypeError(
                name, "cannot name attributes", got=schema[name], allowed="text",
                hint="a table with a column an attribute goes into Customers",
            )  # fmt: skip
        self._kind = kinds_of(self.source, self.source.frame, {"value": value})["value"]

    def in_zone(self, time_zone: str) -> Self:
        """Return the table with its naive times read in a zone, unless it names one itself."""
        if self.has_own_zone:
            return self
        return type(self)(
            self.source,
            customer_id=self.customer_id,
            names=self._declared,
            time_zone=time_zone,
            time_format=self._columns.time_format,
            **{"valid_until": None, **self._roles},
        )

    def with_rows(self, frame: Any) -> Self:
        """Return the table over other rows, for customers as the host knows; names stay known."""
        return copied(
            self, source=frames.read(frame), _with_current=None, _declared=frozenset(self.names)
        )

    def keeping(self, names: Sequence[str]) -> Self:
        """Return the table with the rows of some attributes, for customers as the host knows."""
        name = nw.col(self._roles["name"]).cast(nw.String)
        rows = self.source.frame
        rows = rows.filter(name.is_in(list(names))) if names else rows.head(0)
        return copied(self.with_rows(self.source.give_back(rows)), _declared=frozenset(names))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes, by code point; asks for the distinct ones once.

        Those that were named stay known without a row: of whom nothing is said it is missing.
        """
        found = frames.counted_by(self._counted.select(_NAME), [_NAME])
        return tuple(sorted({row[_NAME] for row in frames.to_rows(found)} | self._declared))

    @property
    def kinds(self) -> dict[str, Kind | None]:
        """Attribute to kind of value; None where a column holds nothing but nulls by its type."""
        return dict.fromkeys(self.names, self._kind)

    @cached_property
    def _normalised(self) -> frames.Frame:
        """The host's columns; ours of the normaliser, `name`, `value`, and perhaps the end."""
        source, until = self.source, self._roles.get("valid_until")
        frame = normalised(source, self._columns).select(
            *source.frame.collect_schema().names(),
            PREFIX + CUSTOMER_ID,
            PREFIX + STATUS,
            own(INSTANT_US).alias(_FROM),
            is_counted(source, self._columns).alias(_COUNTED),
        )
        if self._with_current is not None:
            frame = self._with_current(frame, PREFIX + CUSTOMER_ID)
        if until is not None:
            ends = attrs.evolve(self._columns, occurred_at=until)
            frame = with_instant(source, frame, ends).with_columns(
                own(INSTANT_US).fill_null(_FOREVER_US).alias(_UNTIL),
                (own(INSTANT_US).is_null() & ~own("no_time")).alias(PREFIX + UNREADABLE_END),
            )
        frame, _ = with_values(source, frame, {_VALUE: self._roles["value"]}, self.zone)
        name = nw.col(self._roles["name"]).cast(nw.String)
        return frame.with_columns(nw.when(~is_blank_expr(name)).then(name).alias(_NAME))

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The host's columns that have a role."""
        return self.customer_id, *self._roles.values()

    @property
    def _faults(self) -> list[tuple[str, nw.Expr]]:
        """What keeps a row from counting, in the order in which it is looked for."""
        faults = [
            ("no_customer", own(STATUS) == reason_code("no_customer")),
            (NO_NAME, nw.col(_NAME).is_null()),
            ("no_time", own(STATUS) == reason_code("no_time")),
            ("unreadable_time", own(STATUS) == reason_code("unreadable_time")),
        ]
        if "valid_until" in self._roles:
            faults.append((UNREADABLE_END, own(UNREADABLE_END)))
        return faults

    @cached_property
    def _counted(self) -> frames.Frame:
        good = nw.col(_COUNTED) & ~nw.col(_NAME).is_null()
        ends = [_UNTIL] if "valid_until" in self._roles else []
        if ends:
            good = good & ~own(UNREADABLE_END)
        return self._normalised.filter(good).select(
            PREFIX + CUSTOMER_ID, _FROM, _NAME, _VALUE, *ends
        )

    @cached_property
    def quarantine(self) -> Any:
        """The rows that cannot count, as they came, with their `reason`; the host's frame type.

        Reasons: `no_customer`, `no_name`, `no_time`, `unreadable_time`, `unreadable_valid_until`.
        Where the host has a column `reason` of its own, ours is `quarantine_reason`.
        """
        reason: Any = nw.lit("")
        for said, applies in reversed(self._faults):
            reason = nw.when(applies).then(nw.lit(said)).otherwise(reason)
        names = self.source.frame.collect_schema().names()
        title = "reason" if "reason" not in names else "quarantine_reason"
        rows = self._normalised.with_columns(reason.alias(PREFIX + "reason"))
        rows = rows.filter(own("reason") != "")
        return self.source.give_back(rows.select(*names, own("reason").alias(title)))

    def check(self) -> Self:
        """Read the names of the attributes, and return self."""
        self.names  # noqa: B018 - computed once
        return self

    def _values_before(self, before_us: int, names: list[str]) -> frames.Frame:
        rows = self._counted.filter((nw.col(_FROM) < before_us) & nw.col(_NAME).is_in(names))
        is_flag = self._kind == "flag"
        if is_flag:  # not every engine knows the greater of two booleans
            rows = rows.with_columns(nw.col(_VALUE).cast(nw.Int8))
        key = [PREFIX + CUSTOMER_ID, _NAME]
        # Joined rather than numbered: a window would have to sort all rows.
        last = rows.group_by(*key).agg(nw.col(_FROM).max())
        rows = rows.join(last, on=[*key, _FROM], how="semi")
        greatest = rows.group_by(*key).agg(nw.col(_VALUE).max())
        if "valid_until" in self._roles:
            kept = rows.join(greatest, on=[*key, _VALUE], how="semi")
            ends = kept.group_by(*key).agg(nw.col(_UNTIL).max())
            greatest = greatest.join(ends, on=key, how="inner")
            greatest = greatest.filter(nw.col(_UNTIL) >= before_us)
        if is_flag:
            greatest = greatest.with_columns((nw.col(_VALUE) == 1).alias(_VALUE))
        return self._one_row_a_customer(greatest.filter(~nw.col(_VALUE).is_null()), names)

    def _one_row_a_customer(self, long: frames.Frame, names: list[str]) -> frames.Frame:
        """Turn one row an attribute into one column an attribute."""
        if len(names) == 1:
            return long.select(own(CUSTOMER_ID).alias(CUSTOMER_ID), nw.col(_VALUE).alias(names[0]))
        value = nw.col(_VALUE).cast(nw.Int8) if self._kind == "flag" else nw.col(_VALUE)
        taken = {name: PREFIX + f"value_{i}" for i, name in enumerate(names)}
        wide = long.select(
            PREFIX + CUSTOMER_ID,
            *(nw.when(nw.col(_NAME) == name).then(value).alias(c) for name, c in taken.items()),
        )
        wide = wide.group_by(PREFIX + CUSTOMER_ID).agg(nw.col(*taken.values()).max())
        given = {n: nw.col(c) == 1 if self._kind == "flag" else nw.col(c) for n, c in taken.items()}
        return wide.select(
            own(CUSTOMER_ID).alias(CUSTOMER_ID), *(v.alias(name) for name, v in given.items())
        )

    def customer_ids(self, before_us: int) -> frames.Frame:
        """Return the distinct `customer_id` of the counted rows before an instant."""
        rows = self._counted.filter(nw.col(_FROM) < before_us)
        ids = rows.select(own(CUSTOMER_ID).alias(CUSTOMER_ID))
        return frames.counted_by(ids, [CUSTOMER_ID]).select(CUSTOMER_ID)

    def of_customer(self, customer_id: str | int) -> tuple[DatedValue, ...] | None:
        """Return what the table says about one customer; None where it does not know him."""
        rows = self._counted.rename({PREFIX + CUSTOMER_ID: CUSTOMER_ID})
        found = frames.to_rows(only(rows, customer_id))
        return tuple(self._dated(row) for row in found) or None

    def _dated(self, row: dict[str, Any]) -> DatedValue:
        until = row.get(_UNTIL, _FOREVER_US)
        return DatedValue(
            row[_NAME],
            classed(row[_VALUE], self._kind),
            row[_FROM],
            None if until == _FOREVER_US else until,
        )

    def __repr__(self) -> str:
        """Return the engine and the mapping; computes nothing."""
        roles = "".join(f", {role}={column!r}" for role, column in self._roles.items())
        return f"Attributes(<{self.source.engine}>, customer_id={self.customer_id!r}{roles})"


def _checked_names(names: Iterable[str]) -> frozenset[str]:
    several = () if isinstance(names, str) else tuple(names)
    odd: list[object] = [n for n in several if is_missing(n) or not strip(str(n))]
    if odd or isinstance(names, str):
        raise InvalidDefinitionError(
            "names", "must be several names", got=repr(names), allowed="('city', 'level')"
        )
    return frozenset(several)
