"""Each value over events, for one customer: a function of the matching rows and a slice of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from userops.core.money import major_float
from userops.core.time import Zone
from userops.rules.events_of_one import Matches, first_of, instant_at
from userops.rules.features import Aggregate
from userops.rules.weighted import WeightedTop

__all__ = ["Taken", "taking"]

# Called with the matching rows, the slice of them, and the last observed instant.
Taken: TypeAlias = Callable[[Matches, int, int, int], Any]


def taking(feature: Aggregate, zone: Zone, scale: int) -> Taken:
    """Return the function that takes a feature's value; a slice may be empty.

    Args:
        feature: The feature.
        zone: The zone of the data.
        scale: Decimals of the minor unit where the property is money, else 0.
    """
    of: str = feature.of or ""
    if feature.how in ("days_since_first", "days_since_last"):
        return _days_since(zone, last=feature.how == "days_since_last")
    if feature.how == "active_days":
        return lambda m, i, j, _: len(set(m.days()[i:j]))
    if feature.how in ("sum", "mean"):
        return _added(of, scale, mean=feature.how == "mean")
    if feature.how in ("min", "max"):
        best = min if feature.how == "min" else max
        return lambda m, i, j, _: best(
            (v for v in m.values(of)[i:j] if v is not None), default=None
        )
    if feature.how == "n_unique":
        return lambda m, i, j, _: len({v for v in m.values(of)[i:j] if v is not None})
    if isinstance(feature, WeightedTop):
        return _weighted_top(of, dict(feature.weights), feature.unseen)
    if feature.how == "top":
        return _top(of, feature.by)
    if feature.how == "count":
        return _count
    step = 1 if feature.how == "first" else -1
    if feature.of is not None:
        return lambda m, i, j, _: first_of(m, of, i, j, step)
    return lambda m, i, j, _: instant_at(m, i if step > 0 else j - 1) if j > i else None


def _count(matches: Matches, i: int, j: int, _: int) -> int:
    orders = matches.index.orders
    if orders is None:
        return j - i
    return len({orders[position] for position in matches.positions[i:j]})


def _days_since(zone: Zone, *, last: bool) -> Taken:
    def days(matches: Matches, i: int, j: int, observed_us: int) -> int | None:
        if j <= i:
            return None
        return zone.day(observed_us) - zone.day(matches.at[j - 1 if last else i])

    return days


def _added(of: str, scale: int, *, mean: bool) -> Taken:
    def added(matches: Matches, i: int, j: int, _: int) -> int | float | None:
        sums, known, decimals = matches.sums(of)
        total = sums[j] - sums[i]
        if not mean:
            return major_float(total, decimals) if decimals else total
        n = known[j] - known[i]
        return float(total) / float(n * 10 ** (scale or decimals)) if n else None

    return added


def _top(of: str, by: str | None) -> Taken:
    def top(matches: Matches, i: int, j: int, _: int) -> Any:
        weights: dict[Any, int] = {}
        values = matches.values(of)
        added = matches.sums(by)[0] if by is not None else range(len(values) + 1)
        for place in range(i, j):
            value = values[place]
            if value is not None:
                weight = added[place + 1] - added[place]
                weights[value] = weights.get(value, 0) + weight
        if not weights:
            return None
        most = max(weights.values())
        return min(value for value, weight in weights.items() if weight == most)

    return top


def _weighted_top(of: str, weight_of: Mapping[str, int], unseen: int) -> Taken:
    def top(matches: Matches, i: int, j: int, _: int) -> Any:
        weights: dict[Any, int] = {}
        for value in matches.values(of)[i:j]:
            if value is not None:
                weights[value] = weights.get(value, 0) + weight_of.get(value, unseen)
        if not weights:
            return None
        most = max(weights.values())
        return min(value for value, weight in weights.items() if weight == most)

    return top
