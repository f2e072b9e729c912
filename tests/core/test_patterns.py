"""Patterns that mean the same in Python and in every engine."""

from __future__ import annotations

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest

from userops.core import frames, money
from userops.core.patterns import portable
from userops.errors import InvalidDefinitionError
from userops.testing import to_engine

TEXTS = [
    "C1", "1", "退1", "\uff11", "1\n", "1\u2028", "1\u0085", "a.b", "", "\\z", "C\\z1", "c-RET",
    "x]y", "a1b",
]  # fmt: skip
PATTERNS = [
    "^C", r"\d$", r"^\w+$", r"\s", ".$", r"^[\d.]+$", "(R|C)[0-9]+$", r"\\z", r"[^\w]", r"\D",
    "-RET$", "a{1,3}", "(?:1|b)+?$", "退", r"\.", r"x\]y", "^$", "[a-c]1", r"\v", r"[\v1]",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_finds_the_same_texts_everywhere(pattern: str, engine: str) -> None:
    """The pattern for engines finds what the pattern for Python finds, whatever ends the text."""
    read = portable(pattern)
    frame = frames.read(to_engine(pa.table({"x": TEXTS}), engine)).frame
    found = frames.to_rows(frame.filter(nw.col("x").str.contains(read.engines)))

    assert sorted(row["x"] for row in found) == sorted(t for t in TEXTS if read.python.search(t))


@pytest.mark.parametrize(
    "pattern",
    ["^(?=C)", r"(C)\1", "(?i)c", "(?P<x>C)", "a++", "a{,3}", "a{1001}", "x{2}{3}", "[a&&b]",
     "[[:alpha:]]", r"\<", "(a{1000}){1000}", r"\bC", r"\u9000", r"[\D]", "{", "(", "[", "]]]("],
)  # fmt: skip
def test_what_engines_read_differently_is_refused(pattern: str) -> None:
    """Refused when it is written, with what is allowed."""
    with pytest.raises(InvalidDefinitionError, match="Allowed: characters, sets") as caught:
        portable(pattern)
    assert caught.value.field == "pattern"


@pytest.mark.parametrize("end", ["", " ", "\n", "\u2028", "\u0085", "\u2029", "\u3000", "\u00a0"])
def test_numbers_and_what_stands_behind_them(end: str, engine: str) -> None:
    """A separator behind a number is stripped or makes it unreadable, the same everywhere."""
    text = f"12.50{end}"
    frame = frames.read(to_engine(pa.table({"x": [text]}), engine)).frame
    (row,) = frames.to_rows(frame.select(y=money.parse_number_expr(nw.col("x"))))
    alone = money.number_of(text)

    assert row["y"] == (None if alone is None or alone != alone else alone)  # noqa: PLR0124


@pytest.mark.slow
def test_separators_behind_texts_on_spark() -> None:
    """Java's own end of a text stands before a line separator; ours does not."""
    texts = [*TEXTS, "12.50\u2028", "2024-01-31\u2028", "12.50"]
    frame = frames.read(to_engine(pa.table({"x": texts}), "pyspark")).frame
    for pattern in PATTERNS:
        read = portable(pattern)
        found = frames.to_rows(frame.filter(nw.col("x").str.contains(read.engines)))
        expected = sorted(t for t in texts if read.python.search(t))
        assert sorted(row["x"] for row in found) == expected, pattern
    numbers = frames.to_rows(frame.select("x", y=money.parse_number_expr(nw.col("x"))))
    assert {row["x"] for row in numbers if row["y"] is not None} == {"1", "1\n", "12.50"}
