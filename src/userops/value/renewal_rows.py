"""Contracts as the shifted beta-geometric model reads them: who renewed, and who did not.

A likelihood depends on contracts through two numbers a renewal: how many customers came to it and
renewed, and how many came to it and left. Cohorts of different ages add up. The first renewal is
number 1; who has signed and come to none yet says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import narwhals.stable.v2 as nw
import numpy as np
from numpy.typing import NDArray

from userops.core import frames
from userops.errors import ColumnNotFoundError, ColumnTypeError, DataError
from userops.events.columns import CUSTOMER_ID

__all__ = ["RenewalRows"]

Floats = NDArray[np.float64]
PERIOD, CUSTOMERS, COHORT, AGE, ENDED = "period", "customers", "cohort", "age", "ended"
_COUNT = "userops__count"
_ALLOWED = (
    "survivors by period such as {0: 1000, 1: 869}; a frame with period, customers and perhaps "
    "cohort; a frame of contracts with customer_id, age and ended"
)


@attrs.frozen(eq=False)
class RenewalRows:
    """How many customers came to each renewal, and what they did.

    Attributes:
        renewed: At the renewals 1, 2 ... the customers who stayed.
        lost: At the same renewals, the customers who left.
        customers: How many customers there are, those who have come to no renewal among them.
    """

    renewed: Floats
    lost: Floats
    customers: float

    def __attrs_post_init__(self) -> None:
        """Refuse what teaches nothing.

        Raises:
            DataError: If a number is negative or not finite, or nobody has come to a renewal.
        """
        both = np.concatenate([self.renewed, self.lost])
        if len(self.renewed) != len(self.lost) or not (np.isfinite(both) & (both >= 0)).all():
            raise DataError(
                "renewals must be counts of customers, as many of them renewed as lost",
                got=f"renewed {self.renewed.tolist()[:5]}, lost {self.lost.tolist()[:5]}",
                allowed="finite numbers from 0 on, of equal length",
            )
        if not both.sum() > 0:
            raise DataError(
                "nobody has come to a renewal",
                got=f"{self.customers:,.0f} customers in their first period",
                hint="wait until a cohort has renewed at least once, better three times",
            )

    @classmethod
    def of(cls, data: Any) -> RenewalRows:
        """Read survivors or contracts; of contracts the distinct rows alone are collected.

        Args:
            data: Survivors of one cohort by period, as a mapping or as a sequence from period 0 on;
                a frame with `period` (0 is the acquisition), `customers` who are still there, and
                `cohort` where there are several; or a frame of contracts with `customer_id`,
                `age` (renewals so far, a whole number) and `ended` (true if the customer left at
                the renewal after these).

        Raises:
            DataError: If a cohort grows, starts with nobody or lacks a period, a number is no
                count, or nobody has come to a renewal; names the cohort and the period.
            ColumnNotFoundError: If a frame has the columns of neither form; names the nearest.
        """
        if isinstance(data, RenewalRows):
            return data
        if isinstance(data, Mapping):
            return _of_cohorts({None: [(p, n) for p, n in data.items()]})
        if isinstance(data, list | tuple | np.ndarray):
            return _of_cohorts({None: list(enumerate(np.asarray(data).ravel().tolist()))})
        source = frames.read(data)
        names = source.frame.collect_schema().names()
        if ENDED in names or CUSTOMER_ID in names:
            return _of_contracts(source.frame, names)
        return _of_cohorts(_cohorts(source.frame, names))

    @property
    def periods(self) -> int:
        """The number of the last renewal that anybody has come to."""
        return int(np.flatnonzero(self.renewed + self.lost)[-1]) + 1


def _needed(names: list[str], columns: tuple[str, ...]) -> None:
    for column in columns:
        if column not in names:
            raise ColumnNotFoundError(column, names)


def _cohorts(frame: frames.Frame, names: list[str]) -> dict[Any, list[tuple[Any, Any]]]:
    _needed(names, (PERIOD, CUSTOMERS))
    kept = [PERIOD, CUSTOMERS, *([COHORT] if COHORT in names else [])]
    found: dict[Any, list[tuple[Any, Any]]] = {}
    for row in frames.to_rows(frame.select(*kept)):
        found.setdefault(row.get(COHORT), []).append((row[PERIOD], row[CUSTOMERS]))
    if not found:
        raise DataError("the frame has no row", allowed=_ALLOWED)
    return found


def _of_cohorts(cohorts: Mapping[Any, list[tuple[Any, Any]]]) -> RenewalRows:
    counts = [_survivors(name, pairs) for name, pairs in cohorts.items()]
    longest = max(len(each) for each in counts) - 1
    renewed, lost = np.zeros(longest), np.zeros(longest)
    for each in counts:
        renewed[: len(each) - 1] += each[1:]
        lost[: len(each) - 1] += each[:-1] - each[1:]
    return RenewalRows(renewed, lost, float(sum(each[0] for each in counts)))


def _survivors(cohort: Any, pairs: list[tuple[Any, Any]]) -> Floats:
    """Return the survivors of a cohort from period 0 on."""
    of = "" if cohort is None else f" of cohort {cohort!r}"
    try:
        table = np.array([(float(p), float(n)) for p, n in pairs]).reshape(-1, 2)
    except (TypeError, ValueError):
        raise DataError(f"survivors{of} are not numbers", got=pairs[:3], allowed=_ALLOWED) from None
    table = table[np.argsort(table[:, 0], kind="stable")]
    period, customers = table[:, 0], table[:, 1]
    whole = np.isfinite(customers) & (customers >= 0) & (customers == np.floor(customers))
    if not whole.all():
        raise DataError(
            f"survivors{of} are not counts", got=customers[~whole][0], allowed="0, 1, 2 …",
            hint="give customers, not shares: standard errors depend on how many there are",
        )  # fmt: skip
    if not np.array_equal(period, np.arange(len(period))):
        raise DataError(
            f"periods{of} are not 0, 1, 2 … each once", got=period.tolist()[:8],
            hint="period 0 is that of the acquisition, before any renewal",
        )  # fmt: skip
    if not customers.size or customers[0] == 0:
        raise DataError(f"a cohort starts with no customer{of}", hint="leave it out")
    risen = np.flatnonzero(np.diff(customers) > 0)
    if len(risen):
        at = int(risen[0]) + 1
        raise DataError(
            f"survivors{of} rise in period {at}", got=f"{customers[at - 1]:g}, then "
            f"{customers[at]:g}",
            hint="who has left is gone for good here; customers who come back are a new cohort",
        )  # fmt: skip
    return customers


def _of_contracts(frame: frames.Frame, names: list[str]) -> RenewalRows:
    _needed(names, (AGE, ENDED))
    kind = frame.collect_schema()[ENDED]
    if kind != nw.Boolean:
        raise ColumnTypeError(ENDED, "says no true or false", got=str(kind), allowed="Boolean")
    counts = frame.group_by(AGE, ENDED).agg(nw.len().alias(_COUNT))
    rows = frames.to_rows(counts)
    age = np.array([np.nan if row[AGE] is None else float(row[AGE]) for row in rows])
    number = np.array([float(row[_COUNT]) for row in rows])
    wrong = ~(np.isfinite(age) & (age >= 0) & (age == np.floor(age)))
    missing = np.array([row[ENDED] is None for row in rows], dtype=bool)
    if wrong.any() or missing.any():
        bad = rows[int(np.flatnonzero(wrong | missing)[0])]
        raise DataError(
            f"{int(number[wrong | missing].sum()):,} contracts have no age in whole renewals, or "
            "do not say whether they ended", got=f"age {bad[AGE]}, ended {bad[ENDED]}",
            allowed="age 0, 1, 2 …; ended true or false",
        )  # fmt: skip
    if not rows:
        raise DataError("the frame has no row", allowed=_ALLOWED)
    left = np.array([bool(row[ENDED]) for row in rows])
    age = age.astype(np.intp)
    longest = int(age.max()) + 1
    lost = np.bincount(age[left], number[left], minlength=longest)
    # Who has renewed a times has been at the renewals 1 ... a, and stayed.
    by_age = np.bincount(age, number, minlength=longest + 1)
    renewed = np.cumsum(by_age[::-1])[::-1][1:]
    return RenewalRows(renewed.astype(np.float64), lost.astype(np.float64), float(number.sum()))
