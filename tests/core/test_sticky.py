"""The sticky hash: the same on every engine, uniform, and independent between salts."""

from __future__ import annotations

import hashlib
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.core.sticky import sticky_bucket, sticky_hash
from userops.errors import InvalidArgumentError
from userops.testing import to_engine

TEXTS = ["alice", "", " ", "张三", "顾客-\uff10", "👩‍👩‍👧", "é", "e\u0301", "a" * 1000, "17850",
         "0", "'; DROP TABLE x; --", 'quo"te', "back`tick", "tab\tnew\nline"]  # fmt: skip


@pytest.fixture
def hashing(engine: str) -> str:
    """Return an engine that hashes."""
    return engine


def hashed(engine: str, values: pa.Array, column: str = "x") -> list[int | None]:
    """Hash a column on an engine, rows in order."""
    table = pa.table({"row": range(len(values)), column: values})
    source = frames.read(to_engine(table, engine))
    frame = frames.with_sticky_hash(source, source.frame, column, "hashed")
    return frames.to_arrow(frame.select("row", "hashed")).sort_by("row")["hashed"].to_pylist()


def test_the_hash_is_pinned() -> None:
    """The hash of known texts never changes: buckets assigned today hold next year."""
    assert sticky_hash("alice") == 3585552880610174458
    assert sticky_hash("") == 0xD41D8CD98F00B204 >> 1  # the MD5 of nothing, RFC 1321


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8")))
def test_the_hash_is_the_first_63_bits_of_md5(text: str) -> None:
    """The hash is the first 8 bytes of the MD5 of the UTF-8 text without the lowest bit."""
    first = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:16]

    assert sticky_hash(text) == int(first, 16) // 2
    assert 0 <= sticky_hash(text) < 2**63


def test_every_engine_hashes_alike(hashing: str) -> None:
    """ASCII, Chinese, empty, emoji and quotes hash on each engine as in Python; null stays."""
    found = hashed(hashing, pa.array([*TEXTS, None], pa.string()))

    assert found == [*(sticky_hash(text) for text in TEXTS), None]


@pytest.mark.parametrize("column", ["客户", "Customer ID", 'a"b', "select", "a.b"])
def test_every_engine_hashes_a_column_of_any_name(hashing: str, column: str) -> None:
    """The name of the column may be Chinese, spaced, quoted, dotted or a word of SQL."""
    assert hashed(hashing, pa.array(["x"]), column) == [sticky_hash("x")]


def test_whole_numbers_hash_as_their_text(hashing: str) -> None:
    """A column of integer ids hashes as the ids written out."""
    ids = [17850, 0, -1, 2**63 - 1]

    assert hashed(hashing, pa.array(ids, pa.int64())) == [sticky_hash(str(i)) for i in ids]


def test_an_empty_column_hashes_to_nothing(hashing: str) -> None:
    """No rows hash to no rows."""
    assert hashed(hashing, pa.array([], pa.string())) == []


@pytest.mark.parametrize("buckets", [2, 7, 100])
def test_buckets_are_uniform(buckets: int) -> None:
    """Counts of 20,000 customers in buckets pass a chi-square test at 1 in 10,000."""
    people = 20_000
    counts = Counter(sticky_bucket(f"c{i}", salt="test", buckets=buckets) for i in range(people))
    expected = people / buckets
    statistic = sum((counts[b] - expected) ** 2 / expected for b in range(buckets))
    critical = {2: 15.1, 7: 27.9, 100: 161.3}[buckets]  # chi-square, buckets - 1 degrees, 0.9999

    assert set(counts) == set(range(buckets))
    assert statistic < critical


def test_trap_35_salts_are_independent() -> None:
    """Who is in the control group of one campaign says nothing about another campaign."""
    people = 20_000
    pairs = Counter(
        (
            sticky_bucket(f"c{i}", salt="spring", buckets=5),
            sticky_bucket(f"c{i}", salt="autumn", buckets=5),
        )
        for i in range(people)
    )
    expected = people / 25
    statistic = sum((pairs[a, b] - expected) ** 2 / expected for a in range(5) for b in range(5))

    assert statistic < 59.7  # chi-square with 24 degrees, 0.9999
    again = [sticky_bucket("c1", salt="spring", buckets=5) for _ in range(3)]
    assert len(set(again)) == 1


def test_a_salt_does_not_leak_into_the_key() -> None:
    """The key "b" under the salt "a" is another person than the key "a:b" under no salt's text."""
    assert sticky_bucket("b", salt="a", buckets=2**62) == sticky_hash("a:b") % 2**62
    assert sticky_bucket("x", salt="a", buckets=2**62) != sticky_bucket(
        "x", salt="b", buckets=2**62
    )


@pytest.mark.parametrize("buckets", [0, -1])
def test_no_buckets_are_refused(buckets: int) -> None:
    """Fewer buckets than one are refused."""
    with pytest.raises(InvalidArgumentError, match="at least 1"):
        sticky_bucket("a", salt="b", buckets=buckets)
