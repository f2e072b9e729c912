"""Names of attributes stay known: when the last row of one is erased, and for one customer."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from tests.by_engine import instants

from userops import History, Orders
from userops.core import frames
from userops.customers import Attributes, Customer, Customers, Reach, pseudonymise
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.events import OrderColumns
from userops.rules import Attr, Did
from userops.testing import to_engine

AS_OF = "2024-12-01"


def shop(engine: str = "pyarrow") -> History:
    """Return two customers, of whom one alone has a level and a phone that may be written to."""
    orders = pa.table(
        {"customer_id": ["m1", "m2"], "ordered_at": instants(*["2024-01-01"] * 2), "amount": [1, 2]}
    )
    levels = pa.table(
        {
            "customer_id": ["m1"], "name": ["level"], "value": ["gold"],
            "valid_from": instants("2024-01-01"),
        }
    )  # fmt: skip
    log = pa.table(
        {
            "customer_id": ["m1"], "identifier_kind": ["phone"], "identifier_value": ["P"],
            "status": ["opted_in"], "occurred_at": instants("2024-01-01"),
        }
    )  # fmt: skip
    return History(
        Orders(to_engine(orders, engine)),
        attributes=Attributes(to_engine(levels, engine)),
        reach=Reach(to_engine(log, engine)),
    )


@pytest.mark.parametrize("rule", [Attr("level") == "gold", Attr("reachable_by_phone")])
def test_a_rule_outlives_the_only_holder_of_its_attribute(engine: str, rule: Any) -> None:
    """After he is erased it holds of nobody, and raises for nobody."""
    left = shop(engine).erase("m1").history
    rows = frames.to_rows(frames.read(rule.answer(left, AS_OF)).frame)
    assert [(row["customer_id"], bool(row["answer"])) for row in rows] == [("m2", False)]
    assert not rule.answer_one(left.customer("m2"), AS_OF)
    assert left.erase("m2").history.attribute_names == ("level", "reachable_by_phone")


def test_declared_names_are_known_before_the_first_row(engine: str) -> None:
    """A history cut before an attribute came answers as the whole one does as of then."""
    whole = shop(engine)
    levels = whole.attributes.tables["attributes"]
    cut = levels.source.give_back(levels.source.frame.head(0))
    rule = Attr("level") == "gold"
    for table, is_known in ((Attributes(cut), False), (Attributes(cut, names=["level"]), True)):
        history = History(whole.events, attributes=table)
        if is_known:
            assert frames.to_rows(frames.read(rule.customers(history, "2024-01-01")).frame) == []
            assert rule.answer_one(history.customer("m1"), "2024-01-01") is False
        else:
            with pytest.raises(InvalidArgumentError, match="'level' is not known"):
                rule.customers(history, "2024-01-01")
    for odd in ("level", [""], [None]):
        with pytest.raises(InvalidDefinitionError, match="several names"):
            Attributes(cut, names=odd)  # type: ignore[arg-type]


def test_pseudonyms_keep_the_names_that_were_kept() -> None:
    """Those and no others are known, whatever rows there are."""
    under = pseudonymise(shop(), bytes(32), attributes=[])
    assert under.attribute_names == ("reachable_by_phone",)


def test_a_misspelt_attribute_is_refused_for_one_customer_too() -> None:
    """The frames name the nearest, and so does the answer of one who comes from a history."""
    history = shop()
    for typo in (Attr("levle") == "gold", Attr("levle").is_known()):
        with pytest.raises(InvalidArgumentError, match="did you mean 'level'"):
            typo.answer(history, AS_OF)
        with pytest.raises(InvalidArgumentError, match="did you mean 'level'"):
            typo.answer_one(history.customer("m2"), AS_OF)
    more = history.customer("m2").with_attributes(
        [{"name": "levle", "value": "gold", "valid_from": "2024-01-01"}]
    )
    assert (Attr("levle") == "gold").answer_one(more, AS_OF) is True
    # Rows of a request say nothing of what other customers have.
    columns = OrderColumns(customer_id="c", ordered_at="t", amount="m")
    alone = Customer.from_rows("a", {"order": []}, {"order": columns})
    assert (Attr("levle") == "gold").answer_one(alone, AS_OF) is False
    assert alone.with_event("order", {"c": "a", "t": "2024-01-01", "m": 1}).rows["order"]


def test_a_row_of_another_customer_is_quoted() -> None:
    """1 and '1' are two customers, and the error shows which is which."""
    columns = OrderColumns(customer_id="c", ordered_at="t", amount="m")
    rows = {"order": [{"c": "1", "t": "2024-01-01", "m": 1}]}
    with pytest.raises(InvalidArgumentError, match=r"Got: '1'\. Allowed: 1\."):
        Customer.from_rows(1, rows, {"order": columns})


def test_a_document_with_an_infinite_number_is_json() -> None:
    """It is written as documents of definitions write it; what is no number is missing."""
    orders = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})
    people = pa.table({"customer_id": ["a"], "ratio": [float("-inf")], "none": [float("nan")]})
    document = History(Orders(orders), customers=Customers(people)).export("a")
    (row,) = json.loads(json.dumps(document, allow_nan=False))["tables"]["customers"]
    assert row == {"customer_id": "a", "ratio": {"type": "number", "value": "-inf"}, "none": None}


def test_a_pandas_frame_changed_afterwards_changes_no_answer() -> None:
    """Neither before the first answer nor after it: pandas 3 copies what is changed."""
    pandas = pytest.importorskip("pandas", minversion="3.0")
    frame = pandas.DataFrame(
        {
            "customer_id": [1, 2],
            "ordered_at": pandas.to_datetime(["2024-01-01"] * 2),
            "amount": [5, 6],
        }
    )
    rule = Did("order").sum("amount")
    history = History(Orders(frame))
    frame.loc[0, "amount"] = 999
    frame["customer_id"] = 7
    assert rule.answer(history, AS_OF)["answer"].tolist() == [5.0, 6.0]
    frame.iloc[1, 2] = 999
    assert rule.answer(history, AS_OF)["answer"].tolist() == [5.0, 6.0]
