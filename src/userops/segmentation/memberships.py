"""Which customers belong to which of many named sets: segments, tags, lists of a campaign."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import bits, frames
from userops.core.arrays import Columns, Ids
from userops.errors import ColumnTypeError, InvalidArgumentError
from userops.segmentation.membership_tables import Base, base_of, with_values

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from userops.charts import Language

__all__ = ["Memberships"]

_SHOWN = 12
_WORDS: Mapping[str, tuple[str, str]] = {
    "en": ("Customers by the exact combination of their sets", "All combinations"),
    "zh": ("按所属集合的确切组合统计的客户数", "全部组合"),
}
_PARTLY: Mapping[str, str] = {
    "en": "Shown: {share} of those in a set",
    "zh": "图中占集合内客户的 {share}",
}


@attrs.frozen(eq=False, slots=False, repr=False, kw_only=True)
class Memberships:
    """Which customers belong to which named sets, as one bit a customer and set.

    However the members were found, by rules, tags, scores or a list, they are compared here. A
    thousand sets of a million customers take 125 MB. Build one with `from_long` or `from_wide`.

    Attributes:
        names: The sets, in the order of their rows.
        bits: Packed bits (see `userops.core.bits`), of shape (sets, words).
        ids: The customers that the bits stand for, in ascending order.
        customers: Size of the base population, at least the number of ids: shares and lift relate
            to it.
        outside: Customers of the table who are not in the base population; they count nowhere.
        engine: The engine of the table, in whose type results come.

    Examples:
        >>> import pandas as pd
        >>> tags = pd.DataFrame({"customer_id": [1, 2, 2, 3], "tag": ["vip", "vip", "new", "new"]})
        >>> sets = Memberships.from_long(tags, customers=10)
        >>> sets
        2 sets of 10 customers; 3 customers (30.0%) are in at least one
          new  2 customers, 20.0%
          vip  2 customers, 20.0%
        >>> sets.members("vip")
        [1, 2]
        >>> sets.intersection("vip", "new").members()
        [2]
    """

    names: tuple[str, ...]
    bits: bits.Words
    ids: Ids
    customers: int
    outside: int = 0
    engine: str = "pandas"

    @classmethod
    def from_long(
        cls,
        frame: Any,
        *,
        customer_id: str = "customer_id",
        name: str = "tag",
        value: str | None = None,
        customers: int | Any | None = None,
    ) -> Memberships:
        """Take the sets from a table of one row an assignment.

        The three columns are read into this process, also from a cluster.

        Args:
            frame: Any supported frame. A repeated assignment counts once; a row without a customer
                or without a name assigns nothing, though its customer belongs to the base.
            customer_id: The column of ids: whole numbers or text.
            name: The column of set names.
            value: The column of values, where tags have them. A tag of several values makes a set
                a value, named `tag=value`, and its rows without a value assign nothing; a tag of
                one value, or of none, makes one set with the tag's own name.
            customers: The base population: its size, or a frame that lists its ids under
                `customer_id`. By default the customers of the table.

        Returns:
            The sets in order of their names.

        Raises:
            ColumnNotFoundError: If a column is missing.
            ColumnTypeError: If ids are neither whole numbers nor text.
            InvalidArgumentError: If the population is smaller than the customers of the table, or
                two different tags and values make one name.
        """
        wanted = [customer_id, name, *([value] if value is not None else [])]
        columns = Columns.read(frame, wanted)
        ids, members = columns.ids(customer_id)
        sets, names = columns.texts(name)
        if value is not None:
            sets, names = with_values(sets, names, *columns.texts(value))
        counts = (members >= 0) & (sets >= 0)
        if not counts.all():
            members, sets = members[counts], sets[counts]
        order = sorted(range(len(names)), key=lambda k: names[k])
        rank = np.empty(len(names), dtype=np.int64)
        rank[order] = np.arange(len(names))
        base = base_of(customers, ids, customer_id)
        if base.ids is not ids:
            members = base.ids.positions_of(ids)[members]
            sets, members = sets[members >= 0], members[members >= 0]
        packed = bits.pack_members(members, rank[sets], n_sets=len(names), customers=len(base.ids))
        ordered = tuple(names[k] for k in order)
        return _over(base, ordered, packed, columns.source.engine)

    @classmethod
    def from_wide(
        cls,
        frame: Any,
        *,
        customer_id: str = "customer_id",
        names: Sequence[str] | None = None,
        customers: int | Any | None = None,
    ) -> Memberships:
        """Take the sets from boolean columns, one a set.

        Args:
            frame: Any supported frame. A customer on several rows is a member where one of them
                says so; null is not a member.
            customer_id: The column of ids: whole numbers or text.
            names: The boolean columns; by default all that the frame has.
            customers: The base population, as for `from_long`.

        Returns:
            The sets in order of the columns.

        Raises:
            ColumnNotFoundError: If a column is missing.
            ColumnTypeError: If a named column is not boolean, or ids are of no usable type.
            InvalidArgumentError: If the population is smaller than the customers of the table.
        """
        source = frames.read(frame)
        schema = source.frame.collect_schema()
        kept = list(dict.fromkeys(names if names is not None else _flag_columns(schema)))
        columns = Columns.read(source, [customer_id, *kept])
        ids, members = columns.ids(customer_id)
        base = base_of(customers, ids, customer_id)
        if base.ids is not ids:
            # The last place is that of rows without a customer.
            members = np.append(base.ids.positions_of(ids), -1)[members]
        packed = np.zeros((len(kept), -(-len(base.ids) // 64)), dtype=np.uint64)
        for row, column in enumerate(kept):
            if columns.kind(column) != "flag":
                raise ColumnTypeError(
                    column, "is not boolean", got=columns.kind(column), allowed="true and false",
                    hint="compare it first, as in score > 3; from_long reads tables of names",
                )  # fmt: skip
            flags = np.zeros(len(base.ids), dtype=np.bool_)
            flags[members[columns.flags(column)[0] & (members >= 0)]] = True
            packed[row] = bits.pack_flags(flags)
        return _over(base, tuple(kept), packed, columns.source.engine)

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self.names)}

    @cached_property
    def _sizes(self) -> NDArray[np.int64]:
        return bits.counts(self.bits)

    @cached_property
    def _anywhere(self) -> int:
        """How many customers are in at least one set."""
        return int(bits.counts(np.bitwise_or.reduce(self.bits, axis=0)))

    def row(self, name: str) -> int:
        """Return the row of a set.

        Raises:
            InvalidArgumentError: If there is no such set, offering the nearest name.
        """
        if name not in self._rows:
            raise InvalidArgumentError.unknown("name", str(name), self.names)
        return self._rows[name]

    def sizes(self) -> dict[str, int]:
        """Return the number of members of each set."""
        return dict(zip(self.names, self._sizes.tolist(), strict=True))

    def flags(self, name: str | None = None) -> NDArray[np.bool_]:
        """Return one flag for each of `ids`: whether he is a member.

        Args:
            name: The set; it may be left out where there is only one.
        """
        return bits.unpack(self.bits[self.row(self._only(name))], len(self.ids))

    def members(self, name: str | None = None) -> list[Any]:
        """Return the ids of a set's members in ascending order.

        Args:
            name: The set; it may be left out where there is only one.
        """
        return self.ids.at(self.flags(name))

    def id_set(self) -> Ids:
        """Return the customers who are in any of the sets, in a form that is quick to look up."""
        anyone = np.bitwise_or.reduce(self.bits, axis=0)
        return self.ids.taken(bits.unpack(anyone, len(self.ids)))

    def _only(self, name: str | None) -> str:
        if name is None and len(self.names) != 1:
            raise InvalidArgumentError(
                "name", "is needed, because there are several sets", got=f"{len(self.names)} sets"
            )
        return self.names[0] if name is None else name

    def select(self, *names: str) -> Memberships:
        """Return some of the sets, in the given order, over the same customers."""
        rows = [self.row(name) for name in dict.fromkeys(names)]
        return attrs.evolve(self, names=tuple(dict.fromkeys(names)), bits=self.bits[rows])

    def union(self, *names: str, called: str | None = None) -> Memberships:
        """Return one set of the customers who are in any of the named sets.

        Args:
            *names: The sets, at least one.
            called: Name of the new set; by default made of theirs.
        """
        return self._combined("union", " ∪ ", names, called)

    def intersection(self, *names: str, called: str | None = None) -> Memberships:
        """Return one set of the customers who are in all of the named sets.

        Args:
            *names: The sets, at least one.
            called: Name of the new set; by default made of theirs.
        """
        return self._combined("intersection", " ∩ ", names, called)

    def difference(self, a: str, b: str, *, called: str | None = None) -> Memberships:
        """Return one set of the customers who are in `a` and not in `b`.

        Args:
            a: The set that loses members.
            b: The set whose members it loses.
            called: Name of the new set; by default made of theirs.
        """
        return self._combined("difference", " − ", (a, b), called)

    def _combined(
        self, operation: str, sign: str, names: Sequence[str], called: str | None
    ) -> Memberships:
        if not names:
            raise InvalidArgumentError("names", f"a {operation} needs at least one set")
        rows = self.bits[[self.row(name) for name in names]]
        if operation == "union":
            words = np.bitwise_or.reduce(rows, axis=0)
        elif operation == "intersection":
            words = np.bitwise_and.reduce(rows, axis=0)
        else:
            words = rows[0] & ~rows[1]
        return attrs.evolve(self, names=(called or sign.join(names),), bits=words[np.newaxis])

    def combinations(self, *, most: int | None = None) -> list[tuple[tuple[str, ...], int]]:
        """Count the customers by the exact combination of their sets.

        Args:
            most: How many combinations to return at most, the most frequent ones; None for all.

        Returns:
            Names and customers, the most frequent combination first. The combination `()` counts
            the customers of the base population who are in no set.
        """
        # One more, because the combination of no set is counted apart.
        listed = bits.patterns(self.bits, len(self.ids), most=None if most is None else most + 1)
        found = [(tuple(self.names[k] for k in rows), count) for rows, count in listed if rows]
        if self.customers > self._anywhere:
            found.append(((), self.customers - self._anywhere))
        return sorted(found, key=lambda item: -item[1])[:most]

    def plot_upset(
        self,
        *names: str,
        most: int = 20,
        min_size: int = 1,
        locale: Language = "en",
        ax: Axes | None = None,
    ) -> Axes:
        """Draw which combinations of sets the customers have, as an UpSet chart.

        Customers who are in none of the sets are not drawn.

        Args:
            *names: Which sets; all by default.
            most: How many combinations to draw at most.
            min_size: Combinations of fewer customers are left out.
            locale: `en` or `zh`.
            ax: Where to draw; None makes a new figure.

        Returns:
            The axes, as `userops.charts.plot_upset` makes them.

        Raises:
            InvalidArgumentError: If a set or the locale is not known.
            MissingExtraError: If matplotlib is not installed.
        """
        from userops.charts import format_percent, plot_upset

        if locale not in _WORDS:
            raise InvalidArgumentError.unknown("locale", locale, _WORDS)
        chosen = self.select(*names) if names else self
        title, x_label = _WORDS[locale]
        found = [pair for pair in chosen.combinations(most=most + 1) if pair[0]][:most]
        drawn = sum(count for _, count in found if count >= min_size)
        if drawn < chosen._anywhere:
            x_label = _PARTLY[locale].format(share=format_percent(drawn / chosen._anywhere))
        return plot_upset(
            chosen.names,
            sizes=list(chosen.sizes().values()),
            intersections=found,
            most=most,
            min_size=min_size,
            title=title,
            x_label=x_label,
            language=locale,
            ax=ax,
        )

    def __len__(self) -> int:
        return len(self.names)

    def _lines(self) -> tuple[str, list[tuple[str, str, str]]]:
        anywhere = self._anywhere
        sets = f"{len(self):,} set{'s' * (len(self) != 1)} of {self.customers:,} customers"
        share = f" ({anywhere / self.customers:.1%})" if self.customers else ""
        said = f"{sets}; {anywhere:,} customers{share} are in at least one"
        if self.outside:
            said += f"; {self.outside:,} customers outside the population are left out"
        largest = np.argsort(-self._sizes, kind="stable")[:_SHOWN].tolist()
        rows = []
        for k in largest:
            size = int(self._sizes[k])
            part = f"{size / self.customers:.1%}" if self.customers else "–"
            rows.append((self.names[k], f"{size:,}", part))
        return said, rows

    def __repr__(self) -> str:
        """Return the counts and the largest sets."""
        said, rows = self._lines()
        wide = max((len(name) for name, _, _ in rows), default=0)
        high = max((len(size) for _, size, _ in rows), default=0)
        lines = [f"  {n:<{wide}}  {size:>{high}} customers, {part}" for n, size, part in rows]
        more = [f"  … and {len(self) - len(rows):,} more"] if len(rows) < len(self) else []
        return "\n".join([said, *lines, *more])

    def _repr_html_(self) -> str:
        said, rows = self._lines()
        cells = "".join(
            f"<tr><td style='text-align:left'>{html.escape(name)}</td><td>{size}</td>"
            f"<td>{part}</td></tr>"
            for name, size, part in rows
        )
        head = "<tr><th>set</th><th>customers</th><th>share</th></tr>"
        return f"<table><caption>{html.escape(said)}</caption>{head}{cells}</table>"


def _flag_columns(schema: Any) -> list[str]:
    return [name for name, dtype in schema.items() if dtype == nw.Boolean]


def _over(base: Base, names: tuple[str, ...], packed: bits.Words, engine: str) -> Memberships:
    return Memberships(
        names=names, bits=packed, ids=base.ids, customers=base.customers,
        outside=base.outside, engine=engine,
    )  # fmt: skip
