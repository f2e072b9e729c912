"""Segments and value meet: whether their customers still buy, and what they are worth."""

from __future__ import annotations

from typing import Any, Literal

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import ColumnNotFoundError
from userops.events.columns import CUSTOMER_ID

__all__ = ["worth_by_segment"]

P_ALIVE, PURCHASES, CLV = "p_alive", "expected_purchases", "clv"
_ROWS = "userops__rows"


def worth_by_segment(scores: Any, worth: Any, *, by: str = "segment") -> Any:
    """Return what the customers of each segment are worth.

    Args:
        scores: One row a customer with the column `by`, such as `FittedRFM.score` returns, or the
            bands of `FittedCustomerValue.segments`.
        worth: What `FittedCustomerValue.score` returns for the same customers, in the same frame
            type.
        by: The column that says the segment.

    Returns:
        The host's frame type, highest value first: `by`, `customers` (who are valued), `p_alive`
        (mean), `expected_purchases` (sum; not where value is for ever), `clv` (sum, major units),
        `mean_clv`, `clv_share` (of the value of all, 0 to 1; null where that is zero).

    Raises:
        ColumnNotFoundError: If a column is missing; names the nearest.
    """
    source, valued = frames.read(scores), frames.read(worth)
    for frame, columns in ((source.frame, (CUSTOMER_ID, by)), (valued.frame, (P_ALIVE, CLV))):
        names = frame.collect_schema().names()
        for column in columns:
            if column not in names:
                raise ColumnNotFoundError(column, names)
    sums = [
        name for name in (P_ALIVE, PURCHASES, CLV)
        if name in valued.frame.collect_schema().names()
    ]  # fmt: skip
    joined = source.frame.select(CUSTOMER_ID, by).join(
        valued.frame.select(CUSTOMER_ID, *sums), on=CUSTOMER_ID, how="inner"
    )
    groups = joined.group_by(by).agg(nw.len().alias(_ROWS), nw.col(*sums).sum())
    found = sorted(frames.to_rows(groups), key=lambda row: (-row[CLV], str(row[by])))
    total = sum(row[CLV] for row in found)
    rows: list[dict[str, Any]] = [
        {
            by: row[by],
            "customers": int(row[_ROWS]),
            P_ALIVE: row[P_ALIVE] / row[_ROWS],
            **({PURCHASES: row[PURCHASES]} if PURCHASES in sums else {}),
            CLV: row[CLV],
            "mean_clv": row[CLV] / row[_ROWS],
            "clv_share": row[CLV] / total if total else None,
        }
        for row in found
    ]
    kinds: dict[str, Literal["text", "int", "float"]] = {by: "text", "customers": "int"}
    kinds |= dict.fromkeys((*sums, "mean_clv", "clv_share"), "float")
    return source.give_rows(frames.small_table(rows, kinds))
