"""Documents: rules through JSON and back, paths of faults, versions."""

from __future__ import annotations

import datetime as dt
import hashlib
import importlib
import json
import subprocess
import sys
from typing import Any, ClassVar

import attrs
import pytest
from tests.rules.every_node import NODES

from userops import rules
from userops.core.definitions import Definition
from userops.errors import InvalidDefinitionError
from userops.rules import Attr, CustomRule, Did, Duration, HasTag, Prop, Rule, days
from userops.rules.node import Node, walked
from userops.segmentation import Segment, Tag, TagGroup, TagSet


@pytest.mark.parametrize("name", NODES)
def test_each_node_comes_back_from_json(name: str) -> None:
    """What comes back says the same, has the same version, and the same kinds of constants."""
    node = NODES[name]
    text = json.dumps(node.to_dict(), ensure_ascii=False, allow_nan=False)

    back = Node.from_dict(json.loads(text))

    assert type(back) is type(node)
    assert back.same_as(node)
    assert back.version == node.version
    assert back.to_dict() == node.to_dict()
    assert back.describe() == node.describe()
    for one, other in zip(walked(node), walked(back), strict=True):
        for field in ("to", "low", "high", "start", "end", "above", "upto"):
            value = getattr(one, field, None)
            assert type(getattr(other, field, None)) is type(value)


def test_every_class_of_the_package_is_tried() -> None:
    """No node that users write is left out above."""
    names = {name for name in rules.__all__ if isinstance(getattr(rules, name), type)}
    nodes = {name for name in names if issubclass(getattr(rules, name), Node)}
    tried = {type(part).__name__ for node in NODES.values() for part in walked(node)}

    assert nodes - tried == {"CustomRule", "Rule", "Term", "Value"}


def test_dates_and_datetimes_are_typed() -> None:
    """A date stays a date, a datetime keeps its zone and microseconds, infinity its word."""
    documents = {name: NODES[name].to_dict()["to"] for name in NODES if name.startswith("Compare ")}

    assert documents["Compare date"] == {"type": "date", "value": "2000-02-29"}
    assert documents["Compare clock"] == {
        "type": "datetime", "value": "2024-01-31T08:00:00.000001",
    }  # fmt: skip
    assert documents["Compare instant"]["value"] == "2024-01-31T08:00:00+00:00"
    assert documents["Compare infinity"] == {"type": "number", "value": "inf"}
    assert documents["Compare flag"] is True
    assert documents["Compare large"] == 2**70


def test_defaults_are_left_out() -> None:
    """A document says what was written, and nothing else."""
    assert Did("order").within(days(90)).to_dict() == {
        "type": "Did", "event": "order",
        "within": {"type": "Last", "duration": {"type": "Duration", "amount": 90}},
    }  # fmt: skip


# What JSON holds of rules that people write by hand, and what is wrong with it.
WITHIN: dict[str, Any] = {"type": "Last", "duration": {"type": "Duration", "amount": 0}}
COUNT = {"type": "Aggregate", "how": "count",
         "events": {"type": "Did", "event": "order", "within": WITHIN}}  # fmt: skip
KNOWN = {"type": "IsKnown", "value": {"type": "Attr", "name": "city"}}
MANY = {"type": "Compare", "value": COUNT, "how": ">=", "to": 2}


@pytest.mark.parametrize(
    ("document", "path", "said"),
    [
        ({"type": "All", "all": [KNOWN, MANY]}, "all[1].value.events.within.duration.amount",
         "must be a whole number"),
        ({"type": "Not", "rule": MANY}, "rule.value.events.within.duration.amount", "Got: 0"),
        ({"type": "AnyOf", "any": [KNOWN, KNOWN, 3]}, "any[2]", "is not a rule"),
        ({"type": "AnyOf", "any": []}, "any", "is empty"),
        ({"type": "All", "all": [KNOWN, {"type": "Compare", "value": {"type": "Prop", "name": "x"},
                                         "how": "==", "to": 1}]}, "all", "mixes"),
        ({"type": "Comprae"}, "type", "did you mean 'Compare'?"),
        ({"type": "Not", "rule": {"type": "Atr", "name": "x"}}, "rule.type",
         "did you mean 'Attr'?"),
        ({"type": "Not", "rule": {"type": "MyOwn"}}, "rule.type", "types=[…]"),
        ({"type": "Did", "evnt": "order"}, "evnt", "did you mean 'event'?"),
        ({"type": "Did", "evnt": "order"}, "evnt", "Allowed: event, where, within"),
        ({"type": "Compare", "how": "=>", "value": {"type": "Attr", "name": "x"}, "to": 1}, "how",
         "Allowed: ==, !=, >, >=, <, <="),
        ({"type": "CompareTerms", "how": "=>", "value": {"type": "Attr", "name": "x"},
          "to": {"type": "Attr", "name": "y"}}, "how", "is not an operator"),
        ({"type": "Compare", "how": "==", "value": {"type": "Attr", "name": ""}, "to": 1},
         "value.name", "must be a name"),
        ({"type": "Compare", "how": "==", "value": {"type": "Attr", "name": "x"}, "to": None}, "to",
         "cannot be compared"),
        ({"type": "Compare", "how": "==", "value": {"type": "Attr", "name": "x"},
          "to": {"type": "date", "value": "2024-02-30"}}, "to.value", "2024-02-30"),
        ({"type": "Sequence", "steps": [{"type": "Did", "event": "a"}]}, "steps", "too few"),
        ({"type": "Sequence", "steps": [{"type": "Did", "event": "a"}, {"type": "Did",
                                                                        "event": ""}]},
         "steps[1].event", "must be the name"),
        ({"type": "Did", "event": "order", "where": KNOWN}, "where", "about the customer"),
        ({"type": "Compare", "value": {"type": "Attr", "name": "x"}, "how": "=="}, "to",
         "is missing, and Compare needs it"),
        ({"type": "Not", "rule": {"type": "IsKnown"}}, "rule.value", "is missing, and IsKnown"),
        ({"type": "Duration", "amount": 3, "unit": ["day"]}, "unit", "Allowed: minute, hour"),
        ({"type": "Aggregate", "events": {"type": "Did", "event": "o"}, "how": {"a": 1}}, "how",
         "Allowed: sum, mean"),
        ({"type": "Text", "value": {"type": "Attr", "name": "x"}, "how": ["a"], "part": "b"}, "how",
         "Allowed: contains"),
    ],
)  # fmt: skip
def test_faults_are_found_by_their_path(document: Any, path: str, said: str) -> None:
    """The error names where in the document the fault is, what is allowed, and the nearest name."""
    with pytest.raises(InvalidDefinitionError) as caught:
        Definition.from_dict(document)
    assert caught.value.field == path
    assert said in str(caught.value)


def test_faults_in_tag_sets_are_found_by_their_path() -> None:
    """Through tags, their values and their rules, as a host reads it from its own file."""
    both = (Attr("x") == 1) & Did("order")
    group = TagGroup("level", {"gold": Did("order").count() >= 9, "new": both})
    tags = TagSet([Tag("a", Did("order")), group, Tag("c", ~Did("order")), Tag("d", both)])
    text = json.dumps(tags.to_dict())

    def fault(change: Any) -> str:
        document = json.loads(text)
        change(document["tags"])
        with pytest.raises(InvalidDefinitionError) as caught:
            TagSet.from_dict(document)
        return caught.value.field

    assert fault(lambda t: t[3]["when"]["all"][1].update(within=30)) == "tags[3].when.all[1].within"
    assert fault(lambda t: t[2]["when"]["rule"].update(within=30)) == "tags[2].when.rule.within"
    assert fault(lambda t: t[1]["values"][1]["when"]["all"][1].update(withn=WITHIN)) == (
        "tags[1].values[1].when.all[1].withn"
    )
    assert fault(lambda t: t[0].update(when=KNOWN["value"])) == "tags[0].when"


def test_what_is_no_rule_is_refused_as_a_rule() -> None:
    """A duration, a term or a list is a document, but no rule's."""
    for document in (days(3).to_dict(), Attr("x").to_dict()):
        with pytest.raises(InvalidDefinitionError, match="is not a Rule"):
            Rule.from_dict(document)
    with pytest.raises(InvalidDefinitionError, match="is not a mapping"):
        Rule.from_dict([])


FRESH = """
import json, sys
from userops.rules import Rule
documents = json.load(sys.stdin)
print(json.dumps([Rule.from_dict(d).version for d in documents]))
loaded = [name for name in ("polars", "duckdb", "pandas", "scipy") if name in sys.modules]
assert not loaded, loaded
"""


def test_a_fresh_process_reads_rules_and_finds_the_same_versions() -> None:
    """Importing `Rule` alone is enough to read every node; versions are those of any process."""
    nodes = [node for node in NODES.values() if isinstance(node, Rule)]
    done = subprocess.run(
        [sys.executable, "-c", FRESH],
        input=json.dumps([node.to_dict() for node in nodes]),
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [node.version for node in nodes]


def test_a_version_is_the_hash_of_the_canonical_document() -> None:
    """Anybody can recompute it, and what a host has stored stays true."""
    rule = (Did("order").count() >= 2) & (Attr("city") == "杭州")
    canonical = (
        '{"all":[{"how":">=","to":2,"type":"Compare","value":{"events":{"event":"order","type":"Did"},'
        '"how":"count","type":"Aggregate"}},'
        '{"how":"==","to":"杭州","type":"Compare","value":{"name":"city","type":"Attr"}}],"type":"All"}'
    )

    assert rule.version == hashlib.sha256(canonical.encode()).hexdigest()[:16]


def test_versions_differ_where_content_does() -> None:
    """Every node has another version than every other one; 1, 1.0, True and "1" differ."""
    versions = [node.version for node in NODES.values()]
    assert len(set(versions)) == len({node.key for node in NODES.values()}) == len(versions)
    ones = [Attr("x") == value for value in (1, True, "1", 1.5)]
    assert len({rule.version for rule in ones}) == 4
    assert len({rule.key for rule in ones}) == 4
    midnight = dt.datetime.fromisoformat("2024-01-01T00:00")
    moments = [Attr("x") == dt.date(2024, 1, 1), Attr("x") == midnight]
    assert len({rule.version for rule in moments}) == 2


@pytest.mark.parametrize("kind", [set, frozenset])
def test_a_set_of_options_has_one_version(kind: Any) -> None:
    """The order of a set is another in each process, so options of a set stand in theirs."""
    words = ["lemon", "apple", "pear", "fig", "plum", "kiwi"]
    expected = Attr("x").is_in(sorted(words))

    assert Attr("x").is_in(kind(words)).to_dict() == expected.to_dict()
    assert Attr("x").is_in(kind([3, 1.5, 2])).options == (1.5, 2, 3)  # type: ignore[attr-defined]
    moments = [dt.datetime(2024, 1, day, tzinfo=tz) for day in (2, 1) for tz in (None, dt.UTC)]
    assert len(Attr("x").is_in(kind(moments)).options) == 4  # type: ignore[attr-defined]
    assert Attr("x").is_in(words).options == tuple(words)  # type: ignore[attr-defined]


def test_the_order_of_a_groups_values_is_part_of_its_version() -> None:
    """The first that holds is given, so another order is another group."""
    a, b = Did("order").count() >= 1, Did("order").count() >= 2
    versions = {
        TagGroup("g", {"x": a, "y": b}).version, TagGroup("g", {"y": b, "x": a}).version,
        TagGroup("g", {"x": b, "y": a}).version, TagGroup("g", {"y": a, "x": b}).version,
    }  # fmt: skip
    assert len(versions) == 4


def test_references_and_segments_are_documents_by_name() -> None:
    """A name stays a name; what it stands for is another definition."""
    segment = Segment("loyal", HasTag("level", "gold") & Did("order"))

    assert Segment.from_dict(json.loads(json.dumps(segment.to_dict()))) == segment
    assert {"type": "HasTag", "name": "level", "value": "gold"} in segment.to_dict()["when"]["all"]


@attrs.frozen(eq=False)
class Owner(CustomRule):
    share: float = 0.5
    code_version: ClassVar[str | None] = "1"

    def expand(self) -> Rule:
        return Did("order").count() > self.share


@attrs.frozen(eq=False)
class Unversioned(CustomRule):
    def expand(self) -> Rule:
        return Did("order")


@attrs.frozen(eq=False)
class Newer(Owner):
    code_version: ClassVar[str | None] = "2"


def test_own_rules_come_back_where_their_class_is_passed() -> None:
    """Classes of the user are passed by name; without them the error says how."""
    rule = Owner(0.25) & Did("order")
    document = json.loads(json.dumps(rule.to_dict()))

    assert Rule.from_dict(document, types=[Owner]) == rule
    with pytest.raises(InvalidDefinitionError, match=r"types=\[…\]") as caught:
        Rule.from_dict(document)
    assert caught.value.field == "all[0].type"


def test_code_of_ones_own_needs_a_version() -> None:
    """Code is not in the document, so a class declares its version; another is another rule."""
    with pytest.raises(InvalidDefinitionError, match="code_version"):
        _ = (Unversioned() & Did("order")).version
    assert Owner().version != Owner(0.1).version
    renamed = attrs.frozen(eq=False)(type("Owner", (Newer,), {}))
    assert renamed().to_dict() == Owner().to_dict()
    assert renamed().version != Owner().version
    assert renamed() != Owner()


def test_rules_compare_by_content_and_terms_by_same_as() -> None:
    """`==` of rules tells whether they say the same; of terms it builds a condition."""
    assert (Attr("x") == 1) == (Attr("x") == 1)
    assert (Attr("x") == 1) != (Attr("x") == 2)
    assert len({Did("order"), Did("order"), Did("scan")}) == 2
    assert Attr("x").same_as(Attr("x"))
    assert not Attr("x").same_as(Prop("x"))
    assert isinstance(Attr("x") == Attr("x"), Rule)
    assert (Did("order") == 3) is False
    assert ~~Did("order") == Did("order")


def test_every_definition_of_the_package_has_a_document() -> None:
    """Windows and durations too."""
    assert Duration.from_dict(days(3).to_dict()) == days(3)
    for name in rules.__all__:
        cls = getattr(rules, name)
        if isinstance(cls, type) and issubclass(cls, Node):
            assert issubclass(cls, Definition)
            assert importlib.import_module(cls.__module__).__name__.startswith("userops.rules.")
