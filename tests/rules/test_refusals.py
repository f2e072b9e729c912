"""Refusals: what cannot be meant is an error that says what is wrong, got, allowed, and a hint."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.rules.small_shop import one

from userops import History, Orders
from userops.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    InvalidDefinitionError,
    MoneyOverflowError,
    UserOpsError,
)
from userops.events import Events, OrderColumns
from userops.rules import (
    All,
    AnyOf,
    Attr,
    Between,
    Compare,
    CompareTerms,
    Did,
    IsIn,
    Not,
    Prop,
    Ratio,
    RuleSet,
    Sequence,
    Text,
    WeightedTop,
    days,
)
from userops.segmentation import Segment, Tag, TagGroup, TagSet

AS_OF = "2024-03-01"
COUNT, CITY, CATEGORY = Did("order").count(), Attr("city"), Prop("category")
RULE, EVENT_RULE = Did("order"), Prop("category") == "x"
COLUMNS = OrderColumns(
    customer_id="who", ordered_at="at", amount="paid", category="kind",
    properties=("gift", "promised", "note", "huge"),
)  # fmt: skip
ROW = {"who": "a", "at": "2024-02-01", "paid": 9.5, "kind": "x", "gift": True,
       "promised": dt.date(2024, 1, 1), "note": "12", "huge": 1e300}  # fmt: skip
CUSTOMER = one([ROW], COLUMNS, attributes={"city": "杭州", "age": 30, "vip": True}, scan=[])
HISTORY = History(
    {"order": Orders(pa.Table.from_pylist([ROW]), columns=COLUMNS),
     "scan": Events(pa.table({"customer_id": ["a"], "at": ["2024-01-01"]}),
                    customer_id="customer_id",
                    occurred_at="at")},
    customers=pa.table({"customer_id": ["a"], "city": ["杭州"], "age": [30], "vip": [True]}),
)  # fmt: skip


def complete(error: UserOpsError) -> None:
    """Check that a message is made of its parts, a sentence each."""
    said = str(error)
    assert error.problem.rstrip(".") in said
    for head, part in (("Got: ", error.got), ("Allowed: ", error.allowed), ("Hint: ", error.hint)):
        assert (f"{head}{part}" in said) is (part is not None)
    assert said[-1] in ".?!"


@pytest.mark.parametrize(
    "make",
    [
        lambda: bool(RULE), lambda: RULE and RULE, lambda: RULE or RULE, lambda: not RULE,
        lambda: 1 < COUNT < 5, lambda: 1 if COUNT > 3 else 2, lambda: CITY in ["a", "b"],
        lambda: bool(CITY), lambda: bool(days(3)) and bool(Did("order").within(days(3))),
        lambda: [RULE for _ in [1] if RULE], lambda: sorted([COUNT, Did("scan").count()]),
    ],
)  # fmt: skip
def test_a_rule_is_no_truth_value(make: Any) -> None:
    """`and`, `or`, `not`, chains and `in` are refused with what to write instead."""
    with pytest.raises(TypeError, match=r"Combine rules with & \| ~") as caught:
        make()
    assert ".between(low, high)" in str(caught.value)


@pytest.mark.parametrize(
    ("make", "field", "problem"),
    [
        (lambda: RULE & EVENT_RULE, "all", "mixes a condition on one event"),
        (lambda: EVENT_RULE | RULE, "any", "mixes a condition on one event"),
        (lambda: (EVENT_RULE & EVENT_RULE) & ~RULE, "all", "mixes"),
        (lambda: CompareTerms(CATEGORY, "==", CITY), "to", "is of another scope"),
        (lambda: CATEGORY > CITY, "to", "is of another scope"),
        (lambda: RULE.where(CITY == "x"), "where", "is about the customer, not about one event"),
        (lambda: RULE.where(RULE), "where", "is about the customer, not about one event"),
        (lambda: RULE.where(EVENT_RULE, CITY == "x"), "where", "is about the customer"),
        (lambda: RULE.where(CATEGORY), "where", "is not a rule"),
        (lambda: RULE.where(EVENT_RULE, CATEGORY), "where", "is not a rule"),
        (lambda: RULE.where("category"), "where", "is not a rule"),
        (lambda: All(()), "all", "is empty"), (lambda: AnyOf([]), "any", "is empty"),
        (lambda: All((RULE, COUNT)), "all[1]", "is not a rule"), (lambda: AnyOf("ab"), "any[0]",
                                                                  "is not"),
        (lambda: Not(COUNT), "rule", "is not a rule"), (lambda: Not(None), "rule", "is not a rule"),
        (lambda: CATEGORY.in_top(3), "value", "is about one event"),
        (lambda: COUNT / CATEGORY, "under", "is not a value of the customer"),
        (lambda: COUNT / 2, "under", "is not a value of the customer"),
        (lambda: Did("order").first() / COUNT, "over", "is not a number"),
        (lambda: Ratio(COUNT, RULE), "under", "is not a value of the customer"),
        (lambda: Attr(""), "name", "must be a name"), (lambda: Prop(3), "name", "must be a name"),
        (lambda: Did(""), "event", "must be the name of an event"),
        (lambda: Did(None), "event", "must be the name of an event"),
        (lambda: Did("order").sum(""), "of", "must be the name of a property"),
        (lambda: Did("order").sum(None), "of", "sum needs a property"),
        (lambda: WeightedTop(RULE, of="x", weights={"a": 0}), "weights['a']", "is no weight"),
        (lambda: WeightedTop(RULE, of="x", weights={"a": 1.5}), "weights['a']", "is no weight"),
        (lambda: Sequence("a"), "steps", "are too few or too many"),
        (lambda: Sequence(*"abcdefghijklmnopq"), "steps", "are too few or too many"),
        (lambda: Sequence("a", 3), "steps[1]", "is no event"),
        (lambda: Sequence("a", "b", without=[COUNT]), "without[0]", "is no event"),
        (lambda: Sequence("a", RULE.since(Did("x").first())), "steps[1]", "starts at an instant"),
        (lambda: Sequence("a", "b", within=7), "within", "is not a duration"),
        (lambda: Sequence("a", "b", withn=days(7)), "withn", "is not known"),
        (lambda: RULE.within(days(7)).within(days(3)), "within", "is there already"),
        (lambda: RULE.within(days(7)).between("2024-01-01", "2024-02-01"), "within",
         "is there already"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused_when_written(
    make: Any, field: str, problem: str
) -> None:
    """Scopes do not mix, rules are no values, and values are no rules."""
    with pytest.raises(InvalidDefinitionError, match=problem) as caught:
        make()
    assert caught.value.field == field
    complete(caught.value)


@pytest.mark.parametrize("value", [None, math.nan, pd.NaT, pd.NA, b"x", [1], object()])
def test_missing_constants_are_refused(value: Any) -> None:
    """Nothing equals a missing value; the hint says what to ask instead."""
    for field, make in {
        "to": lambda: value == CITY, "low": lambda: CITY.between(value, 3),
        "high": lambda: CITY.between(3, value), "options": lambda: CITY.is_in([1, value]),
    }.items():  # fmt: skip
        with pytest.raises(InvalidDefinitionError, match="is_known") as caught:
            make()
        assert caught.value.field == field
        complete(caught.value)


@pytest.mark.parametrize(
    ("make", "field", "problem"),
    [
        (lambda: COUNT == "2", "to", "holds whole numbers, and is compared with text"),
        (lambda: COUNT >= True, "to", "compared with true and false"),
        (lambda: COUNT.is_in([1, "x"]), "options", "mixes kinds"),
        (lambda: COUNT.is_in(["x"]), r"options[0]", "compared with text"),
        (lambda: COUNT.between("a", "b"), "low", "compared with text"),
        (lambda: COUNT.contains("x"), "part", "compared with text"),
        (lambda: Did("order").count() == dt.date(2024, 1, 1), "to", "compared with dates"),
        (lambda: Did("order").last() > "2024-01-01", "to", "compared with text"),
        (lambda: Did("order").last() > 3, "to", "holds times, and is compared with numbers"),
        (lambda: Did("order").count() > Did("x").last(), "to", "holds whole numbers, and is"),
        (lambda: CITY > True, "to", "true and false have no order"),
        (lambda: CITY.between(False, True), "low", "true and false have no order"),
        (lambda: CITY.between(1, "b"), "high", "is of another kind than low"),
        (lambda: CITY.between(3, 1), "low", "must not lie above high"),
        (lambda: CITY.is_in([]), "options", "too few or too many"),
        (lambda: CITY.is_in(range(10_001)), "options", "too few or too many"),
        (lambda: CITY.is_in("杭州"), "options", "must be several values"),
        (lambda: CITY.is_in(3), "options", "must be several values"),
        (lambda: CITY.contains(""), "part", "must be text"),
        (lambda: CITY.starts_with(3), "part", "must be text"),
        (lambda: Text(CITY, "matches", "x"), "how", "is not known"),
        (lambda: Compare(CITY, "=", 1), "how", "is not an operator"),
        (lambda: Compare(CITY, ["="], 1), "how", "is not an operator"),
        (lambda: CompareTerms(CITY, "=>", CITY), "how", "is not an operator"),
        (lambda: Compare("city", "==", 1), "value", "is not a term"),
        (lambda: IsIn(RULE, [1]), "value", "is not a term"),
        (lambda: Between(days(3), 1, 2), "value", "is not a term"),
    ],
)  # fmt: skip
def test_constants_that_do_not_fit_are_refused_when_written(
    make: Any, field: str, problem: str
) -> None:
    """What is known without data is checked at once: a count is no text, a time no number."""
    with pytest.raises(InvalidDefinitionError, match=problem) as caught:
        make()
    assert caught.value.field == field
    complete(caught.value)


@pytest.mark.parametrize(
    ("rule", "names", "problem"),
    [
        (CITY > 3, "city", "holds text, and is compared with numbers"),
        (CITY == True, "city", "compared with true and false"),  # noqa: E712
        (CITY.is_in([1, 2]), "city", "compared with numbers"), (CITY.between(1, 2), "city",
                                                                "numbers"),
        (Attr("age") == "30", "age", "holds whole numbers, and is compared with text"),
        (Attr("age").is_in(["30"]), "age", "compared with text"),
        (Attr("age").contains("3"), "age", "compared with text"),
        (Attr("vip") == 1, "vip", "holds true and false, and is compared with numbers"),
        (Attr("age") > CITY, "age", "holds whole numbers, and is compared with city"),
        (RULE.where(CATEGORY > 3), "category", "holds text, and is compared with numbers"),
        (RULE.where(Prop("amount") == "9.5"), "amount", "holds money, and is compared with text"),
        (RULE.where(Prop("amount").is_in(["9.5"])), "amount",
         "holds money, and is compared with text"),
        (RULE.where(Prop("amount").starts_with("9")), "amount", "compared with text"),
        (RULE.where(Prop("promised") == "2024-01-01"), "promised", "holds dates"),
        (Did("order").max("amount").is_in(["x"]), "highest amount of order", "holds money"),
        (Did("order").max("amount") > "x", "highest amount of order", "holds money"),
        (Did("order").last("category") > 3, "last category of order", "holds text"),
        (Did("order").last("category") > Did("order").max("amount"), "last category",
         "compared with"),
    ],
)  # fmt: skip
def test_kinds_that_data_alone_tells_are_refused_when_asked(
    rule: Any, names: str, problem: str
) -> None:
    """Attributes and properties are checked against the data, for columns and for one customer."""
    for ask in (
        lambda: rule.answer(HISTORY, AS_OF),
        lambda: rule.answer_one(CUSTOMER, AS_OF),
        lambda: rule.answer_one(HISTORY.customer("a"), AS_OF),
    ):
        with pytest.raises(ColumnTypeError, match=problem) as caught:
            ask()
        assert caught.value.column.startswith(names)
        complete(caught.value)


@pytest.mark.parametrize(
    "term",
    [
        Did("order").sum("category"), Did("order").mean("category"), Did("order").sum("gift"),
        Did("order").mean("gift"), Did("order").sum("promised"), Did("order").sum("note"),
        Did("order").top("category", by="gift"), Did("order").top("category", by="note"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_added_up_is_refused(term: Any) -> None:
    """Text, also of digits, flags and dates have no sum, for columns and for one customer."""
    for ask in (
        lambda: term.answer(HISTORY, AS_OF),
        lambda: term.answer_one(CUSTOMER, AS_OF),
        lambda: (term.is_known()).answer_one(HISTORY.customer("a"), AS_OF),
    ):
        with pytest.raises(ColumnTypeError, match=r"holds .*, which cannot be added up"):
            ask()


def test_sums_that_cannot_be_exact_are_refused() -> None:
    """Numbers beyond 2**51 millionths are not added up in silence."""
    term = Did("order").sum("huge")
    for ask in (lambda: term.answer(HISTORY, AS_OF), lambda: term.answer_one(CUSTOMER, AS_OF)):
        with pytest.raises(MoneyOverflowError, match="'huge' is too large to be added up exactly"):
            ask()


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        (Did("ordr"), "did you mean 'order'?"), (Did("retrun"), "did you mean 'return'?"),
        (Did("scn").count() > 1, "did you mean 'scan'?"), (Sequence("order", "scam"),
                                                           "mean 'scan'"),
        (Did("order").since(Did("scann").first()), "did you mean 'scan'?"),
        (RULE.where(Prop("categry") == "x"), "did you mean 'category'?"),
        (Did("order").sum("amont") > 1, "did you mean 'amount'?"),
        (Did("order").top("category", by="amuont") == "x", "did you mean 'amount'?"),
        (Did("order").last("zzz") == "x", "properties=('zzz',)"),
        (Did("scan").where(Prop("amount") > 1), "properties=('amount',)"),
    ],
    ids=str,
)  # fmt: skip
def test_unknown_events_and_properties_are_refused_with_the_nearest(rule: Any, hint: str) -> None:
    """For columns and for one customer, naming what is known or how to carry it along."""
    for ask in (lambda: rule.answer(HISTORY, AS_OF),
                lambda: rule.answer_one(HISTORY.customer("a"), AS_OF)):  # fmt: skip
        with pytest.raises(InvalidArgumentError, match="is not known") as caught:
            ask()
        assert hint in str(caught.value.hint)
        complete(caught.value)


def test_unknown_attributes_are_refused_for_columns() -> None:
    """A history knows its attributes; one customer may simply lack one."""
    with pytest.raises(InvalidArgumentError, match="'citty' is not known") as caught:
        (Attr("citty") == "x").answer(HISTORY, AS_OF)
    assert caught.value.hint == "did you mean 'city'?"
    assert (Attr("citty") == "x").answer_one(CUSTOMER, AS_OF) is False


@pytest.mark.parametrize(
    "ask",
    [
        lambda: EVENT_RULE.answer(HISTORY, AS_OF), lambda: EVENT_RULE.answer_one(CUSTOMER, AS_OF),
        lambda: EVENT_RULE.customers(HISTORY, AS_OF), lambda: CATEGORY.answer_one(CUSTOMER, AS_OF),
        lambda: RuleSet({"x": RULE, "y": EVENT_RULE}), lambda: EVENT_RULE.explain(CUSTOMER, AS_OF),
        lambda: Tag("x", EVENT_RULE), lambda: TagGroup("g", {"x": EVENT_RULE}),
        lambda: TagSet([Tag("x", EVENT_RULE)]), lambda: Segment("s", EVENT_RULE),
        lambda: RULE.matches(ROW, COLUMNS), lambda: COUNT.answer_one(CUSTOMER, AS_OF) and
        (COUNT > 1).matches(ROW, COLUMNS),
    ],
)  # fmt: skip
def test_a_condition_on_an_event_is_not_asked_of_a_customer(ask: Any) -> None:
    """Nor the other way round: whoever takes a rule refuses the wrong scope."""
    with pytest.raises(
        InvalidDefinitionError, match=r"one event|of the customer|about customers"
    ) as caught:
        ask()
    complete(caught.value)


@pytest.mark.parametrize(
    "make", [lambda: RuleSet({}), lambda: RuleSet([RULE]), lambda: RuleSet({"x": 3}),
             lambda: RuleSet({"x": days(3)}), lambda: RuleSet({"x": "order"})]
)  # fmt: skip
def test_a_set_of_rules_holds_rules(make: Any) -> None:
    """A mapping of names to rules and values, at least one."""
    with pytest.raises(InvalidDefinitionError, match="members"):
        make()


def test_a_member_has_a_name() -> None:
    """An empty name is no column of any engine, and is refused before one is asked."""
    with pytest.raises(InvalidDefinitionError, match="members: has a member without a name"):
        RuleSet({"": RULE})


def test_a_member_cannot_be_called_as_the_id() -> None:
    """The column of ids stands beside the answers."""
    with pytest.raises(InvalidDefinitionError, match="customer_id"):
        RuleSet({"customer_id": RULE}).answer(HISTORY, AS_OF)
