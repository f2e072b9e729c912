"""Reading a host's CSV or Parquet file to its end, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet
from tqdm import tqdm

from userops.errors import InvalidArgumentError, UnreadableFileError

__all__ = ["read_file", "write_table"]

_LARGE_BYTES = 50 * 2**20
_BLOCK_BYTES = 8 * 2**20


def read_file(
    path: str | Path,
    *,
    encoding: str = "utf-8",
    delimiter: str = ",",
    progress: bool | None = None,
) -> pa.Table:
    """Read a CSV or Parquet file.

    Args:
        path: The file; by its ending `.parquet` or `.pq` is Parquet, anything else CSV, also
            compressed as `.gz`, `.bz2` or `.zst`.
        encoding: Of a CSV file; for example `gbk` or `latin-1`.
        delimiter: Between the fields of a CSV file, one character.
        progress: Whether to show progress on standard error; None shows it for large files.

    Returns:
        The rows. Every CSV column is text, an empty field is null: ids keep their leading zeros
        and amounts their decimals, and the normaliser reads both.

    Raises:
        UnreadableFileError: If the file is missing, empty, truncated, or not of its format.
        InvalidArgumentError: If the delimiter is not one character.
    """
    path = Path(path)
    if len(delimiter) != 1 or not delimiter.isascii():
        raise InvalidArgumentError(
            "delimiter", "must be one ASCII character", got=repr(delimiter),
            allowed="a comma, a semicolon, a bar or a tab",
        )  # fmt: skip
    if not path.is_file():
        raise UnreadableFileError(str(path), "there is no such file")
    size = path.stat().st_size
    if not size:
        raise UnreadableFileError(str(path), "the file is empty")
    if path.suffix.lower() in (".xlsx", ".xls"):
        raise UnreadableFileError(
            str(path), "is a workbook, not a table", hint="save the sheet as CSV in UTF-8"
        )
    is_parquet = _is_parquet(path)
    hint = (
        "the file may be truncated; compare its size with the original"
        if is_parquet
        else f"the file may be truncated, of another encoding than {encoding!r} (such as 'gbk'), "
        f"or its fields not separated by {delimiter!r} (such as delimiter=';')"
    )
    shown = progress if progress is not None else size >= _LARGE_BYTES
    with (
        _named_errors(path, hint),
        tqdm(total=size, unit="B", unit_scale=True, desc=path.name, disable=not shown) as bar,
    ):
        return _parquet(path, bar) if is_parquet else _csv(path, encoding, delimiter, bar)


@contextmanager
def _named_errors(path: Path, hint: str) -> Iterator[None]:
    try:
        yield
    except UnreadableFileError:
        raise
    except (pa.ArrowException, OSError, LookupError, UnicodeError) as error:
        said = " ".join(str(error).split())[:300]
        raise UnreadableFileError(str(path), f"cannot be read: {said}", hint=hint) from error


def _parquet(path: Path, bar: Any) -> pa.Table:
    with parquet.ParquetFile(path) as file:
        tables = [file.schema_arrow.empty_table()]
        for group in range(file.num_row_groups):
            tables.append(file.read_row_group(group))
            bar.update(bar.total // file.num_row_groups)
        return pa.concat_tables(tables)


def _csv(path: Path, encoding: str, delimiter: str, bar: Any) -> pa.Table:
    names = _header(path, encoding, delimiter)
    convert = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
        quoted_strings_can_be_null=True,
    )
    read = csv.ReadOptions(block_size=_BLOCK_BYTES, encoding=encoding)
    # newlines_in_values: without it a quoted line break silently starts a new row.
    parse = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    with (
        pa.OSFile(str(path)) as file,
        pa.input_stream(file, compression=_compression(path)) as stream,
        csv.open_csv(
            stream, read_options=read, parse_options=parse, convert_options=convert
        ) as reader,
    ):
        batches = []
        for batch in reader:
            batches.append(batch)
            bar.update(file.tell() - bar.n)
        return pa.Table.from_batches(batches, schema=reader.schema)


def _header(path: Path, encoding: str, delimiter: str) -> list[str]:
    with pa.input_stream(str(path), compression=_compression(path)) as stream:
        reader = csv.open_csv(
            stream,
            read_options=csv.ReadOptions(block_size=2**20, encoding=encoding),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        )
        names: list[str] = reader.schema.names
    other = [mark for mark in ";\t|," if mark != delimiter and mark in names[0]]
    if len(names) == 1 and other:
        raise UnreadableFileError(
            str(path), f"the first line is a single column {names[0]!r}",
            hint=f"the fields may be separated by {other[0]!r}: pass it as the delimiter",
        )  # fmt: skip
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UnreadableFileError(
            str(path), f"these columns occur twice: {', '.join(map(repr, twice))}",
            hint="name each column once in the first line",
        )  # fmt: skip
    return names


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".pq")


def _compression(path: Path) -> str | None:
    return {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}.get(path.suffix.lower())


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table by the ending of the path: `.parquet` or `.pq`, else CSV in UTF-8."""
    if _is_parquet(path):
        parquet.write_table(table, path)
    else:
        csv.write_csv(table, path)
