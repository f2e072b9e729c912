"""The customers and their events, as the host holds them, and how returns count.

Contract of the returns policies, all from the instant of the return and never earlier:

    net        money returned is taken off the customer's total
    separate   totals are gross; what was returned stands beside them
    ignore     returns do not count at all

An order stays an order when it is returned: frequency and recency count purchases that were made.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, as_of_us
from userops.customers.absent import hint_among_persons, hint_of_type
from userops.customers.agreement import check_agreement, kind_of_ids
from userops.customers.arguments import ReturnsPolicy, check_returns, customer_key
from userops.customers.attribute_tables import AttributeTables, distinct_ids
from userops.customers.customer import Customer
from userops.customers.erasure import Erasure
from userops.customers.export import exported
from userops.customers.identified_history import IdentifiedHistory
from userops.customers.order_tables import (
    ORDER,
    event_totals,
    order_table,
    order_totals,
    returns_table,
)
from userops.errors import EmptyHistoryError, InvalidArgumentError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.events.table import Events, EventTable, Orders

if TYPE_CHECKING:
    from userops.core.values import Kind
    from userops.events.quality import Quality

__all__ = ["History"]


class History(IdentifiedHistory):
    """A company's events by name, and what else it knows of its customers.

    Args:
        events: Event name to table. `order` is an `Orders` (or a frame whose columns carry the
            names of its roles), every other name an `Events` (or such a frame). An `Orders` alone
            is short for `{"order": orders}`.
        returns: `net`, `separate` or `ignore`; see the module.
        customers: Current attributes: a `Customers`, or a frame with `customer_id` and a column an
            attribute.
        attributes: Dated attributes: an `Attributes`, several of them as a sequence or under names
            of their own, or frames with `customer_id`, `name`, `value` and `valid_from`.
        reach: The log of consent and delivery: a `Reach`, or a frame with its columns.

    Attributes:
        events: Event name to table.
        attributes: The tables of attributes.
        persons: Who is who, in a history `at` an instant; None without identities.
        returns: The policy.

    Raises:
        InvalidDefinitionError: If a name does not fit its table, the policy is not known, or the
            tables disagree about the engine, the type of customer ids or the time zone.

    Example:
        >>> import pyarrow as pa
        >>> from userops.events import Orders
        >>> table = pa.table(
        ...     {
        ...         "customer_id": ["a", "a", "b"],
        ...         "ordered_at": ["2024-01-05", "2024-02-05", "2024-02-06"],
        ...         "amount": [10, -10, 5],
        ...     }
        ... )
        >>> History(Orders(table)).order_totals("2024-03-01").sort("customer_id").collect().rows()
        [('a', 1704412800000000, 1, 0), ('b', 1707177600000000, 1, 500)]
    """

    def __init__(
        self,
        events: Mapping[str, Any] | Orders,
        *,
        returns: ReturnsPolicy = "net",
        customers: Any = None,
        attributes: Any = None,
        reach: Any = None,
    ) -> None:
        if isinstance(events, EventTable):
            events = {ORDER: events}
        tables: object = events
        if not isinstance(tables, Mapping) or not tables:
            raise InvalidDefinitionError(
                "events", "must map names of events to tables", got=type(events).__name__,
                allowed="for example {'order': Orders(…), 'scan': Events(…)}",
            )  # fmt: skip
        self.returns: ReturnsPolicy = check_returns(returns)
        self.events: dict[str, Orders | Events] = {n: _table(n, t) for n, t in events.items()}
        check_agreement(self.events, "events")
        self.attributes = AttributeTables(
            customers, attributes, time_zone=self.zone.name, reach=reach
        )
        super().__init__()
        if self.attributes.tables:
            check_agreement({**self.events, **self.attributes.tables}, "history")

    def with_attributes(self, title: str | None, attributes: Any) -> History:
        """Return the history with one more table of dated attributes; event tables are shared.

        Args:
            title: What the table is called in errors; None for decisions, apart from all others.
            attributes: An `Attributes`, or a frame for one.

        Raises:
            InvalidArgumentError: If another table has the title.
            InvalidDefinitionError: If it disagrees with the other tables.
        """
        more = copy.copy(self)
        more.attributes = self.attributes.with_table(title, attributes, time_zone=self.zone.name)
        more._resolved = {}
        has_ids = self.identification is None
        check_agreement({**more.events, **more.attributes.tables}, "history", ids=has_ids)
        return more

    @property
    def orders(self) -> Orders:
        """The orders.

        Raises:
            InvalidArgumentError: If the history has none; names the events that it has.
        """
        table = self.events.get(ORDER)
        if not isinstance(table, Orders):
            raise InvalidArgumentError(
                "history", "has no orders", got=f"events {', '.join(self.events)}",
                hint="add them under the name 'order'",
            )  # fmt: skip
        return table

    def table(self, event: str) -> Orders | Events:
        """Return the table of an event.

        Raises:
            InvalidArgumentError: If there is no such event; names the nearest.
        """
        if event not in self.events:
            raise InvalidArgumentError.unknown("event", event, self.events)
        return self.events[event]

    @property
    def source(self) -> frames.Source:
        """The first table as the host gave it; results go back to its engine."""
        return next(iter(self.events.values())).source

    @property
    def quality(self) -> dict[str, Quality]:
        """The quality report of each table."""
        return {name: table.quality for name, table in self.events.items()}

    def check(self) -> History:
        """Check every table and return self; see `Orders.check`."""
        for table in (*self.events.values(), self.attributes):
            table.check()
        return self

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The names of all attributes.

        Raises:
            InvalidDefinitionError: If two tables hold an attribute of one name.
        """
        return tuple(self.attributes.by_name)

    @property
    def attribute_kinds(self) -> dict[str, Kind | None]:
        """Attribute to kind of value; None where a column holds nothing but nulls by its type."""
        return self.attributes.kinds

    def attributes_before(self, names: Sequence[str], before_us: int) -> list[frames.Frame]:
        """Return what attributes are as of an instant; nothing is collected.

        Args:
            names: Which attributes.
            before_us: The instant, microseconds since 1970-01-01 UTC; rows from then on do not
                count. Current attributes are the same for every instant.

        Returns:
            A frame for each table that holds any of them: `customer_id`, and one column an
            attribute. Customers without any of these may be absent.

        Raises:
            InvalidArgumentError: If an attribute is not known; names the nearest.
        """
        return self.at(before_us).attributes.values_before(names, before_us)

    def customer_ids(self, before_us: int) -> frames.Frame:
        """Return the distinct `customer_id` of all tables before an instant.

        A customer of a `Customers` table is there whatever the instant.
        """
        if self.identification is not None:
            return self.at(before_us).customer_ids(before_us)
        tables = list(self.events.values())
        # A column of nulls alone has no type to stand beside the others.
        known = [table for table in tables if kind_of_ids(table) is not None]
        more = self.attributes.customer_ids(before_us)
        if not known and not more:
            known = tables[:1]
        parts = [table.counted(before_us=before_us).select(CUSTOMER_ID) for table in known]
        return distinct_ids([*parts, *more])

    def order_totals(self, as_of: AsOf) -> frames.Frame:
        """Return one row a customer with at least one purchase before `as_of`.

        Columns: `customer_id`, `last_us` (instant of the latest order), `frequency` (orders),
        `monetary_minor_units` by the returns policy; with `separate` also `returned_minor_units`
        (zero or below) and `return_rows`.
        """
        before = as_of_us(as_of, self.zone)
        return order_totals(self.at(before).orders, self.returns, before)

    def event_totals(self, event: str, as_of: AsOf) -> frames.Frame:
        """Return one row a customer with the event before `as_of`.

        Columns: `customer_id`, `last_us`, `frequency`. Returns among orders do not count.
        """
        before = as_of_us(as_of, self.zone)
        return event_totals(self.at(before).table(event), self.returns, before)

    def linked_returns(self, as_of: AsOf) -> Any:
        """Return one row a return before `as_of`, with the order that it takes back.

        A return is linked by `return_of` where that names an earlier order of the customer, else
        to the latest earlier purchase line of the same customer, product and quantity that no
        other return has taken; brackets close in this way.

        Returns:
            The host's frame type with `customer_id`, `order_id`, `returned_at` (UTC),
            `product_id`, `quantity`, `amount` (major units, zero or below), `linked_order_id`
            (null where nothing fits) and `link`: `id`, `match` or `none`.

        Raises:
            InvalidArgumentError: If the orders map no `order_id`.
        """
        before = as_of_us(as_of, self.zone)
        return returns_table(self.at(before).orders, before)

    def order_table(self, as_of: AsOf) -> Any:
        """Return one row an order made before `as_of`, net of the returns linked to it.

        Returns:
            The host's frame type with `customer_id`, `order_id`, `ordered_at` (UTC), `amount`,
            `returned_amount` (zero or below) and `net_amount` in major units, and
            `is_fully_returned`. Under `ignore` nothing is returned.

        Raises:
            InvalidArgumentError: If the orders map no `order_id`.
        """
        before = as_of_us(as_of, self.zone)
        return order_table(self.at(before).orders, self.returns, before)

    def reachable(self, as_of: AsOf) -> Any:
        """Return by which identifiers whom may be contacted, as of an instant; see `Reach`.

        Returns:
            The host's frame type, one row an identifier and customer: `customer_id` (null where it
            is nobody's), `identifier_kind`, `identifier_value`, `consent` and `consent_at`,
            `delivery` and `delivery_at` (datetimes in UTC), `is_reachable`.

        Raises:
            InvalidArgumentError: If the history has no log of reach.
        """
        before = as_of_us(as_of, self.zone)
        reach = self.at(before).attributes.reach
        if reach is None:
            hint = "History(…, reach=Reach(…))"
            raise InvalidArgumentError("history", "has no log of consent and delivery", hint=hint)
        frame = reach.states_before(before)
        for name in ("consent", "delivery"):
            frame = frame.rename({f"{name}_us": f"{name}_at"})
            frame = frames.with_datetime(self.source, frame, f"{name}_at")
        return self.source.give_back(frame)

    def customer(self, customer_id: str | int, as_of: AsOf | None = None) -> Customer:
        """Return one customer, read out of every table.

        Args:
            customer_id: His id; where the history has identities, any id that he had, too.
            as_of: Needed where the history has identities: who he is depends on when.

        Raises:
            EmptyHistoryError: If no table has a counted row of the customer, or an attribute.
            InvalidArgumentError: If the id is no id, or `as_of` is needed.
        """
        if self.identification is not None:
            if as_of is None:
                hint = "who is who depends on when: customer(id, as_of)"
                raise InvalidArgumentError("as_of", "is needed", hint=hint)
            found, here = self.resolved(as_of_us(as_of, self.zone))
            asked = str(customer_key(customer_id))
            try:
                return here.customer(found.called([asked])[0])
            except EmptyHistoryError as error:
                raise EmptyHistoryError(
                    f"there is no customer {asked!r} as of {self.zone.said(found.before_us)}",
                    hint=hint_among_persons(found, asked) or error.hint,
                ) from None
        customer_id = customer_key(customer_id)
        kind = "text" if isinstance(customer_id, str) else "whole numbers"
        rows: dict[str, tuple[dict[str, Any], ...]] = {}
        for name, table in self.events.items():
            if kind_of_ids(table) not in (None, kind):
                rows[name] = ()
                continue
            counted = table.counted()
            wanted = frames.constant(counted, CUSTOMER_ID, customer_id)
            rows[name] = tuple(frames.to_rows(counted.filter(nw.col(CUSTOMER_ID) == wanted)))
        reach_rows = self.attributes.reach_of(customer_id)
        known = self.attributes.of_customer(customer_id, reach_rows)
        if known is None and not any(rows.values()):
            other = hint_of_type(customer_id, self.events, self.attributes)
            raise EmptyHistoryError(f"there is no customer {customer_id!r}", hint=other)
        columns = {name: table.columns for name, table in self.events.items()}
        reach = self.attributes.reach
        return Customer.from_normalised(
            customer_id, rows, columns, returns=self.returns, attributes=known or (),
            reach=reach_rows,
            without_consent=() if reach is None else reach.without_consent,
            attribute_names=self.attributes.every_name,
        )  # fmt: skip

    # Privacy

    def export(self, customer_id: str | int) -> dict[str, Any]:
        """Return everything that any table holds about one person, as one document.

        Args:
            customer_id: Any id that he has or had.

        Returns:
            What `json.dumps` takes: `customer_id`, `identifiers`, `links` with what became of
            them, `decisions`, and `tables`: title to rows with all columns of the host, those in
            quarantine too. Times are ISO text, decimals text; what is missing is None.

        Raises:
            EmptyHistoryError: If nothing is held about him.
            InvalidArgumentError: If the id is no id, or a source of links cannot be searched.
        """
        return exported(self, customer_id)

    def erase(self, customer_id: str | int) -> Erasure[History]:
        """Take everything about one person out of every table, and prove that nothing is left.

        His rows go; in rows of others his identifiers are blanked. As of any instant from the last
        row on all others are who they were, with the same answers.

        Args:
            customer_id: Any id that he has or had.

        Raises:
            EmptyHistoryError: If nothing is held about him.
            InvalidArgumentError: If the id is no id, or a source of links cannot be searched.
            DataError: If others would be changed, or something would be left of him; says whom,
                or where, and what to do. Nothing is removed then.
        """
        return Erasure.of(self, customer_id)

    def __repr__(self) -> str:
        """Return the tables and the policy; computes nothing."""
        tables = {**self.events, **self.attributes.tables}
        lines = [f"  {name} = {table!r}," for name, table in tables.items()]
        return "\n".join(["History(", *lines, f"  returns = {self.returns!r},", ")"])


def _table(name: str, table: Any) -> Orders | Events:
    wanted = Orders if name == ORDER else Events
    if isinstance(table, wanted):
        return table
    if isinstance(table, EventTable):
        raise InvalidDefinitionError(
            f"events[{name!r}]", f"must be {wanted.__name__}", got=type(table).__name__,
            hint="orders go under the name 'order', everything else is Events",
        )  # fmt: skip
    return wanted(table)
