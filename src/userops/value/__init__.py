"""What customers are worth: how often they will buy, whether they still do, and for how much."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.value.bg_nbd import BGNBD
    from userops.value.customer_value import CustomerValue, CustomerWorth, FittedCustomerValue
    from userops.value.fitted_transactions import Bootstrap, FittedTransactionModel
    from userops.value.gamma_gamma import FittedGammaGamma, GammaGamma, SpendRows
    from userops.value.inference import Interval, LikelihoodRatio
    from userops.value.lifetimes_adapter import fit_with_lifetimes, from_lifetimes, to_lifetimes
    from userops.value.mbg_nbd import MBGNBD
    from userops.value.pareto_nbd import ParetoNBD
    from userops.value.priors import Prior
    from userops.value.summaries import transaction_summary
    from userops.value.summary_rows import SummaryRows
    from userops.value.transaction_model import TransactionModel

__all__ = [
    "BGNBD",
    "MBGNBD",
    "Bootstrap",
    "CustomerValue",
    "CustomerWorth",
    "FittedCustomerValue",
    "FittedGammaGamma",
    "FittedTransactionModel",
    "GammaGamma",
    "Interval",
    "LikelihoodRatio",
    "ParetoNBD",
    "Prior",
    "SpendRows",
    "SummaryRows",
    "TransactionModel",
    "fit_with_lifetimes",
    "from_lifetimes",
    "to_lifetimes",
    "transaction_summary",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "bg_nbd": ("BGNBD",),
        "customer_value": ("CustomerValue", "CustomerWorth", "FittedCustomerValue"),
        "fitted_transactions": ("Bootstrap", "FittedTransactionModel"),
        "gamma_gamma": ("FittedGammaGamma", "GammaGamma", "SpendRows"),
        "inference": ("Interval", "LikelihoodRatio"),
        "lifetimes_adapter": ("fit_with_lifetimes", "from_lifetimes", "to_lifetimes"),
        "mbg_nbd": ("MBGNBD",),
        "pareto_nbd": ("ParetoNBD",),
        "priors": ("Prior",),
        "summary_rows": ("SummaryRows",),
        "transaction_model": ("TransactionModel",),
        "summaries": ("transaction_summary",),
    },
)
