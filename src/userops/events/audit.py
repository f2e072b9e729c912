"""The one validating aggregate over a table: counts by reason, and whether its money is exact."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.errors import MoneyOverflowError, MoneyScaleError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    COUNTED,
    INSTANT_US,
    IS_RETURN,
    QUANTITY,
    STATUS,
    UNRESOLVED,
    EventColumns,
    OrderColumns,
    reason_code,
)
from userops.events.money_columns import with_money
from userops.events.normalise import is_counted, possible_reasons
from userops.events.quality import Quality
from userops.events.working_columns import MISFIT, PREFIX, TOO_LARGE, own, status_code

__all__ = ["audited"]

_LIMIT = 2**62
_TOTALS = ("purchased_minor_units", "returned_minor_units", "zero_amounts")


def audited(
    source: frames.Source,
    normalised: frames.Frame,
    columns: OrderColumns | EventColumns,
    *,
    with_totals: bool,
) -> Quality:
    """Count what became of the rows of a normalised table, and check its money.

    Args:
        source: Where the table comes from.
        normalised: What `normalise.normalised` returned.
        columns: The mapping.
        with_totals: Whether money totals and zero amounts are wanted too; they cost half as much
            again.

    Raises:
        MoneyScaleError: If amounts do not fit the declared scale; names the scale that would.
        MoneyOverflowError: If an amount, or a sum that could occur, leaves int64.
    """
    found = _sums(source, normalised, columns, with_totals=with_totals)
    facts: dict[str, Any] = {}
    if isinstance(columns, OrderColumns):
        _check_money(normalised, found, columns)
        names = ["returns", *(_TOTALS if with_totals else ())]
        facts = {name: found[name] for name in names}
        facts |= {"scale": columns.scale, "currency": columns.currency}
    reasons = {reason: found[reason] for reason in possible_reasons(columns) if found[reason]}
    return Quality(
        rows=found["all"],
        counted=found["counted"],
        unresolved=found["unresolved"],
        quarantined=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        first_us=found["first"],
        last_us=found["last"],
        **facts,
    )


def _sums(
    source: frames.Source,
    normalised: frames.Frame,
    columns: OrderColumns | EventColumns,
    *,
    with_totals: bool,
) -> dict[str, Any]:
    """Sum over all rows at once, without grouping: `all`, and rows by what became of them.

    For orders also `inexact` rows among those that are read, and extremes of all their money.
    """
    good, status = own("good"), own(STATUS)
    flags: dict[str, Any] = {"unresolved": status == status_code(UNRESOLVED)}
    flags |= {
        reason: status == status_code(reason_code(reason)) for reason in possible_reasons(columns)
    }
    faults = set(flags)
    flags["counted"] = good
    values: dict[str, Any] = {"instant": nw.when(good).then(own(INSTANT_US))}
    extremes = {"first": own("instant").min(), "last": own("instant").max()}
    if isinstance(columns, OrderColumns):
        values["amount"] = amount = own(AMOUNT_MINOR_UNITS)
        extremes |= {"lowest": own("amount").min(), "highest": own("amount").max()}
        returned = own(IS_RETURN)
        flags["inexact"] = (status <= status_code(COUNTED)) & (own(MISFIT) | own(TOO_LARGE))
        flags["returns"] = good & returned
        if with_totals:
            for name, chosen in zip(_TOTALS[:2], (good & ~returned, good & returned), strict=True):
                values[name] = nw.when(chosen).then(amount)
            flags[_TOTALS[2]] = good & ~returned & (amount == 0).fill_null(False)
    # Arrow counts flags as they are; not every engine does.
    addends = {n: flag if source.is_arrow else flag.cast(nw.Int64) for n, flag in flags.items()}
    measured = values | addends
    sums = {name: own(name).sum() for name in values if name not in ("instant", "amount")}
    sums |= {name: own(name).sum().cast(nw.Int64) for name in flags}

    def plan(piece: frames.Frame) -> frames.Frame:
        piece = piece.with_columns(is_counted(source, columns).alias(PREFIX + "good"))
        skipped, plain = set(), {}
        if not frames.may_hold(piece, ~good):
            skipped, plain = faults, {"instant": own(INSTANT_US)}
        taken = {n: v for n, v in (measured | plain).items() if n not in skipped}
        piece = piece.select(value.alias(PREFIX + name) for name, value in taken.items())
        # In one order for all pieces, whose rows are stacked.
        added = {n: nw.lit(0, nw.Int64) if n in skipped else sums[n] for n in sums}
        return piece.select(all=nw.len(), **extremes, **added)

    return _merged(frames.to_rows(frames.by_morsel(source, normalised, plan)))


def _merged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge the aggregates of pieces; of no row, sums are 0 and extremes None."""
    how = {"first": min, "last": max, "lowest": min, "highest": max}
    merged = {}
    for name in rows[0]:
        known = [int(row[name]) for row in rows if row[name] is not None]
        merged[name] = how[name](known, default=None) if name in how else sum(known)
    return merged


def _check_money(normalised: frames.Frame, found: dict[str, Any], columns: OrderColumns) -> None:
    if found["inexact"]:
        read = normalised.filter(own(STATUS) <= COUNTED)
        flags = {flag: own(flag).cast(nw.Int64).sum() for flag in (TOO_LARGE, MISFIT)}
        counts = frames.to_rows(read.select(**flags))[0]
        if counts[TOO_LARGE]:
            raise MoneyOverflowError(
                f"amounts too large to be exact: {int(counts[TOO_LARGE]):,}",
                allowed="up to 2**62 minor units as integers, 2**51 as floats, decimals or text, "
                f"at scale={columns.scale}",
                hint="check the unit of the column, declare a smaller scale, or give integers of "
                "minor units at scale=0",
            )
        raise _scale_error(normalised, int(counts[MISFIT]), columns)
    largest = max(abs(found["lowest"] or 0), abs(found["highest"] or 0))
    if largest * found["all"] < _LIMIT:
        return  # no sum of these rows can leave int64
    read = normalised.filter(own(STATUS) <= COUNTED)
    amounts = read.select(money.as_float(own(AMOUNT_MINOR_UNITS)).abs().alias("magnitude"))
    total = frames.to_rows(amounts.select(nw.col("magnitude").sum()))[0]["magnitude"] or 0.0
    if total >= _LIMIT:
        raise MoneyOverflowError(
            "the sum of all amounts would leave exact 64-bit integers",
            got=f"about {total:.3g} minor units",
            allowed="less than 2**62",
            hint=f"declare a smaller scale than {columns.scale}, with rounding, or check the "
            "unit of the column",
        )


def _scale_error(normalised: frames.Frame, misfits: int, columns: OrderColumns) -> MoneyScaleError:
    paid = own("paid")
    bad = with_money(normalised.filter((own(STATUS) <= COUNTED) & own(MISFIT)), columns)
    wider = range(columns.scale + 1, money.MAX_SCALE + 1)
    counts = frames.to_rows(
        bad.select(
            example=paid.min(),
            **{f"at_{s}": (~money.fits_expr(paid, s)).cast(nw.Int64).sum() for s in wider},
        )
    )[0]
    return MoneyScaleError(
        f"amounts with more decimals than the declared scale: {misfits:,}",
        scale=columns.scale,
        needed_scale=next((s for s in wider if not counts[f"at_{s}"]), None),
        got=f"for example {counts['example']!r} {_said_column(bad, columns)}",
    )


def _said_column(frame: frames.Frame, columns: OrderColumns) -> str:
    if columns.amount is None and frame.collect_schema()[PREFIX + QUANTITY].is_float():
        return f"as {columns.quantity!r} times {columns.unit_price!r}"
    return f"in column {columns.amount or columns.unit_price!r}"
