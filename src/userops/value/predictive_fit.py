"""Does a fit make data like those it was fitted to? Statistics of drawn customers and of the real.

A posterior predictive check (Gelman, Meng & Stern, 1996, Posterior predictive assessment of model
fitness via realized discrepancies, Statistica Sinica 6(4), 733-807) at the parameters of the fit:
customers of the same ages are drawn many times, and the figure of the real ones is looked up among
those of the drawn ones. Parameters are held fixed, so that the ranges are a little too narrow for a
fit to few customers.
"""

from __future__ import annotations

import html
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.errors import InvalidArgumentError
from userops.value.fitted_transactions import FittedTransactionModel
from userops.value.purchase_counts import MOST_COUNT
from userops.value.simulation import each_customer, purchases_drawn, rows_of
from userops.value.summary_rows import SummaryRows

__all__ = ["PredictiveCheck", "PredictiveChecks", "predictive_checks"]

Floats = NDArray[np.float64]
_RANGE = (0.025, 0.975)


@attrs.frozen
class PredictiveCheck:
    """One statistic of the customers, real and drawn.

    Attributes:
        statistic: What it is.
        actual: Of the real customers.
        drawn_mean: Its mean over the draws.
        low: The 2.5th percentile of the draws.
        high: The 97.5th percentile of the draws.
        position: The share of draws below the actual value, equal ones counted half: 0 is below
            all, 1 above all.
    """

    statistic: str
    actual: float
    drawn_mean: float
    low: float
    high: float
    position: float

    @property
    def is_inside(self) -> bool:
        """Whether the actual value lies in the range of the draws."""
        return self.low <= self.actual <= self.high


@attrs.frozen(repr=False)
class PredictiveChecks:
    """All statistics of a fit.

    Attributes:
        model: Its name.
        customers: How many were drawn each time.
        draws: How often.
        checks: One a statistic.
        source: The host's frame, whose type `table` gives; None gives Arrow.
    """

    model: str
    customers: int
    draws: int
    checks: tuple[PredictiveCheck, ...]
    source: frames.Source | None = attrs.field(default=None, eq=False)

    def __getitem__(self, statistic: str) -> PredictiveCheck:
        """Return the check of a statistic.

        Raises:
            InvalidArgumentError: If there is no such statistic.
        """
        for check in self.checks:
            if check.statistic == statistic:
                return check
        raise InvalidArgumentError.unknown(
            "statistic", statistic, [c.statistic for c in self.checks]
        )

    @property
    def outside(self) -> tuple[str, ...]:
        """The statistics whose actual value lies outside the range of the draws."""
        return tuple(check.statistic for check in self.checks if not check.is_inside)

    def table(self) -> Any:
        """Return one row a statistic, in the type of the summary; see `PredictiveCheck`."""
        kinds: dict[str, Any] = {field.name: "float" for field in attrs.fields(PredictiveCheck)} | {
            "statistic": "text"
        }
        table = frames.small_table([attrs.asdict(check) for check in self.checks], kinds)
        return table if self.source is None else self.source.give_rows(table)

    def describe(self) -> str:
        """Say what does not fit."""
        head = (
            f"Of {len(self.checks)} statistics, {len(self.outside)} lie outside the range that "
            f"{self.model} draws"
        )
        return f"{head}: {', '.join(self.outside)}." if self.outside else f"{head}."

    def __repr__(self) -> str:
        """Return a table; what lies outside the range is marked."""
        wide = max(len(check.statistic) for check in self.checks)
        lines = [self._head(), f"  {'':<{wide}}  {'actual':>10}  {'drawn 95%':>23}  below"]
        for check in self.checks:
            drawn = f"{check.low:,.4g} to {check.high:,.4g}"
            mark = "" if check.is_inside else "  outside"
            lines.append(
                f"  {check.statistic:<{wide}}  {check.actual:>10,.4g}  {drawn:>23}  "
                f"{check.position:>5.0%}{mark}"
            )
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(check.statistic)}</td><td>{check.actual:,.4g}</td>"
            f"<td>{check.low:,.4g} – {check.high:,.4g}</td><td>{check.position:.0%}</td>"
            f"<td>{'' if check.is_inside else 'outside'}</td></tr>"
            for check in self.checks
        )
        head = "".join(f"<th>{name}</th>" for name in ("", "actual", "drawn 95%", "below", ""))
        return f"<table><caption>{html.escape(self._head())}</caption><tr>{head}</tr>{rows}</table>"

    def _head(self) -> str:
        return f"{self.model}: {self.customers:,} customers drawn {self.draws:,} times"


def predictive_checks(
    fitted: FittedTransactionModel,
    rows: Any,
    *,
    draws: int = 200,
    seed: int | np.random.Generator = 1,
) -> PredictiveChecks:
    """Draw customers as a fit says, and look where the real ones stand among them.

    Time and memory grow with the customers, each of whom is drawn; a sample of some ten thousand
    shows as much as millions.

    Args:
        fitted: The model of purchases.
        rows: The transaction summary that it was fitted to, or `SummaryRows` in its units.
        draws: How often customers are drawn, 20 or more.
        seed: Of the draws, or a numpy Generator.

    Returns:
        `share without repeats`, `share with 1` … `share with 7+ repeats`, `mean repeats`,
        `variance of repeats`, `mean last purchase age` (of who bought again, in the units of the
        model) and `share silent` (whose last quarter of their age saw no purchase).

    Raises:
        InvalidArgumentError: If there are too few draws.
        DataError: If a row stands for a part of a customer.
    """
    if draws < 20:
        raise InvalidArgumentError("draws", "are too few for a range", got=draws, allowed=">= 20")
    source = None if isinstance(rows, SummaryRows) else frames.read(rows)
    real = each_customer(rows_of(fitted, rows))
    actual = _statistics(real.repeat_count, real.last_purchase_age, real.age)
    rng = np.random.default_rng(seed)
    drawn = np.empty((draws, len(actual)))
    for n in range(draws):
        places, at = purchases_drawn(fitted, real.age, real.covariates, rng)
        last = np.zeros(len(real))
        last[places] = at  # they ascend, so that the last one of each is written last
        counts = np.bincount(places, minlength=len(real)).astype(np.float64)
        drawn[n] = list(_statistics(counts, last, real.age).values())
    low, high = np.quantile(drawn, _RANGE, axis=0)
    checks = []
    for n, (name, value) in enumerate(actual.items()):
        of = drawn[:, n]
        position = float((of < value).mean() + (of == value).mean() / 2)
        checks.append(
            PredictiveCheck(name, value, float(of.mean()), float(low[n]), float(high[n]), position)
        )
    return PredictiveChecks(type(fitted.model).__name__, len(real), draws, tuple(checks), source)


def _statistics(counts: Floats, last: Floats, ages: Floats) -> dict[str, float]:
    kept = np.minimum(counts, MOST_COUNT).astype(np.intp)
    shares = np.bincount(kept, minlength=MOST_COUNT + 1) / len(counts)
    again = counts > 0
    found = {"share without repeats": float(shares[0])}
    for n in range(1, MOST_COUNT + 1):
        said = f"share with {n}{'+' if n == MOST_COUNT else ''} repeat{'s' if n > 1 else ''}"
        found[said] = float(shares[n])
    return found | {
        "mean repeats": float(counts.mean()),
        "variance of repeats": float(counts.var()),
        "mean last purchase age": float(last[again].mean()) if again.any() else 0.0,
        "share silent": float((last <= 0.75 * ages).mean()),
    }
