"""Summaries read as distinct rows: the same ones whichever engine and type they come in."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from userops.core import frames
from userops.errors import ColumnNotFoundError, DataError
from userops.testing import installed_engines, to_engine
from userops.value import BGNBD, GammaGamma, SpendRows, SummaryRows
from userops.value.row_times import RowTimes, WholeDays

NAMES = ["repeat_count", "last_purchase_age_days", "age_days"]


@st.composite
def summaries(draw: st.DrawFn) -> pa.Table:
    """Draw customers whom a summary can hold, as integers or as floats of whole numbers."""
    rows = []
    for x, last, more in draw(
        st.lists(st.tuples(*[st.integers(0, 4)] * 3), min_size=1, max_size=30)
    ):
        t = last + 1 if x else 0
        rows.append((x, t, t + more))
    kind = draw(st.sampled_from([pa.int64(), pa.int16(), pa.float64()]))
    columns = zip(*rows, strict=True)
    table = {n: pa.array(c).cast(kind) for n, c in zip(NAMES, columns, strict=True)}
    return pa.table({"customer_id": [str(n) for n in range(len(rows))], **table})


def as_rows(rows: SummaryRows) -> list[tuple[float, ...]]:
    """Return the rows with their weights."""
    columns = (rows.repeat_count, rows.last_purchase_age, rows.age, rows.weight)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@settings(deadline=None)
@given(summaries(), st.sampled_from([1.0, 7.0]))
def test_rows_are_those_that_an_engine_groups(table: pa.Table, unit_days: float) -> None:
    """Values, weights and their order are equal; places lead from each customer to his row."""
    rows = SummaryRows.of(table, unit_days=unit_days)
    with mock.patch.object(frames.Source, "is_in_process", new=property(lambda _: False)):
        grouped = SummaryRows.of(table, unit_days=unit_days)
    assert as_rows(rows) == as_rows(grouped)
    each = SummaryRows(*(np.array(table[name].to_pylist(), dtype=float) for name in NAMES))
    each = each.in_units(unit_days)
    found, places = each.distinct()
    assert as_rows(found) == as_rows(rows)
    assert as_rows(found.part(places)) == [
        (x, t, age, found.weight[place])
        for (x, t, age, _), place in zip(as_rows(each), places, strict=True)
    ]


@settings(deadline=None)
@given(summaries(), st.sampled_from([1 / 3, 0.1, 1e-20]))
def test_times_that_are_no_days_are_told_apart_as_well(table: pa.Table, unit_days: float) -> None:
    """Whatever the unit, rows are distinct where their days are, and weights are added up."""
    days = SummaryRows(*(np.array(table[name].to_pylist(), dtype=float) for name in NAMES))
    weighted = SummaryRows(
        days.repeat_count, days.last_purchase_age, days.age, np.full(len(days), 2.0)
    )
    by_day, places = weighted.distinct()
    found, others = weighted.in_units(unit_days).distinct()
    assert others.tolist() == places.tolist()
    assert found.weight.tolist() == by_day.weight.tolist()
    assert found.customers == 2 * len(days)


def test_every_host_is_read() -> None:
    """Integers, fractions of days, and what is missing or not there."""
    table = pa.table(
        {
            "customer_id": ["a", "b", "c", "d"],
            "repeat_count": [2, 0, 2, 1],
            "last_purchase_age_days": [5, 0, 5, 4],
            "age_days": [9, 7, 9, 9],
            "is_member": [True, False, False, True],
        }
    )
    finer = table.set_column(2, "last_purchase_age_days", pa.array([2.5, 0.0, 2.5, 4.25]))
    for engine in installed_engines(with_spark=False):
        host = to_engine(table, engine)
        assert as_rows(SummaryRows.of(host)) == [(0, 0, 7, 1), (1, 4, 9, 1), (2, 5, 9, 2)], engine
        by_member = SummaryRows.of(host, covariates=["is_member"])
        assert by_member.weight.tolist() == [1, 1, 1, 1], engine
        heavy = SummaryRows.of(host, weight="age_days")
        assert heavy.weight.tolist() == [7, 9, 18], engine
        fine = SummaryRows.of(to_engine(finer, engine))
        assert as_rows(fine) == [(0, 0, 7, 1), (1, 4.25, 9, 1), (2, 2.5, 9, 2)], engine


def test_what_is_missing_is_refused() -> None:
    """A column, a value, or all rows."""
    table = pa.table(
        {"repeat_count": [1, 1], "last_purchase_age_days": [2.5, 2.5], "age_days": [4.0, 4.25]}
    )
    gone = table.set_column(2, "age_days", pa.array([4.0, None]))
    with pytest.raises(DataError, match="missing"):
        SummaryRows.of(gone)
    with pytest.raises(DataError, match="no row"):
        SummaryRows.of(table.slice(0, 0))
    less = table.drop_columns(["age_days"])
    for frame in (less, less.to_pandas()):
        with pytest.raises(ColumnNotFoundError, match="age_days"):
            SummaryRows.of(frame)
        with pytest.raises(ColumnNotFoundError, match="mean_spend"):
            SpendRows.of(frame)


def test_a_sample_is_every_so_manieth_row() -> None:
    """Its weights come along; who stands for nobody is left out."""
    rows = SummaryRows(np.arange(5.0), np.arange(5.0), np.full(5, 9.0), np.arange(1.0, 6.0))
    assert as_rows(rows.every(2)) == [(0, 0, 9, 1), (2, 2, 9, 3), (4, 4, 9, 5)]
    without = rows.weighted(np.array([1.0, 1.0, 0.0, 1.0, 1.0]))
    assert as_rows(without.every(2)) == [(0, 0, 9, 1), (4, 4, 9, 1)]


def test_many_rows_end_where_few_would() -> None:
    """A search that begins with the fit of a sample ends at the height of one that does not."""
    rng = np.random.default_rng(4)
    age = rng.uniform(30, 104, 60_000)
    who, at = BGNBD().simulated(np.array([0.24, 4.4, 0.8, 2.4]), age, rng)
    x = np.bincount(who, minlength=len(age)).astype(float)
    last = np.zeros(len(age))
    last[who] = at  # of ascending ages the last one stays
    rows = SummaryRows(x, last, age, np.ones(len(age)))
    plain = BGNBD().fit(rows, start=[1.0, 10.0, 1.0, 2.0])
    sampled = BGNBD().fit(rows)
    assert sampled.status == plain.status == "converged"
    assert sampled.log_likelihood == pytest.approx(plain.log_likelihood, rel=1e-12)
    assert sampled.values == pytest.approx(plain.values, rel=1e-5)


def test_spend_is_read_alike_whatever_its_order() -> None:
    """The likelihood of spend is that of equation (1a), term by term."""
    rng = np.random.default_rng(5)
    x, z = rng.integers(1, 40, 20_000).astype(float), rng.gamma(3, 12, 20_000)
    p, q, gamma = 6.25, 3.74, 15.44
    terms = (
        gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
        + (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * z)
    )  # fmt: skip
    at = GammaGamma().derivatives(np.array([p, q, gamma]), SpendRows(x, z))
    assert at.value == pytest.approx(terms.sum(), rel=1e-12)
    fitted = GammaGamma().fit(SpendRows(x, z))
    assert fitted.frequency_correlation == pytest.approx(np.corrcoef(x, z)[0, 1], abs=1e-12)
    same = GammaGamma().fit(SpendRows(np.full(50, 2.0), z[:50]))
    assert same.frequency_correlation is None


@given(
    st.lists(st.integers(0, 2_000), min_size=1, max_size=30)
    | st.lists(st.sampled_from([0, 10**15, 5]), min_size=1, max_size=5),
    st.sampled_from([1.0, 7.0, 30.4, 0.3]),
)
def test_distinct_times_give_each_row_its_own(days: list[int], unit: float) -> None:
    """Whatever the unit and however far apart: places lead back to the times, to the last bit."""
    times = np.array(days) / unit
    for found in (RowTimes.of(times), RowTimes.of_days(WholeDays(np.array(days), unit))):
        assert np.array_equal(found.values[found.places], times)
        assert (np.diff(found.values) > 0).all()
        assert len(found.values) <= 2 * len(days) + 1


def test_nobody_writes_into_what_requests_share() -> None:
    """The weight of one customer is that of all who are asked for alone."""
    one = SummaryRows.one(2, 10.0, 30.0)
    with pytest.raises(ValueError, match="read-only"):
        one.weight[0] = 7.0
    assert SummaryRows.one(0, 0.0, 30.0).customers == 1
