"""Tags are judged by published formulas, counted inside any engine."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from userops.errors import (
    ColumnNotFoundError,
    ColumnTypeError,
    DataError,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.segmentation import (
    TagThresholds,
    agreement,
    coverage,
    judge,
    separation,
    stability,
)
from userops.segmentation import tag_statistics as statistics
from userops.testing import Engines, rows_of, to_engine

Row = dict[str, Any]

PEOPLE = [f"c{n}" for n in range(40)]
TAGS = {"size": ["big", "small", "mid"], "vip": ["true"], "city": ["北京", "上海"], "rare": ["x"]}


def table(kind: str, rows: list[tuple[Any, ...]]) -> pa.Table:
    """Build a table of tags, or of one other column, with a column that nobody asked for."""
    names = ["customer_id", "tag", "value"] if kind == "tags" else ["customer_id", kind]
    columns = {name: [row[i] for row in rows] for i, name in enumerate(names)}
    return pa.table(columns | {"note": ["-"] * len(rows)})


def plain(answer: Any) -> list[Row]:
    """Return rows of an Arrow answer."""
    rows: list[Row] = answer.to_pylist()
    return rows


def row_of(rows: list[Row], tag: str, part: str = "tag", value: str | None = None) -> Row:
    """Find one row."""
    return next(r for r in rows if (r["tag"], r["part"], r["value"]) == (tag, part, value))


def shop(salt: int) -> list[tuple[str, str, str]]:
    """Give customers tags in a fixed disorder."""
    return [
        (who, tag, values[(n * salt + k) % len(values)])
        for k, (tag, values) in enumerate(TAGS.items())
        for n, who in enumerate(PEOPLE[:36])
        if (n * salt + 3 * k) % 5 > k - 1
    ]


BEFORE, AFTER = shop(3), shop(7)
LABELS = [(who, None if n % 11 == 0 else n % 3 == 0) for n, who in enumerate(PEOPLE[2:])]
SIZES = [(who, [None, "big", "small", "huge"][n % 4]) for n, who in enumerate(PEOPLE[2:])]
BOUGHT = [(who, None if n % 13 == 0 else n % 4 == 1) for n, who in enumerate(PEOPLE[1:])]
SPENT = [(who, math.nan if n % 13 == 0 else n % 7 * 2.5) for n, who in enumerate(PEOPLE[1:])]


# Published and hand-computed answers


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals_are_the_published_ones(
    hits: int, trials: int, low: float, high: float
) -> None:
    """Wilson intervals are those of Newcombe (1998), Statistics in Medicine 17, 857, table I."""
    assert statistics.wilson_interval(hits, trials) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((6, 7, 2, 7), 0.0582, 0.8062),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((0, 10, 0, 10), -0.2775, 0.2775),
        ((10, 10, 0, 20), 0.6791, 1.0000),
        ((10, 10, 0, 10), 0.6075, 1.0000),
    ],
)
def test_newcombe_intervals_are_the_published_ones(
    counts: tuple[int, int, int, int], low: float, high: float
) -> None:
    """Intervals of differences are Newcombe (1998), Statistics in Medicine 17, 873, method 10."""
    assert statistics.difference_interval(*counts) == pytest.approx((low, high), abs=5e-5)


def test_agreement_of_a_small_table_is_that_done_by_hand() -> None:
    """Of 20 hits, 5 false alarms, 10 misses and 15 others, all figures are those done by hand."""
    counts = {(True, True): 20, (False, True): 5, (True, False): 10, (False, False): 15}
    labels, tags = [], []
    for (label, said), n in counts.items():
        for _ in range(n):
            who = len(labels)
            labels.append((who, label))
            tags += [(who, "vip", "true")] if said else []

    row = plain(agreement(table("tags", tags), table("label", labels), tag="vip"))[0]

    assert [row[name] for name in ("tp", "fp", "fn", "tn", "left_out")] == [20, 5, 10, 15, 0]
    assert row["precision"] == 0.8
    assert row["recall"] == pytest.approx(2 / 3)
    assert row["accuracy"] == 0.7
    assert row["balanced_accuracy"] == pytest.approx((2 / 3 + 3 / 4) / 2)
    assert row["f1"] == pytest.approx(8 / 11)
    assert row["kappa"] == pytest.approx(0.4)
    assert row["mcc"] == pytest.approx((20 * 15 - 5 * 10) / math.sqrt(25 * 30 * 20 * 25))
    # Wilson for 20 of 25: (0.8 + z²/50 ± z √(0.16/25 + z²/2500)) / (1 + z²/25).
    assert (row["precision_low"], row["precision_high"]) == pytest.approx(
        (0.6087, 0.9114), abs=5e-5
    )


def test_agreement_of_several_values_is_that_done_by_hand() -> None:
    """A label of text is held against each value, and against the tag as a whole."""
    said = ["a", "a", "b", "b", "c", None]
    true = ["a", "b", "b", "b", "a", "c"]
    tags = [(n, "kind", v) for n, v in enumerate(said) if v] + [(9, "kind", "a")]

    rows = plain(agreement(table("tags", tags), table("label", list(enumerate(true))), tag="kind"))

    whole = row_of(rows, "kind")
    assert (whole["customers"], whole["left_out"], whole["tp"]) == (6, 1, None)
    assert whole["accuracy"] == 0.5
    assert whole["balanced_accuracy"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    # By chance 2*2 + 3*2 + 1*1 = 11 of 36 pairs agree.
    assert whole["kappa"] == pytest.approx((6 * 3 - 11) / (36 - 11))
    spreads = (36 - 2**2 - 3**2 - 1) * (36 - 2**2 - 2**2 - 1 - 1)
    assert whole["mcc"] == pytest.approx(7 / math.sqrt(spreads))
    b = row_of(rows, "kind", "value", "b")
    assert [b[name] for name in ("tp", "fp", "fn", "tn")] == [2, 0, 1, 3]


def test_what_is_undefined_is_null() -> None:
    """Nobody labelled, nobody positive and nothing to compare give null, never NaN or zero."""
    tags = table("tags", [(1, "vip", "true")])
    away = plain(agreement(tags, table("label", [(2, True), (3, True)]), tag="vip"))[0]
    none = plain(
        agreement(
            tags,
            table("label", [(2, None)]).cast(
                pa.schema({"customer_id": pa.int64(), "label": pa.bool_(), "note": pa.string()})
            ),
            tag="vip",
        )
    )[0]
    alike = row_of(plain(separation(tags, table("outcome", [(1, True), (2, True)]))), "vip")
    flat = row_of(plain(separation(tags, table("outcome", [(1, 0.1), (2, 0.1)]))), "vip")
    nobody = row_of(
        plain(stability(tags, tags.slice(1), customers_before=1, customers_after=0)), "vip"
    )

    assert [away[name] for name in ("precision", "precision_low", "recall", "f1")] == [
        None,
        None,
        0,
        0,
    ]
    assert [away[name] for name in ("balanced_accuracy", "mcc", "left_out")] == [None, None, 1]
    assert [none[name] for name in ("customers", "left_out", "accuracy", "kappa")] == [
        0,
        2,
        None,
        None,
    ]
    assert [alike[name] for name in ("iv", "woe", "auc", "lift")] == [None, None, None, 1]
    assert flat["eta_squared"] is None
    assert [nobody["psi"], nobody["share_after"], nobody["entered_share"]] == [None, None, None]


def test_stability_is_that_done_by_hand() -> None:
    """The index of shares .5 and .5 that become .25 and .75 is half the logarithm of 3 (0.2747)."""
    before = table("tags", [(n, "t", "true") for n in range(50)])
    after = table("tags", [(n, "t", "true") for n in range(40, 65)])

    rows = plain(stability(before, after, customers_before=100, customers_after=100))

    whole = row_of(rows, "t")
    assert whole["psi"] == pytest.approx(0.25 * math.log(2) + 0.25 * math.log(1.5))
    assert [whole[n] for n in ("kept", "entered", "left", "changed")] == [10, 15, 40, 0]
    assert whole["jaccard"] == pytest.approx(10 / 65)
    assert whole["turnover"] == pytest.approx(55 / 75)
    assert (whole["kept_share"], whole["left_share"], whole["entered_share"]) == (0.2, 0.8, 0.6)


def test_an_empty_cell_gets_half_a_customer() -> None:
    """A value that is new at the later date leaves the index finite, by the stated rule."""
    before = table("tags", [(1, "t", "a")])
    after = table("tags", [(1, "t", "b")])

    whole = row_of(plain(stability(before, after, customers_before=4, customers_after=4)), "t")

    first, second = [1.5, 0.5, 3.5], [0.5, 1.5, 3.5]
    wanted = sum((b - a) / 5.5 * math.log(b / a) for a, b in zip(first, second, strict=True))
    assert whole["psi"] == pytest.approx(wanted)
    assert (whole["kept"], whole["changed"]) == (1, 1)


def test_only_customers_of_both_dates_enter_and_leave() -> None:
    """A customer who is new at the later date has not entered the tag, and a lost one not left."""
    before = table("tags", [(1, "t", "a"), (2, "t", "a")])
    after = table("tags", [(1, "t", "a"), (3, "t", "a"), (4, "t", "a")])
    ids = [table("note", [(n, "") for n in some]) for some in ((1, 2, 3), (1, 3, 4))]

    whole = row_of(
        plain(stability(before, after, customers_before=ids[0], customers_after=ids[1])), "t"
    )

    assert [whole[n] for n in ("kept", "entered", "left")] == [1, 1, 0]
    assert (whole["share_before"], whole["share_after"]) == (pytest.approx(2 / 3), 1)


def test_separation_is_that_done_by_hand() -> None:
    """With 8 of 20 buyers against 8 of 80, all figures are those done by hand."""
    tags = table("tags", [(n, "vip", "true") for n in range(20)] + [(200, "vip", "true")])
    outcome = table("outcome", [(n, n < 8 or n >= 92) for n in range(100)] + [(300, None)])

    rows = plain(separation(tags, outcome))

    whole, rest = row_of(rows, "vip"), row_of(rows, "vip", "no tag")
    assert (whole["rate"], whole["rate_without"], whole["left_out"]) == (0.4, 0.1, 2)
    assert whole["lift"] == pytest.approx(0.4 / 0.16)
    assert whole["difference"] == pytest.approx(0.3)
    assert whole["woe"] == pytest.approx(math.log((8 / 16) / (12 / 84)))
    assert rest["woe"] == pytest.approx(math.log((8 / 16) / (72 / 84)))
    terms = [(8 / 16 - 12 / 84) * whole["woe"], (8 / 16 - 72 / 84) * rest["woe"]]
    assert whole["iv"] == pytest.approx(sum(terms))
    # 8 * 72 pairs in the right order, and the ties of both cells by half.
    assert whole["auc"] == pytest.approx((8 * 72 + (8 * 12 + 8 * 72) / 2) / (16 * 84))


def test_explained_variance_is_that_done_by_hand() -> None:
    """Of 1, 3 with a tag and 5, 7 without, 16 of 20 squares lie between; large sums keep it."""
    for added in (0, 2**50):
        tags = table("tags", [(1, "vip", "true"), (2, "vip", "true")])
        spent = table("outcome", [(n, n * 2 - 1 + added) for n in (1, 2, 3, 4)])
        row = row_of(plain(separation(tags, spent)), "vip")

        assert row["eta_squared"] == pytest.approx(0.8)
        assert (row["mean"], row["mean_without"]) == (2 + added, 6 + added)
        assert row["ratio"] == pytest.approx((2 + added) / (6 + added))


def test_zeros_and_ones_are_read_as_told() -> None:
    """Numbers of 0 and 1 alone happened or not, unless the caller says that they are amounts."""
    tags = table("tags", [(1, "vip", "true")])
    orders = table("outcome", [(1, 1), (2, 0)])
    assert "lift" in separation(tags, orders).column_names
    assert "eta_squared" in separation(tags, orders, kind="number").column_names
    with pytest.raises(DataError, match="other numbers"):
        separation(tags, table("outcome", [(1, 2), (2, 0)]), kind="binary")


# Brute force, and every engine


def cases() -> dict[str, Any]:
    """Return a case for each function; they take the frames of one engine."""
    return {
        "coverage": lambda f: coverage(f["after"], customers=f["ids"]),
        "agreement": lambda f: agreement(f["after"], f["labels"], tag="vip"),
        "one value": lambda f: agreement(f["after"], f["labels"], tag="size", value="big"),
        "text": lambda f: agreement(f["after"], f["sizes"], tag="size"),
        "stability": lambda f: stability(
            f["before"], f["after"], customers_before=f["ids"], customers_after=40
        ),
        "bought": lambda f: separation(f["after"], f["bought"], customers=f["ids"]),
        "spent": lambda f: separation(f["after"], f["spent"]),
    }


def tables() -> dict[str, pa.Table]:
    """Return the tables; tags hold a row twice, and rows that say nothing."""
    trap = [("c1", "vip", None), (None, "vip", "true"), ("c2", None, "true")]
    return {
        "before": table("tags", [*BEFORE, BEFORE[0], *trap]),
        "after": table("tags", [*AFTER, AFTER[0], *trap]),
        "labels": table("label", LABELS),
        "sizes": table("label", SIZES),
        "bought": table("outcome", BOUGHT),
        "spent": table("outcome", SPENT),
        "ids": table("other", [(who, 1) for who in [*PEOPLE, PEOPLE[0]]]),
    }


def rounded(native: Any) -> list[tuple[Any, ...]]:
    """Return rows whose floats do not hang on the order in which an engine adds."""
    return [
        tuple(round(v, 10) + 0.0 if isinstance(v, float) else v for v in row)
        for row in rows_of(native)
    ]


def test_engines_in_this_process_agree_with_plain_python(fast_engines: Engines) -> None:
    """Every engine gives the rows of Arrow, in its own type, and these are those of brute force."""
    given_tables = tables()
    expected: dict[str, Any] = {}
    for engine in fast_engines.names:
        native = {name: to_engine(one, engine) for name, one in given_tables.items()}
        for name, case in cases().items():
            answer = case(native)
            assert type(answer) is type(native["after"]), (engine, name)
            assert rounded(answer) == expected.setdefault(name, rounded(answer)), (engine, name)
    by_hand(given_tables)


def by_hand(given_tables: dict[str, pa.Table]) -> None:
    """Count coverage, agreement, stability and separation customer by customer."""
    answers = {name: plain(case(given_tables)) for name, case in cases().items()}
    has = {(who, tag): value for who, tag, value in AFTER}
    had = {(who, tag): value for who, tag, value in BEFORE}
    covered = Counter((tag, value) for _, tag, value in AFTER)
    assert {
        (r["tag"], r["value"]): r["customers"] for r in answers["coverage"] if r["value"]
    } == covered
    labels = {who: label for who, label in LABELS if label is not None}
    pairs = Counter((label, (who, "vip") in has) for who, label in labels.items())
    row = answers["agreement"][0]
    assert (row["tp"], row["fp"]) == (pairs[True, True], pairs[False, True])
    assert (row["fn"], row["tn"]) == (pairs[True, False], pairs[False, False])
    strangers = {who for who, tag in has if tag == "vip"} | {who for who, _ in LABELS}
    assert row["left_out"] == len(strangers - set(labels))
    bought = {who: b for who, b in BOUGHT if b is not None}
    spent = {who: x for who, x in SPENT if not math.isnan(x)}
    for tag, values in TAGS.items():
        before, after = ({w for w, t in some if t == tag} for some in (had, has))
        moved = row_of(answers["stability"], tag)
        assert moved["kept"] == len(before & after)
        assert (moved["entered"], moved["left"]) == (len(after - before), len(before - after))
        changed = [w for w in before & after if had[w, tag] != has[w, tag]]
        assert moved["changed"] == len(changed)
        mean = sum(spent.values()) / len(spent)
        cells: dict[str | None, list[float]] = {}
        for who, x in spent.items():
            cells.setdefault(has.get((who, tag)), []).append(x)
        between = sum(len(c) * (sum(c) / len(c) - mean) ** 2 for c in cells.values())
        wanted = between / sum((x - mean) ** 2 for x in spent.values())
        assert row_of(answers["spent"], tag)["eta_squared"] == pytest.approx(wanted)
        for value in values:
            some = [b for who, b in bought.items() if has.get((who, tag)) == value]
            found = row_of(answers["bought"], tag, "value", value)
            assert (found["customers"], found["positives"]) == (len(some), sum(some))
            assert found["left_out"] == len(PEOPLE) - len(bought)


def test_spark_gives_the_rows_of_arrow(engines: Engines) -> None:
    """One report with everything in it is the same on Spark."""
    if "pyspark" not in engines.names:
        pytest.skip("PySpark is not installed")

    def report(f: dict[str, Any]) -> Any:
        return judge(
            f["after"],
            customers=f["ids"],
            truth={"vip": f["labels"]},
            before=f["before"],
            customers_before=len(PEOPLE),
            outcome=f["bought"],
        ).table()

    used = {name: one for name, one in tables().items() if name not in ("sizes", "spent")}
    arrow, spark = (
        rounded(report({name: to_engine(one, engine) for name, one in used.items()}))
        for engine in ("pyarrow", "pyspark")
    )

    assert arrow == spark
    assert len(arrow) == len(TAGS)


# Invariants


counts = st.lists(st.integers(0, 500), min_size=1, max_size=6)


@given(st.data())
def test_divergence_is_never_below_zero(data: st.DataObject) -> None:
    """An index of two dates, and an information value, is zero or more, finite, and symmetric."""
    first = data.draw(counts)
    second = data.draw(st.lists(st.integers(0, 500), min_size=len(first), max_size=len(first)))

    there = statistics.divergence_terms(first, second)
    back = statistics.divergence_terms(second, first)

    assert (there is None) == (not sum(first) or not sum(second))
    if there is not None and back is not None:
        assert all(term >= 0 and math.isfinite(term) for term in there[1])
        assert sum(there[1]) == pytest.approx(sum(back[1]))


@given(counts, st.integers(1, 9))
def test_equal_shares_do_not_diverge(first: list[int], times: int) -> None:
    """The index is zero where all shares stay, also with more customers."""
    found = statistics.divergence_terms(first, [n * times for n in first])
    assert found is None or sum(found[1]) == pytest.approx(0, abs=1e-12)


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "a", "b", "c"]), st.booleans()), min_size=1, max_size=40
    )
)
def test_lifts_weigh_one(people: list[tuple[str | None, bool]]) -> None:
    """Weighted by customers, the lifts of all parts of a tag have the mean 1; information >= 0."""
    tags = [(n, "t", v) for n, (v, _) in enumerate(people) if v] or [(99, "t", "a")]
    outcome = [(n, b) for n, (_, b) in enumerate(people)]

    rows = plain(separation(table("tags", tags), table("outcome", outcome)))

    parts = [r for r in rows if r["part"] != "tag"]
    assert sum(r["customers"] for r in parts) == len(people)
    if any(b for _, b in outcome):
        mean = sum(r["customers"] * r["lift"] for r in parts if r["customers"]) / len(people)
        assert mean == pytest.approx(1)
    whole = row_of(rows, "t")
    assert whole["iv"] is None or whole["iv"] >= 0
    assert whole["auc"] is None or 0.5 <= whole["auc"] <= 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_wilson_holds_the_proportion(hits: int, misses: int) -> None:
    """An interval lies within 0 and 1 and holds its proportion; of nothing there is none."""
    low, high = statistics.wilson_interval(hits, hits + misses)
    if low is None or high is None:
        assert hits + misses == 0
    else:
        assert 0 <= low <= hits / (hits + misses) <= high <= 1


# Bad input


TAG = table("tags", [("a", "vip", "true"), ("b", "vip", "true"), ("b", "size", "big")])


def test_missing_columns_and_unknown_names_are_named() -> None:
    """A misspelt column, tag, value, locale, kind and measure each get the nearest name."""
    labels = table("label", [("a", True)])
    with pytest.raises(ColumnNotFoundError, match="did you mean 'values'"):
        coverage(TAG.rename_columns(["customer_id", "tag", "values", "note"]), customers=3)
    with pytest.raises(ColumnNotFoundError, match="'outcome'"):
        separation(TAG, labels)
    with pytest.raises(InvalidArgumentError, match="did you mean 'vip'"):
        agreement(TAG, labels, tag="vpi")
    with pytest.raises(InvalidArgumentError, match="did you mean 'big'"):
        agreement(TAG, labels, tag="size", value="bigg")
    with pytest.raises(InvalidArgumentError, match="did you mean 'vip'"):
        judge(TAG, customers=3, truth={"vips": labels})
    with pytest.raises(InvalidArgumentError, match="locale"):
        judge(TAG, customers=3, locale="fr")  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentError, match="kind"):
        separation(TAG, table("outcome", [("a", 1)]), kind="bin")  # type: ignore[arg-type]
    report = judge(TAG, customers=3)
    with pytest.raises(InvalidArgumentError, match="did you mean 'share'"):
        report.plot(measure="shares")
    with pytest.raises(InvalidArgumentError, match="did you mean 'size'"):
        report["sizes"]


def test_impossible_numbers_of_customers_are_refused() -> None:
    """Fewer customers than have a tag, a number below zero and strangers each say what is wrong."""
    for number in (-1, True):
        with pytest.raises(InvalidArgumentError, match="no number of customers"):
            coverage(TAG, customers=number)
    with pytest.raises(InvalidArgumentError, match="2 or more"):
        coverage(TAG, customers=1)
    with pytest.raises(InvalidArgumentError, match="1 customers in assignments are not among"):
        coverage(TAG, customers=table("x", [("a", 1), ("c", 1), ("d", 1)]))
    with pytest.raises(InvalidArgumentError, match="3 or more"):
        separation(TAG, table("outcome", [(w, True) for w in "abc"]), customers=2)


def test_doubtful_labels_and_outcomes_are_refused() -> None:
    """Two labels for one customer, numbers that are no labels, and infinity are refused."""
    with pytest.raises(DataError, match="'a'") as caught:
        agreement(TAG, table("label", [("a", True), ("a", False), ("b", True)]), tag="vip")
    assert "more than one label" in str(caught.value)
    with pytest.raises(DataError, match="more than one outcome"):
        separation(TAG, table("outcome", [("a", 5), ("a", 7)]))
    with pytest.raises(ColumnTypeError, match="0 and 1"):
        agreement(TAG, table("label", [("a", 2)]), tag="vip")
    with pytest.raises(DataError, match="infinite"):
        separation(TAG, table("outcome", [("a", math.inf)]))
    with pytest.raises(ColumnTypeError, match="outcome"):
        separation(TAG, table("outcome", [("a", "yes")]))


def test_doubtful_tags_are_refused() -> None:
    """Float ids, float values, other ids, other engines and several values are refused by name."""
    outcome = table("outcome", [("a", True)])
    with pytest.raises(ColumnTypeError, match="customer_id"):
        coverage(table("tags", [(1.0, "vip", "true")]), customers=3)
    with pytest.raises(ColumnTypeError, match="value"):
        coverage(table("tags", [("a", "vip", 0.5)]), customers=3)
    with pytest.raises(InvalidArgumentError, match="another type"):
        separation(TAG, table("outcome", [(1, True)]))
    with pytest.raises(InvalidArgumentError, match="another engine"):
        separation(TAG, to_engine(outcome, "polars"))
    several = table("tags", [("a", "likes", "tea"), ("a", "likes", "salt")])
    assert plain(coverage(several, customers=2))[0]["customers"] == 1
    with pytest.raises(DataError, match="several values of likes"):
        separation(several, outcome)
    with pytest.raises(InvalidArgumentError, match="'false'"):
        agreement(table("tags", [("a", "vip", False)]), table("label", [("a", True)]), tag="vip")


def test_no_tags_at_all_give_empty_tables(fast_engines: Engines) -> None:
    """A table without rows has typed answers without rows on every engine."""
    for engine in fast_engines.names:
        empty = to_engine(TAG.slice(0, 0), engine)
        outcome = to_engine(table("outcome", [("a", True)]), engine)
        for answer in (
            coverage(empty, customers=0),
            stability(empty, empty, customers_before=0, customers_after=0),
            separation(empty, outcome),
            judge(empty, customers=0).table(),
        ):
            assert rounded(answer) == [], engine


# The report


def full_report(**options: Any) -> Any:
    """Judge two tags of 1,000 customers by everything."""
    tags = [(n, "buyer", "true") for n in range(400)] + [(n, "rare", "x") for n in range(3, 7)]
    before = [(n, "buyer", "true") for n in range(100)] + [(n, "gone", "x") for n in range(50)]
    return judge(
        table("tags", tags),
        customers=1000,
        truth={"buyer": table("label", [(n, n >= 5) for n in range(200)])},
        before=table("tags", before),
        customers_before=1000,
        outcome=table("outcome", [(n, n % 10 < (5 if n < 400 else 2)) for n in range(1000)]),
        **options,
    )


def test_verdicts_say_what_the_figures_mean() -> None:
    """Each tag gets a sentence on coverage, truth, stability and separation."""
    report = full_report()

    assert [one.tag for one in report.judgements] == ["buyer", "gone", "rare"]
    buyer = report["buyer"].verdict
    assert buyer[0] == "covers 40.0% of customers (400)"
    assert buyer[1] == "right: precision 97.5% (94.3% to 98.9%), recall 100.0%"
    assert buyer[2].startswith("moved: PSI 0.54; 100.0% of those who had it kept it")
    assert buyer[3] == "separates: IV 0.46 strong, lift 1.56"
    assert report["rare"].verdict[0] == "covers 0.4% of customers (4): too few to act on"
    assert report["rare"].verdict[-1] == (
        "separates or not: too few customers to judge (4, fewer than 30)"
    )
    assert repr(report) == str(report)
    brave = full_report(thresholds=TagThresholds(least_customers=1))
    assert brave["rare"].verdict[-1].startswith("its difference may be chance")
    assert report["gone"].verdict[0] == "covers nobody"
    assert str(report).splitlines()[0] == "Tags: 3; customers: 1,000"


def test_thresholds_are_the_companys() -> None:
    """Other thresholds give other verdicts, and contradictory ones are refused."""
    strict = TagThresholds(few_share=0.5, precision=0.99, psi_look=1, psi_shifted=1, iv_strong=0.47)
    verdict = full_report(thresholds=strict)["buyer"].verdict

    assert verdict[0].endswith("too few to act on")
    assert verdict[1].startswith("wrong too often")
    assert verdict[2].startswith("stable")
    assert verdict[3].startswith("separates: IV 0.46 medium")
    assert TagThresholds.from_dict(strict.to_dict()) == strict
    for wrong in (
        {"least_customers": 2.5},
        {"few_share": 2},
        {"psi_look": 0.3},
        {"iv_weak": -1},
        {"precision": math.nan},
    ):
        with pytest.raises(InvalidDefinitionError, match=next(iter(wrong)).partition("_")[0]):
            TagThresholds(**wrong)


def test_a_report_is_a_table_a_page_and_a_chart() -> None:
    """The table has the figures, the page escapes names, and the chart has a bar a tag."""
    report = full_report()
    rows = plain(report.table())
    assert rows[0]["iv"] == report["buyer"].figures["iv"]
    assert rows[1]["iv"] is None
    assert rows[2]["precision"] is None
    assert rows[0]["verdict"] == "; ".join(report["buyer"].verdict)
    odd = judge(table("tags", [("a", "<b>", "x")]), customers=2)
    assert "&lt;b&gt;" in odd._repr_html_()
    for measure in ("share", "iv"):
        ax = report.plot(Figure().subplots(), measure=measure)
        assert len(ax.containers[0]) == 3


def test_a_report_speaks_chinese() -> None:
    """The Chinese report has a sentence for each English one, and no English words."""
    english, chinese = full_report(), full_report(locale="zh")

    for one in english.judgements:
        assert len(chinese[one.tag].verdict) == len(one.verdict)
    assert chinese["rare"].verdict[0] == "覆盖 0.4% 的客户（4 人）：人数太少，不宜据此行动"
    assert "customers" not in str(chinese)
    assert "标签" in chinese._repr_html_()


def test_a_tag_of_one_customer_separates_nothing() -> None:
    """Neither one who has it, nor one who has it not, nor a value of one, is worth a verdict."""
    outcome = table("outcome", [(n, n % 3 == 0) for n in range(100)])
    one = table("tags", [(1, "one", "true")])
    all_but_one = table("tags", [(n, "most", "true") for n in range(1, 100)])
    sizes = table("tags", [(n, "size", "odd" if n == 3 else "usual") for n in range(100)])
    for tags, name in ((one, "one"), (all_but_one, "most")):
        said = judge(tags, customers=100, outcome=outcome, locale="zh")[name].verdict
        assert said[-1] == "有无区分力：客户太少，无法判断（1 人，少于 30 人）"
    for amounts in (outcome, table("outcome", [(n, float(n)) for n in range(100)])):
        (_, said_of_one) = judge(one, customers=100, outcome=amounts)["one"].verdict
        assert "too few customers to judge" in said_of_one
    (_, *rest) = judge(sizes, customers=100, outcome=outcome)["size"].verdict
    assert "(odd)" not in " ".join(rest)


@pytest.mark.filterwarnings("ignore::userops.errors.MissingFontWarning")
def test_a_chart_of_a_report_takes_another_language() -> None:
    """As all other charts do."""
    report = full_report()
    titles = {
        locale: report.plot(measure="iv", locale=locale).get_title(loc="left")
        for locale in ("en", "zh")
    }
    assert titles == {"en": "Tags: information value", "zh": "标签：信息值 IV"}
    with pytest.raises(InvalidArgumentError, match="locale"):
        report.plot(locale="fr")  # type: ignore[arg-type]


def test_an_answer_as_outcome_says_what_to_rename() -> None:
    """`rule.answer` calls its column `answer`; no argument of `judge` names it."""
    answer = pa.table({"customer_id": [1, 2], "answer": [True, False]})
    with pytest.raises(ColumnNotFoundError, match="rename the column that holds it") as caught:
        judge(TAG, customers=3, outcome=answer)
    assert "to 'outcome', for example 'answer'" in str(caught.value)
    assert "argument" not in str(caught.value)


def test_amounts_and_labels_of_text_get_verdicts() -> None:
    """A report speaks of explained variance for amounts, and of accuracy for labels of text."""
    tags = table("tags", [(n, "size", "big" if n < 50 else "small") for n in range(100)])
    report = judge(
        tags,
        customers=100,
        truth={"size": table("label", [(n, "big" if n < 45 else "small") for n in range(100)])},
        outcome=table("outcome", [(n, 10.0 + n % 3 if n < 50 else 1.0) for n in range(100)]),
    )

    said = report["size"].verdict
    assert said[0] == "covers 100.0% of customers (100)"
    assert said[1] == "right: accuracy 95.0% (88.8% to 97.8%), kappa 0.90"
    assert said[2].startswith("separates: explains 98.")
    assert not attrs.evolve(report, judgements=()).judgements


def test_an_earlier_date_needs_its_customers() -> None:
    """Tags of an earlier date without its customers are refused, and the other way round."""
    with pytest.raises(InvalidArgumentError, match="customers_before: is needed"):
        judge(TAG, customers=3, before=TAG)
    with pytest.raises(InvalidArgumentError, match="before: is needed"):
        judge(TAG, customers=3, customers_before=3)
