"""Definitions: frozen objects that turn into documents and back, versioned by their content.

A document omits what is default. Where several classes could stand, it names its `type`, the name
of the class; classes that are not the library's own are passed to `from_dict`, so there is no
registry. What JSON has no word for is typed as well: `{"type": "date", "value": "2024-01-31"}`,
`datetime` alike (ISO 8601), and `{"type": "number", "value": "inf"}`.

The version is a hash of the canonical document. A subclass with code of its own declares
`code_version`, because code is not in the document.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import inspect
import json
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Self

import attrs

from userops.errors import InvalidDefinitionError, listed, nearest

__all__ = ["Definition"]


_MAPPING = "mapping"
# Each level is two calls or so, of the thousand that Python allows.
_DEEPEST = 256
_VALUES: dict[str, Callable[[str], Any]] = {
    "date": dt.date.fromisoformat,
    "datetime": dt.datetime.fromisoformat,
    "number": float,
}


@attrs.frozen
class Definition:
    """Base of every definition.

    Attributes:
        code_version: Declared by a subclass outside userops; part of its version.
    """

    code_version: ClassVar[str | None] = None

    def to_dict(self) -> dict[str, Any]:
        """Return the document: JSON types only, defaults omitted."""
        document: dict[str, Any] = {"type": type(self).__name__}
        for field in attrs.fields(type(self)):
            value = getattr(self, field.name)
            if field.init and not _is_default(field, value):
                document[field.alias] = _to_document(value)
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any], *, types: Iterable[type] = ()) -> Self:
        """Build the definition that a document describes.

        Args:
            document: What `to_dict` returned.
            types: The user's own classes that may stand in the document.

        Raises:
            InvalidDefinitionError: Names the path to the fault, and what is allowed there.
        """
        if not isinstance(document, Mapping):
            raise InvalidDefinitionError(
                "document", "is not a mapping", got=type(document).__name__,
                allowed="what to_dict returned",
            )  # fmt: skip
        depth = _depth(document)
        if depth > _DEEPEST:
            raise InvalidDefinitionError(
                "document", "has too many levels inside each other", got=depth,
                allowed=f"up to {_DEEPEST} mappings and lists",
            )  # fmt: skip
        known = _Classes((*types, cls))
        built = _from_document(document, known, "", cls.__name__)
        if not isinstance(built, cls):
            raise InvalidDefinitionError(
                "type", f"is not a {cls.__name__}", got=document.get("type"), allowed=cls.__name__
            )
        return built

    @property
    def version(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the canonical document.

        Raises:
            InvalidDefinitionError: If a class outside userops declares no `code_version`.
        """
        document = _with_code_versions(self)
        text = json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Classes:
    """The classes that a document may name: the caller's own, then the library's."""

    def __init__(self, given: Iterable[type]) -> None:
        self._found = {t.__name__: t for t in (*_subclasses(Definition), *given)}

    def named(self, name: object) -> type | None:
        """Return a class by its name; a module of the library is imported for it if need be."""
        if not isinstance(name, str):
            return None
        return self._found.get(name) or next(_exported({name}), None)

    def names(self) -> list[str]:
        """Return all names that are known, in order."""
        names = {*self._found, *(cls.__name__ for cls in _exported(None))}
        return sorted(name for name in names if not name.startswith("_"))

    def fitting(self, place: str) -> list[str]:
        """Return the names of the classes that may stand where an annotation says what may."""
        words = set(re.findall(r"\w+", place))
        bases = tuple(base for base in _below(Definition) if base.__name__ in words)
        return [name for name in self.names() if issubclass(self.named(name) or object, bases)]


def _below(cls: type[Any]) -> Iterator[type[Any]]:
    direct: type[Any]
    for direct in cls.__subclasses__():
        yield direct
        yield from _below(direct)


def _exported(wanted: set[str] | None) -> Iterator[type]:
    """Yield the definitions that the library's packages export by lazy names, not yet imported."""
    for title, package in list(sys.modules.items()):
        if not title.startswith("userops.") or not hasattr(package, "__path__"):
            continue
        for name in getattr(package, "__all__", ()):
            found = getattr(package, name, None) if wanted is None or name in wanted else None
            if not isinstance(found, type) or not issubclass(found, Definition):
                continue
            if not inspect.isabstract(found):
                yield found


def _subclasses(cls: type[Any]) -> list[type[Any]]:
    """Return the library's own classes below `cls`; the user's are passed by name."""
    below: list[type[Any]] = []
    for direct in cls.__subclasses__():
        below += [direct, *_subclasses(direct)]
    return [s for s in below if s.__module__.startswith("userops.") and not inspect.isabstract(s)]


def _is_default(field: attrs.Attribute[Any], value: object) -> bool:
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        default = default.factory()
    return default is not attrs.NOTHING and type(value) is type(default) and value == default


def _to_document(value: Any) -> Any:
    if isinstance(value, Definition):
        return value.to_dict()
    if isinstance(value, Mapping):
        pairs = {str(key): _to_document(item) for key, item in value.items()}
        if "type" not in pairs:
            return pairs
        # A plain mapping with this key would be taken for a definition.
        return {"type": _MAPPING, "items": [list(pair) for pair in pairs.items()]}
    if isinstance(value, tuple | list):
        return [_to_document(item) for item in value]
    if isinstance(value, Fraction | Decimal):
        return str(value)
    if isinstance(value, dt.date):
        kind = "datetime" if isinstance(value, dt.datetime) else "date"
        return {"type": kind, "value": value.isoformat()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"type": "number", "value": str(value)}
    return value


def _with_code_versions(definition: Definition) -> dict[str, Any]:
    cls = type(definition)
    is_own = cls.__module__.split(".")[0] == "userops"
    if not is_own and cls.code_version is None:
        raise InvalidDefinitionError(
            "code_version",
            f"is not declared by {cls.__qualname__}",
            hint="a class with code of its own says which version of the code it is: "
            'code_version: ClassVar[str] = "1"',
        )
    document = definition.to_dict()
    for field in attrs.fields(cls):
        value = getattr(definition, field.name)
        if field.alias in document:
            document[field.alias] = _walk(value, _with_code_versions)
    return document | ({} if is_own else {"code_version": cls.code_version})


def _walk(value: Any, of_definition: Callable[[Definition], Any]) -> Any:
    if isinstance(value, Definition):
        return of_definition(value)
    if isinstance(value, tuple | list):
        return [_walk(item, of_definition) for item in value]
    if isinstance(value, Mapping):
        return {str(key): _walk(item, of_definition) for key, item in value.items()}
    return _to_document(value)


def _depth(document: Any) -> int:
    """Return how many mappings and lists lie inside each other, level by level."""
    depth, level = 0, [document]
    while level := [item for item in level if isinstance(item, Mapping | list)]:
        depth += 1
        insides = (item.values() if isinstance(item, Mapping) else item for item in level)
        level = [item for inside in insides for item in inside]
    return depth


def _from_document(document: Any, known: _Classes, path: str, place: str) -> Any:
    """Build what a document describes; `place` is the annotation of where it stands."""
    if isinstance(document, list):
        return [_from_document(d, known, f"{path}[{i}]", place) for i, d in enumerate(document)]
    if not isinstance(document, Mapping):
        return document
    if "type" not in document:
        return {k: _from_document(v, known, f"{path}[{k!r}]", place) for k, v in document.items()}
    name = document["type"]
    if name == _MAPPING:
        return {k: _from_document(v, known, f"{path}[{k!r}]", place) for k, v in document["items"]}
    if isinstance(name, str) and name in _VALUES:
        return _value(document, path)
    cls = known.named(name)
    if cls is None:
        raise _unknown_class(name, known, path, place)
    fields = {f.alias: f for f in attrs.fields(cls) if f.init}
    arguments = {}
    for key, value in document.items():
        if key == "type":
            continue
        if key not in fields:
            close = nearest(key, fields)
            raise InvalidDefinitionError(
                f"{path}.{key}".lstrip("."),
                f"is not a field of {name}",
                allowed=", ".join(fields) or "no fields",
                hint=f"did you mean {close!r}?" if close else None,
            )
        arguments[key] = _from_document(value, known, f"{path}.{key}", str(fields[key].type))
    needed = [f.alias for f in fields.values() if f.default is attrs.NOTHING]
    for key in needed:
        if key not in arguments:
            raise InvalidDefinitionError(
                f"{path}.{key}".lstrip("."), f"is missing, and {name} needs it",
                got=", ".join(arguments) or "nothing", allowed=", ".join(fields),
            )  # fmt: skip
    try:
        return cls(**arguments)
    except InvalidDefinitionError as error:
        raise InvalidDefinitionError(
            f"{path}.{error.field}".lstrip("."),
            error.problem.partition(": ")[2],
            got=error.got,
            allowed=error.allowed,
            hint=error.hint,
        ) from error
    except (TypeError, ValueError, ArithmeticError) as error:
        raise InvalidDefinitionError(path.lstrip(".") or name, str(error)) from error


def _unknown_class(name: object, known: _Classes, path: str, place: str) -> InvalidDefinitionError:
    """Return the error for a class that is not known, with those that fit the place."""
    fitting = known.fitting(place)
    close = nearest(str(name), fitting) or nearest(str(name), known.names())
    return InvalidDefinitionError(
        f"{path}.type".lstrip("."),
        f"{name!r} is not a known class",
        allowed=listed(fitting) if fitting else None,
        hint=(f"did you mean {close!r}? " if close else "")
        + "your own classes are passed with types=[…]",
    )


def _value(document: Mapping[str, Any], path: str) -> Any:
    """Read a typed document of a single value."""
    kind, value = document["type"], document.get("value")
    try:
        if set(document) == {"type", "value"} and isinstance(value, str):
            return _VALUES[kind](value)
    except ValueError:
        pass
    raise InvalidDefinitionError(
        f"{path}.value".lstrip("."), f"is no {kind}", got=dict(document),
        allowed='{"type": "date", "value": "2024-01-31"}, and ISO 8601 for a datetime',
    )  # fmt: skip
