"""Conditions as expressions of Python, so that a rule of many becomes one function.

A call of a function costs more than the comparison in it. So conditions and their combinations are
written as an expression of `seen`, and made a function as a whole. The text holds operators and
numbered names alone: constants, classes and names of attributes are the values of those names, and
never part of the text. Rules of one shape have one text, which is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType
from typing import Any, Literal, NamedTuple

from userops.rules.reading import Holds, Names, Reading, Write

__all__ = ["by_class", "combined", "function_of", "negated"]

# Parts of one function; larger rules are functions of functions. It bounds how deep brackets nest.
_MOST_PARTS = 50
_WRITTEN = "written"


class _Written(NamedTuple):
    """How a function was written, and of how many parts."""

    write: Write
    size: int


@lru_cache(maxsize=1024)
def _code(text: str) -> CodeType:
    return compile(f"lambda seen: {text}", "<rule>", "eval")


def function_of(write: Write, size: int = 1) -> Holds:
    """Return the function of `seen` that an expression says.

    Args:
        write: Writes the expression; given what names its values. It may use `x` for a while.
        size: How many parts it has.
    """
    names = Names()
    code = _code(write(names))
    holds: Holds = eval(code, names.values)
    # Whoever combines it writes the expression again, instead of calling it.
    holds.__dict__[_WRITTEN] = _Written(write, size)
    return holds


def _written(part: Holds) -> _Written:
    found: _Written | None = getattr(part, _WRITTEN, None)
    return _called(part) if found is None else found


def _called(part: Holds) -> _Written:
    return _Written(lambda names: f"{names(part)}(seen)", 1)


def combined(word: Literal["and", "or"], parts: Sequence[Holds]) -> Holds:
    """Return the function that stops at the first part that decides."""
    if len(parts) > _MOST_PARTS:
        several = [parts[i : i + _MOST_PARTS] for i in range(0, len(parts), _MOST_PARTS)]
        return combined(word, [combined(word, some) for some in several])
    written = [_written(part) for part in parts]
    if sum(part.size for part in written) > _MOST_PARTS:
        written = [_called(part) for part in parts]

    def write(names: Names) -> str:
        return "(" + f" {word} ".join(part.write(names) for part in written) + ")"

    return function_of(write, 1 + sum(part.size for part in written))


def negated(part: Holds) -> Holds:
    """Return the function that says the opposite."""
    written = _written(part)
    if written.size > _MOST_PARTS:
        written = _called(part)
    return function_of(lambda names: f"(not {written.write(names)})", 1 + written.size)


def by_class(
    reading: Reading,
    tests: Mapping[type, tuple[str, Sequence[Any]]],
    otherwise: Callable[[Any], bool],
) -> Holds:
    """Return the test of a value with what it is compared with, by the value's class.

    Args:
        reading: Reads the value.
        tests: Class to the test of a value of that class: an expression of `x`, the value, in which
            each `{}` stands for one of what it is tested with.
        otherwise: What is said of values of other classes.
    """

    def write(names: Names) -> str:
        found, cases = f"(x := {reading.write(names)})", ""
        for cls, (test, others) in tests.items():
            said = test.format(*map(names, others))
            cases += f"{said} if {found}.__class__ is {names(cls)} else "
            found = "x"
        return f"({cases}{names(otherwise)}(x))"

    return function_of(write)
