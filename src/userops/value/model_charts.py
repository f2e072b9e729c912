"""Charts of what a fitted model says: of every customer there can be, and of one.

They need matplotlib, which comes with `pip install 'userops[plot]'`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from userops.charts import Language, format_percent, timeline
from userops.charts.axes import check_axes
from userops.charts.curves import curves
from userops.charts.sequences import Values
from userops.charts.style import quiet_colour
from userops.charts.surface import surface
from userops.errors import InvalidArgumentError
from userops.value.chart_words import words_of
from userops.value.fitted_transactions import FittedTransactionModel, days_of
from userops.value.summary_rows import SummaryRows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "plot_alive_history",
    "plot_alive_matrix",
    "plot_dropout_heterogeneity",
    "plot_expected_purchases",
    "plot_frequency_recency",
    "plot_rate_heterogeneity",
]

Floats = NDArray[np.float64]
_CELLS = 40
_POINTS = 200
_DRAWN_SHARE = 0.99


def plot_frequency_recency(
    fitted: FittedTransactionModel,
    *,
    horizon: float,
    age: float = 52.0,
    most: int = 20,
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the purchases expected of customers by how often and how lately they bought.

    Args:
        fitted: The model of purchases.
        horizon: How far is looked ahead, in its units.
        age: Of all these customers, in its units.
        most: The highest repeat count.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes: the last purchase age to the right, the repeat count upwards. Who never bought
        again stands at the left.

    Raises:
        InvalidArgumentError: If the locale is not known, a number is not above zero, or the model
            is in discrete time.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    rows, where, edges = _grid(fitted, age, most)
    values = np.full(where.shape, np.nan)
    values[where] = fitted.expected_purchases(horizon, rows)
    unit = words[fitted.unit]
    return surface(
        values, x_edges=edges[0], y_edges=edges[1],
        title=words["matrix"].format(horizon=f"{horizon:g}", unit=unit),
        x_label=words["last_age"].format(unit=unit), y_label=words["repeats"],
        values_label=words["expected"], language=locale, ax=ax,
    )  # fmt: skip


def plot_alive_matrix(
    fitted: FittedTransactionModel,
    *,
    age: float = 52.0,
    most: int = 20,
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the probability of being alive by how often and how lately customers bought.

    Args:
        fitted: The model of purchases.
        age: Of all these customers, in its units.
        most: The highest repeat count.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; see `plot_frequency_recency`.

    Raises:
        InvalidArgumentError: If the locale is not known, a number is not above zero, or the model
            is in discrete time.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    rows, where, edges = _grid(fitted, age, most)
    values = np.full(where.shape, np.nan)
    values[where] = fitted.p_alive(rows)
    return surface(
        values, x_edges=edges[0], y_edges=edges[1], title=words["alive_matrix"],
        x_label=words["last_age"].format(unit=words[fitted.unit]), y_label=words["repeats"],
        values_label=words["p_alive"], values_format=partial(format_percent, digits=0),
        language=locale, ax=ax,
    )  # fmt: skip


def _grid(
    fitted: FittedTransactionModel, age: float, most: int
) -> tuple[SummaryRows, NDArray[np.bool_], tuple[Floats, Floats]]:
    """Return customers at the middles of cells, which cells they fill, and the edges of these."""
    days_of(fitted)  # cells are no steps of discrete time
    if not (np.isfinite(age) and age > 0):
        raise InvalidArgumentError("age", "must be above zero", got=age)
    if most < 1:
        raise InvalidArgumentError("most", "must be 1 or more", got=most)
    edges = np.linspace(0.0, age, _CELLS + 1)
    count, last = np.meshgrid(np.arange(most + 1.0), (edges[1:] + edges[:-1]) / 2, indexing="ij")
    # Without repeats the last purchase is the first one.
    where = (count > 0) | (last < edges[1])
    count, last = count[where], np.where(count > 0, last, 0.0)[where]
    rows = SummaryRows(count, last, np.full(len(count), float(age)), np.ones(len(count)))
    return rows, where, (edges, np.arange(most + 2.0) - 0.5)


def plot_alive_history(
    fitted: FittedTransactionModel,
    purchases: Sequence[dt.date],
    *,
    until: dt.date,
    covariates: Sequence[float] = (),
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw how probable it was, day by day, that one customer still bought.

    Args:
        fitted: The model of purchases.
        purchases: The days on which he bought, the first one among them; a day counts once.
        until: The last day that is drawn, on or after the last purchase.
        covariates: Of this customer, in the order of the model's.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes over dates: a line, and a tick at the bottom for each purchase, in
        `ax.collections[0]`.

    Raises:
        InvalidArgumentError: If there is no purchase, or one after `until`, the locale is not
            known, or the model is in discrete time.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    check_axes(ax)
    days = np.unique([day.toordinal() for day in purchases])
    if not days.size:
        raise InvalidArgumentError("purchases", "hold no day", hint="name the first one as well")
    end = until.toordinal()
    if days[-1] > end:
        raise InvalidArgumentError(
            "until", "is before the last purchase", got=until,
            allowed=f"{dt.date.fromordinal(int(days[-1]))} or later",
        )  # fmt: skip
    drawn = np.arange(days[0], end + 1)
    unit_days = days_of(fitted)
    path = fitted.alive_path(
        (days - days[0]) / unit_days, (drawn - days[0]) / unit_days, covariates
    )
    ax = timeline(
        [dt.date.fromordinal(int(day)) for day in drawn],
        series={words["p_alive"]: path},
        title=words["history"],
        y_label=words["p_alive"],
        values_format=partial(format_percent, digits=0),
        language=locale,
        ax=ax,
    )
    places = np.asarray(ax.lines[-1].get_xdata(), dtype=np.float64)[days - days[0]]
    ax.vlines(places, 0.0, 0.06, colors=quiet_colour(ax), linewidth=1.6)
    ax.set_ylim(0.0, 1.05)
    return ax


def plot_rate_heterogeneity(
    fitted: FittedTransactionModel, *, locale: Language = "en", ax: Axes | None = None
) -> Axes:
    """Draw how the purchase rates of customers are distributed: gamma, with r and alpha.

    Args:
        fitted: The model of purchases, one with a gamma distributed rate.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes, up to the rate that one in a hundred exceeds.

    Raises:
        InvalidArgumentError: If the model has no r and alpha, or the locale is not known.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    if not {"r", "alpha"} <= set(fitted.parameters):
        raise _has_no("gamma distributed purchase rate", fitted)
    spread = stats.gamma(fitted.parameters["r"], scale=1 / fitted.parameters["alpha"])
    x = np.linspace(0.0, float(spread.ppf(_DRAWN_SHARE)), _POINTS + 1)[1:]
    return curves(
        x, series={type(fitted.model).__name__: spread.pdf(x)}, title=words["rates"],
        x_label=words["rate"].format(unit=words[f"one_{fitted.unit}"]), y_label=words["density"],
        language=locale, ax=ax,
    )  # fmt: skip


def plot_dropout_heterogeneity(
    fitted: FittedTransactionModel, *, locale: Language = "en", ax: Axes | None = None
) -> Axes:
    """Draw how the dropout of customers is distributed.

    Args:
        fitted: The model of purchases: with a and b the probability of leaving after a purchase is
            beta distributed, with s and beta the rate of leaving is gamma distributed.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes: probabilities from 0 to 1, or rates up to that which one in a hundred exceeds.

    Raises:
        InvalidArgumentError: If the model has neither, or the locale is not known.
        MissingExtraError: If matplotlib is not installed.
    """
    words, names = words_of(locale), set(fitted.parameters)
    if names == {"r", "alpha", "a", "b"}:
        x = np.linspace(0.0, 1.0, _POINTS + 2)[1:-1]
        density = stats.beta(fitted.parameters["a"], fitted.parameters["b"]).pdf(x)
        x_label = words["coin"]
    elif names == {"r", "alpha", "s", "beta"}:
        spread = stats.gamma(fitted.parameters["s"], scale=1 / fitted.parameters["beta"])
        x = np.linspace(0.0, float(spread.ppf(_DRAWN_SHARE)), _POINTS + 1)[1:]
        density, x_label = spread.pdf(x), words["leaving"].format(unit=words[f"one_{fitted.unit}"])
    else:
        raise _has_no("distribution of dropout with a and b, or s and beta", fitted)
    return curves(
        x, series={type(fitted.model).__name__: density}, title=words["coins"], x_label=x_label,
        y_label=words["density"], language=locale, ax=ax,
    )  # fmt: skip


def plot_expected_purchases(
    fitted: FittedTransactionModel,
    *,
    times: Values | None = None,
    interval: tuple[Values, Values] | None = None,
    locale: Language = "en",
    ax: Axes | None = None,
) -> Axes:
    """Draw the purchases expected of a new customer, E[X(t)], over time.

    Args:
        fitted: The model of purchases.
        times: Ascending times above zero, in its units; None takes a year.
        interval: Lower and upper edge of a band around it, one value a time.
        locale: `en` or `zh`.
        ax: Where to draw; None makes a new figure.

    Returns:
        The axes; the line is the expectation.

    Raises:
        InvalidArgumentError: If a time is not above zero, lengths differ, the locale is not known,
            or the model is in discrete time.
        MissingExtraError: If matplotlib is not installed.
    """
    words = words_of(locale)
    year = 364.0 / days_of(fitted)
    at = np.linspace(0.0, year, 53)[1:] if times is None else np.asarray(times, dtype=np.float64)
    return curves(
        at,
        series={words["expected"]: [float(fitted.expected_purchases(t)[0]) for t in at.tolist()]},
        band=None if interval is None else (words["interval"], *interval),
        title=words["growth"],
        x_label=words["after"].format(unit=words[fitted.unit]),
        y_label=words["purchases"],
        language=locale,
        ax=ax,
    )


def _has_no(what: str, fitted: FittedTransactionModel) -> InvalidArgumentError:
    return InvalidArgumentError(
        "fitted", f"has no {what}", got=f"{type(fitted.model).__name__} with "
        f"{', '.join(fitted.parameters)}",
    )  # fmt: skip
