"""CSV member of the zip -> Parquet, with nothing lost or altered on the way.

One line of the CSV is one row: row k of the Parquet file is line k + 2, as an editor counts.
The lines are counted apart from Polars, which by itself takes a row that is too short, or a
quotation mark that swallows the lines after it, without a word.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import DataError
from jena_etl.etl.sources import read_members
from jena_etl.files import replacing
from jena_etl.params import nearest

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP_ROWS = 131_072  # one page of 1 MiB a column: bytes follow no chunk of Polars
LARGEST = float(np.finfo(np.float32).max)  # features and targets become float32
NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # as Polars reads it


def convert(
    archive: Path,
    target: Path,
    *,
    member: str,
    datetime_column: str,
    datetime_format: str,
    columns: tuple[str, ...],
) -> list[str]:
    """Write `member` of `archive` as Parquet and return the columns left out.

    The Parquet file holds `datetime_column` as a timestamp in whole seconds and `columns` as
    float64, in that order, in the file's row order.

    Raises:
        SourceError: the zip cannot be unpacked or has no such member.
        DataError: header, a cell or a stamp is not what params.yaml says; names the line.
    """
    import pyarrow.parquet as pq

    [(_, text)] = read_members([archive], [member])
    header = _header(text, member, datetime_column, columns)
    frame = _rows(text, member, header, columns)
    stamps = _stamps(frame[datetime_column], datetime_format, member)
    _check_order(stamps, member)
    with replacing(target) as part:
        pq.write_table(
            frame.select(stamps, *columns).to_arrow(),
            part,
            version="2.6",
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=False,
            store_schema=False,
        )
    kept = {datetime_column, *columns}
    return [name for name in header if name not in kept]


def _header(text: bytes, member: str, datetime_column: str, columns: tuple[str, ...]) -> list[str]:
    if not text.strip():
        raise DataError(f"{member} is empty; check the zip, or convert.member")
    header = _cells(text.partition(b"\n")[0], f"{member}, line 1")
    if not header:
        raise DataError(f"{member}, line 1 is blank, expected the column names; remove that line")
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{member}, line 1 has the column {name!r} twice; rename one of them")
    wanted = {datetime_column: "datetime_column", **dict.fromkeys(columns, "columns")}
    for name, key in wanted.items():
        if name not in header:
            raise DataError(
                f"convert.{key} names {name!r}, which is not among the {len(header)} "
                f"comma-separated names on line 1 of {member}{nearest(name, header)}"
            )
    return header


def _rows(text: bytes, member: str, header: list[str], columns: tuple[str, ...]) -> pl.DataFrame:
    """Every line below the header as a row: `columns` as float64, the others as text."""
    import polars as pl

    lines = text.count(b"\n") - text.endswith(b"\n")
    if not lines:
        raise DataError(f"{member} has a header and no rows; check the zip, or convert.member")
    # What is left out need not be a number, but is read: asked for some columns only, Polars
    # cuts off a row's surplus fields in silence.
    types = dict.fromkeys(header, pl.String()) | dict.fromkeys(columns, pl.Float64())
    sound = full = False
    try:
        frame = pl.scan_csv(text, has_header=False, skip_lines=1, schema=types).collect()
    except pl.exceptions.PolarsError as error:
        doubt = str(error).splitlines()[0]
    else:
        doubt = f"{lines:,} lines below the header gave {frame.height:,} rows"
        finite = frame.select((pl.col(columns).abs() <= LARGEST).fill_null(value=False).all())
        carriages = text.count(b"\r") - text.count(b"\r\n") - text.endswith(b"\r")
        sound = frame.height == lines and all(finite.row(0)) and not carriages
        # A field missing at the end of a row is null, like an empty cell.
        full = not frame[header[-1]].null_count()
    if not (sound and full):
        _check_lines(text, member, header, columns)
    if not sound:
        raise DataError(f"{member} is not regular CSV ({doubt}); save it as CSV, one line a row")
    return frame


def _check_lines(text: bytes, member: str, header: list[str], columns: tuple[str, ...]) -> None:
    """Raise the first line's fault: reads the CSV again, slowly and apart from Polars."""
    number_at = [(header.index(name), name) for name in columns]
    lines = io.BytesIO(text)
    next(lines)
    for number, line in enumerate(lines, start=2):
        place = f"{member}, line {number}"
        cells = _cells(line, place)
        if not line.strip():
            raise DataError(f"{place} is blank; remove that line")
        if cells == header:
            raise DataError(f"{place} is the header once more; remove that line")
        if len(cells) != len(header):
            raise DataError(
                f"{place} has {len(cells)} fields, expected the header's {len(header)}, with "
                "commas between them and points for decimals; mend or remove that line"
            )
        for at, name in number_at:
            cell = cells[at]
            if not NUMBER.fullmatch(cell) or abs(float(cell)) > LARGEST:
                what = f"{cell!r} is not a finite float32 number" if cell else "the cell is empty"
                raise DataError(
                    f"{place}, column {name!r}: {what}, expected one like -8.02; "
                    "mend or remove that line"
                )


def _cells(line: bytes, place: str) -> list[str]:
    try:
        whole = line.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")
        cells = next(csv.reader([whole], strict=True), [])
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 ({error.reason}); save the file as UTF-8") from None
    except csv.Error:
        cells = None
    if cells is None or "\r" in whole or whole.count('"') % 2:
        raise DataError(
            f"{place} is no row of comma-separated values (a stray quotation mark or line end?); "
            "save the file as CSV with commas, one line a row, Unix or Windows line ends"
        )
    return cells


def _stamps(texts: pl.Series, datetime_format: str, member: str) -> pl.Series:
    """The stamps, each proved: written by the same format it gives its cell again.

    Polars alone reads 01.01.09 as the year 9, 23:59:60 as the next day, and drops fractions.
    """
    import polars as pl

    try:
        example = pl.Series([datetime(2009, 1, 31, 23, 50)]).dt.to_string(datetime_format)[0]  # noqa: DTZ001  local station time
        stamps = texts.str.to_datetime(datetime_format, time_unit="ms", strict=False)
        written = stamps.dt.truncate("1s").dt.to_string(datetime_format)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"convert.datetime_format {datetime_format!r} is no format of a local stamp: "
            f"{str(error).splitlines()[0]}; set one like '%d.%m.%Y %H:%M:%S'"
        ) from None
    same = (written == texts) & stamps.dt.year().is_between(1, 9999)  # 01.01.-2009 parses, too
    wrong = (~same.fill_null(value=False)).arg_true()
    if len(wrong):
        row = wrong[0]
        raise DataError(
            f"{member}, line {row + 2}, column {texts.name!r}: {texts[row] or ''!r} is not how "
            f"{datetime_format!r} writes a stamp, expected one like {example!r}; "
            "mend that line, or set convert.datetime_format in params.yaml"
        )
    return stamps


def _check_order(stamps: pl.Series, member: str) -> None:
    """A stamp may repeat an earlier one (logged twice), but time never runs back to a new one."""
    back = (stamps.is_first_distinct() & (stamps < stamps.cum_max())).arg_true()
    if len(back):
        row = back[0]
        later = stamps.head(row).arg_max() or 0
        raise DataError(
            f"{member}, line {row + 2}, column {stamps.name!r}: {stamps[row]} comes after "
            f"{stamps[later]} of line {later + 2} and is no repeat; sort the lines by time"
        )
