"""How many customers have each tag, and tags as a table for notebooks."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, as_of_us
from userops.segmentation.tagging import TAG, VALUE, Tagging
from userops.segmentation.tags import AnyTag

if TYPE_CHECKING:
    from userops.customers import History

__all__ = ["counted_tags", "tags_as_html"]

_KINDS: dict[str, Any] = {TAG: "text", VALUE: "text", "customers": "int", "share": "float"}


def counted_tags(tagging: Tagging, history: History, as_of: AsOf) -> Any:
    """Count the customers of each tag and value; see `TagSet.preview`."""
    source = history.source
    long = tagging.long(source, tagging.columns(history, as_of, everybody=False))
    found = {
        (row[TAG], row[VALUE]): int(row["rows"])
        for row in frames.to_rows(frames.counted_by(long, [TAG, VALUE]))
    }
    everybody = history.customer_ids(as_of_us(as_of, history.zone))
    total = int(frames.to_rows(everybody.select(n=nw.len()))[0]["n"])
    rows = []
    for tag in tagging.tags:
        mine = [value for name, value in found if name == tag.name]
        # Of values that are looked up, the most frequent come first.
        looked_up = set(mine) - set(tag.value_names)
        others = sorted(looked_up, key=lambda value: (-found[tag.name, value], value))
        for value in [*tag.value_names, *others]:
            n = found.get((tag.name, value), 0)
            share = n / total if total else None
            rows.append({TAG: tag.name, VALUE: value, "customers": n, "share": share})
    return source.give_rows(frames.small_table(rows, _KINDS))


def tags_as_html(head: str, tags: Sequence[AnyTag]) -> str:
    """Return tags, their values and rules as a table of HTML."""
    rows = []
    for tag in tags:
        lasts = "" if tag.valid_for is None else f"{tag.valid_for} after the last renewal"
        for value, said in tag.said("en").items():
            cells = (tag.name, value or "…", said, lasts)
            shown = (f"<td style='text-align:left'>{html.escape(cell)}</td>" for cell in cells)
            rows.append(f"<tr>{''.join(shown)}</tr>")
    titles = "".join(
        f"<th style='text-align:left'>{title}</th>" for title in ("tag", "value", "rule", "lasts")
    )
    return f"<table><caption>{html.escape(head)}</caption><tr>{titles}</tr>{''.join(rows)}</table>"
