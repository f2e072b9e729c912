"""Which order a return takes back: by its id, else by customer, product and quantity.

The second way is bracket matching. Within one key (customer, product, units) a purchase line opens
a bracket and a return closes the latest open one. With running sums this needs no loop, so it runs
inside every engine: the depth after a row is the running sum, lifted so that it never falls below
zero (a return of something bought before the history began closes nothing); purchases and returns
of one depth alternate, so the n-th return of a depth belongs to the n-th purchase of that depth.
"""

from __future__ import annotations

import warnings

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import DataWarning, InvalidArgumentError
from userops.events.columns import (
    AMOUNT_MINOR_UNITS,
    CUSTOMER_ID,
    INSTANT_US,
    IS_RETURN,
    ORDER_ID,
    PRODUCT_ID,
    QUANTITY,
    RETURN_OF,
)
from userops.events.table import Orders

__all__ = ["LINK", "LINKED_ORDER_ID", "linked_returns"]

LINK = "link"
LINKED_ORDER_ID = "linked_order_id"
_UNITS = "units"
_KEY = [CUSTOMER_ID, PRODUCT_ID, _UNITS]
_ROW = "row_of_customer"
_IDENTITY = [CUSTOMER_ID, _ROW]
_ORDER_KEY = "order_key"
_USED = (
    CUSTOMER_ID, INSTANT_US, AMOUNT_MINOR_UNITS, IS_RETURN, ORDER_ID, QUANTITY, PRODUCT_ID,
    RETURN_OF,
)  # fmt: skip


def linked_returns(orders: Orders, before_us: int) -> frames.Frame:
    """Return the returns before an instant with `linked_order_id` and `link`.

    Columns: `customer_id`, `order_id`, `instant_us`, `product_id`, `quantity`,
    `amount_minor_units`, `linked_order_id`, `link`; nothing is collected.

    Raises:
        InvalidArgumentError: If the orders map no `order_id`.
    """
    columns = orders.columns
    if columns.order_id is None:
        raise InvalidArgumentError(
            "history", "has orders without order_id, so a return cannot be linked to one",
            hint="map order_id in Orders",
        )  # fmt: skip
    rows = orders.counted(before_us=before_us)
    # The others are of no use here, may have names of the columns below, and may be of a type
    # that Arrow cannot join, such as nulls alone.
    held = set(rows.collect_schema().names()) - set(columns.properties)
    rows = rows.select(*(name for name in _USED if name in held))
    unmapped = {
        name: nw.lit(None, dtype)
        for name, dtype, mapped in (
            (PRODUCT_ID, nw.String, columns.product_id),
            (RETURN_OF, nw.String, columns.return_of),
            (QUANTITY, nw.Int64, columns.quantity),
        )
        if mapped is None
    }
    # A column of nulls alone has no type yet, and cannot be joined on every version of Arrow.
    schema = rows.collect_schema()
    for name in (PRODUCT_ID, RETURN_OF):
        if schema.get(name) == nw.Unknown:
            unmapped[name] = nw.lit(None, nw.String)
    if unmapped:
        rows = rows.with_columns(**unmapped)
    cannot_link = columns.return_of is None and {PRODUCT_ID, QUANTITY} & set(unmapped)
    if cannot_link and orders.audit.returns:
        warnings.warn(
            "no return can be linked to its order: map return_of, or product_id and quantity",
            DataWarning,
            stacklevel=3,
        )
    source = orders.source
    rows = source.materialise(_numbered(source, rows))
    by_id = _linked_by_id(rows)
    if columns.product_id is None or columns.quantity is None:
        matched = None
    else:
        matched = _matched(source, _without_taken(source, rows, by_id))
    returns = rows.filter(nw.col(IS_RETURN)).join(by_id, on=_IDENTITY, how="left")
    known = nw.col(LINKED_ORDER_ID)
    by_id_first = nw.when(~known.is_null()).then(nw.lit("id"))
    if matched is None:
        returns = returns.with_columns(by_id_first.otherwise(nw.lit("none")).alias(LINK))
    else:
        returns = returns.join(matched, on=_IDENTITY, how="left")
        match = nw.col("matched_order_id")
        link = by_id_first.otherwise(
            nw.when(~match.is_null()).then(nw.lit("match")).otherwise(nw.lit("none"))
        )
        order = nw.when(~known.is_null()).then(known).otherwise(match)
        returns = returns.with_columns(link.alias(LINK), order.alias(LINKED_ORDER_ID))
    return returns.select(
        CUSTOMER_ID,
        ORDER_ID,
        INSTANT_US,
        PRODUCT_ID,
        QUANTITY,
        AMOUNT_MINOR_UNITS,
        LINKED_ORDER_ID,
        LINK,
    )


def _numbered(source: frames.Source, rows: frames.Frame) -> frames.Frame:
    """Keep the customers who returned something, their rows numbered in time, purchases first."""
    returning = rows.filter(nw.col(IS_RETURN)).select(CUSTOMER_ID).unique()
    rows = rows.join(returning, on=CUSTOMER_ID, how="semi")
    rows = rows.with_columns(
        nw.col(QUANTITY).abs().alias(_UNITS),
        nw.col(ORDER_ID).cast(nw.String).alias(_ORDER_KEY),
        nw.col(RETURN_OF).cast(nw.String),
        nw.lit(1, nw.Int64).alias("one"),
        nw.col(IS_RETURN).cast(nw.Int64).alias("is_return_last"),
        nw.col(PRODUCT_ID).cast(nw.String).fill_null("").alias("tie_product"),
        nw.col(RETURN_OF).cast(nw.String).fill_null("").alias("tie_return_of"),
        nw.col(QUANTITY).fill_null(0).alias("tie_quantity"),
    )
    order = [INSTANT_US, "is_return_last", _ORDER_KEY, "tie_product", "tie_quantity"]
    order += [AMOUNT_MINOR_UNITS, "tie_return_of"]
    return frames.with_running(source, rows, [CUSTOMER_ID], order, {_ROW: ("one", "sum")})


def _linked_by_id(rows: frames.Frame) -> frames.Frame:
    """Return `row_of_customer` and `linked_order_id` of the returns that name an earlier order."""
    orders = (
        rows.filter(~nw.col(IS_RETURN))
        .group_by(CUSTOMER_ID, _ORDER_KEY)
        .agg(
            nw.col(INSTANT_US).min().alias("made_us"), nw.col(ORDER_ID).min().alias(LINKED_ORDER_ID)
        )
    )
    named = rows.filter(nw.col(IS_RETURN) & ~nw.col(RETURN_OF).is_null())
    named = named.select(*_IDENTITY, INSTANT_US, RETURN_OF).join(
        orders, how="inner", left_on=[CUSTOMER_ID, RETURN_OF], right_on=[CUSTOMER_ID, _ORDER_KEY]
    )
    return named.filter(nw.col("made_us") <= nw.col(INSTANT_US)).select(*_IDENTITY, LINKED_ORDER_ID)


def _without_taken(source: frames.Source, rows: frames.Frame, by_id: frames.Frame) -> frames.Frame:
    """Drop the returns linked by id, and the purchase lines that these have taken back."""
    line = [CUSTOMER_ID, _ORDER_KEY, PRODUCT_ID, _UNITS]
    known = ~nw.col(PRODUCT_ID).is_null() & ~nw.col(_UNITS).is_null()
    rows = rows.filter(known)
    taking = rows.filter(nw.col(IS_RETURN)).join(by_id, on=_IDENTITY, how="semi")
    taking = taking.with_columns(nw.col(RETURN_OF).alias(_ORDER_KEY))
    nth = {"nth": ("one", "sum")}
    taking = frames.with_running(source, taking, line, [_ROW], nth)  # type: ignore[arg-type]
    bought = rows.filter(~nw.col(IS_RETURN))
    bought = frames.with_running(source, bought, line, [_ROW], nth)  # type: ignore[arg-type]
    bought = bought.join(taking.select(*line, "nth"), on=[*line, "nth"], how="anti")
    returned = rows.filter(nw.col(IS_RETURN)).join(by_id, on=_IDENTITY, how="anti")
    needed = [*_KEY, _ROW, ORDER_ID, IS_RETURN, "one"]
    # One by one: DuckDB takes a hundred times longer over a union of the two anti-joins.
    sides = [source.materialise(side.select(needed)) for side in (bought, returned)]
    return frames.concat_rows(sides)


def _matched(source: frames.Source, rows: frames.Frame) -> frames.Frame:
    """Return `row_of_customer` and `matched_order_id` of the returns that close a bracket."""
    is_return = nw.col(IS_RETURN)
    rows = rows.with_columns(
        nw.when(is_return).then(nw.lit(-1)).otherwise(nw.lit(1)).cast(nw.Int64).alias("step")
    )
    rows = frames.with_running(source, rows, _KEY, [_ROW], {"level": ("step", "sum")})
    rows = frames.with_running(source, rows, _KEY, [_ROW], {"lowest": ("level", "min")})
    below = nw.when(nw.col("lowest") < 0).then(-nw.col("lowest")).otherwise(nw.lit(0))
    rows = rows.with_columns(below.cast(nw.Int64).alias("orphans"))
    rows = frames.with_running(
        source, rows, [*_KEY, "orphans", IS_RETURN], [_ROW], {"nth": ("one", "sum")}
    )
    # The row that first reaches a count of orphans is itself the orphan.
    is_orphan = is_return & (nw.col("orphans") > 0) & (nw.col("nth") == 1)
    depth = nw.col("level") + nw.col("orphans")
    rows = rows.filter(~is_orphan).with_columns(
        nw.when(is_return).then(depth + 1).otherwise(depth).cast(nw.Int64).alias("depth")
    )
    pair = [*_KEY, "depth"]
    rows = frames.with_running(source, rows, [*pair, IS_RETURN], [_ROW], {"pair": ("one", "sum")})
    pair.append("pair")
    rows = source.materialise(rows)
    bought = rows.filter(~is_return).select(*pair, nw.col(ORDER_ID).alias("matched_order_id"))
    returned = rows.filter(is_return).select(_ROW, *pair)
    return returned.join(bought, on=pair, how="inner").select(*_IDENTITY, "matched_order_id")
