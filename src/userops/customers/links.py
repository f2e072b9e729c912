"""Links: two identifiers that were seen together, at an instant, and what that is worth.

Links come from tables of their own (`Links`), from events that carry several ids
(`History.links`), and from models that guess which records are one person's
(`Links.from_splink`). A resolution asks each source for what it saw before an instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.copies import copied
from userops.core.texts import coded
from userops.core.time import AsOf, as_of_us, zone
from userops.errors import ColumnNotFoundError, ColumnTypeError, DataError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID, INSTANT_US, EventColumns
from userops.events.normalise import check_columns, check_schema, normalised
from userops.events.working_columns import PREFIX, own

__all__ = ["LinkSource", "Links", "Seen", "as_link_sources", "by_kind"]

_LEFT, _RIGHT, _STRENGTH = PREFIX + "left", PREFIX + "right", PREFIX + "strength"
_LEFT_KIND, _RIGHT_KIND = PREFIX + "left_kind", PREFIX + "right_kind"
SIDES = (
    (PREFIX + "left_kind", PREFIX + "left_value"),
    (PREFIX + "right_kind", PREFIX + "right_value"),
)
_NO_SHARE = 2.0
FIRST, LAST, ROWS = PREFIX + "first_us", PREFIX + "last_us", PREFIX + "rows"


@attrs.frozen(eq=False)
class Seen:
    """Identifiers that were seen together: in each row, one of each kind at most.

    Attributes:
        kinds: The kinds.
        values: A column for each kind, text or whole numbers; null where there is none.
        first_us: The first instant at which a row was seen.
        last_us: The last one.
        rows: How often.
        strength: How sure a guess is, 0 to 1; 1 where it is none.
        is_certain: Whether they were seen together, and not only guessed to be one person's.
        by_hand: Whether somebody bound them.
    """

    kinds: tuple[str, ...]
    values: tuple[Any, ...] = attrs.field(repr=False)
    first_us: NDArray[np.int64] = attrs.field(repr=False)
    last_us: NDArray[np.int64] = attrs.field(repr=False)
    rows: NDArray[np.int64] = attrs.field(repr=False)
    strength: NDArray[np.float64] = attrs.field(repr=False)
    is_certain: bool = True
    by_hand: bool = False

    @classmethod
    def of_table(cls, table: Any, columns: dict[str, str], *, is_certain: bool = True) -> Seen:
        """Take rows from an Arrow table with the columns `FIRST`, `LAST` and `ROWS`.

        Args:
            table: The rows. Without `LAST` and `ROWS`, each was seen once.
            columns: Kind to column.
            is_certain: See the attributes.
        """
        named = table.column_names
        n = table.num_rows

        def taken(name: str, dtype: type[Any], absent: NDArray[Any]) -> NDArray[Any]:
            if name not in named:
                return absent
            return np.asarray(table.column(name).to_numpy().astype(dtype, copy=False))

        first = taken(FIRST, np.int64, np.empty(0, dtype=np.int64))
        last = taken(LAST, np.int64, first)
        rows = taken(ROWS, np.int64, np.ones(n, dtype=np.int64))
        strength = taken(_STRENGTH, np.float64, np.ones(n))
        values = tuple(table.column(column) for column in columns.values())
        return cls(tuple(columns), values, first, last, rows, strength, is_certain)


@runtime_checkable
class LinkSource(Protocol):
    """Where links come from: what was seen together before an instant."""

    def seen_before(self, before_us: int) -> list[Seen]:
        """Return what was seen before an instant, microseconds since 1970-01-01 UTC."""
        ...


class Links:
    """A table of links, with its columns named.

    Args:
        frame: One row a link: pandas, Polars (eager or lazy), PyArrow, DuckDB relation, PySpark or
            Ibis.
        left: Column of the values of one side; text or whole numbers.
        right: Column of the values of the other.
        left_kind: The kind of all values of `left`; or None, with `left_kind_column`.
        right_kind: The same of `right`.
        left_kind_column: Column of the kind of each value of `left`.
        right_kind_column: The same of `right`.
        seen_at: Column of the instant at which the two were seen together. A link counts for what
            is after it, never earlier.
        strength: Column of how sure a guess is, above 0 up to 1; None where they were seen. A
            resolution refuses any other number, and a guess without one.
        time_zone: IANA zone in which naive times are read; by default that of the history or of
            the resolution that the links are given to.
        time_format: As in `userops.events.EventColumns`.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If a column has a type that its role cannot use.

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table(
        ...     {
        ...         "member": ["m1", "m1", "m2"],
        ...         "openid": ["oA", "oB", "oC"],
        ...         "at": ["2024-01-05", "2024-02-05", "2024-03-01"],
        ...     }
        ... )
        >>> Links(
        ...     table,
        ...     left="member",
        ...     left_kind="member",
        ...     right="openid",
        ...     right_kind="openid",
        ...     seen_at="at",
        ... )
        Links(<pyarrow>, member 'member' - openid 'openid')
    """

    def __init__(
        self,
        frame: Any,
        *,
        left: str = "left_value",
        right: str = "right_value",
        left_kind: str | None = None,
        right_kind: str | None = None,
        left_kind_column: str = "left_kind",
        right_kind_column: str = "right_kind",
        seen_at: str = "seen_at",
        strength: str | None = None,
        time_zone: str | None = None,
        time_format: str | None = None,
    ) -> None:
        self.has_own_zone = time_zone is not None
        self.source = frames.read(frame)
        self._sides = (left, right)
        self._kinds = (left_kind, right_kind)
        self._kind_columns = tuple(
            None if kind is not None else column
            for kind, column in zip(self._kinds, (left_kind_column, right_kind_column), strict=True)
        )
        self._strength = strength
        self._columns = EventColumns(
            customer_id=left,
            identifiers={"right": right},
            occurred_at=seen_at,
            time_zone=time_zone or "UTC",
            time_format=time_format,
        )
        roles = {
            "left": left, "right": right, "seen_at": seen_at, "strength": strength,
            "left_kind_column": self._kind_columns[0], "right_kind_column": self._kind_columns[1],
        }  # fmt: skip
        check_columns(self.source, {role: name for role, name in roles.items() if name is not None})
        check_schema(self.source, self._columns)
        dtype = None if strength is None else self.source.frame.collect_schema()[strength]
        if dtype is not None and not dtype.is_numeric():
            raise ColumnTypeError(str(strength), "is no strength", got=dtype, allowed="numbers")

    @classmethod
    def from_splink(
        cls,
        pairs: Any,
        *,
        kind: str,
        known_from: AsOf,
        at_least: float = 0.95,
        unique_id: str = "unique_id",
        time_zone: str = "UTC",
    ) -> Links:
        """Take pairs that Splink guessed to be one person's: `linker.inference.predict(…)`.

        They are the weakest links there are: any other goes before them, and the limits hold.

        Args:
            pairs: Splink's frame, with `match_probability` and the ids of both sides; what
                `as_pandas_dataframe()` or `as_duckdbpyrelation()` of its result returns.
            kind: What its unique ids are, such as `customer_id`.
            known_from: When the model was run. A guess made today says nothing about the day of an
                earlier decision.
            at_least: The least `match_probability` that makes a link, above 0 up to 1.
            unique_id: What Splink's settings call the unique id.
            time_zone: The zone in which a date of `known_from` begins.

        Raises:
            ColumnNotFoundError: If a column of Splink is missing.
            InvalidArgumentError: If `at_least` is out of range.
        """
        if not 0 < at_least <= 1:
            raise InvalidArgumentError("at_least", "is out of range", got=at_least,
                                       allowed="above 0, up to 1")  # fmt: skip
        source = frames.read(pairs)
        names = source.frame.collect_schema().names()
        for name in ("match_probability", f"{unique_id}_l", f"{unique_id}_r"):
            if name not in names:
                raise ColumnNotFoundError(name, names)
        instant = nw.lit(as_of_us(known_from, zone(time_zone)), nw.Int64)
        frame = source.frame.filter(nw.col("match_probability") >= at_least).select(
            nw.col(f"{unique_id}_l").alias("left_value"),
            nw.col(f"{unique_id}_r").alias("right_value"),
            nw.col("match_probability").alias("strength"),
            instant.alias("seen_at"),
        )
        return cls(
            frame.to_native(), left_kind=kind, right_kind=kind, strength="strength",
            time_zone=time_zone, time_format="epoch_us",
        )  # fmt: skip

    def seen_before(self, before_us: int) -> list[Seen]:
        """Return the links before an instant; rows without both sides or a time are no links.

        Raises:
            DataError: If a strength is missing, or no share above 0.
        """
        frame = normalised(self.source, self._columns)
        chosen = [
            own(CUSTOMER_ID).alias(_LEFT),
            own("identifier_right").alias(_RIGHT),
            own(INSTANT_US).alias(FIRST),
            *(nw.col(n).cast(nw.String).alias(k)
              for n, k in zip(self._kind_columns, (_LEFT_KIND, _RIGHT_KIND), strict=True)
              if n is not None),
            *([_share(nw.col(self._strength)).alias(_STRENGTH)] if self._strength else []),
        ]  # fmt: skip
        known = ~own(CUSTOMER_ID).is_null() & ~own("identifier_right").is_null()
        rows = frame.filter(known & (own(INSTANT_US) < before_us).fill_null(False)).select(*chosen)
        if self.source.is_arrow or self.source.engine.startswith("polars"):
            table = frames.to_arrow(rows)
        else:
            table = frames.to_arrow(self._counted(rows))
        self._check_strength(table)
        return self._by_kinds(table)

    def in_zone(self, time_zone: str) -> Links:
        """Return the links with their naive times read in a zone, unless they name one."""
        if self.has_own_zone:
            return self
        return copied(self, _columns=attrs.evolve(self._columns, time_zone=time_zone))

    def _check_strength(self, table: Any) -> None:
        """Refuse guesses that do not say how sure they are: their order would be anybody's."""
        if self._strength is None:
            return
        bad = np.flatnonzero(table.column(_STRENGTH).to_numpy() == _NO_SHARE)
        if len(bad):
            left, right = (table.column(name)[int(bad[0])].as_py() for name in (_LEFT, _RIGHT))
            raise DataError(
                f"the strength {self._strength!r} of {len(bad):,} links is no share",
                got=f"such as of {left!r} and {right!r}", allowed="numbers above 0, up to 1",
                hint="leave out guesses that nothing is known of; 95 % is 0.95",
            )  # fmt: skip

    def with_rows(self, frame: Any, sides: tuple[str, str] | None = None) -> Links:
        """Return the links over other rows of the same columns, or of others of both sides."""
        left, right = sides or self._sides
        columns = attrs.evolve(self._columns, customer_id=left, identifiers={"right": right})
        return copied(self, source=frames.read(frame), _sides=(left, right), _columns=columns)

    def sides(self) -> frames.Frame:
        """Return the host's rows with kind and value of both sides, text, under `SIDES`."""
        names = self.source.frame.collect_schema().names()
        values = own(CUSTOMER_ID), own("identifier_right")
        columns = []
        for n, (value, kind) in enumerate(zip(values, self._kinds, strict=True)):
            column = self._kind_columns[n]
            said = nw.lit(kind) if column is None else nw.col(column)
            columns += [said.cast(nw.String).alias(SIDES[n][0])]
            columns += [value.cast(nw.String).alias(SIDES[n][1])]
        return normalised(self.source, self._columns).select(*names, *columns)

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The host's columns that have a role."""
        roles = (*self._sides, *self._kind_columns, self._columns.time_column, self._strength)
        return tuple(dict.fromkeys(name for name in roles if name is not None))

    def named_sides(self) -> list[tuple[str, nw.Expr]]:
        """Return the host's column of each side, and its values behind their kind, of `sides`."""
        return [
            (column, nw.concat_str(nw.col(kind), nw.lit(":"), nw.col(value)))
            for column, (kind, value) in zip(self._sides, SIDES, strict=True)
        ]

    def _counted(self, rows: frames.Frame) -> frames.Frame:
        """Let a cluster or a database bring each pair once."""
        keys = [name for name in rows.collect_schema().names() if name not in (FIRST, _STRENGTH)]
        taken = [nw.col(FIRST).min(), nw.col(FIRST).max().alias(LAST), nw.len().alias(ROWS)]
        taken += [nw.col(_STRENGTH).max()] if self._strength else []
        return rows.group_by(*keys).agg(*taken)

    def _by_kinds(self, table: Any) -> list[Seen]:
        """Split rows by the kinds of their sides."""
        (left_kind, right_kind), found = self._kinds, []
        for left, some in by_kind(table, _LEFT_KIND, left_kind):
            for right, rows in by_kind(some, _RIGHT_KIND, right_kind):
                found.append(self._seen(rows, left, right))
        return found

    def _seen(self, table: Any, left: str, right: str) -> Seen:
        columns = {"left": _LEFT, "right": _RIGHT}
        seen = Seen.of_table(table, columns, is_certain=self._strength is None)
        return attrs.evolve(seen, kinds=(left, right))

    def __repr__(self) -> str:
        """Return the engine and the sides; computes nothing."""
        sides = (
            f"{kind or column} {name!r}"
            for kind, column, name in zip(self._kinds, self._kind_columns, self._sides, strict=True)
        )
        return f"Links(<{self.source.engine}>, {' - '.join(sides)})"


def by_kind(table: Any, column: str, kind: str | None = None) -> list[tuple[str, Any]]:
    """Split the rows of an Arrow table by a column of kinds; those of no kind are left out.

    Args:
        table: The rows.
        column: The column of kinds.
        kind: The kind of all rows, where they have no such column.

    Returns:
        Each kind that occurs, by code point, and its rows without the column.
    """
    if kind is not None:
        return [(kind, table)]
    (codes,), kinds = coded([table.column(column)])
    table = table.drop_columns([column])
    names = kinds.at(np.arange(len(kinds)))
    return [
        (names[n], table.filter(codes == n))
        for n in sorted(range(len(names)), key=names.__getitem__)
    ]


def _share(strength: nw.Expr) -> nw.Expr:
    """Return strengths, with `_NO_SHARE` for all that are none: the largest of a pair shows it."""
    share = strength.cast(nw.Float64)
    is_good = ((share > 0) & (share <= 1)).fill_null(False)
    return nw.when(is_good).then(share).otherwise(nw.lit(_NO_SHARE))


def as_link_sources(links: Any, time_zone: str) -> tuple[LinkSource, ...]:
    """Return what a caller gave as links: one source, a frame for one, or several.

    Args:
        links: What was given.
        time_zone: The zone of links that name none.

    Raises:
        InvalidArgumentError: If it is none of these.
    """
    if links is None:
        return ()
    if isinstance(links, str | bytes | dict):
        raise InvalidArgumentError(
            "links", "are no links", got=type(links).__name__,
            allowed="Links(frame, …), history.links(), a frame, or several of them",
        )  # fmt: skip
    several: Sequence[Any] = links if isinstance(links, list | tuple) else [links]
    sources = (one if isinstance(one, LinkSource) else Links(one) for one in several)
    return tuple(one.in_zone(time_zone) if isinstance(one, Links) else one for one in sources)
