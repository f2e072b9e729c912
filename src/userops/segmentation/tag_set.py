"""A set of tags, computed together: for a frame, for one customer, and from day to day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.definitions import Definition
from userops.core.time import AsOf, as_of_us
from userops.errors import InvalidArgumentError, InvalidDefinitionError, NotFittedError
from userops.rules import InSegment, Rule
from userops.rules.locales import Locale
from userops.rules.node import walked
from userops.segmentation.segments import Segment
from userops.segmentation.tag_decisions import TagDecisions, decision_rows
from userops.segmentation.tag_refresh import TagRefresh, refreshed
from userops.segmentation.tagging import TAG, VALUE, Effective, Tagging
from userops.segmentation.tags import (
    DECISION,
    AnyTag,
    PercentileTag,
    PreferenceTag,
    Tag,
    TagGroup,
)

if TYPE_CHECKING:
    from userops.customers import Customer, History
    from userops.rules import RuleExplanation

__all__ = ["FittedTagSet", "TagSet"]

_KINDS: dict[str, Any] = {"tag": "text", "value": "text", "customers": "int", "share": "float"}


def _as_tags(tags: Any) -> tuple[Any, ...]:
    return tuple(tags) if isinstance(tags, Iterable) and not isinstance(tags, str) else (tags,)


def _check_tags(_: Any, attribute: attrs.Attribute[Any], tags: tuple[Any, ...]) -> None:
    if not tags:
        raise InvalidDefinitionError(attribute.name, "are none", allowed="at least one tag")
    names = []
    for number, tag in enumerate(tags):
        if not isinstance(tag, Tag | TagGroup | PreferenceTag | PercentileTag):
            raise InvalidDefinitionError(
                f"{attribute.name}[{number}]", "is no tag", got=repr(tag),
                allowed="Tag, TagGroup, PreferenceTag, PercentileTag",
            )  # fmt: skip
        names.append(tag.name)
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDefinitionError(attribute.name, "occur twice", got=", ".join(twice))


@attrs.frozen
class _TagSet(Definition):
    """What a set of tags does, fitted or not."""

    tags: tuple[AnyTag, ...] = attrs.field(converter=_as_tags, validator=_check_tags)
    segments: tuple[Segment, ...] = attrs.field(default=(), converter=_as_tags, kw_only=True)

    def assign(
        self,
        history: History,
        as_of: AsOf,
        *,
        decisions: TagDecisions | None = None,
        form: Literal["long", "wide"] = "long",
    ) -> Any:
        """Give each customer his tags.

        Args:
            history: The events and attributes.
            as_of: Exclusive end of the history.
            decisions: The log of decisions by hand.
            form: `long` has a row an assignment, `wide` a row a customer.

        Returns:
            The host's frame type. Long: `customer_id`, `tag`, `value`. Wide: every customer, a
            text column a tag, null where he has it not; of a group that gives all its values, a
            flag `tag=value` each.

        Raises:
            NotFittedError: If a tag is relative to a population, and the set is not fitted.
        """
        if form not in ("long", "wide"):
            raise InvalidArgumentError.unknown("form", str(form), ("long", "wide"))
        history, tagging = self._ready(history, decisions)
        source = _source(history)
        wide = tagging.columns(history, as_of, everybody=form == "wide")
        frame = tagging.named(wide) if form == "wide" else tagging.long(source, wide)
        return source.give_back(frame)

    def assign_one(
        self,
        customer: Customer,
        as_of: AsOf,
        *,
        decisions: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        """Give one customer in memory his tags.

        Args:
            customer: The customer.
            as_of: Exclusive end of his history.
            decisions: Decisions by hand about him, each with `tag`, `action` (`assign`, `remove`),
                `author`, `reason`, `decided_at`, and perhaps `value` and `expires_at`.

        Returns:
            Tag to value; of a group that gives all its values, a tuple. Tags that he has not are
            left out.
        """
        customer, tagging = self._ready_one(customer, decisions)
        return tagging.one(customer, as_of_us(as_of, customer.zone))

    def preview(
        self, history: History, as_of: AsOf, *, decisions: TagDecisions | None = None
    ) -> Any:
        """Count the customers of each tag and value.

        Returns:
            The host's frame type, in the order of the set: `tag`, `value`, `customers`, `share` (of
            all customers of the history, 0 to 1). Values of rules are there with 0 as well.
        """
        ready, tagging = self._ready(history, decisions)
        source = _source(ready)
        long = tagging.long(source, tagging.columns(ready, as_of, everybody=False))
        found = {
            (row[TAG], row[VALUE]): int(row["rows"])
            for row in frames.to_rows(frames.counted_by(long, [TAG, VALUE]))
        }
        everybody = history.customer_ids(as_of_us(as_of, history.zone))
        total = int(frames.to_rows(everybody.select(n=nw.len()))[0]["n"])
        rows = []
        for tag in self.tags:
            found_values = [value for name, value in found if name == tag.name]
            # Of values that are looked up, the most frequent come first.
            known = list(tag.rules) or sorted(
                found_values, key=lambda value: (-found[tag.name, value], value)
            )
            for value in [*known, *sorted(set(found_values) - set(known))]:
                n = found.get((tag.name, value), 0)
                share = n / total if total else None
                rows.append({TAG: tag.name, VALUE: value, "customers": n, "share": share})
        return source.give_rows(frames.small_table(rows, _KINDS))

    def refresh(
        self,
        previous: Any,
        history: History,
        as_of: AsOf,
        *,
        decisions: TagDecisions | None = None,
    ) -> TagRefresh:
        """Give the tags anew, and say who entered and who left each of them, and why.

        Args:
            previous: `assignments` of the last refresh, or what `assign` returned in long form;
                None the first time.
            history: The events and attributes.
            as_of: Exclusive end of the history, not before that of the last refresh.
            decisions: The log of decisions by hand; it is never changed.
        """
        ready, tagging = self._ready(history, decisions)
        return refreshed(
            tagging,
            None if previous is None else frames.read(previous),
            ready,
            as_of,
        )

    def explain(
        self,
        customer: Customer,
        tag: str,
        as_of: AsOf,
        *,
        value: str | None = None,
        decisions: Sequence[Mapping[str, Any]] = (),
        locale: Locale = "en",
    ) -> RuleExplanation:
        """Say why a customer has a tag, or one value of it, or not.

        Args:
            customer: The customer.
            tag: The name of the tag.
            as_of: Exclusive end of his history.
            value: The value; None is the one that he has, or any where he has none.
            decisions: Decisions by hand about him; see `assign_one`.
            locale: `en` or `zh`.

        Raises:
            InvalidArgumentError: If there is no such tag or value; names the nearest.
        """
        mine = self.tag(tag)
        ready, tagging = self._ready_one(customer, decisions)
        has = tagging.one(ready, as_of_us(as_of, customer.zone)).get(tag)
        value = has if value is None and isinstance(has, str) else value
        decided = bool(decisions)
        names = {t.name: Effective(t, decided=decided) for t in self.tags}
        return mine.as_rule(value, decided=decided).explain(
            ready, as_of,
            tags=names, segments={s.name: s for s in self.segments}, locale=locale,
        )  # fmt: skip

    def tag(self, name: str) -> AnyTag:
        """Return a tag by its name.

        Raises:
            InvalidArgumentError: If there is none; names the nearest.
        """
        for tag in self.tags:
            if tag.name == name:
                return tag
        raise InvalidArgumentError.unknown("tag", name, [tag.name for tag in self.tags])

    def describe(self, locale: Locale = "en") -> str:
        """Say each tag as a sentence, a line a value."""
        lines = []
        for tag in self.tags:
            for value, rule in tag.rules.items():
                lines.append(f"{tag.name} = {value}: {rule.describe(locale)}")
            if isinstance(tag, PreferenceTag):
                what = tag.of if tag.needs_weights else tag.term.describe(locale)
                lines.append(f"{tag.name}: {what}")
        return "\n".join(lines)

    def __str__(self) -> str:
        """Return the tags in words."""
        return f"{type(self).__name__} of {len(self.tags)}\n{self.describe()}"

    # Getting ready

    def _ready(self, history: History, decisions: TagDecisions | None) -> tuple[History, Tagging]:
        self._check_fitted()
        if decisions is None:
            return history, self._plain
        if not isinstance(decisions, TagDecisions):
            raise InvalidArgumentError(
                "decisions", "is no log of decisions", got=type(decisions).__name__,
                hint="name its columns: TagDecisions(frame, value='value', expires_at=…)",
            )  # fmt: skip
        history = history.with_attributes("decisions", decisions.attributes(self.tags))
        named = {n for n in history.attribute_names if n.startswith(DECISION)}
        return history, Tagging(self.tags, self.segments, decided=frozenset(named))

    def _ready_one(
        self, customer: Customer, decisions: Sequence[Mapping[str, Any]]
    ) -> tuple[Customer, Tagging]:
        self._check_fitted()
        if not decisions:
            return customer, self._plain
        rows = decision_rows(decisions, self.tags)
        return customer.with_attributes(rows), self._decided

    @cached_property
    def _plain(self) -> Tagging:
        return Tagging(self.tags, self.segments)

    @cached_property
    def _decided(self) -> Tagging:
        return Tagging(self.tags, self.segments, decided=None)

    def _check_fitted(self) -> None:
        """Refuse tags that are relative to a population and have seen none."""


def _source(history: History) -> frames.Source:
    return next(iter(history.events.values())).source


@attrs.frozen
class TagSet(_TagSet):
    """Tags that are computed together; each table of the history is looked at once.

    Args:
        tags: `Tag`, `TagGroup`, `PreferenceTag` and `PercentileTag`; their names differ. A rule may
            name other tags of the set with `HasTag`.
        segments: What rules may name with `InSegment`.

    Example:
        >>> from userops.rules import Did, days
        >>> spent = Did("order").sum("amount")
        >>> tags = TagSet(
        ...     [
        ...         Tag("lapsing", ~Did("order").within(days(90))),
        ...         TagGroup("level", {"gold": spent >= 1000}, otherwise="basic"),
        ...     ]
        ... )
        >>> print(tags)
        TagSet of 2
        lapsing = true: not did order in the last 90 days
        level = gold: total amount of order is at least 1,000
        level = basic: not total amount of order is at least 1,000
    """

    @property
    def needs_population(self) -> tuple[str, ...]:
        """The names of the tags that have to be fitted."""
        return tuple(tag.name for tag in self.tags if needs_population(tag, self.segments))

    def _check_fitted(self) -> None:
        needing = self.needs_population
        if needing:
            raise NotFittedError(
                f"these tags are relative to a population: {', '.join(needing)}",
                hint="fit them first: tags.fit(history, as_of)",
            )

    def fit(self, history: History, as_of: AsOf) -> FittedTagSet:
        """Look up what is relative to a population, once.

        Args:
            history: The population.
            as_of: Exclusive end of its history.

        Returns:
            A set that answers for one customer at a time; sets without such tags may be fitted too.
        """
        from userops.segmentation.tag_fitting import fitted_tags

        tags, segments = fitted_tags(self.tags, self.segments, history, as_of)
        return FittedTagSet(
            tags, segments=segments, definition=self,
            as_of_us=as_of_us(as_of, history.zone), time_zone=history.zone.name,
        )  # fmt: skip


@attrs.frozen
class FittedTagSet(_TagSet):
    """A set of tags with the cut-points and weights that were found in a population.

    Attributes:
        tags: The tags, nothing in them relative any more.
        segments: What rules may name.
        definition: What was fitted.
        as_of_us: Exclusive end of the history of the population, microseconds since 1970 UTC.
        time_zone: The zone of its days.
    """

    definition: TagSet = attrs.field(kw_only=True)
    as_of_us: int = attrs.field(kw_only=True)
    time_zone: str = attrs.field(default="UTC", kw_only=True)


def needs_population(tag: AnyTag, segments: Sequence[Segment]) -> bool:
    """Whether a tag has to be fitted, by itself or through a segment that it names."""
    if isinstance(tag, PreferenceTag):
        return tag.needs_weights
    return any(_needs(rule, segments) for rule in tag.rules.values())


def _needs(rule: Rule, segments: Sequence[Segment]) -> bool:
    for node in walked(rule):
        if isinstance(node, Rule) and node.needs_population:
            return True
        if isinstance(node, InSegment) and any(
            segment.name == node.name and _needs(segment.when, ()) for segment in segments
        ):
            return True
    return False
