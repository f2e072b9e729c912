"""Models side by side: what is counted, what is picked, and what is never picked in silence."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pytest

from userops import Orders
from userops.errors import InvalidArgumentError
from userops.value import (
    BGNBD,
    MBGNBD,
    FittedTransactionModel,
    ModelComparison,
    ParetoNBD,
    compare,
)

HALVES: dict[str, Any] = {"as_of": "1998-07-01", "calibration_end": "1997-10-01"}


@attrs.frozen
class _Spoilt(BGNBD):
    """BG/NBD whose fit ends as it is told."""

    code_version = "1"
    status: Any = "failed"
    is_nan: bool = False

    def fit(self, *args: Any, **named: Any) -> FittedTransactionModel:
        fitted = BGNBD().fit(*args, **named)
        changes: dict[str, Any] = {"coordinate_covariance": None}
        return attrs.evolve(fitted, model=self, status=self.status, **changes)

    def expected_purchases(self, parameters: Any, horizon: Any, rows: Any) -> Any:
        found = super().expected_purchases(parameters, horizon, rows)
        return found * np.nan if self.is_nan else found


@pytest.fixture(scope="module")
def found(cdnow_orders: Orders) -> ModelComparison:
    """Return the models of the papers held against CDNOW."""
    return compare([BGNBD(), MBGNBD(), ParetoNBD()], cdnow_orders, **HALVES)


def test_a_row_is_what_each_fit_says(found: ModelComparison, cdnow: pa.Table) -> None:
    """Likelihoods are the published ones, criteria follow from them, and reports are whole."""
    by_name = {row.model: row for row in found.models}
    assert by_name["BGNBD"].log_likelihood == pytest.approx(-9582.429, abs=1e-3)
    assert by_name["ParetoNBD"].log_likelihood == pytest.approx(-9594.976, abs=1e-3)
    for name, row in by_name.items():
        assert row.aic == pytest.approx(8 - 2 * row.log_likelihood)
        assert row.bic == pytest.approx(4 * np.log(2357) - 2 * row.log_likelihood)
        report = found.reports[name]
        assert (row.expected, row.rmse, row.log_score) == (
            report.expected, report.rmse, report.log_score,
        )  # fmt: skip
        assert row.tracking_error == report.tracking_error
    assert by_name["BGNBD"].expected == pytest.approx(1653.4, abs=0.05)
    assert by_name["ParetoNBD"].expected == pytest.approx(1665.5, abs=0.05)


def test_the_highest_log_score_is_picked(found: ModelComparison) -> None:
    """With how far the others are behind, and whether that is more than chance."""
    scores = [row.log_score for row in found.models]
    assert scores == sorted(scores, reverse=True)
    assert found.best == found.models[0].model == "MBGNBD"
    assert found.models[0].behind == 0
    for row in found.models[1:]:
        assert row.behind == pytest.approx(scores[0] - row.log_score)
        assert row.behind_error > 0
    assert found.evidence[0].startswith("MBGNBD gives the holdout the highest log score")
    assert any("may be chance" in said for said in found.evidence)


def test_comparisons_read_well(found: ModelComparison) -> None:
    """Text, HTML, sentences, and a frame in the type of the orders."""
    assert repr(found).splitlines()[0].startswith("model")
    assert "1,882" in repr(found)
    assert found.describe() == " ".join(found.evidence)
    assert found._repr_html_().count("<tr>") == 4
    table = found.table()
    assert isinstance(table, pa.Table)
    assert table.to_pylist() == [attrs.asdict(row) for row in found.models]


def test_what_failed_is_not_picked(cdnow_orders: Orders) -> None:
    """A failed fit with the higher score stays behind, and the evidence says why."""
    compared = compare({"spoilt": _Spoilt(), "pareto": ParetoNBD()}, cdnow_orders, **HALVES)
    assert compared.models[0].model == "spoilt"
    assert compared.best == "pareto"
    (said,) = [line for line in compared.evidence if line.startswith("spoilt")]
    assert "not considered, with a higher log score: failed" in said
    nobody = compare({"spoilt": _Spoilt()}, cdnow_orders, **HALVES)
    assert nobody.best is None
    assert "No fit can be used: spoilt (failed)" in nobody.describe()


def test_what_is_not_identified_is_second_choice(cdnow_orders: Orders) -> None:
    """It is picked where nothing converged, with a warning, and else left out with one."""
    loose = _Spoilt(status="not_identified")
    alone = compare({"loose": loose}, cdnow_orders, **HALVES)
    assert alone.best == "loose"
    assert "did not converge" in alone.describe()
    beside = compare({"loose": loose, "pareto": ParetoNBD()}, cdnow_orders, **HALVES)
    assert beside.best == "pareto"
    assert "loose was not considered" in beside.describe()


def test_what_predicts_no_number_comes_last(cdnow_orders: Orders) -> None:
    """A score that is not a number neither wins nor spoils the order."""
    compared = compare(
        {"empty": _Spoilt(status="converged", is_nan=True), "bg": BGNBD()}, cdnow_orders, **HALVES
    )
    assert [row.model for row in compared.models] == ["bg", "empty"]
    assert compared.best == "bg"
    assert "empty was not considered: it predicts no finite number." in compared.evidence


@pytest.mark.parametrize(
    ("models", "problem"),
    [([], "holds none"), ([BGNBD(), BGNBD()], "two of one name"), ([3], "not a model")],
)
def test_what_cannot_be_compared_is_refused(models: Any, problem: str) -> None:
    """Before anything is read."""
    table = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})
    with pytest.raises(InvalidArgumentError, match=problem):
        compare(models, Orders(table), as_of="2024-03-01", calibration_end="2024-02-01")
