"""Plans that look at one row at a time, run piece by piece where Arrow holds the rows.

Arrow's kernels use one core each and let go of Python's lock, so the pieces run on all cores; and
the memory of one piece's intermediate columns serves the next one. Engines that plan for
themselves get the plan as it is.

Source of the idea: V. Leis et al. (2014), Morsel-Driven Parallelism, SIGMOD.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import narwhals.stable.v2 as nw
import pyarrow as pa

from userops.core import cores
from userops.core.cores import on_all_cores
from userops.core.frames.first_rows import begins_visibly
from userops.core.frames.sources import as_frame, to_arrow

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = ["by_morsel", "is_never_blank", "may_hold"]

# A plan of a hundred kernels costs Python ten milliseconds, as much as its kernels do over 100,000
# rows; pieces of two million leave that a twentieth.
_ROWS = 1 << 21
_FEWEST_ROWS = 1 << 18


def by_morsel(
    source: Source, frame: Frame, plan: Callable[[Frame], Frame], *, most_rows: int | None = None
) -> Frame:
    """Apply a plan to the rows of a frame, or to pieces of them that are stacked again.

    Args:
        source: Where the frame comes from.
        frame: The rows.
        plan: Must give the same rows for all of them as for pieces one by one; or a row of
            aggregates for each piece, which the caller then merges.
        most_rows: Of a piece; fewer than by default where a plan has few kernels.
    """
    if not source.is_arrow:
        return plan(frame)
    table = to_arrow(frame)
    most = _ROWS if most_rows is None else most_rows
    if len(table) <= most:
        return plan(frame)
    threads = cores.core_count()
    # As many pieces for each core, so that none waits for the last one.
    rows = -(-len(table) // (threads * -(-len(table) // (threads * most))))
    rows = max(rows, min(_FEWEST_ROWS, most))
    pieces = [table.slice(start, rows) for start in range(0, len(table), rows)]
    done = on_all_cores(lambda piece: to_arrow(plan(as_frame(piece))), pieces)
    return as_frame(pa.concat_tables(done))


def may_hold(frame: Frame, condition: nw.Expr) -> bool:
    """Whether a condition may hold in some row: looked up in rows at hand, else taken to be so.

    With it, a step that is hardly ever needed can be left out where a look costs next to nothing.
    """
    if not frame.implementation.is_pyarrow():
        return True
    return bool(to_arrow(frame.select(holds=condition.any()))["holds"][0].as_py())


def is_never_blank(frame: Frame, column: str) -> bool:
    """Whether a look at rows at hand shows a column of text in which none is missing or blank."""
    if not frame.implementation.is_pyarrow():
        return False
    return begins_visibly(to_arrow(frame.select(column))[column])
