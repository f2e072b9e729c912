"""Fixtures that every package's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from userops.testing import Engines, installed_engines

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def engines() -> Engines:
    """Every engine of the conformance harness, PySpark included; all must be installed."""
    return Engines(installed_engines())


@pytest.fixture(scope="session")
def fast_engines() -> Engines:
    """The engines in this process: for many small cases."""
    return Engines(installed_engines(with_spark=False))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the project; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data beside the project is absent")
    return SHARED_DATA
