"""Summaries of customers who buy as BG/NBD and Gamma-Gamma have it, drawn once and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.data import Size, write_table

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["drawn_summary"]

_SEED, _DAYS, _MOST = 20_260_101, 730, 60
# Arrays of so many customers stay small beside those that are kept.
_PIECE = 1_000_000


def drawn_summary(size: Size, customers: int) -> pd.DataFrame:
    """Return a summary over two years counted in days; drawn where it is not kept already."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    file = size.folder / f"summary-{customers}.parquet"
    if not file.exists():
        size.folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(_SEED)
        pieces = [_piece(rng, min(_PIECE, customers - n)) for n in range(0, customers, _PIECE)]
        write_table(pa.concat_tables(pieces), file)
    return pd.read_parquet(file)


def _piece(rng: Any, customers: int) -> Any:
    import numpy as np
    import pyarrow as pa

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
    return pa.table(
        {
            "repeat_count": count.astype(np.int64),
            "last_purchase_age_days": last.astype(np.int64),
            "age_days": age.astype(np.int64),
            "mean_spend": pa.array(spend, mask=count == 0),
        }
    )
