from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.charts import format_compact, format_number, format_percent, wrap_label
from userops.charts.labels import display_width, width_in_ems
from userops.errors import InvalidArgumentError


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (12345, "12,345"),
        (-12345, "-12,345"),
        (1234.5, "1,234"),
        (3.14159, "3.14"),
        (9.999, "10"),
        (0.012345, "0.0123"),
        (-0.5, "-0.5"),
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
    ],
)
def test_number(value: float | None, written: str) -> None:
    """A number is written in full when whole, to three digits when not, and a missing as a dash."""
    assert format_number(value) == written


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0, "0.0%"),
        (0.123, "12.3%"),
        (1, "100.0%"),
        (0.0004, "<0.1%"),
        (-0.0004, ">-0.1%"),
        (0.99996, ">99.9%"),
        (-0.2, "-20.0%"),
        (1.5, "150.0%"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_percent(share: float | None, written: str) -> None:
    """A share that is neither nothing nor all is never rounded to 0% or 100%."""
    assert format_percent(share) == written


def test_percent_digits() -> None:
    """A percentage has the decimals asked for, also at its bounds."""
    assert format_percent(0.126, digits=0) == "13%"
    assert format_percent(0.001, digits=0) == "<1%"
    assert format_percent(0.999, digits=0) == ">99%"


@pytest.mark.parametrize(
    ("value", "english", "chinese"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (999.7, "1K", "1,000"),
        (1234, "1.23K", "1,234"),
        (12_345, "12.3K", "1.23万"),
        (999_950, "1M", "100万"),
        (99_960_000, "100M", "9,996万"),
        (99_999_999, "100M", "1亿"),
        (1_234_567_890, "1.23B", "12.3亿"),
        (2.5e12, "2.5T", "2.5万亿"),
        (2.5e16, "25,000T", "25,000万亿"),
        (-45_600, "-45.6K", "-4.56万"),
        (0.25, "0.25", "0.25"),
        (None, "–", "–"),
    ],
)
def test_compact(value: float | None, english: str, chinese: str) -> None:
    """A short number counts by thousands in English and by ten thousands in Chinese."""
    assert format_compact(value) == english
    assert format_compact(value, language="zh") == chinese


@given(st.floats(min_value=1e-6, max_value=1e15), st.sampled_from(["en", "zh"]))
def test_compact_is_true(value: float, language: str) -> None:
    """A short number differs from the value by no more than half a unit of its third digit."""
    text = format_compact(value, language=language)  # type: ignore[arg-type]
    units = {"万亿": 1e12, "亿": 1e8, "万": 1e4, "T": 1e12, "B": 1e9, "M": 1e6, "K": 1e3}
    unit = next((u for u in units if text.endswith(u)), "")
    read = float(text.removesuffix(unit).replace(",", "")) * units.get(unit, 1)
    assert read == pytest.approx(value, rel=0.0051)


def test_compact_refuses_a_language() -> None:
    """An unknown language is refused with those that are known."""
    with pytest.raises(InvalidArgumentError, match="en, zh"):
        format_compact(1, language="zn")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("Champions", 12, ["Champions"]),
        ("Potential loyalists", 12, ["Potential", "loyalists"]),
        ("高价值老客户", 10, ["高价值", "老客户"]),
        ("新客户（首次购买）", 8, ["新客户", "（首次", "购买）"]),
        ("2024-01 to 2024-02", 10, ["2024-01 to", "2024-02"]),
        ("online/shop-a", 8, ["online/", "shop-a"]),
        ("Donaudampfschiff", 8, ["Donaudam", "pfschiff"]),
        ("two\nlines", 20, ["two", "lines"]),
        ("", 5, [""]),
    ],
)
def test_wrap(text: str, columns: int, lines: list[str]) -> None:
    """A name breaks at spaces, between Chinese characters, and into lines of about equal width."""
    assert wrap_label(text, columns=columns).split("\n") == lines


@given(
    st.text(alphabet="ab 客户（），-/12", max_size=40),
    st.integers(min_value=2, max_value=30),
)
def test_wrap_keeps_the_text(text: str, columns: int) -> None:
    """Wrapping loses no letter, and no line is wider than asked."""
    wrapped = wrap_label(text, columns=columns)
    assert "".join(wrapped.split()) == "".join(text.split())
    assert all(display_width(line) <= columns for line in wrapped.split("\n"))


def test_wrap_refuses_no_room() -> None:
    """A line too narrow for one Chinese character is refused."""
    with pytest.raises(InvalidArgumentError, match=r"columns.*Got: 1"):
        wrap_label("客户", columns=1)


def test_width() -> None:
    """A Chinese character counts two columns and one em, a combining accent nothing."""
    assert display_width("客户ab") == 6
    assert display_width("e\u0301") == 1
    assert width_in_ems("客户\n客") == 2.0
