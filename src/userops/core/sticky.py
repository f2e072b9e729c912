"""The sticky hash: the same person falls into the same bucket, today and next year, on any engine.

It is the first 8 bytes of the MD5 of the UTF-8 text, read big-endian, without the lowest bit so
that it is a non-negative int64 everywhere. MD5 is there on every engine and mixes well; nothing
here is about security. `userops.core.frames.with_sticky_hash` is the same for a column.
"""

from __future__ import annotations

import hashlib

from userops.errors import InvalidArgumentError

__all__ = ["sticky_bucket", "sticky_hash"]


def sticky_hash(text: str) -> int:
    """Hash a text to an integer in [0, 2**63).

    Example:
        >>> sticky_hash("alice")
        3585552880610174458
    """
    digest = hashlib.md5(text.encode(), usedforsecurity=False).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def sticky_bucket(key: str, *, salt: str, buckets: int) -> int:
    """Put a key into one of `buckets` buckets; different salts are independent of each other.

    Args:
        key: Who is assigned, for example a customer id.
        salt: What it is for, for example the name of an experiment.
        buckets: How many buckets, >= 1.

    Raises:
        InvalidArgumentError: If `buckets` is below 1.
    """
    if buckets < 1:
        raise InvalidArgumentError("buckets", "must be at least 1", got=buckets)
    return sticky_hash(f"{salt}:{key}") % buckets
