"""The UpSet chart: which combinations of sets there are, and how large each is.

Lex, Gehlenborg, Strobelt, Vuillemot & Pfister (2014), UpSet: visualization of intersecting sets,
IEEE Transactions on Visualization and Computer Graphics 20(12), 1983-1992.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from userops.charts.axes import axes_inches, check_axes, new_axes
from userops.charts.colours import GRID_COLOUR, categorical_colours
from userops.charts.fonts import ChartFont, chart_font
from userops.charts.labels import (
    Language,
    check_language,
    format_compact,
    no_data,
    wrap_label,
)
from userops.charts.sequences import Values, check_length, names_of, numbers_of
from userops.charts.style import (
    SMALLEST_POINTS,
    add_words,
    clean_axes,
    draw_nothing,
    fitting_points,
    inches_of,
    lines_inches,
    points_of,
    quiet_colour,
)
from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_upset"]

_LABEL_COLUMNS = 26
_COLUMN_INCHES = 0.36
_ROW_INCHES = 0.28
_BARS_INCHES = 1.9
_SIZES_INCHES = 1.5
# With more sets than this, those in no drawn combination are left out.
_MOST_ROWS = 30
_BAR = 0.66
_DOT = 0.3
# The bars begin so far from the middle of the first row and column.
_GAP = 0.8


@attrs.frozen
class _Chart:
    """What is drawn.

    Attributes:
        names: The sets, the first at the top.
        sizes: Members of each set.
        combinations: Rows of the sets in it, for each combination.
        counts: Customers of each combination.
    """

    names: list[str]
    sizes: list[float]
    combinations: list[tuple[int, ...]]
    counts: list[float]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.names), len(self.combinations)


def plot_upset(
    names: Sequence[object],
    *,
    sizes: Values,
    intersections: Sequence[tuple[Collection[object], float]],
    most: int = 20,
    min_size: float = 1,
    title: str = "",
    x_label: str = "",
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw combinations of sets: a column of dots each, its size as a bar above.

    The sizes of the sets lie as bars at the left. Each bar says its number, as `format_compact`
    writes it.

    Args:
        names: The sets.
        sizes: Members of each set.
        intersections: For each combination the names of its sets and how many members are in these
            sets and in no other; a combination of no set is a column without dots.
        most: How many combinations to draw, the largest ones.
        min_size: Combinations of fewer members are left out.
        title: The title.
        x_label: What stands below.
        language: Language of numbers and of "no data".
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes. The largest combination lies at x = 0 and the largest set at y = 0, with y
        pointing down; of more than thirty sets, those in no drawn combination are left out.
        `ax.containers` holds the bars of the combinations, then those of the sets.

    Raises:
        InvalidArgumentError: If lengths differ, a set occurs twice or is not known, or a value is
            not a number.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    chart = _checked(names, sizes, intersections, most, min_size)
    words = "" if all(chart.shape) else no_data(language)
    write = partial(format_compact, language=language)
    texts = [write(value) for value in [*chart.counts, *chart.sizes]]
    font = chart_font([title, x_label, words, *chart.names, *texts])
    if ax is None:
        ax = _fitting_axes(chart, is_titled=bool(title), is_named=bool(x_label))
    if words:
        draw_nothing(ax, words, font=font)
    else:
        _draw(ax, chart, texts, font)
    add_words(ax, title=title, x_label=x_label, font=font)
    return ax


def _checked(
    names: Sequence[object],
    sizes: Values,
    intersections: Sequence[tuple[Collection[object], float]],
    most: int,
    min_size: float,
) -> _Chart:
    labels = names_of("names", names)
    check_length("sizes", len(sizes), expected=len(labels), of="names")
    members = numbers_of("sizes", sizes)
    if len(set(labels)) < len(labels):
        raise InvalidArgumentError("names", "holds a name twice", got=labels)
    if most < 1:
        raise InvalidArgumentError("most", "draws nothing", got=most, allowed=">= 1")
    row_of = {name: row for row, name in enumerate(labels)}
    counts = numbers_of("intersections", [count for _, count in intersections])
    found = []
    for (sets, _), count in zip(intersections, counts, strict=True):
        combination = names_of("intersections", [sets] if isinstance(sets, str) else list(sets))
        for name in combination:
            if name not in row_of:
                raise InvalidArgumentError.unknown("intersections", name, labels)
        if count >= max(min_size, 0):
            found.append((float(count), {row_of[name] for name in combination}))
    # Stable: of equal size, those given first come first.
    found.sort(key=lambda pair: -pair[0])
    drawn = found[:most]
    used = {row for _, rows in drawn for row in rows}
    kept = [row for row in range(len(labels)) if len(labels) <= _MOST_ROWS or row in used]
    kept.sort(key=lambda row: -members[row] if np.isfinite(members[row]) else 0.0)
    place = {row: position for position, row in enumerate(kept)}
    return _Chart(
        [labels[row] for row in kept],
        [float(members[row]) for row in kept],
        [tuple(sorted(place[row] for row in rows)) for _, rows in drawn],
        [count for count, _ in drawn],
    )


def _fitting_axes(chart: _Chart, *, is_titled: bool, is_named: bool) -> Axes:
    rows, columns = chart.shape
    points = points_of("medium")
    labels = [wrap_label(name, columns=_LABEL_COLUMNS) for name in chart.names]
    left = 0.1 + max(inches_of(label, points=points) for label in ["", *labels])
    lines = max(label.count("\n") + 1 for label in ["", *labels])
    row_inches = max(_ROW_INCHES, lines_inches(lines, points=points))
    bottom, top = 0.15 + 0.3 * is_named, 0.15 + 0.35 * is_titled
    return new_axes(
        width_inches=left + _SIZES_INCHES + max(columns * _COLUMN_INCHES, 2.4) + 0.05,
        height_inches=bottom + top + _BARS_INCHES + max(rows * row_inches, 0.6),
        left_inches=left,
        right_inches=0.05,
        bottom_inches=bottom,
        top_inches=top,
    )


def _draw(ax: Axes, chart: _Chart, texts: list[str], font: ChartFont) -> None:
    rows, columns = chart.shape
    width, height = axes_inches(ax)
    # The matrix has the room that its cells ask for, and leaves a part of the axes to the bars.
    at_left = min(max(1 - columns * _COLUMN_INCHES / width, 0.25), 0.4)
    on_top = min(max(1 - rows * _ROW_INCHES / height, 0.35), 0.65)
    # The lengths of the longest bars, texts included, in columns and in rows.
    reach, rise = columns * at_left / (1 - at_left), rows * on_top / (1 - on_top)
    clean_axes(ax)
    ax.set_xlim(-0.5 - reach, columns - 0.5)
    ax.set_ylim(rows - 0.5, -0.5 - rise)
    ax.set_xticks([])
    ax.set_yticks(
        np.arange(rows),
        labels=[font.drawable(wrap_label(name, columns=_LABEL_COLUMNS)) for name in chart.names],
        **font.text_options,
    )
    _draw_matrix(ax, chart)
    # The bars begin behind a gap.
    reach_left, rise_left = reach - (_GAP - 0.5), rise - (_GAP - 0.5)
    over, beside = texts[:columns], texts[columns:]
    points = fitting_points(
        beside,
        width_inches=width * at_left / 2,
        height_inches=height * (1 - on_top) / rows,
        largest=points_of("small"),
    )
    room = max(inches_of(text, points=points) for text in beside) + 0.08
    length = max(reach_left - room * (columns + reach) / width, reach_left / 3)
    _draw_size_bars(ax, chart, beside, length=length, points=points, font=font)
    column_inches = width * (1 - at_left) / columns
    # Columns too narrow for a number have it upright.
    widest = max(inches_of(text, points=SMALLEST_POINTS) for text in over)
    is_upright = widest > column_inches
    points = fitting_points(
        ["0"] if is_upright else over,
        width_inches=column_inches,
        height_inches=column_inches if is_upright else height,
        largest=points_of("small"),
    )
    tall = max(inches_of(text, points=points) for text in over)
    tall = tall if is_upright else lines_inches(1, points=points)
    length = max(rise_left - (tall + 0.05) * (rows + rise) / height, rise_left / 3)
    options: dict[str, Any] = {"fontsize": points, "rotation": 90 if is_upright else 0}
    _draw_count_bars(ax, chart, over, length=length, options=options, font=font)


def _draw_matrix(ax: Axes, chart: _Chart) -> None:
    rows, columns = chart.shape
    width, height = axes_inches(ax)
    left, right = ax.get_xlim()
    bottom, top = ax.get_ylim()
    cell = min(width / (right - left), height / (bottom - top))
    for row in range(0, rows, 2):
        ax.axhspan(row - 0.5, row + 0.5, color=GRID_COLOUR, linewidth=0, alpha=0.12, zorder=0)
    area = (cell * _DOT * 2 * 72 * 0.8) ** 2
    ink = categorical_colours(1)[0]
    inside = [(x, y) for x, sets in enumerate(chart.combinations) for y in sets]
    outside = [
        (x, y)
        for x, sets in enumerate(chart.combinations)
        for y in sorted(set(range(rows)).difference(sets))
    ]
    ax.vlines(
        range(columns),
        [min(sets, default=0) for sets in chart.combinations],
        [max(sets, default=0) for sets in chart.combinations],
        colors=ink,
        linewidth=2,
        zorder=2,
    )
    for dots, colour, order in ((outside, GRID_COLOUR, 1), (inside, ink, 3)):
        x, y = zip(*dots, strict=True) if dots else ((), ())
        ax.scatter(x, y, s=area, color=colour, linewidths=0, zorder=order)


def _draw_count_bars(
    ax: Axes,
    chart: _Chart,
    texts: list[str],
    *,
    length: float,
    options: dict[str, Any],
    font: ChartFont,
) -> None:
    unit = length / (max(chart.counts) or 1)
    heights = [-count * unit for count in chart.counts]
    ax.bar(range(len(heights)), heights, width=_BAR, bottom=-_GAP, color=categorical_colours(1)[0])
    for x, (height, text) in enumerate(zip(heights, texts, strict=True)):
        ax.annotate(
            font.drawable(text),
            (x, height - _GAP),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
            **options,
            **font.text_options,
        )


def _draw_size_bars(
    ax: Axes, chart: _Chart, texts: list[str], *, length: float, points: float, font: ChartFont
) -> None:
    known = [size if np.isfinite(size) else 0.0 for size in chart.sizes]
    unit = length / (max(known) or 1)
    widths = [-size * unit for size in known]
    ax.barh(range(len(widths)), widths, height=_BAR, left=-_GAP, color=quiet_colour(ax))
    for y, (width, text) in enumerate(zip(widths, texts, strict=True)):
        ax.annotate(
            font.drawable(text),
            (width - _GAP, y),
            xytext=(-2, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=points,
            **font.text_options,
        )
