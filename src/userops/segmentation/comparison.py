"""Two groups of customers side by side: in which features they differ, and by how much."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from userops.core.arrays import Columns, Ids
from userops.errors import ColumnNotFoundError, DataError, InvalidArgumentError
from userops.segmentation import effects
from userops.segmentation.differences import (
    Comparison,
    FeatureDifference,
    ValueDifference,
    minus,
)
from userops.segmentation.memberships import Memberships

__all__ = ["compare"]

Flags = NDArray[np.bool_]


def compare(
    features: Any,
    a: Any,
    b: Any,
    *,
    memberships: Memberships | None = None,
    customer_id: str = "customer_id",
    most_values: int = 50,
) -> Comparison:
    """Compare the features of two groups of customers.

    Only known values count, and each difference says how many were known. A customer in both
    groups counts in both.

    Args:
        features: Any supported frame of one row a customer: `customer_id`, and columns of numbers,
            flags and text; others are skipped and listed.
        a: The first group: the name of a set of `memberships`, a `Memberships` of one set, a frame
            with `customer_id`, or ids.
        b: The second group, likewise.
        memberships: Where names are looked up.
        customer_id: The column of ids, in `features` and in groups given as frames.
        most_values: How many values of a text feature are kept, at least 1; all are counted.

    Returns:
        The features, the largest absolute effect first; those without an effect last.

    Raises:
        ColumnNotFoundError: If there is no such column of ids.
        DataError: If a customer has several rows of features.
        InvalidArgumentError: If a group is not one.

    Examples:
        >>> import pandas as pd
        >>> features = pd.DataFrame(
        ...     {"customer_id": [1, 2, 3, 4], "orders": [9, 7, 2, 4], "city": ["x", "x", "x", "y"]}
        ... )
        >>> compare(features, [1, 2], [3, 4])
        a: 2 customers
        b: 2 customers
          orders          8.00        3.00  effect +1.99
          city = x      100.0%       50.0%  effect +1.57
    """
    if most_values < 1:
        raise InvalidArgumentError("most_values", "keeps nothing", got=most_values, allowed=">= 1")
    columns = Columns.read(features)
    ids, rows = _rows_of(columns, customer_id)
    name_a, of_a = _group("a", a, memberships, customer_id)
    name_b, of_b = _group("b", b, memberships, customer_id)
    in_a, in_b = (_flags(ids, group)[rows] & (rows >= 0) for group in (of_a, of_b))
    found, skipped = _differences(columns, customer_id, in_a, in_b, most=most_values)
    return Comparison(
        a=name_a,
        b=name_b,
        customers_a=int(in_a.sum()),
        customers_b=int(in_b.sum()),
        without_features_a=len(of_a) - int(in_a.sum()),
        without_features_b=len(of_b) - int(in_b.sum()),
        in_both=int((in_a & in_b).sum()),
        features=tuple(found),
        skipped=tuple(skipped),
        source=columns.source,
    )


def _differences(
    columns: Columns, customer_id: str, in_a: Flags, in_b: Flags, *, most: int
) -> tuple[list[FeatureDifference], list[str]]:
    """Return the differences by absolute effect, and the columns that cannot be compared."""
    found, skipped = [], []
    for name in columns.names:
        kind = columns.kind(name)
        if name == customer_id:
            continue
        if kind == "number":
            found.append(_numbers(columns, name, in_a, in_b))
        elif kind == "other":
            skipped.append(name)
        else:
            found.append(_values(columns, name, kind, in_a, in_b, most=most))
    found.sort(key=lambda feature: 1.0 if feature.effect is None else -abs(feature.effect))
    return found, skipped


def _rows_of(columns: Columns, customer_id: str) -> tuple[Ids, NDArray[np.int64]]:
    if customer_id not in columns.names:
        raise ColumnNotFoundError(customer_id, columns.names, role="customer_id")
    ids, rows = columns.ids(customer_id)
    if int((rows >= 0).sum()) != len(ids):
        raise DataError(
            "a customer has several rows of features",
            got=f"{int((rows >= 0).sum()):,} rows of {len(ids):,} customers",
            allowed="one row a customer",
            hint="aggregate them first",
        )
    return ids, rows


def _group(
    argument: str, group: Any, memberships: Memberships | None, customer_id: str
) -> tuple[str, Ids]:
    """Return a group's name and its ids."""
    if isinstance(group, str):
        if memberships is None:
            raise InvalidArgumentError(
                argument, "is a name without the sets that it is one of", got=repr(group),
                hint="pass memberships=…, or a list of ids",
            )  # fmt: skip
        group = memberships.select(group)
    if isinstance(group, Memberships):
        return group.names[0] if len(group) == 1 else argument, group.id_set()
    if isinstance(group, Ids):
        return argument, group
    if isinstance(group, list | tuple | set | frozenset | range | np.ndarray):
        return argument, Ids.of_values(group, argument=argument)
    return argument, Columns.read(group, [customer_id]).ids(customer_id)[0]


def _flags(ids: Ids, group: Ids) -> Flags:
    """Return which ids are in the group; the last place, False, is that of rows without an id."""
    flags = np.zeros(len(ids) + 1, dtype=np.bool_)
    places = ids.positions_of(group)
    flags[places[places >= 0]] = True
    return flags


def _numbers(columns: Columns, name: str, in_a: Flags, in_b: Flags) -> FeatureDifference:
    values, is_known = columns.numbers(name)
    # In order, so that sums are the same whatever the order of the rows.
    a, b = np.sort(values[in_a & is_known]), np.sort(values[in_b & is_known])
    g, chance = effects.hedges_g(a, b), effects.superiority(a, b)
    mean_a, mean_b = _mean(a), _mean(b)
    return FeatureDifference(
        feature=name,
        kind="number",
        known_a=len(a),
        known_b=len(b),
        effect=g,
        mean_a=mean_a,
        mean_b=mean_b,
        median_a=float(np.median(a)) if len(a) else None,
        median_b=float(np.median(b)) if len(b) else None,
        standard_deviation_a=float(a.std(ddof=1)) if len(a) > 1 else None,
        standard_deviation_b=float(b.std(ddof=1)) if len(b) > 1 else None,
        difference=minus(mean_a, mean_b),
        difference_95=effects.welch_interval(a, b),
        cohens_d=effects.cohens_d(a, b),
        hedges_g=g,
        superiority=chance,
        cliffs_delta=None if chance is None else 2 * chance - 1,
    )


def _values(
    columns: Columns,
    name: str,
    kind: Literal["flag", "text"],
    in_a: Flags,
    in_b: Flags,
    *,
    most: int,
) -> FeatureDifference:
    codes, texts = columns.texts(name)
    is_known = codes >= 0
    a, b = (np.bincount(codes[who & is_known], minlength=len(texts)) for who in (in_a, in_b))
    known_a, known_b = int(a.sum()), int(b.sum())
    order = _by_difference(a, b, texts, is_flag=kind == "flag")
    found = []
    for k in order[:most].tolist():
        share_a = int(a[k]) / known_a if known_a else None
        share_b = int(b[k]) / known_b if known_b else None
        h = None
        if share_a is not None and share_b is not None:
            h = effects.cohens_h(share_a, share_b)
        found.append(
            ValueDifference(
                value=texts[k],
                customers_a=int(a[k]),
                customers_b=int(b[k]),
                share_a=share_a,
                share_b=share_b,
                cohens_h=h,
            )
        )
    effect = found[0].cohens_h if found else None
    if kind == "flag" and found and found[0].value != "true":
        effect = None if effect is None else 0.0
    return FeatureDifference(
        feature=name,
        kind=kind,
        known_a=known_a,
        known_b=known_b,
        effect=effect,
        cramers_v=effects.cramers_v(a, b),
        values=tuple(found),
        distinct=len(order),
    )


def _by_difference(
    a: NDArray[np.int64], b: NDArray[np.int64], texts: list[str], *, is_flag: bool
) -> NDArray[np.int64]:
    """Return the values that occur, the most different shares first; of a flag, its `true`."""
    seen = np.flatnonzero(a + b)
    if not len(seen):
        return seen
    angle_a, angle_b = (2 * np.arcsin(np.sqrt(n[seen] / max(n.sum(), 1))) for n in (a, b))
    h = angle_a - angle_b
    names = np.array(texts)[seen]
    # The two values of a feature lie equally far apart, but for the last bits: the one that the
    # first group has more of comes first.
    keys = (names, -h, -np.round(np.abs(h), 9), is_flag & (names != "true"))
    return seen[np.lexsort(keys)]


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
