"""One DuckDB query a rule, as one would write it for that rule alone.

Each reads the columns that it needs, leaves rows without a customer, a time or (of orders) an
amount out, and returns the customers. Rows stand in order of time, so that a window leaves most row
groups of the file unread. Money is added up as whole cents, as userops does; days are those of
Shanghai.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.child import Answer, Options, Prepared
from benchmarks.many_rules import Leaf, digests, leaves
from benchmarks.rfm_sql import as_of_us

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["prepare"]

_DAY_US = 86_400_000_000
_SHIFT_US = 28_800_000_000
_VALUES = {
    "count": "count(*)",
    "sum": "sum({of})",
    "mean": "avg({of})",
    "max": "max({of})",
    "n_unique": "count(DISTINCT {of})",
    "active_days": "count(DISTINCT (epoch_us({at}) + {shift}) // {day})",
    "days_since": "({before} - 1 + {shift}) // {day} - (max(epoch_us({at})) + {shift}) // {day}",
}

_THEN = """
WITH ends AS (
    SELECT customer_id, epoch_us({end_at}) AS us, us // {span} AS slot
    FROM read_parquet('{end}') WHERE {end_good}
),
starts AS (
    SELECT customer_id, epoch_us({start_at}) AS us, unnest([us // {span}, us // {span} + 1]) AS slot
    FROM read_parquet('{start}') WHERE {start_good}
)
SELECT DISTINCT customer_id
FROM ends JOIN starts USING (customer_id, slot)
WHERE ends.us BETWEEN starts.us AND starts.us + {span}
"""


def prepare(options: Options) -> Prepared:
    """Connect; the queries are what is measured."""
    import duckdb

    connection = duckdb.connect(config={"threads": options.threads})
    connection.execute("SET TimeZone = 'UTC'")
    queries = [_query(leaf, options) for leaf in leaves()]

    def run() -> list[pa.Table]:
        return [connection.sql(query).to_arrow_table() for query in queries]

    return Prepared(run, answer=_answer)


def _at(event: str) -> str:
    return "ordered_at" if event == "order" else "occurred_at"


def _good(event: str) -> str:
    """Return what userops calls a counted row."""
    before = f"make_timestamptz({as_of_us()})"
    good = f"customer_id IS NOT NULL AND {_at(event)} < {before}"
    return good + (" AND isfinite(amount)" if event == "order" else "")


def _query(leaf: Leaf, options: Options) -> str:
    path, before = options.size.shop(leaf.event), as_of_us()
    if leaf.how == "then":
        assert leaf.of is not None
        assert leaf.days is not None
        return _THEN.format(
            span=leaf.days * _DAY_US, end_at=_at(leaf.event), start_at=_at(leaf.of), end=path,
            start=options.size.shop(leaf.of), end_good=_good(leaf.event), start_good=_good(leaf.of),
        )  # fmt: skip
    at = _at(leaf.event)
    where = _good(leaf.event)
    if leaf.days is not None:
        where += f" AND {at} >= make_timestamptz({before - leaf.days * _DAY_US})"
    if leaf.where is not None:
        where += " AND {} = '{}'".format(*leaf.where)
    # Whole cents, exactly as money is added up; the amounts are cents.
    of = "(amount * 100)::BIGINT" if leaf.of == "amount" else leaf.of
    bound = leaf.bound * 100 if leaf.of == "amount" else leaf.bound
    value = _VALUES[leaf.how].format(of=of, at=at, before=before, shift=_SHIFT_US, day=_DAY_US)
    compare = "<=" if leaf.how == "days_since" else ">="
    if leaf.how == "count" and bound == 1:
        return f"SELECT DISTINCT customer_id FROM read_parquet('{path}') WHERE {where}"
    return (
        f"SELECT customer_id FROM read_parquet('{path}') WHERE {where} "
        f"GROUP BY customer_id HAVING {value} {compare} {bound}"
    )


def _answer(found: list[Any]) -> Answer:
    named = {f"rule_{number:03d}": table["customer_id"] for number, table in enumerate(found)}
    return Answer(digests(named))
