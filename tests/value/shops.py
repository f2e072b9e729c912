"""Shops that were drawn from models, for tests."""

from __future__ import annotations

import numpy as np

from userops.value import SummaryRows, TransactionModel

__all__ = ["drawn_rows"]


def drawn_rows(
    model: TransactionModel, parameters: list[float], customers: int, rng: np.random.Generator
) -> SummaryRows:
    """Draw customers who are 27 to 39 weeks old, as those of CDNOW are."""
    ages = np.round(rng.uniform(27, 39, customers) * 7) / 7
    places, at = model.simulated(np.array(parameters), ages, rng)
    last = np.zeros(customers)
    np.maximum.at(last, places, at)
    return SummaryRows(np.bincount(places, minlength=customers).astype(float), last, ages)
