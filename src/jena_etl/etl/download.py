"""Fetch the source file: to a `.part` file, checked, then renamed."""

from __future__ import annotations

import shutil
import time
import zipfile
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from jena_etl.errors import SourceError
from jena_etl.files import replacing, sha256_of

ATTEMPTS = 4
TIMEOUT_S = 30
RETRIED = {408, 429, 500, 502, 503, 504}


def download(
    url: str,
    folder: Path,
    *,
    base: Path,
    size: int | None = None,
    sha256: str | None = None,
    pause_s: float = 1.0,
) -> Path:
    """Fetch `url` into `folder` and return the file's path.

    Args:
        url: http(s)://, file://, or a path relative to `base`.
        folder: where the file goes, under the URL's last name.
        base: the project folder.
        size: bytes the file must have; None accepts any.
        sha256: hexadecimal digest the file must have; None accepts any.
        pause_s: wait before the second attempt; doubled before each further one.

    Raises:
        SourceError: not reachable, not the pinned bytes, or not a zip.
    """
    scheme = urlsplit(url).scheme
    name = Path(unquote(urlsplit(url).path)).name
    if not name:
        raise SourceError(f"download.url {_shown(url)} names no file; end it with the zip's name")
    with replacing(folder / name) as part:
        if scheme in ("http", "https"):
            _fetch(url, part, pause_s)
        elif scheme in ("", "file"):
            _copy(Path(url2pathname(urlsplit(url).path)) if scheme else base / url, url, part)
        else:
            raise SourceError(
                f"download.url starts with {scheme}://; use http://, https://, file:// or a path"
            )
        _verify(part, name, size, sha256)
    return folder / name


def _copy(source: Path, url: str, part: Path) -> None:
    if not source.is_file():
        raise SourceError(f"download.url {url}: no such file; give a path from the project folder")
    shutil.copyfile(source, part)


def _fetch(url: str, part: Path, pause_s: float) -> None:
    import requests  # not needed for a file that is already here

    for attempt in range(1, ATTEMPTS + 1):
        try:
            _fetch_once(url, part)
        except requests.HTTPError as error:
            status = error.response.status_code
            if status not in RETRIED:
                raise SourceError(
                    f"{_shown(url)}: the server answered {status} {error.response.reason}; "
                    "check download.url in params.yaml"
                ) from None
            reason = f"the server answered {status} {error.response.reason}"
        except (requests.RequestException, OSError) as error:
            # The library's text repeats the address, credentials included.
            reason = f"{type(error).__name__} (no network, or the connection broke)"
        else:
            return
        if attempt < ATTEMPTS:
            time.sleep(pause_s * 2 ** (attempt - 1))
    raise SourceError(
        f"{_shown(url)}: {reason}, {ATTEMPTS} times. Try again later: dvc repro; or fetch the file "
        "by other means and set download.url to its path"
    )


def _fetch_once(url: str, part: Path) -> None:
    import requests
    from tqdm import tqdm

    # Identity: a zip gains nothing from compression, and the length then counts its bytes.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(url, stream=True, timeout=TIMEOUT_S, headers=headers) as response:
        response.raise_for_status()
        length = int(response.headers.get("Content-Length", 0)) or None
        bar = tqdm(total=length, unit="B", unit_scale=True, desc=part.stem, disable=None)
        with bar, part.open("wb") as file:
            for chunk in response.iter_content(1 << 18):
                file.write(chunk)
                bar.update(len(chunk))


def _verify(part: Path, name: str, size: int | None, sha256: str | None) -> None:
    with part.open("rb") as file:
        head = file.read(512).lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise SourceError(
            f"{name} is an HTML page, not a zip: the address shows a page (a login, an error?); "
            "open download.url in a browser and copy the file's own address"
        )
    found_size, found_sha256 = part.stat().st_size, sha256_of(part)
    if size is not None and found_size != size:
        raise SourceError(
            f"{name}: got {found_size:,} bytes, expected {size:,}: the file was cut short or has "
            f"changed; if it is the one you want, set download.bytes: {found_size} in params.yaml"
        )
    if sha256 is not None and found_sha256 != sha256:
        raise SourceError(
            f"{name}: got sha256 {found_sha256}, expected {sha256}: the file has changed; "
            f"if it is the one you want, set download.sha256: {found_sha256} in params.yaml"
        )
    try:
        with zipfile.ZipFile(part) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        raise SourceError(f"{name} is no whole zip ({error}); fetch it again") from None
    except RuntimeError:
        raise SourceError(f"{name} is encrypted; unpack it and zip it without a password") from None
    if damaged:
        raise SourceError(f"{name}: the zip's member {damaged} is damaged; fetch it again")


def _shown(url: str) -> str:
    """The URL without credentials and query, for messages."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}" if parts.scheme else url
