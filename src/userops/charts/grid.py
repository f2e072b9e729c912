"""The heat grid: a table whose cells are coloured by value, or by the group they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from userops.charts.axes import axes_inches, check_axes, new_axes
from userops.charts.colours import (
    DARK_TEXT,
    NO_GROUP_COLOUR,
    colours_by_name,
    fill_colours,
    sequential_colour,
    text_colour_on,
)
from userops.charts.fonts import ChartFont, chart_font
from userops.charts.labels import (
    Language,
    check_language,
    format_compact,
    format_number,
    no_data,
    unbreakable_width,
    wrap_label,
)
from userops.charts.regions import Region, group_borders, regions_of
from userops.charts.sequences import Floats, Values, check_length, names_of, numbers_of
from userops.charts.style import (
    SMALLEST_POINTS,
    add_words,
    clean_axes,
    columns_in,
    draw_nothing,
    fitting_points,
    inches_of,
    lines_inches,
    points_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["heat_grid"]

_ROW_LABEL_COLUMNS = 20
_FIGURE_WIDTH_MAX = 16.0
# Shares of a cell: the margin at each side; what group names should take at most from the top, and
# what they take when they cannot be made smaller.
_MARGIN = 0.06
_NAME_HEIGHT_MAX = 0.5
_NAME_HEIGHT_LIMIT = 0.65


@attrs.frozen
class _Grid:
    """Checked content of a heat grid; all tables are as long as the labels."""

    values: Floats
    rows: list[str]
    columns: list[str]
    texts: list[list[str]]
    groups: list[list[str | None]] | None

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), len(self.columns)

    @property
    def group_names(self) -> list[str]:
        """The groups in order of appearance, row by row."""
        return list(dict.fromkeys(g for row in self.groups or [] for g in row if g is not None))

    @property
    def words(self) -> list[str]:
        """All that is written in and around the cells."""
        cells = [text for row in self.texts for text in row]
        return [*self.rows, *self.columns, *self.group_names, *cells]

    @property
    def regions(self) -> list[Region]:
        return regions_of(self.groups) if self.groups is not None else []


def heat_grid(
    values: Sequence[Values],
    *,
    row_labels: Sequence[object],
    column_labels: Sequence[object],
    cell_texts: Sequence[Sequence[str | None]] | None = None,
    cell_groups: Sequence[Sequence[str | None]] | None = None,
    group_colours: Mapping[str, str] | None = None,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    values_format: Callable[[float], str] | None = None,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw a table of cells with a text in each, coloured by value or by group.

    Without groups, a cell is the darker the higher its value. With groups, each group has its
    colour, its name stands once in each area that it fills, and a line runs around the area, so
    that nothing is told by colour alone.

    Args:
        values: One sequence of numbers per row, the first row at the top; None or NaN where there
            is no value.
        row_labels: One per row.
        column_labels: One per column.
        cell_texts: What stands in each cell, of the shape of `values`; the value by default.
        cell_groups: The group of each cell, of the shape of `values`; None for no group.
        group_colours: Colours of some or all groups; others get those for colour-blind readers.
        title: The title.
        x_label: What the columns are.
        y_label: What the rows are.
        values_format: How a value is written; `format_compact` in the language by default.
        language: Language of numbers and of "no data".
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; rows and columns are one unit wide, the top left cell begins at (0, 0).

    Raises:
        InvalidArgumentError: If lengths differ, or a value is not a number, or a colour no colour.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    write = values_format or partial(format_compact, language=language)
    grid = _checked_grid(
        values,
        row_labels=row_labels,
        column_labels=column_labels,
        cell_texts=cell_texts,
        cell_groups=cell_groups,
        write=write,
    )
    colours = colours_by_name(
        grid.group_names, chosen=group_colours, palette=fill_colours, argument="group_colours"
    )
    words = no_data(language) if 0 in grid.shape else ""
    font = chart_font([title, x_label, y_label, words, *grid.words])
    if ax is None:
        ax = _fitting_axes(grid, is_named=bool(x_label), is_titled=bool(title))
    if words:
        draw_nothing(ax, words, font=font)
    else:
        _draw_cells(ax, grid, _cell_colours(grid, colours), font)
        _label_sides(ax, grid, font)
    add_words(ax, title=title, x_label=x_label, y_label=y_label, font=font)
    return ax


def _checked_grid(
    values: Sequence[Values],
    *,
    row_labels: Sequence[object],
    column_labels: Sequence[object],
    cell_texts: Sequence[Sequence[str | None]] | None,
    cell_groups: Sequence[Sequence[str | None]] | None,
    write: Callable[[float], str],
) -> _Grid:
    rows = names_of("row_labels", row_labels)
    columns = names_of("column_labels", column_labels)

    def check_shape(argument: str, table: Sequence[Sequence[object]] | Sequence[Values]) -> None:
        check_length(argument, len(table), expected=len(rows), of="row_labels")
        for position, row in enumerate(table):
            check_length(
                f"{argument}[{position}]", len(row), expected=len(columns), of="column_labels"
            )

    check_shape("values", values)
    numbers = np.full((len(rows), len(columns)), np.nan)
    for position, row in enumerate(values):
        numbers[position] = numbers_of(f"values[{position}]", row)
    if cell_texts is None:
        texts = [
            [write(float(v)) if np.isfinite(v) else format_number(v) for v in row]
            for row in numbers
        ]
    else:
        check_shape("cell_texts", cell_texts)
        texts = [["" if text is None else str(text) for text in row] for row in cell_texts]
    groups = None
    if cell_groups is not None:
        check_shape("cell_groups", cell_groups)
        groups = [[None if not group else str(group) for group in row] for row in cell_groups]
    return _Grid(numbers, rows, columns, texts, groups)


def _cell_colours(grid: _Grid, colours: Mapping[str, str]) -> list[list[str]]:
    if grid.groups is not None:
        return [[NO_GROUP_COLOUR if g is None else colours[g] for g in row] for row in grid.groups]
    known = grid.values[np.isfinite(grid.values)]
    low, high = (known.min(), known.max()) if known.size else (0.0, 0.0)
    spread = high - low
    return [
        [
            NO_GROUP_COLOUR
            if not np.isfinite(value)
            else sequential_colour((value - low) / spread if spread else 0.5)
            for value in row
        ]
        for row in grid.values
    ]


def _fitting_axes(grid: _Grid, *, is_named: bool, is_titled: bool) -> Axes:
    points = points_of("small")
    cells = [text for row in grid.texts for text in row]
    words = [piece for label in grid.columns for piece in label.split()]
    widest = max(inches_of(text, points=points) for text in [*cells, *words, ""])
    cell_width = min(max(widest + 0.12, 0.6), 1.7)
    cell_height = 0.2 + lines_inches(max(t.count("\n") + 1 for t in [*cells, ""]), points=points)
    if grid.groups is not None:
        cell_width, cell_height = max(cell_width, 1.3), cell_height + 0.42
    labels = [wrap_label(label, columns=_ROW_LABEL_COLUMNS) for label in grid.rows]
    left = 0.4 + max(inches_of(label, points=points_of("medium")) for label in [*labels, ""])
    bottom, top = 0.3 + 0.25 * is_named, 0.15 + 0.35 * is_titled
    return new_axes(
        width_inches=min(left + max(len(grid.columns) * cell_width, 3.2), _FIGURE_WIDTH_MAX),
        height_inches=bottom + top + max(len(grid.rows) * cell_height, 0.9),
        left_inches=left,
        right_inches=0.05,
        bottom_inches=bottom,
        top_inches=top,
    )


def _draw_cells(ax: Axes, grid: _Grid, colours: list[list[str]], font: ChartFont) -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.patches import Rectangle

    n_rows, n_columns = grid.shape
    ax.set_xlim(0, n_columns)
    ax.set_ylim(n_rows, 0)
    taken = _draw_group_names(ax, grid, colours, font)
    width, height = axes_inches(ax)
    points = fitting_points(
        [text for row in grid.texts for text in row],
        width_inches=width / n_columns * (1 - 2 * _MARGIN),
        height_inches=height / n_rows * (1 - taken - _MARGIN),
        largest=points_of("small"),
    )
    for row, column in np.ndindex(grid.shape):
        colour = colours[row][column]
        cell = Rectangle((column, row), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.8)
        ax.add_patch(cell)
        ax.text(
            column + 0.5,
            # Below the names, at one height in all cells.
            row + (1 + taken) / 2,
            font.drawable(grid.texts[row][column]),
            ha="center",
            va="center",
            fontsize=points,
            color=text_colour_on(colour),
            **font.text_options,
        )
    if grid.groups is not None:
        borders = group_borders(grid.groups)
        ax.add_collection(
            LineCollection(borders, colors=DARK_TEXT, linewidths=1.6, capstyle="projecting"),
            autolim=False,
        )


def _draw_group_names(ax: Axes, grid: _Grid, colours: list[list[str]], font: ChartFont) -> float:
    """Write each group's name into its areas; return the share of a cell's height that it takes."""
    if not grid.regions:
        return 0.0
    n_rows, n_columns = grid.shape
    width, height = (
        side / count for side, count in zip(axes_inches(ax), (n_columns, n_rows), strict=True)
    )
    points = points_of("small")
    while True:
        rooms = [columns_in(r.length * width * 0.94, points=points) for r in grid.regions]
        names = [
            wrap_label(r.name, columns=room) for r, room in zip(grid.regions, rooms, strict=True)
        ]
        # No word is to be broken, and half of the cell is left for its text.
        is_whole = all(
            unbreakable_width(r.name) <= room for r, room in zip(grid.regions, rooms, strict=True)
        )
        lines = max(name.count("\n") + 1 for name in names)
        taken = lines_inches(lines, points=points) / height + _MARGIN
        if (is_whole and taken <= _NAME_HEIGHT_MAX) or points <= SMALLEST_POINTS:
            break
        points -= 0.5
    for name, region in zip(names, grid.regions, strict=True):
        colour = colours[region.row][region.column]
        ax.text(
            region.column + region.length / 2,
            region.row + _MARGIN,
            font.drawable(name),
            ha="center",
            va="top",
            fontsize=points,
            linespacing=1.1,
            color=text_colour_on(colour),
            # Hides the line between two cells that the name runs across.
            bbox={"facecolor": colour, "edgecolor": "none", "pad": 0.5},
            **font.heading_options,
        )
    return min(taken, _NAME_HEIGHT_LIMIT)


def _label_sides(ax: Axes, grid: _Grid, font: ChartFont) -> None:
    n_rows, n_columns = grid.shape
    clean_axes(ax)
    points = points_of("medium")
    cell_width = axes_inches(ax)[0] / n_columns
    room = columns_in(cell_width, points=points)
    labels = grid.columns
    slant: dict[str, Any] = {}
    if max(inches_of(f"{label} ", points=points) for label in labels) > cell_width:
        if max(map(unbreakable_width, labels)) <= room:
            labels = [wrap_label(label, columns=room) for label in labels]
        else:
            slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    ax.set_xticks(
        np.arange(n_columns) + 0.5,
        labels=[font.drawable(label) for label in labels],
        **font.text_options,
        **slant,
    )
    ax.set_yticks(
        np.arange(n_rows) + 0.5,
        labels=[
            font.drawable(wrap_label(label, columns=_ROW_LABEL_COLUMNS)) for label in grid.rows
        ],
        **font.text_options,
    )
