"""Identifiers: which writings are one value, and which are nobody's."""

from __future__ import annotations

import pyarrow as pa
import pytest

from userops.customers import IdentifierKind, IdentityGraph, Links, Phone

FULL_WIDTH = [
    "".join(chr(ord(letter) + 0xFEE0) for letter in text)
    for text in ("13800138001", "+86(138)0013-8001")
]


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("182****3266", "holds what no phone number is written with"),
        ("1380013800l", "holds what no phone number is written with"),
        ("13800138001 ext. 5", "holds what no phone number is written with"),
        ("010-65123456转801", "holds what no phone number is written with"),
        ("138+00138001", "holds what no phone number is written with"),
        ("13800138001/13900139000", "holds what no phone number is written with"),
        ("13716079096.0", "ends in .0 as a float does; read the column as text"),
        ("1371607909\uff16\uff0e0", "ends in .0 as a float does; read the column as text"),
        ("--", "cannot be read as a phone number"),
        ("12", "too short for a phone number of its country"),
        ("138001380011380", "too long for a phone number of its country"),
        ("95588", "can be dialled within its own area alone"),
        ("+999 138 0013 8001", "cannot be read as a phone number"),
        ("00000000000", "is one digit over and over"),
        ("11111111111", "is one digit over and over"),
        ("+86 99999999999", "is one digit over and over"),
    ],
)
def test_masked_garbled_and_placeholder_phones_are_nobodys(value: str, why: str) -> None:
    """What is no whole number of a phone is put aside with the reason, and links nobody."""
    assert Phone("CN").read(value) == (None, f"unreadable: {why}")
    assert Phone("CN").normalise(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "13800138001", "138 0013 8001", "138-0013-8001", "138.0013.8001", "(138)0013.8001",
        "+86 138 0013 8001", "(+86)13800138001", "0086 138 0013 8001", "8613800138001",
        *FULL_WIDTH, "138\u20130013\u20148001",
        "\u202d13800138001\u202c", "138\u00a00013\u00a08001", "\u300013800138001 ",
    ],
)  # fmt: skip
def test_the_usual_writings_of_a_phone_are_one_number(value: str) -> None:
    """Blanks, hyphens, dots, brackets, full-width letters and marks of direction do not matter."""
    assert Phone("CN").read(value) == ("+8613800138001", "")


def test_strangers_with_one_placeholder_stay_strangers() -> None:
    """Customers whose clerk typed zeros, a mask or a cut number are not merged."""
    values = ["00000000000"] * 2 + ["182****3266"] * 2 + ["1380013800l", "1380013800O"]
    table = pa.table(
        {
            "left_kind": ["customer_id"] * 6,
            "left_value": [f"m{n}" for n in range(6)],
            "right_kind": ["phone"] * 6,
            "right_value": values,
            "seen_at": ["2024-01-01"] * 6,
        }
    )
    graph = IdentityGraph([IdentifierKind("phone", normaliser=Phone("CN"))])
    people = graph.resolve(Links(table), "2024-02-01")
    assert people.persons == 6
    said = people.nobodys(table).to_pylist()
    assert {row["value"]: row["reason"] for row in said} == {
        "00000000000": "unreadable: is one digit over and over",
        "182****3266": "unreadable: holds what no phone number is written with",
        "1380013800l": "unreadable: holds what no phone number is written with",
        "1380013800O": "unreadable: holds what no phone number is written with",
    }


def test_a_strict_phone_lies_in_a_range_in_use() -> None:
    """A number as long as one that nobody can have is refused on request alone."""
    assert Phone("CN").read("12345678901") == ("+8612345678901", "")
    assert Phone("CN", is_strict=True).read("12345678901") == (
        None, "unreadable: lies in no range that is in use",
    )  # fmt: skip
    assert Phone("CN", is_strict=True).read("13800138001") == ("+8613800138001", "")


def test_a_blocked_value_need_not_be_readable() -> None:
    """Placeholders may be listed as clerks type them, whether or not they are numbers."""
    kind = IdentifierKind(
        "phone", normaliser=Phone("CN"), blocked=["00000000000", "无", "13800138000"]
    )
    assert kind.blocked_values == {"+8613800138000"}
    assert kind.is_blocked("+8613800138000")
    assert not kind.is_blocked("+8613800138001")
