"""How a rule is explained: its parts are decided one by one, references opened up."""

from __future__ import annotations

import datetime as dt
from typing import Any

from userops.core.time import AsOf, Zone, as_of_us, instant_of
from userops.customers.customer import Customer
from userops.customers.given import as_customer
from userops.rules.answering import Names
from userops.rules.comparisons import CompareTerms, Condition
from userops.rules.custom import CustomRule, expanded
from userops.rules.explanation import WORDS, Reason, RuleExplanation
from userops.rules.features import Aggregate
from userops.rules.locales import Locale, check_locale
from userops.rules.node import All, AnyOf, Not, Rule, Term
from userops.rules.one_customer import CustomerPlan, View, plan_of
from userops.rules.references import HasTag, InSegment, names_of, resolved
from userops.rules.rule_set import outward
from userops.rules.selection import Selection
from userops.rules.sequence import Sequence

__all__ = ["explained"]


def explained(
    rule: Rule,
    customer: Customer,
    as_of: AsOf,
    *,
    tags: Names | None = None,
    segments: Names | None = None,
    locale: Locale = "en",
) -> RuleExplanation:
    """Say why a rule holds of a customer, or does not; see `Rule.explain`."""
    check_locale(locale)
    zone = as_customer(customer).zone
    before_us = as_of_us(as_of, zone)
    plan = plan_of(customer)
    teller = _Teller(plan, locale, tags, segments)
    teller.compile(rule)
    reason = teller.reason(rule, View(customer, before_us, plan))
    return RuleExplanation(customer.customer_id, zone.said(before_us), reason, locale)


def _local(value: Any, zone: Zone) -> Any:
    """Return a time as the clock of the data shows it, as the heading does; else the value."""
    if not isinstance(value, dt.datetime):
        return value
    offset = dt.timedelta(microseconds=zone.offset_us(instant_of(value, zone)))
    try:
        return value.astimezone(dt.timezone(offset))
    except OverflowError:  # beyond the years of Python's calendar
        return value


class _Teller:
    """Decides the parts of a rule one by one, references and one's own rules opened up."""

    def __init__(
        self, plan: CustomerPlan, locale: Locale, tags: Names | None, segments: Names | None
    ) -> None:
        self.plan, self.locale = plan, locale
        self.names: dict[str, Any] = dict(names_of(tags, segments))

    def compile(self, rule: Rule) -> None:
        """Compile everything that will be asked, before there is a view."""
        plain = self._plain(rule)
        self.plan.rule(plain)
        self._terms(plain)
        for part in self._parts(rule):
            self.compile(part)

    def _plain(self, rule: Rule) -> Rule:
        found: Rule = expanded(resolved(expanded(rule), **self.names))
        return found

    def _terms(self, rule: Rule) -> dict[str, Term]:
        if isinstance(rule, CompareTerms):
            terms: dict[str, Term] = {"value": rule.value, "to": rule.to}
        elif isinstance(rule, Condition):
            terms = {"value": rule.value}
        elif isinstance(rule, CustomRule):
            terms = rule.looked_at
        elif isinstance(rule, Sequence):
            events = (*rule.steps, *rule.without)
            terms = {e._events_said(self.locale): Aggregate(e, "count") for e in events}
        elif isinstance(rule, Selection):
            terms = {"count": Aggregate(rule, "count")}
        else:
            terms = {}
        for term in terms.values():
            self.plan.term(term)
        return {name: term for name, term in terms.items() if term.scope != "event"}

    def _parts(self, rule: Rule) -> tuple[Rule, ...]:
        if isinstance(rule, All | AnyOf):
            return rule.rules
        if isinstance(rule, Not):
            return (rule.rule,)
        if isinstance(rule, HasTag | InSegment):
            return (resolved(rule, **self.names),)
        own = rule.expand() if isinstance(rule, CustomRule) else None
        return () if own is None else (own,)

    def reason(self, rule: Rule, view: View) -> Reason:
        """Return a part of the rule with its verdict."""
        plain = self._plain(rule)
        holds = bool(self.plan.rule(plain)(view))
        parts = tuple(self.reason(part, view) for part in self._parts(rule))
        values = {}
        for name, term in ({} if parts else self._terms(plain)).items():
            reading = self.plan.term(term)
            values[name] = _local(outward(reading, reading.read(view)), self.plan.zone)
        return Reason(self._said(rule), holds, values, parts)

    def _said(self, rule: Rule) -> str:
        words = WORDS[self.locale]
        for kind, word in ((All, "all"), (AnyOf, "any"), (Not, "not")):
            if isinstance(rule, kind):
                return str(words[word])
        return rule.describe(self.locale)
