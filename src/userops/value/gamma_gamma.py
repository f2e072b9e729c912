"""Gamma-Gamma: what a customer spends a purchase, however often he buys.

Fader & Hardie (2013), The Gamma-Gamma model of monetary value; Fader, Hardie & Lee (2005), RFM and
CLV: using iso-value curves for customer base analysis, Journal of Marketing Research 42(4). The
spend of one purchase is gamma distributed (shape p) around a mean of the customer's own, whose rate
is gamma distributed (shape q, rate gamma). How much and how often are taken to be independent.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi

from userops.core import frames
from userops.core.definitions import Definition
from userops.errors import DataError
from userops.value.fitted_parameters import FittedParameters
from userops.value.newton import Derivatives, Maximum, maximised, of_logs
from userops.value.special import trigamma
from userops.value.summary_columns import (
    MEAN_SPEND,
    REPEAT_COUNT,
    check_numbers,
    has_spend,
    wrong_weight,
    wrong_weights,
)

__all__ = ["FittedGammaGamma", "GammaGamma", "SpendRows"]

Floats = NDArray[np.float64]
_CUSTOMERS, _WRONG = "userops__customers", "userops__wrong"
# What is computed for so many rows stays in a core's cache.
_PIECE_ROWS = 1 << 13


@attrs.frozen(eq=False, slots=False)
class SpendRows:
    """What customers with repeat purchases spend.

    Attributes:
        repeat_count: Purchases after the first one, 1 or more.
        mean_spend: The mean of a purchase, above zero.
        weight: How many customers each row stands for; None where each is one.
    """

    repeat_count: Floats
    mean_spend: Floats
    weight: Floats | None = attrs.field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        """Refuse rows that the model cannot read.

        Raises:
            DataError: Says how many, and shows the first.
        """
        x, z = self.repeat_count, self.mean_spend
        wrong = ~(np.isfinite(x) & np.isfinite(z)) | (x < 1) | (z <= 0)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"{int(wrong.sum()):,} rows have no repeat purchase, or no spend above zero",
                got=f"repeat_count {x[first]:g}, mean_spend {z[first]:g}",
                allowed="repeat_count from 1 on, mean_spend above zero",
                hint="SpendRows.of leaves out who never bought again, and purchases of nothing",
            )

        if len(x) != len(z):
            raise DataError(
                "rows of spend have columns of different lengths", got=f"{len(x)} and {len(z)}"
            )
        if self.weight is not None:
            good = (self.weight > 0) & np.isfinite(self.weight)
            if not good.all():
                raise wrong_weights(int((~good).sum()))

    @classmethod
    def of(cls, summary: Any, *, weight: str | None = None) -> SpendRows:
        """Read who bought again, for more than nothing, from a `transaction_summary`.

        On a cluster customers who bought and spent the same are counted there.

        Args:
            summary: The frame.
            weight: A column that says how many customers a row stands for; one by default.

        Raises:
            ColumnNotFoundError: If a column is missing; names the nearest.
            DataError: If nobody did.
        """
        columns = (REPEAT_COUNT, MEAN_SPEND, *([weight] if weight else []))
        source = frames.read_columns(summary, columns)
        check_numbers(source.frame.collect_schema(), columns)
        frame = source.frame.filter(has_spend()).select(*columns)
        if not source.is_in_process:
            count = nw.len() if weight is None else nw.col(weight).sum()
            marked = frame.with_columns(wrong_weight(weight).alias(_WRONG))
            groups = marked.group_by(REPEAT_COUNT, MEAN_SPEND)
            frame = groups.agg(count.alias(_CUSTOMERS), nw.col(_WRONG).sum())
        table = frames.to_arrow(frame)
        if not table.num_rows:
            raise DataError(
                "nobody bought again for more than nothing",
                hint="spend is learnt from repeat purchases; use a longer history",
            )
        if _WRONG in table.column_names:
            if wrong_rows := int(table[_WRONG].to_numpy().sum()):
                raise wrong_weights(wrong_rows)
            table = table.drop_columns([_WRONG])
        x, z, *weights = (
            np.asarray(column.to_numpy(), dtype=np.float64) for column in table.columns
        )
        return cls(x, z, weights[0] if weights else None)

    @property
    def customers(self) -> float:
        """How many customers the rows stand for."""
        return float(len(self) if self.weight is None else self.weight.sum())

    @cached_property
    def sums(self) -> SpendSums:
        """What derivatives need of the rows whatever the parameters are."""
        x, z = self.repeat_count, self.mean_spend
        counts, places = np.unique(x, return_inverse=True)
        customers = np.bincount(places.reshape(-1), self.weight)
        logs = np.log(z)
        log_means = float(logs.sum() if self.weight is None else self.weight @ logs)
        log_totals = log_means + float(np.log(counts) @ customers)
        return SpendSums(counts, customers.astype(np.float64), 1 / (x * z), log_totals, log_means)

    def __len__(self) -> int:
        return len(self.repeat_count)


class SpendSums(NamedTuple):
    """What derivatives need of spend whatever the parameters are.

    Attributes:
        counts: The distinct repeat counts, ascending.
        customers: How many customers have each.
        by_total: One over what each customer spent.
        log_totals: The sum of the logarithms of what each spent.
        log_means: The sum of the logarithms of the means.
    """

    counts: Floats
    customers: Floats
    by_total: Floats
    log_totals: float
    log_means: float


@attrs.frozen
class GammaGamma(Definition):
    """The Gamma-Gamma model of spend, with the parameters p, q and gamma."""

    parameter_names: ClassVar[tuple[str, ...]] = ("p", "q", "gamma")

    def fit(self, data: Any, *, weight: str | None = None) -> FittedGammaGamma:
        """Fit the model by maximum likelihood to who bought again.

        Args:
            data: What `transaction_summary` returns, or `SpendRows`.
            weight: A column of the summary that says how many customers a row stands for.

        Raises:
            DataError: If nobody bought again for more than nothing.
        """
        rows = data if isinstance(data, SpendRows) else SpendRows.of(data, weight=weight)
        # Searched in units of the mean, so that no currency is too small or too large for it.
        mean = float(np.average(rows.mean_spend, weights=rows.weight))
        scaled = SpendRows(rows.repeat_count, rows.mean_spend / mean, rows.weight)
        found = maximised(of_logs(self, scaled), np.log([2.0, 2.0, 1.0]))
        height = found.at.value - rows.customers * math.log(mean)
        found = attrs.evolve(
            found, logs=found.logs + np.array([0.0, 0.0, math.log(mean)]),
            at=found.at._replace(value=height),
        )  # fmt: skip
        return FittedGammaGamma.at(self, found, rows)

    def derivatives(self, parameters: Floats, rows: SpendRows) -> Derivatives:
        """Return equation (1a) of the 2013 note over all rows, with its derivatives."""
        p, q, gamma = parameters
        n, sums = rows.customers, rows.sums
        x, customers = sums.counts, sums.customers
        shape, px = p * x + q, p * x
        spent = _spent(rows, gamma)
        # With u = gamma + x z, the terms of a row are -(p x) ln(u / x z) - q ln u - ln z.
        log_spent = spent.log_ratio + sums.log_totals
        value = (
            customers @ (gammaln(shape) - gammaln(px))
            + n * (q * np.log(gamma) - gammaln(q))
            - p * spent.x_log_ratio - q * log_spent - sums.log_means
        )  # fmt: skip
        psi_shape, tri_shape = psi(shape), trigamma(shape)
        gradient = np.array([
            customers @ (x * (psi_shape - psi(px))) - spent.x_log_ratio,
            customers @ psi_shape - log_spent + n * (np.log(gamma) - psi(q)),
            n * q / gamma - p * spent.x_by - q * spent.by,
        ])  # fmt: skip
        hessian = np.zeros((3, 3))
        hessian[0, 0] = customers @ (x**2 * (tri_shape - trigamma(px)))
        hessian[0, 1] = customers @ (x * tri_shape)
        hessian[0, 2] = -spent.x_by
        hessian[1, 1] = customers @ tri_shape - n * trigamma(q)
        hessian[1, 2] = n / gamma - spent.by
        hessian[2, 2] = -n * q / gamma**2 + p * spent.x_by_square + q * spent.by_square
        return Derivatives(float(value), gradient, hessian + np.triu(hessian, 1).T)


class _Spent(NamedTuple):
    """Sums over rows of u = gamma + x z: of ln(u / x z), x ln(u / x z), and powers of 1 / u."""

    log_ratio: float
    x_log_ratio: float
    by: float
    x_by: float
    by_square: float
    x_by_square: float


def _spent(rows: SpendRows, gamma: float) -> _Spent:
    found, sums = np.zeros(6), rows.sums
    for begin in range(0, len(rows), _PIECE_ROWS):
        here = slice(begin, begin + _PIECE_ROWS)
        x, by_total = rows.repeat_count[here], sums.by_total[here]
        ratio = by_total * gamma
        ratio += 1.0
        by = by_total / ratio
        log_ratio = np.log(ratio, out=ratio)
        if rows.weight is None:
            found += log_ratio.sum(), x @ log_ratio, by.sum(), x @ by, by @ by, x @ by**2
        else:
            one, square = rows.weight[here], by**2
            many = one * x
            found += (
                one @ log_ratio, many @ log_ratio, one @ by, many @ by, one @ square, many @ square,
            )  # fmt: skip
    return _Spent(*found.tolist())


@attrs.frozen(repr=False, kw_only=True)
class FittedGammaGamma(FittedParameters):
    """The model with its parameters.

    Attributes:
        model: The definition.
        frequency_correlation: The correlation of how often and how much; the model takes it for
            zero.
    """

    model: GammaGamma
    frequency_correlation: float | None

    @classmethod
    def at(cls, model: GammaGamma, found: Maximum, rows: SpendRows) -> FittedGammaGamma:
        """Make a fit of where a search ended."""
        correlation = None
        if np.ptp(rows.repeat_count) > 0 and np.ptp(rows.mean_spend) > 0:
            x, z = (
                v - np.average(v, weights=rows.weight) for v in (rows.repeat_count, rows.mean_spend)
            )
            weighted = x if rows.weight is None else x * rows.weight
            spread = z if rows.weight is None else z * rows.weight
            correlation = float(weighted @ z) / math.sqrt(float(weighted @ x) * float(spread @ z))
        return cls(
            model=model, log_likelihood=found.at.value, customers=rows.customers,
            frequency_correlation=correlation, **cls.found(found, model.parameter_names, ()),
        )  # fmt: skip

    def expected_spend(self, repeat_count: Any, mean_spend: Any) -> Floats:
        """Return what a purchase is expected to come to: equation (5) of the 2013 note.

        A customer without repeats, or without a known spend, gets the mean of the population, which
        is infinite where q is not above 1.

        Args:
            repeat_count: Purchases after the first one, one value a customer.
            mean_spend: The mean of these.
        """
        shape, rate = self.posterior(repeat_count, mean_spend)
        below, p = shape - 1, self.parameters["p"]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(below > 0, p * rate / below, np.inf)

    def expected_spend_of_one(self, repeat_count: float, mean_spend: float | None) -> float:
        """Return the same of one customer, in a microsecond.

        Args:
            repeat_count: Purchases after the first one.
            mean_spend: The mean of these; None without any.
        """
        p, q, gamma = self.parameters.values()
        x, z = float(repeat_count), 0.0 if mean_spend is None else float(mean_spend)
        if not (x > 0 and 0 < z < math.inf):
            x = z = 0.0
        below = p * x + q - 1
        return p * (gamma + x * z) / below if below > 0 else math.inf

    def posterior(self, repeat_count: Any, mean_spend: Any) -> tuple[Floats, Floats]:
        """Return the gamma distribution of the rate behind a customer's spend: shape and rate.

        Args:
            repeat_count: Purchases after the first one, one value a customer.
            mean_spend: The mean of these.
        """
        p, q, gamma = self.parameters.values()
        x = np.asarray(repeat_count, dtype=np.float64)
        z = np.asarray(mean_spend, dtype=np.float64)
        known = (x > 0) & np.isfinite(z) & (z > 0)
        x, z = np.where(known, x, 0.0), np.where(known, z, 0.0)
        return p * x + q, gamma + x * z

    def __repr__(self) -> str:
        """Return the parameters with their errors, and the status."""
        return self._lines(
            f"GammaGamma of {self.customers:,.0f} customers: {self.status}, log-likelihood "
            f"{self.log_likelihood:,.3f}"
        )
