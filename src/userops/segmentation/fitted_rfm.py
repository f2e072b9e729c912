"""A fitted RFM model: scores, segments, explanations and migration, from stored cut-points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames, money
from userops.core.definitions import Definition
from userops.core.time import AsOf, Zone, as_of_us, check_us, datetime_of, zone
from userops.customers.arguments import ReturnsPolicy, customer_key
from userops.customers.customer import Customer
from userops.customers.order_tables import FREQUENCY, MONETARY, ORDER, RETURN_ROWS, RETURNED
from userops.errors import EmptyHistoryError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.segmentation.explanation import Explanation, explained
from userops.segmentation.population import (
    RECENCY_DAYS,
    Population,
    history_of,
    population_of,
)
from userops.segmentation.rfm_score import RFMScore
from userops.segmentation.score_grid import ScoreGrid

if TYPE_CHECKING:
    from userops.customers.history import History
    from userops.events.table import Events, Orders

__all__ = ["FittedRFM"]

SEGMENT = "segment"
_SAID = {"r": RECENCY_DAYS, "f": "frequency", "m": "monetary"}
_KINDS: dict[str, Any] = {
    SEGMENT: "text",
    "customers": "int",
    "customer_share": "float",
    "mean_recency_days": "float",
    "mean_frequency": "float",
}
_MONEY_KINDS = _KINDS | dict.fromkeys(("mean_monetary", "monetary", "monetary_share"), "float")
_NOT_YET = {"en": "not yet a customer", "zh": "尚未成为客户"}


@attrs.frozen(kw_only=True, slots=False)
class FittedRFM(Definition):
    """Cut-points found in a population, with which scoring needs one customer at a time.

    Attributes:
        definition: What was fitted.
        event: The event that counts.
        as_of_us: Exclusive end of the history it was fitted to, microseconds since 1970 UTC.
        time_zone: Zone in which days are counted.
        returns: How returns counted.
        scale: Decimals of the minor unit.
        customers: Number of customers it was fitted to.
        grid: The cut-points and the names of the cells.
    """

    definition: Definition
    event: str = ORDER
    as_of_us: int = attrs.field(validator=check_us)
    time_zone: str = "UTC"
    returns: ReturnsPolicy = "net"
    scale: int = 2
    customers: int = 0
    grid: ScoreGrid
    population: Population | None = attrs.field(default=None, eq=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the document; the customers themselves are not part of it."""
        return attrs.evolve(self, population=None)._bare_dict()

    def _bare_dict(self) -> dict[str, Any]:
        return super().to_dict()

    @cached_property
    def zone(self) -> Zone:
        """The zone in which days are counted."""
        return zone(self.time_zone)

    @cached_property
    def _last_observed_day(self) -> int:
        return self.zone.day(self.as_of_us - 1)

    def score(
        self, data: Orders | Events | History | None = None, *, as_of: AsOf | None = None
    ) -> Any:
        """Score customers with the fitted cut-points.

        Args:
            data: What to score; None scores the customers that the model was fitted to. Orders
                alone are read with the model's policy for returns.
            as_of: Exclusive end of the history; the fit's unless told otherwise.

        Returns:
            One row a customer with an order before `as_of`, in the type of the data and in no
            particular order:
            `customer_id`, `recency_days` (>= 0), `frequency` (>= 1), `monetary` (major units, as a
            float; exact inside the model), `r`, `f`, `m`, `rfm` and `segment`. Events without
            money have no `monetary` and `m`, and `rf` for `rfm`. History that keeps returns
            separate adds `returned` (major units, zero or below) and `return_rows`.

        Raises:
            InvalidArgumentError: If there is nothing to score, or it was read with another scale,
                time zone or policy for returns than the model's customers.
        """
        population = self._population_of(data, as_of)
        return population.source.give_back(self._scored(population))

    def _scored(self, population: Population) -> frames.Frame:
        frame = self.grid.with_segments(self.grid.with_scores(population.frame))
        present = population.frame.collect_schema().names()
        scale = population.scale
        columns: list[Any] = [CUSTOMER_ID, RECENCY_DAYS, FREQUENCY]
        if population.has_money:
            columns.append(money.major_expr(nw.col(MONETARY), scale).alias("monetary"))
        columns += [*self.grid.cuts, self.grid.dimensions]
        columns += [SEGMENT] if self.grid.segments is not None else []
        if RETURNED in present:
            columns += [money.major_expr(nw.col(RETURNED), scale).alias("returned"), RETURN_ROWS]
        return frame.select(columns)

    def _population_of(self, data: Any, as_of: AsOf | None) -> Population:
        if data is None:
            if self.population is None:
                raise InvalidArgumentError(
                    "data", "is needed, because this model was read from a document",
                    hint="pass the orders, as in score(orders, as_of=…); explain takes a Customer",
                )  # fmt: skip
            if as_of is None or as_of_us(as_of, self.zone) == self.as_of_us:
                return self.population
            raise InvalidArgumentError(
                "data", "is needed for another as_of than the fit's", got=f"as_of={as_of}",
                hint="pass the orders: fitted.score(orders, as_of=…)",
            )  # fmt: skip
        when: Any = as_of if as_of is not None else datetime_of(self.as_of_us)
        history = history_of(data, self.event, returns=self.returns)
        table = history.table(self.event)
        self._check_reading("data", table.scale, history.zone.name, history.returns)
        population = population_of(history, self.event, when)
        ids = population.frame.collect_schema()[CUSTOMER_ID]
        self._check_ids("data", int if ids.is_integer() else str)
        if population.has_money != ("m" in self.grid.cuts):
            raise InvalidArgumentError(
                "data", "has another dimension than the model", got="money" if population.has_money
                else "no money", allowed=f"the dimensions {self.grid.dimensions}",
            )  # fmt: skip
        return population

    def score_one(self, customer: Customer, *, as_of: AsOf | None = None) -> RFMScore | None:
        """Score one customer in memory; what `score` would say of him.

        Args:
            customer: Read with the mapping of the data that the model was fitted to.
            as_of: Exclusive end of his history; the fit's unless told otherwise.

        Returns:
            The score, or None where he has no order before `as_of`.

        Raises:
            InvalidArgumentError: If he was read with another scale, time zone or policy for returns
                than the model's customers.
        """
        if not isinstance(customer, Customer):
            raise InvalidArgumentError(
                "customer", "is not a Customer", got=type(customer).__name__,
                hint="history.customer(id) reads one; explain takes an id as well",
            )  # fmt: skip
        if as_of is None:
            before, last_observed_day = self.as_of_us, self._last_observed_day
        else:
            before = as_of_us(as_of, self.zone)
            last_observed_day = self.zone.day(before - 1)
        columns = customer.columns.get(self.event)
        if columns is not None:
            scale = getattr(columns, "scale", 0)
            self._check_reading("customer", scale, columns.time_zone, customer.returns)
        self._check_ids("customer", type(customer.customer_id))
        totals = customer.totals(self.event, before)
        if totals is None:
            return None
        last_us, frequency, minor, _, _ = totals
        customer_id, cuts = customer.customer_id, self.grid.cuts
        recency_days = last_observed_day - self.zone.day(last_us)
        r, f = cuts["r"].score(recency_days, customer_id), cuts["f"].score(frequency, customer_id)
        if "m" not in cuts:
            outcome = self.grid.outcome_of((r, f))
            return RFMScore(customer_id, recency_days, frequency, None, r, f, None, *outcome)
        m = cuts["m"].score(minor, customer_id)
        monetary = money.major_float(minor, self.scale)
        outcome = self.grid.outcome_of((r, f, m))
        return RFMScore(customer_id, recency_days, frequency, monetary, r, f, m, *outcome)

    def _check_ids(self, what: str, kind: type) -> None:
        if self.grid.kind_of_ids not in (None, kind):
            raise InvalidArgumentError(
                what, "has ids of another type than the model, which tells ties apart by id",
                got=kind.__name__, allowed=getattr(self.grid.kind_of_ids, "__name__", None),
            )  # fmt: skip

    def _check_reading(self, what: str, scale: int, time_zone: str, returns: str) -> None:
        """Refuse what was read with another scale, zone or policy than the model's customers."""
        read, wanted = (scale, time_zone, returns), (self.scale, self.time_zone, self.returns)
        if read != wanted:
            raise InvalidArgumentError(
                what,
                "was read in another way than the customers of the model",
                got="scale={}, time_zone={!r}, returns={!r}".format(*read),
                allowed="scale={}, time_zone={!r}, returns={!r}".format(*wanted),
                hint="use the columns and the policy that the model was fitted with",
            )

    def explain(self, customer: str | int | Customer, *, as_of: AsOf | None = None) -> Explanation:
        """Say in words why a customer has his scores and segment.

        Args:
            customer: An id among the customers that the model was fitted to, or a `Customer`.
            as_of: For a `Customer`, the exclusive end of his history.

        Raises:
            EmptyHistoryError: If there is no such customer, or he has no order before `as_of`.
            InvalidArgumentError: If the model was read from a document and an id is given.
        """
        if isinstance(customer, Customer):
            score = self.score_one(customer, as_of=as_of)
            customer_id = customer.customer_id
        else:
            if as_of is not None and as_of_us(as_of, self.zone) != self.as_of_us:
                raise InvalidArgumentError(
                    "as_of", "is another than the fit's, whose customers the id is looked up in",
                    got=as_of, hint="pass the customer: explain(history.customer(…), as_of=…)",
                )  # fmt: skip
            population = self._population_of(None, None)
            customer_id = customer_key(customer)
            kind = population.frame.collect_schema()[CUSTOMER_ID]
            # Engines compare text with numbers in ways of their own: another type is nobody.
            same = kind.is_integer() == isinstance(customer_id, int)
            wanted = frames.constant(population.frame, CUSTOMER_ID, customer_id)
            alone = (
                attrs.evolve(
                    population, frame=population.frame.filter(nw.col(CUSTOMER_ID) == wanted)
                )
                if same
                else None
            )
            rows = frames.to_rows(self._scored(alone)) if alone is not None else []
            score = RFMScore.from_row(rows[0], self.grid.dimensions) if rows else None
        if score is None:
            raise EmptyHistoryError(
                f"customer {customer_id!r} has no {self.event!r} before as_of",
                hint="ids have one type: 17850 and '17850' are two customers",
            )
        before = self.as_of_us if as_of is None else as_of_us(as_of, self.zone)
        return explained(
            score, self.grid, self.zone, before, event=self.event, returns=self.returns
        )

    def segments(
        self, data: Orders | Events | History | None = None, *, as_of: AsOf | None = None
    ) -> Any:
        """Summarise the segments of a population, by default the one that was fitted.

        Returns:
            One row a segment, in the map's order and the type of the data: `segment`, `customers`,
            `customer_share` (0 to 1), `mean_recency_days`, `mean_frequency`, and with money
            `mean_monetary`, `monetary` (total, major units) and `monetary_share` (null where the
            total is not positive). Means are null for a segment without customers.

        Raises:
            InvalidArgumentError: If the model has no segment map.
        """
        population = self._population_of(data, as_of)
        kinds = _MONEY_KINDS if population.has_money else _KINDS
        rows = self._segment_rows(population)
        return population.source.give_rows(frames.small_table(rows, kinds))

    def _segment_rows(self, population: Population) -> list[dict[str, Any]]:
        self._require_map()
        grid = self.grid
        values = [RECENCY_DAYS, FREQUENCY, *([MONETARY] if population.has_money else [])]
        scored = grid.with_segments(grid.with_scores(population.frame))
        groups = scored.group_by(SEGMENT).agg(nw.len().alias("customers"), nw.col(*values).sum())
        found = {row[SEGMENT]: row for row in frames.to_rows(groups)}
        total = sum(int(row[MONETARY]) for row in found.values()) if population.has_money else 0
        units = 10**population.scale
        rows = []
        for label in grid.labels():
            sums = found.get(label, {"customers": 0, **dict.fromkeys(values, 0)})
            n = int(sums["customers"])
            row: dict[str, Any] = {
                SEGMENT: label,
                "customers": n,
                "customer_share": n / population.rows if population.rows else None,
                "mean_recency_days": int(sums[RECENCY_DAYS]) / n if n else None,
                "mean_frequency": int(sums[FREQUENCY]) / n if n else None,
            }
            if population.has_money:
                spent = int(sums[MONETARY])
                row["mean_monetary"] = spent / (n * units) if n else None
                row["monetary"] = money.major_float(spent, population.scale)
                row["monetary_share"] = spent / total if total > 0 else None
            rows.append(row)
        return rows

    def cell_counts(self) -> Mapping[tuple[int, int], int]:
        """Return how many of the fitted customers stand in each `(r, f)` cell."""
        population = self._population_of(None, None)
        scored = self.grid.with_scores(population.frame)
        counts = scored.group_by("r", "f").agg(nw.len().alias("customers"))
        return {(int(c["r"]), int(c["f"])): int(c["customers"]) for c in frames.to_rows(counts)}

    def migration(
        self, data: Orders | Events | History, *, from_as_of: AsOf, to_as_of: AsOf
    ) -> Any:
        """Count who moved from which segment to which between two dates, by the same cut-points.

        Args:
            data: A history that holds both dates.
            from_as_of: The earlier exclusive end.
            to_as_of: The later exclusive end.

        Returns:
            One row a move that occurred, in the type of the data: `from_segment` ("not yet a
            customer" for those without an order at the earlier date), `to_segment`, `customers`,
            `share` (of the customers in `from_segment`).

        Raises:
            InvalidArgumentError: If the dates are not in order, or there is no segment map.
        """
        self._require_map()
        if as_of_us(from_as_of, self.zone) >= as_of_us(to_as_of, self.zone):
            raise InvalidArgumentError(
                "from_as_of", "must lie before to_as_of", got=f"{from_as_of} and {to_as_of}"
            )
        populations = [self._population_of(data, when) for when in (from_as_of, to_as_of)]
        before, after = (self._scored(p).select(CUSTOMER_ID, SEGMENT) for p in populations)
        before = before.rename({SEGMENT: "from_segment"})
        new = nw.col("from_segment").fill_null(_NOT_YET[self.grid.locale])
        moves = after.join(before, on=CUSTOMER_ID, how="left").with_columns(new)
        counts = moves.group_by("from_segment", SEGMENT).agg(nw.len().alias("customers"))
        order = {label: i for i, label in enumerate(self.grid.labels())}
        rows = sorted(
            frames.to_rows(counts),
            key=lambda row: (order.get(row["from_segment"], -1), order[row[SEGMENT]]),
        )
        totals: dict[str, int] = {}
        for row in rows:
            totals[row["from_segment"]] = totals.get(row["from_segment"], 0) + row["customers"]
        table = frames.small_table(
            [
                {
                    "from_segment": row["from_segment"],
                    "to_segment": row[SEGMENT],
                    "customers": row["customers"],
                    "share": row["customers"] / totals[row["from_segment"]],
                }
                for row in rows
            ],
            {"from_segment": "text", "to_segment": "text", "customers": "int", "share": "float"},
        )
        return populations[-1].source.give_rows(table)

    def _require_map(self) -> None:
        if self.grid.segments is None:
            raise InvalidArgumentError(
                "segments", "there are none in this model",
                hint="fit with a map: RFM(segments=classic())",
            )  # fmt: skip

    def __str__(self) -> str:
        """Return what was fitted and the cut-points."""
        when = self.zone.said(self.as_of_us)
        lines = [f"RFM of {self.customers:,} customers before {when} (returns {self.returns})"]
        lines += [
            f"  {d}  {_SAID[d]:<13} cut at {', '.join(cuts.said()) or 'nothing'}"
            for d, cuts in self.grid.cuts.items()
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{d}</td><td>{_SAID[d]}</td><td>{', '.join(cuts.said())}</td></tr>"
            for d, cuts in self.grid.cuts.items()
        )
        head = "<tr><th>score</th><th>of</th><th>cut-points</th></tr>"
        return f"<table><caption>{str(self).splitlines()[0]}</caption>{head}{rows}</table>"
