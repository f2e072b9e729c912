"""Names for the cells of the score grid: ready-made maps, and a base for one's own.

Sources of the names. `classic`: the eleven names from champions to lost that marketing tools share,
laid out over recency and frequency of five bins each. `eight`: the 2 x 2 x 2 grid of high and low
recency, frequency and monetary score, in the names used in Chinese customer operations.
"""

from __future__ import annotations

import abc
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import product
from operator import index
from typing import Any, Literal

import attrs

from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError

__all__ = ["Band", "BandMap", "EightMap", "Locale", "SegmentMap", "classic", "eight"]

Locale = Literal["en", "zh"]
Cell = tuple[int, ...]
_DIMENSIONS = ("r", "f", "m")


@attrs.frozen
class SegmentMap(Definition, abc.ABC):
    """A name for every cell of the score grid; subclass it for a map of your own.

    A subclass implements `name_of` and, where labels differ from names, `label`.
    """

    @abc.abstractmethod
    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Return the segment of a cell, or None where it has none (which is refused).

        Args:
            r: Recency score, 1 (longest ago) to the number of bins.
            f: Frequency score.
            m: Monetary score, or None for events without money.
        """

    def label(self, name: str, locale: Locale) -> str:
        """Return what a reader sees for a segment."""
        return name

    def fitted_to(self, mean_scores: Mapping[str, Fraction]) -> SegmentMap:
        """Return the map for a population; for maps that depend on its mean scores."""
        return self

    def note(self, locale: Locale) -> str | None:
        """Return what an explanation adds about the map as a whole, one sentence, or None."""
        return None

    def check(self, bins: Mapping[str, int]) -> None:
        """Check that every cell has a name.

        Args:
            bins: Number of bins of `r`, `f` and, with money, `m`.

        Raises:
            InvalidDefinitionError: Names the first cells that have none.
        """
        unnamed = [cell for cell, name in self.cells(bins).items() if not name]
        if unnamed:
            said = ", ".join("".join(f"{d}{s}" for d, s in zip("rfm", c, strict=False))
                             for c in unnamed[:5])  # fmt: skip
            raise InvalidDefinitionError(
                "segments",
                f"{len(unnamed)} of {len(self.cells(bins))} cells have no name: {said}"
                + (", …" if len(unnamed) > 5 else ""),
                hint="end the map with a band that names the rest: Band('others')",
            )

    def cells(self, bins: Mapping[str, int]) -> dict[Cell, str | None]:
        """Return the name of every cell, `(r, f)` or `(r, f, m)`."""
        axes = [range(1, bins[d] + 1) for d in _DIMENSIONS if d in bins]
        return {c: self.name_of(c[0], c[1], c[2] if len(c) > 2 else None) for c in product(*axes)}

    def names(self, bins: Mapping[str, int]) -> list[str]:
        """Return the segments in the order in which reports list them."""
        return list(dict.fromkeys(name for name in self.cells(bins).values() if name))


def _own(named: object) -> dict[str, Any]:
    if not isinstance(named, Mapping):
        raise InvalidDefinitionError(
            "band", "needs a mapping", got=repr(named), allowed="such as {'en': 'Gold', 'zh': '金'}"
        )
    return dict(named)  # what was passed in may change later


def _scores(value: int | Iterable[int] | None) -> tuple[int, ...] | None:
    """Read what a user may write for scores: None for any, one, or a list of them."""
    if value is None:
        return None
    scores = tuple(value) if isinstance(value, Iterable) else (value,)
    wrong = [s for s in scores if type(s) is not int or s < 1]
    if wrong or not scores:
        raise InvalidDefinitionError(
            "band", "scores must be whole numbers from 1", got=repr(value),
            allowed="5, (4, 5), range(1, 3), or None for any",
        )  # fmt: skip
    return tuple(sorted(set(scores)))


@attrs.frozen
class Band(Definition):
    """The cells of one segment.

    Attributes:
        name: The segment.
        r, f, m: Scores that belong to it: one, several, or None for any.
        labels: Locale to what a reader sees; the name where a locale is missing.
    """

    name: str
    r: tuple[int, ...] | None = attrs.field(default=None, converter=_scores, kw_only=True)
    f: tuple[int, ...] | None = attrs.field(default=None, converter=_scores, kw_only=True)
    m: tuple[int, ...] | None = attrs.field(default=None, converter=_scores, kw_only=True)
    labels: Mapping[str, str] = attrs.field(factory=dict, converter=_own, kw_only=True, hash=False)

    def holds(self, r: int, f: int, m: int | None) -> bool:
        """Whether a cell belongs to the band; a band that asks for `m` needs money."""
        return (
            (self.r is None or r in self.r)
            and (self.f is None or f in self.f)
            and (self.m is None or (m is not None and m in self.m))
        )


def _bands(bands: Iterable[Band]) -> tuple[Band, ...]:
    return tuple(bands)


@attrs.frozen
class BandMap(SegmentMap):
    """A map made of bands; the first band that holds a cell names it.

    Attributes:
        bands: In order of precedence.
        bins: Dimension to number of bins that the bands are written for; checked when used.
    """

    bands: tuple[Band, ...] = attrs.field(converter=_bands)
    bins: Mapping[str, int] = attrs.field(factory=dict, converter=_own, kw_only=True, hash=False)

    @bands.validator
    def _check_bands(self, _: object, bands: Sequence[object]) -> None:
        bad = [b for b in bands if not isinstance(b, Band)]
        names = [b.name for b in bands if isinstance(b, Band)]
        twice = sorted({n for n in names if names.count(n) > 1})
        if bad or twice or not bands:
            raise InvalidDefinitionError(
                "bands",
                f"name {twice[0]!r} twice" if twice else "must be bands, at least one",
                got=repr(bad[0]) if bad else None,
                hint="give one band several scores: Band('vip', r=(4, 5), f=(4, 5))",
            )

    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Return the name of the first band that holds the cell."""
        return next((b.name for b in self.bands if b.holds(r, f, m)), None)

    def label(self, name: str, locale: Locale) -> str:
        """Return the band's label."""
        labels = next((b.labels for b in self.bands if b.name == name), {})
        return labels.get(locale, name)

    def check(self, bins: Mapping[str, int]) -> None:
        """Check the bins that the bands are written for, then every cell."""
        for dimension, wanted in self.bins.items():
            if dimension not in bins:
                raise InvalidDefinitionError(
                    "segments", f"needs the dimension {dimension!r}", got=f"bins {dict(bins)}",
                    hint="events without money have no monetary score",
                )  # fmt: skip
            if bins[dimension] != wanted:
                raise InvalidDefinitionError(
                    "segments",
                    f"is written for {wanted} bins of {dimension!r}; cells beyond them would be "
                    f"misnamed or have no name, such as {dimension}{max(wanted, bins[dimension])}",
                    got=f"{bins[dimension]} bins",
                    hint="write a BandMap for your bins, use eight(), which fits any, or pass "
                    "segments=None for scores alone",
                )
        for band in self.bands:
            for dimension in bins:
                scores = getattr(band, dimension)
                if scores is not None and min(scores) > bins[dimension]:
                    raise InvalidDefinitionError(
                        "segments", f"band {band.name!r} asks for {dimension}{min(scores)}, which "
                        "no customer can have", got=f"{bins[dimension]} bins of {dimension!r}",
                    )  # fmt: skip
        super().check(bins)

    def names(self, bins: Mapping[str, int]) -> list[str]:
        """Return the segments in the order of the bands, those without a cell left out."""
        present = {name for name in self.cells(bins).values() if name}
        return [band.name for band in self.bands if band.name in present]


_CLASSIC: Iterable[tuple[str, Any, Any, str, str]] = (
    ("champions", 5, (4, 5), "Champions", "冠军客户"),
    ("loyal_customers", (3, 4), (4, 5), "Loyal customers", "忠诚客户"),
    ("potential_loyalists", (4, 5), (2, 3), "Potential loyalists", "潜力忠诚客户"),
    ("new_customers", 5, 1, "New customers", "新客户"),
    ("promising", 4, 1, "Promising", "有潜力客户"),
    ("need_attention", 3, 3, "Need attention", "需关注客户"),
    ("about_to_sleep", 3, (1, 2), "About to sleep", "即将沉睡客户"),
    ("cannot_lose", (1, 2), 5, "Cannot lose them", "不能失去的客户"),
    ("at_risk", (1, 2), (3, 4), "At risk", "流失风险客户"),
    ("hibernating", 2, (1, 2), "Hibernating", "沉睡客户"),
    ("lost", 1, (1, 2), "Lost", "流失客户"),
)


def classic() -> BandMap:
    """Return the usual eleven segments over five bins of recency and five of frequency."""
    return BandMap(
        [Band(name, r=r, f=f, labels={"en": en, "zh": zh}) for name, r, f, en, zh in _CLASSIC],
        bins={"r": 5, "f": 5},
    )


_EIGHT = {
    (True, True, True): ("high_value", "High value", "重要价值客户"),
    (True, False, True): ("high_develop", "High value to develop", "重要发展客户"),
    (False, True, True): ("high_keep", "High value to keep", "重要保持客户"),
    (False, False, True): ("high_win_back", "High value to win back", "重要挽留客户"),
    (True, True, False): ("general_value", "General value", "一般价值客户"),
    (True, False, False): ("general_develop", "General, to develop", "一般发展客户"),
    (False, True, False): ("general_keep", "General, to keep", "一般保持客户"),
    (False, False, False): ("general_win_back", "General, to win back", "一般挽留客户"),
}


def _cut(value: Any) -> Any:
    if value is None:
        return None
    try:
        if isinstance(value, Mapping):
            return {d: Fraction(value[d]) for d in _DIMENSIONS if d in value}
        return dict.fromkeys(_DIMENSIONS, Fraction(index(value)))
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InvalidDefinitionError(
            "above", "must be a score", got=repr(value), allowed="3, or {'r': 3, 'f': 2, 'm': 3}"
        ) from error


@attrs.frozen
class EightMap(SegmentMap):
    """Eight segments from high and low recency, frequency and monetary score.

    Attributes:
        above: Dimension to the score above which a customer is high; None takes the mean score of
            the population when fitted.
    """

    above: Mapping[str, Fraction] | None = attrs.field(default=None, converter=_cut, hash=False)

    @above.validator
    def _check_above(self, _: object, above: Mapping[str, Fraction] | None) -> None:
        if above is not None and set(above) != set(_DIMENSIONS):
            raise InvalidDefinitionError(
                "above", "must name r, f and m", got=sorted(above), allowed="r, f, m"
            )

    def fitted_to(self, mean_scores: Mapping[str, Fraction]) -> SegmentMap:
        """Take the mean scores as the cut, unless one is set; without money there is none."""
        is_set = self.above is not None or "m" not in mean_scores
        return self if is_set else EightMap(dict(mean_scores))

    def check(self, bins: Mapping[str, int]) -> None:
        """Refuse a grid without money; every cell of one with money has a name."""
        if "m" not in bins:
            raise InvalidDefinitionError(
                "segments",
                "eight segments need a monetary score",
                hint="events without money have none; use classic() or a BandMap over r and f",
            )

    def note(self, locale: Locale) -> str | None:
        """Return from which scores on a customer is high."""
        if self.above is None:
            return None
        said = ", ".join(f"{d} > {float(cut):.4g}" for d, cut in self.above.items())
        return f"得分高的标准：{said}。" if locale == "zh" else f"A score is high where {said}."

    def name_of(self, r: int, f: int, m: int | None) -> str | None:
        """Return the segment of a cell; a score equal to the cut is low."""
        above = self.above or {"r": Fraction(0), "f": Fraction(0), "m": Fraction(0)}
        is_high = (r > above["r"], f > above["f"], m is not None and m > above["m"])
        return _EIGHT[is_high][0]

    def label(self, name: str, locale: Locale) -> str:
        """Return the name in the locale."""
        return next((zh if locale == "zh" else en for n, en, zh in _EIGHT.values() if n == name))

    def names(self, bins: Mapping[str, int]) -> list[str]:
        """Return all eight, the valuable ones first."""
        return [name for name, _, _ in _EIGHT.values()]


def eight(above: int | Mapping[str, int] | None = None) -> EightMap:
    """Return the eight segments.

    Args:
        above: A customer is high in a dimension when the score is above this; one number for all,
            or one each for `r`, `f`, `m`. None takes the mean score of the population.
    """
    return EightMap(above)


def depends_on(cells: Mapping[Cell, str | None], axis: int) -> bool:
    """Whether the name changes along an axis of the grid."""
    seen: dict[Cell, str | None] = {}
    for cell, name in cells.items():
        rest = cell[:axis] + cell[axis + 1 :]
        if seen.setdefault(rest, name) != name:
            return True
    return False
