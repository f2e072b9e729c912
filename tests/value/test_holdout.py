"""A holdout: the figures of the papers, counts by plain Python, and every engine."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import attrs
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import hyp2f1
from tests.by_engine import instants

from userops import History, Orders
from userops.core import frames
from userops.errors import DataError, InvalidArgumentError
from userops.testing import Engines, to_engine
from userops.value import (
    BGNBD,
    CustomerValue,
    FittedCustomerValue,
    FittedTransactionModel,
    GammaGamma,
    HoldoutReport,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    TransactionModel,
    validate,
)
from userops.value.ranking import Ranking

HALVES: dict[str, Any] = {"as_of": "1998-07-01", "calibration_end": "1997-10-01"}
START, CUT = dt.date(1997, 1, 1), dt.date(1997, 10, 1)


@pytest.fixture(scope="module")
def bg(cdnow_orders: Orders) -> HoldoutReport:
    """Return BG/NBD held against 39 weeks of CDNOW."""
    return validate(BGNBD(), cdnow_orders, **HALVES)


@pytest.fixture(scope="module")
def valued(cdnow_orders: Orders) -> HoldoutReport:
    """Return the same with money."""
    return validate(CustomerValue(), cdnow_orders, **HALVES)


def fitted_to_many(model: TransactionModel) -> FittedTransactionModel:
    """Fit a model to customers drawn at parameters near those of CDNOW."""
    at = np.array([0.55, 10.6, 0.61, 11.7])
    ages = np.full(3_000, 39.0)
    places, when = ParetoNBD().simulated(at, ages, np.random.default_rng(5))
    last = np.zeros(len(ages))
    last[places] = when
    count = np.bincount(places, minlength=len(ages)).astype(float)
    return model.fit(SummaryRows(count, last, ages))


def days_by_customer(log: pa.Table) -> dict[str, list[dt.date]]:
    """Return the distinct days of purchase of each customer, ascending."""
    found: dict[str, set[dt.date]] = {}
    for row in log.to_pylist():
        day = dt.datetime.strptime(row["ordered_at"], "%Y%m%d").replace(tzinfo=dt.UTC).date()
        found.setdefault(row["customer_id"], set()).add(day)
    return {customer: sorted(days) for customer, days in found.items()}


def test_totals_are_the_published_ones(bg: HoldoutReport, cdnow_orders: Orders) -> None:
    """1,653.4 purchases by BG/NBD and 1,665.5 by Pareto/NBD against 1,882."""
    pareto = validate(ParetoNBD(), cdnow_orders, **HALVES)
    assert bg.expected == pytest.approx(1653.4, abs=0.05)
    assert pareto.expected == pytest.approx(1665.5, abs=0.05)
    assert (bg.actual, bg.customers, bg.horizon) == (1882, 2357, 39.0)
    assert bg.total_error == pytest.approx(1653.4 / 1882 - 1, abs=1e-4)
    assert (bg.calibration_end, bg.holdout_end) == (dt.date(1997, 9, 30), dt.date(1998, 6, 30))


def test_weeks_are_those_of_the_log(bg: HoldoutReport, cdnow_log: pa.Table) -> None:
    """78 weeks, each with the repeat days that plain Python counts, 39 of them held out."""
    counted: Counter[int] = Counter()
    for days in days_by_customer(cdnow_log).values():
        counted.update((day - START).days // 7 + 1 for day in days[1:])
    assert [row.actual for row in bg.weeks] == [counted[week] for week in range(1, 79)]
    assert [row.part for row in bg.weeks] == ["calibration"] * 39 + ["holdout"] * 39
    assert (bg.weeks[39].begin, bg.weeks[-1].end) == ("1997-10-01", "1998-06-30")
    assert bg.weeks[-1].actual_cumulative == 2457 + 1882


def test_expected_weeks_sum_over_customers(bg: HoldoutReport, cdnow_log: pa.Table) -> None:
    """Each customer's E[X(t)], equation (9) of the paper, from the day of the first purchase."""
    r, alpha, a, b = bg.fitted.values
    first = [days[0] for days in days_by_customer(cdnow_log).values()]
    for week in (12, 39, 78):
        end = START + dt.timedelta(days=7 * week - 1)
        t = np.array([max((end - day).days, 0) / 7 for day in first])
        expected = (a + b - 1) / (a - 1) * (
            1 - (alpha / (alpha + t)) ** r * hyp2f1(r, b, a + b - 1, t / (alpha + t))
        )  # fmt: skip
        assert bg.weeks[week - 1].expected_cumulative == pytest.approx(expected.sum(), rel=1e-9)
    # Both models run a few per cent below the cumulated purchases at the end.
    assert bg.weeks[-1].expected_cumulative / 4339 - 1 == pytest.approx(-0.041, abs=5e-4)
    held = [row for row in bg.weeks if row.part == "holdout"]
    gaps = [abs(row.expected_cumulative / row.actual_cumulative - 1) for row in held]
    assert bg.tracking_error == pytest.approx(np.mean(gaps))


def test_counts_of_the_calibration(bg: HoldoutReport, cdnow: pa.Table) -> None:
    """Means by 0 … 7+ repeats are those of the summary's rows."""
    rows = SummaryRows.of(cdnow, unit_days=7)
    count = np.array(cdnow["repeat_count"].to_pylist())
    held = np.array(cdnow["holdout_count"].to_pylist())
    for n, row in enumerate(bg.counts):
        here = count >= 7 if n == 7 else count == n
        assert row.customers == here.sum()
        assert row.actual_mean == pytest.approx(held[here].mean())
        kept = rows.repeat_count >= 7 if n == 7 else rows.repeat_count == n
        expected = bg.fitted.expected_purchases(39, rows)
        mean = np.average(expected[kept], weights=rows.weight[kept])
        assert row.expected_mean == pytest.approx(mean)
    assert [row.repeat_count for row in bg.counts] == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert [round(row.actual_mean, 3) for row in bg.counts] == [
        0.237, 0.697, 1.393, 1.560, 2.532, 2.947, 3.862, 6.359,
    ]  # fmt: skip


def test_errors_are_those_of_each_customer(bg: HoldoutReport, cdnow: pa.Table) -> None:
    """Of the model and of naive predictions, by one array of customers."""
    count, age, held = (
        np.array(cdnow[name].to_pylist(), dtype=float)
        for name in ("repeat_count", "age_days", "holdout_count")
    )
    last = np.array(cdnow["last_purchase_age_days"].to_pylist(), dtype=float)
    rows = SummaryRows(count, last / 7, age / 7, np.ones(len(count)))
    naive = {
        "BGNBD": bg.fitted.expected_purchases(39, rows),
        "own rate": count / age * 273,
        "mean rate": np.full(len(count), count.sum() / age.sum() * 273),
        "nothing": np.zeros(len(count)),
    }
    assert [row.prediction for row in bg.errors] == list(naive)
    for row in bg.errors:
        gap = naive[row.prediction] - held
        assert row.mae == pytest.approx(np.abs(gap).mean())
        assert row.rmse == pytest.approx(np.sqrt((gap**2).mean()))
        assert row.total == pytest.approx(naive[row.prediction].sum())
    probabilities = BGNBD().purchase_probabilities(bg.fitted.values, 39.0, rows, int(held.max()))
    logs = np.log(probabilities[np.arange(len(held)), held.astype(int)])
    assert bg.log_score == pytest.approx(logs.sum())


def test_alive_bands_say_who_bought(bg: HoldoutReport, cdnow: pa.Table) -> None:
    """Every customer stands in one band; 676 of 2,357 bought again, and bands add up to them."""
    bought = sum(n > 0 for n in cdnow["holdout_count"].to_pylist())
    assert sum(band.customers for band in bg.alive_bands) == 2357
    found = sum(band.customers * band.actual_share for band in bg.alive_bands)
    assert found == pytest.approx(bought)
    for band in bg.alive_bands:
        low, high = (float(limit) for limit in band.band.split("–"))
        assert low <= band.p_alive_mean <= high
        assert 0 <= band.expected_share <= band.p_alive_mean + 1e-12


def test_deciles_hold_all(bg: HoldoutReport) -> None:
    """Ten tenths of the customers hold everything that was expected and done, the best first."""
    assert sum(row.customers * row.expected_mean for row in bg.deciles) == pytest.approx(
        bg.expected
    )
    assert sum(row.customers * row.actual_mean for row in bg.deciles) == pytest.approx(1882)
    assert bg.deciles[-1].captured_share == pytest.approx(1)
    assert np.mean([row.lift or 0 for row in bg.deciles]) == pytest.approx(1)
    expected = [row.expected_mean for row in bg.deciles]
    assert expected == sorted(expected, reverse=True)
    assert (bg.deciles[0].lift or 0) > 4
    assert bg.gini is not None
    assert bg.gini_perfect is not None
    assert 0.5 < bg.gini < bg.gini_perfect
    assert (bg.lorenz[0].actual_share, bg.lorenz[-1].actual_share) == (0, 1)
    assert all(point.perfect_share >= point.actual_share - 1e-12 for point in bg.lorenz)


def test_money_is_ranked_by_clv(valued: HoldoutReport, cdnow: pa.Table, bg: HoldoutReport) -> None:
    """Holdout spend adds up, and the tenths are those of the CLV of each customer."""
    spend = valued.spend
    assert spend is not None
    assert valued.expected == pytest.approx(bg.expected)
    held = np.array(cdnow["holdout_spend"].to_pylist())
    assert spend.actual == pytest.approx(held.sum())
    worth = CustomerValue().fit(cdnow).score(cdnow).sort_by("customer_id")
    clv = np.array(worth["clv"].to_pylist())
    best = held[np.argsort(-clv, kind="stable")[:235]].sum()
    assert spend.deciles[0].captured_share == pytest.approx(best / held.sum(), abs=2e-3)
    expected = sum(row.customers * row.expected_mean for row in spend.deciles)
    assert expected == pytest.approx(spend.expected)
    assert [row.prediction for row in spend.errors][:2] == ["CustomerValue", "own rate"]


def test_reports_read_well(bg: HoldoutReport, valued: HoldoutReport) -> None:
    """Text, HTML, sentences, and frames in the type of the orders."""
    assert "1,653.4 expected, 1,882 made (-12.1%)" in repr(bg)
    assert "1,653.4 purchases until 1998-06-30; 1,882 were made (-12.1%)" in bg.describe()
    assert "The best tenth by CLV" in valued.describe()
    assert "<caption>spend deciles</caption>" in valued._repr_html_()
    for name, rows in valued.tables.items():
        table = valued.table(name)
        assert isinstance(table, pa.Table)
        assert table.to_pylist() == [attrs.asdict(row) for row in rows]
    with pytest.raises(InvalidArgumentError, match="weeks"):
        bg.table("week")


def test_a_fitted_model_is_taken_as_it_is(bg: HoldoutReport, cdnow_orders: Orders) -> None:
    """Nothing is fitted again, and days serve as well as weeks."""
    again = validate(bg.fitted, cdnow_orders, **HALVES)
    assert again.fitted is bg.fitted
    summary_days = BGNBD().fit(cdnow_orders, "1997-10-01", unit="days")
    daily = validate(summary_days, History(cdnow_orders), **HALVES)
    assert daily.horizon == 273
    assert daily.expected == pytest.approx(bg.expected, rel=1e-6)
    assert daily.weeks[-1].expected_cumulative == pytest.approx(
        bg.weeks[-1].expected_cumulative, rel=1e-6
    )
    assert daily.log_score == pytest.approx(bg.log_score, rel=1e-6)


# A week and a half before the cut, two weeks after it; d comes too late to count.
SMALL = pa.table(
    {
        "customer_id": ["a", "a", "a", "a", "b", "b", "c", "d", "d"],
        "ordered_at": instants(
            "2024-01-01 01:00", "2024-01-05 15:00", "2024-01-12 01:00", "2024-01-20 01:00",
            "2024-01-03 01:00", "2024-01-15 01:00", "2024-01-09 20:00", "2024-01-13 01:00",
            "2024-01-16 01:00",
        ),
        "amount": [5.0, 7.0, 20.0, 4.0, 1.5, 2.5, 9.0, 1.0, 1.0],
    }
)  # fmt: skip


def test_every_engine_gives_one_report(engines: Engines) -> None:
    """Weeks end with the calibration, days are local, and late customers are no part of it.

    Tables, money and scores are the same to the last digit.
    """
    rng = np.random.default_rng(6)
    spend = GammaGamma().fit(SpendRows(np.ones(500), rng.gamma(6, 1 / rng.gamma(4, 1 / 15, 500))))
    fitted = FittedCustomerValue(CustomerValue(), fitted_to_many(BGNBD()), spend)
    reports = []
    for engine in engines.names:
        orders = Orders(to_engine(SMALL, engine), time_zone="Asia/Shanghai")
        report = validate(fitted, orders, as_of="2024-01-25", calibration_end="2024-01-11")
        assert [(row.begin, row.end, row.part, row.actual) for row in report.weeks] == [
            ("2024-01-01", "2024-01-03", "calibration", 0),
            ("2024-01-04", "2024-01-10", "calibration", 1),
            ("2024-01-11", "2024-01-17", "holdout", 2),
            ("2024-01-18", "2024-01-24", "holdout", 1),
        ], engine
        assert (report.actual, report.customers) == (3, 3), engine
        assert report.spend is not None
        assert report.spend.actual == 26.5, engine
        native = frames.read(report.table("counts"))
        assert native.engine == orders.source.engine, engine
        reports.append(report)
    for other in reports[1:]:
        assert other.tables == reports[0].tables
        assert other.log_score == reports[0].log_score


def test_what_cannot_be_held_out_is_refused() -> None:
    """No day, nobody, no model."""
    orders = Orders(SMALL)
    with pytest.raises(InvalidArgumentError, match="no day to hold out"):
        validate(BGNBD(), orders, as_of="2024-01-11", calibration_end="2024-01-11")
    with pytest.raises(DataError, match="nobody bought before"):
        validate(BGNBD(), orders, as_of="2024-01-11", calibration_end="2023-01-11")
    with pytest.raises(InvalidArgumentError, match="cannot be validated"):
        validate("BGNBD", orders, as_of="2024-01-25", calibration_end="2024-01-11")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="has no orders"):
        validate(BGNBD(), SMALL, as_of="2024-01-25", calibration_end="2024-01-11")


def test_a_holdout_without_purchases_has_no_shares() -> None:
    """What would be divided by nothing is not there, and the report still reads."""
    orders = Orders(SMALL)
    report = validate(BGNBD(), orders, as_of="2024-02-25", calibration_end="2024-01-25")
    assert report.actual == 0
    assert report.total_error is None
    assert report.gini is None
    assert report.weekly_error is None
    assert report.lorenz == ()
    assert report.table("lorenz").column_names[0] == "customers_share"
    assert "nothing can be ranked" in repr(report)
    assert report.fitted.status in repr(report)
    assert report.describe()


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 9), st.integers(1, 4)), min_size=1, max_size=30
    )
)
def test_rankings_are_means_over_the_orders_of_equals(rows: list[tuple[int, int, int]]) -> None:
    """Gini by the definition over pairs of customers, and nothing is lost in the tenths."""
    score, actual, weight = (np.array(values, dtype=float) for values in zip(*rows, strict=True))
    ranking = Ranking.of(score, score, actual, weight)
    who = np.repeat(np.arange(len(rows)), weight.astype(int))
    total, n = actual[who].sum(), len(who)
    if not total:
        assert ranking.gini is None
        return
    # Twice the area is the share of each customer, times how many stand at or behind him.
    behind = np.array([
        (score[who] < score[k]).sum() + ((score[who] == score[k]).sum()) / 2 for k in who
    ])  # fmt: skip
    assert ranking.gini == pytest.approx(2 * (actual[who] * behind).sum() / (total * n) - 1)
    captured = sum(row.customers * row.actual_mean for row in ranking.deciles())
    assert captured == pytest.approx(total)
