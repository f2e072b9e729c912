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
from userops.events.money_columns import with_money
from userops.events.normalise import is_counted
from userops.events.quality import Quality
from userops.events.working_columns import MISFIT, PREFIX, TOO_LARGE, own

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
    counted = _counted_rows(source, normalised, columns, with_totals=with_totals)
    others: list[dict[str, Any]] = []
    if counted["rows"] < counted["all"]:
        others = _other_rows(source, normalised, columns)
    if isinstance(columns, OrderColumns):
        _check_money(normalised, counted, others, columns)
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
    source: frames.Source,
    normalised: frames.Frame,
    columns: OrderColumns | EventColumns,
    *,
    with_totals: bool,
) -> dict[str, Any]:
    """Sum over the rows that count, without grouping; `all` is the number of all rows."""
    good = own("good")
    measured: dict[str, Any] = {"instant": nw.when(good).then(own(INSTANT_US)), "rows": good}
    if isinstance(columns, OrderColumns):
        amount, returned = own(AMOUNT_MINOR_UNITS), own(IS_RETURN)
        measured["amount"] = amount
        measured["inexact"] = good & (own(MISFIT) | own(TOO_LARGE))
        measured["returns"] = good & returned
        if with_totals:
            for name, chosen in zip(_TOTALS[:2], (good & ~returned, good & returned), strict=True):
                measured[name] = nw.when(chosen).then(amount)
            measured[_TOTALS[2]] = good & ~returned & (amount == 0).fill_null(False)
    flags = {name for name in ("rows", "inexact", "returns", _TOTALS[2]) if name in measured}
    extremes = {"first": own("instant").min(), "last": own("instant").max()}
    if "amount" in measured:
        extremes |= {"lowest": own("amount").min(), "highest": own("amount").max()}
    sums = [own(n).sum().alias(n) for n in measured if n not in ("instant", "amount")]

    def plan(piece: frames.Frame) -> frames.Frame:
        piece = piece.with_columns(is_counted(source, columns).alias(PREFIX + "good"))
        piece = piece.select(
            (value.cast(nw.Int64) if name in flags else value).alias(PREFIX + name)
            for name, value in measured.items()
        )
        return piece.select(*sums, all=nw.len(), **extremes)

    return _merged(frames.to_rows(frames.by_morsel(source, normalised, plan)))


def _merged(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Merge the aggregates of pieces; of no row, sums are 0 and extremes None."""
    known = {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]}
    extremes = {"first": min, "last": max, "lowest": min, "highest": max}
    return {
        name: extremes[name](values, default=None) if name in extremes else sum(values)
        for name, values in known.items()
    }


def _other_rows(
    source: frames.Source, normalised: frames.Frame, columns: OrderColumns | EventColumns
) -> list[dict[str, Any]]:
    """Count the rows that do not count, by status."""
    measured = {STATUS: own(STATUS)}
    if isinstance(columns, OrderColumns):
        measured["inexact"] = (own(MISFIT) | own(TOO_LARGE)).cast(nw.Int64)
    sums = [own(name).sum().alias(name) for name in measured if name != STATUS]

    def plan(piece: frames.Frame) -> frames.Frame:
        piece = piece.filter(~is_counted(source, columns)).select(
            value.alias(PREFIX + name) for name, value in measured.items()
        )
        grouped = piece.group_by(PREFIX + STATUS).agg(nw.len().alias("rows"), *sums)
        return grouped.rename({PREFIX + STATUS: STATUS})

    rows = frames.to_rows(frames.by_morsel(source, normalised, plan))
    statuses = sorted({int(row[STATUS]) for row in rows})
    return [
        _merged([row for row in rows if row[STATUS] == status]) | {"status": status}
        for status in statuses
    ]


def _check_money(
    normalised: frames.Frame,
    counted: dict[str, Any],
    others: list[dict[str, Any]],
    columns: OrderColumns,
) -> None:
    unresolved = [row for row in others if row["status"] == UNRESOLVED]
    if any(row["inexact"] for row in (counted, *unresolved)):
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
    largest = max(abs(counted["lowest"] or 0), abs(counted["highest"] or 0))
    if largest * int(counted["all"]) < _LIMIT:
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
        got=f"for example {counts['example']!r} in column {columns.amount or columns.unit_price!r}",
    )
