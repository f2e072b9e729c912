"""The dated attributes of one customer, read row by row; `attributes.py` is the same in columns."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from userops.core.blanks import strip
from userops.core.time import Zone, is_missing
from userops.core.values import value_of
from userops.errors import ColumnTypeError, InvalidArgumentError
from userops.events.columns import EventColumns
from userops.events.rows import Row, read_row

__all__ = ["NO_NAME", "UNREADABLE_END", "DatedValue", "indexed", "latest", "read_attributes"]

NO_NAME = "no_name"
UNREADABLE_END = "unreadable_valid_until"
_KEYS = ("name", "value", "valid_from", "valid_until")
# Before and after every instant that a column can hold.
_ALWAYS_US = -(2**64)
_FOREVER_US = 2**64


class DatedValue(NamedTuple):
    """What an attribute of one customer was from an instant on.

    Attributes:
        name: Of the attribute.
        value: Normalised by `userops.core.values.value_of`; None says that it is missing.
        valid_from_us: The instant after which it holds; None for one that holds always.
        valid_until_us: The last instant as of which it holds, or None.
    """

    name: str
    value: Any
    valid_from_us: int | None = None
    valid_until_us: int | None = None


Index = Mapping[str, tuple[Sequence[int], Sequence[DatedValue]]]


def read_attributes(
    customer_id: str | int,
    attributes: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    where: Zone,
) -> tuple[tuple[DatedValue, ...], tuple[Row, ...]]:
    """Read current values, or dated rows.

    Args:
        customer_id: Whose they are.
        attributes: Name to current value; or rows with `name`, `value`, `valid_from` and perhaps
            `valid_until` (datetimes, dates or ISO text).
        where: The zone in which naive times are read.

    Returns:
        The values, and the rows that cannot count, with their `reason`.

    Raises:
        InvalidArgumentError: If it is neither, a row has an unknown key or belongs to somebody
            else.
        ColumnTypeError: If a value is none of the kinds of `userops.core.values`.
    """
    if isinstance(attributes, Mapping):
        current = (
            DatedValue(_name(name), value_of(value, where, name=str(name)))
            for name, value in attributes.items()
        )
        return tuple(value for value in current if value.value is not None), ()
    given: object = attributes
    is_rows = isinstance(given, list | tuple) and all(isinstance(row, Mapping) for row in given)
    if not is_rows:
        raise InvalidArgumentError(
            "attributes", "must map names to values, or be dated rows", got=type(given).__name__,
            allowed="{'city': 'Shanghai'}, or [{'name': 'city', 'value': 'Shanghai', "
            "'valid_from': '2024-01-31'}]",
        )  # fmt: skip
    good: list[DatedValue] = []
    bad: list[Row] = []
    for row in attributes:
        read = _read(customer_id, row, where)
        if isinstance(read, DatedValue):
            good.append(read)
        else:
            bad.append(read)
    return tuple(good), tuple(bad)


def _read(customer_id: str | int, row: Mapping[str, Any], where: Zone) -> DatedValue | Row:
    for key in row:
        if key not in (*_KEYS, "customer_id"):
            raise InvalidArgumentError.unknown("attributes", str(key), _KEYS)
    owner = row.get("customer_id", customer_id)
    if not is_missing(owner) and owner != customer_id:
        raise InvalidArgumentError(
            "attributes", "has a row that belongs to another customer", got=owner,
            allowed=customer_id,
        )  # fmt: skip
    start = read_row({"customer_id": customer_id, **row}, _dated("valid_from", where))
    end = start
    if not is_missing(row.get("valid_until")):
        end = read_row({"customer_id": customer_id, **row}, _dated("valid_until", where))
    name = row.get("name")
    named = not is_missing(name) and not (isinstance(name, str) and not strip(name))
    reason = start.reason if named or start.reason == "no_customer" else NO_NAME
    if reason == "counted" and end.reason == "unreadable_time":
        reason = UNREADABLE_END
    if reason != "counted":
        kept = {key: row.get(key) for key in ("name", "value")}
        return Row(
            customer_id=start.customer_id, instant_us=start.instant_us, reason=reason, carried=kept
        )
    until = None if end is start else end.instant_us
    value = value_of(row.get("value"), where)
    return DatedValue(_name(name), value, start.instant_us, until)


def _dated(column: str, where: Zone) -> EventColumns:
    return EventColumns(customer_id="customer_id", occurred_at=column, time_zone=where.name)


def _name(name: object) -> str:
    if isinstance(name, str) and strip(name):
        return str(name)
    raise ColumnTypeError(
        "name", "cannot name an attribute", got=f"{name!r} ({type(name).__name__})", allowed="text"
    )


def indexed(values: Iterable[DatedValue]) -> Index:
    """Return for each name the instants from which its values hold, ascending, and these values.

    Raises:
        InvalidArgumentError: If an attribute is text in one row and a number in another.
    """
    by_name: dict[str, list[DatedValue]] = {}
    for value in values:
        by_name.setdefault(value.name, []).append(value)
    index = {}
    for name, mine in by_name.items():
        if len({isinstance(v.value, str) for v in mine if v.value is not None}) > 1:
            raise InvalidArgumentError(
                "attributes", f"{name!r} is text in one row and not in another",
                got=[v.value for v in mine][:5], allowed="one type of value",
            )  # fmt: skip
        mine.sort(key=_order)
        index[name] = ([_from(v) for v in mine], mine)
    return index


def latest(index: Index, before_us: int) -> dict[str, Any]:
    """Return the values that hold as of an instant, by name; what is missing is left out."""
    found = {}
    for name, (starts, values) in index.items():
        place = bisect.bisect_left(starts, before_us)
        if not place:
            continue
        last = values[place - 1]
        is_over = last.valid_until_us is not None and last.valid_until_us < before_us
        if last.value is not None and not is_over:
            found[name] = last.value
    return found


def _from(value: DatedValue) -> int:
    return _ALWAYS_US if value.valid_from_us is None else value.valid_from_us


def _order(dated: DatedValue) -> tuple[int, bool, Any, int]:
    """Of rows of one instant the greatest value holds, and of equal ones the one that lasts."""
    until = _FOREVER_US if dated.valid_until_us is None else dated.valid_until_us
    known = dated.value is not None
    return _from(dated), known, dated.value if known else 0, until
