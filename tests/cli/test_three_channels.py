"""The demonstration of three channels that become one customer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_SCRIPT = Path(__file__).parents[2] / "scripts" / "three_channels.py"


def test_bound_customers_are_fewer_and_worth_more(tmp_path: Path) -> None:
    """The report says what binding changes, and both charts are drawn."""
    done = subprocess.run(
        [sys.executable, str(_SCRIPT), "--customers", "800", "--out", str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    alone, bound, *_ = done.stdout.splitlines()
    counts = [int(line.split(": ")[1].split()[0].replace(",", "")) for line in (alone, bound)]
    assert 0 < counts[1] < counts[0]
    spent = [
        float(line.split("orders and ")[1].split()[0].replace(",", "")) for line in (alone, bound)
    ]
    assert spent[0] < spent[1]
    assert "customer_id + phone" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["channels.png", "resolution.png"]
