"""A small history full of traps, on any engine, and what rules may ask of it.

In it are ties of instants and of counts, nulls, NaN and infinity, -0.0, whole numbers beyond 2**53,
money that binary floats miss, empty and Chinese text, 29 February, the hours that a clock skips and
repeats, the last microsecond of a day, instants on the very edges of windows, customers of whom
only an attribute is known, and ids that are long, alike, or not ASCII.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from zoneinfo import ZoneInfo

import attrs
import numpy as np
import pyarrow as pa

from userops.core import frames
from userops.customers.attributes import Attributes
from userops.customers.current_attributes import Customers
from userops.customers.history import History
from userops.events.table import Events, Orders
from userops.testing.engines import to_engine

__all__ = [
    "TRAP_AS_OF",
    "TRAP_VOCABULARY",
    "TRAP_ZONE",
    "Asked",
    "Vocabulary",
    "build_trap_history",
    "trap_tables",
]

TRAP_ZONE = "America/New_York"
# The day after the clock sprang forward: a day of 23 hours lies in every window.
TRAP_AS_OF = "2024-03-11T09:30:00"
_AS_OF = dt.datetime.fromisoformat(TRAP_AS_OF)
_HERE = ZoneInfo(TRAP_ZONE)
_TEXT_IDS = ("a", "A", "客户一", "客户二", "18446744073709551617", "18446744073709551616", "00",
             "0", " é", "b", "c", "d", "e", "f", "g", "h", "i", "j", "only-orders", "only-scans",
             "only-attributes", "only-later", "k", "l", "m", "n")  # fmt: skip
_DAY = dt.timedelta(days=1)
_TICK = dt.timedelta(microseconds=1)
# Clock readings around which events crowd: the edges of windows, and odd hours.
_EDGES = (
    _AS_OF, *(_AS_OF - n * _DAY for n in (1, 2, 7, 30, 90, 365)),
    *(dt.datetime.fromisoformat(text) for text in (
        "2024-03-10T09:30", "2024-03-10T08:30", "2024-03-04T08:30", "2024-02-10T08:30",
        "2024-03-11", "2024-03-10", "2024-03-04", "2024-03-01", "2024-02-01", "2024-01-01",
        "2023-10-01", "2023-01-01", "2024-02-29T12:00", "2024-03-10T02:30", "2024-03-10T03:30",
        "2023-11-05T01:30", "2023-11-05T02:30", "2023-12-31T23:59:59.999999",
        "2024-02-28T23:59:59.999999", "2024-03-12T10:00", "2024-04-01",
    )),
)  # fmt: skip
_SCALE = 3
_PRICES = (0.1, 0.2, 0.3, 9.99, 10.01, 19.999, 0.0, 100.0, 33.333, 1e6)
_TEXTS = (
    "母婴",
    "美妆",
    "toys",
    "Toys",
    "",
    " ",
    "a%b_c",
    "o'clock",
    'q"',
    "back\\slash",
    "é",
    "中文",
)


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def _pick(rng: np.random.Generator, values: Sequence[Any], nulls: float = 0.15) -> Any:
    return None if rng.random() < nulls else values[int(rng.integers(len(values)))]


def _clock(rng: np.random.Generator) -> dt.datetime:
    """Return a clock reading: often an edge or next to one, else a whole hour, so that some tie."""
    if rng.random() < 0.55:
        edge = _EDGES[int(rng.integers(len(_EDGES)))]
        return edge + int(rng.integers(-1, 2)) * _TICK
    start = dt.datetime(2022, 12, 25)  # noqa: DTZ001 - a clock reading, as hosts keep them
    return start + dt.timedelta(hours=int(rng.integers(0, 24 * 490, endpoint=True)) // 6 * 6)


_CATEGORIES = ("母婴", "美妆", "toys", "Toys", "")
_DATES = tuple(dt.date.fromisoformat(text) for text in (
    "2000-02-29", "1996-02-29", "1969-12-31", "2024-02-29", "2023-03-01", "1987-03-11",
    "1990-03-14", "2001-12-31", "1935-01-01",
))  # fmt: skip
_CLOCKS = tuple(dt.datetime.fromisoformat(text) for text in (
    "2024-02-29T00:00", "2024-01-15T08:00", "2023-11-05T01:30", "2024-03-10T02:30",
    "2024-03-04T08:30", "2023-12-31T23:59:59.999999", "2024-03-11T09:30", "2023-03-12T10:00",
    "2024-06-01", "2022-11-06T01:59:59.999999",
))  # fmt: skip
_BIG = (2**53 + 1, 2**53, -(2**53) - 1, 0, 7, -7)
_NUMBERS = (float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 0.1 + 0.2, 0.3, 2.5, -1.5, 1e-7)
_WEIGHTS = (float("nan"), -0.0, 0.1, 0.2, 0.30000000000000004, 2.5, -1.5, 1e-6, 12.345678)
_COUNTS = (0, 1, 2, 3, 5, -4)

# Of each column of values: how it is typed, and out of what it is drawn.
_COLUMNS: Mapping[str, tuple[pa.DataType, Sequence[Any]]] = {
    "text": (pa.string(), _TEXTS),
    "category": (pa.string(), _CATEGORIES),
    "whole": (pa.int64(), _COUNTS),
    "big": (pa.int64(), _BIG),
    "number": (pa.float64(), _NUMBERS),
    "weight": (pa.float64(), _WEIGHTS),
    "flag": (pa.bool_(), (True, False)),
    "day": (pa.date32(), _DATES),
    "instant": (pa.timestamp("us"), _CLOCKS),
}


def _values(kind: str, rows: int, rng: np.random.Generator) -> pa.Array:
    dtype, samples = _COLUMNS[kind]
    nulls = 0.0 if kind == "big" else 0.15  # so that numpy-backed pandas keeps it whole
    return pa.array([_pick(rng, samples, nulls) for _ in range(rows)], dtype, from_pandas=False)


def _who(rng: np.random.Generator, rows: int, only: str) -> list[str]:
    people = [who for who in _TEXT_IDS if not who.startswith("only-")] + [only]
    return [people[int(rng.integers(len(people)))] for _ in range(rows)]


def _times(rng: np.random.Generator, who: Sequence[str]) -> list[dt.datetime]:
    return [
        _AS_OF + _DAY * int(rng.integers(0, 9)) if name == "only-later" else _clock(rng)
        for name in who
    ]


def _orders() -> pa.Table:
    rng = _rng(1)
    rows: list[dict[str, Any]] = []
    who = _who(rng, 110, "only-orders")
    for number, (name, at) in enumerate(zip(who, _times(rng, who), strict=True)):
        for _ in range(int(rng.integers(1, 4))):
            sign = -1 if number % 6 == 0 else 1
            rows.append({
                "who": name, "at": at, "no": f"o{number % 90}" if number % 6 else f"r{number}",
                "paid": sign * float(_pick(rng, _PRICES, 0.0)),
                "units": sign * int(rng.integers(1, 4)),
            })  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=pa.schema([
        ("who", pa.string()), ("at", pa.timestamp("us")), ("no", pa.string()),
        ("paid", pa.float64()), ("units", pa.int64()),
    ]))  # fmt: skip
    for name, kind in (("category", "category"), ("product", "text"), ("weight", "weight"),
                       ("gift", "flag"), ("promised", "day"), ("shipped", "instant"),
                       ("serial", "big")):  # fmt: skip
        table = table.append_column(name, _values(kind, len(table), rng))
    return table


def _events(
    seed: int, rows: int, only: str, columns: Mapping[str, str], *, aware: bool
) -> pa.Table:
    rng = _rng(seed)
    who = _who(rng, rows, only)
    clocks = _times(rng, who)
    if aware:
        instants = [clock.replace(tzinfo=_HERE).astimezone(dt.UTC) for clock in clocks]
        at = pa.array(instants, pa.timestamp("us", "UTC"))
    else:
        at = pa.array(clocks, pa.timestamp("us"))
    table = pa.table({"who": pa.array(who), "at": at})
    for name, kind in columns.items():
        table = table.append_column(name, _values(kind, rows, rng))
    return table


_VIEW = {"page": "text", "n": "whole", "score": "number", "weight": "weight", "first_visit": "flag",
         "expires": "day", "started": "instant", "big": "big"}  # fmt: skip
_CART = {"sku": "category", "qty": "whole"}
# An event may well have an amount that is no money.
_SCAN = {"amount": "weight", "渠道": "category", "shown": "instant"}
_CUSTOMERS = {"gender": "category", "age": "whole", "points": "big", "income": "number",
              "is_member": "flag", "birthday": "day", "joined": "instant"}  # fmt: skip


def _customers() -> pa.Table:
    rng = _rng(5)
    people = [who for who in _TEXT_IDS if who not in ("only-orders", "only-scans", "n")]
    table = pa.table({"who": pa.array(people)})
    for name, kind in _CUSTOMERS.items():
        table = table.append_column(name, _values(kind, len(people), rng))
    return table


def _dated(seed: int, names: Sequence[str], kind: str, people: Sequence[str]) -> pa.Table:
    rng = _rng(seed)
    rows = 70
    return pa.table({
        "who": pa.array([people[int(rng.integers(len(people)))] for _ in range(rows)]),
        "name": pa.array([names[int(rng.integers(len(names)))] for _ in range(rows)]),
        "value": _values(kind, rows, rng),
        "valid_from": pa.array([_clock(rng) for _ in range(rows)], pa.timestamp("us")),
    })  # fmt: skip


def trap_tables(ids: Literal["text", "int"] = "text") -> dict[str, pa.Table]:
    """Return the tables as a host would hold them: clock readings of New York, columns named `who`.

    Args:
        ids: Whether customers have text for ids, or whole numbers.

    Returns:
        `order`, `view`, `cart`, `scan`, `customers`, and dated attributes in `texts` and `numbers`.
    """
    tables = {
        "order": _orders(),
        "view": _events(2, 150, "only-later", _VIEW, aware=True),
        "cart": _events(3, 90, "only-later", _CART, aware=False),
        "scan": _events(4, 90, "only-scans", _SCAN, aware=False),
        "customers": _customers(),
        "texts": _dated(6, ("city", "level"), "category", _TEXT_IDS),
        "numbers": _dated(7, ("rating", "share"), "number", _TEXT_IDS),
    }
    if ids == "int":
        numbers = {
            who: (-1) ** n * ((n + 1) // 2) + (n == 5) * 2**60 for n, who in enumerate(_TEXT_IDS)
        }
        for name, table in tables.items():
            whole = pa.array([numbers[who] for who in table["who"].to_pylist()], pa.int64())
            tables[name] = table.set_column(0, "who", whole)
    return tables


def build_trap_history(
    engine: str = "pyarrow",
    *,
    ids: Literal["text", "int"] = "text",
    tables: Mapping[str, pa.Table] | None = None,
    put: Callable[[pa.Table, str], Any] | None = None,
) -> History:
    """Build the history on an engine.

    Args:
        engine: Name of an engine; see `ENGINE_NAMES`.
        ids: As in `trap_tables`.
        tables: Other rows in the same columns; those of `trap_tables` by default.
        put: Puts an Arrow table into an engine; by default as a careful host would, who keeps whole
            numbers whole in pandas.
    """
    given = trap_tables(ids) if tables is None else tables
    held = {name: (put or _held)(table, engine) for name, table in given.items()}
    orders = Orders(
        held["order"], customer_id="who", ordered_at="at", order_id="no", amount="paid",
        quantity="units", product_id="product", category="category", scale=_SCALE,
        properties=("weight", "gift", "promised", "shipped", "serial"), time_zone=TRAP_ZONE,
    )  # fmt: skip
    events = {
        name: Events(
            held[name],
            customer_id="who",
            occurred_at="at",
            properties=tuple(columns),
            time_zone=TRAP_ZONE,
        )
        for name, columns in (("view", _VIEW), ("cart", _CART), ("scan", _SCAN))
    }
    return History(
        {"order": orders, **events},
        customers=Customers(held["customers"], customer_id="who"),
        attributes={
            name: Attributes(held[name], customer_id="who") for name in ("texts", "numbers")
        },
    )


def _held(table: pa.Table, engine: str) -> Any:
    # Arrow's own way to pandas turns integers that have nulls into floats.
    return (
        frames.from_arrow(table, "pandas") if engine == "pandas-numpy" else to_engine(table, engine)
    )


@attrs.frozen
class Asked:
    """A property or an attribute, for rules about it.

    Attributes:
        kind: `text`, `whole`, `number`, `flag`, `day`, `instant` or `money`.
        samples: Constants that are worth comparing it with.
        can_be_added: Whether its sum is a number that is exact.
    """

    kind: str
    samples: tuple[Any, ...]
    can_be_added: bool = False


@attrs.frozen
class Vocabulary:
    """What random rules may ask of a history.

    Attributes:
        attributes: Attribute to what it holds.
        events: Event to its properties, and what each holds.
    """

    attributes: Mapping[str, Asked]
    events: Mapping[str, Mapping[str, Asked]]


_MORE: Mapping[str, tuple[Any, ...]] = {
    "text": ("t", "oy", "婴", "nobody"),
    "whole": (1.5, -0.5, 2**70, -(2.0**80), float("inf")),
    "big": (2.0**53, 2**53 - 0.5, 2**63, -(2**63)),
    "number": (1, 0, -2, 2**53 + 1, 10**400),
    "day": (dt.date(2000, 1, 1),),
    "instant": (
        dt.date(2024, 2, 29), dt.datetime(2024, 3, 1, tzinfo=dt.UTC),
        dt.datetime(2023, 11, 5, 6, 30, tzinfo=dt.UTC),
    ),
    "money": (10, 10.0005, 0.3, 29.99, 1e9, float("-inf"), -5),
}  # fmt: skip


def _asked(kind: str) -> Asked:
    samples = tuple(v for v in _COLUMNS[kind][1] if v == v)  # noqa: PLR0124 - NaN is no constant
    base = {"category": "text", "big": "whole", "weight": "number"}.get(kind, kind)
    more = _MORE.get(kind) or _MORE.get(base, ())
    return Asked(base, (*samples, *more), can_be_added=kind in ("whole", "big", "weight"))


def _all_asked(columns: Mapping[str, str]) -> dict[str, Asked]:
    return {name: _asked(kind) for name, kind in columns.items()}


TRAP_VOCABULARY = Vocabulary(
    attributes={
        **_all_asked(_CUSTOMERS), "city": _asked("category"), "level": _asked("category"),
        "rating": _asked("number"), "share": _asked("number"),
    },
    events={
        "order": {
            "amount": Asked("money", (*_PRICES, *_MORE["money"]), can_be_added=True),
            "quantity": Asked("whole", (1, 2, 3, 2.5), can_be_added=True),
            "order_id": Asked("text", ("o1", "o17", "r6")),
            **_all_asked({
                "category": "category", "product_id": "text", "weight": "weight", "gift": "flag",
                "promised": "day", "shipped": "instant", "serial": "big",
            }),
        },
        "return": {
            "amount": Asked("money", (-10, -0.1, 0, -29.97), can_be_added=True),
            "category": _asked("category"),
        },
        "view": _all_asked(_VIEW),
        "cart": _all_asked(_CART),
        "scan": _all_asked(_SCAN),
    },
)  # fmt: skip
