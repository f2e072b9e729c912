"""Options that commands share: the file, its columns, how to read it, and where output goes."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from userops.errors import EmptyHistoryError, InvalidArgumentError

if TYPE_CHECKING:
    from userops.events import Orders

__all__ = [
    "OPTIONS",
    "add_input",
    "add_model",
    "add_output",
    "as_of_of",
    "check_early",
    "read_orders",
]

_ROLES = [
    "customer-id",
    "order-id",
    "ordered-at",
    "amount",
    "quantity",
    "unit-price",
    "product-id",
    "event-id",
    "return-of",
]
_BUNDLED: dict[str, Any] = {
    "customer_id": "CustomerID",
    "order_id": "InvoiceNo",
    "ordered_at": "InvoiceDate",
    "quantity": "Quantity",
    "unit_price": "UnitPrice",
    "product_id": "StockCode",
    "time_zone": "Europe/London",
    "scale": 3,
    "currency": "GBP",
}
# Options that are called otherwise than what they set.
OPTIONS = {"pattern": "return-pattern", "column": "return-column", "properties": "preference"}


def add_input(command: argparse.ArgumentParser) -> None:
    """Add the file, the columns of its roles, and how to read them."""
    command.add_argument("file", nargs="?", help="CSV or Parquet; without it the bundled data")
    columns = command.add_argument_group("columns of the file")
    for role in _ROLES:
        columns.add_argument(f"--{role}", metavar="COLUMN")
    meaning = command.add_argument_group("how to read it")
    meaning.add_argument("--scale", type=int, help="decimals of the money (default 2)")
    meaning.add_argument("--currency", help="ISO 4217 code, for reports")
    meaning.add_argument("--rounding", choices=("half_even", "half_up"))
    meaning.add_argument("--time-zone", help="IANA zone of naive times and of days (default UTC)")
    meaning.add_argument("--time-format", help="such as %%d/%%m/%%Y %%H:%%M, or epoch_s")
    meaning.add_argument("--encoding", default="utf-8", help="of a CSV file (default utf-8)")
    meaning.add_argument(
        "--delimiter", default=",", help="of a CSV file (default comma); \\t for a tab"
    )
    meaning.add_argument(
        "--duplicate-lines", choices=("keep", "quarantine"), help="exact duplicates (default keep)"
    )
    meaning.add_argument("--return-pattern", help="order ids of returns, such as ^C")
    meaning.add_argument("--return-column", help="column that says whether a row is a return")


def add_model(command: argparse.ArgumentParser, title: str) -> argparse._ArgumentGroup:
    """Add how returns count and up to when history does, and return the group for more."""
    model = command.add_argument_group(title)
    model.add_argument("--returns", choices=("net", "separate", "ignore"), default="net")
    model.add_argument(
        "--as-of",
        help="exclusive end; default: the day after the last row that counts",
    )
    return model


def add_output(command: argparse.ArgumentParser, folder: str) -> None:
    """Add where the report goes, and in which form."""
    output = command.add_argument_group("output")
    output.add_argument("--out", type=Path, default=Path(folder), metavar="DIR")
    output.add_argument("--format", choices=("csv", "parquet"), default="csv")
    output.add_argument("--no-charts", action="store_true")


def check_early(chosen: argparse.Namespace) -> None:
    """Refuse what can be known to fail before a large file is read."""
    from userops.core.time import as_of_us, zone

    where = zone(chosen.time_zone or "UTC")
    if chosen.as_of is not None:
        as_of_us(chosen.as_of, where)
    existing = next(p for p in (chosen.out, *chosen.out.absolute().parents) if p.exists())
    if not existing.is_dir():
        raise InvalidArgumentError("out", "cannot be a directory", got=f"{existing} is a file")


def read_orders(chosen: argparse.Namespace, *, texts: tuple[str, ...] | None = None) -> Orders:
    """Return the orders of the file, or of the bundled shop.

    Args:
        chosen: The options of `add_input`.
        texts: Further columns to carry along. They and the product are read as text; None carries
            nothing along and leaves the product as it is.
    """
    from userops.core.files import read_file
    from userops.events import ByColumn, ByOrderId, Orders

    options = ("scale", "currency", "rounding", "time_zone", "time_format", "duplicate_lines")
    named: dict[str, Any] = {
        name: getattr(chosen, name)
        for name in (*(role.replace("-", "_") for role in _ROLES), *options)
        if getattr(chosen, name) is not None
    }
    if texts:
        named["properties"] = texts
    if chosen.return_pattern is not None:
        named["returns_by"] = ByOrderId(chosen.return_pattern)
    if chosen.return_column is not None:
        named["returns_by"] = ByColumn(chosen.return_column)
    if chosen.file is None:
        from userops.datasets import load_online_retail

        returns_by = {"returns_by": ByOrderId("^C")}
        return Orders(load_online_retail(backend="pyarrow"), **{**_BUNDLED, **returns_by, **named})
    delimiter = chosen.delimiter.replace("\\t", "\t")
    table = read_file(chosen.file, encoding=chosen.encoding, delimiter=delimiter)
    if texts is not None:
        table = _as_texts(table, (*texts, chosen.product_id))
    return Orders(table, **named)


def _as_texts(table: Any, columns: tuple[str | None, ...]) -> Any:
    """Return an Arrow table in which some columns are text; names that it has not are left out."""
    for column in columns:
        if column in table.column_names:
            place = table.column_names.index(column)
            table = table.set_column(place, column, table[column].cast("string"))
    return table


def as_of_of(chosen: argparse.Namespace, orders: Orders) -> str | dt.date:
    """Return the exclusive end that was asked for, or the day after the last row that counts."""
    if chosen.as_of is not None:
        return str(chosen.as_of)
    last = orders.quality.last_us
    if not orders.quality.rows:
        raise EmptyHistoryError("the file has no rows", hint="it holds a line of names alone")
    if last is None:
        raise InvalidArgumentError(
            "as_of", "is needed, because no row could be counted",
            hint="the report above says why: check the columns that were named",
        )  # fmt: skip
    day = orders.columns.zone.day(last) + 1
    try:
        return dt.date(1970, 1, 1) + dt.timedelta(days=day)
    except OverflowError as error:
        raise InvalidArgumentError(
            "as_of", "is needed, because the last order is of the last day that there is",
            got=f"{orders.quality.last_at}", hint="a date such as 9999-12-31 often means 'never'",
        ) from error  # fmt: skip
