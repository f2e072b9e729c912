"""Pilots: a share of customers, the same everywhere, independent of other pilots."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.rules.small_shop import FAST, SOME, answered, shop

from userops import Customer, History
from userops.core.sticky import sticky_hash
from userops.errors import InvalidDefinitionError
from userops.rules import Did, Pilot

N = 20_000


def members_of(pilot: Pilot, ids: list[Any]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which ids are in, asked one by one."""
    return np.array([pilot.answer_one(Customer(who, {}, {}), "2024-01-01") for who in ids])


IDS = [f"customer-{n}" for n in range(N)]


@pytest.mark.parametrize("share", [0.0005, 0.05, 0.5, 0.9])
def test_as_many_are_in_as_the_share_says(share: float) -> None:
    """Of 20,000 ids the share is met within four standard deviations."""
    found = members_of(Pilot("spring-2025", share), IDS).sum()

    assert abs(found - share * N) < 4 * math.sqrt(N * share * (1 - share))


def test_two_arms_share_nobody_and_cover_what_they_say() -> None:
    """Arms that follow each other are disjoint, and together the pilot of both shares."""
    one = members_of(Pilot("spring", share=0.1), IDS)
    two = members_of(Pilot("spring", share=0.2, start=0.1), IDS)
    rest = members_of(Pilot("spring", share=0.7, start=0.3), IDS)

    assert not (one & two).any()
    assert ((one | two) == members_of(Pilot("spring", share=0.3), IDS)).all()
    assert (one ^ two ^ rest).all()
    assert (one | two | rest).all()


def test_a_larger_share_keeps_those_who_were_in() -> None:
    """Growing a pilot adds customers and takes nobody out."""
    small, large = members_of(Pilot("x", 0.1), IDS), members_of(Pilot("x", 0.25), IDS)

    assert (small <= large).all()
    assert members_of(Pilot("x", 1.0), IDS).all()


def test_pilots_of_other_names_are_independent() -> None:
    """Being in one says nothing about being in another: correlations are those of chance."""
    names = ["spring", "autumn", "spring-2", "a", "b"]
    found = np.array([members_of(Pilot(name, 0.3), IDS) for name in names]).astype(float)

    correlations = np.corrcoef(found)[np.triu_indices(len(names), 1)]

    assert np.abs(correlations).max() < 4 / math.sqrt(N)


def test_the_bucket_is_that_of_the_sticky_hash() -> None:
    """Anybody can recompute it: the hash of name, colon and id, modulo 10,000."""
    pilot = Pilot("spring", share=0.25, start=0.5)
    texts: list[Any] = ["客户一", *(f"c{n}" for n in range(200))]
    for ids in (texts, list(range(-100, 100))):
        buckets = [sticky_hash(f"spring:{who}") % 10_000 for who in ids]
        found = list(members_of(pilot, ids))
        assert found == [5_000 <= bucket < 7_500 for bucket in buckets]
        assert {bool(is_in) for is_in in found} == {True, False}


@pytest.mark.parametrize("kind", ["text", "int"])
def test_every_engine_draws_the_same_customers(kind: str) -> None:
    """Text and whole numbers as ids, negative and of many letters, alone and in columns."""
    texts = [*(f"c{n}" for n in range(60)), "客户一", " é", "a:b", "00", "0"]
    ids: list[Any] = texts if kind == "text" else [*range(-30, 30), 2**60, -(2**62), 2**53 + 1]

    def build(engine: str) -> History:
        return shop([(who, "2024-01-01", 1) for who in ids], engine)

    members = {
        "half": Pilot("spring", 0.5),
        "other half": Pilot("spring", 0.5, start=0.5),
        "中文": Pilot("春季", 0.3),
        "and": Pilot("spring", 0.5) & Did("order"),
    }

    found = answered(members, build, "2024-02-01", FAST if kind == "text" else SOME)

    assert len(found) == len(ids)
    assert all(row["half"] is not row["other half"] for row in found.values())
    assert 0 < sum(row["中文"] for row in found.values()) < len(ids)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: Pilot("", 0.5), "name: must be a name"),
        (lambda: Pilot(3, 0.5), "name: must be a name"),
        (lambda: Pilot("x", 0), "share: leaves nobody"),
        (lambda: Pilot("x", 0.5, start=0.6), "share: leaves nobody, or more than there are"),
        (lambda: Pilot("x", -0.1), "share: is no share"),
        (lambda: Pilot("x", 1.1), "share: is no share"),
        (lambda: Pilot("x", 5), "share: is no share"),
        (lambda: Pilot("x", True), "share: is no share"),
        (lambda: Pilot("x", "0.5"), "share: is no share"),
        (lambda: Pilot("x", math.nan), "share: is no share"),
        (lambda: Pilot("x", 0.00005), "share: is no share"),
        (lambda: Pilot("x", 1 / 3), "share: is no share"),
        (lambda: Pilot("x", 0.5, start=0.12345), "start: is no share"),
    ],
)
def test_what_is_no_share_is_refused(make: Any, problem: str) -> None:
    """Shares lie in steps of 1/10,000 above 0, and arms within the whole."""
    with pytest.raises(InvalidDefinitionError, match=problem):
        make()


def test_arms_of_decimal_shares_add_up() -> None:
    """0.1 + 0.2 + 0.7 is the whole, though its binary sum is not."""
    starts = [0.1, 0.30000000000000004]
    with pytest.raises(InvalidDefinitionError, match="steps of 1/10,000"):
        Pilot("x", 0.7, start=starts[1])
    assert Pilot("x", 0.7, start=0.3).share == 0.7
