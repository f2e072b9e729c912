"""Orders and events: a host's frame with its columns named, read once, checked once."""

from __future__ import annotations

import warnings
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict, Unpack

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.copies import copied
from userops.core.files import read_file
from userops.errors import DataWarning, InvalidArgumentError, UnsupportedFrameError
from userops.events.audit import audited
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    COUNTED,
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    OPTIONS,
    ORDER_ID,
    QUANTITY,
    REASONS,
    STATUS,
    BySign,
    EventColumns,
    OrderColumns,
    ReturnsBy,
)
from userops.events.days import rows_by_day
from userops.events.normalise import check_schema, is_counted, normalised
from userops.events.quality import Quality
from userops.events.working_columns import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["EventTable", "Events", "Orders"]


class _SharedNames(TypedDict, total=False):
    customer_id: str | None
    event_id: str | None
    channel: str | None
    source: str | None
    identifiers: Mapping[str, str]
    time_zone: str
    time_format: str | None
    properties: tuple[str, ...]


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


class EventTable:
    """What orders and events share; use `Orders` or `Events`.

    Construction checks names and types only. The first computation, or `check()`, runs one
    aggregate over the data; its result is kept.

    Attributes:
        source: The host's frame.
        columns: Which column means what.
    """

    columns: OrderColumns | EventColumns
    _of_rows: Callable[[EventTable, frames.Frame], frames.Frame] | None = None
    _definition: type[OrderColumns] | type[EventColumns]

    def __init__(
        self, frame: Any, columns: OrderColumns | EventColumns | None, named: Mapping[str, Any]
    ) -> None:
        if isinstance(frame, str | PurePath):
            hint = f"Orders.from_file({str(frame)!r}, …) reads a file of orders"
            raise UnsupportedFrameError("this is a path, and no dataframe", hint=hint)
        self.source = frames.read(frame)
        if columns is not None and named:
            raise InvalidArgumentError("columns", "is given together with named columns")
        if columns is not None and not isinstance(columns, self._definition):
            raise InvalidArgumentError(
                "columns", "is another kind of mapping", got=type(columns).__name__,
                allowed=self._definition.__name__,
            )  # fmt: skip
        self.columns = columns if columns is not None else self._named(named)
        check_schema(self.source, self.columns)

    def _named(self, named: Mapping[str, Any]) -> OrderColumns | EventColumns:
        allowed = [a.name for a in attrs.fields(self._definition)]
        for name in named:
            if name not in allowed:
                raise InvalidArgumentError.unknown("column role", name, allowed)
        roles = {a.name for a in attrs.fields(self._definition)} - OPTIONS
        if not roles & set(named):
            # No column named: those that already carry the names of the roles are taken as such.
            existing = self.source.frame.collect_schema().names()
            found = {name: name for name in existing if name in roles}
            if "amount" in found:
                found.pop("unit_price", None)
            named = {**found, **named}
        elif "order_id" in roles and "order_id" not in named:
            self._warn_of_unnamed_orders()
        time_role = next(n for n in ("ordered_at", "occurred_at") if n in roles)
        if time_role not in named:
            raise InvalidArgumentError(
                time_role,
                "is needed",
                hint=f"name the column of the time: {time_role}='…'; columns are taken by their "
                "own names only where none is named",
            )
        return self._definition(**named)

    def _warn_of_unnamed_orders(self) -> None:
        if "order_id" in self.source.frame.collect_schema().names():
            warnings.warn(
                "there is a column 'order_id', but it is not mapped, so each row counts as an "
                "order of its own; pass order_id='order_id', or order_id=None if that is meant",
                DataWarning,
                stacklevel=5,
            )

    @cached_property
    def _normalised(self) -> frames.Frame:
        rows = normalised(self.source, self.columns)
        return rows if self._of_rows is None else self._of_rows(self, rows)

    @property
    def normalised(self) -> frames.Frame:
        """The host's rows with the normalised columns under `PREFIX`; nothing is computed."""
        return self._normalised

    def with_persons(self, of_rows: Callable[[EventTable, frames.Frame], frames.Frame]) -> Self:
        """Return the table with persons as customers.

        Args:
            of_rows: Takes the table and its normalised rows, and gives these another `customer_id`
                (text) and `status`.
        """
        return copied(self, _of_rows=of_rows)

    def with_rows(self, frame: Any, columns: OrderColumns | EventColumns | None = None) -> Self:
        """Return the table over other rows, for customers as the host knows them.

        Args:
            frame: The rows.
            columns: The mapping; None keeps it.
        """
        mapping = self.columns if columns is None else columns
        return copied(self, source=frames.read(frame), columns=mapping, _of_rows=None)

    @property
    def has_persons(self) -> bool:
        """Whether its customers are persons, whose ids are text."""
        return self._of_rows is not None

    @property
    def scale(self) -> int:
        """Decimals of the minor unit; 0 where there is no money."""
        return self.columns.scale if isinstance(self.columns, OrderColumns) else 0

    def check(self) -> Self:
        """Run the one validating aggregate and return self.

        Raises:
            MoneyScaleError: If amounts do not fit the declared scale; names the scale that would.
            MoneyOverflowError: If an amount, or a sum that could occur, leaves int64.
        """
        self.audit  # noqa: B018 - computed once, for its checks
        return self

    def counted(self, *, before_us: int | None = None) -> frames.Frame:
        """Return the counted rows in the normalised columns, after the check; nothing is collected.

        Args:
            before_us: Exclusive end; None returns all.

        Returns:
            `customer_id`, `instant_us`; for orders `order_id` (where mapped),
            `amount_minor_units`, `quantity` (where mapped), `is_return`; and the optional roles
            and the properties.
        """
        audit = self.audit
        own, is_good = [CUSTOMER_ID, INSTANT_US], PREFIX + "counted"
        if isinstance(self.columns, OrderColumns):
            own += [AMOUNT_MINOR_UNITS, IS_RETURN]
            own += [ORDER_ID] if self.columns.order_id else []
            own += [QUANTITY] if self.columns.quantity else []
        carried = {r: c for r, c in self.columns.carried().items() if r not in own}
        # A filter copies every row on eager engines, so one that the audit shows to drop nothing
        # is left out; and columns are chosen first, because it copies every column as well.
        only_counted = audit.counted < audit.rows
        only_before = before_us is not None and (audit.last_us or 0) >= before_us

        def plan(rows: frames.Frame) -> frames.Frame:
            rows = rows.select(
                *(nw.col(PREFIX + name).alias(name) for name in own),
                *(nw.col(column).alias(role) for role, column in carried.items()),
                *([is_counted(self.source, self.columns).alias(is_good)] if only_counted else []),
            )
            if only_before:
                rows = rows.filter(nw.col(INSTANT_US) < before_us)
            return rows.filter(nw.col(is_good)).drop(is_good) if only_counted else rows

        return frames.by_morsel(self.source, self._normalised, plan)

    def purchases(self, *, before_us: int | None = None) -> frames.Frame:
        """Return the counted rows of orders that are not returns; see `counted`."""
        rows = self.counted(before_us=before_us)
        return rows.filter(~nw.col(IS_RETURN)) if self.audit.returns else rows

    @cached_property
    def has_order_rows(self) -> bool:
        """Whether each purchase row is an order of its own, known without grouping the rows.

        True where no `order_id` is mapped, or where a look proves that none repeats; False may
        mean that it was not proven, and costs a grouping by order, never a wrong answer.
        """
        if getattr(self.columns, "order_id", None) is None:
            return True
        # Where no row at all repeats one, purchases do not either, and no row has to be read whole.
        ids = self._normalised.select(nw.col(PREFIX + ORDER_ID).alias(ORDER_ID))
        ids = ids.filter(~nw.col(ORDER_ID).is_null())
        rows = self.audit.rows
        return frames.proves_unique(self.source, ids, ORDER_ID, rows=rows) or frames.proves_unique(
            self.source, self.purchases(), ORDER_ID, rows=rows
        )

    @cached_property
    def quality(self) -> Quality:
        """What became of each row; see `Quality`. Counts exact duplicate rows as well."""
        host = self._normalised.select(self.source.frame.collect_schema().names())
        distinct = frames.distinct_rows(self.source, host)
        full = audited(self.source, self._normalised, self.columns, with_totals=True)
        return attrs.evolve(full, duplicate_lines=full.rows - distinct)

    @cached_property
    def quarantine(self) -> Any:
        """The rows that cannot count, as they came, with their `reason`; the host's frame type.

        Where the host has a column `reason` of its own, ours is `quarantine_reason`.
        """
        status = nw.col(PREFIX + STATUS)
        reason: Any = nw.lit("")
        for code, name in enumerate(REASONS):
            if code != COUNTED:
                reason = nw.when(status == code).then(nw.lit(name)).otherwise(reason)
        names = self.source.frame.collect_schema().names()
        # A host may have reasons of its own, such as those of returns.
        said = "reason" if "reason" not in names else "quarantine_reason"
        kept = self._normalised.filter(status > COUNTED).select(*names, reason.alias(said))
        return self.source.give_back(kept)

    def clean(self) -> Any:
        """Return the counted rows in the normalised columns, as the host's frame type.

        The instant is a datetime in UTC under the role's name; money is `amount_minor_units`.
        """
        time_role = "ordered_at" if isinstance(self.columns, OrderColumns) else "occurred_at"
        frame = self.counted()
        if time_role in frame.collect_schema().names():
            frame = frame.drop(time_role)
        frame = frame.rename({INSTANT_US: time_role})
        return self.source.give_back(frames.with_datetime(self.source, frame, time_role))

    def by_day(self) -> list[dict[str, Any]]:
        """Count the rows of each local day; see `events.days.rows_by_day`."""
        return rows_by_day(self._normalised, self.columns, self.purchases)

    @cached_property
    def audit(self) -> Quality:
        """The quality report without money totals and duplicates: one aggregate, kept.

        Raises:
            MoneyScaleError: If amounts do not fit the declared scale.
            MoneyOverflowError: If an amount, or a sum that could occur, leaves int64.
        """
        return audited(self.source, self._normalised, self.columns, with_totals=False)

    def __repr__(self) -> str:
        """Return the engine and the mapping; computes nothing."""
        bare = attrs.fields(type(self.columns))
        shown = {a.name: getattr(self.columns, a.name) for a in bare}
        unsaid: tuple[object, ...] = (None, {}, (), "UTC", "keep", 2, BySign())
        roles = ", ".join(f"{k}={v!r}" for k, v in shown.items() if v not in unsaid)
        return f"{type(self).__name__}(<{self.source.engine}>, {roles})"


class Orders(EventTable):
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
        >>> table = pa.table(
        ...     {
        ...         "who": ["a", "a", None],
        ...         "no": [1, 2, 3],
        ...         "at": ["2024-01-05", "2024-02-30", "2024-03-01"],
        ...         "paid": [9.99, 5.0, 1.0],
        ...     }
        ... )
        >>> orders = Orders(table, customer_id="who", order_id="no", ordered_at="at", amount="paid")
        >>> dict(orders.quality.quarantined)
        {'no_customer': 1, 'unreadable_time': 1}
    """

    columns: OrderColumns
    _definition = OrderColumns

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        encoding: str = "utf-8",
        delimiter: str = ",",
        **named: Unpack[OrderNames],
    ) -> Orders:
        """Read a CSV or Parquet file to its end, or not at all; see `core.files.read_file`.

        Args:
            path: The file.
            encoding: Of a CSV file; for example `gbk`.
            delimiter: Between the fields of a CSV file.
            **named: The mapping; see `OrderColumns`.

        Raises:
            UnreadableFileError: If the file is missing, empty, truncated, or not of its format.
        """
        return cls(read_file(path, encoding=encoding, delimiter=delimiter), **named)

    def __init__(
        self, frame: Any, columns: OrderColumns | None = None, **named: Unpack[OrderNames]
    ) -> None:
        super().__init__(frame, columns, named)


class Events(EventTable):
    """A table of events without money, with its columns named.

    Args:
        frame: One row an event; any frame that `Orders` takes.
        columns: The mapping as an object, instead of keywords.
        **named: The mapping as keywords; see `EventColumns`.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If a column has a type that its role cannot use.
    """

    columns: EventColumns
    _definition = EventColumns

    def __init__(
        self, frame: Any, columns: EventColumns | None = None, **named: Unpack[EventNames]
    ) -> None:
        super().__init__(frame, columns, named)
