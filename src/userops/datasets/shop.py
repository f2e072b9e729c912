"""A synthetic shop: every table that user operations starts from, of any size, from one seed."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userops.datasets.synthetic.arguments import (
    chosen_dirt,
    chosen_tables,
    mean_orders,
    period,
    whole_number,
)
from userops.datasets.synthetic.dirt import Dirt, DirtCount, soil
from userops.datasets.synthetic.setting import TIME_ZONE, ZONE_OFFSET_S, Calendar, Setting
from userops.datasets.synthetic.workshop import Workshop, build_table
from userops.errors import InvalidArgumentError

__all__ = ["SyntheticShop", "TableSummary", "synthetic_shop"]


class TableSummary(NamedTuple):
    """Size and period of one table.

    Attributes:
        table: Its name.
        rows: Number of rows.
        first: Local date of the earliest time in the table, None without times.
        last: Local date of the latest time in the table, None without times.
    """

    table: str
    rows: int
    first: dt.date | None
    last: dt.date | None


@attrs.frozen(eq=False, repr=False, kw_only=True)
class SyntheticShop:
    """The tables of one synthetic shop, as frames of the chosen backend.

    Ids are text, instants are `timestamp[us, UTC]`, money is in yuan: the double nearest to a
    decimal of two digits. The days of the shop are those of `time_zone`. All tables of events are
    in the order of time. A table that was not asked for raises when it is read.

    Attributes:
        seed: The seed it was drawn from.
        start: First local day.
        end: First local day after the last one.
        orders_per_customer: The mean that was asked for.
        backend: Type of the frames.
        dirt: The shares of spoilt rows, None for a clean shop.
        dirt_log: What was spoilt: table, kind, rows. Empty for a clean shop.
        tables: The frames by name, read-only.
        summaries: Rows and period of each table.
        time_zone: The IANA name of the zone of its days.
    """

    seed: int
    start: dt.date
    end: dt.date
    orders_per_customer: float
    backend: str
    dirt: Dirt | None
    dirt_log: tuple[DirtCount, ...]
    tables: Mapping[str, Any]
    summaries: tuple[TableSummary, ...]
    time_zone: str = TIME_ZONE

    @property
    def customers(self) -> Any:
        """What is true of each customer at the end; one row per customer.

        `customer_id`, `joined_at`, `birthday` (date, null for 20 %), `gender` (female, male,
        null), `city`, `member_level` (by total spend), `channel` (main one), `source` (of the
        sign-up), `guide` (null for none).
        """
        return self._table("customers")

    @property
    def attributes(self) -> Any:
        """Dated values; one row per change, by customer, name and time.

        `customer_id`, `name` (member_level, city, baby_birthday), `value` (text),
        `valid_from`. The last value of a name is the one in `customers`.
        """
        return self._table("attributes")

    @property
    def identifiers(self) -> Any:
        """How each customer is known in the channels; one row per identifier.

        `customer_id` (the true owner), `kind` (phone, openid, unionid, external_userid,
        taobao_id, email), `value`, `first_seen_at` (an openid may precede the sign-up),
        `opted_in_at` and `opted_out_at` (null for never).
        """
        return self._table("identifiers")

    @property
    def products(self) -> Any:
        """What is sold: `product_id`, `name`, `category`, `unit_price` and `cost` (of a unit)."""
        return self._table("products")

    @property
    def orders(self) -> Any:
        """One row per order.

        `order_id`, `customer_id`, `ordered_at`, `amount` (the exact sum of its lines, > 0, what
        was paid in money and points), `discount` (already taken off), `coupon` (null for none),
        `paid_with_points` (part of `amount`, >= 0), `channel`, `source` (null where unknown).
        """
        return self._table("orders")

    @property
    def order_lines(self) -> Any:
        """One row per product in an order; an order holds a product once.

        `order_id`, `customer_id`, `ordered_at`, `product_id`, `category`, `quantity` (>= 1),
        `unit_price`, `amount` (`quantity * unit_price - discount`), `discount`, `cost` (of the
        whole line).
        """
        return self._table("order_lines")

    @property
    def returns(self) -> Any:
        """One row per line that came back, in whole or in part, 1 to 60 days after the order.

        `return_id`, `return_of` (the order), `customer_id`, `product_id`, `quantity` (at most
        what was bought), `amount` (paid back, > 0), `returned_at`.
        """
        return self._table("returns")

    @property
    def page_views(self) -> Any:
        """Pages seen by signed-up customers.

        `event_id`, `customer_id`, `occurred_at`, `page` (home, category, product, cart),
        `product_id` and `category` (null where the page has none), `channel`.
        """
        return self._table("page_views")

    @property
    def poster_scans(self) -> Any:
        """Scans of poster codes; some people who scan never sign up.

        `event_id`, `customer_id` (null before the sign-up), `identifier_kind` (openid),
        `identifier_value`, `occurred_at`, `channel`, `source` (such as
        `offline/community-7/lift-2/poster-a`).
        """
        return self._table("poster_scans")

    @property
    def group_joins(self) -> Any:
        """Joins of WeCom customer groups, once per customer at most.

        `event_id`, `customer_id`, `occurred_at`, `group_id`, `channel`, `source`, `actor` (the
        guide whose group it is).
        """
        return self._table("group_joins")

    @property
    def guide_contacts(self) -> Any:
        """Contacts by guides.

        `event_id`, `customer_id`, `occurred_at`, `actor` (the guide), `channel` (wecom, phone,
        store), `outcome` (answered, no_answer, booked_visit, declined).
        """
        return self._table("guide_contacts")

    @property
    def messages(self) -> Any:
        """What became of campaign messages; one row per message and action.

        `event_id`, `message_id`, `customer_id`, `occurred_at`, `action` (sent, opened, clicked),
        `channel` (wecom, sms), `campaign`. Sent only while the consent for the channel holds.
        """
        return self._table("messages")

    @property
    def reviews(self) -> Any:
        """Reviews, at least 2 days after the order.

        `event_id`, `customer_id`, `occurred_at`, `order_id`, `product_id`, `rating` (1 to 5),
        `text` (Chinese, null for stars alone).
        """
        return self._table("reviews")

    def _table(self, name: str) -> Any:
        if name not in self.tables:
            raise InvalidArgumentError(
                "tables",
                f"the table {name!r} was not built",
                got=f"a shop with {', '.join(self.tables)}",
                hint=f"add {name!r} to tables=… of synthetic_shop",
            )
        return self.tables[name]

    def __repr__(self) -> str:
        """List the tables with their rows and dates."""
        lines = [self._title()]
        for table, rows, first, last in self.summaries:
            dates = f"  {first} to {last}" if first else ""
            lines.append(f"  {table:<15}{rows:>12,}{dates}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in TableSummary._fields)
        body = "".join(
            f"<tr><td>{table}</td><td style='text-align:right'>{rows:,}</td>"
            f"<td>{first or ''}</td><td>{last or ''}</td></tr>"
            for table, rows, first, last in self.summaries
        )
        return (
            f"<table><caption>{html.escape(self._title())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )

    def _title(self) -> str:
        spoilt = sum(count.rows for count in self.dirt_log)
        dirty = f", {spoilt:,} rows spoilt" if self.dirt is not None else ""
        return (
            f"SyntheticShop: {self.start} to {self.end} ({self.time_zone}), seed {self.seed}, "
            f"{self.backend}{dirty}"
        )


def synthetic_shop(
    *,
    customers: int = 10_000,
    seed: int = 0,
    start: dt.date = dt.date(2023, 1, 1),
    end: dt.date = dt.date(2025, 1, 1),
    orders_per_customer: float = 4.0,
    dirt: Dirt | bool = False,
    tables: Iterable[str] | None = None,
    backend: str = "pandas",
) -> SyntheticShop:
    """Draw a synthetic shop from a seed.

    Customers arrive over the whole period. Purchase rates and silent departures follow the
    Pareto/NBD story, so that few customers bring most of the revenue; spend is independent of the
    rate. Demand has a week, a year, hours of the day, and the peaks of 618 and Double 11. Posters
    are scanned before the sign-up, returns follow their orders, messages respect consent.

    The same arguments give the same bytes, with the same version of numpy. A table does not
    depend on which other tables are asked for.

    Args:
        customers: Number of customers who sign up, 1 to 1,000,000,000.
        seed: Root of all random streams, >= 0.
        start: First local day, from 2000-01-01 on.
        end: First local day after the last one, up to 2100-01-01. No event is at or after it.
        orders_per_customer: Mean number of orders per customer over the period, > 0.
        dirt: True spoils rows as real exports are spoilt, `Dirt(…)` says how many; see there.
        tables: Names of the tables to build; None for all.
        backend: Frame type: pandas, polars, polars-lazy, pyarrow, duckdb, ibis or pyspark.

    Returns:
        The shop, with a frame for each table.

    Raises:
        InvalidArgumentError: If an argument is out of its range, or a name is not known.
        MissingExtraError: If the backend's package is not installed.
    """
    from userops.core.frames import BACKENDS

    wanted = chosen_tables(tables)
    if backend not in BACKENDS:
        raise InvalidArgumentError.unknown("backend", str(backend), BACKENDS)
    setting = Setting(
        customer_count=whole_number("customers", customers, at_least=1, at_most=1_000_000_000),
        seed=whole_number("seed", seed, at_least=0, at_most=None),
        orders_per_customer=mean_orders(orders_per_customer),
        calendar=Calendar.between(*period(start, end)),
    )
    return _build(setting, chosen_dirt(dirt), wanted, backend)


def _build(
    setting: Setting, dirt: Dirt | None, wanted: tuple[str, ...], backend: str
) -> SyntheticShop:
    from userops.core.frames import from_arrow

    workshop = Workshop(setting)
    frames: dict[str, Any] = {}
    summaries: list[TableSummary] = []
    log: list[DirtCount] = []
    for name in wanted:
        table = build_table(workshop, name)
        if dirt is not None:
            rng = setting.rng(f"dirt in {name}")
            end_us = setting.calendar.end_us
            table, counts = soil(table, name=name, dirt=dirt, rng=rng, end_us=end_us)
            log += counts
        summaries.append(_summary(name, table))
        frames[name] = from_arrow(table, backend)
    return SyntheticShop(
        seed=setting.seed,
        start=setting.calendar.start,
        end=setting.calendar.end,
        orders_per_customer=setting.orders_per_customer,
        backend=backend,
        dirt=dirt,
        dirt_log=tuple(log),
        tables=MappingProxyType(frames),
        summaries=tuple(summaries),
    )


def _summary(name: str, table: pa.Table) -> TableSummary:
    is_time = [pa.types.is_timestamp(field.type) for field in table.schema]
    if True not in is_time or table.num_rows == 0:
        return TableSummary(name, table.num_rows, None, None)
    times = table.column(is_time.index(True)).cast(pa.int64())
    ends = pc.min_max(times).as_py()
    if ends["min"] is None:
        return TableSummary(name, table.num_rows, None, None)
    offset_us = ZONE_OFFSET_S * 1_000_000
    first, last = (
        np.datetime64(ends[side] + offset_us, "us").astype("datetime64[D]").item()
        for side in ("min", "max")
    )
    return TableSummary(name, table.num_rows, first, last)
