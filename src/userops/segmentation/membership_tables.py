"""How a table of memberships is read: the base population, and tags that have values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from userops.core.arrays import Columns, Ids
from userops.errors import InvalidArgumentError

__all__ = ["Base", "base_of", "with_values"]


@attrs.frozen(eq=False)
class Base:
    """The base population.

    Attributes:
        ids: The customers whose memberships are known.
        customers: How many there are in all.
        outside: Customers of the table who are not in it.
    """

    ids: Ids
    customers: int
    outside: int = 0


def base_of(customers: Any, ids: Ids, customer_id: str) -> Base:
    """Return the base population.

    Args:
        customers: Its size, a frame of its ids, or None for those of the table.
        ids: The customers of the table.
        customer_id: The column of ids in the frame.

    Raises:
        InvalidArgumentError: If it is smaller than the customers of the table.
    """
    if customers is None:
        return Base(ids, len(ids))
    if isinstance(customers, bool | float):
        raise InvalidArgumentError(
            "customers", "is no number of customers", got=customers, allowed="int, or a frame"
        )
    if isinstance(customers, int | np.integer):
        if customers < len(ids):
            raise InvalidArgumentError(
                "customers", "is smaller than the customers of the table", got=customers,
                allowed=f">= {len(ids)}", hint="pass a frame of ids to leave out all others",
            )  # fmt: skip
        return Base(ids, int(customers))
    listed = Columns.read(customers, [customer_id]).ids(customer_id)[0]
    outside = int((listed.positions_of(ids) < 0).sum())
    return Base(listed, len(listed), outside)


def with_values(
    tags: NDArray[np.int64],
    tag_names: Sequence[str],
    values: NDArray[np.int64],
    value_names: Sequence[str],
) -> tuple[NDArray[np.int64], list[str]]:
    """Split tags that have several values.

    Args:
        tags: The tag of each row; -1 for none.
        tag_names: The tags.
        values: The value of each row; -1 for none.
        value_names: The values.

    Returns:
        The set of each row, -1 for none, and the names of the sets.

    Raises:
        InvalidArgumentError: If two different tags and values make one name.
    """
    wide = len(value_names) + 1
    # The value behind the last stands for none.
    pairs = np.where(tags >= 0, tags * wide + np.where(values >= 0, values, wide - 1), -1)
    found, rows = np.unique(pairs, return_inverse=True)
    owners, whats = found // wide, found % wide
    is_valued = (found >= 0) & (whats < wide - 1)
    distinct = np.bincount(owners[is_valued], minlength=len(tag_names))
    sets = np.full(len(found), -1, dtype=np.int64)
    names: dict[str, tuple[int, int]] = {}
    for k in np.flatnonzero(found >= 0).tolist():
        tag, what = int(owners[k]), int(whats[k])
        if not is_valued[k] and distinct[tag]:
            continue
        name = tag_names[tag] if distinct[tag] < 2 else f"{tag_names[tag]}={value_names[what]}"
        if names.setdefault(name, (tag, what)) != (tag, what):
            raise InvalidArgumentError(
                "value", "two different tags and values make one name", got=repr(name),
                hint="rename the tag whose name holds an equals sign",
            )  # fmt: skip
        sets[k] = len(names) - 1
    return sets[rows], list(names)
