"""The command line on files as they come: what it reads, what it writes, and what it refuses."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import userops.__main__ as command
from userops import History, Orders
from userops.__main__ import main
from userops.core import files
from userops.core.files import read_file
from userops.errors import DataError, MissingExtraError, UnreadableFileError
from userops.events import ByOrderId
from userops.segmentation import RFM, FittedRFM, NTile, eight

COLUMNS = ["--customer-id", "who", "--order-id", "no", "--ordered-at", "at", "--amount", "paid"]
NAMES = {"customer_id": "who", "order_id": "no", "ordered_at": "at", "amount": "paid"}
TABLES = {"customers.csv", "model.json", "quality.txt", "quarantine.csv", "segments.csv"}


def lines(*more: str) -> str:
    """Return 60 orders of nine customers as CSV, a sixth of them returns, and further lines."""
    rows = [
        f"客户{i % 9},{'C' if i % 6 == 5 else ''}{i},2024-{1 + i % 5:02d}-{1 + i % 28:02d} 23:30,"
        f"{'-' if i % 6 == 5 else ''}{i}.{i % 10}5"
        for i in range(60)
    ]
    return "\n".join(["who,no,at,paid", *rows, *more]) + "\n"


def typed() -> pa.Table:
    """Return the same orders with numbers and times in place of text."""
    rows = [line.split(",") for line in lines().splitlines()[1:]]
    return pa.table({
        "who": [row[0] for row in rows],
        "no": [row[1] for row in rows],
        "at": [dt.datetime.fromisoformat(row[2]) for row in rows],
        "paid": [float(row[3]) for row in rows],
    })  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A file of those orders."""
    path = tmp_path / "orders.csv"
    path.write_text(lines(), encoding="utf-8")
    return path


def run(path: Path, out: Path, *options: str) -> int:
    """Run the command without charts."""
    return main(["rfm", str(path), *COLUMNS, "--no-charts", "--out", str(out), *options])


def written(out: Path, name: str) -> list[dict[str, Any]]:
    """Return the rows of a table that was written, its joined scores as text."""
    if (out / f"{name}.parquet").exists():
        return parquet.read_table(out / f"{name}.parquet").to_pylist()
    kinds = {"rfm": pa.string(), "no": pa.string()}
    convert = csv.ConvertOptions(column_types=kinds, strings_can_be_null=True)
    return csv.read_csv(out / f"{name}.csv", convert_options=convert).to_pylist()


@pytest.mark.parametrize("policy", ["net", "separate", "ignore"])
@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_customers_are_the_librarys(policy: Any, kind: str, shop: Path, tmp_path: Path) -> None:
    """Each number of the table of customers is what the library says, in either format."""
    out = tmp_path / "out"
    options = ["--returns", policy, "--format", kind, "--as-of", "2024-06-01",
               "--time-zone", "Asia/Shanghai"]  # fmt: skip
    assert run(shop, out, *options) == 0

    orders = Orders(typed(), **NAMES, time_zone="Asia/Shanghai")  # type: ignore[arg-type]
    fitted = RFM().fit(History(orders, returns=policy), as_of="2024-06-01")
    assert written(out, "customers") == fitted.score().sort_by("customer_id").to_pylist()
    assert written(out, "segments") == fitted.segments().to_pylist()
    assert ("returned" in written(out, "customers")[0]) == (policy == "separate")


def test_every_option_of_the_model_reaches_it(shop: Path, tmp_path: Path) -> None:
    """Method, map, language, scale and pattern of returns are those that were asked for."""
    out = tmp_path / "out"
    options = [
        "--cut-points", "ntile", "--segments", "eight", "--locale", "zh", "--scale", "3",
        "--currency", "CNY", "--return-pattern", "^C", "--as-of", "2024-05-15 12:00",
        "--time-zone", "Asia/Shanghai",
    ]  # fmt: skip
    assert run(shop, out, *options) == 0

    orders = Orders(
        typed(), **NAMES, scale=3, returns_by=ByOrderId("^C"), time_zone="Asia/Shanghai",
    )  # type: ignore[arg-type]  # fmt: skip
    cut = NTile(5)
    model = RFM(recency=cut, frequency=cut, monetary=cut, segments=eight(), locale="zh")
    fitted = model.fit(orders, as_of="2024-05-15 12:00")
    assert written(out, "customers") == fitted.score().sort_by("customer_id").to_pylist()
    assert {row["segment"] for row in written(out, "segments")} >= {"重要价值客户", "一般挽留客户"}
    assert "CNY" in (out / "quality.txt").read_text("utf-8")


def test_the_model_can_be_used_again(shop: Path, tmp_path: Path) -> None:
    """The model that was written scores the same customers in another process's words."""
    out = tmp_path / "out"
    assert run(shop, out, "--cut-points", "ntile") == 0

    model = FittedRFM.from_dict(json.loads((out / "model.json").read_text("utf-8")))
    orders = Orders(read_file(shop), **NAMES)  # type: ignore[arg-type]
    assert model.score(orders).sort_by("customer_id").to_pylist() == written(out, "customers")


def test_as_of_defaults_to_the_day_after_in_the_zone(shop: Path, tmp_path: Path) -> None:
    """The default as_of is the local midnight after the last counted order."""
    last = max(typed()["at"].to_pylist())
    for zone, offset in (("UTC", 0), ("Asia/Shanghai", 8)):
        out = tmp_path / zone
        assert run(shop, out, "--time-zone", zone) == 0
        model = json.loads((out / "model.json").read_text("utf-8"))

        as_of = dt.datetime.fromtimestamp(model["as_of_us"] / 1e6, dt.UTC)
        midnight = dt.datetime.combine(last.date(), dt.time(), dt.UTC) + dt.timedelta(days=1)
        assert as_of == midnight - dt.timedelta(hours=offset)
        assert min(row["recency_days"] for row in written(out, "customers")) == 0


def test_a_sentinel_date_is_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An order of 9999-12-31 has no day after it, which is said, with the way out."""
    path = tmp_path / "orders.csv"
    path.write_text(lines("客户1,x,9999-12-31,1.00"), encoding="utf-8")
    out = tmp_path / "out"

    if run(path, out) != 0:
        assert "as-of" in capsys.readouterr().err
        assert not out.exists()
    assert run(path, out, "--as-of", "2024-06-01") == 0


def test_rows_that_cannot_count_are_written_with_reasons(tmp_path: Path) -> None:
    """The quarantine holds each row as it came, with the first reason that applies."""
    path = tmp_path / "orders.csv"
    bad = {
        ",1,2024-01-01,5": "no_customer",
        "a,,2024-01-01,5": "no_order_id",
        "a,3,,5": "no_time",
        "a,4,2023-02-29,5": "unreadable_time",
        "a,5,2024-01-01,": "no_amount",
        'a,6,2024-01-01,"1,5"': "unreadable_amount",
    }
    path.write_text(lines(*bad), encoding="utf-8")
    out = tmp_path / "out"

    assert run(path, out) == 0
    rows = written(out, "quarantine")
    assert [row["reason"] for row in rows] == list(bad.values())
    assert rows[5]["paid"] == "1,5"
    assert "quarantined" in (out / "quality.txt").read_text("utf-8")
    assert {row["customer_id"] for row in written(out, "customers")} == {
        f"客户{i}" for i in range(9)
    }


@pytest.mark.parametrize(
    ("name", "encode", "options"),
    [
        ("orders.csv", lambda text: text.encode("gbk"), ["--encoding", "gbk"]),
        ("orders.csv", lambda text: text.encode("utf-8-sig"), []),
        ("orders.csv", lambda text: text.encode("utf-16"), ["--encoding", "utf-16"]),
        ("orders.csv", lambda text: text.replace("\n", "\r\n").encode(), []),
        ("orders.csv", lambda text: text.rstrip("\n").encode(), []),
        ("orders.csv.gz", lambda text: gzip.compress(text.encode()), []),
        ("orders.tsv", lambda text: text.replace(",", "\t").encode(), ["--delimiter", "\t"]),
        ("orders.csv", lambda text: text.replace(",", ";").encode(), ["--delimiter", ";"]),
    ],
    ids=["gbk", "bom", "utf-16", "crlf", "no last newline", "gz", "tabs", "semicolons"],
)
def test_files_are_read_as_programs_write_them(
    name: str, encode: Any, options: list[str], shop: Path, tmp_path: Path
) -> None:
    """Other encodings, line ends, marks and compression give the numbers of the plain file."""
    path = tmp_path / "other" / name
    path.parent.mkdir()
    path.write_bytes(encode(lines()))

    assert run(shop, tmp_path / "plain") == 0
    assert run(path, tmp_path / "out", *options) == 0
    for file in TABLES:
        assert (tmp_path / "out" / file).read_bytes() == (tmp_path / "plain" / file).read_bytes()


def test_quoted_line_breaks_stay_within_their_field(tmp_path: Path) -> None:
    """A line break, a quote and a comma inside quotes belong to the value, out and in."""
    path = tmp_path / "orders.csv"
    path.write_text(lines('"line\none, ""two""",q1,2024-01-01,5', ",q2,2024-01-01,5"), "utf-8")
    out = tmp_path / "out"

    assert run(path, out) == 0
    assert 'line\none, "two"' in {row["customer_id"] for row in written_with_breaks(out)}


def written_with_breaks(out: Path) -> list[dict[str, Any]]:
    """Return the customers of a table whose ids hold line breaks."""
    parse = csv.ParseOptions(newlines_in_values=True)
    return csv.read_csv(out / "customers.csv", parse_options=parse).to_pylist()


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("cut.csv", lines().encode()[:-9], "truncated"),
        ("cut.csv.gz", gzip.compress(lines().encode())[:-12], "Truncated"),
        ("cut.csv", lines('"客户1,77,2024-01-01').encode(), "cannot be read"),
        ("ragged.csv", lines("a,b,c").encode(), "Expected 4 columns, got 3"),
        ("twice.csv", b"who,no,at,paid,paid\na,1,2024-01-01,2,3\n", "occur twice: 'paid'"),
        ("empty.csv", b"", "the file is empty"),
        ("blank.csv", b"\n\n", "cannot be read"),
        ("gbk.csv", lines().encode("gbk"), "gbk"),
        ("text.parquet", lines().encode(), "cannot be read"),
        ("semi.csv", lines().replace(",", ";").encode(), "separated by ';'"),
    ],
)
def test_a_file_that_is_broken_is_refused_as_a_whole(
    name: str, data: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A truncated, ragged, ambiguous or misread file gives exit code 1, a reason, and no output."""
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UnreadableFileError, match=said) as caught:
        read_file(path)
    assert caught.value.path == str(path)
    assert isinstance(caught.value, DataError | OSError)

    assert run(path, tmp_path / "out") == 1
    said_on_error = capsys.readouterr().err
    assert said_on_error.startswith("userops: ")
    assert said in said_on_error
    assert sorted(file.name for file in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("share", [0.0005, 0.3, 0.7, 0.999])
def test_parquet_cut_anywhere_is_refused(share: float, tmp_path: Path) -> None:
    """A Parquet file that lost its end, at whatever place, is refused."""
    whole, cut = tmp_path / "whole.parquet", tmp_path / "cut.parquet"
    parquet.write_table(typed(), whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: max(1, int(len(data) * share))])

    with pytest.raises(UnreadableFileError, match="truncated"):
        read_file(cut)
    assert run(cut, tmp_path / "out") == 1
    assert not (tmp_path / "out").exists()


def test_parquet_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    """A Parquet file whose pages are damaged is refused, though its footer is whole."""
    path = tmp_path / "orders.parquet"
    parquet.write_table(typed(), path)
    data = bytearray(path.read_bytes())
    data[20:60] = bytes(40)
    path.write_bytes(data)

    with pytest.raises(UnreadableFileError):
        read_file(path)


def test_parquet_with_a_name_twice_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Parquet file in which a column occurs twice is refused like such a CSV file."""
    path = tmp_path / "orders.parquet"
    table = pa.Table.from_arrays(
        [*typed().columns, typed()["paid"]], [*typed().column_names, "paid"]
    )
    parquet.write_table(table, path)

    assert run(path, tmp_path / "out") == 1
    assert "paid" in capsys.readouterr().err


def test_a_header_alone_says_that_nothing_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file with a header and no rows is no crash."""
    path = tmp_path / "orders.csv"
    path.write_text("who,no,at,paid\n")
    assert run(path, tmp_path / "out") == 1
    assert "no row" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "COMMAND"),
        (["rmf"], "invalid choice: 'rmf'"),
        (["rfm", "--segmnets", "eight"], "unrecognized arguments: --segmnets"),
        (["rfm", "--segments", "nine"], "invalid choice: 'nine' (choose from"),
        (["rfm", "--returns", "gross"], "invalid choice: 'gross' (choose from"),
        (["rfm", "--locale", "fr"], "invalid choice: 'fr'"),
        (["rfm", "--format", "xlsx"], "invalid choice: 'xlsx'"),
        (["rfm", "--scale", "two"], "invalid int value: 'two'"),
        (["rfm", "--out"], "expected one argument"),
    ],
)
def test_options_that_do_not_exist_are_usage_errors(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown command, option or choice exits with 2 and says what was not known."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("usage: userops")


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Help names every option with an example, and the version is the package's."""
    from userops import __version__

    for arguments in (["--version"], ["rfm", "--help"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 0
    said = capsys.readouterr().out
    assert f"userops {__version__}" in said
    for word in ("--customer-id", "--return-pattern", "--as-of", "--no-charts", "examples:"):
        assert word in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--amount", "piad"], "did you mean 'paid'?"),
        (["--scale", "1"], "declare scale=2"),
        (["--scale", "12"], "--scale: must be a whole number"),
        (["--time-format", "%d/%m/%y"], "%y cannot be read"),
        (["--unit-price", "paid"], "--unit-price: would be ignored"),
        (["--return-pattern", "("], "--return-pattern: "),
        (["--delimiter", "||"], "--delimiter: "),
        (["--encoding", "klingon"], "klingon"),
    ],
)
def test_options_that_cannot_work_are_refused_by_name(
    options: list[str], said: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A value that cannot work exits with 1, and the option that holds it is named."""
    assert run(shop, tmp_path / "out", *options) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "place",
    [
        "orders.csv",
        "orders.csv/below",
    ],
)
def test_a_folder_that_cannot_be_is_refused(
    place: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file in the place of the output folder, or above it, is refused and left as it is."""
    before = shop.read_bytes()
    assert run(shop, tmp_path / place) == 1
    assert "--out" in capsys.readouterr().err
    assert shop.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["orders.csv"]


def test_a_folder_in_the_place_of_a_report_is_refused(shop: Path, tmp_path: Path) -> None:
    """Where a folder is called customers.csv, nothing is put inside it."""
    inside = tmp_path / "out" / "customers.csv"
    inside.mkdir(parents=True)

    assert run(shop, tmp_path / "out") == 1
    assert not list(inside.iterdir())


def test_a_failure_while_writing_leaves_all_as_it_was(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the second table cannot be written, the old report stands and nothing is left over."""
    out = tmp_path / "out"
    assert run(shop, out) == 0
    (out / "notes.txt").write_text("mine")
    before = {file.name: file.read_bytes() for file in out.iterdir()}
    real, calls = files.write_table, []

    def failing(table: Any, path: Path) -> None:
        calls.append(path.name)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        real(table, path)

    monkeypatch.setattr(files, "write_table", failing)
    with pytest.raises(OSError, match="No space left"):
        run(shop, out, "--returns", "ignore")

    assert len(calls) == 2
    assert {file.name: file.read_bytes() for file in out.iterdir()} == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["orders.csv", "out"]


def test_a_new_report_replaces_the_old_one(shop: Path, tmp_path: Path) -> None:
    """A second run overwrites its own files and keeps those of others."""
    out = tmp_path / "deep" / "out"
    assert run(shop, out) == 0
    (out / "notes.txt").write_text("mine")
    first = (out / "customers.csv").read_bytes()

    assert run(shop, out, "--returns", "ignore") == 0
    assert (out / "customers.csv").read_bytes() != first
    assert (out / "notes.txt").read_text() == "mine"
    assert {file.name for file in out.iterdir()} == {*TABLES, "notes.txt"}


def test_charts_are_written_as_png(shop: Path, tmp_path: Path) -> None:
    """Four charts stand beside the tables, in the language of the report."""
    pytest.importorskip("matplotlib")
    out = tmp_path / "out"
    assert main(["rfm", str(shop), *COLUMNS, "--out", str(out)]) == 0

    charts = {file.name: file.read_bytes() for file in out.glob("*.png")}
    assert set(charts) == {"orders.png", "revenue.png", "rfm_grid.png", "segments.png"}
    for data in charts.values():
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert data.endswith(b"IEND\xaeB`\x82")
        assert len(data) > 5_000


def test_without_matplotlib_the_tables_are_written(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """A missing drawing library costs the charts only, and says how to get them."""
    from userops.charts import axes

    def missing() -> None:
        raise MissingExtraError("plot", "matplotlib")

    monkeypatch.setattr(axes, "require_matplotlib", missing)
    out = tmp_path / "out"
    assert main(["rfm", str(shop), *COLUMNS, "--out", str(out)]) == 0
    assert {file.name for file in out.iterdir()} == TABLES
    assert "pip install 'userops[plot]'" in capsys.readouterr().err


def test_progress_is_shown_on_a_large_file(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Large CSV, packed CSV and Parquet files draw a bar that ends at the size of the file."""
    packed = tmp_path / "orders.csv.gz"
    packed.write_bytes(gzip.compress(lines().encode()))
    table = tmp_path / "orders.parquet"
    parquet.write_table(typed(), table, row_group_size=25)

    for path in (shop, packed, table):
        assert run(path, tmp_path / "small") == 0
    assert "%" not in capsys.readouterr().err
    monkeypatch.setattr(files, "_LARGE_BYTES", 10)
    for path in (shop, packed, table):
        assert run(path, tmp_path / "large") == 0
        assert f"{path.name}: 100%" in capsys.readouterr().err.replace(" 99%", " 100%")


def test_what_is_said_while_it_runs(shop: Path, tmp_path: Path, capsys: Any) -> None:
    """Quality, cut-points and segments are printed, then each file that was written."""
    out = tmp_path / "out"
    assert run(shop, out, "--locale", "zh") == 0
    said = capsys.readouterr().out

    assert said.index("counted") < said.index("RFM of 9 customers") < said.index("冠军客户")
    for name in TABLES:
        assert f"wrote {out / name}" in said


def run_alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the module in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "userops", *arguments],
        capture_output=True, text=True, check=False, encoding="utf-8", errors="replace",
        env=os.environ | environment,
    )  # fmt: skip


def test_a_terminal_without_chinese_is_no_crash(shop: Path, tmp_path: Path) -> None:
    """On a terminal that shows ASCII alone the report is written all the same."""
    done = run_alone(
        "rfm", str(shop), *COLUMNS, "--no-charts", "--locale", "zh", "--out",
        str(tmp_path / "out"), PYTHONIOENCODING="ascii",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {file.name for file in (tmp_path / "out").iterdir()} == TABLES


def test_a_process_of_its_own_exits_with_the_code(shop: Path, tmp_path: Path) -> None:
    """The exit code reaches the shell, and no traceback the user."""
    refused = run_alone(
        "rfm", str(shop), *COLUMNS, "--as-of", "2020-01-01", "--out", str(tmp_path / "out")
    )
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert not (tmp_path / "out").exists()


def test_the_command_is_the_module() -> None:
    """What is imported here is what `python -m userops` runs."""
    assert command.main is main
