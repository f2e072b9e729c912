"""Everybody's rows, customer by customer and in order of time: what folds run over.

Where order matters (a sequence, a funnel, a stage, points), one pass over a customer's rows in
order gives the answer. `CustomerLog.build` puts the rows of all customers into that order once;
numpy kernels then ask it many times.

The order is found by sorting one integer a row, which holds the customer in its high bits, then as
much of the time as fits, then the row number: sorting plain values takes numpy a tenth of the time
of sorting indirectly, and the row number makes it stable. What of the time did not fit is put right
inside the few runs where it matters, in the same way. Where not even that fits, numpy's lexsort,
which is exact for all values, takes over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.cores import sort_in_place
from userops.core.digits import (
    KEY_BITS,
    PIECE_ROWS,
    Digits,
    most_bits,
    pieces,
    starts_of,
    whole_groups,
)
from userops.core.frames.places import joined_up, places_of
from userops.core.packed_log import packed_rows

__all__ = ["CustomerLog"]

Ints: TypeAlias = NDArray[np.int64]

# Each round of packing must take a good part of the time, or there would be many rounds.
_FEWEST_BITS = 8


@attrs.frozen(eq=False, repr=False)
class CustomerLog:
    """The rows of each customer side by side, oldest first.

    Rows `offsets[i]` to `offsets[i + 1]` belong to the customer `customer_ids[i]`, who has at
    least one. The arrays may share memory with the table they come from: do not write to them.

    Attributes:
        customer_ids: Arrow array of the customers that have rows, each once: ascending where ids
            are integers that lie close together, else in order of first appearance. They keep
            their type, but for text views, and text beyond 2 GB, which become large text.
        offsets: int64, one more than there are customers.
        instants_us: int64 microseconds since 1970-01-01 UTC, ascending within a customer.
        columns: Further columns of the rows, each an array of numbers or flags.

    Example:
        >>> rows = pa.table({"who": ["b", "a", "b"], "at": [30, 20, 10], "paid": [5, 6, 7]})
        >>> log = CustomerLog.build(rows, key="who", instant="at", columns=["paid"])
        >>> log
        CustomerLog(2 customers, 3 rows; columns: paid)
        >>> log.customer_ids.to_pylist(), log.offsets.tolist()
        (['b', 'a'], [0, 2, 3])
        >>> log.instants_us.tolist(), log.columns["paid"].tolist()
        ([10, 30, 20], [7, 5, 6])
    """

    customer_ids: pa.Array
    offsets: Ints
    instants_us: Ints
    columns: Mapping[str, NDArray[Any]]

    @classmethod
    def build(
        cls,
        table: pa.Table,
        *,
        key: str,
        instant: str,
        columns: Sequence[str],
        tie_break: str | None = None,
        keeps_ties: bool = True,
    ) -> CustomerLog:
        """Put rows into order.

        Args:
            table: The rows; chunks are joined.
            key: Column of customer ids, integers or text, without nulls.
            instant: Column of int64 microseconds since 1970-01-01 UTC, without nulls.
            columns: Columns to carry along. Integers and flags must have no nulls; a null among
                floats becomes NaN.
            tie_break: Column that orders rows of one customer and instant, nulls last; rows equal
                in that too, or all where it is not given, keep the order of the table.
            keeps_ties: Whether they must. What takes no notice of the order within a tie is built
                faster without: where the columns are small numbers, they are sorted as a part of
                the key, and no row has to be looked up again.
        """
        assert pa.types.is_int64(table.schema.field(instant).type), "instants are int64"
        assert not table[key].null_count, "customer ids have nulls"
        assert not table[instant].null_count, "instants have nulls"
        if not keeps_ties and tie_break is None:
            packed = packed_rows(table, key, instant, columns)
            if packed is not None:
                return cls(*packed)
        ids, instants = joined_up(table[key]), _values(table[instant])
        customers, times = _codes(ids), Digits.of(instants)
        done = _as_it_is(customers, times) or _in_order(customers, times)
        order = done.order
        if tie_break is not None:
            order = _ties_broken(done, joined_up(table[tie_break]))
        firsts = done.starts if order is None else order[done.starts]
        return cls(
            customer_ids=ids.take(pa.array(firsts)),
            offsets=np.append(done.starts, len(table)),
            instants_us=done.values,
            columns={name: _taken(_values(table[name]), order) for name in columns},
        )

    @property
    def customers(self) -> int:
        """How many customers have rows."""
        return len(self.offsets) - 1

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.instants_us)

    @cached_property
    def starts(self) -> Ints:
        """For each row, the first row of its customer."""
        return np.repeat(self.offsets[:-1], np.diff(self.offsets))

    def pieces(self, rows: int = PIECE_ROWS) -> Iterator[tuple[slice, slice]]:
        """Cut the log between customers, so that a kernel's arrays stay in a core's cache.

        Args:
            rows: About how many rows of a piece; a customer that has more is a piece of its own.

        Returns:
            The places of the customers of a piece, and its rows.
        """
        return whole_groups(self.offsets, rows)

    def __repr__(self) -> str:
        """Say the size and the columns, not the values."""
        names = ", ".join(self.columns) or "none"
        return f"CustomerLog({self.customers:,} customers, {self.rows:,} rows; columns: {names})"


class _Ordered(NamedTuple):
    """Rows in order of group and value: None where they came so; and where each group starts."""

    order: Ints | None
    values: NDArray[Any]
    starts: Ints


def _codes(ids: pa.Array) -> Digits:
    """Number the customers: by arithmetic where their ids are integers that lie close together."""
    if pa.types.is_integer(ids.type) and len(ids):
        numbers = Digits.of(ids.to_numpy())
        if numbers.bits <= most_bits(len(ids)):
            return numbers
    codes, found = places_of(pa.chunked_array([ids]))
    return Digits(codes, 0, max(len(found) - 1, 0).bit_length())


def _as_it_is(group: Digits, value: Digits) -> _Ordered | None:
    """Return rows that are in order already; None at the first piece that is not."""
    starts = [np.zeros(min(len(group.values), 1), dtype=np.int64)]
    for rows in pieces(len(group.values), overlap=1):
        groups, values = group.values[rows], value.values[rows]
        is_new = groups[1:] > groups[:-1]
        if not (is_new | ((groups[1:] == groups[:-1]) & (values[1:] >= values[:-1]))).all():
            return None
        starts.append(np.flatnonzero(is_new) + (rows.start + 1))
    return _Ordered(None, value.values, np.concatenate(starts))


def _in_order(group: Digits, value: Digits) -> _Ordered:
    """Put rows into order of group and value; equal ones keep their order."""
    row_bits = (len(group.values) - 1).bit_length()
    spare = KEY_BITS - group.bits - row_bits
    if spare < value.bits:
        value = value.in_fewest_bits()
    # Where the whole table is in order of value, the row number stands for it.
    wanted = 0 if _is_ascending(value.values) else value.bits
    if spare < min(wanted, _FEWEST_BITS):
        order = np.lexsort((value.values, group.values))
        groups = group.values[order]
        return _Ordered(order, value.values.take(order), starts_of(groups, shift=0))
    held = min(spare, wanted)
    left_out = wanted - held
    key = np.empty(len(group.values), dtype=np.uint64)
    for rows in pieces(len(key)):
        piece = group.piece(rows)
        if held:
            piece <<= np.uint64(held)
            piece |= value.piece(rows) >> np.uint64(left_out)
        piece <<= np.uint64(row_bits)
        piece |= np.arange(rows.start, rows.stop, dtype=np.uint64)
        key[rows] = piece
    sort_in_place(key)
    order = (key & np.uint64(2**row_bits - 1)).view(np.int64)
    starts = starts_of(key, shift=held + row_bits)
    values = value.values.take(order)
    if left_out:
        _set_right(order, key, row_bits, attrs.evolve(value, values=values, bits=left_out))
    return _Ordered(order, values, starts)


def _set_right(order: Ints, key: NDArray[np.uint64], row_bits: int, rest: Digits) -> None:
    """Order by the left-out low bits of the values, in place, the runs of keys that need it.

    Args:
        order: Rows in the order of the key.
        key: The sorted keys.
        row_bits: How many low bits of a key are the row number.
        rest: The values in that order; its bits are how many of them the keys leave out.
    """
    values = rest.values
    falls = np.flatnonzero(values[1:] < values[:-1])
    ahead = key[falls] >> np.uint64(row_bits)
    # Other falls lie between two customers.
    runs = ahead[ahead == key[falls + 1] >> np.uint64(row_bits)]
    if not len(runs):
        return
    runs = runs[np.append(True, runs[1:] != runs[:-1])]
    lowest = runs << np.uint64(row_bits)
    begins = np.searchsorted(key, lowest)
    ends = np.searchsorted(key, lowest | np.uint64(2**row_bits - 1), side="right")
    sizes = ends - begins
    numbers = np.repeat(np.arange(len(runs)), sizes)
    at = np.arange(len(numbers)) + np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
    low_bits = attrs.evolve(rest, values=values[at]).piece(slice(None))
    low_bits &= np.uint64(2**rest.bits - 1)
    within = _in_order(
        Digits(numbers, 0, (len(runs) - 1).bit_length()), Digits(low_bits, 0, rest.bits)
    ).order
    order[at] = order[at][within]
    values[at] = values[at][within]


def _ties_broken(done: _Ordered, column: pa.Array) -> Ints | None:
    """Return the order in which rows of equal group and value follow `column`."""
    same = np.append(done.values[1:] == done.values[:-1], False)
    same[done.starts[1:] - 1] = False  # the next row is another customer's
    tied = np.flatnonzero(same | np.append(False, same[:-1]))
    if not len(tied):
        return done.order
    # A tie ends with the row that is not the same as the one after it.
    numbers = np.cumsum(~same[tied]) - ~same[tied]
    order = np.arange(len(done.values)) if done.order is None else done.order
    said = column.take(pa.array(order[tied]))
    if pa.types.is_dictionary(said.type):
        said = said.cast(said.type.value_type)
    ranks = pc.rank(said, tiebreaker="dense")  # nulls come last
    inner = _in_order(Digits.of(numbers), Digits.of(ranks.to_numpy())).order
    order[tied] = order[tied][inner]
    return order


def _is_ascending(values: NDArray[Any]) -> bool:
    for rows in pieces(len(values), overlap=1):
        piece = values[rows]
        if not (piece[1:] >= piece[:-1]).all():
            return False
    return True


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column of numbers or flags as numpy, without a copy where it is in one piece."""
    is_float = pa.types.is_floating(column.type)
    is_plain = is_float or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type)
    assert is_plain, f"a column of {column.type} is neither numbers nor flags"
    assert is_float or not column.null_count, "integers or flags have nulls"
    values: NDArray[Any] = joined_up(column).to_numpy(zero_copy_only=False)
    return values


def _taken(values: NDArray[Any], order: Ints | None) -> NDArray[Any]:
    return values if order is None else values.take(order)
