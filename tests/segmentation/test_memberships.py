from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.errors import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError
from userops.segmentation import Memberships, overlap
from userops.testing import Engines, to_engine

# Customer 2 twice in the same set; 4 in none; one row without a customer, one without a name.
LONG: dict[str, list[Any]] = {
    "customer_id": ["1", "2", "2", "2", "3", None, "4"],
    "tag": ["vip", "vip", "vip", "new", "new", "new", None],
}
NAMES = ["a", "b", "c", "d"]
Assigned = list[tuple[int, str]]
assigned = st.lists(st.tuples(st.integers(-3, 80), st.sampled_from(NAMES)), max_size=40)


def _of(rows: Assigned, **options: Any) -> Memberships:
    table = {
        "customer_id": pa.array([c for c, _ in rows], pa.int64()),
        "tag": pa.array([t for _, t in rows], pa.string()),
    }
    return Memberships.from_long(pa.table(table), **options)


def _sets(rows: Assigned) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for customer, tag in rows:
        found.setdefault(tag, set()).add(customer)
    return found


def test_a_long_table_on_every_engine(engines: Engines) -> None:
    """Every engine gives the same sets; repeated rows count once, null is in no set."""
    for engine in engines.names:
        sets = Memberships.from_long(to_engine(pa.table(LONG), engine))
        assert sets.names == ("new", "vip")
        assert sets.sizes() == {"new": 2, "vip": 2}
        assert sets.members("vip") == ["1", "2"]
        assert sets.members("new") == ["2", "3"]
        assert sets.customers == 4, "a customer without a tag belongs to the base"


@given(assigned)
def test_members_are_those_of_pythons_sets(rows: Assigned) -> None:
    """Sizes, members, unions, intersections and differences are those of Python's sets."""
    sets, expected = _of(rows), _sets(rows)
    assert sets.names == tuple(sorted(expected))
    assert sets.sizes() == {name: len(members) for name, members in expected.items()}
    for name, members in expected.items():
        assert sets.members(name) == sorted(members)
    for a in expected:
        for b in expected:
            assert sets.union(a, b).members() == sorted(expected[a] | expected[b])
            assert sets.intersection(a, b).members() == sorted(expected[a] & expected[b])
            assert sets.difference(a, b).members() == sorted(expected[a] - expected[b])
    if expected:
        assert sets.union(*expected).members() == sorted(set().union(*expected.values()))


@given(assigned, st.integers(0, 5))
def test_combinations_are_exact(rows: Assigned, more: int) -> None:
    """Each customer counts in one combination: the sets that he is in."""
    known = {customer for customer, _ in rows}
    sets = _of(rows, customers=len(known) + more)
    expected = Counter(
        tuple(sorted(tag for tag, members in _sets(rows).items() if customer in members))
        for customer in known
    )
    if more:
        expected[()] = more
    assert dict(sets.combinations()) == dict(expected)
    assert sum(count for _, count in sets.combinations()) == sets.customers
    assert sets.combinations(most=2) == sets.combinations()[:2]


def test_a_wide_table(fast_engines: Engines) -> None:
    """Boolean columns become sets in their order; null is no member, a repeated customer may be."""
    table = pa.table(
        {
            "id": ["1", "2", "3", "3", None],
            "city": ["x", "x", "y", "y", "y"],
            "vip": [True, False, None, True, True],
            "new": [False, True, True, False, True],
        }
    )
    for engine in fast_engines.names:
        sets = Memberships.from_wide(to_engine(table, engine), customer_id="id")
        assert sets.names == ("vip", "new")
        assert (sets.members("vip"), sets.members("new")) == (["1", "3"], ["2", "3"])
        chosen = Memberships.from_wide(
            to_engine(table, engine), customer_id="id", names=["new"], customers=9
        )
        assert (chosen.names, chosen.customers) == (("new",), 9)


def test_tags_with_values() -> None:
    """A tag of several values is one set a value; a tag of one value, or none, is one set."""
    table = pa.table(
        {
            "customer_id": [1, 2, 3, 4, 1, 2, 3, None, 5],
            "tag": ["tier"] * 4 + ["flag", "flag", "bare", "tier", None],
            "value": ["gold", "silver", "gold", None, "yes", None, None, "gold", "gold"],
        }
    )
    sets = Memberships.from_long(table, value="value")
    assert sets.names == ("bare", "flag", "tier=gold", "tier=silver")
    assert {name: sets.members(name) for name in sets.names} == {
        "bare": [3],
        "flag": [1],
        "tier=gold": [1, 3],
        "tier=silver": [2],
    }
    assert sets.customers == 5
    numbers = pa.table({"customer_id": [1, 2], "tag": ["level"] * 2, "value": [1, 2]})
    assert Memberships.from_long(numbers, value="value").names == ("level=1", "level=2")


def test_two_tags_of_one_name_are_refused() -> None:
    """A tag whose name reads like another's value is refused rather than merged."""
    table = pa.table({"customer_id": [1, 2, 3], "tag": ["a", "a", "a=x"], "value": ["x", "y", "z"]})
    with pytest.raises(InvalidArgumentError, match=r"value: two different tags.*'a=x'"):
        Memberships.from_long(table, value="value")


def test_the_base_population() -> None:
    """The base is the table's customers, a number, or a frame, whose outsiders count nowhere."""
    rows: Assigned = [(1, "a"), (2, "a"), (2, "b"), (9, "b")]
    assert _of(rows).customers == 3
    assert _of(rows, customers=100).customers == 100
    listed = _of(rows, customers=pd.DataFrame({"customer_id": [1, 2, 3, 3]}))
    assert (listed.customers, listed.outside) == (3, 1)
    assert listed.sizes() == {"a": 2, "b": 1}
    assert listed.members("b") == [2]
    assert "1 customers outside the population are left out" in repr(listed)
    wide = pa.table({"customer_id": [9, 2, None], "vip": [True, True, True]})
    inside = Memberships.from_wide(wide, customers=pa.table({"customer_id": [1, 2]}))
    assert (inside.members("vip"), inside.outside) == ([2], 1)


@pytest.mark.parametrize(
    ("customers", "message"),
    [
        (2, "customers: is smaller than the customers of the table. Got: 2. Allowed: >= 3"),
        (3.0, "customers: is no number of customers"),
        (True, "customers: is no number of customers"),
    ],
)
def test_an_impossible_population(customers: Any, message: str) -> None:
    """A population below the customers of the table, or no count at all, is refused."""
    with pytest.raises(InvalidArgumentError, match=message):
        _of([(1, "a"), (2, "a"), (3, "b")], customers=customers)


def test_new_sets_have_names() -> None:
    """A combination of sets is one set over the same customers, named by its origin or as told."""
    sets = _of([(1, "a"), (2, "a"), (2, "b")], customers=10)
    assert sets.union("a", "b").names == ("a ∪ b",)
    assert sets.difference("a", "b").names == ("a − b",)
    new = sets.intersection("a", "b", called="both")
    assert (new.names, new.customers, new.members("both")) == (("both",), 10, [2])
    assert sets.select("b", "a").sizes() == {"b": 1, "a": 2}


def test_misuse() -> None:
    """Unknown sets, missing columns and columns of other types are refused."""
    sets = _of([(1, "vip"), (2, "new")])
    with pytest.raises(InvalidArgumentError, match=r"name: 'vipp' is not known.*'vip'"):
        sets.members("vipp")
    with pytest.raises(InvalidArgumentError, match="name: is needed"):
        sets.members()
    with pytest.raises(InvalidArgumentError, match="names: a union needs at least one set"):
        sets.union()
    with pytest.raises(ColumnNotFoundError, match="'customer_id' does not exist"):
        Memberships.from_long(pa.table({"id": [1], "tag": ["a"]}))
    with pytest.raises(ColumnTypeError, match="cannot be read as ids"):
        Memberships.from_long(pa.table({"customer_id": [1.0], "tag": ["a"]}))
    with pytest.raises(ColumnTypeError, match="'n' is not boolean"):
        Memberships.from_wide(pa.table({"customer_id": [1], "n": [1]}), names=["n"])


def test_no_rows() -> None:
    """A table without rows has no sets and no customers, and says so."""
    sets = _of([])
    assert (len(sets), sets.customers, sets.sizes(), sets.combinations()) == (0, 0, {}, [])
    assert repr(sets) == "0 sets of 0 customers; 0 customers are in at least one"


def test_it_prints() -> None:
    """Printing shows the base and the largest sets, and HTML escapes their names."""
    sets = _of([(k, f"<{n}>") for n in range(15) for k in range(n + 1)], customers=20)
    lines = repr(sets).splitlines()
    assert lines[0] == "15 sets of 20 customers; 15 customers (75.0%) are in at least one"
    assert lines[1] == "  <14>  15 customers, 75.0%"
    assert lines[-1] == "  … and 3 more"
    assert "&lt;14&gt;" in sets._repr_html_()
    assert "<14>" not in sets._repr_html_()


def test_many_customers() -> None:
    """Sets beyond a word of bits are exact, and the flags are in the order of the ids."""
    rng = np.random.default_rng(1)
    flags = rng.random((3, 10_000)) < 0.3
    sets, ids = np.nonzero(flags)
    table = pa.table({"customer_id": ids * 7, "tag": [f"s{k}" for k in sets]})
    found = Memberships.from_long(table, customers=pa.table({"customer_id": np.arange(10_000) * 7}))
    assert all((found.flags(f"s{k}") == flags[k]).all() for k in range(3))


def test_the_upset_chart() -> None:
    """The chart draws the exact combinations, leaves out nobody's, and says what it shows."""
    plt = pytest.importorskip("matplotlib.pyplot")
    sets = _of([(1, "a"), (2, "a"), (3, "a"), (3, "b"), (4, "b")], customers=10)
    ax = sets.plot_upset()
    assert [t.get_text() for t in ax.texts] == ["3", "2", "2", "1", "1"]
    assert ax.get_xlabel() == "All combinations"
    assert sets.plot_upset(min_size=2).get_xlabel() == "Shown: 50.0% of those in a set"
    assert [t.get_text() for t in sets.plot_upset("b").texts] == ["2", "2"]
    assert [t.get_text() for t in _of([]).plot_upset().texts] == ["No data"]
    with pytest.raises(InvalidArgumentError, match="locale: 'fr' is not known"):
        sets.plot_upset(locale="fr")  # type: ignore[arg-type]
    plt.close("all")


def test_ids_beyond_64_bits_are_refused_with_the_remedy() -> None:
    """Unsigned ids up to 2**63 - 1 are read; larger ones are refused, and text is the remedy."""
    tags = ["a", "b"]
    fits = pa.table({"customer_id": pa.array([0, 2**63 - 1], pa.uint64()), "tag": tags})
    assert Memberships.from_long(fits).members("b") == [2**63 - 1]
    for ids in (pa.array([0, 2**63], pa.uint64()), pa.array([0, 2**63], pa.decimal128(38, 0))):
        with pytest.raises(ColumnTypeError, match=r"'customer_id'.*cast the ids to text"):
            Memberships.from_long(pa.table({"customer_id": ids, "tag": tags}))


def test_the_nearest_name_is_looked_for_among_all_sets() -> None:
    """Of many sets the nearest is offered whatever its place, and not all of them are listed."""
    sets = _of([(n, f"set {n:03}") for n in range(60)] + [(1, "zebra")])
    for asked in (lambda: sets.members("zebar"), lambda: overlap(sets).plot("zebar")):
        with pytest.raises(InvalidArgumentError, match="did you mean 'zebra'") as caught:
            asked()
        assert str(caught.value.allowed).endswith("… 37 more")
