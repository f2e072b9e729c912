"""Arrow columns built from numpy arrays without a Python loop over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.datasets.synthetic.setting import Calendar

__all__ = ["choice_text", "id_bytes", "instants", "random_bytes", "text", "yuan"]

# Arrow text holds below 2 GiB a chunk: its offsets are 32 bits wide.
_CHUNK_BYTES = 2**31 - 1
_LONGEST_WORD_BYTES = 60

_ID_LETTERS = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", dtype=np.uint8
)


def id_bytes(prefix: str, numbers: NDArray[np.int64], digits: int) -> NDArray[np.uint8]:
    """Write ids such as `c0000123` as one row of bytes each, all of the same width.

    Args:
        prefix: ASCII letters in front.
        numbers: Non-negative numbers.
        digits: Least number of digits; more are used when the largest number needs them.
    """
    largest = int(numbers.max()) if numbers.size else 0
    digits = max(digits, len(str(largest)))
    out = np.empty((numbers.size, len(prefix) + digits), dtype=np.uint8)
    out[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
    # Division of 32-bit numbers is about twice as fast, and most ids fit.
    width: type[np.uint32 | np.uint64] = np.uint32 if largest < 2**32 else np.uint64
    rest: NDArray[Any] = numbers.astype(width)
    for place in range(out.shape[1] - 1, len(prefix) - 1, -1):
        quotient = rest // 10
        out[:, place] = rest - quotient * 10
        out[:, place] += ord("0")
        rest = quotient
    return out


def random_bytes(
    rng: np.random.Generator, rows: int, letters: int, *, prefix: str
) -> NDArray[np.uint8]:
    """Write ids of random letters, as platforms give them out, one row of bytes each."""
    out = np.empty((rows, len(prefix) + letters), dtype=np.uint8)
    out[:, : len(prefix)] = np.frombuffer(prefix.encode("ascii"), dtype=np.uint8)
    out[:, len(prefix) :] = _ID_LETTERS[rng.integers(0, 64, (rows, letters), dtype=np.uint8)]
    return out


def text(letters: NDArray[np.uint8], missing: NDArray[np.bool_] | None = None) -> pa.ChunkedArray:
    """Turn rows of bytes of equal width into a text column; `missing` rows become null."""
    rows, width = letters.shape
    step = _CHUNK_BYTES // width
    chunks = []
    for low in range(0, max(rows, 1), step):
        part = letters[low : low + step]
        valid = None
        if missing is None:
            offsets = np.arange(0, (len(part) + 1) * width, width, dtype=np.int32)
        else:
            known = ~missing[low : low + step]
            offsets = np.zeros(known.size + 1, dtype=np.int32)
            np.cumsum(known * np.int32(width), out=offsets[1:])
            valid = pa.py_buffer(np.packbits(known, bitorder="little"))
            # What is unknown must not lie readable behind its null.
            part = part[known]
        data = pa.py_buffer(np.ascontiguousarray(part).reshape(-1))
        chunks.append(
            pa.StringArray.from_buffers(offsets.size - 1, pa.py_buffer(offsets), data, valid)
        )
    return pa.chunked_array(chunks, type=pa.string())


def choice_text(codes: NDArray[np.signedinteger], words: Sequence[str]) -> pa.ChunkedArray:
    """Turn positions in `words` into a text column; a negative position becomes null."""
    longest = max(len(word.encode()) for word in words)
    assert longest <= _LONGEST_WORD_BYTES, "a longer word could overflow a chunk"
    step = _CHUNK_BYTES // _LONGEST_WORD_BYTES
    chunks = []
    for low in range(0, max(codes.size, 1), step):
        part = codes[low : low + step]
        indices = pa.array(part, mask=part < 0)
        chunks.append(pa.DictionaryArray.from_arrays(indices, pa.array(words)).dictionary_decode())
    return pa.chunked_array(chunks, type=pa.string())


def instants(
    calendar: Calendar,
    seconds: NDArray[np.int64],
    missing: NDArray[np.bool_] | None = None,
) -> pa.Array:
    """Turn times of the shop into UTC instants; `missing` rows become null."""
    return pa.array(calendar.epoch_us(seconds), mask=missing).view(pa.timestamp("us", tz="UTC"))


def yuan(cents: NDArray[np.integer]) -> pa.Array:
    """Turn exact cents into yuan: the double nearest to the two-digit decimal."""
    # One correctly rounded division of two exact numbers gives the nearest double.
    return pa.array(cents / 100.0)
