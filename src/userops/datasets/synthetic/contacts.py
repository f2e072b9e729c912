"""How shop and customers meet between orders: page views, groups, guides and messages."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.datasets.synthetic.catalogue import CATEGORIES, Catalogue
from userops.datasets.synthetic.columns import choice_text, id_bytes, instants, text
from userops.datasets.synthetic.identity import Identifier
from userops.datasets.synthetic.orders import Baskets, Orders
from userops.datasets.synthetic.people import CHANNELS, GUIDES, SOURCES, People
from userops.datasets.synthetic.setting import DAY_S, Setting, draw_codes, time_order

__all__ = ["group_joins_table", "guide_contacts_table", "messages_table", "page_views_table"]

_PAGES = ("home", "category", "product", "cart")
_HOME, _CATEGORY, _PRODUCT, _CART = range(4)
_VIEWS_PER_ORDER = 1.5

_GROUPS = tuple(f"group-{number:03d}" for number in range(1, 41))
_GROUP_SOURCES = (SOURCES.index("private/wecom/group"), SOURCES.index("private/wecom/moments"))
_GUIDE_CHANNELS = ("wecom", "phone", "store")
_OUTCOMES = ("answered", "no_answer", "booked_visit", "declined")

_MESSAGE_CHANNELS = ("wecom", "sms")
_ACTIONS = ("sent", "opened", "clicked")
_OPEN_CHANCE = np.array([0.38, 0.12])
_CLICK_CHANCE = 0.25


def page_views_table(
    setting: Setting, people: People, catalogue: Catalogue, orders: Orders, baskets: Baskets
) -> pa.Table:
    """Build the table `page_views`: what was looked at before an order, and idle browsing."""
    rng = setting.rng("page views")
    line = np.flatnonzero(rng.random(baskets.order.size, dtype=np.float32) < 0.7)
    line_order = baskets.order[line]
    cart = np.flatnonzero(rng.random(orders.customer.size, dtype=np.float32) < 0.9)

    counts = rng.poisson(orders.pace * _VIEWS_PER_ORDER)
    idler = np.repeat(np.arange(people.count, dtype=np.int32), counts)
    low = setting.calendar.demand_until(people.joined_s)
    high = setting.calendar.demand_until(people.leaves_s)
    idle = low[idler] + rng.random(idler.size) * (high - low)[idler]
    seen = catalogue.choose(rng, people.favourite[idler], people.price_level[idler])

    customer = np.concatenate((orders.customer[line_order], orders.customer[cart], idler))
    seconds = np.concatenate(
        (
            orders.seconds[line_order] - rng.integers(90, 5_400, line.size),
            orders.seconds[cart] - rng.integers(10, 90, cart.size),
            setting.calendar.seconds_at_demand(idle),
        )
    )
    page = np.concatenate(
        (
            np.full(line.size, _PRODUCT, dtype=np.int16),
            np.full(cart.size, _CART, dtype=np.int16),
            draw_codes(rng, idler.size, [0.3, 0.3, 0.4]),
        )
    )
    product = np.concatenate((baskets.product[line], np.zeros(cart.size, dtype=np.int16), seen))
    # A view before the sign-up could not be ascribed to a customer.
    kept = np.flatnonzero(seconds >= people.joined_s[customer])
    kept = kept[time_order(seconds[kept])]
    customer, page, product = customer[kept], page[kept], product[kept]
    # Pages are seen on a screen, so who buys in the store sees them in the mini program.
    channel = np.where(people.channel == CHANNELS.index("store"), 0, people.channel)[customer]
    in_category = (page == _CATEGORY) | (page == _PRODUCT)
    return pa.table(
        {
            "event_id": text(id_bytes("pv", np.arange(1, kept.size + 1), 8)),
            "customer_id": text(people.ids.take(customer, axis=0)),
            "occurred_at": instants(setting.calendar, seconds[kept]),
            "page": choice_text(page, _PAGES),
            "product_id": text(catalogue.ids.take(product, axis=0), page != _PRODUCT),
            "category": choice_text(
                np.where(in_category, catalogue.category[product], -1), CATEGORIES
            ),
            "channel": choice_text(channel, CHANNELS),
        }
    )


def group_joins_table(setting: Setting, people: People) -> pa.Table:
    """Build the table `group_joins`: who joined a WeCom customer group, and whose it is."""
    rng = setting.rng("group joins")
    customer = np.flatnonzero(rng.random(people.count) < np.where(people.guide >= 0, 0.6, 0.2))
    wait = (rng.standard_exponential(customer.size) * 10 * DAY_S).astype(np.int64) + 120
    seconds = people.joined_s[customer] + wait
    group = draw_codes(rng, customer.size, 1.0 / np.arange(1, len(_GROUPS) + 1) ** 0.4)
    touch = rng.integers(0, len(_GROUP_SOURCES), customer.size)
    source = np.array(_GROUP_SOURCES, dtype=np.int16)[touch]

    in_time = np.flatnonzero(seconds < setting.calendar.span_s)
    kept = in_time[time_order(seconds[in_time])]
    return pa.table(
        {
            "event_id": text(id_bytes("gj", np.arange(1, kept.size + 1), 7)),
            "customer_id": text(people.ids[customer[kept]]),
            "occurred_at": instants(setting.calendar, seconds[kept]),
            "group_id": choice_text(group[kept], _GROUPS),
            "channel": choice_text(np.zeros(kept.size, dtype=np.int8), ("wecom",)),
            "source": choice_text(source[kept], SOURCES),
            # Each group belongs to one guide.
            "actor": choice_text(group[kept], GUIDES),
        }
    )


def guide_contacts_table(setting: Setting, people: People) -> pa.Table:
    """Build the table `guide_contacts`: guides who call, write to or receive their customers."""
    rng = setting.rng("guide contacts")
    low = setting.calendar.demand_until(people.joined_s)
    left = setting.calendar.demand_by_hour[-1] - low
    counts = rng.poisson(np.where(people.guide >= 0, left * 6.0 / 365.25, 0.0))
    customer = np.repeat(np.arange(people.count), counts)
    at = low[customer] + rng.random(customer.size) * left[customer]
    seconds = np.maximum(setting.calendar.seconds_at_demand(at), people.joined_s[customer])
    channel = draw_codes(rng, customer.size, [0.6, 0.25, 0.15])
    outcome = draw_codes(rng, customer.size, [0.55, 0.30, 0.08, 0.07])
    # Nobody fails to answer who stands in the store.
    outcome[(channel == 2) & (outcome == 1)] = 0

    order = time_order(seconds)
    return pa.table(
        {
            "event_id": text(id_bytes("gc", np.arange(1, order.size + 1), 7)),
            "customer_id": text(people.ids[customer[order]]),
            "occurred_at": instants(setting.calendar, seconds[order]),
            "actor": choice_text(people.guide[customer[order]], GUIDES),
            "channel": choice_text(channel[order], _GUIDE_CHANNELS),
            "outcome": choice_text(outcome[order], _OUTCOMES),
        }
    )


def _campaigns(setting: Setting) -> list[tuple[str, int]]:
    """List the campaigns: one in each month and one before each great sale, with its time."""
    start, end = setting.calendar.start, setting.calendar.end
    found = []
    for year in range(start.year, end.year + 1):
        plan = [
            (f"{year}-{month:02d}-monthly", dt.date(year, month, 5), 10) for month in range(1, 13)
        ]
        plan.append((f"{year}-mid-year", dt.date(year, 6, 16), 20))
        plan.append((f"{year}-double-11", dt.date(year, 11, 9), 20))
        found += [
            (name, (day - start).days * DAY_S + hour * 3_600)
            for name, day, hour in plan
            if start <= day < end
        ]
    return sorted(found, key=lambda campaign: campaign[1])


def _reachable(people: People, identifier: Identifier, seconds: int) -> NDArray[np.bool_]:
    """Say for each customer whether they may be contacted by that identifier at that time."""
    holds = (identifier.opted_in_s <= seconds) & (seconds < identifier.opted_out_s)
    reachable = np.zeros(people.count, dtype=np.bool_)
    reachable[identifier.owner[holds]] = True
    return reachable


def messages_table(
    setting: Setting, people: People, identifiers: dict[str, Identifier]
) -> pa.Table:
    """Build the table `messages`; nobody gets one without a consent that holds."""
    rng = setting.rng("messages")
    campaigns = _campaigns(setting)
    customers, times, channels, campaign_codes = [], [], [], []
    for code, (_, starts) in enumerate(campaigns):
        by_wecom = _reachable(people, identifiers["external_userid"], starts)
        by_sms = _reachable(people, identifiers["phone"], starts)
        chosen = np.flatnonzero((by_wecom | by_sms) & (rng.random(people.count) < 0.5))
        customers.append(chosen)
        # Messages leave over a quarter of an hour.
        times.append(starts + rng.integers(0, 900, chosen.size))
        channels.append((~by_wecom[chosen]).astype(np.int8))
        campaign_codes.append(np.full(chosen.size, code, dtype=np.int16))
    empty = np.zeros(0, dtype=np.int64)
    customer = np.concatenate([empty, *customers])
    sent = np.concatenate([empty, *times])
    channel = np.concatenate([empty, *channels]).astype(np.int8)
    campaign = np.concatenate([empty, *campaign_codes]).astype(np.int16)
    opens = np.flatnonzero(rng.random(sent.size) < _OPEN_CHANCE[channel])
    opened = sent[opens] + 30 + (rng.standard_exponential(opens.size) * 10_800).astype(np.int64)
    clicks = np.flatnonzero(rng.random(opens.size) < _CLICK_CHANCE)
    clicked = opened[clicks] + rng.integers(2, 120, clicks.size)

    message = np.concatenate((np.arange(sent.size), opens, opens[clicks]))
    seconds = np.concatenate((sent, opened, clicked))
    action = np.repeat(np.arange(3, dtype=np.int8), (sent.size, opens.size, clicks.size))
    in_time = np.flatnonzero(seconds < setting.calendar.span_s)
    kept = in_time[time_order(seconds[in_time])]
    message = message[kept]
    return pa.table(
        {
            "event_id": text(id_bytes("me", np.arange(1, kept.size + 1), 8)),
            "message_id": text(id_bytes("m", message + 1, 8)),
            "customer_id": text(people.ids[customer[message]]),
            "occurred_at": instants(setting.calendar, seconds[kept]),
            "action": choice_text(action[kept], _ACTIONS),
            "channel": choice_text(channel[message], _MESSAGE_CHANNELS),
            "campaign": choice_text(campaign[message], [name for name, _ in campaigns] or ["none"]),
        }
    )
