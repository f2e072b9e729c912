"""What customers are worth: how often they will buy, whether they still do, and for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.value.bg_bb import BGBB
    from userops.value.bg_nbd import BGNBD
    from userops.value.bootstrap import Bootstrap
    from userops.value.customer_value import CustomerValue, CustomerWorth, FittedCustomerValue
    from userops.value.fitted_transactions import FittedTransactionModel
    from userops.value.gamma_gamma import FittedGammaGamma, GammaGamma, SpendRows
    from userops.value.ggompertz_nbd import GGompertzNBD
    from userops.value.holdout import validate
    from userops.value.holdout_report import HoldoutReport
    from userops.value.inference import Interval, LikelihoodRatio
    from userops.value.lifetimes_adapter import fit_with_lifetimes, from_lifetimes, to_lifetimes
    from userops.value.mbg_nbd import MBGNBD
    from userops.value.model_charts import (
        plot_alive_history,
        plot_alive_matrix,
        plot_dropout_heterogeneity,
        plot_expected_purchases,
        plot_frequency_recency,
        plot_rate_heterogeneity,
    )
    from userops.value.model_comparison import ModelComparison, compare
    from userops.value.opportunities import opportunity_summary
    from userops.value.pareto_nbd import ParetoNBD
    from userops.value.predictive_fit import PredictiveChecks, predictive_checks
    from userops.value.priors import Prior
    from userops.value.renewal_rows import RenewalRows
    from userops.value.shifted_beta_geometric import (
        FittedShiftedBetaGeometric,
        ShiftedBetaGeometric,
    )
    from userops.value.simulation import simulated_orders
    from userops.value.summaries import CustomerSummary, transaction_summary
    from userops.value.summary_rows import SummaryRows
    from userops.value.transaction_model import TransactionModel
    from userops.value.value_charts import (
        plot_calibration_vs_holdout,
        plot_clv,
        plot_decile_lift,
        plot_period_purchases,
        plot_spend,
        plot_tracking,
    )

__all__ = [
    "BGBB",
    "BGNBD",
    "MBGNBD",
    "Bootstrap",
    "CustomerSummary",
    "CustomerValue",
    "CustomerWorth",
    "FittedCustomerValue",
    "FittedGammaGamma",
    "FittedShiftedBetaGeometric",
    "FittedTransactionModel",
    "GGompertzNBD",
    "GammaGamma",
    "HoldoutReport",
    "Interval",
    "LikelihoodRatio",
    "ModelComparison",
    "ParetoNBD",
    "PredictiveChecks",
    "Prior",
    "RenewalRows",
    "ShiftedBetaGeometric",
    "SpendRows",
    "SummaryRows",
    "TransactionModel",
    "compare",
    "fit_with_lifetimes",
    "from_lifetimes",
    "opportunity_summary",
    "plot_alive_history",
    "plot_alive_matrix",
    "plot_calibration_vs_holdout",
    "plot_clv",
    "plot_decile_lift",
    "plot_dropout_heterogeneity",
    "plot_expected_purchases",
    "plot_frequency_recency",
    "plot_period_purchases",
    "plot_rate_heterogeneity",
    "plot_spend",
    "plot_tracking",
    "predictive_checks",
    "simulated_orders",
    "to_lifetimes",
    "transaction_summary",
    "validate",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "bg_bb": ("BGBB",),
        "bg_nbd": ("BGNBD",),
        "bootstrap": ("Bootstrap",),
        "customer_value": ("CustomerValue", "CustomerWorth", "FittedCustomerValue"),
        "fitted_transactions": ("FittedTransactionModel",),
        "gamma_gamma": ("FittedGammaGamma", "GammaGamma", "SpendRows"),
        "ggompertz_nbd": ("GGompertzNBD",),
        "inference": ("Interval", "LikelihoodRatio"),
        "lifetimes_adapter": ("fit_with_lifetimes", "from_lifetimes", "to_lifetimes"),
        "mbg_nbd": ("MBGNBD",),
        "opportunities": ("opportunity_summary",),
        "pareto_nbd": ("ParetoNBD",),
        "priors": ("Prior",),
        "renewal_rows": ("RenewalRows",),
        "shifted_beta_geometric": ("FittedShiftedBetaGeometric", "ShiftedBetaGeometric"),
        "summary_rows": ("SummaryRows",),
        "transaction_model": ("TransactionModel",),
        "summaries": ("CustomerSummary", "transaction_summary"),
        "holdout": ("validate",),
        "holdout_report": ("HoldoutReport",),
        "model_charts": (
            "plot_alive_history",
            "plot_alive_matrix",
            "plot_dropout_heterogeneity",
            "plot_expected_purchases",
            "plot_frequency_recency",
            "plot_rate_heterogeneity",
        ),
        "model_comparison": (
            "ModelComparison",
            "compare",
        ),
        "predictive_fit": (
            "PredictiveChecks",
            "predictive_checks",
        ),
        "simulation": ("simulated_orders",),
        "value_charts": (
            "plot_calibration_vs_holdout",
            "plot_clv",
            "plot_decile_lift",
            "plot_period_purchases",
            "plot_spend",
            "plot_tracking",
        ),
    },
)
