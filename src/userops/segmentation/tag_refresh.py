"""From one day to the next: who has a tag now, who entered it, who left it, and why.

Contract of the assignments: one row a customer, tag and value.

    customer_id   who
    tag, value    what
    source        `rule`, `hand` (a decision by hand), or `kept` (the rule does not hold any more,
                  but the tag is valid for longer)
    since         instant of the refresh at which the customer entered, UTC
    until         instant at which the tag lapses unless it is renewed; null where it does not

A tag that is valid for a while is renewed by each refresh at which its rule holds. It is kept until
then, unless a decision by hand takes it away, or another value of a group that gives one takes its
place.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, as_of_us, datetime_of, zone
from userops.core.values import with_values
from userops.errors import ColumnNotFoundError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.segmentation.tagging import PLACE, TAG, VALUE, Tagging

if TYPE_CHECKING:
    from userops.customers import History

__all__ = ["TagRefresh", "refreshed"]

_KEY = [CUSTOMER_ID, TAG, VALUE]
_SINCE, _UNTIL, _SOURCE, _WHY = "since", "until", "source", "why"


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

    @cached_property
    def assignments(self) -> Any:
        """Who has what now: the columns at the top of the module, in the host's frame type."""
        frame = self._assignments
        for name in (_SINCE, _UNTIL):
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
        that gave it has run out), `replaced` (by another value of the group) or `no such tag`.
        """
        return self._source.give_back(self._left)

    @cached_property
    def changes(self) -> Any:
        """What has changed, as dated attributes: `customer_id`, `name`, `value`, `valid_from`.

        Appended to the changes of earlier refreshes, this is a table for
        `History(attributes=Attributes(…))`, in which rules read a tag as `Attr("lapsing")`. A tag
        that was left has a null value.
        """
        taken = self._left.with_columns(nw.lit(None, nw.String).alias(VALUE))
        # Who has another value now has not left for good.
        having = self._entered.select(CUSTOMER_ID, TAG)
        taken = taken.join(having, on=[CUSTOMER_ID, TAG], how="anti")
        rows = frames.concat_rows([
            self._entered.select(*_KEY), taken.select(*_KEY),
        ])  # fmt: skip
        rows = rows.select(
            CUSTOMER_ID,
            nw.col(TAG).alias("name"),
            VALUE,
            nw.lit(self.as_of_us, nw.Int64).alias("valid_from"),
        )
        return self._source.give_back(frames.with_datetime(self._source, rows, "valid_from"))

    def counts(self) -> Any:
        """Count by tag and value: `tag`, `value`, `customers`, `entered`, `left`."""
        found: dict[tuple[str, str], dict[str, int]] = {}
        parts = {"customers": self._assignments, "entered": self._entered, "left": self._left}
        for name, frame in parts.items():
            for row in frames.to_rows(frames.counted_by(frame, [TAG, VALUE])):
                found.setdefault((row[TAG], row[VALUE]), {})[name] = int(row["rows"])
        rows = [
            {TAG: tag, VALUE: value, **dict.fromkeys(parts, 0), **counts}
            for (tag, value), counts in sorted(found.items())
        ]
        kinds: Any = {TAG: "text", VALUE: "text"} | dict.fromkeys(parts, "int")
        return self._source.give_rows(frames.small_table(rows, kinds))

    def __str__(self) -> str:
        """Return the instant and how many entered and left, by tag; computes them."""
        rows = frames.to_rows(frames.read(self.counts()).frame)
        lines = [
            f"  {row[TAG]} = {row[VALUE]}: {row['customers']:,}"
            f" (+{row['entered']:,}, -{row['left']:,})"
            for row in rows
        ]
        return "\n".join([f"Tags as of {datetime_of(self.as_of_us)}", *lines])


def refreshed(
    tagging: Tagging, previous: frames.Source | None, history: History, as_of: AsOf
) -> TagRefresh:
    """Compute the tags and compare them with those before; see `TagSet.refresh`.

    Raises:
        ColumnNotFoundError: If `previous` lacks `customer_id`, `tag` or `value`.
        InvalidArgumentError: If `as_of` lies before the refresh that `previous` comes from.
    """
    before_us = as_of_us(as_of, history.zone)
    source = next(iter(history.events.values())).source
    comparison = _Comparison(tagging, source, before_us)
    coded = source.materialise(tagging.long_with_place(source, tagging.coded(history, as_of)))
    coded, before = frames.alike([coded, comparison.before(previous, coded)])
    before = source.materialise(before)
    assignments = source.materialise(comparison.assignments(coded, before))
    return TagRefresh(
        before_us,
        source,
        assignments,
        comparison.entered(assignments, before),
        comparison.left(assignments, comparison.judged(coded, before)),
    )


class _Comparison:
    """Two states of the same tags."""

    def __init__(self, tagging: Tagging, source: frames.Source, before_us: int) -> None:
        self.tagging, self.source, self.before_us = tagging, source, before_us

    def before(self, previous: frames.Source | None, coded: frames.Frame) -> frames.Frame:
        """Return the assignments before: the key, `since`, `until`, `source`, `place`."""
        if previous is None:
            return coded.filter(nw.col(TAG).is_null()).select(
                *_KEY,
                nw.lit(None, nw.Int64).alias(_SINCE),
                nw.lit(None, nw.Int64).alias(_UNTIL),
                nw.lit(None, nw.String).alias(_SOURCE),
                PLACE,
            )
        names = previous.frame.collect_schema().names()
        for name in _KEY:
            if name not in names:
                raise ColumnNotFoundError(name, names)
        if previous.engine != self.source.engine:
            raise InvalidArgumentError(
                "previous", "is held by another engine than the history", got=previous.engine,
                allowed=self.source.engine,
            )  # fmt: skip
        times = {name: name for name in (_SINCE, _UNTIL) if name in names}
        frame, _ = with_values(previous, previous.frame, times, zone("UTC"))
        missing: dict[str, Any] = {_SINCE: nw.Int64, _UNTIL: nw.Int64, _SOURCE: nw.String}
        absent = [nw.lit(None, dtype).alias(n) for n, dtype in missing.items() if n not in names]
        frame = frame.with_columns(*absent) if absent else frame
        self._check_order(frame)
        frame = frame.filter(~nw.col(VALUE).is_null()).with_columns(nw.col(TAG).cast(nw.String))
        once = frame.group_by(*_KEY).agg(
            nw.col(_SINCE).min(), nw.col(_UNTIL).max(), nw.col(_SOURCE).min()
        )
        several = [tag.name for tag in self.tagging.tags if tag.has_several]
        place: Any = nw.lit("")
        if several:
            place = nw.when(nw.col(TAG).is_in(several)).then(nw.col(VALUE)).otherwise(place)
        return once.with_columns(place.alias(PLACE))

    def _check_order(self, frame: frames.Frame) -> None:
        latest = frames.to_rows(frame.select(latest=nw.col(_SINCE).max()))[0]["latest"]
        if latest is not None and latest > self.before_us:
            raise InvalidArgumentError(
                "as_of", "lies before the refresh that `previous` comes from",
                got=datetime_of(self.before_us), allowed=f"{datetime_of(int(latest))} or later",
            )  # fmt: skip

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
        since = before.select(*_KEY, nw.col(_SINCE).alias("before"))
        now = nw.lit(self.before_us, nw.Int64)
        by_hand = nw.col("how") == "h"
        current = given.join(since, on=_KEY, how="left").select(
            *_KEY,
            nw.when(by_hand).then(nw.lit("hand")).otherwise(nw.lit("rule")).alias(_SOURCE),
            nw.coalesce("before", now).alias(_SINCE),
            nw.when(~by_hand).then(self._valid_until()).alias(_UNTIL),
        )
        kept = self.judged(coded, before).filter(self._is_kept())
        kept = kept.select(*_KEY, nw.lit("kept").alias(_SOURCE), _SINCE, _UNTIL)
        return frames.concat_rows([current, kept])

    def _valid_until(self) -> Any:
        until: Any = nw.lit(None, nw.Int64)
        for tag in self.tagging.tags:
            if tag.valid_for is not None:
                end = nw.lit(self.before_us + tag.valid_for.us, nw.Int64)
                until = nw.when(nw.col(TAG) == tag.name).then(end).otherwise(until)
        return until

    def _is_kept(self) -> Any:
        known = nw.col(TAG).is_in([tag.name for tag in self.tagging.tags])
        lasts = (nw.col(_UNTIL) > self.before_us).fill_null(False)
        return nw.col("how").is_null() & known & lasts

    def entered(self, assignments: frames.Frame, before: frames.Frame) -> frames.Frame:
        """Return who has a tag now and had it not before."""
        new = assignments.join(before.select(*_KEY), on=_KEY, how="anti")
        return new.select(*_KEY, nw.col(_SOURCE).alias(_WHY))

    def left(self, assignments: frames.Frame, judged: frames.Frame) -> frames.Frame:
        """Return who had a tag before and has it not now."""
        gone = judged.join(assignments.select(*_KEY), on=_KEY, how="anti")
        how = nw.col("how")
        was = nw.col(_SOURCE).fill_null("rule")
        has_lapsed = (was == "kept") | (nw.col(_UNTIL) <= self.before_us).fill_null(False)
        known = nw.col(TAG).is_in([tag.name for tag in self.tagging.tags])
        cases = [
            (~known, "no such tag"),
            (how.is_in(["x", "h"]).fill_null(False), "hand"),
            ((how == "r").fill_null(False), "replaced"),
            (was == "hand", "hand ended"),
            (has_lapsed, "lapsed"),
        ]
        why: Any = nw.lit("rule")
        for condition, said in reversed(cases):
            why = nw.when(condition).then(nw.lit(said)).otherwise(why)
        return gone.select(*_KEY, why.alias(_WHY))
