"""Documents and constants that no rule can hold: refused, by name, before anything is asked."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pyarrow as pa
import pytest

from userops import History, Orders
from userops.core import frames
from userops.customers import IdentifierKind, IdentityGraph
from userops.errors import InvalidDefinitionError
from userops.rules import Did, Rule, Sequence
from userops.segmentation import FittedTagSet, PercentileTag, TagSet

AS_OF = "2024-12-01"


def shop(amounts: list[int] | None = None, scale: int = 2) -> History:
    """Return a customer an amount."""
    amounts = [1, 2, 3, 4] if amounts is None else amounts
    table = pa.table(
        {
            "customer_id": [f"m{n}" for n in range(len(amounts))],
            "ordered_at": ["2024-01-01"] * len(amounts),
            "amount": amounts,
        }
    )
    return History(Orders(table, scale=scale))


spent = Did("order").sum("amount")
NAN = float("nan")


@pytest.mark.parametrize(
    "change",
    [
        {"above": NAN}, {"above": "x"}, {"upto": True}, {"upto": [1]}, {"low": "a"}, {"low": None},
        {"high": None}, {"low": 0.9, "high": 0.5}, {"scale": "2"}, {"scale": 1.0}, {"scale": 99},
        {"population": -1}, {"population": True}, {"population": "4"}, {"cut": "week"},
        {"cut": "day", "above": 1.5},
    ],
)  # fmt: skip
def test_a_fitted_percentile_of_a_document_is_checked(change: dict[str, Any]) -> None:
    """What is no cut-point is refused at once: NaN lay below it in memory, and above in frames."""
    document = spent.in_percentile(0.5, 1).fit(shop(), AS_OF).to_dict()
    assert Rule.from_dict(document).to_dict() == document
    with pytest.raises(InvalidDefinitionError, match="|".join(change)):
        Rule.from_dict({**document, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"last": NAN}, {"last": "x"}, {"last": None}, {"last_id": None}, {"last_id": True},
        {"last_id": 1.5}, {"last_id": [1]}, {"n": 0.5}, {"n": "2"}, {"scale": "2"},
        {"cut": "instant", "last": 0.5},
    ],
)  # fmt: skip
def test_fitted_highest_of_a_document_are_checked(change: dict[str, Any]) -> None:
    """A last value and its id go together, and each is of its type."""
    document = spent.in_top(2).fit(shop(), AS_OF).to_dict()
    assert Rule.from_dict(document).to_dict() == document
    with pytest.raises(InvalidDefinitionError, match="|".join(change)):
        Rule.from_dict({**document, **change})


def test_a_decimal_is_held_exactly_or_refused() -> None:
    """Sixteen digits before the point and two behind it are no float: rounding would sell one."""
    history = shop([45035996273704960])
    for odd in (Decimal("45035996273704960.01"), Fraction(1, 3), Decimal("1e-400")):
        with pytest.raises(InvalidDefinitionError, match="round it yourself"):
            spent >= odd  # noqa: B015 - it raises
    for exact, holds in ((Decimal("45035996273704960.00"), True), (45035996273704961, False)):
        rule = spent >= exact
        assert rule.answer_one(history.customer("m0"), AS_OF) is holds
        (row,) = frames.to_rows(frames.read(rule.answer(history, AS_OF)).frame)
        assert row["answer"] is holds
    assert (spent >= Decimal("99.90")).to_dict()["to"] == 99.9
    assert (spent >= Fraction(1, 8)).to_dict()["to"] == 0.125
    assert (spent < Decimal("Infinity")).answer_one(history.customer("m0"), AS_OF) is True


def test_steps_that_are_no_events_are_named() -> None:
    """A number is neither several events nor one."""
    with pytest.raises(InvalidDefinitionError, match=r"without\[0\]"):
        Sequence("a", "b", without=5)


@pytest.mark.parametrize("bands", [[[]], [["top"]], [5], [["top", 0.9]]])
def test_bands_without_edges_are_named(bands: Any) -> None:
    """An empty band of a document has neither a name nor edges."""
    tags = TagSet([PercentileTag("spend", spent, bands={"top": (0.5, 1)})])
    document = tags.to_dict()
    document["tags"][0]["bands"] = bands
    with pytest.raises(InvalidDefinitionError, match="where each band begins and ends"):
        TagSet.from_dict(document)


@pytest.mark.parametrize("when", [[], None, True, 1.5, "2024-01-01", 2**63])
def test_the_instant_of_fitted_tags_is_one(when: Any) -> None:
    """It is counted in microseconds."""
    fitted = TagSet([PercentileTag("spend", spent, bands={"top": (0.5, 1)})]).fit(shop(), AS_OF)
    with pytest.raises(InvalidDefinitionError, match="as_of_us"):
        FittedTagSet.from_dict({**fitted.to_dict(), "as_of_us": when})


@pytest.mark.parametrize("odd", [[[]], "yes", 1, None])
def test_whether_a_kind_can_merge_is_said(odd: Any) -> None:
    """A list was taken for yes, and could not be hashed later."""
    document = IdentityGraph([IdentifierKind("phone")]).to_dict()
    document["kinds"][1]["can_merge"] = odd
    with pytest.raises(InvalidDefinitionError, match="can_merge"):
        IdentityGraph.from_dict(document)
