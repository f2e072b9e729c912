"""RFM written a third time, row by row in plain Python, for data that SQL would choke on.

Money is `Decimal`, zones are the standard library's. It shares no code with the library.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - clock readings are counted from it


def instant_of(text: str | None, zone: str) -> int | None:
    """Return microseconds since 1970 UTC, or None where the text names no time."""
    try:
        moment = dt.datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    offset = moment.utcoffset()
    assert offset is not None
    return (moment.replace(tzinfo=None) - _EPOCH - offset) // dt.timedelta(microseconds=1)


def day_of(instant: int, zone: str) -> dt.date:
    """Return the local day of an instant."""
    utc = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=instant)
    return utc.astimezone(ZoneInfo(zone)).date()


def customers(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, Any], policy: str, as_of: str
) -> dict[Any, tuple[int, int, Decimal]]:
    """Return id to `(recency_days, frequency, monetary)` for rows of quantity and unit price.

    A row is a return when its quantity or its price is negative, and no row when both are.
    """
    zone = columns["time_zone"]
    before = instant_of(as_of, zone)
    assert before is not None
    made: dict[Any, dict[Any, int]] = {}
    spent: dict[Any, Decimal] = {}
    for row in rows:
        who, order, at, n, price = (
            row[columns[role]]
            for role in ("customer_id", "order_id", "ordered_at", "quantity", "unit_price")
        )
        instant = instant_of(at, zone)
        nameless = not (who or "").strip() or not (order or "").strip()
        if nameless or instant is None or n is None or price is None or not math.isfinite(price):
            continue
        if instant >= before or (n < 0 and price < 0):
            continue
        is_return = n < 0 or price < 0
        if not is_return:
            orders = made.setdefault(who, {})
            orders[order] = min(instant, orders.get(order, instant))
        if not is_return or policy == "net":
            spent[who] = spent.get(who, Decimal(0)) + Decimal(repr(price)) * n
    last_observed_day = day_of(before - 1, zone)
    return {
        who: (
            (last_observed_day - day_of(max(orders.values()), zone)).days,
            len(orders),
            spent[who],
        )
        for who, orders in made.items()
    }


def scores(
    found: Mapping[Any, tuple[int, int, Decimal]], method: str, bins: int = 5
) -> dict[Any, tuple[int, ...]]:
    """Return id to `(r, f, m)`."""
    by_axis = [
        _of_axis({who: row[axis] for who, row in found.items()}, method, bins) for axis in range(3)
    ]
    return {who: (bins + 1 - by_axis[0][who], by_axis[1][who], by_axis[2][who]) for who in found}


def _of_axis(values: Mapping[Any, Any], method: str, bins: int) -> dict[Any, int]:
    exact = {who: Fraction(value) for who, value in values.items()}
    ranked = sorted(exact, key=lambda who: (exact[who], who))
    n = len(ranked)
    if method == "ntile":
        tiles = [tile for tile in range(bins) for _ in range(n // bins + (tile < n % bins))]
        return {who: tile + 1 for who, tile in zip(ranked, tiles, strict=True)}
    cuts = []
    for k in range(1, bins):
        position = Fraction((n - 1) * k, bins)
        low = exact[ranked[math.floor(position)]]
        high = exact[ranked[math.ceil(position)]]
        cuts.append(low + (high - low) * (position - math.floor(position)))
    return {who: 1 + sum(value > cut for cut in cuts) for who, value in exact.items()}
