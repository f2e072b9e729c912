"""Decisions by hand: a tag given to a customer or taken from him, by whom, why and for how long.

The log of decisions is a frame that the host keeps and appends to; a refresh never changes it. As
of an instant the latest decision about a customer and a tag counts (of a group that gives all
values: about that value), unless it has run out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.customers import Attributes
from userops.errors import ColumnNotFoundError, InvalidArgumentError
from userops.segmentation.tags import ASSIGN, DECISION, REMOVE, AnyTag, decision_of

__all__ = ["TagDecisions", "decision_rows"]

_ROLES = ("customer_id", "tag", "action", "author", "reason", "decided_at")
_ACTIONS = ("assign", "remove")


class TagDecisions:
    """A log of decisions by hand, with its columns named.

    Args:
        frame: One row a decision; any frame of the history's own engine.
        customer_id, tag, action, author, reason, decided_at: Columns. `action` is `assign` or
            `remove`.
        value: Column of the value that is given; null gives a tag of one value that one. To
            remove, only a group that gives all values looks at it.
        expires_at: Column of the instant as of which a decision still counts, and after which it
            does not; null for good. None where there is no such column.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.

    Example:
        >>> import pyarrow as pa
        >>> log = TagDecisions(
        ...     pa.table(
        ...         {
        ...             "customer_id": ["a"],
        ...             "tag": ["vip"],
        ...             "value": [None],
        ...             "action": ["assign"],
        ...             "author": ["li"],
        ...             "reason": ["invited to the board"],
        ...             "decided_at": ["2024-01-31"],
        ...         }
        ...     ),
        ...     value="value",
        ... )
    """

    def __init__(
        self,
        frame: Any,
        *,
        customer_id: str = "customer_id",
        tag: str = "tag",
        action: str = "action",
        author: str = "author",
        reason: str = "reason",
        decided_at: str = "decided_at",
        value: str | None = None,
        expires_at: str | None = None,
    ) -> None:
        self.source = frames.read(frame)
        names = self.source.frame.collect_schema().names()
        self.columns = {
            "customer_id": customer_id, "tag": tag, "action": action, "author": author,
            "reason": reason, "decided_at": decided_at,
        }  # fmt: skip
        self.columns |= {} if value is None else {"value": value}
        self.columns |= {} if expires_at is None else {"expires_at": expires_at}
        for role, column in self.columns.items():
            if column not in names:
                raise ColumnNotFoundError(column, names, role=role)

    def attributes(self, tags: Sequence[AnyTag]) -> Attributes:
        """Return the decisions as dated attributes of the customers.

        Args:
            tags: The tags that may be decided about.

        Raises:
            InvalidArgumentError: If a row names another tag, another action, or a value that its
                tag does not have.
        """
        self._check(tags)
        column = self.columns
        tag = nw.col(column["tag"])
        value = self._value(tags)
        several = [t.name for t in tags if t.has_several]
        name = nw.concat_str(nw.lit(DECISION), tag)
        if several:
            name = (
                nw.when(tag.is_in(several))
                .then(nw.concat_str(nw.lit(DECISION), tag, nw.lit(" = "), value))
                .otherwise(name)
            )
        is_given = nw.col(column["action"]) == "assign"
        said = (
            nw.when(is_given).then(nw.concat_str(nw.lit(ASSIGN), value)).otherwise(nw.lit(REMOVE))
        )
        kept = ["customer_id", "decided_at", *(["expires_at"] if "expires_at" in column else [])]
        frame = self.source.frame.select(
            *(nw.col(column[role]).alias(role) for role in kept),
            name.alias("name"),
            said.alias("said"),
        )
        return Attributes(
            self.source.give_back(frame),
            name="name",
            value="said",
            valid_from="decided_at",
            valid_until="expires_at" if "expires_at" in kept else None,
        )

    def _value(self, tags: Sequence[AnyTag]) -> Any:
        only: Any = nw.lit("")
        for tag in tags:
            if len(tag.rules) == 1:
                only = (
                    nw.when(nw.col(self.columns["tag"]) == tag.name)
                    .then(nw.lit(next(iter(tag.rules))))
                    .otherwise(only)
                )
        if "value" not in self.columns:
            return only
        given = nw.col(self.columns["value"]).cast(nw.String)
        return nw.when(given.is_null()).then(only).otherwise(given)

    def _check(self, tags: Sequence[AnyTag]) -> None:
        keys = [self.columns["tag"], self.columns["action"]]
        frame = self.source.frame.with_columns(self._value(tags).alias("userops__value"))
        known = {tag.name: tag for tag in tags}
        for row in frames.to_rows(frames.counted_by(frame, [*keys, "userops__value"])):
            decision = {
                "tag": row[keys[0]], "action": row[keys[1]], "value": row["userops__value"]
            }  # fmt: skip
            check_decision(decision, known)

    def __repr__(self) -> str:
        """Return the engine and the columns; computes nothing."""
        said = ", ".join(f"{role}={column!r}" for role, column in self.columns.items())
        return f"TagDecisions(<{self.source.engine}>, {said})"


def check_decision(decision: Mapping[str, Any], tags: Mapping[str, AnyTag]) -> None:
    """Refuse a decision about an unknown tag, action or value.

    Raises:
        InvalidArgumentError: Names what is known, and the nearest.
    """
    name, action, value = decision["tag"], decision["action"], decision["value"]
    if name not in tags:
        raise InvalidArgumentError.unknown("tag", str(name), tags)
    if action not in _ACTIONS:
        raise InvalidArgumentError.unknown("action", str(action), _ACTIONS)
    tag = tags[name]
    if action == "assign" and tag.rules and value not in tag.rules:
        raise InvalidArgumentError.unknown("value", str(value), tag.rules)
    if not value and (action == "assign" or tag.has_several):
        raise InvalidArgumentError(
            "value", f"is needed to decide about tag {name!r}",
            allowed=", ".join(tag.rules) or "text",
        )  # fmt: skip


def decision_rows(
    decisions: Sequence[Mapping[str, Any]], tags: Sequence[AnyTag]
) -> list[dict[str, Any]]:
    """Return decisions about one customer as rows of dated attributes.

    Args:
        decisions: Each with `tag`, `action`, `author`, `reason`, `decided_at` and perhaps `value`
            and `expires_at`.
        tags: The tags that may be decided about.

    Raises:
        InvalidArgumentError: If a row lacks a key, or names an unknown tag, action or value.
    """
    known = {tag.name: tag for tag in tags}
    rows = []
    for decision in decisions:
        for role in _ROLES[1:]:
            if role not in decision:
                raise InvalidArgumentError(
                    "decisions", f"have no {role!r}", got=", ".join(decision),
                    allowed=", ".join(_ROLES[1:]),
                )  # fmt: skip
        tag = known.get(decision["tag"])
        value = decision.get("value")
        if value is None and tag is not None:
            value = next(iter(tag.rules)) if len(tag.rules) == 1 else ""
        check_decision({**decision, "value": value}, known)
        assert tag is not None  # it has been checked
        given = decision["action"] == "assign"
        rows.append({
            "name": decision_of(tag.name, value if tag.has_several else None),
            "value": f"{ASSIGN}{value}" if given else REMOVE,
            "valid_from": decision["decided_at"],
            "valid_until": decision.get("expires_at"),
        })  # fmt: skip
    return rows
