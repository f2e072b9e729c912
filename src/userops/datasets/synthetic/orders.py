"""When customers order, and what they put into the basket.

Purchases follow the Pareto/NBD story: while a customer is alive, orders come as a Poisson process
at the customer's own gamma distributed rate, and the customer leaves silently after an exponential
life time whose rate is gamma distributed too. Spend is independent of the rate: each customer
chooses around a price level of their own.

References:
    Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987), Counting your customers: who are
    they and what will they do next? Management Science 33(1), the model of section 3.
"""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.datasets.synthetic.catalogue import CATEGORIES, Catalogue
from userops.datasets.synthetic.columns import choice_text, id_bytes, instants, text, yuan
from userops.datasets.synthetic.people import CHANNELS, OFFLINE_SOURCES, SOURCES, People
from userops.datasets.synthetic.setting import (
    DAY_S,
    DOUBLE_11,
    DOUBLE_12,
    MID_YEAR,
    Setting,
    draw_codes,
)

__all__ = [
    "Baskets",
    "Orders",
    "draw_baskets",
    "draw_orders",
    "order_ids",
    "order_lines_table",
    "orders_table",
]

_FIRST_ORDER_CHANCE = 0.75
_LINES_PER_ORDER = [0.0, 0.55, 0.23, 0.12, 0.06, 0.04]
_UNITS_PER_LINE = [0.0, 0.74, 0.15, 0.06, 0.03, 0.01, 0.01]

_COUPONS = ("NEW10", "MID618-12", "D11-15", "D12-10", "CARE5")
_COUPON_PERCENT = np.array([10, 12, 15, 10, 5, 0], dtype=np.int64)
_NEW, _CARE, _NO_COUPON = 0, 4, -1
_COUPON_OF_SALE = np.array([_CARE, 1, 2, 3], dtype=np.int8)
_COUPON_CHANCE_OF_SALE = np.array([0.08, 0.5, 0.6, 0.5], dtype=np.float32)
assert (MID_YEAR, DOUBLE_11, DOUBLE_12) == (1, 2, 3), "the tables above are in this order"


@attrs.frozen(eq=False)
class Orders:
    """The orders in the order of time; one entry each.

    Attributes:
        customer: Who ordered.
        seconds: When; after the sign-up, before the end.
        is_first: Whether this is the order that came with the sign-up.
        pace: For each customer, the expected number of later orders while they stayed.
    """

    customer: NDArray[np.int32]
    seconds: NDArray[np.int64]
    is_first: NDArray[np.bool_]
    pace: NDArray[np.float64]


@attrs.frozen(eq=False)
class Baskets:
    """The lines of the orders, in the order of the orders; an order holds a product once.

    Attributes:
        order: The order of each line.
        product: Its product.
        quantity: Units, 1 to 6.
        net_cents: Quantity times price less discount, > 0.
        discount_cents: What the coupon took off, >= 0.
        coupon: For each order, its coupon, -1 for none.
        order_net_cents: For each order, the sum of its lines.
        order_discount_cents: For each order, the sum of its lines' discounts.
    """

    order: NDArray[np.int32]
    product: NDArray[np.int16]
    quantity: NDArray[np.int8]
    net_cents: NDArray[np.int64]
    discount_cents: NDArray[np.int64]
    coupon: NDArray[np.int8]
    order_net_cents: NDArray[np.int64]
    order_discount_cents: NDArray[np.int64]


def _draw_first_orders(
    setting: Setting, people: People
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw who orders on signing up, and when: most at once, the others within days."""
    rng = setting.rng("first orders")
    chance = min(_FIRST_ORDER_CHANCE, setting.orders_per_customer / 2)
    customer = np.flatnonzero(rng.random(people.count) < chance)
    at_once = rng.random(customer.size) < 0.6
    wait = np.where(
        at_once,
        rng.integers(30, 1_800, customer.size),
        (rng.standard_exponential(customer.size) * 5 * DAY_S).astype(np.int64) + 1_800,
    )
    seconds = people.joined_s[customer] + wait
    in_time = seconds < setting.calendar.span_s
    return customer[in_time], seconds[in_time]


def draw_orders(setting: Setting, people: People) -> Orders:
    """Draw who orders when."""
    calendar = setting.calendar
    first_customer, first_seconds = _draw_first_orders(setting, people)
    rng = setting.rng("orders")
    joined = calendar.demand_until(people.joined_s)
    exposure = calendar.demand_until(people.leaves_s) - joined
    pace = people.eagerness * exposure
    # The requested mean is met by scaling the rates to the exposure that was drawn.
    wanted = max(setting.orders_per_customer * people.count - first_customer.size, 0.0)
    pace *= wanted / max(float(pace.sum()), 1e-9)
    counts = rng.poisson(pace)

    customer = np.repeat(np.arange(people.count, dtype=np.int32), counts)
    demand = rng.random(customer.size)
    demand *= np.repeat(exposure, counts)
    demand += np.repeat(joined, counts)
    seconds = calendar.seconds_at_demand(demand)
    # Rounding to the second must not move an order to the moment of sign-up.
    np.maximum(seconds, np.repeat(people.joined_s + 1, counts), out=seconds)

    # One integer sort by (time, customer, first or not) orders everything at once.
    width = people.count.bit_length()
    packed: NDArray[np.int64] = np.concatenate((seconds, first_seconds))
    packed <<= width + 1
    packed |= np.concatenate((customer, first_customer)).astype(np.int64) << 1
    packed[customer.size :] |= 1
    packed.sort()
    return Orders(
        customer=((packed >> 1) & ((1 << width) - 1)).astype(np.int32),
        seconds=packed >> (width + 1),
        is_first=(packed & 1).astype(np.bool_),
        pace=pace,
    )


def _draw_coupons(setting: Setting, orders: Orders) -> NDArray[np.int8]:
    rng = setting.rng("coupons")
    sale = setting.calendar.sale_at(orders.seconds)
    coupon = _COUPON_OF_SALE[sale]
    luck = rng.random(sale.size, dtype=np.float32)
    coupon[luck >= _COUPON_CHANCE_OF_SALE[sale]] = _NO_COUPON
    coupon[orders.is_first & (luck >= 0.5)] = _NEW
    return coupon


def draw_baskets(setting: Setting, people: People, catalogue: Catalogue, orders: Orders) -> Baskets:
    """Draw the lines of every order, and net them to the cent."""
    rng = setting.rng("baskets")
    orders_count = orders.customer.size
    counts = draw_codes(rng, orders_count, _LINES_PER_ORDER)
    line_customer = np.repeat(orders.customer, counts)
    product = catalogue.choose(
        rng, people.favourite[line_customer], people.price_level[line_customer]
    )
    del line_customer
    # Sorting order, product and quantity as one number finds products drawn twice for an order.
    packed = np.repeat(np.arange(orders_count, dtype=np.int64), counts) << 13
    packed |= product.astype(np.int64) << 3
    packed |= draw_codes(rng, product.size, _UNITS_PER_LINE)
    packed.sort()
    if packed.size:
        packed = packed[np.append(True, (packed[1:] >> 3) != (packed[:-1] >> 3))]

    order = (packed >> 13).astype(np.int32)
    product = ((packed >> 3) & 1023).astype(np.int16)
    quantity = (packed & 7).astype(np.int8)
    coupon = _draw_coupons(setting, orders)
    gross = catalogue.price_cents[product] * quantity
    discount = gross * _COUPON_PERCENT[coupon][order] // 100
    gross -= discount
    # Every order has at least one line, so each boundary starts a run and the sums are exact.
    starts = np.flatnonzero(np.append(True, order[1:] != order[:-1])[: order.size])
    assert starts.size == orders_count
    return Baskets(
        order=order,
        product=product,
        quantity=quantity,
        net_cents=gross,
        discount_cents=discount,
        coupon=coupon,
        order_net_cents=np.add.reduceat(gross, starts) if orders_count else gross,
        order_discount_cents=np.add.reduceat(discount, starts) if orders_count else discount,
    )


def order_ids(orders: Orders) -> NDArray[np.uint8]:
    """Write the order ids, one row of bytes each, ascending with time."""
    return id_bytes("o", np.arange(1, orders.customer.size + 1), 8)


def orders_table(setting: Setting, people: People, orders: Orders, baskets: Baskets) -> pa.Table:
    """Build the table `orders`."""
    rng = setting.rng("orders table")
    size = orders.customer.size
    with_points = (rng.random(size, dtype=np.float32) < 0.06) & ~orders.is_first
    percent = rng.integers(5, 31, size, dtype=np.int8)
    points = np.where(with_points, baskets.order_net_cents * percent // 100, 0)
    own_channel = rng.random(size, dtype=np.float32) < 0.8
    channel = np.where(
        own_channel,
        people.channel[orders.customer],
        draw_codes(rng, size, [0.40, 0.25, 0.13, 0.17, 0.05]),
    )
    # Later orders come through an online touch or none that is known.
    touch = draw_codes(rng, size, [0.07, 0.05, 0.06, 0.04, 0.15, 0.08, 0.05, 0.12, 0.05, 0.03, 0.3])
    source = np.where(touch < 10, touch + OFFLINE_SOURCES, -1).astype(np.int16)
    np.copyto(source, people.source[orders.customer], where=orders.is_first)
    return pa.table(
        {
            "order_id": text(order_ids(orders)),
            "customer_id": text(people.ids.take(orders.customer, axis=0)),
            "ordered_at": instants(setting.calendar, orders.seconds),
            "amount": yuan(baskets.order_net_cents),
            "discount": yuan(baskets.order_discount_cents),
            "coupon": choice_text(baskets.coupon, _COUPONS),
            "paid_with_points": yuan(points),
            "channel": choice_text(channel, CHANNELS),
            "source": choice_text(source, SOURCES),
        }
    )


def order_lines_table(
    setting: Setting, people: People, catalogue: Catalogue, orders: Orders, baskets: Baskets
) -> pa.Table:
    """Build the table `order_lines`."""
    line = baskets.order
    return pa.table(
        {
            "order_id": text(order_ids(orders).take(line, axis=0)),
            "customer_id": text(people.ids.take(orders.customer[line], axis=0)),
            "ordered_at": instants(setting.calendar, orders.seconds[line]),
            "product_id": text(catalogue.ids.take(baskets.product, axis=0)),
            "category": choice_text(catalogue.category[baskets.product], CATEGORIES),
            "quantity": pa.array(baskets.quantity.astype(np.int64)),
            "unit_price": yuan(catalogue.price_cents[baskets.product]),
            "amount": yuan(baskets.net_cents),
            "discount": yuan(baskets.discount_cents),
            "cost": yuan(catalogue.cost_cents[baskets.product] * baskets.quantity),
        }
    )
