"""What the bundled Online Retail lines hold, in every engine."""

import datetime as dt
from decimal import Decimal
from importlib.resources import files

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from userops.core.frames import read, to_arrow
from userops.datasets import load_online_retail
from userops.errors import InvalidArgumentError

LINES = 541_909
COLUMNS = {
    "InvoiceNo": pa.types.is_large_string,
    "StockCode": pa.types.is_large_string,
    "Description": pa.types.is_large_string,
    "Quantity": pa.types.is_int64,
    "InvoiceDate": lambda t: t == pa.timestamp("ms"),
    "UnitPrice": pa.types.is_float64,
    "CustomerID": pa.types.is_int64,
    "Country": pa.types.is_large_string,
}


@pytest.fixture(scope="module")
def lines() -> pa.Table:
    """Return the lines as an Arrow table."""
    return load_online_retail(backend="pyarrow")


def count(mask: pa.ChunkedArray) -> int:
    """Count the rows where a condition holds."""
    return int(pc.sum(mask.cast(pa.int64())).as_py())


def test_columns_keep_their_order_and_types(lines: pa.Table) -> None:
    """The columns come in the published order, with integer customers and times without a zone."""
    assert lines.column_names == list(COLUMNS)
    assert all(is_type(lines.schema.field(name).type) for name, is_type in COLUMNS.items())
    assert lines.schema.metadata is None


def test_size_and_period(lines: pa.Table) -> None:
    """There are 541,909 lines of 25,900 invoices and 4,372 customers over a year."""
    assert lines.num_rows == LINES
    assert pc.count_distinct(lines["InvoiceNo"]).as_py() == 25_900
    assert pc.count_distinct(lines["CustomerID"]).as_py() == 4_372
    assert pc.count_distinct(lines["Country"]).as_py() == 38
    assert pc.min_max(lines["InvoiceDate"]).as_py() == {
        "min": dt.datetime(2010, 12, 1, 8, 26),  # noqa: DTZ001 - the column has no zone
        "max": dt.datetime(2011, 12, 9, 12, 50),  # noqa: DTZ001
    }


def test_missing_customers_are_nulls(lines: pa.Table) -> None:
    """Unknown customers are nulls, and no number such as 0 or -1 stands for them."""
    assert lines["CustomerID"].null_count == 135_080
    assert pc.min_max(lines["CustomerID"]).as_py() == {"min": 12_346, "max": 18_287}


def test_peculiarities_are_as_documented(lines: pa.Table) -> None:
    """The counts in the docstring are the counts in the lines."""
    invoice, quantity, price = lines["InvoiceNo"], lines["Quantity"], lines["UnitPrice"]
    cancelled = pc.starts_with(invoice, "C")
    taken = pc.less(quantity, 0)
    write_off = pc.and_(taken, pc.invert(cancelled))

    assert count(cancelled) == 9_288
    assert pc.count_distinct(invoice.filter(cancelled)).as_py() == 3_836
    assert count(pc.and_(cancelled, pc.invert(taken))) == 0
    assert count(taken) == 10_624
    assert count(pc.equal(quantity, 0)) == 0
    assert count(write_off) == 1_336
    assert count(pc.equal(price.filter(write_off), 0)) == 1_336
    assert lines["CustomerID"].filter(write_off).null_count == 1_336
    assert count(pc.starts_with(invoice, "A")) == 3
    assert count(pc.equal(price, -11_062.06)) == 2
    assert count(pc.equal(price, 0)) == 2_515
    assert lines["Description"].null_count == 1_454
    assert count(pc.equal(lines["Description"], pc.utf8_trim_whitespace(lines["Description"]))) == (
        LINES - 1_454
    )
    assert count(pc.not_equal(lines["StockCode"], pc.utf8_upper(lines["StockCode"]))) == 1_977


def test_four_prices_have_three_decimals(lines: pa.Table) -> None:
    """Prices have at most three decimals, and four of them have three."""
    prices = pc.value_counts(lines["UnitPrice"]).to_pylist()
    decimals = [
        (-int(Decimal(repr(price["values"])).normalize().as_tuple().exponent), price["counts"])
        for price in prices
    ]

    assert max(digits for digits, _ in decimals) == 3
    assert sum(rows for digits, rows in decimals if digits == 3) == 4


def test_exact_duplicates(lines: pa.Table) -> None:
    """10,147 lines equal another one, and 5,268 would go if each were kept once."""
    # Grouping codes instead of text is several times faster.
    codes = pa.table(
        {
            name: lines[name].combine_chunks().dictionary_encode("encode").indices
            for name in lines.column_names
        }
    )
    groups = codes.group_by(codes.column_names).aggregate([([], "count_all")])
    size = groups["count_all"]

    assert LINES - groups.num_rows == 5_268
    assert pc.sum(size.filter(pc.greater(size, 1))).as_py() == 10_147


def test_invoices_with_two_times_and_customers_with_two_countries(lines: pa.Table) -> None:
    """43 invoices carry two times, and 8 customers two countries."""
    times = lines.group_by("InvoiceNo").aggregate([("InvoiceDate", "count_distinct")])
    known = lines.filter(pc.is_valid(lines["CustomerID"]))
    countries = known.group_by("CustomerID").aggregate([("Country", "count_distinct")])

    assert count(pc.greater(times["InvoiceDate_count_distinct"], 1)) == 43
    assert count(pc.greater(countries["Country_count_distinct"], 1)) == 8


@pytest.mark.parametrize("backend", ["pandas", "polars", "polars-lazy", "duckdb", "ibis"])
def test_every_engine_holds_the_same_lines(backend: str, lines: pa.Table) -> None:
    """Customers stay integers with nulls, and prices stay the same doubles, in each engine."""
    frame = read(load_online_retail(backend=backend)).frame
    table = to_arrow(frame.select("CustomerID", "UnitPrice", "Quantity"))

    assert pa.types.is_integer(table.schema.field("CustomerID").type)
    for name in ("CustomerID", "UnitPrice", "Quantity"):
        assert table[name].null_count == lines[name].null_count
        assert sorted_values(table[name]) == sorted_values(lines[name])


def sorted_values(column: pa.ChunkedArray) -> bytes:
    """Return the bytes of the known values in ascending order."""
    return np.sort(pc.drop_null(column).to_numpy()).tobytes()


def test_pandas_is_the_default_engine() -> None:
    """Without a backend the lines come as a pandas frame with an integer customer."""
    frame = load_online_retail()

    assert type(frame).__module__.startswith("pandas")
    assert str(frame["CustomerID"].dtype) == "Int64"


def test_unknown_engine_is_refused_with_the_nearest_name() -> None:
    """A misspelt backend is refused, and the error offers the one that was meant."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'polars'") as caught:
        load_online_retail(backend="polar")

    assert caught.value.argument == "backend"


def test_attribution_travels_with_the_data() -> None:
    """Author, source and licence stand beside the file and in the docstring."""
    beside = files("userops.datasets").joinpath("data/README.md").read_text(encoding="utf-8")

    for said in (beside, load_online_retail.__doc__ or ""):
        assert "Chen, D. (2015)" in said
        assert "no. 352" in said
        assert "CC BY 4.0" in said
