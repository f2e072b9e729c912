"""Ids that no event that counts shows in that writing: of attributes, and in quarantine."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from tests.by_engine import instants

from userops import History, Orders
from userops.core import frames
from userops.customers import Attributes, Email, IdentifierKind, IdentityGraph, Reach
from userops.errors import EmptyHistoryError
from userops.rules import Attr, Did, RuleSet
from userops.testing import to_engine

AS_OF = "2024-12-01"
RULES = RuleSet({"city": Attr("city"), "orders": Did("order").count()})
TRIMMED = IdentityGraph([IdentifierKind("phone")])
BY_MAIL = IdentityGraph(
    [IdentifierKind("customer_id", normaliser=Email()), IdentifierKind("phone")]
)


def shop(
    engine: str, people: dict[str, str], members: list[str | None], graph: IdentityGraph
) -> History:
    """Return orders of members, the last of which has no time, and the cities of people."""
    times = instants(*(f"2024-01-{n + 1:02}" for n in range(len(members) - 1))).to_pylist()
    orders = pa.table(
        {
            "who": pa.array(members, pa.string()),
            "tel": pa.array([None] * len(members), pa.string()),
            "at": pa.array([*times, None], pa.timestamp("us", "UTC")),
            "paid": [1] * len(members),
        }
    )
    cities = pa.table({"customer_id": list(people), "city": list(people.values())})
    return History(
        Orders(
            to_engine(orders, engine), customer_id="who", ordered_at="at", amount="paid",
            identifiers={"phone": "tel"},
        ),
        customers=to_engine(cities, engine),
    ).with_identities(graph)  # fmt: skip


def answers(history: History) -> dict[str, tuple[Any, ...]]:
    """Return what the rules answer, customer by customer, after checking each alone."""
    rows = frames.to_rows(frames.read(RULES.answer(history, AS_OF)).frame)
    found = {row.pop("customer_id"): tuple(row.values()) for row in rows}
    for who, said in found.items():
        alone = RULES.answer_one(history.customer(who, AS_OF), AS_OF)
        assert tuple(alone.values()) == said
    return found


@pytest.mark.parametrize(
    ("graph", "member", "told"),
    [
        (TRIMMED, "m1", "m1 "),
        (TRIMMED, " m1", "m1"),
        (TRIMMED, "m1", "\u3000m1"),
        (BY_MAIL, "li@x.cn", "Li@x.cn"),
        (BY_MAIL, "LI@x.cn", "Li@X.cn"),
    ],
)
def test_an_id_of_an_attribute_table_is_read_as_one_of_an_event(
    kernel: str, graph: IdentityGraph, member: str, told: str
) -> None:
    """Blanks, or letters that the normaliser changes, split nobody in silence."""
    history = shop(kernel, {told: "杭州", "m2@x.cn": "上海"}, [member, None], graph)
    normal = graph.kind("customer_id").read(member)
    assert answers(history) == {normal: ("杭州", 1), "m2@x.cn": ("上海", 0)}
    assert answers(history)[normal] == tuple(
        RULES.answer_one(history.customer(told, AS_OF), AS_OF).values()
    )


def test_dated_attributes_in_two_writings_are_one_customers(kernel: str) -> None:
    """Whoever is in no event at all is read by his kind as well."""
    table = pa.table(
        {
            "customer_id": ["Wu@x.cn", "wu@X.cn"],
            "name": ["city", "level"],
            "value": ["杭州", "gold"],
            "valid_from": instants("2024-01-01", "2024-02-01"),
        }
    )
    orders = pa.table(
        {"customer_id": ["li@x.cn"], "ordered_at": instants("2024-01-01"), "amount": [1]}
    )
    history = History(
        Orders(to_engine(orders, kernel)), attributes=Attributes(to_engine(table, kernel))
    ).with_identities(BY_MAIL)
    rules = RuleSet({"city": Attr("city"), "level": Attr("level")})
    rows = frames.to_rows(frames.read(rules.answer(history, AS_OF)).frame)
    said = {row["customer_id"]: (row["city"], row["level"]) for row in rows}
    assert said == {"li@x.cn": (None, None), "wu@x.cn": ("杭州", "gold")}


def test_an_id_that_goes_on_under_another_is_found_as_its_kind_writes_it(kernel: str) -> None:
    """Events show `m1 ` alone, which is m0 now: the city of `m1` is m0's, and so is his erasure."""
    orders = pa.table(
        {
            "who": ["m0", "m1 "], "tel": ["P1", "P1"],
            "at": instants("2024-01-01", "2024-01-02"), "paid": [1, 2],
        }
    )  # fmt: skip
    cities = pa.table({"customer_id": ["m1"], "city": ["杭州"]})
    history = History(
        Orders(to_engine(orders, kernel), customer_id="who", ordered_at="at", amount="paid",
               identifiers={"phone": "tel"}),
        customers=to_engine(cities, kernel),
    ).with_identities(TRIMMED)  # fmt: skip
    assert answers(history) == {"m0": ("杭州", 2)}
    assert history.erase("m1").removed == {"events['order']": 2, "customers": 1}


def test_an_id_of_a_kind_in_an_attribute_table_finds_its_person(kernel: str) -> None:
    """A person without an account is called kind:value, in any writing of the value."""
    orders = pa.table({"tel": ["P1"], "at": instants("2024-01-01"), "paid": [1]})
    cities = pa.table({"customer_id": ["phone: P1"], "city": ["杭州"]})
    history = History(
        Orders(to_engine(orders, kernel), ordered_at="at", amount="paid",
               identifiers={"phone": "tel"}),
        customers=to_engine(cities, kernel),
    ).with_identities(TRIMMED)  # fmt: skip
    assert answers(history) == {"phone:P1": ("杭州", 1)}
    assert history.erase("phone:P1").removed == {"events['order']": 1, "customers": 1}


@pytest.mark.parametrize(
    ("graph", "member", "others"),
    [(TRIMMED, "m1", ("m1 ", " m1")), (BY_MAIL, "li@x.cn", ("Li@x.cn", "LI@x.cn "))],
)
def test_whoever_is_erased_is_found_in_every_writing(
    kernel: str, graph: IdentityGraph, member: str, others: tuple[str, str]
) -> None:
    """In attributes, and in a row that cannot count; nobody can ask for him any more."""
    history = shop(kernel, {others[0]: "杭州", "m2@x.cn": "上海"}, [member, others[1]], graph)
    document = history.export(member)
    assert len(document["tables"]["events['order']"]) == 2
    assert len(document["tables"]["customers"]) == 1
    erasure = history.erase(others[1])
    assert erasure.removed == {"events['order']": 2, "customers": 1}
    assert answers(erasure.history) == {"m2@x.cn": ("上海", 0)}
    for writing in (member, *others):
        with pytest.raises(EmptyHistoryError, match="nobody called"):
            erasure.history.export(writing)


@pytest.mark.filterwarnings("ignore:.*their status is not known")
def test_whoever_is_in_quarantine_or_attributes_alone_can_be_erased(kernel: str) -> None:
    """A phone that no counted row shows is an identifier all the same, in a log of reach too."""
    orders = pa.table(
        {
            "tel": ["P1", "P1 "], "at": pa.array([None, None], pa.timestamp("us", "UTC")),
            "paid": [1, 2],
        }
    )  # fmt: skip
    reach = pa.table(
        {
            "identifier_kind": ["phone", "fax"], "identifier_value": [" P1", "P1"],
            "status": ["never heard of"] * 2, "occurred_at": instants(*["2024-01-01"] * 2),
        }
    )  # fmt: skip
    history = History(
        Orders(to_engine(orders, kernel), ordered_at="at", amount="paid",
               identifiers={"phone": "tel"}),
        reach=Reach(to_engine(reach, kernel)),
    ).with_identities(TRIMMED)  # fmt: skip
    assert history.identities(AS_OF).persons == 0
    assert history.erase("phone:P1").removed == {"events['order']": 2, "reach": 1}
