"""From params.yaml to the files: names, several sources, files of this machine, pins and limits."""

import hashlib
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jena_etl.params import Download, SourceFile, read_params
from jena_etl.params_check import check
from jena_etl.project import Project
from pipeline.download import main
from tests.ingest.serving import (
    CSV,
    GOOD,
    GZIP,
    SHA256,
    ZIP,
    Answer,
    Serve,
    contents,
    fails,
    fetch,
    fetch_all,
    refused,
    running,
    sends,
    zipped,
)


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
    serve: Serve, folder: Path, path: str, name: str
) -> None:
    fetch(serve(GOOD).url(path), folder)
    assert contents(folder.parents[1]) == {f"data/download/{name}": ZIP}


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
    file = fetch(url.format(root=root), root / "data/download", sha256=SHA256)
    assert contents(root / "data/download") == {Path(source).name: ZIP}
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
def test_a_zip_a_gzip_or_the_csv_itself(serve: Serve, folder: Path, name: str, body: bytes) -> None:
    fetch(serve(sends(body)).url(f"/{name}?id=1"), folder, size=len(body))
    assert contents(folder) == {name: body}


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
    serve: Serve, folder: Path, last: Answer, said: str, *, there: bool
) -> None:
    older = [sends(b"older a"), sends(b"older c")] if there else []
    server = serve(*older, sends(CSV), last)
    if there:
        fetch_all([SourceFile(server.url("/a.csv")), SourceFile(server.url("/c.csv"))], folder)
    sources = [SourceFile(server.url("/a.csv")), SourceFile(server.url("/b.csv"), len(CSV))]
    assert said in refused(sources, folder)
    assert not list(folder.glob("*.part"))


def test_the_stage_says_what_came(
    serve: Serve, tmp_path: Path, checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = serve(sends(CSV), GOOD)
    digests = {name: hashlib.sha256(body).hexdigest() for name, body in (("b", CSV), ("a", ZIP))}

    def said(**block: object) -> list[str]:
        params = read_params(checkout / "params.yaml")
        download = check(Download, {"bytes": None, "max_bytes": 10**9, **block}, "download")
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
    assert contents(tmp_path) == {"data/download/a.zip": ZIP}


def test_wrong_length(serve: Serve, folder: Path) -> None:
    message = refused(serve(GOOD).url(), folder, size=13_565_642, sha256=SHA256)
    assert f"bytes: got {len(ZIP)}, expected 13565642" in message
    assert f"set download.bytes: {len(ZIP)} in params.yaml" in message


def test_wrong_sha256(serve: Serve, folder: Path) -> None:
    message = refused(serve(GOOD).url(), folder, size=len(ZIP), sha256="0" * 64)
    assert f"sha256: got {SHA256}, expected {'0' * 64}" in message
    assert f"set download.sha256: {SHA256} in params.yaml" in message


def test_everything_changed_upstream(serve: Serve, folder: Path) -> None:
    """One message has all that is to be written to accept the file."""
    message = refused(serve(GOOD).url(), folder, size=13_565_642, sha256="0" * 64)
    assert f"climate.zip: bytes: got {len(ZIP)}, expected 13565642" in message
    assert f"set download.bytes: {len(ZIP)} and download.sha256: {SHA256} in params" in message
    assert message.endswith("then: dvc repro")


@pytest.mark.parametrize("name", ["climate.zip", "export.csv.gz", "export.csv"])
def test_a_length_below_what_is_sent(serve: Serve, folder: Path, name: str) -> None:
    """HTTP ends the body there: an archive is cut short, and a CSV is known by its pin alone."""
    body = {"climate.zip": ZIP, "export.csv.gz": GZIP, "export.csv": CSV}[name]
    pinned = len(body) if name == "export.csv" else None
    message = refused(serve(sends(body, length=1_000)).url(f"/{name}"), folder, size=pinned)
    assert f"{name}: " in message
    assert "got 1000" in message
    assert "expected" in message


@pytest.mark.parametrize("url", ["gone.zip", "file:///gone.zip", "gone/gone.zip?token=t0ken"])
def test_no_such_local_file(folder: Path, url: str) -> None:
    message = refused(url, folder)
    assert url.partition("?")[0] in message
    assert "No such file" in message
    assert "from the project folder" in message


@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "link to a device"])
def test_only_a_regular_file_is_read(folder: Path, kind: str) -> None:
    """Opening a named pipe would wait for ever, and /dev/zero has no end."""
    url, path = kind, folder.parents[1] / kind
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        url = "file:///dev/zero"
    else:
        path.symlink_to("/dev/zero")
    message = refused(url, folder)
    assert f"download.url {url} is a folder, a device or a pipe; expected" in message


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("known", [True, False], ids=["length", "no length"])
def test_more_than_is_pinned(serve: Serve, folder: Path, *, local: bool, known: bool) -> None:
    (folder.parents[1] / "climate.zip").write_bytes(ZIP)
    url = "climate.zip" if local else serve(sends(ZIP, length=-1 if known else None)).url()
    size = str(len(ZIP)) if local or known else None
    message = refused(url, folder, size=391_585, max_bytes=1)
    assert f"climate.zip: bytes: got {size or 'more'}, expected 391585: the file has" in message
    assert f"set download.bytes: {size or 'null'} in params.yaml, then: dvc repro" in message


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("known", [True, False], ids=["length", "no length"])
def test_more_than_the_limit_where_no_size_is_pinned(
    serve: Serve, folder: Path, *, local: bool, known: bool
) -> None:
    (folder.parents[1] / "climate.zip").write_bytes(ZIP)
    url = "climate.zip" if local else serve(sends(ZIP, length=-1 if known else None)).url()
    found = f"{len(ZIP):,} bytes" if local or known else "more"
    message = refused(url, folder, sha256=SHA256, max_bytes=391_585)
    assert f"climate.zip: {found}, expected at most download.max_bytes, 391,585" in message
    assert "raise that limit or pin download.bytes in params.yaml" in message
    fetch(url, folder, size=len(ZIP), max_bytes=391_585)
    assert contents(folder) == {"climate.zip": ZIP}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system has no /proc")
def test_a_file_that_is_larger_than_it_says(folder: Path) -> None:
    """Files of /proc have a size of 0, and a log may grow while it is read."""
    message = refused("file:///proc/self/maps", folder, max_bytes=10)
    assert "maps: more, expected at most download.max_bytes, 10" in message


def test_a_link_to_itself(folder: Path) -> None:
    (folder.parents[1] / "loop.zip").symlink_to("loop.zip")
    assert "download.url loop.zip: Too many levels" in refused("loop.zip", folder)


def test_a_local_file_that_cannot_be_read(folder: Path) -> None:
    source = folder.parents[1] / "climate.zip"
    source.write_bytes(ZIP)
    source.chmod(0)
    if os.access(source, os.R_OK):
        pytest.skip("root reads everything")
    assert "climate.zip: Permission denied" in refused("climate.zip", folder)


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
    with TemporaryDirectory() as project:
        folder = Path(project) / "data/download"
        (Path(project) / "climate.zip").write_bytes(data)
        with running(sends(data, length=length)) as server:
            url = "climate.zip" if local else server.url()
            if good:
                fetch(url, folder, **pins)
            else:
                refused(url, folder, **pins)
        assert contents(folder) == ({"climate.zip": data} if good else {})
