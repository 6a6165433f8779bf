"""What a server can do: answer, recover, break off, redirect, be slow, never end."""

import gzip
import http.server
import io
import re
import socket
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from jena_etl.errors import SourceError
from jena_etl.ingest.fetch import CHUNK, Patience
from jena_etl.ingest.fetch import fetch as fetch_over_http
from jena_etl.params import SourceFile
from tests.ingest.serving import (
    CSV,
    GOOD,
    GZIP,
    QUICK,
    SHA256,
    SHORT,
    ZIP,
    Answer,
    Serve,
    contents,
    fails,
    fetch,
    hangs_up,
    refused,
    sends,
    sends_for_ever,
)


@pytest.mark.parametrize("length", [-1, None], ids=["length", "no length"])
def test_the_file_arrives_whole(serve: Serve, folder: Path, length: int | None) -> None:
    server = serve(sends(ZIP, length=length))
    assert fetch(server.url(), folder, size=len(ZIP), sha256=SHA256) == folder / "climate.zip"
    assert contents(folder) == {"climate.zip": ZIP}
    assert server.paths == ["/raw/climate.zip"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_on_a_terminal_only_and_never_on_stdout(
    serve: Serve,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    terminal: bool,
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    fetch(serve(GOOD).url(), folder)
    assert ("climate.zip: 100%" in screen.getvalue()) is terminal
    assert bool(screen.getvalue()) is terminal
    assert capsys.readouterr().out == ""


def test_a_redirect_is_followed_and_the_name_is_the_first_address_s(
    serve: Serve, folder: Path
) -> None:
    server = serve(sends(b"", status=302, Location="/elsewhere/42"), GOOD)
    fetch(server.url("/climate.zip"), folder)
    assert contents(folder) == {"climate.zip": ZIP}
    assert server.paths == ["/climate.zip", "/elsewhere/42"]


def test_a_gzip_file_that_the_server_calls_a_compressed_transfer(
    serve: Serve, folder: Path
) -> None:
    """It stays a .gz file; a CSV that is compressed on the way only is a CSV again."""
    server = serve(sends(GZIP, Content_Encoding="gzip"))
    fetch(server.url("/export.csv.gz"), folder)
    assert contents(folder) == {"export.csv.gz": GZIP}
    fetch(server.url("/export.csv"), folder)
    assert contents(folder) == {"export.csv": CSV}


def test_a_pinned_archive_that_grows_when_it_is_compressed_once_more(
    serve: Serve, folder: Path
) -> None:
    body = gzip.compress(ZIP, mtime=0)
    assert len(body) > len(ZIP)
    fetch(serve(sends(body, Content_Encoding="gzip")).url(), folder, size=len(ZIP))
    assert contents(folder) == {"climate.zip": ZIP}


def test_a_compressed_transfer_that_is_not_gzip(serve: Serve, folder: Path) -> None:
    answer = sends(zlib.compress(CSV), Content_Encoding="deflate")
    message = refused(serve(answer).url("/export.csv?token=t0ken"), folder)
    assert "/export.csv: the server sends the file compressed, though" in message


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_recovers(serve: Serve, folder: Path, status: int) -> None:
    server = serve(fails(status), GOOD)
    fetch(server.url(), folder)
    assert contents(folder) == {"climate.zip": ZIP}
    assert len(server.paths) == 2


@pytest.mark.parametrize(
    ("asked", "waited"),
    [("7", 7), ("0", 0), ("86400", 30), ("9" * 5000, 30), ("soon", 1), ("-5", 1)],
)
def test_retry_after_within_reason(serve: Serve, folder: Path, asked: str, waited: float) -> None:
    pauses: list[float] = []
    patience = Patience(pause_s=1, sleep=pauses.append)
    fetch(serve(fails(503, Retry_After=asked), GOOD).url(), folder, patience=patience)
    assert pauses == [waited]


def test_pauses_double_and_the_attempts_end(serve: Serve, folder: Path) -> None:
    pauses: list[float] = []
    server = serve(fails(503))
    patience = Patience(pause_s=1, sleep=pauses.append)
    message = refused(server.url(), folder, patience=patience)
    assert "the server answered 503 Service Unavailable, 4 times" in message
    assert "dvc repro" in message
    assert pauses == [1, 2, 4]
    assert len(server.paths) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
def test_a_refusal_is_final(serve: Serve, folder: Path, status: int) -> None:
    server = serve(fails(status), GOOD)
    message = refused(server.url(), folder)
    assert f"the server answered {status}" in message
    assert "check download.url" in message
    assert len(server.paths) == 1


@pytest.mark.parametrize("breaks", [SHORT, hangs_up], ids=["midway", "at once"])
def test_a_connection_that_breaks_once(serve: Serve, folder: Path, breaks: Answer) -> None:
    server = serve(breaks, GOOD)
    fetch(server.url(), folder)
    assert contents(folder) == {"climate.zip": ZIP}
    assert len(server.paths) == 2


def test_a_connection_that_breaks_midway_every_time(serve: Serve, folder: Path) -> None:
    server = serve(SHORT)
    message = refused(server.url(), folder)
    assert f"the connection broke off after 300,000 of {len(ZIP):,} bytes, 4 times" in message
    assert len(server.paths) == 4


def test_chunks_that_end_early(serve: Serve, folder: Path) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        sends(b"5\r\nabcde\r\n", length=None, Transfer_Encoding="chunked")(request)

    assert "the connection broke off, 4 times" in refused(serve(answer).url(), folder)


def test_a_server_that_never_answers(serve: Serve, folder: Path) -> None:
    def answer(_: http.server.BaseHTTPRequestHandler) -> None:
        server.closing.wait()

    server = serve(answer)
    assert "no answer within 0.2 s, 4 times" in refused(
        server.url(), folder, patience=Patience(pause_s=0.001, silence_s=0.2)
    )
    assert len(server.paths) == 4


def test_a_server_that_falls_silent_midway(serve: Serve, folder: Path) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        SHORT(request)
        server.closing.wait()

    server = serve(answer)
    message = refused(server.url(), folder, patience=Patience(pause_s=0.001, silence_s=0.2))
    # Under load, the last of the attempts may have got no answer at all.
    assert re.search(
        rf"broke off after [\d,]+ of {len(ZIP):,} bytes, 4 t|no answer .*, 4 t", message
    )


def test_nobody_listens(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    message = refused(f"http://alice:s3cret@127.0.0.1:{port}/a.zip?token=t0ken", folder)
    assert f"http://127.0.0.1:{port}/a.zip: no connection" in message
    assert "4 times" in message
    assert "set download.url to its path" in message


def test_the_query_reaches_the_server(serve: Serve, folder: Path) -> None:
    server = serve(GOOD)
    fetch(server.url("/climate.zip?token=t0ken"), folder)
    assert contents(folder) == {"climate.zip": ZIP}
    assert server.paths == ["/climate.zip?token=t0ken"]


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A password for the server of the test."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login alice password s3cret\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.usefixtures("netrc")
def test_a_password_in_netrc(serve: Serve, folder: Path) -> None:
    server = serve(GOOD)
    fetch(server.url(), folder)
    assert server.headers[0]["Authorization"] == "Basic YWxpY2U6czNjcmV0"  # alice:s3cret


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("found", [True, False])
def test_another_host_is_sent_no_password(serve: Serve, folder: Path, *, found: bool) -> None:
    other = serve(GOOD if found else fails(403))
    elsewhere = f"http://localhost:{other.server_port}/raw/42"
    server = serve(sends(b"", status=302, Location=f"{elsewhere}?sig=t0ken"))
    url = server.url("/climate.zip?key=t0ken")
    if found:
        fetch(url, folder)
        assert contents(folder) == {"climate.zip": ZIP}
    else:
        message = refused(url, folder)
        assert f"{server.url('/climate.zip')}: the server answered 403 Forbidden" in message
    assert "Authorization" in server.headers[0]
    assert "Authorization" not in other.headers[0]
    assert other.paths == ["/raw/42?sig=t0ken"]


def test_the_servers_own_words_are_not_repeated(serve: Serve, folder: Path) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        request.send_response(404, "no /climate.zip?token=t0ken for alice\x1b[2J")
        request.end_headers()

    assert "the server answered 404 Not Found; check" in refused(serve(answer).url(), folder)


def test_a_circle_of_redirects(serve: Serve, folder: Path) -> None:
    server = serve(sends(b"", status=302, Location="/climate.zip?token=t0ken"))
    assert "TooManyRedirects" in refused(server.url(), folder)


def test_a_redirect_out_of_http(serve: Serve, folder: Path) -> None:
    server = serve(sends(b"", status=302, Location="file:///etc/passwd"))
    assert "InvalidSchema" in refused(server.url(), folder)
    assert len(server.paths) == 1


# Limits.


ENDLESS = [
    pytest.param(sends_for_ever(bytes(CHUNK)), id="no length"),
    pytest.param(sends_for_ever(bytes(CHUNK), first=sends(b"", length=1 << 40)), id="no end"),
    pytest.param(
        sends_for_ever(
            b"10000\r\n" + bytes(0x10000) + b"\r\n",
            first=sends(b"", length=None, Transfer_Encoding="chunked"),
        ),
        id="chunked",
    ),
    pytest.param(
        sends(gzip.compress(bytes(1 << 20), mtime=0) * 256, Content_Encoding="gzip"), id="gzip bomb"
    ),
    pytest.param(
        sends_for_ever(
            gzip.compress(b"", mtime=0) * 500,
            first=sends(b"", length=None, Content_Encoding="gzip"),
        ),
        id="gzip of nothing",
    ),
]


@pytest.mark.parametrize("answer", ENDLESS)
def test_a_body_that_does_not_end(serve: Serve, tmp_path: Path, answer: Answer) -> None:
    server, part = serve(answer), tmp_path / "export.csv.part"
    source = SourceFile(server.url("/export.csv"))
    with pytest.raises(SourceError, match=r"expected at most download\.max_bytes, 391,585"):
        fetch_over_http(source, part, max_bytes=391_585, patience=QUICK)
    assert len(server.paths) == 1  # it is not tried again
    assert not part.exists() or part.stat().st_size <= 391_585 + CHUNK


def test_a_redirect_whose_body_does_not_end(serve: Serve, folder: Path) -> None:
    """Left to itself, requests reads it to the end into memory."""
    redirect = sends(b"", length=None, status=302, Location="/elsewhere/climate.zip")
    fetch(serve(sends_for_ever(bytes(CHUNK), first=redirect), GOOD).url(), folder)
    assert contents(folder) == {"climate.zip": ZIP}


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_server_that_sends_a_byte_at_a_time(
    serve: Serve, folder: Path, encoding: str | None
) -> None:
    """It need not send much to send for ever: the name in a gzip header has no end either.

    On a slow machine the server is slower still, so no load can break this test.
    """
    headers: dict[str, Any] = {"Content_Encoding": encoding} if encoding else {}
    piece = GZIP[:3] + b"\x08" + GZIP[4:10] if encoding else b"1"
    trickle = sends_for_ever(b"1", first=sends(piece, length=None, **headers), pause_s=0.005)
    server = serve(trickle)
    patience = Patience(pause_s=0.001, lowest_rate=1e6, rate_window_s=0.05)
    message = refused(server.url("/export.csv"), folder, patience=patience)
    assert "slower than 1,000,000 bytes a second, 4 times. Try again later" in message
    assert len(server.paths) == 4


def test_a_rate_is_an_average_over_its_window(serve: Serve, folder: Path) -> None:
    """A pause within the window is forgiven: what counts is what has arrived at its end."""

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        sends(ZIP[:-9], length=len(ZIP))(request)
        server.closing.wait(0.2)
        request.wfile.write(ZIP[-9:])

    server = serve(answer)
    fetch(server.url(), folder, patience=Patience(lowest_rate=0.001, rate_window_s=0.1))
    assert contents(folder) == {"climate.zip": ZIP}
