"""What the papers print for CDNOW, from the raw log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from userops.value import BGNBD, MBGNBD, GammaGamma, ParetoNBD, SummaryRows

# The papers' own searches stop a little before the optimum, so that parameters agree to about 1e-3
# where the likelihood is flat, and the log-likelihood to 1e-3.


def _near(found: Mapping[str, float], published: tuple[float, ...], rel: float) -> bool:
    return list(found.values()) == pytest.approx(list(published), rel=rel)


def test_bg_nbd(cdnow: Any) -> None:
    """Fader, Hardie & Lee (2005), tables 1 and 2, and the holdout."""
    fitted = BGNBD().fit(cdnow)
    assert fitted.status == "converged"
    assert fitted.log_likelihood == pytest.approx(-9582.429, abs=1e-3)
    assert _near(fitted.parameters, (0.2425945, 4.4136019, 0.7929199, 2.4258881), 2e-5)
    purchases = [fitted.expected_purchases(t)[0] for t in (0.1429, 1, 3, 31.8571, 32, 78)]
    assert [round(n, 4) for n in purchases[:5]] == [0.0078, 0.0532, 0.1506, 1.0405, 1.0437]
    # The sheet prints 1.8576, where its series of 2F1 stops; an integral over p gives 1.85796.
    assert purchases[5] == pytest.approx(1.8576, abs=5e-4)
    assert purchases[5] == pytest.approx(1.85796, abs=5e-5)
    one = SummaryRows.one(2, 30.43, 38.86)
    assert fitted.expected_purchases(39, one)[0] == pytest.approx(1.226, abs=5e-4)
    rows = SummaryRows.of(cdnow, unit_days=7)
    assert rows.weight @ fitted.expected_purchases(39, rows) == pytest.approx(1653.4, abs=0.05)
    assert sum(cdnow["holdout_count"].to_pylist()) == 1882


def test_mbg_nbd(cdnow: Any) -> None:
    """Batislam et al. (2007)."""
    fitted = MBGNBD().fit(cdnow)
    assert _near(fitted.parameters, (0.525, 6.183, 0.891, 1.614), 1e-3)
    assert fitted.status == "converged"


def test_pareto_nbd(cdnow: Any) -> None:
    """Fader & Hardie (2005), and the standard errors of CLVTools' tests."""
    fitted = ParetoNBD().fit(cdnow)
    assert fitted.status == "converged"
    assert fitted.log_likelihood == pytest.approx(-9594.976, abs=1e-3)
    assert _near(fitted.parameters, (0.55315, 10.57633, 0.60625, 11.67150), 5e-4)
    errors = fitted.standard_errors
    assert errors is not None
    assert _near(errors, (0.0476264, 0.8427222, 0.1872594, 6.2105448), 1e-3)
    rows = SummaryRows.of(cdnow, unit_days=7)
    assert rows.weight @ fitted.expected_purchases(39, rows) == pytest.approx(1665.5, abs=0.05)


def test_pareto_nbd_at_published_parameters() -> None:
    """Expectations of a new customer and of one that the paper follows."""
    published = np.array([0.55, 10.56, 0.61, 11.64])
    expected = [
        0.05077821, 0.09916088, 0.14542507, 0.18979930, 0.23247466, 0.27361274, 0.31335159,
        0.35181024, 0.38909211,
    ]  # fmt: skip
    found = [
        ParetoNBD().expected_purchases(published, t, SummaryRows.one(0, 0.0, 0.0))[0]
        for t in range(1, 10)
    ]
    assert found == pytest.approx(expected, abs=5e-9)
    fitted = np.array([0.55315, 10.57633, 0.60625, 11.67150])
    one = SummaryRows.one(26, 30.86, 31.0)
    assert ParetoNBD().expected_purchases(fitted, 52.0, one)[0] == pytest.approx(25.46, abs=5e-3)
    assert ParetoNBD().p_alive(fitted, one)[0] == pytest.approx(0.9979, abs=5e-5)


@pytest.mark.parametrize("x", [221, 254, 161, 204, 5_000])
def test_p_alive_of_frequent_buyers_is_a_probability(x: int) -> None:
    """Counts at which hypergeometric functions overflow."""
    rows = SummaryRows.one(x, 350.0, 360.0)
    for model, parameters in (
        (ParetoNBD(), [0.55315, 10.57633, 0.60625, 11.67150]),
        (BGNBD(), [0.2425945, 4.4136019, 0.7929199, 2.4258881]),
        (MBGNBD(), [0.525, 6.183, 0.891, 1.614]),
    ):
        alive = model.p_alive(np.array(parameters), rows)[0]
        assert 0 <= alive <= 1


def test_gamma_gamma(cdnow: Any) -> None:
    """Fader & Hardie (2013): parameters, and the first ten customers of the sample."""
    fitted = GammaGamma().fit(cdnow)
    assert fitted.customers == 946
    assert fitted.status == "converged"
    assert fitted.log_likelihood == pytest.approx(-4055.918, abs=1e-3)
    assert [round(value, 2) for value in fitted.parameters.values()] == [6.25, 3.74, 15.44]
    spend = fitted.expected_spend(cdnow["repeat_count"], cdnow["mean_spend"].to_numpy())
    assert spend[:10].round(2).tolist() == [
        24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17,
    ]  # fmt: skip
