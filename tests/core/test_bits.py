from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.core import bits

FLAGS = np.array([[True, False, True, True], [False, False, True, False]])


def _random(n_sets: int, customers: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.random((n_sets, customers)) < rng.random((n_sets, 1))


def test_a_bit_stands_for_a_customer() -> None:
    """Bit k of the first word says whether customer k is a member."""
    assert bits.pack_flags(FLAGS).tolist() == [[0b1101], [0b0100]]
    assert bits.unpack(bits.pack_flags(FLAGS)[0], 4).tolist() == FLAGS[0].tolist()


@pytest.mark.parametrize("customers", [0, 1, 63, 64, 65, 1000])
def test_flags_come_back(customers: int) -> None:
    """Packing and unpacking gives the same flags, for any number of customers."""
    flags = _random(3, customers)
    packed = bits.pack_flags(flags)
    assert packed.shape == (3, -(-customers // 64))
    assert [bits.unpack(row, customers).tolist() for row in packed] == flags.tolist()
    assert bits.counts(packed).tolist() == flags.sum(axis=1).tolist()


@given(
    st.lists(st.tuples(st.integers(0, 129), st.integers(0, 4)), max_size=60),
)
def test_assignments_are_packed_as_sets(rows: list[tuple[int, int]]) -> None:
    """Packed assignments hold what Python's sets hold; repeated ones count once."""
    members = np.array([member for member, _ in rows], dtype=np.int64)
    sets = np.array([name for _, name in rows], dtype=np.int64)
    packed = bits.pack_members(members, sets, n_sets=5, customers=130)
    for name in range(5):
        expected = {member for member, own in rows if own == name}
        assert set(np.flatnonzero(bits.unpack(packed[name], 130)).tolist()) == expected


@pytest.mark.parametrize(("n_sets", "customers"), [(1, 10), (5, 100), (70, 900), (130, 600_000)])
def test_pairs_are_counted_exactly(n_sets: int, customers: int) -> None:
    """Counts of pairs are those of a product of integer matrices, in blocks and threads too."""
    flags = _random(n_sets, customers)
    found = bits.pair_counts(bits.pack_flags(flags))
    some = list(range(0, n_sets, max(1, n_sets // 7)))
    expected = [[int((flags[i] & flags[j]).sum()) for j in some] for i in some]
    assert found[np.ix_(some, some)].tolist() == expected
    assert (found == found.T).all()
    assert np.diagonal(found).tolist() == flags.sum(axis=1).tolist()


def test_full_sets_do_not_overflow() -> None:
    """Two sets of every one of five million customers share all of them."""
    rows = np.full((2, 5_000_000 // 64), 2**64 - 1, dtype=np.uint64)
    assert bits.pair_counts(rows).tolist() == [[5_000_000] * 2] * 2


@given(st.integers(0, 100), st.integers(1, 140), st.integers(0, 2**32))
def test_patterns_are_those_of_each_customer(customers: int, n_sets: int, seed: int) -> None:
    """Combinations and their counts are those that a loop over customers finds."""
    rng = np.random.default_rng(seed)
    # A few kinds of customers, so that combinations repeat.
    kinds = rng.random((n_sets, 4)) < 0.1
    flags = kinds[:, rng.integers(0, 4, customers)]
    found = bits.patterns(bits.pack_flags(flags), customers)
    expected = Counter(tuple(np.flatnonzero(column).tolist()) for column in flags.T)
    assert dict(found) == dict(expected)
    assert len(found) == len(expected)
    assert [count for _, count in found] == sorted(expected.values(), reverse=True)
    assert bits.patterns(bits.pack_flags(flags), customers, most=2) == found[:2]


def test_customers_in_one_set_only() -> None:
    """A customer counts as alone where exactly one set holds him."""
    flags = np.array([[1, 1, 0, 0, 1], [0, 1, 1, 0, 1], [0, 0, 0, 0, 1]], dtype=np.bool_)
    alone = bits.in_one_only(bits.pack_flags(flags))
    assert bits.unpack(alone, 5).tolist() == [True, False, True, False, False]
