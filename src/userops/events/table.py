"""Orders and events: a host's frame with its columns named, read once, checked once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, TypeVar, Unpack

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.errors import InvalidArgumentError, MoneyOverflowError, MoneyScaleError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    COUNTED,
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
    QUANTITY,
    REASONS,
    STATUS,
    UNRESOLVED,
    EventColumns,
    OrderColumns,
    ReturnsBy,
)
from userops.events.normalise import MISFIT, PREFIX, TOO_LARGE, check_schema, normalised
from userops.events.quality import Quality

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EventTable", "Events", "Orders"]

_Columns = TypeVar("_Columns", OrderColumns, EventColumns)


class _SharedNames(TypedDict, total=False):
    customer_id: str | None
    event_id: str | None
    channel: str | None
    source: str | None
    identifiers: Mapping[str, str]
    time_zone: str
    time_format: str | None


class OrderNames(_SharedNames, total=False):
    """The keywords of `Orders`; see `OrderColumns` for what each means."""

    ordered_at: str
    order_id: str | None
    amount: str | None
    quantity: str | None
    unit_price: str | None
    product_id: str | None
    category: str | None
    discount: str | None
    cost: str | None
    coupon: str | None
    paid_with_points: str | None
    return_of: str | None
    scale: int
    currency: str | None
    rounding: money.Rounding | None
    returns_by: ReturnsBy
    duplicate_lines: Literal["keep", "quarantine"]


class EventNames(_SharedNames, total=False):
    """The keywords of `Events`; see `EventColumns` for what each means."""

    occurred_at: str
    actor: str | None
    properties: tuple[str, ...]


class EventTable(Generic[_Columns]):
    """What orders and events share; use `Orders` or `Events`.

    Construction checks names and types only. The first computation, or `check()`, runs one
    aggregate over the data; its result is kept.

    Attributes:
        source: The host's frame.
        columns: Which column means what.
    """

    _definition: type[_Columns]

    def __init__(self, frame: Any, columns: _Columns | None, named: Mapping[str, Any]) -> None:
        self.source = frames.read(frame)
        if columns is not None and named:
            raise InvalidArgumentError("columns", "is given together with named columns")
        self.columns: _Columns = columns if columns is not None else self._named(named)
        check_schema(self.source, self.columns)

    def _named(self, named: Mapping[str, Any]) -> _Columns:
        allowed = [a.name for a in attrs.fields(self._definition)]
        for name in named:
            if name not in allowed:
                raise InvalidArgumentError.unknown("column role", name, allowed)
        if not named:
            # Nothing named: columns that already carry the names of the roles are taken as such.
            existing = self.source.frame.collect_schema().names()
            roles = {a.name for a in attrs.fields(self._definition) if a.default is None}
            named = {name: name for name in existing if name in roles - _NOT_COLUMNS}
            if "amount" in named:
                named.pop("unit_price", None)
            named |= {n: n for n in ("ordered_at", "occurred_at") if n in allowed}
        missing = next((n for n in ("ordered_at", "occurred_at") if n in allowed), None)
        if missing is not None and missing not in named:
            raise InvalidArgumentError(
                missing, "is needed", hint=f"name the column of the time: {missing}='…'"
            )
        return self._definition(**named)

    @cached_property
    def _normalised(self) -> frames.Frame:
        return normalised(self.source, self.columns)

    @property
    def scale(self) -> int:
        """Decimals of the minor unit; 0 where there is no money."""
        return self.columns.scale if isinstance(self.columns, OrderColumns) else 0

    def check(self) -> EventTable[_Columns]:
        """Run the one validating aggregate and return self.

        Raises:
            MoneyScaleError: If amounts do not fit the declared scale; names the scale that would.
            MoneyOverflowError: If an amount, or a sum that could occur, leaves int64.
        """
        self.audit  # noqa: B018 - computed once, for its checks
        return self

    def counted(self) -> frames.Frame:
        """Return the counted rows in the normalised columns, after the check; nothing is collected.

        Columns: `customer_id`, `instant_us`; for orders `order_id` (where mapped),
        `amount_minor_units`, `quantity` (where mapped), `is_return`; and the optional roles.
        """
        self.check()
        own = [CUSTOMER_ID, INSTANT_US]
        if isinstance(self.columns, OrderColumns):
            own += [AMOUNT_MINOR_UNITS, IS_RETURN]
            own += [ORDER_ID] if self.columns.order_id else []
            own += [QUANTITY] if self.columns.quantity else []
        carried = self.columns.carried()
        return self._normalised.filter(nw.col(PREFIX + STATUS) == COUNTED).select(
            *(nw.col(PREFIX + name).alias(name) for name in own),
            *(nw.col(column).alias(role) for role, column in carried.items() if role not in own),
        )

    @cached_property
    def quality(self) -> Quality:
        """What became of each row; see `Quality`. Counts exact duplicate rows as well."""
        host = self._normalised.select(self.source.frame.collect_schema().names())
        groups = host.group_by(host.collect_schema().names()).agg(nw.len().alias("userops__rows"))
        distinct = int(frames.to_rows(groups.select(n=nw.len()))[0]["n"])
        return attrs.evolve(self.audit, duplicate_lines=self.audit.rows - distinct)

    @cached_property
    def quarantine(self) -> Any:
        """The rows that cannot count, as they came, with their `reason`; the host's frame type."""
        status = nw.col(PREFIX + STATUS)
        reason: Any = nw.lit("")
        for code, name in enumerate(REASONS):
            if code != COUNTED:
                reason = nw.when(status == code).then(nw.lit(name)).otherwise(reason)
        kept = self._normalised.filter(status > COUNTED).select(
            *self.source.frame.collect_schema().names(), reason.alias("reason")
        )
        return self.source.give_back(kept)

    def clean(self) -> Any:
        """Return the counted rows in the normalised columns, as the host's frame type.

        The instant is a datetime in UTC under the role's name; money is `amount_minor_units`.
        """
        time_role = "ordered_at" if isinstance(self.columns, OrderColumns) else "occurred_at"
        frame = self.counted().rename({INSTANT_US: time_role})
        return self.source.give_back(frames.with_datetime(self.source, frame, time_role))

    def by_day(self) -> list[dict[str, Any]]:
        """Count the rows of each local day.

        Returns:
            One dict a day, ascending: `day` (days since 1970-01-01), `rows`, `quarantined` (rows),
            and for orders `orders` (by their first line) and `net_minor_units`. Rows without a
            readable time have no day and are left out.
        """
        instant, status = nw.col(PREFIX + INSTANT_US), nw.col(PREFIX + STATUS)
        timed = self._normalised.filter(~instant.is_null())
        reach = frames.to_rows(timed.select(low=instant.min(), high=instant.max()))[0]
        if reach["low"] is None:
            return []
        between = int(reach["low"]), int(reach["high"])
        measured = {"quarantined": (status > COUNTED).cast(nw.Int64)}
        if isinstance(self.columns, OrderColumns):
            amount = nw.col(PREFIX + AMOUNT_MINOR_UNITS)
            measured["net_minor_units"] = (
                nw.when(status == COUNTED).then(amount).otherwise(nw.lit(0))
            )
        rows = timed.select(
            self.columns.zone.day_expr(instant, between_us=between).alias("day"),
            *(value.alias(name) for name, value in measured.items()),
        )
        grouped = rows.group_by("day").agg(nw.len().alias("rows"), nw.col(*measured).sum())
        days = {row["day"]: row | {"orders": 0} for row in frames.to_rows(grouped)}
        for row in self._orders_by_day(between) if "net_minor_units" in measured else ():
            days[row["day"]]["orders"] = row["orders"]
        return [{k: int(v) for k, v in days[day].items()} for day in sorted(days)]

    def _orders_by_day(self, between_us: tuple[int, int]) -> list[dict[str, Any]]:
        made = self.counted().filter(~nw.col(IS_RETURN))
        if ORDER_ID in made.collect_schema():
            made = made.group_by(CUSTOMER_ID, ORDER_ID).agg(nw.col(INSTANT_US).min())
        day = self.columns.zone.day_expr(nw.col(INSTANT_US), between_us=between_us)
        counts = made.select(day.alias("day")).group_by("day").agg(nw.len().alias("orders"))
        return frames.to_rows(counts)

    @cached_property
    def audit(self) -> Quality:
        """The quality report without the count of exact duplicates: one aggregate, kept.

        Raises:
            MoneyScaleError: If amounts do not fit the declared scale.
            MoneyOverflowError: If an amount, or a sum that could occur, leaves int64.
        """
        has_money = isinstance(self.columns, OrderColumns)
        frame = self._normalised
        status = nw.col(PREFIX + STATUS)
        ok = status <= COUNTED
        measured = {"status": status, INSTANT_US: nw.col(PREFIX + INSTANT_US)}
        if has_money:
            amount = nw.col(PREFIX + AMOUNT_MINOR_UNITS)
            magnitude = amount.cast(nw.Float64).abs()
            measured |= {
                "returned": nw.col(PREFIX + IS_RETURN),
                "amount": nw.when(ok).then(amount).otherwise(nw.lit(0)),
                "magnitude": nw.when(ok).then(magnitude).otherwise(nw.lit(0.0)),
                MISFIT: (nw.col(PREFIX + MISFIT) & ok).cast(nw.Int64),
                TOO_LARGE: (nw.col(PREFIX + TOO_LARGE) & ok).cast(nw.Int64),
                "zero": (ok & (amount == 0)).fill_null(False).cast(nw.Int64),
            }
        frame = frame.select(**{f"{PREFIX}{k}": v for k, v in measured.items()})
        keys = [PREFIX + "status", *([PREFIX + "returned"] if has_money else [])]
        sums = ("amount", "magnitude", MISFIT, TOO_LARGE, "zero") if has_money else ()
        grouped = frame.group_by(keys).agg(
            nw.len().alias("rows"),
            nw.col(PREFIX + INSTANT_US).min().alias("first"),
            nw.col(PREFIX + INSTANT_US).max().alias("last"),
            *(nw.col(PREFIX + name).sum().alias(name) for name in sums),
        )
        rows = [
            {name.removeprefix(PREFIX): value for name, value in row.items()}
            for row in frames.to_rows(grouped)
        ]
        if isinstance(self.columns, OrderColumns):
            self._check_money(rows, self.columns)
        return self._quality_of(rows)

    def _check_money(self, rows: list[dict[str, Any]], columns: OrderColumns) -> None:
        large = sum(int(row[TOO_LARGE]) for row in rows)
        if large:
            raise MoneyOverflowError(
                f"{large} amounts are too large to be exact",
                allowed=f"up to 2**62 minor units, 2**53 from floats, at scale={columns.scale}",
                hint="check the unit of the column, or declare a smaller scale",
            )
        misfits = sum(int(row[MISFIT]) for row in rows)
        if misfits:
            raise self._scale_error(misfits, columns)
        total = sum(row["magnitude"] for row in rows)
        if total >= 2.0**62:
            raise MoneyOverflowError(
                "the sum of all amounts would leave exact 64-bit integers",
                got=f"about {total:.3g} minor units",
                allowed="less than 2**62",
                hint=f"declare a smaller scale than {columns.scale}, with rounding, or check the "
                "unit of the column",
            )

    def _scale_error(self, misfits: int, columns: OrderColumns) -> MoneyScaleError:
        price = nw.col(PREFIX + "price").cast(nw.Float64)
        bad = self._normalised.filter(
            (nw.col(PREFIX + STATUS) <= COUNTED) & nw.col(PREFIX + MISFIT)
        )
        wider = range(columns.scale + 1, money.MAX_SCALE + 1)
        counts = frames.to_rows(
            bad.select(
                example=price.min(),
                **{f"at_{s}": (~money.fits_expr(price, s)).cast(nw.Int64).sum() for s in wider},
            )
        )[0]
        return MoneyScaleError(
            f"{misfits} amounts have more decimals than the declared scale",
            scale=columns.scale,
            needed_scale=next((s for s in wider if not counts[f"at_{s}"]), None),
            got=f"for example {counts['example']!r} in column "
            f"{columns.amount or columns.unit_price!r}",
        )

    def _quality_of(self, rows: list[dict[str, Any]]) -> Quality:
        counted = [row for row in rows if row["status"] == COUNTED]
        quarantined: dict[str, int] = {}
        for row in rows:
            if row["status"] > COUNTED:
                reason = REASONS[row["status"]]
                quarantined[reason] = quarantined.get(reason, 0) + int(row["rows"])
        facts: dict[str, Any] = {}
        if isinstance(self.columns, OrderColumns):
            returned = [row for row in counted if row["returned"]]
            bought = [row for row in counted if not row["returned"]]
            facts = {
                "returns": sum(int(row["rows"]) for row in returned),
                "zero_amounts": sum(int(row["zero"]) for row in bought),
                "purchased_minor_units": sum(int(row["amount"]) for row in bought),
                "returned_minor_units": sum(int(row["amount"]) for row in returned),
                "scale": self.columns.scale,
                "currency": self.columns.currency,
            }
        return Quality(
            rows=sum(int(row["rows"]) for row in rows),
            counted=sum(int(row["rows"]) for row in counted),
            unresolved=sum(int(row["rows"]) for row in rows if row["status"] == UNRESOLVED),
            quarantined=dict(sorted(quarantined.items(), key=lambda item: (-item[1], item[0]))),
            first_us=min((int(row["first"]) for row in counted), default=None),
            last_us=max((int(row["last"]) for row in counted), default=None),
            **facts,
        )

    def __repr__(self) -> str:
        """Return the engine and the mapping; computes nothing."""
        roles = ", ".join(
            f"{a.name}={value!r}"
            for a in attrs.fields(type(self.columns))
            if (value := getattr(self.columns, a.name)) != a.default and value not in ({}, ())
            and not isinstance(a.default, attrs.Factory)  # type: ignore[arg-type]
        )
        return f"{type(self).__name__}(<{self.source.engine}>, {roles})"


_NOT_COLUMNS = {"time_format", "currency", "rounding"}


class Orders(EventTable[OrderColumns]):
    """A table of orders or order lines, with its columns named.

    Args:
        frame: One row an order, or one row an order line: pandas, Polars (eager or lazy),
            PyArrow, DuckDB relation, PySpark or Ibis.
        columns: The mapping as an object, instead of keywords.
        **named: The mapping as keywords; see `OrderColumns`. Without any, columns that already
            carry the names of the roles are used.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If a column has a type that its role cannot use.
        InvalidDefinitionError: If the mapping does not say who, when or how much.

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table({
        ...     "who": ["a", "a", None], "no": [1, 2, 3],
        ...     "at": ["2024-01-05", "2024-02-30", "2024-03-01"], "paid": [9.99, 5.0, 1.0],
        ... })
        >>> orders = Orders(table, customer_id="who", order_id="no", ordered_at="at", amount="paid")
        >>> dict(orders.quality.quarantined)
        {'no_customer': 1, 'unreadable_time': 1}
    """

    _definition = OrderColumns

    def __init__(
        self, frame: Any, columns: OrderColumns | None = None, **named: Unpack[OrderNames]
    ) -> None:
        super().__init__(frame, columns, named)


class Events(EventTable[EventColumns]):
    """A table of events without money, with its columns named.

    Args:
        frame: One row an event; any frame that `Orders` takes.
        columns: The mapping as an object, instead of keywords.
        **named: The mapping as keywords; see `EventColumns`.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If a column has a type that its role cannot use.
    """

    _definition = EventColumns

    def __init__(
        self, frame: Any, columns: EventColumns | None = None, **named: Unpack[EventNames]
    ) -> None:
        super().__init__(frame, columns, named)
