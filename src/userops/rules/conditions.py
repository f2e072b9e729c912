"""Conditions on one term: ranges, lists, text, and whether it is known at all."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from functools import reduce
from operator import or_
from typing import Any, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.errors import InvalidDefinitionError
from userops.rules.comparisons import (
    DTYPES,
    Condition,
    check_constant,
    compared,
    comparing,
    mismatch,
)
from userops.rules.literals import (
    Constant,
    check_fits,
    constant,
    fitted,
    kind_of,
    plain,
    said_constant,
)
from userops.rules.locales import Locale
from userops.rules.reading import ColumnReader, Holds, RowReader, Seen, balanced
from userops.rules.writing import by_class, combined, function_of

__all__ = ["Between", "IsIn", "IsKnown", "Text", "WrittenAs"]

_MOST_OPTIONS = 10_000


def _low(value: Any) -> Constant:
    return constant("low", value)


def _high(value: Any) -> Constant:
    return constant("high", value)


@attrs.frozen(eq=False)
class Between(Condition):
    """A term lies within two constants, both included."""

    low: Constant = attrs.field(converter=_low)
    high: Constant = attrs.field(converter=_high)

    def __attrs_post_init__(self) -> None:
        """Refuse bounds that do not fit, or that nothing lies within."""
        check_constant("low", self.value, self.low, ordered=True)
        check_constant("high", self.value, self.high, ordered=True)
        if kind_of(self.low) != kind_of(self.high):
            raise InvalidDefinitionError(
                "high", "is of another kind than low", got=f"{self.low!r} and {self.high!r}"
            )
        aware = {getattr(bound, "tzinfo", None) is None for bound in (self.low, self.high)}
        if len(aware) == 1 and self.low > self.high:  # type: ignore[operator]
            raise InvalidDefinitionError(
                "low", "must not lie above high", got=f"{self.low!r} and {self.high!r}"
            )

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading = reader.term(self.value)
        above = comparing(reading, ">=", self.low, reader.zone, self.value)
        below = comparing(reading, "<=", self.high, reader.zone, self.value)
        return combined("and", (above, below))

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        above = compared(column, ">=", self.low, reader.zone, self.value)
        return above & compared(column, "<=", self.high, reader.zone, self.value)

    def _said(self, locale: Locale) -> str:
        value = self.value._said(locale)
        low, high = (said_constant(bound, locale) for bound in (self.low, self.high))
        if locale == "en":
            return f"{value} is between {low} and {high}"
        return f"{value}介于{low}与{high}之间"


def _options(values: Any) -> tuple[Any, ...]:
    if isinstance(values, str) or not hasattr(values, "__iter__"):
        raise InvalidDefinitionError(
            "options", "must be several values", got=repr(values), allowed=f"[{values!r}]"
        )
    # In order and once each; True and 1 are different, though equal to Python.
    found = {(kind_of(v), v): v for v in (constant("options", value) for value in values)}
    if isinstance(values, set | frozenset):  # whose order is another in each process
        return tuple(sorted(found.values(), key=_place))
    return tuple(found.values())


class _Options:
    """Values one of which is to be found, or the spans of instants within one of which it lies."""

    __slots__ = ("_starts", "_values", "spans")

    def __init__(self, values: list[Any]) -> None:
        pairs = sorted(value for value in values if isinstance(value, tuple))
        self._values: frozenset[Any] = frozenset(() if pairs else values)
        self.spans: list[tuple[int, int]] = []
        for start, end in pairs:
            is_next = bool(self.spans) and self.spans[-1][1] == start
            # Days in a row are one span.
            self.spans.append((self.spans.pop()[0] if is_next else start, end))
        self._starts = [start for start, _ in self.spans]

    @property
    def held(self) -> _Options | frozenset[Any]:
        """What a value is looked for in: plain values are a set, which needs no call."""
        return self if self.spans else self._values

    def __contains__(self, value: Any) -> bool:
        place = -1 if value is None else bisect_right(self._starts, value) - 1
        return place >= 0 and value < self.spans[place][1]


def _place(option: Constant) -> tuple[str, Any]:
    is_time = isinstance(option, dt.date)  # with a zone and without, they cannot be compared
    return kind_of(option), option.isoformat() if is_time else option  # type: ignore[union-attr]


@attrs.frozen(eq=False)
class IsIn(Condition):
    """A term is one of several constants; `term.is_in([…])` builds it."""

    options: tuple[Constant, ...] = attrs.field(converter=_options)

    def __attrs_post_init__(self) -> None:
        """Refuse options that do not fit the term or each other."""
        if not 0 < len(self.options) <= _MOST_OPTIONS:
            raise InvalidDefinitionError(
                "options", "has too few or too many", got=len(self.options),
                allowed=f"1 to {_MOST_OPTIONS:,}",
                hint="join a long list as an attribute of the customer",
            )  # fmt: skip
        kinds = {kind_of(option) for option in self.options}
        if len(kinds) > 1:
            raise InvalidDefinitionError("options", "mixes kinds", got=", ".join(sorted(kinds)))
        for number, option in enumerate(self.options):
            check_constant(f"options[{number}]", self.value, option, ordered=False)

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading, term, sample = reader.term(self.value), self.value, self.options[0]
        if reading.kind is not None:
            check_fits(term, reading.kind, sample)
            known = _Options(self._fitted(reading.kind, reading.scale, reader.zone)).held
            return function_of(lambda names: f"({reading.write(names)} in {names(known)})")
        values: dict[type, list[Any]] = {}
        for option in self.options:
            for cls, fit in plain("==", option, reader.zone).items():
                values.setdefault(cls, []).append(fit.constant)
        tests = {cls: ("x in {}", (_Options(mine).held,)) for cls, mine in values.items()}
        return by_class(reading, tests, lambda x: mismatch(term, x, sample))

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        for option in self.options:
            check_fits(self.value, column.kind, option)
        values = self._fitted(column.kind, column.scale, reader.zone)
        if not values:
            return column.expr.is_null() & nw.lit(False)
        if isinstance(values[0], tuple):
            spans = _Options(values).spans
            pairs = ((nw.lit(start, nw.Int64), nw.lit(end, nw.Int64)) for start, end in spans)
            within = [(column.expr >= start) & (column.expr < end) for start, end in pairs]
            return balanced(or_, within).fill_null(False)  # type: ignore[no-any-return]
        if column.kind == "flag" or len(values) == 1:
            dtype = DTYPES[column.kind or "text"]
            return reduce(
                lambda a, b: a | b,
                ((column.expr == nw.lit(value, dtype)).fill_null(False) for value in values),
            )
        return column.expr.is_in(values).fill_null(False)

    def _fitted(self, kind: Any, scale: int, zone: Any) -> list[Any]:
        fits = (fitted("==", option, kind, scale, zone) for option in self.options)
        return [fit.constant for fit in fits if not isinstance(fit, bool)]

    def _said(self, locale: Locale) -> str:
        options = [said_constant(option, locale) for option in self.options[:6]]
        more = len(self.options) - len(options)
        value = self.value._said(locale)
        if locale == "en":
            said = ", ".join(options) + (f" or {more:,} more" if more else "")
            return f"{value} is one of {said}"
        said = "、".join(options) + (f"等{len(self.options)}个" if more else "")
        return f"{value}属于{said}"


# How it is tested, by `writing.by_class`, and said.
_TEXT: dict[str, tuple[str, str, str]] = {
    "contains": ("{} in x", "contains", "包含"),
    "starts_with": ("x.startswith({})", "starts with", "开头为"),
    "ends_with": ("x.endswith({})", "ends with", "结尾为"),
}


@attrs.frozen(eq=False)
class Text(Condition):
    """A text contains, starts with or ends with another, letter by letter."""

    how: Literal["contains", "starts_with", "ends_with"] = attrs.field()
    part: str = attrs.field()

    def __attrs_post_init__(self) -> None:
        """Refuse what is no text, and the empty text, which every text contains."""
        if self.how not in tuple(_TEXT):
            raise InvalidDefinitionError(
                "how", "is not known", got=repr(self.how), allowed=", ".join(_TEXT)
            )
        part: object = self.part
        if not isinstance(part, str) or not part:
            raise InvalidDefinitionError(
                "part", "must be text of at least one letter", got=repr(self.part),
                hint="is_known() asks for any text",
            )  # fmt: skip
        check_constant("part", self.value, self.part, ordered=False)

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading, term, part = reader.term(self.value), self.value, self.part
        check_fits(term, reading.kind, part)
        test = _TEXT[self.how][0]
        return by_class(reading, {str: (test, (part,))}, lambda x: mismatch(term, x, part))

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        check_fits(self.value, column.kind, self.part)
        text = column.expr.str
        if self.how == "contains":
            return text.contains(self.part, literal=True).fill_null(False)
        return getattr(text, self.how)(self.part).fill_null(False)  # type: ignore[no-any-return]

    def _said(self, locale: Locale) -> str:
        words = _TEXT[self.how][1 if locale == "en" else 2]
        space = " " if locale == "en" else ""
        return f"{self.value._said(locale)}{space}{words}{space}“{self.part}”"


@attrs.frozen(eq=False)
class IsKnown(Condition):
    """A term is not missing; an empty text is known."""

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading = reader.term(self.value)
        return function_of(lambda names: f"({reading.write(names)} is not None)")

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        return ~reader.term(self.value).expr.is_null()

    def _said(self, locale: Locale) -> str:
        said = self.value._said(locale)
        return f"{said} is known" if locale == "en" else f"{said}已知"


@attrs.frozen(eq=False)
class WrittenAs(Condition):
    """A text is another, or a whole number is written in these digits.

    Preferences are named by text whatever their property holds: `17` is written as `"17"`.
    """

    text: str = attrs.field()

    def __attrs_post_init__(self) -> None:
        """Refuse what is no text, and terms that are neither text nor whole numbers."""
        text: object = self.text
        if not isinstance(text, str):
            raise InvalidDefinitionError("text", "must be text", got=repr(text), allowed="'17'")
        if self.value.kind != "whole":
            check_constant("text", self.value, self.text, ordered=False)

    def row(self, reader: RowReader) -> Holds:
        """Return the condition as a function."""
        reading, term, text = reader.term(self.value), self.value, self.text
        if reading.kind != "whole":
            check_fits(term, reading.kind, text)
        read = reading.read

        def holds(seen: Seen) -> bool:
            found = read(seen)
            if found.__class__ is str:
                return found == text
            return str(found) == text if found.__class__ is int else mismatch(term, found, text)

        return holds

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the condition as a column."""
        column = reader.term(self.value)
        if column.kind != "whole":
            return compared(column, "==", self.text, reader.zone, self.value)
        return (column.expr.cast(nw.String) == nw.lit(self.text)).fill_null(False)

    def _said(self, locale: Locale) -> str:
        value, text = self.value._said(locale), said_constant(self.text, locale)
        return f"{value} is {text}" if locale == "en" else f"{value}为{text}"
