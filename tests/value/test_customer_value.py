"""Customers valued: models put together, in a frame and alone."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from userops import Orders
from userops.core import frames
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.testing import Engines, to_engine
from userops.value import BGNBD, CustomerValue, GammaGamma, ParetoNBD, SummaryRows


def test_a_frame_is_what_each_customer_is_worth(cdnow: Any, engines: Engines) -> None:
    """Every engine gives the figures of one customer alone, and none of them is missing."""
    fitted = CustomerValue().fit(cdnow)
    few = cdnow.slice(0, 40)
    for engine in engines.names:
        frame = frames.read(fitted.score(to_engine(few, engine))).frame
        found = {row["customer_id"]: row for row in frames.to_rows(frame)}
        assert len(found) == 40, engine
        for row in few.to_pylist():
            alone = fitted.score_one(
                row["repeat_count"], row["last_purchase_age_days"], row["age_days"],
                row["mean_spend"],
            )  # fmt: skip
            mine = found[row["customer_id"]]
            for name in ("p_alive", "expected_purchases", "expected_spend", "clv"):
                assert mine[name] == pytest.approx(getattr(alone, name), rel=1e-12), engine


def test_without_a_discount_value_is_purchases_times_spend(cdnow: Any) -> None:
    """What is expected, at what is spent; a margin is a share of it, a discount makes it less."""
    plain = CustomerValue(annual_discount=0.0, horizon_weeks=39)
    fitted = plain.fit(cdnow)
    rows = SummaryRows.of(cdnow, unit_days=7)
    worth = fitted.score(cdnow).to_pydict()
    assert sum(worth["expected_purchases"]) == pytest.approx(1653.4, abs=0.05)
    assert rows.customers == len(worth["clv"])
    for purchases, spend, clv in zip(
        worth["expected_purchases"], worth["expected_spend"], worth["clv"], strict=True
    ):
        assert clv == pytest.approx(purchases * spend)
    one = fitted.score_one(2, 213, 272, 22.345)
    half = CustomerValue(annual_discount=0.0, horizon_weeks=39, margin=0.5).fit(cdnow)
    assert half.score_one(2, 213, 272, 22.345).clv == pytest.approx(one.clv / 2)
    later = CustomerValue(annual_discount=0.3, horizon_weeks=39).fit(cdnow)
    assert 0.8 * one.clv < later.score_one(2, 213, 272, 22.345).clv < one.clv


def test_what_has_to_be_known_is_said(cdnow: Any) -> None:
    """The repr shows both models; a correlation of spend and frequency is a warning."""
    fitted = CustomerValue(transactions=ParetoNBD()).fit(cdnow)
    assert "ParetoNBD of 2,357 customers, in weeks: converged" in repr(fitted)
    assert "GammaGamma of 946 customers: converged" in repr(fitted)
    assert fitted.warnings == ()
    bound = cdnow.set_column(
        cdnow.column_names.index("mean_spend"),
        "mean_spend",
        pa.array([10.0 * n + 1 for n in cdnow["repeat_count"].to_pylist()]),
    )
    (warning,) = [w for w in CustomerValue().fit(bound).warnings if "frequency" in w]
    assert "independent" in warning


def test_a_definition_is_a_document() -> None:
    """It turns into JSON and back, with its models."""
    value = CustomerValue(transactions=ParetoNBD(), horizon_weeks=26)
    document = value.to_dict()
    again = CustomerValue.from_dict(document, types=[ParetoNBD, BGNBD, GammaGamma])
    assert again == value
    assert again.version == value.version


@pytest.mark.parametrize(
    ("field", "bad"),
    [("horizon_weeks", 0), ("annual_discount", -1.0), ("margin", 0.0), ("margin", 1.5)],
)
def test_impossible_definitions_are_refused(field: str, bad: float) -> None:
    """Each names its field."""
    with pytest.raises(InvalidDefinitionError, match=field):
        CustomerValue.from_dict({"type": "CustomerValue", field: bad})


def test_orders_need_an_instant() -> None:
    """The clock is never read."""
    table = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})
    with pytest.raises(InvalidArgumentError, match="as_of"):
        CustomerValue().fit(Orders(table))
