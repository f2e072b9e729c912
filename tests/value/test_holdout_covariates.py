"""Validation, comparison and draws of models that read covariates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from userops import Orders
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.testing import Engines, to_engine
from userops.value import (
    BGNBD,
    CustomerValue,
    SummaryRows,
    compare,
    plot_period_purchases,
    predictive_checks,
    simulated_orders,
    validate,
)

HALVES: dict[str, Any] = {"as_of": "2025-01-01", "calibration_end": "2024-09-01"}
PLAIN, MEMBERS = BGNBD(), BGNBD(purchase_covariates="is_member")


@pytest.fixture(scope="module")
def shop() -> tuple[pa.Table, pa.Table]:
    """Return orders of 3,000 customers, half of them members who buy three times as often."""
    rng, customers = np.random.default_rng(2), 3_000
    member = np.arange(customers) % 2
    began, clock = rng.integers(0, 100, customers), rng.random(customers)
    places, at = [], []
    for group, alpha in ((0, 9.0), (1, 3.0)):
        here = np.flatnonzero(member == group)
        who, when = PLAIN.simulated(
            np.array([0.6, alpha, 0.8, 2.4]), (365.0 - began[here]) / 7, rng
        )
        places.append(here[who])
        at.append(when * 7)
    who = np.concatenate([np.arange(customers), *places])
    when = np.concatenate([np.zeros(customers), *at])
    day = np.datetime64("2024-01-01", "us").astype(np.int64) / 86_400_000_000
    instant = ((day + began + clock)[who] + when) * 86_400_000_000
    orders = pa.table(
        {
            "customer_id": who, "amount": np.ones(len(who)),
            "ordered_at": instant.astype(np.int64).astype("datetime64[us]"),
        }
    )  # fmt: skip
    return orders, pa.table({"customer_id": np.arange(customers), "is_member": member == 1})


def test_covariates_are_read_and_help(shop: tuple[pa.Table, pa.Table]) -> None:
    """The model that knows the members scores higher, and its effect is the logarithm of three."""
    orders, members = shop
    found = compare(
        {"plain": PLAIN, "members": MEMBERS}, Orders(orders), **HALVES, covariates=members
    )
    assert found.best == "members"
    assert found.models[0].parameters == 5
    assert found.models[0].bic < found.models[1].bic - 20
    fitted = found.reports["members"].fitted
    assert fitted.effects["purchase.is_member"] == pytest.approx(np.log(3), abs=0.2)


def test_expected_weeks_sum_over_members_and_others(shop: tuple[pa.Table, pa.Table]) -> None:
    """Each new customer is expected to buy as his covariates say."""
    orders, members = shop
    report = validate(MEMBERS, Orders(orders), **HALVES, covariates=members)
    fitted, table = report.fitted, orders.to_pandas()
    first = table.groupby("customer_id")["ordered_at"].min().dt.normalize()
    first = first[first < "2024-09-01"]
    age = (np.datetime64("2024-12-31") - first.to_numpy()) / np.timedelta64(1, "D")
    total = 0.0
    for value in (0, 1):
        new = SummaryRows(
            np.zeros(1), np.zeros(1), np.zeros(1), covariates=np.full((1, 1), float(value))
        )
        for days, many in zip(
            *np.unique(age[first.index % 2 == value], return_counts=True), strict=True
        ):
            total += many * fitted.expected_purchases(days / 7, new)[0]
    assert report.weeks[-1].expected_cumulative == pytest.approx(total, rel=1e-9)
    assert abs(report.total_error or 1) < 0.1


def test_members_are_joined_on_every_engine_here(
    shop: tuple[pa.Table, pa.Table], fast_engines: Engines
) -> None:
    """Reports are the same, with money too."""
    orders, members = (table.slice(0, 3_000) for table in shop)
    fitted = CustomerValue(transactions=MEMBERS).fit(
        pa.table(
            {
                "customer_id": [1, 2, 3, 4], "repeat_count": [0, 3, 9, 1],
                "last_purchase_age_days": [0, 50, 90, 20], "age_days": [100, 100, 100, 90],
                "mean_spend": [None, 1.0, 1.1, 0.9], "is_member": [False, True, True, False],
            }
        )
    )  # fmt: skip
    reports = [
        validate(
            fitted, Orders(to_engine(orders, engine)), **HALVES,
            covariates=to_engine(members, engine),
        )
        for engine in fast_engines.names
    ]  # fmt: skip
    first = reports[0]
    for report in reports[1:]:
        assert repr(report.tables["counts"]) == repr(first.tables["counts"])
        assert repr(report.spend) == repr(first.spend)


def test_draws_follow_the_covariates(shop: tuple[pa.Table, pa.Table]) -> None:
    """Members among drawn customers buy more, and the checks know it."""
    rng = np.random.default_rng(3)
    ages = np.full(4_000, 40.0)
    known = np.repeat([0.0, 1.0], 2_000)[:, None]
    orders, members = shop
    fitted = validate(MEMBERS, Orders(orders), **HALVES, covariates=members).fitted
    rows = SummaryRows(np.zeros(4_000), np.zeros(4_000), ages, covariates=known)
    drawn = simulated_orders(
        fitted, customers=rows, until="2025-01-01", seed=rng, backend="pyarrow"
    )
    repeats = np.bincount(drawn["customer_id"].to_numpy(), minlength=4_001)[1:] - 1
    for value in (0, 1):
        new = SummaryRows(
            np.zeros(1), np.zeros(1), np.zeros(1), covariates=np.full((1, 1), float(value))
        )
        mine = repeats[known[:, 0] == value]
        expected = fitted.expected_purchases(40.0, new)[0]
        assert mine.mean() == pytest.approx(expected, abs=4 * mine.std() / np.sqrt(len(mine)))
    counted = SummaryRows(
        repeats.astype(float), np.where(repeats > 0, 20.0, 0.0), ages, covariates=known
    )
    checks = predictive_checks(fitted, counted, draws=40)
    assert checks["mean repeats"].is_inside
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    ax = plot_period_purchases(fitted, counted, ax=Figure().subplots())
    nobody = np.zeros(2)
    both = SummaryRows(nobody, nobody, nobody, covariates=np.array([[0.0], [1.0]]))
    shares = fitted.purchase_probabilities(40.0, both)
    bars = [bar.get_height() for bar in ax.containers[1]]
    assert bars[3] == pytest.approx(2_000 * shares[:, 3].sum())


def test_covariates_that_are_not_known_are_refused(shop: tuple[pa.Table, pa.Table]) -> None:
    """Not given, not there, given twice, or not of everybody."""
    orders, members = Orders(shop[0]), shop[1]
    with pytest.raises(InvalidArgumentError, match="is_member"):
        validate(MEMBERS, orders, **HALVES)
    with pytest.raises(ColumnNotFoundError, match="is_member"):
        validate(MEMBERS, orders, **HALVES, covariates=members.rename_columns(["customer_id", "m"]))
    with pytest.raises(DataError, match="several rows"):
        validate(MEMBERS, orders, **HALVES, covariates=pa.concat_tables([members, members]))
    with pytest.raises(DataError, match="missing"):
        validate(MEMBERS, orders, **HALVES, covariates=members.slice(0, 100))
