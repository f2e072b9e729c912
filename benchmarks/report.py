"""The table of results, and what it was measured on."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.data import Size

__all__ = ["Row", "report"]

_PACKAGES = (
    "userops", "narwhals", "pandas", "polars", "duckdb", "pyarrow", "numpy", "lifetimes",
    "pymc-marketing", "json-logic", "rule-engine",
)  # fmt: skip
_NOTE = """\
Each figure is the median of {repeats} runs, sides in turn, every run in a process of its own with
{threads} threads; the answers were compared first and are the same. CPU is user and system time of
all threads, without imports; "whole process" is the same ratio with imports and start-up. Peak MB
is the highest resident memory of the process. See README.md for what is compared and counted."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        job: What is computed, and how.
        data: On what.
        unit: `CPU s`, `wall s`, `µs` or `MB`: which figures the ratio is of.
        ours: The figure of userops.
        peer: The figure of what it is compared with, or None.
        peer_name: What it is compared with.
        bar: What must hold, as text; empty for what is only reported.
        limit: The largest figure that meets the bar: of the ratio, or of `ours` without a peer.
        process_ratio: The ratio of the whole processes' CPU, or None.
        peak_mb: Peak memory of userops, or None.
        peer_peak_mb: Peak memory of the peer, or None.
    """

    job: str
    data: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str = ""
    bar: str = ""
    limit: float | None = None
    process_ratio: float | None = None
    peak_mb: float | None = None
    peer_peak_mb: float | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over the peer's."""
        return None if self.peer is None else self.ours / self.peer

    @property
    def is_met(self) -> bool | None:
        """Whether the bar is met, or None where there is none."""
        if self.limit is None:
            return None
        return (self.ours if self.ratio is None else self.ratio) <= self.limit

    def cells(self, *, with_bar: bool) -> list[str]:
        """The cells of the line; the bar is for the full size."""
        met = {None: "", True: "met", False: "**not met**"}[self.is_met]
        return [
            self.job,
            self.data,
            f"{_figure(self.ours)} {self.unit}",
            f"{_figure(self.peer)} ({self.peer_name})" if self.peer is not None else "",
            _ratio(self.ratio),
            f"{self.bar} {met}".strip() if with_bar else "",
            _ratio(self.process_ratio),
            _megabytes(self.peak_mb, self.peer_peak_mb),
        ]


_HEAD = ("Job", "Data", "userops", "Peer", "Ratio", "Bar", "Whole process", "Peak MB, ours : peer")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if value >= 0.2 else f"1 / {1 / value:.0f}"


def _megabytes(ours: float | None, peer: float | None) -> str:
    return " : ".join(f"{mb:,.0f}" for mb in (ours, peer) if mb is not None)


def report(rows: Sequence[Row], size: Size, *, threads: int, date: dt.date) -> str:
    """Return the table and its heading as Markdown."""
    lines = [_HEAD, ("---",) * len(_HEAD), *(row.cells(with_bar=size.has_bars) for row in rows)]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    note = _NOTE.format(repeats=size.repeats, threads=threads)
    return f"# Results, {size.name} size, {date}\n\n{_machine()}\n\n{note}\n\n{table}\n"


def _machine() -> str:
    packages = ", ".join(filter(None, map(_named, _PACKAGES)))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}; {packages}."
    )


def _processor() -> str:
    """Return the model of the processor where the system says it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())


def _named(package: str) -> str | None:
    """Return a package with its version; None where it is not installed, as some peers are not."""
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return None
