"""How many persons each channel has, and which channels share them."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from userops.charts import plot_upset
from userops.core.bits import Words, pack_flags, patterns
from userops.customers.resolved import Resolved
from userops.customers.result_tables import result_table
from userops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from userops.charts import Language

__all__ = ["Channels", "channels_of"]

_TITLES = {"en": "Persons by the kinds of identifier they have", "zh": "各渠道标识组合的人数"}
_SHOWN = 10


@attrs.frozen(eq=False, repr=False)
class Channels:
    """Persons by the kinds of identifier that they have.

    Attributes:
        identifiers: Kind to how many identifiers there are.
        persons: Kind to how many persons have one.
        combinations: Each combination of kinds that somebody has, in the order of the kinds, to how
            many persons have these and no other; the largest first.
        kinds: All kinds that are declared, also those that nobody has.
    """

    identifiers: Mapping[str, int]
    persons: Mapping[str, int]
    combinations: Mapping[tuple[str, ...], int]
    kinds: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many persons there are."""
        return sum(self.combinations.values())

    def shared(self, *kinds: str) -> int:
        """Return how many persons have an identifier of each of some kinds.

        Raises:
            InvalidArgumentError: If a kind is not declared; names the nearest.
        """
        for kind in kinds:
            if kind not in self.kinds:
                raise InvalidArgumentError.unknown("kinds", str(kind), self.kinds)
        wanted = set(kinds)
        return sum(n for combination, n in self.combinations.items() if wanted <= set(combination))

    def table(self, like: Any) -> Any:
        """Return a frame of the type of another: `kinds`, `persons`, `share` of all persons."""
        rows = [
            {"kinds": " + ".join(kinds), "persons": persons, "share": persons / self.total}
            for kinds, persons in self.combinations.items()
        ]
        return result_table(like, rows, {"kinds": "text", "persons": "int", "share": "float"})

    def plot(self, *, most: int = 20, locale: Language = "en", ax: Axes | None = None) -> Axes:
        """Draw the combinations as an UpSet chart.

        Args:
            most: How many to draw.
            locale: `en` or `zh`.
            ax: Where to draw; None makes a new figure.
        """
        return plot_upset(
            list(self.persons), sizes=list(self.persons.values()),
            intersections=list(self.combinations.items()), most=most,
            title=_TITLES.get(locale, ""), language=locale, ax=ax,
        )  # fmt: skip

    def __repr__(self) -> str:
        """Return the kinds, and the largest combinations."""
        lines = [f"Channels of {self.total:,} persons"]
        lines += [
            f"  {kind}: {n:,} persons, {self.identifiers[kind]:,} identifiers"
            for kind, n in self.persons.items()
        ]
        few = list(self.combinations.items())[:_SHOWN]
        lines += [f"  {' + '.join(kinds)} alone: {n:,}" for kinds, n in few]
        left = len(self.combinations) - len(few)
        return "\n".join(lines + ([f"  … and {left:,} more combinations"] if left else []))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td style='text-align:left'>{html.escape(' + '.join(kinds))}</td>"
            f"<td>{n:,}</td><td>{n / self.total:.1%}</td></tr>"
            for kinds, n in list(self.combinations.items())[:_SHOWN]
        )
        return (
            f"<table><caption>{self.total:,} persons</caption>"
            f"<tr><th>kinds</th><th>persons</th><th>share</th></tr>{rows}</table>"
        )


def channels_of(found: Resolved) -> Channels:
    """Count persons by the kinds of identifier that they have."""
    persons = int(found.made.person.max()) + 1 if len(found.nodes) else 0
    has: list[Words] = []
    identifiers: dict[str, int] = {}
    kinds: list[str] = []
    for number, kind in enumerate(found.kinds):
        mine = found.made.person[found.nodes.kind == number]
        if len(mine):
            flags = np.zeros(persons, dtype=np.bool_)
            flags[mine] = True
            has.append(pack_flags(flags))
            kinds.append(kind.name)
            identifiers[kind.name] = len(mine)
    sets = patterns(np.stack(has), persons) if has else []
    sets.sort(key=lambda one: (-one[1], sum(1 << n for n in one[0])))
    combinations = {tuple(kinds[n] for n in mine): count for mine, count in sets if mine}
    of_kind = {
        kind: sum(n for combination, n in combinations.items() if kind in combination)
        for kind in kinds
    }
    return Channels(identifiers, of_kind, combinations, tuple(k.name for k in found.kinds))
