"""The look that all charts share: quiet axes, a heading at the left, a legend above."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from userops.charts.axes import axes_inches
from userops.charts.colours import GRID_COLOUR, mixed_colour
from userops.charts.fonts import ChartFont
from userops.charts.labels import width_in_ems, wrap_label

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "SMALLEST_POINTS",
    "add_legend",
    "add_words",
    "clean_axes",
    "columns_in",
    "draw_nothing",
    "fitting_points",
    "inches_of",
    "lines_inches",
    "points_of",
    "quiet_colour",
]

# A bold Latin letter in ems, on the safe side.
_EM_PER_COLUMN = 0.68
_LINE_SPACING = 1.25
_LEGEND_COLUMNS = 36
# The key of a legend's entry and the gap to the next.
_LEGEND_KEY_EMS = 4.0
SMALLEST_POINTS = 5.0
"""Below this, text is not shrunk any more: it would fit, but nobody could read it."""


def points_of(size: str) -> float:
    """Return a named font size, such as `small`, in points of the host's settings."""
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


def columns_in(inches: float, *, points: float) -> int:
    """Return how many display columns of text fit for certain into a width; at least 2."""
    return max(2, int(inches * 72 / (_EM_PER_COLUMN * points)))


def inches_of(text: str, *, points: float) -> float:
    """Return about how wide a text is drawn, rather too wide."""
    return width_in_ems(text) * points / 72


def lines_inches(count: int, *, points: float) -> float:
    """Return the height of so many lines of text."""
    return count * _LINE_SPACING * points / 72


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
    for text in filter(None, texts):
        lines = text.count("\n") + 1
        points = min(
            points,
            width_inches / inches_of(text, points=1),
            height_inches / lines_inches(lines, points=1),
        )
    return max(points, min(SMALLEST_POINTS, largest))


def clean_axes(ax: Axes, *, spines: Sequence[str] = (), grid: Literal["y"] | None = None) -> None:
    """Take away lines that carry no data.

    Args:
        ax: The axes.
        spines: The sides whose line stays.
        grid: `"y"` for faint level lines behind the data.
    """
    for side, spine in ax.spines.items():
        spine.set_visible(side in spines)
    ax.tick_params(length=0)
    ax.set_axisbelow(True)
    # The host's style may draw a grid of its own.
    ax.grid(visible=False)
    if grid == "y":
        ax.grid(visible=True, axis="y", color=GRID_COLOUR, linewidth=0.8)


def quiet_colour(ax: Axes) -> str:
    """Return the colour of things in the second row: the host's text colour, mixed with its back.

    Args:
        ax: The axes whose background counts.
    """
    import matplotlib as mpl
    from matplotlib.colors import to_hex, to_rgba

    face = ax.get_facecolor()
    back = to_hex(face) if to_rgba(face)[3] else "#ffffff"
    return mixed_colour(to_hex(mpl.rcParams["text.color"]), back, 0.4)


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
    columns = max(12, columns_in(axes_inches(ax)[0], points=points))
    ax.set_title(
        font.drawable(wrap_label(title, columns=columns)),
        loc="left",
        pad=above_points + 8,
        fontsize=points,
        **font.heading_options,
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
    columns = _legend_columns(
        [width_in_ems(name) for name in wrapped], axes_inches(ax)[0] * 72 / points
    )
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


def _legend_columns(widths: Sequence[float], room: float) -> int:
    """Return the most columns whose entries fit side by side; matplotlib fills columns first."""
    for columns in range(len(widths), 1, -1):
        parts = np.array_split(np.asarray(widths), columns)
        if sum(float(part.max()) + _LEGEND_KEY_EMS for part in parts) <= room:
            return columns
    return 1


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
