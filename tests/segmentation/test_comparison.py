from __future__ import annotations

import datetime as dt
import math
from itertools import product
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userops.core import frames
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.segmentation import Comparison, Memberships, compare
from userops.testing import Engines, to_engine

numbers = st.lists(st.integers(-20, 20), min_size=2, max_size=12)

# Six customers: 1 to 3 in the first group, 4 to 6 in the second.
FEATURES: dict[str, Any] = {
    "customer_id": ["1", "2", "3", "4", "5", "6"],
    "spend": [10.0, 20.0, 30.0, 5.0, None, 15.0],
    "is_member": [True, True, None, False, True, False],
    "city": ["x", "x", "y", "y", "y", None],
    "since": [dt.date(2024, 1, 1)] * 6,
}
A, B = ["1", "2", "3"], ["4", "5", "6"]


def _numeric(a: list[Any], b: list[Any], dtype: Any = None) -> Comparison:
    ids = range(len(a) + len(b))
    table = pa.table({"customer_id": list(ids), "x": pa.array([*a, *b], dtype)})
    return compare(table, list(ids)[: len(a)], list(ids)[len(a) :])


def _dicts(native: Any) -> list[dict[str, Any]]:
    return frames.to_rows(frames.read(native).frame)


def test_a_print_says_of_how_many_a_share_is() -> None:
    """Shares are of the known; where that is not everybody, the line says how many they are."""
    said = str(compare(pa.table(FEATURES), A, B)).splitlines()
    assert any("city = " in line and line.endswith("of 3 and 2 known") for line in said)
    everybody = pa.table({"customer_id": A + B, "x": [1, 2, 3, 4, 5, 6]})
    assert "known" not in str(compare(everybody, A, B))


def test_known_answers_of_numbers() -> None:
    """Effect sizes of a case worked out by hand: means 20 and 10, variances 100 and 50."""
    spend = compare(pa.table(FEATURES), A, B)["spend"]
    assert (spend.known_a, spend.known_b) == (3, 2)
    assert (spend.mean_a, spend.mean_b, spend.difference) == (20.0, 10.0, 10.0)
    assert (spend.median_a, spend.median_b) == (20.0, 10.0)
    assert spend.standard_deviation_a == pytest.approx(10.0)
    assert spend.standard_deviation_b == pytest.approx(math.sqrt(50))
    pooled = math.sqrt((2 * 100 + 1 * 50) / 3)
    assert spend.cohens_d == pytest.approx(10 / pooled)
    # The exact correction for 3 degrees of freedom: gamma(1.5) / (sqrt(1.5) gamma(1)).
    assert spend.hedges_g == pytest.approx(10 / pooled * math.sqrt(math.pi) / 2 / math.sqrt(1.5))
    assert spend.effect == spend.hedges_g
    # Of six pairs, 10 > 5, 20 and 30 exceed both, and 10 < 15.
    assert spend.superiority == 5 / 6
    assert spend.cliffs_delta == pytest.approx(2 / 3)
    half = 1.959964 * math.sqrt(100 / 3 + 50 / 2)
    assert spend.difference_95 == pytest.approx((10 - half, 10 + half), abs=1e-4)


def test_known_answers_of_values() -> None:
    """Shares are of the known ones, Cohen's h and Cramér's V those worked out by hand."""
    found = compare(pa.table(FEATURES), A, B)
    member = found["is_member"]
    assert (member.kind, member.known_a, member.known_b, member.distinct) == ("flag", 2, 3, 2)
    assert [v.value for v in member.values] == ["true", "false"]
    assert (member.values[0].share_a, member.values[0].share_b) == (1.0, 1 / 3)
    h = math.pi - 2 * math.asin(math.sqrt(1 / 3))
    assert member.effect == pytest.approx(h)
    # chi2 of [[2, 0], [1, 2]] is 5 * (2*2 - 0*1)**2 / (2*3*3*2).
    assert member.cramers_v == pytest.approx(math.sqrt(5 * 16 / 36 / 5))
    city = found["city"]
    assert (city.known_a, city.known_b) == (3, 2)
    assert city.label == "city = x"
    assert city.values[0].share_a == pytest.approx(2 / 3)
    assert (city.values[0].customers_a, city.values[0].customers_b) == (2, 0)
    assert city.effect == pytest.approx(2 * math.asin(math.sqrt(2 / 3)))
    assert found.skipped == ("since",)


def test_every_engine_gives_the_same(fast_engines: Engines) -> None:
    """The table of differences is the same from each engine, in its type."""
    kept = {name: column for name, column in FEATURES.items() if name != "is_member"}
    expected = _dicts(compare(pa.table(kept), A, B).table())
    assert [(row["feature"], row["value"]) for row in expected] == [
        ("city", "x"),
        ("city", "y"),
        ("spend", None),
    ]
    for engine in fast_engines.names:
        native = to_engine(pa.table(kept), engine)
        found = compare(native, A, B).table()
        assert frames.backend_of(found) == frames.backend_of(native)
        assert _dicts(found) == expected


@given(numbers, numbers)
def test_effects_are_those_of_a_plain_reference(a: list[int], b: list[int]) -> None:
    """Effects agree with loops over all pairs and textbook formulas, ties counted half."""
    x = _numeric(a, b)["x"]
    pairs = [(p > q) + (p == q) / 2 for p, q in product(a, b)]
    assert x.superiority == pytest.approx(sum(pairs) / len(pairs))
    delta = sum(int(np.sign(p - q)) for p, q in product(a, b)) / len(pairs)
    assert x.cliffs_delta == pytest.approx(delta, abs=1e-12)
    difference, freedom = np.mean(a) - np.mean(b), len(a) + len(b) - 2
    assert x.difference == pytest.approx(difference, abs=1e-12)
    variance_a, variance_b = np.var(a, ddof=1), np.var(b, ddof=1)
    half = 1.959963984540054 * math.sqrt(variance_a / len(a) + variance_b / len(b))
    assert x.difference_95 == pytest.approx((difference - half, difference + half), abs=1e-9)
    pooled = math.sqrt(((len(a) - 1) * variance_a + (len(b) - 1) * variance_b) / freedom)
    if pooled > 0:
        assert x.cohens_d == pytest.approx(difference / pooled, abs=1e-9)
        # The usual approximation of the correction is good to a per cent and a half from 2 on.
        approximate = difference / pooled * (1 - 3 / (4 * freedom - 1))
        assert x.hedges_g == pytest.approx(approximate, rel=0.015)
    else:
        same = a[0] == b[0]
        assert x.cohens_d == (0.0 if same else math.copysign(math.inf, a[0] - b[0]))


@given(st.lists(st.sampled_from("uvwz"), min_size=1), st.lists(st.sampled_from("uvwz"), min_size=1))
def test_shares_are_those_of_a_plain_reference(a: list[str], b: list[str]) -> None:
    """Shares, h and V of text agree with counting and the definition of chi-squared."""
    found = _numeric(a, b, pa.string())["x"]
    assert {v.value for v in found.values} == {*a, *b}
    for value in found.values:
        p, q = a.count(value.value) / len(a), b.count(value.value) / len(b)
        assert (value.share_a, value.share_b) == (p, q)
        h = 2 * math.asin(math.sqrt(p)) - 2 * math.asin(math.sqrt(q))
        assert value.cohens_h == pytest.approx(h, abs=1e-12)
    largest = max(abs(v.cohens_h or 0) for v in found.values)
    assert abs(found.effect or 0) == pytest.approx(largest, abs=1e-8)
    letters, n = sorted({*a, *b}), len(a) + len(b)
    if len(letters) < 2:
        assert found.cramers_v is None
        return
    chi2 = sum(
        (own.count(x) - len(own) * (a + b).count(x) / n) ** 2 / (len(own) * (a + b).count(x) / n)
        for own in (a, b)
        for x in letters
    )
    assert found.cramers_v == pytest.approx(math.sqrt(chi2 / n), abs=1e-9)


def test_the_order_is_that_of_the_effects() -> None:
    """The largest absolute effect comes first, whatever its sign; unknown ones come last."""
    table = pa.table(
        {
            "customer_id": range(8),
            "nothing": pa.nulls(8, pa.float64()),
            "small": [1, 2, 3, 4, 1, 2, 3, 5],
            "large": [1, 2, 3, 4, 11, 12, 13, 14],
            "perfect": [1, 1, 1, 1, 2, 2, 2, 2],
        }
    )
    found = compare(table, range(4), range(4, 8))
    assert [f.feature for f in found.features] == ["perfect", "large", "small", "nothing"]
    assert found["perfect"].effect == -math.inf
    assert found["large"].effect is not None
    assert found["large"].effect < 0
    nothing = found["nothing"]
    assert (nothing.effect, nothing.mean_a, nothing.difference_95, nothing.known_a) == (
        None, None, None, 0,
    )  # fmt: skip


def test_groups_may_be_given_in_any_way() -> None:
    """Ids, frames, sets of memberships and names give the same comparison."""
    features = pa.table(FEATURES)
    expected = _dicts(compare(features, A, B).table())
    tags = pa.table({"customer_id": [*A, *B], "tag": ["one"] * 3 + ["two"] * 3})
    sets = Memberships.from_long(tags)
    for a, b, names in (
        (set(A), np.array(B), ("a", "b")),
        (pa.table({"customer_id": A * 2}), tuple(B), ("a", "b")),
        ("one", "two", ("one", "two")),
        (sets.select("one"), sets.union("two"), ("one", "two")),
        (sets.difference("one", "two"), B, ("one − two", "b")),
    ):
        found = compare(features, a, b, memberships=sets)
        assert _dicts(found.table()) == expected
        assert (found.a, found.b) == names


def test_who_is_missing_and_who_is_in_both() -> None:
    """Customers without features are counted apart, and those in both groups count in both."""
    found = compare(pa.table(FEATURES), ["1", "2", "9"], ["2", "3", "4", "8", "7"])
    assert (found.customers_a, found.customers_b) == (2, 3)
    assert (found.without_features_a, found.without_features_b) == (1, 2)
    assert found.in_both == 1
    assert found["spend"].mean_b == pytest.approx((20 + 30 + 5) / 3)
    text = repr(found)
    assert "a: 2 customers (1 more without features)" in text
    assert "1 customers are in both groups and count in both" in text
    assert "not compared: since" in text


def test_features_without_an_id_belong_to_nobody() -> None:
    """A row of features without a customer counts in no group."""
    table = pa.table({"customer_id": [1, None, 2], "x": [1.0, 99.0, 3.0]})
    found = compare(table, [1], [2])
    assert (found.customers_a, found["x"].mean_a, found["x"].mean_b) == (1, 1.0, 3.0)


def test_an_empty_group() -> None:
    """A group without customers has no means, no shares and no effects."""
    found = compare(pa.table(FEATURES), A, [])
    assert found.customers_b == 0
    assert all(f.effect is None for f in found.features)
    assert found["city"].values[0].share_b is None
    assert found["city"].cramers_v is None
    assert "–" in repr(found)
    assert "–" in found._repr_html_()


def test_text_of_many_values() -> None:
    """Of many values the most different are kept, and all are counted."""
    table = pa.table({"customer_id": range(40), "x": [f"v{k % 20}" for k in range(40)]})
    found = compare(table, range(10), range(10, 40), most_values=3)["x"]
    assert (len(found.values), found.distinct) == (3, 20)


def test_a_flag_that_is_never_true() -> None:
    """A flag that is false for all has no effect."""
    table = pa.table({"customer_id": range(4), "x": [False] * 4})
    assert compare(table, [0, 1], [2, 3])["x"].effect == 0.0


def test_the_chart() -> None:
    """Bars stand for the largest effects, and those that cannot be told are left out."""
    plt = pytest.importorskip("matplotlib.pyplot")
    found = compare(pa.table(FEATURES), A, B)
    ax = found.plot()
    [bars] = ax.containers
    assert [t.get_text() for t in ax.get_yticklabels()] == [f.label for f in found.features]
    assert [bar.get_width() for bar in bars] == [f.effect for f in found.features]
    assert len(found.plot(top=1).containers[0]) == 1
    assert [t.get_text() for t in compare(pa.table(FEATURES), A, []).plot().texts] == ["No data"]
    with pytest.raises(InvalidArgumentError, match="locale: 'fr' is not known"):
        found.plot(locale="fr")  # type: ignore[arg-type]
    plt.close("all")


def test_misuse() -> None:
    """Repeated customers, unknown names and ids of another type are refused."""
    features = pa.table(FEATURES)
    with pytest.raises(DataError, match=r"several rows of features.*2 rows of 1 customers"):
        compare(pa.table({"customer_id": [1, 1], "x": [1, 2]}), [1], [2])
    with pytest.raises(InvalidArgumentError, match="a: is a name without the sets"):
        compare(features, "one", B)
    with pytest.raises(InvalidArgumentError, match="another type on each side"):
        compare(features, [1, 2], B)
    with pytest.raises(ColumnNotFoundError, match=r"'id' \(for customer_id\) does not exist"):
        compare(features, A, B, customer_id="id")
    with pytest.raises(InvalidArgumentError, match=r"feature: 'spent' is not known.*'spend'"):
        compare(features, A, B)["spent"]
