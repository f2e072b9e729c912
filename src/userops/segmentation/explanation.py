"""Why a customer has his scores: in words, with the cut-points."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING

import attrs

from userops.core.time import Zone
from userops.segmentation.cut_points import said_number

if TYPE_CHECKING:
    from userops.segmentation.rfm_score import RFMScore
    from userops.segmentation.score_grid import ScoreGrid

__all__ = ["Explanation", "explained"]

_WORDS = {
    "en": {
        "head": "Customer {id} as of {when} is “{segment}” ({scores}).",
        "bare": "Customer {id} as of {when} has the scores {scores}.",
        "line": "{what} {value}: {name} = {score} of {bins}, {place}; cut-points {cuts}{tie}.",
        "r": "Days since the last {event}",
        "f": "Number of {event} events",
        "f_order": "Number of orders",
        "m": "Spend",
        "m_net": "Net spend",
        "below": "not above the first cut-point",
        "above": "above all cut-points",
        "between": "above {low}, not above {high}",
        "tie": " (customers of equal value are told apart by id)",
        "only": "the only bin",
    },
    "zh": {
        "head": "截至 {when}，客户 {id} 属于“{segment}”（{scores}）。",
        "bare": "截至 {when}，客户 {id} 的得分为 {scores}。",
        "line": "{what} {value}：{name} = {score}（共 {bins} 档），{place}；分界点 {cuts}{tie}。",
        "r": "距最近一次 {event} 的天数",
        "r_order": "距最近一次下单天数",
        "f": "{event} 次数",
        "f_order": "下单次数",
        "m": "消费金额",
        "m_net": "净消费金额",
        "below": "不超过第一个分界点",
        "above": "超过所有分界点",
        "between": "高于 {low}，不高于 {high}",
        "tie": "（数值相同者按客户编号区分）",
        "only": "只有一档",
    },
}


@attrs.frozen
class Explanation:
    """Sentences that say why; printed as text, shown as a list in Jupyter.

    Attributes:
        score: The values, scores and segment that are explained.
        lines: The sentences; the first says what, the others why.
    """

    score: RFMScore
    lines: tuple[str, ...]

    def __str__(self) -> str:
        """Return the sentences, one a line."""
        return "\n".join((self.lines[0], *(f"  {line}" for line in self.lines[1:])))

    def _repr_html_(self) -> str:
        reasons = "".join(f"<li>{html.escape(line)}</li>" for line in self.lines[1:])
        return f"<p>{html.escape(self.lines[0])}</p><ul>{reasons}</ul>"


def _what(words: Mapping[str, str], dimension: str, event: str, returns: str) -> str:
    kind = returns if dimension == "m" else event
    return words.get(f"{dimension}_{kind}", words[dimension]).format(event=event)


def explained(
    score: RFMScore, grid: ScoreGrid, where: Zone, before_us: int, *, event: str, returns: str
) -> Explanation:
    """Say why a score is what it is."""
    words = _WORDS[grid.locale]
    when = where.said(before_us)
    head = words["bare"] if score.segment is None else words["head"]
    lines = [head.format(id=score.customer_id, when=when, segment=score.segment, scores=score.rfm)]
    values = {"r": score.recency_days, "f": score.frequency, "m": score.monetary}
    scores = {"r": score.r, "f": score.f, "m": score.m}
    for dimension, cuts in grid.cuts.items():
        said = cuts.said()
        value = values[dimension] or 0
        has_ids = any(cut.customer_id is not None for cut in cuts.cuts)
        rank = scores[dimension] or 1
        below = cuts.bins - rank if cuts.is_reversed else rank - 1
        if not said:
            place = words["only"]
        elif below == 0:
            place = words["below"]
        elif below == len(said):
            place = words["above"]
        else:
            place = words["between"].format(low=said[below - 1], high=said[below])
        lines.append(
            words["line"].format(
                what=_what(words, dimension, event, returns),
                value=said_number(value),
                name=dimension,
                score=scores[dimension],
                bins=cuts.bins,
                place=place,
                cuts=", ".join(said) or "–",
                tie=words["tie"] if has_ids else "",
            )
        )
    note = None if grid.segments is None else grid.segments.note(grid.locale)
    return Explanation(score, (*lines, *([note] if note else [])))
