"""Numbers over numbers: lines with a band around them, bars behind them, and a dividing line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import attrs
import numpy as np

from userops.charts.axes import check_axes, new_axes
from userops.charts.colours import categorical_colours
from userops.charts.fonts import ChartFont, chart_font
from userops.charts.labels import Language, check_language, format_compact, no_data
from userops.charts.sequences import Floats, Values, check_length, numbers_of
from userops.charts.style import add_legend, add_words, clean_axes, draw_nothing, quiet_colour

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["Bars", "curves"]

_DASHES = ("-", "--", "-.", ":")
_MARKERS = ("o", "s", "^", "D")
_TICK_STEPS = (1, 2, 5, 10)


@attrs.frozen
class Bars:
    """Bars behind the lines, such as a histogram.

    Attributes:
        name: What they are.
        edges: One more than there are bars.
        heights: Their heights.
    """

    name: str
    edges: Values
    heights: Values


def curves(
    x: Values,
    *,
    series: Mapping[str, Values],
    band: tuple[str, Values, Values] | None = None,
    bars: Bars | None = None,
    divider: float | None = None,
    tick_labels: Sequence[str] | None = None,
    is_marked: bool = False,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    values_format: Callable[[float], str] | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw lines over numbers; the scale of values begins at zero.

    Args:
        x: Where the values lie, ascending.
        series: Values by name, one value per place; None or NaN leaves a gap.
        band: The name of an area behind the lines, with its lower and upper edge.
        bars: Bars behind the lines.
        divider: Where a line from top to bottom stands.
        tick_labels: What is written at each place, instead of its number.
        is_marked: Whether each value has a marker.
        title: The title.
        x_label: What lies along the bottom.
        y_label: What the values are.
        values_format: How a value is written; `format_compact` in the language by default.
        language: Language of numbers and of "no data".
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes. `ax.lines` holds the series in order, then the divider.

    Raises:
        InvalidArgumentError: If lengths differ, or a value is not a number.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    places, numbers = numbers_of("x", x), {}
    for name, values in series.items():
        check_length(f"series[{name!r}]", len(values), expected=len(places), of="x")
        numbers[name] = numbers_of(f"series[{name!r}]", values)
    write = values_format or partial(format_compact, language=language)
    words = "" if len(places) else no_data(language)
    more = [bars.name if bars else "", band[0] if band else "", *(tick_labels or ())]
    font = chart_font([title, x_label, y_label, words, *more, *series, write(1.0), write(1e9)])
    if ax is None:
        ax = new_axes(width_inches=7.2, height_inches=4.2)
    if words:
        draw_nothing(ax, words, font=font)
        add_words(ax, title=title, font=font)
        return ax
    handles = _draw_behind(ax, places, band, bars)
    handles |= _draw_lines(ax, places, numbers, is_marked=is_marked)
    if divider is not None:
        ax.axvline(divider, color=quiet_colour(ax), linestyle=":", linewidth=1.4)
    _dress(ax, write, language, font)
    if tick_labels is not None:
        ax.set_xticks(places, labels=[font.drawable(t) for t in tick_labels], **font.text_options)
    above = add_legend(ax, handles, font=font)
    add_words(ax, title=title, x_label=x_label, y_label=y_label, font=font, above_points=above)
    return ax


def _draw_behind(
    ax: Axes, places: Floats, band: tuple[str, Values, Values] | None, bars: Bars | None
) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    if bars is not None:
        edges, heights = numbers_of("edges", bars.edges), numbers_of("heights", bars.heights)
        check_length("edges", len(edges), expected=len(heights) + 1, of="heights, plus one")
        drawn = ax.bar(
            edges[:-1], heights, width=np.diff(edges), align="edge", color=quiet_colour(ax),
            alpha=0.45, edgecolor=ax.get_facecolor(), linewidth=0.6,
        )  # fmt: skip
        handles[bars.name] = drawn.patches[0]
    if band is not None:
        name, *sides = band
        low, high = (numbers_of(name, values) for values in sides)
        for values in (low, high):
            check_length(name, len(values), expected=len(places), of="x")
        handles[name] = ax.fill_between(
            places, low, high, color=categorical_colours(1)[0], alpha=0.2, linewidth=0
        )
    return handles


def _draw_lines(
    ax: Axes, places: Floats, numbers: Mapping[str, Floats], *, is_marked: bool
) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    colours = categorical_colours(max(len(numbers), 1))
    for position, (name, values) in enumerate(numbers.items()):
        (handles[name],) = ax.plot(
            places, values, color=colours[position], linewidth=1.8, markersize=4.5,
            linestyle=_DASHES[position % len(_DASHES)],
            marker=_MARKERS[position % len(_MARKERS)] if is_marked else "",
        )  # fmt: skip
    return handles


def _dress(ax: Axes, write: Callable[[float], str], language: Language, font: ChartFont) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    clean_axes(ax, spines=("bottom",), grid="y")
    ax.set_ylim(bottom=0)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=_TICK_STEPS))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: font.drawable(write(value))))
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=_TICK_STEPS))
    ax.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: font.drawable(format_compact(value, language=language)))
    )
    ax.tick_params(labelfontfamily=list(font.families))
