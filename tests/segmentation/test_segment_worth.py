"""What the customers of a segment are worth."""

from __future__ import annotations

import pyarrow as pa
import pytest

from userops.core import frames
from userops.errors import ColumnNotFoundError
from userops.segmentation import worth_by_segment
from userops.testing import Engines, to_engine

SCORES = pa.table({"customer_id": ["a", "b", "c", "d"], "segment": ["x", "y", "x", "y"]})
WORTH = pa.table({
    "customer_id": ["a", "b", "c"], "p_alive": [0.5, 1.0, 0.7],
    "expected_purchases": [1.0, 2.0, 4.0], "expected_spend": [2.0, 2.0, 2.0],
    "clv": [10.0, 60.0, 30.0],
})  # fmt: skip


def test_segments_are_summed_on_every_engine(engines: Engines) -> None:
    """The highest value first; who is not valued is in no sum."""
    for engine in engines.names:
        found = worth_by_segment(to_engine(SCORES, engine), to_engine(WORTH, engine))
        rows = frames.to_rows(frames.read(found).frame)
        first, second = sorted(rows, key=lambda row: -row["clv"])
        assert first == {
            "segment": "y", "customers": 1, "p_alive": 1.0, "expected_purchases": 2.0, "clv": 60.0,
            "mean_clv": 60.0, "clv_share": 0.6,
        }, engine  # fmt: skip
        assert second["p_alive"] == pytest.approx(0.6), engine
        assert (second["customers"], second["clv"], second["mean_clv"]) == (2, 40.0, 20.0), engine


def test_columns_that_are_not_there_are_named() -> None:
    """In either table."""
    with pytest.raises(ColumnNotFoundError, match="segment"):
        worth_by_segment(SCORES, WORTH, by="segmnt")
    with pytest.raises(ColumnNotFoundError, match="clv"):
        worth_by_segment(SCORES, WORTH.drop_columns(["clv"]))


def test_nobody_is_worth_nothing() -> None:
    """Without customers there are no rows; without value no shares."""
    assert worth_by_segment(SCORES.slice(0, 0), WORTH).num_rows == 0
    free = WORTH.set_column(4, "clv", pa.array([0.0, 0.0, 0.0]))
    assert set(worth_by_segment(SCORES, free)["clv_share"].to_pylist()) == {None}
