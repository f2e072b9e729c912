"""What a user writes with rules and tags, checked by pyright."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import narwhals.stable.v2 as nw

from userops import Customer, History
from userops.rules import Attr, CustomRule, Did, Prop, Rule, RuleSet, Sequence, Term, days
from userops.segmentation import Tag, TagSet


@attrs.frozen(eq=False)
class ReturnsALot(CustomRule):
    """A rule of one's own, on the level of terms."""

    share: float = 0.5
    code_version: ClassVar[str | None] = "1"

    def terms(self) -> Mapping[str, Term]:
        return {"bought": Did("order").count(), "back": Did("return").count()}

    def holds(self, **values: Any) -> bool:
        return values["back"] > values["bought"] * self.share

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["back"] > columns["bought"] * self.share


def use_rules(history: History, customer: Customer) -> bool:
    """Combine rules and ask them."""
    lapsing = (Did("order").where(Prop("category") == "x").within(days(90)).count() >= 2) & ~Did(
        "order"
    ).within(days(30))
    local = Attr("city").is_in(["杭州", "上海"]) & Attr("birthday").is_known()
    tried = Sequence("cart", "order", within=days(7))
    rule: Rule = lapsing | (local & tried) | ReturnsALot(share=0.2)
    asked = RuleSet({"rule": rule, "spent": Did("order").sum("amount")})
    answers: dict[str, Any] = asked.answer_one(customer, "2025-01-01")
    text: str = rule.describe("zh")
    tags = TagSet([Tag("lapsing", lapsing, valid_for=days(30))])
    fitted = tags.fit(history, "2025-01-01")
    values: dict[str, Any] = fitted.assign_one(customer, "2025-01-01")
    return bool(answers) and bool(text) and bool(values)
