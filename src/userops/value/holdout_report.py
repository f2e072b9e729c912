"""What a holdout says of a model: tables, and the figures that sum them up."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Sequence
from typing import Any, Literal

import attrs

from userops.core import frames
from userops.errors import InvalidArgumentError
from userops.value.fitted_transactions import FittedTransactionModel
from userops.value.ranking import DecileRow, LorenzPoint

__all__ = [
    "AliveBand",
    "CountRow",
    "ErrorRow",
    "HoldoutReport",
    "SpendHoldout",
    "WeekRow",
    "aligned",
]

# Kinds of columns by the annotations of the rows' attributes.
_KINDS: dict[str, Literal["text", "int", "float"]] = {"str": "text", "int": "int"}


@attrs.frozen
class WeekRow:
    """A week of purchases after the first ones, of all who became customers in the calibration.

    Attributes:
        week: From 1 on.
        begin: Its first day, ISO 8601.
        end: Its last day, ISO 8601; the first and the last week may be shorter.
        part: `calibration` or `holdout`.
        expected: By the model, knowing nothing but when each became a customer.
        actual: Purchase days.
        expected_cumulative: From week 1 on.
        actual_cumulative: From week 1 on.
    """

    week: int
    begin: str
    end: str
    part: str
    expected: float
    actual: int
    expected_cumulative: float
    actual_cumulative: int


@attrs.frozen
class CountRow:
    """Customers of one repeat count in the calibration.

    Attributes:
        repeat_count: `0`, `1` … `7+`.
        customers: How many.
        expected_mean: Purchases in the holdout that the model expects of one.
        actual_mean: Purchases in the holdout.
    """

    repeat_count: str
    customers: int
    expected_mean: float
    actual_mean: float


@attrs.frozen
class AliveBand:
    """Customers of about the same probability of being alive.

    Attributes:
        band: Its limits; the upper one belongs to the last band alone.
        customers: How many.
        p_alive_mean: The mean probability.
        expected_share: Who buys in the holdout, by the model: not everybody alive does.
        actual_share: Who bought.
    """

    band: str
    customers: int
    p_alive_mean: float
    expected_share: float
    actual_share: float


@attrs.frozen
class ErrorRow:
    """How far a prediction is off for each customer.

    Attributes:
        prediction: The model; `own rate`, which lets each go on as in the calibration; `mean rate`,
            which lets each go on as all together; `nothing`, which lets nobody buy.
        total: What is expected of all.
        mae: Mean absolute error.
        rmse: Root of the mean squared error.
        gini: Of the ranking by it; None where nothing was done.
    """

    prediction: str
    total: float
    mae: float
    rmse: float
    gini: float | None


@attrs.frozen
class SpendHoldout:
    """The money of the holdout.

    Attributes:
        expected: Expected purchases times expected spend, of all customers, without discount.
        actual: What was spent.
        gini: Of the ranking by CLV.
        gini_perfect: Of the ranking by what was spent.
        deciles: By CLV, with the money of the holdout.
        errors: Of the expected money of each customer.
    """

    expected: float
    actual: float
    gini: float | None
    gini_perfect: float | None
    deciles: tuple[DecileRow, ...]
    errors: tuple[ErrorRow, ...]


_ROWS: dict[str, type] = {
    "weeks": WeekRow,
    "counts": CountRow,
    "deciles": DecileRow,
    "alive_bands": AliveBand,
    "errors": ErrorRow,
    "lorenz": LorenzPoint,
    "spend_deciles": DecileRow,
    "spend_errors": ErrorRow,
}


@attrs.frozen(eq=False, repr=False)
class HoldoutReport:
    """A model held against what customers did after it was fitted.

    Attributes:
        model: Its name.
        fitted: The model as fitted to the calibration.
        calibration_end: The last day that the model knows.
        holdout_end: The last day that was held out.
        horizon: How long the holdout is, in the units of the model.
        customers: Who became one in the calibration.
        expected: Purchases in the holdout, each customer's history being known.
        actual: Purchases in the holdout.
        log_score: The sum of the log-probabilities of each customer's number of purchases in the
            holdout; the higher, the better.
        gini: Of the ranking by expected purchases; None where nobody bought.
        gini_perfect: Of the ranking by actual purchases.
        weeks: Week by week.
        counts: By repeat count of the calibration.
        deciles: By expected purchases.
        alive_bands: By probability of being alive; bands without customers are left out.
        errors: Of the model, and of predictions that need none.
        lorenz: The concentration curve.
        spend: The money, where a model of it was given.
        source: The host's frame, whose type `table` gives.
    """

    model: str
    fitted: FittedTransactionModel
    calibration_end: dt.date
    holdout_end: dt.date
    horizon: float
    customers: int
    expected: float
    actual: int
    log_score: float
    gini: float | None
    gini_perfect: float | None
    weeks: tuple[WeekRow, ...]
    counts: tuple[CountRow, ...]
    deciles: tuple[DecileRow, ...]
    alive_bands: tuple[AliveBand, ...]
    errors: tuple[ErrorRow, ...]
    lorenz: tuple[LorenzPoint, ...]
    spend: SpendHoldout | None
    source: frames.Source

    @property
    def total_error(self) -> float | None:
        """Expected over actual purchases of the holdout, less one; None where nobody bought."""
        return self.expected / self.actual - 1 if self.actual else None

    @property
    def tracking_error(self) -> float | None:
        """The mean absolute percentage error of the cumulated purchases in the holdout's weeks."""
        held = [row for row in self.weeks if row.part == "holdout" and row.actual_cumulative]
        gaps = [abs(row.expected_cumulative / row.actual_cumulative - 1) for row in held]
        return sum(gaps) / len(gaps) if gaps else None

    @property
    def weekly_error(self) -> float | None:
        """Absolute errors of the holdout's weeks, summed, over what was bought in them."""
        held = [row for row in self.weeks if row.part == "holdout"]
        bought = sum(row.actual for row in held)
        return sum(abs(row.expected - row.actual) for row in held) / bought if bought else None

    @property
    def rmse(self) -> float:
        """Root of the mean squared error of the model, purchases a customer."""
        return self.errors[0].rmse

    @property
    def tables(self) -> dict[str, Sequence[Any]]:
        """Name to rows; `table` gives them as a frame."""
        found: dict[str, Sequence[Any]] = {
            "weeks": self.weeks, "counts": self.counts, "deciles": self.deciles,
            "alive_bands": self.alive_bands, "errors": self.errors, "lorenz": self.lorenz,
        }  # fmt: skip
        if self.spend is not None:
            found |= {"spend_deciles": self.spend.deciles, "spend_errors": self.spend.errors}
        return found

    def table(self, name: str) -> Any:
        """Return rows as a frame, in the type that the orders came in.

        Args:
            name: `weeks`, `counts`, `deciles`, `alive_bands`, `errors` or `lorenz`; with a model of
                spend also `spend_deciles` and `spend_errors`. Columns are the attributes of a row.

        Raises:
            InvalidArgumentError: If there is no such table.
        """
        if name not in self.tables:
            raise InvalidArgumentError.unknown("name", name, self.tables)
        rows = [attrs.asdict(row) for row in self.tables[name]]
        kinds = {
            field.name: _KINDS.get(str(field.type), "float") for field in attrs.fields(_ROWS[name])
        }
        return self.source.give_rows(frames.small_table(rows, kinds))

    def describe(self) -> str:
        """Say in a few sentences what the holdout shows."""
        own = {row.prediction: row for row in self.errors}["own rate"]
        said = [
            f"{self.model}, fitted to {self.customers:,} customers up to {self.calibration_end}, "
            f"expected {self.expected:,.1f} purchases until {self.holdout_end}; "
            f"{self.actual:,} were made{_signed(self.total_error)}.",
            f"For each customer it is off by {self.errors[0].mae:.3f} purchases on average "
            f"(RMSE {self.rmse:.3f}); letting each go on at the own rate is off by {own.mae:.3f} "
            f"(RMSE {own.rmse:.3f}).",
        ]
        best = self.deciles[0]
        if best.captured_share is not None:
            said.append(
                f"The best tenth by prediction made {best.captured_share:.0%} of the purchases."
            )
        if self.spend is not None and self.spend.deciles[0].captured_share is not None:
            said.append(
                f"The best tenth by CLV spent {self.spend.deciles[0].captured_share:.0%} of the "
                f"money; {self.spend.expected:,.0f} were expected of all, "
                f"{self.spend.actual:,.0f} were spent."
            )
        if self.fitted.status != "converged":
            said.append(f"The fit is {self.fitted.status}: {self.fitted.meaning}.")
        return " ".join(said)

    def __repr__(self) -> str:
        """Return the figures and the smallest tables."""
        lines = [self._head(), *(f"  {name:<11} {said}" for name, said in self._figures())]
        for rows in (self.errors, self.counts):
            lines += [f"  {line}" for line in aligned(_cells(rows), left=1)]
        if self.fitted.status != "converged":
            lines.append(f"  the fit is {self.fitted.status}: {self.fitted.meaning}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        said = [self._head(), *(f"{name}: {text}" for name, text in self._figures())]
        if self.fitted.status != "converged":
            said.append(f"The fit is {self.fitted.status}: {self.fitted.meaning}")
        head = "<br>".join(html.escape(line) for line in said)
        names = [name for name in self.tables if name not in ("weeks", "lorenz")]
        tables = (_as_html(name.replace("_", " "), self.tables[name]) for name in names)
        return f"<p>{head}</p>{''.join(tables)}"

    def _head(self) -> str:
        return (
            f"Holdout of {self.model}: {self.customers:,} customers, known until "
            f"{self.calibration_end}, held out {self.horizon:.4g} {self.fitted.unit} until "
            f"{self.holdout_end}"
        )

    def _figures(self) -> list[tuple[str, str]]:
        found = [
            ("purchases",
             f"{self.expected:,.1f} expected, {self.actual:,} made{_signed(self.total_error)}"),
            ("tracking",
             f"cumulated purchases off by {_percent(self.tracking_error)} in the mean week, "
             f"single weeks by {_percent(self.weekly_error)}"),
            ("ranking", _of_ranking(self.gini, self.gini_perfect, self.deciles, "purchases")),
            ("log score", f"{self.log_score:,.1f}"),
        ]  # fmt: skip
        if self.spend is not None:
            spend = self.spend
            total = spend.expected / spend.actual - 1 if spend.actual else None
            found += [
                (
                    "spend",
                    f"{spend.expected:,.0f} expected, {spend.actual:,.0f} spent{_signed(total)}",
                ),
                (
                    "CLV ranking",
                    _of_ranking(spend.gini, spend.gini_perfect, spend.deciles, "money"),
                ),
            ]
        return found


def _of_ranking(
    gini: float | None, perfect: float | None, deciles: tuple[DecileRow, ...], what: str
) -> str:
    best = deciles[0]
    if gini is None or perfect is None or best.lift is None:
        return "nobody bought, so that nothing can be ranked"
    return (
        f"Gini {gini:.3f} of {perfect:.3f} possible; the best tenth has "
        f"{best.captured_share:.1%} of the {what}, lift {best.lift:.2f}"
    )


def _signed(share: float | None) -> str:
    return "" if share is None else f" ({share:+.1%})"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _cells(rows: Sequence[Any]) -> list[list[str]]:
    """Return a head and rows of text."""
    names = [field.name for field in attrs.fields(type(rows[0]))]
    found = [[name.replace("_", " ") for name in names]]
    for row in rows:
        values = (getattr(row, name) for name in names)
        found.append([_written(value) for value in values])
    return found


def _written(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


def aligned(cells: Sequence[Sequence[str]], *, left: int) -> list[str]:
    """Return rows of text as lines.

    Args:
        cells: A head and rows.
        left: So many columns begin where those above do; the others end there.
    """
    wide = [max(len(row[n]) for row in cells) for n in range(len(cells[0]))]
    return [
        "  ".join(
            cell.ljust(width) if n < left else cell.rjust(width)
            for n, (cell, width) in enumerate(zip(row, wide, strict=True))
        )
        for row in cells
    ]


def _as_html(title: str, rows: Sequence[Any]) -> str:
    if not rows:
        return ""
    head, *cells = _cells(rows)
    lines = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells
    )
    names = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    return f"<table><caption>{html.escape(title)}</caption><tr>{names}</tr>{lines}</table>"
