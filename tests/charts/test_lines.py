from __future__ import annotations

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from userops.charts import timeline
from userops.errors import InvalidArgumentError

MONTHS = [dt.date(2011, month, 1) for month in range(1, 7)]
COUNTS = {"New": [1, 2, 3, 4, 5, 6], "Loyal": [2, 2, None, 4, 4, 4]}


def _tick_labels(ax: Axes) -> list[str]:
    ax.get_figure().canvas.draw()  # type: ignore[union-attr]
    low, high = ax.get_xlim()
    shown = [tick for tick in ax.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    return [tick.label1.get_text() for tick in shown]


def _share_axes(ax: Axes) -> Axes:
    (twin,) = (other for other in ax.figure.axes if other.get_label() == "share")
    return twin


def test_lines(ax: Axes) -> None:
    """Each series is a line through its values, with a gap where one is missing."""
    timeline(MONTHS, series=COUNTS, y_label="Customers", ax=ax)
    new, loyal = ax.lines
    assert new.get_ydata().tolist() == [1, 2, 3, 4, 5, 6]  # type: ignore[union-attr]
    assert np.isnan(np.asarray(loyal.get_ydata())[2])
    assert ax.get_ylabel() == "Customers"


def test_lines_differ_in_more_than_colour(ax: Axes) -> None:
    """Lines differ in dash and marker as well as in colour, and have a legend."""
    timeline(MONTHS, series=COUNTS, ax=ax)
    new, loyal = ax.lines
    assert new.get_linestyle() != loyal.get_linestyle()
    assert new.get_marker() != loyal.get_marker()
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["New", "Loyal"]


def test_scale_begins_at_zero(ax: Axes) -> None:
    """The scale begins at zero, unless there are negative values."""
    timeline(MONTHS, series={"n": [100, 101, 102, 103, 104, 105]}, ax=ax)
    assert ax.get_ylim()[0] == 0
    negative = timeline(MONTHS, series={"n": [-1, 0, 1, 2, 3, 4]})
    assert negative.get_ylim()[0] < -1
    assert timeline(MONTHS, series={"n": [0] * 6}).get_ylim() == (0, 1)
    assert timeline(MONTHS, series={"n": [None] * 6}).get_ylim() == (0, 1)


def test_counts_have_whole_ticks(ax: Axes) -> None:
    """A scale of counts has no tick between two whole numbers."""
    timeline(MONTHS, series={"n": [0, 1, 1, 0, 1, 2]}, ax=ax)
    assert all(float(tick).is_integer() for tick in ax.get_yticks())


def test_areas_are_stacked(ax: Axes) -> None:
    """Areas lie on each other, in the order of the series."""
    timeline(MONTHS, series={"a": [1] * 6, "b": [2] * 6}, kind="area", ax=ax)
    layers = [c for c in ax.collections if isinstance(c, PolyCollection)]
    tops = [layer.get_paths()[0].vertices[:, 1].max() for layer in layers]  # type: ignore[index]
    assert tops == [1, 3]


def test_share_has_its_own_scale(ax: Axes) -> None:
    """A share is drawn on a second scale at the right, in percent, and named in the legend."""
    timeline(MONTHS, series={"n": [1] * 6}, share=[0.1] * 5 + [0.5], share_label="Active", ax=ax)
    twin = _share_axes(ax)
    assert twin.lines[0].get_ydata().tolist() == [0.1] * 5 + [0.5]  # type: ignore[union-attr]
    assert twin.get_ylabel() == "Active"
    assert twin.get_ylim() == pytest.approx((0, 0.55))
    twin.figure.canvas.draw()
    assert {"0%", "20%", "40%"} <= {t.get_text() for t in twin.get_yticklabels()}
    legend = ax.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["n", "Active"]


@pytest.mark.parametrize("highest", [2.0, 0.9, 0.1, 0.05, 0.013, 0.004])
def test_share_ticks_are_distinct(highest: float, ax: Axes) -> None:
    """The ticks of a share read as different percentages, however small the share is."""
    timeline(MONTHS, series={"n": [1] * 6}, share=[0] * 5 + [highest], ax=ax)
    twin = _share_axes(ax)
    twin.figure.canvas.draw()
    labels = [t.get_text() for t in twin.get_yticklabels()]
    read = [float(label.rstrip("%")) / 100 for label in labels]
    assert read == pytest.approx(twin.get_yticks().tolist())
    assert len(labels) >= 3


def test_share_bars_lie_behind(ax: Axes) -> None:
    """Bars of a share lie behind the lines and on the background."""
    timeline(MONTHS, series={"n": [1] * 6}, share=[0.1, None, *[0.3] * 4], share_kind="bars", ax=ax)
    twin = _share_axes(ax)
    assert twin.get_zorder() < ax.get_zorder()
    assert not ax.patch.get_visible()
    assert twin.patch.get_visible()
    heights = [bar.get_height() for bar in twin.containers[0]]
    assert heights[0] == 0.1
    assert ax.get_xlim()[0] <= twin.containers[0][0].get_x()


def test_share_name_has_a_default(chinese_font: tuple[str, ...]) -> None:
    """A share without a name is called so in the language."""
    ax = timeline(MONTHS, series={"n": [1e5] * 6}, share=[0.1] * 6, language="zh")
    assert _share_axes(ax).get_ylabel() == "占比"
    ax.figure.canvas.draw()
    assert "10万" in {t.get_text() for t in ax.get_yticklabels()}
    assert all(tuple(t.get_fontfamily()) == chinese_font for t in ax.get_yticklabels())


@pytest.mark.parametrize("kind", ["line", "area"])
def test_units_of_ticks_have_the_font(kind: str, chinese_font: tuple[str, ...]) -> None:
    """Ticks have the Chinese font also where no value alone reaches the unit they name."""
    series = {"a": [9_990] * 6} if kind == "line" else {"a": [6_000] * 6, "b": [6_000] * 6}
    ax = timeline(MONTHS, series=series, kind=kind, language="zh")  # type: ignore[arg-type]
    ax.figure.canvas.draw()
    labels = {t.get_text(): tuple(t.get_fontfamily()) for t in ax.get_yticklabels()}
    assert labels["1万"] == chinese_font


def test_few_dates_have_a_tick_each(ax: Axes) -> None:
    """Few dates have one tick each, at the date and not between two."""
    dates = [dt.date(2024, 1, 31), dt.date(2024, 4, 30), dt.date(2024, 7, 31)]
    timeline(dates, series={"n": [1, 2, 3]}, ax=ax)
    assert _tick_labels(ax) == ["2024-01-31", "2024-04-30", "2024-07-31"]


def test_months_are_named_by_number(ax: Axes) -> None:
    """Ticks name months by number, readable in any language."""
    dates = [dt.date(2010 + m // 12, m % 12 + 1, 1) for m in range(30)]
    timeline(dates, series={"n": range(30)}, ax=ax)
    labels = _tick_labels(ax)
    assert len(labels) >= 3
    assert all(dt.date.fromisoformat(f"{label}-01") in dates for label in labels)


@pytest.mark.parametrize("width", [2.0, 3.0, 5.0, 9.0])
@pytest.mark.parametrize("step", ["minute", "hour", "day", "week", "month", "year"])
@pytest.mark.parametrize("count", [2, 9, 25, 60, 130])
def test_dates_of_any_density(width: float, step: str, count: int) -> None:
    """Ticks of dates are few enough to be read, whatever the axes and the dates."""
    steps = {
        "minute": dt.timedelta(minutes=1),
        "hour": dt.timedelta(hours=1),
        "day": dt.timedelta(days=1),
        "week": dt.timedelta(weeks=1),
        "month": dt.timedelta(days=31),
        "year": dt.timedelta(days=366),
    }
    start = dt.datetime(1990, 1, 17)  # noqa: DTZ001
    figure = Figure(figsize=(width, 3), layout="constrained")
    axes = figure.subplots()
    dates = [start + position * steps[step] for position in range(count)]
    timeline(dates, series={"n": range(count)}, ax=axes)
    figure.draw_without_rendering()
    low, high = axes.get_xlim()
    boxes = [
        tick.label1.get_window_extent()
        for tick in axes.xaxis.get_major_ticks()
        if low <= tick.get_loc() <= high and tick.label1.get_text()
    ]
    assert boxes
    assert all(left.x1 <= right.x0 + 1 for left, right in itertools.pairwise(boxes))


def test_wall_clock_is_drawn(ax: Axes) -> None:
    """Midnight of Shanghai stays on its day, whatever zone matplotlib is set to."""
    shanghai = ZoneInfo("Asia/Shanghai")
    dates = [dt.datetime(2024, month, 1, tzinfo=shanghai) for month in (1, 2, 3)]
    with mpl.rc_context({"timezone": "America/New_York"}):
        timeline(dates, series={"n": [1, 2, 3]}, ax=ax)
        assert _tick_labels(ax) == ["2024-01", "2024-02", "2024-03"]


@pytest.mark.parametrize(
    "dates",
    [
        np.array(["2024-01-01", "2024-02-01"], dtype="datetime64[D]"),
        [np.datetime64("2024-01-01"), np.datetime64("2024-02-01")],
        [dt.datetime(2024, 1, 1), dt.datetime(2024, 2, 1)],  # noqa: DTZ001
        [dt.date(2024, 1, 1), dt.datetime(2024, 2, 1)],  # noqa: DTZ001
        [pd.Timestamp("2024-01-01"), pd.Timestamp("2024-02-01")],
    ],
)
def test_kinds_of_dates(dates: list[dt.date], ax: Axes) -> None:
    """Dates, datetimes, and those of numpy and pandas are drawn alike."""
    timeline(dates, series={"n": [1, 2]}, ax=ax)
    assert _tick_labels(ax) == ["2024-01", "2024-02"]


@pytest.mark.parametrize("kind", ["line", "area"])
@pytest.mark.parametrize("share_kind", ["line", "bars"])
def test_one_date(kind: str, share_kind: str, ax: Axes) -> None:
    """A single date is visible in every kind of chart."""
    if (kind, share_kind) == ("area", "bars"):
        share_kind = "line"
    timeline([MONTHS[0]], series={"n": [3]}, share=[0.4], kind=kind, share_kind=share_kind, ax=ax)  # type: ignore[arg-type]
    assert _tick_labels(ax) == ["2011-01"]
    if kind == "line":
        assert ax.lines[0].get_marker() != ""
    else:
        assert np.ptp(ax.collections[0].get_paths()[0].vertices[:, 0]) > 0  # type: ignore[index]


def test_no_dates() -> None:
    """A chart without dates says that there is no data."""
    ax = timeline([], series={"n": []}, share=[], title="Customers")
    assert [t.get_text() for t in ax.texts] == ["No data"]
    assert ax.get_title(loc="left") == "Customers"
    assert len(ax.figure.axes) == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"series": {"n": [1]}}, r"series\['n'\]: has the length 1, but dates has the length 6"),
        ({"share": [1]}, r"share: has the length 1, but dates has the length 6"),
        ({"series": {}}, "series: holds nothing"),
        ({"dates": MONTHS[::-1]}, r"dates\[1\]: is not after .*Got: 2011-06-01, then 2011-05-01"),
        ({"dates": [MONTHS[0]] * 6}, r"dates\[1\]: is not after"),
        ({"dates": ["2011-01-01"] * 6}, r"dates\[0\]: is not a date. Got: '2011-01-01'"),
        ({"dates": [pd.NaT] * 6}, r"dates\[0\]: is not a date"),
        ({"dates": np.array(["NaT"] * 6, dtype="datetime64[s]")}, r"dates\[0\]: is not a date"),
        ({"kind": "lines"}, "kind: 'lines' is not known.*line, area.*did you mean 'line'"),
        ({"share_kind": "pie"}, "share_kind: 'pie' is not known"),
        (
            {"kind": "area", "series": {"n": [1, 2, None, 4, 5, 6]}},
            r"series\['n'\]\[2\]: cannot be stacked",
        ),
        (
            {"kind": "area", "series": {"n": [1, -2, 3, 4, 5, 6]}},
            r"series\['n'\]\[1\]: cannot be stacked. Got: -2",
        ),
        (
            {"share": [0.1] * 6, "share_label": "n"},
            "share_label: is the name of a series too. Got: 'n'",
        ),
        (
            {"kind": "area", "share": [0.1] * 6, "share_kind": "bars"},
            "share_kind: bars would lie behind the areas",
        ),
    ],
)
def test_misuse(changes: dict[str, object], message: str) -> None:
    """Lengths that differ, dates that do not increase and gaps in areas are refused."""
    arguments: dict[str, object] = {"dates": MONTHS, "series": {"n": range(6)}, **changes}
    dates = arguments.pop("dates")
    with pytest.raises(InvalidArgumentError, match=message):
        timeline(dates, **arguments)  # type: ignore[arg-type]
