"""Turns the source's CSV files into clean Parquet, and lists the cells without a measurement.

The files are unpacked, parsed, proved, cleaned and written block by block, so the series may be
larger than memory. Only 16 bytes are kept of every row, to find repeats and check the order, along
with what `UnmeasuredCells` found. Two cases need the whole series at once. To recognise a frozen
sensor, one has to know what is usual in the train rows. And if repeated rows are kept, the last
good value before a gap may stand anywhere in the file; that becomes known only on the way, and then
the source is read again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from jena_etl.errors import DataError, DialectError, LackingColumnsError
from jena_etl.files import replacing
from jena_etl.ingest.archives import CHUNK, open_members, source_digest
from jena_etl.ingest.cleaning import UnmeasuredCells
from jena_etl.ingest.csv_reader import read_csv
from jena_etl.ingest.duplicate_rows import Repeats
from jena_etl.ingest.jena import unit_of
from jena_etl.ingest.lines import Lines
from jena_etl.ingest.parquet import write_parquet
from jena_etl.ingest.source import Source, SourceSummary
from jena_etl.ingest.timestamps import timestamp_card
from jena_etl.params import Convert

TrainRows: TypeAlias = Callable[[np.ndarray], range]


def all_rows(timestamps: np.ndarray) -> range:
    """Every row of a series says what is usual for a column."""
    return range(len(timestamps))


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
    train_rows: TrainRows = all_rows,
    chunk_bytes: int = CHUNK,
) -> Conversion:
    """Convert the source's files to two Parquet files.

    Args:
        files: the files of the source.
        climate: the Parquet file for the series: the timestamps in milliseconds, then the columns
            as float64, in the order of the files' rows.
        findings: the Parquet file for the cells without a measurement, one row each; see
            `UnmeasuredCells.findings`.
        options: the `convert` block of params.yaml.
        train_rows: given the timestamps of the rows to write, those of them, from the first, that
            say what is usual for a column.
        chunk_bytes: how much of a CSV file is read at a time.

    Raises:
        SourceError: a file cannot be unpacked, or a member does not exist.
        LackingColumnsError: the CSV has only some of the columns.
        DataError: the CSV is not what params.yaml says; names file, line and column.
        ProjectError: an output cannot be written.
    """
    outs, whole = (climate, findings), options.on_frozen == "missing"
    try:
        try:
            return _Converter(files, options, train_rows, chunk_bytes).write(*outs, whole=whole)
        except _NeedsWholeSeriesError:
            return _Converter(files, options, train_rows, chunk_bytes).write(*outs, whole=True)
    except DialectError as error:
        message = f"{error.message('convert.')} in params.yaml"
        if error.lacking:
            raise LackingColumnsError(message, error.lacking) from None
        raise DataError(message) from None


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
        f"{kind}: {len(gaps):,}, the longest {gaps[0].seconds:,} s after {gaps[0].after}"
        for kind, gaps in (("holes", card.holes), ("irregular steps", card.irregular))
        if gaps
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


class _Converter:
    """Reads the rows of all files, cleans them, and collects what becomes known on the way."""

    def __init__(
        self, files: Sequence[Path], options: Convert, train_rows: TrainRows, chunk_bytes: int
    ) -> None:
        self._files, self._options = files, options
        self._train_rows, self._chunk_bytes = train_rows, chunk_bytes
        self._lines = Lines()
        self._repeats = Repeats(options.on_duplicate, self._lines)
        self._unmeasured = UnmeasuredCells(
            options.sentinels, options.on_sentinel, options.on_missing, self._lines
        )
        self._members: list[str] = []
        self._left_out: dict[str, None] = {}  # an ordered set of names
        self._rows = 0

    def write(self, climate: Path, findings: Path, *, whole: bool) -> Conversion:
        """Write both files; with `whole`, the series is held in memory."""
        with replacing(climate) as climate_part:
            write_parquet(self._cleaned(whole=whole), climate_part)
            found = self._unmeasured.findings()
            with replacing(findings) as findings_part:
                write_parquet([found], findings_part)
            source = self._source()
        timestamps = self._repeats.timestamps.astype("datetime64[s]")
        return Conversion(source=source, timestamps=timestamps, findings=found)

    def _read(self) -> Iterator[pl.DataFrame]:
        with open_members(
            self._files, self._options.members, chunk_bytes=self._chunk_bytes
        ) as opened:
            for name, chunks in opened:
                self._lines.begin(name, self._rows)
                self._members.append(name)
                left_out, blocks = read_csv(name, chunks, self._options)
                self._left_out |= dict.fromkeys(left_out)
                for block in blocks:
                    yield block
                    self._rows += block.height

    def _cleaned(self, *, whole: bool) -> Iterator[pl.DataFrame]:
        """The rows to write, block by block or all at once."""
        start, train = 0, None
        for number, block in enumerate([pl.concat(self._read())] if whole else self._read()):
            is_kept = self._repeats.keep(block)
            kept = block if is_kept.all() else block.filter(is_kept)
            rows = start + np.flatnonzero(is_kept)
            start += block.height
            if self._options.on_frozen == "missing":
                train = self._train_rows(kept.to_series(0).to_numpy())
            if kept.height:
                yield self._unmeasured.fill(kept, rows, train=train)
            if number and self._repeats.are_kept and self._unmeasured.are_filled:
                raise _NeedsWholeSeriesError

    def _source(self) -> Source:
        files = tuple(source_digest(file) for file in self._files)
        return Source(
            summary=SourceSummary(
                name=", ".join(file.name for file in files),
                synthetic=any(file.synthetic for file in files),
                files=files,
                members=tuple(self._members),
            ),
            left_out=tuple(self._left_out),
            units={name: unit_of(name, self._options.units) for name in self._options.columns},
            rows_read=self._rows,
            repeats=self._repeats.summary(),
        )
