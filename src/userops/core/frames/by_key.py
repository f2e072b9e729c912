"""Many totals of the rows of each key, each over the rows that satisfy a condition of its own.

Conditions and value columns are named once and shared by all totals. Where an engine plans for
itself, each shape of grouping becomes one pass over the rows, and the results meet in outer joins.
Where Arrow holds the rows, keys become places in arrays (`by_place`), so that there is nothing to
join.

Rows whose key is null must be left out before. Conditions are never null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw

from userops.core.frames.by_place import answered, side_by_side
from userops.core.frames.dialects import heaviest
from userops.core.frames.sources import alike
from userops.core.frames.totals import Asked, Condition, Distinct, First, Top, Total

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame, Source

__all__ = ["answers_by_key", "joined"]

# Ibis plans a query of many nested joins ever more slowly.
_MOST_NESTED = 8


def answers_by_key(
    source: Source,
    frame: Frame,
    key: str,
    conditions: Mapping[str, Condition],
    asked: Asked,
    *,
    small: bool = False,
) -> Frame:
    """Return one row a key, of all keys that occur, with a column for each name asked.

    Args:
        source: Where the rows come from.
        frame: The rows, of that engine or in Arrow; `key` without nulls.
        key: The column of keys.
        conditions: Name to condition.
        asked: Name of a column to what it holds: `Total`, `Distinct`, `Top` or `First`.
        small: Whether whole numbers may have smaller types than int64, for `with_nobody` alone.
    """
    if frame.implementation.is_pyarrow():
        return answered(frame, key, conditions, asked, small=small)
    return _Planned(source, frame, key, conditions).answer(asked)


def joined(parts: Sequence[Frame], key: str, absent: Mapping[str, Any] | None = None) -> Frame:
    """Join frames of one row a key on all keys that occur in any of them.

    Args:
        parts: The frames; no other column is in two of them.
        key: The column of keys.
        absent: Name of a column to what it is of a key that its frame does not have; else null.
    """
    absent = absent or {}
    if len(parts) > 1 and parts[0].implementation.is_pyarrow():
        return side_by_side(alike(list(parts)), key, absent)
    first, *others = parts
    for other in others:
        right = f"{key}_right"
        first = (
            first.join(other, on=key, how="full", suffix="_right")
            .with_columns(nw.coalesce(key, right).alias(key))
            .drop(right)
        )
    return first.with_columns(nw.col(name).fill_null(value) for name, value in absent.items())


class _Planned:
    """Groupings as plans of an engine."""

    def __init__(
        self, source: Source, frame: Frame, key: str, conditions: Mapping[str, Condition]
    ) -> None:
        self.source, self.frame, self.key = source, frame, key
        self.conditions = {name: condition.expr() for name, condition in conditions.items()}

    def answer(self, asked: Asked) -> Frame:
        totals = {n: a for n, a in asked.items() if isinstance(a, Total)}
        parts = [self._totals(totals)]
        by_value: dict[str, dict[str, Distinct]] = {}
        for name, wanted in asked.items():
            if isinstance(wanted, Distinct):
                by_value.setdefault(wanted.value, {})[name] = wanted
            elif isinstance(wanted, Top):
                parts.append(self._top(name, wanted))
            elif isinstance(wanted, First):
                parts.append(self._first(name, wanted))
        parts += [self._distinct(value, group) for value, group in by_value.items()]
        frame = parts[0]
        for number, part in enumerate(parts[1:], start=1):  # the totals hold every key
            frame = frame.join(part, on=self.key, how="left")
            if number % _MOST_NESTED == 0 and self.source.engine == "ibis":
                frame = self.source.materialise(frame)
        zero = [n for n, a in asked.items() if isinstance(a, Distinct)]
        if zero:
            frame = frame.with_columns(nw.col(*zero).fill_null(0))
        return frame.select(self.key, *asked)

    def _holds(self, when: str | None) -> nw.Expr | None:
        return None if when is None else self.conditions[when]

    def _totals(self, totals: Mapping[str, Total]) -> Frame:
        columns: dict[str, nw.Expr] = {}
        for name, total in totals.items():
            holds = self._holds(total.when)
            value: Any = nw.lit(1, nw.Int8) if total.value is None else nw.col(total.value)
            columns[name] = value if holds is None else nw.when(holds).then(value)
        if not columns:
            return self.frame.select(self.key).unique()
        rows = self.frame.select(self.key, *(v.alias(n) for n, v in columns.items()))
        taken = [getattr(nw.col(n), total.how)() for n, total in totals.items()]
        whole = [n for n, total in totals.items() if total.how in ("count", "sum")]
        grouped = rows.group_by(self.key).agg(*taken)
        if whole:
            grouped = grouped.with_columns(nw.col(*whole).cast(nw.Int64).fill_null(0))
        return grouped

    def _distinct(self, value: str, group: Mapping[str, Distinct]) -> Frame:
        flags = {}
        for name, wanted in group.items():
            holds = self._holds(wanted.when)
            flags[name] = nw.lit(True) if holds is None else holds
        any_of = reduce(lambda a, b: a | b, flags.values())
        rows = self.frame.filter(~nw.col(value).is_null() & any_of)
        marked = rows.select(
            self.key, value, *(flag.cast(nw.Int64).alias(n) for n, flag in flags.items())
        )
        pairs = marked.group_by(self.key, value).agg(nw.col(*flags).max())
        counts = pairs.group_by(self.key).agg(nw.col(*flags).sum())
        return counts.with_columns(nw.col(*flags).cast(nw.Int64))

    def _chosen(self, when: str | None, value: str) -> Frame:
        known = ~nw.col(value).is_null()
        holds = self._holds(when)
        return self.frame.filter(known if holds is None else known & holds)

    def _top(self, name: str, wanted: Top) -> Frame:
        rows = self._chosen(wanted.when, wanted.value)
        columns = [nw.col(wanted.value).alias(name)]
        added: Any = nw.len().alias("userops__weight")
        if wanted.weight is not None:
            columns.append(nw.col(wanted.weight).fill_null(0).alias("userops__weight"))
            added = nw.col("userops__weight").sum()
        pairs = rows.select(self.key, *columns).group_by(self.key, name).agg(added)
        pairs = pairs.with_columns(nw.col("userops__weight").cast(nw.Int64))
        return heaviest(self.source, pairs, self.key, name, "userops__weight")

    def _first(self, name: str, wanted: First) -> Frame:
        rows = self._chosen(wanted.when, wanted.value).select(
            self.key, wanted.order, nw.col(wanted.value).alias(name)
        )
        edge = nw.col(wanted.order).max() if wanted.last else nw.col(wanted.order).min()
        edges = rows.group_by(self.key).agg(edge)
        at_edge = rows.join(edges, on=[self.key, wanted.order], how="inner")
        return at_edge.group_by(self.key).agg(nw.col(name).min())
