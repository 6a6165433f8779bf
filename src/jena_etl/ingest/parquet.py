"""Writes a series as Parquet whose bytes depend on its values alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

ROW_GROUP_ROWS = 65_536  # twice as many save 7 % of the file and take 35 MB more to write


def write_parquet(
    frames: Iterable[pl.DataFrame], target: Path, *, row_group_rows: int = ROW_GROUP_ROWS
) -> None:
    """Write the rows of all frames, each row group as soon as its rows are there.

    Neither how the rows are cut into frames nor the number of Polars' threads makes a difference.
    A first column that rises by equal steps takes next to nothing, written as differences. A
    station has few different numbers: a dictionary of them saves more bytes and time than a
    stronger compression without one.

    Args:
        frames: of one schema; at least one.
        target: the file.
        row_group_rows: rows in every row group but the last.
    """
    groups = _row_groups(frames, row_group_rows)
    group = next(groups)
    first, *others = group.column_names
    with pq.ParquetWriter(
        target,
        group.schema,
        compression="lz4",
        use_dictionary=others,
        column_encoding={first: "DELTA_BINARY_PACKED"},
        write_statistics=False,
    ) as writer:
        writer.write_table(group)
        del group  # or it would be held while the next one is read
        for group in groups:
            writer.write_table(group)
            del group


def _row_groups(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pa.Table]:
    import polars as pl

    waiting: list[pl.DataFrame] = []
    for frame in frames:
        waiting.append(frame)
        while sum(part.height for part in waiting) > rows:
            together = pl.concat(waiting)
            waiting = [together.slice(rows)]
            group = _as_arrow(together.head(rows))
            del together
            yield group
            del group
    yield _as_arrow(pl.concat(waiting))


def _as_arrow(frame: pl.DataFrame) -> pa.Table:
    import polars as pl

    # In one chunk, as pyarrow's pages follow the chunks; pyarrow groups by no string views.
    return frame.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
