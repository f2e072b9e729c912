"""Small results as frames of the host's type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from userops.core import frames

__all__ = ["result_table"]


def result_table(
    like: Any,
    rows: Sequence[Mapping[str, Any]],
    kinds: Mapping[str, Literal["text", "int", "float"]],
    *,
    instants: Iterable[str] = (),
) -> Any:
    """Return rows as a frame of the type of another one.

    Args:
        like: Any frame of the engine that is wanted, or where it comes from.
        rows: The rows.
        kinds: Column to what it holds.
        instants: Columns of microseconds that become datetimes in UTC.
    """
    source = like if isinstance(like, frames.Source) else frames.read(like)
    frame = frames.read(source.give_rows(frames.small_table(rows, kinds))).frame
    for name in instants:
        frame = frames.with_datetime(source, frame, name)
    return source.give_back(frame)
