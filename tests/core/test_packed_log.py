"""A log whose rows are sorted as a whole, for folds that take no notice of the order in a tie."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core.log import CustomerLog

DAY_US = 86_400_000_000
ids = st.integers(-3, 40) | st.integers(2**62, 2**62 + 40)
instants = st.one_of(
    st.integers(-5, 5).map(lambda day: day * DAY_US),
    st.integers(-(10**6), 10**6),
    st.integers(-(2**62), 2**62),
)
tables = st.lists(st.tuples(ids, instants, st.integers(-1, 5)), max_size=60)


def _customers(log: CustomerLog) -> dict[int, list[tuple[int, int]]]:
    pairs = list(zip(log.instants_us.tolist(), log.columns["mask"].tolist(), strict=True))
    bounds = log.offsets.tolist()
    assert bounds[0] == 0
    assert bounds[-1] == log.rows
    return {
        who: pairs[bounds[i] : bounds[i + 1]] for i, who in enumerate(log.customer_ids.to_pylist())
    }


@settings(deadline=None)
@given(tables, st.sampled_from([pa.int8(), pa.int64(), pa.uint8()]))
def test_only_ties_may_be_in_another_order(
    rows: list[tuple[int, int, int]], kind: pa.DataType
) -> None:
    """Every customer has the same rows, in order of time, whichever way they were sorted."""
    low = 0 if kind == pa.uint8() else -1
    table = pa.table(
        {
            "who": pa.array([who for who, _, _ in rows], pa.int64()),
            "at": pa.array([at for _, at, _ in rows], pa.int64()),
            "mask": pa.array([max(mask, low) for _, _, mask in rows], kind),
        }
    )
    asked = {"key": "who", "instant": "at", "columns": ["mask"]}
    stable = CustomerLog.build(table, **asked)
    packed = CustomerLog.build(table, **asked, keeps_ties=False)
    assert packed.customer_ids.type == stable.customer_ids.type
    assert packed.columns["mask"].dtype == stable.columns["mask"].dtype
    assert packed.instants_us.dtype == np.int64
    found, expected = _customers(packed), _customers(stable)
    assert found.keys() == expected.keys()
    for who, mine in found.items():
        assert [at for at, _ in mine] == [at for at, _ in expected[who]]
        assert sorted(mine) == sorted(expected[who])


@pytest.mark.parametrize("who", [["b", "a", "b"], [2**62, -(2**62), 2**62]])
def test_what_cannot_be_packed_is_sorted_as_ever(who: list[object]) -> None:
    """Ids of text, and rows that no key has room for, come in the same order as ever."""
    table = pa.table({"who": who, "at": [2**62, 5, -(2**62)], "mask": [1, 2, 3]})
    log = CustomerLog.build(table, key="who", instant="at", columns=["mask"], keeps_ties=False)
    assert log.customer_ids.to_pylist() == who[:2]
    assert log.columns["mask"].tolist() == [3, 1, 2]
