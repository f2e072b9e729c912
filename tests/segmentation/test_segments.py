"""Segments: names for rules, what sets do with each other, and references between them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from userops import History, Orders
from userops.errors import InvalidArgumentError, InvalidDefinitionError, NotFittedError
from userops.rules import Did, HasTag, InSegment, Prop, days
from userops.segmentation import Segment, Tag, TagSet
from userops.testing import Engines

AS_OF = "2024-03-01"
ORDERS = pa.table({
    "customer_id": ["a", "a", "b", "c"],
    "ordered_at": ["2024-02-20", "2024-01-01", "2024-02-25", "2023-01-01"],
    "amount": [10, 10, 5, 100],
})  # fmt: skip
ACTIVE = Segment("active", Did("order").within(days(30)))
LOYAL = Segment("loyal", Did("order").count() >= 2)
RICH = Segment("rich", Did("order").sum("amount") >= 50)


def members(segment: Segment, history: History, **names: object) -> set[str]:
    """The customers of a segment."""
    return set(segment.customers(history, AS_OF, **names)["customer_id"].to_pylist())


def test_segments_are_combined_like_sets() -> None:
    """And, or, without and not of segments hold of what the sets of their customers say."""
    history = History(Orders(ORDERS))
    active, loyal, rich = (members(s, history) for s in (ACTIVE, LOYAL, RICH))
    assert (active, loyal, rich) == ({"a", "b"}, {"a"}, {"c"})

    assert members(ACTIVE & LOYAL, history) == active & loyal
    assert members(LOYAL | RICH, history) == loyal | rich
    assert members(ACTIVE - LOYAL, history) == active - loyal
    assert members(~ACTIVE, history) == {"c"}
    assert members(~(ACTIVE - LOYAL) & ~RICH, history) == {"a"}
    for segment in (ACTIVE & LOYAL, LOYAL | RICH, ACTIVE - LOYAL, ~ACTIVE):
        for who in "abc":
            assert segment.holds(history.customer(who), AS_OF) == (who in members(segment, history))


def test_combined_segments_have_names_that_say_how() -> None:
    """The name of a combination can be read back; `named` gives another."""
    assert (ACTIVE & LOYAL).name == "active & loyal"
    assert ((ACTIVE & LOYAL) - RICH).name == "(active & loyal) - rich"
    assert (~(ACTIVE | RICH)).name == "~(active | rich)"
    assert (ACTIVE - RICH).named("targets").name == "targets"
    assert str(ACTIVE) == "active: did order in the last 30 days"
    assert ACTIVE.describe("zh") == "active：有最近30天内order"


def test_every_engine_finds_the_same_customers(fast_engines: Engines) -> None:
    """The customers of a combination are the same in each engine, in its own frame type."""
    found = fast_engines.check(
        lambda frame: ((ACTIVE | RICH) - LOYAL).customers(History(Orders(frame)), AS_OF), ORDERS
    )
    assert found == [("b",), ("c",)]


def test_segments_name_each_other() -> None:
    """A name stands for the segment or rule that the caller's mapping gives it, wherever it is."""
    history = History(Orders(ORDERS))
    names = {"active": ACTIVE, "loyal": LOYAL.when, "both": Segment("both", InSegment("active"))}
    both = Segment("x", InSegment("both") & InSegment("loyal"))

    assert members(both, history, segments=names) == {"a"}
    assert both.holds(history.customer("a"), AS_OF, segments=names)
    said = str(both.explain(history.customer("b"), AS_OF, segments=names))
    assert "✗ is in segment “loyal”" in said
    assert "number of order is at least 2 [1]" in said


def test_unknown_names_and_circles_are_refused() -> None:
    """An unknown name comes with the nearest one, a circle with its path."""
    history = History(Orders(ORDERS))
    with pytest.raises(InvalidArgumentError, match=r"'activ' is not known.*did you mean 'active'"):
        Segment("x", InSegment("activ")).customers(history, AS_OF, segments={"active": ACTIVE})
    with pytest.raises(InvalidArgumentError, match=r"'active' has to be resolved.*pass segments"):
        Segment("x", InSegment("active")).customers(history, AS_OF)
    one, two = Segment("one", InSegment("two")), Segment("two", ~InSegment("one"))
    with pytest.raises(
        InvalidArgumentError, match=r"circle.*'two' → segment 'one' → segment 'two'"
    ):
        one.customers(history, AS_OF, segments={"one": one, "two": two})
    with pytest.raises(InvalidArgumentError, match="has none"):
        HasTag("active", "x").customers(history, AS_OF, tags={"active": ACTIVE})


def test_a_segment_of_percentiles_is_fitted() -> None:
    """What is relative to a population needs one, and keeps its cut-points from then."""
    history = History(Orders(ORDERS))
    top = Segment("top", Did("order").sum("amount").in_top(1))
    with pytest.raises(NotFittedError):
        top.customers(history, AS_OF)

    fitted = top.fit(history, AS_OF)

    assert fitted.name == "top"
    assert members(fitted, history) == {"c"}
    assert fitted.holds(history.customer("c"), AS_OF)
    assert Segment.from_dict(fitted.to_dict()) == fitted


def test_a_wrong_segment_is_refused() -> None:
    """A segment needs a name and a rule about customers; other things are not combined with it."""
    with pytest.raises(InvalidDefinitionError, match=r"name: must be a name.*''"):
        Segment("", Did("order"))
    with pytest.raises(InvalidDefinitionError, match="when: is not a rule about customers"):
        Segment("x", Prop("category") == "x")
    with pytest.raises(InvalidDefinitionError, match="when: is not a rule about customers"):
        Segment("x", Did("order").count())  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        ACTIVE & LOYAL.when  # type: ignore[operator]


def test_segments_come_back_from_their_documents() -> None:
    """A document of a combination is equal to it, and so is the version."""
    segment = (ACTIVE & ~LOYAL).named("老客")
    back = Segment.from_dict(segment.to_dict())
    assert back == segment
    assert back.version == segment.version


def test_tags_see_the_segments_of_their_set() -> None:
    """A tag names a segment of its set, and is fitted with it."""
    history = History(Orders(ORDERS))
    top = Segment("top", Did("order").sum("amount").in_top(1))
    tags = TagSet(
        [Tag("t", InSegment("outer"))], segments=[top, Segment("outer", InSegment("top"))]
    )

    assert tags.needs_population == ("t",)
    found = tags.fit(history, AS_OF).assign(history, AS_OF)
    assert found["customer_id"].to_pylist() == ["c"]
