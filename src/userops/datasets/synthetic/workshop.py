"""Builds the tables of a synthetic shop, drawing only what the wanted tables need."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import attrs
import pyarrow as pa

from userops.datasets.synthetic.aftersales import returns_table, reviews_table
from userops.datasets.synthetic.catalogue import Catalogue, draw_catalogue, products_table
from userops.datasets.synthetic.contacts import (
    group_joins_table,
    guide_contacts_table,
    messages_table,
    page_views_table,
)
from userops.datasets.synthetic.identity import (
    Identifier,
    Scans,
    draw_identifiers,
    draw_scans,
    identifiers_table,
    poster_scans_table,
)
from userops.datasets.synthetic.levels import LevelChanges, rise
from userops.datasets.synthetic.orders import (
    Baskets,
    Orders,
    draw_baskets,
    draw_orders,
    order_lines_table,
    orders_table,
)
from userops.datasets.synthetic.people import (
    People,
    attributes_table,
    customers_table,
    draw_people,
)
from userops.datasets.synthetic.setting import Setting

__all__ = ["TABLES", "Workshop", "build_table"]


@attrs.frozen(eq=False, slots=False)
class Workshop:
    """What is drawn on the way to the tables, each part once and when first needed."""

    setting: Setting

    @cached_property
    def people(self) -> People:
        """The customers."""
        return draw_people(self.setting)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The products."""
        return draw_catalogue(self.setting)

    @cached_property
    def orders(self) -> Orders:
        """Who ordered when."""
        return draw_orders(self.setting, self.people)

    @cached_property
    def baskets(self) -> Baskets:
        """What was in the orders."""
        return draw_baskets(self.setting, self.people, self.catalogue, self.orders)

    @cached_property
    def level_changes(self) -> LevelChanges:
        """Who rose to which member level when."""
        orders = self.orders
        return rise(orders.customer, orders.seconds, self.baskets.order_net_cents)

    @cached_property
    def scans(self) -> Scans:
        """Who scanned which poster when."""
        return draw_scans(self.setting, self.people)

    @cached_property
    def identifiers(self) -> dict[str, Identifier]:
        """How customers are known and may be reached."""
        return draw_identifiers(self.setting, self.people, self.scans)


_BUILDERS: dict[str, Callable[[Workshop], pa.Table]] = {
    "customers": lambda w: customers_table(w.setting, w.people, w.level_changes),
    "attributes": lambda w: attributes_table(w.setting, w.people, w.level_changes),
    "identifiers": lambda w: identifiers_table(w.setting, w.people, w.identifiers),
    "products": lambda w: products_table(w.catalogue),
    "orders": lambda w: orders_table(w.setting, w.people, w.orders, w.baskets),
    "order_lines": lambda w: order_lines_table(
        w.setting, w.people, w.catalogue, w.orders, w.baskets
    ),
    "returns": lambda w: returns_table(w.setting, w.people, w.catalogue, w.orders, w.baskets),
    "page_views": lambda w: page_views_table(w.setting, w.people, w.catalogue, w.orders, w.baskets),
    "poster_scans": lambda w: poster_scans_table(w.setting, w.people, w.scans),
    "group_joins": lambda w: group_joins_table(w.setting, w.people),
    "guide_contacts": lambda w: guide_contacts_table(w.setting, w.people),
    "messages": lambda w: messages_table(w.setting, w.people, w.identifiers),
    "reviews": lambda w: reviews_table(w.setting, w.people, w.catalogue, w.orders, w.baskets),
}

TABLES = tuple(_BUILDERS)


def build_table(workshop: Workshop, name: str) -> pa.Table:
    """Build one clean table of the shop as an Arrow table."""
    return _BUILDERS[name](workshop)
