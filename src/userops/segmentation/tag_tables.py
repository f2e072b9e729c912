"""The tables that tags are judged by, read and checked: tags, customers, labels and outcomes."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataError,
    InvalidArgumentError,
)
from userops.events.columns import CUSTOMER_ID

__all__ = [
    "Base",
    "Facts",
    "Rows",
    "TagTable",
    "read_customers",
    "read_facts",
    "read_tags",
    "row_count",
    "together",
]

TAG = "tag"
VALUE = "value"
FACT = "fact"
_TEXTS = (nw.String, nw.Categorical, nw.Enum)


@attrs.frozen(eq=False)
class Rows:
    """A table as it was read.

    Attributes:
        source: The host's frame.
        frame: The rows that say something, computed once.
        id_kind: Type of the customer ids; None where there are only nulls.
        argument: What the caller calls the table.
    """

    source: frames.Source
    frame: frames.Frame
    id_kind: Literal["text", "int"] | None
    argument: str


@attrs.frozen(eq=False)
class TagTable:
    """Who has which value of which tag.

    Attributes:
        rows: One row a customer, tag and value.
        customers: Number of customers with any tag.
        by_tag: Number of customers by tag, in alphabetical order.
        by_value: Number of customers by tag and value, in alphabetical order.
        repeated: Tags of which a customer has several values.
    """

    rows: Rows
    customers: int
    by_tag: Mapping[str, int]
    by_value: Mapping[tuple[str, str], int]
    repeated: frozenset[str]

    def values_of(self, tag: str) -> list[str]:
        """Return the values of a tag in alphabetical order."""
        return [value for name, value in self.by_value if name == tag]

    def check_one_value(self, needed_for: str, tag: str | None = None) -> None:
        """Refuse tags of which a customer has several values, where customers are divided by value.

        Raises:
            DataError: If there is such a tag.
        """
        found = sorted(self.repeated) if tag is None else sorted(self.repeated & {tag})
        if found:
            raise DataError(
                f"{self.rows.argument}: customers have several values of {', '.join(found)}, and "
                f"{needed_for} needs one value a customer",
                hint="make a tag of each value: tag 'interest: tea', value 'true'",
            )


@attrs.frozen(eq=False)
class Base:
    """All customers, with and without tags.

    Attributes:
        customers: How many.
        rows: Their ids where these were given, each once.
    """

    customers: int
    rows: Rows | None


@attrs.frozen(eq=False)
class Facts:
    """One label or outcome a customer.

    Attributes:
        rows: `customer_id` and `fact`, a text or a float; a fact that is not known is null.
        known: How many customers have one.
        is_text: Whether facts are texts.
        is_binary: Whether facts are 0 and 1 alone.
    """

    rows: Rows
    known: int
    is_text: bool
    is_binary: bool

    @property
    def known_rows(self) -> Rows:
        """The rows whose fact is known."""
        return attrs.evolve(self.rows, frame=self.rows.frame.filter(~nw.col(FACT).is_null()))


def row_count(frame: frames.Frame) -> int:
    """Count the rows of a frame inside its engine."""
    return int(frames.to_rows(frame.select(n=nw.len()))[0]["n"])


def together(a: Rows, b: Rows) -> tuple[frames.Frame, frames.Frame]:
    """Return two tables with ids that can be compared.

    Raises:
        InvalidArgumentError: If they live in different engines, or ids have different types.
    """
    places = [table.source.family for table in (a, b)]
    if places[0] != places[1]:
        raise InvalidArgumentError(
            b.argument, f"lives in another engine than {a.argument}",
            got=f"{b.source.engine} and {a.source.engine}", hint="convert one of both",
        )  # fmt: skip
    if a.id_kind and b.id_kind and a.id_kind != b.id_kind:
        raise InvalidArgumentError(
            b.argument, f"has customer ids of another type than {a.argument}",
            got=f"{b.id_kind} and {a.id_kind}", hint="17850 and '17850' are two customers",
        )  # fmt: skip
    types = [table.frame.collect_schema()[CUSTOMER_ID] for table in (a, b)]
    if types[0] == types[1]:
        return a.frame, b.frame
    as_text = nw.col(CUSTOMER_ID).cast(nw.String)
    return a.frame.with_columns(as_text), b.frame.with_columns(as_text)


def read_tags(native: Any, argument: str) -> TagTable:
    """Read a long table of tags: `customer_id`, `tag`, `value`; other columns are ignored.

    Rows in which one of the three is null say nothing and are left out; rows that repeat count
    once.

    Raises:
        ColumnNotFoundError: If a column is missing.
        ColumnTypeError: If a column has a type that cannot be used.
    """
    source = _read_with(native, [CUSTOMER_ID, TAG, VALUE])
    ids, kind = _ids(source)
    columns = [ids, _text(source, TAG, ()), _text(source, VALUE, (nw.Boolean,))]
    keys = [CUSTOMER_ID, TAG, VALUE]
    frame = source.frame.select(*columns).drop_nulls(keys)
    frame = source.materialise(frames.counted_by(frame, keys).select(*keys))
    values = {
        (row[TAG], row[VALUE]): int(row["rows"])
        for row in frames.to_rows(frames.counted_by(frame, [TAG, VALUE]))
    }
    tags, repeated = {}, set()
    counts = frame.group_by(TAG).agg(
        nw.col(CUSTOMER_ID).n_unique().alias("customers"), nw.len().alias("rows")
    )
    for row in frames.to_rows(counts):
        tags[row[TAG]] = int(row["customers"])
        if int(row["rows"]) > int(row["customers"]):
            repeated.add(row[TAG])
    customers = frames.to_rows(frame.select(n=nw.col(CUSTOMER_ID).n_unique()))[0]["n"]
    return TagTable(
        rows=Rows(source, frame, kind, argument),
        customers=int(customers or 0),  # of no rows, DuckDB counts null
        by_tag=dict(sorted(tags.items())),
        by_value=dict(sorted(values.items())),
        repeated=frozenset(repeated),
    )


def read_customers(given: Any, argument: str, tags: TagTable) -> Base:
    """Read who the customers are: their number, or a frame with `customer_id`.

    Args:
        given: The number or the frame; ids in a frame may repeat, and nulls are left out.
        argument: What the caller calls it.
        tags: The tags that they have.

    Raises:
        InvalidArgumentError: If a number is below zero, or below the number of customers with a
            tag; or if customers with a tag are not in the frame.
    """
    if hasattr(given, "__index__"):
        if isinstance(given, bool) or given < 0:
            raise InvalidArgumentError(
                argument, "is no number of customers", got=given, allowed="0 or more"
            )
        return _checked_base(Base(operator.index(given), None), argument, tags, missing=0)
    source = _read_with(given, [CUSTOMER_ID])
    ids, kind = _ids(source)
    frame = source.frame.select(ids).drop_nulls([CUSTOMER_ID])
    frame = source.materialise(frame.unique([CUSTOMER_ID]))
    rows = Rows(source, frame, kind, argument)
    members, everybody = together(tags.rows, rows)
    strangers = members.select(CUSTOMER_ID).join(everybody, on=CUSTOMER_ID, how="anti")
    missing = row_count(strangers.unique([CUSTOMER_ID])) if tags.customers else 0
    return _checked_base(Base(row_count(frame), rows), argument, tags, missing=missing)


def _checked_base(base: Base, argument: str, tags: TagTable, *, missing: int) -> Base:
    if missing:
        raise InvalidArgumentError(
            argument, f"{missing:,} customers in {tags.rows.argument} are not among them",
            got=f"{base.customers:,} customers",
            hint="pass all customers, or filter the tags to the customers that you mean",
        )  # fmt: skip
    if base.customers < tags.customers:
        raise InvalidArgumentError(
            argument, f"is less than the number of customers in {tags.rows.argument}",
            got=f"{base.customers:,}", allowed=f"{tags.customers:,} or more",
            hint="pass the number of all customers, with and without a tag",
        )  # fmt: skip
    return base


def read_facts(native: Any, column: str, argument: str, *, texts: bool) -> Facts:
    """Read one label or outcome a customer; NaN is null.

    Args:
        native: A frame with `customer_id` and the column.
        column: `label` or `outcome`.
        argument: What the caller calls the frame.
        texts: Whether a text may be one.

    Raises:
        ColumnNotFoundError: If a column is missing.
        ColumnTypeError: If a column has a type that cannot be used.
        DataError: If a customer occurs twice, or a number is infinite.
    """
    source = _read_with(native, [CUSTOMER_ID, column])
    ids, kind = _ids(source)
    dtype = source.frame.collect_schema()[column]
    is_text = texts and isinstance(dtype, _TEXTS)
    fact = nw.col(column)
    if is_text:
        fact = fact.cast(nw.String)
    elif frames.is_null_column(source, column):
        fact = fact.cast(nw.Float64)
    elif dtype == nw.Boolean:
        fact = fact.cast(nw.Int64) / 1
    elif dtype.is_float():
        fact = nw.when(~fact.is_nan()).then(fact.cast(nw.Float64))
    elif dtype.is_integer():
        fact = fact / 1  # Arrow casts no integer beyond 2**53 to a float
    elif dtype.is_decimal():
        fact = fact.cast(nw.Float64)
    else:
        allowed = "true/false, 0/1" + (", or a text" if texts else ", or a number")
        raise ColumnTypeError(column, "cannot be used here", got=dtype, allowed=allowed)
    frame = source.frame.select(ids, fact.alias(FACT)).filter(~nw.col(CUSTOMER_ID).is_null())
    rows = Rows(source, source.materialise(frame), kind, argument)
    _check_once(rows, column)
    if is_text:
        return Facts(rows, row_count(rows.frame.filter(~nw.col(FACT).is_null())), True, False)
    number = nw.col(FACT)
    is_bit = ((number == 0) | (number == 1)).cast(nw.Int64)
    found = frames.to_rows(
        rows.frame.filter(~number.is_null()).select(
            n=nw.len(), low=number.min(), high=number.max(), bits=is_bit.sum()
        )
    )[0]
    known = int(found["n"])
    if known and not (math.isfinite(found["low"]) and math.isfinite(found["high"])):
        raise DataError(f"{argument}: column {column!r} holds infinite numbers")
    is_binary = dtype == nw.Boolean or int(found["bits"] or 0) == known
    return Facts(rows, known, False, is_binary)


def _check_once(rows: Rows, column: str) -> None:
    """Refuse a customer who occurs twice: which of both would count is anybody's guess."""
    repeated = frames.counted_by(rows.frame, [CUSTOMER_ID]).filter(nw.col("rows") > 1)
    found = frames.to_rows(repeated.select(n=nw.len(), example=nw.col(CUSTOMER_ID).min()))[0]
    if found["n"]:
        raise DataError(
            f"{rows.argument}: {int(found['n']):,} customers have more than one {column}",
            got=f"customer {found['example']!r}, for one",
            allowed="one row a customer",
            hint="group by customer_id first",
        )


def _read_with(native: Any, columns: list[str]) -> frames.Source:
    source = frames.read(native)
    existing = source.frame.collect_schema().names()
    for column in columns:
        if column not in existing:
            others = [name for name in existing if name not in columns]
            raise ColumnNotFoundError(
                column, existing,
                hint=f"rename the column that holds it to {column!r}"
                + (f", for example {others[0]!r}" if len(others) == 1 else ""),
            )  # fmt: skip
    return source


def _ids(source: frames.Source) -> tuple[nw.Expr, Literal["text", "int"] | None]:
    dtype = source.frame.collect_schema()[CUSTOMER_ID]
    if frames.is_null_column(source, CUSTOMER_ID):
        return nw.col(CUSTOMER_ID).cast(nw.String), None
    if CUSTOMER_ID in source.mixed or not (isinstance(dtype, _TEXTS) or dtype.is_integer()):
        raise ColumnTypeError(
            CUSTOMER_ID, "cannot name customers", got=source.mixed.get(CUSTOMER_ID, dtype),
            allowed="text or integers", hint="cast it: df['customer_id'].astype('Int64')",
        )  # fmt: skip
    if dtype.is_integer():
        return nw.col(CUSTOMER_ID), "int"
    return nw.col(CUSTOMER_ID).cast(nw.String), "text"


def _text(source: frames.Source, column: str, others: tuple[Any, ...]) -> nw.Expr:
    """Return a column as text; floats are refused, since each engine writes them in its own way."""
    dtype = source.frame.collect_schema()[column]
    is_known = isinstance(dtype, (*_TEXTS, *others)) or frames.is_null_column(source, column)
    if not is_known and not (others and dtype.is_integer()):
        allowed = "text, integers or booleans" if others else "text"
        raise ColumnTypeError(
            column, "cannot be used here", got=dtype, allowed=allowed, hint="cast it to text"
        )
    return nw.col(column).cast(nw.String)
