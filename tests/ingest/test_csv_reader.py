"""A CSV is read as Python reads it, in whatever form it is written; nothing is lost or altered."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import DataError, DialectError, LackingColumnsError
from jena_etl.ingest.csv_reader import MOST_COLUMNS, read_csv
from jena_etl.ingest.jena import DATETIME_COLUMN, DATETIME_FORMAT
from tests.ingest.csv_files import (
    COLUMNS,
    EXPECTED,
    FAULTS,
    HEADER,
    SOUND,
    TIMESTAMP4,
    bits,
    converted,
    csv_text,
    dialect,
    refused,
    with_line,
    zipped,
)


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
        left_out, blocks = read_csv("a.csv", chunks, dialect(**form))
        return pl.concat(blocks).rows(), left_out
    except DataError as error:
        return str(error)


CUTS = {
    "as is": csv_text(SOUND),
    "no newline at the end": csv_text(SOUND, end=""),
    "CRLF": b"\xef\xbb\xbf" + csv_text(SOUND, eol="\r\n", end="\r\n"),
    "a line break in quotes": csv_text([*SOUND[:2], f'{TIMESTAMP4},1,2,"n', 'n"', *SOUND[3:]]),
    "a missing cell": csv_text(with_line(4, f"{TIMESTAMP4},NA,,n")),
    "CR alone": csv_text(SOUND, eol="\r", end="\r"),
    "blank lines": b"\n" * 300,
    "blank at first": b"\n" * 30 + csv_text(SOUND),
    "header only": csv_text([]),
    "header only, no newline": csv_text([], end=""),
    "a second mark": csv_text(with_line(4, f"\ufeff{TIMESTAMP4},1,2,n")),
    **{name: csv_text(with_line(4, line)) for name, (line, _) in FAULTS.items()},
}


@pytest.mark.parametrize("text", CUTS.values(), ids=CUTS.keys())
def test_how_the_bytes_are_cut_makes_no_difference(text: bytes) -> None:
    """Faults have the same message, with the line of the file, at the border of any block."""
    whole = outcome([text])
    for size in (1, 7, 64):
        chunks = [text[start : start + size] for start in range(0, len(text), size)]
        assert outcome(chunks) == whole
    for at in range(1, len(text), 11):
        assert outcome([text[:at], text[at:]]) == whole


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-be", "utf-32", "utf-8-sig"])
def test_another_encoding_may_be_cut_within_a_character(encoding: str) -> None:
    text = csv_text([line.replace(",n", ",\N{MICRO SIGN}") for line in SOUND]).decode()
    raw = text.encode(encoding)
    for size in (1, 3, 64, len(raw)):
        chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
        assert outcome(chunks, encoding=encoding) == (EXPECTED, ["note"])


def test_a_byte_that_an_encoding_lacks_is_named_by_its_line() -> None:
    raw = csv_text(SOUND).replace(b"n3", b"\x81")
    for size in (7, 100, len(raw)):
        chunks = [raw[start : start + size] for start in range(0, len(raw), size)]
        assert "a.csv, line 5 is not cp1252 (" in str(outcome(chunks, encoding="cp1252"))


def test_an_error_names_the_field_and_its_caller_says_where_that_stands() -> None:
    with pytest.raises(DialectError) as caught:
        read_csv("a.csv", [csv_text(SOUND, header="Date Time,p,T,note")], dialect(separator=";"))
    assert caught.value.fields == {"separator": '","'}
    assert str(caught.value).endswith("""with ',' it has 4; set separator: ",\"""")
    assert caught.value.message("convert.").endswith("""; set convert.separator: ",\"""")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_bomb_of_one_line_is_refused_before_it_fills_the_memory(encoding: str) -> None:
    read = 0

    def zeros() -> Iterable[bytes]:
        nonlocal read
        while read < 1 << 30:
            read += 1 << 20
            yield bytes(1 << 20)

    chunks = itertools.chain([csv_text(SOUND)], zeros())
    _, blocks = read_csv("bomb.csv", chunks, dialect(encoding=encoding))
    with pytest.raises(DataError, match=r"bomb\.csv goes on for 16 MiB without a line end"):
        pl.concat(blocks)
    assert read <= 32 << 20


def test_header_faults(tmp_path: Path) -> None:
    def with_header(header: str) -> Path:
        return zipped(tmp_path, csv_text(SOUND, header=header))

    refused(
        with_header(HEADER.replace("T (degC)", "T (deg C)")),
        "columns names 'T (degC)', which is not among the 4 names",
        "line 1 of a.csv; did you mean 'T (deg C)'?; set convert.columns in params.yaml",
    )
    refused(
        with_header(HEADER.replace("Date Time", "Date_Time")),
        "datetime_column names 'Date Time'",
        "did you mean 'Date_Time'?; set convert.datetime_column in params.yaml",
    )
    refused(with_header(HEADER.replace(",", ";")), "line 1 is not a row of values with ','")
    for mark, shown in ((";", ";"), ("\t", "\\t"), ("|", "|")):
        bare = HEADER.replace('"', "").replace(",", mark)
        refused(with_header(bare), "the 1 names", f'it has 4; set convert.separator: "{shown}"')
    refused(with_header(HEADER.replace("note", "T (degC)")), "has the column 'T (degC)' twice")
    refused(with_header(HEADER.replace("note", "Date Time")), "has the column 'Date Time' twice")
    refused(with_header("\n" + HEADER), "a.csv, line 1 is blank, expected the column names")
    refused(with_header(HEADER.replace('te"', "te")), "a.csv, line 1 is not a row of values")
    refused(with_header(HEADER.replace("note", "no\nte")), "a.csv, line 1 is not a row of values")


@pytest.mark.parametrize(
    ("header", "lacking"),
    [
        ("Date Time,p (mbar),note,x", ("T (degC)",)),
        ("Date Time,note,x,T (degC)", ("p (mbar)",)),
        ("Date Time,note,x,y", ()),  # perhaps another file altogether
        ("when,p (mbar),note,x", ()),  # nothing can be read without timestamps
        ("Date Time;p (mbar);note;x", ()),  # the dialect is wrong
    ],
)
def test_a_file_lacks_columns_if_it_is_right_otherwise(
    header: str, lacking: tuple[str, ...], tmp_path: Path
) -> None:
    text = csv_text(SOUND, header=header)
    with pytest.raises(DialectError) as caught:
        read_csv("a.csv", [text], dialect())
    assert caught.value.lacking == lacking
    error = LackingColumnsError if lacking else DataError
    with pytest.raises(error) as raised:
        converted(zipped(tmp_path, text))
    assert type(raised.value) is error
    assert getattr(raised.value, "columns", ()) == lacking


def test_a_header_of_very_many_columns_is_refused() -> None:
    """300,015 of them took 11 GB; as many names as are allowed are read."""
    names = ["t", "a", *map(str, range(MOST_COLUMNS - 2))]
    row = f"{TIMESTAMP4},1.5" + "," * (MOST_COLUMNS - 2)
    form = dialect(datetime_column="t", columns=("a",))
    left_out, blocks = read_csv("a.csv", [f"{','.join(names)}\n{row}\n".encode()], form)
    assert len(left_out) == MOST_COLUMNS - 2
    assert pl.concat(blocks)["a"].to_list() == [1.5]
    with pytest.raises(DialectError) as caught:
        read_csv("a.csv", [f"{','.join(names)},b\n{row},\n".encode()], form)
    assert str(caught.value) == (
        "a.csv, line 1 has 4,097 fields with ',' between them, expected at most 4,096 column "
        "names; split the file by columns, or set separator"
    )


@pytest.mark.parametrize("text", [b"", b"\n", b" \r\n\n"])
def test_empty_member(text: bytes, tmp_path: Path) -> None:
    refused(
        zipped(tmp_path, text), "a.csv is empty, expected a line of column names", "check the file"
    )


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_header_only(end: str, tmp_path: Path) -> None:
    refused(zipped(tmp_path, csv_text([], end=end)), "a.csv has a header but no rows")


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
        "columns names 'SWDR (W/m\N{SUPERSCRIPT TWO})'",
        "did you mean 'SWDR (W/m\N{LATIN CAPITAL LETTER A WITH CIRCUMFLEX}\N{SUPERSCRIPT TWO})'",
        encoding="latin-1",
        columns=("SWDR (W/m\N{SUPERSCRIPT TWO})",),
    )


def test_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    text = csv_text(SOUND).replace(b"n3", b"\xb0")
    refused(zipped(tmp_path, text), "a.csv, line 5 is not UTF-8", "save the file as UTF-8")
    text = csv_text(SOUND).replace(b"note", b"\xb0")
    refused(zipped(tmp_path, text), "a.csv, line 1 is not UTF-8", "save the file as UTF-8")
    refused(zipped(tmp_path, csv_text(SOUND).decode().encode("utf-16")), "line 1 is not UTF-8")


def test_encodings_that_fail_in_their_own_way(tmp_path: Path) -> None:
    """The error of idna names no byte; utf-7 reads half a character, which UTF-8 cannot hold."""
    archive = zipped(tmp_path, csv_text(SOUND).replace(b"n3", b".xn--a."))
    refused(archive, "is not idna (", "set convert.encoding: utf-8", encoding="idna")
    archive = zipped(tmp_path, csv_text(SOUND).replace(b"n3", b"+2AA-"))
    refused(archive, "a.csv is not utf-7 (", "set convert.encoding", encoding="utf-7")


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


def test_mixed_date_formats(tmp_path: Path) -> None:
    rows = with_line(5, SOUND[3].replace("01.01.2009", "2009-01-01"))
    refused(
        zipped(tmp_path, csv_text(rows)),
        "a.csv, line 5, column 'Date Time': '2009-01-01 00:40:00' is not how '%d.%m.%Y %H:%M:%S'",
        "expected one like '31.01.2009 23:50:00'",
    )


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
        refused(archive, f"datetime_format {name!r} is not a format of", datetime_format=name)


def test_fractions_of_a_second_are_not_dropped(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(["2009-01-31 00:10:00.500,1,2,n"]))
    refused(
        archive,
        "line 2, column 'Date Time': '2009-01-31 00:10:00.500'",
        "expected one like '2009-01-31 23:50:00.000'",
        datetime_format="%Y-%m-%d %H:%M:%S%.3f",
    )
