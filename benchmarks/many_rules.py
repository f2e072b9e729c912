"""Two hundred rules of behaviour, answered together by userops.

A rule is described once, as a few values; this module makes the rule of them, and `many_rules_sql`
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
    "WINDOWS",
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

# Days before `as_of`; None is all of the history.
WINDOWS = (30, 90, 180, 365, None)


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
    """Return the two hundred rules; every kind of them goes evenly through the windows."""
    found: list[Leaf] = []

    def each(event: str, how: Any, bounds: Sequence[float], of: str | None = None) -> None:
        found.extend(Leaf(event, how, b, days, of) for b, days in zip(bounds, WINDOWS, strict=True))

    def turning(event: str, how: Any, of: str | None, where: tuple[str, str], *turns: int) -> None:
        for turn in turns:
            window = turn % len(WINDOWS)
            bound = window // 2 + 1 if of is None else 40 * (window + 1)
            found.append(Leaf(event, how, bound, WINDOWS[window], of, where))

    each("order", "count", (1, 2, 3, 4, 6))
    each("order", "sum", (50, 100, 200, 400, 800), "amount")
    each("order", "mean", (50, 60, 70, 80, 90), "amount")
    each("order", "max", (80, 100, 150, 200, 300), "amount")
    each("order", "n_unique", (1, 2, 2, 3, 4), "category")
    each("order", "active_days", (1, 2, 3, 4, 6))
    each("view", "sum", (60, 120, 240, 480, 960), "seconds")
    each("view", "n_unique", (1, 2, 3, 4, 5), "category")
    each("cart", "count", (1, 2, 3, 4, 6))
    each("cart", "sum", (3, 6, 9, 12, 24), "quantity")
    each("scan", "count", (1, 2, 2, 3, 4))
    each("scan", "sum", (10, 20, 30, 40, 60), "points")
    for number, category in enumerate(CATEGORIES):
        here = ("category", category)
        turning("order", "count", None, here, number, number + 2)
        turning("order", "sum", "amount", here, number + 4)
        turning("view", "count", None, here, number, number + 2)
        turning("cart", "count", None, here, number + 1, number + 3)
    for number, channel in enumerate(CHANNELS):
        here = ("channel", channel)
        turning("order", "count", None, here, *range(len(WINDOWS)))
        turning("view", "count", None, here, number, number + 2)
    for number, city in enumerate(CITIES[:20]):
        turning("scan", "count", None, ("city", city), number)
    found += [Leaf("order", "days_since", days) for days in (14, 30, 90)]
    found += [Leaf("view", "days_since", days) for days in (7, 14, 30)]
    found += [Leaf("order", "then", 1, 7, "cart"), Leaf("cart", "then", 1, 1, "view")]
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
        return lambda table: pl.scan_parquet(
            options.size.shop(table)
        ), lambda found: found.collect()
    if engine == "duckdb":
        import duckdb

        connection = duckdb.connect(config={"threads": options.threads})
        load_everything(connection.sql("SELECT 1 AS n"))
        return lambda table: connection.read_parquet(
            str(options.size.shop(table))
        ), lambda found: found.to_arrow_table()
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
