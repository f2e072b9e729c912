"""What a tag is: its rules, its values in order, its documents, and what it refuses."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from userops import Customer, History, Orders
from userops.customers import Customers
from userops.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    InvalidDefinitionError,
    NotFittedError,
)
from userops.rules import Attr, Did, HasTag, Prop, Rule, WeightedTop, days
from userops.segmentation import PercentileTag, PreferenceTag, Tag, TagGroup, TagSet, TagValue
from userops.testing import installed_engines, to_engine

SPENT = Did("order").sum("amount")
AS_OF = "2024-03-01"


def shop(rows: list[tuple[Any, ...]], engine: str = "pyarrow", **more: Any) -> History:
    """A history of (customer, amount, category), one order each, a day apart."""
    table = pa.table({
        "customer_id": [row[0] for row in rows],
        "ordered_at": [f"2024-02-{1 + n:02d}" for n, _ in enumerate(rows)],
        "amount": [row[1] for row in rows],
        "category": pa.array([row[2] if len(row) > 2 else None for row in rows], pa.string()),
    })  # fmt: skip
    return History(Orders(to_engine(table, engine)), **more)


def given(tags: Any, history: History, **more: Any) -> dict[str, Any]:
    """Customer to the values that he has, by one tag alone."""
    found: dict[str, Any] = {}
    long = TagSet(tags).fit(history, AS_OF).assign(history, AS_OF, **more)
    for row in long.to_pylist():
        found.setdefault(row["customer_id"], []).append(row["value"])
    return {who: sorted(values) for who, values in found.items()}


def test_the_first_value_whose_rule_holds_is_given() -> None:
    """Values exclude each other in the order in which they are written; others have the rest."""
    group = TagGroup("level", {"gold": SPENT >= 100, "silver": SPENT >= 10}, otherwise="basic")

    found = given(group, shop([("a", 200), ("b", 50), ("c", 1)]))

    assert found == {"a": ["gold"], "b": ["silver"], "c": ["basic"]}


def test_a_higher_priority_is_looked_at_first() -> None:
    """Priority goes before the order of the group; equal ones keep their order."""
    values = [
        TagValue("any", SPENT >= 0),
        TagValue("some", SPENT >= 10, priority=1),
        TagValue("many", SPENT >= 100, priority=1),
    ]
    history = shop([("a", 200), ("b", 50), ("c", 1)])

    assert given(TagGroup("g", values), history) == {"a": ["some"], "b": ["some"], "c": ["any"]}
    swapped = [values[2], values[1], values[0]]
    assert given(TagGroup("g", swapped), history)["a"] == ["many"]
    # What is said of a value holds for it alone, too.
    rule = TagGroup("g", values).as_rule("many")
    assert rule.customers(history, AS_OF).num_rows == 0


def test_the_order_of_a_group_is_part_of_its_version() -> None:
    """Documents round-trip, and a group in another order is another version."""
    group = TagGroup("g", {"x": SPENT >= 1, "y": SPENT >= 2}, valid_for=days(3))
    turned = TagGroup("g", {"y": SPENT >= 2, "x": SPENT >= 1}, valid_for=days(3))

    assert TagGroup.from_dict(group.to_dict()) == group
    assert group.version != turned.version
    higher = [TagValue("x", SPENT >= 1, priority=2), TagValue("y", SPENT >= 2)]
    assert TagGroup("g", higher).version != TagGroup("g", list(group.values)).version
    assert [value.value for value in turned.values] == ["y", "x"]


@pytest.mark.parametrize(
    "tag",
    [
        Tag("a", Did("order"), value="是", valid_for=days(2)),
        TagGroup("g", {"x": SPENT >= 1}, pick="all", otherwise="none"),
        PreferenceTag(
            "p", "category", events=Did("order").within(days(9)), by="amount", at_least=2
        ),
        PreferenceTag("p", "category", by="tfidf"),
        PercentileTag("s", SPENT, {"top": (0.9, 1), "low": (0, 0.5)}),
    ],
)
def test_tags_come_back_from_their_documents(tag: Any) -> None:
    """A document says everything: what comes back is equal, and so is its version."""
    back = type(tag).from_dict(tag.to_dict())

    assert back == tag
    assert back.version == tag.version


def test_all_values_are_given_whose_rules_hold() -> None:
    """A group that gives all values gives several to one customer, and none by `otherwise`."""
    group = TagGroup("g", {"x": SPENT >= 1, "y": SPENT >= 10}, pick="all", otherwise="none")

    assert given(group, shop([("a", 50), ("b", 5), ("c", 0)])) == {
        "a": ["x", "y"], "b": ["x"], "c": ["none"],
    }  # fmt: skip


PURCHASES = [
    ("a", 10, "x"), ("a", 10, "x"), ("a", 90, "y"),
    ("b", 5, "y"), ("b", 5, "x"),
    ("c", 7, None), ("d", 1, "中文"), ("e", 2, ""),
]  # fmt: skip


def test_a_preference_counts_rows_or_adds_up() -> None:
    """By count the most rows, by amount the most money; of equal ones the smaller text."""
    history = shop(PURCHASES)

    by_count = given(PreferenceTag("p", "category"), history)
    by_amount = given(PreferenceTag("p", "category", by="amount"), history)

    assert by_count == {"a": ["x"], "b": ["x"], "d": ["中文"], "e": [""]}
    assert by_amount == {"a": ["y"], "b": ["x"], "d": ["中文"], "e": [""]}


def test_too_few_orders_are_no_preference() -> None:
    """`at_least` counts the orders that know the property."""
    found = given(PreferenceTag("p", "category", at_least=2), shop([*PURCHASES, ("d", 1, None)]))

    assert found == {"a": ["x"], "b": ["x"]}


def test_returns_do_not_speak_for_a_category() -> None:
    """A preference is for what was bought: returned amounts are taken off nothing."""
    history = shop([("a", 30, "x"), ("a", -30, "x"), ("a", 20, "y"), ("b", -5, "y")])

    assert given(PreferenceTag("p", "category", by="amount"), history) == {"a": ["x"]}


def test_tfidf_is_the_known_answer() -> None:
    """Rows count the more, the rarer their category: the weights are those worked out by hand.

    Three customers know a category. x has all three: ln(4/4) + 1 = 1. y has one: ln(4/2) + 1 =
    1.693147. z, which nobody has, would have ln(4/1) + 1 = 2.386294. So two rows of x (2.000000)
    outweigh one of y, and one row of y outweighs one of x.
    """
    history = shop(
        [("a", 1, "x"), ("a", 1, "x"), ("a", 1, "y"), ("b", 1, "x"), ("c", 1, "x"), ("d", 1, None)]
    )
    tags = TagSet(PreferenceTag("p", "category", by="tfidf")).fit(history, AS_OF)

    fitted = tags.tags[0]
    assert isinstance(fitted, PreferenceTag)
    assert isinstance(fitted.weights, WeightedTop)
    assert dict(fitted.weights.weights) == {"x": 1_000_000, "y": 1_693_147}
    assert fitted.weights.unseen == 2_386_294
    later = shop([("a", 1, "x"), ("a", 1, "x"), ("a", 1, "y"), ("b", 1, "x"), ("b", 1, "y"),
                  ("c", 1, "z"), ("c", 1, "y"), ("c", 1, "x"), ("c", 1, "x")])  # fmt: skip
    assert {r["customer_id"]: r["value"] for r in tags.assign(later, AS_OF).to_pylist()} == {
        "a": "x", "b": "y", "c": "z",
    }  # fmt: skip


def test_bands_of_percentiles_keep_equal_amounts_together() -> None:
    """Ties at a cut-point stand on one side of it, however the customers are sorted."""
    bands = {"top": (0.8, 1), "middle": (0.4, 0.8)}
    amounts = [("a", 1), ("b", 5), ("c", 5), ("d", 5), ("e", 9)]
    # Of five, rank ceil(0.8 * 5) = 4 is 5 and rank 2 is 5: above 5 is the top, and nobody between.
    assert given(PercentileTag("s", SPENT, bands), shop(amounts)) == {"e": ["top"]}
    apart = [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]
    assert given(PercentileTag("s", SPENT, bands), shop(apart)) == {
        "c": ["middle"], "d": ["middle"], "e": ["top"],
    }  # fmt: skip
    assert given(Tag("t", SPENT.in_top(2)), shop(amounts)) == {"b": ["true"], "e": ["true"]}


def test_an_empty_category_is_no_preference() -> None:
    """Where nobody knows a category, nobody has a preference, fitted or not."""
    history = shop([("a", 1), ("b", 2)])

    for by in ("count", "amount", "tfidf"):
        assert given(PreferenceTag("p", "category", by=by), history) == {}


@pytest.mark.parametrize("engine", ["pyarrow", "polars-lazy", "duckdb"])
@pytest.mark.parametrize("of", ["amount", "ordered_day"])
def test_a_preference_for_what_has_no_name_is_refused(engine: str, of: str) -> None:
    """Money and days cannot be preferred; engines would write them in different ways."""
    table = pa.table({
        "customer_id": ["a"], "ordered_at": ["2024-02-01"], "amount": [1],
        "ordered_day": pa.array([19_000], pa.date32()),
    })  # fmt: skip
    orders = Orders(
        to_engine(table, engine), customer_id="customer_id", ordered_at="ordered_at",
        amount="amount", properties=("ordered_day",),
    )  # fmt: skip
    tags = TagSet(PreferenceTag("p", of))
    rows = [{"customer_id": "a", "ordered_at": "2024-02-01", "amount": 1,
             "ordered_day": table["ordered_day"][0].as_py()}]  # fmt: skip
    customer = Customer.from_rows("a", {"order": rows}, {"order": orders.columns})

    with pytest.raises(ColumnTypeError, match="no text"):
        tags.assign(History(orders), AS_OF)
    with pytest.raises(ColumnTypeError, match="no text"):
        tags.assign_one(customer, AS_OF)


@pytest.mark.parametrize("engine", installed_engines(with_spark=False))
def test_a_preference_for_numbers_is_their_text(engine: str) -> None:
    """Whole numbers name things as well, the same on every engine and for one customer."""
    table = pa.table({
        "customer_id": [7, 7, 8], "ordered_at": ["2024-02-01"] * 3, "amount": [1, 1, 1],
        "shop": pa.array([12, 12, -3], pa.int32()),
    })  # fmt: skip
    held = to_engine(table, engine)
    orders = Orders(held, customer_id="customer_id", ordered_at="ordered_at", amount="amount",
                    properties=("shop",))  # fmt: skip
    tags = TagSet(PreferenceTag("p", "shop"))
    history = History(orders)

    assert tags.assign_one(history.customer(7), AS_OF) == {"p": "12"}
    assert tags.assign_one(history.customer(8), AS_OF) == {"p": "-3"}
    from userops.testing import rows_of

    assert rows_of(tags.assign(history, AS_OF)) == [(7, "p", "12"), (8, "p", "-3")]
    at_12, at_012 = HasTag("p", "12"), HasTag("p", "012")
    named = {"tags": {tag.name: tag for tag in tags.tags}}
    found = rows_of(at_12.answer(history, AS_OF, **named))
    assert found == [(7, True), (8, False)]
    assert not any(row[1] for row in rows_of(at_012.answer(history, AS_OF, **named)))
    assert at_12.answer_one(history.customer(7), AS_OF, **named)
    assert not at_012.answer_one(history.customer(7), AS_OF, **named)
    explained = tags.explain(history.customer(8), "p", AS_OF, value="-3")
    assert explained.holds
    assert "most frequent shop of order is “-3” [-3]" in str(explained)


def test_as_rule_is_the_tag_in_another_rule() -> None:
    """A tag stands for the rule that a customer has it, or one value; unknown values are named."""
    group = TagGroup("level", {"gold": SPENT >= 100, "silver": SPENT >= 10})
    history = shop([("a", 200), ("b", 50), ("c", 1)])

    def who(rule: Rule) -> list[str]:
        return sorted(
            rule.customers(history, AS_OF, tags={"level": group})["customer_id"].to_pylist()
        )

    assert who(HasTag("level")) == ["a", "b"]
    assert who(HasTag("level", "silver")) == ["b"]
    assert who(PreferenceTag("p", "category").as_rule()) == []
    with pytest.raises(InvalidArgumentError, match=r"has no value 'sliver'.*did you mean 'silver'"):
        group.as_rule("sliver")
    with pytest.raises(NotFittedError, match="fit it first"):
        PreferenceTag("p", "category", by="tfidf").as_rule()


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Tag("", Did("order")), r"name: must be a name.*''"),
        (lambda: Tag(" ", Did("order")), r"name: must be a name"),
        (lambda: Tag("t", SPENT), r"when: is not a rule.*by a comparison"),
        (lambda: Tag("t", True), r"when: is not a rule"),  # type: ignore[arg-type]
        (lambda: Tag("t", Prop("category") == "x"), r"when: is about one event.*where"),
        (lambda: Tag("t", Did("order"), value=""), r"value: must be a name"),
        (lambda: Tag("t", Did("order"), valid_for=7), r"valid_for: is not a duration.*days\(30\)"),
        (lambda: TagGroup("g", {}), r"values: are none.*rule"),
        (lambda: TagGroup("g", {"x": SPENT}), r"when: is not a rule"),
        (lambda: TagGroup("g", ["x"]), r"values\[0\]: is no value with a rule"),
        (lambda: TagGroup("g", 5), r"values\[0\]: is no value with a rule"),
        (lambda: TagGroup("g", [TagValue("x", Did("order"))] * 2), r"values: occur twice.*x"),
        (lambda: TagGroup("g", {"x": Did("order")}, otherwise="x"), r"values: occur twice.*x"),
        (lambda: TagGroup("g", {"x": Did("order")}, pick="last"), r"pick: is not known.*'first'"),
        (lambda: TagValue("x", Did("order"), priority="1"), r"priority: must be a whole number"),
        (lambda: PreferenceTag("p", ""), r"of: must be a name"),
        (lambda: PreferenceTag("p", "c", events=3), r"events: are no events.*Did\('order'\)"),
        (
            lambda: PreferenceTag("p", "c", at_least=0),
            r"at_least: must be a whole number.*1 or more",
        ),
        (lambda: PreferenceTag("p", "c", at_least=True), r"at_least: must be a whole number"),
        (
            lambda: PreferenceTag("p", "c", weights=WeightedTop(Did("order"), of="c")),
            r"weights: are",
        ),
        (lambda: PercentileTag("s", SPENT, {}), r"bands: must say where.*'top': \(0\.9, 1\)"),
        (lambda: PercentileTag("s", SPENT, "top"), r"bands: must say where"),
        (lambda: PercentileTag("s", SPENT, {"top": 0.9}), r"bands\['top'\]: must say where.*0\.9"),
        (lambda: PercentileTag("s", SPENT, {"top": (0.9,)}), r"bands\['top'\]: must say where"),
        (lambda: PercentileTag("s", SPENT, {"top": (0.9, 0.1)}), r"bands\['top'\]: must lie above"),
        (lambda: PercentileTag("s", SPENT, {"top": (0, 90)}), r"bands\['top'\]: must be a share"),
        (lambda: PercentileTag("s", SPENT, {"": (0, 1)}), r"bands\[''\]: must be a name"),
        (lambda: PercentileTag("s", SPENT, [("a", 0, 1), ("a", 0, 1)]), r"bands: occur twice.*a"),
        (lambda: PercentileTag("s", Did("order"), {"a": (0, 1)}), r"value: is no number"),
        (lambda: PercentileTag("s", Did("order").top("c"), {"a": (0, 1)}), None),
    ],
)
def test_a_wrong_tag_is_refused_when_it_is_written(build: Any, message: str | None) -> None:
    """The error names the field, what was got, and what is allowed."""
    if message is None:  # only data can tell whether a top value has an order
        build()
        return
    with pytest.raises(InvalidDefinitionError, match=message):
        build()


def test_tags_of_attributes_see_customers_without_events() -> None:
    """Who stands only in a table of attributes has tags like everybody else."""
    customers = Customers(pa.table({"customer_id": ["a", "z"], "city": ["杭州", "杭州"]}))
    history = shop([("a", 1)], customers=customers)

    assert given(Tag("local", Attr("city") == "杭州"), history) == {"a": ["true"], "z": ["true"]}
    assert given(Tag("idle", ~Did("order")), history) == {"z": ["true"]}
