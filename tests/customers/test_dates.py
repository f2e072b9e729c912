"""Birthdays and other days of customers, however the host holds them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from userops import Events, History
from userops.core import frames
from userops.customers import Customers
from userops.errors import (
    ColumnTypeError,
    DataWarning,
    InvalidArgumentError,
    InvalidDefinitionError,
)
from userops.rules import Attr, RuleSet, days
from userops.segmentation import Tag, TagSet
from userops.testing import to_engine

SHANGHAI = "Asia/Shanghai"
BORN = [dt.date(1966, 8, 10), dt.date(1988, 2, 29), None, dt.date(1990, 5, 6)]
NOON = [None if day is None else dt.datetime.combine(day, dt.time(0)) for day in BORN]
UTC = [None if at is None else at - dt.timedelta(hours=8) for at in NOON]
WRITINGS: dict[str, pa.Array] = {
    "text": pa.array(["1966-08-10", " 1988-2-29 ", None, "1990-05-06 00:00:00"]),
    "date": pa.array(BORN, pa.date32()),
    "naive": pa.array(NOON, pa.timestamp("us")),
}


def shop(engine: str, born: pa.Array, **named: Any) -> History:
    """Return four customers and their birthdays, in a shop of Shanghai."""
    people = pa.table({"customer_id": ["a", "b", "c", "d"], "born": born})
    scans = pa.table({"customer_id": ["a"], "occurred_at": pa.array([NOON[3]])})
    return History(
        {"scan": Events(to_engine(scans, engine), time_zone=SHANGHAI, customer_id="customer_id",
                        occurred_at="occurred_at")},
        customers=Customers(to_engine(people, engine), **named),
    )  # fmt: skip


@pytest.mark.parametrize("writing", WRITINGS)
def test_a_birthday_stays_the_day_that_it_names(engine: str, writing: str) -> None:
    """Text, dates and naive times are one day, in rules, answers, and for one customer."""
    history = shop(engine, WRITINGS[writing], dates=["born"])
    assert history.attribute_kinds == {"born": "day"}
    soon = Attr("born").anniversary_within(days(1))
    answer = RuleSet({"born": Attr("born"), "soon": soon}).answer(history, "2024-08-10")
    rows = {r["customer_id"]: r for r in frames.to_rows(frames.read(answer).frame)}
    said = [rows[who]["born"] for who in "abcd"]
    assert [at.date() if isinstance(at, dt.datetime) else at for at in said] == BORN
    assert [rows[who]["soon"] for who in "abcd"] == [True, False, False, False]
    assert soon.answer_one(history.customer("a"), "2024-08-10") is True
    assert soon.answer_one(history.customer("a"), "2024-08-09") is False


def test_aware_times_are_the_local_day() -> None:
    """An instant on the evening before in UTC is the birthday in the zone of the shop."""
    history = shop("pyarrow", pa.array(UTC, pa.timestamp("us", "UTC")), dates=["born"])
    answer = RuleSet({"born": Attr("born")}).answer(history, "2024-08-10")
    assert sorted(answer["born"].to_pylist(), key=str) == sorted(BORN, key=str)


def test_what_pandas_makes_of_a_birthday_can_be_a_day() -> None:
    """Pandas has no dates, so `pd.to_datetime` makes midnights, which UTC shows a day early."""
    people = pd.DataFrame({"customer_id": ["a"], "生日": pd.to_datetime(["1966-08-10"])})
    scans = pd.DataFrame({"customer_id": ["a"], "occurred_at": ["2024-01-01"]})
    shop_of = {"scan": Events(scans, customer_id="customer_id", occurred_at="occurred_at",
                              time_zone=SHANGHAI)}  # fmt: skip
    history = History(shop_of, customers=Customers(people, dates=["生日"]))
    answer = RuleSet({"x": Attr("生日")}).answer(history, "2024-04-01")
    assert str(answer["x"][0])[:10] == "1966-08-10"


def test_text_that_is_no_date_is_missing_with_a_warning() -> None:
    """Nothing stops, and nothing is swallowed."""
    born = pa.array(["1966-08-10", "8月10日", "", "1966-02-30"])
    history = shop("pyarrow", born, dates=["born"])
    with pytest.warns(DataWarning, match="'born': 2 texts are no dates"):
        answer = RuleSet({"born": Attr("born").is_known()}).answer(history, "2024-08-10")
    assert sum(answer["born"].to_pylist()) == 1


def test_text_asked_for_an_anniversary_says_what_to_do() -> None:
    """An ISO text that was not declared is refused with the remedy, alone as in a frame."""
    history = shop("pyarrow", WRITINGS["text"])
    soon = Attr("born").anniversary_within(days(7))
    hint = r"Customers\(frame, dates=\[…\]\)"
    with pytest.raises(ColumnTypeError, match=hint):
        soon.answer(history, "2024-08-10")
    with pytest.raises(ColumnTypeError, match=hint):
        soon.answer_one(history.customer("a"), "2024-08-10")
    with pytest.raises(ColumnTypeError, match=hint):
        TagSet([Tag("soon", soon)]).preview(history, "2024-08-10")


def test_wrong_dates_are_refused_when_they_are_named() -> None:
    """A column that is no attribute, of numbers, or one name instead of several."""
    people = pa.table({"customer_id": ["a"], "born": [19660810], "city": ["杭州"]})
    with pytest.raises(ColumnTypeError, match="'born' holds no dates"):
        Customers(people, dates=["born"])
    with pytest.raises(InvalidArgumentError, match="did you mean 'born'"):
        Customers(people, dates=["borne"])
    with pytest.raises(InvalidDefinitionError, match="dates: must be several names"):
        Customers(people, dates="born")
    assert Customers(people, attributes=["city"]).names == ("city",)
