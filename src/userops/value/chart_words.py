"""The words on charts of value, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping

from userops.charts import Language
from userops.errors import InvalidArgumentError

__all__ = ["words_of"]

_ENGLISH: Mapping[str, str] = {
    "actual": "actual",
    "expected": "expected",
    "days": "days",
    "weeks": "weeks",
    "one_days": "day",
    "one_weeks": "week",
    "period": "Customers by repeat purchases",
    "repeats": "repeat purchases",
    "customers": "customers",
    "holdout": "Purchases in the holdout by repeat purchases before",
    "mean_purchases": "purchases a customer",
    "cumulative": "Repeat purchases, cumulated",
    "weekly": "Repeat purchases a week",
    "week": "week",
    "purchases": "purchases",
    "lift": "Lift by tenths of expected purchases",
    "spend_lift": "Lift of spend by tenths of CLV",
    "decile": "tenth of the customers, the best first",
    "times_mean": "times the mean",
    "clv": "Share of CLV by tenths of customers",
    "share_clv": "share of CLV",
    "spend": "Mean spend of a repeat purchase",
    "spend_axis": "mean spend",
    "density": "density",
    "fitted": "fitted",
    "matrix": "Purchases expected within {horizon} {unit}",
    "alive_matrix": "Probability of being alive",
    "last_age": "last purchase, {unit} after the first",
    "p_alive": "P(alive)",
    "history": "One customer: probability of being alive",
    "rates": "Purchase rates of customers",
    "rate": "purchases a {unit}",
    "coins": "Dropout of customers",
    "coin": "probability of leaving after a purchase",
    "leaving": "dropout rate a {unit}",
    "growth": "Purchases expected of a new customer",
    "after": "{unit} after the first purchase",
    "interval": "interval",
}
_CHINESE: Mapping[str, str] = {
    "actual": "实际",
    "expected": "预期",
    "days": "天",
    "weeks": "周",
    "one_days": "天",
    "one_weeks": "周",
    "period": "按复购次数的客户数",
    "repeats": "复购次数",
    "customers": "客户数",
    "holdout": "按校准期复购次数看保留期购买",
    "mean_purchases": "人均购买次数",
    "cumulative": "累计复购次数",
    "weekly": "每周复购次数",
    "week": "周",
    "purchases": "购买次数",
    "lift": "按预期购买十分位的提升度",
    "spend_lift": "按 CLV 十分位的消费提升度",
    "decile": "客户十分位（最好的在前）",
    "times_mean": "均值的倍数",
    "clv": "各客户十分位的 CLV 占比",
    "share_clv": "CLV 占比",
    "spend": "每次复购的平均消费",
    "spend_axis": "平均消费",
    "density": "密度",
    "fitted": "拟合",
    "matrix": "未来 {horizon} {unit}的预期购买次数",
    "alive_matrix": "客户存活概率",
    "last_age": "末次购买（首购后的{unit}数）",
    "p_alive": "存活概率",
    "history": "一位客户的存活概率",
    "rates": "客户购买率的分布",
    "rate": "每{unit}购买次数",
    "coins": "客户流失的分布",
    "coin": "每次购买后流失的概率",
    "leaving": "每{unit}的流失率",
    "growth": "新客户的预期购买次数",
    "after": "首购后的{unit}数",
    "interval": "区间",
}
_WORDS: Mapping[Language, Mapping[str, str]] = {"en": _ENGLISH, "zh": _CHINESE}


def words_of(locale: Language) -> Mapping[str, str]:
    """Return the words of a language.

    Raises:
        InvalidArgumentError: If it is neither `en` nor `zh`.
    """
    if locale not in _WORDS:
        raise InvalidArgumentError.unknown("locale", locale, _WORDS)
    return _WORDS[locale]
