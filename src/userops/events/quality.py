"""What became of each row that came in: counted, unresolved, or quarantined with a reason."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Mapping
from decimal import Decimal

import attrs

from userops.core.time import datetime_of

__all__ = ["Quality"]

_SAID = {
    "no_customer": "no customer and no identifier",
    "no_order_id": "no order id",
    "no_time": "no time",
    "unreadable_time": "a time that cannot be read",
    "no_amount": "no amount",
    "unreadable_amount": "an amount that is no number",
    "unreadable_quantity": "a quantity that is no number",
    "contradictory_sign": "quantity and price both negative",
    "unreadable_return": "a return flag that cannot be read",
    "duplicate_line": "an exact duplicate row",
    "duplicate_event_id": "an event id that was there already",
    "unknown_status": "a status that is not known",
    "no_kind": "no kind of identifier",
    "no_identifier": "no identifier",
}


@attrs.frozen(kw_only=True, repr=False)
class Quality:
    """Counts of rows; `rows == counted + unresolved + sum(quarantined.values())`, always.

    What costs a further look at all rows is None where it was not measured, as in `Orders.audit`.

    Attributes:
        rows: Rows that came in.
        counted: Rows that count for a known customer.
        unresolved: Rows that carry an identifier but no customer yet.
        quarantined: Reason to rows, most frequent first.
        returns: Counted rows that are returns.
        zero_amounts: Counted purchase rows with an amount of zero; they count as purchases.
        duplicate_lines: Rows that repeat an earlier one in every column, kept or quarantined.
        first_us: First counted instant, microseconds since 1970 UTC, or None.
        last_us: Last counted instant, or None.
        purchased_minor_units: Exact money of counted purchases, or None for events.
        returned_minor_units: Exact money of counted returns, zero or below, or None for events.
        scale: Decimals of the minor unit.
        currency: ISO 4217 code, or None.
    """

    rows: int
    counted: int
    unresolved: int
    quarantined: Mapping[str, int]
    returns: int = 0
    zero_amounts: int | None = None
    duplicate_lines: int | None = None
    first_us: int | None = None
    last_us: int | None = None
    purchased_minor_units: int | None = None
    returned_minor_units: int | None = None
    scale: int = 2
    currency: str | None = None

    @property
    def first_at(self) -> dt.datetime | None:
        """The first counted instant, in UTC."""
        return None if self.first_us is None else datetime_of(self.first_us)

    @property
    def last_at(self) -> dt.datetime | None:
        """The last counted instant, in UTC."""
        return None if self.last_us is None else datetime_of(self.last_us)

    def lines(self) -> list[tuple[str, str]]:
        """Return the report as pairs of what and how many."""
        share = f" ({self.counted / self.rows:.1%})" if self.rows else ""
        lines = [("rows", f"{self.rows:,}"), ("counted", f"{self.counted:,}{share}")]
        if self.unresolved:
            lines.append(("unresolved", f"{self.unresolved:,}"))
        total = sum(self.quarantined.values())
        lines.append(("quarantined", f"{total:,}"))
        lines += [(f"  {_SAID[reason]}", f"{n:,}") for reason, n in self.quarantined.items()]
        if self.duplicate_lines:
            lines.append(("exact duplicate rows", f"{self.duplicate_lines:,}"))
        if self.first_us is not None:
            lines.append(("first", _said_time(self.first_us)))
        if self.last_us is not None:
            lines.append(("last", _said_time(self.last_us)))
        if self.purchased_minor_units is not None:
            unit = f" {self.currency}" if self.currency else ""
            bought = _said_money(self.purchased_minor_units, self.scale)
            back = _said_money(self.returned_minor_units or 0, self.scale)
            lines.append(("purchased", f"{bought}{unit}"))
            lines.append(("returned", f"{back}{unit} in {self.returns:,} rows"))
            if self.zero_amounts:
                lines.append(("purchases of 0", f"{self.zero_amounts:,}"))
        return lines

    def __str__(self) -> str:
        """Return the report as aligned text."""
        lines = self.lines()
        width = max(len(what) for what, _ in lines)
        number = max(len(n) for _, n in lines)
        return "\n".join(f"{what:<{width}}  {n:>{number}}" for what, n in lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        cells = (
            f"<tr><td style='text-align:left;white-space:pre'>{html.escape(what)}</td>"
            f"<td>{html.escape(n)}</td></tr>"
            for what, n in self.lines()
        )
        return f"<table><caption>Data quality</caption>{''.join(cells)}</table>"


def _said_money(minor_units: int, scale: int) -> str:
    return f"{Decimal(minor_units).scaleb(-scale):,.{scale}f}"  # exact, however much it is


def _said_time(instant_us: int) -> str:
    moment = datetime_of(instant_us)
    return "beyond the year 9999" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"
