from __future__ import annotations

import subprocess
import sys

import pytest

import userops.charts
from userops.charts import chart_font, heat_grid, share_bars, timeline
from userops.errors import MissingExtraError


def test_exports() -> None:
    """Each public name is there, at its first use and at its second."""
    for name in [*userops.charts.__all__, *userops.charts.__all__]:
        assert getattr(userops.charts, name).__class__.__name__ != "module"
    assert dir(userops.charts) == sorted(userops.charts.__all__)
    with pytest.raises(AttributeError, match="pie"):
        userops.charts.pie  # noqa: B018


def test_import_without_matplotlib() -> None:
    """All modules can be imported where matplotlib is not, and importing them does not load it."""
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import userops.charts as charts\n"
        "[getattr(charts, name) for name in charts.__all__]\n"
        "assert charts.format_compact(12345) == '12.3K'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: heat_grid([], row_labels=[], column_labels=[]),
        lambda: share_bars([], series={"a": []}),
        lambda: timeline([], series={"a": []}),
        lambda: chart_font([]),
    ],
)
def test_missing_matplotlib(draw: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing without matplotlib says how to install it."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'userops\[plot\]'") as caught:
        draw()  # type: ignore[operator]
    assert caught.value.extra == "plot"
