"""Runs jobs in processes of their own, sides in turn, and keeps what each of them used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.data import CACHE, Size

__all__ = ["DifferentAnswersError", "JobError", "Run", "Runner", "Side"]

_ROOT = Path(__file__).parent.parent
# Every library that starts threads of its own reads one of these; DuckDB is told in the job.
_THREADS = (
    "POLARS_MAX_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
)


class JobError(Exception):
    """A child failed."""


class DifferentAnswersError(Exception):
    """Two sides of a benchmark came to different answers, so there is nothing to compare."""


@dataclass(frozen=True)
class Run:
    """What one child used.

    Attributes:
        cpu_s: User and system seconds of the job, all threads, imports and loading left out.
        wall_s: Seconds that the job took.
        process_cpu_s: User and system seconds of the whole process.
        peak_mb: Highest resident memory of the process until the job was done.
        numbers: Figures that the job itself measured.
    """

    cpu_s: float
    wall_s: float
    process_cpu_s: float
    peak_mb: float
    numbers: Mapping[str, Any]


@dataclass(frozen=True)
class Side:
    """The repeated runs of one side; each figure is the median."""

    runs: Sequence[Run]

    @property
    def cpu_s(self) -> float:
        """CPU seconds of the job."""
        return median(run.cpu_s for run in self.runs)

    @property
    def wall_s(self) -> float:
        """Seconds that the job took."""
        return median(run.wall_s for run in self.runs)

    @property
    def process_cpu_s(self) -> float:
        """CPU seconds of the whole process."""
        return median(run.process_cpu_s for run in self.runs)

    @property
    def peak_mb(self) -> float:
        """Highest resident memory."""
        return median(run.peak_mb for run in self.runs)

    def number(self, name: str) -> float:
        """A figure that the job itself measured."""
        return median(float(run.numbers[name]) for run in self.runs)


@dataclass(frozen=True)
class Runner:
    """Starts the children.

    Attributes:
        size: Which data.
        threads: Threads that every engine may use.
    """

    size: Size
    threads: int

    def once(self, job: str, **options: Any) -> Run:
        """Run one child.

        Raises:
            JobError: If it fails; carries what it said.
        """
        given = {"size": self.size.name, "threads": self.threads} | options
        command = [sys.executable, "-m", "benchmarks.child", job, json.dumps(given, default=str)]
        environment = os.environ | dict.fromkeys(_THREADS, str(self.threads))
        with subprocess.Popen(
            command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout is not None
            said = child.stdout.read()
            # wait4 says what this child used, where RUSAGE_CHILDREN adds up all of them.
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise JobError(f"{job} ended with {child.returncode}")
        measured = json.loads(said.splitlines()[-1])
        return Run(process_cpu_s=used.ru_utime + used.ru_stime, **measured)

    def in_turn(self, jobs: Sequence[str], **options: Any) -> dict[str, Side]:
        """Repeat A B … A B …, so that what else the machine does falls on all sides alike."""
        runs: dict[str, list[Run]] = {job: [] for job in jobs}
        for _ in range(self.size.repeats):
            for job in jobs:
                runs[job].append(self.once(job, **options))
        return {job: Side(found) for job, found in runs.items()}

    def check(self, jobs: Sequence[str], peer: str, **options: Any) -> None:
        """Run each side once, not measured, and compare its answer with the peer's.

        Raises:
            DifferentAnswersError: If one differs; says where first.
        """
        folder = CACHE / "answers"
        for job in (peer, *jobs):
            self.once(job, out=folder / job, **options)
        for job in jobs:
            found = self.once("compare", out=folder / job, against=folder / peer).numbers
            if found["difference"] is not None:
                raise DifferentAnswersError(f"{job} and {peer}: {found['difference']}")
