"""Small histories for the tests of rules, and the same questions asked in every way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from userops import Customer, History
from userops.core import frames
from userops.events import EventColumns, Events, OrderColumns, Orders
from userops.rules import Rule, RuleSet, Term
from userops.testing import installed_engines, to_engine

FAST = installed_engines(with_spark=False)
# Arrow, an eager frame, and SQL.
SOME = tuple(name for name in ("pyarrow", "polars-lazy", "duckdb") if name in FAST)


def shop(
    orders: Sequence[tuple[Any, ...]] = (),
    engine: str = "pyarrow",
    *,
    zone: str = "UTC",
    events: Mapping[str, Sequence[tuple[Any, ...]]] | None = None,
    customers: Mapping[str, Sequence[Any]] | None = None,
    attributes: Any = None,
    returns: Any = "net",
    scale: int = 2,
) -> History:
    """Return a history.

    Args:
        orders: (customer, when, amount), each an order of its own.
        engine: Where the tables are.
        zone: Zone of the clock readings.
        events: Name to (customer, when).
        customers: Columns of current attributes, `customer_id` among them.
        attributes: Dated attributes, as an Arrow table.
        returns: How returns count.
        scale: Decimals of the money.
    """
    ids = pa.string() if not orders or isinstance(orders[0][0], str) else pa.int64()
    table = pa.table({
        "customer_id": pa.array([row[0] for row in orders], ids),
        "at": pa.array([str(row[1]) for row in orders], pa.string()),
        "amount": pa.array([row[2] for row in orders], pa.float64()),
    })  # fmt: skip
    columns = OrderColumns(
        customer_id="customer_id", ordered_at="at", amount="amount", time_zone=zone, scale=scale
    )
    tables: dict[str, Any] = {"order": Orders(to_engine(table, engine), columns=columns)}
    of_events = EventColumns(customer_id="customer_id", occurred_at="at", time_zone=zone)
    for name, rows in (events or {}).items():
        table = pa.table({
            "customer_id": pa.array([row[0] for row in rows], ids),
            "at": pa.array([str(row[1]) for row in rows], pa.string()),
        })  # fmt: skip
        tables[name] = Events(to_engine(table, engine), columns=of_events)
    return History(
        tables,
        returns=returns,
        customers=None if customers is None else to_engine(pa.table(dict(customers)), engine),
        attributes=None if attributes is None else to_engine(attributes, engine),
    )


def rows_of_answer(members: Mapping[str, Any], history: History, as_of: Any) -> dict[Any, Any]:
    """Return customer to answers, all customers asked at once."""
    answer = RuleSet(members).answer(history, as_of)
    rows = frames.to_rows(frames.read(answer).frame)
    return {row.pop("customer_id"): row for row in rows}


def answered(
    members: Mapping[str, Rule | Term],
    build: Callable[[str], History],
    as_of: Any,
    engines: Sequence[str] = SOME,
) -> dict[Any, dict[str, Any]]:
    """Return customer to answers, which are the same on each engine and for one customer.

    Args:
        members: Rules and values that need no names.
        build: Returns the history on an engine.
        as_of: Exclusive end.
        engines: Which.
    """
    asked = RuleSet(members)
    history = build("pyarrow")
    expected = rows_of_answer(members, history, as_of)
    for who, row in expected.items():
        alone = asked.answer_one(history.customer(who), as_of)
        assert alone == row, f"{who}: {alone} alone, {row} among others"
    for engine in engines[1:]:
        assert rows_of_answer(members, build(engine), as_of) == expected, engine
    return expected


def one(
    orders: Sequence[Mapping[str, Any]] = (),
    columns: OrderColumns | None = None,
    attributes: Any = (),
    **events: Sequence[Mapping[str, Any]],
) -> Customer:
    """Return customer `a` with rows as a host has them; events have `at` and may have `n`."""
    columns = columns or OrderColumns(customer_id="who", ordered_at="at", amount="paid")
    zone = columns.time_zone
    of_events = EventColumns(
        customer_id="who", occurred_at="at", time_zone=zone, properties=("n", "text", "flag")
    )
    filled = {"who": "a", "n": None, "text": None, "flag": None}
    return Customer.from_rows(
        "a",
        {"order": [{"who": "a", **row} for row in orders],
         **{name: [{**filled, **row} for row in rows] for name, rows in events.items()}},
        {"order": columns, **dict.fromkeys(("scan", "view", *events), of_events)},
        attributes=attributes,
    )  # fmt: skip
