"""Horizontal bars with their values written at the end, one or several per category."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from userops.charts.axes import axes_inches, check_axes, new_axes
from userops.charts.colours import categorical_colours, colours_by_name
from userops.charts.fonts import ChartFont, chart_font
from userops.charts.labels import (
    Language,
    check_language,
    format_number,
    format_percent,
    no_data,
    wrap_label,
)
from userops.charts.sequences import Floats, Values, names_of, series_of
from userops.charts.style import (
    add_legend,
    add_words,
    clean_axes,
    draw_nothing,
    fitting_points,
    inches_of,
    lines_inches,
    points_of,
)

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

__all__ = ["share_bars"]

_LABEL_COLUMNS = 26
# Share of a category's height that its bars fill; the rest separates it from the next.
_BARS_HEIGHT = 0.8
_VALUE_GAP_POINTS = 3.0


def share_bars(
    labels: Sequence[object],
    *,
    series: Mapping[str, Values],
    values_format: Callable[[float], str] = format_percent,
    series_colours: Mapping[str, str] | None = None,
    title: str = "",
    x_label: str = "",
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw for each label one horizontal bar per series, such as share of customers and of spend.

    Args:
        labels: The categories, the first at the top; long ones are wrapped.
        series: Values by name, one value per label; None or NaN draws no bar and writes a dash.
            More than one series gets a legend.
        values_format: How a value is written; by default a share of one as a percentage.
        series_colours: Colours of some or all series; others get those for colour-blind readers.
        title: The title.
        x_label: What the values are.
        language: Language of "no data".
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; category i lies at y = i, with y pointing down. `ax.containers` holds the bars
        of each series.

    Raises:
        InvalidArgumentError: If lengths differ, or a value is not a number, or a colour no colour.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    names = names_of("labels", labels)
    numbers = series_of(series, expected=len(names), of="labels")
    texts = {
        name: [values_format(float(v)) if np.isfinite(v) else format_number(v) for v in values]
        for name, values in numbers.items()
    }
    colours = colours_by_name(
        numbers, chosen=series_colours, palette=categorical_colours, argument="series_colours"
    )
    words = "" if names else no_data(language)
    written = [text for column in texts.values() for text in column]
    font = chart_font([title, x_label, words, *names, *numbers, *written])
    if ax is None:
        ax = _fitting_axes(names, count=len(numbers), is_titled=bool(title))
    legend_points = 0.0
    if words:
        draw_nothing(ax, words, font=font)
    else:
        bars = _draw_bars(ax, names, numbers, colours, font)
        _write_values(ax, bars, numbers, texts, font)
        keys: dict[str, Artist] = {name: drawn.patches[0] for name, drawn in bars.items()}
        legend_points = add_legend(ax, keys, font=font)
    add_words(ax, title=title, x_label=x_label, font=font, above_points=legend_points)
    return ax


def _fitting_axes(names: Sequence[str], *, count: int, is_titled: bool) -> Axes:
    labels = [wrap_label(name, columns=_LABEL_COLUMNS) for name in names]
    points = points_of("medium")
    slot = max(
        0.24 * count + 0.12,
        *(lines_inches(label.count("\n") + 1, points=points) + 0.06 for label in ["", *labels]),
    )
    top = 0.15 + 0.35 * is_titled + 0.3 * (count > 1)
    return new_axes(
        width_inches=7.2,
        height_inches=0.3 + top + max(slot * len(names), 0.6),
        left_inches=0.1 + max(inches_of(label, points=points) for label in ["", *labels]),
        right_inches=0.05,
        bottom_inches=0.3,
        top_inches=top,
    )


def _draw_bars(
    ax: Axes,
    names: list[str],
    numbers: Mapping[str, Floats],
    colours: Mapping[str, str],
    font: ChartFont,
) -> dict[str, BarContainer]:
    places = np.arange(len(names), dtype=float)
    thickness = _BARS_HEIGHT / len(numbers)
    bars = {}
    for position, (name, values) in enumerate(numbers.items()):
        offset = (position - (len(numbers) - 1) / 2) * thickness
        widths = np.where(np.isfinite(values), values, 0.0)
        bars[name] = ax.barh(places + offset, widths, height=thickness * 0.92, color=colours[name])
    clean_axes(ax)
    # Each bar says its value, so a scale would say it twice.
    ax.set_xticks([])
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(
        places,
        labels=[font.drawable(wrap_label(name, columns=_LABEL_COLUMNS)) for name in names],
        **font.text_options,
    )
    return bars


def _write_values(
    ax: Axes,
    bars: Mapping[str, BarContainer],
    numbers: Mapping[str, Floats],
    texts: Mapping[str, Sequence[str]],
    font: ChartFont,
) -> None:
    width, height = axes_inches(ax)
    points = fitting_points(
        [text for column in texts.values() for text in column],
        width_inches=width / 3,
        height_inches=height * _BARS_HEIGHT / sum(len(drawn) for drawn in bars.values()),
        largest=points_of("small"),
    )
    is_negative = {n: np.where(np.isfinite(v), v, 0.0) < 0 for n, v in numbers.items()}
    rooms = {False: 0.0, True: 0.0}
    for name, drawn in bars.items():
        for bar, text, below in zip(drawn, texts[name], is_negative[name], strict=True):
            room = inches_of(text, points=points) + 2 * _VALUE_GAP_POINTS / 72
            rooms[bool(below)] = max(rooms[bool(below)], room)
            ax.annotate(
                font.drawable(text),
                (bar.get_width(), bar.get_y() + bar.get_height() / 2),
                xytext=(-_VALUE_GAP_POINTS if below else _VALUE_GAP_POINTS, 0),
                textcoords="offset points",
                ha="right" if below else "left",
                va="center",
                fontsize=points,
                **font.text_options,
            )
    widths = np.concatenate(
        [[0.0], *([bar.get_width() for bar in drawn] for drawn in bars.values())]
    )
    low, high = float(widths.min()), float(widths.max())
    if low < 0:
        ax.axvline(0, color="#888888", linewidth=0.8)
    # The longest bar ends where its value still fits before the edge of the axes.
    unit = (high - low or 1.0) / max(width - sum(rooms.values()), width / 3)
    ax.set_xlim(low - rooms[True] * unit, (high or 1.0) + rooms[False] * unit)
