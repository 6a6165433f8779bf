"""The record of a download: the files that the stage wrote and may therefore remove.

The record is the file `downloaded.sha256` beside them, and `sha256sum -c downloaded.sha256` checks
them against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from jena_etl.errors import ProjectError
from jena_etl.files import sha256_of

RECORD = "downloaded.sha256"
HEADER = "# Written by the download stage of jena-etl, which may replace the files listed here.\n"


def record_text(digests: Mapping[str, str]) -> str:
    """The content of `downloaded.sha256`, given the hexadecimal SHA-256 of each file by name."""
    return HEADER + "".join(f"{digest}  {name}\n" for name, digest in digests.items())


def read_record(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that the last download wrote, by name, in the order of download.url.

    Empty if nothing was downloaded, or if the file of that name is not our record.
    """
    path = folder / RECORD
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    if not text.startswith(HEADER):
        return {}
    lines = [line.partition("  ") for line in text.removeprefix(HEADER).split("\n")]
    return {name: digest for digest, _, name in lines if name and "/" not in name}


def removable_files(folder: Path, place: str) -> list[Path]:
    """The files in `folder` that an earlier download wrote and that the next one may remove.

    The folder need not exist. Messages call it `place`.

    Raises:
        ProjectError: the folder holds anything else, or a file that was changed afterwards.
    """
    removable: list[Path] = []
    foreign: list[Path] = []
    try:
        recorded = read_record(folder)
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            # Unfinished downloads end in .part: DVC ignores them (.dvcignore), and so do we.
            if path.suffix == ".part" or path.name in {".DS_Store", RECORD if recorded else ""}:
                continue
            digest = recorded.get(path.name)
            unchanged = digest is not None and path.is_file() and sha256_of(path) == digest
            (removable if unchanged else foreign).append(path)
    except OSError as error:
        raise ProjectError(
            f"cannot read {place}: {error.strerror}; check that folder and the files in it"
        ) from None
    if foreign:
        more = f" and {len(foreign) - 1:,} more" if len(foreign) > 1 else ""
        raise ProjectError(
            f"{place} holds {foreign[0].name!r:.60}{more}, which the download stage did not write "
            f"or which was changed since; nothing was removed. {place} belongs to that stage: "
            "move what is yours to data/raw, delete what is not, then: dvc repro"
        )
    return removable
