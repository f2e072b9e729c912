"""The words and numbers on a chart: short numbers, shares, and names broken into lines."""

from __future__ import annotations

import math
import unicodedata
from typing import Literal

from userops.errors import InvalidArgumentError

__all__ = [
    "MISSING",
    "Language",
    "check_language",
    "display_width",
    "format_compact",
    "format_number",
    "format_percent",
    "no_data",
    "unbreakable_width",
    "width_in_ems",
    "wrap_label",
]

Language = Literal["en", "zh"]

MISSING = "–"
"""What stands where there is no value."""

# Chinese counts by ten thousands: 1.2万 is read at once, 12K is not.
# Each row: the unit's amount, its sign, and how many of it still stay in this unit.
_UNITS: dict[Language, tuple[tuple[float, str, float], ...]] = {
    "en": ((1, "", 1e3), (1e3, "K", 1e3), (1e6, "M", 1e3), (1e9, "B", 1e3), (1e12, "T", math.inf)),
    "zh": ((1, "", 1e4), (1e4, "万", 1e4), (1e8, "亿", 1e4), (1e12, "万亿", math.inf)),
}
_NO_DATA: dict[Language, str] = {"en": "No data", "zh": "暂无数据"}
# A line must not begin with the first kind, nor end with the second.
_CLOSING = frozenset("，。、；：！？）》」』】〉”’…%％,.;:!?)]}")
_OPENING = frozenset("（《「『【〈“‘([{")


def check_language(language: str) -> None:
    """Refuse a language that the charts do not speak.

    Raises:
        InvalidArgumentError: If it is neither `"en"` nor `"zh"`.
    """
    if language not in _UNITS:
        raise InvalidArgumentError.unknown("language", language, _UNITS)


def no_data(language: Language) -> str:
    """Return what an empty chart says."""
    return _NO_DATA[language]


def format_number(value: float | None) -> str:
    """Write a number in full: whole ones with thousands separators, others to three digits.

    Args:
        value: Any number; None and NaN give a dash.

    Returns:
        For example `12,345`, `3.14`, `0.0123` or `–`.
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == int(value):
        return f"{int(value):,}"
    return f"{'-' if value < 0 else ''}{_three_digits(abs(value))}"


def format_percent(share: float | None, *, digits: int = 1) -> str:
    """Write a share of one as a percentage that never rounds something to nothing.

    Args:
        share: 0.123 gives `12.3%`; None and NaN give a dash.
        digits: Decimals, >= 0.

    Returns:
        For example `12.3%`; `<0.1%` for a share above zero that would read 0.0%, and `>99.9%`
        for one below one that would read 100.0%.
    """
    if share is None or math.isnan(share):
        return MISSING
    if math.isinf(share):
        return "∞" if share > 0 else "-∞"
    step = 10.0**-digits
    text = f"{share * 100:.{digits}f}"
    if share != 0 and float(text) == 0:
        return f"<{step:.{digits}f}%" if share > 0 else f">-{step:.{digits}f}%"
    if 0 < share < 1 and float(text) == 100:
        return f">{100 - step:.{digits}f}%"
    return f"{text}%"


def format_compact(value: float | None, *, language: Language = "en") -> str:
    """Write a number in at most about five characters.

    Args:
        value: Any number; None and NaN give a dash.
        language: `"en"` counts in K, M, B and T; `"zh"` in 万, 亿 and 万亿.

    Returns:
        Three significant digits and a unit, for example `12.3K` or `1.23万`; numbers below the
        first unit as `format_number` writes them.

    Raises:
        InvalidArgumentError: If the language is not known.
    """
    check_language(language)
    if value is None or not math.isfinite(value):
        return format_number(value)
    sign = "-" if value < 0 else ""
    text = unit = ""
    for amount, unit, limit in _UNITS[language]:  # noqa: B007
        text = format_number(abs(value)) if amount == 1 else _three_digits(abs(value) / amount)
        # Compared as written: 999,950 is 1M, not 1,000K.
        if float(text.replace(",", "")) < limit:
            break
    return f"{sign}{text}{unit}"


def _three_digits(size: float) -> str:
    digits = 2 - math.floor(math.log10(size)) if size else 0
    text = f"{size:,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def display_width(text: str) -> int:
    """Return the columns a text takes: two for a Chinese character, one for a Latin letter."""
    return sum(map(_width, text))


def width_in_ems(text: str) -> float:
    """Return about how wide the widest line of a text is drawn, in font sizes, rather too wide."""
    # An average of DejaVu Sans; a Chinese character is exactly one em wide.
    ems = {0: 0.0, 1: 0.62, 2: 1.0}
    return max(sum(ems[_width(character)] for character in line) for line in text.split("\n"))


def unbreakable_width(text: str) -> int:
    """Return the columns of the widest part of a text that no line break can divide."""
    return max((display_width(piece) for piece in _pieces(text)), default=0)


def wrap_label(text: str, *, columns: int) -> str:
    """Break a name into lines of about equal width.

    Latin text breaks at spaces, and after hyphens and slashes before a letter; Chinese text
    between any two characters except before closing and after opening punctuation. A word longer
    than a line is broken where the line ends.

    Args:
        text: The name; line breaks in it stay.
        columns: The widest line in display columns, >= 2; a Chinese character takes two.

    Returns:
        The same text with line breaks.

    Raises:
        InvalidArgumentError: If `columns` is below 2.
    """
    if columns < 2:
        raise InvalidArgumentError("columns", "is too narrow", got=columns, allowed=">= 2")
    return "\n".join(
        line for paragraph in text.split("\n") for line in _balanced(paragraph, columns)
    )


def _balanced(text: str, columns: int) -> list[str]:
    lines = _filled(text, columns)
    # The narrowest width with as many lines avoids a last line of one character.
    for narrower in range(max(2, -(-display_width(text) // len(lines))), columns):
        balanced = _filled(text, narrower)
        if len(balanced) == len(lines) and unbreakable_width(text) <= narrower:
            return balanced
    return lines


def _filled(text: str, columns: int) -> list[str]:
    lines = [""]
    for piece in _pieces(text):
        if display_width(lines[-1] + piece.rstrip()) <= columns:
            lines[-1] += piece
            continue
        if lines[-1]:
            lines.append("")
        for character in piece.lstrip():
            if display_width(lines[-1] + character) > columns and not character.isspace():
                lines.append("")
            lines[-1] += character
    return [line.strip() for line in lines]


def _pieces(text: str) -> list[str]:
    """Split a text where a line may break; spaces stay at the end of the piece before them."""
    pieces: list[str] = []
    before = ""
    for character in text:
        wide = _width(character) == 2 or (before != "" and _width(before) == 2)
        # A date such as 2024-01 stays whole.
        is_break = before.isspace() or wide
        is_break |= before in {"-", "/"} and not character.isdigit()
        if character.isspace() or character in _CLOSING or before in _OPENING:
            is_break = False
        if is_break or not pieces:
            pieces.append(character)
        else:
            pieces[-1] += character
        before = character
    return pieces


def _width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
