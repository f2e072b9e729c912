"""How many customers a tag covers, and whether it is right."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import ColumnTypeError, InvalidArgumentError
from userops.events.columns import CUSTOMER_ID
from userops.segmentation import tag_statistics as statistics
from userops.segmentation.tag_tables import (
    FACT,
    TAG,
    VALUE,
    Base,
    Facts,
    TagTable,
    read_customers,
    read_facts,
    read_tags,
    row_count,
    together,
)

__all__ = [
    "agreement",
    "agreement_rows",
    "coverage",
    "coverage_rows",
]

_KEYS: dict[str, Any] = {"tag": "text", "part": "text", "value": "text"}
_COVERAGE = _KEYS | {"customers": "int", "share": "float"}
_HITS = ("tp", "fp", "fn", "tn")
_RATES = (
    "precision",
    "precision_low",
    "precision_high",
    "recall",
    "recall_low",
    "recall_high",
    "f1",
    "accuracy",
    "balanced_accuracy",
    "kappa",
    "mcc",
)
_AGREEMENT: dict[str, Any] = (
    _KEYS | dict.fromkeys(("customers", "left_out", *_HITS), "int") | dict.fromkeys(_RATES, "float")
)
_SAID = "said"
_FALSE = "false"


def coverage(assignments: Any, *, customers: Any) -> Any:
    """Count who has each tag, and each value of it.

    Args:
        assignments: Any frame with `customer_id` (text or integers), `tag` (text) and `value`
            (text, integers or booleans); other columns are ignored. A row in which one is null
            says nothing and is left out; rows that repeat count once.
        customers: All customers, with and without a tag: their number, or a frame with
            `customer_id`.

    Returns:
        In the type of `assignments`, a row a tag (`part` is `tag`, `value` is null) followed by a
        row a value (`part` is `value`): `tag`, `part`, `value`, `customers`, and `share` of all
        customers (0 to 1; null where there are none).

    Raises:
        ColumnNotFoundError: If a column is missing.
        ColumnTypeError: If a column has a type that cannot be used.
        InvalidArgumentError: If there are fewer customers than have a tag, or customers with a tag
            are not among them.

    Examples:
        >>> import pandas as pd
        >>> tags = pd.DataFrame(
        ...     {"customer_id": [1, 2, 3], "tag": "size", "value": ["big", "small", "small"]}
        ... )
        >>> coverage(tags, customers=10)["share"].tolist()
        [0.3, 0.1, 0.2]
    """
    tags = read_tags(assignments, "assignments")
    rows = coverage_rows(tags, read_customers(customers, "customers", tags))
    return tags.rows.source.give_rows(frames.small_table(rows, _COVERAGE))


def coverage_rows(tags: TagTable, base: Base) -> list[dict[str, Any]]:
    """Return the rows of `coverage`."""
    rows = []
    for tag, members in tags.by_tag.items():
        counts: list[tuple[str, str | None, int]] = [("tag", None, members)]
        counts += [("value", v, n) for (name, v), n in tags.by_value.items() if name == tag]
        rows += [
            {
                "tag": tag,
                "part": part,
                "value": value,
                "customers": n,
                "share": statistics.ratio(n, base.customers),
            }
            for part, value, n in counts
        ]
    return rows


def agreement(assignments: Any, truth: Any, *, tag: str, value: Any = None) -> Any:
    """Hold a tag against what is known to be true.

    Customers without a label are left out and counted. A customer with a label who has not the tag
    is one whom the tag leaves out.

    Args:
        assignments: The tags, as `coverage` reads them.
        truth: A frame of the same engine with `customer_id` and `label`, one row a customer: true
            or false (or 1 and 0) for a tag that one has or has not, a text for a tag of several
            values.
        tag: Which tag.
        value: With labels of true and false, the value that stands for true; None takes having the
            tag at all.

    Returns:
        In the type of `assignments`, for true and false one row. For text a row of the whole tag
        (`part` is `tag`), and a row for each value against all others. Columns: `tag`, `part`,
        `value`; `customers` with a label and `left_out` without one, of those in either table;
        `tp`, `fp`, `fn`, `tn`; `precision` and `recall` with the ends of their 95 % intervals
        (Wilson 1927) as `…_low` and `…_high`; `f1`, the harmonic mean of both (van Rijsbergen 1979,
        Information Retrieval, chapter 7); `accuracy`; `balanced_accuracy`; Cohen's `kappa`; `mcc`,
        Matthews' correlation. What is not defined is null, such as the precision of a tag that no
        labelled customer has, and on the row of a whole tag of text the counts, precision and
        recall. `userops.segmentation.tag_statistics` names the sources.

    Raises:
        ColumnNotFoundError: If a column is missing.
        ColumnTypeError: If a label is neither text nor of 0 and 1 alone.
        DataError: If a customer has two labels; if customers have several values of a tag that is
            held against text.
        InvalidArgumentError: If nobody has the tag or the value; if `value` is not said and the tag
            has a value "false".
    """
    tags = read_tags(assignments, "assignments")
    facts = read_facts(truth, "label", "truth", texts=True)
    rows = agreement_rows(tags, facts, tag=tag, value=value)
    return tags.rows.source.give_rows(frames.small_table(rows, _AGREEMENT))


def agreement_rows(
    tags: TagTable, facts: Facts, *, tag: str, value: Any = None
) -> list[dict[str, Any]]:
    """Return the rows of `agreement`."""
    said = _said(value)
    _check_choice(tags, facts, tag, said)
    has_tag = nw.col(TAG) == tag
    if said is not None:
        has_tag = has_tag & (nw.col(VALUE) == said)
    chosen = tags.rows.frame.filter(has_tag).select(CUSTOMER_ID, nw.col(VALUE).alias(_SAID))
    if not facts.is_text:
        one = nw.lit("1", nw.String).alias(_SAID)
        chosen = chosen.select(CUSTOMER_ID).unique([CUSTOMER_ID]).with_columns(one)
    holders, everybody = together(attrs.evolve(tags.rows, frame=chosen), facts.rows)
    known = ~nw.col(FACT).is_null()
    counts = frames.counted_by(
        everybody.filter(known).join(holders, on=CUSTOMER_ID, how="left"), [FACT, _SAID]
    )
    strangers = row_count(holders.join(everybody.filter(known), on=CUSTOMER_ID, how="anti"))
    others = row_count(everybody.filter(~known).join(holders, on=CUSTOMER_ID, how="anti"))
    found: dict[tuple[Any, Any], int] = {}
    for row in frames.to_rows(counts):
        key = row[FACT], row[_SAID]
        if not facts.is_text:
            key = int(row[FACT]), int(row[_SAID] is not None)
        found[key] = found.get(key, 0) + int(row["rows"])
    common = {"tag": tag, "customers": sum(found.values()), "left_out": strangers + others}
    if not facts.is_text:
        part = {"part": "tag" if said is None else "value", "value": said}
        return [common | part | _one_against_rest(found, 1)]
    values = sorted({label for label, _ in found} | set(tags.values_of(tag)))
    whole = common | {"part": "tag", "value": None} | _as_a_whole(found)
    return [
        whole,
        *(common | {"part": "value", "value": v} | _one_against_rest(found, v) for v in values),
    ]


def _said(value: Any) -> str | None:
    if value is None:
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_choice(tags: TagTable, facts: Facts, tag: str, value: str | None) -> None:
    if tag not in tags.by_tag:
        raise InvalidArgumentError.unknown("tag", tag, tags.by_tag)
    values = tags.values_of(tag)
    if facts.is_text:
        tags.check_one_value("a label of several values", tag)
        if value is not None:
            raise InvalidArgumentError(
                "value", "is for labels of true and false", got=value,
                hint="leave it out: each value of a text label gets a row of its own",
            )  # fmt: skip
        return
    if facts.known and not facts.is_binary:
        raise ColumnTypeError("label", "holds other numbers than 0 and 1", hint="cast it to text")
    if value is not None and value not in values:
        raise InvalidArgumentError.unknown("value", value, values)
    if value is None and _FALSE in values:
        raise InvalidArgumentError(
            "value", f"is needed, since tag {tag!r} has a value 'false'",
            allowed=", ".join(values), hint="write value='true'",
        )  # fmt: skip


def _as_a_whole(counts: Mapping[tuple[Any, Any], int]) -> dict[str, Any]:
    return {
        "accuracy": statistics.accuracy(counts),
        "balanced_accuracy": statistics.mean_recall(counts),
        "kappa": statistics.kappa(counts),
        "mcc": statistics.matthews(counts),
    }


def _one_against_rest(counts: Mapping[tuple[Any, Any], int], value: Any) -> dict[str, Any]:
    cells = {(label, said): 0 for label in (True, False) for said in (True, False)}
    for (label, said), n in counts.items():
        cells[label == value, said == value] += n
    tp, fp = cells[True, True], cells[False, True]
    fn, tn = cells[True, False], cells[False, False]
    precision = statistics.wilson_interval(tp, tp + fp)
    recall = statistics.wilson_interval(tp, tp + fn)
    return _as_a_whole(cells) | {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "tn": tn,
        "precision": statistics.ratio(tp, tp + fp),
        "precision_low": precision[0],
        "precision_high": precision[1],
        "recall": statistics.ratio(tp, tp + fn),
        "recall_low": recall[0],
        "recall_high": recall[1],
        "f1": statistics.ratio(2 * tp, 2 * tp + fp + fn),
    }
