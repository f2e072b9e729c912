from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.core import frames
from userops.errors import ColumnTypeError, InvalidArgumentError, MoneyOverflowError
from userops.segmentation import Memberships, brings, overlap
from userops.testing import Engines, to_engine

# a = {1, 2, 3, 4}, b = {3, 4, 5}, c = {9}, of ten customers.
ROWS = [(1, "a"), (2, "a"), (3, "a"), (4, "a"), (3, "b"), (4, "b"), (5, "b"), (9, "c")]
groups = st.lists(st.sets(st.integers(0, 70)), min_size=1, max_size=5)


def _table(rows: list[tuple[int, str]]) -> pa.Table:
    return pa.table(
        {
            "customer_id": pa.array([c for c, _ in rows], pa.int64()),
            "tag": pa.array([t for _, t in rows], pa.string()),
        }
    )


def _dicts(native: Any) -> list[dict[str, Any]]:
    return frames.to_rows(frames.read(native).frame)


def _of(rows: list[tuple[int, str]], customers: Any = None) -> Memberships:
    return Memberships.from_long(_table(rows), customers=customers)


def _of_sets(sets: list[set[int]], customers: Any = None) -> Memberships:
    flags = {f"s{k}": [i in members for i in range(71)] for k, members in enumerate(sets)}
    return Memberships.from_wide(
        pa.table({"customer_id": list(range(71)), **flags}), customers=customers
    )


def test_known_answers() -> None:
    """Counts and measures of a case worked out by hand."""
    found = overlap(_of(ROWS, 10))
    assert found.names == ("a", "b", "c")
    assert found.both.tolist() == [[4, 2, 0], [2, 3, 0], [0, 0, 1]]
    assert found.sizes.tolist() == [4, 3, 1]
    assert found.jaccard[0].tolist() == [1.0, 2 / 5, 0.0]
    assert found.lift[0].tolist() == [10 / 4, 2 * 10 / 12, 0.0]
    assert found.share[0].tolist() == [1.0, 1 / 2, 0.0]
    assert found.share[1].tolist() == [2 / 3, 1.0, 0.0]


@given(groups, st.integers(71, 200))
def test_matrices_are_those_of_pythons_sets(sets: list[set[int]], customers: int) -> None:
    """Counts are exact and measures the nearest floats of their fractions; empty sets have none."""
    found = overlap(_of_sets(sets, customers))
    for i, a in enumerate(sets):
        for j, b in enumerate(sets):
            both = len(a & b)
            assert found.both[i, j] == both
            for matrix, above, below in (
                (found.jaccard, both, len(a | b)),
                (found.share, both, len(a)),
                (found.lift, both * customers, len(a) * len(b)),
            ):
                expected = float(Fraction(above, below)) if below else np.nan
                np.testing.assert_equal(matrix[i, j], expected)


def test_pairs_on_every_engine(fast_engines: Engines) -> None:
    """Pairs come in the type of the table, the highest overlap first."""
    for engine in fast_engines.names:
        native = to_engine(_table(ROWS), engine)
        found = overlap(Memberships.from_long(native, customers=10))
        assert frames.backend_of(found.pairs()) == frames.backend_of(native)
        rows = _dicts(found.pairs())
        assert [(r["a"], r["b"], r["both"]) for r in rows] == [
            ("a", "b", 2),
            ("a", "c", 0),
            ("b", "c", 0),
        ]
        assert rows[0]["jaccard"] == 0.4
        assert rows[0]["lift"] == pytest.approx(5 / 3)
        assert (rows[0]["share_of_a"], rows[0]["share_of_b"]) == (0.5, pytest.approx(2 / 3))
        assert len(_dicts(found.pairs(most=2))) == 2
        assert len(_dicts(found.pairs(min_both=1))) == 1


def test_empty_sets_have_null_measures() -> None:
    """Pairs of an empty set come last and have null for what cannot be told."""
    sets = _of_sets([{1}, set(), {1, 2}, set()])
    rows = overlap(sets).pairs().to_pylist()
    assert (rows[0]["a"], rows[0]["b"]) == ("s0", "s2")
    last = rows[-1]
    assert (last["a"], last["b"], last["both"], last["jaccard"]) == ("s1", "s3", 0, None)
    assert last["lift"] is None
    assert last["share_of_a"] is None


def test_it_prints() -> None:
    """Printing shows the pairs that share most, and says where none do."""
    assert repr(overlap(_of(ROWS, 10))) == (
        "Overlap of 3 sets of 10 customers\n  a · b: 2 customers, jaccard 0.400, lift 1.67"
    )
    assert "no two of them share a customer" in repr(overlap(_of([(1, "a"), (2, "b")])))
    assert "&lt;x&gt;" in overlap(_of([(1, "<x>"), (1, "y")]))._repr_html_()


def test_the_heat_grid() -> None:
    """The grid draws one measure of the largest sets, in their order, without the diagonal."""
    plt = pytest.importorskip("matplotlib.pyplot")
    found = overlap(_of(ROWS, 10))
    ax = found.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == ["a", "b", "c"]
    assert [t.get_text() for t in ax.texts] == ["–", "40%", "0%", "40%", "–", "0%", "0%", "0%", "–"]
    assert [t.get_text() for t in found.plot(measure="both", most=2).texts] == ["–", "2", "2", "–"]
    assert [t.get_text() for t in found.plot("b", "a", measure="share").texts][1:3] == [
        "67%",
        "50%",
    ]
    assert [t.get_text() for t in found.plot("a", "b", measure="lift").texts][1] == "1.67"
    with pytest.raises(InvalidArgumentError, match=r"measure: 'jacard' is not known.*'jaccard'"):
        found.plot(measure="jacard")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="names: 'x' is not known"):
        found.plot("x")
    with pytest.raises(InvalidArgumentError, match="locale: 'fr' is not known"):
        found.plot(locale="fr")  # type: ignore[arg-type]
    plt.close("all")


def test_what_sets_bring_on_every_engine(fast_engines: Engines) -> None:
    """Customers, spend, shares, and what only this set brings, in the type of the values."""
    values = pa.table(
        {
            # Customer 3 has two rows, 4 has no amount, 7 is in no set, one row has no customer.
            "customer_id": ["1", "3", "3", "4", "5", "7", None],
            "monetary": [100, 50, 25, None, 10, 15, 1000],
        }
    )
    rows = [(str(customer), tag) for customer, tag in ROWS]
    table = pa.table({"customer_id": [c for c, _ in rows], "tag": [t for _, t in rows]})
    base = pa.table({"customer_id": [str(k) for k in range(1, 11)]})
    for engine in fast_engines.names:
        sets = Memberships.from_long(table, customers=base)
        native = to_engine(values, engine) if engine != "pandas-numpy" else None
        if native is None:
            native = pd.DataFrame(
                {"customer_id": values["customer_id"].to_pylist(),
                 "monetary": pd.array(values["monetary"].to_pylist(), "Int64")}
            )  # fmt: skip
        found = {row["set"]: row for row in _dicts(brings(sets, native))}
        assert list(found) == ["a", "b", "c"]
        assert found["a"] == {
            "set": "a", "customers": 4, "customer_share": 0.4, "spend": 175,
            "spend_share": 175 / 200, "only_customers": 2, "only_spend": 100,
        }  # fmt: skip
        assert found["b"]["spend"] == 85
        assert (found["b"]["only_customers"], found["b"]["only_spend"]) == (1, 10)
        assert (found["c"]["spend"], found["c"]["only_customers"]) == (0, 1)


@given(groups, st.lists(st.integers(-(2**52), 2**52), min_size=71, max_size=71))
def test_spend_is_exact(sets: list[set[int]], amounts: list[int]) -> None:
    """Sums of whole numbers are those of Python's integers, far beyond what floats hold."""
    values = pa.table({"customer_id": list(range(70, -1, -1)), "monetary": amounts[::-1]})
    rows = brings(_of_sets(sets), values).to_pylist()
    for k, members in enumerate(sets):
        others = set().union(*(other for j, other in enumerate(sets) if j != k))
        assert rows[k]["customers"] == len(members)
        assert rows[k]["spend"] == sum(amounts[i] for i in members)
        assert rows[k]["only_customers"] == len(members - others)
        assert rows[k]["only_spend"] == sum(amounts[i] for i in members - others)


def test_floats_and_decimals_are_summed_exactly() -> None:
    """A sum of floats does not depend on their order, and decimals are exact."""
    sets = _of([(k, "a") for k in range(4)])
    ids = list(range(4))
    floats = pa.table({"customer_id": ids, "monetary": [1e16, 0.1, -1e16, 0.2]})
    assert brings(sets, floats).to_pylist()[0]["spend"] == 0.1 + 0.2
    tenths = [Decimal("0.10"), Decimal("0.20"), None, Decimal("90071992547409.93")]
    decimals = pa.table({"customer_id": ids, "monetary": pa.array(tenths, pa.decimal128(20, 2))})
    assert brings(sets, decimals).to_pylist()[0]["spend"] == 90071992547410.23


def test_shares_of_a_population_given_as_a_number() -> None:
    """Where the base is a number, shares of spend relate to all values; without spend, to none."""
    sets = _of([(1, "a")], 10)
    values = pa.table({"customer_id": [1, 2], "spent": [30, 90]})
    [row] = brings(sets, values, amount="spent").to_pylist()
    assert (row["customer_share"], row["spend_share"]) == (0.1, 0.25)
    [row] = brings(_of([(1, "a")]), values, amount="spent").to_pylist()
    assert (row["customer_share"], row["spend_share"]) == (1.0, 1.0)
    nothing = pa.table({"customer_id": [1], "spent": [0]})
    assert brings(sets, nothing, amount="spent").to_pylist()[0]["spend_share"] is None


def test_amounts_that_cannot_be_summed() -> None:
    """Infinite amounts, text, sums beyond 64 bits, and ids of another type are refused."""
    sets = _of([(1, "a"), (2, "a")])
    with pytest.raises(ColumnTypeError, match="infinite"):
        brings(sets, pa.table({"customer_id": [1], "monetary": [float("inf")]}))
    with pytest.raises(MoneyOverflowError, match="leaves 64-bit"):
        brings(sets, pa.table({"customer_id": [1, 2], "monetary": [2**62, 2**62]}))
    with pytest.raises(InvalidArgumentError, match="another type on each side"):
        brings(sets, pa.table({"customer_id": ["1"], "monetary": [1]}))
