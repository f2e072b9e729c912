"""A model of value held against a holdout: fitted to what came before, asked about what came after.

The parts are those of Fader, Hardie & Lee (2005), "Counting Your Customers" the Easy Way, Marketing
Science 24(2), section 5: purchases week by week over calibration and holdout, where each customer
counts from the day of the first purchase, and mean purchases in the holdout by the number in the
calibration. Rankings, errors against predictions that need no model, and P(alive) against who
bought again come on top.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.time import AsOf
from userops.errors import InvalidArgumentError
from userops.value.customer_value import CustomerValue, FittedCustomerValue
from userops.value.fitted_transactions import FittedTransactionModel, days_of
from userops.value.holdout_data import HoldoutData
from userops.value.holdout_report import (
    AliveBand,
    CountRow,
    ErrorRow,
    HoldoutReport,
    SpendHoldout,
    WeekRow,
)
from userops.value.purchase_counts import MOST_COUNT
from userops.value.ranking import Ranking
from userops.value.summary_rows import (
    AGE,
    LAST_PURCHASE_AGE,
    MEAN_SPEND,
    REPEAT_COUNT,
    SummaryRows,
)
from userops.value.transaction_model import TransactionModel

__all__ = ["Evaluated", "check_continuous", "evaluated", "validate"]

Floats = NDArray[np.float64]
Fitted = FittedTransactionModel | FittedCustomerValue
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()
# Tables of probabilities hold at most so many numbers at once.
_MOST_CELLS = 1 << 22
# What a probability is at least for its logarithm; sums of others have noise of this size.
_LEAST = 1e-300


class Evaluated(NamedTuple):
    """A report, with what a comparison needs on top.

    Attributes:
        report: The report.
        log_probabilities: Of each distinct row's number of purchases in the holdout.
    """

    report: HoldoutReport
    log_probabilities: Floats


def validate(
    model: TransactionModel | CustomerValue | Fitted,
    orders: Any,
    *,
    as_of: AsOf,
    calibration_end: AsOf,
    covariates: Any = None,
) -> HoldoutReport:
    """Fit a model to the first part of a history, and hold its predictions against the rest.

    Args:
        model: A model of purchases, or a `CustomerValue` with one of spend, which is fitted to the
            calibration. One that is fitted already is taken as it is, and must not have seen the
            holdout.
        orders: `Orders`, or a `History` that has some.
        as_of: Exclusive end of the holdout.
        calibration_end: Exclusive end of the calibration.
        covariates: For a model that reads some: a frame with `customer_id` and these columns, one
            row a customer, of what was known at the end of calibration.

    Raises:
        InvalidArgumentError: If the data hold no orders, no day is held out, covariates are
            missing, or the model is none, is in discrete time, or was fitted in another currency.
        ColumnNotFoundError: If a covariate is missing; names the nearest.
        DataError: If nobody bought before the end of calibration, or covariates are not known.

    References:
        Fader, P., Hardie, B. & Lee, K. (2005), "Counting Your Customers" the Easy Way, Marketing
        Science 24(2), 275-284.
    """
    kinds = TransactionModel | CustomerValue | FittedTransactionModel | FittedCustomerValue
    if not isinstance(model, kinds):
        raise InvalidArgumentError(
            "model", "cannot be validated", got=type(model).__name__,
            allowed="a model of purchases such as BGNBD(), a CustomerValue, or a fitted one",
        )  # fmt: skip
    if isinstance(model, FittedCustomerValue):
        model.check_currency(orders)
    with_spend = isinstance(model, CustomerValue | FittedCustomerValue)
    bought: Any = model if isinstance(model, TransactionModel) else (
        model.transactions if isinstance(model, CustomerValue) else _purchases(model).model
    )  # fmt: skip
    check_continuous("model", bought)
    data = HoldoutData.read(
        orders, as_of, calibration_end, with_spend=with_spend, covariates=bought.covariates,
        known=covariates,
    )  # fmt: skip
    fitted = (
        model.fit(data.summary) if isinstance(model, TransactionModel | CustomerValue) else model
    )
    return evaluated(fitted, data).report


def check_continuous(argument: str, model: TransactionModel) -> None:
    """Refuse a model in discrete time: of the periods of a holdout it is told nothing.

    Raises:
        InvalidArgumentError: Names it.
    """
    if "weeks" not in model.units:
        raise InvalidArgumentError(
            argument, "counts no days or weeks", got=type(model).__name__,
            allowed="a model in continuous time, such as BGNBD()",
            hint="fit it to opportunity_summary, and hold its predictions against a later one",
        )  # fmt: skip


def evaluated(fitted: Fitted, data: HoldoutData, name: str | None = None) -> Evaluated:
    """Hold a fitted model against a holdout that was read before."""
    purchases = _purchases(fitted)
    unit_days = days_of(purchases)
    daily, horizon = data.rows_with(purchases.model.covariates), data.holdout_days / unit_days
    rows = daily.in_units(unit_days)
    weight, actual = rows.weight, data.holdout_count
    expected = purchases.expected_purchases(horizon, rows)
    ranking = Ranking.of(expected, expected, actual, weight)
    perfect = Ranking.of(actual, actual, actual, weight)
    log_probabilities = log_probabilities_of(purchases, horizon, rows, actual)
    name = name or type(purchases.model).__name__
    report = HoldoutReport(
        model=name,
        fitted=purchases,
        calibration_end=_date(data.last_day),
        holdout_end=_date(data.last_day + data.holdout_days),
        horizon=horizon,
        customers=round(rows.customers),
        expected=float(weight @ expected),
        actual=round(float(weight @ actual)),
        log_score=float(weight @ log_probabilities),
        gini=ranking.gini,
        gini_perfect=perfect.gini,
        weeks=_weeks(purchases, data, daily),
        counts=_counts(rows, expected, actual),
        deciles=ranking.deciles(),
        alive_bands=_alive_bands(purchases, horizon, rows, actual),
        errors=_errors(
            name, rows, horizon, expected=expected, before=rows.repeat_count, actual=actual
        ),
        lorenz=ranking.lorenz(perfect),
        spend=_spend(fitted, data, expected) if isinstance(fitted, FittedCustomerValue) else None,
        source=data.source,
    )
    return Evaluated(report, log_probabilities)


def log_probabilities_of(
    fitted: FittedTransactionModel, horizon: float, rows: SummaryRows, counts: Floats
) -> Floats:
    """Return the log-probability of each row's number of purchases within the horizon."""
    found = np.empty(len(rows))
    order = np.argsort(counts, kind="stable")
    sizes = counts[order]
    begin = 0
    while begin < len(order):
        # A table holds all counts up to the highest: one for counts 0, 1, 2-3, 4-7 … is narrow.
        most = max(2 * float(sizes[begin]) - 1, float(sizes[begin]))
        end = int(np.searchsorted(sizes, most, side="right"))
        here = order[begin : min(end, begin + max(int(_MOST_CELLS / (most + 1)), 1))]
        table = fitted.purchase_probabilities(horizon, rows.part(here), most=int(most))
        chosen = table[np.arange(len(here)), counts[here].astype(np.intp)]
        found[here] = np.log(np.maximum(chosen, _LEAST))
        begin += len(here)
    return found


def _purchases(fitted: Fitted) -> FittedTransactionModel:
    return fitted.transactions if isinstance(fitted, FittedCustomerValue) else fitted


def _date(day: int) -> dt.date:
    return dt.date.fromordinal(day + _EPOCH_DAY)


def _weeks(
    fitted: FittedTransactionModel, data: HoldoutData, rows: SummaryRows
) -> tuple[WeekRow, ...]:
    """Follow purchases week by week; one week ends with the calibration."""
    first_day, last_day = data.first_day, data.last_day + data.holdout_days
    expected = _expected_by_day(fitted, rows, data.last_day - first_day, last_day - first_day)
    found, done, before = [], 0, 0.0
    weeks = range((first_day - data.last_day - 1) // 7, (data.holdout_days - 1) // 7 + 1)
    for number, week in enumerate(weeks, start=1):
        begin = max(data.last_day + 1 + 7 * week, first_day)
        end = min(data.last_day + 7 + 7 * week, last_day)
        bought, by_now = data.weekly.get(week, 0), float(expected[end - first_day])
        done += bought
        found.append(
            WeekRow(
                number, _date(begin).isoformat(), _date(end).isoformat(),
                "holdout" if week >= 0 else "calibration", by_now - before, bought, by_now, done,
            )
        )  # fmt: skip
        before = by_now
    return tuple(found)


def _expected_by_day(
    fitted: FittedTransactionModel, rows: SummaryRows, known_days: int, days: int
) -> Floats:
    """Return the purchases expected up to each day, of customers who are new on theirs.

    Args:
        fitted: The model.
        rows: Customers, in days.
        known_days: How old the oldest is at the end of calibration.
        days: How old the oldest is at the end of the holdout.
    """
    total, unit_days = np.zeros(days + 1), days_of(fitted)
    for values, _, alike in rows.alike():
        new = attrs.evolve(SummaryRows.one(0, 0.0, 0.0), covariates=values[None, :])
        # How many became customers on each day, and what is expected of one at each age.
        began = np.bincount((known_days - alike.age).astype(np.intp), alike.weight)
        grown = [fitted.expected_purchases(age / unit_days, new)[0] for age in range(1, days + 1)]
        total += np.convolve(began, [0.0, *grown])[: days + 1]
    return total


def _counts(rows: SummaryRows, expected: Floats, actual: Floats) -> tuple[CountRow, ...]:
    found = []
    for count in range(MOST_COUNT + 1):
        last = count == MOST_COUNT
        here = rows.repeat_count >= count if last else rows.repeat_count == count
        weight = rows.weight[here]
        if weight.size:
            found.append(
                CountRow(
                    f"{count}+" if last else f"{count}", round(float(weight.sum())),
                    _mean(expected[here], weight), _mean(actual[here], weight),
                )
            )  # fmt: skip
    return tuple(found)


def _alive_bands(
    fitted: FittedTransactionModel, horizon: float, rows: SummaryRows, actual: Floats
) -> tuple[AliveBand, ...]:
    alive = fitted.p_alive(rows)
    nothing = fitted.no_purchase_probability(horizon, rows)
    # A fit that gives no probability is in no band.
    known = np.isfinite(alive)
    band = np.where(known, np.minimum(np.where(known, alive, 0.0) * 10, 9), -1).astype(np.intp)
    found = []
    for n in np.unique(band[known]).tolist():
        here = band == n
        weight = rows.weight[here]
        found.append(
            AliveBand(
                f"{n / 10:.1f}–{(n + 1) / 10:.1f}", round(float(weight.sum())),
                _mean(alive[here], weight), _mean(1 - nothing[here], weight),
                _mean((actual[here] > 0).astype(np.float64), weight),
            )
        )  # fmt: skip
    return tuple(found)


def _errors(
    name: str,
    rows: SummaryRows,
    horizon: float,
    *,
    expected: Floats,
    before: Floats,
    actual: Floats,
) -> tuple[ErrorRow, ...]:
    """Return errors of a model and of predictions that need none.

    Args:
        name: Of the model.
        rows: Customers.
        horizon: Of the holdout, in their units of time.
        expected: By the model.
        before: What each did in the calibration after the first purchase.
        actual: What each did in the holdout.
    """
    weight, age = rows.weight, rows.age
    own = np.where(age > 0, before / np.where(age > 0, age, 1.0), 0.0)
    time = float(weight @ age)
    mean = float(weight @ before) / time if time else 0.0
    predictions = {
        name: expected, "own rate": own * horizon,
        "mean rate": np.full(len(rows), mean * horizon), "nothing": np.zeros(len(rows)),
    }  # fmt: skip
    return tuple(
        ErrorRow(
            each, float(weight @ values), _mean(np.abs(values - actual), weight),
            float(np.sqrt(_mean((values - actual) ** 2, weight))),
            Ranking.of(values, values, actual, weight).gini,
        )
        for each, values in predictions.items()
    )  # fmt: skip


def _spend(fitted: FittedCustomerValue, data: HoldoutData, purchases: Floats) -> SpendHoldout:
    rows, actual = data.rows, data.holdout_spend
    expected = purchases * fitted.spend.expected_spend(rows.repeat_count, data.mean_spend)
    clv = _clv(fitted, data)
    ranking = Ranking.of(clv, expected, actual, rows.weight)
    return SpendHoldout(
        expected=float(rows.weight @ expected),
        actual=float(rows.weight @ actual),
        gini=ranking.gini,
        gini_perfect=Ranking.of(actual, actual, actual, rows.weight).gini,
        deciles=ranking.deciles(),
        errors=_errors(
            "CustomerValue", rows, float(data.holdout_days), expected=expected,
            before=rows.repeat_count * data.mean_spend, actual=actual,
        ),
    )  # fmt: skip


def _clv(fitted: FittedCustomerValue, data: HoldoutData) -> Floats:
    """Return the CLV of each distinct row, as its definition has it."""
    columns = {
        "customer_id": np.arange(len(data.rows)),
        REPEAT_COUNT: data.rows.repeat_count.astype(np.int64),
        LAST_PURCHASE_AGE: data.rows.last_purchase_age.astype(np.int64),
        AGE: data.rows.age.astype(np.int64),
        MEAN_SPEND: data.mean_spend,
        **dict(zip(data.covariates, data.rows.covariates.T, strict=True)),
    }
    scored = frames.read(fitted.score(frames.number_table(columns))).frame.select(
        "customer_id", "clv"
    )
    table = frames.to_arrow(scored)
    found = np.empty(len(data.rows))
    found[table.column(0).to_numpy()] = table.column(1).to_numpy()
    return found


def _mean(values: Floats, weight: Floats) -> float:
    return float(weight @ values) / float(weight.sum())
