"""The money of an order row, as columns: amounts, quantities, and which rows are returns."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.blanks import is_blank_expr, strip_expr
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    IS_RETURN,
    ORDER_ID,
    QUANTITY,
    TEXT_FLAGS,
    ByColumn,
    ByOrderId,
    BySign,
    OrderColumns,
)
from userops.events.working_columns import MISFIT, PREFIX, TOO_LARGE, null, own

__all__ = ["money_checks", "with_money"]

_LIMIT = float(2**62)


def with_money(frame: frames.Frame, columns: OrderColumns) -> frames.Frame:
    """Add exact money, whether a row is a return, and what is wrong with its numbers."""
    is_whole_quantity = True
    if columns.quantity is not None:
        frame, is_whole_quantity = _with_number(frame, columns.quantity, QUANTITY)
    priced = columns.amount is None
    price_column = columns.unit_price if priced else columns.amount
    assert price_column is not None  # the definition's own check
    frame, is_whole_price = _with_number(frame, price_column, "price")
    price, quantity = own("price"), own(QUANTITY)
    frame = _with_money_signs(frame, columns)
    if priced and not is_whole_quantity:
        # 1.5 kg at 2.00: only the product has to fit the scale.
        price, is_whole_price = money.as_float(price) * quantity, False
    factor = 10**columns.scale
    if is_whole_price:
        large = money.as_float(price).abs() * float(factor) > _LIMIT
        minor = nw.when(large).then(nw.lit(0)).otherwise(price) * factor
        fits = nw.lit(True)
    else:
        frame = frame.with_columns((price * float(factor)).alias(PREFIX + "scaled"))
        scaled = own("scaled")
        large = scaled.abs() > float(money.EXACT_FLOAT)
        if columns.rounding is None:
            frame = frame.with_columns(money.nearest_expr(scaled).alias(PREFIX + "near"))
            minor = own("near")
            fits = money.fits_expr(price, columns.scale, scaled=scaled, near=minor)
        else:
            minor, fits = money.minor_expr(price, columns.scale, columns.rounding), nw.lit(True)
    frame = frame.with_columns(
        minor.cast(nw.Int64).alias(PREFIX + AMOUNT_MINOR_UNITS),
        (money.as_float(price) if is_whole_price else price).alias(PREFIX + "paid"),
        large.fill_null(False).alias(PREFIX + TOO_LARGE),
        (~fits).alias(PREFIX + MISFIT),
    )
    if priced and is_whole_quantity:
        product = money.as_float(own(AMOUNT_MINOR_UNITS)) * money.as_float(quantity)
        large = (product.abs() > _LIMIT).fill_null(False)
        units = nw.when(large).then(nw.lit(0)).otherwise(quantity)
        frame = frame.with_columns(
            (own(AMOUNT_MINOR_UNITS) * units).alias(PREFIX + AMOUNT_MINOR_UNITS),
            (own(TOO_LARGE) | large).alias(PREFIX + TOO_LARGE),
        )
    return _signed(frame, columns)


def _signed(frame: frames.Frame, columns: OrderColumns) -> frames.Frame:
    """Make the money and the units of returns negative."""
    if isinstance(columns.returns_by, BySign) and columns.quantity is None:
        return frame  # the sign of the amount is what made it a return
    signed = {AMOUNT_MINOR_UNITS: own(AMOUNT_MINOR_UNITS)}
    if columns.quantity is not None:
        signed[QUANTITY] = own(QUANTITY)
    return frame.with_columns(
        nw.when(own(IS_RETURN)).then(-value.abs()).otherwise(value).alias(PREFIX + name)
        for name, value in signed.items()
    )


def _with_money_signs(frame: frames.Frame, columns: OrderColumns) -> frames.Frame:
    """Add `is_return`, and `contradictory` where a price and its quantity are both negative."""
    negative_price = (own("price") < 0).fill_null(False)
    negative_quantity = contradictory = unreadable = nw.lit(False)
    if columns.quantity is not None:
        negative_quantity = (own(QUANTITY) < 0).fill_null(False)
        if columns.amount is None:
            contradictory = negative_price & negative_quantity
    if isinstance(columns.returns_by, ByOrderId):
        is_return = own(ORDER_ID).cast(nw.String).str.contains(columns.returns_by.pattern)
    elif isinstance(columns.returns_by, ByColumn):
        is_return, unreadable = _flag(columns.returns_by.column, frame)
    else:
        is_return = negative_price | negative_quantity
    return frame.with_columns(
        is_return.fill_null(False).alias(PREFIX + IS_RETURN),
        contradictory.alias(PREFIX + "contradictory"),
        unreadable.alias(PREFIX + "unreadable_return"),
    )


def _flag(column: str, frame: frames.Frame) -> tuple[nw.Expr, nw.Expr]:
    """Return whether a flag is up, and whether it cannot be read; a missing one is down."""
    if frame.collect_schema()[column] != nw.String:
        return nw.col(column).cast(nw.Boolean), nw.lit(False)
    said = strip_expr(nw.col(column)).str.to_lowercase().fill_null("")
    up = said.is_in(sorted(TEXT_FLAGS[True]))
    return up, ~up & ~said.is_in(["", *sorted(TEXT_FLAGS[False])])


def _with_number(frame: frames.Frame, column: str, name: str) -> tuple[frames.Frame, bool]:
    """Add a number column `name` and `no_{name}` (missing); say whether it holds integers.

    A float that is not a number becomes null; an infinite one, or text that is no number, stays
    null as well but is not marked as missing.
    """
    dtype = frame.collect_schema()[column]
    value, missing = nw.col(column), nw.col(column).is_null()
    if dtype.is_integer() and dtype not in (nw.UInt64, nw.Int128, nw.UInt128):
        frame = frame.with_columns(
            value.cast(nw.Int64).alias(PREFIX + name), missing.alias(f"{PREFIX}no_{name}")
        )
        return frame, True
    if dtype == nw.String:
        missing = is_blank_expr(value).alias(f"{PREFIX}no_{name}")
        number = money.parse_number_expr(value)
    elif dtype == nw.Unknown:
        number = null(nw.Float64)
    else:
        number = money.as_float(value) if dtype.is_integer() else value.cast(nw.Float64)
        missing = missing | number.is_nan().fill_null(False)
        number = nw.when(~number.is_nan()).then(number).otherwise(null(nw.Float64))
    finite = nw.when(number.abs() < float("inf")).then(number).otherwise(null(nw.Float64))
    frame = frame.with_columns(finite.alias(PREFIX + name), missing.alias(f"{PREFIX}no_{name}"))
    return frame, False


def money_checks(columns: OrderColumns) -> list[tuple[str, nw.Expr]]:
    """Return what about its money keeps a row from counting, in the order of `REASONS`."""
    priced = columns.amount is None
    missing = own("no_price")
    unreadable = [("unreadable_amount", own("price").is_null())]
    if columns.quantity is not None:
        bad_quantity = own(QUANTITY).is_null() & ~own(f"no_{QUANTITY}")
        unreadable.append(("unreadable_quantity", bad_quantity))
        if priced:
            missing = missing | own(f"no_{QUANTITY}")
    checks = [("no_amount", missing), *unreadable]
    # Minus times minus would make a purchase out of what somebody marked as negative twice.
    checks.append(("contradictory_sign", own("contradictory")))
    checks.append(("unreadable_return", own("unreadable_return")))
    return checks
