"""Sequences: "A, then B (then C), within a window, and no D between".

Each row of a customer carries a mask of bits; a bit says that the row satisfies a condition. A
sequence of n steps holds for a customer if there are n **distinct** rows r1 … rn such that

* rk satisfies step k, and r1 … rn stand in this order;
* `instant(rn) - instant(r1)` is at most the window, if there is one: the window is **inclusive**;
* no row that satisfies an excluded condition stands at an instant **strictly between** those of r1
  and rn.

Any row that satisfies the first step may be r1 ("best entry"): a first attempt that fails does not
spoil a second one. A row that satisfies a step and an excluded condition counts as both.

**Equal instants.** Rows of the same instant are taken in the order of the first step that they can
fill, then of the last one, then of the steps between (those with later ones last). So steps at one
instant are read in step order, and the answer never depends on how the rows lie. One row fills one
step: three equal steps need three rows.

`completes` answers for all customers of a log, `completes_one` for one customer inside a request;
both give the same answer. The method: of all rows that could be r1 for a given rk, the latest one
leaves the most of the window and the least to exclude, so it alone is carried from row to row.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np

from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from userops.core.log import CustomerLog, Ints

__all__ = ["Steps", "completes", "completes_one", "completion_instants", "first_completion_one"]

_MOST_BITS = 63
# Before every instant of int64.
_NEVER = -(2**64)


@attrs.frozen
class Steps:
    """The steps of a sequence, as bits of a row's mask. Can be pickled.

    Attributes:
        bits: Which bit, 0 to 62, says that a row satisfies a step; one a step, repeats allowed.
        without_bits: Which bits say that a row satisfies an excluded condition.
        within_us: The most microseconds between the first step and the last; None for any time.

    Raises:
        InvalidArgumentError: If there is no step, a bit is out of range, or the window negative.

    Example:
        >>> scan_then_order = Steps(bits=(0, 1), within_us=3_600_000_000)
        >>> completes_one([0, 3_600_000_000], [0b01, 0b10], scan_then_order)
        True
        >>> completes_one([0, 3_600_000_001], [0b01, 0b10], scan_then_order)
        False
    """

    bits: tuple[int, ...]
    without_bits: tuple[int, ...] = ()
    within_us: int | None = None

    def __attrs_post_init__(self) -> None:
        if not self.bits:
            raise InvalidArgumentError("bits", "a sequence needs a step", got=self.bits)
        for name, bits in (("bits", self.bits), ("without_bits", self.without_bits)):
            if not all(0 <= bit < _MOST_BITS for bit in bits):
                raise InvalidArgumentError(name, "is no bit of int64", got=bits, allowed="0 to 62")
        if self.within_us is not None and self.within_us < 0:
            raise InvalidArgumentError("within_us", "must not be negative", got=self.within_us)

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The value of each step's bit."""
        return tuple(1 << bit for bit in self.bits)

    @cached_property
    def without(self) -> int:
        """The mask of the excluded conditions."""
        return sum(1 << bit for bit in set(self.without_bits))

    @cached_property
    def relevant(self) -> int:
        """The mask of all bits that matter."""
        return self.without | sum(set(self.values))

    @cached_property
    def _fills(self) -> _Fills:
        return _Fills(self.values)

    def place(self, mask: int) -> tuple[int, int, int]:
        """Return what rows of one instant are ordered by."""
        fills = [k for k, value in enumerate(self.values) if mask & value]
        return (
            (fills[0], fills[-1], sum(1 << k for k in fills)) if fills else (len(self.bits), 0, 0)
        )


class _Fills(dict[int, tuple[int, ...]]):
    """Which steps rows of a mask can fill, looked up once a mask.

    Later steps come first, so that a row is not yet there for the step after the one it fills.
    """

    def __init__(self, values: tuple[int, ...]) -> None:
        super().__init__()
        self._later_first = tuple(reversed(tuple(enumerate(values))))

    def __missing__(self, mask: int) -> tuple[int, ...]:
        fills = self[mask] = tuple(k for k, value in self._later_first if mask & value)
        return fills


class _Completions(NamedTuple):
    """Rows that complete a sequence, in order, and the row of the first step of each."""

    last: Ints
    first: Ints


def completes(log: CustomerLog, mask: NDArray[np.int64], steps: Steps) -> NDArray[np.bool_]:
    """Return for which customers a sequence holds.

    Args:
        log: The rows; instants differ by less than 2**63 microseconds.
        mask: For each row of the log, which conditions it satisfies.
        steps: The sequence.

    Returns:
        One flag a customer, in the order of `log.customer_ids`.
    """
    holds = np.zeros(log.customers, dtype=np.bool_)
    for customers, rows in log.pieces():
        offsets = log.offsets[customers.start : customers.stop + 1] - rows.start
        found = _completions(log.instants_us[rows], offsets, mask[rows], steps)
        holds[customers.start + _owners(offsets, found.last)] = True
    return holds


def completion_instants(
    log: CustomerLog, mask: NDArray[np.int64], steps: Steps
) -> tuple[np.ma.MaskedArray[Any, Any], np.ma.MaskedArray[Any, Any]]:
    """Return when the sequence that each customer completes first was started and completed.

    Args:
        log: The rows; instants differ by less than 2**63 microseconds.
        mask: For each row of the log, which conditions it satisfies.
        steps: The sequence.

    Returns:
        Two masked int64 arrays of microseconds, one value a customer, masked where the sequence
        does not hold: the instants of its first step and of its last. Of the starts that lead to
        the earliest completion, the latest is taken.
    """
    both = np.zeros((2, log.customers), dtype=np.int64)
    holds = np.zeros(log.customers, dtype=np.bool_)
    for customers, rows in log.pieces():
        offsets = log.offsets[customers.start : customers.stop + 1] - rows.start
        instants = log.instants_us[rows]
        found = _completions(instants, offsets, mask[rows], steps)
        owners = _owners(offsets, found.last)
        earliest = np.flatnonzero(np.diff(owners, prepend=-1))
        who = customers.start + owners[earliest]
        holds[who] = True
        both[0, who] = instants[found.first[earliest]]
        both[1, who] = instants[found.last[earliest]]
    started, completed = (np.ma.MaskedArray(values, mask=~holds) for values in both)
    return started, completed


def _owners(offsets: Ints, rows: Ints) -> Ints:
    owners: Ints = np.searchsorted(offsets, rows, side="right") - 1
    return owners


def _completions(
    instants: Ints, offsets: Ints, mask: NDArray[np.int64], steps: Steps
) -> _Completions:
    """Find every row that completes the sequence with the latest start that leads to it."""
    mask = mask.astype(np.int64, copy=False)
    rows = np.flatnonzero(mask & steps.relevant)
    rows = _ties_in_step_order(rows, instants, offsets, mask, steps)
    flags = mask[rows]
    starts = np.repeat(offsets[:-1], np.diff(offsets))[rows]
    at = np.flatnonzero(flags & steps.values[0])
    first = rows[at]
    for value in steps.values[1:]:
        latest = np.full(len(rows) + 1, -1)
        latest[at + 1] = first  # one further: a row does not follow itself
        np.maximum.accumulate(latest, out=latest)
        at = np.flatnonzero(flags & value)
        first = latest[at]
        is_own = first >= starts[at]
        at, first = at[is_own], first[is_own]
    last = rows[at]
    if steps.within_us is not None:
        is_in = instants[last] - instants[first] <= steps.within_us
        at, first, last = at[is_in], first[is_in], last[is_in]
    if steps.without and len(at):
        is_free = ~_excluded(at, first, rows, instants, (flags & steps.without) != 0)
        first, last = first[is_free], last[is_free]
    return _Completions(last, first)


def _excluded(
    at: Ints, first: Ints, rows: Ints, instants: Ints, is_without: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return where an excluded row stands strictly between `first` and `rows[at]`.

    The last excluded row before the instant decides. It need not be looked at whose it is: one of
    a customer before stands before `first`.
    """
    latest = np.append(-1, np.maximum.accumulate(np.where(is_without, rows, -1)))
    moments = instants[rows]
    is_new = np.append(True, moments[1:] != moments[:-1])
    instant_begins = np.maximum.accumulate(np.where(is_new, np.arange(len(rows)), 0))
    before = latest[instant_begins[at]]
    between: NDArray[np.bool_] = (before > first) & (instants[before] > instants[first])
    return between


def _ties_in_step_order(
    rows: Ints, instants: Ints, offsets: Ints, mask: NDArray[np.int64], steps: Steps
) -> Ints:
    """Reorder rows of one customer and instant by the steps that they can fill."""
    moments = instants[rows]
    equal = np.flatnonzero(moments[1:] == moments[:-1])
    equal = equal[_owners(offsets, rows[equal]) == _owners(offsets, rows[equal + 1])]
    if not len(equal):
        return rows
    is_same = np.zeros(len(rows) + 1, dtype=np.bool_)
    is_same[equal + 1] = True
    tied = np.flatnonzero(is_same[:-1] | is_same[1:])
    numbers = np.cumsum(~is_same[tied])
    kinds, which = np.unique(mask[rows[tied]] & steps.relevant, return_inverse=True)
    places = [steps.place(kind) for kind in kinds.tolist()]
    ranked = {place: rank for rank, place in enumerate(sorted(set(places)))}
    ranks = np.array([ranked[place] for place in places])[which]
    order = np.argsort(numbers * len(ranked) + ranks, kind="stable")
    rows = rows.copy()
    rows[tied] = rows[tied[order]]
    return rows


def completes_one(instants_us: Sequence[int], masks: Sequence[int], steps: Steps) -> bool:
    """Return whether a sequence holds for one customer; see the head of the module.

    Args:
        instants_us: Instants of the customer's rows in microseconds, ascending.
        masks: For each row, which conditions it satisfies.
        steps: The sequence.
    """
    rows = _rows_in_step_order(instants_us, masks, steps)
    if len(rows) < len(steps.bits):
        return False
    within, without, final = steps.within_us, steps.without, len(steps.bits) - 1
    fills = steps._fills
    # The latest start that leads to each step.
    latest = [_NEVER] * len(steps.bits)
    excluded_at = excluded_before = _NEVER
    for instant, mask in rows:
        for k in fills[mask]:
            start = latest[k - 1] if k else instant
            if k == final:
                if (
                    start != _NEVER
                    and (within is None or instant - start <= within)
                    and start >= (excluded_before if excluded_at == instant else excluded_at)
                ):
                    return True
            elif start > latest[k]:
                latest[k] = start
        if mask & without and instant != excluded_at:
            excluded_before, excluded_at = excluded_at, instant
    return False


def first_completion_one(
    instants_us: Sequence[int], masks: Sequence[int], steps: Steps
) -> tuple[int, ...] | None:
    """Return the instants of the steps of the sequence that a customer completes first.

    Args:
        instants_us: Instants of the customer's rows in microseconds, ascending.
        masks: For each row, which conditions it satisfies.
        steps: The sequence.

    Returns:
        One instant a step, or None where the sequence does not hold. Of the starts that lead to
        the earliest completion, the latest is taken.

    Example:
        >>> first_completion_one([0, 5, 9, 12], [0b01, 0b01, 0b10, 0b10], Steps(bits=(0, 1)))
        (5, 9)
    """
    within, without, final = steps.within_us, steps.without, len(steps.bits) - 1
    chains: list[tuple[int, ...]] = [()] * len(steps.bits)
    excluded_at = excluded_before = _NEVER
    for instant, mask in _rows_in_step_order(instants_us, masks, steps):
        for k in steps._fills[mask]:
            if k and not chains[k - 1]:
                continue
            chain = (*(chains[k - 1] if k else ()), instant)
            if k < final:
                if not chains[k] or chain[0] > chains[k][0]:
                    chains[k] = chain
            elif (within is None or instant - chain[0] <= within) and chain[0] >= (
                excluded_before if excluded_at == instant else excluded_at
            ):
                return chain
        if mask & without and instant != excluded_at:
            excluded_before, excluded_at = excluded_at, instant
    return None


def _rows_in_step_order(
    instants_us: Sequence[int], masks: Sequence[int], steps: Steps
) -> list[tuple[int, int]]:
    """Return the rows that matter, with the bits of their masks that do."""
    relevant = steps.relevant
    pairs = zip(instants_us, masks, strict=True)
    rows = [(instant, bits) for instant, mask in pairs if (bits := mask & relevant)]
    if len({instant for instant, _ in rows}) < len(rows):
        rows.sort(key=lambda row: (row[0], steps.place(row[1])))
    return rows
