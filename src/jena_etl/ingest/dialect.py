"""Guesses from a sample of its lines how an unknown CSV is written.

The sample consists of the first lines and some of the others. `csv_reader.read_csv` then checks the
guess on every line.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jena_etl.csv_dialect import Dialect
from jena_etl.errors import DataError
from jena_etl.ingest.csv_faults import is_missing, is_number
from jena_etl.ingest.csv_reader import MOST_COLUMNS
from jena_etl.ingest.datetime_formats import NEARLY, datetime_column, matching_formats

SAMPLED = 2_500  # so many lines at the start, and as many spread over the rest
SAMPLED_BYTES = 4 << 20  # the sample ends here in any case
LONGEST_HEADER = 1 << 20  # bytes
SEPARATORS = ";\t|,"  # the comma comes last, as decimal commas look like separators
CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1f]")


@dataclass(frozen=True, kw_only=True)
class DialectGuess:
    """A guess of how a CSV is written, with the reasons for it.

    Attributes:
        dialect: the guess; its columns are those that hold numbers, in the file's order.
        reasons: the reason for each field of `dialect`.
        left_out: the columns that are left out, each with the reason.
        sampled: how many lines below the header were examined.
    """

    dialect: Dialect
    reasons: dict[str, str]
    left_out: dict[str, str]
    sampled: int


def guess_dialect(name: str, raw: bytes) -> DialectGuess:
    """Guess how a CSV is written, from the bytes of the file or of its first lines.

    Raises:
        DataError: it is empty or not a CSV, or lacks a header, rows, timestamps or numbers.
    """
    _check_text(name, raw)
    encoding, why_encoding = _encoding(raw)
    lines = [line.decode(encoding).removesuffix("\r") for line in _sample(name, raw)]
    separator, rows = _separator(name, lines)
    header, *cells = rows
    columns = dict(zip(header, zip(*cells, strict=True), strict=True))
    decimal, why_decimal = _decimal(columns, separator)
    _check_header(name, header, decimal)
    timestamps, datetime_format, why_format = datetime_column(name, columns)
    if not timestamps:
        raise DataError(
            f"{name}: the column of the timestamps has no name on line 1, expected one; write one "
            "there, as in 'time'"
        )
    del columns[timestamps]
    left_out = {
        column: why for column, texts in columns.items() if (why := _not_numbers(texts, decimal))
    }
    if "" in columns:
        left_out[""] = "it has no name"
    numbers = tuple(column for column in columns if column not in left_out)
    if not numbers:
        raise DataError(
            f"{name} holds no column of numbers besides {timestamps!r} ("
            + "; ".join(f"{column}: {why}" for column, why in left_out.items())
            + "); expected measurements, one column each"
        )
    dialect = Dialect(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        datetime_column=timestamps,
        datetime_format=datetime_format,
        columns=numbers,
    )
    reasons = {
        "encoding": why_encoding,
        "separator": f"gives {len(header):,} fields on every line",
        "decimal": why_decimal,
        "datetime_column": "each of its cells is a timestamp",
        "datetime_format": why_format,
    }
    return DialectGuess(dialect=dialect, reasons=reasons, left_out=left_out, sampled=len(cells))


def _check_text(name: str, raw: bytes) -> None:
    start = raw[:65_536].removeprefix(BOM_UTF8)
    if not start.strip():
        raise DataError(
            f"{name} is empty, or begins with blank lines; expected the column names on line 1, "
            "then rows"
        )
    if start.lstrip().startswith(b"<"):
        raise DataError(f"{name} is a web page or XML, expected a CSV file; export it as CSV")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is UTF-16 text, which peek does not read; save it as UTF-8")
    if found := CONTROLS.search(start):
        raise DataError(
            f"{name} is not text: byte {found.start():,} is 0x{found[0][0]:02x}, expected a CSV "
            "file; export it as CSV, plain or in a .zip or .csv.gz"
        )


def _encoding(raw: bytes) -> tuple[str, str]:
    if raw.isascii():
        return "utf-8", "no byte is above 0x7f, so any encoding reads the file in the same way"
    without_ascii = raw.translate(None, bytes(range(128)))
    high_bytes = bytes(byte for byte in range(128, 256) if byte in without_ascii)
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        why = f"byte 0x{raw[error.start]:02x} on line {line:,} is not UTF-8"
    else:
        mark = ", with a byte order mark, which is skipped" if raw.startswith(BOM_UTF8) else ""
        return "utf-8", f"its {len(high_bytes)} different bytes above 0x7f make valid UTF-8{mark}"
    try:
        characters = high_bytes.decode("cp1252")
    except UnicodeDecodeError as error:
        return "latin-1", f"{why}, and 0x{high_bytes[error.start]:02x} has no meaning in cp1252"
    pairs = zip(high_bytes, characters, strict=True)
    shown = " ".join(f"0x{byte:02x} = {character}" for byte, character in pairs)
    return "cp1252", f"{why}; in cp1252, Windows' extension of latin-1, {shown:.60}"


def _sample(name: str, raw: bytes) -> list[bytes]:
    """Line 1, the first lines below it, and some more that are spread evenly over the rest."""
    place = len(BOM_UTF8) if raw.startswith(BOM_UTF8) else 0
    end = len(raw) - raw.endswith(b"\n")
    lines: list[bytes] = []
    sampled = 0

    def take(start: int) -> int:
        """Take the line that begins at `start`; return where the next one begins."""
        nonlocal sampled
        stop = raw.find(b"\n", start, end)
        lines.append(raw[start : stop if stop >= 0 else end])
        sampled += len(lines[-1])
        return stop + 1 if stop >= 0 else end

    while place < end and len(lines) <= SAMPLED and sampled < SAMPLED_BYTES:
        place = take(place)
    for at in np.linspace(place, end, SAMPLED, endpoint=False).astype(int).tolist():
        start = raw.find(b"\n", at, end) + 1
        if start and place <= start < end and sampled < SAMPLED_BYTES:
            place = take(start)
    if len(lines[0]) > LONGEST_HEADER:
        raise DataError(
            f"{name}, line 1 has {len(lines[0]):,} bytes, expected column names, at most "
            f"{LONGEST_HEADER:,} bytes of them; save the file with Unix or Windows line ends"
        )
    if len(lines) == 1:
        raise DataError(f"{name} has one line, expected column names and then rows")
    return lines


def _separator(name: str, lines: list[str]) -> tuple[str, list[list[str]]]:
    """The separator that gives nearly all lines the same number of fields, and those lines' fields.

    csv.Sniffer does not help: it takes a colon or a letter of the header for the separator.
    """
    fields_of: dict[str, int] = {}
    rows_of: dict[str, list[list[str]]] = {}
    for separator in SEPARATORS:
        try:
            rows_of[separator] = list(csv.reader(lines, delimiter=separator, strict=True))
        except csv.Error:
            continue
        for fields, count in Counter(map(len, rows_of[separator][1:])).most_common(1):
            if fields > 1 and count >= NEARLY * (len(lines) - 1):
                fields_of[separator] = fields
    fit_header = [s for s, fields in fields_of.items() if len(rows_of[s][0]) == fields]
    best = max(fit_header or fields_of, key=lambda s: fields_of[s], default="")
    if not best:
        raise DataError(
            f"{name} is not a table: none of ; tab | , gives its lines the same number of fields; "
            f"line 1 is {lines[0]!r:.60}, line 2 {lines[1]!r:.60}; export it as CSV"
        )
    fields, rows = fields_of[best], rows_of[best]
    if len(rows[0]) != fields:
        above = next(at for at, row in enumerate(rows) if len(row) == fields)
        raise DataError(
            f"{name}, line 1 has {len(rows[0])} fields and most lines have {fields}, with {best!r} "
            "between them; expected the column names on line 1: "
            + (f"remove the lines above line {above + 1}" if above else "mend line 1")
        )
    if fields > MOST_COLUMNS:
        raise DataError(
            f"{name} has {fields:,} columns, expected at most {MOST_COLUMNS:,}; export only those "
            "you need"
        )
    return best, [row for row in rows if len(row) == fields]


def _decimal(columns: Mapping[str, Sequence[str]], separator: str) -> tuple[Literal[".", ","], str]:
    if separator == ",":
        return ".", "a comma separates the fields, so it cannot be the decimal mark"
    joined = "\n".join(cell for cells in columns.values() for cell in cells)
    commas, points = (
        len(re.findall(rf"^[ \t]*[+-]?\d+{mark}\d+$", joined, re.MULTILINE))
        for mark in (",", r"\.")
    )
    if commas > points:
        return ",", f"{commas:,} numbers with a comma, {points:,} with a point"
    return ".", f"{points:,} numbers with a point, {commas:,} with a comma"


def _check_header(name: str, header: list[str], decimal: str) -> None:
    values = [cell for cell in header if is_number(cell, decimal) or matching_formats([cell])]
    if 2 * len(values) >= len(header):
        raise DataError(
            f"{name}, line 1 holds values such as {values[0]!r}, expected the column names; "
            "put a line with the names above it"
        )
    for column, times in Counter(header).items():
        if times > 1:
            raise DataError(f"{name}, line 1 has the column {column!r} twice; rename one of them")


def _not_numbers(cells: Sequence[str], decimal: str) -> str:
    """Why a column does not hold numbers, or "" if it does."""
    filled = [cell for cell in cells if not is_missing(cell)]
    texts = [cell for cell in filled if not is_number(cell, decimal)]
    if 2 * len(filled) < len(cells):
        return f"{len(cells) - len(filled):,} of {len(cells):,} cells are empty"
    if 10 * len(texts) > len(filled):  # read_csv names a single stray text
        return f"text, as in {texts[0]!r:.40}"
    return ""
