"""Pseudonyms: HMAC-SHA-256, the same on every engine."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pytest

from userops.core import frames
from userops.core.pseudonyms import check_key, padded_keys, pseudonym
from userops.errors import InvalidArgumentError
from userops.testing import Engines, to_engine

# RFC 4231, section 4: key, data, HMAC-SHA-256.
VECTORS = [
    (b"\x0b" * 20, b"Hi There",
     "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (b"Jefe", b"what do ya want for nothing?",
     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (b"\xaa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First",
     "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "data", "digest"), VECTORS)
def test_two_hashes_are_an_hmac(key: bytes, data: bytes, digest: str) -> None:
    """The padded keys, with a bare hash, give the published digests."""
    inner, outer = padded_keys(key)
    inside = hashlib.sha256(inner + data).digest()
    assert hashlib.sha256(outer + inside).hexdigest() == digest


@pytest.mark.parametrize("key", [b"k" * 32, bytes(range(200)), b"'\\\x00\"" * 10])
def test_every_engine_gives_the_same_pseudonym(engines: Engines, key: bytes) -> None:
    """As Python's own HMAC, for any text and any key; null stays null."""
    phone = "phone:+8613800138001"
    values = [phone, "客户:李", "", 'it\'s \\ "odd"', None, phone]
    table = pa.table({"n": list(range(len(values))), "id": pa.array(values, pa.string())})
    expected = [
        None if v is None else hmac.new(key, v.encode(), hashlib.sha256).hexdigest()[:32]
        for v in values
    ]
    for engine in engines.names:
        source = frames.read(to_engine(table, engine))
        found = frames.to_rows(frames.with_pseudonyms(source, source.frame, "id", key))
        assert [row["id"] for row in sorted(found, key=lambda row: row["n"])] == expected, engine
    assert pseudonym(key, "phone", "+8613800138001") == expected[0]


@pytest.mark.parametrize("key", ["text of thirty-two letters or more", b"short", 7, None])
def test_a_weak_key_is_refused_without_being_shown(key: object) -> None:
    """The error says what a key is, and nothing of what was given."""
    with pytest.raises(InvalidArgumentError, match="token_bytes") as caught:
        check_key(key)
    assert not isinstance(key, str | bytes) or str(key) not in str(caught.value)
