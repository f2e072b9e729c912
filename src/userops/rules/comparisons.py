"""Comparisons of a term with a constant, or with another term."""

from __future__ import annotations

import datetime as dt
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core.money import as_float
from userops.core.values import CLASS_OF, Kind
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.rules.literals import (
    OPERATORS,
    OUTSIDE,
    WITHIN,
    Constant,
    Fitted,
    Operator,
    check_fits,
    constant,
    fitted,
    kind_said,
    plain,
    said_constant,
)
from userops.rules.locales import Locale
from userops.rules.node import Rule, Scope, Term
from userops.rules.reading import Column, ColumnReader, Holds, Names, Reading, RowReader, Seen
from userops.rules.writing import by_class, function_of

__all__ = [
    "DTYPES",
    "Compare",
    "CompareTerms",
    "Condition",
    "check_constant",
    "check_of_customer",
    "compared",
    "comparing",
    "mismatch",
]


def _check_term(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Term):
        raise InvalidDefinitionError(
            attribute.name, "is not a term", got=repr(value),
            allowed="Attr('city'), Prop('amount'), Did('order').count() and the like",
        )  # fmt: skip


@attrs.frozen(eq=False)
class Condition(Rule):
    """A condition on one term."""

    value: Term = attrs.field(validator=_check_term)

    @property
    def scope(self) -> Scope | None:
        """The scope of the term."""
        return self.value.scope


def check_of_customer(term: Term) -> None:
    """Refuse a term of one event where only the customer can be asked.

    Raises:
        InvalidDefinitionError: Names the term.
    """
    if term.scope == "event":
        raise InvalidDefinitionError(
            "value", "is about one event, not about the customer", got=str(term),
            hint="take it over events first: Did('order').last('amount')",
        )  # fmt: skip


def compared(column: Column, how: str, value: Constant, zone: Any, term: Term) -> nw.Expr:
    """Return a comparison as a column that is never null."""
    check_fits(term, column.kind, value)
    fit = fitted(how, value, column.kind, column.scale, zone)
    if isinstance(fit, bool):
        known = ~column.expr.is_null()
        return known if fit else known & nw.lit(False)
    dtype, given = DTYPES[column.kind or "text"], fit.constant
    is_pair = isinstance(given, tuple)
    other: Any = tuple(nw.lit(c, dtype) for c in given) if is_pair else nw.lit(given, dtype)
    answer: nw.Expr = fit.compare(column.expr, other)
    return answer if column.is_counted else answer.fill_null(False)


DTYPES: dict[str, Any] = {
    "text": nw.String, "flag": nw.Boolean, "number": nw.Float64, "whole": nw.Int64,
    "money": nw.Int64, "day": nw.Int64, "instant": nw.Int64,
}  # fmt: skip


def mismatch(term: Term, value: object, wanted: Constant) -> bool:
    """Refuse a value that cannot be compared; a missing one does not hold."""
    if value is None:
        return False
    kinds = {cls: kind for kind, cls in CLASS_OF.items()}
    check_fits(term, kinds[type(value)], wanted)
    raise AssertionError(f"{value!r} can be compared with {wanted!r}")  # pragma: no cover


# Of the table and not of the rule, so that nothing of a rule gets into the text of a function.
_TESTS = {how: f"x {how} {{}}" for how in OPERATORS}
_TESTS |= {WITHIN: "{} <= x < {}", OUTSIDE: "not {} <= x < {}"}


def _test(fit: Fitted) -> tuple[str, tuple[Any, ...]]:
    """Return a comparison of `x` as an expression of Python, and the constants in it."""
    is_pair = isinstance(fit.constant, tuple)
    return _TESTS[fit.operator], fit.constant if is_pair else (fit.constant,)


def comparing(reading: Reading, how: str, value: Constant, zone: Any, term: Term) -> Holds:
    """Return a comparison as a function."""
    if reading.kind is None:
        tests = {cls: _test(fit) for cls, fit in plain(how, value, zone).items()}
        return by_class(reading, tests, lambda x: mismatch(term, x, value))
    check_fits(term, reading.kind, value)
    fit = fitted(how, value, reading.kind, reading.scale, zone)
    if isinstance(fit, bool):
        known = "({} is not None)" if fit else "False"
        return function_of(lambda names: known.format(reading.write(names)))
    test, constants = _test(fit)

    def write(names: Names) -> str:
        said = test.format(*map(names, constants))
        return f"((x := {reading.write(names)}) is not None and {said})"

    return function_of(write)


def _to(value: Any) -> Constant:
    return constant("to", value)


def _check_how(_: Any, attribute: attrs.Attribute[Any], value: object) -> None:
    if value not in tuple(OPERATORS):
        raise InvalidDefinitionError(
            attribute.name, "is not an operator", got=repr(value), allowed=", ".join(OPERATORS)
        )


@attrs.frozen(eq=False)
class Compare(Condition):
    """A term compared with a constant; `term >= 2` builds it. False where the term is missing.

    Attributes:
        value: The term.
        how: `==`, `!=`, `>`, `>=`, `<` or `<=`.
        to: Text, a number, True or False, a date or a datetime. Money in major units.
    """

    how: Operator = attrs.field(validator=_check_how)
    to: Constant = attrs.field(converter=_to)

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be compared, as far as that is known without data."""
        check_constant("to", self.value, self.to, ordered=self.how not in ("==", "!="))

    def row(self, reader: RowReader) -> Holds:
        """Return the comparison as a function."""
        return comparing(reader.term(self.value), self.how, self.to, reader.zone, self.value)

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the comparison as a column."""
        return compared(reader.term(self.value), self.how, self.to, reader.zone, self.value)

    def _said(self, locale: Locale) -> str:
        words = _WORDS[locale]["time" if isinstance(self.to, dt.date) else "number"]
        space = " " if locale == "en" else ""
        value, to = self.value._said(locale), said_constant(self.to, locale)
        return f"{value}{space}{words[self.how]}{space}{to}"


_WORDS: dict[str, dict[str, dict[str, str]]] = {
    "en": {
        "number": {"==": "is", "!=": "is not", ">": "is above", ">=": "is at least",
                   "<": "is below", "<=": "is at most"},
        "time": {"==": "is", "!=": "is not", ">": "is after", ">=": "is on or after",
                 "<": "is before", "<=": "is on or before"},
    },
    "zh": {
        "number": {"==": "为", "!=": "不为", ">": "大于", ">=": "不少于",
                   "<": "小于", "<=": "不超过"},
        "time": {"==": "为", "!=": "不为", ">": "晚于", ">=": "不早于",
                 "<": "早于", "<=": "不晚于"},
    },
}  # fmt: skip


def check_constant(field: str, term: Term, value: Constant, *, ordered: bool) -> None:
    """Refuse a constant that does not fit a term of a known kind, or has no order.

    Raises:
        InvalidDefinitionError: Names the field.
    """
    try:
        check_fits(term, term.kind, value)
    except ColumnTypeError as error:
        raise InvalidDefinitionError(
            field, error.problem, got=error.got, allowed=error.allowed, hint=error.hint
        ) from error
    if ordered and isinstance(value, bool):
        raise InvalidDefinitionError(
            field, "true and false have no order", got=repr(value), allowed="== and !="
        )


_NUMERIC = ("whole", "number")
_KINDS: dict[type, Kind] = {cls: kind for kind, cls in CLASS_OF.items()}


def _kind_of(cls: type, is_money: bool) -> str:
    return "money" if is_money else _KINDS[cls]


def _check_comparable(
    one: Term, other: Term, kinds: tuple[Any, Any], scales: tuple[int, int]
) -> None:
    known = [kind for kind in kinds if kind is not None]
    same = len(set(known)) < 2 or all(kind in _NUMERIC for kind in known)
    if not same or (known == ["money", "money"] and scales[0] != scales[1]):
        raise ColumnTypeError(
            str(one), f"holds {kind_said(kinds[0])}, and is compared with {other}",
            got=kind_said(kinds[1]), allowed="two of one kind; money with money",
        )  # fmt: skip


@attrs.frozen(eq=False)
class CompareTerms(Condition):
    """Two terms compared with each other; false where one of them is missing."""

    how: Operator = attrs.field(validator=_check_how)
    to: Term = attrs.field(validator=_check_term)

    def __attrs_post_init__(self) -> None:
        """Refuse terms of different scopes or kinds, as far as these are known without data."""
        if {self.value.scope, self.to.scope} >= {"customer", "event"}:
            raise InvalidDefinitionError(
                "to", "is of another scope", got=f"{self.value} and {self.to}"
            )
        try:
            _check_comparable(self.value, self.to, (self.value.kind, self.to.kind), (0, 0))
        except ColumnTypeError as error:
            if None not in (self.value.kind, self.to.kind) and "money" not in (
                self.value.kind,
                self.to.kind,
            ):
                raise InvalidDefinitionError("to", error.problem, got=error.got) from error

    def _check(self, kinds: tuple[Any, Any], scales: tuple[int, int]) -> None:
        """Refuse two kinds that cannot be compared, and an order of flags."""
        _check_comparable(self.value, self.to, kinds, scales)
        if kinds == ("flag", "flag") and self.how not in ("==", "!="):
            raise ColumnTypeError(
                str(self.value), "holds true and false, which have no order", got=self.how,
                allowed="== and !=",
            )  # fmt: skip

    def row(self, reader: RowReader) -> Holds:
        """Return the comparison as a function."""
        one, other = reader.term(self.value), reader.term(self.to)
        self._check((one.kind, other.kind), (one.scale, other.scale))
        compare, read, read_other = OPERATORS[self.how], one.read, other.read
        # Nothing but the amount of orders is money, and that is known without a value.
        one_is_money, other_is_money = one.kind == "money", other.kind == "money"

        def holds(seen: Seen) -> bool:
            found, wanted = read(seen), read_other(seen)
            if found is None or wanted is None:
                return False
            cls, other_cls = found.__class__, wanted.__class__
            if cls is not other_cls or cls is bool or one_is_money is not other_is_money:
                kinds = _kind_of(cls, one_is_money), _kind_of(other_cls, other_is_money)
                self._check(kinds, (0, 0))
                if cls is not other_cls:
                    found, wanted = float(found), float(wanted)
            return compare(found, wanted)  # type: ignore[no-any-return]

        return holds

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the comparison as a column."""
        one, other = reader.term(self.value), reader.term(self.to)
        kinds = (one.kind, other.kind)
        self._check(kinds, (one.scale, other.scale))
        if None in kinds:
            return one.expr.is_null() & nw.lit(False)
        left, right = one.expr, other.expr
        if kinds[0] != kinds[1]:
            left = as_float(left) if kinds[0] == "whole" else left
            right = as_float(right) if kinds[1] == "whole" else right
        return OPERATORS[self.how](left, right).fill_null(False)  # type: ignore[no-any-return]

    def _said(self, locale: Locale) -> str:
        space = " " if locale == "en" else ""
        words = _WORDS[locale]["number"][self.how]
        return f"{self.value._said(locale)}{space}{words}{space}{self.to._said(locale)}"
