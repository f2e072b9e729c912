"""lifetimes as an oracle, and fits exchanged with it."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pandas as pd
import pytest

from userops import Orders
from userops.datasets import load_online_retail
from userops.errors import (
    ColumnNotFoundError,
    DataError,
    InvalidArgumentError,
    MissingExtraError,
    NotFittedError,
)
from userops.value import (
    BGNBD,
    MBGNBD,
    FittedGammaGamma,
    FittedTransactionModel,
    GammaGamma,
    ParetoNBD,
    Prior,
    SpendRows,
    SummaryRows,
    TransactionModel,
    fit_with_lifetimes,
    from_lifetimes,
    to_lifetimes,
    transaction_summary,
)
from userops.value.lifetimes_search import MEANINGLESS, lifetimes_package, quiet

_SPEC = find_spec("lifetimes")
pytestmark = pytest.mark.skipif(_SPEC is None, reason="needs the extra lifetimes")

MODELS: list[TransactionModel] = [BGNBD(), MBGNBD(), ParetoNBD()]
FITTERS = {
    BGNBD: "BetaGeoFitter", MBGNBD: "ModifiedBetaGeoFitter", ParetoNBD: "ParetoNBDFitter",
}  # fmt: skip
# Shape and rate of the gamma distributions of purchase rates and of dropout rates a week.
SHOPS = {
    "ordinary": (0.6, 8.0, 0.7, 12.0), "loyal": (2.0, 3.0, 1.0, 40.0),
    "rare": (0.3, 20.0, 0.5, 5.0), "brief": (1.0, 10.0, 3.0, 3.0),
}  # fmt: skip
BUSY = (0.8, 0.4, 0.5, 4.0)


def rows_of(x: Any, last: Any, age: Any) -> SummaryRows:
    """Return rows of one customer each."""
    count, at, end = (np.asarray(column, dtype=np.float64) for column in (x, last, age))
    return SummaryRows(count, at, end, np.ones(len(count)))


def shop(rates: tuple[float, float, float, float], customers: int, seed: int) -> SummaryRows:
    """Draw customers who buy until they drop out, both at rates of their own."""
    rng = np.random.default_rng(seed)
    rate, gone = (rng.gamma(k, 1 / by, customers) for k, by in (rates[:2], rates[2:]))
    age = rng.integers(20, 80, customers).astype(float)
    end = np.minimum(age, rng.exponential(1 / np.maximum(gone, 1e-9)))
    count, last = np.zeros(customers), np.zeros(customers)
    for n in range(customers):
        at = np.cumsum(rng.exponential(1 / max(rate[n], 1e-9), 1000))
        kept = at[at < end[n]]
        count[n], last[n] = len(kept), kept[-1] if len(kept) else 0.0
    return rows_of(count, last, age)


@pytest.fixture(scope="module")
def bundled() -> pd.DataFrame:
    """Return the summary of CDNOW inside lifetimes, in weeks, rounded to two decimals."""
    assert _SPEC is not None
    assert _SPEC.origin is not None
    name = "cdnow_customers_summary_with_transactions.csv"
    table = pd.read_csv(Path(_SPEC.origin).parent / "datasets" / name)
    return table.set_axis(["customer_id", "frequency", "recency", "T", "monetary_value"], axis=1)


@pytest.fixture(scope="module")
def retail() -> Any:
    """Return the summary of the bundled Online Retail."""
    orders = Orders(
        load_online_retail(backend="pyarrow"), customer_id="CustomerID", order_id="InvoiceNo",
        ordered_at="InvoiceDate", quantity="Quantity", unit_price="UnitPrice", scale=3,
    )  # fmt: skip
    return transaction_summary(orders, "2011-12-10")


@pytest.fixture(scope="module")
def everybody(bundled: pd.DataFrame, retail: Any) -> dict[str, SummaryRows]:
    """Return the customers of every shop, in weeks."""
    shops = {name: shop(rates, 800, 5) for name, rates in SHOPS.items()}
    return shops | {
        "CDNOW": rows_of(bundled["frequency"], bundled["recency"], bundled["T"]),
        "Online Retail": SummaryRows.of(retail, unit_days=7),
    }


@pytest.fixture(scope="module")
def spending(bundled: pd.DataFrame, retail: Any) -> dict[str, SpendRows]:
    """Return what customers spend, in every shop."""
    found = {"Online Retail": SpendRows.of(retail)}
    again = bundled[bundled["frequency"] > 0]
    found["CDNOW"] = SpendRows(
        again["frequency"].to_numpy(float), again["monetary_value"].to_numpy(float)
    )
    rng = np.random.default_rng(8)
    for name, (p, q, gamma) in {"even": (9.0, 6.0, 20.0), "uneven": (1.2, 2.2, 80.0)}.items():
        x = rng.geometric(0.4, 700).astype(float)
        z = rng.gamma(p * x) / (x * rng.gamma(q, 1 / gamma, 700))
        found[name] = SpendRows(x, z)
    return found


EVERYBODY = [*SHOPS, "CDNOW", "Online Retail"]
# Wholesalers of Online Retail hardly ever leave, which no model of dropout can learn from; and
# where almost everybody leaves at once, BG/NBD cannot tell the coins of customers apart.
STATUS = {
    ("BGNBD", "Online Retail"): "not_identified", ("MBGNBD", "Online Retail"): "not_identified",
    ("ParetoNBD", "Online Retail"): "boundary", ("BGNBD", "brief"): "boundary",
}  # fmt: skip
# What lifetimes gives up with its ConvergenceError.
RAISES = {("BGNBD", "brief")}
SPENDING = ["CDNOW", "Online Retail", "even", "uneven"]


def by_itself(model: TransactionModel, rows: SummaryRows, **arguments: Any) -> Any:
    """Fit as a user of lifetimes does, to rows and weights."""
    fitter = getattr(lifetimes_package(), FITTERS[type(model)])(**arguments)
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(0)  # noqa: NPY002
    with quiet():
        fitter.fit(
            rows.repeat_count, rows.last_purchase_age, rows.age, weights=rows.weight.astype(int)
        )
    np.random.set_state(state)  # noqa: NPY002
    return fitter


def height_by_itself(fitter: Any) -> float:
    """Return the log-likelihood as lifetimes counts it, in the unit of its ages.

    It divides time by the largest age, which takes x log(scale) off a customer's log-likelihood,
    and divides the sum by the customers, or by the mean weight.
    """
    data = fitter.data
    per = data["weights"].mean() if "beta" in fitter.params_ else data["weights"].sum()
    scaled = (data["weights"] * data["frequency"]).sum() * np.log(fitter._scale)
    return float(-fitter._negative_log_likelihood_ * per + scaled)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_our_fit_is_never_lower(
    model: TransactionModel, who: str, everybody: dict[str, SummaryRows]
) -> None:
    """By lifetimes' own count of its log-likelihood, on real shops and drawn ones."""
    rows = everybody[who]
    ours = model.fit(rows)
    assert ours.status == STATUS.get((type(model).__name__, who), "converged")
    if (type(model).__name__, who) in RAISES:
        with pytest.raises(ValueError, match="did not converge"):
            by_itself(model, rows)
        return
    theirs = by_itself(model, rows)
    height = height_by_itself(theirs)
    assert ours.log_likelihood >= height - 1e-9 * abs(height)
    at = model.derivatives(theirs.params_.to_numpy(), rows)
    assert at.value == pytest.approx(height, rel=1e-9)


@pytest.mark.parametrize("who", SPENDING)
def test_our_fit_of_spend_is_never_lower(who: str, spending: dict[str, SpendRows]) -> None:
    """The same of Gamma-Gamma."""
    rows = spending[who]
    fitter = lifetimes_package().GammaGammaFitter()
    with quiet():
        fitter.fit(rows.repeat_count, rows.mean_spend)
    height = -fitter._negative_log_likelihood_ * len(rows)
    ours = GammaGamma().fit(rows)
    assert ours.log_likelihood >= height - 1e-9 * abs(height)
    assert ours.status == "converged"
    at = GammaGamma().derivatives(fitter.params_.to_numpy(), rows)
    assert at.value == pytest.approx(height, rel=1e-9)


def test_the_rounded_summary_has_a_height_of_its_own(everybody: dict[str, SummaryRows]) -> None:
    """-9582.4256 on the file of lifetimes, where the log of purchases gives -9582.429."""
    assert BGNBD().fit(everybody["CDNOW"]).log_likelihood == pytest.approx(-9582.4256, abs=1e-4)


@pytest.mark.parametrize("who", EVERYBODY)
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_predictions_agree_where_its_are_finite(
    model: TransactionModel, who: str, everybody: dict[str, SummaryRows]
) -> None:
    """P(alive), and purchases expected of everybody and of somebody new, to 1e-6."""
    rows, fitted = everybody[who], model.fit(everybody[who])
    fitter = to_lifetimes(fitted)
    history = rows.repeat_count, rows.last_purchase_age, rows.age
    with quiet():
        alive = np.asarray(fitter.conditional_probability_alive(*history))
        assert np.isfinite(alive).mean() > 0.99
        some = np.isfinite(alive)
        assert fitted.p_alive(rows)[some] == pytest.approx(alive[some], rel=1e-6, abs=1e-9)
        for horizon in (0.5, 4.0, 39.0):
            expected = np.asarray(fitter.predict(horizon, *history))
            some = np.isfinite(expected)
            assert some.mean() > 0.99
            ours = fitted.expected_purchases(horizon, rows)
            assert ours[some] == pytest.approx(expected[some], rel=1e-6, abs=1e-9)
            new = fitter.expected_number_of_purchases_up_to_time(horizon)
            assert fitted.expected_purchases(horizon)[0] == pytest.approx(new, rel=1e-6)


def test_probabilities_of_counts_agree(everybody: dict[str, SummaryRows]) -> None:
    """Of somebody new by BG/NBD and MBG/NBD, of a customer by Pareto/NBD."""
    rows, new = everybody["ordinary"], SummaryRows.one(0, 0.0, 0.0)
    for model in (BGNBD(), MBGNBD()):
        fitted = model.fit(rows)
        ours = model.purchase_probabilities(fitted.values, 39.0, new, 6)[0]
        one = to_lifetimes(fitted).probability_of_n_purchases_up_to_time
        assert ours == pytest.approx([float(one(39.0, n)) for n in range(7)], rel=1e-8)
    fitted = ParetoNBD().fit(rows)
    some = rows.part(slice(40))
    ours = ParetoNBD().purchase_probabilities(fitted.values, 12.0, some, 4)
    one = to_lifetimes(fitted).conditional_probability_of_n_purchases_up_to_time
    for n in range(5):
        theirs = one(n, 12.0, some.repeat_count, some.last_purchase_age, some.age)
        assert ours[:, n] == pytest.approx(theirs, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("who", SPENDING)
def test_expected_spend_agrees(who: str, spending: dict[str, SpendRows]) -> None:
    """Of who bought again, and of who did not."""
    rows = spending[who]
    fitted = GammaGamma().fit(rows)
    theirs = to_lifetimes(fitted).conditional_expected_average_profit
    ours = fitted.expected_spend(rows.repeat_count, rows.mean_spend)
    assert ours == pytest.approx(theirs(rows.repeat_count, rows.mean_spend), rel=1e-10)
    assert fitted.expected_spend([0], [0]) == pytest.approx(theirs(np.zeros(1), np.zeros(1)))


def test_p_alive_of_a_list_without_repeats() -> None:
    """Regression: of a list lifetimes takes no customer for one without repeats; he is alive."""
    published = np.array([0.2425945, 4.4136019, 0.7929199, 2.4258881])
    fitter = lifetimes_package().BetaGeoFitter()
    fitter.params_ = pd.Series(published, index=["r", "alpha", "a", "b"])
    assert fitter.conditional_probability_alive([0], [0], [38.86])[0] == pytest.approx(
        0.6375, abs=1e-4
    )
    assert fitter.conditional_probability_alive(np.zeros(1), np.zeros(1), np.array([38.86]))[0] == 1
    assert BGNBD().p_alive(published, SummaryRows.one(0, 0, 38.86))[0] == 1


def test_its_covariances_are_none() -> None:
    """Regression: it scales covariances by the square of one of the two parameters."""
    rows = shop(SHOPS["ordinary"], 800, 5)
    theirs, ours = by_itself(BGNBD(), rows).variance_matrix_.to_numpy(), BGNBD().fit(rows)
    assert ours.covariance is not None
    assert np.diag(ours.covariance) == pytest.approx(np.diag(theirs), rel=1e-3)
    assert abs(theirs[0, 1] / theirs[1, 0]) > 100
    given = to_lifetimes(ours).variance_matrix_.to_numpy()
    assert (given == ours.covariance).all()
    assert given == pytest.approx(given.T, rel=1e-9)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_there_and_back(model: TransactionModel, everybody: dict[str, SummaryRows]) -> None:
    """A fit that went through a fitter is the same: parameters, height, status, errors."""
    for who in ("CDNOW", "loyal"):
        rows = everybody[who]
        fitted = model.fit(rows)
        back = from_lifetimes(to_lifetimes(fitted, rows), unit="weeks")
        assert isinstance(back, FittedTransactionModel)
        assert back.model == model
        assert list(back.values) == pytest.approx(list(fitted.values), rel=1e-14)
        assert back.log_likelihood == pytest.approx(fitted.log_likelihood, rel=1e-12)
        assert (back.status, back.customers, back.unit) == ("converged", fitted.customers, "weeks")
        assert back.covariance == pytest.approx(fitted.covariance, rel=1e-6)


def test_spend_there_and_back(spending: dict[str, SpendRows]) -> None:
    """The same of Gamma-Gamma, whose gamma is their v."""
    rows = spending["CDNOW"]
    fitted = GammaGamma().fit(rows)
    fitter = to_lifetimes(fitted, rows)
    assert fitter.params_["v"] == fitted.parameters["gamma"]
    assert fitter.conditional_expected_average_profit().mean() == pytest.approx(
        fitted.expected_spend(rows.repeat_count, rows.mean_spend).mean()
    )
    back = from_lifetimes(fitter)
    assert isinstance(back, FittedGammaGamma)
    assert back.parameters == pytest.approx(fitted.parameters, rel=1e-14)
    assert back.log_likelihood == pytest.approx(fitted.log_likelihood, rel=1e-12)
    assert (back.status, back.customers) == ("converged", 946)
    assert back.frequency_correlation == fitted.frequency_correlation


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_fitter_of_ours_has_what_fit_would_have_left(
    model: TransactionModel, everybody: dict[str, SummaryRows]
) -> None:
    """Against a fitter that lifetimes fitted to the same rows, attribute by attribute."""
    rows = everybody["ordinary"]
    given, own = to_lifetimes(model.fit(rows), rows), by_itself(model, rows)
    assert type(given) is type(own)
    assert str(given).partition(":")[2][:26] == str(own).partition(":")[2][:26]
    assert list(given.params_.index) == list(own.params_.index)
    assert given.params_.to_numpy() == pytest.approx(own.params_.to_numpy(), rel=2e-2)
    assert given._negative_log_likelihood_ == pytest.approx(own._negative_log_likelihood_, rel=1e-5)
    assert given._scale == own._scale
    assert given.predict(39, 2, 30.43, 38.86) == pytest.approx(
        own.predict(39, 2, 30.43, 38.86), rel=1e-2
    )
    pd.testing.assert_frame_equal(given.data, own.data)
    columns = ["coef", "se(coef)", "lower 95% bound", "upper 95% bound"]
    assert list(given.summary.columns) == columns
    assert np.isfinite(given.summary.to_numpy()).all()
    # lifetimes leaves a fitter of Pareto/NBD without.
    missing = {"standard_errors_", "variance_matrix_", "confidence_intervals_"}
    unknown = set(vars(own)) - set(vars(given))
    assert unknown == {"_hessian_"}
    assert set(vars(given)) - set(vars(own)) == (missing if isinstance(model, ParetoNBD) else set())


def test_a_fitter_of_ours_is_saved_and_loaded(tmp_path: Path) -> None:
    """By lifetimes' own methods, with its data and without; and draws new customers."""
    rows = shop(SHOPS["ordinary"], 300, 5)
    fitter = to_lifetimes(BGNBD().fit(rows), rows)
    for keeps in (True, False):
        fitter.save_model(tmp_path / "fitter", save_data=keeps)
        loaded = type(fitter)()
        loaded.load_model(tmp_path / "fitter")
        assert (loaded.data is not None) == keeps
        assert loaded.predict(39, 2, 30.43, 38.86) == fitter.predict(39, 2, 30.43, 38.86)
    assert len(fitter.generate_new_data(size=20)) == 20
    with pytest.raises(InvalidArgumentError, match="saved without its own"):
        from_lifetimes(loaded, unit="weeks")
    assert from_lifetimes(loaded, unit="weeks", data=rows) is not None


def test_a_summary_gives_a_row_a_customer(retail: Any) -> None:
    """Indexed by customer, in the unit of the fit, whatever engine the summary comes from."""
    import polars as pl

    fitted, spend = BGNBD().fit(retail), GammaGamma().fit(retail)
    fitter = to_lifetimes(fitted, pl.from_arrow(retail))
    assert fitter.data.index.tolist() == retail["customer_id"].to_pylist()
    days = retail["age_days"].to_numpy()
    assert fitter.data["T"].to_numpy() == pytest.approx(days / 7)
    assert (fitter.data["weights"] == 1).all()
    money = to_lifetimes(spend, retail).data
    assert money.loc[12347, "frequency"] == 6
    assert len(money) == spend.customers
    bare = to_lifetimes(fitted, retail.drop_columns(["customer_id"]))
    assert bare.data.index.tolist() == list(range(len(days)))
    with pytest.raises(ColumnNotFoundError, match="age_days"):
        to_lifetimes(fitted, retail.drop_columns(["age_days"]))


def test_weights_become_rows_where_they_are_customers() -> None:
    """Charts of lifetimes count rows; weights that are no whole numbers stay weights."""
    rows = SummaryRows(*(np.array(v, dtype=float) for v in (
        [0, 2, 5], [0, 10, 30], [40, 40, 40], [30, 12, 6]
    )))  # fmt: skip
    assert len(to_lifetimes(MBGNBD().fit(rows), rows).data) == 48
    half = SummaryRows(rows.repeat_count, rows.last_purchase_age, rows.age, rows.weight / 4)
    data = to_lifetimes(MBGNBD().fit(half), half).data
    assert data["weights"].tolist() == [7.5, 3, 1.5]


def test_weights_of_spend_count_on_the_way_there_and_back() -> None:
    """Rows of spend that stand for several customers are as many for lifetimes."""
    rng = np.random.default_rng(4)
    x = rng.integers(1, 4, 300).astype(float)
    z = rng.gamma(5 * x) / (x * rng.gamma(4.0, 1 / 60, 300))
    weighted = SpendRows(x, z, rng.integers(1, 9, 300).astype(float))
    fitted = GammaGamma().fit(weighted)
    theirs = fit_with_lifetimes(GammaGamma(), weighted)
    assert theirs.status == "converged"
    assert theirs.log_likelihood == pytest.approx(fitted.log_likelihood, abs=MEANINGLESS)
    fitter = to_lifetimes(fitted, weighted)
    assert len(fitter.data) == weighted.customers
    again = from_lifetimes(fitter)
    assert (again.status, again.customers) == ("converged", weighted.customers)
    assert again.log_likelihood == pytest.approx(fitted.log_likelihood)
    quarter = SpendRows(x, z, weighted.weight / 4)
    assert to_lifetimes(GammaGamma().fit(quarter), quarter).data["weights"].tolist() == (
        quarter.weight.tolist()
    )


def test_a_fit_that_did_not_converge_has_no_errors() -> None:
    """They are NaN, so that `summary` still shows the parameters."""
    rows = rows_of(np.zeros(50), np.zeros(50), np.full(50, 30.0))
    fitted = BGNBD().fit(rows)
    assert fitted.status != "converged"
    summary = to_lifetimes(fitted, rows).summary
    assert np.isfinite(summary["coef"]).all()
    assert summary["se(coef)"].isna().all()


@pytest.mark.parametrize("who", ["CDNOW", "loyal", "rare"])
@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_lifetimes_as_the_search(
    model: TransactionModel, who: str, everybody: dict[str, SummaryRows]
) -> None:
    """It ends within a twentieth of a standard error of ours, and the status says so."""
    rows = everybody[who]
    ours, theirs = model.fit(rows), fit_with_lifetimes(model, rows)
    assert theirs.status == "converged"
    assert 0 <= ours.log_likelihood - theirs.log_likelihood + 1e-7 < 0.00125
    assert ours.standard_errors is not None
    for name, error in ours.standard_errors.items():
        assert abs(ours.parameters[name] - theirs.parameters[name]) < 0.05 * error


def test_an_engine_is_named(everybody: dict[str, SummaryRows]) -> None:
    """`fit` takes lifetimes as its engine, and ends where the function does; it knows no third."""
    rows = everybody["ordinary"]
    found = BGNBD().fit(rows, engine="lifetimes")
    assert found == fit_with_lifetimes(BGNBD(), rows)
    assert found.log_likelihood <= BGNBD().fit(rows).log_likelihood + 1e-9
    with pytest.raises(InvalidArgumentError, match="lifetimes"):
        BGNBD().fit(rows, engine="lifetime")


def test_lifetimes_as_the_search_is_repeatable() -> None:
    """The global generator is neither read nor moved, unlike by lifetimes itself."""
    rows = shop(SHOPS["ordinary"], 300, 5)
    before = np.random.get_state()[1].tolist()  # type: ignore[index] # noqa: NPY002
    first = fit_with_lifetimes(ParetoNBD(), rows)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index] # noqa: NPY002
    assert fit_with_lifetimes(ParetoNBD(), rows).parameters == first.parameters


def test_a_search_that_stops_short_has_failed() -> None:
    """Regression: of a busy shop, Pareto/NBD of lifetimes stops 111 log-likelihood units short."""
    rows = shop(BUSY, 600, 0)
    ours, theirs = ParetoNBD().fit(rows), fit_with_lifetimes(ParetoNBD(), rows)
    assert ours.status == "converged"
    assert ours.log_likelihood - theirs.log_likelihood > 50
    assert theirs.status == "failed"
    assert theirs.covariance is None


def test_a_search_that_raises_has_failed() -> None:
    """Without parameters, and without a word printed."""
    rows = rows_of([0, 0], [0, 0], [0, 0])  # of age zero, by which lifetimes divides
    for model in MODELS:
        fitted = fit_with_lifetimes(model, rows)
        assert fitted.status == "failed"
        assert np.isnan(fitted.values).all()
        assert "do not use this fit" in repr(fitted)


def test_status_of_what_is_not_identified() -> None:
    """Parameters of lifetimes get the status of the highest point where they reach it."""
    rows = shop((1.0, 10.0, 1e-3, 1e3), 600, 7)
    for model in MODELS:
        ours, theirs = model.fit(rows), fit_with_lifetimes(model, rows)
        assert ours.status in ("boundary", "not_identified")
        if ours.log_likelihood - theirs.log_likelihood < 0.001:
            assert theirs.status == ours.status
        else:
            assert theirs.status == "failed"


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_a_penalized_fit_is_judged_by_what_it_looked_for(
    model: TransactionModel, everybody: dict[str, SummaryRows]
) -> None:
    """The status is of the penalized likelihood, the height without the penalty."""
    rows = everybody["CDNOW"]
    plain, bent = model.fit(rows), by_itself(model, rows, penalizer_coef=0.01)
    fitted = from_lifetimes(bent, unit="weeks")
    assert isinstance(fitted, FittedTransactionModel)
    assert fitted.status == "converged"
    assert fitted.log_likelihood < plain.log_likelihood
    per = len(rows) if not isinstance(model, ParetoNBD) else 1.0
    scaled = bent.params_.to_numpy() * [
        1, bent._scale, 1, bent._scale if isinstance(model, ParetoNBD) else 1
    ]  # fmt: skip
    without = height_by_itself(bent) + per * 0.01 * (scaled**2).sum()
    assert fitted.log_likelihood == pytest.approx(without, rel=1e-9)
    again = fit_with_lifetimes(model, rows, penalizer_coef=0.01)
    assert again.status == "converged"
    assert again.log_likelihood == pytest.approx(fitted.log_likelihood, abs=0.01)
    if not isinstance(model, ParetoNBD):
        assert fitted.standard_errors == pytest.approx(bent.standard_errors_.to_dict(), rel=1e-3)
        bent.penalizer_coef = 0.0
        assert from_lifetimes(bent, unit="weeks").status == "failed"


def test_a_penalized_fit_of_spend(spending: dict[str, SpendRows]) -> None:
    """The same of Gamma-Gamma."""
    rows = spending["CDNOW"]
    fitted = fit_with_lifetimes(GammaGamma(), rows, penalizer_coef=0.001)
    assert fitted.status == "converged"
    assert fitted.log_likelihood < GammaGamma().fit(rows).log_likelihood - 1
    assert fit_with_lifetimes(GammaGamma(), rows).log_likelihood == pytest.approx(
        GammaGamma().fit(rows).log_likelihood, abs=1e-3
    )


def test_weights_of_a_fitter(bundled: pd.DataFrame) -> None:
    """Rows of weight 2 are two customers, of weight 0 nobody, of half a customer refused."""
    package = lifetimes_package()
    again = bundled[bundled["frequency"] > 0]
    x, z = again["frequency"], again["monetary_value"]
    with quiet():
        twice = package.GammaGammaFitter().fit(x, z, weights=np.full(len(x), 2))
        half = package.GammaGammaFitter().fit(x, z, weights=np.full(len(x), 0.5))
        zero = package.BetaGeoFitter().fit(
            bundled["frequency"], bundled["recency"], bundled["T"],
            weights=np.where(np.arange(len(bundled)) % 2, 1, 0),
        )  # fmt: skip
    assert from_lifetimes(twice).customers == 2 * len(again)
    assert from_lifetimes(zero, unit="weeks").customers == len(bundled) // 2
    with pytest.raises(InvalidArgumentError, match="whole numbers"):
        from_lifetimes(half)


def test_what_cannot_be_exchanged_is_refused(everybody: dict[str, SummaryRows]) -> None:
    """Each says what is wrong, and what is allowed."""
    package, rows = lifetimes_package(), everybody["CDNOW"]
    with pytest.raises(NotFittedError, match="BetaGeoFitter has no parameters"):
        from_lifetimes(package.BetaGeoFitter(), unit="weeks")
    with pytest.raises(InvalidArgumentError, match="GammaGammaFitter"):
        from_lifetimes(object(), unit="weeks")
    fitter = to_lifetimes(BGNBD().fit(rows), rows)
    for unit in (None, "months"):
        with pytest.raises(InvalidArgumentError, match="days, weeks"):
            from_lifetimes(fitter, unit=unit)
    with pytest.raises(InvalidArgumentError, match="weeks"):
        fit_with_lifetimes(BGNBD(), rows, unit="week")
    with pytest.raises(InvalidArgumentError, match="penalizer_coef"):
        fit_with_lifetimes(BGNBD(), rows, penalizer_coef=-1)
    fitter.data.loc[0, "recency"] = 99.0
    with pytest.raises(DataError, match="beyond their age"):
        from_lifetimes(fitter, unit="weeks")

    class Mine(BGNBD):
        pass

    with pytest.raises(InvalidArgumentError, match="Mine"):
        fit_with_lifetimes(Mine(), rows)
    prior = Prior(of="r", center=1.0, spread=1.0)
    with pytest.raises(InvalidArgumentError, match="options that lifetimes does not know"):
        fit_with_lifetimes(BGNBD(priors=[prior]), rows)
    with pytest.raises(InvalidArgumentError, match="Mine"):
        to_lifetimes(Mine().fit(rows))
    effects: Any = {"purchase.is_member": 0.5}
    told = attrs.evolve(BGNBD().fit(rows), effects=effects)
    with pytest.raises(InvalidArgumentError, match="BGNBD with covariates"):
        to_lifetimes(told)


def test_without_lifetimes_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only where it is asked for."""
    fitted = BGNBD().fit(rows_of([0, 2, 4], [0, 3, 9], [10, 10, 10]))
    monkeypatch.setitem(sys.modules, "lifetimes", None)
    with pytest.raises(MissingExtraError, match=r"userops\[lifetimes\]"):
        to_lifetimes(fitted)


_STATE = """
import pickle, random, sys, warnings
import numpy as np, pandas as pd, scipy.special, scipy.stats, scipy.optimize
import pandas._config.config as config
import autograd.numpy, autograd.scipy.special
from userops.value import BGNBD, SummaryRows, fit_with_lifetimes, to_lifetimes

def options(found, before=""):
    for name, value in found.items():
        if isinstance(value, dict):
            yield from options(value, f"{before}{name}.")
        else:
            yield before + name, value

def state():
    return [
        list(warnings.filters), dict(options(config._global_config)), np.geterr(),
        np.get_printoptions(), scipy.special.geterr(), set(pickle._Pickler.dispatch),
        np.random.get_state()[1].tolist(), random.getstate(),
    ]

rows = SummaryRows(*(np.array(v, float) for v in ([0, 2, 5], [0, 10, 30], [40] * 3, [30, 12, 6])))
"""


def _changed(code: str) -> str:
    """Return which parts of the state some code changes, in a process of its own."""
    script = f"{_STATE}\nbefore = state()\n{code}\nafter = state()\n" + (
        "print([n for n, (a, b) in enumerate(zip(before, after)) if a != b])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_else_changes() -> None:
    """Filters, options of pandas, numpy's errors, pickle and random states are as they were.

    An import as anybody writes it changes the filters, an option and pickle's registry.
    """
    assert _changed("import lifetimes") == "[0, 1, 5]"
    ours = """
import userops.value.lifetimes_adapter
assert 'lifetimes' not in sys.modules
fitted = fit_with_lifetimes(BGNBD(), rows)
to_lifetimes(fitted, rows)
assert not {'lifetimes.datasets', 'lifetimes.plotting', 'pkg_resources'} & {*sys.modules}
"""
    assert _changed(ours) == "[]"
