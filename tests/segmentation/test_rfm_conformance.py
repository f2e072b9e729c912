"""One definition gives the same rows on every engine, and for one customer in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.segmentation import plain_python
from tests.segmentation.data import (
    METHODS,
    PEOPLE,
    POLICIES,
    PRICES,
    QUANTITIES,
    RETAIL,
    RETAIL_AS_OF,
    TIMES,
    TRAPS,
    TRAPS_AS_OF,
    clock_table,
    many_trap_rows,
    model,
    trap_row,
    trap_table,
)

from userops import Customer, History, Orders
from userops.errors import EmptyHistoryError
from userops.events import OrderColumns
from userops.segmentation import (
    FittedRFM,
    RFMScore,
)
from userops.testing import Engines, rows_of

Case = Callable[[Any], Any]
# An example costs seconds on SQL engines, so a failure is shown as found, not made smaller.
few = settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
many = settings(few, max_examples=200, phases=tuple(Phase))


def without_ibis(engines: Engines) -> Engines:
    """Leave out Ibis, whose SQL for DuckDB takes longer than all others together.

    It runs on traps and on Online Retail, and on everything else in the slow run.
    """
    return Engines(tuple(name for name in engines.names if name != "ibis"))


def rows_at(times: Sequence[str | None]) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Return a strategy of a few rows full of traps, at some of the times."""
    row = st.builds(
        trap_row,
        who=st.sampled_from(PEOPLE),
        order=st.sampled_from(["1", "2", "3", "4", "C5", None]),
        at=st.sampled_from(times),
        n=st.sampled_from(QUANTITIES),
        price=st.sampled_from(PRICES)
        | st.integers(-5_000, 50_000).map(lambda thousandths: thousandths / 1000),
        event=st.sampled_from(["e1", "e2", "e3", None]),
    )
    return st.lists(row, min_size=1, max_size=40)


# A range of many decades makes long plans out of a zone's rules; one example has them by default.
near_rows = rows_at([at for at in TIMES if (at or "2024")[:2] != "99" and (at or "2") > "2"])
trap_rows = near_rows | rows_at(TIMES)
far_rows = [
    trap_row("a", "1", "9999-12-31", 1, 9.99, None),
    trap_row("a", "2", "1969-12-31 23:00", 1, 0.1, None),
    trap_row("客户一", "1", "2024-03-10 02:30", 3, 0.1, None),
    trap_row("客户一", "3", "2024-11-03 01:30", -1, 0.1, None),
    trap_row(str(2**64), "4", "2024-12-31 23:59:59.999999", 12, 1.005, None),
]


class OnceHistory(History):
    """A history that keeps the totals of an instant, so that two definitions share them."""

    def order_totals(self, as_of: Any) -> Any:
        """Compute the totals on the first call."""
        if not hasattr(self, "kept"):
            self.kept = self.orders.source.materialise(super().order_totals(as_of))
        return self.kept


def cases_of(columns: dict[str, Any], as_of: str) -> dict[str, Case]:
    """Return one case a policy and method; those of one frame share its checked orders."""
    histories: dict[Any, History] = {}

    def history_of(native: Any, policy: Any) -> History:
        if (id(native), policy) not in histories:
            known = next((h for key, h in histories.items() if key[0] == id(native)), None)
            orders = known.orders if known else Orders(native, **columns)
            histories[id(native), policy] = OnceHistory(orders, returns=policy)
        return histories[id(native), policy]

    def case(policy: str, method: str) -> Case:
        return lambda native: model(method).fit(history_of(native, policy), as_of=as_of).score()

    return {f"{p} {m}": case(p, m) for p in POLICIES for m in METHODS}


def check_retail(engines: Engines, retail_lines: pa.Table, cases: dict[str, Case]) -> None:
    """Hold the engines to each other on Online Retail."""
    lines = retail_lines.select(
        ["InvoiceNo", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    ).combine_chunks()
    kept = lines.filter(pa.compute.is_valid(lines["CustomerID"]))  # floats are no ids on pandas

    found = engines.check_all(cases, kept)

    assert {len(rows) for rows in found.values()} == {4_339}
    assert set(found) == set(cases)


def test_every_engine_scores_online_retail_alike(
    all_engines: Engines, fast_engines: Engines, retail_lines: pa.Table
) -> None:
    """All policies and methods give the same rows of Online Retail on every engine.

    PySpark gets each policy and each method here, and all pairs of them in the slow run.
    """
    cases = cases_of(RETAIL, RETAIL_AS_OF)
    check_retail(fast_engines, retail_lines, cases)
    some = {name: cases[name] for name in ("net linear", "separate ntile", "ignore linear")}
    slow_starters = tuple(name for name in all_engines.names if name not in fast_engines.names)
    check_retail(Engines((fast_engines.names[0], *slow_starters)), retail_lines, some)


@pytest.mark.slow
def test_every_engine_scores_online_retail_alike_in_every_way(
    all_engines: Engines, retail_lines: pa.Table
) -> None:
    """All pairs of policy and method give the same rows of Online Retail on every engine."""
    check_retail(all_engines, retail_lines, cases_of(RETAIL, RETAIL_AS_OF))


def test_every_engine_scores_many_traps_alike(all_engines: Engines) -> None:
    """All policies and methods give the same rows of data full of traps on every engine."""
    table = clock_table(many_trap_rows(4_000, seed=20_240_229))

    found = all_engines.check_all(cases_of(TRAPS | {"event_id": "event"}, TRAPS_AS_OF), table)

    assert all(len(rows) > 80 for rows in found.values())
    assert len({tuple(rows) for rows in found.values()}) == 6


def test_engines_score_traps_with_times_as_text_alike(fast_engines: Engines) -> None:
    """All policies and methods give the same rows where times are text, some of them unreadable."""
    table = trap_table(many_trap_rows(1_000, seed=29))

    found = without_ibis(fast_engines).check_all(
        cases_of(TRAPS | {"event_id": "event"}, TRAPS_AS_OF), table
    )

    assert all(len(rows) > 80 for rows in found.values())


def test_traps_agree_with_plain_python() -> None:
    """Values and scores of data full of traps are those of a plain loop over the rows."""
    rows = many_trap_rows(4_000, seed=7)
    for policy in POLICIES:
        history = History(Orders(trap_table(rows), **TRAPS), returns=policy)  # type: ignore[arg-type]
        expected = plain_python.customers(rows, TRAPS, policy, TRAPS_AS_OF)
        for method in METHODS:
            scored = model(method).fit(history, as_of=TRAPS_AS_OF).score().to_pylist()
            assert_rows(scored, expected, plain_python.scores(expected, method))


def assert_rows(scored: list[dict[str, Any]], expected: Any, scores: Any) -> None:
    """Assert that values and scores are the expected ones."""
    assert {
        r["customer_id"]: (r["recency_days"], r["frequency"], r["monetary"]) for r in scored
    } == {who: (days, n, float(spent)) for who, (days, n, spent) in expected.items()}
    assert {r["customer_id"]: (r["r"], r["f"], r["m"]) for r in scored} == scores


def check_generated(engines: Engines, rows: Any, policy: Any, method: str) -> None:
    """Hold engines, one customer by both ways, and plain Python to each other."""
    expected = plain_python.customers(rows, TRAPS, policy, TRAPS_AS_OF)
    table = trap_table(rows)
    if not expected:
        with pytest.raises(EmptyHistoryError):
            model(method).fit(Orders(table, **TRAPS), as_of=TRAPS_AS_OF)
        return

    def case(native: Any) -> Any:
        history = History(Orders(native, **TRAPS), returns=policy)
        return model(method).fit(history, as_of=TRAPS_AS_OF).score()

    engines.check(case, table)
    history = History(Orders(table, **TRAPS), returns=policy)
    fitted = model(method).fit(history, as_of=TRAPS_AS_OF)
    scored = fitted.score().to_pylist()
    assert_rows(scored, expected, plain_python.scores(expected, method))
    columns = {"order": OrderColumns(**TRAPS)}
    for row in scored:
        who = row["customer_id"]
        mine = [raw for raw in rows if raw[TRAPS["customer_id"]] == who]
        for customer in (
            history.customer(who),
            Customer.from_rows(who, {"order": mine}, columns, returns=policy),
        ):
            assert as_row(fitted.score_one(customer)) == {k: row[k] for k in ROW if k in row}


ROW = [field.name for field in attrs.fields(RFMScore)]


def as_row(score: RFMScore | None) -> dict[str, Any]:
    """Return one customer's score as the row of a frame."""
    assert score is not None
    return attrs.asdict(score)


@given(rows=near_rows, policy=st.sampled_from(POLICIES), method=st.sampled_from(METHODS))
@few
def test_engines_and_one_customer_agree_on_generated_rows(
    fast_engines: Engines, rows: Any, policy: str, method: str
) -> None:
    """Frames, one customer by id, one by raw rows and plain Python agree on generated rows."""
    check_generated(without_ibis(fast_engines), rows, policy, method)


def test_engines_and_one_customer_agree_on_far_times(fast_engines: Engines) -> None:
    """Days and scores agree when one order is of 1969 and another of the year 9999."""
    check_generated(without_ibis(fast_engines), far_rows, "net", "ntile")


@pytest.mark.slow
@pytest.mark.timeout(3000)
@given(rows=trap_rows, policy=st.sampled_from(POLICIES), method=st.sampled_from(METHODS))
@many
def test_engines_and_one_customer_agree_on_many_generated_rows(
    fast_engines: Engines, rows: Any, policy: str, method: str
) -> None:
    """Frames, one customer by id, one by raw rows and plain Python agree on many more rows."""
    check_generated(fast_engines, rows, policy, method)


def check_no_leak(rows: Any, policy: Any, method: str, as_of: str) -> None:
    """Hold the whole history, read as of an instant, to the history that ends there."""
    columns = TRAPS | {"event_id": "event"}
    zone = TRAPS["time_zone"]
    before = plain_python.instant_of(as_of, zone)
    assert before is not None
    known = [
        row
        for row in rows
        if (at := plain_python.instant_of(row["下单时间"], zone)) is None or at < before
    ]
    answers = []
    for history_rows in (rows, known):
        history = History(Orders(trap_table(history_rows), **columns), returns=policy)
        try:
            fitted = model(method).fit(history, as_of=as_of)
        except EmptyHistoryError:
            answers.append(None)
            continue
        ones = {who: in_memory(fitted, history, who) for who in PEOPLE if (who or "").strip()}
        answers.append((fitted.version, rows_of(fitted.score()), ones))
    assert answers[0] == answers[1]


def in_memory(fitted: FittedRFM, history: History, who: Any) -> RFMScore | None:
    """Score one customer, or nobody where there is no such customer."""
    try:
        return fitted.score_one(history.customer(who))
    except EmptyHistoryError:
        return None


as_of_instants = st.sampled_from([
    "2024-03-01", "2024-03-10", "2024-03-10 03:00", "2024-06-01T04:00:00Z", "2024-11-03 01:30",
    "2025-01-01",
])  # fmt: skip


@given(
    rows=near_rows,
    policy=st.sampled_from(POLICIES),
    method=st.sampled_from(METHODS),
    as_of=as_of_instants,
)
@settings(few, max_examples=15)
def test_nothing_after_as_of_is_seen(rows: Any, policy: str, method: str, as_of: str) -> None:
    """Scoring the whole history at an earlier instant equals scoring what was known then."""
    check_no_leak(rows, policy, method, as_of)


@pytest.mark.slow
@pytest.mark.timeout(3000)
@given(
    rows=trap_rows,
    policy=st.sampled_from(POLICIES),
    method=st.sampled_from(METHODS),
    as_of=as_of_instants,
)
@settings(many, max_examples=1_500)
def test_nothing_after_as_of_is_seen_in_many_histories(
    rows: Any, policy: str, method: str, as_of: str
) -> None:
    """Scoring the whole history at an earlier instant equals scoring what was known then."""
    check_no_leak(rows, policy, method, as_of)
