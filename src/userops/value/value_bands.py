"""Bands of value: the best customers, those after them, and the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import InvalidArgumentError
from userops.events.columns import CUSTOMER_ID

__all__ = ["banded"]

CLV, BAND = "clv", "value_band"


def banded(scores: Any, shares: Mapping[str, float], rest: str) -> Any:
    """Return which band of value each customer is in.

    A band begins at a value, so that equal values are in one band: the upper one.

    Args:
        scores: What `score` returns.
        shares: Name of a band to the share of customers in it, the best first.
        rest: Name of the band of all others.

    Returns:
        The host's frame type: `customer_id`, `clv` and `value_band`.

    Raises:
        InvalidArgumentError: If the shares are not above 0 with a sum below 1, or a name occurs
            twice.
    """
    total = math.fsum(shares.values())
    if not shares or min(shares.values()) <= 0 or total >= 1 or rest in shares:
        raise InvalidArgumentError(
            "shares", "must be above 0, with a sum below 1 and names of their own",
            got=f"{dict(shares)} and {rest!r} for the rest",
            allowed="{'high': 0.2, 'middle': 0.3}",
        )  # fmt: skip
    source = frames.read(scores)
    frame = source.materialise(source.frame.select(CUSTOMER_ID, CLV))
    rows = frames.to_rows(frame.select(nw.len().alias("n")))[0]["n"]
    ends, upto = [], 0.0
    for share in shares.values():
        upto += share
        # The lowest rank of the band, counted from the lowest value.
        ends.append(max(rows - max(round(upto * rows), 1), 0))
    edges = frames.values_at_ranks(source, frame, CLV, ends) if rows else ()
    band: Any = nw.lit(rest)
    for name, edge in reversed([*zip(shares, edges, strict=False)]):
        band = nw.when(nw.col(CLV) >= edge.value).then(nw.lit(name)).otherwise(band)
    return source.give_back(frame.with_columns(band.alias(BAND)))
