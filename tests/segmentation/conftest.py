"""Fixtures of the tests of segmentation: Online Retail and CDNOW, read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tests.segmentation.data import RETAIL, RETAIL_AS_OF, model
from tests.segmentation.independent_sql import Answers, online_retail_answers

from userops import History, Orders
from userops.core.frames import from_arrow
from userops.datasets import load_online_retail
from userops.segmentation import FittedRFM
from userops.testing import Engines, spark_session


@pytest.fixture(scope="session")
def retail_lines() -> pa.Table:
    """The bundled order lines."""
    return load_online_retail(backend="pyarrow")


@pytest.fixture(scope="session")
def retail_orders(retail_lines: pa.Table) -> Orders:
    """The bundled orders in Polars, the engine that is fastest here; checked once."""
    return Orders(from_arrow(retail_lines, "polars"), **RETAIL).check()


@pytest.fixture(scope="session")
def fitted_retail(retail_orders: Orders) -> Callable[[str, str], FittedRFM]:
    """The model of the bundled orders by policy and method, each fitted once."""

    @cache
    def fitted(policy: Any, method: str) -> FittedRFM:
        return model(method).fit(History(retail_orders, returns=policy), as_of=RETAIL_AS_OF)

    return fitted


@pytest.fixture(scope="session")
def retail_answers(retail_lines: pa.Table) -> Callable[[str], Answers]:
    """What the tests' own SQL finds in the bundled lines, by policy."""
    return cache(lambda policy: online_retail_answers(retail_lines, policy, RETAIL_AS_OF))


@pytest.fixture(scope="session", params=["beside the project", "inside lifetimes"])
def cdnow_master(request: pytest.FixtureRequest) -> Path:
    """CDNOW's master file, from each place that may hold it."""
    if request.param == "beside the project":
        path = request.getfixturevalue("shared_data") / "cdnow" / "CDNOW_master.txt"
    else:
        pytest.importorskip("lifetimes")
        path = Path(str(resources.files("lifetimes") / "datasets" / "CDNOW_master.txt"))
    if not path.is_file():
        pytest.skip(f"CDNOW's master file is not {request.param}")
    return path


@pytest.fixture
def all_engines(engines: Engines) -> Iterator[Engines]:
    """Every engine; tables reach Spark in few partitions, because each costs a task a stage."""
    if "pyspark" in engines.names:
        settings = spark_session().conf
        name = "spark.sql.execution.arrow.maxRecordsPerBatch"
        before = settings.get(name)
        settings.set(name, "1000000")
        yield engines
        settings.set(name, before)
    else:
        yield engines
