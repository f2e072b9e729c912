"""Identifiers as places of distinct texts: whole numbers behave as they are written."""

from __future__ import annotations

import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core.texts import Numbers, Texts, coded

numbers = st.lists(st.none() | st.integers(-5, 12) | st.integers(-(2**63), 2**63 - 1), max_size=12)
spelled = ["7", "07", "-3", "+3", " 7", "7 ", "", "-", "3.0", "٣", "a:1", "99999999999999999999999"]


@given(numbers, numbers)
def test_numbers_are_coded_as_their_texts(left: list[int | None], right: list[int | None]) -> None:
    """Each row finds its text again, whichever way the numbers are kept."""
    columns = [pa.array(side, pa.int64()) for side in (left, right)]
    places, texts = coded(columns)
    written = texts.at(np.arange(len(texts)))
    assert isinstance(texts, Numbers)
    assert len(set(written)) == len(written)
    for side, found in zip((left, right), places, strict=True):
        assert [None if p < 0 else written[p] for p in found.tolist()] == [
            None if value is None else str(value) for value in side
        ]


@given(st.lists(st.integers(-9, 120), unique=True, min_size=1), st.sampled_from(spelled))
def test_numbers_answer_as_texts_do(values: list[int], asked: str) -> None:
    """What a text column says of a value, a column of numbers says too."""
    kept = Numbers(pa.array(values, pa.int64()))
    plain = Texts.of(map(str, values))
    every = np.arange(len(values))
    assert kept.at(every) == plain.at(every)
    assert kept.at_one(0) == plain.at_one(0)
    assert kept.place(asked) == plain.place(asked)
    assert (
        kept.is_in([asked, str(values[0])]).tolist()
        == plain.is_in([asked, str(values[0])]).tolist()
    )
    for prefix in ("1", "-", "phone:"):
        assert kept.starting_with(prefix).tolist() == plain.starting_with(prefix).tolist()
        assert kept.prefixed(prefix, every).to_pylist() == plain.prefixed(prefix, every).to_pylist()
    assert (
        kept.flags(lambda text: text.endswith("1")).tolist()
        == plain.flags(lambda text: text.endswith("1")).tolist()
    )
    assert kept.places_in(plain).tolist() == plain.places_in(plain).tolist()
    assert kept.places_in(kept.taken(every[:1])).tolist()[0] == 0
    changed, places = kept.changed(lambda text: text[-1])
    others, other_places = plain.changed(lambda text: text[-1])
    assert changed.at(places) == others.at(other_places)


@pytest.mark.parametrize("other", [pa.array(["7", "x"]), pa.array([7], pa.int32())])
def test_numbers_beside_texts_are_texts(other: pa.Array) -> None:
    """A number in one table is the text of it in another."""
    (one, two), texts = coded([pa.array([7, 8], pa.int64()), other])
    assert texts.at(one) == ["7", "8"]
    assert one[0] == two[0]


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_lookups_with_an_index_find_what_those_without_one_find(data: st.DataObject) -> None:
    """However often one asks, of texts and of whole numbers, of what is there and what is not."""
    number = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
    values = data.draw(st.lists(number, unique=True, min_size=1, max_size=30))
    values += [number for number in range(10_000, 11_500) if number not in values]
    texts = list(map(str, values))
    asked = [*texts[:30], texts[-1], "11500", "0", "-0", "01", "", "x", "9" * 30]
    expected = [texts.index(text) if text in texts else -1 for text in asked]
    for lots in (Numbers(pa.array(values, pa.int64())), Texts.of(texts)):
        for _ in range(3):
            assert [lots.place(text) for text in asked] == expected
        copied = pickle.loads(pickle.dumps(lots))
        assert [copied.place(text) for text in asked] == expected
