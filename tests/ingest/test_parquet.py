"""The bytes of a Parquet file depend on its values alone."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from jena_etl.ingest.parquet import write_parquet
from tests.ingest.csv_files import SOUND, convert_with, csv_text, zipped


def row_groups(file: Path) -> list[int]:
    metadata = pq.ParquetFile(file).metadata
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


@pytest.mark.parametrize(("rows", "groups"), [(3, [3]), (4, [4]), (8, [4, 4]), (9, [4, 4, 1])])
@pytest.mark.parametrize("block", [1, 2, 3, 5, 9])
def test_row_groups_are_full_but_for_the_last(
    tmp_path: Path, block: int, rows: int, groups: list[int]
) -> None:
    frame = pl.DataFrame({"row": range(rows), "value": [float(row % 3) for row in range(rows)]})
    blocks = [frame[start : start + block] for start in range(0, rows, block)]
    write_parquet(blocks, tmp_path / "blocks.parquet", row_group_rows=4)
    assert row_groups(tmp_path / "blocks.parquet") == groups
    assert pl.read_parquet(tmp_path / "blocks.parquet").equals(frame)
    write_parquet([frame], tmp_path / "whole.parquet", row_group_rows=4)
    whole = (tmp_path / "whole.parquet").read_bytes()
    assert (tmp_path / "blocks.parquet").read_bytes() == whole


def test_a_row_group_is_written_before_the_next_rows_are_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "climate.parquet"
    sizes = []

    def frames() -> Iterator[pl.DataFrame]:
        for block in range(6):
            sizes.append(target.stat().st_size if target.exists() else 0)
            yield pl.DataFrame(
                {"row": range(4_000), "value": [block + k / 7 for k in range(4_000)]}
            )

    write_parquet(frames(), target, row_group_rows=4_000)
    assert all(later - earlier > 10_000 for earlier, later in itertools.pairwise(sizes[2:]))


def test_a_table_without_rows_is_a_file(tmp_path: Path) -> None:
    schema = {"row": pl.Int64(), "kind": pl.String()}
    write_parquet([pl.DataFrame(schema=schema)], tmp_path / "empty.parquet")
    assert pl.read_parquet(tmp_path / "empty.parquet").schema == schema


@pytest.mark.slow
def test_bytes_depend_neither_on_the_threads_nor_on_the_blocks(tmp_path: Path) -> None:
    """300,000 rows are five row groups, and several of Polars' own chunks."""
    archive = zipped(tmp_path, csv_text(SOUND * 50_000))
    convert_with([archive], tmp_path / "out")
    names = ("climate.parquet", "findings.parquet")
    expected = [(tmp_path / "out" / name).read_bytes() for name in names]
    assert row_groups(tmp_path / "out/climate.parquet") == [65_536] * 4 + [37_856]
    convert_with([archive], tmp_path / "blocks", chunk_bytes=300_007)
    assert [(tmp_path / "blocks" / name).read_bytes() for name in names] == expected
    script = (
        "import sys; from pathlib import Path; from tests.ingest.csv_files import convert_with\n"
        "convert_with([Path(sys.argv[1])], Path(sys.argv[2]))"
    )
    for threads in ("1", "3"):
        out = tmp_path / threads
        subprocess.run(
            [sys.executable, "-c", script, str(archive), str(out)],
            env=os.environ | {"POLARS_MAX_THREADS": threads, "PYTHONPATH": "."},
            check=True,
        )
        assert [(out / name).read_bytes() for name in names] == expected


def test_texts_in_the_schema(tmp_path: Path) -> None:
    """They are the only difference."""
    frame = pl.DataFrame({"row": [1, 2, 3], "value": [0.5, 0.25, 0.5]})
    write_parquet([frame], tmp_path / "with.parquet", metadata={"jena_etl": "what it was made of"})
    write_parquet([frame], tmp_path / "without.parquet")
    assert pq.read_schema(tmp_path / "with.parquet").metadata == {
        b"jena_etl": b"what it was made of"
    }
    plain = tmp_path / "plain.parquet"
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    pq.write_table(
        table,
        plain,
        compression="lz4",
        use_dictionary=["value"],
        column_encoding={"row": "DELTA_BINARY_PACKED"},
        write_statistics=False,
    )
    assert (tmp_path / "without.parquet").read_bytes() == plain.read_bytes()
