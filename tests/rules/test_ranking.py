"""Percentiles and the n highest: cut-points worked out by hand, the same on every engine."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules.small_shop import FAST, answered, rows_of_answer, shop

from userops import History
from userops.errors import ColumnTypeError, InvalidDefinitionError, NotFittedError
from userops.rules import (
    Attr,
    Did,
    FittedPercentile,
    FittedTopN,
    Percentile,
    Prop,
    Rule,
    RuleSet,
    TopN,
    fitted_rules,
)

SPENT = Did("order").sum("amount")
AS_OF = "2024-06-01"


def spenders(amounts: list[float], engine: str = "pyarrow", scale: int = 2) -> History:
    """Customers a, b, c … with an order each."""
    rows = [(chr(97 + n), "2024-01-01", amount) for n, amount in enumerate(amounts)]
    return shop(rows, engine, scale=scale)


def who(rule: Rule, history: History) -> str:
    """Return the letters of those of whom a rule holds."""
    found = rows_of_answer({"r": rule}, history, AS_OF)
    return "".join(sorted(name for name, row in found.items() if row["r"]))


def test_the_top_tenth_of_ten_is_one() -> None:
    """Of 10 values the percentile 0.9 is the ninth; above it lies the tenth alone."""
    history = spenders([10.0 * n for n in range(1, 11)])
    fitted = SPENT.in_percentile(0.9, 1).fit(history, AS_OF)

    assert isinstance(fitted, FittedPercentile)
    assert (fitted.above, fitted.upto, fitted.scale, fitted.population) == (9_000, None, 2, 10)
    assert who(fitted, history) == "j"


@pytest.mark.parametrize(
    ("low", "high", "above", "upto", "letters"),
    [
        (0, 0.5, None, 2, "ab"), (0.5, 1, 2, None, "cd"), (0.25, 0.75, 1, 3, "bc"),
        (0, 1, None, None, "abcd"), (0, 0.01, None, 1, "a"), (0.99, 1, 4, None, ""),
        (0.24, 0.26, 1, 2, "b"), (0.1, 0.2, 1, 1, ""),
    ],
)  # fmt: skip
def test_bands_of_four(low: float, high: float, above: Any, upto: Any, letters: str) -> None:
    """The percentile p of 1, 2, 3, 4 is the value at rank ⌈4 p⌉, and a band lies above its low."""
    history = spenders([1, 2, 3, 4], scale=0)
    fitted: Any = Percentile(SPENT, low, high).fit(history, AS_OF)

    assert (fitted.above, fitted.upto) == (above, upto)
    assert who(fitted, history) == letters


def test_seven_tenths_of_ten_is_rank_seven() -> None:
    """0.7 times 10 is a little above 7 in binary; the rank is 7, not 8."""
    assert Percentile(SPENT, 0.7, 1).ranks(10) == (6, None)
    assert Percentile(SPENT, 0.29, 0.57).ranks(100) == (28, 56)
    assert Percentile(SPENT, 0, 0.1).ranks(1) == (None, 0)


def test_equal_values_stand_on_one_side_of_a_percentile() -> None:
    """Where the cut meets ties, none of them is above it."""
    history = spenders([5, 5, 5, 9])
    fitted: Any = SPENT.in_percentile(0.5, 1).fit(history, AS_OF)

    assert fitted.above == 500
    assert who(fitted, history) == "d"
    assert who(~fitted, history) == "abc"


def test_the_n_highest_part_equal_values_by_the_smaller_id() -> None:
    """Of three equal values at the cut, the first by id are in."""
    history = spenders([5, 9, 5, 5, 1])
    for n, letters in ((1, "b"), (2, "ab"), (3, "abc"), (4, "abcd"), (5, "abcde"), (99, "abcde")):
        fitted: Any = SPENT.in_top(n).fit(history, AS_OF)
        assert who(fitted, history) == letters, n
    assert isinstance(fitted, FittedTopN)
    assert (fitted.last, fitted.last_id, fitted.scale) == (100, "e", 2)
    assert SPENT.in_top(3).fit(history, AS_OF).last_id == "c"


def test_nobody_is_in_a_band_of_nobody() -> None:
    """Where no customer has a value, no band and no top holds anybody, then and later."""
    rules = [Attr("score").in_percentile(0, 1), Attr("score").in_top(3)]
    empty = shop(
        [("a", "2024-01-01", 1)],
        customers={"customer_id": ["a"], "score": pa.array([None], pa.int64())},
    )
    later = shop([("a", "2024-01-01", 1)], customers={"customer_id": ["a"], "score": [7]})
    for rule in rules:
        fitted = rule.fit(empty, AS_OF)
        assert who(fitted, empty) == who(fitted, later) == ""
        assert fitted.answer_one(later.customer("a"), AS_OF) is False
        assert fitted.describe() == rule.describe()


def test_a_missing_value_is_in_no_band_and_a_sum_of_nothing_is_zero() -> None:
    """Customers without a mean are left out; a count of nothing is a value like any other."""
    history = shop(
        [("a", "2024-01-01", 10), ("b", "2024-01-01", 20)],
        customers={"customer_id": ["a", "b", "c", "d"], "x": [1, 2, 3, 4]},
    )
    mean: Any = Did("order").mean("amount").in_percentile(0, 0.5).fit(history, AS_OF)
    count: Any = Did("order").count().in_percentile(0, 0.5).fit(history, AS_OF)

    assert (mean.population, mean.upto) == (2, 10.0)
    assert (count.population, count.upto) == (4, 0)
    assert who(mean, history) == "a"
    assert who(count, history) == "cd"


def test_every_engine_finds_the_same_cut_points() -> None:
    """Money, whole numbers, floats, days and instants, fitted and then asked on each engine."""
    n = 17
    rows = [(f"c{k:02d}", f"2024-01-{1 + k % 5:02d}T08:00", 10 + 7.25 * (k % 6)) for k in range(n)]
    people = {
        "customer_id": [row[0] for row in rows],
        "points": [(2**53 + 1) * (k % 3) for k in range(n)],
        "rate": [None if k % 4 == 0 else (0.1 * k if k else 0.0) for k in range(n)],
        "born": [dt.date(1960 + k % 7, 2, 28) for k in range(n)],
    }
    values: dict[str, Any] = {
        "spent": SPENT, "mean": Did("order").mean("amount"), "last": Did("order").last(),
        "points": Attr("points"), "rate": Attr("rate"), "born": Attr("born"),
        "per": SPENT / Did("order").count(),
    }  # fmt: skip
    rules: dict[str, Any] = {f"{k} band": v.in_percentile(0.3, 0.8) for k, v in values.items()}
    rules |= {f"{k} top": v.in_top(4) for k, v in values.items()}

    def build(engine: str) -> History:
        return shop(rows, engine, customers=people)

    expected = fitted_rules(rules, build("pyarrow"), AS_OF)
    for engine in FAST[1:]:
        found = fitted_rules(rules, build(engine), AS_OF)
        assert {k: v.to_dict() for k, v in found.items()} == {
            k: v.to_dict() for k, v in expected.items()
        }, engine
    answers = answered(expected, build, AS_OF)
    for name in values:
        assert sum(row[f"{name} top"] for row in answers.values()) == 4
    # Fitted rules are documents: what comes back says the same, and holds of the same.
    back = {name: Rule.from_dict(rule.to_dict()) for name, rule in expected.items()}
    assert rows_of_answer(back, build("pyarrow"), AS_OF) == answers


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=12), st.integers(1, 14),
    st.sampled_from([(0, 0.5), (0.2, 0.9), (0.5, 1), (1 / 3, 2 / 3), (0.05, 0.1)]),
)  # fmt: skip
def test_ranks_are_those_of_sorting(amounts: list[int], n: int, band: tuple[float, float]) -> None:
    """Bands and the n highest are what one finds by sorting values, and ids among equal ones."""
    ids = [f"c{k:02d}" for k in range(len(amounts))]
    history = shop([("c00", "2024-01-01", 1)], customers={"customer_id": ids, "score": amounts})
    rules = fitted_rules(
        {"top": Attr("score").in_top(n), "band": Attr("score").in_percentile(*band)}, history, AS_OF
    )

    found = rows_of_answer(rules, history, AS_OF)

    best = sorted(zip(amounts, ids, strict=True), key=lambda pair: (-pair[0], pair[1]))[:n]
    assert {name for name, row in found.items() if row["top"]} == {name for _, name in best}
    # At most a share `high` lies strictly below the upper cut, and it is the lowest such value.
    low, high = (
        min(v for v in amounts if sum(x <= v for x in amounts) >= round(p * len(amounts), 6))
        for p in band
    )
    for name, amount in zip(ids, amounts, strict=True):
        wanted = (band[0] == 0 or amount > low) and (band[1] == 1 or amount <= high)
        assert found[name]["band"] is wanted


def test_unfitted_rules_say_that_they_are_not_fitted() -> None:
    """Asked before `fit`, in whatever way, they name themselves and the remedy."""
    history = spenders([1, 2, 3])
    customer = history.customer("a")
    for rule in (SPENT.in_percentile(0.9, 1), SPENT.in_top(2), ~SPENT.in_top(2) | Did("order")):
        for ask in (
            lambda rule=rule: rule.answer_one(customer, AS_OF),
            lambda rule=rule: rule.answer(history, AS_OF),
            lambda rule=rule: rule.customers(history, AS_OF),
            lambda rule=rule: rule.explain(customer, AS_OF),
            lambda rule=rule: RuleSet({"r": rule}).answer_one(customer, AS_OF),
        ):
            with pytest.raises(NotFittedError, match="relative to a population") as caught:
                ask()
            assert "rule.fit(history, as_of)" in str(caught.value.hint)


def test_money_of_another_scale_is_refused() -> None:
    """Cut-points count minor units, so they hold for money of their own scale alone."""
    history, other = spenders([1, 2, 3], scale=2), spenders([1, 2, 3], scale=3)
    for rule in (SPENT.in_percentile(0.5, 1), SPENT.in_top(1)):
        fitted = rule.fit(history, AS_OF)
        for ask in (
            lambda fitted=fitted: fitted.answer(other, AS_OF),
            lambda fitted=fitted: fitted.answer_one(other.customer("a"), AS_OF),
        ):
            with pytest.raises(NotFittedError, match="money of another scale") as caught:
                ask()
            assert (caught.value.got, caught.value.allowed) == ("scale=3", "scale=2")


@pytest.mark.parametrize("engine", FAST)
def test_ids_of_another_type_are_refused(engine: str) -> None:
    """Ties go by the id, so the n highest hold for ids of their own type alone."""
    text, whole = (
        shop([(who, "2024-01-01", paid) for who, paid in zip(ids, (1, 1, 2), strict=True)], engine)
        for ids in ("abc", (1, 2, 3))
    )
    for own, other, one, got in ((text, whole, 3, "whole numbers"), (whole, text, "c", "text")):
        fitted = SPENT.in_top(2).fit(own, AS_OF)
        answers = rows_of_answer({"r": fitted}, own, AS_OF)
        assert [row["r"] for _, row in sorted(answers.items())] == [True, False, True]
        for ask in (
            lambda fitted=fitted, other=other: rows_of_answer({"r": fitted}, other, AS_OF),
            lambda fitted=fitted, other=other, one=one: fitted.answer_one(
                other.customer(one), AS_OF
            ),
        ):
            with pytest.raises(NotFittedError, match="ids of another type") as caught:
                ask()
            assert caught.value.got == got


def test_what_has_no_order_is_refused() -> None:
    """Text and flags cannot be ranked: refused when written where known, else when fitted."""
    history = shop(
        [("a", "2024-01-01", 1)], customers={"customer_id": ["a"], "city": ["x"], "vip": [True]}
    )
    for name in ("city", "vip"):
        with pytest.raises(ColumnTypeError, match="no order"):
            Attr(name).in_top(1).fit(history, AS_OF)
        with pytest.raises(ColumnTypeError, match="no order"):
            Attr(name).in_percentile(0, 1).fit(history, AS_OF)
    fitted = FittedTopN(Attr("city"), 1, last=5, last_id="a")
    for ask in (
        lambda: fitted.answer(history, AS_OF),
        lambda: fitted.answer_one(history.customer("a"), AS_OF),
    ):
        with pytest.raises(ColumnTypeError, match="no order"):
            ask()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: SPENT.in_percentile(0.5, 0.5), "high: must lie above low"),
        (lambda: SPENT.in_percentile(0.9, 0.1), "high: must lie above low"),
        (lambda: SPENT.in_percentile(10, 90), "low: must be a share"),
        (lambda: SPENT.in_percentile(-0.1, 0.5), "low: must be a share"),
        (lambda: SPENT.in_percentile(0, True), "high: must be a share"),
        (lambda: SPENT.in_percentile(float("nan"), 1), "low: must be a share"),
        (lambda: SPENT.in_top(0), "n: must be a whole number"),
        (lambda: SPENT.in_top(1.5), "n: must be a whole number"),
        (lambda: SPENT.in_top(True), "n: must be a whole number"),
        (lambda: Prop("amount").in_top(1), "value: is about one event"),
        (lambda: TopN("amount", 1), "value: is not a term"),
    ],
)
def test_bands_that_make_no_sense_are_refused(make: Any, problem: str) -> None:
    """Refused when written, naming the field."""
    with pytest.raises(InvalidDefinitionError, match=problem):
        make()


def test_a_rule_without_a_population_is_fitted_as_it_is() -> None:
    """Fitting changes nothing else: the same conditions stand around the cut-points."""
    history = spenders([1, 2, 3])
    plain = Did("order") & (SPENT > 1)
    fitted = (plain & SPENT.in_top(1)).fit(history, AS_OF)

    assert plain.fit(history, AS_OF) == plain
    assert fitted.nodes()[:2] == plain.nodes()
    assert who(fitted, history) == "c"


def test_cut_points_of_times_are_said_as_times_and_kept_for_times() -> None:
    """A date is said as a date, a time as a time in UTC; numbers do not meet such cut-points."""
    history = spenders([1, 2, 3])
    rules = [Did("order").last().in_top(1), Did("order").last().in_percentile(0.5, 1)]
    for rule in rules:
        fitted = rule.fit(history, AS_OF)
        assert re.search(r"\([>≥] \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC\)$", str(fitted)), fitted
        assert Rule.from_dict(fitted.to_dict()) == fitted
        other = attrs.evolve(fitted, value=Did("order").count())
        with pytest.raises(NotFittedError, match="values of another kind"):
            other.answer(history, AS_OF)
        with pytest.raises(NotFittedError, match="values of another kind"):
            other.answer_one(history.customer("a"), AS_OF)
    assert str(FittedTopN(Attr("born"), 1, last=19_000, last_id="a", cut="day")).endswith(
        "(≥ 2022-01-08)"
    )
