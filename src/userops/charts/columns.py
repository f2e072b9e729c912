"""Upright bars, one or several for each category that has an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from userops.charts.axes import check_axes, new_axes
from userops.charts.colours import categorical_colours
from userops.charts.fonts import chart_font
from userops.charts.labels import Language, check_language, format_compact, no_data
from userops.charts.sequences import Values, names_of, series_of
from userops.charts.style import add_legend, add_words, clean_axes, draw_nothing, quiet_colour

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["columns"]

_WIDTH = 0.8


def columns(
    labels: Sequence[object],
    *,
    series: Mapping[str, Values],
    level: float | None = None,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    values_format: Callable[[float], str] | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw upright bars: categories from left to right, the series of each side by side.

    Args:
        labels: The categories.
        series: Values by name, one value per label; None or NaN draws no bar.
        level: Where a level line stands.
        title: The title.
        x_label: What the categories are.
        y_label: What the values are.
        values_format: How a value is written; `format_compact` in the language by default.
        language: Language of numbers and of "no data".
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; category i lies at x = i. `ax.containers` holds the bars of each series.

    Raises:
        InvalidArgumentError: If lengths differ, or a value is not a number.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    names = names_of("labels", labels)
    numbers = series_of(series, expected=len(names), of="labels")
    write = values_format or partial(format_compact, language=language)
    words = "" if names else no_data(language)
    font = chart_font([title, x_label, y_label, words, *names, *numbers, write(1.0), write(1e9)])
    if ax is None:
        ax = new_axes(width_inches=7.2, height_inches=4.2)
    if words:
        draw_nothing(ax, words, font=font)
        add_words(ax, title=title, font=font)
        return ax
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    clean_axes(ax, spines=("bottom",), grid="y")
    places, width = np.arange(len(names), dtype=float), _WIDTH / len(numbers)
    colours = categorical_colours(len(numbers))
    handles: dict[str, Artist] = {}
    for position, (name, values) in enumerate(numbers.items()):
        offset = (position - (len(numbers) - 1) / 2) * width
        heights = np.where(np.isfinite(values), values, 0.0)
        drawn = ax.bar(places + offset, heights, width=width * 0.92, color=colours[position])
        handles[name] = drawn.patches[0]
    if level is not None:
        ax.axhline(level, color=quiet_colour(ax), linestyle=":", linewidth=1.4)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, steps=(1, 2, 5, 10)))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: font.drawable(write(value))))
    ax.tick_params(labelfontfamily=list(font.families))
    ax.set_xticks(places, labels=[font.drawable(name) for name in names], **font.text_options)
    above = add_legend(ax, handles, font=font)
    add_words(ax, title=title, x_label=x_label, y_label=y_label, font=font, above_points=above)
    return ax
