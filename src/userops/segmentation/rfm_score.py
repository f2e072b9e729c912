"""One customer's values, scores and segment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from userops.events.columns import CUSTOMER_ID

__all__ = ["RFMScore"]


@attrs.frozen
class RFMScore:
    """One customer's values, scores and segment; the fields are the columns of `score()`.

    Attributes:
        customer_id: The customer.
        recency_days: Whole days from the last order to the last observed day, >= 0.
        frequency: Orders, >= 1.
        monetary: Major units by the returns policy; None for events without money.
        r, f, m: Scores from 1; `m` is None for events without money.
        rfm: The scores joined; `r` and `f` alone for events without money.
        segment: Label in the model's locale; None without a map.
    """

    customer_id: str | int
    recency_days: int
    frequency: int
    monetary: float | None
    r: int
    f: int
    m: int | None
    rfm: str
    segment: str | None

    @classmethod
    def from_row(cls, row: Mapping[str, Any], dimensions: str) -> RFMScore:
        """Build it from a row of `FittedRFM.score`."""
        return cls(
            customer_id=row[CUSTOMER_ID],
            recency_days=row["recency_days"],
            frequency=row["frequency"],
            monetary=row.get("monetary"),
            r=row["r"],
            f=row["f"],
            m=row.get("m"),
            rfm=row[dimensions],
            segment=row.get("segment"),
        )
