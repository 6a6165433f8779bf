"""Small CSV files of known content, sound and faulty, and what convert makes of them."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jena_etl.csv_dialect import Dialect
from jena_etl.errors import DataError
from jena_etl.ingest.convert import Conversion, convert
from jena_etl.ingest.jena import DATETIME_COLUMN, DATETIME_FORMAT
from jena_etl.params import Convert

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
    "on_frozen": "keep",
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


def convert_with(
    files: list[Path],
    out: Path,
    *,
    train: float = 1.0,
    chunk_bytes: int = 1 << 21,
    **options: Any,
) -> Conversion:
    """Convert as OPTIONS says but for `options`."""
    return convert(
        files,
        out / "climate.parquet",
        out / "findings.parquet",
        Convert(**{**OPTIONS, **options}),
        train_rows=lambda timestamps: range(int(train * len(timestamps))),
        chunk_bytes=chunk_bytes,
    )


def converted(archive: Path, **options: Any) -> tuple[pl.DataFrame, list[str]]:
    """What is written, and the columns left out."""
    out = archive.parent / "out"
    conversion = convert_with([archive], out, **options)
    assert sorted(names_in(out)) == ["climate.parquet", "findings.parquet"]
    return pl.read_parquet(out / "climate.parquet"), list(conversion.source.left_out)


def dialect(**changes: Any) -> Dialect:
    """How the files here are written."""
    return Dialect(**{**{name: OPTIONS[name] for name in Dialect.model_fields}, **changes})


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


def bits(rows: Iterable[tuple[float, ...]]) -> list[bytes]:
    return [struct.pack(f"{len(row)}d", *row) for row in rows]


SOUND = lines()
EXPECTED = [
    (datetime(2009, 1, 1, (10 + 10 * k) // 60, (10 + 10 * k) % 60), 996 + k + 0.52, -(k + 0.02))  # noqa: DTZ001
    for k in range(ROWS)
]


def with_line(number: int, line: str) -> list[str]:
    """The sound rows with line `number`, as an editor counts, replaced."""
    return [*SOUND[: number - 2], line, *SOUND[number - 1 :]]


TIMESTAMP4 = SOUND[2].split(",")[0]
FAULTS = {
    "text": (f"{TIMESTAMP4},998.52,warm,n", "column 'T (degC)': 'warm' is not a finite"),
    "inf": (f"{TIMESTAMP4},998.52,-inf,n", "column 'T (degC)': '-inf' is not a finite"),
    "infinite in float32": (f"{TIMESTAMP4},998.52,3.5e38,n", "'3.5e38' is not a finite float32"),
    "infinite in float64": (f"{TIMESTAMP4},998.52,1e400,n", "'1e400' is not a finite float32"),
    "decimal comma, quoted": (
        f'{TIMESTAMP4},"998,52",1.0,n',
        "'998,52' is not a finite float32 number, expected one like -8.02; set convert.decimal",
    ),
    "decimal comma": (f"{TIMESTAMP4},998,52,1,02,n", "has 6 fields, expected the header's 4"),
    "space after": (f"{TIMESTAMP4},998.52,1.0 ,n", "'1.0 ' is not a finite"),
    "underscore": (f"{TIMESTAMP4},998.52,1_0,n", "'1_0' is not a finite"),
    "other digits": (f"{TIMESTAMP4},998.52,\u0661,n", "'\u0661' is not a finite"),
    "NUL": (f"{TIMESTAMP4},998.52,1\0,n", "holds a NUL byte"),
    "NUL in a column left out": (f"{TIMESTAMP4},998.52,1,\0", "mend or remove that line"),
    "too few": (f"{TIMESTAMP4},998.52,1.0", "has 3 fields, expected the header's 4"),
    "far too few": (TIMESTAMP4, "has 1 fields, expected the header's 4"),
    "too many": (f"{TIMESTAMP4},998.52,1.0,n,n", "has 5 fields, expected the header's 4"),
    "one comma too many": (f"{TIMESTAMP4},998.52,1.0,n,", "has 5 fields, expected the header's 4"),
    "blank": ("", "is blank"),
    "spaces": ("   ", "is blank"),
    "header": (HEADER, "repeats the header"),
    "header without quotes": (HEADER.replace('"', ""), "repeats the header"),
    "open quote": (f'{TIMESTAMP4},998.52,1.0,"n', "is not a row of values with ','"),
    "stray quote": (f'{TIMESTAMP4},998.52,1.0,n"n', "is not a row of values with ','"),
    "quote in mid-value": (f'{TIMESTAMP4},998.52,1.0,"n"n', "is not a row of values with ','"),
    "carriage return": (f"{TIMESTAMP4},998.52,1.0\r,n", "is not a row of values with ','"),
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
    "space before the timestamp": (f" {TIMESTAMP4},1,2,n", f"' {TIMESTAMP4}' is not how"),
    "NUL in the timestamp": (f"{TIMESTAMP4}\0,1,2,n", "holds a NUL byte"),
}
