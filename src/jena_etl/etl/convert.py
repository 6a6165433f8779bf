"""CSV member of the zip -> Parquet, every cell and stamp checked."""

from __future__ import annotations

import csv
import shutil
import tempfile
import zipfile
import zlib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from jena_etl.errors import DataError, SourceError
from jena_etl.files import replacing
from jena_etl.params import nearest

if TYPE_CHECKING:
    import polars as pl

ROW_GROUP_ROWS = 131_072  # fixed, or the file's bytes would follow Polars' chunks


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

    The Parquet file holds `datetime_column` as a timestamp and `columns` as float64, in
    that order, in the file's row order.

    Raises:
        SourceError: the zip cannot be read or has no such member.
        DataError: header, a cell or a stamp is not what params.yaml says; names the line.
    """
    import polars as pl
    import pyarrow.parquet as pq

    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".convert-") as folder:
        text = Path(folder) / "member.csv"
        _unpack(archive, member, text)
        header = _header(text, member, (datetime_column, *columns))
        # What is not kept is read as text: it need not be a number.
        types: dict[str, type[pl.DataType]] = dict.fromkeys(header, pl.String)
        types |= dict.fromkeys(columns, pl.Float64)
        stamp = pl.col(datetime_column).str.to_datetime(datetime_format, time_unit="ms")
        lazy = pl.scan_csv(text, schema=types).select(stamp, *columns)
        fault = ""
        try:
            frame = lazy.collect()
            if not _is_sound(frame, columns):
                fault = "a cell is empty or not finite"
        except pl.exceptions.PolarsError as error:
            fault = str(error)
        if fault:
            _explain(
                text,
                fault,
                member=member,
                datetime_column=datetime_column,
                datetime_format=datetime_format,
                columns=columns,
            )
    if frame.is_empty():
        raise DataError(f"{member} has a header and no rows; check the file, or convert.member")
    _check_order(frame[datetime_column], member)
    with replacing(target) as part:
        pq.write_table(
            frame.to_arrow(),
            part,
            version="2.6",
            compression="zstd",
            row_group_size=ROW_GROUP_ROWS,
            use_dictionary=False,
            store_schema=False,
        )
    kept = {datetime_column, *columns}
    return [name for name in header if name not in kept]


def _unpack(archive: Path, member: str, text: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [n for n in opened.namelist() if not n.startswith("__MACOSX/")]
            if member not in names:
                raise SourceError(
                    f"{archive.name} has no member {member!r}"
                    + nearest(member, names)
                    + " Set convert.member in params.yaml"
                )
            with opened.open(member) as source, text.open("wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceError(
            f"{archive.name} is damaged ({error}); fetch it again: dvc repro -f download"
        ) from None


def _header(text: Path, member: str, wanted: tuple[str, ...]) -> list[str]:
    with text.open(encoding="utf-8-sig", newline="") as file:
        try:
            header = next(csv.reader(file), [])
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{member}, line 1 is not UTF-8 CSV: {error}") from None
    if not header:
        raise DataError(f"{member} is empty; check the zip, or convert.member")
    for name in header:
        if header.count(name) > 1:
            raise DataError(f"{member} has the column {name!r} twice; rename one in the file")
    for name in wanted:
        if name not in header:
            raise DataError(
                f"{member} has no column {name!r}{nearest(name, header)} "
                "Set convert.columns or convert.datetime_column in params.yaml"
            )
    return header


def _is_sound(frame: pl.DataFrame, columns: tuple[str, ...]) -> bool:
    import polars as pl

    if frame.is_empty():
        return True
    gaps = sum(frame.null_count().row(0))
    return not gaps and all(frame.select(pl.col(columns).is_finite().all()).row(0))


def _explain(
    text: Path,
    otherwise: str,
    *,
    member: str,
    datetime_column: str,
    datetime_format: str,
    columns: tuple[str, ...],
) -> NoReturn:
    """Find the first bad cell by reading the CSV again, slowly, and say where it is."""
    with text.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = csv.reader(file)
        header = next(lines)
        stamp_at = header.index(datetime_column)
        number_at = [(header.index(name), name) for name in columns]
        for cells in lines:
            place = f"{member}, line {lines.line_num}"
            if len(cells) != len(header):
                raise DataError(f"{place}: {len(cells)} fields, the header has {len(header)}")
            for at, name in number_at:
                if not _is_number(cells[at]):
                    what = f"{cells[at]!r} is not a number" if cells[at] else "the cell is empty"
                    raise DataError(f"{place}, column {name!r}: {what}; mend or remove that line")
            try:
                datetime.strptime(cells[stamp_at], datetime_format)  # noqa: DTZ007  local station time
            except ValueError:
                raise DataError(
                    f"{place}, column {datetime_column!r}: {cells[stamp_at]!r} does not match "
                    f"{datetime_format!r}; set convert.datetime_format in params.yaml"
                ) from None
    raise DataError(f"{member} cannot be read: {otherwise.splitlines()[0]}")


def _is_number(cell: str) -> bool:
    try:
        return abs(float(cell)) < float("inf") and "_" not in cell
    except ValueError:
        return False


def _check_order(stamps: pl.Series, member: str) -> None:
    """A stamp may repeat an earlier one (logged twice), but time never runs back to a new one."""
    import polars as pl

    back = (
        pl.DataFrame({"stamp": stamps})
        .with_row_index()
        .filter(pl.col("stamp").is_first_distinct() & (pl.col("stamp") < pl.col("stamp").cum_max()))
    )
    if not back.is_empty():
        row, stamp = back.row(0)
        raise DataError(
            f"{member}, data row {row + 1}: {stamp} comes after a later stamp and was not logged "
            "before; sort the file by time"
        )
