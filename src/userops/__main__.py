"""The command line, thin over the library: `python -m userops rfm FILE …`."""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from userops import __version__
from userops.errors import EmptyHistoryError, InvalidArgumentError, MissingExtraError, UserOpsError

if TYPE_CHECKING:
    from userops.events import Orders
    from userops.segmentation import FittedRFM

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
_OPTIONS = {"pattern": "return-pattern", "column": "return-column"}
_EXAMPLE = """\
examples:
  python -m userops rfm                       the bundled Online Retail data
  python -m userops rfm orders.csv --customer-id user --order-id no --ordered-at paid_at \\
      --amount total --time-zone Asia/Shanghai --locale zh --out report
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 the data said no."""
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a letter shows a ?
    try:
        _rfm(chosen)
    except UserOpsError as error:
        name = getattr(error, "argument", None) or getattr(error, "field", None) or ""
        option = _OPTIONS.get(name, name.replace("_", "-"))
        said = str(error).replace(f"{name}:", f"--{option}:", 1) if name else error
        print(f"userops: {said}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has seen enough; what is still buffered goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="userops", description=__doc__)
    parser.add_argument("--version", action="version", version=f"userops {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    rfm = commands.add_parser(
        "rfm",
        help="score and segment the customers of an order file",
        description="Read orders, clean them, score and segment the customers, draw charts.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rfm.add_argument("file", nargs="?", help="CSV or Parquet; without it the bundled data")
    columns = rfm.add_argument_group("columns of the file")
    for role in _ROLES:
        columns.add_argument(f"--{role}", metavar="COLUMN")
    meaning = rfm.add_argument_group("how to read it")
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
    model = rfm.add_argument_group("the model")
    model.add_argument("--returns", choices=("net", "separate", "ignore"), default="net")
    model.add_argument(
        "--as-of",
        help="exclusive end; default: the day after the last row that counts",
    )
    model.add_argument("--cut-points", choices=("linear", "ntile"), default="linear")
    model.add_argument("--segments", choices=("classic", "eight"), default="classic")
    model.add_argument("--locale", choices=("en", "zh"), default="en")
    output = rfm.add_argument_group("output")
    output.add_argument("--out", type=Path, default=Path("userops_rfm"), metavar="DIR")
    output.add_argument("--format", choices=("csv", "parquet"), default="csv")
    output.add_argument("--no-charts", action="store_true")
    return parser


def _rfm(chosen: argparse.Namespace) -> None:
    from userops.customers import History
    from userops.segmentation import RFM, Linear, NTile, classic, eight

    _check_early(chosen)
    orders = _orders(chosen)
    print(f"{orders.quality}\n")
    as_of = chosen.as_of or _day_after(orders)
    cut = NTile(5) if chosen.cut_points == "ntile" else Linear(5)
    segments = eight() if chosen.segments == "eight" else classic()
    model = RFM(recency=cut, frequency=cut, monetary=cut, segments=segments, locale=chosen.locale)
    fitted = model.fit(History(orders, returns=chosen.returns), as_of=as_of)
    print(f"{fitted}\n")
    print(_as_text(fitted.segments()))
    _make_folder(chosen.out.parent)
    # Everything is written aside and moved at the end: a failure leaves no half of a report.
    with tempfile.TemporaryDirectory(dir=chosen.out.parent, prefix=".userops-") as aside:
        _write(Path(aside), orders, fitted, chosen)
        _make_folder(chosen.out)
        files = sorted(Path(aside).iterdir())
        for place in (chosen.out / file.name for file in files):
            if place.is_dir():
                raise InvalidArgumentError("out", "has a folder in a file's place", got=str(place))
        for file in files:
            shutil.move(file, chosen.out / file.name)
            print(f"wrote {chosen.out / file.name}")


def _check_early(chosen: argparse.Namespace) -> None:
    """Refuse what can be known to fail before a large file is read."""
    from userops.core.time import as_of_us, zone

    where = zone(chosen.time_zone or "UTC")
    if chosen.as_of is not None:
        as_of_us(chosen.as_of, where)
    existing = next(p for p in (chosen.out, *chosen.out.absolute().parents) if p.exists())
    if not existing.is_dir():
        raise InvalidArgumentError("out", "cannot be a directory", got=f"{existing} is a file")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidArgumentError(
            "out", "cannot be a directory", got=f"{folder} ({error.strerror})"
        ) from error


def _orders(chosen: argparse.Namespace) -> Orders:
    from userops.core.files import read_file
    from userops.events import ByColumn, ByOrderId, Orders

    options = ("scale", "currency", "rounding", "time_zone", "time_format", "duplicate_lines")
    named: dict[str, Any] = {
        name: getattr(chosen, name)
        for name in (*(role.replace("-", "_") for role in _ROLES), *options)
        if getattr(chosen, name) is not None
    }
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
    return Orders(table, **named)


def _day_after(orders: Orders) -> dt.date:
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


def _as_text(table: Any) -> str:
    """Set a small table as aligned text; wide letters take two columns."""
    from unicodedata import east_asian_width

    def width(text: str) -> int:
        return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)

    def said(name: str, value: object) -> str:
        if value is None:
            return "–"
        if isinstance(value, float):
            return f"{value:.1%}" if name.endswith("share") else f"{value:,.1f}"
        return f"{value:,}" if isinstance(value, int) else str(value)

    names = table.column_names
    rows = [names, *([said(n, r[n]) for n in names] for r in table.to_pylist())]
    widths = [max(width(row[i]) for row in rows) for i in range(len(names))]
    lines = []
    for row in rows:
        cells = [" " * (w - width(cell)) + cell for cell, w in zip(row, widths, strict=True)]
        cells[0] = row[0] + " " * (widths[0] - width(row[0]))
        lines.append("  ".join(cells))
    return "\n".join(lines) + "\n"


def _write(aside: Path, orders: Orders, fitted: FittedRFM, chosen: argparse.Namespace) -> None:
    from userops.core.files import write_table

    tables = {
        "customers": fitted.score().sort_by("customer_id"),
        "segments": fitted.segments(),
        "quarantine": orders.quarantine,
    }
    for name, table in tables.items():
        write_table(table, aside / f"{name}.{chosen.format}")
    (aside / "quality.txt").write_text(f"{orders.quality}\n", encoding="utf-8")
    model = json.dumps(fitted.to_dict(), ensure_ascii=False, indent=2)
    (aside / "model.json").write_text(model + "\n", encoding="utf-8")
    if not chosen.no_charts:
        try:
            _draw(aside, orders, fitted, chosen.locale)
        except MissingExtraError as error:
            print(f"no charts: {error}", file=sys.stderr)


def _draw(aside: Path, orders: Orders, fitted: FittedRFM, locale: Any) -> None:
    from userops.charts.axes import require_matplotlib
    from userops.events import plot_orders
    from userops.segmentation import plot_rfm_grid, plot_segments

    require_matplotlib()
    from matplotlib import pyplot

    charts = {
        "rfm_grid": plot_rfm_grid(fitted.score(), locale=locale),
        "segments": plot_segments(fitted.segments(), locale=locale),
        "revenue": plot_orders(orders, locale=locale),
        "orders": plot_orders(orders, measure="orders", locale=locale),
    }
    for name, ax in charts.items():
        figure = ax.get_figure(root=True)
        assert figure is not None  # a new one for each chart
        figure.savefig(aside / f"{name}.png", dpi=144, bbox_inches="tight")
        pyplot.close(figure)


if __name__ == "__main__":
    sys.exit(main())
