"""Sets of tags: both forms on every engine, fitting, names, documents, and SQL."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any, ClassVar
from unittest import mock

import attrs
import ibis
import pyarrow as pa
import pytest
from tests.segmentation import tag_model as model
from tests.segmentation.test_tag_refresh import KEY, decisions_of, history_of, rows

from userops import Events, History, Orders
from userops.customers import Customers
from userops.errors import (
    InvalidArgumentError,
    InvalidDefinitionError,
    NotFittedError,
    UnsupportedFrameError,
)
from userops.rules import (
    Attr,
    CustomRule,
    Did,
    HasTag,
    InSegment,
    Percentile,
    Pilot,
    Prop,
    Sequence,
    calendar_months,
    days,
)
from userops.segmentation import (
    FittedTagSet,
    PercentileTag,
    PreferenceTag,
    Segment,
    Tag,
    TagDecisions,
    TagGroup,
    TagSet,
)
from userops.testing import Engines, rows_of, to_engine
from userops.testing.trap_history import TRAP_AS_OF, build_trap_history, trap_tables

SPENT = Did("order").sum("amount")
AS_OF = "2024-03-01"


def trap_tags() -> TagSet:
    """One tag of each kind, over the history full of traps, with names full of traps."""
    bought = Did("order")
    return TagSet(
        [
            Tag("活跃", bought.within(days(30)), value="是"),
            Tag('q"u`o\'te.d', ~Did("view").within(days(90))),
            TagGroup(
                "等级", {"金": SPENT >= 100, "a=b": InSegment("scanned")}, otherwise="none"
            ),
            TagGroup(
                "a b", {c: bought.where(Prop("category") == c) for c in ("母婴", "toys", "美妆")},
                pick="all", otherwise="%",
            ),
            PreferenceTag("count", "category"),
            PreferenceTag("money", "category", by="amount", at_least=2),
            PreferenceTag("tfidf", "category", by="tfidf"),
            PreferenceTag("seen", "page", events="view"),
            PercentileTag("spender", SPENT, {"top": (0.9, 1), "middle": (0.5, 0.9)}),
            Tag("ten", bought.count().in_top(10)),
            Tag("named", HasTag("a b", "toys") & ~HasTag("活跃")),
            Tag("steps", Sequence("cart", "order", within=days(30))),
            Tag("pilot", Pilot("春", 0.5)),
            Tag("member", Attr("is_member") == True),  # noqa: E712
            Tag("month", bought.within(calendar_months(2))),
        ],
        segments=[Segment("scanned", Did("scan") & (Attr("city") == "母婴"))],
    )  # fmt: skip


def test_every_engine_gives_the_same_tags_in_both_forms(fast_engines: Engines) -> None:
    """Long and wide rows, fitted in each engine by itself, are those of one customer."""
    answers = {}
    for engine in fast_engines.names:
        history = build_trap_history(engine)
        tags = trap_tags().fit(history, TRAP_AS_OF)
        long, wide = (tags.assign(history, TRAP_AS_OF, form=form) for form in ("long", "wide"))  # type: ignore[arg-type]
        answers[engine] = rows_of(long), rows_of(wide), tags.version
    reference = answers["pyarrow"]
    for engine, answer in answers.items():
        assert answer == reference, engine

    history = build_trap_history("pyarrow")
    tags = trap_tags().fit(history, TRAP_AS_OF)
    wide = tags.assign(history, TRAP_AS_OF, form="wide").to_pylist()
    long = tags.assign(history, TRAP_AS_OF).to_pylist()
    assert len(wide) > 20
    for row in wide:
        one = tags.assign_one(history.customer(row["customer_id"]), TRAP_AS_OF)
        flat = {(t, v) for t, vs in one.items() for v in ([vs] if isinstance(vs, str) else vs)}
        mine = [r for r in long if r["customer_id"] == row["customer_id"]]
        assert {(r["tag"], r["value"]) for r in mine} == flat
        assert len(mine) == len(flat)
        assert row["活跃"] == one.get("活跃")
        assert row["a b=toys"] == ("toys" in one.get("a b", ()))


def test_whole_numbers_as_ids_have_tags() -> None:
    """Ids that are whole numbers, negative and long ones, are tagged alike."""
    history = build_trap_history("pyarrow", ids="int")
    tags = trap_tags().fit(history, TRAP_AS_OF)
    other = build_trap_history("duckdb", ids="int")

    assert rows_of(tags.assign(history, TRAP_AS_OF)) == rows_of(tags.assign(other, TRAP_AS_OF))


def test_a_refresh_takes_what_assign_returned() -> None:
    """Whoever has assignments without dates can begin with them; nobody enters or leaves."""
    world = model.random_world(2)
    history, day = history_of(world), world.days[-1]
    tags = model.tag_set()

    refresh = tags.refresh(tags.assign(history, day), history, day)

    assert rows(refresh.entered) == rows(refresh.left) == []
    assert {r["since"] for r in rows(refresh.assignments)} == {day}


def test_preview_counts_what_assign_gives() -> None:
    """Counts and shares are those of the assignments, in the order of the set, zeros included."""
    world = model.random_world(2)
    history, day = history_of(world), world.days[-1]
    decisions = decisions_of(world)

    preview = model.tag_set().preview(history, day, decisions=decisions).to_pylist()

    assigned = model.assigned(world, day)
    everybody = model.population(world, day)
    for row in preview:
        n = sum((tag, value) == (row["tag"], row["value"]) for _, tag, value in assigned)
        assert row["customers"] == n
        assert row["share"] == n / len(everybody)
    order = [row["tag"] for row in preview if row["tag"] != "top"]
    assert order == [tag for tag, vs in model.VALUES.items() if tag != "top" for _ in vs]
    nobody = TagSet(Tag("t", Did("order"))).preview(history, "2000-01-01").to_pylist()
    assert nobody == [{"tag": "t", "value": "true", "customers": 0, "share": None}]


def test_no_matching_rows_make_empty_frames(fast_engines: Engines) -> None:
    """Before the first event there are no assignments, and no rows, in every engine."""
    table = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})
    tags = TagSet([Tag("t", Did("order")), TagGroup("g", {"x": SPENT > 0}, pick="all")])
    for form in ("long", "wide"):
        assert fast_engines.check(
            lambda f, form=form: tags.assign(History(Orders(f)), "2023-01-01", form=form), table
        ) == []  # fmt: skip


def test_a_set_that_is_not_fitted_says_which_tags_need_it() -> None:
    """Tags that are relative to a population, also through segments of segments, are named."""
    history = History(Orders(pa.table({
        "customer_id": ["a", "b"], "ordered_at": ["2024-01-01"] * 2, "amount": [1, 2],
        "category": ["x", None],
    })))  # fmt: skip
    tags = TagSet(
        [
            Tag("plain", Did("order")),
            PercentileTag("spender", SPENT, {"top": (0.5, 1)}),
            PreferenceTag("typical", "category", by="tfidf"),
            Tag("nested", InSegment("outer")),
        ],
        segments=[
            Segment("outer", InSegment("inner")),
            Segment("inner", Percentile(SPENT, 0.5, 1)),
        ],
    )
    assert tags.needs_population == ("spender", "typical", "nested")
    for ask in (
        lambda: tags.assign(history, AS_OF),
        lambda: tags.preview(history, AS_OF),
        lambda: tags.refresh(None, history, AS_OF),
        lambda: tags.assign_one(history.customer("a"), AS_OF),
        lambda: tags.explain(history.customer("a"), "plain", AS_OF),
    ):
        with pytest.raises(NotFittedError, match=r"spender, typical, nested.*fit"):
            ask()
    fitted = tags.fit(history, AS_OF)
    assert rows_of(fitted.assign(history, AS_OF)) == [
        ("a", "plain", "true"), ("a", "typical", "x"),
        ("b", "nested", "true"), ("b", "plain", "true"), ("b", "spender", "top"),
    ]  # fmt: skip
    assert TagSet(Tag("plain", Did("order"))).fit(history, AS_OF).tags == (tags.tags[0],)


def test_fitting_twice_asks_each_population() -> None:
    """`fit` returns a new object; the set stays as it is, the cut-points those of the fit."""

    def shop(*amounts: int) -> History:
        return History(Orders(pa.table({
            "customer_id": [str(n) for n, _ in enumerate(amounts)],
            "ordered_at": ["2024-01-01"] * len(amounts), "amount": amounts,
        })))  # fmt: skip

    tags = TagSet(PercentileTag("s", SPENT, {"top": (0.5, 1)}))
    poor, rich = tags.fit(shop(1, 2, 3, 4), AS_OF), tags.fit(shop(100, 200), AS_OF)

    assert poor.assign(shop(3, 150), AS_OF)["customer_id"].to_pylist() == ["0", "1"]
    assert rich.assign(shop(3, 150), AS_OF)["customer_id"].to_pylist() == ["1"]
    assert poor.definition == rich.definition == tags
    assert poor.version != rich.version
    back = FittedTagSet.from_dict(poor.to_dict())
    assert back == poor
    assert back.assign(shop(3, 150), AS_OF).num_rows == 2


TAG = Tag("t", Did("order"))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: TagSet([]), "tags: are none.*at least one"),
        (lambda: TagSet("t"), r"tags\[0\]: is no tag.*'t'.*TagGroup"),
        (lambda: TagSet([TAG, Did("order")]), r"tags\[1\]: is no tag"),
        (lambda: TagSet([TAG, TagGroup("t", {"x": SPENT > 1})]), "tags: occur twice.*t"),
        (lambda: TagSet(TAG, segments=[Did("order")]), r"segments\[0\]: is no segment"),
        (lambda: TagSet(TAG, segments=[Segment("s", SPENT > 1)] * 2), "segments: occur twice.*s"),
        (lambda: TagSet(Tag("customer_id", SPENT > 1)), "mean two things.*customer_id"),
        (lambda: TagSet([Tag("a=b", SPENT > 1), TagGroup("a", {"b": SPENT > 1}, pick="all")]),
         "mean two things.*a=b"),
        (lambda: TagSet([TAG, Tag("x", HasTag("tt"))]),
         r"tags\[1\]: tag: 'tt' is not known.*did you mean 't'"),
        (lambda: TagSet(Tag("x", InSegment("s"))), r"tags\[0\]: segment 's' is not.*segments="),
        (lambda: TagSet([TAG, Tag("x", HasTag("t", "no"))]), "tag 't' has no value 'no'"),
        (lambda: TagSet(Tag("x", ~HasTag("x"))), "circle.*tag 'x' → tag 'x'"),
        (lambda: TagSet([Tag("x", HasTag("y")), Tag("y", HasTag("x"))]), "circle"),
        (lambda: TagSet(TAG, segments=[Segment("s", InSegment("r")), Segment("r", InSegment("s"))]),
         r"segments\[0\].*circle"),
        (lambda: TagSet(Tag("x", InSegment("s")), segments=Segment("s", HasTag("x"))), "circle"),
        (lambda: TagSet(TagGroup("g", {"y": HasTag("g", "x"), "x": SPENT > 1})), "circle"),
    ],
)  # fmt: skip
def test_a_wrong_set_is_refused_when_it_is_written(build: Any, message: str) -> None:
    """Names that occur twice, mean two things, or nothing, and circles are found at once."""
    with pytest.raises(InvalidDefinitionError, match=message):
        build()


def test_names_that_differ_by_capitals_are_refused_in_the_wide_form_alone() -> None:
    """DuckDB and Spark take such columns for one; the long form has no such columns."""
    history = History(Orders(pa.table({
        "customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1],
    })))  # fmt: skip
    tags = TagSet([Tag("VIP", Did("order")), Tag("vip", Did("order"))])

    assert tags.assign(history, AS_OF).num_rows == 2
    with pytest.raises(InvalidArgumentError, match=r"capital letters alone.*VIP, vip.*'long'"):
        tags.assign(history, AS_OF, form="wide")
    with pytest.raises(InvalidArgumentError, match=r"'lang' is not known.*did you mean 'long'"):
        tags.assign(history, AS_OF, form="lang")  # type: ignore[arg-type]


def test_a_tag_is_found_by_its_name() -> None:
    """Unknown tags and values are refused with the nearest."""
    tags = model.tag_set()
    customer = history_of(model.random_world(2)).customer("a")
    assert tags.tag("level").name == "level"
    with pytest.raises(InvalidArgumentError, match="did you mean 'level'"):
        tags.tag("levle")
    with pytest.raises(InvalidArgumentError, match="did you mean 'active'"):
        tags.explain(customer, "aktive", AS_OF)
    with pytest.raises(InvalidArgumentError, match=r"has no value 'glod'.*did you mean 'gold'"):
        tags.explain(customer, "level", AS_OF, value="glod")


def test_a_set_describes_itself_in_both_languages() -> None:
    """A line a value, in English and Chinese; a notebook shows a table, names escaped."""
    tags = TagSet([
        Tag("活跃", Did("order").within(days(30)), value="是", valid_for=days(7)),
        TagGroup("<i>", {"a": SPENT >= 10}, otherwise="b"),
        PreferenceTag("偏好", "category", at_least=2),
        PreferenceTag("典型", "category", by="tfidf"),
    ])  # fmt: skip
    assert (
        str(tags).splitlines()
        == repr(tags).splitlines()
        == [
            "TagSet of 4",
            "活跃 = 是: did order in the last 30 days",
            "<i> = a: total amount of order is at least 10",
            "<i> = b: not total amount of order is at least 10",
            "偏好: most frequent category of order (number of order where category is known is at "
            "least 2)",
            "典型: most typical category of order",
        ]
    )
    assert tags.describe("zh").splitlines() == [
        "活跃＝是：有最近30天内order",
        "<i>＝a：order的amount合计不少于10",
        "<i>＝b：并非order的amount合计不少于10",
        "偏好：order次数最多的category（满足category已知的order次数不少于2）",
        "典型：order最具特征的category",
    ]
    html = tags._repr_html_()
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    assert "7 days after the last renewal" in html
    history = History(
        Orders(pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]}),
               customer_id="customer_id", ordered_at="ordered_at", amount="amount",
               time_zone="Asia/Shanghai")
    )  # fmt: skip
    fitted = TagSet(PercentileTag("s", SPENT, {"top": (0.5, 1)})).fit(history, "2024-03-01T08:30")
    assert str(fitted).splitlines() == [
        "FittedTagSet of 1, fitted as of 2024-03-01 08:30 Asia/Shanghai",
        "s = top: total amount of order is in the top 50 % (> 1)",
    ]
    with pytest.raises(InvalidArgumentError, match="locale"):
        tags.describe("fr")  # type: ignore[arg-type]


def test_sets_come_back_from_their_documents() -> None:
    """A document holds all tags and segments in order; another order is another version."""
    tags = trap_tags()
    back = TagSet.from_dict(tags.to_dict())
    assert back == tags
    assert back.version == tags.version
    assert TagSet(tags.tags[::-1], segments=tags.segments).version != tags.version


# SQL


def ibis_table(con: Any, name: str) -> Any:
    """A table of a connection; Ibis asks DuckDB by a name that it deprecates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return con.table(name)


@pytest.fixture(scope="module")
def warehouse() -> tuple[History, TagDecisions, Any]:
    """A history of Ibis over tables of DuckDB, as a warehouse holds them, with its connection."""
    con = ibis.duckdb.connect()
    tables = dict(trap_tables()) | {"decision": model.random_world(28).decision_table()}
    for name, table in list(tables.items()):
        if name != "decision":
            clocks = [f.name for f in table.schema if pa.types.is_timestamp(f.type)]
            for clock in clocks:  # as instants, so that no zone stands in the text
                at = table.schema.get_field_index(clock)
                instants = table[clock].cast(pa.timestamp("us", "UTC"))
                tables[name] = table = table.set_column(at, clock, instants)  # noqa: PLW2901
        con.con.register("rows", table)
        con.con.execute(f'CREATE TABLE "{name}" AS SELECT * FROM rows')
        con.con.unregister("rows")
    orders = Orders(
        ibis_table(con, "order"), customer_id="who", ordered_at="at", order_id="no", amount="paid",
        quantity="units", category="category", scale=3,
    )  # fmt: skip
    events = {
        "scan": Events(ibis_table(con, "scan"), customer_id="who", occurred_at="at"),
        "cart": Events(ibis_table(con, "cart"), customer_id="who", occurred_at="at"),
    }
    known = Customers(
        ibis_table(con, "customers"), customer_id="who", attributes=("is_member", "age")
    )
    log = TagDecisions(ibis_table(con, "decision"), value="value", expires_at="expires_at")
    return History({"order": orders, **events}, customers=known), log, con


def sql_tags() -> TagSet:
    """One tag of each kind that a warehouse can compute."""
    bought = Did("order")
    return TagSet([
        Tag("active", bought.within(days(90)), value="true"),
        TagGroup("level", {"gold": SPENT >= 100, "silver": bought.count() >= 2}),
        TagGroup("likes", {"x": bought.where(Prop("category") == "母婴"), "y": Did("scan")},
                 pick="all"),
        PreferenceTag("top", "category", at_least=2),
        PreferenceTag("tfidf", "category", by="tfidf"),
        PercentileTag("spender", SPENT, {"o'top": (0.8, 1)}),
        Tag("vip", HasTag("level", "gold") & (Attr("is_member") == True), value="yes"),  # noqa: E712
        Tag("recent", bought.days_since_last() < 60),
        Tag("month", bought.within(calendar_months(2)).mean("amount") > 5),
    ])  # fmt: skip


DIALECTS = ("bigquery", "clickhouse", "postgres", "snowflake")


def test_a_set_compiles_to_the_sql_of_warehouses(warehouse: Any) -> None:
    """Both forms, with decisions, parse in each dialect, and name no table that only we have."""
    import sqlglot

    history, log, _ = warehouse
    tags = sql_tags().fit(history, TRAP_AS_OF)
    texts = {d: tags.sql(history, TRAP_AS_OF, d, decisions=log) for d in DIALECTS}
    wide = tags.sql(history, TRAP_AS_OF, "postgres", decisions=log, form="wide")
    for dialect, text in [*texts.items(), ("postgres", wide)]:
        query = sqlglot.parse_one(text, dialect=dialect)
        ctes = {cte.alias for cte in query.find_all(sqlglot.exp.CTE)}
        named = {table.name for table in query.find_all(sqlglot.exp.Table)} - {""}
        assert named - ctes <= {"order", "scan", "cart", "customers", "decision"}, dialect
        assert "memtable" not in text
    # Nothing random stands in the text, so that it can be kept under version control.
    assert texts["postgres"] == tags.sql(history, TRAP_AS_OF, "postgres", decisions=log)


def test_the_sql_gives_what_the_frame_gives(warehouse: Any) -> None:
    """DuckDB, which alone can be asked here, returns the rows of `assign` for the text."""
    history, log, con = warehouse
    tags = sql_tags().fit(history, TRAP_AS_OF)

    asked = con.con.sql(tags.sql(history, TRAP_AS_OF, "duckdb", decisions=log)).to_arrow_table()

    assert rows_of(asked) == rows_of(tags.assign(history, TRAP_AS_OF, decisions=log))
    assert asked.num_rows > 20


@attrs.frozen(eq=False)
class Lucky(CustomRule):
    """A rule that only Python decides."""

    code_version: ClassVar[str] = "1"

    def terms(self) -> Any:
        """What it looks at."""
        return {"n": Did("order").count()}

    def holds(self, **values: Any) -> bool:
        """Seven orders bring luck."""
        return bool(values["n"] == 7)


def test_sql_names_the_part_that_cannot_be_said(warehouse: Any) -> None:
    """A sequence, a rule in Python alone and a hash that a dialect lacks are named in words."""
    history, _, _ = warehouse
    plain = Tag("plain", Did("order"))
    steps = Tag("steps", Did("order") & Sequence("cart", "order", within=days(7)))
    with pytest.raises(UnsupportedFrameError, match=r"“did cart, then order within 7 days” cannot"):
        TagSet([plain, steps]).sql(history, AS_OF, "snowflake")
    pilot = TagGroup("g", {"x": SPENT > 1, "y": Did("order") & Pilot("春", 0.5)})
    with pytest.raises(
        UnsupportedFrameError, match=r"“is in the 50 % of pilot “春”” cannot be said"
    ):
        TagSet([plain, pilot]).sql(history, AS_OF, "snowflake")
    with pytest.raises(UnsupportedFrameError, match=r"Lucky\(\)” cannot.*Python alone"):
        TagSet([plain, Tag("lucky", Lucky())]).sql(history, AS_OF, "postgres")
    with pytest.raises(InvalidArgumentError, match="did you mean 'snowflake'"):
        TagSet(plain).sql(history, AS_OF, "snowflak")
    arrow = History(Orders(pa.table({
        "customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1],
    })))  # fmt: skip
    with pytest.raises(UnsupportedFrameError, match=r"tables of Ibis.*held by pyarrow"):
        TagSet(plain).sql(arrow, AS_OF, "snowflake")


def test_a_rule_in_python_alone_is_allowed_by_name() -> None:
    """On Ibis a set with such a rule is refused, until the call allows for it."""
    rows = [{"customer_id": "a", "ordered_at": f"2024-01-0{n}", "amount": 1} for n in range(1, 8)]
    table = pa.Table.from_pylist([*rows, {**rows[0], "customer_id": "b"}])
    history, tags = History(Orders(to_engine(table, "ibis"))), TagSet(Tag("lucky", Lucky()))
    asks: list[Any] = [tags.assign, tags.preview, partial(tags.refresh, None)]
    for ask in asks:
        with pytest.raises(InvalidDefinitionError, match="allow_python=True"):
            ask(history, AS_OF)
    assert rows_of(tags.assign(history, AS_OF, allow_python=True)) == [("a", "lucky", "true")]
    assert ("lucky", "true", 1, 0.5) in rows_of(tags.preview(history, AS_OF, allow_python=True))
    entered = tags.refresh(None, history, AS_OF, allow_python=True).entered
    assert rows_of(entered) == [("a", "lucky", "true", "rule")]


# Spark


def test_spark_gives_the_same_rows_and_collects_nothing() -> None:
    """Long, wide and two refreshes on Spark are those of Arrow; `assign` stays a plan of Spark."""
    pytest.importorskip("pyspark")
    world = model.random_world(28, refreshes=2)
    tags = model.tag_set()
    here, arrow_log = history_of(world), decisions_of(world)
    there, spark_log = history_of(world, "pyspark"), decisions_of(world, "pyspark")
    first, second = world.days

    handed: list[Any] = []
    kind = type(there.orders.source.native)

    def spy(name: str) -> Any:
        plain = kind.__dict__[name]  # the name on the base hands over to it

        def counted(frame: Any, *args: Any, **kwargs: Any) -> Any:
            found = plain(frame, *args, **kwargs)
            handed.append(found)
            return found

        return mock.patch.object(kind, name, counted)

    with spy("collect"), spy("toPandas"), spy("toArrow"):
        long = tags.assign(there, second, decisions=spark_log)
        wide = tags.assign(there, second, decisions=spark_log, form="wide")
    # What is known of the tables, and the names in the log: never a row a customer.
    assert handed
    for table in handed:
        assert isinstance(table, pa.Table)
        assert "customer_id" not in table.column_names
        assert len(table) <= len(world.decisions)
    assert type(long) is type(wide) is kind

    assert rows_of(long) == rows_of(tags.assign(here, second, decisions=arrow_log))
    assert rows_of(wide) == rows_of(tags.assign(here, second, decisions=arrow_log, form="wide"))
    before = tags.refresh(None, there, first, decisions=spark_log)
    after = tags.refresh(before.assignments, there, second, decisions=spark_log)
    expected = model.refreshed(
        world, model.refreshed(world, {}, first).state, second
    )  # fmt: skip
    found = rows(after.assignments)
    assert {tuple(r[k] for k in KEY): (r["source"], r["since"], r["until"]) for r in found} == {
        key: tuple(state) for key, state in expected.state.items()
    }
    assert model.as_keys(rows(after.left), *KEY, "why") == expected.left
    assert model.as_keys(rows(after.entered), *KEY, "why") == expected.entered
