"""Fitters of the package lifetimes to and from fits of ours.

What lifetimes calls `frequency`, `recency` and `T` is `repeat_count`, `last_purchase_age` and
`age` of a summary: its recency is how old a customer was at the last purchase, not how long ago
that was. Its `v` of Gamma-Gamma is `gamma`. Its fitters know no unit of time, so that it has to be
said.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.errors import ColumnNotFoundError, InvalidArgumentError, NotFittedError
from userops.events.columns import CUSTOMER_ID
from userops.value.bg_nbd import BGNBD
from userops.value.fitted_transactions import UNIT_DAYS, FittedTransactionModel
from userops.value.gamma_gamma import FittedGammaGamma, GammaGamma, SpendRows
from userops.value.lifetimes_search import (
    FITTER_OF_MODEL,
    Penalty,
    found_by_lifetimes,
    judged,
    lifetimes_package,
    quiet,
    weight_of,
)
from userops.value.mbg_nbd import MBGNBD
from userops.value.pareto_nbd import ParetoNBD
from userops.value.summary_rows import (
    AGE,
    LAST_PURCHASE_AGE,
    MEAN_SPEND,
    REPEAT_COUNT,
    SummaryRows,
)
from userops.value.transaction_model import TransactionModel
from userops.value.transaction_process import TransactionProcess

__all__ = ["fit_with_lifetimes", "from_lifetimes", "to_lifetimes"]

Floats = NDArray[np.float64]
_MODELS: Mapping[str, type[TransactionModel] | type[GammaGamma]] = MappingProxyType(
    {FITTER_OF_MODEL[cls.__name__]: cls for cls in (BGNBD, MBGNBD, ParetoNBD, GammaGamma)}
)
_GENERATORS: Mapping[str, str] = MappingProxyType(
    {
        "BetaGeoFitter": "beta_geometric_nbd_model",
        "ModifiedBetaGeoFitter": "modified_beta_geometric_nbd_model",
        "ParetoNBDFitter": "pareto_nbd_model",
    }
)


def to_lifetimes(fitted: FittedTransactionModel | FittedGammaGamma, data: Any = None) -> Any:
    """Return the fitter of lifetimes that has these parameters, for code that expects one.

    `params_`, `predict` and every prediction work. `variance_matrix_`, `standard_errors_`,
    `confidence_intervals_` and `summary` are ours, of Pareto/NBD too, and NaN where the fit did not
    converge. With `data` it also has `data`, `generate_new_data`, `_scale` and
    `_negative_log_likelihood_`, which lifetimes' charts and its `save_model` ask for.

    Args:
        fitted: What `fit` returned.
        data: What it was fitted to: a `transaction_summary` (the fitter's `data` then has a row a
            customer, and `customer_id` as index where there is one), `SummaryRows` or `SpendRows`.
            Rows that stand for a whole number of customers are repeated, because lifetimes' charts
            count rows.

    Raises:
        MissingExtraError: If lifetimes is not installed.
        InvalidArgumentError: If lifetimes has no such model, or none with covariates.
        ColumnNotFoundError: If the summary lacks a column; names the nearest.
        DataError: If the rows are none that customers can have.
    """
    names: dict[type, str] = {cls: fitter for fitter, cls in _MODELS.items()}
    name = names.get(type(fitted.model))
    if name is None or fitted.effects:
        covariates = " with covariates" if fitted.effects else ""
        raise InvalidArgumentError(
            "fitted", "is of a model that lifetimes does not have",
            got=type(fitted.model).__name__ + covariates, allowed=", ".join(FITTER_OF_MODEL),
        )  # fmt: skip
    import pandas as pd

    fitter = getattr(lifetimes_package(), name)()
    index = _names(fitted.model)
    fitter.params_ = pd.Series(list(fitted.parameters.values()), index=index, dtype=np.float64)
    size = len(index)
    covariance = np.full((size, size), np.nan) if fitted.covariance is None else fitted.covariance
    fitter.variance_matrix_ = pd.DataFrame(covariance, index=index, columns=index)
    with quiet():
        fitter.standard_errors_ = fitter._compute_standard_errors()
        fitter.confidence_intervals_ = fitter._compute_confidence_intervals()
    if isinstance(fitted, FittedGammaGamma):
        if data is not None:
            _give_spend(fitter, data)
        return fitter
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    if data is not None:
        _give_purchases(fitter, name, data, fitted.unit)
    return fitter


def from_lifetimes(
    fitter: Any, *, unit: str | None = None, data: Any = None
) -> FittedTransactionModel | FittedGammaGamma:
    """Return our fit of a fitter of lifetimes, with a status and a log-likelihood of our own.

    Where the fitter was penalized, the status says whether the penalized likelihood has its highest
    point there, and the standard errors are of that one; the log-likelihood is without a penalty.

    Args:
        fitter: A fitted `BetaGeoFitter`, `ModifiedBetaGeoFitter`, `ParetoNBDFitter` or
            `GammaGammaFitter`.
        unit: `days` or `weeks`: in what its ages were counted. Not for Gamma-Gamma.
        data: What it was fitted to, where the fitter was saved without it: a `transaction_summary`,
            `SummaryRows` or `SpendRows`.

    Returns:
        `FittedGammaGamma` of a `GammaGammaFitter`, `FittedTransactionModel` of the others; `failed`
        if there are parameters that fit the same data better.

    Raises:
        NotFittedError: If it has no parameters.
        InvalidArgumentError: If the fitter is of another kind, the unit is missing or unknown, or
            there are no data to judge it by.
        DataError: If its data hold rows that no customer can have.
    """
    name = _kind(fitter)
    if getattr(fitter, "params_", None) is None:
        raise NotFittedError(f"this {name} has no parameters", hint="call its fit first")
    if name != "GammaGammaFitter" and unit not in UNIT_DAYS:
        raise InvalidArgumentError(
            "unit", "has to be said, because a fitter does not know it", got=unit,
            allowed=", ".join(UNIT_DAYS),
        )  # fmt: skip
    if data is None and getattr(fitter, "data", None) is None:
        raise InvalidArgumentError(
            "data", "is needed, because the fitter was saved without its own",
            hint="pass the summary that it was fitted to: what parameters are worth can be said of "
            "data only",
        )  # fmt: skip
    model = _MODELS[name]()
    values = fitter.params_[_names(model)].to_numpy(dtype=np.float64)
    coefficient = float(getattr(fitter, "penalizer_coef", 0.0))
    if isinstance(model, GammaGamma):
        spend = _spend_of(fitter.data) if data is None else _spend(data)
        penalty = None
        if coefficient:
            penalty = Penalty.of("GammaGamma", coefficient, weight_of(spend), 1.0)
        found = judged(model, spend, values, _spend_starts(spend), penalty)
        return FittedGammaGamma.at(model, found, spend)
    said = str(unit)
    rows = _purchases_of(fitter.data) if data is None else _purchases(data, said)
    penalty, oldest = None, float(rows.age.max())
    if coefficient and oldest:
        penalty = Penalty.of(type(model).__name__, coefficient, rows.weight, oldest)
    found = judged(model, rows, values, model.starts(rows), penalty)
    return FittedTransactionModel.at(model, found, rows, said)


@overload
def fit_with_lifetimes(
    model: TransactionModel, data: Any, *, unit: str = "weeks", penalizer_coef: float = 0.0
) -> FittedTransactionModel: ...
@overload
def fit_with_lifetimes(
    model: GammaGamma, data: Any, *, unit: str = "weeks", penalizer_coef: float = 0.0
) -> FittedGammaGamma: ...
def fit_with_lifetimes(
    model: TransactionModel | GammaGamma, data: Any, *, unit: str = "weeks",
    penalizer_coef: float = 0.0,
) -> FittedTransactionModel | FittedGammaGamma:  # fmt: skip
    """Fit a model with lifetimes, to the distinct rows and their weights, and say what it is worth.

    Nothing is drawn: Pareto/NBD begins at ones, the mean of what lifetimes draws to begin with.

    Args:
        model: `BGNBD()`, `MBGNBD()`, `ParetoNBD()` or `GammaGamma()`.
        data: What `transaction_summary` returns, `SummaryRows` or `SpendRows`.
        unit: `days` or `weeks`; rows have it already. Not for Gamma-Gamma.
        penalizer_coef: Of lifetimes, 0 or more; see `from_lifetimes`.

    Returns:
        `failed` where lifetimes raised an error, or parameters that fit better are known; with
        parameters of NaN where it left none.

    Raises:
        MissingExtraError: If lifetimes is not installed.
        InvalidArgumentError: If lifetimes has no such model, or an argument is not allowed.
        DataError: If the summary holds rows that no customer can have.
    """
    if unit not in UNIT_DAYS:
        raise InvalidArgumentError.unknown("unit", unit, UNIT_DAYS)
    if isinstance(model, GammaGamma):
        spend = _spend(data)
        found = found_by_lifetimes(
            model, spend, _spend_starts(spend), penalizer_coef=penalizer_coef
        )
        return FittedGammaGamma.at(model, found, spend)
    rows = _purchases(data, unit)
    found = found_by_lifetimes(model, rows, model.starts(rows), penalizer_coef=penalizer_coef)
    return FittedTransactionModel.at(model, found, rows, unit)


def _kind(fitter: Any) -> str:
    """Return the name of the fitter; a subclass of somebody's own counts as what it is one of."""
    for cls in type(fitter).__mro__:
        if cls.__name__ in _MODELS and cls.__module__.startswith("lifetimes."):
            return cls.__name__
    raise InvalidArgumentError(
        "fitter", "is none of lifetimes that has a model here", got=type(fitter).__name__,
        allowed=", ".join(_MODELS),
    )  # fmt: skip


def _names(model: TransactionProcess | GammaGamma) -> list[str]:
    """Return how lifetimes calls the parameters."""
    return ["p", "q", "v"] if isinstance(model, GammaGamma) else list(model.parameter_names)


def _spend_starts(rows: SpendRows) -> Floats:
    return np.array([2.0, 2.0, float(np.average(rows.mean_spend, weights=rows.weight))])


def _purchases(data: Any, unit: str) -> SummaryRows:
    if isinstance(data, SummaryRows):
        return data
    return SummaryRows.of(data, unit_days=UNIT_DAYS[unit])


def _spend(data: Any) -> SpendRows:
    return data if isinstance(data, SpendRows) else SpendRows.of(data)


def _purchases_of(table: Any) -> SummaryRows:
    """Read the `data` of a fitter; lifetimes lets rows of no weight pass, which are nobody."""
    x, t, age, weight = (
        table[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T", "weights")
    )
    some = weight != 0
    return SummaryRows(x[some], t[some], age[some], weight[some])


def _spend_of(table: Any) -> SpendRows:
    x, z, weight = (
        table[name].to_numpy(dtype=np.float64)
        for name in ("frequency", "monetary_value", "weights")
    )
    return SpendRows(_repeated(x, weight), _repeated(z, weight))


def _repeated(values: Floats, weight: Floats) -> Floats:
    """Return a row a customer.

    Raises:
        InvalidArgumentError: If rows do not stand for whole customers.
    """
    if not _are_whole(weight):
        raise InvalidArgumentError(
            "weights", "must be whole numbers of customers", got=float(weight[weight % 1 != 0][0])
        )
    return np.repeat(values, weight.astype(np.intp))


def _are_whole(weight: Floats) -> bool:
    return bool((np.floor(weight) == weight).all())


def _as_lifetimes_has(weight: Floats) -> NDArray[Any]:
    """Return weights as numbers of customers where they are such."""
    return weight.astype(np.int64) if _are_whole(weight) else weight


def _give_purchases(fitter: Any, name: str, data: Any, unit: str) -> None:
    """Add what a fitter of purchases has after `fit`."""
    import pandas as pd
    from lifetimes import generate_data

    customers: list[Any] | None = None
    if isinstance(data, SummaryRows):
        rows = data
        if _are_whole(rows.weight):
            rows = SummaryRows(*(
                _repeated(column, data.weight)
                for column in (data.repeat_count, data.last_purchase_age, data.age)
            ))  # fmt: skip
    else:
        (x, t, age), customers = _columns(data, (REPEAT_COUNT, LAST_PURCHASE_AGE, AGE))
        days = UNIT_DAYS[unit]
        rows = SummaryRows(x, t / days, age / days)
    counts = rows.repeat_count.astype(np.int64)
    weights = _as_lifetimes_has(rows.weight)
    fitter.data = pd.DataFrame(
        {"frequency": counts, "recency": rows.last_purchase_age, "T": rows.age,
         "weights": weights}, index=customers,
    )  # fmt: skip
    oldest = float(rows.age.max())
    fitter._scale = 1 / oldest if oldest else np.inf
    values = fitter.params_.to_numpy()
    draw = getattr(generate_data, _GENERATORS[name])
    fitter.generate_new_data = functools.partial(draw, rows.age, *values)
    scaled = values * Penalty.of(_MODELS[name].__name__, 1.0, rows.weight, oldest or 1.0).scales
    with quiet():
        fitter._negative_log_likelihood_ = float(fitter._negative_log_likelihood(
            scaled if name == "ParetoNBDFitter" else np.log(scaled), counts,
            rows.last_purchase_age * fitter._scale, rows.age * fitter._scale, weights, 0.0,
        ))  # fmt: skip


def _give_spend(fitter: Any, data: Any) -> None:
    """Add what a fitter of spend has after `fit`."""
    import pandas as pd

    customers: list[Any] | None = None
    if isinstance(data, SpendRows):
        rows, weight = data, weight_of(data)
        if _are_whole(weight):
            rows = SpendRows(
                _repeated(data.repeat_count, weight), _repeated(data.mean_spend, weight)
            )
    else:
        (x, z), customers = _columns(data, (REPEAT_COUNT, MEAN_SPEND))
        some = (x > 0) & (z > 0)
        rows = SpendRows(x[some], z[some])
        if customers is not None:
            customers = [one for one, is_some in zip(customers, some, strict=True) if is_some]
    weights = _as_lifetimes_has(weight_of(rows))
    fitter.data = pd.DataFrame(
        {"monetary_value": rows.mean_spend, "frequency": rows.repeat_count, "weights": weights},
        index=customers,
    )
    with quiet():
        fitter._negative_log_likelihood_ = float(fitter._negative_log_likelihood(
            np.log(fitter.params_.to_numpy()), rows.repeat_count, rows.mean_spend, weights, 0.0
        ))  # fmt: skip


def _columns(summary: Any, columns: tuple[str, ...]) -> tuple[list[Floats], list[Any] | None]:
    """Return columns of a summary row by row, and the customers where it names them."""
    frame = frames.read(summary).frame
    names = frame.collect_schema().names()
    for column in columns:
        if column not in names:
            raise ColumnNotFoundError(column, names)
    wanted = [*columns, *([CUSTOMER_ID] if CUSTOMER_ID in names else [])]
    table = frames.to_arrow(frame.select(*wanted))
    found = [np.asarray(table.column(name).to_numpy(), dtype=np.float64) for name in columns]
    return found, table.column(CUSTOMER_ID).to_pylist() if CUSTOMER_ID in names else None
