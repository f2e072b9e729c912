"""Typos and misuse of customers and identities are refused, or warned of, with what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from userops import Events, History, Orders
from userops.customers import (
    IdentifierKind,
    IdentityChanges,
    IdentityDecisions,
    IdentityGraph,
    Links,
    MergeEvent,
    Phone,
    Reach,
    UnmergeEvent,
)
from userops.customers.identifiers import Identifier
from userops.errors import (
    ColumnNotFoundError,
    DataWarning,
    EmptyHistoryError,
    InvalidArgumentError,
    UnsupportedFrameError,
)
from userops.testing import to_engine

AS_OF = "2024-04-01"
GRAPH = IdentityGraph([IdentifierKind("phone", normaliser=Phone("CN")), IdentifierKind("tb")])
SCANS = pa.table(
    {
        "customer_id": ["m1", "m1", None],
        "tel": ["13650617808", None, None],
        "buyer": ["t1", None, "t2"],
        "occurred_at": ["2024-01-05", "2024-02-05", "2024-03-05"],
    }
)
LOG: dict[str, Any] = {
    "customer_id": ["m1", "m2", "m3"], "identifier_kind": ["phone"] * 3,
    "identifier_value": ["1", "2", "3"], "status": ["已授权", "退订", "opted_in"],
    "occurred_at": ["2024-01-05"] * 3,
}  # fmt: skip


def scans(table: pa.Table = SCANS) -> Events:
    """Return scans of customers and identifiers."""
    return Events(
        table, customer_id="customer_id", occurred_at="occurred_at",
        identifiers={"phone": "tel", "tb": "buyer"},
    )  # fmt: skip


def shop(**more: Any) -> History:
    """Return a history with identities."""
    return History({"scan": scans()}, **more).with_identities(GRAPH)


def test_a_table_or_kind_that_there_is_not_is_no_zero() -> None:
    """A typo in a name is refused with the nearest, where it was None and 0 before."""
    found = shop().resolution(AS_OF)
    assert found.rate("scan") == 0
    with pytest.raises(InvalidArgumentError, match="did you mean 'scan'"):
        found.rate("scann")
    channels = shop().identities(AS_OF).channels()
    assert channels.shared("phone", "tb") == 1
    with pytest.raises(InvalidArgumentError, match="'手机' is not known"):
        channels.shared("phone", "手机")


def test_a_resolution_prints_its_periods() -> None:
    """It says by month, so it shows months."""
    assert repr(shop().resolution(AS_OF)).splitlines() == [
        "Resolution by month",
        "  scan: 3 rows, 0.0% of 1 anonymous",
        "    2024-01-01: 1 rows, none anonymous",
        "    2024-02-01: 1 rows, none anonymous",
        "    2024-03-01: 1 rows, 0.0% of 1 anonymous",
    ]
    assert "    … 54 earlier" in repr(many_months())


def many_months() -> Any:
    """Return five years by month."""
    days = [f"{2019 + n // 12}-{1 + n % 12:02}-05" for n in range(60)]
    table = pa.table(
        {
            "customer_id": ["m1"] * 60, "tel": pa.nulls(60, pa.string()),
            "buyer": pa.nulls(60, pa.string()), "occurred_at": days,
        }
    )  # fmt: skip
    return History({"scan": scans(table)}).with_identities(GRAPH).resolution(AS_OF)


def test_words_of_reach_without_a_meaning_are_counted_and_warned_of(kernel: str) -> None:
    """Neither a consent nor an opting out is lost without a word."""
    reach = Reach(to_engine(pa.table(LOG), kernel), statuses={"退订": "opted_out"})
    history = History(
        {"scan": scans()} if kernel == "pyarrow" else {"scan": _on(kernel)}, reach=reach
    )
    with pytest.warns(DataWarning, match=r"1 of 3 rows of reach do not count.*statuses="):
        history.reachable(AS_OF)
    quality = reach.quality
    assert (quality.rows, quality.counted) == (3, 2)
    assert quality.quarantined == {"unknown_status": 1}
    assert "a status that is not known" in str(quality)
    assert repr(quality) == str(quality)


def _on(engine: str) -> Events:
    return Events(
        to_engine(SCANS.select(["customer_id", "occurred_at"]), engine),
        customer_id="customer_id", occurred_at="occurred_at",
    )  # fmt: skip


def test_a_kind_without_need_of_consent_must_be_one() -> None:
    """With identities it must be declared; without, no identifier of it is worth a warning."""
    good = {**LOG, "status": ["opted_in"] * 3}
    reach = Reach(pa.table(good), without_consent=["fone"])
    with pytest.raises(
        InvalidArgumentError, match=r"without_consent: 'fone'.*did you mean 'phone'"
    ):
        shop(reach=reach)
    with pytest.warns(DataWarning, match=r"no identifier is of the kind 'fone'.*did you mean"):
        History({"scan": scans()}, reach=reach).reachable(AS_OF)


def test_a_kind_that_no_graph_declares_says_how_to_declare_it() -> None:
    """In a table, in links and in questions."""
    graph = IdentityGraph([IdentifierKind("phone")])
    declare = r"declare it: IdentityGraph\(\[…, IdentifierKind\('tb'\)\]\)"
    with pytest.raises(InvalidArgumentError, match=declare):
        History({"scan": scans()}).with_identities(graph)
    table = pa.table({"a": ["1"], "b": ["2"], "seen_at": ["2024-01-01"]})
    links = Links(table, left="a", left_kind="phone", right="b", right_kind="tb")
    with pytest.raises(InvalidArgumentError, match=declare):
        graph.resolve(links, AS_OF)
    with pytest.raises(InvalidArgumentError, match=declare):
        graph.identifier("tb", "x")


def test_nobody_says_who_may_be_meant() -> None:
    """The other type only where such a customer exists; the kind where the value is known."""
    table = pa.table({"customer_id": [17850], "occurred_at": ["2024-01-01"]})
    numbers = History({"scan": Events(table)})
    with pytest.raises(
        EmptyHistoryError, match="ids are whole numbers here, and 17850 is a customer"
    ):
        numbers.customer("17850")
    for unknown in ("17851", "x", 5, "9" * 30):
        with pytest.raises(EmptyHistoryError) as caught:
            numbers.customer(unknown)
        assert "17850" not in str(caught.value)
        assert caught.value.hint is None
    texts = History({"scan": Events(table.set_column(0, "customer_id", pa.array(["17850"])))})
    with pytest.raises(EmptyHistoryError, match="ids are text here, and '17850' is a customer"):
        texts.customer(17850)
    with pytest.raises(EmptyHistoryError, match="did you mean 'phone:13650617808'"):
        shop().customer("13650617808", AS_OF)
    with pytest.raises(EmptyHistoryError, match=r"'zz' as of 2024-04-01 00:00 UTC\.$"):
        shop().customer("zz", AS_OF)


def test_an_identifier_without_rows_of_its_own_says_whose_they_are() -> None:
    """After `unbind` the row that carries both stays with the customer id that it names."""
    log = IdentityDecisions().unbind(
        ("customer_id", "m1"), ("tb", "t1"), author="li", reason="asked", decided_at="2024-01-06"
    )
    history = History({"scan": scans()}).with_identities(GRAPH, decisions=log)
    assert history.identities(AS_OF).customer_id("tb", "t1") == "tb:t1"
    with pytest.raises(EmptyHistoryError, match="tb:t1 is known, but no row is his: a row with a"):
        history.customer("tb:t1", AS_OF)


def test_a_path_and_a_missing_column_say_what_to_do() -> None:
    """A file is read by `from_file`; a column inside an argument has no argument of its own."""
    for path in ("pos.csv", Path("pos.csv")):
        with pytest.raises(UnsupportedFrameError, match=r"Orders.from_file\('pos.csv', …\)"):
            Orders(path)
    frame = pd.DataFrame({"customer_id": ["a"], "occurred_at": ["2024-01-01"]})
    with pytest.raises(ColumnNotFoundError, match="exists in the argument identifiers") as caught:
        Events(frame, customer_id="customer_id", occurred_at="occurred_at",
               identifiers={"phone": "zzz"})  # fmt: skip
    assert "]=…" not in str(caught.value)


def test_what_is_cut_short_says_so() -> None:
    """The changes of identities, and the ids of one of them."""
    merges = tuple(MergeEvent(0, f"k{n}", f"m{n}") for n in range(23))
    assert repr(IdentityChanges(merges)).endswith("  … and 3 more")
    moved = tuple(Identifier("phone", str(n)) for n in range(5))
    said = repr(IdentityChanges((UnmergeEvent(0, "a", "b", moved),)))
    assert "phone:0, phone:1, phone:2 … and 2 more of a are b's now" in said


def test_a_history_prints_a_table_a_line() -> None:
    """On one line nobody could read it."""
    lines = repr(shop(reach=pa.table({**LOG, "status": ["opted_in"] * 3}))).splitlines()
    assert [line.split(" = ")[0].strip() for line in lines] == [
        "History(", "scan", "reach", "returns", ")",
    ]  # fmt: skip
