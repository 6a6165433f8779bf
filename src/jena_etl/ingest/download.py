"""Fetches the source files into a folder that holds nothing but them and a record of them."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from contextlib import ExitStack
from os.path import realpath
from pathlib import Path
from typing import NamedTuple

from jena_etl.errors import SourceError
from jena_etl.files import replacing, sha256_of
from jena_etl.ingest.archives import check_whole
from jena_etl.ingest.downloaded import RECORD, record_text, removable_files
from jena_etl.ingest.fetch import CHUNK, Patience, changed, fetch, too_large
from jena_etl.params import SourceFile


class Downloaded(NamedTuple):
    """A file that has arrived, with the size and digest that would pin it in params.yaml."""

    path: Path
    bytes: int
    sha256: str


def download(
    sources: Sequence[SourceFile],
    folder: Path,
    *,
    base: Path,
    max_bytes: int,
    patience: Patience | None = None,
) -> list[Downloaded]:
    """Fetch `sources` into `folder` and return what arrived, in the same order.

    The URL of a source may be a path relative to `base`, the project folder. Each file is named
    after the last part of its URL, and may have at most `max_bytes` if its size is not pinned. The
    new files take their names only when all of them are known to be good, and then the files of
    earlier downloads are removed. Those are listed in a record; if the folder holds anything else,
    nothing is fetched or removed.

    Raises:
        SourceError: a file cannot be reached, is not a regular file, is too large, incomplete or
            neither an archive nor text, or is not the file that is pinned.
        ProjectError: `folder` holds a file that no download wrote, or cannot be written.
    """
    place = folder.relative_to(base).as_posix()
    for source in sources:  # report a mistake in the last one before fetching the first
        _check_place(source, folder, base, place)
    older = removable_files(folder, place)
    arrived: list[Downloaded] = []
    with ExitStack() as stack:
        for source in sources:
            part = stack.enter_context(replacing(folder / source.name))
            limit = source.bytes or max_bytes
            if source.is_remote:
                fetch(source, part, max_bytes=limit, patience=patience or Patience())
            else:
                _copy(base / source.path, source, part, limit)
            check_whole(part, source.name)
            # Only complete files get here, so the size and digest offered are worth pinning.
            file = Downloaded(folder / source.name, part.stat().st_size, sha256_of(part))
            _check_pins(file, source)
            arrived.append(file)
        record = stack.enter_context(replacing(folder / RECORD))
        record.write_text(record_text({file.path.name: file.sha256 for file in arrived}))
        # The older files go now. On leaving the stack, the record takes its name first and then the
        # files do, so after a kill at any moment the record lists every downloaded file.
        for path in older:
            path.unlink()
    return arrived


def _check_place(source: SourceFile, folder: Path, base: Path, place: str) -> None:
    """Refuse a source in the download folder, and names that the stage itself uses there."""
    if source.name == RECORD or source.name.endswith(".part"):
        raise SourceError(
            f"download.url ends in {source.name}, a name that the download stage reserves for its "
            "own files; rename the file, or set download.url to the path of a copy"
        )
    # os.path.realpath, because Path.resolve fails on a link that leads to itself.
    parents = Path(realpath(base / source.path)).parents
    if not source.is_remote and Path(realpath(folder)) in parents:
        raise SourceError(
            f"download.url {source.shown} lies in {place}, which belongs to the download stage; "
            "nothing was removed. Move the file to data/raw, set download.url to its path there, "
            "then: dvc repro"
        )


def _copy(path: Path, source: SourceFile, part: Path, max_bytes: int) -> None:
    try:
        status = path.stat()  # before opening it, as a named pipe would wait for a writer
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(
                f"download.url {source.shown} is a folder, a device or a pipe; expected the path "
                "of a file: a zip, a .csv.gz or a .csv"
            )
        if status.st_size > max_bytes:
            raise too_large(source, max_bytes, status.st_size)
        file = path.open("rb")
    except OSError as error:
        raise SourceError(
            f"download.url {source.shown}: {error.strerror}; expected the file's path from "
            "the project folder, or file:/// and its full path"
        ) from None
    with file, part.open("wb") as copy:
        while chunk := file.read(CHUNK):
            copy.write(chunk)
            if copy.tell() > max_bytes:  # a growing log, or a file in /proc, whose size is 0
                raise too_large(source, max_bytes)


def _check_pins(file: Downloaded, source: SourceFile) -> None:
    found = {"bytes": file.bytes, "sha256": file.sha256}
    differing = [key for key in found if getattr(source, key) not in (None, found[key])]
    if differing:
        accepted = " and ".join(f"download.{key}: {found[key]}" for key in differing)
        raise changed(source, differing[0], found[differing[0]], accepted)
