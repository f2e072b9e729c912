"""Folds by customer: the same rows on every engine, and lazy where the engine is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa
import pytest

from userops.core import frames
from userops.core.log import CustomerLog
from userops.core.sequences import Steps, completes, completion_instants
from userops.core.shards import Fold, fold_by_customer
from userops.errors import InvalidArgumentError, UnsupportedFrameError
from userops.testing import Engines, rows_of, to_engine

KINDS: Mapping[str, frames.Kind] = {
    "holds": "flag", "started us": "int", "rows": "int", "mean": "float", "last paid": "float",
}  # fmt: skip


@attrs.frozen
class Summary:
    """A fold as a frozen object: a sequence, a count, a mean, and the last value."""

    steps: Steps
    marker: str | None = None

    def __call__(self, log: CustomerLog) -> dict[str, Any]:
        if self.marker is not None:
            Path(self.marker).write_text("ran", encoding="utf-8")
        mask, paid = log.columns["mask"], log.columns["paid"]
        counts = np.diff(log.offsets)
        totals = np.diff(np.append(0, np.cumsum(mask))[log.offsets])
        return {
            "holds": completes(log, mask, self.steps),
            "started us": completion_instants(log, mask, self.steps)[0],
            "rows": counts,
            "mean": totals / counts,
            "last paid": paid[log.offsets[1:] - 1],
        }


def count_rows(log: CustomerLog) -> dict[str, Any]:
    """Count the rows of each customer: a fold as a plain function."""
    return {"rows": np.diff(log.offsets)}


SUMMARY = Summary(Steps(bits=(0, 1), without_bits=(2,), within_us=40))


@attrs.frozen
class Case:
    """A fold of a native frame."""

    fold: Fold
    kinds: Mapping[str, frames.Kind]
    key: str = "customer id"
    tie_break: str | None = "row"
    shards: int = 1

    def __call__(self, native: Any) -> Any:
        source = frames.read(native)
        columns = ["mask", "paid"] if "mean" in self.kinds else []
        return source.give_back(
            fold_by_customer(
                source, source.frame, key=self.key, instant="at_us", columns=columns,
                fold=self.fold, kinds=self.kinds, tie_break=self.tie_break, shards=self.shards,
            )
        )  # fmt: skip


def events(ids: pa.DataType, rows: int = 400) -> pa.Table:
    """Return random rows of forty customers, with ties, missing payments and a key of ids."""
    rng = np.random.default_rng(11)
    who = rng.integers(0, 40, rows)
    names = [f"顾客 {w}" for w in who] if ids == pa.string() else (who * 10**9).tolist()
    return pa.table(
        {
            "row": rng.permutation(rows),
            "customer id": pa.array(names, ids),
            "other": pa.array(["x"] * rows),
            "at_us": rng.integers(-200, 200, rows),
            "mask": 1 << rng.integers(0, 4, rows),
            "paid": pa.array([None if x < 0.2 else x for x in rng.random(rows)], pa.float64()),
        }
    )


CASES = {"summary": Case(SUMMARY, KINDS), "rows": Case(count_rows, {"rows": "int"})}


@pytest.mark.parametrize("ids", [pa.string(), pa.int64()])
def test_folds_are_the_same_on_every_engine_in_process(
    fast_engines: Engines, ids: pa.DataType
) -> None:
    """Text and integer ids; flags, integers with missing ones, and floats with missing ones."""
    rows = fast_engines.check_all(CASES, events(ids))

    assert len(rows["summary"]) == len(rows["rows"]) == 40
    assert {row[1] for row in rows["summary"]} == {True, False}
    assert {row[2] is None for row in rows["summary"]} == {True, False}
    assert all((row[2] is None) is (not row[1]) for row in rows["summary"])
    assert {row[5] is None for row in rows["summary"]} == {True, False}


@pytest.mark.parametrize("ids", [pa.string(), pa.int64()])
def test_folds_are_the_same_on_spark(engines: Engines, ids: pa.DataType) -> None:
    """A cluster that holds the rows of a customer in any order gives the same rows."""
    names = tuple(name for name in engines.names if name in ("pyarrow", "pyspark"))
    assert len(names) == 2
    rows = Engines(names).check_all(CASES, events(ids))

    assert len(rows["summary"]) == 40


def test_an_empty_frame_folds_to_no_rows(engine: str) -> None:
    """No rows: the same columns, typed, and no customer."""
    empty = events(pa.int64()).slice(0, 0)
    native = to_engine(empty, engine)
    answer = frames.read(CASES["summary"](native)).frame
    assert frames.to_rows(answer) == []
    assert answer.collect_schema().names() == ["customer id", *KINDS]


def test_the_frame_that_comes_in_goes_out(engine: str) -> None:
    """The result is a frame of the same engine, eager or lazy as the one that came."""
    native = to_engine(events(pa.int64()), engine)
    answer = CASES["rows"](native)
    assert frames.backend_of(answer) == frames.backend_of(native)


def test_the_result_meets_other_frames(kernel: str) -> None:
    """The result joins the rows it comes from, and can be filtered and cut."""
    source = frames.read(to_engine(events(pa.string()), kernel))
    folded = fold_by_customer(
        source, source.frame, key="customer id", instant="at_us", columns=[],
        fold=count_rows, kinds={"rows": "int"},
    )  # fmt: skip
    joined = source.frame.join(folded, on="customer id", how="left")
    total = frames.to_rows(joined.select(n=nw.len(), squares=nw.col("rows").sum()))[0]
    counts = [row["rows"] for row in frames.to_rows(folded)]

    assert total["n"] == sum(counts) == 400
    assert total["squares"] == sum(n * n for n in counts)
    many = frames.to_rows(folded.filter(nw.col("rows") > 10))
    assert sorted(row["rows"] for row in many) == sorted(n for n in counts if n > 10)
    assert len(frames.to_rows(folded.sort("customer id").head(3))) == 3


def test_a_lazy_frame_of_polars_stays_lazy(tmp_path: Path) -> None:
    """The fold runs when the result is collected, not before."""
    marker = tmp_path / "marker"
    native = to_engine(events(pa.int64()), "polars-lazy")
    answer = Case(attrs.evolve(SUMMARY, marker=str(marker)), KINDS)(native)

    assert answer.collect_schema().names() == ["customer id", *KINDS]
    assert not marker.exists()
    assert len(answer.collect()) == 40
    assert marker.exists()


def test_spark_stays_lazy(engines: Engines, tmp_path: Path) -> None:
    """On Spark nothing runs, and nothing is collected, before the result is asked for."""
    assert "pyspark" in engines.names
    from pyspark.sql import DataFrame

    marker = tmp_path / "marker"
    native = to_engine(events(pa.int64()), "pyspark")
    answer = Case(attrs.evolve(SUMMARY, marker=str(marker)), KINDS)(native)

    assert isinstance(answer, DataFrame)
    assert answer.columns == ["customer id", *KINDS]
    assert not marker.exists()
    assert len(rows_of(answer)) == 40
    assert marker.exists()


@attrs.frozen
class Counting:
    """A fold that writes down how many customers each call sees."""

    calls: list[int]

    def __call__(self, log: CustomerLog) -> dict[str, Any]:
        self.calls.append(log.customers)
        return count_rows(log)


@pytest.mark.parametrize("ids", [pa.string(), pa.int64()])
def test_shards_fold_to_the_same_rows(ids: pa.DataType) -> None:
    """DuckDB hands the customers over shard by shard; the rows are those of one go."""
    counting = Counting([])
    case = Case(counting, {"rows": "int"}, shards=4)
    whole = rows_of(CASES["rows"](events(ids)))
    native = to_engine(events(ids), "duckdb")

    assert rows_of(case(native)) == whole
    assert sum(counting.calls) == 40
    assert len(counting.calls) == 4
    summary = attrs.evolve(CASES["summary"], shards=3)
    assert rows_of(summary(native)) == rows_of(CASES["summary"](events(ids)))
    assert rows_of(summary(to_engine(events(ids).slice(0, 0), "duckdb"))) == []


def test_no_shards_are_refused() -> None:
    """Fewer shards than one are refused."""
    with pytest.raises(InvalidArgumentError, match="at least 1"):
        attrs.evolve(CASES["rows"], shards=0)(events(pa.int64()))


def test_other_back_ends_of_ibis_are_refused() -> None:
    """A database behind Ibis is named, with what to do."""
    ibis = pytest.importorskip("ibis")
    pytest.importorskip("polars")
    remote = ibis.polars.connect()
    native = remote.create_table("events", events(pa.int64()).select(["customer id", "at_us"]))
    case = Case(count_rows, {"rows": "int"}, tie_break=None)
    with pytest.raises(UnsupportedFrameError, match=r"polars.*duckdb.*move the rows") as caught:
        case(native)
    assert caught.value.got == "polars"


@pytest.mark.parametrize(
    ("fold", "kinds", "said"),
    [
        (lambda log: {"rows": log.instants_us}, {"rows": "int"}, "one value of 'rows' a customer"),
        (count_rows, {"n": "int"}, "other columns"),
        (count_rows, {"customer id": "int"}, "column of customer ids"),
    ],
)
def test_wrong_folds_are_refused(fold: Fold, kinds: dict[str, frames.Kind], said: str) -> None:
    """Columns of other names or sizes than the fold says, or that of the key, are refused."""
    with pytest.raises(InvalidArgumentError, match=said):
        Case(fold, kinds)(events(pa.int64()))
