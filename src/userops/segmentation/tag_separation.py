"""How much tags separate a business outcome: who buys next, and how much."""

from __future__ import annotations

from typing import Any, Literal

import attrs
import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import DataError, InvalidArgumentError
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

__all__ = ["OutcomeKind", "is_binary", "separation", "separation_rows"]

OutcomeKind = Literal["binary", "number"]
_KEYS: dict[str, Any] = {
    "tag": "text",
    "part": "text",
    "value": "text",
    "customers": "int",
    "left_out": "int",
}
_RATES = ("rate", "rate_without", "lift", "difference", "difference_low", "difference_high")
_BINARY: dict[str, Any] = (
    _KEYS | {"positives": "int"} | dict.fromkeys((*_RATES, "woe", "iv", "auc"), "float")
)
_NUMBER: dict[str, Any] = _KEYS | dict.fromkeys(
    ("mean", "mean_without", "ratio", "eta_squared"), "float"
)
_SQUARE = "square"


@attrs.frozen
class _Cell:
    """Customers of one value, their summed outcome (for numbers, around the mean)."""

    customers: int
    total: float


@attrs.frozen
class _Outcomes:
    """All customers with an outcome, and those of each value of each tag."""

    everybody: _Cell
    left_out: int
    cells: dict[tuple[str, str], _Cell]
    mean: float = 0.0
    squares: float | None = None


def separation(
    assignments: Any, outcome: Any, *, customers: Any = None, kind: OutcomeKind | None = None
) -> Any:
    """Say how far the outcome of customers with a tag differs from that of the others.

    Customers with an outcome and without a tag are "no tag". Customers without an outcome are left
    out and counted. A difference is no effect: the tag may be given to those who buy anyway.

    Args:
        assignments: The tags as of an instant, as `coverage` reads them.
        outcome: A frame of the same engine with `customer_id` and `outcome`, what happened after
            that instant, one row a customer: a boolean or a number. Null and NaN are not known.
        customers: Whom to judge by: a frame with `customer_id`, or their number, which only serves
            to count those left out. None takes everybody with an outcome.
        kind: `binary` or `number`; by default binary where outcomes are booleans, or 0 and 1 alone.

    Returns:
        In the type of `assignments`, a row a tag (`part` is `tag`: having it at all), a row for
        each value (`value`: against all others, with and without the tag) and one for those
        without (`no tag`): `tag`, `part`, `value`, `customers` with an outcome, `left_out` of all
        tags. What is not defined is null. For a binary outcome:

        - `positives`, `rate`, `rate_without` it, `lift` = rate / rate of everybody, `difference` of
          both rates with its 95 % interval `difference_low`, `difference_high` (Newcombe 1998,
          Statistics in Medicine 17, 873-890, method 10);
        - `woe`, weight of evidence = ln(share of those with the outcome / share of those without it
          that this part holds): above zero where the outcome is more frequent;
        - `iv`, information value: over values and "no tag", the sum of the difference of both
          shares times `woe` (Siddiqi 2006, Credit Risk Scorecards, chapter 6); parts have what they
          add. His reading: below 0.02 unpredictive, to 0.1 weak, to 0.3 medium, above it
          strong; above 0.5 look for a leak. Where a part lacks one kind of customer, half a
          customer of each kind is added to every part of the tag;
        - `auc` of the tag, its parts in the order of their own rates (Hanley and McNeil 1982,
          Radiology 143, 29-36).

        For a number: `mean`, `mean_without` it, `ratio` of both (null unless the latter is above
        zero), and for the tag `eta_squared`, the share of variance that values and "no tag" explain
        (Cohen 1988, Statistical Power Analysis, 0.01 small, 0.06 medium, 0.14 large).

    Raises:
        ColumnNotFoundError: If a column is missing.
        DataError: If a customer has several outcomes, or several values of a tag; if a binary
            outcome holds other numbers.
        InvalidArgumentError: If there are fewer customers than have a tag or an outcome.
    """
    tags = read_tags(assignments, "assignments")
    facts = read_facts(outcome, "outcome", "outcome", texts=False)
    base = None if customers is None else read_customers(customers, "customers", tags)
    rows = separation_rows(tags, facts, base, kind=kind)
    kinds = _BINARY if is_binary(facts, kind) else _NUMBER
    return tags.rows.source.give_rows(frames.small_table(rows, kinds))


def is_binary(facts: Facts, kind: str | None) -> bool:
    """Decide whether an outcome is read as something that happened or not.

    Raises:
        InvalidArgumentError: If `kind` is not known.
        DataError: If it is to be binary, and holds other numbers than 0 and 1.
    """
    if kind not in (None, "binary", "number"):
        raise InvalidArgumentError.unknown("kind", str(kind), ("binary", "number"))
    if kind == "binary" and not facts.is_binary:
        raise DataError(
            "outcome: a binary outcome holds other numbers than 0 and 1", hint="use kind='number'"
        )
    return kind == "binary" or (kind is None and facts.is_binary)


def separation_rows(
    tags: TagTable, facts: Facts, base: Base | None, *, kind: str | None = None
) -> list[dict[str, Any]]:
    """Return the rows of `separation`."""
    tags.check_one_value("separation")
    binary = is_binary(facts, kind)
    found = _outcomes(tags, facts, base, is_centred=not binary)
    rows = []
    for tag in tags.by_tag:
        values = tags.values_of(tag)
        cells = [found.cells.get((tag, value), _Cell(0, 0.0)) for value in values]
        with_it = _Cell(sum(c.customers for c in cells), sum(c.total for c in cells))
        everybody = found.everybody
        without = _Cell(everybody.customers - with_it.customers, everybody.total - with_it.total)
        parts = [*cells, without]
        names = [("value", value) for value in values] + [("no tag", None)]
        about = _binary_parts(with_it, parts) if binary else _number_parts(parts, found)
        described = zip([("tag", None), *names], [with_it, *parts], about, strict=True)
        for (part, value), cell, extra in described:
            compare = _rates if binary else _means
            rows.append(
                {"tag": tag, "part": part, "value": value, "customers": cell.customers}
                | {"left_out": found.left_out}
                | compare(cell, found)
                | extra
            )
    return rows


def _outcomes(tags: TagTable, facts: Facts, base: Base | None, *, is_centred: bool) -> _Outcomes:
    known = facts.known_rows
    if base is not None and base.rows is not None:
        some, everybody = together(known, base.rows)
        known = attrs.evolve(known, frame=some.join(everybody, on=CUSTOMER_ID, how="semi"))
    known = attrs.evolve(known, frame=facts.rows.source.materialise(known.frame))
    fact = nw.col(FACT)
    whole = frames.to_rows(known.frame.select(n=nw.len(), mean=fact.mean()))[0]
    customers = int(whole["n"])
    mean = float(whole["mean"]) if is_centred and customers else 0.0
    # Squares of large numbers that differ little would lose what differs.
    shifted = attrs.evolve(known, frame=known.frame.with_columns((fact - mean).alias(FACT)))
    members, shifted_rows = together(tags.rows, shifted)
    joined = members.join(shifted_rows, on=CUSTOMER_ID, how="inner")
    groups = joined.group_by(TAG, VALUE).agg(nw.len().alias("n"), fact.sum().alias("total"))
    cells = {
        (row[TAG], row[VALUE]): _Cell(int(row["n"]), float(row["total"]))
        for row in frames.to_rows(groups)
    }
    squares = shifted.frame.with_columns((fact * fact).alias(_SQUARE)).select(
        total=fact.sum(), squares=nw.col(_SQUARE).sum(), low=fact.min(), high=fact.max()
    )
    sums = frames.to_rows(squares)[0]
    varies = customers > 0 and sums["low"] != sums["high"]
    return _Outcomes(
        everybody=_Cell(customers, float(sums["total"] or 0.0)),
        left_out=_left_out(tags, facts, base, customers),
        cells=cells,
        mean=mean,
        squares=float(sums["squares"]) if varies else None,
    )


def _left_out(tags: TagTable, facts: Facts, base: Base | None, known: int) -> int:
    if base is not None:
        if base.customers < known:
            raise InvalidArgumentError(
                "customers", "is less than the number of customers with an outcome",
                got=f"{base.customers:,}", allowed=f"{known:,} or more",
            )  # fmt: skip
        return base.customers - known
    members, everybody = together(tags.rows, facts.rows)
    strangers = members.select(CUSTOMER_ID).join(everybody, on=CUSTOMER_ID, how="anti")
    unknown = row_count(facts.rows.frame) - facts.known
    return unknown + row_count(strangers.unique([CUSTOMER_ID]))


def _rates(cell: _Cell, found: _Outcomes) -> dict[str, Any]:
    everybody = found.everybody
    hits, all_hits = round(cell.total), round(everybody.total)
    others, other_hits = everybody.customers - cell.customers, all_hits - hits
    rate = statistics.ratio(hits, cell.customers)
    without = statistics.ratio(other_hits, others)
    low, high = statistics.difference_interval(hits, cell.customers, other_hits, others)
    return {
        "positives": hits,
        "rate": rate,
        "rate_without": without,
        "lift": statistics.ratio(hits * everybody.customers, cell.customers * all_hits),
        "difference": None if rate is None or without is None else rate - without,
        "difference_low": low,
        "difference_high": high,
    }


def _binary_parts(with_it: _Cell, parts: list[_Cell]) -> list[dict[str, Any]]:
    """Return what is known of the tag, then of each part: weight, information and area."""
    pairs = [(round(p.total), p.customers - round(p.total)) for p in parts]
    positives, negatives = [p for p, _ in pairs], [n for _, n in pairs]
    found = statistics.divergence_terms(positives, negatives)
    area = statistics.area_under_curve(pairs)
    if found is None:
        return [{"woe": None, "iv": None, "auc": area}, *({"woe": None, "iv": None} for _ in parts)]
    two = (
        [sum(p for p, _ in pairs[:-1]), pairs[-1][0]],
        [sum(n for _, n in pairs[:-1]), pairs[-1][1]],
    )
    as_two = statistics.divergence_terms(*two)
    whole = {
        "woe": as_two[0][0] if as_two and with_it.customers else None,
        "iv": sum(found[1]),
        "auc": area,
    }
    return [
        whole,
        *(
            {"woe": logarithm if part.customers else None, "iv": term}
            for part, logarithm, term in zip(parts, *found, strict=True)
        ),
    ]


def _means(cell: _Cell, found: _Outcomes) -> dict[str, Any]:
    everybody = found.everybody
    others = everybody.customers - cell.customers
    mean = statistics.ratio(cell.total, cell.customers)
    without = statistics.ratio(everybody.total - cell.total, others)
    mean = None if mean is None else found.mean + mean
    without = None if without is None else found.mean + without
    is_comparable = mean is not None and without is not None and without > 0
    return {
        "mean": mean,
        "mean_without": without,
        "ratio": mean / without if is_comparable and mean is not None and without else None,
    }


def _number_parts(parts: list[_Cell], found: _Outcomes) -> list[dict[str, Any]]:
    everybody = found.everybody
    explained = None
    if found.squares is not None:
        # The mean is rounded, so deviations from it add up to nearly nothing, not to nothing.
        left = everybody.total**2 / everybody.customers
        between = sum(p.total**2 / p.customers for p in parts if p.customers) - left
        explained = min(max(between / (found.squares - left), 0.0), 1.0)
    return [{"eta_squared": explained}, *({"eta_squared": None} for _ in parts)]
