"""Identifiers wherever a history holds them: in rows that cannot count, and in attributes.

Who is who depends on rows that count alone. But whoever is given out or taken out must be found in
every row, in whatever way his ids are written there. So these are seen as well, each by itself, at
an instant after all others: they link nothing, name nobody else, and change no person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs
import narwhals.stable.v2 as nw
import numpy as np

from userops.core import frames
from userops.core.texts import Texts, coded
from userops.customers.attribute_table import AttributeTable
from userops.customers.links import SIDES, Links, LinkSource, Seen
from userops.customers.reach import Reach
from userops.customers.reach_states import KIND, OWNER, VALUE
from userops.events.columns import COUNTED, CUSTOMER_ID, STATUS
from userops.events.normalise import id_expr
from userops.events.table import EventTable
from userops.events.working_columns import PREFIX, own

__all__ = ["Sightings"]

# After every instant that is asked about, and after every one that is read.
_LAST_US = 2**62
_ID, _ID_KIND = PREFIX + "sighted", PREFIX + "sighted_kind"


@attrs.frozen(eq=False)
class Sightings:
    """Each identifier of a history by itself; a source of links that holds none.

    Attributes:
        events: Event name to table; rows in quarantine are looked at.
        attributes: Title to table; every row is looked at.
        links: The links beside them; every row of a table is looked at.
        kinds: The declared kinds; what is of another kind is nobody's.
    """

    events: Mapping[str, EventTable]
    attributes: Mapping[str, AttributeTable]
    links: Sequence[LinkSource]
    kinds: tuple[str, ...]

    def seen_before(self, before_us: int) -> list[Seen]:
        """Return the distinct writings of each kind, each alone."""
        return [
            _alone(kind, texts)
            for rows in self._tables()
            for kind, texts in self._of_rows(rows)
            if kind in self.kinds and len(texts)
        ]

    def _tables(self) -> Iterator[frames.Frame]:
        """Return ids with their kind, as text."""
        for table in self.events.values():
            yield from _of_events(table)
        for known in self.attributes.values():
            yield from _of_attributes(known)
        for links in self.links:
            if isinstance(links, Links):
                rows = links.sides()
                for kind, value in SIDES:
                    yield _said(rows, nw.col(kind), nw.col(value))

    def _of_rows(self, rows: frames.Frame) -> Iterator[tuple[str, Texts]]:
        """Return the distinct ids of each kind; one that begins with a kind is an id of it."""
        found = frames.to_arrow(frames.counted_by(rows, [_ID_KIND, _ID]).select(_ID_KIND, _ID))
        (of_kind,), kinds = coded([found.column(_ID_KIND)])
        (places,), texts = coded([found.column(_ID)])
        for number, kind in enumerate(kinds.at(np.arange(len(kinds)))):
            mine = texts.taken(places[of_kind == number])
            yield from self._split(mine) if kind == CUSTOMER_ID else [(kind, mine)]

    def _split(self, texts: Texts) -> Iterator[tuple[str, Texts]]:
        rest = np.ones(len(texts), dtype=np.bool_)
        for kind in self.kinds:
            places = texts.starting_with(f"{kind}:")
            rest[places] = False
            yield kind, Texts.of(text.partition(":")[2] for text in texts.at(places))
        yield CUSTOMER_ID, texts.taken(np.flatnonzero(rest))


def _of_events(table: EventTable) -> Iterable[frames.Frame]:
    columns = table.columns
    roles = {kind: f"identifier_{kind}" for kind in columns.identifiers}
    if columns.customer_id is not None:
        roles[CUSTOMER_ID] = CUSTOMER_ID
    rows = table.normalised.filter(own(STATUS) > COUNTED)
    return [_said(rows, nw.lit(kind), own(role)) for kind, role in roles.items()]


def _of_attributes(table: AttributeTable) -> Iterable[frames.Frame]:
    if isinstance(table, Reach):
        rows = table.owned()
        sides = (nw.lit(CUSTOMER_ID), nw.col(OWNER)), (nw.col(KIND), nw.col(VALUE))
        return [_said(rows, kind, value) for kind, value in sides]
    frame = table.source.frame
    owner = id_expr(table.customer_id, frame.collect_schema()[table.customer_id])
    return [_said(frame, nw.lit(CUSTOMER_ID), owner)]


def _said(rows: frames.Frame, kind: nw.Expr, value: nw.Expr) -> frames.Frame:
    rows = rows.with_columns(
        kind.cast(nw.String).alias(_ID_KIND), value.cast(nw.String).alias(_ID)
    ).select(_ID_KIND, _ID)
    return rows.filter(~nw.col(_ID_KIND).is_null() & ~nw.col(_ID).is_null())


def _alone(kind: str, texts: Texts) -> Seen:
    last = np.full(len(texts), _LAST_US, dtype=np.int64)
    ones = np.ones(len(texts), dtype=np.int64)
    return Seen((kind,), (texts.array,), last, last, ones, np.ones(len(texts)))
