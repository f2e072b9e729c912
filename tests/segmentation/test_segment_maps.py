"""Names for the cells of the score grid."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any, ClassVar, Literal

import attrs
import pyarrow as pa
import pytest
from tests.segmentation.independent_sql import CLASSIC, EIGHT_ZH

from userops import RFM, Orders
from userops.errors import InvalidDefinitionError
from userops.segmentation import (
    Band,
    BandMap,
    EightMap,
    FittedRFM,
    SegmentMap,
    classic,
    eight,
)
from userops.testing import check_segment_map

FIVES = {"r": 5, "f": 5, "m": 5}
ELEVEN_ZH = [
    "冠军客户", "忠诚客户", "潜力忠诚客户", "新客户", "有潜力客户", "需关注客户", "即将沉睡客户",
    "不能失去的客户", "流失风险客户", "沉睡客户", "流失客户",
]  # fmt: skip


def orders() -> Orders:
    """Return orders of ten customers whose spend, counts and days differ."""
    table = pa.table({
        "customer_id": [f"c{i}" for i in range(10) for _ in range(1 + i)],
        "ordered_at": [f"2024-02-{1 + 2 * i:02d}" for i in range(10) for _ in range(1 + i)],
        "amount": [100 - i for i in range(10) for _ in range(1 + i)],
    })  # fmt: skip
    return Orders(table)


def test_classic_names_every_cell_as_drawn() -> None:
    """Each of the 125 cells has the name that the drawn grid of recency and frequency gives it."""
    segments = classic()
    labels = {cell: segments.label(str(name), "en") for cell, name in segments.cells(FIVES).items()}
    assert labels == {(r, f, m): CLASSIC[r][f - 1] for r, f, m in product(range(1, 6), repeat=3)}
    assert len(set(labels.values())) == len(segments.names(FIVES)) == 11


def test_classic_has_eleven_chinese_labels() -> None:
    """The eleven segments have labels in Chinese, in the order of the bands."""
    segments = classic()
    assert [segments.label(name, "zh") for name in segments.names(FIVES)] == ELEVEN_ZH


def test_classic_works_without_money() -> None:
    """Recency and frequency are enough for the eleven segments."""
    assert set(classic().cells({"r": 5, "f": 5}).values()) == set(classic().names(FIVES))


@pytest.mark.parametrize("above", [2, {"r": 1, "f": 3, "m": 4}, None])
def test_eight_names_every_cell(above: Any) -> None:
    """A score above the cut is high, one equal to it is low, in each of the 125 cells."""
    means = {"r": Fraction(13, 4), "f": Fraction(3), "m": Fraction(2)}
    cut = means if above is None else dict.fromkeys("rfm", 2) if above == 2 else above
    segments = eight(above).fitted_to(means)

    for cell, name in segments.cells(FIVES).items():
        is_high = tuple(score > cut[d] for d, score in zip("rfm", cell, strict=True))
        assert segments.label(str(name), "zh") == EIGHT_ZH[is_high]
    assert [segments.label(n, "zh") for n in segments.names(FIVES)] == list(EIGHT_ZH.values())


def test_eight_cuts_at_the_mean_scores_of_the_population() -> None:
    """Without a cut of its own the map takes the exact mean scores when it is fitted."""
    fitted = RFM(segments=eight()).fit(orders(), as_of="2024-03-01")
    assert isinstance(fitted.grid.segments, EightMap)

    rows = fitted.score().to_pylist()
    means = {d: Fraction(sum(row[d] for row in rows), len(rows)) for d in "rfm"}
    assert fitted.grid.segments.above == means
    for row in rows:
        high = tuple(row[d] > means[d] for d in "rfm")
        assert eight().label(_name_of(row["segment"]), "zh") == EIGHT_ZH[high]


def _name_of(label: str) -> str:
    return next(n for n in eight().names(FIVES) if eight().label(n, "en") == label)


def test_eight_needs_money() -> None:
    """Events without money have no monetary score, so the eight segments are refused for them."""
    with pytest.raises(InvalidDefinitionError, match="monetary score"):
        RFM(segments=eight(), event="scan")


def test_a_cell_without_a_name_is_refused_and_named() -> None:
    """A map that leaves cells unnamed is refused when the definition is written."""
    holed = BandMap([Band("vip", r=(4, 5)), Band("rest", r=(1, 2, 3), f=(1, 2, 3, 4))])
    with pytest.raises(InvalidDefinitionError) as caught:
        RFM(segments=holed)

    assert caught.value.field == "segments"
    assert "15 of 125 cells have no name: r1f5m1, r1f5m2, r1f5m3, r1f5m4, r1f5m5, …" in str(
        caught.value
    )
    assert "Band('others')" in str(caught.value)


def test_the_first_band_that_holds_a_cell_names_it() -> None:
    """Bands are tried in order, and one without scores takes the rest."""
    segments = BandMap([Band("top", r=5, f=5, m=5), Band("active", r=(4, 5)), Band("others")])
    names = segments.cells(FIVES)

    assert names[5, 5, 5] == "top"
    assert names[5, 5, 4] == names[4, 5, 5] == "active"
    assert names[3, 5, 5] == "others"
    assert segments.names(FIVES) == ["top", "active", "others"]
    # Without money nobody can be in a band that asks for it.
    assert set(segments.cells({"r": 5, "f": 5}).values()) == {"active", "others"}
    assert segments.names({"r": 5, "f": 5}) == ["active", "others"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"recency": 3}, "is written for 5 bins of 'r'"),
        ({"frequency": [1, 2]}, "is written for 5 bins of 'f'"),
        ({"frequency": 7}, "such as f7"),
    ],
)
def test_bins_that_a_map_is_not_written_for_are_refused(
    arguments: dict[str, Any], said: str
) -> None:
    """The eleven segments over another number of bins are refused, not misnamed."""
    with pytest.raises(InvalidDefinitionError, match=said):
        RFM(**arguments)
    RFM(**arguments, segments=None)
    RFM(monetary=3)  # the eleven do not ask for money, so its bins are free


def test_a_map_that_needs_money_is_refused_for_events() -> None:
    """A map with bins of `m` says that events without money have none."""
    with pytest.raises(InvalidDefinitionError, match="needs the dimension 'm'"):
        RFM(segments=BandMap([Band("all")], bins={"m": 5}), event="scan")


@pytest.mark.parametrize(
    "written",
    [
        lambda: BandMap([]),
        lambda: BandMap(["vip"]),  # type: ignore[list-item]
        lambda: BandMap([Band("a", r=1), Band("a", r=2)]),
        lambda: Band("a", r=0),
        lambda: Band("a", r=[]),
        lambda: Band("a", r="5"),  # type: ignore[arg-type]
        lambda: Band("a", r=True),
        lambda: Band("a", r=4.5),  # type: ignore[arg-type]
        lambda: eight({"r": 3}),
        lambda: eight("3"),  # type: ignore[arg-type]
        lambda: RFM(segments="classic"),  # type: ignore[arg-type]
        lambda: RFM(segments=classic),  # type: ignore[arg-type]
        lambda: RFM(locale="fr"),  # type: ignore[arg-type]
    ],
)
def test_maps_that_cannot_be_are_refused(written: Any) -> None:
    """A map that cannot name cells is refused when it is written."""
    with pytest.raises(InvalidDefinitionError):
        written()


def test_two_bands_may_share_a_label() -> None:
    """Segments that read the same are one row of the report, and shares still come to one."""
    segments = BandMap([
        Band("vip", r=5, labels={"en": "Good"}), Band("regular", r=4, labels={"en": "Good"}),
        Band("others", labels={"en": "Rest"}),
    ])  # fmt: skip
    rows = RFM(segments=segments).fit(orders(), as_of="2024-03-01").segments().to_pylist()

    assert [row["segment"] for row in rows] == ["Good", "Rest"]
    assert sum(row["customers"] for row in rows) == 10


def test_labels_fall_back_to_names() -> None:
    """A locale without a label shows the name of the band."""
    segments = BandMap([Band("vip", r=5, labels={"zh": "贵宾"}), Band("others")])
    model = RFM(segments=segments, locale="zh")

    labels = {row["segment"] for row in model.fit(orders(), as_of="2024-03-01").score().to_pylist()}
    assert labels == {"贵宾", "others"}


@attrs.frozen
class ByAge(SegmentMap):
    """Names that depend on recency alone, with a threshold of its own."""

    code_version: ClassVar[str | None] = "1"
    active_from: int = 4

    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Return whether the customer is active."""
        return "active" if r >= self.active_from else "quiet"

    def label(self, name: str, locale: Literal["en", "zh"]) -> str:
        """Return the label."""
        return {"active": "活跃", "quiet": "安静"}[name] if locale == "zh" else name


def test_ones_own_map_names_segments() -> None:
    """A subclass names the cells, is labelled in Chinese, and comes back from JSON."""
    fitted = RFM(segments=ByAge(5), locale="zh").fit(orders(), as_of="2024-03-01")
    rows = fitted.score().to_pylist()

    assert {(row["r"] == 5, row["segment"]) for row in rows} == {(True, "活跃"), (False, "安静")}
    assert FittedRFM.from_dict(fitted.to_dict(), types=[ByAge]) == fitted
    check_segment_map(ByAge(3), engines=["pyarrow", "polars", "duckdb"])


def test_names_with_quotes_reach_every_engine(fast_engines: Any) -> None:
    """Quotes, backslashes and percent signs in names are text on every engine, never SQL."""
    names = ["it's", 'say "hi"', "back\\slash", "100 %", "'; DROP TABLE orders; --"]
    segments = BandMap([Band(name, r=score) for score, name in enumerate(names, start=1)])
    table = orders().source.native

    rows = fast_engines.check(
        lambda native: RFM(segments=segments).fit(Orders(native), as_of="2024-03-01").score(),
        table,
    )
    assert {row[8] for row in rows} == set(names)


def test_a_map_may_name_cells_with_an_enum() -> None:
    """A name that is text of another kind, such as a member of an enumeration, is a name."""
    import enum

    class Kind(enum.StrEnum):
        HIGH = "high"
        LOW = "low"

    @attrs.frozen
    class ByKind(SegmentMap):
        code_version: ClassVar[str | None] = "1"

        def name_of(self, r: int, f: int, m: int | None) -> str | None:
            return Kind.HIGH if r > 3 else Kind.LOW

    fitted = RFM(segments=ByKind()).fit(orders(), as_of="2024-03-01")
    assert {row["segment"] for row in fitted.segments().to_pylist()} == {"high", "low"}
