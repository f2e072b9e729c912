"""Identifiers: a channel's own ids for a person, and what each kind of them is worth.

A kind says how its values are written in one way (`normaliser`), which of them are nobody's
(`blocked`), how many of them one person can have (`most_per_person`), how strong a link through it
is (`priority`), and whether it may make one person of two at all (`can_merge`).
"""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NamedTuple

import attrs

from userops.core.blanks import strip
from userops.core.definitions import Definition
from userops.core.patterns import portable
from userops.core.time import DAY_US
from userops.customers.arguments import customer_key
from userops.errors import InvalidArgumentError, InvalidDefinitionError

__all__ = [
    "BLOCKED",
    "UNREADABLE",
    "Email",
    "Identifier",
    "IdentifierKind",
    "Normaliser",
    "Phone",
    "Trimmed",
    "is_trimmed",
    "kind_named",
    "undeclared",
]

# Why an id is nobody's.
BLOCKED, UNREADABLE = "blocked", "unreadable"


class Identifier(NamedTuple):
    """A channel's own id for a person.

    Attributes:
        kind: The name of a declared kind, such as `phone`.
        value: The value, as the normaliser writes it.
    """

    kind: str
    value: str

    def __str__(self) -> str:
        """Return `kind:value`."""
        return f"{self.kind}:{self.value}"


@attrs.frozen
class Normaliser(Definition, ABC):
    """How the values of a kind are written in one way.

    A subclass implements `normalise`, and declares a `code_version`. Values that it cannot read are
    quarantined, one by one; they never stop a resolution.
    """

    @abstractmethod
    def normalise(self, value: str) -> str | None:
        """Return a value in the one way in which it is written; None where it is no such id.

        Args:
            value: Text without blanks around it, at least one letter. Whole numbers come as their
                digits.
        """

    def fault(self, value: str) -> str:
        """Return why `normalise` finds that a value is no such id; empty where it cannot say.

        A subclass may implement it: what it says stands in the list of what is nobody's.

        Args:
            value: As for `normalise`, which has returned None for it.
        """
        return ""

    def read(self, value: str) -> tuple[str | None, str]:
        """Return a value as it is written, or None, and why it is none.

        Nothing that `normalise` raises comes out of it: one bad id is no reason to stop.
        """
        try:
            text = strip(value)
            given: object = self.normalise(text)  # a subclass may return anything
            if isinstance(given, str) and given:
                return given, ""
            why = self.fault(text)
        except Exception as error:
            return None, f"{UNREADABLE}: {type(error).__name__}: {error}"
        return None, f"{UNREADABLE}: {why}" if why else UNREADABLE


@attrs.frozen
class Trimmed(Normaliser):
    """The value without blanks around it; what is upper or lower case stays so."""

    def normalise(self, value: str) -> str | None:
        """Return the value."""
        return value


@attrs.frozen
class Email(Normaliser):
    """An e-mail address in lower case, with one `@` between two parts, and no blank.

    Lower case also before the `@`: no provider of today tells the two apart, though RFC 5321 (2.4)
    would let it.
    """

    def normalise(self, value: str) -> str | None:
        """Return the address in lower case."""
        name, at, domain = value.lower().rpartition("@")
        good = at and name and "." in domain.strip(".") and "@" not in name
        return f"{name}@{domain}" if good and not any(map(str.isspace, value)) else None


# What a phone number is written with, beside digits of any script: dots, brackets, hyphens, dashes
# and minus signs, plain and full-width. A plus stands before the first digit or nowhere.
_PHONE = re.compile(
    r"[\s(\uff08]*[+\uff0b]?[\d\s.()\u2010-\u2015\u2212\u30fc\uff08\uff09\uff0d\uff0e-]+"
)
_PHONE_OF_FLOAT = re.compile(r"[+\uff0b]?\d+[.\uff0e]0+")
# The names are those of `phonenumbers.ValidationResult`.
_LENGTH_FAULTS = {
    "INVALID_COUNTRY_CODE": "there is no such country code",
    "TOO_SHORT": "too short for a phone number of its country",
    "TOO_LONG": "too long for a phone number of its country",
    "IS_POSSIBLE_LOCAL_ONLY": "can be dialled within its own area alone",
    "INVALID_LENGTH": "not as long as any phone number of its country",
}


@attrs.frozen
class Phone(Normaliser):
    """A phone number as E.164 writes it, `+8613800138001`, by the package `phonenumbers`.

    Read are digits with the usual signs between them: blanks, hyphens, dots, brackets, and a `+`
    before. What is masked (`138****8001`), holds letters or an extension, ends in the `.0` of a
    float, has a length that its country does not know, can be dialled within one area alone, or
    repeats one digit is no number of anybody, and is put aside with the reason: read otherwise, it
    would make one person of strangers.

    Attributes:
        region: Country in which a number without `+` is read: two letters of ISO 3166-1.
        is_strict: Whether a number has to lie in a range that is in use, and not only be as long
            as one. Ranges are opened all the time, and an old list would refuse new ones.
    """

    region: str = attrs.field()
    is_strict: bool = attrs.field(default=False, kw_only=True)

    @region.validator
    def _check_region(self, _: object, region: object) -> None:
        import phonenumbers

        if region not in phonenumbers.SUPPORTED_REGIONS:
            raise InvalidDefinitionError(
                "region", "is no region with phone numbers", got=repr(region),
                allowed="two capital letters of ISO 3166-1, such as 'CN'",
            )  # fmt: skip

    def normalise(self, value: str) -> str | None:
        """Return the number in E.164, or None where it cannot be one."""
        return self._read(value)[0]

    def fault(self, value: str) -> str:
        """Return why a value is no phone number."""
        return self._read(value)[1]

    def _read(self, value: str) -> tuple[str | None, str]:
        import phonenumbers

        # Address books write marks of direction around a number, which nobody sees.
        seen = "".join(c for c in value if unicodedata.category(c) != "Cf")
        if not _PHONE.fullmatch(seen):
            return None, "holds what no phone number is written with"
        if _PHONE_OF_FLOAT.fullmatch(seen):
            return None, "ends in .0 as a float does; read the column as text"
        try:
            number = phonenumbers.parse(seen, self.region)
        except phonenumbers.NumberParseException:
            return None, "cannot be read as a phone number"
        possible = phonenumbers.is_possible_number_with_reason(number)
        if possible != phonenumbers.ValidationResult.IS_POSSIBLE:
            return None, _LENGTH_FAULTS[phonenumbers.ValidationResult.to_string(possible)]
        if len(set(phonenumbers.national_significant_number(number))) == 1:
            return None, "is one digit over and over"
        if self.is_strict and not phonenumbers.is_valid_number(number):
            return None, "lies in no range that is in use"
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), ""


def _texts(value: Iterable[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@attrs.frozen
class IdentifierKind(Definition):
    """A kind of identifier, and what it is worth as evidence that two ids are one person's.

    Attributes:
        name: Such as `phone`, `openid`, `unionid`, `external_userid`, `taobao_id`, `email`.
        normaliser: How its values are written in one way.
        blocked: Values that are nobody's, such as the number that clerks type where a customer
            gives none. They are read by the normaliser too; one that it cannot read links nothing
            as it is. A blocked value links nothing.
        blocked_patterns: Patterns of such values, searched in the normalised value; see
            `userops.core.patterns`.
        most_per_person: How many of them one person can have; None for any number. A link that
            would give a person more is not made, but put up for review.
        within_days: Where given, `most_per_person` counts those first seen within any so many days,
            so that somebody may change his number now and then.
        priority: How strong a link through this kind is; of two links that cannot both be true the
            one of higher priority is made. A link is as strong as the weaker of its two ids.
        can_merge: Whether it may make one person of two. A device or a postal address may not: it
            joins at most one person.

    Raises:
        InvalidDefinitionError: If a field is out of range, or a blocked value is no text.
    """

    name: str = attrs.field()
    normaliser: Normaliser = attrs.field(factory=Trimmed, kw_only=True)
    blocked: tuple[str, ...] = attrs.field(default=(), converter=_texts, kw_only=True)
    blocked_patterns: tuple[str, ...] = attrs.field(default=(), converter=_texts, kw_only=True)
    most_per_person: int | None = attrs.field(default=None, kw_only=True)
    within_days: int | None = attrs.field(default=None, kw_only=True)
    priority: int = attrs.field(default=0, kw_only=True)
    can_merge: bool = attrs.field(default=True, kw_only=True)

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be meant."""
        name: object = self.name
        if not isinstance(name, str) or not name or ":" in name or strip(name) != name:
            raise InvalidDefinitionError(
                "name", "cannot name a kind", got=repr(name), allowed="text without a colon"
            )
        if not isinstance(self.normaliser, Normaliser):
            raise InvalidDefinitionError(
                "normaliser", "is no normaliser", got=repr(self.normaliser),
                allowed="Trimmed(), Email(), Phone('CN'), or a subclass of Normaliser",
            )  # fmt: skip
        for field in ("most_per_person", "within_days"):
            value: object = getattr(self, field)
            if value is not None and (type(value) is not int or value < 1):
                raise InvalidDefinitionError(
                    field, "must be a whole number from 1 on", got=repr(value)
                )
        if self.within_days is not None and self.most_per_person is None:
            raise InvalidDefinitionError("within_days", "needs most_per_person")
        if type(self.priority) is not int or abs(self.priority) > 1_000_000:
            raise InvalidDefinitionError(
                "priority", "must be a whole number within a million", got=repr(self.priority)
            )
        if type(self.can_merge) is not bool:
            raise InvalidDefinitionError(
                "can_merge", "must be True or False", got=repr(self.can_merge)
            )
        for pattern in self.blocked_patterns:
            portable(pattern)
        for value in self.blocked:
            if not isinstance(value, str):
                raise InvalidDefinitionError(
                    "blocked", "holds a value that is no text", got=repr(value), allowed="text"
                )

    @cached_property
    def blocked_values(self) -> frozenset[str]:
        """The blocked values as the normaliser writes them."""
        read = (self.normaliser.read(value)[0] for value in self.blocked)
        return frozenset(value for value in read if value is not None)

    @property
    def within_us(self) -> int | None:
        """The length of the window of `most_per_person` in microseconds."""
        return None if self.within_days is None else self.within_days * DAY_US

    def written(self, value: Any) -> tuple[str | None, str]:
        """Return one value as it is written, or None, and why it is nobody's.

        Args:
            value: Text or a whole number, Python's or numpy's.
        """
        try:
            text = strip(str(customer_key(value)))
        except InvalidArgumentError:
            text = ""
        found, why = self.normaliser.read(text) if text else (None, UNREADABLE)
        if found is not None and self.is_blocked(found):
            return None, BLOCKED
        return found, why

    def read(self, value: Any) -> str:
        """Return one value as it is written.

        Raises:
            InvalidArgumentError: If it cannot be read, or is nobody's.
        """
        found, why = self.written(value)
        if found is None:
            raise InvalidArgumentError(
                "value", f"is no {self.name}: {why}", got=repr(value), allowed="text, or digits"
            )
        return found

    def is_blocked(self, value: str) -> bool:
        """Whether a normalised value is nobody's."""
        return value in self.blocked_values or self.has_blocked_pattern(value)

    def has_blocked_pattern(self, value: str) -> bool:
        """Whether a normalised value is nobody's by a pattern."""
        return any(portable(pattern).python.search(value) for pattern in self.blocked_patterns)


def undeclared(kind: str, declared: Iterable[str]) -> InvalidArgumentError:
    """Return the error for a kind that a graph does not declare; offers the nearest."""
    known = InvalidArgumentError.unknown("kind", kind, declared)
    return InvalidArgumentError(
        "kind", f"{kind!r} is not declared", allowed=known.allowed,
        hint=(f"{known.hint} " if known.hint else "")
        + f"declare it: IdentityGraph([…, IdentifierKind({kind!r})])",
    )  # fmt: skip


def is_trimmed(normaliser: Normaliser) -> bool:
    """Whether a normaliser takes away blanks and does no more; a subclass of `Trimmed` may do."""
    return type(normaliser).normalise is Trimmed.normalise


def kind_named(kinds: Iterable[IdentifierKind], name: str) -> IdentifierKind:
    """Return a kind by its name.

    Raises:
        InvalidArgumentError: If it is not declared; names the nearest.
    """
    declared = {kind.name: kind for kind in kinds}
    if name not in declared:
        raise undeclared(str(name), declared)
    return declared[name]
