from __future__ import annotations

import io
import shutil
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from userops.charts import ChartFont, chart_font, share_bars
from userops.charts.fonts import PREFERRED_FAMILIES
from userops.errors import MissingFontWarning


def _pixels(text: str, font: ChartFont) -> np.ndarray:
    figure = Figure(figsize=(1, 1))
    figure.text(0.1, 0.3, font.drawable(text), fontsize=40, **font.text_options)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())


def test_latin_text_keeps_the_font() -> None:
    """Latin text is drawn in the host's font alone."""
    font = chart_font(["Champions – 12 €", "naïve"])
    assert font == ChartFont(tuple(mpl.rcParams["font.family"]))


def test_chinese_text_adds_a_font(chinese_font: tuple[str, ...]) -> None:
    """Chinese text adds one font behind the host's, so that digits stay in the host's font."""
    host = tuple(mpl.rcParams["font.family"])
    assert chinese_font[: len(host)] == host
    assert len(chinese_font) == len(host) + 1


def test_chinese_text_is_drawn(chinese_font: tuple[str, ...]) -> None:
    """Chinese letters are drawn as letters, not all as the same box."""
    font = chart_font(["客户"])
    assert font.families == chinese_font
    first, second = _pixels("客", font), _pixels("户", font)
    assert first.min() == 0
    assert not np.array_equal(first, second)


def test_bold_only_where_all_letters_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Headings are bold unless a font that was added has no bold face."""
    assert chart_font(["Latin"]).heading_options["fontweight"] == "bold"
    with mpl.rc_context({"font.family": ["STIXGeneral"]}):
        monkeypatch.setattr("userops.charts.fonts.PREFERRED_FAMILIES", ("DejaVu Sans",))
        assert chart_font(["\u0531"]).heading_options["fontweight"] == "bold"
        plain = [e for e in font_manager.fontManager.ttflist if e.weight == 400]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", plain)
        assert chart_font(["\u0531"]).heading_options["fontweight"] == "normal"


def test_preferred_font_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several fonts with the letters, the one listed first in the preference is taken."""
    monkeypatch.setattr(
        "userops.charts.fonts.PREFERRED_FAMILIES", ("DejaVu Serif", "DejaVu Sans Mono")
    )
    with mpl.rc_context({"font.family": ["STIXGeneral"]}):
        lacking = "\u0531"  # An Armenian letter, which STIX has not and DejaVu has.
        assert chart_font([lacking]).families == ("STIXGeneral", "DejaVu Serif")


def test_simplified_chinese_is_preferred() -> None:
    """Fonts for simplified Chinese come before those of its neighbours."""
    names = list(PREFERRED_FAMILIES)
    assert names.index("Noto Sans CJK SC") < names.index("Noto Sans CJK JP")
    assert len(set(names)) == len(names)


def test_other_installed_font_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A font of no known name is taken when its character map has the letters."""
    monkeypatch.setattr("userops.charts.fonts.PREFERRED_FAMILIES", ())
    with mpl.rc_context({"font.family": ["STIXGeneral"]}):
        assert chart_font(["\u0531"]).families[1].startswith("DejaVu")


@pytest.mark.usefixtures("latin_fonts_only")
def test_letters_from_several_fonts() -> None:
    """Where no single font has all letters, several are combined."""
    with mpl.rc_context({"font.family": ["cmr10"]}):
        # Armenian is in DejaVu, the double-struck one in STIX and not in DejaVu Mono.
        families = chart_font(["\u0531\U0001d7d9"]).families
    assert families[0] == "cmr10"
    assert len(families) >= 2


def test_host_font_is_respected(chinese_font: tuple[str, ...]) -> None:
    """A host that set a Chinese font itself gets no other."""
    with mpl.rc_context({"font.family": [chinese_font[-1]]}):
        assert chart_font(["重要价值客户"]).families == (chinese_font[-1],)
    with mpl.rc_context({"font.family": "sans-serif", "font.sans-serif": [chinese_font[-1]]}):
        assert chart_font(["重要价值客户"]).families == ("sans-serif",)


@pytest.mark.usefixtures("latin_fonts_only")
def test_missing_font_warns_once(ax: object) -> None:
    """Without a font, one warning names the letters and the remedy, and drawing adds no other."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        share_bars(["重要客户", "客户"], series={"占比": [0.5, 0.5], "消费": [1, 2]}, ax=ax)  # type: ignore[arg-type]
        ax.figure.savefig(io.BytesIO(), format="png")  # type: ignore[attr-defined]
        ax.figure.savefig(io.BytesIO(), format="svg")  # type: ignore[attr-defined]
    assert [w.category for w in caught] == [MissingFontWarning]
    message = str(caught[0].message)
    assert "客, 户" in message
    assert "fonts-noto-cjk" in message
    assert "fonts-wqy-zenhei" in message


@pytest.mark.usefixtures("latin_fonts_only")
def test_missing_font_draws_boxes() -> None:
    """Without a font, each letter is drawn as the same box, and Latin letters as ever."""
    with pytest.warns(MissingFontWarning):
        font = chart_font(["客户 AB"])
    assert np.array_equal(_pixels("客", font), _pixels("户", font))
    assert not np.array_equal(_pixels("A", font), _pixels("B", font))


@pytest.mark.usefixtures("latin_fonts_only")
def test_missing_font_warning_points_at_the_caller() -> None:
    """The warning names the line that asked for the chart, not one of the library."""
    with pytest.warns(MissingFontWarning) as caught:
        share_bars(["客户"], series={"a": [1]})
    assert caught[0].filename == __file__


@pytest.mark.usefixtures("latin_fonts_only")
def test_many_missing_letters_are_counted() -> None:
    """A warning about many letters shows some and counts the others."""
    with pytest.warns(MissingFontWarning, match="and 8 more"):
        chart_font([chr(0x4E00 + i) for i in range(20)])


@pytest.mark.usefixtures("latin_fonts_only")
def test_old_matplotlib_gets_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where matplotlib has no font of boxes, the letters themselves are replaced."""
    own = [e for e in font_manager.fontManager.ttflist if not e.name.startswith("Last Resort")]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    font_manager.fontManager._findfont_cached.cache_clear()
    with pytest.warns(MissingFontWarning):
        font = chart_font(["客户 AB"])
    assert font.families == tuple(mpl.rcParams["font.family"])
    assert font.drawable("客户 AB") == "□□ AB"
    font_manager.fontManager._findfont_cached.cache_clear()


def test_invisible_characters_need_no_font() -> None:
    """Joiners, spaces and variation selectors do not count as letters without a font."""
    font = chart_font(["a\u200bb\u3000c\ufe0f\n\t"])
    assert font.families == tuple(mpl.rcParams["font.family"])


def test_font_installed_later_is_found(
    chinese_font: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A font that was installed after matplotlib listed the fonts is found all the same."""
    wanted = font_manager.FontProperties(family=[chinese_font[-1]])
    source = Path(font_manager.findfont(wanted))
    installed = tmp_path / source.name
    shutil.copy(source, installed)
    manager = font_manager.fontManager
    own = [e for e in manager.ttflist if e.fname.startswith(mpl.get_data_path())]
    monkeypatch.setattr(manager, "ttflist", own)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda: [str(installed)])
    with mpl.rc_context({"font.family": ["DejaVu Sans"]}):
        assert len(chart_font(["重要价值客户"]).families) == 2
    assert str(installed) in {entry.fname for entry in manager.ttflist}
    manager._findfont_cached.cache_clear()


def test_unreadable_font_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A listed font whose file is gone, or is no font, is passed over."""
    broken = tmp_path / "broken.ttf"
    broken.write_bytes(b"no font")
    entries = [
        font_manager.FontEntry(fname=str(path), name=name, style="normal", weight=400)
        for path, name in ((broken, "SimHei"), (tmp_path / "gone.ttf", "PingFang SC"))
    ]
    listed = [*entries, *font_manager.fontManager.ttflist]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", listed)
    with mpl.rc_context({"font.family": ["STIXGeneral"]}):
        assert chart_font(["\u0531"]).families[1].startswith("DejaVu")


def test_text_is_no_formula() -> None:
    """Text between two dollar signs is drawn as written."""
    assert chart_font([]).text_options["parse_math"] is False
