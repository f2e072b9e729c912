"""Frames of customers valued, where they are; and what they come to together."""

from __future__ import annotations

import math
from typing import Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.errors import ColumnNotFoundError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.value.inference import Interval, by_delta
from userops.value.summary_columns import has_spend
from userops.value.summary_rows import (
    AGE,
    LAST_PURCHASE_AGE,
    MEAN_SPEND,
    REPEAT_COUNT,
    SummaryRows,
)
from userops.value.valuation import Valuation

__all__ = ["equity_of", "scored"]

Floats = NDArray[np.float64]
_COUNT, _MANY, _SPENT = (f"userops__{name}" for name in ("count", "many", "spent"))


def scored(valuation: Valuation, summary: Any, level: float | None) -> Any:
    """Return the scores of `FittedCustomerValue.score`, in the summary's frame type."""
    source = frames.read(summary)
    names = source.frame.collect_schema().names()
    for column in (CUSTOMER_ID, MEAN_SPEND):
        if column not in names:
            raise ColumnNotFoundError(column, names)
    if source.is_in_process:
        return _here(valuation, source, level)
    if level is not None:
        raise InvalidArgumentError(
            "level", "is asked for where customers are not at hand", got=source.engine,
            hint="score without a level there, and collect the customers whose intervals count",
        )  # fmt: skip
    return _there(valuation, source)


def _here(valuation: Valuation, source: frames.Source, level: float | None) -> Any:
    """Value rows that are in this process, in their order."""
    covariates = valuation.transactions.model.covariates
    rows, spent, table = SummaryRows.each(source, covariates=covariates)
    worth = valuation.of_customers(rows.in_units(7.0), spent, level)
    for name, values in worth.items():
        table = table.append_column(name, [values])
    return source.give_rows(table)


def _there(valuation: Valuation, source: frames.Source) -> Any:
    """Value the distinct rows of a cluster, and join them where its customers are."""
    schema = source.frame.collect_schema()
    keys = [REPEAT_COUNT, LAST_PURCHASE_AGE, AGE, *valuation.transactions.model.covariates]
    rows = SummaryRows.of(source.frame.to_native(), covariates=keys[3:])
    values = (rows.repeat_count, rows.last_purchase_age, rows.age, *rows.covariates.T)
    worth = valuation.of_rows(rows.in_units(7.0))
    table = frames.number_table({
        **{
            name: column if schema[name].is_float() else column.astype(np.int64)
            for name, column in zip(keys, values, strict=True)
        },
        **worth,
    })  # fmt: skip
    valued = frames.read(source.give_rows(table)).frame
    found = source.frame.join(valued, on=keys, how="inner")
    found = found.with_columns(_expected_spend(valuation).alias("expected_spend"))
    clv = nw.col("discounted_purchases") * nw.col("expected_spend") * valuation.margin
    columns = [name for name in worth if name != "discounted_purchases"]
    return source.give_back(found.select(CUSTOMER_ID, *columns, "expected_spend", clv.alias("clv")))


def _expected_spend(valuation: Valuation) -> nw.Expr:
    """Return `FittedGammaGamma.expected_spend` as an expression."""
    p, q, gamma = valuation.spend.parameters.values()
    spent = has_spend()
    count: Any = nw.when(spent).then(nw.col(REPEAT_COUNT)).otherwise(nw.lit(0))
    total: Any = nw.when(spent).then(nw.col(MEAN_SPEND) * nw.col(REPEAT_COUNT))
    below = count * p + (q - 1)
    spend = (total.otherwise(nw.lit(0.0)) + gamma) * p / below
    found: nw.Expr = nw.when(below > 0).then(spend).otherwise(nw.lit(math.inf))
    return found


def equity_of(
    valuation: Valuation, summary: Any, level: float, weight: str | None = None
) -> Interval:
    """Return what all customers of a summary are worth together.

    The sum needs, of each distinct row of purchases, how many customers have it and what they
    spent; customers themselves are not collected.

    Args:
        valuation: How they are valued.
        summary: One row a customer, or more customers where there is a weight.
        level: Of confidence.
        weight: A column that says how many customers a row stands for.

    Raises:
        ColumnNotFoundError: If a column is missing; names the nearest.
    """
    keys = [REPEAT_COUNT, LAST_PURCHASE_AGE, AGE, *valuation.transactions.model.covariates]
    source = frames.read_columns(summary, [*keys, MEAN_SPEND, *([weight] if weight else [])])
    spent, number = has_spend(), nw.lit(1) if weight is None else nw.col(weight)
    mean: Any = nw.when(spent).then(nw.col(MEAN_SPEND)).otherwise(nw.lit(0.0))
    frame = source.frame.with_columns(
        spent.cast(nw.Int64).alias(_COUNT), number.alias(_MANY), (mean * number).alias(_SPENT)
    )
    sums = frames.to_arrow(
        frame.group_by(*keys, _COUNT).agg(nw.col(_MANY).sum(), nw.col(_SPENT).sum())
    )
    columns = [np.asarray(sums.column(n).to_numpy(), dtype=np.float64) for n in sums.column_names]
    x, last, age, *known, is_spent, customers, total = columns
    covariates = np.stack(known, axis=1) if known else np.empty((len(x), 0))
    rows = SummaryRows(x, last / 7, age / 7, customers, covariates)

    def value_at(at: Floats) -> Floats:
        many = len(valuation.transactions.coordinates)
        moved = attrs.evolve(
            valuation, transactions=valuation.transactions.moved_to(at[:many]),
            spend=valuation.spend.moved_to(at[many:]),
        )  # fmt: skip
        p, q, gamma = moved.spend.parameters.values()
        count = np.where(is_spent > 0, x, 0.0)
        below = p * count + q - 1
        # Expected spend is linear in what was spent, so that sums of it are enough.
        spend = p * (gamma * customers + count * total) / np.where(below > 0, below, np.nan)
        spend = np.where(below > 0, spend, np.inf)
        discounted = moved.of_rows(rows)["discounted_purchases"]
        return np.asarray(moved.margin * (discounted @ spend))

    both = (valuation.transactions, valuation.spend)
    at = np.concatenate([each.coordinates for each in both])
    parts = [each.coordinate_covariance for each in both]
    value = value_at(at)
    if any(part is None for part in parts) or not np.isfinite(value):
        unknown = np.asarray(math.nan)
        return Interval(value, unknown, unknown, level)
    covariance = np.zeros((len(at), len(at)))
    many = len(both[0].coordinates)
    covariance[:many, :many], covariance[many:, many:] = parts
    return by_delta(value_at, at, covariance, level, "log")
