"""Models of purchases side by side: how they fit, how they predict, and which to take."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.core.time import AsOf
from userops.errors import InvalidArgumentError
from userops.value.holdout import Evaluated, check_continuous, evaluated
from userops.value.holdout_data import HoldoutData
from userops.value.holdout_report import HoldoutReport, aligned
from userops.value.transaction_model import TransactionModel

__all__ = ["ComparedModel", "ModelComparison", "compare"]

Floats = NDArray[np.float64]
# Differences of fewer standard errors than this may be chance.
_CLEAR = 2.0
# A log score that is lower by so little is that of the same predictions.
_SAME = 0.01


@attrs.frozen
class ComparedModel:
    """One model of a comparison.

    Attributes:
        model: Its name.
        status: Of the fit: `converged`, `boundary`, `not_identified` or `failed`.
        log_likelihood: Of the calibration.
        parameters: How many.
        aic: 2k - 2 ln L.
        bic: k ln n - 2 ln L.
        expected: Purchases in the holdout.
        actual: The same as they were.
        tracking_error: See `HoldoutReport.tracking_error`.
        rmse: See `HoldoutReport.rmse`.
        log_score: Log-probability of the customers' purchases in the holdout; the higher, the
            better.
        behind: How much lower it is than the highest of all.
        behind_error: The standard error of that difference, over customers.
    """

    model: str
    status: str
    log_likelihood: float
    parameters: int
    aic: float
    bic: float
    expected: float
    actual: int
    tracking_error: float | None
    rmse: float
    log_score: float
    behind: float
    behind_error: float


@attrs.frozen(eq=False, repr=False)
class ModelComparison:
    """Models held against one holdout.

    Attributes:
        models: The highest log score first.
        best: The name of the one to take; None if no fit can be used.
        evidence: Why, in sentences.
        reports: Name to the whole report.
        source: The host's frame, whose type `table` gives.
    """

    models: tuple[ComparedModel, ...]
    best: str | None
    evidence: tuple[str, ...]
    reports: Mapping[str, HoldoutReport]
    source: frames.Source

    def table(self) -> Any:
        """Return one row a model, in the type that the orders came in; see `ComparedModel`."""
        kinds: dict[str, Any] = {field.name: "float" for field in attrs.fields(ComparedModel)}
        kinds |= {"model": "text", "status": "text", "parameters": "int", "actual": "int"}
        return self.source.give_rows(
            frames.small_table([attrs.asdict(model) for model in self.models], kinds)
        )

    def describe(self) -> str:
        """Say which model to take, and why."""
        return " ".join(self.evidence)

    def __repr__(self) -> str:
        """Return a table of the models, and the evidence."""
        return "\n".join([*aligned(self._cells(), left=2), *self.evidence])

    def _repr_html_(self) -> str:
        head, *cells = self._cells()
        names = "".join(f"<th>{name}</th>" for name in head)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
            for row in cells
        )
        return f"<table><tr>{names}</tr>{rows}</table><p>{html.escape(self.describe())}</p>"

    def _cells(self) -> list[list[str]]:
        head = [
            "model", "status", "log-likelihood", "AIC", "BIC", "expected", "made", "tracking",
            "RMSE", "log score", "behind",
        ]  # fmt: skip
        return [head] + [
            [
                row.model, row.status, f"{row.log_likelihood:,.2f}", f"{row.aic:,.1f}",
                f"{row.bic:,.1f}", f"{row.expected:,.1f}", f"{row.actual:,}",
                "–" if row.tracking_error is None else f"{row.tracking_error:.1%}",
                f"{row.rmse:.3f}", f"{row.log_score:,.2f}",
                f"{row.behind:,.2f} ± {row.behind_error:.2f}" if row.behind else "0",
            ]
            for row in self.models
        ]  # fmt: skip


def compare(
    models: Sequence[TransactionModel] | Mapping[str, TransactionModel],
    orders: Any,
    *,
    as_of: AsOf,
    calibration_end: AsOf,
    covariates: Any = None,
) -> ModelComparison:
    """Fit models to the first part of a history, hold each against the rest, and pick one.

    Picked is the highest log score among the fits that converged. Only where none did it is the
    highest of those at a boundary or not identified, whose predictions hold; a failed fit is never
    picked. The log score is proper: no model can do better than by telling the probabilities that
    it believes in (Gneiting & Raftery, 2007, Strictly proper scoring rules, prediction, and
    estimation, Journal of the American Statistical Association 102, 359-378).

    Args:
        models: Definitions, named by their classes; or name to definition.
        orders: `Orders`, or a `History` that has some.
        as_of: Exclusive end of the holdout.
        calibration_end: Exclusive end of the calibration.
        covariates: See `validate`; the columns of all models together.

    Raises:
        InvalidArgumentError: If there is no model, two have one name, one is in discrete time, or
            `validate` refuses the dates.
        DataError: If nobody bought before the end of calibration.
    """
    named = _named(models)
    read = dict.fromkeys(name for model in named.values() for name in model.covariates)
    data = HoldoutData.read(
        orders, as_of, calibration_end, with_spend=False, covariates=tuple(read), known=covariates
    )
    found = {name: evaluated(model.fit(data.summary), data, name) for name, model in named.items()}
    order = sorted(found, key=lambda name: _height(found[name].report), reverse=True)
    rows = tuple(_row(found[name], found[order[0]], data) for name in order)
    best, evidence = _picked(rows, found, data)
    reports = {name: found[name].report for name in order}
    return ModelComparison(rows, best, evidence, reports, data.source)


def _height(report: HoldoutReport) -> float:
    """Return the log score to sort by; of a model that predicts no number it is the lowest."""
    known = math.isfinite(report.log_score) and math.isfinite(report.expected)
    return report.log_score if known else -math.inf


def _named(
    models: Sequence[TransactionModel] | Mapping[str, TransactionModel],
) -> dict[str, TransactionModel]:
    if isinstance(models, Mapping):
        named = dict(models)
    else:
        named = {type(model).__name__: model for model in models}
        if len(named) < len(models):
            raise InvalidArgumentError(
                "models", "has two of one name", got=[type(model).__name__ for model in models],
                hint="name them: {'plain': BGNBD(), 'other': …}",
            )  # fmt: skip
    if not named:
        raise InvalidArgumentError("models", "holds none", allowed="models such as BGNBD()")
    for name, model in named.items():
        if not isinstance(model, TransactionModel):
            raise InvalidArgumentError(
                f"models[{name!r}]", "is not a model of purchases", got=type(model).__name__,
                allowed="definitions such as BGNBD(); each is fitted here",
            )  # fmt: skip
        check_continuous(f"models[{name!r}]", model)
    return named


def _row(mine: Evaluated, best: Evaluated, data: HoldoutData) -> ComparedModel:
    report, fitted = mine.report, mine.report.fitted
    behind, error = _difference(best, mine, data)
    return ComparedModel(
        report.model, fitted.status, fitted.log_likelihood, len(fitted.names), fitted.aic,
        fitted.bic, report.expected, report.actual, report.tracking_error, report.rmse,
        report.log_score, behind, error,
    )  # fmt: skip


def _difference(one: Evaluated, other: Evaluated, data: HoldoutData) -> tuple[float, float]:
    """Return by how much a log score is higher, and its standard error over customers."""
    weight, gaps = data.rows.weight, one.log_probabilities - other.log_probabilities
    customers = float(weight.sum())
    total = float(weight @ gaps)
    spread = float(weight @ (gaps - total / customers) ** 2) / max(customers - 1, 1.0)
    return total, float(np.sqrt(spread * customers))


def _picked(
    rows: tuple[ComparedModel, ...], found: Mapping[str, Evaluated], data: HoldoutData
) -> tuple[str | None, tuple[str, ...]]:
    """Return the model to take, and why."""
    known = [row for row in rows if _height(found[row.model].report) > -math.inf]
    converged = [row for row in known if row.status == "converged"]
    usable = converged or [row for row in known if row.status != "failed"]
    if not usable:
        states = ", ".join(f"{row.model} ({row.status})" for row in rows)
        return None, (f"No fit can be used: {states}. Look at the summary for odd rows.",)
    best, *others = usable
    said = [
        f"{best.model} gives the holdout the highest log score of the fits that "
        f"{'converged' if converged else 'did not fail'}, {best.log_score:,.1f}."
    ]
    if not converged:
        said.append(f"It did not converge: {found[best.model].report.fitted.meaning}.")
    for row in others:
        gap, error = _difference(found[best.model], found[row.model], data)
        if gap < _SAME:
            said.append(f"{row.model} predicts the same ({row.status}).")
            continue
        sure = "more than chance" if gap > _CLEAR * error else "which may be chance"
        said.append(
            f"{row.model} is {gap:,.1f} behind, with a standard error of {error:.1f}: {sure}."
        )
    for row in rows:
        if row in usable:
            continue
        if row not in known:
            said.append(f"{row.model} was not considered: it predicts no finite number.")
            continue
        how = "higher" if row.log_score > best.log_score else "lower"
        said.append(
            f"{row.model} was not considered, with a {how} log score: {row.status}, "
            f"{found[row.model].report.fitted.meaning}."
        )
    lowest = min(usable, key=lambda row: row.bic)
    if lowest is not best:
        said.append(f"In the calibration {lowest.model} has the lowest BIC, {lowest.bic:,.1f}.")
    return best.model, tuple(said)
