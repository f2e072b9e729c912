"""Fonts for Chinese names: the first installed one that has the letters, and only where needed.

matplotlib's own font has no Chinese letters, and its settings belong to the host. So each chart
asks for a `ChartFont` for the texts it is about to draw and hands it to the artists it makes:
the host's font first, then a font for the letters that the host's font lacks.
"""

from __future__ import annotations

import sys
import unicodedata
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.charts.axes import require_matplotlib
from userops.errors import MissingFontWarning

__all__ = ["PREFERRED_FAMILIES", "ChartFont", "chart_font"]

PREFERRED_FAMILIES = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "SimHei",
    "Heiti SC",
    "Heiti TC",
    "STHeiti",
    "Noto Sans CJK TC",
    "Noto Sans CJK HK",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Source Han Sans",
    "Arial Unicode MS",
    "Droid Sans Fallback",
    "SimSun",
)
"""Families tried first, sans serif before serif, simplified Chinese before its neighbours."""

# It claims every letter and draws a box for each; since matplotlib 3.11.
_BOXES_FAMILY = "Last Resort High-Efficiency"
_BOX = "□"
# Spaces, controls, joiners and variation selectors draw nothing of their own.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Mn", "Zs", "Zl", "Zp"})
_EXAMPLES_MAX = 12

FontFile = tuple[str, int]
"""A path, and which face of a collection."""


@attrs.frozen
class ChartFont:
    """How the texts of one chart are drawn.

    Attributes:
        families: Font families in the order in which a letter is looked for.
        boxed: Letters to be replaced by a box, because no font has them and this matplotlib has
            no font of boxes.
        is_bold: Whether all the fonts added for these texts come in bold too. If not, nothing is
            drawn bold, as the Latin letters alone would be.
    """

    families: tuple[str, ...]
    boxed: frozenset[str] = frozenset()
    is_bold: bool = True

    def drawable(self, text: str) -> str:
        """Return the text as it can be drawn."""
        if not self.boxed:
            return text
        return "".join(_BOX if letter in self.boxed else letter for letter in text)

    @property
    def text_options(self) -> dict[str, Any]:
        """Keywords for `Axes.text`, `Axes.set_title` and the like.

        Names are drawn as written: without this, matplotlib reads what stands between two dollar
        signs as a formula.
        """
        return {"fontfamily": list(self.families), "parse_math": False}

    @property
    def heading_options(self) -> dict[str, Any]:
        """The same for what stands out: bold where the fonts allow it."""
        return {**self.text_options, "fontweight": "bold" if self.is_bold else "normal"}


def chart_font(texts: Iterable[str]) -> ChartFont:
    """Find the fonts for the texts of one chart.

    Args:
        texts: All that will be drawn, numbers included.

    Returns:
        The families to draw with. Where no installed font has some letter, a `MissingFontWarning`
        is given, once for all texts, and boxes are drawn in its place.

    Raises:
        MissingExtraError: If matplotlib is not installed.
    """
    require_matplotlib()
    import matplotlib as mpl

    families = tuple(mpl.rcParams["font.family"])
    letters = {letter for text in texts for letter in text if not letter.isascii()}
    wanted = {ord(x) for x in letters if unicodedata.category(x) not in _INVISIBLE}
    lacking = _lacking(frozenset(wanted), _host_files(families))
    if not lacking:
        return ChartFont(families)
    added, left = _families_for(lacking)
    if left and _register_new_fonts(left):
        added, left = _families_for(lacking)
    boxed = frozenset(map(chr, left))
    if boxed:
        _warn_of(boxed)
        if _font_file(_BOXES_FAMILY) is not None:
            # Named on purpose, it draws its boxes without one more warning for each letter.
            added, boxed = (*added, _BOXES_FAMILY), frozenset()
    return ChartFont((*families, *added), boxed, is_bold=all(map(_has_bold, added)))


def _families_for(codes: frozenset[int]) -> tuple[tuple[str, ...], frozenset[int]]:
    """Choose listed families that have the letters, and return those that none has."""
    from matplotlib import font_manager

    files: dict[str, FontFile] = {}
    for entry in font_manager.fontManager.ttflist:
        is_plain = entry.style == "normal" and entry.weight == 400
        if entry.name != _BOXES_FAMILY and (is_plain or entry.name not in files):
            files[entry.name] = (entry.fname, getattr(entry, "index", 0))
    preferred = [name for name in PREFERRED_FAMILIES if name in files]
    ranked = preferred + sorted(set(files).difference(preferred))
    # The usual case ends with the first font; all are opened only if no single one will do.
    for name in ranked:
        if not _lacking(codes, [files[name]]) and _font_file(name) is not None:
            return (name,), frozenset()
    chosen: tuple[str, ...] = ()
    left = codes
    while left:
        remainders = {name: _lacking(left, [files[name]]) for name in ranked}
        best = min(ranked, key=lambda name: len(remainders[name]), default=None)
        if best is None or remainders[best] == left:
            break
        ranked.remove(best)
        # matplotlib may be told to leave out fonts that it lists.
        if _font_file(best) is not None:
            chosen, left = (*chosen, best), remainders[best]
    return chosen, left


def _register_new_fonts(codes: frozenset[int]) -> bool:
    """Tell matplotlib of fonts installed after it wrote its list of fonts, if they would help."""
    from matplotlib import font_manager

    manager = font_manager.fontManager
    listed = {entry.fname for entry in manager.ttflist}
    helpful = [
        path
        for path in sorted(set(font_manager.findSystemFonts()) - listed)
        if _lacking(codes, [(path, 0)]) != codes
    ]
    for path in helpful:
        manager.addfont(path)
    return bool(helpful)


def _host_files(families: Iterable[str]) -> list[FontFile]:
    """Return the files of the host's fonts, or that of matplotlib's default where none exists."""
    return [file for file in map(_font_file, families) if file is not None] or [
        file for file in [_font_file("DejaVu Sans")] if file is not None
    ]


def _font_file(family: str) -> FontFile | None:
    """Return what matplotlib opens for a family; None where it knows no such family."""
    from matplotlib import font_manager

    wanted = font_manager.FontProperties(family=[family])
    try:
        file = font_manager.findfont(wanted, fallback_to_default=False)
    except (ValueError, OSError):
        return None
    return str(file), getattr(file, "face_index", 0)


def _has_bold(family: str) -> bool:
    from matplotlib import font_manager

    return any(
        entry.name == family and isinstance(entry.weight, int) and entry.weight >= 600
        for entry in font_manager.fontManager.ttflist
    )


def _lacking(codes: frozenset[int], files: Iterable[FontFile]) -> frozenset[int]:
    """Return the letters that no file has."""
    for path, face_index in files:
        if codes:
            wanted = np.fromiter(codes, dtype=np.int32)
            has = np.isin(wanted, _letters_in(path, face_index))
            codes = frozenset(wanted[~has].tolist())
    return codes


@lru_cache(maxsize=1024)
def _letters_in(path: str, face_index: int) -> NDArray[np.int32]:
    """Return the code points of a font; none where the file is gone or cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        # Only a matplotlib that finds the further faces of a collection can open them.
        font = FT2Font(path, face_index=face_index) if face_index else FT2Font(path)
        return np.fromiter(font.get_charmap(), dtype=np.int32)
    except (OSError, RuntimeError):
        return np.empty(0, dtype=np.int32)


def _warn_of(letters: frozenset[str]) -> None:
    shown = ", ".join(sorted(letters)[:_EXAMPLES_MAX])
    more = f" and {len(letters) - _EXAMPLES_MAX} more" if len(letters) > _EXAMPLES_MAX else ""
    frame, level = sys._getframe(), 1
    # The warning names the line of the host that asked for a chart, however deep below it is.
    while frame.f_back is not None and frame.f_globals["__name__"].split(".")[0] == "userops":
        frame, level = frame.f_back, level + 1
    warnings.warn(
        f"no installed font has {shown}{more}: boxes are drawn instead. Hint: install a font that "
        "has them and draw again. For Chinese on Debian or Ubuntu: apt-get install "
        "fonts-noto-cjk, or the smaller fonts-wqy-zenhei; elsewhere Noto Sans CJK SC from "
        "https://github.com/notofonts/noto-cjk.",
        MissingFontWarning,
        stacklevel=level,
    )
