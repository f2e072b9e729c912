"""What callers say in the same way everywhere: a customer's id, and a policy for returns."""

from __future__ import annotations

from typing import Any, Literal, cast, get_args

from userops.errors import InvalidArgumentError, InvalidDefinitionError

__all__ = ["ReturnsPolicy", "check_returns", "customer_key"]

ReturnsPolicy = Literal["net", "separate", "ignore"]


def check_returns(policy: object) -> ReturnsPolicy:
    """Return a known policy.

    Raises:
        InvalidDefinitionError: If it is not known.
    """
    if policy not in get_args(ReturnsPolicy):
        raise InvalidDefinitionError(
            "returns", "is not known", got=policy, allowed="'net', 'separate', 'ignore'"
        )
    return cast("ReturnsPolicy", policy)


def customer_key(value: Any) -> str | int:
    """Return an id as Python's own text or integer; numpy's scalars come out of every frame.

    Raises:
        InvalidArgumentError: If it is neither.
    """
    if isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value):
        return str(value)
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return int(value)
    raise InvalidArgumentError(
        "customer_id", "cannot be an id", got=f"{value!r} ({type(value).__name__})",
        allowed="text or a whole number",
    )  # fmt: skip
