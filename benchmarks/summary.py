"""Recency, frequency and money of each customer: userops and lifetimes, from a pandas frame.

The two count alike where no customer orders twice on a day: then lifetimes' days with a purchase
are orders, `T - recency` are the days from the last order to the last observed day, and
`monetary_value * frequency` is what was spent, up to the noise of adding floats.
"""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.child import Answer, Options, Prepared
from benchmarks.data import AS_OF

__all__ = ["prepare_lifetimes", "prepare_userops"]

_LAST_DAY = "2024-12-31"


def prepare_userops(options: Options) -> Prepared:
    """The frame is loaded already; from it to a pandas frame of totals."""
    import pandas as pd

    from benchmarks.rfm import load_everything
    from userops.events import Orders
    from userops.segmentation import RFM

    load_everything(pd.DataFrame({"n": [1]}))
    frame = _frame(options)

    def run() -> Any:
        orders = Orders(
            frame, customer_id="customer_id", ordered_at="ordered_at", amount="amount"
        )  # fmt: skip
        totals = RFM(segments=None).fit(orders, as_of=AS_OF).population
        assert totals is not None
        return totals.source.give_back(totals.frame)

    return Prepared(run, answer=_answer)


def prepare_lifetimes(options: Options) -> Prepared:
    """The frame is loaded already; from it to lifetimes' summary."""
    warnings.simplefilter("ignore")  # what pandas 3 deprecates; nobody maintains lifetimes
    from lifetimes.utils import summary_data_from_transaction_data

    frame = _frame(options)

    def run() -> Any:
        return summary_data_from_transaction_data(
            frame,
            "customer_id",
            "ordered_at",
            monetary_value_col="amount",
            observation_period_end=_LAST_DAY,
            freq="D",
            include_first_transaction=True,
        )

    return Prepared(run, answer=_lifetimes_answer)


def _frame(options: Options) -> Any:
    import pandas as pd

    return pd.read_parquet(options.size.daily)


def _answer(totals: Any) -> Answer:
    import pyarrow as pa

    return Answer(pa.Table.from_pandas(totals, preserve_index=False))


def _lifetimes_answer(summary: Any) -> Answer:
    import numpy as np
    import pyarrow as pa

    spent = summary["monetary_value"] * summary["frequency"] * 100
    return Answer(
        pa.table(
            {
                "customer_id": summary.index.to_numpy(),
                "recency_days": (summary["T"] - summary["recency"]).to_numpy().astype(np.int64),
                "frequency": summary["frequency"].to_numpy().astype(np.int64),
                "monetary_minor_units": np.rint(spent.to_numpy()).astype(np.int64),
            }
        )
    )
