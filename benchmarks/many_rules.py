"""Two hundred rules of behaviour, answered together by userops.

A rule is described once, as a few values, from which this module makes the rule and `many_rules_sql`
the query that one would write for it alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from benchmarks.child import Answer, Options, Prepared
from benchmarks.data import AS_OF, TIME_ZONE
from benchmarks.event_data import CATEGORIES, CHANNELS, CITIES
from benchmarks.rfm import load_everything

if TYPE_CHECKING:
    import pyarrow as pa

    from userops.rules import RuleSet

__all__ = [
    "EVENTS",
    "Leaf",
    "asked",
    "history_of",
    "leaves",
    "members",
    "prepare_duckdb",
    "prepare_pandas",
    "prepare_polars",
    "readers",
]

EVENTS = ("order", "view", "cart", "scan")


class Leaf(NamedTuple):
    """One rule: a value over the events of a table, at least (or, of days since, at most) a bound.

    Attributes:
        event: The table.
        how: What is taken; `then` says that the event followed `of` within `days`.
        bound: What it is compared with.
        days: Window; None for all of the history.
        of: The column that is added up or counted.
        where: A column and the value that it must have.
    """

    event: str
    how: Literal["count", "sum", "mean", "max", "n_unique", "active_days", "days_since", "then"]
    bound: float
    days: int | None = None
    of: str | None = None
    where: tuple[str, str] | None = None


def leaves() -> list[Leaf]:
    """Return the two hundred rules."""
    found: list[Leaf] = []

    def add(event: str, how: Any, bounds: Sequence[tuple[float, int | None]], **more: Any) -> None:
        found.extend(Leaf(event, how, bound, days, **more) for bound, days in bounds)

    for category in CATEGORIES:
        here = {"where": ("category", category)}
        add("order", "count", [(1, 30), (2, 180)], **here)
        add("order", "sum", [(100, 365)], of="amount", **here)
        add("view", "count", [(1, 7), (2, 30), (3, 90)], **here)
        add("cart", "count", [(1, 30), (2, 90)], **here)
        add("cart", "sum", [(4, 180)], of="quantity", **here)
    for channel in CHANNELS:
        here = {"where": ("channel", channel)}
        add("order", "count", [(1, 30), (2, 90), (3, 365)], **here)
        add("view", "count", [(1, 30), (3, 180)], **here)
    for city in CITIES[:20]:
        add("scan", "count", [(1, 365)], where=("city", city))
    windows = (7, 30, 90, 180)
    for number, days in enumerate(windows, 1):
        add("order", "sum", [(100 * number, days)], of="amount")
        add("order", "mean", [(80, days)], of="amount")
        add("order", "max", [(150, days)], of="amount")
        add("order", "count", [(number, days)])
        add("order", "days_since", [(days, None)])
        add("view", "sum", [(60 * number, days)], of="seconds")
        add("view", "days_since", [(days, None)])
        add("scan", "sum", [(10 * number, days)], of="points")
        add("scan", "count", [(number, days)])
    for number, days in enumerate((30, 90, 365), 2):
        add("order", "n_unique", [(number, days)], of="category")
        add("order", "active_days", [(number, days)])
    for event, days in (("view", 30), ("view", 90), ("cart", 90), ("cart", 180)):
        add(event, "n_unique", [(3, days)], of="category")
    add("order", "then", [(1, 7)], of="cart")
    add("cart", "then", [(1, 1)], of="view")
    return found


def members() -> dict[str, Any]:
    """Return the rules by name."""
    return {f"rule_{number:03d}": _rule(leaf) for number, leaf in enumerate(leaves())}


def _rule(leaf: Leaf) -> Any:
    from userops.rules import Did, Prop, Sequence, days

    did = Did(leaf.event)
    if leaf.how == "then":
        assert leaf.days is not None
        return Sequence(leaf.of, did, within=days(leaf.days))
    if leaf.where is not None:
        column, value = leaf.where
        did = did.where(Prop(column) == value)
    if leaf.days is not None:
        did = did.within(days(leaf.days))
    if leaf.how == "days_since":
        return did.days_since_last() <= leaf.bound
    value = getattr(did, leaf.how)(*([leaf.of] if leaf.of is not None else []))
    return value >= leaf.bound


def readers(options: Options, engine: str) -> tuple[Callable[[str], Any], Callable[[Any], Any]]:
    """Return how an engine reads a table, and how it computes an answer."""
    if engine == "polars":
        import polars as pl

        load_everything(pl.LazyFrame({"n": [1]}))
        return lambda table: pl.scan_parquet(options.size.shop(table)), lambda found: (
            found.collect()
        )
    if engine == "duckdb":
        import duckdb

        connection = duckdb.connect(config={"threads": options.threads})
        load_everything(connection.sql("SELECT 1 AS n"))
        return lambda table: connection.read_parquet(str(options.size.shop(table))), lambda found: (
            found.to_arrow_table()
        )
    import pandas as pd

    load_everything(pd.DataFrame({"n": [1]}))

    def read(table: str) -> Any:
        return pd.read_parquet(options.size.shop(table), dtype_backend="numpy_nullable")

    return read, lambda found: found


def history_of(read: Callable[[str], Any]) -> Any:
    """Return the history of the four event tables."""
    from userops.customers import History
    from userops.events import Events, Orders

    orders = Orders(
        read("order"),
        customer_id="customer_id",
        order_id="order_id",
        ordered_at="ordered_at",
        amount="amount",
        category="category",
        channel="channel",
        time_zone=TIME_ZONE,
    )
    properties = {
        "view": ("category", "seconds"),
        "cart": ("category", "quantity"),
        "scan": ("city", "points"),
    }
    events = {
        event: Events(
            read(event),
            customer_id="customer_id",
            occurred_at="occurred_at",
            channel="channel" if event == "view" else None,
            properties=carried,
            time_zone=TIME_ZONE,
        )
        for event, carried in properties.items()
    }
    return History({"order": orders, **events})


def asked() -> RuleSet:
    """Return the rules as they are asked."""
    from userops.rules import RuleSet

    return RuleSet(members())


def prepare_polars(options: Options) -> Prepared:
    """Answer from lazy scans."""
    return _prepared(options, "polars")


def prepare_duckdb(options: Options) -> Prepared:
    """Answer from relations."""
    return _prepared(options, "duckdb")


def prepare_pandas(options: Options) -> Prepared:
    """Answer from frames that are read whole."""
    return _prepared(options, "pandas")


def _prepared(options: Options, engine: str) -> Prepared:
    read, rows = readers(options, engine)
    rules = asked()

    def run() -> Any:
        return rows(rules.answer(history_of(read), AS_OF))

    return Prepared(run, answer=_answer)


def _answer(found: Any) -> Answer:
    import narwhals as nw

    return Answer(_digests(nw.from_native(found).to_arrow()))


def _digests(wide: pa.Table) -> pa.Table:
    ids = wide["customer_id"].cast("int64")
    return digests({name: ids.filter(wide[name]) for name in wide.column_names[1:]})


def digests(found: dict[str, pa.ChunkedArray]) -> pa.Table:
    """Return the size of each set of customers, and sums that tell sets of one size apart."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = []
    for name, ids in found.items():
        numbers = ids.to_numpy()
        mixed = (numbers * 2_654_435_761) % 4_294_967_296
        rows.append(
            {
                "customer_id": name,
                "customers": len(numbers),
                "sum": pc.sum(ids).as_py() or 0,
                "mixed": int(mixed.sum()),
            }
        )
    return pa.Table.from_pylist(rows)
