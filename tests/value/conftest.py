"""CDNOW, from the raw log where it is beside the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from userops import Orders
from userops.value import transaction_summary

_LOG = Path(__file__).parents[3] / "shared" / "data" / "cdnow" / "CDNOW_sample.txt"


@pytest.fixture(scope="session")
def cdnow_log() -> pa.Table:
    """Return the purchases of the sample of 2,357 customers: customer, day, dollars."""
    if not _LOG.exists():
        pytest.skip(f"needs {_LOG.name} beside the project")
    rows = [line.split() for line in _LOG.read_text().splitlines()]
    return pa.table(
        {
            "customer_id": [row[1] for row in rows],
            "ordered_at": [row[2] for row in rows],
            "amount": [float(row[4]) for row in rows],
        }
    )


@pytest.fixture(scope="session")
def cdnow_orders(cdnow_log: pa.Table) -> Orders:
    """Return the purchases as orders."""
    return Orders(
        cdnow_log, customer_id="customer_id", ordered_at="ordered_at", amount="amount",
        time_format="%Y%m%d",
    )  # fmt: skip


@pytest.fixture(scope="session")
def cdnow(cdnow_orders: Orders) -> Any:
    """Return the summary of the first 39 weeks, with the 39 weeks that were held out."""
    summary = transaction_summary(cdnow_orders, "1998-07-01", calibration_end="1997-10-01")
    return summary.sort_by("customer_id")
