"""Which letters count as blank around a text: one list, because every engine strips others."""

from __future__ import annotations

import narwhals.stable.v2 as nw

from userops.core.patterns import END

__all__ = ["BLANKS", "is_blank_expr", "is_padded_expr", "strip", "strip_expr"]

# ASCII white space, the no-break space, and the full-width space of Chinese text.
BLANKS = " \t\n\r\x0b\x0c\u00a0\u3000"


def strip(text: str) -> str:
    """Return a text without the blanks around it."""
    return text.strip(BLANKS)


def strip_expr(text: nw.Expr) -> nw.Expr:
    """Return a text column without the blanks around each text."""
    return text.str.replace_all(f"^[{BLANKS}]+|[{BLANKS}]+{END}", "")


def is_padded_expr(text: nw.Expr) -> nw.Expr:
    """Return whether a text begins or ends with a blank; null for null."""
    return text.str.contains(f"^[{BLANKS}]|[{BLANKS}]{END}")


def is_blank_expr(text: nw.Expr) -> nw.Expr:
    """Return whether a text is missing or blank.

    A text that begins with a visible ASCII letter is not blank: comparing tells this ten times
    faster than a pattern does on some engines, and a CASE leaves out the pattern.
    """
    visible = (text >= nw.lit("!")) & (text < nw.lit("\x7f"))
    seen = text.str.contains(f"[^{BLANKS}]").fill_null(False)
    return nw.when(visible.fill_null(False)).then(nw.lit(False)).otherwise(~seen)
