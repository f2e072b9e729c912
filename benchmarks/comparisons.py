"""The benchmarks: which jobs stand side by side, and which bar each has to meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from benchmarks.measuring import Run, Runner
from benchmarks.report import Row

__all__ = ["BENCHMARKS"]

_ENGINES = {
    "rfm_polars": ("Polars (lazy scan)", 1.1),
    "rfm_duckdb": ("DuckDB (relation)", 1.1),
    "rfm_pandas": ("pandas", 2.0),
}


def rfm(runner: Runner, built: Run) -> Iterator[Row]:
    """Parquet to the scored table on three engines, against SQL written by hand."""
    rows = built.numbers["orders"]
    for ids in runner.size.ids:
        runner.check(list(_ENGINES), "rfm_sql", ids=ids)
        sides = runner.in_turn(["rfm_sql", *_ENGINES], ids=ids)
        for job, (engine, limit) in _ENGINES.items():
            ours, peer = sides[job], sides["rfm_sql"]
            yield Row(
                job=f"RFM table from Parquet, {engine}",
                data=f"{rows:,} rows, {runner.size.customers:,} customers, {ids} ids",
                unit="CPU s",
                ours=ours.cpu_s,
                peer=peer.cpu_s,
                peer_name="DuckDB SQL",
                bar=f"≤ {limit}",
                limit=limit,
                process_ratio=ours.process_cpu_s / peer.process_cpu_s,
                peak_mb=ours.peak_mb,
                peer_peak_mb=peer.peak_mb,
            )


def summary(runner: Runner, built: Run) -> Iterator[Row]:
    """Recency, frequency and money of each customer from a pandas frame, against lifetimes."""
    runner.check(["summary"], "summary_lifetimes")
    sides = runner.in_turn(["summary_lifetimes", "summary"])
    ours, peer = sides["summary"], sides["summary_lifetimes"]
    yield Row(
        job="RFM summary from a pandas frame",
        data=f"{built.numbers['daily']:,} orders, int ids, at most one a day",
        unit="wall s",
        ours=ours.wall_s,
        peer=peer.wall_s,
        peer_name="lifetimes",
        bar="≤ 1 / 15",
        limit=1 / 15,
        process_ratio=ours.process_cpu_s / peer.process_cpu_s,
        peak_mb=ours.peak_mb,
        peer_peak_mb=peer.peak_mb,
    )


def one_customer(runner: Runner, _: Run) -> Iterator[Row]:
    """One customer inside a request."""
    side = runner.in_turn(["one_customer"])["one_customer"]
    data = "1 customer, 20 orders"
    score = side.number("score_one")
    yield Row("`score_one`, customer in memory", data, "µs", score, bar="≤ 10 µs", limit=10)
    yield Row("`Customer.from_rows`", data, "µs", side.number("from_rows"))
    yield Row("`from_rows`, then `score_one`", data, "µs", side.number("both"))


def imports(runner: Runner, _: Run) -> Iterator[Row]:
    """The time that the first import takes."""
    sides = runner.in_turn(["import_pandas", "import_userops"])
    ours, peer = sides["import_userops"], sides["import_pandas"]
    yield Row(
        job="`import userops`",
        data="",
        unit="wall s",
        ours=ours.wall_s,
        peer=peer.wall_s,
        peer_name="`import pandas`",
        peak_mb=ours.peak_mb,
        peer_peak_mb=peer.peak_mb,
    )


BENCHMARKS: dict[str, Callable[[Runner, Run], Iterator[Row]]] = {
    "rfm": rfm,
    "summary": summary,
    "one_customer": one_customer,
    "imports": imports,
}
