"""Explanations: verdicts agree with the answers, values are shown, names are opened up."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rules.small_shop import one

from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.events import OrderColumns
from userops.rules import (
    Attr,
    CustomRule,
    Did,
    HasTag,
    InSegment,
    Pilot,
    Prop,
    Reason,
    Rule,
    Sequence,
    Value,
    days,
)
from userops.segmentation import Tag, TagGroup

AS_OF = "2024-03-01"
CUSTOMER = one(
    [{"at": "2024-02-01T08:00", "paid": 1200.5}, {"at": "2024-02-20T09:30", "paid": 30},
     {"at": "2024-02-21", "paid": -10}],
    attributes={"city": "杭州", "age": 30, "vip": True, "born": dt.date(1990, 2, 28),
                "rate": 0.125},
    scan=[{"at": "2024-01-31", "n": 1}, {"at": "2024-02-20T09:00", "n": 5}],
    view=[],
)  # fmt: skip
SPENT = Did("order").sum("amount")


@attrs.frozen(eq=False)
class Regular(CustomRule):
    orders: int = 2
    code_version: ClassVar[str | None] = "1"

    def expand(self) -> Rule:
        return (Did("order").count() >= self.orders) & HasTag("local")


@attrs.frozen(eq=False)
class Generous(CustomRule):
    least: float = 100.0
    code_version: ClassVar[str | None] = "1"

    def terms(self) -> dict[str, Value]:
        return {"spent": SPENT, "orders": Did("order").count()}

    def holds(self, spent: Any, orders: Any) -> bool:
        return bool(spent > self.least * orders)


TAGS = {
    "local": Tag("local", Attr("city") == "杭州"),
    "level": TagGroup("level", {"gold": SPENT > 1_000, "silver": SPENT > 10}),
    "both": HasTag("local") & InSegment("active"),
}
SEGMENTS = {"active": Did("order").within(days(30)) | Did("scan").within(days(30))}
LEAVES: list[Rule] = [
    Attr("city") == "杭州", Attr("city") != "杭州", Attr("nothing") > 3, Attr("age").between(31,
                                                                                         40),
    Attr("vip") == True, Attr("city").contains("州"), Attr("nothing").is_known(),  # noqa: E712
    Attr("age").is_in([30, 40]), Attr("born").anniversary_within(days(1)),
    Attr("age") > Did("order").count(), SPENT / Did("order").count() > 500, Did("order"),
    Did("view"),
    Did("order").where(Prop("amount") > 1_000), Did("scan").where(Prop("n") >= 5).within(days(30)),
    Did("order").since(Did("scan").last()), Sequence("scan", "order", within=days(1)),
    Sequence("order", "scan", without="return"), Sequence("scan", "scan", "order"),
    Sequence("view", "order"), HasTag("local"), HasTag("level", "silver"), HasTag("level"),
    InSegment("active"), HasTag("both"), Pilot("p", 0.5), Regular(), Regular(9), Generous(),
    Generous(1e6),
]  # fmt: skip


def trees() -> st.SearchStrategy[Rule]:
    """Combine the leaves at random."""
    return st.recursive(
        st.sampled_from(LEAVES),
        lambda rules: st.one_of(
            st.tuples(rules, rules).map(lambda pair: pair[0] & pair[1]),
            st.tuples(rules, rules).map(lambda pair: pair[0] | pair[1]),
            rules.map(lambda rule: ~rule),
        ),
        max_leaves=6,
    )


def reasons(reason: Reason) -> Iterator[Reason]:
    """Yield a reason and all below it."""
    yield reason
    for part in reason.parts:
        yield from reasons(part)


@settings(max_examples=60, deadline=None)
@given(trees(), st.sampled_from(["en", "zh"]), st.sampled_from([AS_OF, "2024-02-20", "2020-01-01"]))
def test_verdicts_are_those_of_the_answer(rule: Rule, locale: Any, as_of: str) -> None:
    """The root is the answer, and each part that combines others follows from them."""
    said = rule.explain(CUSTOMER, as_of, tags=TAGS, segments=SEGMENTS, locale=locale)

    assert said.holds is rule.answer_one(CUSTOMER, as_of, tags=TAGS, segments=SEGMENTS)
    combine = {
        "all of these hold": all, "at least one of these holds": any, "以下全部满足": all,
        "以下至少满足一项": any, "this does not hold": lambda holds: not holds[0],
        "以下不满足": lambda holds: not holds[0],
    }  # fmt: skip
    for reason in reasons(said.reason):
        below = [part.holds for part in reason.parts]
        if reason.said in combine:
            assert reason.holds is combine[reason.said](below)
        elif below:  # a name, or a rule of one's own: the same in other words
            assert below == [reason.holds]
    document = json.loads(json.dumps(said.to_dict(), ensure_ascii=False, allow_nan=False))
    assert document["holds"] is said.holds
    assert document["customer_id"] == "a"
    assert len(str(said).splitlines()) == 1 + len(list(reasons(said.reason)))


@pytest.mark.parametrize("leaf", LEAVES, ids=str)
def test_each_leaf_is_explained_in_words(leaf: Rule) -> None:
    """A leaf says its sentence, a name its rule, in both languages; with what it looks at."""
    for locale in ("en", "zh"):
        said = leaf.explain(CUSTOMER, AS_OF, tags=TAGS, segments=SEGMENTS, locale=locale)
        expanded = isinstance(leaf, CustomRule) and leaf.expand() is not None
        assert said.reason.said == leaf.describe(locale) or expanded
        has_parts = isinstance(leaf, HasTag | InSegment) or expanded
        assert bool(said.reason.parts) is has_parts
        assert bool(said.reason.values) is not (has_parts or isinstance(leaf, Pilot))


def test_the_tree_is_written_a_line_a_part() -> None:
    """Signs, sentences, values in brackets; money in major units; the instant in the local zone."""
    rule = ((Attr("city") == "杭州") & (SPENT >= 2_000)) | ~(Attr("points") > 3)

    assert str(rule.explain(CUSTOMER, "2024-03-01T08:00")) == (
        "Customer a as of 2024-03-01 08:00 UTC: yes\n"
        "  ✓ at least one of these holds\n"
        "    ✗ all of these hold\n"
        "      ✓ city is “杭州” [“杭州”]\n"
        "      ✗ total amount of order is at least 2,000 [1,220.5]\n"
        "    ✓ this does not hold\n"
        "      ✗ points is above 3 [missing]"
    )
    assert str(rule.explain(CUSTOMER, AS_OF, locale="zh")) == (
        "客户 a，截至 2024-03-01 00:00 UTC：是\n"
        "  ✓ 以下至少满足一项\n"
        "    ✗ 以下全部满足\n"
        "      ✓ city为“杭州” [“杭州”]\n"
        "      ✗ order的amount合计不少于2,000 [1,220.5]\n"
        "    ✓ 以下不满足\n"
        "      ✗ points大于3 [缺失]"
    )


def test_values_are_what_users_see() -> None:
    """Money in major units, days as dates, times as datetimes, flags and text as they are."""
    looked_at = {
        SPENT > 1: 1220.5, Did("order").max("amount") > 1: 1200.5,
        Did("order").mean("amount") > 1: 615.25,
        Attr("born") == dt.date(1990, 2, 28): dt.date(1990, 2, 28),
        Attr("vip") == True: True,  # noqa: E712
        Did("order").last() > dt.date(2024, 1, 1): dt.datetime(2024, 2, 20, 9, 30, tzinfo=dt.UTC),
        Attr("rate") > 1: 0.125, Attr("none") > 1: None,
    }  # fmt: skip
    for rule, value in looked_at.items():
        said = rule.explain(CUSTOMER, AS_OF)
        assert said.reason.values == {"value": value}
        assert rule.answer_one(CUSTOMER, AS_OF) is said.holds
    last = (Did("order").last() > dt.date(2024, 1, 1)).explain(CUSTOMER, AS_OF)
    assert last.to_dict()["values"] == {"value": "2024-02-20T09:30:00+00:00"}
    assert "[2024-02-20 09:30:00]" in str(last)


def test_two_values_are_shown_by_name() -> None:
    """A comparison of two terms shows both sides."""
    said = (Attr("age") > Did("order").count()).explain(CUSTOMER, AS_OF)

    assert said.reason.values == {"value": 30, "to": 2}
    assert str(said).endswith("age is above number of order [value: 30; to: 2]")


def test_sequences_show_how_often_each_step_happened() -> None:
    """A sequence is decided as a whole; each step, also of one event, has a count of its own."""
    rule = Sequence("scan", Did("order").where(Prop("amount") > 1_000), "order", without="view")

    said = rule.explain(CUSTOMER, AS_OF)

    assert said.holds is rule.answer_one(CUSTOMER, AS_OF) is True
    assert said.reason.values == {
        "scan": 2, "order where amount is above 1,000": 1, "order": 2, "view": 0,
    }  # fmt: skip
    inside = (Attr("age") > 1) & ~Sequence("order", "scan", within=days(30))
    tree = inside.explain(CUSTOMER, AS_OF)
    assert tree.holds is inside.answer_one(CUSTOMER, AS_OF) is False
    assert tree.reason.parts[1].parts[0].holds is True


def test_names_are_opened_up() -> None:
    """A tag shows the rule that it stands for; of a group, that no earlier value holds."""
    said = HasTag("level", "silver").explain(CUSTOMER, AS_OF, tags=TAGS)

    assert said.holds is False
    assert [part.said for part in reasons(said.reason)] == [
        "has tag “level” = “silver”", "all of these hold", "total amount of order is above 10",
        "this does not hold", "total amount of order is above 1,000",
    ]  # fmt: skip
    assert [part.holds for part in reasons(said.reason)] == [False, False, True, False, True]


def test_own_rules_are_opened_up_or_show_their_values() -> None:
    """What expands is shown as the rule that it is, names in it too; code shows its values."""
    opened = Regular().explain(CUSTOMER, AS_OF, tags=TAGS)
    assert opened.reason.parts[0].said == "all of these hold"
    assert "city is “杭州”" in str(opened)

    code = Generous().explain(CUSTOMER, AS_OF)
    assert code.holds is True
    assert code.reason.values == {"spent": 1220.5, "orders": 2}
    assert code.reason.said == "Generous(least=100.0)"


@attrs.frozen(eq=False)
class Large(CustomRule):
    code_version: ClassVar[str | None] = "1"

    def expand(self) -> Rule:
        return Prop("amount") > 100


def test_own_conditions_on_events_are_explained_as_well() -> None:
    """A rule of one's own inside `where` counts the events that satisfy it."""
    said = Did("order").where(Large()).explain(CUSTOMER, AS_OF)

    assert said.reason.values == {"count": 1}
    assert said.reason.said == "did order where amount is above 100"


def test_html_is_escaped() -> None:
    """A notebook shows the lines, and text of customers cannot add to the page."""
    customer = one(attributes={"city": "<script>"})

    page = (Attr("city") == "<b>").explain(customer, AS_OF)._repr_html_()

    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<div>") == 3


def test_the_instant_is_said_in_the_zone_of_the_data() -> None:
    """Midnight in Shanghai is said as midnight in Shanghai."""
    there = OrderColumns(
        customer_id="who", ordered_at="at", amount="paid", time_zone="Asia/Shanghai"
    )
    said = (Attr("x") == 1).explain(one(columns=there), dt.datetime(2024, 2, 29, 16, tzinfo=dt.UTC))

    assert said.when == "2024-03-01 00:00 Asia/Shanghai"


def test_what_cannot_be_asked_cannot_be_explained() -> None:
    """Conditions on one event, unknown names and unknown languages are refused."""
    with pytest.raises(InvalidDefinitionError, match="not a value of the customer"):
        (Prop("amount") > 1).explain(CUSTOMER, AS_OF)
    with pytest.raises(InvalidArgumentError, match="did you mean 'local'"):
        HasTag("locel").explain(CUSTOMER, AS_OF, tags=TAGS)
    with pytest.raises(InvalidArgumentError, match="locale"):
        Did("order").explain(CUSTOMER, AS_OF, locale="fr")


def test_times_are_shown_in_the_zone_of_the_heading() -> None:
    """The clock of the data, with fractions of a second where there are any."""
    columns = OrderColumns(
        customer_id="who", ordered_at="at", amount="paid", time_zone="Asia/Shanghai"
    )
    for at, shown in (("2024-01-31 10:00:00", "[2024-01-31 10:00:00]"),
                      ("2024-01-31 10:00:00.25", "[2024-01-31 10:00:00.250000]")):  # fmt: skip
        customer = one([{"at": dt.datetime.fromisoformat(at), "paid": 1.0}], columns)
        told = (Did("order").last() <= dt.date(2024, 1, 31)).explain(customer, "2024-02-01")
        assert told.holds
        assert shown in str(told)
