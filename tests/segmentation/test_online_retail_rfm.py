"""RFM of the bundled Online Retail lines against SQL that the tests wrote themselves."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from tests.segmentation.data import METHODS, POLICIES, RETAIL_AS_OF, model
from tests.segmentation.independent_sql import Answers, customers_of_net_zero

from userops import RFM, History, Orders
from userops.segmentation import FittedRFM, eight
from userops.testing import rows_of

Fitted = Callable[[str, str], FittedRFM]
Found = Callable[[str], Answers]


def by_id(native: Any) -> dict[Any, dict[str, Any]]:
    """Return the rows of `score()` by customer."""
    return {row["customer_id"]: row for row in native.to_arrow().to_pylist()}


@pytest.mark.parametrize("policy", POLICIES)
def test_values_of_each_customer_agree_with_sql(
    policy: str, fitted_retail: Fitted, retail_answers: Found
) -> None:
    """Recency, frequency and money of all customers equal independent SQL under each policy."""
    found = by_id(fitted_retail(policy, "linear").score())
    expected = retail_answers(policy).customers

    assert len(expected) > 4_000
    assert {who: (row["recency_days"], row["frequency"]) for who, row in found.items()} == {
        who: row[:2] for who, row in expected.items()
    }
    # Float of a decimal is the double nearest to it, which is what the column promises.
    assert {who: row["monetary"] for who, row in found.items()} == {
        who: float(row[2]) for who, row in expected.items()
    }


def test_separate_adds_what_was_returned(fitted_retail: Fitted, retail_answers: Found) -> None:
    """Under `separate` money and rows of returns stand beside gross totals, equal to SQL's."""
    found = by_id(fitted_retail("separate", "linear").score())
    expected = retail_answers("separate").customers

    assert {who: (row["returned"], row["return_rows"]) for who, row in found.items()} == {
        who: (float(row[3]), row[4]) for who, row in expected.items()
    }
    assert sum(row["return_rows"] for row in found.values()) > 8_000
    for policy in ("net", "ignore"):
        columns = fitted_retail(policy, "linear").score().columns
        assert not {"returned", "return_rows"} & set(columns)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("method", METHODS)
def test_scores_of_each_customer_agree_with_sql(
    policy: str, method: str, fitted_retail: Fitted, retail_answers: Found
) -> None:
    """Scores of all customers equal SQL's interpolated quantiles, or its NTILE."""
    found = by_id(fitted_retail(policy, method).score())
    expected = getattr(retail_answers(policy), method)

    assert {who: (row["r"], row["f"], row["m"]) for who, row in found.items()} == dict(expected)
    assert all(row["rfm"] == f"{row['r']}{row['f']}{row['m']}" for row in found.values())


@pytest.mark.parametrize("policy", POLICIES)
def test_cut_points_are_the_quantiles(
    policy: str, fitted_retail: Fitted, retail_answers: Found, retail_orders: Orders
) -> None:
    """Linear cut-points equal SQL's exact quantiles, and numpy's up to its rounding."""
    fitted = fitted_retail(policy, "linear")
    expected = retail_answers(policy).thresholds
    names = {"r": "recency_days", "f": "frequency", "m": "monetary"}

    for dimension, name in names.items():
        cuts = fitted.grid.cuts[dimension]
        found = [cut.value / cuts.units_in_one for cut in cuts.cuts]
        assert found == [Fraction(value) for value in expected[name]]
        values = np.array(fitted.score()[name].to_list(), dtype=float)
        by_numpy = np.quantile(values, [0.2, 0.4, 0.6, 0.8], method="linear")
        np.testing.assert_allclose([float(value) for value in found], by_numpy, rtol=1e-12)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("method", METHODS)
def test_classic_segments_agree_with_sql(
    policy: str, method: str, fitted_retail: Fitted, retail_answers: Found
) -> None:
    """Customers and money of each of the eleven segments equal SQL's, to the last unit."""
    fitted = fitted_retail(policy, method)
    rows = fitted.segments().to_dicts()
    expected = retail_answers(policy).classic[method]
    total = sum((spent for _, spent in expected.values()), Decimal(0))

    assert len(rows) == 11
    assert {r["segment"]: (r["customers"], r["monetary"]) for r in rows if r["customers"]} == {
        name: (count, float(spent)) for name, (count, spent) in expected.items()
    }
    for row in rows:
        count, spent = expected.get(row["segment"], (0, Decimal(0)))
        assert row["customer_share"] == count / fitted.customers
        assert row["monetary_share"] == float(Fraction(spent) / Fraction(total))
        if count:
            assert row["mean_monetary"] == float(Fraction(spent) / count)


@pytest.mark.parametrize("method", METHODS)
def test_eight_segments_agree_with_sql(
    method: str, retail_orders: Orders, retail_answers: Found
) -> None:
    """The eight segments, cut at the mean scores and named in Chinese, equal SQL's."""
    fitted = model(method, segments=eight(), locale="zh").fit(retail_orders, as_of=RETAIL_AS_OF)
    expected = retail_answers("net").eight[method]

    rows = fitted.segments().to_dicts()
    assert {r["segment"]: (r["customers"], r["monetary"]) for r in rows if r["customers"]} == {
        name: (count, float(spent)) for name, (count, spent) in expected.items()
    }
    assert len(rows) == 8


def test_totals_equal_the_quality_report(retail_orders: Orders, fitted_retail: Fitted) -> None:
    """Gross segment totals come to what the quality report calls purchased, exactly."""
    quality = retail_orders.quality
    assert quality.purchased_minor_units is not None
    rows = fitted_retail("ignore", "ntile").segments().to_dicts()

    total = sum(Decimal(repr(row["monetary"])) for row in rows)
    assert total == Decimal(quality.purchased_minor_units) / 1000


def test_net_spend_of_exactly_zero_is_found(retail_lines: pa.Table, fitted_retail: Fitted) -> None:
    """Customers who got all of their money back have exactly 0, where float sums miss some."""
    expected = customers_of_net_zero(retail_lines, RETAIL_AS_OF)
    found = {who for who, r in by_id(fitted_retail("net", "linear").score()).items()
             if r["monetary"] == 0}  # fmt: skip

    table = retail_lines.to_pandas().dropna(subset=["CustomerID"])
    in_floats = (table["Quantity"] * table["UnitPrice"]).groupby(table["CustomerID"]).sum()
    said_zero_by_floats = {int(who) for who in in_floats.index[in_floats == 0]}

    assert len(expected) >= 10
    assert found == expected
    assert expected - said_zero_by_floats, "no float sum went wrong, so this shows nothing"


def test_an_earlier_as_of_leaks_nothing(retail_lines: pa.Table, retail_orders: Orders) -> None:
    """Scores as of June from the whole year equal those from a history that ends there."""
    as_of = "2011-06-01"
    kept = pa.compute.less(retail_lines["InvoiceDate"], pa.scalar(np.datetime64(as_of, "ms")))
    cut_lines = retail_lines.filter(kept)
    assert 0 < cut_lines.num_rows < retail_lines.num_rows
    cut_orders = Orders(type(retail_orders.source.native)(cut_lines), retail_orders.columns)

    for policy in POLICIES:
        for method in METHODS:
            whole, cut = (
                model(method).fit(History(orders, returns=policy), as_of=as_of)
                for orders in (retail_orders, cut_orders)
            )
            assert whole.grid == cut.grid
            assert whole.version == cut.version
            assert rows_of(whole.score()) == rows_of(cut.score())
            # A model of December scores June's customers by what was known in June.
            later = model(method).fit(History(retail_orders, returns=policy), as_of=RETAIL_AS_OF)
            assert rows_of(
                later.score(History(retail_orders, returns=policy), as_of=as_of)
            ) == rows_of(later.score(History(cut_orders, returns=policy), as_of=as_of))


@pytest.mark.parametrize("bins", [2, 3, 7, 10])
def test_any_number_of_bins_agrees_with_numpy(bins: int, retail_orders: Orders) -> None:
    """Linear cut-points of any number of bins are numpy's linear quantiles."""
    fitted = RFM(monetary=bins, segments=None).fit(retail_orders, as_of=RETAIL_AS_OF)
    scored = fitted.score()
    values = scored["monetary"].to_numpy()
    cuts = np.quantile(values, [k / bins for k in range(1, bins)], method="linear")

    np.testing.assert_allclose(
        [float(c.value) / 1000 for c in fitted.grid.cuts["m"].cuts], cuts, rtol=1e-12
    )
    scores = scored["m"].to_numpy()
    assert sorted(set(scores)) == list(range(1, bins + 1))
    assert (np.abs(scores - 1 - np.searchsorted(cuts, values)) == 0).mean() > 0.999
