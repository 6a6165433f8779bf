"""Turns the source's CSV files into clean Parquet, and lists the cells without a measurement.

The files are unpacked, parsed, proved, cleaned and written block by block, so the series may be
larger than memory. Only 16 bytes are kept of every row, to find repeats and check the order, along
with what `Gaps` found. Two cases need the whole series at once. To recognise a frozen sensor, one
has to know what is usual in the train rows. And if repeated rows are kept, the last good value
before a gap may stand anywhere in the file; that becomes known only on the way, and then the source
is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import DataError, DialectError
from jena_etl.files import replacing
from jena_etl.ingest.archives import CHUNK, open_members, source_card
from jena_etl.ingest.cleaning import Gaps, find_frozen
from jena_etl.ingest.csv_reader import read_csv
from jena_etl.ingest.jena import unit_of
from jena_etl.ingest.lines import Lines
from jena_etl.ingest.parquet import ROW_GROUP_ROWS, write_parquet
from jena_etl.ingest.repeats import Repeats
from jena_etl.ingest.source import Source, SourceDigest, SourceSummary
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.params import Convert

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What was read and written.

    Attributes:
        source: what was read.
        timestamps: the timestamps of the rows written, datetime64[s] of shape (rows,).
        findings: the content of findings.parquet.
    """

    source: Source
    timestamps: np.ndarray
    findings: pl.DataFrame


def convert(
    files: Sequence[Path],
    climate: Path,
    findings: Path,
    options: Convert,
    *,
    train: float = 1.0,
    row_group_rows: int = ROW_GROUP_ROWS,
    chunk_bytes: int = CHUNK,
) -> Conversion:
    """Convert the source's files to two Parquet files.

    `climate` holds the timestamps in milliseconds, then the columns as float64, in the order of the
    files' rows. `findings` holds one row for each cell without a measurement; see `Gaps.findings`.

    Args:
        files: the files of the source.
        climate: the Parquet file for the series.
        findings: the Parquet file for the cells without a measurement.
        options: how the CSV files are written, and what to do with cells and rows that hold no
            measurement.
        train: the fraction of the rows, from the first, that says what is usual for a column.
        row_group_rows: rows in a row group of `climate`.
        chunk_bytes: how much of a CSV file is read at a time.

    Raises:
        SourceError: a file cannot be unpacked, or a member does not exist.
        DataError: the CSV is not what params.yaml says; names file, line and column.
        ProjectError: an output cannot be written.
    """
    run = partial(_convert, (climate, findings), train=train, row_group_rows=row_group_rows)
    try:
        try:
            whole = options.on_frozen == "missing"
            return run(_Reading(files, options, chunk_bytes), whole=whole)
        except _NeedsWholeSeriesError:
            return run(_Reading(files, options, chunk_bytes), whole=True)
    except DialectError as error:
        raise DataError(f"{error.message('convert.')} in params.yaml") from None


def render_conversion(conversion: Conversion) -> str:
    """What was read and what is wrong with it, one fact per line."""
    source, timestamps = conversion.source, conversion.timestamps
    card = timestamp_card(timestamps)
    head = (
        f"{source.rows_read:,} rows of {', '.join(source.summary.members)}, "
        f"{timestamps[0]} to {timestamps.max()}; {len(source.units)} columns"
    )
    lines = [head]
    if source.left_out:
        lines.append(f"left out: {', '.join(source.left_out)}")
    lines += [
        f"{words}: {card[kind]['count']:,}, the longest {item['seconds']:,} s after {item['after']}"
        for kind, words in (("holes", "holes"), ("irregular", "irregular steps"))
        for item in card[kind]["longest"][:1]
    ]
    if (repeats := source.repeats).count:
        lines.append(
            f"repeated timestamps: {repeats.count:,}, {repeats.first} to {repeats.last}, "
            f"{repeats.differing:,} with other values; "
            + ("removed" if repeats.removed else "kept")
        )
    for (column, kind, is_filled), found in conversion.findings.group_by(
        "column", "kind", "filled", maintain_order=True
    ):
        first, last = timestamps[found["row"][0]], timestamps[found["row"][-1]]
        done = "filled" if is_filled else "kept"
        lines.append(f"{column}, {kind}: {found.height:,}, {first} to {last}; {done}")
    return "\n".join(lines) + "\n"


class _NeedsWholeSeriesError(Exception):
    """Cleaning needs rows that have already been written."""


def _convert(
    outs: tuple[Path, Path],
    reading: _Reading,
    *,
    train: float,
    row_group_rows: int,
    whole: bool,
) -> Conversion:
    options = reading.options
    repeats = Repeats(options.on_duplicate, reading.lines)
    gaps = Gaps(options.sentinels, options.on_sentinel, options.on_missing, reading.lines)
    with replacing(outs[0]) as climate:
        cleaned = _cleaned(reading, repeats, gaps, train=train, whole=whole)
        write_parquet(cleaned, climate, row_group_rows=row_group_rows)
        found = gaps.findings()
        with replacing(outs[1]) as findings:
            write_parquet([found], findings)
        files = tuple(SourceDigest(**source_card(file)) for file in reading.files)
    source = Source(
        summary=SourceSummary(
            name=", ".join(file.name for file in files),
            synthetic=any(file.synthetic for file in files),
            files=files,
            members=tuple(reading.members),
        ),
        left_out=tuple(reading.left_out),
        units={column: unit_of(column, options.units) for column in options.columns},
        rows_read=reading.rows,
        repeats=repeats.summary(),
    )
    timestamps = repeats.timestamps.astype("datetime64[s]")
    return Conversion(source=source, timestamps=timestamps, findings=found)


@dataclass
class _Reading:
    """Reads the rows of all files in blocks, and collects what becomes known about the files."""

    files: Sequence[Path]
    options: Convert
    chunk_bytes: int
    lines: Lines = field(default_factory=Lines)
    members: list[str] = field(default_factory=list)
    left_out: dict[str, None] = field(default_factory=dict)  # an ordered set of names
    rows: int = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        opened = open_members(self.files, self.options.members, chunk_bytes=self.chunk_bytes)
        for name, chunks in opened:
            self.lines.begin(name, self.rows)
            self.members.append(name)
            left_out, blocks = read_csv(name, chunks, self.options)
            self.left_out |= dict.fromkeys(left_out)
            for block in blocks:
                self.rows += block.height
                yield block


def _cleaned(
    reading: _Reading, repeats: Repeats, gaps: Gaps, *, train: float, whole: bool
) -> Iterator[pl.DataFrame]:
    """The rows to write, block by block or, with `whole`, all at once."""
    import polars as pl

    start, options = 0, reading.options
    for number, block in enumerate([pl.concat(reading)] if whole else reading):
        is_kept = repeats.keep(block)
        kept = block if is_kept.all() else block.filter(is_kept)
        rows = start + np.flatnonzero(is_kept)
        start += block.height
        frozen = None
        if options.on_frozen == "missing":
            frozen = find_frozen(
                kept,
                rows,
                reading.lines,
                # Rounded down like the splits (prepare/splits), to use not one row more.
                train=range(int(train * kept.height)),
                sentinels=options.sentinels,
                on_missing=options.on_missing,
            )
        if kept.height:
            yield gaps.fill(kept, rows, frozen)
        if number and repeats.are_kept and gaps.are_filled:
            raise _NeedsWholeSeriesError
