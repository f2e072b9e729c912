"""What happens after an order: returns and reviews."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from userops.datasets.synthetic.catalogue import RETURN_RATES, Catalogue
from userops.datasets.synthetic.columns import choice_text, id_bytes, instants, text, yuan
from userops.datasets.synthetic.orders import Baskets, Orders, order_ids
from userops.datasets.synthetic.people import People
from userops.datasets.synthetic.setting import DAY_S, Setting, draw_codes, time_order

__all__ = ["returns_table", "reviews_table"]

_LONGEST_RETURN_DAYS = 60
_REVIEW_CHANCE = 0.12
_RATING_WEIGHTS = [0.0, 0.03, 0.03, 0.08, 0.24, 0.62]
_REVIEWS = (
    ("质量太差，很失望", "用了一次就坏了", "和描述完全不符", "包装破损，要求退货"),
    ("不太满意", "做工一般，有异味", "物流太慢了", "客服回复不及时"),
    ("一般般吧", "凑合能用", "价格偏高", "没有想象中好"),
    ("挺好的，下次还会买", "性价比不错", "质量可以，物流也快", "家人很喜欢"),
    ("非常满意，强烈推荐！", "回购好几次了，一直很好", "包装精美，送人合适", "超出预期，五星好评"),
)  # fmt: skip
_REVIEW_TEXTS = tuple(text for texts in _REVIEWS for text in texts)
_TEXTS_PER_RATING = len(_REVIEWS[0])


def returns_table(
    setting: Setting, people: People, catalogue: Catalogue, orders: Orders, baskets: Baskets
) -> pa.Table:
    """Build the table `returns`: parts of earlier lines that came back before the end."""
    rng = setting.rng("returns")
    rate = RETURN_RATES[catalogue.category].astype(np.float32)
    line = np.flatnonzero(rng.random(baskets.order.size, dtype=np.float32) < rate[baskets.product])
    wait_days = np.minimum(1.0 + 4.0 * rng.standard_gamma(2.0, line.size), _LONGEST_RETURN_DAYS)
    seconds = orders.seconds[baskets.order[line]] + (wait_days * DAY_S).astype(np.int64)
    bought = baskets.quantity[line].astype(np.int64)
    some = 1 + (rng.random(line.size) * bought).astype(np.int64)
    quantity = np.where(rng.random(line.size) < 0.7, bought, some)

    in_time = np.flatnonzero(seconds < setting.calendar.span_s)
    kept = in_time[time_order(seconds[in_time])]
    line, quantity = line[kept], quantity[kept]
    order = baskets.order[line]
    return pa.table(
        {
            "return_id": text(id_bytes("r", np.arange(1, line.size + 1), 7)),
            "return_of": text(order_ids(orders).take(order, axis=0)),
            "customer_id": text(people.ids.take(orders.customer[order], axis=0)),
            "product_id": text(catalogue.ids.take(baskets.product[line], axis=0)),
            "quantity": pa.array(quantity),
            "amount": yuan(baskets.net_cents[line] * quantity // baskets.quantity[line]),
            "returned_at": instants(setting.calendar, seconds[kept]),
        }
    )


def reviews_table(
    setting: Setting, people: People, catalogue: Catalogue, orders: Orders, baskets: Baskets
) -> pa.Table:
    """Build the table `reviews`: what customers say days after an order."""
    rng = setting.rng("reviews")
    line = np.flatnonzero(rng.random(baskets.order.size, dtype=np.float32) < _REVIEW_CHANCE)
    wait_days = 2.0 + 6.0 * rng.standard_exponential(line.size)
    seconds = orders.seconds[baskets.order[line]] + (wait_days * DAY_S).astype(np.int64)
    rating = draw_codes(rng, line.size, _RATING_WEIGHTS)
    words = (rating - 1) * _TEXTS_PER_RATING + rng.integers(
        0, _TEXTS_PER_RATING, line.size, dtype=np.int16
    )
    # Many people give stars and write nothing.
    words[rng.random(line.size) < 0.4] = -1

    in_time = np.flatnonzero(seconds < setting.calendar.span_s)
    kept = in_time[time_order(seconds[in_time])]
    line = line[kept]
    order = baskets.order[line]
    return pa.table(
        {
            "event_id": text(id_bytes("rv", np.arange(1, line.size + 1), 7)),
            "customer_id": text(people.ids.take(orders.customer[order], axis=0)),
            "occurred_at": instants(setting.calendar, seconds[kept]),
            "order_id": text(order_ids(orders).take(order, axis=0)),
            "product_id": text(catalogue.ids.take(baskets.product[line], axis=0)),
            "rating": pa.array(rating[kept].astype(np.int64)),
            "text": choice_text(words[kept], _REVIEW_TEXTS),
        }
    )
