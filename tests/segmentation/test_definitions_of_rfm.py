"""Definitions of RFM: keys of caches, arrays of edges, maps that look at mean scores."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

import attrs
import numpy as np
import pyarrow as pa
import pytest

from userops import RFM, History, Orders
from userops.errors import InvalidArgumentError, InvalidDefinitionError
from userops.segmentation import Band, BandMap, Edges, NTile, Quantiles, SegmentMap, eight

DAY = dt.datetime.fromisoformat("2024-01-05")


def test_definitions_are_keys() -> None:
    """Equal definitions are one key, with maps of one's own as well."""
    own = BandMap([Band("all", labels={"zh": "全部"})], bins={"r": 5})
    assert len({RFM(), RFM(), RFM(segments=own), RFM(segments=own), RFM(segments=eight(3))}) == 3


def test_a_map_keeps_its_own_labels() -> None:
    """What was passed in may change later; the definition and its version do not."""
    labels, bins = {"zh": "全部"}, {"r": 5}
    own = BandMap([Band("all", labels=labels)], bins=bins)
    before = own.version
    labels["zh"], bins["r"] = "别的", 4
    assert own.version == before


def test_edges_may_be_an_array() -> None:
    """An array of numpy is a list of edges; a text is not."""
    assert RFM(recency=np.array([30, 90]), segments=None).recency == Edges([30, 90])
    for wrong in ("369", {"a": 1}.get("b"), 1.5):
        with pytest.raises(InvalidDefinitionError):
            RFM(recency=wrong, segments=None)  # type: ignore[arg-type]
    with pytest.raises(InvalidDefinitionError, match="must be numbers"):
        Edges("369")  # type: ignore[arg-type]
    with pytest.raises(InvalidDefinitionError, match="must be numbers"):
        Quantiles(["1/0"])  # type: ignore[list-item]


def test_a_map_is_never_shown_scores_that_cannot_be() -> None:
    """A map that divides by a mean score can be written: no score is zero."""

    @attrs.frozen
    class Relative(SegmentMap):
        code_version: ClassVar[str | None] = "1"
        cut: Fraction | None = None

        def fitted_to(self, mean_scores: Mapping[str, Fraction]) -> SegmentMap:
            return attrs.evolve(self, cut=1 / mean_scores["r"])

        def name_of(self, r: int, f: int, m: int | None) -> str | None:
            return "above" if self.cut is not None and r * self.cut > 1 else "below"

    orders = Orders(
        pa.table({"customer_id": ["a", "b"], "ordered_at": [DAY, DAY - dt.timedelta(days=9)],
                  "amount": [1.0, 2.0]})
    )  # fmt: skip
    scored = RFM(segments=Relative()).fit(orders, as_of="2024-02-01").score().to_pylist()
    assert {row["customer_id"]: row["segment"] for row in scored} == {"a": "above", "b": "below"}


@pytest.mark.parametrize(
    ("returns", "said"), [("net", "Net spend 25"), ("separate", "Spend 35"), ("ignore", "Spend 35")]
)
def test_the_explanation_says_what_money_it_is(returns: Any, said: str) -> None:
    """Money is called net only where returns are taken off."""
    orders = Orders(
        pa.table({"customer_id": ["a", "a"], "ordered_at": [DAY, DAY], "amount": [35.0, -10.0]})
    )
    model = RFM(segments=None).fit(History(orders, returns=returns), as_of="2024-02-01")
    assert f"\n  {said}:" in str(model.explain("a"))
    zh = RFM(segments=None, locale="zh").fit(History(orders, returns=returns), as_of="2024-02-01")
    assert ("净消费金额" in str(zh.explain("a"))) is (returns == "net")


def test_eight_segments_say_what_high_means() -> None:
    """Without the cut, nobody can tell why a score of 2 is low."""
    orders = Orders(
        pa.table({"customer_id": ["a", "b"], "ordered_at": [DAY, DAY - dt.timedelta(days=9)],
                  "amount": [1.0, 2.0]})
    )  # fmt: skip
    model = RFM(segments=eight()).fit(orders, as_of="2024-02-01")
    assert model.explain("a").lines[-1] == "A score is high where r > 3, f > 1, m > 3."
    zh = RFM(segments=eight(2), locale="zh").fit(orders, as_of="2024-02-01")
    assert zh.explain("a").lines[-1] == "得分高的标准：r > 2, f > 2, m > 2。"


def test_a_band_that_nobody_can_reach_is_refused() -> None:
    """A band for a sixth bin of five would never occur."""
    with pytest.raises(InvalidDefinitionError, match="'vip' asks for r6"):
        RFM(segments=BandMap([Band("vip", r=6), Band("others")]))
    with pytest.raises(InvalidDefinitionError, match="needs a mapping"):
        Band("x", labels="中文")  # type: ignore[arg-type]


@pytest.mark.parametrize("fitted_to", [["a", "b", "c"], [1, 2, 3]])
def test_ids_of_another_type_are_refused_where_ids_decide(fitted_to: list[Any]) -> None:
    """A model whose cut-points carry ids does not compare text with numbers."""

    def orders(ids: list[Any]) -> Orders:
        return Orders(pa.table({"customer_id": ids, "ordered_at": [DAY] * 3, "amount": [1, 2, 3]}))

    other = [1, 2, 3] if fitted_to[0] == "a" else ["a", "b", "c"]
    model = RFM(frequency=NTile(2), segments=None).fit(orders(fitted_to), as_of="2024-05-01")
    with pytest.raises(InvalidArgumentError, match="ids of another type"):
        model.score(orders(other))
    with pytest.raises(InvalidArgumentError, match="ids of another type"):
        model.score_one(History(orders(other)).customer(other[0]))
    free = RFM(segments=None).fit(orders(fitted_to), as_of="2024-05-01")
    assert len(free.score(orders(other))) == 3


def test_edges_beyond_floats_are_printed() -> None:
    """An edge that no float can hold is told in full."""
    orders = Orders(pa.table({"customer_id": ["a"], "ordered_at": [DAY], "amount": [1.0]}))
    model = RFM(monetary=Edges([10**400]), segments=None).fit(orders, as_of="2024-02-01")
    assert f"{10**400:,}" in str(model)
    assert model.score().to_pylist()[0]["m"] == 1
    assert model.explain("a").score.m == 1
