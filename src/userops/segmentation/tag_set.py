"""A set of tags, computed together: for a frame, for one customer, and from day to day."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from userops.core import frames
from userops.core.definitions import Definition
from userops.core.time import AsOf, as_of_us, check_us, zone
from userops.customers.given import as_customer, as_history
from userops.errors import InvalidArgumentError, InvalidDefinitionError, NotFittedError
from userops.rules.locales import Locale, check_locale
from userops.rules.warehouse_sql import warehouse_sql
from userops.segmentation.segments import Segment
from userops.segmentation.tag_base import DECISION
from userops.segmentation.tag_counts import counted_tags, tags_as_html
from userops.segmentation.tag_decisions import DecidedCustomer, TagDecisions, decided_customer
from userops.segmentation.tag_explaining import explained_tag
from userops.segmentation.tag_names import check_columns, check_names, needing_population
from userops.segmentation.tag_refresh import TagRefresh, refreshed
from userops.segmentation.tagging import Effective, Tagging
from userops.segmentation.tags import AnyTag, PercentileTag, PreferenceTag, Tag, TagGroup

if TYPE_CHECKING:
    from userops.customers import Customer, History
    from userops.rules import RuleExplanation

__all__ = ["FittedTagSet", "TagSet"]

Form: TypeAlias = Literal["long", "wide"]


def _as_tags(tags: Any) -> tuple[Any, ...]:
    return tuple(tags) if isinstance(tags, Iterable) and not isinstance(tags, str) else (tags,)


def _check_all(field: str, given: Sequence[Any], kinds: Any, word: str, allowed: str) -> None:
    for number, one in enumerate(given):
        if not isinstance(one, kinds):
            raise InvalidDefinitionError(
                f"{field}[{number}]", f"is no {word}", got=repr(one), allowed=allowed
            )
    names = [one.name for one in given]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidDefinitionError(
            field, "occur twice", got=", ".join(twice), hint=f"each {word} has a name of its own"
        )


@attrs.frozen(repr=False)
class _TagSet(Definition):
    """What a set of tags does, fitted or not."""

    tags: tuple[AnyTag, ...] = attrs.field(converter=_as_tags)
    segments: tuple[Segment, ...] = attrs.field(default=(), converter=_as_tags, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse names that occur twice, that nothing is called, or that name each other."""
        if not self.tags:
            raise InvalidDefinitionError("tags", "are none", allowed="at least one tag")
        kinds = Tag | TagGroup | PreferenceTag | PercentileTag
        _check_all("tags", self.tags, kinds, "tag", "Tag, TagGroup, PreferenceTag, PercentileTag")
        _check_all("segments", self.segments, Segment, "segment", "Segment('lapsed', rule)")
        check_names(self.tags, self.segments)

    def assign(
        self,
        history: History,
        as_of: AsOf,
        *,
        decisions: TagDecisions | None = None,
        form: Form = "long",
        allow_python: bool = False,
    ) -> Any:
        """Give each customer his tags.

        Args:
            history: The events and attributes.
            as_of: Exclusive end of the history.
            decisions: The log of decisions by hand.
            form: `long` has a row an assignment, `wide` a row a customer.
            allow_python: Whether what only Python can decide may run on a cluster, row by row.

        Returns:
            The host's frame type. Long: `customer_id`, `tag`, `value`. Wide: every customer, a
            text column a tag, null where he has it not; of a group that gives all its values, a
            flag `tag=value` each. Nothing but what is known of the tables (their reach, the names
            of attributes) is looked up before the frame is asked for.

        Raises:
            NotFittedError: If a tag is relative to a population, and the set is not fitted.
            InvalidArgumentError: If a decision names what there is not, or the wide form would
                have two columns whose names differ by capital letters alone.
            ColumnTypeError: If a preference is for what is neither text nor whole numbers.
        """
        ready, tagging = self._ready(history, decisions, allow_python)
        return ready.source.give_back(_formed(tagging, ready, as_of, form))

    def sql(
        self,
        history: History,
        as_of: AsOf,
        dialect: str,
        *,
        decisions: TagDecisions | None = None,
        form: Form = "long",
    ) -> str:
        """Compile what `assign` computes to the SQL of a warehouse; nothing is sent there.

        Cut-points, weights and windows stand in the text as constants, so it answers for this
        `as_of`, and for tables in which no times lie outside the range of those in the history.

        Args:
            history: Tables of Ibis, named and typed as those of the warehouse.
            as_of: Exclusive end of the history.
            dialect: `bigquery`, `clickhouse`, `postgres`, `snowflake`, or another that Ibis knows.
            decisions: The log of decisions by hand, a table of Ibis too.
            form: As in `assign`.

        Raises:
            UnsupportedFrameError: If the history is not held by Ibis, or a part of a rule cannot be
                said in this dialect; names the part. A `Sequence` is a fold and never can.
            InvalidArgumentError: If Ibis does not know the dialect.
        """
        ready, tagging = self._ready(history, decisions)
        members = tagging.rules.members.values()
        return warehouse_sql(
            members, ready, as_of, dialect, lambda: _formed(tagging, ready, as_of, form)
        )

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
        decided, tagging = self._ready_one(customer, decisions)
        return tagging.one(decided.customer, as_of_us(as_of, customer.zone))

    def preview(
        self,
        history: History,
        as_of: AsOf,
        *,
        decisions: TagDecisions | None = None,
        allow_python: bool = False,
    ) -> Any:
        """Count the customers of each tag and value; for the arguments see `assign`.

        Returns:
            The host's frame type, in the order of the set: `tag`, `value`, `customers`, `share` (of
            all customers of the history and of the decisions, 0 to 1; null where there are none).
            Values of rules are there with 0 as well.
        """
        ready, tagging = self._ready(history, decisions, allow_python)
        return counted_tags(tagging, ready, as_of)

    def refresh(
        self,
        previous: Any,
        history: History,
        as_of: AsOf,
        *,
        decisions: TagDecisions | None = None,
        allow_python: bool = False,
    ) -> TagRefresh:
        """Give the tags anew, and say who entered and who left each of them, and why.

        Args:
            previous: The last refresh, its `assignments`, perhaps as the host stored them, or what
                `assign` returned in long form; None the first time.
            history: The events and attributes.
            as_of: Exclusive end of the history, not before that of the last refresh.
            decisions: The log of decisions by hand; it is never changed.
            allow_python: See `assign`.

        Raises:
            InvalidArgumentError: If `as_of` lies before the last refresh, or `previous` is held by
                another engine than the history.
            ColumnNotFoundError: If `previous` lacks `customer_id`, `tag` or `value`.
            ColumnTypeError: If its ids or times are of another type.
        """
        ready, tagging = self._ready(history, decisions, allow_python)
        return refreshed(tagging, previous, ready, as_of)

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
        decided, tagging = self._ready_one(customer, decisions)
        has = tagging.one(decided.customer, as_of_us(as_of, customer.zone)).get(tag)
        value = has if value is None and isinstance(has, str) else value
        names = {
            "tags": {t.name: Effective(t, decided=bool(decisions)) for t in self.tags},
            "segments": {s.name: s for s in self.segments},
        }
        return explained_tag(mine, value, decided, as_of, names=names, locale=locale)

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
        """Say each tag as a sentence, a line a value, in English (`en`) or Chinese (`zh`)."""
        colon, equals = (": ", " = ") if check_locale(locale) == "en" else ("：", "＝")
        return "\n".join(
            f"{tag.name}{equals if value else ''}{value}{colon}{said}"
            for tag in self.tags
            for value, said in tag.said(locale).items()
        )

    def __str__(self) -> str:
        """Return the tags in words."""
        return f"{self._head()}\n{self.describe()}"

    __repr__ = __str__

    def _head(self) -> str:
        return f"{type(self).__name__} of {len(self.tags)}"

    def _repr_html_(self) -> str:
        return tags_as_html(self._head(), self.tags)

    # Getting ready

    def _ready(
        self, history: History, decisions: TagDecisions | None, allow_python: bool = False
    ) -> tuple[History, Tagging]:
        self._check_fitted()
        history = as_history(history)
        if decisions is None:
            return history, self._plain.allowing(python=allow_python)
        if not isinstance(decisions, TagDecisions):
            raise InvalidArgumentError(
                "decisions", "is no log of decisions", got=type(decisions).__name__,
                hint="name its columns: TagDecisions(frame, value='value', expires_at=…)",
            )  # fmt: skip
        history = history.with_attributes(None, decisions.attributes(self.tags, history.zone.name))
        named = {n for n in history.attribute_names if n.startswith(DECISION)}
        tagging = Tagging(self.tags, self.segments, decided=frozenset(named))
        return history, tagging.allowing(python=allow_python)

    def _ready_one(
        self, customer: Customer, decisions: Sequence[Mapping[str, Any]]
    ) -> tuple[DecidedCustomer, Tagging]:
        self._check_fitted()
        tagging = self._decided if decisions else self._plain
        return decided_customer(as_customer(customer), decisions, self.tags), tagging

    @property
    def by_name(self) -> dict[str, AnyTag]:
        """Name to tag: what `HasTag` names in rules that are asked with `tags=` this set."""
        return {tag.name: tag for tag in self.tags}

    @cached_property
    def _plain(self) -> Tagging:
        return Tagging(self.tags, self.segments)

    @cached_property
    def _decided(self) -> Tagging:
        return Tagging(self.tags, self.segments, decided=True)

    def _check_fitted(self) -> None:
        """Refuse tags that are relative to a population and have seen none."""


def _formed(tagging: Tagging, history: History, as_of: AsOf, form: Form) -> frames.Frame:
    if form not in ("long", "wide"):
        raise InvalidArgumentError.unknown("form", str(form), ("long", "wide"))
    if form == "wide":
        check_columns(tagging.tags)
    wide = tagging.columns(history, as_of, everybody=form == "wide")
    return tagging.named(wide) if form == "wide" else tagging.long(history.source, wide)


@attrs.frozen(repr=False)
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
        return needing_population(self.tags, self.segments)

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

        history = as_history(history)
        tags, segments = fitted_tags(self.tags, self.segments, history, as_of)
        return FittedTagSet(
            tags, segments=segments, definition=self,
            as_of_us=as_of_us(as_of, history.zone), time_zone=history.zone.name,
        )  # fmt: skip


@attrs.frozen(repr=False)
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
    as_of_us: int = attrs.field(kw_only=True, validator=check_us)
    time_zone: str = attrs.field(default="UTC", kw_only=True)

    def _head(self) -> str:
        when = zone(self.time_zone).said(self.as_of_us)
        return f"{type(self).__name__} of {len(self.tags)}, fitted as of {when}"
