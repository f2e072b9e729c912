"""One of each kind of node, for the tests that hold of all of them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from userops.rules import (
    Aggregate,
    All,
    Anniversary,
    AnyOf,
    Attr,
    Between,
    Calendar,
    CompareTerms,
    Did,
    FittedPercentile,
    FittedTopN,
    HasTag,
    InSegment,
    IsIn,
    IsKnown,
    Last,
    Not,
    Percentile,
    Pilot,
    Prop,
    Ratio,
    Sequence,
    Since,
    Span,
    Text,
    TopN,
    WeightedTop,
    WrittenAs,
    calendar_months,
    days,
    hours,
    minutes,
)
from userops.rules.features import _OF

ORDERS = Did("order")
SPENT = ORDERS.sum("amount")
UTC = dt.UTC
AGGREGATES = {
    how: Aggregate(ORDERS, how, None if needs is False else "category")
    for how, needs in _OF.items()
}
NODES: dict[str, Any] = {
    "Attr": Attr("city"), "Prop": Prop("channel"),
    "Ratio": Ratio(SPENT, ORDERS.count()),
    **{f"Aggregate {how}": node for how, node in AGGREGATES.items()},
    "Aggregate top by": ORDERS.top("category", by="amount"),
    "Aggregate first time": ORDERS.first(),
    "WeightedTop": WeightedTop(ORDERS, of="category", weights={"母婴": 3, "type": 2}, unseen=5),
    "Compare text": Attr("city") == "杭州", "Compare flag": Attr("vip") == True,  # noqa: E712
    "Compare whole": ORDERS.count() >= 2, "Compare number": Attr("rate") < 0.1,
    "Compare infinity": Attr("rate") < math.inf, "Compare minus": Attr("rate") > -math.inf,
    "Compare large": Attr("points") != 2**70,
    "Compare date": Attr("born") > dt.date(2000, 2, 29),
    "Compare clock": Attr("joined") <= dt.datetime.fromisoformat("2024-01-31T08:00:00.000001"),
    "Compare instant": Attr("joined") >= dt.datetime(2024, 1, 31, 8, tzinfo=UTC),
    "CompareTerms": CompareTerms(Attr("city"), "!=", Attr("home")),
    "Between": Between(Attr("age"), 18, 35),
    "Between dates": Attr("born").between(dt.date(1990, 1, 1), dt.date(1999, 12, 31)),
    "IsIn": IsIn(Attr("city"), ["杭州", "上海"]), "IsIn numbers": Attr("age").is_in([18, 18.5]),
    "IsKnown": IsKnown(Attr("city")), "Text": Text(Attr("city"), "contains", "州"),
    "Text starts": Attr("city").starts_with("杭"), "Text ends": Attr("city").ends_with("%"),
    "WrittenAs": WrittenAs(ORDERS.top("shop"), "17"),
    "Anniversary": Anniversary(Attr("born"), days(7)),
    "Anniversary March": Attr("born").anniversary_within(days(1), leap_day="mar1"),
    "Percentile": Percentile(SPENT, 0.9, 1), "Percentile low": SPENT.in_percentile(0, 0.2),
    "Percentile middle": SPENT.in_percentile(0.2, 0.8), "TopN": TopN(SPENT, 100),
    "FittedPercentile": FittedPercentile(SPENT, 0.2, 0.8, above=1_000, upto=2_050, scale=2,
                                         population=7),
    "FittedPercentile infinite": FittedPercentile(Attr("rate"), 0, 0.5, upto=math.inf),
    "FittedTopN": FittedTopN(SPENT, 3, last=1_999, last_id="c", scale=2),
    "FittedTopN nobody": FittedTopN(SPENT, 3),
    "Pilot": Pilot("spring-2025", 0.05, start=0.1), "HasTag": HasTag("level", "gold"),
    "HasTag any": HasTag("level"), "InSegment": InSegment("loyal"),
    "Did": ORDERS, "Did where": ORDERS.where(Prop("category") == "母婴", Prop("amount") > 9.5),
    "Did within": ORDERS.within(hours(16)), "Did between": ORDERS.between("2024-06-01",
                                                                          "2024-06-19"),
    "Did since": ORDERS.since(dt.datetime(2024, 6, 1, 8, tzinfo=UTC)),
    "Did since own": ORDERS.since(Did("join").first(), lasting=minutes(90)),
    "Did calendar": ORDERS.within(calendar_months(3, ago=1, time_zone="Asia/Shanghai")),
    "Sequence": Sequence("cart", "order", within=days(7), without="return"),
    "Sequence where": Sequence("cart", ORDERS.where(Prop("amount") > 1), "scan", without=["a",
                                                                                          "b"]),
    "All": All((Attr("a") == 1, Attr("b") == 2, Attr("c") == 3)),
    "AnyOf": AnyOf((Attr("a") == 1, ~(Attr("b") == 2) & ORDERS)), "Not": Not(ORDERS),
    "Last": Last(days(90)), "Span": Span("2024-06-01", "2024-06-19"),
    "Span open": Span("2024-06-01"),
    "Calendar": Calendar(1, "week"), "Calendar ago": Calendar(2, "quarter", 3, "UTC"),
    "Since": Since(ORDERS.last(), days(30)),
}  # fmt: skip
