"""Fetch the source file: to a `.part` file, checked, then renamed."""

from __future__ import annotations

import re
import shutil
import time
import zipfile
from os.path import realpath
from pathlib import Path
from urllib.parse import unquote, urlsplit

from jena_etl.errors import SourceError
from jena_etl.files import replacing, sha256_of

ATTEMPTS = 4
RETRIED = {408, 429, 500, 502, 503, 504}
LONGEST_PAUSE_S = 30


def download(
    url: str,
    folder: Path,
    *,
    base: Path,
    size: int | None = None,
    sha256: str | None = None,
    pause_s: float = 1.0,
    timeout_s: float = 30.0,
) -> Path:
    """Fetch `url` into `folder` and return the file's path.

    Args:
        url: http(s)://, file://, or a path relative to `base`.
        folder: where the file goes, under the URL's last name, once it is known to be good.
        base: the project folder.
        size: bytes the file must have; None accepts any.
        sha256: hexadecimal digest the file must have; None accepts any.
        pause_s: wait before the second attempt; doubled before each further one.
        timeout_s: longest silence of a server.

    Raises:
        SourceError: not reachable, not a whole zip, or not the pinned bytes.
        ProjectError: `folder` cannot be written.
    """
    scheme, path, name = _split(url)
    with replacing(folder / name) as part:
        if scheme in ("http", "https"):
            _fetch(url, part, pause_s, timeout_s)
        else:
            _copy(base / path, url, part)
        _verify(part, name, size, sha256)
    return folder / name


def _split(url: str) -> tuple[str, str, str]:
    """Scheme, path and file name."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket in the host
        raise SourceError("download.url in params.yaml is no address; copy it once more") from None
    if parts.scheme not in ("http", "https", "file", ""):
        raise SourceError(
            f"download.url starts with {parts.scheme}:, expected http://, https://, file:// or a "
            "path; fetch the zip by other means and set download.url to its path"
        )
    path = unquote(parts.path) if parts.scheme else url
    name = path.rpartition("/")[2]  # after unquoting: %2F must not lead out of the folder
    if name in ("", ".", "..") or not path.isprintable():
        raise SourceError("download.url in params.yaml names no file; end it with the zip's name")
    return parts.scheme, path, name


def _copy(source: Path, url: str, part: Path) -> None:
    if part.parent.resolve() in Path(realpath(source)).parents:  # Path.resolve fails on a link loop
        raise SourceError(
            f"download.url {_shown(url)} lies in the folder that this stage empties and fills; "
            "put the zip beside params.yaml and set download.url to its name"
        )
    try:
        file = source.open("rb")
    except OSError as error:
        raise SourceError(
            f"download.url {_shown(url)}: {error.strerror}; expected the zip's path from the "
            "project folder, or file:/// and its full path"
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
            reason = f"the server answered {answer.status_code} {answer.reason}"
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

    # Identity: a zip gains nothing from compression, and the length then counts its bytes.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=timeout_s, headers=headers) as response:
        response.raise_for_status()
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


def _verify(part: Path, name: str, size: int | None, sha256: str | None) -> None:
    with part.open("rb") as file:
        head = file.read(512)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise SourceError(
            f"{name} is a web page (HTML or XML), not a zip: a login, an error? "
            "Open download.url in a browser and copy the file's own address"
        )
    found = {"bytes": part.stat().st_size, "sha256": sha256_of(part)}
    if damage := _damage(part):
        raise SourceError(
            f"{name}: got {found['bytes']} bytes that cannot be unpacked ({damage:.120}), expected "
            "a whole zip without a password; fetch it again, or check download.url"
        )
    # Only a whole zip comes this far, so the figures offered below are worth pinning.
    for key, expected in (("bytes", size), ("sha256", sha256)):
        if expected not in (None, found[key]):
            raise SourceError(
                f"{name}: {key}: got {found[key]}, expected {expected}: the file has changed; "
                f"if it is the one you want, set download.{key}: {found[key]} in params.yaml"
            )


def _damage(file: Path) -> str | None:
    """What keeps a zip from being unpacked; None if nothing does."""
    try:
        with zipfile.ZipFile(file) as archive:
            member = archive.testzip()
    except Exception as error:  # noqa: BLE001  damage shows as any of a dozen kinds of error
        return str(error) or type(error).__name__
    return f"member {member!r} does not match its checksum" if member else None


def _shown(url: str) -> str:
    """The URL without credentials and query, for messages."""
    return re.sub("(?s):.*@", "://", re.split("[?#]", url, maxsplit=1)[0])
