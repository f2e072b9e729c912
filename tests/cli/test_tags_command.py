"""`python -m userops tags`: what it writes, whom it explains, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

from userops import History, Orders
from userops.__main__ import main
from userops.datasets import load_online_retail
from userops.errors import MissingExtraError
from userops.events import ByOrderId
from userops.segmentation import FittedTagSet, shop_tags

COLUMNS = ["--customer-id", "who", "--order-id", "no", "--ordered-at", "at", "--amount", "paid"]
TABLES = {
    "quality.txt", "quarantine.csv", "tag_counts.csv", "tag_explanation.txt", "tag_set.json",
    "tags.csv",
}  # fmt: skip


def small_orders(**columns: Any) -> pa.Table:
    """Return 60 orders of seven customers, every ninth without one."""
    return pa.table({
        "who": [f"客户{i % 7}" if i % 9 else None for i in range(60)],
        "no": [f"o{i}" for i in range(60)],
        "at": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d} 12:00:00" for i in range(60)],
        "paid": [round(9.99 + i, 2) for i in range(60)],
        "city": [("杭州", "上海", None)[i % 3] for i in range(60)],
        **columns,
    })  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Write them to a file."""
    path = tmp_path / "orders.csv"
    csv.write_csv(small_orders(), path)
    return path


def run(path: Path, out: Path, *options: str) -> int:
    """Run the command without charts."""
    return main(["tags", str(path), *COLUMNS, "--no-charts", "--out", str(out), *options])


def test_the_bundled_shop_is_tagged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a file the bundled shop is tagged, and the tables hold what the library says."""
    out = tmp_path / "out"
    assert main(["tags", "--out", str(out)]) == 0
    said = capsys.readouterr().out

    assert {file.name for file in out.iterdir()} == {*TABLES, "tag_overlap.png"}
    orders = Orders(
        load_online_retail(backend="pyarrow"), customer_id="CustomerID", order_id="InvoiceNo",
        ordered_at="InvoiceDate", quantity="Quantity", unit_price="UnitPrice", scale=3,
        time_zone="Europe/London", returns_by=ByOrderId("^C"), product_id="StockCode",
        properties=("Country",),
    )  # fmt: skip
    history = History(orders)
    fitted = shop_tags(preferences=["product_id", "Country"]).fit(history, "2011-12-10")
    expected = fitted.assign(history, "2011-12-10").to_pylist()
    written = csv.read_csv(out / "tags.csv").to_pylist()
    assert written == sorted(expected, key=lambda row: (row["customer_id"], row["tag"]))
    counts = csv.read_csv(out / "tag_counts.csv").to_pylist()
    assert counts == fitted.preview(history, "2011-12-10").to_pylist()
    assert (out / "tag_overlap.png").read_bytes()[:4] == b"\x89PNG"
    # The rare products are in the file, and not on the screen.
    assert sum(row["tag"] == "favourite product" for row in counts) > 1_000
    assert said.count("favourite product") == 6
    assert (out / "tag_explanation.txt").read_text("utf-8") in said
    assert said.startswith((out / "quality.txt").read_text("utf-8"))
    assert csv.read_csv(out / "quarantine.csv").num_rows == orders.quarantine.num_rows


def test_who_has_most_tags_is_explained(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --customer it is the one with most tags by rule, each tag with its reasons."""
    out = tmp_path / "out"
    assert run(shop, out) == 0

    lines = (out / "tag_explanation.txt").read_text("utf-8").splitlines()
    rows = csv.read_csv(out / "tags.csv").to_pylist()
    tags = [row["customer_id"] for row in rows]
    most = max(tags.count(customer) for customer in tags)
    first = min(customer for customer in tags if tags.count(customer) == most)
    assert lines[0] == f"Customer {first} as of 2024-12-25 00:00 UTC"
    headings = [line for line in lines[1:] if not line.startswith(" ")]
    found = {row["tag"]: row["value"] for row in rows if row["customer_id"] == first}
    names = [tag.name for tag in shop_tags().tags]
    assert headings == [
        f"{name} = {found[name]}" if name in found else f"{name}: –" for name in names
    ]


@pytest.mark.parametrize("ids", ["text", "numbers"])
def test_the_customer_who_is_asked_for_is_explained(ids: str, tmp_path: Path) -> None:
    """--customer takes ids of text and of whole numbers."""
    numbers = [i % 7 for i in range(60)]
    table = small_orders(who=numbers if ids == "numbers" else [str(n) for n in numbers])
    path, out = tmp_path / "orders.parquet", tmp_path / "out"
    parquet.write_table(table, path)

    assert run(path, out, "--customer", "3") == 0
    assert (out / "tag_explanation.txt").read_text("utf-8").startswith("Customer 3 as of")


def test_a_shop_of_ones_own_in_chinese(shop: Path, tmp_path: Path) -> None:
    """Names, values and reasons are Chinese, and a column of the file becomes a tag."""
    out = tmp_path / "报告"
    options = ["--locale", "zh", "--preference", "city", "--format", "parquet", "--as-of",
               "2024-07-01", "--time-zone", "Asia/Shanghai", "--customer", "客户1"]  # fmt: skip
    assert run(shop, out, *options) == 0

    assert {file.name for file in out.iterdir()} == {
        "quality.txt", "quarantine.parquet", "tag_counts.parquet", "tag_explanation.txt",
        "tag_set.json", "tags.parquet",
    }  # fmt: skip
    tags = set(parquet.read_table(out / "tags.parquet")["tag"].to_pylist())
    assert {"活跃度", "复购客户", "city"} <= tags
    said = (out / "tag_explanation.txt").read_text("utf-8")
    assert said.startswith("客户 客户1，截至 2024-07-01 00:00 Asia/Shanghai\n活跃度 = ")
    assert "距最近一次" in said


def test_the_set_can_be_used_again(shop: Path, tmp_path: Path) -> None:
    """The definition that was written gives the same tags to the same file."""
    out = tmp_path / "out"
    assert run(shop, out, "--preference", "city") == 0

    tags = FittedTagSet.from_dict(json.loads((out / "tag_set.json").read_text("utf-8")))
    orders = Orders(
        csv.read_csv(shop, convert_options=csv.ConvertOptions(strings_can_be_null=True)),
        customer_id="who", order_id="no", ordered_at="at", amount="paid", properties=("city",),
    )  # fmt: skip
    rows = tags.assign(History(orders), "2024-12-25").to_pylist()
    written = csv.read_csv(out / "tags.csv").to_pylist()
    assert sorted(rows, key=lambda row: (row["customer_id"], row["tag"])) == written


def test_numbers_can_be_preferred(tmp_path: Path) -> None:
    """A product or a preference that is a number is read as text."""
    path, out = tmp_path / "orders.parquet", tmp_path / "out"
    parquet.write_table(small_orders(sku=[7] * 60, floor=[2] * 60), path)

    assert run(path, out, "--product-id", "sku", "--preference", "floor") == 0
    rows = csv.read_csv(out / "tags.csv").to_pylist()
    assert {row["value"] for row in rows if row["tag"] == "favourite product"} == {"7"}
    assert {row["value"] for row in rows if row["tag"] == "floor"} == {"2"}
    assert "favourite product = 7" in (out / "tag_explanation.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--preference", "cty"], "did you mean 'city'?"),
        (["--customer", "客户9"], "there is no customer '客户9'"),
        (["--as-of", "2020-01-01"], "no customer has an 'order' before as_of"),
        (["--amount", "piad"], "did you mean 'paid'?"),
        (["--time-zone", "Asia/Shangai"], "did you mean 'Asia/Shanghai'?"),
    ],
)
def test_a_refusal_says_why_and_writes_nothing(
    options: list[str], said: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What cannot work exits with 1, says what to do, and leaves no folder."""
    assert run(shop, tmp_path / "out", *options) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_both_reports_stand_in_one_folder(shop: Path, tmp_path: Path) -> None:
    """The files of the two commands have different names."""
    out = tmp_path / "out"
    assert main(["rfm", str(shop), *COLUMNS, "--no-charts", "--out", str(out)]) == 0
    before = {file.name: file.read_bytes() for file in out.iterdir()}

    assert run(shop, out) == 0
    after = {file.name: file.read_bytes() for file in out.iterdir()}
    assert set(after) == {*before, *TABLES}
    assert {name: after[name] for name in before} == before


def test_without_matplotlib_the_tables_are_written(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A missing drawing library costs the chart only, and says how to get it."""
    from userops.charts import axes

    def missing() -> None:
        raise MissingExtraError("plot", "matplotlib")

    monkeypatch.setattr(axes, "require_matplotlib", missing)
    out = tmp_path / "out"
    assert main(["tags", str(shop), *COLUMNS, "--out", str(out)]) == 0
    assert {file.name for file in out.iterdir()} == TABLES
    assert "pip install 'userops[plot]'" in capsys.readouterr().err


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Help of the command names its options with an example."""
    with pytest.raises(SystemExit) as caught:
        main(["tags", "--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for word in ("--customer-id", "--preference", "--customer ID", "--as-of", "examples:"):
        assert word in said
