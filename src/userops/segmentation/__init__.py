"""Who is alike: RFM scores, segments and their maps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
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
    from userops.segmentation.explanation import Explanation
    from userops.segmentation.fitted_rfm import FittedRFM
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

__all__ = [
    "RFM",
    "Band",
    "BandMap",
    "Cut",
    "CutPoints",
    "Dimension",
    "Edges",
    "EightMap",
    "Explanation",
    "FittedRFM",
    "Linear",
    "Mean",
    "NTile",
    "Quantiles",
    "RFMScore",
    "SegmentMap",
    "classic",
    "eight",
    "plot_rfm_grid",
    "plot_segments",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
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
        "explanation": ("Explanation",),
        "fitted_rfm": ("FittedRFM",),
        "plots": ("plot_rfm_grid", "plot_segments"),
        "rfm": ("RFM",),
        "rfm_score": ("RFMScore",),
        "segment_maps": ("Band", "BandMap", "EightMap", "SegmentMap", "classic", "eight"),
    },
)
