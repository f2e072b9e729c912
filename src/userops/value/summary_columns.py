"""The columns of a transaction summary: their names, and what they may hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import ColumnNotFoundError, ColumnTypeError, DataError

__all__ = [
    "AGE", "LAST_PURCHASE_AGE", "MEAN_SPEND", "REPEAT_COUNT", "check_columns", "check_numbers",
    "has_spend", "wrong_weight", "wrong_weights",
]  # fmt: skip

REPEAT_COUNT = "repeat_count"
LAST_PURCHASE_AGE = "last_purchase_age_days"
AGE = "age_days"
MEAN_SPEND = "mean_spend"


def has_spend() -> nw.Expr:
    """Return whether a customer's own spend is known: some repeat purchase, a mean above zero.

    SQL engines and Polars sort what is not a number above all numbers, infinity included.
    """
    spend = nw.col(MEAN_SPEND)
    is_known = ((spend > 0) & (spend < math.inf)).fill_null(False)
    return (nw.col(REPEAT_COUNT) > 0) & is_known


def wrong_weight(weight: str | None) -> nw.Expr:
    """Return 1 where a weight is missing or not above zero, else 0: a sum of them would hide it."""
    if weight is None:
        return nw.lit(0, nw.Int64)
    good: nw.Expr = (nw.col(weight) > 0).fill_null(False)
    return (~good).cast(nw.Int64)


def wrong_weights(rows: int) -> DataError:
    """Return the error of rows whose weights are none."""
    return DataError(
        f"rows of the summary whose weight is missing or not above zero: {rows:,}",
        allowed="above zero", hint="leave out the rows that stand for nobody",
    )  # fmt: skip


def check_numbers(schema: Any, columns: Sequence[str]) -> None:
    """Refuse columns that are not there, or hold no numbers.

    Raises:
        ColumnNotFoundError: Names the nearest.
        ColumnTypeError: Says what it holds.
    """
    for column in columns:
        if column not in schema:
            raise ColumnNotFoundError(column, schema.names())
        if not (schema[column].is_numeric() or schema[column] == nw.Unknown):
            raise ColumnTypeError(
                column, "is no column of numbers", got=schema[column], allowed="numbers",
                hint="transaction_summary counts ages in whole days",
            )  # fmt: skip


def check_columns(
    source: frames.Source, columns: Sequence[str], covariates: Sequence[str], weight: str | None
) -> None:
    """Refuse a summary whose columns are missing, or hold nothing that a model can read.

    Raises:
        ColumnNotFoundError: Names the nearest.
        ColumnTypeError: Says what a column holds.
    """
    schema = source.frame.collect_schema()
    for column in covariates:
        if column not in schema:
            raise ColumnNotFoundError(column, schema.names())
        if not (schema[column].is_numeric() or schema[column] == nw.Boolean()):
            raise ColumnTypeError(
                column, "is no covariate that a model can read", got=schema[column],
                allowed="numbers, or true and false",
                hint="make a column of true and false of each value but one",
            )  # fmt: skip
    others = [name for name in columns if name not in covariates]
    check_numbers(schema, [*others, *([weight] if weight else [])])
