"""Who signs up at the shop: when, from where, with which tastes, and for how long they stay."""

from __future__ import annotations

import attrs
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from userops.datasets.synthetic.catalogue import CATEGORIES, SHELF_WIDTH
from userops.datasets.synthetic.columns import choice_text, id_bytes, instants, text
from userops.datasets.synthetic.levels import LEVELS, LevelChanges
from userops.datasets.synthetic.setting import DAY_S, Setting, draw_codes

__all__ = [
    "CHANNELS",
    "GUIDES",
    "OFFLINE_SOURCES",
    "SOURCES",
    "People",
    "attributes_table",
    "customers_table",
    "draw_people",
]

CHANNELS = ("miniprogram", "tmall", "jd", "douyin", "store")
_POSTERS = tuple(
    f"offline/community-{community}/lift-{lift}/poster-{poster}"
    for community in range(1, 13)
    for lift in range(1, 4)
    for poster in "ab"
)
_ONLINE = (
    "ads/douyin/feed",
    "ads/wechat/moments",
    "ads/tmall/search",
    "ads/jd/search",
    "private/wecom/group",
    "private/wecom/moments",
    "private/sms",
    "organic/search",
    "organic/friend",
    "organic/store",
)
SOURCES = _POSTERS + _ONLINE
OFFLINE_SOURCES = len(_POSTERS)
GUIDES = tuple(f"guide-{number:03d}" for number in range(1, 61))

_GENDERS = ("female", "male")
_CITIES = (
    "上海", "北京", "广州", "深圳", "杭州", "成都", "重庆", "武汉", "苏州", "南京",
    "西安", "长沙", "天津", "郑州", "青岛", "宁波", "合肥", "佛山", "东莞", "无锡",
    "厦门", "福州", "济南", "昆明", "沈阳", "大连", "南昌", "贵阳", "南宁", "哈尔滨",
)  # fmt: skip
_CITY_WEIGHTS = 1.0 / np.arange(2, len(_CITIES) + 2) ** 0.8

# Share of each category among the favourites of women, men, and customers of unknown gender.
_FAVOURITES = (
    [0.20, 0.24, 0.12, 0.14, 0.11, 0.13, 0.03, 0.03],
    [0.09, 0.04, 0.08, 0.18, 0.12, 0.12, 0.23, 0.14],
    [0.14, 0.14, 0.10, 0.16, 0.12, 0.13, 0.13, 0.08],
)
_RATE_SHAPE = 0.6
_DROPOUT_SHAPE = 0.6
_DROPOUT_SCALE_DAYS = 90.0
_FIRST_BIRTH_YEAR, _LAST_BIRTH_YEAR = 1955, 2005


@attrs.frozen(eq=False)
class People:
    """The customers, in the order in which they signed up; one entry each.

    Attributes:
        joined_s: When they signed up, >= 60 s from the start and from the end.
        leaves_s: When they silently stop buying; the end of the period at the latest.
        eagerness: Relative purchase rate, gamma distributed.
        gender: 0 female, 1 male, -1 unknown.
        favourite: Favourite category.
        price_level: Position on the shelf around which they choose, 0 to `SHELF_WIDTH` - 1.
        channel: Main channel.
        source: Source of the sign-up.
        city: City at sign-up.
        guide: The guide who looks after them, -1 for none.
    """

    joined_s: NDArray[np.int64]
    leaves_s: NDArray[np.int64]
    eagerness: NDArray[np.float64]
    gender: NDArray[np.int16]
    favourite: NDArray[np.int8]
    price_level: NDArray[np.int16]
    channel: NDArray[np.int16]
    source: NDArray[np.int16]
    city: NDArray[np.int16]
    guide: NDArray[np.int16]

    @property
    def count(self) -> int:
        """Number of customers."""
        return self.joined_s.size

    @property
    def ids(self) -> NDArray[np.uint8]:
        """Customer ids, one row of bytes each."""
        return id_bytes("c", np.arange(1, self.count + 1), 7)

    @property
    def is_offline(self) -> NDArray[np.bool_]:
        """Whether the sign-up came from a poster."""
        return self.source < OFFLINE_SOURCES


def draw_people(setting: Setting) -> People:
    """Draw the customers: arrivals, a gamma purchase rate, a Pareto life time, and tastes."""
    size, calendar = setting.customer_count, setting.calendar
    rng = setting.rng("people")
    joined = np.sort(calendar.seconds_at_arrivals(rng.random(size)))
    # A scan needs room before the sign-up, and a first order after it.
    np.clip(joined, 60, calendar.span_s - 60, out=joined)
    # An exponential life time whose rate is gamma distributed follows a Pareto law of the
    # second kind, which inverts in closed form.
    days = _DROPOUT_SCALE_DAYS * (rng.random(size) ** (-1.0 / _DROPOUT_SHAPE) - 1.0)
    leaves = joined + np.minimum(days * DAY_S, calendar.span_s).astype(np.int64)

    gender = draw_codes(rng, size, [0.55, 0.35, 0.10])
    favourite = np.empty(size, dtype=np.int8)
    for code, weights in enumerate(_FAVOURITES):
        same = gender == code
        favourite[same] = draw_codes(rng, int(same.sum()), weights)
    gender[gender == 2] = -1

    offline = rng.random(size) < 0.3
    poster = draw_codes(rng, size, 1.0 / np.repeat(np.arange(1, 13), 6) ** 0.5)
    online = draw_codes(rng, size, [0.18, 0.12, 0.12, 0.08, 0.12, 0.06, 0.02, 0.15, 0.10, 0.05])
    source = np.where(offline, poster, online + OFFLINE_SOURCES).astype(np.int16)
    at_door = np.where(rng.random(size) < 0.7, 0, len(CHANNELS) - 1)
    channel = np.where(offline, at_door, draw_codes(rng, size, [0.40, 0.25, 0.13, 0.17, 0.05]))

    guide = rng.integers(0, len(GUIDES), size, dtype=np.int16)
    guide[rng.random(size) >= np.where(channel == len(CHANNELS) - 1, 0.7, 0.3)] = -1
    return People(
        joined_s=joined,
        leaves_s=np.minimum(leaves, calendar.span_s),
        eagerness=rng.standard_gamma(_RATE_SHAPE, size),
        gender=gender,
        favourite=favourite,
        price_level=rng.integers(0, SHELF_WIDTH, size, dtype=np.int16),
        channel=channel.astype(np.int16),
        source=source,
        city=draw_codes(rng, size, _CITY_WEIGHTS),
        guide=guide,
    )


@attrs.frozen(eq=False)
class _Moves:
    """Customers who moved to another city: who, when, and where to."""

    customer: NDArray[np.int64]
    seconds: NDArray[np.int64]
    city: NDArray[np.int16]


def _draw_moves(setting: Setting, people: People) -> _Moves:
    rng = setting.rng("moves")
    customer = np.flatnonzero(rng.random(people.count) < 0.04)
    left = setting.calendar.span_s - people.joined_s[customer]
    seconds = people.joined_s[customer] + 1 + (rng.random(customer.size) * left).astype(np.int64)
    step = rng.integers(1, len(_CITIES), customer.size, dtype=np.int16)
    in_time = seconds < setting.calendar.span_s
    city = (people.city[customer] + step) % len(_CITIES)
    return _Moves(customer[in_time], seconds[in_time], city[in_time])


def customers_table(setting: Setting, people: People, changes: LevelChanges) -> pa.Table:
    """Build the table `customers`: what is true of each customer at the end."""
    rng = setting.rng("customers")
    first = np.datetime64(f"{_FIRST_BIRTH_YEAR}-01-01", "D").astype(np.int64)
    last = np.datetime64(f"{_LAST_BIRTH_YEAR}-12-31", "D").astype(np.int64)
    # The mean of two even draws puts most births in the middle of the range.
    births = (rng.integers(first, last + 1, (2, people.count)).sum(axis=0) // 2).astype(np.int32)
    city = people.city.copy()
    moves = _draw_moves(setting, people)
    city[moves.customer] = moves.city
    level = np.zeros(people.count, dtype=np.int8)
    # Later entries overwrite earlier ones, and the changes are in the order of time.
    level[changes.customer] = changes.level
    return pa.table(
        {
            "customer_id": text(people.ids),
            "joined_at": instants(setting.calendar, people.joined_s),
            "birthday": pa.array(births, mask=rng.random(people.count) < 0.2).view(pa.date32()),
            "gender": choice_text(people.gender, _GENDERS),
            "city": choice_text(city, _CITIES),
            "member_level": choice_text(level, LEVELS),
            "channel": choice_text(people.channel, CHANNELS),
            "source": choice_text(people.source, SOURCES),
            "guide": choice_text(people.guide, GUIDES),
        }
    )


def _baby_birthdays(
    setting: Setting, people: People
) -> tuple[NDArray[np.int64], NDArray[np.datetime64]]:
    """Draw which customers told the shop a baby's birthday at sign-up, and the day."""
    rng = setting.rng("babies")
    chance = np.where(people.favourite == CATEGORIES.index("母婴"), 0.6, 0.03)
    customer = np.flatnonzero(rng.random(people.count) < chance)
    joined_day = people.joined_s[customer] // DAY_S
    age_days = rng.integers(1, 3 * 365, customer.size)
    return customer, np.datetime64(setting.calendar.start, "D") + (joined_day - age_days)


def attributes_table(setting: Setting, people: People, changes: LevelChanges) -> pa.Table:
    """Build the table `attributes`: each value with the instant from which it holds."""
    everyone = np.arange(people.count)
    moves = _draw_moves(setting, people)
    parents, born = _baby_birthdays(setting, people)
    entry = np.zeros(people.count, dtype=np.int8)
    parts = (
        (everyone, "member_level", choice_text(entry, LEVELS), people.joined_s),
        (changes.customer, "member_level", choice_text(changes.level, LEVELS), changes.seconds),
        (everyone, "city", choice_text(people.city, _CITIES), people.joined_s),
        (moves.customer, "city", choice_text(moves.city, _CITIES), moves.seconds),
        (parents, "baby_birthday", pa.array(born).cast(pa.string()), people.joined_s[parents]),
    )
    names = tuple(dict.fromkeys(name for _, name, _, _ in parts))
    customer = np.concatenate([part[0] for part in parts])
    name = np.concatenate(
        [np.full(part[0].size, names.index(part[1]), dtype=np.int8) for part in parts]
    )
    seconds = np.concatenate([part[3] for part in parts])
    values = pa.concat_arrays([pa.array(c) for part in parts for c in _chunks(part[2])])
    order = np.lexsort((seconds, name, customer))
    return pa.table(
        {
            "customer_id": text(people.ids[customer[order]]),
            "name": choice_text(name[order], names),
            "value": values.take(pa.array(order)),
            "valid_from": instants(setting.calendar, seconds[order]),
        }
    )


def _chunks(column: pa.Array | pa.ChunkedArray) -> list[pa.Array]:
    return column.chunks if isinstance(column, pa.ChunkedArray) else [column]
