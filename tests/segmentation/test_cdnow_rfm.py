"""RFM of CDNOW's master file against SQL that reads the file by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pytest
from tests.segmentation.data import METHODS, POLICIES, model
from tests.segmentation.independent_sql import Answers, cdnow_answers

from userops import History, Orders

AS_OF = "1998-07-01"


@pytest.fixture(scope="module")
def cdnow_orders(cdnow_master: Path) -> Orders:
    """Each row an order: id as text, day as a number such as 19970101, money as text."""
    rows = [line.split() for line in cdnow_master.read_text(encoding="ascii").splitlines()[1:]]
    table = pa.table({
        "id": [row[0] for row in rows],
        "day": pa.array([int(row[1]) for row in rows]),
        "dollars": [row[3] for row in rows],
    })  # fmt: skip
    return Orders(table, customer_id="id", ordered_at="day", amount="dollars", time_format="%Y%m%d")


@pytest.fixture(scope="module")
def answers(cdnow_master: Path) -> Callable[[str], Answers]:
    """What the tests' own SQL finds, by policy."""
    return cache(lambda policy: cdnow_answers(str(cdnow_master), policy, AS_OF))


def test_published_counts_are_met(cdnow_orders: Orders) -> None:
    """All 69,659 purchases of 23,570 customers count, 80 of them of zero dollars."""
    quality = cdnow_orders.quality
    assert (quality.rows, quality.counted, quality.returns) == (69_659, 69_659, 0)
    assert quality.zero_amounts == 80

    scored = model("linear").fit(cdnow_orders, as_of=AS_OF).score()
    assert scored.num_rows == 23_570
    assert sum(scored["frequency"].to_pylist()) == 69_659


@pytest.mark.parametrize("policy", POLICIES)
def test_values_and_scores_agree_with_sql(
    policy: str, cdnow_orders: Orders, answers: Callable[[str], Answers]
) -> None:
    """Values, scores by both methods, and segment totals equal independent SQL."""
    expected = answers(policy)
    assert len(expected.customers) == 23_570

    for method in METHODS:
        history = History(cdnow_orders, returns=policy)  # type: ignore[arg-type]
        fitted = model(method).fit(history, as_of=AS_OF)
        rows = fitted.score().to_pylist()
        assert {
            r["customer_id"]: (r["recency_days"], r["frequency"], r["monetary"]) for r in rows
        } == {who: (row[0], row[1], float(row[2])) for who, row in expected.customers.items()}
        assert {r["customer_id"]: (r["r"], r["f"], r["m"]) for r in rows} == dict(
            getattr(expected, method)
        )
        segments = fitted.segments().to_pylist()
        assert {
            r["segment"]: (r["customers"], r["monetary"]) for r in segments if r["customers"]
        } == {name: (n, float(spent)) for name, (n, spent) in expected.classic[method].items()}
