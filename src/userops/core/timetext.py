"""Reading times written as text, for one value and for a column, with one outcome on every engine.

Contract: without a format, ISO 8601 dates and times are read (`2024-01-31`, `2024-01-31 08:30`,
`2024-01-31T08:30:00.5+08:00`, `…Z`). With a format, the directives %Y %m %d %H %M %S %f are read.
A text is readable when it matches as a whole and names a day and time that exist; there is no
guessing and no overflow into the next day. Engines' own parsers disagree on all of these.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core.blanks import strip, strip_expr
from userops.core.patterns import END, compiled
from userops.core.time import day_number, epoch_us_of_parts, floor_div
from userops.errors import InvalidDefinitionError

if TYPE_CHECKING:
    from userops.core.frames import Frame

__all__ = ["ISO", "TimeText", "time_text"]

_DIRECTIVES = {"Y": 4, "m": 2, "d": 2, "H": 2, "M": 2, "S": 2, "f": 6}
# SQL engines fold the case of column names, so the months (m) and minutes (M) have names here.
_PARTS = {
    "Y": "year", "m": "month", "d": "day", "H": "hour", "M": "minute", "S": "second", "f": "us",
}  # fmt: skip
_ISO_PATTERN = (
    r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]{1,9})?)?"
    r"[ ]?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])?)?" + END
)
_OFFSET_PATTERN = ":[0-9.,]+[ ]?[+-][0-9]{2}:?[0-9]{2}" + END


@attrs.frozen
class TimeText:
    """How text is read as a time.

    Attributes:
        pattern: Regular expression for the whole text, in the syntax that all engines share.
        order: The parts in the order in which they stand.
        widths: Fixed widths of the parts and the gaps before them, where parts are told apart by
            position; None where they are told apart by what is not a digit.
        has_offset: Whether the text may end with `Z` or an offset from UTC.
    """

    pattern: str
    order: tuple[str, ...]
    widths: tuple[tuple[int, int], ...] | None = None
    has_offset: bool = False

    def read(self, text: str) -> tuple[int, int | None] | None:
        """Return (clock reading in µs, offset from UTC in µs or None), or None if unreadable."""
        text = strip(text)
        if not compiled(self.pattern).match(text):
            return None
        offset = None
        if self.has_offset:
            if compiled(_OFFSET_PATTERN).search(text):
                tail = text.replace(":", "")[-5:]
                minutes = int(tail[1:3]) * 60 + int(tail[3:5])
                offset = (minutes if tail[0] == "+" else -minutes) * 60_000_000
                text = text[: max(text.rfind("+"), text.rfind("-"))]
            elif text.endswith("Z"):
                offset = 0
        if self.widths is None:
            pieces = re.sub("[^0-9]+", "-", text + "-0-0-0-0-0-0").split("-")
        else:
            pieces = [text[start : start + size] for start, size in self.widths]
        parts = dict.fromkeys("HMSf", 0) | {"m": 1, "d": 1}
        for name, piece in zip(self.order, pieces, strict=False):
            parts[name] = int((piece + "000000")[:6] if name == "f" else piece)
        if not _exists(parts, _floor, lambda *conditions: all(conditions)):
            return None
        return epoch_us_of_parts(parts, floor=_floor), offset

    def with_clock(self, frame: Frame, column: str, prefix: str) -> Frame:
        """Add `{prefix}clock` (µs, null if unreadable) and `{prefix}offset` (µs or null)."""
        text = nw.col(f"{prefix}text")
        matches = strip_expr(nw.col(column)).str.contains(self.pattern).fill_null(False)
        sample = "0" * sum(self.widths[-1]) if self.widths else "1970-1-1"
        frame = frame.with_columns(
            nw.when(matches)
            .then(strip_expr(nw.col(column)))
            .otherwise(nw.lit(sample))
            .alias(f"{prefix}text"),
            matches.alias(f"{prefix}matches"),
        )
        frame = self._with_offset(frame, prefix)
        if self.widths is None:
            padded = nw.concat_str(text, nw.lit("-0-0-0-0-0-0")).str.replace_all("[^0-9]+", "-")
            pieces = [padded.str.split("-").list.get(i) for i in range(len(self.order))]
        else:
            pieces = [text.str.slice(start, size) for start, size in self.widths]
        numbers = {"m": nw.lit(1), "d": nw.lit(1)} | {n: nw.lit(0) for n in "HMSf"}
        for name, piece in zip(self.order, pieces, strict=True):
            digits = (
                nw.concat_str(piece, nw.lit("000000")).str.slice(0, 6) if name == "f" else piece
            )
            numbers[name] = digits.cast(nw.Int64)
        frame = frame.with_columns(
            numbers[n].cast(nw.Int64).alias(f"{prefix}{part}") for n, part in _PARTS.items()
        )
        parts = {n: nw.col(f"{prefix}{part}") for n, part in _PARTS.items()}
        good = _exists(parts, floor_div, _all_columns) & nw.col(f"{prefix}matches")
        clock = epoch_us_of_parts(parts, floor=floor_div)
        return frame.with_columns(
            nw.when(good).then(clock).otherwise(nw.lit(None, nw.Int64)).alias(f"{prefix}clock")
        )

    def _with_offset(self, frame: Frame, prefix: str) -> Frame:
        text = nw.col(f"{prefix}text")
        nothing = nw.lit(None, nw.Int64)
        if not self.has_offset:
            return frame.with_columns(nothing.alias(f"{prefix}offset"))
        has_offset = text.str.contains(_OFFSET_PATTERN)
        tail = (
            nw.when(has_offset)
            .then(text.str.replace_all(":", "", literal=True).str.tail(5))
            .otherwise(nw.lit("+0000"))
        )
        frame = frame.with_columns(
            tail.alias(f"{prefix}tail"), has_offset.alias(f"{prefix}has_offset")
        )
        tail = nw.col(f"{prefix}tail")
        minutes = tail.str.slice(1, 2).cast(nw.Int64) * 60 + tail.str.slice(3, 2).cast(nw.Int64)
        signed = nw.when(tail.str.starts_with("-")).then(-minutes).otherwise(minutes)
        known = nw.col(f"{prefix}has_offset") | text.str.ends_with("Z")
        bare = text.str.replace_all("[ ]?[+-][0-9]{2}:?[0-9]{2}" + END, "")
        return frame.with_columns(
            nw.when(known).then(signed * 60_000_000).otherwise(nothing).alias(f"{prefix}offset"),
            nw.when(nw.col(f"{prefix}has_offset"))
            .then(bare)
            .otherwise(text)
            .alias(f"{prefix}text"),
        )


def _all_columns(*conditions: nw.Expr) -> nw.Expr:
    return nw.all_horizontal(*conditions, ignore_nulls=False)


def _floor(value: int, divisor: int) -> int:
    return value // divisor


def _exists(
    parts: Mapping[str, Any], floor: Callable[[Any, int], Any], all_of: Callable[..., Any]
) -> Any:
    """Return whether the parts name a day and time that exist."""
    year, month, day = parts["Y"], parts["m"], parts["d"]
    this_month = day_number(year, month, 1, floor=floor)
    is_december = floor(month, 12)
    next_month = day_number(year + is_december, month + 1 - 12 * is_december, 1, floor=floor)
    return all_of(
        year >= 1,
        month >= 1,
        month <= 12,
        day >= 1,
        day <= next_month - this_month,
        parts["H"] <= 23,
        parts["M"] <= 59,
        parts["S"] <= 59,
    )


ISO = TimeText(pattern=_ISO_PATTERN, order=("Y", "m", "d", "H", "M", "S", "f"), has_offset=True)


def time_text(time_format: str | None) -> TimeText:
    """Compile a time format, or ISO 8601 for None.

    Raises:
        InvalidDefinitionError: If the format has another directive, one twice, or no year.
    """
    if time_format is None:
        return ISO
    time_format = time_format.strip()  # as the texts are
    tokens = re.findall(r"%.?|[^%]+", time_format, re.DOTALL)
    names = [t[1:] for t in tokens if t.startswith("%")]
    bad = [n for n in names if n not in _DIRECTIVES]
    if bad or len(set(names)) != len(names) or "Y" not in names:
        raise InvalidDefinitionError(
            "time_format",
            f"%{bad[0]} cannot be read" if bad else "needs each directive once, and %Y",
            got=time_format,
            allowed=" ".join(f"%{n}" for n in _DIRECTIVES),
            hint="parse the column in your dataframe library first",
        )
    if not time_format.startswith("%") or any(c.isdigit() for c in time_format):
        raise InvalidDefinitionError(
            "time_format",
            "must begin with a directive and hold no digits",
            got=time_format,
            allowed="such as '%d/%m/%Y %H:%M' or '%Y%m%d'",
        )
    adjacent = any(a[0] == b[0] == "%" for a, b in pairwise(tokens))
    pattern, widths, position = "^", [], 0
    for token in tokens:
        if not token.startswith("%"):
            pattern += re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", token)
            position += len(token)
            continue
        size = _DIRECTIVES[token[1]]
        loose = not adjacent and token[1] not in "Y"
        pattern += f"[0-9]{{1,{size}}}" if loose else f"[0-9]{{{size}}}"
        widths.append((position, size))
        position += size
    return TimeText(
        pattern=pattern + END,
        order=tuple(names),
        widths=tuple(widths) if adjacent else None,
    )
