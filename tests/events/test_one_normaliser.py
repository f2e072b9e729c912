"""One normaliser: each row is decided alike alone and in a frame of any engine; none is lost."""

from __future__ import annotations

import datetime as dt
import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import attrs
import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.events import (
    ByColumn,
    ByOrderId,
    EventColumns,
    Events,
    OrderColumns,
    Orders,
    Row,
    read_row,
)
from userops.events.columns import REASONS

IDS = ["a", "b", "客户-1", "17850", " x ", "18446744073709551617", "", "  ", None]
ORDER_IDS = ["1001", "C1002", "退-3", "c4", "", " ", None]
TIMES = ["2024-02-29 23:59:59.999999", "2024-03-31 01:30", "2024-10-27T01:30", "2024-02-30",
         "never", "", " ", None, "2024-01-31T08:30:00+08:00", "9999-12-31", "0001-01-01T00:00Z",
         "1969-12-31 23:59:59.999999", "2024-1-5 8:30"]  # fmt: skip
AMOUNT_TEXTS = ["1.50", "-2.25", "0", "-0.0", "1e2", " 7 ", "abc", "1,50", "", " ", None, "inf",
                "999999999.99"]  # fmt: skip
CENTS = [0.0, -0.0, 1.5, -2.25, 0.1 + 0.2, 3 * 2.55, 1e9, math.nan, math.inf, -math.inf, None]
THREE_DECIMALS = [0.0, 2.125, 1.999, -0.001, 3.14, math.nan, math.inf, None]
UNITS = [1, 2, 3, -1, -2, 0, 10_000, None]
FRACTIONS = [1.0, 0.5, -0.25, 1.125, 0.0, -0.0, math.nan, None]
NAIVE = [
    dt.datetime.fromisoformat(text)
    for text in ("2024-03-31T01:30", "2024-10-27T01:30", "9999-12-31T23:59:59.999999",
                 "1969-12-31T23:59:59.999999", "2024-02-29")
]  # fmt: skip
NAIVE.append(None)  # type: ignore[arg-type]
DATES = [dt.date(2024, 2, 29), dt.date(2024, 3, 31), dt.date(1, 1, 1), dt.date(9999, 12, 31), None]


@attrs.frozen
class Case:
    """A mapping, and what the columns of its table are drawn from."""

    columns: OrderColumns | EventColumns
    pools: dict[str, tuple[list[Any], pa.DataType]]

    def table(self, rows: list[dict[str, Any]]) -> pa.Table:
        """Return rows as a table, with a column that numbers them."""
        columns = {
            name: pa.array([row[name] for row in rows], dtype)
            for name, (_, dtype) in self.pools.items()
        }
        return pa.table({"row": pa.array(range(len(rows)), pa.int64()), **columns})


CASES = {
    "text amounts, text times, identifiers": Case(
        OrderColumns(
            customer_id="who", order_id="no", ordered_at="at", amount="paid", channel="row",
            identifiers={"openid": "wx"}, time_zone="Europe/London",
        ),
        {
            "who": (IDS, pa.string()), "no": (ORDER_IDS, pa.string()), "at": (TIMES, pa.string()),
            "paid": (AMOUNT_TEXTS, pa.string()), "wx": (["o1", "", None], pa.string()),
        },
    ),
    "units at a price, returns by order id": Case(
        OrderColumns(
            customer_id="who", order_id="no", ordered_at="at", quantity="units", unit_price="price",
            channel="row", scale=3, time_format="epoch_s", returns_by=ByOrderId("^[Cc]|退"),
        ),
        {
            "who": ([1, 2, 2**63 - 1, -1, None], pa.int64()), "no": (ORDER_IDS, pa.string()),
            "at": ([0, -1, 1_709_251_199, 2**40, 2**62, None], pa.int64()),
            "units": (UNITS, pa.int64()), "price": (THREE_DECIMALS, pa.float64()),
        },
    ),
    "weights at a price, returns by column, rounded": Case(
        OrderColumns(
            customer_id="who", ordered_at="day", quantity="kg", unit_price="price", channel="row",
            returns_by=ByColumn("is_refund"), rounding="half_even", time_zone="Asia/Shanghai",
        ),
        {
            "who": ([2**64 - 1, 2**63, 5, 5], pa.uint64()), "day": (DATES, pa.date32()),
            "kg": (FRACTIONS, pa.float64()), "price": ([3, -3, 7, 0, None], pa.int64()),
            "is_refund": ([True, False, None], pa.bool_()),
        },
    ),
    "amounts and units, returns by sign, naive times": Case(
        OrderColumns(
            customer_id="who", ordered_at="at", amount="paid", quantity="units", channel="row",
            time_zone="America/New_York",
        ),
        {
            "who": (IDS, pa.string()), "at": (NAIVE, pa.timestamp("us")),
            "paid": (CENTS, pa.float64()), "units": (UNITS, pa.int32()),
        },
    ),
    "events by number, dates as digits": Case(
        EventColumns(
            customer_id="who", occurred_at="ymd", time_format="%Y%m%d", properties=("row", "page"),
            identifiers={"phone": "phone"}, actor="guide",
        ),
        {
            "who": ([1, 2, 3, None], pa.int64()), "phone": ([13800138000, None], pa.int64()),
            "ymd": ([20240229, 20240230, 20231301, 99991231, 101, 0, -20240229, None], pa.int64()),
            "page": (["首页", "", None], pa.string()), "guide": (["g1", None], pa.string()),
        },
    ),
}  # fmt: skip


def outcomes_of_rows(case: Case, table: pa.Table) -> dict[int, Row]:
    """Decide each row alone."""
    read = {row["row"]: read_row(row, case.columns) for row in table.to_pylist()}
    return {number: attrs.evolve(row, carried={}) for number, row in read.items()}


def outcomes_of_frame(case: Case, native: Any) -> dict[int, Row]:
    """Decide all rows as a frame; what neither counts nor is quarantined is unresolved."""
    is_orders = isinstance(case.columns, OrderColumns)
    table = Orders(native, case.columns) if is_orders else Events(native, case.columns)
    role = "channel" if is_orders else "row"
    decided: dict[int, Row] = {}
    for row in frames.to_rows(table.counted()):
        kept = {k: v for k, v in row.items() if k in attrs.fields_dict(Row)}
        decided[row[role]] = Row(**kept)
    quarantine = frames.to_rows(frames.read(table.quarantine).frame)
    for row in quarantine:
        assert row["row"] not in decided, "a row is counted or quarantined, never both"
        decided[row["row"]] = Row(customer_id=None, reason=row["reason"])

    quality = table.audit
    assert quality.rows == quality.counted + quality.unresolved + sum(quality.quarantined.values())
    assert quality.counted + len(quarantine) == len(decided)
    assert quality.quarantined == Counter(row["reason"] for row in quarantine)
    return decided


def check_alike(case: Case, table: pa.Table, native: Any) -> Counter[str]:
    """Compare the two, and return how often each outcome occurs."""
    alone, together = outcomes_of_rows(case, table), outcomes_of_frame(case, native)
    for number, row in alone.items():
        if row.reason == "unresolved":
            assert number not in together
        elif row.is_counted:
            assert together[number] == attrs.evolve(row, event_id=None)
        else:
            assert together[number].reason == row.reason, (number, row)
    return Counter(row.reason for row in alone.values())


def drawn_rows(case: Case, size: int, seed: int) -> list[dict[str, Any]]:
    """Draw rows from the pools, the first values of each more often than not."""
    rng = random.Random(seed)
    return [
        {
            name: rng.choice(pool if rng.random() < 0.4 else pool[: max(2, len(pool) // 2)])
            for name, (pool, _) in case.pools.items()
        }
        for _ in range(size)
    ]


@pytest.mark.parametrize("name", CASES)
def test_every_engine_decides_as_single_rows_are_decided(
    engine: str, name: str, host: Callable[[pa.Table, str], Any]
) -> None:
    """200 rows of every kind of damage get the same outcome alone and on each engine.

    Each row is counted, unresolved or quarantined for one reason, and none twice.
    """
    case = CASES[name]
    table = case.table(drawn_rows(case, 200, seed=20240229))

    outcomes = check_alike(case, table, host(table, engine))

    assert outcomes["counted"] >= 10
    assert len(outcomes) >= 3


@pytest.mark.parametrize("fast_engine", ["pyarrow", "polars-lazy"])
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_any_rows_are_decided_alike(
    name: str, fast_engine: str, data: st.DataObject, host: Callable[[pa.Table, str], Any]
) -> None:
    """Whatever the rows are, none is lost and a frame decides on each as alone."""
    case = CASES[name]
    pools = {column: st.sampled_from(pool) for column, (pool, _) in case.pools.items()}
    table = case.table(data.draw(st.lists(st.fixed_dictionaries(pools), min_size=20, max_size=60)))

    check_alike(case, table, host(table, fast_engine))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_rows_are_decided_alike_long(
    name: str, data: st.DataObject, host: Callable[[pa.Table, str], Any]
) -> None:
    """Over many more tables a frame decides on each row as alone."""
    case = CASES[name]
    pools = {column: st.sampled_from(pool) for column, (pool, _) in case.pools.items()}
    table = case.table(data.draw(st.lists(st.fixed_dictionaries(pools), max_size=80)))

    check_alike(case, table, host(table, "pyarrow"))


def test_every_reason_is_reachable() -> None:
    """Each quarantine reason occurs for some row; the two kinds of repeats need a table."""
    columns = OrderColumns(
        customer_id="who", order_id="no", ordered_at="at", quantity="q", unit_price="p",
        returns_by=ByColumn("back"),
    )  # fmt: skip
    good = {"who": "a", "no": "1", "at": "2024-01-01", "q": 1, "p": 1.0, "back": None}
    found = {
        read_row(good | change, columns).reason
        for change in (
            {}, {"who": None}, {"no": " "}, {"at": None}, {"at": "?"}, {"q": None}, {"p": "x"},
            {"q": "x"}, {"q": -1, "p": -1.0}, {"back": "perhaps"},
        )
    }  # fmt: skip

    assert found == set(REASONS) - {"duplicate_line", "duplicate_event_id"}


def test_a_row_has_the_first_reason_that_applies() -> None:
    """A row that is wrong in every way has the first reason, alone and in a frame."""
    named = {"customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "paid"}
    worst = {"who": None, "no": None, "at": "?", "paid": "?"}
    order = [("who", "a"), ("no", "1"), ("at", "2024-01-01"), ("paid", "1")]
    expected = ["no_customer", "no_order_id", "unreadable_time", "unreadable_amount", "counted"]

    rows = [worst]
    for column, value in order:
        rows.append(rows[-1] | {column: value})
    assert [read_row(row, OrderColumns(**named)).reason for row in rows] == expected

    quarantine = Orders(pa.Table.from_pylist(rows), **named).quarantine
    assert quarantine["reason"].to_pylist() == expected[:-1]


@pytest.mark.parametrize("quantity", [math.inf, "abc"])
def test_an_unreadable_quantity_is_called_so_in_a_frame(quantity: Any) -> None:
    """A quantity that is no number is `unreadable_quantity` in a frame as it is alone."""
    named = {"customer_id": "who", "ordered_at": "at", "quantity": "q", "unit_price": "p"}
    row = {"who": "a", "at": "2024-01-01", "q": quantity, "p": 2.0}
    assert read_row(row, OrderColumns(**named)).reason == "unreadable_quantity"

    orders = Orders(pa.Table.from_pylist([row]), **named)
    assert orders.quality.quarantined == {"unreadable_quantity": 1}


BLANKS = ["\u3000", "\u00a0", "\u2003", "\x1c", "\x85"]


@pytest.mark.parametrize("role", ["who", "no", "at", "paid"])
def test_blanks_of_other_scripts_are_blank_everywhere(
    role: str, host: Callable[[pa.Table, str], Any]
) -> None:
    """An id, time or amount of an ideographic or no-break space is missing, alone and in frames."""
    named = {"customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "paid"}
    good = {"who": "a", "no": "1", "at": "2024-01-01", "paid": "1"}
    rows = [good | {role: blank} for blank in BLANKS]
    alone = Counter(read_row(row, OrderColumns(**named)).reason for row in rows)

    for engine in ("pyarrow", "polars"):
        orders = Orders(host(pa.Table.from_pylist(rows), engine), **named)
        bad = {reason: n for reason, n in alone.items() if reason != "counted"}
        assert orders.quality.quarantined == bad, engine


def test_a_null_column_is_read_like_missing_values(kernel: str, host: Any) -> None:
    """A column of nothing but nulls, whatever its type, means missing values and no error."""
    table = pa.table({
        "who": pa.array(["a", "b"]), "at": pa.array([None, None], pa.null()),
        "paid": pa.array([None, None], pa.null()),
    })  # fmt: skip
    orders = Orders(host(table, kernel), customer_id="who", ordered_at="at", amount="paid")

    assert orders.quality.quarantined == {"no_time": 2}


def test_an_empty_frame_is_read(engine: str, host: Any) -> None:
    """A frame without rows gives empty results and a report of zeros, on every engine."""
    schema = pa.schema([("who", pa.string()), ("at", pa.date32()), ("paid", pa.float64())])
    orders = Orders(
        host(schema.empty_table(), engine), customer_id="who", ordered_at="at", amount="paid",
        time_zone="Europe/London",
    )  # fmt: skip

    assert orders.quality.rows == 0
    assert orders.quality.quarantined == {}
    assert orders.quality.first_us is None
    assert orders.by_day() == []
    assert frames.to_rows(orders.counted()) == []
    assert frames.to_rows(frames.read(orders.clean()).frame) == []
    assert frames.read(orders.quarantine).frame.collect_schema().names() == [
        "who", "at", "paid", "reason",
    ]  # fmt: skip
    assert "rows" in str(orders.quality)
    assert orders.quality.counted == 0


def test_trap_10_constructing_computes_nothing() -> None:
    """Naming the columns of a lazy frame looks at its schema alone."""
    import polars as pl

    def explode(_: pl.Series) -> pl.Series:
        raise AssertionError("computed")

    lazy = pl.LazyFrame({"who": ["a"], "at": ["2024-01-01"], "paid": [1.0]}).with_columns(
        pl.col("paid").map_batches(explode, return_dtype=pl.Float64)
    )
    orders = Orders(lazy, customer_id="who", ordered_at="at", amount="paid")
    assert "polars-lazy" in repr(orders)

    with pytest.raises(Exception, match="computed"):
        orders.check()


def test_the_check_runs_once() -> None:
    """The validating aggregate is computed once, and its result kept."""
    table = pa.table({"who": ["a"], "at": ["2024-01-01"], "paid": [1.0]})
    orders = Orders(table, customer_id="who", ordered_at="at", amount="paid")

    assert orders.check() is orders
    assert orders.audit is orders.audit
    assert orders.quality is orders.quality
    assert isinstance(orders.counted(), nw.LazyFrame)
