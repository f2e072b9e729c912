"""What the figures of a tag mean, in plain words, English and Chinese."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from userops.charts.labels import format_percent
from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError
from userops.segmentation.tag_statistics import wilson_interval

__all__ = [
    "LOCALES",
    "TagThresholds",
    "agreement_verdict",
    "coverage_verdict",
    "separation_verdicts",
    "stability_verdict",
]

_WORDS = {
    "en": {
        "nobody": "covers nobody",
        "few": "covers {share} of customers ({n}): too few to act on",
        "some": "covers {share} of customers ({n})",
        "most": "covers {share} of customers ({n}), nearly all with one value: tells few apart",
        "right": "right: {figure} {p} ({low} to {high}), {other}",
        "wrong": "wrong too often: {figure} {p} ({low} to {high}), {other}",
        "unsure": "right or not: too few labels to say, {figure} {p} ({low} to {high}), {other}",
        "unlabelled": "right or not: no customer with the tag has a label",
        "precision": "precision",
        "accuracy": "accuracy",
        "recall": "recall {value}",
        "kappa": "kappa {value}",
        "stable": "stable: PSI {psi}{kept}",
        "look": "moved a little, look: PSI {psi}{kept}",
        "moved": "moved: PSI {psi}{kept}",
        "kept": "; {share} of those who had it kept it",
        "no_psi": "stable or not: a date has no customers",
        "iv_none": "does not separate: IV {iv}",
        "iv_weak": "separates: IV {iv} weak",
        "iv_medium": "separates: IV {iv} medium",
        "iv_strong": "separates: IV {iv} strong",
        "iv_suspect": "separates: IV {iv} suspiciously strong, look for a leak of the outcome",
        "lift": ", lift {lift}",
        "best": ", lift up to {lift} ({value})",
        "too_few": "separates or not: too few customers to judge ({n}, fewer than {least})",
        "no_iv": "separates or not: all or none of the customers have the outcome",
        "chance": "its difference may be chance: {low} to {high}",
        "eta_none": "does not separate: explains {eta} of the variance",
        "eta_small": "separates: explains {eta} of the variance, little",
        "eta_medium": "separates: explains {eta} of the variance, medium",
        "eta_large": "separates: explains {eta} of the variance, much",
        "ratio": ", mean {ratio} times that of the others",
        "no_eta": "separates or not: the outcome does not vary",
    },
    "zh": {
        "nobody": "没有覆盖任何客户",
        "few": "覆盖 {share} 的客户（{n} 人）：人数太少，不宜据此行动",
        "some": "覆盖 {share} 的客户（{n} 人）",
        "most": "覆盖 {share} 的客户（{n} 人），取值几乎相同：区分不了客户",
        "right": "准确：{figure} {p}（{low} 至 {high}），{other}",
        "wrong": "错误偏多：{figure} {p}（{low} 至 {high}），{other}",
        "unsure": "是否准确：样本太少，尚难判断，{figure} {p}（{low} 至 {high}），{other}",
        "unlabelled": "是否准确：有此标签的客户都没有真实标注",
        "precision": "精确率",
        "accuracy": "准确率",
        "recall": "召回率 {value}",
        "kappa": "kappa {value}",
        "stable": "稳定：PSI {psi}{kept}",
        "look": "略有变化，需留意：PSI {psi}{kept}",
        "moved": "已偏移：PSI {psi}{kept}",
        "kept": "；原有客户中 {share} 仍保留",
        "no_psi": "是否稳定：有一期没有客户",
        "iv_none": "没有区分力：IV {iv}",
        "iv_weak": "有区分力：IV {iv}，弱",
        "iv_medium": "有区分力：IV {iv}，中等",
        "iv_strong": "有区分力：IV {iv}，强",
        "iv_suspect": "有区分力：IV {iv}，强得可疑，请检查结果是否泄漏到标签中",
        "lift": "，提升度 {lift}",
        "best": "，提升度最高 {lift}（{value}）",
        "too_few": "有无区分力：客户太少，无法判断（{n} 人，少于 {least} 人）",
        "no_iv": "有无区分力：客户的结果全部相同",
        "chance": "差异可能出于偶然：{low} 至 {high}",
        "eta_none": "没有区分力：解释了 {eta} 的方差",
        "eta_small": "有区分力：解释了 {eta} 的方差，小",
        "eta_medium": "有区分力：解释了 {eta} 的方差，中等",
        "eta_large": "有区分力：解释了 {eta} 的方差，大",
        "ratio": "，均值为其他客户的 {ratio} 倍",
        "no_eta": "有无区分力：结果没有差异",
    },
}
LOCALES = tuple(_WORDS)


@attrs.frozen(kw_only=True)
class TagThresholds(Definition):
    """From where on a figure of a tag is called what; see each for the source of its default.

    Attributes:
        few_share: Below this share of all customers a tag covers too few to act on. A choice of
            this library: what a campaign needs depends on the company.
        most_share: Above this share nearly everybody has it. A choice of this library.
        least_customers: Whether a tag separates is said from this many customers on with it, and
            this many without it, whose outcome is known; a value of it has a lift from as many on.
            A choice of this library: the rule of thumb for a share to be nearly normal.
        precision: A tag is right where its precision (for labels of text, its accuracy) is surely
            at least this: the 95 % interval lies above it; wrong where the interval lies below.
            A choice of this library.
        psi_look: From this population stability index on a tag deserves a look (Siddiqi 2006).
        psi_shifted: Above this it has moved (Siddiqi 2006).
        iv_weak: From this information value on a tag separates, weakly (Siddiqi 2006).
        iv_medium: From this on, in a medium way (Siddiqi 2006).
        iv_strong: From this on, strongly (Siddiqi 2006).
        iv_suspect: Above this, look for a leak (Siddiqi 2006).
        eta_small: From this share of explained variance on a tag separates, a little (Cohen 1988).
        eta_medium: From this on, in a medium way (Cohen 1988).
        eta_large: From this on, much (Cohen 1988).

    Raises:
        InvalidDefinitionError: If a threshold is below zero or not a number, a share or a
            probability above one, or thresholds of one figure do not ascend.
    """

    few_share: float = 0.01
    most_share: float = 0.95
    least_customers: int = 30
    precision: float = 0.8
    psi_look: float = 0.1
    psi_shifted: float = 0.25
    iv_weak: float = 0.02
    iv_medium: float = 0.1
    iv_strong: float = 0.3
    iv_suspect: float = 0.5
    eta_small: float = 0.01
    eta_medium: float = 0.06
    eta_large: float = 0.14

    def __attrs_post_init__(self) -> None:
        """Refuse thresholds that contradict each other."""
        last: tuple[str, str, float] = ("", "", 0.0)
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if field.name == "least_customers":
                if type(value) is not int or value < 0:
                    raise InvalidDefinitionError(
                        field.name, "is no threshold", got=value, allowed="whole numbers from 0 on"
                    )
                continue
            figure = field.name.partition("_")[0].replace("few", "share").replace("most", "share")
            most = math.inf if figure in ("psi", "iv") else 1.0
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if not is_number or not (0 <= value <= most and math.isfinite(value)):
                allowed = "0 or more" if most > 1 else "0 to 1"
                raise InvalidDefinitionError(
                    field.name, "is no threshold", got=value, allowed=allowed
                )
            if last[1] == figure and value < last[2]:
                raise InvalidDefinitionError(
                    field.name, f"is below {last[0]}", got=value, allowed=f">= {last[2]}"
                )
            last = field.name, figure, value


def coverage_verdict(
    customers: int, everybody: int, largest: int, limits: TagThresholds, locale: str
) -> str:
    """Say how many a tag covers.

    Args:
        customers: How many have it.
        everybody: How many there are.
        largest: How many have its most frequent value.
        limits: What is few, and what is most.
        locale: Language.
    """
    if not customers or not everybody:
        return _WORDS[locale]["nobody"]
    share = customers / everybody
    # Where everybody has one of several values, these tell them apart.
    is_most = largest / everybody > limits.most_share
    key = "few" if share < limits.few_share else "most" if is_most else "some"
    return _WORDS[locale][key].format(share=format_percent(share), n=f"{customers:,}")


def agreement_verdict(row: Mapping[str, Any], limits: TagThresholds, locale: str) -> str:
    """Say whether a tag is right, by its precision, or by its accuracy where labels are texts."""
    words = _WORDS[locale]
    # The row of a tag that is held against texts has no counts.
    figure = "precision" if "tp" in row else "accuracy"
    p = row[figure]
    if p is None:
        return words["unlabelled"]
    if figure == "precision":
        low, high = row["precision_low"], row["precision_high"]
        other = words["recall"].format(value=format_percent(row["recall"]))
    else:
        low, high = wilson_interval(round(p * row["customers"]), row["customers"])
        other = words["kappa"].format(value=_decimal(row["kappa"]))
    key = "right" if low >= limits.precision else "wrong" if high < limits.precision else "unsure"
    ends = {"low": format_percent(low), "high": format_percent(high)}
    return words[key].format(figure=words[figure], p=format_percent(p), other=other, **ends)


def stability_verdict(row: Mapping[str, Any], limits: TagThresholds, locale: str) -> str:
    """Say whether a tag moved."""
    words, psi = _WORDS[locale], row["psi"]
    if psi is None:
        return words["no_psi"]
    key = _step(psi, ["stable", "look"], [limits.psi_look])
    key = "moved" if psi > limits.psi_shifted else key
    share = row["kept_share"]
    kept = "" if share is None else words["kept"].format(share=format_percent(share))
    return words[key].format(psi=_decimal(psi), kept=kept)


def separation_verdicts(
    row: Mapping[str, Any],
    values: Sequence[Mapping[str, Any]],
    others: int,
    limits: TagThresholds,
    locale: str,
) -> list[str]:
    """Say whether a tag separates; with one value, also whether that may be chance.

    Args:
        row: The row of the whole tag.
        values: The rows of its values.
        others: How many customers with an outcome have it not.
        limits: What separates how much.
        locale: Language.
    """
    words = _WORDS[locale]
    least = limits.least_customers
    # A tag that everybody has separates by its values alone.
    fewest = min(row["customers"], others) if len(values) == 1 else row["customers"]
    if fewest < least:
        return [words["too_few"].format(n=f"{fewest:,}", least=f"{least:,}")]
    if "eta_squared" in row:
        eta = row["eta_squared"]
        if eta is None:
            return [words["no_eta"]]
        steps = [limits.eta_small, limits.eta_medium, limits.eta_large]
        key = _step(eta, ["eta_none", "eta_small", "eta_medium", "eta_large"], steps)
        times = row["ratio"]
        is_said = times is not None and len(values) == 1
        said = "" if not is_said else words["ratio"].format(ratio=_decimal(times))
        return [words[key].format(eta=format_percent(eta)) + said]
    iv = row["iv"]
    if iv is None:
        return [words["no_iv"]]
    steps = [limits.iv_weak, limits.iv_medium, limits.iv_strong]
    key = _step(iv, ["iv_none", "iv_weak", "iv_medium", "iv_strong"], steps)
    key = "iv_suspect" if iv > limits.iv_suspect else key
    many = (one for one in values if one["customers"] >= least and one["lift"] is not None)
    lifts = [(one["lift"], one["value"]) for one in many]
    lift, value = max(lifts, default=(None, ""))
    best = "lift" if len(values) == 1 else "best"
    said = "" if lift is None else words[best].format(lift=_decimal(lift), value=value)
    lines = [words[key].format(iv=_decimal(iv)) + said]
    low, high = row["difference_low"], row["difference_high"]
    if len(values) == 1 and low is not None and low <= 0 <= high:
        ends = {"low": format_percent(low), "high": format_percent(high)}
        lines.append(words["chance"].format(**ends))
    return lines


def _step(value: float, names: Sequence[str], limits: Sequence[float]) -> str:
    return names[sum(value >= limit for limit in limits)]


def _decimal(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
