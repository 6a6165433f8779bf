"""Fetch the source files: each to a `.part` file, checked, then all of them renamed."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from http.client import responses
from os.path import realpath
from pathlib import Path
from urllib.parse import urlsplit

from jena_etl.errors import SourceError
from jena_etl.files import replacing, sha256_of
from jena_etl.ingest.archives import check_whole
from jena_etl.params import SourceFile

ATTEMPTS = 4
RETRIED = {408, 429, 500, 502, 503, 504}
LONGEST_PAUSE_S = 30


def download(
    sources: Sequence[SourceFile],
    folder: Path,
    *,
    base: Path,
    pause_s: float = 1.0,
    timeout_s: float = 30.0,
) -> list[Path]:
    """Fetch `sources` into `folder`, which then holds nothing else, and return their paths.

    Each file goes under its URL's last name. None of them shows before all are known to be good.

    Args:
        sources: http(s)://, file://, or paths relative to `base`, each with the bytes and the
            hexadecimal sha256 that it must have; None accepts any.
        folder: where the files go.
        base: the project folder.
        pause_s: wait before the second attempt; doubled before each further one.
        timeout_s: longest silence of a server.

    Raises:
        SourceError: not reachable, not whole, neither archive nor text, or not the pinned bytes.
        ProjectError: `folder` cannot be written.
    """
    for source in sources:  # a mistake in the last one shows before the first is fetched
        _check_address(source)
    files = [folder / source.name for source in sources]
    parts: list[Path] = []
    with ExitStack() as stack:
        for source, file in zip(sources, files, strict=True):
            part = stack.enter_context(replacing(file))
            parts.append(part)
            if urlsplit(source.url).scheme in ("http", "https"):
                _fetch(source.url, part, pause_s, timeout_s)
            else:
                _copy(base / source.path, source.url, part)
            check_whole(part, source.name)
            # Only a whole file comes this far, so the figures offered are worth pinning.
            _check_pins(part, source)
        # Before the renaming: on a Mac, an older Export.csv would be the new export.csv.
        _remove_all_but({*files, *parts}, folder)
    return files


def _check_address(source: SourceFile) -> None:
    try:
        scheme = urlsplit(source.url).scheme
    except ValueError:  # a bracket in the host
        raise SourceError("download.url in params.yaml is no address; copy it once more") from None
    if scheme not in ("http", "https", "file", ""):
        raise SourceError(
            f"download.url starts with {scheme}:, expected http://, https://, file:// or a "
            "path; fetch the file by other means and set download.url to its path"
        )
    if source.name in ("", ".", "..") or not source.path.isprintable():
        raise SourceError("download.url in params.yaml names no file; end it with the file's name")


def _remove_all_but(files: set[Path], folder: Path) -> None:
    """What an earlier download left, whole or not: the stage's output is the files asked for."""
    for path in set(folder.iterdir()) - files:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _copy(source: Path, url: str, part: Path) -> None:
    if part.parent.resolve() in Path(realpath(source)).parents:  # Path.resolve fails on a link loop
        raise SourceError(
            f"download.url {_shown(url)} lies in the folder that this stage empties and fills; "
            "put the file beside params.yaml and set download.url to its name"
        )
    try:
        file = source.open("rb")
    except OSError as error:
        raise SourceError(
            f"download.url {_shown(url)}: {error.strerror}; expected the file's path from "
            "the project folder, or file:/// and its full path"
        ) from None
    with file, part.open("wb") as copy:
        shutil.copyfileobj(file, copy)


def _fetch(url: str, part: Path, pause_s: float, timeout_s: float) -> None:
    # One loop of our own: urllib3's Retry ends where the body begins, and a body may break off.
    import requests  # a file that is already here does not need it

    for attempt in range(ATTEMPTS):
        wait_s = pause_s * 2**attempt
        try:
            return _fetch_once(url, part, timeout_s)
        except requests.HTTPError as error:
            answer = error.response
            # Not the server's own words: they may hold anything, the address included.
            meaning = responses.get(answer.status_code, "")
            reason = f"the server answered {answer.status_code} {meaning}".rstrip()
            if answer.status_code not in RETRIED:
                raise SourceError(f"{_shown(url)}: {reason}; check download.url") from None
            asked_s = answer.headers.get("Retry-After", "")
            if asked_s.isdecimal():  # it may be a date too, but hardly ever is
                wait_s = min(float(asked_s), LONGEST_PAUSE_S)
        except requests.Timeout:
            reason = f"no answer within {timeout_s:g} s"
        except requests.exceptions.ChunkedEncodingError as error:
            reason = str(error)
        except requests.ConnectionError as error:
            # Not the library's text: it repeats the address with its query.
            reason = f"no connection: no network, or no such server ({type(error).__name__})"
        except (requests.RequestException, ValueError) as error:
            reason = f"not an address to fetch ({type(error).__name__})"
            raise SourceError(f"{_shown(url)}: {reason}; check download.url") from None
        if attempt + 1 < ATTEMPTS:
            time.sleep(wait_s)
    raise SourceError(
        f"{_shown(url)}: {reason}, {ATTEMPTS} times. Try again later: dvc repro; or fetch the file "
        "by other means and set download.url to its path"
    )


def _fetch_once(url: str, part: Path, timeout_s: float) -> None:
    import requests
    from tqdm import tqdm

    # Identity: an archive gains nothing from compression, and the length then counts its bytes.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=timeout_s, headers=headers) as response:
        response.raise_for_status()
        if part.stem.lower().endswith(".gz"):
            # Some servers call a .gz file a compressed transfer: it is to arrive as it is.
            response.raw.headers.pop("Content-Encoding", None)
        length = response.raw.length_remaining  # None where the server does not say
        bar = tqdm(total=length, unit="B", unit_scale=True, desc=part.stem, disable=None)
        try:
            with bar, part.open("wb") as file:
                for chunk in response.iter_content(1 << 18):
                    file.write(chunk)
                    bar.update(len(chunk))
        except requests.RequestException:
            so_far = f" after {response.raw.tell():,} of {length:,} bytes" if length else ""
            raise requests.exceptions.ChunkedEncodingError(
                f"the connection broke off{so_far}"
            ) from None


def _check_pins(part: Path, source: SourceFile) -> None:
    found = {"bytes": part.stat().st_size, "sha256": sha256_of(part)}
    pinned = {"bytes": source.bytes, "sha256": source.sha256}
    changed = [key for key in found if pinned[key] not in (None, found[key])]
    if changed:
        key = changed[0]
        accepted = " and ".join(f"download.{key}: {found[key]}" for key in changed)
        raise SourceError(
            f"{source.name}: {key}: got {found[key]}, expected {pinned[key]}: the file has "
            f"changed; if it is the one you want, set {accepted} in params.yaml, then: dvc repro"
        )


def _shown(url: str) -> str:
    """The URL without credentials and query, for messages."""
    return re.sub("(?s):.*@", "://", re.split("[?#]", url, maxsplit=1)[0])
