"""Fits to customers who are drawn again: how far chance alone moves the parameters.

Efron & Tibshirani (1993), An Introduction to the Bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Self

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.errors import InvalidArgumentError
from userops.value.inference import checked_level
from userops.value.newton import Derivatives, maximised
from userops.value.summary_rows import SummaryRows

__all__ = ["Bootstrap"]

Floats = NDArray[np.float64]
# The last step is not looked at: 1/220 of a standard error, after which 1e-5 of one is left.
_UNSEEN = 1e-5
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

    @classmethod
    def of(
        cls, names: tuple[str, ...], parameters: int, rows: SummaryRows, start: Floats,
        likelihood: Callable[[SummaryRows], Callable[[Floats], Derivatives]], *,
        draws: int, seed: int,
    ) -> Self:  # fmt: skip
        """Fit to draws, each from the parameters that all customers have.

        Args:
            names: Of the coordinates.
            parameters: How many of these are logarithms of parameters.
            rows: All customers.
            start: Their coordinates.
            likelihood: Of some rows, at coordinates.
            draws: How often.
            seed: Of the draws.

        Raises:
            InvalidArgumentError: If there is not a draw.
        """
        if draws < 1:
            raise InvalidArgumentError("draws", "must be 1 or more", got=draws)
        weights = _drawn_weights(rows, np.random.default_rng(seed))
        found = [
            maximised(likelihood(rows.weighted(weight)), start, unseen=_UNSEEN)
            for weight, _ in zip(weights, range(draws), strict=False)
        ]
        values = np.stack([each.logs for each in found])
        values[:, :parameters] = np.exp(values[:, :parameters])
        return cls(names, values, sum(each.status == "converged" for each in found))

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


def _drawn_weights(rows: SummaryRows, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield, for ever, how often each row comes up where as many customers are drawn again."""
    many = round(rows.customers)
    is_counted = bool((rows.weight == np.floor(rows.weight)).all())
    if not is_counted or many > _MOST_DRAWN_PER_ROW * len(rows):
        while True:
            yield rng.multinomial(many, rows.weight / rows.customers).astype(np.float64)
    row_of_each = np.repeat(np.arange(len(rows)), rows.weight.astype(np.int64))
    while True:
        drawn = row_of_each[rng.integers(0, many, many)]
        yield np.bincount(drawn, minlength=len(rows)).astype(np.float64)
