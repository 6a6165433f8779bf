"""Reads the CSV files that were downloaded: plain, compressed as .gz, or as members of a zip.

A file is taken for a zip or a gzip by its first bytes or the ending of its name, and for plain CSV
otherwise.
"""

from __future__ import annotations

import gzip
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

from jena_etl.errors import SourceError
from jena_etl.files import sha256_of
from jena_etl.ingest.source import SourceDigest
from jena_etl.text import nearest

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
GZIP_START = b"\x1f\x8b"
CHUNK = 3 << 20  # bytes; smaller chunks are slower to parse, larger ones take more memory
SHOWN = 10  # how many of several files a message names
# The comment of a zip written by `jena-etl synth` begins with this. Wherever figures from such a
# file are shown, they are labelled synthetic.
SYNTHETIC_COMMENT = "synthetic data: jena-etl synth"


class _Member(NamedTuple):
    file: Path
    open: Callable[[], IO[bytes]]


def member_names(files: Sequence[Path]) -> list[str]:
    """The names that `open_members` accepts.

    Raises:
        SourceError: a file is damaged, encrypted or empty, a path leads out of the zip, or a name
            occurs twice.
    """
    with ExitStack() as stack:
        return list(_members_of_all(files, stack))


@contextmanager
def open_members(
    files: Sequence[Path], members: Sequence[str] | None, *, chunk_bytes: int = CHUNK
) -> Iterator[list[tuple[str, Iterator[bytes]]]]:
    """The name and the bytes of each CSV file, in the order of `members`.

    The bytes are unpacked chunk by chunk while they are read, so that no file is ever held whole.
    The name of a zip's member is its path in the zip, the content of NAME.csv.gz is called
    NAME.csv, and a plain file has its own name. `members` may be None if there is only one file.

    Raises:
        SourceError: as `member_names`; or a name is unknown, or `members` is None although there
            are several. Damage inside a file is only found while its chunks are read, and sometimes
            only at the end.
    """
    with ExitStack() as stack:
        found = _members_of_all(files, stack)
        if members is None:
            members = list(found)
            if len(members) > 1:
                shown = ", ".join(f"{name!r:.60}" for name in members[:SHOWN])
                more = f" and {len(members) - SHOWN:,} more" if len(members) > SHOWN else ""
                raise SourceError(
                    f"the source holds {len(members):,} files: {shown}{more}; "
                    "name those to read in convert.members in params.yaml, in time order"
                )
        for name in members:
            if name not in found:
                raise SourceError(
                    f"convert.members names {name!r}, which is not in "
                    f"{', '.join(file.name for file in files)}" + nearest(name, found)
                )
        yield [(name, _chunks(name, found[name], chunk_bytes)) for name in members]


def check_whole(file: Path, name: str) -> None:
    """Read `file`, which messages call `name`, to its end to see that nothing is damaged.

    Raises:
        SourceError: it is empty, a web page, damaged or encrypted, or neither an archive nor text.
    """
    with file.open("rb") as opened:
        _check_start(opened, name)
    with _unpacking(f"{name}: got {file.stat().st_size} bytes that"), ExitStack() as stack:
        members = _members(file, name, stack)
        if _kind(file, name) == "zip":
            with zipfile.ZipFile(file) as archive:
                if damaged := archive.testzip():
                    raise zipfile.BadZipFile(f"member {damaged!r} does not match its checksum")
        else:
            [member] = members.values()
            with member.open() as inside:
                _check_text(inside, name)


def source_digest(file: Path) -> SourceDigest:
    """Name, size and digest of a source file, and whether `jena-etl synth` wrote it."""
    comment = b""
    if _kind(file, file.name) == "zip":
        with _unpacking(file.name), zipfile.ZipFile(file) as archive:
            comment = archive.comment
    return SourceDigest(
        name=file.name,
        bytes=file.stat().st_size,
        sha256=sha256_of(file),
        synthetic=comment.startswith(SYNTHETIC_COMMENT.encode()),
    )


def _kind(file: Path, name: str) -> Literal["zip", "gzip", "text"]:
    with file.open("rb") as opened:
        start = opened.read(4)
    if start in ZIP_STARTS or name.lower().endswith(".zip"):
        return "zip"
    if start.startswith(GZIP_START) or name.lower().endswith(".gz"):
        return "gzip"
    return "text"


def _members_of_all(files: Sequence[Path], stack: ExitStack) -> dict[str, _Member]:
    found: dict[str, _Member] = {}
    for file in files:
        with _unpacking(file.name):
            members = _members(file, file.name, stack)
        for name, member in members.items():
            if name in found:
                raise SourceError(
                    f"{name!r:.60} is in {found[name].file.name} and again in {file.name}; "
                    "leave one out of download.url, or rename it there"
                )
            found[name] = member
    return found


def _members(file: Path, name: str, stack: ExitStack) -> dict[str, _Member]:
    """The CSV files in `file`, which messages call `name`; a zip stays open as long as `stack`."""
    kind = _kind(file, name)
    if kind == "text":
        return {name: _Member(file, lambda: file.open("rb"))}
    if kind == "gzip":
        unzip: Callable[[], Any] = partial(gzip.open, file)  # Any: it reads, but is not an IO
        return {re.sub(r"(?i)\.gz\Z", "", name): _Member(file, unzip)}
    archive = stack.enter_context(zipfile.ZipFile(file))
    members: dict[str, _Member] = {}
    for info in archive.infolist():
        if _is_ignored(info):
            continue
        if _leads_outside(info.filename):
            raise SourceError(
                f"{name} holds {info.filename!r:.60}, a path that leads out of the folder it is "
                "unpacked in; zip the CSV file alone and set download.url to that zip's path"
            )
        if not info.filename.isprintable():  # messages call the file by that name
            raise SourceError(
                f"{name} holds {info.filename!r:.60}, a name that cannot be printed; "
                "zip the CSV file alone under another name and set download.url to that zip's path"
            )
        if info.flag_bits & 1:
            raise SourceError(
                f"{info.filename!r:.60} in {name} is encrypted, expected a zip without a "
                "password; unpack it and set download.url to the path of the CSV file"
            )
        if info.filename in members:
            raise SourceError(
                f"{name} holds {info.filename!r:.60} twice; zip the right one alone and set "
                "download.url to that zip's path"
            )
        members[info.filename] = _Member(file, partial(archive.open, info))
    if not members:
        raise SourceError(f"{name} holds no file, expected a CSV file in it; check download.url")
    return members


def _is_ignored(info: zipfile.ZipInfo) -> bool:
    """Whether it is a folder, or one of the files that macOS' archiver adds."""
    path = info.filename
    return info.is_dir() or path.startswith("__MACOSX/") or path.endswith(".DS_Store")


def _leads_outside(path: str) -> bool:
    parts = re.split(r"[/\\]", path)
    return parts[0] == "" or ".." in parts or re.match("[A-Za-z]:", path) is not None


def _chunks(name: str, member: _Member, size: int) -> Iterator[bytes]:
    file = member.file.name
    with _unpacking(name if name == file else f"{name} of {file}"), member.open() as inside:
        while chunk := inside.read(size):
            yield chunk


@contextmanager
def _unpacking(place: str) -> Iterator[None]:
    try:
        yield
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001  damage raises any of a dozen kinds of error
        # The text of an OSError would repeat the path.
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise SourceError(
            f"{place} cannot be unpacked ({reason:.120}), expected a whole zip, gzip or CSV file; "
            "fetch it again: dvc repro -f download, or check download.url"
        ) from None


def _check_start(file: IO[bytes], name: str) -> None:
    start = file.read(512)
    if not start:
        raise SourceError(
            f"{name} is empty: got 0 bytes, expected a CSV file, plain or in a zip or .gz; "
            "open download.url in a browser to see what is there"
        )
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise SourceError(
            f"{name} is a web page (HTML or XML), perhaps a login or an error page, expected a "
            "station's file; open download.url in a browser and copy the file's own address"
        )


def _check_text(file: IO[bytes], name: str) -> None:
    _check_start(file, name)
    file.seek(0)
    while chunk := file.read(CHUNK):
        if b"\0" in chunk:
            raise SourceError(
                f"{name} is not a text file (it holds a NUL byte), expected CSV, plain or in a zip "
                "or .gz; export it as CSV, not as a spreadsheet, a tar or UTF-16"
            )
