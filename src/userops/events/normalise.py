"""The one normaliser, in its column form; `rows.py` is the same, row by row.

Every decision about a row (its person, instant, money, whether it is a return, why it cannot
count) is taken here, as expressions that run inside the engine that holds the data. The frame
keeps the host's columns and gains others under the prefix `userops__`, so that the quarantine can
show rows as they came.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import is_blank_expr, strip_expr
from userops.core.timetext import time_text
from userops.core.values import local_instants
from userops.errors import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    COUNTED,
    CUSTOMER_ID,
    EPOCH_PATTERN,
    EVENT_ID,
    INSTANT_US,
    ORDER_ID,
    QUANTITY,
    STATUS,
    UNRESOLVED,
    ByColumn,
    EventColumns,
    OrderColumns,
    reason_code,
)
from userops.events.money_columns import money_checks, with_money
from userops.events.working_columns import PREFIX, lasting, null, own, status_code

__all__ = [
    "check_columns",
    "check_id",
    "check_schema",
    "id_expr",
    "is_counted",
    "normalised",
    "possible_reasons",
    "with_instant",
]

_INTEGERS = "text or whole numbers"


def check_schema(source: frames.Source, columns: OrderColumns | EventColumns) -> None:
    """Check that every mapped column exists and has a type that its role can use.

    Raises:
        ColumnNotFoundError: Names the columns that exist, and the nearest.
        ColumnTypeError: Names the type and the remedy.
    """
    check_columns(source, _roles(columns))
    schema = source.frame.collect_schema()
    for role in ("customer_id", "order_id", "event_id", "return_of", "product_id"):
        named: str | None = getattr(columns, role, None)
        if named is not None:
            check_id(named, schema[named])
    for column in columns.identifiers.values():
        check_id(column, schema[column])
    _check_time(columns, schema[columns.time_column])
    if isinstance(columns, OrderColumns):
        for role in ("amount", "quantity", "unit_price"):
            number: str | None = getattr(columns, role)
            if number is not None:
                _check_number(number, schema[number])
        if isinstance(columns.returns_by, ByColumn):
            dtype = schema[columns.returns_by.column]
            if not (dtype in (nw.Boolean, nw.String, nw.Unknown) or dtype.is_integer()):
                raise ColumnTypeError(
                    columns.returns_by.column, "cannot say what a return is", got=dtype,
                    allowed="booleans, 0 and 1, or text such as true and false",
                )  # fmt: skip


def check_columns(source: frames.Source, roles: Mapping[str, str]) -> None:
    """Check that every column that has a role exists, and has one type that is known.

    Args:
        source: The host's frame.
        roles: Role to column; the role is named by the error.

    Raises:
        ColumnNotFoundError: Names the columns that exist, and the nearest.
        ColumnTypeError: Names the type and the remedy.
        InvalidArgumentError: If a column has a name that the library uses itself.
    """
    schema = source.frame.collect_schema()
    for name in schema.names():
        if name.lower().startswith(PREFIX):  # SQL engines fold case
            raise InvalidArgumentError(
                "frame", f"has a column {name!r}, and names that begin with {PREFIX!r} are ours",
                hint="rename the column",
            )  # fmt: skip
    for role, column in roles.items():
        if column not in schema:
            raise ColumnNotFoundError(column, schema.names(), role=role)
        if column in source.mixed:
            raise ColumnTypeError(
                column, "mixes types and cannot become one column", got=source.mixed[column],
                allowed="one type in a column", hint=f"df[{column!r}] = df[{column!r}]"
                ".astype('string') for ids and text, or pandas.to_numeric for numbers",
            )  # fmt: skip
        if schema[column] == nw.Unknown and not frames.is_null_column(source, column):
            raise ColumnTypeError(
                column, "has a type that is not known", got=frames.native_type(source, column),
                hint="convert it to text, a number or a datetime first",
            )  # fmt: skip


def _roles(columns: OrderColumns | EventColumns) -> dict[str, str]:
    time_role = "ordered_at" if isinstance(columns, OrderColumns) else "occurred_at"
    roles: dict[str, str | None] = {
        "customer_id": columns.customer_id,
        time_role: columns.time_column,
    }
    for role in ("order_id", "event_id", "amount", "quantity", "unit_price"):
        roles[role] = getattr(columns, role, None)
    roles |= columns.carried()
    roles |= {f"identifiers[{kind!r}]": column for kind, column in columns.identifiers.items()}
    if isinstance(columns, OrderColumns) and isinstance(columns.returns_by, ByColumn):
        roles["returns_by"] = columns.returns_by.column
    return {role: column for role, column in roles.items() if column is not None}


def check_id(column: str, dtype: Any) -> None:
    """Refuse a type that cannot be an id.

    Raises:
        ColumnTypeError: Names the type and the remedy.
    """
    if dtype.is_float():
        raise ColumnTypeError(
            column,
            "holds floats, which cannot be ids",
            got=dtype,
            allowed=_INTEGERS,
            hint="pandas turns whole numbers with gaps into floats; read the file with "
            f"dtype={{{column!r}: 'Int64'}} or 'str', or convert: "
            f"df[{column!r}] = df[{column!r}].astype('Int64')",
        )
    is_text = dtype in (nw.String, nw.Categorical, nw.Enum, nw.Unknown)
    if not (is_text or dtype.is_integer()) or dtype in (nw.Int128, nw.UInt128):
        raise ColumnTypeError(
            column, "cannot be an id", got=dtype, allowed=_INTEGERS,
            hint="cast it to a 64-bit integer or to text in your dataframe library first",
        )  # fmt: skip


def _check_time(columns: OrderColumns | EventColumns, dtype: Any) -> None:
    column = columns.time_column
    if dtype in (nw.Datetime, nw.Date):
        good = columns.time_format is None
    elif dtype == nw.String:
        good = True
    elif dtype.is_integer():
        good = columns.time_format is not None
    else:
        good = dtype == nw.Unknown
    if not good:
        raise ColumnTypeError(
            column,
            "cannot be read as a time",
            got=f"{dtype} with time_format={columns.time_format!r}",
            allowed="datetimes and dates; text (ISO 8601, or time_format='%d/%m/%Y %H:%M'); "
            "integers with time_format='epoch_s', 'epoch_ms', 'epoch_us' or '%Y%m%d'",
        )


def _check_number(column: str, dtype: Any) -> None:
    if not (dtype.is_numeric() or dtype in (nw.String, nw.Unknown)):
        raise ColumnTypeError(
            column, "cannot be read as a number", got=dtype, allowed="numbers, or text of numbers"
        )


def normalised(source: frames.Source, columns: OrderColumns | EventColumns) -> frames.Frame:
    """Return the host's rows with the normalised columns added under `PREFIX`.

    Added are `customer_id`, `instant_us`, `status`; `event_id` and each identifier if mapped; for
    orders also `order_id` and `quantity` if mapped, `amount_minor_units`, `is_return`, and the
    flags `misfit` (does not fit the scale) and `too_large` (leaves exact integers).
    """

    def row_by_row(frame: frames.Frame) -> frames.Frame:
        frame = _with_ids(frame, columns)
        frame = with_instant(source, frame, columns)
        if isinstance(columns, OrderColumns):
            frame = with_money(frame, columns)
        cases = [(applies, reason_code(reason)) for reason, applies in _checks(columns)]
        cases.append((own(CUSTOMER_ID).is_null(), UNRESOLVED))
        frame = frames.with_first_true(source, frame, PREFIX + STATUS, cases, otherwise=COUNTED)
        # Where a query is planned, what nobody asks for is never computed; here it would be kept.
        return frame.select(lasting(frame.columns)) if source.is_arrow else frame

    frame = frames.by_morsel(source, source.frame, row_by_row)
    return _without_repeats(source, frame, columns, source.frame.collect_schema().names())


def _with_ids(frame: frames.Frame, columns: OrderColumns | EventColumns) -> frames.Frame:
    schema = frame.collect_schema()
    ids = {CUSTOMER_ID: columns.customer_id, EVENT_ID: columns.event_id}
    ids |= {f"identifier_{kind}": column for kind, column in columns.identifiers.items()}
    if isinstance(columns, OrderColumns):
        ids[ORDER_ID] = columns.order_id
    nobody = [] if columns.customer_id else [null(nw.String).alias(PREFIX + CUSTOMER_ID)]
    # To make a null of what is blank copies every text, so that it is left out where none is.
    whole = {c for c in ids.values() if c and frames.is_never_blank(frame, c)}
    return frame.with_columns(
        *(
            (nw.col(c) if c in whole else id_expr(c, schema[c])).alias(PREFIX + role)
            for role, c in ids.items()
            if c
        ),
        *nobody,
    )


def is_counted(source: frames.Source, columns: OrderColumns | EventColumns) -> nw.Expr:
    """Return whether a normalised row counts for a known customer.

    Said as plain conditions where an engine plans the query and no repeats are looked for: it
    pushes these down to the scan, and evaluates them several times faster than the status.
    """
    if source.is_arrow or _repeats(columns):
        return own(STATUS) == status_code(COUNTED)
    faults = (applies for _, applies in _checks(columns))
    return reduce(lambda good, fault: good & ~fault, faults, ~own(CUSTOMER_ID).is_null())


def possible_reasons(columns: OrderColumns | EventColumns) -> list[str]:
    """Return the reasons for which a row can be quarantined."""
    return [reason for reason, _ in _checks(columns)] + _repeats(columns)


def _checks(columns: OrderColumns | EventColumns) -> list[tuple[str, nw.Expr]]:
    """Return what keeps a row from counting, in the order of `REASONS`."""
    checks = _person_checks(columns)
    if isinstance(columns, OrderColumns) and columns.order_id is not None:
        checks.append(("no_order_id", own(ORDER_ID).is_null()))
    checks += [("no_time", own("no_time")), ("unreadable_time", own(INSTANT_US).is_null())]
    return checks + (money_checks(columns) if isinstance(columns, OrderColumns) else [])


def id_expr(column: str, dtype: Any) -> nw.Expr:
    """Return a column of ids as whole numbers or as text; blank text is null."""
    value = nw.col(column)
    if dtype.is_integer():
        return value if dtype == nw.UInt64 else value.cast(nw.Int64)
    value = value.cast(nw.String)
    return nw.when(~is_blank_expr(value)).then(value).otherwise(null(nw.String))


def _person_checks(columns: OrderColumns | EventColumns) -> list[tuple[str, nw.Expr]]:
    people = [CUSTOMER_ID, *(f"identifier_{kind}" for kind in columns.identifiers)]
    nobody = reduce(lambda a, b: a & b, (own(person).is_null() for person in people))
    return [("no_customer", nobody)]


def with_instant(
    source: frames.Source, frame: frames.Frame, columns: OrderColumns | EventColumns
) -> frames.Frame:
    """Add `instant_us` and `no_time` of the time column under `PREFIX`, and working columns."""
    column = columns.time_column
    dtype = frame.collect_schema()[column]
    raw = PREFIX + "clock"
    frame = frame.with_columns(nw.col(column).is_null().alias(PREFIX + "no_time"))
    if dtype == nw.Unknown:
        return frame.with_columns(null(nw.Int64).alias(PREFIX + INSTANT_US))
    if columns.epoch_unit_us is not None:
        # Seconds beyond the year 200000 would leave int64; such a row is unreadable, not wrapped.
        unit = columns.epoch_unit_us
        limit = 2**62 // unit
        value = nw.col(column)
        if dtype == nw.String:
            digits = strip_expr(value).str.contains(EPOCH_PATTERN).fill_null(False)
            value = nw.when(digits).then(strip_expr(value)).otherwise(null(nw.String))
            blank = is_blank_expr(nw.col(column))
            frame = frame.with_columns(blank.alias(PREFIX + "no_time"))
        value = value.cast(nw.Int64)
        good = (value < limit) & (value > -limit)
        instant = nw.when(good).then(value).otherwise(null(nw.Int64)) * unit
        return frame.with_columns(instant.alias(PREFIX + INSTANT_US))
    if dtype in (nw.Datetime, nw.Date):
        frame = frames.with_epoch_us(source, frame, column, raw)
        if dtype == nw.Datetime and getattr(dtype, "time_zone", None) is not None:
            return frame.with_columns(own("clock").alias(PREFIX + INSTANT_US))
        offset = None
    else:
        text = nw.col(column).cast(nw.String)
        frame = frame.with_columns(text.alias(PREFIX + "time"))
        frame = time_text(columns.time_format).with_clock(frame, PREFIX + "time", PREFIX)
        blank = is_blank_expr(own("time"))
        frame = frame.with_columns(blank.alias(PREFIX + "no_time"))
        offset = own("offset")
    local = local_instants(frame, PREFIX + "clock", columns.zone)
    if offset is not None:
        local = nw.when(offset.is_null()).then(local).otherwise(own("clock") - offset)
    return frame.with_columns(local.alias(PREFIX + INSTANT_US))


def _without_repeats(
    source: frames.Source,
    frame: frames.Frame,
    columns: OrderColumns | EventColumns,
    host_columns: list[str],
) -> frames.Frame:
    """Mark repeated event ids and, where asked for, repeated rows; the first in time stays."""
    ties = _ties(frame, columns)
    for reason in _repeats(columns):
        is_event = reason == "duplicate_event_id"
        keys = [PREFIX + EVENT_ID] if is_event else host_columns
        applies = ~own(EVENT_ID).is_null() if is_event else nw.lit(True)
        frame = frame.with_columns(
            (own(STATUS) <= COUNTED).alias(PREFIX + "good"),
            *(tie.alias(f"{PREFIX}tie_{i}") for i, tie in enumerate(ties)),
        )
        frame = frame.with_columns(nw.lit(1, nw.Int64).alias(PREFIX + "one"))
        frame = frames.with_running(
            source,
            frame,
            [*keys, PREFIX + "good"],
            [f"{PREFIX}tie_{i}" for i, _ in enumerate(ties)],
            {PREFIX + f"nth_{reason}": (PREFIX + "one", "sum")},
        )
        repeated = applies & own("good") & (own(f"nth_{reason}") > 1)
        frame = frame.with_columns(
            nw.when(repeated)
            .then(nw.lit(reason_code(reason)))
            .otherwise(own(STATUS))
            .cast(nw.Int8)
            .alias(PREFIX + STATUS)
        )
    return frame


def _repeats(columns: OrderColumns | EventColumns) -> list[str]:
    """Return the reasons that only a look at the other rows can find."""
    reasons = ["duplicate_event_id"] if columns.event_id is not None else []
    if isinstance(columns, OrderColumns) and columns.duplicate_lines == "quarantine":
        reasons.append("duplicate_line")
    return reasons


def _ties(frame: frames.Frame, columns: OrderColumns | EventColumns) -> list[nw.Expr]:
    """Return what puts repeats in order, without nulls, so that every engine keeps the same one.

    Engines write numbers as text in ways of their own, so only text is compared as text.
    """
    names = [PREFIX + INSTANT_US, PREFIX + CUSTOMER_ID]
    if isinstance(columns, OrderColumns):
        names += [PREFIX + ORDER_ID] if columns.order_id is not None else []
        names.append(PREFIX + AMOUNT_MINOR_UNITS)
        names += [PREFIX + QUANTITY] if columns.quantity is not None else []
    ties = []
    schema = frame.collect_schema()
    for name in [*names, *columns.carried().values()]:
        value, dtype = nw.col(name), schema[name]
        missing = value.is_null()
        if dtype.is_float():
            missing = missing | value.is_nan().fill_null(False)
            value = nw.when(~missing).then(value).otherwise(nw.lit(0.0))
        elif dtype.is_integer():
            value = value.fill_null(0)
        elif dtype.is_decimal():
            value = value.cast(nw.Float64).fill_null(0.0)
        elif dtype in (nw.String, nw.Categorical, nw.Enum, nw.Boolean, nw.Datetime, nw.Date):
            value = value.cast(nw.String).fill_null("")
        else:
            continue  # no engine orders lists, bytes or durations like another
        ties += [missing.cast(nw.Int8), value]
    return ties
