"""The log of customers: the order of its rows equals that of a plain stable sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import digits
from userops.core import log as log_module
from userops.core.log import CustomerLog

DAY, SECOND = 86_400_000_000, 1_000_000
LOWEST, HIGHEST = -(2**63), 2**63 - 1


def build(
    rows: Sequence[tuple[Any, int]],
    ids: pa.DataType,
    *,
    chunks: int = 1,
    ties: Sequence[int | None] | None = None,
) -> CustomerLog:
    """Build a log of rows whose `row` column is their number, and whose last column breaks ties."""
    said = ties if ties is not None else [None] * len(rows)
    table = pa.table(
        {
            "who": pa.array([who for who, _ in rows], ids),
            "at": pa.array([at for _, at in rows], pa.int64()),
            "row": pa.array(range(len(rows)), pa.int64()),
            "tie": pa.array(said, pa.int64()),
        }
    )
    size = max(-(-len(rows) // chunks), 1)
    if rows and chunks > 1:
        table = pa.concat_tables(table.slice(i, size) for i in range(0, len(rows), size))
    tie_break = "tie" if ties is not None else None
    return CustomerLog.build(table, key="who", instant="at", columns=["row"], tie_break=tie_break)


def check(log: CustomerLog, rows: Sequence[tuple[Any, int]], ties: Sequence[Any] = ()) -> None:
    """Check each customer's rows against a plain stable sort of them."""
    whole: dict[Any, list[int]] = {}
    for row, (who, _) in enumerate(rows):
        whole.setdefault(who, []).append(row)
    found = log.customer_ids.to_pylist()
    assert len(found) == len(set(found)) == log.customers
    assert set(found) == set(whole)
    assert log.rows == len(rows)
    assert log.offsets.dtype == log.instants_us.dtype == np.int64
    for who, begin, end in zip(found, log.offsets[:-1], log.offsets[1:], strict=True):
        tie = {row: (ties[row] is None, ties[row]) if ties else 0 for row in whole[who]}
        expected = sorted(whole[who], key=lambda row, tie=tie: (rows[row][1], tie[row]))
        assert log.columns["row"][begin:end].tolist() == expected
        assert log.instants_us[begin:end].tolist() == [rows[row][1] for row in expected]
        assert log.starts[begin:end].tolist() == [begin] * (end - begin)


close = st.integers(-5, 5)
spread = st.sampled_from([LOWEST, LOWEST + 1, -(2**40), 0, 2**40, HIGHEST - 1, HIGHEST])
moments = (
    close
    | st.integers(LOWEST, HIGHEST)
    | st.integers(-3, 3).map(lambda n: n * DAY)
    | st.integers(-(10**6), 10**6).map(lambda n: n * SECOND)
    | st.integers(1_700_000_000 * SECOND, 1_700_000_100 * SECOND)
)


@settings(max_examples=1500, deadline=None)
@given(
    rows=st.lists(st.tuples(close | spread, moments), max_size=40),
    chunks=st.integers(1, 4),
    bits=st.sampled_from([63, 40, 24, 16, 10, 4]),
    piece=st.sampled_from([1, 3, 64]),
)
def test_rows_are_in_stable_order(
    rows: list[tuple[int, int]], chunks: int, bits: int, piece: int
) -> None:
    """Any ids and instants: as by a stable sort, however few bits the sort key has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module, "KEY_BITS", bits)
        patch.setattr(digits, "PIECE_ROWS", piece)
        check(build(rows, pa.int64(), chunks=chunks), rows)


@settings(max_examples=500, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2**14)), min_size=1, max_size=60),
    bits=st.integers(9, 22),
    fewest=st.integers(1, 4),
)
def test_what_did_not_fit_the_key_is_put_right(
    rows: list[tuple[int, int]], bits: int, fewest: int
) -> None:
    """Where a round of packing takes only a few bits of the instants, further rounds follow."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_module, "KEY_BITS", bits)
        patch.setattr(log_module, "_FEWEST_BITS", fewest)
        check(build(rows, pa.int64()), rows)


@settings(max_examples=500, deadline=None)
@given(
    rows=st.lists(st.tuples(st.text("ab张", max_size=2), close), max_size=30),
    ids=st.sampled_from(
        [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
    ),
    chunks=st.integers(1, 4),
)
def test_ids_may_be_text(rows: list[tuple[str, int]], ids: pa.DataType, chunks: int) -> None:
    """Text ids of every Arrow type, empty ones too, keep their type."""
    log = build(rows, ids, chunks=chunks)
    check(log, rows)
    assert log.customer_ids.type == (pa.large_string() if ids == pa.string_view() else ids)


@given(rows=st.lists(st.tuples(st.integers(0, 250), close), max_size=30))
def test_ids_may_be_narrow_or_unsigned(rows: list[tuple[int, int]]) -> None:
    """Integers of other widths keep their type; those above int64 are told apart."""
    for ids in (pa.uint8(), pa.int16(), pa.uint64()):
        check(build(rows, ids), rows)
    high = [(who + 2**64 - 251, at) for who, at in rows]
    check(build(high, pa.uint64()), high)


@settings(max_examples=500, deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-2, 2) | st.none()),
        max_size=30,
    ),
    is_sorted=st.booleans(),
)
def test_a_column_breaks_ties(rows: list[tuple[int, int, int | None]], *, is_sorted: bool) -> None:
    """Rows of one customer and instant follow the column, nulls last, then the table's order."""
    if is_sorted:
        rows.sort(key=lambda row: row[:2])
    plain, ties = [row[:2] for row in rows], [row[2] for row in rows]
    check(build(plain, pa.int64(), ties=ties), plain, ties)


@given(rows=st.lists(st.tuples(close, close), min_size=1, max_size=30))
def test_text_breaks_ties_by_code_point(rows: list[tuple[int, int]]) -> None:
    """A tie-break of text orders as the text does."""
    names = [str(7 * i % 11) for i, _ in enumerate(rows)]
    table = pa.table({"who": ["x"] * len(rows), "at": [at for at, _ in rows], "no": names})
    table = table.append_column("row", pa.array(range(len(rows))))
    log = CustomerLog.build(table, key="who", instant="at", columns=["row"], tie_break="no")

    expected = sorted(range(len(rows)), key=lambda row: (rows[row][0], names[row], row))
    assert log.columns["row"].tolist() == expected


def test_rows_that_are_in_order_are_not_copied() -> None:
    """A sorted table costs a look: the log shares its memory."""
    at, row = np.array([1, 5, 0, 0, 7]), np.arange(5)
    table = pa.table({"who": ["b", "b", "a", "a", "c"], "at": at, "row": row})
    log = CustomerLog.build(table, key="who", instant="at", columns=["row"])

    assert np.shares_memory(log.instants_us, at)
    assert np.shares_memory(log.columns["row"], row)
    assert log.customer_ids.to_pylist() == ["b", "a", "c"]
    assert log.offsets.tolist() == [0, 2, 4, 5]


def test_large_logs_equal_lexsort() -> None:
    """Two hundred thousand rows in random order, in bursts and in order of time, as by lexsort."""
    rng = np.random.default_rng(5)
    n = 200_000
    who = np.minimum(rng.integers(0, 20_000, n), rng.integers(0, 20_000, n))
    for at in (
        rng.integers(-(2**52), 2**52, n),
        (who % 7) * 2**45 + rng.integers(0, 2**20, n),
        np.sort(rng.integers(0, 2**50, n)),
        rng.integers(0, 400, n) * DAY,
    ):
        table = pa.table({"who": who, "at": at, "row": np.arange(n)})
        log = CustomerLog.build(table, key="who", instant="at", columns=["row"])
        order = np.lexsort((at, who))
        assert (log.columns["row"] == order).all()
        assert (log.instants_us == at[order]).all()
        assert (log.customer_ids.to_numpy()[np.searchsorted(log.offsets[1:], np.arange(n), "right")]
                == who[order]).all()  # fmt: skip


def test_columns_are_numbers_or_flags() -> None:
    """Floats with nulls become NaN, flags stay flags; text, or integers with nulls, are refused."""
    table = pa.table(
        {"who": [2, 1], "at": [1, 1], "paid": [None, 2.5], "is_vip": [True, False],
         "name": ["a", "b"], "units": [1, None]}
    )  # fmt: skip
    log = CustomerLog.build(table, key="who", instant="at", columns=["paid", "is_vip"])
    assert log.columns["is_vip"].tolist() == [False, True]
    assert np.isnan(log.columns["paid"][1])
    for column in ("name", "units"):
        with pytest.raises(AssertionError, match=r"neither numbers|have nulls"):
            CustomerLog.build(table, key="who", instant="at", columns=[column])


@pytest.mark.parametrize("column", ["who", "at"])
def test_missing_ids_and_instants_are_refused(column: str) -> None:
    """Rows without a customer or an instant must have been filtered out before."""
    table = pa.table({"who": pa.array([1, 2]), "at": pa.array([1, 2])})
    table = table.set_column(table.column_names.index(column), column, pa.array([1, None]))
    with pytest.raises(AssertionError, match="nulls"):
        CustomerLog.build(table, key="who", instant="at", columns=[])


def test_an_empty_log() -> None:
    """No rows: no customers, typed arrays, no pieces."""
    for ids in (pa.string(), pa.int64()):
        log = build([], ids, ties=[])
        assert (log.customers, log.rows, log.offsets.tolist()) == (0, 0, [0])
        assert log.customer_ids.type == ids
        assert len(log.starts) == 0
        assert list(log.pieces()) == []
        assert repr(log) == "CustomerLog(0 customers, 0 rows; columns: row)"


@given(sizes=st.lists(st.integers(1, 9), max_size=12), piece=st.integers(1, 12))
def test_pieces_are_whole_customers(sizes: list[int], piece: int) -> None:
    """The pieces cover every customer once, in order, none of them cut."""
    rows = [(who, at) for who, size in enumerate(sizes) for at in range(size)]
    log = build(rows, pa.int64())
    pieces = list(log.pieces(piece))

    assert [i for who, _ in pieces for i in range(who.start, who.stop)] == list(range(len(sizes)))
    for who, part in pieces:
        assert (part.start, part.stop) == (log.offsets[who.start], log.offsets[who.stop])
        assert part.stop - part.start < piece + max(sizes)
