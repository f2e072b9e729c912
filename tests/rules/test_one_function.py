"""A rule of many conditions is one function: the same answers and errors, in the same order."""

from __future__ import annotations

import datetime as dt
import enum
import itertools
import math
import operator
from functools import reduce
from typing import Any

import pytest

from userops import Customer
from userops.errors import ColumnTypeError
from userops.events import EventColumns
from userops.rules import All, AnyOf, Attr, Compare, Did, Not, Prop, RuleSet

AS_OF = "2024-02-01"
COLUMNS = EventColumns(customer_id="who", occurred_at="at", properties=("kind", "n"))


def customer(rows: Any = (), **attributes: Any) -> Customer:
    """Return a customer with views and attributes."""
    return Customer.from_rows("a", {"view": list(rows)}, {"view": COLUMNS}, attributes=attributes)


def answer(rule: Any, **attributes: Any) -> Any:
    """Return what a rule says of a customer with attributes."""
    return rule.answer_one(customer(**attributes), AS_OF)


def test_a_condition_after_one_that_decides_is_not_looked_at() -> None:
    """A later condition of a wrong class is no error where an earlier one decides."""
    wrong = Attr("city") > 3  # of a text
    no, yes = Attr("age") > 40, Attr("age") > 30
    for rule in (no & wrong, no & yes & wrong, no & (wrong | yes), Not(no) & no & wrong):
        assert answer(rule, city="Shanghai", age=33) is False
    for rule in (yes | wrong, no | yes | wrong, yes | (wrong & no), ~(no & wrong)):
        assert answer(rule, city="Shanghai", age=33) is True


@pytest.mark.parametrize("combine", [lambda a, b: a & b, lambda a, b: b | a])
def test_the_first_of_a_wrong_class_is_named(combine: Any) -> None:
    """Of two conditions of a wrong class, the error names the first."""
    first, second = Attr("city") > 3, Attr("age") == "old"
    rule = combine(first, second)
    wanted = "city" if isinstance(rule, All) else "age"
    with pytest.raises(ColumnTypeError, match=f"^column '{wanted}' "):
        answer(rule, city="Shanghai", age=33)


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        (Attr("v") == 1, True), (Attr("v") == True, 1),  # noqa: E712
        (Attr("v") == True, 1.0), (Attr("v").is_in([0, 1]), True),  # noqa: E712
        (Attr("v").is_in([True]), 1), (Attr("v").between(0, 2), True),
        (Attr("v").contains("a"), 1), (Attr("v") == "a", dt.date(2024, 1, 1)),
        (Attr("v") >= dt.datetime(2024, 1, 1), dt.date(2024, 1, 1)),  # noqa: DTZ001
        (Attr("v") >= dt.date(2024, 1, 1), 19_723),
    ],
)  # fmt: skip
def test_classes_that_python_takes_for_equal_are_refused(rule: Any, value: Any) -> None:
    """Flags, numbers, days and instants are told apart, alone and inside a rule of several."""
    known = Attr("w") == "x"
    for asked in (rule, known & rule, ~known | rule, ~rule):
        with pytest.raises(ColumnTypeError, match="v"):
            answer(asked, v=value, w="x")


@pytest.mark.parametrize("value", [None, math.nan, float("nan")])
def test_nothing_holds_of_what_is_missing(value: Any) -> None:
    """No condition holds of None or NaN, and every negation does."""
    v = Attr("v")
    conditions = [
        v == 1, v != 1, v > 1, v < math.inf, v.is_in([1]), v.between(0, 9), v.is_known(),
        v.contains("a"), v == True, v >= dt.date(2024, 1, 1),  # noqa: E712
    ]  # fmt: skip
    assert not any(answer(c, v=value) for c in conditions)
    assert answer(AnyOf(conditions), v=value) is False
    assert answer(All([Not(c) for c in conditions]), v=value) is True


@pytest.mark.parametrize("how", ["==", "!=", ">", ">=", "<", "<="])
def test_every_operator_compares_numbers_of_both_classes(how: Any) -> None:
    """Whole numbers and floats compare as Python compares them."""
    compare = {"==": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge,
               "<": operator.lt, "<=": operator.le}[how]  # fmt: skip
    for value, to in itertools.product((-1, 0, 2, 2.0, 2.5, math.inf), (0, 2, 2.5, -math.inf)):
        rule = Compare(Attr("v"), how, to)
        assert answer(rule & Attr("v").is_known(), v=value) is compare(value, to)


def test_text_of_a_rule_is_never_read_as_python() -> None:
    """Names, constants and operators of a rule are not source of its function."""
    text = "1) or __import__('os').abort() or (\"'{}\n\\"
    rule = (Attr(text) == text) & Attr(text).contains(text) & Attr(text).is_in([text])
    assert answer(rule, **{text: text}) is True
    assert answer(rule, **{text: "other"}) is False

    class How(str, enum.Enum):  # noqa: UP042 - its own text is another than its value's
        ABOVE = ">"

    assert answer(Compare(Attr("v"), How.ABOVE, 2), v=3) is True  # type: ignore[arg-type]


def test_rules_of_one_shape_do_not_share_their_constants() -> None:
    """Rules whose functions have one text keep constants of their own."""
    rules = {str(n): (Attr("v") == n) & (Attr("w") == f"w{n}") for n in range(5)}
    found = RuleSet(rules).answer_one(customer(v=3, w="w3"), AS_OF)
    assert found == {str(n): n == 3 for n in range(5)}


def test_rules_of_many_parts_and_of_many_levels_are_decided() -> None:
    """Rules too large for one function are functions of functions."""
    parts = [Attr("v") != n for n in range(1, 1001)]
    assert answer(All(parts), v=0) is True
    assert answer(All(parts), v=1000) is False
    assert answer(AnyOf([~part for part in parts]), v=1000) is True
    assert answer(AnyOf([~part for part in parts]), v=0) is False
    assert answer(All([AnyOf(parts[:40]), AnyOf(parts[40:80])]), v=0) is True

    def deeper(rule: Any, level: int) -> Any:
        is_so = Attr("v") == 0
        return Not(All([rule, is_so])) if level % 2 else AnyOf([~is_so, rule])

    deep: Any = reduce(deeper, range(58), Attr("v") == 0)
    assert answer(deep, v=0) is (29 % 2 == 0)  # every other level is a negation


def test_conditions_on_one_event_look_at_its_own_properties() -> None:
    """Conditions on events see the properties they name, and sums leave out missing ones."""
    rows = [
        {"who": "a", "at": "2024-01-05", "kind": kind, "n": n}
        for kind, n in (("x", 1), ("x", 2), ("y", 2), (None, 3), ("y", None))
    ]
    kind, n = Prop("kind"), Prop("n")
    rules = {
        "both": Did("view").where((kind == "x") & (n == 2)).count(),
        "either": Did("view").where((n == 3) | (kind == "y")).count(),
        "not": Did("view").where(~(kind == "x")).count(),
        "none": Did("view").where(kind == "z").count(),
        "sum": Did("view").sum("n"),
        "mean": Did("view").mean("n"),
        "of_some": Did("view").where(kind == "y").mean("n"),
    }
    asked = RuleSet(rules)
    wanted = {"both": 1, "either": 3, "not": 3, "none": 0, "sum": 8, "mean": 2.0, "of_some": 2.0}
    assert asked.answer_one(customer(rows), AS_OF) == wanted
    with pytest.raises(ColumnTypeError, match="n"):
        Did("view").where((kind == "x") & (n == "x")).answer_one(customer(rows), AS_OF)


def test_values_that_are_equal_to_python_are_judged_apart() -> None:
    """1, 1.0 and True in a property are values of three classes."""
    mixed = [{"who": "a", "at": "2024-01-05", "kind": v, "n": 1} for v in (1, True, 1)]
    with pytest.raises(ColumnTypeError, match="kind"):
        Did("view").where(Prop("kind") == 1).answer_one(customer(mixed), AS_OF)
    numbers = [{"who": "a", "at": "2024-01-05", "kind": v, "n": 1} for v in (1, 1.0, 2, None)]
    assert Did("view").where(Prop("kind") == 1).count().answer_one(customer(numbers), AS_OF) == 2


def test_one_rule_answers_customers_and_instants_in_turn() -> None:
    """What is kept of the last question is not used for another customer, instant or zone."""
    rows = [{"who": "a", "at": f"2024-01-{day:02}", "kind": "x", "n": day} for day in (5, 20)]
    people = [customer(rows, v=1), customer(rows[:1], v=1), customer((), v=1), customer(rows, v=2)]
    rule = (Attr("v") == 1) & (Did("view").where(Prop("kind") == "x").count() >= 1)
    late, early = "2024-02-01", "2024-01-02"
    for _ in range(2):
        assert [rule.answer_one(p, late) for p in people] == [True, True, False, False]
        assert [rule.answer_one(p, at) for p in people[:2] for at in (early, late)] == [
            False, True, False, True,
        ]  # fmt: skip
    other = EventColumns(
        customer_id="who", occurred_at="at", properties=("kind",), time_zone="Asia/Shanghai"
    )
    noon = "2024-01-05T04:00:00"  # an hour that is another instant in another zone
    here = customer([{**rows[0], "at": "2024-01-05T00:00:00Z"}], v=1)
    there = Customer.from_rows(
        "a", {"view": [{**rows[0], "at": "2024-01-05T00:00:00Z"}]}, {"view": other},
        attributes={"v": 1},
    )  # fmt: skip
    assert [rule.answer_one(p, noon) for p in (here, there, here)] == [True, False, True]
