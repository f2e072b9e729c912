"""Fits to customers who are drawn again: how far chance alone moves the parameters.

Efron & Tibshirani (1993), An Introduction to the Bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.errors import InvalidArgumentError
from userops.value.inference import checked_level
from userops.value.newton import Derivatives, Maximum, maximised
from userops.value.summary_rows import SummaryRows

__all__ = ["Bootstrap", "redrawn"]

Floats = NDArray[np.float64]
# A ten-thousandth of a standard error is nothing beside what the draws differ by; see `maximised`.
_ENOUGH_DECREMENT = 1e-5
# To draw customers one by one is faster than to draw a number for each row, up to so many of a row.
_MOST_DRAWN_PER_ROW = 8


@attrs.frozen(eq=False)
class Bootstrap:
    """Parameters fitted to customers that were drawn again, with replacement.

    Attributes:
        names: Of the parameters, and of the effects of covariates.
        values: Shape (draws, names).
        converged: How many of the draws did.
    """

    names: tuple[str, ...]
    values: Floats = attrs.field(repr=False)
    converged: int

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Return the interval that holds the middle share of the draws.

        Raises:
            InvalidArgumentError: If there is no such parameter, or no such level.
        """
        if name not in self.names:
            raise InvalidArgumentError.unknown("name", name, self.names)
        tail = (1 - checked_level(level)) / 2
        low, high = np.quantile(self.values[:, self.names.index(name)], [tail, 1 - tail])
        return float(low), float(high)


def redrawn(
    likelihood: Callable[[SummaryRows], Callable[[Floats], Derivatives]], start: Floats,
    rows: SummaryRows, *, draws: int, seed: int,
) -> list[Maximum]:  # fmt: skip
    """Fit to draws, each from where all customers ended.

    Args:
        likelihood: Takes rows, and returns their log-likelihood as a function of the coordinates.
        start: The coordinates of all customers.
        rows: All customers.
        draws: How often, 1 or more.
        seed: Of the draws.

    Raises:
        InvalidArgumentError: If there is not a draw.
    """
    if draws < 1:
        raise InvalidArgumentError("draws", "must be 1 or more", got=draws)
    draw = _drawing(rows, np.random.default_rng(seed))
    return [
        maximised(likelihood(rows.weighted(draw())), start, enough_decrement=_ENOUGH_DECREMENT)
        for _ in range(draws)
    ]


def _drawing(rows: SummaryRows, rng: np.random.Generator) -> Callable[[], Floats]:
    """Return what says how often each row comes up where as many customers are drawn again.

    Customers drawn one by one are counted by row, or the counts are drawn: the same multinomial
    distribution both times, by other numbers of the generator.
    """
    many = round(rows.customers)
    is_counted = bool((rows.weight == np.floor(rows.weight)).all())
    if is_counted and many <= _MOST_DRAWN_PER_ROW * len(rows):
        row_of_each = np.repeat(np.arange(len(rows)), rows.weight.astype(np.int64))

        def one_by_one() -> Floats:
            drawn = row_of_each[rng.integers(0, many, many)]
            return np.bincount(drawn, minlength=len(rows)).astype(np.float64)

        return one_by_one
    shares = rows.weight / rows.customers
    return lambda: rng.multinomial(many, shares).astype(np.float64)
