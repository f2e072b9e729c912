"""Covariates and priors: what they are said to be is found again in drawn customers."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import polars as pl
import pytest

from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.value import (
    BGNBD,
    MBGNBD,
    GGompertzNBD,
    ParetoNBD,
    Prior,
    SummaryRows,
    TransactionModel,
)

TRUE = {
    "BGNBD": ([0.6, 8.0, 0.8, 2.5], BGNBD),
    "MBGNBD": ([0.6, 8.0, 0.8, 2.5], MBGNBD),
    "ParetoNBD": ([0.6, 8.0, 0.7, 12.0], ParetoNBD),
    "GGompertzNBD": ([1.5, 5.0, 0.08, 1.0, 20.0], GGompertzNBD),
}
EFFECTS = np.array([0.7, -0.8])


def drawn(name: str, customers: int = 2_000) -> tuple[TransactionModel, pl.DataFrame]:
    """Draw customers of a model, whose rates depend on what is known of them."""
    base, kind = TRUE[name]
    model: TransactionModel = kind(
        purchase_covariates=("is_member",), dropout_covariates=("distance",)
    )
    rng = np.random.default_rng(5)
    member, distance = rng.integers(0, 2, customers), rng.integers(0, 3, customers) / 2
    ages = rng.integers(30, 90, customers).astype(float)
    count, last = np.zeros(customers), np.zeros(customers)
    for known in {*zip(member.tolist(), distance.tolist(), strict=True)}:
        here = np.flatnonzero((member == known[0]) & (distance == known[1]))
        moved = np.array(base) * np.exp(model.effect_matrix(np.array(known)) @ EFFECTS)
        places, at = model.simulated(moved, ages[here], rng)
        count[here] = np.bincount(places, minlength=len(here))
        np.maximum.at(last, here[places], at)
    table = pl.DataFrame({
        "customer_id": np.arange(customers), "repeat_count": count.astype(int),
        "last_purchase_age_days": last, "age_days": ages, "is_member": member == 1,
        "distance": distance,
    })  # fmt: skip
    return model, table


@pytest.mark.parametrize("name", TRUE)
def test_effects_are_found_again(name: str) -> None:
    """Within three standard errors; and the test against the model without them says so."""
    model, table = drawn(name)
    fitted = model.fit(table, unit="days")
    assert fitted.status == "converged"
    assert fitted.standard_errors is not None
    for effect, true in zip(("purchase.is_member", "dropout.distance"), EFFECTS, strict=True):
        assert abs(fitted.effects[effect] - true) < 3 * fitted.standard_errors[effect]
    smaller = attrs.evolve(model, dropout_covariates=()).fit(table, unit="days")
    ratio = smaller.likelihood_ratio(fitted)
    assert ratio.degrees == 1
    assert ratio.p_value < 1e-4
    with pytest.raises(InvalidArgumentError, match="does not hold"):
        fitted.likelihood_ratio(smaller)
    believed = attrs.evolve(smaller.model, priors=(Prior("alpha", 5, 0.1),)).fit(table, unit="days")
    with pytest.raises(InvalidArgumentError, match="priors"):
        believed.likelihood_ratio(fitted)


@pytest.mark.parametrize("name", TRUE)
def test_derivatives_by_effects_are_those_of_finite_differences(name: str) -> None:
    """Of parameters and effects together, with a prior on each."""
    model, table = drawn(name, 300)
    model = attrs.evolve(model, priors=(Prior("r", 0.5, 0.7), Prior("dropout.distance", 0.0, 0.4)))
    rows = SummaryRows.of(table, covariates=model.covariates)
    at, step = np.array([*np.log(TRUE[name][0]), 0.3, -0.2]), 1e-5
    here = model.of_coordinates(at, rows)
    for number, unit in enumerate(np.eye(len(at))):
        ends = [model.of_coordinates(at + sign * step * unit, rows) for sign in (1, -1)]
        slope = (ends[0].value - ends[1].value) / (2 * step)
        assert here.gradient[number] == pytest.approx(slope, rel=1e-6, abs=1e-5)
        curve = (ends[0].gradient - ends[1].gradient) / (2 * step)
        assert np.abs(here.hessian[number] - curve).max() < 1e-6 * np.abs(here.hessian).max()


def test_customers_are_predicted_by_their_covariates() -> None:
    """A member buys more; the others' prediction is that of the plain parameters."""
    model, table = drawn("ParetoNBD", 500)
    fitted = model.fit(table, unit="days")
    rows = SummaryRows(
        np.full(2, 2.0),
        np.full(2, 30.0),
        np.full(2, 40.0),
        covariates=np.array([[0.0, 0.0], [1.0, 0.0]]),
    )
    plain, member = fitted.expected_purchases(30, rows)
    same = ParetoNBD().expected_purchases(fitted.values, 30.0, rows)
    assert plain == pytest.approx(same[0])
    assert member > plain
    with pytest.raises(DataError, match="lack covariates"):
        fitted.p_alive(SummaryRows.one(2, 30, 40))


def test_covariates_are_checked() -> None:
    """Columns that are not there, and what is no number."""
    model, table = drawn("BGNBD", 50)
    with pytest.raises(ColumnNotFoundError, match="is_member"):
        model.fit(table.drop("is_member"))
    texts = table.with_columns(pl.col("is_member").cast(pl.String))
    with pytest.raises(ColumnTypeError, match="true and false"):
        model.fit(texts)
    holes = table.with_columns(pl.lit(None).cast(pl.Float64).alias("distance"))
    with pytest.raises(DataError, match="missing"):
        model.fit(holes)


def test_a_prior_makes_known_what_the_data_do_not_say(cdnow: Any) -> None:
    """On dropout, where nobody bought again; a wide one changes nothing."""
    rows = SummaryRows(np.zeros(50), np.zeros(50), np.full(50, 30.0))
    model = ParetoNBD(priors=tuple(
        Prior(name, center, 0.5)
        for name, center in (("r", 0.5), ("alpha", 10), ("s", 0.6), ("beta", 12))
    ))  # fmt: skip
    assert ParetoNBD().fit(rows).status != "converged"
    assert model.fit(rows).status == "converged"
    plain = BGNBD().fit(cdnow)
    wide = BGNBD(priors=(Prior("a", 5, 1e4),)).fit(cdnow)
    assert wide.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)
    tight = BGNBD(priors=(Prior("a", 5, 1e-3),)).fit(cdnow)
    assert tight.parameters["a"] == pytest.approx(5, rel=0.01)
    assert tight.log_likelihood < plain.log_likelihood


def test_priors_and_covariates_are_checked() -> None:
    """Each names its field and what is allowed."""
    with pytest.raises(InvalidDefinitionError, match="did you mean 'alpha'"):
        BGNBD(priors=(Prior("alfa", 1, 1),))
    with pytest.raises(InvalidDefinitionError, match="spread"):
        Prior("a", 1, 0)
    with pytest.raises(InvalidDefinitionError, match="center"):
        BGNBD(priors=(Prior("a", -1, 1),))
    with pytest.raises(InvalidDefinitionError, match="dropout_covariates: names a column twice"):
        BGNBD(dropout_covariates=("z", "y", "z"))
    model = BGNBD(purchase_covariates=("z",), priors=(Prior("purchase.z", -1, 1),))
    assert BGNBD.from_dict(model.to_dict()) == model


def test_weights_of_a_summary_stand_for_customers() -> None:
    """A column of weights gives what the rows, repeated, give."""
    _, table = drawn("BGNBD", 200)
    heavy = table.with_columns(pl.lit(3).alias("customers"))
    one, other = BGNBD().fit(heavy, weight="customers"), BGNBD().fit(pl.concat([table] * 3))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-12)
    assert one.customers == other.customers == 600
