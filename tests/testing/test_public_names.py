"""The public names: adding one, or taking one away, is a decision that belongs in the changelog."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from pathlib import Path

import pytest

PUBLIC: Mapping[str, frozenset[str]] = {
    "userops": frozenset({"RFM", "Customer", "Events", "History", "Orders", "__version__"}),
    "userops.events": frozenset({
        "ByColumn", "ByOrderId", "BySign", "EventColumns", "EventTable", "Events", "OrderColumns",
        "Orders", "Quality", "ReturnsBy", "Row", "plot_orders", "read_row",
    }),
    "userops.customers": frozenset({
        "Attributes", "Channels", "Customer", "Customers", "DatedValue", "Email", "Erasure",
        "FollowsIdentity", "History", "Identifier", "IdentifierKind", "Identities",
        "IdentityChanges", "IdentityDecision", "IdentityDecisions", "IdentityGraph", "LinkEvidence",
        "LinkSource", "Links", "MergeEvent", "Normaliser", "Phone", "Reach", "ReachRow",
        "ReachState", "Resolution", "ResolutionRow", "ReturnsPolicy", "Suspicion", "Totals",
        "Trimmed", "UnmergeEvent", "pseudonymise",
    }),
    "userops.segmentation": frozenset({
        "RFM", "Band", "BandMap", "Cut", "CutPoints", "Dimension", "Edges", "EightMap",
        "Explanation", "FittedRFM", "Linear", "Mean", "NTile", "Quantiles", "RFMScore",
        "SegmentMap", "classic", "eight", "plot_rfm_grid", "plot_segments",
        "Comparison", "FeatureDifference", "Memberships", "Overlap", "ValueDifference",
        "brings", "compare", "overlap",
        "FittedTagSet", "PercentileTag", "PreferenceTag", "Segment", "Tag", "TagDecisions",
        "TagGroup", "TagJudgement", "TagRefresh", "TagReport", "TagSet", "TagThresholds",
        "TagValue", "agreement", "coverage", "judge", "separation", "shop_tags", "stability",
        "worth_by_segment",
    }),
    "userops.value": frozenset({
        "BGNBD", "CustomerSummary", "CustomerValue", "CustomerWorth", "FittedCustomerValue",
        "FittedGammaGamma",
        "FittedTransactionModel", "GGompertzNBD", "GammaGamma", "MBGNBD", "ParetoNBD", "SpendRows",
        "BGBB", "FittedShiftedBetaGeometric", "RenewalRows", "ShiftedBetaGeometric",
        "opportunity_summary",
        "SummaryRows", "TransactionModel", "fit_with_lifetimes", "from_lifetimes", "to_lifetimes",
        "transaction_summary",
        "Bootstrap", "Interval", "LikelihoodRatio", "Prior",
        "HoldoutReport", "ModelComparison", "PredictiveChecks", "compare", "predictive_checks",
        "simulated_orders", "validate",
        "plot_alive_history", "plot_alive_matrix", "plot_calibration_vs_holdout", "plot_clv",
        "plot_decile_lift", "plot_dropout_heterogeneity", "plot_expected_purchases",
        "plot_frequency_recency", "plot_period_purchases", "plot_rate_heterogeneity",
        "plot_spend", "plot_tracking",
    }),
    "userops.rules": frozenset({
        "Aggregate", "All", "Anniversary", "AnyOf", "Attr", "Between", "Calendar", "Compare",
        "CompareTerms", "CustomRule", "Did", "Duration", "FittedPercentile", "FittedTopN",
        "HasTag", "InSegment", "IsIn", "IsKnown", "Last", "Not", "Percentile", "Pilot", "Prop",
        "Ratio", "Reason", "Rule", "RuleExplanation", "RuleSet", "Sequence", "Since", "Span",
        "Term", "Text", "TopN", "Value", "WeightedTop", "WrittenAs", "calendar_days",
        "calendar_months", "calendar_quarters", "calendar_weeks", "calendar_years",
        "customers_of", "days", "explained", "fitted_in", "fitted_rules", "hours",
        "matches_event", "minutes", "weeks",
    }),
    "userops.datasets": frozenset({
        "Dirt", "SyntheticShop", "load_online_retail", "synthetic_shop",
    }),
    "userops.charts": frozenset({
        "ChartFont", "Language", "categorical_colours", "chart_font", "fill_colours",
        "format_compact", "format_number", "format_percent", "heat_grid", "plot_upset",
        "share_bars", "text_colour_on", "timeline", "wrap_label",
    }),
    "userops.testing": frozenset({
        "ENGINE_NAMES", "Engines", "check_cut_points", "check_rule", "check_same_rows",
        "check_segment_map", "check_transaction_model",
        "installed_engines", "rows_of", "spark_session", "to_engine",
    }),
    "userops.errors": frozenset({
        "ColumnNotFoundError", "ColumnTypeError", "DataError", "DataWarning", "EmptyHistoryError",
        "InvalidArgumentError", "InvalidDefinitionError", "MissingExtraError",
        "MissingFontWarning", "MoneyOverflowError", "MoneyScaleError", "NotFittedError",
        "UnreadableFileError", "UnsupportedFrameError", "UserOpsError", "UserOpsWarning",
        "nearest",
    }),
}  # fmt: skip


@pytest.mark.parametrize("module", PUBLIC)
def test_the_public_names_are_these(module: str) -> None:
    """A package promises exactly the names that are written here, each once, and has them all."""
    package = importlib.import_module(module)

    assert set(package.__all__) == PUBLIC[module]
    assert len(package.__all__) == len(PUBLIC[module])
    for name in PUBLIC[module]:
        assert getattr(package, name) is not None


def test_no_package_is_forgotten() -> None:
    """Every package is written here, but for the kernel and the command line."""
    import pkgutil

    import userops

    packages = {
        f"userops.{module.name}"
        for module in pkgutil.iter_modules(userops.__path__)
        if module.name not in ("__main__", "command_line", "core")
    }
    assert packages | {"userops"} == set(PUBLIC)


@pytest.mark.parametrize("module", [name for name in PUBLIC if name != "userops"])
def test_type_checkers_see_what_is_loaded_late(module: str) -> None:
    """Each public name is written for them, and comes from where they are told."""
    package = importlib.import_module(module)
    assert package.__file__ is not None
    body = ast.parse(Path(package.__file__).read_text("utf-8")).body
    late = [node for block in body if isinstance(block, ast.If) for node in block.body]
    written = {
        name.name
        for node in (*body, *late)
        for name in getattr(node, "names", [])
        if isinstance(node, ast.ImportFrom)
    }
    written |= {str(getattr(node, "name", "")) for node in body}
    if late:
        assert written >= PUBLIC[module]
    for node in late:
        if isinstance(node, ast.ImportFrom):
            source = importlib.import_module(str(node.module))
            for name in node.names:
                assert getattr(source, name.name) is getattr(package, name.name), name.name
