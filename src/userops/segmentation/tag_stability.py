"""Whether tags hold still between two dates, in their shares and in who has them."""

from __future__ import annotations

from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.events.columns import CUSTOMER_ID
from userops.segmentation import tag_statistics as statistics
from userops.segmentation.tag_tables import (
    TAG,
    VALUE,
    Base,
    TagTable,
    read_customers,
    read_tags,
    together,
)

__all__ = ["stability", "stability_rows"]

_STABILITY: dict[str, Any] = {
    "tag": "text",
    "part": "text",
    "value": "text",
    "customers_before": "int",
    "share_before": "float",
    "customers_after": "int",
    "share_after": "float",
    "psi": "float",
    "kept": "int",
    "changed": "int",
    "entered": "int",
    "left": "int",
    "kept_share": "float",
    "left_share": "float",
    "entered_share": "float",
    "turnover": "float",
    "jaccard": "float",
}
_BEFORE, _AFTER = "before", "after"


def stability(before: Any, after: Any, *, customers_before: Any, customers_after: Any) -> Any:
    """Say how far each tag moved between two dates: its shares, and the customers who have it.

    The population stability index of a tag compares the shares of its values and of "no tag" at
    both dates: with shares b before and a after, the sum of (a - b) ln(a / b) over these cells
    (Siddiqi 2006, Credit Risk Scorecards, chapter 8). The usual reading there: below 0.1 stable,
    0.1 to 0.25 deserves a look, above 0.25 shifted. Where a cell is empty at one date alone, half a
    customer is added to every cell of the tag at both dates, so that the index stays finite; a cell
    that is empty at both dates is left out.

    Args:
        before: The tags at the earlier date, as `coverage` reads them.
        after: The tags at the later date, in the same engine.
        customers_before: All customers at the earlier date: their number, or a frame with
            `customer_id`.
        customers_after: The same at the later date.

    Returns:
        In the type of `before`, a row a tag (`part` is `tag`), a row for each value (`value`) and
        one for those without the tag (`no tag`): `tag`, `part`, `value`; `customers_before`,
        `share_before`, `customers_after`, `share_after`; `psi` (on the rows of parts, what they add
        to it; null where a date has no customers). Of the customers at both dates: how many `kept`
        the tag or value, of these `changed` their value of the tag, `entered`, `left`; `kept_share`
        and `left_share` of those who had it before, `entered_share` of those who have it after;
        `turnover`, those who entered or left over the sum of holders at both dates (Diamond and May
        1977, Science 197, 266-270); `jaccard`, those who kept it over those who had it at any date
        (Jaccard 1912, New Phytologist 11, 37-50). Null where undefined, and for "no tag".
        A frame of customers says who was there; where only a number is given, everybody with a tag
        counts as there.

    Raises:
        ColumnNotFoundError: If a column is missing.
        DataError: If a customer has several values of a tag.
        InvalidArgumentError: If there are fewer customers than have a tag.
    """
    tables = read_tags(before, "before"), read_tags(after, "after")
    bases = (
        read_customers(customers_before, "customers_before", tables[0]),
        read_customers(customers_after, "customers_after", tables[1]),
    )
    rows = stability_rows(tables, bases)
    return tables[0].rows.source.give_rows(frames.small_table(rows, _STABILITY))


def stability_rows(
    tables: tuple[TagTable, TagTable], bases: tuple[Base, Base]
) -> list[dict[str, Any]]:
    """Return the rows of `stability`."""
    for table in tables:
        table.check_one_value("stability")
    moves = _moves(tables, bases)
    rows = []
    for tag in sorted({*tables[0].by_tag, *tables[1].by_tag}):
        values = sorted({v for table in tables for v in table.values_of(tag)})
        counts = [[table.by_value.get((tag, v), 0) for v in values] for table in tables]
        for cells, base in zip(counts, bases, strict=True):
            cells.append(base.customers - sum(cells))
        found = statistics.divergence_terms(counts[1], counts[0])
        terms = [None] * len(counts[0]) if found is None else found[1]
        held = [table.by_tag.get(tag, 0) for table in tables]
        psi = None if found is None else sum(found[1])
        kept_values = sum(moves.get((tag, v), (0, 0, 0))[0] for v in values)
        kept = moves.get((tag, None), (0, 0, 0))[0]
        rows.append(
            {"tag": tag, "part": "tag", "value": None}
            | _shares(held, bases, psi)
            | _turnover(moves.get((tag, None), (0, 0, 0)))
            | {"changed": kept - kept_values}
        )
        for i, value in enumerate([*values, None]):
            part = "no tag" if value is None else "value"
            row: dict[str, Any] = {"tag": tag, "part": part, "value": value}
            row |= _shares([counts[0][i], counts[1][i]], bases, terms[i])
            if value is not None:
                row |= _turnover(moves.get((tag, value), (0, 0, 0)))
            rows.append(row)
    return rows


def _shares(held: list[int], bases: tuple[Base, Base], psi: float | None) -> dict[str, Any]:
    return {
        "customers_before": held[0],
        "share_before": statistics.ratio(held[0], bases[0].customers),
        "customers_after": held[1],
        "share_after": statistics.ratio(held[1], bases[1].customers),
        "psi": psi,
    }


def _turnover(moved: tuple[int, int, int]) -> dict[str, Any]:
    kept, entered, left = moved
    return {
        "kept": kept,
        "entered": entered,
        "left": left,
        "kept_share": statistics.ratio(kept, kept + left),
        "left_share": statistics.ratio(left, kept + left),
        "entered_share": statistics.ratio(entered, kept + entered),
        "turnover": statistics.ratio(entered + left, 2 * kept + entered + left),
        "jaccard": statistics.ratio(kept, kept + entered + left),
    }


def _moves(
    tables: tuple[TagTable, TagTable], bases: tuple[Base, Base]
) -> dict[tuple[str, str | None], tuple[int, int, int]]:
    """Count who kept, entered and left each tag (value None) and each value."""
    then, now = together(tables[0].rows, tables[1].rows)
    flags = [(then, 1, 0), (now, 0, 1)]
    stacked = frames.concat_rows(
        frame.with_columns(
            nw.lit(was, nw.Int64).alias(_BEFORE), nw.lit(is_now, nw.Int64).alias(_AFTER)
        )
        for frame, was, is_now in flags
    )
    kind = tables[0].rows.id_kind or tables[1].rows.id_kind
    for base in bases:
        if base.rows is not None:
            everybody = attrs.evolve(tables[0].rows, frame=stacked, id_kind=kind)
            rows, present = together(everybody, base.rows)
            stacked = rows.join(present, on=CUSTOMER_ID, how="semi")
    stacked = tables[0].rows.source.materialise(stacked)
    moves = {}
    for keys in ([TAG, VALUE], [TAG]):
        dates = stacked.group_by(CUSTOMER_ID, *keys).agg(nw.col(_BEFORE, _AFTER).max())
        counts: dict[tuple[str, str | None], dict[tuple[int, int], int]] = {}
        for row in frames.to_rows(frames.counted_by(dates, [*keys, _BEFORE, _AFTER])):
            at = int(row[_BEFORE]), int(row[_AFTER])
            counts.setdefault((row[TAG], row.get(VALUE)), {})[at] = int(row["rows"])
        for key, cells in counts.items():
            moves[key] = cells.get((1, 1), 0), cells.get((0, 1), 0), cells.get((1, 0), 0)
    return moves
