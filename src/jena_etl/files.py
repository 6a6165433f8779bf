"""Write files so that they are either whole or absent: write to one side, then rename."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jena_etl.errors import ProjectError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

CANNOT_WRITE = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield `path` with `.part` appended; rename it to `path` when the block succeeds."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        part.replace(path)
    except OSError as error:
        if error.errno not in CANNOT_WRITE:
            raise
        raise ProjectError(
            f"cannot write {path.parent.name}/{path.name}: {os.strerror(error.errno)}; "
            "check the disk and the folder, then run the stage again"
        ) from None
    finally:
        with suppress(OSError):  # what went wrong above is the error to show
            part.unlink()


def set_aside(folder: Path, keep: Collection[str], aside: Path) -> list[str]:
    """Move the files and folders of `folder` that are not named in `keep` to the folder `aside`.

    If `aside` already holds a different `lstm.keras`, that one stays and the new one becomes
    `lstm.keras.1`; an identical one is replaced. Hidden files are not moved, nor those that are
    still being written (`.part`).

    Returns:
        The names that they had in `folder`, sorted.
    """
    moved = [
        file
        for file in sorted(folder.iterdir())
        if file.name not in keep and not file.name.startswith(".") and file.suffix != ".part"
    ]
    for file in moved:
        aside.mkdir(parents=True, exist_ok=True)
        numbered = (aside / f"{file.name}.{number}" for number in itertools.count(1))
        names = itertools.chain([aside / file.name], numbered)
        free = next(path for path in names if not path.exists() or _is_same(path, file))
        if free.is_dir():
            shutil.rmtree(free)
        file.rename(free)
    return [file.name for file in moved]


def _is_same(one: Path, other: Path) -> bool:
    """Whether two files, or all files of two folders, have the same names and bytes."""
    if not (one.is_dir() and other.is_dir()):
        return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)
    names = {path.name for path in one.iterdir()}
    return names == {path.name for path in other.iterdir()} and all(
        _is_same(one / name, other / name) for name in names
    )


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with Unix line endings."""
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: object) -> None:
    """Write JSON whose bytes depend on `content` alone: fixed indent, keys in the order given."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_array(path: Path, array: np.ndarray) -> None:
    """Write a .npy file, byte for byte as `np.save` does.

    `np.save` raises an error without an errno, which would hide why the disk refused the data.
    """
    array = np.ascontiguousarray(array)
    header = np.lib.format.header_data_from_array_1_0(array)
    with replacing(path) as part, part.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        file.write(array.reshape(-1).view(np.uint8).data)


def read_parquet(path: Path, *, built_by: str, columns: Iterable[str] = ()) -> pa.Table:
    """Read all of a stage's Parquet output.

    Args:
        path: the file.
        built_by: the stage that writes it.
        columns: the columns that it must have.

    Raises:
        ProjectError: the file is missing, damaged or lacks one of these columns; names the command
            that builds it.
        OSError: the file cannot be opened.
    """
    with open_parquet(path, built_by=built_by, columns=columns) as file:
        return file.read()


@contextmanager
def open_parquet(
    path: Path, *, built_by: str, columns: Iterable[str] = ()
) -> Iterator[pq.ParquetFile]:
    """Open a stage's Parquet output, to read parts of it; the same as of `read_parquet` holds."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        path.open("rb").close()  # fails on a folder, all of whose files pyarrow would read
    except FileNotFoundError:
        raise not_built(path, built_by) from None
    again = f"build it again: dvc repro -f {built_by}"
    try:
        # If this were a file of Python's, pyarrow's threads could still hold it when the process
        # ends, which on a busy machine aborts it ("terminate called without an active exception").
        with pa.OSFile(str(path)) as file, pq.ParquetFile(file) as parquet:
            found = parquet.schema_arrow.names
            if missing := [name for name in columns if name not in found]:
                raise ProjectError(
                    f"{path.name} is damaged (it has no column {missing[0]}); {again}"
                )
            yield parquet
    except (pa.ArrowException, OSError) as error:
        raise ProjectError(
            f"{path.name} is damaged ({str(error).splitlines()[0]:.120}); {again}"
        ) from None


def not_built(path: Path, stage: str) -> ProjectError:
    """The error for a stage output that does not exist."""
    return ProjectError(f"{path.name} is not built yet; build it: dvc repro {stage}")


def md5_of_file(path: Path) -> str:
    """Hexadecimal MD5 of a file's bytes, by which DVC knows it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
