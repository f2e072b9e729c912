"""The reference job with userops: five questions of marketing, from Parquet to a row a customer.

Every buyer with RFM scores and segment, whether he has lapsed, his top category, whether a cart of
his became an order within a week, and two attributes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.child import Answer, Options, Prepared
from benchmarks.data import AS_OF, TIME_ZONE
from benchmarks.rfm import load_everything, quality_facts

if TYPE_CHECKING:
    from userops.customers import History

__all__ = ["READ", "prepare_duckdb", "prepare_pandas", "prepare_polars"]

# What an analyst reads where reading is not left to the engine.
READ = {
    "order": ["customer_id", "order_id", "ordered_at", "amount", "category"],
    "view": ["customer_id", "occurred_at"],
    "cart": ["customer_id", "occurred_at"],
    "scan": ["customer_id", "occurred_at"],
    "customers": ["customer_id", "city", "level"],
}


def prepare_polars(options: Options) -> Prepared:
    """Scan lazily, join, and collect."""
    import polars as pl

    load_everything(pl.LazyFrame({"n": [1]}))

    def joined(scores: Any, answers: Any) -> Any:
        return scores.join(answers, on="customer_id", how="left").collect()

    return _prepared(lambda table: pl.scan_parquet(options.size.shop(table)), joined)


def prepare_duckdb(options: Options) -> Prepared:
    """Read as relations, join, and fetch as Arrow."""
    import duckdb

    connection = duckdb.connect(config={"threads": options.threads})
    load_everything(connection.sql("SELECT 1 AS n"))

    def joined(scores: Any, answers: Any) -> Any:
        answers = answers.set_alias("answers")
        return scores.join(answers, "customer_id", how="left").to_arrow_table()

    return _prepared(
        lambda table: connection.read_parquet(str(options.size.shop(table))), joined
    )  # fmt: skip


def prepare_pandas(options: Options) -> Prepared:
    """Read the columns that are used, integers with gaps as pandas' own nullable ones."""
    import pandas as pd

    load_everything(pd.DataFrame({"n": [1]}))

    def read(table: str) -> Any:
        return pd.read_parquet(
            options.size.shop(table), columns=READ[table], dtype_backend="numpy_nullable"
        )

    return _prepared(read, lambda scores, answers: scores.merge(answers, "left", "customer_id"))


def _prepared(read: Callable[[str], Any], joined: Callable[[Any, Any], Any]) -> Prepared:
    from userops.customers import Customers, History
    from userops.events import Events, Orders
    from userops.rules import Attr, Did, RuleSet, Sequence, days
    from userops.segmentation import RFM

    asked = RuleSet(
        {
            "lapsed": (Did("order").count() >= 2)
            & ~Did("order").within(days(90))
            & ~Did("scan").within(days(90))
            & Did("view").within(days(30)),
            "top_category": Did("order").top("category"),
            "converted": Sequence("cart", "order", within=days(7)),
            "city": Attr("city"),
            "level": Attr("level"),
        }
    )

    def run() -> tuple[History, Any]:
        orders = Orders(
            read("order"),
            customer_id="customer_id",
            order_id="order_id",
            ordered_at="ordered_at",
            amount="amount",
            category="category",
            time_zone=TIME_ZONE,
        )
        events = {
            event: Events(
                read(event),
                customer_id="customer_id",
                occurred_at="occurred_at",
                time_zone=TIME_ZONE,
            )
            for event in ("view", "cart", "scan")
        }
        customers = Customers(read("customers"), customer_id="customer_id")
        history = History({"order": orders, **events}, customers=customers)
        scores = RFM().fit(history, as_of=AS_OF).score()
        return history, joined(scores, asked.answer(history, AS_OF))

    return Prepared(run, answer=_answer)


def _answer(result: tuple[History, Any]) -> Answer:
    import narwhals as nw

    history, answers = result
    facts = {
        f"{event} {name}": number
        for event, table in history.events.items()
        for name, number in quality_facts(table.audit).items()
    }
    return Answer(nw.from_native(answers).to_arrow(), facts)
