"""Names in a set of tags: columns that would be called the same, references, circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.rules import InSegment, Rule
from userops.rules.custom import expanded
from userops.rules.node import walked
from userops.rules.references import resolved
from userops.segmentation.segments import Segment
from userops.segmentation.tag_base import value_column
from userops.segmentation.tags import AnyTag, PreferenceTag

__all__ = ["check_columns", "check_names", "columns_of", "needing_population"]


def columns_of(tags: Sequence[AnyTag]) -> list[str]:
    """Return the columns of the wide form, `customer_id` first."""
    columns = [CUSTOMER_ID]
    for tag in tags:
        several = [value_column(tag.name, value) for value in tag.value_names]
        columns += several if tag.has_several else [tag.name]
    return columns


def check_columns(tags: Sequence[AnyTag]) -> None:
    """Refuse a wide form in which two names differ by capital letters alone.

    DuckDB and Spark take them for one column, so no engine is given such a frame.

    Raises:
        InvalidArgumentError: Names the columns.
    """
    folded: dict[str, list[str]] = {}
    for name in columns_of(tags):
        folded.setdefault(name.casefold(), []).append(name)
    alike = sorted(name for names in folded.values() if len(names) > 1 for name in names)
    if alike:
        raise InvalidArgumentError(
            "form", "'wide' would have columns that differ by capital letters alone",
            got=", ".join(alike), allowed="'long'", hint="or rename one of the tags",
        )  # fmt: skip


def check_names(tags: Sequence[AnyTag], segments: Sequence[Segment]) -> None:
    """Refuse names that a set of tags cannot have.

    Raises:
        InvalidDefinitionError: If two columns of the wide form would be called the same, or a rule
            names what there is not (names the nearest), or itself.
    """
    columns = columns_of(tags)
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InvalidDefinitionError(
            "tags", "have names that mean two things", got=", ".join(twice),
            hint=f"{CUSTOMER_ID!r} is the customer, and 'tag=value' a value of a group that gives "
            "all its values",
        )  # fmt: skip
    # Only names are looked at, so that what has to be fitted need not be.
    by_tag = {tag.name: _countable(tag) for tag in tags}
    by_segment = {segment.name: segment for segment in segments}
    named = [(f"tags[{n}]", tag.rules_in_order) for n, tag in enumerate(tags)]
    named += [(f"segments[{n}]", {"": s.when}) for n, s in enumerate(segments)]
    for field, rules in named:
        for rule in rules.values():
            if not segments:
                _refuse_segments(field, rule)
            try:
                resolved(expanded(rule), tags=by_tag, segments=by_segment)
            except InvalidArgumentError as error:
                raise InvalidDefinitionError(
                    field, error.problem, got=error.got, allowed=error.allowed or "no name at all",
                    hint=error.hint,
                ) from error  # fmt: skip


def _refuse_segments(field: str, rule: Rule) -> None:
    for node in walked(expanded(rule)):
        if isinstance(node, InSegment):
            raise InvalidDefinitionError(
                field, f"segment {node.name!r} is not known", allowed="no segment",
                hint=f"give it to the set: TagSet(…, segments=[Segment({node.name!r}, …)])",
            )  # fmt: skip


def _countable(tag: AnyTag) -> AnyTag:
    if isinstance(tag, PreferenceTag) and tag.by == "tfidf":
        return attrs.evolve(tag, by="count", weights=None)
    return tag


def needing_population(tags: Sequence[AnyTag], segments: Sequence[Segment]) -> tuple[str, ...]:
    """Return the tags that have to be fitted, by themselves or through segments that they name."""
    by_segment = {segment.name: segment for segment in segments}
    return tuple(
        tag.name
        for tag in tags
        if (isinstance(tag, PreferenceTag) and tag.needs_weights)
        or any(_needs(rule, by_segment) for rule in tag.rules_in_order.values())
    )


def _needs(rule: Any, segments: Mapping[str, Segment]) -> bool:
    for node in walked(expanded(rule)):
        if isinstance(node, Rule) and node.needs_population:
            return True
        if isinstance(node, InSegment) and _needs(segments[node.name].when, segments):
            return True
    return False
