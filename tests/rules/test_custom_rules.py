"""Rules of one's own: three levels, the same on every engine and for one customer."""

from __future__ import annotations

import datetime as dt
import gc
from typing import Any, ClassVar

import attrs
import narwhals.stable.v2 as nw
import pytest
from tests.rules.small_shop import FAST, SOME, answered, one, rows_of_answer, shop

from userops import History
from userops.errors import InvalidDefinitionError
from userops.events import OrderColumns
from userops.rules import Attr, CustomRule, Did, Prop, Rule, RuleSet, Term, days

AS_OF = "2024-03-01"
VERSION: str | None = "1"


@attrs.frozen(eq=False)
class Recent(CustomRule):
    """Level 1: built-in nodes."""

    length: int = 30
    code_version: ClassVar[str | None] = VERSION

    def expand(self) -> Rule:
        return Did("order").within(days(self.length)) & (Attr("age") > 17)


@attrs.frozen(eq=False)
class Spends(CustomRule):
    """Level 2: columns and a function that say the same."""

    least: float = 100.0
    code_version: ClassVar[str | None] = VERSION

    def terms(self) -> dict[str, Term]:
        return {"spent": Did("order").sum("amount"), "age": Attr("age")}

    def holds(self, spent: float, age: int | None) -> bool:
        return age is not None and spent / age > self.least / 20

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["spent"] / columns["age"] > self.least / 20


@attrs.frozen(eq=False)
class Odd(CustomRule):
    """Level 3: Python alone."""

    code_version: ClassVar[str | None] = VERSION

    def terms(self) -> dict[str, Term]:
        return {"orders": Did("order").count(), "born": Attr("born"),
                "spent": Did("order").sum("amount"),
                "last": Did("order").last(), "city": Attr("city")}  # fmt: skip

    def holds(self, **seen: Any) -> bool:
        SEEN.append(seen)
        return seen["orders"] % 2 == 1 and (seen["city"] or "").startswith("h")


SEEN: list[dict[str, Any]] = []
ORDERS = [("a", "2024-02-20", 1999.99), ("a", "2024-02-21", 0.01), ("b", "2024-02-22", 50.5),
          ("c", "2023-12-01", 9.0), ("e", "2024-02-01T12:00", 300.0)]  # fmt: skip
PEOPLE = {
    "customer_id": ["a", "b", "c", "d"], "age": [20, None, 10, 40],
    "city": ["hz", "hz", None, "hz"], "born": [dt.date(1970, 1, 11), None, None, None],
}  # fmt: skip


def build(engine: str) -> History:
    """Return the history on an engine."""
    return shop(ORDERS, engine, customers=PEOPLE)


def test_all_levels_answer_alike_everywhere() -> None:
    """Combined with each other and negated, on engines in this process and for one customer."""
    members = {
        "one": Recent(), "two": Spends(), "not two": ~Spends(), "both": Recent(60) & ~Spends(1e6),
    }  # fmt: skip

    found = answered(members, build, AS_OF, SOME)

    assert {who: "".join("ny"[holds] for holds in row.values()) for who, row in found.items()} == {
        "a": "yyny", "b": "nnyn", "c": "nnyn", "d": "nnyn", "e": "nnyn",
    }  # fmt: skip


def test_python_alone_runs_in_this_process() -> None:
    """Row by row on eager and lazy frames and DuckDB, with what one customer would see."""
    engines = [name for name in FAST if name != "ibis"]
    members = {"odd": Odd(), "and": Odd() & Did("order"), "neither": ~(Odd() | Spends())}
    for engine in engines:
        found = rows_of_answer(members, build(engine), AS_OF)
        assert {who for who, row in found.items() if row["odd"]} == {"b"}, engine
        assert {who for who, row in found.items() if row["neither"]} == {"c", "d", "e"}, engine
    history = build("pyarrow")
    for who, row in found.items():
        assert RuleSet(members).answer_one(history.customer(who), AS_OF) == row


def test_python_sees_money_in_major_units_and_times_as_numbers() -> None:
    """Amounts are 2000.0, days and instants count since 1970, missing is None, in columns too."""
    history = build("pyarrow")
    wanted = {"orders": 2, "born": 10, "spent": 2000.0, "city": "hz",
              "last": 1_708_473_600_000_000}  # fmt: skip

    SEEN.clear()
    Odd().answer_one(history.customer("a"), AS_OF)
    assert [wanted] == SEEN
    SEEN.clear()
    Odd().answer(history, AS_OF)
    assert wanted in SEEN
    assert {"orders": 0, "born": None, "spent": 0.0, "last": None, "city": "hz"} in SEEN
    assert {type(seen["spent"]) for seen in SEEN} == {float}


@attrs.frozen(eq=False)
class Careless(Odd):
    """Forgets that a value may be missing."""

    def holds(self, **seen: Any) -> bool:
        return bool(seen["city"].startswith("h"))


def test_an_error_inside_a_rule_tells_the_rule_and_its_values() -> None:
    """What `holds` raises stays itself, with a note of which rule it was and what was missing."""
    history = build("pyarrow")
    asks = (
        lambda: Careless().answer_one(history.customer("c"), AS_OF),
        lambda: Careless().customers(history, AS_OF),
    )
    Careless().answer_one(history.customer("a"), AS_OF)
    for ask in asks:
        with pytest.raises(AttributeError, match="startswith") as caught:
            ask()
        (note,) = caught.value.__notes__
        assert "of the rule Careless()" in note
        assert "city is missing (None)" in note or "born, city is missing" in note


def test_python_alone_is_refused_on_a_warehouse_unless_allowed() -> None:
    """Nothing is collected from a warehouse behind one's back."""
    rule = Odd() & Did("order")
    history = build("ibis")
    for ask in (lambda: rule.answer(history, AS_OF), lambda: rule.customers(history, AS_OF)):
        with pytest.raises(InvalidDefinitionError, match="decided by Python alone") as caught:
            ask()
        assert caught.value.field == "Odd"
        assert caught.value.got == "a frame of ibis"
        assert "allow_python=True" in str(caught.value.hint)

    found = rule.customers(history, AS_OF, allow_python=True).to_pyarrow().to_pylist()

    assert found == [{"customer_id": "b"}]


@attrs.frozen(eq=False)
class Unknown(CustomRule):
    code_version: ClassVar[str | None] = VERSION

    def terms(self) -> dict[str, Term]:
        return {"age": Attr("age")}

    def holds(self, age: int | None) -> Any:
        return age

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["age"] > 0


def test_a_missing_answer_is_false() -> None:
    """Null of an expression counts as false, None of `holds` too, and the negation is true."""
    found = answered({"is": Unknown(), "not": ~Unknown()}, build, AS_OF)

    assert {who for who, row in found.items() if row["is"]} == {"a", "c", "d"}
    assert all(row["is"] is not row["not"] for row in found.values())


@attrs.frozen(eq=False)
class Large(CustomRule):
    """Level 1, of one event."""

    least: float = 100.0
    code_version: ClassVar[str | None] = VERSION

    def expand(self) -> Rule:
        return Prop("amount") >= self.least


@attrs.frozen(eq=False)
class Round(CustomRule):
    """Level 2, of one event."""

    code_version: ClassVar[str | None] = VERSION

    def terms(self) -> dict[str, Term]:
        return {"amount": Prop("amount")}

    def holds(self, amount: float | None) -> bool:
        return amount is not None and amount % 1 == 0

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["amount"] % 1 == 0


@attrs.frozen(eq=False)
class RoundInPython(Round):
    """Level 3, of one event."""

    expression = CustomRule.expression


@attrs.frozen(eq=False)
class LargeOften(CustomRule):
    """Level 2, whose terms hold a rule of one's own."""

    code_version: ClassVar[str | None] = VERSION

    def terms(self) -> dict[str, Term]:
        return {"n": Did("order").where(Large(40.0)).count()}

    def holds(self, n: int) -> bool:
        return n >= 1

    def expression(self, **columns: nw.Expr) -> nw.Expr:
        return columns["n"] >= 1


def test_own_conditions_on_events() -> None:
    """Inside `where` amounts are in major units too, and the scope follows from the terms."""
    members = {
        "large": Did("order").where(Large()).count(), "round": Did("order").where(Round()).count(),
        "both": Did("order").where(Round() & Large(9.0) & (Prop("amount") < 400)),
        "often": LargeOften(),
    }  # fmt: skip

    found = answered(members, build, AS_OF)

    assert {who: list(row.values()) for who, row in found.items()} == {
        "a": [1, 0, False, True], "b": [0, 0, False, True], "c": [0, 1, True, False],
        "d": [0, 0, False, False], "e": [1, 1, True, True],
    }  # fmt: skip
    assert {rule.scope for rule in (Large(), Round(), RoundInPython())} == {"event"}
    assert {rule.scope for rule in (Recent(), Spends(), Odd(), LargeOften())} == {"customer"}


def test_python_alone_cannot_be_asked_of_every_row_of_a_table() -> None:
    """For one customer and one row it can; on frames the error says what to write."""
    rule = Did("order").where(RoundInPython())
    history = build("pyarrow")

    assert rule.answer_one(history.customer("e"), AS_OF) is True
    with pytest.raises(InvalidDefinitionError, match="asked of single rows"):
        rule.answer(history, AS_OF)


def test_single_rows_match_on_every_level() -> None:
    """`matches` takes a row of the host."""
    columns = OrderColumns(customer_id="who", ordered_at="at", amount="paid")
    row = {"who": "a", "at": "2024-01-01", "paid": 120}
    for rule, paid in ((Large(), 99.5), (Round(), 120.5), (RoundInPython(), 120.5)):
        assert rule.matches(row, columns) is True
        assert rule.matches({**row, "paid": paid}, columns) is False
        assert rule.matches({**row, "at": None}, columns) is False


def test_a_class_that_says_nothing_is_refused() -> None:
    """Neither `expand` nor `holds`: refused when the first rule is made."""

    @attrs.frozen(eq=False)
    class Nothing(CustomRule):
        code_version: ClassVar[str | None] = VERSION

    @attrs.frozen(eq=False)
    class NoTerms(CustomRule):
        def terms(self) -> Any:
            return {"x": "orders"}

        def holds(self, x: Any) -> bool:
            return bool(x)

    with pytest.raises(InvalidDefinitionError, match="Nothing: says nothing"):
        Nothing()
    with pytest.raises(InvalidDefinitionError, match="terms: must map names to terms"):
        NoTerms()


def test_own_rules_take_part_in_everything() -> None:
    """They describe themselves, compare by content, and fields are validated as declared."""
    assert Recent(7).describe() == "did order in the last 7 days and age is above 17"
    assert Recent(7).describe("zh") == "有最近7天内order，并且age大于17"
    assert Spends().describe() == "Spends(least=100.0)"
    assert Recent(7) == Recent(7)
    assert Recent(7) != Recent(8)
    assert Spends() != Large()
    customer = one(
        [{"at": "2024-02-20", "paid": 50}], attributes={"age": 20, "city": "hz", "born": None}
    )
    assert (Recent() & ~Spends() & Odd()).answer_one(customer, AS_OF) is True


def test_two_classes_of_one_name_are_two_rules() -> None:
    """Answers are not shared between rules that only look alike."""

    def made(answer: bool) -> type[CustomRule]:
        @attrs.frozen(eq=False)
        class Same(CustomRule):
            code_version: ClassVar[str | None] = VERSION

            def terms(self) -> dict[str, Term]:
                return {"n": Did("order").count()}

            def holds(self, n: int) -> bool:
                return answer

        return Same

    yes, no = made(True)(), made(False)()
    assert yes.to_dict() == no.to_dict()
    members = {"yes": yes, "no": no, "nested": Did("order") & no, "or": no | yes}

    found = answered(members, build, AS_OF, ("pyarrow",))

    assert set(map(tuple, map(dict.values, found.values()))) == {(True, False, False, True)}


def test_a_class_that_is_made_again_is_another_rule() -> None:
    """A notebook's cell that runs again makes a new class, at the address of the old one even."""

    def limit(least: float) -> CustomRule:
        @attrs.frozen(eq=False)
        class Limit(CustomRule):
            code_version: ClassVar[str | None] = VERSION

            def terms(self) -> dict[str, Term]:
                return {"paid": Prop("amount")}

            def holds(self, paid: float) -> bool:
                return paid >= least

        return Limit()

    keys = set()
    for number in range(50):
        rule = limit(number)
        keys |= {rule.key, (~(rule & (Prop("amount") > 0))).key}
        del rule
        gc.collect()
    assert len(keys) == 100

    customer = one([{"at": "2024-02-20", "paid": n} for n in range(600)])
    counts = [Did("order").where(limit(n)).count().answer_one(customer, AS_OF) for n in range(600)]
    assert counts == [600 - n for n in range(600)]
    kept = [index for index in customer.kept.values() if hasattr(index, "_matches")]
    assert all(len(index._matches) <= 256 for index in kept)
    assert kept
