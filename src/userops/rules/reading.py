"""What a rule is compiled with: a function or a column for each of its terms and parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

import attrs

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw

    from userops.core.values import Kind

__all__ = [
    "Column",
    "ColumnReader",
    "Holds",
    "Names",
    "Reading",
    "RowReader",
    "Seen",
    "Write",
    "balanced",
]

# What a closure is called with: a view of a customer, or the values of one event.
Seen: TypeAlias = Any
Holds: TypeAlias = Callable[[Seen], bool]


class Names:
    """Names for the values of an expression, which never stand in its text themselves.

    Attributes:
        values: Name to value; the expression can reach nothing else.
    """

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[str, Any] = {"__builtins__": {}}

    def __call__(self, value: Any) -> str:
        """Return a new name for a value."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return name


# Writes an expression of `seen`.
Write: TypeAlias = Callable[[Names], str]


@attrs.frozen
class Column:
    """A term as a column.

    Attributes:
        expr: The column.
        kind: What its values are; `money` counts minor units; None where all are missing.
        scale: Decimals of the minor unit of money.
        is_counted: Whether the value is never missing.
    """

    expr: nw.Expr
    kind: Kind | Literal["money"] | None
    scale: int = 0
    is_counted: bool = False


@attrs.frozen
class Reading:
    """A term as a function of what is seen.

    Attributes:
        read: The function.
        kind: As in `Column`, or None where only the value tells.
        scale: Decimals of the minor unit of money.
        write: Writes the same as an expression, where that is faster than a call.
    """

    read: Callable[[Seen], Any]
    kind: Kind | Literal["money"] | None = None
    scale: int = 0
    write: Write = attrs.field()

    @write.default
    def _call(self) -> Write:
        return lambda names: f"{names(self.read)}(seen)"


class RowReader(Protocol):
    """What a rule asks for its terms and parts when it is compiled for one customer or event."""

    zone: Any

    def term(self, term: Any) -> Reading:
        """Return the function that reads a term."""
        ...

    def rule(self, rule: Any) -> Holds:
        """Return the function that decides a rule."""
        ...


def balanced(operator: Callable[[Any, Any], Any], parts: Sequence[Any]) -> Any:
    """Combine parts pair by pair: a chain of hundreds would be deeper than engines can follow."""
    while len(parts) > 1:
        pairs = [parts[i : i + 2] for i in range(0, len(parts), 2)]
        parts = [operator(*pair) if len(pair) == 2 else pair[0] for pair in pairs]
    return parts[0]


class ColumnReader(Protocol):
    """What a rule asks for its terms and parts when it is compiled for columns."""

    zone: Any

    def term(self, term: Any) -> Column:
        """Return the column of a term."""
        ...

    def rule(self, rule: Any) -> nw.Expr:
        """Return the column of a rule: true or false, never null."""
        ...
