"""What is believed of parameters before the data speak."""

from __future__ import annotations

import math

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError

__all__ = ["Prior"]


@attrs.frozen
class Prior(Definition):
    """A belief about one parameter of a model, or about the effect of one covariate.

    Parameters are positive, so that a belief about one is about its logarithm, normally
    distributed. A fit then is the posterior mode in logarithms, a penalised likelihood; the wider
    the spread, the less the belief weighs.

    Attributes:
        of: Name of the parameter, such as `a`; or of the effect, such as `purchase.is_member`.
        center: The middle of what is believed: the median of a parameter, above zero; the mean of
            an effect.
        spread: One standard deviation, above zero: of the logarithm of a parameter (0.7 is about a
            factor of two either way), or of an effect.
    """

    of: str
    center: float
    spread: float

    def __attrs_post_init__(self) -> None:
        """Refuse what is no belief.

        Raises:
            InvalidDefinitionError: Names the field and what is allowed.
        """
        if not math.isfinite(self.center):
            raise InvalidDefinitionError("center", "must be a finite number", got=self.center)
        if not (math.isfinite(self.spread) and self.spread > 0):
            raise InvalidDefinitionError(
                "spread", "must be above zero", got=self.spread,
                hint="leave the prior out where nothing is believed",
            )  # fmt: skip
