"""Random rules over data full of traps: one customer, every engine and plain Python agree."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from numbers import Number
from typing import Any, Literal

import numpy as np
import pytest
from tests.rules.oracle import Money, Oracle

from userops import History
from userops.core import frames
from userops.rules import Rule, RuleSet, facts, fitted_rules
from userops.testing import Engines, installed_engines
from userops.testing.rule_trees import RuleTrees
from userops.testing.trap_history import (
    TRAP_AS_OF,
    TRAP_ZONE,
    build_trap_history,
    trap_tables,
)

Answers = dict[Any, dict[str, Any]]


class Case:
    """Rules drawn from a seed, and what each customer alone gets for an answer.

    Beside the rules themselves, each value and each sequence that they are made of is asked for, so
    that a difference is found where it arises.
    """

    def __init__(
        self,
        seed: int,
        *,
        rules: int,
        depth: int = 3,
        as_of: str = TRAP_AS_OF,
        ids: Literal["text", "int"] = "text",
        **pool: int,
    ) -> None:
        self.as_of, self.ids = as_of, ids
        self.trees = RuleTrees(np.random.default_rng(seed), **{"features": 60, **pool})
        self.rules = {f"r{i}": self.trees.rule(depth) for i in range(rules)}
        self.history = build_trap_history(ids=ids)
        self.members: dict[str, Any] = self.fitted(self.history)
        self.members |= {f"t{i}": leaf.term for i, leaf in enumerate(self.trees.leaves)}
        self.members |= {f"q{i}": rule for i, rule in enumerate(self.trees.sequences)}
        self.asked = RuleSet(self.members)

    def fitted(self, history: History) -> dict[str, Rule]:
        """Return the rules with cut-points from a history, their references resolved."""
        names = {"tags": self.trees.tags, "segments": self.trees.segments}
        return fitted_rules(self.rules, history, self.as_of, **names)

    def one_by_one(self) -> Answers:
        """Return the answers for each customer in memory."""
        return {
            who: plain(self.asked.answer_one(self.history.customer(who), self.as_of))
            for who in self.of(self.history)
        }

    def of(self, history: History) -> Answers:
        """Return the answers for all customers of a history."""
        frame = frames.read(self.asked.answer(history, self.as_of)).frame
        return {row.pop("customer_id"): plain(row) for row in map(dict, frames.to_rows(frame))}


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return values without what engines are free to differ in: the zone's name of a time."""
    return {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=value.tzinfo or dt.UTC).astimezone(dt.UTC)
    return value


def _same(one: Any, other: Any) -> bool:
    """Whether two values are equal and of one kind: True is equal to 1, but is no number."""
    kinds = (Number if type(v) is not bool and isinstance(v, Number) else type(v)
             for v in (one, other))  # fmt: skip
    return len(set(kinds)) == 1 and bool(one == other)


def check(case: Case, expected: Answers, found: Answers, whose: str) -> None:
    """Compare answers; a difference shows the member's document, and what it says by itself."""
    assert set(found) == set(expected), f"{whose} has other customers"
    for who, answers in expected.items():
        for name, answer in answers.items():
            if not _same(found[who][name], answer):
                member = case.members[name]
                document = json.dumps(member.to_dict(), ensure_ascii=False)
                alone = by_itself(case, member, whose, who)
                raise AssertionError(
                    f"{whose} says {found[who][name]!r} of customer {who!r} (asked by itself: "
                    f"{alone!r}), who alone gets {answer!r}: {member}\n{document}"
                )


def by_itself(case: Case, member: Any, engine: str, who: Any) -> Any:
    """Return what an engine says of one customer where nothing else is asked."""
    if engine not in installed_engines():
        return "not asked"
    history = build_trap_history(engine, ids=case.ids)
    frame = frames.read(member.answer(history, case.as_of)).frame
    return {row["customer_id"]: row["answer"] for row in frames.to_rows(frame)}.get(who)


def check_engines(case: Case, engines: Sequence[str]) -> None:
    """Hold engines to the answers of single customers, and cut-points to each other."""
    assert engines, "there is no engine to hold to anything: it is not installed"
    expected = case.one_by_one()
    flags = [value for row in expected.values() for n, value in row.items() if n[0] == "r"]
    assert len(flags) / 10 < sum(flags) < len(flags) * 9 / 10, "the rules say next to nothing"
    keys = {name: case.members[name].key for name in case.rules}
    for engine in engines:
        history = build_trap_history(engine, ids=case.ids)
        fitted = {name: rule.key for name, rule in case.fitted(history).items()}
        other = [case.rules[name] for name, key in keys.items() if fitted[name] != key]
        assert not other, f"{engine} finds other cut-points: {other[0]}"
        check(case, expected, case.of(history), engine)


@pytest.fixture
def in_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let engines compute many values too; else their rows would be moved into this process."""
    monkeypatch.setattr(facts, "_MANY_VALUES", 10**9)


# Planning dozens of values takes engines seconds, so here is one of each way to take a value.
FEW = {"depth": 1, "features": 13, "selections": 1, "sequences": 2, "ranked": 2}
# Ibis is DuckDB that writes SQL, slowly; it always plans for itself.
HERE = ("pyarrow", "pandas-numpy", "pandas-arrow", "polars", "polars-lazy", "duckdb")


def test_random_rules_agree_where_rows_are_in_this_process() -> None:
    """Two hundred rules and sixty values say the same of each customer where rows are here."""
    check_engines(Case(20_240_311, rules=200, depth=2), HERE)


@pytest.mark.parametrize("name", ["pyarrow", "polars", "duckdb"])
def test_random_rules_agree_where_ids_are_whole_numbers(name: str) -> None:
    """Rules say the same of each customer whose id is a number, negative and large ones too."""
    case = Case(11, rules=100, ids="int", **FEW)
    check_engines(case, [name])
    if name == "pyarrow":
        check_oracle(case)


@pytest.mark.usefixtures("in_engines")
@pytest.mark.parametrize("name", ["polars-lazy", "duckdb", "ibis"])
def test_random_rules_agree_where_engines_plan(name: str) -> None:
    """Two hundred rules say the same of each customer where the engine plans all of it."""
    check_engines(Case(20_240_229, rules=200, **FEW), [name])


def test_random_rules_agree_on_spark(engines: Engines) -> None:
    """Two hundred rules say the same of each customer on a cluster."""
    names = [name for name in engines.names if name == "pyspark"]
    check_engines(Case(1, rules=200, **FEW), names)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(40))
def test_ten_thousand_random_rules_agree(seed: int) -> None:
    """Ten thousand rules say the same of each customer where rows are in this process."""
    check_engines(Case(1_000 + seed, rules=250), HERE)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.usefixtures("in_engines")
@pytest.mark.parametrize("seed", range(50))
def test_ten_thousand_random_rules_agree_where_engines_plan(seed: int) -> None:
    """Ten thousand rules say the same of each customer where the engine plans all of it."""
    engines = ["polars", "polars-lazy", "duckdb", *(["ibis"] if seed % 5 == 0 else [])]
    check_engines(Case(3_000 + seed, rules=200, **{**FEW, "selections": 3}), engines)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_random_rules_agree_on_spark(seed: int, engines: Engines) -> None:
    """A thousand rules say the same of each customer on a cluster."""
    names = [name for name in engines.names if name == "pyspark"]
    check_engines(Case(2_000 + seed, rules=200, **{**FEW, "selections": 2}), names)


def check_oracle(case: Case) -> None:
    """Hold one customer in memory to plain Python over the host's own rows."""
    names = {"tags": case.trees.tags, "segments": case.trees.segments}
    oracle = Oracle(trap_tables(case.ids), case.as_of, TRAP_ZONE, **names)
    expected = case.one_by_one()
    assert sorted(expected) == oracle.population
    for who, answers in expected.items():
        for name, rule in case.rules.items():
            assert oracle.rule(rule, who) == answers[name], f"{who!r}: {rule}"
        for number, leaf in enumerate(case.trees.leaves):
            wanted, found = oracle.term(leaf.term, who), answers[f"t{number}"]
            assert alike(wanted, found), f"{who!r}: {leaf.term}: {wanted!r}, not {found!r}"


def alike(wanted: Any, found: Any) -> bool:
    """Whether a value is what plain Python finds: money and floats by their nearest float."""
    if wanted is None or found is None:
        return wanted is found
    if isinstance(wanted, Money):
        return float(wanted) == found
    return _same(_plain(wanted), _plain(found))


def test_random_rules_agree_with_plain_python() -> None:
    """Two hundred rules say of each customer what their documents say, read by plain Python."""
    check_oracle(Case(20_240_311, rules=200))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_many_random_rules_agree_with_plain_python(seed: int) -> None:
    """Two thousand rules say what their documents say, read by plain Python."""
    check_oracle(Case(1_000 + seed, rules=200))


@pytest.mark.parametrize("as_of", ["2024-02-29", "2023-11-05T01:30:00", TRAP_AS_OF])
def test_nothing_leaks_from_the_future(as_of: str) -> None:
    """Random rules over all of a history say what they say over what was known by then."""
    case = Case(7, rules=100, as_of=as_of, features=30)
    tables = trap_tables()
    cut = {}
    for name, table in tables.items():
        time = next((c for c in ("at", "valid_from") if c in table.column_names), None)
        rows = table.to_pylist()
        if time is not None:
            rows = [row for row in rows if case_before(row[time], as_of)]
        cut[name] = type(table).from_pylist(rows, schema=table.schema)
    history = build_trap_history(tables=cut)
    assert {n: r.key for n, r in case.fitted(history).items()} == {
        n: case.members[n].key for n in case.rules
    }
    check(case, case.of(case.history), case.of(history), "the cut history")


def case_before(value: dt.datetime, as_of: str) -> bool:
    """Whether a time of the host lies before the instant."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(TRAP_ZONE)
    at = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    end = dt.datetime.fromisoformat(as_of).replace(tzinfo=zone)
    return at.astimezone(dt.UTC) < end.astimezone(dt.UTC)
