"""The look that all charts share: quiet axes, a heading at the left, a legend above."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from userops.charts.axes import axes_inches
from userops.charts.colours import GRID_COLOUR
from userops.charts.fonts import ChartFont
from userops.charts.labels import display_width, wrap_label

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "SMALLEST_POINTS",
    "add_legend",
    "add_words",
    "clean_axes",
    "draw_nothing",
    "fitting_points",
    "inches_of",
    "points_of",
]

# Width of a letter in ems, on the safe side: the widest common text is bold DejaVu Sans.
_EM_PER_COLUMN = 0.66
_LINE_SPACING = 1.25
_LEGEND_COLUMNS = 36
SMALLEST_POINTS = 5.0
"""Below this, text is not shrunk any more: it would fit, but nobody could read it."""


def points_of(size: str) -> float:
    """Return a named font size, such as `small`, in points of the host's settings."""
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


def inches_of(columns: float, points: float) -> float:
    """Return about how wide a text of so many display columns is, rather too wide."""
    return columns * _EM_PER_COLUMN * points / 72


def fitting_points(
    texts: Iterable[str], *, width_inches: float, height_inches: float, largest: float
) -> float:
    """Return the font size at which every text fits into a box.

    Args:
        texts: Texts, with line breaks.
        width_inches: Width of the box.
        height_inches: Height of the box.
        largest: The size in points to use where all fit.

    Returns:
        Points, between `SMALLEST_POINTS` and `largest`.
    """
    points = largest
    for text in texts:
        lines = text.split("\n")
        columns = max(map(display_width, lines))
        if columns:
            points = min(points, width_inches * 72 / (columns * _EM_PER_COLUMN))
        points = min(points, height_inches * 72 / (len(lines) * _LINE_SPACING))
    return max(points, min(SMALLEST_POINTS, largest))


def clean_axes(ax: Axes, *, spines: Sequence[str] = (), grid: str | None = None) -> None:
    """Take away lines that carry no data.

    Args:
        ax: The axes.
        spines: The sides whose line stays.
        grid: `"x"` or `"y"` for faint lines behind the data.
    """
    for side, spine in ax.spines.items():
        spine.set_visible(side in spines)
    ax.tick_params(length=0)
    ax.set_axisbelow(True)
    if grid == "x":
        ax.grid(visible=True, axis="x", color=GRID_COLOUR, linewidth=0.8)
    elif grid == "y":
        ax.grid(visible=True, axis="y", color=GRID_COLOUR, linewidth=0.8)


def add_words(
    ax: Axes,
    *,
    font: ChartFont,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    above_points: float = 0.0,
) -> None:
    """Name both sides, and write the title at the left, wrapped to the width of the axes.

    Args:
        ax: The axes.
        font: The fonts of the chart.
        title: The title; none where it is empty.
        x_label: What lies along the bottom.
        y_label: What lies along the left.
        above_points: Height of what stands between the axes and the title.
    """
    ax.set_xlabel(font.drawable(x_label), labelpad=6, **font.text_options)
    ax.set_ylabel(font.drawable(y_label), labelpad=6, **font.text_options)
    if not title:
        return
    points = points_of("large")
    columns = max(12, int(axes_inches(ax)[0] / inches_of(1, points)))
    ax.set_title(
        font.drawable(wrap_label(title, columns=columns)),
        loc="left",
        pad=above_points + 8,
        fontsize=points,
        fontweight="bold",
        **font.text_options,
    )


def add_legend(ax: Axes, handles: Mapping[str, Artist], *, font: ChartFont) -> float:
    """Draw a legend above the axes, in as many columns as fit; none where one name says nothing.

    Args:
        ax: The axes.
        handles: The drawn things by name.
        font: The fonts of the chart.

    Returns:
        The height it takes in points.
    """
    if len(handles) < 2:
        return 0.0
    points = points_of("medium")
    wrapped = [wrap_label(name, columns=_LEGEND_COLUMNS) for name in handles]
    widest = max(display_width(line) for name in wrapped for line in name.split("\n"))
    # The key of an entry and the gap to the next take about six letters.
    room = axes_inches(ax)[0] / inches_of(widest + 6, points)
    columns = min(len(handles), max(1, math.floor(room)))
    # Names go in after: matplotlib leaves out entries whose name begins with an underscore.
    legend = ax.legend(
        list(handles.values()),
        [str(position) for position in range(len(handles))],
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns,
        frameon=False,
        borderaxespad=0.3,
        borderpad=0.1,
        handlelength=1.4,
        columnspacing=1.6,
        fontsize=points,
    )
    for text, name in zip(legend.get_texts(), wrapped, strict=True):
        text.set(text=font.drawable(name), **font.text_options)
    lines = max(name.count("\n") + 1 for name in wrapped)
    return math.ceil(len(handles) / columns) * points * (_LINE_SPACING * lines + 0.45)


def draw_nothing(ax: Axes, words: str, *, font: ChartFont) -> None:
    """Say in the middle of the axes that there is nothing to draw."""
    clean_axes(ax)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.text(
        0.5,
        0.5,
        font.drawable(words),
        transform=ax.transAxes,
        ha="center",
        va="center",
        alpha=0.6,
        **font.text_options,
    )
