"""How an unknown CSV is written: encoding, separator, decimal, timestamps, columns of numbers.

All of it is judged by a sample of lines; `reading.read_csv` proves it on every line.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import DataError
from jena_etl.ingest.csv_reader import BOM, MISSING, Layout

if TYPE_CHECKING:
    import polars as pl

SAMPLED = 2_500  # lines at the start, for the step, and as many spread over the rest
NEARLY = 0.9  # of all: a stray line or cell is for `read_csv` to name
SEPARATORS = ";\t|,"  # a comma last: where decimals have one, it seems to separate them
CONTROLS = re.compile(rb"[\0-\x08\x0e-\x1f]")
DATES = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d.%m.%y", "%-d.%-m.%Y", "%-d.%-m.%y"),
    *("%m/%d/%Y", "%d/%m/%Y", "%m/%d/%y", "%d/%m/%y", "%-m/%-d/%Y", "%-d/%-m/%Y"),
    *("%-m/%-d/%y", "%-d/%-m/%y", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%Y%m%d"),
)
TIMES = (
    *("%H:%M:%S", "%H:%M", "%-H:%M:%S", "%-H:%M", "%I:%M:%S %p", "%I:%M %p", "%-I:%M:%S %p"),
    *("%-I:%M %p", "%-I:%M:%S %P", "%-I:%M %P", "%H%M%S", "%H%M"),
)
WHOLE_SECONDS = re.compile(r"(\.0+)?(Z|[+-]\d\d:?\d\d)?\Z")  # what may follow them, unchanging


@dataclass(frozen=True, kw_only=True)
class Written:
    """How a CSV is written, and why that was guessed.

    Attributes:
        encoding: as Python names it.
        separator: between fields.
        decimal: point or comma.
        header: the names on line 1.
        datetime_column: the column of the timestamps.
        datetime_format: as in strftime.
        numbers: the columns of numbers, in the file's order.
        left_out: the other columns, each with the reason.
        sampled: lines below the header that were looked at.
        reasons: why, by the key of `convert`.
    """

    encoding: str
    separator: str
    decimal: str
    header: list[str]
    datetime_column: str
    datetime_format: str
    numbers: list[str]
    left_out: dict[str, str]
    sampled: int
    reasons: dict[str, str]

    def layout(self, columns: Iterable[str]) -> Layout:
        """To read `columns` with `read_csv`; their cells may be missing."""
        return Layout(
            datetime_column=self.datetime_column,
            datetime_format=self.datetime_format,
            columns=tuple(columns),
            encoding=self.encoding,
            separator=self.separator,
            decimal=self.decimal,
            may_miss=True,
        )


def guess_layout(name: str, raw: bytes) -> Written:
    """Guess how `raw`, a file called `name`, is written.

    Raises:
        DataError: it is empty, no CSV, has no header or no rows, or lacks timestamps or numbers.
    """
    _check_text(name, raw)
    encoding, why_encoding = _encoding(raw)
    lines = _sample(name, raw, encoding)
    separator, rows, why_separator = _separator(name, lines)
    header, cells = rows[0], list(zip(*rows[1:], strict=True))
    decimal, why_decimal = _decimal(cells, separator)
    _check_header(name, header, decimal)
    columns = dict(zip(header, cells, strict=True))
    timestamps, datetime_format, why_format = _timestamps(name, columns)
    numbers, left_out = _numbers(columns, timestamps, decimal)
    if not numbers:
        raise DataError(
            f"{name} holds no column of numbers beside {timestamps!r} ("
            + "; ".join(f"{column}: {why}" for column, why in left_out.items())
            + "); expected measurements, one column each"
        )
    return Written(
        encoding=encoding,
        separator=separator,
        decimal=decimal,
        header=header,
        datetime_column=timestamps,
        datetime_format=datetime_format,
        numbers=numbers,
        left_out=left_out,
        sampled=len(rows) - 1,
        reasons={
            "encoding": why_encoding,
            "separator": why_separator,
            "decimal": why_decimal,
            "datetime_column": "each of its cells is a timestamp",
            "datetime_format": why_format,
        },
    )


def _check_text(name: str, raw: bytes) -> None:
    start = raw[:65_536].removeprefix(BOM)
    if not start.strip():
        raise DataError(f"{name} is empty, expected a CSV file: column names, then rows")
    if start.lstrip().startswith(b"<"):
        raise DataError(f"{name} is a web page or XML, expected a CSV file; export it as CSV")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{name} is UTF-16 text, expected one byte a sign; save it as UTF-8")
    if found := CONTROLS.search(start):
        raise DataError(
            f"{name} is no text: byte {found.start():,} is 0x{found[0][0]:02x}, expected a CSV "
            "file; export it as CSV, plain or in a .zip or .csv.gz"
        )


def _encoding(raw: bytes) -> tuple[str, str]:
    others = bytes(sorted(set(raw.translate(None, bytes(range(128))))))
    if not others:
        return "utf-8", "no byte above 0x7f: any encoding reads it so"
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        why = f"byte 0x{raw[error.start]:02x} on line {line:,} is no UTF-8"
    else:
        mark = ", with a byte order mark, which is skipped" if raw.startswith(BOM) else ""
        return "utf-8", f"its {len(others)} different bytes above 0x7f make valid UTF-8{mark}"
    try:
        signs = others.decode("cp1252")
    except UnicodeDecodeError as error:
        return "latin-1", f"{why}, and 0x{others[error.start]:02x} is nothing in cp1252"
    shown = " ".join(f"0x{byte:02x} = {sign}" for byte, sign in zip(others, signs, strict=True))
    return "cp1252", f"{why}; in cp1252, Windows' latin-1: {shown:.60}"


def _sample(name: str, raw: bytes, encoding: str) -> list[str]:
    """The header, the first lines and some of the rest, evenly spread."""
    lines = raw.removeprefix(BOM).removesuffix(b"\n").split(b"\n")
    if len(lines) == 1:
        raise DataError(f"{name} has one line, expected column names and then rows")
    chosen = range(len(lines))
    if len(lines) > 1 + 2 * SAMPLED:
        spread = np.linspace(1 + SAMPLED, len(lines) - 1, SAMPLED).astype(int)
        chosen = [*range(1 + SAMPLED), *spread.tolist()]  # type: ignore[assignment]
    return [lines[at].decode(encoding).removesuffix("\r") for at in chosen]


def _separator(name: str, lines: list[str]) -> tuple[str, list[list[str]], str]:
    """The separator that gives nearly every line as many fields; rows of as many as line 1.

    csv.Sniffer is no help: it takes a colon or a letter of the header for the separator.
    """
    counts_of: dict[str, int] = {}
    rows_of: dict[str, list[list[str]]] = {}
    for separator in SEPARATORS:
        try:
            rows_of[separator] = list(csv.reader(lines, delimiter=separator, strict=True))
        except csv.Error:
            continue
        for fields, count in Counter(map(len, rows_of[separator][1:])).most_common(1):
            if fields > 1 and count >= NEARLY * (len(lines) - 1):
                counts_of[separator] = fields
    same = [s for s, fields in counts_of.items() if len(rows_of[s][0]) == fields]
    best = max(same or counts_of, key=lambda s: counts_of[s], default="")
    if not best:
        raise DataError(
            f"{name} is no table: none of ; tab | , gives its lines one number of fields; "
            f"line 1 is {lines[0]!r:.60}; export it as CSV"
        )
    fields, rows = counts_of[best], rows_of[best]
    if len(rows[0]) != fields:
        before = next(at for at, row in enumerate(rows) if len(row) == fields)
        raise DataError(
            f"{name}, line 1 has {len(rows[0])} fields and most lines have {fields}, with {best!r} "
            f"between them; expected the column names on line 1: "
            + (f"remove what stands above line {before + 1}" if before else "mend it")
        )
    return best, [row for row in rows if len(row) == fields], f"gives {fields} fields on every line"


def _decimal(cells: list[tuple[str, ...]], separator: str) -> tuple[str, str]:
    if separator == ",":
        return ".", "a comma separates the fields, so it marks no decimals"
    joined = "\n".join(itertools.chain.from_iterable(cells))
    commas, points = (
        len(re.findall(rf"^[ \t]*[+-]?\d+{mark}\d+$", joined, re.MULTILINE))
        for mark in (",", r"\.")
    )
    if commas > points:
        return ",", f"{commas:,} numbers with a comma, {points:,} with a point"
    return ".", f"{points:,} numbers with a point, {commas:,} with a comma"


def _is_number(decimal: str) -> Layout:
    """Only its `is_number` is wanted."""
    return Layout(
        datetime_column="",
        datetime_format="",
        columns=(),
        encoding="utf-8",
        separator=";",
        decimal=decimal,
        may_miss=True,
    )


def _check_header(name: str, header: list[str], decimal: str) -> None:
    is_number = _is_number(decimal).is_number
    values = [column for column in header if is_number(column) or _formats([column])]
    if 2 * len(values) >= len(header):
        raise DataError(
            f"{name}, line 1 holds values, {values[0]!r} for one, expected the column names; "
            "put a line with the names above it"
        )
    if twice := next((column for column in header if header.count(column) > 1), None):
        raise DataError(f"{name}, line 1 has the column {twice!r} twice; rename one of them")


def _timestamps(name: str, columns: dict[str, tuple[str, ...]]) -> tuple[str, str, str]:
    """Column and format of the timestamps, and why that format."""
    dates, times = None, None
    for column, cells in columns.items():
        if found := _formats(cells):
            with_time = [form for form in found if re.search("%-?[HI]", form)]
            if with_time:
                return column, *_chosen(cells, with_time)
            dates = dates or column
        elif all(re.fullmatch(r"\d{1,2}:\d\d(:\d\d)?( ?[AaPp][Mm])?", c) for c in cells[:20]):
            times = times or column
    if dates and times:
        raise DataError(
            f"{name} has the date in {dates!r} and the time in {times!r}, expected one column; "
            'join the two in a spreadsheet, as in =A2&" "&B2, and save the file as CSV'
        )
    if dates:
        return dates, *_chosen(columns[dates], _formats(columns[dates]))
    first = ", ".join(f"{column}: {cells[0]!r}" for column, cells in list(columns.items())[:3])
    raise DataError(
        f"{name} has no column of timestamps in a format known here; line 2 holds {first:.120}; "
        "expected one like 31.01.2009 23:50:00 or 2009-01-31 23:50; export it so, or write the "
        "convert block by hand: datetime_format takes any strftime format"
    )


def _formats(cells: Iterable[str]) -> list[str]:
    """The known formats that nearly all cells are written in, best first."""
    import polars as pl

    cells = list(cells)
    example = next(filter(None, cells), "")
    if not re.match(r"\d{1,4}[-./ ]\w{1,3}[-./ ]\d\d|\d{8}", example):
        return []
    tail = WHOLE_SECONDS.search(example)
    suffix = tail[0] if tail and ":" in example else ""
    joined = (d + j + t for d in DATES for j in ("T", " ", "") for t in TIMES)
    known = [*(form + suffix for form in joined), *DATES]
    few = pl.Series(cells[:: max(1, len(cells) // 20)])
    if not (hopeful := [form for form in known if _share(few, form) > 0]):
        return []
    every = pl.Series(cells)
    shares = {form: share for form in hopeful if (share := _share(every, form)) >= NEARLY}
    return [form for form, share in shares.items() if share == max(shares.values())]


def _share(cells: pl.Series, form: str) -> float:
    """How many of the cells are what `form` writes; as `read_csv` proves them."""
    import polars as pl

    try:
        timestamps = cells.str.to_datetime(form, time_unit="ms", strict=False)
        same = (timestamps.dt.to_string(form) == cells) & timestamps.dt.year().is_between(
            1800, 2200
        )
    except pl.exceptions.PolarsError:
        return 0.0
    return int(same.sum()) / len(cells)


def _chosen(cells: tuple[str, ...], formats: list[str]) -> tuple[str, str]:
    """The format of the most regular timestamps, and why."""
    import polars as pl

    start = pl.Series(cells[:SAMPLED])

    def regular(form: str) -> float:
        timestamps = start.str.to_datetime(form, time_unit="ms", strict=False).drop_nulls()
        steps = timestamps.diff().drop_nulls().to_physical().to_numpy()
        (_, count), *_ = Counter(steps[steps > 0].tolist()).most_common(1) or [(0, 0)]
        return count / max(1, len(steps))

    best = max(formats, key=regular)
    example = f"line 2 is {cells[0]}"
    if best.startswith("%Y") or "%b" in best:
        return best, example
    others = [form for form in formats if _is_day_first(form) != _is_day_first(best)]
    first, second = ("day", "month") if _is_day_first(best) else ("month", "day")
    if not others:
        return best, f"{example}; {first} before {second}: a number above 12 proves it"
    if regular(best) > max(map(regular, others)):
        return best, f"{example}; {first} before {second} gives the more regular steps"
    return best, (
        f"{example}; {first} before {second} is a GUESS: no number is above 12 and the steps are "
        f"as regular either way; the other is {others[0]}"
    )


def _is_day_first(form: str) -> bool:
    return form.replace("-", "").startswith("%d")


def _numbers(
    columns: dict[str, tuple[str, ...]], timestamps: str, decimal: str
) -> tuple[list[str], dict[str, str]]:
    """The columns of numbers, and why the others are not."""
    is_number = _is_number(decimal).is_number
    numbers: list[str] = []
    left_out: dict[str, str] = {}
    for column, cells in columns.items():
        if column == timestamps:
            continue
        known = [cell for cell in cells if not MISSING.fullmatch(cell)]
        texts = [cell for cell in known if not is_number(cell)]
        if not column:
            left_out[column] = "it has no name"
        elif 2 * len(known) < len(cells):
            left_out[column] = f"{len(cells) - len(known):,} of {len(cells):,} cells are empty"
        elif 10 * len(texts) > len(known):
            left_out[column] = f"text, as in {texts[0]!r:.40}"
        else:
            numbers.append(column)  # a stray text in it is for read_csv to name
    return numbers, left_out
