"""Refreshes: what stays, who enters, who leaves and why, against a model in plain Python."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.segmentation import tag_model as model
from tests.segmentation.tag_model import DAY, START, World

from userops import Customer, History, Orders
from userops.core import frames
from userops.customers import Attributes
from userops.errors import ColumnNotFoundError, ColumnTypeError, InvalidArgumentError
from userops.rules import Attr, Did, days
from userops.segmentation import Tag, TagDecisions, TagGroup, TagRefresh, TagSet
from userops.testing import installed_engines, to_engine

TAGS = model.tag_set()
KEY = ("customer_id", "tag", "value")
# A world in which every reason to leave occurs, and a customer of whom only decisions speak.
SEED = 28


def rows(native: Any) -> list[dict[str, Any]]:
    """The rows of a host's frame, times aware."""
    found = frames.to_rows(frames.read(native).frame)
    return [
        {k: v.astimezone(dt.UTC) if isinstance(v, dt.datetime) else v for k, v in row.items()}
        for row in found
    ]


def history_of(world: World, engine: str = "pyarrow") -> History:
    """The orders of a world on an engine."""
    return History(Orders(to_engine(world.order_table(), engine)))


def decisions_of(world: World, engine: str = "pyarrow") -> TagDecisions:
    """The decisions of a world on an engine."""
    held = to_engine(world.decision_table(), engine)
    return TagDecisions(held, value="value", expires_at="expires_at")


def state_of(refresh: TagRefresh) -> dict[model.Key, model.State]:
    """The assignments of a refresh, as the model keeps them."""
    found = rows(refresh.assignments)
    assert len(found) == len(model.as_keys(found, *KEY))
    return {
        tuple(r[k] for k in KEY): model.State(r["source"], r["since"], r["until"])  # type: ignore[misc]
        for r in found
    }


def check_chain(world: World, history: History, decisions: TagDecisions) -> list[TagRefresh]:
    """Refresh over all days, each compared with the model."""
    before: dict[model.Key, model.State] = {}
    previous: Any = None
    done = []
    for day in world.days:
        refresh = TAGS.refresh(previous, history, day, decisions=decisions)
        expected = model.refreshed(world, before, day)
        assert state_of(refresh) == expected.state
        assert model.as_keys(rows(refresh.entered), *KEY, "why") == expected.entered
        assert model.as_keys(rows(refresh.left), *KEY, "why") == expected.left
        before, previous = expected.state, refresh.assignments
        done.append(refresh)
    return done


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_chain_of_refreshes_is_that_of_the_model(seed: int) -> None:
    """Validity, decisions, entering and leaving are what plain Python says, day after day."""
    world = model.random_world(seed)

    check_chain(world, history_of(world), decisions_of(world))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_many_chains_of_refreshes_are_those_of_the_model(seed: int) -> None:
    """Validity, decisions, entering and leaving are what plain Python says, day after day."""
    world = model.random_world(seed, orders=60, refreshes=9)

    check_chain(world, history_of(world), decisions_of(world))


@pytest.mark.parametrize("engine", installed_engines(with_spark=False))
def test_every_engine_refreshes_like_the_model(engine: str) -> None:
    """A chain with decisions gives the same states and reasons on each engine."""
    world = model.random_world(SEED, refreshes=4)
    done = check_chain(world, history_of(world, engine), decisions_of(world, engine))

    reasons = {row["why"] for refresh in done for row in rows(refresh.left)}
    assert reasons == {"rule", "lapsed", "hand", "hand ended", "replaced"}
    assert any(row["customer_id"] == model.STRANGER for row in rows(done[-1].assignments))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_one_customer_is_assigned_what_the_frame_says(seed: int) -> None:
    """`assign`, `assign_one` and the model agree about each customer, decisions included."""
    world = model.random_world(seed, refreshes=2)
    history, decisions = history_of(world), decisions_of(world)
    day = world.days[-1]

    assigned = rows(TAGS.assign(history, day, decisions=decisions))
    wide = rows(TAGS.assign(history, day, decisions=decisions, form="wide"))

    assert model.as_keys(assigned, *KEY) == model.assigned(world, day)
    assert sorted(row["customer_id"] for row in wide) == model.population(world, day)
    for row in wide:
        who = row["customer_id"]
        orders = [
            {"customer_id": o.who, "ordered_at": o.at, "amount": o.amount, "category": o.category}
            for o in world.orders
            if o.who == who
        ]
        columns = history.orders.columns
        customer = Customer.from_rows(who, {"order": orders}, {"order": columns})
        mine = [d.row() for d in world.decisions if d.who == who]
        one = TAGS.assign_one(customer, day, decisions=mine)
        flat = {
            (t, v) for t, said in one.items() for v in ([said] if isinstance(said, str) else said)
        }
        assert flat == {(r["tag"], r["value"]) for r in assigned if r["customer_id"] == who}
        for tag, values in model.VALUES.items():
            if tag in model.SEVERAL:
                assert {v for v in values if row[f"{tag}={v}"]} == set(one.get(tag, ()))
            else:
                assert row[tag] == one.get(tag)
            for value in values:
                why = TAGS.explain(customer, tag, day, value=value, decisions=mine)
                assert why.holds == ((tag, value) in flat)


def test_nothing_leaks_from_the_future() -> None:
    """Orders and decisions of the instant itself and later change nothing in a refresh."""
    for seed in range(6):
        world = model.random_world(seed, refreshes=2)
        day = world.days[0]
        past = world._replace(
            orders=tuple(o for o in world.orders if o.at < day),
            decisions=tuple(d for d in world.decisions if d.at < day),
        )

        told = TAGS.refresh(None, history_of(world), day, decisions=decisions_of(world))
        known = TAGS.refresh(None, history_of(past), day, decisions=decisions_of(past))

        assert state_of(told) == state_of(known)


def test_a_chain_replays_identically() -> None:
    """The same days asked again, from stored assignments or from the refresh, give the same."""
    world = model.random_world(4)
    history, decisions = history_of(world), decisions_of(world)
    first = check_chain(world, history, decisions)

    previous: Any = None
    for day, earlier in zip(world.days, first, strict=True):
        previous = TAGS.refresh(previous, history, day, decisions=decisions)  # the object itself
        assert state_of(previous) == state_of(earlier)
        again = TAGS.refresh(previous, history, day, decisions=decisions)  # twice on one day
        assert state_of(again) == state_of(previous)
        assert rows(again.entered) == rows(again.left) == []


def small_world(*orders: tuple[str, float]) -> History:
    """A history of orders of 10 each: who, and how many days after the start."""
    table = pa.table({
        "customer_id": [who for who, _ in orders],
        "ordered_at": pa.array([START + d * DAY for _, d in orders], pa.timestamp("us", "UTC")),
        "amount": [10] * len(orders),
    })  # fmt: skip
    return History(Orders(table))


def test_a_tag_is_valid_up_to_its_limit_and_not_at_it() -> None:
    """A tag of two days, last renewed at noon, is there a microsecond before two days, not then."""
    history = small_world(("a", 0))
    tags = TagSet([Tag("new", Did("order").within(days(1)), valid_for=days(2))])
    noon = START + DAY / 2
    renewed = tags.refresh(None, history, noon)
    assert rows(renewed.assignments)[0]["until"] == noon + 2 * DAY

    last = tags.refresh(renewed, history, noon + 2 * DAY - dt.timedelta(microseconds=1))
    assert rows(last.assignments) == [
        {"customer_id": "a", "tag": "new", "value": "true", "source": "kept", "since": noon,
         "until": noon + 2 * DAY, "as_of": noon + 2 * DAY - dt.timedelta(microseconds=1)}
    ]  # fmt: skip
    gone = tags.refresh(last, history, noon + 2 * DAY)
    assert rows(gone.assignments) == []
    assert rows(gone.left) == [{"customer_id": "a", "tag": "new", "value": "true", "why": "lapsed"}]
    never_kept = tags.refresh(renewed, history, noon + 2 * DAY)
    assert [row["why"] for row in rows(never_kept.left)] == ["lapsed"]


def test_a_tag_renewed_while_it_is_kept_has_not_entered_again() -> None:
    """Who is kept and then satisfies the rule again has been there since the first day."""
    history = small_world(("a", 0), ("a", 3))
    tags = TagSet([Tag("new", Did("order").within(days(1)), valid_for=days(9))])
    first = tags.refresh(None, history, START + DAY)
    kept = tags.refresh(first, history, START + 2.5 * DAY)
    again = tags.refresh(kept, history, START + 3.5 * DAY)

    assert [r["source"] for r in rows(kept.assignments)] == ["kept"]
    assert [(r["source"], r["since"]) for r in rows(again.assignments)] == [("rule", START + DAY)]
    assert rows(again.entered) == []


def test_tags_and_values_that_are_no_more_are_left_as_such() -> None:
    """A set without a tag, or a group without a value, says so of those who had it."""
    history = small_world(("a", 0))
    old = TagSet([
        Tag("gone", Did("order"), valid_for=days(99)),
        TagGroup("level", {"one": Did("order")}, valid_for=days(99)),
    ])  # fmt: skip
    new = TagSet([TagGroup("level", {"two": Did("order").count() > 5}, valid_for=days(99))])
    first = old.refresh(None, history, START + DAY)

    refresh = new.refresh(first, history, START + 2 * DAY)

    assert {(r["tag"], r["value"], r["why"]) for r in rows(refresh.left)} == {
        ("gone", "true", "no such tag"), ("level", "one", "no such tag"),
    }  # fmt: skip
    assert rows(refresh.assignments) == []


def test_two_kept_values_of_a_group_that_gives_one_become_one() -> None:
    """A broken state with two values of an exclusive tag is mended: the first one stays."""
    history = small_world(("a", 0))
    tags = TagSet([
        TagGroup("level", {"one": Did("order").count() > 5, "two": Did("order").count() > 6},
                 valid_for=days(5)),
    ])  # fmt: skip
    until = pa.array([START + 9 * DAY] * 2, pa.timestamp("us", "UTC"))
    broken = pa.table({
        "customer_id": ["a", "a"], "tag": ["level", "level"], "value": ["two", "one"],
        "until": until,
    })  # fmt: skip

    refresh = tags.refresh(broken, history, START + DAY)

    assert [r["value"] for r in rows(refresh.assignments)] == ["one"]
    assert [r["value"] for r in rows(refresh.left)] == ["two"]


def test_changes_become_attributes_that_rules_read() -> None:
    """Appended changes are dated attributes: what each tag was as of any instant."""
    world = model.random_world(8, refreshes=7)
    refreshes = check_chain(world, history_of(world), decisions_of(world))
    log = pa.concat_tables([refresh.changes for refresh in refreshes])
    history = History(Orders(world.order_table()), attributes=Attributes(log))
    names = set(history.attribute_names)

    for refresh, day in zip(refreshes, world.days, strict=True):
        later = day + dt.timedelta(microseconds=1)
        for tag, values in model.VALUES.items():
            for value in values:
                name = f"{tag}={value}" if tag in model.SEVERAL else tag
                if name not in names:
                    continue
                had = (Attr(name) == value).customers(history, later)["customer_id"].to_pylist()
                has = {r["customer_id"] for r in rows(refresh.assignments)
                       if (r["tag"], r["value"]) == (tag, value)}  # fmt: skip
                assert set(had) == has
    assert any(name.startswith("likes=") for name in names)


def test_the_change_of_a_tag_that_is_no_more_ends_both_of_its_names() -> None:
    """Whether a tag of old had one value or several is not known any more: both attributes end."""
    history = small_world(("a", 0))
    old = TagSet([TagGroup("likes", {"x": Did("order")}, pick="all")])
    first = old.refresh(None, history, START + DAY)
    assert [(r["name"], r["value"]) for r in rows(first.changes)] == [("likes=x", "x")]

    refresh = TagSet([Tag("other", Did("order"))]).refresh(first, history, START + 2 * DAY)

    ended = {(r["name"], r["value"]) for r in rows(refresh.changes)}
    assert ended == {("likes=x", None), ("likes", None), ("other", "true")}


def previous_table(**columns: Any) -> pa.Table:
    """One assignment as a host stored it."""
    return pa.table({"customer_id": ["a"], "tag": ["t"], "value": ["true"]} | columns)


ONE = TagSet([Tag("t", Did("order"))])


@pytest.mark.parametrize("column", KEY)
def test_previous_needs_its_key(column: str) -> None:
    """A missing column of the key is named."""
    with pytest.raises(ColumnNotFoundError, match=column):
        ONE.refresh(previous_table().drop_columns([column]), small_world(("a", 0)), START + DAY)


def test_previous_of_another_engine_is_refused() -> None:
    """A frame of another engine is named with the engine of the history."""
    held = to_engine(previous_table(), "duckdb")
    with pytest.raises(InvalidArgumentError, match=r"another engine.*duckdb.*pyarrow"):
        ONE.refresh(held, small_world(("a", 0)), START + DAY)


def test_previous_may_be_held_by_a_sibling_engine() -> None:
    """Pandas stands in for Arrow, and eager Polars for lazy, as in a history."""
    for engine, sibling in (("pyarrow", "pandas-numpy"), ("polars-lazy", "polars")):
        table = pa.table({"customer_id": ["a"], "ordered_at": ["2024-01-01"], "amount": [1]})
        history = History(Orders(to_engine(table, engine)))
        refresh = ONE.refresh(to_engine(previous_table(), sibling), history, START + DAY)
        assert rows(refresh.entered) == rows(refresh.left) == []


def test_previous_of_a_later_instant_is_refused() -> None:
    """History is refreshed forwards; going back is refused, with both instants."""
    history = small_world(("a", 0))
    later = ONE.refresh(None, history, START + 9 * DAY)
    for previous in (later, later.assignments):
        with pytest.raises(InvalidArgumentError, match=r"lies before.*2024-01-02.*2024-01-10"):
            ONE.refresh(previous, history, START + DAY)
    # What was stored knows the instant of its refresh though nobody entered then.
    quiet = ONE.refresh(ONE.refresh(None, history, START + DAY), history, START + 9 * DAY)
    assert {row["as_of"] for row in rows(quiet.assignments)} == {START + 9 * DAY}
    for previous in (quiet.assignments, quiet.assignments.drop_columns(["since"])):
        with pytest.raises(InvalidArgumentError, match=r"lies before.*2024-01-03.*2024-01-10"):
            ONE.refresh(previous, history, START + 2 * DAY)
    undated = quiet.assignments.drop_columns(["as_of"])
    assert not rows(ONE.refresh(undated, history, START + 2 * DAY).left)
    # A refresh knows its instant though nobody has a tag.
    nobody = ONE.refresh(None, small_world(("b", 99)), START + 9 * DAY)
    with pytest.raises(InvalidArgumentError, match="lies before"):
        ONE.refresh(nobody, history, START + DAY)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"customer_id": pa.array([1])}, "of another type than in the history"),
        ({"customer_id": pa.array([1.0])}, "of another type than in the history"),
        ({"since": ["2024-01-01"]}, "holds no instants"),
        ({"until": pa.array([dt.date(2024, 1, 1)])}, "holds no instants"),
    ],
)
def test_previous_of_other_types_is_refused(columns: dict[str, Any], message: str) -> None:
    """Ids and times of another type than assignments have are refused with the remedy."""
    with pytest.raises(ColumnTypeError, match=message):
        ONE.refresh(previous_table(**columns), small_world(("a", 0)), START + DAY)


@pytest.mark.parametrize("engine", ["pyarrow", "pandas-numpy", "polars", "duckdb"])
def test_previous_may_hold_nulls_and_repeats(engine: str) -> None:
    """Rows without a customer, tag or value do not count; one that is there twice counts once."""
    table = pa.table(
        {"customer_id": ["a", "b"], "ordered_at": ["2024-01-01"] * 2, "amount": [1, 2]}
    )
    previous = pa.table({
        "customer_id": ["a", "a", None, "z", "z"], "tag": ["t", "t", "t", None, "t"],
        "value": ["true", "true", "true", "true", None],
        "since": pa.array([START + DAY, START, None, None, None], pa.timestamp("us", "UTC")),
        "until": pa.nulls(5), "source": pa.nulls(5),
    })  # fmt: skip
    history = History(Orders(to_engine(table, engine)))
    refresh = ONE.refresh(to_engine(previous, engine), history, START + 2 * DAY)

    state = state_of(refresh)
    assert {key[0]: now.since for key, now in state.items()} == {"a": START, "b": START + 2 * DAY}
    assert rows(refresh.left) == []


@pytest.mark.parametrize("backend", ["numpy", "arrow", "empty"])
def test_pandas_assignments_come_back_as_previous(backend: str) -> None:
    """Assignments of pandas go through parquet or as they are, numpy- or Arrow-backed, and none."""
    world = model.random_world(3, refreshes=3)
    engine = "pandas-arrow" if backend == "arrow" else "pandas-numpy"
    history, decisions = history_of(world, engine), decisions_of(world, engine)
    if backend == "empty":
        nothing = pd.DataFrame(columns=["customer_id", "tag", "value", "since", "until", "source"])
        refresh = TAGS.refresh(nothing, history, world.days[0], decisions=decisions)
        assert state_of(refresh) == model.refreshed(world, {}, world.days[0]).state
        return
    for refresh in check_chain(world, history, decisions):
        assert isinstance(refresh.assignments, pd.DataFrame)
        is_arrow = [isinstance(t, pd.ArrowDtype) for t in refresh.assignments.dtypes]
        assert all(is_arrow) if backend == "arrow" else not any(is_arrow)


def test_whole_numbers_as_ids_come_back_in_any_width() -> None:
    """Ids of 64 bits meet a previous one that was stored in 32."""
    table = pa.table({"customer_id": [7, 8], "ordered_at": ["2024-01-01"] * 2, "amount": [1, 1]})
    previous = previous_table(customer_id=pa.array([7], pa.int32()))

    refresh = ONE.refresh(previous, History(Orders(table)), START + DAY)

    assert [r["customer_id"] for r in rows(refresh.entered)] == [8]
    assert rows(refresh.left) == []


def test_a_refresh_shows_itself() -> None:
    """`repr` computes nothing, `str` says the counts, a notebook shows a table, names escaped."""
    history = small_world(("a", 0), ("b", 5))
    tags = TagSet([
        TagGroup("<b>", {"z": Did("order").count() > 5, "a": Did("order").within(days(2))}),
        Tag("all", Did("order")),
    ])  # fmt: skip
    first = tags.refresh(None, history, START + DAY)
    refresh = tags.refresh(first, history, START + 6 * DAY)

    assert repr(refresh) == "TagRefresh(Tags as of 2024-01-07 00:00 UTC, <pyarrow>)"
    assert str(refresh).splitlines() == [
        "Tags as of 2024-01-07 00:00 UTC",
        "  <b> = z: 0 (+0, -0)",
        "  <b> = a: 1 (+1, -1)",
        "  all = true: 2 (+1, -0)",
    ]
    html = refresh._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert "<td>+1</td><td>−1</td>" in html
    assert rows(refresh.counts())[1] == {
        "tag": "<b>", "value": "a", "customers": 1, "entered": 1, "left": 1
    }  # fmt: skip
