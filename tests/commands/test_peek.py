"""What peek guesses is what convert needs: made files of known content go through both."""

from __future__ import annotations

import gzip
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from jena_etl.commands.peek import Guess, peek
from jena_etl.commands.peek_write import render_guess
from jena_etl.errors import DataError, JenaEtlError, SourceError
from jena_etl.ingest.convert import convert
from jena_etl.ingest.jena import JENA_COLUMNS
from jena_etl.ingest.synthetic import write_synthetic
from jena_etl.params import Convert, Policy, Split, Window
from jena_etl.params_check import check
from jena_etl.prepare.cell_marks import CellMarks
from jena_etl.prepare.row_ranges import SplitFractions
from jena_etl.windows.grid import segments_from_timestamps
from jena_etl.windows.policies import split_windows
from jena_etl.windows.spec import WindowSpec

EXPORT = [  # the station's current export: 21 columns beside the timestamps
    *JENA_COLUMNS,
    *("rain (mm)", "raining (s)", "SWDR (W/m²)", "PAR (µmol/m²/s)", "max. PAR (µmol/m²/s)"),
    *("Tlog (degC)", "CO2 (ppm)"),
]
THREE = ["p (mbar)", "T (degC)", "wd (deg)"]


def timestamps(rows: int, minutes: int = 10) -> list[datetime]:
    start = datetime(2021, 1, 1, 0, 0 if minutes == 1_440 else 10)  # noqa: DTZ001  the station's clock has no zone
    return [start + k * timedelta(minutes=minutes) for k in range(rows)]


def values(rows: int, columns: int) -> np.ndarray:
    """Two decimals, another range for each column; never a constant one."""
    steps = np.random.default_rng(4).integers(-2_000, 2_000, size=(rows, columns))
    return (steps + 500 * np.arange(columns)) / 100


@dataclass(frozen=True)
class Made:
    """A file's text, and how it is to be written."""

    columns: list[str]
    form: str | Callable[[datetime], str]
    separator: str = ","
    decimal: str = "."
    encoding: str = "utf-8"
    minutes: int = 10
    rows: int = 3_000
    timestamps: str = "Date Time"
    eol: str = "\n"

    def content(self) -> bytes:
        lines = [self.separator.join([self.timestamps, *self.columns])]
        table = values(self.rows, len(self.columns))
        for timestamp, row in zip(timestamps(self.rows, self.minutes), table, strict=True):
            shown = (
                timestamp.strftime(self.form)
                if isinstance(self.form, str)
                else self.form(timestamp)
            )
            cells = [f"{value:.2f}".replace(".", self.decimal) for value in row]
            lines.append(self.separator.join([shown, *cells]))
        return (self.eol.join(lines) + self.eol).encode(self.encoding)


def unpadded(timestamp: datetime) -> str:
    return (
        f"{timestamp.day}.{timestamp.month}.{timestamp.year} {timestamp.hour}:{timestamp.minute:02}"
    )


MADE: dict[str, tuple[Made, dict[str, Any]]] = {
    "export.csv": (
        Made(EXPORT, "%d.%m.%Y %H:%M:%S", encoding="latin-1"),
        {"encoding": "cp1252", "datetime_format": "%d.%m.%Y %H:%M:%S"},
    ),
    "excel.csv": (
        Made(["Luftdruck (hPa)", "Temp. (°C)"], "%d.%m.%Y %H:%M", ";", ",", "cp1252", eol="\r\n"),
        {"encoding": "cp1252", "separator": ";", "decimal": ",", "target": "Temp. (°C)"},
    ),
    "bom.csv": (Made(THREE, "%Y-%m-%d %H:%M:%S", encoding="utf-8-sig"), {"encoding": "utf-8"}),
    "iso.csv.gz": (
        Made(THREE, "%Y-%m-%dT%H:%M:%S", timestamps="date"),
        {"datetime_format": "%Y-%m-%dT%H:%M:%S", "datetime_column": "date"},
    ),
    "zulu.csv": (Made(THREE, "%Y-%m-%dT%H:%M:%S.000Z"), {}),
    "us.zip": (
        Made(THREE, "%m/%d/%Y %I:%M:%S %p"),
        {"datetime_format": "%m/%d/%Y %I:%M:%S %p", "members": ["us.csv"]},
    ),
    "tab.csv": (Made(THREE, "%d/%m/%Y %H:%M", "\t"), {"datetime_format": "%d/%m/%Y %H:%M"}),
    "bar.csv": (Made(THREE, "%Y/%m/%d %H:%M", "|"), {"separator": "|"}),
    "hourly.csv": (Made(THREE, "%d.%m.%y %H:%M", minutes=60), {"sampling_rate": 1}),
    "minutes.csv": (Made(THREE, "%Y%m%d%H%M", minutes=5), {"sampling_rate": 12}),
    "odd.csv": (Made(THREE, "%Y-%m-%d %H:%M", minutes=7), {"sampling_rate": 1}),
    "loose.csv": (Made(THREE, unpadded), {"datetime_format": "%-d.%-m.%Y %-H:%M"}),
    "daily.csv": (Made(THREE, "%Y-%m-%d", minutes=1_440, rows=600), {"sampling_rate": 1}),
    "large.csv": (Made(THREE, "%d.%m.%Y %H:%M:%S", rows=9_000), {}),
}


def save(folder: Path, name: str, content: bytes) -> Path:
    file = folder / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name.replace(".zip", ".csv"), content)
            archive.writestr("__MACOSX/._x.csv", b"\0")
    else:
        file.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return file


def pasted(found: Guess) -> tuple[Convert, Window]:
    """The printed blocks, read and checked as params.yaml is."""
    raw = YAML(typ="safe", pure=True).load(render_guess(found))
    assert list(raw) == ["convert", "window"]
    return check(Convert, raw["convert"], "convert"), check(Window, raw["window"], "window")


def converted(file: Path, block: Convert, folder: Path) -> pl.DataFrame:
    convert([file], folder / "c.parquet", folder / "f.parquet", block)
    return pl.read_parquet(folder / "c.parquet")


def of(content: str | bytes) -> Guess:
    """What peek makes of a file a.csv."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return peek(file)


def table(rows: list[str], header: str = "time,p (mbar),T (degC)") -> str:
    """Ten-minute lines; each row gives the cells beside the timestamp."""
    clock = timestamps(len(rows))
    return "\n".join([header, *(f"{at},{row}" for at, row in zip(clock, rows, strict=True))]) + "\n"


@pytest.mark.parametrize("name", MADE)
def test_what_is_printed_reads_the_file_as_it_was_made(name: str, tmp_path: Path) -> None:
    made, expected = MADE[name]
    file = save(tmp_path, name, made.content())
    found = peek(file)
    block, window = pasted(found)
    assert (block, window) == (found.convert, found.window)
    shown: dict[str, Any] = {**window.model_dump(), **block.model_dump()}
    shown["members"] = list(block.members or ())
    assert {key: shown[key] for key in expected} == expected
    assert window.target in made.columns
    frame = converted(file, block, tmp_path)
    assert frame.columns == [made.timestamps, *made.columns]
    assert frame[made.timestamps].to_list() == timestamps(made.rows, made.minutes)
    np.testing.assert_array_equal(
        frame.select(made.columns).to_numpy(), values(made.rows, len(made.columns))
    )


def test_the_originals_header_gives_the_committed_blocks(tmp_path: Path, checkout: Path) -> None:
    write_synthetic(tmp_path / "station.zip", rows=5_000, seed=1)
    block, window = pasted(peek(tmp_path / "station.zip"))
    raw = YAML(typ="safe", pure=True).load((checkout / "params.yaml").read_text())
    assert block == check(Convert, raw["convert"], "convert")
    assert window.model_dump() | {"gaps": "keep"} == raw["window"]


def test_sentinels_are_named_with_column_and_count() -> None:
    rows = [f"{990 + k % 20},{k % 17 - 5}.5" for k in range(400)]
    rows[7], rows[8], rows[300] = "991,-999.0", "-9999.0,-999.0", "999.9,3.0"
    found = of(table(rows))
    assert found.convert.sentinels == (-9999.0, -999.0)
    shown = "\n".join(found.reasons["convert.sentinels"])
    assert "-999 is far outside the other values of T (degC) (2)" in shown
    assert "-9999 is far outside the other values of p (mbar) (1)" in shown
    assert "999.9" not in shown  # a pressure like any other


def test_a_sentinel_that_another_column_measures_is_not_listed() -> None:
    rows = [f"{995 + k % 10}.9,{k % 60}" for k in range(400)]
    rows[5] = "997.9,999.9"
    found = of(table(rows, "time,p (mbar),rh (%)"))
    assert found.convert.sentinels == (-9999.0,)
    assert "NOT listed: p (mbar) measures it" in found.reasons["convert.sentinels"][0]


def test_columns_that_hold_nothing_are_left_out_with_the_reason(tmp_path: Path) -> None:
    rows = [f"{k % 9},cloudy,4.0,{'' if k % 3 else k},{k % 7},{k % 5}" for k in range(300)]
    rows[0] = "1,clear,4.0,1,-9999,"
    found = of(table(rows, "time,T (degC),sky,fixed,rare,late,gap"))
    assert found.convert.columns == ("T (degC)",)
    shown = "\n".join(found.reasons["convert.columns"])
    for part in (
        "sky: text, as in 'clear'",
        "fixed: constant, 4",
        "rare: 200 of 300 cells are empty",
        "late: its first cell is -9999, with no earlier value to fill it",
        "gap: its first cell is empty, with no earlier value to fill it",
    ):
        assert part in shown
    file = tmp_path / "a.csv"
    file.write_text(table(rows, "time,T (degC),sky,fixed,rare,late,gap"))
    assert converted(file, found.convert, tmp_path).height == 300


def test_missing_cells_ask_for_filling() -> None:
    rows = [f"{k % 9},{k % 7}" for k in range(300)]
    rows[4], rows[5] = "1,", "2,NA"
    found = of(table(rows))
    assert found.convert.on_missing == "fill_forward"
    assert found.reasons["convert.on_missing"] == ["empty cells, nan, NA or null in T (degC) (2)"]
    assert of(table(rows[6:])).convert.on_missing == "error"


def test_holes_and_repeats_are_counted() -> None:
    lines = table([f"{k % 9},{k % 7}" for k in range(300)]).splitlines()
    again = [lines[10].rsplit(",", 1)[0] + ",99", lines[11]]
    whole = "\n".join([*lines[:20], *again, *lines[20:100], *lines[110:]]) + "\n"
    found = of(whole)
    assert found.window.gaps == "drop"
    # Lines 101 to 110 of the 300 are gone: 11 steps from the one before to the one after.
    assert found.reasons["window.gaps"][0].startswith("holes: 1, the longest 110 minutes after")
    shown = found.reasons["convert.on_duplicate"][0]
    assert "repeated timestamps: 2," in shown
    assert "with other values: 1" in shown
    assert of("\n".join(lines) + "\n").window.gaps == "keep"


def test_lines_out_of_order_are_said_to_stop_convert() -> None:
    lines = table([f"{k % 9},{k % 7}" for k in range(300)]).splitlines()
    lines[50], lines[60] = lines[60], lines[50]
    shown = " ".join(of("\n".join(lines) + "\n").notes)
    assert "convert will stop here: a.csv, line 52" in shown


@pytest.mark.parametrize(
    ("first", "days", "form", "shown"),
    [
        ("%d/%m/%Y", 20, "%d/%m/%Y %H:%M", "day before month: a number above 12"),
        ("%m/%d/%Y", 20, "%m/%d/%Y %H:%M", "month before day: a number above 12"),
        ("%d/%m/%Y", 5, "%d/%m/%Y %H:%M", "day before month gives the more regular steps"),
        ("%m/%d/%Y", 5, "%m/%d/%Y %H:%M", "month before day gives the more regular steps"),
        ("%m/%d/%Y", 1, None, "is a GUESS"),
    ],
)
def test_day_or_month_first(first: str, days: int, form: str | None, shown: str) -> None:
    made = Made(THREE, f"{first} %H:%M", rows=144 * days - 10)
    found = of(made.content())
    if form:
        assert found.convert.datetime_format == form
    assert shown in found.reasons["convert.datetime_format"][0]


def test_odd_names_survive_the_yaml(tmp_path: Path) -> None:
    names = ["a: b", "#x", "null", "no", "- y", "Ω\u0085z", "it's", "{k}", "1e5", "T [K]", "*s"]
    made = Made(names, "%Y-%m-%d %H:%M", "\t", rows=200)
    file = save(tmp_path, "odd: #1.csv", made.content())
    block, _ = pasted(peek(file))
    assert list(block.columns) == names
    assert block.units == {"T [K]": "K"}
    assert converted(file, block, tmp_path).columns[1:] == names


def zipped(file: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def test_several_members_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    lines = table([f"{k % 9},{k % 7}" for k in range(400)]).splitlines()
    first, last = ["\n".join([lines[0], *part]).encode() for part in (lines[1:201], lines[211:])]
    found = peek(zipped(tmp_path / "two.zip", {"b.csv": last, "a.csv": first, "read.me": b"hello"}))
    assert found.convert.members == ("a.csv", "b.csv")
    shown = " ".join(found.reasons["convert.members"])
    assert "2 files, in the order of their names" in shown
    assert "read.me" in shown
    assert found.notes[0].startswith("2 files: 390 rows from 2021-01-01 00:10 to ")
    # Ten rows are missing between the two.
    assert found.reasons["window.gaps"][0].startswith("holes: 1, the longest 110 minutes after")


def test_a_member_that_is_another_table_is_named(tmp_path: Path) -> None:
    found = peek(
        zipped(tmp_path / "two.zip", {"a.csv": SOUND.encode(), "stations.csv": b"a,b\n1,2\n"})
    )
    shown = "\n".join(found.notes)
    assert "NOT ALL was read: convert will stop at stations.csv: " in shown
    assert "Windows under" not in shown
    assert "50 rows" in found.notes[0]


def test_too_many_members_are_refused_in_a_line(tmp_path: Path) -> None:
    many = zipped(tmp_path / "a.zip", {f"{day:05}.csv": SOUND.encode() for day in range(5_001)})
    with pytest.raises(DataError, match="holds 5,001 files, expected at most 5,000; join them"):
        peek(many)


@pytest.mark.parametrize("policy", ["reference", "strict", "lookback"])
def test_windows_are_those_that_the_pipeline_finds(policy: Policy, tmp_path: Path) -> None:
    """Counted as prepare/splits counts them, after convert: with a hole, a repeat and sentinels."""
    lines = table([f"{k % 9},{k % 7}" for k in range(6_000)]).splitlines()
    lines[2_000] = lines[2_000].rsplit(",", 1)[0] + ",-9999"
    lines[5_000] = lines[4_999]
    del lines[3_000:3_007]
    file = tmp_path / "a.csv"
    file.write_text("\n".join(lines))
    split = Split(train=0.6, validation=0.2, dates=(), policy=policy)
    found = peek(file, split)
    rows = converted(file, found.convert, tmp_path)
    assert found.convert.sentinels == (-9999.0,)
    ranges = SplitFractions(train=0.6, validation=0.2).row_ranges(np.arange(rows.height))
    clock = rows[:, 0].to_numpy()
    target = CellMarks(tmp_path / "f.parquet").rows("T (degC)", filled=True)
    held = split_windows(
        ranges,
        rows.height,
        WindowSpec(**found.window.model_dump(exclude={"target", "gaps"})),
        policy,
        segments_from_timestamps(clock),
        excluded=target,
    )
    counts = ", ".join(f"{name} {len(windows):,}" for name, windows in held.items())
    assert f"policy {policy}, 0.6 train and 0.2 validation: {counts}." in "\n".join(found.notes)


def test_an_empty_split_is_said_to_stop_the_pipeline() -> None:
    # A window's last input lies 714 rows after its start, its target 858: 2,000 - 714,
    # 1,000 - 714, and none in the last split, where 858 rows before the end no window starts.
    found = of(table([f"{k % 9},{k % 7}" for k in range(4_000)]))
    shown = "\n".join(found.notes)
    assert "train 1,286, validation 286, test 0." in shown
    assert "NO WINDOW in test, so dvc repro will stop: a window spans 859 rows" in shown


def test_a_sensor_in_doubt_is_named() -> None:
    rows = [f"{k % 9},{(k * 37) % 101}" for k in range(6_000)]
    rows[4_000:5_000] = [f"{k % 9},{50 + k % 2}" for k in range(1_000)]
    shown = "\n".join(of(table(rows)).notes)
    # Validation is [3,000, 4,500): of its windows, those that start from 3,142 on have their target
    # 858 rows later, in row 4,000 or behind it, up to the last one that starts in 3,785.
    period = "2021-01-28 18:50 to 2021-02-04 17:20"
    assert (
        f"IN DOUBT: T (degC), {period}: hardly changes, 2 different values in 1,000 rows" in shown
    )
    assert (
        "; validation 500 cells, 644 windows read them, test 500 cells, 0 windows read them"
        in shown
    )
    assert "IN DOUBT: p (mbar)" not in shown


def test_a_timestamp_column_without_a_name_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nameless.csv"
    rows = "".join(f"2021-01-01 00:{minute:02}:00,{minute}.5\n" for minute in range(0, 60, 10))
    file.write_text(f",T (degC)\n{rows}")
    with pytest.raises(DataError, match="the column of the timestamps has no name on line 1"):
        peek(file)


# Files that unpack to far more than they are.


def peak_of(file: Path) -> tuple[str, int]:
    """What peek prints of a file, and the most memory that its process held, in MiB."""
    code = (
        "import pathlib, re, resource, sys\n"
        "from jena_etl.cli import run\n"
        "try: run()\n"
        "except SystemExit: pass\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        # On Linux that begins with the peak of the process that started this one.
        "if sys.platform == 'linux':\n"
        "    status = pathlib.Path('/proc/self/status').read_text()\n"
        "    peak = re.search(r'VmHWM:\\s*(\\d+)', status)[1]\n"
        "print('peak', peak)\n"
    )
    command = [sys.executable, "-c", code, "peek", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shown, _, peak = done.stdout.rpartition("peak ")
    unit = 1 << 10 if sys.platform == "linux" else 1 << 20
    return shown + done.stderr, int(peak) // unit


@pytest.mark.parametrize("rows", [2_499, 2_501, 2_503, 2_600])
def test_a_blank_line_at_the_end_is_named_however_many_rows_there_are(
    tmp_path: Path, rows: int
) -> None:
    made = Made(THREE, "%Y-%m-%d %H:%M:%S", rows=rows)
    with pytest.raises(DataError, match=rf"line {rows + 2} is blank; remove that line"):
        peek(save(tmp_path, "blank.csv", made.content() + b"\n"))


@pytest.mark.slow
def test_blank_lines_without_end_are_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "blank.csv.gz"
    file.write_bytes(gzip.compress(b"\n" * (64 << 20), 1) * 16)  # a gigabyte
    shown, peak = peak_of(file)
    assert "is empty, or begins with blank lines" in shown
    assert peak < 700, peak


@pytest.mark.slow
def test_lines_without_end_are_read_up_to_a_limit_that_is_said(tmp_path: Path) -> None:
    line = b"%d,1,%d\n"
    block = b"".join(line % (202101010000 + minute, minute % 7) for minute in range(60))
    text = (
        gzip.compress(b"time,p (mbar),T (degC)\n" + block) + gzip.compress(block * 60_000, 1) * 16
    )
    file = tmp_path / "long.csv.gz"
    file.write_bytes(text)
    shown, peak = peak_of(file)
    assert "NOT ALL was read: peek reads at most 128 MiB." in shown
    assert "counted in these rows only; windows" in shown
    assert peak < 1_200, peak


def test_the_limit_falls_on_a_line_end(tmp_path: Path) -> None:
    """Rows are counted in whole lines, wherever the limit or the unpacked chunks cut."""
    lines = table([f"{k % 9},{k % 7}" for k in range(200_000)]).splitlines(keepends=True)
    file = save(tmp_path, "a.csv", "".join(lines).encode())
    ends = np.cumsum([len(line) for line in lines])
    for limit in (1_000, 1_001, 3 << 20):
        rows = int((ends < limit).sum())  # the line in which the limit is reached is read, too
        found = peek(file, read_bytes=limit)
        assert found.notes[0].startswith(f"a.csv: {rows:,} rows")


def test_more_columns_than_a_station_has_are_refused() -> None:
    few = ",".join(f"c{k}" for k in range(4_096))
    with pytest.raises(DataError, match="has 4,097 columns, expected at most 4,096"):
        of(f"time,{few}\n" + f"2021-01-01 00:00,{few.replace('c', '')}\n" * 3)
    with pytest.raises(DataError, match="line 1 has 2,000,006 bytes, expected column names"):
        of("time,a" + "b" * 2_000_000 + "\n2021-01-01 00:00,1\n")


HEAD = "time,p (mbar),T (degC)"
SOUND = table([f"{k % 9},{k % 7}" for k in range(50)])


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"a,b,c\n", "has one line"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is not text: byte 6 is 0x1a"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"<!doctype html><p>log in</p>", "web page"),
        (SOUND.partition("\n")[2].encode(), "line 1 holds values"),
        (b"Station Jena\n" + SOUND.encode(), "remove the lines above line 2"),
        (b"hello world\nhow are you\n", "is not a table"),
        (b"a,b,c\n1,2,3\n2,3,4\n", "no column of timestamps"),
        (SOUND.replace("time,p", "T (degC),p").encode(), "'T .degC.' twice"),
        (SOUND.replace(",3,", ",x,", 1).encode(), r"line 5, column 'p .mbar.': 'x'"),
        (
            SOUND.replace("\n2021-01-01 00:50", f"\n{HEAD}\n2021-01-01 00:50").encode(),
            "line 6 repeats the header",
        ),
        (
            "\n".join([*SOUND.splitlines()[:20], "1,2", *SOUND.splitlines()[20:]]).encode(),
            "line 21",
        ),
    ],
)
def test_what_is_no_stations_csv_is_said_in_one_error(content: bytes, shown: str) -> None:
    with pytest.raises(DataError, match=shown):
        of(content)


def test_date_and_time_in_two_columns_are_said_to_need_joining() -> None:
    rows = "".join(f"{at:%d.%m.%Y;%H:%M};{k % 9}\n" for k, at in enumerate(timestamps(200)))
    with pytest.raises(DataError, match=r"date in 'Day' and the time in 'Time'.*join the two"):
        of("Day;Time;T (degC)\n" + rows)


def test_what_is_no_file_to_open(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is a folder"):
        peek(tmp_path)
    with pytest.raises(SourceError, match="does not exist"):
        peek(tmp_path / "x.csv")
    (tmp_path / "cut.zip").write_bytes(save(tmp_path, "a.zip", SOUND.encode()).read_bytes()[:99])
    with pytest.raises(SourceError, match="cannot be unpacked"):
        peek(tmp_path / "cut.zip")
    with zipfile.ZipFile(tmp_path / "b.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", b"<x/>")
    with pytest.raises(DataError, match="spreadsheet"):
        peek(tmp_path / "b.xlsx")


def test_an_encrypted_zip(tmp_path: Path) -> None:
    file = save(tmp_path, "a.zip", SOUND.encode())
    raw = bytearray(file.read_bytes())
    raw[raw.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
    file.write_bytes(raw)
    with pytest.raises(SourceError, match="encrypted"):
        peek(file)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SOUND) - 1),
            st.integers(0, 6),
            st.one_of(st.binary(max_size=4), st.sampled_from([b'"', b"\n", b"\r", b";", b"-9999"])),
        ),
        max_size=8,
    )
)
def test_damage_ends_in_blocks_that_hold_or_in_an_error_of_ours(
    edits: list[tuple[int, int, bytes]],
) -> None:
    raw = SOUND.encode()
    for at, cut, put in edits:
        raw = raw[:at] + put + raw[at + cut :]
    try:
        found = of(raw)
    except JenaEtlError:
        return
    assert pasted(found) == (found.convert, found.window)
