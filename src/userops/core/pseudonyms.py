"""Pseudonyms: names that only the holder of a key can find out, the same in every table.

A pseudonym is the first 128 bits of the HMAC-SHA-256 (RFC 2104, FIPS 198-1) of the UTF-8 text
`namespace:value`, as 32 hexadecimal digits. With the namespace in it, equal values of two kinds
cannot be told to be equal. `frames.with_pseudonyms` is the same for a column, on every engine.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from userops.errors import InvalidArgumentError

__all__ = ["DIGITS", "check_key", "padded_keys", "pseudonym"]

DIGITS = 32
_FEWEST_BYTES = 32
_BLOCK_BYTES = 64


def check_key(key: Any) -> bytes:
    """Return a key that is one.

    Raises:
        InvalidArgumentError: If it is no bytes, or shorter than 32 of them; the error does not show
            it.
    """
    if not isinstance(key, bytes | bytearray):
        raise InvalidArgumentError(
            "key", "must be bytes", got=type(key).__name__, allowed="32 bytes or more",
            hint="make one once with secrets.token_bytes(32), and keep it apart from the data",
        )  # fmt: skip
    if len(key) < _FEWEST_BYTES:
        raise InvalidArgumentError(
            "key", "is too short", got=f"{len(key)} bytes", allowed="32 bytes or more",
            hint="a phone number is found by trying all keys of a few bytes; make one with "
            "secrets.token_bytes(32)",
        )  # fmt: skip
    return bytes(key)


def pseudonym(key: bytes, namespace: str, value: str | int) -> str:
    """Return the pseudonym of one value, for whoever holds the key.

    Args:
        key: At least 32 bytes.
        namespace: What the value is: `customer_id`, a kind of identifier, `order_id`.
        value: The value as it is written.

    Example:
        >>> pseudonym(b"0" * 32, "phone", "+8613800138001")
        '7b9bd66a3c228ce06d211f4577f432cf'
    """
    text = f"{namespace}:{value}".encode()
    return hmac.new(check_key(key), text, hashlib.sha256).hexdigest()[:DIGITS]


def padded_keys(key: bytes) -> tuple[bytes, bytes]:
    """Return the inner and the outer key of HMAC, for engines that have a hash and no HMAC."""
    block = hashlib.sha256(key).digest() if len(key) > _BLOCK_BYTES else key
    block = block.ljust(_BLOCK_BYTES, b"\0")
    return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)
