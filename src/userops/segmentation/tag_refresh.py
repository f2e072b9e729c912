"""From one day to the next: who has a tag now, who entered it, who left it, and why.

Contract of the assignments: one row a customer, tag and value.

    customer_id   who
    tag, value    what
    source        `rule`, `hand` (a decision by hand), or `kept` (the rule does not hold any more,
                  but the tag is valid for longer)
    since         instant of the refresh at which the customer entered, UTC
    until         instant at which the tag lapses unless it is renewed; null where it does not
    as_of         instant of the refresh, the same in all rows: none before it can follow; where
                  nobody has any tag there are no rows, and the order cannot be checked

A tag that is valid for a while is renewed by each refresh at which its rule holds. Then it is kept
before `until`, unless a decision by hand is made about it, or another value of a group that gives
one takes its place. What is left of the validity does not come back after a decision by hand.
"""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, Zone, as_of_us
from userops.events.columns import CUSTOMER_ID
from userops.segmentation.tag_base import value_column
from userops.segmentation.tag_before import (
    KEY,
    REFRESHED,
    SINCE,
    SOURCE,
    UNTIL,
    Before,
    check_order,
)
from userops.segmentation.tagging import PLACE, TAG, VALUE, Tagging
from userops.segmentation.tags import AnyTag

if TYPE_CHECKING:
    from userops.customers import History

__all__ = ["TagRefresh", "refreshed"]

_WHY = "why"
_COUNTED = ("customers", "entered", "left")
_MOST_LINES = 60
_NO_SUCH_TAG = "no such tag"
# Between a tag and a value where both are told apart by one text.
_PAIR = "\x1f"


@attrs.frozen(eq=False)
class TagRefresh:
    """The tags as of an instant, and what has changed since the refresh before.

    Attributes:
        as_of_us: The instant, microseconds since 1970-01-01 UTC.
    """

    as_of_us: int
    _source: frames.Source = attrs.field(repr=False)
    _assignments: frames.Frame = attrs.field(repr=False)
    _entered: frames.Frame = attrs.field(repr=False)
    _left: frames.Frame = attrs.field(repr=False)
    _tags: tuple[AnyTag, ...] = attrs.field(repr=False)
    _zone: Zone = attrs.field(repr=False)

    @cached_property
    def assignments(self) -> Any:
        """Who has what now: the columns at the top of the module, in the host's frame type."""
        instant = nw.lit(self.as_of_us, nw.Int64).alias(REFRESHED)
        frame = self._assignments.with_columns(instant)
        for name in (SINCE, UNTIL, REFRESHED):
            frame = frames.with_datetime(self._source, frame, name)
        return self._source.give_back(frame)

    @cached_property
    def entered(self) -> Any:
        """Who has a tag now and had it not before: `customer_id`, `tag`, `value`, `why`.

        `why` is `rule` or `hand`.
        """
        return self._source.give_back(self._entered)

    @cached_property
    def left(self) -> Any:
        """Who had a tag before and has it not now: `customer_id`, `tag`, `value`, `why`.

        `why` is `rule` (it does not hold any more), `lapsed` (it was kept, and is not valid any
        longer), `hand` (it was taken by hand, or another value was given), `hand ended` (a decision
        that gave it has run out, whatever the rule says now), `replaced` (by another value of the
        group) or `no such tag` (the set does not have it any more, or not this value of it).
        """
        return self._source.give_back(self._left)

    @cached_property
    def changes(self) -> Any:
        """What has changed, as dated attributes: `customer_id`, `name`, `value`, `valid_from`.

        Appended to the changes of earlier refreshes, this is a table for
        `History(attributes=Attributes(…))`, in which rules read a tag as `Attr("lapsing")`; of a
        group that gives all its values each has a name of its own, `Attr("interests=toys")`. A tag
        that was left has a null value.
        """
        entered = self._named(self._entered).select(CUSTOMER_ID, "name", VALUE)
        left = self._named(self._left, is_left=True)
        # Who has another value now has not left for good.
        left = left.join(entered.select(CUSTOMER_ID, "name"), on=[CUSTOMER_ID, "name"], how="anti")
        left = left.group_by(CUSTOMER_ID, "name").agg(nw.len())  # of a broken state, once
        nothing = nw.lit(None, nw.String).alias(VALUE)
        rows = frames.concat_rows([entered, left.select(CUSTOMER_ID, "name", nothing)])
        rows = rows.with_columns(nw.lit(self.as_of_us, nw.Int64).alias("valid_from"))
        return self._source.give_back(frames.with_datetime(self._source, rows, "valid_from"))

    def _named(self, frame: frames.Frame, *, is_left: bool = False) -> frames.Frame:
        """Add the name of the attribute that a row is about."""
        several = sorted(tag.name for tag in self._tags if tag.has_several)
        alone = value_column_expr()
        if not several and not is_left:
            return frame.with_columns(nw.col(TAG).alias("name"))
        named = frame.with_columns(
            nw.when(nw.col(TAG).is_in(several)).then(alone).otherwise(nw.col(TAG)).alias("name")
            if several
            else nw.col(TAG).alias("name")
        )
        if not is_left:
            return named
        # A tag that there is no longer may have had several values, or one.
        gone = frame.filter(nw.col(_WHY) == _NO_SUCH_TAG).with_columns(alone.alias("name"))
        return frames.concat_rows([named, gone])

    @cached_property
    def _counts(self) -> list[dict[str, Any]]:
        """The rows of `counts`: each tag and value in the order of the set, then what there was."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        parts = (self._assignments, self._entered, self._left)
        for name, frame in zip(_COUNTED, parts, strict=True):
            for row in frames.to_rows(frames.counted_by(frame, [TAG, VALUE])):
                found.setdefault((row[TAG], row[VALUE]), {})[name] = int(row["rows"])
        order = {tag.name: (n, list(tag.value_names)) for n, tag in enumerate(self._tags)}

        def place(pair: tuple[str, str]) -> tuple[Any, ...]:
            number, values = order.get(pair[0], (len(order), []))
            return number, values.index(pair[1]) if pair[1] in values else len(values), pair

        known = {(tag.name, value) for tag in self._tags for value in tag.value_names}
        return [
            {TAG: pair[0], VALUE: pair[1], **dict.fromkeys(_COUNTED, 0), **found.get(pair, {})}
            for pair in sorted({*known, *found}, key=place)
        ]

    def counts(self) -> Any:
        """Count by tag and value: `tag`, `value`, `customers`, `entered`, `left`.

        In the order of the set; values of rules are there with 0 as well.
        """
        kinds: Any = {TAG: "text", VALUE: "text"} | dict.fromkeys(_COUNTED, "int")
        return self._source.give_rows(frames.small_table(self._counts, kinds))

    def _head(self) -> str:
        return f"Tags as of {self._zone.said(self.as_of_us)}"

    def __repr__(self) -> str:
        """Return the instant and the engine; computes nothing."""
        return f"TagRefresh({self._head()}, <{self._source.engine}>)"

    def __str__(self) -> str:
        """Return the instant and how many have each tag, entered and left; computes them once."""
        lines = [
            f"  {row[TAG]} = {row[VALUE]}: {row['customers']:,}"
            f" (+{row['entered']:,}, -{row['left']:,})"
            for row in self._counts
        ]
        return "\n".join([self._head(), *lines])

    def _repr_html_(self) -> str:
        rows = []
        for row in self._counts[:_MOST_LINES]:
            names = (
                f"<td style='text-align:left'>{html.escape(row[n])}</td>" for n in (TAG, VALUE)
            )
            signs = {"entered": "+", "left": "−"}
            counts = (f"<td>{signs.get(n, '') if row[n] else ''}{row[n]:,}</td>" for n in _COUNTED)
            rows.append(f"<tr>{''.join(names)}{''.join(counts)}</tr>")
        titles = "".join(f"<th>{title}</th>" for title in (TAG, VALUE, *_COUNTED))
        more = len(self._counts) - _MOST_LINES
        tail = f"<p>… and {more:,} more values</p>" if more > 0 else ""
        head = html.escape(self._head())
        return f"<table><caption>{head}</caption><tr>{titles}</tr>{''.join(rows)}</table>{tail}"


def value_column_expr() -> Any:
    """Return `value_column` of the columns of tags and values."""
    return nw.concat_str(nw.col(TAG), nw.lit(value_column("", "")), nw.col(VALUE))


def refreshed(tagging: Tagging, previous: Any, history: History, as_of: AsOf) -> TagRefresh:
    """Compute the tags and compare them with those before; see `TagSet.refresh`."""
    before_us = as_of_us(as_of, history.zone)
    source = history.source
    if isinstance(previous, TagRefresh):
        check_order(previous.as_of_us, before_us, history.zone)
        previous = previous.assignments
    comparison = _Comparison(tagging, before_us)
    coded = frames.settled(source, tagging.long_with_place(source, tagging.coded(history, as_of)))
    persons = history.at(before_us).persons
    before = Before(tagging, source, before_us, persons, history.zone).read(previous, coded)
    coded, before = frames.alike([coded, before])
    before = frames.settled(source, before)
    assignments = frames.settled(source, comparison.assignments(coded, before))
    return TagRefresh(
        before_us,
        source,
        assignments,
        comparison.entered(assignments, before),
        comparison.left(assignments, comparison.judged(coded, before)),
        tagging.tags,
        history.zone,
    )


@attrs.frozen
class _Comparison:
    """Two states of the same tags."""

    tagging: Tagging
    before_us: int

    def judged(self, coded: frames.Frame, before: frames.Frame) -> frames.Frame:
        """Return the assignments before with what is said of the tag now: `how` and `now`."""
        said = coded.select(
            CUSTOMER_ID,
            TAG,
            PLACE,
            nw.col(VALUE).str.slice(0, 1).alias("how"),
            nw.col(VALUE).str.slice(1).alias("now"),
        )
        return before.join(said, on=[CUSTOMER_ID, TAG, PLACE], how="left")

    def assignments(self, coded: frames.Frame, before: frames.Frame) -> frames.Frame:
        """Return who has what now."""
        given = coded.select(
            CUSTOMER_ID,
            TAG,
            nw.col(VALUE).str.slice(1).alias(VALUE),
            nw.col(VALUE).str.slice(0, 1).alias("how"),
        ).filter(nw.col("how") != "x")
        since = before.select(*KEY, nw.col(SINCE).alias("before"))
        now = nw.lit(self.before_us, nw.Int64)
        by_hand = nw.col("how") == "h"
        current = given.join(since, on=KEY, how="left").select(
            *KEY,
            nw.when(by_hand).then(nw.lit("hand")).otherwise(nw.lit("rule")).alias(SOURCE),
            nw.coalesce("before", now).alias(SINCE),
            nw.when(~by_hand).then(self._valid_until()).alias(UNTIL),
        )
        kept = self._kept(self.judged(coded, before))
        kept = kept.select(*KEY, nw.lit("kept").alias(SOURCE), SINCE, UNTIL)
        return frames.concat_rows([current, kept])

    def _valid_until(self) -> Any:
        until: Any = nw.lit(None, nw.Int64)
        by_length: dict[int, list[str]] = {}
        for tag in self.tagging.tags:
            if tag.valid_for is not None:
                by_length.setdefault(tag.valid_for.us, []).append(tag.name)
        for length, names in by_length.items():
            end = nw.lit(self.before_us + length, nw.Int64)
            until = nw.when(nw.col(TAG).is_in(names)).then(end).otherwise(until)
        return until

    @property
    def _is_known(self) -> Any:
        """Whether there is such a tag, and it has such a value."""
        pairs = [_PAIR.join((t.name, v)) for t in self.tagging.tags for v in t.value_names]
        looked_up = [tag.name for tag in self.tagging.tags if not tag.value_names]
        known: Any = nw.lit(False)
        if pairs:
            known = nw.concat_str(nw.col(TAG), nw.lit(_PAIR), nw.col(VALUE)).is_in(pairs)
        return known | nw.col(TAG).is_in(looked_up) if looked_up else known

    def _kept(self, judged: frames.Frame) -> frames.Frame:
        """Return what was there before, is valid for longer, and about which nothing is said."""
        lasts = (nw.col(UNTIL) > self.before_us).fill_null(False)
        kept = judged.filter(nw.col("how").is_null() & self._is_known & lasts)
        # Only a broken state has two values of a group that gives one: the first is kept.
        place = [CUSTOMER_ID, TAG, PLACE]
        first = kept.group_by(*place).agg(nw.col(VALUE).min())
        return kept.join(first, on=[*place, VALUE], how="semi")

    def entered(self, assignments: frames.Frame, before: frames.Frame) -> frames.Frame:
        """Return who has a tag now and had it not before."""
        new = assignments.join(before.select(*KEY), on=KEY, how="anti")
        return new.select(*KEY, nw.col(SOURCE).alias(_WHY))

    def left(self, assignments: frames.Frame, judged: frames.Frame) -> frames.Frame:
        """Return who had a tag before and has it not now."""
        gone = judged.join(assignments.select(*KEY), on=KEY, how="anti")
        how = nw.col("how")
        was = nw.col(SOURCE).fill_null("rule")
        has_lapsed = (was == "kept") | (nw.col(UNTIL) <= self.before_us).fill_null(False)
        cases = [
            (~self._is_known, _NO_SUCH_TAG),
            (how.is_in(["x", "h"]).fill_null(False), "hand"),
            (was == "hand", "hand ended"),
            ((how == "r").fill_null(False), "replaced"),
            (has_lapsed, "lapsed"),
        ]
        why: Any = nw.lit("rule")
        for condition, said in reversed(cases):
            why = nw.when(condition).then(nw.lit(said)).otherwise(why)
        return gone.select(*KEY, why.alias(_WHY))
