"""The download against a server on this machine: what arrives, what is refused, what is said."""

import gzip
import hashlib
import http.server
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jena_etl.errors import JenaEtlError, ProjectError, SourceError
from jena_etl.ingest.download import download
from jena_etl.params import Download, SourceFile, check, read_params
from jena_etl.project import Project
from pipeline.download import main

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]

CHUNK = 1 << 18  # what the module reads at a time
LONGEST_MESSAGE = 400  # two lines of a wide terminal
CREDENTIALS = ("alice", "s3cret", "t0ken")


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


# Answers a server can give.


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

    def url(self, path: str = "/raw/climate.zip", userinfo: str = "") -> str:
        return f"http://{userinfo}127.0.0.1:{self.server_port}{path}"

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


@pytest.fixture(autouse=True)
def _straight_to_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@contextmanager
def running(*answers: Answer) -> Iterator[Server]:
    with Server(answers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.closing.set()
        server.shutdown()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that runs until the test ends."""
    with ExitStack() as stack:
        yield lambda *answers: stack.enter_context(running(*answers))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return tmp_path / "data/raw"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, noted instead of slept."""
    noted: list[float] = []
    monkeypatch.setattr("jena_etl.ingest.download.time.sleep", noted.append)
    return noted


def fetch(
    url: str, raw: Path, *, size: int | None = None, sha256: str | None = None, **options: Any
) -> Path:
    """Download one file as the stage does, with short pauses."""
    (file,) = fetch_all([SourceFile(url, size, sha256)], raw, **options)
    return file


def fetch_all(sources: Sequence[SourceFile], raw: Path, **options: Any) -> list[Path]:
    return download(sources, raw, **{"base": raw.parents[1], "pause_s": 0.001, **options})


def refused(
    url: str | list[SourceFile],
    raw: Path,
    error: type[JenaEtlError] = SourceError,
    **options: Any,
) -> str:
    """Why it failed: a short text without secrets and foreign paths, and no file left behind."""
    before = contents(raw)
    with pytest.raises(error) as caught:
        fetch(url, raw, **options) if isinstance(url, str) else fetch_all(url, raw, **options)
    message = str(caught.value)
    assert contents(raw) == before
    assert message.count("\n") <= 1
    assert len(message) < LONGEST_MESSAGE
    assert not [secret for secret in CREDENTIALS if secret in message]
    assert str(raw.parents[1]) in str(url) or str(raw.parents[1]) not in message
    return message


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# What arrives.


@pytest.mark.parametrize("length", [-1, None], ids=["length", "no length"])
def test_the_file_arrives_whole(serve: Serve, raw: Path, length: int | None) -> None:
    server = serve(sends(ZIP, length=length))
    assert fetch(server.url(), raw, size=len(ZIP), sha256=SHA256) == raw / "climate.zip"
    assert contents(raw) == {"climate.zip": ZIP}
    assert server.paths == ["/raw/climate.zip"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_only_and_never_on_stdout(
    serve: Serve,
    raw: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    terminal: bool,
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    fetch(serve(GOOD).url(), raw)
    assert ("climate.zip: 100%" in screen.getvalue()) is terminal
    assert bool(screen.getvalue()) is terminal
    assert capsys.readouterr().out == ""


def test_a_redirect_is_followed_and_the_name_is_the_first_address_s(
    serve: Serve, raw: Path
) -> None:
    server = serve(sends(b"", status=302, Location="/elsewhere/42"), GOOD)
    fetch(server.url("/climate.zip"), raw)
    assert contents(raw) == {"climate.zip": ZIP}
    assert server.paths == ["/climate.zip", "/elsewhere/42"]


def test_credentials_and_query_reach_the_server(serve: Serve, raw: Path) -> None:
    server = serve(GOOD)
    fetch(server.url("/climate.zip?token=t0ken", userinfo="alice:s3cret@"), raw)
    assert contents(raw) == {"climate.zip": ZIP}
    assert server.paths == ["/climate.zip?token=t0ken"]
    assert server.headers[0]["Authorization"] == "Basic YWxpY2U6czNjcmV0"  # alice:s3cret


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/jena%20climate%C3%A9.zip", "jena climateé.zip"),
        ("/..%2F..%2F..%2Fout.zip", "out.zip"),
        ("/a/..%2F.hidden", ".hidden"),
        ("/back%5C..%5Cslash.zip", "back\\..\\slash.zip"),
        ("/100%25.zip", "100%.zip"),
    ],
)
def test_names_are_decoded_and_stay_in_the_folder(
    serve: Serve, raw: Path, path: str, name: str
) -> None:
    fetch(serve(GOOD).url(path), raw)
    assert contents(raw.parents[1]) == {f"data/raw/{name}": ZIP}


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ("climate.zip", "climate.zip"),
        ("my data/100%25 #1?.zip", "my data/100%25 #1?.zip"),  # a path is no URL: taken literally
        ("climate.zip", "FILE:///{root}/climate.zip"),
        ("climate.zip", "file://localhost{root}/climate.zip"),
        ("my data.zip", "file://{root}/my%20data.zip"),
        ("climate.zip", "file:climate.zip"),
        ("climate.zip", "{root}/climate.zip"),
        ("../climate.zip", "../climate.zip"),
    ],
)
def test_a_file_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, url: str
) -> None:
    root, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    root.mkdir()
    (root / source).parent.mkdir(exist_ok=True)
    (root / source).write_bytes(ZIP)
    file = fetch(url.format(root=root), root / "data/raw", sha256=SHA256)
    assert contents(root / "data/raw") == {Path(source).name: ZIP}
    assert file.name == Path(source).name
    assert (root / source).read_bytes() == ZIP


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("export.csv", CSV),
        ("export.csv.gz", GZIP),
        ("EXPORT.CSV.GZ", GZIP),
        ("download", ZIP),  # no ending: the first bytes say what it is
        ("download", GZIP),
        ("download", CSV),
        ("one.csv", b"a"),
    ],
    ids=["csv", "gzip", "GZIP", "a zip", "a gzip", "a csv", "one byte"],
)
def test_a_zip_a_gzip_or_the_csv_itself(serve: Serve, raw: Path, name: str, body: bytes) -> None:
    fetch(serve(sends(body)).url(f"/{name}?id=1"), raw, size=len(body))
    assert contents(raw) == {name: body}


def test_a_gzip_file_that_the_server_calls_a_compressed_transfer(serve: Serve, raw: Path) -> None:
    """It stays a .gz file; a CSV that is compressed on the way only is a CSV again."""
    server = serve(sends(GZIP, Content_Encoding="gzip"))
    fetch(server.url("/export.csv.gz"), raw)
    assert contents(raw) == {"export.csv.gz": GZIP}
    fetch(server.url("/export.csv"), raw)
    assert contents(raw) == {"export.csv": CSV}


# Several files.


def test_several_files_and_nothing_else(serve: Serve, raw: Path) -> None:
    server = serve(sends(CSV), sends(GZIP))
    (raw.parents[1] / "b.zip").write_bytes(ZIP)
    (raw / "old folder").mkdir(parents=True)
    for name in ("old.zip", "z.csv.part", "old folder/x.csv"):
        (raw / name).write_bytes(b"of an earlier download")
    (raw / "link").symlink_to(raw.parents[1])
    sources = [
        SourceFile(server.url("/z.csv"), len(CSV), None),
        SourceFile("b.zip", None, SHA256),
        SourceFile(server.url("/a.csv.gz")),
    ]
    assert fetch_all(sources, raw) == [raw / "z.csv", raw / "b.zip", raw / "a.csv.gz"]
    assert contents(raw) == {"z.csv": CSV, "b.zip": ZIP, "a.csv.gz": GZIP}
    assert len(list(raw.iterdir())) == 3
    assert (raw.parents[1] / "b.zip").read_bytes() == ZIP  # what a link leads to is not removed
    assert server.paths == ["/z.csv", "/a.csv.gz"]


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("last", "said"),
    [
        (fails(404), "b.csv: the server answered 404 Not Found"),
        (sends(CSV[:-9], length=len(CSV)), "the connection broke off after"),
        (sends(CSV[:-9]), f"b.csv: bytes: got {len(CSV) - 9}, expected {len(CSV)}"),
        (sends(b""), "b.csv is empty"),
    ],
)
def test_one_bad_file_of_several_changes_nothing(
    serve: Serve, raw: Path, last: Answer, said: str, *, there: bool
) -> None:
    if there:
        raw.mkdir(parents=True)
        (raw / "a.csv").write_bytes(b"older")
        (raw / "c.csv").write_bytes(b"older")
    server = serve(sends(CSV), last)
    sources = [SourceFile(server.url("/a.csv")), SourceFile(server.url("/b.csv"), len(CSV))]
    assert said in refused(sources, raw)
    assert not list(raw.glob("*.part"))


def test_every_address_is_looked_at_before_the_first_file_is_fetched(
    serve: Serve, raw: Path
) -> None:
    server = serve(sends(CSV))
    refused([SourceFile(server.url("/a.csv")), SourceFile("ftp://host/b.csv")], raw)
    assert server.paths == []


def test_the_stage_says_what_came(
    serve: Serve, tmp_path: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(sends(CSV), GOOD)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in (("b", CSV), ("a", ZIP))}

    def said(**block: object) -> list[str]:
        params = read_params(checkout / "params.yaml")
        download = check(Download, {"bytes": None, **block}, "download")
        main(Project(tmp_path), params.model_copy(update={"download": download}))
        return capsys.readouterr().out.splitlines()

    urls = [server.url("/b.csv?t=t0ken"), server.url("/a.zip")]
    lines = said(url=urls, sha256=[digests["b"], None])
    assert lines[:2] == [
        f"b.csv: {len(CSV):,} bytes, sha256 {digests['b']}",
        f"a.zip: {len(ZIP):,} bytes, sha256 {digests['a']}",
    ]
    assert "copy the sha256 to download.sha256 in params.yaml, as a list" in lines[2]
    assert said(url=urls[1], sha256=digests["a"]) == lines[1:2]
    assert contents(tmp_path) == {"data/raw/a.zip": ZIP}


# What is tried again, and what is not.


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_recovers(serve: Serve, raw: Path, status: int) -> None:
    server = serve(fails(status), GOOD)
    fetch(server.url(), raw)
    assert contents(raw) == {"climate.zip": ZIP}
    assert len(server.paths) == 2


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("7", 7), ("0", 0), ("86400", 30), ("9" * 5000, 30), ("soon", 1), ("-5", 1)],
)
def test_retry_after_within_reason(
    serve: Serve, raw: Path, pauses: list[float], asked: str, waited: float
) -> None:
    fetch(serve(fails(503, Retry_After=asked), GOOD).url(), raw, pause_s=1)
    assert pauses == [waited]


def test_pauses_double_and_the_attempts_end(serve: Serve, raw: Path, pauses: list[float]) -> None:
    server = serve(fails(503))
    message = refused(server.url(), raw, pause_s=1)
    assert "the server answered 503 Service Unavailable, 4 times" in message
    assert "dvc repro" in message
    assert pauses == [1, 2, 4]
    assert len(server.paths) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_a_refusal_is_final(serve: Serve, raw: Path, status: int) -> None:
    server = serve(fails(status), GOOD)
    message = refused(server.url(), raw)
    assert f"the server answered {status}" in message
    assert "check download.url" in message
    assert len(server.paths) == 1


@pytest.mark.parametrize("breaks", [SHORT, hangs_up], ids=["midway", "at once"])
def test_a_connection_that_breaks_once(serve: Serve, raw: Path, breaks: Answer) -> None:
    server = serve(breaks, GOOD)
    fetch(server.url(), raw)
    assert contents(raw) == {"climate.zip": ZIP}
    assert len(server.paths) == 2


def test_a_connection_that_breaks_midway_every_time(serve: Serve, raw: Path) -> None:
    server = serve(SHORT)
    message = refused(server.url(), raw)
    assert f"the connection broke off after 300,000 of {len(ZIP):,} bytes, 4 times" in message
    assert len(server.paths) == 4


def test_chunks_that_end_early(serve: Serve, raw: Path) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        sends(b"5\r\nabcde\r\n", length=None, Transfer_Encoding="chunked")(request)

    assert "the connection broke off, 4 times" in refused(serve(answer).url(), raw)


def test_a_server_that_never_answers(serve: Serve, raw: Path) -> None:
    def answer(_: http.server.BaseHTTPRequestHandler) -> None:
        server.closing.wait(10)

    server = serve(answer)
    assert "no answer within 0.2 s, 4 times" in refused(server.url(), raw, timeout_s=0.2)
    assert len(server.paths) == 4


def test_a_server_that_falls_silent_midway(serve: Serve, raw: Path) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        SHORT(request)
        server.closing.wait(10)

    server = serve(answer)
    message = refused(server.url(), raw, timeout_s=0.2)
    assert "the connection broke off after" in message
    assert f"of {len(ZIP):,} bytes, 4 times" in message


def test_nobody_listens(raw: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    message = refused(f"http://alice:s3cret@127.0.0.1:{port}/a.zip?token=t0ken", raw)
    assert f"http://127.0.0.1:{port}/a.zip: no connection" in message
    assert "4 times" in message
    assert "set download.url to its path" in message


@pytest.mark.parametrize("found", [True, False])
def test_another_host_is_sent_no_password(serve: Serve, raw: Path, *, found: bool) -> None:
    other = serve(GOOD if found else fails(403))
    elsewhere = f"http://localhost:{other.server_port}/raw/42"
    server = serve(sends(b"", status=302, Location=f"{elsewhere}?sig=t0ken"))
    url = server.url("/climate.zip?key=t0ken", userinfo="alice:s3cret@")
    if found:
        fetch(url, raw)
        assert contents(raw) == {"climate.zip": ZIP}
    else:
        message = refused(url, raw)
        assert f"{server.url('/climate.zip')}: the server answered 403 Forbidden" in message
    assert "Authorization" in server.headers[0]
    assert "Authorization" not in other.headers[0]
    assert other.paths == ["/raw/42?sig=t0ken"]


def test_a_password_in_netrc(
    serve: Serve, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = serve(GOOD)
    fetch(server.url(), raw)
    assert server.headers[0]["Authorization"] == "Basic YWxpY2U6czNjcmV0"  # alice:s3cret


def test_the_servers_own_words_are_not_repeated(serve: Serve, raw: Path) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(404, "no /climate.zip?token=t0ken for alice\x1b[2J")
        request.end_headers()

    assert "the server answered 404 Not Found; check" in refused(serve(answer).url(), raw)


def test_a_circle_of_redirects(serve: Serve, raw: Path) -> None:
    server = serve(sends(b"", status=302, Location="/climate.zip?token=t0ken"))
    assert "TooManyRedirects" in refused(server.url(), raw)


def test_a_redirect_out_of_http(serve: Serve, raw: Path) -> None:
    server = serve(sends(b"", status=302, Location="file:///etc/passwd"))
    assert "InvalidSchema" in refused(server.url(), raw)
    assert len(server.paths) == 1


# What is not the file.


def test_wrong_length(serve: Serve, raw: Path) -> None:
    message = refused(serve(GOOD).url(), raw, size=13_565_642, sha256=SHA256)
    assert f"bytes: got {len(ZIP)}, expected 13565642" in message
    assert f"set download.bytes: {len(ZIP)} in params.yaml" in message


def test_wrong_sha256(serve: Serve, raw: Path) -> None:
    message = refused(serve(GOOD).url(), raw, size=len(ZIP), sha256="0" * 64)
    assert f"sha256: got {SHA256}, expected {'0' * 64}" in message
    assert f"set download.sha256: {SHA256} in params.yaml" in message


def test_everything_changed_upstream(serve: Serve, raw: Path) -> None:
    """One message has all that is to be written to accept the file."""
    message = refused(serve(GOOD).url(), raw, size=13_565_642, sha256="0" * 64)
    assert f"climate.zip: bytes: got {len(ZIP)}, expected 13565642" in message
    assert f"set download.bytes: {len(ZIP)} and download.sha256: {SHA256} in params" in message
    assert message.endswith("then: dvc repro")


@pytest.mark.parametrize("name", ["climate.zip", "export.csv.gz", "export.csv"])
def test_a_length_below_what_is_sent(serve: Serve, raw: Path, name: str) -> None:
    """HTTP ends the body there: an archive is cut short, and a CSV is known by its pin alone."""
    body = {"climate.zip": ZIP, "export.csv.gz": GZIP, "export.csv": CSV}[name]
    pinned = len(body) if name == "export.csv" else None
    message = refused(serve(sends(body, length=1_000)).url(f"/{name}"), raw, size=pinned)
    assert f"{name}: " in message
    assert "got 1000" in message
    assert "expected" in message


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><html><body>log in</body></html>",
        b"\r\n\t <HTML><HEAD>",
        b"\xef\xbb\xbf<!doctype HTML>",
        b"\xef\xbb\xbf\n<!-- generated --><html>",
        b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    ],
)
@pytest.mark.parametrize("name", ["climate.zip", "export.csv", "export.csv.gz"])
def test_a_page_instead_of_data(serve: Serve, raw: Path, page: bytes, name: str) -> None:
    body = gzip.compress(page, mtime=0) if name.endswith(".gz") else page
    message = refused(serve(sends(body)).url(f"/{name}"), raw, size=len(body))
    assert f"{name} is a web page" in message
    assert "copy the file's own address" in message


def flipped(data: bytes, at: int, bit: int = 0x01) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def encrypted(member: str = "climate.csv") -> bytes:
    """Bit 0 of the flags, in the local header (byte 6) and in the central directory (byte 8)."""
    data = zipped(member=member)
    return flipped(flipped(data, 6), data.index(b"PK\x01\x02") + 8)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"Date Time,T (degC)\n", "not a zip"),
        (ZIP[:-1000], "not a zip"),  # the directory at the end is gone
        (ZIP[1000:], ""),
        (flipped(ZIP, len(ZIP) // 2), "member 'climate.csv' does not match its checksum"),
        (flipped(zipped(b"abc" * 999), 42), "Error -3 while decompressing"),
    ],
    ids=["csv", "no end", "no start", "stored", "deflated"],
)
def test_not_a_whole_zip(serve: Serve, raw: Path, body: bytes, found: str) -> None:
    message = refused(serve(sends(body)).url(), raw)
    assert f"got {len(body)} bytes that cannot be unpacked" in message
    assert found in message
    assert "expected a whole zip" in message


@pytest.mark.parametrize(
    ("name", "body", "found"),
    [
        ("climate.zip", b"", "climate.zip is empty: got 0 bytes, expected"),
        ("export.csv", b"", "export.csv is empty: got 0 bytes, expected"),
        ("export.csv.gz", gzip.compress(b"", mtime=0), "export.csv.gz is empty"),
        ("climate.zip", b"PK\5\6" + bytes(18), "climate.zip holds no file"),
        ("climate.zip", zipped(member="__MACOSX/._a.csv"), "climate.zip holds no file"),
        ("climate.zip", encrypted(), "'climate.csv' in climate.zip is encrypted"),
        ("climate.zip", encrypted("climate\n" * 999), r"'climate\nclimate\n"),
        ("climate.zip", zipped(member="../a.csv"), "'../a.csv', a path that leaves the folder"),
        ("export.csv.gz", CSV, "Not a gzip"),
        ("export.csv", CSV[:-1] + b"\0", "export.csv is no text file (it holds a NUL byte)"),
        ("export.csv", CSV.decode("latin-1").encode("utf-16"), "export.csv is no text file"),
        ("raw.tar.gz", gzip.compress(b"a.csv" + bytes(507), mtime=0), "raw.tar.gz is no text file"),
        ("export.csv", ZIP[1000:], "export.csv is no text file"),
    ],
)
def test_no_data(serve: Serve, raw: Path, name: str, body: bytes, found: str) -> None:
    message = refused(serve(sends(body)).url(f"/{name}"), raw)
    assert found in message
    assert "expected" in message or "zip the CSV file" in message
    assert "download.url" in message or "as CSV" in message


@pytest.mark.parametrize("name", ["export.csv.gz", "download"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "checksum", "followed"])
def test_not_a_whole_gzip(serve: Serve, raw: Path, name: str, damage: str) -> None:
    body = {
        "truncated": GZIP[:-100],
        "flipped": flipped(GZIP, len(GZIP) // 2),
        "checksum": flipped(GZIP, len(GZIP) - 6),
        "followed": GZIP + b"by something else",
    }[damage]
    message = refused(serve(sends(body)).url(f"/{name}"), raw)
    assert f"{name}: got {len(body)} bytes that cannot be unpacked" in message
    assert "expected a whole zip, gzip or CSV file" in message
    assert "fetch it again: dvc repro -f download" in message


@pytest.mark.parametrize("method", [0, 8, 12, 14], ids=["stored", "deflate", "bzip2", "lzma"])
def test_a_flipped_bit_anywhere(tmp_path: Path, method: int) -> None:
    raw, source, content = tmp_path / "data/raw", tmp_path / "climate.zip", b"1,2,3\n" * 40
    said: list[str] = []
    whole = zipped(content, method)
    for at, bit in enumerate(np.random.default_rng(method).integers(8, size=len(whole))):
        source.write_bytes(flipped(whole, at, 1 << bit))
        try:
            file = fetch("climate.zip", raw)
        except SourceError as error:
            said.append(str(error))
        else:  # harmless, in a time timestamp say: what is inside is unharmed
            with zipfile.ZipFile(file) as archive:
                assert [archive.read(member) for member in archive.infolist()] == [content]
            file.unlink()
        assert contents(raw) == {}
    assert max(map(len, said)) < LONGEST_MESSAGE


# Addresses that cannot be used.


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://alice:s3cret@host/climate.zip", "starts with ftp:"),
        ("s3://bucket/climate.zip?token=t0ken", "starts with s3:"),
        ("https://alice:s3cret@host/?token=t0ken", "names no file"),
        ("https://host", "names no file"),
        ("https://host/folder/", "names no file"),
        ("https://host/climate.zip/..", "names no file"),
        ("https://host/%2e%2e", "names no file"),
        ("https://host/a%00b.zip", "names no file"),
        ("https://host/a%0Ab.zip", "names no file"),
        ("..", "names no file"),
        ("a/.", "names no file"),
        ("http://[alice:s3cret@host/climate.zip", "is no address"),
        ("http://alice:s3cret@/climate.zip", "InvalidURL"),
        ("http:/alice:s3cret@host/climate.zip", "InvalidURL"),
        ("http://host:99999/climate.zip?token=t0ken", "InvalidURL"),
        ("http://host:x/s3cret@host/climate.zip?token=t0ken", "InvalidURL"),
    ],
)
def test_addresses_that_name_nothing(raw: Path, url: str, said: str) -> None:
    assert said in refused(url, raw)
    assert "download.url" in refused(url, raw)


@pytest.mark.parametrize("url", ["gone.zip", "file:///gone.zip", "gone/gone.zip?token=t0ken"])
def test_no_such_local_file(raw: Path, url: str) -> None:
    message = refused(url, raw)
    assert url.partition("?")[0] in message
    assert "No such file" in message
    assert "from the project folder" in message


def test_a_folder_is_no_file(raw: Path) -> None:
    (raw.parents[1] / "folder").mkdir()
    assert "download.url folder: Is a directory" in refused("folder", raw)


def test_a_link_to_itself(raw: Path) -> None:
    (raw.parents[1] / "loop.zip").symlink_to("loop.zip")
    assert "download.url loop.zip: Too many levels" in refused("loop.zip", raw)


@pytest.mark.parametrize("there", [True, False], ids=["there", "emptied by DVC"])
@pytest.mark.parametrize("url", ["data/raw/climate.zip", "data/x/../raw/a/climate.zip", "link.zip"])
def test_the_target_itself_is_no_source(raw: Path, url: str, *, there: bool) -> None:
    raw.mkdir(parents=True)
    (raw.parents[1] / "link.zip").symlink_to(raw / "climate.zip")
    if there:
        (raw / "climate.zip").write_bytes(ZIP)
    assert "put the file beside params.yaml" in refused(url, raw)


# What is on the disk already, and disks that take nothing.


@pytest.mark.parametrize("answer", [fails(404), SHORT, sends(b"<html>"), sends(ZIP[:-9])])
def test_a_good_file_outlives_a_failed_download(serve: Serve, raw: Path, answer: Answer) -> None:
    raw.mkdir(parents=True)
    (raw / "climate.zip").write_bytes(zipped(b"older"))
    refused(serve(answer).url(), raw)
    assert contents(raw) == {"climate.zip": zipped(b"older")}


def test_a_newer_file_replaces_an_older_one(serve: Serve, raw: Path) -> None:
    raw.mkdir(parents=True)
    (raw / "climate.zip").write_bytes(zipped(b"older"))
    fetch(serve(GOOD).url(), raw)
    assert contents(raw) == {"climate.zip": ZIP}


def test_a_killed_download_leaves_a_part_that_the_next_one_replaces(
    serve: Serve, raw: Path
) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        SHORT(request)
        server.closing.wait(10)

    server = serve(answer, GOOD)
    code = "import sys; from pathlib import Path; from jena_etl.ingest.download import download; "
    code += "from jena_etl.params import SourceFile; "
    code += "download([SourceFile(sys.argv[1])], Path(sys.argv[2]), base=Path())"
    with subprocess.Popen([sys.executable, "-c", code, server.url(), str(raw)]) as process:
        part, deadline = raw / "climate.zip.part", time.monotonic() + 20
        while not (part.is_file() and part.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert contents(raw) == {"climate.zip.part": ZIP[:CHUNK]}
    fetch(server.url(), raw)
    assert contents(raw) == {"climate.zip": ZIP}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("local", [True, False])
def test_a_full_disk(serve: Serve, raw: Path, *, local: bool) -> None:
    raw.mkdir(parents=True)
    (raw / "climate.zip.part").symlink_to("/dev/full")
    (raw.parents[1] / "climate.zip").write_bytes(ZIP)
    server = serve(GOOD)
    url = "climate.zip" if local else server.url()
    message = refused(url, raw, error=ProjectError)
    assert "cannot write raw/climate.zip: No space left on device" in message
    assert list(raw.iterdir()) == []
    assert len(server.paths) == (0 if local else 1)  # a full disk is not tried again


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full_at_the_second_file(serve: Serve, raw: Path) -> None:
    raw.mkdir(parents=True)
    (raw / "b.csv.part").symlink_to("/dev/full")
    server = serve(sends(CSV))
    sources = [SourceFile(server.url(f"/{name}.csv")) for name in "abc"]
    message = refused(sources, raw, error=ProjectError)
    assert "cannot write raw/b.csv: No space left on device" in message
    assert list(raw.iterdir()) == []
    assert server.paths == ["/a.csv", "/b.csv"]


def test_a_file_where_the_folder_should_be(serve: Serve, raw: Path) -> None:
    raw.parent.mkdir()
    raw.write_bytes(b"not a folder")
    with pytest.raises(ProjectError, match=r"cannot write raw/climate\.zip"):
        fetch(serve(GOOD).url(), raw)
    assert raw.read_bytes() == b"not a folder"


def test_a_folder_that_cannot_be_written(serve: Serve, raw: Path) -> None:
    raw.mkdir(parents=True, mode=0o500)
    if os.access(raw, os.W_OK):
        pytest.skip("root writes everywhere")
    message = refused(serve(GOOD).url(), raw, error=ProjectError)
    assert "cannot write raw/climate.zip: Permission denied" in message


def test_a_local_file_that_cannot_be_read(raw: Path) -> None:
    source = raw.parents[1] / "climate.zip"
    source.write_bytes(ZIP)
    source.chmod(0)
    if os.access(source, os.R_OK):
        pytest.skip("root reads everything")
    assert "climate.zip: Permission denied" in refused("climate.zip", raw)


# Everything at once.


@settings(max_examples=60, deadline=None)
@given(
    content=st.binary(max_size=2000),
    whole=st.booleans(),
    cut=st.integers(0, 40),
    pinned_size=st.sampled_from([None, 0, 1]),
    pinned_hash=st.sampled_from([None, "right", "wrong"]),
    length=st.sampled_from([-1, None]),
    local=st.booleans(),
)
def test_whole_and_pinned_or_not_at_all(
    content: bytes,
    *,
    whole: bool,
    cut: int,
    pinned_size: int | None,
    pinned_hash: str | None,
    length: int | None,
    local: bool,
) -> None:
    data = zipped(content) if whole else content
    data = data[: len(data) - cut]
    sha256 = hashlib.sha256(data).hexdigest() if pinned_hash == "right" else "0" * 64
    pins: dict[str, Any] = {
        "size": None if pinned_size is None else len(data) + pinned_size,
        "sha256": pinned_hash and sha256,
    }
    good = whole and cut == 0 and pinned_size != 1 and pinned_hash != "wrong"
    with TemporaryDirectory() as folder:
        raw = Path(folder) / "data/raw"
        (Path(folder) / "climate.zip").write_bytes(data)
        with running(sends(data, length=length)) as server:
            url = "climate.zip" if local else server.url()
            if good:
                fetch(url, raw, **pins)
            else:
                refused(url, raw, **pins)
        assert contents(raw) == ({"climate.zip": data} if good else {})
