"""The reference job as an engineer would write it by hand for DuckDB.

The statements clean as userops does (see `rfm_sql`): rows without a customer, an order, a time or
an amount are counted by reason and left out, amounts become exact cents and must be cents. That the
shop has no returns is seen where rows are counted, and used.

Of several ways these were the fastest: orders grouped twice instead of a proof that no id repeats;
the top category from one integer of the number of rows and the category, by way of an enumeration
made of the data, instead of windows, `arg_max`, ordered aggregates or a join with the maximum;
carts joined to orders by customer and week, instead of an ASOF join, a window or a range join;
semi-joins for what somebody did at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.child import Answer, Options, Prepared
from benchmarks.rfm_sql import AUDIT, as_of_us, audit_facts, check_cents, scored

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["prepare"]

_EVENTS = ("view", "cart", "scan")

_ORDERS = """
CREATE TEMP VIEW order_rows AS
SELECT
    customer_id,
    order_id,
    epoch_us(ordered_at) AS instant_us,
    category,
    coalesce(amount < 0, false) AS is_return,
    CASE
        WHEN customer_id IS NULL THEN 1
        WHEN order_id IS NULL THEN 2
        WHEN ordered_at IS NULL THEN 3
        WHEN amount IS NULL OR isnan(amount) THEN 5
        WHEN isinf(amount) THEN 6
        ELSE 0
    END AS status,
    amount * 100.0::DOUBLE AS scaled,
    TRY_CAST(scaled AS BIGINT) AS cents
FROM read_parquet('{path}');

CREATE TEMP VIEW orders AS
SELECT * FROM order_rows WHERE status = 0 AND instant_us < {as_of_us};
"""

_EVENT = """
CREATE TEMP VIEW {event}_rows AS
SELECT customer_id, epoch_us(occurred_at) AS instant_us FROM read_parquet('{path}');

CREATE TEMP VIEW {event}s AS
SELECT * FROM {event}_rows WHERE customer_id IS NOT NULL AND instant_us < {as_of_us};
"""

_EVENT_AUDIT = """
SELECT
    CASE WHEN customer_id IS NULL THEN 1 WHEN instant_us IS NULL THEN 3 ELSE 0 END AS status,
    false AS is_return,
    count(*) AS n,
    min(instant_us) AS first_us,
    max(instant_us) AS last_us
FROM {event}_rows
GROUP BY ALL
"""

_TOTALS = """
CREATE TEMP TABLE totals AS
WITH made AS (
    SELECT customer_id, min(instant_us) AS made_us, sum_no_overflow(cents) AS cents
    FROM orders
    GROUP BY customer_id, order_id
)
SELECT
    customer_id,
    max(made_us) AS last_us,
    ({as_of_us} - 1 + 28800000000) // 86400000000
        - (max(made_us) + 28800000000) // 86400000000 AS recency_days,
    count(*) AS frequency,
    sum(cents)::BIGINT AS cents
FROM made
GROUP BY customer_id
"""

_NAMES = "SELECT DISTINCT category FROM orders WHERE category IS NOT NULL ORDER BY category"

_ANSWERS = """
WITH scored AS ({scored}),
counts AS (
    SELECT customer_id, enum_code(category::category) AS code, count(*) AS n
    FROM orders
    WHERE category IS NOT NULL
    GROUP BY ALL
),
tops AS (
    SELECT customer_id, 255 - max(n * 256 + 255 - code) % 256 AS code
    FROM counts
    GROUP BY customer_id
),
bought AS (
    SELECT customer_id, instant_us, instant_us // {week_us} AS week FROM orders
),
filled AS (
    SELECT customer_id, instant_us, unnest([instant_us // {week_us}, instant_us // {week_us} + 1])
        AS week
    FROM carts
),
converted AS (
    SELECT DISTINCT customer_id
    FROM bought JOIN filled USING (customer_id, week)
    WHERE bought.instant_us BETWEEN filled.instant_us AND filled.instant_us + {week_us}
)
SELECT
    scored.* EXCLUDE (last_us),
    frequency >= 2
        AND last_us < {as_of_us} - 90 * {day_us}
        AND customer_id NOT IN (
            SELECT customer_id FROM scans WHERE instant_us >= {as_of_us} - 90 * {day_us}
        )
        AND customer_id IN (
            SELECT customer_id FROM views WHERE instant_us >= {as_of_us} - 30 * {day_us}
        ) AS lapsed,
    {names}[tops.code + 1] AS top_category,
    customer_id IN (SELECT customer_id FROM converted) AS converted,
    customers.city AS city,
    customers.level AS level
FROM scored
LEFT JOIN tops USING (customer_id)
LEFT JOIN read_parquet('{path}') AS customers USING (customer_id)
"""

_DAY_US = 86_400_000_000


def prepare(options: Options) -> Prepared:
    """Connect; the statements are what is measured."""
    import duckdb

    connection = duckdb.connect(config={"threads": options.threads})
    return Prepared(lambda: _run(connection, options), answer=_answer)


def _run(connection: Any, options: Options) -> tuple[dict[str, list[tuple[Any, ...]]], pa.Table]:
    before = as_of_us()
    connection.execute(_ORDERS.format(path=options.size.shop("order"), as_of_us=before))
    audits = {"order": connection.execute(AUDIT).fetchall()}
    check_cents(audits["order"])
    if any(row[1] for row in audits["order"]):
        raise ValueError("there are returns")
    for event in _EVENTS:
        path = options.size.shop(event)
        connection.execute(_EVENT.format(event=event, path=path, as_of_us=before))
        audits[event] = connection.execute(_EVENT_AUDIT.format(event=event)).fetchall()
    connection.execute(_TOTALS.format(as_of_us=before))
    names = [name for (name,) in connection.execute(_NAMES).fetchall()]
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    connection.execute(f"CREATE TYPE category AS ENUM ({listed})")
    answers = _ANSWERS.format(
        scored=scored(connection, "last_us,"), names=f"[{listed}]", as_of_us=before, day_us=_DAY_US,
        week_us=7 * _DAY_US, path=options.size.shop("customers"),
    )  # fmt: skip
    return audits, connection.sql(answers).to_arrow_table()


def _answer(result: tuple[dict[str, list[tuple[Any, ...]]], pa.Table]) -> Answer:
    audits, table = result
    facts = {
        f"{event} {name}": number
        for event, audit in audits.items()
        for name, number in audit_facts(audit).items()
    }
    return Answer(table, facts)
