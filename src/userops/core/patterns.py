r"""Regular expressions with one meaning in Python and in every engine.

Contract: literal characters, `.`, sets, groups, `|`, `^`, `$` and counts. `\d`, `\w` and `\s` mean
ASCII; `$` is the end of the text and nothing else; `.` is any character but a line feed. What some
engine lacks or reads in another way (look-around, back-references, possessive counts, flags,
operations on sets, other escapes) is refused when it is written.

Python, RE2 (Arrow, DuckDB), Rust (Polars) and Java (Spark) differ in all of these.
"""

from __future__ import annotations

import re
import string
from functools import lru_cache

import attrs

from userops.errors import InvalidDefinitionError

__all__ = ["END", "Pattern", "compiled", "portable"]

# The end of the text for engines; for Java, $ also stands before a line separator at the end.
END = r"\z"
_PYTHON_END = r"\Z"
# What RE2 repeats at most.
_MOST_TIMES = 1_000

_CLASSES = {"d": "0-9", "w": "0-9A-Za-z_", "s": r" \t\n\r\f\x0b"}
_CONTROLS = "tnrf"
# \< and \> are the ends of a word to Rust.
_MARKS = set(string.punctuation) - set("<>")
_TOKEN = re.compile(
    r"""
    \\(?P<escape>.)
    | (?P<set> \[ \^? (?: \\. | [^\]\[\\] )+ \] )
    | (?P<group> \( (?!\?) | \(\?: )
    | (?P<count> [*+?] | \{[0-9]+(?:,[0-9]*)?\} )
    | (?P<plain> [^\\\[\](){}*+?] | \) )
    """,
    re.VERBOSE | re.DOTALL,
)


@attrs.frozen
class Pattern:
    """A regular expression in both dialects.

    Attributes:
        engines: As engines read it.
        python: As Python reads it.
    """

    engines: str
    python: re.Pattern[str]


@lru_cache(maxsize=256)
def portable(text: str) -> Pattern:
    """Translate a regular expression.

    Raises:
        InvalidDefinitionError: If it is none, or not every engine reads it alike; says where.
    """
    if not isinstance(text, str):
        raise _refused(text, "is not text")
    engines, python, at, was_count, times = "", "", 0, False, 1
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise _refused(text, f"has {text[at : at + 3]!r}, which engines read differently")
        kind, found = str(token.lastgroup), token.group()
        if kind == "count" and was_count and found != "?":
            raise _refused(text, f"counts a count: {text[at - 1 : at + 1]!r}")
        was_count = kind == "count" and not was_count
        # Counts of counts multiply; whether these are, the product says well enough.
        times *= max([int(n) for n in re.findall("[0-9]+", found)] or [1]) if was_count else 1
        if times > _MOST_TIMES:
            raise _refused(text, f"counts more than {_MOST_TIMES:,} times: {found!r}")
        engines += END if found == "$" else _translated(text, kind, found)
        python += _PYTHON_END if found == "$" else _translated(text, kind, found)
        at = token.end()
    try:
        return Pattern(engines, re.compile(python))
    except re.error as error:
        raise _refused(text, f"is not a regular expression: {error}") from error


@lru_cache(maxsize=256)
def compiled(engine_pattern: str) -> re.Pattern[str]:
    """Compile one of the library's own patterns, which ends in `END`, for Python."""
    return re.compile(engine_pattern.removesuffix(END) + _PYTHON_END)


def _translated(text: str, kind: str, found: str) -> str:
    if kind == "escape":
        return _escape(text, found[1])
    if kind == "set":
        if any(operation in found for operation in ("&&", "--", "~~", "||")):
            raise _refused(text, f"has an operation on sets in {found!r}")
        return re.sub(r"\\(.)", lambda e: _in_set(text, e.group(1)), found, flags=re.DOTALL)
    return r"[^\n]" if found == "." else found


def _escape(text: str, letter: str) -> str:
    if letter.lower() in _CLASSES:
        return f"[{'' if letter.islower() else '^'}{_CLASSES[letter.lower()]}]"
    return _in_set(text, letter)


def _in_set(text: str, letter: str) -> str:
    if letter in _CLASSES:
        return _CLASSES[letter]
    if letter == "v":
        return r"\x0b"  # to Java, \v is every vertical blank
    if letter in _CONTROLS or letter in _MARKS:
        return f"\\{letter}"
    raise _refused(text, f"has the escape \\{letter}, which not every engine knows there")


def _refused(text: object, problem: str) -> InvalidDefinitionError:
    return InvalidDefinitionError(
        "pattern",
        problem,
        got=text,
        allowed=r"characters, sets, groups, counts, ^ and $; such as ^C, ^(R|C)[0-9]+$, -RET$",
        hint="put \\ before a mark that stands for itself, and write [Cc] for either case",
    )
