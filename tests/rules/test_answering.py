"""Answers on a history small enough to work out by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import polars as pl
import pyarrow as pa
import pytest
from tests.rules.small_shop import SOME, answered, one, rows_of_answer

from userops import History, Orders
from userops.errors import InvalidDefinitionError
from userops.events import EventColumns, OrderColumns
from userops.rules import (
    Attr,
    CustomRule,
    Did,
    Prop,
    Rule,
    RuleSet,
    Term,
    WeightedTop,
    customers_of,
    days,
)
from userops.testing import to_engine

ZONE = "Asia/Shanghai"
AS_OF = "2024-03-01"  # so that 29 February is the last observed day
LINES = [
    # a: two lines of one order, an order late in the evening, a return, a line of no category
    ("a", "o1", "2024-01-10T10:00", "x", 10.0, 1), ("a", "o1", "2024-01-10T10:00", "y", 5.5, 2),
    ("a", "o2", "2024-02-01T23:30", "x", 20.0, 1), ("a", "r1", "2024-02-05T09:00", "x", -10.0, -1),
    ("a", "o3", "2024-02-20T08:00", None, 0.01, 3), ("a", "o4", "2024-03-01T00:00", "z", 999.0, 9),
    # b: two orders at one instant, early in the day, which is the day before in UTC
    ("b", "o5", "2024-02-02T00:10", "y", 7.0, 1), ("b", "o6", "2024-02-02T00:10", "x", 7.0, 1),
    ("b", "o7", "2024-02-02T12:00", "y", 3.0, 1),
    # c has returned only, and e buys later
    ("c", "r2", "2024-02-10T09:00", "z", -4.0, -1), ("e", "o8", "2024-03-02T09:00", "x", 1.0, 1),
]  # fmt: skip
COLUMNS = OrderColumns(
    customer_id="who", order_id="no", ordered_at="at", category="kind", amount="paid",
    quantity="units", time_zone=ZONE,
)  # fmt: skip
PEOPLE = {"customer_id": ["a", "d"], "city": ["杭州", "上海"], "limit": [30.0, 2.5]}


def build(engine: str = "pyarrow", returns: Any = "net") -> History:
    """Return the history on an engine."""
    names = ("who", "no", "at", "kind", "paid", "units")
    lines = pa.table(dict(zip(names, map(list, zip(*LINES, strict=True)), strict=True)))
    return History(
        Orders(to_engine(lines, engine), columns=COLUMNS),
        customers=to_engine(pa.table(PEOPLE), engine), returns=returns,
    )  # fmt: skip


def utc(text: str) -> dt.datetime:
    """Return a time of UTC."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


ORDERS, RETURNS = Did("order"), Did("return")
OF_X = ORDERS.where(Prop("category") == "x")
# Value, and what it is of a, b, c (who has returned only) and d (of whom an attribute is known).
BY_HAND: dict[str, tuple[Term | Rule, list[Any]]] = {
    "did": (ORDERS, [True, True, False, False]),
    "count": (ORDERS.count(), [3, 3, 0, 0]),
    "sum": (ORDERS.sum("amount"), [25.51, 17.0, -4.0, 0.0]),
    "units": (ORDERS.sum("quantity"), [6, 3, -1, 0]),
    "mean": (ORDERS.mean("amount"), [35.51 / 4, 17 / 3, None, None]),
    "mean units": (ORDERS.mean("quantity"), [7 / 4, 1.0, None, None]),
    "min": (ORDERS.min("amount"), [0.01, 3.0, None, None]),
    "max": (ORDERS.max("amount"), [20.0, 7.0, None, None]),
    "max text": (ORDERS.max("category"), ["y", "y", None, None]),
    "n_unique": (ORDERS.n_unique("category"), [2, 2, 0, 0]),
    "first": (ORDERS.first(), [utc("2024-01-10T02:00"), utc("2024-02-01T16:10"), None, None]),
    "last": (ORDERS.last(), [utc("2024-02-20T00:00"), utc("2024-02-02T04:00"), None, None]),
    # Of rows of one instant the smallest; the last row that knows it.
    "first kind": (ORDERS.first("category"), ["x", "x", None, None]),
    "last kind": (ORDERS.last("category"), ["x", "y", None, None]),
    "first paid": (ORDERS.first("amount"), [5.5, 7.0, None, None]),
    "last order": (ORDERS.last("order_id"), ["o3", "o7", None, None]),
    "top": (ORDERS.top("category"), ["x", "y", None, None]),
    "top by amount": (ORDERS.top("category", by="amount"), ["x", "y", None, None]),
    # x and y have two units each.
    "top by units": (ORDERS.top("category", by="quantity"), ["x", "y", None, None]),
    "typical": (WeightedTop(ORDERS, of="category", weights={"y": 3}), ["y", "y", None, None]),
    "since first": (ORDERS.days_since_first(), [50, 27, None, None]),
    "since last": (ORDERS.days_since_last(), [9, 27, None, None]),
    "active days": (ORDERS.active_days(), [3, 1, 0, 0]),
    # An order counts that has such a line; a sum adds the lines that match.
    "count of x": (OF_X.count(), [2, 1, 0, 0]),
    "sum of x": (OF_X.sum("amount"), [20.0, 7.0, 0.0, 0.0]),
    "returned": (RETURNS.count(), [1, 0, 1, 0]),
    "money back": (RETURNS.sum("amount"), [-10.0, 0.0, -4.0, 0.0]),
    "did return": (RETURNS, [True, False, True, False]),
    "z back": (RETURNS.where(Prop("category") == "z"), [False, False, True, False]),
    "last month": (ORDERS.within(days(29)).count(), [2, 3, 0, 0]),
    # Money over a count is in major units; of nothing there is no share.
    "per order": (ORDERS.sum("amount") / ORDERS.count(), [25.51 / 3, 17 / 3, None, None]),
    "share of x": (OF_X.sum("amount") / ORDERS.sum("amount"), [20 / 25.51, 7 / 17, 0.0, None]),
    "orders per yuan": (ORDERS.count() / ORDERS.sum("amount"), [3 / 25.51, 3 / 17, 0.0, None]),
    "of limit": (ORDERS.sum("amount") / Attr("limit"), [25.51 / 30, None, None, 0.0]),
    "city": (Attr("city"), ["杭州", None, None, "上海"]),
    "known": (ORDERS.mean("amount").is_known(), [True, True, False, False]),
    "at most 25.51": (ORDERS.sum("amount") <= 25.51, [True, True, True, True]),
    "under 25.51": (ORDERS.sum("amount") < 25.51, [False, True, True, True]),
    "dear": (ORDERS.sum("amount") / ORDERS.count() > 8, [True, False, False, False]),
    "not dear": (~(ORDERS.sum("amount") / ORDERS.count() > 8), [False, True, True, True]),
}  # fmt: skip


def close(found: Any, wanted: Any) -> bool:
    """Tell whether two values are equal and of one type; floats up to their last digits."""
    if isinstance(wanted, float):
        return type(found) is float and found == pytest.approx(wanted, rel=1e-12)
    return type(found) is type(wanted) and found == wanted


def test_each_value_is_the_one_worked_out_by_hand() -> None:
    """On Arrow, Polars, DuckDB and for one customer; those who only come later are not there."""
    found = answered({name: member for name, (member, _) in BY_HAND.items()}, build, AS_OF, SOME)

    assert sorted(found) == ["a", "b", "c", "d"]
    wrong = {
        (name, who): (found[who][name], value)
        for name, (_, values) in BY_HAND.items()
        for who, value in zip("abcd", values, strict=True)
        if not close(found[who][name], value)
    }
    assert not wrong


@pytest.mark.parametrize("returns", ["separate", "ignore"])
def test_returns_are_taken_off_where_the_history_nets_them(returns: Any) -> None:
    """Otherwise sums are gross; counts, and the returns themselves, are the same."""
    members = {"sum": ORDERS.sum("amount"), "units": ORDERS.sum("quantity"),
               "x": OF_X.sum("amount"),
               "n": ORDERS.count(), "back": RETURNS.sum("amount")}  # fmt: skip

    found = answered(members, lambda engine: build(engine, returns), AS_OF, ("pyarrow",))

    assert {who: list(row.values()) for who, row in found.items()} == {
        "a": [35.51, 7, 30.0, 3, -10.0], "b": [17.0, 3, 7.0, 3, 0.0], "c": [0.0, 0, 0.0, 0, -4.0],
        "d": [0.0, 0, 0.0, 0, 0.0],
    }  # fmt: skip


def test_one_member_alone_and_many_together_answer_alike() -> None:
    """What is asked beside a rule does not change its answer, nor who is there."""
    history = build()
    together = rows_of_answer({n: m for n, (m, _) in BY_HAND.items()}, history, AS_OF)
    for name in ("did", "sum", "top", "city", "returned", "of limit", "not dear"):
        member = BY_HAND[name][0]
        alone = {r["customer_id"]: r["answer"] for r in member.answer(history, AS_OF).to_pylist()}
        assert alone == {who: row[name] for who, row in together.items()}
        for who, value in alone.items():
            assert member.answer_one(history.customer(who), AS_OF) == value


@pytest.mark.parametrize(
    ("rule", "who"),
    [
        (ORDERS, "ab"), (~ORDERS, "cd"), (RETURNS, "ac"), (ORDERS | RETURNS, "abc"),
        (Attr("city") == "上海", "d"), (~(Attr("city") == "上海"), "abc"),
        (ORDERS.count() == 0, "cd"), (ORDERS & (Attr("limit") > 3), "a"),
        (ORDERS.sum("amount") < 0, "c"), (ORDERS.within(days(10)), "a"),
        (ORDERS.days_since_last() >= 27, "b"), (~(ORDERS.days_since_last() >= 27), "acd"),
    ],
    ids=str,
)  # fmt: skip
def test_customers_are_those_of_whom_the_rule_holds(rule: Rule, who: str) -> None:
    """Negations hold of those, too, of whom nothing but an attribute or a return is known."""
    found = rule.customers(build(), AS_OF)

    assert found.column_names == ["customer_id"]
    assert "".join(sorted(found["customer_id"].to_pylist())) == who
    assert customers_of(rule, build(), AS_OF).sort_by("customer_id") == found.sort_by("customer_id")


def test_the_frame_type_that_comes_in_goes_out() -> None:
    """Polars in, Polars out, eager or lazy; times in UTC, flags without nulls."""
    members = {n: BY_HAND[n][0] for n in ("did", "count", "sum", "first", "top", "mean")}

    eager = RuleSet(members).answer(build("polars"), AS_OF)
    lazy = RuleSet(members).answer(build("polars-lazy"), AS_OF)

    assert dict(eager.schema) == {
        "customer_id": pl.String, "did": pl.Boolean, "count": pl.Int64, "sum": pl.Float64,
        "first": pl.Datetime("us", "UTC"), "top": pl.String, "mean": pl.Float64,
    }  # fmt: skip
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().sort("customer_id").equals(eager.sort("customer_id"))
    assert eager["did"].null_count() == 0


def test_as_of_is_a_date_a_time_or_text() -> None:
    """All ways to say the same instant give the same answer, and another instant another."""
    customer = build().customer("a")
    same: list[Any] = [
        "2024-03-01", dt.date(2024, 3, 1), dt.datetime.fromisoformat("2024-03-01T00:00"),
        "2024-03-01T00:00:00",
        dt.datetime(2024, 2, 29, 16, tzinfo=dt.UTC), "2024-02-29T16:00:00+00:00",
    ]  # fmt: skip
    assert {ORDERS.count().answer_one(customer, as_of) for as_of in same} == {3}
    later = [ORDERS.count().answer_one(customer, f"2024-03-01T00:00:0{n}") for n in (1, 0, 1)]
    assert later == [4, 3, 4]
    assert ORDERS.answer_one(customer, "2024-01-10T10:00") is False
    assert ORDERS.answer_one(customer, "2024-01-10T10:00:00.000001") is True


def test_a_new_event_makes_a_new_customer() -> None:
    """What was worked out for the customer is not kept for one with another event."""
    customer = build().customer("b")
    members = {n: m for n, (m, _) in BY_HAND.items() if "limit" not in n and n != "city"}
    asked = RuleSet(members)
    before = asked.answer_one(customer, AS_OF)

    more = customer.with_event(
        "order",
        {"who": "b", "no": "o9", "at": "2024-02-28T10:00", "kind": "x", "paid": 8, "units": 1},
    )

    after = asked.answer_one(more, AS_OF)
    assert (after["count"], after["sum"], after["since last"]) == (4, 25.0, 1)
    assert after["top by amount"] == "x"
    assert asked.answer_one(customer, AS_OF) == before


def test_a_customer_of_whom_only_attributes_are_known_is_answered() -> None:
    """Without any event rows, and without any mapping, attributes alone decide."""
    customer = one(attributes={"city": "杭州"})
    asked = RuleSet({"c": Attr("city") == "杭州", "n": ORDERS.count()})
    assert asked.answer_one(customer, AS_OF) == {"c": True, "n": 0}
    history = build()
    assert (Attr("city") == "上海").answer_one(history.customer("d"), AS_OF) is True
    assert (~ORDERS).answer_one(history.customer("d"), AS_OF) is True


CALLS: list[Any] = []


@attrs.frozen(eq=False)
class Watched(CustomRule):
    code_version: ClassVar[str | None] = "1"

    def terms(self) -> Mapping[str, Term]:
        return {"kind": Prop("category"), "paid": Prop("amount")}

    def holds(self, kind: Any, paid: Any) -> bool:
        CALLS.append(paid)
        return kind == "x"


def test_a_condition_is_looked_at_once_for_all_rules_and_instants() -> None:
    """Each row of a customer is judged once, whatever number of rules, windows and questions."""
    customer = build(returns="ignore").customer("a")
    picked = ORDERS.where(Watched())
    asked = RuleSet({
        "n": picked.count(), "s": picked.sum("amount"), "did": picked,
        "soon": picked.within(days(30)),
        "rich": picked.sum("amount") > 20, "top": picked.top("category"),
    })  # fmt: skip

    CALLS.clear()
    found = asked.answer_one(customer, AS_OF)
    assert found == {"n": 2, "s": 30.0, "did": True, "soon": True, "rich": True, "top": "x"}
    assert sorted(CALLS) == [0.01, 5.5, 10.0, 20.0, 999.0]
    asked.answer_one(customer, "2024-01-01")
    picked.first().answer_one(customer, AS_OF)
    assert len(CALLS) == 5


def test_customers_read_by_other_mappings_are_answered_by_their_own() -> None:
    """One set of rules serves customers of several shops, whatever scale their money has."""
    asked = RuleSet({"spent": ORDERS.sum("amount"), "more": ORDERS.sum("amount") > 1.5})
    for scale, paid in ((0, 2), (2, 2.25), (3, 1.125)):
        columns = OrderColumns(customer_id="who", ordered_at="at", amount="paid", scale=scale)
        customer = one([{"at": "2024-01-01", "paid": paid}], columns)
        assert asked.answer_one(customer, AS_OF) == {"spent": float(paid), "more": paid > 1.5}


def test_a_row_matches_a_condition() -> None:
    """A row of the host is read by its mapping: money in major units, times in its zone."""
    row = {
        "who": "a",
        "no": "o1",
        "at": "2024-01-10T10:00",
        "kind": "母婴",
        "paid": 19.9,
        "units": 2,
    }
    for rule, holds in {
        Prop("amount") == 19.9: True, Prop("amount") < 19.9: False, Prop("quantity") >= 2: True,
        Prop("category").is_in(["母婴", "x"]): True, ~(Prop("category") == "母婴"): False,
        (Prop("order_id") == "o1") & (Prop("amount").between(19.9, 20)): True,
        Prop("category") < Prop("order_id"): False,
    }.items():  # fmt: skip
        assert rule.matches(row, COLUMNS) is holds, rule
    assert (Prop("category") == "x").matches({**row, "kind": None}, COLUMNS) is False
    # A row that does not count satisfies nothing, not even a negation.
    for bad in ({"paid": "much"}, {"at": None}):
        assert (~(Prop("category") == "x")).matches({**row, **bad}, COLUMNS) is False
    scans = EventColumns(customer_id="who", occurred_at="at", properties=("n", "day"))
    scan = {"who": None, "at": "2024-01-01", "n": 3, "day": dt.date(2024, 1, 1)}
    later = Prop("day") > dt.date(2023, 12, 31)
    assert (later & (Prop("n") == 3)).matches({**scan, "who": "a"}, scans, "scan") is True
    with pytest.raises(InvalidDefinitionError, match="about the customer"):
        ORDERS.matches(row, COLUMNS)


def test_days_and_text_are_the_same_for_columns_and_customers() -> None:
    """Attributes come out in their own type."""
    people = pa.table({"customer_id": ["a"], "n": [3], "f": [0.5], "t": ["x"], "b": [True],
                       "i": [dt.datetime.fromisoformat("2024-01-01T08:00")]})  # fmt: skip
    history = History(
        Orders(pa.table({"who": ["a"], "at": ["2024-01-01"], "paid": [1]}), customer_id="who",
               ordered_at="at", amount="paid", time_zone=ZONE),
        customers=people,
    )  # fmt: skip
    members = {name: Attr(name) for name in ("n", "f", "t", "b", "i")}

    found = answered(members, lambda _: history, AS_OF, ("pyarrow",))

    assert found == {"a": {"n": 3, "f": 0.5, "t": "x", "b": True, "i": utc("2024-01-01T00:00")}}
