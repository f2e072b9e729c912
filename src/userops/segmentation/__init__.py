"""Who is alike: RFM scores, segments and their maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.segmentation.comparison import compare
    from userops.segmentation.cut_points import (
        Cut,
        CutPoints,
        Dimension,
        Edges,
        Linear,
        Mean,
        NTile,
        Quantiles,
    )
    from userops.segmentation.differences import Comparison, FeatureDifference, ValueDifference
    from userops.segmentation.explanation import Explanation
    from userops.segmentation.fitted_rfm import FittedRFM
    from userops.segmentation.memberships import Memberships
    from userops.segmentation.overlaps import Overlap, brings, overlap
    from userops.segmentation.plots import plot_rfm_grid, plot_segments
    from userops.segmentation.rfm import RFM
    from userops.segmentation.rfm_score import RFMScore
    from userops.segmentation.segment_maps import (
        Band,
        BandMap,
        EightMap,
        SegmentMap,
        classic,
        eight,
    )
    from userops.segmentation.tag_quality import agreement, coverage
    from userops.segmentation.tag_report import TagJudgement, TagReport, judge
    from userops.segmentation.tag_separation import separation
    from userops.segmentation.tag_stability import stability
    from userops.segmentation.tag_verdicts import TagThresholds

__all__ = [
    "RFM",
    "Band",
    "BandMap",
    "Comparison",
    "Cut",
    "CutPoints",
    "Dimension",
    "Edges",
    "EightMap",
    "Explanation",
    "FeatureDifference",
    "FittedRFM",
    "Linear",
    "Mean",
    "Memberships",
    "NTile",
    "Overlap",
    "Quantiles",
    "RFMScore",
    "SegmentMap",
    "TagJudgement",
    "TagReport",
    "TagThresholds",
    "ValueDifference",
    "agreement",
    "brings",
    "classic",
    "compare",
    "coverage",
    "eight",
    "judge",
    "overlap",
    "plot_rfm_grid",
    "plot_segments",
    "separation",
    "stability",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "comparison": ("compare",),
        "cut_points": (
            "Cut",
            "CutPoints",
            "Dimension",
            "Edges",
            "Linear",
            "Mean",
            "NTile",
            "Quantiles",
        ),
        "differences": ("Comparison", "FeatureDifference", "ValueDifference"),
        "explanation": ("Explanation",),
        "fitted_rfm": ("FittedRFM",),
        "memberships": ("Memberships",),
        "overlaps": ("Overlap", "brings", "overlap"),
        "plots": ("plot_rfm_grid", "plot_segments"),
        "rfm": ("RFM",),
        "rfm_score": ("RFMScore",),
        "segment_maps": ("Band", "BandMap", "EightMap", "SegmentMap", "classic", "eight"),
        "tag_quality": ("agreement", "coverage"),
        "tag_report": ("TagJudgement", "TagReport", "judge"),
        "tag_separation": ("separation",),
        "tag_stability": ("stability",),
        "tag_verdicts": ("TagThresholds",),
    },
)
