"""Several rules and values, asked together: each table is looked at once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw

from userops.core import frames
from userops.core.money import major_expr, major_float
from userops.core.time import DAY_US, AsOf, as_of_us, datetime_of
from userops.core.values import Day, Instant
from userops.customers.customer import Customer
from userops.customers.given import as_customer, as_history
from userops.errors import InvalidDefinitionError
from userops.events.columns import CUSTOMER_ID
from userops.rules.answering import Names
from userops.rules.custom import CustomRule, expanded
from userops.rules.facts import Facts
from userops.rules.node import Node, Rule, Term, walked
from userops.rules.one_customer import CustomerPlan, View, plan_of
from userops.rules.pilot import Pilot
from userops.rules.ranking import FittedTopN
from userops.rules.reading import Column, Reading
from userops.rules.references import resolved

if TYPE_CHECKING:
    from userops.customers.history import History

__all__ = ["RuleSet"]


class _Planned(NamedTuple):
    """The functions for customers who are read in one way.

    Attributes:
        plan: What made them.
        readings: Name of a member to its function.
        answers: The same, ready to be called; with the reading where a value is to be turned into
            what users see, and None where it is a flag.
    """

    plan: CustomerPlan
    readings: list[tuple[str, Reading]]
    answers: list[tuple[str, Callable[[Any], Any], Reading | None]]


class RuleSet:
    """Named rules and values of customers, answered together.

    Args:
        members: Name to a rule or a value of scope `customer`.
        tags: What `HasTag` may name.
        segments: What `InSegment` may name.

    Raises:
        InvalidDefinitionError: If a member is about one event, or is neither rule nor value.
        InvalidArgumentError: If a reference cannot be resolved.

    Example:
        >>> from userops import Customer
        >>> from userops.events import OrderColumns
        >>> from userops.rules import Did, days
        >>> columns = OrderColumns(customer_id="who", ordered_at="at", amount="paid")
        >>> rows = [{"who": "a", "at": "2024-01-05", "paid": 9.5}]
        >>> customer = Customer.from_rows("a", {"order": rows}, {"order": columns})
        >>> asked = RuleSet(
        ...     {"active": Did("order").within(days(30)), "spent": Did("order").sum("amount")}
        ... )
        >>> asked.answer_one(customer, "2024-02-01")
        {'active': True, 'spent': 9.5}
    """

    def __init__(
        self,
        members: Mapping[str, Rule | Term],
        *,
        tags: Names | None = None,
        segments: Names | None = None,
    ) -> None:
        given: object = members
        if not isinstance(given, Mapping) or not given:
            raise InvalidDefinitionError(
                "members", "must map names to rules", got=repr(members),
                allowed="{'active': Did('order').within(days(30))}",
            )  # fmt: skip
        for name, member in members.items():
            if name == "":
                raise InvalidDefinitionError("members", "has a member without a name")
            _check_member(str(name), member)
        self.members: dict[str, Rule | Term] = {
            str(name): expanded(resolved(expanded(member), tags=tags, segments=segments))
            for name, member in members.items()
        }
        self._plans: dict[Any, _Planned] = {}
        # How the last customer was read, the last `as_of`, and what both came to.
        self._last: tuple[Any, Any, Any, int] = (None, None, None, 0)

    # One customer

    def answer_one(self, customer: Customer, as_of: AsOf) -> dict[str, Any]:
        """Return the answers for one customer: true or false, or the value, None if missing."""
        planned, instant = self._prepared(customer, as_of)
        view = View(customer, instant, planned.plan)
        return {
            name: read(view) if reading is None else outward(reading, read(view))
            for name, read, reading in planned.answers
        }

    def answer_only(self, customer: Customer, as_of: AsOf) -> Any:
        """Return the answer of the only member for one customer."""
        # Said out: a call of a helper costs as much as several conditions.
        key, given, planned, instant = self._last
        try:
            mine = customer.reading_key
        except AttributeError:
            as_customer(customer)
            raise
        if as_of is not given or (mine is not key and mine != key):
            planned, instant = self._prepared(customer, as_of)
        plan, _, answers = planned
        _, read, reading = answers[0]
        found = read(View(customer, instant, plan))
        return found if reading is None else outward(reading, found)

    def reading(self, customer: Customer, before_us: int) -> tuple[Any, list[tuple[str, Reading]]]:
        """Return the customer as of an instant, and the functions that answer for him."""
        planned = self._planned(customer)
        return View(customer, before_us, planned.plan), planned.readings

    def _planned(self, customer: Customer) -> _Planned:
        key = as_customer(customer).reading_key
        found = self._plans.get(key)
        if found is None:
            plan = plan_of(customer)
            readings = [
                (name, Reading(plan.rule(m)) if isinstance(m, Rule) else plan.term(m))
                for name, m in self.members.items()
            ]
            answers = [
                (name, reading.read, None if isinstance(self.members[name], Rule) else reading)
                for name, reading in readings
            ]
            if len(self._plans) >= 16:  # hosts that make new mappings for each customer
                self._plans.clear()
            found = self._plans[key] = _Planned(plan, readings, answers)
        return found

    def _prepared(self, customer: Customer, as_of: AsOf) -> tuple[_Planned, int]:
        _, given, last, instant = self._last
        planned = self._planned(customer)
        zone = planned.plan.zone
        if as_of is not given or zone is not last.plan.zone:
            instant = as_of_us(as_of, zone)
        self._last = (customer.reading_key, as_of, planned, instant)
        return planned, instant

    # All customers

    def answer(self, history: History, as_of: AsOf, *, allow_python: bool = False) -> Any:
        """Return the answers for all customers.

        Args:
            history: The events and attributes.
            as_of: Exclusive end of the history.
            allow_python: Whether rules that only Python can decide may run on a cluster.

        Returns:
            The host's frame type with `customer_id` and a column for each member: flags, never
            null; values in their own type, money in major units, days as dates, times as datetimes
            in UTC.
        """
        history = as_history(history)
        frame = self.columns(history, as_of, everybody=True, allow_python=allow_python)
        return history.source.give_back(frame)

    def columns(
        self,
        history: History,
        as_of: AsOf,
        *,
        everybody: bool = True,
        allow_python: bool = False,
    ) -> frames.Frame:
        """Return what `answer` gives as a frame inside the library; nothing is collected.

        Args:
            history: The events and attributes.
            as_of: Exclusive end of the history.
            everybody: Whether customers are there of whom nothing that is asked about is known.
            allow_python: See `answer`.
        """
        history = history.at(as_of_us(as_of, history.zone))
        facts = Facts(
            history, as_of_us(as_of, history.zone), allow_python=allow_python, may_move=True
        )  # fmt: skip
        for member in self.members.values():
            facts.need(member)
        frame = facts.frame(everybody=everybody, members=self.members.values())
        columns, kinds = {}, {}
        for name, member in self.members.items():
            if isinstance(member, Rule):
                columns[name] = facts.rule(member)
            else:
                columns[name], kinds[name] = _outward_column(facts.term(member))
        if CUSTOMER_ID in columns:
            raise InvalidDefinitionError("members", f"has a member {CUSTOMER_ID!r}")
        frame = frame.select(CUSTOMER_ID, *(expr.alias(name) for name, expr in columns.items()))
        for name, kind in kinds.items():
            if kind == "instant":
                frame = frames.with_datetime(facts.source, frame, name)
            elif kind == "day":
                frame = frames.with_date(facts.source, frame, name)
        return facts.handed_back(frame)

    def can_hold_of_nobody(self, history: History) -> bool:
        """Whether a rule may hold of a customer of whom nothing is known but the id.

        If none can, the tables that no rule asks about need not be looked at for customers.
        """
        if any(
            isinstance(node, Pilot | CustomRule | FittedTopN)  # these look at the id, or anywhere
            for member in self.members.values()
            for node in walked(member)
        ):
            return True
        columns = {name: table.columns for name, table in history.events.items()}
        nobody = Customer("", {}, columns, returns=history.returns)
        view, readings = self.reading(nobody, 0)
        return any(reading.read(view) for _, reading in readings)

    def __repr__(self) -> str:
        """Return the members in words."""
        lines = [f"  {name}: {member.describe()}" for name, member in self.members.items()]
        return "\n".join([f"RuleSet of {len(lines)}", *lines])


def _check_member(name: str, member: object) -> None:
    if not isinstance(member, Node) or not isinstance(member, Rule | Term):
        raise InvalidDefinitionError(f"members[{name!r}]", "is no rule", got=repr(member))
    if member.scope == "event":
        raise InvalidDefinitionError(
            f"members[{name!r}]", "is about one event, not about the customer", got=str(member),
            hint=f"ask for customers with such an event: Did('order').where({member!r})",
        )  # fmt: skip


def outward(reading: Reading, value: Any) -> Any:
    """Return a value as users see it: money in major units, days and times as Python has them."""
    if value is None:
        return None
    if reading.kind == "money":
        return major_float(value, reading.scale)
    if isinstance(value, Day | Instant):
        return _as_time(value)
    return value


def _as_time(value: Day | Instant) -> Any:
    if isinstance(value, Day):
        found = datetime_of(int(value) * DAY_US)
        return found if found is None else found.date()
    return datetime_of(int(value))


def _outward_column(column: Column) -> tuple[nw.Expr, str | None]:
    if column.kind == "money":
        return major_expr(column.expr, column.scale), None
    return column.expr, column.kind
