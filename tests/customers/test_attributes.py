"""Current and dated attributes: what holds as of an instant, on every engine and for one row."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.by_engine import Host

from userops.core import frames
from userops.core.time import as_of_us, zone
from userops.core.values import Day, value_of
from userops.customers import Attributes, Customer, Customers, DatedValue
from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.testing import installed_engines, rows_of

Rows = Sequence[tuple[Any, ...]]
SCHEMAS: dict[str, pa.DataType] = {
    "text": pa.string(), "number": pa.float64(), "whole": pa.int64(), "flag": pa.bool_(),
    "day": pa.date32(),
}  # fmt: skip
POOLS: dict[str, list[Any]] = {
    "text": ["", "a", "上海", "北京", "Z", "z", None],
    "number": [0.0, -1.5, float("inf"), 2.5, None],
    "whole": [0, -3, 2**53 + 1, None],
    "flag": [True, False, None],
    "day": [pd.Timestamp("1969-12-31").date(), pd.Timestamp("2024-02-29").date(), None],
}


def dated(rows: Rows, kind: str = "text") -> pa.Table:
    """Return rows of customer, name, value, start and end (microseconds) as a table."""
    types = {"who": pa.string(), "what": pa.string(), "is": SCHEMAS[kind], "at": pa.int64(),
             "to": pa.int64()}  # fmt: skip
    columns = list(zip(*rows, strict=True)) or [()] * 5
    return pa.table({n: pa.array(c, t) for (n, t), c in zip(types.items(), columns, strict=True)})


def attributes(native: Any, **named: Any) -> Attributes:
    """Return the table of `dated` with its columns named."""
    return Attributes(
        native, **{"customer_id": "who", "name": "what", "value": "is", "valid_from": "at",
                   "valid_until": "to", "time_format": "epoch_us"} | named
    )  # fmt: skip


def drawn(rng: random.Random, kind: str, n: int) -> list[tuple[Any, ...]]:
    """Return random rows with many ties and ends, some of which cannot count."""
    return [
        (rng.choice(["c1", "c2", "c3", "", None]), rng.choice(["x", "y", "名", " ", None]),
         rng.choice(POOLS[kind]), rng.choice([1, 2, 3, 5, 8, None]),
         rng.choice([None, None, 2, 4, 6, 9]))
        for _ in range(n)
    ]  # fmt: skip


def expected(rows: Rows, before: int) -> dict[str, dict[str, Any]]:
    """Say in plain Python which values hold as of an instant."""
    best: dict[tuple[str, str], tuple[Any, ...]] = {}
    for who, what, value, start, end in rows:
        if not who or not what or not what.strip() or start is None or start >= before:
            continue
        rank = (start, value is not None, value if value is not None else 0, end is None, end or 0)
        best[who, what] = max(best.get((who, what), rank), rank)
    found: dict[str, dict[str, Any]] = {}
    for (who, what), (_, known, value, endless, end) in best.items():
        if known and (endless or end >= before):
            found.setdefault(who, {})[what] = value_of(value, zone("UTC"))
    return found


def wide(values: dict[str, dict[str, Any]], names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the customers who have any of the names, as rows."""
    rows = [(who, *(mine.get(n) for n in names)) for who, mine in values.items()]
    return sorted(
        (row for row in rows if any(v is not None for v in row[1:])),
        key=lambda row: tuple((v is not None, str(type(v)), v) for v in row),
    )


class Careful:
    """The engines in this process, each given a table as a careful host would."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def check(self, case: Callable[[Any], Any], table: pa.Table) -> list[tuple[Any, ...]]:
        """Check that a case gives the same rows on every engine, and return them."""
        found = {
            engine: rows_of(case(self.host(table, engine)))
            for engine in installed_engines(with_spark=False)
        }
        for engine, rows in found.items():
            assert rows == found["pyarrow"], engine
        return found["pyarrow"]

    def check_all(
        self, cases: Mapping[str, Callable[[Any], Any]], table: pa.Table
    ) -> dict[str, list[tuple[Any, ...]]]:
        """Check several cases on the same data."""
        return {name: self.check(case, table) for name, case in cases.items()}


@pytest.fixture(scope="module")
def every(host: Host) -> Careful:
    """Return the engines in this process."""
    return Careful(host)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_values_are_those_of_plain_python(kind: str, every: Careful) -> None:
    """The value of each attribute as of each instant is what a loop over the rows says."""
    rows = drawn(random.Random(kind), kind, 60)
    names = ["x", "y", "名"]
    cases = {
        f"{before} {asked}": lambda native, before=before, asked=asked: (
            attributes(native).values_before(before, asked).to_native()
        )
        for before in (1, 3, 5, 10)
        for asked in (names, ["y"])
    }
    found = every.check_all(cases, dated(rows, kind))
    for before in (1, 3, 5, 10):
        for asked in (names, ["y"]):
            said = found[f"{before} {asked}"]
            assert said == wide(expected(rows, before), asked), (before, asked)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_one_customer_has_the_values_of_the_frame(kind: str) -> None:
    """A customer read from rows has, as of every instant, what the table says of him."""
    rows = [row for row in drawn(random.Random(kind), kind, 60) if row[0] == "c1"]
    plain = pd.Timestamp(0, tz="UTC")
    customer = Customer.from_rows("c1", {}, {}, attributes=[
        {"name": what, "value": value,
         "valid_from": None if start is None else plain + pd.Timedelta(start, "us"),
         "valid_until": None if end is None else plain + pd.Timedelta(end, "us")}
        for _, what, value, start, end in rows
    ])  # fmt: skip
    table = attributes(dated(rows, kind))
    known = table.of_customer("c1")
    assert known is not None
    of_table = Customer.from_normalised("c1", {}, {}, attributes=known)
    for before in range(12):
        said = expected(rows, before).get("c1", {})
        assert dict(customer.attributes_before(before)) == said
        assert dict(of_table.attributes_before(before)) == said
    assert len(customer.quarantine) == len(rows_of(table.quarantine))


def test_nothing_leaks_from_the_future(every: Careful) -> None:
    """As of an instant, a table says what the table cut off there says."""
    rows = drawn(random.Random(3), "text", 50)
    rows += [("c9", name, None, 0, None) for name in ("x", "y")]  # so that both names are known
    for before in (2, 6):
        cut = [row for row in rows if row[3] is None or row[3] < before]
        asked = ["x", "y"]
        found = every.check(
            lambda native, before=before: (  # type: ignore[misc]
                attributes(native).values_before(before, ["x", "y"]).to_native()
            ),
            dated(rows),
        )
        alone = attributes(dated(cut)).values_before(before, asked).to_native()
        assert found == rows_of(alone)


def test_when_a_value_holds() -> None:
    """It holds after its start, up to and at its end, until another row; null ends it."""
    rows = [("a", "x", "one", 10, 20), ("a", "x", "two", 30, None), ("a", "x", None, 40, None)]
    table = attributes(dated(rows))
    held = {t: frames.to_rows(table.values_before(t, ["x"])) for t in (10, 11, 20, 21, 31, 41)}
    assert {t: [r["x"] for r in found] for t, found in held.items()} == {
        10: [], 11: ["one"], 20: ["one"], 21: [], 31: ["two"], 41: [],
    }  # fmt: skip


def test_of_equal_instants_the_greatest_value_counts(every: Careful) -> None:
    """Text is compared by code point, null is the lowest, and of equal values one lasts."""
    rows = [("a", "x", "z", 1, None), ("a", "x", "é", 1, None), ("a", "x", None, 1, None),
            ("b", "x", "Z", 1, None), ("b", "x", "a", 1, None),
            ("c", "x", "a", 1, 2), ("c", "x", "a", 1, 9), ("c", "x", "A", 1, None),
            ("d", "x", None, 1, None), ("e", "x", "𠮷", 1, None),
            ("e", "x", "豈", 1, None)]  # fmt: skip
    found = every.check(
        lambda native: attributes(native).values_before(5, ["x"]).to_native(), dated(rows)
    )
    assert found == [("a", "é"), ("b", "a"), ("c", "a"), ("e", "𠮷")]


def test_rows_that_cannot_count_are_told(every: Careful) -> None:
    """Rows without customer, name or readable time are kept aside with their reason."""
    table = pa.table({
        "customer_id": ["", "a", "a", "a", "a", "a"],
        "name": ["x", None, "x", "x", "x", "x"],
        "value": ["1", "2", "3", "4", "5", "6"],
        "valid_from": ["2024-01-01", "2024-01-01", None, "2024-02-30", "2024-01-01", "2024-01-02"],
        "valid_until": [None, None, None, None, "never", ""],
    })  # fmt: skip
    found = every.check_all(
        {
            "bad": lambda native: Attributes(native, valid_until="valid_until").quarantine,
            "good": lambda native: (
                Attributes(native, valid_until="valid_until")
                .values_before(2**60, ["x"])
                .to_native()
            ),
        },
        table,
    )
    assert sorted((row[2], row[-1]) for row in found["bad"]) == [
        ("1", "no_customer"), ("2", "no_name"), ("3", "no_time"), ("4", "unreadable_time"),
        ("5", "unreadable_valid_until"),
    ]  # fmt: skip
    assert found["good"] == [("a", "6")]
    customer = Customer.from_rows("a", {}, {}, attributes=[
        {k: v for k, v in row.items() if k != "customer_id"} for row in table.to_pylist()[1:]
    ])  # fmt: skip
    assert [row.reason for row in customer.quarantine] == [row[-1] for row in found["bad"]][1:]
    assert dict(customer.attributes_before(2**60)) == {"x": "6"}


def test_names_and_kinds_are_asked_once(every: Careful) -> None:
    """The names are those of counted rows, in order; one table has one kind."""
    for native in (dated(drawn(random.Random(1), "day", 60), "day"), dated([])):
        table = attributes(native)
        assert table.names == (("x", "y", "名") if native.num_rows else ())
        assert set(table.kinds.values()) <= {"day"}
        assert table.names is table.names
    with pytest.raises(InvalidArgumentError, match="did you mean 'city'"):
        attributes(dated([("a", "city", "", 1, None)])).values_before(1, ["citty"])


def test_current_attributes_are_columns(every: Careful) -> None:
    """A table of customers gives its columns, normalised, for every instant."""
    table = pa.table({
        "id": pa.array([1, 2, None]),
        "city": ["上海", None, "lost"],
        "age": [30, None, 1],
        "born": pa.array([pd.Timestamp("1990-01-02").date(), None, None]),
        "vip": [True, False, None],
    })  # fmt: skip
    for before in (-(2**62), 2**62):
        found = every.check(
            lambda native, before=before: (  # type: ignore[misc]
                Customers(native, customer_id="id")
                .values_before(before, ["city", "born", "vip"])
                .to_native()
            ),
            table,
        )
        assert found == [(1, "上海", 7306, True), (2, None, None, False)]
    customers = Customers(table, customer_id="id", attributes=("city", "born"))
    assert customers.names == ("city", "born")
    assert customers.kinds == {"city": "text", "born": "day"}
    assert customers.of_customer(1) == (DatedValue("city", "上海"), DatedValue("born", Day(7306)))
    assert customers.of_customer(3) is None
    assert rows_of(customers.customer_ids(0).to_native()) == [(1,), (2,)]


def test_a_customer_with_two_rows_is_refused_on_first_use(every: Careful) -> None:
    """Two rows of one customer would contradict each other, so they are counted and refused."""
    table = pa.table({"customer_id": ["a", "a", "b", "c", "c", "c", None, None], "x": [1] * 8})

    def case(native: Any) -> Any:
        customers = Customers(native)
        with pytest.raises(DataError, match="2 customers have several rows, 5 in all") as caught:
            customers.values_before(0, ["x"])
        assert caught.value.hint is not None
        assert "Attributes" in caught.value.hint
        return native

    every.check(case, table)


def test_naive_times_are_read_in_the_zone(every: Careful) -> None:
    """Starts, ends and values that are naive are read in the zone that the table names."""
    table = pa.table({
        "customer_id": [1], "name": ["seen"], "value": pa.array([pd.Timestamp("1970-01-01 08:00")]),
        "valid_from": [pd.Timestamp("1970-01-01 08:00")],
        "valid_until": [pd.Timestamp("1970-01-01 09:00")],
    })  # fmt: skip
    cases = {
        str(t): lambda native, t=t: (
            Attributes(native, valid_until="valid_until", time_zone="Asia/Shanghai")
            .values_before(t, ["seen"]).to_native()
        )
        for t in (0, 1, 3_600_000_000, 3_600_000_001)
    }  # fmt: skip
    found = every.check_all(cases, table)
    assert list(found.values()) == [[], [(1, 0)], [(1, 0)], []]


@pytest.mark.parametrize(
    ("named", "error", "said"),
    [
        ({"customer_id": "hwo"}, ColumnNotFoundError, "did you mean 'who'"),
        ({"name": "waht"}, ColumnNotFoundError, r"\(for name\)"),
        ({"valid_from": "form"}, ColumnNotFoundError, r"\(for valid_from\)"),
        ({"valid_until": "until"}, ColumnNotFoundError, r"\(for valid_until\)"),
        ({"name": "at"}, ColumnTypeError, "cannot name attributes"),
        ({"valid_from": "is"}, ColumnTypeError, "time_format|cannot be read as a time"),
        ({"time_format": None}, ColumnTypeError, "cannot be read as a time"),
        ({"time_zone": "Asia/Shanghia"}, InvalidArgumentError, "Shanghai"),
        ({"customer_id": "is"}, ColumnTypeError, "floats, which cannot be ids"),
    ],
)
def test_bad_tables_of_dated_attributes_are_refused(named: Any, error: Any, said: str) -> None:
    """Missing columns and unusable types are refused at construction, by name."""
    with pytest.raises(error, match=said):
        attributes(dated([("a", "x", 1.0, 1, None)], "number"), **named)


@pytest.mark.parametrize(
    ("table", "named", "error", "said"),
    [
        ({"id": [1.0], "x": [1]}, {"customer_id": "id"}, ColumnTypeError, "floats"),
        ({"id": [1], "x": [[1]]}, {"customer_id": "id"}, ColumnTypeError, "'x' has a type"),
        ({"id": [1], "x": [1]}, {}, ColumnNotFoundError, "'customer_id'"),
        ({"customer_id": [1], "x": [1]}, {"attributes": ("y",)}, ColumnNotFoundError, "'y'"),
        ({"customer_id": [1], "x": [1]}, {"attributes": "x"}, InvalidDefinitionError, "several"),
        ({"customer_id": [1], "x": [1]}, {"attributes": ["x", "x"]}, InvalidDefinitionError,
         "twice"),
        ({"id": [1], "customer_id": [1]}, {"customer_id": "id"}, InvalidDefinitionError, "mean"),
        ({"customer_id": [1], "userops__x": [1]}, {}, InvalidArgumentError, "are ours"),
    ],
)  # fmt: skip
def test_bad_tables_of_customers_are_refused(table: Any, named: Any, error: Any, said: str) -> None:
    """Missing columns, unusable types and doubtful names are refused at construction."""
    with pytest.raises(error, match=said):
        Customers(pa.table(table), **named)


def test_names_that_sql_cannot_tell_apart_are_refused() -> None:
    """Attributes that differ by case alone cannot stand in one frame, nor beside the id."""
    rows = [("a", n, "1", 1, None) for n in ("City", "city", "customer_id")]
    table = attributes(dated(rows))
    assert frames.to_rows(table.values_before(2, ["City"])) == [{"customer_id": "a", "City": "1"}]
    for names in (["City", "city"], ["customer_id"]):
        with pytest.raises(DataError, match="cannot stand beside"):
            table.values_before(2, names)


def test_a_customer_gets_more_attributes() -> None:
    """`with_attributes` leaves the customer alone; current values yield to dated ones."""
    before = Customer.from_rows("a", {}, {}, attributes={"city": "上海", "age": 30, "no": None})
    after = before.with_attributes(
        [{"name": "city", "value": "北京", "valid_from": "1970-01-02", "customer_id": "a"}]
    )
    day = 86_400_000_000
    assert dict(before.attributes_before(2 * day)) == {"city": "上海", "age": 30}
    assert dict(after.attributes_before(2 * day)) == {"city": "北京", "age": 30}
    assert dict(after.attributes_before(day)) == {"city": "上海", "age": 30}
    assert after.attributes_before(day) is after.attributes_before(day)
    assert repr(after) == "Customer('a', attributes=3)"
    assert not Customer.from_rows("a", {}, {}).attributes_before(day)
    with pytest.raises(TypeError):
        after.attributes_before(day)["city"] = "x"  # type: ignore[index]


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ("city", InvalidArgumentError, "must map names"),
        ([{"name": "x", "value": 1, "valid_form": "2024-01-01"}], InvalidArgumentError,
         "did you mean 'valid_from'"),
        ([{"name": "x", "value": 1}], ColumnNotFoundError, "'valid_from'"),
        ([{"name": "x", "value": 1, "valid_from": "2024-01-01", "customer_id": "b"}],
         InvalidArgumentError, "another customer"),
        ([{"name": "x", "value": v, "valid_from": "2024-01-01"} for v in (1, "1")],
         InvalidArgumentError, "text in one row"),
        ({"x": [1]}, ColumnTypeError, "cannot be used"),
        ({1: "x"}, ColumnTypeError, "cannot name"),
        ([{"name": 1, "value": 1, "valid_from": "2024-01-01"}], ColumnTypeError, "cannot name"),
    ],
)  # fmt: skip
def test_bad_rows_of_attributes_are_refused(given: Any, error: Any, said: str) -> None:
    """Unknown keys, other people's rows and unusable values are refused by name."""
    with pytest.raises(error, match=said):
        Customer.from_rows("a", {}, {}, attributes=given)
    if isinstance(given, dict):
        with pytest.raises(InvalidArgumentError, match="dated rows"):
            Customer.from_rows("a", {}, {}).with_attributes(given)  # type: ignore[arg-type]


def test_the_end_is_read_where_there_is_one_unless_told_otherwise() -> None:
    """A column `valid_until` ends rows without being named; None leaves it out."""
    table = pa.table({
        "customer_id": ["a"], "name": ["city"], "value": ["上海"],
        "valid_from": ["2024-01-01"], "valid_until": ["2024-02-01"],
    })  # fmt: skip

    for held, expected in (
        (Attributes(table), []),
        (Attributes(table).in_zone("Asia/Shanghai"), []),
        (Attributes(table, valid_until=None), [("a", "上海")]),
        (Attributes(table, valid_until=None).in_zone("Asia/Shanghai"), [("a", "上海")]),
        (Attributes(table.drop_columns(["valid_until"])), [("a", "上海")]),
    ):
        assert (
            held.values_before(as_of_us("2024-03-01", zone("UTC")), ["city"]).collect().rows()
            == expected
        )
    with pytest.raises(ColumnNotFoundError, match="'valid_until'"):
        Attributes(table.drop_columns(["valid_until"]), valid_until="valid_until")
