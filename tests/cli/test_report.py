"""The command line: what it writes, what it says, and what it leaves alone."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from userops.__main__ import main
from userops.core import files
from userops.core.files import read_file
from userops.datasets import load_online_retail
from userops.errors import UnreadableFileError
from userops.events import ByOrderId, Orders
from userops.segmentation import RFM

COLUMNS = ["--customer-id", "who", "--order-id", "no", "--ordered-at", "at", "--amount", "paid"]
REPORT = {
    "customers.csv", "model.json", "orders.png", "quality.txt", "quarantine.csv", "revenue.png",
    "rfm_grid.png", "segments.csv", "segments.png",
}  # fmt: skip


def small_orders() -> pa.Table:
    """Return 60 orders of seven customers, every ninth without one."""
    return pa.table({
        "who": [f"客户{i % 7}" if i % 9 else None for i in range(60)],
        "no": [f"o{i}" for i in range(60)],
        "at": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d} 12:00:00" for i in range(60)],
        "paid": [round(9.99 + i, 2) for i in range(60)],
    })  # fmt: skip


@pytest.fixture
def orders_csv(tmp_path: Path) -> Path:
    """Write them to a file."""
    path = tmp_path / "orders.csv"
    csv.write_csv(small_orders(), path)
    return path


def test_the_bundled_shop_gives_a_whole_report(tmp_path: Path) -> None:
    """Without a file the bundled shop is segmented, and customers.csv holds the library's rows."""
    assert main(["rfm", "--out", str(tmp_path / "out")]) == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == REPORT
    orders = Orders(
        load_online_retail(backend="pyarrow"), customer_id="CustomerID", order_id="InvoiceNo",
        ordered_at="InvoiceDate", quantity="Quantity", unit_price="UnitPrice", scale=3,
        time_zone="Europe/London", returns_by=ByOrderId("^C"),
    )  # fmt: skip
    expected = RFM().fit(orders, as_of="2011-12-10").score().sort_by("customer_id").to_pylist()
    written = csv.read_csv(tmp_path / "out" / "customers.csv").to_pylist()
    assert [{**row, "rfm": str(row["rfm"])} for row in written] == expected
    quarantine = csv.read_csv(tmp_path / "out" / "quarantine.csv")
    assert quarantine.num_rows == 135_080
    assert set(quarantine["reason"].to_pylist()) == {"no_customer"}
    assert (tmp_path / "out" / "rfm_grid.png").read_bytes()[:4] == b"\x89PNG"


def test_a_file_of_ones_own_in_chinese(orders_csv: Path, tmp_path: Path, capsys) -> None:
    """A CSV with Chinese ids, eight segments and Parquet output goes through in a subprocess."""
    out = tmp_path / "报告"
    done = subprocess.run(
        [sys.executable, "-m", "userops", "rfm", str(orders_csv), *COLUMNS, "--locale", "zh",
         "--segments", "eight", "--format", "parquet", "--time-zone", "Asia/Shanghai",
         "--cut-points", "ntile", "--no-charts", "--out", str(out)],
        capture_output=True, text=True, check=False, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "重要价值客户" in done.stdout
    names = {file.name for file in out.iterdir()}
    assert names == {
        "customers.parquet", "model.json", "quality.txt", "quarantine.parquet", "segments.parquet",
    }  # fmt: skip
    customers = parquet.read_table(out / "customers.parquet")
    assert sorted(customers["customer_id"].to_pylist()) == [f"客户{i}" for i in range(7)]
    assert json.loads((out / "model.json").read_text("utf-8"))["type"] == "FittedRFM"


def test_as_of_defaults_to_the_day_after_the_last_order(orders_csv: Path, tmp_path: Path) -> None:
    """Without --as-of the most recent customer's recency is zero days."""
    assert (
        main(["rfm", str(orders_csv), *COLUMNS, "--no-charts", "--out", str(tmp_path / "o")]) == 0
    )
    customers = csv.read_csv(tmp_path / "o" / "customers.csv")
    assert min(customers["recency_days"].to_pylist()) == 0


@pytest.mark.parametrize("returns", ["net", "separate", "ignore"])
def test_returns_reach_the_model(returns: str, tmp_path: Path) -> None:
    """--returns decides how money that came back is counted."""
    table = small_orders().append_column("back", pa.array([i % 5 == 0 for i in range(60)]))
    path = tmp_path / "orders.parquet"
    parquet.write_table(table, path)
    code = main(["rfm", str(path), *COLUMNS, "--return-column", "back", "--returns", returns,
                 "--no-charts", "--out", str(tmp_path / "out")])  # fmt: skip
    assert code == 0
    rows = csv.read_csv(tmp_path / "out" / "customers.csv").to_pylist()
    total = round(sum(row["monetary"] for row in rows), 2)
    known = [i for i in range(60) if i % 9]
    bought = sum(9.99 + i for i in known if i % 5)
    back = sum(9.99 + i for i in known if i % 5 == 0)
    assert total == pytest.approx(bought - back if returns == "net" else bought)
    assert ("returned" in rows[0]) == (returns == "separate")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (["--customer-id", "Who"], "did you mean 'who'?"),
        (["--scale", "0"], "declare scale=2"),
        (["--as-of", "2020-01-01"], "no customer has an 'order' before as_of"),
        (["--time-zone", "Asia/Shangai"], "did you mean 'Asia/Shanghai'?"),
        (["--return-pattern", "("], "is not a regular expression"),
        (["--as-of", "yesterday"], "is not a date or time"),
    ],
)
def test_a_refusal_says_why_and_writes_nothing(
    change: list[str], said: str, orders_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A run that cannot finish exits with 1, says what to do, and leaves the folder as it was."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "segments.csv").write_text("yesterday's")
    assert main(["rfm", str(orders_csv), *COLUMNS, *change, "--out", str(out)]) == 1
    assert said in capsys.readouterr().err
    assert [file.name for file in out.iterdir()] == ["segments.csv"]
    assert (out / "segments.csv").read_text() == "yesterday's"
    assert not list(tmp_path.glob(".userops-*"))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_truncated_file_gives_a_clear_error_and_no_output(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A file that ends too early is refused as a whole."""
    whole, cut = tmp_path / f"whole.{kind}", tmp_path / f"cut.{kind}"
    (csv.write_csv if kind == "csv" else parquet.write_table)(small_orders(), whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) - 25 if kind == "csv" else len(data) // 2])
    out = tmp_path / "out"
    assert main(["rfm", str(cut), *COLUMNS, "--out", str(out)]) == 1
    error = capsys.readouterr().err
    assert "cannot be read" in error
    assert "truncated" in error
    assert not out.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"who,no,at,paid,who\na,1,2024-01-01,2,b\n", "occur twice: 'who'"),
        ("who,no,at,paid\n张三,1,2024-01-01,2\n".encode("gbk"), "gbk"),
    ],
)
def test_files_that_cannot_be_read(content: bytes | None, said: str, tmp_path: Path) -> None:
    """A missing, empty, ambiguous or wrongly encoded file is refused with the remedy."""
    path = tmp_path / "orders.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=said) as caught:
        read_file(path)
    assert caught.value.path == str(path)


def test_csv_keeps_text_as_it_stands(tmp_path: Path) -> None:
    """Leading zeros, quoted line breaks, other encodings and compression are read as they are."""
    path = tmp_path / "orders.csv"
    path.write_bytes('who,no\n007,"two\nlines"\n,张三\n'.encode("gbk"))
    rows = read_file(path, encoding="gbk").to_pylist()
    assert rows == [{"who": "007", "no": "two\nlines"}, {"who": None, "no": "张三"}]
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(b"who,no\n007,1\n"))
    assert read_file(packed).to_pylist() == [{"who": "007", "no": "1"}]


def test_a_large_file_shows_progress(
    orders_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Reading a large file draws a bar on standard error; a small one does not."""
    read_file(orders_csv)
    assert "orders.csv" not in capsys.readouterr().err
    monkeypatch.setattr(files, "_LARGE_BYTES", 10)
    read_file(orders_csv)
    assert "orders.csv: 100%" in capsys.readouterr().err


@pytest.mark.parametrize("returned", [True, False])
def test_a_file_of_returns_or_of_nobody(
    returned: bool, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A file with only returns, or without a known customer, says that there is nothing to fit."""
    path = tmp_path / "orders.csv"
    who = "a" if returned else ""
    path.write_text(f"who,no,at,paid\n{who},1,2024-01-01,-5\n{who},2,2024-01-02,-6\n")
    assert main(["rfm", str(path), *COLUMNS, "--out", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert ("all counted rows of 'order' are returns" if returned else "no row could be") in error


def test_segments_say_what_customers_are_worth(
    orders_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --value-weeks there are value and P(alive), in the customers' and segments' order."""
    out = tmp_path / "out"
    asked = ["rfm", str(orders_csv), *COLUMNS, "--no-charts", "--out", str(out)]
    assert main([*asked, "--value-weeks", "26"]) == 0
    said = capsys.readouterr().out
    assert "CustomerValue over 26 weeks" in said
    customers = csv.read_csv(out / "customers.csv").to_pylist()
    segments = csv.read_csv(out / "segments.csv").to_pylist()
    assert all(0 <= row["p_alive"] <= 1 and row["clv"] > 0 for row in customers)
    for row in segments:
        mine = [each for each in customers if each["segment"] == row["segment"]]
        assert row["customers"] == len(mine)
        if mine:
            assert row["clv"] == pytest.approx(sum(each["clv"] for each in mine))
            mean = sum(each["p_alive"] for each in mine) / len(mine)
            assert row["p_alive"] == pytest.approx(mean)
    assert sum(row["clv_share"] or 0 for row in segments) == pytest.approx(1)
