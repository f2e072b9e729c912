"""Fitting: what is relative to a population is looked up once, and stands in the rule from then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.time import AsOf, as_of_us
from userops.customers.given import as_history
from userops.errors import ColumnTypeError, InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.rules.answering import Names
from userops.rules.custom import expanded
from userops.rules.facts import Facts
from userops.rules.facts_of_table import TableFacts
from userops.rules.features import Aggregate
from userops.rules.literals import kind_said
from userops.rules.node import Node, transformed, walked
from userops.rules.ranking import FittedPercentile, FittedTopN, Percentile, TopN
from userops.rules.reading import Column
from userops.rules.references import resolved
from userops.rules.selection import Selection
from userops.rules.tables import rows_of

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["fitted_in", "fitted_rules", "spread_of"]

_VALUE = "userops__ranked"
_NEVER_MISSING = ("count", "sum", "n_unique", "active_days")


def fitted_rules(
    rules: Mapping[str, Any],
    history: History,
    as_of: AsOf,
    *,
    tags: Names | None = None,
    segments: Names | None = None,
) -> dict[str, Any]:
    """Return rules in which no name and nothing relative to a population is left.

    Args:
        rules: Name to a rule or a term.
        history: The population: its customers with a value as of the instant. A count or a sum of
            nothing is a value too, so that everybody has one.
        as_of: Exclusive end of the history.
        tags: What `HasTag` may name.
        segments: What `InSegment` may name.
    """
    plain = {
        name: resolved(expanded(rule), tags=tags, segments=segments) for name, rule in rules.items()
    }
    return fitted_in(plain, history, as_of)


def fitted_in(rules: Mapping[str, Any], history: History, as_of: AsOf) -> dict[str, Any]:
    """Return rules in which nothing relative to a population is left; names stay names.

    Args:
        rules: Name to a rule or a term.
        history: The population: its customers with a value as of the instant.
        as_of: Exclusive end of the history.
    """
    history = as_history(history)
    plain = {name: expanded(rule) for name, rule in rules.items()}
    ranked = {
        node.key: node
        for rule in plain.values()
        for node in walked(rule)
        if isinstance(node, Percentile | TopN)
    }
    if not ranked:
        return plain
    history = history.at(as_of_us(as_of, history.zone))
    population = _Population(history, as_of, list(ranked.values()))
    found = {key: population.fitted(node) for key, node in ranked.items()}

    def change(node: Node) -> Node:
        return found.get(node.key, node) if isinstance(node, Percentile | TopN) else node

    return {name: transformed(rule, change) for name, rule in plain.items()}


@attrs.frozen
class _Ranked:
    """The known values of a term, one row a customer."""

    column: Column
    frame: frames.Frame
    rows: int


class _Population:
    """The customers and their values, computed once for all conditions."""

    def __init__(self, history: History, as_of: AsOf, nodes: list[Percentile | TopN]) -> None:
        facts = Facts(history, as_of_us(as_of, history.zone))
        for node in nodes:
            facts.need(node.value)
        terms = {node.value.key: node.value for node in nodes}
        # A count of nothing is known, so the population of one is everybody; and the customers of
        # whom one value is known must not depend on which others are asked for beside it.
        everybody = any(
            isinstance(part, Aggregate) and part.how in _NEVER_MISSING
            for term in terms.values()
            for part in walked(term)
        )
        frame = facts.frame(everybody=everybody)
        columns = {key: facts.term(term) for key, term in terms.items()}
        for key, column in columns.items():
            if column.kind in ("text", "flag"):
                raise ColumnTypeError(
                    str(terms[key]), f"holds {kind_said(column.kind)}, which have no order",
                    allowed="numbers, money, dates or times",
                )  # fmt: skip
        names = {key: f"{_VALUE}_{number}" for number, key in enumerate(columns)}
        frame = frame.select(
            CUSTOMER_ID, *(columns[key].expr.alias(name) for key, name in names.items())
        )
        self._frame = facts.source.materialise(frame)
        self._source = facts.source
        self._names, self._columns = names, columns
        self._ranked: dict[str, _Ranked] = {}

    def _of(self, node: Percentile | TopN) -> _Ranked:
        key = node.value.key
        if key not in self._ranked:
            known = self._frame.filter(~nw.col(self._names[key]).is_null())
            frame = known.select(CUSTOMER_ID, nw.col(self._names[key]).alias(_VALUE))
            rows = int(frames.to_rows(frame.select(n=nw.len()))[0]["n"])
            self._ranked[key] = _Ranked(self._columns[key], frame, rows)
        return self._ranked[key]

    def fitted(self, node: Percentile | TopN) -> FittedPercentile | FittedTopN:
        """Return a condition with its cut-points."""
        ranked = self._of(node)
        if isinstance(node, TopN):
            return self._top(node, ranked)
        cuts: list[int | float | None] = [None, None]
        if ranked.rows:
            wanted = [
                (i, rank) for i, rank in enumerate(node.ranks(ranked.rows)) if rank is not None
            ]
            found = frames.values_at_ranks(
                self._source, ranked.frame, _VALUE, [rank for _, rank in wanted]
            )
            for (i, _), at in zip(wanted, found, strict=True):
                cuts[i] = at.value
        return FittedPercentile(
            node.value, node.low, node.high, above=cuts[0], upto=cuts[1],
            scale=ranked.column.scale, population=ranked.rows, cut=_cut_of(ranked.column),
        )  # fmt: skip

    def _top(self, node: TopN, ranked: _Ranked) -> FittedTopN:
        if not ranked.rows:
            return FittedTopN(
                node.value, node.n, scale=ranked.column.scale, cut=_cut_of(ranked.column)
            )
        rank = max(ranked.rows - node.n, 0)
        (at,) = frames.values_at_ranks(self._source, ranked.frame, _VALUE, [rank])
        upto = frames.to_rows(ranked.frame.filter(nw.col(_VALUE) <= at.value).select(n=nw.len()))
        above = ranked.rows - int(upto[0]["n"])
        wanted = min(node.n, ranked.rows) - above
        ((_, last_id),) = frames.keys_at_ranks(
            self._source, ranked.frame, _VALUE, CUSTOMER_ID, [at.below + wanted - 1]
        )
        return FittedTopN(
            node.value, node.n, last=at.value, last_id=last_id, scale=ranked.column.scale,
            cut=_cut_of(ranked.column),
        )  # fmt: skip


def _cut_of(column: Column) -> Any:
    return column.kind if column.kind in ("day", "instant") else None


def spread_of(
    events: Selection, of: str, history: History, as_of: AsOf
) -> tuple[int, dict[str, int]]:
    """Return how many customers know a property of their events, and how many have each text.

    Args:
        events: Which events.
        of: The property, of at most some thousands of different texts.
        history: The population.
        as_of: Exclusive end of the history.
    """
    history = history.at(as_of_us(as_of, history.zone))
    columns = {name: table.columns for name, table in history.events.items()}
    rows = rows_of(events, columns)
    if events.depends_on_customer:
        raise InvalidDefinitionError(
            "events", "start at an instant of the customer's own", got=str(events)
        )
    table = TableFacts(history, rows.table, as_of_us(as_of, history.zone))
    pairs = table.pairs(events, rows.which, of)
    known = frames.to_rows(pairs.select(nw.col(CUSTOMER_ID)).unique().select(n=nw.len()))
    counts = frames.to_rows(frames.counted_by(pairs, ["value"]))
    return int(known[0]["n"]), {row["value"]: int(row["rows"]) for row in counts}
