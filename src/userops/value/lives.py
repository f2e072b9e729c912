"""How long customers stay before they drop out: what models of it have to say."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from userops.value.panels import panels

__all__ = ["Lives", "LivesAt", "time_alive"]

Floats = NDArray[np.float64]


class LivesAt(Protocol):
    """Lives at some ages.

    Attributes:
        log_survival: ln S, not rising with the age.
        log_hazard: ln h, monotone.
    """

    log_survival: Floats
    log_hazard: Floats

    def first(self, density: bool) -> list[Floats]:
        """Return the derivatives by the logarithms of the parameters of lives.

        Args:
            density: Of ln S + ln h if true, of ln S if not.
        """

    def second(self, density: bool) -> list[Floats | None]:
        """Return the upper half of the second derivatives, row by row; None where it is zero."""


class Lives(Protocol):
    """How long customers stay, with the parameters put in."""

    @property
    def parameters(self) -> tuple[float, ...]:
        """Their values, above zero."""

    def at(self, age: Floats) -> LivesAt:
        """Return the lives at ages of any shape."""

    def distance(self, begin: Floats, end: Floats) -> Floats:
        """Return how far the singularities of ln S and ln h are from intervals of ages."""


def time_alive(lives: Lives, age: Floats, horizon: float) -> Floats:
    """Return how long somebody who is alive at an age will be so within a horizon, expected.

    Args:
        lives: The lives.
        age: One value a customer.
        horizon: Above zero.
    """
    begin, places = np.unique(age, return_inverse=True)
    end = begin + horizon

    def logs(at: Floats, _: NDArray[np.intp] | None = None) -> Floats:
        now = lives.at(at)
        return np.stack([now.log_survival, now.log_hazard])

    at_begin = logs(begin)
    found = panels(begin, end, (at_begin, logs(end)), logs, lives.distance)
    sums = np.zeros((1, len(begin)))
    for part in (piece for ruled in found for piece in ruled.pieces()):
        at = part.begin + part.length * part.rule.nodes
        share = np.exp(lives.at(at).log_survival - at_begin[0, part.owner])
        part.added_to(sums, (part.rule.weights * part.length * share).sum(axis=0)[None])
    return np.asarray(sums[0, places], dtype=np.float64)
