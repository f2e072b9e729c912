"""Where a dimension is cut into bins, and the scores that follow.

Contract: a score is 1 + the number of cut-points strictly below the value, so ties share a bin
unless the cut-points carry ids. Recency is reversed: the most recent bin has the highest score.
Values are exact integers (days, orders, minor units) and cut-points exact fractions, so a score
never depends on an engine's floating point.
"""

from __future__ import annotations

import abc
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import floor
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID

__all__ = [
    "Cut",
    "CutPoints",
    "Dimension",
    "Edges",
    "FittedCuts",
    "Linear",
    "Mean",
    "NTile",
    "Quantiles",
    "as_cut_points",
    "said_number",
]


@attrs.frozen
class Cut(Definition):
    """One cut-point.

    Attributes:
        value: Exact value in whole units of the dimension (days, orders, minor units).
        customer_id: With an id, customers of exactly this value are told apart by id order.
    """

    value: Fraction = attrs.field(converter=Fraction)
    customer_id: str | int | None = None


@attrs.frozen(eq=False, slots=False)
class Dimension:
    """The values of one dimension over a population, to choose cut-points from.

    Attributes:
        name: `recency_days`, `frequency` or `monetary`.
        units_in_one: How many of the exact integer units make one that the user writes: 1, or
            100 minor units for money at scale 2.
        rows: Number of customers.
    """

    name: str
    units_in_one: int
    rows: int
    _source: frames.Source
    _frame: frames.Frame
    _column: str

    def values_at(self, ranks: Sequence[int]) -> tuple[int, ...]:
        """Return the values at zero-based ranks in ascending order."""
        places = frames.values_at_ranks(self._source, self._frame, self._column, ranks)
        return tuple(place.value for place in places)

    def ids_at(self, ranks: Sequence[int]) -> tuple[Cut, ...]:
        """Return value and customer id at zero-based ranks in (value, id) order."""
        pairs = frames.keys_at_ranks(self._source, self._frame, self._column, CUSTOMER_ID, ranks)
        return tuple(Cut(Fraction(value), customer_id) for value, customer_id in pairs)

    def mean(self) -> Fraction:
        """Return the exact mean."""
        total = frames.to_rows(self._frame.select(total=nw.col(self._column).sum()))[0]["total"]
        return Fraction(int(total), self.rows)


@attrs.frozen
class CutPoints(Definition, abc.ABC):
    """How a dimension is cut; subclass it for a rule of your own.

    A subclass implements `choose` and `bins`.
    """

    @property
    @abc.abstractmethod
    def bins(self) -> int:
        """Number of bins, one more than cut-points."""

    @abc.abstractmethod
    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return `bins - 1` cut-points in ascending order.

        Args:
            dimension: The population; `rows` is at least 1.
        """

    def fit(self, dimension: Dimension, *, is_reversed: bool = False) -> FittedCuts:
        """Choose the cut-points and check them.

        Raises:
            InvalidDefinitionError: If `choose` returned too few, too many, or unordered ones.
        """
        chosen: Any = self.choose(dimension)
        cuts = tuple(chosen) if isinstance(chosen, Iterable) else ()
        if len(cuts) != self.bins - 1 or not _ascend(cuts):
            raise InvalidDefinitionError(
                f"{type(self).__name__}.choose",
                f"must return {self.bins - 1} ascending cut-points",
                got=chosen,
                allowed="a list of Cut",
            )
        return FittedCuts(cuts=cuts, is_reversed=is_reversed, units_in_one=dimension.units_in_one)


def _ascend(cuts: Sequence[Any]) -> bool:
    """Whether all are cuts, by value and, of one value, by id; one without an id is the last."""
    return all(isinstance(cut, Cut) for cut in cuts) and all(
        a.value < b.value
        or (
            a.value == b.value
            and (
                b.customer_id is None
                or (a.customer_id is not None and a.customer_id <= b.customer_id)
            )
        )
        for a, b in pairwise(cuts)
    )


def _check_bins(_: object, __: object, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 100:
        raise InvalidDefinitionError(
            "bins", "must be a whole number", got=value, allowed="1 to 100"
        )


@attrs.frozen
class Linear(CutPoints):
    """Quantiles with linear interpolation between two order statistics; ties share a bin.

    The k-th of n sorted values is cut at (n - 1) * k / bins, type 7 of Hyndman & Fan (1996),
    "Sample Quantiles in Statistical Packages", which is numpy's default.

    Attributes:
        bins: Number of bins, 1 to 100.
    """

    bins: int = attrs.field(default=5, validator=_check_bins)

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the quantiles k / bins."""
        return _quantiles(dimension, [Fraction(k, self.bins) for k in range(1, self.bins)])


def _probabilities(values: Any) -> tuple[Fraction, ...]:
    try:
        found = tuple(Fraction(str(v)) for v in values)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InvalidDefinitionError("probabilities", "must be numbers", got=values) from error
    if sorted(set(found)) != list(found) or any(not 0 < p < 1 for p in found):
        raise InvalidDefinitionError(
            "probabilities", "must rise", got=values, allowed="between 0 and 1"
        )
    return found


@attrs.frozen
class Quantiles(CutPoints):
    """Quantiles at chosen probabilities, interpolated as in `Linear`.

    Attributes:
        probabilities: Rising, between 0 and 1; for example (0.5, 0.8, 0.95).
    """

    probabilities: tuple[Fraction, ...] = attrs.field(converter=_probabilities)

    @property
    def bins(self) -> int:
        """One more than the probabilities."""
        return len(self.probabilities) + 1

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the quantiles."""
        return _quantiles(dimension, self.probabilities)


def _quantiles(dimension: Dimension, probabilities: Sequence[Fraction]) -> list[Cut]:
    positions = [(dimension.rows - 1) * p for p in probabilities]
    ranks = [r for p in positions for r in (floor(p), min(floor(p) + 1, dimension.rows - 1))]
    values = dimension.values_at(ranks)
    pairs = zip(positions, values[::2], values[1::2], strict=True)
    return [Cut(low + (high - low) * (p - floor(p))) for p, low, high in pairs]


@attrs.frozen
class NTile(CutPoints):
    """Bins of equal counts; ties are broken by customer id, as SQL's NTILE over (value, id).

    Where the count does not divide, the first bins hold one more.

    Attributes:
        bins: Number of bins, 1 to 100.
    """

    bins: int = attrs.field(default=5, validator=_check_bins)

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the last (value, id) of each bin but the last."""
        size, larger = divmod(dimension.rows, self.bins)
        upto = [k * size + min(k, larger) for k in range(1, self.bins)]
        return dimension.ids_at([max(n - 1, 0) for n in upto])


def _edges(values: Any) -> tuple[Fraction, ...]:
    try:
        if isinstance(values, str):
            raise TypeError("a text is no list of numbers")
        found = tuple(
            Fraction(Decimal(repr(float(v)))) if isinstance(v, float) else Fraction(v)
            for v in values
        )
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InvalidDefinitionError(
            "edges", "must be numbers", got=values, allowed="such as [30, 90, 180]"
        ) from error
    if not found or any(a >= b for a, b in pairwise(found)):
        raise InvalidDefinitionError("edges", "must be at least one, and rise", got=list(values))
    return found


@attrs.frozen
class Edges(CutPoints):
    """Cut-points that the business has set, in days, orders or major units of money.

    Attributes:
        edges: Rising; a value equal to an edge belongs to the bin below.
    """

    edges: tuple[Fraction, ...] = attrs.field(converter=_edges)

    @property
    def bins(self) -> int:
        """One more than the edges."""
        return len(self.edges) + 1

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the edges in exact units."""
        return [Cut(edge * dimension.units_in_one) for edge in self.edges]


@attrs.frozen
class Mean(CutPoints):
    """Two bins, cut at the exact mean: not above it, and above it."""

    @property
    def bins(self) -> int:
        """Two."""
        return 2

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        """Return the mean."""
        return [Cut(dimension.mean())]


def as_cut_points(
    value: CutPoints | int | Sequence[int | float | Decimal | Fraction],
) -> CutPoints:
    """Read what a user may write for cut-points: an object, a number of bins, or edges.

    Raises:
        InvalidDefinitionError: If it is none of these.
    """
    if isinstance(value, CutPoints):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Linear(value)
    if isinstance(value, Iterable):
        return Edges(value)  # a list, a tuple, an array
    raise InvalidDefinitionError(
        "cut-points",
        "cannot be read",
        got=repr(value),
        allowed="Linear(5), NTile(5), Quantiles((0.5, 0.9)), Mean(), Edges([30, 90]), a number "
        "of bins, or a list of edges",
    )


def _tuple(cuts: Iterable[Cut]) -> tuple[Cut, ...]:
    return tuple(cuts)


@attrs.frozen(kw_only=True, slots=False)
class FittedCuts(Definition):
    """Cut-points of a population, with which scoring is row-local.

    Attributes:
        cuts: Ascending.
        is_reversed: Whether low values score high.
        units_in_one: Exact units in one that the user reads.
    """

    cuts: tuple[Cut, ...] = attrs.field(converter=_tuple)
    is_reversed: bool = False
    units_in_one: int = 1

    @property
    def bins(self) -> int:
        """Number of bins."""
        return len(self.cuts) + 1

    @cached_property
    def _floors(self) -> list[int] | None:
        """The thresholds where no cut-point carries an id, for a binary search."""
        has_ids = any(has_id for _, has_id, _ in self._thresholds)
        return None if has_ids else [threshold for threshold, _, _ in self._thresholds]

    @cached_property
    def _thresholds(self) -> tuple[tuple[int, bool, str | int | None], ...]:
        # For an integer value, `value > cut` is `value > floor(cut)`; none lies beyond int64.
        return tuple(
            (
                min(max(floor(c.value), -(2**63)), 2**63 - 1),
                c.customer_id is not None,
                c.customer_id,
            )
            for c in self.cuts
        )

    def score(self, value: int, customer_id: str | int) -> int:
        """Return the score of one value."""
        floors = self._floors
        if floors is not None:
            below = bisect_left(floors, value)
        else:
            below = sum(
                value > threshold or (has_id and value == threshold and customer_id > cut_id)  # type: ignore[operator]
                for threshold, has_id, cut_id in self._thresholds
            )
        return len(self.cuts) + 1 - below if self.is_reversed else 1 + below

    def score_expr(self, frame: frames.Frame, column: str) -> nw.Expr:
        """Return the score of a column of a frame that holds `customer_id` as well."""
        value, customer = nw.col(column), nw.col(CUSTOMER_ID)
        below = nw.lit(0, nw.Int64)
        for threshold, has_id, cut_id in self._thresholds:
            is_above = value > threshold
            if has_id and cut_id is not None:
                comes_after = customer > frames.constant(frame, CUSTOMER_ID, cut_id)
                is_above = is_above | ((value == threshold) & comes_after)
            below = below + is_above.cast(nw.Int64)
        score: nw.Expr = self.bins - below if self.is_reversed else below + 1
        return score

    def said(self) -> list[str]:
        """Return the cut-points as a reader writes them."""
        return [said_number(c.value / self.units_in_one) for c in self.cuts]


def said_number(value: float | Fraction) -> str:
    """Return a number as a reader writes it: thousands grouped, never with an exponent."""
    exact = Fraction(value)
    if exact >= 2**53 or exact <= -(2**53):
        return f"{round(exact):,}"  # no float has decimals there, and some cannot be floats
    number = float(value) + 0.0  # no minus before a zero
    whole_digits = len(str(abs(int(number))))
    # A float holds 15 digits; those after them are not the reader's.
    decimals = min(6 if abs(number) >= 1 else 10, max(0, 15 - whole_digits))
    if not decimals:
        return f"{number:,.0f}"
    return f"{number:,.{decimals}f}".rstrip("0").rstrip(".")
