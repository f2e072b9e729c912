"""What the page about lifetimes says of each of its names."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest

import userops.value
from userops.value import (
    BGNBD,
    MBGNBD,
    FittedGammaGamma,
    FittedTransactionModel,
    GammaGamma,
    ParetoNBD,
    SpendRows,
    SummaryRows,
    TransactionModel,
    to_lifetimes,
)
from userops.value.lifetimes_search import lifetimes_package, quiet

_SPEC = find_spec("lifetimes")
pytestmark = [
    pytest.mark.skipif(_SPEC is None, reason="needs the extra lifetimes"),
    # The page speaks of today's releases; of older ones fewer things break.
    pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="the page is about pandas 3"),
]
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "from-lifetimes.md"
HOME = Path(_SPEC.origin).parent if _SPEC is not None and _SPEC.origin else Path()


def page() -> Iterator[tuple[list[str], str, str]]:
    """Yield each row of the table: names of lifetimes, what is said of them, what is here."""
    text = PAGE.read_text(encoding="utf-8").partition("## Name by name")[2]
    for line in text.splitlines():
        if line.startswith("| `"):
            names, today, here = (cell.strip() for cell in line.strip("|").split(" | "))
            yield re.findall(r"`(\w+)`", names), today, here


# An argument, a field and a module that stand in the third column.
NO_NAMES_OF_OURS = {"calibration_end", "status", "pickle"}


def public_names() -> set[str]:
    """Return every public name of lifetimes, and those that the page explains besides."""
    package = lifetimes_package()
    from lifetimes import generate_data, plotting, utils

    found = set(package.__all__) - {"__version__"} | set(utils.__all__) | set(plotting.__all__)
    found |= {"ConvergenceError", "_customer_lifetime_value"}
    # lifetimes.datasets itself needs pkg_resources.
    tree = ast.parse((HOME / "datasets" / "__init__.py").read_text())
    found |= {
        node.name for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name != "load_dataset"
    }  # fmt: skip
    found |= {
        name for name, value in vars(generate_data).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }  # fmt: skip
    for name in set(package.__all__) - {"__version__"}:
        found |= {each for each in vars(getattr(package, name)) if not each.startswith("_")}
        found |= {each for each in dir(getattr(package, name)) if not each.startswith("_")}
    after_fit = {"params_", "data", "penalizer_coef", "predict", "generate_new_data"}
    return found | after_fit | {"standard_errors_", "confidence_intervals_", "variance_matrix_"}


def exists(name: str) -> bool:
    """Say whether something of ours has this name."""
    owner, _, attribute = name.rpartition(".")
    if owner == "fitted":
        fits = FittedTransactionModel, FittedGammaGamma
        fields = {field.name for cls in fits for field in attrs.fields(cls)}
        return attribute in fields or any(hasattr(cls, attribute) for cls in fits)
    if owner == "model":
        return hasattr(TransactionModel, attribute)
    return hasattr(userops.value, name)


def test_every_public_name_is_on_the_page_once() -> None:
    """None is forgotten, none is made up."""
    listed = [name for names, _, _ in page() for name in names]
    assert sorted(listed) == sorted(set(listed))
    assert set(listed) == public_names()


def test_what_is_here_exists_and_what_is_planned_does_not() -> None:
    """The third column; a name that has come loses the word."""
    wrong = []
    for _, _, here in page():
        now, _, planned = here.partition("*planned*:")
        for part, has_to in ((now, True), (planned, False)):
            names = set(re.findall(r"`((?:fitted\.|model\.)?\w+)`", part)) - NO_NAMES_OF_OURS
            wrong += [name for name in names if exists(name) != has_to]
    assert not wrong


def test_every_row_says_how_it_is_today() -> None:
    """And what breaks or is wrong is held by a test below."""
    said = {name: today for names, today, _ in page() for name in names}
    assert all(re.match(r"(runs|breaks|wrong)\b", today) for today in said.values())
    assert {name for name, today in said.items() if "breaks" in today} == BREAKS.keys() | LOADERS
    assert {name for name, today in said.items() if "wrong" in today} == WRONG


class Fits:
    """Fitters of CDNOW, and the data inside lifetimes."""

    def __init__(self) -> None:
        self.package = lifetimes_package()
        table = pd.read_csv(HOME / "datasets" / "cdnow_customers_summary_with_transactions.csv")
        self.table = table.set_axis(
            ["customer_id", "frequency", "recency", "T", "monetary_value"], axis=1
        ).set_index("customer_id")
        self.history = [self.table[name] for name in ("frequency", "recency", "T")]
        x, last, age = (np.asarray(column, dtype=np.float64) for column in self.history)
        rows = SummaryRows(x, last, age, np.ones(len(table)))
        self.rows = rows
        fits = (model.fit(rows) for model in (BGNBD(), MBGNBD(), ParetoNBD()))
        self.bg, self.mbg, self.pareto = (to_lifetimes(fit, rows) for fit in fits)
        again = self.table[self.table["frequency"] > 0]
        self.spend = to_lifetimes(GammaGamma().fit(SpendRows(
            again["frequency"].to_numpy(float), again["monetary_value"].to_numpy(float)
        )))  # fmt: skip
        self.log = pd.read_csv(HOME / "datasets" / "example_transactions.csv", nrows=2000)
        self.one = self.log[self.log["id"] == self.log["id"].value_counts().index[0]]

    def donations(self) -> Any:
        """Fit BG/BB to the donations of the paper."""
        given = pd.read_csv(HOME / "datasets" / "donations.csv")
        return self.package.BetaGeoBetaBinomFitter().fit(
            given["frequency"], given["recency"], given["periods"], given["weights"]
        )

    def by_itself(self) -> Any:
        """Fit Pareto/NBD as lifetimes does."""
        return self.package.ParetoNBDFitter().fit(*self.history, initial_params=np.ones(4))


@pytest.fixture(scope="module")
def fits() -> Fits:
    """Return the fitters."""
    with quiet():
        return Fits()


def _utils(name: str) -> Any:
    from lifetimes import utils

    return getattr(utils, name)


def _plot(name: str) -> Any:
    from lifetimes import plotting

    return getattr(plotting, name)


def _clv(fits: Fits, freq: str) -> Any:
    return fits.spend.customer_lifetime_value(
        fits.bg, *fits.history, fits.table["monetary_value"], freq=freq
    )


def _transactional(_: Fits) -> Any:
    from lifetimes import generate_data

    return generate_data.beta_geometric_nbd_model_transactional_data(20, 1, 4, 1, 2, size=2)


LOADERS = {
    "load_cdnow_summary", "load_cdnow_summary_data_with_monetary_value", "load_donations",
    "load_transaction_data",
}  # fmt: skip
BREAKS: dict[str, tuple[Callable[[Fits], Any], type[Exception], str]] = {
    "standard_errors_": (lambda f: f.by_itself().standard_errors_, AttributeError, "standard_err"),
    "confidence_intervals_": (
        lambda f: f.by_itself().confidence_intervals_, AttributeError, "confidence_intervals_"
    ),
    "summary": (lambda f: f.by_itself().summary, AttributeError, "standard_errors_"),
    "customer_lifetime_value": (lambda f: _clv(f, "h"), KeyError, "h"),
    "_customer_lifetime_value": (
        lambda f: _utils("_customer_lifetime_value")(
            f.bg, *f.history, f.table["monetary_value"], freq="h"
        ), KeyError, "h",
    ),
    "generate_new_data": (
        lambda f: f.donations().generate_new_data(), TypeError, "'int' and 'list'"
    ),
    "summary_data_from_transaction_data": (
        lambda f: _utils("summary_data_from_transaction_data")(f.log, "id", "date", freq="M"),
        ValueError, "Unit M is not supported",
    ),
    "calibration_and_holdout_data": (
        lambda f: _utils("calibration_and_holdout_data")(
            f.log, "id", "date", "2014-09-01", "2014-12-31"
        ), ValueError, "No objects to concatenate",
    ),
    "calculate_alive_path": (
        lambda f: _utils("calculate_alive_path")(f.bg, f.one, "date", 50), TypeError, "fillna"
    ),
    "expected_cumulative_transactions": (
        lambda f: _utils("expected_cumulative_transactions")(
            f.bg, f.log, "date", "id", 5, freq="M"
        ), ValueError, "Invalid frequency: M",
    ),
    "plot_expected_repeat_purchases": (
        lambda f: _plot("plot_expected_repeat_purchases")(f.bg), AttributeError, "prop_cycler"
    ),
    "plot_history_alive": (
        lambda f: _plot("plot_history_alive")(f.bg, 50, f.one, "date"), TypeError, "fillna"
    ),
    "plot_dropout_rate_heterogeneity": (
        lambda f: _plot("plot_dropout_rate_heterogeneity")(f.pareto), KeyError, "a"
    ),
    "beta_geometric_nbd_model_transactional_data": (_transactional, AttributeError, "append"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    plt = pytest.importorskip("matplotlib.pyplot")
    yield
    plt.close("all")


@pytest.mark.parametrize("name", BREAKS)
def test_what_breaks(name: str, fits: Fits) -> None:
    """Each raises what the page says, for the reason that is meant."""
    call, error, message = BREAKS[name]
    said = {each: today for names, today, _ in page() for each in names}
    assert error.__name__ in said[name]
    with quiet(), pytest.raises(error, match=message):
        call(fits)


def test_hours_as_pandas_once_wrote_them(fits: Fits) -> None:
    """`H` is none of pandas 3; lifetimes' values of customers ask for it."""
    with quiet(), pytest.raises(ValueError, match="Invalid frequency: H"):
        _utils("summary_data_from_transaction_data")(fits.log, "id", "date", freq="H")
    with quiet():
        assert np.isfinite(_clv(fits, "H")).all()


def test_loaders_break_without_setuptools() -> None:
    """The package of the data sets cannot be imported then; the files can be read."""
    code = "import sys; sys.modules['pkg_resources'] = None\nimport lifetimes.datasets"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )
    assert "ModuleNotFoundError" in done.stderr
    assert "pkg_resources" in done.stderr
    for name in ("cdnow_customers_summary.csv", "donations.csv", "example_transactions.csv"):
        assert len(pd.read_csv(HOME / "datasets" / name)) > 20


WORKING_CHARTS: dict[str, Callable[[Fits], tuple[Any, ...]]] = {
    "plot_period_transactions": lambda f: (f.bg,),
    "plot_frequency_recency_matrix": lambda f: (f.mbg, 1, 5, 10),
    "plot_probability_alive_matrix": lambda f: (f.pareto, 5, 10),
    "plot_cumulative_transactions": lambda f: (f.bg, f.log, "date", "id", 60, 40),
    "plot_incremental_transactions": lambda f: (f.bg, f.log, "date", "id", 60, 40),
    "plot_transaction_rate_heterogeneity": lambda f: (f.pareto,),
    "plot_dropout_rate_heterogeneity": lambda f: (f.mbg,),
}


@pytest.mark.parametrize("name", WORKING_CHARTS)
def test_charts_that_run_draw_fits_of_ours(name: str, fits: Fits) -> None:
    """A fitter made by `to_lifetimes` is all that they ask for."""
    arguments = WORKING_CHARTS[name](fits)
    with quiet():
        axes = _plot(name)(*arguments)
    assert axes.lines or axes.patches or axes.images


def test_the_chart_of_a_holdout_draws_fits_of_ours(fits: Fits) -> None:
    """It asks for the table that lifetimes makes, with a money column."""
    log = fits.log.assign(amount=1.0)
    with quiet():
        held = _utils("calibration_and_holdout_data")(
            log, "id", "date", "2014-09-01", "2014-12-31", monetary_value_col="amount"
        )
        axes = _plot("plot_calibration_purchases_vs_holdout_purchases")(fits.bg, held)
    assert len(axes.lines) == 2


WRONG = {
    "ParetoNBDFitter", "variance_matrix_", "predict", "generate_new_data",
    "conditional_expected_number_of_purchases_up_to_time", "calibration_and_holdout_data",
    "expected_number_of_purchases_up_to_time", "conditional_probability_alive",
    "probability_of_n_purchases_up_to_time", "conditional_expected_average_profit",
    "plot_period_transactions", "beta_geometric_nbd_model", "modified_beta_geometric_nbd_model",
    "pareto_nbd_model",
}  # fmt: skip


def _fitter(name: str, **parameters: float) -> Any:
    fitter = getattr(lifetimes_package(), name)()
    fitter.params_ = pd.Series(parameters)
    return fitter


def test_predictions_that_are_wrong() -> None:
    """Where a parameter is 1, of many purchases, and of spend whose mean is infinite."""
    bg = {"r": 0.24, "alpha": 4.4, "a": 1.0, "b": 2.4}
    pareto = {"r": 0.55, "alpha": 10.6, "s": 1.0, "beta": 11.7}
    one = SummaryRows.one(1, 2.0, 30.0)
    with quiet():
        for name, model, values in (
            ("BetaGeoFitter", BGNBD(), bg), ("ParetoNBDFitter", ParetoNBD(), pareto),
        ):  # fmt: skip
            fitter, ours = _fitter(name, **values), np.array([*values.values()])
            many = fitter.conditional_expected_number_of_purchases_up_to_time
            assert not np.isfinite(many(10.0, 1, 2.0, 30.0))
            assert not np.isfinite(fitter.expected_number_of_purchases_up_to_time(10.0))
            near = _fitter(name, **{k: v + 1e-6 * (v == 1) for k, v in values.items()})
            right = near.conditional_expected_number_of_purchases_up_to_time(10.0, 1, 2.0, 30.0)
            assert model.expected_purchases(ours, 10.0, one)[0] == pytest.approx(right, rel=1e-5)
        chance = _fitter("BetaGeoFitter", **bg).probability_of_n_purchases_up_to_time
        assert np.isfinite(chance(39.0, 171))
        assert np.isnan(chance(39.0, 172))
        new = SummaryRows.one(0, 0.0, 0.0)
        chances = BGNBD().purchase_probabilities(np.array([*bg.values()]), 39.0, new, 300)[0]
        assert np.isfinite(chances).all()
        profit = _fitter("GammaGammaFitter", p=6.0, q=0.8, v=15.0)
        assert profit.conditional_expected_average_profit(np.zeros(1), np.zeros(1))[0] < 0


def test_draws_that_are_wrong(fits: Fits) -> None:
    """Customers of lifetimes buy at most once within a unit of time, so that they buy less."""
    from lifetimes import generate_data as draw

    values = fits.bg.params_.to_numpy()
    expected = float(fits.bg.expected_number_of_purchases_up_to_time(39.0))
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    with quiet():
        theirs = draw.beta_geometric_nbd_model(39, *values, size=8000)["frequency"]
    np.random.set_state(state)  # noqa: NPY002
    places, _ = BGNBD().simulated(values, np.full(200_000, 39.0), np.random.default_rng(1))
    assert len(places) / 200_000 == pytest.approx(expected, rel=0.02)
    assert theirs.mean() < 0.96 * expected


def test_the_money_of_a_holdout_is_wrong() -> None:
    """Two purchases of a day are two there, and one everywhere else."""
    log = pd.DataFrame({
        "who": [1, 1, 1, 1], "amount": [5.0, 10.0, 30.0, 20.0],
        "day": pd.to_datetime(["2024-01-01", "2024-03-01", "2024-03-01", "2024-03-05"]),
    })  # fmt: skip
    with quiet():
        held = _utils("calibration_and_holdout_data")(
            log, "who", "day", "2024-02-01", "2024-04-01", monetary_value_col="amount"
        )
    assert held["frequency_holdout"].tolist() == [2]
    assert held["monetary_value_holdout"].tolist() == [20.0]  # 30 a day: (10 + 30) and 20


def test_values_of_customers_depend_on_what_it_is_told(fits: Fits) -> None:
    """The figures of the page."""
    with quiet():
        totals = [float(_clv(fits, freq).sum()) for freq in ("D", "W")]
    assert totals == pytest.approx([266_622, 71_510], rel=1e-3)


def test_fits_are_pickled(fits: Fits) -> None:
    """Ours by `pickle` itself, which a fitter of lifetimes' own does not survive."""
    for fitted in (BGNBD().fit(fits.rows), ParetoNBD().fit(fits.rows)):
        assert repr(pickle.loads(pickle.dumps(fitted))) == repr(fitted)
    with quiet():
        own = fits.package.BetaGeoFitter().fit(*fits.history)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        pickle.dumps(own)
