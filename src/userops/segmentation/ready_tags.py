"""A ready set of tags for a shop: to start from, and as an example of how tags are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.rules import Did, days
from userops.rules.locales import Locale, check_locale
from userops.segmentation.tag_set import TagSet
from userops.segmentation.tags import AnyTag, PreferenceTag, Tag, TagGroup

__all__ = ["shop_tags"]

_WORDS: dict[str, dict[str, str]] = {
    "en": {
        "activity": "activity", "new": "new", "active": "active", "lapsing": "lapsing",
        "lapsed": "lapsed", "yes": "true", "repeat": "repeat buyer", "soon": "came back soon",
        "spender": "big spender", "baskets": "big baskets", "returns": "returns often",
        "category": "favourite category", "product_id": "favourite product",
        "channel": "usual channel", "source": "usual source",
    },
    "zh": {
        "activity": "活跃度", "new": "新客", "active": "活跃", "lapsing": "即将流失",
        "lapsed": "已流失", "yes": "是", "repeat": "复购客户", "soon": "很快复购",
        "spender": "高消费客户", "baskets": "大单客户", "returns": "经常退货",
        "category": "偏好品类", "product_id": "偏好商品",
        "channel": "常用渠道", "source": "常见来源",
    },
}  # fmt: skip

_ROLES = ("category", "product_id", "channel", "source")


def shop_tags(
    *,
    new_days: int = 30,
    active_days: int = 90,
    lapsed_days: int = 180,
    soon_days: int = 30,
    big_share: float = 0.1,
    preferences: Mapping[str, str] | Iterable[str] = (),
    locale: Locale = "en",
) -> TagSet:
    """Return a set of tags that most shops can use; fit it before it is used.

    Days are whole local days to the last observed day, as RFM counts recency. Spend is net of
    returns where the history nets them. Customers without an order have no tag.

    * activity 活跃度: new 新客, if the first order is fewer than `new_days` old; else active
      活跃, if the last one is fewer than `active_days` old; lapsing 即将流失, if fewer than
      `lapsed_days`; else lapsed 已流失
    * repeat buyer 复购客户: at least two orders
    * came back soon 很快复购: the second order within `soon_days` times 24 hours of the first
    * big spender 高消费客户: total spend among the highest `big_share` of customers
    * big baskets 大单客户: spend an order, likewise
    * returns often 经常退货: two returns or more, and at least one for every two orders
    * favourite category 偏好品类 and others: see `preferences`

    Args:
        new_days: Days for which a customer is new, 1 or more.
        active_days: Days without an order before a customer is lapsing, at least `new_days`.
        lapsed_days: Days without an order before a customer is lapsed, above `active_days`.
        soon_days: Days within which a second order came soon, 1 or more.
        big_share: Share of customers who spend most, above 0 and below 1.
        preferences: Properties of orders, such as `category`: the most frequent value becomes a
            tag. They have to be text. The roles `category`, `product_id`, `channel` and `source`
            have names of their own, such as “favourite category” 偏好品类, any other property gives
            the tag its name; a mapping says property to name.
        locale: Language of the names and values, `en` or `zh`.

    Raises:
        InvalidDefinitionError: If the days do not ascend, or a share is none.

    Example:
        >>> print(shop_tags(preferences=["category"]).tag("repeat buyer").when)
        number of order is at least 2
        >>> [tag.name for tag in shop_tags(preferences=["category"], locale="zh").tags]
        ['活跃度', '复购客户', '很快复购', '高消费客户', '大单客户', '经常退货', '偏好品类']
    """
    _check(new_days, active_days, lapsed_days, big_share)
    words = _WORDS[check_locale(locale)]
    orders, returns = Did("order"), Did("return")
    bought, back, spent = orders.count(), returns.count(), orders.sum("amount")
    since_first, since_last = orders.days_since_first(), orders.days_since_last()
    activity = {
        words["new"]: since_first < new_days,
        words["active"]: since_last < active_days,
        words["lapsing"]: since_last < lapsed_days,
        words["lapsed"]: since_last >= lapsed_days,
    }
    top = (1 - big_share, 1)
    rules = {
        "repeat": bought >= 2,
        "soon": orders.since(orders.first(), lasting=days(soon_days)).count() >= 2,
        "spender": spent.in_percentile(*top),
        "baskets": (spent / bought).in_percentile(*top),
        "returns": (back >= 2) & (back / bought >= 0.5),
    }
    tags: list[AnyTag] = [TagGroup(words["activity"], activity)]
    tags += [Tag(words[name], rule, value=words["yes"]) for name, rule in rules.items()]
    tags += [
        PreferenceTag(name, of=of, events=orders) for of, name in _named(preferences, words).items()
    ]
    return TagSet(tags)


def _check(new_days: int, active_days: int, lapsed_days: int, big_share: float) -> None:
    if not 1 <= new_days <= active_days < lapsed_days:
        raise InvalidDefinitionError(
            "lapsed_days", "must ascend from new_days by active_days",
            got=f"{new_days}, {active_days}, {lapsed_days}", allowed="such as 30, 90, 180",
        )  # fmt: skip
    if not 0 < big_share < 1:
        raise InvalidDefinitionError(
            "big_share", "must be a share of the customers", got=big_share,
            allowed="above 0 and below 1",
        )  # fmt: skip


def _named(preferences: Mapping[str, str] | Iterable[str], words: dict[str, str]) -> dict[str, str]:
    """Return property to the name of its tag."""
    if isinstance(preferences, str):
        raise InvalidArgumentError(
            "preferences", "must be several properties", got=repr(preferences),
            allowed=f"[{preferences!r}]",
        )  # fmt: skip
    if isinstance(preferences, Mapping):
        return dict(preferences)
    return {of: words[of] if of in _ROLES else of for of in preferences}
