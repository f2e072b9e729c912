"""Work shared among cores: nothing is left out, and nothing is done twice."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from userops.core import cores
from userops.core.cores import shares, sort_in_place

numbers = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=40)


@given(numbers, st.integers(1, 6))
def test_numbers_are_sorted_whatever_they_are(values: list[int], count: int) -> None:
    """Ties at a median, fewer numbers than cores, and none at all."""
    found = np.array(values, dtype=np.uint64)
    with mock.patch.multiple(cores, core_count=lambda: count, _FEWEST_ROWS=1):
        sort_in_place(found)
    assert found.tolist() == sorted(values)


@given(st.integers(0, 50), st.integers(1, 6), st.integers(1, 60))
def test_each_row_is_in_one_share(rows: int, count: int, fewest: int) -> None:
    """Shares follow each other; few rows are one share."""
    with mock.patch.multiple(cores, core_count=lambda: count, _FEWEST_ROWS=fewest):
        found = shares(rows)
    assert [row for share in found for row in range(share.start, share.stop)] == [*range(rows)]
    assert len(found) <= (count if rows >= fewest else 1)
    assert all(share.start < share.stop for share in found)
