"""What can be said of a customer or of an event: rules, written once, answered at three sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.rules.anniversary import Anniversary
    from userops.rules.asking import customers_of, matches_event
    from userops.rules.comparisons import Compare, CompareTerms
    from userops.rules.conditions import Between, IsIn, IsKnown, Text, WrittenAs
    from userops.rules.custom import CustomRule
    from userops.rules.did import Did
    from userops.rules.explaining import explained
    from userops.rules.explanation import Reason, RuleExplanation
    from userops.rules.features import Aggregate
    from userops.rules.fitting import fitted_in, fitted_rules
    from userops.rules.node import All, AnyOf, Not, Rule, Term
    from userops.rules.pilot import Pilot
    from userops.rules.ranking import FittedPercentile, FittedTopN, Percentile, TopN
    from userops.rules.references import HasTag, InSegment
    from userops.rules.rule_set import RuleSet
    from userops.rules.sequence import Sequence
    from userops.rules.value import Attr, Prop, Ratio, Value
    from userops.rules.weighted import WeightedTop
    from userops.rules.windows import (
        Calendar,
        Duration,
        Last,
        Since,
        Span,
        calendar_days,
        calendar_months,
        calendar_quarters,
        calendar_weeks,
        calendar_years,
        days,
        hours,
        minutes,
        weeks,
    )

_MODULES = {
    "anniversary": ("Anniversary",),
    "asking": ("customers_of", "matches_event"),
    "comparisons": ("Compare", "CompareTerms"),
    "conditions": ("Between", "IsIn", "IsKnown", "Text", "WrittenAs"),
    "custom": ("CustomRule",),
    "did": ("Did",),
    "explaining": ("explained",),
    "explanation": ("Reason", "RuleExplanation"),
    "features": ("Aggregate",),
    "fitting": ("fitted_in", "fitted_rules"),
    "node": ("All", "AnyOf", "Not", "Rule", "Term"),
    "pilot": ("Pilot",),
    "ranking": ("FittedPercentile", "FittedTopN", "Percentile", "TopN"),
    "references": ("HasTag", "InSegment"),
    "rule_set": ("RuleSet",),
    "sequence": ("Sequence",),
    "value": ("Attr", "Prop", "Ratio", "Value"),
    "weighted": ("WeightedTop",),
    "windows": (
        "Calendar",
        "Duration",
        "Last",
        "Since",
        "Span",
        "calendar_days",
        "calendar_months",
        "calendar_quarters",
        "calendar_weeks",
        "calendar_years",
        "days",
        "hours",
        "minutes",
        "weeks",
    ),
}

__all__ = [
    "Aggregate",
    "All",
    "Anniversary",
    "AnyOf",
    "Attr",
    "Between",
    "Calendar",
    "Compare",
    "CompareTerms",
    "CustomRule",
    "Did",
    "Duration",
    "FittedPercentile",
    "FittedTopN",
    "HasTag",
    "InSegment",
    "IsIn",
    "IsKnown",
    "Last",
    "Not",
    "Percentile",
    "Pilot",
    "Prop",
    "Ratio",
    "Reason",
    "Rule",
    "RuleExplanation",
    "RuleSet",
    "Sequence",
    "Since",
    "Span",
    "Term",
    "Text",
    "TopN",
    "Value",
    "WeightedTop",
    "WrittenAs",
    "calendar_days",
    "calendar_months",
    "calendar_quarters",
    "calendar_weeks",
    "calendar_years",
    "customers_of",
    "days",
    "explained",
    "fitted_in",
    "fitted_rules",
    "hours",
    "matches_event",
    "minutes",
    "weeks",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
