"""Covariates as a search sees them: around their mean, in standard deviations.

The likelihood is the same whatever a covariate is counted in and from, but a search that meets
years beside shares walks along a ridge. Effects and parameters depend linearly on those of such
covariates, so that the model itself need not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.errors import DataError
from userops.value.newton import Derivatives, Maximum, maximised
from userops.value.summary_rows import SummaryRows

if TYPE_CHECKING:
    from userops.value.transaction_process import TransactionProcess

__all__ = ["CovariateScale"]

Floats = NDArray[np.float64]
# Beyond it the parameters of customers whose covariates are zero are no floats.
_LARGEST_LOG = 650.0


@attrs.frozen(eq=False)
class CovariateScale:
    """How coordinates follow from those of scaled covariates.

    Attributes:
        matrix: Coordinates are this times the scaled ones; None without covariates.
        parameters: How many of the coordinates are logarithms of parameters.
    """

    matrix: Floats | None
    parameters: int

    @classmethod
    def of(cls, model: TransactionProcess, rows: SummaryRows) -> CovariateScale:
        """Take the scale of the covariates of some rows."""
        many = len(model.parameter_names)
        if not model.covariates:
            return cls(None, many)
        mean = np.average(rows.covariates, axis=0, weights=rows.weight)
        spread = np.sqrt(np.average((rows.covariates - mean) ** 2, axis=0, weights=rows.weight))
        spread[spread == 0] = 1.0
        columns = (*model.purchase_covariates, *model.dropout_covariates)
        each = spread[[model.covariates.index(name) for name in columns]]
        matrix = np.eye(many + len(columns))
        matrix[:many, many:] = -model.effect_matrix(mean) / each
        matrix[many:, many:] /= each
        return cls(matrix, many)

    def searched(self, function: Callable[[Floats], Derivatives], start: Floats) -> Maximum:
        """Return the maximum of a function of coordinates, searched in scaled ones.

        Args:
            function: The log-likelihood at coordinates.
            start: Coordinates, whose effects are zero.

        Raises:
            DataError: If covariates lie so far from zero that nobody at zero can be said.
        """
        matrix = self.matrix
        if matrix is None:
            return maximised(function, start)

        def scaled(place: Floats) -> Derivatives:
            found = function(matrix @ place)
            return Derivatives(
                found.value, matrix.T @ found.gradient, matrix.T @ found.hessian @ matrix
            )

        found = maximised(scaled, start)
        at = matrix @ found.logs
        if not (np.abs(at[: self.parameters]) < _LARGEST_LOG).all():
            raise DataError(
                "covariates lie so far from zero that customers whose covariates are zero have "
                "no parameters",
                hint="take the mean off, or count from another origin: years since 2020",
            )
        return attrs.evolve(found, logs=at, at=function(at))
