"""The public check of one's own rules finds what is wrong with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import narwhals.stable.v2 as nw
import pytest

from userops.core import frames
from userops.errors import InvalidDefinitionError
from userops.rules import Attr, CustomRule, Did, Prop, Rule, Sequence, Term, days
from userops.testing import Engines, check_rule, installed_engines, rule_checks
from userops.testing.trap_history import build_trap_history

HERE = ("pyarrow", "polars-lazy", "duckdb")


@attrs.frozen(eq=False)
class OftenReturns(CustomRule):
    """A rule on the level of terms that keeps the contract."""

    share: float = 0.25
    code_version: ClassVar[str | None] = "1"

    def terms(self) -> Mapping[str, Term]:
        return {"bought": Did("order").count(), "back": Did("return").count()}

    def holds(self, **values: Any) -> bool:
        return values["back"] > values["bought"] * self.share

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["back"] > columns["bought"] * self.share


@attrs.frozen(eq=False)
class OtherColumns(OftenReturns):
    """A rule whose column says something else."""

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["back"] >= columns["bought"] * self.share


@attrs.frozen(eq=False)
class Expands(CustomRule):
    """A rule made of built-in nodes."""

    code_version: ClassVar[str | None] = "1"

    def expand(self) -> Rule:
        return Did("order").where(Prop("category") == "母婴") & Attr("city").is_known()


@attrs.frozen(eq=False)
class Unversioned(CustomRule):
    """A rule that does not say which version of its code it is."""

    def expand(self) -> Rule:
        return Did("order")


@attrs.frozen(eq=False)
class LosesAField(CustomRule):
    """A rule whose document does not hold everything."""

    code_version: ClassVar[str | None] = "1"
    event: str = "order"

    def to_dict(self) -> dict[str, Any]:
        return {"type": "LosesAField"}

    @property
    def key(self) -> str:  # type: ignore[override]
        return self.event

    def expand(self) -> Rule:
        return Did(self.event)


@pytest.mark.parametrize(
    "rule",
    [
        OftenReturns(),
        Expands() | ~OftenReturns(share=0.5),
        Sequence("view", "cart", "order", within=days(30), without="scan"),
        Did("order").sum("amount").in_percentile(0.5, 1),
        Did("order").top("category"),
    ],
    ids=str,
)
def test_good_rules_pass(rule: Any) -> None:
    """A rule that says the same everywhere passes on every kernel."""
    check_rule(rule, engines=HERE)


def test_a_column_that_says_something_else_is_found() -> None:
    """A rule whose column form differs is refused, naming engine and customer."""
    with pytest.raises(AssertionError, match=r"pyarrow answers True for customer '.*' as of 2024"):
        check_rule(OtherColumns(share=0.5), engines=HERE)


def test_a_rule_without_a_version_is_found() -> None:
    """A class with code of its own has to say which version of it it is."""
    with pytest.raises(InvalidDefinitionError, match="code_version"):
        check_rule(Unversioned(), engines=HERE)


def test_a_document_that_forgets_is_found() -> None:
    """A rule that does not come back from its document is refused."""
    with pytest.raises(AssertionError, match="does not come back"):
        check_rule(LosesAField(event="view"), engines=HERE)


VALUES = {
    "text": Attr("city"), "whole": Did("order").count(), "number": Attr("rating"),
    "flag": Attr("is_member"), "day": Attr("birthday"), "instant": Attr("joined"),
    "money": Did("order").last("amount"), "day of an event": Did("order").first("promised"),
    "instant of an event": Did("order").last(),
}  # fmt: skip


@pytest.mark.parametrize("kind", VALUES)
def test_values_of_each_kind_have_one_type_everywhere(kind: str) -> None:
    """A value is of the same type for one customer and on every engine; a day is a date."""
    check_rule(VALUES[kind], engines=installed_engines(with_spark=False))


def test_days_are_dates_in_the_engines_own_type(engines: Engines) -> None:
    """A frame of answers holds days as the engine's dates, missing ones included."""
    for name in engines.names:
        answer = Attr("birthday").answer(build_trap_history(name), "2024-03-11")
        source = frames.read(answer)
        assert source.frame.collect_schema()["answer"] == nw.Date, name
        found = [row["answer"] for row in frames.to_rows(source.frame)]
        assert None in found
        assert {type(day) for day in found} == {dt.date, type(None)}, name


@pytest.mark.parametrize(
    ("one", "other"),
    [(True, 1), (dt.date(2024, 1, 1), dt.datetime(2024, 1, 1, tzinfo=dt.UTC))],
)
def test_equal_values_of_other_types_are_a_difference(one: object, other: object) -> None:
    """True is not 1, and a day is no instant."""
    with pytest.raises(AssertionError, match="where he alone gets"):
        rule_checks._compare("duckdb", "2024-01-01", {"c": one}, {"c": other})
    rule_checks._compare("duckdb", "2024-01-01", {"c": one}, {"c": one})
