"""Reads a CSV into timestamps and numbers, and proves that nothing was lost or altered.

A parser alone cannot be trusted with a station's file. Polars silently takes a row that is too
short for one with empty cells, lets a quotation mark swallow the lines after it, and reads 01.01.09
as the year 9. So the file is read in blocks of whole lines, and each block is proved before it is
passed on: there are as many rows as lines, every number is finite in float32, and every timestamp,
written again, equals its cell. Row k is line k + 2 of the file, as an editor counts lines. If a
proof fails, `csv_faults` reads the block again line by line and names the line and the column.
"""

from __future__ import annotations

import codecs
import itertools
from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import polars as pl

from jena_etl.csv_dialect import Dialect
from jena_etl.errors import DataError, DialectError
from jena_etl.ingest.csv_faults import LARGEST, check_lines, split_line, suggested_encoding
from jena_etl.text import nearest

# Polars recognises empty cells and NaN in any case by itself; other words need every spelling.
MISSING_WORDS = [
    *("", *map("".join, itertools.product("nN", "aA"))),
    *map("".join, itertools.product("nN", "uU", "lL", "lL")),
]
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901  local station time
SEPARATORS = ",;\t|"
LONGEST_LINE = 16 << 20  # bytes
MOST_COLUMNS = 4096  # reading that many takes some 50 MB


def read_csv(
    name: str, chunks: Iterable[bytes], dialect: Dialect
) -> tuple[list[str], Iterator[pl.DataFrame]]:
    """Read a CSV file block by block, so that it may be larger than memory.

    The bytes of the file come in `chunks` of any size. Messages call it `name`.

    Returns:
        The names of the columns left out, and the rows in the file's order. A frame holds the
        timestamps in milliseconds, then `dialect.columns` as float64; a cell that is empty, nan,
        NA or null (in any case) is null.

    Raises:
        DataError: the file is not a regular CSV; names the line. A fault in the header is raised
            at once, a fault in the rows while they are read.
        DialectError: the same, if the file might be readable with another dialect.
    """
    chunks = iter(chunks)
    # Bytes that are not UTF-8, although the dialect says so, are found by Polars.
    is_utf8 = codecs.lookup(dialect.encoding).name in {"utf-8", "utf-8-sig"}
    blocks = _blocks(name, chunks if is_utf8 else _as_utf8(name, chunks, dialect.encoding))
    with _damage_comes_first(chunks):
        first = next(blocks, b"").removeprefix(BOM_UTF8)
        if not first or all(map(bytes.isspace, itertools.chain([first], blocks))):
            raise DataError(
                f"{name} is empty, expected a line of column names and then rows; check the file"
            )
        line, _, first = first.partition(b"\n")
        header = _header(line, name, dialect)
    left_out = [name for name in header if name not in {dialect.datetime_column, *dialect.columns}]
    rows = _rows(name, itertools.chain(filter(None, [first]), blocks), header, dialect, chunks)
    return left_out, rows


def _rows(
    name: str,
    blocks: Iterable[bytes],
    header: list[str],
    dialect: Dialect,
    chunks: Iterator[bytes],
) -> Iterator[pl.DataFrame]:
    rows = 0
    for block in blocks:
        with _damage_comes_first(chunks):
            frame = _proved(block, name, header, dialect, rows)
        rows += frame.height
        yield frame
    if not rows:
        raise DataError(f"{name} has a header but no rows; check the file")


@contextmanager
def _damage_comes_first(chunks: Iterator[bytes]) -> Iterator[None]:
    """On a fault, read on to the end of the archive, where damage shows: it may be the cause."""
    try:
        yield
    except DataError:
        for _ in chunks:
            pass
        raise


def _blocks(name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes, cut after line ends."""
    rest: list[bytes] = []
    for piece in pieces:
        end = piece.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, piece[:end]])
            rest = []
        rest.append(piece[end:])
        if sum(map(len, rest)) > LONGEST_LINE:  # a zip bomb would fill the memory
            raise DataError(
                f"{name} goes on for {LONGEST_LINE >> 20} MiB without a line end, expected CSV "
                "with one line per row; save it with Unix or Windows line ends"
            )
    if any(rest):
        yield b"".join(rest)


def _as_utf8(name: str, chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """The same text in UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    for chunk in itertools.chain(filter(None, chunks), [b""]):  # an empty one says it is the end
        try:
            yield decoder.decode(chunk, final=not chunk).encode()
        except UnicodeError as error:  # idna gives no position; utf-7 may yield half a character
            place, raw = name, chunk
            if isinstance(error, UnicodeDecodeError):
                line += error.object.count(b"\n", 0, error.start)
                place, raw = f"{name}, line {line}", error.object
            reason = getattr(error, "reason", None) or error
            raise DialectError(
                f"{place} is not {encoding} ({reason!s:.60})",
                {"encoding": suggested_encoding(raw)},
            ) from None
        line += chunk.count(b"\n")


def _header(line: bytes, name: str, dialect: Dialect) -> list[str]:
    header = split_line(line, f"{name}, line 1", dialect.separator)
    if not header:
        raise DataError(f"{name}, line 1 is blank, expected the column names; remove that line")
    if len(header) > MOST_COLUMNS:
        raise DialectError(
            f"{name}, line 1 has {len(header):,} fields with {dialect.separator!r} between them, "
            f"expected at most {MOST_COLUMNS:,} column names",
            {"separator": None},
            remedy="split the file by columns",
        )
    for column, times in Counter(header).items():
        if times > 1:
            raise DataError(
                f"{name}, line 1 has the column {column!r:.60} twice; rename one of them"
            )
    wanted = (dialect.datetime_column, *dialect.columns)
    if lacking := tuple(column for column in wanted if column not in header):
        field = "datetime_column" if lacking[0] == dialect.datetime_column else "columns"
        fault = (
            f"{field} names {lacking[0]!r:.60}, which is not among the {len(header):,} names, "
            f"separated by {dialect.separator!r}, on line 1 of {name}"
        )
        better = max(SEPARATORS, key=lambda separator: line.count(separator.encode()))
        if (fields := line.count(better.encode()) + 1) > len(header):
            raise DialectError(
                f"{fault}; with {better!r} it has {fields:,}",
                {"separator": f'"{better}"'.replace("\t", "\\t")},
            )
        # A file that has none of the columns is more likely to be the wrong one.
        is_partial = field == "columns" and len(lacking) < len(dialect.columns)
        raise DialectError(
            fault + nearest(lacking[0], header),
            {field: None},
            lacking=lacking if is_partial else (),
        )
    return header


def _proved(
    text: bytes, name: str, header: list[str], dialect: Dialect, rows_before: int
) -> pl.DataFrame:
    """Parse every line of `text` into a row, and prove that nothing was lost or altered.

    In the file, `rows_before` lines come between the header and the first line of `text`.
    """
    # NumPy counts three times as fast as text.count.
    ends = int(np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n")))
    lines = ends + (not text.endswith(b"\n"))
    frame, doubt = _parsed(text, header, dialect)
    sound = (
        frame.height == lines
        and _are_numbers(frame, dialect)
        and (dialect.decimal == "." or not _stray_points(text, frame, dialect))
        and not (b"\r" in text and text.count(b"\r") - text.count(b"\r\n") - text.endswith(b"\r"))
        and b"\0" not in text
        and not (text.startswith(BOM_UTF8) or b"\n" + BOM_UTF8 in text)  # Polars skips it silently
    )
    if not (sound and _is_full(text, frame, dialect, lines)):
        check_lines(text, name, header, dialect, rows_before)
    if not sound:
        doubt = doubt or f"{lines:,} lines gave {frame.height:,} rows"
        raise DataError(f"{name} is not regular CSV ({doubt}); save it as CSV, one line per row")
    timestamps = _timestamps(
        frame[dialect.datetime_column], dialect.datetime_format, name, rows_before
    )
    return frame.select(timestamps, pl.col(dialect.columns).fill_nan(None)).rechunk()


def _parsed(text: bytes, header: list[str], dialect: Dialect) -> tuple[pl.DataFrame, str]:
    """What Polars reads; if it reads nothing, no rows, and the reason."""
    # All columns are read, unwanted ones as text: if asked for some columns only, Polars silently
    # cuts off a row's surplus fields.
    types = dict.fromkeys(header, pl.String()) | dict.fromkeys(dialect.columns, pl.Float64())
    # Looking for words in every cell is slow, so only a second attempt does.
    for words in (None, MISSING_WORDS):
        try:
            lines = pl.scan_csv(
                text,
                has_header=False,
                schema=types,
                separator=dialect.separator,
                decimal_comma=dialect.decimal == ",",
                null_values=words,
            )
            return lines.collect(), ""
        # Polars panics if a file ends right after the mark that opens a quoted number.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            doubt = str(error).splitlines()[0]
    return pl.DataFrame(schema=types), doubt


def _are_numbers(frame: pl.DataFrame, dialect: Dialect) -> bool:
    """Whether every cell is missing or finite in float32, the type of features and targets."""
    cells = pl.col(dialect.columns)
    is_finite = (cells.abs() <= LARGEST) | cells.is_nan() | cells.is_null()
    return all(frame.select(is_finite.all()).row(0))


def _stray_points(text: bytes, frame: pl.DataFrame, dialect: Dialect) -> int:
    """How many points stand in numbers; Polars takes them for decimal points beside commas."""
    points = pl.exclude(dialect.columns).str.count_matches(".", literal=True).sum()
    elsewhere: int = sum(frame.select(points).row(0))
    return text.count(b".") - elsewhere


def _is_full(text: bytes, frame: pl.DataFrame, dialect: Dialect, lines: int) -> bool:
    """Whether no row is too short; a missing field at its end would be null, like an empty cell.

    Polars refuses surplus fields, so without quotation marks the number of separators proves it.
    """
    if not frame.to_series(-1).null_count():
        return True
    separators = text.count(dialect.separator.encode())
    return b'"' not in text and separators == lines * (frame.width - 1)


def _timestamps(texts: pl.Series, datetime_format: str, name: str, rows_before: int) -> pl.Series:
    """Parse the timestamps, and prove each by writing it again in the same format.

    Polars alone reads 01.01.09 as the year 9, 23:59:60 as the next day, and drops fractions.
    """
    try:
        example = pl.Series([datetime(2009, 1, 31, 23, 50)]).dt.to_string(datetime_format)[0]  # noqa: DTZ001  local station time
        timestamps = texts.str.to_datetime(
            datetime_format, time_unit="ms", strict=False, cache=False
        )
        written = timestamps.dt.truncate("1s").dt.to_string(datetime_format)
    except pl.exceptions.PolarsError as error:
        raise DialectError(
            f"datetime_format {datetime_format!r} is not a format of local timestamps "
            f"({str(error).splitlines()[0]}), expected one like '%d.%m.%Y %H:%M:%S'",
            {"datetime_format": None},
        ) from None
    same = (written == texts) & timestamps.is_between(FIRST, LAST)  # 01.01.-2009 parses, too
    wrong = (~same.fill_null(value=False)).arg_true()
    if len(wrong):
        row = wrong[0]
        line = rows_before + row + 2
        raise DialectError(
            f"{name}, line {line}, column {texts.name!r}: {texts[row] or ''!r:.60} is "
            f"not how {datetime_format!r} writes a timestamp, expected one like {example!r}",
            {"datetime_format": None},
            remedy="mend that line",
        )
    return timestamps
