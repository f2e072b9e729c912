"""Decisions by hand: two identifiers are one person's, or are not, by whom and why.

The log is a frame that the host keeps and appends to. Of the decisions about one pair the latest
before an instant counts. `bind` outranks every guard, `unbind` every link.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import strip
from userops.core.time import AsOf, as_of_us, is_missing, zone
from userops.customers.result_tables import result_table
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError

__all__ = ["IdentityDecision", "IdentityDecisions"]

_ACTIONS = ("bind", "unbind")
_ROLES = (
    "action", "left_kind", "left_value", "right_kind", "right_value", "author", "reason",
    "decided_at",
)  # fmt: skip
Pair = tuple[tuple[str, str], tuple[str, str]]


class IdentityDecision(NamedTuple):
    """One decision by hand.

    Attributes:
        action: `bind`, they are one person's; `unbind`, they are not.
        left: Kind and value of one identifier, as written by whoever decided.
        right: The same of the other.
        author: Who decided it.
        reason: Why.
        decided_us: When, microseconds since 1970-01-01 UTC; it counts for what is after it.
    """

    action: str
    left: tuple[str, str]
    right: tuple[str, str]
    author: str
    reason: str
    decided_us: int


class IdentityDecisions:
    """A log of decisions by hand; immutable, `bind` and `unbind` return a longer one.

    Args:
        frame: A stored log, with the columns `action`, `left_kind`, `left_value`, `right_kind`,
            `right_value`, `author`, `reason` and `decided_at`; None begins an empty one.
        time_zone: IANA zone in which naive times are read.

    Raises:
        ColumnNotFoundError: If a column is missing.
        DataError: If a row cannot be read, or does not say who decided and why: a decision that
            were left out in silence would merge or split a person.

    Example:
        >>> log = IdentityDecisions().bind(
        ...     ("phone", "13800138001"),
        ...     ("openid", "oA"),
        ...     author="li",
        ...     reason="called us",
        ...     decided_at="2024-03-01",
        ... )
        >>> log
        IdentityDecisions of 1
          2024-03-01 bind phone:13800138001 and openid:oA, by li: called us
    """

    def __init__(self, frame: Any = None, *, time_zone: str = "UTC") -> None:
        self._zone = zone(time_zone)
        self.decisions: tuple[IdentityDecision, ...] = ()
        if frame is None:
            return
        source = frames.read(frame)
        names = source.frame.collect_schema().names()
        for role in _ROLES:
            if role not in names:
                raise ColumnNotFoundError(role, names)
        rows = frames.to_rows(source.frame.select(nw.col(*_ROLES)))
        self.decisions = tuple(self._read(row, f"row {n}") for n, row in enumerate(rows))

    def bind(
        self,
        left: tuple[str, str],
        right: tuple[str, str],
        *,
        author: str,
        reason: str,
        decided_at: AsOf,
    ) -> IdentityDecisions:
        """Return the log with one more decision: the two are one person's.

        Args:
            left: Kind and value of an identifier.
            right: The same of the other.
            author: Who decides.
            reason: Why.
            decided_at: When; it counts for what is after it.
        """
        return self._with("bind", left, right, author, reason, decided_at)

    def unbind(
        self,
        left: tuple[str, str],
        right: tuple[str, str],
        *,
        author: str,
        reason: str,
        decided_at: AsOf,
    ) -> IdentityDecisions:
        """Return the log with one more decision: the two are two persons'; see `bind`.

        Persons are parted, rows are not: a row that carries both stays with its customer id, or,
        where it has none, with its first known identifier by priority.
        """
        return self._with("unbind", left, right, author, reason, decided_at)

    def without(self, decisions: Iterable[IdentityDecision]) -> IdentityDecisions:
        """Return the log without some of its decisions, as erasing a person asks for."""
        gone = set(decisions)
        return self.changed(lambda decision: None if decision in gone else decision)

    def changed(
        self, function: Callable[[IdentityDecision], IdentityDecision | None]
    ) -> IdentityDecisions:
        """Return the log with what a function makes of each decision; None leaves it out."""
        other = IdentityDecisions(time_zone=self._zone.name)
        other.decisions = tuple(d for d in map(function, self.decisions) if d is not None)
        return other

    def _with(self, action: str, left: Any, right: Any, *said: Any) -> IdentityDecisions:
        for name, side in (("left", left), ("right", right)):
            if not isinstance(side, tuple) or len(side) != 2:
                raise InvalidArgumentError(
                    name, "is no identifier", got=repr(side), allowed="('phone', '13800138001')"
                )
        values = (action, left[0], left[1], right[0], right[1], *said)
        more = IdentityDecisions(time_zone=self._zone.name)
        row = dict(zip(_ROLES, values, strict=True))
        more.decisions = (*self.decisions, self._read(row, "the decision"))
        return more

    def _read(self, row: dict[str, Any], title: str) -> IdentityDecision:
        if row["action"] not in _ACTIONS:
            raise InvalidArgumentError.unknown("action", str(row["action"]), _ACTIONS)
        for role in _ROLES[1:-1]:
            if is_missing(row[role]) or not strip(str(row[role])):
                raise DataError(
                    f"identity decisions: {title} has no {role}", allowed="text",
                    hint="each says which two identifiers, who decided, and why",
                )  # fmt: skip
        at = row["decided_at"]
        try:
            when = None if is_missing(at) else as_of_us(at, self._zone)
        except InvalidArgumentError:
            when = None
        if when is None:
            raise DataError(
                f"identity decisions: {title} has no readable decided_at", got=repr(at),
                allowed="a datetime, a date, or ISO 8601 text",
            )  # fmt: skip
        sides = [(str(row[f"{s}_kind"]), str(row[f"{s}_value"])) for s in ("left", "right")]
        return IdentityDecision(
            row["action"], sides[0], sides[1], str(row["author"]), str(row["reason"]), when
        )

    def table(self, like: Any) -> Any:
        """Return the log as a frame to store, of the type of another frame."""
        rows = [
            {"action": d.action, "left_kind": d.left[0], "left_value": d.left[1],
             "right_kind": d.right[0], "right_value": d.right[1], "author": d.author,
             "reason": d.reason, "decided_at": d.decided_us}
            for d in self.decisions
        ]  # fmt: skip
        kinds: dict[str, Any] = dict.fromkeys(_ROLES, "text") | {"decided_at": "int"}
        return result_table(like, rows, kinds, instants=("decided_at",))

    def __len__(self) -> int:
        return len(self.decisions)

    def __repr__(self) -> str:
        """Return the decisions, a line each."""
        lines = [f"IdentityDecisions of {len(self)}"]
        lines += [
            f"  {self._zone.day_said(d.decided_us)} {d.action} {':'.join(d.left)} and "
            f"{':'.join(d.right)}, by {d.author}: {d.reason}"
            for d in self.decisions[-20:]
        ]
        return "\n".join(lines)
