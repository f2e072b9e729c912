"""Charts of segments."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

from userops.charts import heat_grid, share_bars
from userops.core import frames
from userops.errors import ColumnNotFoundError, InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_rfm_grid", "plot_segments"]

_WORDS = {
    "en": {
        "grid": "Customers by recency and frequency score",
        "r": "Recency score (5 = most recent)",
        "f": "Frequency score",
        "segments": "Segments: customers and spend",
        "customers": "share of customers",
        "spend": "share of spend",
    },
    "zh": {
        "grid": "按最近消费与消费频次得分的客户数",
        "r": "最近消费得分（越高越近）",
        "f": "消费频次得分",
        "segments": "各分群的客户与消费占比",
        "customers": "客户占比",
        "spend": "消费占比",
    },
}


def plot_rfm_grid(
    scores: Any, *, locale: Literal["en", "zh"] = "en", ax: Axes | None = None
) -> Axes:
    """Draw how many customers stand in each cell of recency and frequency score.

    Args:
        scores: What `FittedRFM.score` returned, with the columns `r`, `f` and, if there is a map,
            `segment`. Cells take the colours of segments where these depend on `r` and `f` alone;
            a map that looks at money as well has no place on this grid.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; the most recent row is at the top.

    Raises:
        ColumnNotFoundError: If the frame has no scores.
        MissingExtraError: If matplotlib is not installed.
    """
    words = _words(locale)
    counts, named = _cells(scores)
    rows = range(max((r for r, _ in counts), default=0), 0, -1)
    columns = range(1, max((f for _, f in counts), default=0) + 1)
    groups = [[named.get((r, f)) for f in columns] for r in rows]
    return heat_grid(
        [[counts.get((r, f), 0) for f in columns] for r in rows],
        row_labels=list(rows),
        column_labels=list(columns),
        cell_groups=groups if named else None,
        title=words["grid"],
        x_label=words["f"],
        y_label=words["r"].replace("5", str(rows[0]) if rows else "5"),
        values_format=lambda n: f"{n:,.0f}",
        language=locale,
        ax=ax,
    )


def plot_segments(
    segments: Any, *, locale: Literal["en", "zh"] = "en", ax: Axes | None = None
) -> Axes:
    """Draw each segment's share of customers beside its share of spend.

    Args:
        segments: What `FittedRFM.segments` returned, with the columns `segment`,
            `customer_share` and, with money, `monetary_share`.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; the map's first segment is at the top.

    Raises:
        ColumnNotFoundError: If the frame has no such columns.
        MissingExtraError: If matplotlib is not installed.
    """
    words = _words(locale)
    rows = frames.to_rows(_with_columns(segments, ["segment", "customer_share"]))
    series = {words["customers"]: [row["customer_share"] for row in rows]}
    if rows and "monetary_share" in rows[0]:
        series[words["spend"]] = [row["monetary_share"] for row in rows]
    return share_bars(
        [row["segment"] for row in rows],
        series=series,
        title=words["segments"],
        language=locale,
        ax=ax,
    )


def _words(locale: str) -> dict[str, str]:
    if locale not in _WORDS:
        raise InvalidArgumentError.unknown("locale", locale, _WORDS)
    return _WORDS[locale]


def _with_columns(native: Any, needed: list[str]) -> frames.Frame:
    frame = frames.read(native).frame
    existing = frame.collect_schema().names()
    for column in needed:
        if column not in existing:
            raise ColumnNotFoundError(column, existing)
    return frame


def _cells(scores: Any) -> tuple[Counter[tuple[int, int]], dict[tuple[int, int], str]]:
    frame = _with_columns(scores, ["r", "f"])
    has_map = "segment" in frame.collect_schema().names()
    keys = ["r", "f", *(["segment"] if has_map else [])]
    counts: Counter[tuple[int, int]] = Counter()
    names: dict[tuple[int, int], set[str]] = {}
    for row in frames.to_rows(frames.counted_by(frame, keys)):
        cell = int(row["r"]), int(row["f"])
        counts[cell] += int(row["rows"])
        if has_map:
            names.setdefault(cell, set()).add(row["segment"])
    # Where one cell holds several segments, that another holds one is an accident of who is there.
    if any(len(found) > 1 for found in names.values()):
        return counts, {}
    return counts, {cell: found.pop() for cell, found in names.items()}
