"""Who is alike: RFM, tags, segments and their overlap, and how good a tag is."""

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
    from userops.segmentation.ready_tags import shop_tags
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
    from userops.segmentation.segment_worth import worth_by_segment
    from userops.segmentation.segments import Segment
    from userops.segmentation.tag_decisions import TagDecisions
    from userops.segmentation.tag_quality import agreement, coverage
    from userops.segmentation.tag_refresh import TagRefresh
    from userops.segmentation.tag_report import TagJudgement, TagReport, judge
    from userops.segmentation.tag_separation import separation
    from userops.segmentation.tag_set import FittedTagSet, TagSet
    from userops.segmentation.tag_stability import stability
    from userops.segmentation.tag_verdicts import TagThresholds
    from userops.segmentation.tags import PercentileTag, PreferenceTag, Tag, TagGroup, TagValue

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
    "FittedTagSet",
    "Linear",
    "Mean",
    "Memberships",
    "NTile",
    "Overlap",
    "PercentileTag",
    "PreferenceTag",
    "Quantiles",
    "RFMScore",
    "Segment",
    "SegmentMap",
    "Tag",
    "TagDecisions",
    "TagGroup",
    "TagJudgement",
    "TagRefresh",
    "TagReport",
    "TagSet",
    "TagThresholds",
    "TagValue",
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
    "shop_tags",
    "stability",
    "worth_by_segment",
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
        "ready_tags": ("shop_tags",),
        "rfm": ("RFM",),
        "rfm_score": ("RFMScore",),
        "segment_maps": ("Band", "BandMap", "EightMap", "SegmentMap", "classic", "eight"),
        "segment_worth": ("worth_by_segment",),
        "segments": ("Segment",),
        "tag_decisions": ("TagDecisions",),
        "tag_quality": ("agreement", "coverage"),
        "tag_refresh": ("TagRefresh",),
        "tag_report": ("TagJudgement", "TagReport", "judge"),
        "tag_separation": ("separation",),
        "tag_set": ("FittedTagSet", "TagSet"),
        "tag_stability": ("stability",),
        "tag_verdicts": ("TagThresholds",),
        "tags": ("PercentileTag", "PreferenceTag", "Tag", "TagGroup", "TagValue"),
    },
)
