"""The CSV files of the source: plain, gzipped, or members of a zip."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from jena_etl.errors import SourceError
from jena_etl.params import nearest


def read_members(files: Sequence[Path], members: Sequence[str] | None) -> list[tuple[str, bytes]]:
    """Names and bytes of `members`, in that order; of the only CSV there is for None.

    Raises:
        SourceError: a file cannot be unpacked, or a member is not there or not the only one.
    """
    held: dict[str, Path] = {}
    for file in files:
        held |= dict.fromkeys(_names(file), file)
    if members is None:
        members = list(held)
        if len(members) != 1:
            raise SourceError(
                f"data/raw holds {', '.join(members) or 'no CSV'}; name the ones to read in "
                "convert.members"
            )
    for name in members:
        if name not in held:
            raise SourceError(
                f"convert.members names {name!r}, which {', '.join(f.name for f in files)} "
                "does not hold" + nearest(name, held or ["no files"])
            )
    return [(name, _read(held[name], name)) for name in members]


def _names(file: Path) -> list[str]:
    if file.suffix == ".zip":
        try:
            with zipfile.ZipFile(file) as opened:
                return [n for n in opened.namelist() if not n.startswith("__MACOSX/")]
        except zipfile.BadZipFile as error:
            raise _damaged(file.name, error) from None
    return [file.name.removesuffix(".gz")]


def _read(file: Path, member: str) -> bytes:
    try:
        if file.suffix == ".zip":
            with zipfile.ZipFile(file) as opened:
                return opened.read(member)
        raw = file.read_bytes()
        return gzip.decompress(raw) if file.suffix == ".gz" else raw
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError, RuntimeError) as error:
        raise _damaged(f"{member} of {file.name}", error) from None


def _damaged(what: str, error: Exception) -> SourceError:
    return SourceError(
        f"{what} cannot be unpacked ({error}); fetch it again: dvc repro -f download"
    )
