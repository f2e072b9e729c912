"""Definitions: documents and back, errors that name the path, versions by content."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError
from userops.segmentation.cut_points import (
    Cut,
    CutPoints,
    Edges,
    FittedCuts,
    Linear,
    NTile,
    Quantiles,
)
from userops.segmentation.segment_maps import Band, BandMap, SegmentMap, classic, eight


@attrs.frozen
class Halves(CutPoints):
    """A user's own cut-points, without a declared version of their code."""

    share: float = 0.5

    @property
    def bins(self) -> int:
        return 2

    def choose(self, dimension: Any) -> list[Cut]:
        return [Cut(dimension.values_at([int(self.share * dimension.rows)])[0])]


@attrs.frozen
class VersionedHalves(Halves):
    """The same with a version."""

    code_version: ClassVar[str | None] = "1"


@attrs.frozen
class Weekend(Definition):
    """A user's definition that holds another."""

    code_version: ClassVar[str | None] = "7"
    inner: Definition | None = None
    many: tuple[Any, ...] = attrs.field(default=(), converter=tuple)
    by_name: dict[str, Any] = attrs.field(factory=dict)


rising = st.lists(st.fractions(-1000, 1000), min_size=1, max_size=5, unique=True).map(sorted)
definitions = st.one_of(
    st.builds(Linear, st.integers(1, 100)),
    st.builds(NTile, st.integers(1, 100)),
    st.builds(Edges, rising),
    st.builds(Quantiles, st.just((0.5, 0.9))),
    st.builds(
        Cut, st.fractions(), st.one_of(st.none(), st.text(max_size=5), st.integers(-5, 2**70))
    ),
    st.just(classic()),
    st.just(eight(2)),
    st.builds(
        FittedCuts,
        cuts=st.lists(st.builds(Cut, st.fractions()), max_size=3),
        is_reversed=st.booleans(),
        units_in_one=st.sampled_from([1, 100]),
    ),
)


@settings(max_examples=100, deadline=None)
@given(definitions)
def test_a_definition_survives_the_way_to_json_and_back(definition: Definition) -> None:
    """A definition equals the one built from its document after JSON, and has its version."""
    document = json.loads(json.dumps(definition.to_dict()))
    back = Definition.from_dict(document)

    assert back == definition
    assert type(back) is type(definition)
    assert back.version == definition.version


def test_a_document_omits_what_is_default() -> None:
    """Only the type and what differs from the defaults stands in a document."""
    assert Linear().to_dict() == {"type": "Linear"}
    assert Linear(4).to_dict() == {"type": "Linear", "bins": 4}
    assert Band("vip", r=5).to_dict() == {"type": "Band", "name": "vip", "r": [5]}


def test_a_document_of_the_base_gives_the_subclass() -> None:
    """`from_dict` of a base class builds whichever of its subclasses the document names."""
    assert CutPoints.from_dict({"type": "NTile", "bins": 3}) == NTile(3)
    assert SegmentMap.from_dict(classic().to_dict()) == classic()


def test_a_document_of_another_family_is_refused() -> None:
    """A segment map where cut-points are wanted is refused."""
    with pytest.raises(InvalidDefinitionError, match="is not a CutPoints") as caught:
        CutPoints.from_dict(classic().to_dict())
    assert caught.value.field == "type"


def test_a_document_without_a_type_is_refused() -> None:
    """A document that names no type builds nothing."""
    with pytest.raises(InvalidDefinitionError, match="type"):
        Linear.from_dict({})


@pytest.mark.parametrize(
    ("document", "path", "nearest"),
    [
        ({"type": "Linear", "binns": 5}, "binns", "bins"),
        ({"type": "BandMap", "bands": [{"type": "Band", "nane": "x"}]}, "bands[0].nane", "name"),
        (
            {
                "type": "FittedCuts",
                "cuts": [{"type": "Cut", "value": "1"}, {"type": "Cut", "walue": 1}],
            },
            "cuts[1].walue",
            "value",
        ),
    ],
)
def test_an_unknown_key_names_its_path_and_the_nearest(
    document: dict[str, Any], path: str, nearest: str
) -> None:
    """A key that is no field is refused by its whole path, with the nearest field offered."""
    with pytest.raises(InvalidDefinitionError, match=f"did you mean '{nearest}'") as caught:
        Definition.from_dict(document)
    assert caught.value.field == path


def test_an_unknown_type_names_its_path_and_the_nearest() -> None:
    """A class that is not known is refused by its path, with those that fit and the nearest."""
    with pytest.raises(InvalidDefinitionError, match="did you mean 'Band'") as caught:
        Definition.from_dict({"type": "BandMap", "bands": [{"type": "Bnd", "name": "x"}]})
    assert caught.value.field == "bands[0].type"
    assert caught.value.allowed == "Band"


def test_a_wrong_value_names_its_path() -> None:
    """A value that the class refuses is reported under the path where it stands."""
    with pytest.raises(InvalidDefinitionError, match="whole number") as caught:
        Definition.from_dict({"type": "Linear", "bins": 0})
    assert caught.value.field == "bins"

    bands = [{"type": "Band", "name": "x"}, {"type": "Band", "name": "y", "r": [0]}]
    with pytest.raises(InvalidDefinitionError) as caught:
        Definition.from_dict({"type": "BandMap", "bands": bands})
    assert caught.value.field.startswith("bands[1].")


def test_a_missing_field_names_its_path() -> None:
    """A field without a default that is missing is reported under its path."""
    with pytest.raises(InvalidDefinitionError, match="name") as caught:
        Definition.from_dict({"type": "BandMap", "bands": [{"type": "Band"}]})
    assert caught.value.field == "bands[0].name"


def test_an_abstract_class_is_refused() -> None:
    """A base class cannot stand in a document."""
    with pytest.raises(InvalidDefinitionError, match="not a known class"):
        Definition.from_dict({"type": "CutPoints"})


@pytest.mark.parametrize("document", ["Linear", 5, None, [{"type": "Linear"}]], ids=repr)
def test_what_is_no_document_is_refused(document: Any) -> None:
    """Text, a number or a list where a document should be is refused as a definition error."""
    with pytest.raises(InvalidDefinitionError):
        Linear.from_dict(document)


@pytest.mark.parametrize(
    "document",
    [
        {"type": "Cut", "value": "a half"},
        {"type": "Cut", "value": "1/0"},
        {"type": "FittedCuts", "cuts": [{"type": "Cut", "value": "x"}]},
        {"type": ["Linear"]},
    ],
    ids=repr,
)
def test_a_value_that_cannot_be_converted_names_its_path(document: dict[str, Any]) -> None:
    """A value that a converter cannot read is reported as a definition error with its path."""
    with pytest.raises(InvalidDefinitionError):
        Definition.from_dict(document)


def test_a_plain_mapping_may_hold_the_key_type() -> None:
    """Labels under the key "type" survive the way to a document and back."""
    band = Band("vip", labels={"type": "VIP"})

    assert Definition.from_dict(band.to_dict()) == band


def test_a_class_of_the_user_is_passed_by_name() -> None:
    """A user's class is unknown until it stands in `types`; then it is built, nested as well."""
    document = Weekend(inner=VersionedHalves(0.25), many=[Linear(3)]).to_dict()

    with pytest.raises(InvalidDefinitionError, match="not a known class"):
        Definition.from_dict(document)
    with pytest.raises(InvalidDefinitionError, match="not a known class") as caught:
        Definition.from_dict(document, types=[Weekend])
    assert caught.value.field == "inner.type"

    built = Definition.from_dict(document, types=[Weekend, VersionedHalves])
    assert built == Weekend(inner=VersionedHalves(0.25), many=[Linear(3)])


def test_from_dict_of_a_class_of_the_user_needs_no_types() -> None:
    """The class on which `from_dict` is called is known without being passed."""
    assert VersionedHalves.from_dict({"type": "VersionedHalves", "share": 0.1}).share == 0.1


def test_a_version_needs_the_version_of_the_users_code() -> None:
    """A user's class that declares no version of its code has no version, wherever it stands."""
    with pytest.raises(InvalidDefinitionError, match="Halves") as caught:
        _ = Halves().version
    assert caught.value.field == "code_version"

    for nested in (
        Weekend(inner=Halves()),
        Weekend(many=[Halves()]),
        Weekend(by_name={"x": Halves()}),
    ):
        with pytest.raises(InvalidDefinitionError, match="code_version"):
            _ = nested.version


def test_the_version_of_the_users_code_is_part_of_the_version() -> None:
    """Another version of the code is another version of the definition, nested as well."""

    @attrs.frozen
    class Later(VersionedHalves):
        code_version: ClassVar[str | None] = "2"

    Later.__name__ = "VersionedHalves"
    assert Later().to_dict() == VersionedHalves().to_dict()
    assert Later().version != VersionedHalves().version
    assert Weekend(inner=Later()).version != Weekend(inner=VersionedHalves()).version
    assert (
        Weekend(by_name={"a": Later()}).version != Weekend(by_name={"a": VersionedHalves()}).version
    )


def test_a_version_depends_on_content_alone() -> None:
    """A version is the same whatever the order of keys, and is pinned to its document."""
    one = Band("vip", labels={"en": "VIP", "zh": "贵宾"})
    two = Band("vip", labels={"zh": "贵宾", "en": "VIP"})

    assert one.version == two.version
    assert Linear(4).version == Linear(4).version == "152e47d0b51ccf78"
    assert len(one.version) == 16
    assert int(one.version, 16) >= 0


def test_a_version_changes_with_content() -> None:
    """Any difference in content, nested or in order, is another version."""
    bands = [Band("a", r=1), Band("b", r=2)]
    different = [
        Linear(4), Linear(5), NTile(4), Edges([4]), Edges([4, 5]), Edges([Fraction(9, 2)]),
        BandMap(bands), BandMap(bands[::-1]), BandMap([Band("a", r=1), Band("b", r=3)]),
        Cut(1), Cut(1, "1"), Cut(1, 1),
    ]  # fmt: skip

    assert len({d.version for d in different}) == len(different)


def test_definitions_are_frozen() -> None:
    """A definition cannot be changed after it was made."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Linear(4).bins = 5  # type: ignore[misc]
