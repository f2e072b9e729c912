"""Constants: every comparison equals the exact one of Python, whatever the column holds."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules.small_shop import FAST, answered, rows_of_answer, shop

from userops import History
from userops.core.time import zone
from userops.core.values import Day, Instant
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.rules import Attr, Compare, Did, Rule
from userops.rules.literals import (
    OPERATORS,
    Fitted,
    check_fits,
    constant,
    fitted,
    kind_of,
    plain,
    said_constant,
)

UTC = zone("UTC")
ODD: tuple[Any, ...] = (
    math.inf, -math.inf, 2**53 + 1, 2**53, -(2**53) - 1, 2**63, 2**63 - 1, -(2**63), -(2**63) - 1,
    1e300, -1e300, 10**400, -(10**400), 0.1 + 0.2, 0.3, -0.0, 0.5, 2.5, 1e-300, 9007199254740992.0,
    9.3e18, float(2**63), float(-(2**63)), 5e-324, 2**1023 * 2 - 1,
)  # fmt: skip
WHOLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1), st.integers(-4, 4),
    st.sampled_from([2**53, 2**53 + 1, 2**53 - 1, -(2**53) - 1, 2**63 - 1, -(2**63)]),
)  # fmt: skip
NUMBER = st.one_of(
    st.floats(allow_nan=False), st.sampled_from([v for v in ODD if isinstance(v, float)])
)
CONSTANT = st.one_of(
    st.integers(-(2**70), 2**70), st.integers(-4, 4), st.floats(allow_nan=False),
    st.floats(-4, 4).map(lambda v: round(v * 2) / 2), st.sampled_from(ODD),
)  # fmt: skip
HOW = st.sampled_from(sorted(OPERATORS))


def holds(fit: Fitted | bool, value: Any) -> bool:
    """Decide a rewritten comparison."""
    return fit if isinstance(fit, bool) else OPERATORS[fit.operator](value, fit.constant)


def exact(value: Any) -> Any:
    """Return a number with which Python compares without rounding."""
    return value if isinstance(value, float) and math.isinf(value) else Fraction(value)


@settings(max_examples=400, deadline=None)
@given(HOW, CONSTANT, WHOLE)
def test_whole_numbers_compare_exactly_with_any_number(how: str, value: Any, whole: int) -> None:
    """Of a column of whole numbers, the rewritten comparison equals Python's with a fraction."""
    fit = fitted(how, value, "whole", 0, UTC)

    assert holds(fit, whole) == OPERATORS[how](Fraction(whole), exact(value))
    if isinstance(fit, Fitted):
        assert type(fit.constant) is int
        assert -(2**63) <= fit.constant < 2**63


@settings(max_examples=400, deadline=None)
@given(HOW, CONSTANT, NUMBER)
def test_floats_compare_exactly_with_any_number(how: str, value: Any, number: float) -> None:
    """Of a column of floats too, also with integers that no float holds, and beyond all floats."""
    fit = fitted(how, value, "number", 0, UTC)

    assert holds(fit, number) == OPERATORS[how](exact(number), exact(value))
    if isinstance(fit, Fitted):
        assert type(fit.constant) is float


@settings(max_examples=400, deadline=None)
@given(HOW, CONSTANT, st.one_of(st.integers(-400, 400), WHOLE), st.integers(0, 3))
def test_money_compares_with_the_decimal_as_written(
    how: str, value: Any, units: int, scale: int
) -> None:
    """Of minor units at a scale, a float constant means the decimal that one writes for it."""
    written = value if value in (math.inf, -math.inf) else Fraction(repr(value))

    fit = fitted(how, value, "money", scale, UTC)

    assert holds(fit, units) == OPERATORS[how](Fraction(units, 10**scale), written)


@pytest.mark.parametrize("scale", [0, 1, 2, 3])
def test_money_at_each_scale(scale: int) -> None:
    """0.3 is 30 cents exactly, while 0.1 + 0.2 is a little more, as its decimals say."""
    units = 3 * 10**scale // 10
    assert holds(fitted("==", 0.3, "money", scale, UTC), units) is (scale > 0)
    assert holds(fitted(">=", 0.1 + 0.2, "money", scale, UTC), units) is False
    assert holds(fitted("<", 0.1 + 0.2, "money", scale, UTC), units) is True
    assert fitted("!=", 0.1 + 0.2, "money", scale, UTC) is True
    assert fitted("==", 2.675, "money", scale, UTC) == (Fitted("==", 2675) if scale == 3 else False)


def test_a_column_of_nothing_but_nulls_satisfies_nothing() -> None:
    """Where no value is known, not even `!=` holds."""
    assert all(fitted(how, value, None, 0, UTC) is False for how in OPERATORS for value in (1, "a"))


WHOLES = [2**53, 2**53 + 1, 2**63 - 1, -(2**63), -1, 0, 1, 2, 3]
NUMBERS = [math.inf, -math.inf, 2.0**53, 2.0**63, 1e300, 0.30000000000000004, 0.3, 0.0, 2.5]
PAID = [0.3, 0.31, 0.0, 2.67, 2.68, 1.0, 10.5, 2.5, 0.29]


@pytest.fixture(scope="module")
def people() -> dict[str, History]:
    """Return customers with whole numbers, floats and money, by engine."""
    ids = [f"c{n}" for n in range(len(WHOLES))]
    return {
        engine: shop(
            [(who, "2024-01-01", paid) for who, paid in zip(ids, PAID, strict=True)], engine,
            customers={"customer_id": ids, "whole": WHOLES, "number": NUMBERS},
        )
        for engine in ("pyarrow", "polars", "duckdb")
    }  # fmt: skip


def test_columns_and_customers_compare_as_python_does(people: dict[str, History]) -> None:
    """Engines, and a customer alone, give the exact answer for every operator and odd constant."""
    terms = {"whole": Attr("whole"), "number": Attr("number"), "paid": Did("order").sum("amount")}
    rules: dict[str, Rule] = {
        f"{name} {how} {n}": OPERATORS[how](term, value)
        for name, term in terms.items()
        for how in OPERATORS
        for n, value in enumerate(ODD)
    }
    known = {
        f"c{n}": {"whole": Fraction(w), "number": exact(f), "paid": Fraction(repr(p))}
        for n, (w, f, p) in enumerate(zip(WHOLES, NUMBERS, PAID, strict=True))
    }
    for engine, history in people.items():
        found = rows_of_answer(rules, history, "2024-02-01")
        for who, row in found.items():
            for title, answer in row.items():
                name, how, n = title.split()
                value = exact(ODD[int(n)])
                if name == "paid" and isinstance(value, Fraction):
                    value = Fraction(repr(ODD[int(n)]))
                wanted = OPERATORS[how](known[who][name], value)
                assert answer is wanted, (engine, who, title, ODD[int(n)])
    customer = people["pyarrow"].customer("c1")
    alone = {name: rule.answer_one(customer, "2024-02-01") for name, rule in rules.items()}
    assert alone == rows_of_answer(rules, people["pyarrow"], "2024-02-01")["c1"]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (Decimal("2.50"), 2.5), (Decimal("3.00"), 3), (Fraction(1, 4), 0.25), (Fraction(4, 2), 2),
        (np.int64(5), 5), (np.float64(0.5), 0.5), (np.bool_(True), True), (np.str_("a"), "a"),
        (-0.0, 0.0), ("", ""), (Decimal("Infinity"), math.inf),
        (dt.date(2024, 1, 1), dt.date(2024, 1, 1)),
        (np.datetime64("2024-01-01", "D"), dt.date(2024, 1, 1)),
    ],
)  # fmt: skip
def test_constants_of_other_libraries_become_plain(given: Any, kept: Any) -> None:
    """Decimals, fractions and scalars of numpy turn into what a document can hold."""
    found = constant("to", given)

    assert found == kept
    assert type(found) is type(kept) or isinstance(given, np.str_)
    assert math.copysign(1, found) == 1 if isinstance(found, float) else True


@pytest.mark.parametrize(
    "given",
    [None, math.nan, np.float64("nan"), pd.NaT, pd.NA, Decimal("NaN"), np.datetime64("NaT"),
     b"bytes", [1], (1,), {1}, {}, 1j, np.array([1, 2]), np.array([1]), object],
)  # fmt: skip
def test_what_is_missing_or_no_value_is_no_constant(given: Any) -> None:
    """Missing values of every library are refused, with the remedy; so is what is no value."""
    with pytest.raises(InvalidDefinitionError, match="is_known") as caught:
        constant("to", given)
    assert caught.value.field == "to"


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("text", "a", True), ("text", 1, False), ("text", True, False), ("whole", 1.5, True),
        ("whole", "1", False), ("number", 1, True), ("money", 9.9, True), ("money", "9", False),
        ("whole", True, False), ("flag", True, True), ("flag", 1, False), ("day", "2024", False),
        ("day", dt.date(2024, 1, 1), True), ("day", dt.datetime.fromisoformat("2024-01-01T00:00"),
                                             False),
        ("instant", dt.date(2024, 1, 1), True), ("instant",
                                                 dt.datetime.fromisoformat("2024-01-01T00:00"),
                                                 True),
        ("instant", 5, False), (None, "a", True),
    ],
)  # fmt: skip
def test_kinds_are_compared_with_their_own(kind: str | None, value: Any, fits: bool) -> None:
    """True is no number, text is no time, and an unknown kind is left to the data."""
    if fits:
        check_fits("x", kind, value)
        return
    with pytest.raises(
        ColumnTypeError, match=r"column 'x' holds .*, and is compared with"
    ) as caught:
        check_fits("x", kind, value)
    assert caught.value.got == repr(value)
    if kind == "day" and isinstance(value, str):
        assert "not as text" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("how", "fit"),
    [
        ("<", ("<", 16)), ("<=", ("<", 40)), (">", (">=", 40)), (">=", (">=", 16)),
        ("==", ("within", (16, 40))), ("!=", ("outside", (16, 40))),
    ],
)  # fmt: skip
def test_a_date_means_the_whole_of_its_local_day(how: str, fit: Any) -> None:
    """Days compare with the day itself, instants with all of it where the shop is."""
    shanghai = zone("Asia/Shanghai")
    found = plain(how, dt.date(1970, 1, 2), shanghai)

    hours = fit[1] if isinstance(fit[1], tuple) else (fit[1],)
    us = tuple(hour * 3_600_000_000 for hour in hours)
    assert found[Day] == (how, 1)
    assert found[Instant] == (fit[0], us if len(us) > 1 else us[0])
    assert kind_of(dt.datetime.fromisoformat("1970-01-01T00:00")) == "instant"
    assert kind_of(True) == "flag"


def test_an_instant_is_on_the_local_day_that_the_sentence_says() -> None:
    """`<= date` is "on or before", to the end of the local day; frames and customers alike."""
    # 10:00 and 23:59:59.999999 of 31 January, and the first microsecond of February, in Shanghai
    times = {"a": "2024-01-31 02:00:00", "b": "2024-01-31 15:59:59.999999",
             "c": "2024-01-31 16:00:00", "d": "2024-01-30 15:59:59.999999"}  # fmt: skip
    moments = [None if t is None else dt.datetime.fromisoformat(t + "+00:00")
               for t in (*times.values(), None)]  # fmt: skip
    people = {"customer_id": [*times, "e"], "seen": pa.array(moments, pa.timestamp("us", "UTC"))}
    orders = [(who, dt.datetime.fromisoformat(at) + dt.timedelta(hours=8), 1.0)
              for who, at in times.items()]  # fmt: skip
    day, days_ = dt.date(2024, 1, 31), [dt.date(2024, 1, 30), dt.date(2024, 1, 31)]
    wanted = {
        "<=": "abd", "<": "d", ">": "c", ">=": "abc", "==": "ab", "!=": "cd", "between": "ab",
        "in": "abd", "apart": "d",
    }  # fmt: skip
    members = {}
    for name, term in (("seen ", Attr("seen")), ("last ", Did("order").last())):
        made = {how: Compare(term, how, day) for how in ("<=", "<", ">", ">=", "==", "!=")}
        made |= {"between": term.between(day, day), "in": term.is_in(days_),
                 "apart": term.is_in([days_[0], dt.date(2024, 2, 2)])}  # fmt: skip
        members |= {name + how: rule for how, rule in made.items()}

    found = answered(
        members, lambda engine: shop(orders, engine, zone="Asia/Shanghai", customers=people),
        "2024-03-01", FAST,
    )  # fmt: skip

    for name in members:
        assert "".join(w for w in found if found[w][name]) == wanted[name.split()[1]], name
    assert str(members["last <="]) == "last time of order is on or before 2024-01-31"


@pytest.mark.parametrize(
    ("value", "en", "zh"),
    [
        ("杭州", "“杭州”", "“杭州”"), (True, "yes", "是"), (False, "no", "否"),
        (12345, "12,345", "12,345"), (0.5, "0.5", "0.5"),
        (dt.date(2024, 1, 31),) + ("2024-01-31",) * 2,
        (dt.datetime.fromisoformat("2024-01-31T08:00"),) + ("2024-01-31 08:00:00",) * 2,
    ],
)  # fmt: skip
def test_constants_are_said_in_both_languages(value: Any, en: str, zh: str) -> None:
    """Flags have words, numbers have separators, text has quotes, times are ISO."""
    assert said_constant(value, "en") == en
    assert said_constant(value, "zh") == zh
