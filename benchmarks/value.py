"""Models of value fitted to a million customers, beside lifetimes on the same summary.

Customers buy at rates of their own until a coin says that they leave, as BG/NBD has it, over two
years counted in days; what they spend is drawn as Gamma-Gamma has it. The log-likelihoods are
compared before the times are told: ours may not be lower.
"""

from __future__ import annotations

import resource
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks.child import Options, Prepared

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["prepare"]

_SEED, _DAYS, _MOST = 20_260_101, 730, 60


def prepare(options: Options) -> Prepared:
    """Draw the summary; nothing is fitted yet."""
    from userops.value import BGNBD

    summary = _summary(options.size.customers)
    BGNBD().fit(summary.head(1_000))

    def run() -> dict[str, float]:
        took = _ours(summary)
        theirs = _lifetimes(summary)
        for model in ("bg_nbd", "gamma_gamma"):
            ours, other = took.pop(f"{model} height"), theirs.pop(f"{model} height")
            assert ours >= other - 1e-8 * abs(other), (model, ours, other)
        return took | theirs

    return Prepared(run, numbers=lambda measured: measured)


def _summary(customers: int) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(_SEED)
    age = rng.integers(30, _DAYS, customers)
    rate = rng.gamma(0.6, 1 / 25, customers)
    leaving = rng.beta(0.8, 2.5, customers)
    count, last, at = (np.zeros(customers) for _ in range(3))
    here = np.ones(customers, dtype=bool)
    for _ in range(_MOST):
        at = at + rng.exponential(1 / np.maximum(rate, 1e-9))
        day = np.ceil(at)
        buys = here & (day <= age)
        count += buys & (day > last)
        last = np.where(buys, day, last)
        here = buys & (rng.random(customers) >= leaving)
    own = rng.gamma(4.0, 1.0, customers)
    spend = rng.gamma(6.0 * np.maximum(count, 1)) / np.maximum(count, 1) / own * 15
    return pd.DataFrame(
        {
            "repeat_count": count.astype(np.int64),
            "last_purchase_age_days": last.astype(np.int64),
            "age_days": age.astype(np.int64),
            "mean_spend": np.where(count > 0, spend, np.nan),
        }
    )


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begin = resource.getrusage(resource.RUSAGE_SELF)
    found = work()
    end = resource.getrusage(resource.RUSAGE_SELF)
    return found, end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime


def _ours(summary: pd.DataFrame) -> dict[str, float]:
    from userops.value import BGNBD, GammaGamma, ParetoNBD

    fitted, cpu = _timed(lambda: BGNBD().fit(summary))
    took = {"bg_nbd": cpu, "bg_nbd height": fitted.log_likelihood}
    fitted, cpu = _timed(lambda: GammaGamma().fit(summary))
    took |= {"gamma_gamma": cpu, "gamma_gamma height": fitted.log_likelihood}
    _, took["pareto_nbd"] = _timed(lambda: ParetoNBD().fit(summary))
    return took


def _lifetimes(summary: pd.DataFrame) -> dict[str, float]:
    import numpy as np

    from userops.value import BGNBD, SummaryRows

    warnings.simplefilter("ignore")  # what pandas 3 deprecates; nobody maintains lifetimes
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    x, t, age = (
        summary[name].astype(float)
        for name in ("repeat_count", "last_purchase_age_days", "age_days")
    )
    fitted, cpu = _timed(lambda: BetaGeoFitter().fit(x, t / 7, age / 7))
    # lifetimes counts time in units of its own; its parameters are put into our likelihood.
    theirs = np.array([fitted.params_[name] for name in BGNBD.parameter_names])
    height = BGNBD().derivatives(theirs, SummaryRows.of(summary, unit_days=7)).value
    again = summary[summary["repeat_count"] > 0]
    count, spend = again["repeat_count"].astype(float), again["mean_spend"]
    money, money_cpu = _timed(lambda: GammaGammaFitter().fit(count, spend))
    return {
        "lifetimes_bg_nbd": cpu, "bg_nbd height": height,
        "lifetimes_gamma_gamma": money_cpu,
        "gamma_gamma height": -money._negative_log_likelihood_ * len(count),
    }  # fmt: skip
