"""Which order a return takes back: against a stack, by id, as of an instant, on every engine."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.customers import History
from userops.errors import InvalidArgumentError
from userops.events import Orders

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Line(NamedTuple):
    """One order line, or the return of one (cents below zero)."""

    who: str
    no: str
    at: int
    product: str | None
    units: int | None
    cents: int
    back_to: str | None = None


TYPES = [pa.string(), pa.string(), pa.int64(), pa.string(), pa.int64(), pa.int64(), pa.string()]
SCHEMA = pa.schema(list(zip(Line._fields, TYPES, strict=True)))
NAMED: dict[str, Any] = {
    "customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "cents", "scale": 0,
    "product_id": "product", "quantity": "units", "time_format": "epoch_us",
}  # fmt: skip
BY_ID = NAMED | {"return_of": "back_to"}

Link = tuple[str, str, int, str | None, int | None, int, str | None, str]


def at(us: int) -> dt.datetime:
    """Return an instant as a point in time."""
    return EPOCH + dt.timedelta(microseconds=us)


def table_of(lines: Sequence[Line]) -> pa.Table:
    """Return order lines as a table."""
    return pa.Table.from_pylist([line._asdict() for line in lines], schema=SCHEMA)


def is_return(line: Line) -> bool:
    """Whether a line is a return, by sign."""
    return line.cents < 0 or (line.units is not None and line.units < 0)


def in_order(lines: Sequence[Line]) -> list[Line]:
    """Sort a customer's lines in time; at one instant purchases come before returns."""
    signed = [
        line._replace(units=-abs(line.units), cents=-abs(line.cents))
        if is_return(line) and line.units is not None
        else line
        for line in lines
    ]
    return sorted(
        signed,
        key=lambda x: (
            x.at, is_return(x), x.no, x.product or "", x.units or 0, x.cents, x.back_to or "",
        ),
    )  # fmt: skip


def links_by_stack(lines: Sequence[Line], before: int, *, by_id: bool) -> list[Link]:
    """Link each return before an instant: by id first, then by a stack a customer and product."""
    found: list[Link] = []
    for who in {line.who for line in lines}:
        mine = in_order([line for line in lines if line.who == who and line.at < before])
        made: dict[str, int] = {}
        for line in mine:
            if not is_return(line):
                made[line.no] = min(line.at, made.get(line.no, line.at))
        taken: Counter[Any] = Counter()
        linked = {}
        for i, line in enumerate(mine):
            if by_id and is_return(line) and made.get(line.back_to or "", before) <= line.at:
                linked[i] = line.back_to
                if line.product is not None and line.units is not None:
                    taken[line.back_to, line.product, abs(line.units)] += 1
        stacks: dict[Any, list[str]] = defaultdict(list)
        for i, line in enumerate(mine):
            key = line.product, None if line.units is None else abs(line.units)
            if not is_return(line):
                if taken[line.no, *key] > 0:
                    taken[line.no, *key] -= 1
                elif None not in key:
                    stacks[key].append(line.no)
                continue
            order, link = linked.get(i), "id"
            if order is None:
                can_match = None not in key and stacks[key]
                order, link = (stacks[key].pop(), "match") if can_match else (None, "none")
            found.append(
                (line.who, line.no, line.at, line.product, line.units, line.cents, order, link)
            )
    return found


def links_by_frame(history: History, before: int) -> list[Link]:
    """Return the links that the library finds, in the form of the stack's."""
    rows = frames.to_rows(frames.read(history.linked_returns(at(before))).frame)
    return [
        (
            row["customer_id"],
            row["order_id"],
            (row["returned_at"] - EPOCH) // dt.timedelta(microseconds=1),
            row["product_id"],
            None if row["quantity"] is None else int(row["quantity"]),
            int(row["amount"]),
            row["linked_order_id"],
            row["link"],
        )
        for row in rows
    ]


def sorted_links(links: Sequence[Link]) -> list[Link]:
    """Sort links, missing values first."""
    return sorted(links, key=lambda link: tuple((v is not None, v or 0) for v in link))


@st.composite
def any_lines(draw: st.DrawFn) -> list[Line]:
    """Draw lines of few customers, products and instants, so that everything collides."""
    line = st.builds(
        Line,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["1", "2", "3", "退-1"]),
        st.integers(0, 6),
        st.sampled_from(["p", "q", "p", None]),
        st.sampled_from([1, 2, 1, None]),
        st.sampled_from([5, -5, 7, -7, 0]),
        st.sampled_from([None, None, "1", "2", "no such order"]),
    )
    return draw(st.lists(line, max_size=18))


@settings(max_examples=20, deadline=None)
@given(lines=any_lines(), before=st.integers(0, 7))
def test_returns_close_brackets_as_a_stack_does(lines: list[Line], before: int) -> None:
    """A return takes back the latest purchase still open of its product and number of units."""
    history = History(Orders(table_of(lines), **NAMED))

    found = links_by_frame(history, before)

    assert sorted_links(found) == sorted_links(links_by_stack(lines, before, by_id=False))


@settings(max_examples=20, deadline=None)
@given(lines=any_lines(), before=st.integers(0, 7))
def test_returns_by_id_go_first(lines: list[Line], before: int) -> None:
    """A return that names an order takes that one; the rest close brackets over what is left."""
    history = History(Orders(table_of(lines), **BY_ID))

    found = links_by_frame(history, before)

    assert sorted_links(found) == sorted_links(links_by_stack(lines, before, by_id=True))


@pytest.mark.slow
@settings(max_examples=1500, deadline=None)
@given(lines=any_lines(), before=st.integers(0, 7), by_id=st.booleans())
def test_returns_are_linked_as_by_the_stack_long(
    lines: list[Line], before: int, by_id: bool
) -> None:
    """Over many more histories the links are those of the stack."""
    history = History(Orders(table_of(lines), **(BY_ID if by_id else NAMED)))

    found = links_by_frame(history, before)

    assert sorted_links(found) == sorted_links(links_by_stack(lines, before, by_id=by_id))


def drawn_lines(size: int, seed: int) -> list[Line]:
    """Draw many lines with ties in time, orphans, and returns by id."""
    rng = random.Random(seed)
    return [
        Line(
            f"c{rng.randrange(6)}",
            str(rng.randrange(25)),
            rng.randrange(60),
            rng.choice(["p", "q", "茶", None]),
            rng.choice([1, 2, 3, None]),
            rng.choice([500, 250, 0, -500, -250]),
            rng.choice([None, None, str(rng.randrange(30))]),
        )
        for _ in range(size)
    ]


def test_every_engine_links_alike(engine: str, host: Any) -> None:
    """Each engine links 250 lines as the stack does, by id and by brackets."""
    lines = drawn_lines(250, seed=3)
    history = History(Orders(host(table_of(lines), engine), **BY_ID))
    links = links_by_stack(lines, 45, by_id=True)

    assert {link[-1] for link in links} == {"id", "match", "none"}
    assert sorted_links(links_by_frame(history, 45)) == sorted_links(links)


def test_returns_are_linked_to_orders_that_are_numbered(kernel: str, host: Any) -> None:
    """Order ids and products may be whole numbers: the links are numbers as well."""
    table = pa.table({
        "who": [1, 1, 1], "no": [10, 11, 12], "at": [0, 1, 2], "product": [7, 7, 7],
        "units": [1, -1, -1], "cents": [5, -5, -5], "back_to": pa.array([None, None, 10]),
    })  # fmt: skip
    history = History(Orders(host(table, kernel), **BY_ID))
    rows = frames.to_rows(frames.read(history.linked_returns(at(9))).frame)

    found = {row["order_id"]: (row["linked_order_id"], row["link"]) for row in rows}
    assert {no: (None if pd_missing(o) else int(o), how) for no, (o, how) in found.items()} == {
        11: (None, "none"),
        12: (10, "id"),
    }


def pd_missing(value: object) -> bool:
    """Whether a value is missing in any engine's way."""
    return value is None or value != value  # noqa: PLR0124


@settings(max_examples=10, deadline=None)
@given(lines=any_lines(), before=st.integers(0, 7))
def test_links_do_not_see_the_future(lines: list[Line], before: int) -> None:
    """Links as of an instant are the same whether or not later rows are in the table."""
    full = History(Orders(table_of(lines), **BY_ID))
    cut = History(Orders(table_of([line for line in lines if line.at < before]), **BY_ID))

    assert sorted_links(links_by_frame(full, before)) == sorted_links(links_by_frame(cut, 1000))


SALE = Line("a", "1", 0, "p", 1, 5)
BACK = Line("a", "9", 5, "p", -1, -5)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([SALE, BACK], "1"),
        ([SALE, SALE._replace(no="2", at=1), BACK], "2"),
        ([SALE, SALE._replace(no="2", at=5), BACK], "2"),
        ([SALE, SALE._replace(no="2", at=6), BACK], "1"),
        ([SALE._replace(at=6), BACK], None),
        ([SALE._replace(product="q"), BACK], None),
        ([SALE._replace(units=2), BACK], None),
        ([SALE._replace(who="b"), BACK], None),
        ([SALE._replace(product=None), BACK._replace(product=None)], None),
        ([SALE._replace(units=None), BACK._replace(units=None)], None),
        ([SALE._replace(cents=99), BACK], "1"),
        ([SALE, BACK._replace(back_to="1", product="other")], "1"),
        ([SALE, BACK._replace(back_to="none such")], "1"),
        ([SALE, BACK._replace(back_to="9")], "1"),
        ([SALE, SALE._replace(no="2", at=6), BACK._replace(back_to="2")], "1"),
        ([SALE, SALE._replace(no="2", at=1), BACK._replace(back_to="1")], "1"),
        ([SALE._replace(who="b"), BACK._replace(back_to="1")], None),
    ],
)
def test_single_links(lines: list[Line], expected: str | None) -> None:
    """One return takes back the order that it should, or none: product, units, time, id count."""
    history = History(Orders(table_of(lines), **BY_ID))
    (link,) = links_by_frame(history, 1000)

    assert link[-2] == expected
    assert (link[-1] == "none") is (expected is None)


def test_an_orphan_takes_nothing_from_those_who_follow() -> None:
    """A return of something bought before the history began leaves later pairs alone."""
    lines = [
        BACK._replace(no="orphan", at=0), SALE._replace(at=1), BACK._replace(no="pair", at=2),
        BACK._replace(no="too many", at=3), SALE._replace(no="2", at=4), BACK._replace(at=5),
    ]  # fmt: skip
    found = {
        link[1]: link[-2] for link in links_by_frame(History(Orders(table_of(lines), **NAMED)), 9)
    }

    assert found == {"orphan": None, "pair": "1", "too many": None, "9": "2"}


def test_a_history_without_products_links_by_id_alone(kernel: str, host: Any) -> None:
    """Where no product or quantity is mapped, only ids link, and nothing fails."""
    named = {k: v for k, v in BY_ID.items() if k not in ("product_id", "quantity")}
    lines = [SALE, BACK._replace(back_to="1"), BACK._replace(no="8")]
    history = History(Orders(host(table_of(lines), kernel), **named))
    rows = frames.to_rows(frames.read(history.linked_returns(at(9))).frame)

    assert {row["order_id"]: row["link"] for row in rows} == {"9": "id", "8": "none"}
    assert all(row["product_id"] is None for row in rows)


def test_a_history_without_returns_or_rows_has_no_links(engine: str, host: Any) -> None:
    """Without returns, and without rows, there are no links, in the columns that are promised."""
    for lines in ([SALE], []):
        history = History(Orders(host(table_of(lines), engine), **BY_ID))
        frame = frames.read(history.linked_returns(at(9))).frame

        assert frames.to_rows(frame) == []
        assert sorted(frame.collect_schema().names()) == sorted(
            ["customer_id", "order_id", "returned_at", "product_id", "quantity", "amount",
             "linked_order_id", "link"]
        )  # fmt: skip


def test_links_need_order_ids() -> None:
    """Without order ids a return cannot be linked, and the error names the remedy."""
    named = {k: v for k, v in NAMED.items() if k != "order_id"}
    history = History(Orders(table_of([SALE, BACK]), **named))

    for ask in (history.linked_returns, history.order_table):
        with pytest.raises(InvalidArgumentError, match="map order_id"):
            ask("2024-01-01")


# --- one row an order -----------------------------------------------------------------------------


def orders_by_loop(lines: Sequence[Line], before: int, policy: str) -> dict[Any, tuple[Any, ...]]:
    """Return (customer, order) to (instant, amount, returned, net, fully returned), by a loop."""
    back: Counter[Any] = Counter()
    if policy != "ignore":
        for who, _, _, _, _, cents, order, _ in links_by_stack(lines, before, by_id=True):
            back[who, order] += cents
    found: dict[Any, tuple[Any, ...]] = {}
    for line in lines:
        if is_return(line) or line.at >= before:
            continue
        first, amount, *_ = found.get((line.who, line.no), (line.at, 0))
        returned = back[line.who, line.no]
        amount += line.cents
        is_full = returned < 0 and amount + returned <= 0
        found[line.who, line.no] = (
            min(first, line.at), amount, returned, amount + returned, is_full,
        )  # fmt: skip
    return found


def orders_by_frame(history: History, before: int) -> dict[Any, tuple[Any, ...]]:
    """Return the order table in the form of the loop's."""
    rows = frames.to_rows(frames.read(history.order_table(at(before))).frame)
    assert len({(row["customer_id"], row["order_id"]) for row in rows}) == len(rows)
    return {
        (row["customer_id"], row["order_id"]): (
            (row["ordered_at"] - EPOCH) // dt.timedelta(microseconds=1),
            row["amount"],
            row["returned_amount"],
            row["net_amount"],
            row["is_fully_returned"],
        )
        for row in rows
    }


@pytest.mark.parametrize("policy", ["net", "separate", "ignore"])
@settings(max_examples=8, deadline=None)
@given(lines=any_lines(), before=st.integers(0, 7))
def test_the_order_table_equals_a_loop(policy: Any, lines: list[Line], before: int) -> None:
    """Each order has its amount, what was returned of it, and what is left, as of the instant."""
    history = History(Orders(table_of(lines), **BY_ID), returns=policy)

    assert orders_by_frame(history, before) == orders_by_loop(lines, before, policy)


def test_the_order_table_is_the_same_on_every_engine(kernel: str, host: Any) -> None:
    """Each kernel has the order table of the loop."""
    lines = drawn_lines(200, seed=9)
    history = History(Orders(host(table_of(lines), kernel), **BY_ID))

    assert orders_by_frame(history, 45) == orders_by_loop(lines, 45, "net")


@settings(max_examples=8, deadline=None)
@given(lines=any_lines(), before=st.integers(0, 7))
def test_the_order_table_does_not_see_the_future(lines: list[Line], before: int) -> None:
    """The order table as of an instant is the same whether or not later rows are in the table."""
    full = History(Orders(table_of(lines), **BY_ID))
    cut = History(Orders(table_of([line for line in lines if line.at < before]), **BY_ID))

    assert orders_by_frame(full, before) == orders_by_frame(cut, 1000)


def test_trap_03_major_units_of_orders_do_not_depend_on_the_engine(engine: str, host: Any) -> None:
    """An order of 170,700 units at scale 3 is 170.7 to the last bit on every engine."""
    lines = [SALE._replace(cents=170_700), BACK._replace(cents=-700)]
    table = table_of(lines).set_column(5, "cents", pa.array([170.7, -0.7]))
    history = History(Orders(host(table, engine), **(BY_ID | {"scale": 3})))

    ((_, amount, returned, net, is_full),) = orders_by_frame(history, 9).values()
    assert (amount, returned, net, is_full) == (170.7, -0.7, 170.0, False)


def test_results_are_of_the_hosts_type(engine: str, host: Any) -> None:
    """Links and the order table come as the type of frame that came in."""
    native = host(table_of([SALE, BACK]), engine)
    history = History(Orders(native, **BY_ID))

    assert type(history.linked_returns(at(9))) is type(native)
    assert type(history.order_table(at(9))) is type(native)
