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
from userops.events.normalise import MISFIT, PREFIX, TOO_LARGE
from userops.events.quality import Quality

__all__ = ["audited"]


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
    measured = {"status": _own(STATUS), INSTANT_US: _own(INSTANT_US)}
    keys, sums = ["status"], []
    if isinstance(columns, OrderColumns):
        amount = _own(AMOUNT_MINOR_UNITS)
        keys.append("returned")
        measured["returned"] = _own(IS_RETURN)
        measured["magnitude"] = amount.cast(nw.Float64).abs()
        measured["inexact"] = (_own(MISFIT) | _own(TOO_LARGE)).cast(nw.Int64)
        sums = ["magnitude", "inexact"]
        if with_totals:
            # Only rows that count: the money of others may not even be a number.
            counts = _own(STATUS) == COUNTED
            measured["amount"] = nw.when(counts).then(amount).otherwise(nw.lit(0))
            measured["zero"] = (amount == 0).fill_null(False).cast(nw.Int64)
            sums += ["amount", "zero"]
    frame = normalised.select(**{f"{PREFIX}{k}": v for k, v in measured.items()})
    grouped = frame.group_by([PREFIX + key for key in keys]).agg(
        nw.len().alias("rows"),
        _own(INSTANT_US).min().alias("first"),
        _own(INSTANT_US).max().alias("last"),
        *(_own(name).sum().alias(name) for name in sums),
    )
    rows = [
        {name.removeprefix(PREFIX): value for name, value in row.items()}
        for row in frames.to_rows(grouped)
    ]
    if isinstance(columns, OrderColumns):
        _check_money(normalised, [row for row in rows if row["status"] <= COUNTED], columns)
    return _quality_of(rows, columns)


def _own(name: str) -> nw.Expr:
    return nw.col(PREFIX + name)


def _check_money(
    normalised: frames.Frame, rows: list[dict[str, Any]], columns: OrderColumns
) -> None:
    if any(row["inexact"] for row in rows):
        read = normalised.filter(_own(STATUS) <= COUNTED)
        flags = {flag: _own(flag).cast(nw.Int64).sum() for flag in (TOO_LARGE, MISFIT)}
        found = frames.to_rows(read.select(**flags))[0]
        if found[TOO_LARGE]:
            raise MoneyOverflowError(
                f"{int(found[TOO_LARGE])} amounts are too large to be exact",
                allowed=f"up to 2**62 minor units, 2**53 from floats, at scale={columns.scale}",
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
    price = nw.col(PREFIX + "price").cast(nw.Float64)
    bad = normalised.filter((nw.col(PREFIX + STATUS) <= COUNTED) & nw.col(PREFIX + MISFIT))
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
        got=f"for example {counts['example']!r} in column {columns.amount or columns.unit_price!r}",
    )


def _quality_of(rows: list[dict[str, Any]], columns: OrderColumns | EventColumns) -> Quality:
    counted = [row for row in rows if row["status"] == COUNTED]
    quarantined: dict[str, int] = {}
    for row in rows:
        if row["status"] > COUNTED:
            reason = REASONS[row["status"]]
            quarantined[reason] = quarantined.get(reason, 0) + int(row["rows"])
    facts: dict[str, Any] = {}
    if isinstance(columns, OrderColumns):
        returned = [row for row in counted if row["returned"]]
        bought = [row for row in counted if not row["returned"]]
        facts = {
            "returns": sum(int(row["rows"]) for row in returned),
            "scale": columns.scale,
            "currency": columns.currency,
        }
        if all("amount" in row for row in rows):
            facts["zero_amounts"] = sum(int(row["zero"]) for row in bought)
            facts["purchased_minor_units"] = sum(int(row["amount"]) for row in bought)
            facts["returned_minor_units"] = sum(int(row["amount"]) for row in returned)
    return Quality(
        rows=sum(int(row["rows"]) for row in rows),
        counted=sum(int(row["rows"]) for row in counted),
        unresolved=sum(int(row["rows"]) for row in rows if row["status"] == UNRESOLVED),
        quarantined=dict(sorted(quarantined.items(), key=lambda item: (-item[1], item[0]))),
        first_us=min((int(row["first"]) for row in counted), default=None),
        last_us=max((int(row["last"]) for row in counted), default=None),
        **facts,
    )
