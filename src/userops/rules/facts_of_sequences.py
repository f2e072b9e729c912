"""Sequences of all customers: rows of several tables in one order, folded into a flag each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.log import CustomerLog
from userops.core.sequences import Steps, completes
from userops.core.shards import fold_by_customer
from userops.events.columns import CUSTOMER_ID, INSTANT_US
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence
from userops.rules.tables import Rows

if TYPE_CHECKING:
    from userops.rules.facts_of_table import TableFacts

__all__ = ["sequence_frames"]

# Bits of a mask, of which the sign is not one.
_MOST_BITS = 62


@attrs.frozen
class _Completed:
    """Several sequences as one fold."""

    sequences: Mapping[str, Steps]

    def __call__(self, log: CustomerLog) -> Mapping[str, Any]:
        mask = log.columns["mask"]
        return {name: completes(log, mask, steps) for name, steps in self.sequences.items()}


@attrs.define
class _Batch:
    """Sequences whose events find room in one mask: event to bit, and name to steps."""

    bits: dict[str, int] = attrs.field(factory=dict)
    steps: dict[str, Steps] = attrs.field(factory=dict)


def sequence_frames(
    source: frames.Source,
    sequences: Iterable[tuple[str, Sequence]],
    table_of: Callable[[Selection], tuple[Rows, TableFacts]],
) -> list[frames.Frame]:
    """Fold sequences, as many at once as a mask has bits.

    Args:
        source: Where the rows are.
        sequences: Name of a column to the sequence that it answers.
        table_of: Returns which rows an event means, and their table.

    Returns:
        Frames of one row a customer with events: `customer_id` and flags.
    """
    batches = [_Batch()]
    events: dict[str, Selection] = {}
    for name, rule in sequences:
        keys = {event.key: event for event in (*rule.steps, *rule.without)}
        events |= keys
        if len(batches[-1].bits | dict.fromkeys(keys, 0)) > _MOST_BITS:
            batches.append(_Batch())
        bits = batches[-1].bits
        for key in keys:
            bits.setdefault(key, len(bits))
        batches[-1].steps[name] = Steps(
            bits=tuple(bits[event.key] for event in rule.steps),
            without_bits=tuple(bits[event.key] for event in rule.without),
            within_us=None if rule.within is None else rule.within.us,
        )
    return [_folded(source, batch, events, table_of) for batch in batches]


def _folded(
    source: frames.Source,
    batch: _Batch,
    events: Mapping[str, Selection],
    table_of: Callable[[Selection], tuple[Rows, TableFacts]],
) -> frames.Frame:
    tables: dict[str, TableFacts] = {}
    by_table: dict[str, dict[int, Any]] = {}
    for key, bit in batch.bits.items():
        rows, tables[rows.table] = table_of(events[key])
        by_table.setdefault(rows.table, {})[bit] = (events[key], rows.which)
    parts = [tables[name].rows_of(given) for name, given in by_table.items()]
    if source.is_arrow:  # a table that nothing else is asked of has not been read yet
        parts = [frames.read(frames.to_arrow(part)).frame for part in parts]
    every = frames.concat_rows(parts) if len(parts) > 1 else parts[0]
    return fold_by_customer(
        source,
        every.with_columns(nw.col("mask").cast(_mask_type(len(batch.bits)))),
        key=CUSTOMER_ID,
        instant=INSTANT_US,
        columns=["mask"],
        fold=_Completed(batch.steps),
        kinds=dict.fromkeys(batch.steps, "flag"),
        keeps_ties=False,  # a sequence reads steps of one instant in their own order
    )


def _mask_type(bits: int) -> Any:
    """Return the narrowest type with so many bits beside the sign: a mask goes with every row."""
    fits = {7: nw.Int8, 15: nw.Int16, 31: nw.Int32}
    return next((kind for most, kind in fits.items() if bits <= most), nw.Int64)
