"""Two colleagues with a bare git repository and a shared folder as the DVC remote.

    bare.git                what both push to and pull from with git
    remote/                 what both push to and pull from with DVC
    upstream/               the station's server: download.url names a file in it
    alice/                  has run the pipeline, committed and pushed
    bob/                    what Bob has after `git clone`: no data, no models, no cache

All of these name each other by relative paths, so a copy of the folder is a team of its own.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline.repository import Repo, built_once, unbuilt

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURES = ("dense", "simple_rnn")


@dataclass(frozen=True)
class Team:
    """The folder in which everything lies."""

    folder: Path

    @property
    def bare(self) -> Path:
        """The bare git repository."""
        return self.folder / "bare.git"

    @property
    def remote(self) -> Path:
        """The shared folder that is the DVC remote `team`."""
        return self.folder / "remote"

    @property
    def upstream(self) -> Path:
        """The folder that station.zip is downloaded from."""
        return self.folder / "upstream"

    @property
    def alice(self) -> Repo:
        """The clone that has built everything."""
        return Repo(self.folder / "alice")

    @property
    def bob(self) -> Repo:
        """The clone that has pulled nothing yet with DVC."""
        return Repo(self.folder / "bob")

    def clone(self, name: str) -> Repo:
        """A further colleague's fresh clone."""
        self.alice.run("git", "clone", "-q", str(self.bare), str(self.folder / name))
        clone = Repo(self.folder / name)
        _introduce(clone)
        return clone

    def copy(self, folder: Path) -> Team:
        """The same team in another folder."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Team(folder)


def _introduce(repo: Repo) -> None:
    """Tell git who works here, and where the bare repository is."""
    name = repo.root.name
    repo.run("git", "config", "user.name", name.capitalize())
    repo.run("git", "config", "user.email", f"{name}@example.org")
    repo.run("git", "config", "remote.origin.url", "../bare.git")


def documented(heading: str) -> list[str]:
    """The command lines that docs/team.md gives below a heading, for the tests to type."""
    page = (ROOT / "docs/team.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```bash\n(.*?)```", section, flags=re.DOTALL)
    return "".join(blocks).splitlines()


def change(repo: Repo, key: str, value: Any) -> None:
    """Set a value in params.yaml."""
    *blocks, last = key.split(".")

    def edit(params: Any) -> None:
        for block in blocks:
            params = params[block]
        params[last] = value

    repo.edit(edit)


def share(repo: Repo, message: str) -> None:
    """Commit and push what was run."""
    repo.run("git", "commit", "-q", "-am", message)
    repo.dvc("push", "--run-cache")
    repo.run("git", "push", "-q", "-u", "origin", "HEAD")


def _first_hour(folder: Path, checkout: Path) -> None:
    team = Team(folder)
    team.remote.mkdir()
    team.upstream.mkdir()
    alice = unbuilt(folder / "alice", checkout, *ARCHITECTURES)
    (alice.root / "station.zip").rename(team.upstream / "station.zip")
    change(alice, "download.url", "../upstream/station.zip")
    alice.run("git", "init", "-q", "--bare", "-b", "main", str(team.bare))
    alice.run("git", "remote", "add", "origin", str(team.bare))
    _introduce(alice)
    alice.commit("The pipeline")
    alice.run("git", "push", "-q", "-u", "origin", "main")
    for line in documented("The first hour")[:6]:
        alice.type(line.replace("/srv/share/jena-etl", "../remote"))
    team.clone("bob")


def _one_model_each(first_hour: Team, folder: Path) -> None:
    """Alice changes simple_rnn and Bob dense, each on a branch of that name, and both push."""
    shutil.rmtree(folder)
    team = first_hour.copy(folder)
    team.bob.dvc("pull")
    for repo, name in (team.alice, "simple_rnn"), (team.bob, "dense"):
        lines = documented("One changes a model, the other takes it")[:4]
        switch, reproduce, commit, push = (line.replace("dense", name) for line in lines)
        repo.type(switch)
        change(repo, f"models.{name}.units", 3)
        ran = repo.stages_run(repo.type(reproduce))
        assert ran == ["check", f"train@{name}", "evaluate", "report"]
        repo.type(commit)
        repo.type(push)


@pytest.fixture(scope="session")
def first_hour(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Team:
    """Alice's first hour, for reading; a test that changes something takes `team`."""
    return Team(
        built_once(tmp_path_factory, "first_hour", lambda folder: _first_hour(folder, checkout))
    )


@pytest.fixture(scope="session")
def one_model_each(tmp_path_factory: pytest.TempPathFactory, first_hour: Team) -> Team:
    """After the first hour, each has changed a model on a branch and pushed it; for reading."""
    return Team(
        built_once(
            tmp_path_factory, "one_model_each", lambda folder: _one_model_each(first_hour, folder)
        )
    )


@pytest.fixture
def team(first_hour: Team, tmp_path: Path) -> Team:
    """A copy of the first hour that a test may change."""
    return first_hour.copy(tmp_path / "team")
