"""What one table decides alone, decided there: flags are joined instead of the values behind them.

Two hundred rules may look at as many values of a million customers each; what is asked for is a
flag a rule. So a rule, or a part of one, that looks at the events of one table only is answered
before tables meet. Of a customer whom the table does not know it holds or not, once for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from userops.events.columns import EventColumns, OrderColumns
from userops.rules.comparisons import Compare, CompareTerms
from userops.rules.conditions import Between, IsIn, IsKnown, Text
from userops.rules.features import Aggregate
from userops.rules.node import All, AnyOf, Node, Not, Rule
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence
from userops.rules.tables import rows_of
from userops.rules.value import Ratio

__all__ = ["OfTable", "Settling"]

# Nodes that look at nothing but what is below them.
_PLAIN = (All, AnyOf, Not, Compare, CompareTerms, Between, IsIn, IsKnown, Text, Ratio)


@attrs.define
class OfTable:
    """What one table has to give.

    Attributes:
        rules: Key of a rule to the rule that the table decides.
        values: Key of a value that something else looks at, to the value.
    """

    rules: dict[str, Rule] = attrs.field(factory=dict)
    values: dict[str, Node] = attrs.field(factory=dict)


class Settling:
    """What each table has to give for some rules and values.

    Args:
        members: The rules and values.
        columns: Event name to mapping.

    Attributes:
        tables: Name of a table to what it gives.
    """

    def __init__(
        self, members: Iterable[Node], columns: Mapping[str, OrderColumns | EventColumns]
    ) -> None:
        self._columns = columns
        self.tables: dict[str, OfTable] = {}
        for member in members:
            self._take(member)

    def _take(self, node: Node) -> None:
        tables = self._looked_at(node)
        if len(tables) == 1 and None not in tables and isinstance(node, Rule | Aggregate):
            (table,) = tables
            given = self.tables.setdefault(str(table), OfTable())
            if isinstance(node, Rule):
                given.rules[node.key] = node
            else:
                given.values[node.key] = node
        elif not isinstance(node, Sequence):  # which finds its events itself
            for child in node.nodes():
                self._take(child)

    def _looked_at(self, node: Node) -> set[str | None]:
        """Return the tables that a node looks at, and None where it looks at something else."""
        events = node.events if isinstance(node, Aggregate) else node
        if isinstance(events, Selection):
            return {rows_of(events, self._columns).table}
        if type(node) not in _PLAIN:
            return {None}
        return {table for child in node.nodes() for table in self._looked_at(child)}
