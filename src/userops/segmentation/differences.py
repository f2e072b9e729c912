"""The differences between two groups of customers, as a result that prints, tabulates and draws."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from userops.charts import share_bars
from userops.core import frames
from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from userops.charts import Language

__all__ = ["Comparison", "FeatureDifference", "ValueDifference", "minus"]

_SHOWN = 12
_LABEL = 24
_TITLES: Mapping[str, tuple[str, str]] = {
    "en": ("How {a} differs from {b}", "Effect size: Hedges' g of numbers, Cohen's h of shares"),
    "zh": ("{a} 与 {b} 的差异", "效应量：数值用 Hedges' g，占比用 Cohen's h"),
}
_ROW_KINDS: Mapping[str, Literal["text", "int", "float"]] = {
    "feature": "text",
    "value": "text",
    "known_a": "int",
    "known_b": "int",
    "mean_a": "float",
    "mean_b": "float",
    "difference": "float",
    "difference_low": "float",
    "difference_high": "float",
    "median_a": "float",
    "median_b": "float",
    "standard_deviation_a": "float",
    "standard_deviation_b": "float",
    "cohens_d": "float",
    "hedges_g": "float",
    "superiority": "float",
    "cliffs_delta": "float",
    "cohens_h": "float",
    "cramers_v": "float",
}


@attrs.frozen(kw_only=True)
class ValueDifference:
    """One value of a text or flag feature in both groups.

    Attributes:
        value: The value as text; flags are `true` and `false`.
        customers_a: Customers of the first group who have it.
        customers_b: The same of the second.
        share_a: Their share of the known ones of the group, 0 to 1; None where none is known.
        share_b: The same of the second.
        cohens_h: Standardised difference of the shares; None where one is None.
    """

    value: str
    customers_a: int
    customers_b: int
    share_a: float | None
    share_b: float | None
    cohens_h: float | None


@attrs.frozen(kw_only=True)
class FeatureDifference:
    """One feature in both groups, of the customers whose value is known.

    Attributes:
        feature: The column.
        kind: `number`, `flag` or `text`.
        known_a: Customers of the first group whose value is known.
        known_b: The same of the second.
        effect: By what the features are ranked: `hedges_g` of numbers, Cohen's h of a flag's
            `true`, and of the value of a text whose h is furthest from 0. Cohen (1988) calls 0.2
            small, 0.5 medium and 0.8 large for either. Positive where the first group has more;
            None where it cannot be told.
        mean_a: Mean of numbers in the first group, and so on; None for other kinds and where
            too few are known. Standard deviations divide by n - 1.
        mean_b: Mean in the second group.
        median_a: Median in the first group.
        median_b: Median in the second group.
        standard_deviation_a: Standard deviation in the first group.
        standard_deviation_b: Standard deviation in the second group.
        difference: `mean_a - mean_b`.
        difference_95: Welch's 95 % interval of it, with the quantile of the normal distribution;
            it takes the groups for independent.
        cohens_d: Difference of means in pooled standard deviations.
        hedges_g: The same without its bias in small groups.
        superiority: Probability that a customer of the first group has more than one of the second,
            ties counted half (Mann & Whitney 1947, Vargha & Delaney 2000).
        cliffs_delta: `2 * superiority - 1`, from -1 to 1.
        cramers_v: How closely the values of a text or flag are tied to the group, 0 to 1; not
            corrected for bias, which grows with the number of values.
        values: The values of a text or flag, the largest difference first; at most as many as
            `compare` was asked for.
        distinct: How many values of a text or flag occur in either group.
    """

    feature: str
    kind: Literal["number", "flag", "text"]
    known_a: int
    known_b: int
    effect: float | None = None
    mean_a: float | None = None
    mean_b: float | None = None
    median_a: float | None = None
    median_b: float | None = None
    standard_deviation_a: float | None = None
    standard_deviation_b: float | None = None
    difference: float | None = None
    difference_95: tuple[float, float] | None = None
    cohens_d: float | None = None
    hedges_g: float | None = None
    superiority: float | None = None
    cliffs_delta: float | None = None
    cramers_v: float | None = None
    values: tuple[ValueDifference, ...] = ()
    distinct: int = 0

    @property
    def label(self) -> str:
        """The feature, with the value that its effect is of."""
        if self.kind != "text" or not self.values:
            return self.feature
        return f"{self.feature} = {self.values[0].value}"

    def _rows(self) -> list[dict[str, Any]]:
        low, high = self.difference_95 or (None, None)
        row = {name: getattr(self, name, None) for name in _ROW_KINDS}
        row |= {"value": None, "difference_low": low, "difference_high": high, "cohens_h": None}
        if self.kind == "number":
            return [row]
        return [
            row
            | {
                "value": value.value,
                "mean_a": value.share_a,
                "mean_b": value.share_b,
                "difference": minus(value.share_a, value.share_b),
                "cohens_h": value.cohens_h,
            }
            for value in self.values
        ]

    def _said(self) -> tuple[str, str, str]:
        """Return the feature's values in both groups, and its effect."""
        effect = "–" if self.effect is None else f"{self.effect:+.2f}"
        if self.kind == "number":
            return _number(self.mean_a), _number(self.mean_b), effect
        top = self.values[0] if self.values else None
        if top is None:
            return _percent(None), _percent(None), effect
        return _percent(top.share_a), _percent(top.share_b), effect


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Comparison:
    """The features of two groups, those in which they differ most first.

    Attributes:
        a: Name of the first group.
        b: Name of the second group.
        customers_a: Customers of the first group who have a row of features.
        customers_b: The same of the second.
        without_features_a: Customers of the first group who have none; they count nowhere else.
        without_features_b: The same of the second.
        in_both: Customers who are in both groups and count in both. Intervals take the groups for
            independent, so many of them make the intervals too wide.
        features: The differences, by absolute effect.
        skipped: Columns that are neither numbers, flags nor text.
    """

    a: str
    b: str
    customers_a: int
    customers_b: int
    without_features_a: int
    without_features_b: int
    in_both: int
    features: tuple[FeatureDifference, ...]
    skipped: tuple[str, ...] = ()
    _source: frames.Source = attrs.field(alias="source")

    def __getitem__(self, feature: str) -> FeatureDifference:
        for found in self.features:
            if found.feature == feature:
                return found
        names = [found.feature for found in self.features]
        raise InvalidArgumentError.unknown("feature", feature, names)

    def table(self) -> Any:
        """Return the differences as rows, in the type of the features' frame.

        Returns:
            One row a numeric feature and one a value of the others, in the order of `features`:
            `feature`, `value` (null for numbers), `known_a`, `known_b`, `mean_a`, `mean_b` (for a
            value its share), `difference`, `difference_low`, `difference_high` (95 % interval),
            `median_…`, `standard_deviation_…`, `cohens_d`, `hedges_g`, `superiority`,
            `cliffs_delta`, `cohens_h` (of the value) and `cramers_v` (of the feature).
        """
        rows = [row for feature in self.features for row in feature._rows()]
        return self._source.give_rows(frames.small_table(rows, _ROW_KINDS))

    def plot(self, *, top: int = 10, locale: Language = "en", ax: Axes | None = None) -> Axes:
        """Draw the largest effects as bars, to the right where the first group has more.

        Args:
            top: How many features.
            locale: `en` or `zh`.
            ax: Where to draw; None makes a new figure.

        Raises:
            InvalidArgumentError: If the locale is not known.
            MissingExtraError: If matplotlib is not installed.
        """
        if locale not in _TITLES:
            raise InvalidArgumentError.unknown("locale", locale, _TITLES)
        title, x_label = _TITLES[locale]
        drawn = [feature for feature in self.features if feature.effect is not None][:top]
        return share_bars(
            [feature.label for feature in drawn],
            series={"effect": [feature.effect for feature in drawn]},
            values_format="{:+.2f}".format,
            title=title.format(a=self.a, b=self.b),
            x_label=x_label,
            language=locale,
            ax=ax,
        )

    def _heads(self) -> list[str]:
        sides = [
            (self.a, self.customers_a, self.without_features_a),
            (self.b, self.customers_b, self.without_features_b),
        ]
        said = [
            f"{name}: {n:,} customers" + (f" ({lost:,} more without features)" if lost else "")
            for name, n, lost in sides
        ]
        if self.in_both:
            said.append(f"{self.in_both:,} customers are in both groups and count in both")
        if self.skipped:
            said.append(f"not compared: {', '.join(self.skipped)}")
        return said

    def __repr__(self) -> str:
        """Return who is compared and the largest differences."""
        lines = list(self._heads())
        shown = self.features[:_SHOWN]
        wide = max((min(len(feature.label), _LABEL) for feature in shown), default=0)
        for feature in shown:
            a, b, effect = feature._said()
            known = feature.known_a, feature.known_b
            of = (
                ""
                if known == (self.customers_a, self.customers_b)
                else (f"  of {known[0]:,} and {known[1]:,} known")
            )
            lines.append(f"  {feature.label:<{wide}}  {a:>10}  {b:>10}  effect {effect}{of}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><td style='text-align:left'>{html.escape(feature.label)}</td>"
            + "".join(f"<td>{cell}</td>" for cell in feature._said())
            + f"<td>{feature.known_a:,}</td><td>{feature.known_b:,}</td></tr>"
            for feature in self.features
        )
        names = (html.escape(name) for name in (self.a, self.b))
        sides = "".join(f"<th>{name}</th>" for name in names)
        head = f"<tr><th>feature</th>{sides}<th>effect</th><th>known</th><th>known</th></tr>"
        said = html.escape("; ".join(self._heads()))
        return f"<table><caption>{said}</caption>{head}{cells}</table>"


def minus(a: float | None, b: float | None) -> float | None:
    """Subtract; None where either is None."""
    return None if a is None or b is None else a - b


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.2f}"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"
