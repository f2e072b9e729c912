"""References by name: resolved when asked, with the nearest name, and never in a circle."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs
import pytest
from tests.rules.small_shop import one, rows_of_answer, shop

from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules import Attr, CustomRule, Did, HasTag, InSegment, Rule, RuleSet, days
from userops.rules.references import resolved
from userops.segmentation import Segment, Tag, TagGroup

AS_OF = "2024-03-01"
CUSTOMER = one([{"at": "2024-02-20", "paid": 50}], attributes={"city": "杭州"})
TAGS: dict[str, Any] = {
    "vip": Did("order").sum("amount") >= 10,
    "local": Tag("local", Attr("city") == "杭州"),
    "level": TagGroup("level", {"gold": Did("order").count() >= 9, "basic": Did("order")}),
}


def test_names_are_resolved_when_asked() -> None:
    """A name stands for a rule, a tag, a value of a group, or a segment, as deep as one likes."""
    segments = {"loyal": Segment("loyal", HasTag("vip") & HasTag("level", "basic")),
                "active": Did("order").within(days(30)) & InSegment("loyal")}  # fmt: skip
    for rule, holds in {
        HasTag("vip"): True, HasTag("local"): True, HasTag("level", "gold"): False,
        HasTag("level", "basic"): True, HasTag("level"): True, InSegment("active"): True,
        ~InSegment("loyal") | HasTag("level", "gold"): False,
    }.items():  # fmt: skip
        given = {"tags": TAGS, "segments": segments}
        assert rule.answer_one(CUSTOMER, AS_OF, **given) is holds, rule
        assert RuleSet({"x": rule}, **given).answer_one(CUSTOMER, AS_OF) == {"x": holds}
        assert rule.explain(CUSTOMER, AS_OF, **given).holds is holds


def test_frames_resolve_names_alike() -> None:
    """The same mapping serves all customers."""
    history = shop([("a", "2024-02-20", 50), ("b", "2024-02-20", 1)])
    found = HasTag("vip").answer(history, AS_OF, tags=TAGS).to_pylist()

    assert {row["customer_id"]: row["answer"] for row in found} == {"a": True, "b": False}
    who = InSegment("s").customers(history, AS_OF, segments={"s": HasTag("vip")}, tags=TAGS)
    assert who.to_pylist() == [{"customer_id": "a"}]
    fitted = (HasTag("vip") & Did("order").count().in_top(1)).fit(history, AS_OF, tags=TAGS)
    assert rows_of_answer({"x": fitted}, history, AS_OF)["a"] == {"x": True}


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    """The error says what is known, and what may have been meant."""
    with pytest.raises(InvalidArgumentError, match="tag: 'lokal' is not known") as caught:
        HasTag("lokal").answer_one(CUSTOMER, AS_OF, tags=TAGS)
    assert caught.value.hint == "did you mean 'local'?"
    assert caught.value.allowed == "vip, local, level"
    with pytest.raises(InvalidArgumentError, match="segment: 'x' is not known"):
        InSegment("x").answer_one(CUSTOMER, AS_OF, segments={"loyal": Did("order")})
    with pytest.raises(InvalidArgumentError, match="has no value 'platin'"):
        HasTag("level", "platin").answer_one(CUSTOMER, AS_OF, tags=TAGS)


@pytest.mark.parametrize("given", [None, {}])
def test_without_any_names_the_error_says_how_to_pass_them(given: Any) -> None:
    """Nothing was passed at all: the hint shows the argument."""
    for rule, word in ((HasTag("vip"), "tags"), (InSegment("loyal"), "segments")):
        with pytest.raises(InvalidArgumentError, match=f"{word}: .* has to be resolved") as caught:
            rule.answer_one(CUSTOMER, AS_OF, tags=given, segments=given)
        assert caught.value.hint == f"pass {word}={{{rule.name!r}: …}}"
        with pytest.raises(InvalidArgumentError, match="has to be resolved"):
            rule.answer(shop([("a", "2024-02-20", 50)]), AS_OF)
        with pytest.raises(InvalidArgumentError, match="has to be resolved"):
            (~rule | Did("order")).fit(shop([("a", "2024-02-20", 50)]), AS_OF)


@pytest.mark.parametrize(
    ("tags", "segments", "circle"),
    [
        ({"a": HasTag("a")}, {}, "tag 'a' → tag 'a'"),
        ({"a": HasTag("b"), "b": ~HasTag("a") | Did("order")}, {}, "tag 'a' → tag 'b' → tag 'a'"),
        ({"a": InSegment("s")}, {"s": Did("order") & HasTag("a")},
         "tag 'a' → segment 's' → tag 'a'"),
        ({"a": Tag("a", HasTag("g", "x")), "g": TagGroup("g", {"x": HasTag("a")})}, {},
         "tag 'a' → tag 'g' → tag 'a'"),
        ({"a": HasTag("b"), "b": HasTag("b")}, {}, "tag 'a' → tag 'b' → tag 'b'"),
    ],
)  # fmt: skip
def test_a_circle_is_refused_and_printed(tags: Any, segments: Any, circle: str) -> None:
    """Names that lead back to themselves are shown in their order."""
    for ask in (
        lambda: HasTag("a").answer_one(CUSTOMER, AS_OF, tags=tags, segments=segments),
        lambda: HasTag("a").explain(CUSTOMER, AS_OF, tags=tags, segments=segments),
    ):
        with pytest.raises(InvalidArgumentError, match="name each other in a circle") as caught:
            ask()
        assert caught.value.got == circle


def test_a_name_that_is_used_twice_is_no_circle() -> None:
    """Two branches may name the same tag, and a tag and a segment may share a name."""
    rule = HasTag("x") & ~InSegment("x") & HasTag("x")

    assert rule.answer_one(
        CUSTOMER, AS_OF, tags={"x": Did("order")}, segments={"x": ~HasTag("x")}
    )  # fmt: skip


def test_a_plain_rule_has_no_values() -> None:
    """Asking a rule for a value is refused; so is a name that stands for no rule."""
    with pytest.raises(
        InvalidArgumentError, match="'vip' is a rule, which has no values"
    ) as caught:
        HasTag("vip", "gold").answer_one(CUSTOMER, AS_OF, tags=TAGS)
    assert caught.value.got == "gold"
    with pytest.raises(
        InvalidArgumentError, match="stands for nothing that can be asked"
    ) as caught:
        HasTag("n").answer_one(CUSTOMER, AS_OF, tags={"n": 3})
    assert (caught.value.got, caught.value.argument) == ("int", "tags")


@attrs.frozen(eq=False)
class Named(CustomRule):
    name: str = attrs.field(default="vip")
    code_version: ClassVar[str | None] = "1"

    def expand(self) -> Rule:
        return HasTag(self.name)


def test_own_rules_may_name_tags_and_tags_may_be_own_rules() -> None:
    """Names inside rules of one's own are resolved too, and circles through them are found."""
    assert Named().answer_one(CUSTOMER, AS_OF, tags=TAGS) is True
    assert HasTag("mine").answer_one(CUSTOMER, AS_OF, tags={"mine": Named(), **TAGS}) is True
    with pytest.raises(InvalidArgumentError, match="circle"):
        HasTag("mine").answer_one(CUSTOMER, AS_OF, tags={"mine": Named("mine")})


def test_rules_without_names_are_left_as_they_are() -> None:
    """Nothing is copied where there is nothing to resolve."""
    rule = Did("order") & (Attr("x") == 1)

    assert resolved(rule) is rule
    assert resolved(rule, tags=TAGS) is rule


@pytest.mark.parametrize(
    "make", [lambda: HasTag(""), lambda: HasTag("x", ""), lambda: InSegment(3),
             lambda: HasTag(None)]
)  # fmt: skip
def test_names_are_text(make: Any) -> None:
    """Empty names and other kinds are refused when written."""
    with pytest.raises(InvalidDefinitionError, match="must be a name"):
        make()
