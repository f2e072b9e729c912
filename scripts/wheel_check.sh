#!/usr/bin/env bash
# Builds the wheel, installs it where nothing but its runtime dependencies is, and runs the quick
# start there: as a command, and as the Python code of the README.
#
#     scripts/wheel_check.sh PYTHON    an interpreter that has hatchling
set -euo pipefail

python=$(pwd)/$1
tree=$(pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m hatchling build -t wheel -d "$work/dist"
PYTHON=$python scripts/env.sh "$work/env" "$work"/dist/*.whl
"$python" scripts/readme_block.py "quick start" >"$work/quick_start.py"

# Away from the tree, so that nothing of it can be imported by chance.
cd "$work"
clean="$work/env/bin/python"

"$clean" - "$tree" <<'PYTHON'
import importlib.util
import sys
from importlib.metadata import metadata
from importlib.resources import files
from pathlib import Path

for name in ("matplotlib", "polars", "duckdb", "pyspark", "ibis"):
    assert importlib.util.find_spec(name) is None, f"{name} came along with the wheel"
import userops

package = Path(userops.__file__).resolve().parent
assert not package.is_relative_to(sys.argv[1]), f"userops is imported from the tree: {package}"
assert (files("userops") / "py.typed").is_file(), "the wheel has no py.typed"
assert sorted(metadata("userops").get_all("License-File")) == ["LICENSE", "NOTICE"]
print("the wheel holds", sum(p.is_file() for p in package.rglob("*")), "files of userops", userops.__version__)
PYTHON

echo "-- python -m userops rfm"
"$clean" -m userops rfm --out "$work/demo_output"
ls -l "$work/demo_output"
test -n "$(ls "$work/demo_output")"

echo "-- the quick start of the README"
"$clean" quick_start.py
