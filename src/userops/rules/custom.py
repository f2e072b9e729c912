"""Rules of one's own, on three levels: of built-in nodes, of features, of Python alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core.money import major_expr
from userops.errors import InvalidDefinitionError
from userops.rules.locales import Locale
from userops.rules.node import Node, Rule, Scope, Term, transformed
from userops.rules.reading import Column, ColumnReader, Holds, RowReader, Seen

__all__ = ["CustomRule", "expanded", "major", "said_in_columns"]


@attrs.frozen(eq=False)
class CustomRule(Rule):
    """Base of a rule of one's own.

    Declare `code_version` and write one of three things:

    1. `expand()` returns a rule of built-in nodes; nothing else is needed, and it runs everywhere.
    2. `terms()` names the values that it looks at, `holds(**values)` decides for one customer, and
       `expression(**columns)` says the same in narwhals columns. It runs everywhere.
    3. `terms()` and `holds(**values)` alone. It runs for one customer, and row by row in Python
       on frames in this process; on a cluster or a warehouse only where that is allowed.

    `userops.testing.check_rule(MyRule())` holds the forms to each other on every installed engine.

    Example:
        >>> from typing import ClassVar
        >>> from userops.rules import CustomRule, Did
        >>> @attrs.frozen(eq=False)
        ... class OftenReturns(CustomRule):
        ...     share: float = 0.5
        ...     code_version: ClassVar[str] = "1"
        ...
        ...     def terms(self):
        ...         return {"bought": Did("order").count(), "back": Did("return").count()}
        ...
        ...     def holds(self, bought, back):
        ...         return back > bought * self.share
        ...
        ...     def expression(self, bought, back):
        ...         return back > bought * self.share
    """

    @property
    def scope(self) -> Scope:
        """It is about the customer, unless its terms are of one event."""
        rule = self.expand()
        if rule is not None:
            return rule.scope or "customer"
        return next((term.scope for term in self.terms().values() if term.scope), "customer")

    def expand(self) -> Rule | None:
        """Return the rule in built-in nodes; None where it has code of its own."""
        return None

    def terms(self) -> Mapping[str, Term]:
        """Return the values that the rule looks at, by the names of the arguments of `holds`."""
        return {}

    def holds(self, **values: Any) -> bool:
        """Decide for one customer, or one event; None stands for a missing value."""
        raise NotImplementedError

    def expression(self, **columns: nw.Expr) -> nw.Expr | None:
        """Return the same as a column; null counts as false. None runs `holds` row by row.

        Money comes in major units, days and instants as whole numbers (days and microseconds since
        1970-01-01), and so they come to `holds`.
        """
        return None

    def sentence(self, locale: Locale) -> str | None:
        """Return the rule in words, in `en` or `zh`; None says what it expands to, or its fields.

        It stands inside longer sentences: lower case, and without a full stop.
        """
        return None

    @property
    def is_python_alone(self) -> bool:
        """Whether only `holds` can decide it."""
        if type(self).expression is CustomRule.expression:
            return True
        return self.expression(**{name: nw.col(name) for name in self.terms()}) is None

    def __attrs_post_init__(self) -> None:
        """Refuse a class that says nothing, when its first rule is made."""
        has_own_code = type(self).holds is not CustomRule.holds
        if not has_own_code and type(self).expand is CustomRule.expand:
            raise InvalidDefinitionError(
                type(self).__name__, "says nothing", allowed="expand(), or terms() and holds()"
            )
        if has_own_code and not all(isinstance(t, Term) for t in self.terms().values()):
            raise InvalidDefinitionError("terms", "must map names to terms", got=self.terms())

    @property
    def looked_at(self) -> dict[str, Term]:
        """The terms, with rules of one's own in their conditions put as built-in nodes."""
        return {name: expanded(term) for name, term in self.terms().items()}

    def nodes(self) -> tuple[Node, ...]:
        """Return the nodes below: those of its fields, and its terms."""
        return (*super().nodes(), *self.looked_at.values())

    def decided(self, values: Mapping[str, Any]) -> bool:
        """Return what `holds` says; its errors tell the rule and the values that it was given."""
        try:
            return bool(self.holds(**values))
        except Exception as error:
            missing = sorted(name for name, value in values.items() if value is None)
            hint = f"; {', '.join(missing)} is missing (None)" if missing else ""
            error.add_note(f"in holds() of the rule {self}, given {dict(values)!r}{hint}")
            raise

    def row(self, reader: RowReader) -> Holds:
        """Return the rule as a function."""
        readings = [(name, reader.term(term)) for name, term in self.looked_at.items()]
        reads = [(name, _major(reading)) for name, reading in readings]
        return lambda seen: self.decided({name: read(seen) for name, read in reads})

    def column(self, reader: ColumnReader) -> nw.Expr:
        """Return the rule as a column."""
        return reader.custom(self)  # type: ignore[attr-defined, no-any-return]

    def _said(self, locale: Locale) -> str:
        mine = self.sentence(locale)
        if mine is not None:
            return mine
        rule = self.expand()
        if rule is not None:
            return rule._said(locale)
        fields = (f for f in attrs.fields(type(self)) if f.init)
        given = ", ".join(f"{f.name}={getattr(self, f.name)!r}" for f in fields)
        return f"{type(self).__name__}({given})"


def major(column: Column) -> nw.Expr:
    """Return a column with money in major units."""
    return major_expr(column.expr, column.scale) if column.kind == "money" else column.expr


def said_in_columns(rule: CustomRule, reader: ColumnReader) -> nw.Expr:
    """Return what `expression` says, null as false."""
    said = rule.expression(**{n: major(reader.term(term)) for n, term in rule.looked_at.items()})
    assert said is not None  # else it is decided by Python alone
    answer: nw.Expr = said.fill_null(False)
    return answer


def _major(reading: Any) -> Any:
    read, units = reading.read, 10**reading.scale
    if reading.kind != "money":
        return read

    def major(seen: Seen) -> float | None:
        found = read(seen)
        return None if found is None else float(found) / float(units)

    return major


def expanded(rule: Any) -> Any:
    """Return a rule in which those of the user's own that expand are put as built-in nodes."""

    def change(node: Node) -> Node:
        rule = node.expand() if isinstance(node, CustomRule) else None
        return node if rule is None else expanded(rule)

    return transformed(rule, change)
