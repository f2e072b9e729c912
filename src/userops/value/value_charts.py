"""Charts of what models of value expect beside what customers did.

They need matplotlib, which comes with `pip install 'userops[plot]'`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from userops.charts import Language, format_percent
from userops.charts.columns import columns
from userops.charts.curves import Bars, curves
from userops.core import frames
from userops.errors import ColumnNotFoundError, InvalidArgumentError
from userops.value.chart_words import words_of
from userops.value.fitted_transactions import FittedTransactionModel
from userops.value.gamma_gamma import FittedGammaGamma, SpendRows
from userops.value.holdout_report import HoldoutReport
from userops.value.ranking import Ranking
from userops.value.simulation import rows_of
from userops.value.summary_rows import SummaryRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "plot_calibration_vs_holdout",
    "plot_clv",
    "plot_decile_lift",
    "plot_period_purchases",
    "plot_spend",
    "plot_tracking",
]

Floats = NDArray[np.float64]
# A histogram ends here, because a few large buyers would press all others into one bar.
_DRAWN_SHARE = 0.99


def plot_period_purchases(
    fitted: FittedTransactionModel,
    rows: Any,
    *,
    most: int = 7,
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw how many customers bought 0, 1 … times again, beside what the fit expects.

    Args:
        fitted: The model of purchases.
        rows: The transaction summary that it was fitted to, or `SummaryRows` in its units.
        most: The last bar holds this count and all above, 1 or more.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; `ax.containers` holds the actual bars, then the expected ones.

    Raises:
        InvalidArgumentError: If the locale is not known or `most` is below 1.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    if most < 1:
        raise InvalidArgumentError("most", "must be 1 or more", got=most)
    rows = rows_of(fitted, rows)
    kept = np.minimum(rows.repeat_count, most).astype(np.intp)
    return columns(
        [*range(most), f"{most}+"],
        series={
            words["actual"]: np.bincount(kept, rows.weight, minlength=most + 1),
            words["expected"]: _expected_counts(fitted, rows, most),
        },
        title=words["period"],
        x_label=words["repeats"],
        y_label=words["customers"],
        language=locale,
        ax=ax,
    )


def _expected_counts(fitted: FittedTransactionModel, rows: SummaryRows, most: int) -> Floats:
    """Return how many customers of these ages are expected to have each count."""
    found = np.zeros(most + 1)
    for age in np.unique(rows.age).tolist():
        here = np.flatnonzero(rows.age == age)
        weight, nobody = rows.weight[here], np.zeros(len(here))
        if age == 0:
            found[0] += weight.sum()
            continue
        new, _ = SummaryRows(nobody, nobody, nobody, weight, rows.covariates[here]).distinct()
        chances = fitted.purchase_probabilities(age, new, most=most - 1)
        found[:-1] += new.weight @ chances
    found[-1] = rows.customers - found[:-1].sum()
    return found


def plot_calibration_vs_holdout(
    report: HoldoutReport, *, locale: Language = "en", ax: Axes | None = None
) -> Axes:
    """Draw mean purchases in the holdout by repeat count in the calibration.

    Args:
        report: What `validate` returned.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; the first line is what was bought, the second what was expected.

    Raises:
        InvalidArgumentError: If the locale is not known.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    return curves(
        np.arange(len(report.counts)),
        series={
            words["actual"]: [row.actual_mean for row in report.counts],
            words["expected"]: [row.expected_mean for row in report.counts],
        },
        tick_labels=[row.repeat_count for row in report.counts],
        is_marked=True,
        title=words["holdout"],
        x_label=words["repeats"],
        y_label=words["mean_purchases"],
        language=locale,
        ax=ax,
    )


def plot_tracking(
    report: HoldoutReport,
    *,
    kind: Literal["cumulative", "weekly"] = "cumulative",
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw repeat purchases week by week, with a line where the holdout begins.

    Args:
        report: What `validate` returned.
        kind: `cumulative` or `weekly`.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes over the number of the week; the first line is what was bought, the second what was
        expected, the third the beginning of the holdout.

    Raises:
        InvalidArgumentError: If the kind or the locale is not known.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    if kind not in ("cumulative", "weekly"):
        raise InvalidArgumentError.unknown("kind", kind, ("cumulative", "weekly"))
    of = ("actual_cumulative", "expected_cumulative") if kind == "cumulative" else (
        "actual", "expected",
    )  # fmt: skip
    known = [row.week for row in report.weeks if row.part == "calibration"]
    return curves(
        [row.week for row in report.weeks],
        series={
            words[name]: [getattr(row, column) for row in report.weeks]
            for name, column in zip(("actual", "expected"), of, strict=True)
        },
        # A value stands for the end of its week, where the calibration ends as well.
        divider=float(known[-1]) if known else 0.0,
        title=words[kind],
        x_label=words["week"],
        y_label=words["purchases"],
        language=locale,
        ax=ax,
    )


def plot_decile_lift(
    report: HoldoutReport,
    *,
    measure: Literal["purchases", "spend"] = "purchases",
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw what each tenth of the customers did in the holdout, as times the mean of all.

    Args:
        report: What `validate` returned.
        measure: `purchases`, ranked by those expected; or `spend`, ranked by CLV.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; the tenth with the highest predictions stands at x = 0.

    Raises:
        InvalidArgumentError: If the locale or the measure is not known, or the report holds no
            spend.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    if measure not in ("purchases", "spend"):
        raise InvalidArgumentError.unknown("measure", measure, ("purchases", "spend"))
    if measure == "spend" and report.spend is None:
        raise InvalidArgumentError(
            "measure", "is not in this report", got="spend",
            hint="validate a CustomerValue, which has a model of spend",
        )  # fmt: skip
    rows = (
        report.deciles if measure == "purchases" or report.spend is None else report.spend.deciles
    )
    return columns(
        [row.decile for row in rows],
        series={words["actual"]: [row.lift for row in rows]},
        level=1.0,
        title=words["lift" if measure == "purchases" else "spend_lift"],
        x_label=words["decile"],
        y_label=words["times_mean"],
        language=locale,
        ax=ax,
    )


def plot_clv(worth: Any, *, locale: Language = "en", ax: Axes | None = None) -> Axes:
    """Draw the share of all CLV that each tenth of the customers holds.

    Args:
        worth: What `FittedCustomerValue.score` returned, or any frame with the column `clv`;
            distinct values alone are collected, and those that are not finite left out.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; the most valuable tenth stands at x = 0.

    Raises:
        ColumnNotFoundError: If the frame has no CLV.
        InvalidArgumentError: If the locale is not known.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    frame = frames.read(worth).frame
    names = frame.collect_schema().names()
    if "clv" not in names:
        raise ColumnNotFoundError("clv", names)
    table = frames.to_arrow(frames.counted_by(frame.filter(nw.col("clv").is_finite()), ["clv"]))
    clv, weight = (np.asarray(table.column(n).to_numpy(), dtype=np.float64) for n in (0, 1))
    rows = Ranking.of(clv, clv, clv, weight).deciles() if len(clv) else ()
    return columns(
        [row.decile for row in rows],
        # A tenth of the customers with the lift 1 holds a tenth of the value.
        series={words["share_clv"]: [None if r.lift is None else r.lift / 10 for r in rows]},
        title=words["clv"],
        x_label=words["decile"],
        y_label=words["share_clv"],
        values_format=partial(format_percent, digits=0),
        language=locale,
        ax=ax,
    )


def plot_spend(
    fitted: FittedGammaGamma,
    summary: Any,
    *,
    bins: int = 40,
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean spend of customers who bought again, with the density that the fit gives it.

    Args:
        fitted: The model of spend.
        summary: The transaction summary that it was fitted to, or `SpendRows`.
        bins: Bars, up to the 99th percentile of the customers; 1 or more.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; bars and line have the unit of one over money.

    Raises:
        InvalidArgumentError: If the locale is not known, or there is no bar.
        DataError: If nobody bought again for more than nothing.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    if bins < 1:
        raise InvalidArgumentError("bins", "must be 1 or more", got=bins)
    rows = summary if isinstance(summary, SpendRows) else SpendRows.of(summary)
    edges = np.linspace(0.0, _drawn_until(rows), bins + 1)
    counts, _ = np.histogram(rows.mean_spend, edges, weights=rows.weight)
    places = np.linspace(0.0, float(edges[-1]), 201)[1:]
    return curves(
        places,
        series={words["fitted"]: _spend_density(fitted, rows, places)},
        bars=Bars(words["actual"], edges, counts / (rows.customers * np.diff(edges))),
        title=words["spend"],
        x_label=words["spend_axis"],
        y_label=words["density"],
        language=locale,
        ax=ax,
    )


def _drawn_until(rows: SpendRows) -> float:
    """Return the mean spend that one customer in a hundred exceeds."""
    order = np.argsort(rows.mean_spend)
    weight = np.ones(len(rows)) if rows.weight is None else rows.weight[order]
    place = max(_DRAWN_SHARE * (rows.customers - 1), 0.0)
    beside = np.searchsorted(np.cumsum(weight), [np.floor(place), np.ceil(place)], side="right")
    low, high = rows.mean_spend[order[beside]].tolist()
    return float(low + (high - low) * (place % 1))


def _spend_density(fitted: FittedGammaGamma, rows: SpendRows, z: Floats) -> Floats:
    """Return the density of the mean spend over customers: equation (1a) of the 2013 note."""
    p, q, gamma = fitted.parameters.values()
    counts, shares = rows.sums.counts, rows.sums.customers / rows.customers
    found = np.zeros(len(z))
    for x, weight in zip(counts.tolist(), shares.tolist(), strict=True):
        log = (
            gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(gamma)
            + (p * x - 1) * np.log(z) + p * x * np.log(x) - (p * x + q) * np.log(gamma + x * z)
        )  # fmt: skip
        found += weight * np.exp(log)
    return found
