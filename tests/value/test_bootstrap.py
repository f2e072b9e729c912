"""Customers who are drawn again: what is drawn, and that fits to them end where they should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from userops.value import BGNBD, MBGNBD, SummaryRows, TransactionModel
from userops.value.bootstrap import _drawing, redrawn
from userops.value.newton import maximised

FEW, MANY = [3.0, 1.0, 2.0, 6.0], [300.0, 100.0, 200.0, 600.0]


def rows_of(weight: list[float]) -> SummaryRows:
    """Make rows of so many customers each."""
    x = np.arange(float(len(weight)))
    return SummaryRows(x, x, np.full(len(weight), 9.0), np.array(weight))


@pytest.mark.parametrize("weight", [FEW, MANY, [2.5, 1.0, 1.5, 5.0]])
def test_draws_are_multinomial(weight: list[float]) -> None:
    """One by one or by row: as many customers, the means, variances and covariance of that."""
    many = round(sum(weight))
    draw = _drawing(rows_of(weight), np.random.default_rng(1))
    drawn = np.stack([draw() for _ in range(20_000)])
    shares = np.array(weight) / sum(weight)
    assert (drawn.sum(axis=1) == many).all()
    assert drawn.mean(axis=0) == pytest.approx(many * shares, rel=0.02)
    found = np.cov(drawn.T)
    expected = many * (np.diag(shares) - np.outer(shares, shares))
    assert np.abs(found - expected).max() < 0.04 * expected.max()


@pytest.mark.parametrize("model", [BGNBD(), MBGNBD()])
def test_a_step_that_nobody_looks_at_ends_at_the_top(model: TransactionModel, cdnow: Any) -> None:
    """Each draw ends within a ten-thousandth of a standard error of the search to its end."""
    rows = SummaryRows.of(cdnow, unit_days=7)
    fitted = model.fit(rows)
    assert fitted.coordinate_covariance is not None
    errors = np.sqrt(np.diag(np.array(fitted.coordinate_covariance)))

    def likelihood(some: SummaryRows) -> Any:
        return lambda at: model.of_coordinates(at, some)

    quick = redrawn(likelihood, fitted.coordinates, rows, draws=20, seed=2)
    draw = _drawing(rows, np.random.default_rng(2))
    for found in quick:
        whole = maximised(likelihood(rows.weighted(draw())), fitted.coordinates)
        assert found.status == whole.status == "converged"
        assert np.abs((found.logs - whole.logs) / errors).max() < 1e-4


def test_effects_of_covariates_are_drawn_too(cdnow: Any) -> None:
    """Customers who are not drawn have no weight in the group of their covariates."""
    is_even = [int(customer) % 2 == 0 for customer in cdnow["customer_id"].to_pylist()]
    halves = cdnow.append_column("is_even", [is_even])
    rows = SummaryRows.of(halves, unit_days=7, covariates=("is_even",))
    fitted = BGNBD(purchase_covariates=("is_even",)).fit(rows)
    found = fitted.bootstrap(rows, 60, seed=1)
    assert found.converged == 60
    low, high = found.interval("purchase.is_even")
    ends = fitted.parameter_intervals()["purchase.is_even"]
    assert low < fitted.effects["purchase.is_even"] < high
    assert high - low == pytest.approx(ends[1] - ends[0], rel=0.4)
