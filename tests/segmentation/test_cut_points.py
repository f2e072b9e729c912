"""Where a dimension is cut, and which score follows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar

import attrs
import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops import RFM, Orders
from userops.errors import EmptyHistoryError, InvalidDefinitionError
from userops.segmentation import (
    Cut,
    CutPoints,
    Dimension,
    Edges,
    FittedRFM,
    Linear,
    Mean,
    NTile,
    Quantiles,
)
from userops.testing import Engines, check_cut_points

AS_OF = "2024-03-01"


def february(days: Sequence[int]) -> pa.Array:
    """Return days of February 2024."""
    return pa.array([dt.date(2024, 2, day) for day in days], pa.date32())


def of_amounts(amounts: Sequence[Any], *, days: Sequence[int] | None = None) -> Orders:
    """Return orders of one customer an amount, in cents or as floats."""
    table = pa.table({
        "customer_id": [f"c{i:03d}" for i in range(len(amounts))],
        "ordered_at": february(days or [1] * len(amounts)),
        "amount": pa.array([Decimal(str(a)) for a in amounts], pa.decimal128(18, 2)),
    })  # fmt: skip
    return Orders(table)


def of_counts(counts: Sequence[int]) -> Orders:
    """Return orders of one customer a count, who bought that often."""
    ids = [f"c{i:03d}" for i, count in enumerate(counts) for _ in range(count)]
    n = len(ids)
    return Orders(
        pa.table({"customer_id": ids, "ordered_at": february([1] * n), "amount": [1] * n})
    )


def scores(orders: Orders, dimension: str, cut: Any) -> list[int]:
    """Return the scores of a dimension in the order of customer ids."""
    names = {"r": "recency", "f": "frequency", "m": "monetary"}
    fitted = RFM(**{names[dimension]: cut}, segments=None).fit(orders, as_of=AS_OF)
    return fitted.score().sort_by("customer_id")[dimension].to_pylist()


def test_a_value_equal_to_an_edge_belongs_below() -> None:
    """Edges are in the user's unit, and a value on an edge scores as those below it."""
    orders = of_amounts([9.99, 10, 10.01, 99.99, 100, 100.01])

    assert scores(orders, "m", Edges([10, 100])) == [1, 1, 2, 2, 2, 3]
    assert scores(orders, "m", [10, 100]) == [1, 1, 2, 2, 2, 3]
    assert scores(of_counts([1, 2, 3, 4]), "f", Edges([1, 3])) == [1, 2, 2, 3]


def test_edges_finer_than_the_money_are_exact() -> None:
    """An edge between two cents separates them, whichever way it is written."""
    orders = of_amounts([0.29, 0.30])
    for edge in (0.295, Decimal("0.295"), Fraction(59, 200), "0.295"):
        assert scores(orders, "m", Edges([edge])) == [1, 2]
    # 0.1 + 0.2 is more than 0.3 in binary; 0.3 as written is 30 cents, and 30 cents are not above.
    assert scores(orders, "m", Edges([0.3])) == [1, 1]


def test_negative_values_and_edges_are_scored() -> None:
    """Net totals below zero fall below an edge of zero; one of zero does too."""
    table = pa.table({
        "customer_id": ["a", "a", "b", "b", "c"],
        "ordered_at": february([1] * 5),
        "amount": [5.0, -7.5, 5.0, -5.0, 0.01],
    })  # fmt: skip
    assert scores(Orders(table), "m", Edges([-2.5, 0])) == [1, 2, 3]


def test_recency_is_reversed() -> None:
    """The customer who bought last has the highest recency score, by every kind of cut."""
    orders = of_amounts([1] * 5, days=[1, 8, 15, 22, 29])
    for cut in (Linear(5), NTile(5), Quantiles([0.2, 0.4, 0.6, 0.8]), Edges([3, 10, 17, 24])):
        assert scores(orders, "r", cut) == [1, 2, 3, 4, 5]
    assert scores(orders, "r", Mean()) == [1, 1, 2, 2, 2]
    # 0 days is the last observed day; a value on an edge belongs to the more recent bin.
    assert scores(orders, "r", Edges([0, 7])) == [1, 1, 1, 2, 3]


def test_mean_cuts_at_the_exact_mean() -> None:
    """A value equal to the mean is low, even where floats would round the mean away."""
    assert scores(of_amounts([0.1, 0.2, 0.3]), "m", Mean()) == [1, 1, 2]
    assert scores(of_counts([1, 2, 3, 6]), "f", Mean()) == [1, 1, 1, 2]


def test_quantiles_cut_where_asked() -> None:
    """Chosen probabilities make one bin more than there are of them."""
    orders = of_amounts(range(1, 101))
    found = scores(orders, "m", Quantiles([0.5, 0.8, 0.95]))
    values = np.arange(1, 101)
    cuts = np.quantile(values, [0.5, 0.8, 0.95], method="linear")

    assert found == (1 + np.searchsorted(cuts, values)).tolist()
    assert [found.count(score) for score in (1, 2, 3, 4)] == [50, 30, 15, 5]


def test_each_dimension_has_bins_of_its_own() -> None:
    """Three, seven and twelve bins stand side by side, and scores above nine are set apart."""
    table = pa.table({
        "customer_id": [f"c{i:02d}" for i in range(24) for _ in range(1 + i)],
        "ordered_at": february([1 + i for i in range(24) for _ in range(1 + i)]),
        "amount": [10 + i for i in range(24) for _ in range(1 + i)],
    })  # fmt: skip
    model = RFM(recency=3, frequency=NTile(7), monetary=Linear(12), segments=None)
    rows = model.fit(Orders(table), as_of=AS_OF).score().sort_by("customer_id").to_pylist()

    assert {row["r"] for row in rows} == {1, 2, 3}
    assert {row["f"] for row in rows} == set(range(1, 8))
    assert {row["m"] for row in rows} == set(range(1, 13))
    assert [row["rfm"] for row in rows] == [f"{r['r']}-{r['f']}-{r['m']}" for r in rows]
    assert rows[0]["rfm"] == "1-1-1"
    assert rows[-1]["rfm"] == "3-7-12"


def test_ties_share_a_linear_bin_and_part_in_ntile() -> None:
    """Equal values have one linear score; NTILE keeps its bins equal and parts them by id."""
    orders = of_counts([1] * 7 + [2, 3, 4])

    assert scores(orders, "f", Linear(5)) == [1, 1, 1, 1, 1, 1, 1, 4, 5, 5]
    assert scores(orders, "f", NTile(5)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("size", [1, 2, 4, 5, 6, 13])
def test_ntile_is_sql_ntile(size: int) -> None:
    """Sizes that do not divide, down to fewer customers than bins, are cut as SQL cuts them."""
    amounts = [(i * 7) % 5 for i in range(size)]
    table = pa.table({"id": [f"c{i:03d}" for i in range(size)], "v": amounts})
    tile = "SELECT ntile(5) OVER (ORDER BY v, id) FROM table_of_values ORDER BY id"
    connection = duckdb.connect()
    connection.register("table_of_values", table)

    expected = [row[0] for row in connection.execute(tile).fetchall()]
    assert scores(of_amounts(amounts), "m", NTile(5)) == expected


@pytest.mark.parametrize("cut", [Linear(5), NTile(5), Quantiles([0.5]), Mean(), Edges([5])])
def test_one_customer_is_scored(cut: CutPoints) -> None:
    """A population of one is cut without an error; nobody is above him."""
    assert scores(of_amounts([5]), "m", cut) == [1]
    assert scores(of_amounts([5]), "r", cut) == [
        1 if isinstance(cut, Edges) else cut.bins
    ]  # 29 days are above an edge of 5


def test_equal_amounts_share_the_lowest_linear_bin() -> None:
    """Where all spend the same, linear bins hold all in one, and NTILE still fills each."""
    orders = of_amounts([10] * 10)

    assert scores(orders, "m", Linear(5)) == [1] * 10
    assert scores(orders, "m", Mean()) == [1] * 10
    assert scores(orders, "m", NTile(5)) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert scores(orders, "r", Linear(5)) == [5] * 10


@given(
    amounts=st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=60),
    bins=st.integers(1, 12),
)
@settings(max_examples=30, deadline=None)
def test_linear_cut_points_are_numpys(amounts: list[int], bins: int) -> None:
    """Linear cut-points are numpy's linear quantiles, to numpy's own rounding."""
    table = pa.table({
        "customer_id": [f"c{i:03d}" for i in range(len(amounts)) for _ in range(2)],
        "ordered_at": february([1] * (2 * len(amounts))),
        # A purchase and a return, so that totals may fall below zero.
        "amount": [x for cents in amounts for x in (10_000.0, round(-10_000 + cents / 100, 2))],
    })  # fmt: skip
    fitted = RFM(monetary=Linear(bins), segments=None).fit(Orders(table), as_of=AS_OF)

    found = [float(cut.value) for cut in fitted.grid.cuts["m"].cuts]
    expected = np.quantile(amounts, [k / bins for k in range(1, bins)], method="linear")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-6)


@given(
    probabilities=st.lists(
        st.integers(1, 999).map(lambda thousandths: thousandths / 1000),
        min_size=1, max_size=6, unique=True,
    ).map(sorted),
    amounts=st.lists(st.integers(0, 50), min_size=1, max_size=40),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_chosen_quantiles_are_numpys(probabilities: list[float], amounts: list[int]) -> None:
    """Quantiles at any probabilities are numpy's linear quantiles."""
    model = RFM(monetary=Quantiles(probabilities), segments=None)
    fitted = model.fit(of_amounts(amounts), as_of=AS_OF)

    found = [float(cut.value) / 100 for cut in fitted.grid.cuts["m"].cuts]
    expected = np.quantile(amounts, probabilities, method="linear")
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda: Linear(0), "1 to 100"),
        (lambda: Linear(101), "1 to 100"),
        (lambda: NTile(True), "1 to 100"),
        (lambda: Linear(2.5), "1 to 100"),  # type: ignore[arg-type]
        (lambda: Edges([]), "at least one"),
        (lambda: Edges([2, 1]), "rise"),
        (lambda: Edges([1, 1]), "rise"),
        (lambda: Edges([float("nan")]), "must be numbers"),
        (lambda: Edges([float("inf")]), "must be numbers"),
        (lambda: Edges(["x"]), "must be numbers"),
        (lambda: Quantiles([0.5, 0.2]), "must rise"),
        (lambda: Quantiles([0.0]), "between 0 and 1"),
        (lambda: Quantiles([1.0]), "between 0 and 1"),
        (lambda: Quantiles(["x"]), "must be numbers"),
        (lambda: RFM(recency="5"), "must be numbers"),  # type: ignore[arg-type]
        (lambda: RFM(recency=None), "cannot be read"),  # type: ignore[arg-type]
        (lambda: RFM(recency=5.0), "cannot be read"),  # type: ignore[arg-type]
    ],
)
def test_cut_points_that_cannot_be_are_refused(written: Any, said: str) -> None:
    """A definition that cannot cut is refused when it is written, and says what is allowed."""
    with pytest.raises(InvalidDefinitionError, match=said):
        written()


def test_edges_may_come_from_numpy() -> None:
    """Numbers of numpy are read as the numbers that they are."""
    assert Edges(list(np.array([30.0, 90.5]))) == Edges([30, Fraction(181, 2)])
    assert Edges(list(np.array([30, 90]))) == Edges([30, 90])
    assert Quantiles(np.array([0.5, 0.9])) == Quantiles([0.5, 0.9])


def test_an_edge_beyond_any_amount_is_no_error(fast_engines: Engines) -> None:
    """An edge that no exact amount can reach puts everybody below it, on every engine."""
    orders = pa.table(
        {"customer_id": ["a", "b"], "ordered_at": february([1, 1]), "amount": [1.5, 2.5]}
    )
    model = RFM(monetary=Edges([-1e30, 1e30]), segments=None)

    rows = fast_engines.check(lambda native: model.fit(Orders(native), as_of=AS_OF).score(), orders)
    assert [row[6] for row in rows] == [2, 2]


@attrs.frozen
class TopShare(CutPoints):
    """Two bins: the customers who spend the most, a share of them, and the rest."""

    code_version: ClassVar[str | None] = "1"
    share: float = 0.1

    @property
    def bins(self) -> int:
        """Two."""
        return 2

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the value just below the share."""
        rank = dimension.rows - 1 - int(dimension.rows * self.share)
        (value,) = dimension.values_at([rank])
        return [Cut(Fraction(value))]


def test_ones_own_cut_points_fit_and_score() -> None:
    """A subclass with a rule of its own scores, explains itself and comes back from JSON."""
    model = RFM(monetary=TopShare(0.25), segments=None)
    fitted = model.fit(of_amounts([1, 2, 3, 4, 5, 6, 7, 8]), as_of=AS_OF)

    assert fitted.score()["m"].to_pylist() == [1, 1, 1, 1, 1, 1, 2, 2]
    again = FittedRFM.from_dict(fitted.to_dict(), types=[TopShare])
    assert again == fitted
    assert again.version == fitted.version
    check_cut_points(TopShare(0.3), engines=["pyarrow", "polars", "duckdb"])


def test_a_dimension_tells_what_it_is() -> None:
    """Cut-points are chosen from a dimension that knows its name, unit and size."""
    seen: list[tuple[str, int, int, Fraction]] = []

    @attrs.frozen
    class Watching(CutPoints):
        code_version: ClassVar[str | None] = "1"

        @property
        def bins(self) -> int:
            return 1

        def choose(self, dimension: Dimension) -> Sequence[Cut]:
            seen.append((dimension.name, dimension.units_in_one, dimension.rows, dimension.mean()))
            return []

    watching = Watching()
    model = RFM(recency=watching, frequency=watching, monetary=watching, segments=None)
    model.fit(of_amounts([0.01, 0.02]), as_of=AS_OF)

    assert seen == [
        ("recency_days", 1, 2, Fraction(28)),
        ("frequency", 1, 2, Fraction(1)),
        ("monetary", 100, 2, Fraction(3, 2)),
    ]


def test_nobody_cannot_be_cut() -> None:
    """There are no cut-points of a population of nobody."""
    with pytest.raises(EmptyHistoryError, match="empty"):
        RFM().fit(of_amounts([]), as_of=AS_OF)
