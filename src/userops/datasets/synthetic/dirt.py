"""The dirt of real exports: a known share of rows spoilt on purpose, and a count of each kind."""

from __future__ import annotations

from typing import Any, NamedTuple

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from userops.errors import InvalidDefinitionError

__all__ = ["Dirt", "DirtCount", "soil"]

_LONGEST_FUTURE_DAYS = 3_650
_DAY_US = 86_400_000_000
_UNPARSABLE_TIMES = ("2023-13-45 25:61:00", "昨天下午", "N/A", "0000-00-00 00:00:00", "")


class DirtCount(NamedTuple):
    """How many rows of a table were spoilt in one way.

    Attributes:
        table: Name of the table.
        kind: Name of the share in `Dirt`.
        rows: Number of rows.
    """

    table: str
    kind: str
    rows: int


def _is_share(_: object, attribute: attrs.Attribute[float], value: Any) -> None:
    # `not (0 <= value <= 1)` refuses NaN too.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InvalidDefinitionError(
            attribute.name,
            "this is not a share",
            got=repr(value),
            allowed="a number from 0 to 1",
            hint="write 2 percent as 0.02",
        )


def _share(default: float) -> float:
    value: float = attrs.field(default=default, validator=_is_share)
    return value


@attrs.frozen(kw_only=True)
class Dirt:
    """Which share of the rows of each table is spoilt, by kind.

    A row is spoilt in one way at most, so that the counts in `SyntheticShop.dirt_log` are the
    truth. A kind touches the tables that have the columns for it; `customers`, `attributes` and
    `products` stay clean, and `identifiers` know only `shared_identifiers`.

    Attributes:
        missing_customers: No `customer_id` (in `poster_scans` no `identifier_value` either).
        padded_ids: A blank before or after the `customer_id` (in `poster_scans` the
            `identifier_value`).
        missing_times: No time at all.
        unparsable_times: A time that cannot be read. If this share is above 0, each table with
            a time gets one more text column, named like the time with `_text` behind, that holds
            what the export said (UTC, `2023-06-18 12:30:00`); the typed column is null there.
        future_times: A time up to ten years after the end.
        zero_amounts: An `amount` of 0 (`orders` and `order_lines`).
        negative_amounts: An `amount` with the wrong sign (`orders` and `order_lines`).
        three_decimal_amounts: An `amount` with a third decimal (`orders` and `order_lines`).
        duplicate_lines: An exact copy of a line at the end of `order_lines`.
        duplicate_ids: An exact copy of a row, with its id, at the end of any other table with
            an id and a time: an event delivered twice.
        shared_identifiers: A phone in `identifiers` that is also another customer's (of the
            phones, and at most half of them).

    Raises:
        InvalidDefinitionError: If a share is outside 0 to 1, or all of them together leave no
            row to be clean (`shared_identifiers` does not count).
    """

    missing_customers: float = _share(0.02)
    padded_ids: float = _share(0.005)
    missing_times: float = _share(0.002)
    unparsable_times: float = _share(0.002)
    future_times: float = _share(0.001)
    zero_amounts: float = _share(0.004)
    negative_amounts: float = _share(0.003)
    three_decimal_amounts: float = _share(0.002)
    duplicate_lines: float = _share(0.01)
    duplicate_ids: float = _share(0.005)
    shared_identifiers: float = _share(0.01)

    def __attrs_post_init__(self) -> None:
        """Refuse shares that cannot all be met."""
        total = sum(attrs.astuple(self)) - self.shared_identifiers
        if total > 1 + 1e-9:
            raise InvalidDefinitionError(
                "shares",
                "a row is spoilt in one way at most, and these shares need more than all rows",
                got=f"a sum of {total:g}",
                allowed="a sum of at most 1",
                hint="the shares that you do not name have defaults; set them to 0",
            )


class _Columns(NamedTuple):
    """Where the dirt of one table goes; None for a kind that it does not know."""

    person: tuple[str, ...]
    time: str
    id: str | None
    amount: str | None = None


_COLUMNS = {
    "orders": _Columns(("customer_id",), "ordered_at", "order_id", "amount"),
    "order_lines": _Columns(("customer_id",), "ordered_at", None, "amount"),
    "returns": _Columns(("customer_id",), "returned_at", "return_id"),
    "page_views": _Columns(("customer_id",), "occurred_at", "event_id"),
    "poster_scans": _Columns(("identifier_value", "customer_id"), "occurred_at", "event_id"),
    "group_joins": _Columns(("customer_id",), "occurred_at", "event_id"),
    "guide_contacts": _Columns(("customer_id",), "occurred_at", "event_id"),
    "messages": _Columns(("customer_id",), "occurred_at", "event_id"),
    "reviews": _Columns(("customer_id",), "occurred_at", "event_id"),
}


def soil(
    table: pa.Table, *, name: str, dirt: Dirt, rng: np.random.Generator, end_us: int
) -> tuple[pa.Table, list[DirtCount]]:
    """Spoil a table, and count what was done.

    Args:
        table: The clean table.
        name: Its name.
        dirt: The shares.
        rng: The random stream of this table's dirt.
        end_us: The end of the shop's period, microseconds since 1970-01-01 UTC.
    """
    if name == "identifiers":
        return _share_phones(table, dirt, rng)
    if name not in _COLUMNS:
        return table, []
    columns = _COLUMNS[name]
    rows = _choose_rows(table.num_rows, _shares(columns, dirt), rng)
    if dirt.unparsable_times:
        table = _write_times(table, columns.time, rows["unparsable_times"], rng)
    table = _spoil_people(table, columns.person, rows, rng)
    table = _spoil_times(table, columns.time, rows, rng, end_us)
    if columns.amount is not None:
        table = _spoil_amounts(table, columns.amount, rows, rng)
    copies = rows["duplicate_lines" if columns.id is None else "duplicate_ids"]
    table = pa.concat_tables([table, table.take(pa.array(copies))]).combine_chunks()
    counts = [DirtCount(name, kind, chosen.size) for kind, chosen in rows.items() if chosen.size]
    return table, counts


def _shares(columns: _Columns, dirt: Dirt) -> dict[str, float]:
    """Return the shares that apply to a table; all kinds are named, in the order of `Dirt`."""
    shares: dict[str, float] = attrs.asdict(dirt)
    del shares["shared_identifiers"]
    shares["duplicate_ids" if columns.id is None else "duplicate_lines"] = 0.0
    if columns.amount is None:
        shares |= dict.fromkeys(("zero_amounts", "negative_amounts", "three_decimal_amounts"), 0.0)
    return shares


def _choose_rows(
    row_count: int, shares: dict[str, float], rng: np.random.Generator
) -> dict[str, NDArray[np.int64]]:
    """Choose rows for each kind, no row twice, each ascending."""
    # Rounding all shares up could ask for more rows than there are; rounding sums cannot.
    edges = np.rint(np.cumsum(list(shares.values())) * row_count).astype(np.int64)
    edges = np.minimum(edges, row_count)
    chosen = rng.choice(row_count, int(edges[-1]) if row_count else 0, replace=False)
    parts = np.split(chosen, edges[:-1])
    return {kind: np.sort(part) for kind, part in zip(shares, parts, strict=True)}


def _replace(table: pa.Table, name: str, rows: NDArray[np.int64], values: pa.Array) -> pa.Table:
    """Replace the values of a column in the given ascending rows."""
    place = table.schema.get_field_index(name)
    mask = np.zeros(table.num_rows, dtype=np.bool_)
    mask[rows] = True
    column = pc.replace_with_mask(table.column(place), mask, values)
    return table.set_column(place, table.schema.field(place), column)


def _clear(table: pa.Table, name: str, rows: NDArray[np.int64]) -> pa.Table:
    return _replace(table, name, rows, pa.nulls(rows.size, table.schema.field(name).type))


def _spoil_people(
    table: pa.Table,
    person: tuple[str, ...],
    rows: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> pa.Table:
    for name in person:
        table = _clear(table, name, rows["missing_customers"])
    padded = rows["padded_ids"]
    in_front = rng.random(padded.size) < 0.5
    ids = table[person[0]].take(pa.array(padded)).combine_chunks()
    left = pa.array(np.where(in_front, " ", ""), type=pa.string())
    right = pa.array(np.where(in_front, "", " "), type=pa.string())
    joined = pc.binary_join_element_wise(left, ids, right, pa.scalar("", pa.string()))
    return _replace(table, person[0], padded, joined)


def _write_times(
    table: pa.Table, time: str, unparsable: NDArray[np.int64], rng: np.random.Generator
) -> pa.Table:
    """Add the text that a typed time was read from; the caller clears what cannot be read."""
    written = table[time].cast(pa.timestamp("us")).cast(pa.timestamp("s")).cast(pa.string())
    table = table.append_column(f"{time}_text", written)
    nonsense = rng.integers(0, len(_UNPARSABLE_TIMES), unparsable.size)
    return _replace(table, f"{time}_text", unparsable, pa.array(_UNPARSABLE_TIMES).take(nonsense))


def _spoil_times(
    table: pa.Table,
    time: str,
    rows: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
    end_us: int,
) -> pa.Table:
    for name in (time, f"{time}_text"):
        if name in table.column_names:
            table = _clear(table, name, rows["missing_times"])
    table = _clear(table, time, rows["unparsable_times"])
    later = rows["future_times"]
    ahead_us = rng.integers(1, _LONGEST_FUTURE_DAYS, later.size) * _DAY_US
    future = pa.array(end_us + ahead_us).view(pa.timestamp("us", tz="UTC"))
    table = _replace(table, time, later, future)
    if f"{time}_text" in table.column_names:
        written = future.cast(pa.timestamp("us")).cast(pa.timestamp("s")).cast(pa.string())
        table = _replace(table, f"{time}_text", later, written)
    return table


def _spoil_amounts(
    table: pa.Table,
    amount: str,
    rows: dict[str, NDArray[np.int64]],
    rng: np.random.Generator,
) -> pa.Table:
    cents = np.rint(table[amount].to_numpy() * 100).astype(np.int64)
    table = _replace(
        table, amount, rows["zero_amounts"], pa.array(np.zeros(rows["zero_amounts"].size))
    )
    negative = rows["negative_amounts"]
    table = _replace(table, amount, negative, pa.array(-cents[negative] / 100.0))
    finer = rows["three_decimal_amounts"]
    mills = cents[finer] * 10 + rng.integers(1, 10, finer.size)
    return _replace(table, amount, finer, pa.array(mills / 1000.0))


def _share_phones(
    table: pa.Table, dirt: Dirt, rng: np.random.Generator
) -> tuple[pa.Table, list[DirtCount]]:
    """Give some customers the phone of another one, as families and typing errors do."""
    phones = np.flatnonzero(np.asarray(pc.equal(table["kind"], "phone")))
    wanted = int(np.rint(dirt.shared_identifiers * phones.size))
    # Each changed phone copies one that stays, so at least half of them must stay.
    wanted = min(wanted, phones.size // 2)
    if wanted == 0:
        return table, []
    drawn = rng.choice(phones, 2 * wanted, replace=False)
    changed, kept = np.sort(drawn[:wanted]), drawn[wanted:]
    values = table["value"].take(pa.array(kept)).combine_chunks()
    shared = _replace(table, "value", changed, values)
    return shared, [DirtCount("identifiers", "shared_identifiers", wanted)]
