"""The money of an order row, as columns: amounts, quantities, and which rows are returns."""

from __future__ import annotations

from functools import partial

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.blanks import is_blank_expr, strip_expr
from userops.core.patterns import portable
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
    if columns.rounding is None and is_whole_quantity:
        plain = _with_plain_units(frame, price_column, columns)
        if plain is not None:
            return _signed(_multiplied(plain, columns), columns)
    frame, is_whole_price = _with_number(frame, price_column, "price")
    price, quantity = own("price"), own(QUANTITY)
    frame = _with_money_signs(frame, columns)
    if priced and not is_whole_quantity:
        # 1.5 kg at 2.00: only the product has to fit the scale.
        price, is_whole_price = money.as_float(price) * quantity, False
    if is_whole_price:
        frame = _with_whole_minor(frame, price, columns)
    else:
        frame = _with_float_minor(frame, price, columns)
    if is_whole_quantity:
        frame = _multiplied(frame, columns)
    return _signed(frame, columns)


def _multiplied(frame: frames.Frame, columns: OrderColumns) -> frames.Frame:
    """Make amounts of unit prices, by whole quantities."""
    if columns.amount is not None:
        return frame
    product = money.as_float(own(AMOUNT_MINOR_UNITS)) * money.as_float(own(QUANTITY))
    large = (product.abs() > _LIMIT).fill_null(False)
    units = nw.when(large).then(nw.lit(0)).otherwise(own(QUANTITY))
    return frame.with_columns(
        (own(AMOUNT_MINOR_UNITS) * units).alias(PREFIX + AMOUNT_MINOR_UNITS),
        (own(TOO_LARGE) | large).alias(PREFIX + TOO_LARGE),
    )


def _with_plain_units(
    frame: frames.Frame, price: str, columns: OrderColumns
) -> frames.Frame | None:
    """Add money that came as floats where nothing is wrong with any of it, seen at a look."""
    name = PREFIX + AMOUNT_MINOR_UNITS
    read = partial(money.plain_units, scale=columns.scale)
    plain = frames.with_floats_read(frame, price, name, read)
    if plain is None:
        return None
    value, never = nw.col(price), nw.lit(False)
    flags = {PREFIX + flag: never for flag in ("no_price", TOO_LARGE, MISFIT)}
    plain = plain.with_columns(**{PREFIX + "price": value, PREFIX + "paid": value}, **flags)
    return _with_money_signs(plain, columns)


def _with_whole_minor(frame: frames.Frame, price: nw.Expr, columns: OrderColumns) -> frames.Frame:
    paid = money.as_float(price)
    factor = 10**columns.scale
    frame = frame.with_columns(
        paid.alias(PREFIX + "paid"),
        (paid.abs() * float(factor) > _LIMIT).fill_null(False).alias(PREFIX + TOO_LARGE),
        nw.lit(False).alias(PREFIX + MISFIT),
    )
    minor = nw.when(own(TOO_LARGE)).then(nw.lit(0)).otherwise(price) * factor
    return frame.with_columns(minor.cast(nw.Int64).alias(PREFIX + AMOUNT_MINOR_UNITS))


def _with_float_minor(frame: frames.Frame, price: nw.Expr, columns: OrderColumns) -> frames.Frame:
    """Add money that came as floats; step by step, since eager engines share no sub-expressions."""
    frame = frame.with_columns(price.alias(PREFIX + "paid"))
    paid, scale = own("paid"), columns.scale
    frame = frame.with_columns((paid * float(10**scale)).alias(PREFIX + "scaled"))
    scaled = own("scaled")
    frame = frame.with_columns((~money.is_exact_expr(scaled)).alias(PREFIX + TOO_LARGE))
    if columns.rounding is not None:
        return frame.with_columns(
            money.minor_expr(paid, scale, columns.rounding).alias(PREFIX + AMOUNT_MINOR_UNITS),
            nw.lit(False).alias(PREFIX + MISFIT),
        )
    frame = frame.with_columns(money.whole_expr(scaled, ~own(TOO_LARGE)).alias(PREFIX + "whole"))
    frame = frame.with_columns((scaled - own("whole")).abs().alias(PREFIX + "gap"))
    is_noise = money.within_noise_expr(own("gap"), scaled).fill_null(False)
    frame = frame.with_columns(
        own("whole").cast(nw.Int64).alias(PREFIX + AMOUNT_MINOR_UNITS),
        (~is_noise).alias(PREFIX + MISFIT),
    )
    if frames.may_hold(frame, own(MISFIT)):
        scales_back = money.scales_back_expr(own("whole"), paid, scale).fill_null(False)
        frame = frame.with_columns((own(MISFIT) & ~scales_back).alias(PREFIX + MISFIT))
    return frame


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
        is_return = (
            own(ORDER_ID).cast(nw.String).str.contains(portable(columns.returns_by.pattern).engines)
        )
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
    if dtype == nw.UInt64:
        # As units, what leaves int64 cannot be read; as money it is too large, which is an error.
        largest = nw.lit(str(2**63 - 1)).cast(nw.UInt64)
        beyond = null(nw.UInt64) if name == QUANTITY else largest
        value = nw.when(value <= largest).then(value).otherwise(beyond)
    elif dtype == nw.Int64 and name == QUANTITY:
        value = nw.when(value > -(2**63)).then(value)  # its size would leave int64
    if dtype.is_integer() and dtype not in (nw.Int128, nw.UInt128):
        frame = frame.with_columns(
            value.cast(nw.Int64).alias(PREFIX + name), missing.alias(f"{PREFIX}no_{name}")
        )
        return frame, True
    if dtype == nw.String:
        missing = is_blank_expr(value)
        number = money.parse_number_expr(value)
    elif dtype == nw.Unknown:
        number = null(nw.Float64)
    elif dtype.is_decimal():
        # By way of text, which is read to the nearest float; Arrow's own cast is off by a last bit.
        number = value.cast(nw.String).cast(nw.Float64)
    else:
        number = money.as_float(value) if dtype.is_integer() else value.cast(nw.Float64)
    frame = frame.with_columns(number.alias(PREFIX + name))
    number = own(name)
    # What is not a number compares as the largest, or not at all.
    is_odd = ~(number.abs() < float("inf")).fill_null(False)
    frame = frame.with_columns(is_odd.alias(f"{PREFIX}no_{name}"))
    is_odd = own(f"no_{name}")
    if frames.may_hold(frame, is_odd):
        if dtype != nw.String:
            missing = missing | number.is_nan().fill_null(False)
        finite = nw.when(~is_odd).then(number)
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
