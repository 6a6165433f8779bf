"""Fetch the source files into a folder that holds them, the record of them and nothing else."""

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
from jena_etl.ingest.fetch import CHUNK, Patience, TooLargeError, fetch
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

    Each file is called by the last name in its URL. None of them shows before all are known to be
    good; then the files of earlier downloads go. Those are known by a record beside them, and
    where the folder holds anything that is not in it, nothing is fetched and nothing is removed.

    Args:
        sources: http(s)://, file://, or paths relative to `base`, each with the bytes and the
            hexadecimal sha256 that it must have; None accepts any.
        folder: where the files go.
        base: the project folder.
        max_bytes: the largest file to fetch where no size is pinned.
        patience: how long to wait for a server; None is as `Patience` has it.

    Raises:
        SourceError: a file is not reachable, not a regular file, too large, not whole, neither an
            archive nor text, or not what is pinned.
        ProjectError: `folder` holds what no download wrote, or cannot be written.
    """
    place = folder.relative_to(base).as_posix()
    for source in sources:  # a mistake in the last one shows before the first is fetched
        _check_place(source, folder, base, place)
    older = removable_files(folder, place)
    arrived: list[Downloaded] = []
    with ExitStack() as stack:
        for source in sources:
            part = stack.enter_context(replacing(folder / source.name))
            limit = source.bytes or max_bytes
            try:
                if source.is_remote:
                    fetch(source, part, max_bytes=limit, patience=patience or Patience())
                else:
                    _copy(base / source.path, source, part, limit)
            except TooLargeError as error:
                raise _too_large(source, max_bytes, error.size) from None
            check_whole(part, source.name)
            # Only a whole file comes this far, so the figures offered are worth pinning.
            file = Downloaded(folder / source.name, part.stat().st_size, sha256_of(part))
            _check_pins(file, source)
            arrived.append(file)
        record = stack.enter_context(replacing(folder / RECORD))
        record.write_text(record_text({file.path.name: file.sha256 for file in arrived}))
        # Now the older files go; on leaving the stack the record gets its name first, then the
        # files do. So after a kill at any moment, the record knows every file that has its name.
        for path in older:
            path.unlink()
    return arrived


def _check_place(source: SourceFile, folder: Path, base: Path, place: str) -> None:
    """Refuse a file in the folder of the downloads, and a name that the stage itself uses there."""
    if source.name == RECORD or source.name.endswith(".part"):
        raise SourceError(
            f"download.url ends in {source.name}, a name that the download stage uses for "
            "files of its own; rename the file, or set download.url to the path of a copy"
        )
    # os.path's, as Path.resolve fails on a link that leads to itself.
    parents = Path(realpath(base / source.path)).parents
    if not source.is_remote and Path(realpath(folder)) in parents:
        raise SourceError(
            f"download.url {source.shown} lies in {place}, which is for the download stage alone; "
            "nothing was removed. Move the file to data/raw, set download.url to its path there, "
            "then: dvc repro"
        )


def _copy(path: Path, source: SourceFile, part: Path, max_bytes: int) -> None:
    try:
        status = path.stat()  # before it is opened, as a named pipe waits for somebody to write
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(
                f"download.url {source.shown} is a folder, a device or a pipe; expected the path "
                "of a file: a zip, a .csv.gz or a .csv"
            )
        if status.st_size > max_bytes:
            raise TooLargeError(status.st_size)
        file = path.open("rb")
    except OSError as error:
        raise SourceError(
            f"download.url {source.shown}: {error.strerror}; expected the file's path from "
            "the project folder, or file:/// and its full path"
        ) from None
    with file, part.open("wb") as copy:
        while chunk := file.read(CHUNK):
            copy.write(chunk)
            if copy.tell() > max_bytes:  # a log that grows, or a file of /proc that says 0
                raise TooLargeError(None)


def _too_large(source: SourceFile, max_bytes: int, size: int | None) -> SourceError:
    if source.bytes is None:
        found = "more" if size is None else f"{size:,} bytes"
        return SourceError(
            f"{source.name}: {found}, expected at most download.max_bytes, {max_bytes:,}; if it is "
            "the file you want, raise that in params.yaml or pin download.bytes, then: dvc repro"
        )
    found, accepted = ("more", "null") if size is None else (str(size), str(size))
    return SourceError(
        f"{source.name}: bytes: got {found}, expected {source.bytes}: the file has changed; if it "
        f"is the one you want, set download.bytes: {accepted} in params.yaml, then: dvc repro"
    )


def _check_pins(file: Downloaded, source: SourceFile) -> None:
    found = {"bytes": file.bytes, "sha256": file.sha256}
    pinned = {"bytes": source.bytes, "sha256": source.sha256}
    changed = [key for key in found if pinned[key] not in (None, found[key])]
    if changed:
        key = changed[0]
        accepted = " and ".join(f"download.{key}: {found[key]}" for key in changed)
        raise SourceError(
            f"{source.name}: {key}: got {found[key]}, expected {pinned[key]}: the file has "
            f"changed; if it is the one you want, set {accepted} in params.yaml, then: dvc repro"
        )
