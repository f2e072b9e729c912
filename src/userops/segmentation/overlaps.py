"""How far many sets of customers overlap, and what each of them brings."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.charts import format_compact, format_percent, heat_grid
from userops.core import bits, frames
from userops.core.arrays import Amounts, Columns
from userops.errors import InvalidArgumentError, MoneyOverflowError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from userops.charts import Language
    from userops.segmentation.memberships import Memberships

__all__ = ["Measure", "Overlap", "brings", "overlap"]

Measure = Literal["both", "jaccard", "lift", "share"]
Matrix = NDArray[np.float64]

_SHOWN = 10
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "both": "Customers in both sets",
        "jaccard": "Overlap of sets: in both, of those in either",
        "lift": "Lift: how many times as often together as by chance",
        "share": "Share of each row's set that is in the column's set",
    },
    "zh": {
        "both": "同时属于两个集合的客户数",
        "jaccard": "集合重叠度：交集占并集的比例",
        "lift": "提升度：同时出现的频率是随机情况的多少倍",
        "share": "行集合中同时属于列集合的比例",
    },
}
_PAIR_KINDS: Mapping[str, Literal["text", "int", "float"]] = {
    "a": "text",
    "b": "text",
    "both": "int",
    "jaccard": "float",
    "lift": "float",
    "share_of_a": "float",
    "share_of_b": "float",
}


@attrs.frozen(eq=False, slots=False, repr=False, kw_only=True)
class Overlap:
    """How many customers each two sets share, and measures of it.

    All matrices have the shape (sets, sets), rows and columns in the order of `names`.

    Attributes:
        names: The sets.
        both: Customers in both sets, exact counts; the sizes stand on the diagonal.
        customers: Size of the base population.
        engine: The engine in whose frames `pairs` gives its rows.
    """

    names: tuple[str, ...]
    both: NDArray[np.int64]
    customers: int
    engine: Any = "pandas"

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Members of each set."""
        return np.diagonal(self.both)

    @cached_property
    def jaccard(self) -> Matrix:
        """Customers in both sets of those in either, 0 to 1; NaN for two empty sets.

        Jaccard (1912), The distribution of the flora in the alpine zone, New Phytologist 11(2).
        """
        either = self.sizes[:, np.newaxis] + self.sizes - self.both
        return _ratio(self.both, either)

    @cached_property
    def lift(self) -> Matrix:
        """P(A and B) / (P(A) P(B)): above 1 they come together more often than by chance.

        It depends on the base population: a larger one raises every lift. NaN where a set is empty.
        Brin, Motwani, Ullman & Tsur (1997), Dynamic itemset counting and implication rules for
        market basket data, SIGMOD, who call it interest.
        """
        sizes = self.sizes.astype(np.float64)
        return _ratio(self.both * float(self.customers), np.multiply.outer(sizes, sizes))

    @cached_property
    def share(self) -> Matrix:
        """P(B|A): the share of the row's set that is in the column's set; NaN where it is empty."""
        return _ratio(self.both, self.sizes[:, np.newaxis])

    def pairs(self, *, most: int | None = None, min_both: int = 0) -> Any:
        """List the pairs of different sets.

        Args:
            most: How many pairs at most; None for all.
            min_both: Pairs with fewer customers in both are left out.

        Returns:
            One row a pair, the highest `jaccard` first, in the type of the memberships' table: `a`,
            `b`, `both` (customers), `jaccard`, `lift`, `share_of_a` (share of `a` that is in `b`),
            `share_of_b`. Measures of empty sets are null.
        """
        rows = self._pair_rows(most, min_both)
        return frames.from_arrow(frames.small_table(rows, _PAIR_KINDS), self.engine)

    def _pair_rows(self, most: int | None, min_both: int) -> list[dict[str, Any]]:
        first, second = np.triu_indices(len(self.names), 1)
        kept = self.both[first, second] >= min_both
        first, second = first[kept], second[kept]
        # lexsort puts NaN last, and equal pairs in the order of their names' rows.
        order = np.lexsort((second, first, -self.jaccard[first, second]))[:most]
        return [
            {
                "a": self.names[i],
                "b": self.names[j],
                "both": int(self.both[i, j]),
                "jaccard": _known(self.jaccard[i, j]),
                "lift": _known(self.lift[i, j]),
                "share_of_a": _known(self.share[i, j]),
                "share_of_b": _known(self.share[j, i]),
            }
            for i, j in zip(first[order].tolist(), second[order].tolist(), strict=True)
        ]

    def plot(
        self,
        *names: str,
        measure: Measure = "jaccard",
        most: int = 20,
        locale: Language = "en",
        ax: Axes | None = None,
    ) -> Axes:
        """Draw one measure of all pairs as a heat grid.

        A set with itself says nothing and has no colour.

        Args:
            *names: Which sets; by default the `most` largest.
            measure: `both`, `jaccard`, `lift` or `share`.
            most: How many sets to draw where none are named.
            locale: `en` or `zh`.
            ax: Where to draw; None makes a new figure.

        Returns:
            The axes; the sets stand in the order of `self.names`.

        Raises:
            InvalidArgumentError: If a set, the measure or the locale is not known.
            MissingExtraError: If matplotlib is not installed.
        """
        if locale not in _WORDS:
            raise InvalidArgumentError.unknown("locale", locale, _WORDS)
        if measure not in _WORDS[locale]:
            raise InvalidArgumentError.unknown("measure", measure, _WORDS[locale])
        chosen = self._chosen(names, most)
        values: Matrix = np.array(getattr(self, measure), dtype=np.float64)
        values = values[np.ix_(chosen, chosen)]
        np.fill_diagonal(values, np.nan)
        labels = [self.names[k] for k in chosen]
        return heat_grid(
            list(values),
            row_labels=labels,
            column_labels=labels,
            title=_WORDS[locale][measure],
            values_format=_writer(measure, locale),
            language=locale,
            ax=ax,
        )

    def _chosen(self, names: Sequence[str], most: int) -> list[int]:
        for name in names:
            if name not in self.names:
                raise InvalidArgumentError.unknown("names", name, self.names)
        if names:
            return [self.names.index(name) for name in names]
        return sorted(np.argsort(-self.sizes, kind="stable")[:most].tolist())

    def _said(self) -> str:
        return f"Overlap of {len(self.names):,} sets of {self.customers:,} customers"

    def __repr__(self) -> str:
        """Return the pairs that overlap most."""
        rows = self._pair_rows(_SHOWN, 1)
        lines = [f"  {r['a']} · {r['b']}: {_said_pair(r)}" for r in rows]
        return "\n".join([self._said(), *(lines or ["  no two of them share a customer"])])

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left'>{html.escape(r['a'])}</td>"
            f"<td style='text-align:left'>{html.escape(r['b'])}</td><td>{r['both']:,}</td>"
            f"<td>{r['jaccard']:.3f}</td><td>{r['lift']:.2f}</td></tr>"
            for r in self._pair_rows(_SHOWN, 1)
        )
        head = "<tr><th>a</th><th>b</th><th>both</th><th>jaccard</th><th>lift</th></tr>"
        return f"<table><caption>{self._said()}</caption>{head}{cells}</table>"


def overlap(memberships: Memberships) -> Overlap:
    """Count how many customers each two sets share.

    Args:
        memberships: The sets; a hundred of a million customers take some hundredths of a second.

    Returns:
        Exact counts, and the measures made of them.

    Examples:
        >>> import pandas as pd
        >>> from userops.segmentation import Memberships
        >>> tags = pd.DataFrame({"customer_id": [1, 2, 2, 3], "tag": ["a", "a", "b", "b"]})
        >>> overlap(Memberships.from_long(tags))
        Overlap of 2 sets of 3 customers
          a · b: 1 customers, jaccard 0.333, lift 0.75
    """
    return Overlap(
        names=memberships.names,
        both=bits.pair_counts(memberships.bits),
        customers=memberships.customers,
        engine=memberships.engine,
    )


def brings(
    memberships: Memberships,
    values: Any,
    *,
    customer_id: str = "customer_id",
    amount: str = "monetary",
) -> Any:
    """Say what each set brings, and what it alone brings.

    Whole numbers and decimals are summed exactly, as minor units should be; a sum of floats is
    the float nearest to the exact sum of theirs, whatever the order of the rows.

    Args:
        memberships: The sets.
        values: Any supported frame with an amount for each customer; several rows of one add up.
            A customer without an amount counts 0.
        customer_id: The column of ids in `values`.
        amount: The column of amounts.

    Returns:
        One row a set in the order of `memberships`, in the type of `values`: `set`, `customers`,
        `customer_share` (of the base population), `spend`, `spend_share`, `only_customers` and
        `only_spend` (of the customers in no other of these sets). Spend is in the units of
        `amount`: whole numbers for whole numbers, else floats. `spend_share` relates to the spend
        of the base population; where that was given as a number, to all of `values`. It is null
        where that spend is not above zero.

    Raises:
        ColumnNotFoundError: If a column is missing.
        ColumnTypeError: If `amount` holds no numbers or an infinite one.
        MoneyOverflowError: If a sum of whole numbers leaves 64 bits.
    """
    columns = Columns.read(values, [customer_id, amount])
    ids, rows = columns.ids(customer_id)
    amounts = columns.amounts(amount)
    places = np.append(memberships.ids.positions_of(ids), -1)[rows]
    is_listed = places >= 0
    # Behind the last customer stands one who is in no set, for rows of people who are not listed.
    places = np.where(is_listed, places, len(memberships.ids))
    alone = bits.in_one_only(memberships.bits)
    is_whole_base = memberships.customers == len(memberships.ids)
    total = _exact_sum(amounts, is_listed if is_whole_base else slice(None))
    found = []
    for name, row in zip(memberships.names, memberships.bits, strict=True):
        of_set, of_alone = (
            _sum_and_count(memberships, w, amounts, places) for w in (row, row & alone)
        )
        found.append(
            {
                "set": name,
                "customers": of_set[1],
                "customer_share": _share(of_set[1], memberships.customers),
                "spend": _in_units(of_set[0], amounts),
                "spend_share": _share(of_set[0], total),
                "only_customers": of_alone[1],
                "only_spend": _in_units(of_alone[0], amounts),
            }
        )
    money: Literal["int", "float"] = "int" if amounts.scale == 0 else "float"
    kinds: dict[str, Literal["text", "int", "float"]] = {
        "set": "text", "customers": "int", "customer_share": "float", "spend": money,
        "spend_share": "float", "only_customers": "int", "only_spend": money,
    }  # fmt: skip
    return columns.source.give_rows(frames.small_table(found, kinds))


def _sum_and_count(
    memberships: Memberships, words: bits.Words, amounts: Amounts, places: NDArray[np.int64]
) -> tuple[int | float, int]:
    flags = np.append(bits.unpack(words, len(memberships.ids)), False)
    return _exact_sum(amounts, flags[places]), int(bits.counts(words))


def _exact_sum(amounts: Amounts, where: Any) -> int | float:
    chosen = amounts.values[where]
    if amounts.scale is None:
        return math.fsum(chosen.tolist())
    # In two halves, neither of which can leave 64 bits below 2**31 rows.
    high, low = chosen >> 32, chosen & 0xFFFFFFFF
    return (int(high.sum()) << 32) + int(low.sum())


def _in_units(total: int | float, amounts: Amounts) -> int | float:
    if amounts.scale == 0 and not -(2**63) <= total < 2**63:
        raise MoneyOverflowError(
            "the sum of the amounts leaves 64-bit integers", got=total,
            hint="pass the amounts in a larger unit",
        )  # fmt: skip
    return total / 10**amounts.scale if amounts.scale else total


def _share(part: int | float, whole: int | float) -> float | None:
    return part / whole if whole > 0 else None


def _ratio(above: NDArray[Any], below: NDArray[Any]) -> Matrix:
    """Divide; NaN where there is nothing to divide by."""
    shape = np.broadcast_shapes(above.shape, below.shape)
    out: Matrix = np.full(shape, np.nan)
    np.divide(above, below, out=out, where=below != 0)
    return out


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _said_pair(row: Mapping[str, Any]) -> str:
    return f"{row['both']:,} customers, jaccard {row['jaccard']:.3f}, lift {row['lift']:.2f}"


def _writer(measure: Measure, locale: Language) -> Callable[[float], str]:
    if measure == "both":
        return partial(format_compact, language=locale)
    if measure == "lift":
        return "{:.2f}".format
    return partial(format_percent, digits=0)
