"""How customers rise in the member levels: by what they have spent so far."""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVELS", "LevelChanges", "rise"]

LEVELS = ("普通会员", "银卡会员", "金卡会员", "钻石会员")
_THRESHOLDS_CENTS = np.array([80_000, 300_000, 1_000_000], dtype=np.int64)


@attrs.frozen(eq=False)
class LevelChanges:
    """Each rise to a higher level, by customer and then by time.

    Attributes:
        customer: Who rose.
        seconds: When: the time of the order that passed the threshold.
        level: The level reached, as a position in `LEVELS`, >= 1.
    """

    customer: NDArray[np.int64]
    seconds: NDArray[np.int64]
    level: NDArray[np.int8]


def rise(
    customer: NDArray[np.int32], seconds: NDArray[np.int64], net_cents: NDArray[np.int64]
) -> LevelChanges:
    """Find the orders with which a customer's total reaches a threshold.

    Args:
        customer: Customer of each order.
        seconds: Time of each order, ascending.
        net_cents: What each order brought, > 0.
    """
    if customer.size == 0:
        nothing = np.zeros(0, dtype=np.int64)
        return LevelChanges(nothing, nothing, np.zeros(0, dtype=np.int8))
    packed = customer.astype(np.int64) << 31
    packed |= np.arange(customer.size)
    packed.sort()
    order = packed & ((1 << 31) - 1)
    who = packed >> 31
    net = net_cents[order]
    total = np.cumsum(net)
    is_first = np.concatenate(([True], who[1:] != who[:-1]))
    # The running total over everybody, less where the customer began, is the customer's own.
    began = (total - net)[is_first]
    total -= np.repeat(began, np.diff(np.append(np.flatnonzero(is_first), who.size)))
    after = np.searchsorted(_THRESHOLDS_CENTS, total, side="right")
    before = np.searchsorted(_THRESHOLDS_CENTS, total - net, side="right")
    rose = np.flatnonzero(after > before)
    # Of two rises in one second the higher counts, or the level then would be ambiguous.
    same = (who[rose[1:]] == who[rose[:-1]]) & (
        seconds[order[rose[1:]]] == seconds[order[rose[:-1]]]
    )
    rose = rose[np.append(~same, True)] if rose.size else rose
    return LevelChanges(who[rose], seconds[order[rose]], after[rose].astype(np.int8))
