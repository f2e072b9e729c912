"""`python -m userops tags`: give the customers of an order file a ready set of tags."""

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
from userops.errors import EmptyHistoryError

if TYPE_CHECKING:
    from userops.customers import Customer, History
    from userops.segmentation import FittedTagSet, Memberships

__all__ = ["add_tags"]

_EXAMPLE = """\
examples:
  python -m userops tags                      the bundled Online Retail data
  python -m userops tags orders.csv --customer-id user --order-id no --ordered-at paid_at \\
      --amount total --preference channel --locale zh --out report
"""
_BUNDLED = ("Country",)
# Of tags whose values are looked up, so many are printed; the file has all of them.
_MOST_VALUES = 5


def add_tags(commands: Any) -> None:
    """Add the command to a parser's subparsers."""
    tags = commands.add_parser(
        "tags",
        help="give the customers of an order file a ready set of tags",
        description="Read orders, clean them, tag the customers, explain one of them.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_input(tags)
    model = add_model(tags, "the tags")
    model.add_argument(
        "--preference", action="append", default=[], metavar="COLUMN",
        help="text column whose most frequent value becomes a tag; may be repeated",
    )  # fmt: skip
    model.add_argument("--locale", choices=("en", "zh"), default="en")
    model.add_argument(
        "--customer", metavar="ID", help="who is explained; default: the one with most tags"
    )
    add_output(tags, "userops_tags")
    tags.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> None:
    from userops.customers import History
    from userops.segmentation import shop_tags

    check_early(chosen)
    columns = tuple(dict.fromkeys(chosen.preference))
    if chosen.file is None and not columns:
        columns = _BUNDLED
    orders = read_orders(chosen, texts=columns)
    print(f"{orders.quality}\n")
    as_of = as_of_of(chosen, orders)
    history = History(orders, returns=chosen.returns)
    products = ("product_id",) if orders.columns.product_id is not None else ()
    tags = shop_tags(preferences=(*products, *columns), locale=chosen.locale)
    fitted = tags.fit(history, as_of)
    assignments = fitted.assign(history, as_of)
    if not assignments.num_rows:
        raise EmptyHistoryError("no customer has an 'order' before as_of", got=str(as_of))
    counts = fitted.preview(history, as_of)
    sets = _sets(fitted, assignments, history, as_of)
    print(as_text(_shortened(counts, fitted)))
    customer = _customer(chosen.customer, history, sets)
    explained = _explained(fitted, customer, as_of, chosen.locale)
    print(explained)

    def write(aside: Path) -> None:
        from userops.core.files import write_table

        ordered = assignments.sort_by([("customer_id", "ascending"), ("tag", "ascending")])
        write_table(ordered, aside / f"tags.{chosen.format}")
        write_table(counts, aside / f"tag_counts.{chosen.format}")
        write_table(orders.quarantine, aside / f"quarantine.{chosen.format}")
        (aside / "quality.txt").write_text(f"{orders.quality}\n", encoding="utf-8")
        (aside / "tag_explanation.txt").write_text(explained, encoding="utf-8")
        definition = json.dumps(fitted.to_dict(), ensure_ascii=False, indent=2)
        (aside / "tag_set.json").write_text(definition + "\n", encoding="utf-8")
        if not chosen.no_charts:
            draw = {"tag_overlap": lambda: sets.plot_upset(locale=chosen.locale)}
            draw_charts(aside, draw)

    write_report(chosen.out, write)


def _sets(fitted: FittedTagSet, assignments: Any, history: History, as_of: Any) -> Memberships:
    """Return the tags that rules give as sets; preferences have too many values to be any."""
    from userops.segmentation import Memberships

    everybody = fitted.assign(history, as_of, form="wide").select(["customer_id"])
    sets = Memberships.from_long(assignments, value="value", customers=everybody)
    ruled = [tag.name for tag in fitted.tags if tag.rules]
    names = [n for n in sets.names if any(n == tag or n.startswith(f"{tag}=") for tag in ruled)]
    return sets.select(*names)


def _shortened(counts: Any, fitted: FittedTagSet) -> Any:
    """Leave out the rare values of preferences, of which there may be thousands."""
    looked_up = {tag.name for tag in fitted.tags if not tag.rules}
    seen: dict[str, int] = {}
    kept = []
    for tag in counts["tag"].to_pylist():
        seen[tag] = seen.get(tag, 0) + 1
        kept.append(tag not in looked_up or seen[tag] <= _MOST_VALUES)
    return counts.take([place for place, is_kept in enumerate(kept) if is_kept])


def _customer(wanted: str | None, history: History, sets: Memberships) -> Customer:
    """Return the customer with that id, or the one in most sets, of several the smallest id."""
    import numpy as np

    if wanted is None:
        counts = np.zeros(len(sets.ids), dtype=np.int64)
        for name in sets.names:
            counts += sets.flags(name)
        return history.customer(sets.ids.at(np.array([counts.argmax()]))[0])
    try:
        return history.customer(wanted)
    except EmptyHistoryError:
        if not wanted.isdecimal():
            raise
        return history.customer(int(wanted))


def _explained(fitted: FittedTagSet, customer: Customer, as_of: Any, locale: Any) -> str:
    """Say why the customer has each tag, or has it not."""
    found = fitted.assign_one(customer, as_of)
    lines: list[str] = []
    for tag in fitted.tags:
        said = str(fitted.explain(customer, tag.name, as_of, locale=locale)).splitlines()
        if not lines:
            lines.append(said[0].rpartition(": " if locale == "en" else "：")[0])
        value = found.get(tag.name)
        lines.append(f"{tag.name} = {value}" if value is not None else f"{tag.name}: –")
        lines += said[1:]
    return "\n".join(lines) + "\n"
