"""How the tags of a set are computed: as columns of all customers, and for one of them.

Each tag asks for flags or a value; all of them are answered by one `RuleSet`, so that each table of
the history is looked at once, whatever the number of tags.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.errors import ColumnTypeError
from userops.events.columns import CUSTOMER_ID
from userops.rules import Attr, Rule, RuleSet
from userops.segmentation.tag_base import ASSIGN, Decided, decision_of, is_decided, value_column
from userops.segmentation.tags import AnyTag, PreferenceTag

if TYPE_CHECKING:
    from userops.core.time import AsOf
    from userops.customers import Customer, History
    from userops.segmentation.segments import Segment

__all__ = ["PLACE", "TAG", "VALUE", "Effective", "Tagging"]

TAG, VALUE, PLACE = "tag", "value", "place"
_COLUMN = "userops__column"


class _Wanted(NamedTuple):
    """A column of the wide form.

    Attributes:
        tag: The tag.
        flags: Member of the rule set to the value that it gives; the first that holds counts.
        term: Member that is the value itself.
        enough: Member that must hold for the term to count.
        decision: Member that is the latest decision by hand.
    """

    tag: str
    flags: Mapping[str, str]
    term: str | None = None
    enough: str | None = None
    decision: str | None = None


class Effective:
    """A tag as other rules name it: with the decisions by hand."""

    def __init__(self, tag: AnyTag, *, decided: Decided) -> None:
        self.tag, self.decided = tag, decided

    def as_rule(self, value: str | None = None) -> Rule:
        """Return the rule that a customer has the tag, or one value of it."""
        return self.tag.as_rule(value, decided=self.decided)


class Tagging:
    """Tags that are ready to be computed.

    Args:
        tags: The tags, fitted where they need it.
        segments: What `InSegment` may name.
        decided: Names of the decisions by hand that there are; True allows for any, False for none.
    """

    def __init__(
        self, tags: Sequence[AnyTag], segments: Sequence[Segment], *, decided: Decided = False
    ) -> None:
        self.tags = tuple(tags)
        self.several = frozenset(tag.name for tag in self.tags if tag.has_several)
        self.wanted: list[_Wanted] = []
        self._decided = decided
        self._allow_python = False
        members: dict[str, Any] = {}
        for number, tag in enumerate(self.tags):
            self._want(number, tag, members)
        effective = {tag.name: Effective(tag, decided=decided) for tag in self.tags}
        self.rules = RuleSet(members, tags=effective, segments={s.name: s for s in segments})

    def allowing(self, *, python: bool) -> Tagging:
        """Return the same tags, with rules that only Python can decide allowed everywhere."""
        if python == self._allow_python:
            return self
        more = copy.copy(self)
        more._allow_python = python
        return more

    def _want(self, number: int, tag: AnyTag, members: dict[str, Any]) -> None:
        if isinstance(tag, PreferenceTag):
            members[f"t{number}"] = tag.term
            if tag.enough is not None:
                members[f"e{number}"] = tag.enough
            enough = None if tag.enough is None else f"e{number}"
            columns = [_Wanted(tag.name, {}, f"t{number}", enough)]
        else:
            rules = tag.decided_rules(self._decided, in_order=True)
            flags = {f"r{number}_{place}": value for place, value in enumerate(rules)}
            members |= dict(zip(flags, rules.values(), strict=True))
            one_by_one = [{flag: value} for flag, value in flags.items()]
            columns = [_Wanted(tag.name, f) for f in (one_by_one if tag.has_several else [flags])]
        for place, wanted in enumerate(columns):
            value = next(iter(wanted.flags.values())) if tag.has_several else None
            decision, name = None, decision_of(tag.name, value)
            if is_decided(self._decided, name):
                decision = f"d{number}_{place}"
                members[decision] = Attr(name)
            self.wanted.append(wanted._replace(decision=decision))

    # Columns

    def columns(self, history: History, as_of: AsOf, *, everybody: bool) -> frames.Frame:
        """Return `customer_id` and a text column `c0`, `c1` … for each of `wanted`."""
        frame = self._members(history, as_of, everybody=everybody)
        values = (self._value(w).alias(f"c{i}") for i, w in enumerate(self.wanted))
        return frame.select(CUSTOMER_ID, *values)

    def coded(self, history: History, as_of: AsOf) -> frames.Frame:
        """Return the same with a letter before each value: how the customer came to it.

        `r` by rule, `h` by hand; `x` alone says that the tag was taken by hand.
        """
        frame = self._members(history, as_of, everybody=False)
        codes = (self._code(w).alias(f"c{i}") for i, w in enumerate(self.wanted))
        return frame.select(CUSTOMER_ID, *codes)

    def _members(self, history: History, as_of: AsOf, *, everybody: bool) -> frames.Frame:
        frame = self.rules.columns(
            history, as_of,
            everybody=everybody or self.rules.can_hold_of_nobody(history),
            allow_python=self._allow_python,
        )  # fmt: skip
        schema = frame.collect_schema()
        for wanted in self.wanted:
            dtype = None if wanted.term is None else schema[wanted.term]
            if dtype is not None and not (dtype == nw.String or dtype.is_integer()):
                raise _no_text(wanted.tag, dtype)
        return frame

    def _value(self, wanted: _Wanted) -> Any:
        value: Any
        given: Any
        if wanted.term is None:
            value = nw.lit(None, nw.String)
            for flag, given in reversed(list(wanted.flags.items())):
                value = nw.when(nw.col(flag)).then(nw.lit(given)).otherwise(value)
            return value
        value = nw.col(wanted.term).cast(nw.String)
        if wanted.enough is not None:
            value = nw.when(nw.col(wanted.enough)).then(value)
        if wanted.decision is not None:
            decision = nw.col(wanted.decision)
            given = decision.str.starts_with(ASSIGN).fill_null(False)
            value = nw.when(decision.is_null()).then(value)
            value = nw.when(given).then(decision.str.slice(len(ASSIGN))).otherwise(value)
        return value.cast(nw.String)

    def _code(self, wanted: _Wanted) -> Any:
        value = self._value(wanted)
        if wanted.decision is None:
            return nw.concat_str(nw.lit("r"), value)
        is_decided = ~nw.col(wanted.decision).is_null()
        by_hand: Any = nw.when(value.is_null()).then(nw.lit("x"))
        by_hand = by_hand.otherwise(nw.concat_str(nw.lit("h"), value))
        return nw.when(is_decided).then(by_hand).otherwise(nw.concat_str(nw.lit("r"), value))

    def long(self, source: frames.Source, wide: frames.Frame) -> frames.Frame:
        """Return `customer_id`, `tag`, `value`: one row for each known column of a customer."""
        return self._stacked(source, wide, {TAG: [w.tag for w in self.wanted]})

    def long_with_place(self, source: frames.Source, wide: frames.Frame) -> frames.Frame:
        """Return the same with `place`: the value that a decision is about, or an empty text.

        With the customer and the tag it is what at most one row stands for.
        """
        places: list[str] = [
            next(iter(w.flags.values())) if w.tag in self.several else "" for w in self.wanted
        ]
        names = {TAG: [w.tag for w in self.wanted], PLACE: places}
        return self._stacked(source, wide, names)

    def _stacked(
        self, source: frames.Source, wide: frames.Frame, said: Mapping[str, list[str]]
    ) -> frames.Frame:
        columns = [f"c{i}" for i, _ in enumerate(self.wanted)]
        if source.is_arrow:
            parts = [
                wide.filter(~nw.col(column).is_null()).select(
                    CUSTOMER_ID,
                    *(nw.lit(texts[i]).alias(name) for name, texts in said.items()),
                    nw.col(column).alias(VALUE),
                )
                for i, column in enumerate(columns)
            ]
            return frames.concat_rows(parts)
        rows = frames.unpivoted(source, wide, columns, index=CUSTOMER_ID, name=_COLUMN, value=VALUE)
        table = frames.small_table(
            [
                {_COLUMN: column, **{name: texts[i] for name, texts in said.items()}}
                for i, column in enumerate(columns)
            ],
            dict.fromkeys((_COLUMN, *said), "text"),
        )
        named = rows.join(frames.read(source.give_rows(table)).frame, on=_COLUMN, how="inner")
        return named.select(CUSTOMER_ID, *said, VALUE)

    def named(self, wide: frames.Frame) -> frames.Frame:
        """Return the wide form with a column a tag; of a group that gives all, a flag a value."""
        columns = []
        for i, wanted in enumerate(self.wanted):
            column = nw.col(f"c{i}")
            if wanted.tag in self.several:
                (value,) = wanted.flags.values()
                columns.append((~column.is_null()).alias(value_column(wanted.tag, value)))
            else:
                columns.append(column.alias(wanted.tag))
        return wide.select(CUSTOMER_ID, *columns)

    # One customer

    def one(self, customer: Customer, before_us: int) -> dict[str, Any]:
        """Return tag to value, or to several values; tags that he has not are left out."""
        view, readings = self.rules.reading(customer, before_us)
        found = {name: reading.read(view) for name, reading in readings}
        money = {name for name, reading in readings if reading.kind == "money"}
        answer: dict[str, Any] = {}
        for wanted in self.wanted:
            value = _value_of(wanted, found, money)
            if value is None:
                continue
            if wanted.tag in self.several:
                answer[wanted.tag] = (*answer.get(wanted.tag, ()), value)
            else:
                answer[wanted.tag] = value
        return answer


def _value_of(wanted: _Wanted, found: Mapping[str, Any], money: set[str]) -> str | None:
    if wanted.term is None:
        return next((value for flag, value in wanted.flags.items() if found[flag]), None)
    decision = None if wanted.decision is None else found[wanted.decision]
    if decision is not None:
        return decision.removeprefix(ASSIGN) if decision.startswith(ASSIGN) else None
    if wanted.enough is not None and not found[wanted.enough]:
        return None
    value = found[wanted.term]
    if value is None or value.__class__ is str:
        return value
    if value.__class__ is not int or wanted.term in money:
        raise _no_text(wanted.tag, type(value).__name__)
    return str(value)


def _no_text(tag: str, got: object) -> ColumnTypeError:
    return ColumnTypeError(
        tag, "would prefer values that are no text", got=got, allowed="text, or whole numbers",
        hint="a preference is for something that has a name, such as a category",
    )  # fmt: skip
