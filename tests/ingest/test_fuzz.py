"""Damaged sources: read as Python reads them, or refused by one of our errors; nothing else.

FUZZ_EXAMPLES=20000 pytest tests/ingest/test_fuzz.py --hypothesis-seed=1  # longer, another seed
"""

from __future__ import annotations

import csv
import faulthandler
import gzip
import io
import os
import struct
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import polars as pl
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from jena_etl.errors import JenaEtlError, SourceError
from jena_etl.ingest.archives import CHUNK, check_whole, open_members
from jena_etl.ingest.convert import convert
from jena_etl.params import Convert

EXAMPLES = os.environ.get("FUZZ_EXAMPLES")
fuzz = settings(
    max_examples=int(EXAMPLES or 250),
    derandomize=EXAMPLES is None,
    suppress_health_check=list(HealthCheck),
)
HANG_S = 60

HEADER = ("Date Time", "p (mbar)", "T (degC)", "note")
WANTED = ("T (degC)", "p (mbar)")
START = datetime(2009, 1, 1, 0, 10)  # noqa: DTZ001  the station's clock has no zone
FORMATS = ("%d.%m.%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%d/%m/%y %H:%M:%S", "%Y-%m-%dT%I:%M:%S %p")
CELLS = (
    *("", " ", "nan", "NaN", "-nan", "+NAN", "NA", "na", "null", "Null", " null", "None", "-"),
    *(
        "inf",
        "-inf",
        "Infinity",
        "1e400",
        "3.5e38",
        "-3.4e38",
        "1e-400",
        "9" * 400,
        "0." + "1" * 99,
    ),
    *("-0", "-0.0", "0", "-9999", "-9999.0", "-9.999e3", "-9999,0", "999", "\N{MINUS SIGN}1"),
    *(
        "1,5",
        "1.5",
        "1.000,5",
        "1,000.5",
        "1 ",
        " 1",
        "\t1",
        "1_0",
        "0x10",
        "1e5",
        "+.5",
        "5.",
        "--1",
    ),
    *(
        "\N{ARABIC-INDIC DIGIT ONE}",
        "'5'",
        '"',
        '""',
        'a"b',
        '"1"',
        '"1',
        '1""',
        "a,b",
        "a;b",
        "a\tb",
    ),
    *(
        "\0",
        "\r",
        "\n",
        "\r\n",
        "\x1a",
        "\x85",
        "\u2028",
        "\ufeff",
        "\xe9",
        "\N{GRINNING FACE}",
        "#",
    ),
    *("a" * 140_000, "2099-01-01 00:00", "01.01.2099 00:00:00", "01.01.2009 00:00:00"),
    *("01.01.2009 00:30:00", "01.01.2009 24:00:00", "31.02.2009 00:00:00", "01.01.+20090 00:00:00"),
    *("01.01.0000 00:00:00", "01.01.2009 00:29:60", "01.01.09 00:30:00", *HEADER),
)
PIECES = (*CELLS[:-3], "Date Time,p (mbar)\n", "\n\n", ",,,", ";", "\r\r", '"\n"')
BYTES = (
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc3",
    b"\n",
    b'"',
    b"PK\3\4",
)
MEMBERS = (
    *("a.csv", "a.csv", "a.csv", "d/a.csv", "", " ", ".", "..", "a/../../b", "/a.csv", "C:a.csv"),
    *(
        "a\nb.csv",
        "a\x1b[31m.csv",
        "\ufeff",
        "\u202egpj.csv",
        "a.csv/",
        "__MACOSX/a.csv",
        "x" * 300,
    ),
    *("{a}", "a%s.csv", "\\", "nul", "a.csv\x7f", "\N{GRINNING FACE}.csv"),
)
FILES = ("station.zip", "a.csv.gz", "a.csv", "A.GZ", "station", "a.txt")

Grid = list[list[str]]
place = st.integers(0, 30)


def _put(grid: Grid, row: int, column: int, cell: str) -> None:
    if grid and grid[row % len(grid)]:
        line = grid[row % len(grid)]
        line[column % len(line)] = cell


def _repeat_row(grid: Grid, row: int, to: int) -> None:
    if grid:
        grid.insert(to % (len(grid) + 1), [*grid[row % len(grid)]])


def _swap_rows(grid: Grid, row: int, other: int) -> None:
    if grid:
        row, other = row % len(grid), other % len(grid)
        grid[row], grid[other] = grid[other], grid[row]


def _delete_row(grid: Grid, row: int) -> None:
    if grid:
        del grid[row % len(grid)]


def _delete_cell(grid: Grid, row: int, column: int) -> None:
    if grid and grid[row % len(grid)]:
        line = grid[row % len(grid)]
        del line[column % len(line)]


def _swap_columns(grid: Grid, column: int, other: int) -> None:
    for line in grid:
        if line:
            at, to = column % len(line), other % len(line)
            line[at], line[to] = line[to], line[at]


def _add_column(grid: Grid, column: int, name: str, cell: str) -> None:
    for number, line in enumerate(grid):
        line.insert(column % (len(line) + 1), cell if number else name)


def _empty(grid: Grid, column: int, first: int) -> None:
    """From row `first` on, a column without measurements."""
    for row in range(1 + first % 4, len(grid)):
        _put(grid, row, column, "")


cells = st.sampled_from(CELLS)
gaps = st.sampled_from(("", "nan", "NA", "-9999", "-9999.0", "999", "0", "-0.0"))
harmless = st.one_of(
    st.tuples(st.just(_put), place, st.integers(1, 2), gaps),
    st.tuples(st.just(_repeat_row), st.just(-1), st.just(-1)),
)
grid_changes = st.one_of(
    st.tuples(st.just(_put), place, place, cells),
    st.tuples(st.just(_repeat_row), place, place),
    st.tuples(st.just(_swap_rows), place, place),
    st.tuples(st.just(_delete_row), place),
    st.tuples(st.just(_delete_cell), place, place),
    st.tuples(st.just(_swap_columns), place, place),
    st.tuples(st.just(_add_column), place, st.sampled_from((*HEADER, "rain")), cells),
    st.tuples(st.just(_empty), place, place),
)


def _splice(content: Any, at: int, cut: int, put: Any) -> Any:
    at %= len(content) + 1
    return content[:at] + put + content[at + cut :]


def _flip(content: bytes, at: int, mask: int) -> bytes:
    changed = bytearray(content)
    if changed:
        changed[at % len(changed)] ^= mask
    return bytes(changed)


anywhere = st.integers(0, 100_000)
text_changes = st.tuples(st.just(_splice), anywhere, st.integers(0, 40), st.sampled_from(PIECES))
byte_changes = st.one_of(
    st.tuples(st.just(_flip), anywhere, st.integers(1, 255)),
    st.tuples(st.just(_splice), anywhere, st.just(1 << 30), st.just(b"")),
    st.tuples(st.just(_splice), anywhere, st.integers(0, 9), st.sampled_from(BYTES)),
    st.tuples(st.just(_splice), anywhere, st.just(0), st.binary(max_size=9)),
)
# Zip's numbers are little-endian: a size or an offset that claims too much.
claims = st.tuples(
    st.just(_splice),
    anywhere,
    st.just(4),
    st.sampled_from((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f")),
)


def some(changes: Any) -> Any:
    """Mostly none or one: what is changed in ten places is refused for the first."""
    return st.integers(0, 3).flatmap(
        lambda n: st.lists(changes, max_size=3) if n == 3 else st.just([])
    )


def _all(content: Any, changes: list[Any]) -> Any:
    for change, *how in changes:
        content = change(content, *how)
    return content


@dataclass(frozen=True)
class Source:
    """A file to read, and the CSV that went into it."""

    name: str
    content: bytes
    member: str
    raw: bytes
    is_sound: bool


@st.composite
def sources(draw: Any, options: dict[str, Any], first_row: int) -> Source:
    """One file as a station might write it, then damaged."""
    grid = [list(HEADER)]
    for k in range(first_row, first_row + draw(st.integers(1, 8))):
        timestamp = (START + k * timedelta(minutes=10)).strftime(options["datetime_format"])
        numbers = [f"{value}".replace(".", options["decimal"]) for value in (996.5 + k, -k - 0.02)]
        grid.append([timestamp, *numbers, f"n{k}"])
    grid_edits = draw(st.lists(harmless, max_size=4)) + draw(some(grid_changes))
    for change, *how in grid_edits:
        change(grid, *how)
    eol = draw(st.sampled_from(("\n",) * 6 + ("\r\n",) * 3 + ("\r",)))
    quote = draw(st.sampled_from(("", "", '"')))
    between = quote + options["separator"] + quote
    edits = draw(some(text_changes))
    text = _all(eol.join(quote + between.join(line) + quote for line in grid) + eol, edits)
    encoding = options["encoding"] if options["encoding"] != "idna" else "utf-8"
    encoding = draw(st.sampled_from((encoding,) * 9 + ("utf-16", "cp1252", "utf-8-sig")))
    byte_edits = draw(some(byte_changes))
    raw = _all(text.encode(encoding, errors="replace"), byte_edits)

    kind = draw(st.sampled_from(("zip", "zip", "gzip", "text")))
    name = {"zip": "station.zip", "gzip": "a.csv.gz", "text": "a.csv"}[kind]
    member = f"{first_row}a.csv"
    if kind == "zip":
        member = draw(st.sampled_from((member,) * 60 + MEMBERS))
        method = draw(st.sampled_from((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_LZMA)))
        content = _zipped(member, raw, method)
    else:
        content = gzip.compress(raw, mtime=0) if kind == "gzip" else raw
    damage = draw(some(st.one_of(byte_changes, claims))) if kind != "text" else []
    other_name = draw(st.sampled_from(("",) * 30 + FILES))
    is_sound = (
        not (grid_edits or edits or byte_edits or damage or other_name)
        and eol != "\r"
        and encoding in {options["encoding"], "utf-8-sig"}
        and options["encoding"] == "utf-8"
        and member == f"{first_row}a.csv"
        and options["separator"] in ",;\t|"
    )
    file = f"{first_row}{other_name or name}"
    return Source(file, _all(content, damage), member, raw, is_sound)


def _zipped(member: str, raw: bytes, method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member), raw, method)
    return buffer.getvalue()


@st.composite
def layouts(draw: Any) -> dict[str, Any]:
    """Values of `convert` in params.yaml, as its check lets them through."""
    decimal = draw(st.sampled_from("..,"))
    separator = draw(st.sampled_from(",,,;;\t| -_'#:" if decimal == "." else ";;\t|"))
    return {
        "members": None,
        "encoding": draw(
            st.sampled_from(("utf-8",) * 9 + ("latin-1", "utf-16", "ascii", "utf-7", "idna"))
        ),
        "separator": separator,
        "decimal": decimal,
        "datetime_column": HEADER[0],
        "datetime_format": draw(st.sampled_from(FORMATS)),
        "columns": WANTED,
        "units": {},
        "sentinels": draw(st.sampled_from(((-9999.0,), (-9999.0, 999.0), (0.0,), ()))),
        "on_sentinel": draw(st.sampled_from(("fill_forward", "keep", "error"))),
        "on_missing": draw(st.sampled_from(("fill_forward", "error"))),
        "on_duplicate": draw(st.sampled_from(("keep", "first", "error"))),
        "on_frozen": "keep",
        "chunk_bytes": draw(st.sampled_from((CHUNK, 90, 250))),  # all in one block, or a few lines
    }


@pytest.fixture(scope="module")
def terminal(pytestconfig: pytest.Config) -> Iterator[TextIO]:
    """Where a hang is reported: pytest's capture would lose it."""
    capture = pytestconfig.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        stream = os.fdopen(os.dup(2), "w")
    yield stream
    stream.close()


@contextmanager
def no_hang(stream: TextIO) -> Iterator[None]:
    """End the process, with a traceback, when the block takes too long, also inside Rust."""
    faulthandler.dump_traceback_later(HANG_S, exit=True, file=stream)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def _members(files: list[Path], names: list[str] | None) -> list[tuple[str, bytes]]:
    with open_members(files, names) as found:
        return [(name, b"".join(chunks)) for name, chunks in found]


def _outcome(folder: Path, given_files: list[Source], options: dict[str, Any]) -> str:
    """Convert once; whatever comes of it is checked here."""
    files = [folder / source.name for source in given_files]
    for file, source in zip(files, given_files, strict=True):
        file.write_bytes(source.content)
        _expect(partial(check_whole, file, file.name), SourceError, folder)
    members = _expect(lambda: _members(files, options["members"]), SourceError, folder)
    for (_, raw), source in zip(members or [], given_files, strict=members is not None):
        assert raw in {source.raw, source.content}  # as it is, where the damage hides what it was
    out = folder / "out"
    outs = (out / "climate.parquet", out / "findings.parquet")
    chunk_bytes = options.pop("chunk_bytes")
    run = partial(convert, files, *outs, Convert(**options), chunk_bytes=chunk_bytes)
    conversion = _expect(run, JenaEtlError, folder)
    left = sorted(file.name for file in out.iterdir()) if out.is_dir() else []
    if conversion is None:
        assert left == []
        assert not all(source.is_sound for source in given_files)
        return "refused"
    assert left == [file.name for file in outs]
    climate, findings = (pl.read_parquet(file) for file in outs)
    _check_read(conversion.source.model_dump(mode="json"), climate, findings, given_files, options)
    return "read"


def _expect(call: Callable[[], Any], error: type[JenaEtlError], folder: Path) -> Any:
    """What `call` returns, None where it raises `error`, in a line that is no page."""
    try:
        return call()
    except error as caught:
        message = str(caught)
        assert message.isprintable()
        assert len(message) < 1000
        assert str(folder) not in message
        return None
    except pl.exceptions.PanicException as panic:  # no Exception: hypothesis would not shrink it
        raise AssertionError from panic


def _check_read(
    card: dict[str, Any],
    climate: pl.DataFrame,
    findings: pl.DataFrame,
    given_files: list[Source],
    options: dict[str, Any],
) -> None:
    """Compare with what Python's csv, strptime and float make of the same bytes."""
    rows: list[tuple[datetime, list[str]]] = []
    left_out: list[str] = []
    for source in given_files:
        text = source.raw.decode(options["encoding"]).removeprefix("\ufeff")
        # Not strict: what lies behind a closing quotation mark in a column left out is no matter.
        header, *lines = csv.reader(io.StringIO(text, newline=""), delimiter=options["separator"])
        assert len(lines) == len(text.removesuffix("\n").split("\n")) - 1
        assert all(len(line) == len(header) == len(set(header)) for line in lines)
        left_out += [name for name in header if name not in (HEADER[0], *WANTED, *left_out)]
        for line in lines:
            cell = dict(zip(header, line, strict=True))
            timestamp = datetime.strptime(cell[HEADER[0]], options["datetime_format"])  # noqa: DTZ007
            rows.append((timestamp, [cell[name] for name in WANTED]))
    assert card["rows_read"] == len(rows)
    assert card["left_out"] == left_out
    values = [[_number(cell, options["decimal"]) for cell in line] for _, line in rows]
    kept = _check_timestamps(card["repeats"], [timestamp for timestamp, _ in rows], values, options)
    timestamps = [rows[k][0] for k in kept]
    assert climate[HEADER[0]].to_list() == timestamps
    expected = []
    for at, name in enumerate(WANTED):
        column = [values[k][at] for k in kept]
        bad = [value is None or value in options["sentinels"] for value in column]
        written = climate[name].to_list()
        for row in range(len(kept)):
            value = column[row]
            filled = value is None or (bad[row] and options["on_sentinel"] == "fill_forward")
            if bad[row]:
                kind = "missing" if value is None else "sentinel"
                expected.append((row, name, kind, value, filled))
            if filled:
                before = [
                    k
                    for k in range(len(kept))
                    if not bad[k] and (timestamps[k], k) < (timestamps[row], row)
                ]
                value = column[max(before, key=lambda k: (timestamps[k], k))]
            assert struct.pack("d", written[row]) == struct.pack("d", value)
    assert findings.rows() == expected
    kinds = {kind for _, _, kind, _, _ in expected}
    assert options["on_sentinel"] != "error" or "sentinel" not in kinds
    assert options["on_missing"] != "error" or "missing" not in kinds


def _number(cell: str, decimal: str) -> float | None:
    if cell.strip(" \t").lower() in {"", "nan", "+nan", "-nan", "na", "null"}:
        return None
    assert decimal == "." or "." not in cell
    return float(cell.replace(decimal, "."))


def _check_timestamps(
    repeats: dict[str, Any],
    timestamps: list[datetime],
    values: list[list[float | None]],
    options: dict[str, Any],
) -> list[int]:
    """The rows that should be kept; what is said of the others is checked."""
    first: dict[datetime, int] = {}
    again = []
    for row, timestamp in enumerate(timestamps):
        if timestamp in first:
            again.append(row)
        else:
            assert not first or timestamp > max(first)
            first[timestamp] = row
    assert max(first) < datetime.now() + timedelta(days=1)  # noqa: DTZ005
    assert not again or options["on_duplicate"] != "error"
    is_removed = bool(again) and options["on_duplicate"] == "first"
    assert repeats == {
        "count": len(again),
        "differing": sum(values[row] != values[first[timestamps[row]]] for row in again),
        "first": timestamps[again[0]].isoformat() if again else None,
        "last": timestamps[again[-1]].isoformat() if again else None,
        "removed": is_removed,
    }
    return list(first.values()) if is_removed else list(range(len(timestamps)))


@pytest.mark.slow
def test_any_source_is_read_right_or_refused(terminal: TextIO) -> None:
    outcomes: Counter[str] = Counter()

    @fuzz
    @given(data=st.data())
    def attempt(data: st.DataObject) -> None:
        options = data.draw(layouts())
        given_files = [data.draw(sources(options, 0))]
        if data.draw(st.integers(0, 4)) == 0:
            given_files.append(data.draw(sources(options, 8)))
            options["members"] = [source.member or "none" for source in given_files]
        with tempfile.TemporaryDirectory() as folder, no_hang(terminal):
            outcome = _outcome(Path(folder), given_files, options)
        outcomes[outcome] += 1
        event(outcome)

    attempt()
    # Of sources that are all refused, or all read, nothing would be learnt.
    assert min(outcomes["read"], outcomes["refused"]) > sum(outcomes.values()) / 10


@pytest.mark.slow
def test_much_of_one_kind_is_refused_soon(terminal: TextIO, tmp_path: Path) -> None:
    """Of many members or columns, one that is there twice is found without comparing all pairs."""
    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(60_000):
            archive.writestr(f"{number}.csv", "")
    wide = tmp_path / "wide.csv"
    wide.write_text(",".join(map(str, range(200_000))) + "\n1\n")
    options: dict[str, Any] = {
        "members": None,
        "encoding": "utf-8",
        "separator": ",",
        "decimal": ".",
        "datetime_column": HEADER[0],
        "datetime_format": FORMATS[0],
        "columns": WANTED,
        "units": {},
        "sentinels": (),
        "on_sentinel": "keep",
        "on_missing": "error",
        "on_duplicate": "keep",
        "on_frozen": "keep",
    }
    for file, said in ((many, "holds 60,000 files: "), (wide, "has 200,000 fields")):
        with no_hang(terminal), pytest.raises(JenaEtlError, match=said):
            convert([file], tmp_path / "climate", tmp_path / "findings", Convert(**options))
