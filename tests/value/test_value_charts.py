"""Charts of value: what is drawn is what the models and the data say."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import trapezoid

pytest.importorskip("matplotlib")

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from userops import Orders
from userops.charts.columns import columns
from userops.charts.curves import Bars, curves
from userops.charts.surface import surface
from userops.errors import ColumnNotFoundError, InvalidArgumentError, MissingFontWarning
from userops.value import (
    BGBB,
    BGNBD,
    CustomerValue,
    FittedCustomerValue,
    FittedTransactionModel,
    GammaGamma,
    HoldoutReport,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    plot_alive_history,
    plot_alive_matrix,
    plot_calibration_vs_holdout,
    plot_clv,
    plot_decile_lift,
    plot_dropout_heterogeneity,
    plot_expected_purchases,
    plot_frequency_recency,
    plot_period_purchases,
    plot_rate_heterogeneity,
    plot_spend,
    plot_tracking,
    validate,
)


@pytest.fixture(autouse=True)
def closed_figures() -> Iterator[None]:
    """Leave no figure open."""
    yield
    plt.close("all")


@pytest.fixture
def ax() -> Axes:
    """Axes of a figure that pyplot does not know."""
    return Figure(figsize=(6, 4), layout="constrained").subplots()


def drawn(model: type[BGNBD] | type[ParetoNBD], at: list[float]) -> SummaryRows:
    """Draw customers of several ages."""
    rng = np.random.default_rng(8)
    ages = rng.integers(20, 40, 3_000).astype(float)
    places, when = model().simulated(np.array(at), ages, rng)
    last = np.zeros(len(ages))
    last[places] = when
    count = np.bincount(places, minlength=len(ages)).astype(float)
    return SummaryRows(count, last, ages, np.ones(len(ages)))


ROWS = drawn(BGNBD, [0.2425945, 4.4136019, 0.7929199, 2.4258881])
BG = BGNBD().fit(ROWS)
PARETO = ParetoNBD().fit(drawn(ParetoNBD, [0.55315, 10.57633, 0.60625, 11.67150]))


@pytest.fixture(scope="module")
def report(cdnow_orders: Orders) -> HoldoutReport:
    """Return a report with money."""
    return validate(CustomerValue(), cdnow_orders, as_of="1998-07-01", calibration_end="1997-10-01")


@pytest.fixture(scope="module")
def valued(cdnow: Any) -> FittedCustomerValue:
    """Return both models fitted to the calibration."""
    return CustomerValue().fit(cdnow)


def xy(ax: Axes, line: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return where a line runs."""
    return np.asarray(ax.lines[line].get_xdata()), np.asarray(ax.lines[line].get_ydata())


def heights(ax: Axes, series: int) -> list[float]:
    """Return the heights of the bars of a series."""
    return [bar.get_height() for bar in ax.containers[series]]


def cells(ax: Axes) -> np.ma.MaskedArray[Any, Any]:
    """Return the values of a mesh of six rows and forty columns."""
    found = ax.collections[0].get_array()
    assert found is not None
    return np.ma.masked_array(found).reshape(6, 40)


def legend(ax: Axes) -> list[str]:
    """Return the names in the legend."""
    found = ax.get_legend()
    return [] if found is None else [text.get_text() for text in found.get_texts()]


def test_period_purchases_are_counted_and_expected(ax: Axes) -> None:
    """Bars are the customers of each count, beside probabilities summed over their ages."""
    assert plot_period_purchases(BG, ROWS, ax=ax) is ax
    count = ROWS.repeat_count
    actual = [*(float((count == n).sum()) for n in range(7)), float((count >= 7).sum())]
    assert heights(ax, 0) == actual
    expected = heights(ax, 1)
    assert sum(expected) == pytest.approx(3_000)
    new = SummaryRows.one(0, 0.0, 0.0)
    twos = sum(BG.model.purchase_probabilities(BG.values, age, new, 2)[0, 2] for age in ROWS.age)
    assert expected[2] == pytest.approx(twos)
    assert legend(ax) == ["actual", "expected"]
    assert [tick.get_text() for tick in ax.get_xticklabels()][-1] == "7+"


def test_customers_of_today_have_not_bought_again(ax: Axes) -> None:
    """An age of zero has no probabilities but one."""
    rows = SummaryRows(*(np.array([v, v]) for v in (0.0, 0.0, 0.0, 1.0)))
    plot_period_purchases(BG, rows, most=2, ax=ax)
    assert heights(ax, 1) == [2, 0, 0]


def test_counts_before_and_after(report: HoldoutReport, ax: Axes) -> None:
    """Two lines over the counts of the calibration."""
    plot_calibration_vs_holdout(report, ax=ax)
    assert xy(ax, 0)[1].tolist() == [row.actual_mean for row in report.counts]
    assert xy(ax, 1)[1].tolist() == [row.expected_mean for row in report.counts]
    assert [tick.get_text() for tick in ax.get_xticklabels()] == [*"0123456", "7+"]


def test_tracking_has_a_line_where_the_holdout_begins(report: HoldoutReport) -> None:
    """Cumulated and single weeks, and the end of week 39."""
    figure = Figure(figsize=(9, 4))
    for ax, kind in zip(figure.subplots(1, 2), ("cumulative", "weekly"), strict=True):
        plot_tracking(report, kind=kind, ax=ax)  # type: ignore[arg-type]
        suffix = "_cumulative" if kind == "cumulative" else ""
        for line, name in enumerate(("actual", "expected")):
            x, y = xy(ax, line)
            assert x.tolist() == list(range(1, 79))
            assert y.tolist() == [getattr(row, name + suffix) for row in report.weeks]
        assert xy(ax, 2)[0].tolist() == [39, 39]
    with pytest.raises(InvalidArgumentError, match="weekly"):
        plot_tracking(report, kind="week")  # type: ignore[arg-type]


def test_lifts_stand_by_tenths(report: HoldoutReport) -> None:
    """Of purchases, and of money where there is some, with a level line at the mean."""
    assert report.spend is not None
    for measure, rows in (("purchases", report.deciles), ("spend", report.spend.deciles)):
        ax = plot_decile_lift(report, measure=measure)  # type: ignore[arg-type]
        assert heights(ax, 0) == [row.lift for row in rows]
        assert xy(ax, 0)[1].tolist() == [1, 1]


def test_lifts_of_money_need_a_model_of_it(cdnow_orders: Orders) -> None:
    """A report without spend says what to do."""
    plain = validate(BGNBD(), cdnow_orders, as_of="1998-07-01", calibration_end="1997-10-01")
    with pytest.raises(InvalidArgumentError, match="CustomerValue"):
        plot_decile_lift(plain, measure="spend")
    with pytest.raises(InvalidArgumentError, match="measure"):
        plot_decile_lift(plain, measure="money")  # type: ignore[arg-type]


def test_shares_of_clv_add_up_to_one(valued: FittedCustomerValue, cdnow: Any, ax: Axes) -> None:
    """The best tenth holds what the best tenth of a sorted column holds."""
    worth = valued.score(cdnow)
    plot_clv(worth, ax=ax)
    shares = heights(ax, 0)
    assert sum(shares) == pytest.approx(1)
    clv = np.sort(worth["clv"].to_numpy())[::-1]
    assert shares[0] == pytest.approx((clv[:235].sum() + 0.7 * clv[235]) / clv.sum())
    endless = pd.DataFrame({"clv": [1.0, float("inf"), 3.0]})
    assert sum(heights(plot_clv(endless), 0)) == pytest.approx(1)
    with pytest.raises(ColumnNotFoundError, match="clv"):
        plot_clv(pd.DataFrame({"value": [1.0]}))


def test_nothing_to_draw_is_said(ax: Axes) -> None:
    """An empty frame gives words instead of bars."""
    plot_clv(pd.DataFrame({"clv": pd.Series([], dtype="float64")}), ax=ax)
    assert [text.get_text() for text in ax.texts] == ["No data"]


def test_spend_is_a_density(valued: FittedCustomerValue, cdnow: Any, ax: Axes) -> None:
    """Bars hold 99 in 100 customers, the curve as much of the model, and both have one mode."""
    plot_spend(valued.spend, cdnow, bins=30, ax=ax)
    rows = SpendRows.of(cdnow)
    bars = ax.containers[0]
    width = bars[0].get_width()
    inside = (rows.mean_spend <= np.quantile(rows.mean_spend, 0.99)).mean()
    assert sum(heights(ax, 0)) * width == pytest.approx(inside)
    x, y = xy(ax, 0)
    assert trapezoid(y, x) == pytest.approx(0.99, abs=0.015)
    assert 10 < x[np.argmax(y)] < 25
    assert legend(ax) == ["actual", "fitted"]


def test_spend_counts_customers_and_not_rows() -> None:
    """Rows that stand for several customers are drawn as these would be."""
    rng = np.random.default_rng(5)
    x, z = rng.integers(1, 4, 60).astype(float), rng.gamma(3.0, 9.0, 60)
    many = rng.integers(1, 40, 60)
    rows, each = (
        SpendRows(x, z, many.astype(float)),
        SpendRows(np.repeat(x, many), np.repeat(z, many)),
    )
    fitted = GammaGamma().fit(rows)
    weighted, plain = plot_spend(fitted, rows, bins=12), plot_spend(fitted, each, bins=12)
    assert heights(weighted, 0) == pytest.approx(heights(plain, 0))
    assert xy(weighted, 0)[1] == pytest.approx(xy(plain, 0)[1])


def test_opportunities_are_drawn_where_days_are_not_needed() -> None:
    """Counts of customers are; what runs over time is refused."""
    frame = pd.DataFrame(
        {"repeat_count": [0, 1, 2] * 20, "last_purchase_age": [0, 1, 5] * 20, "age": 6}
    )
    fitted = BGBB().fit(frame)
    assert heights(plot_period_purchases(fitted, frame, most=3), 0) == [20, 20, 20, 0]
    for refused in (
        lambda: plot_alive_matrix(fitted, age=6, most=6),
        lambda: plot_frequency_recency(fitted, horizon=6, age=6, most=6),
        lambda: plot_expected_purchases(fitted),
        lambda: plot_alive_history(fitted, [dt.date(2024, 1, 1)], until=dt.date(2024, 2, 1)),
    ):
        with pytest.raises(InvalidArgumentError, match="continuous time"):
            refused()


@pytest.mark.parametrize("fitted", [BG, PARETO], ids=["BGNBD", "ParetoNBD"])
def test_matrices_hold_what_the_model_says(fitted: FittedTransactionModel) -> None:
    """A cell is a customer; who cannot be has no cell."""
    expected = plot_frequency_recency(fitted, horizon=10, age=40, most=5)
    alive = plot_alive_matrix(fitted, age=40, most=5)
    one = SummaryRows.one(3, 39.5, 40.0)
    for ax, value in ((expected, fitted.expected_purchases(10, one)), (alive, fitted.p_alive(one))):
        mesh, hidden = cells(ax), np.ma.getmaskarray(cells(ax))
        assert mesh[3, 39] == pytest.approx(value[0])
        assert hidden.sum() == 39
        assert hidden[0, 1:].all()
    assert "within 10 weeks" in expected.get_title(loc="left").replace("\n", " ")
    never = cells(alive)[0, 0]
    assert never == pytest.approx(fitted.p_alive(SummaryRows.one(0, 0.0, 40.0))[0])


def test_one_customers_history(ax: Axes) -> None:
    """Each day has the probability of the history up to it, and each purchase a tick."""
    days = [dt.date(2024, 1, 1), dt.date(2024, 1, 15), dt.date(2024, 2, 12), dt.date(2024, 1, 15)]
    plot_alive_history(PARETO, days, until=dt.date(2024, 3, 31), ax=ax)
    x, y = xy(ax, 0)
    assert len(x) == 91
    for place, row in ((0, (0, 0, 0)), (14, (1, 2, 2)), (41, (1, 2, 41 / 7)), (90, (2, 6, 90 / 7))):
        assert y[place] == pytest.approx(PARETO.p_alive(SummaryRows.one(*row))[0])
    assert y[41] < y[42]
    ticks = ax.collections[0].get_segments()  # type: ignore[attr-defined]
    assert [tick[0][0] - x[0] for tick in ticks] == [0, 14, 42]


def test_a_history_needs_its_purchases() -> None:
    """None at all, and one after the end, are refused."""
    with pytest.raises(InvalidArgumentError, match="hold no day"):
        plot_alive_history(BG, [], until=dt.date(2024, 1, 1))
    with pytest.raises(InvalidArgumentError, match="2024-02-01 or later"):
        plot_alive_history(BG, [dt.date(2024, 2, 1)], until=dt.date(2024, 1, 1))


@pytest.mark.parametrize("plot", [plot_rate_heterogeneity, plot_dropout_heterogeneity])
@pytest.mark.parametrize("fitted", [BG, PARETO], ids=["BGNBD", "ParetoNBD"])
def test_heterogeneities_are_densities(plot: Any, fitted: FittedTransactionModel) -> None:
    """Values are those of gamma and beta densities by their formulas."""
    from scipy.special import beta, gamma

    x, y = xy(plot(fitted), 0)
    p = fitted.parameters
    if plot is plot_dropout_heterogeneity and fitted is BG:
        density = x ** (p["a"] - 1) * (1 - x) ** (p["b"] - 1) / beta(p["a"], p["b"])
    else:
        rate = plot is plot_rate_heterogeneity
        shape, scale = (p["r"], p["alpha"]) if rate else (p["s"], p["beta"])
        density = scale**shape * x ** (shape - 1) * np.exp(-scale * x) / gamma(shape)
    assert y == pytest.approx(density)


def test_growth_of_a_new_customer(ax: Axes) -> None:
    """The line is E[X(t)]; a band lies where it is given."""
    times = [1.0, 10.0, 39.0]
    plot_expected_purchases(BG, times=times, interval=([0, 0.2, 0.8], [0.1, 0.6, 1.4]), ax=ax)
    x, y = xy(ax, 0)
    assert x.tolist() == times
    assert y.tolist() == [BG.expected_purchases(t)[0] for t in times]
    corners = np.asarray(ax.collections[0].get_paths()[0].vertices).tolist()
    assert [39.0, 0.8] in corners
    assert [39.0, 1.4] in corners
    assert legend(ax) == ["interval", "expected"]
    assert xy(plot_expected_purchases(BG), 0)[0].tolist() == [float(n) for n in range(1, 53)]


def test_models_of_other_shapes_are_refused() -> None:
    """A distribution that a model does not have is not drawn."""
    import attrs

    parameters = {"alpha": 1.2, "beta": 0.75, "gamma": 0.66, "delta": 2.8}
    changed: dict[str, Any] = {"parameters": parameters, "coordinate_covariance": None}
    other = attrs.evolve(BG, model=BGBB(), unit="opportunities", **changed)
    for plot in (plot_rate_heterogeneity, plot_dropout_heterogeneity):
        with pytest.raises(InvalidArgumentError, match="has no"):
            plot(other)
    for named in ({"age": 0.0}, {"most": 0}):
        with pytest.raises(InvalidArgumentError, match=next(iter(named))):
            plot_alive_matrix(BG, **named)


@pytest.mark.filterwarnings("ignore::userops.errors.MissingFontWarning")
def test_charts_speak_chinese() -> None:
    """Titles, axes and legends have words of both languages, and no third one."""
    ax = plot_period_purchases(BG, ROWS, locale="zh")
    assert ax.get_legend() is not None
    assert issubclass(MissingFontWarning, UserWarning)
    with pytest.raises(InvalidArgumentError, match="locale"):
        plot_period_purchases(BG, ROWS, locale="de")  # type: ignore[arg-type]


def test_both_languages_have_all_words() -> None:
    """No word is missing in one of them, and placeholders are the same."""
    import string

    from userops.value.chart_words import words_of

    english, chinese = words_of("en"), words_of("zh")
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        fields = [
            {f for _, f, _, _ in string.Formatter().parse(t) if f} for t in (text, chinese[key])
        ]
        assert fields[0] == fields[1], key


def test_drawings_check_what_they_are_given(ax: Axes) -> None:
    """Lengths of lines, bands, bars and grids; a place to draw that is none."""
    with pytest.raises(InvalidArgumentError, match="series"):
        curves([1, 2], series={"a": [1]}, ax=ax)
    with pytest.raises(InvalidArgumentError, match="interval"):
        curves([1, 2], series={"a": [1, 2]}, band=("interval", [1], [2]), ax=ax)
    with pytest.raises(InvalidArgumentError, match="edges"):
        curves([1, 2], series={"a": [1, 2]}, bars=Bars("b", [1, 2], [1, 2]), ax=ax)
    with pytest.raises(InvalidArgumentError, match="edges"):
        surface(np.zeros((2, 2)), x_edges=[0, 1], y_edges=[0, 1, 2], ax=ax)
    with pytest.raises(InvalidArgumentError, match="ax"):
        columns(["a"], series={"b": [1]}, ax=3)  # type: ignore[arg-type]
    empty = curves([], series={"a": []})
    assert [text.get_text() for text in empty.texts] == ["No data"]
