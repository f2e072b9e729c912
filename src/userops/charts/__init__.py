"""Drawing shared by all: heat grids, bars, timelines and UpSet charts, in English and Chinese.

The functions draw plain sequences, never dataframes, on the `Axes` that the caller gives or on a
new figure, and return the `Axes`. They need matplotlib, which comes with
`pip install 'userops[plot]'` and is loaded by the first drawing only. Nothing global changes:
matplotlib's settings stay as the host has them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from userops.charts.bars import share_bars
    from userops.charts.colours import categorical_colours, fill_colours, text_colour_on
    from userops.charts.fonts import ChartFont, chart_font
    from userops.charts.grid import heat_grid
    from userops.charts.labels import (
        Language,
        format_compact,
        format_number,
        format_percent,
        wrap_label,
    )
    from userops.charts.lines import timeline
    from userops.charts.upset import plot_upset

__all__ = [
    "ChartFont",
    "Language",
    "categorical_colours",
    "chart_font",
    "fill_colours",
    "format_compact",
    "format_number",
    "format_percent",
    "heat_grid",
    "plot_upset",
    "share_bars",
    "text_colour_on",
    "timeline",
    "wrap_label",
]

_HOMES = {
    "ChartFont": "fonts",
    "Language": "labels",
    "categorical_colours": "colours",
    "chart_font": "fonts",
    "fill_colours": "colours",
    "format_compact": "labels",
    "format_number": "labels",
    "format_percent": "labels",
    "heat_grid": "grid",
    "plot_upset": "upset",
    "share_bars": "bars",
    "text_colour_on": "colours",
    "timeline": "lines",
    "wrap_label": "labels",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
