"""What holds for every chart."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable

import matplotlib as mpl
import pytest
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from userops.charts import heat_grid, share_bars, timeline
from userops.errors import InvalidArgumentError

ENGLISH = ["Champions", "Potential loyalists", "Can't lose them", "Hibernating for a long time"]
CHINESE = ["重要价值客户", "潜力忠诚客户", "不能失去的客户", "沉睡已久且不再响应任何触达的客户"]


def _grid(names: list[str], **options: object) -> Axes:
    groups = [[names[0], names[1], names[1]], [names[2], names[3], names[3]]]
    return heat_grid(
        [[436, 470, 684], [146, 744, 854]],
        row_labels=names[:2],
        column_labels=names[1:],
        cell_texts=[["436\n3.6%", "470\n3.8%", "684\n5.6%"]] * 2,
        cell_groups=groups,
        title=names[3],
        x_label=names[1],
        y_label=names[0],
        **options,  # type: ignore[arg-type]
    )


def _bars(names: list[str], **options: object) -> Axes:
    return share_bars(
        names,
        series={names[0]: [0.1, 0.2, 0.3, 0.4], names[1]: [0.4, None, 0.0, 1.0]},
        title=names[3],
        x_label=names[1],
        **options,  # type: ignore[arg-type]
    )


def _timeline(names: list[str], **options: object) -> Axes:
    dates = [dt.date(2010 + m // 12, m % 12 + 1, 1) for m in range(14)]
    return timeline(
        dates,
        series={name: [1e4 * (i + m) for m in range(14)] for i, name in enumerate(names)},
        share=[m / 20 for m in range(14)],
        share_label=f"{names[2]} %",
        title=names[3],
        y_label=names[0],
        **options,  # type: ignore[arg-type]
    )


Draw = Callable[..., Axes]
CHARTS = [
    pytest.param(_grid, id="heat_grid"),
    pytest.param(_bars, id="share_bars"),
    pytest.param(_timeline, id="timeline"),
]


@pytest.fixture(params=["english", "chinese"])
def names(request: pytest.FixtureRequest) -> list[str]:
    """The same names in both languages; the Chinese ones where there is a font for them."""
    if request.param == "english":
        return ENGLISH
    request.getfixturevalue("chinese_font")
    return CHINESE


def _boxes(figure: Figure) -> list[tuple[Text, Bbox]]:
    figure.canvas.draw()
    texts = [t for t in figure.findobj(Text) if isinstance(t, Text) and t.get_text()]
    visible = [t for t in texts if t.get_visible() and _is_within_view(t)]
    return [(text, text.get_window_extent()) for text in visible]


def _is_within_view(text: Text) -> bool:
    """Say whether a text is drawn: ticks outside the limits of an axis are not."""
    for ax in text.get_figure().axes:  # type: ignore[union-attr]
        for axis, (low, high) in ((ax.xaxis, ax.get_xlim()), (ax.yaxis, ax.get_ylim())):
            for tick in axis.get_major_ticks():
                if text in {tick.label1, tick.label2}:
                    drawn = text is tick.label1 and tick.label1.get_visible()
                    drawn |= text is tick.label2 and tick.label2.get_visible()
                    return drawn and min(low, high) <= tick.get_loc() <= max(low, high)
    return True


@pytest.mark.parametrize("draw", CHARTS)
def test_texts_are_whole_and_apart(draw: Draw, names: list[str]) -> None:
    """At the default size no text is cut off by the figure, and no two overlap."""
    figure = draw(names).figure
    assert isinstance(figure, Figure)
    boxes = _boxes(figure)
    assert len(boxes) >= 10
    for text, box in boxes:
        assert figure.bbox.x0 - 1 <= box.x0, text
        assert box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0, text
        assert box.y1 <= figure.bbox.y1 + 1, text
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        # A pixel of touch between the outlines of two texts is not seen.
        overlap = Bbox.intersection(a.padded(-1), b.padded(-1))
        assert overlap is None, (one.get_text(), other.get_text())


@pytest.mark.parametrize("draw", CHARTS)
def test_returns_the_given_axes(draw: Draw, ax: Axes) -> None:
    """A chart on given axes returns them and makes no figure."""
    before = plt.get_fignums()
    assert draw(ENGLISH, ax=ax) is ax
    assert plt.get_fignums() == before


@pytest.mark.parametrize("draw", CHARTS)
def test_makes_a_figure(draw: Draw) -> None:
    """A chart without axes makes one new figure, known to pyplot so that a notebook shows it."""
    first, second = draw(ENGLISH), draw(ENGLISH)
    assert first.figure is not second.figure
    assert len(plt.get_fignums()) == 2


@pytest.mark.parametrize("draw", CHARTS)
def test_changes_no_settings(draw: Draw, names: list[str]) -> None:
    """Drawing leaves all of matplotlib's settings as they are."""
    before = dict(mpl.rcParams)
    draw(names).figure.canvas.draw()
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize("draw", CHARTS)
def test_chinese_texts_have_the_font(draw: Draw, chinese_font: tuple[str, ...]) -> None:
    """Every text with Chinese letters is drawn with a font that has them."""
    figure = draw(CHINESE, language="zh").figure
    figure.canvas.draw()
    chinese = [t for t in figure.findobj(Text) if not t.get_text().isascii()]
    assert len(chinese) >= 5
    assert {tuple(t.get_fontfamily()) for t in chinese} == {chinese_font}


@pytest.mark.parametrize("draw", CHARTS)
def test_words(draw: Draw) -> None:
    """The title stands at the left, whole, though wrapped."""
    ax = draw(ENGLISH)
    assert ax.get_title(loc="left").replace("\n", " ") == ENGLISH[3]
    assert ax.get_title() == ""


@pytest.mark.parametrize("draw", CHARTS)
def test_refuses_what_is_no_axes(draw: Draw) -> None:
    """A figure, or an array of axes, is refused with what is allowed."""
    with pytest.raises(InvalidArgumentError, match=r"ax: .*Got: Figure.*matplotlib Axes"):
        draw(ENGLISH, ax=Figure())


@pytest.mark.parametrize("draw", CHARTS)
def test_refuses_a_language(draw: Draw) -> None:
    """An unknown language is refused before a figure is made."""
    with pytest.raises(InvalidArgumentError, match="'de' is not known"):
        draw(ENGLISH, language="de")
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", CHARTS)
def test_host_style(draw: Draw) -> None:
    """Text outside coloured cells follows the host's style, a dark one for example."""
    with mpl.rc_context({"text.color": "#fafafa", "axes.titlecolor": "auto", "axes.grid": True}):
        ax = draw(ENGLISH)
        assert ax.title.get_color() == "#fafafa"
        assert not any(line.get_visible() for line in ax.get_xgridlines())


@pytest.mark.parametrize("draw", CHARTS)
def test_small_axes(draw: Draw, names: list[str]) -> None:
    """A chart draws without a warning on axes much smaller than its own figure would be."""
    figure = Figure(figsize=(5, 4), layout="constrained")
    small = figure.subplots(2, 2)[0, 0]
    assert draw(names, ax=small) is small
    figure.draw_without_rendering()  # warnings are errors
