"""Consent and delivery: who may be contacted by what, as of an instant, on every engine."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.by_engine import instants

from userops import Customer, History, Orders
from userops.core import frames
from userops.core.time import as_of_us, zone
from userops.customers import IdentifierKind, IdentityGraph, Phone, Reach
from userops.customers.reach_rows import read_reach
from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataWarning,
    EmptyHistoryError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.events import OrderColumns
from userops.rules import Attr, Did
from userops.segmentation import Tag, TagSet
from userops.testing import Engines, rows_of, to_engine

_LOG = [
    ("m1", "phone", "138 0013 8001", "opted_in", "2024-01-05"),
    (None, "phone", "+8613800138001", "STOP", "2024-03-01"),
    ("m1", "email", "li@x.cn", "opted_in", "2024-01-05"),
    ("m1", "email", "li@x.cn", "unreachable", "2024-02-01"),
    ("m1", "email", "li@x.cn", "reachable", "2024-02-20"),
    ("m2", "phone", "13900139000", "opted_in", "2024-01-05"),
    ("m2", "phone", "13900139000", "opted_out", "2024-01-05"),
    ("m2", "openid", "oB", "reachable", "2024-01-07"),
    ("m3", "email", "wu@x.cn", "blocked", "2024-01-07"),
]
LOG = pa.table(
    {
        "customer_id": [row[0] for row in _LOG],
        "identifier_kind": [row[1] for row in _LOG],
        "identifier_value": [row[2] for row in _LOG],
        "status": [row[3] for row in _LOG],
        "occurred_at": instants(*(row[4] for row in _LOG)),
    }
)
ORDERS = pa.table(
    {
        "customer_id": ["m1", "m2", "m4"],
        "ordered_at": instants("2024-01-02", "2024-01-03", "2024-01-04"),
        "amount": [1.0, 2.0, 3.0],
    }
)
GRAPH = IdentityGraph(
    [
        IdentifierKind("phone", normaliser=Phone("CN")),
        IdentifierKind("email"),
        IdentifierKind("openid"),
    ]
)
AS_OF = "2024-04-01"


def log_of(engine: str = "pyarrow") -> Reach:
    """Return the log, in which orders of a mini program need no consent."""
    return Reach(to_engine(LOG, engine), statuses={"STOP": "opted_out"}, without_consent=["openid"])


def shop(engine: str = "pyarrow", *, bound: bool = True) -> History:
    """Return three customers and the log."""
    history = History(Orders(to_engine(ORDERS, engine)), reach=log_of(engine))
    return history.with_identities(GRAPH) if bound else history


def states(history: History, as_of: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return consent, delivery and verdict of each customer and identifier."""
    frame = frames.read(history.reachable(as_of)).frame
    return {
        (row["customer_id"], row["identifier_kind"], row["identifier_value"]): (
            row["consent"], row["delivery"], row["is_reachable"]
        )
        for row in frames.to_rows(frame)
    }  # fmt: skip


def test_the_latest_row_holds_on_every_engine(engines: Engines) -> None:
    """Identifiers are the persons', however they were written; ties are restrictive."""
    for engine in engines.names:
        history = shop(engine)
        assert states(history, AS_OF) == {
            ("m1", "phone", "+8613800138001"): ("opted_out", None, False),
            ("m1", "email", "li@x.cn"): ("opted_in", "reachable", True),
            ("m2", "phone", "+8613900139000"): ("opted_out", None, False),
            ("m2", "openid", "oB"): (None, "reachable", True),
            ("m3", "email", "wu@x.cn"): (None, "blocked", False),
        }, engine  # fmt: skip
        early = states(history, "2024-02-10")
        assert early["m1", "phone", "+8613800138001"] == ("opted_in", None, True), engine
        assert early["m1", "email", "li@x.cn"] == ("opted_in", "unreachable", False), engine


def test_rules_see_who_can_be_reached(engines: Engines) -> None:
    """A flag for each kind: true with one reachable identifier, missing where none is known."""
    tags = TagSet(
        [
            Tag("by mail", Attr("reachable_by_email") == True),  # noqa: E712
            Tag("by phone no more", (Attr("reachable_by_phone") == False) & Did("order")),  # noqa: E712
            Tag("no phone", ~Attr("reachable_by_phone").is_known()),
        ]
    )
    for engine in engines.names:
        history = shop(engine)
        found = sorted(row[:2] for row in rows_of(tags.assign(history, AS_OF)))
        assert found == [
            ("m1", "by mail"), ("m1", "by phone no more"), ("m2", "by phone no more"),
            ("m3", "no phone"), ("m4", "no phone"),
        ], engine  # fmt: skip
        one = history.customer("m1", AS_OF)
        assert set(tags.assign_one(one, AS_OF)) >= {"by mail", "by phone no more"}


def test_one_customer_is_told_why() -> None:
    """The same answer for a customer read out of the log, and for one given row by row."""
    columns = {"order": OrderColumns(customer_id="c", ordered_at="at", amount="paid")}
    rows = [
        {
            "identifier_kind": kind,
            "identifier_value": value,
            "status": "opted_out" if status == "STOP" else status,
            "occurred_at": day,
        }
        for kind, value, status, day in (
            ("phone", "+8613800138001", "opted_in", "2024-01-05"),
            ("phone", "+8613800138001", "STOP", "2024-03-01"),
            ("email", "li@x.cn", "opted_in", "2024-01-05"),
            ("email", "li@x.cn", "unreachable", "2024-02-01"),
            ("email", "li@x.cn", "reachable", "2024-02-20"),
        )
    ]
    given = Customer.from_rows("m1", {"order": []}, columns, reach=rows)
    for customer in (given, shop().customer("m1", AS_OF)):
        assert customer.reachable_on(AS_OF) == {"email": ("li@x.cn",)}
        assert customer.reachable_on("2024-02-10") == {"phone": ("+8613800138001",)}
        assert [str(state) for state in customer.reach_states("2024-03-15")] == [
            "email:li@x.cn reachable",
            "phone:+8613800138001 opted out on 2024-03-01",
        ]
        assert (
            customer.attributes_before(as_of_us(AS_OF, zone("UTC")))["reachable_by_phone"] is False
        )
    assert shop().customer("m3", AS_OF).reach_states(AS_OF)[0].why == "blocked since 2024-01-07"


_rows = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", None]),
        st.sampled_from(["phone", "email", "openid"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["opted_in", "opted_out", "reachable", "unreachable", "blocked"]),
        st.integers(-3, 6),
    ),
    max_size=12,
)


@pytest.mark.filterwarnings("ignore:without_consent")
@settings(deadline=None, max_examples=60)
@given(_rows, st.integers(-2, 7))
def test_the_frame_is_what_each_customer_says(rows: list[Any], before_us: int) -> None:
    """Frame and customer agree on any log, at any instant, with ties and before 1970."""
    table = pa.table(
        {
            "customer_id": pa.array([row[0] for row in rows], pa.string()),
            "identifier_kind": pa.array([row[1] for row in rows], pa.string()),
            "identifier_value": pa.array([row[2] for row in rows], pa.string()),
            "status": pa.array([row[3] for row in rows], pa.string()),
            "occurred_at": pa.array([row[4] for row in rows], pa.timestamp("us", "UTC")),
        }
    )
    orders = Orders(ORDERS)
    for engine in ("pyarrow", "polars", "duckdb"):
        orders = Orders(to_engine(ORDERS, engine))
        history = History(orders, reach=Reach(to_engine(table, engine), without_consent=["openid"]))
        reach = history.attributes.reach
        assert reach is not None
        frame = {
            (r["customer_id"], r["identifier_kind"], r["identifier_value"]): (
                r["consent"], r["consent_us"], r["delivery"], r["delivery_us"], r["is_reachable"]
            )
            for r in frames.to_rows(reach.states_before(before_us))
            if r["customer_id"] is not None
        }  # fmt: skip
        assert frame == _by_hand(rows, before_us)
        alone = {}
        for who in ("a", "b"):
            if any(row[0] == who for row in rows):
                customer = history.customer(who)
                at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=before_us)
                for state in customer.reach_states(at):
                    alone[who, state.kind, state.value] = (
                        state.consent, state.consent_us, state.delivery, state.delivery_us,
                        state.is_reachable,
                    )  # fmt: skip
        assert alone == frame


def _by_hand(rows: list[Any], before_us: int) -> dict[Any, Any]:
    severity = ["opted_in", "opted_out", "reachable", "unreachable", "blocked"]
    known = [row for row in rows if row[4] < before_us]
    found = {}
    for who, kind, value in {row[:3] for row in known if row[0] is not None}:
        mine = sorted((r[4], severity.index(r[3]), r[3]) for r in known if r[1:3] == (kind, value))
        consent = next(((s, at) for at, _, s in mine[::-1] if s.startswith("opted")), (None, None))
        delivery = next(
            ((s, at) for at, _, s in mine[::-1] if not s.startswith("opted")), (None, None)
        )
        may = consent[0] == "opted_in" or (consent[0] is None and kind == "openid")
        can = delivery[0] not in ("unreachable", "blocked")
        found[who, kind, value] = (*consent, *delivery, may and can)
    return found


def test_what_cannot_count_is_put_aside(engine: str) -> None:
    """Rows without an identifier, a kind, a time or a status that is known are kept with why."""
    table = pa.table(
        {
            "customer_id": ["a"] * 6,
            "identifier_kind": ["phone", " ", "phone", "phone", "phone", "phone"],
            "identifier_value": [" ", "1", "1", "1", "1", "1"],
            "status": ["opted_in", "opted_in", "opted_in", "opted_in", "maybe", " opted_in "],
            "occurred_at": ["2024-01-01", "2024-01-01", None, "soon", "2024-01-01", "2024-01-01"],
        }
    )
    log = Reach(to_engine(table, engine))
    rows = frames.to_rows(frames.read(log.quarantine).frame)
    assert sorted(row["reason"] for row in rows) == [
        "no_identifier", "no_kind", "no_time", "unknown_status", "unreadable_time",
    ]  # fmt: skip
    history = History(Orders(to_engine(ORDERS, engine)), reach=log)
    with pytest.warns(DataWarning, match="1 of 6 rows of reach do not count.*: 'maybe'"):
        found = states(history, AS_OF)
    assert found == {("a", "phone", "1"): ("opted_in", None, True)}


def test_columns_of_instants_make_a_log(engine: str) -> None:
    """A table with a column for each status is the same log."""
    table = pa.table(
        {
            "who": ["a", "b"],
            "kind": ["phone", "phone"],
            "value": ["1", "2"],
            "in": instants("2024-01-01", "2024-01-02"),
            "out": pa.array(
                [None, dt.datetime(2024, 2, 1, tzinfo=dt.UTC)], pa.timestamp("us", "UTC")
            ),
        }
    )
    log = Reach.from_columns(
        to_engine(table, engine), customer_id="who", identifier_kind="kind",
        identifier_value="value", opted_in_at="in", opted_out_at="out",
    )  # fmt: skip
    history = History(Orders(to_engine(ORDERS, engine)), reach=log)
    assert states(history, "2024-01-15") == {
        ("a", "phone", "1"): ("opted_in", None, True),
        ("b", "phone", "2"): ("opted_in", None, True),
    }
    assert states(history, AS_OF)["b", "phone", "2"] == ("opted_out", None, False)


def test_what_is_wrong_is_named() -> None:
    """Unknown words, columns and places are refused with the nearest."""
    with pytest.raises(InvalidArgumentError, match="opted_out"):
        Reach(LOG, statuses={"STOP": "opted_ot"})
    with pytest.raises(ColumnNotFoundError, match="status"):
        Reach(LOG, status="statu")
    with pytest.raises(InvalidArgumentError, match="opted_in_at"):
        Reach.from_columns(
            LOG, identifier_kind="identifier_kind", identifier_value="identifier_value",
            opted_at="occurred_at",
        )  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="names no column"):
        Reach.from_columns(
            LOG, identifier_kind="identifier_kind", identifier_value="identifier_value"
        )
    with pytest.raises(InvalidDefinitionError, match="Reach"):
        History(Orders(ORDERS), reach=Orders(ORDERS))
    with pytest.raises(InvalidArgumentError, match="no log of consent"):
        History(Orders(ORDERS)).reachable(AS_OF)
    with pytest.raises(InvalidArgumentError, match="email"):
        History(Orders(ORDERS), reach=log_of()).with_identities(
            IdentityGraph([IdentifierKind(name) for name in ("phone", "e-mail", "openid")])
        ).reachable(AS_OF)
    with pytest.raises(InvalidArgumentError, match="lacks a key"):
        Customer.from_rows("a", {}, {}, reach=[{"status": "opted_in"}])


def test_one_customer_reads_words_as_the_frame_does(engine: str) -> None:
    """Blanks, missing words and the reasons of rows that cannot count are those of the frame."""
    words = [
        (" phone ", "\u3000opted_in\u00a0"), ("\u2003phone", "opted_in"), (None, "opted_in"),
        ("", "opted_out"), ("\u3000", "blocked"), ("email", None), ("email", "OPTED_IN"),
        ("email", "\u2003blocked"), (None, None), ("Phone", "opted_out\n"),
    ]  # fmt: skip
    table = pa.table(
        {
            "customer_id": ["a"] * len(words),
            "identifier_kind": pa.array([kind for kind, _ in words], pa.string()),
            "identifier_value": [str(n) for n in range(len(words))],
            "status": pa.array([status for _, status in words], pa.string()),
            "occurred_at": instants(*["2024-01-05"] * len(words)),
        }
    )
    reach = Reach(to_engine(table, engine))
    bad = frames.to_rows(frames.read(reach.quarantine).frame)
    rows = [
        {key: value for key, value in row.items() if key != "customer_id"}
        for row in table.to_pylist()
    ]
    rows = [row | {"identifier_kind": float("nan")} if row["identifier_value"] == "2" else row
            for row in rows]  # fmt: skip
    good, misfits = read_reach(rows, zone("UTC"))
    assert [row[:3] for row in sorted(good, key=lambda row: row.value)] == [
        row[:3] for row in sorted(reach.rows_of("a"), key=lambda row: row.value)
    ]
    assert [row.value for row in good] == ["0", "1", "9"]
    assert {row.carried["identifier_value"]: row.reason for row in misfits} == {
        row["identifier_value"]: row["reason"] for row in bad
    }
    for key in ("identifier_kind", "status"):
        with pytest.raises(ColumnTypeError, match=f"{key}' is no text"):
            read_reach([rows[0] | {key: ["opted_in"]}], zone("UTC"))


def test_one_customer_reads_the_log_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """For his identifiers, and for the attributes that these make."""
    asked: list[Any] = []
    rows_of_one = Reach.rows_of

    def noted(self: Reach, customer_id: str | int) -> Any:
        asked.append(customer_id)
        return rows_of_one(self, customer_id)

    monkeypatch.setattr(Reach, "rows_of", noted)
    customer = shop().customer("m1", AS_OF)
    assert asked == ["m1"]
    assert customer.reachable_on(AS_OF) == {"email": ("li@x.cn",)}
    assert customer.attributes_before(as_of_us(AS_OF, zone("UTC"))) == {
        "reachable_by_email": True, "reachable_by_phone": False,
    }  # fmt: skip
    with pytest.raises(EmptyHistoryError):
        History(Orders(ORDERS), reach=log_of()).customer(7)
    # The hint asks whether there is a text like it; the log of a number is not read.
    assert asked == ["m1", "7"]


def test_the_identifiers_of_the_log_are_asked_for_at_once(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many kinds there are; each kind with the customers that the log names."""
    reach, collected = log_of(engine), []
    to_arrow = frames.to_arrow

    def noted(frame: Any) -> Any:
        collected.append(frame)
        return to_arrow(frame)

    monkeypatch.setattr(frames, "to_arrow", noted)
    seen = reach.seen_before(as_of_us(AS_OF, zone("UTC")))
    assert len(collected) == 1
    assert [one.kinds for one in seen] == [
        ("customer_id", "email"), ("customer_id", "openid"), ("customer_id", "phone")
    ]  # fmt: skip
    assert [int(one.rows.sum()) for one in seen] == [4, 1, 4]
