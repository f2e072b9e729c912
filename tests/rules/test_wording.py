"""Sentences: every node says itself in both languages, in words."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from tests.rules.every_node import NODES

from userops.errors import InvalidArgumentError
from userops.rules import (
    Attr,
    Did,
    InSegment,
    Pilot,
    Prop,
    Rule,
    RuleSet,
    Sequence,
    WeightedTop,
    calendar_days,
    calendar_months,
    calendar_weeks,
    days,
    hours,
)
from userops.rules.node import walked

# What a Python object looks like, and what a format leaves behind where it was not filled.
CODE = re.compile(r"[{}<>]|\(.*=|None|True|False|\bdt\.|datetime|object at|Fraction|'|\\u|\bNaN\b")
CHINESE = re.compile(r"[一-鿿]")
OPERATOR_SIGNS = {"FittedPercentile", "FittedPercentile infinite"}


def nouns(node: Any) -> set[str]:
    """Return the names that a node is about."""
    found = set()
    for part in walked(node):
        for field in ("name", "event", "of", "by"):
            value = getattr(part, field, None)
            found |= {value} if isinstance(value, str) else set()
    return found


@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("locale", ["en", "zh"])
def test_each_node_is_said_in_words(name: str, locale: Any) -> None:
    """No Python, no leftover braces; the names of events, properties and attributes appear."""
    node = NODES[name]

    said = node.describe(locale)

    plain = said.replace("> ", "") if name in OPERATOR_SIGNS else said
    assert not CODE.search(plain), said
    assert said == said.strip()
    assert "  " not in said
    assert all(noun in said for noun in nouns(node)), said
    if locale == "zh":
        words = nouns(node) | {"Shanghai"}
        assert CHINESE.search(said) or type(node).__name__ in ("Attr", "Prop"), said
        assert not re.search(
            r"\b(and|or|not|is|the|of|in|since|within|days?)\b", _without(said, words)
        )
    else:
        assert str(node) == said


def _without(said: str, words: set[str]) -> str:
    for word in sorted(words, key=len, reverse=True):
        said = said.replace(word, "")
    return said


def test_sentences_tell_rules_apart() -> None:
    """Different nodes have different sentences, in each language."""
    for locale in ("en", "zh"):
        by_said: dict[str, list[str]] = {}
        for name, node in NODES.items():
            by_said.setdefault(node.describe(locale), []).append(name)
        same = {said: names for said, names in by_said.items() if len(names) > 1}
        assert not same, same


def test_braces_and_percent_signs_of_the_host_are_left_alone() -> None:
    """Names and constants are said letter by letter, whatever they hold."""
    rule = Did("order{e}").where(Prop("a{p}") == "50 % {b}").top("x%s", by="{0}") == "{}"

    assert rule.describe() == (
        "x%s with the highest {0} of order{e} where a{p} is “50 % {b}” is “{}”"
    )
    assert rule.describe("zh") == "满足a{p}为“50 % {b}”的order{e}的{0}最高的x%s为“{}”"


@pytest.mark.parametrize(
    ("rule", "en", "zh"),
    [
        ((Attr("a") == 1) & (Attr("b") == 2) | ~Did("order"),
         "(a is 1 and b is 2) or not did order", "（a为1，并且b为2），或者并非有order"),
        (~((Attr("a") == 1) | Did("order")), "not (a is 1 or did order)",
         "并非（a为1，或者有order）"),
        (Attr("a") >= 1_000_000, "a is at least 1,000,000", "a不少于1,000,000"),
        (Attr("a") < dt.date(2024, 1, 31), "a is before 2024-01-31", "a早于2024-01-31"),
        (Attr("a") >= dt.datetime.fromisoformat("2024-01-31T08:00"),
         "a is on or after 2024-01-31 08:00:00",
         "a不早于2024-01-31 08:00:00"),
        (Attr("vip") == True, "vip is yes", "vip为是"),  # noqa: E712
        (Attr("n").is_in(range(9)), "n is one of 0, 1, 2, 3, 4, 5 or 3 more",
         "n属于0、1、2、3、4、5等9个"),
        (Did("order").within(days(1)), "did order in the last 1 day", "有最近1天内order"),
        (Did("order").within(hours(2)), "did order in the last 2 hours", "有最近2小时内order"),
        (Did("order").within(calendar_days()), "did order in the current calendar day",
         "有当天order"),
        (Did("order").within(calendar_months(1, ago=2)),
         "did order in 1 calendar month ending 2 before now", "有往前第2个月起的1个自然月order"),
        (Did("order").within(calendar_weeks(2, ago=1)),
         "did order in the previous 2 calendar weeks",
         "有往前第1周起的2个自然周order"),
        (Did("order").since(Did("join").first(), lasting=days(30)),
         "did order within 30 days from first time of join", "有自首次join的时间起30天内order"),
        (Attr("x").in_percentile(0.9, 1), "x is in the top 10 %", "x位于前10%"),
        (Attr("x").in_percentile(0.7, 1), "x is in the top 30 %", "x位于前30%"),
        (Pilot("p", 0.0005), "is in the 0.05 % of pilot “p”", "属于试点“p”的0.05%"),
        (Sequence("a", "b", without=["c", "d"]), "did a, then b, without c or d between",
         "先后有a、有b，其间没有c或d"),
        (InSegment("vip") & Did("order"), "is in segment “vip” and did order",
         "属于分群“vip”，并且有order"),
    ],
)  # fmt: skip
def test_sentences(rule: Rule, en: str, zh: str) -> None:
    """Plurals, parentheses, separators and times are as people write them."""
    assert rule.describe("en") == en
    assert rule.describe("zh") == zh


def test_how_rules_are_written_is_their_repr() -> None:
    """`repr` is the expression, for those who read a notebook."""
    assert repr(Did("order").where(Prop("a") == 1).sum("amount")).startswith("Did('order').where(")
    assert repr(Attr("x")) == "Attr('x')"
    assert eval(repr(Did("order").count()), {"Did": Did}).same_as(Did("order").count())


def test_values_on_top_are_written_with_what_decides() -> None:
    """What `top` adds up, and the weights of texts, stand in the expression."""
    names = {"Did": Did, "WeightedTop": WeightedTop}
    typical = WeightedTop(Did("order"), of="category", weights={"x": 2}, unseen=3)
    for term in (Did("order").top("category", by="amount"), typical):
        assert eval(repr(term), names).same_as(term)


def test_a_set_says_its_members() -> None:
    """A line a member, with its name."""
    text = repr(RuleSet({"old": Did("order"), "spent": Did("order").sum("amount")}))

    assert text.splitlines() == [
        "RuleSet of 2", "  old: did order", "  spent: total amount of order",
    ]  # fmt: skip


def test_other_languages_are_refused() -> None:
    """The languages are English and Chinese, and the nearest is offered."""
    with pytest.raises(InvalidArgumentError, match="locale: 'de' is not known") as caught:
        Did("order").describe("de")
    assert caught.value.allowed == "en, zh"
