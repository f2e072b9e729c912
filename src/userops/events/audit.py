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
    REASONS,
    STATUS,
    UNRESOLVED,
    EventColumns,
    OrderColumns,
)
from userops.events.normalise import is_counted
from userops.events.quality import Quality
from userops.events.working_columns import MISFIT, PREFIX, TOO_LARGE, own

__all__ = ["audited"]

_TOTALS = ("purchased_minor_units", "returned_minor_units", "zero_amounts")


def audited(
    normalised: frames.Frame, columns: OrderColumns | EventColumns, *, with_totals: bool
) -> Quality:
    """Count what became of the rows of a normalised table, and check its money.

    Args:
        normalised: What `normalise.normalised` returned.
        columns: The mapping.
        with_totals: Whether money totals and zero amounts are wanted too; they cost half as much
            again.

    Raises:
        MoneyScaleError: If amounts do not fit the declared scale; names the scale that would.
        MoneyOverflowError: If an amount, or a sum that could occur, leaves int64.
    """
    counted = _counted_rows(normalised, columns, with_totals=with_totals)
    others: list[dict[str, Any]] = []
    if counted["rows"] < counted["all"]:
        others = _other_rows(normalised, columns)
    if isinstance(columns, OrderColumns):
        unresolved = [row for row in others if row["status"] == UNRESOLVED]
        _check_money(normalised, [counted, *unresolved], columns)
    quarantined = {REASONS[row["status"]]: int(row["rows"]) for row in others if row["status"] > 0}
    facts: dict[str, Any] = {}
    if isinstance(columns, OrderColumns):
        names = ["returns", *(_TOTALS if with_totals else ())]
        facts = {name: int(counted[name] or 0) for name in names}
        facts |= {"scale": columns.scale, "currency": columns.currency}
    return Quality(
        rows=int(counted["all"]),
        counted=int(counted["rows"] or 0),
        unresolved=sum(int(row["rows"]) for row in others if row["status"] == UNRESOLVED),
        quarantined=dict(sorted(quarantined.items(), key=lambda item: (-item[1], item[0]))),
        first_us=None if counted["first"] is None else int(counted["first"]),
        last_us=None if counted["last"] is None else int(counted["last"]),
        **facts,
    )


def _counted_rows(
    normalised: frames.Frame, columns: OrderColumns | EventColumns, *, with_totals: bool
) -> dict[str, Any]:
    """Sum over the rows that count, without grouping; `all` is the number of all rows."""
    good = is_counted(columns)
    instant = nw.when(good).then(own(INSTANT_US))
    measured: dict[str, Any] = {"rows": good.cast(nw.Int64), "first": instant, "last": instant}
    if isinstance(columns, OrderColumns):
        amount, returned = own(AMOUNT_MINOR_UNITS), own(IS_RETURN)
        magnitude = nw.when(good).then(money.as_float(amount).abs())
        measured["magnitude"] = magnitude.otherwise(nw.lit(0.0))
        measured["inexact"] = (good & (own(MISFIT) | own(TOO_LARGE))).cast(nw.Int64)
        measured["returns"] = (good & returned).cast(nw.Int64)
        if with_totals:
            for name, chosen in zip(_TOTALS[:2], (good & ~returned, good & returned), strict=True):
                measured[name] = nw.when(chosen).then(amount).otherwise(nw.lit(0))
            zero = good & ~returned & (amount == 0).fill_null(False)
            measured[_TOTALS[2]] = zero.cast(nw.Int64)
    frame = normalised.select(**{PREFIX + name: value for name, value in measured.items()})
    extremes = {"first": own("first").min(), "last": own("last").max()}
    sums = {name: own(name).sum() for name in measured if name not in extremes}
    return frames.to_rows(frame.select(**{"all": nw.len()}, **extremes, **sums))[0]


def _other_rows(
    normalised: frames.Frame, columns: OrderColumns | EventColumns
) -> list[dict[str, Any]]:
    """Count the rows that do not count, by status."""
    measured = {STATUS: own(STATUS)}
    if isinstance(columns, OrderColumns):
        measured["magnitude"] = money.as_float(own(AMOUNT_MINOR_UNITS)).abs()
        measured["inexact"] = (own(MISFIT) | own(TOO_LARGE)).cast(nw.Int64)
    frame = normalised.select(
        is_counted(columns).alias(PREFIX + "good"),
        **{PREFIX + name: value for name, value in measured.items()},
    )
    sums = [own(name).sum().alias(name) for name in measured if name != STATUS]
    grouped = frame.filter(~own("good")).group_by(PREFIX + STATUS)
    rows = frames.to_rows(grouped.agg(nw.len().alias("rows"), *sums))
    return [row | {"status": int(row[PREFIX + STATUS])} for row in rows]


def _check_money(
    normalised: frames.Frame, rows: list[dict[str, Any]], columns: OrderColumns
) -> None:
    if any(row["inexact"] for row in rows):
        read = normalised.filter(own(STATUS) <= COUNTED)
        flags = {flag: own(flag).cast(nw.Int64).sum() for flag in (TOO_LARGE, MISFIT)}
        found = frames.to_rows(read.select(**flags))[0]
        if found[TOO_LARGE]:
            raise MoneyOverflowError(
                f"amounts too large to be exact: {int(found[TOO_LARGE]):,}",
                allowed=f"up to 2**62 minor units, 2**51 from floats, at scale={columns.scale}",
                hint="check the unit of the column, or declare a smaller scale",
            )
        raise _scale_error(normalised, int(found[MISFIT]), columns)
    total = sum(row["magnitude"] or 0 for row in rows)
    if total >= 2.0**62:
        raise MoneyOverflowError(
            "the sum of all amounts would leave exact 64-bit integers",
            got=f"about {total:.3g} minor units",
            allowed="less than 2**62",
            hint=f"declare a smaller scale than {columns.scale}, with rounding, or check the "
            "unit of the column",
        )


def _scale_error(normalised: frames.Frame, misfits: int, columns: OrderColumns) -> MoneyScaleError:
    paid = own("paid")
    bad = normalised.filter((nw.col(PREFIX + STATUS) <= COUNTED) & nw.col(PREFIX + MISFIT))
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
        got=f"for example {counts['example']!r} in column {columns.amount or columns.unit_price!r}",
    )
