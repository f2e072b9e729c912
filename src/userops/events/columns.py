"""Which columns of the host's tables mean what: the contract of orders and of events.

Contract of a normalised table (the columns that every later package meets):

    customer_id        text or integer; null only for unresolved rows
    order_id           text or integer, orders only; null where the host has none
    instant_us         int64, microseconds since 1970-01-01 UTC
    amount_minor_units int64, orders only; negative on returns
    is_return          bool, orders only
    status             int, 0 counted, -1 unresolved, > 0 an index into `REASONS`
    … and each optional role that the host mapped, under the role's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from userops.core.money import Rounding, check_rounding, check_scale
from userops.core.patterns import END, portable
from userops.core.time import Zone, zone
from userops.core.timetext import time_text
from userops.errors import InvalidDefinitionError

__all__ = [
    "AMOUNT_MINOR_UNITS",
    "COUNTED",
    "CUSTOMER_ID",
    "EPOCH_PATTERN",
    "EVENT_ID",
    "INSTANT_US",
    "IS_RETURN",
    "OPTIONS",
    "ORDER_ID",
    "PRODUCT_ID",
    "QUANTITY",
    "REASONS",
    "RETURN_OF",
    "STATUS",
    "TEXT_FLAGS",
    "UNRESOLVED",
    "ByColumn",
    "ByOrderId",
    "BySign",
    "EventColumns",
    "OrderColumns",
    "ReturnsBy",
    "reason_code",
]

CUSTOMER_ID = "customer_id"
ORDER_ID = "order_id"
EVENT_ID = "event_id"
PRODUCT_ID = "product_id"
QUANTITY = "quantity"
RETURN_OF = "return_of"
INSTANT_US = "instant_us"
AMOUNT_MINOR_UNITS = "amount_minor_units"
IS_RETURN = "is_return"
STATUS = "status"

COUNTED = 0
UNRESOLVED = -1
# In the order in which they are looked for: a row has the first reason that applies to it.
REASONS = (
    "counted",
    "no_customer",
    "no_order_id",
    "no_time",
    "unreadable_time",
    "no_amount",
    "unreadable_amount",
    "unreadable_quantity",
    "contradictory_sign",
    "unreadable_return",
    "duplicate_line",
    "duplicate_event_id",
)

TEXT_FLAGS = {
    True: {"true", "t", "yes", "y", "1", "是"},
    False: {"false", "f", "no", "n", "0", "否"},
}
EPOCH_PATTERN = "^-?[0-9]{1,18}" + END
_EPOCH_FORMATS = {"epoch_s": 1_000_000, "epoch_ms": 1_000, "epoch_us": 1}


def reason_code(reason: str) -> int:
    """Return the status code of a quarantine reason."""
    return REASONS.index(reason)


@attrs.frozen
class BySign:
    """A row is a return when its amount, or its quantity, is negative."""


@attrs.frozen
class ByOrderId:
    """A row is a return when its order id matches a pattern.

    Attributes:
        pattern: Regular expression, searched in the id as text; for example `^C`. What engines
            read differently is refused; see `userops.core.patterns`.
    """

    pattern: str = attrs.field()

    @pattern.validator
    def _check(self, _: object, value: object) -> None:
        portable(value)


@attrs.frozen
class ByColumn:
    """A row is a return when a boolean column says so.

    Attributes:
        column: Name of a column of booleans, of 0 and 1, or of text such as true and false.
    """

    column: str


ReturnsBy = BySign | ByOrderId | ByColumn


def _column(default: Any = None) -> Any:
    return attrs.field(default=default, validator=_check_column)


def _check_column(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not (isinstance(value, str) and value):
        raise InvalidDefinitionError(
            attribute.name, "must be the name of a column", got=repr(value), allowed="text"
        )


def _check_identifiers(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    good = isinstance(value, Mapping) and all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    )
    if not good:
        raise InvalidDefinitionError(
            attribute.name,
            "must map kinds of identifier to columns",
            got=repr(value),
            allowed="for example {'openid': 'wx_openid'}",
        )


def _check_currency(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidDefinitionError(
            "currency", "must be text", got=repr(value), allowed="an ISO 4217 code, such as 'CNY'"
        )


def _check_time_format(_: object, __: attrs.Attribute[Any], value: object) -> None:
    if value is None or value in _EPOCH_FORMATS:
        return
    if not isinstance(value, str):
        raise InvalidDefinitionError("time_format", "must be text", got=repr(value))
    time_text(value)


def _properties(value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidDefinitionError(
            "properties", "must be several names", got=repr(value), allowed=f"({value!r},)"
        )
    return tuple(value)


def _check_properties(columns: Any, _: object, value: tuple[Any, ...]) -> None:
    odd = [name for name in value if not (isinstance(name, str) and name)]
    if odd:
        raise InvalidDefinitionError(
            "properties", "must be names of columns", got=odd, allowed="text"
        )
    meant = _OF_ORDERS if isinstance(columns, OrderColumns) else _OF_EVENTS
    reserved = sorted(name for name in value if name.lower() in meant)  # SQL engines fold case
    if reserved:
        raise InvalidDefinitionError(
            "properties", "has names that mean something else", got=reserved,
            hint="rename the column, or map it to its role",
        )  # fmt: skip


def _zone_name(value: str) -> str:
    return zone(value).name  # utc and UTC are one zone


@attrs.frozen(kw_only=True)
class _Columns:
    """What orders and events share."""

    customer_id: str | None = _column()
    event_id: str | None = _column()
    channel: str | None = _column()
    source: str | None = _column()
    identifiers: Mapping[str, str] = attrs.field(
        factory=dict, validator=_check_identifiers, hash=False
    )
    time_zone: str = attrs.field(default="UTC", converter=_zone_name)
    time_format: str | None = attrs.field(default=None, validator=_check_time_format)
    properties: tuple[str, ...] = attrs.field(
        default=(), converter=_properties, validator=_check_properties
    )

    @property
    def zone(self) -> Zone:
        """The compiled zone, in which naive times are read and days are counted."""
        return zone(self.time_zone)

    @property
    def epoch_unit_us(self) -> int | None:
        """Microseconds of one unit of an integer time column, or None for other formats."""
        return _EPOCH_FORMATS.get(self.time_format or "")

    def _check_person(self) -> None:
        if self.customer_id is None and not self.identifiers:
            raise InvalidDefinitionError(
                "customer_id",
                "is needed, or identifiers",
                hint="name the column that says who it was: customer_id='CustomerID'",
            )


@attrs.frozen(kw_only=True)
class OrderColumns(_Columns):
    """The columns of a table with one row an order, or one row an order line.

    Attributes:
        customer_id: Column of the customer; text or integers.
        ordered_at: Column of the time of the order.
        order_id: Column that tells orders apart; None where each row is an order.
        amount: Column of money in major units; or None, with `quantity` and `unit_price`.
        quantity: Column of units.
        unit_price: Column of the price of one unit.
        event_id: Column of an id that is unique per row; a repeated id is quarantined.
        product_id, category, discount, cost, coupon, paid_with_points, channel, source: Optional
            columns that are carried along under these names.
        return_of: Column that holds, on a return, the id of the order that it returns.
        properties: Further columns that are carried along under their own names. Names of roles
            and of the normalised table are refused: such a column is mapped to its role.
        identifiers: Kind of identifier to column, for rows that do not know their customer.
        scale: Decimals of the minor unit, 0 to 9.
        currency: ISO 4217 code, or None.
        rounding: None refuses amounts that do not fit the scale; or `half_even`, `half_up`.
        time_zone: IANA zone in which naive times are read and days counted.
        time_format: None for datetimes, dates and ISO text; a format of %Y %m %d %H %M %S %f; or
            `epoch_s`, `epoch_ms`, `epoch_us`.
        returns_by: How returns are recognised.
        duplicate_lines: `keep` counts exact duplicate rows, `quarantine` keeps one of each.
    """

    ordered_at: str = attrs.field(validator=_check_column)
    order_id: str | None = _column()
    amount: str | None = _column()
    quantity: str | None = _column()
    unit_price: str | None = _column()
    product_id: str | None = _column()
    category: str | None = _column()
    discount: str | None = _column()
    cost: str | None = _column()
    coupon: str | None = _column()
    paid_with_points: str | None = _column()
    return_of: str | None = _column()
    scale: int = attrs.field(default=2, converter=check_scale)
    currency: str | None = attrs.field(
        default=None, validator=attrs.validators.optional(_check_currency)
    )
    rounding: Rounding | None = attrs.field(default=None, converter=check_rounding)
    returns_by: ReturnsBy = attrs.field(factory=BySign)
    duplicate_lines: Literal["keep", "quarantine"] = attrs.field(default="keep")

    def __attrs_post_init__(self) -> None:
        """Refuse mappings that do not say who, or how much."""
        self._check_person()
        if self.amount is None and (self.quantity is None or self.unit_price is None):
            raise InvalidDefinitionError(
                "amount",
                "is needed, or both quantity and unit_price",
                got=f"quantity={self.quantity!r}, unit_price={self.unit_price!r}",
                hint="events without money go into Events",
            )
        if self.amount is not None and self.unit_price is not None:
            raise InvalidDefinitionError(
                "unit_price", "would be ignored, because amount is given", hint="name one of them"
            )
        if not isinstance(self.returns_by, BySign | ByOrderId | ByColumn):
            raise InvalidDefinitionError(
                "returns_by",
                "is not known",
                got=repr(self.returns_by),
                allowed="BySign(), ByOrderId('^C'), ByColumn('is_refund')",
            )
        if isinstance(self.returns_by, ByOrderId) and self.order_id is None:
            raise InvalidDefinitionError("returns_by", "ByOrderId needs order_id")
        if self.duplicate_lines not in ("keep", "quarantine"):
            raise InvalidDefinitionError(
                "duplicate_lines",
                "is not known",
                got=self.duplicate_lines,
                allowed="'keep', 'quarantine'",
            )

    @property
    def time_column(self) -> str:
        """The column of the time, whatever its role is called."""
        return self.ordered_at

    def carried(self) -> dict[str, str]:
        """Return role to column of the optional columns that are carried along unchanged."""
        roles = "product_id category discount cost coupon paid_with_points channel source return_of"
        return _mapped(self, roles) | {p: p for p in self.properties}


@attrs.frozen(kw_only=True)
class EventColumns(_Columns):
    """The columns of a table with one row an event without money.

    Attributes:
        customer_id: Column of the customer; text or integers.
        occurred_at: Column of the time of the event.
        event_id: Column of an id that is unique per row; a repeated id is quarantined.
        channel, source: Optional columns; `source` may be a path such as `offline/lift-2/poster`.
        actor: Column of the guide or agent who acted.
        properties: Further columns that are carried along under their own names.
        identifiers: Kind of identifier to column, for rows that do not know their customer.
        time_zone: IANA zone in which naive times are read and days counted.
        time_format: As in `OrderColumns`.
    """

    occurred_at: str = attrs.field(validator=_check_column)
    actor: str | None = _column()

    def __attrs_post_init__(self) -> None:
        """Refuse mappings that do not say who."""
        self._check_person()

    @property
    def time_column(self) -> str:
        """The column of the time, whatever its role is called."""
        return self.occurred_at

    def carried(self) -> dict[str, str]:
        """Return role to column of the optional columns that are carried along unchanged."""
        return _mapped(self, "channel source actor") | {p: p for p in self.properties}


def _mapped(columns: object, roles: str) -> dict[str, str]:
    named = {role: getattr(columns, role) for role in roles.split()}
    return {role: column for role, column in named.items() if column is not None}


# What properties may not be called, because a normalised table has columns of these names.
_OF_EVENTS = {CUSTOMER_ID, INSTANT_US, "channel", "source", "actor"}
_OF_ORDERS = (
    _OF_EVENTS
    | {AMOUNT_MINOR_UNITS, IS_RETURN, STATUS}
    | {field.name for field in attrs.fields(OrderColumns)}
)

# What of a mapping is no column.
OPTIONS = {
    "currency",
    "duplicate_lines",
    "identifiers",
    "properties",
    "returns_by",
    "rounding",
    "scale",
    "time_format",
    "time_zone",
}
