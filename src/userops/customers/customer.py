"""One customer in memory, for a decision inside a request.

A customer is read by the same normaliser as the tables (`events.rows`), sorted once, and then
answers by binary search: how many orders, how much, and when last, as of any instant.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from types import MappingProxyType
from typing import Any, NamedTuple

import attrs

from userops.core.time import AsOf, Zone, as_of_us, zone
from userops.customers.arguments import ReturnsPolicy, check_returns, customer_key
from userops.customers.attribute_rows import DatedValue, Index, indexed, latest, read_attributes
from userops.customers.identified_rows import with_person
from userops.customers.reach_rows import ReachRow, ReachState, dated_flags, read_reach, states_of
from userops.customers.resolved import Resolved
from userops.errors import InvalidArgumentError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
    QUANTITY,
    EventColumns,
    OrderColumns,
)
from userops.events.rows import Row, read_row

__all__ = ["Customer", "Totals"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Totals(NamedTuple):
    """What one customer comes to, as of an instant.

    Attributes:
        last_us: Instant of the latest order or event.
        frequency: How many.
        monetary_minor_units: Exact money by the returns policy; 0 for events.
        returned_minor_units: Exact money of returns, zero or below, under `separate`.
        return_rows: Rows of returns, under `separate`.
    """

    last_us: int
    frequency: int
    monetary_minor_units: int = 0
    returned_minor_units: int = 0
    return_rows: int = 0


@attrs.frozen(eq=False, slots=False)
class Customer:
    """A customer and his events, immutable.

    Attributes:
        customer_id: Text or whole number.
        rows: Event name to normalised rows, in time order, counted ones only.
        columns: Event name to the mapping that read them.
        quarantine: Rows that cannot count, with their `reason`.
        returns: How returns count: `net`, `separate` or `ignore`.
        attributes: What else is known about him, and from when on.
        reach: What became known about his identifiers, and when.
        without_consent: Kinds of identifier by which he may be contacted without having opted in.
        attribute_names: What attributes there are in his history, so that a rule about another is
            refused; None where that is not known, as of the rows of a request.

    Example:
        >>> from userops.events import OrderColumns
        >>> columns = OrderColumns(customer_id="who", ordered_at="at", amount="paid")
        >>> rows = [{"who": "a", "at": "2024-01-05", "paid": 9.99}]
        >>> customer = Customer.from_rows("a", {"order": rows}, {"order": columns})
        >>> customer.with_event("order", {"who": "a", "at": "2024-02-01", "paid": 5})
        Customer('a', order=2)
    """

    customer_id: str | int
    rows: Mapping[str, tuple[Row, ...]]
    columns: Mapping[str, OrderColumns | EventColumns]
    quarantine: tuple[Row, ...] = ()
    returns: ReturnsPolicy = attrs.field(default="net", converter=check_returns)
    attributes: tuple[DatedValue, ...] = ()
    reach: tuple[ReachRow, ...] = ()
    without_consent: tuple[str, ...] = ()
    attribute_names: frozenset[str] | None = None

    @classmethod
    def from_rows(
        cls,
        customer_id: str | int,
        events: Mapping[str, Sequence[Mapping[str, Any]]],
        columns: Mapping[str, OrderColumns | EventColumns],
        *,
        returns: ReturnsPolicy = "net",
        attributes: Mapping[str, Any] | Sequence[Mapping[str, Any]] = (),
        reach: Sequence[Mapping[str, Any]] = (),
        without_consent: Sequence[str] = (),
        identities: Resolved | None = None,
    ) -> Customer:
        """Read a customer from rows as the host holds them.

        Args:
            customer_id: The id that the rows must carry.
            events: Event name to rows; each row maps column names to values.
            columns: Event name to the mapping, the one that reads the host's table.
            returns: How returns count.
            attributes: Name to current value, true for every instant; or dated rows with `name`,
                `value`, `valid_from` and perhaps `valid_until` (datetimes, dates or ISO text).
            reach: Rows of a `Reach` log about his identifiers: `identifier_kind`,
                `identifier_value` (as it is written), `status`, `occurred_at`.
            without_consent: As in `Reach`.
            identities: Who is who as of the instant that will be asked about: rows may carry any id
                of his, or an identifier instead.

        Raises:
            InvalidArgumentError: If an event has no mapping, or a row belongs to somebody else.
            DataError: If a row lacks a column, its money cannot be exact, or an attribute has a
                value of no known kind.
        """
        customer_id = customer_key(customer_id)
        if identities is not None:
            (customer_id,) = identities.called([str(customer_id)])
        _check_rows(events, columns)
        good: dict[str, tuple[Row, ...]] = {}
        bad: list[Row] = []
        for name, raw in events.items():
            if name not in columns:
                raise InvalidArgumentError.unknown("events", name, columns)
            read = [read_row(row, columns[name]) for row in raw]
            if identities is not None:
                pairs = zip(read, raw, strict=True)
                read = [with_person(row, given, columns[name], identities) for row, given in pairs]
            for row in read:
                if row.customer_id is not None and row.customer_id != customer_id:
                    raise InvalidArgumentError(
                        "events", f"a row of {name!r} belongs to another customer",
                        got=repr(row.customer_id), allowed=repr(customer_id),
                    )  # fmt: skip
            good[name] = _sorted(row for row in read if row.is_counted)
            bad += [row for row in read if not row.is_counted]
        customer = cls(customer_id, good, dict(columns), tuple(bad), returns)
        customer = customer._with_more(attributes) if attributes else customer
        return customer._with_reach(reach, tuple(without_consent)) if reach else customer

    @classmethod
    def from_normalised(
        cls,
        customer_id: str | int,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        columns: Mapping[str, OrderColumns | EventColumns],
        *,
        returns: ReturnsPolicy = "net",
        attributes: Sequence[DatedValue] = (),
        reach: Sequence[ReachRow] = (),
        without_consent: Sequence[str] = (),
        attribute_names: frozenset[str] | None = None,
    ) -> Customer:
        """Build a customer from rows that a table's normaliser has read already."""
        built = {
            name: _sorted(_normalised_row(row, columns[name]) for row in mine)
            for name, mine in rows.items()
        }
        return cls(
            customer_id, built, dict(columns), (), returns, tuple(attributes), tuple(reach),
            tuple(without_consent), attribute_names,
        )  # fmt: skip

    def with_event(self, event: str, row: Mapping[str, Any]) -> Customer:
        """Return a new customer with one more event, for context that is not stored yet.

        Raises:
            InvalidArgumentError: If the event has no mapping, or the row is somebody else's.
        """
        more = Customer.from_rows(self.customer_id, {event: [row]}, self.columns)
        rows = {**self.rows, event: _sorted((*self.rows.get(event, ()), *more.rows[event]))}
        return attrs.evolve(self, rows=rows, quarantine=(*self.quarantine, *more.quarantine))

    def with_attributes(self, rows: Sequence[Mapping[str, Any]]) -> Customer:
        """Return a new customer with more dated attributes.

        Args:
            rows: Each with `name`, `value`, `valid_from` and perhaps `valid_until`; see
                `from_rows`. Rows that cannot count go to `quarantine`.

        Raises:
            InvalidArgumentError: If a row has an unknown key, or is somebody else's.
            ColumnTypeError: If a value is of no known kind.
        """
        if isinstance(rows, Mapping):
            raise InvalidArgumentError(
                "rows", "must be dated rows", got="a mapping", allowed="[{'name': 'city', "
                "'value': 'Shanghai', 'valid_from': '2024-01-31'}]",
                hint="current values are given to from_rows",
            )  # fmt: skip
        return self._with_more(rows)

    def _with_more(self, attributes: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Customer:
        good, bad = read_attributes(self.customer_id, attributes, self.zone)
        names = self.attribute_names
        made = attrs.evolve(
            self,
            attributes=(*self.attributes, *good),
            quarantine=(*self.quarantine, *bad),
            attribute_names=None if names is None else names | {value.name for value in good},
        )
        made._attribute_index  # noqa: B018 - computed once, for its checks
        return made

    def _with_reach(self, rows: Sequence[Mapping[str, Any]], without: tuple[str, ...]) -> Customer:
        good, bad = read_reach(rows, self.zone)
        return attrs.evolve(
            self,
            attributes=(*self.attributes, *dated_flags(good, without)),
            reach=good,
            without_consent=without,
            quarantine=(*self.quarantine, *bad),
        )

    def reach_states(self, as_of: AsOf) -> tuple[ReachState, ...]:
        """Return how each of his identifiers stands as of an instant, and why; see `Reach`."""
        before_us = as_of_us(as_of, self.zone)
        return states_of(self.reach, before_us, self.without_consent, self.zone)

    def reachable_on(self, as_of: AsOf) -> dict[str, tuple[str, ...]]:
        """Return by which identifiers he may be contacted as of an instant: kind to values."""
        found: dict[str, tuple[str, ...]] = {}
        for state in self.reach_states(as_of):
            if state.is_reachable:
                found[state.kind] = (*found.get(state.kind, ()), state.value)
        return found

    def attributes_before(self, before_us: int) -> Mapping[str, Any]:
        """Return the attributes that hold as of an instant; the last answer is kept.

        Args:
            before_us: The instant, microseconds since 1970-01-01 UTC; rows from then on do not
                count.

        Returns:
            Name to value, normalised by `userops.core.values.value_of`; what is missing is left
            out. Which row holds is said in `userops.customers.Attributes`.
        """
        if not self.attributes:
            return _NOTHING
        for asked_us, answer in self._last_attributes[:]:
            if asked_us == before_us:
                return answer
        found = MappingProxyType(latest(self._attribute_index, before_us))
        self._last_attributes[:] = [(before_us, found)]
        return found

    @cached_property
    def _last_attributes(self) -> list[tuple[int, Mapping[str, Any]]]:
        return []

    @cached_property
    def _attribute_index(self) -> Index:
        return indexed(self.attributes)

    @cached_property
    def kept(self) -> dict[Any, Any]:
        """What other packages have worked out about this customer, so that they do so once."""
        return {}

    @cached_property
    def reading_key(self) -> tuple[Any, ...]:
        """What two customers share who are read in the same way; whoever keeps it keeps `columns`.

        Mappings are told apart by identity, which is enough: a host makes them once.
        """
        return (
            self.returns,
            self.attribute_names,
            *((name, id(mapping)) for name, mapping in self.columns.items()),
        )

    @property
    def zone(self) -> Zone:
        """The zone in which days are counted; UTC where no event has a mapping."""
        mapping = next(iter(self.columns.values()), None)
        return zone("UTC") if mapping is None else mapping.zone

    def totals(self, event: str, before_us: int) -> Totals | None:
        """Return what the events before an instant come to, or None where there are none.

        Raises:
            InvalidArgumentError: If the customer's mapping has no such event.
        """
        try:
            index = self._indexes[event]
        except KeyError:
            raise InvalidArgumentError.unknown("event", event, self.columns) from None
        frequency = bisect.bisect_left(index.made_us, before_us)
        if not frequency:
            return None
        upto = bisect.bisect_left(index.row_us, before_us)
        bought, back = index.bought[upto], index.returned[upto]
        last_us = index.made_us[frequency - 1]
        if self.returns == "net":
            return Totals(last_us, frequency, bought + back)
        if self.returns == "ignore":
            return Totals(last_us, frequency, bought)
        return Totals(last_us, frequency, bought, back, index.return_rows[upto])

    @cached_property
    def _indexes(self) -> dict[str, _Index]:
        return {
            name: _indexed(self.rows.get(name, ()), self.columns[name]) for name in self.columns
        }

    def __repr__(self) -> str:
        """Return the id and how many rows of each event count."""
        counts = "".join(f", {name}={len(rows)}" for name, rows in self.rows.items())
        bad = f", quarantined={len(self.quarantine)}" if self.quarantine else ""
        known = f", attributes={len(self.attributes)}" if self.attributes else ""
        return f"Customer({self.customer_id!r}{counts}{known}{bad})"


@attrs.frozen
class _Index:
    made_us: list[int]  # instant of each order (its first line) or event, ascending
    row_us: list[int]  # instant of each row, ascending; the sums below are one longer
    bought: list[int]
    returned: list[int]
    return_rows: list[int]


def _indexed(rows: Sequence[Row], columns: OrderColumns | EventColumns) -> _Index:
    purchases = [row for row in rows if not row.is_return]
    if isinstance(columns, OrderColumns) and columns.order_id is not None:
        made: dict[Any, int] = {}
        for row in purchases:
            assert row.instant_us is not None  # counted rows have one
            made.setdefault(row.order_id, row.instant_us)
        made_us = sorted(made.values())
    else:
        made_us = [row.instant_us or 0 for row in purchases]
    amounts = [row.amount_minor_units or 0 for row in rows]
    signs = [row.is_return for row in rows]
    pairs = list(zip(amounts, signs, strict=True))
    return _Index(
        made_us=made_us,
        row_us=[row.instant_us or 0 for row in rows],
        bought=[0, *accumulate(0 if back else amount for amount, back in pairs)],
        returned=[0, *accumulate(amount if back else 0 for amount, back in pairs)],
        return_rows=[0, *accumulate(int(back) for back in signs)],
    )


def _check_rows(events: Any, columns: Any) -> None:
    """Refuse what is no mapping of names to rows and to columns."""
    for argument, given, allowed in (
        ("events", events, "{'order': [{column: value, …}, …]}"),
        ("columns", columns, "{'order': OrderColumns(…)}"),
    ):
        if not isinstance(given, Mapping):
            raise InvalidArgumentError(
                argument, "must map names of events", got=type(given).__name__, allowed=allowed
            )
    for name, mapping in columns.items():
        if not isinstance(mapping, OrderColumns | EventColumns):
            raise InvalidArgumentError(
                "columns", f"has no mapping for {name!r}", got=type(mapping).__name__,
                allowed="OrderColumns(…) or EventColumns(…)",
            )  # fmt: skip
    for name, rows in events.items():
        if not isinstance(rows, list | tuple) or not all(isinstance(r, Mapping) for r in rows):
            raise InvalidArgumentError(
                "events", f"must hold a list of rows for {name!r}", got=type(rows).__name__,
                allowed="[{column: value, …}, …]; of a frame: frame.to_dict('records')",
            )  # fmt: skip


def _normalised_row(row: Mapping[str, Any], columns: OrderColumns | EventColumns) -> Row:
    own = {CUSTOMER_ID, INSTANT_US}
    if isinstance(columns, OrderColumns):  # an event may have properties of these names
        own |= {ORDER_ID, AMOUNT_MINOR_UNITS, QUANTITY, IS_RETURN}
    return Row(
        **{key: row[key] for key in own if key in row},
        carried={key: value for key, value in row.items() if key not in own},
    )


def _sorted(rows: Any) -> tuple[Row, ...]:
    return tuple(sorted(rows, key=lambda row: row.instant_us))
