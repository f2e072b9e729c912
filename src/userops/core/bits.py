"""Sets of customers as packed bits: counts, counts of pairs, and patterns, all exact.

A set is a row of unsigned 64-bit words; bit `k % 64` of word `k // 64` says whether customer `k` is
a member. Bits behind the last customer are zero. Rows of sets make a matrix (sets, words). A
million customers take 125 kB a set, and numpy counts a pair of sets with two passes over 15,625
words, several times faster than a product of float matrices that holds the same bits.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from userops.core import cores
from userops.core.cores import on_all_cores

__all__ = [
    "Words",
    "counts",
    "in_one_only",
    "pack_flags",
    "pack_members",
    "pair_counts",
    "patterns",
    "unpack",
]

Words: TypeAlias = NDArray[np.uint64]

_WORD = 64
# One pass works on so many rows of so many words: 2 MB, which stays in the cache of a core.
_BLOCK_ROWS = 64
_BLOCK_WORDS = 4096
# Below this many words of work, threads cost more than they bring.
_ALONE_WORDS = 2_000_000


def pack_flags(flags: NDArray[np.bool_]) -> Words:
    """Pack one flag a customer into words.

    Args:
        flags: Of shape (customers,) for one set, or (sets, customers).

    Returns:
        Words of shape (words,) or (sets, words).
    """
    packed = np.packbits(flags, axis=-1, bitorder="little")
    lacking = -packed.shape[-1] % (_WORD // 8)
    padding = [(0, 0)] * (packed.ndim - 1) + [(0, lacking)]
    words = np.ascontiguousarray(np.pad(packed, padding)).view("<u8")
    return words.astype(np.uint64, copy=False)


def pack_members(
    members: NDArray[np.integer], sets: NDArray[np.integer], *, n_sets: int, customers: int
) -> Words:
    """Pack assignments of customers to sets; repeated ones count once.

    Args:
        members: The customer of each assignment, from 0 to `customers - 1`.
        sets: The set of each assignment, from 0 to `n_sets - 1`.
        n_sets: Number of sets.
        customers: Number of customers.

    Returns:
        Words of shape (sets, words).
    """
    words = np.zeros((n_sets, -(-customers // _WORD)), dtype=np.uint64)
    # numpy sorts 16-bit integers by radix, in a few passes.
    narrow = sets.astype(np.uint16 if n_sets <= 1 << 16 else np.uint32, copy=False)
    order = np.argsort(narrow, kind="stable")
    ordered = members[order]
    bounds = np.searchsorted(narrow[order], np.arange(n_sets + 1))
    flags = np.zeros(customers, dtype=np.bool_)
    for row, (begin, end) in enumerate(pairwise(bounds.tolist())):
        here = ordered[begin:end]
        flags[here] = True
        words[row] = pack_flags(flags)
        flags[here] = False
    return words


def unpack(words: Words, customers: int) -> NDArray[np.bool_]:
    """Return the flags of one set, one a customer."""
    packed = words.astype("<u8", copy=False).view(np.uint8)
    flags: NDArray[np.bool_] = np.unpackbits(packed, bitorder="little", count=customers).view(
        np.bool_
    )
    return flags


def counts(rows: Words) -> NDArray[np.int64]:
    """Return the number of members of each set."""
    found: NDArray[np.int64] = np.bitwise_count(rows).sum(axis=-1, dtype=np.int64)
    return found


def pair_counts(rows: Words) -> NDArray[np.int64]:
    """Return how many customers each two sets share; the sizes stand on the diagonal.

    Args:
        rows: Words of shape (sets, words).

    Returns:
        A symmetric matrix of shape (sets, sets).
    """
    n_sets, n_words = rows.shape
    begins = list(range(0, n_words, _BLOCK_WORDS))
    is_small = n_sets * n_sets * n_words < _ALONE_WORDS
    threads = 1 if is_small else cores.core_count()
    shares = [begins[k::threads] for k in range(threads)]
    parts = on_all_cores(lambda share: _upper_counts(rows, share), shares)
    upper = sum(parts, np.zeros((n_sets, n_sets), dtype=np.int64))
    return upper + np.triu(upper, 1).T


def _upper_counts(rows: Words, begins: list[int]) -> NDArray[np.int64]:
    """Count the pairs (i, j), j >= i, in some blocks of words; numpy lets other threads run."""
    n_sets, n_words = rows.shape
    found = np.zeros((n_sets, n_sets), dtype=np.int64)
    shared = np.empty((_BLOCK_ROWS, _BLOCK_WORDS), dtype=np.uint64)
    bits = np.empty((_BLOCK_ROWS, _BLOCK_WORDS), dtype=np.uint8)
    for begin in begins:
        block = rows[:, begin : min(begin + _BLOCK_WORDS, n_words)]
        width = block.shape[1]
        for top in range(0, n_sets, _BLOCK_ROWS):
            bottom = min(top + _BLOCK_ROWS, n_sets)
            for i in range(bottom):
                first = max(i, top)
                both, ones = shared[: bottom - first, :width], bits[: bottom - first, :width]
                np.bitwise_and(block[first:bottom], block[i], out=both)
                np.bitwise_count(both, out=ones)
                found[i, first:bottom] += ones.sum(axis=1, dtype=np.uint32)
    return found


def in_one_only(rows: Words) -> Words:
    """Return the words of the customers who are in exactly one of the sets."""
    once = np.zeros(rows.shape[1], dtype=np.uint64)
    twice = np.zeros_like(once)
    for row in rows:
        twice |= once & row
        once |= row
    return once & ~twice


def patterns(
    rows: Words, customers: int, *, most: int | None = None
) -> list[tuple[tuple[int, ...], int]]:
    """Return each combination of sets that some customer has exactly, and how many have it.

    Customers are told apart by 64 sets at first and by 32 more at a time after that, so that the
    result is exact for any number of sets.

    Args:
        rows: Words of shape (sets, words).
        customers: Number of customers.
        most: How many combinations to return at most; None for all.

    Returns:
        The sets of a combination in order, and its customers: the most frequent first, those of
        equal frequency by their first customer. Customers in no set have the combination `()`.
    """
    if not customers:
        return []
    keys = _codes(rows[:_WORD], customers)
    for begin in range(_WORD, len(rows), _WORD // 2):
        groups = np.unique(keys, return_inverse=True)[1].astype(np.uint64)
        more = _codes(rows[begin : begin + _WORD // 2], customers)
        keys = (groups << np.uint64(_WORD // 2)) | more
    _, firsts, sizes = np.unique(keys, return_index=True, return_counts=True)
    chosen = np.lexsort((firsts, -sizes))[:most]
    found = []
    for first, size in zip(firsts[chosen].tolist(), sizes[chosen].tolist(), strict=True):
        column = (rows[:, first // _WORD] >> np.uint64(first % _WORD)) & np.uint64(1)
        found.append((tuple(np.flatnonzero(column).tolist()), size))
    return found


def _codes(rows: Words, customers: int) -> Words:
    """Return one integer a customer whose bit `i` says whether he is in set `i`."""
    codes = np.zeros(customers, dtype=np.uint64)
    for position, row in enumerate(rows):
        codes |= unpack(row, customers).astype(np.uint64) << np.uint64(position)
    return codes
