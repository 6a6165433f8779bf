"""One CSV -> timestamps and numbers, with nothing lost or altered on the way.

One line of the CSV is one row: row k is line k + 2, as an editor counts. The lines are counted
apart from Polars, which by itself takes a row that is too short, or a quotation mark that
swallows the lines after it, without a word.

The CSV is read in blocks of whole lines. Each is parsed and proved for itself while a thread
unpacks the next, and only its timestamps and numbers are kept.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import DataError
from jena_etl.params import nearest

if TYPE_CHECKING:
    import polars as pl

LARGEST = float(np.finfo(np.float32).max)  # features and targets become float32
NUMBER = re.compile(r"[ \t]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # as Polars reads it
MISSING = re.compile(r"([ \t]*[+-]?nan|na|null)?", re.ASCII | re.IGNORECASE)
# Polars knows NaN in any case by itself, and the others letter by letter.
MISSING_WORDS = [
    "".join(letters)
    for word in ("", "na", "null")
    for letters in itertools.product(*((c, c.upper()) for c in word))
]
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901  local station time
BOM = b"\xef\xbb\xbf"
SEPARATORS = ",;\t|"
LONGEST_LINE = 16 << 20  # bytes
ENCODINGS = ("utf-8", "cp1252", "latin-1")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How the CSV is written; the values of `convert` in params.yaml.

    Attributes:
        datetime_column: the column of the timestamps.
        datetime_format: as in strftime.
        columns: the numbers to read, in the order wanted.
        encoding: as Python names it.
        separator: between fields.
        decimal: point or comma.
        may_miss: whether a cell of `columns` may be missing: empty, nan, NA or null in any case.
    """

    datetime_column: str
    datetime_format: str
    columns: tuple[str, ...]
    encoding: str
    separator: str
    decimal: str
    may_miss: bool

    def is_number(self, cell: str) -> bool:
        """Whether a cell is a number that float32 can hold."""
        text = cell
        if self.decimal == ",":
            text = cell.replace(".", "_").replace(",", ".")  # a point is then no part of a number
        return bool(NUMBER.fullmatch(text)) and abs(float(text)) <= LARGEST


def read_csv(
    name: str,
    chunks: Iterable[bytes],
    layout: Layout,
    each: Callable[[pl.DataFrame], None] = lambda rows: None,  # noqa: ARG005
) -> tuple[pl.DataFrame, list[str]]:
    """The rows of a CSV, and the columns left out.

    The frame holds the timestamps in milliseconds, then `layout.columns` as float64, in the file's
    row order; a missing cell is null.

    Args:
        name: what messages call the file.
        chunks: its bytes, in pieces cut anywhere but in a byte order mark.
        layout: how it is written.
        each: is given the rows block by block, in order, as soon as they are read.

    Raises:
        DataError: header, a cell or a timestamp is not what params.yaml says; names the line.
    """
    blocks = _ahead(_blocks(_as_utf8(name, _lines(name, chunks), layout.encoding)))
    try:
        return _read(name, blocks, layout, each)
    except DataError:
        for _ in blocks:  # if the archive is damaged, that is the fault to show
            pass
        raise


def _read(
    name: str, blocks: Iterator[bytes], layout: Layout, each: Callable[[pl.DataFrame], None]
) -> tuple[pl.DataFrame, list[str]]:
    import polars as pl

    first = next(blocks, b"")
    if not first or all(map(bytes.isspace, itertools.chain([first], blocks))):
        raise DataError(f"{name} is empty; check the source file, or convert.members")
    header = _header(first, name, layout)

    def proved(frame: pl.DataFrame, before: int) -> pl.DataFrame:
        rows = _proved(frame, name, layout, before)
        each(rows)
        return rows

    proofs: list[Future[pl.DataFrame]] = []
    before = 0
    with ThreadPoolExecutor(1) as thread:
        for text in itertools.chain([first], blocks):
            try:
                frame = _rows(text, name, header, layout, before)
            finally:  # a fault in the block before is the one to tell, and two at a time are enough
                for proof in proofs[-1:]:
                    proof.result()
            proofs.append(thread.submit(proved, frame, before))
            before += frame.height
        frames = [proof.result() for proof in proofs]
    if not before:
        raise DataError(f"{name} has a header and no rows; check the source, or convert.members")
    wanted = {layout.datetime_column, *layout.columns}
    return pl.concat(frames), [column for column in header if column not in wanted]


def _proved(frame: pl.DataFrame, name: str, layout: Layout, before: int) -> pl.DataFrame:
    """Timestamps in the place of their texts, and `layout.columns`; in one chunk."""
    timestamps = _timestamps(frame[layout.datetime_column], layout.datetime_format, name, before)
    return frame.select(timestamps, *layout.columns).rechunk()


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same, each made by a thread while the one before is parsed."""
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, blocks, b"")
        while block := coming.result():
            coming = thread.submit(next, blocks, b"")
            yield block


def _lines(name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same, as long as lines end: a bomb would fill the memory."""
    since = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        since = len(chunk) - end + (0 if end else since)
        if since > LONGEST_LINE:
            raise DataError(
                f"{name} goes on for {LONGEST_LINE >> 20} MiB without a line end, expected "
                "CSV, one line a row; save it so, with Unix or Windows line ends"
            )
        yield chunk


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """CSV texts of the header and whole lines: a chunk's, and what the one before left over."""
    header, rest = b"", []
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if not end:
            rest.append(chunk)
            continue
        block = b"".join([header, *rest, chunk[:end]])
        header = header or block[: block.index(b"\n") + 1]
        rest = [chunk[end:]]
        yield block
    if any(rest):
        yield b"".join([header, *rest])


def _as_utf8(name: str, chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig"}:
        yield next(chunks, b"").removeprefix(BOM)
        yield from chunks  # _cells finds the line of what is no UTF-8
        return
    raw = b"".join(chunks)
    try:
        yield raw.decode(encoding).encode().removeprefix(BOM)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line} is not {encoding} ({error.reason}); "
            f"set convert.encoding{_suggested(raw)}"
        ) from None
    except UnicodeError as error:  # idna has no place to name, utf-7 reads halves of a character
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"{name} is not {encoding} ({reason!s:.60}); set convert.encoding{_suggested(raw)}"
        ) from None


def _suggested(raw: bytes) -> str:
    """The first encoding that makes sense of `raw`."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ": utf-16"
    for encoding in ENCODINGS:
        try:
            raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        return f": {encoding}"
    return ""


def _header(text: bytes, name: str, layout: Layout) -> list[str]:
    line = next(io.BytesIO(text))
    header = _cells(line, f"{name}, line 1", layout.separator)
    if not header:
        raise DataError(f"{name}, line 1 is blank, expected the column names; remove that line")
    for column, times in Counter(header).items():
        if times > 1:
            raise DataError(
                f"{name}, line 1 has the column {column!r:.60} twice; rename one of them"
            )
    wanted = {layout.datetime_column: "datetime_column", **dict.fromkeys(layout.columns, "columns")}
    for column, key in wanted.items():
        if column not in header:
            raise DataError(
                f"convert.{key} names {column!r}, which is not among the {len(header)} names, "
                f"separated by {layout.separator!r}, on line 1 of {name}"
                + (_other_separator(line, len(header)) or nearest(column, header))
            )
    return header


def _other_separator(line: bytes, fields: int) -> str:
    """The separator that gives line 1 more fields; "" if none does."""
    text = line.decode(errors="replace")
    counts = {separator: text.count(separator) + 1 for separator in SEPARATORS}
    best = max(counts, key=lambda separator: counts[separator])
    if counts[best] <= fields:
        return ""
    return f'; with {best!r} it has {counts[best]}: set convert.separator: "{best}"'.replace(
        "\t", "\\t"
    )


def _rows(text: bytes, name: str, header: list[str], layout: Layout, before: int) -> pl.DataFrame:
    """Every line below the header as a row: `layout.columns` as float64, the others as text.

    In the file, `before` lines come between the header and the others of `text`.
    """
    import polars as pl

    # Three times as fast as text.count.
    ends = np.count_nonzero(np.frombuffer(text, np.uint8) == ord("\n"))
    lines = int(ends) - text.endswith(b"\n")
    if b"\0" in text:
        line = before + text.count(b"\n", 0, text.index(b"\0")) + 1
        raise DataError(
            f"{name}, line {line} holds a NUL byte, as a logger that lost its power leaves it "
            "(or a file in UTF-16); mend or remove that line, or set convert.encoding"
        )
    frame, doubt = _parsed(text, header, layout)
    if frame is not None:
        doubt = f"{before + lines:,} lines below the header gave {before + frame.height:,} rows"
    sound = (
        frame is not None
        and frame.height == lines
        and _are_numbers(frame, layout)
        and (layout.decimal == "." or not _stray_points(text, frame, header, layout))
        and not (b"\r" in text and text.count(b"\r") - text.count(b"\r\n") - text.endswith(b"\r"))
    )
    if frame is None or not (sound and _is_full(text, frame, header, layout, lines)):
        _check_lines(text, name, header, layout, before)
    if frame is None or not sound:
        raise DataError(f"{name} is not regular CSV ({doubt}); save it as CSV, one line a row")
    return frame.with_columns(pl.col(layout.columns).fill_nan(None)) if layout.may_miss else frame


def _parsed(text: bytes, header: list[str], layout: Layout) -> tuple[pl.DataFrame | None, str]:
    """What Polars reads, or why it reads nothing."""
    import polars as pl

    # What is left out need not be a number, but is read: asked for some columns only, Polars
    # cuts off a row's surplus fields in silence.
    types = dict.fromkeys(header, pl.String()) | dict.fromkeys(layout.columns, pl.Float64())
    doubt = ""
    # Looking for words in every cell is slow: the second try, for files that have them.
    for words in (None, MISSING_WORDS) if layout.may_miss else (None,):
        try:
            frame = pl.scan_csv(
                text,
                schema=types,
                separator=layout.separator,
                decimal_comma=layout.decimal == ",",
                null_values=words,
            ).collect()
        # It panics where a file ends right after the mark that opens a quoted number.
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            doubt = str(error).splitlines()[0]
        else:
            return frame, ""
    return None, doubt


def _are_numbers(frame: pl.DataFrame, layout: Layout) -> bool:
    import polars as pl

    cells = pl.col(layout.columns)
    finite = (cells.abs() <= LARGEST).fill_null(value=layout.may_miss)
    return all(frame.select((finite | cells.is_nan() if layout.may_miss else finite).all()).row(0))


def _stray_points(text: bytes, frame: pl.DataFrame, header: list[str], layout: Layout) -> int:
    """Points in the numbers, which Polars takes for decimal ones beside decimal commas."""
    import polars as pl

    others = [column for column in header if column not in layout.columns]
    points = pl.col(others).str.count_matches(".", literal=True).sum()
    elsewhere: int = sum(frame.select(points).row(0))
    return text.count(b".", text.index(b"\n")) - elsewhere


def _is_full(
    text: bytes, frame: pl.DataFrame, header: list[str], layout: Layout, lines: int
) -> bool:
    """Whether no row is too short: a field missing at its end is null, like an empty cell.

    Polars refuses surplus fields, so as many separators as there should be prove it, too, where
    no quotation mark may hide one.
    """
    if not frame[header[-1]].null_count():
        return True
    start = text.index(b"\n")
    between = layout.separator.encode()
    return text.find(b'"', start) < 0 and text.count(between, start) == lines * (len(header) - 1)


def _check_lines(text: bytes, name: str, header: list[str], layout: Layout, before: int) -> None:
    """Raise the first line's fault: reads `text` again, slowly and apart from Polars."""
    number_at = [(header.index(column), column) for column in layout.columns]
    lines = io.BytesIO(text)
    next(lines)
    for number, line in enumerate(lines, start=before + 2):
        place = f"{name}, line {number}"
        cells = _cells(line, place, layout.separator)
        if not line.strip():
            raise DataError(f"{place} is blank; remove that line")
        if cells == header:
            raise DataError(f"{place} is the header once more; remove that line")
        if len(cells) != len(header):
            raise DataError(
                f"{place} has {len(cells)} fields, expected the header's {len(header)}, with "
                f"{layout.separator!r} between them and {layout.decimal!r} for decimals; mend or "
                "remove that line, or set convert.separator and convert.decimal"
            )
        for at, column in number_at:
            cell = cells[at]
            if not (layout.is_number(cell) or (layout.may_miss and MISSING.fullmatch(cell))):
                raise DataError(f"{place}, column {column!r}: {_why_no_number(cell, layout)}")


def _why_no_number(cell: str, layout: Layout) -> str:
    if MISSING.fullmatch(cell):
        what = f"{cell!r:.60} is no number" if cell else "the cell is empty"
        return f"{what}; mend or remove that line, or set convert.on_missing: fill_forward"
    example = "-8.02".replace(".", layout.decimal)
    said = f"{cell!r:.60} is not a finite float32 number, expected one like {example}"
    swapped = cell.translate(str.maketrans(".,", ",."))
    if layout.is_number(swapped):
        return f'{said}; set convert.decimal: "{"," if layout.decimal == "." else "."}"'
    return f"{said}; mend or remove that line"


def _cells(line: bytes, place: str, separator: str) -> list[str]:
    try:
        whole = line.decode().removesuffix("\n").removesuffix("\r")
        cells = next(csv.reader([whole], delimiter=separator, strict=True), [])
    except UnicodeDecodeError as error:
        raise DataError(
            f"{place} is not UTF-8 ({error.reason}); save the file as UTF-8, "
            f"or set convert.encoding{_suggested(line)}"
        ) from None
    except csv.Error:
        cells = None
    if cells is None or "\r" in whole or whole.count('"') % 2:
        raise DataError(
            f"{place} is no row of values with {separator!r} between them (a stray quotation mark "
            "or line end?); save the file as CSV, one line a row, Unix or Windows line ends"
        )
    return cells


def _timestamps(texts: pl.Series, datetime_format: str, name: str, before: int) -> pl.Series:
    """The timestamps, each proved: written by the same format it gives its cell again.

    Polars alone reads 01.01.09 as the year 9, 23:59:60 as the next day, and drops fractions.
    """
    import polars as pl

    try:
        example = pl.Series([datetime(2009, 1, 31, 23, 50)]).dt.to_string(datetime_format)[0]  # noqa: DTZ001  local station time
        timestamps = texts.str.to_datetime(
            datetime_format, time_unit="ms", strict=False, cache=False
        )
        written = timestamps.dt.truncate("1s").dt.to_string(datetime_format)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"convert.datetime_format {datetime_format!r} is no format of a local timestamp: "
            f"{str(error).splitlines()[0]}; set one like '%d.%m.%Y %H:%M:%S'"
        ) from None
    same = (written == texts) & timestamps.is_between(FIRST, LAST)  # 01.01.-2009 parses, too
    wrong = (~same.fill_null(value=False)).arg_true()
    if len(wrong):
        row = wrong[0]
        raise DataError(
            f"{name}, line {before + row + 2}, column {texts.name!r}: {texts[row] or ''!r:.60} is "
            f"not how {datetime_format!r} writes a timestamp, expected one like {example!r}; "
            "mend that line, or set convert.datetime_format in params.yaml"
        )
    return timestamps
