"""`python -m benchmarks`: measure, print the table, and keep it."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path

from benchmarks.comparisons import BENCHMARKS
from benchmarks.data import CACHE, SIZES
from benchmarks.measuring import DifferentAnswersError, JobError, Runner
from benchmarks.report import report

__all__ = ["main"]

_RESULTS = Path(__file__).parent / "results.md"


def main() -> int:
    """Run what was asked for; 1 where a job fails or two answers differ."""
    asked = _arguments()
    runner = Runner(SIZES["full" if asked.full else "small"], asked.threads)
    rows = []
    try:
        built = runner.once("build")
        for name in asked.only or BENCHMARKS:
            print(f"{name} …", file=sys.stderr, flush=True)
            for row in BENCHMARKS[name](runner, built):
                cells = row.cells(with_bar=runner.size.has_bars)
                print("  " + " | ".join(cells), file=sys.stderr, flush=True)
                rows.append(row)
    except (JobError, DifferentAnswersError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    text = report(rows, runner.size, threads=runner.threads, date=asked.date)
    print(text)
    # Only a whole full run is what the project quotes.
    kept = _RESULTS if asked.full and not asked.only else CACHE / f"{runner.size.name}.md"
    (asked.out or kept).write_text(text, encoding="utf-8")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="full size: about ten minutes")
    parser.add_argument(
        "--only", action="append", choices=sorted(BENCHMARKS), help="one benchmark; may be repeated"
    )
    parser.add_argument("--threads", type=int, default=2, help="threads of every engine")
    parser.add_argument("--out", type=Path, help="where to write the table")
    parser.add_argument(
        "--date",
        type=dt.date.fromisoformat,
        default=dt.datetime.now(dt.UTC).date(),
        help="the date to write, today unless told otherwise",
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
