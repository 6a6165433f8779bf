"""Two colleagues with a bare git repository and a shared folder as the DVC remote.

    first_hour/             built once for all tests of this folder
      bare.git              what both push to and pull from with git
      remote/               what both push to and pull from with DVC
      alice/                has run the pipeline, committed and pushed
      bob/                  what Bob has after `git clone`: no data, no models, no cache

Git and DVC name each other by relative paths, so a copy of the folder is a team of its own.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pipeline.repository import Repo, built_once, unbuilt

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


def _first_hour(folder: Path, checkout: Path) -> None:
    team = Team(folder)
    team.remote.mkdir()
    alice = unbuilt(folder / "alice", checkout, *ARCHITECTURES)
    alice.run("git", "init", "-q", "--bare", "-b", "main", str(team.bare))
    alice.run("git", "remote", "add", "origin", str(team.bare))
    _introduce(alice)
    alice.dvc("remote", "add", "-d", "team", "../remote")
    alice.dvc("remote", "modify", "team", "verify", "true")
    alice.run("git", "add", ".")
    alice.run("git", "commit", "-q", "-m", "The pipeline, and where its results are shared")
    alice.dvc("repro")
    alice.run("git", "add", "dvc.lock", "reports")
    alice.run("git", "commit", "-q", "-m", "The first results")
    alice.dvc("push")
    alice.run("git", "push", "-q", "-u", "origin", "main")
    team.clone("bob")


@pytest.fixture(scope="session")
def first_hour(tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Team:
    """Alice's first hour, for reading; a test that changes something takes `team`."""
    return Team(
        built_once(tmp_path_factory, "first_hour", lambda folder: _first_hour(folder, checkout))
    )


@pytest.fixture
def team(first_hour: Team, tmp_path: Path) -> Team:
    """A copy of the first hour that a test may change."""
    return first_hour.copy(tmp_path / "team")
