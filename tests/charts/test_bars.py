from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from userops.charts import categorical_colours, format_compact, share_bars
from userops.errors import InvalidArgumentError

SHARES = {"Customers": [0.1, 0.9], "Spend": [0.6, 0.4]}


def _widths(ax: Axes) -> list[list[float]]:
    return [[bar.get_width() for bar in container] for container in ax.containers]


def _texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_bars_are_as_long_as_values(ax: Axes) -> None:
    """Each series has one bar per label, as long as its value, with the value at its end."""
    share_bars(["Champions", "Lost"], series=SHARES, ax=ax)
    assert _widths(ax) == [[0.1, 0.9], [0.6, 0.4]]
    assert _texts(ax) == ["10.0%", "90.0%", "60.0%", "40.0%"]
    assert [text.xy[0] for text in ax.texts] == [0.1, 0.9, 0.6, 0.4]  # type: ignore[attr-defined]


def test_first_label_is_at_the_top(ax: Axes) -> None:
    """Categories run from the top, and within each the first series is above the second."""
    share_bars(["Champions", "Lost"], series=SHARES, ax=ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["Champions", "Lost"]
    assert ax.get_yticks().tolist() == [0, 1]
    low, high = ax.get_ylim()
    assert low > high
    first, second = ax.containers
    assert first[0].get_y() < second[0].get_y() < first[1].get_y()


def test_bars_begin_at_zero(ax: Axes) -> None:
    """Bars begin at zero, and the longest ends before the edge so that its value fits."""
    share_bars(["Champions", "Lost"], series=SHARES, ax=ax)
    low, high = ax.get_xlim()
    assert low == 0
    assert 0.9 < high < 1.5
    ax.get_figure().canvas.draw()  # type: ignore[union-attr]
    assert all(text.get_window_extent().x1 <= ax.bbox.x1 for text in ax.texts)


def test_series_have_colours_and_a_legend(ax: Axes) -> None:
    """Several series have a legend above, in their colours."""
    share_bars(["Champions", "Lost"], series=SHARES, ax=ax)
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["Customers", "Spend"]
    drawn = [to_hex(container[0].get_facecolor()) for container in ax.containers]
    assert drawn == list(categorical_colours(2))
    assert [to_hex(h.get_facecolor()) for h in legend.legend_handles] == drawn  # type: ignore[union-attr]


def test_one_series_needs_no_legend(ax: Axes) -> None:
    """One series has no legend."""
    share_bars(["a"], series={"Share": [1]}, ax=ax)
    assert ax.get_legend() is None


def test_chosen_colours(ax: Axes) -> None:
    """A series has the colour chosen for it."""
    share_bars(["a"], series={"x": [1], "y": [1]}, series_colours={"y": "red"}, ax=ax)
    assert to_hex(ax.containers[1][0].get_facecolor()) == "#ff0000"


def test_missing_and_negative_values(ax: Axes) -> None:
    """A missing value has no bar and a dash; a negative one has its value at its left."""
    share_bars(["a", "b", "c"], series={"Spend": [None, -0.2, np.inf]}, ax=ax)
    assert _widths(ax) == [[0, -0.2, 0]]
    assert _texts(ax) == ["–", "-20.0%", "∞"]
    assert ax.texts[1].get_horizontalalignment() == "right"
    assert ax.get_xlim()[0] < -0.2


def test_values_format(ax: Axes) -> None:
    """Values of any kind of number are written as the caller says."""
    share_bars(
        ["a"],
        series={"Orders": np.array([12345]), "Spend": [Decimal("99.5")]},
        values_format=format_compact,
        x_label="Orders",
        ax=ax,
    )
    assert _texts(ax) == ["12.3K", "99.5"]
    assert ax.get_xlabel() == "Orders"


def test_names_are_drawn_as_written(ax: Axes) -> None:
    """Names with dollar signs, a leading underscore, or none at all are drawn as they are."""
    share_bars(["$5 to $10", None], series={"_a": [1, 2], "_b": [1, 2]}, ax=ax)
    labels = ax.get_yticklabels()
    assert [t.get_text() for t in labels] == ["$5 to $10", "–"]
    assert not labels[0].get_parse_math()
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["_a", "_b"]


def test_long_labels_are_wrapped() -> None:
    """A long label is wrapped and stays whole."""
    name = "Customers who bought once in the last thirty days and never again"
    ax = share_bars([name], series={"Share": [1]})
    drawn = ax.get_yticklabels()[0].get_text()
    assert drawn.count("\n") >= 2
    assert drawn.replace("\n", " ") == name


def test_no_labels() -> None:
    """A chart without labels says that there is no data."""
    ax = share_bars([], series={"Share": []}, title="Segments")
    assert _texts(ax) == ["No data"]
    assert ax.get_title(loc="left") == "Segments"
    assert len(ax.containers) == 0


def test_all_zero() -> None:
    """Values that are all zero can be drawn."""
    ax = share_bars(["a", "b"], series={"Share": [0, 0]})
    ax.figure.canvas.draw()
    assert _texts(ax) == ["0.0%", "0.0%"]


@pytest.mark.parametrize(
    ("series", "message"),
    [
        ({}, "series: holds nothing to draw"),
        (
            {"Spend": [1]},
            r"series\['Spend'\]: has the length 1, but labels has the length 2",
        ),
        ({"Spend": [1, "x"]}, r"series\['Spend'\]\[1\]: is not a number. Got: 'x'"),
    ],
)
def test_misuse(series: dict[str, list[object]], message: str) -> None:
    """A series of another length than the labels is refused with both lengths."""
    with pytest.raises(InvalidArgumentError, match=message):
        share_bars(["a", "b"], series=series)  # type: ignore[arg-type]
