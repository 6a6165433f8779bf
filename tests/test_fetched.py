"""Projects in other git repositories. tests/team has those whose data lies in a DVC remote."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from jena_etl import fetched
from jena_etl.errors import ProjectError
from jena_etl.fetched import FetchedProject
from jena_etl.prepare.outputs import LACKING, LackingColumns, StationList
from jena_etl.project import Project, open_project
from tests.test_project import build

FILES = ("params.yaml", "data/processed/splits.json", "data/processed/features.npy")


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    command = ["git", *settings, *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path, message: str) -> str:
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small project with everything in git: tag v1, and one commit more on main."""
    folder = tmp_path_factory.mktemp("fetched") / "origin"
    folder.mkdir()
    (folder / "params.yaml").write_text("seed: 1\n")
    build(Project(folder))
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "built")
    git(folder, "tag", "-a", "v1", "-m", "the first version")
    (folder / "params.yaml").write_text("seed: 2\n")
    commit(folder, "another seed")
    return folder


@pytest.fixture
def origin(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "origin"))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def no_fetching(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("something is fetched")

    monkeypatch.setattr(fetched, "open_commit", refuse)


def test_a_version_is_read_as_a_local_project_is(origin: Path, cache: Path) -> None:
    project = open_project(origin.as_uri(), rev="v1", cache_dir=cache)
    local = open_project(origin)
    assert isinstance(project, FetchedProject)
    assert project.commit == git(origin, "rev-parse", "v1^{commit}")
    assert project.root == cache / project.commit
    assert project.params_yaml.read_text() == "seed: 1\n"
    assert (project.statistics, project.splits) == (local.statistics, local.splits)
    for ours, theirs in zip(project.batches("test", 4), local.batches("test", 4), strict=True):
        for array, expected in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(array, expected)
    np.testing.assert_array_equal(project.timestamps, local.timestamps)
    features = project.series_windows("train").features
    assert isinstance(features, np.memmap)
    assert Path(str(features.filename)).is_relative_to(cache)


def test_a_station_of_several_has_the_models_of_the_whole(origin: Path, cache: Path) -> None:
    processed = origin / "data/processed"
    for file in processed.glob("*.*"):
        (processed / "stations/potsdam").mkdir(parents=True, exist_ok=True)
        shutil.copy(file, processed / "stations/potsdam")
    (processed / "stations/potsdam/data_card.json").write_text("{}")
    (processed / "stations/arkona").mkdir()
    LackingColumns(columns=("a",)).write(processed / "stations/arkona" / LACKING)
    (origin / "models").mkdir()
    (origin / "models/lstm.keras").write_text("weights")
    stations = StationList(
        first="jena", further=("potsdam", "arkona"), unseen=(), statistics="per_station"
    )
    stations.write(Project(origin).stations_json)
    commit(origin, "three stations")

    project = open_project(origin, rev="main", cache_dir=cache)
    assert project.stations.names == ("jena", "potsdam")
    assert len(project.windows("train")) == 2 * len(open_project(origin).series_windows("train"))
    with pytest.raises(ProjectError, match="station arkona is left out, as its files lack a"):
        project.station("arkona")
    for name in project.stations.names:
        model = project.station(name).model_file("lstm")
        assert model == project.root / "models/lstm.keras"
        assert model.read_text() == "weights"


def test_what_is_not_fetched_is_in_a_clone(origin: Path, cache: Path) -> None:
    project = open_project(origin, rev="v1", cache_dir=cache)
    for ask in (lambda: project.fold("2013-01-01"), lambda: project.further_horizon(6)):
        with pytest.raises(ProjectError, match=f"use a clone: git clone {origin}"):
            ask()


def test_what_is_fetched_is_whole_and_read_only(origin: Path, cache: Path) -> None:
    project = open_project(origin, rev="v1", cache_dir=cache)
    for name in FILES:
        assert (project.root / name).stat().st_mode & 0o222 == 0
    assert not list(cache.rglob("*.part"))


@pytest.mark.parametrize("rev", ["v1", "main", None])
def test_the_second_time_nothing_is_fetched(
    origin: Path, cache: Path, rev: str | None, request: pytest.FixtureRequest
) -> None:
    first = open_project(origin.as_uri(), rev=rev, cache_dir=cache)
    request.getfixturevalue("no_fetching")
    assert open_project(origin.as_uri(), rev=rev, cache_dir=cache) == first


def test_a_commit_that_is_here_needs_no_repository(origin: Path, cache: Path) -> None:
    head = git(origin, "rev-parse", "HEAD")
    open_project(origin.as_uri(), rev=head, cache_dir=cache)
    shutil.rmtree(origin)
    assert len(open_project(origin.as_uri(), rev=head, cache_dir=cache).series_windows("test")) == 6


def test_a_branch_that_has_moved_is_fetched_again(origin: Path, cache: Path) -> None:
    before = open_project(origin, rev="main", cache_dir=cache)
    build(Project(origin), climate="d" * 64)
    moved = commit(origin, "another series")
    after = open_project(origin, rev="main", cache_dir=cache)
    assert isinstance(after, FetchedProject)
    assert after.commit == moved
    assert (before.splits.climate_sha256[0], after.splits.climate_sha256[0]) == ("c", "d")
    assert open_project(origin, rev="v1", cache_dir=cache).splits.climate_sha256[0] == "c"


def test_a_file_cut_short_or_removed_is_fetched_again(origin: Path, cache: Path) -> None:
    project = open_project(origin, rev="v1", cache_dir=cache)
    whole = project.targets_npy.read_bytes()
    project.targets_npy.unlink()
    project.targets_npy.write_bytes(whole[:-4])
    project.features_npy.unlink()
    again = open_project(origin, rev="v1", cache_dir=cache)
    assert again.targets_npy.read_bytes() == whole
    assert len(again.series_windows("train")) == 4


def test_two_at_once_fetch_once(origin: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches = []

    def counted(project: FetchedProject, fetch: object = fetched._fetch_all) -> None:
        fetches.append(project)
        fetch(project)  # type: ignore[operator]

    monkeypatch.setattr(fetched, "_fetch_all", counted)
    opened: list[Project] = []
    threads = [
        threading.Thread(
            target=lambda: opened.append(open_project(origin, rev="v1", cache_dir=cache))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 3
    assert len(fetches) == 1


def test_any_other_file_is_fetched_when_it_is_asked_for(origin: Path, cache: Path) -> None:
    (origin / "notes.txt").write_text("calibrated in May\n")
    commit(origin, "notes")
    project = open_project(origin, rev="main", cache_dir=cache)
    assert isinstance(project, FetchedProject)
    assert not (project.root / "notes.txt").exists()
    assert project.fetch("notes.txt").read_text() == "calibrated in May\n"
    for outside in ("../notes.txt", "/etc/passwd", "data/../../x"):
        with pytest.raises(ProjectError, match="is not a path in the project"):
            project.fetch(outside)
    with pytest.raises(ProjectError, match=r"the source files are not fetched .* dvc get "):
        project.source_files()


@pytest.mark.parametrize(
    ("rev", "message"),
    [
        ("v11", "has no branch or tag 'v11', and it is not a full commit; did you mean 'v1'?"),
        ("a" * 40, f"has no commit {'a' * 40}; check rev"),
        ("--upload-pack=x", "has no branch or tag '--upload-pack=x'"),
    ],
)
def test_a_revision_that_does_not_exist(origin: Path, cache: Path, rev: str, message: str) -> None:
    for address in (origin, origin.as_uri()):
        with pytest.raises(ProjectError) as caught:
            open_project(address, rev=rev, cache_dir=cache)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_repository_that_does_not_exist(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ProjectError, match=r"git cannot read .*none: .*; this says why: git ls-re"):
        open_project(tmp_path / "none", rev="v1", cache_dir=cache)


def test_a_repository_without_a_project(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "README").write_text("something else")
    git(tmp_path, "init", "-q", "-b", "main")
    with pytest.raises(ProjectError, match="has no commit yet"):
        open_project(tmp_path.as_uri(), cache_dir=cache)
    commit(tmp_path, "something else")
    with pytest.raises(ProjectError, match=r"is not a jena-etl project: commit .* no params.yaml"):
        open_project(tmp_path, rev="main", cache_dir=cache)


def test_a_project_that_was_not_built_or_does_not_fit_together(origin: Path, cache: Path) -> None:
    (origin / "data/processed/features.npy").unlink()
    commit(origin, "without features")
    with pytest.raises(ProjectError, match=r"has no data/processed/features.npy .* dvc repro, git"):
        open_project(origin, rev="main", cache_dir=cache)
    build(Project(origin), target="b", written=("splits",))
    build(Project(origin), written=("arrays",))
    commit(origin, "arrays of another target")
    with pytest.raises(ProjectError, match=r"cannot be read: .* made from target a, expected b"):
        open_project(origin, rev="main", cache_dir=cache)


def test_a_cache_that_cannot_be_written(origin: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProjectError, match=r"cannot write to .*file: .*; make room, or name an"):
        open_project(origin, rev="v1", cache_dir=tmp_path / "file")


@pytest.fixture
def served(origin: Path, tmp_path: Path) -> Iterator[str]:
    """The address of the repository on a server that asks for no credentials."""
    git(tmp_path, "clone", "-q", "--bare", str(origin), "served/a.git")
    git(tmp_path / "served/a.git", "update-server-info")
    handler = partial(_Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/a.git"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def test_a_credential_stays_out_of_the_cache_and_of_messages(served: str, cache: Path) -> None:
    address = f"http://ann:s3cret@{served}"
    project = open_project(address, rev="v1", cache_dir=cache)
    assert isinstance(project, FetchedProject)
    assert project.url == f"http://{served}"
    assert "s3cret" not in repr(project)
    for path in cache.rglob("*"):
        assert "s3cret" not in str(path)
        assert path.is_dir() or b"s3cret" not in path.read_bytes()
    messages = []
    for rev, missing in (("v2", False), ("b" * 40, False), ("v1", True)):
        with pytest.raises(ProjectError) as caught:
            open_project(address + ("x" if missing else ""), rev=rev, cache_dir=cache)
        messages.append(str(caught.value))
    with pytest.raises(ProjectError) as caught:
        project.fetch("models/none.keras")
    for message in [*messages, str(caught.value)]:
        assert f"http://{served}" in message
        assert "s3cret" not in message
        assert "ann" not in message.replace("cannot", "")
