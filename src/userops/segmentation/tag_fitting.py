"""Fitting tags: cut-points in the place of percentiles, weights in the place of rarity."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from userops.rules import WeightedTop, fitted_in
from userops.rules.fitting import spread_of
from userops.segmentation.segments import Segment
from userops.segmentation.tags import AnyTag, PercentileTag, PreferenceTag, TagGroup

if TYPE_CHECKING:
    from userops.core.time import AsOf
    from userops.customers import History

__all__ = ["fitted_tags"]

_MILLION = 1_000_000


def fitted_tags(
    tags: Sequence[AnyTag], segments: Sequence[Segment], history: History, as_of: AsOf
) -> tuple[tuple[AnyTag, ...], tuple[Segment, ...]]:
    """Return tags and segments in which nothing is relative to a population any more."""
    plain: list[Any] = [tag.group() if isinstance(tag, PercentileTag) else tag for tag in tags]
    rules: dict[str, Any] = {f"s{i}": segment.when for i, segment in enumerate(segments)}
    for i, tag in enumerate(plain):
        if isinstance(tag, TagGroup):
            rules |= {f"t{i}_{j}": value.when for j, value in enumerate(tag.values)}
        elif not isinstance(tag, PreferenceTag):
            rules[f"t{i}"] = tag.when
    found = fitted_in(rules, history, as_of)
    fitted: list[Any] = []
    for i, tag in enumerate(plain):
        if isinstance(tag, TagGroup):
            values = [
                attrs.evolve(value, when=found[f"t{i}_{j}"]) for j, value in enumerate(tag.values)
            ]
            fitted.append(attrs.evolve(tag, values=values))
        elif isinstance(tag, PreferenceTag):
            fitted.append(_with_weights(tag, history, as_of) if tag.needs_weights else tag)
        else:
            fitted.append(attrs.evolve(tag, when=found[f"t{i}"]))
    named = tuple(attrs.evolve(s, when=found[f"s{i}"]) for i, s in enumerate(segments))
    return tuple(fitted), named


def _with_weights(tag: PreferenceTag, history: History, as_of: AsOf) -> PreferenceTag:
    customers, having = spread_of(tag.events, tag.of, history, as_of)

    def weight(n: int) -> int:
        return round((math.log((1 + customers) / (1 + n)) + 1) * _MILLION)

    weights = {value: weight(n) for value, n in sorted(having.items())}
    top = WeightedTop(tag.events, of=tag.of, weights=weights, unseen=weight(0))
    return attrs.evolve(tag, weights=top)
