"""Transaction summaries of ten million orders: userops and lifetimes, from a pandas frame.

lifetimes counts days with a purchase after the first one, and takes the mean of their money, as
`transaction_summary` does; its ages end with the last observed day as well.
"""

from __future__ import annotations

import warnings
from typing import Any

from benchmarks.child import Answer, Options, Prepared
from benchmarks.data import AS_OF

__all__ = ["prepare_lifetimes", "prepare_userops"]

_LAST_DAY = "2024-12-31"


def prepare_userops(options: Options) -> Prepared:
    """The frame is loaded already; from it to a pandas frame of summaries."""
    from userops.events import Orders
    from userops.value import transaction_summary

    frame = _frame(options)

    def run(rows: Any = frame) -> Any:
        orders = Orders(rows, customer_id="customer_id", ordered_at="ordered_at", amount="amount")
        return transaction_summary(orders, AS_OF)

    run(frame.head(1_000))  # what is imported at the first use is not counted
    return Prepared(run, answer=_answer)


def prepare_lifetimes(options: Options) -> Prepared:
    """The frame is loaded already; from it to lifetimes' summary."""
    warnings.simplefilter("ignore")  # what pandas 3 deprecates; nobody maintains lifetimes
    from lifetimes.utils import summary_data_from_transaction_data

    frame = _frame(options)

    def run() -> Any:
        return summary_data_from_transaction_data(
            frame, "customer_id", "ordered_at", monetary_value_col="amount",
            observation_period_end=_LAST_DAY, freq="D",
        )  # fmt: skip

    return Prepared(run, answer=_lifetimes_answer)


def _frame(options: Options) -> Any:
    import pandas as pd

    frame = pd.read_parquet(options.size.daily)
    if options.ids == "text":
        frame["customer_id"] = "c" + frame["customer_id"].astype(str).str.zfill(7)
    return frame


def _answer(summary: Any) -> Answer:
    return _as_table(
        summary["customer_id"], summary["repeat_count"], summary["last_purchase_age_days"],
        summary["age_days"], summary["mean_spend"],
    )  # fmt: skip


def _lifetimes_answer(summary: Any) -> Answer:
    return _as_table(
        summary.index.to_series(), summary["frequency"], summary["recency"], summary["T"],
        summary["monetary_value"],
    )  # fmt: skip


def _as_table(customer: Any, count: Any, last: Any, age: Any, spend: Any) -> Answer:
    """Return the answer with money in whole cents: lifetimes adds floats, and says 0 for none."""
    import numpy as np
    import pyarrow as pa

    cents = np.rint(np.nan_to_num(spend.to_numpy(dtype=float)) * count.to_numpy() * 100)
    return Answer(
        pa.table(
            {
                "customer_id": pa.array(customer),
                "repeat_count": count.to_numpy().astype(np.int64),
                "last_purchase_age_days": last.to_numpy().astype(np.int64),
                "age_days": age.to_numpy().astype(np.int64),
                "spend_minor_units": cents.astype(np.int64),
            }
        )
    )
