"""What is no rule, no customer or no name is refused with what to write instead."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pyarrow as pa
import pytest

from userops import Events, History, Orders
from userops.customers import Customers
from userops.errors import InvalidArgumentError, InvalidDefinitionError, nearest
from userops.rules import All, Attr, CustomRule, Did, HasTag, InSegment, Prop, Rule
from userops.segmentation import Segment, Tag, TagSet
from userops.testing import check_rule

AS_OF = "2024-04-01"


def shop() -> History:
    """Return two customers, one of whom ordered."""
    table = {"who": ["m1"], "no": ["A"], "at": ["2024-01-05"], "金额": [10.0], "品类": ["母婴"]}
    orders = Orders(
        pa.table(table),
        customer_id="who", order_id="no", ordered_at="at", amount="金额", category="品类",
    )  # fmt: skip
    people = pa.table({"customer_id": ["m1", "m2"], "reachable_by_phone": [True, False]})
    return History(orders, customers=Customers(people))


@pytest.mark.parametrize(
    "build",
    [
        lambda flag, rule: rule & flag, lambda flag, rule: flag & rule,
        lambda flag, rule: rule | flag, lambda flag, rule: flag | rule,
        lambda flag, rule: flag & flag, lambda flag, rule: ~flag,
        lambda flag, rule: All([rule, flag]),
    ],
)  # fmt: skip
def test_a_value_where_a_rule_is_needed_says_how_to_compare_it(build: Any) -> None:
    """A flag among rules is a value; the bare TypeError of Python says nothing."""
    with pytest.raises(InvalidDefinitionError, match="a flag by `== True`"):
        build(Attr("reachable_by_phone"), Did("order"))


def test_an_id_is_no_customer() -> None:
    """Where a customer in memory is needed, the error says how to read one."""
    tags = TagSet([Tag("buyer", Did("order"))])
    hint = r"is no Customer\. Got: 'm1'.*history\.customer\('m1', as_of\)"
    calls: list[Any] = [
        lambda: tags.explain("m1", "buyer", AS_OF),  # type: ignore[arg-type]
        lambda: tags.assign_one("m1", AS_OF),  # type: ignore[arg-type]
        lambda: Did("order").explain("m1", AS_OF),  # type: ignore[arg-type]
        lambda: Did("order").answer_one("m1", AS_OF),  # type: ignore[arg-type]
        lambda: Segment("buyers", Did("order")).holds("m1", AS_OF),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InvalidArgumentError, match=hint):
            call()


def test_a_set_of_tags_stands_where_its_names_do() -> None:
    """A fitted set, one that is not, or a list of tags resolve names, segments among them."""
    lapsed = Segment("lapsed", ~Did("order"))
    tags = TagSet(
        [Tag("quiet", InSegment("lapsed")), Tag("buyer", ~HasTag("quiet"))], segments=[lapsed]
    )
    history = shop()
    segment = Segment("buyers", HasTag("buyer"))
    fitted = tags.fit(history, AS_OF)
    for given in (tags, fitted):
        assert segment.customers(history, AS_OF, tags=given)["customer_id"].to_pylist() == ["m1"]
        assert segment.holds(history.customer("m1"), AS_OF, tags=given)
        assert "yes" in str(segment.explain(history.customer("m1"), AS_OF, tags=given))
    several = HasTag("buyer") & ~InSegment("lapsed")
    found = several.customers(history, AS_OF, tags=[Tag("buyer", Did("order"))], segments=[lapsed])
    assert found["customer_id"].to_pylist() == ["m1"]
    for wrong in ("buyer", ["buyer"], 5):
        with pytest.raises(InvalidArgumentError, match="tags: says no names"):
            segment.customers(history, AS_OF, tags=wrong)  # type: ignore[arg-type]


def test_the_hosts_name_of_a_mapped_column_leads_to_its_role() -> None:
    """Rules name roles: what is mapped is called by what it is mapped to."""
    history = shop()
    for asked, said in (
        (Did("order").where(Prop("品类") == "母婴"), "that column is 'category' here"),
        (Did("order").sum("金额"), "that column is 'amount' here"),
    ):
        with pytest.raises(InvalidArgumentError, match=said):
            asked.answer(history, AS_OF)
        with pytest.raises(InvalidArgumentError, match=said):
            asked.answer_one(history.customer("m1"), AS_OF)


def test_an_unknown_class_names_those_that_fit_the_place() -> None:
    """Sixty names help nobody."""
    with pytest.raises(InvalidDefinitionError, match="did you mean 'Compare'") as caught:
        Rule.from_dict({"type": "Compar"})
    allowed = str(caught.value.allowed)
    assert "Compare" in allowed
    assert "IdentityGraph" not in allowed
    document = (~Did("order")).to_dict()
    document["rule"]["type"] = "Dit"
    with pytest.raises(InvalidDefinitionError, match="did you mean 'Did'") as caught:
        Rule.from_dict(document)
    assert "TagThresholds" not in str(caught.value)
    assert len(str(caught.value)) < 700


def test_two_characters_have_a_nearest_name() -> None:
    """Half of a Chinese word is right."""
    assert nearest("流矢", ["活跃", "流失"]) == "流失"
    assert nearest("ab", ["cd", "xb"]) is None


def test_a_failed_check_of_a_rule_names_the_rule_and_its_values() -> None:
    """Which of many rules failed, and what it is about."""
    rule = Did("order").count() >= 1

    def moving(engine: str) -> History:
        """Return other orders on other engines."""
        who = "m1" if engine == "pyarrow" else "m2"
        table = pa.table({"customer_id": [who], "occurred_at": ["2024-01-01"]})
        from userops.testing import to_engine

        events = Events(to_engine(table, engine))
        return History({"order": Orders(to_engine(pa.table(
            {"customer_id": [who], "ordered_at": ["2024-01-01"], "amount": [1]}), engine)),
            "scan": events})  # fmt: skip

    with pytest.raises(AssertionError) as caught:
        check_rule(rule, history=moving, as_of=[AS_OF], engines=["polars"])
    said = str(caught.value)
    assert f"rule: {rule}" in said
    assert f"values in it: {Did('order').count()}" in said
    assert "'type': 'Compare'" in said


def test_a_rule_of_ones_own_has_a_sentence_in_each_language() -> None:
    """It stands inside longer sentences; without one, the class and its fields do."""

    @attrs.frozen(eq=False)
    class Loyal(CustomRule):
        """Bought."""

        code_version: ClassVar[str] = "1"

        def terms(self) -> Any:
            """Look at the orders."""
            return {"bought": Did("order").count()}

        def holds(self, bought: int) -> bool:  # type: ignore[override]
            """Decide."""
            return bought > 0

        def sentence(self, locale: Any) -> str | None:
            """Say it."""
            return {"en": "is loyal", "zh": "是忠诚客户"}[locale]

    rule = Loyal() & Did("order")
    assert rule.describe() == "is loyal and did order"
    assert rule.describe("zh").startswith("是忠诚客户，并且")
    assert "✓ is loyal" in str(Loyal().explain(shop().customer("m1"), AS_OF))
