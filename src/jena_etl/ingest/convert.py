"""The source's CSV files -> Parquet, a list of what was found wrong, and what was read."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

# pyarrow reads it when it is imported. Its own allocator claims 20 MB before it gives some.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
import pyarrow.parquet as pq

from jena_etl.files import replacing
from jena_etl.ingest.archives import open_members, source_card
from jena_etl.ingest.cleaning import Lines, fill, find_frozen, resolve_repeats
from jena_etl.ingest.csv_reader import Layout, read_csv
from jena_etl.ingest.jena import unit_of
from jena_etl.ingest.timestamps import timestamp_card

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

ROW_GROUP_ROWS = 131_072  # one page of 1 MiB a column


def convert(
    files: Sequence[Path],
    climate: Path,
    findings: Path,
    *,
    members: Sequence[str] | None,
    units: dict[str, str],
    sentinels: tuple[float, ...],
    on_sentinel: str,
    on_missing: str,
    on_duplicate: str,
    on_frozen: str = "keep",
    train: float = 1.0,
    **layout: Any,
) -> dict[str, Any]:
    """Write `climate` and `findings`; return the content of source.json.

    `climate` holds the timestamps in whole seconds, then the columns as float64, in the files' row
    order. `findings` holds one row per cell that holds no measurement: row in `climate`, column,
    kind (sentinel, missing or frozen), value (null for a missing cell), and whether it was filled.

    Args:
        files: of the source.
        climate: a Parquet file to write.
        findings: another one.
        members: CSV files in time order; None for the only one there is.
        units: of columns whose name does not end in one.
        sentinels: numbers that mean "not measured".
        on_sentinel: fill_forward, keep or error.
        on_missing: fill_forward or error.
        on_duplicate: keep, first or error.
        on_frozen: missing treats cells as missing in which a column hardly changes for days; keep
            leaves them, and the data card reports them.
        train: the share of the rows, from the first, that says what is usual for a column.
        layout: how the CSV is written, as in `reading.Layout`.

    Raises:
        SourceError: a file cannot be unpacked, or a member is not there.
        DataError: the CSV is not what params.yaml says; names file, line and column.
    """
    written = Layout(**layout, may_miss=on_missing == "fill_forward")
    with replacing(climate) as part, ThreadPoolExecutor(1) as thread:
        # Most files need no cleaning: what was read is written while the rest is read.
        queue: SimpleQueue[list[pl.DataFrame]] = SimpleQueue()  # of one each; empty: the end
        as_read = thread.submit(_write, itertools.chain.from_iterable(iter(queue.get, [])), part)
        try:
            frame, read, left_out = _read(files, members, written, lambda rows: queue.put([rows]))
        finally:
            queue.put([])
        described = [source_card(file) for file in files]
        place = Lines(read)
        kept, rows, repeats = resolve_repeats(frame, place, on_duplicate)
        # Rounded down, as the splits are (prepare/splits): the train rows and not one more.
        train_rows = range(int(train * kept.height))
        frozen = None
        if on_frozen == "missing":
            frozen = find_frozen(
                kept, place, rows, train=train_rows, sentinels=sentinels, on_missing=on_missing
            )
        clean, found = fill(
            kept, place, rows, sentinels=sentinels, on_sentinel=on_sentinel, frozen=frozen
        )
        as_read.result()
        if clean is not frame:
            _write([clean], part)
    with replacing(findings) as part:
        _write([found], part)
    return {
        "name": ", ".join(file["name"] for file in described),
        "synthetic": any(file["synthetic"] for file in described),
        "files": described,
        "members": [name for name, _ in read],
        "left_out": left_out,
        "units": {column: unit_of(column, units) for column in written.columns},
        "rows_read": sum(count for _, count in read),
        "repeats": repeats,
    }


def render_source(source: dict[str, Any], climate: Path, findings: Path) -> str:
    """What was read and what is wrong with it, a line each; for the stage's output."""
    table = pq.read_table(climate)
    timestamps = table.column(0).to_numpy().astype("datetime64[s]")
    card = timestamp_card(timestamps)
    head = (
        f"{source['rows_read']:,} rows of {', '.join(source['members'])}, "
        f"{timestamps[0]} to {timestamps.max()}; {table.num_columns - 1} columns"
    )
    lines = [head]
    if source["left_out"]:
        lines.append(f"left out: {', '.join(source['left_out'])}")
    lines += [
        f"{words}: {card[kind]['count']:,}, the longest {item['seconds']:,} s after {item['after']}"
        for kind, words in (("holes", "holes"), ("irregular", "irregular steps"))
        for item in card[kind]["longest"][:1]
    ]
    if (repeats := source["repeats"])["count"]:
        lines.append(
            f"repeated timestamps: {repeats['count']:,}, {repeats['first']} to {repeats['last']}, "
            f"{repeats['differing']:,} with other values; "
            + ("removed" if repeats["removed"] else "kept")
        )
    found = pq.read_table(findings).group_by(["column", "kind", "filled"], use_threads=False)
    lines += [
        f"{item['column']}, {item['kind']}: {item['row_count']:,}, "
        f"{timestamps[item['row_min']]} to {timestamps[item['row_max']]}; "
        + ("filled" if item["filled"] else "kept")
        for item in found.aggregate([("row", "min"), ("row", "max"), ("row", "count")]).to_pylist()
    ]
    return "\n".join(lines) + "\n"


def _read(
    files: Sequence[Path],
    members: Sequence[str] | None,
    layout: Layout,
    each: Callable[[pl.DataFrame], None],
) -> tuple[pl.DataFrame, list[tuple[str, int]], list[str]]:
    """All rows, and `each` given them as read; the files' names and rows; the columns left out."""
    import polars as pl

    frames, read = [], []
    left_out: dict[str, None] = {}
    for name, chunks in open_members(files, members):
        frame, others = read_csv(name, chunks, layout, each)
        frames.append(frame)
        read.append((name, frame.height))
        left_out |= dict.fromkeys(others)
    return pl.concat(frames), read, list(left_out)


def _write(frames: Iterable[pl.DataFrame], target: Path) -> None:
    """The bytes depend on the CSV alone, not on Polars' threads: each block is one chunk of rows.

    The first column rises by equal steps: next to nothing, written as differences. A station has
    few different numbers: a dictionary of them saves more bytes and time than zstd without one.
    """
    groups = _row_groups(frames)
    first = next(groups, None)
    if first is None:  # no rows at all: the reader says why
        return
    timestamps, *others = first.column_names
    with pq.ParquetWriter(
        target,
        first.schema,
        compression="lz4",
        use_dictionary=others,
        column_encoding={timestamps: "DELTA_BINARY_PACKED"},
        write_statistics=False,
    ) as writer:
        for group in itertools.chain([first], groups):
            writer.write_table(group)


def _row_groups(frames: Iterable[pl.DataFrame]) -> Iterator[pa.Table]:
    """The rows of all frames in tables of ROW_GROUP_ROWS, the last of what is left."""
    import polars as pl

    oldest = pl.CompatLevel.oldest()  # pyarrow groups by no string views
    rest: list[pl.DataFrame] = []
    for frame in frames:
        rest.append(frame)
        while sum(part.height for part in rest) > ROW_GROUP_ROWS:
            rows = pl.concat(rest)
            yield rows.head(ROW_GROUP_ROWS).to_arrow(compat_level=oldest)
            rest = [rows.slice(ROW_GROUP_ROWS)]
    if rest:
        yield pl.concat(rest).to_arrow(compat_level=oldest)
