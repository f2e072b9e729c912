"""The assignments of the refresh before, read as the host kept them."""

from __future__ import annotations

from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import UTC, Zone, zone
from userops.core.values import with_values
from userops.customers.identified import Persons
from userops.errors import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.segmentation.tagging import PLACE, TAG, VALUE, Tagging

__all__ = ["KEY", "REFRESHED", "SINCE", "SOURCE", "UNTIL", "Before", "check_order"]

KEY = [CUSTOMER_ID, TAG, VALUE]
SINCE, UNTIL, SOURCE, REFRESHED = "since", "until", "source", "as_of"
_TIMES = (SINCE, UNTIL, REFRESHED)


@attrs.frozen(eq=False)
class Before:
    """Reads earlier assignments.

    Attributes:
        tagging: The tags as they are now.
        source: Where the history comes from.
        before_us: The instant of the refresh that is being made.
        persons: Who is who now, where the history has identities: assignments follow merged ids.
        where: The zone in which errors name instants.
    """

    tagging: Tagging
    source: frames.Source
    before_us: int
    persons: Persons | None = None
    where: Zone = UTC

    def read(self, previous: Any, coded: frames.Frame) -> frames.Frame:
        """Return the assignments before, one row a customer, tag and value.

        Args:
            previous: A frame of the host, or None.
            coded: What is said of the tags now; its ids say how ids are typed.

        Returns:
            The key, `since`, `until`, `source`, and `place` (the value of a tag that may have
            several, else an empty text). That it is of no later instant is told by its `as_of`,
            and where it has none by the latest `since`; of no rows nothing can be told.

        Raises:
            ColumnNotFoundError: If a column of the key is missing.
            ColumnTypeError: If ids or times are of another type.
            InvalidArgumentError: If another engine holds it, or it is of a later instant.
        """
        if previous is None:
            nothing: dict[str, Any] = {SINCE: nw.Int64, UNTIL: nw.Int64, SOURCE: nw.String}
            return coded.filter(nw.col(TAG).is_null()).select(
                *KEY, *(nw.lit(None, t).alias(name) for name, t in nothing.items()), PLACE
            )
        given = frames.read(previous)
        names = given.frame.collect_schema().names()
        for name in KEY:
            if name not in names:
                raise ColumnNotFoundError(name, names)
        if given.family != self.source.family:
            raise InvalidArgumentError(
                "previous", "is held by another engine than the history", got=given.engine,
                allowed=self.source.engine, hint="bring it into the engine of the history",
            )  # fmt: skip
        frame = self._typed(given, coded)
        self._check_order(frame)
        if self.persons is not None:
            frame = self.persons.with_current(frame, CUSTOMER_ID)
        known = ~nw.col(CUSTOMER_ID).is_null() & ~nw.col(TAG).is_null() & ~nw.col(VALUE).is_null()
        once = (
            frame.filter(known)
            .group_by(*KEY)
            .agg(nw.col(SINCE).min(), nw.col(UNTIL).max(), nw.col(SOURCE).min())
        )
        place: Any = nw.lit("")
        if self.tagging.several:
            is_several = nw.col(TAG).is_in(sorted(self.tagging.several))
            place = nw.when(is_several).then(nw.col(VALUE)).otherwise(place)
        return once.with_columns(place.alias(PLACE))

    def _typed(self, given: frames.Source, coded: frames.Frame) -> frames.Frame:
        schema = given.frame.collect_schema()
        times = {name: name for name in _TIMES if name in schema.names()}
        kinds: dict[str, Any] = {}
        frame = given.frame
        if times:  # what `assign` returned has none
            frame, found = with_values(given, frame, times, zone("UTC"))
            kinds |= found
        for name, kind in kinds.items():
            if kind not in (None, "instant"):
                raise ColumnTypeError(
                    name, "of `previous` holds no instants", got=schema[name],
                    allowed="datetimes, as `assignments` has them",
                    hint="parse the column, or leave it out",
                )  # fmt: skip
        texts = [nw.col(name).cast(nw.String).alias(name) for name in (TAG, VALUE)]
        source = nw.col(SOURCE) if SOURCE in schema.names() else nw.lit(None, nw.String)
        unknown = nw.lit(None, nw.Int64)
        instants = [
            (nw.col(name) if kinds.get(name) == "instant" else unknown).alias(name)
            for name in _TIMES
        ]
        return frame.select(
            self._ids(schema[CUSTOMER_ID], coded).alias(CUSTOMER_ID),
            *texts, *instants, source.cast(nw.String).alias(SOURCE),
        )  # fmt: skip

    def _ids(self, given: Any, coded: frames.Frame) -> Any:
        wanted = coded.collect_schema()[CUSTOMER_ID]
        same = given in (wanted, nw.Unknown)  # of nothing but nulls
        alike = (given.is_integer() and wanted.is_integer()) or (
            wanted == nw.String and isinstance(given, nw.Categorical | nw.Enum)
        )
        if not same and not alike:
            raise ColumnTypeError(
                CUSTOMER_ID, "of `previous` is of another type than in the history", got=given,
                allowed=wanted, hint="store and read ids as the type that they have",
            )  # fmt: skip
        ids = nw.col(CUSTOMER_ID)
        return ids if given == wanted else ids.cast(wanted)

    def _check_order(self, frame: frames.Frame) -> None:
        # Also where nobody entered lately the refresh itself may be of a later instant.
        last = frame.select(nw.col(SINCE, REFRESHED).max())
        known = [int(at) for at in frames.to_rows(last)[0].values() if at is not None]
        if known:
            check_order(max(known), self.before_us, self.where)


def check_order(earlier_us: int, before_us: int, where: Zone) -> None:
    """Refuse to refresh what is of a later instant.

    Raises:
        InvalidArgumentError: Names both instants.
    """
    if earlier_us > before_us:
        raise InvalidArgumentError(
            "as_of", "lies before the refresh that `previous` comes from",
            got=where.said(before_us), allowed=f"{where.said(earlier_us)} or later",
            hint="history is refreshed forwards; pass previous=None to begin anew",
        )  # fmt: skip
