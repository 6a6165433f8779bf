"""From the zip to Parquet: nothing lost, nothing altered, and every fault by its line."""

import csv
import errno
import io
import itertools
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jena_etl.errors import DataError, ProjectError, SourceError
from jena_etl.ingest import csv_reader as module
from jena_etl.ingest.convert import convert
from jena_etl.ingest.csv_reader import LARGEST, NUMBER, Layout, read_csv
from jena_etl.ingest.jena import DATETIME_COLUMN, DATETIME_FORMAT, JENA_COLUMNS
from jena_etl.ingest.synthetic import MEMBER, write_synthetic

HEADER = '"Date Time","p (mbar)","T (degC)","note"'
COLUMNS = ("p (mbar)", "T (degC)")
OPTIONS: dict[str, Any] = {
    "members": ["a.csv"],
    "encoding": "utf-8",
    "separator": ",",
    "decimal": ".",
    "datetime_column": DATETIME_COLUMN,
    "datetime_format": DATETIME_FORMAT,
    "columns": COLUMNS,
    "units": {},
    "sentinels": (-9999.0,),
    "on_sentinel": "fill_forward",
    "on_missing": "error",
    "on_duplicate": "keep",
}
ROWS = 6
ADVICE = ("mend", "remove", "save", "set ", "sort", "rename", "check", "did you mean", "there are")


def lines(count: int = ROWS) -> list[str]:
    """Lines 2 to count + 1 of a sound file."""
    start = datetime(2009, 1, 1, 0, 10)  # noqa: DTZ001 - the station's clock has no zone
    timestamps = [
        (start + k * timedelta(minutes=10)).strftime(DATETIME_FORMAT) for k in range(count)
    ]
    return [f"{timestamp},{996 + k}.52,-{k}.02,n{k}" for k, timestamp in enumerate(timestamps)]


def csv_text(rows: list[str], *, header: str = HEADER, eol: str = "\n", end: str = "\n") -> bytes:
    return (eol.join([header, *rows]) + end).encode()


def zipped(folder: Path, text: bytes, *, name: str = "a.csv") -> Path:
    path = folder / "station.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, text)
    return path


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def converted(archive: Path, **options: Any) -> tuple[pl.DataFrame, list[str]]:
    """One call with the test file's names, and `options` in their place."""
    out = archive.parent / "out"
    chosen = {**OPTIONS, **options}
    source = convert([archive], out / "climate.parquet", out / "findings.parquet", **chosen)
    assert sorted(names_in(out)) == ["climate.parquet", "findings.parquet"]
    return pl.read_parquet(out / "climate.parquet"), source["left_out"]


def refused(archive: Path, *parts: str, error: type[Exception] = DataError, **how: Any) -> str:
    """The message of a refusal that names `parts`, gives a next step and leaves no file."""
    before = {path.name for path in archive.parent.rglob("*")}
    with pytest.raises(error) as caught:
        converted(archive, **how)
    message = str(caught.value)
    for part in parts:
        assert part in message
    assert any(word in message for word in (*ADVICE, "fetch"))
    assert "\n" not in message
    assert str(archive.parent) not in message
    left = {path.name for path in archive.parent.rglob("*")}
    assert left <= {*before, "out"}
    return message


def independent(text: str) -> tuple[list[str], list[datetime], list[tuple[float, ...]]]:
    """Header, timestamps and numbers by Python's csv, strptime and float."""
    header, *rows = csv.reader(io.StringIO(text))
    timestamps = [datetime.strptime(row[0], DATETIME_FORMAT) for row in rows]  # noqa: DTZ007
    return header, timestamps, [tuple(map(float, row[1:])) for row in rows]


def bits(rows: Iterable[tuple[float, ...]]) -> list[bytes]:
    return [struct.pack(f"{len(row)}d", *row) for row in rows]


SOUND = lines()
EXPECTED = [
    (datetime(2009, 1, 1, (10 + 10 * k) // 60, (10 + 10 * k) % 60), 996 + k + 0.52, -(k + 0.02))  # noqa: DTZ001
    for k in range(ROWS)
]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the original's layout, __MACOSX member and all."""
    path = tmp_path_factory.mktemp("synthetic") / "synthetic.zip"
    write_synthetic(path, rows=20_000, seed=5)
    return path


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More rows than one row group or one of Polars' chunks: the same six, over and over."""
    return zipped(tmp_path_factory.mktemp("long"), csv_text(SOUND * 50_000))


def test_synthetic_file_arrives_bit_for_bit(synthetic: Path) -> None:
    with zipfile.ZipFile(synthetic) as archive:
        header, timestamps, numbers = independent(archive.read(MEMBER).decode("ascii"))
    frame, left_out = converted(synthetic, members=[MEMBER], columns=JENA_COLUMNS)
    assert left_out == []
    assert frame.columns == header == [DATETIME_COLUMN, *JENA_COLUMNS]
    assert frame[DATETIME_COLUMN].to_list() == timestamps
    assert bits(frame.drop(DATETIME_COLUMN).iter_rows()) == bits(numbers)
    schema = pq.read_schema(synthetic.parent / "out" / "climate.parquet")
    assert schema.types == [pa.timestamp("ms"), *[pa.float64()] * 14]


@pytest.mark.parametrize("sentinel_at", [None, 0, 250])
def test_what_was_written_while_reading_gives_way_to_what_was_cleaned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sentinel_at: int | None
) -> None:
    """Blocks of some lines, row groups of others, and a fault known after most were written."""
    monkeypatch.setattr("jena_etl.ingest.archives.CHUNK", 700)
    monkeypatch.setattr("jena_etl.ingest.convert.ROW_GROUP_ROWS", 64)
    rows, expected = lines(300), [996 + k + 0.52 for k in range(300)]
    if sentinel_at is not None:
        rows[sentinel_at + 1] = rows[sentinel_at + 1].replace(f"{997 + sentinel_at}.52", "-9999.0")
        expected[sentinel_at + 1] = expected[sentinel_at]
    frame, _ = converted(zipped(tmp_path, csv_text(rows)))
    assert frame["p (mbar)"].to_list() == expected
    assert row_groups(tmp_path / "out/climate.parquet") == [64, 64, 64, 64, 44]


@pytest.mark.parametrize(("rows", "groups"), [(3, [3]), (4, [4]), (8, [4, 4]), (9, [4, 4, 1])])
def test_no_row_group_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, groups: list[int]
) -> None:
    monkeypatch.setattr("jena_etl.ingest.convert.ROW_GROUP_ROWS", 4)
    converted(zipped(tmp_path, csv_text(lines(rows))))
    assert row_groups(tmp_path / "out/climate.parquet") == groups


def row_groups(file: Path) -> list[int]:
    metadata = pq.ParquetFile(file).metadata
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def test_a_disk_that_is_full_while_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jena_etl.ingest.convert.ROW_GROUP_ROWS", 2)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    refused(zipped(tmp_path, csv_text(SOUND)), "No space left", error=ProjectError)


def test_bytes_depend_on_the_file_alone(long: Path, tmp_path: Path) -> None:
    script = (
        "import json, sys; from pathlib import Path; from jena_etl.ingest.convert import convert\n"
        "archive, out, options = sys.argv[1:]\n"
        "convert([Path(archive)], Path(out) / 'climate.parquet', Path(out) / 'findings.parquet',\n"
        "  **json.loads(options))"
    )
    converted(long)
    target = long.parent / "out" / "climate.parquet"
    assert pq.ParquetFile(target).num_row_groups == 3
    for threads in ("1", "3"):
        again = tmp_path / threads
        command = [sys.executable, "-c", script, str(long), str(again), json.dumps(OPTIONS)]
        subprocess.run(command, env=os.environ | {"POLARS_MAX_THREADS": threads}, check=True)
        for name in names_in(target.parent):
            assert (again / name).read_bytes() == (target.parent / name).read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        csv_text(SOUND),
        csv_text(SOUND, end=""),
        csv_text(SOUND, header=HEADER.replace('"', "")),
        csv_text(SOUND, eol="\r\n", end="\r\n"),
        csv_text(SOUND, eol="\r\n", end=""),
        b"\xef\xbb\xbf" + csv_text(SOUND),
        csv_text(['"' + line.replace(",", '","') + '"' for line in SOUND]),
        csv_text(['"' + line.replace(",", '","') + '"' for line in SOUND], eol="\r\n", end="\r\n"),
        csv_text([line.replace(",n", ',"a ""note"", with a comma ",n')[:-3] for line in SOUND]),
        csv_text([line[: line.rindex(",") + 1] for line in SOUND]),
        csv_text([line.replace(",n", ",#\N{DEGREE SIGN}") for line in SOUND]),
        csv_text([line.replace(",-", ", -") for line in SOUND]),
        csv_text([line.replace(".52", ".5200e+0").replace(",9", ",+9") for line in SOUND]),
    ],
    ids=[
        "as is",
        "no newline at the end",
        "header without quotes",
        "CRLF",
        "CRLF, none at the end",
        "byte order mark",
        "all quoted",
        "all quoted, CRLF",
        "quotes and commas in a column left out",
        "a column left out is empty",
        "text in a column left out",
        "a space before a number",
        "exponent and plus",
    ],
)
def test_forms_of_one_file(text: bytes, tmp_path: Path) -> None:
    frame, left_out = converted(zipped(tmp_path, text))
    assert left_out == ["note"]
    assert frame.rows() == EXPECTED


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    frame, left_out = converted(zipped(tmp_path, csv_text(SOUND)), columns=("T (degC)",))
    assert left_out == ["p (mbar)", "note"]
    assert frame.columns == [DATETIME_COLUMN, "T (degC)"]
    swapped = [",".join(line.split(",")[i] for i in (3, 2, 0, 1)) for line in SOUND]
    text = csv_text(swapped, header='note,T (degC),Date Time,"p (mbar)"')
    frame, left_out = converted(zipped(tmp_path, text))
    assert frame.rows() == EXPECTED
    assert frame.columns == [DATETIME_COLUMN, *COLUMNS]
    assert left_out == ["note"]


def test_only_the_named_member_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, csv_text(SOUND))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.csv", "another")
        archive.writestr("__MACOSX/._a.csv", "AppleDouble")
    assert converted(path)[0].rows() == EXPECTED


def test_timestamps_in_other_formats(tmp_path: Path) -> None:
    for text, timestamp_format in [
        ("2009-01-31 00:10:00", "%Y-%m-%d %H:%M:%S"),
        ("2009-01-31T00:10:00Z", "%Y-%m-%dT%H:%M:%SZ"),
        ("2009-01-31 00:10:00+01:00", "%Y-%m-%d %H:%M:%S+01:00"),
        ("31.1.2009 0:10", "%-d.%-m.%Y %-H:%M"),
        ("01/31/09 12:10 AM", "%m/%d/%y %I:%M %p"),
        ("2009-01-31 00:10:00.000", "%Y-%m-%d %H:%M:%S%.3f"),
    ]:
        archive = zipped(tmp_path, csv_text([f"{text},1,2,n"]))
        frame, _ = converted(archive, datetime_format=timestamp_format)
        assert frame[DATETIME_COLUMN].to_list() == [datetime(2009, 1, 31, 0, 10)]  # noqa: DTZ001
        assert frame.schema[DATETIME_COLUMN] == pl.Datetime("ms")


# --- numbers: what Polars takes, what we take and what Python makes of it ---


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text("0123456789.+-eE_ \t", min_size=1, max_size=7), min_size=1, max_size=30))
def test_our_idea_of_a_number_is_polars(cells: list[str]) -> None:
    """`_check_lines` must find what Polars refuses, and nothing else."""
    for cell in cells:
        text = f"{cell}\n".encode()
        try:
            read = pl.scan_csv(text, has_header=False, schema={"a": pl.Float64()}).collect()
        except pl.exceptions.PolarsError:
            assert not NUMBER.fullmatch(cell)
        else:
            value = read.item()
            assert (value is not None) == bool(NUMBER.fullmatch(cell))
            assert value is None or bits([(value,)]) == bits([(float(cell),)])


def layout(**changes: Any) -> Layout:
    names = Layout.__dataclass_fields__.keys() & OPTIONS.keys()
    return Layout(**{**{n: OPTIONS[n] for n in names}, "may_miss": False, **changes})


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("012.,-+e naNulL", max_size=5), min_size=1, max_size=30),
    st.sampled_from([".", ","]),
    st.booleans(),
)
def test_any_cell_is_read_or_refused_as_the_line_wise_check_does(
    cells: list[str],
    decimal: str,
    may_miss: bool,  # noqa: FBT001
) -> None:
    """The fast reader and the slow one that names the culprit agree on every cell."""
    for cell in cells:
        form = layout(
            columns=("a",), decimal=decimal, separator=";", may_miss=may_miss, datetime_column="t"
        )
        text = f"t;a;x\n{STAMP4};{cell};n\n".encode()
        missing = cell.strip(" +-").lower() in ("", "nan", "na", "null")
        try:
            frame, _ = read_csv("a.csv", [text], form)
        except DataError as error:
            assert "column 'a'" in str(error)  # noqa: PT017  which cells are refused is the test
            refused_too = not form.is_number(cell)
            assert refused_too
        else:
            value = frame["a"].item()
            if value is None:
                assert missing
                assert may_miss
            else:
                assert bits([(value,)]) == bits([(float(cell.replace(decimal, ".")),)])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-LARGEST, LARGEST), min_size=1, max_size=200), st.integers(0, 30))
def test_polars_parses_floats_as_python_does(values: list[float], digits: int) -> None:
    cells = [form.format(value) for value in values for form in ("{!r}", f"{{:.{digits}e}}")]
    frame = pl.scan_csv("\n".join(cells).encode(), has_header=False, schema={"a": pl.Float64()})
    assert bits(frame.collect().iter_rows()) == bits([(float(cell),) for cell in cells])


# --- faults of a line ---


def with_line(number: int, line: str) -> list[str]:
    """The sound rows with line `number`, as an editor counts, replaced."""
    return [*SOUND[: number - 2], line, *SOUND[number - 1 :]]


STAMP4 = SOUND[2].split(",")[0]
FAULTS = {
    "text": (f"{STAMP4},998.52,warm,n", "column 'T (degC)': 'warm' is not a finite"),
    "empty": (f"{STAMP4},998.52,,n", "column 'T (degC)': the cell is empty"),
    "empty, quoted": (f'{STAMP4},998.52,"",n', "column 'T (degC)': the cell is empty"),
    "NaN": (f"{STAMP4},NaN,1.0,n", "column 'p (mbar)': 'NaN' is no number"),
    "null": (f"{STAMP4},998.52,Null,n", "set convert.on_missing: fill_forward"),
    "inf": (f"{STAMP4},998.52,-inf,n", "column 'T (degC)': '-inf' is not a finite"),
    "infinite in float32": (f"{STAMP4},998.52,3.5e38,n", "'3.5e38' is not a finite float32"),
    "infinite in float64": (f"{STAMP4},998.52,1e400,n", "'1e400' is not a finite float32"),
    "decimal comma, quoted": (
        f'{STAMP4},"998,52",1.0,n',
        "'998,52' is not a finite float32 number, expected one like -8.02; set convert.decimal",
    ),
    "decimal comma": (f"{STAMP4},998,52,1,02,n", "has 6 fields, expected the header's 4"),
    "space after": (f"{STAMP4},998.52,1.0 ,n", "'1.0 ' is not a finite"),
    "underscore": (f"{STAMP4},998.52,1_0,n", "'1_0' is not a finite"),
    "other digits": (f"{STAMP4},998.52,\u0661,n", "'\u0661' is not a finite"),
    "NUL": (f"{STAMP4},998.52,1\0,n", "holds a NUL byte"),
    "NUL in a column left out": (f"{STAMP4},998.52,1,\0", "mend or remove that line"),
    "too few": (f"{STAMP4},998.52,1.0", "has 3 fields, expected the header's 4"),
    "far too few": (STAMP4, "has 1 fields, expected the header's 4"),
    "too many": (f"{STAMP4},998.52,1.0,n,n", "has 5 fields, expected the header's 4"),
    "one comma too many": (f"{STAMP4},998.52,1.0,n,", "has 5 fields, expected the header's 4"),
    "blank": ("", "is blank"),
    "spaces": ("   ", "is blank"),
    "header": (HEADER, "is the header once more"),
    "header without quotes": (HEADER.replace('"', ""), "is the header once more"),
    "open quote": (f'{STAMP4},998.52,1.0,"n', "is no row of values with ','"),
    "stray quote": (f'{STAMP4},998.52,1.0,n"n', "is no row of values with ','"),
    "quote in mid-value": (f'{STAMP4},998.52,1.0,"n"n', "is no row of values with ','"),
    "carriage return": (f"{STAMP4},998.52,1.0\r,n", "is no row of values with ','"),
    "timestamp of another format": (
        "2009-01-01 00:30:00,1,2,n",
        "'2009-01-01 00:30:00' is not how",
    ),
    "timestamp empty": (",1,2,n", "column 'Date Time': '' is not how"),
    "timestamp empty, quoted": ('"",1,2,n', "column 'Date Time': '' is not how"),
    "31 February": ("31.02.2009 00:30:00,1,2,n", "'31.02.2009 00:30:00' is not how"),
    "two-digit year": ("01.01.09 00:30:00,1,2,n", "'01.01.09 00:30:00' is not how"),
    "leap second": ("01.01.2009 00:29:60,1,2,n", "expected one like '31.01.2009 23:50:00'"),
    "year before Christ": ("01.01.-2009 00:30:00,1,2,n", "'01.01.-2009 00:30:00' is not how"),
    "far year": ("01.01.+20090 00:30:00,1,2,n", "'01.01.+20090 00:30:00' is not how"),
    "24 hours": ("01.01.2009 24:00:00,1,2,n", "'01.01.2009 24:00:00' is not how"),
    "space before the timestamp": (f" {STAMP4},1,2,n", f"' {STAMP4}' is not how"),
    "NUL in the timestamp": (f"{STAMP4}\0,1,2,n", "holds a NUL byte"),
}


@pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(("line", "said"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("number", [2, 4, ROWS + 1])
def test_fault_is_named_by_its_line(
    number: int, line: str, said: str, eol: str, tmp_path: Path
) -> None:
    text = csv_text(with_line(number, line), eol=eol, end=eol)
    message = refused(zipped(tmp_path, text), said)
    assert message.startswith(f"a.csv, line {number}")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_bomb_of_one_line_is_refused_before_it_fills_the_memory(encoding: str) -> None:
    read = 0

    def zeros() -> Iterable[bytes]:
        nonlocal read
        while read < 1 << 30:
            read += 1 << 20
            yield bytes(1 << 20)

    with pytest.raises(DataError, match=r"bomb\.csv goes on for 16 MiB without a line end"):
        read_csv("bomb.csv", itertools.chain([csv_text(SOUND)], zeros()), layout(encoding=encoding))
    assert read <= 32 << 20


def test_blank_lines_at_the_end(tmp_path: Path) -> None:
    refused(zipped(tmp_path, csv_text(SOUND, end="\n\n")), f"line {ROWS + 2} is blank")
    refused(zipped(tmp_path, csv_text(SOUND, end="\n\n\n")), f"line {ROWS + 2} is blank")


def test_line_break_inside_quotes_swallows_no_row(tmp_path: Path) -> None:
    """Polars would read lines 3 to 5 as one row, and say nothing."""
    rows = [*SOUND]
    rows[1], rows[3] = rows[1].replace("n", '"n'), rows[3].replace("n", 'n"')
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 3 is no row of values")


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    text = csv_text(SOUND).replace(b"n3", b"\xb0")
    refused(zipped(tmp_path, text), "a.csv, line 5 is not UTF-8", "save the file as UTF-8")
    text = csv_text(SOUND).replace(b"note", b"\xb0")
    refused(zipped(tmp_path, text), "a.csv, line 1 is not UTF-8", "save the file as UTF-8")
    refused(zipped(tmp_path, csv_text(SOUND).decode().encode("utf-16")), "line 1 is not UTF-8")


def test_a_file_that_ends_in_an_opening_quotation_mark(tmp_path: Path) -> None:
    """Polars panics at it, which is no Exception."""
    quoted = ['"' + line.replace(",", '","') + '"' for line in SOUND]
    text = csv_text([*quoted[:3], quoted[3].partition("-")[0]], end="")
    refused(zipped(tmp_path, text), "a.csv, line 5 is no row of values")


def test_encodings_that_fail_in_their_own_way(tmp_path: Path) -> None:
    """The error of idna names no byte; utf-7 reads half a character, which UTF-8 cannot hold."""
    archive = zipped(tmp_path, csv_text(SOUND).replace(b"n3", b".xn--a."))
    refused(archive, "is not idna (", "set convert.encoding: utf-8", encoding="idna")
    archive = zipped(tmp_path, csv_text(SOUND).replace(b"n3", b"+2AA-"))
    refused(archive, "a.csv is not utf-7 (", "set convert.encoding", encoding="utf-7")


def test_a_message_stays_a_line_whatever_the_file_holds(tmp_path: Path) -> None:
    for text in (
        csv_text(with_line(4, f"{STAMP4},{'x' * 9_999},1,n")),
        csv_text(with_line(4, f"{'x' * 9_999},1,1,n")),
        csv_text(SOUND, header=",".join(f"{k}\x1b[31m{k}" for k in range(999))),
        csv_text(SOUND, header="x" * 9_999),
        csv_text(SOUND, header=f"{'x' * 9_999},{'x' * 9_999}"),
    ):
        with pytest.raises(DataError) as caught:
            converted(zipped(tmp_path, text))
        assert len(str(caught.value)) < 2_500
        assert str(caught.value).isprintable()


def test_old_mac_line_ends(tmp_path: Path) -> None:
    refused(zipped(tmp_path, csv_text(SOUND, eol="\r", end="\r")), "line 1", "line ends")


def test_far_line_is_counted_as_an_editor_does(tmp_path: Path) -> None:
    rows = SOUND * 10_000
    rows[50_000] = rows[50_000].replace(",n", "m,n")
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 50002, column 'T (degC)': '-2.02m'")
    rows[50_000] = rows[50_000].replace(",n", ",n,")[:5]
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 50002 has 1 fields")


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_is_refused_or_read_as_python_reads_it(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rows in are rows out, whatever one edit does to a file."""
    text = csv_text(SOUND).decode()
    at = data.draw(st.integers(len(HEADER) + 1, len(text) - 1))
    cut = data.draw(st.integers(0, 3))
    put = data.draw(st.text('0159.,-+e" \n\r\0x', max_size=3))
    text = text[:at] + put + text[at + cut :]
    archive = zipped(tmp_path_factory.mktemp("edit"), text.encode())
    try:
        frame, _ = converted(archive)
    except DataError:
        return
    rows = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert frame.height == len(rows) == len(text.rstrip("\n").split("\n")) - 1
    timestamps = [datetime.strptime(row[0], DATETIME_FORMAT) for row in rows]  # noqa: DTZ007
    assert frame[DATETIME_COLUMN].to_list() == timestamps
    numbers = [(float(row[1]), float(row[2])) for row in rows]
    assert bits(frame.select(COLUMNS).iter_rows()) == bits(numbers)


def outcome(chunks: list[bytes], **form: Any) -> object:
    """The rows and the columns left out, or the message."""
    try:
        frame, left_out = read_csv("a.csv", chunks, layout(**form))
    except DataError as error:
        return str(error)
    return frame.rows(), left_out


CUTS = {
    "as is": csv_text(SOUND),
    "no newline at the end": csv_text(SOUND, end=""),
    "CRLF": b"\xef\xbb\xbf" + csv_text(SOUND, eol="\r\n", end="\r\n"),
    "a line break in quotes": csv_text([*SOUND[:2], f'{STAMP4},1,2,"n', 'n"', *SOUND[3:]]),
    "a missing cell": csv_text(with_line(4, f"{STAMP4},NA,,n")),
    "CR alone": csv_text(SOUND, eol="\r", end="\r"),
    "blank lines": b"\n" * 300,
    "blank at first": b"\n" * 30 + csv_text(SOUND),
    "header only": csv_text([]),
    "header only, no newline": csv_text([], end=""),
    "a second mark": csv_text(with_line(4, f"\ufeff{STAMP4},1,2,n")),
    **{name: csv_text(with_line(4, line)) for name, (line, _) in FAULTS.items()},
}


@pytest.mark.parametrize("text", CUTS.values(), ids=CUTS.keys())
def test_how_the_bytes_are_cut_makes_no_difference(text: bytes) -> None:
    """Faults have the same message, with the line of the file, at the border of any block."""
    for form in ({}, {"may_miss": True}):
        whole = outcome([text], **form)
        for size in (3, 7, 31, 64, 100):
            chunks = [text[start : start + size] for start in range(0, len(text), size)]
            assert outcome(chunks, **form) == whole
        for at in range(3, len(text), 11):
            assert outcome([text[:at], text[at:]], **form) == whole


def test_damage_is_told_before_the_fault_it_makes(tmp_path: Path) -> None:
    """A bad digit far from the end of the member, and a checksum that does not match."""
    archive = zipped(tmp_path, csv_text(SOUND * 100_000))
    with zipfile.ZipFile(tmp_path / "stored.zip", "w") as stored:
        stored.writestr("a.csv", zipfile.ZipFile(archive).read("a.csv"))
    damaged = bytearray((tmp_path / "stored.zip").read_bytes())
    at = damaged.index(SOUND[3].encode())
    damaged[at : at + 1] = b"x"
    archive.write_bytes(damaged)
    refused(archive, "Bad CRC-32", "dvc repro -f download", error=SourceError)


# --- cells that are missing ---


@pytest.mark.parametrize("cell", ["", '""', "nan", "NaN", "NA", "na", "nA", "null", "NULL", "Null"])
@pytest.mark.parametrize("at", ["middle", "end"])
def test_missing_cells_are_filled_where_asked_for(cell: str, at: str, tmp_path: Path) -> None:
    rows = with_line(4, f"{STAMP4},998.52,{cell},n")
    header = HEADER
    if at == "end":  # a missing last cell looks like a row that is too short
        rows = [",".join(row.split(",")[i] for i in (0, 1, 3, 2)) for row in rows]
        header = '"Date Time","p (mbar)","note","T (degC)"'
    archive = zipped(tmp_path, csv_text(rows, header=header))
    refused(archive, "a.csv, line 4, column 'T (degC)'", "set convert.on_missing: fill_forward")
    frame, _ = converted(archive, on_missing="fill_forward")
    assert frame["T (degC)"].to_list() == [-0.02, -1.02, -1.02, -3.02, -4.02, -5.02]
    assert pl.read_parquet(tmp_path / "out/findings.parquet").rows() == [
        (2, "T (degC)", "missing", None, True)
    ]


def test_a_short_row_is_no_missing_cell(tmp_path: Path) -> None:
    """Also where the next row has a field more, or a comma in quotes, so that the sum is right."""
    for other in (SOUND[3] + ",", SOUND[3].replace("n3", '"n,3"')):
        rows = [*SOUND[:2], SOUND[2].removesuffix(",n2"), other, *SOUND[4:]]
        refused(
            zipped(tmp_path, csv_text(rows)),
            "a.csv, line 4 has 3 fields, expected the header's 4",
            on_missing="fill_forward",
        )


def test_findings_of_a_sound_file_are_an_empty_table(tmp_path: Path) -> None:
    converted(zipped(tmp_path, csv_text(SOUND)))
    found = pl.read_parquet(tmp_path / "out/findings.parquet")
    assert found.schema == {
        "row": pl.Int64(),
        "column": pl.String(),
        "kind": pl.String(),
        "value": pl.Float64(),
        "filled": pl.Boolean(),
    }
    assert found.height == 0


# --- another station's way of writing ---


def test_decimal_commas(tmp_path: Path) -> None:
    rows = [line.replace(",", ";").replace(".52", ",52").replace(".02", ",02") for line in SOUND]
    archive = zipped(tmp_path, csv_text(rows, header=HEADER.replace(",", ";")))
    frame, _ = converted(archive, separator=";", decimal=",")
    assert frame.rows() == EXPECTED
    refused(
        archive,
        "a.csv, line 2, column 'p (mbar)': '996,52' is not a finite",
        'set convert.decimal: ","',
        separator=";",
    )
    # Polars takes a point for a decimal one also then: 1.000 would be a thousand read as one.
    rows[3] = rows[3].replace("999,52", "999.52")
    archive = zipped(tmp_path, csv_text(rows, header=HEADER.replace(",", ";")))
    refused(
        archive,
        "line 5, column 'p (mbar)': '999.52'",
        "expected one like -8,02",
        'set convert.decimal: "."',
        separator=";",
        decimal=",",
    )


def test_other_encodings(tmp_path: Path) -> None:
    header = HEADER.replace("note", "SWDR (W/m\N{SUPERSCRIPT TWO})")
    text = csv_text([line.replace(",n", ",\N{MICRO SIGN}") for line in SOUND], header=header)
    wanted = ("p (mbar)", "T (degC)")
    for encoding in ("latin-1", "cp1252", "utf-16", "utf-8-sig"):
        archive = zipped(tmp_path, text.decode().encode(encoding))
        frame, left_out = converted(archive, encoding=encoding, columns=wanted)
        assert frame.rows() == EXPECTED
        assert left_out == ["SWDR (W/m\N{SUPERSCRIPT TWO})"]
    archive = zipped(tmp_path, text.decode().encode("latin-1"))
    refused(archive, "a.csv, line 1 is not UTF-8", "set convert.encoding: cp1252")
    refused(archive, "a.csv, line 1 is not ascii", "set convert.encoding: cp1252", encoding="ascii")
    archive = zipped(tmp_path, text.decode().encode("utf-16"))
    refused(archive, "line 1 is not UTF-8", "set convert.encoding: utf-16")
    archive = zipped(tmp_path, text)
    refused(
        archive,
        "convert.columns names 'SWDR (W/m\N{SUPERSCRIPT TWO})'",
        "did you mean 'SWDR (W/m\N{LATIN CAPITAL LETTER A WITH CIRCUMFLEX}\N{SUPERSCRIPT TWO})'",
        encoding="latin-1",
        columns=("SWDR (W/m\N{SUPERSCRIPT TWO})",),
    )


STATION = (  # the header of mpi_roof_*.csv at bgc-jena.mpg.de/wetter, as of 2020
    *JENA_COLUMNS,
    "rain (mm)",
    "raining (s)",
    "SWDR (W/m\N{SUPERSCRIPT TWO})",
    "PAR (\N{MICRO SIGN}mol/m\N{SUPERSCRIPT TWO}/s)",
    "max. PAR (\N{MICRO SIGN}mol/m\N{SUPERSCRIPT TWO}/s)",
    "Tlog (degC)",
    "CO2 (ppm)",
)


def test_the_stations_current_export(tmp_path: Path, station_data: Path) -> None:
    """The recorded year as the station writes it: latin-1, 21 columns, its own timestamps."""
    with zipfile.ZipFile(station_data / "weather_2020.csv.zip") as archive:
        _, *rows = csv.reader(io.StringIO(archive.read("weather_2020.csv").decode()))
    timestamps = [datetime.fromisoformat(row[0]) for row in rows]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([DATETIME_COLUMN, *STATION])
    for timestamp, row in zip(timestamps, rows, strict=True):
        writer.writerow([timestamp.strftime(DATETIME_FORMAT), *row[1:]])
    file = tmp_path / "mpi_roof.csv"
    file.write_bytes(text.getvalue().encode("latin-1"))
    wanted = ("T (degC)", *STATION[14:17], "wv (m/s)")
    options = {"members": None, "encoding": "latin-1", "columns": wanted}
    frame, left_out = converted(file, **options)
    assert len(left_out) == 21 - len(wanted)
    assert frame[DATETIME_COLUMN].to_list() == timestamps
    for name in wanted[:-1]:
        assert frame[name].to_list() == [float(row[1 + STATION.index(name)]) for row in rows]
    assert pl.read_parquet(tmp_path / "out/findings.parquet")["column"].to_list() == ["wv (m/s)"]
    assert frame["wv (m/s)"].min() >= 0  # type: ignore[operator]


def test_files_that_overlap(tmp_path: Path) -> None:
    """Rows 0 to 3 and rows 2 to 5, the second file with a column more and in another order."""
    (tmp_path / "a.csv").write_bytes(csv_text(SOUND[:4]))
    rows = [",".join([*reversed(line.split(",")), "1"]) for line in SOUND[2:]]
    (tmp_path / "b.csv").write_bytes(csv_text(rows, header="note,T (degC),p (mbar),Date Time,b"))
    files = [tmp_path / "b.csv", tmp_path / "a.csv"]
    outs = (tmp_path / "climate.parquet", tmp_path / "findings.parquet")
    for how, expected in (("keep", [*EXPECTED[:4], *EXPECTED[2:]]), ("first", EXPECTED)):
        options = {**OPTIONS, "members": ["a.csv", "b.csv"], "on_duplicate": how}
        source = convert(files, *outs, **options)
        assert pl.read_parquet(outs[0]).rows() == expected
        assert source["left_out"] == ["note", "b"]
        assert source["repeats"]["count"] == 2
    options = {**OPTIONS, "members": ["b.csv", "a.csv"]}
    with pytest.raises(DataError) as caught:
        convert(files, *outs, **options)
    assert str(caught.value) == (
        "a.csv, line 2, column 'Date Time': 2009-01-01 00:10:00 comes after 2009-01-01 01:00:00 of "
        "b.csv, line 5 and is no repeat; sort the lines by time, or the files in convert.members"
    )


# --- time ---


def test_time_that_runs_back_to_a_new_timestamp(tmp_path: Path) -> None:
    rows = [SOUND[0], SOUND[1], SOUND[3], SOUND[2], *SOUND[4:]]
    refused(
        zipped(tmp_path, csv_text(rows)),
        "a.csv, line 5, column 'Date Time': 2009-01-01 00:30:00 comes after",
        "2009-01-01 00:40:00 of a.csv, line 4",
        "sort the lines by time",
    )


def test_a_timestamp_in_the_future_is_an_error(tmp_path: Path) -> None:
    rows = with_line(4, SOUND[2].replace("2009", "2099"))
    refused(zipped(tmp_path, csv_text(rows)), "line 4", "2099-01-01 00:30:00 lies in the future")
    tomorrow = datetime.now() + timedelta(hours=23)  # noqa: DTZ005  a station east of here
    line = f"{tomorrow.strftime(DATETIME_FORMAT)},1,2,n"
    assert converted(zipped(tmp_path, csv_text([line])))[0].height == 1


def test_repeats_and_sentinels_that_are_refused(tmp_path: Path) -> None:
    rows = [*SOUND[:4], *SOUND[1:4], *SOUND[4:]]
    refused(
        zipped(tmp_path, csv_text(rows)),
        "a.csv, line 6, column 'Date Time': 2009-01-01 00:20:00 stands on a.csv, line 3 already;",
        "set convert.on_duplicate: keep or first",
        on_duplicate="error",
    )
    rows = with_line(4, f"{STAMP4},-9999.0,1,n")
    refused(
        zipped(tmp_path, csv_text(rows)),
        "a.csv, line 4, column 'p (mbar)': -9999.0 is one of convert.sentinels",
        "set convert.on_sentinel",
        on_sentinel="error",
    )
    rows = with_line(2, f"{SOUND[0].split(',')[0]},-9999,1,n")
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 2", "no good value comes before it")


def test_mixed_date_formats(tmp_path: Path) -> None:
    rows = with_line(5, SOUND[3].replace("01.01.2009", "2009-01-01"))
    refused(
        zipped(tmp_path, csv_text(rows)),
        "a.csv, line 5, column 'Date Time': '2009-01-01 00:40:00' is not how '%d.%m.%Y %H:%M:%S'",
        "expected one like '31.01.2009 23:50:00'",
    )


def test_block_logged_twice_is_kept(tmp_path: Path) -> None:
    rows = [*SOUND[:4], *SOUND[1:4], *SOUND[4:], SOUND[-1]]
    frame, _ = converted(zipped(tmp_path, csv_text(rows)))
    assert frame.rows() == [*EXPECTED[:4], *EXPECTED[1:4], *EXPECTED[4:], EXPECTED[-1]]


def test_format_that_fits_no_timestamp(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(SOUND))
    refused(
        archive,
        "line 2, column 'Date Time': '01.01.2009 00:10:00'",
        "'%Y-%m-%d %H:%M:%S'",
        "expected one like '2009-01-31 23:50:00'",
        "set convert.datetime_format",
        datetime_format="%Y-%m-%d %H:%M:%S",
    )
    refused(archive, "line 2", "'01.01.2009 00:10:00'", datetime_format="%d.%m.%Y %H:%M")
    for name in ("%Q", "%Y-%m-%d %H:%M:%S%z"):
        refused(archive, f"convert.datetime_format {name!r}", "set one like", datetime_format=name)


def test_fractions_of_a_second_are_not_dropped(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(["2009-01-31 00:10:00.500,1,2,n"]))
    refused(
        archive,
        "line 2, column 'Date Time': '2009-01-31 00:10:00.500'",
        "expected one like '2009-01-31 23:50:00.000'",
        datetime_format="%Y-%m-%d %H:%M:%S%.3f",
    )


# --- header, member, zip ---


def test_header_faults(tmp_path: Path) -> None:
    def with_header(header: str) -> Path:
        return zipped(tmp_path, csv_text(SOUND, header=header))

    refused(
        with_header(HEADER.replace("T (degC)", "T (deg C)")),
        "convert.columns names 'T (degC)'",
        "line 1 of a.csv; did you mean 'T (deg C)'?",
    )
    refused(
        with_header(HEADER.replace("Date Time", "Date_Time")),
        "convert.datetime_column names 'Date Time'",
        "did you mean 'Date_Time'?",
    )
    refused(with_header(HEADER.replace(",", ";")), "line 1 is no row of values with ','")
    for mark, shown in ((";", ";"), ("\t", "\\t"), ("|", "|")):
        bare = HEADER.replace('"', "").replace(",", mark)
        refused(with_header(bare), "the 1 names", f'it has 4: set convert.separator: "{shown}"')
    refused(with_header(HEADER.replace("note", "T (degC)")), "has the column 'T (degC)' twice")
    refused(with_header(HEADER.replace("note", "Date Time")), "has the column 'Date Time' twice")
    refused(with_header("\n" + HEADER), "a.csv, line 1 is blank, expected the column names")
    refused(with_header(HEADER.replace('te"', "te")), "a.csv, line 1 is no row of values")
    refused(with_header(HEADER.replace("note", "no\nte")), "a.csv, line 1 is no row of values")


@pytest.mark.parametrize("text", [b"", b"\n", b" \r\n\n"])
def test_empty_member(text: bytes, tmp_path: Path) -> None:
    refused(zipped(tmp_path, text), "a.csv is empty; check the source file, or convert.members")


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_header_only(end: str, tmp_path: Path) -> None:
    refused(zipped(tmp_path, csv_text([], end=end)), "a.csv has a header and no rows")


def test_member_that_is_not_there(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(SOUND), name="jena_climate.csv")
    refused(
        archive,
        "convert.members names 'jena_climat.csv', which is not in station.zip",
        "did you mean 'jena_climate.csv'?",
        members=["jena_climat.csv"],
        error=SourceError,
    )
    refused(archive, "there are: jena_climate.csv", members=["x"], error=SourceError)
    archive = zipped(tmp_path, b"AppleDouble", name="__MACOSX/._a.csv")
    refused(archive, "station.zip holds no file", members=["__MACOSX/._a.csv"], error=SourceError)


def test_damaged_member(tmp_path: Path) -> None:
    text = csv_text(lines(500))
    sound = zipped(tmp_path, text).read_bytes()
    for at in (60, len(sound) // 2):
        damaged = bytearray(sound)
        damaged[at] ^= 0xFF
        (tmp_path / "station.zip").write_bytes(damaged)
        refused(
            tmp_path / "station.zip",
            "station.zip",
            "dvc repro -f download",
            error=SourceError,
        )
    (tmp_path / "station.zip").write_bytes(sound[: len(sound) // 2])
    refused(tmp_path / "station.zip", "not a zip file", "dvc repro -f download", error=SourceError)


def test_encrypted_member(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(SOUND))
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # bit 0 of the flags, in the local header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, "encrypted", error=SourceError)


def test_refusal_leaves_the_parquet_of_before(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(SOUND))
    converted(archive)
    before = (tmp_path / "out" / "climate.parquet").read_bytes()
    zipped(tmp_path, csv_text([*SOUND, "x"]))
    with pytest.raises(DataError):
        converted(archive)
    assert sorted(names_in(tmp_path / "out")) == ["climate.parquet", "findings.parquet"]
    assert (tmp_path / "out" / "climate.parquet").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(SOUND))
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(ProjectError, match=r"cannot write out/climate\.parquet"):
        converted(archive)


def test_what_polars_cannot_read_for_no_reason_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last resort: neither reader's fault is found, the message still names the file."""
    monkeypatch.setattr(module, "_check_lines", lambda *_: None)
    text = csv_text(with_line(4, ""))
    refused(zipped(tmp_path, text), "a.csv is not regular CSV (6 lines below the header gave")
    text = csv_text(with_line(4, f"{STAMP4},1,x,n"))
    refused(zipped(tmp_path, text), "a.csv is not regular CSV (could not parse `x`")


def test_largest_number_survives_float32() -> None:
    assert np.isfinite(np.float32(LARGEST))
    assert float(np.float32(LARGEST)) == LARGEST
