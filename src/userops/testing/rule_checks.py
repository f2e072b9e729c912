"""The contract of one's own rules, checked for one customer and on every installed engine."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from userops.core import frames
from userops.core.time import AsOf, as_of_us
from userops.customers.customer import Customer
from userops.customers.history import History
from userops.events.columns import CUSTOMER_ID
from userops.rules import Rule, RuleSet, Term
from userops.rules.node import walked
from userops.testing.engines import installed_engines
from userops.testing.trap_history import TRAP_AS_OF, build_trap_history

__all__ = ["check_rule"]


def check_rule(
    rule: Rule | Term,
    *,
    history: Callable[[str], History] | None = None,
    as_of: Iterable[AsOf] = (TRAP_AS_OF, "2024-02-29"),
    engines: Iterable[str] | None = None,
) -> None:
    """Check that a rule says the same everywhere, and nothing from the future.

    Its document must come back as the same rule with the same version. Each customer of the
    history must get the same answer in memory, on every engine, and when what happens from `as_of`
    on is taken away from him. What is relative to a population is fitted first.

    Args:
        rule: A rule, or a value, of scope `customer`.
        history: Builds the history on an engine, by its name in `ENGINE_NAMES`; by default one full
            of traps, with the events `order` (lines, with returns), `view`, `cart` and `scan`.
        as_of: Instants to ask about.
        engines: Names of engines; all that are installed by default.

    Raises:
        AssertionError: Names the engine, the customer, both answers, the rule and its values.
        InvalidDefinitionError: If a class of one's own declares no `code_version`.
    """
    try:
        _check(rule, history or build_trap_history, list(as_of), engines)
    except AssertionError as error:
        parts = "; ".join(dict.fromkeys(str(n) for n in walked(rule) if isinstance(n, Term)))
        said = f"{error}\n  rule: {rule}\n  values in it: {parts or 'none'}\n  document: "
        raise AssertionError(f"{said}{rule.to_dict()}") from error


def _check(
    rule: Rule | Term,
    build: Callable[[str], History],
    instants: list[AsOf],
    engines: Iterable[str] | None,
) -> None:
    own = {type(node) for node in walked(rule)}
    again = type(rule).from_dict(rule.to_dict(), types=own)
    assert again.key == rule.key, f"{rule!r} does not come back from its own document"
    assert again.version == rule.version, "the version changes on the way through the document"
    reference = build("pyarrow")
    asked = {}
    for when in instants:
        fitted = rule.fit(reference, when) if isinstance(rule, Rule) else rule
        asked[when] = RuleSet({"answer": fitted})
    expected = {when: _one_by_one(asked[when], reference, when) for when in instants}
    for engine in engines if engines is not None else installed_engines():
        held = reference if engine == "pyarrow" else build(engine)
        for when in instants:
            frame = frames.read(asked[when].answer(held, when, allow_python=True)).frame
            found = {row[CUSTOMER_ID]: row["answer"] for row in frames.to_rows(frame)}
            _compare(engine, when, expected[when], found)


def _one_by_one(asked: RuleSet, history: History, when: AsOf) -> dict[Any, Any]:
    """Return the answer for each customer in memory, checked to know nothing of the future."""
    before_us = as_of_us(when, history.zone)
    answers = {}
    for row in frames.to_rows(history.customer_ids(before_us)):
        customer = history.customer(row[CUSTOMER_ID])
        answer = asked.answer_one(customer, when)["answer"]
        then = asked.answer_one(_as_known(customer, before_us), when)["answer"]
        assert answer == then, (
            f"customer {row[CUSTOMER_ID]!r} as of {when}: {answer!r}, but {then!r} with what was "
            "known then"
        )
        answers[row[CUSTOMER_ID]] = answer
    return answers


def _as_known(customer: Customer, before_us: int) -> Customer:
    rows = {
        name: tuple(row for row in mine if row.instant_us is None or row.instant_us < before_us)
        for name, mine in customer.rows.items()
    }
    attributes = tuple(
        value
        for value in customer.attributes
        if value.valid_from_us is None or value.valid_from_us < before_us
    )
    return attrs.evolve(customer, rows=rows, attributes=attributes)


def _compare(
    engine: str, when: AsOf, expected: Mapping[Any, Any], found: Mapping[Any, Any]
) -> None:
    for who in [*expected, *(who for who in found if who not in expected)]:
        one, frame = expected.get(who, "nobody"), found.get(who, "nobody")
        both = [_plain(value) for value in (one, frame)]
        assert both[0] == both[1], (
            f"{engine} answers {frame!r} for customer {who!r} as of {when}, where he alone gets "
            f"{one!r}"
        )


def _plain(value: Any) -> Any:
    """Return a value with its type, a time without its zone, which engines name differently.

    True is equal to 1, but is no number; that no rows add up to 0 or to 0.0 is all the same.
    """
    if hasattr(value, "timestamp"):
        return dt.datetime, value.timestamp()
    return float if type(value) is int else type(value), value
