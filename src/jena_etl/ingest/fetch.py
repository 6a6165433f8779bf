"""Fetches one file over HTTP: retries a server that may recover, gives up one that stalls."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from http.client import responses
from pathlib import Path
from typing import Any

import requests
from tqdm import tqdm
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from jena_etl.errors import SourceError
from jena_etl.params import SourceFile

ATTEMPTS = 4
RETRIED = {408, 429, 500, 502, 503, 504}
LONGEST_PAUSE_S = 30
GZIP = ("gzip", "x-gzip")
CHUNK = 1 << 18


@dataclass(frozen=True)
class Patience:
    """How long to wait for a server.

    Attributes:
        pause_s: the pause before the second attempt; doubled before each further one.
        silence_s: the longest time to wait while nothing arrives.
        lowest_rate: the lowest acceptable rate in bytes per second, averaged over `rate_window_s`.
        rate_window_s: the time over which the rate is measured.
        sleep: the function that waits between two attempts.
    """

    pause_s: float = 1.0
    silence_s: float = 30.0
    lowest_rate: float = 1_000.0
    rate_window_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep


class _TransferError(Exception):
    """An attempt failed, but another one may succeed."""


def too_large(source: SourceFile, max_bytes: int, size: int | None = None) -> SourceError:
    """The error for a file that has more than `max_bytes`, and `size` bytes if that is known."""
    if source.bytes is not None:
        return changed(source, "bytes", size or "more", f"download.bytes: {size or 'null'}")
    found = f"{size:,} bytes" if size else "more"
    return SourceError(
        f"{source.name}: {found}, expected at most download.max_bytes, {max_bytes:,}; if it is "
        "the file you want, raise that limit or pin download.bytes in params.yaml, then: "
        "dvc repro"
    )


def changed(source: SourceFile, key: str, found: object, accepted: str) -> SourceError:
    """The error for a file that is not the one pinned; `accepted` are the params to accept it."""
    return SourceError(
        f"{source.name}: {key}: got {found}, expected {getattr(source, key)}: the file has "
        f"changed; if it is the one you want, set {accepted} in params.yaml, then: dvc repro"
    )


def fetch(source: SourceFile, part: Path, *, max_bytes: int, patience: Patience) -> None:
    """Write the file at `source.url` to `part`, trying again if that may help.

    Raises:
        SourceError: the file has more than `max_bytes`, or the server refuses, or four times could
            not be reached, broke off or was too slow.
        OSError: `part` cannot be written.
    """
    # Not urllib3's Retry: it ends where the body begins, and a body may break off.
    for attempt in range(ATTEMPTS):
        pause_s = patience.pause_s * 2**attempt
        try:
            return _fetch_once(source, part, max_bytes, patience)
        except requests.HTTPError as error:
            answer = error.response
            # Not the server's own text, which may contain anything, including the address.
            meaning = responses.get(answer.status_code, "")
            reason = f"the server answered {answer.status_code} {meaning}".rstrip()
            if answer.status_code not in RETRIED:
                raise SourceError(f"{source.shown}: {reason}; check download.url") from None
            asked_s = answer.headers.get("Retry-After", "")
            if asked_s.isdecimal():  # it could also be a date, but hardly ever is
                pause_s = min(float(asked_s), LONGEST_PAUSE_S)
        except _TransferError as error:
            reason = str(error)
        except requests.Timeout:
            reason = f"no answer within {patience.silence_s:g} s"
        except requests.ConnectionError as error:
            # Not the library's text, which repeats the address with its query.
            reason = f"no connection: no network, or no such server ({type(error).__name__})"
        except (requests.RequestException, ValueError) as error:
            reason = f"not an address to fetch ({type(error).__name__})"
            raise SourceError(f"{source.shown}: {reason}; check download.url") from None
        if attempt + 1 < ATTEMPTS:
            patience.sleep(pause_s)
    raise SourceError(
        f"{source.shown}: {reason}, {ATTEMPTS} times. Try again later: dvc repro; or fetch the "
        "file by other means and set download.url to its path"
    )


def _fetch_once(source: SourceFile, part: Path, max_bytes: int, patience: Patience) -> None:
    # Compressing an archive again gains nothing, and Content-Length is then not the file's size.
    headers = {"Accept-Encoding": "identity"}
    with requests.get(
        source.url,
        stream=True,
        timeout=patience.silence_s,
        headers=headers,
        hooks={"response": _close_redirect},
    ) as response:
        response.raise_for_status()
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if source.name.lower().endswith(".gz"):
            encoding = "identity"  # some servers call a .gz file a compressed transfer
        if encoding not in ("identity", *GZIP):
            raise SourceError(
                f"{source.shown}: the server sends the file compressed, though asked not to; "
                "fetch it by other means and set download.url to its path"
            )
        size = response.raw.length_remaining if encoding == "identity" else None
        if size is not None and size > max_bytes:
            raise too_large(source, max_bytes, size)
        body = _Body(response.raw, source, max_bytes, patience)
        reader: Any = body
        if encoding in GZIP:
            reader = gzip.GzipFile(fileobj=reader)  # which needs no more than `read`
        bar = tqdm(total=size, unit="B", unit_scale=True, desc=source.name, disable=None)
        try:
            with bar, part.open("wb") as file:
                while chunk := reader.read(CHUNK):
                    file.write(chunk)
                    bar.update(len(chunk))
                    if file.tell() > max_bytes:
                        raise too_large(source, max_bytes)
        except (HTTPError, EOFError, zlib.error, gzip.BadGzipFile):
            so_far = f" after {body.received:,} of {size:,} bytes" if size else ""
            raise _TransferError(f"the connection broke off{so_far}") from None


def _close_redirect(response: requests.Response, **_: object) -> None:
    """Do not let requests read the body of a redirect, which could be endless, into memory."""
    if response.is_redirect:
        response.close()


class _Body:
    """The body of a response as it arrives, with limits on its size and its slowness."""

    def __init__(
        self, raw: BaseHTTPResponse, source: SourceFile, max_bytes: int, patience: Patience
    ) -> None:
        self.received = 0
        self._raw, self._source = raw, source
        self._max_bytes, self._patience = max_bytes, patience
        self._window = (time.monotonic(), 0)

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes; none at the end."""
        chunk = self._raw.read1(size, decode_content=False)
        self.received += len(chunk)
        # Even if it unpacks to nothing. A file that is compressed again grows by a few bytes.
        if self.received > self._max_bytes + self._max_bytes // 100 + CHUNK:
            raise too_large(self._source, self._max_bytes)
        window_start, received_at_start = self._window
        elapsed = time.monotonic() - window_start
        if chunk and elapsed >= self._patience.rate_window_s:
            if self.received - received_at_start < self._patience.lowest_rate * elapsed:
                rate = f"{self._patience.lowest_rate:,.0f}"
                raise _TransferError(f"slower than {rate} bytes a second")
            self._window = (time.monotonic(), self.received)
        return chunk
