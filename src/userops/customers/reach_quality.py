"""What became of the rows of a log of reach, and what its user should be warned of."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import strip_expr
from userops.customers.links import FIRST, LAST, ROWS
from userops.customers.reach_rows import CODES
from userops.customers.reach_states import CODE, FARTHEST_US, KIND
from userops.errors import DataWarning, InvalidArgumentError, nearest
from userops.events.columns import INSTANT_US, STATUS, reason_code
from userops.events.quality import Quality
from userops.events.working_columns import PREFIX, own

__all__ = [
    "REASON",
    "UNKNOWN",
    "check_declared",
    "checked_words",
    "reach_quality",
    "warn_of_kinds",
    "warn_of_words",
    "with_reasons",
]

REASON = PREFIX + "reason"
UNKNOWN = "unknown_status"
_WORD = PREFIX + "word"
_MOST_WORDS = 5


def checked_words(statuses: Mapping[str, str]) -> dict[str, str]:
    """Return what each word means, those of this library among them.

    Raises:
        InvalidArgumentError: If a word stands for no status; names the nearest.
    """
    for word, status in statuses.items():
        if status not in CODES:
            raise InvalidArgumentError.unknown(f"statuses[{word!r}]", status, CODES)
    return {**{status: status for status in CODES}, **statuses}


def with_reasons(rows: frames.Frame) -> frames.Frame:
    """Add why each row cannot count, empty where it does, to rows with their kind and code."""
    instant = own(INSTANT_US)
    is_far = ((instant >= FARTHEST_US) | (instant <= -FARTHEST_US)).fill_null(True)
    reason: Any = nw.lit("")
    for said, applies in (
        (UNKNOWN, nw.col(CODE) == 0),
        ("unreadable_time", is_far),
        ("no_time", own(STATUS) == reason_code("no_time")),
        ("no_kind", nw.col(KIND).is_null()),
        ("no_identifier", own("identifier_value").is_null()),
    ):
        reason = nw.when(applies).then(nw.lit(said)).otherwise(reason)
    return rows.with_columns(reason.alias(REASON))


def reach_quality(rows: frames.Frame) -> Quality:
    """Count the rows of a log by why they do not count; the reason of a good one is empty.

    Args:
        rows: With `REASON` and the instant.
    """
    found = rows.select(REASON, own(INSTANT_US).alias(FIRST)).group_by(REASON)
    counts = found.agg(nw.len().alias(ROWS), nw.col(FIRST).min(), nw.col(FIRST).max().alias(LAST))
    by_reason = {row[REASON]: row for row in frames.to_rows(counts)}
    good = by_reason.pop("", {ROWS: 0, FIRST: None, LAST: None})
    bad = {reason: int(row[ROWS]) for reason, row in by_reason.items()}
    return Quality(
        rows=int(good[ROWS]) + sum(bad.values()),
        counted=int(good[ROWS]),
        unresolved=0,
        quarantined=dict(sorted(bad.items(), key=lambda pair: (-pair[1], pair[0]))),
        first_us=good[FIRST],
        last_us=good[LAST],
    )


def warn_of_words(rows: frames.Frame, status: str, unknown: int, of: int) -> None:
    """Warn that rows do not count because their words mean nothing; names the most frequent.

    Args:
        rows: With `REASON` and the host's columns.
        status: The host's column of words.
        unknown: How many rows.
        of: How many there are.
    """
    word = strip_expr(nw.col(status).cast(nw.String)).alias(_WORD)
    counts = frames.counted_by(rows.filter(nw.col(REASON) == UNKNOWN).select(word), [_WORD])
    found = sorted(frames.to_rows(counts), key=lambda row: (-row["rows"], str(row[_WORD])))
    said = ", ".join(repr(row[_WORD]) for row in found[:_MOST_WORDS])
    warnings.warn(
        f"{unknown:,} of {of:,} rows of reach do not count, because their status is not known: "
        f"{said}{', …' if len(found) > _MOST_WORDS else ''}; say what the words mean: "
        f"Reach(…, statuses={{{found[0][_WORD]!r}: 'opted_in', …}})",
        DataWarning,
        stacklevel=3,
    )


def warn_of_kinds(without_consent: Sequence[str], found: Sequence[str]) -> None:
    """Warn of a kind that needs no consent and has no identifier: perhaps its name is another."""
    for kind in without_consent:
        if found and kind not in found:
            close = nearest(kind, found)
            warnings.warn(
                f"without_consent: no identifier is of the kind {kind!r}; there are "
                f"{', '.join(found)}" + (f"; did you mean {close!r}?" if close else ""),
                DataWarning,
                stacklevel=3,
            )


def check_declared(without_consent: Sequence[str], kinds: Sequence[str]) -> None:
    """Refuse a kind that needs no consent and is not declared.

    Raises:
        InvalidArgumentError: Names the nearest.
    """
    for kind in without_consent:
        if kind not in kinds:
            raise InvalidArgumentError.unknown("without_consent", kind, kinds)
