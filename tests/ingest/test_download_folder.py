"""The folder of the downloads: what is replaced in it, what is never touched, and full disks."""

import hashlib
import http.server
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from jena_etl.errors import ProjectError
from jena_etl.ingest.downloaded import RECORD
from jena_etl.params import SourceFile
from jena_etl.project import Project
from tests.ingest.serving import (
    CSV,
    GOOD,
    GZIP,
    SHA256,
    SHORT,
    ZIP,
    Answer,
    Serve,
    contents,
    fails,
    fetch,
    fetch_all,
    refused,
    sends,
    zipped,
)


def put(path: Path, content: bytes = b"the user's only copy") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# What the stage wrote, it replaces.


def test_several_files_and_the_record_of_them(serve: Serve, folder: Path) -> None:
    server = serve(sends(CSV), sends(GZIP))
    put(folder.parents[1] / "b.zip", ZIP)
    sources = [
        SourceFile(server.url("/z.csv"), len(CSV), None),
        SourceFile("b.zip", None, SHA256),
        SourceFile(server.url("/a.csv.gz")),
    ]
    files = fetch_all(sources, folder)
    assert [file.path for file in files] == [folder / n for n in ("z.csv", "b.zip", "a.csv.gz")]
    assert contents(folder) == {"z.csv": CSV, "b.zip": ZIP, "a.csv.gz": GZIP}
    assert server.paths == ["/z.csv", "/a.csv.gz"]
    assert Project(folder.parents[1]).source_files() == [file.path for file in files]
    lines = (folder / RECORD).read_text().splitlines()[1:]
    assert lines == [
        f"{hashlib.sha256(body).hexdigest()}  {name}"
        for name, body in (("z.csv", CSV), ("b.zip", ZIP), ("a.csv.gz", GZIP))
    ]


def test_what_an_earlier_download_wrote_goes(serve: Serve, folder: Path) -> None:
    server = serve(sends(CSV), sends(GZIP), GOOD)
    fetch_all([SourceFile(server.url("/a.csv")), SourceFile(server.url("/b.csv.gz"))], folder)
    put(folder / "b.csv.gz.part", b"of a download that was killed")
    put(folder / ".DS_Store")
    fetch(server.url("/c.zip"), folder)
    assert contents(folder) == {
        "c.zip": ZIP,
        "b.csv.gz.part": b"of a download that was killed",
        ".DS_Store": b"the user's only copy",
    }
    assert Project(folder.parents[1]).source_files() == [folder / "c.zip"]


# What it did not write, it never touches.


@pytest.mark.parametrize(
    "name", ["mystation.zip", "climate.zip", "of mine/notes.txt", RECORD, "b\x1b[2J.csv"]
)
@pytest.mark.parametrize("earlier", [True, False], ids=["after a download", "in a new project"])
def test_any_other_file_in_the_folder_is_refused(
    serve: Serve, folder: Path, name: str, *, earlier: bool
) -> None:
    server = serve(GOOD)
    if earlier:
        fetch(server.url("/older.zip"), folder)
        server.paths.clear()
    put(folder / name)
    message = refused(server.url(), folder, ProjectError)
    assert (folder / name).read_bytes() == b"the user's only copy"
    assert f"data/download holds {Path(name).parts[0]!r}" in message
    assert "did not write" in message
    assert "move what is yours to data/raw, delete what is not, then: dvc repro" in message
    assert "\x1b" not in message
    assert server.paths == []


def test_a_file_that_was_changed_since_is_refused(serve: Serve, folder: Path) -> None:
    server = serve(GOOD)
    put(fetch(server.url("/mine.zip"), folder), zipped(b"with corrections by hand"))
    put(folder / "notes.txt")
    message = refused(server.url(), folder, ProjectError)
    assert "data/download holds 'mine.zip' and 1 more, which the download" in message


@pytest.mark.parametrize("linked", ["data/download", "data"])
def test_a_linked_folder_is_not_emptied(serve: Serve, folder: Path, linked: str) -> None:
    elsewhere = folder.parents[1] / "elsewhere"
    inside = elsewhere if linked == "data/download" else elsewhere / "download"
    kept = [put(inside / "years of work.csv"), put(elsewhere / "raw/more.csv")]
    link = folder.parents[1] / linked
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    server = serve(GOOD)
    assert "data/download holds '" in refused(server.url(), folder, ProjectError)
    assert all(path.read_bytes() == b"the user's only copy" for path in kept)
    for path in kept:
        path.unlink()
        if path.parent != inside:
            path.parent.rmdir()
    fetch(server.url("/older.zip"), folder)  # a folder on a larger disk is as good as any
    fetch(server.url(), folder)
    assert contents(inside) == {"climate.zip": ZIP}


@pytest.mark.parametrize(
    "url", ["data/download/climate.zip", "data/x/../download/a/climate.zip", "link.zip"]
)
def test_a_source_in_the_folder_is_refused(folder: Path, url: str) -> None:
    put(folder / "climate.zip", ZIP)
    (folder.parents[1] / "link.zip").symlink_to(folder / "climate.zip")
    message = refused(url, folder)
    assert "lies in data/download, which belongs to the download stage" in message
    assert "Move the file to data/raw, set download.url to its path there" in message
    assert contents(folder) == {"climate.zip": ZIP}


@pytest.mark.parametrize("name", [RECORD, "climate.zip.part"])
def test_names_that_the_stage_uses_itself(folder: Path, name: str) -> None:
    put(folder.parents[1] / name, ZIP)
    assert f"download.url ends in {name}, a name that the download" in refused(name, folder)


def test_a_source_in_data_raw_stays_there(folder: Path) -> None:
    station = put(folder.parents[1] / "data/raw/mystation.zip", ZIP)
    fetch("data/raw/mystation.zip", folder)
    fetch("data/raw/mystation.zip", folder)
    assert contents(folder) == {"mystation.zip": ZIP}
    assert contents(station.parent) == {"mystation.zip": ZIP}


def test_every_source_is_looked_at_before_the_first_is_fetched(serve: Serve, folder: Path) -> None:
    server = serve(sends(CSV))
    sources = [SourceFile(server.url("/a.csv")), SourceFile("data/download/b.csv")]
    refused(sources, folder)
    assert server.paths == []


# Failures and kills.


@pytest.mark.parametrize("answer", [fails(404), SHORT, sends(b"<html>"), sends(ZIP[:-9])])
def test_a_good_file_outlives_a_failed_download(serve: Serve, folder: Path, answer: Answer) -> None:
    server = serve(sends(zipped(b"older")), answer)
    fetch(server.url(), folder)
    refused(server.url(), folder)
    assert contents(folder) == {"climate.zip": zipped(b"older")}


def test_a_newer_file_replaces_an_older_one(serve: Serve, folder: Path) -> None:
    server = serve(sends(zipped(b"older")), GOOD)
    for _ in range(2):
        fetch(server.url(), folder)
    assert contents(folder) == {"climate.zip": ZIP}


def test_a_killed_download_leaves_a_part_that_the_next_one_replaces(
    serve: Serve, folder: Path
) -> None:
    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        SHORT(request)
        server.closing.wait()

    server = serve(answer, GOOD)
    code = "import sys; from pathlib import Path; from jena_etl.ingest.download import download; "
    code += "from jena_etl.params import SourceFile; "
    code += "download([SourceFile(sys.argv[1])], Path(sys.argv[2]), base=Path(sys.argv[3]), "
    code += "max_bytes=10**9)"
    arguments = [server.url(), str(folder), str(folder.parents[1])]
    with subprocess.Popen([sys.executable, "-c", code, *arguments]) as process:
        part = folder / "climate.zip.part"
        while process.poll() is None and not (part.is_file() and part.stat().st_size):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    (left,) = contents(folder).values()
    assert left
    assert ZIP.startswith(left)
    assert part.exists()
    fetch(server.url(), folder)
    assert contents(folder) == {"climate.zip": ZIP}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("local", [True, False])
def test_a_full_disk(serve: Serve, folder: Path, *, local: bool) -> None:
    folder.mkdir(parents=True)
    (folder / "climate.zip.part").symlink_to("/dev/full")
    (folder.parents[1] / "climate.zip").write_bytes(ZIP)
    server = serve(GOOD)
    url = "climate.zip" if local else server.url()
    message = refused(url, folder, error=ProjectError)
    assert "cannot write download/climate.zip: No space left on device" in message
    assert list(folder.iterdir()) == []
    assert len(server.paths) == (0 if local else 1)  # a full disk is not tried again


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_disk_that_is_full_at_the_second_file(serve: Serve, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "b.csv.part").symlink_to("/dev/full")
    server = serve(sends(CSV))
    sources = [SourceFile(server.url(f"/{name}.csv")) for name in "abc"]
    message = refused(sources, folder, error=ProjectError)
    assert "cannot write download/b.csv: No space left on device" in message
    assert list(folder.iterdir()) == []
    assert server.paths == ["/a.csv", "/b.csv"]


def test_a_file_where_the_folder_should_be(serve: Serve, folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_bytes(b"not a folder")
    with pytest.raises(ProjectError, match=r"cannot write download/climate\.zip"):
        fetch(serve(GOOD).url(), folder)
    assert folder.read_bytes() == b"not a folder"


def test_a_folder_that_cannot_be_written(serve: Serve, folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o500)
    if os.access(folder, os.W_OK):
        pytest.skip("root writes everywhere")
    message = refused(serve(GOOD).url(), folder, error=ProjectError)
    assert "cannot write download/climate.zip: Permission denied" in message


@pytest.mark.parametrize("local", [True, False])
def test_a_limit_on_the_size_of_files(serve: Serve, folder: Path, *, local: bool) -> None:
    put(folder.parents[1] / "climate.zip", ZIP)
    url = "climate.zip" if local else serve(GOOD).url()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as `ulimit -f` does
    try:
        message = refused(url, folder, ProjectError)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot write download/climate.zip: File too large" in message
    assert contents(folder) == {}
