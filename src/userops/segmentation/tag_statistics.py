"""The figures by which tags are judged, from counts alone: intervals, agreement, shift, separation.

References:
    Wilson, E. B. (1927), Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22, 209-212.
    Newcombe, R. G. (1998), Interval estimation for the difference between independent proportions:
    comparison of eleven methods, Statistics in Medicine 17, 873-890, method 10.
    Cohen, J. (1960), A coefficient of agreement for nominal scales, Educational and Psychological
    Measurement 20, 37-46.
    Matthews, B. W. (1975), Comparison of the predicted and observed secondary structure of T4 phage
    lysozyme, Biochimica et Biophysica Acta 405, 442-451; for more than two values Gorodkin, J.
    (2004), Comparing two K-category assignments by a K-category correlation coefficient,
    Computational Biology and Chemistry 28, 367-374.
    Jeffreys, H. (1946), An invariant form for the prior probability in estimation problems,
    Proceedings of the Royal Society A 186, 453-461: the symmetric divergence that both the
    population stability index and the information value are.
    Siddiqi, N. (2006), Credit Risk Scorecards, Wiley, for these two indices and their readings.
    Haldane, J. B. S. (1956), The estimation and significance of the logarithm of a ratio of
    frequencies, Annals of Human Genetics 20, 309-311: half an observation added to each cell.
    Hanley, J. A. and McNeil, B. J. (1982), The meaning and use of the area under a receiver
    operating characteristic (ROC) curve, Radiology 143, 29-36.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence

from userops.segmentation.effects import NORMAL_975

__all__ = [
    "accuracy",
    "area_under_curve",
    "difference_interval",
    "divergence_terms",
    "kappa",
    "matthews",
    "mean_recall",
    "ratio",
    "wilson_interval",
]

Counts = Mapping[tuple[Hashable, Hashable], int]
Interval = tuple[float | None, float | None]


def ratio(part: float, whole: float) -> float | None:
    """Return `part / whole`, or None where the whole is zero."""
    return part / whole if whole else None


def wilson_interval(hits: int, trials: int) -> Interval:
    """Return the 95 % score interval of a proportion (Wilson 1927), without continuity correction.

    Args:
        hits: How often it happened, 0 to `trials`.
        trials: How often it could have.

    Returns:
        Low and high end, within 0 to 1; None twice where there were no trials.

    Examples:
        >>> [round(end, 4) for end in wilson_interval(81, 263)]
        [0.2553, 0.3662]
    """
    if not trials:
        return None, None
    share, square = hits / trials, NORMAL_975 * NORMAL_975
    middle = share + square / (2 * trials)
    reach = NORMAL_975 * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    whole = 1 + square / trials
    # At the ends the formula gives 0 and 1 up to rounding.
    low = 0.0 if hits == 0 else max(0.0, (middle - reach) / whole)
    high = 1.0 if hits == trials else min(1.0, (middle + reach) / whole)
    return low, high


def difference_interval(hits: int, trials: int, other_hits: int, other_trials: int) -> Interval:
    """Return the 95 % interval of a difference of two proportions (Newcombe 1998, method 10).

    Args:
        hits: How often it happened among the first.
        trials: How many the first are.
        other_hits: How often it happened among the second.
        other_trials: How many the second are.

    Returns:
        Low and high end of first minus second, within -1 to 1; None twice where one has no trials.

    Examples:
        >>> [round(end, 4) for end in difference_interval(56, 70, 48, 80)]
        [0.0524, 0.3339]
    """
    low, high = wilson_interval(hits, trials)
    other_low, other_high = wilson_interval(other_hits, other_trials)
    if low is None or high is None or other_low is None or other_high is None:
        return None, None
    share, other = hits / trials, other_hits / other_trials
    difference = share - other
    return (
        difference - math.hypot(share - low, other_high - other),
        difference + math.hypot(high - share, other - other_low),
    )


def accuracy(counts: Counts) -> float | None:
    """Return the share of customers whose tag says what their label says."""
    hits = sum(n for (label, said), n in counts.items() if label == said)
    return ratio(hits, sum(counts.values()))


def mean_recall(counts: Counts) -> float | None:
    """Return the balanced accuracy: the mean, over the labels that occur, of how many were found.

    With two labels it is the mean of recall and specificity, and so needs both to occur (Brodersen
    and others 2010, The balanced accuracy and its posterior distribution, ICPR, 3121-3124).
    """
    totals, _ = _margins(counts)
    recalls = [counts.get((label, label), 0) / n for label, n in totals.items() if n]
    return sum(recalls) / len(recalls) if len(recalls) > 1 else None


def kappa(counts: Counts) -> float | None:
    """Return Cohen's kappa (1960, equation 1): agreement beyond that of chance.

    Args:
        counts: Customers by label and by what the tag says.

    Returns:
        -1 to 1; None where chance alone would agree in everything.

    Examples:
        >>> kappa({(1, 1): 20, (0, 1): 5, (1, 0): 10, (0, 0): 15})
        0.4
    """
    labels, said = _margins(counts)
    customers = sum(counts.values())
    hits = sum(counts.get((value, value), 0) for value in labels)
    chance = sum(n * said.get(value, 0) for value, n in labels.items())
    return ratio(customers * hits - chance, customers * customers - chance)


def matthews(counts: Counts) -> float | None:
    """Return the correlation of tag and label (Matthews 1975; Gorodkin 2004, equation 8).

    Args:
        counts: Customers by label and by what the tag says.

    Returns:
        -1 to 1; None where one of both never varies.
    """
    labels, said = _margins(counts)
    customers = sum(counts.values())
    hits = sum(counts.get((value, value), 0) for value in labels)
    covariance = customers * hits - sum(n * said.get(value, 0) for value, n in labels.items())
    spreads = [customers**2 - sum(n * n for n in margin.values()) for margin in (labels, said)]
    return ratio(covariance, math.sqrt(spreads[0]) * math.sqrt(spreads[1]))


def _margins(counts: Counts) -> tuple[dict[Hashable, int], dict[Hashable, int]]:
    labels: dict[Hashable, int] = {}
    said: dict[Hashable, int] = {}
    for (label, value), n in counts.items():
        labels[label] = labels.get(label, 0) + n
        said[value] = said.get(value, 0) + n
    return labels, said


def divergence_terms(
    first: Sequence[int], second: Sequence[int]
) -> tuple[list[float], list[float]] | None:
    """Return what each cell adds to the divergence of two distributions over the same cells.

    With shares p and q of the cells, the logarithm of a cell is ln(p / q) and its term
    (p - q) ln(p / q). The sum of the terms is the population stability index of two dates, and the
    information value of the customers with and without an outcome (Siddiqi 2006, chapters 6 and 8).

    A cell that is empty in one distribution alone would make it infinite. Where there is such a
    cell, half a customer is added to every cell of both (Haldane 1956). A cell that is empty in
    both adds nothing and is no cell.

    Args:
        first: Customers by cell.
        second: Customers by cell, in the same order.

    Returns:
        Logarithms and terms by cell, the terms at least zero; None where a distribution is empty.

    Examples:
        >>> logarithms, terms = divergence_terms([50, 50], [25, 75])
        >>> round(sum(terms), 4)
        0.2747
    """
    if not sum(first) or not sum(second):
        return None
    is_cell = [bool(a or b) for a, b in zip(first, second, strict=True)]
    is_holed = any(bool(a) != bool(b) for a, b in zip(first, second, strict=True))
    added = 0.5 if is_holed else 0.0
    wholes = [sum(counts) + added * sum(is_cell) for counts in (first, second)]
    logarithms, terms = [], []
    for a, b, counted in zip(first, second, is_cell, strict=True):
        p, q = (a + added) / wholes[0], (b + added) / wholes[1]
        logarithm = math.log(p / q) if counted else 0.0
        logarithms.append(logarithm)
        terms.append((p - q) * logarithm)
    return logarithms, terms


def area_under_curve(cells: Sequence[tuple[int, int]]) -> float | None:
    """Return how often one with the outcome stands in a better cell than one without it.

    Ties count half (Hanley and McNeil 1982, equation 1). Cells are ordered by their own rate, so
    that the area is at least 0.5, and flatters cells of few customers.

    Args:
        cells: Customers with and without the outcome, by cell.

    Returns:
        0.5 to 1; None where all or none have the outcome.
    """
    ordered = sorted((c for c in cells if sum(c)), key=lambda cell: cell[0] / sum(cell))
    twice, below = 0, 0
    for positives, negatives in ordered:
        twice += positives * (2 * below + negatives)
        below += negatives
    return ratio(twice, 2 * below * sum(positives for positives, _ in ordered))
