from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_hex

from userops.charts import categorical_colours, plot_upset
from userops.errors import InvalidArgumentError

NAMES = ["new", "vip", "active"]
SIZES = [30, 60, 45]
FOUND: list[tuple[Iterable[str], int]] = [
    (("new",), 5),
    (("vip", "active"), 40),
    (("new", "vip", "active"), 1),
    (("vip",), 19),
    (("new", "active"), 4),
]


def _texts(ax: Axes) -> list[str]:
    return [text.get_text() for text in ax.texts]


def _dots(ax: Axes) -> list[set[int]]:
    """The rows with a dot of the first colour, column by column."""
    ink = categorical_colours(1)[0]
    drawn = [c for c in ax.collections if isinstance(c, PathCollection)]
    inside = [c for c in drawn if len(c.get_facecolor()) and to_hex(c.get_facecolor()[0]) == ink]
    points = [tuple(p) for c in inside for p in np.asarray(c.get_offsets())]
    columns = 1 + max((int(x) for x, _ in points), default=-1)
    return [{int(y) for x, y in points if x == column} for column in range(columns)]


def _chart(ax: Axes | None = None, **options: object) -> Axes:
    return plot_upset(NAMES, sizes=SIZES, intersections=FOUND, ax=ax, **options)  # type: ignore[arg-type]


def test_the_largest_come_first(ax: Axes) -> None:
    """Combinations run from the largest at the left, sets from the largest at the top."""
    _chart(ax)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["vip", "active", "new"]
    assert _dots(ax) == [{0, 1}, {0}, {2}, {1, 2}, {0, 1, 2}]
    assert _texts(ax) == ["60", "45", "30", "40", "19", "5", "4", "1"]


def test_bars_are_proportional(ax: Axes) -> None:
    """Bars of combinations rise, and bars of sets reach to the left, in proportion to members."""
    _chart(ax)
    sizes, counts = ax.containers
    if len(sizes) != len(NAMES):
        sizes, counts = counts, sizes
    heights = [-bar.get_height() for bar in counts]
    widths = [-bar.get_width() for bar in sizes]
    assert np.allclose(np.array(heights) / heights[0], np.array([40, 19, 5, 4, 1]) / 40)
    assert np.allclose(np.array(widths) / widths[0], np.array([60, 45, 30]) / 60)
    assert heights[0] > 0
    assert widths[0] > 0


def test_a_line_joins_the_sets_of_a_combination(ax: Axes) -> None:
    """The dots of a combination are joined from its first set to its last."""
    _chart(ax)
    [lines] = [c for c in ax.collections if isinstance(c, LineCollection)]
    ends = [[(float(x), float(y)) for x, y in segment] for segment in lines.get_segments()]
    assert ends[0] == [(0.0, 0.0), (0.0, 1.0)]
    assert ends[1] == [(1.0, 0.0), (1.0, 0.0)]
    assert ends[4] == [(4.0, 0.0), (4.0, 2.0)]


def test_only_the_largest_are_drawn(ax: Axes) -> None:
    """Combinations below the least size, and those beyond the most, are left out."""
    _chart(ax, most=2)
    assert _dots(ax) == [{0, 1}, {0}]
    other = _chart(min_size=5)
    assert _dots(other) == [{0, 1}, {0}, {2}]


def test_equal_combinations_keep_their_order() -> None:
    """Combinations of equal size stand in the order in which they are given."""
    ax = plot_upset(["a", "b"], sizes=[2, 2], intersections=[(["b"], 1), (["a"], 1)])
    assert _dots(ax) == [{1}, {0}]


def test_a_combination_of_no_set_has_no_dot() -> None:
    """Members of none of the sets are a column without dots."""
    ax = plot_upset(["a"], sizes=[1], intersections=[((), 9), (("a",), 1)])
    assert _dots(ax) == [set(), {0}]


def test_of_many_sets_the_used_ones_are_drawn() -> None:
    """Of more than thirty sets, those in no drawn combination have no row."""
    names = [f"set {k}" for k in range(40)]
    found = [((names[3], names[7]), 5), ((names[9],), 2)]
    ax = plot_upset(names, sizes=range(40), intersections=found)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["set 9", "set 7", "set 3"]


@pytest.mark.parametrize("columns", [3, 20, 60])
def test_numbers_do_not_run_into_each_other(ax: Axes, columns: int) -> None:
    """On axes of any size the numbers above the bars lie beside each other, inside the axes."""
    names = [f"s{k}" for k in range(6)]
    found = [
        ([name for bit, name in enumerate(names) if (k + 1) >> bit & 1], 12_345_678 - k * 1000)
        for k in range(columns)
    ]
    plot_upset(names, sizes=[9_999_999] * 6, intersections=found, most=60, ax=ax)
    ax.get_figure().canvas.draw()  # type: ignore[union-attr]
    boxes = [text.get_window_extent() for text in ax.texts[6:]]
    assert len(boxes) == columns
    if columns <= 20:
        assert all(left.x1 <= right.x0 + 1 for left, right in pairwise(boxes))
    every = [text.get_window_extent() for text in ax.texts]
    assert all(box.y1 <= ax.bbox.y1 + 1 and box.x0 >= ax.bbox.x0 - 1 for box in every)


def test_words_and_chinese_numbers(ax: Axes) -> None:
    """Title and label stand as given, and numbers are written in the language."""
    plot_upset(
        ["a"], sizes=[12_000], intersections=[("a", 12_000)], title="Sets", x_label="below",
        language="en", ax=ax,
    )  # fmt: skip
    assert ax.get_title(loc="left") == "Sets"
    assert ax.get_xlabel() == "below"
    assert _texts(ax) == ["12K", "12K"]


def test_chinese_numbers(ax: Axes, chinese_font: tuple[str, ...]) -> None:
    """In Chinese, numbers count by ten thousands."""
    plot_upset(["新客"], sizes=[12_000], intersections=[(["新客"], 12_000)], language="zh", ax=ax)
    assert _texts(ax) == ["1.2万", "1.2万"]


def test_nothing_to_draw() -> None:
    """Without sets or without combinations the chart says that there is no data."""
    for ax in (
        plot_upset([], sizes=[], intersections=[]),
        plot_upset(["a"], sizes=[0], intersections=[], title="Sets"),
    ):
        assert _texts(ax) == ["No data"]
        assert len(ax.containers) == 0


def test_sizes_of_nothing_can_be_drawn() -> None:
    """Sets and combinations of no member, and sets of unknown size, can be drawn."""
    ax = plot_upset(["a", "b"], sizes=[0, None], intersections=[(["a"], 0)], min_size=0)
    ax.figure.canvas.draw()
    assert _texts(ax) == ["0", "–", "0"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sizes": [1]}, "sizes: has the length 1, but names has the length 3"),
        ({"intersections": [(["vipp"], 1)]}, "intersections: 'vipp' is not known.*'vip'"),
        ({"intersections": [(["vip"], "x")]}, r"intersections\[0\]: is not a number"),
        ({"most": 0}, "most: draws nothing"),
        ({"language": "fr"}, "language: 'fr' is not known"),
        ({"ax": 1}, "ax: cannot be drawn on"),
    ],
)
def test_misuse(options: dict[str, object], message: str) -> None:
    """What cannot be drawn is refused, naming the argument."""
    arguments = {"sizes": SIZES, "intersections": FOUND} | options
    with pytest.raises(InvalidArgumentError, match=message):
        plot_upset(NAMES, **arguments)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="names: holds a name twice"):
        plot_upset(["a", "a"], sizes=[1, 1], intersections=[])
