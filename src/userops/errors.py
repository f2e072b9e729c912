"""Every error and warning that userops raises, in one tree.

    UserOpsError
    ├── InvalidDefinitionError (ValueError)   a definition is wrong: names the field
    ├── InvalidArgumentError (ValueError)     a call is wrong: names the argument
    ├── NotFittedError (TypeError)            a definition was used where a fitted object is needed
    ├── MissingExtraError (ImportError)       an optional dependency is not installed
    └── DataError (ValueError)                the data cannot be used as declared
        ├── UnsupportedFrameError (TypeError) not a dataframe that can be read
        ├── ColumnNotFoundError (LookupError) a column is missing: names those that exist
        ├── ColumnTypeError (TypeError)       a column has a type that cannot be used
        ├── MoneyScaleError                   amounts do not fit the declared scale
        ├── MoneyOverflowError                an amount or a sum would leave exact int64
        ├── EmptyHistoryError                 nothing is left to compute from
        └── UnreadableFileError (OSError)     a file cannot be read to its end

    UserOpsWarning (UserWarning)
    ├── DataWarning                           the data was read, but look at it
    └── MissingFontWarning                    a chart holds letters that no installed font has

Each message says what is wrong, what was got, what is allowed, and gives a hint; the offender
is also an attribute of the error.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ColumnNotFoundError",
    "ColumnTypeError",
    "DataError",
    "DataWarning",
    "EmptyHistoryError",
    "InvalidArgumentError",
    "InvalidDefinitionError",
    "MissingExtraError",
    "MissingFontWarning",
    "MoneyOverflowError",
    "MoneyScaleError",
    "NotFittedError",
    "UnreadableFileError",
    "UnsupportedFrameError",
    "UserOpsError",
    "UserOpsWarning",
    "nearest",
]

# A list that is longer helps nobody; the nearest name is looked for among all.
_MOST_NAMES = 24


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name closest to `name`, or None where none is close."""
    names = [str(a) for a in allowed]
    folded = {n.casefold(): n for n in reversed(names)}
    # Of two Chinese characters one that is right says as much as half a word of Latin letters.
    cutoff = 0.55 if str(name).isascii() else 0.5
    found = difflib.get_close_matches(str(name).casefold(), folded, n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def listed(names: list[str]) -> str:
    """Return names in one line, the first ones, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_MOST_NAMES])} … {more:,} more"


def _sentence(problem: str, got: object, allowed: object, hint: str | None) -> str:
    said = [("", problem), ("Got: ", got), ("Allowed: ", allowed), ("Hint: ", hint)]
    parts = [f"{head}{text}" for head, text in said if text is not None]
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in parts)


class UserOpsError(Exception):
    """Base of every error of this library.

    Attributes:
        problem: What is wrong, one sentence.
        got: What was given, or None.
        allowed: What would be accepted, or None.
        hint: What to do, or None.
    """

    def __init__(
        self,
        problem: str,
        *,
        got: object = None,
        allowed: object = None,
        hint: str | None = None,
    ) -> None:
        self.problem = problem
        self.got = got
        self.allowed = allowed
        self.hint = hint
        super().__init__(_sentence(problem, got, allowed, hint))

    def __str__(self) -> str:
        """Return the message; LookupError and OSError would otherwise print a tuple or a repr."""
        return str(self.args[0])


class InvalidDefinitionError(UserOpsError, ValueError):
    """A definition is wrong when it is written.

    Attributes:
        field: Name of the offending field, or a path such as `cells[(5, 5)]`.
    """

    def __init__(
        self,
        field: str,
        problem: str,
        *,
        got: object = None,
        allowed: object = None,
        hint: str | None = None,
    ) -> None:
        self.field = field
        super().__init__(f"{field}: {problem}", got=got, allowed=allowed, hint=hint)


class InvalidArgumentError(UserOpsError, ValueError):
    """An argument of a call is wrong.

    Attributes:
        argument: Name of the argument.
    """

    def __init__(
        self,
        argument: str,
        problem: str,
        *,
        got: object = None,
        allowed: object = None,
        hint: str | None = None,
    ) -> None:
        self.argument = argument
        super().__init__(f"{argument}: {problem}", got=got, allowed=allowed, hint=hint)

    @classmethod
    def unknown(cls, argument: str, got: str, allowed: Iterable[str]) -> InvalidArgumentError:
        """Build the error for a name that is not among the allowed ones, offering the nearest."""
        names = list(allowed)
        close = nearest(got, names)
        return cls(
            argument,
            f"{got!r} is not known",
            allowed=listed(names) or "none are there",
            hint=f"did you mean {close!r}?" if close else None,
        )


class NotFittedError(UserOpsError, TypeError):
    """A definition was used where a fitted object is needed."""


class MissingExtraError(UserOpsError, ImportError):
    """An optional dependency is not installed.

    Attributes:
        extra: The extra of userops that brings it.
    """

    def __init__(self, extra: str, package: str) -> None:
        self.extra = extra
        super().__init__(
            f"this needs the package {package!r}, which is not installed",
            hint=f"pip install 'userops[{extra}]'",
        )


class DataError(UserOpsError, ValueError):
    """The data cannot be used as declared."""


class UnsupportedFrameError(DataError, TypeError):
    """What was given is not a dataframe that can be read."""


class ColumnNotFoundError(DataError, LookupError):
    """A column that the mapping names, or that is needed under its own name, is not in the frame.

    Attributes:
        column: The missing column.
        existing: The columns that do exist.
    """

    def __init__(
        self,
        column: str,
        existing: Iterable[str],
        *,
        role: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.column = column
        self.existing = tuple(existing)
        close = nearest(column, self.existing)
        said = f"column {column!r}" + (f" (for {role})" if role and role != column else "")
        argument, is_inside, _ = (role or "").partition("[")
        if is_inside:  # such as identifiers['phone']
            hint = f"name a column that exists in the argument {argument}"
        elif role:
            hint = f"name the column with the argument {role}=…"
        super().__init__(
            f"{said} does not exist",
            got=f"a frame with the columns {', '.join(map(repr, self.existing)) or '(none)'}",
            hint=f"did you mean {close!r}?" if close else hint,
        )


class ColumnTypeError(DataError, TypeError):
    """A column has a type that cannot be used for its role.

    Attributes:
        column: The offending column.
    """

    def __init__(
        self,
        column: str,
        problem: str,
        *,
        got: object = None,
        allowed: object = None,
        hint: str | None = None,
    ) -> None:
        self.column = column
        super().__init__(f"column {column!r} {problem}", got=got, allowed=allowed, hint=hint)


class MoneyScaleError(DataError):
    """Amounts have more decimals than the declared scale.

    Attributes:
        scale: The declared scale.
        needed_scale: The smallest scale that fits all amounts, or None where none up to 9 does.
    """

    def __init__(
        self, problem: str, *, scale: int, needed_scale: int | None, got: object = None
    ) -> None:
        self.scale = scale
        self.needed_scale = needed_scale
        hint = (
            f"declare scale={needed_scale}" if needed_scale is not None else "no scale up to 9 fits"
        )
        super().__init__(
            problem,
            got=got,
            allowed=f"at most {scale} decimals (scale={scale})",
            hint=f"{hint}, or round on purpose with rounding='half_even' or 'half_up'",
        )


class MoneyOverflowError(DataError, OverflowError):
    """An amount, or a sum that could occur, would leave exact 64-bit integers."""


class EmptyHistoryError(DataError):
    """Nothing is left to compute from."""


class UnreadableFileError(DataError, OSError):
    """A file cannot be read to its end.

    Attributes:
        path: The file.
    """

    def __init__(self, path: str, problem: str, *, hint: str | None = None) -> None:
        self.path = path
        super().__init__(f"{path}: {problem}", hint=hint)


class UserOpsWarning(UserWarning):
    """Base of every warning of this library."""


class DataWarning(UserOpsWarning):
    """The data was read, but deserves a look."""


class MissingFontWarning(UserOpsWarning):
    """A chart holds letters that no installed font can draw."""
