"""The contracts of one's own cut-points and segment maps, checked on every installed engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

import pyarrow as pa

from userops.customers.history import History
from userops.events.table import Orders
from userops.segmentation.cut_points import CutPoints
from userops.segmentation.rfm import RFM
from userops.segmentation.segment_maps import SegmentMap
from userops.testing.engines import installed_engines as _installed
from userops.testing.engines import rows_of, to_engine

__all__ = ["check_cut_points", "check_segment_map", "trap_orders"]


def trap_orders() -> pa.Table:
    """Return orders full of traps: ties, returns, zero amounts, Chinese and very long ids.

    Columns: `customer_id` (text), `order_id`, `ordered_at` (naive), `amount` (two decimals),
    `product_id`, `quantity`.
    """
    people = [
        "a",
        "b",
        "客户一",
        "客户二",
        "18446744073709551617",
        "18446744073709551616",
        " é",
        "A",
    ]
    start = dt.datetime.fromisoformat("2024-02-28T23:59:59.999999")
    rows = []
    for number in range(160):
        who = people[number * 7 % len(people)]
        sign = -1 if number % 11 == 0 else 1
        rows.append({
            "customer_id": None if number % 37 == 0 else who,
            "order_id": f"o{number // 2}",
            "ordered_at": start + dt.timedelta(hours=number * number % 3000),
            "amount": sign * (number % 5) * 10.01,
            "product_id": f"p{number % 3}",
            "quantity": sign * (1 + number % 2),
        })  # fmt: skip
    return pa.Table.from_pylist(rows)


def check_segment_map(
    segments: SegmentMap,
    *,
    bins: Mapping[str, int] | None = None,
    engines: Iterable[str] | None = None,
) -> None:
    """Check one's own segment map: every cell named, documents round-trip, all engines agree.

    Args:
        segments: An instance of the map.
        bins: Bins of `r`, `f`, `m` that it is written for; five each by default.
        engines: Names of engines; all that are installed by default.

    Raises:
        AssertionError: If engines, or one customer and the frame, disagree.
        InvalidDefinitionError: If a cell has no name, or the class declares no `code_version`.
    """
    sizes = {"r": 5, "f": 5, "m": 5, **(bins or {})}
    model = RFM(recency=sizes["r"], frequency=sizes["f"], monetary=sizes["m"], segments=segments)
    _check_model(model, engines)


def check_cut_points(cut_points: CutPoints, *, engines: Iterable[str] | None = None) -> None:
    """Check one's own cut-points: scores within the bins, documents round-trip, all engines agree.

    Args:
        cut_points: An instance.
        engines: Names of engines; all that are installed by default.

    Raises:
        AssertionError: If engines, or one customer and the frame, disagree.
        InvalidDefinitionError: If the cut-points are not as many as promised, or not ascending.
    """
    model = RFM(recency=cut_points, frequency=cut_points, monetary=cut_points, segments=None)
    _check_model(model, engines)


def _check_model(model: RFM, engines: Iterable[str] | None) -> None:
    types = [type(model.segments), type(model.recency)]
    again = RFM.from_dict(model.to_dict(), types=types)
    assert again == model, f"{model!r} does not come back from its own document"
    assert again.version == model.version, "the version changes on the way through the document"
    expected = None
    for engine in engines if engines is not None else _installed():
        history = History(Orders(to_engine(trap_orders(), engine), time_zone="Asia/Shanghai"))
        fitted = model.fit(history, as_of="2024-06-01")
        rows = rows_of(fitted.score())
        expected = rows if expected is None else expected
        assert rows == expected, f"{engine} scores differently: {rows} against {expected}"
    _check_one_by_one(model, expected or [])


def _check_one_by_one(model: RFM, rows: list[tuple[object, ...]]) -> None:
    history = History(Orders(trap_orders(), time_zone="Asia/Shanghai"))
    fitted = model.fit(history, as_of="2024-06-01")
    for row in rows:
        score = fitted.score_one(history.customer(row[0]))  # type: ignore[arg-type]
        assert score is not None, f"{row[0]!r} has no score in memory"
        alone = (score.customer_id, score.recency_days, score.frequency, score.monetary,
                 score.r, score.f, score.m, score.rfm)  # fmt: skip
        assert alone == row[:8], f"alone {alone}, in the frame {row}"
        assert model.segments is None or score.segment == row[8], f"{score} against {row}"
