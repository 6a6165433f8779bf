"""Names the line of a CSV that is at fault: reads a block slowly, line by line, apart from Polars.

`csv_reader` asks for it when a block does not hold what its lines promise. Python's csv module is
strict here, and a cell is a number if Polars would take it for one.
"""

from __future__ import annotations

import csv
import io
import re
from codecs import BOM_UTF8
from contextlib import suppress

import numpy as np

from jena_etl.csv_dialect import Dialect
from jena_etl.errors import DataError, DialectError

LARGEST = float(np.finfo(np.float32).max)  # features and targets become float32
NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # as Polars reads it
MISSING = re.compile(r"([ \t]*[+-]?nan|na|null)?", re.ASCII | re.IGNORECASE)


def is_number(cell: str, decimal: str) -> bool:
    """Whether a cell is a number that float32 can hold.

    >>> is_number("-8,02", decimal=","), is_number("1e39", decimal=".")
    (True, False)
    """
    text = cell
    if decimal == ",":
        text = cell.replace(".", "_").replace(",", ".")  # a point is then not part of a number
    return bool(NUMBER.fullmatch(text)) and abs(float(text)) <= LARGEST


def is_missing(cell: str) -> bool:
    """Whether a cell says that nothing was measured: empty, nan, NA or null in any case."""
    return MISSING.fullmatch(cell) is not None


def check_lines(text: bytes, name: str, header: list[str], dialect: Dialect, before: int) -> None:
    """Raise the first line's fault, if there is one.

    `text` holds whole lines, and `before` other lines stand between it and the header.

    Raises:
        DataError: a line is not a row of the table.
        DialectError: the same, where another dialect may read it.
    """
    number_at = [(header.index(column), column) for column in dialect.columns]
    for number, line in enumerate(io.BytesIO(text), start=before + 2):
        place = f"{name}, line {number}"
        if b"\0" in line:
            raise DialectError(
                f"{place} holds a NUL byte, as a logger leaves it when it loses power (or the file "
                "is in UTF-16)",
                {"encoding": None},
                remedy="mend or remove that line",
            )
        if line.startswith(BOM_UTF8):
            raise DataError(
                f"{place} begins with a byte order mark, as happens when files are joined; remove "
                "it"
            )
        cells = split_line(line, place, dialect.separator)
        if not line.strip():
            raise DataError(f"{place} is blank; remove that line")
        if cells == header:
            raise DataError(f"{place} repeats the header; remove that line")
        if len(cells) != len(header):
            raise DialectError(
                f"{place} has {len(cells)} fields, expected the header's {len(header)}, with "
                f"{dialect.separator!r} between them and {dialect.decimal!r} for decimals",
                {"separator": None, "decimal": None},
                remedy="mend or remove that line",
            )
        for at, column in number_at:
            cell = cells[at]
            if not (is_missing(cell) or is_number(cell, dialect.decimal)):
                raise _not_a_number(cell, f"{place}, column {column!r}", dialect.decimal)


def _not_a_number(cell: str, place: str, decimal: str) -> DataError:
    example = "-8.02".replace(".", decimal)
    fault = f"{place}: {cell!r:.60} is not a finite float32 number, expected one like {example}"
    if is_number(cell.translate(str.maketrans(".,", ",.")), decimal):
        other = "," if decimal == "." else "."
        return DialectError(fault, {"decimal": f'"{other}"'})
    return DataError(f"{fault}; mend or remove that line")


def split_line(line: bytes, place: str, separator: str) -> list[str]:
    """The fields of a line; messages call it `place`.

    Raises:
        DataError: it is not a line of a CSV.
        DialectError: it is not UTF-8.
    """
    try:
        whole = line.decode().removesuffix("\n").removesuffix("\r")
        cells = next(csv.reader([whole], delimiter=separator, strict=True), [])
    except UnicodeDecodeError as error:
        raise DialectError(
            f"{place} is not UTF-8 ({error.reason})",
            {"encoding": suggested_encoding(line)},
            remedy="save the file as UTF-8",
        ) from None
    except csv.Error:
        cells = None
    if cells is None or "\r" in whole or whole.count('"') % 2:
        raise DataError(
            f"{place} is not a row of values with {separator!r} between them (a stray quotation "
            "mark or line end?); save the file as CSV, one line a row, Unix or Windows line ends"
        )
    return cells


def suggested_encoding(raw: bytes) -> str:
    """The first encoding that makes sense of `raw`."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    for encoding in ("utf-8", "cp1252"):
        with suppress(UnicodeDecodeError):
            raw.decode(encoding)
            return encoding
    return "latin-1"  # in which every byte is a character
