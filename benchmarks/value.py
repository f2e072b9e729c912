"""Models of value, beside lifetimes on the same summary.

What was fitted is compared before the times are told: our log-likelihood may not be lower than that
of lifetimes' parameters, by more than a hundred-millionth, and predictions are the same.
"""

from __future__ import annotations

import resource
import warnings
from collections.abc import Callable, Mapping
from statistics import median
from timeit import repeat
from typing import TYPE_CHECKING, Any

from benchmarks.child import Options, Prepared
from benchmarks.value_data import drawn_summary

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from userops.value import TransactionModel

__all__ = [
    "check_height", "height", "prepare_bootstrap", "prepare_fits", "prepare_many", "prepare_pareto",
    "prepare_pareto_slow", "prepare_predictions", "timed",
]  # fmt: skip

_COLUMNS = ("repeat_count", "last_purchase_age_days", "age_days")
_WEEKS, _HORIZON = 7, 39.0
_MORE = 1e-8
# lifetimes starts at random; these many starts are tried.
_MOST_STARTS = 8
_DRAWS = 1_000
_CALLS, _REPEATS = 50, 21


def prepare_fits(options: Options) -> Prepared:
    """BG/NBD of a tenth of the customers and of all, Gamma-Gamma of all."""
    many = options.size.customers
    few, summary = drawn_summary(options.size, many // 10), drawn_summary(options.size, many)
    _warm_up(summary)

    def run() -> dict[str, float]:
        from userops.value import BGNBD, GammaGamma

        took = {}
        for name, frame in (("bg_nbd_tenth", few), ("bg_nbd", summary)):
            fitted, took[name] = timed(lambda frame=frame: BGNBD().fit(frame))
            other, took[f"lifetimes_{name}"] = timed(lambda frame=frame: _bg_nbd(frame))
            check_height(fitted.log_likelihood, height(BGNBD(), other.params_, frame), name)
        fitted, took["gamma_gamma"] = timed(lambda: GammaGamma().fit(summary))
        other, took["lifetimes_gamma_gamma"] = timed(lambda: _gamma_gamma(summary))
        theirs = -other._negative_log_likelihood_ * fitted.customers
        check_height(fitted.log_likelihood, theirs, "gamma_gamma")
        return took

    return Prepared(run, numbers=lambda measured: measured)


def prepare_pareto(options: Options) -> Prepared:
    """Pareto/NBD of a tenth of the customers, where lifetimes tries starts until one succeeds."""
    many = options.size.customers
    few, summary = drawn_summary(options.size, many // 10), drawn_summary(options.size, many)
    _warm_up(summary)

    def run() -> dict[str, float]:
        from userops.value import ParetoNBD

        took = {}
        fitted, took["pareto_nbd_tenth"] = timed(lambda: ParetoNBD().fit(few))
        spent = 0.0
        for start in range(_MOST_STARTS):
            other, cpu = timed(lambda start=start: _pareto_nbd(few, start))
            spent += cpu
            theirs = float("nan") if other is None else height(ParetoNBD(), other.params_, few)
            check_height(fitted.log_likelihood, theirs, "pareto_nbd_tenth")
            if theirs >= fitted.log_likelihood - 1e-6 * abs(fitted.log_likelihood):
                # Of all its starts, the one that ended at the top is what is compared with.
                took |= {"lifetimes_pareto_nbd_tenth": cpu, "starts": start + 1.0}
                break
        else:
            took |= {"lifetimes_pareto_nbd_tenth": spent, "starts": float("nan")}
        _, took["pareto_nbd"] = timed(lambda: ParetoNBD().fit(summary))
        return took

    return Prepared(run, numbers=lambda measured: measured)


def prepare_pareto_slow(options: Options) -> Prepared:
    """Pareto/NBD of all customers by lifetimes, from its first start: minutes."""
    summary = drawn_summary(options.size, options.size.customers)
    return Prepared(
        lambda: {"lifetimes_pareto_nbd": timed(lambda: _pareto_nbd(summary, 0))[1]},
        numbers=lambda measured: measured,
    )


def prepare_many(options: Options) -> Prepared:
    """BG/NBD of ten times the customers, with the memory that it takes above the data."""
    summary = drawn_summary(options.size, 10 * options.size.customers)
    _warm_up(summary)

    def run() -> dict[str, float | None]:
        from userops.value import BGNBD

        before = _reset_peak_mb()
        fitted, cpu = timed(lambda: BGNBD().fit(summary))
        assert fitted.status == "converged"
        peak = _memory_mb("VmHWM")
        above = None if before is None or peak is None else peak - before
        return {"bg_nbd": cpu, "above_mb": above}

    return Prepared(run, numbers=lambda measured: measured)


def prepare_predictions(options: Options) -> Prepared:
    """P(alive) and expected purchases of every customer, at the same parameters."""
    import numpy as np

    from userops.value import BGNBD, SummaryRows

    summary = drawn_summary(options.size, options.size.customers)
    fitted = BGNBD().fit(summary)
    fitter = _lifetimes().BetaGeoFitter()
    fitter.params_ = _series(fitted.parameters)

    def ours() -> list[np.ndarray[Any, Any]]:
        x, last, age = (summary[name].to_numpy().astype(float) for name in _COLUMNS)
        rows, places = SummaryRows(x, last, age).distinct()
        rows = rows.in_units(_WEEKS)
        return [fitted.p_alive(rows)[places], fitted.expected_purchases(_HORIZON, rows)[places]]

    def theirs() -> list[np.ndarray[Any, Any]]:
        x, last, age = _in_weeks(summary)
        alive = fitter.conditional_probability_alive(x, last, age)
        expected = fitter.conditional_expected_number_of_purchases_up_to_time
        return [np.asarray(alive), np.asarray(expected(_HORIZON, x, last, age))]

    def run() -> dict[str, float]:
        mine, cpu = timed(ours)
        other, other_cpu = timed(theirs)
        for name, one, two in zip(("p_alive", "expected"), mine, other, strict=True):
            assert np.allclose(one, two, rtol=1e-6, atol=1e-9), name
        return {"predictions": cpu, "lifetimes_predictions": other_cpu}

    return Prepared(run, numbers=lambda measured: measured)


def prepare_bootstrap(options: Options) -> Prepared:
    """A thousand refits of CDNOW as lifetimes bundles it, and one customer's value."""
    from lifetimes.datasets import load_cdnow_summary

    from userops.value import BGNBD, CustomerValue, SummaryRows

    table = load_cdnow_summary()
    each = SummaryRows(*(table[n].to_numpy().astype(float) for n in ("frequency", "recency", "T")))
    rows, _ = each.distinct()
    fitted = BGNBD().fit(rows)
    value = CustomerValue().fit(drawn_summary(options.size, 10_000))

    def run() -> dict[str, float]:
        found, cpu = timed(lambda: fitted.bootstrap(rows, draws=_DRAWS, seed=1))
        assert found.converged == _DRAWS
        one = repeat(lambda: value.score_one(2, 213, 272, 22.3), number=_CALLS, repeat=_REPEATS)
        return {"bootstrap": cpu, "score_one": median(one) / _CALLS * 1e6}

    return Prepared(run, numbers=lambda measured: measured)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what work comes to, and the CPU seconds of all threads."""
    begin = resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    end = resource.getrusage(resource.RUSAGE_SELF)
    return found, end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def _warm_up(summary: pd.DataFrame) -> None:
    from userops.value import BGNBD, GammaGamma, ParetoNBD

    for model in (BGNBD(), GammaGamma(), ParetoNBD()):
        model.fit(summary.head(1_000))


def check_height(ours: float, theirs: float, name: str) -> None:
    """Refuse a fit that is lower than the peer's; a peer that failed is no number."""
    assert not ours < theirs - _MORE * abs(theirs), (name, ours, theirs)


def _lifetimes() -> Any:
    warnings.simplefilter("ignore")  # what pandas 3 deprecates; nobody maintains lifetimes
    import lifetimes

    return lifetimes


def _in_weeks(summary: pd.DataFrame) -> tuple[Any, Any, Any]:
    x, last, age = (summary[name].astype(float) for name in _COLUMNS)
    return x, last / _WEEKS, age / _WEEKS


def _bg_nbd(summary: pd.DataFrame) -> Any:
    return _lifetimes().BetaGeoFitter().fit(*_in_weeks(summary))


def _pareto_nbd(summary: pd.DataFrame, start: int) -> Any:
    """Return a fit from a random start; None where it fails."""
    import numpy as np

    lifetimes = _lifetimes()
    np.random.seed(start)  # noqa: NPY002 - it draws its starts from there
    try:
        return lifetimes.ParetoNBDFitter().fit(*_in_weeks(summary))
    except lifetimes.utils.ConvergenceError:
        return None


def _gamma_gamma(summary: pd.DataFrame) -> Any:
    again = summary[summary["repeat_count"] > 0]
    count = again["repeat_count"].astype(float)
    return _lifetimes().GammaGammaFitter().fit(count, again["mean_spend"])


def height(model: TransactionModel, found: Mapping[str, float], summary: pd.DataFrame) -> float:
    """Return our log-likelihood of a peer's parameters: it leaves constants of its own out."""
    import numpy as np

    from userops.value import SummaryRows

    theirs = np.array([found[name] for name in model.parameter_names])
    return model.derivatives(theirs, SummaryRows.of(summary, unit_days=_WEEKS)).value


def _series(parameters: dict[str, float]) -> Any:
    import pandas as pd

    return pd.Series(parameters)


def _memory_mb(name: str) -> float | None:
    """Return a figure of this process's memory; None where the system does not say it."""
    try:
        with open("/proc/self/status", encoding="ascii") as lines:
            found = next(line for line in lines if line.startswith(name))
    except (OSError, StopIteration):
        return None
    return int(found.split()[1]) / 1024


def _reset_peak_mb() -> float | None:
    """Forget the highest memory so far, and return what is resident now."""
    try:
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        return None
    return _memory_mb("VmRSS")
