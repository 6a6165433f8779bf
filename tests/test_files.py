"""A file is whole or not there; a disk that takes no more is told of in a line."""

from __future__ import annotations

import io
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jena_etl.errors import ProjectError
from jena_etl.files import read_parquet, replacing, set_aside, write_array, write_json, write_text

MANY = np.arange(50_000, dtype=np.float64)  # 400 kB


def write_parquet(path: Path) -> None:
    with replacing(path) as part:
        pq.write_table(pa.table({"a": MANY}), part)


WRITERS: list[Callable[[Path], None]] = [
    lambda path: write_array(path, MANY),
    lambda path: write_text(path, "x" * 400_000),
    lambda path: write_json(path, MANY.tolist()),
    write_parquet,
]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(1, 3, 2),
        np.arange(6, dtype=np.float32).reshape(3, 2).T,  # written in the order of its rows
        np.arange(3).astype("datetime64[s]"),
        np.zeros((0, 2)),
    ],
    ids=str,
)
def test_an_array_is_written_as_numpy_writes_it(tmp_path: Path, array: np.ndarray) -> None:
    expected = io.BytesIO()
    np.save(expected, np.ascontiguousarray(array))
    write_array(tmp_path / "a.npy", array)
    assert (tmp_path / "a.npy").read_bytes() == expected.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("write", WRITERS)
def test_a_full_disk(tmp_path: Path, write: Callable[[Path], None]) -> None:
    (tmp_path / "out.part").symlink_to("/dev/full")
    (tmp_path / "out").write_text("of the run before")
    with pytest.raises(ProjectError) as caught:
        write(tmp_path / "out")
    assert str(caught.value) == (
        f"cannot write {tmp_path.name}/out: No space left on device; "
        "check the disk and the folder, then run the stage again"
    )
    assert (tmp_path / "out").read_text() == "of the run before"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]


@pytest.fixture
def limited_file_size() -> Iterator[None]:
    """Files of this process end at 64 KiB; Python ignores the signal that would end it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("limited_file_size")
@pytest.mark.parametrize("write", WRITERS)
def test_a_limit_of_the_file_size(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(ProjectError) as caught:
        write(tmp_path / "out")
    assert str(caught.value) == (
        f"cannot write {tmp_path.name}/out: File too large; "
        "check the disk and the folder, then run the stage again"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_parquet_file_without_the_columns_is_damaged(tmp_path: Path) -> None:
    write_parquet(tmp_path / "findings.parquet")
    assert read_parquet(tmp_path / "findings.parquet", built_by="convert").num_rows == len(MANY)
    with pytest.raises(ProjectError) as caught:
        read_parquet(tmp_path / "findings.parquet", built_by="convert", columns=("a", "row"))
    assert str(caught.value) == (
        "findings.parquet is damaged (it has no column row); build it again: dvc repro -f convert"
    )


def test_what_is_not_to_be_kept_is_set_aside(tmp_path: Path) -> None:
    folder, aside = tmp_path / "models", tmp_path / "unlisted/models"
    folder.mkdir()
    for name in ("dense.keras", "lstm.keras", "gru.keras.part", ".gitignore"):
        (folder / name).write_text(name)
    assert set_aside(folder, {"dense.keras"}, aside) == ["lstm.keras"]
    left = {path.name for path in folder.iterdir()}
    assert left == {"dense.keras", "gru.keras.part", ".gitignore"}
    assert (aside / "lstm.keras").read_text() == "lstm.keras"


def test_what_was_set_aside_before_stays(tmp_path: Path) -> None:
    folder, aside = tmp_path / "stations", tmp_path / "unlisted/stations"
    for value in ("1", "2", "2", "3"):
        (folder / "potsdam/raw").mkdir(parents=True)
        (folder / "potsdam/raw/arrays.json").write_text(value)
        (folder / "notes.txt").write_text(value)
        assert set_aside(folder, (), aside) == ["notes.txt", "potsdam"]
    for name in ("potsdam{}/raw/arrays.json", "notes.txt{}"):
        kept = [(aside / name.format(number)).read_text() for number in ("", ".1", ".2")]
        assert kept == ["1", "2", "3"]
    assert len(list(aside.iterdir())) == 6
