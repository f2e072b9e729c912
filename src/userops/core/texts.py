"""Many distinct texts, each known by its place: what links and identifiers are made of.

Texts stay in Arrow; places are numpy integers. So millions of ids cost a dictionary, and no object
of Python's each. Ids that are whole numbers stay numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.blanks import BLANKS
from userops.core.frames.places import places_of

__all__ = ["Numbers", "Places", "Texts", "coded", "column_of"]

Places = NDArray[np.int64]
_MOST_DIGITS = 20
# Among few texts one is found at once. An index costs as much as some twenty lookups without one,
# whatever the number of texts.
_FEW, _MOST_SCANS = 1_000, 20


@attrs.frozen(eq=False)
class Texts:
    """Distinct texts; a text's place stands for it.

    Attributes:
        array: The texts as Arrow large strings, without nulls.
    """

    array: Any = attrs.field(repr=False)
    _looked_up: list[None] = attrs.field(factory=list, init=False, repr=False)

    @classmethod
    def of(cls, values: Iterable[str]) -> Texts:
        """Take distinct texts from Python."""
        return cls(pa.array(list(values), pa.large_string()))

    def __len__(self) -> int:
        return len(self.array)

    def at(self, places: Places) -> list[str]:
        """Return the texts at some places."""
        found: list[str] = self.array.take(pa.array(places)).to_pylist()
        return found

    def at_one(self, place: int) -> str:
        """Return the text at a place."""
        found: str = self.array[place].as_py()
        return found

    def place(self, text: str) -> int:
        """Return where a text stands, or -1.

        The first lookups read all texts; when they have cost as much as an index, one is made.
        """
        if len(self) <= _FEW:
            return self._scanned(text)
        if len(self._looked_up) < _MOST_SCANS:
            self._looked_up.append(None)
            return self._scanned(text)
        keys, order = self._index
        key = np.int64(self._key(text))
        begin, end = np.searchsorted(keys, key), np.searchsorted(keys, key, side="right")
        return next((p for p in order[begin:end].tolist() if self.at_one(p) == text), -1)

    def _scanned(self, text: str) -> int:
        return int(pc.index(self.array, pa.scalar(text, pa.large_string())).as_py())

    def _key(self, text: str) -> int:
        return hash(text)

    @cached_property
    def _index(self) -> tuple[Places, Places]:
        """The key of each text, ascending, and where that text stands."""
        keys = self._keys()
        order = np.argsort(keys)
        return keys[order], order

    def _keys(self) -> Places:
        return np.fromiter(map(hash, self.array.to_pylist()), np.int64, len(self))

    def places_in(self, others: Texts) -> Places:
        """Return where each of these texts stands among others; -1 where it does not."""
        found = pc.fill_null(pc.index_in(self.array, value_set=others.array), -1)
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)

    def changed(self, function: Callable[[str], str | None]) -> tuple[Texts, Places]:
        """Return the distinct results of a function, and the place of each text's; -1 for None."""
        results = pa.array([function(text) for text in self.array.to_pylist()], pa.large_string())
        return _encoded(results)

    def trimmed(self) -> tuple[Texts, Places]:
        """Return the distinct texts without blanks around them, and the place of each text's.

        A text of nothing but blanks has no place: -1.
        """
        trimmed = pc.utf8_trim(self.array, characters=BLANKS)
        is_same = pc.all(pc.equal(trimmed, self.array)).as_py() in (True, None)
        is_some = not pc.any(pc.equal(trimmed, "")).as_py()
        if is_same and is_some:
            return self, np.arange(len(self), dtype=np.int64)
        return _encoded(pc.if_else(pc.equal(trimmed, ""), None, trimmed))

    def taken(self, places: Places) -> Texts:
        """Return the texts at some places."""
        return type(self)(self.array.take(pa.array(places)))

    def flags(self, function: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return what a function says of each text."""
        return np.fromiter(map(function, self.array.to_pylist()), np.bool_, len(self))

    def starting_with(self, prefix: str) -> Places:
        """Return the places of the texts that begin with another."""
        return np.flatnonzero(pc.starts_with(self.array, prefix).to_numpy(zero_copy_only=False))

    def is_in(self, texts: Iterable[str]) -> NDArray[np.bool_]:
        """Return which texts are among some others."""
        wanted = pa.array(sorted(texts), pa.large_string())
        return np.asarray(pc.is_in(self.array, value_set=wanted).to_numpy(zero_copy_only=False))

    def prefixed(self, prefix: str, places: Places) -> Any:
        """Return the texts at some places with another before each, as Arrow."""
        taken = self.array.take(pa.array(places))
        if not prefix:
            return taken
        empty = pa.scalar("", pa.large_string())
        return pc.binary_join_element_wise(pa.scalar(prefix, pa.large_string()), taken, empty)


@attrs.frozen(eq=False)
class Numbers(Texts):
    """Distinct whole numbers, which stand for how they are written; text is made of few of them.

    Attributes:
        array: The numbers as Arrow int64, without nulls.
    """

    def at(self, places: Places) -> list[str]:
        """Return the numbers at some places, written."""
        return list(map(str, self.array.take(pa.array(places)).to_pylist()))

    def at_one(self, place: int) -> str:
        """Return the number at a place, written."""
        return str(self.array[place].as_py())

    def _scanned(self, text: str) -> int:
        number = _number(text)
        return -1 if number is None else int(pc.index(self.array, pa.scalar(number)).as_py())

    def _key(self, text: str) -> int:
        return _number(text) or 0

    def _keys(self) -> Places:
        return np.asarray(self.array.to_numpy(), dtype=np.int64)

    def places_in(self, others: Texts) -> Places:
        """Return where each of these numbers stands among others; -1 where it does not."""
        if isinstance(others, Numbers):
            return super().places_in(others)
        return self.as_texts().places_in(others)

    def changed(self, function: Callable[[str], str | None]) -> tuple[Texts, Places]:
        """Return the distinct results of a function, and the place of each number's."""
        return self.as_texts().changed(function)

    def trimmed(self) -> tuple[Texts, Places]:
        """Return the numbers themselves."""
        return self, np.arange(len(self), dtype=np.int64)

    def flags(self, function: Callable[[str], bool]) -> NDArray[np.bool_]:
        """Return what a function says of each number, written."""
        return self.as_texts().flags(function)

    def starting_with(self, prefix: str) -> Places:
        """Return the places of the numbers that begin with a text."""
        if not prefix.strip("-0123456789"):
            return self.as_texts().starting_with(prefix)
        return np.empty(0, dtype=np.int64)

    def is_in(self, texts: Iterable[str]) -> NDArray[np.bool_]:
        """Return which numbers are written as some texts."""
        wanted = [number for number in map(_number, texts) if number is not None]
        found = pc.is_in(self.array, value_set=pa.array(wanted, pa.int64()))
        return np.asarray(found.to_numpy(zero_copy_only=False))

    def prefixed(self, prefix: str, places: Places) -> Any:
        """Return the numbers at some places, written, with a text before each, as Arrow."""
        few = Texts(self.array.take(pa.array(places)).cast(pa.large_string()))
        return few.prefixed(prefix, np.arange(len(places)))

    def as_texts(self) -> Texts:
        """Return the numbers as texts, in their places."""
        return Texts(self.array.cast(pa.large_string()))


def _number(text: str) -> int | None:
    """Return the whole number that is written exactly so; None where none is."""
    if len(text) > _MOST_DIGITS or not text.lstrip("-").isascii() or not text[-1:].isdigit():
        return None
    try:
        number = int(text)
    except ValueError:
        return None
    return number if str(number) == text and -(2**63) <= number < 2**63 else None


def coded(columns: Sequence[Any]) -> tuple[list[Places], Texts]:
    """Return columns of text or whole numbers as places of distinct texts; -1 for null.

    Args:
        columns: Arrow arrays or chunked arrays.
    """
    chunks: list[Any] = []
    lengths = []
    for column in columns:
        mine = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
        lengths.append(sum(len(chunk) for chunk in mine))
        chunks += mine
    if chunks and all(pa.types.is_int64(chunk.type) for chunk in chunks):
        texts, places = _numbered(pa.chunked_array(chunks))
    else:
        # One chunk is coded several times faster than many.
        parts = [_as_text(chunk) for chunk in chunks] or [pa.array([], pa.large_string())]
        texts, places = _encoded(pa.concat_arrays(parts))
    ends = np.cumsum([0, *lengths])
    return [places[a:b] for a, b in pairwise(ends.tolist())], texts


def _numbered(column: Any) -> tuple[Texts, Places]:
    if not column.null_count:
        places, numbers = places_of(column)
        return Numbers(numbers), places
    encoded = column.combine_chunks().dictionary_encode()
    return Numbers(encoded.dictionary), pc.fill_null(encoded.indices, -1).to_numpy().astype(
        np.int64
    )


def _as_text(chunk: Any) -> Any:
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.cast(chunk.type.value_type)
    return chunk.cast(pa.large_string())


def _encoded(array: Any) -> tuple[Texts, Places]:
    encoded = array.dictionary_encode()
    places = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return Texts(encoded.dictionary), places


def column_of(values: Iterable[str]) -> Any:
    """Return some texts as a column for `coded`."""
    return pa.array(list(values), pa.large_string())
