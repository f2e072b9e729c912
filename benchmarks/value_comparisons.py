"""The benchmarks of models of value: which jobs stand side by side, and their bars."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from benchmarks.measuring import Run, Runner, Side
from benchmarks.report import Row

__all__ = ["value", "value_pymc", "value_summary"]

_PYMC = "PyMC-Marketing, MAP"


def value(runner: Runner, _: Run) -> Iterator[Row]:
    """Models of value, against lifetimes."""
    all_of_them = runner.size.customers
    data, tenth = f"{all_of_them:,} customers", f"{all_of_them // 10:,} customers"
    fits = _turns(runner, "value_fits")
    yield _fitted("BG/NBD", tenth, fits, "bg_nbd_tenth", 1 / 50)
    yield _fitted("BG/NBD", data, fits, "bg_nbd", 1 / 60)
    yield _fitted("Gamma-Gamma", data, fits, "gamma_gamma", 1 / 20)
    yield from _pareto(runner, data, tenth)
    many = _turns(runner, "value_many")
    more = f"{10 * all_of_them:,} customers"
    yield Row("BG/NBD fitted", more, "CPU s", many.number("bg_nbd"), bar="≤ 2.5 s", limit=2.5)
    if many.runs[0].numbers["above_mb"] is not None:
        above = many.number("above_mb")
        yield Row("BG/NBD fitted, memory above the data", more, "MB", above, bar="< 1 GB",
                  limit=1_000)  # fmt: skip
    guesses = _turns(runner, "value_predictions")
    yield Row(
        job="P(alive) and expected purchases of BG/NBD", data=data, unit="CPU s",
        ours=guesses.number("predictions"), peer=guesses.number("lifetimes_predictions"),
        peer_name="lifetimes", bar="≤ 1", limit=1.0,
    )  # fmt: skip
    drawn = _turns(runner, "value_bootstrap")
    yield Row("1,000 bootstrap refits of BG/NBD", "CDNOW", "CPU s", drawn.number("bootstrap"),
              bar="≤ 1.5 s", limit=1.5)  # fmt: skip
    yield Row("`score_one` of `CustomerValue`", "1 customer", "µs", drawn.number("score_one"),
              bar="≤ 50 µs", limit=50)  # fmt: skip


def value_pymc(runner: Runner, _: Run) -> Iterator[Row]:
    """BG/NBD against PyMC-Marketing, where that is installed."""
    if find_spec("pymc_marketing") is None:
        return
    fits = _turns(runner, "value_pymc")
    for name, customers in (("bg_nbd_tenth", runner.size.customers // 10),
                            ("bg_nbd", runner.size.customers)):  # fmt: skip
        yield Row(
            job="BG/NBD fitted", data=f"{customers:,} customers", unit="CPU s",
            ours=fits.number(name), peer=fits.number(f"pymc_{name}"), peer_name=_PYMC,
        )  # fmt: skip


def value_summary(runner: Runner, built: Run) -> Iterator[Row]:
    """Transaction summaries from a pandas frame, against lifetimes."""
    for ids, limit in (("int", 1 / 25), ("text", 1 / 15)):
        runner.check(["value_summary"], "value_summary_lifetimes", ids=ids)
        sides = runner.in_turn(["value_summary_lifetimes", "value_summary"], ids=ids)
        ours, peer = sides["value_summary"], sides["value_summary_lifetimes"]
        yield Row(
            job="Transaction summary from a pandas frame",
            data=f"{built.numbers['daily']:,} orders, {ids} ids, at most one a day",
            unit="wall s",
            ours=ours.wall_s,
            peer=peer.wall_s,
            peer_name="lifetimes",
            bar=f"≤ 1 / {1 / limit:.0f}",
            limit=limit,
            process_ratio=ours.process_cpu_s / peer.process_cpu_s,
            peak_mb=ours.peak_mb,
            peer_peak_mb=peer.peak_mb,
        )


def _turns(runner: Runner, job: str) -> Side:
    return runner.in_turn([job])[job]


def _fitted(model: str, data: str, side: Side, name: str, limit: float | None = None) -> Row:
    return Row(
        job=f"{model} fitted", data=data, unit="CPU s", ours=side.number(name),
        peer=side.number(f"lifetimes_{name}"), peer_name="lifetimes",
        bar="" if limit is None else f"≤ 1 / {1 / limit:.0f}", limit=limit,
    )  # fmt: skip


def _pareto(runner: Runner, data: str, tenth: str) -> Iterator[Row]:
    """Once each, because lifetimes takes minutes; of all customers at full size alone."""
    side = Side([runner.once("value_pareto")])
    yield _fitted("Pareto/NBD", tenth, side, "pareto_nbd_tenth", 1 / 50)
    peer = None
    if runner.size.has_bars:
        slow = Side([runner.once("value_pareto_slow")])
        peer = slow.number("lifetimes_pareto_nbd")
    yield Row(
        job="Pareto/NBD fitted", data=data, unit="CPU s", ours=side.number("pareto_nbd"), peer=peer,
        peer_name="lifetimes, its first start, measured once", bar="≤ 1 / 250", limit=1 / 250,
    )  # fmt: skip
