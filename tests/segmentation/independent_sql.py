"""RFM written a second time, as DuckDB SQL that shares no code with the library.

Money is DECIMAL, zones are DuckDB's own `timezone`, equal bins are its own `NTILE`, and quantiles
are interpolated between order statistics in exact arithmetic. `Answers` holds what it found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import attrs
import duckdb
import pyarrow as pa

BINS = 5

# What each policy makes of the money of a line; and of what stands beside it.
_MONETARY = {
    "net": "sum(amount)",
    "separate": "coalesce(sum(amount) FILTER (NOT is_return), 0)",
    "ignore": "coalesce(sum(amount) FILTER (NOT is_return), 0)",
}
# Written out cell by cell: recency score, then the names at frequency scores 1 to 5.
CLASSIC = {
    5: ["New customers", "Potential loyalists", "Potential loyalists", "Champions", "Champions"],
    4: [
        "Promising",
        "Potential loyalists",
        "Potential loyalists",
        "Loyal customers",
        "Loyal customers",
    ],
    3: [
        "About to sleep",
        "About to sleep",
        "Need attention",
        "Loyal customers",
        "Loyal customers",
    ],
    2: ["Hibernating", "Hibernating", "At risk", "At risk", "Cannot lose them"],
    1: ["Lost", "Lost", "At risk", "At risk", "Cannot lose them"],
}
# High (True) and low recency, frequency and monetary score.
EIGHT_ZH = {
    (True, True, True): "重要价值客户",
    (True, False, True): "重要发展客户",
    (False, True, True): "重要保持客户",
    (False, False, True): "重要挽留客户",
    (True, True, False): "一般价值客户",
    (True, False, False): "一般发展客户",
    (False, True, False): "一般保持客户",
    (False, False, False): "一般挽留客户",
}

ONLINE_RETAIL_LINES = """
SELECT CAST(CustomerID AS BIGINT) AS customer_id,
       CAST(InvoiceNo AS VARCHAR) AS order_id,
       timezone('Europe/London', CAST(InvoiceDate AS TIMESTAMP)) AS made_at,
       CAST(UnitPrice AS DECIMAL(18, 3)) * CAST(Quantity AS DECIMAL(18, 0)) AS amount,
       starts_with(InvoiceNo, 'C') AS is_return
FROM lines
WHERE CustomerID IS NOT NULL AND InvoiceNo IS NOT NULL AND InvoiceDate IS NOT NULL
  AND UnitPrice IS NOT NULL AND Quantity IS NOT NULL AND NOT (UnitPrice < 0 AND Quantity < 0)
"""
CDNOW_LINES = r"""
SELECT parts[1] AS customer_id,
       CAST(row_number() OVER () AS VARCHAR) AS order_id,
       timezone('UTC', CAST(strptime(parts[2], '%Y%m%d') AS TIMESTAMP)) AS made_at,
       CAST(parts[4] AS DECIMAL(18, 2)) AS amount,
       CAST(parts[4] AS DECIMAL(18, 2)) < 0 AS is_return
FROM (
    SELECT string_split_regex(trim(line, E' \r'), '\s+') AS parts
    FROM (SELECT unnest(string_split(content, E'\n')) AS line FROM read_text($path))
)
WHERE len(parts) = 4 AND regexp_full_match(parts[2], '[0-9]{8}')
"""


@attrs.frozen
class Answers:
    """What the SQL found, by customer id.

    Attributes:
        customers: Id to `(recency_days, frequency, monetary, returned, return_rows)`.
        linear: Id to `(r, f, m)` from interpolated quantiles.
        ntile: Id to `(r, f, m)` from NTILE.
        classic: For `linear` and `ntile`: label to `(customers, total)`.
        eight: The same for the eight Chinese segments, cut at the mean scores.
        thresholds: `recency_days`, `frequency` and `monetary` to their four exact quantiles.
    """

    customers: Mapping[Any, tuple[int, int, Decimal, Decimal, int]]
    linear: Mapping[Any, tuple[int, int, int]]
    ntile: Mapping[Any, tuple[int, int, int]]
    classic: Mapping[str, Mapping[str, tuple[int, Decimal]]]
    eight: Mapping[str, Mapping[str, tuple[int, Decimal]]]
    thresholds: Mapping[str, tuple[Decimal, ...]]


def online_retail_answers(lines: pa.Table, policy: str, as_of: str) -> Answers:
    """Answer for the bundled order lines, days counted in London."""
    connection = duckdb.connect()
    connection.register("lines", lines)
    connection.execute(f"CREATE TABLE bought AS {ONLINE_RETAIL_LINES}")
    return _answers(connection, policy, as_of, "Europe/London")


def cdnow_answers(path: str, policy: str, as_of: str) -> Answers:
    """Answer for CDNOW's text file, which DuckDB reads by itself; each row is an order."""
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE bought AS {CDNOW_LINES}", {"path": path})
    return _answers(connection, policy, as_of, "UTC")


def customers_of_net_zero(lines: pa.Table, as_of: str) -> set[int]:
    """Return the customers of Online Retail who bought, and got all of their money back."""
    customers = online_retail_answers(lines, "net", as_of).customers
    return {customer for customer, row in customers.items() if row[2] == 0}


def _answers(connection: Any, policy: str, as_of: str, zone: str) -> Answers:
    connection.execute(
        f"""
        CREATE TABLE before AS
        SELECT * FROM bought
        WHERE made_at < timezone('{zone}', CAST(DATE '{as_of}' AS TIMESTAMP));
        CREATE TABLE made AS
        SELECT customer_id, order_id, min(made_at) AS made_at
        FROM before WHERE NOT is_return GROUP BY ALL;
        CREATE TABLE totals AS
        WITH of_orders AS (
            SELECT customer_id, count(*) AS frequency,
                   date_diff('day', CAST(timezone('{zone}', max(made_at)) AS DATE),
                             DATE '{as_of}' - 1) AS recency_days
            FROM made GROUP BY ALL
        ), of_money AS (
            SELECT customer_id, {_MONETARY[policy]} AS monetary,
                   coalesce(sum(amount) FILTER (is_return), 0) AS returned,
                   count(*) FILTER (is_return) AS return_rows
            FROM before GROUP BY ALL
        )
        SELECT * FROM of_orders JOIN of_money USING (customer_id)
        """
    )
    rows = connection.execute(
        "SELECT customer_id, recency_days, frequency, monetary, returned, return_rows FROM totals"
    ).fetchall()
    thresholds = {name: _quantiles(connection, name) for name in _COLUMNS}
    linear = dict(_scores(connection, ", ".join(_linear(n, thresholds[n]) for n in _COLUMNS)))
    ntile = dict(_scores(connection, ", ".join(map(_ntile, _COLUMNS))))
    spent = {row[0]: Decimal(row[3]) for row in rows}
    scores = {"linear": linear, "ntile": ntile}
    return Answers(
        customers={row[0]: (row[1], row[2], row[3], row[4], row[5]) for row in rows},
        linear=linear,
        ntile=ntile,
        classic={name: _totals(_classic(cells), spent) for name, cells in scores.items()},
        eight={name: _totals(_eight(cells), spent) for name, cells in scores.items()},
        thresholds=thresholds,
    )


_COLUMNS = ("recency_days", "frequency", "monetary")


def _quantiles(connection: Any, column: str) -> tuple[Decimal, ...]:
    """Interpolate between the two order statistics around (n - 1) * k / 5; 0.2 is a decimal."""
    found = connection.execute(
        f"""
        WITH ranked AS (
            SELECT CAST({column} AS DECIMAL(30, 4)) AS value,
                   row_number() OVER (ORDER BY {column}) - 1 AS rank, count(*) OVER () AS n
            FROM totals
        ), cut AS (SELECT unnest([1, 2, 3, 4]) AS k)
        SELECT k, min(value) FILTER (rank = ((n - 1) * k) // {BINS})
                  + CAST(0.2 AS DECIMAL(3, 1)) * (any_value((n - 1) * k) % {BINS})
                  * (min(value) FILTER (rank = least(n - 1, ((n - 1) * k) // {BINS} + 1))
                     - min(value) FILTER (rank = ((n - 1) * k) // {BINS}))
        FROM ranked, cut GROUP BY k ORDER BY k
        """
    ).fetchall()
    return tuple(Decimal(value) for _, value in found)


def _linear(column: str, thresholds: tuple[Decimal, ...]) -> str:
    above = " + ".join(
        f"CAST({column} > CAST('{cut}' AS DECIMAL(30, 5)) AS INTEGER)" for cut in thresholds
    )
    return f"{BINS} - ({above})" if column == "recency_days" else f"1 + {above}"


def _ntile(column: str) -> str:
    tile = f"ntile({BINS}) OVER (ORDER BY {column}, customer_id)"
    return f"{BINS} + 1 - {tile}" if column == "recency_days" else tile


def _scores(connection: Any, columns: str) -> Iterator[tuple[Any, tuple[int, int, int]]]:
    for row in connection.execute(f"SELECT customer_id, {columns} FROM totals").fetchall():
        yield row[0], (int(row[1]), int(row[2]), int(row[3]))


def _classic(cells: Mapping[Any, tuple[int, int, int]]) -> dict[Any, str]:
    return {customer: CLASSIC[r][f - 1] for customer, (r, f, _) in cells.items()}


def _eight(cells: Mapping[Any, tuple[int, int, int]]) -> dict[Any, str]:
    # High means above the mean score of the population: score * n > sum, in whole numbers.
    n, sums = len(cells), [sum(scores[axis] for scores in cells.values()) for axis in range(3)]
    return {
        customer: EIGHT_ZH[r * n > sums[0], f * n > sums[1], m * n > sums[2]]
        for customer, (r, f, m) in cells.items()
    }


def _totals(
    names: Mapping[Any, str], spent: Mapping[Any, Decimal]
) -> dict[str, tuple[int, Decimal]]:
    totals: dict[str, tuple[int, Decimal]] = {}
    for customer, name in names.items():
        count, total = totals.get(name, (0, Decimal(0)))
        totals[name] = (count + 1, total + spent[customer])
    return totals
