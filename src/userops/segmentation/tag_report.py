"""All that can be said of the quality of tags, one row a tag, with a verdict in plain words."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import attrs

from userops.charts import format_number, format_percent, share_bars
from userops.core import frames
from userops.errors import InvalidArgumentError
from userops.segmentation import tag_statistics as statistics
from userops.segmentation import tag_verdicts as verdicts
from userops.segmentation.tag_quality import agreement_rows
from userops.segmentation.tag_separation import OutcomeKind, is_binary, separation_rows
from userops.segmentation.tag_stability import stability_rows
from userops.segmentation.tag_tables import (
    Base,
    Facts,
    TagTable,
    read_customers,
    read_facts,
    read_tags,
)
from userops.segmentation.tag_verdicts import TagThresholds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TagJudgement", "TagReport", "judge"]

Locale = Literal["en", "zh"]

_COUNTS = ("customers", "labelled", "unlabelled", "without_outcome")
_AGREEMENT = ("precision", "precision_low", "precision_high", "recall", "accuracy", "kappa")
_STABILITY = ("psi", "kept_share", "turnover")
_BINARY = (
    "rate", "rate_without", "lift", "difference", "difference_low", "difference_high", "iv", "auc",
)  # fmt: skip
_NUMBER = ("mean", "mean_without", "ratio", "eta_squared")
# Figures that may exceed one, or are no shares; all others are written as percentages.
_PLAIN = frozenset((*_COUNTS, "kappa", "psi", "lift", "iv", "auc", "mean", "mean_without", "ratio"))
_WORDS = {
    "en": {
        "head": "Tags: {tags:,}; customers: {customers:,}",
        "tag": "tag",
        "verdict": "verdict",
        "title": "Tags: {measure}",
        "share": "share of customers",
        "iv": "information value",
        "psi": "population stability index",
    },
    "zh": {
        "head": "标签 {tags:,} 个；客户 {customers:,} 人",
        "tag": "标签",
        "verdict": "评价",
        "title": "标签：{measure}",
        "share": "客户占比",
        "iv": "信息值 IV",
        "psi": "稳定性指数 PSI",
        "precision": "精确率",
        "recall": "召回率",
        "lift": "提升度",
    },
}


@attrs.frozen
class TagJudgement:
    """What was found of one tag.

    Attributes:
        tag: Its name.
        figures: Figures by name, the same names for all tags of a report; None where undefined.
        verdict: What they mean, one sentence each.
    """

    tag: str
    figures: Mapping[str, float | None]
    verdict: tuple[str, ...]


@attrs.frozen(repr=False)
class TagReport:
    """The quality of tags; printed as text, shown as a table in Jupyter.

    Attributes:
        judgements: One a tag, in alphabetical order.
        customers: Number of all customers.
        thresholds: By which the verdicts were given.
        locale: Language of the verdicts.
        source: The host's frame, whose type `table` gives.
    """

    judgements: tuple[TagJudgement, ...]
    customers: int
    thresholds: TagThresholds
    locale: Locale = "en"
    source: frames.Source | None = attrs.field(default=None, eq=False, repr=False)

    def __getitem__(self, tag: str) -> TagJudgement:
        """Return the judgement of a tag.

        Raises:
            InvalidArgumentError: If there is no such tag.
        """
        for judgement in self.judgements:
            if judgement.tag == tag:
                return judgement
        raise InvalidArgumentError.unknown("tag", tag, [one.tag for one in self.judgements])

    def table(self) -> Any:
        """Return one row a tag, in the type of the tags that came in.

        Returns:
            `tag`, `customers`, `share`; with labels `labelled`, `unlabelled`, `precision` and its
            interval, `recall`, `accuracy`, `kappa`; with an earlier date `psi`, `kept_share`,
            `turnover`; with a binary outcome `without_outcome`, `rate`, `rate_without`, `lift`,
            `difference` and its interval, `iv`, `auc`; with a number `without_outcome`, `mean`,
            `mean_without`, `ratio`, `eta_squared`; and `verdict`, its sentences divided by "; ".
            `agreement`, `stability` and `separation` define them.
        """
        kinds: dict[str, Any] = {"tag": "text"}
        names = list(self.judgements[0].figures) if self.judgements else ["customers", "share"]
        kinds |= {name: "int" if name in _COUNTS else "float" for name in names}
        kinds["verdict"] = "text"
        rows = [
            {"tag": one.tag, **one.figures, "verdict": "; ".join(one.verdict)}
            for one in self.judgements
        ]
        table = frames.small_table(rows, kinds)
        return table if self.source is None else self.source.give_rows(table)

    def __str__(self) -> str:
        """Return the verdicts, one a line below their tag."""
        lines = [self._head()]
        for one in self.judgements:
            lines += [f"  {one.tag}", *(f"    {line}" for line in one.verdict)]
        return "\n".join(lines)

    __repr__ = __str__

    def _head(self) -> str:
        words = _WORDS[self.locale]
        return words["head"].format(tags=len(self.judgements), customers=self.customers)

    def _repr_html_(self) -> str:
        words = _WORDS[self.locale]
        rows = "".join(
            f"<tr><td>{html.escape(one.tag)}</td>"
            f"<td>{'<br>'.join(html.escape(line) for line in one.verdict)}</td></tr>"
            for one in self.judgements
        )
        head = f"<tr><th>{words['tag']}</th><th>{words['verdict']}</th></tr>"
        return f"<table><caption>{html.escape(self._head())}</caption>{head}{rows}</table>"

    def plot(
        self, ax: Axes | None = None, *, measure: str = "share", locale: Locale | None = None
    ) -> Axes:
        """Draw one figure of each tag as bars.

        Args:
            ax: Where to draw; None makes a new figure.
            measure: A column of figures of `table`, such as `share`, `iv` or `psi`.
            locale: Language of the titles; by default that of the verdicts.

        Returns:
            The axes, tags in alphabetical order from the top.

        Raises:
            InvalidArgumentError: If there is no such figure, or language.
            MissingExtraError: If matplotlib is not installed.
        """
        names = list(self.judgements[0].figures) if self.judgements else ["share"]
        if measure not in names:
            raise InvalidArgumentError.unknown("measure", measure, names)
        language = self.locale if locale is None else locale
        if language not in verdicts.LOCALES:
            raise InvalidArgumentError.unknown("locale", language, verdicts.LOCALES)
        words = _WORDS[language]
        said = words.get(measure, measure)
        return share_bars(
            [one.tag for one in self.judgements],
            series={said: [one.figures[measure] for one in self.judgements]},
            values_format=format_number if measure in _PLAIN else format_percent,
            title=words["title"].format(measure=said),
            language=language,
            ax=ax,
        )


def judge(
    assignments: Any,
    *,
    customers: Any,
    truth: Mapping[str, Any] | None = None,
    before: Any = None,
    customers_before: Any = None,
    outcome: Any = None,
    kind: OutcomeKind | None = None,
    thresholds: TagThresholds | None = None,
    locale: Locale = "en",
) -> TagReport:
    """Judge tags by all that is known: coverage always, the rest where its data is given.

    Args:
        assignments: The tags, as `coverage` reads them.
        customers: All customers: their number, or a frame with `customer_id`.
        truth: Labels by tag, each a frame as `agreement` reads it. Of a tag with a value "false",
            the value "true" is held against labels of true and false.
        before: The tags at an earlier date, as `stability` reads them; `assignments` is the later.
        customers_before: All customers at that date.
        outcome: What happened after, as `separation` reads it; a frame of `customers` decides who
            is looked at.
        kind: How the outcome is read; see `separation`.
        thresholds: From where on a figure is called what; None takes those of `TagThresholds()`.
        locale: `en` or `zh`.

    Returns:
        One judgement a tag of `assignments` or `before`.

    Raises:
        InvalidArgumentError: If a tag or locale is not known, one of `before` and
            `customers_before` is missing, or there are fewer customers than have a tag.
        ColumnNotFoundError: If a column is missing.
        ColumnTypeError: If a column has a type that cannot be used.
        DataError: If a customer has two labels, two outcomes, or several values of a tag that is
            divided by value.

    Examples:
        >>> import pyarrow as pa
        >>> tags = pa.table({"customer_id": [1, 2, 3], "tag": ["vip"] * 3, "value": ["true"] * 3})
        >>> bought = pa.table({"customer_id": [*range(1, 9)], "outcome": [1, 1, 0, 1, 0, 0, 0, 0]})
        >>> print(judge(tags, customers=400, outcome=bought))
        Tags: 1; customers: 400
          vip
            covers 0.8% of customers (3): too few to act on
            separates or not: too few customers to judge (3, fewer than 30)
    """
    if locale not in verdicts.LOCALES:
        raise InvalidArgumentError.unknown("locale", locale, verdicts.LOCALES)
    if (before is None) != (customers_before is None):
        given, missing = ("customers_before", "before")[:: 1 if before is None else -1]
        raise InvalidArgumentError(missing, f"is needed with {given}")
    tags = read_tags(assignments, "assignments")
    base = read_customers(customers, "customers", tags)
    earlier = None if before is None else read_tags(before, "before")
    limits = TagThresholds() if thresholds is None else thresholds
    sheet = _Sheet(tags, base, limits, locale, {*tags.by_tag, *(earlier.by_tag if earlier else ())})
    sheet.cover()
    if truth is not None:
        sheet.agree(truth)
    if earlier is not None:
        sheet.compare(earlier, read_customers(customers_before, "customers_before", earlier))
    if outcome is not None:
        sheet.separate(read_facts(outcome, "outcome", "outcome", texts=False), kind)
    return sheet.report()


class _Sheet:
    """What is known so far of each tag."""

    def __init__(
        self, tags: TagTable, base: Base, limits: TagThresholds, locale: Locale, names: set[str]
    ) -> None:
        self.tags, self.base, self.limits, self.locale = tags, base, limits, locale
        self.figures: dict[str, dict[str, Any]] = {tag: {} for tag in sorted(names)}
        self.lines: dict[str, list[str]] = {tag: [] for tag in self.figures}

    def report(self) -> TagReport:
        """Return what is known."""
        return TagReport(
            judgements=tuple(
                TagJudgement(tag, found, tuple(self.lines[tag]))
                for tag, found in self.figures.items()
            ),
            customers=self.base.customers,
            thresholds=self.limits,
            locale=self.locale,
            source=self.tags.rows.source,
        )

    def cover(self) -> None:
        """Add how many have each tag; one that only the earlier date knows, nobody has."""
        for tag, found in self.figures.items():
            everybody, customers = self.base.customers, self.tags.by_tag.get(tag, 0)
            found.update(customers=customers, share=statistics.ratio(customers, everybody))
            counts = [self.tags.by_value[tag, value] for value in self.tags.values_of(tag)]
            said = verdicts.coverage_verdict(
                customers, everybody, max(counts, default=0), self.limits, self.locale
            )
            self.lines[tag].append(said)

    def agree(self, truth: Mapping[str, Any]) -> None:
        """Add whether tags are right, where there are labels."""
        if not isinstance(truth, Mapping):
            raise InvalidArgumentError(
                "truth", "is not labels by tag", got=type(truth).__name__,
                hint="write truth={'vip': labels}",
            )  # fmt: skip
        self._promise("labelled", "unlabelled", *_AGREEMENT)
        for tag, labels in truth.items():
            if tag not in self.tags.by_tag:
                raise InvalidArgumentError.unknown("truth", tag, self.tags.by_tag)
            facts = read_facts(labels, "label", f"truth[{tag!r}]", texts=True)
            has_false = "false" in self.tags.values_of(tag) and not facts.is_text
            value = "true" if has_false else None
            row = agreement_rows(self.tags, facts, tag=tag, value=value)[0]
            self.figures[tag] |= {name: row.get(name) for name in _AGREEMENT}
            self.figures[tag].update(labelled=row["customers"], unlabelled=row["left_out"])
            self.lines[tag].append(verdicts.agreement_verdict(row, self.limits, self.locale))

    def compare(self, earlier: TagTable, earlier_base: Base) -> None:
        """Add whether tags hold still."""
        for row in stability_rows((earlier, self.tags), (earlier_base, self.base)):
            if row["part"] == "tag":
                self.figures[row["tag"]] |= {name: row[name] for name in _STABILITY}
                said = verdicts.stability_verdict(row, self.limits, self.locale)
                self.lines[row["tag"]].append(said)

    def separate(self, facts: Facts, kind: OutcomeKind | None) -> None:
        """Add whether tags separate."""
        names = _BINARY if is_binary(facts, kind) else _NUMBER
        self._promise("without_outcome", *names)
        rows = separation_rows(self.tags, facts, self.base, kind=kind)
        values: dict[str, list[dict[str, Any]]] = {tag: [] for tag in self.tags.by_tag}
        others = dict.fromkeys(values, 0)
        for row in rows:
            if row["part"] == "value":
                values[row["tag"]].append(row)
            elif row["part"] == "no tag":
                others[row["tag"]] = row["customers"]
        for row in (row for row in rows if row["part"] == "tag"):
            tag = row["tag"]
            self.figures[tag] |= {name: row[name] for name in names}
            self.figures[tag]["without_outcome"] = row["left_out"]
            self.lines[tag] += verdicts.separation_verdicts(
                row, values[tag], others[tag], self.limits, self.locale
            )

    def _promise(self, *names: str) -> None:
        """Give every tag the same figures, in the same order."""
        for found in self.figures.values():
            found.update(dict.fromkeys(names))
