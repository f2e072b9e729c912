"""The page of all rules says what rules say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from userops import rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "rules-reference.md"
NAMES = {name: getattr(rules, name) for name in rules.__all__}


def rows() -> list[tuple[str, str, str]]:
    """Return the rows of the tables with columns `write`, `English` and `中文`."""
    found, is_wanted = [], False
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [c.strip().replace(r"\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if cells[1:3] == ["English", "中文"]:
            is_wanted = True
        elif not cells:
            is_wanted = False
        elif is_wanted and not cells[0].startswith("---"):
            found.append((cells[0].strip("`"), cells[1], cells[2]))
    return found


@pytest.mark.parametrize(("written", "english", "chinese"), rows())
def test_the_sentences_are_those_of_describe(written: str, english: str, chinese: str) -> None:
    """What the page says of an expression is what the expression says of itself."""
    said = eval(written, dict(NAMES))
    said = rules.Last(said) if isinstance(said, rules.Duration) else said

    assert said.describe("en") == english
    assert said.describe("zh") == chinese


def test_every_node_is_on_the_page() -> None:
    """Each public kind of value, condition, window and rule is written in some table."""
    made = {type(node).__name__ for row in rows() for node in _all(eval(row[0], dict(NAMES)))}
    inside = {"Duration", "Aggregate", "Rule", "Term", "Value", "Reason", "RuleExplanation"}
    apart = {"RuleSet", "CustomRule", "FittedPercentile", "FittedTopN", "Since", "WeightedTop"}
    classes = {n for n, value in NAMES.items() if isinstance(value, type)} - inside - apart

    assert classes <= made, classes - made


def _all(node: object) -> list[object]:
    from userops.rules.node import walked

    return list(walked(node)) if hasattr(node, "nodes") else [rules.Last(node)]  # type: ignore[arg-type]
