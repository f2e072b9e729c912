"""What is computed on Ibis as the SQL text of a warehouse; nothing is sent there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from userops.errors import InvalidArgumentError, UnsupportedFrameError

if TYPE_CHECKING:
    from userops.core.frames.sources import Frame

__all__ = ["sql_text"]

_MOST_ROWS = 10_000


def sql_text(frame: Frame, dialect: str, *, tables: Iterable[Any]) -> str:
    """Return the SQL of a frame of Ibis in a dialect.

    Small tables that the library made itself stand in the text, as common table expressions.

    Args:
        frame: A frame of Ibis.
        dialect: `bigquery`, `clickhouse`, `postgres`, `snowflake`, or another that Ibis knows.
        tables: The host's own tables, which the text names as Ibis does.

    Raises:
        InvalidArgumentError: If Ibis does not know the dialect.
        UnsupportedFrameError: If something in the frame cannot be said in the dialect.
    """
    import ibis
    from ibis.backends.sql import compilers
    from ibis.common.exceptions import IbisError
    from ibis.expr.operations import InMemoryTable

    compiler = getattr(getattr(compilers, str(dialect), None), "compiler", None)
    if compiler is None:
        known = [name for name in dir(compilers) if hasattr(getattr(compilers, name), "compiler")]
        raise InvalidArgumentError.unknown("dialect", str(dialect), known)
    native: Any = frame.to_native()
    theirs = {op.name for table in tables for op in table.op().find(InMemoryTable)}
    try:
        text = str(ibis.to_sql(native, dialect=dialect))
        ours = [op for op in native.op().find(InMemoryTable) if op.name not in theirs]
        # Ibis gives them random names, and the same rules must give the same text.
        ours.sort(key=lambda op: text.index(op.name))
        written = [_written(op, f"userops_{n}", compiler.dialect) for n, op in enumerate(ours)]
    except (IbisError, NotImplementedError) as error:
        raise UnsupportedFrameError(
            f"this cannot be said in the SQL of {dialect}", got=str(error).splitlines()[0]
        ) from error
    for number, table in enumerate(ours):
        text = text.replace(table.name, f"userops_{number}")
    if not written:
        return text
    rest = text.removeprefix("WITH ")
    return "WITH " + ", ".join(written) + (", " if rest is not text else "\n") + rest


def _written(table: Any, title: str, dialect: Any) -> str:
    """Return a table in memory as a common table expression."""
    from sqlglot import exp

    def name(text: str) -> str:
        return exp.to_identifier(text, quoted=True).sql(dialect=dialect)

    def said(value: Any, kind: str) -> str:
        if value is None:
            return exp.cast(exp.Null(), kind).sql(dialect=dialect)
        is_text = isinstance(value, str)
        literal = exp.Literal.string(value) if is_text else exp.Literal.number(value)
        return literal.sql(dialect=dialect)

    rows = table.data.to_pyarrow(table.schema)
    kinds = {n: "text" if dtype.is_string() else "bigint" for n, dtype in table.schema.items()}
    if len(rows) > _MOST_ROWS or any(
        not (dtype.is_string() or dtype.is_integer()) for dtype in table.schema.values()
    ):
        raise NotImplementedError(f"a table of {len(rows):,} rows was made for it in this process")
    selects = [
        "SELECT " + ", ".join(f"{said(v, kinds[n])} AS {name(n)}" for n, v in row.items())
        for row in rows.to_pylist()
    ]
    if not selects:
        nothing = ", ".join(f"{said(None, kind)} AS {name(n)}" for n, kind in kinds.items())
        selects = [f"SELECT {nothing} WHERE 1 = 0"]
    return f"{name(title)} AS (\n  " + "\n  UNION ALL\n  ".join(selects) + "\n)"
