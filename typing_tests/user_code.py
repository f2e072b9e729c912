"""What a user writes, checked by pyright: it must pass, and each marked line must be an error."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar, assert_type

import attrs

from userops import RFM, Customer, History, Orders
from userops.events import ByOrderId, OrderColumns
from userops.segmentation import Cut, CutPoints, Dimension, FittedRFM, NTile, RFMScore, SegmentMap


@attrs.frozen
class TopTenth(CutPoints):
    """Two bins: the best tenth, and the rest."""

    code_version: ClassVar[str | None] = "1"

    @property
    def bins(self) -> int:
        return 2

    def choose(self, dimension: Dimension) -> Sequence[Cut]:
        (value,) = dimension.values_at([(dimension.rows - 1) * 9 // 10])
        return [Cut(Fraction(value))]


@attrs.frozen
class ByRecency(SegmentMap):
    """Two names."""

    code_version: ClassVar[str | None] = "1"

    def name_of(self, r: int, f: int, m: int | None) -> str:
        return "active" if r > 1 else "lapsed"


def score(frame: Any) -> RFMScore | None:
    orders = Orders(frame, customer_id="who", ordered_at="at", amount="paid", scale=2)
    model = RFM(recency=TopTenth(), frequency=NTile(3), segments=ByRecency(), locale="zh")
    fitted = model.fit(History(orders, returns="separate"), as_of=dt.date(2024, 1, 1))
    assert_type(fitted, FittedRFM)
    columns = OrderColumns(customer_id="who", ordered_at="at", amount="paid")
    customer = Customer.from_rows("a", {"order": [{"who": "a"}]}, {"order": columns})
    return fitted.score_one(customer, as_of="2024-01-01")


def wrong(frame: Any) -> None:
    Orders(frame, customer="who")  # pyright: ignore[reportCallIssue]
    Orders(frame, customer_id="who", ordered_at="at", returns_by="^C")  # pyright: ignore[reportArgumentType]
    Orders(frame, returns_by=ByOrderId("^C"), duplicate_lines="drop")  # pyright: ignore[reportArgumentType]
    History(Orders(frame), returns="gross")  # pyright: ignore[reportArgumentType]
    RFM(locale="fr")  # pyright: ignore[reportArgumentType]
    RFM().score(frame)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
