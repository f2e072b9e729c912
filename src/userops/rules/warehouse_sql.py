"""Rules as the SQL of a warehouse, or the part of a rule that cannot be said there."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from userops.core import frames
from userops.errors import InvalidDefinitionError, UnsupportedFrameError
from userops.rules.custom import CustomRule
from userops.rules.node import Node, Rule, Term, walked
from userops.rules.rule_set import RuleSet
from userops.rules.sequence import Sequence

if TYPE_CHECKING:
    from userops.core.time import AsOf
    from userops.customers.history import History

__all__ = ["warehouse_sql"]


def warehouse_sql(
    members: Iterable[Rule | Term],
    history: History,
    as_of: AsOf,
    dialect: str,
    frame: Callable[[], frames.Frame],
) -> str:
    """Compile a frame that answers rules to the SQL of a warehouse.

    Args:
        members: The rules and values that it answers, with no name left in them.
        history: Tables of Ibis.
        as_of: Exclusive end of the history.
        dialect: `bigquery`, `clickhouse`, `postgres`, `snowflake`, or another that Ibis knows.
        frame: Computes the frame; called where nothing in the rules stands against it.

    Raises:
        UnsupportedFrameError: If the history is not held by Ibis, or a part of a rule cannot be
            said in the dialect; names the part.
        InvalidArgumentError: If Ibis does not know the dialect.
    """
    held = {**history.events, **history.attributes.tables}
    engine = history.source.engine
    if engine != "ibis":
        raise UnsupportedFrameError(
            "SQL is compiled from tables of Ibis", got=f"a history held by {engine}",
            allowed="ibis.table(…) of any back end",
            hint="for a warehouse: con = ibis.snowflake.connect(…); con.table('orders')",
        )  # fmt: skip
    members = list(members)
    for member in members:
        for node in walked(member):
            if isinstance(node, Sequence):
                raise _cannot(node, dialect, "it folds the events of a customer in their order")
            if isinstance(node, CustomRule) and node.is_python_alone:
                raise _cannot(node, dialect, "it is decided by Python alone, row by row")
    tables = [table.source.native for table in held.values()]
    try:
        return frames.sql_text(frame(), dialect, tables=tables)
    except UnsupportedFrameError as error:
        for member in members:
            part = _culprit(member, history, as_of, dialect, tables)
            if part is not None:
                raise _cannot(part, dialect, str(error.got)) from error
        raise


def _cannot(node: Node, dialect: str, why: str) -> UnsupportedFrameError:
    return UnsupportedFrameError(
        f"“{node}” cannot be said in the SQL of {dialect}", got=why,
        hint="compute it here or on Spark, and give the answer to the warehouse as an attribute",
    )  # fmt: skip


def _culprit(
    node: Node, history: History, as_of: AsOf, dialect: str, tables: list[object]
) -> Node | None:
    """Return the smallest part of a rule that cannot be compiled alone."""
    if not isinstance(node, Rule | Term) or node.scope == "event":
        return None
    try:
        frame = RuleSet({"answer": node}).columns(history, as_of)
        frames.sql_text(frame, dialect, tables=tables)
    except UnsupportedFrameError:
        below = (_culprit(part, history, as_of, dialect, tables) for part in node.nodes())
        return next((part for part in below if part is not None), node)
    except InvalidDefinitionError:  # it cannot be asked alone
        return None
    return None
