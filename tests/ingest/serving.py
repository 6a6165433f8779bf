"""A server on this machine for the tests of the download, the files it sends, and how to ask."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jena_etl.errors import JenaEtlError, SourceError
from jena_etl.ingest.download import Downloaded, download
from jena_etl.ingest.downloaded import RECORD
from jena_etl.ingest.fetch import CHUNK, Patience
from jena_etl.params import SourceFile

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]

LONGEST_MESSAGE = 400  # two lines of a wide terminal
CREDENTIALS = ("alice", "s3cret", "t0ken")
QUICK = Patience(pause_s=0.001)


def zipped(
    content: bytes = b"Date Time,T (degC)\n",
    method: int = zipfile.ZIP_DEFLATED,
    member: str = "climate.csv",
) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member), content, method)  # always the same bytes
    return buffer.getvalue()


ZIP = zipped(np.random.default_rng(0).bytes(3 * CHUNK), zipfile.ZIP_STORED)
SHA256 = hashlib.sha256(ZIP).hexdigest()
CSV = b"Date Time,T (degC)\r\n" + "01.01.2009 00:10:00,-8.02 \u00b0C\r\n".encode("latin-1") * 30_000
GZIP = gzip.compress(CSV, mtime=0)


# Answers that a server can give.


def sends(body: bytes, *, length: int | None = -1, status: int = 200, **headers: Any) -> Answer:
    """Send `body`; a length of -1 is the true one, None leaves the header out."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        if length is not None:
            request.send_header("Content-Length", str(len(body) if length < 0 else length))
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(body)

    return answer


def sends_for_ever(piece: bytes, *, first: Answer | None = None, pause_s: float = 0) -> Answer:
    """Send `piece` again and again, until the other side goes away or the test ends."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        (first or sends(b"", length=None))(request)
        closing = request.server.closing  # type: ignore[attr-defined]
        while not closing.wait(pause_s):
            request.wfile.write(piece)

    return answer


def fails(status: int, **headers: Any) -> Answer:
    return sends(b"<html>sorry</html>", status=status, **headers)


def hangs_up(request: http.server.BaseHTTPRequestHandler) -> None:
    request.connection.shutdown(socket.SHUT_RDWR)


GOOD = sends(ZIP)
SHORT = sends(ZIP[:300_000], length=len(ZIP))  # then the connection closes


class Server(http.server.ThreadingHTTPServer):
    """Gives one answer per request, the last one for ever; keeps what was asked."""

    daemon_threads = True

    def __init__(self, answers: tuple[Answer, ...]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.closing = threading.Event()

    def url(self, path: str = "/raw/climate.zip") -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is part of the tests."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.headers.append(dict(self.headers))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def running(*answers: Answer) -> Iterator[Server]:
    with Server(answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.closing.set()
        server.shutdown()


Serve = Callable[..., Server]


# How a test asks for a file.


def fetch(
    url: str, folder: Path, *, size: int | None = None, sha256: str | None = None, **options: Any
) -> Path:
    """Download one file as the stage does, with short pauses."""
    (file,) = fetch_all([SourceFile(url, size, sha256)], folder, **options)
    return file.path


def fetch_all(sources: Sequence[SourceFile], folder: Path, **options: Any) -> list[Downloaded]:
    usual = {"base": folder.parents[1], "max_bytes": 10**9, "patience": QUICK}
    return download(sources, folder, **{**usual, **options})


def refused(
    url: str | list[SourceFile],
    folder: Path,
    error: type[JenaEtlError] = SourceError,
    **options: Any,
) -> str:
    """Why it failed: a short text without secrets and foreign paths, and no file left behind."""
    before = contents(folder)
    with pytest.raises(error) as caught:
        fetch(url, folder, **options) if isinstance(url, str) else fetch_all(url, folder, **options)
    message = str(caught.value)
    assert contents(folder) == before
    assert message.count("\n") <= 1
    assert len(message) < LONGEST_MESSAGE
    assert not [secret for secret in CREDENTIALS if secret in message]
    assert str(folder.parents[1]) in str(url) or str(folder.parents[1]) not in message
    return message


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder` but the record of the download."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != RECORD
    }
