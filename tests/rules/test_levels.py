"""Rules of many levels inside each other: what is said of one is worked out once a level."""

from __future__ import annotations

from typing import Any

import pytest
from tests.rules.small_shop import answered, shop

from userops.errors import InvalidDefinitionError
from userops.rules import All, AnyOf, Attr, Did, Not, Prop, Rule

FEW = Did("order").where(Prop("amount") > 5).count() >= 1
MANY = Did("order").where(Prop("amount") > 1).count() >= 2


def tower(depth: int) -> Rule:
    """Return a rule of so many levels that holds of who has few and many."""
    rule: Rule = FEW
    while rule.depth < depth:
        kinds = [lambda r: All((r, MANY)), lambda r: AnyOf((r, FEW)), Not]
        rule = kinds[rule.depth % 3](rule)
    return rule


def test_fifty_levels_are_built_at_once() -> None:
    """Each level looks at the one below it once; looking twice would take longer than anybody."""
    looks = []

    class Looked(type(Attr("x") > 1)):  # type: ignore[misc]
        @property
        def scope(self) -> Any:
            looks.append(1)
            return super().scope

    rule: Rule = Looked(Attr("x"), ">", 1)
    for number in range(50):
        rule = rule | FEW if number % 2 else rule & MANY

    assert len(looks) <= 2
    known = tower(52)
    assert Rule.from_dict(known.to_dict()) == known


def test_the_deepest_rule_that_is_allowed_is_answered_everywhere() -> None:
    """A hundred levels are compiled, said, explained and read back, from deep in the caller's."""
    rule = tower(100)
    orders = [("a", "2024-01-01", 9.0), ("a", "2024-01-02", 2.0), ("b", "2024-01-01", 3.0)]

    def deep(calls: int) -> dict[Any, Any]:
        if calls:
            return deep(calls - 1)
        assert Rule.from_dict(rule.to_dict()).version == rule.version
        assert str(rule)
        return answered({"deep": rule}, lambda engine: shop(orders, engine), "2024-02-01")

    found = deep(100)

    customer = shop(orders).customer("a")
    assert rule.explain(customer, "2024-02-01").holds is found["a"]["deep"]


@pytest.mark.parametrize("levels", [101, 127, 128, 200, 5000])
def test_deeper_rules_are_refused_with_the_limit(levels: int) -> None:
    """Written or read from a document, what Python could not follow is refused at once."""
    document = (Attr("x") > 1).to_dict()
    for _ in range(levels - 2):
        document = {"type": "All", "all": [document]}
    with pytest.raises(InvalidDefinitionError, match="too many levels inside each other") as caught:
        Rule.from_dict(document)
    assert str(caught.value.allowed).startswith(("up to 100", "up to 256"))
    rule: Rule = tower(100)
    with pytest.raises(InvalidDefinitionError, match="levels") as caught:
        Not(rule)
    assert (caught.value.got, caught.value.allowed) == (101, "up to 100")
    assert "on one level" in str(caught.value.hint)
