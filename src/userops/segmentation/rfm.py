"""RFM: recency, frequency and monetary value of each customer, scored and named.

References:
    Hughes, A. M. (1994), Strategic Database Marketing, ch. 5: customers sorted by recency,
    frequency and monetary value and cut into five bins each.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import attrs

from userops.core import frames
from userops.core.definitions import Definition
from userops.core.time import AsOf
from userops.customers.history import History
from userops.customers.order_tables import ORDER
from userops.errors import EmptyHistoryError, InvalidDefinitionError, NotFittedError
from userops.events.table import Events, Orders
from userops.segmentation.cut_points import CutPoints, Dimension, Linear, as_cut_points
from userops.segmentation.fitted_rfm import FittedRFM
from userops.segmentation.population import history_of, population_of
from userops.segmentation.score_grid import COLUMN_OF, ScoreGrid
from userops.segmentation.segment_maps import Locale, SegmentMap, classic

__all__ = ["RFM"]


_OF_THE_FITTED = {"score", "score_one", "explain", "segments", "cell_counts", "migration"}


def _segments(value: SegmentMap | None) -> SegmentMap | None:
    if value is None or isinstance(value, SegmentMap):
        return value
    raise InvalidDefinitionError(
        "segments",
        "is not a segment map",
        got=repr(value),
        allowed="classic(), eight(), a BandMap, your own SegmentMap, or None for scores alone",
    )


@attrs.frozen(kw_only=True)
class RFM(Definition):
    """A definition of RFM scores and segments; `fit` finds the cut-points of a population.

    Attributes:
        recency: Cut-points of `recency_days`: `Linear(5)`, `NTile(5)`, `Quantiles(…)`, `Mean()`,
            `Edges([30, 90])`; a number of bins means `Linear`, a list means `Edges`.
        frequency: Cut-points of `frequency`.
        monetary: Cut-points of `monetary`, edges in major units; unused for events without money.
        segments: Names of the cells, or None for scores alone.
        locale: Language of `segment` and of explanations: `en` or `zh`.
        event: The event that counts; `order` unless told otherwise.

    Example:
        >>> import pyarrow as pa
        >>> from userops.events import Orders
        >>> from userops.segmentation import NTile
        >>> orders = Orders(
        ...     pa.table(
        ...         {
        ...             "customer_id": ["a", "a", "b"],
        ...             "ordered_at": ["2024-01-05", "2024-02-05", "2024-02-06"],
        ...             "amount": [10, 20, 5],
        ...         }
        ...     )
        ... )
        >>> fitted = RFM(frequency=NTile(2), segments=None).fit(orders, as_of="2024-03-01")
        >>> fitted.score().select(["customer_id", "recency_days", "f"]).to_pylist()
        [{'customer_id': 'a', 'recency_days': 24, 'f': 2}, {'customer_id': 'b', 'recency_days': 23, 'f': 1}]
    """  # noqa: E501

    recency: CutPoints = attrs.field(factory=Linear, converter=as_cut_points)
    frequency: CutPoints = attrs.field(factory=Linear, converter=as_cut_points)
    monetary: CutPoints = attrs.field(factory=Linear, converter=as_cut_points)
    segments: SegmentMap | None = attrs.field(factory=classic, converter=_segments)
    locale: Locale = attrs.field(default="en")
    event: str = ORDER

    @locale.validator
    def _check_locale(self, _: object, locale: object) -> None:
        if locale not in ("en", "zh"):
            raise InvalidDefinitionError("locale", "is not known", got=locale, allowed="en, zh")

    def __attrs_post_init__(self) -> None:
        """Refuse a map that leaves a cell of this grid without a name."""
        if self.segments is not None:
            dimensions = "rfm" if self.event == ORDER else "rf"
            bins = {d: c.bins for d, c in self._cut_points().items() if d in dimensions}
            # The map that would be used if the customers stood evenly in all bins.
            middle = {d: Fraction(n + 1, 2) for d, n in bins.items()}
            self.segments.fitted_to(middle).check(bins)

    if not TYPE_CHECKING:  # a type checker shall see that a definition has no such methods

        def __getattr__(self, name: str) -> Any:
            """Refuse what only a fitted model can do, and say how to get one."""
            if name in _OF_THE_FITTED:
                raise NotFittedError(
                    f"RFM.{name} needs cut-points, and a definition has none",
                    hint=f"fit first: RFM(…).fit(orders, as_of=…).{name}(…)",
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _cut_points(self) -> dict[str, CutPoints]:
        return {"r": self.recency, "f": self.frequency, "m": self.monetary}

    def fit(self, data: Orders | Events | History, *, as_of: AsOf) -> FittedRFM:
        """Find the cut-points of the customers with at least one order before `as_of`.

        Args:
            data: Orders, events, or a history with its own policy for returns; orders alone are
                netted.
            as_of: Exclusive end of the history; a date means its start of day in the data's zone.

        Returns:
            A new fitted object; it keeps the customers' totals, so `score()`, `segments()` and
            `explain(customer_id)` need no data.

        Raises:
            EmptyHistoryError: If no customer has an order before `as_of`.
            DataError: If the data cannot be used as declared.
        """
        history = history_of(data, self.event)
        population = population_of(history, self.event, as_of)
        if not population.rows:
            raise _nothing_to_fit(history, self.event, as_of)
        # Cut-points ask several questions about the same few columns.
        near = frames.nearby(population.source, population.frame, rows=population.rows)
        units = {"m": 10 ** history.table(self.event).scale}
        dimensions = "rfm" if population.has_money else "rf"
        cuts = {
            d: self._cut_points()[d].fit(
                Dimension(
                    COLUMN_OF[d].removesuffix("_minor_units"),
                    units.get(d, 1),
                    population.rows,
                    *near,
                    COLUMN_OF[d],
                ),
                is_reversed=d == "r",
            )
            for d in dimensions
        }
        grid = ScoreGrid.over(cuts, self.segments, population, self.locale)
        return FittedRFM(
            definition=self,
            event=self.event,
            as_of_us=population.as_of_us,
            time_zone=history.zone.name,
            returns=history.returns,
            scale=history.table(self.event).scale,
            customers=population.rows,
            grid=grid,
            population=population,
        )


def _nothing_to_fit(history: History, event: str, as_of: AsOf) -> EmptyHistoryError:
    quality = history.table(event).audit
    if not quality.rows:
        problem = f"the table of {event!r} is empty"
    elif not quality.counted:
        problem = f"no row of {event!r} can be counted"
    elif quality.counted == quality.returns:
        problem = f"all counted rows of {event!r} are returns, so no customer has bought"
    else:
        problem = f"no customer has an {event!r} before as_of"
    first = f", the first at {quality.first_at:%Y-%m-%d %H:%M} UTC" if quality.first_at else ""
    return EmptyHistoryError(
        problem,
        got=f"as_of={as_of}; {quality.rows:,} rows, {quality.counted:,} counted, "
        f"{quality.returns:,} of them returns{first}; quarantined: "
        + (", ".join(f"{n:,} {reason}" for reason, n in quality.quarantined.items()) or "none"),
        hint="as_of is exclusive: name the day after the last one that counts",
    )
