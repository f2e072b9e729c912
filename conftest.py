"""Every Python block of the documents, and every example in a docstring, is a test.

The blocks of one document share their names and run in order, in an empty directory of their own.
A block that cannot run is preceded by `<!-- skip: next -->`, which a reader does not see. The
examples of a module see the names of the module.
"""

import doctest
import os
import tempfile
from contextlib import ExitStack, chdir
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser
from sybil.parsers.rest import DocTestParser

# Before anything imports matplotlib: no document opens a window.
os.environ.setdefault("MPLBACKEND", "Agg")

_STACK = "__leave_directory__"


def _enter_empty_directory(namespace: dict[str, Any]) -> None:
    stack = ExitStack()
    stack.enter_context(chdir(stack.enter_context(tempfile.TemporaryDirectory())))
    namespace[_STACK] = stack


def _leave_directory(namespace: dict[str, Any]) -> None:
    namespace[_STACK].close()


_FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

_documents = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=_FLAGS), SkipParser()],
    patterns=["README.md", "README.zh-CN.md", "docs/*.md", "docs/*/*.md"],
    # A pattern matches from the right: these are the ones of other folders.
    excludes=["*/README.md", "*/README.zh-CN.md"],
    setup=_enter_empty_directory,
    teardown=_leave_directory,
)
_docstrings = Sybil(
    parsers=[DocTestParser(_FLAGS)],
    patterns=["src/userops/*.py", "src/userops/*/*.py", "src/userops/*/*/*.py"],
    setup=_enter_empty_directory,
    teardown=_leave_directory,
)

pytest_collect_file = (_documents + _docstrings).pytest()

# Tests that ask for these start Spark, and take the longest.
_ON_SPARK = {"engines", "all_engines"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with the longest tests first, so that no process waits for the other's last."""
    slow = {item.path for item in items if _ON_SPARK & set(getattr(item, "fixturenames", ()))}
    items.sort(key=lambda item: item.path not in slow)
