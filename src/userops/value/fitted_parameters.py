"""Parameters that were fitted, and how sure they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.definitions import Definition
from userops.errors import DataError, InvalidDefinitionError
from userops.value.inference import Interval, Scale, by_delta, checked_level
from userops.value.newton import MEANING, Maximum, Status

__all__ = ["FittedParameters"]

Floats = NDArray[np.float64]


def _table(given: Any) -> tuple[tuple[float, ...], ...] | None:
    return None if given is None else tuple(tuple(row) for row in np.asarray(given).tolist())


@attrs.frozen(repr=False, kw_only=True)
class FittedParameters(Definition):
    """Where a likelihood is highest, with what its curvature says.

    Attributes:
        model: The definition.
        parameters: Name to value, above zero; of customers whose covariates are zero, where there
            are some.
        effects: Name to effect of each covariate; empty where there are none.
        log_likelihood: At these, without priors.
        status: `converged`, `boundary`, `not_identified` or `failed`; see `meaning`.
        loose: Parameters that ran away, or cannot be told apart.
        coordinate_covariance: Of the logarithms of the parameters and of the effects, by the
            observed information; None unless converged.
        customers: How many customers they were fitted to.
    """

    model: Any
    parameters: Mapping[str, float] = attrs.field(converter=dict, hash=False)
    effects: Mapping[str, float] = attrs.field(factory=dict, converter=dict, hash=False)
    log_likelihood: float
    status: Status
    loose: tuple[str, ...] = attrs.field(default=(), converter=tuple)
    coordinate_covariance: tuple[tuple[float, ...], ...] | None = attrs.field(
        default=None, converter=_table
    )
    customers: float

    def __attrs_post_init__(self) -> None:
        """Refuse what no fit can be, such as a document that was changed by hand.

        Raises:
            InvalidDefinitionError: Names the field, and what is allowed.
        """
        names = tuple(self.parameters)
        wanted = self.model.parameter_names
        if names != wanted:
            raise InvalidDefinitionError(
                "parameters", "are not those of the model", got=", ".join(names),
                allowed=", ".join(wanted),
            )  # fmt: skip
        wrong = {n: v for n, v in self.parameters.items() if not 0 <= v < math.inf}
        if wrong and self.status != "failed":
            raise InvalidDefinitionError(
                "parameters", "must be numbers above zero", got=f"{wrong}", allowed="above zero"
            )
        if self.status not in MEANING:
            raise InvalidDefinitionError(
                "status", "is not known", got=self.status, allowed=", ".join(MEANING)
            )

    @staticmethod
    def found(found: Maximum, parameters: tuple[str, ...], effects: tuple[str, ...]) -> Any:
        """Return the attributes which a maximum gives, by name."""
        names, many = (*parameters, *effects), len(parameters)
        values = [*np.exp(found.logs[:many]).tolist(), *found.logs[many:].tolist()]
        named = dict(zip(names, values, strict=True))
        is_known = found.status == "converged"
        return {
            "parameters": {name: named[name] for name in parameters},
            "effects": {name: named[name] for name in effects},
            "status": found.status,
            "loose": tuple(names[n] for n in found.loose),
            "coordinate_covariance": np.linalg.inv(-found.at.hessian) if is_known else None,
        }

    @property
    def meaning(self) -> str:
        """What the status means, and what to do about it."""
        return MEANING[self.status]

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters, and then the effects."""
        return (*self.parameters, *self.effects)

    @property
    def values(self) -> Floats:
        """The parameters in the order of their names."""
        return np.array(list(self.parameters.values()))

    @property
    def coordinates(self) -> Floats:
        """The logarithms of the parameters, and then the effects."""
        return np.concatenate([np.log(self.values), np.array(list(self.effects.values()))])

    @property
    def covariance(self) -> Floats | None:
        """Of the parameters and the effects; None unless converged."""
        if self.coordinate_covariance is None:
            return None
        grown = np.concatenate([self.values, np.ones(len(self.effects))])
        found: Floats = np.array(self.coordinate_covariance) * np.outer(grown, grown)
        return found

    @property
    def standard_errors(self) -> dict[str, float] | None:
        """Name to standard error; None unless converged."""
        if self.covariance is None:
            return None
        errors = np.sqrt(np.diag(self.covariance)).tolist()
        return dict(zip(self.names, errors, strict=True))

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2k - 2 ln L."""
        return 2 * len(self.names) - 2 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's criterion: k ln n - 2 ln L."""
        return len(self.names) * math.log(self.customers) - 2 * self.log_likelihood

    def moved_to(self, coordinates: Floats) -> Self:
        """Return what the fit would be at other coordinates; for intervals."""
        many = len(self.parameters)
        values = [*np.exp(coordinates[:many]).tolist(), *coordinates[many:].tolist()]
        named = dict(zip(self.names, values, strict=True))
        return attrs.evolve(
            self,
            parameters={name: named[name] for name in self.parameters},
            effects={name: named[name] for name in self.effects},
        )

    def interval(
        self, of: Callable[[Self], Any], *, level: float = 0.95,
        scale: Scale = "log",
    ) -> Interval:  # fmt: skip
        """Return an interval of anything that follows from the parameters (delta method).

        It says how sure the parameters make it; not how a single customer's purchases scatter.

        Args:
            of: What is estimated, of a fit: `lambda fit: fit.expected_purchases(39)`.
            level: Of confidence.
            scale: `log` for what is above zero, `logit` for probabilities, `plain` for the rest.

        Raises:
            InvalidArgumentError: If the level is not between 0 and 1, or the scale not known, or
                none that the estimate is on.
            DataError: If the fit did not converge.
        """
        checked_level(level)
        return by_delta(
            lambda at: of(self.moved_to(at)), self.coordinates, self._known_covariance(), level,
            scale,
        )  # fmt: skip

    def parameter_intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Return the interval of each parameter by its standard error (on the logarithm).

        Raises:
            DataError: If the fit did not converge.
        """
        many = len(self.parameters)
        found = by_delta(
            lambda at: at, self.coordinates, self._known_covariance(), checked_level(level), "plain"
        )
        ends = [np.concatenate([np.exp(e[:many]), e[many:]]) for e in (found.low, found.high)]
        return dict(zip(self.names, zip(*(e.tolist() for e in ends), strict=True), strict=True))

    def _known_covariance(self) -> Floats:
        if self.coordinate_covariance is None:
            raise DataError(
                f"there is no interval, because the fit is {self.status}", got=self.meaning,
                hint="profile_interval says what is known of each parameter",
            )  # fmt: skip
        return np.array(self.coordinate_covariance)

    def _lines(self, head: str) -> str:
        """Return a head, the parameters with their errors, and what the status means."""
        errors = self.standard_errors or {}
        lines = [head]
        for name, value in {**self.parameters, **self.effects}.items():
            error = f" (standard error {errors[name]:.4g})" if name in errors else ""
            loose = ", not known" if name in self.loose else ""
            lines.append(f"  {name} {value:.6g}{error}{loose}")
        return "\n".join(lines if self.status == "converged" else [*lines, f"  {self.meaning}"])
