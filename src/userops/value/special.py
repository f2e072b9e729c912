"""Special functions that scipy has under another name."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import zeta

__all__ = ["trigamma"]


def trigamma(x: Any) -> NDArray[np.float64]:
    """Return the second derivative of the log-gamma function, above zero.

    It is Hurwitz's zeta function of 2 (Abramowitz & Stegun 1964, 6.4.10), without what
    `scipy.special.polygamma` spends on other orders: of short arrays four fifths of its time.
    """
    found: NDArray[np.float64] = zeta(2.0, x)
    return found
