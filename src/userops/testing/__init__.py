"""Checks for anybody's code: the same case on every engine, and the contracts of extensions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from userops.core.lazy import lazy_names

if TYPE_CHECKING:
    from userops.testing.engines import (
        ENGINE_NAMES,
        Engines,
        check_same_rows,
        installed_engines,
        rows_of,
        spark_session,
        to_engine,
    )
    from userops.testing.rule_checks import check_rule
    from userops.testing.segmentation_checks import check_cut_points, check_segment_map
    from userops.testing.value_checks import check_transaction_model

__all__ = [
    "ENGINE_NAMES",
    "Engines",
    "check_cut_points",
    "check_rule",
    "check_same_rows",
    "check_segment_map",
    "check_transaction_model",
    "installed_engines",
    "rows_of",
    "spark_session",
    "to_engine",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "engines": (
            "ENGINE_NAMES",
            "Engines",
            "check_same_rows",
            "installed_engines",
            "rows_of",
            "spark_session",
            "to_engine",
        ),
        "rule_checks": ("check_rule",),
        "segmentation_checks": ("check_cut_points", "check_segment_map"),
        "value_checks": ("check_transaction_model",),
    },
)
