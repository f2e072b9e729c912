"""Folds: what needs the rows of each customer in order, run wherever the rows are.

A fold is a function of a `CustomerLog` that gives one value a customer. A customer is the unit of
parallelism: a log of some customers gives the same values for them as a log of all, so one machine
folds everybody at once, and a cluster folds each partition of customers by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
import pyarrow as pa

from userops.core import frames
from userops.core.log import CustomerLog
from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fold", "fold_by_customer"]

Fold: TypeAlias = Callable[[CustomerLog], "Mapping[str, NDArray[Any]]"]


def fold_by_customer(
    source: frames.Source,
    frame: frames.Frame,
    *,
    key: str,
    instant: str,
    columns: Sequence[str],
    fold: Fold,
    kinds: Mapping[str, frames.Kind],
    tie_break: str | None = None,
    keeps_ties: bool = True,
    shards: int = 1,
) -> frames.Frame:
    """Run a fold over the rows of every customer.

    On PySpark rows are repartitioned by customer and folded in the Python workers; nothing comes
    to the driver, and nothing runs before the result is asked for. There the rows of a customer
    come in any order, so that rows of equal instants need a `tie_break` if their order matters to
    the fold. A lazy Polars frame stays lazy; other engines compute at once. Ibis is read where its
    rows lie in this process.

    Args:
        source: Where the frame comes from.
        frame: The rows; filter out those without a customer or an instant.
        key: Column of customer ids, integers or text.
        instant: Column of int64 microseconds since 1970-01-01 UTC.
        columns: Columns that the fold needs: numbers, or flags; only floats may have nulls.
        fold: Takes a `CustomerLog`, of any number of customers and none too; returns an array for
            each of `kinds`, one value a customer in the order of the log. A NaN, and a masked
            value of a numpy masked array, become null. **Spark pickles it**: let it be a function
            of a module or a frozen attrs object with `__call__`.
        kinds: Name of a column that the fold returns, to what it holds: `"int"` (int64), `"float"`
            (float64) or `"flag"`.
        tie_break: Column that orders rows of one customer and instant; see `CustomerLog.build`.
        keeps_ties: Whether rows that are equal in all that must keep the order of the table; see
            `CustomerLog.build`.
        shards: In how many shards of customers, >= 1, rows of DuckDB are read, so that only one of
            them need fit into memory. All rows are written to temporary files once, and the order
            of those in a tie is lost, as on PySpark. Other engines do not need it, or hold all
            rows in memory anyway.

    Returns:
        One row a customer that has rows: `key` and the columns of `kinds`, on the same engine.

    Raises:
        UnsupportedFrameError: If the rows are held by a database behind Ibis.
        InvalidArgumentError: If there are no shards, a name of `kinds` is that of the key, or the
            fold returns other columns than it says, or not one value a customer; inside a lazy
            engine the error comes wrapped in its own.

    Example:
        >>> def last_instant(log):
        ...     return {"last_us": log.instants_us[log.offsets[1:] - 1]}
        >>> rows = frames.read(pa.table({"who": ["b", "a", "b"], "at": [30, 20, 10]}))
        >>> last = fold_by_customer(
        ...     rows,
        ...     rows.frame,
        ...     key="who",
        ...     instant="at",
        ...     columns=[],
        ...     fold=last_instant,
        ...     kinds={"last_us": "int"},
        ... )
        >>> frames.to_rows(last)
        [{'who': 'b', 'last_us': 30}, {'who': 'a', 'last_us': 20}]
    """
    if shards < 1:
        raise InvalidArgumentError("shards", "must be at least 1", got=shards)
    if key in kinds:
        raise InvalidArgumentError("kinds", f"{key!r} is the column of customer ids")
    needed = [key, instant, *columns, *([tie_break] if tie_break is not None else [])]
    folded = _Folded(key, instant, tuple(columns), fold, dict(kinds), tie_break, keeps_ties)
    return frames.by_whole_customers(
        source, frame, key=key, columns=needed, function=folded, kinds=kinds, shards=shards
    )


@attrs.frozen
class _Folded:
    """A fold as a function from the rows of some customers to one row each."""

    key: str
    instant: str
    columns: tuple[str, ...]
    fold: Fold
    kinds: Mapping[str, frames.Kind]
    tie_break: str | None
    keeps_ties: bool = True

    def __call__(self, rows: pa.Table) -> pa.Table:
        log = CustomerLog.build(
            rows,
            key=self.key,
            instant=self.instant,
            columns=self.columns,
            tie_break=self.tie_break,
            keeps_ties=self.keeps_ties,
        )
        values = self.fold(log)
        if set(values) != set(self.kinds):
            raise InvalidArgumentError(
                "fold", "returns other columns than `kinds` names",
                got=", ".join(map(repr, values)), allowed=", ".join(map(repr, self.kinds)),
            )  # fmt: skip
        table = {self.key: log.customer_ids.cast(rows.schema.field(self.key).type)}
        for name, kind in self.kinds.items():
            table[name] = _array(values[name], kind)
            if len(table[name]) != log.customers:
                raise InvalidArgumentError(
                    "fold", f"must return one value of {name!r} a customer",
                    got=len(table[name]), allowed=log.customers,
                )  # fmt: skip
        return pa.table(table)


def _array(values: NDArray[Any], kind: frames.Kind) -> pa.Array:
    nothing = np.ma.getmaskarray(values) if np.ma.isMaskedArray(values) else None
    plain = np.ma.getdata(values)
    # A NaN becomes null.
    return pa.array(plain, frames.kind_type(kind), mask=nothing, from_pandas=True)
