"""Tables that are odd: mixed columns, our own names, values at the ends of their types."""

from __future__ import annotations

import datetime as dt
import warnings
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from userops import Events, History, Orders
from userops.errors import ColumnTypeError, InvalidArgumentError, InvalidDefinitionError
from userops.events import OrderColumns, read_row
from userops.testing import installed_engines, rows_of, to_engine

DAY = dt.datetime.fromisoformat("2024-01-05")
NAMES: dict[str, Any] = {"customer_id": "who", "ordered_at": "at", "amount": "paid"}
ENGINES = installed_engines(with_spark=False)


def test_a_mixed_column_that_nobody_maps_is_no_hindrance() -> None:
    """A column of notes with a number in it becomes text; mapped, it is refused by name."""
    frame = pd.DataFrame(
        {"who": ["a", None], "at": [DAY] * 2, "paid": [1.0, 2.0], "note": ["x", 3]}
    )
    orders = Orders(frame, **NAMES)
    assert orders.quality.counted == 1
    assert orders.quarantine["note"].tolist() == ["3"]
    with pytest.raises(ColumnTypeError, match=r"int and str.*astype\('string'\)"):
        Orders(frame, **(NAMES | {"customer_id": "note"}))


@pytest.mark.parametrize("name", ["userops__status", "USEROPS__x"])
def test_names_that_are_ours_are_refused(name: str) -> None:
    """A host's column under our own prefix would be overwritten."""
    table = pa.table({"who": ["a"], "at": [DAY], "paid": [1.0], name: ["mine"]})
    with pytest.raises(InvalidArgumentError, match="rename the column"):
        Orders(table, **NAMES)


def test_units_at_the_end_of_int64_are_unreadable(engine: str) -> None:
    """The one integer whose size leaves int64 is no quantity, in a frame as alone."""
    units = [-(2**63), 2**63 - 1, -(2**63) + 1]
    table = pa.table({"who": ["a"] * 3, "at": [DAY] * 3, "paid": [1.0] * 3, "q": pa.array(units)})
    columns = OrderColumns(**NAMES, quantity="q")
    orders = Orders(to_engine(table, engine), columns)

    assert dict(orders.quality.quarantined) == {"unreadable_quantity": 1}
    alone = [read_row(row, columns).reason for row in table.to_pylist()]
    assert alone == ["unreadable_quantity", "counted", "counted"]


@pytest.mark.parametrize("costs", [[1e-5, 0.5], [100000.0, 1e-5], [None, 0.0], [float("nan"), 1.0]])
def test_which_repeat_stays_is_the_same_everywhere(costs: list[Any]) -> None:
    """Of repeats that differ in a float alone, every engine keeps the same one."""
    table = pa.table(
        {"id": ["e", "e"], "who": ["a"] * 2, "at": [DAY] * 2, "paid": [1.0] * 2, "cost": costs}
    )
    kept = {
        str(rows_of(Orders(to_engine(table, e), **NAMES, event_id="id", cost="cost").clean()))
        for e in ENGINES
    }
    assert len(kept) == 1


def test_repeats_of_events_with_lists() -> None:
    """A property that no engine can put in order does not take part in the choice."""
    table = pa.table({"id": ["e", "e"], "who": ["a"] * 2, "at": [DAY] * 2, "tags": [["x"], ["y"]]})
    for engine in ("pyarrow", "polars", "duckdb"):
        events = Events(
            to_engine(table, engine), customer_id="who", occurred_at="at", event_id="id",
            properties=("tags",),
        )  # fmt: skip
        assert events.audit.quarantined == {"duplicate_event_id": 1}


def test_what_the_audit_does_not_measure_is_none() -> None:
    """The audit leaves out what costs a further look; the quality report has it."""
    table = pa.table({"who": ["a", "a"], "at": [DAY] * 2, "paid": [0.0, 0.0]})
    orders = Orders(table, **NAMES)
    assert (orders.audit.zero_amounts, orders.audit.duplicate_lines) == (None, None)
    assert (orders.quality.zero_amounts, orders.quality.duplicate_lines) == (2, 1)


def test_money_of_the_report_is_exact() -> None:
    """A total that no float holds is printed to its last unit."""
    table = pa.table({"who": ["a"], "at": [DAY], "paid": pa.array([9_007_199_254_740_993])})
    assert "9,007,199,254,740,993" in str(Orders(table, **NAMES, scale=0).quality)


def test_an_ignored_return_is_not_looked_for() -> None:
    """Under `ignore` an order keeps its amount; and who has no returns is not warned of them."""
    names = NAMES | {"order_id": "no"}
    bought = pa.table({"who": ["a"], "no": ["1"], "at": [DAY], "paid": [5.0]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        History(Orders(bought, **names)).linked_returns("2024-02-01")
    both = pa.table(
        {
            "who": ["a"] * 2,
            "no": ["1", "2"],
            "at": [DAY] * 2,
            "paid": [5.0, -5.0],
            "of": [None, "1"],
        }
    )
    for policy, net in (("ignore", 5.0), ("net", 0.0)):
        history = History(Orders(both, **names, return_of="of"), returns=policy)  # type: ignore[arg-type]
        assert history.order_table("2024-02-01")["net_amount"].to_pylist() == [net]


def test_a_mapping_is_a_key() -> None:
    """Mappings can key a cache; what was passed in does not change them later."""
    assert len({OrderColumns(**NAMES), OrderColumns(**NAMES)}) == 1
    with pytest.raises(InvalidDefinitionError, match="ISO 4217"):
        OrderColumns(**NAMES, currency=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("fault", ["who", "paid", "infinite"])
@pytest.mark.parametrize("bad", [{0}, {9}, set(), {3, 4, 5}, set(range(12))], ids=str)
def test_pieces_with_and_without_bad_rows_go_together(
    bad: set[int], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that cannot count may stand in some pieces of a table, in none, or in all."""
    paid = {"paid": None, "infinite": float("inf")}
    table = pa.table({
        "who": [None if i in bad and fault == "who" else i // 3 for i in range(12)],
        "at": [DAY] * 12,
        "paid": [paid.get(fault, i) if i in bad else float(i) for i in range(12)],
    }, schema=pa.schema([("who", pa.int64()), ("at", pa.timestamp("us")), ("paid", pa.float64())]),
    )  # fmt: skip
    whole = Orders(table, **NAMES).quality
    monkeypatch.setattr("userops.core.frames.morsels._ROWS", 3)
    for engine in ("pyarrow", "pandas-arrow", "duckdb", "polars"):
        orders = Orders(to_engine(table, engine), **NAMES)
        assert orders.quality == whole
        assert len(rows_of(orders.clean())) == 12 - len(bad)


def test_two_million_rows_of_which_one_is_bad() -> None:
    """The pieces of a large table are stacked, whatever is in them."""
    n = (1 << 20) * 2 + 10
    who = pa.array([None, *range(1, n)], pa.int64())
    table = pa.table({"who": who, "at": pa.nulls(n, pa.int64()).fill_null(0), "paid": who})
    audit = Orders(table, **NAMES, time_format="epoch_s").audit
    assert (audit.rows, audit.counted, audit.quarantined) == (n, n - 1, {"no_customer": 1})


@pytest.mark.parametrize(
    ("amount", "scale"),
    [("550.457302178", 9), ("8404304489.57", 2), ("-0.1", 1), ("0.000000001", 9)],
)
def test_decimals_are_read_to_the_nearest_float(amount: str, scale: int) -> None:
    """A decimal that fits its scale is taken on every engine, as it is in a row."""
    units = int(Decimal(amount).scaleb(scale))
    table = pa.table({"who": ["a"], "at": [DAY], "paid": pa.array([Decimal(amount)])})
    for engine in ENGINES:
        orders = Orders(to_engine(table, engine), **NAMES, scale=scale)
        assert orders.quality.purchased_minor_units == max(units, 0), engine
        assert orders.quality.returned_minor_units == min(units, 0), engine
    row = read_row(table.to_pylist()[0], OrderColumns(**NAMES, scale=scale))
    assert row.amount_minor_units == units


def test_no_rows_repeat_nothing() -> None:
    """An empty table with a look for repeats is empty, whatever its types."""
    for dtype in (pa.timestamp("us"), pa.timestamp("ns"), pa.date32()):
        schema = pa.schema([("who", pa.int64()), ("at", dtype), ("paid", pa.float64())])
        for engine in ("pyarrow", "pandas-numpy", "polars", "duckdb"):
            native = to_engine(schema.empty_table(), engine)
            assert Orders(native, **NAMES, duplicate_lines="quarantine").audit.rows == 0


def test_types_without_arithmetic_are_read_as_their_siblings() -> None:
    """Half floats and views of text are numbers and text."""
    halves = pa.table({"who": ["a"], "at": [DAY], "paid": pa.array([1.5], pa.float16())})
    views = pa.table({"who": ["a"], "at": [DAY], "paid": pa.array(["1.5"]).cast(pa.string_view())})
    for table in (halves, views):
        assert Orders(table, **NAMES).quality.purchased_minor_units == 150


@pytest.mark.parametrize("extra", [[b"\xff", b"x"], [dt.timedelta(1), dt.timedelta(2)]])
def test_repeats_beside_bytes_and_durations(extra: list[Any]) -> None:
    """Bytes and durations do not take part in the choice between repeats."""
    table = pa.table({"who": ["a"] * 2, "at": [DAY] * 2, "id": [1, 1], "x": extra})
    for engine in ENGINES:
        events = Events(
            to_engine(table, engine), customer_id="who", occurred_at="at", event_id="id",
            properties=("x",),
        )  # fmt: skip
        assert events.audit.quarantined == {"duplicate_event_id": 1}, engine
