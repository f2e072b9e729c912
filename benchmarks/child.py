"""One measured job in a process of its own: `python -m benchmarks.child JOB OPTIONS`.

The job loads its libraries and whatever else is not to be counted in `prepare`, then runs once
between two readings of the clocks. The process prints what it measured as one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data import SIZES, Size

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Answer", "Options", "Prepared"]

# The modules are loaded by the child that needs them.
_JOBS = {
    "build": "benchmarks.data_job:prepare",
    "rfm_polars": "benchmarks.rfm:prepare_polars",
    "rfm_duckdb": "benchmarks.rfm:prepare_duckdb",
    "rfm_pandas": "benchmarks.rfm:prepare_pandas",
    "rfm_sql": "benchmarks.rfm_sql:prepare",
    "reference_polars": "benchmarks.reference:prepare_polars",
    "reference_duckdb": "benchmarks.reference:prepare_duckdb",
    "reference_pandas": "benchmarks.reference:prepare_pandas",
    "reference_sql": "benchmarks.reference_sql:prepare",
    "many_rules_polars": "benchmarks.many_rules:prepare_polars",
    "many_rules_duckdb": "benchmarks.many_rules:prepare_duckdb",
    "many_rules_pandas": "benchmarks.many_rules:prepare_pandas",
    "many_rules_sql": "benchmarks.many_rules_sql:prepare",
    "summary": "benchmarks.summary:prepare_userops",
    "summary_lifetimes": "benchmarks.summary:prepare_lifetimes",
    "one_rule": "benchmarks.one_rule:prepare",
    "overlap": "benchmarks.overlaps:prepare",
    "identity": "benchmarks.identity:prepare",
    "value_bootstrap": "benchmarks.value:prepare_bootstrap",
    "value_fits": "benchmarks.value:prepare_fits",
    "value_many": "benchmarks.value:prepare_many",
    "value_pareto": "benchmarks.value:prepare_pareto",
    "value_pareto_slow": "benchmarks.value:prepare_pareto_slow",
    "value_predictions": "benchmarks.value:prepare_predictions",
    "value_pymc": "benchmarks.value_pymc:prepare",
    "value_summary": "benchmarks.value_summary:prepare_userops",
    "value_summary_lifetimes": "benchmarks.value_summary:prepare_lifetimes",
    "one_customer": "benchmarks.one_customer:prepare",
    "compare": "benchmarks.answers:prepare",
    "import_userops": "benchmarks.imports:prepare_userops",
    "import_pandas": "benchmarks.imports:prepare_pandas",
}


@dataclass(frozen=True)
class Options:
    """What a job is told.

    Attributes:
        size: Which data.
        ids: Type of the ids, `int` or `text`.
        threads: Threads that every engine may use.
        out: Folder for the answer, or None where it is not wanted.
        against: For a comparison, the folder of the other answer.
    """

    size: Size
    ids: str = "int"
    threads: int = 2
    out: Path | None = None
    against: Path | None = None

    @classmethod
    def read(cls, text: str) -> Options:
        """Read the options from JSON."""
        given: dict[str, Any] = json.loads(text)
        given["size"] = SIZES[given["size"]]
        given |= {name: Path(given[name]) for name in ("out", "against") if name in given}
        return cls(**given)


@dataclass(frozen=True)
class Answer:
    """What a job came to, in a form that two implementations can be compared in.

    Attributes:
        table: One row a customer.
        facts: Totals, such as quarantined rows by reason.
    """

    table: pa.Table
    facts: dict[str, int] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Keep the answer for the comparison."""
        import pyarrow.feather

        folder.mkdir(parents=True, exist_ok=True)
        pyarrow.feather.write_feather(self.table, folder / "table.arrow", "uncompressed")
        (folder / "facts.json").write_text(json.dumps(self.facts))


@dataclass(frozen=True)
class Prepared:
    """A job that is ready to be measured.

    Attributes:
        run: What is measured.
        answer: Makes the comparable answer of what `run` returned; not measured.
        numbers: Makes figures for the report of what `run` returned.
    """

    run: Callable[[], Any]
    answer: Callable[[Any], Answer] | None = None
    numbers: Callable[[Any], dict[str, Any]] | None = None


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Prepare, run and measure the job that the command line names."""
    module, _, name = _JOBS[sys.argv[1]].partition(":")
    options = Options.read(sys.argv[2])
    prepared: Prepared = getattr(import_module(module), name)(options)
    cpu, wall = _cpu_s(), time.perf_counter()
    result = prepared.run()
    cpu, wall = _cpu_s() - cpu, time.perf_counter() - wall
    measured = {"cpu_s": cpu, "wall_s": wall, "peak_mb": _peak_mb(), "numbers": {}}
    if prepared.numbers is not None:
        measured["numbers"] = prepared.numbers(result)
    if options.out is not None and prepared.answer is not None:
        prepared.answer(result).write(options.out)
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
