"""Values over two numbers, as colours with a scale beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from userops.charts.axes import check_axes, new_axes
from userops.charts.colours import sequential_colour
from userops.charts.fonts import chart_font
from userops.charts.labels import Language, check_language, format_number
from userops.charts.sequences import Values
from userops.charts.style import add_words, clean_axes
from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["surface"]


def surface(
    values: NDArray[Any],
    *,
    x_edges: Values,
    y_edges: Values,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    values_label: str = "",
    values_format: Callable[[float], str] = format_number,
    language: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw a fine grid of cells, the darker the higher; `heat_grid` writes numbers into few.

    Args:
        values: Shape (rows, columns), the first row at the bottom; NaN where there is none.
        x_edges: Edges of the columns, one more than there are.
        y_edges: Edges of the rows, one more than there are.
        title: The title.
        x_label: What the columns are.
        y_label: What the rows are.
        values_label: What the values are.
        values_format: How a value is written.
        language: Of the host's other words.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes. `ax.collections[0]` is the mesh; the scale has axes of its own in the figure.

    Raises:
        InvalidArgumentError: If the edges do not fit the values.
        MissingExtraError: If matplotlib is not installed.
    """
    check_axes(ax)
    check_language(language)
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.shape != (len(y_edges) - 1, len(x_edges) - 1):
        raise InvalidArgumentError(
            "values", "do not fit the edges", got=f"shape {numbers.shape}",
            allowed=f"shape {(len(y_edges) - 1, len(x_edges) - 1)}",
        )  # fmt: skip
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    font = chart_font([title, x_label, y_label, values_label])
    if ax is None:
        ax = new_axes(width_inches=7.2, height_inches=4.8, right_inches=1.0)
    steps = [sequential_colour(share) for share in np.linspace(0.0, 1.0, 11)]
    shades = LinearSegmentedColormap.from_list("userops", steps)
    clean_axes(ax)
    mesh = ax.pcolormesh(
        np.asarray(x_edges, dtype=np.float64), np.asarray(y_edges, dtype=np.float64),
        np.ma.masked_invalid(numbers), cmap=shades, rasterized=True,
    )  # fmt: skip
    scale = ax.figure.colorbar(mesh, ax=ax)
    scale.outline.set_visible(False)
    scale.ax.tick_params(length=0, labelfontfamily=list(font.families))
    scale.ax.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: font.drawable(values_format(value)))
    )
    scale.ax.set_ylabel(font.drawable(values_label), labelpad=6, **font.text_options)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    ax.tick_params(labelfontfamily=list(font.families))
    add_words(ax, title=title, x_label=x_label, y_label=y_label, font=font)
    return ax
