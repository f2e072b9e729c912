"""Current attributes of customers who turn out to be one person: one row of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.events.columns import CUSTOMER_ID
from userops.events.working_columns import PREFIX

__all__ = ["merged"]

_WAS, _ORDER = PREFIX + "was", PREFIX + "order"


def merged(
    rows: frames.Frame,
    names: Sequence[str],
    kinds: Mapping[str, Any],
    with_current: Callable[[frames.Frame, str], frames.Frame],
) -> frames.Frame:
    """Return one row a person: of each attribute the first that is known.

    The row of the id that goes on comes first, then the others in the order of their ids as text.

    Args:
        rows: One row a customer: `customer_id` and the attributes.
        names: The attributes.
        kinds: Attribute to kind.
        with_current: Puts the ids that persons have now into a column of ids.
    """
    was = nw.col(CUSTOMER_ID).cast(nw.String)
    rows = with_current(rows.with_columns(was.alias(_WAS)), CUSTOMER_ID)
    counts = frames.counted_by(rows.select(CUSTOMER_ID), [CUSTOMER_ID])
    several = counts.filter(nw.col("rows") > 1)
    alone = rows.join(several, on=CUSTOMER_ID, how="anti").select(CUSTOMER_ID, *names)
    rows = rows.join(several.select(CUSTOMER_ID), on=CUSTOMER_ID, how="semi")
    goes_on = nw.col(_WAS) == nw.col(CUSTOMER_ID)
    place: Any = nw.when(goes_on).then(nw.lit("0")).otherwise(nw.lit("1"))
    rows = rows.with_columns(nw.concat_str(place, nw.col(_WAS)).alias(_ORDER))
    flags = [name for name in names if kinds.get(name) == "flag"]
    if flags:  # not every engine knows the greater of two booleans
        rows = rows.with_columns(nw.col(name).cast(nw.Int8) for name in flags)
    firsts = {name: f"{PREFIX}first_{n}" for n, name in enumerate(names)}
    known = rows.select(
        CUSTOMER_ID,
        *(nw.when(~nw.col(n).is_null()).then(nw.col(_ORDER)).alias(c) for n, c in firsts.items()),
    )
    first = known.group_by(CUSTOMER_ID).agg(nw.col(*firsts.values()).min())
    rows = rows.join(first, on=CUSTOMER_ID, how="inner")
    chosen = rows.select(
        CUSTOMER_ID,
        *(
            nw.when(nw.col(_ORDER) == nw.col(column)).then(nw.col(name)).alias(name)
            for name, column in firsts.items()
        ),
    )
    found = chosen.group_by(CUSTOMER_ID).agg(nw.col(*names).max())
    if flags:
        found = found.with_columns((nw.col(name) == 1).alias(name) for name in flags)
    return frames.concat_rows([alone, found.select(CUSTOMER_ID, *names)])
