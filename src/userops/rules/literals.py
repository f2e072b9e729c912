"""Constants that a term is compared with, made to fit the column that they meet.

Python compares an integer with a fraction exactly; engines turn one into the other first, each in
its own way. So a comparison is rewritten to one whose constant the column's type holds exactly:
`x >= 2.5` of whole numbers is `x > 2`, and `x < 2**70` holds of each of them.
"""

from __future__ import annotations

import datetime as dt
import math
import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple, TypeAlias

from userops.core.time import DAY_US, EPOCH_DAY, Zone, instant_of, is_missing
from userops.core.values import CLASS_OF, Day, Instant, Kind
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.rules.locales import Locale

__all__ = [
    "OPERATORS",
    "OUTSIDE",
    "WITHIN",
    "Constant",
    "Fitted",
    "Operator",
    "as_python",
    "constant",
    "day_us",
    "exact_moment",
    "fitted",
    "kind_said",
    "plain",
    "said_constant",
]

Constant: TypeAlias = str | int | float | bool | dt.date
Operator: TypeAlias = Literal["==", "!=", ">", ">=", "<", "<="]
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
# What an instant is compared with a date by; the constant is when the day starts and ends.
WITHIN, OUTSIDE = "within", "outside"
_LOW, _HIGH = -(2**63), 2**63 - 1
_SAID = {"text": "text", "whole": "whole numbers", "number": "numbers", "money": "money",
         "flag": "true and false", "day": "dates", "instant": "times"}  # fmt: skip
_FITS: Mapping[str, tuple[str, ...]] = {
    "text": ("text",),
    "flag": ("flag",),
    "number": ("whole", "number", "money"),
    "day": ("day", "instant"),
    "instant": ("instant",),
}
_EXAMPLES = {"text": "'杭州'", "whole": "18", "number": "0.5", "money": "99.9", "flag": "True",
             "day": "datetime.date(2024, 1, 31)",
             "instant": "datetime.datetime(2024, 1, 31, 8)"}  # fmt: skip


class Fitted(NamedTuple):
    """A comparison that fits: an operator and a constant of the column's own type.

    Attributes:
        operator: One of `OPERATORS`, `WITHIN` or `OUTSIDE`.
        constant: What is compared with; a pair where the operator is one of the two.
    """

    operator: str
    constant: Any

    @property
    def compare(self) -> Callable[[Any, Any], Any]:
        """The comparison as a function of a value or a column, and the constant."""
        return _COMPARISONS[self.operator]


def constant(field: str, value: Any) -> Constant:
    """Return a constant that a rule may hold.

    Raises:
        InvalidDefinitionError: If it is missing, or of no kind that a value can have.
    """
    if isinstance(value, Decimal | Fraction):
        value = _number(field, value)
    elif getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        value = _scalar(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dt.date) and not is_missing(value):  # pandas' NaT is a datetime
        return exact_moment(value)
    if isinstance(value, float) and not math.isnan(value):
        return float(value) + 0.0
    raise InvalidDefinitionError(
        field, "cannot be compared with", got=repr(value),
        allowed="text, numbers, True and False, dates and datetimes",
        hint="a missing value equals nothing; ask is_known() or ~…is_known()",
    )  # fmt: skip


def exact_moment(value: dt.date) -> dt.date:
    """Return a date or a datetime of Python's own class, of one that may be a subclass."""
    if not isinstance(value, dt.datetime):
        return dt.date(value.year, value.month, value.day)
    clock = value.hour, value.minute, value.second, value.microsecond
    return dt.datetime(
        value.year, value.month, value.day, *clock, tzinfo=value.tzinfo, fold=value.fold
    )


def _number(field: str, value: Decimal | Fraction) -> int | float:
    """Return a number that stands for another exactly: whole, or as a float is written."""
    if isinstance(value, Decimal) and value.is_nan():
        return math.nan
    if not math.isfinite(value):
        return float(value)
    if value == int(value):
        return int(value)
    try:
        near = float(value)
    except OverflowError:
        near = math.inf
    if not math.isfinite(near) or Fraction(repr(near)) != Fraction(value):
        raise InvalidDefinitionError(
            field, "is no number that a float stands for", got=repr(value),
            allowed="whole numbers, and decimals of up to 15 digits",
            hint=f"the nearest one is {near!r}, which answers another question; round it yourself",
        )  # fmt: skip
    return near


def _scalar(value: Any) -> Any:
    """Return a scalar of numpy as Python's own."""
    is_clock = value.dtype.kind == "M" and value.dtype.str[-3:] not in ("[D]", "[W]", "[M]", "[Y]")
    return value.astype("M8[us]").item() if is_clock else value.item()


def as_python(value: Any) -> Any:
    """Return a number of numpy as Python's own; anything else comes back as it is."""
    kind = getattr(getattr(value, "dtype", None), "kind", "none")
    return value.item() if kind in ("i", "u", "f") and value.ndim == 0 else value


def kind_of(value: Constant) -> str:
    """Return `text`, `flag`, `number`, `day` or `instant`."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "text"
    if isinstance(value, dt.datetime):
        return "instant"
    return "day" if isinstance(value, dt.date) else "number"


def kind_said(kind: str | None) -> str:
    """Say what values of a kind are."""
    return _SAID.get(kind or "", "nothing")


def check_fits(term: object, kind: str | None, value: Constant) -> None:
    """Check that a term of a kind can be compared with a constant.

    Raises:
        ColumnTypeError: Names both.
    """
    if kind is not None and kind not in _FITS[kind_of(value)]:
        hint = None
        if kind in ("day", "instant") and isinstance(value, str):
            hint = "a time is written as a date or a datetime, not as text"
        raise ColumnTypeError(
            str(term), f"holds {kind_said(kind)}, and is compared with {kind_said(kind_of(value))}",
            got=repr(value), allowed=f"{kind_said(kind)}, such as {_EXAMPLES[kind]}", hint=hint,
        )  # fmt: skip


def plain(how: str, value: Constant, where: Zone) -> dict[type, Fitted]:
    """Return, by the class of a value, how one compares it in Python."""
    kind = kind_of(value)
    if kind == "text":
        return {str: Fitted(how, value)}
    if kind == "flag":
        return {bool: Fitted(how, value)}
    if kind == "number":
        return dict.fromkeys((int, float), Fitted(how, value))
    of_instants = _to_instant(how, value, where)  # type: ignore[arg-type]
    if isinstance(value, dt.datetime):
        return {Instant: of_instants}
    day = value.toordinal() - EPOCH_DAY  # type: ignore[union-attr]
    return {Day: Fitted(how, day), Instant: of_instants}


def _to_instant(how: str, value: dt.date, where: Zone) -> Fitted:
    """Compare instants with a point in time, or with a date: with the whole of its local day."""
    if isinstance(value, dt.datetime):
        return Fitted(how, instant_of(value, where))
    start, end = day_us(value, where)
    if how in ("==", "!="):
        return Fitted(WITHIN if how == "==" else OUTSIDE, (start, end))
    return {
        "<": Fitted("<", start), ">=": Fitted(">=", start), "<=": Fitted("<", end),
        ">": Fitted(">=", end),
    }[how]  # fmt: skip


def day_us(day: dt.date, where: Zone) -> tuple[int, int]:
    """Return the instants between which a local day lies, the second one not in it."""
    number = day.toordinal() - EPOCH_DAY
    return where.instant(number * DAY_US), where.instant((number + 1) * DAY_US)


def _is_within(value: Any, bounds: tuple[Any, Any]) -> Any:
    return (value >= bounds[0]) & (value < bounds[1])


def _is_outside(value: Any, bounds: tuple[Any, Any]) -> Any:
    return (value < bounds[0]) | (value >= bounds[1])


def fitted(
    how: str, value: Constant, kind: Kind | Literal["money"] | None, scale: int, where: Zone
) -> Fitted | bool:
    """Return the comparison in the column's own type, or what it is for all known values.

    Args:
        how: One of `OPERATORS`.
        value: The constant, which fits the kind (`check_fits`).
        kind: What the column holds; None where it holds nothing but nulls.
        scale: Decimals of the minor unit, for money.
        where: The zone of the data.
    """
    if kind is None:
        return False
    if kind in ("text", "flag"):
        return Fitted(how, value)
    if kind in ("day", "instant"):
        return plain(how, value, where)[CLASS_OF[kind]]
    if kind == "number":
        return _to_float(how, value)
    if kind == "money":
        # A binary float stands for the decimal that it was written as.
        exact = Fraction(repr(value)) if _is_finite(value) else value
        return _to_whole(how, exact * 10**scale if isinstance(exact, Fraction) else exact)
    return _to_whole(how, Fraction(value) if _is_finite(value) else value)  # type: ignore[arg-type]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int) or math.isfinite(value)


def _to_whole(how: str, value: Any) -> Fitted | bool:
    if isinstance(value, float):  # infinite
        return how in (("<", "<=", "!=") if value > 0 else (">", ">=", "!="))
    low = math.floor(value)
    if low != value:
        if how in ("==", "!="):
            return how == "!="
        how = ">" if how in (">", ">=") else "<="
    if low > _HIGH:
        return how in ("<", "<=", "!=")
    if low < _LOW:
        return how in (">", ">=", "!=")
    return Fitted(how, low)


def _to_float(how: str, value: Any) -> Fitted | bool:
    if isinstance(value, float):
        return Fitted(how, value)
    try:
        near = float(value)
    except OverflowError:
        return how == "!=" if how in ("==", "!=") else _beyond_floats(how, value)
    if near == value:
        return Fitted(how, near)
    if how in ("==", "!="):
        return how == "!="
    if near > value:
        return Fitted(">=" if how in (">", ">=") else "<", near)
    return Fitted(">" if how in (">", ">=") else "<=", near)


def _beyond_floats(how: str, value: int) -> Fitted:
    """Compare with an integer that only the infinities lie beyond."""
    if value > 0:
        return Fitted("==" if how in (">", ">=") else "!=", math.inf)
    return Fitted("!=" if how in (">", ">=") else "==", -math.inf)


_COMPARISONS = {**OPERATORS, WITHIN: _is_within, OUTSIDE: _is_outside}


def said_constant(value: Constant, locale: Locale) -> str:
    """Say a constant."""
    if isinstance(value, str):
        return f"“{value}”"
    if isinstance(value, bool):
        return {"en": ("no", "yes"), "zh": ("否", "是")}[locale][value]
    if isinstance(value, dt.date):
        return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    return f"{value:,}"
