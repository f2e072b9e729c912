"""The ready tags of a shop: who has which, in both languages, against plain Python."""

from __future__ import annotations

import json
import math
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from userops import History, Orders
from userops.datasets import load_online_retail
from userops.errors import InvalidArgumentError, InvalidDefinitionError, NotFittedError
from userops.events import ByOrderId
from userops.segmentation import FittedTagSet, shop_tags

AS_OF = "2024-07-01"
ROWS = [
    # new: the first order is 29 days old
    ("fresh", "1", "2024-06-01 09:00", 10.0, "tea"),
    # 30 days old, so not new any more
    ("active", "2", "2024-05-31 09:00", 10.0, "tea"),
    # 90 days old
    ("lapsing", "3", "2024-04-01 09:00", 10.0, "cups"),
    # 180 days old
    ("lapsed", "4", "2024-01-02 23:59", 10.0, "cups"),
    # a second order 30 days and 0 seconds later is too late; 1 microsecond earlier is soon
    ("late", "5", "2024-01-01 09:00:00", 10.0, "tea"),
    ("late", "6", "2024-01-31 09:00:00", 10.0, "cups"),
    ("soon", "7", "2024-01-01 09:00:00", 10.0, "tea"),
    ("soon", "8", "2024-01-31 08:59:59.999999", 10.0, "tea"),
    # one order of two lines is one order
    ("lines", "9", "2024-06-20 09:00", 10.0, "tea"),
    ("lines", "9", "2024-06-20 09:00", 10.0, "cups"),
    # two orders, one return each
    ("back", "10", "2024-06-01 09:00", 90.0, "tea"),
    ("back", "11", "2024-06-02 09:00", 90.0, "tea"),
    ("back", "C10", "2024-06-03 09:00", -90.0, "tea"),
    ("back", "C11", "2024-06-04 09:00", -20.0, "tea"),
    # many orders, two returns: too few of them
    *(("rich", str(20 + i), f"2024-06-{5 + i:02d} 09:00", 100.0, "cups") for i in range(5)),
    ("rich", "C20", "2024-06-20 09:00", -1.0, "cups"),
    ("rich", "C21", "2024-06-20 10:00", -1.0, "cups"),
]  # fmt: skip
EXPECTED = {
    "fresh": {"activity": "new"},
    "active": {"activity": "active"},
    "lapsing": {"activity": "lapsing"},
    "lapsed": {"activity": "lapsed"},
    "late": {"activity": "lapsing", "repeat buyer": "true"},
    "soon": {"activity": "lapsing", "repeat buyer": "true", "came back soon": "true"},
    "lines": {"activity": "new"},
    "back": {
        "activity": "new", "repeat buyer": "true", "came back soon": "true",
        "returns often": "true",
    },
    "rich": {
        "activity": "new", "repeat buyer": "true", "came back soon": "true",
        "big spender": "true", "big baskets": "true",
    },
}  # fmt: skip


def history() -> History:
    """Return the orders above as a history."""
    names = ["customer_id", "order_id", "ordered_at", "amount", "category"]
    table = pa.table(dict(zip(names, map(list, zip(*ROWS, strict=True)), strict=True)))
    orders = Orders(
        table, customer_id="customer_id", order_id="order_id", ordered_at="ordered_at",
        amount="amount", category="category", returns_by=ByOrderId("^C"),
    )  # fmt: skip
    return History(orders)


def by_customer(assignments: Any) -> dict[Any, dict[str, str]]:
    """Return customer to his tags."""
    found: dict[Any, dict[str, str]] = {}
    for row in assignments.to_pylist():
        assert row["tag"] not in found.setdefault(row["customer_id"], {})
        found[row["customer_id"]][row["tag"]] = row["value"]
    return found


def test_each_customer_has_the_tags_that_the_table_says() -> None:
    """On both sides of each threshold the tags are those of the docstring."""
    fitted = shop_tags(big_share=0.2).fit(history(), AS_OF)
    found = by_customer(fitted.assign(history(), AS_OF))

    assert found == EXPECTED


def test_one_customer_has_what_the_frame_says() -> None:
    """In memory, from a stored document, each customer has the same tags."""
    shop = history()
    tags = shop_tags(preferences=["category"], big_share=0.3)
    fitted = FittedTagSet.from_dict(json.loads(json.dumps(tags.fit(shop, AS_OF).to_dict())))
    frame = by_customer(fitted.assign(shop, AS_OF))

    assert set(frame) == set(EXPECTED)
    for customer_id, expected in frame.items():
        assert fitted.assign_one(shop.customer(customer_id), AS_OF) == expected


def test_chinese_says_the_same() -> None:
    """In Chinese the same customers have the same tags under Chinese names."""
    english = shop_tags(preferences=["category"])
    chinese = shop_tags(preferences=["category"], locale="zh")
    shop = history()
    names = dict(zip((t.name for t in english.tags), (t.name for t in chinese.tags), strict=True))
    values = {
        "new": "新客",
        "active": "活跃",
        "lapsing": "即将流失",
        "lapsed": "已流失",
        "true": "是",
    }

    one = by_customer(english.fit(shop, AS_OF).assign(shop, AS_OF))
    other = by_customer(chinese.fit(shop, AS_OF).assign(shop, AS_OF))

    assert other == {
        customer: {names[tag]: values.get(value, value) for tag, value in tags.items()}
        for customer, tags in one.items()
    }
    assert not any(name.isascii() for name in names.values())


def test_preferences_have_names() -> None:
    """Roles have names of their own, other properties give the tag theirs, a mapping says it."""
    said = shop_tags(preferences=["product_id", "city"]).tags[-2:]
    given = shop_tags(preferences={"category": "likes"}).tags[-1:]

    assert [tag.name for tag in (*said, *given)] == ["favourite product", "city", "likes"]
    assert shop_tags(preferences=["product_id"], locale="zh").tags[-1].name == "偏好商品"


def test_it_has_to_be_fitted() -> None:
    """What is relative to the population is named, and refused without one."""
    tags = shop_tags()

    assert tags.needs_population == ("big spender", "big baskets")
    with pytest.raises(NotFittedError, match="big spender"):
        tags.assign(history(), AS_OF)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"new_days": 0}, "lapsed_days"),
        ({"new_days": 91}, "lapsed_days"),
        ({"active_days": 180}, "lapsed_days"),
        ({"soon_days": 0}, "amount"),
        ({"big_share": 0}, "big_share"),
        ({"big_share": 1.0}, "big_share"),
    ],
)
def test_thresholds_that_cannot_be_are_refused(arguments: dict[str, Any], said: str) -> None:
    """Days that do not ascend, and shares of nobody or everybody, are refused by name."""
    with pytest.raises(InvalidDefinitionError, match=said):
        shop_tags(**arguments)


def test_other_arguments_are_refused() -> None:
    """A text in place of several properties, and another language, are refused."""
    with pytest.raises(InvalidArgumentError, match=r"\['category'\]"):
        shop_tags(preferences="category")
    with pytest.raises(InvalidArgumentError, match="locale"):
        shop_tags(locale="fr")  # type: ignore[arg-type]


def test_the_real_shop_is_tagged_as_pandas_says() -> None:
    """On Online Retail each tag of each customer is what a few lines of pandas find."""
    lines = load_online_retail().dropna(subset=["CustomerID"])
    orders = Orders(
        lines, customer_id="CustomerID", order_id="InvoiceNo", ordered_at="InvoiceDate",
        quantity="Quantity", unit_price="UnitPrice", returns_by=ByOrderId("^C"),
        time_zone="Europe/London", scale=3, properties=("Country",),
    )  # fmt: skip
    shop = History(orders)
    found = shop_tags(preferences=["Country"]).fit(shop, "2011-12-10").assign(shop, "2011-12-10")
    keys = found["tag"] + "=" + found["value"]
    sets = {name: set(rows["customer_id"]) for name, rows in found.groupby(keys)}

    lines["spend"] = (lines["Quantity"] * lines["UnitPrice"]).round(3)
    lines["is_return"] = lines["InvoiceNo"].str.startswith("C")
    bought = lines[~lines["is_return"]]
    made = bought.groupby(["CustomerID", "InvoiceNo"])["InvoiceDate"].min().reset_index()
    grouped = made.groupby("CustomerID")["InvoiceDate"]
    facts = pd.DataFrame({"first": grouped.min(), "last": grouped.max(), "orders": grouped.size()})
    facts["spend"] = lines.groupby("CustomerID")["spend"].sum()
    back = lines[lines["is_return"]].groupby("CustomerID")["InvoiceNo"].nunique()
    facts["returns"] = back.reindex(facts.index).fillna(0)
    early = made.merge(facts["first"], left_on="CustomerID", right_index=True)
    for name in ("InvoiceDate", "first"):  # summer time ends within the year
        early[name] = early[name].dt.tz_localize("Europe/London")
    early = early[early["InvoiceDate"] < early["first"] + pd.Timedelta(days=30)]
    facts["early"] = early.groupby("CustomerID").size()
    day = pd.Timestamp("2011-12-09")
    age, idle = ((day - facts[n].dt.normalize()).dt.days for n in ("first", "last"))
    spends = lines.groupby("CustomerID")["spend"].sum().round(3)
    cut = sorted(spends)[math.ceil(0.9 * len(spends)) - 1]

    def ids(flags: Any) -> set[int]:
        return set(facts.index[flags])

    assert sets["activity=new"] == ids(age < 30)
    assert sets["activity=active"] == ids((age >= 30) & (idle < 90))
    assert sets["activity=lapsing"] == ids((age >= 30) & (idle >= 90) & (idle < 180))
    assert sets["activity=lapsed"] == ids((age >= 30) & (idle >= 180))
    assert sets["repeat buyer=true"] == ids(facts["orders"] >= 2)
    assert sets["came back soon=true"] == ids(facts["early"] >= 2)
    assert sets["returns often=true"] == ids(
        (facts["returns"] >= 2) & (facts["returns"] >= facts["orders"] / 2)
    )
    assert sets["big spender=true"] == set(spends.index[spends > cut])
    countries = bought.groupby(["Country", "CustomerID"]).size().reset_index(name="rows")
    countries = countries.sort_values(["rows", "Country"], ascending=[False, True])
    countries = countries.drop_duplicates("CustomerID")
    for country, rows in countries.groupby("Country"):
        assert sets[f"Country={country}"] == set(rows["CustomerID"])
