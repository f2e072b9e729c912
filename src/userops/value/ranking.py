"""How well a prediction ranks customers: concentration curves, Gini and deciles.

Customers of equal prediction cannot be told apart, so a curve runs straight through them: it is the
mean over all their orders, and no figure depends on how rows happen to be sorted.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = ["DecileRow", "LorenzPoint", "Ranking"]

Floats = NDArray[np.float64]


@attrs.frozen
class DecileRow:
    """A tenth of the customers, by prediction.

    Attributes:
        decile: 1 is the tenth with the highest predictions.
        customers: A tenth of all; customers of equal prediction are divided.
        expected_mean: What a customer was expected to do.
        actual_mean: What a customer did.
        lift: The latter over the mean of all customers; None where nothing was done at all.
        captured_share: What this and the better tenths did, of all; None as above.
    """

    decile: int
    customers: float
    expected_mean: float
    actual_mean: float
    lift: float | None
    captured_share: float | None


@attrs.frozen
class LorenzPoint:
    """A point of the concentration curve, the best customers first.

    Attributes:
        customers_share: Of all customers.
        actual_share: Of all that was done, by the best so many by prediction.
        perfect_share: The same if the ranking were perfect.
    """

    customers_share: float
    actual_share: float
    perfect_share: float


@attrs.frozen(eq=False)
class Ranking:
    """Cumulated over customers, the highest prediction first; all begin with a zero.

    Attributes:
        customers: How many.
        expected: What they were expected to do.
        actual: What they did.
    """

    customers: Floats
    expected: Floats
    actual: Floats

    @classmethod
    def of(cls, score: Floats, expected: Floats, actual: Floats, weight: Floats) -> Ranking:
        """Rank customers by a score.

        Args:
            score: What they are ranked by, one value a row.
            expected: What each was expected to do.
            actual: What each did.
            weight: How many customers each row stands for.
        """
        _, place = np.unique(-score, return_inverse=True)
        sums = (np.bincount(place, v * weight) for v in (np.ones(len(score)), expected, actual))
        return cls(*(np.concatenate([[0.0], np.cumsum(values)]) for values in sums))

    @property
    def gini(self) -> float | None:
        """Twice the area between curve and diagonal: 0 by chance; None where nothing was done.

        Ranked by what was done itself it is the Gini coefficient of that.
        """
        if not self.actual[-1] > 0:
            return None
        shares = self.actual / self.actual[-1]
        area = np.diff(self.customers) @ (shares[1:] + shares[:-1]) / self.customers[-1]
        return float(area - 1)

    def deciles(self) -> tuple[DecileRow, ...]:
        """Return ten rows, the best first."""
        total = float(self.customers[-1])
        cuts = np.linspace(0.0, total, 11)
        expected, actual = (
            np.interp(cuts, self.customers, of) for of in (self.expected, self.actual)
        )
        each, everything = total / 10, float(actual[-1])
        rows = []
        for n in range(10):
            done = float(actual[n + 1] - actual[n])
            rows.append(
                DecileRow(
                    n + 1, each, float(expected[n + 1] - expected[n]) / each, done / each,
                    10 * done / everything if everything else None,
                    float(actual[n + 1]) / everything if everything else None,
                )
            )  # fmt: skip
        return tuple(rows)

    def lorenz(self, perfect: Ranking) -> tuple[LorenzPoint, ...]:
        """Return the curve at each hundredth of the customers; empty where nothing was done.

        Args:
            perfect: The ranking by what was done.
        """
        if not self.actual[-1] > 0:
            return ()
        total, shares = float(self.customers[-1]), np.linspace(0.0, 1.0, 101)
        curves = (
            np.interp(shares * total, ranked.customers, ranked.actual / ranked.actual[-1])
            for ranked in (self, perfect)
        )
        return tuple(
            LorenzPoint(*point)
            for point in zip(shares.tolist(), *(c.tolist() for c in curves), strict=True)
        )
