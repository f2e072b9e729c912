"""Rows that are computed once and kept, without the plan that they came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.frames.sources import as_frame

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = ["settled"]


def settled(source: Source, frame: Frame) -> Frame:
    """Compute a frame now and return its rows, held by the engine; nothing is collected here.

    Spark keeps the whole plan of what it persists, and works on all of it again wherever the rows
    are used: the plan of a refresh that is used three times, day after day, takes minutes to look
    through. A checkpoint leaves the rows alone. It is written to the checkpoint directory of the
    session where there is one (`SparkContext.setCheckpointDir`), which survives the loss of a
    machine, else to the local disks of the cluster.

    Args:
        source: Where the frame comes from.
        frame: The rows.
    """
    if source.engine != "pyspark":
        return source.materialise(frame)
    from pyspark.errors import PySparkException

    native = frame.to_native()
    try:
        is_reliable = native.sparkSession.sparkContext.getCheckpointDir() is not None
    except (AttributeError, PySparkException):  # Spark Connect has no context
        is_reliable = False
    return as_frame(native.checkpoint() if is_reliable else native.localCheckpoint())
