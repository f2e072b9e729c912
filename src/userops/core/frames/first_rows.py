"""The first row of each row's text: what texts are numbered by, faster than by a hash table.

Every row writes its number at the place in a table that its text is hashed to, the first row last.
Whoever then finds a row with his own text there has his answer, because all rows of one text share
a place; texts that met at one place try again with another hash, a twentieth of the rows or so.
Whole passes over arrays take a third of the time of Arrow's dictionary, and since the texts
themselves are compared, the answer is exact whatever the hashes are.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.core.cores import by_pieces, on_all_cores, shares
from userops.core.digits import pieces

__all__ = ["begins_visibly", "first_rows"]

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

# With so many rows passes over arrays are worth their fixed cost.
_FEWEST_ROWS = 1 << 15
_FEWEST_BITS = 8
# A table entry is an int32.
_MOST_ROWS = 2**31 - 1
# Of fewer different texts than this in a sample, Arrow's table stays in a core's cache.
_SAMPLE_ROWS, _FEWEST_IN_SAMPLE = 1 << 12, 1 << 10
# Each eight bytes of the longest text are several passes over all rows.
_LONGEST_BYTES = 64
# Texts that were made to collide are left to Arrow.
_MOST_ROUNDS = 24
_WORD_BYTES = 8
# Odd numbers whose product with a word mixes every bit into the high ones: 2**64 over the golden
# ratio (Knuth, The Art of Computer Programming, vol. 3, section 6.4), and those of splitmix64
# (Steele, Lea & Flood 2014).
_FACTORS = tuple(np.uint64(n) for n in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_HALF_WORD = np.uint64(32)


def first_rows(texts: pa.ChunkedArray) -> Ints | None:
    """Return for each row the first row that holds the same text.

    Args:
        texts: A column without nulls, of few chunks, which are not joined.

    Returns:
        int64 row numbers; None where Arrow's dictionary is the better way: few rows, few or long
        texts, or texts that were made to share their hashes; or where it is no text.
    """
    rows = len(texts)
    if not (_is_text(texts.type) and _FEWEST_ROWS <= rows <= _MOST_ROWS) or texts.null_count:
        return None
    reach = pc.min_max(pc.binary_length(texts))
    shortest, longest = reach["min"].as_py(), reach["max"].as_py()
    if longest > _LONGEST_BYTES or not _differ_often(texts):
        return None
    split = _Texts(texts, shortest, longest)
    bits = max(rows.bit_length() - 2, _FEWEST_BITS)
    first = _first_at(_hashed(split.each()), bits, shares(rows))
    is_same = np.ones(rows, dtype=np.bool_)
    for word in split.each():
        by_pieces(rows, partial(_compare, word, first, is_same))
    left = np.flatnonzero(~is_same)
    words = [word[left] for word in split.each()]
    for turn in range(1, _MOST_ROUNDS):
        if not len(left):
            return first.astype(np.int64)
        # Those that have met others already get more room, and share one table, which is wide.
        bits, every = len(left).bit_length() + 1, slice(0, len(left))
        found = _first_at(_hashed(iter(words), turn), bits, [every])
        is_same = np.logical_and.reduce([word[found] == word for word in words])
        first[left[is_same]] = left[found[is_same]]
        left, words = left[~is_same], [word[~is_same] for word in words]
    return None


def begins_visibly(texts: pa.ChunkedArray) -> bool:
    """Return True where every text begins with a visible ASCII letter, so that none is blank.

    A look at one byte of each text; False says nothing. Nulls and texts of nothing make it False.
    """
    if texts.null_count or not _is_text(texts.type):
        return False
    for chunk in texts.chunks:
        offsets, text = _buffers(chunk)
        for piece in pieces(len(chunk)):
            edges = offsets[piece.start : piece.stop + 1]
            if not (edges[1:] > edges[:-1]).all():
                return False
            letters = text[edges[:-1]]
            if letters.min() < ord("!") or letters.max() >= 0x7F:
                return False
    return True


class _Texts:
    """Texts as words of eight bytes, which together tell any two apart.

    Attributes:
        words: How many words a text has.
    """

    def __init__(self, texts: pa.ChunkedArray, shortest: int, longest: int) -> None:
        self._rows = len(texts)
        self._chunks = [_buffers(chunk) for chunk in texts.chunks if len(chunk)]
        self._longest = longest
        self._is_even = shortest == longest >= _WORD_BYTES
        self.words = -(-longest // _WORD_BYTES) + (0 if self._is_even else 1)
        kept = [2 ** (8 * size) - 1 for size in range(_WORD_BYTES + 1)]
        self._only: Words | None = None
        self._masks = np.array(kept, dtype=np.uint64)

    def each(self) -> Iterator[Words]:
        """Yield word after word of all texts: one alone is kept, of several one at a time."""
        if self.words > 1:
            yield from (self._word(number) for number in range(self.words))
            return
        if self._only is None:
            self._only = self._word(0)
        yield self._only

    def _word(self, number: int) -> Words:
        found, begin = np.empty(self._rows, dtype=np.uint64), 0
        for offsets, text in self._chunks:
            some = found[begin : begin + len(offsets) - 1]
            begin += len(some)
            if self._is_even:  # the last word ends with the text
                start = min(_WORD_BYTES * number, self._longest - _WORD_BYTES)
                place = int(offsets[0]) + start
                some[:] = np.ndarray(some.shape, "<u8", text.data, place, (self._longest,))
                continue
            by_pieces(len(some), partial(self._fill_uneven, some, offsets, text, number))
        return found

    def _fill_uneven(
        self, found: Words, offsets: NDArray[Any], text: NDArray[np.uint8], number: int, rows: slice
    ) -> None:
        found[rows] = self._of_uneven(offsets[rows.start : rows.stop + 1], text, number)

    def _of_uneven(self, offsets: NDArray[Any], text: NDArray[np.uint8], number: int) -> Words:
        """Return a word of some texts filled up with zeros; the last word is the length."""
        sizes = offsets[1:] - offsets[:-1]
        if number == self.words - 1:
            lengths: Words = sizes.astype(np.uint64)
            return lengths
        if len(text) < _WORD_BYTES:
            text = np.concatenate([text, np.zeros(_WORD_BYTES, np.uint8)])
        begin = offsets[:-1].astype(np.int64) + _WORD_BYTES * number
        # Behind the last word of all there is nothing to read: earlier bytes are shifted out.
        last = len(text) - _WORD_BYTES
        place = np.minimum(begin, last)
        behind = np.minimum(begin - place, _WORD_BYTES - 1).astype(np.uint64)
        every: Words = np.ndarray((last + 1,), "<u8", text.data, 0, (1,))
        word: Words = every[place] >> (behind * np.uint64(8))
        word &= self._masks[np.clip(sizes - _WORD_BYTES * number, 0, _WORD_BYTES)]
        return word


def _differ_often(texts: pa.ChunkedArray) -> bool:
    """Return whether a sample over all rows holds many different texts."""
    step = len(texts) // _SAMPLE_ROWS
    samples = [chunk.take(pa.array(np.arange(0, len(chunk), step))) for chunk in texts.chunks]
    return len(pc.unique(pa.chunked_array(samples))) >= _FEWEST_IN_SAMPLE


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _buffers(texts: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Return where each text begins, one more than there are, and all bytes."""
    kind = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, places, data = texts.buffers()
    text = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    if places is None or not places.size:
        return np.zeros(1, dtype=kind), text
    offsets = np.frombuffer(places, kind)
    return offsets[texts.offset : texts.offset + len(texts) + 1], text


def _compare(
    word: Words, first: NDArray[np.int32], is_same: NDArray[np.bool_], rows: slice
) -> None:
    """Take note of rows whose first row has another word."""
    is_same[rows] &= word.take(first[rows]) == word[rows]


def _hashed(words: Iterator[Words], turn: int = 0) -> Words:
    """Return a number for each row, whose high bits depend on all words; each turn does so anew."""
    factor = _FACTORS[turn % len(_FACTORS)]
    hashes = next(words) * factor
    for word in words:
        for piece in pieces(len(hashes)):
            some = hashes[piece]
            some ^= some >> _HALF_WORD
            some ^= word[piece]
            some *= factor
    for _ in range(turn):
        hashes ^= hashes >> _HALF_WORD
        hashes *= factor
    return hashes


def _first_at(hashes: Words, bits: int, parts: list[slice]) -> NDArray[np.int32]:
    """Return for each row the first row whose hash begins with the same bits.

    Each part of the rows has a table of its own; the first of all is the least of theirs.
    """
    hashes >>= np.uint64(64 - bits)
    places = hashes.view(np.int64)
    tables = on_all_cores(lambda part: _table_of(places, bits, part), parts)
    table = tables[0]
    for other in tables[1:]:
        np.minimum(table, other, out=table)
    first = np.empty(len(places), dtype=np.int32)

    def look_up(rows: slice) -> None:
        np.take(table, places[rows], out=first[rows], mode="clip")

    by_pieces(len(places), look_up)
    return first


def _table_of(places: Ints, bits: int, share: slice) -> NDArray[np.int32]:
    """Return the first of some rows at each place; at those of no row, what no row comes after."""
    table = np.full(2**bits, _MOST_ROWS, dtype=np.int32)
    for piece in reversed(list(pieces(share))):
        # Of equal places the one written last stays: the first row.
        backwards = np.arange(piece.stop - 1, piece.start - 1, -1, dtype=np.int32)
        table[places[piece][::-1]] = backwards
    return table
