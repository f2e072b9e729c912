"""Whether a customer may be contacted by an identifier: what its rows say, as of an instant.

Contract, as of an instant. Rows with an instant before it count. Of consent (`opted_in`,
`opted_out`) and of delivery (`reachable`, `unreachable`, `blocked`) the latest row holds, and of
rows of one instant the more restrictive one. An identifier is reachable where its consent is
`opted_in` and its delivery is `reachable` or unknown. Without any consent it is not reachable,
unless its kind was said to need none: marketing needs a consent that was given before (GDPR
art. 6(1)(a); PIPL art. 13 and 14).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from userops.core.blanks import strip
from userops.core.time import UTC, Zone, is_missing
from userops.customers.attribute_rows import DatedValue
from userops.errors import ColumnTypeError, InvalidArgumentError
from userops.events.columns import EventColumns
from userops.events.rows import Row, read_row

__all__ = [
    "CODES",
    "REACHABLE_BY",
    "ReachRow",
    "ReachState",
    "dated_flags",
    "read_reach",
    "states_of",
]

# In the order of severity, the more restrictive one higher.
CODES = {"opted_in": 1, "opted_out": 2, "reachable": 3, "unreachable": 4, "blocked": 5}
_STATUSES = {code: status for status, code in CODES.items()}
_LAST_CONSENT = CODES["opted_out"]
REACHABLE_BY = "reachable_by_"
_KEYS = ("identifier_kind", "identifier_value", "status", "occurred_at")


class ReachRow(NamedTuple):
    """What became known about an identifier at an instant.

    Attributes:
        kind: Of the identifier.
        value: Of the identifier, as it is written.
        status: `opted_in`, `opted_out`, `reachable`, `unreachable` or `blocked`.
        instant_us: When, microseconds since 1970-01-01 UTC.
        names_customer: Whether the row says whose the identifier is.
    """

    kind: str
    value: str
    status: str
    instant_us: int
    names_customer: bool = True


@attrs.frozen(kw_only=True)
class ReachState:
    """How an identifier stands as of an instant.

    Attributes:
        kind: Of the identifier.
        value: Of the identifier, as it is written.
        consent: `opted_in`, `opted_out`, or None.
        consent_us: Since when, microseconds since 1970-01-01 UTC, or None.
        delivery: `reachable`, `unreachable`, `blocked`, or None.
        delivery_us: Since when, or None.
        needs_consent: Whether its kind needs a consent that was given.
        zone: The zone in which days are shown.
    """

    kind: str
    value: str
    consent: str | None
    consent_us: int | None
    delivery: str | None
    delivery_us: int | None
    needs_consent: bool = True
    zone: Zone = attrs.field(default=UTC, repr=False)

    @property
    def is_reachable(self) -> bool:
        """Whether the customer may be contacted by it, and can be."""
        return not self.why

    @property
    def why(self) -> str:
        """Why it is not reachable; empty where it is."""
        if self.consent == "opted_out":
            return f"opted out on {self._day(self.consent_us)}"
        if self.delivery in ("blocked", "unreachable"):
            return f"{self.delivery} since {self._day(self.delivery_us)}"
        return "no consent" if self.consent is None and self.needs_consent else ""

    def __str__(self) -> str:
        """Return the identifier and how it stands."""
        return f"{self.kind}:{self.value} {self.why or 'reachable'}"

    def _day(self, instant_us: int | None) -> str:
        return "?" if instant_us is None else self.zone.day_said(instant_us)


def states_of(
    rows: Iterable[ReachRow],
    before_us: int,
    without_consent: Iterable[str],
    where: Zone = UTC,
) -> tuple[ReachState, ...]:
    """Return how each identifier stands as of an instant, by kind and value.

    Args:
        rows: What is known of the identifiers of one customer.
        before_us: The instant; rows from then on do not count.
        without_consent: Kinds that need no consent.
        where: The zone in which days are shown.
    """
    latest: dict[tuple[str, str], dict[bool, tuple[int, int]]] = {}
    his = set()
    for row in rows:
        if row.instant_us >= before_us:
            continue
        key, code = (row.kind, row.value), CODES[row.status]
        mine = latest.setdefault(key, {})
        is_consent = code <= _LAST_CONSENT
        mine[is_consent] = max(mine.get(is_consent, (row.instant_us, code)), (row.instant_us, code))
        if row.names_customer:
            his.add(key)
    found = []
    for key in sorted(his):
        consent_us, consent = latest[key].get(True, (None, None))
        delivery_us, delivery = latest[key].get(False, (None, None))
        found.append(
            ReachState(
                kind=key[0], value=key[1],
                consent=None if consent is None else _STATUSES[consent], consent_us=consent_us,
                delivery=None if delivery is None else _STATUSES[delivery], delivery_us=delivery_us,
                needs_consent=key[0] not in set(without_consent), zone=where,
            )
        )  # fmt: skip
    return tuple(found)


def dated_flags(rows: Sequence[ReachRow], without_consent: Iterable[str]) -> tuple[DatedValue, ...]:
    """Return the attributes `reachable_by_<kind>` of one customer, each from when it changed."""
    found: list[DatedValue] = []
    last: dict[str, bool] = {}
    for instant_us in sorted({row.instant_us for row in rows}):
        by_kind: dict[str, bool] = {}
        for state in states_of(rows, instant_us + 1, without_consent):
            by_kind[state.kind] = by_kind.get(state.kind, False) or state.is_reachable
        found += [
            DatedValue(REACHABLE_BY + kind, flag, instant_us)
            for kind, flag in by_kind.items()
            if last.get(kind) is not flag
        ]
        last |= by_kind
    return tuple(found)


def read_reach(
    rows: Sequence[Mapping[str, Any]], where: Zone
) -> tuple[tuple[ReachRow, ...], tuple[Row, ...]]:
    """Read rows of one customer as the host holds them.

    Args:
        rows: Each with `identifier_kind`, `identifier_value`, `status` and `occurred_at` (a
            datetime, a date or ISO text).
        where: The zone in which naive times are read.

    Returns:
        The rows, and those that cannot count, with their `reason`.

    Raises:
        InvalidArgumentError: If a row has an unknown key, or lacks one.
        ColumnTypeError: If a kind or a status is no text.
    """
    columns = EventColumns(
        identifiers={"value": "identifier_value"}, occurred_at="occurred_at", time_zone=where.name
    )
    good, bad = [], []
    for row in rows:
        for key in row:
            if key not in (*_KEYS, "customer_id"):
                raise InvalidArgumentError.unknown("reach", str(key), _KEYS)
        missing = [key for key in _KEYS if key not in row]
        if missing:
            raise InvalidArgumentError("reach", "lacks a key", got=missing, allowed=_KEYS)
        read = read_row(row, columns)
        reason = "" if read.reason in ("counted", "unresolved") else read.reason
        reason = "no_identifier" if reason == "no_customer" else reason
        kind, status = (_word(row[key], key) for key in ("identifier_kind", "status"))
        reason = "no_kind" if not kind and reason != "no_identifier" else reason
        reason = reason or ("" if status in CODES else "unknown_status")
        if reason or read.instant_us is None:
            bad.append(attrs.evolve(read, reason=reason, carried=dict(row)))
        else:
            good.append(ReachRow(kind, str(row["identifier_value"]), status, read.instant_us))
    return tuple(good), tuple(bad)


def _word(value: Any, key: str) -> str:
    """Return a text without the blanks around it, as `Reach` reads a column; empty for none."""
    if is_missing(value):
        return ""
    if not isinstance(value, str):
        raise ColumnTypeError(key, "is no text", got=repr(value), allowed="text")
    return strip(value)
