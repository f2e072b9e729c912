"""Decisions by hand: a tag given to a customer or taken from him, by whom, why and for how long.

The log of decisions is a frame that the host keeps and appends to; a refresh never changes it.

Contract: a decision counts for `decided_at < as_of <= expires_at`, as everything that is dated. As
of an instant the latest decision about a customer and a tag counts (of a group that gives all its
values: about that value); once it has run out the rule decides again, and no earlier decision does.
Of decisions of one instant, taking the tag goes before giving it, and of two values that are given
the one that comes later by code point counts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import EllipsisType
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import is_blank_expr, strip
from userops.core.time import is_missing
from userops.customers import Attributes
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.segmentation.tag_base import ASSIGN, DECISION, REMOVE, decision_of
from userops.segmentation.tags import AnyTag

if TYPE_CHECKING:
    from userops.customers import Customer

__all__ = ["DecidedCustomer", "TagDecisions", "decided_customer"]

_NEEDED = ("tag", "action", "author", "reason", "decided_at")
_ROLES = (*_NEEDED, "value", "expires_at")
_ACTIONS = ("assign", "remove")
_VALUE, _ROWS = "userops__value", "rows"


class TagDecisions:
    """A log of decisions by hand, with its columns named.

    What counts when is said at the top of the module.

    Args:
        frame: One row a decision; any frame of the history's own engine.
        customer_id, tag, action, author, reason, decided_at: Columns. `action` is `assign` or
            `remove`.
        value: Column of the value that is given; null gives a tag of one value that one. To
            remove, only a group that gives all its values looks at it. By default the column
            `value`, where there is one; None says that no row names a value.
        expires_at: Column of the instant as of which a decision still counts, and after which it
            does not; null for good. By default the column `expires_at`, where there is one; None
            says that all decisions are for good.

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
        ...     )
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
        value: str | EllipsisType | None = ...,
        expires_at: str | EllipsisType | None = ...,
    ) -> None:
        self.source = frames.read(frame)
        names = self.source.frame.collect_schema().names()
        self.columns = {
            "customer_id": customer_id, "tag": tag, "action": action, "author": author,
            "reason": reason, "decided_at": decided_at,
        }  # fmt: skip
        for role, column in {"value": value, "expires_at": expires_at}.items():
            found = self.source.optional(role) if column is ... else column
            self.columns |= {} if found is None else {role: found}
        for role, column in self.columns.items():
            if column not in names:
                raise ColumnNotFoundError(column, names, role=role)
        self._read: dict[Any, Attributes] = {}

    def attributes(self, tags: Sequence[AnyTag], time_zone: str) -> Attributes:
        """Return the decisions as dated attributes of the customers; they are checked once.

        Args:
            tags: The tags that may be decided about.
            time_zone: The zone in which naive times are read.

        Raises:
            InvalidArgumentError: If a row names another tag, another action, or a value that its
                tag does not have.
            DataError: If a row has no customer, or a time that cannot be read: no decision is left
                out in silence.
        """
        key = time_zone, *((tag.name, tag.value_names, tag.has_several) for tag in tags)
        if key not in self._read:
            self._read[key] = self._attributes(tags, time_zone)
        return self._read[key]

    def _attributes(self, tags: Sequence[AnyTag], time_zone: str) -> Attributes:
        column = self.columns
        frame = self.source.frame.with_columns(
            nw.col(column["tag"]).cast(nw.String).alias("userops__tag"),
            nw.col(column["action"]).cast(nw.String).alias("userops__action"),
        )
        frame = frame.with_columns(self._value(tags).alias(_VALUE))
        _check(frame, tags)
        _check_signed(frame, column)
        tag, value = nw.col("userops__tag"), nw.col(_VALUE)
        name: Any = nw.concat_str(nw.lit(DECISION), tag)
        several = [t.name for t in tags if t.has_several]
        if several:
            of_value = nw.concat_str(nw.lit(DECISION), tag, nw.lit("="), value)
            name = nw.when(tag.is_in(several)).then(of_value).otherwise(name)
        given = nw.concat_str(nw.lit(ASSIGN), value)
        is_given = nw.col("userops__action") == "assign"
        kept = ["customer_id", "decided_at", *(["expires_at"] if "expires_at" in column else [])]
        frame = frame.select(
            *(nw.col(column[role]).alias(role) for role in kept),
            name.alias("name"),
            nw.when(is_given).then(given).otherwise(nw.lit(REMOVE)).alias("said"),
        )
        attributes = Attributes(
            self.source.give_back(frame),
            name="name",
            value="said",
            valid_from="decided_at",
            valid_until="expires_at" if "expires_at" in kept else None,
            time_zone=time_zone,
        )
        _check_times(attributes)
        return attributes

    def _value(self, tags: Sequence[AnyTag]) -> Any:
        """Return the value of each row; of a tag of one value that one, where none is named."""
        only: Any = nw.lit("")
        by_value: dict[str, list[str]] = {}
        for tag in tags:
            if len(tag.value_names) == 1:
                by_value.setdefault(tag.value_names[0], []).append(tag.name)
        for value, names in by_value.items():
            is_one = nw.col("userops__tag").is_in(names)
            only = nw.when(is_one).then(nw.lit(value)).otherwise(only)
        if "value" not in self.columns:
            return only
        given = nw.col(self.columns["value"]).cast(nw.String)
        return nw.when(given.is_null()).then(only).otherwise(given)

    def __repr__(self) -> str:
        """Return the engine and the columns; computes nothing."""
        said = ", ".join(f"{role}={column!r}" for role, column in self.columns.items())
        return f"TagDecisions(<{self.source.engine}>, {said})"


def _check(frame: frames.Frame, tags: Sequence[AnyTag]) -> None:
    """Look at each tag, action and value that occurs once."""
    known = {tag.name: tag for tag in tags}
    said = frame.select(
        tag=nw.col("userops__tag"), action=nw.col("userops__action"), value=nw.col(_VALUE)
    )
    found = frames.to_rows(frames.counted_by(said, ["tag", "action", "value"]))
    for row in sorted(found, key=lambda row: tuple(map(str, row.values()))):
        _check_decision(row, known)


def _check_signed(frame: frames.Frame, columns: Mapping[str, str]) -> None:
    """Refuse decisions that do not say who took them, and why."""
    for role in ("author", "reason"):
        unsaid = is_blank_expr(nw.col(columns[role]).cast(nw.String))
        rows = int(frames.to_rows(frame.filter(unsaid).select(n=nw.len()))[0]["n"])
        if rows:
            raise DataError(
                f"decisions: {rows:,} have no {role}", allowed="text in every row",
                hint="whoever reads an override later has to know who decided it, and why",
            )  # fmt: skip


def _check_times(attributes: Attributes) -> None:
    bad = frames.read(attributes.quarantine).frame.select("reason")
    found = frames.to_rows(frames.counted_by(bad, ["reason"]))
    if found:
        words = {"unreadable_time": "unreadable decided_at", "no_time": "no decided_at",
                 "unreadable_valid_until": "unreadable expires_at"}  # fmt: skip
        rows = sum(int(row[_ROWS]) for row in found)
        raise DataError(
            f"decisions: {rows:,} cannot be read, and none may be left out in silence",
            got=", ".join(
                sorted(f"{words.get(r['reason'], r['reason'])}: {r[_ROWS]:,}" for r in found)
            ),
            allowed="a customer, and times as datetimes, dates or ISO 8601 text",
        )


def _check_decision(decision: Mapping[str, Any], tags: Mapping[str, AnyTag]) -> None:
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
    if action == "remove" and not tag.has_several:
        return
    if not value:
        raise InvalidArgumentError(
            "value",
            f"is needed to {action} tag {name!r}",
            allowed=", ".join(tag.value_names) or "text",
        )
    if tag.value_names and value not in tag.value_names:
        error = InvalidArgumentError.unknown("value", str(value), tag.value_names)
        raise InvalidArgumentError(
            "value", f"tag {name!r} has no value {value!r}", allowed=error.allowed, hint=error.hint
        )


class DecidedCustomer(NamedTuple):
    """A customer with the decisions about him among his attributes.

    Attributes:
        customer: The customer.
        decisions: The decisions as they came.
        rows: The same as rows of dated attributes.
    """

    customer: Customer
    decisions: tuple[Mapping[str, Any], ...]
    rows: tuple[Mapping[str, Any], ...]

    def latest(self, name: str, before_us: int) -> Mapping[str, Any] | None:
        """Return the decision that counts as of an instant, by the name of its attribute.

        Of equal ones of one instant it is the one that lasts longest, and of these the last.
        """
        said = self.customer.attributes_before(before_us).get(name)
        mine = self.customer.attributes[len(self.customer.attributes) - len(self.rows) :]
        found = [
            (
                dated.valid_from_us,
                math.inf if dated.valid_until_us is None else dated.valid_until_us,
                number,
            )
            for number, dated in enumerate(mine)
            if dated.name == name and dated.value == said
            and dated.valid_from_us is not None and dated.valid_from_us < before_us
        ]  # fmt: skip
        return self.decisions[max(found)[-1]] if said is not None and found else None


def _with_decided(customer: Customer, tags: Sequence[AnyTag]) -> Customer:
    """Let rules ask for a decision about any tag, also where there is none about it."""
    if customer.attribute_names is None:
        return customer
    decided = {
        decision_of(tag.name, value)
        for tag in tags
        for value in (tag.value_names if tag.has_several else (None,))
    }
    return attrs.evolve(customer, attribute_names=customer.attribute_names | decided)


def decided_customer(
    customer: Customer, decisions: Sequence[Mapping[str, Any]], tags: Sequence[AnyTag]
) -> DecidedCustomer:
    """Put the decisions about one customer among his attributes.

    Args:
        customer: The customer.
        decisions: Each with `tag`, `action`, `author`, `reason`, `decided_at` and perhaps `value`,
            `expires_at`, and `customer_id`.
        tags: The tags that may be decided about.

    Raises:
        InvalidArgumentError: If a row lacks a key, has an unknown one, is about somebody else, or
            names an unknown tag, action or value.
        DataError: If a time cannot be read.
    """
    if not decisions:
        return DecidedCustomer(customer, (), ())
    rows = [_row(decision, customer.customer_id, tags) for decision in _checked(decisions)]
    more = _with_decided(customer, tags).with_attributes(rows)
    bad = more.quarantine[len(customer.quarantine) :]
    if bad:
        raise DataError(
            f"decisions: {len(bad):,} cannot be read, and none may be left out in silence",
            got=", ".join(sorted({str(row.reason) for row in bad})),
            allowed="times as datetimes, dates or ISO 8601 text",
        )
    return DecidedCustomer(more, tuple(decisions), tuple(rows))


def _checked(decisions: Any) -> Sequence[Mapping[str, Any]]:
    is_rows = isinstance(decisions, list | tuple)
    if not is_rows or not all(isinstance(decision, Mapping) for decision in decisions):
        raise InvalidArgumentError(
            "decisions", "must be rows", got=type(decisions).__name__,
            allowed="[{'tag': 'vip', 'action': 'assign', 'author': 'li', 'reason': 'invited', "
            "'decided_at': '2024-01-31'}]",
        )  # fmt: skip
    return decisions  # type: ignore[no-any-return]


def _row(
    decision: Mapping[str, Any], customer_id: str | int, tags: Sequence[AnyTag]
) -> dict[str, Any]:
    """Return a decision as a row of dated attributes."""
    for role in _NEEDED:
        if role not in decision:
            raise InvalidArgumentError(
                "decisions", f"have no {role!r}", got=", ".join(map(str, decision)),
                allowed=", ".join(_ROLES),
            )  # fmt: skip
        if role in ("author", "reason") and (
            is_missing(decision[role]) or not strip(str(decision[role]))
        ):
            raise DataError(
                f"decisions: one has no {role}", got=repr(decision[role]), allowed="text"
            )
    for key in decision:
        if key not in (*_ROLES, "customer_id"):
            raise InvalidArgumentError.unknown("decisions", str(key), _ROLES)
    if decision.get("customer_id", customer_id) != customer_id:
        raise InvalidArgumentError(
            "decisions", "have one about another customer", got=decision["customer_id"],
            allowed=customer_id,
        )  # fmt: skip
    known = {tag.name: tag for tag in tags}
    tag = known.get(decision["tag"])
    value = decision.get("value")
    if is_missing(value) and tag is not None:
        value = tag.value_names[0] if len(tag.value_names) == 1 else ""
    _check_decision({**decision, "value": value}, known)
    assert tag is not None  # it has been checked
    given = decision["action"] == "assign"
    return {
        "name": decision_of(tag.name, value if tag.has_several else None),
        "value": f"{ASSIGN}{value}" if given else REMOVE,
        "valid_from": decision["decided_at"],
        "valid_until": decision.get("expires_at"),
    }
