"""Conditions relative to a population: a band of percentiles, the n highest.

They are fitted first: `fit` looks at the population once and puts cut-points in their place, so
that what is asked of one customer needs nobody else. The cut-points are values that occur, found by
rank (nearest rank: Hyndman & Fan 1996, definition 1), so that every engine finds the same ones;
customers with equal values fall on the same side of a percentile.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.core.money import check_scale
from userops.core.time import DAY_US, datetime_of, zone
from userops.core.values import Day, Instant
from userops.customers.arguments import customer_key
from userops.errors import (
    ColumnTypeError,
    InvalidArgumentError,
    InvalidDefinitionError,
    NotFittedError,
)
from userops.rules.comparisons import Condition, check_of_customer, compared
from userops.rules.literals import as_python, kind_said
from userops.rules.locales import Locale
from userops.rules.node import Term
from userops.rules.reading import Column, ColumnReader, Holds, RowReader, Seen

__all__ = ["FittedPercentile", "FittedTopN", "Percentile", "TopN"]

_CUTS: dict[type, str] = {Day: "day", Instant: "instant"}
_CUTS_SAID = {None: "numbers", "day": kind_said("day"), "instant": kind_said("instant")}
_KINDS = (None, "whole", "number", "money", "day", "instant")


@attrs.frozen(eq=False)
class _Ranked(Condition):
    """A condition that needs a population."""

    needs_population: ClassVar[bool] = True

    def __attrs_post_init__(self) -> None:
        check_of_customer(self.value)
        if self.value.kind not in _KINDS:
            raise InvalidDefinitionError("value", "has no order", got=str(self.value))

    def _unfitted(self) -> NotFittedError:
        return NotFittedError(
            f"“{self}” is relative to a population", hint="fit it first: rule.fit(history, as_of)"
        )

    def row(self, reader: RowReader) -> Holds:
        """Refuse: it is not fitted."""
        raise self._unfitted()

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Refuse: it is not fitted."""
        raise self._unfitted()


def _check_cut(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in tuple(_CUTS_SAID):
        raise InvalidDefinitionError(
            attribute.name, "is not known", got=repr(value), allowed="'day', 'instant', None"
        )


def _check_number(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    """Refuse a cut-point that is none, as a document may hold; NaN lies on no side of it."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and (not is_number or value != value):  # noqa: PLR0124 - only NaN differs
        raise InvalidDefinitionError(
            attribute.name, "is no cut-point", got=repr(value), allowed="a number, None"
        )


def _check_count(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidDefinitionError(
            attribute.name, "must be a whole number", got=repr(value), allowed="0 or more"
        )


def _check_scale(_: Any, __: attrs.Attribute[Any], value: object) -> None:
    check_scale(value)


def _check_id(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    try:
        good = value is None or type(customer_key(value)) is type(value)
    except InvalidArgumentError:
        good = False
    if not good:
        raise InvalidDefinitionError(
            attribute.name, "is no customer id", got=repr(value),
            allowed="text, a whole number, None",
        )  # fmt: skip


def _check_band(low: float, high: float) -> None:
    if low >= high:
        raise InvalidDefinitionError("high", "must lie above low", got=f"{low} and {high}")


def _percent(share: float) -> str:
    return f"{share * 100:.10g}"


def _check_share(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    if not good:
        raise InvalidDefinitionError(
            attribute.name, "must be a share of the population", got=repr(value), allowed="0 to 1"
        )


@attrs.frozen(eq=False)
class Percentile(_Ranked):
    """A term lies above the `low` and up to the `high` percentile of those who have it.

    The highest tenth is `in_percentile(0.9, 1)`. Of n customers with a value, the percentile p is
    the value at rank `ceil(p n)`, so that at most n p of them lie below it.

    Attributes:
        value: The term; customers without it are in no band.
        low: 0 to 1; the band begins above it.
        high: 0 to 1; the band ends with it.
    """

    low: float = attrs.field(converter=as_python, validator=_check_share)
    high: float = attrs.field(converter=as_python, validator=_check_share)

    def __attrs_post_init__(self) -> None:
        """Refuse an empty band."""
        super().__attrs_post_init__()
        _check_band(self.low, self.high)

    def ranks(self, customers: int) -> tuple[int | None, int | None]:
        """Return the zero-based ranks of the cut-points; None where there is none."""
        low, high = (_rank(share, customers) for share in (self.low, self.high))
        return (low if self.low > 0 else None), (high if self.high < 1 else None)

    def _said(self, locale: Locale) -> str:
        return _said_band(self.value, self.low, self.high, locale)


def _rank(share: float, customers: int) -> int:
    # 0.7 * 10 is 7.000000000000001 to a binary float, and its rank is 7.
    return max(math.ceil(round(share * customers, 6)) - 1, 0)


def _said_band(value: Term, low: float, high: float, locale: Locale) -> str:
    said = value._said(locale)
    if high == 1:
        share = _percent(1 - low)
        return f"{said} is in the top {share} %" if locale == "en" else f"{said}位于前{share}%"
    if low == 0:
        share = _percent(high)
        return f"{said} is in the bottom {share} %" if locale == "en" else f"{said}位于后{share}%"
    both = _percent(low), _percent(high)
    if locale == "en":
        return f"{said} is between the percentiles {both[0]} and {both[1]}"
    return f"{said}位于{both[0]}%至{both[1]}%分位之间"


def _cut_point() -> Any:
    return attrs.field(default=None, converter=as_python, validator=_check_number)


def _check_whole_cuts(fitted: Any, *names: str) -> None:
    for name in names:
        value = getattr(fitted, name)
        if fitted.cut is not None and not isinstance(value, int | None):
            raise InvalidDefinitionError(
                name, f"is no {fitted.cut}", got=repr(value), allowed="a whole number, None"
            )


@attrs.frozen(eq=False)
class FittedPercentile(Condition):
    """A band of percentiles with the cut-points that were found in a population.

    Attributes:
        value: The term.
        low, high: The band.
        above: The value lies above it; None where the band begins at 0.
        upto: The value lies at most at it; None where the band ends at 1.
        scale: Decimals of the minor unit in which the cut-points count money.
        population: How many customers had a value.
        cut: `day` or `instant` where the cut-points are such; None where they are numbers.
    """

    low: float = attrs.field(converter=as_python, validator=_check_share)
    high: float = attrs.field(converter=as_python, validator=_check_share)
    above: int | float | None = _cut_point()
    upto: int | float | None = _cut_point()
    scale: int = attrs.field(default=0, validator=_check_scale)
    population: int = attrs.field(default=0, validator=_check_count)
    cut: Literal["day", "instant"] | None = attrs.field(default=None, validator=_check_cut)

    def __attrs_post_init__(self) -> None:
        """Refuse an empty band, and cut-points that are no dates or times where they say so."""
        _check_band(self.low, self.high)
        _check_whole_cuts(self, "above", "upto")

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading = reader.term(self.value)
        check_scale_of(self, reading)
        read, above, upto = reading.read, self.above, self.upto

        def holds(seen: Seen) -> bool:
            found = _ranked_value(read(seen), self)
            if found is None:
                return False
            return (above is None or found > above) and (upto is None or found <= upto)

        return holds if self.population else lambda _: False

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        check_scale_of(self, column)
        known = ~column.expr.is_null()
        if not self.population:
            return known & nw.lit(False)
        if self.above is not None:
            known = known & _compared(column, ">", self.above, self.value)
        if self.upto is not None:
            known = known & _compared(column, "<=", self.upto, self.value)
        return known

    def _said(self, locale: Locale) -> str:
        said = _said_band(self.value, self.low, self.high, locale)
        parts = [
            f"{sign} {_said_cut(self, bound)}"
            for sign, bound in ((">", self.above), ("≤", self.upto))
            if bound is not None
        ]
        return said + (f" ({', '.join(parts)})" if parts else "")


def _ranked_value(value: Any, fitted: Any) -> Any:
    """Return a value that has an order; refuses text and flags, and what was not fitted."""
    if isinstance(value, str | bool):
        raise ColumnTypeError(str(fitted.value), "has no order", got=repr(value), allowed=_ORDERED)
    if value is not None:
        _check_kind_of(fitted, _CUTS.get(value.__class__))
    return value


def _check_kind_of(fitted: Any, cut: str | None) -> None:
    """Refuse values of another kind than the cut-points that there are."""
    cuts = (fitted.last,) if isinstance(fitted, FittedTopN) else (fitted.above, fitted.upto)
    if cut != fitted.cut and cuts != (None,) * len(cuts):
        got, allowed = (_CUTS_SAID[kind] for kind in (cut, fitted.cut))
        raise NotFittedError(
            f"“{fitted}” was fitted to values of another kind", got=got, allowed=allowed
        )


def _said_cut(fitted: Any, cut: int | float) -> str:
    """Say a cut-point: a date, a time in UTC, or a number in major units."""
    if fitted.cut is not None:
        at = datetime_of(int(cut) * (DAY_US if fitted.cut == "day" else 1))
        if at is not None:
            date, time = at.date().isoformat(), at.time().isoformat()
            return date if fitted.cut == "day" else f"{date} {time} UTC"
    return f"{cut / 10**fitted.scale:,.10g}"


def _compared(column: Column, how: str, cut: int | float, term: Term) -> nw.Expr:
    """Compare a column with a cut-point, which counts what the column counts."""
    if column.kind in ("text", "flag"):
        raise ColumnTypeError(str(term), "has no order", got=kind_said(column.kind),
                              allowed=_ORDERED)  # fmt: skip
    kind: Any = column.kind if column.kind in ("number", None) else "whole"
    return compared(attrs.evolve(column, kind=kind), how, cut, zone("UTC"), term)


_ORDERED = "numbers, money, dates or times"


def check_scale_of(fitted: Any, read: Any) -> None:
    """Refuse another kind, or money of another scale, than the one that was fitted.

    Raises:
        NotFittedError: Names both.
    """
    if isinstance(read, Column) and read.kind in _KINDS[1:]:
        _check_kind_of(fitted, read.kind if read.kind in ("day", "instant") else None)
    if read.kind == "money" and read.scale != fitted.scale:
        raise NotFittedError(
            f"“{fitted}” was fitted to money of another scale", got=f"scale={read.scale}",
            allowed=f"scale={fitted.scale}",
        )  # fmt: skip


@attrs.frozen(eq=False)
class TopN(_Ranked):
    """A term is among the n highest; among equal ones the smaller customer id comes first."""

    n: int = attrs.field(converter=as_python)

    @n.validator
    def _check_n(self, _: object, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidDefinitionError(
                "n", "must be a whole number", got=repr(value), allowed="1 or more"
            )

    def _said(self, locale: Locale) -> str:
        said = self.value._said(locale)
        if locale == "en":
            return f"{said} is among the {self.n:,} highest"
        return f"{said}位列前{self.n}名"


@attrs.frozen(eq=False)
class FittedTopN(Condition):
    """The n highest, with the value and the id of the last one.

    Attributes:
        value: The term.
        n: How many were asked for.
        last: The lowest value that is in; None where nobody has one.
        last_id: The largest id that is in, among those of the lowest value.
        scale: Decimals of the minor unit in which `last` counts money.
        cut: `day` or `instant` where `last` is such; None where it is a number.
    """

    n: int = attrs.field(converter=as_python, validator=_check_count)
    last: int | float | None = _cut_point()
    last_id: str | int | None = attrs.field(default=None, converter=as_python, validator=_check_id)
    scale: int = attrs.field(default=0, validator=_check_scale)
    cut: Literal["day", "instant"] | None = attrs.field(default=None, validator=_check_cut)

    def __attrs_post_init__(self) -> None:
        """Refuse a last value without its id, and one that is no date or time."""
        if (self.last is None) is not (self.last_id is None):
            raise InvalidDefinitionError(
                "last_id", "goes with last", got=f"last={self.last!r}, last_id={self.last_id!r}",
                allowed="both, or neither",
            )  # fmt: skip
        _check_whole_cuts(self, "last")

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading = reader.term(self.value)
        check_scale_of(self, reading)
        read, last, last_id = reading.read, self.last, self.last_id
        is_text = isinstance(last_id, str)

        def holds(seen: Seen) -> bool:
            found = _ranked_value(read(seen), self)
            if last is None or last_id is None:
                return False
            if isinstance(seen.customer_id, str) is not is_text:
                raise self._of_other_ids(seen.customer_id)
            if found is None:
                return False
            return found > last or (found == last and seen.customer_id <= last_id)  # type: ignore[no-any-return]

        return holds

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        check_scale_of(self, column)
        if self.last is None or self.last_id is None:
            return column.expr.is_null() & nw.lit(False)
        above = _compared(column, ">", self.last, self.value)
        tied = _compared(column, "==", self.last, self.value)
        upto: nw.Expr | None = reader.ids_upto(self.last_id)  # type: ignore[attr-defined]
        if upto is None:
            raise self._of_other_ids(0 if isinstance(self.last_id, str) else "")
        return above | (tied & upto)

    def _of_other_ids(self, customer_id: str | int) -> NotFittedError:
        got, allowed = (
            "text" if isinstance(each, str) else "whole numbers"
            for each in (customer_id, self.last_id)
        )
        return NotFittedError(
            f"“{self}” was fitted to customer ids of another type", got=got, allowed=allowed
        )

    def _said(self, locale: Locale) -> str:
        said = TopN(self.value, self.n)._said(locale)
        return said if self.last is None else f"{said} (≥ {_said_cut(self, self.last)})"
