"""The benchmarks: which jobs stand side by side, and which bar each has to meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from benchmarks.measuring import Run, Runner
from benchmarks.report import Row
from benchmarks.value_comparisons import value, value_pymc, value_summary

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


def reference(runner: Runner, built: Run) -> Iterator[Row]:
    """RFM, a lapsed-buyer rule, top category, a sequence and attributes, against SQL by hand."""
    yield from _by_engine(
        runner,
        {"reference_polars": 1.1, "reference_duckdb": 1.1, "reference_pandas": 2.0},
        peer="reference_sql",
        job="RFM, lapsed, top category, cart → order, attributes",
        data=f"{built.numbers['events']:,} events, {runner.size.customers:,} customers",
        peer_name="DuckDB SQL",
    )


def many_rules(runner: Runner, built: Run) -> Iterator[Row]:
    """Two hundred rules in one go, against one query a rule."""
    yield from _by_engine(
        runner,
        {"many_rules_polars": 0.25, "many_rules_duckdb": 0.25, "many_rules_pandas": None},
        peer="many_rules_sql",
        job="200 rules of behaviour",
        data=f"{built.numbers['events']:,} events, {runner.size.customers:,} customers",
        peer_name="200 DuckDB queries",
    )


def _by_engine(
    runner: Runner,
    limits: Mapping[str, float | None],
    *,
    peer: str,
    job: str,
    data: str,
    peer_name: str,
) -> Iterator[Row]:
    runner.check(list(limits), peer)
    sides = runner.in_turn([peer, *limits])
    for name, limit in limits.items():
        ours, other = sides[name], sides[peer]
        yield Row(
            job=f"{job}, {_ENGINES['rfm_' + name.rpartition('_')[2]][0]}",
            data=data,
            unit="CPU s",
            ours=ours.cpu_s,
            peer=other.cpu_s,
            peer_name=peer_name,
            bar="" if limit is None else f"≤ {limit}",
            limit=limit,
            process_ratio=ours.process_cpu_s / other.process_cpu_s,
            peak_mb=ours.peak_mb,
            peer_peak_mb=other.peak_mb,
        )


def one_rule(runner: Runner, _: Run) -> Iterator[Row]:
    """A rule on one customer, against json-logic and rule-engine; and two hundred."""
    side = runner.in_turn(["one_rule"])["one_rule"]
    number, rows = side.number, "1 customer, 200 events"
    facts = "1 customer, 10 attributes"
    for peer, limit in (("json-logic", 1 / 30), ("rule-engine", None)):
        yield Row(
            job="A rule of ten conditions", data=facts, unit="µs", ours=number("rule"),
            peer=number(peer.replace("-", "_")), peer_name=peer,
            bar="" if limit is None else "≤ 1 / 30", limit=limit,
        )  # fmt: skip
    yield Row("One condition more", facts, "µs", number("leaf"), bar="≤ 0.3 µs", limit=0.3)
    yield Row(
        job="A rule over events, looked at for the first time", data=rows, unit="µs",
        ours=number("events"), peer=number("rule_engine_events"), peer_name="rule-engine",
        bar="≤ 1 / 90", limit=1 / 90,
    )  # fmt: skip
    yield Row("200 rules, first time", rows, "µs", number("many_first"), bar="≤ 1 ms", limit=1_000)
    yield Row("200 rules again", rows, "µs", number("many_again"))
    yield Row("`Customer.from_rows`", rows, "µs", number("read"))


def overlap(runner: Runner, _: Run) -> Iterator[Row]:
    """How far a hundred tags overlap."""
    side = runner.in_turn(["overlap"])["overlap"]
    data = f"{runner.size.customers:,} customers in memory"
    yield Row("`overlap` of 100 tags", data, "wall s", side.wall_s, bar="≤ 0.1 s", limit=0.1)


def identity(runner: Runner, _: Run) -> Iterator[Row]:
    """Persons of ids and links, with households and the numbers of shops."""
    side = runner.in_turn(["identity"])["identity"]
    number = side.number
    data = f"{number('ids'):,.0f} ids, {number('links'):,.0f} links"
    yield Row(
        "Identities, ids read already", data, "wall s", number("kernel"), bar="≤ 1 s", limit=1
    )
    yield Row("Identities, from a table of links", data, "wall s", number("resolve"))
    yield Row("One link taken away", data, "wall s", number("without"), bar="≤ 0.05 s", limit=0.05)
    yield Row("Pairs missed, of all (1 - recall)", data, "", 1 - number("recall"), bar="≤ 0.13",
              limit=0.13)  # fmt: skip
    yield Row("Wrong pairs, of all found (1 - precision)", data, "", 1 - number("precision"),
              peer=1 - number("naive"), peer_name="components alone", bar="≤ 0.01")  # fmt: skip


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
    "value": value,
    "value_pymc": value_pymc,
    "value_summary": value_summary,
    "one_customer": one_customer,
    "reference": reference,
    "many_rules": many_rules,
    "one_rule": one_rule,
    "overlap": overlap,
    "identity": identity,
    "imports": imports,
}
