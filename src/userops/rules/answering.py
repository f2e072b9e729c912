"""What a rule is asked by its user: the methods, apart from the nodes that they are called on.

The compilers are built of the nodes, so the nodes reach them through the package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    from userops.core.time import AsOf
    from userops.customers.customer import Customer
    from userops.customers.history import History
    from userops.events.columns import EventColumns, OrderColumns
    from userops.rules.explanation import RuleExplanation
    from userops.rules.locales import Locale

__all__ = ["Answerable", "Decidable", "Names", "SetOfTags", "rules_package"]


@runtime_checkable
class SetOfTags(Protocol):
    """A set of tags, which may stand where names of tags are asked for."""

    @property
    def by_name(self) -> Mapping[str, Any]:
        """Name to tag."""
        ...

    @property
    def segments(self) -> Sequence[Any]:
        """What the rules of its tags may name."""
        ...


# What references may name: name to a rule, or to something that gives one
# (`references.Referenced`), or several such with names of their own.
Names: TypeAlias = Mapping[str, Any] | Sequence[Any] | SetOfTags


def rules_package() -> Any:
    """Return the package, whose compilers are built of these nodes."""
    import userops.rules as package

    return package


class Answerable:
    """A rule or a value, as it is asked."""

    __slots__ = ()
    _asked: Any

    def answer_one(
        self,
        customer: Customer,
        as_of: AsOf,
        *,
        tags: Names | None = None,
        segments: Names | None = None,
    ) -> Any:
        """Answer for one customer in memory: true or false of a rule, or a term's value.

        Args:
            customer: The customer.
            as_of: Exclusive end of his history.
            tags: What `HasTag` may name: name to a rule or tag, or a set of tags.
            segments: What `InSegment` may name.
        """
        if tags is None and segments is None:
            asked = self._asked
        else:
            asked = rules_package().RuleSet({"answer": self}, tags=tags, segments=segments)
        return asked.answer_only(customer, as_of)

    def answer(
        self,
        history: History,
        as_of: AsOf,
        *,
        tags: Names | None = None,
        segments: Names | None = None,
        allow_python: bool = False,
    ) -> Any:
        """Answer for all customers: a frame of the host's type, `customer_id` and `answer`.

        Args:
            history: The events and attributes.
            as_of: Exclusive end of the history.
            tags: What `HasTag` may name: name to a rule or tag, or a set of tags.
            segments: What `InSegment` may name.
            allow_python: Whether what only Python can decide may run on a cluster.
        """
        asked = rules_package().RuleSet({"answer": self}, tags=tags, segments=segments)
        return asked.answer(history, as_of, allow_python=allow_python)


class Decidable:
    """A rule, as it is asked."""

    __slots__ = ()

    def customers(
        self,
        history: History,
        as_of: AsOf,
        *,
        tags: Names | None = None,
        segments: Names | None = None,
        allow_python: bool = False,
    ) -> Any:
        """Return the customers of whom the rule holds: `customer_id`, in the host's frame type.

        For the arguments see `answer`.
        """
        return rules_package().customers_of(
            self, history, as_of, tags=tags, segments=segments, allow_python=allow_python
        )

    def explain(
        self,
        customer: Customer,
        as_of: AsOf,
        *,
        tags: Names | None = None,
        segments: Names | None = None,
        locale: Locale = "en",
    ) -> RuleExplanation:
        """Say why the rule holds of a customer or not: the tree, with values and verdicts.

        For the arguments see `answer_one`.
        """
        found: RuleExplanation = rules_package().explained(
            self, customer, as_of, tags=tags, segments=segments, locale=locale
        )
        return found

    def matches(
        self, row: Mapping[str, Any], columns: OrderColumns | EventColumns, event: str = "order"
    ) -> bool:
        """Decide a rule of scope `event` for one row of the host.

        Args:
            row: Column name to value, as the host's table holds it.
            columns: The mapping that reads the table.
            event: What the event is called, for errors.
        """
        return rules_package().matches_event(self, row, columns, event)  # type: ignore[no-any-return]
