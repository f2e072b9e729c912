"""What a synthetic shop is drawn from: its size, its seed and its calendar.

Contract: inside the shop a time is an int64 count of whole seconds since the first local
midnight of `start`; it becomes a UTC instant only when a table is built. Every table draws from a
random stream of its own, keyed by a name, so that a new table, or a table left out, moves none of
the others.
"""

from __future__ import annotations

import datetime as dt
import zlib

import attrs
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DAY_S",
    "DOUBLE_11",
    "DOUBLE_12",
    "MID_YEAR",
    "TIME_ZONE",
    "ZONE_OFFSET_S",
    "Calendar",
    "Setting",
    "draw_codes",
    "time_order",
]

TIME_ZONE = "Asia/Shanghai"
DAY_S = 86_400
# The zone has had this one offset since 1991, long before the first start that is allowed.
ZONE_OFFSET_S = 8 * 3_600
_HOUR_S = 3_600

MID_YEAR, DOUBLE_11, DOUBLE_12 = 1, 2, 3

_MONDAY_TO_SUNDAY = np.array([0.95, 0.92, 0.93, 0.96, 1.02, 1.14, 1.10])
_HOUR_PROFILE = np.array([
    0.50, 0.24, 0.12, 0.08, 0.07, 0.10, 0.22, 0.45, 0.80, 1.15, 1.35, 1.25,
    1.30, 1.20, 1.10, 1.12, 1.10, 1.05, 1.15, 1.50, 1.95, 2.20, 1.85, 1.15,
])  # fmt: skip


def _demand_of_days(days: NDArray[np.datetime64]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return the demand of each day (about 1) and the sale that runs on it (0 = none)."""
    number = days.astype(np.int64)
    months = days.astype("datetime64[M]")
    month = months.astype(np.int64) % 12 + 1
    day = (days - months.astype("datetime64[D]")).astype(np.int64) + 1
    day_of_year = (days - days.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)

    # 1970-01-01 was a Thursday, index 3 of a week that starts on Monday.
    weekly = _MONDAY_TO_SUNDAY[(number + 3) % 7]
    yearly = 1.0 + 0.12 * np.cos(2.0 * np.pi * (day_of_year - 330) / 365.25)
    sale = np.zeros(days.size, dtype=np.int8)
    sale[(month == 6) & (day <= 20)] = MID_YEAR
    sale[(month == 11) & (day <= 11)] = DOUBLE_11
    sale[(month == 12) & (day == 12)] = DOUBLE_12
    lift = np.array([1.0, 1.25, 1.4, 2.2])[sale]
    lift[(month == 6) & (day == 1)] = 2.0
    lift[(month == 6) & (day == 18)] = 4.0
    lift[(month == 11) & (day == 1)] = 2.5
    lift[(month == 11) & (day == 11)] = 6.0
    return weekly * yearly * lift, sale


def _epoch_s(day: dt.date) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def _cumulative_by_hour(weight_of_days: NDArray[np.float64]) -> NDArray[np.float64]:
    hours = np.outer(weight_of_days, _HOUR_PROFILE / _HOUR_PROFILE.sum()).ravel()
    return np.concatenate(([0.0], np.cumsum(hours)))


@attrs.frozen(eq=False)
class Calendar:
    """When people buy: demand and arrivals, cumulated by the hour from start to end.

    Purchases are a Poisson process whose clock is demand instead of time: a draw that is uniform
    in demand falls on busy hours and sale days as often as it should.

    Attributes:
        start: First local day.
        end: First local day after the last one.
        sale_of_day: For each day, the sale that runs on it, 0 for none.
        demand_by_hour: Demand from the start up to each full hour, in average days.
        arrivals_by_hour: The same for new customers: a growing shop, with flatter peaks.
    """

    start: dt.date
    end: dt.date
    sale_of_day: NDArray[np.int8] = attrs.field(repr=False)
    demand_by_hour: NDArray[np.float64] = attrs.field(repr=False)
    arrivals_by_hour: NDArray[np.float64] = attrs.field(repr=False)

    @classmethod
    def between(cls, start: dt.date, end: dt.date) -> Calendar:
        """Build the calendar of the local days from `start` to before `end`."""
        days = np.arange(np.datetime64(start, "D"), np.datetime64(end, "D"))
        demand, sale = _demand_of_days(days)
        growth = np.exp(0.25 * np.arange(days.size) / 365.25)
        return cls(
            start=start,
            end=end,
            sale_of_day=sale,
            demand_by_hour=_cumulative_by_hour(demand),
            arrivals_by_hour=_cumulative_by_hour(growth * np.sqrt(demand)),
        )

    @property
    def span_s(self) -> int:
        """Length of the period in seconds; every time in the shop is below it."""
        return self.sale_of_day.size * DAY_S

    @property
    def end_us(self) -> int:
        """The end as microseconds since 1970-01-01 UTC."""
        return (_epoch_s(self.end) - ZONE_OFFSET_S) * 1_000_000

    def demand_until(self, seconds: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the demand between the start and each time."""
        # The grid is regular, so a division finds the hour and no search is needed.
        hour = seconds // _HOUR_S
        low = self.demand_by_hour[hour]
        high = self.demand_by_hour[np.minimum(hour + 1, self.demand_by_hour.size - 1)]
        return np.asarray(low + (high - low) * ((seconds - hour * _HOUR_S) / _HOUR_S))

    def seconds_at_demand(self, demand: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the time at which the demand since the start reaches each value."""
        return self._inverse(demand, self.demand_by_hour)

    def seconds_at_arrivals(self, share: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the time at which each share (0 to 1) of the new customers has come."""
        return self._inverse(share * self.arrivals_by_hour[-1], self.arrivals_by_hour)

    def _inverse(
        self, level: NDArray[np.float64], by_hour: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        seconds = np.interp(level, by_hour, np.arange(by_hour.size) * float(_HOUR_S))
        return np.asarray(np.clip(seconds.astype(np.int64), 0, self.span_s - 1))

    def epoch_us(self, seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn times of the shop into microseconds since 1970-01-01 UTC."""
        start_s = _epoch_s(self.start) - ZONE_OFFSET_S
        return np.asarray((seconds.astype(np.int64) + start_s) * 1_000_000)

    def sale_at(self, seconds: NDArray[np.int64]) -> NDArray[np.int8]:
        """Return the sale that runs at each time, 0 for none."""
        return np.asarray(self.sale_of_day[seconds // DAY_S])


@attrs.frozen(eq=False)
class Setting:
    """Size, seed and calendar of one shop.

    Attributes:
        customer_count: Number of customers who sign up, >= 1.
        seed: Root of all random streams, >= 0.
        orders_per_customer: Mean number of orders, > 0.
        calendar: The period and its rhythm.
    """

    customer_count: int
    seed: int
    orders_per_customer: float
    calendar: Calendar

    def rng(self, stream: str) -> np.random.Generator:
        """Return the random stream of that name, always from its beginning."""
        # crc32 and not hash(): the text hash of Python differs from process to process.
        key = zlib.crc32(stream.encode())
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(key,)))


def draw_codes(
    rng: np.random.Generator, size: int, weights: NDArray[np.floating] | list[float]
) -> NDArray[np.int16]:
    """Draw positions of `weights` in proportion to them (to 1 in 65,536)."""
    # A table of all 16-bit numbers is several times faster than Generator.choice.
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    ticks = (np.arange(65_536) + 0.5) / 65_536 * edges[-1]
    table = np.searchsorted(edges, ticks, side="right").astype(np.int16)
    return np.asarray(table[rng.integers(0, 65_536, size, dtype=np.uint16)])


def time_order(seconds: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the stable order by time; times are below 2**32 and rows below 2**31."""
    # Sorting values that carry their row is far faster than argsort.
    packed = seconds.astype(np.int64) << 31
    packed |= np.arange(seconds.size, dtype=np.int64)
    packed.sort()
    packed &= (1 << 31) - 1
    return packed
