"""Decisions by hand: which one counts, until when, for whom, and what is refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from userops import Customer, History, Orders
from userops.errors import (
    ColumnNotFoundError,
    DataError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.rules import Attr, Did, HasTag
from userops.segmentation import PreferenceTag, Tag, TagDecisions, TagGroup, TagSet
from userops.testing import Engines, rows_of, to_engine

ORDERS = pa.table({
    "customer_id": ["a", "b"], "ordered_at": ["2024-01-01"] * 2, "amount": [100, 1],
    "category": ["x", "y"],
})  # fmt: skip
SPENT = Did("order").sum("amount")
TAGS = TagSet([
    Tag("vip", SPENT >= 50, value="yes"),
    TagGroup("level", {"gold": SPENT >= 50, "silver": SPENT >= 10}),
    TagGroup("likes", {"x": Did("order"), "中文": SPENT >= 50}, pick="all"),
    PreferenceTag("top", "category"),
])  # fmt: skip
AS_OF = "2024-02-01"


def decision(
    tag: str, action: str = "assign", value: str | None = None, **more: Any
) -> dict[str, Any]:
    """A decision by li of the tenth of January."""
    return {
        "tag": tag, "action": action, "value": value, "author": "li", "reason": "because",
        "decided_at": "2024-01-10", **more,
    }  # fmt: skip


def log(*rows: dict[str, Any], engine: str = "pyarrow", who: str = "b") -> TagDecisions:
    """A log of decisions about one customer, its times as datetimes where all can be read."""
    given = [{"customer_id": who, "expires_at": None, **row} for row in rows]
    names = ["customer_id", *decision("vip"), "expires_at"]
    text = pa.schema([(name, pa.string()) for name in names])
    table = pa.Table.from_pylist(given, schema=text)
    for name in ("decided_at", "expires_at"):
        try:
            instants = table[name].cast(pa.timestamp("us"))
        except pa.ArrowInvalid:
            continue
        table = table.set_column(table.schema.get_field_index(name), name, instants)
    return TagDecisions(to_engine(table, engine), value="value", expires_at="expires_at")


def history(engine: str = "pyarrow") -> History:
    """Two customers: a spent 100 on x, b spent 1 on y."""
    return History(Orders(to_engine(ORDERS, engine)))


def tags_of(
    who: str, decisions: list[dict[str, Any]], as_of: str = AS_OF, tags: TagSet = TAGS
) -> Any:
    """The tags of a customer, the frame's answer checked against that for one customer."""
    long = tags.assign(history(), as_of, decisions=log(*decisions, who=who)).to_pylist()
    found = {(row["tag"], row["value"]) for row in long if row["customer_id"] == who}
    columns = history().orders.columns
    rows = [row for row in ORDERS.to_pylist() if row["customer_id"] == who]
    customer = Customer.from_rows(who, {"order": rows}, {"order": columns})
    one = tags.assign_one(customer, as_of, decisions=decisions)
    assert found == {
        (t, v) for t, vs in one.items() for v in ((vs,) if isinstance(vs, str) else vs)
    }
    return one


def test_a_decision_outranks_the_rule() -> None:
    """Who was given a tag has it, and whoever it was taken from has not, whatever the rules say."""
    assert tags_of("b", []) == {"likes": ("x",), "top": "y"}
    given = [decision("vip"), decision("level", value="silver"), decision("likes", value="中文"),
             decision("top", value="z")]  # fmt: skip
    assert tags_of("b", given) == {
        "vip": "yes", "level": "silver", "likes": ("x", "中文"), "top": "z",
    }  # fmt: skip
    taken = [decision("vip", "remove"), decision("level", "remove"), decision("top", "remove"),
             decision("likes", "remove", value="x")]  # fmt: skip
    assert tags_of("a", taken) == {"likes": ("中文",)}


def test_a_decision_about_one_value_of_a_group_leaves_the_others_to_their_rules() -> None:
    """Of a group that gives all values, each is decided about for itself, the others not at all."""
    assert tags_of("a", [decision("likes", "remove", value="x")])["likes"] == ("中文",)
    assert tags_of("b", [decision("likes", value="中文")])["likes"] == ("x", "中文")


def test_a_decision_counts_between_its_instants() -> None:
    """It counts after `decided_at` and up to `expires_at`, to the microsecond."""
    given = [decision("vip", decided_at="2024-01-10", expires_at="2024-01-20")]

    has = [
        "vip" in tags_of("b", given, as_of)
        for as_of in ("2024-01-10", "2024-01-10T00:00:00.000001", "2024-01-20",
                      "2024-01-20T00:00:00.000001")
    ]  # fmt: skip
    assert has == [False, True, True, False]


def test_the_latest_decision_counts_though_it_has_run_out() -> None:
    """Once the latest has run out the rule decides, and no earlier decision comes back."""
    given = [
        decision("vip", decided_at="2024-01-05"),
        decision("vip", decided_at="2024-01-10", expires_at="2024-01-15"),
    ]
    assert "vip" in tags_of("b", given, "2024-01-15")
    assert "vip" not in tags_of("b", given, "2024-01-16")


def test_at_one_instant_taking_goes_before_giving() -> None:
    """Ties are decided by the decisions themselves, not by the order of the log."""
    both = [decision("vip"), decision("vip", "remove")]
    levels = [decision("level", value="silver"), decision("level", value="gold")]
    for given in (both, both[::-1]):
        assert "vip" not in tags_of("b", given)
    for given in (levels, levels[::-1]):
        assert tags_of("b", given)["level"] == "silver"
    lasting = [decision("vip", expires_at="2024-01-12"), decision("vip", expires_at="2024-02-12")]
    for given in (lasting, lasting[::-1]):
        assert "vip" in tags_of("b", given)


def test_a_customer_of_whom_nothing_else_is_known_is_decided_about() -> None:
    """A decision is enough to have a tag; and to be one of all customers."""
    assert tags_of("stranger", [decision("vip")]) == {"vip": "yes"}
    assert tags_of("stranger", [decision("vip", "remove")]) == {}
    wide = TAGS.assign(history(), AS_OF, decisions=log(decision("vip"), who="s"), form="wide")
    assert {r["customer_id"]: r["vip"] for r in wide.to_pylist()} == {
        "a": "yes", "b": None, "s": "yes",
    }  # fmt: skip
    counted = TAGS.preview(history(), AS_OF, decisions=log(decision("vip"), who="s")).to_pylist()
    assert counted[0] == {"tag": "vip", "value": "yes", "customers": 2, "share": 2 / 3}


def test_rules_that_name_a_tag_see_what_was_decided() -> None:
    """`HasTag` is about the tag as the customer has it, decisions included."""
    tags = TagSet([
        *TAGS.tags, Tag("seen", HasTag("likes", "中文") | HasTag("level", "silver")),
    ])  # fmt: skip
    assert "seen" in tags_of("b", [decision("likes", value="中文")], tags=tags)
    assert "seen" in tags_of("b", [decision("level", value="silver")], tags=tags)
    assert "seen" not in tags_of("a", [decision("likes", "remove", value="中文")], tags=tags)
    both = TagSet([*TAGS.tags, Tag("any", HasTag("top"))])
    assert "any" not in tags_of("a", [decision("top", "remove")], tags=both)
    assert "any" in tags_of("stranger", [decision("top", value="q")], tags=both)


def test_every_engine_reads_the_log_alike(fast_engines: Engines) -> None:
    """The same decisions give the same tags in each engine."""
    rows = [
        decision("vip"), decision("level", value="silver", expires_at="2024-01-20"),
        decision("likes", "remove", value="x"), decision("top", value="'\"中文"),
    ]  # fmt: skip
    answers = [
        rows_of(TAGS.assign(history(e), AS_OF, decisions=log(*rows, engine=e)))
        for e in fast_engines.names
    ]
    assert all(answer == answers[0] for answer in answers)
    assert ("b", "top", "'\"中文") in rows_of(TAGS.assign(history(), AS_OF, decisions=log(*rows)))


@pytest.mark.parametrize("engine", ["pyarrow", "pandas-numpy", "polars", "duckdb"])
def test_a_log_without_values_or_of_none_is_read(engine: str) -> None:
    """A column of values that are all missing, or none at all, is enough for tags of one value."""
    table = pa.table({
        "customer_id": ["b"], "tag": ["vip"], "action": ["assign"], "author": ["li"],
        "reason": ["because"], "decided_at": ["2024-01-10"], "value": pa.nulls(1),
        "expires_at": pa.nulls(1),
    })  # fmt: skip
    held = to_engine(table, engine)
    expected = [("a", "vip", "yes"), ("b", "vip", "yes")]
    tags = TagSet(TAGS.tags[0])

    bare = TagDecisions(held)
    whole = TagDecisions(held, value="value", expires_at="expires_at")
    for decisions in (bare, whole):
        assert rows_of(tags.assign(history(engine), AS_OF, decisions=decisions)) == expected


@pytest.mark.parametrize("engine", ["pyarrow", "polars", "duckdb"])
def test_columns_of_the_usual_names_are_read_unless_told_otherwise(engine: str) -> None:
    """`value` and `expires_at` count where they are there, as in rows; None leaves them out."""
    ended = decision("level", value="gold", expires_at="2024-01-20")
    frame = log(ended, engine=engine).source.native
    found = rows_of(TAGS.assign(history(engine), AS_OF, decisions=TagDecisions(frame)))
    alone = TAGS.assign_one(history(engine).customer("b"), AS_OF, decisions=[ended])

    assert "level" not in alone
    assert [row for row in found if row[:2] == ("b", "level")] == []
    for_good = TagDecisions(frame, expires_at=None)
    assert ("b", "level", "gold") in rows_of(
        TAGS.assign(history(engine), AS_OF, decisions=for_good)
    )
    with pytest.raises(InvalidArgumentError, match="is needed to assign tag 'level'"):
        TAGS.assign(history(engine), AS_OF, decisions=TagDecisions(frame, value=None))
    needed = ("tag", "action", "author", "reason", "decided_at")
    with pytest.raises(ColumnNotFoundError, match="'expires_at'"):
        TagDecisions(ORDERS, expires_at="expires_at", **dict.fromkeys(needed, "category"))


def test_an_empty_log_decides_nothing() -> None:
    """Without rows, what the rules say stands."""
    empty = log(decision("vip"))
    nothing = TagDecisions(empty.source.native.slice(0, 0), value="value", expires_at="expires_at")

    assert TAGS.assign(history(), AS_OF, decisions=nothing).equals(TAGS.assign(history(), AS_OF))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (decision("vib"), r"'vib' is not known.*Allowed: vip, level.*did you mean 'vip'"),
        (decision("vip", "asign"), r"action: 'asign' is not known.*did you mean 'assign'"),
        (decision("vip", value="no"), r"tag 'vip' has no value 'no'.*Allowed: yes"),
        (decision("level", value="glod"), r"has no value 'glod'.*did you mean 'gold'"),
        (decision("level"), r"value: is needed to assign tag 'level'.*gold, silver"),
        (decision("top"), r"value: is needed to assign tag 'top'.*text"),
        (decision("likes", "remove"), r"value: is needed to remove tag 'likes'"),
        (decision("likes", "remove", value="y"), r"tag 'likes' has no value 'y'"),
    ],
)
def test_a_decision_about_what_there_is_not_is_refused(row: dict[str, Any], message: str) -> None:
    """Unknown tags, actions and values are refused with the nearest, for all and for one."""
    customer = history().customer("b")
    with pytest.raises(InvalidArgumentError, match=message):
        TAGS.assign(history(), AS_OF, decisions=log(decision("vip"), row))
    with pytest.raises(InvalidArgumentError, match=message):
        TAGS.assign_one(customer, AS_OF, decisions=[decision("vip"), row])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (decision("vip", decided_at="soon"), "unreadable"),
        (decision("vip", decided_at=None), "no"),
        (decision("vip", expires_at="never"), "unreadable"),
    ],
)
def test_no_decision_is_left_out_in_silence(row: dict[str, Any], said: str) -> None:
    """A decision whose times cannot be read is refused: nobody would notice its loss."""
    with pytest.raises(DataError, match=f"none may be left out in silence.*{said}"):
        TAGS.assign(history(), AS_OF, decisions=log(decision("vip"), row))
    with pytest.raises(DataError, match=f"none may be left out in silence.*{said}"):
        TAGS.assign_one(history().customer("b"), AS_OF, decisions=[row])
    nobody = log({**decision("vip"), "customer_id": None})
    with pytest.raises(DataError, match="no_customer: 1"):
        TAGS.assign(history(), AS_OF, decisions=nobody)


@pytest.mark.parametrize("role", ["author", "reason"])
@pytest.mark.parametrize("said", [None, "", " \u3000"])
def test_a_decision_says_who_took_it_and_why(role: str, said: str | None) -> None:
    """Without an author or a reason it is refused: nobody could explain the tag later."""
    row = decision("vip") | {role: said}
    with pytest.raises(DataError, match=f"decisions: 1 have no {role}"):
        TAGS.assign(history(), AS_OF, decisions=log(decision("vip"), row))
    with pytest.raises(DataError, match=f"decisions: one has no {role}"):
        TAGS.assign_one(history().customer("b"), AS_OF, decisions=[row])


def test_rows_about_one_customer_are_checked() -> None:
    """A missing or unknown key, somebody else's decision and what is no row are refused."""
    customer = history().customer("b")
    cases: list[tuple[Any, str]] = [
        ([{"tag": "vip"}], "have no 'action'"),
        ([decision("vip", valeu="yes")], "'valeu' is not known.*did you mean 'value'"),
        ([decision("vip", customer_id="a")], "about another customer"),
        (decision("vip"), "must be rows"),
        (["vip"], "must be rows"),
        (log(decision("vip")), "must be rows"),
    ]
    for rows, message in cases:
        with pytest.raises(InvalidArgumentError, match=message):
            TAGS.assign_one(customer, AS_OF, decisions=rows)
    row = decision("vip", customer_id="b", value=float("nan"), expires_at=pd.NaT)
    assert TAGS.assign_one(customer, AS_OF, decisions=[row])["vip"] == "yes"


def test_a_log_has_to_be_one() -> None:
    """A missing column, a bare frame, and a log of another engine or type of ids are refused."""
    table = log(decision("vip")).source.native
    with pytest.raises(ColumnNotFoundError, match=r"decided_on.*did you mean 'decided_at'"):
        TagDecisions(table, decided_at="decided_on")
    with pytest.raises(InvalidArgumentError, match="name its columns"):
        TAGS.assign(history(), AS_OF, decisions=table)
    with pytest.raises(InvalidDefinitionError, match="different engines"):
        TAGS.assign(history(), AS_OF, decisions=log(decision("vip"), engine="duckdb"))
    numbers = TagDecisions(table.set_column(0, "customer_id", pa.array([1])))
    with pytest.raises(InvalidDefinitionError, match="type of customer ids"):
        TAGS.assign(history(), AS_OF, decisions=numbers)


def test_an_explanation_names_who_decided_and_why() -> None:
    """By whom, when, until when and why stand beside what the rule says, in both languages."""
    customer = history().customer("b")
    rows = [
        decision("vip", decided_at="2024-01-02", author="wang"),
        decision("vip", reason="writes about us", expires_at=dt.date(2024, 3, 1)),
        decision("vip", "remove", decided_at="2024-02-01"),  # not yet
    ]
    assert str(TAGS.explain(customer, "vip", AS_OF, decisions=rows)).splitlines() == [
        "Customer b as of 2024-02-01 00:00 UTC: yes",
        "  ✓ a decision by hand, which outranks the rule",
        "    ✓ given by li on 2024-01-10: writes about us (until 2024-03-01)",
        "    ✗ total amount of order is at least 50 [1]",
    ]
    chinese = TAGS.explain(
        customer, "level", AS_OF, value="gold", locale="zh",
        decisions=[decision("level", value="silver", reason="致歉")],
    )  # fmt: skip
    assert str(chinese).splitlines()[:3] == [
        "客户 b，截至 2024-02-01 00:00 UTC：否",
        "  ✗ 人工决定，优先于规则",
        "    ✗ 由li于2024-01-10赋予“silver”：致歉",
    ]
    taken = TAGS.explain(
        history().customer("a"), "likes", AS_OF, decisions=[decision("likes", "remove", value="x")]
    )
    assert taken.holds
    assert "✗ taken by li on 2024-01-10 = “x”: because" in str(taken)
    plain = TAGS.explain(customer, "vip", "2024-01-01", decisions=rows)
    assert "hand" not in str(plain)
    assert not plain.holds


def test_of_equal_decisions_the_one_that_lasts_is_quoted() -> None:
    """Two say the same at one instant: the author of the one that still counts is named."""
    lasting = decision("vip", author="wang")
    brief = decision("vip", author="li", expires_at="2024-01-20")
    until = decision("vip", author="zhao", expires_at="2024-03-01")
    customer = history().customer("b")

    for rows, author in (
        ([lasting, brief], "wang"), ([brief, lasting], "wang"), ([until, brief], "zhao"),
        ([lasting, until], "wang"),
    ):  # fmt: skip
        assert f"given by {author} on" in str(TAGS.explain(customer, "vip", AS_OF, decisions=rows))


def test_a_table_of_the_host_called_decisions_stays() -> None:
    """A log takes the place of no table of attributes, and two cannot have one title."""
    table = pa.table({
        "customer_id": ["b"], "name": ["city"], "value": ["上海"], "valid_from": ["2023-01-01"],
    })  # fmt: skip
    of_host = History(Orders(ORDERS), attributes={"decisions": table})
    tags = TagSet([Tag("shanghai", Attr("city") == "上海"), *TAGS.tags])

    found = rows_of(tags.assign(of_host, AS_OF, decisions=log(decision("vip"))))
    assert {("b", "shanghai", "true"), ("b", "vip", "yes")} <= set(found)
    added = history().with_attributes("decisions", table)
    assert ("b", "shanghai", "true") in rows_of(
        tags.assign(added, AS_OF, decisions=log(decision("vip")))
    )
    for taken in (of_host, added):
        with pytest.raises(InvalidArgumentError, match="'decisions'"):
            taken.with_attributes("decisions", table)
