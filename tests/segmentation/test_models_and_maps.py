"""Cut-points, maps, explanations, documents and migration of RFM models."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

import attrs
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.customers import Customer, History
from userops.errors import (
    EmptyHistoryError,
    InvalidArgumentError,
    InvalidDefinitionError,
    NotFittedError,
)
from userops.events import Events, Orders
from userops.segmentation import (
    RFM,
    Band,
    BandMap,
    Cut,
    CutPoints,
    Dimension,
    Edges,
    FittedRFM,
    Linear,
    Mean,
    NTile,
    Quantiles,
    SegmentMap,
    classic,
    eight,
)
from userops.testing import Engines, check_cut_points, check_segment_map, rows_of

START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def orders_of(amounts: Sequence[float], **named: Any) -> Orders:
    """Return one order a customer and day, of these amounts."""
    rows = range(len(amounts))
    table = pa.table({
        "customer_id": [f"c{i:03d}" for i in rows],
        "ordered_at": [START + dt.timedelta(days=i) for i in rows],
        "amount": pa.array(list(amounts), pa.float64()),
    })  # fmt: skip
    return Orders(table, **named)


def scores(fitted: FittedRFM, column: str) -> list[int]:
    """Return a column of the scores in the order of customers."""
    return fitted.score().sort_by("customer_id")[column].to_pylist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(1, 7))
def test_linear_cuts_are_numpys(cents: list[int], bins: int) -> None:
    """Linear cut-points are numpy's linear quantiles, and a tie with one belongs below."""
    fitted = RFM(monetary=bins, segments=None).fit(
        orders_of([c / 100 for c in cents]), as_of="2025-01-01"
    )
    cuts = [cut.value for cut in fitted.grid.cuts["m"].cuts]
    expected = np.quantile(cents, [k / bins for k in range(1, bins)]) if bins > 1 else []
    assert [float(c) for c in cuts] == pytest.approx(list(expected), rel=1e-12, abs=1e-9)
    assert scores(fitted, "m") == [1 + sum(Fraction(c) > cut for cut in cuts) for c in cents]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 11])
def test_ntile_cuts_into_equal_counts(count: int) -> None:
    """Equal counts differ by one at most, ties go by id, and recency is reversed."""
    fitted = RFM(recency=NTile(3), monetary=NTile(3), segments=None).fit(
        orders_of([5.0] * count), as_of="2025-01-01"
    )
    size, larger = divmod(count, 3)
    expected = [k for k in (1, 2, 3) for _ in range(size + (k <= larger))]
    assert scores(fitted, "m") == expected
    assert scores(fitted, "r") == [4 - k for k in reversed(expected)]


def test_edges_quantiles_and_mean() -> None:
    """Edges are in the user's units, a value on an edge is below it, and bins differ by axis."""
    orders = orders_of([1.0, 2.5, 2.51, 100.0])
    model = RFM(recency=[1, 2], frequency=Mean(), monetary=Edges([2.5, "99.995"]), segments=None)
    fitted = model.fit(orders, as_of="2024-01-05")
    assert scores(fitted, "m") == [1, 1, 2, 3]
    assert scores(fitted, "r") == [1, 2, 3, 3]
    assert scores(fitted, "f") == [1, 1, 1, 1]
    assert fitted.grid.bins == {"r": 3, "f": 2, "m": 3}
    top = RFM(monetary=Quantiles((0.5, 0.75)), segments=None).fit(orders, as_of="2024-01-05")
    assert scores(top, "m") == [1, 1, 2, 3]


@pytest.mark.parametrize("amounts", [[7.0], [7.0] * 30, [0.0, 0.0]])
def test_small_and_equal_populations(amounts: list[float]) -> None:
    """One customer, or customers who all spent the same, share the lowest bin."""
    fitted = RFM().fit(orders_of(amounts), as_of="2025-01-01")
    assert set(scores(fitted, "f")) == set(scores(fitted, "m")) == {1}
    assert sum(fitted.segments()["customers"].to_pylist()) == len(amounts)


def test_events_without_money_give_rf(engines: Engines) -> None:
    """Scans have recency and frequency, the classic map, and no money."""
    table = pa.table({
        "customer_id": ["a", "a", "b", None],
        "occurred_at": [START, START, START - dt.timedelta(days=3), START],
    })  # fmt: skip

    def scan(native: Any) -> Any:
        return RFM(event="scan").fit(Events(native), as_of="2024-01-02").score()

    assert engines.check(scan, table) == [
        ("a", 0, 2, 5, 5, "55", "Champions"), ("b", 3, 1, 1, 1, "11", "Lost"),
    ]  # fmt: skip
    fitted = RFM(event="scan").fit(Events(table), as_of="2024-01-02")
    assert "last scan 0" in str(fitted.explain("a"))
    with pytest.raises(InvalidDefinitionError, match="need a monetary score"):
        RFM(event="scan", segments=eight())


def test_the_ready_maps_name_every_cell() -> None:
    """Classic has eleven names over 25 cells, eight has eight, in both languages."""
    bins = {"r": 5, "f": 5, "m": 5}
    for segments, count in ((classic(), 11), (eight(3), 8)):
        segments.check(bins)
        names = segments.names(bins)
        assert len(names) == count
        for locale in ("en", "zh"):
            assert len({segments.label(name, locale) for name in names}) == count
    assert eight(3).label(eight(3).name_of(5, 5, 5), "zh") == "重要价值客户"
    assert eight(3).label(eight(3).name_of(1, 3, 4), "zh") == "重要挽留客户"
    assert classic().name_of(1, 5, None) == "cannot_lose"


def test_eight_cuts_at_the_mean_score() -> None:
    """Without a cut, a customer is high where the score is above the population's mean."""
    fitted = RFM(segments=eight(), locale="zh").fit(
        orders_of([float(i) for i in range(10)]), as_of="2024-01-11"
    )
    means = {d: Fraction(sum(scores(fitted, d)), 10) for d in "rfm"}
    assert fitted.grid.segments.above == means  # type: ignore[union-attr]
    assert scores(fitted, "segment")[-1] == "重要发展客户"


def test_a_map_that_leaves_a_cell_unnamed_is_refused_and_names_it() -> None:
    """A hole is found when the model is written, and so are bins that the map does not know."""
    hole = BandMap([Band("good", r=(2, 3, 4, 5)), Band("old", r=1, f=(2, 3, 4, 5))])
    with pytest.raises(InvalidDefinitionError, match="5 of 125 cells have no name: r1f1m1"):
        RFM(segments=hole)
    with pytest.raises(InvalidDefinitionError, match="written for 5 bins of 'f'"):
        RFM(frequency=4)
    with pytest.raises(InvalidDefinitionError, match="name 'a' twice"):
        BandMap([Band("a"), Band("a")])
    with pytest.raises(InvalidDefinitionError, match="whole numbers from 1"):
        Band("a", r=(0, 1))
    assert RFM(frequency=4, segments=None).frequency == Linear(4)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: Linear(0), "1 to 100"),
        (lambda: NTile(True), "1 to 100"),
        (lambda: Edges([3, 3]), "must be at least one, and rise"),
        (lambda: Edges(["x"]), "must be numbers"),
        (lambda: Quantiles((0.5, 1)), "between 0 and 1"),
        (lambda: RFM(recency="5"), "edges: must be numbers"),
        (lambda: RFM(locale="fr"), "locale: is not known"),
        (lambda: RFM(segments="classic"), "is not a segment map"),
    ],
)
def test_a_wrong_definition_is_refused_when_written(wrong: Any, said: str) -> None:
    """Each field says what it takes."""
    with pytest.raises(InvalidDefinitionError, match=said):
        wrong()


def test_models_come_back_from_their_documents() -> None:
    """Definitions and fitted models survive JSON, score alike, and keep their version."""
    orders = orders_of([float(i % 4) for i in range(20)])
    for cut in (Linear(4), NTile(4), Edges([1, 2])):
        fitted = RFM(monetary=cut, segments=eight(), locale="zh").fit(orders, as_of="2024-02-01")
        again = FittedRFM.from_dict(json.loads(json.dumps(fitted.to_dict())))
        assert again == fitted
        assert again.version == fitted.version
        assert rows_of(again.score(orders)) == rows_of(fitted.score())
        with pytest.raises(InvalidArgumentError, match="read from a document"):
            again.score()
    assert RFM().to_dict() == {"type": "RFM"}
    assert RFM().version != RFM(locale="zh").version
    with pytest.raises(InvalidDefinitionError, match="did you mean 'monetary'"):
        RFM.from_dict({"type": "RFM", "monetry": 3})
    with pytest.raises(InvalidDefinitionError, match=r"recency\.bins: must be a whole number"):
        RFM.from_dict({"type": "RFM", "recency": {"type": "NTile", "bins": 0}})


def test_segments_add_up(engines: Engines) -> None:
    """Shares sum to one, totals to the exact sum, on every engine, the empty segments included."""
    table = orders_of([0.1 * i for i in range(1, 31)]).source.native

    def segments(native: Any) -> Any:
        return RFM().fit(Orders(native), as_of="2024-02-01").segments()

    rows = engines.check(segments, table)
    assert len(rows) == 11
    assert sum(row[1] for row in rows) == 30
    assert sum(row[2] for row in rows) == pytest.approx(1)
    assert sum(row[6] for row in rows) == pytest.approx(46.5)


def test_migration_follows_each_customer(fast_engines: Engines) -> None:
    """Every customer of the later date comes from somewhere, and shares are of where from."""
    table = pa.table({
        "customer_id": ["a", "b", "a", "c"], "amount": [1.0, 2.0, 3.0, 4.0],
        "ordered_at": [START + dt.timedelta(days=d) for d in (0, 1, 40, 41)],
    })  # fmt: skip
    model = RFM(recency=[30], frequency=[1], monetary=[9],
                segments=BandMap([Band("active", r=2), Band("lapsed", r=1)]))  # fmt: skip

    def moves(native: Any) -> Any:
        orders = Orders(native)
        fitted = model.fit(orders, as_of="2024-02-15")
        return fitted.migration(orders, from_as_of="2024-01-10", to_as_of="2024-02-15")

    assert fast_engines.check(moves, table) == [
        ("active", "active", 1, 0.5), ("active", "lapsed", 1, 0.5),
        ("not yet a customer", "active", 1, 1.0),
    ]  # fmt: skip
    fitted = model.fit(Orders(table), as_of="2024-02-15")
    with pytest.raises(InvalidArgumentError, match="must lie before"):
        fitted.migration(Orders(table), from_as_of="2024-02-15", to_as_of="2024-02-15")


def test_explanations_say_why() -> None:
    """The sentence names value, score, cut-points and segment, in both languages."""
    orders = orders_of([10.0, 20.0, 30.0, 40.0, 50.0])
    fitted = RFM().fit(orders, as_of="2024-01-06")
    said = str(fitted.explain("c004"))
    assert "Customer c004 as of 2024-01-06 00:00 UTC is “New customers” (515)." in said
    assert "Net spend 50: m = 5 of 5, above all cut-points; cut-points 18, 26, 34, 42." in said
    alone = fitted.explain(History(orders).customer("c004"))
    assert str(alone) == said
    assert "<li>" in alone._repr_html_()
    chinese = RFM(locale="zh", monetary=NTile(5)).fit(orders, as_of="2024-01-06")
    assert "数值相同者按客户编号区分" in str(chinese.explain("c000"))
    with pytest.raises(EmptyHistoryError, match="ids have one type"):
        fitted.explain("nobody")


def test_score_one_refuses_what_was_read_differently() -> None:
    """Money at another scale, days in another zone, or another policy would score wrongly."""
    orders = orders_of([10.0, 20.0])
    fitted = RFM().fit(orders, as_of="2024-01-06")
    row = {"customer_id": "c000", "ordered_at": START, "amount": 10.0}
    for columns, returns in (
        (attrs.evolve(orders.columns, scale=3), "net"),
        (attrs.evolve(orders.columns, time_zone="Asia/Shanghai"), "net"),
        (orders.columns, "ignore"),
    ):
        customer = Customer.from_rows("c000", {"order": [row]}, {"order": columns}, returns=returns)  # type: ignore[arg-type]
        with pytest.raises(InvalidArgumentError, match="read in another way"):
            fitted.score_one(customer)


def test_misuse_is_an_error_with_the_remedy() -> None:
    """A definition does not score, a frame is no orders, and nothing to fit says why."""
    orders = orders_of([10.0])
    with pytest.raises(NotFittedError, match="fit first"):
        RFM().score(orders)  # type: ignore[attr-defined]
    with pytest.raises(InvalidArgumentError, match="name the columns of a frame"):
        RFM().fit(orders.source.native, as_of="2024-02-01")
    with pytest.raises(EmptyHistoryError, match="as_of is exclusive"):
        RFM().fit(orders, as_of="2024-01-01")
    with pytest.raises(EmptyHistoryError, match="is empty"):
        RFM().fit(orders_of([]), as_of="2024-01-01")
    with pytest.raises(EmptyHistoryError, match="are returns"):
        RFM().fit(orders_of([-1.0]), as_of="2025-01-01")
    fitted = RFM(segments=None).fit(orders, as_of="2024-02-01")
    with pytest.raises(InvalidArgumentError, match="fit with a map"):
        fitted.segments()
    with pytest.raises(InvalidArgumentError, match="read in another way"):
        fitted.score(orders_of([10.0], scale=3))


@attrs.frozen
class TopTenth(CutPoints):
    """Two bins: the best tenth, and the rest."""

    code_version: ClassVar[str | None] = "1"

    @property
    def bins(self) -> int:
        """Two."""
        return 2

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Cut below the tenth."""
        (value,) = dimension.values_at([(dimension.rows - 1) * 9 // 10])
        return [Cut(Fraction(value))]


@attrs.frozen
class Unordered(CutPoints):
    """Cut-points that do not rise."""

    code_version: ClassVar[str | None] = "1"

    @property
    def bins(self) -> int:
        """Three."""
        return 3

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Cut the wrong way round."""
        return [Cut(Fraction(5)), Cut(Fraction(1))]


@attrs.frozen
class ByRecency(SegmentMap):
    """Two names over recency alone."""

    code_version: ClassVar[str | None] = "1"

    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Name a cell."""
        return "active" if r > 2 else "lapsed"


@attrs.frozen
class Undeclared(ByRecency):
    """A map whose code has no version."""

    code_version: ClassVar[str | None] = None


@attrs.frozen
class Holed(ByRecency):
    """A map that forgets the oldest."""

    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Name a cell."""
        return "active" if r > 2 else None


def test_ones_own_classes_pass_the_checks(fast_engines: Engines) -> None:
    """A good subclass passes, and the checks fail for each way to break the contract."""
    check_segment_map(ByRecency(), engines=fast_engines.names)
    check_cut_points(TopTenth(), engines=fast_engines.names)
    check_segment_map(classic(), engines=fast_engines.names)
    check_cut_points(NTile(3), engines=fast_engines.names)
    for broken, said in ((Undeclared(), "code_version"), (Holed(), "have no name")):
        with pytest.raises(InvalidDefinitionError, match=said):
            check_segment_map(broken, engines=["pyarrow"])
    with pytest.raises(InvalidDefinitionError, match="ascending"):
        check_cut_points(Unordered(), engines=["pyarrow"])


def test_frames_leave_as_they_came_and_inputs_stay(fast_engines: Engines) -> None:
    """Each engine's type goes in and out, lazy stays lazy, and the host's frame is untouched."""
    from userops.testing import to_engine

    table = orders_of([10.0, 20.0, 30.0]).source.native
    for name in fast_engines.names:
        native = to_engine(table, name)
        fitted = RFM().fit(Orders(native), as_of="2024-02-01")
        assert type(fitted.score()) is type(native), name
        assert type(fitted.segments()) is type(native), name
        assert rows_of(native) == rows_of(table), name
