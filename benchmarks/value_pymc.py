"""BG/NBD by PyMC-Marketing, where it is installed: the mode of the posterior, with its own priors.

Its priors move the parameters a little, so what is checked is that it found the top of the same
likelihood: not above ours, and not far below. What it compiles at the first fit is not counted.
"""

from __future__ import annotations

import logging
import warnings
from typing import Any

import numpy as np

from benchmarks.child import Options, Prepared
from benchmarks.value import check_height, height, timed
from benchmarks.value_data import drawn_summary

__all__ = ["prepare"]

_WEEKS = 7
_FAR_BELOW = 1e-4


def prepare(options: Options) -> Prepared:
    """Fit a tenth of the customers, and all of them."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    many = options.size.customers
    summaries = {n: drawn_summary(options.size, n) for n in (many // 10, many)}
    _fitted(drawn_summary(options.size, many // 10).head(1_000))

    def run() -> dict[str, float]:
        from userops.value import BGNBD

        took = {}
        for name, summary in zip(("bg_nbd_tenth", "bg_nbd"), summaries.values(), strict=True):
            ours, took[name] = timed(lambda summary=summary: BGNBD().fit(summary))
            theirs, took[f"pymc_{name}"] = timed(lambda summary=summary: _fitted(summary))
            found = height(BGNBD(), theirs, summary)
            check_height(ours.log_likelihood, found, name)
            assert found > ours.log_likelihood * (1 + _FAR_BELOW), (name, found, ours)
        return took

    return Prepared(run, numbers=lambda measured: measured)


def _fitted(summary: Any) -> dict[str, float]:
    """Return the parameters that it finds."""
    import pandas as pd
    from pymc_marketing.clv import BetaGeoModel

    data = pd.DataFrame(
        {
            "customer_id": np.arange(len(summary)),
            "frequency": summary["repeat_count"].astype(float),
            "recency": summary["last_purchase_age_days"] / _WEEKS,
            "T": summary["age_days"] / _WEEKS,
        }
    )
    model = BetaGeoModel(data=data)
    model.fit(method="map", progressbar=False)
    return {
        name: float(model.fit_result[name].to_numpy().item()) for name in ("r", "alpha", "a", "b")
    }
