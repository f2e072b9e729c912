"""Writing a report: all of it or nothing, and small tables as text."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from userops.errors import InvalidArgumentError, MissingExtraError

__all__ = ["as_text", "draw_charts", "write_report"]


def write_report(folder: Path, write: Callable[[Path], None]) -> None:
    """Write files aside and move them at the end: a failure leaves no half of a report.

    Args:
        folder: Where the files go; made where there is none.
        write: Writes the files into an empty folder.
    """
    _make_folder(folder.parent)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".userops-") as aside:
        write(Path(aside))
        _make_folder(folder)
        files = sorted(Path(aside).iterdir())
        for place in (folder / file.name for file in files):
            if place.is_dir():
                raise InvalidArgumentError("out", "has a folder in a file's place", got=str(place))
        for file in files:
            shutil.move(file, folder / file.name)
            print(f"wrote {folder / file.name}")


def draw_charts(folder: Path, charts: Mapping[str, Callable[[], Any]]) -> None:
    """Draw charts as PNG files; where matplotlib is missing, say so and draw none.

    Args:
        folder: Where they go.
        charts: File name without ending to what draws it and returns its axes.
    """
    try:
        _draw(folder, charts)
    except MissingExtraError as error:
        print(f"no charts: {error}", file=sys.stderr)


def _draw(folder: Path, charts: Mapping[str, Callable[[], Any]]) -> None:
    from userops.charts.axes import require_matplotlib

    require_matplotlib()
    from matplotlib import pyplot

    for name, draw in charts.items():
        figure = draw().get_figure(root=True)
        assert figure is not None  # a new one for each chart
        figure.savefig(folder / f"{name}.png", dpi=144, bbox_inches="tight")
        pyplot.close(figure)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgumentError(
            "out", "cannot be a directory", got=f"{folder} ({error.strerror})"
        ) from error


def as_text(table: Any) -> str:
    """Set a small Arrow table as aligned text; wide letters take two columns."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)

    def said(name: str, value: object) -> str:
        if value is None:
            return "–"
        if isinstance(value, float):
            return f"{value:.1%}" if name.endswith("share") else f"{value:,.1f}"
        return f"{value:,}" if isinstance(value, int) else str(value)

    names = table.column_names
    rows = [names, *([said(n, r[n]) for n in names] for r in table.to_pylist())]
    widths = [max(width(row[i]) for row in rows) for i in range(len(names))]
    lines = []
    for row in rows:
        cells = [" " * (w - width(cell)) + cell for cell, w in zip(row, widths, strict=True)]
        cells[0] = row[0] + " " * (widths[0] - width(row[0]))
        lines.append("  ".join(cells))
    return "\n".join(lines) + "\n"
