"""The fitted grid of scores: from values to a segment, for a column and for one customer."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.definitions import Definition
from userops.segmentation.cut_points import FittedCuts
from userops.segmentation.segment_maps import Cell, Locale, SegmentMap, depends_on

if TYPE_CHECKING:
    from userops.segmentation.population import Population

__all__ = ["ScoreGrid"]

COLUMN_OF = {"r": "recency_days", "f": "frequency", "m": "monetary_minor_units"}


@attrs.frozen(kw_only=True, slots=False)
class ScoreGrid(Definition):
    """Cut-points by dimension and the names of the cells.

    Attributes:
        cuts: `r`, `f` and, with money, `m` to their cut-points.
        segments: The map, fitted to the population, or None for scores alone.
        locale: Language of the labels.
    """

    cuts: Mapping[str, FittedCuts]
    segments: SegmentMap | None = None
    locale: Locale = "en"

    @classmethod
    def over(
        cls,
        cuts: Mapping[str, FittedCuts],
        segments: SegmentMap | None,
        population: Population,
        locale: Locale,
    ) -> ScoreGrid:
        """Fit the map to the population where it depends on it, and check every cell."""
        grid = cls(cuts=cuts, locale=locale)
        if segments is None:
            return grid
        if type(segments).fitted_to is not SegmentMap.fitted_to:
            scores = grid.with_scores(population.frame)
            sums = frames.to_rows(scores.select(nw.col(*cuts).sum()))[0]
            segments = segments.fitted_to(
                {d: Fraction(int(sums[d]), population.rows) for d in cuts}
            )
        segments.check(grid.bins)
        return attrs.evolve(grid, segments=segments)

    @property
    def dimensions(self) -> str:
        """`rfm`, or `rf` for events without money: the name of the column of joined scores."""
        return "".join(self.cuts)

    @cached_property
    def bins(self) -> dict[str, int]:
        """Number of bins by dimension."""
        return {d: c.bins for d, c in self.cuts.items()}

    @cached_property
    def kind_of_ids(self) -> type | None:
        """The type of the ids that tell ties apart, or None where no cut-point carries one."""
        cuts = (cut for dimension in self.cuts.values() for cut in dimension.cuts)
        return next((type(c.customer_id) for c in cuts if c.customer_id is not None), None)

    @cached_property
    def _cells(self) -> dict[Cell, str]:
        """Cell to label."""
        if self.segments is None:
            return {}
        cells = self.segments.cells(self.bins).items()
        return {cell: self.segments.label(str(name), self.locale) for cell, name in cells}

    def labels(self) -> list[str]:
        """Return the labels of all segments in the order in which reports list them."""
        if self.segments is None:
            return []
        names = self.segments.names(self.bins)
        return list(dict.fromkeys(self.segments.label(name, self.locale) for name in names))

    @cached_property
    def _outcomes(self) -> dict[Cell, tuple[str, str | None]]:
        """Cell to its joined scores and label, filled as customers are scored."""
        return {}

    def outcome_of(self, cell: Cell) -> tuple[str, str | None]:
        """Return the joined scores of a cell, and its label or None without a map."""
        known = self._outcomes.get(cell)
        if known is None:
            known = self._outcomes[cell] = (self.joined(cell), self._cells.get(cell))
        return known

    def joined(self, cell: Cell) -> str:
        """Return the scores as one text: `543`, or `10-4-3` where a dimension has 10 bins."""
        return ("-" if max(self.bins.values()) > 9 else "").join(map(str, cell))

    def with_scores(self, frame: frames.Frame) -> frames.Frame:
        """Add the score columns `r`, `f` and, with money, `m`."""
        return frame.with_columns(
            cuts.score_expr(frame, COLUMN_OF[d]).alias(d) for d, cuts in self.cuts.items()
        )

    def with_segments(self, frame: frames.Frame) -> frames.Frame:
        """Add the joined scores and, with a map, `segment`."""
        if max(self.bins.values()) > 9:
            pieces = [nw.col(d).cast(nw.String) for d in self.cuts]
            joined = nw.concat_str(pieces, separator="-")
        else:
            joined = self._code(list(self.cuts), dict.fromkeys(self.cuts, 10)).cast(nw.String)
        frame = frame.with_columns(joined.alias(self.dimensions))
        if self.segments is None:
            return frame
        return frame.with_columns(self._segment_expr().alias("segment"))

    def _code(self, dimensions: list[str], bases: Mapping[str, int]) -> Any:
        code: Any = nw.col(dimensions[0])
        for d in dimensions[1:]:
            code = code * bases[d] + nw.col(d)
        return code

    def _segment_expr(self) -> nw.Expr:
        # Axes that no name depends on are left out, so that a map over r and f asks for 25 cells.
        kept = [i for i, _ in enumerate(self.cuts) if depends_on(self._cells, i)] or [0]
        dimensions = [list(self.cuts)[i] for i in kept]
        bases = {d: bins + 1 for d, bins in self.bins.items()}
        codes: dict[str, set[int]] = {}
        for cell, label in self._cells.items():
            code = cell[kept[0]]
            for i, d in zip(kept[1:], dimensions[1:], strict=True):
                code = code * bases[d] + cell[i]
            codes.setdefault(label, set()).add(code)
        labels = list(codes)
        code_expr = self._code(dimensions, bases)
        segment: Any = nw.lit(labels[-1])
        for label in reversed(labels[:-1]):
            segment = (
                nw.when(code_expr.is_in(sorted(codes[label])))
                .then(nw.lit(label))
                .otherwise(segment)
            )
        return segment  # type: ignore[no-any-return]
