"""Times written as text: one value against the standard library, and against every engine."""

from __future__ import annotations

import datetime as dt
import random

import narwhals.stable.v2 as nw
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from userops.core import frames
from userops.core.timetext import ISO, time_text
from userops.errors import InvalidDefinitionError
from userops.testing import to_engine

MINUTE_US = 60_000_000
FULL_WIDTH = "\uff12\uff10\uff12\uff14-01-31"


def clock(*parts: int) -> dt.datetime:
    """Return a clock reading, which has no zone."""
    year, month, day, *rest = parts
    return dt.datetime(year, month, day, *rest)  # noqa: DTZ001


def clock_us(value: dt.datetime) -> int:
    """Return a clock reading in microseconds."""
    return (value.replace(tzinfo=None) - clock(1970, 1, 1)) // dt.timedelta(microseconds=1)


def read_by_column(
    engine: str, texts: list[str | None], time_format: str | None
) -> list[tuple[int, int | None] | None]:
    """Read texts as a column of the engine, in the form that `TimeText.read` returns."""
    table = pa.table({"row": range(len(texts)), "t": pa.array(texts, pa.string())})
    frame = frames.read(to_engine(table, engine)).frame.with_columns(nw.col("t").alias("q_t"))
    frame = time_text(time_format).with_clock(frame, "q_t", "q_")
    rows = frames.to_arrow(frame.select("row", "q_clock", "q_offset")).sort_by("row").to_pylist()
    return [None if row["q_clock"] is None else (row["q_clock"], row["q_offset"]) for row in rows]


def read_by_scalar(
    texts: list[str | None], time_format: str | None
) -> list[tuple[int, int | None] | None]:
    """Read texts one by one."""
    return [None if text is None else time_text(time_format).read(text) for text in texts]


digits = st.integers
iso_like = st.builds(
    "{:04d}-{:02d}-{:02d}{}{}{}".format,
    digits(0, 9999),
    digits(0, 13),
    digits(0, 32),
    st.sampled_from(["", " 08:30", "T24:00", " 23:59:59", "T23:59:60", " 8:05", " 08:60", " 08"]),
    st.sampled_from(["", "", ":07", ":07.5", ":07,123456", ":07.123456789", ".5", ":07."]),
    st.sampled_from(["", "", "Z", " Z", "+08:00", "-0330", " +0545", "+24:00", "-08:60", "z", "x"]),
)
loose = st.builds(
    "{}-{}-{}".format, digits(1900, 2100), digits(0, 13), st.sampled_from(["1", "29", "30", "31"])
)
junk = st.sampled_from(
    ["", " ", "中文", "2024-01-31中文", "31/01/2024", "20240131", "0000-01-01", "2024-02-29\nx",
     "x\n2024-02-29", FULL_WIDTH, "2024-1-1 1:1", "-2024-01-31", "+2024-01-31", "12024-01-31",
     "2024-01-31 08:30:00.1234567890", "2024-01-31 08:30+8", "2024-01-31Z", "NaT", "null", "2024"]
)  # fmt: skip
texts_of_iso = (
    iso_like
    | loose
    | junk
    | st.text(
        st.characters(codec="utf-8", exclude_categories=("Cc", "Zs", "Zl", "Zp")), max_size=12
    ).map(lambda t: f"2024-01-31{t}")
)
edges = st.sampled_from(["", " ", "\t\n"])
many_texts = st.lists(st.builds("{0}{1}{0}".format, edges, texts_of_iso), min_size=40, max_size=80)


@settings(max_examples=300, deadline=None)
@given(st.datetimes(), st.sampled_from([" ", "T"]), st.sampled_from(["auto", "minutes", "seconds"]))
def test_iso_text_reads_as_the_standard_library_does(
    moment: dt.datetime, separator: str, detail: str
) -> None:
    """Whatever `isoformat` writes without a zone is read as `fromisoformat` reads it."""
    text = moment.isoformat(separator, detail)

    assert ISO.read(text) == (clock_us(dt.datetime.fromisoformat(text)), None)


@settings(max_examples=200, deadline=None)
@given(st.datetimes(), st.integers(-23 * 60 - 59, 23 * 60 + 59))
def test_offsets_read_as_the_standard_library_does(moment: dt.datetime, minutes: int) -> None:
    """An offset in any of its spellings is read with its sign, beside the clock as written."""
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    text = moment.replace(tzinfo=zone).isoformat()
    squeezed = text[:-6] + text[-6:].replace(":", "")

    assert ISO.read(text) == (clock_us(moment), minutes * MINUTE_US)
    assert ISO.read(squeezed) == ISO.read(text)
    assert ISO.read(moment.isoformat(" ", "seconds") + "Z") == (
        clock_us(moment.replace(microsecond=0)),
        0,
    )


@settings(max_examples=200, deadline=None)
@given(iso_like)
def test_iso_text_is_readable_only_where_the_standard_library_can(text: str) -> None:
    """What is read names a time that exists: `fromisoformat` reads the same from it."""
    read = ISO.read(text)
    if read is None:
        return
    compact = text.replace(",", ".").replace(" +", "+").replace(" Z", "Z")
    parts = compact.replace("T", " ").split(" ")
    if len(parts) > 1 and parts[1][1] == ":":
        parts[1] = "0" + parts[1]
    known = dt.datetime.fromisoformat(" ".join(parts))
    offset = known.utcoffset()

    assert read[0] == clock_us(known)
    assert read[1] == (None if offset is None else offset // dt.timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-29", clock(2024, 2, 29)),
        ("2024-1-5", clock(2024, 1, 5)),
        ("2024-1-5 8:30", clock(2024, 1, 5, 8, 30)),
        (" 2024-01-31\n", clock(2024, 1, 31)),
        ("2024-01-31 23:59:59.999999", clock(2024, 1, 31, 23, 59, 59, 999_999)),
        ("2024-01-31 00:00:00.1234567", clock(2024, 1, 31, 0, 0, 0, 123_456)),
        ("0001-01-01", clock(1, 1, 1)),
        ("9999-12-31T23:59:59,999999", clock(9999, 12, 31, 23, 59, 59, 999_999)),
    ],
)
def test_iso_text_that_reads(text: str, expected: dt.datetime) -> None:
    """Unpadded parts, surrounding blanks and long fractions (cut to microseconds) are read."""
    assert ISO.read(text) == (clock_us(expected), None)


@pytest.mark.parametrize(
    "text",
    ["", " ", "中文", "2023-02-29", "2024-02-30", "2024-04-31", "2024-13-01", "2024-00-10",
     "2024-01-00", "2024-01-31 24:00", "2024-01-31 23:60", "2024-01-31 23:59:60", "0000-01-01",
     "2024-01-31x", "x2024-01-31", "2024-01-31 08", "2024-01-31  08:30", "2024/01/31", "20240131",
     "2024-01-31 08:30 +24:00", "2024-01-31 08:30+08:60", "2024-01-31+08:00", FULL_WIDTH,
     "2024-01-31 08:30:00.", "2024-01-31\n2024-01-31", "24-01-31", "2024-01-31 08:30:00.1234567890",
     ],
)  # fmt: skip
def test_iso_text_that_does_not_read(text: str) -> None:
    """A day or time that does not exist, trailing letters and other formats are unreadable."""
    assert ISO.read(text) is None


FORMATS = {
    "%d/%m/%Y %H:%M": "{d:02d}/{m:02d}/{Y:04d} {H:02d}:{M:02d}",
    "%Y年%m月%d日": "{Y:04d}年{m:02d}月{d:02d}日",
    "%Y-%m-%d %H:%M:%S.%f": "{Y:04d}-{m:02d}-{d:02d} {H:02d}:{M:02d}:{S:02d}.{f:06d}",
    "%Y%m%d": "{Y:04d}{m:02d}{d:02d}",
    "%Y%m%d%H%M%S%f": "{Y:04d}{m:02d}{d:02d}{H:02d}{M:02d}{S:02d}{f:06d}",
    "%Y%m%d 时%H": "{Y:04d}{m:02d}{d:02d} 时{H:02d}",
    "%m.%Y": "{m:02d}.{Y:04d}",
    "%M:%H (%d|%m) [%Y]": "{M:02d}:{H:02d} ({d:02d}|{m:02d}) [{Y:04d}]",
}
# Of each kind one is compared on every engine: parts between marks, and parts by position.
ON_EVERY_ENGINE = ("%d/%m/%Y %H:%M", "%Y%m%d 时%H")


def parts_of(rng: random.Random) -> dict[str, int]:
    """Return parts of which about half name a time that exists."""
    wild = rng.random() < 0.5
    return {
        "Y": rng.randrange(10_000) if wild else rng.randrange(1, 10_000),
        "m": rng.randrange(15) if wild else rng.randrange(1, 13),
        "d": rng.randrange(34) if wild else rng.randrange(1, 29),
        "H": rng.randrange(27) if wild else rng.randrange(24),
        "M": rng.randrange(63) if wild else rng.randrange(60),
        "S": rng.randrange(63) if wild else rng.randrange(60),
        "f": rng.randrange(1_000_000),
    }


def texts_in(time_format: str, count: int) -> list[str]:
    """Return texts in a format, always the same ones."""
    rng = random.Random(time_format)
    return [FORMATS[time_format].format(**parts_of(rng)) for _ in range(count)]


@pytest.mark.parametrize("time_format", FORMATS)
def test_formats_read_as_strptime_does(time_format: str) -> None:
    """With a format, padded text is readable exactly when `strptime` can read it, and the same."""
    reader = time_text(time_format)
    readable = 0
    for text in texts_in(time_format, 400):
        try:
            known = (clock_us(dt.datetime.strptime(text, time_format)), None)  # noqa: DTZ007
        except ValueError:
            known = None
        # strptime takes a 61st second for a leap second; no day of ours has one.
        if known is None or ":60." not in text:
            assert reader.read(text) == known
        readable += known is not None
    assert 100 < readable < 400


@pytest.mark.parametrize("time_format", FORMATS)
def test_formats_read_the_same_in_columns(time_format: str) -> None:
    """Each format reads a column as it reads single texts, damaged ones included."""
    texts: list[str | None] = []
    rng = random.Random(7)
    for text in texts_in(time_format, 60):
        cut = rng.randrange(len(text))
        texts += [
            text,
            text[:cut] + text[cut + 1 :],
            text + "0",
            f" {text}\t",
            text.replace("0", ""),
        ]
    texts += ["", " ", None, "中文", "-", "0" * 20]

    assert read_by_column("pyarrow", texts, time_format) == read_by_scalar(texts, time_format)


@pytest.mark.parametrize("time_format", ON_EVERY_ENGINE)
def test_formats_read_the_same_on_every_engine(kernel: str, time_format: str) -> None:
    """Parts told apart by marks, and by position, are read alike on every engine."""
    texts: list[str | None] = [*texts_in(time_format, 40), "", None, "中文", "1/2/2024 3:4"]

    assert read_by_column(kernel, texts, time_format) == read_by_scalar(texts, time_format)


@settings(max_examples=4, deadline=None)
@given(texts=many_texts)
@pytest.mark.parametrize("fast_engine", ["pyarrow", "polars-lazy"])
def test_iso_columns_equal_the_scalar(fast_engine: str, texts: list[str]) -> None:
    """Good and bad ISO text reads the same in a column as alone."""
    assert read_by_column(fast_engine, [*texts, None], None) == read_by_scalar([*texts, None], None)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(texts=many_texts)
def test_iso_columns_equal_the_scalar_long(texts: list[str]) -> None:
    """Over many more texts the column equals the scalar."""
    assert read_by_column("pyarrow", [*texts, None], None) == read_by_scalar([*texts, None], None)


DIFFICULT: list[str | None] = [
    "2024-02-29", "2023-02-29", "2024-02-30", "1900-02-29", "2000-02-29", "2024-12-31",
    "2024-01-31 24:00", "2024-01-31 23:59:60", "2024-01-31T23:59:59.999999", "2024-01-31 00:59",
    "2024-12-31 11:07", "2024-01-31T08:30:00+08:00", "2024-01-31T08:30:00 -0330",
    "2024-01-31 8:30Z",
    "2024-01-31 08:30+24:00", "2024-01-31 08:30:00.123456789", "2024-01-31 08:30:00,5",
    "2024-01-31T08:30:00.5+08:00", "2024-1-5", "2024-1-5 8:30 Z", " 2024-01-31", "2024-01-31\t\n",
    "", "  ", None, "中文", "2024-01-31中", "2024-01-31x", FULL_WIDTH, "0000-01-01", "0001-01-01",
    "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999", "20240131", "2024-13-01",
    "2024-01-31\n2024-01-31", "2024-01-31 08:30:00.", "2024-01-31 08:30:00.1234567890",
]  # fmt: skip


def test_trap_11_difficult_iso_text_reads_the_same_on_every_engine(engine: str) -> None:
    """Leap days, the last microsecond, offsets, blanks and 中文 read alike on every engine.

    The twelve months and the minutes are told apart although SQL engines fold the case of names.
    """
    texts = [*DIFFICULT, *(f"2024-{month}-28 0{month % 10}:{month + 20}" for month in range(1, 13))]

    assert read_by_column(engine, texts, None) == read_by_scalar(texts, None)


BLANKS = ("\u3000", "\u00a0", "\u2003", "\x1c", "\x85")


def test_blanks_of_other_scripts_are_stripped_alike() -> None:
    """An ideographic or no-break space around a time reads the same alone and in a column."""
    texts: list[str | None] = [blank + "2024-01-31" for blank in BLANKS]

    for engine in ("pyarrow", "polars"):
        assert read_by_column(engine, texts, None) == read_by_scalar(texts, None)


@pytest.mark.parametrize(
    "time_format",
    ["", "%", "%m/%d", "%y-%m-%d", "%Y-%j", "%Y-%b-%d", "%Y-%m-%d %Z", "%Y%%", "%%Y", "%Y-%Y",
     "%Y-%m-%d%", "%Y %", "%Y%\n", "x%Y", "on %Y", "%Y1", "%Y-%m-%d 00:00", "%H:%M"],
)  # fmt: skip
def test_a_format_that_cannot_be_read_is_refused(time_format: str) -> None:
    """Unknown, repeated, missing and dangling directives are refused, and so are digits."""
    with pytest.raises(InvalidDefinitionError) as caught:
        time_text(time_format)
    assert caught.value.field == "time_format"
    assert "%Y" in str(caught.value)


def test_blanks_around_a_format_do_not_count() -> None:
    """A format with a blank at its edge reads what the format without it reads."""
    assert time_text(" %Y-%m-%d ").read("2024-01-31") == time_text("%Y-%m-%d").read("2024-01-31")


def test_no_format_means_iso() -> None:
    """None as a format is ISO 8601."""
    assert time_text(None) is ISO
