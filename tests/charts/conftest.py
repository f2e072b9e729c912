from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

pytest.importorskip("matplotlib")

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import font_manager
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from userops.charts import chart_font
from userops.errors import MissingFontWarning


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture
def ax() -> Axes:
    """Axes of a figure that pyplot does not know, as a service would pass."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


@pytest.fixture
def chinese_font() -> tuple[str, ...]:
    """The families for Chinese text, where this machine has any."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", MissingFontWarning)
        try:
            return chart_font(["重要价值客户的占比（全部）万亿"]).families
        except MissingFontWarning:
            pytest.skip("no font with Chinese letters is installed")


@pytest.fixture
def latin_fonts_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which matplotlib's own fonts are the only ones."""
    own = [
        entry
        for entry in font_manager.fontManager.ttflist
        if entry.fname.startswith(mpl.get_data_path())
    ]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [])
