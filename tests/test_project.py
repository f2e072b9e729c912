"""What holds for the project as a whole, and no single module can test."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import userops

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "userops"

MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 75
HEAVY = (
    "duckdb",
    "ibis",
    "matplotlib",
    "narwhals",
    "numpy",
    "pandas",
    "polars",
    "pyarrow",
    "pyspark",
    "scipy",
    "sqlalchemy",
)
# Spelled so that this file does not match itself.
MACHINE_PATH = re.compile(
    r"(?<![\w.-])/(?:home|root|work|Users|opt|srv|mnt)/[\w.]|\b[A-Z]:\\{1,2}Users\b"
)
REGISTRY = re.compile(r"\bindex[-_]url\b|\bextra[-_]index\b|://|@\s*file:")


def files_of_the_tree() -> list[Path]:
    """Return the files that are committed or about to be."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode:
        pytest.skip("not a git work tree, so there is no list of the project's files")
    return [p for name in listing.stdout.split("\0") if name and (p := ROOT / name).is_file()]


def text_files() -> Iterator[tuple[Path, str]]:
    """Yield each text file of the tree with its text."""
    for path in files_of_the_tree():
        data = path.read_bytes()
        if b"\0" not in data:
            yield path, data.decode("utf-8")


def code_blocks(path: Path) -> list[str]:
    """Return the fenced blocks of a Markdown file, each with the word after its fence."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^```(\w*\n.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def test_import_stays_light() -> None:
    """`import userops` loads none of the libraries that make an import slow."""
    code = "import json, sys, userops; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}

    assert not loaded & set(HEAVY)


def test_every_public_name_of_the_package_exists() -> None:
    """Each name that `userops` promises can be had from it, and `dir` lists it."""
    for name in userops.__all__:
        assert getattr(userops, name) is not None
        assert name in dir(userops)


def test_one_version_everywhere() -> None:
    """The installed package, pyproject.toml and the changelog speak of the same version."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = pyproject["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert userops.__version__ == version
    assert re.search(rf"^## \[{re.escape(version)}\]", changelog, flags=re.MULTILINE)


def test_both_readmes_run_the_same_code() -> None:
    """README.md and README.zh-CN.md hold the same code blocks in the same order."""
    english = code_blocks(ROOT / "README.md")
    chinese = code_blocks(ROOT / "README.zh-CN.md")

    assert english
    assert chinese == english


def test_no_file_names_a_machine() -> None:
    """No file of the tree mentions a path of the machine that it was written on."""
    offenders = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in text_files()
        for number, line in enumerate(text.splitlines(), 1)
        if MACHINE_PATH.search(line)
    ]

    assert not offenders, "\n".join(offenders)


def test_locks_name_no_registry() -> None:
    """The locks hold names, versions and hashes, and leave the registry to who installs."""
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        text = lock.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text
        assert not REGISTRY.search(text), lock.name


def test_modules_are_short() -> None:
    """No module has more lines than one sitting can read."""
    lengths = {
        str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").count("\n")
        for path in sorted(SOURCE.rglob("*.py"))
    }
    offenders = [f"{name}: {n} lines" for name, n in lengths.items() if n > MAX_MODULE_LINES]

    assert not offenders, "\n".join(offenders)


def test_functions_are_short() -> None:
    """No function is longer than a screen."""
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {length} lines"
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MAX_FUNCTION_LINES
    ]

    assert not offenders, "\n".join(offenders)
