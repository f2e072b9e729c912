"""A fitted model: what it says of segments, moves and single customers, and its document."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from tests.segmentation.data import TRAPS, TRAPS_AS_OF, many_trap_rows, model, trap_table

from userops import RFM, Customer, Events, History, Orders
from userops.core.frames import BACKENDS, from_arrow
from userops.errors import (
    EmptyHistoryError,
    InvalidArgumentError,
    InvalidDefinitionError,
    NotFittedError,
)
from userops.events import EventColumns, OrderColumns
from userops.segmentation import (
    Band,
    BandMap,
    Edges,
    FittedRFM,
    Linear,
    Mean,
    NTile,
    Quantiles,
    classic,
    eight,
)
from userops.testing import Engines, rows_of

AS_OF = "2024-06-01"
IN_PROCESS = [name for name in BACKENDS if name != "pyspark"]


def lines() -> pa.Table:
    """Return orders of 30 customers, some of them returned later, over five months."""
    rows = [
        {
            "customer_id": f"客{i % 30:02d}",
            "order_id": f"o{i}",
            "ordered_at": dt.date(2024, 1, 1) + dt.timedelta(days=(i * i * 7 + i) % 150),
            "amount": ((i * 37) % 90 + 1) / 100 * (-1 if i % 13 == 5 else 10),
        }
        for i in range(200)
    ]
    return pa.Table.from_pylist(rows)


@pytest.fixture(scope="module")
def orders() -> Orders:
    """The orders, checked."""
    return Orders(lines()).check()


@pytest.fixture(scope="module")
def fitted(orders: Orders) -> FittedRFM:
    """The usual model of them."""
    return RFM().fit(orders, as_of=AS_OF)


def test_shares_come_to_one_and_totals_to_the_sum(orders: Orders, fitted: FittedRFM) -> None:
    """Segment shares sum to one, and their money to the exact net sum of all customers."""
    rows = fitted.segments().to_pylist()

    assert sum(row["customers"] for row in rows) == fitted.customers == 30
    assert sum(row["customer_share"] for row in rows) == pytest.approx(1, abs=1e-12)
    assert sum(row["monetary_share"] for row in rows) == pytest.approx(1, abs=1e-12)
    buyers = fitted.score()["customer_id"].to_pylist()
    net = sum(
        Decimal(repr(round(row["amount"], 4)))
        for row in lines().to_pylist()
        if row["customer_id"] in buyers
    )
    assert sum(Decimal(repr(row["monetary"])) for row in rows) == net
    empty = [row for row in rows if not row["customers"]]
    assert empty, "a segment without customers is listed too"
    assert all(row["mean_monetary"] is row["mean_recency_days"] is None for row in empty)


def test_shares_of_a_total_that_is_not_positive_are_unknown() -> None:
    """Where all money came back there is no share of it."""
    table = pa.table({
        "customer_id": ["a", "a", "b", "b"],
        "ordered_at": ["2024-01-01", "2024-01-02"] * 2,
        "amount": [5.0, -5.0, 2.0, -3.0],
    })  # fmt: skip
    rows = RFM().fit(Orders(table), as_of=AS_OF).segments().to_pylist()
    assert {row["monetary_share"] for row in rows} == {None}
    assert sum(row["monetary"] for row in rows) == -1


def test_segments_of_other_data_use_the_fitted_cut_points(
    orders: Orders, fitted: FittedRFM
) -> None:
    """A report of an earlier date counts those who were customers then, by the same cuts."""
    rows = fitted.segments(orders, as_of="2024-02-01").to_pylist()
    scored = fitted.score(orders, as_of="2024-02-01").to_pylist()

    for row in rows:
        mine = [r for r in scored if r["segment"] == row["segment"]]
        assert row["customers"] == len(mine)
        assert row["monetary"] == pytest.approx(sum(r["monetary"] for r in mine))


def test_migration_counts_each_customer_once(orders: Orders, fitted: FittedRFM) -> None:
    """Rows hold all customers of the later date, and the shares of each origin come to one."""
    dates = {"from_as_of": "2024-01-10", "to_as_of": "2024-05-01"}
    rows = fitted.migration(orders, **dates).to_pylist()
    before = {r["customer_id"]: r["segment"]
              for r in fitted.score(orders, as_of=dates["from_as_of"]).to_pylist()}  # fmt: skip
    after = {r["customer_id"]: r["segment"]
             for r in fitted.score(orders, as_of=dates["to_as_of"]).to_pylist()}  # fmt: skip

    moves: dict[tuple[str, str], int] = {}
    for who, segment in after.items():
        move = before.get(who, "not yet a customer"), segment
        moves[move] = moves.get(move, 0) + 1
    assert {(r["from_segment"], r["to_segment"]): r["customers"] for r in rows} == moves
    assert sum(row["customers"] for row in rows) == len(after)
    for origin in {row["from_segment"] for row in rows}:
        shares = [row["share"] for row in rows if row["from_segment"] == origin]
        assert sum(shares) == pytest.approx(1, abs=1e-12)
    assert any(row["from_segment"] == "not yet a customer" for row in rows)
    order = fitted.grid.labels()
    origins = [row["from_segment"] for row in rows if row["from_segment"] in order]
    assert origins == sorted(origins, key=order.index)


def test_migration_from_before_the_first_order(orders: Orders) -> None:
    """Where there were no customers yet, all come from there, in the model's language."""
    fitted = RFM(locale="zh").fit(orders, as_of=AS_OF)
    rows = fitted.migration(orders, from_as_of="2020-01-01", to_as_of=AS_OF).to_pylist()

    assert {row["from_segment"] for row in rows} == {"尚未成为客户"}
    assert sum(row["share"] for row in rows) == pytest.approx(1)


def test_migration_needs_dates_in_order(orders: Orders, fitted: FittedRFM) -> None:
    """Two equal dates, or a later one first, are refused."""
    for dates in (("2024-03-01", "2024-03-01"), ("2024-03-01", "2024-02-01")):
        with pytest.raises(InvalidArgumentError, match="before to_as_of") as caught:
            fitted.migration(orders, from_as_of=dates[0], to_as_of=dates[1])
        assert caught.value.argument == "from_as_of"


def test_reports_run_on_every_engine(fast_engines: Engines) -> None:
    """Segments and migration have the same rows on every engine, in the host's frame type."""

    def case(native: Any) -> Any:
        orders = Orders(native)
        fitted = RFM(locale="zh").fit(orders, as_of=AS_OF)
        reports = (
            fitted.segments(),
            fitted.migration(orders, from_as_of="2024-03-01", to_as_of=AS_OF),
        )
        assert all(type(report) is type(native) for report in reports)
        seen.append([rows_of(report) for report in reports])
        return fitted.segments()

    seen: list[Any] = []
    assert len(fast_engines.check(case, lines())) == 11
    assert all(reports == seen[0] for reports in seen)


def test_reports_run_on_spark(all_engines: Engines) -> None:
    """On Spark, segments and migration are Spark frames with the rows that Arrow gives."""
    if "pyspark" not in all_engines.names:
        pytest.skip("PySpark is not installed")

    def case(native: Any) -> Any:
        orders = Orders(native)
        fitted = RFM(recency=2, frequency=2, segments=BandMap([Band("a", r=1), Band("b")])).fit(
            orders, as_of=AS_OF
        )
        report = fitted.migration(orders, from_as_of="2024-03-01", to_as_of=AS_OF)
        assert type(report) is type(native)
        seen.append(rows_of(fitted.segments()))
        assert type(fitted.segments()) is type(native)
        return report

    seen: list[Any] = []
    Engines(("pyarrow", "pyspark")).check(case, lines())
    assert seen[0] == seen[1]


def test_counts_by_cell_are_those_of_the_scores(fitted: FittedRFM) -> None:
    """Cell counts are the customers of each pair of recency and frequency score."""
    scored = fitted.score().to_pylist()
    counts = fitted.cell_counts()

    assert sum(counts.values()) == 30
    assert all(
        n == sum((row["r"], row["f"]) == cell for row in scored) for cell, n in counts.items()
    )


@pytest.mark.parametrize("engine", IN_PROCESS)
def test_frames_go_out_as_they_came_in(engine: str) -> None:
    """Scores and reports have the host's frame type; lazy frames stay lazy."""
    native = from_arrow(lines(), engine)
    orders = Orders(native)
    fitted = RFM().fit(orders, as_of=AS_OF)

    for out in (fitted.score(), fitted.segments(), fitted.score(orders, as_of="2024-03-01")):
        assert type(out) is type(native)
    assert type(orders.quarantine) is type(native)


def test_pandas_keeps_its_dtypes() -> None:
    """numpy-backed pandas leaves numpy-backed, Arrow-backed pandas Arrow-backed."""
    import pandas as pd

    for native in (lines().to_pandas(), lines().to_pandas(types_mapper=pd.ArrowDtype)):
        is_arrow = hasattr(native.dtypes["amount"], "pyarrow_dtype")
        fitted = RFM().fit(Orders(native), as_of=AS_OF)
        for out in (fitted.score(), fitted.segments()):
            assert {hasattr(dtype, "pyarrow_dtype") for dtype in out.dtypes} == {is_arrow}
    assert str(RFM().fit(Orders(lines().to_pandas()), as_of=AS_OF).score()["r"].dtype) == "int64"


def test_columns_and_types_are_the_documented_ones(fast_engines: Engines) -> None:
    """Names, order and kinds of the columns are the same on every engine and for each policy."""
    from userops.core.frames import read
    from userops.testing import to_engine

    usual = {
        "customer_id": "text", "recency_days": "int", "frequency": "int", "monetary": "float",
        "r": "int", "f": "int", "m": "int", "rfm": "text", "segment": "text",
    }  # fmt: skip
    for engine in fast_engines.names:
        for policy in ("net", "separate"):
            history = History(Orders(to_engine(lines(), engine)), returns=policy)  # type: ignore[arg-type]
            schema = read(RFM().fit(history, as_of=AS_OF).score()).frame.collect_schema()
            wanted = usual | (
                {"returned": "float", "return_rows": "int"} if policy == "separate" else {}
            )
            kinds = {
                name: "float" if t.is_float() else "int" if t.is_integer() else "text"
                for name, t in schema.items()
            }
            assert list(kinds) == list(wanted), engine
            assert kinds == wanted, engine
            assert {str(schema[name]) for name, kind in wanted.items() if kind == "int"} == {
                "Int64"
            }, engine


def test_inputs_are_not_changed() -> None:
    """Fitting, scoring and reporting leave the host's frame as it was."""
    import pandas as pd
    import polars as pl

    frame = lines().to_pandas()
    frame.index = pd.Index(range(1000, 1000 + len(frame)))
    before = frame.copy(deep=True)
    table = pl.from_arrow(lines())
    assert isinstance(table, pl.DataFrame)
    same = table.clone()
    for native in (frame, table):
        orders = Orders(native)
        fitted = RFM().fit(orders, as_of=AS_OF)
        fitted.score(), fitted.segments(), orders.quarantine, orders.clean()
        fitted.migration(orders, from_as_of="2024-02-01", to_as_of=AS_OF)

    pd.testing.assert_frame_equal(frame, before)
    assert table.equals(same)


def test_explanations_by_id_and_by_customer_agree(orders: Orders, fitted: FittedRFM) -> None:
    """A customer in memory is explained in the words that his id gives."""
    for who in fitted.score()["customer_id"].to_pylist():
        assert fitted.explain(who) == fitted.explain(History(orders).customer(who))


def test_an_explanation_says_what_and_why_in_english(orders: Orders) -> None:
    """The first sentence says what, the others hold value, score, place and cut-points."""
    model = RFM(recency=[30, 60], frequency=[3, 7], monetary=Edges([20, 45.5]), segments=None)
    fitted = model.fit(orders, as_of=AS_OF)
    row = next(r for r in fitted.score().to_pylist() if r["customer_id"] == "客07")
    said = fitted.explain("客07")

    assert said.score == fitted.score_one(History(orders).customer("客07"))
    head, *lines_ = said.lines
    assert head == f"Customer 客07 as of 2024-06-01 00:00 UTC has the scores {row['rfm']}."
    assert lines_[0].startswith(f"Days since the last order {row['recency_days']}: r = {row['r']}")
    assert lines_[1].startswith(f"Number of orders {row['frequency']}: f = {row['f']} of 3")
    assert lines_[2].startswith(f"Net spend {row['monetary']:g}: m = {row['m']} of 3")
    assert lines_[0].endswith("cut-points 30, 60.")
    assert lines_[2].endswith("cut-points 20, 45.5.")
    assert str(said).splitlines() == [head, *(f"  {line}" for line in lines_)]
    assert said._repr_html_().count("<li>") == 3


def test_an_explanation_places_the_value_between_its_cut_points(orders: Orders) -> None:
    """The sentence names the two cut-points around a value, or the end of the scale."""
    fitted = RFM(recency=[30, 60], segments=None).fit(orders, as_of=AS_OF)
    places = {
        3: "not above the first cut-point",
        2: "above 30, not above 60",
        1: "above all cut-points",
    }
    rows = fitted.score().to_pylist()
    assert {row["r"] for row in rows} == {1, 2, 3}
    for row in rows:
        line = fitted.explain(row["customer_id"]).lines[1]
        assert places[row["r"]] in line


def test_an_explanation_in_chinese(orders: Orders) -> None:
    """The Chinese sentences name the segment, the scores and the tie-break of NTILE."""
    fitted = model("ntile", locale="zh", segments=eight()).fit(orders, as_of=AS_OF)
    row = fitted.score().to_pylist()[0]
    said = str(fitted.explain(row["customer_id"]))

    assert f"客户 {row['customer_id']} 属于“{row['segment']}”（{row['rfm']}）" in said
    assert "截至 2024-06-01 00:00 UTC" in said
    for words in ("距最近一次下单天数", "下单次数", "净消费金额", "数值相同者按客户编号区分"):
        assert words in said


def test_an_explanation_counts_days_in_the_zone_of_the_orders() -> None:
    """The instant is told on the clock of the orders' zone, whatever zone as_of came in."""
    columns = {
        "customer_id": "customer_id", "ordered_at": "ordered_at", "amount": "amount",
        "order_id": "order_id",
    }  # fmt: skip
    orders = Orders(lines(), **columns, time_zone="Asia/Shanghai")  # type: ignore[arg-type]
    as_of = dt.datetime(2024, 5, 31, 16, tzinfo=ZoneInfo("UTC"))
    fitted = RFM().fit(orders, as_of=as_of)

    assert "as of 2024-06-01 00:00 Asia/Shanghai" in fitted.explain("客01").lines[0]
    assert fitted.as_of_us == RFM().fit(orders, as_of="2024-06-01").as_of_us


def test_large_amounts_are_told_in_full() -> None:
    """Money of ten digits and more is told to the cent, never in powers of ten."""
    table = pa.table({
        "customer_id": ["a", "b"], "ordered_at": ["2024-01-01"] * 2,
        "amount": [15_000_000_000, 123_456_789.12],
    })  # fmt: skip
    fitted = RFM(monetary=Edges([12_000_000_000.25]), segments=None).fit(Orders(table), as_of=AS_OF)
    assert "Net spend 15,000,000,000:" in fitted.explain("a").lines[3]
    assert "Net spend 123,456,789.12:" in fitted.explain("b").lines[3]
    assert "cut-points 12,000,000,000.25." in fitted.explain("b").lines[3]


def test_somebody_unknown_cannot_be_explained(orders: Orders, fitted: FittedRFM) -> None:
    """An id that nobody has, or a customer who had not bought yet, says so."""
    with pytest.raises(EmptyHistoryError, match="'nobody'"):
        fitted.explain("nobody")
    customer = History(orders).customer("客01")
    assert fitted.score_one(customer, as_of="2020-01-01") is None
    with pytest.raises(EmptyHistoryError, match="before as_of"):
        fitted.explain(customer, as_of="2020-01-01")


@pytest.mark.parametrize("engine", ["pandas", "polars", "pyarrow", "duckdb", "ibis"])
def test_an_id_of_the_wrong_type_is_nobody(engine: str) -> None:
    """Text where ids are numbers is nobody's id, with the same words on every engine."""
    table = pa.table({"customer_id": [1, 2], "ordered_at": ["2024-01-01"] * 2, "amount": [1, 2]})
    orders = Orders(from_arrow(table, engine))
    fitted = RFM().fit(orders, as_of=AS_OF)

    assert fitted.explain(1).score.customer_id == 1
    with pytest.raises(EmptyHistoryError, match="'1'"):
        fitted.explain("1")
    with pytest.raises(EmptyHistoryError, match="'1'"):
        History(orders).customer("1")


@pytest.mark.parametrize(
    "definition",
    [
        RFM(),
        RFM(segments=None, locale="zh"),
        RFM(recency=NTile(3), frequency=Mean(), monetary=Edges([0.1, 9.99]), segments=None),
        RFM(recency=Quantiles([0.1, 0.25]), frequency=Linear(2), segments=None),
        RFM(segments=eight()),
        RFM(segments=eight(3), locale="zh"),
        RFM(segments=BandMap([Band("顶级", r=5, labels={"zh": "顶"}), Band("others")])),
        RFM(event="扫码"),
    ],
    ids=["usual", "zh", "mixed", "quantiles", "eight", "eight at 3", "bands", "event"],
)
def test_definitions_come_back_from_json(definition: RFM, orders: Orders) -> None:
    """A definition, and what is fitted from it, survive JSON with an equal version."""
    text = json.dumps(definition.to_dict(), ensure_ascii=False)
    again = RFM.from_dict(json.loads(text))

    assert again == definition
    assert again.version == definition.version
    assert json.dumps(again.to_dict(), ensure_ascii=False) == text
    if definition.event != "order":
        return
    fitted = definition.fit(orders, as_of=AS_OF)
    document = json.loads(json.dumps(fitted.to_dict()))
    read = FittedRFM.from_dict(document)
    assert read == fitted
    assert read.version == fitted.version
    assert rows_of(read.score(orders)) == rows_of(fitted.score())
    assert "population" not in document


def test_cut_points_with_ids_come_back_from_json() -> None:
    """Ids in NTILE's cut-points, whole numbers or text in Chinese, keep their type and order."""
    for ids in (list(range(10**15, 10**15 + 9)), [f"客户{i}" for i in range(9)]):
        table = pa.table({"customer_id": ids, "ordered_at": ["2024-01-01"] * 9, "amount": [1] * 9})
        fitted = model("ntile").fit(Orders(table), as_of=AS_OF)
        read = FittedRFM.from_dict(json.loads(json.dumps(fitted.to_dict())))

        assert read == fitted
        assert {type(cut.customer_id) for cut in read.grid.cuts["f"].cuts} == {type(ids[0])}
        assert rows_of(read.score(Orders(table))) == rows_of(fitted.score())


def test_a_document_omits_what_is_default() -> None:
    """The usual definition is an empty document, and a change is the only thing in another."""
    assert RFM().to_dict() == {"type": "RFM"}
    assert RFM(locale="zh").to_dict() == {"type": "RFM", "locale": "zh"}
    assert RFM(recency=[30]  , segments=None).to_dict()["recency"] == {
        "type": "Edges", "edges": ["30"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"type": "RMF"}, "did you mean 'RFM'?"),
        ({"type": "RFM", "recencie": {"type": "Linear"}}, "did you mean 'recency'?"),
        ({"type": "RFM", "recency": {"type": "Linear", "bins": 0}}, "recency.bins"),
        ({"type": "RFM", "segments": {"type": "MyMap"}}, "types="),
        ({"type": "Linear"}, "is not a RFM"),
    ],
)
def test_documents_with_a_fault_are_refused(document: dict[str, Any], said: str) -> None:
    """The path to the fault, and what is allowed there, is told."""
    with pytest.raises(InvalidDefinitionError, match=said):
        RFM.from_dict(document)


def test_a_model_from_a_document_needs_data(fitted: FittedRFM, orders: Orders) -> None:
    """Without the customers a model still scores one, and says what it needs for the rest."""
    read = FittedRFM.from_dict(fitted.to_dict())
    for asked in (read.score, read.segments, read.cell_counts):
        with pytest.raises(InvalidArgumentError, match="was read from a document"):
            asked()
    with pytest.raises(InvalidArgumentError, match="was read from a document"):
        read.explain("客01")
    customer = History(orders).customer("客01")
    assert read.explain(customer) == fitted.explain(customer)


def test_another_as_of_needs_data(fitted: FittedRFM) -> None:
    """The customers of the fit are known at its own instant only."""
    assert fitted.score(as_of=AS_OF).equals(fitted.score())
    with pytest.raises(InvalidArgumentError, match="another as_of"):
        fitted.score(as_of="2024-03-01")


def test_money_at_another_scale_is_refused(fitted: FittedRFM) -> None:
    """Cut-points in cents do not score amounts in thousandths, in a frame or in memory."""
    columns: dict[str, Any] = {
        "customer_id": "customer_id", "ordered_at": "ordered_at", "amount": "amount", "scale": 3,
        "order_id": "order_id",
    }  # fmt: skip
    with pytest.raises(InvalidArgumentError, match="scale=3"):
        fitted.score(Orders(lines(), **columns))
    raw = [row for row in lines().to_pylist() if row["customer_id"] == "客01"]
    customer = Customer.from_rows("客01", {"order": raw}, {"order": OrderColumns(**columns)})
    with pytest.raises(InvalidArgumentError, match="scale=3"):
        fitted.score_one(customer)


@pytest.mark.parametrize("other", [{"returns": "ignore"}, {"time_zone": "Asia/Shanghai"}])
def test_data_read_in_another_way_is_refused(other: dict[str, Any], fitted: FittedRFM) -> None:
    """A model of netted totals, or of days in UTC, does not score what was counted otherwise."""
    names = {
        "customer_id": "customer_id", "ordered_at": "ordered_at", "amount": "amount",
        "order_id": "order_id",
    }  # fmt: skip
    zone = {k: v for k, v in other.items() if k == "time_zone"}
    policy = {k: v for k, v in other.items() if k == "returns"}
    history = History(Orders(lines(), **names, **zone), **policy)  # type: ignore[arg-type]

    with pytest.raises(InvalidArgumentError):
        fitted.score_one(history.customer("客01"))
    with pytest.raises(InvalidArgumentError):
        fitted.score(history)


def test_a_model_of_separate_returns_scores_data_like_its_own(orders: Orders) -> None:
    """Orders alone are read as the model was fitted, or refused; never netted in silence."""
    fitted = RFM(segments=None).fit(History(orders, returns="separate"), as_of=AS_OF)
    try:
        again = fitted.score(orders)
    except InvalidArgumentError:
        return
    assert rows_of(again) == rows_of(fitted.score())


def test_definitions_do_not_score(orders: Orders) -> None:
    """A definition that was not fitted says how to get a model from it."""
    with pytest.raises(NotFittedError, match="fit first"):
        RFM().score(orders)  # type: ignore[attr-defined]
    with pytest.raises(NotFittedError, match="fit first"):
        RFM().explain("客01")  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        RFM().colour  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("data", [lines(), "orders.csv", None, 7])
def test_data_that_is_not_wrapped_is_refused(data: Any) -> None:
    """A bare frame is refused with the line that wraps it."""
    with pytest.raises(InvalidArgumentError, match=r"Orders\(df") as caught:
        RFM().fit(data, as_of=AS_OF)
    assert caught.value.argument == "data"


def scans() -> pa.Table:
    """Return scans of posters, an event without money."""
    return pa.table({
        "openid": [f"o{i % 6}" for i in range(21)],
        "at": [dt.datetime(2024, 5, 1 + i, 12) for i in range(21)],  # noqa: DTZ001
        "scan": [f"s{i}" for i in range(21)],
    })  # fmt: skip


def test_events_without_money_have_r_and_f(fast_engines: Engines) -> None:
    """Any event gives recency and frequency alone, on every engine and in memory."""
    columns = {"customer_id": "openid", "occurred_at": "at", "time_zone": "Asia/Shanghai"}

    def case(native: Any) -> Any:
        return RFM(event="scan").fit(Events(native, **columns), as_of=AS_OF).score()  # type: ignore[arg-type]

    rows = fast_engines.check(case, scans())
    assert [(row[0], row[1], row[2], row[5]) for row in rows[:2]] == [
        ("o0", 12, 4, rows[0][5]),
        ("o1", 11, 4, rows[1][5]),
    ]
    history = History({"scan": Events(scans(), **columns)})  # type: ignore[arg-type]
    fitted = RFM(event="scan").fit(history, as_of=AS_OF)
    assert fitted.score().column_names == [
        "customer_id", "recency_days", "frequency", "r", "f", "rf", "segment",
    ]  # fmt: skip
    raw = EventColumns(**columns)  # type: ignore[arg-type]
    for row in fitted.score().to_pylist():
        mine = [r for r in scans().to_pylist() if r["openid"] == row["customer_id"]]
        for customer in (
            history.customer(row["customer_id"]),
            Customer.from_rows(row["customer_id"], {"scan": mine}, {"scan": raw}),
        ):
            score = fitted.score_one(customer)
            assert score is not None
            assert score.monetary is score.m is None
            assert (score.recency_days, score.frequency, score.r, score.f, score.rfm) == (
                row["recency_days"], row["frequency"], row["r"], row["f"], row["rf"],
            )  # fmt: skip
    assert "monetary" not in fitted.segments().column_names
    assert len(fitted.explain("o0").lines) == 3


def test_orders_and_events_stand_in_one_history(orders: Orders) -> None:
    """One history holds both; the definition says which of them counts."""
    scanned = scans().rename_columns(["customer_id", "occurred_at", "scan"])
    history = History({"order": orders, "scan": scanned})

    assert RFM(event="scan").fit(history, as_of=AS_OF).customers == 6
    assert RFM().fit(history, as_of=AS_OF).customers == 30
    with pytest.raises(InvalidArgumentError, match="did you mean 'scan'"):
        RFM(event="scam").fit(history, as_of=AS_OF)
    with pytest.raises(InvalidArgumentError, match="not something that RFM reads"):
        RFM(event="scan").fit(history, as_of=AS_OF).score(orders)


def test_scoring_takes_the_customers_of_any_engine(fitted: FittedRFM) -> None:
    """A model fitted to one engine's data scores another's, and gives that type back."""
    expected = rows_of(fitted.score())
    for engine in IN_PROCESS:
        native = from_arrow(lines(), engine)
        out = fitted.score(Orders(native))
        assert type(out) is type(native)
        assert rows_of(out) == expected


def test_new_customers_are_scored_by_the_fitted_cut_points() -> None:
    """A customer whom the model has never seen is placed by the cut-points alone."""
    table = trap_table(many_trap_rows(600, seed=5))
    history = History(Orders(table, **TRAPS))
    half = History(Orders(table.slice(0, 300), **TRAPS))
    fitted = model("ntile").fit(half, as_of=TRAPS_AS_OF)
    known = set(fitted.score()["customer_id"].to_pylist())

    rows = fitted.score(history).to_pylist()
    assert {row["customer_id"] for row in rows} - known
    for row in rows:
        score = fitted.score_one(history.customer(row["customer_id"]))
        assert score is not None
        assert (score.r, score.f, score.m) == (row["r"], row["f"], row["m"])


def test_a_fitted_model_prints_its_cut_points(fitted: FittedRFM) -> None:
    """Text and table name the customers, the instant, the zone and the cut-points."""
    said = str(fitted)
    assert "RFM of 30 customers before 2024-06-01 00:00 UTC" in said
    for words in ("recency_days", "frequency", "monetary"):
        assert words in said
        assert words in fitted._repr_html_()


def test_versions_tell_models_apart(orders: Orders, fitted: FittedRFM) -> None:
    """Equal content has an equal version, and any change of it another one."""
    assert RFM().fit(orders, as_of=AS_OF).version == fitted.version
    others = [
        RFM().fit(orders, as_of="2024-05-31"),
        RFM(locale="zh").fit(orders, as_of=AS_OF),
        RFM().fit(History(orders, returns="ignore"), as_of=AS_OF),
        RFM(recency=NTile(5)).fit(orders, as_of=AS_OF),
        RFM(segments=eight()).fit(orders, as_of=AS_OF),
    ]
    versions = {fitted.version, *(other.version for other in others)}
    assert len(versions) == 6
    assert RFM().version != RFM(segments=None).version
    assert RFM(segments=classic()).version == RFM().version
