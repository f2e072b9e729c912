"""The checks for one's own cut-points and maps: they pass what holds, and fail what does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, ClassVar

import attrs
import pytest

from userops.errors import InvalidDefinitionError
from userops.segmentation import (
    Band,
    BandMap,
    Cut,
    CutPoints,
    Dimension,
    Edges,
    Linear,
    Mean,
    NTile,
    Quantiles,
    SegmentMap,
    classic,
    eight,
)
from userops.testing import check_cut_points, check_segment_map
from userops.testing.segmentation_checks import trap_orders

QUICK = ("pyarrow", "polars", "duckdb")


@attrs.frozen
class Median(CutPoints):
    """Two bins, cut at the lower median."""

    code_version: ClassVar[str | None] = "1"

    @property
    def bins(self) -> int:
        """Two."""
        return 2

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the lower median."""
        (value,) = dimension.values_at([(dimension.rows - 1) // 2])
        return [Cut(Fraction(value))]


@attrs.frozen
class ByMoney(SegmentMap):
    """Two names by the monetary score."""

    code_version: ClassVar[str | None] = "1"

    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Return who spends."""
        return "spender" if (m or 0) > 3 else "saver"


def test_the_librarys_own_classes_hold() -> None:
    """Every kind of cut-points and every ready-made map passes its check."""
    for cut in (Linear(4), NTile(3), Quantiles([0.1, 0.9]), Mean(), Edges([-5, 0, 5.5])):
        check_cut_points(cut, engines=QUICK)
    for segments in (classic(), eight(), eight(3)):
        check_segment_map(segments, engines=QUICK)


def test_a_sound_subclass_holds_on_every_engine_in_process() -> None:
    """A subclass of one's own passes where its contract holds."""
    check_cut_points(Median(), engines=["pyarrow", "pandas-numpy", "polars-lazy", "ibis"])
    check_segment_map(ByMoney(), engines=["pyarrow", "pandas-arrow", "duckdb"])


def test_bins_of_ones_own() -> None:
    """A map for other bins is checked over those."""
    segments = BandMap([Band("top", r=2, m=3), Band("rest")], bins={"r": 2, "m": 3})
    check_segment_map(segments, bins={"r": 2, "m": 3}, engines=["pyarrow"])
    with pytest.raises(InvalidDefinitionError, match="written for 2 bins"):
        check_segment_map(segments, engines=["pyarrow"])


def cut_class(choose: Callable[[Any], Any], **fields: Any) -> type[CutPoints]:
    """Return a class of cut-points with three bins and one way to choose."""
    body = {
        "bins": property(lambda self: 3),
        "choose": lambda self, dimension: choose(dimension),
        "code_version": "1",
    }
    return attrs.frozen(type("Broken", (CutPoints,), body | fields))


@pytest.mark.parametrize(
    ("choose", "said"),
    [
        (lambda d: [Cut(Fraction(2)), Cut(Fraction(1))], "2 ascending cut-points"),
        (lambda d: [Cut(Fraction(1))], "2 ascending cut-points"),
        (lambda d: [Cut(Fraction(i)) for i in range(3)], "2 ascending cut-points"),
        (lambda d: [], "2 ascending cut-points"),
        (lambda d: [Cut(Fraction(1), "b"), Cut(Fraction(1), "a")], "2 ascending cut-points"),
        (lambda d: [1, 2], "2 ascending cut-points"),
        (lambda d: None, "2 ascending cut-points"),
    ],
    ids=["falling", "too few", "too many", "none", "ids fall", "no cuts", "nothing"],
)
def test_cut_points_that_break_their_promise_fail(choose: Any, said: str) -> None:
    """Cut-points that fall, or are not as many as promised, fail the check by name."""
    with pytest.raises(InvalidDefinitionError, match=said) as caught:
        check_cut_points(cut_class(choose)(), engines=["pyarrow"])
    assert caught.value.field == "Broken.choose"


def test_a_class_without_a_code_version_fails() -> None:
    """Code is not in a document, so a class of one's own has to say which version it is."""
    cuts = cut_class(lambda d: [Cut(Fraction(1)), Cut(Fraction(2))], code_version=None)
    with pytest.raises(InvalidDefinitionError, match="code_version"):
        check_cut_points(cuts(), engines=["pyarrow"])

    segments = attrs.frozen(
        type("Nameless", (SegmentMap,), {"name_of": lambda self, r, f, m: "all"})
    )
    with pytest.raises(InvalidDefinitionError, match="code_version"):
        check_segment_map(segments(), engines=["pyarrow"])


def test_a_map_with_an_unnamed_cell_fails() -> None:
    """A map that leaves one cell without a name fails, and the cell is named."""

    @attrs.frozen
    class Holed(SegmentMap):
        code_version: ClassVar[str | None] = "1"

        def name_of(self, r: int, f: int, m: int | None) -> str | None:
            return None if (r, f, m) == (2, 3, 4) else "all"

    with pytest.raises(InvalidDefinitionError, match="r2f3m4"):
        check_segment_map(Holed(), engines=["pyarrow"])


def test_a_class_that_forgets_its_fields_fails() -> None:
    """A document that does not bring the same object back fails the check."""

    @attrs.frozen
    class Forgetful(CutPoints):
        code_version: ClassVar[str | None] = "1"
        at: int = 5

        @property
        def bins(self) -> int:
            return 2

        def choose(self, dimension: Dimension) -> Sequence[Cut]:
            return [Cut(Fraction(self.at))]

        def to_dict(self) -> dict[str, Any]:
            return {"type": "Forgetful"}

    check_cut_points(Forgetful(), engines=["pyarrow"])
    with pytest.raises(AssertionError, match="does not come back"):
        check_cut_points(Forgetful(7), engines=["pyarrow"])


def test_cut_points_that_differ_between_engines_fail() -> None:
    """A rule that depends on the order in which it is asked fails when engines are compared."""
    asked = iter(range(100))

    @attrs.frozen
    class Drifting(CutPoints):
        code_version: ClassVar[str | None] = "1"

        @property
        def bins(self) -> int:
            return 2

        def choose(self, dimension: Dimension) -> Sequence[Cut]:
            return [Cut(Fraction(next(asked)))]

    with pytest.raises(AssertionError, match="scores differently"):
        check_cut_points(Drifting(), engines=["pyarrow", "polars"])


def test_a_map_that_changes_its_mind_fails() -> None:
    """A map that names a cell differently the next time it is asked fails the check."""
    asked = iter(range(10**6))

    @attrs.frozen
    class Moody(SegmentMap):
        code_version: ClassVar[str | None] = "1"

        def name_of(self, r: int, f: int, m: int | None) -> str | None:
            return f"mood {next(asked) % 7}"

    with pytest.raises(AssertionError):
        check_segment_map(Moody(), engines=["pyarrow", "polars"])


def test_the_traps_hold_what_they_promise() -> None:
    """The orders of the checks have ties, returns, zeros, nobody, Chinese and very long ids."""
    table = trap_orders()
    ids = table["customer_id"].to_pylist()
    amounts = table["amount"].to_pylist()

    assert table.num_rows == 160
    assert None in ids
    assert {"客户一", "18446744073709551617", " é", "A", "a"} <= set(ids)
    assert min(amounts) < 0
    assert 0 in amounts
    assert len(set(amounts)) < 12
