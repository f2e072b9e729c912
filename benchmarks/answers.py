"""Whether two implementations came to the same answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.child import Options, Prepared

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["difference", "prepare"]

_KEY = "customer_id"


def prepare(options: Options) -> Prepared:
    """Compare the answers in `out` and `against`."""
    assert options.out is not None
    assert options.against is not None
    ours, peer = options.out, options.against
    return Prepared(
        lambda: difference(ours, peer), numbers=lambda said: {"difference": said}
    )  # fmt: skip


def difference(ours: Path, peer: Path) -> str | None:
    """Say where two answers differ first, or None where they are the same, value for value."""
    facts = [json.loads((folder / "facts.json").read_text()) for folder in (ours, peer)]
    if facts[0] != facts[1]:
        names = sorted(set(facts[0]) | set(facts[1]))
        return "; ".join(
            f"{name}: {facts[0].get(name)} and {facts[1].get(name)}"
            for name in names
            if facts[0].get(name) != facts[1].get(name)
        )
    return _table_difference(_read(ours), _read(peer))


def _read(folder: Path) -> pa.Table:
    import pyarrow.feather

    table = pyarrow.feather.read_table(folder / "table.arrow")
    return table.sort_by(_KEY).combine_chunks()


def _table_difference(ours: pa.Table, peer: pa.Table) -> str | None:
    import pyarrow.compute as pc

    if sorted(ours.column_names) != sorted(peer.column_names):
        return f"columns {ours.column_names} and {peer.column_names}"
    if len(ours) != len(peer):
        return f"{len(ours):,} and {len(peer):,} customers"
    for name in (_KEY, *(n for n in ours.column_names if n != _KEY)):
        one, other = _plain(ours[name]), _plain(peer[name])
        if one.null_count or other.null_count:
            return f"nulls in {name}"
        differs = pc.not_equal(one, other)
        count = pc.sum(differs).as_py()
        if count:
            at = pc.index(differs, True).as_py()
            return (
                f"{name} of {count:,} customers, first {ours[_KEY][at]}: {one[at]} and {other[at]}"
            )
    return None


def _plain(column: Any) -> Any:
    """Return integers and text in one width, so that engines' own types can be compared."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    return column.cast(pa.large_string())
