"""Texts numbered by passes over arrays: the numbers are those of a dictionary."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import cores, digits
from userops.core.frames import first_rows as module
from userops.core.frames.first_rows import begins_visibly, first_rows
from userops.core.frames.places import places_of

letters = st.sampled_from(["", "a", "b", "\0", "ab", "中", "é", " ", "0" * 7, "x" * 8, "y" * 9])
texts = st.lists(st.lists(letters, max_size=6).map("".join), min_size=1, max_size=60)
even = st.lists(st.sampled_from(["a" * 11, "b" * 11, "a" * 10 + "b", "b" + "a" * 10]), min_size=1)


@pytest.fixture(autouse=True)
def _of_any_size() -> Iterator[None]:
    """Have a few rows treated like many, and shared among three cores."""
    with (
        mock.patch.multiple(module, _FEWEST_ROWS=1, _SAMPLE_ROWS=1, _FEWEST_IN_SAMPLE=0),
        mock.patch.multiple(cores, core_count=lambda: 3, _FEWEST_ROWS=1),
        mock.patch.object(digits, "PIECE_ROWS", 2),
    ):
        yield


def _by_dictionary(values: list[str]) -> list[int]:
    seen: dict[str, int] = {}
    return [seen.setdefault(value, row) for row, value in enumerate(values)]


@settings(deadline=None)
@given(texts | even, st.sampled_from([pa.string(), pa.large_string()]), st.integers(0, 60))
def test_each_row_finds_the_first_of_its_text(
    values: list[str], kind: pa.DataType, cut: int
) -> None:
    """Whatever the texts, their lengths, and where chunks and slices begin."""
    whole = pa.array(["before", *values, "after"], kind).slice(1, len(values))
    chunked = pa.chunked_array([whole.slice(0, cut), whole.slice(cut)], kind)
    found = first_rows(chunked)
    assert found is not None
    assert found.tolist() == _by_dictionary(values)
    places, keys = places_of(chunked)
    assert keys.take(pa.array(places)).to_pylist() == values
    assert keys.to_pylist() == list(dict.fromkeys(values))
    is_visible = all(value and "!" <= value[0] < "\x7f" for value in values)
    assert begins_visibly(chunked) == is_visible


def test_texts_that_share_a_place_are_told_apart() -> None:
    """Half of a thousand texts meet at a few places, and none is taken for another."""
    values = [f"id{n % 700:09d}" for n in range(1_500)]
    with mock.patch.object(module, "_FACTORS", (np.uint64(2**40), np.uint64(0x9E3779B97F4A7C15))):
        found = first_rows(pa.chunked_array([values]))
    assert found is not None
    assert found.tolist() == _by_dictionary(values)


def test_what_arrow_does_better_is_left_to_it() -> None:
    """Texts that collide whatever the turn, long ones, nulls, and what is no text."""
    values = [f"id{n % 40:09d}" for n in range(100)]
    with mock.patch.object(module, "_FACTORS", (np.uint64(0),)):
        assert first_rows(pa.chunked_array([values])) is None
        places, keys = places_of(pa.chunked_array([values]))
    assert keys.take(pa.array(places)).to_pylist() == values
    assert first_rows(pa.chunked_array([["x" * 65, "y"]])) is None
    assert first_rows(pa.chunked_array([["x", None]])) is None
    assert first_rows(pa.chunked_array([[1, 2]])) is None
    assert first_rows(pa.chunked_array([], pa.string())) is None
    with mock.patch.multiple(module, _SAMPLE_ROWS=8, _FEWEST_IN_SAMPLE=8):
        assert first_rows(pa.chunked_array([["x", "y"] * 8])) is None
    for nothing in (pa.chunked_array([["x", None]]), pa.chunked_array([[1]])):
        assert not begins_visibly(nothing)


def test_views_of_text_are_places_as_well() -> None:
    """Polars hands them over."""
    places, keys = places_of(pa.chunked_array([pa.array(["b", "a", "b"], pa.string_view())]))
    assert keys.take(pa.array(places)).to_pylist() == ["b", "a", "b"]
