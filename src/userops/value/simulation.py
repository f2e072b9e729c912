"""Orders of customers who behave as a fitted model says.

What comes out can be read by `Orders`, so that a pipeline can be tried, a report rehearsed, or a
fit be held against parameters that are known.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.time import DAY_US, AsOf, as_of_us, zone
from userops.errors import DataError, InvalidArgumentError
from userops.value.customer_value import FittedCustomerValue
from userops.value.fitted_transactions import FittedTransactionModel, days_of
from userops.value.gamma_gamma import FittedGammaGamma
from userops.value.summary_rows import SummaryRows
from userops.value.transaction_model import TransactionModel

__all__ = ["each_customer", "purchases_drawn", "rows_of", "simulated_orders"]

Floats = NDArray[np.float64]


def simulated_orders(
    fitted: FittedTransactionModel | FittedCustomerValue,
    *,
    customers: Any,
    until: AsOf,
    start: AsOf | None = None,
    acquisition_days: int = 1,
    spend: FittedGammaGamma | None = None,
    scale: int = 2,
    seed: int | np.random.Generator = 1,
    backend: str = "pandas",
) -> Any:
    """Draw the purchases of customers, the first ones included.

    Each customer is observed for as long as `age_days` of a summary as of `until` says: whole days
    from the first purchase, which comes at any time of its day, so that on the last day only the
    part up to that time is drawn. Several purchases of a day stay; `transaction_summary` makes one
    of them, and counts a little less than was drawn where purchases are as frequent as days.

    Args:
        fitted: The model of purchases; a `FittedCustomerValue` brings that of spend as well.
        customers: How many new customers; or a transaction summary as of `until`, or `SummaryRows`
            in the units of the model, whose ages are taken: then they are as old as its customers,
            and have their covariates. The covariates of a number of customers are zero.
        until: Exclusive end, in UTC.
        start: The day of the first purchases, for a number of customers.
        acquisition_days: First purchases are spread evenly over so many days from `start` on.
        spend: A model of spend.
        scale: Decimals that amounts are rounded to; they are at least one minor unit.
        seed: Of the draws, or a numpy Generator.
        backend: Frame type for a number of customers or `SummaryRows`: pandas, polars, polars-lazy,
            pyarrow, duckdb, ibis or pyspark. Of a summary it is that of the summary.

    Returns:
        `customer_id` (whole numbers from 1 on), `ordered_at` (UTC, without a zone) and `amount`
        (major units; without a model of spend each purchase counts 1), by customer and time.

    Raises:
        InvalidArgumentError: If there is no customer, no day, or `start` is missing or not needed;
            or the model is in discrete time.
        DataError: If a row of `SummaryRows` stands for a part of a customer.

    Example:
        >>> from userops.value import BGNBD
        >>> columns = [0, 1, 4], [0, 9, 30], [39, 39, 39], [60, 20, 20]
        >>> rows = SummaryRows(*(np.array(values, dtype=float) for values in columns))
        >>> days = {"start": "2024-01-01", "until": "2024-10-01"}
        >>> drawn = simulated_orders(BGNBD().fit(rows), customers=100, **days, backend="pyarrow")
        >>> drawn.column_names
        ['customer_id', 'ordered_at', 'amount']
    """
    transactions, spend = _models(fitted, spend)
    last_day = (as_of_us(until, zone("UTC")) - 1) // DAY_US
    unit_days, rng, source = days_of(transactions), np.random.default_rng(seed), None
    if isinstance(customers, int | np.integer) and not isinstance(customers, bool):
        ages = _ages_from(int(customers), start, last_day, acquisition_days, rng)
        known = np.zeros((len(ages), len(transactions.model.covariates)))
    else:
        _refuse_start(start)
        if not isinstance(customers, SummaryRows):
            source = frames.read(customers)
        people = each_customer(rows_of(transactions, customers))
        ages, known = np.round(people.age * unit_days), people.covariates
    places, at = purchases_drawn(transactions, ages / unit_days, known, rng)
    clock = rng.random(len(ages))
    who, when = _with_the_first(places, at * unit_days, len(ages))
    instant = (last_day - ages + clock)[who] * DAY_US + when * DAY_US
    table = frames.number_table({
        "customer_id": who.astype(np.int64) + 1,
        "ordered_at": instant.astype(np.int64).astype("datetime64[us]"),
        "amount": _amounts(spend, who, len(ages), scale, rng),
    })  # fmt: skip
    return source.give_rows(table) if source is not None else frames.from_arrow(table, backend)


def _with_the_first(
    places: NDArray[np.intp], at: Floats, customers: int
) -> tuple[NDArray[np.intp], Floats]:
    """Put the first purchase of each customer before the others."""
    who = np.concatenate([np.arange(customers), places])
    when = np.concatenate([np.zeros(customers), at])
    order = np.lexsort((when, who))
    return who[order], when[order]


def _refuse_start(start: AsOf | None) -> None:
    if start is not None:
        raise InvalidArgumentError(
            "start", "is not needed where ages are given", got=start,
            hint="first purchases lie as many days before `until` as the ages say",
        )  # fmt: skip


def rows_of(fitted: FittedTransactionModel, summary: Any) -> SummaryRows:
    """Return the rows of a summary in the units of a fit, with the covariates that it reads.

    Args:
        fitted: The model of purchases.
        summary: What it was fitted to, or would be; `SummaryRows` are in its units already.
    """
    if isinstance(summary, SummaryRows):
        return summary
    assert isinstance(fitted.model, TransactionModel)
    return fitted.model.rows_of(summary, None, fitted.unit, None)


def each_customer(rows: SummaryRows) -> SummaryRows:
    """Return a row for each customer.

    Raises:
        DataError: If a row stands for a part of a customer.
    """
    whole = np.round(rows.weight)
    if not np.array_equal(whole, rows.weight):
        raise DataError(
            "a row stands for a part of a customer",
            got=f"weight {rows.weight[whole != rows.weight][0]:g}",
            allowed="whole weights", hint="nobody can be drawn in part",
        )  # fmt: skip
    places = np.repeat(np.arange(len(rows)), whole.astype(np.intp))
    return attrs.evolve(rows.part(places), weight=np.ones(len(places)))


def purchases_drawn(
    fitted: FittedTransactionModel, ages: Floats, covariates: Floats, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Floats]:
    """Draw the repeat purchases of customers.

    Args:
        fitted: The model.
        ages: Of each customer, in its units.
        covariates: Shape (customers, covariates of the model).
        rng: Where the draws come from.

    Returns:
        For each purchase the place of its customer, and its age; ascending by both.
    """
    if not fitted.effects:
        return fitted.model.simulated(fitted.values, ages, rng)
    values, group = np.unique(covariates, axis=0, return_inverse=True)
    found = []
    for n, known in enumerate(values):
        here = np.flatnonzero(group.reshape(-1) == n)
        places, at = fitted.model.simulated(fitted.values_of(known), ages[here], rng)
        found.append((here[places], at))
    who, when = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((when, who))
    return who[order], when[order]


def _models(
    fitted: FittedTransactionModel | FittedCustomerValue, spend: FittedGammaGamma | None
) -> tuple[FittedTransactionModel, FittedGammaGamma | None]:
    if isinstance(fitted, FittedCustomerValue):
        return fitted.transactions, spend or fitted.spend
    if not isinstance(fitted, FittedTransactionModel):
        raise InvalidArgumentError(
            "fitted", "is not a fitted model", got=type(fitted).__name__,
            allowed="what BGNBD().fit(summary) or CustomerValue().fit(summary) returns",
        )  # fmt: skip
    return fitted, spend


def _ages_from(
    customers: int,
    start: AsOf | None,
    last_day: int,
    acquisition_days: int,
    rng: np.random.Generator,
) -> Floats:
    """Return ages in days of customers who come on and after a day."""
    if customers < 1:
        raise InvalidArgumentError("customers", "must be 1 or more", got=customers)
    if start is None:
        raise InvalidArgumentError(
            "start", "is needed with a number of customers", hint="start='2024-01-01'"
        )
    first_day = as_of_us(start, zone("UTC")) // DAY_US
    if first_day > last_day:
        raise InvalidArgumentError(
            "start", "is not before the end", got=start, hint="`until` is exclusive"
        )
    if not 1 <= acquisition_days <= last_day - first_day + 1:
        raise InvalidArgumentError(
            "acquisition_days", "do not lie between start and end", got=acquisition_days,
            allowed=f"1 to {last_day - first_day + 1}",
        )  # fmt: skip
    found: Floats = (last_day - first_day - rng.integers(0, acquisition_days, customers)).astype(
        np.float64
    )
    return found


def _amounts(
    spend: FittedGammaGamma | None,
    who: NDArray[np.intp],
    customers: int,
    scale: int,
    rng: np.random.Generator,
) -> Floats:
    """Draw a rate for each customer, and amounts around his mean: section 2 of the 2013 note."""
    if spend is None:
        return np.ones(len(who))
    p, q, gamma = spend.parameters.values()
    rate = np.maximum(rng.gamma(q, 1 / gamma, customers), 1e-300)
    drawn = rng.gamma(p, 1.0, len(who)) / rate[who]
    minor = np.maximum(np.round(drawn * 10.0**scale), 1.0)
    found: Floats = minor / 10.0**scale
    return found
