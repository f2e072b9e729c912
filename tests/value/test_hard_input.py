"""What customers of customer value bring along: odd units, odd weights, odd documents."""

from __future__ import annotations

import math
from typing import Any

import attrs
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops import Customer, Orders
from userops.errors import (
    ColumnTypeError,
    DataError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.value import (
    BGNBD,
    MBGNBD,
    CustomerSummary,
    CustomerValue,
    FittedCustomerValue,
    GammaGamma,
    ParetoNBD,
    Prior,
    SpendRows,
    SummaryRows,
    TransactionModel,
    transaction_summary,
)


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    """Four hundred customers, drawn once."""
    rng = np.random.default_rng(7)
    age = rng.integers(100, 273, 400)
    count = np.where(rng.random(400) < 0.5, 0, rng.poisson(2.5, 400))
    last = np.where(count > 0, np.ceil(age * rng.random(400) ** 0.5), 0).astype(int)
    spend = np.where(count > 0, rng.gamma(6, 6, 400).round(2) + 1, np.nan)
    ids = [f"{number:03d}" for number in range(400)]
    return pd.DataFrame(
        {"customer_id": ids, "repeat_count": count, "last_purchase_age_days": last,
         "age_days": age, "mean_spend": spend}
    )  # fmt: skip


@pytest.mark.parametrize("unit", [1e-9, 1e-3, 5e4, 1e12])
def test_money_may_be_counted_in_any_unit(summary: pd.DataFrame, unit: float) -> None:
    """Rupiah and bitcoins give one p and one q, and expectations in their own unit."""
    plain = GammaGamma().fit(summary)
    other = GammaGamma().fit(summary.assign(mean_spend=summary["mean_spend"] * unit))

    assert other.status == plain.status == "converged"
    for name, scale in (("p", 1.0), ("q", 1.0), ("gamma", unit)):
        assert other.parameters[name] == pytest.approx(plain.parameters[name] * scale, rel=1e-6)
    moved = other.log_likelihood + other.customers * math.log(unit)
    assert moved == pytest.approx(plain.log_likelihood, rel=1e-9)


def test_a_calibration_ends_with_a_day() -> None:
    """Purchases of one day are one transaction, so that no day is half known."""
    orders = Orders(
        pa.table({
            "customer_id": ["a", "a"], "ordered_at": ["2024-01-01 10:00", "2024-01-05 12:00"],
            "amount": [5.0, 0.2],
        })
    )  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="middle of a day"):
        transaction_summary(orders, "2024-03-01", calibration_end="2024-01-05 11:30")
    held = transaction_summary(orders, "2024-03-01", calibration_end="2024-01-05").to_pylist()
    assert [(row["repeat_count"], row["holdout_count"]) for row in held] == [(0, 1)]
    same = transaction_summary(orders, "2024-01-05 11:30", calibration_end="2024-01-05 11:30")
    assert same["holdout_days"].to_pylist() == [0]


@pytest.mark.parametrize("model", [BGNBD(), MBGNBD(), ParetoNBD()])
def test_the_wait_of_who_fell_silent_is_that_of_who_did_not(
    model: TransactionModel, summary: pd.DataFrame
) -> None:
    """Given that he buys again he has not left, however improbable that is."""
    fitted = model.fit(summary)
    gone = fitted.expected_wait(39, SummaryRows.one(200, 10, 270))
    here = fitted.expected_wait(39, SummaryRows.one(200, 270, 270))

    assert fitted.p_alive(SummaryRows.one(200, 10, 270))[0] < 1e-6
    assert gone[0] == pytest.approx(here[0], rel=1e-9)
    silent = SummaryRows(np.array([200.0, 2.0]), np.array([10.0, 30.0]), np.array([270.0, 38.0]))
    both = fitted.expected_wait(39, silent)
    assert both.tolist() == pytest.approx(
        [gone[0], fitted.expected_wait(39, SummaryRows.one(2, 30, 38))[0]]
    )


def test_a_strong_prior_leaves_the_likelihood_what_it_is(summary: pd.DataFrame) -> None:
    """It is computed, and not what a difference of large numbers leaves."""
    fitted = BGNBD(priors=(Prior("a", 1e300, 1e-9),)).fit(summary)
    rows = SummaryRows.of(summary, unit_days=7)
    alone = BGNBD().of_coordinates(fitted.coordinates, rows).value
    assert fitted.log_likelihood == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("model", [BGNBD, MBGNBD, ParetoNBD])
@pytest.mark.parametrize(("origin", "unit"), [(50, 1), (0, 1e6), (0, 1e-6)])
def test_a_covariate_may_be_counted_in_anything(
    model: Any, origin: float, unit: float, summary: pd.DataFrame
) -> None:
    """The likelihood is the same, and so is what one unit of it does."""
    known = np.random.default_rng(1).integers(0, 4, len(summary)) / 4
    plain = model(purchase_covariates=("c",)).fit(summary.assign(c=known))
    other = model(purchase_covariates=("c",)).fit(summary.assign(c=known * unit + origin))

    assert other.status == plain.status
    assert other.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-9)
    assert other.effects["purchase.c"] * unit == pytest.approx(
        plain.effects["purchase.c"], rel=1e-3, abs=1e-4
    )


def test_a_covariate_too_far_from_zero_is_refused(summary: pd.DataFrame) -> None:
    """Parameters are those of customers whose covariates are zero, and there are none so far."""
    known = np.random.default_rng(1).integers(0, 4, len(summary)) / 4 + 20_240_101
    with pytest.raises(DataError, match="far from zero"):
        BGNBD(purchase_covariates=("c",)).fit(summary.assign(c=known))


def test_a_coin_that_never_shows_tails(summary: pd.DataFrame) -> None:
    """Penalised fits of others run to it."""
    one = SummaryRows.one(2, 300, 340)
    never, hardly = (
        BGNBD().expected_purchases(np.array([0.6, 49.0, a, 1.0]), 84.0, one)[0]
        for a in (1e-17, 1e-12)
    )
    assert never == pytest.approx(hardly, rel=1e-9)


# What does not go together.


def test_a_fit_in_days_is_not_taken_for_one_in_weeks(summary: pd.DataFrame) -> None:
    """Nor is a fit of another model, nor rows in another unit."""
    spend = GammaGamma().fit(summary)
    for fitted, named in (
        (BGNBD().fit(summary, unit="days"), "not in weeks"),
        (ParetoNBD().fit(summary), "another model"),
    ):
        with pytest.raises(InvalidDefinitionError, match=named):
            FittedCustomerValue(CustomerValue(), fitted, spend)
    days = SummaryRows.of(summary)
    weekly = BGNBD().fit(summary)
    for misread in (lambda: BGNBD().fit(days), lambda: weekly.p_alive(days)):
        with pytest.raises(InvalidArgumentError, match="not in weeks"):
            misread()
    with pytest.raises(InvalidArgumentError, match="not those"):
        weekly.profile_interval("a", SummaryRows.of(summary.head(100), unit_days=7))
    with pytest.raises(InvalidArgumentError, match="weights of their own"):
        BGNBD().fit(days.in_units(7), weight="w")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [("unit", "years", "unit"), ("status", "great", "status"), ("parameters", {"r": 1}, "those of"),
     ("parameters", {"r": -1, "alpha": 1, "a": 1, "b": 1}, "above zero"),
     ("parameters", {"r": math.nan, "alpha": 1, "a": 1, "b": 1}, "above zero")],
)  # fmt: skip
def test_a_document_that_was_changed_is_refused(
    place: str, value: Any, said: str, summary: pd.DataFrame
) -> None:
    """Before it values anybody."""
    document = CustomerValue().fit(summary).to_dict()
    document["transactions"][place] = value
    with pytest.raises(InvalidDefinitionError, match=said):
        FittedCustomerValue.from_dict(document)


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [math.nan, 2.0], [0.0, 2.0], [None, 2.0]])
@pytest.mark.parametrize("host", [pd.DataFrame, pl.DataFrame])
def test_a_wrong_weight_does_not_hide_among_equal_rows(weights: list[Any], host: Any) -> None:
    """Two customers who bought alike are one row, and their sum would be right."""
    table = {
        "customer_id": ["a", "b", "c"], "repeat_count": [1, 1, 2],
        "last_purchase_age_days": [7, 7, 9], "age_days": [30, 30, 40],
        "mean_spend": [5.0, 5.0, 9.0], "w": [*weights, 1.0],
    }  # fmt: skip
    for model in (BGNBD(), GammaGamma()):
        with pytest.raises(DataError, match=r"weight|missing or not finite"):
            model.fit(host(table), weight="w")


@pytest.mark.parametrize("column", ["repeat_count", "age_days", "mean_spend"])
@pytest.mark.parametrize("to", ["text", "time", "flag"])
def test_columns_that_hold_no_numbers_are_refused(
    column: str, to: str, summary: pd.DataFrame
) -> None:
    """Text, spans of time and flags are no counts, ages or money."""
    read = {
        "text": lambda c: c.astype(str), "flag": lambda c: c > 1,
        "time": lambda c: pd.to_timedelta(c, unit="D"),
    }[to]  # fmt: skip
    wrong = summary.assign(**{column: read(summary[column])})
    with pytest.raises(ColumnTypeError, match=column):
        CustomerValue().fit(wrong)
    with pytest.raises(ColumnTypeError, match=column):
        CustomerValue().fit(summary).score(wrong)


@pytest.mark.parametrize(
    "arguments",
    [{"transactions": "BGNBD"}, {"transactions": BGNBD}, {"spend": None}, {"horizon_weeks": "a"},
     {"annual_discount": "x"}, {"margin": None}, {"horizon_weeks": True}],
)  # fmt: skip
def test_a_definition_of_other_things_is_refused(arguments: dict[str, Any]) -> None:
    """By the name of the field."""
    with pytest.raises(InvalidDefinitionError, match=next(iter(arguments))):
        CustomerValue(**arguments)


def test_nobody_is_worth_nothing(summary: pd.DataFrame) -> None:
    """An empty summary gives an empty frame with the same columns."""
    value = CustomerValue().fit(summary)
    for level in (None, 0.8):
        some, none = (value.score(summary.head(n), level=level) for n in (1, 0))
        assert not len(none)
        assert list(none.columns) == list(some.columns)
    assert value.equity(summary.head(0)).value == 0


def test_an_explanation_does_not_tell_of_spend_that_is_none(summary: pd.DataFrame) -> None:
    """A mean below zero is not known, so that it is that of all."""
    value = CustomerValue().fit(summary)
    for spent in (-5.0, math.nan, math.inf, None):
        assert "the mean of all, because nothing is known" in value.explain(1, 10, 300, spent)


def test_an_interval_without_ends_says_why(summary: pd.DataFrame) -> None:
    """Instead of `nan to nan`."""
    value = CustomerValue().fit(summary)
    unsure = attrs.evolve(
        value, transactions=attrs.evolve(value.transactions, coordinate_covariance=None)
    )
    assert "did not converge" in repr(unsure.equity(summary))
    assert "nan" not in repr(unsure.equity(summary))


def test_a_model_that_lacks_methods_is_refused() -> None:
    """It names them, instead of failing in the middle of a fit."""

    @attrs.frozen
    class Half(TransactionModel):
        parameter_names = ("alpha",)

    with pytest.raises(InvalidDefinitionError, match=r"Half.*derivatives, starts"):
        Half()


def test_columns_of_spend_are_of_one_length() -> None:
    """One value is not stretched over all rows."""
    with pytest.raises(DataError, match="different lengths"):
        SpendRows(np.array([1.0, 2.0]), np.array([2.0]))


# One customer in memory.

days = st.integers(0, 40).map(lambda day: f"2024-{1 + day // 28:02d}-{1 + day % 28:02d}T23:30")
rows_of_one = st.lists(
    st.tuples(days, st.integers(-300, 3_000).map(lambda n: n / 100)), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=40)
@given(rows_of_one, st.sampled_from(["UTC", "Asia/Shanghai"]), days)
def test_one_customer_has_the_summary_of_the_table(
    rows: list[tuple[str, float]], zone: str, as_of: str
) -> None:
    """To the last bit, whatever was returned and whichever days are local ones."""
    table = pa.table({
        "customer_id": ["a"] * len(rows), "ordered_at": [at for at, _ in rows],
        "amount": [paid for _, paid in rows],
    })  # fmt: skip
    orders = Orders(table, time_zone=zone)
    expected = transaction_summary(orders, as_of).to_pylist()
    customer = Customer.from_rows("a", {"order": table.to_pylist()}, {"order": orders.columns})
    if expected:
        assert CustomerSummary.of(customer, as_of) == tuple(expected[0].values())[1:]
    else:
        with pytest.raises(InvalidArgumentError, match="bought nothing"):
            CustomerSummary.of(customer, as_of)


def test_a_customer_without_orders_has_no_summary() -> None:
    """Events are no purchases."""
    with pytest.raises(InvalidArgumentError, match="has no orders"):
        CustomerSummary.of(Customer.from_rows("a", {}, {}), "2024-01-01")
