"""Where a chart is drawn: on the caller's axes, or on a new figure of a fitting size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.errors import InvalidArgumentError, MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["axes_inches", "check_axes", "new_axes", "require_matplotlib"]


def require_matplotlib() -> None:
    """Refuse to draw without matplotlib.

    Raises:
        MissingExtraError: If it is not installed, naming the extra that brings it.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as missing:
        raise MissingExtraError("plot", "matplotlib") from missing


def check_axes(ax: Axes | None) -> None:
    """Refuse to draw on anything but axes; no `Axes` at all asks for a new figure.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        InvalidArgumentError: If `ax` is something else, such as a figure.
    """
    require_matplotlib()
    from matplotlib.axes import Axes

    if ax is not None and not isinstance(ax, Axes):
        raise InvalidArgumentError(
            "ax",
            "cannot be drawn on",
            got=type(ax).__name__,
            allowed="matplotlib Axes, or None for a new figure",
            hint="of several axes, pass one: axs[0]",
        )


def new_axes(
    *,
    width_inches: float,
    height_inches: float,
    left_inches: float = 0.8,
    right_inches: float = 0.2,
    bottom_inches: float = 0.5,
    top_inches: float = 0.5,
) -> Axes:
    """Create a figure that keeps all labels inside, and return its axes.

    The figure belongs to pyplot, so that a notebook shows it. A service that draws many charts
    passes axes of its own `matplotlib.figure.Figure`, which pyplot does not keep.

    Args:
        width_inches: Width of the figure, > 0.
        height_inches: Height of the figure, > 0.
        left_inches: What the labels at the left will about take. The layout settles when the
            figure is drawn; until then texts are measured against this.
        right_inches: The same for the right.
        bottom_inches: The same for the bottom.
        top_inches: The same for title and legend.
    """
    from matplotlib import pyplot as plt

    _, ax = plt.subplots(
        figsize=(width_inches, height_inches),
        layout="constrained",
        gridspec_kw={
            "left": left_inches / width_inches,
            "right": 1 - right_inches / width_inches,
            "bottom": bottom_inches / height_inches,
            "top": 1 - top_inches / height_inches,
        },
    )
    return ax


def axes_inches(ax: Axes) -> tuple[float, float]:
    """Return the width and height of axes as they are now, before any layout, in inches."""
    dots_per_inch = ax.get_figure().dpi  # type: ignore[union-attr]
    return float(ax.bbox.width / dots_per_inch), float(ax.bbox.height / dots_per_inch)
