"""Properties of events, whatever a host calls them and in whichever type it keeps them."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from tests.rules.small_shop import FAST, answered

from userops import History, Orders
from userops.rules import Did, Prop, WeightedTop
from userops.segmentation import PreferenceTag, TagSet
from userops.testing import to_engine

D = Did("order")


def build(engine: str, **properties: Any) -> History:
    """Return one customer's orders, with further properties."""
    rows = len(next(iter(properties.values())))
    table = pa.table({
        "who": ["a"] * rows,
        "no": [f"o{n}" for n in range(rows)],
        "at": [dt.datetime(2024, 1, 1 + n, tzinfo=dt.UTC) for n in range(rows)],
        "paid": [1.0] * rows,
        **properties,
    })  # fmt: skip
    return History(Orders(
        to_engine(table, engine), customer_id="who", order_id="no", ordered_at="at",
        amount="paid", properties=tuple(properties),
    ))  # fmt: skip


def test_a_property_may_be_called_as_what_is_made_of_another() -> None:
    """The units of `price` and the weights of `cat` are kept apart from properties so called."""
    given = {
        "price": [1.5, 2.5], "price_units": [7, 8], "cat": ["x", "y"], "cat_weight_1": [3, 4],
        "cat_weight_2": [5, 6], "cat_weight_3": [5, 6], "cat_weight_4": [5, 6],
    }  # fmt: skip
    members = {
        "price": D.sum("price"), "units": D.sum("price_units"), "mean": D.mean("price"),
        "top": WeightedTop(D, of="cat", weights={"x": 2, "y": 9}),
        **{name: D.sum(name) for name in given if name.startswith("cat_")},
    }  # fmt: skip

    found = answered(members, lambda engine: build(engine, **given), "2024-02-01", FAST)

    assert found["a"] == {
        "price": 4.0, "units": 15, "mean": 2.0, "top": "y", "cat_weight_1": 7, "cat_weight_2": 11,
        "cat_weight_3": 11, "cat_weight_4": 11,
    }  # fmt: skip


def as_text(values: list[Any], how: str) -> Any:
    """Return text as Arrow may hold it."""
    return pa.array(values).dictionary_encode() if how == "dictionary" else pa.array(values, how)


@pytest.mark.parametrize("how", ["string", "large_string", "dictionary"])
def test_texts_have_weights_in_every_type_of_text(how: str) -> None:
    """Weights reach the texts of either of Arrow's types, and those of categories."""
    kind = as_text(["x", "x", "y"], how)
    members = {"typical": WeightedTop(D, of="kind", weights={"x": 2, "y": 9}),
               "no": WeightedTop(D, of="order_id", weights={"o1": 5})}  # fmt: skip

    found = answered(members, lambda engine: build(engine, kind=kind), "2024-02-01")

    assert found["a"] == {"typical": "y", "no": "o1"}


@pytest.mark.parametrize("engine", ["pandas", "pandas-numpy"])
@pytest.mark.parametrize("dtype", ["object", "category", "str", "string"])
def test_texts_have_weights_in_every_type_of_pandas(engine: str, dtype: str) -> None:
    """Weights reach the texts of a pandas frame, whichever way it holds them."""
    frame = pd.DataFrame({"who": "a", "no": ["1", "2", "3"], "at": "2024-01-01", "paid": 1.0})
    frame["kind"] = pd.Series(["x", "x", "y"], dtype=dtype)  # type: ignore[call-overload]
    if engine == "pandas":
        frame = frame.convert_dtypes(dtype_backend="pyarrow").astype({"kind": dtype})
    orders = Orders(frame, customer_id="who", order_id="no", ordered_at="at", amount="paid",
                    category="kind")  # fmt: skip
    tags = TagSet(PreferenceTag("typical", "category", by="tfidf"))

    found = tags.fit(History(orders), "2024-02-01").assign(History(orders), "2024-02-01")

    assert list(found["value"]) == ["x"]


@pytest.mark.parametrize("nothing", [pa.nulls(3), pa.nulls(3, pa.float64())], ids=str)
def test_a_sum_that_no_row_knows_decides_nothing(nothing: Any) -> None:
    """Where all sums are of nulls, of the values with equal sums the smallest is on top."""
    kind = ["z", "z", "m"]

    found = answered(
        {"top": D.top("kind", by="n"), "twice": D.where(Prop("kind") != "m").top("kind", by="n")},
        lambda engine: build(engine, kind=kind, n=nothing), "2024-02-01",
    )  # fmt: skip

    assert found["a"] == {"top": "m", "twice": "z"}


def test_zero_has_one_sign() -> None:
    """A ratio of nothing to a negative number, and a mean of nothing, is found as 0.0 is."""
    members = {
        "ratio": D.sum("x") / D.sum("y"), "is": (D.sum("x") / D.sum("y")).is_in([0, 9]),
        "mean": D.mean("z").is_in([0, 9]), "means": (D.mean("z") / D.mean("y")).is_in([0, 9]),
        "paid": D.where(Prop("x") > 5).sum("amount").is_in([0, 9]),
    }  # fmt: skip
    given = {"x": [0, 0], "y": [-2, -3], "z": [-0.5, 0.5]}

    found = answered(members, lambda engine: build(engine, **given), "2024-02-01", FAST)

    assert found["a"] == dict.fromkeys(members, True) | {"ratio": 0.0}
    assert math.copysign(1, found["a"]["ratio"]) == 1
    for engine in FAST:
        history = build(engine, **given)
        fitted = members["ratio"].in_top(3).fit(history, "2024-02-01")
        assert fitted.answer_one(history.customer("a"), "2024-02-01")
