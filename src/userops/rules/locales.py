"""The languages in which rules are said."""

from __future__ import annotations

from typing import Literal, TypeAlias

from userops.errors import InvalidArgumentError

__all__ = ["Locale", "check_locale"]

Locale: TypeAlias = Literal["en", "zh"]


def check_locale(locale: str) -> Locale:
    """Return a known locale.

    Raises:
        InvalidArgumentError: If it is neither `en` nor `zh`.
    """
    if locale not in ("en", "zh"):
        raise InvalidArgumentError.unknown("locale", str(locale), ("en", "zh"))
    return locale  # type: ignore[return-value]
