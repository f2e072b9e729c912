"""`python -m userops rfm`: score and segment the customers of an order file."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from userops.command_line.options import (
    add_input,
    add_model,
    add_output,
    as_of_of,
    check_early,
    read_orders,
)
from userops.command_line.report import as_text, draw_charts, write_report

if TYPE_CHECKING:
    from userops.events import Orders
    from userops.segmentation import FittedRFM

__all__ = ["add_rfm"]

_ROW = "userops__row"
_EXAMPLE = """\
examples:
  python -m userops rfm                       the bundled Online Retail data
  python -m userops rfm orders.csv --customer-id user --order-id no --ordered-at paid_at \\
      --amount total --time-zone Asia/Shanghai --locale zh --out report
"""


def add_rfm(commands: Any) -> None:
    """Add the command to a parser's subparsers."""
    rfm = commands.add_parser(
        "rfm",
        help="score and segment the customers of an order file",
        description="Read orders, clean them, score and segment the customers, draw charts.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input(rfm)
    model = add_model(rfm, "the model")
    model.add_argument("--cut-points", choices=("linear", "ntile"), default="linear")
    model.add_argument("--segments", choices=("classic", "eight"), default="classic")
    model.add_argument("--locale", choices=("en", "zh"), default="en")
    model.add_argument(
        "--value-weeks", type=int, metavar="N",
        help="add what customers are worth within so many weeks, by BG/NBD and Gamma-Gamma",
    )  # fmt: skip
    add_output(rfm, "userops_rfm")
    rfm.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> None:
    from userops.customers import History
    from userops.segmentation import RFM, Linear, NTile, classic, eight

    check_early(chosen)
    orders = read_orders(chosen)
    print(f"{orders.quality}\n")
    cut = NTile(5) if chosen.cut_points == "ntile" else Linear(5)
    segments = eight() if chosen.segments == "eight" else classic()
    model = RFM(recency=cut, frequency=cut, monetary=cut, segments=segments, locale=chosen.locale)
    as_of = as_of_of(chosen, orders)
    fitted = model.fit(History(orders, returns=chosen.returns), as_of=as_of)
    print(f"{fitted}\n")
    tables = {"customers": fitted.score().sort_by("customer_id"), "segments": fitted.segments()}
    if chosen.value_weeks is not None:
        tables = _with_value(tables, orders, as_of, chosen.value_weeks)
    print(as_text(tables["segments"]))
    write_report(chosen.out, lambda aside: _write(aside, orders, fitted, tables, chosen))


def _with_value(tables: dict[str, Any], orders: Orders, as_of: Any, weeks: int) -> dict[str, Any]:
    """Add to customers and segments whether they still buy, and what they are worth."""
    from userops.segmentation import worth_by_segment
    from userops.value import CustomerValue, transaction_summary

    summary = transaction_summary(orders, as_of)
    value = CustomerValue(horizon_weeks=weeks).fit(summary)
    print(f"{value}\n")
    worth = value.score(summary)
    by_segment = worth_by_segment(tables["customers"], worth)
    return {
        "customers": _beside(tables["customers"], worth, "customer_id", ["p_alive", "clv"]),
        "segments": _beside(
            tables["segments"], by_segment, "segment", ["p_alive", "clv", "clv_share"]
        ),
    }


def _beside(table: Any, more: Any, key: str, columns: list[str]) -> Any:
    """Add columns of another table to the rows of the same key; null where there is none."""
    numbered = table.append_column(_ROW, [range(table.num_rows)])
    joined = numbered.join(more.select([key, *columns]), key, join_type="left outer")
    return joined.sort_by(_ROW).drop_columns([_ROW])


def _write(
    aside: Path, orders: Orders, fitted: FittedRFM, tables: dict[str, Any],
    chosen: argparse.Namespace,
) -> None:  # fmt: skip
    from userops.core.files import write_table

    tables = {**tables, "quarantine": orders.quarantine}
    for name, table in tables.items():
        write_table(table, aside / f"{name}.{chosen.format}")
    (aside / "quality.txt").write_text(f"{orders.quality}\n", encoding="utf-8")
    model = json.dumps(fitted.to_dict(), ensure_ascii=False, indent=2)
    (aside / "model.json").write_text(model + "\n", encoding="utf-8")
    if not chosen.no_charts:
        _draw(aside, orders, fitted, chosen.locale)


def _draw(aside: Path, orders: Orders, fitted: FittedRFM, locale: Any) -> None:
    from userops.events import plot_orders
    from userops.segmentation import plot_rfm_grid, plot_segments

    draw_charts(
        aside,
        {
            "rfm_grid": lambda: plot_rfm_grid(fitted.score(), locale=locale),
            "segments": lambda: plot_segments(fitted.segments(), locale=locale),
            "revenue": lambda: plot_orders(orders, locale=locale),
            "orders": lambda: plot_orders(orders, measure="orders", locale=locale),
        },
    )
