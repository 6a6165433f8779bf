"""From the zip to Parquet: every value arrives, what is cleaned is counted."""

from __future__ import annotations

import csv
import io
import os
import resource
import tempfile
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.errors import DataError, ProjectError, SourceError
from jena_etl.ingest.jena import DATETIME_COLUMN, DATETIME_FORMAT, JENA_COLUMNS
from jena_etl.ingest.synthetic import MEMBER, write_synthetic
from tests.ingest.csv_files import (
    EXPECTED,
    HEADER,
    SOUND,
    TIMESTAMP4,
    bits,
    convert_with,
    converted,
    csv_text,
    lines,
    names_in,
    refused,
    with_line,
    zipped,
)
from tests.ingest.series import BAD, logs


def independent(text: str) -> tuple[list[str], list[datetime], list[tuple[float, ...]]]:
    """Header, timestamps and numbers by Python's csv, strptime and float."""
    header, *rows = csv.reader(io.StringIO(text))
    timestamps = [datetime.strptime(row[0], DATETIME_FORMAT) for row in rows]  # noqa: DTZ007
    return header, timestamps, [tuple(map(float, row[1:])) for row in rows]


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the original's layout, __MACOSX member and all."""
    path = tmp_path_factory.mktemp("synthetic") / "synthetic.zip"
    write_synthetic(path, rows=20_000, seed=5)
    return path


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


@pytest.mark.slow
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
    for how, expected in (("keep", [*EXPECTED[:4], *EXPECTED[2:]]), ("first", EXPECTED)):
        members = ["a.csv", "b.csv"]
        conversion = convert_with(files, tmp_path / "out", members=members, on_duplicate=how)
        assert pl.read_parquet(tmp_path / "out/climate.parquet").rows() == expected
        assert conversion.timestamps.tolist() == [row[0] for row in expected]
        assert conversion.source.left_out == ("note", "b")
        assert conversion.source.repeats.count == 2
    with pytest.raises(DataError) as caught:
        convert_with(files, tmp_path / "out", members=["b.csv", "a.csv"])
    assert str(caught.value) == (
        "a.csv, line 2, column 'Date Time': 2009-01-01 00:10:00 comes after 2009-01-01 01:00:00 of "
        "b.csv, line 5 and is not a repeat; sort the lines by time, or the files in convert.members"
    )


def test_only_the_named_member_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, csv_text(SOUND))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("b.csv", "another")
        archive.writestr("__MACOSX/._a.csv", "AppleDouble")
    assert converted(path)[0].rows() == EXPECTED


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


def test_encrypted_member(tmp_path: Path) -> None:
    archive = zipped(tmp_path, csv_text(SOUND))
    data = bytearray(archive.read_bytes())
    data[6] |= 1  # bit 0 of the flags, in the local header and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    refused(archive, "encrypted", error=SourceError)


@pytest.mark.parametrize("sentinel_at", [None, 0, 250])
def test_a_gap_takes_the_last_good_value_across_blocks(
    tmp_path: Path, sentinel_at: int | None
) -> None:
    rows, expected = lines(300), [996 + k + 0.52 for k in range(300)]
    if sentinel_at is not None:
        for row in range(sentinel_at + 1, sentinel_at + 40):  # more than a block
            rows[row] = rows[row].replace(f"{996 + row}.52", "-9999.0")
            expected[row] = expected[sentinel_at]
    frame, _ = converted(zipped(tmp_path, csv_text(rows)), chunk_bytes=700)
    assert frame["p (mbar)"].to_list() == expected


@given(logs(), st.sampled_from(["keep", "first"]), st.sampled_from([60, 150, 400]))
def test_a_series_cleaned_in_blocks_is_as_if_cleaned_at_once(
    frame: pl.DataFrame, on_duplicate: str, chunk_bytes: int
) -> None:
    """Also where a row that was kept twice and a gap meet, for which the file is read again."""
    cells = [["" if value is None else str(value) for value in row] for row in frame.rows()]
    rows = [f"{timestamp[:19]},{a},{b},n" for timestamp, a, b in cells]
    options: dict[str, Any] = {
        "datetime_format": "%Y-%m-%d %H:%M:%S",
        "sentinels": BAD,
        "on_missing": "fill_forward",
        "on_duplicate": on_duplicate,
    }
    with tempfile.TemporaryDirectory() as folder:
        archive = zipped(Path(folder), csv_text(rows))
        written = []
        for size in (1 << 20, chunk_bytes):
            try:
                conversion = convert_with([archive], Path(folder), chunk_bytes=size, **options)
            except DataError as error:
                assert "no good value comes before it" in str(error)  # noqa: PT017
                return
            climate = pl.read_parquet(Path(folder) / "climate.parquet").rows()
            written.append((climate, conversion.findings.rows(), conversion.source))
        assert written[0] == written[1]


def test_a_gap_between_repeated_rows_takes_what_stands_further_down(tmp_path: Path) -> None:
    """Row 2 lacks T; rows 0 to 1 come again 30 lines later, and row 1 has another value there."""
    rows = lines(40)
    again = [rows[0], rows[1].replace("-1.02", "-1.5")]
    rows[2] = rows[2].replace("-2.02", "NA")
    archive = zipped(tmp_path, csv_text([*rows[:30], *again, *rows[30:]]))
    frame, _ = converted(archive, on_missing="fill_forward", chunk_bytes=200)
    assert frame["T (degC)"].to_list()[1:4] == [-1.02, -1.5, -3.02]
    frame, _ = converted(archive, on_missing="fill_forward", chunk_bytes=200, on_duplicate="first")
    assert frame["T (degC)"].to_list()[1:4] == [-1.02, -1.02, -3.02]


@pytest.mark.parametrize("cell", ["", '""', "nan", "NaN", "NA", "na", "nA", "null", "NULL", "Null"])
@pytest.mark.parametrize("at", ["middle", "end"])
def test_missing_cells_are_filled_where_asked_for(cell: str, at: str, tmp_path: Path) -> None:
    rows = with_line(4, f"{TIMESTAMP4},998.52,{cell},n")
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
        "a.csv, line 6, column 'Date Time': 2009-01-01 00:20:00 is already on a.csv, line 3;",
        "set convert.on_duplicate: keep or first",
        on_duplicate="error",
    )
    rows = with_line(4, f"{TIMESTAMP4},-9999.0,1,n")
    refused(
        zipped(tmp_path, csv_text(rows)),
        "a.csv, line 4, column 'p (mbar)': -9999.0 is one of convert.sentinels",
        "set convert.on_sentinel",
        on_sentinel="error",
    )
    rows = with_line(2, f"{SOUND[0].split(',')[0]},-9999,1,n")
    refused(zipped(tmp_path, csv_text(rows)), "a.csv, line 2", "no good value comes before it")


def test_block_logged_twice_is_kept(tmp_path: Path) -> None:
    rows = [*SOUND[:4], *SOUND[1:4], *SOUND[4:], SOUND[-1]]
    frame, _ = converted(zipped(tmp_path, csv_text(rows)))
    assert frame.rows() == [*EXPECTED[:4], *EXPECTED[1:4], *EXPECTED[4:], EXPECTED[-1]]


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


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """A limit of the system's, met within the first row group: as a full disk."""
    archive = zipped(tmp_path, csv_text(lines(5_000)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        message = refused(archive, "check the disk", error=ProjectError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert message.startswith("cannot write out/climate.parquet: File too large; ")
