"""A table of what is known about reaching customers by their identifiers, as of an instant.

What counts, and what makes an identifier reachable, is said in `reach_rows`. A status belongs to
the identifier, not to who has it: of a shared phone one opting out is enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Self

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.blanks import is_blank_expr, strip_expr
from userops.core.copies import copied
from userops.core.values import Kind
from userops.customers.attribute_rows import DatedValue
from userops.customers.attribute_table import AttributeTable
from userops.customers.links import FIRST, LAST, ROWS, Seen, by_kind
from userops.customers.reach_quality import (
    REASON,
    UNKNOWN,
    checked_words,
    reach_quality,
    warn_of_kinds,
    warn_of_words,
    with_reasons,
)
from userops.customers.reach_rows import CODES, REACHABLE_BY, ReachRow, dated_flags
from userops.customers.reach_states import (
    CODE,
    KIND,
    OWNER,
    VALUE,
    identifier_states,
)
from userops.errors import ColumnTypeError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID, INSTANT_US, EventColumns
from userops.events.normalise import check_columns, check_schema, normalised
from userops.events.quality import Quality
from userops.events.working_columns import PREFIX, own

if TYPE_CHECKING:
    from userops.customers.identified import Persons

__all__ = ["Reach"]

_STATUSES = {code: status for status, code in CODES.items()}


class Reach(AttributeTable):
    """A log of consent and delivery: one row an identifier and a change.

    The log is also evidence of who is who: in a history with identities a row that names a customer
    links him to the identifier, as a row of an event does. As attributes it says
    `reachable_by_<kind>`: whether a customer has any identifier of the kind by which he may be
    contacted; missing where the log knows none of his.

    Args:
        frame: The rows; any frame that `userops.events.Events` takes.
        customer_id: Column of whose identifier it is; text or integers, may be null. By default
            the column `customer_id`, where there is one; None for none.
        identifier_kind: Column of the kind; text.
        identifier_value: Column of the value; text or integers.
        status: Column of what became known.
        occurred_at: Column of when.
        statuses: The host's words, to `opted_in`, `opted_out`, `reachable`, `unreachable` or
            `blocked`. These themselves are known. Rows with other words do not count, with a
            warning; see `quality`.
        without_consent: Kinds by which customers may be contacted without having opted in.
        time_zone: IANA zone in which naive times are read; by default the one of the history.
        time_format: As in `userops.events.EventColumns`.

    Raises:
        ColumnNotFoundError: If a column does not exist; names the nearest.
        ColumnTypeError: If a column has a type that its role cannot use.
        InvalidArgumentError: If a word stands for no status.

    Example:
        >>> import pyarrow as pa
        >>> log = Reach(
        ...     pa.table(
        ...         {
        ...             "customer_id": ["a", "a"],
        ...             "identifier_kind": ["phone", "phone"],
        ...             "identifier_value": ["13800138001", "13800138001"],
        ...             "status": ["opted_in", "STOP"],
        ...             "occurred_at": ["2024-01-05", "2024-03-01"],
        ...         }
        ...     ),
        ...     statuses={"STOP": "opted_out"},
        ... )
        >>> log
        Reach(<pyarrow>, 'customer_id', 'identifier_kind': 'identifier_value', 'status')
    """

    def __init__(
        self,
        frame: Any,
        *,
        customer_id: str | EllipsisType | None = ...,
        identifier_kind: str = "identifier_kind",
        identifier_value: str = "identifier_value",
        status: str = "status",
        occurred_at: str = "occurred_at",
        statuses: Mapping[str, str] | None = None,
        without_consent: Iterable[str] = (),
        time_zone: str | None = None,
        time_format: str | None = None,
    ) -> None:
        source = frame if isinstance(frame, frames.Source) else frames.read(frame)
        owner = source.optional(CUSTOMER_ID) if customer_id is ... else customer_id
        super().__init__(source, owner or "", time_zone)
        self._owner = owner
        self._kind, self._value, self._status = identifier_kind, identifier_value, status
        self._words = checked_words(statuses or {})
        self.without_consent = tuple(without_consent)
        self._persons: Persons | None = None
        self._declared: tuple[str, ...] = ()
        self._columns = EventColumns(
            customer_id=owner,
            identifiers={"value": identifier_value},
            occurred_at=occurred_at,
            time_zone=self.zone.name,
            time_format=time_format,
        )
        check_columns(source, {"identifier_kind": identifier_kind, "status": status})
        check_schema(source, self._columns)
        schema = source.frame.collect_schema()
        for role in (identifier_kind, status):
            if schema[role] not in (nw.String, nw.Categorical, nw.Enum, nw.Unknown):
                raise ColumnTypeError(role, "is no text", got=schema[role], allowed="text")

    @classmethod
    def from_columns(
        cls,
        frame: Any,
        *,
        identifier_kind: str,
        identifier_value: str,
        customer_id: str | None = CUSTOMER_ID,
        without_consent: Iterable[str] = (),
        time_zone: str | None = None,
        **changed_at: str,
    ) -> Self:
        """Take a table with a column for each status that says when it came about.

        Args:
            frame: One row an identifier.
            identifier_kind: Column of the kind.
            identifier_value: Column of the value.
            customer_id: Column of whose it is.
            without_consent: As in the constructor.
            time_zone: As in the constructor.
            **changed_at: `opted_in_at`, `opted_out_at`, `reachable_at`, `unreachable_at` and
                `blocked_at`: the column of the instant, null for never.

        Raises:
            InvalidArgumentError: If no column is named, or one for another status.
        """
        allowed = [f"{status}_at" for status in CODES]
        for name in changed_at:
            if name not in allowed:
                raise InvalidArgumentError.unknown("changed_at", name, allowed)
        if not changed_at:
            raise InvalidArgumentError("changed_at", "names no column", allowed=allowed)
        source = frames.read(frame)
        roles = {"identifier_kind": identifier_kind, "identifier_value": identifier_value}
        roles |= {CUSTOMER_ID: customer_id} if customer_id is not None else {}
        check_columns(source, {**roles, **changed_at})
        parts = [
            source.frame.filter(~nw.col(column).is_null()).select(
                *(nw.col(given).alias(role) for role, given in roles.items()),
                nw.lit(name.removesuffix("_at")).alias("status"),
                nw.col(column).alias("occurred_at"),
            )
            for name, column in changed_at.items()
        ]
        return cls(
            source.give_back(frames.concat_rows(parts)),
            customer_id=None if customer_id is None else CUSTOMER_ID,
            without_consent=without_consent,
            time_zone=time_zone,
        )

    def in_zone(self, time_zone: str) -> Self:
        """Return the table with its naive times read in a zone, unless it names one itself."""
        if self.has_own_zone:
            return self
        return type(self)(
            self.source, customer_id=self._owner, identifier_kind=self._kind,
            identifier_value=self._value, status=self._status,
            occurred_at=self._columns.time_column, statuses=self._words,
            without_consent=self.without_consent, time_zone=time_zone,
            time_format=self._columns.time_format,
        )  # fmt: skip

    def with_persons(self, persons: Persons) -> Self:
        """Return the log with its identifiers given to the persons whose they are."""
        return copied(self, _persons=persons)

    def with_rows(self, frame: Any, customer_id: str | None = None) -> Self:
        """Return the log over other rows of the same columns, or of another one of customers."""
        owner = customer_id or self._owner
        columns = attrs.evolve(self._columns, customer_id=owner)
        roles: dict[str, Any] = {"_owner": owner, "customer_id": owner or "", "_columns": columns}
        roles |= {"_declared": self.names}  # known, also when the last row of a kind goes
        return copied(self, source=frames.read(frame), _persons=None, **roles)

    @property
    def value_column(self) -> str:
        """The host's column of the values."""
        return self._value

    @property
    def columns_used(self) -> tuple[str, ...]:
        """The host's columns that have a role."""
        roles = (self._owner, self._kind, self._value, self._status, self._columns.time_column)
        return tuple(dict.fromkeys(name for name in roles if name is not None))

    def owned(self) -> frames.Frame:
        """Return the host's rows with whose they are: `OWNER`, whether they count or not."""
        names = self.source.frame.collect_schema().names()
        rows = self._read.select(
            *names,
            own(CUSTOMER_ID).alias(OWNER),
            KIND,
            own("identifier_value").cast(nw.String).alias(VALUE),
        )
        if self._persons is not None:
            rows = self._persons.with_current(rows, OWNER)
            rows = self._persons.with_owner(rows, nw.col(KIND), nw.col(VALUE), PREFIX + "of")
            rows = rows.with_columns(nw.coalesce(PREFIX + "of", OWNER).alias(OWNER))
        return rows.select(*names, OWNER, KIND, VALUE)

    @property
    def has_persons(self) -> bool:
        """Whether its customers are persons, whose ids are text."""
        return self._persons is not None

    # Rows

    @cached_property
    def _read(self) -> frames.Frame:
        """The host's rows with what was read of them, and why a row cannot count."""
        rows = normalised(self.source, self._columns)
        kind, word = (strip_expr(nw.col(n).cast(nw.String)) for n in (self._kind, self._status))
        cases = [(word == said, CODES[status]) for said, status in self._words.items()]
        rows = rows.with_columns(
            nw.when(~is_blank_expr(nw.col(self._kind).cast(nw.String))).then(kind).alias(KIND)
        )
        rows = frames.with_first_true(self.source, rows, CODE, cases, otherwise=0)
        return with_reasons(rows)

    @cached_property
    def _rows(self) -> frames.Frame:
        """The rows that count: whose, kind, value as it is written, instant and code."""
        rows = self._read.filter(nw.col(REASON) == "").select(
            own(CUSTOMER_ID).alias(OWNER),
            KIND,
            own("identifier_value").cast(nw.String).alias(VALUE),
            own(INSTANT_US).alias(INSTANT_US),
            nw.col(CODE).cast(nw.Int64),
        )
        if self._persons is None:
            return rows
        parts = []
        for kind in self._kinds_known:
            mine = rows.filter(nw.col(KIND) == kind)
            parts.append(self._persons.with_written(mine, kind, VALUE, OWNER))
        return frames.concat_rows(parts) if parts else rows

    @cached_property
    def _kinds_known(self) -> tuple[str, ...]:
        """The kinds that occur, by code point; asks once, and warns of words without a meaning."""
        counts = frames.to_rows(frames.counted_by(self._read.select(KIND, REASON), [KIND, REASON]))
        unknown = sum(int(row["rows"]) for row in counts if row[REASON] == UNKNOWN)
        if unknown:
            of = sum(int(row["rows"]) for row in counts)
            warn_of_words(self._read, self._status, unknown, of)
        return tuple(sorted(row[KIND] for row in counts if row[REASON] == ""))

    @cached_property
    def quality(self) -> Quality:
        """What became of each row; see `Quality`. Reasons as in `quarantine`."""
        return reach_quality(self._read)

    @cached_property
    def quarantine(self) -> Any:
        """The rows that cannot count, as they came, with their `reason`; the host's frame type.

        Reasons: `no_identifier`, `no_kind`, `no_time`, `unreadable_time`, `unknown_status`. Where
        the host has a column `reason` of its own, ours is `quarantine_reason`.
        """
        names = self.source.frame.collect_schema().names()
        title = "reason" if "reason" not in names else "quarantine_reason"
        rows = self._read.filter(nw.col(REASON) != "")
        return self.source.give_back(rows.select(*names, nw.col(REASON).alias(title)))

    def seen_before(self, before_us: int) -> list[Seen]:
        """Return the identifiers of the log, with the customers that it names, as links."""
        rows = self._read.filter((nw.col(REASON) == "") & (own(INSTANT_US) < before_us))
        columns = {VALUE: own("identifier_value").cast(nw.String)}
        if self._owner is not None:
            columns[OWNER] = own(CUSTOMER_ID).cast(nw.String)
        rows = rows.select(
            KIND, *(c.alias(n) for n, c in columns.items()), own(INSTANT_US).alias(FIRST)
        )
        counts = rows.group_by(KIND, *columns).agg(
            nw.col(FIRST).min(), nw.col(FIRST).max().alias(LAST), nw.len().alias(ROWS)
        )
        named = {CUSTOMER_ID: OWNER} if self._owner is not None else {}
        return [
            Seen.of_table(table, {**named, kind: VALUE})
            for kind, table in by_kind(frames.to_arrow(counts), KIND)
        ]

    # As of an instant

    def states_before(self, before_us: int) -> frames.Frame:
        """Return how each identifier stands as of an instant; nothing is collected.

        Returns:
            One row an identifier, and where several customers have it one row each: `customer_id`
            (null where it is nobody's), `identifier_kind`, `identifier_value`, `consent`,
            `consent_us`, `delivery`, `delivery_us`, `is_reachable`.
        """
        if self._persons is None:  # with identities the declared kinds decide
            warn_of_kinds(self.without_consent, self._kinds_known)
        rows = self._rows.filter(nw.col(INSTANT_US) < before_us)
        return identifier_states(rows, self.without_consent)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The attributes: `reachable_by_` and each kind that occurs."""
        found = {REACHABLE_BY + kind for kind in self._kinds_known}
        return tuple(sorted(found.union(self._declared)))

    @property
    def kinds(self) -> dict[str, Kind | None]:
        """Attribute to kind of value: flags."""
        return dict.fromkeys(self.names, "flag")

    def _values_before(self, before_us: int, names: list[str]) -> frames.Frame:
        states = self.states_before(before_us).filter(~nw.col(CUSTOMER_ID).is_null())
        flag = nw.col("is_reachable").cast(nw.Int8)
        taken = {name: f"{PREFIX}flag_{n}" for n, name in enumerate(names)}
        wide = states.select(
            CUSTOMER_ID,
            *(
                nw.when(nw.col("identifier_kind") == name.removeprefix(REACHABLE_BY))
                .then(flag)
                .alias(column)
                for name, column in taken.items()
            ),
        )
        wide = wide.group_by(CUSTOMER_ID).agg(nw.col(*taken.values()).max())
        return wide.select(CUSTOMER_ID, *((nw.col(c) == 1).alias(n) for n, c in taken.items()))

    def customer_ids(self, before_us: int) -> frames.Frame:
        """Return the distinct `customer_id` that the log names before an instant."""
        rows = self._rows.filter((nw.col(INSTANT_US) < before_us) & ~nw.col(OWNER).is_null())
        ids = rows.select(nw.col(OWNER).alias(CUSTOMER_ID))
        return frames.counted_by(ids, [CUSTOMER_ID]).select(CUSTOMER_ID)

    def rows_of(self, customer_id: str | int) -> tuple[ReachRow, ...]:
        """Return what the log says about the identifiers of one customer, by time."""
        is_his = nw.col(OWNER) == frames.constant(self._rows, OWNER, customer_id)
        mine = self._rows.filter(is_his.fill_null(False)).select(KIND, VALUE)
        mine = frames.counted_by(mine, [KIND, VALUE]).drop("rows")
        rows = self._rows.join(mine, on=[KIND, VALUE], how="semi")
        found = [
            ReachRow(
                row[KIND], row[VALUE], _STATUSES[row[CODE]], row[INSTANT_US],
                row[OWNER] == customer_id,
            )
            for row in frames.to_rows(rows)
        ]  # fmt: skip
        return tuple(sorted(found, key=lambda row: (row.instant_us, *row)))

    def of_customer(self, customer_id: str | int) -> tuple[DatedValue, ...] | None:
        """Return `reachable_by_…` of one customer; None where the log knows none of his."""
        return dated_flags(self.rows_of(customer_id), self.without_consent) or None

    def check(self) -> Self:
        """Read the kinds of the log, and return self."""
        self._kinds_known  # noqa: B018 - computed once
        return self

    def __repr__(self) -> str:
        """Return the engine and the columns; computes nothing."""
        owner = "" if self._owner is None else f", {self._owner!r}"
        return (
            f"Reach(<{self.source.engine}>{owner}, {self._kind!r}: {self._value!r}, "
            f"{self._status!r})"
        )
