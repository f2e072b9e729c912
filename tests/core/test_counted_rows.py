"""Distinct rows by sorting numbers: those that a dictionary finds."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core.counted_rows import counted_rows

small, wide = st.integers(-3, 3), st.sampled_from([-(2**63), -1, 0, 2**40, 2**63 - 1])
rows_of_three = st.lists(st.tuples(small, small | wide, small), min_size=1, max_size=40)


@settings(deadline=None)
@given(rows_of_three)
def test_rows_are_counted_in_order_and_each_finds_its_own(rows: list[tuple[int, int, int]]) -> None:
    """Rows ascend, counts are those of a dictionary, and places lead back to every row."""
    columns = [np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)]
    expected = Counter(rows)
    for with_places in (False, True):
        found = counted_rows(columns, with_places=with_places)
        mine = list(zip(*(column.tolist() for column in found.columns), strict=True))
        assert mine == sorted(expected)
        assert found.counts.tolist() == [expected[row] for row in mine]
        if with_places:
            assert found.places is not None
            assert [mine[place] for place in found.places] == rows
        else:
            assert found.places is None


def test_one_value_alone_is_one_row() -> None:
    """Columns that need no bits at all, and more rows than a piece holds."""
    same = np.full(100_000, 7)
    for with_places in (False, True):
        found = counted_rows([same, same], with_places=with_places)
        assert [column.tolist() for column in found.columns] == [[7], [7]]
        assert found.counts.tolist() == [100_000]
    assert found.places is not None
    assert not found.places.any()
