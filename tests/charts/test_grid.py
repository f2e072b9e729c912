from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from userops.charts import fill_colours, heat_grid, text_colour_on
from userops.charts.colours import NO_GROUP_COLOUR, contrast_ratio
from userops.charts.regions import Region, group_borders, regions_of
from userops.errors import InvalidArgumentError

GROUPS = [["New", "Loyal", "Loyal"], ["Lost", "Lost", "Loyal"]]


def _cells(ax: Axes) -> dict[tuple[int, int], str]:
    return {
        (int(p.get_y()), int(p.get_x())): to_hex(p.get_facecolor())
        for p in ax.patches
        if isinstance(p, Rectangle)
    }


def _texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def test_values_darken_cells(ax: Axes) -> None:
    """Without groups, a higher value has a darker cell, and each cell tells its value."""
    heat_grid([[1, 12345], [3, 2]], row_labels=["a", "b"], column_labels=["x", "y"], ax=ax)
    cells = _cells(ax)
    darkness = {place: contrast_ratio(colour, "#ffffff") for place, colour in cells.items()}
    assert max(darkness, key=lambda place: darkness[place]) == (0, 1)
    assert min(darkness, key=lambda place: darkness[place]) == (0, 0)
    assert _texts(ax) == ["1", "12.3K", "3", "2"]


def test_first_row_is_at_the_top(ax: Axes) -> None:
    """Rows run from top to bottom and columns from left to right, with their labels."""
    heat_grid(
        [[1, 2], [3, 4]],
        row_labels=[5, 4],
        column_labels=["x", "y"],
        x_label="Frequency",
        y_label="Recency",
        ax=ax,
    )
    assert ax.get_ylim() == (2, 0)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["5", "4"]
    assert ax.get_yticks().tolist() == [0.5, 1.5]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x", "y"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("Frequency", "Recency")


def test_missing_values_are_grey(ax: Axes) -> None:
    """A missing value has a grey cell and a dash."""
    heat_grid([[None, math.nan, 1.0]], row_labels=["a"], column_labels=list("xyz"), ax=ax)
    assert [_cells(ax)[0, c] for c in range(2)] == [NO_GROUP_COLOUR] * 2
    assert _texts(ax) == ["–", "–", "1"]


def test_nothing_known(ax: Axes) -> None:
    """A grid in which all values are missing, and one in which all are equal, can be drawn."""
    heat_grid([[None, None]], row_labels=["a"], column_labels=["x", "y"], ax=ax)
    assert set(_cells(ax).values()) == {NO_GROUP_COLOUR}
    equal = heat_grid([[7, 7]], row_labels=["a"], column_labels=["x", "y"])
    assert len(set(_cells(equal).values())) == 1


def test_values_format(ax: Axes) -> None:
    """Values are written as the caller says, missing ones as a dash."""
    heat_grid(
        [[0.5, None]],
        row_labels=["a"],
        column_labels=["x", "y"],
        values_format=lambda v: f"{v:.0%}",
        ax=ax,
    )
    assert _texts(ax) == ["50%", "–"]


def test_cell_texts(ax: Axes) -> None:
    """Given texts stand in the middle of their cells; None leaves a cell empty."""
    heat_grid(
        [[1, 2]], row_labels=["a"], column_labels=["x", "y"], cell_texts=[["one\n1%", None]], ax=ax
    )
    assert _texts(ax) == ["one\n1%", ""]
    assert ax.texts[0].get_position() == (0.5, 0.5)


def test_groups_have_colours_and_names(ax: Axes) -> None:
    """Cells of a group share a colour, and each area carries the name of its group."""
    heat_grid(
        np.arange(6).reshape(2, 3),
        row_labels=["a", "b"],
        column_labels=list("xyz"),
        cell_groups=GROUPS,
        ax=ax,
    )
    new, loyal, lost = fill_colours(3)
    assert _cells(ax) == {
        (0, 0): new,
        (0, 1): loyal,
        (0, 2): loyal,
        (1, 0): lost,
        (1, 1): lost,
        (1, 2): loyal,
    }
    assert [t for t in _texts(ax) if not t.isdigit()] == ["New", "Loyal", "Lost"]
    names = {t.get_text(): t.get_position()[0] for t in ax.texts}
    assert names["Loyal"] == 2.0


def test_text_colour_follows_the_cell(ax: Axes) -> None:
    """Text has the colour that is readable on its cell."""
    heat_grid(
        [[1, 2]],
        row_labels=["a"],
        column_labels=["x", "y"],
        cell_groups=[["dark", "light"]],
        group_colours={"dark": "#101040", "light": "#ffffcc"},
        ax=ax,
    )
    colours = {t.get_text(): t.get_color() for t in ax.texts}
    assert colours["1"] == colours["dark"] == text_colour_on("#101040") == "#ffffff"
    assert colours["2"] == colours["light"] == text_colour_on("#ffffcc")


def test_group_borders_are_drawn(ax: Axes) -> None:
    """Lines run between groups and around the grid, and not inside a group."""
    heat_grid(
        [[1, 2, 3]] * 2,
        row_labels=["a", "b"],
        column_labels=list("xyz"),
        cell_groups=GROUPS,
        ax=ax,
    )
    (lines,) = (c for c in ax.collections if isinstance(c, LineCollection))
    drawn = {tuple(map(tuple, segment)) for segment in lines.get_segments()}
    assert drawn == set(group_borders(GROUPS))
    assert ((1, 0), (1, 1)) in drawn
    assert ((2, 0), (2, 1)) not in drawn


def test_cells_without_group(ax: Axes) -> None:
    """A cell without a group is grey and nameless."""
    heat_grid(
        [[1, 2]], row_labels=["a"], column_labels=["x", "y"], cell_groups=[[None, "A"]], ax=ax
    )
    assert _cells(ax)[0, 0] == NO_GROUP_COLOUR
    assert _texts(ax) == ["A", "1", "2"]


def test_regions() -> None:
    """A group in two places has two areas, each named on its widest run of cells."""
    groups = [["A", "B", "A"], ["B", "B", "A"], [None, "B", "B"]]
    assert regions_of(groups) == [
        Region("A", 0, 0, 1),
        Region("B", 1, 0, 2),
        Region("A", 0, 2, 1),
    ]
    assert regions_of([]) == group_borders([]) == []


def test_text_fits_small_cells(ax: Axes) -> None:
    """Text is made smaller until it fits its cell."""
    labels = list(range(12))
    heat_grid(
        [[123456] * 12] * 12,
        row_labels=labels,
        column_labels=labels,
        values_format=lambda v: f"{v:,.0f}",
        ax=ax,
    )
    ax.get_figure().canvas.draw()  # type: ignore[union-attr]
    width = ax.bbox.width / 12
    assert all(text.get_window_extent().width <= width for text in ax.texts)
    assert ax.texts[0].get_fontsize() < 8


def test_long_column_labels_slant(ax: Axes) -> None:
    """Column labels wider than their column are wrapped at spaces, or slanted where they cannot."""
    heat_grid([[1] * 4], row_labels=["a"], column_labels=["one and two and three"] * 4, ax=ax)
    assert "\n" in ax.get_xticklabels()[0].get_text()
    slanted = heat_grid([[1] * 30], row_labels=["a"], column_labels=["Unbreakable"] * 30)
    assert slanted.get_xticklabels()[0].get_rotation() == 45


def test_no_rows() -> None:
    """A grid without rows or without columns says that there is no data."""
    empty = heat_grid([], row_labels=[], column_labels=[], title="RFM", x_label="F")
    assert _texts(empty) == ["No data"]
    assert empty.get_title(loc="left") == "RFM"
    assert _texts(heat_grid([[], []], row_labels=["a", "b"], column_labels=[])) == ["No data"]


def test_no_rows_in_chinese(chinese_font: tuple[str, ...]) -> None:
    """An empty grid says so in Chinese."""
    empty = heat_grid([], row_labels=[], column_labels=[], language="zh")
    assert _texts(empty) == ["暂无数据"]
    assert tuple(empty.texts[0].get_fontfamily()) == chinese_font


def test_one_cell() -> None:
    """A grid of one cell can be drawn."""
    assert _texts(heat_grid([[1]], row_labels=["a"], column_labels=["x"])) == ["1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"values": [[1, 2]]}, r"values: has the length 1, but row_labels has the length 2"),
        (
            {"values": [[1, 2], [3]]},
            r"values\[1\]: has the length 1, but column_labels has the length 2",
        ),
        ({"cell_texts": [["a", "b"]]}, r"cell_texts: has the length 1"),
        ({"cell_groups": [["a", "b"], ["a"]]}, r"cell_groups\[1\]: has the length 1"),
        ({"row_labels": "ab"}, r"row_labels: is one text. Got: 'ab'"),
        ({"values": [[1, 2], [3, "many"]]}, r"values\[1\]\[1\]: is not a number. Got: 'many'"),
        (
            {"cell_groups": [["a", "a"]] * 2, "group_colours": {"a": "no"}},
            r"group_colours: 'a' has no colour",
        ),
    ],
)
def test_misuse(changes: dict[str, object], message: str) -> None:
    """Shapes that differ are refused with both lengths, other misuse with the offender."""
    arguments: dict[str, object] = {
        "values": [[1, 2], [3, 4]],
        "row_labels": ["a", "b"],
        "column_labels": ["x", "y"],
        **changes,
    }
    values = arguments.pop("values")
    with pytest.raises(InvalidArgumentError, match=message):
        heat_grid(values, **arguments)  # type: ignore[arg-type]
